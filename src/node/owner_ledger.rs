//! The owner's view of the ledger, over the Stellar client: every transaction is in the owner's journal before
//! its first byte leaves.

use futures::future::{BoxFuture, FutureExt as _};
use layr_identity::{Identity, Signer};
use layr_ledger::{
    Accusation, Call, Cause, Closing, Escrow, EscrowEvent, LedgerError, MoneyEffect, Opening, Payer, Pending,
    PendingLog, Publication, Renewal, Resolution, Stage, Standing,
};
use layr_market::{SoftwareSha256, Terms};
use layr_owner::{
    AppliedTx, BeaconRound, CallCost, ChallengeItem, CloseItem, EscrowCall, LedgerFault, LedgerInfo,
    MAX_CLOSE_BATCH, OpenItem, OwnerLedger, PendingTx, RenewItem, SlotEvent, TxJournal, TxOutcome,
};
use layr_types::{AccountKey, ContractId, LeafIndex, Stroops, UnixSeconds};
use std::sync::{Arc, Mutex, PoisonError};

/// Slots in one folder.
const SLOTS: u8 = 64;
/// Bound on the fees of opening, whatever the number of agreements, and for each: 0.05 and 0.006 XLM. A call cannot
/// be simulated before hosts have signed, so the bounds come from the measured costs in `contracts/escrow`, with
/// head-room; a transaction that would cost more is not sent.
const OPEN_FEE: (i128, i128) = (500_000, 60_000);
/// The same of rent for ledger space: 0.25 and 0.034 XLM.
const OPEN_RENT: (i128, i128) = (2_500_000, 340_000);
/// Bound on the fees of closing by consent, for each transaction and for each agreement: 0.006 and 0.0025 XLM, twice
/// what is measured. Slots are only cleared, so there is rent only where the owner's folder nears its end.
const CLOSE_FEE: (i128, i128) = (60_000, 25_000);
/// The same of rent.
const CLOSE_RENT: (i128, i128) = (250_000, 0);

/// An owner's account on one escrow contract.
#[derive(Clone)]
pub struct StellarOwner {
    escrow: Escrow,
    token: ContractId,
    account: Signer,
    /// What may still be spent on fees, where that is limited; shared by all clones.
    fees_left: Option<Arc<Mutex<Stroops>>>,
}

impl StellarOwner {
    /// Joins a contract, an asset and an identity.
    #[must_use]
    pub fn new(escrow: Escrow, token: ContractId, identity: &Identity) -> Self {
        Self { escrow, token, account: identity.account_signer(), fees_left: None }
    }

    /// The same, spending at most `limit` on ledger fees and rent in all.
    #[must_use]
    pub fn within(self, limit: Option<Stroops>) -> Self {
        Self { fees_left: limit.map(|limit| Arc::new(Mutex::new(limit))), ..self }
    }

    /// The most the next transaction may cost, its own bound and what is left of the limit considered.
    fn fee_bound(&self, own: Option<Stroops>) -> Option<Stroops> {
        let left = self.fees_left.as_ref().map(|left| *left.lock().unwrap_or_else(PoisonError::into_inner));
        own.into_iter().chain(left).min()
    }

    fn spent(&self, fee: Stroops) {
        if let Some(left) = &self.fees_left {
            *left.lock().unwrap_or_else(PoisonError::into_inner) -= fee;
        }
    }

    fn key(&self) -> AccountKey {
        AccountKey(self.account.public())
    }

    async fn spendable(&self) -> Result<Stroops, LedgerFault> {
        let account = self.escrow.client().account(&self.key()).await.map_err(fault)?;
        Ok(account.map_or(Stroops::ZERO, |state| state.spendable()))
    }

