//! Reads, and the vouchers that pay for them.
//!
//! What was handed out is counted in memory and written down every few MiB and with every voucher, so that a read
//! costs no write. A crash forgets a little, in the owner's favour. Vouchers are durable before they count.

use crate::agreement::{Agreement, AgreementState};
use crate::batch::Batch;
use crate::error::HostError;
use crate::host::Host;
use layr_identity::verify;
use layr_market::{Party, SoftwareSha256};
use layr_protocol::{ReadAccount, Refusal, SignedVoucher};
use layr_types::{AgreementId, ByteCount, NodeKey, Stroops};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Bytes handed out under one agreement before they are written down.
const WRITTEN_EVERY: u64 = 8 << 20;

#[derive(Debug, Clone, Copy)]
struct Meter {
    account: ReadAccount,
    /// Of `account.bytes`, what is written down.
    written: ByteCount,
}

/// Accounts in memory: one for every agreement read from since the start.
#[derive(Debug, Default)]
pub(crate) struct Meters(Mutex<HashMap<AgreementId, Meter>>);

impl Meters {
    fn all(&self) -> MutexGuard<'_, HashMap<AgreementId, Meter>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets an agreement that is over.
    pub fn forget(&self, id: &AgreementId) {
        self.all().remove(id);
    }

    /// What has been read by now; the record may be a little behind.
    fn bytes(&self, id: &AgreementId) -> Option<ByteCount> {
        self.all().get(id).map(|meter| meter.account.bytes)
    }
}

impl Host {
    /// What `peer` has read under an agreement, and what it costs.
    ///
    /// # Errors
    /// [`Refusal`].
    pub async fn reads(self: &Arc<Self>, peer: NodeKey, id: AgreementId) -> Result<ReadAccount, Refusal> {
        self.blocking(move |host| Ok(host.account_of(&host.agreement_of(&peer, &id)?))).await
    }

    /// Takes a voucher. One that is not larger than the largest held changes nothing.
    ///
    /// # Errors
    /// [`Refusal::VoucherUnfit`] above the terms' voucher part, [`Refusal::BadSignature`].
    pub async fn voucher(
        self: &Arc<Self>,
        peer: NodeKey,
        signed: SignedVoucher,
    ) -> Result<ReadAccount, Refusal> {
        if !verify(&peer, &signed.voucher.digest(&SoftwareSha256), &signed.signature) {
            return Err(Refusal::BadSignature);
        }
        self.write(move |host| host.take_voucher(&peer, signed)).await
    }

    fn take_voucher(&self, peer: &NodeKey, signed: SignedVoucher) -> Result<ReadAccount, Refusal> {
        let _desk = self.desk();
        let id = signed.voucher.id;
        let mut agreement = self.agreement_of(peer, &id)?;
        if signed.voucher.amount <= agreement.vouched() {
            return Ok(self.account_of(&agreement));
        }
        let limit = agreement.terms.voucher_part;
        if signed.voucher.amount <= Stroops::ZERO || signed.voucher.amount > limit {
            return Err(Refusal::VoucherUnfit { limit });
        }
        check_changeable(&agreement)?;
        agreement.reads.voucher = Some(signed);
        agreement.reads.bytes = self.meters.bytes(&id).unwrap_or(agreement.reads.bytes);
        let account = agreement.account();
        let mut batch = Batch::new();
        batch.agreement(&agreement, None);
        self.apply(batch)?;
        self.meters.all().insert(id, Meter { account, written: account.bytes });
        Ok(account)
    }

    /// Counts `len` bytes about to be handed out, or says which voucher is wanted first.
    pub(crate) fn charge(&self, id: &AgreementId, len: ByteCount) -> Result<(), Refusal> {
        let known = self.meters.all().contains_key(id);
        if !known {
            let agreement = self.agreement(id)?.ok_or(Refusal::UnknownAgreement)?;
            let account = agreement.account();
            self.meters.all().entry(*id).or_insert(Meter { account, written: account.bytes });
        }
        let mut all = self.meters.all();
        let meter = all.get_mut(id).ok_or(Refusal::UnknownAgreement)?;
        let bytes = meter.account.after(len);
        if !meter.account.covers(len) {
            return Err(Refusal::PaymentRequired { bytes, amount: meter.account.price(bytes) });
        }
        meter.account.bytes = bytes;
        let due = bytes.0.saturating_sub(meter.written.0) >= WRITTEN_EVERY;
        if due {
            meter.written = bytes;
        }
        drop(all);
        if due { Ok(self.write_reads(id, bytes)?) } else { Ok(()) }
    }

    /// Takes back what was counted and could not be handed out.
    pub(crate) fn uncharge(&self, id: &AgreementId, len: ByteCount) {
        if let Some(meter) = self.meters.all().get_mut(id) {
            meter.account.bytes = ByteCount(meter.account.bytes.0.saturating_sub(len.0));
        }
    }

    fn write_reads(&self, id: &AgreementId, bytes: ByteCount) -> Result<(), HostError> {
        self.update(id, |agreement| agreement.reads.bytes = agreement.reads.bytes.max(bytes))
    }

    fn account_of(&self, agreement: &Agreement) -> ReadAccount {
        let written = agreement.account();
        let bytes = self.meters.bytes(&agreement.id).unwrap_or(written.bytes);
        ReadAccount { bytes, ..written }
    }
}

/// Whether anything both sign may change now.
pub(crate) fn check_changeable(agreement: &Agreement) -> Result<(), Refusal> {
    match agreement.state {
        AgreementState::Open => {}
        AgreementState::Proposed => return Err(Refusal::NotOpen),
        _ => return Err(Refusal::Ended),
    }
    if let Some(heir) = &agreement.heir {
        return Err(Refusal::Renewing { until: heir.until });
    }
    let pending = agreement.slot.rotation.is_some_and(|pending| pending.party == Party::Owner);
    if pending || agreement.next_key.is_some() {
        return Err(Refusal::Rotating);
    }
    let (newest, on_ledger) = (agreement.current().n, agreement.slot.n);
    // Somebody else has signed with this host's key: its records are not the newest.
    if on_ledger > newest { Err(Refusal::Stale { newest: on_ledger }) } else { Ok(()) }
}
