//! The shelf on which a node keeps records for the network: nothing reaches it unverified.
//!
//! It is Kademlia's record store, so that every way in (our own records, a publisher, a neighbour handing on
//! copies) passes the same checks: layout, signature, the key it is offered under, network, size, expiry, and
//! a sequence number above the one already held. When the shelf is full, the record lying farthest from this
//! node in the key space gives way, because its nearer neighbours keep it too. Provider records are not used
//! here and are never stored.

use crate::config::Clock;
use crate::host_record::{self, HostRecord, VerifiedHostRecord};
use crate::layout::RecordError;
use crate::owner_record::{self, VerifiedOwnerRecord};
use layr_types::{DecodeError, NetworkId, UnixSeconds};
use libp2p::PeerId;
use libp2p::kad::store::{Error, RecordStore, Result as StoreResult};
use libp2p::kad::{KBucketDistance, KBucketKey, ProviderRecord, Record, RecordKey};
use std::borrow::Cow;
use std::collections::{HashMap, hash_map};
use std::iter;

/// A record that passed every check that does not need the shelf.
pub(crate) struct Checked {
    /// The key it belongs under.
    pub(crate) key: [u8; 32],
    /// Its sequence number.
    pub(crate) sequence: u64,
    /// When it stops being good; `None` where it does not expire.
    pub(crate) expires: Option<UnixSeconds>,
}

/// Checks a record of either kind.
pub(crate) fn check(bytes: &[u8], network: &NetworkId, now: UnixSeconds) -> Result<Checked, RecordError> {
    match bytes.first() {
        Some(&host_record::KIND) => {
            let host = VerifiedHostRecord::check(bytes, network, now)?;
            let key = HostRecord::key(network, &host.node());
            Ok(Checked { key, sequence: host.record().sequence, expires: Some(host.record().expires) })
        }
        Some(&owner_record::KIND) => {
            let owner = VerifiedOwnerRecord::check(bytes, network)?;
            let key = VerifiedOwnerRecord::key(network, &owner.owner());
            Ok(Checked { key, sequence: owner.sequence(), expires: None })
        }
        Some(_) => Err(DecodeError::OutOfRange(0).into()),
        None => Err(DecodeError::Truncated.into()),
    }
}

/// A record on the shelf and what its signed content says.
pub(crate) struct Kept {
    record: Record,
    sequence: u64,
    expires: Option<UnixSeconds>,
}

/// See the module's preface.
pub(crate) struct Shelf {
    own: KBucketKey<PeerId>,
    network: NetworkId,
    clock: Clock,
    places: usize,
    kept: HashMap<RecordKey, Kept>,
    refused: u64,
}

impl Shelf {
    pub(crate) fn new(own: PeerId, network: NetworkId, clock: Clock, places: usize) -> Self {
        Self { own: KBucketKey::from(own), network, clock, places, kept: HashMap::new(), refused: 0 }
    }

    /// Records held.
    pub(crate) fn len(&self) -> usize {
        self.kept.len()
    }

    /// Records turned away since the start.
    pub(crate) const fn refused(&self) -> u64 {
        self.refused
    }

    /// The bytes of every owner record held, for keeping them over a restart.
    pub(crate) fn owner_records(&self) -> Vec<Vec<u8>> {
        self.kept
            .values()
            .filter(|kept| kept.expires.is_none())
            .map(|kept| kept.record.value.clone())
            .collect()
    }

    /// Throws out what has expired.
    pub(crate) fn sweep(&mut self) {
        let now = (self.clock)();
        self.kept.retain(|_, kept| kept.expires.is_none_or(|expires| expires > now));
    }

    /// Checks a record and keeps it if it is the newest under its key.
    pub(crate) fn offer(&mut self, record: Record) -> Result<(), RecordError> {
        let checked = check(&record.value, &self.network, (self.clock)())?;
        if record.key.as_ref() != checked.key {
            return Err(RecordError::WrongKey);
        }
        if let Some(held) = self.kept.get(&record.key) {
            if held.record.value == record.value {
                return Ok(());
            }
            if held.sequence >= checked.sequence {
                return Err(RecordError::Stale { held: held.sequence, offered: checked.sequence });
            }
        } else if self.kept.len() >= self.places {
            self.make_room(&record.key)?;
        }
        // Who published it is told by its signature; what the sender claims is not kept.
        let record = Record { publisher: None, expires: None, ..record };
        let Checked { sequence, expires, .. } = checked;
        self.kept.insert(record.key.clone(), Kept { record, sequence, expires });
        Ok(())
    }

    fn make_room(&mut self, offered: &RecordKey) -> Result<(), RecordError> {
        self.sweep();
        if self.kept.len() < self.places {
            return Ok(());
        }
        let farthest = self.kept.keys().max_by_key(|key| self.distance(key)).cloned();
        match farthest {
            Some(farthest) if self.distance(&farthest) > self.distance(offered) => {
                self.kept.remove(&farthest);
                Ok(())
            }
            _ => Err(RecordError::Full),
        }
    }

    fn distance(&self, key: &RecordKey) -> KBucketDistance {
        self.own.distance(&KBucketKey::new(key.clone()))
    }
}

impl RecordStore for Shelf {
    type RecordsIter<'a> = iter::Map<hash_map::Values<'a, RecordKey, Kept>, fn(&'a Kept) -> Cow<'a, Record>>;
    type ProvidedIter<'a> = iter::Empty<Cow<'a, ProviderRecord>>;

    fn get(&self, key: &RecordKey) -> Option<Cow<'_, Record>> {
        let kept = self.kept.get(key)?;
        let fresh = kept.expires.is_none_or(|expires| expires > (self.clock)());
        fresh.then_some(Cow::Borrowed(&kept.record))
    }

