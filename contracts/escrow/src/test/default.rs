//! `default`: a challenge nobody answered ends the agreement as a missed proof does, and returns the bond.

use super::deal::Deal;
use super::world::{DEPOSIT, FUNDS, World};
use crate::Error;
use layr_market::{Outcome, Party, Revision, Settled, settle};

#[test]
fn an_unanswered_challenge_costs_the_host_its_risk_and_returns_the_bond() {
    let world = World::new();
    let (mut deal, revision) = Deal::published(&world, 0);
    deal.challenged(&world, Party::Owner, &[8]);
    world.pass_until(deal.challenge_deadline());
    assert_eq!(deal.try_default(&world, &revision), Err(Error::WrongStage as u32), "not yet");
    world.pass(1);
    world.env.set_auths(&[]);
    deal.try_default(&world, &revision).unwrap();
    let share = settle(&deal.terms, Settled::default(), deal.terms.end, Outcome::Missed(&revision)).unwrap();
    let paid_in = (deal.terms.escrow + deal.terms.voucher_part).0;
    assert_eq!(world.free(world.host()), DEPOSIT - deal.terms.collateral.0 + share.host.0);
    assert_eq!(world.lumens(&world.owner_address()), i128::from(FUNDS) - paid_in + share.owner.0);
    assert_eq!(world.lumens(&world.escrow.constants().burn), share.burn.0);
    assert_eq!(world.escrow.slot(&world.owner_address(), &0, &0).to_array(), [0; 32]);
    assert_eq!(deal.try_default(&world, &revision), Err(Error::SlotMismatch as u32), "only once");
}

#[test]
fn without_a_challenge_nobody_is_in_default() {
    let world = World::new();
    let (mut deal, revision) = Deal::published(&world, 0);
    world.pass_until(deal.terms.start.plus(10 * 86_400));
    assert_eq!(deal.try_default(&world, &revision), Err(Error::NoChallenge as u32));
    deal.challenged(&world, Party::Owner, &[8]);
    let proofs = deal.answer(&revision, &[8]);
    deal.try_respond(&world, &revision, (&[8], &proofs)).unwrap();
    world.pass(10 * 86_400);
    assert_eq!(deal.try_default(&world, &revision), Err(Error::NoChallenge as u32));
}

#[test]
fn a_host_that_challenges_itself_and_stays_silent_is_defaulted_like_any_other() {
    let world = World::new();
    let (mut deal, revision) = Deal::published(&world, 0);
    deal.challenged(&world, Party::Host, &[]);
    world.pass_until(deal.challenge_deadline().plus(1));
    deal.try_default(&world, &revision).unwrap();
    assert!(world.free(world.host()) < DEPOSIT);
}

#[test]
fn the_default_is_of_the_published_revision() {
    let world = World::new();
    let (mut deal, revision) = Deal::published(&world, 0);
    deal.challenged(&world, Party::Owner, &[8]);
    world.pass_until(deal.challenge_deadline().plus(1));
    let other = Revision { risk: layr_types::Stroops(0), ..revision.clone() };
    assert_eq!(deal.try_default(&world, &other), Err(Error::WrongRevision as u32));
    deal.try_default(&world, &revision).unwrap();
}
