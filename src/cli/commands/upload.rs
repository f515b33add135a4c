//! `layr upload`.

use super::interrupt::or_interrupted;
use super::tell::Teller;
use crate::args::{Global, Upload};
use crate::compose;
use crate::envelope::Report;
use crate::failure::Failure;
use crate::failures;
use crate::settings::Settings;
use crate::table::{Table, short};
use crate::units::show_duration;
use layr_owner::views::{Quote, UploadReport};
use layr_owner::{Event, Keeping, Progress as _, UploadRequest, Warning, expand};
use layr_types::Stroops;

/// Quotes or uploads.
pub async fn run(global: &Global, settings: &Settings, args: Upload) -> Result<Report, Failure> {
    let (request, skipped) = request(settings, &args)?;
    let progress = Teller::new(global);
    if skipped > 0 {
        progress.tell(Event::Warning(Warning::Skipped { entries: skipped }));
    }
    let node = compose::joined_owner(global, settings).await?;
    let report = if args.dry_run {
        let quote = node.owner.quote(&request, &*progress).await.map_err(failures::upload);
        quote.and_then(|quote| Report::new(&quote, quote_words(&quote)))
    } else {
        let uploading =
            async { node.owner.upload(request, progress.clone()).await.map_err(failures::upload) };
        or_interrupted(uploading).await.and_then(|done| Report::new(&done, done_words(&done)))
    };
    node.stop().await;
    report
}

fn request(settings: &Settings, args: &Upload) -> Result<(UploadRequest, u64), Failure> {
    let profile = compose::parse_profile(args.profile.as_deref().unwrap_or(&settings.profile))?;
    let (sources, skipped) = expand(&args.paths, args.name.as_deref()).map_err(|error| {
        Failure::usage("the files cannot be uploaded", "Correct the paths; nothing was uploaded or paid.")
            .because(&error)
    })?;
    let keeping = Keeping {
        profile,
        term: args.term.unwrap_or(settings.term),
        max_cost: args.max_cost,
        max_rate: args.max_price.map(compose::rate_of).transpose()?,
        same_network: args.allow_same_network,
        shared_hosts: args.allow_shared_hosts,
        ..Keeping::default()
    };
    Ok((UploadRequest { sources, keeping }, skipped))
}

fn quote_words(quote: &Quote) -> String {
    let mut table =
        Table::new(["host", "XLM per TiB and 30 days", "capacity", "escrow XLM", "collateral XLM"]);
    for host in &quote.hosts {
        table.row([
            short(host.node),
            compose::price_of(host.rate).to_string(),
            host.capacity.to_string(),
            host.escrow.to_string(),
            host.collateral.to_string(),
        ]);
    }
    let mut text = format!(
        "{} in {} file(s), at most {} segments at {}, for {}\n\n",
        quote.bytes,
        quote.files,
        quote.segments,
        profile_words(quote.profile),
        show_duration(quote.term),
    );
    if !quote.hosts.is_empty() {
        text.push_str(&format!("{}\n\n", table.render()));
    }
    if !quote.reused.is_empty() {
        text.push_str(&format!("{} existing agreements have room and are used first.\n", quote.reused.len()));
    }
    text.push_str(&money_words(quote));
    text
}

fn money_words(quote: &Quote) -> String {
    let mut text = String::new();
    for (what, amount) in [
        ("hosts earn over the term", quote.storage),
        ("base fees, kept by hosts", quote.base_fees),
        ("ledger fees, at most", quote.ledger_fees),
        ("rent for ledger space, at most", quote.rent),
        ("locked in escrow now", quote.escrow),
        ("set aside for paid reads", quote.reads),
        ("comes back if nothing more is stored", quote.refundable),
        ("needed in the account", quote.total),
    ] {
        text.push_str(&format!("{what:<38} {amount} XLM\n"));
    }
    text.push_str("Nothing was paid. ");
    if let Some(until) = quote.binding_until {
        text.push_str(&format!("The hosts are bound to these prices until {} (ledger time).", until));
    }
    text
}

fn done_words(done: &UploadReport) -> String {
    let mut text = String::new();
    for file in done.files.iter().take(20) {
        text.push_str(&format!("{}  {}\n", file.name, file.size));
    }
    if done.files.len() > 20 {
        text.push_str(&format!("… and {} more\n", done.files.len() - 20));
    }
    let rate = crate::bench::mib(done.bytes.0) / done.send_seconds.max(0.001);
    text.push_str(&format!(
        "Done: {} on {} hosts, every shard acknowledged, co-signed and audited, in {:.1} s ({rate:.0} MiB/s).\n",
        done.bytes,
        done.hosts.len(),
        done.seconds
    ));
    if done.escrow != Stroops::ZERO || done.fees != Stroops::ZERO {
        text.push_str(&format!("Locked in escrow: {} XLM. Ledger fees: {} XLM.\n", done.escrow, done.fees));
    }
    if !done.replaced.is_empty() {
        text.push_str(&format!("{} host(s) failed on the way and were replaced.\n", done.replaced.len()));
    }
    text
}

/// `any 4 of 12`.
pub fn profile_words(profile: layr_coding::Profile) -> String {
    format!("{}/{}", profile.k(), profile.n())
}
