//! A development randomness beacon in drand's quicknet scheme.
//!
//! Same wire format and same mathematics as the public one (BLS12-381, signatures on G1, unchained rounds), but one
//! key derived from the network's seed, so whoever holds the state directory can predict it. It exists to exercise
//! code that verifies beacons; it gives no security and its chain hash differs from any public chain's.

use blst::min_sig::{PublicKey, SecretKey, Signature};
use sha2::{Digest, Sha256};

use crate::error::EngineError;

/// Name of the scheme, as drand's information endpoint gives it.
pub const SCHEME: &str = "bls-unchained-g1-rfc9380";
/// Name of this beacon, part of its chain hash.
pub const BEACON_ID: &str = "layr-local";
/// Seconds between rounds.
pub const PERIOD_SECONDS: u64 = 3;
/// Rounds that exist already when a network is born.
const HEAD_START_ROUNDS: u64 = 10;
/// Domain separation tag of the scheme's signatures.
const DST: &[u8] = b"BLS_SIG_BLS12381G1_XMD:SHA-256_SSWU_RO_NUL_";

/// A beacon chain with its secret key.
pub struct Beacon {
    key: SecretKey,
    genesis_time: u64,
    group_hash: [u8; 32],
}

/// One published round.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Round {
    /// Number, counting from one.
    pub number: u64,
    /// Compressed G1 point.
    pub signature: [u8; 48],
    /// SHA-256 of the signature.
    pub randomness: [u8; 32],
}

impl Beacon {
    /// The beacon of a network born at `birth` (Unix seconds) with `seed`.
    ///
    /// # Errors
    /// Never for a 32-byte seed; the library's refusal is passed on all the same.
    pub(crate) fn new(seed: &[u8; 32], birth: u64) -> Result<Self, EngineError> {
        let material = tagged(b"layr-local/beacon-key/1", seed);
        let key = SecretKey::key_gen(&material, &[]).map_err(|_| EngineError::Genesis)?;
        let genesis_time = birth.saturating_sub(PERIOD_SECONDS.saturating_mul(HEAD_START_ROUNDS));
        Ok(Self { key, genesis_time, group_hash: tagged(b"layr-local/beacon-group/1", seed) })
    }

    /// Time of round one, Unix seconds of the ledger's clock.
    #[must_use]
    pub fn genesis_time(&self) -> u64 {
        self.genesis_time
    }

    /// Compressed public key on G2.
    #[must_use]
    pub fn public_key(&self) -> [u8; 96] {
        self.key.sk_to_pk().compress()
    }

    /// Seed of the group, an opaque part of the chain hash.
    #[must_use]
    pub fn group_hash(&self) -> [u8; 32] {
        self.group_hash
    }

    /// Identity of the chain: what clients pin.
    #[must_use]
    pub fn chain_hash(&self) -> [u8; 32] {
        chain_hash(PERIOD_SECONDS, self.genesis_time, &self.public_key(), &self.group_hash, BEACON_ID)
    }

    /// Newest round at `time`; zero before the first.
    #[must_use]
    pub fn round_at(&self, time: u64) -> u64 {
        match time.checked_sub(self.genesis_time) {
            Some(age) => (age / PERIOD_SECONDS).saturating_add(1),
            None => 0,
        }
    }

    /// Round `number` if it is out at `time`.
    #[must_use]
    pub fn round(&self, number: u64, time: u64) -> Option<Round> {
        if number == 0 || number > self.round_at(time) {
            return None;
        }
        let signature = self.key.sign(&message(number), DST, &[]).compress();
        Some(Round { number, signature, randomness: Sha256::digest(signature).into() })
    }
}

/// Checks a round against a compressed public key, as any client of the scheme does.
#[must_use]
pub fn verify_round(public_key: &[u8], number: u64, signature: &[u8]) -> bool {
    let (Ok(key), Ok(signature)) = (PublicKey::uncompress(public_key), Signature::uncompress(signature))
    else {
        return false;
    };
    signature.verify(true, &message(number), DST, &[], &key, true) == blst::BLST_ERROR::BLST_SUCCESS
}

/// Hash identifying a chain, from its parameters.
pub(crate) fn chain_hash(period: u64, genesis: u64, key: &[u8], group: &[u8; 32], id: &str) -> [u8; 32] {
    let mut hasher = Sha256::new();
    hasher.update(u32::try_from(period).unwrap_or(u32::MAX).to_be_bytes());
    hasher.update(genesis.to_be_bytes());
    hasher.update(key);
    hasher.update(group);
    hasher.update(id.as_bytes());
    hasher.finalize().into()
}

fn message(number: u64) -> [u8; 32] {
    Sha256::digest(number.to_be_bytes()).into()
}

fn tagged(tag: &[u8], seed: &[u8; 32]) -> [u8; 32] {
    let mut hasher = Sha256::new();
    hasher.update(tag);
    hasher.update(seed);
    hasher.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUICKNET_KEY: &str = "83cf0f2896adee7eb8b5f01fcad3912212c437e0073e911fb90022d3e760183c8c4b450b6a0a6c3ac6a5776a2d1064510d1fec758c921cc22b0e17e63aaf4bcb5ed66304de9cf809bd274ca73bab4af5a6e9c76a4bc09e76eae8991ef5ece45a";
    const QUICKNET_GROUP: &str = "f477d5c89f21a17c863a7f937c6a6d15859414d2be09cd448d4279af331c5d3e";
    const QUICKNET_HASH: &str = "52db9ba70e0cc0f6eaf7803dd07447a1f5477735fd3f661792ba94600c84e971";
    const QUICKNET_ROUND_1000: &str =
        "b44679b9a59af2ec876b1a6b1ad52ea9b1615fc3982b19576350f93447cb1125e342b73a8dd2bacbe47e4b6b63ed5e39";

    fn beacon() -> Beacon {
        Beacon::new(&[7; 32], 1_000).expect("a seed of full length")
    }

    #[test]
    fn the_public_chains_own_round_verifies() {
        let key = hex::decode(QUICKNET_KEY).unwrap();
        let signature = hex::decode(QUICKNET_ROUND_1000).unwrap();
        assert!(verify_round(&key, 1_000, &signature));
        assert!(!verify_round(&key, 1_001, &signature));
    }

    #[test]
    fn the_chain_hash_is_computed_as_the_public_chain_does() {
        let key = hex::decode(QUICKNET_KEY).unwrap();
        let group: [u8; 32] = hex::decode(QUICKNET_GROUP).unwrap().try_into().unwrap();
        let hash = chain_hash(3, 1_692_803_367, &key, &group, "quicknet");
        assert_eq!(hex::encode(hash), QUICKNET_HASH);
    }

    #[test]
    fn rounds_verify_and_only_exist_once_their_time_has_come() {
        let beacon = beacon();
        assert_eq!(beacon.genesis_time(), 970);
        assert_eq!(beacon.round_at(969), 0);
        assert_eq!(beacon.round_at(970), 1);
        assert_eq!(beacon.round_at(973), 2);
        let round = beacon.round(2, 973).unwrap();
        assert!(verify_round(&beacon.public_key(), 2, &round.signature));
        assert!(!verify_round(&beacon.public_key(), 3, &round.signature));
        assert_eq!(beacon.round(3, 973), None);
        assert_eq!(beacon.round(0, 973), None);
    }

    #[test]
    fn another_seed_is_another_chain() {
        let other = Beacon::new(&[8; 32], 1_000).unwrap();
        assert_ne!(other.chain_hash(), beacon().chain_hash());
    }
}
