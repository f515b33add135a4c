//! `close`: what both signed, once, and nothing newer is on record.

use super::accounts::Party;
use super::deal::{Deal, bytes};
use super::refusal;
use super::std::vec::Vec;
use super::world::{DEPOSIT, FUNDS, World};
use crate::{Closing, Error};
use layr_market::{FinalSplit, Revision, SoftwareSha256};
use layr_types::Stroops;
use soroban_sdk::Vec as HostVec;

fn one(world: &World, closing: Closing) -> HostVec<Closing> {
    HostVec::from_array(&world.env, [closing])
}

fn refused(world: &World, closing: Closing) -> u32 {
    refusal(world.escrow.try_close(&one(world, closing)))
}

/// An agreement that may be closed.
fn ripe(world: &World) -> Deal {
    let deal = Deal::new(world, 0).open(world);
    world.pass(601);
    deal
}

#[test]
fn closing_pays_both_as_they_signed_and_frees_the_slot() {
    let world = World::new();
    let deal = ripe(&world);
    world.escrow.close(&one(&world, deal.closing(&world, &deal.split(4, 123_456))));
    assert_eq!(world.free(world.host()), DEPOSIT + 123_456);
    assert_eq!(world.lumens(&world.owner_address()), i128::from(FUNDS) - 123_456);
    assert_eq!(world.lumens(&world.escrow.address), DEPOSIT + 123_456);
    assert_eq!(world.escrow.slot(&world.owner_address(), &0, &0).to_array(), [0; 32]);
}

#[test]
fn twenty_agreements_close_in_one_call_and_twenty_one_do_not() {
    let world = World::with_hosts(21);
    let open = |i: u8| Deal::with(&world, &world.hosts[usize::from(i)], |t| t.slot = i).open(&world);
    let deals: Vec<_> = (0..21).map(open).collect();
    world.pass(601);
    let closings: Vec<_> = deals.iter().map(|deal| deal.closing(&world, &deal.split(0, 1_000))).collect();
    let many = HostVec::from_iter(&world.env, closings.iter().cloned());
    assert_eq!(refusal(world.escrow.try_close(&many)), Error::BatchSize as u32);
    assert_eq!(refusal(world.escrow.try_close(&HostVec::new(&world.env))), Error::BatchSize as u32);
    world.escrow.close(&HostVec::from_iter(&world.env, closings.iter().take(20).cloned()));
    assert_eq!(world.free(&world.hosts[19]), DEPOSIT + 1_000);
    assert_eq!(
        world.escrow.slot(&world.owner_address(), &0, &20).to_array(),
        deals[20].state.commitment(&SoftwareSha256, &deals[20].id)
    );
}

#[test]
fn nothing_is_closed_twice() {
    let world = World::new();
    let deal = ripe(&world);
    let closing = deal.closing(&world, &deal.split(0, 0));
    let both = HostVec::from_array(&world.env, [closing.clone(), closing.clone()]);
    assert_eq!(refusal(world.escrow.try_close(&both)), Error::SlotMismatch as u32);
    world.escrow.close(&one(&world, closing.clone()));
    assert_eq!(refused(&world, closing), Error::SlotMismatch as u32);
}

#[test]
fn a_split_is_void_once_a_newer_revision_is_on_record() {
    let world = World::new();
    let mut deal = ripe(&world);
    let revision = deal.revision();
    deal.publish(&world, &revision);
    let old = deal.closing(&world, &deal.split(revision.n - 1, 0));
    assert_eq!(refused(&world, old), Error::OldRevision as u32);
    world.escrow.close(&one(&world, deal.closing(&world, &deal.split(revision.n, 0))));
}

