//! Appends and audits: the host signs what it computes, keeps what it signed, and admits what it lost.

use super::*;
use crate::ports::Slot;
use layr_audits::Verdict;

#[tokio::test]
async fn an_append_is_countersigned_durable_and_repeatable() {
    let world = World::new(10);
    let mut owner = Owner::open(&world, 1, 4).await;
    let root = owner.put(&world, &sector(1)).await.expect("stored");
    let (append, peaks) = owner.append(&[root], START);
    let signature = world.host.append(owner.key, append.clone()).await.expect("countersigned");
    let digest = append.revision.digest(&SoftwareSha256);
    assert!(layr_identity::verify(&world.host.key(), &digest, &signature));
    let after = world.crash(0);
    assert_eq!(after.host.append(owner.key, append.clone()).await, Ok(signature), "the same append again");
    let latest = after.host.latest(owner.key, owner.id).await.expect("known").expect("signed");
    assert_eq!((latest.revision.clone(), latest.host), (append.revision.clone(), signature));
    (owner.newest, owner.peaks) = (append.revision, peaks);
    owner.store(&after, &[2, 3], START.plus(5)).await.expect("the next one follows");
    assert_eq!(after.host.space().live, 3);
    after.assert_books();
}

#[tokio::test]
async fn an_append_the_host_does_not_compute_itself_is_refused_and_changes_nothing() {
    let world = World::new(10);
    let mut owner = Owner::open(&world, 1, 4).await;
    owner.store(&world, &[1], START).await.expect("stored");
    let root = owner.put(&world, &sector(2)).await.expect("stored");
    let (honest, _) = owner.append(&[root], START);
    let with = |change: fn(&mut Revision)| {
        let mut append = honest.clone();
        change(&mut append.revision);
        append.signature = owner.sign(&append.revision);
        append
    };
    let cases: [(Append, Refusal); 9] = [
        (with(|r| r.paid = Stroops::ZERO), Refusal::RevisionMismatch),
        (with(|r| r.due = Stroops(1)), Refusal::RevisionMismatch),
        (with(|r| r.risk = Stroops::ZERO), Refusal::RevisionMismatch),
        (with(|r| r.sectors += 1), Refusal::RevisionMismatch),
        (with(|r| r.root.0[0] ^= 1), Refusal::RevisionMismatch),
        (with(|r| r.audits.good += 1), Refusal::RevisionMismatch),
        (with(|r| r.n += 1), Refusal::Stale { newest: 1 }),
        (with(|r| r.n = 0), Refusal::Stale { newest: 1 }),
        (with(|r| r.time = r.time.plus(61)), Refusal::ClockSkew { now: START }),
    ];
    for (append, refusal) in cases {
        assert_eq!(world.host.append(owner.key, append).await, Err(refusal));
    }
    let unsigned = Append { signature: Signature([1; 64]), ..honest.clone() };
    assert_eq!(world.host.append(owner.key, unsigned).await, Err(Refusal::BadSignature));
    let absent = SectorRoot([7; 32]);
    let (missing, _) = owner.append(&[absent], START);
    assert_eq!(world.host.append(owner.key, missing).await, Err(Refusal::SectorMissing { root: absent }));
    let empty = Append { sectors: Vec::new(), ..honest.clone() };
    assert_eq!(world.host.append(owner.key, empty).await, Err(Refusal::TooMany));
    assert_eq!(world.host.append(NodeKey([5; 32]), honest.clone()).await, Err(Refusal::BadSignature));
    world.host.append(owner.key, honest).await.map(drop).expect("the honest one still follows");
    world.assert_books();
}

#[tokio::test]
async fn a_sector_already_here_is_appended_without_sending_it_but_never_beyond_the_capacity() {
    let world = World::new(10);
    let mut first = Owner::open(&world, 1, 4).await;
    first.store(&world, &[1, 2], START).await.expect("stored");
    let mut second = Owner::open(&world, 2, 2).await;
    let (renewed, peaks) = second.append(&[root_of(&sector(1))], START);
    world.host.append(second.key, renewed.clone()).await.map(drop).expect("a renewal sends nothing again");
    (second.newest, second.peaks) = (renewed.revision, peaks);
    world.assert_books();
    second.put(&world, &sector(3)).await.expect("its last room");
    let (beyond, _) = second.append(&[root_of(&sector(2))], START);
    assert_eq!(
        world.host.append(second.key, beyond).await,
        Err(Refusal::OverCapacity),
        "three sectors in two"
    );
    let (within, _) = second.append(&[root_of(&sector(3))], START);
    assert!(world.host.append(second.key, within).await.is_ok());
    world.assert_books();
}

#[tokio::test]
async fn a_host_with_every_leaf_passes_and_its_money_moves_from_due_to_paid() {
    let world = World::new(40);
    let mut owner = Owner::open(&world, 1, 40).await;
    owner.store(&world, &(0..33).collect::<Vec<_>>(), START).await.expect("stored");
    for day in 1..=3u8 {
        let now = START.plus(u64::from(day) * 86_400);
        world.ledger.set_now(now);
        let ack = owner.audit(&world, day, now).await.expect("answered");
        assert_eq!(ack.record.verdict, Verdict::Passed);
        world.host.acknowledge(owner.key, ack.clone()).await.map(drop).expect("countersigned");
        let again = world.host.acknowledge(owner.key, ack.clone()).await;
        assert!(again.is_ok(), "the same acknowledgement again");
        assert!(ack.revision.paid > owner.newest.paid && ack.revision.due == Stroops::ZERO);
        owner.newest = ack.revision;
    }
    let history = world.host.history(&owner.id).expect("readable");
    let replayed = layr_audits::replay(&history).expect("folds");
    assert_eq!(replayed, owner.newest.audits, "the kept history is the one both signed");
}

