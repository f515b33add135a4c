//! `open`: what it takes, what it locks, and everything it refuses.

use super::accounts::{Party, contract_id};
use super::deal::{DAY, Deal, bytes};
use super::refusal;
use super::std::vec::Vec;
use super::world::{BEGIN, DEPOSIT, FUNDS, World};
use crate::{Error, Opening};
use layr_market::{SoftwareSha256, Terms};
use layr_types::{AccountKey, ByteCount, ContractId, Stroops, UnixSeconds};
use soroban_sdk::{BytesN, Vec as HostVec};

fn batch(world: &World, deals: &[Deal]) -> HostVec<Opening> {
    HostVec::from_iter(&world.env, deals.iter().map(|deal| deal.opening(world)))
}

/// The code with which terms altered like this are refused.
fn refused(world: &World, alter: impl FnOnce(&mut Terms)) -> u32 {
    let deal = Deal::with(world, world.host(), alter);
    refusal(world.escrow.try_open(&world.owner_address(), &batch(world, &[deal])))
}

#[test]
fn opening_locks_both_sides_and_sets_the_slot() {
    let world = World::new();
    let deal = Deal::new(&world, 5).open(&world);
    let due = (deal.terms.escrow + deal.terms.voucher_part).0;
    assert_eq!(world.lumens(&world.owner_address()), i128::from(FUNDS) - due);
    assert_eq!(world.lumens(&world.escrow.address), DEPOSIT + due);
    assert_eq!(world.free(world.host()), DEPOSIT - deal.terms.collateral.0);
    let commitment = deal.state.commitment(&SoftwareSha256, &deal.id);
    assert_eq!(world.escrow.slot(&world.owner_address(), &0, &5).to_array(), commitment);
    assert_eq!(world.escrow.folder(&world.owner_address(), &0).len(), 6 * 32);
    assert_eq!(world.escrow.slot(&world.owner_address(), &0, &4).to_array(), [0; 32]);
    assert_eq!(world.escrow.slot(&world.owner_address(), &1, &5).to_array(), [0; 32]);
    assert_eq!(world.escrow.slot(&world.owner_address(), &0, &64).to_array(), [0; 32]);
}

#[test]
fn twenty_and_forty_agreements_open_in_one_call() {
    for count in [20u8, 40] {
        let world = World::with_hosts(count);
        let deals: Vec<_> =
            (0..count).map(|i| Deal::with(&world, &world.hosts[usize::from(i)], |t| t.slot = i)).collect();
        world.escrow.open(&world.owner_address(), &batch(&world, &deals));
        for (i, deal) in deals.iter().enumerate() {
            let slot = u32::try_from(i).unwrap();
            let held = world.escrow.slot(&world.owner_address(), &0, &slot).to_array();
            assert_eq!(held, deal.state.commitment(&SoftwareSha256, &deal.id));
        }
    }
}

#[test]
fn a_batch_may_mix_tokens_and_folders() {
    let world = World::new();
    world.escrow.deposit(&world.host().address(&world.env), &world.key(world.host()), &world.other, &DEPOSIT);
    let other = ContractId(contract_id(&world.other));
    let deals = [
        Deal::new(&world, 0),
        Deal::with(&world, world.host(), |t| {
            t.slot = 63;
            t.token = other;
        }),
        Deal::with(&world, world.host(), |t| t.folder = u32::MAX),
    ];
    world.escrow.open(&world.owner_address(), &batch(&world, &deals));
    let due = (deals[0].terms.escrow + deals[0].terms.voucher_part).0;
    assert_eq!(world.lumens(&world.owner_address()), i128::from(FUNDS) - 2 * due);
    assert_eq!(
        world.escrow.balance(&world.key(world.host()), &world.other),
        DEPOSIT - deals[1].terms.collateral.0
    );
    assert_eq!(world.escrow.folder(&world.owner_address(), &0).len(), 64 * 32);
    assert_eq!(world.escrow.folder(&world.owner_address(), &u32::MAX).len(), 32);
}

#[test]
fn an_empty_or_oversized_batch_is_refused() {
    let world = World::new();
    let owner = world.owner_address();
    let none = HostVec::new(&world.env);
    assert_eq!(refusal(world.escrow.try_open(&owner, &none)), Error::BatchSize as u32);
    let many: Vec<_> = (0..41).map(|i| Deal::new(&world, i)).collect();
    assert_eq!(refusal(world.escrow.try_open(&owner, &batch(&world, &many))), Error::BatchSize as u32);
}

#[test]
fn terms_of_another_length_or_version_are_refused() {
    let world = World::new();
    let deal = Deal::new(&world, 0);
    let mut version = deal.terms.encode();
    version[0] = 2;
    for wrong in [&deal.terms.encode()[1..], &[], &version] {
        let opening = Opening { terms: bytes(&world, wrong), ..deal.opening(&world) };
        let batch = HostVec::from_array(&world.env, [opening]);
        assert_eq!(refusal(world.escrow.try_open(&world.owner_address(), &batch)), Error::Malformed as u32);
    }
}

#[test]
fn terms_outside_the_bounds_are_refused() {
    let world = World::new();
    let code = Error::TermsOutOfBounds as u32;
    assert_eq!(refused(&world, |t| t.capacity = ByteCount(1)), code);
    assert_eq!(refused(&world, |t| t.samples = 33), code);
    assert_eq!(refused(&world, |t| t.publish_window = 3_600), code);
    assert_eq!(refused(&world, |t| t.slot = 64), code);
    assert_eq!(refused(&world, |t| t.escrow -= Stroops(1)), code);
    assert_eq!(refused(&world, |t| t.collateral = Stroops(-1)), code);
    assert_eq!(refused(&world, |t| t.end = t.start), code);
    assert_eq!(refused(&world, |t| t.host_key = t.owner_key), code);
}

