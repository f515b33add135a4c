//! Reading costs what was agreed, paid step by step, and never more than was accepted.

use crate::world::{World, keeping, noise};
use layr_market::{Outcome, Settled, settle};
use layr_owner::{DownloadRequest, SettleOptions, Silent, Target};
use layr_protocol::Refusal;
use layr_types::{GIB, Stroops};
use std::sync::Arc;

/// Stroops per GiB read.
const RATE: u64 = 1 << 30;
const BYTES: usize = 6_000_000;

async fn stored(free_percent: u32) -> World {
    let world = World::with(4, 64, &move |offer| {
        offer.egress_rate = RATE;
        offer.free_reads_percent = free_percent;
    });
    world.upload(&world.file("a.bin", BYTES), &keeping(2, 4)).await.unwrap();
    world
}

fn download(world: &World, max_cost: Option<Stroops>) -> DownloadRequest {
    let path = world.folder.path().join("back");
    let target = Target::File { path, force: true };
    DownloadRequest { name: "a.bin".into(), range: None, target, max_cost }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reads_within_the_free_allowance_cost_nothing() {
    let world = stored(100).await;
    let report = world.owner.download(download(&world, None), Arc::new(Silent)).await.unwrap();
    assert_eq!(report.paid, Stroops::ZERO);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_set_aside_for_reading_stands_in_the_quote_and_is_locked() {
    let world = stored(0).await;
    let quote = world
        .owner
        .quote(&world.request(&[world.file("b.bin", 30_000_000)], &keeping(2, 4)), &Silent)
        .await
        .unwrap();
    assert!(quote.reads > Stroops::ZERO);
    assert_eq!(quote.total, quote.escrow + quote.reads + quote.ledger_fees);
    let views = world.owner.agreements().await.unwrap();
    assert!(
        views.iter().all(|view| view.voucher_part == Stroops(i128::from(view.capacity.0 / (GIB / RATE))))
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reads_are_paid_by_vouchers_and_settled_at_the_end() {
    let world = stored(0).await;
    let report = world.owner.download(download(&world, None), Arc::new(Silent)).await.unwrap();
    let views = world.owner.agreements().await.unwrap();
    let promised: Stroops = views.iter().map(|view| view.promised).sum();
    assert!(report.paid > Stroops::ZERO);
    assert_eq!(report.paid, promised, "what the download says is what was promised");
    assert!(promised.0 >= i128::try_from(BYTES).unwrap(), "a stroop a byte, at this price");
    world.ledger.chain.set_now(views[0].end.plus(60));
    let settled = world.owner.settle(SettleOptions::default(), Arc::new(Silent)).await.unwrap();
    for view in &settled.agreements {
        let known = views.iter().find(|known| known.id == view.id).unwrap();
        let reads = Settled { voucher: known.promised, ..Settled::default() };
        let fair =
            settle(&known.terms, reads, known.terms.end, Outcome::Proved(known.newest.as_ref().unwrap()));
        assert_eq!((view.to_host, view.to_owner), (Some(fair.unwrap().host), Some(fair.unwrap().owner)));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_download_never_promises_more_than_was_accepted() {
    let world = stored(0).await;
    let error =
        world.owner.download(download(&world, Some(Stroops(10))), Arc::new(Silent)).await.unwrap_err();
    let layr_owner::error::DownloadCause::Lost { failed, .. } = &error.cause else { panic!("{error}") };
    let wanted = |fault: &layr_owner::HostFault| {
        matches!(fault, layr_owner::HostFault::Refused(Refusal::PaymentRequired { .. }))
    };
    assert!(failed.iter().all(|failure| wanted(&failure.fault)), "{failed:?}");
    let views = world.owner.agreements().await.unwrap();
    assert!(views.iter().all(|view| view.promised <= Stroops(10)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crash_never_makes_the_largest_voucher_smaller() {
    for at in 1..12 {
        let mut world = stored(0).await;
        let from = world.records.writes();
        world.records.refuse_when(move |number, _| number >= from + at - 1);
        let _stopped = world.owner.download(download(&world, None), Arc::new(Silent)).await;
        world.restart();
        for view in world.owner.agreements().await.unwrap() {
            let guest = world.guest(&view.host);
            let account =
                guest.host.reads(layr_types::NodeKey(world.identity.node_key().0), view.id).await.unwrap();
            assert!(account.promised <= view.promised, "write {at}: {account:?} {}", view.promised);
        }
        assert!(world.download("a.bin").await.unwrap() == noise(BYTES, "a.bin"), "write {at}");
    }
}
