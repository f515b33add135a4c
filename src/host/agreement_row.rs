//! The persistent bytes of an agreement's record; the id is the key.
//!
//! ```text
//! version 3 · state 1 · terms 457 · due 8 · attempts 4+8 · trashed 8 · audits 8 · flags 1
//! newest (flag 1)     revision 185 · owner 64 · host 64
//! split (flag 2)      split 74 · owner 64 · host 64
//! settlement (flag 4) host 16 · owner 16 · burn 16
//!                     flag 8: proved; flag 128: handed
//! slot state 231 · shelf 32 · inherits 8 · read rate 8 · free 8 · bytes 8
//! voucher (flag 16)   voucher 57 · owner 64
//! heir (flag 32)      id 32 · until 8 · split 74 · owner 64 · host 64
//! next key (flag 64)  key 32 · n 8 · newest 64 · voucher 64
//! named leaves        count 1 · 8 each
//! leaving 1 · trimmed 8
//! peaks               to the end
//! ```
//!
//! Version 1 ends after the settlement with the peaks; what it lacks is what an agreement has that was never
//! challenged, read, renewed or rotated. Version 2 has no `trimmed`: nothing was ever given up under it.

use crate::agreement::{Agreement, AgreementState, Attempts, Heir, NextKey, Reads};
use crate::error::HostError;
use crate::ports::{SignedSplit, Table};
use layr_market::{
    FINAL_BYTES, FinalSplit, MAX_NAMED_LEAVES, REVISION_BYTES, Revision, SLOT_STATE_BYTES, Settlement,
    SlotState, TERMS_BYTES, Terms, VOUCHER_BYTES, Voucher,
};
use layr_merkle::Peaks;
use layr_protocol::{CoSigned, SignedVoucher};
use layr_types::{AgreementId, ByteCount, DecodeError, NodeKey, Reader, Signature, Stroops, UnixSeconds};

const VERSION: u8 = 3;
const FIRST_VERSION: u8 = 1;

impl Agreement {
    /// The persistent bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(1_536);
        out.extend([VERSION, self.state as u8]);
        out.extend(self.terms.encode());
        out.extend(self.due.0.to_be_bytes());
        out.extend(self.attempts.count.to_be_bytes());
        out.extend(self.attempts.at.0.to_be_bytes());
        out.extend(self.trashed.to_be_bytes());
        out.extend(self.audits.to_be_bytes());
        out.push(self.flags());
        if let Some(newest) = &self.newest {
            out.extend(encode_revision(newest));
        }
        if let Some(split) = &self.split {
            put_split(&mut out, split);
        }
        if let Some(paid) = &self.settlement {
            [paid.host, paid.owner, paid.burn].iter().for_each(|amount| out.extend(amount.0.to_be_bytes()));
        }
        self.put_second(&mut out);
        out.extend(self.peaks.encode());
        out
    }

    fn flags(&self) -> u8 {
        let flags = [
            self.newest.is_some(),
            self.split.is_some(),
            self.settlement.is_some(),
            self.proved,
            self.reads.voucher.is_some(),
            self.heir.is_some(),
            self.next_key.is_some(),
            self.handed,
        ];
        (0u8..).zip(flags).map(|(bit, set)| u8::from(set) << bit).sum()
    }

    /// What version 2 added.
    fn put_second(&self, out: &mut Vec<u8>) {
        out.extend(self.slot.encode());
        out.extend(self.shelf.0);
        out.extend(self.inherits.to_be_bytes());
        out.extend(self.reads.rate.to_be_bytes());
        out.extend(self.reads.free.0.to_be_bytes());
        out.extend(self.reads.bytes.0.to_be_bytes());
        if let Some(SignedVoucher { voucher, signature }) = &self.reads.voucher {
            out.extend(voucher.encode());
            out.extend(signature.0);
        }
        if let Some(heir) = &self.heir {
            out.extend(heir.id.0);
            out.extend(heir.until.0.to_be_bytes());
            put_split(out, &heir.split);
        }
        if let Some(next) = &self.next_key {
            out.extend(next.to.0);
            out.extend(next.n.to_be_bytes());
            out.extend(next.newest.0);
            out.extend(next.voucher.0);
        }
        let (leaves, _) = self.leaves.as_chunks::<8>();
        let leaves = leaves.get(..leaves.len().min(MAX_NAMED_LEAVES)).unwrap_or_default();
        out.push(u8::try_from(leaves.len()).unwrap_or(0));
        out.extend(leaves.as_flattened());
        out.push(u8::from(self.leaving));
        out.extend(self.trimmed.to_be_bytes());
    }

    /// Reads persistent bytes of this version or an earlier one.
    ///
    /// # Errors
    /// [`HostError::Row`] where they are not an agreement's.
    pub fn decode(id: AgreementId, bytes: &[u8]) -> Result<Self, HostError> {
        Self::read(id, bytes).map_err(|source| HostError::Row { table: Table::Agreements, source })
    }

    fn read(id: AgreementId, bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut r = Reader::new(bytes);
        let version = r.u8()?;
        if !(FIRST_VERSION..=VERSION).contains(&version) {
            return Err(DecodeError::UnknownVersion(version));
        }
        let state = AgreementState::ALL.get(usize::from(r.u8()?)).ok_or(DecodeError::OutOfRange(1))?;
        let mut read = Self::proposed(id, Terms::decode(r.take(TERMS_BYTES)?)?);
        read.state = *state;
        read.due = UnixSeconds(r.u64()?);
        read.attempts = Attempts { count: r.u32()?, at: UnixSeconds(r.u64()?) };
        (read.trashed, read.audits) = (r.u64()?, r.u64()?);
        let at = r.position();
        let flags = r.u8()?;
        let flag = |bit: u8| flags & (1 << bit) != 0;
        if version == FIRST_VERSION && flags > 15 {
            return Err(DecodeError::OutOfRange(at));
        }
        read.newest = flag(0).then(|| read_revision(&mut r)).transpose()?;
        read.split = flag(1).then(|| read_split(&mut r)).transpose()?;
        read.settlement = flag(2).then(|| read_settlement(&mut r)).transpose()?;
        (read.proved, read.handed) = (flag(3), flag(7));
        if version > FIRST_VERSION {
            read.read_second(&mut r, flag)?;
        }
        if version == VERSION {
            read.trimmed = r.u64()?;
        }
        let at = r.position();
        let peaks = bytes.get(at..).and_then(|rest| Peaks::decode(rest).ok());
        read.peaks = peaks.ok_or(DecodeError::OutOfRange(at))?;
        Ok(read)
    }

    fn read_second(&mut self, r: &mut Reader<'_>, flag: impl Fn(u8) -> bool) -> Result<(), DecodeError> {
        self.slot = SlotState::decode(r.take(SLOT_STATE_BYTES)?)?;
        self.shelf = AgreementId(r.array()?);
        self.inherits = r.u64()?;
        let (rate, free, bytes) = (r.u64()?, ByteCount(r.u64()?), ByteCount(r.u64()?));
        let voucher = flag(4).then(|| read_voucher(r)).transpose()?;
        self.reads = Reads { rate, free, bytes, voucher };
        self.heir = flag(5).then(|| read_heir(r)).transpose()?;
        self.next_key = flag(6).then(|| read_next_key(r)).transpose()?;
        let at = r.position();
        let leaves = usize::from(r.u8()?);
        if leaves > MAX_NAMED_LEAVES {
            return Err(DecodeError::OutOfRange(at));
        }
        self.leaves = r.take(8 * leaves)?.to_vec();
        let at = r.position();
        self.leaving = match r.u8()? {
            0 => false,
            1 => true,
            _ => return Err(DecodeError::OutOfRange(at)),
        };
        Ok(())
    }
}

