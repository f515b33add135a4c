//! What `layr audit` prints.

use crate::table::{Table, short};
use layr_audits::Verdict;
use layr_owner::views::{AuditReport, AuditView, Health, HostScore};
use layr_placement::Condition;

/// Hosts, problems, files.
pub(super) fn report(found: &AuditReport) -> String {
    if found.hosts.is_empty() {
        return "There are no agreements to audit.".to_owned();
    }
    let mut table =
        Table::new(["host", "agreement", "verdict", "leaves", "sectors", "ms", "score", "history"]);
    for host in &found.hosts {
        let score = found.scores.iter().find(|score| score.node == host.node);
        table.row([
            short(host.node),
            short(host.agreement),
            host.verdict.to_string(),
            format!("{}/{}", host.good, host.asked),
            host.sectors.to_string(),
            host.millis.to_string(),
            score.map_or_else(String::new, |score| format!("{:.3}", score.weight)),
            if host.recorded { "both signed" } else { "not signed" }.to_owned(),
        ]);
    }
    let mut text = format!("{}\n", table.render());
    for host in found.hosts.iter().filter(|host| host.verdict != Verdict::Passed || !host.recorded) {
        text.push_str(&format!("\n{}: {}", short(host.node), advice(host)));
        if let Some(detail) = &host.detail {
            text.push_str(&format!(" ({detail})"));
        }
    }
    for (name, health) in &found.files {
        text.push_str(&format!("\n{name}: {}; {}", health.condition, health_words(health)));
        if let Some(advice) = file_advice(health.condition) {
            text.push_str(&format!("; {advice}"));
        }
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

const fn file_advice(condition: Condition) -> Option<&'static str> {
    match condition {
        Condition::Healthy | Condition::Degraded => None,
        Condition::AtRisk => Some("repair it now: 'layr repair'"),
        Condition::Lost => Some(
            "it cannot be rebuilt from what its hosts have now; bring hosts back that are only away, or upload it again",
        ),
    }
}

/// What a problem means and what to do about it.
const fn advice(host: &AuditView) -> &'static str {
    match host.verdict {
        Verdict::Passed => "passed, and has not signed that yet; the next audit asks again",
        Verdict::Corrupt => {
            "sent or confessed damaged data; it is not paid for what it cannot prove: 'layr repair' places the shards anew"
        }
        Verdict::Missing => {
            "no longer has the data; it is not paid for what it cannot prove: 'layr repair' places the shards anew"
        }
        Verdict::Refused => {
            "refused to be audited; it must prove on the ledger to be paid: 'layr agreements dispute' makes it"
        }
        Verdict::Late => {
            "answered too late; asked again three times over 24 hours before it counts: nothing to do yet"
        }
        Verdict::Offline => {
            "could not be reached; asked again three times over 24 hours before it counts: nothing to do yet"
        }
        Verdict::OwnFault => {
            "nothing counts against it: the fault is probably here; check this machine's network, or wait if it says so"
        }
    }
}

/// Every host's score with what it is made of.
pub(super) fn scores(scores: &[HostScore]) -> String {
    if scores.is_empty() {
        return "No host is known yet.".to_owned();
    }
    let mut table = Table::new([
        "host",
        "score",
        "there",
        "good/bad",
        "intact",
        "good/bad",
        "slowest leaf",
        "owes an answer since",
    ]);
    for score in scores {
        table.row([
            short(score.node),
            format!("{:.3}", score.weight),
            format!("{:.3}", score.available_mean),
            format!("{:.1}/{:.1}", score.available.good, score.available.bad),
            format!("{:.3}", score.intact_mean),
            format!("{:.1}/{:.1}", score.intact.good, score.intact.bad),
            format!("{:.1} ms", f64::from(u32::try_from(score.leaf_micros).unwrap_or(u32::MAX)) / 1000.0),
            score
                .silent_since
                .map_or_else(String::new, |since| format!("{}, asked {} of 4 times", since, score.attempts)),
        ]);
    }
    format!(
        "{}\n\nscore = there × intact; each is good / (good + bad), begins with one of each, and every new audit weighs\nthe earlier ones by 0.999. Absences within 12 hours count once, and only after three more attempts over a day.",
        table.render()
    )
}
