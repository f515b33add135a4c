//! `layr ls`.

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
    let now = node.ledger.now().await.ok().map(|time| time.now);
    node.stop().await;
    let files = files?;
    Report::new(&files, words(&files, now))
}

fn words(files: &[FileView], now: Option<UnixSeconds>) -> String {
    if files.is_empty() {
        return "No files. 'layr upload PATH' stores some.".to_owned();
    }
    let mut table = Table::new(["size", "k/n", "paid for", "name"]);
    for file in files {
        let left = match (file.expires, now) {
            (Some(end), Some(now)) if end > now => show_duration(end.since(now)),
            (Some(_), Some(_)) => "term over".to_owned(),
            _ => "unknown".to_owned(),
        };
        table.row([
            file.size.to_string(),
            super::upload::profile_words(file.profile),
            left,
            file.name.clone(),
        ]);
    }
    table.render()
}
