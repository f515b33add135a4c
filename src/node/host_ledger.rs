//! The host's view of the ledger, over the Stellar client. Errors keep the client's own words.

use futures::future::{BoxFuture, FutureExt as _};
use layr_host::ports::{
    HostLedger, LedgerError, News, OnLedger, Proof, Response, SignedSplit, SlotPlace, Told,
};
use layr_identity::{Identity, Signer};
use layr_ledger::{
    Accusation, Call, Closing, Escrow, EscrowEvent, EventPage, MoneyEffect, Payer, Publication, Standing,
};
use layr_market::{
    BeaconSchedule, Challenge, Kind, Notice, Revision, SlotState, SoftwareSha256, message_digest, named_leaf,
};
use layr_protocol::{CoSigned, SignedVoucher};
use layr_types::{AccountKey, AgreementId, ContractId, LeafIndex, NodeKey, Signature, Stroops, UnixSeconds};

/// A host's account and key on one escrow contract.
#[derive(Clone)]
pub struct StellarHost {
    escrow: Escrow,
    account: Signer,
    node: NodeKey,
    registration: Signature,
}

impl StellarHost {
    /// Joins a contract and an identity.
    #[must_use]
    pub fn new(escrow: Escrow, identity: &Identity) -> Self {
        let context = escrow.context();
        let digest = message_digest(&SoftwareSha256, Kind::Registration, &context, &identity.account().0);
        Self {
            account: identity.account_signer(),
            node: identity.node_key(),
            registration: identity.sign_as_node(&digest),
            escrow,
        }
    }

    /// Makes sure the host's key is bound to its account and has at least `wanted` free in escrow; returns what
    /// was added.
    ///
    /// # Errors
    /// The client's, with what became of money.
    pub async fn prepare(
        &self,
        token: ContractId,
        wanted: Stroops,
    ) -> Result<Stroops, layr_ledger::LedgerError> {
        let account = AccountKey(self.account.public());
        let payer = Payer::unlogged(self.account.clone());
        if self.escrow.registered_account(&self.node).await? != Some(account) {
            self.escrow.register(&account, &self.node, &self.registration)?.submit(&payer).await?;
        }
        let free = self.escrow.balance(&self.node, &token).await?;
        if free >= wanted {
            return Ok(Stroops::ZERO);
        }
        let missing = wanted - free;
        self.escrow.deposit(&account, &self.node, &token, missing)?.submit(&payer).await?;
        Ok(missing)
    }

    /// A host pays for its own settlements; a transaction repeated after a crash is refused by the slot.
    fn payer(&self) -> Payer {
        Payer::unlogged(self.account.clone())
    }
}

impl StellarHost {
    async fn send(&self, call: Result<Call<()>, layr_ledger::LedgerError>) -> Result<(), LedgerError> {
        call.map_err(fault)?.submit(&self.payer()).await.map(|_| ()).map_err(fault)
    }

    /// Events after `cursor`, or from the oldest the endpoint remembers.
    async fn events(&self, cursor: Option<&str>) -> Result<EventPage, layr_ledger::LedgerError> {
        if let Some(cursor) = cursor {
            match self.escrow.events(0, Some(cursor)).await {
                Err(error) if !error.is_transient() => {
                    tracing::warn!(%error, "the place in the ledger's events is forgotten; reading all that is left");
                }
                answered => return answered,
            }
        }
        let oldest = self.escrow.client().health().await?.oldest_ledger.max(1);
        self.escrow.events(oldest, None).await
    }
}

const fn standing(at: &OnLedger) -> Standing<'_> {
    Standing { terms: &at.terms, state: &at.state }
}

fn leaves(named: &[u8]) -> Vec<LeafIndex> {
    (0..).map_while(|i| named_leaf(named, i)).collect()
}

/// What an event tells of an agreement; nothing where it is about something else.
fn told(event: EscrowEvent) -> Option<(AgreementId, Told)> {
    let goes_on = |state: Box<SlotState>| Told::State { state, revision: None, named: Vec::new() };
    Some(match event {
        EscrowEvent::Published { id, revision, state } => {
            (id, Told::State { state, revision: Some(revision), named: Vec::new() })
        }
        EscrowEvent::Challenged { id, state, leaves } => {
            let named = leaves.iter().flat_map(|leaf| leaf.0.to_be_bytes()).collect();
            (id, Told::State { state, revision: None, named })
        }
        EscrowEvent::Answered { id, state }
        | EscrowEvent::NoticeGiven { id, state }
        | EscrowEvent::Redeemed { id, state }
        | EscrowEvent::Rotated { id, state }
        | EscrowEvent::RotationStarted { id, state, .. } => (id, goes_on(state)),
        EscrowEvent::Closed { id, settlement }
        | EscrowEvent::Proved { id, settlement }
        | EscrowEvent::Expired { id, settlement }
        | EscrowEvent::Defaulted { id, settlement, .. } => (id, Told::Over { settlement }),
        _ => return None,
    })
}

/// The ledger a place in the events lies in: the upper half of the number before the dash.
fn ledger_of(cursor: &str) -> Option<u64> {
    cursor.split('-').next()?.parse::<u64>().ok().map(|place| place >> 32)
}

/// The client's error in the host's words: what may have happened is "unavailable", what was refused is final.
fn fault(error: layr_ledger::LedgerError) -> LedgerError {
    let detail = error.to_string();
    let open = error.is_transient() || matches!(error.effect, MoneyEffect::Unknown(_));
    if open { LedgerError::Unavailable { detail } } else { LedgerError::Refused { detail } }
}

