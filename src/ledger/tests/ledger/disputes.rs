//! The entry points of an agreement's middle and of its harder ends, on the committed contract, through the client.
//! Every state the contract keeps is compared with the one `layr-market` computes.

use crate::common::deal::{Deal, FREE, HASH, Stored, World};
use crate::common::{account, advance, balance, signer};
use layr_ledger::{
    Accusation, Closing, EscrowError, EscrowEvent, MoneyEffect, Outcome as CallOutcome, Renewal, Stage,
    Standing,
};
use layr_market::{
    Challenge, ChallengeKind, FinalReason, FinalSplit, Notice, Outcome, Party, Revision, Rotation, Settled,
    SlotState, Voucher, named_leaves_hash, settle,
};
use layr_types::{ByteCount, LeafIndex, NodeKey, Stroops, UnixSeconds};

const BOND: Stroops = Stroops(200_000);
const DAY: u64 = 86_400;

fn at(deal: &Deal) -> Standing<'_> {
    Standing { terms: &deal.terms, state: &deal.state }
}

impl World {
    async fn now(&self) -> UnixSeconds {
        self.client.now().await.unwrap().now
    }

    /// An agreement with three stored sectors on record.
    async fn published(&self) -> (Deal, Stored, Revision) {
        let deal = self.open(0).await;
        let stored = Stored::new(3);
        let revision = self.revision(&deal, &stored);
        advance(&self.net, DAY).await;
        (self.publish(&deal, &revision).await, stored, revision)
    }

    /// The owner challenges and pays the bond.
    async fn accuse(&self, deal: &Deal, leaves: &[LeafIndex]) -> (Deal, CallOutcome<()>) {
        let bytes: Vec<u8> = leaves.iter().flat_map(|leaf| leaf.0.to_be_bytes()).collect();
        let random = leaves.is_empty();
        let now = self.now().await;
        let challenge = Challenge {
            id: deal.id,
            n: deal.state.n,
            count: deal.state.challenge.count,
            kind: if random { ChallengeKind::Random } else { ChallengeKind::Named },
            by: Party::Owner,
            bond: BOND,
            leaves_hash: if random { [0; 32] } else { named_leaves_hash(&HASH, &bytes) },
            expires: now.plus(600),
        };
        let accusation = Accusation {
            terms: deal.terms.clone(),
            state: deal.state,
            challenge,
            signature: self.owner_node.sign(&challenge.digest(&HASH)),
            leaves: leaves.to_vec(),
            from: account(2),
        };
        let done = self.escrow.challenge(&accusation).unwrap().submit(&self.owner).await.unwrap();
        let state = deal.state.challenged(&deal.terms, &challenge, done.receipt.closed_at).unwrap();
        self.holds(deal, &state).await;
        (Deal { state, ..deal.clone() }, done)
    }

    /// Makes sure that the slot holds this state.
    async fn holds(&self, deal: &Deal, state: &SlotState) {
        let slot = self.escrow.slot(&account(2), deal.terms.folder, deal.terms.slot).await.unwrap();
        assert_eq!(slot, Some(state.commitment(&HASH, &deal.id)));
    }
}

#[tokio::test]
async fn a_named_challenge_takes_a_bond_and_its_answer_brings_it_to_the_host() {
    let world = World::new().await;
    let (deal, stored, revision) = world.published().await;
    let leaves = [LeafIndex(5), LeafIndex(1_024), LeafIndex(4_000)];
    let before = (balance(&world.client, &account(2)).await, world.host_balance().await);
    let (challenged, done) = world.accuse(&deal, &leaves).await;
    assert_eq!(balance(&world.client, &account(2)).await, before.0 - BOND - done.receipt.fee);
    let event =
        EscrowEvent::Challenged { id: deal.id, state: Box::new(challenged.state), leaves: leaves.to_vec() };
    assert_eq!(done.events, [event]);

    let prove = world.escrow.prove(&challenged.terms, &challenged.state, &revision, &[]).unwrap();
    assert_eq!(prove.quote(&account(3)).await.unwrap_err().escrow(), Some(EscrowError::ChallengeOpen));
    let other = world.escrow.respond(at(&challenged), &revision, &leaves[..2], &[]).unwrap();
    assert_eq!(other.quote(&account(3)).await.unwrap_err().escrow(), Some(EscrowError::WrongLeaves));
    let default = world.escrow.default(at(&challenged), &revision).unwrap();
    let early = default.quote(&account(2)).await.unwrap_err();
    assert!(early.escrow().is_some(), "{early}");

    // The last leaf lies beyond the published revision: both have signed that it is gone.
    let proofs = stored.proofs_of([leaves[0], leaves[1]]);
    let answer = world.escrow.respond(at(&challenged), &revision, &leaves, &proofs).unwrap();
    let answered = answer.submit(&world.host).await.unwrap();
    let state = challenged.state.answered(&deal.terms, &revision, answered.receipt.closed_at).unwrap();
    assert_eq!(answered.events, [EscrowEvent::Answered { id: deal.id, state: Box::new(state) }]);
    world.holds(&deal, &state).await;
    assert_eq!(world.host_balance().await, before.1 + BOND);
    let again = answer.quote(&account(3)).await.unwrap_err();
    assert_eq!(again.escrow(), Some(EscrowError::SlotMismatch));
}

