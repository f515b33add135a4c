//! `layr show`.

use crate::args::{FileArg, Global};
use crate::compose;
use crate::envelope::Report;
use crate::failure::Failure;
use crate::failures;
use crate::settings::Settings;
use crate::table::{Table, short};
use layr_owner::views::FileDetail;

/// Shows one file.
pub async fn run(global: &Global, settings: &Settings, args: FileArg) -> Result<Report, Failure> {
    let node = compose::owner(global, settings).await?;
    let detail = node.owner.show(&args.name).map_err(failures::view);
    node.stop().await;
    let detail = detail?;
    Report::new(&detail, words(&detail))
}

fn words(detail: &FileDetail) -> String {
    let mut table = Table::new(["host", "agreement", "sectors", "last audit"]);
    for host in &detail.hosts {
        table.row([
            short(host.node),
            short(host.agreement),
            host.sectors.to_string(),
            host.last_verdict.map_or_else(|| "none yet".to_owned(), |verdict| verdict.to_string()),
        ]);
    }
    let file = &detail.file;
    format!(
        "{}\nsize {}, {} chunks in {} segments at {}\nhealth: {} of {} shards of the weakest segment survive, {} are needed\n\n{}",
        file.name,
        file.size,
        detail.chunks,
        file.segments,
        super::upload::profile_words(file.profile),
        detail.health.survivors,
        detail.health.made,
        detail.health.needed,
        table.render()
    )
}
