//! `layr agreements …`: what was agreed with whom, what is at risk, and what a person may do about one of them.

mod act;
mod list;
mod proof;
mod show;

pub use list::word;

use crate::args::{Agreements, AgreementsCommand, Global};
use crate::envelope::Report;
use crate::exit;
use crate::failure::Failure;
use crate::failures;
use crate::settings::Settings;
use layr_node::OwnerNode;
use layr_types::AgreementId;

/// Runs whichever was given; without any it lists.
pub async fn run(global: &Global, settings: &Settings, args: Agreements) -> Result<Report, Failure> {
    match args.command {
        None | Some(AgreementsCommand::List) if args.at_risk => list::at_risk(global, settings).await,
        None | Some(AgreementsCommand::List) => list::run(global, settings).await,
        Some(AgreementsCommand::Show { id }) => show::run(global, settings, &id).await,
        Some(AgreementsCommand::Renew(renew)) => act::renew(global, settings, renew).await,
        Some(AgreementsCommand::LetExpire(expire)) => act::let_expire(global, settings, expire).await,
        Some(AgreementsCommand::Close(close)) => act::close(global, settings, close).await,
        Some(AgreementsCommand::Dispute(dispute)) => act::dispute(global, settings, dispute).await,
        Some(AgreementsCommand::ExportProof(export)) => proof::export(settings, export).await,
        Some(AgreementsCommand::SubmitProof(submit)) => proof::submit(global, settings, submit).await,
    }
}

/// The agreement a person means: by its id, or by any beginning of it that no other has.
fn find(node: &OwnerNode, text: &str) -> Result<AgreementId, Failure> {
    let listed = node.owner.agreements_recorded().map_err(failures::view)?.value;
    meant(text, listed.iter().map(|one| one.id))
}

/// The one of these a text means.
fn meant(text: &str, all: impl Iterator<Item = AgreementId>) -> Result<AgreementId, Failure> {
    let wanted = text.trim().to_ascii_lowercase();
    let meant: Vec<AgreementId> = all.filter(|id| id.to_string().starts_with(&wanted)).collect();
    match meant.as_slice() {
        [one] if !wanted.is_empty() => Ok(*one),
        [] => Err(Failure::new(
            exit::NOT_FOUND,
            "agreements/unknown",
            format!("there is no agreement '{text}'"),
            "'layr agreements' lists them; the first characters of an id are enough.",
        )),
        _ => Err(Failure::usage(
            format!("'{text}' is the beginning of {} agreements", meant.len()),
            "Give more characters of the id; 'layr agreements --json' shows it whole.",
        )),
    }
}
