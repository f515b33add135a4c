//! The committed contract on a real host, through the client, over HTTP: every entry point, every reading.

use crate::common::deal::{Deal, FREE, HASH, Stored, WASM, World, deployment};
use crate::common::{Manner, Proxy, account, balance, config, network, payer};
use layr_ledger::{
    Cause, EscrowError, EscrowEvent, LedgerClient, MoneyEffect, Payer, Publication, Resolution, Stage,
};
use layr_market::{Outcome, Settled, settle};
use layr_types::Stroops;
use sha2::{Digest as _, Sha256};

#[tokio::test]
async fn deploying_twice_leaves_one_contract_and_costs_once() {
    let net = network().await;
    let client = crate::common::client(&net).await;
    let (operator, _) = payer(&client, 1).await;
    let config = deployment(&client);
    let first = client.ensure_deployed(&operator, WASM, [9; 32], &config).await.unwrap();
    assert_eq!(first.receipts.len(), 2);
    assert!(first.receipts.iter().all(|receipt| receipt.rent.is_some_and(|rent| rent > Stroops::ZERO)));
    let contract = client.contract_address(&account(1), [9; 32]);
    assert_eq!(first.escrow.contract(), contract);
    assert_eq!(first.escrow.config().await.unwrap(), config);

    let before = balance(&client, &account(1)).await;
    let again = client.ensure_deployed(&operator, WASM, [9; 32], &config).await.unwrap();
    assert!(again.receipts.is_empty());
    assert_eq!(balance(&client, &account(1)).await, before);

    let lives = client.contract_live_until(&contract).await.unwrap();
    client.keep_contract_alive(&operator, &contract, 3_000_000).await.unwrap();
    assert!(client.contract_live_until(&contract).await.unwrap() > lives);
}

#[tokio::test]
async fn deploying_costs_at_most_the_payers_limit_in_all_and_says_what_was_spent() {
    let net = network().await;
    let client = crate::common::client(&net).await;
    let (operator, _) = payer(&client, 1).await;
    let config = deployment(&client);
    let free = client.ensure_deployed(&operator, WASM, [9; 32], &config).await.unwrap();
    let upload = free.receipts[0].fee;

    let net = network().await;
    let client = crate::common::client(&net).await;
    let (operator, _) = payer(&client, 1).await;
    let mut refusals = 0;
    for percent in [10, 90, 120, 140, 160, 200, 400] {
        let limit = Stroops(upload.0 * percent / 100);
        let sparing = Payer { max_fee: Some(limit), ..operator.clone() };
        let before = balance(&client, &account(1)).await;
        let deployed = client.ensure_deployed(&sparing, WASM, [9; 32], &config).await;
        let spent = before - balance(&client, &account(1)).await;
        assert!(spent <= limit, "{spent} of {limit}");
        if let Err(refused) = deployed {
            refusals += 1;
            assert!(matches!(*refused.cause, Cause::FeeAboveLimit { .. }), "{refused}");
            let expected = if spent > Stroops::ZERO { MoneyEffect::Fee(spent) } else { MoneyEffect::None };
            assert_eq!(refused.effect, expected);
        }
    }
    assert!((2..7).contains(&refusals), "a tenth and nine tenths are too little, four times is enough");
}

#[tokio::test]
async fn other_code_at_the_address_is_not_taken_for_the_contract() {
    let world = World::new().await;
    let operator = Payer::unlogged(crate::common::signer(1));
    let config = deployment(&world.client);
    let error = world.client.ensure_deployed(&operator, b"\0asm", [4; 32], &config).await.unwrap_err();
    assert!(matches!(*error.cause, Cause::ForeignContract(_)), "{error}");
    world.escrow.check_genuine(&Sha256::digest(WASM).into()).await.unwrap();
    let foreign = world.escrow.check_genuine(&[0; 32]).await.unwrap_err();
    assert!(matches!(*foreign.cause, Cause::ForeignContract(_)), "{foreign}");
    let nowhere = world.client.escrow(world.client.contract_address(&account(1), [77; 32]));
    assert!(matches!(*nowhere.config().await.unwrap_err().cause, Cause::ForeignContract(_)));
}

