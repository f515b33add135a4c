//! Passes: who besides an owner may read under its agreements.
//!
//! A pass that is shown is kept in memory, in bounded number, and is shown again after a restart; what is revoked is
//! written down, because a host that forgot it would let somebody read who no longer may. Nobody can do more with a
//! pass than read.

use crate::batch::Batch;
use crate::error::HostError;
use crate::host::Host;
use crate::ports::Table;
use layr_identity::verify;
use layr_protocol::{ReadPass, Refusal, SignedPass};
use layr_types::{AgreementId, NodeKey, UnixSeconds};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Passes kept at once; the ones that end first make room.
const MAX_PASSES: usize = 4_096;
/// Revoked passes kept of one owner at once.
const MAX_REVOKED: usize = 64;
/// Bytes of one revoked pass: number and end.
const REVOKED_BYTES: usize = 16;

/// Passes that were shown, by owner and reader.
#[derive(Debug, Default)]
pub(crate) struct Passes(Mutex<HashMap<(NodeKey, NodeKey), ReadPass>>);

impl Passes {
    fn all(&self) -> MutexGuard<'_, HashMap<(NodeKey, NodeKey), ReadPass>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn keep(&self, pass: ReadPass) {
        let mut all = self.all();
        if all.len() >= MAX_PASSES {
            let first = all.values().min_by_key(|pass| pass.ends).map(|pass| (pass.owner, pass.reader));
            first.map(|key| all.remove(&key));
        }
        all.insert((pass.owner, pass.reader), pass);
    }

    fn drop_numbered(&self, owner: NodeKey, number: u64) {
        self.all().retain(|_, pass| pass.owner != owner || pass.number != number);
    }

    fn admits(&self, owner: NodeKey, reader: NodeKey, now: UnixSeconds) -> bool {
        self.all().get(&(owner, reader)).is_some_and(|pass| now < pass.ends)
    }
}

fn revoked_key(owner: &NodeKey) -> Vec<u8> {
    [b"revoked passes ".as_slice(), &owner.0].concat()
}

impl Host {
    /// Takes a pass from its reader.
    ///
    /// # Errors
    /// [`Refusal::BadSignature`] unless its owner signed it for this caller and ledger, and it has neither ended nor
    /// been revoked.
    pub async fn show_pass(self: &Arc<Self>, peer: NodeKey, signed: SignedPass) -> Result<(), Refusal> {
        let now = self.clock.recent().await.map_err(HostError::from)?;
        self.blocking(move |host| {
            let pass = signed.pass;
            let digest = pass.digest(&host.config().context);
            let sound =
                pass.reader == peer && now < pass.ends && verify(&pass.owner, &digest, &signed.signature);
            if !sound || host.revoked(&pass.owner)?.iter().any(|(number, _)| *number == pass.number) {
                return Err(Refusal::BadSignature);
            }
            host.passes.keep(pass);
            Ok(())
        })
        .await
    }

    /// Revokes the pass `pass` of the caller's, durably. Repeating it changes nothing.
    ///
    /// # Errors
    /// [`Refusal::UnknownAgreement`] for somebody without an agreement here, [`Refusal::TooMany`] beyond 64 passes
    /// that have not ended.
    pub async fn revoke_pass(self: &Arc<Self>, peer: NodeKey, pass: ReadPass) -> Result<(), Refusal> {
        let now = self.clock.recent().await.map_err(HostError::from)?;
        self.write(move |host| {
            let known = host.desk().seats.values().any(|seat| seat.owner == peer);
            if !known || pass.owner != peer {
                return Err(Refusal::UnknownAgreement);
            }
            host.passes.drop_numbered(peer, pass.number);
            let mut revoked = host.revoked(&peer)?;
            revoked.retain(|(number, ends)| *number != pass.number && now < *ends);
            if revoked.len() >= MAX_REVOKED {
                return Err(Refusal::TooMany);
            }
            revoked.push((pass.number, pass.ends));
            let mut batch = Batch::new();
            batch.put(Table::Meta, revoked_key(&peer), encode(&revoked));
            Ok(host.apply(batch)?)
        })
        .await
    }

    fn revoked(&self, owner: &NodeKey) -> Result<Vec<(u64, UnixSeconds)>, HostError> {
        let bytes = self.records().get(Table::Meta, &revoked_key(owner))?.unwrap_or_default();
        let number = |bytes: &[u8; 8]| u64::from_be_bytes(*bytes);
        let rows = bytes.as_chunks::<REVOKED_BYTES>().0.iter();
        let halves = rows.filter_map(|row| Some((row.first_chunk::<8>()?, row.last_chunk::<8>()?)));
        Ok(halves.map(|(first, last)| (number(first), UnixSeconds(number(last)))).collect())
    }

    /// Whether `peer` may read under that agreement: its owner, or somebody with a pass of the owner's.
    pub(crate) async fn may_read(&self, peer: &NodeKey, id: &AgreementId) -> bool {
        let Some(owner) = self.desk().seats.get(id).map(|seat| seat.owner) else { return false };
        if owner == *peer {
            return true;
        }
        match self.clock.recent().await {
            Ok(now) => self.passes.admits(owner, *peer, now),
            Err(_) => false,
        }
    }
}

fn encode(revoked: &[(u64, UnixSeconds)]) -> Vec<u8> {
    revoked.iter().flat_map(|(number, ends)| [number.to_be_bytes(), ends.0.to_be_bytes()]).flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pass(reader: u8, ends: u64, number: u64) -> ReadPass {
        ReadPass { owner: NodeKey([1; 32]), reader: NodeKey([reader; 32]), ends: UnixSeconds(ends), number }
    }

    #[test]
    fn a_pass_admits_its_reader_under_its_owner_until_it_ends_or_is_revoked() {
        let passes = Passes::default();
        let admits = |owner: u8, reader: u8, now| {
            passes.admits(NodeKey([owner; 32]), NodeKey([reader; 32]), UnixSeconds(now))
        };
        passes.keep(pass(2, 100, 7));
        assert!(admits(1, 2, 99));
        assert!(!admits(1, 2, 100), "it has ended");
        assert!(!admits(1, 3, 99) && !admits(3, 2, 99));
        passes.drop_numbered(NodeKey([1; 32]), 8);
        assert!(admits(1, 2, 99), "another one was revoked");
        passes.drop_numbered(NodeKey([1; 32]), 7);
        assert!(!admits(1, 2, 99));
    }

    #[test]
    fn strangers_with_many_passes_push_out_what_ends_first_and_no_more() {
        let passes = Passes::default();
        for number in 0..=MAX_PASSES as u64 {
            let mut reader = [0; 32];
            reader[..8].copy_from_slice(&number.to_be_bytes());
            passes.keep(ReadPass { reader: NodeKey(reader), ..pass(0, 1_000 + number, number) });
        }
        assert_eq!(passes.all().len(), MAX_PASSES);
        assert!(
            !passes.admits(NodeKey([1; 32]), NodeKey([0; 32]), UnixSeconds(0)),
            "the first to end is gone"
        );
    }
}
