//! The host's view of the ledger, over the Stellar client. Errors keep the client's own words.

use futures::future::{BoxFuture, FutureExt as _};
use layr_host::ports::{HostLedger, LedgerError, OnLedger, Proof, SignedSplit, SlotPlace};
use layr_identity::{Identity, Signer};
use layr_ledger::{Closing, Escrow, MoneyEffect, Payer, Publication};
use layr_market::{BeaconSchedule, Kind, Revision, SoftwareSha256, message_digest};
use layr_protocol::CoSigned;
use layr_types::{AccountKey, ContractId, NodeKey, Stroops, UnixSeconds};

/// A host's account and key on one escrow contract.
#[derive(Clone)]
pub struct StellarHost {
    escrow: Escrow,
    account: Signer,
    node: NodeKey,
    registration: layr_types::Signature,
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
