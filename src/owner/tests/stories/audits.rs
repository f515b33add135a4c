//! Audits over days: the calendar, the history both sides keep, hosts that deny, a beacon that is away, and crashes
//! between any two messages.

use crate::ledger::beacon_round;
use crate::watching::{latest, stored};
use crate::world::{Mode, World, keeping};
use layr_audits::{
    AuditKind, AuditRecord, Certificate, CertificateError, Hex, Verdict, Witness, replay, verify_certificate,
};
use layr_owner::{AuditTarget, Silent, WatchPolicy, WatchReport};
use layr_types::{AgreementId, DAY_SECONDS, NodeKey, Signature};
use std::sync::Arc;
use std::sync::atomic::Ordering;

async fn watch(world: &World) -> WatchReport {
    world.owner.watch_once(&WatchPolicy::default(), Arc::new(Silent)).await.unwrap()
}

/// Lets `days` pass, with a round of watching whenever one is due.
async fn days(world: &World, days: u64) -> Vec<WatchReport> {
    let mut reports = Vec::new();
    let until = world.owner_now().await.plus(days * DAY_SECONDS);
    while world.owner_now().await < until {
        let report = watch(world).await;
        world.ledger.chain.set_now(report.next.min(until));
        reports.push(report);
    }
    reports
}

async fn agreements(world: &World) -> Vec<(NodeKey, AgreementId)> {
    let mut all = world.owner.agreements().await.unwrap();
    all.sort_by_key(|view| view.host);
    all.into_iter().map(|view| (view.host, view.id)).collect()
}

