//! Offers: a host's signed, expiring price list. What an offer quotes is exactly what gets opened.

use crate::accrual::accrued_rounded_up;
use crate::signing::{Context, Kind, Sha256, message_digest};
use crate::terms::{Terms, TermsError};
use layr_types::{
    AccountKey, AgreementId, ByteCount, ContractId, DecodeError, NodeKey, Reader, Stroops, UnixSeconds,
    Writer,
};

/// Size of an encoded offer.
pub const OFFER_BYTES: usize = 182;
const VERSION: u8 = 1;

/// A host's prices and terms, good until [`Offer::expires`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Offer {
    /// Who offers, and whose signature the offer carries.
    pub host_key: NodeKey,
    /// The asset's contract.
    pub token: ContractId,
    /// Price in stroops per GiB-day.
    pub rate: u64,
    /// Earned by opening.
    pub base_fee: Stroops,
    /// Collateral as a percentage of the storage revenue at full capacity (200 = twice).
    pub collateral_percent: u16,
    /// Largest capacity accepted now: what is neither reserved nor used.
    pub free: ByteCount,
    /// Shortest term accepted, seconds.
    pub min_term: u32,
    /// Longest term accepted, seconds.
    pub max_term: u32,
    /// Seconds after the end in which a newer revision may be published.
    pub publish_window: u32,
    /// Seconds after that for the proof.
    pub proof_window: u32,
    /// Seconds of notice before an early end.
    pub notice: u32,
    /// Seconds between challenges.
    pub challenge_gap: u32,
    /// Challenges allowed per term.
    pub max_challenges: u16,
    /// Least bond of a named challenge.
    pub disclosure_price: Stroops,
    /// Paid by a host that ends early.
    pub exit_fee: Stroops,
    /// Leaves proved on chain.
    pub samples: u8,
    /// Price in stroops per GiB read beyond the free allowance.
    pub egress_rate: u64,
    /// When the prices were quoted.
    pub issued: UnixSeconds,
    /// Until when they bind the host.
    pub expires: UnixSeconds,
}

/// What an owner asks of an offer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Request {
    /// Pays and is refunded.
    pub owner_account: AccountKey,
    /// Signs revisions.
    pub owner_key: NodeKey,
    /// Which folder of the owner.
    pub folder: u32,
    /// Which slot of the folder.
    pub slot: u8,
    /// Bytes to reserve, whole sectors.
    pub capacity: ByteCount,
    /// Begin.
    pub start: UnixSeconds,
    /// End.
    pub end: UnixSeconds,
    /// Money set aside for bytes read.
    pub voucher_part: Stroops,
    /// Makes equal terms distinct.
    pub salt: [u8; 16],
}

impl Request {
    /// What was asked for in `terms`: the inverse of [`Offer::draft`].
    #[must_use]
    pub const fn of(terms: &Terms) -> Self {
        Self {
            owner_account: terms.owner_account,
            owner_key: terms.owner_key,
            folder: terms.folder,
            slot: terms.slot,
            capacity: terms.capacity,
            start: terms.start,
            end: terms.end,
            voucher_part: terms.voucher_part,
            salt: terms.salt,
        }
    }
}

impl Offer {
    /// What the host signs.
    #[must_use]
    pub fn digest<H: Sha256>(&self, hash: &H, context: &Context) -> [u8; 32] {
        message_digest(hash, Kind::Offer, context, &self.encode())
    }

    /// The terms this offer means for that request: both sides compute them, neither negotiates.
    ///
    /// Escrow covers base fee and full capacity for the whole term; collateral is the base fee and the offer's
    /// percentage of that storage revenue; at most half of it repairs the owner's loss. All of it is at stake
    /// once the full capacity is accepted for the full term; the base fee's worth from the first sector on, so
    /// that a host that is caught does not keep what opening earned it, however small the data.
    ///
    /// # Errors
    /// [`TermsError`] where request or offer lie outside what the contract accepts.
    pub fn draft(&self, request: &Request) -> Result<Terms, TermsError> {
        let seconds = request.end.since(request.start);
        let storage = accrued_rounded_up(self.rate, request.capacity, seconds).ok_or(TermsError::Rate)?;
        let percent = u64::from(self.collateral_percent);
        let risk_rate = self.rate.checked_mul(percent).ok_or(TermsError::Rate)?.div_ceil(100);
        let risked = accrued_rounded_up(risk_rate, request.capacity, seconds).ok_or(TermsError::Rate)?;
        let collateral = self.base_fee.checked_add(risked).ok_or(TermsError::Amount)?;
        let escrow = self.base_fee.checked_add(storage).ok_or(TermsError::Amount)?;
        let terms = Terms {
            owner_account: request.owner_account,
            owner_key: request.owner_key,
            host_key: self.host_key,
            auditor_key: NodeKey::default(),
            token: self.token,
            folder: request.folder,
            slot: request.slot,
            capacity: request.capacity,
            start: request.start,
            end: request.end,
            offer_expiry: self.expires,
            rate: self.rate,
            risk_rate,
            base_fee: self.base_fee,
            escrow,
            voucher_part: request.voucher_part,
            collateral,
            repair_cap: Stroops(collateral.0 / 2).min(escrow),
            exit_fee: self.exit_fee,
            disclosure_price: self.disclosure_price,
            challenge_gap: self.challenge_gap,
            max_challenges: self.max_challenges,
            publish_window: self.publish_window,
            proof_window: self.proof_window,
            notice: self.notice,
            samples: self.samples,
            owner_nonce_hash: [0; 32],
            host_nonce_hash: [0; 32],
            previous: AgreementId::default(),
            salt: request.salt,
        };
        terms.check()?;
        Ok(terms)
    }

    /// The canonical bytes.
    #[must_use]
    pub fn encode(&self) -> [u8; OFFER_BYTES] {
        Writer::<OFFER_BYTES>::new()
            .u8(VERSION)
            .put(&self.host_key.0)
            .put(&self.token.0)
            .u64(self.rate)
            .i128(self.base_fee.0)
            .u16(self.collateral_percent)
            .u64(self.free.0)
            .u32(self.min_term)
            .u32(self.max_term)
            .u32(self.publish_window)
            .u32(self.proof_window)
            .u32(self.notice)
            .u32(self.challenge_gap)
            .u16(self.max_challenges)
            .i128(self.disclosure_price.0)
            .i128(self.exit_fee.0)
            .u8(self.samples)
            .u64(self.egress_rate)
            .u64(self.issued.0)
            .u64(self.expires.0)
            .finish()
    }

    /// Reads canonical bytes.
    ///
    /// # Errors
    /// [`DecodeError`] for any other length or version.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut r = Reader::new(bytes);
        r.version(VERSION)?;
        let offer = Self {
            host_key: NodeKey(r.array()?),
            token: ContractId(r.array()?),
            rate: r.u64()?,
            base_fee: Stroops(r.i128()?),
            collateral_percent: r.u16()?,
            free: ByteCount(r.u64()?),
            min_term: r.u32()?,
            max_term: r.u32()?,
            publish_window: r.u32()?,
            proof_window: r.u32()?,
            notice: r.u32()?,
            challenge_gap: r.u32()?,
            max_challenges: r.u16()?,
            disclosure_price: Stroops(r.i128()?),
            exit_fee: Stroops(r.i128()?),
            samples: r.u8()?,
            egress_rate: r.u64()?,
            issued: UnixSeconds(r.u64()?),
            expires: UnixSeconds(r.u64()?),
        };
        r.finish()?;
        Ok(offer)
    }
}
