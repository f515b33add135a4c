//! A host's signed card: who it is, where it can be reached, and until when the card is good.
//!
//! Each host publishes one, under a key anyone can compute from its node key. Nothing in it is believed
//! before [`VerifiedHostRecord::check`] has seen the signature, the key, the size and the times; the type is
//! the receipt. It carries no prices: those are in offers, which the host signs on request.
//!
//! Layout (big-endian): kind `1` · version `1` · network 32 · node 32 · sequence 8 · issued 8 · expires 8 ·
//! count 1 of addresses, each length 1 and a binary multiaddr · count 1 of lane addresses, each family 1
//! (`4` or `6`), IP 4 or 16, port 2 · region length 1 and UTF-8 · operator length 1 and UTF-8 · signature 64.

use crate::key;
use crate::layout::{Layout, RecordError, SIGNATURE_BYTES, check_signature};
use layr_types::{DecodeError, NetworkId, NodeKey, Reader, UnixSeconds};
use libp2p::Multiaddr;
use libp2p::identity::Keypair;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str;

/// Bytes of the longest host record.
pub const MAX_HOST_RECORD_BYTES: usize = 2048;
/// Addresses a record may list.
pub const MAX_ADDRESSES: usize = 8;
/// Bytes of one binary address.
pub const MAX_ADDRESS_BYTES: usize = 128;
/// Lane addresses a record may list.
pub const MAX_LANE_ADDRESSES: usize = 4;
/// Bytes of the region and of the operator's name.
pub const MAX_LABEL_BYTES: usize = 64;
/// Seconds a record may claim to live.
pub const MAX_LIFETIME: u64 = 7 * 86_400;
/// Seconds a record may be dated ahead of our clock.
pub const MAX_CLOCK_SKEW: u64 = 600;

pub(crate) const KIND: u8 = 1;
const VERSION: u8 = 1;
const TAG: &[u8] = b"layr host record v1\0";
const KEY_TAG: &[u8] = b"layr host record";

/// What a host says about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostRecord {
    /// The ledger network it trades on.
    pub network: NetworkId,
    /// Its node key, which signs the record.
    pub node: NodeKey,
    /// Grows with every record the host signs; the highest one is the truth.
    pub sequence: u64,
    /// When it was signed.
    pub issued: UnixSeconds,
    /// When it stops being good.
    pub expires: UnixSeconds,
    /// Where libp2p listens, at most 8.
    pub addresses: Vec<Multiaddr>,
    /// Where the TLS lane listens, at most 4.
    pub lane_addresses: Vec<SocketAddr>,
    /// Declared region, for spreading shards; free text of at most 64 bytes.
    pub region: String,
    /// Declared operator, for spreading shards; free text of at most 64 bytes.
    pub operator: String,
}

impl HostRecord {
    /// The key of the network's table under which this node's record lies.
    #[must_use]
    pub fn key(network: &NetworkId, node: &NodeKey) -> [u8; 32] {
        *blake3::Hasher::new().update(KEY_TAG).update(&network.0).update(&node.0).finalize().as_bytes()
    }

    /// Signs the record with the identity it names.
    pub(crate) fn sign(self, signer: &Keypair) -> Result<VerifiedHostRecord, RecordError> {
        if key::own_key(signer) != self.node {
            return Err(RecordError::WrongKey);
        }
        let bytes = self.layout()?.sign(TAG, signer);
        within_size(&bytes)?;
        Ok(VerifiedHostRecord { record: self, bytes })
    }

    fn layout(&self) -> Result<Layout, RecordError> {
        let mut out = Layout::new(KIND, VERSION)
            .put(&self.network.0)
            .put(&self.node.0)
            .u64(self.sequence)
            .u64(self.issued.0)
            .u64(self.expires.0)
            .count("addresses", self.addresses.len(), MAX_ADDRESSES)?;
        for address in &self.addresses {
            out = out.short("addresses", address.as_ref(), MAX_ADDRESS_BYTES)?;
        }
        out = out.count("lane_addresses", self.lane_addresses.len(), MAX_LANE_ADDRESSES)?;
        for address in &self.lane_addresses {
            out = match address.ip() {
                IpAddr::V4(ip) => out.put(&[4]).put(&ip.octets()),
                IpAddr::V6(ip) => out.put(&[6]).put(&ip.octets()),
            }
            .put(&address.port().to_be_bytes());
        }
        out.short("region", self.region.as_bytes(), MAX_LABEL_BYTES)?.short(
            "operator",
            self.operator.as_bytes(),
            MAX_LABEL_BYTES,
        )
    }