#[test]
fn shares_must_add_up_to_what_is_locked() {
    let world = World::new();
    let deal = ripe(&world);
    let good = deal.split(0, 0);
    let code = Error::SplitUnfit as u32;
    let locked = deal.terms.locked();
    for (host, owner) in [
        (good.host + Stroops(1), good.owner),
        (good.host, good.owner - Stroops(1)),
        (locked + Stroops(1), Stroops(-1)),
        (Stroops(-1), locked + Stroops(1)),
        (Stroops(i128::MAX), Stroops(i128::MAX)),
    ] {
        let split = FinalSplit { host, owner, ..good };
        assert_eq!(refused(&world, deal.closing(&world, &split)), code);
    }
    let all = FinalSplit { host: locked, owner: Stroops(0), ..good };
    world.escrow.close(&one(&world, deal.closing(&world, &all)));
}

#[test]
fn an_agreement_is_not_closed_while_its_offer_lives() {
    let world = World::new();
    let deal = Deal::new(&world, 0).open(&world);
    let closing = deal.closing(&world, &deal.split(0, 0));
    world.pass(600);
    assert_eq!(refused(&world, closing.clone()), Error::StillOpenable as u32);
    world.pass(1);
    world.escrow.close(&one(&world, closing));
}

#[test]
fn a_split_of_another_agreement_is_refused() {
    let world = World::new();
    let deal = ripe(&world);
    let split = FinalSplit { id: layr_types::AgreementId([1; 32]), ..deal.split(0, 0) };
    assert_eq!(refused(&world, deal.closing(&world, &split)), Error::WrongAgreement as u32);
}

#[test]
fn both_must_have_signed_the_split() {
    let world = World::new();
    let deal = ripe(&world);
    let good = deal.closing(&world, &deal.split(0, 0));
    let stranger = Party::new(99).sign(&deal.split(0, 0).digest(&SoftwareSha256));
    let stranger = world.signature(&stranger);
    for forged in [
        Closing { owner_sig: stranger.clone(), ..good.clone() },
        Closing { host_sig: stranger, ..good.clone() },
        Closing { host_sig: good.owner_sig.clone(), ..good.clone() },
        Closing { split: bytes(&world, &deal.split(0, 1).encode()), ..good.clone() },
    ] {
        assert_eq!(refused(&world, forged), 0);
    }
}

#[test]
fn a_malformed_split_is_refused() {
    let world = World::new();
    let deal = ripe(&world);
    let good = deal.closing(&world, &deal.split(0, 0));
    let mut reason = deal.split(0, 0).encode();
    reason[73] = 3;
    for wrong in [&reason[..], &reason[..73], &[]] {
        let closing = Closing { split: bytes(&world, wrong), ..good.clone() };
        assert_eq!(refused(&world, closing), Error::Malformed as u32);
    }
}

#[test]
fn consent_ends_an_agreement_at_any_stage() {
    for stage in ["publishing", "proving", "over"] {
        let world = World::new();
        let mut deal = Deal::new(&world, 0).open(&world);
        let revision = deal.revision();
        deal.publish(&world, &revision);
        world.pass_until(match stage {
            "publishing" => deal.terms.end,
            "proving" => deal.frozen(),
            _ => deal.deadline().plus(1),
        });
        world.escrow.close(&one(&world, deal.closing(&world, &deal.split(revision.n, 5))));
        assert_eq!(world.free(world.host()), DEPOSIT + 5, "{stage}");
    }
}

#[test]
fn a_bad_closing_undoes_the_whole_batch() {
    let world = World::new();
    let (first, second) = (Deal::new(&world, 0).open(&world), Deal::new(&world, 1).open(&world));
    world.pass(601);
    let bad = FinalSplit { host: Stroops(0), ..second.split(0, 0) };
    let batch = HostVec::from_array(
        &world.env,
        [first.closing(&world, &first.split(0, 0)), second.closing(&world, &bad)],
    );
    assert_eq!(refusal(world.escrow.try_close(&batch)), Error::SplitUnfit as u32);
    assert_ne!(world.escrow.slot(&world.owner_address(), &0, &0).to_array(), [0; 32]);
    let newer = Revision { n: 9, ..first.revision() };
    world.escrow.publish(&first.publication(&world, &newer));
}
