//! Random schedules of both parties, third parties and time, against the contract and against the model.
//!
//! A schedule is made from a seed alone; a failure prints it with the whole story. `LAYR_ESCROW_SCHEDULES` sets
//! how many are run (a few in an ordinary test run), `LAYR_ESCROW_SEED` the first seed, and
//! `LAYR_ESCROW_NATIVE=1` runs the Rust code instead of the Wasm, which is several times faster.

use super::deal::{DAY, Deal};
use super::model::{Challenged, Paper, Side};
use super::model_run::{HOSTS, Run, party};
use super::std::{env, eprintln, time::Instant, vec, vec::Vec};
use layr_market::Terms;
use layr_types::{ContractId, NodeKey, Stroops};

/// The auditor's number.
pub const AUDITOR: u8 = 30;
const HOUR: u64 = 3_600;
/// How many schedules share a world.
const PER_WORLD: u64 = 25;

/// SplitMix64: small, and the same everywhere.
pub struct Dice(pub u64);

impl Dice {
    pub fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Below `count`.
    pub fn below(&mut self, count: u64) -> u64 {
        self.roll() % count
    }

    /// True once in so many times.
    pub fn once_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }

    pub fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[usize::try_from(self.below(from.len() as u64)).unwrap()]
    }
}

/// How many schedules an ordinary run takes, or what the environment says.
pub fn count(usual: u64) -> u64 {
    env::var("LAYR_ESCROW_SCHEDULES").ok().map_or(usual, |text| text.parse().expect("a number"))
}

fn first_seed() -> u64 {
    env::var("LAYR_ESCROW_SEED").ok().map_or(1, |text| text.parse().expect("a number"))
}

/// New terms for a slot, unopened; `previous` is what they renew.
pub fn draft(run: &mut Run, dice: &mut Dice, (slot, previous): (u8, Option<usize>)) -> usize {
    let host = usize::from(slot % 2);
    let token = usize::from(slot == 2);
    let salt = dice.roll().to_be_bytes();
    let id = previous.map(|at| run.deals[at].id);
    let (days, window) = (1 + dice.below(12), 6 * HOUR * (1 + dice.below(2)));
    let (auditor, notice) = (dice.once_in(2), dice.below(2) * 12 * HOUR);
    let other = ContractId(super::accounts::contract_id(&run.tokens[token]));
    let deal = Deal::with(&run.world, party(HOSTS[host]), |t: &mut Terms| {
        t.slot = slot;
        t.token = other;
        t.salt[..8].copy_from_slice(&salt);
        t.end = t.start.plus(days * DAY);
        (t.publish_window, t.proof_window) = (6 * 3_600, u32::try_from(window).unwrap());
        (t.challenge_gap, t.max_challenges) = (6 * 3_600, 4);
        t.notice = u32::try_from(notice).unwrap();
        t.samples = 2;
        t.exit_fee = Stroops(5_000);
        t.auditor_key = if auditor { NodeKey(party(AUDITOR).node_key()) } else { NodeKey([0; 32]) };
        if let Some(id) = id {
            t.previous = id;
        }
    });
    run.add(deal, (host, token, previous))
}

/// A paper that follows the newest, as the parties write them.
pub fn next_paper(run: &Run, dice: &mut Dice, at: usize) -> Paper {
    let last = run.newest[at].clone().map_or_else(|| Paper { n: 0, ..run.blank(at) }, |(paper, _)| paper);
    let a = run.agreement(at);
    let now = run.now().clamp(last.time, a.terms.end);
    let full = last.sectors > 0 || !dice.once_in(5);
    let earned = a.earned(&last, now) - last.paid;
    let acknowledged = !dice.once_in(3);
    Paper {
        n: last.n + 1 + dice.below(2),
        time: now,
        sectors: if full { 1_024 } else { 0 },
        paid: if acknowledged { last.paid + earned } else { last.paid },
        due: if acknowledged { 0 } else { earned },
        risk: if full { a.terms.collateral - i128::from(dice.below(1_000)) } else { 0 },
    }
}

/// Both sign what follows.
pub fn sign_next(run: &mut Run, dice: &mut Dice, at: usize) {
    if run.now() <= run.agreement(at).terms.end {
        let paper = next_paper(run, dice, at);
        run.newest[at] = Some((paper, run.agreement(at).keys));
    }
}

