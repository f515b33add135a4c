//! Settings: defaults < `layr.toml` in the data directory < `LAYR_…` variables < flags. Unknown keys are
//! errors that name the file and the key.

use crate::args::Global;
use crate::exit;
use crate::failure::Failure;
use crate::units;
use config::{Config, Environment, File, FileFormat};
use layr_types::{ByteCount, Stroops};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// The settings file's name in the data directory.
pub const FILE_NAME: &str = "layr.toml";

/// The variables read as settings; `LAYR_DIR`, `LAYR_PASSPHRASE` and `LAYR_LOG` mean other things.
const VARIABLES: [&str; 9] =
    ["role", "network", "bootstrap", "profile", "term", "quota", "price", "collateral", "mdns"];

/// The file `layr init` writes.
pub const TEMPLATE: &str = "\
# Settings of this layr node. Flags and LAYR_… variables win over this file; unknown keys are errors.

# Ledger: \"local\" (layr localnet), \"testnet\", \"mainnet\", or the path of a network file.
network = \"{network}\"

# Nodes to enter the network through (libp2p multiaddresses ending in /p2p/…).
bootstrap = [{bootstrap}]

# Find nodes on the local network by mDNS.
mdns = false

# What 'layr node run' does: \"host\", \"owner\" (looks after this directory's agreements), or \"both\".
role = \"host\"

# As an owner: any k of n hosts are enough; how long to store.
profile = \"10/30\"
term = \"30d\"

# As a host: space to rent out (\"0\" for none), price in lumens per TiB and 30 days, collateral kept in escrow.
quota = \"0\"
price = \"8xlm\"
collateral = \"20xlm\"

# As a host: addresses to listen on, and where others can reach them if that differs.
listen = [\"/ip4/0.0.0.0/udp/4100/quic-v1\", \"/ip4/0.0.0.0/tcp/4100\"]
lane = \"0.0.0.0:4101\"
announce = []
# Declared for placement: owners spread shards over regions and operators.
region = \"\"
operator = \"\"
";

/// What a node does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Rents out space.
    Host,
    /// Looks after the agreements of this directory's owner.
    Owner,
    /// Both.
    Both,
}

impl Role {
    /// Whether space is rented out.
    pub const fn hosts(self) -> bool {
        matches!(self, Self::Host | Self::Both)
    }

    /// Whether an owner's agreements are looked after.
    pub const fn owns(self) -> bool {
        matches!(self, Self::Owner | Self::Both)
    }
}

/// Settings as written.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    network: String,
    bootstrap: Vec<String>,
    mdns: bool,
    role: Role,
    profile: String,
    term: String,
    quota: String,
    price: String,
    collateral: String,
    listen: Vec<String>,
    lane: String,
    announce: Vec<String>,
    region: String,
    operator: String,
}

/// Settings as used.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The data directory.
    pub dir: PathBuf,
    /// local, testnet, mainnet or a network file.
    pub network: String,
    /// Nodes to enter through.
    pub bootstrap: Vec<String>,
    /// Find nodes by mDNS.
    pub mdns: bool,
    /// What a node does.
    pub role: Role,
    /// k/n.
    pub profile: String,
    /// Seconds to store.
    pub term: u64,
    /// Space to rent out.
    pub quota: ByteCount,
    /// Price per TiB and 30 days.
    pub price: Stroops,
    /// Collateral kept in escrow.
    pub collateral: Stroops,
    /// Addresses to listen on.
    pub listen: Vec<String>,
    /// The lane's address.
    pub lane: String,
    /// Addresses to announce instead of those listened on.
    pub announce: Vec<String>,
    /// Declared region.
    pub region: String,
    /// Declared operator.
    pub operator: String,
}