impl HostLedger for StellarHost {
    fn now(&self) -> BoxFuture<'_, Result<UnixSeconds, LedgerError>> {
        async { Ok(self.escrow.client().now().await.map_err(fault)?.now) }.boxed()
    }

    fn beacon_schedule(&self) -> BoxFuture<'_, Result<BeaconSchedule, LedgerError>> {
        async { Ok(self.escrow.client().beacon().schedule()) }.boxed()
    }

    fn slot(&self, place: SlotPlace) -> BoxFuture<'_, Result<Option<[u8; 32]>, LedgerError>> {
        async move { self.escrow.slot(&place.owner, place.folder, place.slot).await.map_err(fault) }.boxed()
    }

    fn free_collateral(&self, token: ContractId) -> BoxFuture<'_, Result<Stroops, LedgerError>> {
        async move { self.escrow.balance(&self.node, &token).await.map_err(fault) }.boxed()
    }

    fn publish(&self, at: OnLedger, newest: CoSigned) -> BoxFuture<'_, Result<(), LedgerError>> {
        async move {
            let publication = Publication {
                terms: at.terms,
                state: at.state,
                revision: newest.revision,
                owner_signature: newest.owner,
                host_signature: newest.host,
            };
            let call = self.escrow.publish(&publication).map_err(fault)?;
            call.submit(&self.payer()).await.map(|_| ()).map_err(fault)
        }
        .boxed()
    }

    fn posted_beacon(&self, round: u64) -> BoxFuture<'_, Result<Option<[u8; 32]>, LedgerError>> {
        async move { self.escrow.posted_beacon(round).await.map_err(fault) }.boxed()
    }

    fn post_beacon(&self, round: u64) -> BoxFuture<'_, Result<[u8; 32], LedgerError>> {
        async move {
            let found = self.escrow.client().beacon().round(round).await.map_err(fault)?;
            let call = self.escrow.post_beacon(&found).map_err(fault)?;
            call.submit(&self.payer()).await.map_err(fault)?;
            Ok(found.randomness)
        }
        .boxed()
    }

    fn prove(&self, at: OnLedger, proof: Proof) -> BoxFuture<'_, Result<(), LedgerError>> {
        async move {
            let call =
                self.escrow.prove(&at.terms, &at.state, &proof.revision, &proof.leaves).map_err(fault)?;
            call.submit(&self.payer()).await.map(|_| ()).map_err(fault)
        }
        .boxed()
    }

    fn expire(&self, at: OnLedger, published: Option<Revision>) -> BoxFuture<'_, Result<(), LedgerError>> {
        async move {
            let call = self.escrow.expire(&at.terms, &at.state, published.as_ref()).map_err(fault)?;
            call.submit(&self.payer()).await.map(|_| ()).map_err(fault)
        }
        .boxed()
    }

    fn news(&self, cursor: Option<String>) -> BoxFuture<'_, Result<News, LedgerError>> {
        async move {
            let page = self.events(cursor.as_deref()).await.map_err(fault)?;
            let reached = page.cursor.as_deref().and_then(ledger_of);
            let behind = reached.is_some_and(|ledger| ledger + 1 < u64::from(page.latest_ledger));
            let more = page.cursor != cursor && (behind || !page.events.is_empty());
            let told = page.events.into_iter().filter_map(|logged| told(logged.event)).collect();
            Ok(News { told, cursor: page.cursor, more })
        }
        .boxed()
    }

    fn beacon(&self, round: u64) -> BoxFuture<'_, Result<[u8; 32], LedgerError>> {
        async move {
            let found = self.escrow.client().beacon().round(round).await.map_err(fault)?;
            Ok(found.randomness)
        }
        .boxed()
    }

    fn challenge(
        &self,
        at: OnLedger,
        challenge: Challenge,
        signature: Signature,
    ) -> BoxFuture<'_, Result<(), LedgerError>> {
        async move {
            let from = AccountKey(self.account.public());
            let OnLedger { terms, state } = at;
            let leaves = Vec::new();
            let accusation = Accusation { terms, state, challenge, signature, leaves, from };
            self.send(self.escrow.challenge(&accusation)).await
        }
        .boxed()
    }

    fn respond(&self, at: OnLedger, response: Response) -> BoxFuture<'_, Result<(), LedgerError>> {
        async move {
            let Response { revision, named, leaves: proofs } = response;
            self.send(self.escrow.respond(standing(&at), &revision, &leaves(&named), &proofs)).await
        }
        .boxed()
    }

    fn settle_default(&self, at: OnLedger, published: Revision) -> BoxFuture<'_, Result<(), LedgerError>> {
        async move { self.send(self.escrow.default(standing(&at), &published)).await }.boxed()
    }

    fn redeem(&self, at: OnLedger, voucher: SignedVoucher) -> BoxFuture<'_, Result<(), LedgerError>> {
        async move {
            self.send(self.escrow.redeem(standing(&at), &voucher.voucher, &voucher.signature)).await
        }
        .boxed()
    }

    fn start_close(
        &self,
        at: OnLedger,
        notice: Notice,
        signature: Signature,
    ) -> BoxFuture<'_, Result<(), LedgerError>> {
        async move { self.send(self.escrow.start_close(standing(&at), &notice, &signature)).await }.boxed()
    }

    fn close(&self, at: OnLedger, split: SignedSplit) -> BoxFuture<'_, Result<(), LedgerError>> {
        async move {
            let closing = Closing {
                terms: at.terms,
                state: at.state,
                split: split.split,
                owner_signature: split.owner,
                host_signature: split.host,
            };
            let call = self.escrow.close(std::slice::from_ref(&closing)).map_err(fault)?;
            call.submit(&self.payer()).await.map(|_| ()).map_err(fault)
        }
        .boxed()
    }
}
