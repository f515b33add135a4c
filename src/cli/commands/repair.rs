//! `layr repair`.

use super::interrupt::or_interrupted;
use super::tell::Teller;
use crate::args::{Global, Repair};
use crate::bench::mib;
use crate::compose;
use crate::envelope::Report;
use crate::exit::{self, Exit};
use crate::failure::Failure;
use crate::failures;
use crate::settings::Settings;
use crate::table::{Table, short};
use layr_owner::views::SegmentCounts;
use layr_owner::{OwnerConfig, RepairReport, RepairRequest, RepairTarget};

/// Most lost segments named in words; the envelope has all.
const NAMED: usize = 20;

/// Repairs.
pub async fn run(global: &Global, settings: &Settings, args: Repair) -> Result<Report, Failure> {
    let request = RepairRequest {
        target: args.name.map_or(RepairTarget::All, RepairTarget::Named),
        due_only: args.due,
        patience: args.silent_for,
        term: args.term.unwrap_or(settings.term),
        max_cost: args.max_cost,
        max_rate: args.max_price.map(compose::rate_of).transpose()?,
        same_network: args.allow_same_network,
        dry_run: args.dry_run,
        ..RepairRequest::default()
    };
    let node = compose::joined_owner_with(global, settings, (OwnerConfig::default(), None)).await?;
    let work = async { node.owner.repair(&request, Teller::new(global)).await.map_err(failures::repair) };
    let done = or_interrupted(work).await;
    node.stop().await;
    let done = done?;
    let exit = exit(&done, args.dry_run);
    Ok(Report::new(&done, words(&done, args.dry_run))?.with_exit(exit))
}

/// What a repair's end means.
pub const fn exit(done: &RepairReport, dry_run: bool) -> Exit {
    match done.is_whole() {
        _ if !done.lost.is_empty() => exit::LOST,
        true => exit::OK,
        false if dry_run => exit::DEGRADED,
        false => exit::PARTIAL,
    }
}

fn counts(counts: &SegmentCounts) -> [String; 4] {
    [counts.healthy, counts.degraded, counts.at_risk, counts.lost].map(|count| count.to_string())
}

/// A repair in words.
pub fn words(done: &RepairReport, dry_run: bool) -> String {
    let mut table = Table::new(["segments", "healthy", "degraded", "at risk", "lost"]);
    for (when, of) in [("before", &done.before), ("after", &done.after)] {
        if !(dry_run && when == "after") {
            let [healthy, degraded, at_risk, lost] = counts(of);
            table.row([when.to_owned(), healthy, degraded, at_risk, lost]);
        }
    }
    let mut text = table.render();
    if done.wanted == 0 && done.lost.is_empty() {
        text.push_str("\n\nNothing has to be rebuilt.");
        return text;
    }
    text.push_str(&if dry_run { planned(done) } else { repaired(done) });
    if let Some(why) = &done.shortage {
        text.push_str(&format!("\n{} shards have no host to go to: {why}", done.unplaced));
    }
    if done.unread > 0 {
        text.push_str(&format!("\n{} segments could not be read this time; run it again.", done.unread));
    }
    for lost in done.lost.iter().take(NAMED) {
        text.push_str(&format!(
            "\nLost: {} of the {} shards needed are left of a segment of {}",
            lost.left,
            lost.needed,
            lost.files.join(", ")
        ));
    }
    if done.lost.len() > NAMED {
        text.push_str(&format!("\n… and {} more (--json names them all).", done.lost.len() - NAMED));
    }
    if !done.lost.is_empty() {
        text.push_str(
            "\nWhat their hosts owe comes back by 'layr settle'; the files must be uploaded again.",
        );
    }
    text
}

fn planned(done: &RepairReport) -> String {
    let mut text = format!("\n\n{} shards would be rebuilt.", done.wanted);
    match &done.quote {
        Some(quote) => text.push_str(&format!(
            " {} new agreements: {} XLM at most, {} XLM of them locked.",
            quote.hosts.len(),
            quote.total,
            quote.escrow + quote.reads
        )),
        None if done.shortage.is_none() => text.push_str(" The agreements there are have room for them."),
        None => {}
    }
    text
}

fn repaired(done: &RepairReport) -> String {
    let hosts: Vec<String> = done.hosts.iter().map(short).collect();
    let mut text = format!(
        "\n\nRebuilt {} of {} shards in {:.1} s ({:.0} MiB/s of shards, {:.0} MiB/s of files' content) on {}.",
        done.rebuilt,
        done.wanted,
        done.seconds,
        done.speed() / f64::from(1 << 20),
        mib(done.content.0) / done.seconds.max(0.001),
        if hosts.is_empty() { "no host".to_owned() } else { hosts.join(", ") }
    );
    text.push_str(&format!(
        "\nOpened {} agreements, {} XLM locked; fees {} XLM; reads {} XLM.",
        done.opened.len(),
        done.escrow,
        done.fees,
        done.paid
    ));
    if !done.catalogue_saved {
        text.push_str("\nThe catalogue on the network is behind; the next command brings it.");
    }
    text
}