#[tokio::test]
async fn a_host_registers_deposits_and_withdraws() {
    let world = World::new().await;
    let token = world.client.native_token();
    assert_eq!(world.escrow.registered_account(&world.host_key()).await.unwrap(), Some(account(3)));
    assert_eq!(world.host_balance().await, FREE);
    let before = balance(&world.client, &account(3)).await;
    let call = world.escrow.withdraw(&world.host_key(), &token, Stroops::from_xlm(4)).unwrap();
    let done = call.submit(&world.host).await.unwrap();
    assert_eq!(balance(&world.client, &account(3)).await, before + Stroops::from_xlm(4) - done.receipt.fee);
    assert_eq!(world.host_balance().await, FREE - Stroops::from_xlm(4));
    let amount = Stroops::from_xlm(4);
    assert_eq!(done.events, [EscrowEvent::Withdrawn { key: world.host_key(), token, amount }]);
    let call = world.escrow.withdraw(&world.host_key(), &token, FREE).unwrap();
    let refused = call.submit(&world.host).await.unwrap_err();
    assert_eq!(refused.escrow(), Some(EscrowError::BalanceTooSmall));
    assert_eq!((refused.stage, refused.effect), (Stage::Simulate, MoneyEffect::None));
}

#[tokio::test]
async fn opening_locks_both_sides_money_and_closing_splits_it_as_signed() {
    let world = World::new().await;
    let deal = world.draft(5).await;
    let call = world.escrow.open(&account(2), &[world.opening(&deal)]).unwrap();
    let quote = call.quote(&account(2)).await.unwrap();
    let before = balance(&world.client, &account(2)).await;
    let opened = call.submit(&world.owner).await.unwrap();

    assert!(opened.receipt.fee <= quote.total(), "{:?} {quote:?}", opened.receipt);
    let rent = opened.receipt.rent.expect("the network tells the rent");
    assert!(rent > Stroops::ZERO && rent <= quote.rent, "{rent:?} {quote:?}");
    let locked = deal.terms.escrow + deal.terms.voucher_part;
    assert_eq!(balance(&world.client, &account(2)).await, before - locked - opened.receipt.fee);
    assert_eq!(world.host_balance().await, FREE - deal.terms.collateral);
    let commitment = deal.state.commitment(&HASH, &deal.id);
    let folder = world.escrow.folder(&account(2), 0).await.unwrap();
    assert_eq!(folder.slot(5), Some(commitment));
    assert_eq!((folder.first_free(), folder.free().count()), (Some(0), 63));
    let event = EscrowEvent::Opened { owner: account(2), host_key: world.host_key(), id: deal.id };
    assert_eq!(opened.events, [event]);

    let again = call.quote(&account(2)).await.unwrap_err();
    assert_eq!(again.escrow(), Some(EscrowError::SlotTaken));
    let closing = world.closing(&deal, 0, deal.terms.collateral + deal.terms.base_fee);
    let early = world.escrow.close(std::slice::from_ref(&closing)).unwrap();
    assert_eq!(early.quote(&account(3)).await.unwrap_err().escrow(), Some(EscrowError::StillOpenable));

    crate::common::advance(&world.net, 601).await;
    let before = balance(&world.client, &account(2)).await;
    let closed = early.submit(&world.host).await.unwrap();
    let split = closing.split;
    assert!(matches!(
        &closed.events[..],
        [EscrowEvent::Closed { id, settlement }]
            if *id == deal.id && settlement.host == split.host && settlement.owner == split.owner
    ));
    assert_eq!(balance(&world.client, &account(2)).await, before + split.owner);
    assert_eq!(world.host_balance().await, FREE + deal.terms.base_fee);
    assert_eq!(world.escrow.slot(&account(2), 0, 5).await.unwrap(), None);
}

