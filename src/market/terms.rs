//! Terms: what owner and host agree before any byte is stored. The host signs them, the owner's escrow
//! transaction accepts them, the contract keeps only their hash.

use crate::accrual::accrued_rounded_up;
use crate::signing::{Context, Kind, Sha256, message_digest};
use layr_types::{
    AccountKey, AgreementId, ByteCount, ContractId, DAY_SECONDS, DecodeError, NodeKey, Reader, Stroops,
    UnixSeconds, Writer,
};

/// Size of encoded terms.
pub const TERMS_BYTES: usize = 457;
/// Longest term: 180 days.
pub const MAX_TERM_SECONDS: u64 = 180 * DAY_SECONDS;
/// Largest capacity of one agreement: 1 PiB.
pub const MAX_CAPACITY: ByteCount = ByteCount(1 << 50);
/// Shortest publish or proof window: 6 hours.
pub const MIN_WINDOW_SECONDS: u32 = 6 * 3_600;
/// Longest publish or proof window: 7 days.
pub const MAX_WINDOW_SECONDS: u32 = 7 * 86_400;

const VERSION: u8 = 1;
/// Largest rate: 2^50 stroops per GiB-day, so that rate × capacity × term stays inside 127 bits.
const MAX_RATE: u64 = 1 << 50;
/// Largest single amount: 2^100 stroops, so that sums of a few never overflow.
const MAX_AMOUNT: Stroops = Stroops(1 << 100);
const MAX_SAMPLES: u8 = 32;
const SLOTS_PER_FOLDER: u8 = 64;

/// One agreement's terms.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Terms {
    /// Pays the escrow and gets refunds.
    pub owner_account: AccountKey,
    /// Signs revisions for the owner.
    pub owner_key: NodeKey,
    /// Signs terms and revisions for the host; earnings and collateral are booked under it.
    pub host_key: NodeKey,
    /// May publish and challenge for the owner; all zero for nobody.
    pub auditor_key: NodeKey,
    /// The asset's contract.
    pub token: ContractId,
    /// Which of the owner's folders holds the slot.
    pub folder: u32,
    /// Which of the folder's 64 slots; named so that the same offer cannot be opened twice.
    pub slot: u8,
    /// Bytes the host reserves; revisions never hold more.
    pub capacity: ByteCount,
    /// When the agreement begins; accrual counts from here at the earliest.
    pub start: UnixSeconds,
    /// When it ends: the revision freezes a publish window later.
    pub end: UnixSeconds,
    /// The host's signature lapses then unless opened before.
    pub offer_expiry: UnixSeconds,
    /// Price in stroops per GiB-day.
    pub rate: u64,
    /// Collateral put at risk, in stroops per GiB-day accepted.
    pub risk_rate: u64,
    /// Earned by opening, never refunded; covers the host's own proofs.
    pub base_fee: Stroops,
    /// The owner's locked money for storage (E), base fee included.
    pub escrow: Stroops,
    /// The owner's locked money for bytes read (V).
    pub voucher_part: Stroops,
    /// The host's locked money (C).
    pub collateral: Stroops,
    /// Most of the risked collateral that goes to the owner after a miss; the rest burns.
    pub repair_cap: Stroops,
    /// Paid by a host that ends early.
    pub exit_fee: Stroops,
    /// Least bond of a named challenge.
    pub disclosure_price: Stroops,
    /// Seconds between challenges.
    pub challenge_gap: u32,
    /// Challenges allowed in the term.
    pub max_challenges: u16,
    /// Seconds after the end in which a newer revision may be published (D).
    pub publish_window: u32,
    /// Seconds after that in which the host must prove (W).
    pub proof_window: u32,
    /// Seconds of notice before an early end.
    pub notice: u32,
    /// Leaves proved on chain (k).
    pub samples: u8,
    /// SHA-256 of the owner's nonce, used only if the beacon stops; all zero for no such fall-back.
    #[cfg_attr(feature = "serde", serde(with = "layr_types::hex_bytes"))]
    pub owner_nonce_hash: [u8; 32],
    /// SHA-256 of the host's nonce for the same purpose.
    #[cfg_attr(feature = "serde", serde(with = "layr_types::hex_bytes"))]
    pub host_nonce_hash: [u8; 32],
    /// The agreement this one renews; all zero for none.
    pub previous: AgreementId,
    /// Makes otherwise equal terms distinct.
    #[cfg_attr(feature = "serde", serde(with = "layr_types::hex_bytes"))]
    pub salt: [u8; 16],
}

