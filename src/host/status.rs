//! What an operator wants to know: space, agreements, income, and the money that would be lost with the data.

use crate::agreement::{Agreement, AgreementState};
use crate::desk::each_row;
use crate::error::HostError;
use crate::host::Host;
use crate::ports::Table;
use crate::risk::AtRisk;
use crate::rows;
use crate::scrub::ScrubStatus;
use crate::space::Space;
use layr_types::{AgreementId, ByteCount, NodeKey, Stroops, UnixSeconds};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// One agreement in a line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgreementStatus {
    /// Which.
    pub id: AgreementId,
    /// With whom.
    pub owner: NodeKey,
    /// Where it stands.
    pub state: AgreementState,
    /// When it ends.
    pub end: UnixSeconds,
    /// Bytes promised.
    pub capacity: ByteCount,
    /// Bytes in the newest revision.
    pub stored: ByteCount,
    /// Earned by time so far, acknowledged or not, base fee included.
    pub earned: Stroops,
    /// Of it, what the owner has acknowledged.
    pub acknowledged: Stroops,
    /// Collateral lost if the data were lost now.
    pub at_risk: Stroops,
    /// Audits passed.
    pub audits_passed: u32,
    /// Audits failed.
    pub audits_failed: u32,
}

/// A host at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostStatus {
    /// The host's key.
    pub key: NodeKey,
    /// By the ledger's clock.
    pub now: UnixSeconds,
    /// Slots of 1 MiB by account.
    pub space: Space,
    /// Its price, stroops per GiB-day.
    pub rate: u64,
    /// Whether it takes new agreements.
    pub accepting: bool,
    /// Agreements that are not over.
    pub agreements: Vec<AgreementStatus>,
    /// Earned in agreements that still run.
    pub accrued: Stroops,
    /// Received from agreements that are over, without returned collateral.
    pub paid: Stroops,
    /// Collateral locked in agreements that still run.
    pub locked: Stroops,
    /// Of it, what would be lost with the data.
    pub at_risk: Stroops,
    /// Agreements that are over.
    pub closed: u64,
    /// How far the scrub has come, and what it found.
    #[serde(default)]
    pub scrub: ScrubStatus,
    /// The operator wants out: notice is given or about to be, and nothing new is taken.
    #[serde(default)]
    pub leaving: bool,
    /// Money at risk: what is due next under each agreement, the next deadline first.
    #[serde(default)]
    pub timeline: Vec<AtRisk>,
}

impl Host {
    /// The host's state now.
    ///
    /// # Errors
    /// [`HostError`].
    pub async fn status(self: &Arc<Self>) -> Result<HostStatus, HostError> {
        let now = self.clock.recent().await?;
        let host = Arc::clone(self);
        let read = tokio::task::spawn_blocking(move || host.status_at(now)).await;
        read.map_err(|_| HostError::Task)?
    }

    fn status_at(&self, now: UnixSeconds) -> Result<HostStatus, HostError> {
        let mut status = HostStatus {
            key: self.key(),
            now,
            space: self.space(),
            rate: self.config.offer.rate,
            accepting: self.config.offer.accepting && !self.is_leaving()?,
            agreements: Vec::new(),
            accrued: Stroops::ZERO,
            paid: Stroops::ZERO,
            locked: Stroops::ZERO,
            at_risk: Stroops::ZERO,
            closed: 0,
            scrub: self.scrub_status()?,
            leaving: self.is_leaving()?,
            timeline: self.at_risk_at(now)?,
        };
        each_row(self.records(), Table::Agreements, &[], |(key, value)| {
            let id = AgreementId(rows::read_32(Table::Agreements, &key)?);
            status.count(&Agreement::decode(id, &value)?, now);
            Ok(())
        })?;
        each_row(self.records(), Table::Closed, &[], |(key, value)| {
            let id = AgreementId(rows::read_32(Table::Closed, &key)?);
            status.closed += 1;
            status.paid += income(&Agreement::decode(id, &value)?);
            Ok(())
        })?;
        Ok(status)
    }
}

impl HostStatus {
    fn count(&mut self, agreement: &Agreement, now: UnixSeconds) {
        let current = agreement.current();
        let until = now.min(agreement.slot.ending_at);
        let since = current.earned_since(&agreement.terms, until).unwrap_or(Stroops::ZERO);
        let one = AgreementStatus {
            id: agreement.id,
            owner: agreement.owner(),
            state: agreement.state,
            end: agreement.slot.ending_at,
            capacity: agreement.terms.capacity,
            stored: current.bytes().unwrap_or(ByteCount::ZERO),
            earned: current.paid + current.due + since,
            acknowledged: current.paid,
            at_risk: current.risk,
            audits_passed: current.audits.good,
            audits_failed: current.audits.bad,
        };
        if agreement.state.is_escrowed() {
            self.accrued += one.earned;
            self.locked += agreement.terms.collateral;
            self.at_risk += one.at_risk;
        }
        if agreement.state == AgreementState::Settled {
            self.paid += income(agreement);
        }
        self.agreements.push(one);
    }
}

/// What a settled agreement brought beyond the collateral that came back; negative where some did not.
fn income(agreement: &Agreement) -> Stroops {
    agreement.settlement.map_or(Stroops::ZERO, |paid| paid.host - agreement.terms.collateral)
}