#[tokio::test]
async fn a_random_challenge_is_answered_with_the_beacons_leaves_and_vests_what_was_earned() {
    let world = World::new().await;
    let (deal, stored, revision) = world.published().await;
    let (challenged, _) = world.accuse(&deal, &[]).await;
    let frozen = challenged.state.challenge.freezes_at(&deal.terms);
    let round = world.client.beacon().schedule().deciding_round(frozen);
    world.wait_until(world.client.beacon().schedule().time_of(round)).await;
    let beacon = world.client.beacon().round(round).await.unwrap();
    world.escrow.post_beacon(&beacon).unwrap().submit(&world.host).await.unwrap();
    let proofs = stored.proofs(&deal, &revision, &beacon.randomness);
    let answer = world.escrow.respond(at(&challenged), &revision, &[], &proofs).unwrap();
    let answered = answer.submit(&world.host).await.unwrap();
    let state = challenged.state.answered(&deal.terms, &revision, answered.receipt.closed_at).unwrap();
    assert!(state.floor > Stroops::ZERO, "something was earned by then");
    world.holds(&deal, &state).await;
}

#[tokio::test]
async fn a_challenge_nobody_answers_ends_the_agreement_for_the_owner() {
    let world = World::new().await;
    let (deal, _, revision) = world.published().await;
    let (challenged, _) = world.accuse(&deal, &[LeafIndex(0)]).await;
    world.wait_until(challenged.state.challenge.deadline(&deal.terms).plus(1)).await;
    let before = (balance(&world.client, &account(2)).await, world.host_balance().await);
    let default = world.escrow.default(at(&challenged), &revision).unwrap();
    let done = default.submit(&world.owner).await.unwrap();
    let settled = Settled { floor: challenged.state.floor, voucher: challenged.state.voucher };
    let ended = done.events.iter().find_map(|event| match event {
        EscrowEvent::Defaulted { id, settlement, bond } if *id == deal.id => Some((*settlement, *bond)),
        _ => None,
    });
    let (settlement, bond) = ended.expect("the contract tells of it");
    let expected =
        settle(&deal.terms, settled, challenged.state.ending_at, Outcome::Missed(&revision)).unwrap();
    assert_eq!((settlement, bond), (expected, BOND));
    let after = before.0 + settlement.owner + BOND - done.receipt.fee;
    assert_eq!(balance(&world.client, &account(2)).await, after);
    assert_eq!(world.host_balance().await, before.1 + settlement.host);
    assert_eq!(world.escrow.slot(&account(2), 0, 0).await.unwrap(), None);
}

#[tokio::test]
async fn a_host_that_gives_notice_ends_the_agreement_early_for_its_exit_fee() {
    let world = World::new().await;
    let deal = world.draft_with(0, |offer, _| offer.exit_fee = Stroops(70_000)).await;
    world.escrow.open(&account(2), &[world.opening(&deal)]).unwrap().submit(&world.owner).await.unwrap();
    let ending_at = world.now().await.plus(2 * DAY);
    let notice = Notice { id: deal.id, by: Party::Host, ending_at };
    let signature = world.host_node.sign(&notice.digest(&HASH));
    let before = (balance(&world.client, &account(2)).await, world.host_balance().await);
    let forged = world.escrow.start_close(at(&deal), &notice, &world.owner_node.sign(&[0; 32])).unwrap();
    let refused = forged.submit(&world.host).await.unwrap_err();
    assert_eq!((refused.stage, refused.effect), (Stage::Simulate, MoneyEffect::None));
    let call = world.escrow.start_close(at(&deal), &notice, &signature).unwrap();
    let done = call.submit(&world.host).await.unwrap();
    let state = deal.state.noticed(&deal.terms, &notice, done.receipt.closed_at).unwrap();
    assert_eq!(state.ending_at, ending_at);
    assert_eq!(done.events, [EscrowEvent::NoticeGiven { id: deal.id, state: Box::new(state) }]);
    world.holds(&deal, &state).await;
    assert_eq!(balance(&world.client, &account(2)).await, before.0 + Stroops(70_000));
    assert_eq!(world.host_balance().await, before.1 - Stroops(70_000));
    let statement = world.escrow.statement(&account(2), 0..=u32::MAX).await.unwrap();
    let last = statement.entries.last().unwrap();
    assert_eq!((last.kind, last.amount), (layr_ledger::EntryKind::ExitFee, Stroops(70_000)));
}

