//! Every call of the contract, made to the contract and to the model.

use super::deal::bytes;
use super::model::{Challenged, Paper, Side};
use super::model_run::{HOSTS, Run, list_bytes, party, side_of};
use super::std::{format, vec};
use crate::{Accusation, Closing, Opening, Publication, Renewal};
use layr_market::{
    Challenge, ChallengeKind, FinalReason, FinalSplit, Notice, SoftwareSha256, Voucher, named_leaves_hash,
};
use layr_types::{ByteCount, Stroops, UnixSeconds};
use soroban_sdk::{BytesN, Vec as HostVec};

/// A key nobody has agreed with.
const STRANGER: u8 = 99;

impl Run {
    fn opening(&self, at: usize) -> Opening {
        let deal = &self.deals[at];
        let host = HOSTS[self.agreement(at).terms.host];
        Opening { host_sig: self.sign(host, &deal.id.0), terms: self.terms(at) }
    }

    pub fn open(&mut self, at: usize) -> bool {
        let allowed = self.model.open(at, self.now());
        let batch = HostVec::from_array(&self.world.env, [self.opening(at)]);
        let result = self.world.escrow.try_open(&self.world.owner_address(), &batch);
        self.agree(format!("open {at}"), allowed, result)
    }

    /// `keys` signed the paper.
    pub fn publish(&mut self, at: usize, paper: &Paper, keys: [u8; 2]) -> bool {
        let revision = self.revision(at, paper);
        let digest = revision.digest(&SoftwareSha256);
        let publication = Publication {
            owner_sig: self.sign(keys[0], &digest),
            host_sig: self.sign(keys[1], &digest),
            revision: bytes(&self.world, &revision.encode()),
            state: self.state_bytes(at),
            terms: self.terms(at),
        };
        let signed = keys == self.agreement(at).keys;
        let allowed = self.model.publish(at, paper, (signed, self.now()));
        let result = self.world.escrow.try_publish(&publication);
        self.agree(format!("publish {at}: {paper:?} by {keys:?}"), allowed, result)
    }

    /// `wants` is the least revision, `before` how many challenges the signer counts.
    pub fn challenge(&mut self, at: usize, c: &Challenged, (wants, before, key): (u64, u16, u8)) -> bool {
        let list = c.named.as_deref().map(list_bytes).unwrap_or_default();
        let hash = if list.is_empty() { [0; 32] } else { named_leaves_hash(&SoftwareSha256, &list) };
        let challenge = Challenge {
            id: self.deals[at].id,
            n: wants,
            count: before,
            kind: if c.named.is_some() { ChallengeKind::Named } else { ChallengeKind::Random },
            by: side_of(c.by),
            bond: Stroops(c.bond),
            leaves_hash: hash,
            expires: UnixSeconds(c.opened + 600),
        };
        let accusation = Accusation {
            challenge: bytes(&self.world, &challenge.encode()),
            from: self.world.owner_address(),
            leaves: bytes(&self.world, &list),
            sig: self.sign(key, &challenge.digest(&SoftwareSha256)),
            state: self.state_bytes(at),
            terms: self.terms(at),
        };
        let a = self.agreement(at);
        let right = match c.by {
            Side::Owner => a.keys[0],
            Side::Host => a.keys[1],
            Side::Auditor => super::schedules::AUDITOR,
        };
        let allowed = self.model.challenge(at, c, (wants, before, key == right));
        let result = self.world.escrow.try_challenge(&accusation);
        self.agree(format!("challenge {at}: {c:?}, {wants}, {before}, {key}"), allowed, result)
    }

    /// With the proofs that are owed, or with one byte of them changed.
    pub fn respond(&mut self, at: usize, honest: bool) -> bool {
        let a = self.agreement(at);
        let named = a.challenge.as_ref().and_then(|c| c.named.clone());
        let frozen = a.challenge_frozen();
        let mut proofs = self.proofs(at, frozen, named.as_deref());
        let shown = spoil(&mut proofs, honest);
        let round = self.rounds.contains(&self.round(frozen));
        let (terms, state, revision) = (self.terms(at), self.state_bytes(at), self.published(at));
        let allowed = self.model.respond(at, (shown, round, self.now()));
        let list = bytes(&self.world, &named.as_deref().map(list_bytes).unwrap_or_default());
        let proofs = bytes(&self.world, &proofs);
        let result = self.world.escrow.try_respond(&terms, &state, &revision, &list, &proofs);
        self.agree(format!("respond {at}, {honest}"), allowed, result)
    }

