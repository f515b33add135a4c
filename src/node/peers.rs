//! Hosts met before, kept from one run to the next: so that a network whose entrance is gone is still entered,
//! and hosts reached before are reached without a look-up. Signed by the hosts themselves and checked again when
//! read; a file that is damaged only costs look-ups.

use layr_net::{MAX_HOST_RECORD_BYTES, Multiaddr, Protocol, VerifiedHostRecord, peer_id};
use layr_types::{NetworkId, UnixSeconds};
use std::io::{self, Read as _};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

/// The file's name in the owner's directory.
pub const HOSTS_MET_FILE: &str = "hosts-met";
/// Most records kept.
const MAX_RECORDS: usize = 1_024;

/// Reads what an earlier run left: every record that is still good.
pub(crate) fn load(dir: &Path, network: &NetworkId) -> Vec<VerifiedHostRecord> {
    let limit = (MAX_RECORDS * (MAX_HOST_RECORD_BYTES + 2)) as u64;
    let mut bytes = Vec::new();
    let read = std::fs::File::open(dir.join(HOSTS_MET_FILE))
        .and_then(|file| file.take(limit).read_to_end(&mut bytes));
    if read.is_err() {
        return Vec::new();
    }
    let now = UnixSeconds(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs());
    let mut rest = bytes.as_slice();
    let mut found = Vec::new();
    while let Some((length, after)) = rest.split_first_chunk::<2>() {
        let Some((record, next)) = after.split_at_checked(usize::from(u16::from_be_bytes(*length))) else {
            break;
        };
        found.extend(VerifiedHostRecord::check(record, network, now));
        rest = next;
    }
    found
}

/// Leaves records for the next run: written beside, then renamed.
pub(crate) fn save(dir: &Path, records: &[Vec<u8>]) -> io::Result<()> {
    let mut bytes = Vec::new();
    for record in records.iter().take(MAX_RECORDS) {
        let Ok(length) = u16::try_from(record.len()) else { continue };
        bytes.extend_from_slice(&length.to_be_bytes());
        bytes.extend_from_slice(record);
    }
    let beside = dir.join("hosts-met.new");
    std::fs::write(&beside, bytes)?;
    std::fs::rename(&beside, dir.join(HOSTS_MET_FILE))
}

/// Addresses to enter the network through, each with its host's identity.
pub(crate) fn entrances(records: &[VerifiedHostRecord]) -> Vec<Multiaddr> {
    let with_identity = |record: &VerifiedHostRecord| {
        let peer = peer_id(&record.record().node);
        record
            .record()
            .addresses
            .iter()
            .filter_map(move |address| Some(address.clone().with(Protocol::P2p(peer?))))
            .collect::<Vec<_>>()
    };
    records.iter().flat_map(with_identity).collect()
}