#[test]
fn only_the_account_in_the_terms_can_escrow() {
    let world = World::new();
    let code = refused(&world, |t| t.owner_account = AccountKey([8; 32]));
    assert_eq!(code, Error::WrongAccount as u32);
}

#[test]
fn a_token_that_is_not_listed_is_refused() {
    let world = World::new();
    assert_eq!(refused(&world, |t| t.token = ContractId([8; 32])), Error::TokenNotAllowed as u32);
}

#[test]
fn an_offer_lapses() {
    let world = World::new();
    let deal = Deal::new(&world, 0);
    world.pass(600);
    let still = world.escrow.try_open(&world.owner_address(), &batch(&world, core::slice::from_ref(&deal)));
    assert!(still.is_ok(), "the last second counts");
    let late = Deal::with(&world, world.host(), |t| t.slot = 1);
    world.pass(601);
    let result = world.escrow.try_open(&world.owner_address(), &batch(&world, &[late]));
    assert_eq!(refusal(result), Error::OfferExpired as u32);
}

#[test]
fn the_start_must_be_near_and_the_end_ahead() {
    let world = World::new();
    let code = Error::StartOutOfRange as u32;
    let shift = |t: &mut Terms, start: u64| {
        t.start = UnixSeconds(start);
        t.end = t.start.plus(DAY);
    };
    assert_eq!(refused(&world, |t| shift(t, BEGIN - 3_601)), code);
    assert_eq!(refused(&world, |t| shift(t, BEGIN + 3_601)), code);
    assert_eq!(
        refused(&world, |t| {
            t.start = UnixSeconds(BEGIN - 3_600);
            t.end = UnixSeconds(BEGIN);
        }),
        code
    );
    for (slot, start) in [(0, BEGIN - 3_600), (1, BEGIN + 3_600)] {
        Deal::with(&world, world.host(), |t| {
            shift(t, start);
            t.slot = slot;
        })
        .open(&world);
    }
}

#[test]
fn a_slot_is_taken_until_its_agreement_is_over() {
    let world = World::new();
    let deal = Deal::new(&world, 0).open(&world);
    assert_eq!(refused(&world, |t| t.salt = [4; 16]), Error::SlotTaken as u32);
    let twice = batch(&world, &[Deal::new(&world, 1), Deal::new(&world, 1)]);
    assert_eq!(refusal(world.escrow.try_open(&world.owner_address(), &twice)), Error::SlotTaken as u32);
    world.pass(601);
    let closing = deal.closing(&world, &deal.split(0, 0));
    world.escrow.close(&HostVec::from_array(&world.env, [closing]));
    Deal::new(&world, 0).open(&world);
}

#[test]
fn an_offer_is_never_opened_twice() {
    let world = World::new();
    let offer = Deal::with(&world, world.host(), |t| t.offer_expiry = UnixSeconds(u64::MAX));
    let deal = offer.open(&world);
    let closing = HostVec::from_array(&world.env, [deal.closing(&world, &deal.split(0, 0))]);
    world.pass(3_600);
    assert_eq!(refusal(world.escrow.try_close(&closing)), Error::StillOpenable as u32);
    world.pass(1);
    world.escrow.close(&closing);
    let again = world.escrow.try_open(&world.owner_address(), &batch(&world, &[deal]));
    assert_eq!(refusal(again), Error::StartOutOfRange as u32);
}

#[test]
fn collateral_comes_from_the_hosts_free_balance_alone() {
    let world = World::new();
    let most = refused(&world, |t| t.collateral = Stroops(DEPOSIT + 1));
    assert_eq!(most, Error::BalanceTooSmall as u32);
    Deal::with(&world, world.host(), |t| t.collateral = Stroops(DEPOSIT)).open(&world);
    assert_eq!(world.free(world.host()), 0);
    assert_eq!(refused(&world, |t| t.slot = 1), Error::BalanceTooSmall as u32);
}

#[test]
fn a_host_that_did_not_sign_is_not_bound() {
    let world = World::new();
    let deal = Deal::new(&world, 0);
    let stranger = Party::new(99);
    let forged = Opening { host_sig: world.signature(&stranger.sign(&deal.id.0)), ..deal.opening(&world) };
    let batch = HostVec::from_array(&world.env, [forged]);
    assert_eq!(refusal(world.escrow.try_open(&world.owner_address(), &batch)), 0);
}

#[test]
fn one_bad_agreement_undoes_the_whole_batch() {
    let world = World::new();
    let good = Deal::new(&world, 0);
    let bad = Deal::with(&world, world.host(), |t| {
        t.slot = 1;
        t.collateral = Stroops(DEPOSIT);
    });
    let result = world.escrow.try_open(&world.owner_address(), &batch(&world, &[good, bad]));
    assert_eq!(refusal(result), Error::BalanceTooSmall as u32);
    assert_eq!(world.free(world.host()), DEPOSIT);
    assert_eq!(world.escrow.slot(&world.owner_address(), &0, &0), BytesN::from_array(&world.env, &[0; 32]));
}

#[test]
fn an_owner_without_the_money_opens_nothing() {
    let world = World::new();
    let deal = Deal::with(&world, world.host(), |t| t.voucher_part = Stroops(i128::from(FUNDS) + 1));
    let result = world.escrow.try_open(&world.owner_address(), &batch(&world, &[deal]));
    assert!(result.is_err());
    assert_eq!(world.free(world.host()), DEPOSIT);
}
