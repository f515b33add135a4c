//! Vouchers: reads paid step by step, each promise remembered before it is given.
//!
//! A host that wants to be paid for a read refuses it and says so. The owner then asks for its account, checks the
//! price against the one agreed on, and signs a voucher for a step beyond what is read: cumulative, within the
//! agreement's voucher part and within what the person accepted for this download. The largest voucher is written
//! down before it is sent, so that a crash never makes it smaller; it is in the final split of the agreement.

use crate::core::Core;
use crate::error::{HostFault, Misbehaviour, RecordsFault};
use crate::ports::Space;
use futures::future::BoxFuture;
use layr_market::{SoftwareSha256, Voucher};
use layr_protocol::{HostApiClient, ReadAccount, Refusal, SignedVoucher};
use layr_types::{AgreementId, ByteCount, NodeKey, Stroops};
use serde::{Deserialize, Serialize};
use std::sync::{Mutex, PoisonError};

/// Paid for ahead of what is read at once: 8 MiB. More is never trusted to a host.
const STEP: ByteCount = ByteCount(8 << 20);

/// What reading under an agreement was agreed to cost, and what has been promised for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Reads {
    /// Stroops per GiB and the free allowance; `None` where another machine agreed on them.
    pub(crate) agreed: Option<(u64, ByteCount)>,
    /// The largest voucher signed.
    pub(crate) largest: Option<Voucher>,
}

/// What a person lets one download cost.
#[derive(Debug)]
pub(crate) struct Purse {
    limit: Option<Stroops>,
    spent: Mutex<Stroops>,
}

impl Purse {
    /// At most `limit`; `None` for whatever the agreements have set aside.
    pub(crate) const fn new(limit: Option<Stroops>) -> Self {
        Self { limit, spent: Mutex::new(Stroops::ZERO) }
    }

    /// What has been promised out of it.
    pub(crate) fn spent(&self) -> Stroops {
        *self.spent.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes `amount` out; false, and nothing taken, where it does not hold that much.
    fn take(&self, amount: Stroops) -> bool {
        let mut spent = self.spent.lock().unwrap_or_else(PoisonError::into_inner);
        if self.limit.is_some_and(|limit| *spent + amount > limit) {
            return false;
        }
        *spent += amount;
        true
    }
}

fn load(core: &Core, id: &AgreementId) -> Result<Reads, RecordsFault> {
    Ok(core.book.get(Space::Vouchers, id.as_bytes())?.unwrap_or_default())
}

/// Notes what reading under a new agreement was agreed to cost.
pub(crate) fn agree(
    draft: &mut crate::book::Draft<'_>,
    id: &AgreementId,
    (rate, capacity, free_percent): (u64, ByteCount, u32),
) {
    let free = u128::from(capacity.0).saturating_mul(u128::from(free_percent)) / 100;
    let free = ByteCount(u64::try_from(free).unwrap_or(u64::MAX));
    let reads = Reads { agreed: Some((rate, free)), largest: None };
    draft.put(Space::Vouchers, id.as_bytes(), &reads);
}

/// The largest amount this owner has promised for reads under an agreement.
pub(crate) fn promised(core: &Core, id: &AgreementId) -> Result<Stroops, RecordsFault> {
    Ok(load(core, id)?.largest.map_or(Stroops::ZERO, |voucher| voucher.amount))
}

/// Makes a host that wants to be paid willing to hand out `len` more bytes, or says why not.
pub(crate) async fn pay(
    core: &Core,
    (node, id): (NodeKey, AgreementId),
    len: ByteCount,
    purse: &Purse,
) -> Result<(), HostFault> {
    let lock = core.purse_of(id);
    let _held = lock.lock().await;
    let account = account(core, node, id).await?;
    let reads = load(core, &id)?;
    if reads.agreed.is_some_and(|(rate, free)| account.rate > rate || account.free < free) {
        return Err(HostFault::Misbehaved(Misbehaviour::Price));
    }
    if account.covers(len) {
        return Ok(());
    }
    let known = reads.largest.map_or(Stroops::ZERO, |voucher| voucher.amount);
    let steps = [STEP.max(len), len].into_iter();
    let mut vouchers = steps.filter_map(|more| account.voucher_for(id, more));
    let fits = |voucher: &Voucher| voucher.amount <= known || purse.take(voucher.amount - known);
    let Some(wanted) = vouchers.find(fits) else {
        let bytes = account.after(len);
        return Err(HostFault::Refused(Refusal::PaymentRequired { bytes, amount: account.price(bytes) }));
    };
    // The host may have lost one that is larger still, which counts in any case.
    let voucher = reads.largest.filter(|largest| largest.amount >= wanted.amount).unwrap_or(wanted);
    core.book.put(Space::Vouchers, id.as_bytes(), &Reads { largest: Some(voucher), ..reads })?;
    give(core, node, voucher).await?;
    Ok(())
}

/// Gives the host the largest voucher once more, so that both compute the same split. One that is away or refuses
/// shows it when it is asked to sign.
pub(crate) async fn remind(core: &Core, node: NodeKey, id: AgreementId) -> Result<Stroops, RecordsFault> {
    let Some(voucher) = load(core, &id)?.largest else { return Ok(Stroops::ZERO) };
    if let Err(fault) = give(core, node, voucher).await {
        tracing::debug!(host = %node, %fault, "the host does not take its voucher");
    }
    Ok(voucher.amount)
}

async fn account(core: &Core, node: NodeKey, id: AgreementId) -> Result<ReadAccount, HostFault> {
    let ask = move |client: HostApiClient, context| -> BoxFuture<'static, _> {
        Box::pin(async move { client.reads(context, id).await })
    };
    core.hosts.call(node, ask).await
}

async fn give(core: &Core, node: NodeKey, voucher: Voucher) -> Result<(), HostFault> {
    let signed = SignedVoucher { voucher, signature: core.sign(&voucher.digest(&SoftwareSha256)) };
    let ask = move |client: HostApiClient, context| -> BoxFuture<'static, _> {
        Box::pin(async move { client.voucher(context, signed).await })
    };
    let account = core.hosts.call(node, ask).await?;
    match account.promised >= voucher.amount {
        true => Ok(()),
        false => Err(HostFault::Misbehaved(Misbehaviour::Price)),
    }
}
