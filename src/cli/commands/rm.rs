//! `layr rm`.

use super::confirm::confirm;
use super::interrupt::or_interrupted;
use super::tell::Teller;
use crate::args::{Global, Rm};
use crate::compose;
use crate::envelope::Report;
use crate::exit;
use crate::failure::Failure;
use crate::failures;
use crate::settings::Settings;
use crate::table::{Table, short};
use layr_node::OwnerNode;
use layr_owner::{RemoveReport, RemoveRequest};
use layr_types::ByteCount;

/// Names listed before the rest is only counted.
const LISTED: usize = 20;

/// Deletes files, or says what that would free.
pub async fn run(global: &Global, settings: &Settings, args: Rm) -> Result<Report, Failure> {
    let node = compose::joined_owner(global, settings).await?;
    let dry_run = args.dry_run;
    let done = or_interrupted(remove(global, &node, args)).await;
    node.stop().await;
    let done = done?;
    let exit = if !dry_run && done.left > ByteCount::ZERO { exit::PARTIAL } else { exit::OK };
    Ok(Report::new(&done, words(&done, dry_run))?.with_exit(exit))
}

async fn remove(global: &Global, node: &OwnerNode, args: Rm) -> Result<RemoveReport, Failure> {
    let Rm { names, prefix, dry_run, yes } = args;
    let request = RemoveRequest { names, prefix, dry_run: true };
    let told = Teller::new(global);
    let would = node.owner.remove(&request, told.clone()).await.map_err(failures::view)?;
    if dry_run {
        return Ok(would);
    }
    if !would.files.is_empty() {
        confirm(global, yes, &question(&would))?;
    }
    let request = RemoveRequest { dry_run: false, ..request };
    node.owner.remove(&request, told).await.map_err(failures::view)
}

fn question(would: &RemoveReport) -> String {
    match would.files.as_slice() {
        [one] => format!("Delete '{}' ({})? It cannot be brought back.", one.name, one.size),
        many => format!("Delete {} files ({})? They cannot be brought back.", many.len(), would.bytes),
    }
}

fn words(done: &RemoveReport, dry_run: bool) -> String {
    if done.files.is_empty() && done.hosts.is_empty() {
        return "There is nothing to delete, and nothing left to give back.".to_owned();
    }
    let mut text = String::new();
    for file in done.files.iter().take(LISTED) {
        text.push_str(&format!("{}  {}\n", file.size, file.name));
    }
    if let Some(more) = done.files.len().checked_sub(LISTED).filter(|more| *more > 0) {
        text.push_str(&format!("and {more} more\n"));
    }
    if !done.hosts.is_empty() {
        let mut table = Table::new(["host", "agreement", "sectors freed", "XLM freed", "still to free"]);
        for host in &done.hosts {
            table.row([
                short(host.host),
                short(host.agreement),
                host.sectors.to_string(),
                host.money.to_string(),
                host.left.to_string(),
            ]);
        }
        text.push_str(&format!("\n{}\n", table.render()));
    }
    for host in done.hosts.iter().filter(|host| host.left > 0) {
        if let Some(detail) = &host.detail {
            text.push_str(&format!("\n{}: {detail}", short(host.host)));
        }
    }
    text.push_str(&summary(done, dry_run));
    text
}

fn summary(done: &RemoveReport, dry_run: bool) -> String {
    let (bytes, freed, money) = (done.bytes, done.freed, done.money);
    let files =
        if done.files.len() == 1 { "1 file".to_owned() } else { format!("{} files", done.files.len()) };
    let mut text = if dry_run {
        format!(
            "\nNothing was deleted. It would delete {files} ({bytes}) and free {freed} at hosts; \
             {money} XLM in escrow would pay for other files."
        )
    } else {
        format!(
            "\nDeleted {files} ({bytes}). Freed at hosts: {freed}; {money} XLM in escrow now pay for other files."
        )
    };
    if done.shared > 0 {
        let words = if done.shared == 1 { "segment is" } else { "segments are" };
        text.push_str(&format!("\n{} {words} shared with other files and stay.", done.shared));
    }
    if !dry_run && done.left > ByteCount::ZERO {
        text.push_str(&format!(
            "\n{} could not be freed yet; 'layr rm' or a node that watches goes on with it. Nothing else is open.",
            done.left
        ));
    }
    text
}
