//! Why a host says no: a number for programs, a sentence for people, and whether to try again.

use layr_types::{ByteCount, SectorRoot, Stroops, UnixSeconds};
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Whether asking again can help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// The same request may succeed later.
    Later,
    /// The request must change first.
    Changed,
    /// This host will never do it.
    Never,
}

/// A coded refusal. Codes are stable: 1xx the conversation, 2xx the offer, 3xx the agreement, 4xx the data,
/// 5xx the host's own trouble.
#[derive(Debug, Clone, PartialEq, Eq, Error, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Refusal {
    /// The caller speaks another version.
    #[error("the host speaks protocol version {host}")]
    Version {
        /// The host's version.
        host: u16,
    },
    /// The caller settles on another ledger or contract.
    #[error("the host settles on another ledger or escrow contract")]
    OtherLedger,
    /// A list or size is beyond its bound.
    #[error("the request is larger than the protocol allows")]
    TooMany,
    /// The caller sends more than the host serves one peer.
    #[error("the host is busy")]
    Busy,
    /// The host takes no new agreements.
    #[error("the host takes no new agreements")]
    NotAccepting,
    /// The quoted offer has expired.
    #[error("the offer expired at {expired}")]
    OfferExpired {
        /// When, by the ledger's clock.
        expired: UnixSeconds,
    },
    /// The terms are not what the offer means for that request.
    #[error("the terms are not those of the host's offer")]
    TermsNotOffered,
    /// The host has less space than asked for.
    #[error("the host has only {free} free")]
    Full {
        /// What is neither reserved nor used.
        free: ByteCount,
    },
    /// The host's free collateral does not cover the terms.
    #[error("the host has not deposited enough collateral for this agreement")]
    CollateralShort,
    /// No such agreement of this caller.
    #[error("the host knows no such agreement of the caller")]
    UnknownAgreement,
    /// The ledger does not show the agreement as open.
    #[error("the agreement is not open on the ledger")]
    NotOpen,
    /// The agreement has ended.
    #[error("the agreement has ended")]
    Ended,
    /// The revision does not follow the newest one.
    #[error("the revision does not follow revision {newest}, the newest the host has countersigned")]
    Stale {
        /// The number of the newest revision the host holds.
        newest: u64,
    },
    /// The revision is not what the host computes itself.
    #[error("the revision is not what the host computes from the previous one")]
    RevisionMismatch,
    /// The revision's time is too far from the host's.
    #[error("the revision's time is too far from the host's clock ({now})")]
    ClockSkew {
        /// The host's ledger clock.
        now: UnixSeconds,
    },
    /// The split is not what `settle()` says.
    #[error("the split is not what the host computes")]
    SplitMismatch,
    /// A signature does not verify.
    #[error("a signature does not verify")]
    BadSignature,
    /// The bytes asked for are neither within the free allowance nor covered by a voucher.
    #[error("it wants {amount} XLM in all for {bytes} read, and that was not promised")]
    PaymentRequired {
        /// Bytes read in all, once these have been.
        bytes: ByteCount,
        /// What they cost in all; above the terms' voucher part if nothing more can be read under them.
        amount: Stroops,
    },
    /// The voucher is above what the terms set aside for reading, or its amount is not positive.
    #[error("the voucher is not within the {limit} set aside for reading")]
    VoucherUnfit {
        /// The terms' voucher part.
        limit: Stroops,
    },
    /// A renewal has been signed: nothing of the old agreement changes until it is on the ledger or has lapsed.
    #[error("a renewal has been signed; nothing changes until it is on the ledger, or until {until}")]
    Renewing {
        /// When the renewal lapses, by the ledger's clock.
        until: UnixSeconds,
    },
    /// The terms do not renew the agreement they name as their predecessor.
    #[error("the terms do not renew the agreement they name")]
    NotRenewal,
    /// A challenge is open on the ledger; this must wait until it is answered.
    #[error("a challenge is open on the ledger")]
    Challenged,
    /// The rotation does not lead from the caller's key to a fresh one, or lacks a signature by the new key.
    #[error("the rotation does not lead from the caller's key to a fresh one that has signed what counts")]
    RotationUnfit,
    /// A new key of the owner's has been countersigned: nothing changes until it is on the ledger.
    #[error("a rotation of the owner's key has been signed; nothing changes until it is on the ledger")]
    Rotating,
    /// The data would exceed the agreed capacity.
    #[error("the data exceeds the agreed capacity")]
    OverCapacity,
    /// A named sector has not been stored here.
    #[error("sector {root} is not stored here")]
    SectorMissing {
        /// Which.
        root: SectorRoot,
    },
    /// A stored sector no longer matches its root.
    #[error("sector {root} is stored here but damaged")]
    SectorDamaged {
        /// Which.
        root: SectorRoot,
    },
    /// Bytes sent do not hash to the root they were announced under.
    #[error("the bytes do not hash to the announced root")]
    RootMismatch,
    /// The host's disk refused the write.
    #[error("the host's disk cannot take the data")]
    DiskFault,
    /// The host cannot reach its ledger.
    #[error("the host cannot reach its ledger")]
    LedgerUnavailable,
    /// A fault of the host's own; the number finds it in the host's log.
    #[error("an internal fault at the host (trace {trace:016x})")]
    Internal {
        /// Trace number.
        trace: u64,
    },
    /// The agreement's audits have asked for more leaves today than the host proves for nothing, and reads under it
    /// cost nothing that could pay for more.
    #[error("the day's audits of this agreement are used up; the next is answered in {wait} s")]
    AuditQuota {
        /// Seconds until the host answers again.
        wait: u64,
    },
}

