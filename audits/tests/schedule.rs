//! The schedule kept over months: what is due when, and that no sector is forgotten.

use layr_audits::{
    AuditState, Contained, Containment, Reason, Schedule, Scrub, Verdict, contain, scrub_leaves,
};
use layr_types::{DAY_SECONDS, LEAVES_PER_SECTOR, UnixSeconds};
use proptest::prelude::*;

const SEED: [u8; 32] = [7; 32];
const START: UnixSeconds = UnixSeconds(1_700_000_000);

/// Runs audits that all pass, from `START` for `days`, and tells each one's time and plan.
fn run(
    schedule: &Schedule,
    state: &mut AuditState,
    sectors: u64,
    days: u64,
) -> Vec<(UnixSeconds, layr_audits::Plan)> {
    let mut made = Vec::new();
    let mut now = START;
    while now < START.plus(days * DAY_SECONDS) {
        now = now.max(schedule.next(state, &SEED));
        let plan = schedule.plan(state, sectors, now, &SEED).expect("due when it says so");
        state.scrub.take(plan.scrub, sectors, now);
        state.took(Verdict::Passed, None, now);
        made.push((now, plan));
    }
    made
}

#[test]
fn an_agreement_never_audited_is_due_at_once_and_an_empty_one_never() {
    let (schedule, state) = (Schedule::default(), AuditState::default());
    let plan = schedule.plan(&state, 1, START, &SEED).unwrap();
    assert_eq!((plan.reason, plan.leaves, plan.surprise), (Reason::Daily, 20, false));
    assert_eq!(schedule.plan(&state, 0, START, &SEED), None);
}

#[test]
fn audits_come_daily_give_or_take_a_tenth_and_not_at_the_same_hour() {
    let mut state = AuditState::default();
    let made = run(&Schedule::default(), &mut state, 10, 100);
    let gaps: Vec<u64> = made.windows(2).map(|pair| pair[1].0.since(pair[0].0)).collect();
    assert!(gaps.iter().all(|gap| gap.abs_diff(DAY_SECONDS) <= DAY_SECONDS / 10), "{gaps:?}");
    assert!(gaps.iter().max() > gaps.iter().min());
    assert!((95..=106).contains(&made.len()), "{}", made.len());
}

#[test]
fn about_one_audit_in_four_comes_as_a_download() {
    let mut state = AuditState::default();
    let made = run(&Schedule::default(), &mut state, 10, 1000);
    let surprises = made.iter().filter(|(_, plan)| plan.surprise).count();
    assert!((200..=300).contains(&surprises), "{surprises} of {}", made.len());
    let none = Schedule { surprise_one_in: 0, ..Schedule::default() };
    let made = run(&none, &mut AuditState::default(), 10, 100);
    assert!(made.iter().all(|(_, plan)| !plan.surprise));
}

#[test]
fn a_fault_is_followed_by_a_week_of_more_and_larger_audits() {
    let schedule = Schedule::default();
    let mut state = AuditState::default();
    state.took(Verdict::Corrupt, None, START);
    let made = run(&schedule, &mut state, 10, 30);
    let week = START.plus(7 * DAY_SECONDS);
    let (within, after): (Vec<_>, Vec<_>) = made.iter().partition(|(at, _)| *at < week);
    assert!(within.iter().skip(1).all(|(_, plan)| plan.reason == Reason::Intensified && plan.leaves == 64));
    assert!((26..=32).contains(&within.len()), "{}", within.len());
    assert!(after.iter().all(|(_, plan)| plan.reason == Reason::Daily && plan.leaves == 20));
}

#[test]
fn a_silent_host_is_asked_three_times_more_over_a_day_before_it_counts() {
    let schedule = Schedule::default();
    let mut state = AuditState { last: Some(START), ..AuditState::default() };
    let first = schedule.next(&state, &SEED);
    let mut now = first;
    let mut asked = 0;
    loop {
        now = now.max(schedule.next(&state, &SEED));
        let plan = schedule.plan(&state, 10, now, &SEED).unwrap();
        assert_eq!(plan.reason, if asked == 0 { Reason::Daily } else { Reason::Retry });
        asked += 1;
        match contain(state.silent, Verdict::Offline, now) {
            Contained::Settled(verdict) => {
                state.took(verdict, None, now);
                break;
            }
            Contained::Again(_, silent) => state.took(Verdict::Offline, silent, now),
        }
        assert!(asked < 10);
    }
    assert_eq!((asked, now.since(first)), (4, DAY_SECONDS));
    assert_eq!(state.fault, Some(now));
}

