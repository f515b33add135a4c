//! The exam every implementation of a port sits, the twins here and the real ones in their own rooms. Each
//! function takes a way to open (and reopen) the implementation over the same, at first empty, place, and panics
//! with a sentence where it does not behave.

use crate::ports::{Change, HostRecords, Scan, SectorError, SectorStore, Slot, Table};
use layr_types::{GROUP_BYTES, SECTOR_BYTES};
use std::sync::Arc;

fn put(table: Table, key: &[u8], value: &[u8]) -> Change {
    Change { table, key: key.to_vec(), value: Some(value.to_vec()) }
}

fn delete(table: Table, key: &[u8]) -> Change {
    Change { table, key: key.to_vec(), value: None }
}

/// Records: reads see writes, batches are whole, scans are sorted and paged, tables are apart, reopening finds
/// what was flushed.
pub async fn records<R: HostRecords>(open: impl Fn() -> R) {
    let store = open();
    let (a, b) = (Table::Agreements, Table::Sectors);
    assert_eq!(read(&store, a, b"k"), None, "an empty store has no rows");
    apply(&store, vec![put(a, b"k", b"1"), put(b, b"k", b"2"), put(a, b"empty", b"")]);
    assert_eq!(read(&store, a, b"k").as_deref(), Some(&b"1"[..]), "a table sees its own row");
    assert_eq!(read(&store, b, b"k").as_deref(), Some(&b"2"[..]), "tables are apart");
    assert_eq!(read(&store, a, b"empty").as_deref(), Some(&b""[..]), "an empty value is a value");
    apply(&store, vec![put(a, b"k", b"3"), delete(a, b"k"), put(a, b"k", b"4"), delete(b, b"nothing")]);
    assert_eq!(read(&store, a, b"k").as_deref(), Some(&b"4"[..]), "the last change of a batch wins");
    apply(&store, Vec::new());
    scans(&store);
    store.sync().await.expect("a flush succeeds");
    drop(store);
    let store = open();
    assert_eq!(read(&store, a, b"k").as_deref(), Some(&b"4"[..]), "what was flushed is found again");
    flushes_are_shared(store).await;
}

fn scans(store: &dyn HostRecords) {
    let table = Table::Contents;
    let keys: Vec<[u8; 3]> = (0..50u8).map(|i| [i % 5, 255 - i, i]).collect();
    apply(store, keys.iter().map(|key| put(table, key, &key[..1])).collect());
    apply(store, vec![put(Table::Holdings, &[2, 0, 0], b"x"), put(Table::Due, &[2, 0, 0], b"x")]);
    let mut expected: Vec<_> = keys.iter().filter(|key| key[0] == 2).map(|key| key.to_vec()).collect();
    expected.sort();
    let mut found = Vec::new();
    let mut after = Vec::new();
    loop {
        let scan = Scan { prefix: &[2], after: &after, limit: 3 };
        let page = store.scan(table, scan).expect("a scan succeeds");
        assert!(page.len() <= 3, "a page is at most as long as asked for");
        let Some((last, _)) = page.last() else { break };
        after.clone_from(last);
        found.extend(page.into_iter().map(|(key, _)| key));
    }
    assert_eq!(found, expected, "a scan meets every row of its prefix once, in order");
    let all = store.scan(table, Scan { prefix: &[], after: &[], limit: 1_000 }).expect("a scan succeeds");
    assert_eq!(all.len(), 50, "an empty prefix means the whole table and no other");
    assert!(all.is_sorted(), "rows come in key order");
}

async fn flushes_are_shared<R: HostRecords>(store: R) {
    let store = Arc::new(store);
    let writers = (0..32u32).map(|writer| {
        let store = Arc::clone(&store);
        tokio::spawn(async move {
            for round in 0..4u32 {
                let key = [writer.to_be_bytes(), round.to_be_bytes()].concat();
                apply(&*store, vec![put(Table::Revisions, &key, &key)]);
                store.sync().await.expect("a flush succeeds");
            }
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.expect("no writer panics");
    }
    let rows = store.scan(Table::Revisions, Scan { prefix: &[], after: &[], limit: 1_000 });
    assert_eq!(rows.expect("a scan succeeds").len(), 128, "no writer's batch is lost among the others");
}

fn read(store: &dyn HostRecords, table: Table, key: &[u8]) -> Option<Vec<u8>> {
    store.get(table, key).expect("a read succeeds")
}

fn apply(store: &dyn HostRecords, batch: Vec<Change>) {
    store.apply(batch).expect("a batch is applied");
}

/// Sectors: what was written is read, whole or by groups, before and after reopening; slots do not touch each
/// other; what was never set aside is no slot.
pub async fn sectors<S: SectorStore>(open: impl Fn() -> S) {
    let store = open();
    assert!(matches!(read_whole(&store, Slot(0)), Err(SectorError::NoSuchSlot(_))), "no slot before any");
    store.reserve(3).expect("there is room for three");
    store.reserve(1).expect("asking for less changes nothing");
    read_whole(&store, Slot(2)).expect("a slot set aside can be read");
    assert!(matches!(read_whole(&store, Slot(3)), Err(SectorError::NoSuchSlot(Slot(3)))), "a fourth is none");
    for slot in [1, 0, 2] {
        store.write(Slot(slot), &filled(slot)).expect("a write succeeds");
    }
    store.write(Slot(1), &filled(9)).expect("a slot may be written again");
    store.sync().await.expect("a flush succeeds");
    store.write(Slot(300), &filled(300)).expect("a slot far away is set aside by writing it");
    store.sync().await.expect("a flush succeeds");
    for again in [false, true] {
        let reopened;
        let store: &S = if again {
            reopened = open();
            &reopened
        } else {
            &store
        };
        for (slot, content) in [(0, 0), (1, 9), (2, 2), (300, 300)] {
            let whole = read_whole(store, Slot(slot)).expect("a written slot can be read");
            assert!(
                whole == filled(content).to_vec(),
                "slot {slot} holds what was written, reopened: {again}"
            );
            let mut two = [[0; GROUP_BYTES]; 2];
            store.read(Slot(slot), 62, &mut two).expect("groups can be read");
            assert!(two.as_flattened() == &whole[62 * GROUP_BYTES..], "groups are the slot's");
        }
        let mut beyond = [[0; GROUP_BYTES]; 2];
        assert!(store.read(Slot(0), 63, &mut beyond).is_err(), "a read never reaches into the next slot");
        assert!(store.read(Slot(0), usize::MAX, &mut beyond).is_err(), "nor wraps around");
    }
}

fn read_whole(store: &dyn SectorStore, slot: Slot) -> Result<Vec<u8>, SectorError> {
    let mut out = vec![[0; GROUP_BYTES]; SECTOR_BYTES / GROUP_BYTES];
    store.read(slot, 0, &mut out)?;
    Ok(out.into_flattened())
}

fn filled(seed: u32) -> Box<[u8; SECTOR_BYTES]> {
    let mut out = vec![0; SECTOR_BYTES];
    blake3::Hasher::new().update(&seed.to_be_bytes()).finalize_xof().fill(&mut out);
    out.into_boxed_slice().try_into().expect("a sector's length is a constant")
}
