//! The ledger as the owner sees it: the hosts' twin underneath, with fees, a balance, and answers that get lost.

use crate::world::{FEE, FUNDS, TOKEN, context};
use futures::future::{BoxFuture, FutureExt as _};
use layr_host::ports::{HostLedger, OnLedger, Proof, Response, SignedSplit, Told};
use layr_host::twins::MemoryLedger;
use layr_identity::verify;
use layr_market::{BeaconSchedule, SoftwareSha256, Terms};
use layr_owner::{
    AppliedTx, BeaconRound, CallCost, EscrowCall, LedgerFault, LedgerInfo, OwnerLedger, PendingTx, SlotEvent,
    TxJournal, TxOutcome,
};
use layr_types::{AccountKey, Stroops, TxHash, UnixSeconds};
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

/// What goes wrong with the next transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mishap {
    /// It takes effect and the answer is lost.
    AnswerLost,
    /// It never takes effect and the answer is lost.
    NeverApplied,
    /// Nobody can be reached; nothing is sent.
    Down,
    /// It takes effect and no answer ever comes.
    Hangs,
    /// No answer ever comes, and it never takes effect.
    HangsUnsent,
}

/// The ledger as the owner sees it.
pub struct TwinLedger {
    pub chain: Arc<MemoryLedger>,
    account: AccountKey,
    balance: Mutex<Stroops>,
    credited: Mutex<usize>,
    outcomes: Mutex<HashMap<TxHash, TxOutcome>>,
    pub mishap: Mutex<Option<Mishap>>,
    /// Whether no question is ever answered.
    pub hangs: AtomicBool,
    /// Whether it refuses to close or renew more than one at once.
    pub picky: AtomicBool,
    /// Whether the endpoint has forgotten every event.
    pub forgets: AtomicBool,
    /// How many seconds the endpoint is behind.
    pub behind: AtomicU64,
    /// Whether no beacon server answers.
    pub beacon_down: AtomicBool,
    pub opened: AtomicUsize,
    pub renewed: AtomicUsize,
    counter: AtomicU64,
}

/// A round of the twin's beacon.
pub fn beacon_round(round: u64) -> BeaconRound {
    let mut signature = [0; 48];
    blake3::Hasher::new().update(&round.to_be_bytes()).finalize_xof().fill(&mut signature);
    let randomness = layr_market::Sha256::sha256(&SoftwareSha256, &[&signature]);
    BeaconRound { round, randomness, signature }
}

fn refused(detail: String) -> LedgerFault {
    LedgerFault::Refused { fee: Stroops::ZERO, source: detail.into() }
}

fn words(error: layr_host::LedgerError) -> String {
    error.to_string()
}

impl TwinLedger {
    pub fn new(chain: Arc<MemoryLedger>, account: AccountKey) -> Self {
        Self {
            chain,
            account,
            balance: Mutex::new(FUNDS),
            credited: Mutex::new(0),
            outcomes: Mutex::default(),
            mishap: Mutex::new(None),
            hangs: AtomicBool::new(false),
            picky: AtomicBool::new(false),
            forgets: AtomicBool::new(false),
            behind: AtomicU64::new(0),
            beacon_down: AtomicBool::new(false),
            opened: AtomicUsize::new(0),
            renewed: AtomicUsize::new(0),
            counter: AtomicU64::new(0),
        }
    }

    pub fn set_balance(&self, balance: Stroops) {
        *self.balance.lock().unwrap() = balance;
    }

    async fn apply(&self, call: EscrowCall) -> Result<(), String> {
        let many = match &call {
            EscrowCall::Close(items) => items.len() > 1,
            EscrowCall::Renew(items) => items.len() > 1,
            _ => false,
        };
        if many && self.picky.load(Ordering::SeqCst) {
            return Err("one of these does not fit".into());
        }
        match call {
            EscrowCall::Open(items) => {
                for item in items {
                    let id = item.terms.id(&SoftwareSha256, &context());
                    assert!(verify(&item.terms.host_key, &id.0, &item.host), "the host signed the terms");
                    item.terms.check().expect("terms inside their bounds");
                    self.chain.open(&item.terms).map_err(words)?;
                    self.opened.fetch_add(1, Ordering::SeqCst);
                    let mut balance = self.balance.lock().unwrap();
                    *balance -= item.terms.escrow + item.terms.voucher_part;
                    assert!(*balance >= Stroops::ZERO, "paid more than there was");
                }
            }
            EscrowCall::Close(items) => {
                for item in items {
                    let at = OnLedger { terms: item.terms, state: item.state };
                    let split = SignedSplit { split: item.split, owner: item.owner, host: item.host };
                    HostLedger::close(&*self.chain, at, split).await.map_err(words)?;
                }
            }
            EscrowCall::Publish { terms, state, revision } => {
                let at = OnLedger { terms: *terms, state: *state };
                HostLedger::publish(&*self.chain, at, *revision).await.map_err(words)?;
            }
            EscrowCall::Expire { terms, state, revision } => {
                let at = OnLedger { terms: *terms, state: *state };
                HostLedger::expire(&*self.chain, at, revision.map(|known| *known)).await.map_err(words)?;
            }
            EscrowCall::Renew(items) => {
                for item in items {
                    let (closing, terms) = (item.closing, item.opening.terms);
                    let id = terms.id(&SoftwareSha256, &context());
                    assert!(verify(&terms.host_key, &id.0, &item.opening.host), "the host signed the terms");
                    let at = OnLedger { terms: closing.terms, state: closing.state };
                    let split =
                        SignedSplit { split: closing.split, owner: closing.owner, host: closing.host };
                    self.chain.renew(&at, &split, &terms).map_err(words)?;
                    self.renewed.fetch_add(1, Ordering::SeqCst);
                    *self.balance.lock().unwrap() -= terms.escrow + terms.voucher_part;
                }
            }
            other => self.dispute(other).await?,
        }
        self.credit();
        *self.balance.lock().unwrap() -= FEE;
        Ok(())
    }

