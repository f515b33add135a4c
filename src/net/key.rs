//! The node key and the peer id are one identity in two spellings.
//!
//! libp2p names a peer by a multihash that, for Ed25519, simply contains the public key; the rest of the
//! program names it by [`NodeKey`]. Peers with any other kind of key have no node key and are refused.

use layr_types::NodeKey;
use libp2p::PeerId;
use libp2p::identity::{Keypair, PublicKey, ed25519};
use zeroize::Zeroizing;

/// A multihash whose digest is the key itself.
const IDENTITY_HASH: u64 = 0;

/// The libp2p identity of the node whose Ed25519 seed this is.
pub(crate) fn keypair(seed: &Zeroizing<[u8; 32]>) -> Keypair {
    let mut copy = Zeroizing::new(**seed);
    let secret =
        ed25519::SecretKey::try_from_bytes(&mut copy[..]).expect("every 32 bytes are an Ed25519 seed");
    Keypair::from(ed25519::Keypair::from(secret))
}

/// The public half of an Ed25519 identity.
pub(crate) fn own_key(keypair: &Keypair) -> NodeKey {
    node_key(&keypair.public().to_peer_id()).expect("the identity was made from an Ed25519 seed")
}

/// The node key inside a peer id, or `None` for a peer with another kind of key.
#[must_use]
pub fn node_key(peer: &PeerId) -> Option<NodeKey> {
    let hash = peer.as_ref();
    if hash.code() != IDENTITY_HASH {
        return None;
    }
    let public = PublicKey::try_decode_protobuf(hash.digest()).ok()?;
    public.try_into_ed25519().ok().map(|key| NodeKey(key.to_bytes()))
}

/// The peer id of a node, or `None` where the 32 bytes are not a point of the curve.
#[must_use]
pub fn peer_id(node: &NodeKey) -> Option<PeerId> {
    public_key(&node.0).map(|key| key.to_peer_id())
}

/// True where `signature` over `message` is by the holder of the Ed25519 key `signer`.
pub(crate) fn verifies(signer: &[u8; 32], message: &[u8], signature: &[u8]) -> bool {
    public_key(signer).is_some_and(|key| key.verify(message, signature))
}

fn public_key(bytes: &[u8; 32]) -> Option<PublicKey> {
    ed25519::PublicKey::try_from_bytes(bytes).ok().map(PublicKey::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn node_key_and_peer_id_are_the_same_identity() {
        let pair = keypair(&Zeroizing::new([7; 32]));
        let key = own_key(&pair);
        assert_eq!(peer_id(&key), Some(pair.public().to_peer_id()));
        assert_eq!(node_key(&pair.public().to_peer_id()), Some(key));
    }

    #[test]
    fn a_peer_without_an_ed25519_key_has_no_node_key() {
        assert_eq!(node_key(&PeerId::random()), None);
    }
}
