//! Audit records a host does not sign, answers it cannot deny, and owners who ask too often.

use super::*;
use layr_audits::{Outcome, Verdict, answer_digest, receipt_digest, replay};

/// A host whose owner has stored one sector, with `quota` free leaves a day and `rate` stroops a GiB read.
async fn world(quota: u32, rate: u64) -> (World, Owner) {
    let mut config = World::new(4).config;
    config.free_audit_leaves = quota;
    config.offer.egress_rate = rate;
    config.offer.free_reads_percent = 0;
    let ledger = Arc::new(MemoryLedger::new(context(), START, Stroops::from_xlm(1_000)));
    let world = World::over(config, MemoryRecords::default(), MemorySectors::new(4), ledger);
    let mut owner = Owner::open(&world, 1, 1).await;
    owner.store(&world, &[1], START).await.expect("stored");
    (world, owner)
}

#[tokio::test]
async fn a_host_signs_its_answer_and_nobody_elses() {
    let (world, owner) = world(4_096, 0).await;
    let (first, second) = (owner.challenge(1), owner.challenge(2));
    let reply = world.host.answer(owner.key, first.clone()).await.expect("answered");
    let signed = |challenge: &Challenge, answer: &layr_audits::Answer| {
        let digest = receipt_digest(challenge, &answer_digest(answer));
        layr_identity::verify(&world.host.key(), &digest, &reply.signature)
    };
    assert!(signed(&first, &reply.answer));
    assert!(!signed(&second, &reply.answer), "a receipt of one challenge says nothing of another");
    let mut other = reply.answer.clone();
    other.lost.push(layr_audits::Lost { position: 0, loss: layr_audits::Loss::Missing });
    assert!(!signed(&first, &other));
    let attempt = Attempt {
        outcome: Outcome::Answered(&reply.answer),
        took: Duration::from_millis(1),
        allowed: Duration::from_secs(1),
    };
    assert_eq!(judge(&first, &Commitment::from(&owner.newest), &attempt).verdict, Verdict::Passed);
}

#[tokio::test]
async fn an_owner_who_asks_too_often_is_refused_with_the_wait_where_reading_is_free() {
    let (world, owner) = world(60, 0).await;
    for nonce in 0..3 {
        world.host.answer(owner.key, owner.challenge(nonce)).await.expect("within the quota");
    }
    let refused = world.host.answer(owner.key, owner.challenge(3)).await;
    let Err(Refusal::AuditQuota { wait }) = refused else { panic!("{refused:?}") };
    assert!((1..=86_400 / 3).contains(&wait), "{wait}");
    assert_eq!(Refusal::AuditQuota { wait }.code(), 105);
    let challenge = owner.challenge(4);
    assert!(world.host.audit(owner.key, challenge).await.is_ok(), "the ledger's own challenges do not count");
}

#[tokio::test]
async fn beyond_the_quota_audits_are_paid_by_voucher_like_reads() {
    let (world, owner) = world(20, 1_024_000).await;
    world.host.answer(owner.key, owner.challenge(0)).await.expect("within the quota");
    let refused = world.host.answer(owner.key, owner.challenge(1)).await;
    let Err(Refusal::PaymentRequired { bytes, .. }) = refused else { panic!("{refused:?}") };
    assert_eq!(bytes, ByteCount(20 * 16_384), "a group for each leaf");
    let account = world.host.reads(owner.key, owner.id).await.expect("told");
    let voucher = account.voucher_for(owner.id, bytes).expect("within the voucher part");
    let signature = owner.signer.sign(&voucher.digest(&SoftwareSha256));
    let signed = layr_protocol::SignedVoucher { voucher, signature };
    world.host.voucher(owner.key, signed).await.expect("taken");
    world.host.answer(owner.key, owner.challenge(1)).await.expect("paid");
    assert!(matches!(
        world.host.answer(owner.key, owner.challenge(2)).await,
        Err(Refusal::PaymentRequired { .. })
    ));
}

#[tokio::test]
async fn forged_reordered_truncated_and_replayed_records_are_not_signed() {
    let (world, mut owner) = world(4_096, 0).await;
    let mut acks = Vec::new();
    for nonce in 1..=4 {
        let ack = owner.audit(&world, nonce, START.plus(nonce.into())).await.expect("answered");
        world.host.acknowledge(owner.key, ack.clone()).await.map(drop).expect("signed");
        owner.newest = ack.revision.clone();
        acks.push(ack);
    }
    let now = START.plus(9);
    let refused = |ack: Acknowledge| {
        let host = Arc::clone(&world.host);
        let key = owner.key;
        async move { host.acknowledge(key, ack).await }
    };
    let replayed = owner.acknowledgement(acks[1].record, now);
    assert_eq!(refused(replayed).await, Err(Refusal::RevisionMismatch), "a record is in the history once");
    let ahead = AuditRecord { revision: owner.newest.n + 1, ..acks[3].record };
    assert_eq!(refused(owner.acknowledgement(ahead, now)).await, Err(Refusal::RevisionMismatch), "forged");
    let fresh = AuditRecord { nonce: [77; 32], revision: owner.newest.n, ..acks[3].record };
    let records =
        |picked: &[usize]| -> Vec<AuditRecord> { picked.iter().map(|at| acks[*at].record).collect() };
    for (case, history) in [
        ("reordered", records(&[1, 0, 2, 3])),
        ("truncated at the end", records(&[0, 1, 2])),
        ("truncated at the beginning", records(&[1, 2, 3])),
        ("one left out", records(&[0, 2, 3])),
        ("one twice", records(&[0, 1, 1, 2, 3])),
    ] {
        let mut forged = owner.clone();
        forged.newest.audits = replay(&history).expect("folds");
        let ack = forged.acknowledgement(fresh, now);
        assert_eq!(refused(ack).await, Err(Refusal::RevisionMismatch), "{case}");
    }
    assert!(refused(owner.acknowledgement(fresh, now)).await.is_ok(), "the honest one still follows");
    let kept = world.host.history(&owner.id).expect("readable");
    assert_eq!(kept.len(), 5);
}

#[tokio::test]
async fn a_host_that_dies_between_any_two_messages_of_an_audit_keeps_the_history_both_sign() {
    let (mut world, mut owner) = world(4_096, 0).await;
    for (nonce, crashes) in [(1, [true, false, false]), (2, [false, true, false]), (3, [false, false, true])]
    {
        let now = START.plus(u64::from(nonce));
        if crashes[0] {
            world = world.crash(0);
        }
        let ack = owner.audit(&world, nonce, now).await.expect("answered");
        if crashes[1] {
            world = world.crash(0);
        }
        let signature = world.host.acknowledge(owner.key, ack.clone()).await.expect("signed");
        if crashes[2] {
            world = world.crash(0);
            let again = world.host.acknowledge(owner.key, ack.clone()).await;
            assert_eq!(again, Ok(signature), "what it signed it has kept");
        }
        owner.newest = ack.revision;
        let kept = world.host.history(&owner.id).expect("readable");
        assert_eq!(replay(&kept).expect("folds"), owner.newest.audits);
        assert_eq!(kept.len(), usize::from(nonce));
    }
}
