//! `layr agreements` and `layr agreements --at-risk`.

use crate::args::Global;
use crate::commands::clock::Clock;
use crate::compose;
use crate::envelope::Report;
use crate::failure::Failure;
use crate::settings::Settings;
use crate::table::{Table, short};
use crate::units::show_duration;
use layr_owner::views::{AgreementStage, AgreementView, DueBy, DueView};
use layr_types::{Stroops, UnixSeconds};

/// Lists agreements.
pub async fn run(global: &Global, settings: &Settings) -> Result<Report, Failure> {
    let node = compose::owner(global, settings).await?;
    let read = async {
        let clock = Clock::read(&node).await?;
        Ok((clock.agreements(&node).await?, clock))
    };
    let read = read.await;
    node.stop().await;
    let (listed, clock): (Vec<AgreementView>, Clock) = read?;
    Ok(clock.noted(Report::new(&listed, words(&listed, clock.moment()))?))
}

/// What is due under each agreement, by when, and what it decides about.
pub async fn at_risk(global: &Global, settings: &Settings) -> Result<Report, Failure> {
    let node = compose::owner(global, settings).await?;
    let read = async {
        let clock = Clock::read(&node).await?;
        Ok((clock.timeline(&node).await?, clock))
    };
    let read = read.await;
    node.stop().await;
    let (timeline, clock): (Vec<DueView>, Clock) = read?;
    Ok(clock.noted(Report::new(&timeline, timeline_words(&timeline, clock.moment()))?))
}

fn timeline_words(timeline: &[DueView], now: UnixSeconds) -> String {
    if timeline.is_empty() {
        return "No money of yours is locked in any agreement.".to_owned();
    }
    let mut table = Table::new(["agreement", "host", "locked XLM", "at stake XLM", "next"]);
    for due in timeline {
        table.row([
            short(due.agreement),
            short(due.host),
            due.locked.to_string(),
            due.stake.to_string(),
            due_words(due, now),
        ]);
    }
    let locked: Stroops = timeline.iter().map(|due| due.locked).sum();
    let stake: Stroops = timeline.iter().map(|due| due.stake).sum();
    format!(
        "{}\n\n{locked} XLM are locked; {stake} XLM of them depend on the next steps being sent in time.",
        table.render()
    )
}

/// The next step in words: who sends what, from when, until when.
pub fn due_words(due: &DueView, now: UnixSeconds) -> String {
    let who = match due.by {
        DueBy::Owner => "you: ",
        DueBy::Host => "",
        DueBy::Anyone => "anyone: ",
    };
    let when =
        if due.from > now { format!("in {}", show_duration(due.from.since(now))) } else { "now".to_owned() };
    let until = match due.until {
        Some(until) if until > now => {
            format!(", until {until} (in {})", show_duration(until.since(now)))
        }
        Some(until) => format!(", was due until {until}"),
        None => String::new(),
    };
    format!("{when}, {who}{}{until}", due.step.words())
}

fn words(listed: &[AgreementView], now: UnixSeconds) -> String {
    if listed.is_empty() {
        return "No agreements. The first upload makes some.".to_owned();
    }
    let mut table = Table::new([
        "agreement",
        "host",
        "stage",
        "stored",
        "of",
        "paid XLM",
        "due XLM",
        "audits",
        "next deadline",
    ]);
    for agreement in listed {
        let left = match agreement.next_deadline.since(now) {
            _ if agreement.stage == AgreementStage::Settled => "settled".to_owned(),
            0 => "now".to_owned(),
            seconds => format!("in {}", show_duration(seconds)),
        };
        table.row([
            short(agreement.id),
            short(agreement.host),
            word(&agreement.stage),
            agreement.stored.to_string(),
            agreement.capacity.to_string(),
            agreement.paid.to_string(),
            agreement.due.to_string(),
            format!("{}+ {}-", agreement.audits_good, agreement.audits_bad),
            left,
        ]);
    }
    table.render()
}

/// A kebab-case word of an enumeration, as its JSON shows it.
pub fn word(value: &impl serde::Serialize) -> String {
    serde_json::to_value(value).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}
