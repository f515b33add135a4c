//! A ledger in memory that keeps the contract's rules for the calls a host makes: it checks commitments,
//! signatures, windows and proofs, and pays by the same `settle()`.

use crate::ports::{LedgerError, OnLedger, Proof, Response, SignedSplit, SlotPlace, Told};
use layr_identity::verify;
use layr_market::{
    BeaconSchedule, Challenge, ChallengeKind, Context, FinalReason, MoveError, Notice, Outcome, Phase,
    Revision, Rotation, Settled, Settlement, SlotState, SoftwareSha256, Stage, Terms, leaf_index, named_leaf,
    named_leaves_hash, settle,
};
use layr_merkle::verify_leaf_proof;
use layr_protocol::{CoSigned, SignedVoucher};
use layr_types::{AgreementId, Signature, Stroops, UnixSeconds};
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
pub(super) struct State {
    pub(super) now: UnixSeconds,
    pub(super) slots: HashMap<SlotPlace, [u8; 32]>,
    pub(super) deposited: Stroops,
    pub(super) posted: HashSet<u64>,
    paid: Vec<Paid>,
    pub(super) calls: Vec<&'static str>,
    down: bool,
    mute: bool,
    refusing: bool,
    tries: u64,
    pub(super) events: Vec<(AgreementId, Told)>,
    pub(super) forgotten: usize,
}

/// The ledger.
#[derive(Debug)]
pub struct MemoryLedger {
    context: Context,
    pub(super) schedule: BeaconSchedule,
    state: Mutex<State>,
}

