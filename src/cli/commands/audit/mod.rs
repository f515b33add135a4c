//! `layr audit`: who still has what they are paid for, how far files are from being lost, and what hosts are worth.

mod certificate;
mod words;

pub use certificate::verify;
pub use words::health_words;

use super::interrupt::or_interrupted;
use super::tell::Teller;
use crate::args::{Audit, AuditCommand, Global};
use crate::compose;
use crate::envelope::Report;
use crate::exit::{self, Exit};
use crate::failure::Failure;
use crate::failures;
use crate::settings::Settings;
use layr_audits::{Verdict, samples_needed};
use layr_owner::views::AuditReport;
use layr_owner::{AuditTarget, OwnerConfig};
use layr_placement::Condition;

/// Audits hosts, shows their scores, or exports a certificate.
pub async fn run(global: &Global, settings: &Settings, args: Audit) -> Result<Report, Failure> {
    match &args.command {
        Some(AuditCommand::Export { name, output }) => {
            return certificate::export(global, settings, name, output).await;
        }
        Some(AuditCommand::Verify { file, beacon_key }) => return verify(file, beacon_key.as_deref()),
        None => {}
    }
    if args.hosts {
        let node = compose::owner(global, settings).await?;
        let scores = node.owner.scores().map_err(failures::view);
        node.stop().await;
        let scores = scores?;
        return Report::new(&scores, words::scores(&scores));
    }
    let config = OwnerConfig { audit_leaves: samples(&args)?, ..OwnerConfig::default() };
    let node = compose::joined_owner_with(global, settings, (config, None)).await?;
    let target = args.name.map_or(AuditTarget::All, AuditTarget::Any);
    let auditing = async { node.owner.audit(target, Teller::new(global)).await.map_err(failures::audit) };
    let found = or_interrupted(auditing).await;
    node.stop().await;
    let found = found?;
    let mut report = Report::new(&found, words::report(&found))?.with_exit(exit_of(&found));
    if let Some(why) = &found.beacon {
        report = report.note(
            "audit/no-beacon",
            format!("no beacon round could be had ({why}); this owner named the leaves itself, and nothing of that counts against a host"),
        );
    }
    Ok(report)
}

/// Leaves of each host: as asked for, or as many as the confidence takes.
fn samples(args: &Audit) -> Result<u16, Failure> {
    let Some(confidence) = args.confidence else { return Ok(args.samples) };
    let needed = samples_needed(args.loss, confidence).and_then(|needed| u16::try_from(needed).ok());
    needed.ok_or_else(|| {
        Failure::usage(
            "that takes more than 65,535 leaves of each host",
            "Ask for less confidence, or for a larger loss to be found.",
        )
    })
}

/// The worst of what was found.
fn exit_of(found: &AuditReport) -> Exit {
    let worst = found.files.iter().map(|(_, health)| health.condition).max();
    let all_own = !found.hosts.is_empty() && found.hosts.iter().all(|h| h.verdict == Verdict::OwnFault);
    match worst {
        Some(Condition::Lost) => exit::LOST,
        Some(Condition::AtRisk) => exit::AT_RISK,
        _ if all_own => exit::NETWORK,
        Some(Condition::Degraded) => exit::DEGRADED,
        _ if found.all_passed() => exit::OK,
        _ => exit::DEGRADED,
    }
}
