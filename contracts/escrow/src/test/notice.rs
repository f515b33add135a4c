//! `start_close`: either side may end early after the notice; the other never loses a window by it.

use super::deal::{DAY, Deal};
use super::world::{DEPOSIT, FUNDS, World};
use crate::Error;
use layr_market::{Outcome, Party, Settled, settle};
use layr_types::{Stroops, UnixSeconds};

/// A deal whose host pays 50,000 to leave.
fn leaving(world: &World) -> Deal {
    Deal::with(world, world.host(), |t| t.exit_fee = Stroops(50_000)).open(world)
}

#[test]
fn an_owner_ends_early_and_pays_only_what_accrued_until_then() {
    let world = World::new();
    let (mut deal, revision) = Deal::published(&world, 0);
    let ending = deal.terms.start.plus(10 * DAY);
    let owner = deal.owner.clone();
    deal.try_notice(&world, &deal.notice(Party::Owner, ending), &owner).unwrap();
    deal.assert_held(&world);
    world.pass_until(deal.frozen());
    assert_eq!(deal.frozen(), ending.plus(DAY));
    world.post_round_of(&deal);
    let proofs = super::deal::bytes(&world, &deal.proofs(&revision));
    let encoded = super::deal::bytes(&world, &revision.encode());
    world.escrow.prove(&deal.terms_bytes(&world), &deal.state_bytes(&world), &encoded, &proofs);
    let share = settle(&deal.terms, Settled::default(), ending, Outcome::Proved(&revision)).unwrap();
    assert_eq!(world.free(world.host()), DEPOSIT - deal.terms.collateral.0 + share.host.0);
    let longer = settle(&deal.terms, Settled::default(), deal.terms.end, Outcome::Proved(&revision)).unwrap();
    assert!(share.host < longer.host);
}

#[test]
fn a_host_that_ends_early_pays_the_exit_fee_at_once() {
    let world = World::new();
    let mut deal = leaving(&world);
    let owner = world.lumens(&world.owner_address());
    let free = world.free(world.host());
    let host = deal.host.clone();
    let notice = deal.notice(Party::Host, world.now().plus(4 * DAY));
    deal.try_notice(&world, &notice, &host).unwrap();
    assert_eq!(world.lumens(&world.owner_address()), owner + 50_000);
    assert_eq!(world.free(world.host()), free - 50_000);
    assert_eq!(deal.try_notice(&world, &notice, &host), Err(Error::WrongStage as u32), "only earlier still");
}

#[test]
fn a_host_that_cannot_pay_the_fee_stays() {
    let world = World::new();
    let mut deal = leaving(&world);
    world.escrow.withdraw(&world.key(world.host()), &world.token, &(world.free(world.host()) - 49_999));
    let host = deal.host.clone();
    let notice = deal.notice(Party::Host, world.now().plus(4 * DAY));
    assert_eq!(deal.try_notice(&world, &notice, &host), Err(Error::BalanceTooSmall as u32));
}

#[test]
fn notice_is_given_in_time_by_a_party_and_never_lengthens() {
    let world = World::new();
    let mut deal = Deal::new(&world, 0).open(&world);
    let (owner, host) = (deal.owner.clone(), deal.host.clone());
    let earliest = world.now().plus(u64::from(deal.terms.notice));
    let early = deal.notice(Party::Owner, UnixSeconds(earliest.0 - 1));
    assert_eq!(deal.try_notice(&world, &early, &owner), Err(Error::WrongStage as u32));
    for not_earlier in [deal.terms.end, deal.terms.end.plus(1)] {
        let notice = deal.notice(Party::Owner, not_earlier);
        assert_eq!(deal.try_notice(&world, &notice, &owner), Err(Error::WrongStage as u32));
    }
    let notice = deal.notice(Party::Owner, earliest);
    assert_eq!(deal.try_notice(&world, &notice, &host), Err(0), "the other side's signature");
    let auditors = deal.notice(Party::Auditor, earliest);
    assert_eq!(deal.try_notice(&world, &auditors, &owner), Err(Error::NotParty as u32));
    deal.try_notice(&world, &notice, &owner).unwrap();
    world.pass_until(earliest);
    let late = deal.notice(Party::Owner, earliest.plus(1));
    assert_eq!(deal.try_notice(&world, &late, &owner), Err(Error::WrongStage as u32));
    assert_eq!(
        world.lumens(&world.owner_address()),
        i128::from(FUNDS) - (deal.terms.escrow + deal.terms.voucher_part).0
    );
}

#[test]
fn a_notice_waits_until_the_open_challenge_is_over() {
    let world = World::new();
    let (mut deal, revision) = Deal::published(&world, 0);
    deal.challenged(&world, Party::Owner, &[3]);
    let owner = deal.owner.clone();
    let notice = deal.notice(Party::Owner, world.now().plus(9 * DAY));
    assert_eq!(deal.try_notice(&world, &notice, &owner), Err(Error::ChallengeOpen as u32));
    let proofs = deal.answer(&revision, &[3]);
    deal.try_respond(&world, &revision, (&[3], &proofs)).unwrap();
    deal.try_notice(&world, &notice, &owner).unwrap();
}
