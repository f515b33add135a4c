//! Each way to lie is caught within the number of audits the mathematics predicts.
//!
//! Where chance decides, the statement carries its error: a test that compares a count with what is predicted fails
//! an honest implementation once in a million runs ([`ERROR`]), and so does one that says "within n audits". What an
//! audit of this kind cannot tell is a test of its own: a copy nearby.

#![allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_wrap,
    reason = "counts of audits and leaves are small"
)]

use crate::lies::Lie;
use crate::watching::latest;
use crate::world::{Guest, World, keeping};
use layr_audits::Verdict;
use layr_owner::views::AuditView;
use layr_owner::{AuditTarget, Silent, WatchPolicy};
use layr_types::{AgreementId, LEAVES_PER_SECTOR};
use std::collections::HashMap;
use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// How often a statistical statement fails where all is as it should be.
const ERROR: f64 = 1e-6;
/// Leaves of a daily audit.
const LEAVES: u16 = 20;
/// Leaves of each sector that "one percent" drops, all of one group.
const PERCENT: usize = 10;
/// A host keeps hashes of groups: without one leaf of a group it cannot prove the fifteen others either.
const GROUP: usize = 16;

/// The chance that one audit finds out a host that lacks this fraction of its leaves.
fn found_by_one(lacking: f64) -> f64 {
    1.0 - (1.0 - lacking).powi(LEAVES.into())
}

/// Audits after which it is found out, but once in 1 / `ERROR`.
fn audits_until_found(lacking: f64) -> u32 {
    (1_u32..).find(|audits| (1.0 - found_by_one(lacking)).powi(*audits as i32) <= ERROR).unwrap()
}

/// How many of `tries` succeed, each with chance `p`: all but `ERROR` of the binomial distribution, half at each end.
fn expected(tries: usize, p: f64) -> RangeInclusive<usize> {
    let mut chance = (1.0 - p).powi(tries as i32);
    let (mut below, mut low, mut high) = (0.0, None, tries);
    for count in 0..=tries {
        below += chance;
        if low.is_none() && below > ERROR / 2.0 {
            low = Some(count);
        }
        if 1.0 - below < ERROR / 2.0 {
            high = count;
            break;
        }
        chance *= (tries - count) as f64 / (count + 1) as f64 * p / (1.0 - p);
    }
    low.unwrap()..=high
}

/// Hosts that hold about so many sectors each of one file.
async fn world_with(hosts: u8, sectors: usize) -> World {
    let world = World::new(hosts, 64);
    world.upload(&world.file("a.bin", sectors << 20), &keeping(1, hosts)).await.unwrap();
    world
}

/// One audit of every host.
async fn audit(world: &World) -> Vec<AuditView> {
    let report = world.owner.audit(AuditTarget::All, Arc::new(Silent)).await.unwrap();
    assert!(report.hosts.iter().all(|view| view.asked == LEAVES && !view.over_reads), "{report:?}");
    report.hosts
}

async fn audit_of(world: &World, guest: &Guest) -> AuditView {
    audit(world).await.into_iter().find(|view| view.node == guest.node).unwrap()
}

async fn agreement_of(world: &World, guest: &Guest) -> AgreementId {
    audit_of(world, guest).await.agreement
}

/// What `audits` audits of hosts that all lie come to: how many found something out, and the longest run that did
/// not, over all hosts.
async fn tally(world: &World, audits: u32) -> (usize, usize, u32) {
    let (mut found, mut all, mut runs, mut longest) = (0, 0, HashMap::new(), 0);
    for _ in 0..audits {
        for view in audit(world).await {
            assert!(matches!(view.verdict, Verdict::Passed | Verdict::Corrupt), "{view:?}");
            all += 1;
            let run = runs.entry(view.node).or_insert(0_u32);
            if view.verdict == Verdict::Corrupt {
                found += 1;
                *run = 0;
            } else {
                *run += 1;
                longest = longest.max(*run);
            }
        }
    }
    (found, all, longest)
}

