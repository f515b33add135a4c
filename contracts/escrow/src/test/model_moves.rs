//! What every call of the escrow does in the model: each method says whether the contract must take the call, and
//! if so does what it must do. Rules of money come first: nobody is paid what is not there.

use super::model::{
    Agreement, BOND_DELAY, Challenged, HOUR, Life, Model, Paper, Pending, Shares, Side, answer_by,
};

impl Model {
    /// What the contract must hold of a token.
    pub fn held(&self, token: usize) -> i128 {
        let live = self.agreements.iter().filter(|a| a.terms.token == token).map(Agreement::held);
        let kept =
            [&self.free, &self.bond, &self.leaving].map(|all| all.iter().map(|h| h[token]).sum::<i128>());
        live.sum::<i128>() + kept.iter().sum::<i128>() + self.credit[token]
    }

    /// The agreement that has a slot.
    pub fn tenant(&self, slot: u32) -> Option<usize> {
        self.agreements.iter().position(|a| a.life == Life::Open && a.terms.slot == slot)
    }

    fn open_at(&self, at: usize) -> bool {
        self.agreements[at].life == Life::Open
    }

    fn owner_cannot_move(&self, token: usize) -> bool {
        self.frozen && token == 1
    }

    fn pay_owner(&mut self, token: usize, amount: i128) {
        if self.owner_cannot_move(token) {
            self.credit[token] += amount;
        } else {
            self.owner[token] += amount;
        }
    }

    /// Ends an agreement.
    fn end(&mut self, at: usize, shares: Shares) {
        let agreement = &mut self.agreements[at];
        let bond = agreement.bond();
        let (host, token) = (agreement.terms.host, agreement.terms.token);
        (agreement.life, agreement.waiting, agreement.shares) = (Life::Over, false, Some(shares));
        self.free[host][token] += shares.host;
        self.burnt[token] += shares.burn;
        self.pay_owner(token, shares.owner + bond);
    }

    /// True where the terms could be opened, but for the money.
    fn openable(&self, at: usize, now: u64) -> bool {
        let a = &self.agreements[at];
        let near = now.abs_diff(a.terms.start) <= HOUR && now < a.terms.end;
        a.life == Life::Unopened && now <= a.terms.offer_expiry && near
    }

    pub fn open(&mut self, at: usize, now: u64) -> bool {
        let t = self.agreements[at].terms.clone();
        let price = t.escrow + t.voucher_part;
        let taken = self.tenant(t.slot).is_some() || self.owner_cannot_move(t.token);
        let rich = self.free[t.host][t.token] >= t.collateral && self.owner[t.token] >= price;
        if taken || !rich || !self.openable(at, now) {
            return false;
        }
        self.owner[t.token] -= price;
        self.free[t.host][t.token] -= t.collateral;
        self.agreements[at].life = Life::Open;
        true
    }

    pub fn publish(&mut self, at: usize, paper: &Paper, (signed, now): (bool, u64)) -> bool {
        let a = &self.agreements[at];
        let before = if a.waiting { a.frozen().min(a.challenge_frozen()) } else { a.frozen() };
        let good = signed && now < before && paper.n > a.n() && a.fits(paper, self.capacity);
        if !self.open_at(at) || !good {
            return false;
        }
        self.agreements[at].published = Some(paper.clone());
        true
    }

    /// `wants` is the least revision, `before` the number of challenges the signature counts with.
    pub fn challenge(
        &mut self,
        at: usize,
        c: &Challenged,
        (wants, before, signed): (u64, u16, bool),
    ) -> bool {
        let (a, now) = (&self.agreements[at], c.opened);
        let t = &a.terms;
        let last = a.challenge.as_ref().map_or(0, |last| last.opened);
        let due = before == a.count && a.count < t.max_challenges && (a.count == 0 || now >= last + t.gap);
        let may = match c.by {
            Side::Host => c.named.is_none() && c.bond == 0 && a.count < t.max_challenges / 2,
            Side::Owner => c.bond >= t.disclosure.max(1),
            Side::Auditor => c.bond >= t.disclosure.max(1) && t.auditor,
        };
        let told = a.published.is_some() && wants <= a.n();
        let listed = c.named.as_ref().is_none_or(|list| (1..=8).contains(&list.len()));
        let over = answer_by(t, c) < a.ending;
        let rich = c.bond == 0 || (self.owner[t.token] >= c.bond && !self.owner_cannot_move(t.token));
        if !self.open_at(at) || a.waiting || !(signed && due && may && told && listed && over && rich) {
            return false;
        }
        self.owner[t.token] -= c.bond;
        let a = &mut self.agreements[at];
        (a.challenge, a.waiting, a.count) = (Some(c.clone()), true, a.count + 1);
        true
    }

