//! Attacks 1 to 18 of the table in docs/settlement.md, each tried on the contract. Calls go through the schedules'
//! harness, so that every one of them is also compared with the model.

use super::deal::{DAY, Deal};
use super::model::{Challenged, Life, Paper, Side};
use super::model_run::{HOSTS, OWNER, Run, party};
use super::refusal;
use super::std::{vec, vec::Vec};
use super::world::{World, beacon_secret, sign_round};
use crate::Error;
use layr_market::{SoftwareSha256, Terms, leaf_index};
use layr_types::{NodeKey, Stroops, UnixSeconds};
use soroban_sdk::BytesN;

pub const HOUR: u64 = 3_600;

/// An open agreement of 30 days with windows of a day, and the harness.
pub fn opened(alter: impl FnOnce(&mut Terms)) -> (Run, usize) {
    let mut run = Run::new();
    let deal = Deal::with(&run.world, party(HOSTS[0]), |t| {
        t.samples = 2;
        t.auditor_key = NodeKey(party(super::schedules::AUDITOR).node_key());
        alter(t);
    });
    let at = run.add(deal, (0, 0, None));
    assert!(run.open(at));
    (run, at)
}

/// Revision `n`: the gibibyte is there, all of the collateral but a little at stake.
pub fn paper(run: &Run, at: usize, n: u64) -> Paper {
    let t = &run.agreement(at).terms;
    let risk = t.collateral - 1_000;
    Paper { n, time: t.start + DAY, sectors: 1_024, paid: t.base_fee + 10_000, due: 5_000, risk }
}

pub fn keys(run: &Run, at: usize) -> [u8; 2] {
    run.agreement(at).keys
}

/// Puts revision `n` on record.
pub fn publish(run: &mut Run, at: usize, n: u64) -> bool {
    let (paper, keys) = (paper(run, at, n), keys(run, at));
    run.publish(at, &paper, keys)
}

/// A challenge as its side makes it, with the fair bond.
pub fn challenge(run: &mut Run, at: usize, by: Side, named: Option<Vec<u64>>) -> bool {
    let a = run.agreement(at);
    let bond = if by == Side::Host { 0 } else { a.terms.disclosure };
    let key = match by {
        Side::Owner => a.keys[0],
        Side::Host => a.keys[1],
        Side::Auditor => super::schedules::AUDITOR,
    };
    let (wants, before) = (a.n(), a.count);
    let c = Challenged { named, by, opened: run.now(), bond };
    run.challenge(at, &c, (wants, before, key))
}

pub fn pass_until(run: &mut Run, moment: u64) {
    run.pass(moment - run.now());
}

/// Waits for the freeze of the end and posts its round.
pub fn freeze_and_post(run: &mut Run, at: usize) {
    let frozen = run.agreement(at).frozen();
    pass_until(run, frozen + HOUR);
    assert!(run.post_round(frozen));
}

#[test]
fn attack_01_publishing_an_old_revision_loses_to_the_newer_one() {
    let (mut run, at) = opened(|_| {});
    assert!(publish(&mut run, at, 3));
    let end = run.agreement(at).ending;
    pass_until(&mut run, end + HOUR);
    assert!(publish(&mut run, at, 7), "whoever has the newest copy puts it on record");
    assert!(!publish(&mut run, at, 3) && !publish(&mut run, at, 7));
    freeze_and_post(&mut run, at);
    assert!(run.prove(at, true));
}

#[test]
fn attack_02_publishing_a_hundred_revisions_delays_nothing() {
    let (mut run, at) = opened(|_| {});
    let (end, deadline) = (run.agreement(at).ending, run.agreement(at).deadline());
    pass_until(&mut run, end);
    for n in 1..=100 {
        assert!(publish(&mut run, at, n));
    }
    assert_eq!(run.agreement(at).deadline(), deadline);
    assert!(publish(&mut run, at, 1_000), "the newest ends the contest at once");
    assert!(!publish(&mut run, at, 101));
    let frozen = run.agreement(at).frozen();
    pass_until(&mut run, frozen);
    assert!(!publish(&mut run, at, 1_001), "and the window does not grow");
}

#[test]
fn attack_03_never_acknowledging_audits_does_not_keep_a_host_from_vesting() {
    let (mut run, at) = opened(|_| {});
    let base = run.agreement(at).terms.base_fee;
    let silent = Paper { paid: base, due: 0, ..paper(&run, at, 1) };
    let by = keys(&run, at);
    assert!(run.publish(at, &silent, by));
    run.pass(10 * DAY);
    assert!(challenge(&mut run, at, Side::Host, None));
    let frozen = run.agreement(at).challenge_frozen();
    pass_until(&mut run, frozen + HOUR);
    run.post_round(frozen);
    assert!(run.respond(at, true));
    assert!(run.agreement(at).floor >= base + 9 * 20_000, "nine days and more are vested");
    let deadline = run.agreement(at).deadline();
    pass_until(&mut run, deadline + 1);
    assert!(run.expire(at));
    let shares = run.agreement(at).shares.unwrap();
    let a = run.agreement(at);
    assert_eq!(shares.host, a.floor + a.terms.collateral - silent.risk, "even a later miss leaves it that");
}

