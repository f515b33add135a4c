//! What goes wrong on the way up.

use crate::world::{FUNDS, Mishap, Mode, World, keeping, noise};
use layr_owner::error::{SourceError, UploadCause};
use layr_owner::{Keeping, MoneyEffect, NextStep, RecordsFault, Silent};
use layr_types::Stroops;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

fn opened(world: &World) -> usize {
    world.ledger.opened.load(Ordering::SeqCst)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn too_few_hosts_says_how_many_are_missing_and_pays_nothing() {
    let world = World::new(3, 64);
    let path = world.file("a.bin", 1_000_000);
    let error = world.upload(&path, &keeping(2, 5)).await.unwrap_err();
    let UploadCause::Shortage(shortage) = &error.cause else { panic!("{error}") };
    assert_eq!((shortage.needed, shortage.found, shortage.missing()), (5, 3, 2));
    assert_eq!(error.money, MoneyEffect::None);
    let NextStep::Accept(remedies) = &error.next else { panic!("{:?}", error.next) };
    let flags: Vec<&str> = remedies.iter().map(|remedy| remedy.flag()).collect();
    assert_eq!(flags, ["--profile", "--allow-shared-hosts"]);
    assert_eq!(opened(&world), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn shared_hosts_are_used_only_when_allowed() {
    let world = World::new(3, 64);
    let path = world.file("a.bin", 3_000_000);
    let allowed = Keeping { shared_hosts: true, ..keeping(2, 5) };
    let report = world.upload(&path, &allowed).await.unwrap();
    assert_eq!(report.hosts.len(), 3);
    assert_eq!(world.download("a.bin").await.unwrap(), noise(3_000_000, "a.bin"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_limit_on_the_cost_is_kept_before_anything_is_paid() {
    let world = World::new(4, 64);
    let path = world.file("a.bin", 1_000_000);
    let tight = Keeping { max_cost: Some(Stroops(10)), ..keeping(2, 4) };
    let error = world.upload(&path, &tight).await.unwrap_err();
    let UploadCause::OverBudget { cost, .. } = error.cause else { panic!("{error}") };
    assert_eq!((error.next, opened(&world)), (NextStep::RaiseLimit { cost }, 0));
    let enough = Keeping { max_cost: Some(cost), ..keeping(2, 4) };
    world.upload(&path, &enough).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_empty_account_is_told_what_is_missing() {
    let world = World::new(4, 64);
    world.ledger.set_balance(Stroops(5));
    let error = world.upload(&world.file("a.bin", 1_000_000), &keeping(2, 4)).await.unwrap_err();
    assert!(matches!(error.next, NextStep::Fund { missing } if missing > Stroops::ZERO), "{error:?}");
    assert_eq!((error.money, opened(&world)), (MoneyEffect::None, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_answer_of_the_ledger_never_pays_twice() {
    for mishap in [Mishap::AnswerLost, Mishap::NeverApplied, Mishap::Down] {
        let mut world = World::new(4, 64);
        let path = world.file("a.bin", 2_000_000);
        *world.ledger.mishap.lock().unwrap() = Some(mishap);
        let error = world.upload(&path, &keeping(2, 4)).await.unwrap_err();
        match mishap {
            Mishap::Down => assert_eq!(error.money, MoneyEffect::None),
            _ => assert!(matches!(error.money, MoneyEffect::Unknown(_)), "{error:?}"),
        }
        assert!(matches!(error.next, NextStep::Resume(_)), "{error:?}");
        world.restart();
        let report = world.upload(&path, &keeping(2, 4)).await.unwrap();
        assert_eq!(opened(&world), 4, "{mishap:?}");
        assert_eq!(report.hosts.len(), 4);
        let wallet = world.owner.wallet().await.unwrap();
        assert!(wallet.pending.is_empty());
        assert_eq!(FUNDS - wallet.balance, wallet.escrow + crate::world::FEE, "{mishap:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_that_dies_in_mid_upload_is_replaced() {
    let world = World::new(8, 128);
    let path = world.file("a.bin", 24_000_000);
    let quote = world
        .owner
        .quote(&world.request(std::slice::from_ref(&path), &keeping(2, 4)), &Silent)
        .await
        .unwrap();
    let victim = quote.hosts[1].node;
    world.guest(&victim).dies_after.store(3 << 20, Ordering::SeqCst);
    let report = world.upload(&path, &keeping(2, 4)).await.unwrap();
    assert!(report.replaced.contains(&victim));
    assert!(!report.hosts.contains(&victim), "nothing of the file is left to the dead host");
    assert_eq!(opened(&world), 5);
    assert_eq!(world.download("a.bin").await.unwrap(), noise(24_000_000, "a.bin"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_that_hangs_in_mid_upload_is_replaced_in_time() {
    let world = World::new(8, 128);
    let path = world.file("a.bin", 12_000_000);
    world.upload(&world.file("first.bin", 100_000), &keeping(2, 4)).await.unwrap();
    let agreements = world.owner.agreements().await.unwrap();
    let victim = agreements[0].host;
    world.guest(&victim).set(Mode::Hung);
    let began = Instant::now();
    let report = world.upload(&path, &keeping(2, 4)).await.unwrap();
    assert!(report.replaced.contains(&victim), "{report:?}");
    assert!(began.elapsed().as_secs() < 20, "{:?}", began.elapsed());
    assert_eq!(world.download("a.bin").await.unwrap(), noise(12_000_000, "a.bin"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_spare_a_dead_host_stops_the_upload_and_its_return_ends_it() {
    let mut world = World::new(4, 128);
    let path = world.file("a.bin", 16_000_000);
    let victim = world.all()[2].node;
    world.guest(&victim).dies_after.store(2 << 20, Ordering::SeqCst);
    let error = world.upload(&path, &keeping(2, 4)).await.unwrap_err();
    let UploadCause::HostsFailed { missing, failed } = &error.cause else { panic!("{error}") };
    assert!(*missing > 0 && failed.iter().any(|failure| failure.node == victim), "{error}");
    assert!(matches!(error.money, MoneyEffect::Reserved(_)) && matches!(error.next, NextStep::Resume(_)));
    world.guest(&victim).dies_after.store(-1, Ordering::SeqCst);
    world.guest(&victim).set(Mode::Up);
    world.restart();
    let report = world.upload(&path, &keeping(2, 4)).await.unwrap();
    assert!(report.sent.0 < 32_000_000, "only what was not acknowledged is sent: {}", report.sent);
    assert_eq!(opened(&world), 4);
    assert_eq!(world.download("a.bin").await.unwrap(), noise(16_000_000, "a.bin"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_changes_while_it_is_read_is_a_clear_error() {
    let world = World::new(4, 64);
    let path = world.file("a.bin", 1_000_000);
    let request = world.request(std::slice::from_ref(&path), &keeping(2, 4));
    *world.ledger.mishap.lock().unwrap() = Some(Mishap::Down);
    world.owner.upload(request.clone(), Arc::new(Silent)).await.unwrap_err();
    let job = world.owner.jobs().unwrap()[0].id;
    std::fs::write(&path, noise(1_000_001, "other")).unwrap();
    let error = world.owner.resume(job, Arc::new(Silent)).await.unwrap_err();
    assert!(matches!(error.cause, UploadCause::Source(SourceError::Changed { .. })), "{error}");
    world.owner.upload(request, Arc::new(Silent)).await.unwrap();
    assert_eq!(world.download("a.bin").await.unwrap(), noise(1_000_001, "other"));
    assert_eq!(opened(&world), 4, "the changed file uses the agreements of the first attempt");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unusable_sources_are_named_before_anything_happens() {
    let world = World::new(4, 64);
    let missing = world.folder.path().join("nothing here");
    assert!(matches!(layr_owner::expand(&[missing], None), Err(SourceError::Unreadable { .. })));
    let twice = world.request(&[world.file("a", 1), world.file("b/a", 1)], &keeping(2, 4));
    let error = world.owner.upload(twice, Arc::new(Silent)).await.unwrap_err();
    assert!(matches!(error.cause, UploadCause::Source(SourceError::SameName { .. })), "{error}");
    let folder = world.folder.path().join("empty");
    std::fs::create_dir(&folder).unwrap();
    let error =
        world.owner.upload(world.request(&[folder], &keeping(2, 4)), Arc::new(Silent)).await.unwrap_err();
    assert!(matches!(error.cause, UploadCause::Source(SourceError::Nothing)), "{error}");
    assert_eq!(opened(&world), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn damaged_records_and_records_of_another_phrase_do_not_open() {
    let mut world = World::new(4, 64);
    world.upload(&world.file("a.bin", 100), &keeping(2, 4)).await.unwrap();
    assert!(world.records.damage(layr_owner::Space::Files));
    let error = world.owner.list("").unwrap_err();
    assert!(error.to_string().contains("damaged"), "{error}");
    let other = layr_identity::Identity::from_phrase(layr_identity::Phrase::from_entropy(&[8; 32]));
    world.identity = Arc::new(other);
    let ports = layr_owner::Ports {
        identity: Arc::clone(&world.identity),
        net: world.net.clone(),
        ledger: world.ledger.clone(),
        records: world.records.clone(),
    };
    let refused = layr_owner::Owner::open(ports, crate::world::config()).err();
    assert!(matches!(refused, Some(RecordsFault::Damaged { .. })), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_that_fails_its_first_audit_keeps_done_from_being_said() {
    let world = World::new(4, 64);
    let path = world.file("a.bin", 6_000_000);
    let rotten = world.all()[1].clone();
    rotten.rots.store(true, Ordering::SeqCst);
    let error = world.upload(&path, &keeping(2, 4)).await.unwrap_err();
    let UploadCause::FirstAudit { failed } = &error.cause else { panic!("{error}") };
    assert_eq!(failed[0].node, rotten.node);
    assert!(world.owner.list("").unwrap().is_empty(), "an upload that is not done is not listed");
}

/// An upload that ended half-way leaves sectors on hosts nobody will sign for, more on some than on others. The next
/// upload meets one full agreement after the other, and must not go round in a circle between them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn agreements_filled_by_an_abandoned_upload_are_each_given_up_once() {
    // No host has room for a second agreement.
    let world = World::new(8, 20).with_send_memory(4 << 20);
    let keeping = keeping(2, 4);
    let guests = world.all();
    let (spares, first) = guests.split_at(4);
    spares.iter().for_each(|guest| guest.set(Mode::Dead));
    world.upload(&world.file("first", 1_000_000), &keeping).await.unwrap();
    for (guest, sectors) in first.iter().zip([2, 6]) {
        let limit = (guest.puts() + sectors) << 20;
        guest.dies_after.store(i64::try_from(limit).unwrap(), Ordering::SeqCst);
    }
    world.upload(&world.file("abandoned", 20_000_000), &keeping).await.unwrap_err();
    for guest in &guests {
        guest.dies_after.store(-1, Ordering::SeqCst);
        guest.set(Mode::Up);
    }

    let film = world.file("film", 20_000_000);
    let uploaded = tokio::time::timeout(std::time::Duration::from_secs(60), world.upload(&film, &keeping));
    let report = uploaded.await.expect("the upload goes round in a circle").unwrap();
    assert_eq!(report.replaced.len(), 0, "no host has failed: {:?}", report.replaced);
    assert!((3..=4).contains(&report.opened.len()), "{} agreements were opened", report.opened.len());
    assert_eq!(world.download("film").await.unwrap(), noise(20_000_000, "film"));
}