    async fn call(&self, call: &EscrowCall) -> Result<Call<()>, LedgerFault> {
        let made = match call {
            EscrowCall::Open(items) => {
                let openings: Vec<Opening> = items.iter().map(opening).collect();
                self.escrow.open(&self.key(), &openings)
            }
            EscrowCall::Close(items) => {
                let closings: Vec<Closing> = items.iter().map(closing).collect();
                self.escrow.close(&closings)
            }
            EscrowCall::Publish { terms, state, revision } => self.escrow.publish(&Publication {
                terms: Terms::clone(terms),
                state: **state,
                revision: revision.revision.clone(),
                owner_signature: revision.owner,
                host_signature: revision.host,
            }),
            EscrowCall::Expire { terms, state, revision } => {
                self.escrow.expire(terms, state, revision.as_deref())
            }
            EscrowCall::Prove(proof) => {
                self.escrow.prove(&proof.terms, &proof.state, &proof.revision, &proof.proofs)
            }
            EscrowCall::PostBeacon { round } => {
                let round = self.escrow.client().beacon().round(*round).await.map_err(fault)?;
                self.escrow.post_beacon(&round)
            }
            EscrowCall::Challenge(item) => self.escrow.challenge(&self.accusation(item)),
            EscrowCall::Respond(proof) => {
                let at = Standing { terms: &proof.terms, state: &proof.state };
                self.escrow.respond(at, &proof.revision, &leaf_list(&proof.leaves), &proof.proofs)
            }
            EscrowCall::Default { terms, state, revision } => {
                self.escrow.default(Standing { terms, state }, revision)
            }
            EscrowCall::StartClose { terms, state, notice, signature } => {
                self.escrow.start_close(Standing { terms, state }, notice, signature)
            }
            EscrowCall::Renew(items) => {
                let renewals: Vec<Renewal> = items
                    .iter()
                    .map(|item| Renewal { closing: closing(&item.closing), opening: opening(&item.opening) })
                    .collect();
                self.escrow.renew(&self.key(), &renewals)
            }
            _ => return Err(unknown_call()),
        };
        made.map_err(fault)
    }

    /// A challenge whose bond this account pays.
    fn accusation(&self, item: &ChallengeItem) -> Accusation {
        Accusation {
            terms: item.terms.clone(),
            state: item.state,
            challenge: item.challenge,
            signature: item.signature,
            leaves: leaf_list(&item.leaves),
            from: self.key(),
        }
    }

    /// What the call needs from the account beyond fees.
    fn locked(call: &EscrowCall) -> Stroops {
        match call {
            EscrowCall::Open(items) => {
                items.iter().map(|item| item.terms.escrow + item.terms.voucher_part).sum()
            }
            EscrowCall::Challenge(item) => item.challenge.bond,
            EscrowCall::Renew(items) => {
                let new = |item: &RenewItem| item.opening.terms.escrow + item.opening.terms.voucher_part;
                let net: Stroops = items.iter().map(|item| new(item) - item.closing.split.owner).sum();
                net.max(Stroops::ZERO)
            }
            _ => Stroops::ZERO,
        }
    }
}

/// Leaves from their list of eight bytes each; a torn last entry is left out, and the contract refuses the list.
fn leaf_list(bytes: &[u8]) -> Vec<LeafIndex> {
    bytes.as_chunks::<8>().0.iter().map(|leaf| LeafIndex(u64::from_be_bytes(*leaf))).collect()
}

/// An event of an agreement in the owner's words; `None` for what changes neither state nor money of it.
fn slot_event(event: EscrowEvent) -> Option<SlotEvent> {
    let settled = |settlement| Some(SlotEvent::Ended { settlement, bond: Stroops::ZERO });
    match event {
        EscrowEvent::Published { revision, state, .. } => {
            Some(SlotEvent::State { state, revision: Some(revision) })
        }
        EscrowEvent::Challenged { state, .. }
        | EscrowEvent::Answered { state, .. }
        | EscrowEvent::NoticeGiven { state, .. }
        | EscrowEvent::Redeemed { state, .. }
        | EscrowEvent::Rotated { state, .. }
        | EscrowEvent::RotationStarted { state, .. } => Some(SlotEvent::State { state, revision: None }),
        EscrowEvent::Defaulted { settlement, bond, .. } => Some(SlotEvent::Ended { settlement, bond }),
        EscrowEvent::Closed { settlement, .. }
        | EscrowEvent::Proved { settlement, .. }
        | EscrowEvent::Expired { settlement, .. } => settled(settlement),
        _ => None,
    }
}

