//! The ledgers still remembered: headers, transactions by hash, and contract events in order.
//!
//! Everything here is derived from the closed ledgers' metadata and can be rebuilt from it. What is older than the
//! retention window is forgotten, as on a public RPC server.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use stellar_xdr::{
    ContractEvent, FeeBumpTransactionInnerTx, LedgerCloseMetaV2, TransactionEnvelope, TransactionEvent,
    TransactionExt, TransactionMeta, TransactionResultMetaV1, TransactionResultResult,
};

/// One applied transaction.
#[derive(Clone, Debug)]
pub struct TransactionRecord {
    /// Hash it is known by.
    pub hash: [u8; 32],
    /// Ledger it was applied in.
    pub ledger: u32,
    /// Close time of that ledger, Unix seconds.
    pub close_time: u64,
    /// Position in the ledger, from one.
    pub application_order: u32,
    /// Whether its operations took effect.
    pub succeeded: bool,
    /// Whether it is a fee bump.
    pub fee_bump: bool,
    /// As submitted.
    pub envelope: TransactionEnvelope,
    /// Result with fee charged, and changes.
    pub applied: TransactionResultMetaV1,
}

impl TransactionRecord {
    /// The hashes it is found by: its own, and that of the transaction a fee bump carried.
    fn hashes(&self) -> impl Iterator<Item = [u8; 32]> + use<> {
        let inner = match &self.applied.result.result.result {
            TransactionResultResult::TxFeeBumpInnerSuccess(pair)
            | TransactionResultResult::TxFeeBumpInnerFailed(pair) => Some(pair.transaction_hash.0),
            _ => None,
        };
        std::iter::once(self.hash).chain(inner)
    }

    /// Events of the transaction as a whole: its fee, and what came back of it.
    #[must_use]
    pub fn transaction_events(&self) -> &[TransactionEvent] {
        match &self.applied.tx_apply_processing {
            TransactionMeta::V4(meta) => meta.events.as_slice(),
            _ => &[],
        }
    }

    /// Contract events with the index of the operation that emitted them.
    pub fn events(&self) -> impl Iterator<Item = (u32, &ContractEvent)> {
        let operations = match &self.applied.tx_apply_processing {
            TransactionMeta::V4(meta) => meta.operations.as_slice(),
            _ => &[],
        };
        (0_u32..).zip(operations).flat_map(|(index, op)| op.events.iter().map(move |event| (index, event)))
    }

    /// Whether it is a contract transaction.
    #[must_use]
    pub fn is_contract(&self) -> bool {
        let tx = match &self.envelope {
            TransactionEnvelope::TxV0(_) => return false,
            TransactionEnvelope::Tx(plain) => &plain.tx,
            TransactionEnvelope::TxFeeBump(outer) => {
                let FeeBumpTransactionInnerTx::Tx(inner) = &outer.tx.inner_tx;
                &inner.tx
            }
        };
        matches!(tx.ext, TransactionExt::V1(_))
    }

    /// Value the contract returned, on success.
    #[must_use]
    pub fn return_value(&self) -> Option<&stellar_xdr::ScVal> {
        match &self.applied.tx_apply_processing {
            TransactionMeta::V4(meta) => meta.soroban_meta.as_ref()?.return_value.as_ref(),
            _ => None,
        }
    }
}

/// One closed ledger.
#[derive(Clone, Debug)]
pub struct LedgerRecord {
    /// Sequence number.
    pub sequence: u32,
    /// SHA-256 of the header.
    pub hash: [u8; 32],
    /// Unix seconds.
    pub close_time: u64,
    /// Its transactions in order of application.
    pub transactions: Vec<Arc<TransactionRecord>>,
}

/// The retention window.
#[derive(Default)]
pub(crate) struct History {
    ledgers: VecDeque<LedgerRecord>,
    by_hash: HashMap<[u8; 32], Arc<TransactionRecord>>,
}

impl History {
    /// Remembers a closed ledger and forgets the ones that leave a window of `retention` ledgers.
    pub(crate) fn add(&mut self, meta: &LedgerCloseMetaV2, retention: usize) {
        let record = ledger_record(meta);
        for transaction in &record.transactions {
            for hash in transaction.hashes() {
                self.by_hash.insert(hash, Arc::clone(transaction));
            }
        }
        self.ledgers.push_back(record);
        while self.ledgers.len() > retention.max(1) {
            for old in self.ledgers.pop_front().iter().flat_map(|ledger| &ledger.transactions) {
                for hash in old.hashes() {
                    self.by_hash.remove(&hash);
                }
            }
        }
    }

    pub(crate) fn transaction(&self, hash: &[u8; 32]) -> Option<&Arc<TransactionRecord>> {
        self.by_hash.get(hash)
    }

    pub(crate) fn oldest(&self) -> Option<&LedgerRecord> {
        self.ledgers.front()
    }

    pub(crate) fn ledgers(&self) -> impl DoubleEndedIterator<Item = &LedgerRecord> {
        self.ledgers.iter()
    }

    /// Ledgers from `first` on.
    pub(crate) fn since(&self, first: u32) -> impl Iterator<Item = &LedgerRecord> {
        let start = self.ledgers.partition_point(|ledger| ledger.sequence < first);
        self.ledgers.iter().skip(start)
    }
}

fn ledger_record(meta: &LedgerCloseMetaV2) -> LedgerRecord {
    let header = &meta.ledger_header;
    let close_time = header.header.scp_value.close_time.0;
    let sequence = header.header.ledger_seq;
    let mut transactions = Vec::with_capacity(meta.tx_processing.len());
    for ((order, applied), envelope) in
        (1_u32..).zip(meta.tx_processing.iter()).zip(crate::close::envelopes(&meta.tx_set))
    {
        let result = &applied.result.result.result;
        transactions.push(Arc::new(TransactionRecord {
            hash: applied.result.transaction_hash.0,
            ledger: sequence,
            close_time,
            application_order: order,
            succeeded: matches!(
                result,
                TransactionResultResult::TxSuccess(_) | TransactionResultResult::TxFeeBumpInnerSuccess(_)
            ),
            fee_bump: matches!(envelope, TransactionEnvelope::TxFeeBump(_)),
            envelope: envelope.clone(),
            applied: applied.clone(),
        }));
    }
    LedgerRecord { sequence, hash: header.hash.0, close_time, transactions }
}