    fn read(bytes: &[u8]) -> Result<Self, RecordError> {
        let mut from = Reader::new(bytes);
        match (from.u8()?, from.u8()?) {
            (KIND, VERSION) => {}
            (KIND, version) => return Err(DecodeError::UnknownVersion(version).into()),
            _ => return Err(DecodeError::OutOfRange(0).into()),
        }
        let record = Self {
            network: NetworkId(from.array()?),
            node: NodeKey(from.array()?),
            sequence: from.u64()?,
            issued: UnixSeconds(from.u64()?),
            expires: UnixSeconds(from.u64()?),
            addresses: addresses(&mut from)?,
            lane_addresses: lane_addresses(&mut from)?,
            region: label(&mut from, "region")?,
            operator: label(&mut from, "operator")?,
        };
        from.take(SIGNATURE_BYTES)?;
        from.finish()?;
        Ok(record)
    }
}

/// A host record whose signature, size, network and times have been checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedHostRecord {
    record: HostRecord,
    bytes: Vec<u8>,
}

impl VerifiedHostRecord {
    /// Reads a stranger's bytes and believes them only if everything about them is right.
    ///
    /// # Errors
    /// [`RecordError`] says which check failed.
    pub fn check(bytes: &[u8], network: &NetworkId, now: UnixSeconds) -> Result<Self, RecordError> {
        within_size(bytes)?;
        let record = HostRecord::read(bytes)?;
        check_signature(bytes, TAG, &record.node.0)?;
        if record.network != *network {
            return Err(RecordError::WrongNetwork);
        }
        if record.issued > now.plus(MAX_CLOCK_SKEW) || record.expires.since(record.issued) > MAX_LIFETIME {
            return Err(RecordError::ImplausibleTimes);
        }
        if record.expires <= now {
            return Err(RecordError::Expired);
        }
        Ok(Self { record, bytes: bytes.to_vec() })
    }

    /// What the host says about itself.
    #[must_use]
    pub const fn record(&self) -> &HostRecord {
        &self.record
    }

    /// The host's node key.
    #[must_use]
    pub const fn node(&self) -> NodeKey {
        self.record.node
    }

    /// The signed bytes, as they travel.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

const fn within_size(bytes: &[u8]) -> Result<(), RecordError> {
    if bytes.len() > MAX_HOST_RECORD_BYTES {
        return Err(RecordError::Oversized { size: bytes.len(), limit: MAX_HOST_RECORD_BYTES });
    }
    Ok(())
}

fn entries(from: &mut Reader<'_>, field: &'static str, limit: usize) -> Result<usize, RecordError> {
    let count = usize::from(from.u8()?);
    if count > limit { Err(RecordError::FieldTooLong { field }) } else { Ok(count) }
}

fn addresses(from: &mut Reader<'_>) -> Result<Vec<Multiaddr>, RecordError> {
    const FIELD: &str = "addresses";
    (0..entries(from, FIELD, MAX_ADDRESSES)?)
        .map(|_| {
            let length = usize::from(from.u8()?);
            if length > MAX_ADDRESS_BYTES {
                return Err(RecordError::FieldTooLong { field: FIELD });
            }
            let bytes = from.take(length)?;
            let address = Multiaddr::try_from(bytes.to_vec())
                .map_err(|_| RecordError::FieldInvalid { field: FIELD })?;
            let canonical = address.as_ref() == bytes && !address.is_empty();
            canonical.then_some(address).ok_or(RecordError::FieldInvalid { field: FIELD })
        })
        .collect()
}

fn lane_addresses(from: &mut Reader<'_>) -> Result<Vec<SocketAddr>, RecordError> {
    const FIELD: &str = "lane_addresses";
    (0..entries(from, FIELD, MAX_LANE_ADDRESSES)?)
        .map(|_| {
            let ip = match from.u8()? {
                4 => IpAddr::V4(Ipv4Addr::from(from.array::<4>()?)),
                6 => IpAddr::V6(Ipv6Addr::from(from.array::<16>()?)),
                _ => return Err(RecordError::FieldInvalid { field: FIELD }),
            };
            Ok(SocketAddr::new(ip, from.u16()?))
        })
        .collect()
}

fn label(from: &mut Reader<'_>, field: &'static str) -> Result<String, RecordError> {
    let length = usize::from(from.u8()?);
    if length > MAX_LABEL_BYTES {
        return Err(RecordError::FieldTooLong { field });
    }
    let text = str::from_utf8(from.take(length)?).map_err(|_| RecordError::FieldInvalid { field })?;
    Ok(text.to_owned())
}

#[cfg(test)]
#[path = "host_record_tests.rs"]
pub(crate) mod tests;
