//! What a host record must survive and what it must refuse.

use super::*;
use proptest::prelude::*;
use zeroize::Zeroizing;

const NETWORK: NetworkId = NetworkId([3; 32]);
const NOW: UnixSeconds = UnixSeconds(1_800_000_000);

fn signer() -> Keypair {
    key::keypair(&Zeroizing::new([5; 32]))
}

fn record() -> HostRecord {
    HostRecord {
        network: NETWORK,
        node: key::own_key(&signer()),
        sequence: 7,
        issued: NOW,
        expires: NOW.plus(3600),
        addresses: vec![
            "/ip4/192.0.2.1/udp/4001/quic-v1".parse().unwrap(),
            "/dns/host.example/tcp/4001".parse().unwrap(),
        ],
        lane_addresses: vec!["192.0.2.1:4002".parse().unwrap(), "[2001:db8::1]:4002".parse().unwrap()],
        region: "eu-north".into(),
        operator: "Example Storage".into(),
    }
}

fn check(bytes: &[u8], now: UnixSeconds) -> Result<VerifiedHostRecord, RecordError> {
    VerifiedHostRecord::check(bytes, &NETWORK, now)
}

#[test]
fn what_a_host_signs_reads_back_the_same() {
    let signed = record().sign(&signer()).unwrap();
    let read = check(signed.bytes(), NOW).unwrap();
    assert_eq!(read, signed);
    assert_eq!(read.record(), &record());
}

#[test]
fn a_host_cannot_sign_for_another() {
    let other = key::keypair(&Zeroizing::new([6; 32]));
    assert_eq!(record().sign(&other), Err(RecordError::WrongKey));
}

#[test]
fn a_record_signed_by_another_key_is_forged() {
    let other = key::keypair(&Zeroizing::new([6; 32]));
    let forged = record().layout().unwrap().sign(TAG, &other);
    assert_eq!(check(&forged, NOW), Err(RecordError::Forged));
}

#[test]
fn a_record_is_good_until_it_expires_and_not_a_second_longer() {
    let signed = record().sign(&signer()).unwrap();
    assert!(check(signed.bytes(), NOW.plus(3599)).is_ok());
    assert_eq!(check(signed.bytes(), NOW.plus(3600)), Err(RecordError::Expired));
}

#[test]
fn a_record_from_the_future_or_for_all_eternity_is_implausible() {
    let ahead = HostRecord { issued: NOW.plus(MAX_CLOCK_SKEW + 1), ..record() }.sign(&signer()).unwrap();
    assert_eq!(check(ahead.bytes(), NOW), Err(RecordError::ImplausibleTimes));
    let eternal = HostRecord { expires: UnixSeconds(u64::MAX), ..record() }.sign(&signer()).unwrap();
    assert_eq!(check(eternal.bytes(), NOW), Err(RecordError::ImplausibleTimes));
}

#[test]
fn a_record_of_another_network_is_refused() {
    let signed = HostRecord { network: NetworkId([4; 32]), ..record() }.sign(&signer()).unwrap();
    assert_eq!(check(signed.bytes(), NOW), Err(RecordError::WrongNetwork));
}

#[test]
fn lists_and_labels_over_their_limits_are_refused_before_anything_is_kept() {
    let address: Multiaddr = "/ip4/192.0.2.1/tcp/1".parse().unwrap();
    let crowded = HostRecord { addresses: vec![address; MAX_ADDRESSES + 1], ..record() };
    assert_eq!(crowded.sign(&signer()), Err(RecordError::FieldTooLong { field: "addresses" }));
    let wordy = HostRecord { region: "x".repeat(MAX_LABEL_BYTES + 1), ..record() };
    assert_eq!(wordy.sign(&signer()), Err(RecordError::FieldTooLong { field: "region" }));
    let refused = check(&[0; MAX_HOST_RECORD_BYTES + 1], NOW);
    assert!(matches!(refused, Err(RecordError::Oversized { .. })), "{refused:?}");
}

#[test]
fn the_longest_record_fits_its_limit() {
    let mut address: Multiaddr = format!("/dns/{}", "h".repeat(120)).parse().unwrap();
    address.push(libp2p::multiaddr::Protocol::Tcp(1));
    let longest = HostRecord {
        addresses: vec![address; MAX_ADDRESSES],
        lane_addresses: vec!["[2001:db8::1]:4002".parse().unwrap(); MAX_LANE_ADDRESSES],
        region: "r".repeat(MAX_LABEL_BYTES),
        operator: "o".repeat(MAX_LABEL_BYTES),
        ..record()
    };
    let signed = longest.sign(&signer()).unwrap();
    assert!(check(signed.bytes(), NOW).is_ok());
}

/// The bytes of an annotated vector: hexadecimal, `#` begins a remark.
pub(crate) fn vector(text: &str) -> Vec<u8> {
    let digits: String =
        text.lines().flat_map(|line| line.split('#').next().unwrap().split_whitespace()).collect();
    let pairs = digits.as_bytes().chunks(2).map(|pair| str::from_utf8(pair).unwrap());
    pairs.map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect()
}

#[test]
fn the_layout_of_version_1_is_pinned() {
    let pinned = vector(include_str!("vectors/host_record_v1.hex"));
    assert_eq!(record().sign(&signer()).unwrap().bytes(), pinned);
    assert_eq!(check(&pinned, NOW).unwrap().record(), &record());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn a_flipped_bit_anywhere_is_detected(at in any::<prop::sample::Index>()) {
        let mut bytes = record().sign(&signer()).unwrap().bytes().to_vec();
        let bit = at.index(bytes.len() * 8);
        bytes[bit / 8] ^= 1 << (bit % 8);
        prop_assert!(check(&bytes, NOW).is_err());
    }

    #[test]
    fn a_truncated_or_extended_record_is_refused(keep in any::<prop::sample::Index>(), extra in 1usize..9) {
        let bytes = record().sign(&signer()).unwrap().bytes().to_vec();
        prop_assert!(check(&bytes[..keep.index(bytes.len())], NOW).is_err());
        prop_assert!(check(&[bytes, vec![0; extra]].concat(), NOW).is_err());
    }

    #[test]
    fn garbage_never_passes_and_never_panics(mut bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        prop_assert!(check(&bytes, NOW).is_err());
        if let [kind, version, ..] = bytes.as_mut_slice() {
            (*kind, *version) = (KIND, VERSION);
        }
        prop_assert!(check(&bytes, NOW).is_err());
    }
}