pub(super) type Answer<T> = Result<T, LedgerError>;

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
        let state = self.reachable()?;
        let next = held.rotated(rotation).map_err(unfit)?;
        self.follow(state, &at, plain(next), "rotate")
    }

    fn check_split(&self, at: &OnLedger, signed: &SignedSplit) -> Answer<()> {
        let digest = signed.split.digest(&SoftwareSha256);
        check(verify(&at.state.owner_key, &digest, &signed.owner), "not the owner's signature")?;
        check(verify(&at.state.host_key, &digest, &signed.host), "not the host's signature")?;
        check(at.state.n <= signed.split.n, "a newer revision was published")
    }

    /// What the host has free.
    #[must_use]
    pub fn deposited(&self) -> Stroops {
        self.state().deposited
    }

    /// Makes the ledger forget every event so far.
    pub fn forget_events(&self) {
        let mut state = self.state();
        state.forgotten = state.events.len();
    }

    /// The state the newest event tells of an agreement.
    #[must_use]
    pub fn told(&self, id: &AgreementId) -> Option<SlotState> {
        let state = self.state();
        state.events.iter().rev().find_map(|(of, told)| match told {
            Told::State { state, .. } if of == id => Some(**state),
            _ => None,
        })
    }

    /// Opens a challenge as the party it names would; signatures and the bond's payment are taken for granted.
    ///
    /// # Errors
    /// [`LedgerError::Refused`] where the contract would.
    pub fn open_challenge(
        &self,
        at: &OnLedger,
        challenge: &Challenge,
        named: &[u8],
    ) -> Result<(), LedgerError> {
        let state = self.reachable()?;
        let hash = if named.is_empty() { [0; 32] } else { named_leaves_hash(&SoftwareSha256, named) };
        check(hash == challenge.leaves_hash, "not the leaves it commits to")?;
        let next = at.state.challenged(&at.terms, challenge, state.now).map_err(unfit)?;
        let told = Told::State { state: Box::new(next), revision: None, named: named.to_vec() };
        self.follow(state, at, told, "challenge")
    }

    /// Gives notice as either party would.
    ///
    /// # Errors
    /// [`LedgerError::Refused`] where the contract would.
    pub fn notice(&self, at: &OnLedger, notice: &Notice) -> Result<(), LedgerError> {
        let state = self.reachable()?;
        let next = at.state.noticed(&at.terms, notice, state.now).map_err(unfit)?;
        self.follow(state, at, plain(next), "notice")
    }

    /// Asks alone for a new key, as one side's account would.
    ///
    /// # Errors
    /// [`LedgerError::Refused`] where the contract would.
    pub fn start_rotation(&self, at: &OnLedger, rotation: &Rotation) -> Result<(), LedgerError> {
        let state = self.reachable()?;
        let next =
            at.state.rotation_started(&SoftwareSha256, &at.terms, rotation, state.now).map_err(unfit)?;
        self.follow(state, at, plain(next), "start_rotation")
    }

    /// Completes what [`Self::start_rotation`] began.
    ///
    /// # Errors
    /// [`LedgerError::Refused`] where the contract would.
    pub fn finish_rotation(&self, at: &OnLedger, rotation: &Rotation) -> Result<(), LedgerError> {
        let state = self.reachable()?;
        let next = at.state.rotation_finished(&SoftwareSha256, rotation, state.now).map_err(unfit)?;
        self.follow(state, at, plain(next), "finish_rotation")
    }

    /// Publishes a revision as its owner would.
    ///
    /// # Errors
    /// [`LedgerError::Refused`] where the contract would.
    pub fn publish_by_owner(&self, at: &OnLedger, signed: &CoSigned) -> Result<(), LedgerError> {
        self.publish_now(at, signed, "owner's publish")
    }

    /// The slot holds `told`'s state from now on, and everybody is told.
    fn follow(
        &self,
        mut state: MutexGuard<'_, State>,
        at: &OnLedger,
        told: Told,
        call: &'static str,
    ) -> Answer<()> {
        let id = self.known(&state, at)?;
        if let Told::State { state: next, .. } = &told {
            state.slots.insert(SlotPlace::of(&at.terms), next.commitment(&SoftwareSha256, &id));
        }
        state.events.push((id, told));
        state.calls.push(call);
        Ok(())
    }

    pub(super) fn respond_now(&self, at: &OnLedger, response: &Response) -> Answer<()> {
        let mut state = self.reachable()?;
        let id = self.known(&state, at)?;
        let revision = &response.revision;
        check(revision.digest(&SoftwareSha256) == at.state.revision, "not the published revision")?;
        let next = at.state.answered(&at.terms, revision, state.now).map_err(unfit)?;
        match at.state.challenge.kind {
            ChallengeKind::Random => {
                check(response.named.is_empty(), "a random challenge has no list")?;
                let frozen = at.state.challenge.freezes_at(&at.terms);
                self.check_random(&state, (at, frozen), (&id, revision), &response.leaves)?;
            }
            ChallengeKind::Named => {
                let hash = named_leaves_hash(&SoftwareSha256, &response.named);
                check(hash == at.state.challenge.leaves_hash, "not the leaves it commits to")?;
                let leaves = (0..).map_while(|i| named_leaf(&response.named, i));
                let mut rest = response.leaves.as_slice();
                for leaf in leaves.filter(|leaf| leaf.0 < revision.leaves()) {
                    let checked = verify_leaf_proof(rest, leaf, revision.root, revision.sectors);
                    rest = checked.map_err(|error| refused(&error.to_string()))?;
                }
                check(rest.is_empty(), "bytes left over")?;
            }
        }
        state.deposited += at.state.challenge.bond;
        self.follow(state, at, plain(next), "respond")
    }

    /// Checks the proofs of the leaves that the round deciding for `frozen` names.
    fn check_random(
        &self,
        state: &State,
        (at, frozen): (&OnLedger, UnixSeconds),
        (id, revision): (&AgreementId, &Revision),
        leaves: &[u8],
    ) -> Answer<()> {
        if revision.sectors == 0 {
            return check(leaves.is_empty(), "bytes left over");
        }
        let round = self.schedule.deciding_round(frozen);
        check(state.posted.contains(&round), "the round has not been posted")?;
        let (seed, mut rest) = (seed_of(round), leaves);
        for i in 0..u32::from(at.terms.samples) {
            let leaf = leaf_index(&SoftwareSha256, &seed, (id, revision.n), i, revision.leaves());
            let leaf = leaf.ok_or_else(|| refused("no leaves"))?;
            let checked = verify_leaf_proof(rest, leaf, revision.root, revision.sectors);
            rest = checked.map_err(|error| refused(&error.to_string()))?;
        }
        check(rest.is_empty(), "bytes left over")
    }

    pub(super) fn default_now(&self, at: &OnLedger, published: &Revision) -> Answer<()> {
        let mut state = self.reachable()?;
        check(at.state.in_default(&at.terms, state.now), "not in default")?;
        check(published.digest(&SoftwareSha256) == at.state.revision, "not the published revision")?;
        self.pay(&mut state, at, Outcome::Missed(published))?;
        state.calls.push("default");
        Ok(())
    }

    pub(super) fn redeem_now(&self, at: &OnLedger, signed: &SignedVoucher) -> Answer<()> {
        let state = self.reachable()?;
        let digest = signed.voucher.digest(&SoftwareSha256);
        check(verify(&at.state.owner_key, &digest, &signed.signature), "not the owner's signature")?;
        let next = at.state.redeemed(&at.terms, &signed.voucher).map_err(unfit)?;
        self.follow(state, at, plain(next), "redeem")
    }

    pub(super) fn start_close_now(
        &self,
        at: &OnLedger,
        notice: &Notice,
        signature: &Signature,
    ) -> Answer<()> {
        let mut state = self.reachable()?;
        let digest = notice.digest(&SoftwareSha256);
        check(verify(&at.state.host_key, &digest, signature), "not the host's signature")?;
        let next = at.state.noticed(&at.terms, notice, state.now).map_err(unfit)?;
        state.deposited -= at.terms.exit_fee;
        self.follow(state, at, plain(next), "start_close")
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

    pub(super) fn reachable(&self) -> Answer<MutexGuard<'_, State>> {
        let state = self.state();
        match state.down {
            true => Err(LedgerError::Unavailable { detail: "nobody answers".into() }),
            false => Ok(state),
        }
    }

    /// Makes a change, unless the ledger is in a mood.
    pub(super) fn change<T>(&self, change: impl FnOnce() -> Answer<T>) -> Answer<T> {
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
        let settled = Settled { floor: at.state.floor, voucher: at.state.voucher };
        let settlement = settle(&at.terms, settled, at.state.ending_at, outcome);
        let settlement = settlement.map_err(|error| refused(&error.to_string()))?;
        state.slots.remove(&SlotPlace::of(&at.terms));
        state.deposited += settlement.host;
        state.paid.push(Paid { id, settlement });
        state.events.push((id, Told::Over { settlement }));
        Ok(())
    }

    pub(super) fn publish_now(&self, at: &OnLedger, newest: &CoSigned, call: &'static str) -> Answer<()> {
        let state = self.reachable()?;
        let id = self.known(&state, at)?;
        let digest = newest.revision.digest(&SoftwareSha256);
        check(at.state.takes_revisions(&at.terms, state.now), "the root is frozen")?;
        check(newest.revision.n > at.state.n && newest.revision.id == id, "not newer")?;
        check(verify(&at.state.owner_key, &digest, &newest.owner), "not the owner's signature")?;
        check(verify(&at.state.host_key, &digest, &newest.host), "not the host's signature")?;
        let next = at.state.published(&SoftwareSha256, &newest.revision);
        let revision = Some(Box::new(newest.revision.clone()));
        let told = Told::State { state: Box::new(next), revision, named: Vec::new() };
        self.follow(state, at, told, call)
    }

    pub(super) fn prove_now(&self, at: &OnLedger, proof: &Proof) -> Answer<()> {
        let mut state = self.reachable()?;
        let id = self.known(&state, at)?;
        let frozen = at.terms.freezes_at(at.state.ending_at);
        check(at.state.phase == Phase::Active, "a challenge is open")?;
        check(at.state.stage(&at.terms, state.now) == Stage::Proving, "not the time to prove")?;
        check(proof.round == self.schedule.deciding_round(frozen), "not the deciding round")?;
        check(proof.revision.digest(&SoftwareSha256) == at.state.revision, "not the published revision")?;
        let revision = &proof.revision;
        self.check_random(&state, (at, frozen), (&id, revision), &proof.leaves)?;
        self.pay(&mut state, at, Outcome::Proved(revision))?;
        state.calls.push("prove");
        Ok(())
    }

    pub(super) fn expire_now(&self, at: &OnLedger, published: Option<&Revision>) -> Answer<()> {
        let mut state = self.reachable()?;
        check(at.state.phase == Phase::Active, "a challenge is open")?;
        check(at.state.stage(&at.terms, state.now) == Stage::Over, "the proof window is open")?;
        let digest = published.map(|revision| revision.digest(&SoftwareSha256));
        check(digest.unwrap_or_default() == at.state.revision, "not the published revision")?;
        self.pay(&mut state, at, published.map_or(Outcome::Unused, Outcome::Missed))?;
        state.calls.push("expire");
        Ok(())
    }

    pub(super) fn close_now(&self, at: &OnLedger, signed: &SignedSplit) -> Answer<()> {
        let mut state = self.reachable()?;
        check(state.now > at.terms.offer_expiry, "the offer has not expired")?;
        check(signed.split.reason != FinalReason::Renewed, "only a renewal may use this split")?;
        self.check_split(at, signed)?;
        self.pay(&mut state, at, Outcome::Cooperative(&signed.split))?;
        state.calls.push("close");
        Ok(())
    }
}

/// The randomness of a round: unforeseeable enough for a twin.
pub(super) fn seed_of(round: u64) -> [u8; 32] {
    *blake3::hash(&round.to_be_bytes()).as_bytes()
}

fn plain(state: SlotState) -> Told {
    Told::State { state: Box::new(state), revision: None, named: Vec::new() }
}

fn unfit(error: MoveError) -> LedgerError {
    refused(&error.to_string())
}

fn refused(why: &str) -> LedgerError {
    LedgerError::Refused { detail: why.into() }
}

pub(super) fn check(holds: bool, otherwise: &str) -> Answer<()> {
    if holds { Ok(()) } else { Err(refused(otherwise)) }
}
