//! The audit history: one record per audit, chained by hash, its head co-signed in every revision.
//!
//! Canonical record, 60 bytes, integers big-endian:
//!
//! ```text
//! version        1   1
//! kind           1   random 0, first 1, named 2, read 3
//! verdict        1   passed 1, late 2, offline 3, refused 4, missing 5, corrupt 6
//! reserved       1   0
//! asked          2   leaves asked for
//! good           2   leaves proved
//! latency        4   milliseconds
//! revision       8   the number of the revision audited
//! round          8   the beacon round; 0 where the owner named the leaves
//! nonce         32   the owner's nonce; zeros where the owner named the leaves
//! ```
//!
//! `accumulator' = SHA-256("layr/v1/auditrec" ‖ accumulator ‖ record)`, from 32 zeros.

use crate::challenge::{Challenge, Draw};
use crate::judge::Judgement;
use crate::verdict::Verdict;
use layr_market::{AuditFields, Kind, Sha256 as _, SoftwareSha256};
use layr_types::{DecodeError, Reader, Writer};
use serde::{Deserialize, Serialize};

/// Bytes of an encoded record.
pub const RECORD_BYTES: usize = 60;
const VERSION: u8 = 1;

/// Why an audit was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum AuditKind {
    /// The daily one: random leaves.
    Random,
    /// Random leaves right after an upload, before it counts as done.
    First,
    /// Leaves the owner named, after a fault.
    Named,
    /// A read whose every leaf was checked.
    Read,
}

impl AuditKind {
    const ALL: [Self; 4] = [Self::Random, Self::First, Self::Named, Self::Read];

    const fn code(self) -> u8 {
        match self {
            Self::Random => 0,
            Self::First => 1,
            Self::Named => 2,
            Self::Read => 3,
        }
    }
}

/// One audit as both sides remember it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditRecord {
    /// Why it was made.
    pub kind: AuditKind,
    /// How it ended; never own-fault, which is nobody else's business.
    pub verdict: Verdict,
    /// Leaves asked for.
    pub asked: u16,
    /// Leaves proved.
    pub good: u16,
    /// How long the answer took, in milliseconds.
    pub latency_ms: u32,
    /// The number of the revision audited.
    pub revision: u64,
    /// The beacon round, 0 where leaves were named.
    pub round: u64,
    /// The owner's nonce, zeros where leaves were named.
    pub nonce: [u8; 32],
}

/// Why a record cannot enter the history.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError {
    /// The auditor's own fault says nothing about the host.
    #[error("an audit that failed through the auditor's own fault is not recorded")]
    OwnFault,
    /// A counter is full.
    #[error("the history is full")]
    Full,
}

impl AuditRecord {
    /// The record of a judged challenge.
    ///
    /// # Errors
    /// [`RecordError::OwnFault`].
    pub fn new(kind: AuditKind, challenge: &Challenge, judged: &Judgement) -> Result<Self, RecordError> {
        if !judged.verdict.counts() {
            return Err(RecordError::OwnFault);
        }
        let (round, nonce) = match &challenge.draw {
            Draw::Random { round, nonce, .. } => (*round, *nonce),
            Draw::Named { .. } => (0, [0; 32]),
        };
        Ok(Self {
            kind,
            verdict: judged.verdict,
            asked: judged.asked,
            good: judged.good,
            latency_ms: u32::try_from(judged.took.as_millis()).unwrap_or(u32::MAX),
            revision: challenge.revision,
            round,
            nonce,
        })
    }

    /// The canonical bytes.
    #[must_use]
    pub fn encode(&self) -> [u8; RECORD_BYTES] {
        Writer::<RECORD_BYTES>::new()
            .u8(VERSION)
            .u8(self.kind.code())
            .u8(self.verdict.code())
            .u8(0)
            .u16(self.asked)
            .u16(self.good)
            .u32(self.latency_ms)
            .u64(self.revision)
            .u64(self.round)
            .put(&self.nonce)
            .finish()
    }

    /// Reads canonical bytes.
    ///
    /// # Errors
    /// [`DecodeError`] for any other length, version or value.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut r = Reader::new(bytes);
        r.version(VERSION)?;
        let kind = AuditKind::ALL.get(usize::from(r.u8()?)).copied().ok_or(DecodeError::OutOfRange(1))?;
        let verdict = Verdict::from_code(r.u8()?).filter(|verdict| verdict.counts());
        let verdict = verdict.ok_or(DecodeError::OutOfRange(2))?;
        if r.u8()? != 0 {
            return Err(DecodeError::OutOfRange(3));
        }
        let record = Self {
            kind,
            verdict,
            asked: r.u16()?,
            good: r.u16()?,
            latency_ms: r.u32()?,
            revision: r.u64()?,
            round: r.u64()?,
            nonce: r.array()?,
        };
        r.finish()?;
        Ok(record)
    }
}

/// The history after one more record: what the next revision carries.
///
/// # Errors
/// [`RecordError::OwnFault`] for a verdict that is not recorded, [`RecordError::Full`] after 2^32 audits.
pub fn fold(history: &AuditFields, record: &AuditRecord) -> Result<AuditFields, RecordError> {
    let (mut good, mut bad) = (history.good, history.bad);
    let counter = match record.verdict {
        Verdict::OwnFault => return Err(RecordError::OwnFault),
        Verdict::Passed => &mut good,
        _ => &mut bad,
    };
    *counter = counter.checked_add(1).ok_or(RecordError::Full)?;
    let tag = Kind::AuditRecord.tag();
    let accumulator = SoftwareSha256.sha256(&[tag, &history.accumulator, &record.encode()]);
    Ok(AuditFields { accumulator, good, bad, last_round: history.last_round.max(record.round) })
}

/// The history these records make, from the beginning: compared with a revision, it shows whether a kept
/// history is the one both signed.
///
/// # Errors
/// As [`fold`].
pub fn replay<'a>(records: impl IntoIterator<Item = &'a AuditRecord>) -> Result<AuditFields, RecordError> {
    records.into_iter().try_fold(AuditFields::default(), |history, record| fold(&history, record))
}
