//! Audits: how an owner finds out whether a host still has the data, and how a host shows it.
//!
//! challenge → proof → verdict. In: the newest co-signed [`layr_market::Revision`] and public randomness. A
//! [`Challenge`] names up to 64 leaves; [`prove()`] answers it from a host's disk; [`judge()`] turns whatever came
//! back into one of seven [`Verdict`]s; an [`AuditRecord`] folds it into the history both sides sign.
//!
//! What must never happen: a host that holds every leaf fails; a host that lacks a fraction passes more often
//! than (1 − fraction)^k; silence touches money (only what is proved wrong or admitted does).
//!
//! Pure: no clock, no network, no disk, no randomness of its own. `README.md` has the game byte by byte.

mod answer;
mod certificate;
mod challenge;
mod containment;
mod custody;
mod deadline;
mod hex_text;
mod history;
mod judge;
mod prove;
mod receipt;
mod sampling;
mod schedule;
mod score;
mod survival;
mod verdict;

pub use answer::{Answer, Loss, Lost, MAX_ANSWER_BYTES};
pub use certificate::{
    CERTIFICATE_VERSION, Certificate, CertifiedAgreement, CertifiedFile, CertifiedProof, CertifiedReceipt,
    CertifiedRound, CertifiedSegment, MAX_CERTIFICATE_BYTES, MAX_LISTED_SECTORS, SignedRevision,
};
pub use challenge::{Challenge, ChallengeError, Commitment, DAILY_LEAVES, Draw, MAX_LEAVES, audit_seed};
pub use containment::{Contained, Containment, RETRIES, RETRY_SECONDS, contain, contain_every};
pub use custody::{CertificateError, Verified, VerifiedAgreement, Witness, verify_certificate};
pub use deadline::answer_deadline;
pub use hex_text::Hex;
pub use history::{AuditKind, AuditRecord, RECORD_BYTES, RecordError, fold, replay};
pub use judge::{Attempt, Fault, Judgement, Outcome, judge};
pub use prove::{LeafSource, ProveError, SourceError, StoredLeaf, prove};
pub use receipt::{answer_digest, receipt_digest};
pub use sampling::{days_to_detect, detection, samples_needed};
pub use schedule::{AuditState, Plan, Reason, Schedule, Scrub, scrub_leaves};
pub use score::{Beta, FORGETTING, OFFLINE_WINDOW_SECONDS, Score};
pub use survival::{Redundancy, loss_of_any, segment_loss};
pub use verdict::{UnknownVerdict, Verdict};
