//! What the journal's frames say: the network's birth, its ledgers, and checkpoints that let old ledgers go.
//!
//! | kind | body | when |
//! |---|---|---|
//! | 1 birth | version u32, birth time u64, seed 32 bytes, passphrase (UTF-8, to the end) | first frame, once |
//! | 2 ledger | clock offset i64, `LedgerCloseMeta` XDR | every closed ledger |
//! | 3 entry | `LedgerEntry` XDR values, one after the other | in a checkpoint: state |
//! | 4 past | `LedgerCloseMeta` XDR | in a checkpoint: history already in the state |
//! | 5 resume | clock offset i64, `LedgerCloseMeta` XDR of the ledger the state is of | ends a checkpoint |
//!
//! Integers are little-endian. The first ledger frame is the genesis ledger, whose metadata creates every initial
//! entry; a compacted journal has entries, past ledgers and a resume frame in its place.

use stellar_xdr::{LedgerCloseMeta, LedgerCloseMetaV2, LedgerEntry, Limited, Limits, ReadXdr, WriteXdr};

use crate::error::EngineError;

/// Version written into the birth frame.
pub(crate) const FORMAT: u32 = 1;

pub(crate) const BIRTH: u8 = 1;
pub(crate) const LEDGER: u8 = 2;
pub(crate) const ENTRIES: u8 = 3;
pub(crate) const PAST: u8 = 4;
pub(crate) const RESUME: u8 = 5;

/// Nesting our own ledgers can reach, far above what the host lets a contract build.
const DEPTH: u32 = 1_000;

/// A network's unchanging facts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Birth {
    pub version: u32,
    /// Ledger time of the genesis ledger, Unix seconds.
    pub time: u64,
    /// Seed of the beacon's key.
    pub seed: [u8; 32],
    pub passphrase: String,
}

impl Birth {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut bytes = self.version.to_le_bytes().to_vec();
        bytes.extend_from_slice(&self.time.to_le_bytes());
        bytes.extend_from_slice(&self.seed);
        bytes.extend_from_slice(self.passphrase.as_bytes());
        bytes
    }

    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let (version, rest) = bytes.split_first_chunk::<4>()?;
        let (time, rest) = rest.split_first_chunk::<8>()?;
        let (seed, rest) = rest.split_first_chunk::<32>()?;
        Some(Self {
            version: u32::from_le_bytes(*version),
            time: u64::from_le_bytes(*time),
            seed: *seed,
            passphrase: String::from_utf8(rest.to_vec()).ok()?,
        })
    }
}

pub(crate) fn encode_ledger(offset: i64, meta: &LedgerCloseMetaV2) -> Result<Vec<u8>, EngineError> {
    let mut bytes = offset.to_le_bytes().to_vec();
    bytes.extend(encode_past(meta)?);
    Ok(bytes)
}

pub(crate) fn decode_ledger(bytes: &[u8]) -> Option<(i64, LedgerCloseMetaV2)> {
    let (offset, rest) = bytes.split_first_chunk::<8>()?;
    Some((i64::from_le_bytes(*offset), decode_past(rest)?))
}

pub(crate) fn encode_past(meta: &LedgerCloseMetaV2) -> Result<Vec<u8>, EngineError> {
    Ok(LedgerCloseMeta::V2(meta.clone()).to_xdr(Limits::none())?)
}

pub(crate) fn decode_past(bytes: &[u8]) -> Option<LedgerCloseMetaV2> {
    match LedgerCloseMeta::from_xdr(bytes, limits(bytes)).ok()? {
        LedgerCloseMeta::V2(meta) => Some(meta),
        _ => None,
    }
}

pub(crate) fn decode_entries(bytes: &[u8]) -> Option<Vec<LedgerEntry>> {
    let mut reader = Limited::new(bytes, limits(bytes));
    LedgerEntry::read_xdr_iter(&mut reader).collect::<Result<_, _>>().ok()
}

fn limits(bytes: &[u8]) -> Limits {
    Limits { depth: DEPTH, len: bytes.len() }
}