    fn put(&mut self, record: Record) -> StoreResult<()> {
        self.offer(record).map_err(|reason| {
            self.refused = self.refused.saturating_add(1);
            tracing::debug!(%reason, "refused a record");
            match reason {
                RecordError::Oversized { .. } => Error::ValueTooLarge,
                _ => Error::MaxRecords,
            }
        })
    }

    fn remove(&mut self, key: &RecordKey) {
        self.kept.remove(key);
    }

    fn records(&self) -> Self::RecordsIter<'_> {
        self.kept.values().map(|kept| Cow::Borrowed(&kept.record))
    }

    fn add_provider(&mut self, _: ProviderRecord) -> StoreResult<()> {
        Err(Error::MaxProvidedKeys)
    }

    fn providers(&self, _: &RecordKey) -> Vec<ProviderRecord> {
        Vec::new()
    }

    fn provided(&self) -> Self::ProvidedIter<'_> {
        iter::empty()
    }

    fn remove_provider(&mut self, _: &RecordKey, _: &PeerId) {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key;
    use std::sync::Arc;
    use zeroize::Zeroizing;

    const NETWORK: NetworkId = NetworkId([1; 32]);
    const NOW: UnixSeconds = UnixSeconds(1_000_000);

    fn shelf(places: usize) -> Shelf {
        let own = key::keypair(&Zeroizing::new([200; 32])).public().to_peer_id();
        Shelf::new(own, NETWORK, Arc::new(|| NOW), places)
    }

    fn owner_record(owner: u8, sequence: u64, payload: &[u8]) -> Record {
        let seed = Zeroizing::new([owner; 32]);
        let signed = VerifiedOwnerRecord::sign(&seed, &NETWORK, sequence, payload).unwrap();
        Record::new(VerifiedOwnerRecord::key(&NETWORK, &signed.owner()).to_vec(), signed.bytes().to_vec())
    }

    #[test]
    fn the_highest_sequence_wins_and_older_ones_are_refused() {
        let mut shelf = shelf(4);
        assert_eq!(shelf.offer(owner_record(1, 5, b"five")), Ok(()));
        assert_eq!(shelf.offer(owner_record(1, 4, b"four")), Err(RecordError::Stale { held: 5, offered: 4 }));
        assert_eq!(shelf.offer(owner_record(1, 6, b"six")), Ok(()));
        assert_eq!(shelf.len(), 1);
    }

    #[test]
    fn two_records_with_one_sequence_do_not_replace_each_other_but_a_copy_is_welcome() {
        let mut shelf = shelf(4);
        assert_eq!(shelf.offer(owner_record(1, 5, b"this")), Ok(()));
        assert_eq!(shelf.offer(owner_record(1, 5, b"that")), Err(RecordError::Stale { held: 5, offered: 5 }));
        assert_eq!(shelf.offer(owner_record(1, 5, b"this")), Ok(()));
    }

    #[test]
    fn a_record_under_a_key_not_its_own_is_refused() {
        let mut shelf = shelf(4);
        let misplaced = Record { key: RecordKey::from(vec![0; 32]), ..owner_record(1, 5, b"") };
        assert_eq!(shelf.offer(misplaced), Err(RecordError::WrongKey));
        assert!(shelf.put(Record::new(vec![0; 32], vec![9; 40])).is_err());
        assert_eq!(shelf.refused(), 1);
    }

    #[test]
    fn a_full_shelf_gives_up_the_farthest_record_for_a_nearer_one_only() {
        let mut shelf = shelf(3);
        let mut records: Vec<_> = (1..=6).map(|owner| owner_record(owner, 1, b"")).collect();
        records.sort_by_key(|record| shelf.distance(&record.key));
        let [near, .., far] = &records[..] else { panic!("six records") };
        for record in &records[1..4] {
            assert_eq!(shelf.offer(record.clone()), Ok(()));
        }
        assert_eq!(shelf.offer(far.clone()), Err(RecordError::Full));
        assert_eq!(shelf.offer(near.clone()), Ok(()));
        assert!(shelf.get(&near.key).is_some());
        assert!(shelf.get(&records[3].key).is_none(), "the farthest gave way");
        assert_eq!(shelf.len(), 3);
    }

    #[test]
    fn an_expired_record_is_neither_accepted_nor_shown_nor_kept() {
        let signer = key::keypair(&Zeroizing::new([8; 32]));
        let node = key::own_key(&signer);
        let card = HostRecord {
            network: NETWORK,
            node,
            sequence: 1,
            issued: NOW,
            expires: NOW.plus(60),
            addresses: Vec::new(),
            lane_addresses: Vec::new(),
            region: String::new(),
            operator: String::new(),
        };
        let signed = card.sign(&signer).unwrap();
        let record = Record::new(HostRecord::key(&NETWORK, &node).to_vec(), signed.bytes().to_vec());
        let mut shelf = shelf(4);
        assert_eq!(shelf.offer(record.clone()), Ok(()));
        shelf.clock = Arc::new(|| NOW.plus(60));
        assert!(shelf.get(&record.key).is_none());
        assert_eq!(shelf.offer(record), Err(RecordError::Expired));
        shelf.sweep();
        assert_eq!(shelf.len(), 0);
    }
}