#[test]
fn the_owners_own_fault_changes_nothing() {
    let silent = Containment { since: START, attempts: 1, worst: Verdict::Late };
    let before = AuditState { last: Some(START), silent: Some(silent), ..AuditState::default() };
    let mut state = before.clone();
    state.took(Verdict::OwnFault, Some(silent), START.plus(5));
    assert_eq!(state, before);
}

#[test]
fn a_month_fits_into_a_minute() {
    let fast = Schedule::default().faster(30 * DAY_SECONDS / 60);
    assert_eq!((fast.scrub_within, fast.every), (60, 2));
    assert!(Schedule::default().faster(u64::MAX).every >= 1);
}

#[test]
fn scrubbed_leaves_lie_one_in_each_sector_and_elsewhere_with_another_seed() {
    let sectors: Vec<u64> = (3..60).collect();
    let leaves = scrub_leaves(&sectors, &SEED);
    assert!(leaves.iter().zip(&sectors).all(|(leaf, sector)| leaf.sector().0 == *sector));
    assert_ne!(leaves, scrub_leaves(&sectors, &[8; 32]));
    assert!(leaves.iter().all(|leaf| leaf.0 < 60 * LEAVES_PER_SECTOR as u64));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Sectors come and go (from the end, and by moving the last one into a gap); whichever lay there for 30 days
    /// was sampled in them.
    #[test]
    fn no_sector_goes_unsampled_for_thirty_days(
        start in 1u64..400,
        changes in proptest::collection::vec((0u64..60, any::<u64>()), 120),
        seed in any::<[u8; 32]>(),
    ) {
        let schedule = Schedule::default();
        let mut state = AuditState::default();
        // What lies where: since when, or when last sampled.
        let mut held: Vec<UnixSeconds> = vec![START; usize::try_from(start).unwrap()];
        let mut now = START;
        for (added, place) in changes {
            now = now.max(schedule.next(&state, &seed));
            if let Some(oldest) = held.iter().min() {
                prop_assert!(now.since(*oldest) <= 30 * DAY_SECONDS, "{} s", now.since(*oldest));
            }
            let sectors = held.len() as u64;
            if let Some(plan) = schedule.plan(&state, sectors, now, &seed) {
                for sector in state.scrub.take(plan.scrub, sectors, now) {
                    held[usize::try_from(sector).unwrap()] = now;
                }
            }
            state.took(Verdict::Passed, None, now);
            if added % 3 == 0 {
                held.extend(vec![now; usize::try_from(added).unwrap()]);
            } else if !held.is_empty() {
                for turn in 0..added.min(held.len() as u64 - 1) {
                    let gap = usize::try_from(place.wrapping_add(turn * 7919) % held.len() as u64).unwrap();
                    held.swap_remove(gap);
                    state.scrub.moved(gap as u64);
                }
            }
        }
    }

    #[test]
    fn a_pass_over_a_terabyte_takes_what_it_must_and_little_more(sectors in 1u64..1 << 20) {
        let schedule = Schedule::default();
        let mut state = AuditState::default();
        let made = run(&schedule, &mut state, sectors, 30);
        let taken: u64 = made.iter().map(|(_, plan)| plan.scrub).sum();
        prop_assert!(taken >= 2 * sectors.saturating_sub(1), "{taken}");
        prop_assert!(taken <= sectors * 3 + 40, "{taken}");
    }
}

#[test]
fn too_many_moved_sectors_begin_the_pass_anew() {
    let mut scrub = Scrub { began: Some(START), end: 10_000, next: 10_000, owed: Vec::new() };
    (0..4_096).for_each(|place| scrub.moved(place));
    assert_eq!(scrub.owed.len(), 4_096);
    scrub.moved(5_000);
    assert_eq!((scrub.owed.len(), scrub.next), (0, 0));
}