#[test]
fn attack_04_a_false_accusation_costs_its_bond() {
    let (mut run, at) = opened(|_| {});
    assert!(publish(&mut run, at, 1));
    let before = run.model.free[0][0];
    assert!(challenge(&mut run, at, Side::Owner, Some(vec![0, 1_048_575])));
    assert!(run.respond(at, true));
    assert_eq!(run.model.free[0][0], before + run.agreement(at).terms.disclosure);
}

#[test]
fn attack_05_challenge_spam_meets_gap_number_bond_and_list_length() {
    let (mut run, at) = opened(|_| {});
    assert!(publish(&mut run, at, 1));
    assert!(!challenge(&mut run, at, Side::Owner, Some(vec![0; 9])), "nine leaves are too many");
    let (wants, key) = (run.agreement(at).n(), keys(&run, at)[0]);
    let cheap = Challenged { named: Some(vec![0]), by: Side::Owner, opened: run.now(), bond: 99_999 };
    assert!(!run.challenge(at, &cheap, (wants, 0, key)), "the bond is the disclosure price at least");
    let most = run.agreement(at).terms.max_challenges;
    for _ in 0..most {
        assert!(challenge(&mut run, at, Side::Owner, Some(vec![5])));
        assert!(!challenge(&mut run, at, Side::Owner, Some(vec![5])), "one at a time");
        assert!(run.respond(at, true));
        run.pass(DAY - 1);
        assert!(!challenge(&mut run, at, Side::Owner, Some(vec![5])), "not before the gap is over");
        run.pass(1);
    }
    assert!(!challenge(&mut run, at, Side::Owner, Some(vec![5])), "the terms allow no more");
}

#[test]
fn attack_06_a_half_signed_revision_is_worth_nothing() {
    let (mut run, at) = opened(|_| {});
    let (next, [owner, host]) = (paper(&run, at, 1), keys(&run, at));
    assert!(!run.publish(at, &next, [owner, owner]), "the owner alone");
    assert!(!run.publish(at, &next, [host, host]), "the host alone");
    assert!(run.publish(at, &next, [owner, host]), "kept until late, it is still what the owner agreed to");
}

#[test]
fn attack_07_a_host_that_dropped_part_passes_no_more_often_than_chance() {
    let (run, at) = opened(|_| {});
    let (id, leaves, kept) = (run.deals[at].id, 1_048_576u64, 1_048_576u64 * 9 / 10);
    let (rounds, k) = (4_000u32, 10u32);
    let passes = |round: u32| {
        let mut seed = [7; 32];
        seed[..4].copy_from_slice(&round.to_be_bytes());
        (0..k).all(|i| leaf_index(&SoftwareSha256, &seed, (&id, 1), i, leaves).unwrap().0 < kept)
    };
    let passed = u32::try_from((0..rounds).filter(|round| passes(*round)).count()).unwrap();
    let (passed, rounds) = (f64::from(passed) / f64::from(rounds), f64::from(rounds));
    let chance = 0.9f64.powi(10);
    let deviation = (chance * (1.0 - chance) / rounds).sqrt();
    assert!((passed - chance).abs() < 4.0 * deviation, "{passed} against {chance}");
}

#[test]
fn attack_08_waiting_for_a_lucky_beacon_is_a_default() {
    let (mut run, at) = opened(|_| {});
    assert!(publish(&mut run, at, 1));
    assert!(challenge(&mut run, at, Side::Host, None));
    let frozen = run.agreement(at).challenge_frozen();
    assert!(!run.post_round(frozen), "the deciding round does not exist yet");
    assert!(!run.respond(at, true), "nor is any earlier one taken");
    let keys = keys(&run, at);
    pass_until(&mut run, frozen);
    let other = paper(&run, at, 2);
    assert!(!run.publish(at, &other, keys), "the root is frozen before the round is out");
    let deadline = run.agreement(at).challenge_deadline();
    pass_until(&mut run, deadline + 1);
    assert!(!run.respond(at, true));
    assert!(run.default(at), "a host that does not like the draw has lost");
    assert!(run.model.burnt[0] > 0);
}

#[test]
fn attack_09_nobody_chooses_a_beacon_round() {
    let world = World::new();
    let good = sign_round(&beacon_secret(), 77).serialize();
    for round in [76, 78] {
        let result = world.escrow.try_post_beacon(&round, &BytesN::from_array(&world.env, &good));
        assert_eq!(refusal(result), Error::BeaconInvalid as u32);
    }
    world.escrow.post_beacon(&77, &BytesN::from_array(&world.env, &good));
    let randomness = world.escrow.beacon(&77);
    let other = sign_round(&beacon_secret(), 78).serialize();
    let _ = world.escrow.try_post_beacon(&77, &BytesN::from_array(&world.env, &other));
    assert_eq!(world.escrow.beacon(&77), randomness, "what is posted stays");
}

