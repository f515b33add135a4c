//! Somebody with an identity: an owner with a data directory and money.

use super::command::Layr;
use super::guard::{keep_secret, scratch};
use serde_json::Value;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// An owner.
#[derive(Debug)]
pub struct Person {
    /// A directory of its own, for its files.
    pub home: PathBuf,
    /// Its data directory, in `home`.
    pub dir: PathBuf,
    /// Its recovery phrase.
    pub phrase: String,
    /// Its Stellar address.
    pub address: String,
    network: PathBuf,
    entry: String,
}

/// What somebody owns on the ledger, in stroops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Money {
    /// In the account.
    pub account: i64,
    /// A host's, free in escrow.
    pub escrow_free: i64,
}

impl Person {
    /// Makes an identity; `funded` by friendbot, or with an account that does not exist yet.
    pub fn new(name: &str, (network, entry): (&Path, &str), funded: bool) -> Self {
        let home = scratch(name);
        let (network, entry) = (network.to_owned(), entry.to_owned());
        let mut person = Self {
            dir: home.join("data"),
            home,
            phrase: String::new(),
            address: String::new(),
            network,
            entry,
        };
        let fund: &[&str] = if funded { &["--fund"] } else { &[] };
        let made = person.layr(["init"]).args(person.entries()).args(fund).data();
        person.phrase = text(&made, "phrase");
        person.address = text(&made, "address");
        keep_secret(&person.phrase);
        person
    }

    /// The same person on a second machine, with nothing but the phrase.
    pub fn on_a_new_machine(&self, phrase: &str) -> Self {
        let home = scratch("second-machine");
        let (network, entry) = (self.network.clone(), self.entry.clone());
        let mut second = Self {
            dir: home.join("data"),
            home,
            phrase: phrase.to_owned(),
            address: String::new(),
            network,
            entry,
        };
        let made = second.layr(["init", "--restore", "-"]).args(second.entries()).input(phrase).data();
        second.address = text(&made, "address");
        second
    }

    /// How it enters the network: through each of the addresses `entry` lists, parted by spaces.
    fn entries(&self) -> Vec<&str> {
        self.entry.split(' ').flat_map(|entry| ["--bootstrap", entry]).collect()
    }

    /// A command of this person, run in its home.
    pub fn layr<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) -> Layr {
        Layr::new(&self.dir).env("LAYR_NETWORK", &self.network).args(args)
    }

    /// Uploads and gives the report.
    #[track_caller]
    pub fn upload(&self, path: &Path, profile: &str) -> Value {
        self.layr([OsStr::new("upload"), path.as_os_str(), OsStr::new("--profile"), OsStr::new(profile)])
            .data()
    }

    /// Downloads `name`, and fails unless it is `original` byte for byte.
    #[track_caller]
    pub fn assert_comes_back(&self, name: &str, original: &Path) {
        let back = self.home.join("came-back");
        let done = self.layr(["download", "--force", "-o"]).args([&back]).args(["--", name]).data();
        assert_eq!(done["bytes"], std::fs::metadata(original).expect("the original").len(), "{done}");
        super::files::assert_same(original, &back);
    }

    /// Its agreements that are not settled.
    pub fn agreements(&self) -> Vec<Value> {
        let all = self.layr(["agreements"]).data();
        let open = |one: &&Value| one["stage"] != "settled";
        all.as_array().expect("a list").iter().filter(open).cloned().collect()
    }

    /// What it owns.
    pub fn money(&self) -> Money {
        money(&self.layr(["wallet", "balance"]).data())
    }
}

/// The balance a `wallet balance` showed.
pub fn money(shown: &Value) -> Money {
    let amount = |key: &str| shown[key].as_i64().unwrap_or_else(|| panic!("no {key} in {shown}"));
    Money { account: amount("balance") + amount("owner_credit"), escrow_free: amount("escrow_free") }
}

/// A text of an answer.
pub fn text(data: &Value, key: &str) -> String {
    data[key].as_str().unwrap_or_else(|| panic!("no {key} in {data}")).to_owned()
}
