//! What passes between an owner and its delegate: the package, and the result that comes back. Both are read as a
//! stranger's bytes.

use layr_coding::SegmentMaskKey;
use layr_manifests::SegmentRecord;
use layr_market::Context;
use layr_placement::HostCard;
use layr_protocol::SignedPass;
use layr_types::{AgreementId, NodeKey, SegmentId, Stroops, UnixSeconds};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Largest package or result: 256 MiB, about half a million segments.
pub const MAX_PACKAGE_BYTES: usize = 256 << 20;
const PACKAGE: &[u8; 16] = b"layr delegation1";
const RESULT: &[u8; 16] = b"layr delegated 1";

/// Why a package or result is of no use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PackageError {
    /// It is larger than any.
    #[error("it is larger than a package can be")]
    TooLarge,
    /// It is something else, or cut off.
    #[error("it is not a package of this kind, or it is damaged")]
    Damaged,
    /// It belongs to another ledger or contract.
    #[error("it was made for another ledger")]
    OtherLedger,
    /// Its pass has ended.
    #[error("the delegation has ended")]
    Ended,
    /// It was made for, or by, somebody else.
    #[error("it was made for another node, or its signature does not verify")]
    OtherNode,
}

/// An agreement of one under which the other reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Held {
    pub(crate) id: AgreementId,
    pub(crate) host: NodeKey,
    pub(crate) ends: UnixSeconds,
}

/// What a delegate is given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Package {
    pub(crate) context: Context,
    pub(crate) pass: SignedPass,
    pub(crate) cap: Stroops,
    /// Encoded segment records, each with the key of its mask.
    segments: Vec<(Vec<u8>, [u8; 32])>,
    pub(crate) agreements: Vec<Held>,
    pub(crate) cards: Vec<HostCard>,
}

/// What an owner gets back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Outcome {
    pub(crate) context: Context,
    /// From the delegate, for the owner.
    pub(crate) pass: SignedPass,
    segments: Vec<Vec<u8>>,
    pub(crate) agreements: Vec<Held>,
}

impl Package {
    pub(crate) const fn new(context: Context, pass: SignedPass, cap: Stroops) -> Self {
        Self { context, pass, cap, segments: Vec::new(), agreements: Vec::new(), cards: Vec::new() }
    }

    pub(crate) fn add(&mut self, segment: &SegmentRecord, key: &SegmentMaskKey) {
        self.segments.push((segment.encode(), *key.as_bytes()));
    }

    pub(crate) fn segments(&self) -> Result<Vec<(SegmentRecord, [u8; 32])>, PackageError> {
        let open = |(bytes, key): &(Vec<u8>, [u8; 32])| segment(bytes).map(|segment| (segment, *key));
        self.segments.iter().map(open).collect()
    }

    pub(crate) fn names(&self) -> Result<Vec<SegmentId>, PackageError> {
        Ok(self.segments()?.into_iter().map(|(segment, _)| segment.id).collect())
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        write(PACKAGE, self)
    }

    /// Reads a package made for `reader` on this ledger.
    pub(crate) fn decode(bytes: &[u8], (context, reader): (&Context, NodeKey)) -> Result<Self, PackageError> {
        let package: Self = read(PACKAGE, bytes)?;
        check(&package.pass, (&package.context, context), reader)?;
        Ok(package)
    }
}

impl Outcome {
    pub(crate) const fn new(context: Context, pass: SignedPass) -> Self {
        Self { context, pass, segments: Vec::new(), agreements: Vec::new() }
    }

    pub(crate) fn add(&mut self, segment: &SegmentRecord) {
        self.segments.push(segment.encode());
    }

    pub(crate) fn segments(&self) -> Result<Vec<SegmentRecord>, PackageError> {
        self.segments.iter().map(|bytes| segment(bytes)).collect()
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        write(RESULT, self)
    }

    /// Reads a result made for `reader` on this ledger.
    pub(crate) fn decode(bytes: &[u8], (context, reader): (&Context, NodeKey)) -> Result<Self, PackageError> {
        let outcome: Self = read(RESULT, bytes)?;
        check(&outcome.pass, (&outcome.context, context), reader)?;
        Ok(outcome)
    }
}

fn segment(bytes: &[u8]) -> Result<SegmentRecord, PackageError> {
    SegmentRecord::decode(bytes).map_err(|_| PackageError::Damaged)
}

fn check(
    signed: &SignedPass,
    (found, expected): (&Context, &Context),
    reader: NodeKey,
) -> Result<(), PackageError> {
    if found != expected {
        return Err(PackageError::OtherLedger);
    }
    let digest = signed.pass.digest(expected);
    let verified = layr_identity::verify(&signed.pass.owner, &digest, &signed.signature);
    if signed.pass.reader == reader && verified { Ok(()) } else { Err(PackageError::OtherNode) }
}

fn write<T: Serialize>(magic: &[u8; 16], value: &T) -> Vec<u8> {
    let body = postcard::to_allocvec(value).expect("a vector takes every byte");
    let hash = blake3::hash(&body);
    [magic.as_slice(), hash.as_bytes(), &body].concat()
}

fn read<T: DeserializeOwned>(magic: &[u8; 16], bytes: &[u8]) -> Result<T, PackageError> {
    if bytes.len() > MAX_PACKAGE_BYTES {
        return Err(PackageError::TooLarge);
    }
    let rest = bytes.strip_prefix(magic.as_slice()).ok_or(PackageError::Damaged)?;
    let (hash, body) = rest.split_first_chunk::<32>().ok_or(PackageError::Damaged)?;
    if blake3::hash(body) != blake3::Hash::from_bytes(*hash) {
        return Err(PackageError::Damaged);
    }
    postcard::from_bytes(body).map_err(|_| PackageError::Damaged)
}
