//! What the corridor promises beside bringing files back.

mod common;

use common::{encode, noise, read_back, secrets, survivors, text};
use layr_coding::{
    AVG_CHUNK_BYTES, ChunkIndex, ChunkKey, ChunkRecord, Chunker, EncodeError, EncodeOptions, Encoded,
    Encoder, MAX_CHUNK_BYTES, MIN_CHUNK_BYTES, Mask, Profile, ShardError, ShardIndex, ShardSlice, Span,
    VerifiedShard, chunks_in, decode_columns, decode_segment, gather_chunk, open_chunk, repair_shard,
    sectors_in, sectors_of,
};
use layr_types::{ChunkId, SECTOR_BYTES, SegmentId};
use proptest::prelude::*;
use std::collections::HashMap;
use std::io::Read;
use std::ops::ControlFlow;
use std::sync::Arc;

const MIB: usize = 1024 * 1024;

fn options(workers: usize) -> EncodeOptions {
    EncodeOptions { workers, ..EncodeOptions::default() }
}

fn lengths(bytes: &[u8]) -> Vec<usize> {
    let (mut chunker, mut reader, mut out) = (Chunker::new(), bytes, Vec::new());
    while let Some(chunk) = chunker.next(&mut reader).expect("a slice can be read") {
        out.push(chunk.len());
    }
    out
}

/// Hands out its bytes in small uneven portions, interrupted now and then, as sockets and pipes do.
struct Trickle<'a>(&'a [u8], usize);

impl Read for Trickle<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.1 += 1;
        if self.1.is_multiple_of(5) {
            return Err(std::io::ErrorKind::Interrupted.into());
        }
        let len = buffer.len().min(self.0.len()).min(1 + self.1 * 7919 % 100_000);
        let (now, later) = self.0.split_at(len);
        buffer[..len].copy_from_slice(now);
        self.0 = later;
        Ok(len)
    }
}

#[test]
fn chunks_are_cut_where_the_library_cuts_them_however_the_bytes_arrive() {
    for data in
        [noise(25 * MIB + 1, 1), text(9 * MIB), vec![0; 9 * MIB + 3], noise(MIN_CHUNK_BYTES, 2), Vec::new()]
    {
        let library = fastcdc::v2020::FastCDC::new(
            &data,
            u32::try_from(MIN_CHUNK_BYTES).expect("fits"),
            u32::try_from(AVG_CHUNK_BYTES).expect("fits"),
            u32::try_from(MAX_CHUNK_BYTES).expect("fits"),
        );
        let expected: Vec<usize> = library.map(|chunk| chunk.length).collect();
        assert_eq!(lengths(&data), expected);
        let (mut chunker, mut trickle, mut slow) = (Chunker::new(), Trickle(&data, 0), Vec::new());
        while let Some(chunk) = chunker.next(&mut trickle).expect("it goes on after interruptions") {
            slow.push(chunk.len());
        }
        assert_eq!(slow, expected);
    }
}

#[test]
fn an_insertion_changes_few_chunks() {
    let before = noise(40 * MIB, 4);
    let mut after = before.clone();
    after.splice(15 * MIB..15 * MIB, *b"inserted");
    let owner = secrets(1);
    let ids = |data: &[u8]| -> Vec<ChunkId> {
        let mut rest = data;
        lengths(data)
            .into_iter()
            .map(|len| owner.chunk().id(rest.split_off(..len).expect("within")))
            .collect()
    };
    let (before, after) = (ids(&before), ids(&after));
    let shared = after.iter().filter(|id| before.contains(id)).count();
    assert!(after.len() - shared <= 3, "{} of {} chunks changed", after.len() - shared, after.len());
}

#[test]
fn the_number_of_threads_changes_nothing() {
    let owner = secrets(1);
    let files = [noise(9 * MIB, 1), text(5 * MIB), noise(100, 2), Vec::new(), noise(3 * MIB, 3)];
    let roots = |workers| {
        let stored = encode(&owner, Profile::SMALL, options(workers), &files);
        let roots: Vec<_> = stored
            .segments
            .iter()
            .flat_map(|segment| segment.shards().iter().map(|shard| (segment.id(), shard.root())))
            .collect();
        (roots, stored.files)
    };
    let alone = roots(0);
    assert_eq!(alone, roots(1));
    assert_eq!(alone, roots(5));
}

