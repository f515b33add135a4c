//! How many leaves an owner may ask for in a day without paying.
//!
//! Each agreement has an allowance that fills up again over a day: [`HostConfig::free_audit_leaves`] and one for
//! every four sectors, which is twice what a careful owner's audits and scrub take. An append adds what its first
//! audit takes. Kept in memory, by the machine's steady clock: after a restart everybody has the whole allowance,
//! and no money depends on it.
//!
//! [`HostConfig::free_audit_leaves`]: crate::HostConfig::free_audit_leaves

use layr_types::{AgreementId, DAY_SECONDS};
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// What an append adds: its first audit, and that again.
const PER_APPEND: u64 = 64;

/// What an agreement has used up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Used {
    leaves: u64,
    /// As of when, seconds since the host started.
    at: u64,
}

/// Every agreement audited since the host started.
#[derive(Debug)]
pub(crate) struct Quotas {
    used: Mutex<HashMap<AgreementId, Used>>,
    started: Instant,
}

impl Default for Quotas {
    fn default() -> Self {
        Self { used: Mutex::default(), started: Instant::now() }
    }
}

impl Quotas {
    /// Takes `leaves` out of an agreement's allowance of `daily`; `Err` with the seconds until they are there.
    pub fn take(&self, id: &AgreementId, leaves: u64, daily: u64) -> Result<(), u64> {
        self.take_at(id, leaves, daily, self.started.elapsed().as_secs())
    }

    fn take_at(&self, id: &AgreementId, leaves: u64, daily: u64, now: u64) -> Result<(), u64> {
        let daily = daily.max(leaves).max(1);
        let mut all = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        let used = all.entry(*id).or_insert(Used { leaves: 0, at: now });
        // Time that brings back less than a leaf is kept for the next look.
        let back = now.saturating_sub(used.at).saturating_mul(daily) / DAY_SECONDS;
        if back > 0 {
            *used = Used { leaves: used.leaves.saturating_sub(back), at: now };
        }
        let after = used.leaves.saturating_add(leaves);
        if after > daily {
            return Err((after - daily).saturating_mul(DAY_SECONDS).div_ceil(daily).max(1));
        }
        used.leaves = after;
        Ok(())
    }

    /// Adds what an append's first audit takes.
    pub fn grant(&self, id: &AgreementId) {
        let mut all = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(used) = all.get_mut(id) {
            used.leaves = used.leaves.saturating_sub(PER_APPEND);
        }
    }

    /// Forgets an agreement that is over.
    pub fn forget(&self, id: &AgreementId) {
        self.used.lock().unwrap_or_else(PoisonError::into_inner).remove(id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: AgreementId = AgreementId([1; 32]);

    #[test]
    fn the_allowance_is_a_days_and_comes_back_over_a_day() {
        let quotas = Quotas::default();
        assert_eq!(quotas.take_at(&ID, 60, 100, 0), Ok(()));
        assert_eq!(quotas.take_at(&ID, 60, 100, 0), Err(DAY_SECONDS / 5));
        assert_eq!(
            quotas.take_at(&AgreementId([2; 32]), 60, 100, 0),
            Ok(()),
            "another agreement has its own"
        );
        assert_eq!(quotas.take_at(&ID, 60, 100, DAY_SECONDS / 5), Ok(()));
        assert_eq!(quotas.take_at(&ID, 100, 100, 3 * DAY_SECONDS), Ok(()));
    }

    #[test]
    fn asking_all_the_time_brings_no_more_than_a_day_does() {
        let quotas = Quotas::default();
        let got = (0..DAY_SECONDS).filter(|now| quotas.take_at(&ID, 20, 100, *now).is_ok()).count();
        assert_eq!(got, 9, "the day's five, and what the day brought back");
    }

    #[test]
    fn an_append_adds_its_first_audit() {
        let quotas = Quotas::default();
        assert_eq!(quotas.take_at(&ID, 100, 100, 0), Ok(()));
        quotas.grant(&ID);
        assert_eq!(quotas.take_at(&ID, 64, 100, 0), Ok(()));
        assert!(quotas.take_at(&ID, 1, 100, 0).is_err());
    }
}