/// The history as the host keeps it, checked against what both signed and against the owner's copy.
async fn history(world: &World, (node, id): (NodeKey, AgreementId)) -> Vec<AuditRecord> {
    let kept = world.guest(&node).host.history(&id).unwrap();
    let newest = latest(world, node, id).await.revision;
    assert_eq!(replay(&kept).unwrap(), newest.audits, "what the host keeps is what both signed");
    assert_eq!(world.owner.audit_history(&id).unwrap(), kept, "and both keep the same bytes");
    kept
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn thirty_days_of_audits_sample_every_sector_and_leave_one_history_on_both_sides() {
    let world = World::new(3, 64);
    world.upload(&world.file("a.bin", 9_000_000), &keeping(2, 3)).await.unwrap();
    let reports = days(&world, 16).await;
    let audits: Vec<_> = reports.iter().flat_map(|report| &report.audits).collect();
    assert!(audits.iter().all(|audit| audit.verdict == Verdict::Passed), "{audits:?}");
    assert!(audits.iter().all(|audit| audit.recorded));
    assert!((42..=54).contains(&audits.len()), "daily at three hosts: {}", audits.len());
    assert!(audits.iter().any(|audit| audit.over_reads), "some looked like downloads");
    assert!(audits.iter().any(|audit| !audit.over_reads));
    for at in agreements(&world).await {
        let sectors = latest(&world, at.0, at.1).await.revision.sectors;
        let records = history(&world, at).await;
        assert_eq!(records[0].kind, AuditKind::First);
        let leaves = |kind| records.iter().filter(|r| r.kind == kind).map(|r| u64::from(r.good)).sum::<u64>();
        assert!(leaves(AuditKind::Named) >= sectors, "a pass in 15 days: {records:?}");
        assert!(leaves(AuditKind::Read) > 0);
        assert!(leaves(AuditKind::Random) >= 20 * 9);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_read_counts_as_a_proof_in_the_history_both_sign() {
    let world = stored().await;
    world.download("a.bin").await.unwrap();
    let before: u64 = reads(&world).await;
    assert_eq!(before, 0, "a download waits for nobody's signature");
    world.owner.audit(AuditTarget::All, Arc::new(Silent)).await.unwrap();
    let counted = reads(&world).await;
    assert!(counted >= 1_000_000 / 1_024, "{counted} leaves");
    world.owner.audit(AuditTarget::All, Arc::new(Silent)).await.unwrap();
    assert_eq!(reads(&world).await, counted, "each counts once");
}

async fn reads(world: &World) -> u64 {
    let mut sum = 0;
    for at in agreements(world).await {
        let of_reads = history(world, at).await.into_iter().filter(|record| record.kind == AuditKind::Read);
        sum += of_reads.map(|record| u64::from(record.good)).sum::<u64>();
    }
    sum
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_silent_host_is_asked_for_a_day_before_it_counts_and_a_rotten_one_counts_at_once() {
    let world = stored().await;
    days(&world, 2).await;
    let all = agreements(&world).await;
    let (silent, rotten) = (all[0], all[1]);
    world.guest(&silent.0).set(Mode::Dead);
    for slot in 0..64 {
        (0..64).for_each(|group| {
            world.guest(&rotten.0).sectors.rot(layr_host::ports::Slot(slot), group * 16_384)
        });
    }
    let policy = WatchPolicy { challenge: false, ..WatchPolicy::default() };
    let (mut asked, mut faults) = (Vec::new(), 0);
    let began = world.owner_now().await;
    let counted = |world: &World, node: NodeKey| {
        let score = world.owner.scores().unwrap().into_iter().find(|score| score.node == node).unwrap();
        (score.available.bad > 1.5, score.attempts)
    };
    while world.owner_now().await < began.plus(4 * DAY_SECONDS) {
        let report = world.owner.watch_once(&policy, Arc::new(Silent)).await.unwrap();
        let now = world.owner_now().await;
        for audit in &report.audits {
            if audit.node == silent.0 && asked.len() < 4 {
                assert_eq!(audit.verdict, Verdict::Offline);
                asked.push(now);
                assert_eq!(
                    counted(&world, silent.0),
                    (asked.len() >= 4, [1, 2, 3, 0][(asked.len() - 1).min(3)])
                );
            }
            if audit.node == rotten.0 {
                assert_eq!(audit.verdict, Verdict::Corrupt);
                assert!(audit.recorded, "the host signs what it admitted");
            }
        }
        let records = history(&world, rotten).await.into_iter();
        faults = records.filter(|record| record.verdict == Verdict::Corrupt).count();
        if asked.len() == 4 && faults > 3 {
            break;
        }
        world.ledger.chain.set_now(report.next);
    }
    assert_eq!(asked.len(), 4, "asked once, and three times more");
    let over = asked[3].since(asked[0]);
    assert!((DAY_SECONDS..DAY_SECONDS + 3_600).contains(&over), "over 24 hours, by rounds: {over} s");
    assert!(faults > 3, "after a fault audits come more often than four times in four days: {faults}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_beacon_leaves_are_named_and_nothing_counts_against_a_host() {
    let world = stored().await;
    world.ledger.beacon_down.store(true, Ordering::SeqCst);
    let report = world.owner.audit(AuditTarget::All, Arc::new(Silent)).await.unwrap();
    assert!(report.all_passed() && report.round == 0);
    assert!(report.beacon.as_deref().is_some_and(|words| words.contains("beacon")), "{:?}", report.beacon);
    for at in agreements(&world).await {
        let records = history(&world, at).await;
        let last = records.last().unwrap();
        assert_eq!((last.kind, last.verdict, last.round), (AuditKind::Named, Verdict::Passed, 0));
    }
    let scores = world.owner.scores().unwrap();
    assert!(scores.iter().all(|score| score.available.bad < 1.0 && score.intact.bad < 1.0), "{scores:?}");
    world.ledger.beacon_down.store(false, Ordering::SeqCst);
    let report = world.owner.audit(AuditTarget::All, Arc::new(Silent)).await.unwrap();
    assert!(report.round > 0 && report.beacon.is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_that_signs_and_then_denies_is_caught_by_its_own_signature() {
    let world = stored().await;
    let all = agreements(&world).await;
    let (node, id) = all[0];
    let earlier = world.guest(&node).copy();
    world.owner.audit(AuditTarget::All, Arc::new(Silent)).await.unwrap();
    let signed = latest(&world, node, id).await.revision.n;
    world.guest(&node).rewind(earlier);
    let report = world.owner.audit(AuditTarget::Host(node), Arc::new(Silent)).await.unwrap();
    assert_eq!(report.hosts[0].verdict, Verdict::Refused);
    let words = report.hosts[0].detail.clone().unwrap();
    assert!(words.contains(&format!("denies revision {signed}, which carries its signature")), "{words}");
    let kept = world.owner.audit_history(&id).unwrap();
    assert_eq!(kept.len(), 2, "the owner keeps what the host has signed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_owner_that_dies_at_any_write_of_an_audit_counts_it_once_at_most_and_loses_no_history() {
    for survives in 0..12 {
        let mut world = stored().await;
        days(&world, 1).await;
        let before = agreements(&world).await;
        let from = world.records.writes() + survives;
        world.records.refuse_when(move |number, _| number >= from);
        let _died = world.owner.audit(AuditTarget::All, Arc::new(Silent)).await;
        world.restart();
        let report = world.owner.audit(AuditTarget::All, Arc::new(Silent)).await.unwrap();
        assert!(report.all_passed(), "after {survives} writes: {report:?}");
        assert_eq!(agreements(&world).await, before);
        for at in before {
            let records = history(&world, at).await;
            let mut seen: Vec<_> = records.iter().map(AuditRecord::encode).collect();
            seen.sort_unstable();
            seen.dedup();
            assert_eq!(seen.len(), records.len(), "no audit twice after {survives} writes");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_owner_who_audits_too_often_is_told_so_and_no_host_suffers() {
    let world = World::new(3, 64);
    world.upload(&world.file("a.bin", 1_000_000), &keeping(2, 3)).await.unwrap();
    let mut refused = None;
    for _ in 0..400 {
        let report =
            world.owner.audit(AuditTarget::Host(agreements(&world).await[0].0), Arc::new(Silent)).await;
        let report = report.unwrap();
        if !report.all_passed() {
            refused = Some(report.hosts[0].clone());
            break;
        }
    }
    let refused = refused.expect("a day's allowance ends");
    assert_eq!(refused.verdict, Verdict::OwnFault);
    assert!(refused.detail.unwrap().contains("used up"));
    assert!(world.owner.scores().unwrap().iter().all(|score| score.available.bad < 1.0));
}

/// Checks owners' and hosts' signatures as anybody would, and rounds by the twin's beacon.
struct Stranger;

impl Witness for Stranger {
    fn signed(&self, key: &NodeKey, digest: &[u8; 32], signature: &Signature) -> bool {
        layr_identity::verify(key, digest, signature)
    }

    fn round(&self, round: u64, signature: &[u8; 48]) -> bool {
        beacon_round(round).signature == *signature
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_proves_custody_and_an_owner_who_forges_one_is_found_out() {
    let world = World::new(3, 64);
    world.upload(&world.file("a.bin", 3_000_000), &keeping(2, 3)).await.unwrap();
    days(&world, 6).await;
    let honest = world.owner.certify(&AuditTarget::Any("a.bin".into())).unwrap();
    let verified = verify_certificate(&honest, &Stranger).unwrap();
    assert_eq!(verified.agreements.len(), 3);
    assert!(verified.segments.0 > 0 && verified.segments.0 == verified.segments.1, "{:?}", verified.segments);
    for agreement in &verified.agreements {
        assert!(agreement.good >= 6 && agreement.bad == 0 && agreement.receipts > 0, "{agreement:?}");
        assert_eq!(agreement.proved.map(|(leaves, _)| leaves), Some(20));
    }
    let (first, last) = verified.span.unwrap();
    assert!(last.since(first) >= 4 * DAY_SECONDS);
    let text = serde_json::to_string(&honest).unwrap();
    assert_eq!(serde_json::from_str::<Certificate>(&text).unwrap(), honest);

    // The owner itself is the forger: it signs whatever it has changed.
    let forged = |change: &dyn Fn(&mut Certificate)| {
        let mut forged = honest.clone();
        change(&mut forged);
        forged.signature = world.identity.sign_as_node(&forged.digest());
        verify_certificate(&forged, &Stranger).unwrap_err()
    };
    let records = |change: fn(&mut Vec<Hex>)| forged(&|c| change(&mut c.agreements[0].records));
    assert_eq!(records(|r| r.swap(1, 2)), CertificateError::History(0), "reordered");
    assert_eq!(records(|r| drop(r.pop())), CertificateError::History(0), "truncated");
    assert_eq!(records(|r| drop(r.remove(0))), CertificateError::History(0), "truncated in front");
    assert_eq!(records(|r| r.push(r[1].clone())), CertificateError::History(0), "replayed");
    assert_eq!(records(|r| r[1].0[11] ^= 1), CertificateError::History(0), "forged");
    assert_eq!(records(|r| r[0].0[0] = 9), CertificateError::Record(0, 0));
    let other = |c: &mut Certificate| c.agreements[0].records = c.agreements[1].records.clone();
    assert_eq!(forged(&other), CertificateError::History(0), "another agreement's");
    assert!(matches!(forged(&|c| c.rounds[0].signature.0[3] ^= 1), CertificateError::Round(_)));
    assert!(matches!(forged(&|c| drop(c.rounds.remove(0))), CertificateError::NoRound(..)));
    let proof = |c: &mut Certificate| c.agreements[2].proof.as_mut().unwrap().proofs.0[400] ^= 1;
    assert_eq!(forged(&proof), CertificateError::Proof(2));
    assert_eq!(forged(&|c| c.agreements[1].sectors.swap(0, 1)), CertificateError::Sectors(1));
    assert!(matches!(
        forged(&|c| c.agreements[0].receipts[0].answer.0[0] ^= 1),
        CertificateError::Receipt(0, _)
    ));
    assert!(matches!(forged(&|c| c.agreements[0].newest.host.0[9] ^= 1), CertificateError::Revision(0, _)));
    assert_eq!(forged(&|c| c.agreements[0].accepted.0[9] ^= 1), CertificateError::Terms(0));
    assert_eq!(forged(&|c| c.agreements[0].terms = Hex(vec![1])), CertificateError::Unreadable(0));
    assert_eq!(forged(&|c| c.layr_custody_certificate = 2), CertificateError::Version(2));
    let mut unsigned = honest.clone();
    unsigned.issued = unsigned.issued.plus(1);
    assert_eq!(verify_certificate(&unsigned, &Stranger), Err(CertificateError::Owner));
}