impl Refusal {
    /// The stable number.
    #[must_use]
    pub const fn code(&self) -> u16 {
        match self {
            Self::Version { .. } => 101,
            Self::OtherLedger => 102,
            Self::TooMany => 103,
            Self::Busy => 104,
            Self::AuditQuota { .. } => 105,
            Self::NotAccepting => 201,
            Self::OfferExpired { .. } => 202,
            Self::TermsNotOffered => 203,
            Self::Full { .. } => 204,
            Self::CollateralShort => 205,
            Self::UnknownAgreement => 301,
            Self::NotOpen => 302,
            Self::Ended => 303,
            Self::Stale { .. } => 304,
            Self::RevisionMismatch => 305,
            Self::ClockSkew { .. } => 306,
            Self::SplitMismatch => 307,
            Self::BadSignature => 308,
            Self::PaymentRequired { .. } => 309,
            Self::VoucherUnfit { .. } => 310,
            Self::Renewing { .. } => 311,
            Self::NotRenewal => 312,
            Self::Challenged => 313,
            Self::RotationUnfit => 314,
            Self::Rotating => 315,
            Self::OverCapacity => 401,
            Self::SectorMissing { .. } => 402,
            Self::SectorDamaged { .. } => 403,
            Self::RootMismatch => 404,
            Self::DiskFault => 501,
            Self::LedgerUnavailable => 502,
            Self::Internal { .. } => 503,
        }
    }

    /// Whether asking again can help.
    #[must_use]
    pub const fn retry(&self) -> Retry {
        match self {
            Self::Busy
            | Self::AuditQuota { .. }
            | Self::DiskFault
            | Self::LedgerUnavailable
            | Self::Internal { .. }
            | Self::Renewing { .. }
            | Self::Challenged
            | Self::Rotating
            | Self::NotOpen => Retry::Later,
            Self::OfferExpired { .. }
            | Self::TermsNotOffered
            | Self::Full { .. }
            | Self::Stale { .. }
            | Self::RevisionMismatch
            | Self::ClockSkew { .. }
            | Self::SplitMismatch
            | Self::PaymentRequired { .. }
            | Self::VoucherUnfit { .. }
            | Self::NotRenewal
            | Self::RotationUnfit
            | Self::OverCapacity
            | Self::SectorMissing { .. }
            | Self::RootMismatch
            | Self::TooMany => Retry::Changed,
            _ => Retry::Never,
        }
    }
}