#[tokio::test]
async fn a_voucher_for_reads_is_redeemed_once_and_paid_at_the_end() {
    let world = World::new().await;
    let part = Stroops(500_000);
    let deal = world
        .draft_with(0, |offer, request| {
            offer.egress_rate = 1_000;
            request.voucher_part = part;
        })
        .await;
    world.escrow.open(&account(2), &[world.opening(&deal)]).unwrap().submit(&world.owner).await.unwrap();
    let voucher = Voucher { id: deal.id, amount: Stroops(300_000), bytes: ByteCount(1 << 30) };
    let signature = world.owner_node.sign(&voucher.digest(&HASH));
    let call = world.escrow.redeem(at(&deal), &voucher, &signature).unwrap();
    let done = call.submit(&world.host).await.unwrap();
    let state = deal.state.redeemed(&deal.terms, &voucher).unwrap();
    assert_eq!(done.events, [EscrowEvent::Redeemed { id: deal.id, state: Box::new(state) }]);
    world.holds(&deal, &state).await;
    let redeemed = Deal { state, ..deal };
    let again = world.escrow.redeem(at(&redeemed), &voucher, &signature).unwrap();
    assert_eq!(again.quote(&account(3)).await.unwrap_err().escrow(), Some(EscrowError::VoucherUnfit));

    world.wait_until(redeemed.terms.proof_deadline(redeemed.terms.end).plus(1)).await;
    let before = world.host_balance().await;
    let expire = world.escrow.expire(&redeemed.terms, &redeemed.state, None).unwrap();
    expire.submit(&world.owner).await.unwrap();
    let settled = Settled { floor: Stroops::ZERO, voucher: voucher.amount };
    let expected = settle(&redeemed.terms, settled, redeemed.terms.end, Outcome::Unused).unwrap();
    assert_eq!(world.host_balance().await, before + expected.host);
}

#[tokio::test]
async fn a_key_is_changed_at_once_by_both_or_after_a_delay_by_one() {
    let world = World::new().await;
    let deal = world.open(0).await;
    let [first, second] = [signer(21), signer(22)].map(|key| NodeKey(key.public()));
    let rotation = Rotation { id: deal.id, party: Party::Owner, from: deal.state.owner_key, to: first };
    let digest = rotation.digest(&HASH);
    let (owner, host) = (world.owner_node.sign(&digest), world.host_node.sign(&digest));
    let call = world.escrow.rotate(at(&deal), &rotation, &owner, &host).unwrap();
    let done = call.submit(&world.host).await.unwrap();
    let state = deal.state.rotated(&rotation).unwrap();
    assert_eq!(done.events, [EscrowEvent::Rotated { id: deal.id, state: Box::new(state) }]);
    world.holds(&deal, &state).await;
    let deal = Deal { state, ..deal };

    let rotation = Rotation { id: deal.id, party: Party::Host, from: deal.state.host_key, to: second };
    let start = world.escrow.start_rotation(at(&deal), &rotation).unwrap();
    let foreign = start.submit(&world.owner).await.unwrap_err();
    assert!(matches!(*foreign.cause, layr_ledger::Cause::NeedsOtherSignature), "{foreign}");
    let done = start.submit(&world.host).await.unwrap();
    let state = deal.state.rotation_started(&HASH, &deal.terms, &rotation, done.receipt.closed_at).unwrap();
    let started = EscrowEvent::RotationStarted { id: deal.id, rotation, state: Box::new(state) };
    assert_eq!(done.events, [started]);
    world.holds(&deal, &state).await;
    let deal = Deal { state, ..deal };

    let finish = world.escrow.finish_rotation(at(&deal), &rotation).unwrap();
    assert_eq!(finish.quote(&account(1)).await.unwrap_err().escrow(), Some(EscrowError::WrongStage));
    world.wait_until(deal.state.rotation.unwrap().effective).await;
    let done = finish.submit(&world.owner).await.unwrap();
    let state = deal.state.rotation_finished(&HASH, &rotation, done.receipt.closed_at).unwrap();
    assert_eq!(state.host_key, second);
    assert_eq!(done.events, [EscrowEvent::Rotated { id: deal.id, state: Box::new(state) }]);
    world.holds(&deal, &state).await;
}

