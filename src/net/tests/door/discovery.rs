//! Finding each other, and what the network refuses to keep.

use crate::support::{NETWORK, client, client_config, eventually, host, host_config, soon, start, until};
use layr_net::{
    HostProfile, LookupError, Multiaddr, Net, OwnerRecordKey, PublishError, RecordError, VerifiedOwnerRecord,
};
use layr_types::{NodeKey, UnixSeconds};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::time::timeout;
use zeroize::Zeroizing;

fn profile(region: &str) -> HostProfile {
    HostProfile { region: region.into(), operator: "tests".into(), ..HostProfile::default() }
}

/// Looks up points until every wanted host has been seen.
async fn finds(net: &Net, wanted: &BTreeSet<NodeKey>) {
    let mut seen = BTreeSet::new();
    let mut point = [0u8; 32];
    eventually("finding every host", || {
        point = *blake3::hash(&point).as_bytes();
        async move { net.closest_hosts(point, 20).await.ok() }
    })
    .await
    .iter()
    .for_each(|card| {
        seen.insert(card.node());
    });
    while &seen != wanted {
        point = *blake3::hash(&point).as_bytes();
        let found = soon("a look-up", net.closest_hosts(point, 20)).await.unwrap();
        seen.extend(found.iter().map(|card| card.node()));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_hosts_and_a_client_that_know_one_bootstrap_node_find_each_other() {
    let first = host(1, &[]).await;
    let bootstrap = first.net.dialable();
    let mut hosts = vec![first];
    for seed in 2..=5 {
        hosts.push(host(seed, &bootstrap).await);
    }
    for node in &hosts {
        node.net.publish_host(profile("here")).await.unwrap();
    }
    let everyone: BTreeSet<NodeKey> = hosts.iter().map(|node| node.net.node()).collect();
    for node in &hosts {
        let others = everyone.iter().copied().filter(|key| *key != node.net.node()).collect();
        soon("finding the others", finds(&node.net, &others)).await;
    }
    let owner = client(9, &bootstrap).await;
    owner.net.joined(crate::support::PATIENCE).await.unwrap();
    soon("finding all hosts", finds(&owner.net, &everyone)).await;
    let card = owner.net.find_host(hosts[3].net.node()).await.unwrap();
    assert_eq!(card.record().region, "here");
    assert_eq!(card.record().lane_addresses, [hosts[3].net.status().lane.unwrap()]);
    let nearest = owner.net.closest_hosts([7; 32], 2).await.unwrap();
    assert_eq!(nearest.len(), 2, "the limit is kept");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_that_is_gone_is_still_found_by_the_copies_of_its_card_but_a_client_never_is() {
    let first = host(11, &[]).await;
    let bootstrap = first.net.dialable();
    let second = host(12, &bootstrap).await;
    let third = host(13, &bootstrap).await;
    let owner = client(19, &bootstrap).await;
    let gone = third.net.node();
    third.net.publish_host(profile("far")).await.unwrap();
    until(&first.net, "a copy of the card", |status| status.records > 0).await;
    until(&second.net, "another copy", |status| status.records > 0).await;
    soon("closing", third.net.shutdown()).await;
    owner.net.joined(crate::support::PATIENCE).await.unwrap();
    let card = eventually("finding the card", || async { owner.net.find_host(gone).await.ok() }).await;
    assert_eq!(card.record().region, "far");
    assert!(owner.net.status().routable >= 1);
    let nobody = second.net.find_host(owner.net.node()).await;
    assert!(matches!(nobody, Err(LookupError::TimedOut { .. })), "{nobody:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_highest_sequence_of_an_owners_note_wins_and_a_stale_one_is_refused_everywhere() {
    let first = host(21, &[]).await;
    let bootstrap = first.net.dialable();
    let second = host(22, &bootstrap).await;
    until(&first.net, "meeting the second host", |status| status.routable == 1).await;
    let seed = Zeroizing::new([77; 32]);
    let note = |sequence, text: &[u8]| VerifiedOwnerRecord::sign(&seed, &NETWORK, sequence, text).unwrap();

    let owner = client(28, &bootstrap).await;
    owner.net.joined(crate::support::PATIENCE).await.unwrap();
    assert!(owner.net.put_owner_record(&note(2, b"second")).await.unwrap() >= 1);
    let stale = owner.net.put_owner_record(&note(1, b"first")).await;
    assert_eq!(stale, Err(PublishError::Record(RecordError::Stale { held: 2, offered: 1 })));

    // Another machine of the same owner knows nothing of the newer note, but the network does.
    let other = client(29, &bootstrap).await;
    other.net.joined(crate::support::PATIENCE).await.unwrap();
    until(&second.net, "the note at the second host", |status| status.records == 1).await;
    until(&first.net, "the note at the first host", |status| status.records == 1).await;
    assert_eq!(other.net.put_owner_record(&note(1, b"first")).await, Err(PublishError::NoCopies));
    assert!(first.net.status().records_refused + second.net.status().records_refused >= 1);
    let read = other.net.get_owner_record(&OwnerRecordKey::of(&seed)).await.unwrap().unwrap();
    assert_eq!((read.sequence(), read.payload()), (2, &b"second"[..]));

    let kept = first.net.kept_owner_records().await.unwrap();
    assert_eq!(kept, [note(2, b"second").bytes()]);
    let restarted = host(23, &[]).await;
    restarted.net.keep_owner_record(&kept[0]).await.unwrap();
    let mut forged = kept[0].clone();
    forged[50] ^= 1;
    let refused = restarted.net.keep_owner_record(&forged).await;
    assert_eq!(refused, Err(PublishError::Record(RecordError::Forged)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_expired_card_is_no_longer_found() {
    let now = Arc::new(AtomicU64::new(1_800_000_000));
    let clock = |now: &Arc<AtomicU64>| {
        let now = Arc::clone(now);
        Arc::new(move || UnixSeconds(now.load(Ordering::Relaxed)))
    };
    let mut config = host_config(31, &[]);
    config.clock = clock(&now);
    let first = start(config).await;
    let bootstrap = first.net.dialable();
    let mut config = host_config(32, &bootstrap);
    config.clock = clock(&now);
    let second = start(config).await;
    let mut config = client_config(39, &bootstrap);
    config.clock = clock(&now);
    let owner = start(config).await;
    second.net.publish_host(profile("here")).await.unwrap();
    owner.net.joined(crate::support::PATIENCE).await.unwrap();
    owner.net.find_host(second.net.node()).await.unwrap();
    now.fetch_add(30 * 86_400, Ordering::Relaxed);
    owner.net.forget_host(&second.net.node());
    let found = owner.net.find_host(second.net.node()).await;
    assert!(matches!(found, Err(LookupError::TimedOut { .. })), "{found:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_profile_that_fits_no_record_is_refused_before_it_is_published() {
    let node = host(41, &[]).await;
    let refused = node.net.publish_host(profile(&"x".repeat(65))).await;
    assert_eq!(refused, Err(PublishError::Record(RecordError::FieldTooLong { field: "region" })));
    assert_eq!(node.net.closest_hosts([0; 32], 3).await, Err(LookupError::NoPeers));
}

/// Well below the time-outs of the hosts that do not answer, well above what a busy machine needs.
const QUICK: Duration = Duration::from_secs(3);

/// A host whose process stands still: its ports are open, its connections are up, nothing answers. Ends when
/// the sender drops.
fn hung(seed: u8, bootstrap: Vec<Multiaddr>) -> (NodeKey, std::sync::mpsc::Sender<()>) {
    let (told, key) = std::sync::mpsc::channel();
    let (wake, sleep) = std::sync::mpsc::channel::<()>();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let node = runtime.block_on(async {
            let node = host(seed, &bootstrap).await;
            node.net.publish_host(profile("hung")).await.unwrap();
            node.net.joined(crate::support::PATIENCE).await.unwrap();
            node
        });
        told.send(node.net.node()).unwrap();
        let _ = sleep.recv();
    });
    (key.recv().unwrap(), wake)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dead_and_hung_hosts_are_left_out_and_do_not_hold_up_a_look_up() {
    let first = host(51, &[]).await;
    let bootstrap = first.net.dialable();
    let mut living = vec![first];
    let mut dead = Vec::new();
    for seed in 52..=58 {
        let node = host(seed, &bootstrap).await;
        node.net.joined(crate::support::PATIENCE).await.unwrap();
        if seed < 57 { &mut living } else { &mut dead }.push(node);
    }
    for node in living.iter().chain(&dead) {
        node.net.publish_host(profile("here")).await.unwrap();
    }
    let asleep = [hung(59, bootstrap.clone()), hung(60, bootstrap.clone())];
    until(&living[0].net, "meeting everyone", |status| status.routable == 9).await;
    for node in &dead {
        soon("closing", node.net.shutdown()).await;
    }
    let owner = client(61, &bootstrap).await;
    owner.net.joined(crate::support::PATIENCE).await.unwrap();
    let expected: BTreeSet<NodeKey> = living.iter().map(|node| node.net.node()).collect();
    for round in 0..3 {
        let found = timeout(QUICK, owner.net.closest_hosts([round; 32], 20)).await.unwrap().unwrap();
        assert_eq!(found.iter().map(|card| card.node()).collect::<BTreeSet<_>>(), expected);
        assert!(asleep.iter().all(|(node, _)| !expected.contains(node)));
    }
}
