//! Chunk, seal, code, commit: bytes become committed shards, and back.