#[tokio::test]
async fn a_renewal_closes_the_old_and_opens_the_new_in_one_transaction() {
    let world = World::new().await;
    let old = world.open(7).await;
    advance(&world.net, 10 * DAY).await;
    let mut new = world.draft(7).await;
    new.terms.previous = old.id;
    new.id = new.terms.id(&HASH, &world.escrow.context());
    new.state = SlotState::opening(&new.terms);
    let host = old.terms.collateral + old.terms.base_fee;
    let owner = old.terms.locked() - host;
    let split = FinalSplit { id: old.id, n: 0, host, owner, reason: FinalReason::Renewed };
    let digest = split.digest(&HASH);
    let closing = Closing {
        terms: old.terms.clone(),
        state: old.state,
        split,
        owner_signature: world.owner_node.sign(&digest),
        host_signature: world.host_node.sign(&digest),
    };
    let alone = world.escrow.close(std::slice::from_ref(&closing)).unwrap();
    assert_eq!(alone.quote(&account(2)).await.unwrap_err().escrow(), Some(EscrowError::NotRenewal));

    let before = (balance(&world.client, &account(2)).await, world.host_balance().await);
    let renewal = Renewal { closing, opening: world.opening(&new) };
    let done = world.escrow.renew(&account(2), &[renewal]).unwrap().submit(&world.owner).await.unwrap();
    let told: Vec<_> = done.events.iter().filter_map(EscrowEvent::agreement).collect();
    assert_eq!(told, [old.id, new.id]);
    world.holds(&new, &new.state).await;
    let net = new.terms.escrow + new.terms.voucher_part - owner;
    assert_eq!(balance(&world.client, &account(2)).await, before.0 - net - done.receipt.fee);
    assert_eq!(world.host_balance().await, before.1 + host - new.terms.collateral);
    let statement = world.escrow.statement(&account(2), 0..=u32::MAX).await.unwrap();
    let last = statement.entries.last().unwrap();
    assert_eq!((last.kind, last.amount), (layr_ledger::EntryKind::Renewed, -net));
    assert_eq!(last.agreements.len(), 2);
}

#[tokio::test]
async fn a_bond_comes_from_the_free_balance_and_leaves_slowly() {
    let world = World::new().await;
    let (key, token) = (world.host_key(), world.client.native_token());
    assert_eq!(world.escrow.bonded(&key, &token).await.unwrap(), layr_ledger::Bond::default());
    let amount = Stroops::from_xlm(10);
    let done = world.escrow.bond(&key, &token, amount).unwrap().submit(&world.host).await.unwrap();
    assert_eq!(done.events, [EscrowEvent::Bonded { key, token, amount }]);
    assert_eq!(world.host_balance().await, FREE - amount);
    assert_eq!(world.escrow.bonded(&key, &token).await.unwrap().amount, amount);

    let part = Stroops::from_xlm(4);
    let done = world.escrow.unbond(&key, &token, part).unwrap().submit(&world.host).await.unwrap();
    let bond = world.escrow.bonded(&key, &token).await.unwrap();
    assert_eq!((bond.amount, bond.leaving), (amount - part, part));
    let event = EscrowEvent::Unbonding { key, token, amount: part, free_at: bond.free_at };
    assert_eq!(done.events, [event]);
    let release = world.escrow.release(&key, &token).unwrap();
    assert_eq!(release.quote(&account(3)).await.unwrap_err().escrow(), Some(EscrowError::BondLeaving));
    let all = world.escrow.unbond(&key, &token, amount).unwrap();
    assert_eq!(all.quote(&account(3)).await.unwrap_err().escrow(), Some(EscrowError::BondTooSmall));

    world.wait_until(bond.free_at).await;
    let done = release.submit(&world.host).await.unwrap();
    assert_eq!(done.events, [EscrowEvent::Released { key, token, amount: part }]);
    assert_eq!(world.host_balance().await, FREE - amount + part);
    let bond = world.escrow.bonded(&key, &token).await.unwrap();
    assert_eq!((bond.amount, bond.leaving), (amount - part, Stroops::ZERO));
}
