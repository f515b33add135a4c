//! Revisions: the co-signed present of an agreement. The owner signs first, because a revision both pays and
//! binds: a host that keeps the half-signed copy can only publish what the owner already agreed to.
//!
//! A revision is never written by hand: it follows its predecessor by [`Revision::append`], [`Revision::trim`],
//! [`Revision::acknowledge`] or [`Revision::record_failure`], which both sides compute for themselves and compare.

use crate::accrual::{accrued, accrued_rounded_up};
use crate::signing::{Kind, Sha256, digest};
use crate::terms::Terms;
use layr_types::{
    AgreementId, AgreementRoot, ByteCount, DecodeError, LEAVES_PER_SECTOR, Reader, Stroops, UnixSeconds,
    Writer,
};

/// Size of an encoded revision.
pub const REVISION_BYTES: usize = 185;
const VERSION: u8 = 1;

/// The audit part of a revision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct AuditFields {
    /// Hash chain over every audit record so far.
    #[cfg_attr(feature = "serde", serde(with = "layr_types::hex_bytes"))]
    pub accumulator: [u8; 32],
    /// Audits passed.
    pub good: u32,
    /// Audits failed.
    pub bad: u32,
    /// The beacon round of the newest audit.
    pub last_round: u64,
}

/// One revision.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Revision {
    /// Which agreement.
    pub id: AgreementId,
    /// Its number; 0 is the state at opening, which nobody signs.
    pub n: u64,
    /// The moment up to which money has been counted.
    pub time: UnixSeconds,
    /// Root over the sector records.
    pub root: AgreementRoot,
    /// How many sectors the root covers.
    pub sectors: u64,
    /// Earned and acknowledged by the owner.
    pub paid: Stroops,
    /// Earned by time, not yet acknowledged by an audit.
    pub due: Stroops,
    /// Collateral at stake for the bytes accepted.
    pub risk: Stroops,
    /// The audit history, folded.
    pub audits: AuditFields,
}

/// Why no revision can follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum RevisionError {
    /// The new state would hold more than the agreed capacity.
    OverCapacity,
    /// More sectors were to be removed than there are.
    TooFew,
    /// Time would run backwards.
    TimeBackwards,
    /// The agreement has ended.
    Ended,
    /// A sum left its range: terms outside their bounds.
    Overflow,
}

impl core::fmt::Display for RevisionError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::OverCapacity => "the data would exceed the agreed capacity",
            Self::TooFew => "more sectors would be removed than there are",
            Self::TimeBackwards => "the revision's time lies before its predecessor's",
            Self::Ended => "the agreement has ended",
            Self::Overflow => "an amount left its range",
        })
    }
}

impl core::error::Error for RevisionError {}

impl Revision {
    /// The state at opening: nothing stored, the base fee earned. Its root is not defined and all zero.
    #[must_use]
    pub fn opening(terms: &Terms, id: AgreementId) -> Self {
        Self {
            id,
            n: 0,
            time: terms.start,
            root: AgreementRoot::default(),
            sectors: 0,
            paid: terms.base_fee,
            due: Stroops::ZERO,
            risk: Stroops::ZERO,
            audits: AuditFields::default(),
        }
    }

    /// What both parties sign.
    #[must_use]
    pub fn digest<H: Sha256>(&self, hash: &H) -> [u8; 32] {
        digest(hash, Kind::Revision, &self.encode())
    }

    /// Bytes stored.
    #[must_use]
    pub fn bytes(&self) -> Option<ByteCount> {
        ByteCount::from_sectors(self.sectors)
    }

    /// Leaves stored.
    #[must_use]
    pub const fn leaves(&self) -> u64 {
        self.sectors.saturating_mul(LEAVES_PER_SECTOR as u64)
    }

    /// What has been earned since this revision's time and is in no revision yet, at most what is left of
    /// the escrow.
    #[must_use]
    pub fn earned_since(&self, terms: &Terms, now: UnixSeconds) -> Option<Stroops> {
        let until = now.min(terms.end);
        let earned = accrued(terms.rate, self.bytes()?, until.since(self.time))?;
        let left = terms.escrow.checked_sub(self.paid)?.checked_sub(self.due)?;
        Some(earned.min(left).max(Stroops::ZERO))
    }

    /// The revision after `added` sectors have been appended at `now`, with `root` over all of them. The bytes'
    /// risk is added, and with the first ones the base fee's worth.
    ///
    /// # Errors
    /// [`RevisionError`] where capacity, time or arithmetic forbid it.
    pub fn append(
        &self,
        terms: &Terms,
        now: UnixSeconds,
        root: AgreementRoot,
        added: u64,
    ) -> Result<Self, RevisionError> {
        let mut next = self.advance(terms, now)?;
        next.sectors = self.sectors.checked_add(added).ok_or(RevisionError::Overflow)?;
        if next.bytes().ok_or(RevisionError::Overflow)? > terms.capacity {
            return Err(RevisionError::OverCapacity);
        }
        let bytes = ByteCount::from_sectors(added).ok_or(RevisionError::Overflow)?;
        let remaining = terms.end.since(now.max(terms.start));
        let risked = accrued_rounded_up(terms.risk_rate, bytes, remaining).ok_or(RevisionError::Overflow)?;
        let first = if self.sectors == 0 && added > 0 { terms.base_fee } else { Stroops::ZERO };
        let risk = self.risk.checked_add(risked).and_then(|sum| sum.checked_add(first));
        next.risk = risk.ok_or(RevisionError::Overflow)?.min(terms.collateral);
        next.root = root;
        Ok(next)
    }

