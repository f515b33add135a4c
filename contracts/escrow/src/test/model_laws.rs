//! The laws that hold from one call to the next. Contract and model have just been compared, so what is checked
//! on the model's two sides of a call is true of the contract's.

use super::model::{Agreement, Life, Model};

impl Model {
    /// Everything that must be true between the moment before a call and the moment after it.
    pub fn follows(&self, before: &Self, taken: bool) {
        if !taken {
            assert!(before == self, "a refused call leaves no trace");
            return;
        }
        for (old, new) in before.agreements.iter().zip(&self.agreements) {
            Agreement::follows(new, old);
        }
        for token in 0..2 {
            assert_eq!(before.all(token), self.all(token), "no token is made or lost");
            assert!(self.burnt[token] >= before.burnt[token], "what burnt stays burnt");
        }
        let kept = [&self.free, &self.bond, &self.leaving];
        assert!(kept.iter().all(|all| all.iter().flatten().all(|amount| *amount >= 0)), "nobody owes");
    }

    /// Everything there is of a token, wherever it lies.
    fn all(&self, token: usize) -> i128 {
        let hosts: i128 = self.hosts.iter().map(|host| host[token]).sum();
        self.held(token) + self.owner[token] + hosts + self.burnt[token]
    }
}

impl Agreement {
    fn follows(new: &Self, old: &Self) {
        assert!(new.n() >= old.n(), "n never falls");
        assert!(
            new.floor >= old.floor && new.floor <= new.terms.escrow,
            "the floor never falls, nor exceeds E"
        );
        assert!(
            new.voucher >= old.voucher && new.voucher <= new.terms.voucher_part,
            "vouchers only grow, up to V"
        );
        assert!(new.ending <= old.ending, "the end only comes nearer");
        assert!(new.count >= old.count && new.count <= new.terms.max_challenges, "challenges are counted");
        match (old.life, new.life) {
            (Life::Unopened, _) | (Life::Open, Life::Open | Life::Over) => {}
            (Life::Over, Life::Over) => assert_eq!(old.shares, new.shares, "an agreement pays once"),
            (old, new) => panic!("{old:?} never becomes {new:?}"),
        }
        if let Some(shares) = new.shares {
            assert_eq!(shares.host + shares.owner + shares.burn, new.locked(), "all of it, and no more");
            assert!(shares.host >= 0 && shares.owner >= 0 && shares.burn >= 0, "none negative");
            let risk = new.published.as_ref().map_or(0, |paper| paper.risk);
            assert!(shares.burn <= risk, "only what was at risk burns");
            if shares.burn > 0 {
                let unearned = new.terms.escrow + new.terms.voucher_part;
                assert!(
                    shares.owner <= unearned + new.terms.repair_cap,
                    "a miss repairs, it does not enrich"
                );
            }
        }
    }
}
