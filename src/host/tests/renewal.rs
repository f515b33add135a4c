//! Renewal: one batch, no byte, and never two owners of a shelf; and the rotation of an owner's key.

use super::*;
use crate::AgreementState;
use crate::ports::{OnLedger, SignedSplit};
use layr_market::{Party, Rotation};
use layr_protocol::{Carried, Renew, Renewed, Rotate};

const LATER: u64 = 20 * 86_400;

/// A world whose clock says day 20, with an agreement of three sectors, just acknowledged.
async fn ready(slots: u64) -> (World, Owner) {
    let world = World::new(slots);
    let mut owner = Owner::open(&world, 1, 4).await;
    owner.store(&world, &[1, 2, 3], START).await.expect("stored");
    acknowledged(&world, &mut owner).await;
    (world, owner)
}

async fn acknowledged(world: &World, owner: &mut Owner) {
    let now = START.plus(LATER);
    world.ledger.set_now(now);
    let ack = owner.audit(world, 1, now).await.expect("answered");
    world.host.acknowledge(owner.key, ack.clone()).await.map(drop).expect("countersigned");
    owner.newest = ack.revision;
}

/// What the owner asks for, and the owner of the new agreement.
fn renewal(world: &World, owner: &Owner, sectors: u64) -> (Renew, Owner) {
    let now = owner.newest.time;
    let offer = world.host.current_offer(now);
    let request = Request {
        capacity: ByteCount::from_sectors(sectors).expect("small"),
        start: now,
        end: now.plus(TERM),
        salt: [42; 16],
        ..Request::of(&owner.terms)
    };
    let terms = offer.offer.draft(&request).expect("the offer covers it");
    let terms = Terms { previous: owner.id, ..terms };
    let id = terms.id(&SoftwareSha256, &context());
    let split = owner.finish(FinalReason::Renewed);
    let opening = Revision::opening(&terms, id);
    let revision = opening.append(&terms, terms.start, owner.newest.root, owner.newest.sectors);
    let revision = revision.expect("within the terms");
    let carried = Some(Carried { signature: owner.sign(&revision), revision: revision.clone() });
    let heir = Owner { terms: terms.clone(), id, newest: revision, ..owner.clone() };
    (Renew { terms, offer, split: split.split, signature: split.signature, carried }, heir)
}

fn on_ledger(world: &World, owner: &Owner, renew: &Renew, signed: &Renewed) {
    let at = OnLedger { terms: owner.terms.clone(), state: SlotState::opening(&owner.terms) };
    let split = SignedSplit { split: renew.split, owner: renew.signature, host: signed.split };
    world.ledger.renew(&at, &split, &renew.terms).expect("the ledger renews it");
}

#[tokio::test]
async fn a_renewal_hands_over_every_sector_without_moving_a_byte() {
    let (world, owner) = ready(8).await;
    let (renew, mut heir) = renewal(&world, &owner, 6);
    let signed = world.host.renew(owner.key, renew.clone()).await.expect("signed");
    assert_eq!(world.host.renew(owner.key, renew.clone()).await, Ok(signed), "the same again");
    world.assert_books();
    on_ledger(&world, &owner, &renew, &signed);
    world.host.activate(owner.key, heir.id).await.expect("the host sees it");
    world.assert_books();
    world.host.tick().await.expect("a round");
    world.assert_books();
    let status = world.host.status().await.expect("readable");
    assert_eq!((status.agreements.len(), status.closed), (1, 1));
    assert_eq!(status.agreements[0].id, heir.id);
    let space = world.host.space();
    assert_eq!((space.live, space.reserved, space.free, space.trash), (3, 3, 2, 0));
    let now = heir.terms.start;
    heir.audit(&world, 9, now).await.expect("the new agreement proves the old one's leaves");
    heir.store(&world, &[4, 5, 6], now).await.expect("and grows");
    let (append, _) = owner.append(&[root_of(&sector(1))], now);
    assert!(world.host.append(owner.key, append).await.is_err(), "the old one is over");
    world.assert_books();
}

#[tokio::test]
async fn a_full_host_can_renew_and_a_smaller_renewal_gives_space_back() {
    let (world, owner) = ready(4).await;
    assert_eq!(world.host.space().free, 0);
    let (larger, _) = renewal(&world, &owner, 5);
    let full = Refusal::Full { free: ByteCount::ZERO };
    assert_eq!(world.host.renew(owner.key, larger).await, Err(full));
    let (renew, heir) = renewal(&world, &owner, 3);
    let signed = world.host.renew(owner.key, renew.clone()).await.expect("signed");
    on_ledger(&world, &owner, &renew, &signed);
    world.host.tick().await.expect("a round");
    world.at(owner.newest.time.plus(1_000)).await;
    world.assert_books();
    assert_eq!(world.host.space().free, 1);
    assert!(world.host.agreement(&heir.id).expect("readable").is_some());
}

#[tokio::test]
async fn a_crash_anywhere_in_a_renewal_leaves_the_contents_with_exactly_one_agreement() {
    for kept in 0..4 {
        let (world, owner) = ready(8).await;
        let (renew, heir) = renewal(&world, &owner, 6);
        let signed = world.host.renew(owner.key, renew.clone()).await.expect("signed");
        let world = world.crash(kept);
        world.assert_books();
        on_ledger(&world, &owner, &renew, &signed);
        let world = world.crash(kept);
        world.host.opened(&heir.id).expect("handed over");
        let world = world.crash(kept);
        world.assert_books();
        world.at(owner.newest.time.plus(10)).await;
        let world = world.crash(kept);
        world.at(owner.newest.time.plus(1_000)).await;
        world.assert_books();
        let agreement = world.host.agreement(&heir.id).expect("readable").expect("there");
        assert_eq!((agreement.state, agreement.shelf), (AgreementState::Open, owner.id));
        heir.audit(&world, 9, heir.terms.start).await.expect("proved");
        assert_eq!(world.ledger.paid().len(), 1);
    }
}

