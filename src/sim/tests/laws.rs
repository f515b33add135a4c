//! The simulation's laws: the same seed tells the same story, money is conserved, nothing is lost in silence, and
//! what the formula says comes out where the formula applies. Seeds are fixed, so a test that passes once passes
//! always; where chance decides, the error rate a fresh seed would have is stated.

use layr_audits::{Redundancy, Schedule, segment_loss};
use layr_sim::{Clock, Lifetime, Scenario, ScenarioError, Search, Tally, Troubles, rate, search, simulate};

/// A weak code and short stays: losses happen.
fn weak() -> Scenario {
    Scenario {
        k: 3,
        n: 6,
        repair_at: Some(4),
        hosts: 400,
        segments: 200,
        years: 3.0,
        life: 30.0,
        sectors: 64,
        books: 1,
        ..Scenario::default()
    }
}

fn play(scenario: &Scenario, seed: u64) -> Tally {
    simulate(scenario, (seed, 1), 1, &|_| true).expect("a scenario that can be simulated")
}

#[test]
fn the_same_seed_tells_the_same_story_on_any_number_of_threads() {
    let scenario = Scenario { segments: 50, years: 1.0, ..weak() };
    let once = simulate(&scenario, (7, 5), 1, &|_| true).expect("fits");
    let again = simulate(&scenario, (7, 5), 3, &|_| true).expect("fits");
    assert_eq!(once, again);
    assert_eq!(once.worlds, 5);
    assert_ne!(once, simulate(&scenario, (8, 5), 1, &|_| true).expect("fits"));
}

#[test]
fn money_in_is_money_out_and_held_whatever_happens() {
    for seed in 0..4 {
        let told = play(&Scenario { lifetime: Lifetime::MEASURED, ..weak() }, seed);
        let money = told.money;
        assert!(money.is_conserved(), "{money:?}");
        assert_eq!(money.spent(), money.earned() + money.burnt, "{money:?}");
        assert!(money.agreements > 1_000 && money.burnt > 0 && money.held_escrow > 0, "{money:?}");
    }
}

/// Every loss is told to its owner; only those of the last days may still be on their way.
#[test]
fn a_segment_below_k_is_reported_lost_never_silently() {
    for (seed, lifetime) in [(1, Lifetime::Exponential), (2, Lifetime::MEASURED)] {
        let told = play(&Scenario { lifetime, ..weak() }, seed);
        assert!(told.losses > 50, "the code was meant to be weak: {}", told.losses);
        assert_eq!(told.silent_losses, 0);
        assert!(told.losses - told.reported <= 10, "{} of {}", told.reported, told.losses);
        assert!(told.reporting.longest_days() < 45.0, "{} days", told.reporting.longest_days());
    }
}

#[test]
fn no_lie_and_no_damage_stays_unnoticed() {
    let troubles = Troubles { liars: 0.2, silent: 0.5, ..Troubles::default() };
    let told = play(&Scenario { troubles, life: 180.0, ..weak() }, 3);
    assert!(told.lies > 500 && told.damages > 500, "{} lies, {} damages", told.lies, told.damages);
    assert_eq!(told.unfound, 0);
    assert!(told.lie_found.count > told.lies * 9 / 10);
    assert!(told.damage_found.longest_days() < 60.0, "{} days", told.damage_found.longest_days());
}

/// Hosts that never leave but are often away: shards are taken for lost and come back, none is lost.
#[test]
fn an_absence_is_not_a_loss() {
    let troubles = Troubles { absences: 24.0, absence_hours: 12.0, slow: 0.2, ..Troubles::NONE };
    let told = play(&Scenario { troubles, life: 1e6, ..weak() }, 4);
    assert!(told.absences > 20_000, "{}", told.absences);
    // Stationary hosts with a mean stay of 2,740 years: a handful leave.
    assert!(told.departures <= 5, "{}", told.departures);
    assert_eq!((told.losses, told.silent_losses), (0, 0));
    let short = Troubles { absence_hours: 0.5, ..troubles };
    let told = play(&Scenario { troubles: short, life: 1e6, ..weak() }, 4);
    assert_eq!((told.absences_counted, told.repairs), (0, 0), "half an hour never counts");
}

/// Metamorphic: more shards, longer stays and an earlier repair each lose less. Expected counts differ by factors of
/// two to ten, so that a fresh seed would err less than once in a thousand.
#[test]
fn what_should_be_safer_loses_less() {
    let losses = |n, life, repair_at| {
        let calm = Scenario { n, life, repair_at: Some(repair_at), books: 0, ..weak() };
        play(&calm.as_modelled(2.0), 5).losses
    };
    let base = losses(6, 30.0, 4);
    assert!(base > 200, "{base}");
    assert!(losses(9, 30.0, 6) * 3 < base, "more shards");
    assert!(losses(6, 90.0, 4) * 3 < base, "longer stays");
    assert!(losses(6, 10.0, 4) > base * 3, "shorter stays");
    assert!(losses(6, 30.0, 5) * 3 < base * 2, "an earlier repair");
}

