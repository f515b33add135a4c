//! Proofs as files: prepared by a host, carried to the ledger by anybody. A file proves nothing by itself: the
//! contract checks every byte of it.

use super::act::within;
use crate::args::{ExportProof, Global, SubmitProof};
use crate::commands::node::snapshot::{self, Answer, Ask};
use crate::commands::or_interrupted;
use crate::commands::tell::Teller;
use crate::compose;
use crate::envelope::Report;
use crate::exit;
use crate::failure::Failure;
use crate::failures;
use crate::settings::Settings;
use layr_market::SoftwareSha256;
use layr_node::OwnerNode;
use layr_owner::{PreparedProof, SubmitReport};
use layr_protocol::{MAX_PREPARED_BYTES, PreparedProof as ProofFile};
use layr_types::AgreementId;
use std::error::Error;
use std::io::Read as _;
use std::path::Path;
use std::time::Duration;

/// How long a running host may take to build a proof.
const PATIENCE: Duration = Duration::from_secs(60);

/// Asks the running host of this directory for the proof the ledger waits for.
pub async fn export(settings: &Settings, args: ExportProof) -> Result<Report, Failure> {
    settings.require_initialised()?;
    let no_host = || {
        Failure::new(
            exit::NOT_FOUND,
            "node/not-running",
            "no host runs on this directory",
            "Proofs are made by hosts: start this one with 'layr node run', then ask again.",
        )
    };
    let running = snapshot::status(&settings.dir).await.and_then(|status| status.host).ok_or_else(no_host)?;
    let id = super::meant(&args.id, running.agreements.iter().map(|one| one.id))?;
    let proof = match snapshot::ask(&settings.dir, Ask::ExportProof(id), PATIENCE).await {
        Some(Answer::Proof(proof)) => proof,
        Some(Answer::Refused(why)) => return Err(nothing_to_export(id, &why)),
        _ => return Err(no_host()),
    };
    let text = serde_json::to_string_pretty(&proof)
        .map_err(|error| Failure::internal("write the proof as JSON", &error))?;
    let Some(path) = &args.output else { return Report::new(&proof, text) };
    std::fs::write(path, text)
        .map_err(|error| Failure::internal(&format!("write {}", path.display()), &error))?;
    Report::new(
        &proof,
        format!(
            "{}: anybody may submit it with 'layr agreements submit-proof', until the slot moves on.",
            path.display()
        ),
    )
}

fn nothing_to_export(id: AgreementId, why: &str) -> Failure {
    Failure::new(
        exit::USAGE,
        "agreements/no-proof",
        format!("there is no proof of agreement {id} to export: {why}"),
        "'layr node status' says what is due under each agreement, and when.",
    )
}

/// Reads a proof from a file, or from standard input for `-`.
fn read(path: &Path) -> Result<PreparedProof, Failure> {
    let cannot = |error: &(dyn Error + 'static)| {
        Failure::usage(
            format!("{} holds no proof", path.display()),
            "Give a file that 'layr agreements export-proof' wrote.",
        )
        .because(error)
    };
    let limit = u64::try_from(MAX_PREPARED_BYTES).unwrap_or(u64::MAX).saturating_mul(2);
    let mut text = String::new();
    let read = if path.as_os_str() == "-" {
        std::io::stdin().take(limit).read_to_string(&mut text)
    } else {
        std::fs::File::open(path).and_then(|file| file.take(limit).read_to_string(&mut text))
    };
    read.map_err(|error| cannot(&error))?;
    let file: ProofFile = serde_json::from_str(&text).map_err(|error| cannot(&error))?;
    let opened = file.open(&SoftwareSha256).map_err(|error| cannot(&error))?;
    Ok(PreparedProof {
        terms: opened.terms,
        state: opened.state,
        revision: opened.revision,
        leaves: file.leaves.0,
        proofs: file.proofs.0,
    })
}

/// Brings a proof to the ledger.
pub async fn submit(global: &Global, settings: &Settings, args: SubmitProof) -> Result<Report, Failure> {
    settings.require_initialised()?;
    let proof = read(&args.file)?;
    let node = compose::owner(global, settings).await?;
    let done = or_interrupted(submit_with(global, &node, (&args, proof))).await;
    node.stop().await;
    let done = done?;
    Report::new(&done, words(&done))
}

async fn submit_with(
    global: &Global,
    node: &OwnerNode,
    (args, proof): (&SubmitProof, PreparedProof),
) -> Result<SubmitReport, Failure> {
    let told = Teller::new(global);
    if args.dry_run || args.max_cost.is_some() {
        let would = node.owner.submit(proof.clone(), true, told.clone()).await.map_err(failures::settle)?;
        if args.dry_run {
            return Ok(would);
        }
        within(args.max_cost, would.cost)?;
    }
    node.owner.submit(proof, false, told).await.map_err(failures::settle)
}

fn words(done: &SubmitReport) -> String {
    let what = if done.answer { "the answer to the challenge" } else { "the proof after the end" };
    let cost = done.cost.map_or_else(
        || "its beacon round must be posted first".to_owned(),
        |cost| format!("at most {} XLM in ledger fees", cost.total()),
    );
    match done.tx {
        Some(tx) => format!(
            "The ledger accepted {what} of agreement {} ({tx}). Ledger fees: {} XLM.",
            done.agreement, done.fees
        ),
        None => format!("Nothing was sent. This is {what} of agreement {}: {cost}.", done.agreement),
    }
}
