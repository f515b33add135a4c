//! One recovery phrase and every key derived from it.
