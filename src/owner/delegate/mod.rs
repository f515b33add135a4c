//! Delegates: somebody who repairs for an owner, and cannot read.
//!
//! | Step | Who | What it takes |
//! |---|---|---|
//! | create | owner | a pass signed for the delegate's node key, the segments' mask keys and records, in one package |
//! | repair | delegate | reads survivors by the pass, rebuilds, and keeps what it rebuilt under agreements of its own, from its own account |
//! | adopt | owner | the delegate's result: where the rebuilt shards lie, and a pass back; each agreement shows one shard first |
//! | revoke | owner | its hosts are told the pass's number |
//!
//! What a delegate cannot do: read (no chunk key follows from a mask key), sign anything under the owner's agreements,
//! spend the owner's money, or read anything after the pass ends by the ledger's clock. What it can do at worst is to
//! waste its own money and to place rubbish, whose roots are not the recorded ones and which nobody adopts. The cap
//! is kept twice: the delegate's program stops at it, and an account that was given no more cannot spend more.

mod adopt;
mod grant;
mod package;
mod serve;

pub use adopt::AdoptReport;
pub use grant::{DelegateRequest, DelegationView, RevokeReport};
pub use package::{MAX_PACKAGE_BYTES, PackageError};

pub(crate) use adopt::adopt;
pub(crate) use grant::{create, list, revoke};
pub(crate) use serve::repair_for;
