//! `challenge` and `respond`: leaves demanded in mid-term, and shown. The challenger's bond waits here for the
//! answer: it is the host's if there is one, the owner's if there is none (`default`).

use crate::agreement::Agreement;
use crate::error::Error;
use crate::event::{Answered, Challenged};
use crate::hash::{HostSha256, check_signature};
use crate::payout::receive;
use crate::prove::Proofs;
use crate::storage;
use crate::types::Accusation;
use layr_market::{
    CHALLENGE_BYTES, Challenge, ChallengeKind, Kind, MAX_NAMED_LEAVES, Party, named_leaf, named_leaves_hash,
};
use layr_types::NodeKey;
use soroban_sdk::{Bytes, BytesN, Env, IntoVal as _};

/// The longest list of named leaves.
const MAX_LIST: usize = MAX_NAMED_LEAVES * 8;

/// Opens a challenge. Whoever pays its bond authorises the challenge's digest.
pub fn challenge(env: &Env, accusation: &Accusation) -> Result<(), Error> {
    let agreement = Agreement::load(env, &accusation.terms, &accusation.state)?;
    let (raw, digest) = agreement.read::<CHALLENGE_BYTES>(&accusation.challenge, Kind::Challenge)?;
    let challenge = Challenge::decode(&raw).map_err(|_| Error::Malformed)?;
    List::read(env, &accusation.leaves, &challenge.leaves_hash)?;
    let state =
        agreement.enter(agreement.state.challenged(&agreement.terms, &challenge, storage::now(env)))?;
    let key = key_of(&agreement, challenge.by)?;
    check_signature(env, &key.0, &digest, &accusation.sig);
    if challenge.bond.0 > 0 {
        accusation.from.require_auth_for_args((BytesN::from_array(env, &digest),).into_val(env));
        receive(env, &agreement.token, &accusation.from, challenge.bond.0);
    }
    Challenged { id: agreement.event_id(), leaves: accusation.leaves.clone(), state }.publish(env);
    Ok(())
}

/// Who may challenge: either party by its present key, the auditor where the terms name one.
fn key_of(agreement: &Agreement<'_>, by: Party) -> Result<NodeKey, Error> {
    let auditor = agreement.terms.auditor_key;
    match agreement.state.key_of(by) {
        Some(key) => Ok(key),
        None if auditor != NodeKey([0; 32]) => Ok(auditor),
        None => Err(Error::NotParty),
    }
}

/// Answers the open challenge. Its bond goes to the host's free balance.
pub fn respond(
    env: &Env,
    terms: &Bytes,
    state: &Bytes,
    (revision, leaves, proofs): (&Bytes, &Bytes, &Bytes),
) -> Result<(), Error> {
    let agreement = Agreement::load(env, terms, state)?;
    let open = &agreement.state.challenge;
    let revision = agreement.read_published(revision)?;
    let state = agreement.enter(agreement.state.answered(&agreement.terms, &revision, storage::now(env)))?;
    let list = List::read(env, leaves, &open.leaves_hash)?;
    let mut checker = Proofs::new(&revision, proofs);
    match open.kind {
        ChallengeKind::Random => checker.samples(env, &agreement, open.freezes_at(&agreement.terms))?,
        ChallengeKind::Named => {
            // A leaf beyond the published revision is gone by both parties' signatures.
            for leaf in list.leaves().filter(|leaf| leaf.0 < revision.leaves()) {
                checker.check(leaf)?;
            }
        }
    }
    checker.finish()?;
    if open.bond.0 > 0 {
        storage::add_balance(env, &agreement.host(), &agreement.token, open.bond.0);
    }
    Answered { id: agreement.event_id(), state }.publish(env);
    Ok(())
}

/// The leaves of a named challenge; none of a random one.
struct List {
    bytes: [u8; MAX_LIST],
    size: usize,
}

impl List {
    /// Reads what a challenge commits to: 1 to 8 entries, or nothing where the commitment is zero.
    fn read(env: &Env, list: &Bytes, commitment: &[u8; 32]) -> Result<Self, Error> {
        let size = usize::try_from(list.len()).map_err(|_| Error::WrongLeaves)?;
        let mut bytes = [0; MAX_LIST];
        let place = bytes.get_mut(..size).ok_or(Error::WrongLeaves)?;
        list.copy_into_slice(place);
        let fits = if *commitment == [0; 32] {
            size == 0
        } else {
            named_leaf(place, 0).is_some() && named_leaves_hash(&HostSha256(env), place) == *commitment
        };
        if fits { Ok(Self { bytes, size }) } else { Err(Error::WrongLeaves) }
    }

    fn leaves(&self) -> impl Iterator<Item = layr_types::LeafIndex> + '_ {
        let list = self.bytes.get(..self.size).unwrap_or_default();
        (0..MAX_NAMED_LEAVES).map_while(|i| named_leaf(list, i))
    }
}
