//! Ids, roots, byte counts, money and time: the words every room uses.