#[test]
fn attack_10_withholding_the_beacon_transaction_fails_as_anybody_can_send_it() {
    let world = World::new();
    world.env.set_auths(&[]);
    let signature = sign_round(&beacon_secret(), 5).serialize();
    world.escrow.post_beacon(&5, &BytesN::from_array(&world.env, &signature));
    assert!(world.escrow.beacon(&5).is_some());
}

#[test]
fn attack_13_a_host_that_refuses_reads_shows_named_leaves_or_loses() {
    let (mut run, at) = opened(|_| {});
    assert!(publish(&mut run, at, 1));
    assert!(challenge(&mut run, at, Side::Owner, Some((0..8).collect())));
    assert!(!run.respond(at, false));
    let deadline = run.agreement(at).challenge_deadline();
    pass_until(&mut run, deadline);
    assert!(!run.default(at), "it has until the last second");
    run.pass(1);
    let before = run.model.owner[0];
    assert!(run.default(at));
    let (shares, bond) = (run.agreement(at).shares.unwrap(), run.agreement(at).terms.disclosure);
    assert_eq!(run.model.owner[0], before + shares.owner + bond, "the bond comes back");
}

#[test]
fn attack_13_a_host_cannot_use_up_the_challenges_by_challenging_itself() {
    let (mut run, at) = opened(|t| t.max_challenges = 4);
    assert!(publish(&mut run, at, 1));
    for turn in 0..4 {
        let own = challenge(&mut run, at, Side::Host, None);
        assert_eq!(own, turn < 2, "the second half is the owner's");
        if !own {
            assert!(challenge(&mut run, at, Side::Owner, Some(vec![1])));
        }
        let frozen = run.agreement(at).challenge_frozen();
        if own {
            pass_until(&mut run, frozen + HOUR);
            run.post_round(frozen);
        }
        assert!(run.respond(at, true));
        run.pass(DAY);
    }
}

#[test]
fn attack_14_a_cut_off_host_is_proved_for_by_anybody() {
    let (mut run, at) = opened(|_| {});
    assert!(publish(&mut run, at, 1));
    freeze_and_post(&mut run, at);
    run.world.env.set_auths(&[]);
    assert!(run.prove(at, true), "no signature of the host is wanted");
}

#[test]
fn attack_16_locking_a_hosts_collateral_costs_the_base_fee() {
    let (mut run, at) = opened(|_| {});
    let deadline = run.agreement(at).deadline();
    pass_until(&mut run, deadline + 1);
    let before = run.model.free[0][0];
    assert!(run.expire(at));
    let t = &run.agreement(at).terms;
    assert!(t.base_fee > 0);
    assert_eq!(run.model.free[0][0] - before, t.base_fee + t.collateral);
}

#[test]
fn attack_17_an_offer_is_no_free_option_on_the_price() {
    let mut run = Run::new();
    let deal = Deal::with(&run.world, party(HOSTS[0]), |_| {});
    let at = run.add(deal, (0, 0, None));
    run.pass(601);
    assert!(!run.open(at), "it lapses in minutes");
}

#[test]
fn attack_18_the_same_offer_is_opened_once() {
    let (mut run, at) = opened(|t| t.offer_expiry = UnixSeconds(u64::MAX));
    assert!(!run.open(at), "its slot is taken");
    let locked = run.agreement(at).locked();
    let split = (0, locked, 0);
    let by = keys(&run, at);
    run.pass(HOUR);
    assert!(!run.close(at, split, by), "while it could be opened it cannot be closed");
    run.pass(1);
    assert!(run.close(at, split, by));
    assert!(!run.open(at), "and once closed it cannot be opened");
    assert_eq!(run.agreement(at).life, Life::Over);
}

#[test]
fn attack_18_a_renewal_neither_frees_an_offer_that_still_lives_nor_is_used_twice() {
    let (mut run, at) = opened(|_| {});
    let id = run.deals[at].id;
    let next = Deal::with(&run.world, party(HOSTS[0]), |t| {
        t.previous = id;
        t.salt = [9; 16];
        t.offer_expiry = t.start.plus(DAY);
        t.voucher_part = Stroops(1);
    });
    let new = run.add(next, (0, 0, Some(at)));
    let collateral = run.agreement(at).terms.collateral;
    let split = (0, collateral, run.agreement(at).locked() - collateral);
    assert!(!run.renew(at, new, split), "the old offer could still be opened again");
    run.pass(601);
    assert!(run.renew(at, new, split));
    assert!(!run.renew(at, new, split) && !run.open(new) && !run.open(at));
    assert_eq!(run.agreement(new).keys, [OWNER, HOSTS[0]]);
    assert_eq!(run.model.tenant(0), Some(new));
}
