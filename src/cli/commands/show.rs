//! `layr show`.

use super::clock::Clock;
use crate::args::{FileArg, Global};
use crate::compose;
use crate::envelope::Report;
use crate::failure::Failure;
use crate::failures;
use crate::settings::Settings;
use crate::table::{Table, short};
use crate::units::show_duration;
use layr_owner::views::FileDetail;
use layr_types::UnixSeconds;

/// Shows one file.
pub async fn run(global: &Global, settings: &Settings, args: FileArg) -> Result<Report, Failure> {
    let node = compose::owner(global, settings).await?;
    let detail = node.owner.show(&args.name).map_err(failures::view);
    let clock = if detail.is_ok() { Clock::read(&node).await } else { Ok(Clock::Known(UnixSeconds(0))) };
    node.stop().await;
    let (detail, clock) = (detail?, clock?);
    Ok(clock.noted(Report::new(&detail, words(&detail, clock.moment()))?))
}

fn words(detail: &FileDetail, now: UnixSeconds) -> String {
    let mut table = Table::new(["host", "agreement", "sectors", "last audit", "when"]);
    for host in &detail.hosts {
        table.row([
            short(host.node),
            short(host.agreement),
            host.sectors.to_string(),
            host.last_verdict.map_or_else(|| "none yet".to_owned(), |verdict| verdict.to_string()),
            host.audited.map_or_else(String::new, |when| match now.since(when) {
                0..60 => "just now".to_owned(),
                seconds => format!("{} ago", show_duration(seconds)),
            }),
        ]);
    }
    let file = &detail.file;
    format!(
        "{}\nsize {}, {} chunks in {} segments at {}\nstored {}, paid for: {}\nhealth as of the newest audits: {}; {}\n\n{}",
        file.name,
        file.size,
        detail.chunks,
        file.segments,
        super::upload::profile_words(file.profile),
        file.stored,
        super::ls::paid_for(file, now),
        detail.health.condition,
        super::audit::health_words(&detail.health),
        table.render()
    )
}
