//! Signed transactions: built, hashed, signed, and written down before they are sent.

use crate::error::{BoxError, Cause, LedgerError, Stage};
use crate::xdr;
use layr_identity::Signer;
use layr_types::{AccountKey, NetworkId, Stroops, TxHash, UnixSeconds};
use std::sync::Arc;
use stellar_xdr::{
    DecoratedSignature, Hash, Memo, Operation, Preconditions, SequenceNumber, Signature as XdrSignature,
    SignatureHint, SorobanTransactionData, TimeBounds, TimePoint, Transaction, TransactionEnvelope,
    TransactionExt, TransactionSignaturePayload, TransactionSignaturePayloadTaggedTransaction,
    TransactionV1Envelope,
};

/// A signed transaction whose fate is not known yet. Whoever keeps it can always learn that fate, and sending
/// it again never pays twice: the network knows it by its hash.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Pending {
    /// The transaction's hash: its name for good, whatever fee bumps are signed around it later.
    pub hash: TxHash,
    /// Who pays.
    pub account: AccountKey,
    /// The account's sequence number this transaction uses up.
    pub sequence: i64,
    /// The signed envelope, base64 XDR: what to send again.
    pub envelope_xdr: String,
    /// Ledger time at signing.
    pub signed_at: UnixSeconds,
    /// Ledger time after which it can no longer be applied.
    pub valid_until: UnixSeconds,
    /// Most it can cost in fees, its fee bumps included.
    pub max_fee: Stroops,
    /// Fee bumps signed around it, oldest first; whichever envelope gets into a ledger, it is applied once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub bumps: Vec<Bump>,
    /// True for a transaction that only brings archived entries back, before the call that needs them.
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub restores: bool,
}

/// A fee bump around a [`Pending`] transaction.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Bump {
    /// The bump's own hash.
    pub hash: TxHash,
    /// The signed envelope, base64 XDR.
    pub envelope_xdr: String,
    /// Most it can cost in fees, in place of the transaction's own.
    pub fee: Stroops,
}

impl Pending {
    /// The envelope that bids most: what to send again.
    pub(crate) fn best_envelope(&self) -> &str {
        self.bumps.last().map_or(&self.envelope_xdr, |bump| &bump.envelope_xdr)
    }

    /// Every hash the network may know it by, the newest first.
    pub(crate) fn hashes(&self) -> impl Iterator<Item = TxHash> + '_ {
        self.bumps.iter().rev().map(|bump| bump.hash).chain(std::iter::once(self.hash))
    }
}

/// The caller's journal: told of every signed transaction before it leaves.
///
/// When [`about_to_send`](Self::about_to_send) returns, the record must be durable; an error stops the sending.
/// A transaction that the network refused outright is followed by another call with its successor, and one that is
/// not taken in time by another call with the same [`Pending::hash`] and one more fee bump, which replaces the
/// record. So a journal keeps the newest record of every hash until the submission ends, and then resolves what is
/// left with [`crate::LedgerClient::resume`].
pub trait PendingLog: Send + Sync {
    /// Makes `pending` durable.
    ///
    /// # Errors
    /// Anything: nothing is sent then.
    fn about_to_send(&self, pending: &Pending) -> Result<(), BoxError>;
}

impl<F: Fn(&Pending) -> Result<(), BoxError> + Send + Sync> PendingLog for F {
    fn about_to_send(&self, pending: &Pending) -> Result<(), BoxError> {
        self(pending)
    }
}

/// Keeps nothing: for transactions whose repetition is harmless (posting a beacon round, prolonging lives).
#[derive(Debug, Clone, Copy, Default)]
pub struct NoLog;

impl PendingLog for NoLog {
    fn about_to_send(&self, _: &Pending) -> Result<(), BoxError> {
        Ok(())
    }
}

/// Who pays for a transaction, where it is written down first, and what it may cost.
#[derive(Clone)]
pub struct Payer {
    /// Signs for the paying account.
    pub signer: Signer,
    /// Told before anything is sent.
    pub log: Arc<dyn PendingLog>,
    /// Most that fees, rent included, may come to; `None` for no limit.
    pub max_fee: Option<Stroops>,
}

impl Payer {
    /// A payer with a journal and no limit on fees.
    #[must_use]
    pub const fn new(signer: Signer, log: Arc<dyn PendingLog>) -> Self {
        Self { signer, log, max_fee: None }
    }

    /// A payer without a journal; see [`NoLog`].
    #[must_use]
    pub fn unlogged(signer: Signer) -> Self {
        Self::new(signer, Arc::new(NoLog))
    }

