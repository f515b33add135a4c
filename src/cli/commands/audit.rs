//! `layr audit`.

use super::interrupt::or_interrupted;
use super::tell::Teller;
use crate::args::{Audit, Global};
use crate::compose;
use crate::envelope::Report;
use crate::exit;
use crate::failure::Failure;
use crate::failures;
use crate::settings::Settings;
use crate::table::{Table, short};
use layr_audits::Verdict;
use layr_owner::views::{AuditReport, Health};
use layr_owner::{AuditTarget, OwnerConfig};

/// Audits hosts.
pub async fn run(global: &Global, settings: &Settings, args: Audit) -> Result<Report, Failure> {
    let config = OwnerConfig { audit_leaves: args.samples, ..OwnerConfig::default() };
    let node = compose::joined_owner_with(global, settings, (config, None)).await?;
    let target = args.name.map_or(AuditTarget::All, AuditTarget::File);
    let auditing = async { node.owner.audit(target, Teller::new(global)).await.map_err(failures::audit) };
    let found = or_interrupted(auditing).await;
    node.stop().await;
    let found = found?;
    let exit = if found.files.iter().any(|(_, health)| !health.readable()) {
        exit::LOST
    } else if found.all_passed() {
        exit::OK
    } else {
        exit::DEGRADED
    };
    Ok(Report::new(&found, words(&found))?.with_exit(exit))
}

fn words(found: &AuditReport) -> String {
    if found.hosts.is_empty() {
        return "There are no agreements to audit.".to_owned();
    }
    let mut table = Table::new(["host", "agreement", "verdict", "leaves", "sectors", "ms"]);
    for host in &found.hosts {
        table.row([
            short(host.node),
            short(host.agreement),
            host.verdict.to_string(),
            format!("{}/{}", host.good, host.asked),
            host.sectors.to_string(),
            host.millis.to_string(),
        ]);
    }
    let mut text = format!("{}\n", table.render());
    for host in found.hosts.iter().filter(|host| host.verdict != Verdict::Passed) {
        text.push_str(&format!("\n{}: {}", short(host.node), advice(host.verdict)));
        if let Some(detail) = &host.detail {
            text.push_str(&format!(" ({detail})"));
        }
    }
    for (name, health) in &found.files {
        text.push_str(&format!("\n{name}: {}; {}", health.condition, health_words(health)));
    }
    text
}

/// A file's health in words.
pub fn health_words(health: &Health) -> String {
    format!(
        "{} of {} shards survive in its weakest segment, {} are needed, repair starts at {}; chance of loss before a repair is done {:.0e}, within a year {:.0e}",
        health.survivors, health.made, health.needed, health.threshold, health.danger, health.loss_in_a_year
    )
}

const fn advice(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Passed => "nothing to do",
        Verdict::Corrupt => "sent or confessed damaged data; it is not paid for what it cannot prove",
        Verdict::Missing => "no longer has the data; it is not paid for what it cannot prove",
        Verdict::Refused => "refused to be audited; it must prove on the ledger to be paid",
        Verdict::Late => "answered too late; counts against it only if it goes on",
        Verdict::Offline => "could not be reached; counts against it only if it stays away",
        Verdict::OwnFault => {
            "no host could be reached: the fault is probably here; check this machine's network"
        }
    }
}
