//! Giving sectors up: the host drops what its owner no longer wants, once, and proves nothing of it ever after.

use super::disputes::{calls_of_host, challenged, on_ledger, published_by_owner, stored};
use super::*;
use layr_audits::Verdict;
use layr_market::Phase;
use layr_merkle::GroupRange;

fn root(number: u64) -> SectorRoot {
    root_of(&sector(number))
}

/// Whether the host hands out a sector.
async fn reads(world: &World, owner: &Owner, number: u64) -> bool {
    world.host.get_sector(owner.key, owner.id, root(number), GroupRange::ALL).await.is_ok()
}

#[tokio::test]
async fn a_freed_sector_is_gone_its_room_is_there_again_and_the_others_stay() {
    let (world, mut owner) = stored().await;
    let before = world.host.space();
    let signature = owner.free(&world, &[0], START).await.expect("countersigned");
    let digest = owner.newest.digest(&SoftwareSha256);
    assert!(layr_identity::verify(&world.host.key(), &digest, &signature));
    assert_eq!(owner.contents(&world).await, [root(3), root(2)], "the last one moved into the gap");
    let space = world.host.space();
    assert_eq!((space.live, space.reserved), (before.live - 1, before.reserved + 1));
    assert!(
        !reads(&world, &owner, 1).await && reads(&world, &owner, 2).await && reads(&world, &owner, 3).await
    );
    owner.store(&world, &[4, 5], START.plus(5)).await.expect("the room is used again, the capacity is four");
    assert!(owner.store(&world, &[6], START.plus(5)).await.is_err(), "and not twice");
    world.assert_books();
}

#[tokio::test]
async fn a_freed_sector_is_gone_after_any_crash_or_still_there_and_never_half() {
    for kept in 0..3 {
        let (world, mut owner) = stored().await;
        world.host.durable().await.expect("on disk");
        let (free, peaks) = owner.freeing(&world, &[2, 0], START).await;
        let host = Arc::clone(&world.host);
        let (peer, call) = (owner.key, free.clone());
        host.blocking(move |host| host.free_at(&peer, &call, START))
            .await
            .map(drop)
            .expect("applied, not flushed");
        let after = world.crash(kept);
        after.assert_books();
        let done =
            after.host.latest(owner.key, owner.id).await.expect("known").expect("signed").revision.n == 2;
        assert_eq!(done, kept > 0, "one batch");
        assert_eq!(reads(&after, &owner, 1).await, !done);
        let signature = after.host.free(owner.key, free.clone()).await.expect("the same call again");
        assert_eq!(after.host.free(owner.key, free.clone()).await, Ok(signature), "and again");
        after.assert_books();
        assert_eq!(after.host.space().live, 1, "freed exactly once");
        (owner.newest, owner.peaks) = (free.revision, peaks);
        owner.store(&after, &[7, 8, 9], START.plus(5)).await.expect("all room but one sector's is free");
        assert!(reads(&after, &owner, 2).await, "what was not freed was not written over");
        after.assert_books();
    }
}

#[tokio::test]
async fn what_the_host_does_not_compute_itself_is_refused_and_frees_nothing() {
    let (world, owner) = stored().await;
    let (honest, _) = owner.freeing(&world, &[1], START).await;
    let with = |change: fn(&mut Free)| {
        let mut free = honest.clone();
        change(&mut free);
        free.signature = owner.sign(&free.revision);
        free
    };
    let at = SectorIndex;
    let cases: [(Free, Refusal); 10] = [
        (with(|f| f.places = vec![SectorIndex(0)]), Refusal::RevisionMismatch),
        (with(|f| f.places = vec![SectorIndex(3)]), Refusal::RevisionMismatch),
        (with(|f| f.places = vec![SectorIndex(1), SectorIndex(1)]), Refusal::RevisionMismatch),
        (with(|f| f.places = vec![SectorIndex(0), SectorIndex(1)]), Refusal::RevisionMismatch),
        (with(|f| f.places.clear()), Refusal::TooMany),
        (with(|f| f.revision.paid = Stroops::ZERO), Refusal::RevisionMismatch),
        (with(|f| f.revision.risk = Stroops::ZERO), Refusal::RevisionMismatch),
        (with(|f| f.revision.sectors = 3), Refusal::RevisionMismatch),
        (with(|f| f.revision.n = 3), Refusal::Stale { newest: 1 }),
        (with(|f| f.revision.time = START.plus(61)), Refusal::ClockSkew { now: START }),
    ];
    for (free, refusal) in cases {
        assert_eq!(world.host.free(owner.key, free).await, Err(refusal));
    }
    let unsigned = Free { signature: Signature([1; 64]), places: vec![at(1)], ..honest.clone() };
    assert_eq!(world.host.free(owner.key, unsigned).await, Err(Refusal::BadSignature));
    assert_eq!(world.host.free(NodeKey([5; 32]), honest.clone()).await, Err(Refusal::BadSignature));
    assert_eq!(world.host.space().live, 3);
    assert!(world.host.free(owner.key, honest).await.is_ok(), "the honest one still follows");
    world.assert_books();
}