/// A moment at which something changes for this agreement, a second more or less.
fn moment(run: &Run, dice: &mut Dice, at: usize) -> u64 {
    let a = run.agreement(at);
    let pending = a.pending.as_ref().map_or(0, |p| p.at);
    let edges = [
        a.ending,
        a.frozen(),
        a.deadline(),
        a.challenge_frozen(),
        a.challenge_frozen() + HOUR,
        a.challenge_deadline(),
        a.last_opening(),
        pending,
        run.now() + 6 * HOUR,
        run.now() + HOUR,
        run.now() + DAY,
        a.frozen() + HOUR,
    ];
    (dice.pick(&edges) + 1).saturating_sub(dice.below(3))
}

/// One step of anybody.
fn step(run: &mut Run, dice: &mut Dice) {
    let open = run.open_ones();
    if open.is_empty() || dice.once_in(12) {
        return begin(run, dice);
    }
    let at = dice.pick(&open);
    match dice.below(32) {
        0..=3 => wait(run, dice, at),
        4..=7 => {
            sign_next(run, dice, at);
            run.publish_newest(at);
        }
        8 => old_paper(run, dice, at),
        9..=11 => challenge(run, dice, at),
        12..=15 => answer(run, dice, at),
        16 => _ = run.default(at),
        17 => notice(run, dice, at),
        18 => {
            let amount = i128::from(dice.below(8_000));
            let key = if dice.once_in(6) { 98 } else { run.agreement(at).keys[0] };
            run.redeem(at, amount, key);
        }
        19 | 20 => rotation(run, dice, at),
        21 => renewal(run, dice, at),
        22 => closing(run, dice, at),
        23..=25 => {
            run.post_round(run.agreement(at).frozen());
            run.prove(at, !dice.once_in(4));
        }
        26 => _ = run.expire(at),
        27 | 28 => purse(run, dice),
        29 => again(run, dice),
        30 => run.forge(at),
        _ => wait(run, dice, at),
    }
}

fn wait(run: &mut Run, dice: &mut Dice, at: usize) {
    let until = moment(run, dice, at);
    run.pass(until.saturating_sub(run.now()).min(20 * DAY));
}

/// New terms for a free slot, opened at once, late, or twice.
fn begin(run: &mut Run, dice: &mut Dice) {
    let slot = dice.pick(&[0, 1, 2]);
    let at = draft(run, dice, (slot, None));
    if dice.once_in(8) {
        run.pass(dice.pick(&[600, 601, HOUR]));
    }
    run.open(at);
    if dice.once_in(8) {
        run.open(at);
    }
}

/// What was signed once and has been overtaken, or does not fit, or is of keys that are gone.
fn old_paper(run: &mut Run, dice: &mut Dice, at: usize) {
    let mut paper = next_paper(run, dice, at);
    let keys = run.agreement(at).keys;
    match dice.below(6) {
        0 => paper.n = run.agreement(at).n(),
        1 => paper.n = run.agreement(at).n().saturating_sub(1),
        2 => paper.risk = run.agreement(at).terms.collateral + 1,
        3 => paper.paid = run.agreement(at).terms.escrow + 1,
        4 => {
            run.publish(at, &paper, [1, HOSTS[run.agreement(at).terms.host]]);
            return;
        }
        _ => paper.time = run.agreement(at).terms.end + 1,
    }
    run.publish(at, &paper, keys);
}

fn challenge(run: &mut Run, dice: &mut Dice, at: usize) {
    let a = run.agreement(at).clone();
    let by = dice.pick(&[Side::Owner, Side::Owner, Side::Host, Side::Host, Side::Auditor]);
    let named = (by != Side::Host && dice.once_in(2) || dice.once_in(10))
        .then(|| (0..1 + dice.below(3)).map(|_| dice.below(1_024 * 1_100)).collect::<Vec<_>>());
    let fair = if by == Side::Host { 0 } else { a.terms.disclosure };
    let bond = if dice.once_in(8) { fair - 1 + 2 * i128::from(dice.below(2)) } else { fair };
    let key = match by {
        _ if dice.once_in(10) => 97,
        Side::Owner => a.keys[0],
        Side::Host => a.keys[1],
        Side::Auditor => AUDITOR,
    };
    let wants = if dice.once_in(8) { a.n() + 1 } else { a.n() };
    let before = if dice.once_in(8) { a.count + 1 } else { a.count };
    let c = Challenged { named, by, opened: run.now(), bond: bond.max(0) };
    run.challenge(at, &c, (wants, before, key));
}

