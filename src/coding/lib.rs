//! Chunk, seal, code, commit: bytes become committed shards, and back.
//!
//! *In*: a reader and the owner's two secrets. *Out*: [`CommittedSegment`]s, whose shards are masked sectors
//! with known roots, and [`EncodedFile`]s, whose chunk records say where in those segments a file lies. *Back*:
//! any `k` [`VerifiedShard`]s of a segment give its bytes, and a chunk's key opens the chunk.
//!
//! What must never happen here: a byte of plaintext or an unmasked shard leaves in a committed type; one key
//! and nonce meet two messages; memory grows with the file; a stranger's lengths are believed.
//!
//! Pure but for a few threads of its own: no files, no network, no clock, no randomness. The same files under
//! the same secrets give the same sectors, whatever the number of threads.

mod blob;
mod buffers;
mod chunker;
mod code;
mod commit;
mod committed;
mod compress;
mod decode;
mod encode;
mod mask;
mod pack;
mod profile;
mod range;
mod record;
mod repair;
mod seal;
mod sealer;
mod secrets;
mod session;
mod workers;

pub use blob::commit_blob;
pub use chunker::{AVG_CHUNK_BYTES, Chunker, MIN_CHUNK_BYTES};
pub use code::{Code, CodeError, Rebuild};
pub use committed::{CommittedSegment, CommittedShard, ShardError, VerifiedShard};
pub use decode::{DecodeError, ShardSlice, decode_columns, decode_segment, gather_chunk};
pub use encode::{ChunkIndex, EncodeError, EncodeOptions, Encoded, Encoder, NoIndex, Sink};
pub use mask::Mask;
pub use profile::{MAX_SHARDS, Profile, ProfileError, ShardIndex};
pub use range::{ChunkPart, SectorPart, chunks_in, sectors_in, sectors_of};
pub use record::{ChunkRecord, EncodedFile, FileHash, Span};
pub use repair::{repair_shard, repair_shards};
pub use seal::{MAX_CHUNK_BYTES, MAX_SEALED_BYTES, OpenError, SEAL_OVERHEAD, open_chunk};
pub use secrets::{ChunkKey, ChunkSecret, MaskSecret, OwnerSecrets, SegmentMaskKey};