#[tokio::test]
async fn a_published_revision_is_proved_with_the_leaves_the_beacon_chose() {
    let world = World::new().await;
    let deal = world.open(0).await;
    let stored = Stored::new(3);
    let revision = world.revision(&deal, &stored);
    crate::common::advance(&world.net, 86_400).await;
    let deal = world.publish(&deal, &revision).await;
    assert_eq!(
        world.escrow.slot(&account(2), 0, 0).await.unwrap(),
        Some(deal.state.commitment(&HASH, &deal.id))
    );

    let frozen = deal.terms.freezes_at(deal.terms.end);
    let round = world.client.beacon().schedule().deciding_round(frozen);
    world.wait_until(world.client.beacon().schedule().time_of(round)).await;
    let beacon = world.client.beacon().round(round).await.unwrap();
    let proofs = stored.proofs(&deal, &revision, &beacon.randomness);
    let prove = world.escrow.prove(&deal.terms, &deal.state, &revision, &proofs).unwrap();
    assert_eq!(prove.quote(&account(3)).await.unwrap_err().escrow(), Some(EscrowError::BeaconMissing));
    assert_eq!(world.escrow.posted_beacon(round).await.unwrap(), None);
    world.escrow.post_beacon(&beacon).unwrap().submit(&world.host).await.unwrap();
    assert_eq!(world.escrow.posted_beacon(round).await.unwrap(), Some(beacon.randomness));

    let mut wrong = proofs.clone();
    wrong[700] ^= 1;
    let forged = world.escrow.prove(&deal.terms, &deal.state, &revision, &wrong).unwrap();
    assert_eq!(forged.quote(&account(3)).await.unwrap_err().escrow(), Some(EscrowError::ProofInvalid));

    let before = (balance(&world.client, &account(2)).await, world.host_balance().await);
    let proved = prove.submit(&world.host).await.unwrap();
    let expected =
        settle(&deal.terms, Settled::default(), deal.terms.end, Outcome::Proved(&revision)).unwrap();
    assert_eq!(proved.events, [EscrowEvent::Proved { id: deal.id, settlement: expected }]);
    assert_eq!(balance(&world.client, &account(2)).await, before.0 + expected.owner);
    assert_eq!(world.host_balance().await, before.1 + expected.host);
}

#[tokio::test]
async fn an_unproved_agreement_expires_in_the_owners_favour() {
    let world = World::new().await;
    let deal = world.open(0).await;
    let revision = world.revision(&deal, &Stored::new(2));
    crate::common::advance(&world.net, 86_400).await;
    let deal = world.publish(&deal, &revision).await;
    let expire = world.escrow.expire(&deal.terms, &deal.state, Some(&revision)).unwrap();
    assert_eq!(expire.quote(&account(2)).await.unwrap_err().escrow(), Some(EscrowError::WrongStage));
    world.wait_until(deal.terms.proof_deadline(deal.terms.end).plus(1)).await;
    let expected =
        settle(&deal.terms, Settled::default(), deal.terms.end, Outcome::Missed(&revision)).unwrap();
    let before = balance(&world.client, &account(2)).await;
    let expired = expire.submit(&world.owner).await.unwrap();
    assert_eq!(expired.events, [EscrowEvent::Expired { id: deal.id, settlement: expected }]);
    let after = before + expected.owner - expired.receipt.fee;
    assert_eq!(balance(&world.client, &account(2)).await, after);
}

#[tokio::test]
async fn an_agreement_nobody_used_expires_unused() {
    let world = World::new().await;
    let deal = world.open(0).await;
    world.wait_until(deal.terms.proof_deadline(deal.terms.end).plus(1)).await;
    let expire = world.escrow.expire(&deal.terms, &deal.state, None).unwrap();
    let expired = expire.submit(&world.owner).await.unwrap();
    let expected = settle(&deal.terms, Settled::default(), deal.terms.end, Outcome::Unused).unwrap();
    assert_eq!(expired.events, [EscrowEvent::Expired { id: deal.id, settlement: expected }]);
}

#[tokio::test]
async fn a_wrong_signature_is_refused_before_anything_is_spent() {
    let world = World::new().await;
    let deal = world.draft(0).await;
    let mut opening = world.opening(&deal);
    opening.host_signature.0[5] ^= 1;
    let call = world.escrow.open(&account(2), &[opening]).unwrap();
    let error = call.submit(&world.owner).await.unwrap_err();
    assert_eq!((error.stage, error.effect, error.escrow()), (Stage::Simulate, MoneyEffect::None, None));
    assert!(error.to_string().contains("Crypto"), "{error}");
    assert!(world.owner_log.all().is_empty());
}

#[tokio::test]
async fn spending_anothers_money_needs_their_signature() {
    let world = World::new().await;
    let deal = world.draft(0).await;
    let call = world.escrow.open(&account(2), &[world.opening(&deal)]).unwrap();
    let error = call.submit(&world.host).await.unwrap_err();
    assert!(matches!(*error.cause, Cause::NeedsOtherSignature), "{error}");
    assert_eq!(error.effect, MoneyEffect::None);
}