fn opening(item: &OpenItem) -> Opening {
    Opening { terms: item.terms.clone(), host_signature: item.host }
}

fn closing(item: &CloseItem) -> Closing {
    Closing {
        terms: item.terms.clone(),
        state: item.state,
        split: item.split,
        owner_signature: item.owner,
        host_signature: item.host,
    }
}

/// A call that the owner knows and this ledger client does not.
fn unknown_call() -> LedgerFault {
    LedgerFault::Refused { fee: Stroops::ZERO, source: "the ledger client does not know this call".into() }
}

/// The owner's journal as the client calls it.
struct Journal(TxJournal);

impl PendingLog for Journal {
    fn about_to_send(&self, pending: &Pending) -> Result<(), layr_ledger::BoxError> {
        (self.0)(&written(pending)?).map_err(Into::into)
    }
}

fn written(pending: &Pending) -> Result<PendingTx, serde_json::Error> {
    Ok(PendingTx { hash: pending.hash, envelope: serde_json::to_vec(pending)?, fee_bound: pending.max_fee })
}

/// What this many calls about this many agreements cost at most, at so much a call and so much an agreement.
fn bound((base, each): (i128, i128), calls: usize, agreements: usize) -> Stroops {
    let count = |count: usize| i128::try_from(count).unwrap_or(i128::MAX >> 32);
    Stroops(base.saturating_mul(count(calls)).saturating_add(each.saturating_mul(count(agreements))))
}

/// The client's error in the owner's words.
fn fault(error: LedgerError) -> LedgerFault {
    match error.effect {
        MoneyEffect::Unknown(hash) | MoneyEffect::Applied(hash) => {
            LedgerFault::Unknown { hash, source: Some(error.into()) }
        }
        MoneyEffect::Fee(fee) => LedgerFault::Refused { fee, source: error.into() },
        MoneyEffect::None if error.is_transient() || matches!(error.stage, Stage::Read | Stage::Beacon) => {
            LedgerFault::Unreachable(error.into())
        }
        MoneyEffect::None => LedgerFault::Refused { fee: Stroops::ZERO, source: error.into() },
    }
}

impl OwnerLedger for StellarOwner {
    fn info(&self) -> LedgerInfo {
        LedgerInfo {
            context: self.escrow.context(),
            token: self.token,
            account: self.key(),
            beacon: self.escrow.client().beacon().schedule(),
        }
    }

