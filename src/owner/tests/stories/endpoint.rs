//! Ledger endpoints that hang, lag, or cannot be reached at all.

use crate::world::{FEE, FUNDS, Mishap, START, World, keeping};
use layr_owner::views::SettleStep;
use layr_owner::{DueBy, DueStep, LedgerFault, SettleOptions, Silent, ViewError};
use layr_types::{DAY_SECONDS, Stroops, UnixSeconds};
use std::sync::Arc;
use std::sync::atomic::Ordering;

async fn stored() -> World {
    let world = World::new(3, 64);
    world.upload(&world.file("a.bin", 1_000_000), &keeping(2, 3)).await.unwrap();
    world
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_endpoint_that_hangs_while_settling_moves_money_once() {
    for mishap in [Mishap::Hangs, Mishap::HangsUnsent] {
        let mut world = stored().await;
        let end = world.owner.agreements().await.unwrap()[0].end;
        world.ledger.chain.set_now(end.plus(60));
        *world.ledger.mishap.lock().unwrap() = Some(mishap);
        let error = world.owner.settle(SettleOptions::default(), Arc::new(Silent)).await.unwrap_err();
        let unknown = matches!(error.money, layr_owner::MoneyEffect::Unknown(_));
        assert_eq!(unknown, mishap == Mishap::Hangs, "{error:?}");
        world.restart();
        let report = world.owner.settle(SettleOptions::default(), Arc::new(Silent)).await.unwrap();
        assert!(report.agreements.iter().all(|view| view.step == SettleStep::Closed), "{report:?}");
        assert_eq!(world.ledger.chain.paid().len(), 3, "{mishap:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_endpoint_that_never_answers_is_unreachable_and_records_are_still_shown() {
    let world = stored().await;
    let known = world.owner.agreements().await.unwrap();
    world.ledger.hangs.store(true, Ordering::SeqCst);
    let error = world.owner.agreements().await.unwrap_err();
    assert!(matches!(error, ViewError::Ledger(LedgerFault::Unreachable(_))), "{error:?}");
    let recorded = world.owner.agreements_recorded().unwrap();
    assert_eq!((recorded.as_of, recorded.value), (START, known), "as of the last answer");
    assert_eq!(world.owner.list("").unwrap().len(), 1);
    assert_eq!(world.owner.money_at_risk_recorded().unwrap().value.len(), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_endpoint_that_is_behind_is_not_acted_on() {
    let mut world = stored().await;
    let later = START.plus(DAY_SECONDS);
    world.ledger.chain.set_now(later);
    world.owner.agreements().await.unwrap();
    world.ledger.behind.store(3_600, Ordering::SeqCst);
    world.restart();
    let error = world.owner.settle(SettleOptions::default(), Arc::new(Silent)).await.unwrap_err();
    let words = error.to_string();
    assert!(words.contains("behind"), "{words}");
    assert_eq!(error.money, layr_owner::MoneyEffect::None);
    world.ledger.behind.store(5, Ordering::SeqCst);
    world.owner.settle(SettleOptions::default(), Arc::new(Silent)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clock_skew_changes_nothing_because_only_the_ledgers_clock_counts() {
    // The ledger's clock runs decades ahead of this machine's: nothing here asks this machine's.
    let world = stored().await;
    let due = world.owner.money_at_risk().await.unwrap();
    let views = world.owner.agreements().await.unwrap();
    assert_eq!(due.len(), 3);
    for next in &due {
        let view = views.iter().find(|view| view.id == next.agreement).unwrap();
        assert_eq!((next.step, next.by, next.from), (DueStep::CloseOrPublish, DueBy::Owner, view.end));
        assert_eq!(next.until, Some(view.terms.freezes_at(view.end)));
        assert_eq!(next.locked, view.escrow);
        assert!(next.stake > Stroops::ZERO && next.stake <= view.escrow + view.collateral, "{next:?}");
    }
    let far = UnixSeconds(START.0 + 1_000 * DAY_SECONDS);
    world.ledger.chain.set_now(far);
    let due = world.owner.money_at_risk().await.unwrap();
    assert!(due.iter().all(|next| next.step == DueStep::Expire && next.until.is_none()), "{due:?}");
    let report = world.owner.settle(SettleOptions::default(), Arc::new(Silent)).await.unwrap();
    assert!(report.agreements.iter().all(|view| view.step == SettleStep::Expired), "{report:?}");
    let wallet = world.owner.wallet().await.unwrap();
    let escrow: Stroops = views.iter().map(|view| view.escrow).sum();
    let back = report.refunded;
    assert_eq!(
        wallet.balance,
        FUNDS - escrow + back - Stroops(4 * FEE.0),
        "unpublished: all but the base fee"
    );
    let base: Stroops = views.iter().map(|view| view.terms.base_fee).sum();
    assert_eq!(back, escrow - base);
}
