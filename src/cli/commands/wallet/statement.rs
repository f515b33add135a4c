//! `layr wallet history` and `layr wallet statement`: what came to the account and went from it, and what for.

use crate::compose;
use crate::envelope::Report;
use crate::failure::Failure;
use crate::failures;
use crate::settings::Settings;
use crate::table::{Table, short};
use layr_identity::Identity;
use layr_ledger::{LedgerClient, Statement, StatementEntry};
use layr_types::Stroops;
use std::collections::BTreeMap;

/// The newest movements, newest first.
pub async fn history(settings: &Settings, identity: &Identity, limit: usize) -> Result<Report, Failure> {
    let mut statement = read(settings, identity).await?;
    statement.entries.reverse();
    let left_out = statement.entries.len().saturating_sub(limit);
    statement.entries.truncate(limit);
    let mut words = table(&statement.entries);
    if left_out > 0 {
        words.push_str(&format!("\n… and {left_out} earlier ones (--limit shows more)"));
    }
    words.push_str(&reach(&statement));
    Report::new(&statement, words)
}

/// Everything the endpoint remembers, oldest first, with sums by what it was for.
pub async fn statement(settings: &Settings, identity: &Identity, csv: bool) -> Result<Report, Failure> {
    let statement = read(settings, identity).await?;
    if csv {
        return Report::new(&statement, comma_separated(&statement.entries));
    }
    let mut sums: BTreeMap<&str, Stroops> = BTreeMap::new();
    for entry in &statement.entries {
        *sums.entry(entry.kind.name()).or_default() += entry.amount;
    }
    let mut words = format!("{}\n\n", table(&statement.entries));
    for (kind, sum) in &sums {
        words.push_str(&format!("{kind:<15} {sum} XLM\n"));
    }
    let all: Stroops = sums.values().copied().sum();
    words.push_str(&format!("{:<15} {all} XLM", "in all"));
    words.push_str(&reach(&statement));
    Report::new(&statement, words)
}

async fn read(settings: &Settings, identity: &Identity) -> Result<Statement, Failure> {
    let network = compose::network(settings)?;
    let client = LedgerClient::new(network.ledger).map_err(failures::ledger)?;
    let escrow = client.escrow(network.escrow);
    escrow.statement(&identity.account(), 0..=u32::MAX).await.map_err(failures::ledger)
}

fn reach(statement: &Statement) -> String {
    format!("\nComplete from ledger {} to {}: endpoints forget what is older.", statement.from, statement.to)
}

fn table(entries: &[StatementEntry]) -> String {
    if entries.is_empty() {
        return "Nothing came or went.".to_owned();
    }
    let mut table = Table::new(["when", "what", "XLM", "with", "transaction", "remark"]);
    for entry in entries {
        table.row([
            entry.time.to_string(),
            entry.kind.name().replace('_', " "),
            entry.amount.to_string(),
            short(entry.counterparty),
            short(entry.transaction),
            remark(entry),
        ]);
    }
    table.render()
}

fn remark(entry: &StatementEntry) -> String {
    let agreements: Vec<String> = entry.agreements.iter().map(short).collect();
    let memo = entry.memo.as_ref().map(ToString::to_string);
    let mut parts: Vec<String> = memo.into_iter().collect();
    match agreements.len() {
        0 => {}
        1..=3 => parts.push(format!("agreement {}", agreements.join(", "))),
        many => parts.push(format!("{many} agreements")),
    }
    parts.join("; ")
}

/// RFC 4180, amounts in lumens, moments in ISO 8601; a cell that a spreadsheet would take for a formula is a text.
fn comma_separated(entries: &[StatementEntry]) -> String {
    let mut text = String::from("time,ledger,kind,amount_xlm,counterparty,transaction,agreements,memo\r\n");
    for entry in entries {
        let agreements: Vec<String> = entry.agreements.iter().map(ToString::to_string).collect();
        let moment = entry.time.to_string().replace(" UTC", "Z").replacen(' ', "T", 1);
        let cells = [
            moment,
            entry.ledger.to_string(),
            entry.kind.name().to_owned(),
            entry.amount.to_string(),
            entry.counterparty.to_string(),
            entry.transaction.to_string(),
            agreements.join(" "),
            harmless(&entry.memo.as_ref().map(ToString::to_string).unwrap_or_default()),
        ];
        text.push_str(&cells.map(|cell| quoted(&cell)).join(","));
        text.push_str("\r\n");
    }
    text
}

/// A stranger writes memos: none may begin as a formula does.
fn harmless(text: &str) -> String {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{text}") } else { text.to_owned() }
}

fn quoted(cell: &str) -> String {
    if cell.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", cell.replace('"', "\"\""))
    } else {
        cell.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_hold_whatever_a_stranger_wrote() {
        assert_eq!(quoted("plain"), "plain");
        assert_eq!(quoted("a,b \"c\"\nd"), "\"a,b \"\"c\"\"\nd\"");
        assert_eq!(harmless("=1+1"), "'=1+1");
        assert_eq!(harmless("rent"), "rent");
    }
}
