//! Attacks 19 to 34 of the table in docs/settlement.md, each tried on the contract.

use super::attacks::{HOUR, challenge, freeze_and_post, keys, opened, paper, pass_until, publish};
use super::deal::{DAY, Deal, bytes, stored};
use super::model::{Challenged, Paper, Side};
use super::model_run::{HOSTS, Run, party};
use super::refusal;
use super::schedules::AUDITOR;
use super::std::{collections::BTreeSet, string::String, vec, vec::Vec};
use super::world::{DEPOSIT, WASM, World};
use crate::{Closing, Error, Publication};
use layr_market::{Kind, SoftwareSha256, digest};
use layr_types::{NodeKey, Stroops};
use soroban_sdk::Vec as HostVec;

#[test]
fn attack_19_a_signature_of_one_kind_is_no_other_kinds() {
    let (mut run, at) = opened(|_| {});
    let [owner, host] = keys(&run, at);
    let world = &run.world;
    let (terms, state) = (run.terms(at), run.state_bytes(at));
    let revision = run.revision(at, &paper(&run, at, 1)).encode();
    let kinds = [
        Kind::Offer,
        Kind::Terms,
        Kind::Final,
        Kind::Voucher,
        Kind::Challenge,
        Kind::Notice,
        Kind::Rotation,
        Kind::Confession,
        Kind::Registration,
        Kind::AuditRecord,
    ];
    for kind in kinds {
        let other = digest(&SoftwareSha256, kind, &revision);
        let publication = Publication {
            owner_sig: run.sign(owner, &other),
            host_sig: run.sign(host, &other),
            revision: bytes(world, &revision),
            state: state.clone(),
            terms: terms.clone(),
        };
        assert_eq!(refusal(world.escrow.try_publish(&publication)), 0, "{kind:?}");
    }
    let voucher =
        layr_market::Voucher { id: run.deals[at].id, amount: Stroops(5), bytes: layr_types::ByteCount(5) };
    for kind in kinds.into_iter().filter(|kind| *kind != Kind::Voucher) {
        let sig = run.sign(owner, &digest(&SoftwareSha256, kind, &voucher.encode()));
        let result = world.escrow.try_redeem(&terms, &state, &bytes(world, &voucher.encode()), &sig);
        assert_eq!(refusal(result), 0, "{kind:?}");
    }
    assert!(run.redeem(at, 5, owner));
    assert!(!run.redeem(at, 5, owner), "nor is the same voucher taken twice");
}

#[test]
fn attack_19_what_one_agreement_signed_does_nothing_in_another() {
    let (mut run, first) = opened(|_| {});
    let deal = Deal::with(&run.world, party(HOSTS[0]), |t| t.slot = 1);
    let second = run.add(deal, (0, 0, None));
    assert!(run.open(second));
    let foreign = run.revision(second, &paper(&run, second, 1));
    let [owner, host] = keys(&run, first);
    let signed = foreign.digest(&SoftwareSha256);
    let publication = Publication {
        owner_sig: run.sign(owner, &signed),
        host_sig: run.sign(host, &signed),
        revision: bytes(&run.world, &foreign.encode()),
        state: run.state_bytes(first),
        terms: run.terms(first),
    };
    let result = run.world.escrow.try_publish(&publication);
    assert_eq!(refusal(result), Error::WrongAgreement as u32);
    run.compare();
}

#[test]
fn attack_20_a_wrong_tree_is_not_proved() {
    let (mut run, at) = opened(|t| t.capacity = layr_types::ByteCount(2 << 20));
    let by = keys(&run, at);
    let swollen = Paper { sectors: u64::MAX, ..paper(&run, at, 1) };
    assert!(!run.publish(at, &swollen, by), "more leaves than the capacity has");
    // A group hash given out as a leaf, a proof cut short, a proof of another leaf.
    let (mut run, at) = opened(|_| {});
    assert!(publish(&mut run, at, 1));
    freeze_and_post(&mut run, at);
    let frozen = run.agreement(at).frozen();
    let good = run.proofs(at, frozen, None);
    let mut node_for_leaf = good.clone();
    node_for_leaf.copy_within(0..32, 320);
    for bad in [&node_for_leaf[..], &good[..good.len() - 32], &good[32..]] {
        let (terms, state, revision) = (run.terms(at), run.state_bytes(at), run.published(at));
        let result = run.world.escrow.try_prove(&terms, &state, &revision, &bytes(&run.world, bad));
        assert_eq!(refusal(result), Error::ProofInvalid as u32);
    }
    assert!(stored().tree.count() == 1_024 && run.prove(at, true));
}