#[tokio::test]
async fn forty_agreements_open_at_once_and_twenty_close_at_once() {
    let world = World::new().await;
    let mut deals = Vec::new();
    for slot in 0..40 {
        deals.push(world.draft(slot).await);
    }
    let batch: Vec<_> = deals.iter().map(|deal| world.opening(deal)).collect();
    let opened = world.escrow.open(&account(2), &batch).unwrap().submit(&world.owner).await.unwrap();
    assert_eq!(opened.events.len(), 40);
    assert_eq!(world.escrow.folder(&account(2), 0).await.unwrap().free().count(), 24);
    crate::common::advance(&world.net, 601).await;
    let batch: Vec<_> =
        deals.iter().take(20).map(|deal| world.closing(deal, 0, deal.terms.collateral)).collect();
    let closed = world.escrow.close(&batch).unwrap().submit(&world.owner).await.unwrap();
    assert_eq!(closed.events.len(), 20);
    let bump = world.escrow.bump(&account(2), 0, 3_000_000).unwrap();
    let before = world.escrow.folder(&account(2), 0).await.unwrap();
    bump.submit(&world.owner).await.unwrap();
    let after = world.escrow.folder(&account(2), 0).await.unwrap();
    assert_eq!(before.free().count(), 44);
    assert!(after.live_until > before.live_until);
}

#[tokio::test]
async fn events_tell_the_story_in_order_and_page_by_page() {
    let world = World::new().await;
    let deal = world.open(0).await;
    let revision = world.revision(&deal, &Stored::new(1));
    crate::common::advance(&world.net, 86_400).await;
    world.publish(&deal, &revision).await;
    let oldest = world.client.health().await.unwrap().oldest_ledger;
    let page = world.escrow.events(oldest, None).await.unwrap();
    let kinds: Vec<&str> = page
        .events
        .iter()
        .map(|logged| match &logged.event {
            EscrowEvent::Registered { .. } => "registered",
            EscrowEvent::Deposited { .. } => "deposited",
            EscrowEvent::Opened { .. } => "opened",
            EscrowEvent::Published { revision: published, .. } if **published == revision => "published",
            _ => "other",
        })
        .collect();
    assert_eq!(kinds, ["registered", "deposited", "opened", "published"]);
    let rest = world.escrow.events(0, page.cursor.as_deref()).await.unwrap();
    assert!(rest.events.is_empty());
}

/// The endpoint dies while an opening is on its way; after the crash the escrow is locked once, not twice.
#[tokio::test]
async fn an_opening_whose_answer_was_lost_is_found_again_and_not_paid_twice() {
    let world = World::new().await;
    let proxy = Proxy::start(&world.net).await;
    let mut through = config(&world.net).await;
    through.rpc_urls = vec![proxy.url.clone()];
    let through = LedgerClient::new(through).unwrap().escrow(world.escrow.contract());
    let deal = world.draft(0).await;
    let before = balance(&world.client, &account(2)).await;
    let call = through.open(&account(2), &[world.opening(&deal)]).unwrap();
    proxy.set(Manner::DropAnswers("sendTransaction"));
    let error = call.submit(&world.owner).await.unwrap_err();
    let pending = world.owner_log.last();
    assert_eq!(error.effect, MoneyEffect::Unknown(pending.hash), "{error}");

    proxy.set(Manner::Honest);
    let Resolution::Applied(receipt) = through.client().resume(&pending).await.unwrap() else {
        panic!("it was applied")
    };
    assert_eq!(balance(&world.client, &account(2)).await, before - deal.terms.escrow - receipt.fee);
    assert_eq!(call.quote(&account(2)).await.unwrap_err().escrow(), Some(EscrowError::SlotTaken));
}

/// Everything sleeps so long that the network archives the folder; the next call brings it back by itself.
#[tokio::test]
async fn an_archived_folder_is_readable_and_the_next_call_restores_it() {
    let world = World::new().await;
    let deal = asleep(&world).await;
    let folder = world.escrow.folder(&account(2), 0).await.unwrap();
    assert_eq!(folder.slot(0), Some(deal.state.commitment(&HASH, &deal.id)));
    assert!(folder.live_until.unwrap() < world.client.now().await.unwrap().sequence);
    let (publication, after) = publication(&world, &deal);
    let published = world.escrow.publish(&publication).unwrap().submit(&world.owner).await.unwrap();
    assert_eq!(published.events.len(), 1);
    assert_eq!(world.escrow.slot(&account(2), 0, 0).await.unwrap(), Some(after));
}

