//! Every format comes back as it went, and refuses everything else with a reason.

mod common;

use common::{attributes, catalogue, encoded, head, manifest, path, segment, segment_id, shard, update};
use layr_coding::{ChunkIndex, Profile, ShardIndex};
use layr_manifests::{
    Attributes, Catalogue, CatalogueHead, CatalogueKey, CatalogueUpdate, FilePath, FileTime, Flaw,
    FormatError, MAX_COMPONENT_BYTES, MAX_PATH_BYTES, MAX_PLACEMENTS, Manifest, ObjectLocation, PathError,
    SEALED_OVERHEAD, SegmentRecord, UnsealError,
};
use layr_types::{AgreementId, ByteCount, NodeKey};
use proptest::prelude::*;

const NONCE: [u8; 12] = [5; 12];

fn key(owner: u8) -> CatalogueKey {
    CatalogueKey::new(&[owner; 32])
}

#[test]
fn everything_comes_back_as_it_went() {
    let manifest = manifest("a/b.txt", 4);
    assert_eq!(Manifest::decode(&manifest.encode()), Ok(manifest.clone()));
    assert_eq!(Manifest::unseal(&key(1), &manifest.seal(&key(1), NONCE)), Ok(manifest));
    let update = update();
    assert_eq!(CatalogueUpdate::decode(&update.encode()), Ok(update.clone()));
    assert_eq!(CatalogueUpdate::unseal(&key(1), &update.seal(&key(1), NONCE)), Ok(update));
    let head = head();
    assert_eq!(CatalogueHead::decode(&head.encode()), Ok(head.clone()));
    assert_eq!(CatalogueHead::unseal(&key(1), &head.seal(&key(1), NONCE)), Ok(head.clone()));
    assert_eq!(ObjectLocation::decode(&head.parts[0].encode()), Ok(head.parts[0].clone()));
    let segment = segment(1, Profile::WIDE);
    assert_eq!(SegmentRecord::decode(&segment.encode()), Ok(segment));
}

/// Every decoder of this room on the same bytes.
fn decoders(bytes: &[u8]) -> [bool; 5] {
    [
        Manifest::decode(bytes).is_ok(),
        CatalogueUpdate::decode(bytes).is_ok(),
        CatalogueHead::decode(bytes).is_ok(),
        ObjectLocation::decode(bytes).is_ok(),
        SegmentRecord::decode(bytes).is_ok(),
    ]
}

fn encodings() -> [Vec<u8>; 5] {
    let head = head();
    [
        manifest("a/b.txt", 2).encode(),
        update().encode(),
        head.encode(),
        head.parts[0].encode(),
        segment(1, Profile::SMALL).encode(),
    ]
}

#[test]
fn an_object_is_taken_for_no_other_kind() {
    for (at, bytes) in encodings().iter().enumerate() {
        let taken = decoders(bytes);
        assert!(taken.iter().enumerate().all(|(decoder, ok)| *ok == (decoder == at)), "{at}: {taken:?}");
    }
}

#[test]
fn an_object_cut_anywhere_or_longer_is_refused() {
    for bytes in encodings() {
        for len in 0..bytes.len() {
            assert_eq!(decoders(&bytes[..len]), [false; 5], "{len} of {} bytes", bytes.len());
        }
        assert_eq!(decoders(&[bytes.as_slice(), &[0]].concat()), [false; 5]);
    }
    let bytes = manifest("a", 1).encode();
    let object = "manifest";
    assert_eq!(Manifest::decode(&bytes[..5]), Err(FormatError::Truncated { object }));
    assert_eq!(Manifest::decode(&bytes[..bytes.len() - 1]), Err(FormatError::Truncated { object }));
    let longer = [bytes.as_slice(), &[0, 0]].concat();
    assert_eq!(Manifest::decode(&longer), Err(FormatError::Trailing { object, extra: 2 }));
    let mut newer = bytes.clone();
    newer[5] = 2;
    assert_eq!(Manifest::decode(&newer), Err(FormatError::Version { object, version: 2, known: 1 }));
    assert_eq!(Manifest::decode(b"not layr at all"), Err(FormatError::Foreign { object }));
}

