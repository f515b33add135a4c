//! Acknowledgements of an unfinished upload: which shard lies where, and whether both have signed for it.
//!
//! Key: job (16) ‖ agreement (32) ‖ segment (32) ‖ shard (1).

use crate::book::Book;
use crate::error::RecordsFault;
use crate::job::JobId;
use crate::ports::Space;
use layr_coding::ShardIndex;
use layr_types::{AgreementId, SectorRoot, SegmentId};
use serde::{Deserialize, Serialize};

/// A shard's place in the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct AckKey {
    pub(crate) job: JobId,
    pub(crate) agreement: AgreementId,
    pub(crate) segment: SegmentId,
    pub(crate) shard: ShardIndex,
}

/// A stored shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Ack {
    pub(crate) root: SectorRoot,
    /// Whether a co-signed revision covers it.
    pub(crate) signed: bool,
}

impl AckKey {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut key = prefix(self.job, Some(self.agreement));
        key.extend_from_slice(self.segment.as_bytes());
        key.push(self.shard.0);
        key
    }

    fn decode(key: &[u8]) -> Option<Self> {
        let (job, rest) = key.split_first_chunk::<16>()?;
        let (agreement, rest) = rest.split_first_chunk::<32>()?;
        let (segment, rest) = rest.split_first_chunk::<32>()?;
        let [shard] = rest else { return None };
        Some(Self {
            job: JobId(*job),
            agreement: AgreementId(*agreement),
            segment: SegmentId(*segment),
            shard: ShardIndex(*shard),
        })
    }
}

fn prefix(job: JobId, agreement: Option<AgreementId>) -> Vec<u8> {
    let mut key = job.0.to_vec();
    key.extend(agreement.iter().flat_map(|id| id.0));
    key
}

/// Everything acknowledged for a job, or for one agreement of it.
pub(crate) fn load(
    book: &Book,
    job: JobId,
    agreement: Option<AgreementId>,
) -> Result<Vec<(AckKey, Ack)>, RecordsFault> {
    let found = book.scan::<Ack>(Space::Acks, &prefix(job, agreement))?;
    let damaged = || RecordsFault::Damaged { space: Space::Acks };
    found.into_iter().map(|(key, ack)| Ok((AckKey::decode(&key).ok_or_else(damaged)?, ack))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn keys_read_back(job in any::<[u8; 16]>(), agreement in any::<[u8; 32]>(), segment in any::<[u8; 32]>(), shard in any::<u8>()) {
            let key = AckKey {
                job: JobId(job),
                agreement: AgreementId(agreement),
                segment: SegmentId(segment),
                shard: ShardIndex(shard),
            };
            prop_assert_eq!(AckKey::decode(&key.encode()), Some(key));
        }
    }
}
