//! No signature is ever valid for another kind, agreement, contract or network.

use super::accounts::Party;
use super::deal::{Deal, bytes};
use super::refusal;
use super::world::{World, config, deploy};
use crate::{Closing, Opening, Publication};
use layr_market::{Context, Kind, Revision, SlotState, SoftwareSha256, digest, message_digest};
use layr_types::NetworkId;
use soroban_sdk::{BytesN, Vec, testutils::Ledger as _, vec};

/// Both parties' signatures over the same 32 bytes.
fn both(world: &World, deal: &Deal, digest: &[u8; 32]) -> (BytesN<64>, BytesN<64>) {
    (world.signature(&deal.owner.sign(digest)), world.signature(&deal.host.sign(digest)))
}

#[test]
fn a_signature_of_another_kind_does_not_publish() {
    let world = World::new();
    let deal = Deal::new(&world, 0).open(&world);
    let revision = deal.revision();
    let good = deal.publication(&world, &revision);
    for kind in [Kind::Final, Kind::Terms, Kind::Voucher, Kind::Challenge, Kind::Slot, Kind::AuditRecord] {
        let (owner_sig, host_sig) = both(&world, &deal, &digest(&SoftwareSha256, kind, &revision.encode()));
        let replayed = Publication { owner_sig, host_sig, ..good.clone() };
        assert_eq!(refusal(world.escrow.try_publish(&replayed)), 0, "{kind:?}");
    }
    world.escrow.publish(&good);
}

#[test]
fn a_signature_of_another_kind_does_not_close() {
    let world = World::new();
    let deal = Deal::new(&world, 0).open(&world);
    world.pass(601);
    let split = deal.split(0, 0);
    let good = deal.closing(&world, &split);
    for kind in [Kind::Revision, Kind::Terms, Kind::Voucher, Kind::Confession] {
        let (owner_sig, host_sig) = both(&world, &deal, &digest(&SoftwareSha256, kind, &split.encode()));
        let replayed = Closing { owner_sig, host_sig, ..good.clone() };
        let result = world.escrow.try_close(&Vec::from_array(&world.env, [replayed]));
        assert_eq!(refusal(result), 0, "{kind:?}");
    }
}

#[test]
fn a_signature_of_another_kind_does_not_open() {
    let world = World::new();
    let deal = Deal::new(&world, 0);
    for kind in [Kind::Offer, Kind::Registration, Kind::Revision] {
        let other = message_digest(&SoftwareSha256, kind, &world.context(), &deal.terms.encode());
        let opening = Opening { host_sig: world.signature(&deal.host.sign(&other)), ..deal.opening(&world) };
        let batch = Vec::from_array(&world.env, [opening]);
        assert_eq!(refusal(world.escrow.try_open(&world.owner_address(), &batch)), 0, "{kind:?}");
    }
}

#[test]
fn signatures_of_one_agreement_do_not_count_in_another() {
    let world = World::new();
    let (first, second) = (Deal::new(&world, 0).open(&world), Deal::new(&world, 1).open(&world));
    let theirs = second.publication(&world, &second.revision());
    let mine = Revision { id: first.id, ..second.revision() };
    let mixed = Publication {
        owner_sig: theirs.owner_sig,
        host_sig: theirs.host_sig,
        ..first.publication(&world, &mine)
    };
    assert_eq!(refusal(world.escrow.try_publish(&mixed)), 0);
}

#[test]
fn a_settled_agreement_is_not_revived_by_its_slots_next_tenant() {
    let world = World::new();
    let old = Deal::new(&world, 0).open(&world);
    world.pass(601);
    let closing = old.closing(&world, &old.split(0, 0));
    world.escrow.close(&Vec::from_array(&world.env, [closing.clone()]));
    let new = Deal::new(&world, 0).open(&world);
    world.pass(601);
    let again = Vec::from_array(&world.env, [closing.clone()]);
    assert_eq!(refusal(world.escrow.try_close(&again)), crate::Error::SlotMismatch as u32);
    let dressed = Closing { terms: new.terms_bytes(&world), state: new.state_bytes(&world), ..closing };
    let dressed = Vec::from_array(&world.env, [dressed]);
    assert_eq!(refusal(world.escrow.try_close(&dressed)), crate::Error::WrongAgreement as u32);
    let stale = old.publication(&world, &old.revision());
    assert_eq!(refusal(world.escrow.try_publish(&stale)), crate::Error::SlotMismatch as u32);
}

#[test]
fn an_offer_for_another_contract_or_network_is_not_opened() {
    let world = World::new();
    let deal = Deal::new(&world, 0);
    let networks = Context { network: NetworkId([8; 32]), ..world.context() };
    let elsewhere = deal.terms.id(&SoftwareSha256, &networks);
    let opening =
        Opening { host_sig: world.signature(&deal.host.sign(&elsewhere.0)), ..deal.opening(&world) };
    let batch = Vec::from_array(&world.env, [opening]);
    assert_eq!(refusal(world.escrow.try_open(&world.owner_address(), &batch)), 0);

    let twin = deploy(&world.env, config(&world.env, vec![&world.env, world.token.clone()]));
    twin.deposit(&world.owner_address(), &world.key(world.host()), &world.token, &deal.terms.collateral.0);
    let batch = Vec::from_array(&world.env, [deal.opening(&world)]);
    assert_eq!(refusal(twin.try_open(&world.owner_address(), &batch)), 0);
    world.escrow.open(&world.owner_address(), &batch);
}

#[test]
fn a_registration_for_another_network_binds_nothing() {
    let world = World::bare(1);
    world.env.mock_all_auths();
    let signature = world.registration(world.host(), world.host());
    world.env.ledger().with_mut(|info| info.network_id = [8; 32]);
    let host = world.host().address(&world.env);
    assert_eq!(refusal(world.escrow.try_register(&host, &world.key(world.host()), &signature)), 0);
}

#[test]
fn a_forged_state_with_the_attackers_keys_is_not_believed() {
    let world = World::new();
    let deal = Deal::new(&world, 0).open(&world);
    let thief = Party::new(66);
    let mut forged = Deal { host: thief.clone(), owner: thief.clone(), ..deal.clone() };
    forged.state = SlotState {
        owner_key: layr_types::NodeKey(thief.node_key()),
        host_key: layr_types::NodeKey(thief.node_key()),
        ..deal.state
    };
    let publication = forged.publication(&world, &deal.revision());
    assert_eq!(refusal(world.escrow.try_publish(&publication)), crate::Error::SlotMismatch as u32);
    let honest_state = Publication {
        state: bytes(&world, &deal.state.encode()),
        ..forged.publication(&world, &deal.revision())
    };
    assert_eq!(refusal(world.escrow.try_publish(&honest_state)), 0);
}