#[test]
fn the_bounds_are_those_of_the_binomial_distribution() {
    assert_eq!(expected(10, 0.5), 0..=10, "ten coins can show anything once in a thousand times");
    let all = expected(600, 0.178);
    assert!((60..=66).contains(all.start()) && (152..=160).contains(all.end()), "{all:?}");
    assert_eq!(audits_until_found(0.01), 69);
    assert_eq!(audits_until_found(1.0), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_percent_of_leaves_dropped_is_found_as_often_as_the_mathematics_says() {
    let world = world_with(12, 3).await;
    for (number, guest) in world.all().iter().enumerate() {
        (0..64)
            .for_each(|slot| guest.drop_leaves(slot, (0..PERCENT).map(|leaf| slot as usize * GROUP + leaf)));
        guest.lies(if number % 2 == 0 { Lie::Forge } else { Lie::Silence });
    }
    let lacking = GROUP as f64 / LEAVES_PER_SECTOR as f64;
    let (found, all, _) = tally(&world, 40).await;
    let range = expected(all, found_by_one(lacking));
    assert!(range.contains(&found), "{found} of {all} audits found it out, {range:?} were expected");
    // However clever it is about hashes, seventy-one audits miss one percent only once in a million times.
    assert_eq!(audits_until_found(PERCENT as f64 / LEAVES_PER_SECTOR as f64), 71);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dropped_sector_is_found_within_the_predicted_number_of_audits() {
    let world = world_with(4, 12).await;
    let sectors = audit(&world).await[0].sectors;
    for guest in world.all() {
        guest.drop_sector(0);
        guest.lies(Lie::Forge);
    }
    let lacking = 1.0 / sectors as f64;
    let (found, all, longest) = tally(&world, 40).await;
    let range = expected(all, found_by_one(lacking));
    assert!(range.contains(&found), "{found} of {all} audits found it out, {range:?} were expected");
    let within = audits_until_found(lacking / 1.5);
    assert!(longest < within, "{longest} audits in a row found nothing, {within} are too many");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_that_has_another_one_answer_for_it_is_found_by_the_first_audit() {
    // Every other host holds a shard of the same segments; none of their leaves is one of the liar's.
    let world = world_with(4, 3).await;
    let all = world.all();
    for friend in &all[1..] {
        let theirs = agreement_of(&world, friend).await;
        all[0].lies(Lie::Outsource(Arc::clone(friend), theirs));
        let view = audit_of(&world, &all[0]).await;
        assert_eq!((view.verdict, view.good), (Verdict::Corrupt, 0), "{view:?}");
    }
}

/// The limit of what an audit shows: that somebody near has the bytes, not who. It takes a whole copy of this host's
/// own shards, so nothing is saved by it; that copies of several hosts lie on one disk is what placement by network
/// and operator is for.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_whole_copy_nearby_is_not_told_from_a_hosts_own_disk() {
    let world = world_with(3, 2).await;
    let liar = &world.all()[0];
    liar.lies(Lie::FarCopy(Duration::ZERO));
    assert_eq!(audit_of(&world, liar).await.verdict, Verdict::Passed);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_that_come_late_count_after_a_day_however_sound_they_are() {
    let world = world_with(3, 2).await;
    let liar = world.all()[0].clone();
    liar.lies(Lie::FarCopy(Duration::from_millis(3_400)));
    let policy = WatchPolicy { challenge: false, ..WatchPolicy::default() };
    let before = world.owner.scores().unwrap();
    let availability = |world: &World| {
        let scores = world.owner.scores().unwrap();
        scores.into_iter().find(|score| score.node == liar.node).unwrap().available_mean
    };
    let mut late = 0;
    while late < 4 {
        let report = world.owner.watch_once(&policy, Arc::new(Silent)).await.unwrap();
        for view in report.audits.iter().filter(|view| view.node == liar.node && !view.over_reads) {
            assert_eq!(view.verdict, Verdict::Late, "{view:?}");
            late += 1;
        }
        world.ledger.chain.set_now(report.next);
    }
    let was = before.iter().find(|score| score.node == liar.node).unwrap().available_mean;
    assert!(availability(&world) < was, "an audit, and three more over a day, and it counts");
    let intact = world.owner.scores().unwrap();
    let intact = intact.iter().find(|score| score.node == liar.node).unwrap();
    assert!(intact.intact.bad < 1.0 + 1e-9, "being late says nothing of the data: {intact:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn old_proofs_answer_no_new_challenge() {
    let world = world_with(3, 3).await;
    let all = world.all();
    all[0].lies(Lie::Replay(Mutex::default()));
    all[1].lies(Lie::Hoard(Mutex::default()));
    for _ in 0..20 {
        let views = audit(&world).await;
        let of = |guest: &Guest| views.iter().find(|view| view.node == guest.node).unwrap().verdict;
        assert_eq!(of(&all[1]), Verdict::Passed, "it still has everything");
    }
    // The one that replays is found by the second audit: it passes only where the same twenty leaves are drawn.
    let again = audit_of(&world, &all[0]).await;
    assert_eq!(again.verdict, Verdict::Corrupt, "{again:?}");
    // Some four hundred leaves of thousands are hoarded. All twenty of an audit are among them once in 10^17 times.
    (0..64).for_each(|slot| all[1].drop_sector(slot));
    let view = audit_of(&world, &all[1]).await;
    assert_eq!(view.verdict, Verdict::Corrupt, "{view:?}");
    assert!(view.good < LEAVES / 2, "{view:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_that_has_an_excuse_whenever_it_would_be_caught_is_asked_the_same_again_until_it_counts() {
    let world = world_with(3, 3).await;
    let liar = world.all()[0].clone();
    // A quarter of its leaves: an audit asks for one of them all but once in three hundred times.
    (0..64).for_each(|slot| liar.drop_leaves(slot, (0..LEAVES_PER_SECTOR).step_by(4)));
    liar.lies(Lie::Excuse);
    let policy = WatchPolicy { challenge: false, ..WatchPolicy::default() };
    let mut refused = 0;
    let until = world.owner_now().await.plus(6 * 86_400);
    while world.owner_now().await < until {
        let report = world.owner.watch_once(&policy, Arc::new(Silent)).await.unwrap();
        let mine = report.audits.iter().filter(|view| view.node == liar.node && !view.over_reads);
        refused += mine.filter(|view| view.verdict == Verdict::Refused).count();
        world.ledger.chain.set_now(report.next);
    }
    assert!(refused >= 4, "{refused}");
    let score = world.owner.scores().unwrap().into_iter().find(|score| score.node == liar.node).unwrap();
    assert!(score.available.bad > 1.5, "four refusals of the same leaves are no accident: {score:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_that_signs_two_histories_has_signed_the_proof_against_itself() {
    let mut world = world_with(3, 2).await;
    let liar = world.all()[0].clone();
    let id = agreement_of(&world, &liar).await;
    let fork = (liar.copy(), Arc::new(world.records.restarted()));
    audit(&world).await;
    let one = latest(&world, liar.node, id).await;
    // The same owner on a machine that was switched off meanwhile; the host goes on for it from where that stopped.
    let mine = std::mem::replace(&mut world.records, fork.1);
    liar.rewind(fork.0);
    world.restart();
    audit(&world).await;
    let two = latest(&world, liar.node, id).await;
    assert_eq!(one.revision.n, two.revision.n);
    assert_ne!(one.revision.audits, two.revision.audits, "two histories under one number");
    for signed in [&one, &two] {
        let digest = signed.revision.digest(&layr_market::SoftwareSha256);
        assert!(
            layr_identity::verify(&liar.node, &digest, &signed.host),
            "both carry the host's own signature"
        );
    }
    // The first machine needs one audit to find out.
    world.records = mine;
    world.restart();
    let view = audit_of(&world, &liar).await;
    assert!(!view.recorded, "{view:?}");
    assert!(view.detail.as_deref().unwrap().contains("not what the host computes"), "{view:?}");
}
