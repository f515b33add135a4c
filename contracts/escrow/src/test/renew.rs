//! `renew`: the old ends as both signed and the new begins in its slot, or neither.

use super::accounts::{Party as Person, call};
use super::deal::{DAY, Deal};
use super::std::vec::Vec;
use super::world::{DEPOSIT, FUNDS, World};
use super::{outcome, refusal};
use crate::{Error, Renewal};
use layr_market::{Party, Sha256 as _, SoftwareSha256, Terms};
use layr_types::{AccountKey, AgreementId, NodeKey, Stroops};
use soroban_sdk::{BytesN, IntoVal as _, Val, Vec as HostVec};

/// A deal a day before its end and its successor.
fn near_its_end(world: &World) -> (Deal, Deal) {
    let old = Deal::new(world, 0).open(world);
    world.pass(29 * DAY);
    let new = old.successor(world);
    (old, new)
}

fn renew(world: &World, renewals: &[Renewal]) -> Result<(), u32> {
    let batch = HostVec::from_iter(&world.env, renewals.iter().cloned());
    outcome(world.escrow.try_renew(&world.owner_address(), &batch))
}

fn paid_in(terms: &Terms) -> i128 {
    (terms.escrow + terms.voucher_part).0
}

#[test]
fn a_renewal_pays_the_old_and_locks_the_new_in_the_same_slot() {
    let world = World::new();
    let (old, new) = near_its_end(&world);
    renew(&world, &[old.renewal(&world, &new, &old.renewal_split(0, 500_000))]).unwrap();
    new.assert_held(&world);
    assert_eq!(world.free(world.host()), DEPOSIT - new.terms.collateral.0 + 500_000);
    assert_eq!(world.lumens(&world.owner_address()), i128::from(FUNDS) - 500_000 - paid_in(&new.terms));
    let again = renew(&world, &[old.renewal(&world, &new, &old.renewal_split(0, 500_000))]);
    assert_eq!(again, Err(Error::SlotMismatch as u32));
}

#[test]
fn collateral_rolls_over_where_nothing_else_is_free() {
    let world = World::new();
    let (old, new) = near_its_end(&world);
    world.escrow.withdraw(&world.key(world.host()), &world.token, &world.free(world.host()));
    renew(&world, &[old.renewal(&world, &new, &old.renewal_split(0, 0))]).unwrap();
    assert_eq!(world.free(world.host()), 0);
}

#[test]
fn an_owner_who_renews_for_less_gets_the_difference() {
    let world = World::new();
    let old = Deal::new(&world, 0).open(&world);
    world.pass(DAY);
    let mut new = old.successor(&world);
    new.terms.rate = 0;
    new.terms.escrow = new.terms.base_fee;
    new = Deal::with(&world, world.host(), |t| *t = new.terms.clone());
    renew(&world, &[old.renewal(&world, &new, &old.renewal_split(0, 0))]).unwrap();
    assert_eq!(world.lumens(&world.owner_address()), i128::from(FUNDS) - paid_in(&new.terms));
}

#[test]
fn the_owner_authorises_the_new_ids_and_the_difference() {
    let world = World::new();
    let (old, new) = near_its_end(&world);
    let env = &world.env;
    let split = old.renewal_split(0, 500_000);
    let net = paid_in(&new.terms) - split.owner.0;
    let transfer: [Val; 3] =
        [world.owner_address().into_val(env), world.escrow.address.into_val(env), net.into_val(env)];
    let transfer = call(env, &world.token, "transfer", (&transfer, &[]));
    let args: [Val; 1] = [BytesN::from_array(env, &SoftwareSha256.sha256(&[&new.id.0])).into_val(env)];
    let call = call(env, &world.escrow.address, "renew", (&args, &[transfer]));
    let renewal = [old.renewal(&world, &new, &split)];
    env.set_auths(&[]);
    assert_eq!(renew(&world, &renewal), Err(0));
    env.set_auths(&[world.host().authorize(env, 1, call.clone())]);
    assert_eq!(renew(&world, &renewal), Err(0));
    env.set_auths(&[world.owner.authorize(env, 2, call)]);
    renew(&world, &renewal).unwrap();
}

#[test]
fn only_a_successor_takes_the_slot() {
    let world = World::with_hosts(2);
    let (old, new) = near_its_end(&world);
    let split = old.renewal_split(0, 0);
    let attempts: [fn(&mut Terms); 3] =
        [|t| t.previous = AgreementId::default(), |t| t.slot = 1, |t| t.folder = 1];
    for alter in attempts {
        let mut terms = new.terms.clone();
        alter(&mut terms);
        let other = Deal::with(&world, world.host(), |t| *t = terms);
        assert_eq!(renew(&world, &[old.renewal(&world, &other, &split)]), Err(Error::NotRenewal as u32));
    }
    let mut terms = new.terms.clone();
    terms.host_key = NodeKey(world.hosts[1].node_key());
    let other = Deal::with(&world, &world.hosts[1], |t| *t = terms);
    assert_eq!(renew(&world, &[old.renewal(&world, &other, &split)]), Err(Error::NotRenewal as u32));
    let mut terms = new.terms.clone();
    terms.owner_account = AccountKey(world.host().account_key());
    let other = Deal::with(&world, world.host(), |t| *t = terms);
    assert_eq!(renew(&world, &[old.renewal(&world, &other, &split)]), Err(Error::WrongAccount as u32));
    renew(&world, &[old.renewal(&world, &new, &split)]).unwrap();
}

