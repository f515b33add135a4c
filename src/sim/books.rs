//! Money: every agreement of a booked segment, by the real arithmetic. Terms are drafted from the host's offer,
//! revisions follow one another, terms are renewed, and `settle` says who gets what at each end.
//!
//! Two liberties: the daily acknowledgements of one term are folded into one at the last audit that passed (they
//! pay the same but for the rounding of a stroop a day), and a settlement is booked when its outcome is certain, not
//! when the windows have passed.

use layr_market::{
    AuditFields, Context, Notice, Offer, Outcome, Party, Request, Revision, Settled, Settlement, SlotState,
    SoftwareSha256, Terms, settle,
};
use layr_types::{
    AccountKey, AgreementId, AgreementRoot, ByteCount, ContractId, DAY_SECONDS, NetworkId, NodeKey, Stroops,
    UnixSeconds,
};
use serde::{Deserialize, Serialize};

/// The default term, seconds.
const TERM: u64 = 30 * DAY_SECONDS;

/// What was locked, and where it went, in stroops.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Money {
    /// Agreements opened, renewals included.
    pub agreements: u64,
    /// Locked by owners.
    pub escrowed: i128,
    /// Locked by hosts.
    pub collateral: i128,
    /// Paid to hosts, their collateral included.
    pub to_hosts: i128,
    /// Paid back to owners, compensation included.
    pub to_owners: i128,
    /// Burnt.
    pub burnt: i128,
    /// Owners' money still locked at the end.
    pub held_escrow: i128,
    /// Hosts' money still locked at the end.
    pub held_collateral: i128,
    /// Sector-seconds stored under these agreements.
    pub sector_seconds: u128,
    /// Agreements whose arithmetic was refused: must be none.
    pub refused: u64,
}

impl Money {
    pub(crate) fn merge(&mut self, other: &Self) {
        self.agreements += other.agreements;
        self.escrowed += other.escrowed;
        self.collateral += other.collateral;
        self.to_hosts += other.to_hosts;
        self.to_owners += other.to_owners;
        self.burnt += other.burnt;
        self.held_escrow += other.held_escrow;
        self.held_collateral += other.held_collateral;
        self.sector_seconds += other.sector_seconds;
        self.refused += other.refused;
    }

    /// The law: what came in has gone out or is still held, and nothing was refused or is negative.
    #[must_use]
    pub fn is_conserved(&self) -> bool {
        let out = [self.to_hosts, self.to_owners, self.burnt, self.held_escrow, self.held_collateral];
        let gone: i128 = out.iter().sum();
        self.escrowed + self.collateral == gone && out.iter().all(|part| *part >= 0) && self.refused == 0
    }

    /// What owners spent, in stroops: locked, less what came back and what is still locked.
    #[must_use]
    pub const fn spent(&self) -> i128 {
        self.escrowed - self.to_owners - self.held_escrow
    }

    /// What hosts earned, in stroops, collateral they lost taken off.
    #[must_use]
    pub const fn earned(&self) -> i128 {
        self.to_hosts + self.held_collateral - self.collateral
    }
}

/// How an agreement ends for a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// It has the data and is let go by notice.
    LetGo,
    /// It cannot prove: gone, or found out.
    Missed,
}

/// One open agreement.
#[derive(Debug, Clone)]
pub(crate) struct Account {
    offer: Offer,
    terms: Terms,
    slot: SlotState,
    revision: Revision,
    /// When the money of this agreement was last looked at.
    counted: u64,
}

const fn context() -> Context {
    Context { network: NetworkId([5; 32]), contract: ContractId([6; 32]) }
}

impl Account {
    /// Opens an agreement on `sectors` at `now` and stores them.
    pub(crate) fn open(
        money: &mut Money,
        offer: &Offer,
        owner: NodeKey,
        sectors: u64,
        now: u64,
    ) -> Option<Self> {
        let opened = opened(offer, owner, sectors, now);
        match &opened {
            Some(account) => lock(money, &account.terms),
            None => money.refused += 1,
        }
        opened
    }