    /// What others' calls have paid out to the owner since the last look is in its account.
    fn credit(&self) {
        let mut credited = self.credited.lock().unwrap();
        for paid in self.chain.paid().into_iter().skip(*credited) {
            *self.balance.lock().unwrap() += paid.settlement.owner;
            *credited += 1;
        }
    }

    /// Calls of a dispute, with the contract's checks of signatures.
    async fn dispute(&self, call: EscrowCall) -> Result<(), String> {
        match call {
            EscrowCall::Challenge(item) => {
                let digest = item.challenge.digest(&SoftwareSha256);
                assert!(verify(&item.state.owner_key, &digest, &item.signature), "signed by the owner");
                let at = OnLedger { terms: item.terms, state: item.state };
                self.chain.open_challenge(&at, &item.challenge, &item.leaves).map_err(words)?;
                *self.balance.lock().unwrap() -= item.challenge.bond;
            }
            EscrowCall::Default { terms, state, revision } => {
                let bond = state.challenge.bond;
                let at = OnLedger { terms: *terms, state: *state };
                HostLedger::settle_default(&*self.chain, at, *revision).await.map_err(words)?;
                *self.balance.lock().unwrap() += bond;
            }
            EscrowCall::StartClose { terms, state, notice, signature } => {
                let digest = notice.digest(&SoftwareSha256);
                assert!(verify(&state.owner_key, &digest, &signature), "signed by the owner");
                let at = OnLedger { terms: *terms, state: *state };
                self.chain.notice(&at, &notice).map_err(words)?;
            }
            EscrowCall::Respond(proof) => {
                let at = OnLedger { terms: proof.terms, state: proof.state };
                let (revision, named, leaves) = (proof.revision, proof.leaves, proof.proofs);
                let response = Response { revision, named, leaves };
                HostLedger::respond(&*self.chain, at, response).await.map_err(words)?;
            }
            EscrowCall::Prove(proof) => {
                let frozen = proof.terms.freezes_at(proof.state.ending_at);
                let round = self.info().beacon.deciding_round(frozen);
                let at = OnLedger { terms: proof.terms, state: proof.state };
                let proof = Proof { revision: proof.revision, round, leaves: proof.proofs };
                HostLedger::prove(&*self.chain, at, proof).await.map_err(words)?;
            }
            EscrowCall::PostBeacon { round } => {
                HostLedger::post_beacon(&*self.chain, round).await.map_err(words)?;
            }
            other => return Err(format!("no such call: {other:?}")),
        }
        Ok(())
    }
}

impl OwnerLedger for TwinLedger {
    fn info(&self) -> LedgerInfo {
        let beacon = BeaconSchedule { genesis: UnixSeconds(0), period: 3 };
        LedgerInfo { context: context(), token: TOKEN, account: self.account, beacon }
    }

