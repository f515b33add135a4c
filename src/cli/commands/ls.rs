//! `layr ls`.

use super::clock::Clock;
use crate::args::{Global, Ls};
use crate::compose;
use crate::envelope::Report;
use crate::failure::Failure;
use crate::failures;
use crate::settings::Settings;
use crate::table::Table;
use crate::units::show_duration;
use layr_owner::views::FileView;
use layr_types::UnixSeconds;

/// Lists files.
pub async fn run(global: &Global, settings: &Settings, args: Ls) -> Result<Report, Failure> {
    let node = compose::owner(global, settings).await?;
    let files = node.owner.list(args.prefix.as_deref().unwrap_or_default()).map_err(failures::view);
    let clock = Clock::read(&node).await;
    node.stop().await;
    let (files, clock) = (files?, clock?);
    Ok(clock.noted(Report::new(&files, words(&files, clock.moment()))?))
}

fn words(files: &[FileView], now: UnixSeconds) -> String {
    if files.is_empty() {
        return "No files. 'layr upload PATH' stores some.".to_owned();
    }
    let mut table = Table::new(["size", "k/n", "paid for", "name"]);
    for file in files {
        table.row([
            file.size.to_string(),
            super::upload::profile_words(file.profile),
            paid_for(file, now),
            file.name.clone(),
        ]);
    }
    table.render()
}

/// How long a file is paid for yet.
pub fn paid_for(file: &FileView, now: UnixSeconds) -> String {
    match file.expires {
        Some(end) if end > now => show_duration(end.since(now)),
        Some(_) => "term over".to_owned(),
        None => "unknown".to_owned(),
    }
}
