//! The protocol's service, as one authenticated caller sees this host.

use crate::error::HostError;
use crate::host::Host;
use layr_protocol::limits::PROTOCOL_VERSION;
use layr_protocol::{
    Acknowledge, Append, AuditReply, AuditRequest, CoSigned, ContentsRequest, Finish, Free, Hello, HostApi,
    OwnerRecordBytes, Proposal, ReadAccount, ReadPass, Refusal, Renew, Renewed, Rotate, SignedOffer,
    SignedPass, SignedVoucher, SlotTold, Welcome,
};
use layr_types::{AgreementId, NodeKey, SectorRoot, Signature};
use std::sync::Arc;
use tarpc::context::Context;

/// One caller's view. `peer` is whom the transport has authenticated; nothing a message says can change it.
#[derive(Debug, Clone)]
pub struct HostService {
    /// The host.
    pub host: Arc<Host>,
    /// The caller.
    pub peer: NodeKey,
}

impl HostApi for HostService {
    async fn hello(self, _: Context, hello: Hello) -> Result<Welcome, Refusal> {
        if hello.version != PROTOCOL_VERSION {
            return Err(Refusal::Version { host: PROTOCOL_VERSION });
        }
        if hello.context != self.host.config().context {
            return Err(Refusal::OtherLedger);
        }
        let now = self.host.clock.recent().await.map_err(HostError::from)?;
        let free_reads_percent = self.host.config().offer.free_reads_percent;
        Ok(Welcome { version: PROTOCOL_VERSION, now, free_reads_percent })
    }

    async fn offer(self, _: Context) -> Result<SignedOffer, Refusal> {
        Ok(self.host.offer_now().await?)
    }

    async fn propose(self, _: Context, proposal: Proposal) -> Result<Signature, Refusal> {
        self.host.propose(self.peer, proposal).await
    }

    async fn activate(self, _: Context, id: AgreementId) -> Result<(), Refusal> {
        self.host.activate(self.peer, id).await
    }

    async fn append(self, _: Context, append: Append) -> Result<Signature, Refusal> {
        self.host.append(self.peer, append).await
    }

    async fn audit(self, _: Context, request: AuditRequest) -> Result<AuditReply, Refusal> {
        request.validate()?;
        self.host.answer(self.peer, request.challenge).await
    }

    async fn acknowledge(self, _: Context, acknowledge: Acknowledge) -> Result<Signature, Refusal> {
        self.host.acknowledge(self.peer, acknowledge).await
    }

    async fn finish(self, _: Context, finish: Finish) -> Result<Signature, Refusal> {
        self.host.finish(self.peer, finish).await
    }

    async fn latest(self, _: Context, id: AgreementId) -> Result<Option<CoSigned>, Refusal> {
        self.host.latest(self.peer, id).await
    }

    async fn slot(self, _: Context, id: AgreementId) -> Result<Option<SlotTold>, Refusal> {
        self.host.slot_told(self.peer, id).await
    }

    async fn agreements(self, _: Context) -> Result<Vec<AgreementId>, Refusal> {
        self.host.agreements(self.peer).await
    }

    async fn terms(self, _: Context, id: AgreementId) -> Result<Vec<u8>, Refusal> {
        self.host.terms(self.peer, id).await
    }

    async fn put_owner_record(self, _: Context, record: OwnerRecordBytes) -> Result<(), Refusal> {
        self.host.put_owner_record(self.peer, record).await
    }

    async fn get_owner_record(self, _: Context, owner: NodeKey) -> Result<Option<OwnerRecordBytes>, Refusal> {
        self.host.get_owner_record(owner).await
    }

    async fn reads(self, _: Context, id: AgreementId) -> Result<ReadAccount, Refusal> {
        self.host.reads(self.peer, id).await
    }

    async fn voucher(self, _: Context, voucher: SignedVoucher) -> Result<ReadAccount, Refusal> {
        self.host.voucher(self.peer, voucher).await
    }

    async fn renew(self, _: Context, renew: Renew) -> Result<Renewed, Refusal> {
        self.host.renew(self.peer, renew).await
    }

    async fn rotate(self, _: Context, rotate: Rotate) -> Result<Signature, Refusal> {
        self.host.rotate(self.peer, rotate).await
    }

    async fn free(self, _: Context, free: Free) -> Result<Signature, Refusal> {
        self.host.free(self.peer, free).await
    }

    async fn contents(self, _: Context, request: ContentsRequest) -> Result<Vec<SectorRoot>, Refusal> {
        self.host.contents(self.peer, request).await
    }

    async fn show_pass(self, _: Context, pass: SignedPass) -> Result<(), Refusal> {
        self.host.show_pass(self.peer, pass).await
    }

    async fn revoke_pass(self, _: Context, pass: ReadPass) -> Result<(), Refusal> {
        self.host.revoke_pass(self.peer, pass).await
    }

    async fn losses(self, _: Context, id: AgreementId) -> Result<Vec<SectorRoot>, Refusal> {
        self.host.losses(self.peer, id).await
    }
}