#[test]
fn a_flipped_bit_in_a_sealed_object_is_always_detected() {
    let manifest = manifest("a/b.txt", 1);
    let sealed = manifest.seal(&key(1), NONCE);
    for bit in 0..sealed.len() * 8 {
        let mut bad = sealed.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        assert!(Manifest::unseal(&key(1), &bad).is_err(), "bit {bit}");
    }
}

#[test]
fn a_sealed_object_cut_anywhere_is_called_cut_off() {
    let sealed = manifest("a", 1).seal(&key(1), NONCE);
    for len in 0..sealed.len() {
        let opened = Manifest::unseal(&key(1), &sealed[..len]);
        assert!(
            matches!(opened, Err(UnsealError::Truncated { have, .. }) if have == len),
            "{len}: {opened:?}"
        );
    }
    let longer = [sealed.as_slice(), &[0; 3]].concat();
    assert_eq!(Manifest::unseal(&key(1), &longer), Err(UnsealError::Trailing { extra: 3 }));
}

#[test]
fn another_owners_object_is_told_from_a_damaged_one() {
    let mut sealed = update().seal(&key(1), NONCE);
    assert_eq!(CatalogueUpdate::unseal(&key(2), &sealed), Err(UnsealError::WrongOwner));
    assert_eq!(CatalogueHead::unseal(&key(1), &sealed), Err(UnsealError::Foreign));
    assert_eq!(CatalogueUpdate::unseal(&key(1), &[b'x'; 100]), Err(UnsealError::Foreign));
    let last = sealed.len() - 1;
    sealed[last] ^= 1;
    assert_eq!(CatalogueUpdate::unseal(&key(1), &sealed), Err(UnsealError::Corrupt));
    sealed[4] = 9;
    assert_eq!(CatalogueUpdate::unseal(&key(1), &sealed), Err(UnsealError::Version(9)));
}

#[test]
fn a_sealed_object_shows_nothing_of_its_content() {
    let manifest = manifest("a-name-that-would-be-seen", 1);
    let sealed = manifest.seal(&key(1), NONCE);
    assert_eq!(sealed.len(), manifest.encode().len() + SEALED_OVERHEAD);
    assert!(!sealed.windows(6).any(|window| window == b"a-name"));
    assert_ne!(sealed, manifest.seal(&key(1), [6; 12]));
}

#[test]
fn a_claim_of_a_giant_object_allocates_nothing() {
    let mut sealed = manifest("a", 1).seal(&key(1), NONCE);
    sealed[22..30].copy_from_slice(&u64::MAX.to_be_bytes());
    assert_eq!(Manifest::unseal(&key(1), &sealed), Err(UnsealError::Oversized(u64::MAX)));
}

#[test]
fn a_list_that_claims_more_than_there_is_does_not_allocate_it() {
    // Kind 2, then a list of 2^60 paths and nothing after it.
    let claim = [b"LAYR".as_slice(), &[2, 1], &[0x80; 8], &[0x10]].concat();
    assert_eq!(CatalogueUpdate::decode(&claim), Err(FormatError::Truncated { object: "catalogue update" }));
}

