//! The real store sits the exam of the host's ports, and says clearly why it cannot be opened.

#![allow(clippy::unwrap_used, reason = "a helper of a test fails as the test does")]

use layr_host::conformance;
use layr_host::ports::{Change, HostRecords, Scan, SectorError, SectorStore, Slot, Table};
use layr_store::{HostStore, RocksRecords, SLOTS_PER_VOLUME, SlotFiles, StoreError};
use layr_types::{GROUP_BYTES, SECTOR_BYTES};
use std::path::Path;

fn put(table: Table, key: &[u8], value: &[u8]) -> Change {
    Change { table, key: key.to_vec(), value: Some(value.to_vec()) }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rocksdb_passes_the_exam_of_records() {
    let dir = tempfile::tempdir().unwrap();
    conformance::records(|| RocksRecords::open(dir.path()).unwrap()).await;
}

#[tokio::test]
async fn slot_files_pass_the_exam_of_sectors() {
    let dir = tempfile::tempdir().unwrap();
    conformance::sectors(|| SlotFiles::open(dir.path()).unwrap()).await;
}

#[test]
fn a_second_opener_is_told_who_is_in_the_way() {
    let dir = tempfile::tempdir().unwrap();
    let first = HostStore::open(dir.path()).unwrap();
    let refused = HostStore::open(dir.path()).unwrap_err();
    assert!(matches!(&refused, StoreError::InUse { .. }), "{refused:?}");
    assert!(refused.to_string().contains("another layr process uses"), "{refused}");
    drop(first);
    HostStore::open(dir.path()).unwrap();
}

#[test]
fn a_damaged_database_is_not_taken_for_an_empty_one() {
    for damage in [remove_current, scramble_manifest, truncate_current] {
        let dir = tempfile::tempdir().unwrap();
        let store = RocksRecords::open(dir.path()).unwrap();
        store.apply(vec![put(Table::Meta, b"k", b"v")]).unwrap();
        drop(store);
        damage(dir.path());
        let refused = RocksRecords::open(dir.path()).unwrap_err();
        assert!(matches!(&refused, StoreError::Corrupt { .. }), "{refused:?}");
        assert!(refused.to_string().contains("restore the database from a copy"), "{refused}");
    }
}

fn remove_current(dir: &Path) {
    std::fs::remove_file(dir.join("CURRENT")).unwrap();
}

fn truncate_current(dir: &Path) {
    std::fs::write(dir.join("CURRENT"), b"").unwrap();
}

fn scramble_manifest(dir: &Path) {
    let name = std::fs::read_to_string(dir.join("CURRENT")).unwrap();
    let path = dir.join(name.trim());
    let mut bytes = std::fs::read(&path).unwrap();
    bytes.iter_mut().skip(8).step_by(7).for_each(|byte| *byte ^= 0xFF);
    std::fs::write(path, bytes).unwrap();
}

#[test]
fn a_log_torn_by_a_crash_loses_only_what_was_torn() {
    let dir = tempfile::tempdir().unwrap();
    let store = RocksRecords::open(dir.path()).unwrap();
    for n in 0..50u8 {
        store.apply(vec![put(Table::Due, &[n], &[n; 100]), put(Table::Trash, &[n], b"")]).unwrap();
    }
    std::mem::forget(store);
    let copy = tempfile::tempdir().unwrap();
    let mut log = None;
    for entry in std::fs::read_dir(dir.path()).unwrap() {
        let entry = entry.unwrap();
        let to = copy.path().join(entry.file_name());
        std::fs::copy(entry.path(), &to).unwrap();
        if entry.file_name().to_string_lossy().ends_with(".log") {
            log = Some(to);
        }
    }
    let log = std::fs::OpenOptions::new().write(true).open(log.unwrap()).unwrap();
    log.set_len(log.metadata().unwrap().len() - 500).unwrap();
    let reopened = RocksRecords::open(copy.path()).unwrap();
    let rows = |table| reopened.scan(table, Scan { prefix: &[], after: &[], limit: 100 }).unwrap();
    let (due, trash) = (rows(Table::Due), rows(Table::Trash));
    assert!(due.len() < 50 && due.len() > 40, "{}", due.len());
    assert_eq!(due.len(), trash.len(), "a batch is there whole or not at all");
    assert!(due.iter().zip(0u8..).all(|((key, _), n)| key == &[n]), "and nothing before it is missing");
}

#[test]
fn volumes_take_exactly_the_space_they_promise() {
    let dir = tempfile::tempdir().unwrap();
    let files = SlotFiles::open(dir.path()).unwrap();
    files.reserve(3).unwrap();
    files.reserve(2).unwrap();
    assert_eq!(files.allocated(), 3);
    files.reserve(SLOTS_PER_VOLUME + 1).unwrap();
    assert_eq!(files.allocated(), u64::from(SLOTS_PER_VOLUME) + 1);
    let sizes: Vec<_> = ["00000000.slots", "00000001.slots"]
        .iter()
        .map(|name| std::fs::metadata(dir.path().join(name)).unwrap().len() / SECTOR_BYTES as u64)
        .collect();
    assert_eq!(sizes, [u64::from(SLOTS_PER_VOLUME), 1]);
    std::fs::write(dir.path().join("notes.txt"), b"not a volume").unwrap();
    std::fs::write(dir.path().join("zzzzzzzz.slots"), b"not a number").unwrap();
    assert_eq!(SlotFiles::open(dir.path()).unwrap().allocated(), u64::from(SLOTS_PER_VOLUME) + 1);
}

/// Needs the right to mount; where it is missing, the host's own tests inject the same error through the port.
#[test]
fn a_full_disk_is_said_to_be_full_and_takes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let mounted = std::process::Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=8m", "tmpfs"])
        .arg(dir.path())
        .output()
        .is_ok_and(|output| output.status.success());
    if !mounted {
        return;
    }
    let unmount = Unmount(dir.path());
    let files = SlotFiles::open(unmount.0).unwrap();
    files.reserve(4).unwrap();
    assert!(matches!(files.reserve(64), Err(SectorError::DiskFull)));
    assert_eq!(files.allocated(), 4, "nothing is left of the attempt");
    assert_eq!(std::fs::metadata(unmount.0.join("00000000.slots")).unwrap().len(), 4 * SECTOR_BYTES as u64);
    files.reserve(6).unwrap();
    let sector: Box<[u8; SECTOR_BYTES]> = vec![7; SECTOR_BYTES].into_boxed_slice().try_into().unwrap();
    files.write(Slot(5), &sector).unwrap();
    assert!(matches!(files.write(Slot(40), &sector), Err(SectorError::DiskFull)));
    let mut group = [[0; GROUP_BYTES]];
    files.read(Slot(5), 63, &mut group).unwrap();
    assert_eq!(group[0][0], 7);
}

struct Unmount<'a>(&'a Path);

impl Drop for Unmount<'_> {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount").arg("-l").arg(self.0).status();
    }
}