    pub fn default(&mut self, at: usize) -> bool {
        let (terms, state, revision) = (self.terms(at), self.state_bytes(at), self.published(at));
        let allowed = self.model.default(at, self.now());
        let result = self.world.escrow.try_default(&terms, &state, &revision);
        self.agree(format!("default {at}"), allowed, result)
    }

    pub fn start_close(&mut self, at: usize, by: Side, (ending, key): (u64, u8)) -> bool {
        let notice = Notice { id: self.deals[at].id, by: side_of(by), ending_at: UnixSeconds(ending) };
        let sig = self.sign(key, &notice.digest(&SoftwareSha256));
        let signed = self.agreement(at).keys[usize::from(by == Side::Host)] == key;
        let (terms, state) = (self.terms(at), self.state_bytes(at));
        let allowed = self.model.start_close(at, (by, ending, signed), self.now());
        let notice = bytes(&self.world, &notice.encode());
        let result = self.world.escrow.try_start_close(&terms, &state, &notice, &sig);
        self.agree(format!("start_close {at}: {by:?} for {ending} by {key}"), allowed, result)
    }

    pub fn redeem(&mut self, at: usize, amount: i128, key: u8) -> bool {
        let voucher = Voucher {
            id: self.deals[at].id,
            amount: Stroops(amount),
            bytes: ByteCount(u64::try_from(amount).unwrap()),
        };
        let sig = self.sign(key, &voucher.digest(&SoftwareSha256));
        let signed = self.agreement(at).keys[0] == key;
        let (terms, state) = (self.terms(at), self.state_bytes(at));
        let allowed = self.model.redeem(at, amount, signed);
        let voucher = bytes(&self.world, &voucher.encode());
        let result = self.world.escrow.try_redeem(&terms, &state, &voucher, &sig);
        self.agree(format!("redeem {at}: {amount} by {key}"), allowed, result)
    }

    pub fn rotate(&mut self, at: usize, change: (Side, u8), keys: [u8; 2]) -> bool {
        let rotation = self.rotation(at, change);
        let digest = rotation.digest(&SoftwareSha256);
        let (owner, host) = (self.sign(keys[0], &digest), self.sign(keys[1], &digest));
        let signed = keys == self.agreement(at).keys;
        let (terms, state) = (self.terms(at), self.state_bytes(at));
        let allowed = self.model.rotate(at, (change.0, change.1, signed));
        let rotation = bytes(&self.world, &rotation.encode());
        let result = self.world.escrow.try_rotate(&terms, &state, &rotation, &owner, &host);
        self.agree(format!("rotate {at}: {change:?} by {keys:?}"), allowed, result)
    }

    pub fn start_rotation(&mut self, at: usize, change: (Side, u8)) -> bool {
        let rotation = bytes(&self.world, &self.rotation(at, change).encode());
        let (terms, state) = (self.terms(at), self.state_bytes(at));
        let allowed = self.model.start_rotation(at, change, self.now());
        let result = self.world.escrow.try_start_rotation(&terms, &state, &rotation);
        self.agree(format!("start_rotation {at}: {change:?}"), allowed, result)
    }

    pub fn finish_rotation(&mut self, at: usize, change: (Side, u8)) -> bool {
        let rotation = bytes(&self.world, &self.rotation(at, change).encode());
        let (terms, state) = (self.terms(at), self.state_bytes(at));
        let allowed = self.model.finish_rotation(at, change, self.now());
        let result = self.world.escrow.try_finish_rotation(&terms, &state, &rotation);
        self.agree(format!("finish_rotation {at}: {change:?}"), allowed, result)
    }

    fn closing(
        &self,
        at: usize,
        (n, host, owner): (u64, i128, i128),
        (keys, reason): ([u8; 2], FinalReason),
    ) -> Closing {
        let id = self.deals[at].id;
        let split = FinalSplit { id, n, host: Stroops(host), owner: Stroops(owner), reason };
        let digest = split.digest(&SoftwareSha256);
        Closing {
            owner_sig: self.sign(keys[0], &digest),
            host_sig: self.sign(keys[1], &digest),
            split: bytes(&self.world, &split.encode()),
            state: self.state_bytes(at),
            terms: self.terms(at),
        }
    }