    /// `shown`: the right leaves with right proofs; `round`: the deciding round is on the ledger.
    pub fn respond(&mut self, at: usize, (shown, round, now): (bool, bool, u64)) -> bool {
        let a = &self.agreements[at];
        let (Some(c), Some(paper)) = (&a.challenge, &a.published) else { return false };
        let random = c.named.is_none();
        let ready = !random || (now >= a.challenge_frozen() && (round || paper.sectors == 0));
        if !self.open_at(at) || !a.waiting || !ready || !shown || now > a.challenge_deadline() {
            return false;
        }
        let (bond, host, token) = (c.bond, a.terms.host, a.terms.token);
        let vested = if random { a.earned(paper, a.challenge_frozen()) } else { 0 };
        self.free[host][token] += bond;
        let a = &mut self.agreements[at];
        (a.waiting, a.floor) = (false, a.floor.max(vested));
        if let Some(c) = &mut a.challenge {
            c.bond = 0;
        }
        true
    }

    pub fn default(&mut self, at: usize, now: u64) -> bool {
        let a = &self.agreements[at];
        let Some(paper) = &a.published else { return false };
        if !self.open_at(at) || !a.waiting || now <= a.challenge_deadline() {
            return false;
        }
        let shares = a.missed(paper);
        self.end(at, shares);
        true
    }

    pub fn start_close(&mut self, at: usize, (by, ending, signed): (Side, u64, bool), now: u64) -> bool {
        let a = &self.agreements[at];
        let t = a.terms.clone();
        let clear = !a.waiting;
        let timely = now < a.ending && ending >= now + t.notice && ending < a.ending;
        let fee = if by == Side::Host { t.exit_fee } else { 0 };
        let rich = self.free[t.host][t.token] >= fee;
        if !self.open_at(at) || by == Side::Auditor || !(signed && clear && timely && rich) {
            return false;
        }
        self.free[t.host][t.token] -= fee;
        self.pay_owner(t.token, fee);
        self.agreements[at].ending = ending;
        true
    }

    pub fn redeem(&mut self, at: usize, amount: i128, signed: bool) -> bool {
        let a = &self.agreements[at];
        if !self.open_at(at) || !signed || amount <= a.voucher || amount > a.terms.voucher_part {
            return false;
        }
        self.agreements[at].voucher = amount;
        true
    }

    fn fresh(&self, at: usize, to: u8) -> bool {
        self.open_at(at) && !self.agreements[at].keys.contains(&to)
    }

    pub fn rotate(&mut self, at: usize, (side, to, signed): (Side, u8, bool)) -> bool {
        if !self.fresh(at, to) || !signed || side == Side::Auditor {
            return false;
        }
        let a = &mut self.agreements[at];
        a.keys[usize::from(side == Side::Host)] = to;
        a.pending = None;
        true
    }

    pub fn start_rotation(&mut self, at: usize, (side, to): (Side, u8), now: u64) -> bool {
        if !self.fresh(at, to) || side == Side::Auditor || self.agreements[at].pending.is_some() {
            return false;
        }
        let a = &mut self.agreements[at];
        let at = now + a.terms.publish_window + a.terms.proof_window + HOUR;
        a.pending = Some(Pending { side, to, at });
        true
    }

    pub fn finish_rotation(&mut self, at: usize, (side, to): (Side, u8), now: u64) -> bool {
        let known = |p: &Pending| p.side == side && p.to == to && now >= p.at;
        self.agreements[at].pending.as_ref().is_some_and(known) && self.rotate(at, (side, to, true))
    }

    /// A split: the revision it is of, the host's and the owner's share.
    fn splittable(&self, at: usize, (n, host, owner): (u64, i128, i128), (signed, now): (bool, u64)) -> bool {
        let a = &self.agreements[at];
        let adds_up = host >= 0 && owner >= 0 && host + owner == a.locked();
        self.open_at(at) && signed && now > a.last_opening() && n >= a.n() && adds_up
    }

