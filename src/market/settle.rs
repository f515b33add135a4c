//! `settle()`: the one function that says who gets what at an agreement's end.
//!
//! Nothing is created or lost: host + owner + burn = escrow + voucher part + collateral, in every outcome,
//! none negative. Divisions happened before (in accrual) and rounded toward the owner.

use crate::final_split::FinalSplit;
use crate::revision::Revision;
use crate::terms::Terms;
use layr_types::{Stroops, UnixSeconds};

/// How an agreement ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome<'a> {
    /// Both signed a split.
    Cooperative(&'a FinalSplit),
    /// The host proved the published revision.
    Proved(&'a Revision),
    /// A revision was published and the host did not prove it.
    Missed(&'a Revision),
    /// Nobody published anything: the agreement was never used.
    Unused,
}

/// What was settled on chain before the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Settled {
    /// Vested by earlier on-chain proofs, paid even after a miss.
    pub floor: Stroops,
    /// The largest voucher for bytes read.
    pub voucher: Stroops,
}

/// Who gets what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Settlement {
    /// To the host, its collateral included.
    pub host: Stroops,
    /// To the owner.
    pub owner: Stroops,
    /// To nobody.
    pub burn: Stroops,
}

/// Why no settlement can be computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SettleError {
    /// The split does not add up to what is locked, or a share is negative.
    Split,
    /// The revision's amounts do not fit the terms.
    Revision,
    /// A sum left its range.
    Overflow,
}

impl core::fmt::Display for SettleError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Split => "the final split does not add up to what is locked",
            Self::Revision => "the revision's amounts do not fit the terms",
            Self::Overflow => "an amount left its range",
        })
    }
}

impl core::error::Error for SettleError {}

/// Computes the settlement of an agreement that ends at `ending` (the earlier of its term's end and now).
///
/// # Errors
/// [`SettleError`] where the arguments contradict each other.
pub fn settle(
    terms: &Terms,
    settled: Settled,
    ending: UnixSeconds,
    outcome: Outcome<'_>,
) -> Result<Settlement, SettleError> {
    let voucher = settled.voucher.max(Stroops::ZERO).min(terms.voucher_part);
    let floor = settled.floor.max(Stroops::ZERO).min(terms.escrow);
    match outcome {
        Outcome::Cooperative(split) => cooperative(terms, split),
        Outcome::Proved(revision) => {
            let earned = earned(terms, revision, ending)?;
            let storage = earned.max(floor).min(terms.escrow);
            Ok(whole(terms, storage + voucher + terms.collateral))
        }
        Outcome::Missed(revision) => missed(terms, revision, floor, voucher),
        Outcome::Unused => Ok(whole(terms, terms.base_fee.max(floor) + voucher + terms.collateral)),
    }
}

fn cooperative(terms: &Terms, split: &FinalSplit) -> Result<Settlement, SettleError> {
    let sum = split.host.checked_add(split.owner).ok_or(SettleError::Overflow)?;
    if split.host.is_negative() || split.owner.is_negative() || sum != terms.locked() {
        return Err(SettleError::Split);
    }
    Ok(Settlement { host: split.host, owner: split.owner, burn: Stroops::ZERO })
}

fn earned(terms: &Terms, revision: &Revision, ending: UnixSeconds) -> Result<Stroops, SettleError> {
    if !revision.fits(terms) {
        return Err(SettleError::Revision);
    }
    let since = revision.earned_since(terms, ending).ok_or(SettleError::Overflow)?;
    Ok(revision.paid + revision.due + since)
}

fn missed(
    terms: &Terms,
    revision: &Revision,
    floor: Stroops,
    voucher: Stroops,
) -> Result<Settlement, SettleError> {
    if !revision.fits(terms) {
        return Err(SettleError::Revision);
    }
    let storage = revision.paid.max(floor);
    let repair = revision.risk.min(terms.repair_cap);
    let burn = revision.risk - repair;
    let host = storage + voucher + (terms.collateral - revision.risk);
    Ok(Settlement { host, owner: terms.locked() - host - burn, burn })
}

fn whole(terms: &Terms, host: Stroops) -> Settlement {
    Settlement { host, owner: terms.locked() - host, burn: Stroops::ZERO }
}