/// Which bound a set of terms breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum TermsError {
    /// Capacity is zero, not whole sectors, or above 1 PiB.
    Capacity,
    /// The end is not after the start, or the term is longer than 180 days.
    Term,
    /// A rate is above 2^50 stroops per GiB-day.
    Rate,
    /// An amount is negative or above 2^100 stroops, or the base fee is zero or above the escrow.
    Amount,
    /// The escrow does not cover base fee plus full capacity for the whole term.
    EscrowTooSmall,
    /// The repair cap is above half the collateral.
    RepairCap,
    /// The publish or proof window is outside 6 hours … 7 days.
    Window,
    /// Samples are zero or above 32.
    Samples,
    /// The slot is 64 or above.
    Slot,
    /// Owner and host are the same key.
    SameParty,
}

impl core::fmt::Display for TermsError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Capacity => "the capacity must be whole sectors, at least one, at most 1 PiB",
            Self::Term => "the end must be after the start and at most 180 days later",
            Self::Rate => "a rate is too large",
            Self::Amount => "an amount is negative, too large, or the base fee is not within the escrow",
            Self::EscrowTooSmall => "the escrow does not cover the capacity for the whole term",
            Self::RepairCap => "the repair cap is above half the collateral",
            Self::Window => "the publish and proof windows must be between 6 hours and 7 days",
            Self::Samples => "the number of leaves to prove must be between 1 and 32",
            Self::Slot => "a folder has 64 slots",
            Self::SameParty => "owner and host are the same key",
        })
    }
}

impl core::error::Error for TermsError {}

impl Terms {
    /// The agreement id: binds these terms to one contract on one network. The host's signature is over it.
    #[must_use]
    pub fn id<H: Sha256>(&self, hash: &H, context: &Context) -> AgreementId {
        AgreementId(message_digest(hash, Kind::Terms, context, &self.encode()))
    }

    /// Length of the term in seconds.
    #[must_use]
    pub const fn seconds(&self) -> u64 {
        self.end.since(self.start)
    }

    /// Everything locked: E + V + C.
    #[must_use]
    pub fn locked(&self) -> Stroops {
        self.escrow + self.voucher_part + self.collateral
    }

    /// When the root freezes if the agreement runs to `ending_at`.
    #[must_use]
    pub const fn freezes_at(&self, ending_at: UnixSeconds) -> UnixSeconds {
        ending_at.plus(self.publish_window as u64)
    }

    /// Last moment for the host's proof if the agreement runs to `ending_at`.
    #[must_use]
    pub const fn proof_deadline(&self, ending_at: UnixSeconds) -> UnixSeconds {
        self.freezes_at(ending_at).plus(self.proof_window as u64)
    }

    /// Checks every bound that does not depend on who looks or when.
    ///
    /// # Errors
    /// The first [`TermsError`] that applies.
    pub fn check(&self) -> Result<(), TermsError> {
        let sectors = self.capacity.whole_sectors();
        let whole = ByteCount::from_sectors(sectors) == Some(self.capacity);
        require(sectors > 0 && whole && self.capacity <= MAX_CAPACITY, TermsError::Capacity)?;
        require(self.end > self.start && self.seconds() <= MAX_TERM_SECONDS, TermsError::Term)?;
        require(self.rate <= MAX_RATE && self.risk_rate <= MAX_RATE, TermsError::Rate)?;
        require(self.amounts().iter().all(in_range), TermsError::Amount)?;
        require(self.base_fee > Stroops::ZERO && self.base_fee <= self.escrow, TermsError::Amount)?;
        let storage = accrued_rounded_up(self.rate, self.capacity, self.seconds()).ok_or(TermsError::Rate)?;
        require(self.base_fee + storage <= self.escrow, TermsError::EscrowTooSmall)?;
        require(self.repair_cap.0.saturating_mul(2) <= self.collateral.0, TermsError::RepairCap)?;
        let windows = MIN_WINDOW_SECONDS..=MAX_WINDOW_SECONDS;
        require(windows.contains(&self.publish_window), TermsError::Window)?;
        require(windows.contains(&self.proof_window), TermsError::Window)?;
        require((1..=MAX_SAMPLES).contains(&self.samples), TermsError::Samples)?;
        require(self.slot < SLOTS_PER_FOLDER, TermsError::Slot)?;
        require(self.owner_key != self.host_key, TermsError::SameParty)
    }

