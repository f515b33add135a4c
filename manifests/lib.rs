//! Manifest and catalogue formats.
