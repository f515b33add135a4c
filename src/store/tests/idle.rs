//! What an idle store costs in memory; alone in its process, so that nothing else is counted.

use layr_host::ports::{Scan, Table};
use layr_store::HostStore;

#[cfg(target_os = "linux")]
#[test]
fn an_idle_store_is_small() {
    let dir = tempfile::tempdir().unwrap();
    let store = HostStore::open(dir.path()).unwrap();
    let rows = store.records().scan(Table::Sectors, Scan { prefix: &[], after: &[], limit: 1 }).unwrap();
    assert!(rows.is_empty());
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    let pages: u64 = statm.split_whitespace().nth(1).unwrap().parse().unwrap();
    let resident = pages * 4096;
    assert!(resident < 40 << 20, "an idle store takes {} MiB", resident >> 20);
}