#[test]
fn hostile_paths_are_refused() {
    let long = "x".repeat(MAX_PATH_BYTES + 1);
    let component = "x".repeat(MAX_COMPONENT_BYTES + 1);
    let cases = [
        ("", PathError::Empty),
        ("/etc/passwd", PathError::Absolute),
        ("C:/Windows", PathError::Absolute),
        ("c:file", PathError::Absolute),
        ("..", PathError::Climbs),
        ("../up", PathError::Climbs),
        ("a/../../up", PathError::Climbs),
        ("a/./b", PathError::Climbs),
        ("a//b", PathError::EmptyComponent),
        ("a/", PathError::EmptyComponent),
        ("a\0b", PathError::Character('\0')),
        ("a\nb", PathError::Character('\n')),
        ("a\u{1b}[2J", PathError::Character('\u{1b}')),
        ("..\\up", PathError::Character('\\')),
        (long.as_str(), PathError::Long(MAX_PATH_BYTES + 1)),
        (component.as_str(), PathError::LongComponent(MAX_COMPONENT_BYTES + 1)),
    ];
    for (text, why) in cases {
        assert_eq!(FilePath::new(text), Err(why), "{text:?}");
    }
    for text in ["a", "a/b.c", "...", "..a", "ünï/çødé", "a b", "-rf", "xx:y/z", ".hidden"] {
        assert_eq!(FilePath::new(text).map(String::from), Ok(text.to_owned()));
    }
}

#[test]
fn a_manifest_with_a_hostile_path_does_not_decode() {
    let bytes = manifest("aa/bb", 1).encode();
    let at = bytes.windows(5).position(|window| window == b"aa/bb").expect("written plainly");
    for evil in [b"../bb", b"/a/bb", b"aa\0bb", b"aa//b"] {
        let mut bad = bytes.clone();
        bad[at..at + 5].copy_from_slice(evil);
        let decoded = Manifest::decode(&bad);
        assert!(matches!(decoded, Err(FormatError::Invalid { flaw: Flaw::Path(_), .. })), "{decoded:?}");
    }
    let mut renamed = bytes.clone();
    renamed[at] = b'z';
    let invalid = FormatError::Invalid { object: "manifest", flaw: Flaw::FileId };
    assert_eq!(Manifest::decode(&renamed), Err(invalid));
}

#[test]
fn a_manifest_whose_lengths_contradict_each_other_is_refused() {
    let make = |change: &dyn Fn(&mut layr_coding::EncodedFile)| {
        let mut file = encoded(2);
        change(&mut file);
        Manifest::new(path("a"), Attributes::default(), Profile::SMALL, file).map(|_| ())
    };
    let (chunks, size) = (ByteCount(200_000), ByteCount(200_001));
    assert_eq!(make(&|_| ()), Ok(()));
    assert_eq!(make(&|file| file.size.0 += 1), Err(Flaw::Size { chunks, size }));
    assert_eq!(make(&|file| file.chunks[1].plain_len = 0), Err(Flaw::ChunkLength(1)));
    assert_eq!(make(&|file| file.chunks[1].plain_len = u32::MAX), Err(Flaw::ChunkLength(1)));
    assert_eq!(make(&|file| file.chunks[0].spans.clear()), Err(Flaw::ChunkLength(0)));
    assert_eq!(make(&|file| file.chunks[0].spans[0].len = u32::MAX), Err(Flaw::ChunkLength(0)));
    assert_eq!(make(&|file| file.chunks[0].spans[0].offset = u32::MAX), Err(Flaw::Span(0)));
    assert_eq!(make(&|file| file.chunks[0].spans[1].len = 0), Err(Flaw::Span(0)));
}

#[test]
fn attributes_keep_their_bounds() {
    let make = |attributes| Manifest::new(path("a"), attributes, Profile::SMALL, encoded(0)).map(|_| ());
    let late = Some(FileTime { seconds: 0, nanos: 1_000_000_000 });
    assert_eq!(make(Attributes { modified: late, ..attributes() }), Err(Flaw::Nanoseconds(1_000_000_000)));
    let many = (0..65).map(|n| (n.to_string(), String::new())).collect();
    assert_eq!(make(Attributes { labels: many, ..attributes() }), Err(Flaw::Labels));
    let long = [("a".to_owned(), "x".repeat(16 * 1024))].into();
    assert_eq!(make(Attributes { labels: long, ..attributes() }), Err(Flaw::Labels));
}