#[tokio::test]
async fn a_sector_that_is_named_twice_or_held_for_another_goes_only_with_its_last_name() {
    let world = World::new(8);
    let mut first = Owner::open(&world, 1, 4).await;
    first.store(&world, &[1, 1, 2], START).await.expect("one sector at two places");
    let mut second = Owner::open(&world, 2, 4).await;
    second.store(&world, &[2], START).await.expect("another owner's equal sector");
    first.free(&world, &[2, 0], START).await.expect("freed");
    assert!(reads(&world, &first, 1).await, "it still has a place");
    assert!(!reads(&world, &first, 2).await && reads(&world, &second, 2).await, "the other owner's stays");
    assert_eq!(world.host.space().live, 2);
    world.assert_books();
    first.free(&world, &[0], START).await.expect("freed");
    assert!(!reads(&world, &first, 1).await);
    assert_eq!((first.newest.sectors, first.newest.risk), (0, Stroops::ZERO));
    world.assert_books();
    first.store(&world, &[3], START).await.expect("an emptied agreement is used again");
    world.restart().assert_books();
}

#[tokio::test]
async fn audits_go_on_over_what_is_kept_and_old_proofs_hold_no_more() {
    let (world, mut owner) = stored().await;
    let before = Commitment::from(&owner.newest);
    let old = world.host.audit(owner.key, owner.challenge(1)).await.expect("answered");
    let (challenge, stale) = (owner.challenge(1), owner.challenge(2));
    owner.free(&world, &[0], START).await.expect("freed");
    let after = Commitment::from(&owner.newest);
    let judged = |answer, at: &Commitment, asked: &Challenge| {
        let (took, allowed) = (Duration::from_millis(5), Duration::from_secs(5));
        judge(asked, at, &Attempt { outcome: Outcome::Answered(answer), took, allowed }).verdict
    };
    assert_eq!(judged(&old, &before, &challenge), Verdict::Passed);
    let again = Challenge { revision: after.revision, ..challenge };
    assert_ne!(judged(&old, &after, &again), Verdict::Passed, "the tree without the sector is another");
    assert_eq!(world.host.audit(owner.key, stale).await, Err(Refusal::Stale { newest: 2 }));
    let ack = owner.audit(&world, 3, START.plus(9)).await.expect("answered");
    assert_eq!((ack.record.verdict, ack.record.good), (Verdict::Passed, 20));
    world.host.acknowledge(owner.key, ack).await.map(drop).expect("countersigned");
}

#[tokio::test]
async fn attack_35_challenging_leaves_that_were_given_up_gains_nothing() {
    let (world, mut owner) = stored().await;
    published_by_owner(&world, &owner).await;
    let before = world.ledger.deposited();
    owner.free(&world, &[2, 1], START).await.expect("freed");
    challenged(&world, &owner, &[0, 1_500, 3_071]).await;
    world.at(START.plus(60)).await;
    assert_eq!(on_ledger(&world, &owner).state.n, 2, "the newest revision is published first");
    world.at(START.plus(120)).await;
    assert_eq!(calls_of_host(&world), ["publish", "respond"]);
    assert_eq!(on_ledger(&world, &owner).state.phase, Phase::Active);
    assert_eq!(world.ledger.deposited() - before, owner.terms.disclosure_price, "the bond is the host's");
}

#[tokio::test]
async fn nothing_is_freed_while_a_challenge_is_open() {
    let (world, mut owner) = stored().await;
    challenged(&world, &owner, &[]).await;
    world.at(START.plus(60)).await;
    assert_eq!(owner.free(&world, &[0], START.plus(60)).await, Err(Refusal::Challenged));
    assert!(reads(&world, &owner, 1).await);
}

#[tokio::test]
async fn an_agreement_ends_by_proof_after_sectors_were_given_up() {
    let (world, mut owner) = stored().await;
    owner.free(&world, &[0], START).await.expect("freed");
    let (terms, mut now) = (owner.terms.clone(), owner.terms.end);
    while on_ledger_holds(&world, &owner) && now < terms.end.plus(10 * 86_400) {
        world.at(now).await;
        now = now.plus(3_600);
    }
    assert_eq!(calls_of_host(&world), ["publish", "post_beacon", "prove"]);
    world.assert_books();
}

fn on_ledger_holds(world: &World, owner: &Owner) -> bool {
    world.host.agreement(&owner.id).expect("read").is_some()
}
