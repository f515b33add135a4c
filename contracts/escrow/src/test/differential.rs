//! The node and the contract compute the same settlement: the native `settle()` against what the contract (its
//! Wasm, unless told otherwise) moves on the ledger, and `settle()`'s own laws over a million cases.
//!
//! `LAYR_ESCROW_CASES` sets how many go through the contract host.

use super::attacks::HOUR;
use super::deal::{DAY, Deal};
use super::model::{Paper, Side};
use super::model_run::{HOSTS, Run, party};
use super::schedules::Dice;
use super::std::{env, eprintln, vec};
use layr_market::{FinalSplit, Offer, Outcome, Request, Revision, Settled, Settlement, Terms, settle};
use layr_types::{
    AccountKey, AgreementId, AgreementRoot, ByteCount, ContractId, GIB, NodeKey, Stroops, UnixSeconds,
};
use soroban_sdk::token::TokenClient;

fn amount(dice: &mut Dice, most: i128) -> i128 {
    let wide = u128::from(dice.roll()) << 64 | u128::from(dice.roll());
    match dice.below(8) {
        0 => 0,
        1 => most,
        _ => i128::try_from(wide % (most.unsigned_abs() + 1)).unwrap(),
    }
}

/// What an agreement paid: the host's free balance, the owner's account and the burn address before and after.
fn purses(run: &Run) -> [i128; 3] {
    let burn = run.world.escrow.constants().burn;
    let lumens = TokenClient::new(&run.world.env, &run.tokens[0]);
    [run.world.free(run.world.host()), lumens.balance(&run.world.owner_address()), lumens.balance(&burn)]
}

/// An open agreement with random terms.
fn agreement(run: &mut Run, dice: &mut Dice) -> usize {
    let salt = dice.roll().to_be_bytes();
    let deal = Deal::with(&run.world, party(HOSTS[0]), |t: &mut Terms| {
        t.salt[..8].copy_from_slice(&salt);
        t.end = t.start.plus((5 + dice.below(20)) * DAY + dice.below(DAY));
        t.rate = dice.below(2_000_000);
        let storage = i128::from(t.rate) * 26;
        t.escrow = t.base_fee + Stroops(storage + amount(dice, 1_000_000));
        t.collateral = Stroops(2 + amount(dice, 1_000_000_000));
        t.repair_cap = Stroops(amount(dice, t.collateral.0 / 2));
        t.voucher_part = Stroops(amount(dice, 1_000_000));
        t.samples = 1;
    });
    let at = run.add(deal, (0, 0, None));
    assert!(run.open(at));
    at
}

/// A random revision of it.
fn paper(terms: &Terms, dice: &mut Dice) -> Paper {
    let paid = amount(dice, terms.escrow.0);
    Paper {
        n: 1 + dice.below(1 << 40),
        time: terms.start.0 + dice.below(terms.seconds() + 1),
        sectors: 1_024,
        paid,
        due: amount(dice, terms.escrow.0 - paid),
        risk: amount(dice, terms.collateral.0),
    }
}

/// One agreement, its revision, floor and voucher, through a random end of it.
fn case(run: &mut Run, dice: &mut Dice) {
    let at = agreement(run, dice);
    let (terms, keys) = (run.deals[at].terms.clone(), run.agreement(at).keys);
    let paper = paper(&terms, dice);
    let published = !dice.once_in(8) && run.publish(at, &paper, keys);
    run.redeem(at, amount(dice, terms.voucher_part.0), keys[0]);
    if published && dice.once_in(2) {
        vest(run, at);
    }
    let (floor, voucher) = (Stroops(run.agreement(at).floor), Stroops(run.agreement(at).voucher));
    let revision = run.revision(at, &paper);
    let host = Stroops(amount(dice, terms.locked().0));
    let split = FinalSplit { host, owner: terms.locked() - host, ..run.deals[at].split(paper.n, 0) };
    let frozen = run.agreement(at).frozen();
    let way = dice.below(3);
    run.pass(if way > 0 { frozen + HOUR - run.now() } else { 2 * HOUR });
    run.post_round(frozen);
    let before = purses(run);
    let outcome = match way {
        0 => {
            assert!(run.close(at, (split.n, split.host.0, split.owner.0), keys));
            Outcome::Cooperative(&split)
        }
        1 if published => {
            assert!(run.prove(at, true));
            Outcome::Proved(&revision)
        }
        _ => {
            run.pass(run.agreement(at).deadline() + 1 - run.now());
            assert!(run.expire(at));
            if published { Outcome::Missed(&revision) } else { Outcome::Unused }
        }
    };
    let after = purses(run);
    let paid = [0, 1, 2].map(|purse| after[purse] - before[purse]);
    let shares = settle(&terms, Settled { floor, voucher }, terms.end, outcome).unwrap();
    assert_eq!(paid, [shares.host.0, shares.owner.0, shares.burn.0]);
}

