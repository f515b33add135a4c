//! A ledger in memory that keeps the contract's rules for the calls a host makes: it checks commitments,
//! signatures, windows and proofs, and pays by the same `settle()`.

use crate::ports::{HostLedger, LedgerError, OnLedger, Proof, SignedSplit, SlotPlace};
use futures::future::BoxFuture;
use layr_identity::verify;
use layr_market::{
    BeaconSchedule, Context, FinalReason, Outcome, Phase, Revision, Rotation, Settled, Settlement, SlotState,
    SoftwareSha256, Stage, Terms, leaf_index, settle,
};
use layr_merkle::verify_leaf_proof;
use layr_protocol::CoSigned;
use layr_types::{AgreementId, ContractId, Stroops, UnixSeconds};
use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A settlement the ledger has made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Paid {
    /// Of which agreement.
    pub id: AgreementId,
    /// Who got what.
    pub settlement: Settlement,
}

#[derive(Debug, Default)]
struct State {
    now: UnixSeconds,
    slots: HashMap<SlotPlace, [u8; 32]>,
    deposited: Stroops,
    posted: HashSet<u64>,
    paid: Vec<Paid>,
    calls: Vec<&'static str>,
    down: bool,
    mute: bool,
    refusing: bool,
    tries: u64,
}

/// The ledger.
#[derive(Debug)]
pub struct MemoryLedger {
    context: Context,
    schedule: BeaconSchedule,
    state: Mutex<State>,
}

type Answer<T> = Result<T, LedgerError>;

impl MemoryLedger {
    /// A ledger at `now` whose host has deposited that much.
    #[must_use]
    pub fn new(context: Context, now: UnixSeconds, deposited: Stroops) -> Self {
        let schedule = BeaconSchedule { genesis: UnixSeconds(0), period: 3 };
        Self { context, schedule, state: Mutex::new(State { now, deposited, ..State::default() }) }
    }

    /// Sets the clock.
    pub fn set_now(&self, now: UnixSeconds) {
        self.state().now = now;
    }

    /// Makes the ledger unreachable, or reachable again.
    pub fn set_down(&self, down: bool) {
        self.state().down = down;
    }

    /// Makes it do what it is asked and lose the answer, or no longer.
    pub fn set_mute(&self, mute: bool) {
        self.state().mute = mute;
    }

    /// Makes it refuse every change, or no longer.
    pub fn set_refusing(&self, refusing: bool) {
        self.state().refusing = refusing;
    }

    /// How often a host has tried to change something.
    #[must_use]
    pub fn tries(&self) -> u64 {
        self.state().tries
    }

    /// Opens an agreement as its owner would.
    ///
    /// # Errors
    /// [`LedgerError::Refused`] where the slot is taken or the collateral is short.
    pub fn open(&self, terms: &Terms) -> Result<(), LedgerError> {
        let mut state = self.state();
        let id = terms.id(&SoftwareSha256, &self.context);
        check(state.now <= terms.offer_expiry, "the offer has expired")?;
        check(!state.slots.contains_key(&SlotPlace::of(terms)), "the slot is taken")?;
        let left = state.deposited.checked_sub(terms.collateral).filter(|left| !left.is_negative());
        state.deposited = left.ok_or_else(|| refused("the host's collateral is short"))?;
        let opening = SlotState::opening(terms).commitment(&SoftwareSha256, &id);
        state.slots.insert(SlotPlace::of(terms), opening);
        Ok(())
    }

    /// Renews an agreement as its owner would: pays the old one out by its split and opens the new one in its
    /// slot.
    ///
    /// # Errors
    /// [`LedgerError::Refused`] where the split or the new terms do not fit, or a signature is missing.
    pub fn renew(&self, at: &OnLedger, signed: &SignedSplit, terms: &Terms) -> Result<(), LedgerError> {
        let mut state = self.reachable()?;
        let old = self.known(&state, at)?;
        let id = terms.id(&SoftwareSha256, &self.context);
        check(state.now <= terms.offer_expiry, "the offer has expired")?;
        check(at.state.phase == Phase::Active, "a challenge is open")?;
        check(terms.previous == old && SlotPlace::of(terms) == SlotPlace::of(&at.terms), "not a renewal")?;
        check(signed.split.reason == FinalReason::Renewed, "not the split of a renewal")?;
        self.check_split(at, signed)?;
        self.pay(&mut state, at, Outcome::Cooperative(&signed.split))?;
        let free = state.deposited + signed.split.host - terms.collateral;
        check(!free.is_negative(), "the host's collateral is short")?;
        state.deposited = free;
        let opening = SlotState::opening(terms).commitment(&SoftwareSha256, &id);
        state.slots.insert(SlotPlace::of(terms), opening);
        state.calls.push("renew");
        Ok(())
    }

