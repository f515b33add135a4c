//! The scrub goes on where it stopped, tells owners what it found, and audits read no more than they must.

use super::*;
use crate::ports::Slot;
use layr_types::GROUPS_PER_SECTOR;

async fn stored(numbers: std::ops::Range<u64>) -> (World, Owner) {
    let world = World::new(40);
    let mut owner = Owner::open(&world, 1, 36).await;
    owner.store(&world, &numbers.collect::<Vec<_>>(), START).await.expect("stored");
    (world, owner)
}

#[tokio::test]
async fn an_audit_reads_one_group_for_each_leaf_and_never_a_whole_sector() {
    let (world, mut owner) = stored(0..30).await;
    for nonce in 0..5 {
        let before = world.sectors.groups_read();
        let ack = owner.audit(&world, nonce, START).await.expect("answered");
        let read = world.sectors.groups_read() - before;
        assert!(read <= 20, "{read} groups for 20 leaves");
        assert!(read < GROUPS_PER_SECTOR as u64);
        owner.newest = ack.revision.clone();
        world.host.acknowledge(owner.key, ack).await.map(drop).expect("countersigned");
    }
}

#[tokio::test]
async fn the_scrub_goes_on_after_a_restart_where_it_stopped_and_counts_its_passes() {
    let (mut world, _) = stored(0..10).await;
    for stretch in 0..3u64 {
        let before = world.sectors.groups_read();
        let scrub = world.host.scrub_on(4).await.expect("scrubbed");
        assert_eq!(scrub.checked, [4, 4, 2][usize::try_from(stretch).expect("small")]);
        assert_eq!(world.sectors.groups_read() - before, scrub.checked * GROUPS_PER_SECTOR as u64);
        let status = world.host.status().await.expect("readable").scrub;
        let expected = if stretch < 2 { (4 * (stretch + 1), 0) } else { (0, 1) };
        assert_eq!(
            (status.checked, status.passes, status.of, status.damaged),
            (expected.0, expected.1, 10, 0)
        );
        world.host.durable().await.expect("on disk");
        world = world.restart();
    }
    assert_eq!(world.host.status().await.expect("readable").scrub.last_pass, START);
}

#[tokio::test]
async fn what_the_scrub_finds_is_confessed_to_its_owner_alone_until_it_is_healed() {
    let (world, mut owner) = stored(0..10).await;
    let other = Owner::open(&world, 2, 1).await;
    world.sectors.rot(Slot(3), 777_777);
    assert_eq!(world.host.losses(owner.key, owner.id).await, Ok(Vec::new()), "nobody has looked yet");
    while world.host.scrub_on(4).await.expect("scrubbed").next.is_some() {}
    let lost = world.host.losses(owner.key, owner.id).await.expect("told");
    assert_eq!(lost.len(), 1);
    assert_eq!(world.host.losses(other.key, other.id).await, Ok(Vec::new()));
    assert!(world.host.losses(other.key, owner.id).await.is_err(), "nobody else's business");
    assert_eq!(world.host.status().await.expect("readable").scrub.damaged, 1);

    // Given up, it is at stake no more; the rest is.
    let risk = owner.newest.risk;
    let at = owner.contents(&world).await.iter().position(|root| *root == lost[0]).expect("there") as u64;
    owner.free(&world, &[at], START).await.expect("freed");
    assert!(owner.newest.risk < risk && owner.newest.risk > Stroops::ZERO);
    assert_eq!(world.host.losses(owner.key, owner.id).await, Ok(Vec::new()));
    assert_eq!(world.host.status().await.expect("readable").scrub.damaged, 0);
    let ack = owner.audit(&world, 1, START).await.expect("answered");
    assert_eq!(ack.record.good, 20, "what is left is sound");

    // Another one is healed by storing it again.
    world.sectors.rot(Slot(5), 5);
    while world.host.scrub_on(4).await.expect("scrubbed").next.is_some() {}
    let lost = world.host.losses(owner.key, owner.id).await.expect("told");
    let number = (0..10).find(|number| root_of(&sector(*number)) == lost[0]).expect("one of them");
    owner.put(&world, &sector(number)).await.expect("stored again");
    assert_eq!(world.host.losses(owner.key, owner.id).await, Ok(Vec::new()));
}

#[tokio::test]
async fn a_leaving_host_takes_nothing_new_serves_what_it_has_and_is_paid() {
    let (world, owner) = stored(0..3).await;
    assert_eq!(world.host.leave(None).expect("written down"), 1);
    let after = world.restart();
    assert_eq!(after.host.current_offer(START).offer.free, ByteCount::ZERO);
    assert!(after.host.status().await.expect("readable").leaving);
    after.at(START.plus(60)).await;
    assert_eq!(after.ledger.calls().last(), Some(&"start_close"), "{:?}", after.ledger.calls());
    owner.audit(&after, 1, START.plus(60)).await.expect("it still proves what it keeps");
    after.host.stay().expect("written down");
    assert!(after.host.current_offer(START).offer.free > ByteCount::ZERO);
    assert!(!after.host.status().await.expect("readable").leaving);
}