#[test]
fn attack_21_amounts_at_every_edge_neither_overflow_nor_pay_what_is_not_there() {
    for amount in [-1, 1 << 100, (1 << 100) + 1, i128::MAX, i128::MIN] {
        let edges: [fn(&mut layr_market::Terms, i128); 6] = [
            |t, x| t.escrow = Stroops(x),
            |t, x| t.voucher_part = Stroops(x),
            |t, x| t.collateral = Stroops(x),
            |t, x| t.base_fee = Stroops(x),
            |t, x| t.exit_fee = Stroops(x),
            |t, x| (t.escrow, t.voucher_part, t.collateral) = (Stroops(x), Stroops(x), Stroops(x)),
        ];
        for (which, edge) in edges.iter().enumerate() {
            let world = World::new();
            let deal = Deal::with(&world, world.host(), |t| edge(t, amount));
            let batch = HostVec::from_array(&world.env, [deal.opening(&world)]);
            let result = world.escrow.try_open(&world.owner_address(), &batch);
            let free = which == 4 && amount == 1 << 100;
            assert_eq!(result.is_ok(), free, "{which}, {amount}: an exit fee is paid only when it falls due");
            assert!(free || world.free(world.host()) == DEPOSIT);
        }
    }
}

#[test]
fn attack_22_a_frozen_owner_blocks_no_end_and_loses_nothing() {
    let mut run = Run::new();
    let other = layr_types::ContractId(super::accounts::contract_id(&run.tokens[1]));
    let deal = Deal::with(&run.world, party(HOSTS[0]), |t| t.token = other);
    let at = run.add(deal, (0, 1, None));
    assert!(run.open(at));
    assert!(publish(&mut run, at, 1));
    run.freeze(true);
    let deadline = run.agreement(at).deadline();
    pass_until(&mut run, deadline + 1);
    assert!(run.expire(at));
    assert_eq!(run.model.credit[1], run.agreement(at).shares.unwrap().owner);
    assert!(!run.owner_withdraw(1));
    run.freeze(false);
    assert!(run.owner_withdraw(1));
    run.compare_wallets();
}

#[test]
fn attack_24_what_happens_in_other_slots_spoils_no_prepared_proof() {
    let (mut run, at) = opened(|_| {});
    assert!(publish(&mut run, at, 1));
    freeze_and_post(&mut run, at);
    let frozen = run.agreement(at).frozen();
    let proofs = bytes(&run.world, &run.proofs(at, frozen, None));
    let (terms, state, revision) = (run.terms(at), run.state_bytes(at), run.published(at));
    for slot in 1..6 {
        let deal = Deal::with(&run.world, party(HOSTS[0]), |t| t.slot = slot);
        let other = run.add(deal, (0, 0, None));
        assert!(run.open(other) && publish(&mut run, other, 1));
    }
    run.world.escrow.prove(&terms, &state, &revision, &proofs);
}

#[test]
fn attack_24_a_pending_rotation_cannot_be_replaced_again_and_again() {
    let (mut run, at) = opened(|_| {});
    assert!(run.start_rotation(at, (Side::Owner, 40)));
    assert!(!run.start_rotation(at, (Side::Owner, 41)), "the state does not change at will");
    assert!(!run.start_rotation(at, (Side::Host, 42)), "nor can one side put the other's off");
    run.pass(2 * DAY + HOUR);
    assert!(run.finish_rotation(at, (Side::Owner, 40)));
    assert!(run.start_rotation(at, (Side::Host, 42)));
}

#[test]
fn attack_25_a_folder_has_sixty_four_slots_and_no_more() {
    let world = World::new();
    Deal::with(&world, world.host(), |t| t.slot = 63).open(&world);
    assert_eq!(world.escrow.folder(&world.owner_address(), &0).len(), 64 * 32);
    let beyond = Deal::with(&world, world.host(), |t| t.slot = 64);
    let batch = HostVec::from_array(&world.env, [beyond.opening(&world)]);
    let result = world.escrow.try_open(&world.owner_address(), &batch);
    assert_eq!(refusal(result), Error::TermsOutOfBounds as u32);
}