    pub fn close(&mut self, at: usize, split: (u64, i128, i128), (signed, now): (bool, u64)) -> bool {
        if !self.splittable(at, split, (signed, now)) {
            return false;
        }
        self.end(at, Shares { host: split.1, owner: split.2, burn: 0 });
        true
    }

    pub fn renew(&mut self, at: usize, new: usize, split: (u64, i128, i128), now: u64) -> bool {
        let (old, t) = (&self.agreements[at], &self.agreements[new].terms);
        let same = t.previous == Some(at)
            && (t.host, t.token, t.slot) == (old.terms.host, old.terms.token, old.terms.slot)
            && old.keys[1] == self.agreements[new].keys[1];
        let due = t.escrow + t.voucher_part - split.2;
        let rich = due <= 0 || (self.owner[t.token] >= due && !self.owner_cannot_move(t.token));
        let covered = self.free[t.host][t.token] + split.1 >= t.collateral;
        if !self.splittable(at, split, (true, now)) || !self.openable(new, now) || old.waiting {
            return false;
        }
        if !(same && rich && covered) {
            return false;
        }
        let (host, token, collateral) = (t.host, t.token, t.collateral);
        let a = &mut self.agreements[at];
        (a.life, a.shares) = (Life::Over, Some(Shares { host: split.1, owner: split.2, burn: 0 }));
        self.agreements[new].life = Life::Open;
        self.free[host][token] += split.1 - collateral;
        if due > 0 {
            self.owner[token] -= due;
        } else {
            self.pay_owner(token, -due);
        }
        true
    }

    pub fn prove(&mut self, at: usize, (shown, round, now): (bool, bool, u64)) -> bool {
        let a = &self.agreements[at];
        let Some(paper) = &a.published else { return false };
        let timely = (a.frozen()..=a.deadline()).contains(&now) && !a.waiting;
        if !self.open_at(at) || !timely || !shown || !(round || paper.sectors == 0) {
            return false;
        }
        let shares = a.proved(paper);
        self.end(at, shares);
        true
    }

    pub fn expire(&mut self, at: usize, now: u64) -> bool {
        let a = &self.agreements[at];
        if !self.open_at(at) || a.waiting || now <= a.deadline() {
            return false;
        }
        let shares = a.published.as_ref().map_or_else(|| a.unused(), |paper| a.missed(paper));
        self.end(at, shares);
        true
    }

    pub fn deposit(&mut self, host: usize, token: usize, amount: i128) -> bool {
        if amount <= 0 || self.hosts[host][token] < amount {
            return false;
        }
        self.hosts[host][token] -= amount;
        self.free[host][token] += amount;
        true
    }

    pub fn withdraw(&mut self, host: usize, token: usize, amount: i128) -> bool {
        if amount <= 0 || self.free[host][token] < amount {
            return false;
        }
        self.hosts[host][token] += amount;
        self.free[host][token] -= amount;
        true
    }

    pub fn owner_withdraw(&mut self, token: usize) -> bool {
        if self.credit[token] == 0 || self.owner_cannot_move(token) {
            return false;
        }
        self.owner[token] += core::mem::take(&mut self.credit[token]);
        true
    }

    pub fn bond(&mut self, host: usize, token: usize, amount: i128) -> bool {
        if amount <= 0 || self.free[host][token] < amount {
            return false;
        }
        self.free[host][token] -= amount;
        self.bond[host][token] += amount;
        true
    }

    pub fn unbond(&mut self, host: usize, token: usize, (amount, now): (i128, u64)) -> bool {
        if amount <= 0 || self.bond[host][token] < amount {
            return false;
        }
        self.bond[host][token] -= amount;
        self.leaving[host][token] += amount;
        self.free_at[host][token] = now + BOND_DELAY;
        true
    }

    pub fn release(&mut self, host: usize, token: usize, now: u64) -> bool {
        if self.leaving[host][token] == 0 || now < self.free_at[host][token] {
            return false;
        }
        self.free[host][token] += core::mem::take(&mut self.leaving[host][token]);
        true
    }
}
