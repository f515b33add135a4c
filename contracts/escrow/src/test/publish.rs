//! `publish`: the newest revision wins, and nothing but a revision both signed counts.

use super::accounts::Party;
use super::deal::{Deal, bytes};
use super::refusal;
use super::world::World;
use crate::{Error, Publication};
use layr_market::{Revision, SoftwareSha256};
use layr_types::Stroops;

fn refused(world: &World, publication: &Publication) -> u32 {
    refusal(world.escrow.try_publish(publication))
}

/// The code with which a revision altered like this is refused, both having signed it.
fn refused_revision(world: &World, deal: &Deal, alter: impl FnOnce(&mut Revision)) -> u32 {
    let mut revision = deal.revision();
    alter(&mut revision);
    refused(world, &deal.publication(world, &revision))
}

#[test]
fn publishing_replaces_the_commitment_and_moves_no_money() {
    let world = World::new();
    let mut deal = Deal::new(&world, 0).open(&world);
    let before = world.lumens(&world.escrow.address);
    let revision = deal.revision();
    deal.publish(&world, &revision);
    assert_eq!(deal.state.n, revision.n);
    let held = world.escrow.slot(&world.owner_address(), &0, &0).to_array();
    assert_eq!(held, deal.state.commitment(&SoftwareSha256, &deal.id));
    assert_eq!(world.lumens(&world.escrow.address), before);
}

#[test]
fn an_old_or_equal_revision_is_refused_and_a_newer_one_taken() {
    let world = World::new();
    let mut deal = Deal::new(&world, 0).open(&world);
    let revision = deal.revision();
    let older = Revision { n: revision.n - 1, ..revision.clone() };
    deal.publish(&world, &revision);
    assert_eq!(refused(&world, &deal.publication(&world, &revision)), Error::OldRevision as u32);
    assert_eq!(refused(&world, &deal.publication(&world, &older)), Error::OldRevision as u32);
    assert_eq!(refused_revision(&world, &deal, |r| r.n = 0), Error::OldRevision as u32);
    let newer = Revision { n: revision.n + 1, ..revision };
    deal.publish(&world, &newer);
}

#[test]
fn revisions_are_taken_until_the_root_freezes() {
    let world = World::new();
    let mut deal = Deal::new(&world, 0).open(&world);
    let revision = deal.revision();
    world.pass_until(deal.terms.end);
    deal.publish(&world, &revision);
    let newer = Revision { n: revision.n + 1, ..revision };
    world.pass_until(deal.frozen());
    let late = deal.publication(&world, &newer);
    assert_eq!(refused(&world, &late), Error::WrongStage as u32);
    world.pass_until(deal.deadline().plus(1));
    assert_eq!(refused(&world, &late), Error::WrongStage as u32);
}

#[test]
fn a_revision_that_does_not_fit_the_terms_is_refused() {
    let world = World::new();
    let deal = Deal::new(&world, 0).open(&world);
    let code = Error::RevisionUnfit as u32;
    let terms = deal.terms.clone();
    assert_eq!(refused_revision(&world, &deal, |r| r.paid = terms.escrow + Stroops(1)), code);
    assert_eq!(refused_revision(&world, &deal, |r| r.due = Stroops(-1)), code);
    assert_eq!(refused_revision(&world, &deal, |r| r.paid = Stroops(i128::MAX)), code);
    assert_eq!(refused_revision(&world, &deal, |r| r.risk = terms.collateral + Stroops(1)), code);
    assert_eq!(refused_revision(&world, &deal, |r| r.sectors = terms.capacity.whole_sectors() + 1), code);
    assert_eq!(refused_revision(&world, &deal, |r| r.sectors = u64::MAX), code);
    assert_eq!(refused_revision(&world, &deal, |r| r.time = terms.end.plus(1)), code);
}

#[test]
fn a_revision_of_another_agreement_is_refused() {
    let world = World::new();
    let deal = Deal::new(&world, 0).open(&world);
    let other = Deal::new(&world, 1).open(&world);
    let revision = other.revision();
    assert_eq!(refused(&world, &deal.publication(&world, &revision)), Error::WrongAgreement as u32);
}

#[test]
fn both_must_have_signed() {
    let world = World::new();
    let deal = Deal::new(&world, 0).open(&world);
    let good = deal.publication(&world, &deal.revision());
    let stranger = Party::new(99).sign(&deal.revision().digest(&SoftwareSha256));
    let stranger = world.signature(&stranger);
    let forgeries = [
        Publication { owner_sig: stranger.clone(), ..good.clone() },
        Publication { host_sig: stranger, ..good.clone() },
        Publication { owner_sig: good.host_sig.clone(), host_sig: good.owner_sig.clone(), ..good.clone() },
        Publication { owner_sig: good.host_sig.clone(), ..good.clone() },
    ];
    for forgery in &forgeries {
        assert_eq!(refused(&world, forgery), 0);
    }
    world.escrow.publish(&good);
}

#[test]
fn a_state_the_slot_does_not_hold_is_refused() {
    let world = World::new();
    let mut deal = Deal::new(&world, 0);
    let revision = deal.revision();
    let unopened = deal.publication(&world, &revision);
    assert_eq!(refused(&world, &unopened), Error::SlotMismatch as u32);
    deal = deal.open(&world);
    let stale = deal.publication(&world, &Revision { n: 90, ..revision.clone() });
    deal.publish(&world, &revision);
    assert_eq!(refused(&world, &stale), Error::SlotMismatch as u32);
    let mut made_up = deal.clone();
    made_up.state.floor = Stroops(1);
    let lie = made_up.publication(&world, &Revision { n: 91, ..revision });
    assert_eq!(refused(&world, &lie), Error::SlotMismatch as u32);
}

#[test]
fn arguments_of_another_length_are_refused() {
    let world = World::new();
    let deal = Deal::new(&world, 0).open(&world);
    let good = deal.publication(&world, &deal.revision());
    let short = bytes(&world, &deal.state.encode()[1..]);
    let mut reserved = deal.state.encode();
    reserved[230] = 1;
    for wrong in [
        Publication { state: short.clone(), ..good.clone() },
        Publication { state: bytes(&world, &reserved), ..good.clone() },
        Publication { revision: short.clone(), ..good.clone() },
        Publication { terms: short, ..good.clone() },
    ] {
        assert_eq!(refused(&world, &wrong), Error::Malformed as u32);
    }
}
