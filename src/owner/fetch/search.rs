//! Which shards to ask for next: the wanted ones while all goes well, any `k` once it does not. Pure.

use super::{Got, Want};
use layr_coding::ShardIndex;
use layr_manifests::ShardRecord;
use layr_types::NodeKey;
use std::collections::VecDeque;

/// Whether a host can be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum There {
    /// Its lane is open.
    Now,
    /// It is being connected to, and worth waiting for.
    Soon,
    /// It is not to be waited for.
    Not,
}

/// A search under way.
pub(super) struct Search<'a> {
    want: &'a Want,
    /// Not asked yet, wanted ones first.
    queue: VecDeque<ShardRecord>,
    pub(super) got: Vec<Got>,
    /// Asked and not brought.
    pub(super) lost: usize,
    /// Extra shards to have in flight because others are late.
    pub(super) hedge: usize,
    /// A wanted shard is recorded nowhere: it was lost and forgotten.
    forgotten: bool,
}

impl<'a> Search<'a> {
    pub(super) fn new(want: &'a Want) -> Self {
        let mut queue: Vec<ShardRecord> = want.segment.shards.clone();
        queue.sort_by_key(|shard| (!want.shards.contains(&shard.index), shard.index));
        let forgotten = want.shards.iter().any(|index| !queue.iter().any(|shard| shard.index == *index));
        Self { want, queue: queue.into(), got: Vec::new(), lost: 0, hedge: 0, forgotten }
    }

    pub(super) fn needed(&self) -> u8 {
        self.want.segment.profile.k()
    }

    fn has(&self, index: ShardIndex) -> bool {
        self.got.iter().any(|got| got.index() == index)
    }

    pub(super) fn open(&self) -> impl Iterator<Item = &ShardRecord> {
        self.queue.iter()
    }

    pub(super) fn enough(&self) -> bool {
        self.got.len() >= usize::from(self.needed()) || self.want.shards.iter().all(|index| self.has(*index))
    }

    /// The next shard to ask for, if one more should be in flight and somebody is there to be asked.
    pub(super) fn next(
        &mut self,
        in_flight: usize,
        there: &dyn Fn(&NodeKey) -> There,
    ) -> Option<ShardRecord> {
        if self.enough() {
            return None;
        }
        let wanted = |shard: &ShardRecord| self.want.shards.contains(&shard.index);
        let absent = self.queue.iter().any(|shard| wanted(shard) && there(&shard.host) == There::Not);
        // While nothing has gone wrong the wanted shards are all it takes; afterwards any k are.
        let smooth = self.lost == 0 && self.hedge == 0 && !absent && !self.forgotten;
        let goal = if smooth { self.want.shards.len() } else { usize::from(self.needed()) + self.hedge };
        if self.got.len() + in_flight >= goal {
            return None;
        }
        let fits = |shard: &ShardRecord| {
            there(&shard.host) == There::Now && !self.has(shard.index) && (!smooth || wanted(shard))
        };
        let at = self.queue.iter().position(fits)?;
        self.queue.remove(at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use layr_coding::Profile;
    use layr_manifests::SegmentRecord;
    use layr_merkle::GroupRange;
    use layr_types::{AgreementId, ByteCount, SectorRoot, SegmentId};
    use proptest::prelude::*;

    fn want(wanted: &[u8]) -> Want {
        let shard = |index: u8| ShardRecord {
            index: ShardIndex(index),
            root: SectorRoot([index; 32]),
            host: NodeKey([index; 32]),
            agreement: AgreementId([index; 32]),
        };
        let segment = SegmentRecord {
            id: SegmentId([0; 32]),
            profile: Profile::SMALL,
            used: ByteCount(1),
            shards: (0..12).map(shard).collect(),
        };
        let shards = wanted.iter().map(|index| ShardIndex(*index)).collect();
        Want { segment, shards, range: GroupRange::ALL }
    }

    fn asked(search: &mut Search<'_>, there: &dyn Fn(&NodeKey) -> There) -> Vec<u8> {
        let mut asked = Vec::new();
        while let Some(shard) = search.next(asked.len(), there) {
            asked.push(shard.index.0);
        }
        asked
    }

    #[test]
    fn while_all_goes_well_only_the_wanted_shards_are_asked_for() {
        let want = want(&[1, 3]);
        assert_eq!(asked(&mut Search::new(&want), &|_| There::Now), [1, 3]);
    }

    #[test]
    fn a_connecting_host_is_waited_for_and_an_absent_one_is_not() {
        let want = want(&[0, 1, 2, 3]);
        let two_soon = |node: &NodeKey| if node.0[0] == 2 { There::Soon } else { There::Now };
        assert_eq!(asked(&mut Search::new(&want), &two_soon), [0, 1, 3]);
        let two_gone = |node: &NodeKey| if node.0[0] == 2 { There::Not } else { There::Now };
        assert_eq!(asked(&mut Search::new(&want), &two_gone), [0, 1, 3, 4]);
    }

    #[test]
    fn a_shard_that_was_forgotten_is_made_from_any_others() {
        let mut want = want(&[0, 1, 2, 3]);
        want.segment.shards.retain(|shard| shard.index.0 != 1);
        assert_eq!(asked(&mut Search::new(&want), &|_| There::Now), [0, 2, 3, 4]);
    }

    #[test]
    fn one_late_shard_is_hedged_by_one_other() {
        let want = want(&[0, 1, 2, 3]);
        let mut search = Search::new(&want);
        assert_eq!(asked(&mut search, &|_| There::Now), [0, 1, 2, 3]);
        search.hedge += 1;
        assert_eq!(search.next(4, &|_| There::Now).map(|shard| shard.index.0), Some(4));
        assert_eq!(search.next(5, &|_| There::Now), None);
    }

    proptest! {
        #[test]
        fn k_hosts_that_answer_are_always_enough(
            answers in proptest::collection::vec(any::<bool>(), 12), wanted in proptest::sample::subsequence(vec![0u8, 1, 2, 3], 1..=4),
        ) {
            let want = want(&wanted);
            let mut search = Search::new(&want);
            let mut flying: VecDeque<u8> = VecDeque::new();
            loop {
                while let Some(shard) = search.next(flying.len(), &|_| There::Now) {
                    flying.push_back(shard.index.0);
                }
                let Some(index) = flying.pop_front() else { break };
                if answers[usize::from(index)] {
                    search.got.push(Got::Range(ShardIndex(index), Bytes::new()));
                } else {
                    search.lost += 1;
                }
            }
            let good = answers.iter().filter(|answer| **answer).count();
            let direct = wanted.iter().all(|index| answers[usize::from(*index)]);
            prop_assert_eq!(search.enough(), good >= 4 || direct);
        }
    }
}
