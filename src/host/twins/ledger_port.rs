//! The twin ledger as the host's port.

use super::ledger::{Answer, MemoryLedger, check, seed_of};
use crate::ports::{HostLedger, News, OnLedger, Proof, Response, SignedSplit, SlotPlace};
use futures::future::BoxFuture;
use layr_identity::verify;
use layr_market::{BeaconSchedule, Challenge, Notice, Revision, SoftwareSha256};
use layr_protocol::{CoSigned, SignedVoucher};
use layr_types::{ContractId, Signature, Stroops, UnixSeconds};

/// Events told at once.
const NEWS_PAGE: usize = 3;

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
        Box::pin(async move { self.change(|| self.publish_now(&at, &newest, "publish")) })
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

    fn news(&self, cursor: Option<String>) -> BoxFuture<'_, Answer<News>> {
        Box::pin(async move {
            let state = self.reachable()?;
            let from = cursor.and_then(|cursor| cursor.parse().ok()).unwrap_or(0).max(state.forgotten);
            let told: Vec<_> = state.events.iter().skip(from).take(NEWS_PAGE).cloned().collect();
            let next = from + told.len();
            Ok(News { told, cursor: Some(next.to_string()), more: next < state.events.len() })
        })
    }

    fn beacon(&self, round: u64) -> BoxFuture<'_, Answer<[u8; 32]>> {
        Box::pin(async move {
            check(self.schedule.time_of(round) <= self.reachable()?.now, "the round has not been published")?;
            Ok(seed_of(round))
        })
    }

    fn challenge(
        &self,
        at: OnLedger,
        challenge: Challenge,
        signature: Signature,
    ) -> BoxFuture<'_, Answer<()>> {
        Box::pin(async move {
            let digest = challenge.digest(&SoftwareSha256);
            check(verify(&at.state.host_key, &digest, &signature), "not the host's signature")?;
            self.change(|| self.open_challenge(&at, &challenge, &[]))
        })
    }

    fn respond(&self, at: OnLedger, response: Response) -> BoxFuture<'_, Answer<()>> {
        Box::pin(async move { self.change(|| self.respond_now(&at, &response)) })
    }

    fn settle_default(&self, at: OnLedger, published: Revision) -> BoxFuture<'_, Answer<()>> {
        Box::pin(async move { self.change(|| self.default_now(&at, &published)) })
    }

    fn redeem(&self, at: OnLedger, voucher: SignedVoucher) -> BoxFuture<'_, Answer<()>> {
        Box::pin(async move { self.change(|| self.redeem_now(&at, &voucher)) })
    }

    fn start_close(&self, at: OnLedger, notice: Notice, signature: Signature) -> BoxFuture<'_, Answer<()>> {
        Box::pin(async move { self.change(|| self.start_close_now(&at, &notice, &signature)) })
    }

    fn close(&self, at: OnLedger, split: SignedSplit) -> BoxFuture<'_, Answer<()>> {
        Box::pin(async move { self.change(|| self.close_now(&at, &split)) })
    }
}