    /// The revision after `removed` sectors have been given up at `now`, with `root` over those that remain. What
    /// the bytes would have risked from now on is no longer at stake, rounded down; what they have risked so far
    /// is, and as long as anything is kept the base fee's worth. Where nothing remains, nothing is at stake.
    ///
    /// # Errors
    /// [`RevisionError`] where there are not as many sectors, or time or arithmetic forbid it.
    pub fn trim(
        &self,
        terms: &Terms,
        now: UnixSeconds,
        root: AgreementRoot,
        removed: u64,
    ) -> Result<Self, RevisionError> {
        let mut next = self.advance(terms, now)?;
        next.sectors = self.sectors.checked_sub(removed).ok_or(RevisionError::TooFew)?;
        let bytes = ByteCount::from_sectors(removed).ok_or(RevisionError::Overflow)?;
        let remaining = terms.end.since(now.max(terms.start));
        let relieved = accrued(terms.risk_rate, bytes, remaining).ok_or(RevisionError::Overflow)?;
        let least = terms.base_fee.min(self.risk);
        next.risk = match next.sectors {
            0 => Stroops::ZERO,
            _ => self.risk.checked_sub(relieved).ok_or(RevisionError::Overflow)?.max(least),
        };
        next.root = root;
        Ok(next)
    }

    /// The revision after the owner acknowledged an audit at `now`: what was due becomes paid.
    ///
    /// # Errors
    /// [`RevisionError`] where time or arithmetic forbid it.
    pub fn acknowledge(
        &self,
        terms: &Terms,
        now: UnixSeconds,
        audits: AuditFields,
    ) -> Result<Self, RevisionError> {
        let mut next = self.advance(terms, now)?;
        next.paid = next.paid.checked_add(next.due).ok_or(RevisionError::Overflow)?;
        next.due = Stroops::ZERO;
        next.audits = audits;
        Ok(next)
    }

    /// The revision after an audit failed at `now`: counted, nothing moved from due to paid.
    ///
    /// # Errors
    /// [`RevisionError`] where time or arithmetic forbid it.
    pub fn record_failure(
        &self,
        terms: &Terms,
        now: UnixSeconds,
        audits: AuditFields,
    ) -> Result<Self, RevisionError> {
        let mut next = self.advance(terms, now)?;
        next.audits = audits;
        Ok(next)
    }

    fn advance(&self, terms: &Terms, now: UnixSeconds) -> Result<Self, RevisionError> {
        if now < self.time {
            return Err(RevisionError::TimeBackwards);
        }
        if now > terms.end {
            return Err(RevisionError::Ended);
        }
        let earned = self.earned_since(terms, now).ok_or(RevisionError::Overflow)?;
        Ok(Self {
            n: self.n.checked_add(1).ok_or(RevisionError::Overflow)?,
            time: now,
            due: self.due.checked_add(earned).ok_or(RevisionError::Overflow)?,
            ..self.clone()
        })
    }

    /// True where the amounts fit the terms: what the contract checks before it takes a revision.
    #[must_use]
    pub fn fits(&self, terms: &Terms) -> bool {
        let counted = self.paid.checked_add(self.due);
        !self.paid.is_negative()
            && !self.due.is_negative()
            && counted.is_some_and(|sum| sum <= terms.escrow)
            && (Stroops::ZERO..=terms.collateral).contains(&self.risk)
            && self.bytes().is_some_and(|bytes| bytes <= terms.capacity)
            && (terms.start..=terms.end).contains(&self.time)
    }

    /// The canonical bytes.
    #[must_use]
    pub fn encode(&self) -> [u8; REVISION_BYTES] {
        Writer::<REVISION_BYTES>::new()
            .u8(VERSION)
            .put(&self.id.0)
            .u64(self.n)
            .u64(self.time.0)
            .put(&self.root.0)
            .u64(self.sectors)
            .i128(self.paid.0)
            .i128(self.due.0)
            .i128(self.risk.0)
            .put(&self.audits.accumulator)
            .u32(self.audits.good)
            .u32(self.audits.bad)
            .u64(self.audits.last_round)
            .finish()
    }

    /// Reads canonical bytes.
    ///
    /// # Errors
    /// [`DecodeError`] for any other length or version.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut r = Reader::new(bytes);
        r.version(VERSION)?;
        let revision = Self {
            id: AgreementId(r.array()?),
            n: r.u64()?,
            time: UnixSeconds(r.u64()?),
            root: AgreementRoot(r.array()?),
            sectors: r.u64()?,
            paid: Stroops(r.i128()?),
            due: Stroops(r.i128()?),
            risk: Stroops(r.i128()?),
            audits: AuditFields {
                accumulator: r.array()?,
                good: r.u32()?,
                bad: r.u32()?,
                last_round: r.u64()?,
            },
        };
        r.finish()?;
        Ok(revision)
    }
}