#[test]
fn two_owners_of_one_file_share_nothing() {
    let file = [noise(2 * MIB, 1)];
    let (one, other) = (secrets(1), secrets(2));
    let (ours, theirs) =
        (encode(&one, Profile::SMALL, options(1), &file), encode(&other, Profile::SMALL, options(1), &file));
    let ids = |stored: &common::Stored| -> Vec<ChunkId> {
        stored.files[0].chunks.iter().map(|chunk| chunk.id).collect()
    };
    assert!(ids(&ours).iter().all(|id| !ids(&theirs).contains(id)));
    for (a, b) in ours.segments[0].shards().iter().zip(theirs.segments[0].shards()) {
        assert_unrelated(a.bytes(), b.bytes());
    }
    let chunk = &ours.files[0].chunks[0];
    let sealed = gather(&one, &ours, chunk);
    assert!(open_chunk(&other.chunk().key(&chunk.id), chunk, sealed).is_err());
}

/// Sealed bytes of one chunk, from all shards.
fn gather(owner: &layr_coding::OwnerSecrets, stored: &common::Stored, chunk: &ChunkRecord) -> Vec<u8> {
    let decoded: HashMap<SegmentId, Vec<u8>> = stored
        .segments
        .iter()
        .map(|segment| {
            let shards = survivors(segment, usize::from(segment.profile().k()), 0);
            let key = owner.mask().segment(&segment.id());
            let bytes = decode_segment(&key, segment.profile(), segment.used(), &shards).expect("k shards");
            (segment.id(), bytes)
        })
        .collect();
    gather_chunk(chunk, |span| {
        decoded[&span.segment].get(span.offset as usize..(span.offset + span.len) as usize)
    })
    .expect("in its segments")
}

/// Half of all bits differ, within what chance allows.
fn assert_unrelated(a: &[u8], b: &[u8]) {
    let differing: u64 = a.iter().zip(b).map(|(x, y)| u64::from((x ^ y).count_ones())).sum();
    let half = a.len() as u64 * 4;
    assert!(differing.abs_diff(half) < half / 100, "{differing} of {} bits differ", half * 2);
}

#[test]
fn shards_of_one_segment_show_no_relation() {
    // With one data shard all shards are the same bytes before masking: the mask alone must tell them apart.
    let stored = encode(&secrets(1), Profile::new(1, 4).expect("valid"), options(0), &[vec![0; 1000]]);
    let shards = stored.segments[0].shards();
    for (at, a) in shards.iter().enumerate() {
        for b in &shards[at + 1..] {
            assert_unrelated(a.bytes(), b.bytes());
            assert_ne!(a.root(), b.root());
        }
        assert_unrelated(a.bytes(), &vec![0; SECTOR_BYTES]);
    }
}

#[test]
fn masks_begin_anywhere_and_undo_themselves() {
    let key = secrets(1).mask().segment(&SegmentId([4; 32]));
    let mut whole = vec![0u8; SECTOR_BYTES];
    Mask::new(&key, ShardIndex(3)).apply(&mut whole);
    for offset in [0u32, 1, 63, 64, 1024, 999_999] {
        let mut part = vec![0u8; 500];
        Mask::at(&key, ShardIndex(3), offset).apply(&mut part);
        assert_eq!(part, whole[offset as usize..offset as usize + 500], "from byte {offset}");
    }
    Mask::new(&key, ShardIndex(3)).apply(&mut whole);
    assert_eq!(whole, vec![0; SECTOR_BYTES]);
}

