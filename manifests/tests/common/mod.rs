//! What the tests share: manifests, segments and catalogues that hang together.
#![allow(dead_code, reason = "each test file uses its own part")]

use layr_coding::{ChunkRecord, EncodedFile, FileHash, Profile, ShardIndex, Span};
use layr_manifests::{
    AgreementPointer, Attributes, Catalogue, CatalogueHead, CatalogueUpdate, FilePath, FileTime, Manifest,
    ObjectLocation, SegmentRecord, ShardRecord,
};
use layr_types::{AgreementId, ByteCount, ChunkId, NodeKey, SectorRoot, SegmentId, UnixSeconds};

/// A 32-byte value that only `kind` and `number` determine.
pub fn id(kind: &str, number: u64) -> [u8; 32] {
    blake3::derive_key(kind, &number.to_be_bytes())
}

pub fn segment_id(number: u64) -> SegmentId {
    SegmentId(id("segment", number))
}

/// A segment whose shard `i` lies on host `i`.
pub fn segment(number: u64, profile: Profile) -> SegmentRecord {
    let shards = profile.shards().map(|index| shard(number, index)).collect();
    SegmentRecord { id: segment_id(number), profile, used: profile.capacity(), shards }
}

pub fn shard(segment: u64, index: ShardIndex) -> ShardRecord {
    ShardRecord {
        index,
        root: SectorRoot(id("root", segment * 1000 + u64::from(index.0))),
        host: NodeKey(id("host", index.0.into())),
        agreement: AgreementId(id("agreement", index.0.into())),
    }
}

/// A file of `chunks` chunks of 100,000 bytes, packed from the start of segment 1 on.
pub fn encoded(chunks: u64) -> EncodedFile {
    let chunk = |number: u64| ChunkRecord {
        id: ChunkId(id("chunk", number)),
        plain_len: 100_000,
        spans: vec![
            Span {
                segment: segment_id(1),
                offset: u32::try_from(number * 100_030).expect("small"),
                len: 100_000,
            },
            Span { segment: segment_id(2), offset: u32::try_from(number * 30).expect("small"), len: 30 },
        ],
    };
    EncodedFile {
        ordinal: 0,
        size: ByteCount(chunks * 100_000),
        hash: FileHash(id("file", chunks)),
        chunks: (0..chunks).map(chunk).collect(),
    }
}

pub fn attributes() -> Attributes {
    Attributes {
        mode: Some(0o644),
        modified: Some(FileTime { seconds: 1_767_225_600, nanos: 5 }),
        labels: [("content-type".to_owned(), "text/plain".to_owned())].into(),
    }
}

pub fn path(text: &str) -> FilePath {
    FilePath::new(text).expect("a good path")
}

pub fn manifest(name: &str, chunks: u64) -> Manifest {
    Manifest::new(path(name), attributes(), Profile::SMALL, encoded(chunks)).expect("consistent")
}

pub fn agreement(number: u64) -> AgreementPointer {
    AgreementPointer {
        id: AgreementId(id("agreement", number)),
        host: NodeKey(id("host", number)),
        ends: UnixSeconds(1_800_000_000 + number),
        terms: vec![7; 20],
    }
}

pub fn update() -> CatalogueUpdate {
    CatalogueUpdate {
        drop_files: vec![path("old/file")],
        drop_segments: vec![segment_id(9)],
        drop_agreements: vec![AgreementId(id("agreement", 9))],
        put_files: vec![manifest("docs/a.txt", 3), manifest("docs/empty", 0)],
        put_segments: vec![segment(1, Profile::SMALL), segment(2, Profile::new(1, 9).expect("valid"))],
        put_agreements: vec![agreement(1), agreement(2)],
    }
}

pub fn catalogue() -> Catalogue {
    let mut catalogue = Catalogue::new();
    catalogue.apply(update());
    catalogue
}

pub fn head() -> CatalogueHead {
    let sealed = vec![1u8; 1_500_000];
    let mut one = segment(7, Profile::new(2, 4).expect("valid"));
    one.used = ByteCount(1_500_000);
    CatalogueHead { parts: vec![ObjectLocation::new(&sealed, vec![one])], inline: update() }
}
