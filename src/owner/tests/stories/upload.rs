//! Up and down again.

use crate::world::{World, keeping, noise};
use layr_owner::Silent;
use layr_owner::error::UploadCause;
use layr_types::Stroops;
use std::sync::Arc;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_goes_up_and_comes_back() {
    let world = World::new(6, 64);
    let path = world.file("film.bin", 9_000_000);
    let report = world.upload(&path, &keeping(2, 4)).await.unwrap();
    assert_eq!(report.hosts.len(), 4);
    assert_eq!(report.opened.len(), 4);
    assert!(report.escrow > Stroops::ZERO);
    assert_eq!(world.download("film.bin").await.unwrap(), noise(9_000_000, "film.bin"));
    assert!(world.owner.jobs().unwrap().is_empty());
    let listed = world.owner.list("").unwrap();
    assert_eq!((listed.len(), listed[0].name.as_str()), (1, "film.bin"));
    let detail = world.owner.show("film.bin").unwrap();
    assert_eq!(detail.health.survivors - detail.health.needed, 2);
    assert!(detail.hosts.iter().all(|host| host.last_verdict == Some(layr_audits::Verdict::Passed)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn odd_sizes_come_back_exactly() {
    let world = World::new(4, 256);
    let sizes = [0, 1, 1023, 1024, 1 << 20, (1 << 20) + 1, 2 << 20, (2 << 20) + 1];
    let folder = world.folder.path().join("odd");
    for (at, size) in sizes.iter().enumerate() {
        world.file(&format!("odd/{at} -ü file"), *size);
    }
    let request = world.request(&[folder], &keeping(2, 3));
    let report = world.owner.upload(request, Arc::new(Silent)).await.unwrap();
    assert_eq!(report.files.len(), sizes.len());
    for (at, size) in sizes.iter().enumerate() {
        let name = format!("odd/{at} -ü file");
        assert_eq!(world.download(&name).await.unwrap(), noise(*size, &name), "{size} bytes");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dry_run_pays_nothing_and_the_upload_costs_what_it_said() {
    let world = World::new(5, 64);
    let path = world.file("a.bin", 3_000_000);
    let request = world.request(std::slice::from_ref(&path), &keeping(2, 4));
    // The ledger's clock is the one thing that is written down by merely looking.
    let writes = world.records.writes() + 1;
    let quote = world.owner.quote(&request, &Silent).await.unwrap();
    assert_eq!(
        (world.records.writes(), world.ledger.opened.load(std::sync::atomic::Ordering::SeqCst)),
        (writes, 0)
    );
    assert_eq!((quote.hosts.len(), quote.segments, quote.shards_per_host), (4, 2, 1));
    assert!(quote.binding_until.is_some());
    let report = world.upload(&path, &keeping(2, 4)).await.unwrap();
    assert_eq!(report.escrow, quote.escrow);
    assert!(report.fees <= quote.ledger_fees);
    assert_eq!(world.owner.wallet().await.unwrap().escrow, quote.escrow);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn later_uploads_share_agreements_and_equal_content_is_not_sent_again() {
    let world = World::new(4, 64);
    let keeping = keeping(2, 4);
    world.upload(&world.file("a.bin", 2_000_000), &keeping).await.unwrap();
    let second = world.upload(&world.file("b.bin", 2_000_000), &keeping).await.unwrap();
    assert!(second.opened.is_empty() && second.escrow == Stroops::ZERO, "one agreement per owner and host");
    let copy = world.folder.path().join("copy.bin");
    std::fs::copy(world.folder.path().join("a.bin"), &copy).unwrap();
    let third = world.upload(&copy, &keeping).await.unwrap();
    assert_eq!(third.sent.0, 0, "only the catalogue is sent");
    assert_eq!(world.download("copy.bin").await.unwrap(), noise(2_000_000, "a.bin"));
    assert_eq!(world.owner.agreements().await.unwrap().len(), 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_small_files_share_a_handful_of_sectors() {
    let world = World::new(4, 128);
    for number in 0..1000 {
        world.file(&format!("small/{number:04}.txt"), 10_240);
    }
    let request = world.request(&[world.folder.path().join("small")], &keeping(2, 4));
    let report = world.owner.upload(request, Arc::new(Silent)).await.unwrap();
    assert_eq!(report.files.len(), 1000);
    assert!(world.puts() <= 4 * 8, "{} sectors", world.puts());
    assert!(report.seconds < 20.0, "{} s", report.seconds);
    for name in ["small/0000.txt", "small/0999.txt"] {
        assert_eq!(world.download(name).await.unwrap(), noise(10_240, name));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_goes_up_under_a_name() {
    let world = World::new(4, 64);
    let content = noise(1_500_000, "stream");
    let reader = Box::new(std::io::Cursor::new(content.clone()));
    let named = ("piped".to_owned(), layr_types::ByteCount(2_000_000));
    world.owner.upload_stream(named, reader, keeping(2, 4), Arc::new(Silent)).await.unwrap();
    assert_eq!(world.download("piped").await.unwrap(), content);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_longer_than_announced_is_a_clear_error() {
    let world = World::new(4, 64);
    let reader = Box::new(std::io::Cursor::new(noise(3_000_000, "stream")));
    let named = ("piped".to_owned(), layr_types::ByteCount(2_000_000));
    let error = world.owner.upload_stream(named, reader, keeping(2, 4), Arc::new(Silent)).await.unwrap_err();
    let announced = layr_types::ByteCount(2_000_000);
    assert!(
        matches!(error.cause, UploadCause::OverCapacity { announced: told } if told == announced),
        "{error}"
    );
    assert!(world.owner.list("").unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn uploads_at_the_same_time_do_not_lose_each_others_files() {
    let mut world = World::new(4, 256);
    let keeping = keeping(2, 4);
    world.upload(&world.file("first", 100_000), &keeping).await.unwrap();
    let paths: Vec<_> = (0..4).map(|number| world.file(&format!("file {number}"), 2_500_000)).collect();
    let uploads = paths.iter().map(|path| world.upload(path, &keeping));
    for done in futures::future::join_all(uploads).await {
        done.unwrap();
    }
    world.second_machine();
    assert_eq!(world.owner.recover(Arc::new(Silent)).await.unwrap().files, 5);
    for number in 0..4 {
        let name = format!("file {number}");
        assert_eq!(world.download(&name).await.unwrap(), noise(2_500_000, &name));
    }
}
