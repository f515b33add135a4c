//! Raising the bid of a transaction on its way: a fee bump around the very same signed transaction.
//!
//! The transaction inside keeps its sequence number, so the network applies it once, bare or wrapped, whichever of
//! its envelopes gets into a ledger; what is paid more is the fee only. Public networks let a bump take the place
//! of what waits where it bids ten times as much per operation; smaller steps would be refused.

use crate::config::TransactionPolicy;
use crate::envelope::{Bump, Pending, decorated};
use crate::error::{Cause, LedgerError, Stage};
use crate::xdr;
use layr_identity::Signer;
use layr_types::{NetworkId, Stroops, TxHash};
use sha2::Digest as _;
use stellar_xdr::{
    FeeBumpTransaction, FeeBumpTransactionEnvelope, FeeBumpTransactionExt, FeeBumpTransactionInnerTx, Hash,
    TransactionEnvelope, TransactionExt, TransactionSignaturePayload,
    TransactionSignaturePayloadTaggedTransaction, TransactionV1Envelope,
};

/// How many times the last bid per operation the next one is.
const STEP: i128 = 10;
/// Operations a fee bump is charged for: the transaction's one and itself.
const OPERATIONS: i128 = 2;

/// The whole fee of the next bump of `pending`: ten times what was bid per operation, or `going`, the price the
/// network seems to take, where that is more. `None` where that would exceed the policy or `allowed`.
pub(crate) fn next_fee(
    pending: &Pending,
    policy: &TransactionPolicy,
    going: Stroops,
    allowed: Option<Stroops>,
) -> Option<Stroops> {
    let inner = inner(pending)?;
    let resources = match &inner.tx.ext {
        TransactionExt::V1(data) => i128::from(data.resource_fee),
        TransactionExt::V0 => 0,
    };
    let bid_each = match pending.bumps.last() {
        Some(last) => (last.fee.0 - resources) / OPERATIONS,
        None => i128::from(inner.tx.fee) - resources,
    };
    let step = bid_each.max(1) * STEP * OPERATIONS;
    let most = policy.max_inclusion_fee.0;
    if step > most {
        return None;
    }
    let fee = Stroops(step.max((going.0 * OPERATIONS).min(most)) + resources);
    allowed.is_none_or(|allowed| fee <= allowed).then_some(fee)
}

/// Wraps the transaction and signs for the new fee, paid by the same account.
pub(crate) fn bump(
    pending: &Pending,
    fee: Stroops,
    network: &NetworkId,
    signer: &Signer,
) -> Result<Pending, LedgerError> {
    let unfit = |what| LedgerError::new(Stage::Prepare, Cause::Unrepresentable(what));
    let inner = inner(pending).ok_or_else(|| unfit("a transaction"))?;
    let tx = FeeBumpTransaction {
        fee_source: xdr::muxed(&pending.account),
        fee: i64::try_from(fee.0).map_err(|_| unfit("the fee"))?,
        inner_tx: FeeBumpTransactionInnerTx::Tx(inner),
        ext: FeeBumpTransactionExt::V0,
    };
    let payload = TransactionSignaturePayload {
        network_id: Hash(network.0),
        tagged_transaction: TransactionSignaturePayloadTaggedTransaction::TxFeeBump(tx.clone()),
    };
    let hash = TxHash(sha2::Sha256::digest(xdr::encode_bytes(&payload)?).into());
    let signatures = vec![decorated(&pending.account, signer, &hash)?];
    let signatures = signatures.try_into().map_err(|_| unfit("a signature list"))?;
    let envelope = TransactionEnvelope::TxFeeBump(FeeBumpTransactionEnvelope { tx, signatures });
    let mut bumped = pending.clone();
    bumped.bumps.push(Bump { hash, envelope_xdr: xdr::encode(&envelope)?, fee });
    bumped.max_fee = bumped.max_fee.max(fee);
    Ok(bumped)
}

/// True for a transaction without contract calls: the two kinds compete apart.
pub(crate) fn is_classic(pending: &Pending) -> bool {
    inner(pending).is_some_and(|inner| inner.tx.ext == TransactionExt::V0)
}

fn inner(pending: &Pending) -> Option<TransactionV1Envelope> {
    match xdr::decode(&pending.envelope_xdr)? {
        TransactionEnvelope::Tx(inner) => Some(inner),
        _ => None,
    }
}
