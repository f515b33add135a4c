//! Stellar client: transactions, escrow calls, beacon.
