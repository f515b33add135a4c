//! A person's or machine's identity: everything the recovery phrase stands for.

use crate::derive::{self, Purpose};
use crate::phrase::Phrase;
use crate::sign::Signer;
use crate::slip10;
use core::fmt;
use layr_types::{AccountKey, NodeKey, Signature};
use zeroize::Zeroizing;

/// The keys behind one recovery phrase. Not cloneable: share it by `Arc`. Everything secret in it is wiped on drop.
pub struct Identity {
    phrase: Phrase,
    seed: Zeroizing<[u8; 64]>,
    account: Signer,
    node: Signer,
}

impl Identity {
    /// Derives every key; takes about a millisecond (2048 rounds of PBKDF2).
    #[must_use]
    pub fn from_phrase(phrase: Phrase) -> Self {
        let seed = phrase.seed();
        let account = Signer::from_seed(&slip10::stellar_account_seed(&seed, 0));
        let node = Signer::from_seed(&derive::node_seed(&seed));
        Self { phrase, seed, account, node }
    }

    /// The phrase, for sealing it into a key file or showing it again.
    #[must_use]
    pub const fn phrase(&self) -> &Phrase {
        &self.phrase
    }

    /// The node's name on the network and the key that signs its agreements.
    #[must_use]
    pub fn node_key(&self) -> NodeKey {
        NodeKey(self.node.public())
    }

    /// The Stellar account that pays and is paid.
    #[must_use]
    pub fn account(&self) -> AccountKey {
        AccountKey(self.account.public())
    }

    /// Signs offers, terms, revisions and splits.
    #[must_use]
    pub fn sign_as_node(&self, digest: &[u8; 32]) -> Signature {
        self.node.sign(digest)
    }

    /// Signs a transaction's hash.
    #[must_use]
    pub fn sign_as_account(&self, transaction_hash: &[u8; 32]) -> Signature {
        self.account.sign(transaction_hash)
    }

    /// The account's signer, for the ledger client.
    #[must_use]
    pub fn account_signer(&self) -> Signer {
        self.account.clone()
    }

    /// The node's signer.
    #[must_use]
    pub fn node_signer(&self) -> Signer {
        self.node.clone()
    }

    /// The node's Ed25519 seed: libp2p's transport handshakes must hold it themselves.
    #[must_use]
    pub fn node_seed(&self) -> Zeroizing<[u8; 32]> {
        self.node.seed()
    }

    /// The secret for one purpose.
    #[must_use]
    pub fn secret(&self, purpose: Purpose) -> Zeroizing<[u8; 32]> {
        derive::secret(&self.seed, purpose)
    }
}

/// Shows public keys only.
impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity")
            .field("node", &self.node_key())
            .field("account", &self.account())
            .finish_non_exhaustive()
    }
}