/// The persistent bytes of a co-signed revision.
#[must_use]
pub fn encode_revision(signed: &CoSigned) -> Vec<u8> {
    let mut out = Vec::with_capacity(REVISION_BYTES + 128);
    out.extend(signed.revision.encode());
    out.extend(signed.owner.0);
    out.extend(signed.host.0);
    out
}

/// Reads what [`encode_revision`] wrote.
///
/// # Errors
/// [`DecodeError`] for anything else.
pub fn decode_revision(bytes: &[u8]) -> Result<CoSigned, DecodeError> {
    let mut r = Reader::new(bytes);
    let signed = read_revision(&mut r)?;
    r.finish()?;
    Ok(signed)
}

fn put_split(out: &mut Vec<u8>, split: &SignedSplit) {
    out.extend(split.split.encode());
    out.extend(split.owner.0);
    out.extend(split.host.0);
}

fn read_revision(r: &mut Reader<'_>) -> Result<CoSigned, DecodeError> {
    let revision = Revision::decode(r.take(REVISION_BYTES)?)?;
    Ok(CoSigned { revision, owner: Signature(r.array()?), host: Signature(r.array()?) })
}

fn read_split(r: &mut Reader<'_>) -> Result<SignedSplit, DecodeError> {
    let split = FinalSplit::decode(r.take(FINAL_BYTES)?)?;
    Ok(SignedSplit { split, owner: Signature(r.array()?), host: Signature(r.array()?) })
}

fn read_settlement(r: &mut Reader<'_>) -> Result<Settlement, DecodeError> {
    Ok(Settlement { host: Stroops(r.i128()?), owner: Stroops(r.i128()?), burn: Stroops(r.i128()?) })
}

fn read_voucher(r: &mut Reader<'_>) -> Result<SignedVoucher, DecodeError> {
    let voucher = Voucher::decode(r.take(VOUCHER_BYTES)?)?;
    Ok(SignedVoucher { voucher, signature: Signature(r.array()?) })
}

fn read_heir(r: &mut Reader<'_>) -> Result<Heir, DecodeError> {
    Ok(Heir { id: AgreementId(r.array()?), until: UnixSeconds(r.u64()?), split: read_split(r)? })
}

fn read_next_key(r: &mut Reader<'_>) -> Result<NextKey, DecodeError> {
    let (to, n) = (NodeKey(r.array()?), r.u64()?);
    Ok(NextKey { to, n, newest: Signature(r.array()?), voucher: Signature(r.array()?) })
}