#[tokio::test]
async fn a_renewal_that_never_comes_lapses_and_the_old_agreement_goes_on() {
    let (world, mut owner) = ready(8).await;
    let (renew, heir) = renewal(&world, &owner, 6);
    world.host.renew(owner.key, renew.clone()).await.expect("signed");
    let until = renew.terms.offer_expiry;
    let (append, _) = owner.append(&[root_of(&sector(1))], owner.newest.time);
    assert_eq!(world.host.append(owner.key, append).await, Err(Refusal::Renewing { until }));
    let finish = owner.finish(FinalReason::Early);
    assert_eq!(world.host.finish(owner.key, finish).await, Err(Refusal::Renewing { until }));
    assert_eq!(world.host.audit(heir.key, heir.challenge(3)).await, Err(Refusal::NotOpen));
    world.at(until.plus(1)).await;
    world.assert_books();
    assert_eq!((world.host.space().reserved, world.host.space().free), (1, 4));
    owner.store(&world, &[4], until.plus(1)).await.expect("the old one goes on");
    let only_renewal = owner.finish(FinalReason::Renewed);
    assert_eq!(world.host.finish(owner.key, only_renewal).await, Err(Refusal::SplitMismatch));
    world.assert_books();
}

#[tokio::test]
async fn the_host_signs_no_renewal_it_does_not_compute_itself() {
    let (world, owner) = ready(8).await;
    let (good, _) = renewal(&world, &owner, 6);
    let mut split = good.clone();
    split.split.host -= Stroops(1);
    split.split.owner += Stroops(1);
    split.signature = owner.signer.sign(&split.split.digest(&SoftwareSha256));
    assert_eq!(world.host.renew(owner.key, split).await, Err(Refusal::SplitMismatch));
    let mut carried = good.clone();
    if let Some(carried) = &mut carried.carried {
        carried.revision.risk = Stroops::ZERO;
        carried.signature = owner.sign(&carried.revision);
    }
    assert_eq!(world.host.renew(owner.key, carried).await, Err(Refusal::RevisionMismatch));
    let none = Renew { carried: None, ..good.clone() };
    assert_eq!(world.host.renew(owner.key, none).await, Err(Refusal::RevisionMismatch));
    let terms = Terms { slot: 9, ..good.terms.clone() };
    let elsewhere = Renew { terms, ..good.clone() };
    assert_eq!(world.host.renew(owner.key, elsewhere).await, Err(Refusal::NotRenewal));
    let forged = Renew { signature: Signature([1; 64]), ..good.clone() };
    assert_eq!(world.host.renew(owner.key, forged).await, Err(Refusal::BadSignature));
    let plain = Proposal { terms: good.terms.clone(), offer: good.offer.clone() };
    assert_eq!(world.host.propose(owner.key, plain).await, Err(Refusal::TermsNotOffered));
    world.ledger.set_now(owner.newest.time.plus(500));
    assert_eq!(world.host.renew(owner.key, good).await, Err(Refusal::SplitMismatch), "unpaid for 500 s");
    world.assert_books();
}

fn rotate(owner: &Owner, to: u8) -> Rotate {
    let (next, party) = (signer(to), Party::Owner);
    let rotation = Rotation { id: owner.id, party, from: owner.key, to: NodeKey(next.public()) };
    Rotate {
        rotation,
        signature: owner.signer.sign(&rotation.digest(&SoftwareSha256)),
        newest: Some(next.sign(&owner.newest.digest(&SoftwareSha256))),
        voucher: None,
    }
}

#[tokio::test]
async fn a_rotated_owner_goes_on_under_its_new_key_and_the_newest_revision_counts() {
    let (world, mut owner) = ready(8).await;
    let asked = rotate(&owner, 55);
    let host = world.host.rotate(owner.key, asked.clone()).await.expect("countersigned");
    assert!(layr_identity::verify(&world.host.key(), &asked.rotation.digest(&SoftwareSha256), &host));
    let (append, _) = owner.append(&[root_of(&sector(1))], owner.newest.time);
    assert_eq!(world.host.append(owner.key, append).await, Err(Refusal::Rotating));
    world.ledger.rotate(&owner.terms, &SlotState::opening(&owner.terms), &asked.rotation).expect("rotated");
    world.host.activate(owner.key, owner.id).await.expect("the host looks");
    owner.signer = signer(55);
    owner.key = NodeKey(owner.signer.public());
    owner.store(&world, &[4], owner.newest.time).await.expect("the new key signs");
    world.assert_books();
    let (world, end) = (world.restart(), owner.terms.end);
    world.at(end.plus(u64::from(owner.terms.publish_window) / 4)).await;
    assert_eq!(world.ledger.calls(), ["rotate", "publish"]);
}

#[tokio::test]
async fn no_rotation_is_countersigned_that_would_void_what_the_host_holds() {
    let (world, owner) = ready(8).await;
    let good = rotate(&owner, 55);
    let unsigned = Rotate { newest: None, ..good.clone() };
    assert_eq!(world.host.rotate(owner.key, unsigned).await, Err(Refusal::RotationUnfit));
    let by_old_key = Rotate { newest: Some(owner.sign(&owner.newest)), ..good.clone() };
    assert_eq!(world.host.rotate(owner.key, by_old_key).await, Err(Refusal::RotationUnfit));
    let forged = Rotate { signature: Signature([1; 64]), ..good };
    assert_eq!(world.host.rotate(owner.key, forged).await, Err(Refusal::BadSignature));
}
