//! `layr node exit`: a host leaves without harming anybody.

use super::snapshot::{self, Answer, Ask};
use crate::args::{Global, NodeExit};
use crate::commands::confirm::confirm;
use crate::envelope::Report;
use crate::exit;
use crate::failure::Failure;
use crate::settings::Settings;
use layr_host::HostStatus;
use serde_json::json;
use std::time::Duration;

/// How long a running host may take to write it down.
const PATIENCE: Duration = Duration::from_secs(30);

/// Tells the running host to leave, or to stay after all.
pub async fn run(global: &Global, settings: &Settings, args: NodeExit) -> Result<Report, Failure> {
    settings.require_initialised()?;
    let status = snapshot::status(&settings.dir).await.and_then(|found| found.host).ok_or_else(no_host)?;
    if args.dry_run {
        return Report::new(&json!({ "agreements": status.agreements.len() }), would_words(&status));
    }
    if !args.stay {
        confirm(global, args.yes, &question(&status))?;
    }
    match snapshot::ask(&settings.dir, Ask::Exit(args.stay), PATIENCE).await {
        Some(Answer::Leaving(count)) => {
            let words = if args.stay { stay_words().to_owned() } else { leave_words(count) };
            Report::new(&json!({ "leaving": !args.stay, "notices": count }), words)
        }
        Some(Answer::Refused(why)) => Err(Failure::new(
            exit::INTERNAL,
            "node/exit",
            format!("the host could not write it down: {why}"),
            "Nothing was announced. Try again; the log says more.",
        )),
        _ => Err(no_host()),
    }
}

fn no_host() -> Failure {
    Failure::new(
        exit::NOT_FOUND,
        "node/not-running",
        "no host runs on this directory",
        "A host leaves while it runs: start it with 'layr node run', then say it again.",
    )
}

fn question(status: &HostStatus) -> String {
    format!(
        "Leave? Notice is given for {} agreement(s); {} XLM of collateral stay locked until they end.",
        status.agreements.len(),
        status.locked
    )
}

fn would_words(status: &HostStatus) -> String {
    format!(
        "Nothing was announced. Notice would be given for {} agreement(s), and no new ones taken; {} XLM earned so far \
         and {} XLM of collateral come as they end.",
        status.agreements.len(),
        status.accrued,
        status.locked
    )
}

fn leave_words(count: u64) -> String {
    format!(
        "Leaving: notice is given for {count} agreement(s), and no new ones are taken. Keep the node running until \
         'layr node status' shows none: owners move what lies here meanwhile, and you are paid for what you kept. \
         'layr node exit --stay' takes back what the ledger has not taken yet."
    )
}

const fn stay_words() -> &'static str {
    "Staying: new agreements are taken again. Notices the ledger has taken already stand."
}