#[test]
fn a_changed_shard_is_told_from_its_root() {
    let stored = encode(&secrets(1), Profile::SMALL, options(0), &[noise(1000, 1)]);
    let shard = &stored.segments[0].shards()[2];
    for bit in [0, 1, 8 * 500_000 + 3, 8 * SECTOR_BYTES - 1] {
        let mut bytes = shard.bytes().to_vec();
        bytes[bit / 8] ^= 1 << (bit % 8);
        let checked = VerifiedShard::check(shard.index(), &shard.root(), bytes.into());
        assert_eq!(checked.map(|_| ()), Err(ShardError::Root { index: shard.index() }));
    }
    let short = shard.bytes().slice(1..);
    let checked = VerifiedShard::check(shard.index(), &shard.root(), short);
    assert_eq!(checked.map(|_| ()), Err(ShardError::Length(SECTOR_BYTES - 1)));
}

#[test]
fn a_lost_shard_is_repaired_to_the_same_root_with_the_mask_key_alone() {
    let owner = secrets(1);
    let stored = encode(&owner, Profile::SMALL, options(0), &[noise(5 * MIB, 1)]);
    for segment in &stored.segments {
        let key = owner.mask().segment(&segment.id());
        for lost in segment.shards() {
            let mut others = survivors(segment, segment.shards().len(), 1);
            others.retain(|shard| shard.index() != lost.index());
            others.truncate(usize::from(segment.profile().k()));
            let repaired = repair_shard(&key, segment.profile(), &others, lost.index()).expect("k others");
            assert_eq!((repaired.root(), repaired.bytes()), (lost.root(), lost.bytes()));
        }
    }
}

#[test]
fn whoever_holds_the_mask_keys_alone_finds_sealed_bytes_and_opens_none() {
    let owner = secrets(1);
    let content = noise(5 * MIB, 1);
    let stored = encode(&owner, Profile::SMALL, options(0), std::slice::from_ref(&content));
    for segment in &stored.segments {
        let key = owner.mask().segment(&segment.id());
        let shards = survivors(segment, segment.shards().len(), 1);
        let sealed = decode_segment(&key, segment.profile(), segment.used(), &shards).expect("all shards");
        assert!(
            !content
                .windows(32)
                .step_by(256 * 1024)
                .any(|part| sealed.windows(32).any(|window| window == part))
        );
        for chunk in stored.files.iter().flat_map(|file| &file.chunks) {
            let guessed = ChunkKey::from_bytes(*key.as_bytes());
            let bytes = chunk.spans.iter().find(|span| span.segment == segment.id());
            let Some(span) = bytes.filter(|_| chunk.spans.len() == 1) else { continue };
            let start = span.offset as usize;
            let opened = open_chunk(&guessed, chunk, sealed[start..start + span.len as usize].to_vec());
            assert!(opened.is_err(), "a mask key is no chunk key");
        }
    }
}

#[test]
fn too_few_shards_of_a_segment_are_an_error() {
    let owner = secrets(1);
    let stored = encode(&owner, Profile::SMALL, options(0), &[noise(5 * MIB, 1)]);
    let segment = &stored.segments[0];
    let key = owner.mask().segment(&segment.id());
    let few = survivors(segment, 3, 1);
    assert!(decode_segment(&key, segment.profile(), segment.used(), &few).is_err());
    assert!(repair_shard(&key, segment.profile(), &few, few[0].index()).is_err(), "k others make one");
    assert!(decode_segment(&key, segment.profile(), layr_types::ByteCount(u64::MAX), &few).is_err());
}

#[test]
fn a_chunk_that_was_stored_before_is_neither_sealed_nor_sent_again() {
    struct Stored(HashMap<ChunkId, ChunkRecord>);
    impl ChunkIndex for Stored {
        fn find(&self, id: &ChunkId) -> Option<ChunkRecord> {
            self.0.get(id).cloned()
        }
    }
    let owner = secrets(1);
    let file = noise(6 * MIB, 1);
    let first = encode(&owner, Profile::SMALL, options(1), std::slice::from_ref(&file));
    let index = first.files[0].chunks.iter().map(|chunk| (chunk.id, chunk.clone())).collect();
    let again = EncodeOptions { index: Arc::new(Stored(index)), ..options(1) };
    let second = encode(&owner, Profile::SMALL, again, &[file]);
    assert!(second.segments.is_empty());
    assert_eq!(second.files[0].chunks, first.files[0].chunks);
}

