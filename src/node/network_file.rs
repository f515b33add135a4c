//! Network files: which ledger, which contract, which beacon, as TOML a person can read and pass on.
//!
//! `layr localnet` writes one; `--network FILE` reads one. A file is a stranger's word: the escrow contract it
//! names holds money, so use only files from people you trust with it. Unknown keys are errors.

use layr_identity::{AddressError, contract_address, parse_contract_address};
use layr_ledger::{BeaconConfig, HttpLimits, NetworkConfig, TransactionPolicy};
use layr_market::{BeaconSchedule, Context};
use layr_types::{ContractId, UnixSeconds};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use thiserror::Error;

/// Largest network file read: 64 KiB.
const MAX_FILE_BYTES: u64 = 64 * 1024;

/// A ledger with the contracts layr uses on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Network {
    /// The ledger and its beacon.
    pub ledger: NetworkConfig,
    /// The escrow contract.
    pub escrow: ContractId,
    /// The asset paid in.
    pub token: ContractId,
}

impl Network {
    /// Network and escrow contract, as signed messages name them.
    #[must_use]
    pub fn context(&self) -> Context {
        Context { network: self.ledger.network_id(), contract: self.escrow }
    }

    /// Reads a network file.
    ///
    /// # Errors
    /// [`NetworkFileError`] names the file and what is wrong with it.
    pub fn read(path: &Path) -> Result<Self, NetworkFileError> {
        let fault = |source| NetworkFileError::Read { path: path.to_owned(), source };
        if std::fs::metadata(path).map_err(fault)?.len() > MAX_FILE_BYTES {
            return Err(NetworkFileError::TooLarge { path: path.to_owned() });
        }
        let text = std::fs::read_to_string(path).map_err(fault)?;
        let written: Written = toml::from_str(&text)
            .map_err(|source| NetworkFileError::Parse { path: path.to_owned(), source: source.into() })?;
        written.check(path)
    }

    /// The file's text.
    ///
    /// # Errors
    /// [`NetworkFileError::Render`] if TOML cannot hold it, which does not happen for networks read or made here.
    pub fn render(&self) -> Result<String, NetworkFileError> {
        let beacon = &self.ledger.beacon;
        let written = Written {
            name: self.ledger.name.clone(),
            passphrase: self.ledger.passphrase.clone(),
            rpc: self.ledger.rpc_urls.clone(),
            friendbot: self.ledger.friendbot_url.clone(),
            explorer: self.ledger.explorer_url.clone(),
            escrow: contract_address(&self.escrow),
            token: contract_address(&self.token),
            beacon: WrittenBeacon {
                urls: beacon.urls.clone(),
                public_key: hex::encode(beacon.public_key),
                genesis: beacon.schedule.genesis.0,
                period: beacon.schedule.period,
            },
        };
        toml::to_string(&written).map_err(NetworkFileError::Render)
    }
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    name: String,
    passphrase: String,
    rpc: Vec<String>,
    friendbot: Option<String>,
    explorer: Option<String>,
    escrow: String,
    token: String,
    beacon: WrittenBeacon,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenBeacon {
    urls: Vec<String>,
    public_key: String,
    genesis: u64,
    period: u32,
}

impl Written {
    fn check(self, path: &Path) -> Result<Network, NetworkFileError> {
        let address = |key, text: &str| {
            parse_contract_address(text).map_err(|source| NetworkFileError::Address {
                path: path.to_owned(),
                key,
                source,
            })
        };
        let mut public_key = [0u8; 96];
        hex::decode_to_slice(&self.beacon.public_key, &mut public_key)
            .map_err(|_| NetworkFileError::BeaconKey { path: path.to_owned() })?;
        if self.rpc.is_empty() || self.beacon.urls.is_empty() || self.beacon.period == 0 {
            return Err(NetworkFileError::Empty { path: path.to_owned() });
        }
        let schedule =
            BeaconSchedule { genesis: UnixSeconds(self.beacon.genesis), period: self.beacon.period };
        Ok(Network {
            escrow: address("escrow", &self.escrow)?,
            token: address("token", &self.token)?,
            ledger: NetworkConfig {
                name: self.name,
                rpc_urls: self.rpc,
                passphrase: self.passphrase,
                friendbot_url: self.friendbot,
                beacon: BeaconConfig { urls: self.beacon.urls, public_key, schedule },
                explorer_url: self.explorer,
                http: HttpLimits::default(),
                transactions: TransactionPolicy::default(),
            },
        })
    }
}

/// Why a network file cannot be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum NetworkFileError {
    /// It cannot be read.
    #[error("cannot read the network file {path}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It is larger than any honest one.
    #[error("the network file {path} is larger than 64 KiB")]
    TooLarge {
        /// The file.
        path: PathBuf,
    },
    /// It is not TOML, or has a key too many or too few.
    #[error("the network file {path} cannot be used")]
    Parse {
        /// The file.
        path: PathBuf,
        /// Where and why.
        source: Box<toml::de::Error>,
    },
    /// A contract's address is mistyped.
    #[error("'{key}' in {path} is not a contract address")]
    Address {
        /// The file.
        path: PathBuf,
        /// The key.
        key: &'static str,
        /// Why.
        source: AddressError,
    },
    /// The beacon's key is not 96 bytes of hexadecimal.
    #[error("'beacon.public_key' in {path} is not 96 bytes of hexadecimal")]
    BeaconKey {
        /// The file.
        path: PathBuf,
    },
    /// No ledger address, no beacon address, or a period of 0.
    #[error("{path} names no ledger address, no beacon address, or a beacon period of 0")]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// It cannot be written as TOML.
    #[error("the network cannot be written as TOML")]
    Render(#[source] toml::ser::Error),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network() -> Network {
        let schedule = BeaconSchedule { genesis: UnixSeconds(1_000), period: 3 };
        let ledger = NetworkConfig::local("http://127.0.0.1:8000", [7; 96], schedule);
        Network { ledger, escrow: ContractId([1; 32]), token: ContractId([2; 32]) }
    }

    fn read(text: &str) -> Result<Network, NetworkFileError> {
        let file = tempfile::NamedTempFile::new().expect("a temporary file");
        std::fs::write(file.path(), text).expect("writable");
        Network::read(file.path())
    }

    #[test]
    fn a_network_file_reads_back() {
        assert_eq!(read(&network().render().expect("plain values")).expect("just written"), network());
    }

    #[test]
    fn an_unknown_key_a_wrong_address_and_a_short_key_are_refused() {
        let text = network().render().expect("plain values");
        assert!(matches!(read(&format!("typo = 1\n{text}")), Err(NetworkFileError::Parse { .. })));
        let escrow = contract_address(&ContractId([1; 32]));
        let wrong = text.replace(&escrow, &escrow.replace('C', "D"));
        assert!(matches!(read(&wrong), Err(NetworkFileError::Address { key: "escrow", .. })));
        assert!(matches!(read(&text.replace("0707", "07")), Err(NetworkFileError::BeaconKey { .. })));
    }
}
