//! `layr ls`.

use super::clock::Clock;
use super::outlook;
use crate::args::{Global, Ls};
use crate::compose;
use crate::envelope::Report;
use crate::failure::Failure;
use crate::failures;
use crate::settings::Settings;
use crate::table::Table;
use crate::units::show_duration;
use layr_owner::Rung;
use layr_owner::views::FileView;
use layr_protocol::limits::GRACE_SECONDS;
use layr_types::UnixSeconds;

/// Lists files.
pub async fn run(global: &Global, settings: &Settings, args: Ls) -> Result<Report, Failure> {
    let node = compose::owner(global, settings).await?;
    let files = node.owner.list(args.prefix.as_deref().unwrap_or_default()).map_err(failures::view);
    let clock = Clock::read(&node).await;
    let outlook = node.owner.outlook(settings.term).await.map_err(failures::view);
    node.stop().await;
    let (files, clock, outlook) = (files?, clock?, outlook?);
    let mut text = words(&files, clock.moment());
    if !files.is_empty() {
        text.push_str(&outlook::words(&outlook));
    }
    Ok(clock.noted(Report::new(&files, text)?))
}

fn words(files: &[FileView], now: UnixSeconds) -> String {
    if files.is_empty() {
        return "No files. 'layr upload PATH' stores some.".to_owned();
    }
    let mut table = Table::new(["size", "k/n", "paid for", "30 more days XLM", "name"]);
    for file in files {
        table.row([
            file.size.to_string(),
            super::upload::profile_words(file.profile),
            paid_for(file, now),
            file.renewal.to_string(),
            file.name.clone(),
        ]);
    }
    table.render()
}

/// How long a file is paid for yet, or how long it can still be read.
pub fn paid_for(file: &FileView, now: UnixSeconds) -> String {
    let Some(end) = file.expires else { return "unknown".to_owned() };
    match Rung::of(end, now) {
        Rung::Grace => format!("over, readable for {}", show_duration(end.plus(GRACE_SECONDS).since(now))),
        Rung::Gone => "term over".to_owned(),
        _ => show_duration(end.since(now)),
    }
}
