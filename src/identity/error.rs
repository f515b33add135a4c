//! What can go wrong when a person's words, passphrase or addresses come in. No variant carries a secret.

/// Why a text is not a recovery phrase.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PhraseError {
    /// Not 24 words.
    #[error("a recovery phrase has 24 words; this one has {got}")]
    WordCount {
        /// Words found.
        got: usize,
    },
    /// A word is not in the list; its position from 1. The word itself stays with the person who typed it.
    #[error("word {position} is not in the BIP-39 English word list; check its spelling")]
    UnknownWord {
        /// Position of the word, from 1.
        position: usize,
    },
    /// Every word exists, but together they fail the checksum.
    #[error("the words do not fit together (wrong checksum): a word is wrong, missing or out of order")]
    Checksum,
}

/// Why a key file cannot be sealed or opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyFileError {
    /// The passphrase is not the one the file was sealed with.
    #[error("wrong passphrase for this key file")]
    WrongPassphrase,
    /// The file is cut short, altered, or not a key file at all.
    #[error("the key file is damaged or is not a key file; restore it from the recovery phrase")]
    Corrupt,
    /// The file is of a version this program does not know.
    #[error("the key file has version {0}, which this program does not know; use a newer program")]
    UnknownVersion(u8),
    /// The file asks for more work or memory than any honest key file does.
    #[error(
        "the key file asks for {memory_kib} KiB and {passes} passes to open, which is outside what is accepted"
    )]
    CostOutOfRange {
        /// Argon2 memory, KiB.
        memory_kib: u32,
        /// Argon2 passes.
        passes: u32,
    },
    /// The passphrase is empty: keys are never stored unprotected.
    #[error("the passphrase is empty; a key file is always protected by one")]
    EmptyPassphrase,
    /// The machine could not give the memory that deriving the key needs.
    #[error("deriving the key failed: not enough memory")]
    OutOfMemory,
}

/// Why a text is not a Stellar address of the wanted kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AddressError {
    /// Not a `G…` address, or mistyped.
    #[error("not a Stellar account address: it starts with G and has 56 characters with a checksum")]
    NotAccount,
    /// Not a `C…` address, or mistyped.
    #[error("not a Stellar contract address: it starts with C and has 56 characters with a checksum")]
    NotContract,
    /// A secret key was given where an address belongs. It is not repeated here.
    #[error(
        "this is a secret key (it starts with S), not an address; never type it where an address is asked for"
    )]
    IsSecret,
}
