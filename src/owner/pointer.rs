//! The payload of the owner's mutable record: where the newest catalogue head lies, sealed.
//!
//! Plain layout, big-endian: version 1 · saved 8 · length of the sealed head 4 · segment 32 · sector root 32 ·
//! count 1 · host keys 32 each. Sealed as nonce 12 ‖ ChaCha20-Poly1305 ‖ tag 16 under a key of the catalogue
//! secret, the sequence number as associated data: nobody who keeps the record learns who the hosts are.

use layr_types::{ByteCount, NodeKey, Reader, SectorRoot, SegmentId, UnixSeconds};
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use zeroize::Zeroizing;

const VERSION: u8 = 1;
const LABEL: &str = "layr 2026 v1 catalogue pointer";
const NONCE: usize = 12;
/// Most hosts a pointer names.
pub(crate) const MAX_HOSTS: usize = 20;

/// Where the newest catalogue head lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pointer {
    /// When it was saved, by the ledger's clock.
    pub(crate) saved: UnixSeconds,
    /// Length of the sealed head.
    pub(crate) used: ByteCount,
    /// Its segment, which gives the mask.
    pub(crate) segment: SegmentId,
    /// Root of its one sector.
    pub(crate) root: SectorRoot,
    /// Hosts that have it.
    pub(crate) hosts: Vec<NodeKey>,
}

impl Pointer {
    fn encode(&self) -> Vec<u8> {
        let hosts = self.hosts.get(..MAX_HOSTS).unwrap_or(&self.hosts);
        let mut out = vec![VERSION];
        out.extend_from_slice(&self.saved.0.to_be_bytes());
        out.extend_from_slice(&u32::try_from(self.used.0).unwrap_or(u32::MAX).to_be_bytes());
        out.extend_from_slice(&self.segment.0);
        out.extend_from_slice(&self.root.0);
        out.push(u8::try_from(hosts.len()).unwrap_or(u8::MAX));
        hosts.iter().for_each(|host| out.extend_from_slice(&host.0));
        out
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let mut from = Reader::new(bytes);
        if from.u8().ok()? != VERSION {
            return None;
        }
        let saved = UnixSeconds(from.u64().ok()?);
        let used = ByteCount(from.u32().ok()?.into());
        let segment = SegmentId(from.array().ok()?);
        let root = SectorRoot(from.array().ok()?);
        let count = usize::from(from.u8().ok()?);
        if count > MAX_HOSTS {
            return None;
        }
        let hosts = (0..count).map(|_| from.array().ok().map(NodeKey)).collect::<Option<_>>()?;
        from.finish().ok()?;
        Some(Self { saved, used, segment, root, hosts })
    }

    /// Seals the pointer for the record with this sequence number.
    pub(crate) fn seal(&self, secret: &[u8; 32], sequence: u64, nonce: [u8; NONCE]) -> Vec<u8> {
        let mut body = self.encode();
        cipher(secret)
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(sequence.to_be_bytes()),
                &mut body,
            )
            .expect("a pointer is far below the cipher's message limit");
        [nonce.as_slice(), &body].concat()
    }

    /// Opens what [`Self::seal`] made; `None` for anything else.
    pub(crate) fn open(secret: &[u8; 32], sequence: u64, sealed: &[u8]) -> Option<Self> {
        let (nonce, body) = sealed.split_first_chunk::<NONCE>()?;
        let mut body = body.to_vec();
        let plain = cipher(secret)
            .open_in_place(Nonce::assume_unique_for_key(*nonce), Aad::from(sequence.to_be_bytes()), &mut body)
            .ok()?;
        Self::decode(plain)
    }
}

fn cipher(secret: &[u8; 32]) -> LessSafeKey {
    let key = Zeroizing::new(blake3::derive_key(LABEL, secret));
    LessSafeKey::new(UnboundKey::new(&CHACHA20_POLY1305, key.as_slice()).expect("the key has 32 bytes"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn pointer(hosts: u8) -> Pointer {
        Pointer {
            saved: UnixSeconds(7),
            used: ByteCount(1000),
            segment: SegmentId([1; 32]),
            root: SectorRoot([2; 32]),
            hosts: (0..hosts).map(|number| NodeKey([number; 32])).collect(),
        }
    }

    #[test]
    fn the_largest_pointer_fits_a_record() {
        let sealed = pointer(20).seal(&[9; 32], 3, [1; 12]);
        assert!(sealed.len() <= 1024, "{}", sealed.len());
        assert_eq!(Pointer::open(&[9; 32], 3, &sealed), Some(pointer(20)));
    }

    #[test]
    fn an_old_pointer_does_not_open_under_a_new_number_or_another_phrase() {
        let sealed = pointer(3).seal(&[9; 32], 3, [1; 12]);
        assert_eq!(Pointer::open(&[9; 32], 4, &sealed), None);
        assert_eq!(Pointer::open(&[8; 32], 3, &sealed), None);
    }

    proptest! {
        #[test]
        fn garbage_never_opens_and_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..900)) {
            prop_assert_eq!(Pointer::open(&[9; 32], 3, &bytes), None);
            let _ = Pointer::decode(&bytes);
        }
    }
}