    fn now(&self) -> BoxFuture<'_, Result<UnixSeconds, LedgerFault>> {
        async {
            if self.hangs.load(Ordering::SeqCst) {
                std::future::pending::<()>().await;
            }
            let now = HostLedger::now(&*self.chain).await;
            let now = now.map_err(|error| LedgerFault::Unreachable(error.into()))?;
            Ok(UnixSeconds(now.0 - self.behind.load(Ordering::SeqCst)))
        }
        .boxed()
    }

    fn balance(&self) -> BoxFuture<'_, Result<Stroops, LedgerFault>> {
        async {
            self.credit();
            Ok(*self.balance.lock().unwrap())
        }
        .boxed()
    }

    fn beacon(&self) -> BoxFuture<'_, Result<BeaconRound, LedgerFault>> {
        async {
            if self.beacon_down.load(Ordering::SeqCst) {
                return Err(LedgerFault::Unreachable("no beacon server answers".into()));
            }
            let now = self.now().await?;
            let round = self.info().beacon.latest_round(now);
            Ok(beacon_round(round))
        }
        .boxed()
    }

    fn slots(&self, folder: u32) -> BoxFuture<'_, Result<Vec<[u8; 32]>, LedgerFault>> {
        async move {
            let mut out = Vec::new();
            for slot in 0..64 {
                let place = layr_host::ports::SlotPlace { owner: self.account, folder, slot };
                let held = HostLedger::slot(&*self.chain, place).await;
                out.push(held.map_err(|error| LedgerFault::Unreachable(error.into()))?.unwrap_or_default());
            }
            Ok(out)
        }
        .boxed()
    }

    fn open_cost_bound(&self, _: usize) -> BoxFuture<'_, Result<CallCost, LedgerFault>> {
        async { Ok(CallCost { fee: FEE, rent: Stroops::ZERO }) }.boxed()
    }

    fn close_cost_bound(&self, agreements: usize) -> BoxFuture<'_, Result<CallCost, LedgerFault>> {
        let fee = if agreements == 0 { Stroops::ZERO } else { FEE };
        async move { Ok(CallCost { fee, rent: Stroops::ZERO }) }.boxed()
    }

    fn history<'a>(&'a self, terms: &'a Terms) -> BoxFuture<'a, Result<Vec<SlotEvent>, LedgerFault>> {
        async move {
            if self.forgets.load(Ordering::SeqCst) {
                return Ok(Vec::new());
            }
            let id = terms.id(&SoftwareSha256, &context());
            let (mut events, mut cursor) = (Vec::new(), None);
            loop {
                let news = HostLedger::news(&*self.chain, cursor).await;
                let news = news.map_err(|error| LedgerFault::Unreachable(error.into()))?;
                let mine = news.told.into_iter().filter(|(of, _)| *of == id);
                events.extend(mine.map(|(_, told)| match told {
                    Told::State { state, revision, .. } => SlotEvent::State { state, revision },
                    Told::Over { settlement } => SlotEvent::Ended { settlement, bond: Stroops::ZERO },
                }));
                if !news.more {
                    events.reverse();
                    return Ok(events);
                }
                cursor = news.cursor;
            }
        }
        .boxed()
    }

    fn posted(&self, round: u64) -> BoxFuture<'_, Result<bool, LedgerFault>> {
        async move {
            let posted = HostLedger::posted_beacon(&*self.chain, round).await;
            Ok(posted.map_err(|error| LedgerFault::Unreachable(error.into()))?.is_some())
        }
        .boxed()
    }

    fn quote<'a>(&'a self, _: &'a EscrowCall) -> BoxFuture<'a, Result<CallCost, LedgerFault>> {
        async { Ok(CallCost { fee: FEE, rent: Stroops::ZERO }) }.boxed()
    }

    fn send(&self, call: EscrowCall, journal: TxJournal) -> BoxFuture<'_, Result<AppliedTx, LedgerFault>> {
        async move {
            let mishap = self.mishap.lock().unwrap().take();
            if mishap == Some(Mishap::Down) {
                return Err(LedgerFault::Unreachable("nobody answers".into()));
            }
            if mishap == Some(Mishap::HangsUnsent) {
                std::future::pending::<()>().await;
            }
            let number = self.counter.fetch_add(1, Ordering::SeqCst);
            let hash = TxHash(*blake3::hash(&number.to_be_bytes()).as_bytes());
            journal(&PendingTx { hash, envelope: vec![1], fee_bound: FEE }).map_err(LedgerFault::Journal)?;
            if mishap == Some(Mishap::NeverApplied) {
                self.outcomes.lock().unwrap().insert(hash, TxOutcome::Dead { fee: Stroops::ZERO });
                return Err(LedgerFault::Unknown { hash, source: None });
            }
            self.apply(call).await.map_err(refused)?;
            let applied = AppliedTx { hash, fee: FEE };
            self.outcomes.lock().unwrap().insert(hash, TxOutcome::Applied(applied));
            match mishap {
                Some(Mishap::Hangs) => std::future::pending().await,
                Some(Mishap::AnswerLost) => Err(LedgerFault::Unknown { hash, source: None }),
                _ => Ok(applied),
            }
        }
        .boxed()
    }

    fn follow<'a>(&'a self, tx: &'a PendingTx) -> BoxFuture<'a, Result<TxOutcome, LedgerFault>> {
        let known = self.outcomes.lock().unwrap().get(&tx.hash).copied();
        async move { Ok(known.unwrap_or(TxOutcome::Dead { fee: Stroops::ZERO })) }.boxed()
    }
}
