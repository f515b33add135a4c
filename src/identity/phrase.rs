//! The 24 words a person writes down: BIP-39, English, 256 bits.

use crate::error::PhraseError;
use bip39::{Language, Mnemonic};
use core::fmt;
use zeroize::{Zeroize as _, Zeroizing};

/// Words in a recovery phrase.
pub const PHRASE_WORDS: usize = 24;
/// Bytes of entropy behind a recovery phrase.
pub const PHRASE_ENTROPY_BYTES: usize = 32;

/// A recovery phrase. Wiped on drop; shows nothing when debugged.
#[derive(Clone, PartialEq, Eq)]
pub struct Phrase {
    entropy: Zeroizing<[u8; PHRASE_ENTROPY_BYTES]>,
}

impl Phrase {
    /// The phrase for 32 bytes of entropy. Where they come from decides everything: take them from the
    /// operating system's generator and nowhere else.
    #[must_use]
    pub fn from_entropy(entropy: &[u8; PHRASE_ENTROPY_BYTES]) -> Self {
        Self { entropy: Zeroizing::new(*entropy) }
    }

    /// Reads 24 words in any case, separated by any white space.
    ///
    /// # Errors
    /// [`PhraseError`] says whether the number of words, one of them, or the checksum is wrong.
    pub fn parse(text: &str) -> Result<Self, PhraseError> {
        let mut normal = Zeroizing::new(String::with_capacity(text.len()));
        let mut got = 0;
        for word in text.split_whitespace() {
            if got > 0 {
                normal.push(' ');
            }
            normal.extend(word.chars().map(|letter| letter.to_ascii_lowercase()));
            got += 1;
        }
        if got != PHRASE_WORDS {
            return Err(PhraseError::WordCount { got });
        }
        let mut mnemonic = Mnemonic::parse_in_normalized(Language::English, &normal).map_err(refine)?;
        let (mut bytes, _) = mnemonic.to_entropy_array();
        mnemonic.zeroize();
        let mut entropy = Zeroizing::new([0; PHRASE_ENTROPY_BYTES]);
        entropy.copy_from_slice(bytes.split_at(PHRASE_ENTROPY_BYTES).0);
        bytes.zeroize();
        Ok(Self { entropy })
    }

    /// The words, separated by single spaces: for showing them once to the person who must write them down.
    #[must_use]
    pub fn reveal(&self) -> Zeroizing<String> {
        let mut mnemonic = self.mnemonic();
        let mut text = Zeroizing::new(String::with_capacity(PHRASE_WORDS * 9));
        for (at, word) in mnemonic.words().enumerate() {
            if at > 0 {
                text.push(' ');
            }
            text.push_str(word);
        }
        mnemonic.zeroize();
        text
    }

    /// The 32 bytes behind the words.
    #[must_use]
    pub const fn entropy(&self) -> &Zeroizing<[u8; PHRASE_ENTROPY_BYTES]> {
        &self.entropy
    }

    /// The BIP-39 seed: PBKDF2-HMAC-SHA512 of the words, 2048 rounds, without an extra passphrase.
    pub(crate) fn seed(&self) -> Zeroizing<[u8; 64]> {
        let mut mnemonic = self.mnemonic();
        let seed = Zeroizing::new(mnemonic.to_seed_normalized(""));
        mnemonic.zeroize();
        seed
    }

    fn mnemonic(&self) -> Mnemonic {
        Mnemonic::from_entropy_in(Language::English, &self.entropy[..])
            .expect("32 bytes are a valid amount of entropy")
    }
}

impl fmt::Debug for Phrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Phrase(…)")
    }
}

fn refine(error: bip39::Error) -> PhraseError {
    match error {
        bip39::Error::UnknownWord(index) => PhraseError::UnknownWord { position: index + 1 },
        bip39::Error::BadWordCount(got) => PhraseError::WordCount { got },
        _ => PhraseError::Checksum,
    }
}
