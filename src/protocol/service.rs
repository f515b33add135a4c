//! What a host answers. Every call is idempotent: repeating it after a lost answer changes nothing and
//! returns the same.

use crate::messages::{
    Acknowledge, Append, AuditReply, AuditRequest, CoSigned, ContentsRequest, Finish, Free, Hello,
    OwnerRecordBytes, Proposal, Renew, Renewed, Rotate, SignedOffer, SlotTold, Welcome,
};
use crate::pass::{ReadPass, SignedPass};
use crate::reads::{ReadAccount, SignedVoucher};
use crate::refusal::Refusal;
use layr_types::{AgreementId, NodeKey, SectorRoot, Signature};

/// A host's service, as one authenticated caller sees it.
#[tarpc::service]
pub trait HostApi {
    /// Opens a conversation: versions and ledger must match.
    async fn hello(hello: Hello) -> Result<Welcome, Refusal>;
    /// The host's prices, signed and short-lived.
    async fn offer() -> Result<SignedOffer, Refusal>;
    /// Asks for terms drafted from a still valid offer: the host reserves the capacity and signs the
    /// agreement id. The reservation lapses with the offer unless the agreement is opened on the ledger.
    async fn propose(proposal: Proposal) -> Result<Signature, Refusal>;
    /// Tells the host that the agreement is open on the ledger; the host looks for itself.
    async fn activate(id: AgreementId) -> Result<(), Refusal>;
    /// Adds sectors already stored over the lane to the agreement; the host countersigns.
    async fn append(append: Append) -> Result<Signature, Refusal>;
    /// Asks for leaves of the newest countersigned revision.
    async fn audit(request: AuditRequest) -> Result<AuditReply, Refusal>;
    /// Records an audit's verdict in the shared history; the host countersigns.
    async fn acknowledge(acknowledge: Acknowledge) -> Result<Signature, Refusal>;
    /// Agrees on a final split; the host signs what `settle()` says and nothing else.
    async fn finish(finish: Finish) -> Result<Signature, Refusal>;
    /// The newest revision both have signed; `None` while nobody has signed any.
    async fn latest(id: AgreementId) -> Result<Option<CoSigned>, Refusal>;
    /// What the agreement's slot on the ledger holds now; `None` where it is empty or the host cannot tell. An owner
    /// asks who was away for longer than the ledger's events are kept.
    async fn slot(id: AgreementId) -> Result<Option<SlotTold>, Refusal>;
    /// The caller's agreements with this host, newest first.
    async fn agreements() -> Result<Vec<AgreementId>, Refusal>;
    /// The canonical terms of one of the caller's agreements.
    async fn terms(id: AgreementId) -> Result<Vec<u8>, Refusal>;
    /// Keeps the caller's newest signed mutable record (where its catalogue lies).
    async fn put_owner_record(record: OwnerRecordBytes) -> Result<(), Refusal>;
    /// The newest signed record of an owner this host keeps one for.
    async fn get_owner_record(owner: NodeKey) -> Result<Option<OwnerRecordBytes>, Refusal>;
    /// What has been read under an agreement and what it costs.
    async fn reads(id: AgreementId) -> Result<ReadAccount, Refusal>;
    /// Hands over a voucher for bytes read. One that is not larger than the largest held changes nothing.
    async fn voucher(voucher: SignedVoucher) -> Result<ReadAccount, Refusal>;
    /// Asks the host to sign a renewal: new terms, the old agreement's split, and the revision that carries its
    /// contents over. The consent lapses with the offer unless the owner's `renew` transaction is on the ledger.
    async fn renew(renew: Renew) -> Result<Renewed, Refusal>;
    /// Asks the host to countersign a new key of the owner's.
    async fn rotate(rotate: Rotate) -> Result<Signature, Refusal>;
    /// Gives sectors up: they leave the agreement's tree, their bytes are dropped, and the room is there for other
    /// sectors under the same agreement. The host countersigns.
    async fn free(free: Free) -> Result<Signature, Refusal>;
    /// The roots of an agreement's sectors in order, from a place on; an empty list at the end. What is missing on
    /// the owner's machine after a recovery; it checks them against the root both have signed.
    async fn contents(request: ContentsRequest) -> Result<Vec<SectorRoot>, Refusal>;
    /// Shows a pass: the caller may then read, over the lane, what lies under its owner's agreements, until it ends
    /// or is revoked. Shown again after the host's restart.
    async fn show_pass(pass: SignedPass) -> Result<(), Refusal>;
    /// Revokes one of the caller's own passes, whether or not it was ever shown here.
    async fn revoke_pass(pass: ReadPass) -> Result<(), Refusal>;
    /// Sectors of an agreement that the host knows to be damaged: said before their leaves are asked for, so that
    /// their owner gives them up and rebuilds them elsewhere instead of making the host prove.
    async fn losses(id: AgreementId) -> Result<Vec<SectorRoot>, Refusal>;
}