#[test]
fn a_file_added_twice_is_stored_once() {
    let owner = secrets(1);
    let file = noise(6 * MIB, 1);
    let once = encode(&owner, Profile::SMALL, options(1), std::slice::from_ref(&file));
    let twice = encode(&owner, Profile::SMALL, options(1), &[file.clone(), file.clone()]);
    assert_eq!(once.segments.len(), twice.segments.len());
    assert_eq!(twice.files[0].chunks, twice.files[1].chunks);
    assert_eq!(read_back(&owner, &twice, &twice.files[1], 1), file);
}

#[test]
fn files_come_out_in_order_and_after_their_segments() {
    let owner = secrets(1);
    let mut encoder = Encoder::new(&owner, Profile::SMALL, options(1)).expect("able");
    let mut seen = Vec::new();
    let mut order = Vec::new();
    let mut sink = |item| {
        match item {
            Encoded::Segment(segment) => seen.push(segment.id()),
            Encoded::File(file) => {
                let mut spans = file.chunks.iter().flat_map(|chunk| &chunk.spans);
                assert!(spans.all(|span| seen.contains(&span.segment)));
                order.push(file.ordinal);
            }
        }
        ControlFlow::Continue(())
    };
    for (ordinal, len) in [10, 9 * MIB, 0, 5, 5 * MIB].into_iter().enumerate() {
        let given = encoder.add_file(noise(len, 1).as_slice(), &mut sink).expect("a slice can be read");
        assert_eq!(given, ordinal as u64);
    }
    encoder.finish(&mut sink).expect("nothing stops it");
    assert_eq!(order, [0, 1, 2, 3, 4]);
}

#[test]
fn what_is_read_ahead_of_the_output_is_bounded() {
    struct Counted<'a>(&'a [u8], &'a std::cell::Cell<usize>);
    impl Read for Counted<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            let len = self.0.read(buffer)?;
            self.1.set(self.1.get() + len);
            Ok(len)
        }
    }
    let (data, read) = (noise(96 * MIB, 1), std::cell::Cell::new(0usize));
    let mut encoder = Encoder::new(&secrets(1), Profile::SMALL, options(1)).expect("able");
    let (mut out, mut furthest) = (0usize, 0usize);
    let mut sink = |item| {
        furthest = furthest.max(read.get().saturating_sub(out));
        if let Encoded::Segment(segment) = item {
            out += usize::try_from(segment.used().0).expect("small");
        }
        ControlFlow::Continue(())
    };
    encoder.add_file(Counted(&data, &read), &mut sink).expect("a slice can be read");
    encoder.finish(&mut sink).expect("nothing stops it");
    // A window of 8 MiB, 4 MiB and a chunk in flight for each of two threads, three segments in work, two open.
    assert!(furthest <= 40 * MIB, "{furthest} bytes");
}

#[test]
fn a_receiver_can_stop_the_encoder() {
    let mut encoder = Encoder::new(&secrets(1), Profile::SMALL, options(1)).expect("able");
    let mut sink = |_| ControlFlow::Break(());
    let stopped = encoder.add_file(noise(40 * MIB, 1).as_slice(), &mut sink);
    assert!(matches!(stopped, Err(EncodeError::Stopped)));
    let over = encoder.add_file([1u8].as_slice(), &mut sink);
    assert!(matches!(over, Err(EncodeError::Failed)));
}

#[test]
fn a_read_error_keeps_its_cause() {
    struct Broken;
    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::UnexpectedEof.into())
        }
    }
    let mut encoder = Encoder::new(&secrets(1), Profile::SMALL, options(0)).expect("able");
    match encoder.add_file(Broken, &mut |_| ControlFlow::Continue(())) {
        Err(EncodeError::Read(cause)) => assert_eq!(cause.kind(), std::io::ErrorKind::UnexpectedEof),
        other => panic!("{other:?}"),
    }
}