/// The host challenges itself and answers.
fn vest(run: &mut Run, at: usize) {
    assert!(super::attacks::challenge(run, at, Side::Host, None));
    let frozen = run.agreement(at).challenge_frozen();
    run.pass(frozen + HOUR - run.now());
    run.post_round(frozen);
    assert!(run.respond(at, true));
}

#[test]
fn the_contract_pays_what_the_nodes_function_says() {
    let cases: u64 = env::var("LAYR_ESCROW_CASES").ok().map_or(100, |text| text.parse().expect("a number"));
    let mut dice = Dice(20);
    let mut run = Run::new();
    for number in 0..cases {
        if number % 25 == 24 {
            run = Run::new();
        }
        run.story = vec![super::std::format!("case {number}")];
        case(&mut run, &mut dice);
    }
    eprintln!("{cases} settlements through the contract");
}

fn offer() -> Offer {
    Offer {
        host_key: NodeKey([2; 32]),
        token: ContractId([3; 32]),
        rate: 20_000,
        base_fee: Stroops(200_000),
        collateral_percent: 200,
        free: ByteCount(500 * GIB),
        min_term: 86_400,
        max_term: 180 * 86_400,
        publish_window: 86_400,
        proof_window: 86_400,
        notice: 0,
        challenge_gap: 86_400,
        max_challenges: 10,
        disclosure_price: Stroops(100_000),
        exit_fee: Stroops(0),
        samples: 10,
        egress_rate: 0,
        issued: UnixSeconds(1_000),
        expires: UnixSeconds(1_600),
    }
}

/// Terms anywhere within their bounds.
fn any_terms(dice: &mut Dice) -> Terms {
    let base_fee = Stroops(1 + amount(dice, 1 << 60));
    let percent = u16::try_from(dice.below(1_000)).unwrap();
    let offer = Offer { rate: dice.below(1 << 40), collateral_percent: percent, base_fee, ..offer() };
    let start = UnixSeconds(dice.below(1 << 33));
    let request = Request {
        owner_account: AccountKey([4; 32]),
        owner_key: NodeKey([1; 32]),
        folder: 0,
        slot: 5,
        capacity: ByteCount::from_sectors(1 + dice.below(1 << 20)).unwrap(),
        start,
        end: start.plus(1 + dice.below(180 * DAY)),
        voucher_part: Stroops(amount(dice, 1 << 60)),
        salt: [9; 16],
    };
    offer.draft(&request).expect("within bounds")
}

#[test]
fn a_million_settlements_keep_the_laws_of_money() {
    let mut dice = Dice(22);
    for _ in 0..1_000_000 {
        let terms = any_terms(&mut dice);
        let escrow = terms.escrow.0;
        let paid = amount(&mut dice, escrow);
        let revision = Revision {
            n: 1,
            time: terms.start.plus(dice.below(terms.seconds() + 1)),
            root: AgreementRoot([1; 32]),
            sectors: dice.below(terms.capacity.whole_sectors() + 1),
            paid: Stroops(paid),
            due: Stroops(amount(&mut dice, escrow - paid)),
            risk: Stroops(amount(&mut dice, terms.collateral.0)),
            ..Revision::opening(&terms, AgreementId([7; 32]))
        };
        let floor = Stroops(amount(&mut dice, escrow));
        let settled = Settled { floor, voucher: Stroops(amount(&mut dice, terms.voucher_part.0)) };
        let ending = terms.start.plus(dice.below(2 * terms.seconds() + 1)).min(terms.end);
        let ends = [Outcome::Proved(&revision), Outcome::Missed(&revision), Outcome::Unused];
        let [proved, missed, unused] = ends.map(|outcome| settle(&terms, settled, ending, outcome).unwrap());
        for shares in [proved, missed, unused] {
            keeps_the_laws(&terms, &revision, settled, &shares);
        }
        assert!(proved.host >= missed.host && proved.burn.0 == 0 && unused.burn.0 == 0);
        assert!(proved.host >= terms.collateral + revision.paid.max(floor) + settled.voucher);
        let later = settle(&terms, settled, terms.end, Outcome::Proved(&revision)).unwrap();
        assert!(later.host >= proved.host, "time never takes from a host that proves");
    }
}

fn keeps_the_laws(terms: &Terms, revision: &Revision, settled: Settled, shares: &Settlement) {
    assert_eq!(shares.host + shares.owner + shares.burn, terms.locked());
    assert!(shares.host.0 >= 0 && shares.owner.0 >= 0 && shares.burn.0 >= 0);
    assert!(shares.burn <= revision.risk);
    let own = terms.escrow + terms.voucher_part - settled.voucher;
    assert!(shares.owner <= own + terms.repair_cap, "a refund and the repair, no more");
    assert!(shares.host <= terms.escrow + terms.collateral + settled.voucher);
}
