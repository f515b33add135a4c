//! The network's SHA-256 in the shape `layr-market` asks for, and the context its digests are bound to.

use layr_market::{Context, Sha256};
use layr_types::{ContractId, NetworkId};
use soroban_sdk::{Bytes, BytesN, Env, xdr::ToXdr as _};

/// SHA-256 by host function.
pub struct HostSha256<'a>(pub &'a Env);

impl Sha256 for HostSha256<'_> {
    fn sha256(&self, parts: &[&[u8]]) -> [u8; 32] {
        let mut all = Bytes::new(self.0);
        for part in parts {
            all.extend_from_slice(part);
        }
        self.0.crypto().sha256(&all).to_array()
    }
}

/// This contract on this network.
pub fn context(env: &Env) -> Context {
    let xdr = env.current_contract_address().to_xdr(env);
    let mut contract = [0; 32];
    // Type of value (4 bytes), type of address (4), contract id.
    xdr.slice(8..).copy_into_slice(&mut contract);
    Context { network: NetworkId(env.ledger().network_id().to_array()), contract: ContractId(contract) }
}

/// Traps unless `signature` is `key`'s over `digest`.
pub fn check_signature(env: &Env, key: &[u8; 32], digest: &[u8; 32], signature: &BytesN<64>) {
    let key = BytesN::from_array(env, key);
    env.crypto().ed25519_verify(&key, &Bytes::from_array(env, digest), signature);
}