#[test]
fn a_segment_that_lists_impossible_shards_is_refused() {
    let good = segment(1, Profile::SMALL);
    let decode = |change: &dyn Fn(&mut SegmentRecord)| {
        let mut segment = good.clone();
        change(&mut segment);
        match SegmentRecord::decode(&segment.encode()) {
            Ok(_) => None,
            Err(FormatError::Invalid { flaw, .. }) => Some(flaw),
            Err(other) => panic!("{other:?}"),
        }
    };
    let (used, shards) = (Some(Flaw::Used(good.id)), Some(Flaw::Shards(good.id)));
    assert_eq!(decode(&|_| ()), None);
    assert_eq!(decode(&|segment| segment.used = ByteCount::ZERO), used);
    assert_eq!(decode(&|segment| segment.used.0 += 1), used);
    assert_eq!(decode(&|segment| segment.shards[0].index = ShardIndex(12)), shards);
    assert_eq!(decode(&|segment| segment.shards.push(segment.shards[0])), shards, "twice on one host");
    let moving = |segment: &mut SegmentRecord| {
        let host = NodeKey([9; 32]);
        segment.shards.push(layr_manifests::ShardRecord { host, ..segment.shards[0] });
    };
    assert_eq!(decode(&moving), None, "on two hosts while it moves");
    let two_roots = |segment: &mut SegmentRecord| {
        moving(segment);
        segment.shards[12].root.0[0] ^= 1;
    };
    assert_eq!(decode(&two_roots), shards);
    let many = |segment: &mut SegmentRecord| {
        let one = segment.shards[0];
        segment.shards.extend(
            (0..MAX_PLACEMENTS)
                .map(|n| layr_manifests::ShardRecord { host: NodeKey(common::id("other", n as u64)), ..one }),
        );
    };
    assert_eq!(decode(&many), shards);
    assert_eq!(decode(&|segment| segment.shards.clear()), None, "all lost, not yet repaired");
}

#[test]
fn placements_are_counted_by_shard() {
    let mut segment = segment(1, Profile::SMALL);
    assert_eq!(segment.placed(), 12);
    segment.shards.push(layr_manifests::ShardRecord { host: NodeKey([9; 32]), ..shard(1, ShardIndex(3)) });
    segment.shards.retain(|shard| shard.index != ShardIndex(0));
    assert_eq!(segment.placed(), 11);
    assert_eq!(segment.placements(ShardIndex(3)).count(), 2);
}

#[test]
fn updates_applied_in_order_make_the_catalogue() {
    let first = catalogue();
    let mut second = first.clone();
    second.apply(CatalogueUpdate {
        drop_files: vec![path("docs/empty")],
        put_files: vec![manifest("docs/a.txt", 5), manifest("new", 1)],
        put_segments: vec![segment(3, Profile::SMALL)],
        ..CatalogueUpdate::default()
    });
    assert_eq!(second.files().keys().map(FilePath::as_str).collect::<Vec<_>>(), ["docs/a.txt", "new"]);
    let changes = first.changes_to(&second);
    assert_eq!(changes.put_segments.len(), 1);
    assert_eq!(changes.drop_files, [path("docs/empty")]);
    let mut replayed = Catalogue::new();
    for update in [first.snapshot(), changes] {
        replayed.apply(CatalogueUpdate::decode(&update.encode()).expect("just encoded"));
    }
    assert_eq!(replayed, second);
    assert!(second.changes_to(&second).is_empty());
}