impl Settings {
    /// Reads the settings that apply to this command.
    pub fn load(global: &Global) -> Result<Self, Failure> {
        let dir = data_dir(global)?;
        let file = dir.join(FILE_NAME);
        let written = read(&file)?;
        let bad = |key: &str, why: String| {
            Failure::usage(
                format!("setting '{key}': {why}"),
                format!("Correct it in {} or its variable.", file.display()),
            )
        };
        Ok(Self {
            network: global.network.clone().unwrap_or(written.network),
            bootstrap: written.bootstrap,
            mdns: written.mdns,
            role: written.role,
            profile: written.profile,
            term: units::parse_duration(&written.term).map_err(|why| bad("term", why))?,
            quota: units::parse_size(&written.quota).map_err(|why| bad("quota", why))?,
            price: units::parse_amount(&written.price).map_err(|why| bad("price", why))?,
            collateral: units::parse_amount(&written.collateral).map_err(|why| bad("collateral", why))?,
            listen: written.listen,
            lane: written.lane,
            announce: written.announce,
            region: written.region,
            operator: written.operator,
            dir,
        })
    }

    /// Fails unless `layr init` has been run here.
    pub fn require_initialised(&self) -> Result<(), Failure> {
        if self.dir.join(crate::compose::KEY_FILE).is_file() {
            return Ok(());
        }
        Err(Failure::new(
            exit::NOT_FOUND,
            "settings/not-initialised",
            format!("{} holds no layr keys", self.dir.display()),
            "Run 'layr init' first, or name the right directory with --dir.",
        ))
    }
}

/// The template with its two blanks filled in.
pub fn render_template(network: &str, bootstrap: &[String]) -> String {
    let quoted: Vec<String> = bootstrap.iter().map(|address| format!("{address:?}")).collect();
    TEMPLATE
        .replace("{network}", &network.escape_default().to_string())
        .replace("{bootstrap}", &quoted.join(", "))
}

/// The data directory: the flag's, or the platform's.
pub fn data_dir(global: &Global) -> Result<PathBuf, Failure> {
    if let Some(dir) = &global.dir {
        return Ok(dir.clone());
    }
    directories::ProjectDirs::from("", "", "layr").map(|dirs| dirs.data_dir().to_owned()).ok_or_else(|| {
        Failure::usage(
            "this account has no home directory",
            "Name a data directory with --dir DIR or LAYR_DIR.",
        )
    })
}

fn read(file: &Path) -> Result<Written, Failure> {
    let variables: HashMap<String, String> = VARIABLES
        .iter()
        .filter_map(|key| {
            std::env::var(format!("LAYR_{}", key.to_uppercase())).ok().map(|value| ((*key).to_owned(), value))
        })
        .collect();
    let environment = Environment::default()
        .try_parsing(true)
        .list_separator(",")
        .with_list_parse_key("bootstrap")
        .source(Some(variables));
    Config::builder()
        .add_source(File::from_str(&render_template("local", &[]), FileFormat::Toml))
        .add_source(File::from(file).format(FileFormat::Toml).required(false))
        .add_source(environment)
        .build()
        .and_then(Config::try_deserialize)
        .map_err(|error| {
            Failure::usage(
                "the settings cannot be used",
                format!("Correct {} (or the LAYR_… variable).", file.display()),
            )
            .because(&error)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(text: &str) -> Result<Written, Failure> {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let file = dir.path().join(FILE_NAME);
        std::fs::write(&file, text).expect("writable");
        read(&file)
    }

    #[test]
    fn the_template_is_its_own_default() {
        let written = load("").expect("defaults are complete");
        assert_eq!((written.network.as_str(), written.profile.as_str()), ("local", "10/30"));
        assert!(load(&render_template("testnet", &["/dns/a/tcp/1".to_owned()])).is_ok());
    }

    #[test]
    fn an_unknown_key_is_an_error_that_names_it() {
        let failure = load("quotaa = \"5GiB\"\n").expect_err("must not be ignored");
        assert!(failure.causes.iter().any(|cause| cause.contains("quotaa")), "{failure:?}");
        assert_eq!(failure.exit, exit::USAGE);
    }
}
