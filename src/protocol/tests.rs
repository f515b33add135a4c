//! Frames read back, and hostile ones are refused without harm.

use crate::Refusal;
use crate::lane::{Op, REQUEST_BYTES, RESPONSE_BYTES, Request, Response};
use crate::limits::MAX_LANE_PAYLOAD_BYTES;
use layr_types::{AgreementId, SectorRoot};
use proptest::prelude::*;

fn ops() -> impl Strategy<Value = Op> {
    prop_oneof![
        Just(Op::Put),
        (0u16..64)
            .prop_flat_map(|first| (Just(first), 1..=64 - first))
            .prop_map(|(first, groups)| Op::Get { first, groups }),
    ]
}

proptest! {
    #[test]
    fn lane_headers_read_back(op in ops(), number in any::<u32>(), id in any::<[u8; 32]>(), root in any::<[u8; 32]>()) {
        let request = Request { op, number, agreement: AgreementId(id), root: SectorRoot(root) };
        prop_assert_eq!(Request::decode(&request.encode()), Ok(request));
    }

    #[test]
    fn a_request_that_parses_is_the_one_that_was_written(bytes in any::<[u8; 32]>(), op in 0u8..4, first in 0u16..70, groups in 0u16..70) {
        let mut header = [0u8; REQUEST_BYTES];
        header[..4].copy_from_slice(b"LYRQ");
        header[4] = op;
        header[12..14].copy_from_slice(&first.to_be_bytes());
        header[14..16].copy_from_slice(&groups.to_be_bytes());
        header[16..48].copy_from_slice(&bytes);
        if let Ok(request) = Request::decode(&header) {
            prop_assert_eq!(request.encode(), header);
            if let Op::Get { first, groups } = request.op {
                prop_assert!(groups > 0 && first + groups <= 64);
            }
        }
    }

    #[test]
    fn a_response_never_announces_more_than_a_reader_allocates(bytes in any::<[u8; RESPONSE_BYTES]>()) {
        let mut header = bytes;
        header[..4].copy_from_slice(b"LYRS");
        header[6..8].copy_from_slice(&[0; 2]);
        match Response::decode(&header) {
            Ok(response) => {
                prop_assert!(response.length as usize <= MAX_LANE_PAYLOAD_BYTES);
                prop_assert_eq!(response.encode(), header);
            }
            Err(_) => prop_assert!(u32::from_be_bytes(header[12..16].try_into().expect("four bytes")) as usize > MAX_LANE_PAYLOAD_BYTES),
        }
    }

    #[test]
    fn garbage_is_never_a_lane_header(bytes in proptest::collection::vec(any::<u8>(), REQUEST_BYTES)) {
        prop_assume!(&bytes[..4] != b"LYRQ");
        let header: [u8; REQUEST_BYTES] = bytes.try_into().expect("sized");
        prop_assert!(Request::decode(&header).is_err());
    }
}

#[test]
fn refusals_survive_the_wire_and_keep_their_numbers() {
    for (refusal, code) in [
        (Refusal::Version { host: 1 }, 101),
        (Refusal::Full { free: layr_types::ByteCount(5) }, 204),
        (Refusal::Stale { newest: 9 }, 304),
        (Refusal::SectorDamaged { root: SectorRoot([7; 32]) }, 403),
        (Refusal::Internal { trace: 3 }, 503),
    ] {
        let bytes = postcard::to_allocvec(&refusal).expect("small");
        assert_eq!(postcard::from_bytes::<Refusal>(&bytes).expect("same program"), refusal);
        assert_eq!(refusal.code(), code);
    }
}
