//! Which leaves a seed names: the same derivation off chain and on.

use crate::signing::{Kind, Sha256};
use layr_types::{AgreementId, LeafIndex};

/// The `i`-th leaf that `seed` names among `leaves` leaves of revision `revision` of an agreement.
///
/// The first 16 bytes of SHA-256(tag ‖ seed ‖ id ‖ revision ‖ i), big-endian, modulo `leaves`: the bias is
/// below 2^-64 for any count that fits 64 bits. `None` where there are no leaves.
#[must_use]
pub fn leaf_index<H: Sha256>(
    hash: &H,
    seed: &[u8; 32],
    agreement: (&AgreementId, u64),
    i: u32,
    leaves: u64,
) -> Option<LeafIndex> {
    let (id, revision) = agreement;
    let out =
        hash.sha256(&[Kind::Leaf.tag(), seed, id.as_bytes(), &revision.to_be_bytes(), &i.to_be_bytes()]);
    let mut head = [0u8; 16];
    head.copy_from_slice(out.split_at(16).0);
    let index = u128::from_be_bytes(head).checked_rem(u128::from(leaves))?;
    u64::try_from(index).ok().map(LeafIndex)
}