#[test]
fn attack_28_where_bonds_are_asked_for_a_host_without_one_is_not_opened_with() {
    let world = World::deployed(1, |config| config.min_bond = 1_000_000);
    let deal = Deal::new(&world, 0);
    let batch = HostVec::from_array(&world.env, [deal.opening(&world)]);
    let open = || world.escrow.try_open(&world.owner_address(), &batch);
    assert_eq!(refusal(open()), Error::BondTooSmall as u32);
    let key = world.key(world.host());
    world.escrow.bond(&key, &world.token, &1_000_000);
    world.escrow.unbond(&key, &world.token, &1);
    assert_eq!(refusal(open()), Error::BondTooSmall as u32, "what is leaving does not count");
    assert_eq!(refusal(world.escrow.try_release(&key, &world.token)), Error::BondLeaving as u32);
    world.escrow.bond(&key, &world.token, &1);
    assert!(open().is_ok());
    // A small part that has nearly left does not take a large part with it.
    world.escrow.unbond(&key, &world.token, &1);
    world.pass(14 * DAY);
    world.escrow.unbond(&key, &world.token, &999_999);
    world.pass(2 * DAY);
    assert_eq!(refusal(world.escrow.try_release(&key, &world.token)), Error::BondLeaving as u32);
}

#[test]
fn attack_30_a_stolen_node_key_neither_withdraws_nor_redirects_nor_rotates() {
    let world = World::new();
    world.env.set_auths(&[]);
    let (host, thief) = (world.host(), super::accounts::Party::new(77));
    thief.fund(&world.env, 10_000_000_000);
    let withdrawal = world.escrow.try_withdraw(&world.key(host), &world.token, &1);
    assert_eq!(refusal(withdrawal), 0);
    let address = thief.address(&world.env);
    let moved = world.escrow.try_register(&address, &world.key(host), &world.registration(host, &thief));
    assert_eq!(refusal(moved), 0, "the account it is bound to must agree");
    let (run, at) = opened(|_| {});
    run.world.env.set_auths(&[]);
    let rotation = bytes(&run.world, &run.rotation(at, (Side::Host, 77)).encode());
    let result = run.world.escrow.try_start_rotation(&run.terms(at), &run.state_bytes(at), &rotation);
    assert_eq!(refusal(result), 0, "a rotation is asked for by the account");
}

#[test]
fn attack_30_what_the_old_key_signed_can_be_published_before_it_goes() {
    let (mut run, at) = opened(|_| {});
    let old = keys(&run, at);
    let signed = paper(&run, at, 5);
    assert!(run.start_rotation(at, (Side::Owner, 40)));
    run.pass(2 * DAY + HOUR - 1);
    assert!(!run.finish_rotation(at, (Side::Owner, 40)));
    assert!(run.publish(at, &signed, old), "the host had more than both windows for it");
    run.pass(1);
    assert!(run.finish_rotation(at, (Side::Owner, 40)));
    let later = paper(&run, at, 6);
    assert!(!run.publish(at, &later, old), "the thief of the old key signs nothing any more");
    assert!(publish(&mut run, at, 6));
}

/// A variable-length number of the Wasm format, and the rest.
fn leb(bytes: &[u8]) -> (usize, &[u8]) {
    let size = bytes.iter().position(|byte| byte & 0x80 == 0).unwrap() + 1;
    let value = bytes[..size].iter().rev().fold(0, |sum, byte| sum << 7 | usize::from(byte & 0x7f));
    (value, &bytes[size..])
}

fn name(bytes: &[u8]) -> (String, &[u8]) {
    let (size, rest) = leb(bytes);
    (String::from_utf8(rest[..size].to_vec()).unwrap(), &rest[size..])
}

/// The contents of a section of the committed Wasm.
fn section(number: u8) -> &'static [u8] {
    let mut rest = &WASM[8..];
    while let Some((kind, after)) = rest.split_first() {
        let (size, body) = leb(after);
        if *kind == number {
            return &body[..size];
        }
        rest = &body[size..];
    }
    &[]
}

#[test]
fn attack_31_there_is_no_upgrade_and_nobody_in_charge() {
    let (count, mut rest) = leb(section(7));
    let mut functions = BTreeSet::new();
    for _ in 0..count {
        let (text, after) = name(rest);
        let (_, after) = leb(&after[1..]);
        functions.insert(text);
        rest = after;
    }
    let known: BTreeSet<String> = "__constructor register deposit withdraw owner_withdraw open publish close post_beacon \
        prove expire renew challenge respond default start_close redeem rotate start_rotation finish_rotation bond \
        unbond release bonded bump slot folder balance credit account beacon config constants _ memory __data_end \
        __heap_base"
        .split_whitespace()
        .map(String::from)
        .collect();
    let unknown: Vec<_> = functions.difference(&known).collect();
    assert!(functions.len() > 30 && unknown.is_empty(), "{unknown:?}");
    // Host function `update_current_contract_wasm` is "6" of module "l".
    let (count, mut rest) = leb(section(2));
    for _ in 0..count {
        let (module, after) = name(rest);
        let (field, after) = name(after);
        assert_eq!(after[0], 0, "functions alone are imported");
        rest = leb(&after[1..]).1;
        assert!((module.as_str(), field.as_str()) != ("l", "6"), "the code cannot replace itself");
    }
}

