//! A submitted transaction in the one form the rest of the engine works with.
//!
//! Old-style envelopes are lifted to the current form and a fee bump is kept beside the transaction it wraps, so
//! no later step asks which kind of envelope came in. Nothing here is trusted: a frame is only known to decode.

use stellar_xdr::{
    AccountId, DecoratedSignature, Error, FeeBumpTransactionInnerTx, Limits, MuxedAccount, OperationBody,
    PublicKey, SorobanTransactionData, SorobanTransactionDataExt, Transaction, TransactionEnvelope,
    TransactionExt, WriteXdr,
};

/// A decoded envelope with its hashes and size.
#[derive(Clone)]
pub(crate) struct Frame {
    pub envelope: TransactionEnvelope,
    pub tx: Transaction,
    pub signatures: Vec<DecoratedSignature>,
    /// Hash the transaction is known by: of the fee bump when there is one.
    pub hash: [u8; 32],
    /// Hash of `tx` itself, which its own signatures sign.
    pub inner_hash: [u8; 32],
    pub bump: Option<Bump>,
    /// Bytes of the envelope that carries `tx` (without the fee bump around it).
    pub size: u32,
}

/// The outer half of a fee-bump transaction.
#[derive(Clone)]
pub(crate) struct Bump {
    pub source: AccountId,
    pub fee: i64,
    pub signatures: Vec<DecoratedSignature>,
}

impl Frame {
    pub(crate) fn new(envelope: TransactionEnvelope, network_id: [u8; 32]) -> Result<Self, Error> {
        let hash = envelope.hash(network_id)?;
        let (tx, signatures, bump) = match &envelope {
            TransactionEnvelope::TxV0(v0) => (Transaction::from(&v0.tx), v0.signatures.to_vec(), None),
            TransactionEnvelope::Tx(v1) => (v1.tx.clone(), v1.signatures.to_vec(), None),
            TransactionEnvelope::TxFeeBump(outer) => {
                let FeeBumpTransactionInnerTx::Tx(inner) = &outer.tx.inner_tx;
                let bump = Bump {
                    source: account_id(&outer.tx.fee_source),
                    fee: outer.tx.fee,
                    signatures: outer.signatures.to_vec(),
                };
                (inner.tx.clone(), inner.signatures.to_vec(), Some(bump))
            }
        };
        let inner_hash = tx.hash(network_id)?;
        let carried = match &envelope {
            TransactionEnvelope::TxFeeBump(outer) => {
                let FeeBumpTransactionInnerTx::Tx(inner) = &outer.tx.inner_tx;
                TransactionEnvelope::Tx(inner.clone()).to_xdr(Limits::none())?.len()
            }
            plain => plain.to_xdr(Limits::none())?.len(),
        };
        let size = u32::try_from(carried).unwrap_or(u32::MAX);
        Ok(Self { envelope, tx, signatures, hash, inner_hash, bump, size })
    }

    /// Account whose sequence number the transaction uses.
    pub(crate) fn source(&self) -> AccountId {
        account_id(&self.tx.source_account)
    }

    /// Account that pays the fee.
    pub(crate) fn fee_source(&self) -> AccountId {
        self.bump.as_ref().map_or_else(|| self.source(), |bump| bump.source.clone())
    }

    /// Most the fee source agreed to pay, resource fee included, in stroops.
    pub(crate) fn bid(&self) -> i64 {
        self.bump.as_ref().map_or(i64::from(self.tx.fee), |bump| bump.fee)
    }

    /// Operations the inclusion fee is charged for; a fee bump counts as one more.
    pub(crate) fn charged_operations(&self) -> i64 {
        let inner = i64::try_from(self.tx.operations.len()).unwrap_or(i64::MAX);
        if self.bump.is_some() { inner.saturating_add(1) } else { inner }
    }

    /// Resource declaration, present on contract transactions.
    pub(crate) fn soroban(&self) -> Option<&SorobanTransactionData> {
        match &self.tx.ext {
            TransactionExt::V1(data) => Some(data),
            TransactionExt::V0 => None,
        }
    }

    /// Declared resource fee, zero for classic transactions.
    pub(crate) fn resource_fee(&self) -> i64 {
        self.soroban().map_or(0, |data| data.resource_fee)
    }

    /// Source account of operation `index`.
    pub(crate) fn operation_source(&self, index: usize) -> AccountId {
        match self.tx.operations.get(index).and_then(|op| op.source_account.as_ref()) {
            Some(source) => account_id(source),
            None => self.source(),
        }
    }
}

/// Positions in the read-write footprint the transaction declares as archived.
pub(crate) fn archived_indices(data: &SorobanTransactionData) -> &[u32] {
    match &data.ext {
        SorobanTransactionDataExt::V0 => &[],
        SorobanTransactionDataExt::V1(ext) => ext.archived_soroban_entries.as_slice(),
    }
}

/// Whether an operation needs a resource declaration and must stand alone.
pub(crate) fn is_soroban(body: &OperationBody) -> bool {
    matches!(
        body,
        OperationBody::InvokeHostFunction(_)
            | OperationBody::ExtendFootprintTtl(_)
            | OperationBody::RestoreFootprint(_)
    )
}

/// The account behind a possibly multiplexed address.
pub(crate) fn account_id(account: &MuxedAccount) -> AccountId {
    let key = match account {
        MuxedAccount::Ed25519(key) => key.clone(),
        MuxedAccount::MuxedEd25519(muxed) => muxed.ed25519.clone(),
    };
    AccountId(PublicKey::PublicKeyTypeEd25519(key))
}
