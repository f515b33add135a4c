//! One recovery phrase and every key derived from it.
//!
//! In: 32 bytes of entropy, or 24 words a person typed. Out: an [`Identity`] that signs, and the labelled
//! secrets the other rooms ask for. The phrase alone is enough to rebuild all of it on another machine.
//!
//! | What | How | Used by |
//! |---|---|---|
//! | [`Phrase`] | BIP-39, English, 24 words, no extra passphrase | a person, once |
//! | [`Identity::account`] | SEP-0005 primary key (SLIP-0010 Ed25519, `m/44'/148'/0'`): opens in any Stellar wallet | ledger |
//! | [`Identity::node_key`] | BLAKE3-derived Ed25519, independent of the account key | network, agreements |
//! | [`Identity::secret`] | BLAKE3-derived 32 bytes under a label per [`Purpose`] | coding, manifests, store |
//! | [`seal_key_file`] | Argon2id + ChaCha20-Poly1305 | command line |
//!
//! Pure: no files, no clock, no random numbers (entropy, salt and nonce are arguments). Secrets live in types
//! that wipe themselves; nothing here prints one, and no error carries one. A key file without a passphrase is
//! not offered.

mod address;
mod derive;
mod error;
mod identity;
mod key_file;
mod phrase;
mod sign;
mod slip10;

pub use address::{account_address, contract_address, parse_account_address, parse_contract_address};
pub use derive::Purpose;
pub use error::{AddressError, KeyFileError, PhraseError};
pub use identity::Identity;
pub use key_file::{KEY_FILE_BYTES, KEY_FILE_NONCE_BYTES, KEY_FILE_SALT_BYTES, open_key_file, seal_key_file};
pub use phrase::{PHRASE_ENTROPY_BYTES, PHRASE_WORDS, Phrase};
pub use sign::{Signer, verify, verify_account};

#[cfg(test)]
mod tests;
