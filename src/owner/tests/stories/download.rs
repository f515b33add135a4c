//! What goes wrong on the way down.

use crate::world::{Mode, World, keeping, noise};
use layr_host::ports::Slot;
use layr_owner::error::DownloadCause;
use layr_owner::{DownloadRequest, Silent, Target};
use std::sync::Arc;
use std::time::Instant;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn any_k_hosts_are_enough_and_dead_ones_cost_little() {
    let world = World::new(6, 64);
    let path = world.file("a.bin", 8_000_000);
    world.upload(&path, &keeping(2, 6)).await.unwrap();
    let all = world.all();
    for (at, mode) in [(0, Mode::Dead), (1, Mode::Dead), (2, Mode::Hung), (3, Mode::Dead)] {
        all[at].set(mode);
    }
    let began = Instant::now();
    assert_eq!(world.download("a.bin").await.unwrap(), noise(8_000_000, "a.bin"));
    assert!(began.elapsed().as_secs() < 8, "{:?}", began.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn too_few_shards_name_the_segments_and_what_they_lack() {
    let world = World::new(4, 64);
    world.upload(&world.file("a.bin", 5_000_000), &keeping(3, 4)).await.unwrap();
    world.all()[0].set(Mode::Dead);
    world.all()[1].set(Mode::Dead);
    let error = world.download("a.bin").await.unwrap_err();
    let DownloadCause::Lost { lacking, failed } = &error.cause else { panic!("{error}") };
    assert!(lacking.iter().all(|lack| lack.found < lack.needed) && !lacking.is_empty());
    assert_eq!(failed.len(), 2);
    assert!(error.to_string().contains("segment 0 has 2 of 3"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flipped_bit_on_a_disk_is_found_and_made_good_by_the_others() {
    let world = World::new(4, 64);
    world.upload(&world.file("a.bin", 5_000_000), &keeping(2, 4)).await.unwrap();
    for guest in &world.all()[..2] {
        (0..10).for_each(|slot| guest.sectors.rot(Slot(slot), 100_000));
    }
    assert_eq!(world.download("a.bin").await.unwrap(), noise(5_000_000, "a.bin"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_range_fetches_little_more_than_it_needs() {
    let world = World::new(4, 64);
    world.upload(&world.file("a.bin", 12_000_000), &keeping(2, 4)).await.unwrap();
    let content = noise(12_000_000, "a.bin");
    for (start, end) in
        [(0, 10), (5_000_000, 5_000_100), (11_999_990, 12_000_000), (100, 100), (1_000_000, 6_500_000)]
    {
        let path = world.folder.path().join("range");
        let request = DownloadRequest {
            name: "a.bin".into(),
            range: Some(start..end),
            target: Target::File { path: path.clone(), force: true },
            max_cost: None,
        };
        let report = world.owner.download(request, Arc::new(Silent)).await.unwrap();
        let (from, to) = (usize::try_from(start).unwrap(), usize::try_from(end).unwrap());
        assert_eq!(std::fs::read(&path).unwrap(), content[from..to]);
        assert!(report.received.0 < (end - start) + 9_000_000, "{} for {start}..{end}", report.received);
        assert_eq!(report.hash, None);
    }
    let beyond = DownloadRequest {
        name: "a.bin".into(),
        range: Some(0..12_000_001),
        target: Target::Stream(Box::new(std::io::sink())),
        max_cost: None,
    };
    let error = world.owner.download(beyond, Arc::new(Silent)).await.unwrap_err();
    assert!(matches!(error.cause, DownloadCause::Range { .. }), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_range_survives_dead_hosts_too() {
    let world = World::new(4, 64);
    world.upload(&world.file("a.bin", 6_000_000), &keeping(2, 4)).await.unwrap();
    world.all()[0].set(Mode::Dead);
    world.all()[3].set(Mode::Dead);
    let content = noise(6_000_000, "a.bin");
    for start in (0..6_000_000).step_by(1_500_000) {
        let path = world.folder.path().join("range");
        let target = Target::File { path: path.clone(), force: true };
        let range = Some(start..start + 1000);
        let request = DownloadRequest { name: "a.bin".into(), range, target, max_cost: None };
        world.owner.download(request, Arc::new(Silent)).await.unwrap();
        let from = usize::try_from(start).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), content[from..from + 1000]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_interrupted_download_goes_on_with_what_is_right() {
    let world = World::new(4, 64);
    world.upload(&world.file("a.bin", 6_000_000), &keeping(2, 4)).await.unwrap();
    let content = noise(6_000_000, "a.bin");
    let folder = world.folder.path().join("out");
    std::fs::create_dir_all(&folder).unwrap();
    let id = world.owner.show("a.bin").unwrap().file.id.to_string();
    let partial = folder.join(format!(".layr-{}.part", &id[..12]));
    let mut half = content[..4_000_000].to_vec();
    half[3_999_000] ^= 1;
    std::fs::write(&partial, &half).unwrap();
    let path = folder.join("a.bin");
    let target = Target::File { path: path.clone(), force: false };
    let request = DownloadRequest { name: "a.bin".into(), range: None, target, max_cost: None };
    let report = world.owner.download(request, Arc::new(Silent)).await.unwrap();
    assert!(report.resumed.0 > 0 && report.resumed.0 < 4_000_000, "{report:?}");
    assert_eq!(report.resumed.0 + report.bytes.0, 6_000_000);
    assert_eq!(std::fs::read(&path).unwrap(), content);
    assert!(!partial.exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_is_there_is_not_overwritten_unless_told() {
    let world = World::new(4, 64);
    world.upload(&world.file("a.bin", 10), &keeping(2, 4)).await.unwrap();
    let path = world.folder.path().join("there");
    std::fs::write(&path, b"mine").unwrap();
    let target = Target::File { path: path.clone(), force: false };
    let request = DownloadRequest { name: "a.bin".into(), range: None, target, max_cost: None };
    let error = world.owner.download(request, Arc::new(Silent)).await.unwrap_err();
    assert!(matches!(error.cause, DownloadCause::Exists { .. }), "{error}");
    assert_eq!(std::fs::read(&path).unwrap(), b"mine");
}