#[tokio::test]
async fn a_rotten_leaf_is_confessed_and_a_leaf_on_a_bad_block_is_missing() {
    for (rot, verdict) in [(true, Verdict::Corrupt), (false, Verdict::Missing)] {
        let world = World::new(1);
        world.sectors.resize_disk(2);
        let mut owner = Owner::open(&world, 1, 1).await;
        owner.store(&world, &[1], START).await.expect("stored");
        match rot {
            true => (0..64).for_each(|group| world.sectors.rot(Slot(0), group * 16_384 + 5)),
            false => world.sectors.break_slot(Slot(0)),
        }
        let ack = owner.audit(&world, 1, START).await.expect("answered");
        assert_eq!((ack.record.verdict, ack.record.good), (verdict, 0));
        world.host.acknowledge(owner.key, ack).await.map(drop).expect("the host signs what it admitted");
        owner.put(&world, &sector(1)).await.expect("the owner sends it again");
        let mut healed = owner.clone();
        healed.newest =
            world.host.latest(owner.key, owner.id).await.expect("known").expect("signed").revision;
        let ack = healed.audit(&world, 2, START).await.expect("answered");
        assert_eq!(ack.record.verdict, Verdict::Passed, "storing it again repaired it, on a full host too");
        world.assert_books();
    }
}

#[tokio::test]
async fn nobody_can_write_into_the_history_that_a_host_lost_what_it_proved() {
    let world = World::new(4);
    let mut owner = Owner::open(&world, 1, 1).await;
    owner.store(&world, &[1], START).await.expect("stored");
    let proved = owner.audit(&world, 1, START).await.expect("answered").record;
    let accusation = AuditRecord { verdict: Verdict::Corrupt, good: 0, ..proved };
    let forged = owner.acknowledgement(accusation, START);
    assert_eq!(world.host.acknowledge(owner.key, forged).await, Err(Refusal::RevisionMismatch));
    let boast = AuditRecord { good: 200, ..proved };
    let forged = owner.acknowledgement(boast, START);
    assert_eq!(world.host.acknowledge(owner.key, forged).await, Err(Refusal::RevisionMismatch));
    let unheard = AuditRecord { verdict: Verdict::Offline, good: 0, nonce: [44; 32], ..proved };
    let honest = owner.acknowledgement(unheard, START);
    assert!(
        world.host.acknowledge(owner.key, honest).await.is_ok(),
        "a host cannot know when it was offline"
    );
}

#[tokio::test]
async fn audits_are_about_the_newest_revision_of_ones_own_agreement() {
    let world = World::new(4);
    let mut owner = Owner::open(&world, 1, 2).await;
    let empty = owner.challenge(1);
    assert!(world.host.audit(owner.key, empty).await.is_err(), "there is nothing to prove yet");
    owner.store(&world, &[1], START).await.expect("stored");
    let old = owner.challenge(1);
    owner.store(&world, &[2], START).await.expect("stored");
    assert_eq!(world.host.audit(owner.key, old).await, Err(Refusal::Stale { newest: 2 }));
    let foreign = world.host.audit(NodeKey([9; 32]), owner.challenge(1)).await;
    assert_eq!(foreign, Err(Refusal::UnknownAgreement));
    let mut many = owner.challenge(1);
    if let layr_audits::Draw::Random { count, .. } = &mut many.draw {
        *count = 65;
    }
    assert_eq!(world.host.audit(owner.key, many).await, Err(Refusal::TooMany));
}

#[tokio::test]
async fn an_owners_note_is_kept_while_it_is_the_newest_and_one_for_each_peer() {
    use layr_protocol::OwnerRecordBytes;
    let world = World::new(4);
    let owner = Owner::open(&world, 1, 1).await;
    let note = |key: u8, sequence: u64| {
        let bytes = [&[key; 32][..], &sequence.to_be_bytes(), b"over there"].concat();
        OwnerRecordBytes { bytes }
    };
    let stranger = NodeKey([9; 32]);
    let refused = world.host.put_owner_record(stranger, note(5, 1)).await;
    assert_eq!(refused, Err(Refusal::UnknownAgreement), "no agreement, no note");
    for sequence in [2, 1, 3] {
        world.host.put_owner_record(owner.key, note(5, sequence)).await.expect("accepted");
    }
    let found = world.host.get_owner_record(NodeKey([5; 32])).await.expect("readable");
    assert_eq!(found, Some(note(5, 3)));
    world.host.put_owner_record(owner.key, note(6, 1)).await.expect("accepted");
    assert_eq!(world.host.get_owner_record(NodeKey([5; 32])).await, Ok(None), "the other one went");
    let long = OwnerRecordBytes { bytes: vec![0; 5_000] };
    assert_eq!(world.host.put_owner_record(owner.key, long).await, Err(Refusal::TooMany));
    assert_eq!(world.host.agreements(owner.key).await, Ok(vec![owner.id]));
    assert_eq!(world.host.terms(owner.key, owner.id).await, Ok(owner.terms.encode().to_vec()));
    assert_eq!(world.host.terms(stranger, owner.id).await, Err(Refusal::UnknownAgreement));
}
