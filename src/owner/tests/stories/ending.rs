//! Audits, settlement, and finding everything again.

use crate::world::{FEE, FUNDS, Mode, START, World, keeping, noise};
use layr_audits::Verdict;
use layr_host::ports::Slot;
use layr_market::{Outcome, Settled, settle};
use layr_owner::error::RecoverCause;
use layr_owner::views::SettleStep;
use layr_owner::{AuditTarget, SettleOptions, Silent};
use layr_types::{DAY_SECONDS, Stroops, UnixSeconds};
use std::collections::HashMap;
use std::sync::Arc;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_audit_names_each_host_with_the_right_verdict() {
    let world = World::new(5, 64);
    world.upload(&world.file("a.bin", 20_000_000), &keeping(2, 5)).await.unwrap();
    let all = world.all();
    (0..40).for_each(|slot| (0..1024).for_each(|leaf| all[1].sectors.rot(Slot(slot), leaf * 1024)));
    all[2].set(Mode::Hung);
    all[3].set(Mode::Dead);
    let report = world.owner.audit(AuditTarget::File("a.bin".into()), Arc::new(Silent)).await.unwrap();
    let verdicts: HashMap<_, _> = report.hosts.iter().map(|host| (host.node, host.verdict)).collect();
    assert_eq!(verdicts[&all[0].node], Verdict::Passed);
    assert!(matches!(verdicts[&all[1].node], Verdict::Corrupt | Verdict::Missing), "{verdicts:?}");
    assert_eq!(verdicts[&all[2].node], Verdict::Late);
    assert_eq!(verdicts[&all[3].node], Verdict::Offline);
    assert_eq!(verdicts[&all[4].node], Verdict::Passed);
    let (_, health) = &report.files[0];
    assert_eq!((health.survivors, health.readable()), (2, true));
    let recorded = |node| report.hosts.iter().find(|host| host.node == node).unwrap().recorded;
    assert!(recorded(all[0].node) && recorded(all[1].node), "evidence is recorded at once");
    assert!(!recorded(all[2].node) && !recorded(all[3].node), "silence is asked about again first");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_to_be_reached_is_the_owners_own_fault() {
    let world = World::new(4, 64);
    world.upload(&world.file("a.bin", 100), &keeping(2, 4)).await.unwrap();
    world.all().iter().for_each(|guest| guest.set(Mode::Dead));
    let report = world.owner.audit(AuditTarget::All, Arc::new(Silent)).await.unwrap();
    assert!(report.hosts.iter().all(|host| host.verdict == Verdict::OwnFault && !host.recorded));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn honest_hosts_are_paid_to_the_stroop_and_cheaters_are_not() {
    let world = World::new(4, 64);
    world.upload(&world.file("a.bin", 20_000_000), &keeping(2, 4)).await.unwrap();
    let early = world.owner.settle(SettleOptions::default(), Arc::new(Silent)).await.unwrap();
    assert!(early.agreements.iter().all(|view| view.step == SettleStep::Running));
    let cheater = world.all()[0].clone();
    (0..40).for_each(|slot| (0..1024).for_each(|leaf| cheater.sectors.rot(Slot(slot), leaf * 1024)));
    let before = world.owner.agreements().await.unwrap();
    let end = before[0].end;
    world.ledger.chain.set_now(end.plus(60));
    let report = world.owner.settle(SettleOptions::default(), Arc::new(Silent)).await.unwrap();
    let mut earned = Stroops::ZERO;
    for view in &report.agreements {
        let known = before.iter().find(|known| known.id == view.id).unwrap();
        if view.host == cheater.node {
            assert_eq!(view.step, SettleStep::Published, "{view:?}");
            continue;
        }
        let revision = known.newest.as_ref().unwrap();
        let fair =
            settle(&known.terms, Settled::default(), known.terms.end, Outcome::Proved(revision)).unwrap();
        assert_eq!(
            (view.step, view.to_host, view.to_owner),
            (SettleStep::Closed, Some(fair.host), Some(fair.owner))
        );
        earned += fair.host - known.terms.collateral;
    }
    assert!(earned > Stroops::ZERO);
    assert_eq!(report.paid, earned, "what hosts earned, their own collateral not among it");
    let terms = &before.iter().find(|known| known.host == cheater.node).unwrap().terms;
    world.ledger.chain.set_now(terms.proof_deadline(terms.end).plus(1));
    let report = world.owner.settle(SettleOptions::default(), Arc::new(Silent)).await.unwrap();
    let last = report.agreements.iter().find(|view| view.host == cheater.node).unwrap();
    assert_eq!(last.step, SettleStep::Expired);
    let cheated = before.iter().find(|known| known.host == cheater.node).unwrap();
    let revision = cheated.newest.as_ref().unwrap();
    let missed = settle(terms, Settled::default(), terms.end, Outcome::Missed(revision)).unwrap();
    assert_eq!(
        (last.to_host, last.to_owner, last.burned),
        (Some(missed.host), Some(missed.owner), Some(missed.burn))
    );
    assert!(
        missed.burn > Stroops::ZERO && missed.host < terms.base_fee + terms.collateral,
        "collateral is lost"
    );
    let paid = world.ledger.chain.paid();
    assert_eq!(paid.len(), 4, "each agreement is paid out once");
    let back: Stroops = paid.iter().map(|paid| paid.settlement.owner).sum();
    let escrow: Stroops = before.iter().map(|known| known.escrow).sum();
    let wallet = world.owner.wallet().await.unwrap();
    // Open, close, publish, expire: four fees.
    assert_eq!(wallet.balance, FUNDS - escrow + back - Stroops(4 * FEE.0));
    assert_eq!(wallet.escrow, Stroops::ZERO);
    let again = world.owner.settle(SettleOptions::default(), Arc::new(Silent)).await.unwrap();
    assert!(again.agreements.is_empty() && again.fees == Stroops::ZERO, "settled is settled");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crash_at_any_write_of_a_settlement_pays_once() {
    for at in 1.. {
        let mut world = World::new(3, 64);
        world.upload(&world.file("a.bin", 1_000_000), &keeping(2, 3)).await.unwrap();
        let end = world.owner.agreements().await.unwrap()[0].end;
        world.ledger.chain.set_now(end.plus(60));
        let from = world.records.writes();
        world.records.refuse_when(move |number, _| number >= from + at - 1);
        let done = world.owner.settle(SettleOptions::default(), Arc::new(Silent)).await.is_ok();
        world.restart();
        world.owner.settle(SettleOptions::default(), Arc::new(Silent)).await.unwrap();
        let views = world.owner.agreements().await.unwrap();
        assert!(views.iter().all(|view| view.refunded.is_some()), "write {at}: {views:?}");
        assert_eq!(world.ledger.chain.paid().len(), 3, "write {at}");
        if done {
            assert!(at > 4, "a settlement has several writes, not {at}");
            break;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_early_end_by_consent_pays_up_to_the_notice() {
    let world = World::new(3, 64);
    world.upload(&world.file("a.bin", 1_000_000), &keeping(2, 3)).await.unwrap();
    let later = UnixSeconds(START.0 + 5 * DAY_SECONDS);
    world.ledger.chain.set_now(later);
    let options = SettleOptions { early: true, ..SettleOptions::default() };
    let report = world.owner.settle(options, Arc::new(Silent)).await.unwrap();
    assert!(report.agreements.iter().all(|view| view.step == SettleStep::Closed), "{report:?}");
    assert!(report.refunded > Stroops::ZERO);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_phrase_alone_restores_everything() {
    let mut world = World::new(5, 64);
    world.upload(&world.file("a.bin", 5_000_000), &keeping(2, 4)).await.unwrap();
    world.upload(&world.file("docs/b.bin", 300_000), &keeping(2, 4)).await.unwrap();
    let listed = world.owner.list("").unwrap();
    let mut agreements = world.owner.agreements().await.unwrap();
    for record_down in [false, true] {
        world.second_machine();
        *world.net.record_down.lock().unwrap() = record_down;
        let report = world.owner.recover(Arc::new(Silent)).await.unwrap();
        assert_eq!((report.files, report.bytes.0), (2, 5_300_000), "the hosts alone are enough");
        let found = world.owner.list("").unwrap();
        let names = |files: &[layr_owner::FileView]| {
            files.iter().map(|file| (file.name.clone(), file.hash, file.size)).collect::<Vec<_>>()
        };
        assert_eq!(names(&found), names(&listed));
        let mut known: Vec<_> = world.owner.agreements().await.unwrap();
        known.sort_by_key(|view| view.id);
        let mut expected = agreements.clone();
        expected.sort_by_key(|view| view.id);
        for (known, expected) in known.iter().zip(&expected) {
            assert_eq!(
                (known.id, &known.newest, &known.terms),
                (expected.id, &expected.newest, &expected.terms)
            );
        }
        assert_eq!(world.download("a.bin").await.unwrap(), noise(5_000_000, "a.bin"));
        let audit = world.owner.audit(AuditTarget::All, Arc::new(Silent)).await.unwrap();
        assert!(audit.all_passed(), "{audit:?}");
        let again = world.owner.recover(Arc::new(Silent)).await.unwrap_err();
        assert!(matches!(again.cause, RecoverCause::NotEmpty));
        // The audits have moved the revisions on; the next recovery starts from there.
        agreements = world.owner.agreements().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_owner_nobody_knows_is_told_so() {
    let world = World::new(4, 64);
    let error = world.owner.recover(Arc::new(Silent)).await.unwrap_err();
    assert!(matches!(error.cause, RecoverCause::Unknown), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_recovery_new_uploads_work_with_new_agreements() {
    let mut world = World::new(5, 64);
    world.upload(&world.file("a.bin", 1_000_000), &keeping(2, 4)).await.unwrap();
    world.second_machine();
    world.owner.recover(Arc::new(Silent)).await.unwrap();
    let report = world.upload(&world.file("b.bin", 1_000_000), &keeping(2, 4)).await.unwrap();
    assert_eq!(report.opened.len(), 4);
    world.second_machine();
    world.owner.recover(Arc::new(Silent)).await.unwrap();
    assert_eq!(world.owner.list("").unwrap().len(), 2);
    assert_eq!(world.download("b.bin").await.unwrap(), noise(1_000_000, "b.bin"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_catalogue_larger_than_a_sector_is_stored_in_parts_and_found_again() {
    let mut world = World::new(4, 256);
    let folder = world.folder.path().join("many");
    std::fs::create_dir(&folder).unwrap();
    for number in 0..10_000 {
        std::fs::File::create(
            folder.join(format!("a file with nothing in it but a name, number {number:05}")),
        )
        .unwrap();
    }
    let request = world.request(&[folder], &keeping(2, 4));
    world.owner.upload(request, Arc::new(Silent)).await.unwrap();
    world.upload(&world.file("one more.bin", 1_500_000), &keeping(2, 4)).await.unwrap();
    world.second_machine();
    world.all()[0].set(Mode::Dead);
    let report = world.owner.recover(Arc::new(Silent)).await.unwrap();
    assert_eq!(report.files, 10_001);
    assert_eq!(world.download("one more.bin").await.unwrap(), noise(1_500_000, "one more.bin"));
    let name = "many/a file with nothing in it but a name, number 07777";
    assert_eq!(world.download(name).await.unwrap(), Vec::<u8>::new());
}
