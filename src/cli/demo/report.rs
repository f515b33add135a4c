//! What the story came to: one object for programs, a few tables for people.

use super::balances::Balances;
use super::process::not_as_told;
use super::vanished::Vanished;
use super::verify::SettlementLine;
use crate::failure::Failure;
use crate::table::Table;
use layr_types::{ByteCount, NodeKey, Stroops};
use serde::Serialize;
use serde_json::{Value, json};

/// One host's verdict in one audit.
#[derive(Debug, Clone, Serialize)]
pub struct HostVerdict {
    /// Which audit.
    pub when: &'static str,
    /// `host 1` …
    pub host: String,
    /// Its key.
    pub node: NodeKey,
    /// The verdict.
    pub verdict: String,
}

/// The whole story.
#[derive(Debug, Clone, Serialize)]
pub struct Told {
    /// The file's size.
    pub file_bytes: u64,
    /// SHA-256 of what went up.
    pub sha256_in: String,
    /// SHA-256 of what came back.
    pub sha256_out: String,
    /// MiB of the file per second of encoding and sending.
    pub upload_mib_s: f64,
    /// MiB of the file per second, with eight hosts dead.
    pub download_mib_s: f64,
    /// Largest resident size of any owner process.
    pub owner_peak_rss_mib: u64,
    /// Largest resident size of any host process.
    pub host_peak_rss_mib: u64,
    /// Every host's verdict in every audit.
    pub verdicts: Vec<HostVerdict>,
    /// Every agreement's end.
    pub settlements: Vec<SettlementLine>,
    /// Per party before and after, with the sums.
    pub balances: Value,
    /// Whether accounts, escrow, burned and fees add up to the same before and after.
    pub conserved: bool,
    /// The stories of the owner and the host that vanished.
    #[serde(flatten)]
    pub vanished: Option<Vanished>,
    /// How long it all took.
    pub seconds: f64,
    /// Before the upload.
    #[serde(skip)]
    pub before: Option<Balances>,
    /// At the end.
    #[serde(skip)]
    pub after: Option<Balances>,
}

impl Told {
    /// The beginning.
    pub fn new(file_bytes: u64, sha256_in: String) -> Self {
        Self {
            file_bytes,
            sha256_in,
            sha256_out: String::new(),
            upload_mib_s: 0.0,
            download_mib_s: 0.0,
            owner_peak_rss_mib: 0,
            host_peak_rss_mib: 0,
            verdicts: Vec::new(),
            settlements: Vec::new(),
            balances: Value::Null,
            conserved: false,
            vanished: None,
            seconds: 0.0,
            before: None,
            after: None,
        }
    }

    /// Adds up: not a stroop may appear or vanish.
    pub fn conserve(&mut self) -> Result<(), Failure> {
        let (Some(before), Some(after)) = (&self.before, &self.after) else {
            return Err(not_as_told("there are no balances to add up", ""));
        };
        self.conserved = before.sum() == after.sum();
        let parties: Vec<Value> = before
            .parties
            .iter()
            .zip(&after.parties)
            .map(|(before, after)| {
                json!({
                    "party": before.name, "before": before.total(), "after": after.total(),
                    "account_before": before.account, "account_after": after.account,
                    "escrow_before": before.escrow_free, "escrow_after": after.escrow_free,
                })
            })
            .collect();
        self.balances = json!({
            "parties": parties,
            "escrow": {"before": before.escrow, "after": after.escrow},
            "burned": {"before": before.burned, "after": after.burned},
            "fees": {"before": before.fees, "after": after.fees},
            "sum": {"before": before.sum(), "after": after.sum()},
        });
        if self.conserved {
            return Ok(());
        }
        Err(not_as_told(
            "money appeared or vanished",
            &format!("{} XLM before, {} XLM after", before.sum(), after.sum()),
        ))
    }

    /// The tables.
    pub fn words(&self) -> String {
        let mut text = format!(
            "\n{} up at {:.0} MiB/s, back at {:.0} MiB/s with eight of twelve hosts dead\nsha256 in  {}\nsha256 out {}\npeak memory: owner {} MiB, host {} MiB\n\n",
            ByteCount(self.file_bytes),
            self.upload_mib_s,
            self.download_mib_s,
            self.sha256_in,
            self.sha256_out,
            self.owner_peak_rss_mib,
            self.host_peak_rss_mib
        );
        if let (Some(before), Some(after)) = (&self.before, &self.after) {
            text.push_str(&self.money(before, after));
        }
        if let Some(vanished) = &self.vanished {
            text.push_str(&vanished.words());
        }
        text.push_str(&format!("\nThe story went as told, in {:.0} seconds.", self.seconds));
        text
    }

    fn money(&self, before: &Balances, after: &Balances) -> String {
        let mut table = Table::new(["XLM", "before", "after", "change", "settlement"]);
        for (was, is) in before.parties.iter().zip(&after.parties) {
            let ended = self.settlements.iter().find(|line| Some(line.node) == was.key());
            let ended = ended.map_or_else(String::new, |line| format!("{} {}", line.outcome, line.income));
            table.row([
                was.name.clone(),
                was.total().to_string(),
                is.total().to_string(),
                (is.total() - was.total()).to_string(),
                ended,
            ]);
        }
        let locked = |balances: &Balances| {
            balances.escrow - balances.parties.iter().map(|party| party.escrow_free).sum::<Stroops>()
        };
        for (name, was, is) in [
            ("locked in agreements", locked(before), locked(after)),
            ("burned", before.burned, after.burned),
            ("ledger fees and rent", before.fees, after.fees),
            ("sum", before.sum(), after.sum()),
        ] {
            table.row([
                name.to_owned(),
                was.to_string(),
                is.to_string(),
                (is - was).to_string(),
                String::new(),
            ]);
        }
        format!("{}\n", table.render())
    }
}