    pub fn close(&mut self, at: usize, split: (u64, i128, i128), keys: [u8; 2]) -> bool {
        let closing = self.closing(at, split, (keys, FinalReason::Early));
        let signed = keys == self.agreement(at).keys;
        let allowed = self.model.close(at, split, (signed, self.now()));
        let result = self.world.escrow.try_close(&HostVec::from_array(&self.world.env, [closing]));
        self.agree(format!("close {at}: {split:?} by {keys:?}"), allowed, result)
    }

    /// Several agreements in one call: all of them or none.
    pub fn close_all(&mut self, splits: &[(usize, (u64, i128, i128))]) -> bool {
        let closings = splits
            .iter()
            .map(|(at, split)| self.closing(*at, *split, (self.agreement(*at).keys, FinalReason::TermOver)));
        let batch = HostVec::from_iter(&self.world.env, closings.collect::<vec::Vec<_>>());
        let (mut after, now) = (self.model.clone(), self.now());
        let allowed = splits.iter().all(|(at, split)| after.close(*at, *split, (true, now)));
        if allowed {
            self.model = after;
        }
        let result = self.world.escrow.try_close(&batch);
        self.agree(format!("close {splits:?}"), allowed, result)
    }

    /// Several agreements in one call: all of them or none.
    pub fn open_all(&mut self, which: &[usize]) -> bool {
        let openings: vec::Vec<_> = which.iter().map(|at| self.opening(*at)).collect();
        let batch = HostVec::from_iter(&self.world.env, openings);
        let (mut after, now) = (self.model.clone(), self.now());
        let allowed = which.iter().all(|at| after.open(*at, now));
        if allowed {
            self.model = after;
        }
        let result = self.world.escrow.try_open(&self.world.owner_address(), &batch);
        self.agree(format!("open {which:?}"), allowed, result)
    }

    /// Calls with a state that is not the slot's, a bit of it changed: all refused.
    pub fn lie(&mut self, at: usize, bit: usize) {
        let mut raw = self.state(at).encode();
        raw[bit / 8 % raw.len()] ^= 1 << (bit % 8);
        let state = bytes(&self.world, &raw);
        let (terms, revision) = (self.terms(at), self.published(at));
        let split = (self.agreement(at).n() + 1, 0, self.agreement(at).locked());
        let by = (self.agreement(at).keys, FinalReason::Early);
        let closing = Closing { state: state.clone(), ..self.closing(at, split, by) };
        let closed = self.world.escrow.try_close(&HostVec::from_array(&self.world.env, [closing]));
        self.agree(format!("close {at} with bit {bit} of its state changed"), false, closed);
        let expired = self.world.escrow.try_expire(&terms, &state, &revision);
        self.agree(format!("expire {at} with bit {bit} of its state changed"), false, expired);
        let defaulted = self.world.escrow.try_default(&terms, &state, &revision);
        self.agree(format!("default {at} with bit {bit} of its state changed"), false, defaulted);
    }

    pub fn renew(&mut self, at: usize, new: usize, split: (u64, i128, i128)) -> bool {
        let keys = self.agreement(at).keys;
        let closing = self.closing(at, split, (keys, FinalReason::Renewed));
        let renewal = Renewal { closing, opening: self.opening(new) };
        let allowed = self.model.renew(at, new, split, self.now());
        let batch = HostVec::from_array(&self.world.env, [renewal]);
        let result = self.world.escrow.try_renew(&self.world.owner_address(), &batch);
        self.agree(format!("renew {at} by {new}: {split:?}"), allowed, result)
    }

    /// With the proofs that are owed, or with one byte of them changed.
    pub fn prove(&mut self, at: usize, honest: bool) -> bool {
        let frozen = self.agreement(at).frozen();
        let mut proofs = self.proofs(at, frozen, None);
        let shown = spoil(&mut proofs, honest);
        let round = self.rounds.contains(&self.round(frozen));
        let (terms, state, revision) = (self.terms(at), self.state_bytes(at), self.published(at));
        let allowed = self.model.prove(at, (shown, round, self.now()));
        let result = self.world.escrow.try_prove(&terms, &state, &revision, &bytes(&self.world, &proofs));
        self.agree(format!("prove {at}, {honest}"), allowed, result)
    }

    pub fn expire(&mut self, at: usize) -> bool {
        let (terms, state, revision) = (self.terms(at), self.state_bytes(at), self.published(at));
        let allowed = self.model.expire(at, self.now());
        let result = self.world.escrow.try_expire(&terms, &state, &revision);
        self.agree(format!("expire {at}"), allowed, result)
    }

