//! A single-process Stellar network for development and tests.
