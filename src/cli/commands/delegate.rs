//! `layr delegate …`.

use super::interrupt::or_interrupted;
use super::tell::Teller;
use crate::args::{DelegateCommand, DelegateCreate, DelegateRepair, Global};
use crate::compose;
use crate::envelope::Report;
use crate::exit;
use crate::failure::Failure;
use crate::failures;
use crate::settings::Settings;
use crate::table::{Table, short};
use layr_node::OwnerNode;
use layr_owner::{
    DelegateRequest, DelegationView, MAX_PACKAGE_BYTES, OwnerConfig, RepairRequest, RepairTarget,
};
use std::io::{Read as _, Write as _};
use std::path::Path;

/// Runs one of them.
pub async fn run(global: &Global, settings: &Settings, command: DelegateCommand) -> Result<Report, Failure> {
    let node = compose::joined_owner_with(global, settings, (OwnerConfig::default(), None)).await?;
    let work = async {
        match command {
            DelegateCommand::Create(args) => create(&node, args).await,
            DelegateCommand::List => list(&node),
            DelegateCommand::Revoke { number } => revoke(&node, number).await,
            DelegateCommand::Repair(args) => repair(global, settings, &node, args).await,
            DelegateCommand::Adopt { result } => adopt(global, &node, &result).await,
        }
    };
    let done = or_interrupted(work).await;
    node.stop().await;
    done
}

async fn create(node: &OwnerNode, args: DelegateCreate) -> Result<Report, Failure> {
    let request = DelegateRequest {
        delegate: args.to,
        target: args.name.map_or(RepairTarget::All, RepairTarget::Named),
        lasts: args.lasts,
        cap: args.cap,
    };
    let (made, package) = node.owner.delegate(&request).await.map_err(failures::repair)?;
    write_private(&args.output, &package)?;
    let words = format!(
        "Delegation {}: {} may repair {} segments until {}, for {} XLM of its own at most.\nGive it {} in secret, and no more money than that. It cannot read your files.",
        made.number,
        short(made.delegate),
        made.segments,
        made.ends,
        made.cap,
        args.output.display()
    );
    Report::new(&made, words)
}

fn list(node: &OwnerNode) -> Result<Report, Failure> {
    let all = node.owner.delegations().map_err(failures::view)?;
    if all.is_empty() {
        return Report::new(&all, "There are no delegations.".to_owned());
    }
    let mut table = Table::new(["number", "delegate", "until", "cap XLM", "segments", "revoked"]);
    for DelegationView { number, delegate, ends, cap, segments, revoked } in &all {
        let revoked = if *revoked { "yes" } else { "no" };
        table.row([
            number.to_string(),
            short(delegate),
            ends.to_string(),
            cap.to_string(),
            segments.to_string(),
            revoked.to_owned(),
        ]);
    }
    Report::new(&all, table.render())
}

async fn revoke(node: &OwnerNode, number: u64) -> Result<Report, Failure> {
    let found = node.owner.revoke(number).await.map_err(failures::repair)?;
    let report = found.ok_or_else(|| {
        Failure::new(
            exit::NOT_FOUND,
            "delegate/unknown",
            "there is no such delegation",
            "See 'layr delegate list'.",
        )
    })?;
    let mut words = format!("Delegation {number} is revoked at {} hosts.", report.told.len());
    for host in &report.unreached {
        words.push_str(&format!("\n{} could not be told: {}", short(host.node), host.why));
    }
    let exit = if report.unreached.is_empty() { exit::OK } else { exit::PARTIAL };
    Ok(Report::new(&report, words)?.with_exit(exit))
}

async fn repair(
    global: &Global,
    settings: &Settings,
    node: &OwnerNode,
    args: DelegateRepair,
) -> Result<Report, Failure> {
    let package = read(&args.package)?;
    let request = RepairRequest { term: settings.term, max_cost: args.max_cost, ..RepairRequest::default() };
    let done = node.owner.repair_for(&package, &request, Teller::new(global)).await;
    let (done, result) = done.map_err(failures::repair)?;
    write_private(&args.output, &result)?;
    let exit = super::repair::exit(&done, false);
    let words =
        format!("{}\nGive {} back to the owner.", super::repair::words(&done, false), args.output.display());
    Ok(Report::new(&done, words)?.with_exit(exit))
}

async fn adopt(global: &Global, node: &OwnerNode, result: &Path) -> Result<Report, Failure> {
    let result = read(result)?;
    let done = node.owner.adopt(&result, Teller::new(global)).await.map_err(failures::repair)?;
    let mut words = format!(
        "{} shards of {} segments are taken in, on {} hosts.",
        done.shards,
        done.segments,
        done.hosts.len()
    );
    if done.left_out > 0 {
        words.push_str(&format!("\n{} shards are known already, or not yours.", done.left_out));
    }
    for host in &done.refused {
        words.push_str(&format!(
            "\n{} does not show what it is said to have: {}",
            short(host.node),
            host.why
        ));
    }
    let exit = if done.refused.is_empty() { exit::OK } else { exit::PARTIAL };
    Ok(Report::new(&done, words)?.with_exit(exit))
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let limit = MAX_PACKAGE_BYTES as u64 + 1;
    let read = std::fs::File::open(path).and_then(|file| file.take(limit).read_to_end(&mut bytes));
    read.map_err(|error| {
        Failure::usage("the package cannot be read", "Name the file you were given.").because(&error)
    })?;
    Ok(bytes)
}

/// Writes a file that only its owner may read.
fn write_private(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let written =
        options.open(path).and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()));
    written.map_err(|error| {
        Failure::usage("the package cannot be written", "Name another file with -o.").because(&error)
    })
}