/// Where the formula's assumptions are simulated, its figure comes out. Losses are counted in nearly independent
/// segments, so that their number is Poisson: 4 standard deviations either way err once in 16,000 fresh seeds.
#[test]
fn the_simulation_finds_what_the_formula_says_where_the_formula_applies() {
    for (k, n, repair_at, life) in [(3u8, 6u8, 4u8, 30.0), (2, 4, 3, 30.0), (4, 12, 8, 10.0)] {
        let code = Scenario { k, n, repair_at: Some(repair_at), life, hosts: 2_000, years: 10.0, ..weak() };
        let told = play(&Scenario { books: 0, ..code }.as_modelled(1.0), 6);
        let redundancy = Redundancy { k: k.into(), n: n.into(), repair_at: repair_at.into() };
        let yearly = -(-segment_loss(redundancy, life, 1.0, 365.25)).ln_1p();
        let expected = yearly * told.segment_years();
        let losses = f64::from(u32::try_from(told.losses).expect("few"));
        let off = (losses - expected) / expected.sqrt();
        assert!(off.abs() < 4.0, "{k}/{n}: {} losses, {expected:.0} expected", told.losses);
    }
}

/// Audits notice after a day and a half, never after a week: the same mean time as the formula's exponential one
/// loses less, and the more shards must fail within it the larger the difference.
#[test]
fn real_audits_lose_less_than_the_formula_with_their_mean_time() {
    for (k, n, repair_at, life) in [(3u8, 6u8, 4u8, 30.0), (4, 12, 8, 10.0)] {
        let code = Scenario { k, n, repair_at: Some(repair_at), life, hosts: 1_000, years: 4.0, ..weak() };
        let told = play(&Scenario { troubles: Troubles::NONE, books: 0, ..code }, 7);
        let time = told.exposed.mean_days();
        assert!((1.2..2.5).contains(&time), "{time} days");
        let redundancy = Redundancy { k: k.into(), n: n.into(), repair_at: repair_at.into() };
        let formula = -(-segment_loss(redundancy, life, time, 365.25)).ln_1p();
        let measured = rate(told.losses, told.segment_years(), 0.999);
        assert!(measured.high < formula, "{measured:?} against {formula}");
        assert!(measured.low > formula / 20.0, "{measured:?} against {formula}");
    }
}

/// The network of the durability table, briefly: everything goes wrong that can, and nothing is lost.
#[test]
fn ten_of_thirty_survives_a_rough_network() {
    let (scenario, worlds) = Scenario { lifetime: Lifetime::MEASURED, ..Scenario::default() }.sized(1_000);
    let told = simulate(&scenario, (9, worlds), 2, &|_| true).expect("fits");
    assert!(told.segment_years() > 999.0 && told.repairs > 1_000);
    assert_eq!((told.losses, told.unfound, told.money.refused), (0, 0, 0));
    assert!(told.fewest(10) >= Some(13), "{:?}", told.survivors);
    assert!(told.money.is_conserved());
}

/// 20 random leaves a day find 1 % with 1 − 0.99^600 = 0.9976 in thirty days. The bounds err once in 20.
#[test]
fn one_percent_is_found_within_thirty_days() {
    let what = Search {
        agreements: 4_000,
        sectors: 256,
        parts: 100,
        days: 30,
        schedule: Schedule::default(),
        scrub: false,
    };
    let found = search(&what, 11);
    assert!(found.chance.low < 0.9976 && found.chance.high > 0.9976, "{found:?}");
    let whole = search(&Search { scrub: true, agreements: 1_000, ..what }, 11);
    assert_eq!(whole.within, 1_000, "the scrub finds the rest");
    assert!(whole.spans.mean_days() < found.spans.mean_days());
}

#[test]
fn what_cannot_be_simulated_is_refused() {
    let refused = |scenario: Scenario| scenario.check().expect_err("nonsense");
    assert_eq!(refused(Scenario { k: 0, ..weak() }), ScenarioError::Code);
    assert_eq!(refused(Scenario { k: 7, ..weak() }), ScenarioError::Code);
    assert_eq!(refused(Scenario { repair_at: Some(6), ..weak() }), ScenarioError::Threshold);
    assert_eq!(refused(Scenario { hosts: 11, ..weak() }), ScenarioError::Hosts);
    assert_eq!(refused(Scenario { years: f64::NAN, ..weak() }), ScenarioError::Size);
    assert_eq!(refused(Scenario { life: 0.0, ..weak() }), ScenarioError::Range);
    let clock = Clock::Modelled { days: f64::INFINITY };
    assert_eq!(refused(Scenario { clock, ..weak() }), ScenarioError::Range);
    let troubles = Troubles { liars: 1.5, ..Troubles::NONE };
    assert_eq!(refused(Scenario { troubles, ..weak() }), ScenarioError::Range);
}
