//! `layr node status`: live while the node runs, else as it was written down last.

use super::snapshot::{self, Snapshot};
use crate::commands::outlook;
use crate::compose;
use crate::envelope::Report;
use crate::exit;
use crate::failure::Failure;
use crate::settings::Settings;
use crate::table::{Table, short};
use crate::units::show_duration;
use layr_host::{AtRisk, HostStatus, Planned};
use layr_node::WatchState;
use layr_owner::DueStep;
use layr_types::{ByteCount, Stroops};
use serde_json::json;
use std::time::Duration;

/// Asks, reads, shows.
pub async fn run(settings: &Settings) -> Result<Report, Failure> {
    let live = snapshot::status(&settings.dir).await;
    let running = live.is_some();
    let (snapshot, age) = match live {
        Some(snapshot) => (snapshot, Duration::ZERO),
        None => snapshot::read(&settings.dir).map_err(|error| {
            Failure::new(
                exit::NOT_FOUND,
                "node/no-status",
                "no node has run in this directory",
                "Start one with 'layr node run --quota SIZE' (a host) or 'layr node run --role owner'.",
            )
            .because(&error)
        })?,
    };
    let data = json!({
        "running": running, "age_seconds": age.as_secs(), "status": snapshot.host, "owner": snapshot.owner,
    });
    Report::new(&data, words(&snapshot, running, age))
}

fn words(snapshot: &Snapshot, running: bool, age: Duration) -> String {
    let mut text = if running {
        "The node runs.\n".to_owned()
    } else {
        format!("No node runs here. As it was {} ago:\n", show_duration(age.as_secs()))
    };
    if let Some(host) = &snapshot.host {
        text.push_str(&format!("\n{}", host_words(host)));
    }
    if let Some(owner) = &snapshot.owner {
        text.push_str(&format!("\n{}", owner_words(owner)));
    }
    text
}

fn host_words(status: &HostStatus) -> String {
    let mib = |slots: u64| ByteCount::from_sectors(slots).unwrap_or_default().to_string();
    let space = &status.space;
    let mut text = format!(
        "Host {}\nspace       free {}, reserved {}, live {}, trash {}\nearned      {} XLM accrued, {} XLM settled\ncollateral  {} XLM locked, {} XLM at risk\nprice       {} XLM per TiB and 30 days{}\n",
        status.key,
        mib(space.free),
        mib(space.reserved),
        mib(space.live),
        mib(space.trash),
        status.accrued,
        status.paid,
        status.locked,
        status.at_risk,
        compose::price_of(status.rate),
        if status.accepting { "" } else { " (takes no new agreements)" },
    );
    text.push_str(&scrub_words(status));
    if status.leaving {
        text.push_str(
            "leaving     notice is given for every agreement; keep the node running until none is left\n",
        );
    }
    if status.agreements.is_empty() {
        return text;
    }
    let mut table =
        Table::new(["agreement", "owner", "stored", "of", "earned XLM", "at risk XLM", "audits", "ends in"]);
    for one in &status.agreements {
        table.row([
            short(one.id),
            short(one.owner),
            one.stored.to_string(),
            one.capacity.to_string(),
            one.earned.to_string(),
            one.at_risk.to_string(),
            format!("{}+ {}-", one.audits_passed, one.audits_failed),
            show_duration(one.end.since(status.now)),
        ]);
    }
    text.push_str(&format!("\n{}\n", table.render()));
    text + &timeline_words(status)
}

/// How far the host has read through its own disk.
fn scrub_words(status: &HostStatus) -> String {
    let scrub = &status.scrub;
    let last = match scrub.passes {
        0 => "not once through yet".to_owned(),
        passes => {
            let ago = show_duration(status.now.since(scrub.last_pass));
            format!("{passes} time(s) through, last {ago} ago")
        }
    };
    let mut text = format!("scrub       {} of {} sectors, {last}\n", scrub.checked, scrub.of);
    if scrub.damaged > 0 {
        text.push_str(&format!(
            "damaged     {} sector(s): their owners are told and rebuild them elsewhere; check the disk\n",
            scrub.damaged
        ));
    }
    text
}

/// What is due under each agreement, the next deadline first.
fn timeline_words(status: &HostStatus) -> String {
    let due = status.timeline.iter().filter(|one| one.planned != Planned::Nothing);
    let line = |one: &AtRisk| {
        let lost =
            if one.lost > Stroops::ZERO { format!(", {} XLM are lost", one.lost) } else { String::new() };
        format!(
            "due         {} {} from {} until {}: {} XLM depend on it{lost}\n",
            short(one.id),
            planned_words(one.planned),
            one.from,
            one.deadline,
            one.at_stake
        )
    };
    let lines: String = due.take(8).map(line).collect();
    if lines.is_empty() { lines } else { format!("\n{lines}") }
}

const fn planned_words(planned: Planned) -> &'static str {
    match planned {
        Planned::Nothing => "nothing",
        Planned::Close => "close with the split both signed",
        Planned::Publish => "publish the newest revision",
        Planned::Respond => "answer the challenge",
        Planned::Prove => "prove what is stored",
        Planned::Collect => "collect what is left",
    }
}

fn owner_words(state: &WatchState) -> String {
    let Some(as_of) = state.as_of else {
        return format!("Owner's watch: no round completed yet.\n{}", trouble(state));
    };
    let mut text = format!(
        "Owner's watch, as of {} (ledger time)\nagreements  {} open, {} settled by the watch: {} XLM back, {} XLM ledger fees, {} XLM bonded\n",
        as_of,
        state.due.len(),
        state.settled,
        state.refunded,
        state.fees,
        state.bonded
    );
    if let Some(audit) = &state.last_audit {
        text.push_str(&format!("last audit  {}: {} passed", audit.at, audit.passed));
        for (host, verdict) in &audit.failed {
            text.push_str(&format!(", {} {verdict}", short(host)));
        }
        text.push('\n');
    }
    if let Some(next) = state.next {
        text.push_str(&format!("next look   {} at the latest\n", next));
    }
    let ends = state.due.iter().filter(|due| due.step == DueStep::CloseOrPublish.words()).map(|due| due.from);
    if let Some(words) = outlook::count_words(ends, as_of) {
        text.push_str(&format!("notice      {words}\n"));
    }
    for due in state.due.iter().take(5) {
        let who = if due.by_host { "host" } else { "we" };
        let until = due.until.map_or_else(String::new, |until| format!(" until {until}"));
        text.push_str(&format!(
            "due         {} {who} from {}{until}: {} ({} XLM depend on it)\n",
            short(due.agreement),
            due.from,
            due.step,
            due.stake
        ));
    }
    for job in &state.unfinished {
        text.push_str(&format!(
            "unfinished  upload of {} ({} file(s)), {} shards acknowledged: run its command again\n",
            job.files.first().map_or("", String::as_str),
            job.count,
            job.acknowledged
        ));
    }
    text + &trouble(state)
}

fn trouble(state: &WatchState) -> String {
    state.trouble.iter().map(|line| format!("trouble     {line}\n")).collect()
}
