//! Settlement, checked by somebody who trusts neither side: this file computes every share itself with
//! `settle()` and compares it with what the ledger did.

use super::balances::Balances;
use super::process::not_as_told;
use super::world::World;
use crate::failure::Failure;
use layr_market::{BEACON_QUANTUM_SECONDS, Outcome, Revision, Settled, Settlement, Terms, settle};
use layr_types::{AgreementId, NodeKey, Stroops, UnixSeconds};
use serde::Serialize;
use serde_json::Value;
use std::path::Path;
use std::time::Duration;
use tokio::time::Instant;

/// How long hosts may take to act on what the clock says.
const PATIENCE: Duration = Duration::from_secs(60);

/// An agreement as the owner's records have it.
#[derive(Debug, Clone)]
pub struct Agreement {
    /// Its terms.
    pub terms: Terms,
    /// The newest revision both signed; `None` while nothing was stored under it.
    pub revision: Option<Revision>,
    /// Its id.
    pub id: AgreementId,
    /// Whether it is settled.
    pub settled: bool,
    /// What came back to the owner when it was.
    pub refunded: Option<Stroops>,
}

/// One agreement's end.
#[derive(Debug, Clone, Serialize)]
pub struct SettlementLine {
    /// The host.
    pub node: NodeKey,
    /// `proved` (by consent) or `missed`.
    pub outcome: &'static str,
    /// What `settle()` says the host gets, collateral included.
    pub host: Stroops,
    /// What it says the owner gets.
    pub owner: Stroops,
    /// What it says burns.
    pub burned: Stroops,
    /// What the host gained or lost by it, collateral not counted.
    pub income: Stroops,
}

/// Every agreement of the owner in this directory.
pub async fn agreements(world: &World, owner: &Path) -> Result<Vec<Agreement>, Failure> {
    let listed = world.program.succeed(owner, &["agreements"]).await?;
    let listed = listed.data().as_array().cloned().unwrap_or_default();
    listed.into_iter().map(read).collect()
}

fn read(mut listed: Value) -> Result<Agreement, Failure> {
    let malformed = |error| Failure::internal("read an agreement", &error);
    Ok(Agreement {
        id: serde_json::from_value(listed["id"].take()).map_err(malformed)?,
        settled: listed["stage"] == "settled",
        refunded: serde_json::from_value(listed["refunded"].take()).map_err(malformed)?,
        terms: serde_json::from_value(listed["terms"].take()).map_err(malformed)?,
        revision: serde_json::from_value(listed["newest"].take()).map_err(malformed)?,
    })
}

/// The owner settles; every honest host must sign.
pub async fn settle_by_consent(world: &World, agreements: &[Agreement]) -> Result<(), Failure> {
    let done = world.owner(&["settle"]).await?;
    let closed = steps(done.data()).filter(|(_, step)| step == "closed").count();
    let honest = agreements.len().saturating_sub(2);
    if closed != honest {
        let detail = done.data().to_string();
        return Err(not_as_told(
            &format!("{closed} agreements closed by consent, expected {honest}"),
            &detail,
        ));
    }
    Ok(())
}

/// What is left runs through publish, freeze, beacon and proof deadline.
pub async fn settle_by_proof(
    world: &World,
    agreements: &[Agreement],
    now: UnixSeconds,
) -> Result<UnixSeconds, Failure> {
    let of = |pick: fn(&Terms) -> UnixSeconds| {
        agreements.iter().map(|agreement| pick(&agreement.terms)).max().unwrap_or_default()
    };
    let frozen = of(|terms| terms.freezes_at(terms.end));
    let now = world.advance_to(now, frozen.plus(BEACON_QUANTUM_SECONDS + 60)).await?;
    world.owner(&["settle"]).await?;
    let deadline = of(|terms| terms.proof_deadline(terms.end));
    let now = world.advance_to(now, deadline.plus(60)).await?;
    let until = Instant::now() + PATIENCE;
    loop {
        let done = world.owner(&["settle"]).await?;
        if steps(done.data()).all(|(_, step)| matches!(step.as_str(), "closed" | "expired" | "settled")) {
            return Ok(now);
        }
        if Instant::now() > until {
            return Err(not_as_told(
                "agreements were still open after the deadline",
                &done.data().to_string(),
            ));
        }
    }
}

/// Host and step of every agreement a settlement dealt with.
pub fn steps(data: &Value) -> impl Iterator<Item = (String, String)> + '_ {
    let text = |one: &Value, key: &str| one[key].as_str().unwrap_or_default().to_owned();
    data["agreements"].as_array().into_iter().flatten().map(move |one| (text(one, "host"), text(one, "step")))
}

/// Computes each settlement anew and compares the host's balance on the ledger with it, to the stroop.
pub async fn compare(
    world: &World,
    agreements: &[Agreement],
    before: Option<&Balances>,
) -> Result<Vec<SettlementLine>, Failure> {
    let after = Balances::read(world).await?;
    let before = before.ok_or_else(|| not_as_told("there are no balances to compare with", ""))?;
    let mut lines = Vec::new();
    for agreement in agreements {
        let Some(revision) = &agreement.revision else { continue };
        let node = agreement.terms.host_key;
        let gained = after.host(node)?.escrow_free - before.host(node)?.escrow_free;
        let found = [("proved", Outcome::Proved(revision)), ("missed", Outcome::Missed(revision))]
            .into_iter()
            .find_map(|(name, outcome)| line(agreement, name, outcome).filter(|line| line.income == gained));
        lines.push(found.ok_or_else(|| {
            not_as_told(
                "a host got something else than settle() says",
                &format!("host {node} gained {gained} XLM"),
            )
        })?);
    }
    Ok(lines)
}

fn line(agreement: &Agreement, outcome: &'static str, ended: Outcome<'_>) -> Option<SettlementLine> {
    let terms = &agreement.terms;
    let Settlement { host, owner, burn } = settle(terms, Settled::default(), terms.end, ended).ok()?;
    Some(SettlementLine {
        node: terms.host_key,
        outcome,
        host,
        owner,
        burned: burn,
        income: host - terms.collateral,
    })
}

/// The point of it all.
pub fn honest_were_paid_and_cheaters_were_not(
    lines: &[SettlementLine],
    cheaters: &[NodeKey],
) -> Result<(), Failure> {
    for line in lines {
        let cheated = cheaters.contains(&line.node);
        let as_told = if cheated {
            line.outcome == "missed"
        } else {
            line.outcome == "proved" && line.income > Stroops::ZERO
        };
        if !as_told {
            return Err(not_as_told("a settlement did not end as it should", &format!("{line:?}")));
        }
    }
    Ok(())
}
