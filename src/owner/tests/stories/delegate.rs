//! Delegates: they repair, they are bounded in money and time, and they cannot read.

use crate::repair::{BYTES, all, assert_whole, kill, stored};
use crate::world::{Mode, START, TwinLedger, TwinNet, World, context, noise, open};
use layr_identity::{Identity, Phrase, Purpose};
use layr_owner::twins::MemoryRecords;
use layr_owner::{DelegateRequest, HostNet as _, Owner, RepairTarget, Silent};
use layr_protocol::{ReadPass, Refusal, SignedPass};
use layr_types::{DAY_SECONDS, NodeKey, Stroops};
use std::sync::Arc;

/// Somebody else in the same world, with an account of its own.
fn friend(world: &World, seed: u8) -> (Owner, NodeKey) {
    let identity = Arc::new(Identity::from_phrase(Phrase::from_entropy(&[seed; 32])));
    let net = Arc::new(TwinNet::of(world.net.guests.clone(), identity.node_key()));
    let ledger = Arc::new(TwinLedger::new(Arc::clone(&world.ledger.chain), identity.account()));
    let key = identity.node_key();
    (open(&identity, &net, &ledger, &Arc::new(MemoryRecords::new())), key)
}

async fn package(world: &World, delegate: NodeKey, cap: Stroops) -> Vec<u8> {
    let request = DelegateRequest { delegate, target: RepairTarget::All, lasts: 10 * DAY_SECONDS, cap };
    world.owner.delegate(&request).await.unwrap().1
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_delegate_rebuilds_what_was_lost_and_the_owner_reads_it() {
    let (world, nodes) = stored().await;
    let (friend, key) = friend(&world, 42);
    let package = package(&world, key, Stroops::from_xlm(10)).await;
    let mine = world.owner.wallet().await.unwrap().escrow;
    kill(&world, &nodes[..2]);
    let (report, result) = friend.repair_for(&package, &all(), Arc::new(Silent)).await.unwrap();
    assert!(report.is_whole() && report.rebuilt == report.wanted, "{report:?}");
    assert!(report.escrow > Stroops::ZERO, "{report:?}");
    let adopted = world.owner.adopt(&result, Arc::new(Silent)).await.unwrap();
    assert_eq!(
        (adopted.shards, adopted.left_out, adopted.refused.len()),
        (report.rebuilt, 0, 0),
        "{adopted:?}"
    );
    assert_eq!(world.owner.wallet().await.unwrap().escrow, mine, "the delegate paid");
    kill(&world, &nodes[2..3]);
    assert_eq!(world.download("film").await.unwrap(), noise(BYTES, "film"), "the delegate's shards serve");
    world.guest(&nodes[2]).set(Mode::Up);
    let again = world.owner.repair(&all(), Arc::new(Silent)).await.unwrap();
    assert_eq!(again.wanted, 0, "what the delegate keeps counts: {again:?}");
    assert_whole(&world, &nodes[..2]).await;
    let twice = world.owner.adopt(&result, Arc::new(Silent)).await.unwrap();
    assert_eq!(twice.shards, 0, "adopting twice changes nothing");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_package_holds_no_secret_no_name_and_no_content() {
    let (world, _) = stored().await;
    let (_, key) = friend(&world, 42);
    let package = package(&world, key, Stroops::from_xlm(10)).await;
    let holds = |part: &[u8]| package.windows(part.len()).any(|window| window == part);
    for purpose in [Purpose::Chunk, Purpose::Mask, Purpose::Catalogue, Purpose::Journal] {
        assert!(!holds(&world.identity.secret(purpose)[..]), "a secret is in the package");
    }
    assert!(!holds(b"film") && !holds(&noise(BYTES, "film")[..32]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_delegate_stops_at_its_cap_and_anothers_package_is_of_no_use() {
    let (world, nodes) = stored().await;
    let (friend_, key) = friend(&world, 42);
    let package = package(&world, key, Stroops(10)).await;
    kill(&world, &nodes[..1]);
    let refused = friend_.repair_for(&package, &all(), Arc::new(Silent)).await.unwrap_err();
    assert!(refused.to_string().contains("more than the limit"), "{refused}");
    assert!(friend_.agreements().await.unwrap().is_empty());
    let (stranger, _) = friend(&world, 43);
    let refused = stranger.repair_for(&package, &all(), Arc::new(Silent)).await.unwrap_err();
    assert!(refused.to_string().contains("another node"), "{refused}");
    let mut damaged = package.clone();
    damaged[100] ^= 1;
    assert!(friend_.repair_for(&damaged, &all(), Arc::new(Silent)).await.is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_delegation_ends_by_the_ledgers_clock() {
    let (world, nodes) = stored().await;
    let (friend, key) = friend(&world, 42);
    let package = package(&world, key, Stroops::from_xlm(10)).await;
    kill(&world, &nodes[..1]);
    world.ledger.chain.set_now(START.plus(11 * DAY_SECONDS));
    let refused = friend.repair_for(&package, &all(), Arc::new(Silent)).await.unwrap_err();
    assert!(refused.to_string().contains("ended"), "{refused}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revoked_delegate_reads_nothing_any_more_and_hosts_remember() {
    let (world, nodes) = stored().await;
    let (friend, key) = friend(&world, 42);
    let package = package(&world, key, Stroops::from_xlm(10)).await;
    assert!(friend.repair_for(&package, &all(), Arc::new(Silent)).await.unwrap().0.is_whole());
    let revoked = world.owner.revoke(1).await.unwrap().expect("it exists");
    assert_eq!((revoked.told, revoked.unreached.len()), (nodes.clone(), 0));
    assert!(world.owner.delegations().unwrap()[0].revoked);
    assert!(world.owner.revoke(2).await.unwrap().is_none());
    kill(&world, &nodes[..1]);
    let (report, _) = friend.repair_for(&package, &all(), Arc::new(Silent)).await.unwrap();
    assert_eq!((report.rebuilt, report.received.0), (0, 0), "{report:?}");
    assert!(report.after.lost > 0, "no host lets it read: {report:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_takes_only_a_pass_its_owner_signed_for_the_caller_and_that_has_not_ended() {
    let (world, nodes) = stored().await;
    let reader = NodeKey([42; 32]);
    let client = TwinNet::of(world.net.guests.clone(), reader).rpc(nodes[0]).await.unwrap();
    let good =
        ReadPass { owner: world.identity.node_key(), reader, ends: START.plus(DAY_SECONDS), number: 9 };
    let signed = |pass: ReadPass, by: &Identity| SignedPass {
        pass,
        signature: by.sign_as_node(&pass.digest(&context())),
    };
    let other = Identity::from_phrase(Phrase::from_entropy(&[8; 32]));
    let show = |pass: SignedPass| {
        let client = client.clone();
        async move { client.show_pass(tarpc::context::current(), pass).await.unwrap() }
    };
    for (case, pass) in [
        ("another reader's", signed(ReadPass { reader: NodeKey([43; 32]), ..good }, &world.identity)),
        ("ended", signed(ReadPass { ends: START, ..good }, &world.identity)),
        ("signed by another", signed(good, &other)),
        ("changed", SignedPass { pass: ReadPass { number: 8, ..good }, ..signed(good, &world.identity) }),
    ] {
        assert_eq!(show(pass).await, Err(Refusal::BadSignature), "{case}");
    }
    assert_eq!(show(signed(good, &world.identity)).await, Ok(()));
    let by_stranger = client.revoke_pass(tarpc::context::current(), good).await.unwrap();
    assert_eq!(by_stranger, Err(Refusal::UnknownAgreement), "nobody revokes another's pass");
    let owner = world.net.rpc(nodes[0]).await.unwrap();
    assert_eq!(owner.revoke_pass(tarpc::context::current(), good).await.unwrap(), Ok(()));
    assert_eq!(show(signed(good, &world.identity)).await, Err(Refusal::BadSignature), "revoked");
}