fn answer(run: &mut Run, dice: &mut Dice, at: usize) {
    if run.agreement(at).waiting && !dice.once_in(8) {
        if dice.once_in(2) {
            let until = run.agreement(at).challenge_frozen() + HOUR;
            let random = run.agreement(at).challenge.as_ref().is_some_and(|c| c.named.is_none());
            run.pass(if random { until.saturating_sub(run.now()) } else { 0 });
        }
        run.post_round(run.agreement(at).challenge_frozen());
    }
    run.respond(at, !dice.once_in(5));
}

fn notice(run: &mut Run, dice: &mut Dice, at: usize) {
    let by = dice.pick(&[Side::Owner, Side::Host]);
    let a = run.agreement(at);
    let key = if dice.once_in(8) { 96 } else { a.keys[usize::from(by == Side::Host)] };
    let earliest = run.now() + a.terms.notice;
    let ending = dice.pick(&[earliest, earliest.saturating_sub(1), earliest + DAY, a.ending, a.ending - 1]);
    run.start_close(at, by, (ending, key));
}

fn rotation(run: &mut Run, dice: &mut Dice, at: usize) {
    let side = dice.pick(&[Side::Owner, Side::Host]);
    let to = 40 + u8::try_from(dice.below(8)).unwrap();
    let pending = run.agreement(at).pending.clone();
    match (dice.below(4), pending) {
        (0, _) => {
            let keys = if dice.once_in(4) { [95, 94] } else { run.agreement(at).keys };
            run.rotate(at, (side, to), keys);
        }
        (1 | 2, Some(pending)) => {
            if dice.once_in(2) {
                run.pass(pending.at.saturating_sub(run.now()));
            }
            let other = if dice.once_in(6) { to } else { pending.to };
            run.finish_rotation(at, (pending.side, other));
        }
        _ => _ = run.start_rotation(at, (side, to)),
    }
}

fn split(run: &Run, dice: &mut Dice, at: usize) -> (u64, i128, i128) {
    let a = run.agreement(at);
    let locked = a.locked() - i128::from(dice.once_in(8));
    let host = (a.terms.collateral + i128::from(dice.below(300_000))).min(locked);
    (a.n() + dice.below(2), host, locked - host)
}

fn renewal(run: &mut Run, dice: &mut Dice, at: usize) {
    let slot = u8::try_from(run.agreement(at).terms.slot).unwrap();
    let other = dice.once_in(8).then_some((slot + 1) % 3);
    let previous = if dice.once_in(10) { None } else { Some(at) };
    let new = draft(run, dice, (other.unwrap_or(slot), previous));
    let split = split(run, dice, at);
    run.renew(at, new, split);
}

fn closing(run: &mut Run, dice: &mut Dice, at: usize) {
    let (n, host, owner) = split(run, dice, at);
    let n = if dice.once_in(6) { n.saturating_sub(2) } else { n };
    let keys = if dice.once_in(6) { [93, 92] } else { run.agreement(at).keys };
    run.close(at, (n, host, owner), keys);
}

/// Money that is in no agreement.
fn purse(run: &mut Run, dice: &mut Dice) {
    let host = usize::from(dice.once_in(2));
    let token = usize::from(dice.once_in(2));
    let amount = dice.pick(&[1, 5_000, 1_000_000, 0, i128::MAX / 2]);
    match dice.below(7) {
        0 => _ = run.deposit(host, token, amount.min(1_000_000)),
        1 => _ = run.withdraw(host, token, amount),
        2 => _ = run.bond(host, token, amount),
        3 => _ = run.unbond(host, token, amount),
        4 => _ = run.release(host, token),
        5 => run.freeze(!run.model.frozen),
        _ => _ = run.owner_withdraw(token),
    }
}

/// Something that is over is called upon again.
fn again(run: &mut Run, dice: &mut Dice) {
    let at = usize::try_from(dice.below(run.deals.len() as u64)).unwrap();
    match dice.below(7) {
        5 => run.lie(at, usize::try_from(dice.below(231 * 8)).unwrap()),
        6 => several(run, dice),
        0 => _ = run.open(at),
        1 => _ = run.expire(at),
        2 => _ = run.prove(at, true),
        3 => _ = run.default(at),
        _ => closing(run, dice, at),
    }
}