    const fn amounts(&self) -> [Stroops; 7] {
        [
            self.base_fee,
            self.escrow,
            self.voucher_part,
            self.collateral,
            self.repair_cap,
            self.exit_fee,
            self.disclosure_price,
        ]
    }

    /// The canonical bytes.
    #[must_use]
    pub fn encode(&self) -> [u8; TERMS_BYTES] {
        let head = Writer::<TERMS_BYTES>::new()
            .u8(VERSION)
            .put(&self.owner_account.0)
            .put(&self.owner_key.0)
            .put(&self.host_key.0)
            .put(&self.auditor_key.0)
            .put(&self.token.0)
            .u32(self.folder)
            .u8(self.slot)
            .u64(self.capacity.0)
            .u64(self.start.0)
            .u64(self.end.0)
            .u64(self.offer_expiry.0)
            .u64(self.rate)
            .u64(self.risk_rate);
        self.amounts()
            .iter()
            .fold(head, |out, amount| out.i128(amount.0))
            .u32(self.challenge_gap)
            .u16(self.max_challenges)
            .u32(self.publish_window)
            .u32(self.proof_window)
            .u32(self.notice)
            .u8(self.samples)
            .put(&self.owner_nonce_hash)
            .put(&self.host_nonce_hash)
            .put(&self.previous.0)
            .put(&self.salt)
            .finish()
    }

    /// Reads canonical bytes; does not [`check`](Self::check) bounds.
    ///
    /// # Errors
    /// [`DecodeError`] for any other length or version.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut r = Reader::new(bytes);
        r.version(VERSION)?;
        let terms = Self {
            owner_account: AccountKey(r.array()?),
            owner_key: NodeKey(r.array()?),
            host_key: NodeKey(r.array()?),
            auditor_key: NodeKey(r.array()?),
            token: ContractId(r.array()?),
            folder: r.u32()?,
            slot: r.u8()?,
            capacity: ByteCount(r.u64()?),
            start: UnixSeconds(r.u64()?),
            end: UnixSeconds(r.u64()?),
            offer_expiry: UnixSeconds(r.u64()?),
            rate: r.u64()?,
            risk_rate: r.u64()?,
            base_fee: Stroops(r.i128()?),
            escrow: Stroops(r.i128()?),
            voucher_part: Stroops(r.i128()?),
            collateral: Stroops(r.i128()?),
            repair_cap: Stroops(r.i128()?),
            exit_fee: Stroops(r.i128()?),
            disclosure_price: Stroops(r.i128()?),
            challenge_gap: r.u32()?,
            max_challenges: r.u16()?,
            publish_window: r.u32()?,
            proof_window: r.u32()?,
            notice: r.u32()?,
            samples: r.u8()?,
            owner_nonce_hash: r.array()?,
            host_nonce_hash: r.array()?,
            previous: AgreementId(r.array()?),
            salt: r.array()?,
        };
        r.finish()?;
        Ok(terms)
    }
}

fn in_range(amount: &Stroops) -> bool {
    (Stroops::ZERO..=MAX_AMOUNT).contains(amount)
}

const fn require(holds: bool, otherwise: TermsError) -> Result<(), TermsError> {
    if holds { Ok(()) } else { Err(otherwise) }
}
