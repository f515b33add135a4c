//! A host on its twins.