/// Batches of closings or openings, of which one may not fit.
fn several(run: &mut Run, dice: &mut Dice) {
    let open = run.open_ones();
    if dice.once_in(2) {
        let splits: Vec<_> = open.iter().map(|at| (*at, split(run, dice, *at))).collect();
        run.close_all(&splits);
    }
    let slots = [0, 1, 2].map(|slot| draft(run, dice, (slot, None)));
    run.open_all(&slots);
}

/// Whatever happened, either side alone, and time, end it.
fn finish(run: &mut Run, dice: &mut Dice) {
    for at in run.open_ones() {
        let host = dice.once_in(2);
        if host && run.agreement(at).waiting {
            let random = run.agreement(at).challenge.as_ref().is_some_and(|c| c.named.is_none());
            let until = run.agreement(at).challenge_frozen() + if random { HOUR } else { 0 };
            let late = run.now() > run.agreement(at).challenge_deadline();
            if !late {
                run.pass(if random { until.saturating_sub(run.now()) } else { 0 });
                run.post_round(run.agreement(at).challenge_frozen());
                run.respond(at, true);
            }
        }
        if run.agreement(at).waiting {
            let until = run.agreement(at).challenge_deadline() + 1;
            run.pass(until.saturating_sub(run.now()));
            assert!(run.default(at), "anybody ends what nobody answered: {:#?}", run.story);
            continue;
        }
        let frozen = run.agreement(at).frozen() + HOUR;
        run.pass(frozen.saturating_sub(run.now()));
        let round = run.post_round(run.agreement(at).frozen());
        if !(host && round && run.prove(at, true)) {
            let until = run.agreement(at).deadline() + 1;
            run.pass(until.saturating_sub(run.now()));
            assert!(run.expire(at), "anybody ends what nobody proved: {:#?}", run.story);
        }
    }
    run.freeze(false);
    run.compare();
    run.compare_wallets();
    assert!(run.open_ones().is_empty());
}

#[test]
fn the_contract_does_what_the_model_does_on_every_schedule() {
    let (seeds, began) = (count(50), Instant::now());
    let mut totals = [0u64; 2];
    let mut run = Run::new();
    for seed in first_seed()..first_seed() + seeds {
        if seed % PER_WORLD == 0 {
            run = Run::new();
        }
        run.story = vec![super::std::format!(
            "LAYR_ESCROW_SEED={seed}, in a world since {}",
            seed - seed % PER_WORLD
        )];
        (run.taken, run.refused, run.every) = (0, 0, if seeds > 10_000 { 6 } else { 1 });
        let mut dice = Dice(seed);
        for slot in 0..3 {
            let at = draft(&mut run, &mut dice, (slot, None));
            run.open(at);
        }
        for _ in 0..4 + dice.below(20) {
            step(&mut run, &mut dice);
        }
        finish(&mut run, &mut dice);
        if seed.is_multiple_of(1_000) {
            eprintln!("seed {seed} after {} s", began.elapsed().as_secs());
        }
        totals[0] += run.taken;
        totals[1] += run.refused;
    }
    assert!(totals[0] > seeds && totals[1] > seeds);
    let seconds = began.elapsed().as_secs();
    eprintln!("{seeds} schedules, {} calls taken, {} refused, {seconds} s", totals[0], totals[1]);
}

/// What one agreement's parties do with it, whatever happens to the other.
fn life(run: &mut Run, at: usize, which: u64) {
    let mut dice = Dice(which);
    sign_next(run, &mut dice, at);
    run.publish_newest(at);
    let a = run.agreement(at).clone();
    let c =
        Challenged { named: Some(vec![which]), by: Side::Owner, opened: run.now(), bond: a.terms.disclosure };
    run.challenge(at, &c, (a.n(), 0, a.keys[0]));
    run.redeem(at, 5, a.keys[0]);
    if which.is_multiple_of(2) {
        run.respond(at, true);
    }
    run.rotate(at, (Side::Host, 50), a.keys);
}

#[test]
fn calls_of_independent_agreements_commute() {
    let after = |order: [usize; 2]| {
        let mut run = Run::new();
        let mut dice = Dice(3);
        for slot in 0..2 {
            let at = draft(&mut run, &mut dice, (slot, None));
            assert!(run.open(at));
        }
        run.pass(HOUR);
        for at in order {
            life(&mut run, at, at as u64);
        }
        run.compare_wallets();
        let folder = run.world.escrow.folder(&run.world.owner_address(), &0);
        (folder.iter().collect::<Vec<u8>>(), run.model)
    };
    assert_eq!(after([0, 1]), after([1, 0]));
}