    /// Rotates a key as both parties together would; their signatures are taken for granted.
    ///
    /// # Errors
    /// [`LedgerError::Refused`] where the rotation does not fit the state.
    pub fn rotate(&self, terms: &Terms, held: &SlotState, rotation: &Rotation) -> Result<(), LedgerError> {
        let at = OnLedger { terms: terms.clone(), state: *held };
        let mut state = self.reachable()?;
        let id = self.known(&state, &at)?;
        let next = held.rotated(rotation).map_err(|error| refused(&error.to_string()))?;
        state.slots.insert(SlotPlace::of(terms), next.commitment(&SoftwareSha256, &id));
        state.calls.push("rotate");
        Ok(())
    }

    fn check_split(&self, at: &OnLedger, signed: &SignedSplit) -> Answer<()> {
        let digest = signed.split.digest(&SoftwareSha256);
        check(verify(&at.state.owner_key, &digest, &signed.owner), "not the owner's signature")?;
        check(verify(&at.state.host_key, &digest, &signed.host), "not the host's signature")?;
        check(at.state.n <= signed.split.n, "a newer revision was published")
    }

    /// Every settlement made, oldest first.
    #[must_use]
    pub fn paid(&self) -> Vec<Paid> {
        self.state().paid.clone()
    }

    /// The names of the calls that changed something, oldest first.
    #[must_use]
    pub fn calls(&self) -> Vec<&'static str> {
        self.state().calls.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn reachable(&self) -> Answer<MutexGuard<'_, State>> {
        let state = self.state();
        match state.down {
            true => Err(LedgerError::Unavailable { detail: "nobody answers".into() }),
            false => Ok(state),
        }
    }

    /// Makes a change, unless the ledger is in a mood.
    fn change<T>(&self, change: impl FnOnce() -> Answer<T>) -> Answer<T> {
        self.state().tries += 1;
        check(!self.state().refusing, "refused on principle")?;
        let done = change()?;
        match self.state().mute {
            true => Err(LedgerError::Unavailable { detail: "the answer was lost".into() }),
            false => Ok(done),
        }
    }

    /// The agreement's id, if the slot holds exactly that state.
    fn known(&self, state: &State, at: &OnLedger) -> Answer<AgreementId> {
        let id = at.terms.id(&SoftwareSha256, &self.context);
        let held = state.slots.get(&SlotPlace::of(&at.terms));
        check(held == Some(&at.state.commitment(&SoftwareSha256, &id)), "the slot holds another state")?;
        Ok(id)
    }

    fn pay(&self, state: &mut State, at: &OnLedger, outcome: Outcome<'_>) -> Answer<()> {
        let id = self.known(state, at)?;
        let settlement = settle(&at.terms, Settled::default(), at.state.ending_at, outcome);
        let settlement = settlement.map_err(|error| refused(&error.to_string()))?;
        state.slots.remove(&SlotPlace::of(&at.terms));
        state.paid.push(Paid { id, settlement });
        Ok(())
    }

    fn publish_now(&self, at: &OnLedger, newest: &CoSigned) -> Answer<()> {
        let mut state = self.reachable()?;
        let id = self.known(&state, at)?;
        let stage = at.state.stage(&at.terms, state.now);
        let digest = newest.revision.digest(&SoftwareSha256);
        check(matches!(stage, Stage::Running | Stage::Publishing), "the root is frozen")?;
        check(newest.revision.n > at.state.n && newest.revision.id == id, "not newer")?;
        check(verify(&at.state.owner_key, &digest, &newest.owner), "not the owner's signature")?;
        check(verify(&at.state.host_key, &digest, &newest.host), "not the host's signature")?;
        let next = at.state.published(&SoftwareSha256, &newest.revision).commitment(&SoftwareSha256, &id);
        state.slots.insert(SlotPlace::of(&at.terms), next);
        state.calls.push("publish");
        Ok(())
    }

    fn prove_now(&self, at: &OnLedger, proof: &Proof) -> Answer<()> {
        let mut state = self.reachable()?;
        let id = self.known(&state, at)?;
        let frozen = at.terms.freezes_at(at.state.ending_at);
        check(at.state.stage(&at.terms, state.now) == Stage::Proving, "not the time to prove")?;
        check(proof.round == self.schedule.deciding_round(frozen), "not the deciding round")?;
        check(state.posted.contains(&proof.round), "the round has not been posted")?;
        check(proof.revision.digest(&SoftwareSha256) == at.state.revision, "not the published revision")?;
        let (revision, seed) = (&proof.revision, seed_of(proof.round));
        let mut rest = proof.leaves.as_slice();
        for i in 0..u32::from(at.terms.samples) {
            let leaf = leaf_index(&SoftwareSha256, &seed, (&id, revision.n), i, revision.leaves());
            let leaf = leaf.ok_or_else(|| refused("no leaves"))?;
            let checked = verify_leaf_proof(rest, leaf, revision.root, revision.sectors);
            rest = checked.map_err(|error| refused(&error.to_string()))?;
        }
        check(rest.is_empty(), "bytes left over")?;
        self.pay(&mut state, at, Outcome::Proved(revision))?;
        state.calls.push("prove");
        Ok(())
    }

    fn expire_now(&self, at: &OnLedger, published: Option<&Revision>) -> Answer<()> {
        let mut state = self.reachable()?;
        check(at.state.stage(&at.terms, state.now) == Stage::Over, "the proof window is open")?;
        let digest = published.map(|revision| revision.digest(&SoftwareSha256));
        check(digest.unwrap_or_default() == at.state.revision, "not the published revision")?;
        self.pay(&mut state, at, published.map_or(Outcome::Unused, Outcome::Missed))?;
        state.calls.push("expire");
        Ok(())
    }

    fn close_now(&self, at: &OnLedger, signed: &SignedSplit) -> Answer<()> {
        let mut state = self.reachable()?;
        check(state.now > at.terms.offer_expiry, "the offer has not expired")?;
        check(signed.split.reason != FinalReason::Renewed, "only a renewal may use this split")?;
        self.check_split(at, signed)?;
        self.pay(&mut state, at, Outcome::Cooperative(&signed.split))?;
        state.calls.push("close");
        Ok(())
    }
}