    fn host_key(&self, host: usize) -> BytesN<32> {
        self.world.key(party(HOSTS[host]))
    }

    pub fn deposit(&mut self, host: usize, token: usize, amount: i128) -> bool {
        let allowed = self.model.deposit(host, token, amount);
        let from = party(HOSTS[host]).address(&self.world.env);
        let result = self.world.escrow.try_deposit(&from, &self.host_key(host), &self.tokens[token], &amount);
        self.agree(format!("deposit {host}, {token}, {amount}"), allowed, result)
    }

    pub fn withdraw(&mut self, host: usize, token: usize, amount: i128) -> bool {
        let allowed = self.model.withdraw(host, token, amount);
        let result = self.world.escrow.try_withdraw(&self.host_key(host), &self.tokens[token], &amount);
        self.agree(format!("withdraw {host}, {token}, {amount}"), allowed, result)
    }

    pub fn owner_withdraw(&mut self, token: usize) -> bool {
        let allowed = self.model.owner_withdraw(token);
        let result = self.world.escrow.try_owner_withdraw(&self.world.owner_address(), &self.tokens[token]);
        self.agree(format!("owner_withdraw {token}"), allowed, result)
    }

    pub fn bond(&mut self, host: usize, token: usize, amount: i128) -> bool {
        let allowed = self.model.bond(host, token, amount);
        let result = self.world.escrow.try_bond(&self.host_key(host), &self.tokens[token], &amount);
        self.agree(format!("bond {host}, {token}, {amount}"), allowed, result)
    }

    pub fn unbond(&mut self, host: usize, token: usize, amount: i128) -> bool {
        let allowed = self.model.unbond(host, token, (amount, self.now()));
        let result = self.world.escrow.try_unbond(&self.host_key(host), &self.tokens[token], &amount);
        self.agree(format!("unbond {host}, {token}, {amount}"), allowed, result)
    }

    pub fn release(&mut self, host: usize, token: usize) -> bool {
        let allowed = self.model.release(host, token, self.now());
        let result = self.world.escrow.try_release(&self.host_key(host), &self.tokens[token]);
        self.agree(format!("release {host}, {token}"), allowed, result)
    }

    /// The issuer freezes the owner's trust line of the second token, or thaws it.
    pub fn freeze(&mut self, frozen: bool) {
        self.story.push(format!("frozen: {frozen}"));
        self.model.frozen = frozen;
        self.before.frozen = frozen;
        let line = (i64::try_from(self.model.owner[1]).unwrap(), !frozen);
        self.world.owner.trust(&self.world.env, &self.world.other_asset, line);
    }

    /// The revision both have signed last goes on record, if it is newer.
    pub fn publish_newest(&mut self, at: usize) -> bool {
        match self.newest[at].clone() {
            Some((paper, keys)) if paper.n > self.agreement(at).n() => self.publish(at, &paper, keys),
            _ => false,
        }
    }

    /// Calls with a signature that is nobody's, of every kind that wants one: all refused.
    pub fn forge(&mut self, at: usize) {
        let keys = self.agreement(at).keys;
        let paper = Paper { n: self.agreement(at).n() + 1, ..self.blank(at) };
        assert!(!self.publish(at, &paper, [keys[0], STRANGER]));
        assert!(!self.publish(at, &paper, [STRANGER, keys[1]]));
        assert!(!self.redeem(at, 1, STRANGER));
        let later = self.now() + 86_400;
        assert!(!self.start_close(at, Side::Owner, (later, STRANGER)));
        assert!(!self.rotate(at, (Side::Host, 60), [STRANGER, keys[1]]));
    }

    /// A paper that holds nothing and costs the base fee.
    pub fn blank(&self, at: usize) -> Paper {
        let t = &self.agreement(at).terms;
        Paper { n: 1, time: t.start, sectors: 0, paid: t.base_fee, due: 0, risk: 0 }
    }
}

/// Changes a byte of the proofs unless they are honest; true where they are still right.
fn spoil(proofs: &mut vec::Vec<u8>, honest: bool) -> bool {
    if honest {
        return true;
    }
    match proofs.get_mut(400) {
        Some(byte) => *byte ^= 1,
        None => proofs.push(0),
    }
    false
}
