//! Where in the key space an owner looks for hosts.
//!
//! Each of an owner's placement slots has a point of its own, so an owner's data gathers on a bounded set of
//! hosts near its points while different owners spread over the whole network. Nobody can move a point without
//! another owner key.

use layr_types::NodeKey;

const LABEL: &str = "layr 2026 v1 placement point";

/// The point of the owner's placement slot number `slot`.
#[must_use]
pub fn lookup_point(owner: &NodeKey, slot: u32) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new_derive_key(LABEL);
    hasher.update(owner.as_bytes());
    hasher.update(&slot.to_be_bytes());
    *hasher.finalize().as_bytes()
}

/// How far a node lies from a point: the first 64 bits of Kademlia's XOR metric over the hashed node key.
///
/// The key is hashed first, as the network's own table does it, so that a key cannot be ground cheaply to lie
/// next to one owner without being far from every other.
#[must_use]
pub fn distance(point: &[u8; 32], node: &NodeKey) -> u64 {
    let place = blake3::hash(node.as_bytes());
    let mut head = [0u8; 8];
    for (out, (a, b)) in head.iter_mut().zip(point.iter().zip(place.as_bytes())) {
        *out = a ^ b;
    }
    u64::from_be_bytes(head)
}
