//! Admit, store, prove, earn: what a host does.