#[test]
fn a_renewals_split_closes_nothing_and_no_other_split_renews() {
    let world = World::new();
    let (old, new) = near_its_end(&world);
    let renewal = old.renewal_split(0, 0);
    let batch = HostVec::from_array(&world.env, [old.closing(&world, &renewal)]);
    assert_eq!(refusal(world.escrow.try_close(&batch)), Error::NotRenewal as u32);
    let plain = renew(&world, &[old.renewal(&world, &new, &old.split(0, 0))]);
    assert_eq!(plain, Err(Error::NotRenewal as u32));
}

#[test]
fn a_challenged_agreement_is_not_renewed_but_may_be_closed_and_its_bond_returns() {
    let world = World::new();
    let (mut old, revision) = Deal::published(&world, 0);
    world.pass(DAY);
    old.challenged(&world, Party::Owner, &[1]);
    let new = old.successor(&world);
    let renewal = old.renewal(&world, &new, &old.renewal_split(revision.n, 0));
    assert_eq!(renew(&world, &[renewal]), Err(Error::ChallengeOpen as u32));
    let closing = old.closing(&world, &old.split(revision.n, 9));
    world.escrow.close(&HostVec::from_array(&world.env, [closing]));
    assert_eq!(world.lumens(&world.owner_address()), i128::from(FUNDS) - 9);
    assert_eq!(world.lumens(&world.escrow.address), world.free(world.host()));
}

#[test]
fn what_could_be_opened_again_is_not_renewed() {
    let world = World::new();
    let old = Deal::new(&world, 0).open(&world);
    world.pass(600);
    let new = old.successor(&world);
    let early = renew(&world, &[old.renewal(&world, &new, &old.renewal_split(0, 0))]);
    assert_eq!(early, Err(Error::StillOpenable as u32));
}

#[test]
fn a_rotated_host_renews_under_its_present_key() {
    let world = World::with_hosts(2);
    let mut old = Deal::new(&world, 0).open(&world);
    let next: Person = world.hosts[1].clone();
    let (owner, host) = (old.owner.clone(), old.host.clone());
    old.try_rotate(&world, &old.rotation(Party::Host, &next), [&owner, &host]).unwrap();
    world.pass(DAY);
    let stale = old.successor(&world);
    let split = old.renewal_split(0, 0);
    old.host = next;
    assert_eq!(renew(&world, &[old.renewal(&world, &stale, &split)]), Err(Error::NotRenewal as u32));
    let new = old.successor(&world);
    renew(&world, &[old.renewal(&world, &new, &split)]).unwrap();
    assert_eq!(world.free(world.host()), DEPOSIT, "the old key got its collateral back");
    assert_eq!(world.free(&world.hosts[1]), DEPOSIT - new.terms.collateral.0);
}

#[test]
fn twenty_renew_in_one_call_or_none_does() {
    let world = World::with_hosts(21);
    let open = |i: u8| Deal::with(&world, &world.hosts[usize::from(i)], |t| t.slot = i).open(&world);
    let deals: Vec<Deal> = (0..21).map(open).collect();
    world.pass(DAY);
    let successors: Vec<Deal> = deals.iter().map(|deal| deal.successor(&world)).collect();
    let renewal = |(old, new): (&Deal, &Deal)| old.renewal(&world, new, &old.renewal_split(0, 1_000));
    let mut renewals: Vec<Renewal> = deals.iter().zip(&successors).map(renewal).collect();
    assert_eq!(renew(&world, &renewals), Err(Error::BatchSize as u32));
    assert_eq!(renew(&world, &[]), Err(Error::BatchSize as u32));
    renewals.pop();
    let mut spoilt = renewals.clone();
    spoilt[19].opening.host_sig = renewals[0].opening.host_sig.clone();
    assert_eq!(renew(&world, &spoilt), Err(0));
    deals.iter().for_each(|deal| deal.assert_held(&world));
    renew(&world, &renewals).unwrap();
    successors.iter().take(20).for_each(|deal| deal.assert_held(&world));
    let locked = deals[20].terms.locked() + Stroops(successors[0].terms.locked().0 * 20);
    let free: i128 = world.hosts.iter().map(|host| world.free(host)).sum();
    assert_eq!(world.lumens(&world.escrow.address), free + locked.0);
}
