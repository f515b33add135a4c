//! From offer to open agreement: what is promised is there, and only once.

use super::*;
use crate::AgreementState;

#[tokio::test]
async fn an_offer_quotes_exactly_the_free_space_and_is_signed() {
    let world = World::new(10);
    let signed = world.host.current_offer(START);
    assert_eq!(signed.offer.free, ByteCount::from_sectors(10).expect("small"));
    let digest = signed.offer.digest(&SoftwareSha256, &context());
    assert!(layr_identity::verify(&world.host.key(), &digest, &signed.signature));
    assert_eq!(world.host.current_offer(START.plus(60)), signed, "half its life is left: the same offer");
    assert_ne!(world.host.current_offer(START.plus(400)).offer.expires, signed.offer.expires);
    Owner::open(&world, 1, 4).await;
    assert_eq!(world.host.current_offer(START).offer.free, ByteCount::from_sectors(6).expect("small"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_owners_racing_for_the_last_sector_exactly_one_gets_it() {
    for _ in 0..20 {
        let world = World::new(5);
        Owner::open(&world, 1, 4).await;
        let (a, b) = tokio::join!(Owner::proposed(&world, 2, 1), Owner::proposed(&world, 3, 1));
        assert!(a.is_ok() != b.is_ok(), "exactly one: {:?} {:?}", a.is_ok(), b.is_ok());
        let refusal = a.err().or(b.err()).expect("one was refused");
        assert_eq!(refusal, Refusal::Full { free: ByteCount::ZERO });
        world.assert_books();
    }
}

#[tokio::test]
async fn proposing_again_reserves_once_and_signs_the_same() {
    let world = World::new(10);
    let (signer, proposal) = Owner::draft(&world, 1, 4);
    let key = NodeKey(signer.public());
    let first = world.host.propose(key, proposal.clone()).await.expect("agreed");
    let again = world.host.propose(key, proposal.clone()).await.expect("agreed");
    assert_eq!(first, again);
    assert_eq!((world.host.space().free, world.host.space().reserved), (6, 4));
    let after = world.crash(0);
    assert_eq!(after.host.space(), world.host.space(), "the promise was on disk before the signature left");
    assert_eq!(after.host.propose(key, proposal).await, Ok(first));
}

#[tokio::test]
async fn terms_that_are_not_the_offers_are_refused() {
    let world = World::new(10);
    let (signer, honest) = Owner::draft(&world, 1, 4);
    let key = NodeKey(signer.public());
    let with = |change: fn(&mut Proposal)| {
        let mut proposal = honest.clone();
        change(&mut proposal);
        proposal
    };
    let cases: [(Proposal, Refusal); 7] = [
        (with(|p| p.terms.rate -= 1), Refusal::TermsNotOffered),
        (with(|p| p.terms.collateral = Stroops::ZERO), Refusal::TermsNotOffered),
        (with(|p| p.terms.auditor_key = NodeKey([9; 32])), Refusal::TermsNotOffered),
        (with(|p| p.offer.offer.rate -= 1), Refusal::BadSignature),
        (with(|p| p.offer.offer.host_key = NodeKey([9; 32])), Refusal::BadSignature),
        (with(|p| p.offer.signature = Signature([0; 64])), Refusal::BadSignature),
        (with(|p| p.terms.start = p.terms.start.plus(86_400)), Refusal::TermsNotOffered),
    ];
    for (proposal, refusal) in cases {
        assert_eq!(world.host.propose(key, proposal).await, Err(refusal));
    }
    let stranger = NodeKey([8; 32]);
    assert_eq!(world.host.propose(stranger, honest.clone()).await, Err(Refusal::TermsNotOffered));
    world.ledger.set_now(honest.offer.offer.expires.plus(1));
    world.at(honest.offer.offer.expires.plus(1)).await;
    let expired = Refusal::OfferExpired { expired: honest.offer.offer.expires };
    assert_eq!(world.host.propose(key, honest).await, Err(expired));
    assert_eq!(world.host.space().reserved, 0, "nothing was reserved for any of them");
}

#[tokio::test]
async fn collateral_is_promised_only_once() {
    let mut world = World::new(10);
    let (_, proposal) = Owner::draft(&world, 1, 4);
    let enough_for_one = proposal.terms.collateral;
    let ledger = MemoryLedger::new(context(), START, enough_for_one);
    world =
        World::over(world.config.clone(), world.records.crash(0), world.sectors.share(), Arc::new(ledger));
    Owner::proposed(&world, 1, 4).await.map(drop).expect("the collateral covers one");
    assert_eq!(Owner::proposed(&world, 2, 4).await.map(drop), Err(Refusal::CollateralShort));
}

#[tokio::test]
async fn an_owner_cannot_hold_the_space_with_proposals_it_never_opens() {
    let world = World::new(100);
    let limit = world.config.offer.max_unopened_per_owner;
    let (signer, honest) = Owner::draft(&world, 1, 1);
    let key = NodeKey(signer.public());
    for salt in 0..=limit {
        let mut proposal = honest.clone();
        proposal.terms.salt = [u8::try_from(salt).expect("small"); 16];
        let expected = salt < limit;
        assert_eq!(world.host.propose(key, proposal).await.is_ok(), expected, "proposal {salt}");
    }
}

#[tokio::test]
async fn a_reservation_lapses_with_its_offer_unless_the_ledger_holds_the_agreement() {
    let world = World::new(10);
    let never = Owner::proposed(&world, 1, 4).await.expect("agreed");
    let opened = Owner::proposed(&world, 2, 3).await.expect("agreed");
    world.ledger.open(&opened.terms).expect("the ledger opens it");
    assert_eq!(world.host.activate(never.key, never.id).await, Err(Refusal::NotOpen));
    world.at(never.terms.offer_expiry).await;
    assert_eq!(world.host.space().reserved, 7, "the offer still binds at its last second");
    world.ledger.set_down(true);
    world.host.tick().await.expect_err("the clock cannot be read");
    world.ledger.set_down(false);
    world.at(never.terms.offer_expiry.plus(1)).await;
    assert_eq!(world.host.space().reserved, 3);
    assert_eq!(world.host.activate(never.key, never.id).await, Err(Refusal::UnknownAgreement));
    let state = world.host.agreement(&opened.id).expect("readable").expect("known").state;
    assert_eq!(state, AgreementState::Open, "the host found it on the ledger without being told");
    assert_eq!(world.host.activate(opened.key, opened.id).await, Ok(()));
    world.assert_books();
}

#[tokio::test]
async fn a_full_disk_refuses_before_anything_is_promised() {
    let world = World::new(10);
    world.sectors.resize_disk(3);
    assert_eq!(Owner::proposed(&world, 1, 4).await.map(drop), Err(Refusal::DiskFault));
    assert_eq!(world.host.space().reserved, 0);
    world.records.fill(true);
    assert_eq!(Owner::proposed(&world, 1, 2).await.map(drop), Err(Refusal::DiskFault));
    world.records.fill(false);
    assert_eq!(world.host.space().reserved, 0, "a batch that was not written moved nothing");
    Owner::proposed(&world, 1, 2).await.map(drop).expect("there is room again");
    world.assert_books();
}

#[tokio::test]
async fn a_quota_below_what_is_promised_is_refused_and_one_above_is_taken() {
    let world = World::new(10);
    Owner::open(&world, 1, 6).await;
    let open = |slots: u64| {
        let quota = ByteCount::from_sectors(slots).expect("small");
        let config = HostConfig { quota, ..world.config.clone() };
        let ports = world.host.ports.clone();
        Host::open(config, ports).map(|host| host.space())
    };
    assert!(matches!(open(6), Err(crate::HostError::QuotaTooSmall { .. })));
    let smaller = open(7).expect("six and one for records");
    assert_eq!((smaller.free, smaller.reserved), (0, 6));
    let larger = open(301).expect("more is always fine");
    assert_eq!((larger.free, larger.reserved, larger.overhead), (292, 6, 3));
}

#[tokio::test]
async fn a_hello_from_another_version_or_ledger_is_refused() {
    use layr_protocol::{Hello, HostApi as _, limits::PROTOCOL_VERSION};
    let world = World::new(1);
    let service = HostService { host: Arc::clone(&world.host), peer: NodeKey([1; 32]) };
    let hello =
        |version, context| service.clone().hello(tarpc::context::current(), Hello { version, context });
    assert_eq!(hello(PROTOCOL_VERSION, context()).await.map(|welcome| welcome.now), Ok(START));
    assert_eq!(hello(99, context()).await, Err(Refusal::Version { host: PROTOCOL_VERSION }));
    let elsewhere = Context { network: NetworkId([9; 32]), ..context() };
    assert_eq!(hello(PROTOCOL_VERSION, elsewhere).await, Err(Refusal::OtherLedger));
}
