//! SLIP-0010 for Ed25519 (hardened children only) and the one path SEP-0005 names.

use hmac::{Hmac, Mac as _};
use sha2::Sha512;
use zeroize::Zeroizing;

/// Purpose 44 (BIP-44) and coin type 148 (Stellar); the account number follows.
const STELLAR_PATH: [u32; 2] = [44, 148];
const HARDENED: u32 = 1 << 31;

/// A key and the chain code its children are derived with.
struct Node {
    key: Zeroizing<[u8; 32]>,
    chain: Zeroizing<[u8; 32]>,
}

impl Node {
    fn master(seed: &[u8; 64]) -> Self {
        Self::hash(b"ed25519 seed", &[seed])
    }

    fn child(&self, number: u32) -> Self {
        Self::hash(&self.chain[..], &[&[0], &self.key[..], &(number | HARDENED).to_be_bytes()])
    }

    fn hash(key: &[u8], parts: &[&[u8]]) -> Self {
        let mut mac = Hmac::<Sha512>::new_from_slice(key).expect("HMAC takes keys of any length");
        parts.iter().for_each(|part| mac.update(part));
        let out = Zeroizing::new(<[u8; 64]>::from(mac.finalize().into_bytes()));
        let mut node = Self { key: Zeroizing::new([0; 32]), chain: Zeroizing::new([0; 32]) };
        let (key, chain) = out.split_at(32);
        node.key.copy_from_slice(key);
        node.chain.copy_from_slice(chain);
        node
    }
}

/// The Ed25519 seed of SEP-0005 account `m/44'/148'/account'`; account 0 is the primary one.
pub(crate) fn stellar_account_seed(seed: &[u8; 64], account: u32) -> Zeroizing<[u8; 32]> {
    let coin = STELLAR_PATH.iter().fold(Node::master(seed), |node, number| node.child(*number));
    coin.child(account).key
}
