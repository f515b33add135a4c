//! The daemon: composition and supervision.