#[test]
fn attack_32_a_host_that_flees_after_payday_loses_what_is_at_risk() {
    let (mut run, at) = opened(|_| {});
    let t = run.agreement(at).terms.clone();
    let all = Paper { time: t.end, paid: t.escrow, due: 0, ..paper(&run, at, 1) };
    let by = keys(&run, at);
    assert!(run.publish(at, &all, by));
    pass_until(&mut run, t.end + t.publish_window + t.proof_window + 1);
    assert!(run.expire(at));
    let shares = run.agreement(at).shares.unwrap();
    assert_eq!(shares.host, t.escrow + t.collateral - all.risk, "paid in full, and still punished");
}

#[test]
fn attack_33_sabotaging_a_host_gains_no_more_than_the_repair_cap() {
    let (mut run, at) = opened(|_| {});
    assert!(publish(&mut run, at, 1));
    let (t, risk) = (run.agreement(at).terms.clone(), paper(&run, at, 1).risk);
    let deadline = run.agreement(at).deadline();
    pass_until(&mut run, deadline + 1);
    assert!(run.expire(at));
    let shares = run.agreement(at).shares.unwrap();
    let unpaid = t.escrow + t.voucher_part - paper(&run, at, 1).paid;
    assert_eq!(shares.owner, unpaid + t.repair_cap);
    assert_eq!(shares.burn, risk - t.repair_cap);
    assert!(t.repair_cap * 2 <= t.collateral && shares.burn >= t.repair_cap - 1_000);
}

#[test]
fn attack_34_an_auditor_challenges_under_bond_and_does_nothing_else() {
    let (mut run, at) = opened(|_| {});
    assert!(publish(&mut run, at, 1));
    let [owner, host] = keys(&run, at);
    let next = paper(&run, at, 2);
    assert!(!run.publish(at, &next, [AUDITOR, host]));
    assert!(!run.redeem(at, 5, AUDITOR));
    let later = run.now() + 5 * DAY;
    assert!(!run.start_close(at, Side::Auditor, (later, AUDITOR)));
    assert!(!run.rotate(at, (Side::Owner, 40), [AUDITOR, host]));
    let c = Challenged { named: Some(vec![1]), by: Side::Auditor, opened: run.now(), bond: 0 };
    assert!(!run.challenge(at, &c, (1, 0, AUDITOR)), "it has a bond to lose like the owner");
    assert!(challenge(&mut run, at, Side::Auditor, Some(vec![1])));
    assert!(run.respond(at, true));
    assert_eq!(keys(&run, at), [owner, host]);
}

#[test]
fn attack_34_where_no_auditor_is_named_nobody_is_one() {
    let (mut run, at) = opened(|t| t.auditor_key = NodeKey([0; 32]));
    assert!(publish(&mut run, at, 1));
    assert!(!challenge(&mut run, at, Side::Auditor, Some(vec![1])));
}

#[test]
fn a_payment_out_of_the_contracts_own_pocket_is_not_taken_for_a_deposit() {
    let world = World::new();
    world.env.set_auths(&[]);
    let own = world.escrow.address.clone();
    let result = world.escrow.try_deposit(&own, &world.key(world.host()), &world.token, &1_000);
    assert_eq!(refusal(result), 0);
}

#[test]
fn a_split_made_for_a_renewal_ends_nothing_else() {
    let (run, at) = opened(|_| {});
    run.world.pass(601);
    let [owner, host] = keys(&run, at);
    let split =
        layr_market::FinalSplit { reason: layr_market::FinalReason::Renewed, ..run.deals[at].split(0, 5) };
    let signed = split.digest(&SoftwareSha256);
    let closing = Closing {
        owner_sig: run.sign(owner, &signed),
        host_sig: run.sign(host, &signed),
        split: bytes(&run.world, &split.encode()),
        state: run.state_bytes(at),
        terms: run.terms(at),
    };
    let result = run.world.escrow.try_close(&HostVec::from_array(&run.world.env, [closing]));
    assert_eq!(refusal(result), Error::NotRenewal as u32);
}