impl HostLedger for MemoryLedger {
    fn now(&self) -> BoxFuture<'_, Answer<UnixSeconds>> {
        Box::pin(async { Ok(self.reachable()?.now) })
    }

    fn beacon_schedule(&self) -> BoxFuture<'_, Answer<BeaconSchedule>> {
        Box::pin(async { Ok(self.schedule) })
    }

    fn slot(&self, place: SlotPlace) -> BoxFuture<'_, Answer<Option<[u8; 32]>>> {
        Box::pin(async move { Ok(self.reachable()?.slots.get(&place).copied()) })
    }

    fn free_collateral(&self, _: ContractId) -> BoxFuture<'_, Answer<Stroops>> {
        Box::pin(async { Ok(self.reachable()?.deposited) })
    }

    fn publish(&self, at: OnLedger, newest: CoSigned) -> BoxFuture<'_, Answer<()>> {
        Box::pin(async move { self.change(|| self.publish_now(&at, &newest)) })
    }

    fn posted_beacon(&self, round: u64) -> BoxFuture<'_, Answer<Option<[u8; 32]>>> {
        Box::pin(async move { Ok(self.reachable()?.posted.get(&round).map(|round| seed_of(*round))) })
    }

    fn post_beacon(&self, round: u64) -> BoxFuture<'_, Answer<[u8; 32]>> {
        Box::pin(async move {
            let mut state = self.reachable()?;
            check(self.schedule.time_of(round) <= state.now, "the round has not been published")?;
            state.posted.insert(round);
            state.calls.push("post_beacon");
            Ok(seed_of(round))
        })
    }

    fn prove(&self, at: OnLedger, proof: Proof) -> BoxFuture<'_, Answer<()>> {
        Box::pin(async move { self.change(|| self.prove_now(&at, &proof)) })
    }

    fn expire(&self, at: OnLedger, published: Option<Revision>) -> BoxFuture<'_, Answer<()>> {
        Box::pin(async move { self.change(|| self.expire_now(&at, published.as_ref())) })
    }

    fn close(&self, at: OnLedger, split: SignedSplit) -> BoxFuture<'_, Answer<()>> {
        Box::pin(async move { self.change(|| self.close_now(&at, &split)) })
    }
}

/// The randomness of a round: unforeseeable enough for a twin.
fn seed_of(round: u64) -> [u8; 32] {
    *blake3::hash(&round.to_be_bytes()).as_bytes()
}

fn refused(why: &str) -> LedgerError {
    LedgerError::Refused { detail: why.into() }
}

fn check(holds: bool, otherwise: &str) -> Answer<()> {
    if holds { Ok(()) } else { Err(refused(otherwise)) }
}
