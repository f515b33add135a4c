//! Chooses which host holds which shard.
