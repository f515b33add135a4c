//! Proofs as files: what a host prepared, carried to the ledger by anybody.
//!
//! One JSON object; everything both signed is in its canonical bytes, in hexadecimal. A file proves nothing by
//! itself: the contract checks every byte of it.

use super::act::within;
use crate::args::{Global, SubmitProof};
use crate::commands::or_interrupted;
use crate::commands::tell::Teller;
use crate::compose;
use crate::envelope::Report;
use crate::failure::Failure;
use crate::failures;
use crate::settings::Settings;
use layr_market::{Revision, SlotState, Terms};
use layr_node::OwnerNode;
use layr_owner::{PreparedProof, SubmitReport};
use serde::{Deserialize, Serialize};
use std::error::Error;
use std::io::Read as _;
use std::path::Path;

/// The format's name and version.
const FORMAT: &str = "layr-proof/1";
/// Largest file read: 8 MiB.
const MAX_BYTES: u64 = 8 << 20;

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ProofFile {
    format: String,
    terms: String,
    state: String,
    revision: String,
    leaves: String,
    proofs: String,
}

impl ProofFile {
    /// The proof it holds, if every part of it reads.
    fn open(&self) -> Result<PreparedProof, Box<dyn Error>> {
        if self.format != FORMAT {
            return Err(format!("its format is '{}', not '{FORMAT}'", self.format).into());
        }
        Ok(PreparedProof {
            terms: Terms::decode(&hex::decode(&self.terms)?)?,
            state: SlotState::decode(&hex::decode(&self.state)?)?,
            revision: Revision::decode(&hex::decode(&self.revision)?)?,
            leaves: hex::decode(&self.leaves)?,
            proofs: hex::decode(&self.proofs)?,
        })
    }
}

/// Reads a proof from a file, or from standard input for `-`.
fn read(path: &Path) -> Result<PreparedProof, Failure> {
    let mut text = String::new();
    let read = if path.as_os_str() == "-" {
        std::io::stdin().take(MAX_BYTES).read_to_string(&mut text)
    } else {
        std::fs::File::open(path).and_then(|file| file.take(MAX_BYTES).read_to_string(&mut text))
    };
    let cannot = |error: &(dyn Error + 'static)| {
        Failure::usage(
            format!("{} holds no proof", path.display()),
            "Give a file that 'layr agreements export-proof' wrote.",
        )
        .because(error)
    };
    read.map_err(|error| cannot(&error))?;
    let file: ProofFile = serde_json::from_str(&text).map_err(|error| cannot(&error))?;
    file.open().map_err(|error| cannot(error.as_ref()))
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
            "{what} of agreement {} was accepted ({tx}). Ledger fees: {} XLM.",
            done.agreement, done.fees
        ),
        None => format!("Nothing was sent. This is {what} of agreement {}: {cost}.", done.agreement),
    }
}
