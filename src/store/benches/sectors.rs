//! Where should a host's sectors live? Slot files with group commit beside RocksDB's blob files, in one run on one
//! disk: what a put costs, what is written for it, and what reading one leaf costs.
//!
//! `cargo bench -p layr-store` ; the directory is `LAYR_BENCH_DIR`, or the system's temporary one.

#![allow(missing_docs, reason = "criterion's macros make undocumented functions")]

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use layr_host::ports::{Change, HostRecords as _, SectorStore as _, Slot, Table};
use layr_merkle::OUTBOARD_BYTES;
use layr_store::{RocksRecords, SlotFiles};
use layr_types::{GROUP_BYTES, SECTOR_BYTES};
use rocksdb::{DB, FlushOptions, Options, WriteOptions};
use std::hint::black_box;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// Sectors in flight, as one lane allows.
const IN_FLIGHT: u32 = 16;
/// Sectors stored in one measured round.
const ROUND: u32 = 64;

fn dir() -> TempDir {
    let base = std::env::var_os("LAYR_BENCH_DIR").map_or_else(std::env::temp_dir, PathBuf::from);
    tempfile::tempdir_in(base).expect("a directory to measure in")
}

/// A sector that begins on a page, as a lane's memory does.
struct Sector {
    memory: Vec<u8>,
    at: usize,
}

impl std::ops::Deref for Sector {
    type Target = [u8; SECTOR_BYTES];
    fn deref(&self) -> &Self::Target {
        self.memory[self.at..].first_chunk().expect("there is room for one")
    }
}

fn sector(number: u32) -> Sector {
    let mut memory = vec![0; SECTOR_BYTES + 4096];
    blake3::Hasher::new().update(&number.to_be_bytes()).finalize_xof().fill(&mut memory);
    let at = memory.as_ptr().align_offset(4096);
    Sector { memory, at }
}

/// Bytes this process has caused to be written to disks so far.
fn written() -> u64 {
    let io = std::fs::read_to_string("/proc/self/io").unwrap_or_default();
    let line = io.lines().find_map(|line| line.strip_prefix("write_bytes: "));
    line.and_then(|bytes| bytes.parse().ok()).unwrap_or(0)
}

/// Runs `round` and remembers how much it stored and wrote.
struct Meter {
    stored: u64,
    written: u64,
    took: Duration,
}

impl Meter {
    const fn new() -> Self {
        Self { stored: 0, written: 0, took: Duration::ZERO }
    }

    fn measure(&mut self, rounds: u64, mut round: impl FnMut()) -> Duration {
        let (before, start) = (written(), Instant::now());
        (0..rounds).for_each(|_| round());
        let took = start.elapsed();
        self.took += took;
        self.stored += rounds * u64::from(ROUND) * SECTOR_BYTES as u64;
        self.written += written() - before;
        took
    }

    #[allow(clippy::cast_precision_loss, reason = "a printed figure")]
    fn report(&self, name: &str) {
        let speed = self.stored as f64 / self.took.as_secs_f64() / 1e6;
        let factor = self.written as f64 / self.stored as f64;
        println!("{name}: {speed:.0} MB/s stored, {factor:.2} bytes written for each byte");
    }
}

/// A host's put without its host: bytes, flush, record, flush.
struct Slots {
    records: RocksRecords,
    files: SlotFiles,
    next: AtomicU32,
    _dir: TempDir,
}

impl Slots {
    fn open() -> Self {
        let dir = dir();
        let records = RocksRecords::open(&dir.path().join("records")).expect("it opens");
        let files = SlotFiles::open(&dir.path().join("sectors")).expect("it opens");
        Self { records, files, next: AtomicU32::new(0), _dir: dir }
    }

    async fn put(&self, sector: &[u8; SECTOR_BYTES]) {
        let number = self.next.fetch_add(1, Ordering::SeqCst);
        self.files.write(Slot(number % 1024), sector).expect("written");
        self.files.sync().await.expect("flushed");
        let key = blake3::hash(&number.to_be_bytes()).as_bytes().to_vec();
        let row = |table, value: Vec<u8>| Change { table, key: key.clone(), value: Some(value) };
        let batch = vec![
            row(Table::Sectors, vec![0; 8]),
            row(Table::Outboards, vec![7; OUTBOARD_BYTES]),
            row(Table::Holdings, vec![0; 12]),
            row(Table::Pending, Vec::new()),
            Change { table: Table::Meta, key: b"space".to_vec(), value: Some(vec![0; 41]) },
        ];
        self.records.apply(batch).expect("recorded");
        self.records.sync().await.expect("flushed");
    }
}

