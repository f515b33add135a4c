//! The words nodes exchange: the host's service, its messages, coded refusals, and the frames of the lane.
//!
//! Participants: an *owner* calls, a *host* answers; both know each other's [`NodeKey`](layr_types::NodeKey)
//! from the transport before the first byte, so no message carries a claim of identity. Calls are tarpc over
//! any authenticated stream ([`HostApi`]); sector bytes never ride in a call but beside it, on the lane
//! ([`lane`]): fixed 80-byte headers, then raw bytes. Goals: every message is bounded before anything is
//! allocated ([`limits`]), every refusal has a number and says what to do, every call may be repeated
//! (idempotent by agreement id, revision number or root). Non-goals: sockets, encryption, retries; those are
//! the network door's and the callers'.

pub mod lane;
pub mod limits;
mod messages;
mod pass;
mod prepared;
mod reads;
mod refusal;
mod service;
mod split;

pub use messages::{
    Acknowledge, Append, AuditReply, AuditRequest, Carried, CoSigned, ContentsRequest, Finish, Free, Hello,
    OwnerRecordBytes, Proposal, Renew, Renewed, Rotate, SignedOffer, SlotTold, Welcome,
};
pub use pass::{ReadPass, SignedPass};
pub use prepared::{
    Hex, MAX_PREPARED_BYTES, MAX_PREPARED_PROOF_BYTES, PREPARED_VERSION, Prepared, PreparedCall,
    PreparedError, PreparedProof,
};
pub use reads::{ReadAccount, SignedVoucher};
pub use refusal::{Refusal, Retry};
pub use service::{HostApi, HostApiClient, HostApiRequest, HostApiResponse};
pub use split::Ending;

#[cfg(test)]
mod tests;
