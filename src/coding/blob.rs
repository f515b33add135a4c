//! Committing bytes that are already sealed and belong to no file: an owner's catalogue.
//!
//! The same segments, code, masks and roots as for files, without chunks: the reader decodes the segments in
//! order and joins their used bytes.

use crate::buffers::SectorPool;
use crate::code::{Code, CodeError};
use crate::commit::commit;
use crate::pack::Packer;
use crate::{CommittedSegment, MaskSecret, Profile};

/// Packs, codes, masks and commits `sealed`. Empty input makes no segment.
///
/// # Errors
/// [`CodeError::Processor`] if the coder cannot run here.
pub fn commit_blob(
    secret: &MaskSecret,
    profile: Profile,
    sealed: &[u8],
) -> Result<Vec<CommittedSegment>, CodeError> {
    let pool = SectorPool::new(0);
    let mut packer = Packer::new(secret, profile, pool.clone());
    let mut closed = Vec::new();
    let name = blake3::hash(sealed);
    packer.push(name.as_bytes(), sealed, &mut |segment| closed.push(segment));
    closed.extend(packer.close());
    closed.into_iter().map(|segment| commit(&Code::new(segment.profile)?, segment, &pool)).collect()
}
