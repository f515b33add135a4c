//! One attempt: leaves asked of one host, by challenge or as a read, and how that looks to a judge.

use super::Order;
use super::reads;
use crate::agreement::{Agreement, Phase};
use crate::core::{Core, Experience};
use crate::error::{HostFault, LedgerFault, Misbehaviour, NetFault, RecordsFault};
use crate::ports::BeaconRound;
use crate::revise::{self, ReviseError};
use crate::vouchers::{Purse, pay};
use futures::future::{BoxFuture, join_all};
use layr_audits::{
    Attempt, Challenge, Commitment, Judgement, Outcome, Verdict, answer_deadline, answer_digest, judge,
    receipt_digest,
};
use layr_identity::verify;
use layr_merkle::MAX_LEAF_PROOF_BYTES;
use layr_protocol::{AuditReply, AuditRequest, HostApiClient, Refusal};
use layr_types::{ByteCount, GROUP_BYTES, LeafIndex, NodeKey};
use std::time::{Duration, Instant};

/// Leaves a host is taken to read at once.
const PARALLEL: u16 = 4;
/// Bytes a second an answer is taken to travel at least.
const SLOWEST: u64 = 64 * 1024;
/// Added to an answer's deadline before the call is given up: an answer that comes late is a verdict.
const GRACE: Duration = Duration::from_secs(1);
/// Other hosts greeted to find out whether the fault is here.
const PROBES: usize = 3;

/// Why no audit could be made at all.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RunError {
    #[error(transparent)]
    Ledger(#[from] LedgerFault),
    #[error(transparent)]
    Records(#[from] RecordsFault),
}

/// What was asked, and what came back.
pub(crate) enum Asked {
    /// Leaves by challenge.
    Leaves { challenge: Challenge, outcome: Result<AuditReply, HostFault> },
    /// Groups over the read path; `asked` and `good` count leaves.
    Read { asked: u16, good: u16, outcome: Result<(), HostFault> },
}

/// What one attempt brought.
pub(crate) struct Tried {
    pub(crate) agreement: Agreement,
    pub(crate) held: Commitment,
    pub(crate) asked: Asked,
    pub(crate) took: Duration,
    pub(crate) allowed: Duration,
}

impl Tried {
    /// What went wrong, if anything did.
    pub(crate) const fn fault(&self) -> Option<&HostFault> {
        match &self.asked {
            Asked::Leaves { outcome: Err(fault), .. } | Asked::Read { outcome: Err(fault), .. } => {
                Some(fault)
            }
            _ => None,
        }
    }

    /// Whether nobody could be reached.
    pub(crate) const fn is_unreached(&self) -> bool {
        matches!(self.fault(), Some(HostFault::Net(_)))
    }

    /// Takes the fault out, for a report.
    pub(crate) fn into_fault(self) -> Option<HostFault> {
        match self.asked {
            Asked::Leaves { outcome, .. } => outcome.err(),
            Asked::Read { outcome, .. } => outcome.err(),
        }
    }

    /// What it proves, where nobody else could be reached if `isolated`.
    pub(crate) fn judge(&self, isolated: bool) -> Judgement {
        let (took, allowed) = (self.took, self.allowed);
        match &self.asked {
            Asked::Leaves { challenge, outcome } => {
                let told = match outcome {
                    Ok(reply) => Outcome::Answered(&reply.answer),
                    Err(fault) => told(fault, isolated),
                };
                judge(challenge, &self.held, &Attempt { outcome: told, took, allowed })
            }
            Asked::Read { asked, good, outcome } => {
                let verdict = match outcome {
                    Ok(()) if took > allowed => Verdict::Late,
                    Ok(()) => Verdict::Passed,
                    Err(HostFault::Misbehaved(Misbehaviour::Bytes)) => Verdict::Corrupt,
                    // As good as an admission in an answer.
                    Err(HostFault::Refused(Refusal::SectorDamaged { .. })) => Verdict::Corrupt,
                    Err(HostFault::Refused(Refusal::SectorMissing { .. })) => Verdict::Missing,
                    Err(fault) => match told(fault, isolated) {
                        Outcome::Refused { .. } => Verdict::Refused,
                        Outcome::Late => Verdict::Late,
                        Outcome::OwnFault => Verdict::OwnFault,
                        _ => Verdict::Offline,
                    },
                };
                Judgement { verdict, asked: *asked, good: *good, faults: Vec::new(), took }
            }
        }
    }
}

/// How a fault looks to a judge.
const fn told(fault: &HostFault, isolated: bool) -> Outcome<'static> {
    match fault {
        HostFault::Refused(Refusal::Busy) | HostFault::Late { .. } => Outcome::Late,
        // Asked more often than agreed: the host owes nothing.
        HostFault::Refused(Refusal::AuditQuota { .. } | Refusal::PaymentRequired { .. }) => Outcome::OwnFault,
        HostFault::Refused(refusal) => Outcome::Refused { code: refusal.code() as u32 },
        HostFault::Misbehaved(_) => Outcome::Refused { code: 0 },
        HostFault::Net(NetFault::Isolated) | HostFault::Records(_) => Outcome::OwnFault,
        HostFault::Net(_) if isolated => Outcome::OwnFault,
        _ => Outcome::Offline,
    }
}

