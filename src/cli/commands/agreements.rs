//! `layr agreements`.

use super::clock::Clock;
use crate::args::Global;
use crate::compose;
use crate::envelope::Report;
use crate::failure::Failure;
use crate::failures;
use crate::settings::Settings;
use crate::table::{Table, short};
use crate::units::show_duration;
use layr_owner::views::{AgreementStage, AgreementView};
use layr_types::UnixSeconds;

/// Lists agreements.
pub async fn run(global: &Global, settings: &Settings) -> Result<Report, Failure> {
    let node = compose::owner(global, settings).await?;
    let read = async {
        let clock = Clock::read(&node).await?;
        let listed = match clock {
            Clock::Asked(_) => node.owner.agreements().await,
            Clock::Known(_) => node.owner.agreements_recorded().map(|recorded| recorded.value),
        };
        Ok((listed.map_err(failures::view)?, clock))
    };
    let read = read.await;
    node.stop().await;
    let (listed, clock): (Vec<AgreementView>, Clock) = read?;
    Ok(clock.noted(Report::new(&listed, words(&listed, clock.moment()))?))
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