fn blob_options() -> Options {
    let mut options = Options::default();
    options.create_if_missing(true);
    options.set_enable_blob_files(true);
    options.set_min_blob_size(4096);
    options.set_blob_file_size(256 << 20);
    options.set_write_buffer_size(64 << 20);
    options
}

fn puts(c: &mut Criterion) {
    let runtime = Runtime::new().expect("a runtime");
    let sectors: Vec<_> = (0..ROUND).map(sector).collect();
    let sectors: Arc<Vec<_>> = Arc::new(sectors);
    let mut group = c.benchmark_group("put 64 sectors");
    group.throughput(Throughput::Bytes(u64::from(ROUND) * SECTOR_BYTES as u64));
    group.sample_size(10);
    let (store, mut meter) = (Arc::new(Slots::open()), Meter::new());
    store.files.reserve(1024).expect("there is room");
    let round = || runtime.block_on(put_all(&store, &sectors));
    group
        .bench_function("slot files, 16 in flight", |b| b.iter_custom(|rounds| meter.measure(rounds, round)));
    meter.report("slot files, 16 in flight");
    let (kept, mut meter) = (dir(), Meter::new());
    let db = DB::open(&blob_options(), kept.path()).expect("it opens");
    let mut number = 0u32;
    let mut round = || {
        for sector in sectors.iter() {
            put_blob(&db, &mut number, sector);
        }
    };
    group.bench_function("blob files, no log, flush after 16", |b| {
        b.iter_custom(|rounds| meter.measure(rounds, &mut round));
    });
    meter.report("blob files, no log, flush after 16");
    group.finish();
}

async fn put_all(store: &Arc<Slots>, sectors: &Arc<Vec<Sector>>) {
    let writers = (0..IN_FLIGHT as usize).map(|first| {
        let (store, sectors) = (Arc::clone(store), Arc::clone(sectors));
        tokio::spawn(async move {
            for sector in sectors.iter().skip(first).step_by(IN_FLIGHT as usize) {
                store.put(sector).await;
            }
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.expect("no writer panics");
    }
}

fn put_blob(db: &DB, number: &mut u32, sector: &[u8; SECTOR_BYTES]) {
    let mut without_log = WriteOptions::default();
    without_log.disable_wal(true);
    *number += 1;
    let key = blake3::hash(&(*number % 1024).to_be_bytes());
    db.put_opt(key.as_bytes(), sector, &without_log).expect("written");
    if number.is_multiple_of(IN_FLIGHT) {
        db.flush_opt(&FlushOptions::default()).expect("flushed");
    }
}

fn leaf_reads(c: &mut Criterion) {
    let mut group = c.benchmark_group("read what one leaf needs");
    let slots = Slots::open();
    let kept = dir();
    let db = DB::open(&blob_options(), kept.path()).expect("it opens");
    for number in 0..128 {
        slots.files.write(Slot(number), &sector(number)).expect("written");
        db.put(number.to_be_bytes(), &sector(number)[..]).expect("written");
    }
    db.flush().expect("flushed");
    let mut at = 0u32;
    let mut next = move || {
        at = at.wrapping_mul(747_796_405).wrapping_add(2_891_336_453);
        (at % 128, (at >> 16) as usize % 64)
    };
    group.bench_function("slot files, one group", |b| {
        let mut out = [[0; GROUP_BYTES]];
        b.iter(|| {
            let (slot, first) = next();
            slots.files.read(Slot(slot), first, black_box(&mut out)).expect("read");
        });
    });
    group.bench_function("blob files, the whole sector", |b| {
        b.iter(|| black_box(db.get_pinned(next().0.to_be_bytes()).expect("read")).map(|sector| sector.len()));
    });
    group.finish();
}

criterion_group!(benches, puts, leaf_reads);
criterion_main!(benches);
