//! `layr audit export` and `layr audit verify`: the custody certificate as a file.

use crate::args::Global;
use crate::compose;
use crate::envelope::Report;
use crate::exit;
use crate::failure::Failure;
use crate::failures;
use crate::settings::Settings;
use crate::table::{Table, short};
use layr_audits::{
    Certificate, MAX_CERTIFICATE_BYTES, Verified, VerifiedAgreement, Witness, verify_certificate,
};
use layr_ledger::{BeaconConfig, BeaconKey};
use layr_owner::AuditTarget;
use layr_types::{ByteCount, NodeKey, Signature};
use serde::Serialize;
use std::io::Read as _;
use std::path::Path;

/// Signatures as this program checks them.
struct Checks(BeaconKey);

impl Witness for Checks {
    fn signed(&self, key: &NodeKey, digest: &[u8; 32], signature: &Signature) -> bool {
        layr_identity::verify(key, digest, signature)
    }

    fn round(&self, round: u64, signature: &[u8; 48]) -> bool {
        self.0.signed(round, signature)
    }
}

/// What was exported.
#[derive(Debug, Serialize)]
struct Exported {
    file: String,
    bytes: u64,
    beacon_key: String,
    verified: Verified,
}

/// What was checked.
#[derive(Debug, Serialize)]
struct Checked {
    file: String,
    beacon_key: String,
    verified: Verified,
}

/// Writes a certificate, after checking it as its reader will.
pub(super) async fn export(
    global: &Global,
    settings: &Settings,
    name: &str,
    output: &Path,
) -> Result<Report, Failure> {
    let key = compose::network(settings)?.ledger.beacon.public_key;
    let node = compose::owner(global, settings).await?;
    let made = node.owner.certify(&AuditTarget::Any(name.to_owned())).map_err(failures::audit);
    node.stop().await;
    let certificate = made?;
    let verified = check(&certificate, &key)?;
    let bytes = serde_json::to_vec_pretty(&certificate)
        .map_err(|error| Failure::internal("write the certificate", &error))?;
    write(output, &bytes)?;
    let beacon_key = hex(&key);
    let option = if key == BeaconConfig::quicknet().public_key {
        String::new()
    } else {
        format!(" --beacon-key {beacon_key}")
    };
    let text = format!(
        "{}\n\nWritten to {} ({}). Anybody can check it, offline:\n  layr audit verify {}{option}",
        words(&verified),
        output.display(),
        ByteCount(bytes.len() as u64),
        output.display()
    );
    let file = output.display().to_string();
    Report::new(&Exported { file, bytes: bytes.len() as u64, beacon_key, verified }, text)
}

/// Writes beside, then renames: no half certificate is left.
fn write(output: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let mut beside = output.as_os_str().to_owned();
    beside.push(".part");
    std::fs::write(&beside, bytes)
        .and_then(|()| std::fs::rename(&beside, output))
        .map_err(|error| Failure::internal(&format!("write {}", output.display()), &error))
}

/// Checks a certificate with nothing but the beacon's public key: no settings, no keys, no network.
pub fn verify(file: &Path, beacon_key: Option<&str>) -> Result<Report, Failure> {
    let key = beacon_key.map_or_else(|| Ok(BeaconConfig::quicknet().public_key), read_key)?;
    let mut bytes = Vec::new();
    std::fs::File::open(file)
        .and_then(|opened| opened.take(MAX_CERTIFICATE_BYTES + 1).read_to_end(&mut bytes))
        .map_err(|error| {
            Failure::new(
                exit::NOT_FOUND,
                "audit/no-certificate",
                format!("cannot read {}", file.display()),
                "Name a file that 'layr audit export' wrote.",
            )
            .because(&error)
        })?;
    if bytes.len() as u64 > MAX_CERTIFICATE_BYTES {
        return Err(bad(&"it is larger than 256 MiB"));
    }
    let certificate: Certificate = serde_json::from_slice(&bytes).map_err(|error| bad(&error))?;
    let verified = check(&certificate, &key)?;
    let text = format!("Everything in {} holds.\n\n{}", file.display(), words(&verified));
    let checked = Checked { file: file.display().to_string(), beacon_key: hex(&key), verified };
    Report::new(&checked, text)
}

fn check(certificate: &Certificate, key: &[u8; 96]) -> Result<Verified, Failure> {
    let checks = BeaconKey::new(key).map(Checks).ok_or_else(wrong_key)?;
    verify_certificate(certificate, &checks).map_err(|error| bad(&error))
}

fn bad(why: &dyn std::fmt::Display) -> Failure {
    Failure::new(
        exit::INTEGRITY,
        "audit/bad-certificate",
        format!("the certificate does not hold: {why}"),
        "Ask its owner for another; a beacon other than drand's needs --beacon-key. Nothing was changed.",
    )
}

fn wrong_key() -> Failure {
    Failure::usage(
        "that is not a beacon's public key",
        "Give it as 192 hexadecimal digits; 'layr audit export' prints it for its network.",
    )
}

fn read_key(text: &str) -> Result<[u8; 96], Failure> {
    let digits: Option<Vec<u8>> =
        text.trim().chars().map(|digit| digit.to_digit(16).and_then(|d| u8::try_from(d).ok())).collect();
    let digits = digits.filter(|digits| digits.len() == 192).ok_or_else(wrong_key)?;
    let mut key = [0; 96];
    for (byte, [high, low]) in key.iter_mut().zip(digits.as_chunks::<2>().0) {
        *byte = high << 4 | low;
    }
    Ok(key)
}

fn hex(bytes: &[u8]) -> String {
    layr_audits::Hex(bytes.to_vec()).to_string()
}

fn words(verified: &Verified) -> String {
    let mut text = String::new();
    if let Some((name, size, hash)) = &verified.file {
        let (segments, whole) = verified.segments;
        text.push_str(&format!(
            "File       {name}, {}, BLAKE3 {hash} (its owner's word)\nShards     {whole} of {segments} segments have enough shards among the sectors both signed for\n",
            ByteCount(*size)
        ));
    }
    text.push_str(&format!("Owner      {}\n", verified.owner));
    match verified.span {
        Some((first, last)) => text.push_str(&format!(
            "Audited    from {} to {}, {} beacon rounds checked\n",
            first, last, verified.rounds
        )),
        None => text.push_str("Audited    with leaves the owner named; no beacon round says when\n"),
    }
    let mut table = Table::new([
        "host",
        "agreement",
        "sectors",
        "passed",
        "failed",
        "leaves",
        "signed answers",
        "newest",
        "checked here",
    ]);
    verified.agreements.iter().for_each(|agreement| table.row(row(agreement)));
    text.push_str(&format!("\n{}", table.render()));
    text
}

fn row(agreement: &VerifiedAgreement) -> [String; 9] {
    [
        short(agreement.host),
        short(agreement.id),
        agreement.sectors.to_string(),
        agreement.good.to_string(),
        agreement.bad.to_string(),
        agreement.leaves.to_string(),
        agreement.receipts.to_string(),
        agreement.last_verdict.map_or_else(|| "none yet".to_owned(), |verdict| verdict.to_string()),
        agreement.proved.map_or_else(
            || "no leaf".to_owned(),
            |(leaves, round)| format!("{leaves} leaves of round {round}"),
        ),
    ]
}
