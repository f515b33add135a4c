//! The layouts of keys and small rows. Keys sort as their parts do: fixed widths, big-endian.

use crate::error::HostError;
use crate::ports::{Change, Slot, Table};
use layr_types::{AgreementId, DecodeError, NodeKey, Reader, SectorIndex, SectorRoot, UnixSeconds};

/// Key of the space ledger in [`Table::Meta`].
pub(crate) const SPACE_KEY: &[u8] = b"space";

/// A sector's row: where it lies and how many agreements hold it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SectorRow {
    pub slot: Slot,
    pub holders: u32,
}

impl SectorRow {
    pub fn encode(self) -> Vec<u8> {
        join([&self.slot.0.to_be_bytes(), &self.holders.to_be_bytes()])
    }

    pub fn decode(bytes: &[u8]) -> Result<Self, HostError> {
        read(Table::Sectors, bytes, |r| Ok(Self { slot: Slot(r.u32()?), holders: r.u32()? }))
    }
}

/// How an agreement holds a sector.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct HoldingRow {
    /// How often its tree names it; 0 while it is only stored.
    pub appended: u32,
    /// When it was stored; counts only while `appended` is 0.
    pub since: UnixSeconds,
}

impl HoldingRow {
    pub fn encode(self) -> Vec<u8> {
        join([&self.appended.to_be_bytes(), &self.since.0.to_be_bytes()])
    }

    pub fn decode(bytes: &[u8]) -> Result<Self, HostError> {
        read(Table::Holdings, bytes, |r| Ok(Self { appended: r.u32()?, since: UnixSeconds(r.u64()?) }))
    }
}

pub(crate) fn content_key(id: &AgreementId, at: SectorIndex) -> Vec<u8> {
    join([id.as_bytes(), &at.0.to_be_bytes()])
}

pub(crate) fn holding_key(id: &AgreementId, root: &SectorRoot) -> Vec<u8> {
    join([id.as_bytes(), root.as_bytes()])
}

pub(crate) fn numbered_key(id: &AgreementId, n: u64) -> Vec<u8> {
    join([id.as_bytes(), &n.to_be_bytes()])
}

pub(crate) fn due_key(at: UnixSeconds, id: &AgreementId) -> Vec<u8> {
    join([&at.0.to_be_bytes(), id.as_bytes()])
}

pub(crate) fn pending_key(since: UnixSeconds, id: &AgreementId, root: &SectorRoot) -> Vec<u8> {
    join([&since.0.to_be_bytes(), id.as_bytes(), root.as_bytes()])
}

pub(crate) fn trash_key(at: UnixSeconds, slot: Slot) -> Vec<u8> {
    join([&at.0.to_be_bytes(), &slot.0.to_be_bytes()])
}

pub(crate) fn owner_record_row(peer: &NodeKey, sequence: u64, bytes: &[u8]) -> Vec<u8> {
    join([peer.as_bytes(), &sequence.to_be_bytes(), bytes])
}

pub(crate) fn read_due_key(key: &[u8]) -> Result<(UnixSeconds, AgreementId), HostError> {
    read(Table::Due, key, |r| Ok((UnixSeconds(r.u64()?), AgreementId(r.array()?))))
}

pub(crate) fn read_holding_key(key: &[u8]) -> Result<(AgreementId, SectorRoot), HostError> {
    read(Table::Holdings, key, |r| Ok((AgreementId(r.array()?), SectorRoot(r.array()?))))
}

pub(crate) fn read_pending_key(key: &[u8]) -> Result<(UnixSeconds, AgreementId, SectorRoot), HostError> {
    let parts =
        |r: &mut Reader<'_>| Ok((UnixSeconds(r.u64()?), AgreementId(r.array()?), SectorRoot(r.array()?)));
    read(Table::Pending, key, parts)
}

pub(crate) fn read_trash_key(key: &[u8]) -> Result<(UnixSeconds, Slot), HostError> {
    read(Table::Trash, key, |r| Ok((UnixSeconds(r.u64()?), Slot(r.u32()?))))
}

/// A row's 32 bytes.
pub(crate) fn read_32(table: Table, bytes: &[u8]) -> Result<[u8; 32], HostError> {
    read(table, bytes, |r| r.array())
}

/// Reads all of `bytes` as `table`'s.
pub(crate) fn read<T>(
    table: Table,
    bytes: &[u8],
    parts: impl FnOnce(&mut Reader<'_>) -> Result<T, DecodeError>,
) -> Result<T, HostError> {
    let mut r = Reader::new(bytes);
    let value = parts(&mut r).and_then(|value| r.finish().map(|()| value));
    value.map_err(|source| HostError::Row { table, source })
}

pub(crate) const fn put(table: Table, key: Vec<u8>, value: Vec<u8>) -> Change {
    Change { table, key, value: Some(value) }
}

pub(crate) const fn delete(table: Table, key: Vec<u8>) -> Change {
    Change { table, key, value: None }
}

fn join<const N: usize>(parts: [&[u8]; N]) -> Vec<u8> {
    parts.concat()
}
