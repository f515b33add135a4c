//! `layr settle`.

use super::agreements::word;
use super::interrupt::or_interrupted;
use super::tell::Teller;
use crate::args::{Global, Settle};
use crate::compose;
use crate::envelope::Report;
use crate::failure::Failure;
use crate::failures;
use crate::settings::Settings;
use crate::table::{Table, short};
use layr_owner::views::SettleReport;
use layr_owner::{OwnerConfig, SettleOptions};

/// Settles whatever is due.
pub async fn run(global: &Global, settings: &Settings, args: Settle) -> Result<Report, Failure> {
    let limits = (OwnerConfig::default(), args.max_cost);
    let node = compose::joined_owner_with(global, settings, limits).await?;
    let options = SettleOptions { dry_run: args.dry_run, ..SettleOptions::default() };
    let settling = async { node.owner.settle(options, Teller::new(global)).await.map_err(failures::settle) };
    let done = or_interrupted(settling).await;
    node.stop().await;
    let done = done?;
    Report::new(&done, words(&done))
}

fn words(done: &SettleReport) -> String {
    if done.agreements.is_empty() {
        return "There are no agreements to settle.".to_owned();
    }
    let amount = |amount: Option<layr_types::Stroops>| {
        amount.map_or_else(|| "–".to_owned(), |amount| amount.to_string())
    };
    let mut table = Table::new(["agreement", "host", "step", "to host XLM", "to you XLM", "burned XLM"]);
    for one in &done.agreements {
        table.row([
            short(one.id),
            short(one.host),
            word(&one.step),
            amount(one.to_host),
            amount(one.to_owner),
            amount(one.burned),
        ]);
    }
    let mut text = table.render();
    text.push_str("\n\n");
    text.push_str(&match done.would_cost {
        Some(cost) => format!(
            "Nothing was sent. The ledger would take at most {} XLM in fees and {} XLM in rent.",
            cost.fee, cost.rent
        ),
        None => format!(
            "Back to you: {} XLM. To hosts beyond their collateral: {} XLM. Ledger fees: {} XLM.",
            done.refunded, done.paid, done.fees
        ),
    });
    for one in done.agreements.iter().filter(|one| one.detail.is_some()) {
        text.push_str(&format!("\n{}: {}", short(one.host), one.detail.as_deref().unwrap_or_default()));
    }
    text
}
