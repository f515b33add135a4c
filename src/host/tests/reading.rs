//! Reading: a free allowance, then vouchers, and never a byte beyond them.

use super::*;
use layr_market::Voucher;
use layr_merkle::GroupRange;
use layr_protocol::SignedVoucher;

const SECTOR: ByteCount = ByteCount(SECTOR_BYTES as u64);

/// A host that wants 1,024,000 stroops a GiB (1,000 a sector) and gives 50 % of four sectors away.
async fn priced() -> (World, Owner) {
    let mut config = World::new(8).config;
    config.offer.egress_rate = 1_024_000;
    config.offer.free_reads_percent = 50;
    let ledger = Arc::new(MemoryLedger::new(context(), START, Stroops::from_xlm(1_000)));
    let world = World::over(config, MemoryRecords::default(), MemorySectors::new(8), ledger);
    let mut owner = Owner::open(&world, 1, 4).await;
    owner.store(&world, &[1], START).await.expect("stored");
    (world, owner)
}

async fn read(world: &World, owner: &Owner) -> Result<(), Refusal> {
    let range = GroupRange::new(0, 64).expect("a sector");
    world.host.get_sector(owner.key, owner.id, root_of(&sector(1)), range).await.map(drop)
}

fn signed(owner: &Owner, voucher: Voucher) -> SignedVoucher {
    SignedVoucher { signature: owner.signer.sign(&voucher.digest(&SoftwareSha256)), voucher }
}

#[tokio::test]
async fn reads_beyond_the_allowance_want_exactly_the_voucher_that_covers_them() {
    let (world, owner) = priced().await;
    read(&world, &owner).await.expect("free");
    read(&world, &owner).await.expect("free");
    let wanted = Refusal::PaymentRequired { bytes: ByteCount(3 * SECTOR.0), amount: Stroops(1_000) };
    assert_eq!(read(&world, &owner).await, Err(wanted.clone()));
    assert_eq!(read(&world, &owner).await, Err(wanted), "what is refused is not counted");
    let account = world.host.reads(owner.key, owner.id).await.expect("told");
    assert_eq!((account.bytes.0, account.owed(), account.limit), (2 * SECTOR.0, Stroops::ZERO, VOUCHER_PART));
    let voucher = account.voucher_for(owner.id, SECTOR).expect("within the voucher part");
    let account = world.host.voucher(owner.key, signed(&owner, voucher)).await.expect("taken");
    assert_eq!(account.promised, Stroops(1_000));
    read(&world, &owner).await.expect("paid");
    assert!(matches!(read(&world, &owner).await, Err(Refusal::PaymentRequired { .. })));
}

#[tokio::test]
async fn a_voucher_survives_a_crash_and_what_was_read_is_never_counted_too_high() {
    let (world, owner) = priced().await;
    read(&world, &owner).await.expect("free");
    let voucher = Voucher { id: owner.id, amount: Stroops(2_000), bytes: ByteCount(4 * SECTOR.0) };
    world.host.voucher(owner.key, signed(&owner, voucher)).await.expect("taken");
    read(&world, &owner).await.expect("free");
    let after = world.crash(0);
    let account = after.host.reads(owner.key, owner.id).await.expect("told");
    assert_eq!((account.promised, account.bytes), (Stroops(2_000), SECTOR));
    after.assert_books();
}

#[tokio::test]
async fn a_smaller_voucher_changes_nothing_and_an_unfit_one_is_refused() {
    let (world, owner) = priced().await;
    let of = |amount: i128| Voucher { id: owner.id, amount: Stroops(amount), bytes: SECTOR };
    for amount in [3_000, 2_000, 3_000, -5, 0] {
        let account = world.host.voucher(owner.key, signed(&owner, of(amount))).await.expect("taken");
        assert_eq!(account.promised, Stroops(3_000));
    }
    let above = world.host.voucher(owner.key, signed(&owner, of(VOUCHER_PART.0 + 1))).await;
    assert_eq!(above, Err(Refusal::VoucherUnfit { limit: VOUCHER_PART }));
    let forged = SignedVoucher { signature: Signature([9; 64]), voucher: of(4_000) };
    assert_eq!(world.host.voucher(owner.key, forged).await, Err(Refusal::BadSignature));
    let stranger = NodeKey(signer(77).public());
    let theirs = SignedVoucher { signature: signer(77).sign(&of(9).digest(&SoftwareSha256)), voucher: of(9) };
    assert_eq!(world.host.voucher(stranger, theirs).await, Err(Refusal::UnknownAgreement));
}

#[tokio::test]
async fn the_largest_voucher_is_paid_in_the_final_split() {
    let (world, mut owner) = priced().await;
    let voucher = Voucher { id: owner.id, amount: Stroops(1_500), bytes: ByteCount(4 * SECTOR.0) };
    world.host.voucher(owner.key, signed(&owner, voucher)).await.expect("taken");
    world.ledger.set_now(owner.terms.end.plus(1));
    let without = owner.finish(FinalReason::TermOver);
    assert_eq!(world.host.finish(owner.key, without.clone()).await, Err(Refusal::SplitMismatch));
    owner.voucher = Stroops(1_500);
    let with = owner.finish(FinalReason::TermOver);
    assert_eq!(with.split.host - without.split.host, Stroops(1_500));
    world.host.finish(owner.key, with).await.expect("signed");
}

#[tokio::test]
async fn the_allowance_is_that_of_the_day_the_agreement_was_proposed() {
    let (world, owner) = priced().await;
    let mut config = world.config.clone();
    config.offer.free_reads_percent = 0;
    config.offer.egress_rate = 1;
    let ledger = Arc::clone(&world.ledger);
    let later = World::over(config, world.records.share(), world.sectors.share(), ledger);
    let account = later.host.reads(owner.key, owner.id).await.expect("told");
    assert_eq!((account.free.0, account.rate), (2 * SECTOR.0, 1_024_000));
}
