//! Rotation: at once by both, alone only by the right account and after both windows.

use super::accounts::{Party as Person, call};
use super::deal::{Deal, bytes};
use super::world::World;
use crate::Error;
use layr_market::{Party, ROTATION_MARGIN_SECONDS, Revision, Rotation, SoftwareSha256};
use layr_types::NodeKey;
use soroban_sdk::{BytesN, IntoVal as _, Val};

fn fresh() -> Person {
    Person::new(99)
}

#[test]
fn a_key_both_agree_on_signs_from_then_on_and_the_old_one_no_more() {
    let world = World::new();
    for party in [Party::Owner, Party::Host] {
        let (mut deal, revision) = Deal::published(&world, party as u8);
        let rotation = deal.rotation(party, &fresh());
        let (owner, host) = (deal.owner.clone(), deal.host.clone());
        let one = deal.try_rotate(&world, &rotation, [&owner, &owner]);
        assert_eq!(one, Err(0), "one side alone");
        deal.try_rotate(&world, &rotation, [&owner, &host]).unwrap();
        deal.assert_held(&world);
        let newer = Revision { n: revision.n + 1, ..revision };
        assert_eq!(super::refusal(world.escrow.try_publish(&deal.publication(&world, &newer))), 0);
        match party {
            Party::Owner => deal.owner = fresh(),
            _ => deal.host = fresh(),
        }
        deal.publish(&world, &newer);
        let replayed = deal.try_rotate(&world, &rotation, [&owner, &host]);
        assert_eq!(replayed, Err(Error::KeyUnfit as u32));
    }
}

#[test]
fn a_rotation_leads_from_the_present_key_to_one_nobody_has() {
    let world = World::new();
    let mut deal = Deal::new(&world, 0).open(&world);
    let (owner, host) = (deal.owner.clone(), deal.host.clone());
    let good = deal.rotation(Party::Owner, &fresh());
    let wrong = [
        (Rotation { from: NodeKey([1; 32]), ..good }, Error::KeyUnfit),
        (Rotation { to: NodeKey(host.node_key()), ..good }, Error::KeyUnfit),
        (Rotation { to: NodeKey(owner.node_key()), ..good }, Error::KeyUnfit),
        (Rotation { party: Party::Auditor, ..good }, Error::NotParty),
        (Rotation { id: layr_types::AgreementId([7; 32]), ..good }, Error::WrongAgreement),
    ];
    for (rotation, error) in wrong {
        assert_eq!(deal.try_rotate(&world, &rotation, [&owner, &host]), Err(error as u32));
        assert_eq!(deal.try_start_rotation(&world, &rotation), Err(error as u32));
    }
    let unasked = deal.try_finish_rotation(&world, &good);
    assert_eq!(unasked, Err(Error::KeyUnfit as u32), "nothing is pending");
}

#[test]
fn one_side_alone_waits_for_both_windows_and_an_hour() {
    let world = World::new();
    for party in [Party::Owner, Party::Host] {
        let mut deal = Deal::new(&world, party as u8).open(&world);
        let rotation = deal.rotation(party, &fresh());
        deal.try_start_rotation(&world, &rotation).unwrap();
        deal.assert_held(&world);
        let windows = u64::from(deal.terms.publish_window + deal.terms.proof_window);
        world.pass(windows + ROTATION_MARGIN_SECONDS - 1);
        assert_eq!(deal.try_finish_rotation(&world, &rotation), Err(Error::WrongStage as u32));
        world.pass(1);
        let other = Rotation { to: NodeKey([8; 32]), ..rotation };
        assert_eq!(deal.try_finish_rotation(&world, &other), Err(Error::KeyUnfit as u32));
        deal.try_finish_rotation(&world, &rotation).unwrap();
        deal.assert_held(&world);
        assert_eq!(deal.state.key_of(party), Some(rotation.to));
        assert_eq!(deal.try_finish_rotation(&world, &rotation), Err(Error::KeyUnfit as u32));
    }
}

#[test]
fn neither_side_puts_off_the_others_rotation() {
    let world = World::new();
    let mut deal = Deal::new(&world, 0).open(&world);
    let owners = deal.rotation(Party::Owner, &fresh());
    deal.try_start_rotation(&world, &owners).unwrap();
    let hosts = deal.rotation(Party::Host, &Person::new(98));
    assert_eq!(deal.try_start_rotation(&world, &hosts), Err(Error::KeyUnfit as u32));
    world.pass_until(deal.state.rotation.unwrap().effective);
    deal.try_finish_rotation(&world, &owners).unwrap();
    deal.try_start_rotation(&world, &hosts).unwrap();
}

#[test]
fn only_the_sides_own_account_may_ask_alone() {
    let world = World::new();
    let (env, host) = (&world.env, world.host());
    for (party, right, wrong) in [(Party::Owner, &world.owner, host), (Party::Host, host, &world.owner)] {
        let mut deal = Deal::new(&world, party as u8);
        env.mock_all_auths();
        deal = deal.open(&world);
        let rotation = deal.rotation(party, &fresh());
        let args: [Val; 1] = [BytesN::from_array(env, &rotation.digest(&SoftwareSha256)).into_val(env)];
        let call = call(env, &world.escrow.address, "start_rotation", (&args, &[]));
        env.set_auths(&[wrong.authorize(env, 1, call.clone())]);
        assert_eq!(deal.try_start_rotation(&world, &rotation), Err(0), "{party:?}");
        env.set_auths(&[right.authorize(env, 2, call)]);
        deal.try_start_rotation(&world, &rotation).unwrap();
    }
}

#[test]
fn a_host_without_an_account_cannot_ask_alone() {
    let world = World::bare(1);
    world.env.mock_all_auths();
    let host = world.host().clone();
    world.escrow.deposit(&host.address(&world.env), &world.key(&host), &world.token, &10_000_000);
    let mut deal = Deal::new(&world, 0).open(&world);
    let rotation = deal.rotation(Party::Host, &fresh());
    assert_eq!(deal.try_start_rotation(&world, &rotation), Err(Error::NotRegistered as u32));
    let short = world.escrow.try_finish_rotation(
        &deal.terms_bytes(&world),
        &deal.state_bytes(&world),
        &bytes(&world, &[1; 97]),
    );
    assert_eq!(super::refusal(short), Error::Malformed as u32);
}