    /// The paying account.
    #[must_use]
    pub fn account(&self) -> AccountKey {
        AccountKey(self.signer.public())
    }
}

impl core::fmt::Debug for Payer {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Payer").field("account", &self.account()).field("max_fee", &self.max_fee).finish()
    }
}

/// Everything about a transaction but its signature.
#[derive(Debug, Clone)]
pub(crate) struct Draft {
    pub(crate) account: AccountKey,
    pub(crate) sequence: i64,
    pub(crate) fee: u32,
    pub(crate) operation: Operation,
    pub(crate) memo: Memo,
    pub(crate) soroban: Option<SorobanTransactionData>,
    pub(crate) signed_at: UnixSeconds,
    pub(crate) valid_until: UnixSeconds,
    /// The lower time bound, some moment long past: see [`distinct_moment`].
    pub(crate) not_before: UnixSeconds,
}

/// A random moment before `now`. Two programs that pay the same amount from one account in the same second would
/// otherwise build the same transaction to the byte: the network would apply it once and tell both "applied".
pub(crate) fn distinct_moment(now: UnixSeconds) -> UnixSeconds {
    use std::hash::{BuildHasher as _, Hasher as _, RandomState};
    UnixSeconds(RandomState::new().build_hasher().finish() % now.0.max(1))
}

impl Draft {
    /// The envelope without signatures, as simulation takes it.
    pub(crate) fn unsigned(&self) -> Result<String, LedgerError> {
        xdr::encode(&envelope(self.transaction()?, Vec::new())?)
    }

    /// Signs.
    pub(crate) fn sign(&self, network: &NetworkId, signer: &Signer) -> Result<Pending, LedgerError> {
        let transaction = self.transaction()?;
        let hash = hash(&transaction, network)?;
        let decorated = decorated(&self.account, signer, &hash)?;
        Ok(Pending {
            hash,
            account: self.account,
            sequence: self.sequence,
            envelope_xdr: xdr::encode(&envelope(transaction, vec![decorated])?)?,
            signed_at: self.signed_at,
            valid_until: self.valid_until,
            max_fee: Stroops(i128::from(self.fee)),
            bumps: Vec::new(),
            restores: matches!(self.operation.body, stellar_xdr::OperationBody::RestoreFootprint(_)),
        })
    }

    fn transaction(&self) -> Result<Transaction, LedgerError> {
        let bounds =
            TimeBounds { min_time: TimePoint(self.not_before.0), max_time: TimePoint(self.valid_until.0) };
        Ok(Transaction {
            source_account: xdr::muxed(&self.account),
            fee: self.fee,
            seq_num: SequenceNumber(self.sequence),
            cond: Preconditions::Time(bounds),
            memo: self.memo.clone(),
            operations: vec![self.operation.clone()].try_into().map_err(|_| unfit("an operation list"))?,
            ext: self.soroban.clone().map_or(TransactionExt::V0, TransactionExt::V1),
        })
    }
}

/// The account's signature over a hash, with the hint that says whose it is.
pub(crate) fn decorated(
    account: &AccountKey,
    signer: &Signer,
    hash: &TxHash,
) -> Result<DecoratedSignature, LedgerError> {
    let signature = signer.sign(&hash.0).0.to_vec();
    let [.., a, b, c, d] = account.0;
    Ok(DecoratedSignature {
        hint: SignatureHint([a, b, c, d]),
        signature: XdrSignature(signature.try_into().map_err(|_| unfit("a signature"))?),
    })
}

fn hash(transaction: &Transaction, network: &NetworkId) -> Result<TxHash, LedgerError> {
    use sha2::Digest as _;
    let payload = TransactionSignaturePayload {
        network_id: Hash(network.0),
        tagged_transaction: TransactionSignaturePayloadTaggedTransaction::Tx(transaction.clone()),
    };
    Ok(TxHash(sha2::Sha256::digest(xdr::encode_bytes(&payload)?).into()))
}

fn envelope(
    tx: Transaction,
    signatures: Vec<DecoratedSignature>,
) -> Result<TransactionEnvelope, LedgerError> {
    let signatures = signatures.try_into().map_err(|_| unfit("a signature list"))?;
    Ok(TransactionEnvelope::Tx(TransactionV1Envelope { tx, signatures }))
}

fn unfit(what: &'static str) -> LedgerError {
    LedgerError::new(Stage::Prepare, Cause::Unrepresentable(what))
}