    fn now(&self) -> BoxFuture<'_, Result<UnixSeconds, LedgerFault>> {
        async { Ok(self.escrow.client().now().await.map_err(fault)?.now) }.boxed()
    }

    fn balance(&self) -> BoxFuture<'_, Result<Stroops, LedgerFault>> {
        self.spendable().boxed()
    }

    fn beacon(&self) -> BoxFuture<'_, Result<BeaconRound, LedgerFault>> {
        async {
            let round = self.escrow.client().beacon().latest().await.map_err(fault)?;
            Ok(BeaconRound { round: round.round, randomness: round.randomness, signature: round.signature })
        }
        .boxed()
    }

    fn slots(&self, folder: u32) -> BoxFuture<'_, Result<Vec<[u8; 32]>, LedgerFault>> {
        async move {
            let folder = self.escrow.folder(&self.key(), folder).await.map_err(fault)?;
            Ok((0..SLOTS).map(|slot| folder.slot(slot).unwrap_or_default()).collect())
        }
        .boxed()
    }

    fn open_cost_bound(&self, agreements: usize) -> BoxFuture<'_, Result<CallCost, LedgerFault>> {
        let cost = CallCost { fee: bound(OPEN_FEE, 1, agreements), rent: bound(OPEN_RENT, 1, agreements) };
        async move { Ok(cost) }.boxed()
    }

    fn close_cost_bound(&self, agreements: usize) -> BoxFuture<'_, Result<CallCost, LedgerFault>> {
        let calls = agreements.div_ceil(MAX_CLOSE_BATCH);
        let cost =
            CallCost { fee: bound(CLOSE_FEE, calls, agreements), rent: bound(CLOSE_RENT, calls, agreements) };
        async move { Ok(cost) }.boxed()
    }

    fn history<'a>(&'a self, terms: &'a Terms) -> BoxFuture<'a, Result<Vec<SlotEvent>, LedgerFault>> {
        async move {
            let id = terms.id(&SoftwareSha256, &self.escrow.context());
            let told = self.escrow.story(&id).await.map_err(fault)?;
            Ok(told.into_iter().rev().filter_map(|logged| slot_event(logged.event)).collect())
        }
        .boxed()
    }

    fn posted(&self, round: u64) -> BoxFuture<'_, Result<bool, LedgerFault>> {
        async move { Ok(self.escrow.posted_beacon(round).await.map_err(fault)?.is_some()) }.boxed()
    }

    fn quote<'a>(&'a self, call: &'a EscrowCall) -> BoxFuture<'a, Result<CallCost, LedgerFault>> {
        async move {
            let quote = self.call(call).await?.quote(&self.key()).await.map_err(fault)?;
            let fee = quote.inclusion_fee + quote.resource_fee + quote.refundable;
            Ok(CallCost { fee, rent: quote.rent + quote.restore })
        }
        .boxed()
    }

    fn send(&self, call: EscrowCall, journal: TxJournal) -> BoxFuture<'_, Result<AppliedTx, LedgerFault>> {
        async move {
            let (balance, needed) = (self.spendable().await?, Self::locked(&call));
            if balance < needed {
                return Err(LedgerFault::Funds { balance, needed });
            }
            let mut payer = Payer::new(self.account.clone(), Arc::new(Journal(journal)));
            let own = match &call {
                EscrowCall::Open(items) => Some(self.open_cost_bound(items.len()).await?.total()),
                _ => None,
            };
            payer.max_fee = self.fee_bound(own);
            let outcome = self.call(&call).await?.submit(&payer).await.map_err(fault)?;
            self.spent(outcome.receipt.fee);
            Ok(AppliedTx { hash: outcome.receipt.hash, fee: outcome.receipt.fee })
        }
        .boxed()
    }

    fn follow<'a>(&'a self, tx: &'a PendingTx) -> BoxFuture<'a, Result<TxOutcome, LedgerFault>> {
        async move {
            let pending: Pending = serde_json::from_slice(&tx.envelope)
                .map_err(|error| LedgerFault::Unknown { hash: tx.hash, source: Some(error.into()) })?;
            match self.escrow.client().resume(&pending).await {
                Ok(Resolution::Applied(receipt)) => {
                    Ok(TxOutcome::Applied(AppliedTx { hash: receipt.hash, fee: receipt.fee }))
                }
                Ok(Resolution::Failed { fee, .. }) => Ok(TxOutcome::Dead { fee }),
                Ok(Resolution::Restored(receipt)) => Ok(TxOutcome::Dead { fee: receipt.fee }),
                Ok(Resolution::Expired) => Ok(TxOutcome::Dead { fee: Stroops::ZERO }),
                Ok(_) => Ok(TxOutcome::Pending),
                Err(error) if matches!(*error.cause, Cause::Unreachable(_)) => Ok(TxOutcome::Pending),
                Err(error) => Err(fault(error)),
            }
        }
        .boxed()
    }
}
