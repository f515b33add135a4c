//! Upload, download, audit, settle: what an owner does.
