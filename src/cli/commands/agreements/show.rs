//! `layr agreements show`: one agreement, its money and its next deadline.

use super::list::{due_words, word};
use crate::args::Global;
use crate::commands::clock::Clock;
use crate::compose;
use crate::envelope::Report;
use crate::failure::Failure;
use crate::settings::Settings;
use layr_node::OwnerNode;
use layr_owner::views::AgreementView;
use layr_types::{Stroops, UnixSeconds};

/// Shows one.
pub async fn run(global: &Global, settings: &Settings, id: &str) -> Result<Report, Failure> {
    let node = compose::owner(global, settings).await?;
    let read = read(&node, id).await;
    node.stop().await;
    let (view, clock) = read?;
    Ok(clock.noted(Report::new(&view, words(&view, clock.moment()))?))
}

async fn read(node: &OwnerNode, id: &str) -> Result<(AgreementView, Clock), Failure> {
    let id = super::find(node, id)?;
    let clock = Clock::read(node).await?;
    let listed = clock.agreements(node).await?;
    let view = listed.into_iter().find(|one| one.id == id);
    view.map(|view| (view, clock)).ok_or_else(|| {
        Failure::usage("the agreement was forgotten just now", "'layr agreements' lists what there is.")
    })
}

fn words(view: &AgreementView, now: UnixSeconds) -> String {
    let mut lines = vec![
        ("agreement", view.id.to_string()),
        ("host", view.host.to_string()),
        ("stage", word(&view.stage)),
        ("term", format!("{} to {}", view.start, view.end)),
        ("stored", format!("{} of {}", view.stored, view.capacity)),
        ("price", format!("{} XLM per TiB and 30 days", compose::price_of(view.rate))),
        (
            "in escrow",
            format!(
                "{} XLM, of which {} XLM for reading",
                view.escrow + view.voucher_part,
                view.voucher_part
            ),
        ),
        ("collateral", format!("{} XLM of the host's", view.collateral)),
        ("earned", format!("{} XLM acknowledged, {} XLM due", view.paid, view.due)),
        ("revision", format!("{} signed by both, {} on the ledger", view.revision, view.published)),
        ("audits", format!("{} passed, {} failed", view.audits_good, view.audits_bad)),
    ];
    if view.ending_at != view.end {
        lines.push(("ends early", view.ending_at.to_string()));
    }
    if view.vested > Stroops::ZERO {
        lines.push(("proved", format!("{} XLM are the host's whatever happens", view.vested)));
    }
    if let Some(refunded) = view.refunded {
        lines.push(("came back", format!("{refunded} XLM")));
    }
    if let Some(due) = &view.next {
        lines.push(("next", due_words(due, now)));
        lines.push(("at stake", format!("{} XLM of {} XLM locked", due.stake, due.locked)));
    }
    lines.iter().map(|(what, value)| format!("{what:<11} {value}\n")).collect()
}
