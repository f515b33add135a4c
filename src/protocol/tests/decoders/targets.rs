//! The table of targets: a name, and a function that decodes, checks what must hold of the result, and says whether
//! the bytes were accepted.

use layr_audits::{Answer, AuditRecord};
use layr_manifests::{CatalogueHead, CatalogueUpdate, Manifest, ObjectLocation, SegmentRecord};
use layr_market::{
    Challenge, FinalSplit, Notice, Offer, Revision, Rotation, SlotState, SoftwareSha256, Terms, Voucher,
};
use layr_merkle::{
    GroupRange, Peaks, SectorOutboard, leaf_proof_bytes, verify_leaf_proof, verify_range_proof,
    verify_removal,
};
use layr_protocol::{HostApiRequest, HostApiResponse, PreparedProof, lane};
use layr_types::{AgreementRoot, LeafIndex, SectorIndex, SectorRoot};
use serde::{Serialize, de::DeserializeOwned};

/// A decoder under test.
pub struct Target {
    /// What it decodes.
    pub name: &'static str,
    /// True where the bytes were accepted; panics where a law is broken.
    pub run: fn(&[u8]) -> bool,
}

/// A fixed layout: what is accepted has exactly one encoding.
macro_rules! fixed {
    ($name:literal, $type:ty) => {
        Target {
            name: $name,
            run: |bytes| match <$type>::decode(bytes) {
                Ok(value) => {
                    assert_eq!(value.encode().as_slice(), bytes, $name);
                    true
                }
                Err(_) => false,
            },
        }
    };
}

/// A format with lengths and choices inside: what is accepted survives being written and read again.
macro_rules! stable {
    ($name:literal, $type:ty) => {
        Target {
            name: $name,
            run: |bytes| match <$type>::decode(bytes) {
                Ok(value) => {
                    assert_eq!(<$type>::decode(&value.encode()).as_ref(), Ok(&value), $name);
                    true
                }
                Err(_) => false,
            },
        }
    };
}

/// Every decoder.
pub const TARGETS: &[Target] = &[
    fixed!("offer", Offer),
    fixed!("terms", Terms),
    fixed!("revision", Revision),
    fixed!("final", FinalSplit),
    fixed!("slot state", SlotState),
    fixed!("challenge", Challenge),
    fixed!("notice", Notice),
    fixed!("voucher", Voucher),
    fixed!("rotation", Rotation),
    fixed!("audit record", AuditRecord),
    fixed!("outboard", SectorOutboard),
    fixed!("peaks", Peaks),
    stable!("manifest", Manifest),
    stable!("catalogue update", CatalogueUpdate),
    stable!("catalogue head", CatalogueHead),
    stable!("object location", ObjectLocation),
    stable!("segment", SegmentRecord),
    Target { name: "audit challenge", run: wire::<layr_audits::Challenge> },
    Target { name: "answer", run: answer },
    Target { name: "request", run: wire::<HostApiRequest> },
    Target { name: "response", run: wire::<HostApiResponse> },
    Target { name: "prepared proof", run: prepared },
    Target { name: "lane request", run: lane_request },
    Target { name: "lane response", run: lane_response },
    Target { name: "leaf proof", run: leaf_proof },
    Target { name: "range proof", run: range_proof },
    Target { name: "removal proof", run: removal_proof },
];

/// A message of the calls: written again, it is read as the same bytes mean.
fn wire<T: Serialize + DeserializeOwned>(bytes: &[u8]) -> bool {
    let Ok(value) = postcard::from_bytes::<T>(bytes) else { return false };
    let written = postcard::to_stdvec(&value).expect("memory");
    assert!(written.len() <= bytes.len(), "nothing is read that was not there");
    let again = postcard::from_bytes::<T>(&written).expect("what is written is read");
    assert_eq!(postcard::to_stdvec(&again).expect("memory"), written);
    true
}

fn answer(bytes: &[u8]) -> bool {
    if let Ok(answer) = postcard::from_bytes::<Answer>(bytes) {
        let _ = answer.is_bounded();
    }
    wire::<Answer>(bytes)
}

/// A file: written again, it is read as the same proof.
fn prepared(bytes: &[u8]) -> bool {
    let Ok(file) = serde_json::from_slice::<PreparedProof>(bytes) else { return false };
    let written = serde_json::to_vec(&file).expect("memory");
    assert_eq!(serde_json::from_slice::<PreparedProof>(&written).ok().as_ref(), Some(&file));
    file.open(&SoftwareSha256).is_ok()
}

fn lane_request(bytes: &[u8]) -> bool {
    let Ok(header) = bytes.try_into() else { return false };
    lane::Request::decode(header).is_ok_and(|request| {
        assert_eq!(&request.encode(), header);
        true
    })
}

fn lane_response(bytes: &[u8]) -> bool {
    let Ok(header) = bytes.try_into() else { return false };
    lane::Response::decode(header).is_ok_and(|response| {
        assert_eq!(&response.encode(), header);
        true
    })
}

fn number(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let (head, rest) = bytes.split_first_chunk()?;
    Some((u64::from_be_bytes(*head), rest))
}

fn hash(bytes: &[u8]) -> Option<([u8; 32], &[u8])> {
    bytes.split_first_chunk().map(|(head, rest)| (*head, rest))
}

/// Leaf, number of sectors, root, proof.
fn leaf_proof(bytes: &[u8]) -> bool {
    let parts = || {
        let (leaf, rest) = number(bytes)?;
        let (sectors, rest) = number(rest)?;
        let (root, proof) = hash(rest)?;
        Some((LeafIndex(leaf), sectors, AgreementRoot(root), proof))
    };
    let Some((leaf, sectors, root, proof)) = parts() else { return false };
    verify_leaf_proof(proof, leaf, root, sectors).is_ok_and(|rest| {
        let taken = leaf_proof_bytes(leaf, sectors).expect("it was just checked");
        assert_eq!(taken + rest.len(), proof.len(), "one proof is taken from the front");
        rest.is_empty()
    })
}

/// First group, number of groups, root, proof.
fn range_proof(bytes: &[u8]) -> bool {
    let parts = || {
        let ([first, count], rest) = bytes.split_first_chunk()?;
        let (root, proof) = hash(rest)?;
        Some((GroupRange::new((*first).into(), (*count).into()).ok()?, SectorRoot(root), proof))
    };
    parts().is_some_and(|(range, root, proof)| verify_range_proof(proof, range, &root).is_ok())
}

/// Sector, count, its root, the agreement's root, proof.
fn removal_proof(bytes: &[u8]) -> bool {
    let parts = || {
        let (at, rest) = number(bytes)?;
        let (count, rest) = number(rest)?;
        let (removed, rest) = hash(rest)?;
        let (root, proof) = hash(rest)?;
        Some((SectorIndex(at), count, SectorRoot(removed), AgreementRoot(root), proof))
    };
    parts().is_some_and(|(at, count, removed, root, proof)| {
        verify_removal(proof, at, &removed, (root, count)).is_ok()
    })
}