/// Some endpoints ask for a transaction of its own to restore what is archived; its price is quoted apart.
#[tokio::test]
async fn where_the_endpoint_asks_for_it_a_restoring_transaction_goes_first() {
    let world = World::new().await;
    let deal = asleep(&world).await;
    let preamble = crate::common::restore::preamble(&world).await;
    let proxy = Proxy::start(&world.net).await;
    let mut through = config(&world.net).await;
    through.rpc_urls = vec![proxy.url.clone()];
    let through = LedgerClient::new(through).unwrap().escrow(world.escrow.contract());
    let (publication, after) = publication(&world, &deal);
    let call = through.publish(&publication).unwrap();

    proxy.set(Manner::AddToSimulation("restorePreamble", preamble.clone()));
    let quote = call.quote(&account(2)).await.unwrap();
    assert!(quote.restore > Stroops::ZERO);
    let parts = [quote.inclusion_fee, quote.resource_fee, quote.refundable, quote.rent, quote.restore];
    assert!(parts.iter().all(|part| *part > Stroops::ZERO), "{quote:?}");
    assert_eq!(parts.into_iter().sum::<Stroops>(), quote.total());
    proxy.set(Manner::AddToSimulation("restorePreamble", preamble.clone()));
    let sparing = Payer { max_fee: Some(quote.total() - Stroops(1)), ..world.owner.clone() };
    let refused = call.submit(&sparing).await.unwrap_err();
    assert!(matches!(*refused.cause, Cause::FeeAboveLimit { .. }), "restoring counts: {refused}");
    let noted = world.owner_log.all().len();
    proxy.set(Manner::AddToSimulation("restorePreamble", preamble));
    call.submit(&world.owner).await.unwrap();
    let written = world.owner_log.all();
    assert_eq!(written.len(), noted + 2, "restoring and publishing were both written down");
    let (restoring, publishing) = (&written[noted], &written[noted + 1]);
    assert!(restoring.restores && !publishing.restores);
    let restored = through.client().resume(restoring).await.unwrap();
    assert!(matches!(restored, Resolution::Restored(_)), "nobody takes it for the publication: {restored:?}");
    assert!(matches!(through.client().resume(publishing).await.unwrap(), Resolution::Applied(_)));
    assert_eq!(world.escrow.slot(&account(2), 0, 0).await.unwrap(), Some(after));
}

/// An agreement in a folder that has been archived, while the contract itself is alive.
async fn asleep(world: &World) -> Deal {
    let deal = world.open(0).await;
    let lives = world.escrow.folder(&account(2), 0).await.unwrap().live_until.unwrap();
    let now = world.client.now().await.unwrap().sequence;
    let operator = Payer::unlogged(crate::common::signer(1));
    world.client.keep_contract_alive(&operator, &world.escrow.contract(), 3_100_000).await.unwrap();
    crate::common::advance_ledgers(&world.net, lives - now + 10).await;
    crate::common::advance(&world.net, 86_400).await;
    deal
}

/// A publication and what the slot holds after it.
fn publication(world: &World, deal: &Deal) -> (Publication, [u8; 32]) {
    let revision = world.revision(deal, &Stored::new(1));
    let digest = revision.digest(&HASH);
    let after = deal.state.published(&HASH, &revision).commitment(&HASH, &deal.id);
    let publication = Publication {
        terms: deal.terms.clone(),
        state: deal.state,
        revision,
        owner_signature: world.owner_node.sign(&digest),
        host_signature: world.host_node.sign(&digest),
    };
    (publication, after)
}

#[tokio::test]
async fn an_owner_who_cannot_pay_is_told_by_the_assets_contract() {
    let world = World::new().await;
    let deal = world.draft(0).await;
    let owner = &world.owner;
    let rest = world.client.account(&account(2)).await.unwrap().unwrap().spendable() - Stroops(1_000_000);
    world.client.pay(owner, &account(3), rest).await.unwrap();
    let call = world.escrow.open(&account(2), &[world.opening(&deal)]).unwrap();
    let error = call.submit(owner).await.unwrap_err();
    assert_eq!(error.effect, MoneyEffect::None);
    assert!(error.to_string().contains("does not hold enough"), "{error}");
}
