//! What lies ahead of an owner's agreements, in words: what ends when, and what another term costs.

use crate::table::short;
use crate::units::show_duration;
use layr_owner::{EndView, Outlook, Rung};
use layr_protocol::limits::GRACE_SECONDS;
use layr_types::UnixSeconds;

/// Ends told of one by one before the rest is only counted.
const TOLD: usize = 5;

/// The ladder of notices, and what renewing everything costs. Begins with a line break.
pub fn words(outlook: &Outlook) -> String {
    let mut text = String::new();
    let near: Vec<&EndView> = outlook.ends.iter().filter(|end| end.rung.speaks()).collect();
    for end in near.iter().take(TOLD) {
        text.push_str(&format!("\n{}", notice(end, outlook.now)));
    }
    if let Some(more) = near.len().checked_sub(TOLD).filter(|more| *more > 0) {
        text.push_str(&format!("\nand {more} more: 'layr agreements' lists them"));
    }
    let renewed = outlook.ends.iter().filter(|end| !end.let_expire && end.rung < Rung::Grace).count();
    if renewed > 0 {
        text.push_str(&format!(
            "\nAnother {} of all {renewed} agreement(s) costs {} XLM at present prices and locks {} XLM.",
            show_duration(outlook.term),
            outlook.renewal,
            outlook.locks
        ));
    }
    if text.is_empty() { text } else { format!("\n{text}") }
}

/// One agreement near its end.
pub fn notice(end: &EndView, now: UnixSeconds) -> String {
    let which = format!("agreement {} with {}", short(end.agreement), short(end.host));
    let left = show_duration(end.ending_at.since(now));
    match end.rung {
        Rung::Grace => {
            let left = show_duration(end.ending_at.plus(GRACE_SECONDS).since(now));
            format!(
                "{which} is over: hosts hand its data out for another {left}. Download it, or upload it again now."
            )
        }
        Rung::Gone => format!("{which} is over, and its host keeps nothing any more."),
        _ if end.let_expire => format!("{which} ends in {left}, as you let it."),
        Rung::Day | Rung::Days => format!(
            "{which} ends in {left}! 'layr agreements renew {}' keeps it for {} XLM.",
            short(end.agreement),
            end.renewal
        ),
        _ => format!(
            "{which} ends in {left}: a node in the owner's role renews it within its budget, or 'layr agreements renew {}' does.",
            short(end.agreement)
        ),
    }
}

/// The same for a summary that knows only the ends: how many are near, and the first of them.
pub fn count_words(ends: impl Iterator<Item = UnixSeconds>, now: UnixSeconds) -> Option<String> {
    let near: Vec<UnixSeconds> = ends.filter(|end| Rung::of(*end, now).speaks()).collect();
    let first = near.iter().min()?;
    Some(match Rung::of(*first, now) {
        Rung::Grace => format!(
            "{} agreement(s) over or near their end: the first one is over, its data is readable for {}",
            near.len(),
            show_duration(first.plus(GRACE_SECONDS).since(now))
        ),
        _ => format!(
            "{} agreement(s) end within 14 days, the first one in {}",
            near.len(),
            show_duration(first.since(now))
        ),
    })
}