#[test]
fn one_leaf_range_is_enough_to_read_the_bytes_under_it() {
    let owner = secrets(1);
    let file = noise(7 * MIB, 1);
    let stored = encode(
        &owner,
        Profile::SMALL,
        EncodeOptions { compress: false, ..options(1) },
        std::slice::from_ref(&file),
    );
    let chunks = &stored.files[0].chunks;
    let wanted = 3_000_000u64..3_100_000;
    let mut read = Vec::new();
    for part in chunks_in(chunks, wanted.clone()) {
        let chunk = &chunks[part.chunk];
        let mut sealed = Vec::new();
        for span in &chunk.spans {
            sealed.extend(fetch_span(&owner, &stored, span));
        }
        let plain = open_chunk(&owner.chunk().key(&chunk.id), chunk, sealed).expect("sealed by us");
        read.extend_from_slice(&plain[part.bytes]);
    }
    assert_eq!(read, file[3_000_000..3_100_000]);
}

/// Reads one span without its own data shards: from the same leaves of four parity shards.
fn fetch_span(owner: &layr_coding::OwnerSecrets, stored: &common::Stored, span: &Span) -> Vec<u8> {
    let segment = stored.segments.iter().find(|segment| segment.id() == span.segment).expect("came out");
    let key = owner.mask().segment(&segment.id());
    let k = usize::from(segment.profile().k());
    let mut bytes = Vec::new();
    let mut first = None;
    for part in sectors_in(span) {
        let slices: Vec<ShardSlice<'_>> = segment.shards()[segment.shards().len() - k..]
            .iter()
            .map(|shard| ShardSlice { index: shard.index(), bytes: &shard.bytes()[part.bytes.clone()] })
            .collect();
        let columns = decode_columns(&key, segment.profile(), part.bytes.clone(), &slices, part.shard)
            .expect("k shards");
        first.get_or_insert(part.shard.position() * SECTOR_BYTES + part.bytes.start);
        bytes.extend(columns);
    }
    let skip = span.offset as usize - first.expect("a span is not empty");
    bytes[skip..skip + span.len as usize].to_vec()
}

proptest! {
    #[test]
    fn a_range_is_covered_by_its_chunks_exactly(
        lens in prop::collection::vec(1u32..1000, 0..20),
        start in 0u64..8000,
        len in 0u64..8000,
    ) {
        let chunks: Vec<ChunkRecord> = lens
            .iter()
            .map(|&plain_len| ChunkRecord { id: ChunkId([0; 32]), plain_len, spans: Vec::new() })
            .collect();
        let total: u64 = lens.iter().map(|&len| u64::from(len)).sum();
        let mut covered = Vec::new();
        for part in chunks_in(&chunks, start..start + len) {
            let before: u64 = lens[..part.chunk].iter().map(|&len| u64::from(len)).sum();
            covered.extend(part.bytes.map(|at| before + at as u64));
        }
        let expected: Vec<u64> = (start.min(total)..(start + len).min(total)).collect();
        prop_assert_eq!(covered, expected);
    }

    #[test]
    fn sector_ranges_cover_their_spans_in_whole_leaves_and_once(
        spans in prop::collection::vec((0u32..4_000_000, 1u32..3_000_000), 1..6),
    ) {
        let segment = SegmentId([1; 32]);
        let spans: Vec<Span> =
            spans.into_iter().map(|(offset, len)| Span { segment, offset, len }).collect();
        let parts = sectors_of(&spans);
        for part in &parts {
            prop_assert!(part.bytes.start % 1024 == 0 && part.bytes.end % 1024 == 0);
            prop_assert!(part.bytes.start < part.bytes.end && part.bytes.end <= SECTOR_BYTES);
        }
        for pair in parts.windows(2) {
            prop_assert!(pair[0].shard < pair[1].shard || pair[0].bytes.end < pair[1].bytes.start);
        }
        let covers = |at: usize| parts.iter().any(|part| {
            part.shard.position() == at / SECTOR_BYTES && part.bytes.contains(&(at % SECTOR_BYTES))
        });
        for span in &spans {
            prop_assert!(covers(span.offset as usize));
            prop_assert!(covers((span.offset + span.len - 1) as usize));
        }
    }
}