    /// Renews up to `until`: each term that ends before is split by consent and followed by the next.
    pub(crate) fn renew(&mut self, money: &mut Money, until: u64) {
        while self.terms.end.0 <= until {
            let end = self.terms.end;
            let sectors = self.revision.sectors;
            self.stored(money, end.0);
            let last = self.revision.acknowledge(&self.terms, end, AuditFields::default());
            let settled = last
                .ok()
                .and_then(|last| settle(&self.terms, Settled::default(), end, Outcome::Proved(&last)).ok());
            let next = opened(&self.offer, self.terms.owner_key, sectors, end.0);
            let (Some(settled), Some(next)) = (settled, next) else {
                money.refused += 1;
                return;
            };
            pay(money, settled);
            lock(money, &next.terms);
            *self = next;
        }
    }

    /// Ends it at `now`; `sound_until` is the last moment at which the host had the data.
    pub(crate) fn close(mut self, money: &mut Money, end: End, (sound_until, now): (u64, u64)) {
        let sound = sound_until.min(now);
        self.renew(money, sound);
        self.stored(money, sound.min(self.terms.end.0));
        let acknowledged = UnixSeconds(sound.clamp(self.revision.time.0, self.terms.end.0));
        let settled = self
            .revision
            .acknowledge(&self.terms, acknowledged, AuditFields::default())
            .ok()
            .and_then(|last| self.outcome(&last, end, now));
        match settled {
            Some(settled) => pay(money, settled),
            None => money.refused += 1,
        }
    }

    fn outcome(&self, last: &Revision, end: End, now: u64) -> Option<Settlement> {
        let state = self.slot.published(&SoftwareSha256, last);
        match end {
            End::Missed => {
                settle(&self.terms, Settled::default(), self.terms.end, Outcome::Missed(last)).ok()
            }
            End::LetGo => {
                let ending_at = UnixSeconds(now.max(last.time.0)).plus(self.terms.notice.into());
                let notice = Notice { id: last.id, by: Party::Owner, ending_at };
                // Where the term ends before the notice would, it simply ends.
                let state = state.noticed(&self.terms, &notice, UnixSeconds(now)).unwrap_or(state);
                settle(&self.terms, Settled::default(), state.ending_at, Outcome::Proved(last)).ok()
            }
        }
    }

    /// Counts what is locked in it at the end of the simulation.
    pub(crate) fn hold(mut self, money: &mut Money, now: u64) {
        self.renew(money, now);
        self.stored(money, now);
        money.held_escrow += (self.terms.escrow + self.terms.voucher_part).0;
        money.held_collateral += self.terms.collateral.0;
    }

    fn stored(&mut self, money: &mut Money, until: u64) {
        let seconds = until.saturating_sub(self.counted);
        money.sector_seconds += u128::from(seconds) * u128::from(self.revision.sectors);
        self.counted = self.counted.max(until);
    }
}

fn opened(offer: &Offer, owner: NodeKey, sectors: u64, now: u64) -> Option<Account> {
    let start = UnixSeconds(now);
    let request = Request {
        owner_account: AccountKey([4; 32]),
        owner_key: owner,
        folder: 0,
        slot: 0,
        capacity: ByteCount::from_sectors(sectors)?,
        start,
        end: start.plus(TERM),
        voucher_part: Stroops::ZERO,
        salt: [0; 16],
    };
    let terms = offer.draft(&request).ok()?;
    let id: AgreementId = terms.id(&SoftwareSha256, &context());
    let root = AgreementRoot([1; 32]);
    let revision = Revision::opening(&terms, id).append(&terms, start, root, sectors).ok()?;
    let slot = SlotState::opening(&terms);
    Some(Account { offer: offer.clone(), terms, slot, revision, counted: now })
}

fn lock(money: &mut Money, terms: &Terms) {
    money.agreements += 1;
    money.escrowed += (terms.escrow + terms.voucher_part).0;
    money.collateral += terms.collateral.0;
}

fn pay(money: &mut Money, settled: Settlement) {
    money.to_hosts += settled.host.0;
    money.to_owners += settled.owner.0;
    money.burnt += settled.burn.0;
}