#[test]
fn a_catalogue_knows_what_it_lacks_and_what_it_no_longer_needs() {
    let mut catalogue = catalogue();
    assert_eq!(catalogue.check(), Ok(()));
    assert_eq!(catalogue.unused_segments(), []);
    catalogue.apply(CatalogueUpdate { put_segments: vec![segment(4, Profile::SMALL)], ..Default::default() });
    assert_eq!(catalogue.unused_segments(), [segment_id(4)]);
    let agreement = AgreementId(common::id("agreement", 11));
    assert_eq!(catalogue.shards_under(agreement).count(), 2, "segment 2 has only nine shards");
    let chunk = encoded(3).chunks[2].clone();
    assert_eq!(catalogue.chunk_index().find(&chunk.id), Some(chunk));
    let mut short = segment(2, Profile::SMALL);
    short.used = ByteCount(60);
    catalogue.apply(CatalogueUpdate { put_segments: vec![short], ..Default::default() });
    assert_eq!(catalogue.check(), Err(Flaw::Span(2)));
    catalogue.apply(CatalogueUpdate { drop_segments: vec![segment_id(2)], ..Default::default() });
    assert_eq!(catalogue.check(), Err(Flaw::MissingSegment(segment_id(2))));
}

#[test]
fn a_file_keeps_its_id_unless_name_content_or_attributes_change() {
    let one = manifest("a", 1);
    assert_eq!(one.file(), manifest("a", 1).file());
    assert_ne!(one.file(), manifest("b", 1).file());
    assert_ne!(one.file(), manifest("a", 2).file());
    let plain = Manifest::new(path("a"), Attributes::default(), Profile::SMALL, encoded(1)).expect("good");
    assert_ne!(one.file(), plain.file());
    assert_eq!(one.renamed(path("b")), manifest("b", 1));
}

#[test]
fn a_location_whose_segments_do_not_hold_the_object_is_refused() {
    let mut location = head().parts[0].clone();
    assert!(location.matches(&vec![1u8; 1_500_000]));
    assert!(!location.matches(&vec![2u8; 1_500_000]));
    location.len.0 += 1;
    let decoded = ObjectLocation::decode(&location.encode());
    assert!(matches!(decoded, Err(FormatError::Invalid { flaw: Flaw::Size { .. }, .. })));
}

#[test]
fn a_segment_of_thirty_shards_costs_little_more_than_its_roots() {
    let segments = (0..100).map(|number| segment(number, Profile::WIDE)).collect();
    let update = CatalogueUpdate { put_segments: segments, ..CatalogueUpdate::default() };
    let per_shard = update.encode().len() / 3000;
    assert!(per_shard <= 36, "{per_shard} bytes per shard");
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic_a_decoder(bytes in prop::collection::vec(any::<u8>(), 0..400), kind in 1u8..6) {
        let framed = [b"LAYR".as_slice(), &[kind, 1], &bytes].concat();
        decoders(&bytes);
        decoders(&framed);
        prop_assert!(Manifest::unseal(&key(1), &bytes).is_err());
    }

    #[test]
    fn a_damaged_encoding_never_panics_and_stays_within_bounds(
        which in 0usize..5,
        flips in prop::collection::vec(any::<prop::sample::Index>(), 1..4),
        byte in any::<u8>(),
    ) {
        let mut bytes = encodings()[which].clone();
        for flip in flips {
            let at = flip.index(bytes.len());
            bytes[at] ^= byte;
        }
        if let Ok(manifest) = Manifest::decode(&bytes) {
            prop_assert_eq!(Manifest::decode(&manifest.encode()), Ok(manifest));
        }
        if let Ok(update) = CatalogueUpdate::decode(&bytes) {
            prop_assert_eq!(CatalogueUpdate::decode(&update.encode()), Ok(update));
        }
        decoders(&bytes);
    }

    #[test]
    fn a_path_that_is_accepted_stays_inside(text in "[a-c./\\\\:]{0,12}") {
        if let Ok(path) = FilePath::new(text) {
            let joined = std::path::Path::new("/root").join(path.as_str());
            let inside = joined.components().all(|part| !matches!(part, std::path::Component::ParentDir));
            prop_assert!(inside && joined.starts_with("/root") && joined != std::path::Path::new("/root"));
        }
    }
}
