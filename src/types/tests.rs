//! How the words read and write themselves.

extern crate std;

use crate::*;
use proptest::prelude::*;
use std::string::ToString as _;

#[test]
fn amounts_show_lumens_without_trailing_zeros() {
    for (stroops, shown) in [
        (0, "0"),
        (1, "0.0000001"),
        (15_000_000, "1.5"),
        (-30_000_000, "-3"),
        (-5, "-0.0000005"),
        (10_000_000_000_000, "1000000"),
    ] {
        assert_eq!(Stroops(stroops).to_string(), shown);
    }
}

#[test]
fn sizes_show_binary_units_with_at_most_two_decimals() {
    for (bytes, shown) in [
        (0, "0 B"),
        (1_023, "1023 B"),
        (1_024, "1 KiB"),
        (1_536, "1.5 KiB"),
        (GIB + GIB / 4, "1.25 GiB"),
        (u64::MAX, "16383.99 PiB"),
    ] {
        assert_eq!(ByteCount(bytes).to_string(), shown);
    }
}

#[test]
fn a_wrong_hexadecimal_text_is_told_where_it_is_wrong() {
    assert_eq!(parse_hex32("abc"), Err(HexError::Length(3)));
    let mut text = std::string::String::from("00").repeat(32);
    text.replace_range(9..10, "g");
    assert_eq!(parse_hex32(&text), Err(HexError::Digit(9)));
    assert_eq!(text.parse::<NodeKey>(), Err(HexError::Digit(9)));
}

#[test]
fn a_writer_that_writes_less_than_it_declared_does_not_go_unnoticed() {
    let short = std::panic::catch_unwind(|| Writer::<4>::new().u8(1).finish());
    assert!(short.is_err());
}

#[test]
fn leaves_know_their_sector() {
    let leaf = LeafIndex(3 * 1024 + 7);
    assert_eq!((leaf.sector(), leaf.within_sector()), (SectorIndex(3), 7));
}

proptest! {
    #[test]
    fn ids_read_back_from_text_json_and_bytes(bytes in any::<[u8; 32]>()) {
        let id = AgreementId(bytes);
        prop_assert_eq!(id.to_string().parse::<AgreementId>(), Ok(id));
        let json = serde_json::to_string(&id).expect("plain");
        prop_assert_eq!(&json, &std::format!("\"{id}\""));
        prop_assert_eq!(serde_json::from_str::<AgreementId>(&json).expect("plain"), id);
        let raw = postcard::to_allocvec(&id).expect("plain");
        prop_assert_eq!(&raw[..], &bytes[..]);
        prop_assert_eq!(postcard::from_bytes::<AgreementId>(&raw).expect("plain"), id);
    }

    #[test]
    fn amounts_and_signatures_survive_json_and_bytes(amount in any::<i64>(), head in any::<[u8; 32]>(), tail in any::<[u8; 32]>()) {
        let amount = Stroops(amount.into());
        let json = serde_json::to_string(&amount).expect("fits 63 bits");
        prop_assert_eq!(&json, &amount.0.to_string());
        prop_assert_eq!(serde_json::from_str::<Stroops>(&json).expect("plain"), amount);
        let raw = postcard::to_allocvec(&amount).expect("plain");
        prop_assert_eq!(postcard::from_bytes::<Stroops>(&raw).expect("plain"), amount);
        let mut bytes = [0u8; 64];
        bytes[..32].copy_from_slice(&head);
        bytes[32..].copy_from_slice(&tail);
        let signature = Signature(bytes);
        let json = serde_json::to_string(&signature).expect("plain");
        prop_assert_eq!(json.len(), 130, "in hexadecimal, in quotes");
        prop_assert!(serde_json::from_str::<Signature>(&json[..129]).is_err());
        prop_assert!(serde_json::from_str::<Signature>(&json.replacen(char::is_alphanumeric, "g", 1)).is_err());
        prop_assert_eq!(serde_json::from_str::<Signature>(&json).expect("plain"), signature);
        let raw = postcard::to_allocvec(&signature).expect("plain");
        prop_assert_eq!((raw.len(), postcard::from_bytes::<Signature>(&raw).expect("plain")), (64, signature));
    }

    #[test]
    fn a_reader_never_reads_past_the_end(bytes in proptest::collection::vec(any::<u8>(), 0..40), take in 0usize..64) {
        let mut reader = Reader::new(&bytes);
        let taken = reader.take(take);
        prop_assert_eq!(taken.is_ok(), take <= bytes.len());
        let rest = bytes.len() - if taken.is_ok() { take } else { 0 };
        prop_assert_eq!(reader.finish(), if rest == 0 { Ok(()) } else { Err(DecodeError::TrailingBytes(rest)) });
    }
}

#[test]
fn moments_read_as_the_calendar_has_them() {
    for (seconds, shown) in [
        (0, "1970-01-01 00:00:00 UTC"),
        (951_782_399, "2000-02-28 23:59:59 UTC"),
        (951_782_400, "2000-02-29 00:00:00 UTC"),
        (1_709_251_199, "2024-02-29 23:59:59 UTC"),
        (1_735_689_599, "2024-12-31 23:59:59 UTC"),
        (4_107_542_400, "2100-03-01 00:00:00 UTC"),
    ] {
        assert_eq!(UnixSeconds(seconds).to_string(), shown);
    }
    // The end of time has a name too.
    assert!(UnixSeconds(u64::MAX).to_string().ends_with(" UTC"));
}