/// Whether the fault is here: nobody asked could be reached, and no other host this owner knows can be either.
pub(crate) async fn isolated(core: &Core, tried: &[Tried]) -> Result<bool, RecordsFault> {
    if tried.is_empty() || !tried.iter().all(Tried::is_unreached) {
        return Ok(false);
    }
    let asked: Vec<NodeKey> = tried.iter().map(|tried| tried.agreement.host()).collect();
    let open = core.agreements()?.into_iter().filter(|agreement| agreement.phase == Phase::Open);
    let mut others: Vec<NodeKey> =
        open.map(|agreement| agreement.host()).filter(|host| !asked.contains(host)).collect();
    others.sort_unstable();
    others.dedup();
    let probes = others.into_iter().take(PROBES).map(|node| core.hosts.offer(node));
    let reached = join_all(probes).await.into_iter().any(|answer| !matches!(answer, Err(HostFault::Net(_))));
    Ok(!reached)
}

/// Asks one host; `None` where its agreement holds nothing. Without a beacon the owner names the leaves itself.
pub(crate) async fn attempt(
    core: &Core,
    order: &Order,
    beacon: Option<BeaconRound>,
) -> Result<Option<Tried>, RunError> {
    let Some((agreement, held)) = ready(core, order).await? else { return Ok(None) };
    if order.surprise
        && let Some(tried) = reads::surprise(core, &agreement, held).await?
    {
        return Ok(Some(tried));
    }
    let count = order.leaves.clamp(1, layr_audits::MAX_LEAVES);
    let nonce = core.book.random();
    let challenge = match beacon {
        Some(beacon) => Challenge::random(&held, (beacon.round, &beacon.randomness), nonce, count),
        None => Challenge::named(&held, named(&held, count, &nonce)),
    };
    Ok(Some(ask(core, agreement, held, challenge).await?))
}

/// The agreement as it stands, once nothing is pending.
pub(crate) async fn ready(core: &Core, order: &Order) -> Result<Option<(Agreement, Commitment)>, RunError> {
    match revise::settle_pending(core, order.id).await {
        Err(ReviseError::Records(fault)) => return Err(fault.into()),
        Err(error) => tracing::debug!(agreement = %order.id, %error, "a pending revision stays pending"),
        Ok(()) => {}
    }
    let Some(agreement) = core.agreement(&order.id)? else { return Ok(None) };
    let held = Commitment::from(&agreement.current());
    Ok((held.sectors > 0).then_some((agreement, held)))
}

/// Leaves the owner draws alone, from a nonce it has just made up.
fn named(held: &Commitment, count: u16, nonce: &[u8; 32]) -> Vec<LeafIndex> {
    let total = held.leaves().map_or(1, core::num::NonZero::get);
    let drawn = |i| {
        layr_market::leaf_index(
            &layr_market::SoftwareSha256,
            nonce,
            (&held.agreement, held.revision),
            i,
            total,
        )
    };
    (0..u32::from(count)).filter_map(drawn).collect()
}

/// Sends a challenge and takes the answer, its signature checked. Pays once where the host wants that.
pub(crate) async fn ask(
    core: &Core,
    agreement: Agreement,
    held: Commitment,
    challenge: Challenge,
) -> Result<Tried, RunError> {
    let count = u16::try_from(challenge.count()).unwrap_or(u16::MAX);
    let node = agreement.host();
    let allowed = deadline(&core.experience(&node)?, count);
    let request = AuditRequest { challenge: challenge.clone() };
    let send = |client: HostApiClient, context| -> BoxFuture<'static, _> {
        let request = request.clone();
        Box::pin(async move { client.audit(context, request).await })
    };
    let mut started = Instant::now();
    let mut outcome = core.hosts.call_within(node, allowed + GRACE, send).await;
    if let Err(HostFault::Refused(Refusal::PaymentRequired { .. })) = &outcome {
        let len = ByteCount(u64::from(count) * GROUP_BYTES as u64);
        match pay(core, (node, agreement.id), len, &Purse::new(None)).await {
            Ok(()) => {
                started = Instant::now();
                outcome = core.hosts.call_within(node, allowed + GRACE, send).await;
            }
            Err(fault) => tracing::debug!(host = %node, %fault, "audits beyond the quota are not paid"),
        }
    }
    let took = started.elapsed();
    let outcome = outcome.and_then(|reply| signed(&node, &challenge, reply));
    Ok(Tried { agreement, held, asked: Asked::Leaves { challenge, outcome }, took, allowed })
}

fn signed(node: &NodeKey, challenge: &Challenge, reply: AuditReply) -> Result<AuditReply, HostFault> {
    let digest = receipt_digest(challenge, &answer_digest(&reply.answer));
    if verify(node, &digest, &reply.signature) {
        Ok(reply)
    } else {
        Err(HostFault::Misbehaved(Misbehaviour::Signature))
    }
}

/// How long a host may take over `count` leaves, from what it has shown before.
pub(crate) fn deadline(experience: &Experience, count: u16) -> Duration {
    let leaf = Duration::from_micros(experience.leaf_micros.max(1_000));
    let bytes = u64::from(count) * MAX_LEAF_PROOF_BYTES as u64;
    answer_deadline(leaf, (count, PARALLEL), (bytes, SLOWEST))
}
