//! Laws of danger: it grows with what is lost and with what is shared, and lost is lost.

use super::*;
use crate::HostCard;
use proptest::prelude::*;
use std::net::{IpAddr, Ipv4Addr};

fn node(number: u8) -> NodeKey {
    NodeKey([number; 32])
}

fn kin(number: u8, network: u8, operator: &str) -> Kin {
    let address = IpAddr::V4(Ipv4Addr::new(80, network, 1, number));
    let (region, operator) = (String::new(), operator.to_owned());
    Kin::of(&HostCard { node: node(number), addresses: vec![address], region, operator }, true)
}

fn kins(count: u8) -> Vec<Kin> {
    (0..count).map(|number| kin(number, number, "")).collect()
}

fn seats<'a>(kins: &'a [Kin], dead: &[u8]) -> Vec<Seat<'a>> {
    let one =
        |(shard, kin): (u8, &'a Kin)| Seat { shard, host: node(shard), kin, alive: !dead.contains(&shard) };
    (0..).zip(kins).map(one).collect()
}

#[test]
fn repair_of_the_default_code_starts_at_twenty_and_of_a_small_one_at_the_first_loss() {
    let policy = RepairPolicy::default();
    assert_eq!(policy.threshold(10, 30), 20);
    assert_eq!(policy.threshold(4, 12), 11);
    assert_eq!(policy.threshold(3, 3), 2);
    assert_eq!(policy.threshold(1, 1), 0);
}

#[test]
fn danger_is_the_binomial_tail_where_nothing_is_shared() {
    let policy = RepairPolicy { life: 10.0, window: 1.0, ..RepairPolicy::default() };
    let kins = kins(3);
    let health = policy.assess((2, 3), &seats(&kins, &[]));
    let p = 1.0 - (-0.1f64).exp();
    let exact = 3.0 * p * p * (1.0 - p) + p * p * p;
    assert!((health.danger - exact).abs() < 1e-12, "{} {exact}", health.danger);
}

#[test]
fn every_condition_is_told_from_the_others() {
    let policy = RepairPolicy::default();
    let kins = kins(30);
    let told = |dead: u8| {
        let dead: Vec<u8> = (0..dead).collect();
        policy.assess((10, 30), &seats(&kins, &dead)).condition()
    };
    let all = [told(0), told(1), told(9), told(10), told(20), told(21), told(30)];
    let expected = [
        Condition::Healthy,
        Condition::Degraded,
        Condition::Degraded,
        Condition::AtRisk,
        Condition::AtRisk,
        Condition::Lost,
        Condition::Lost,
    ];
    assert_eq!(all, expected);
}

#[test]
fn exactly_the_dead_shards_are_rebuilt_and_nothing_of_a_lost_segment() {
    let policy = RepairPolicy::default();
    let kins = kins(12);
    assert_eq!(policy.assess((4, 12), &seats(&kins, &[2, 7, 8])).rebuild(), [2, 7, 8]);
    let lost = policy.assess((4, 12), &seats(&kins, &[0, 1, 2, 3, 4, 5, 6, 7, 8]));
    assert_eq!((lost.rebuild(), lost.danger, lost.alive), (Vec::new(), 1.0, 3));
}

#[test]
fn two_shards_on_one_network_or_one_operator_are_damage() {
    let policy = RepairPolicy::default();
    let mut all = kins(12);
    all[5] = kin(5, 2, "");
    let health = policy.assess((4, 12), &seats(&all, &[]));
    assert_eq!((health.alive, health.sound, health.clumped), (12, 11, vec![5]));
    all[5] = kin(5, 5, "acme");
    all[9] = kin(9, 9, "acme");
    let health = policy.assess((4, 12), &seats(&all, &[]));
    assert_eq!((health.condition(), health.rebuild()), (Condition::AtRisk, vec![9]));
    let anything = RepairPolicy { per_network: 0, per_operator: 0, ..policy };
    assert_eq!(anything.assess((4, 12), &seats(&all, &[])).condition(), Condition::Healthy);
}

#[test]
fn two_shards_on_one_host_are_damage_and_a_shard_on_two_hosts_counts_once() {
    let policy = RepairPolicy::default();
    let all = kins(4);
    let mut placed = seats(&all, &[]);
    placed[3].host = node(0);
    assert_eq!(policy.assess((2, 4), &placed).clumped, [3]);
    placed.push(Seat { shard: 3, host: node(9), kin: &all[3], alive: true });
    assert_eq!(policy.assess((2, 4), &placed).condition(), Condition::Healthy);
}

#[test]
fn what_is_shared_makes_danger_greater() {
    let policy = RepairPolicy::default();
    let apart = kins(12);
    let mut together = kins(12);
    for number in 6..12 {
        together[usize::from(number)] = kin(number, number, "acme");
    }
    let danger = |kins: &[Kin]| policy.assess((4, 12), &seats(kins, &[])).danger;
    assert!(danger(&together) > danger(&apart) * 1000.0);
}

#[test]
fn the_most_endangered_comes_first_the_lost_last_and_ties_keep_their_order() {
    let policy = RepairPolicy::default();
    let kins = kins(12);
    let made = |dead: &[u8]| policy.assess((4, 12), &seats(&kins, dead));
    let nine: Vec<u8> = (0..9).collect();
    let mut all = [
        ('a', made(&[1])),
        ('l', made(&nine)),
        ('b', made(&[1, 2, 3])),
        ('c', made(&[2])),
        ('d', made(&[4, 5, 6])),
    ];
    rank(&mut all, |(_, health)| health);
    assert_eq!(all.map(|(name, _)| name), ['b', 'd', 'a', 'c', 'l']);
}

#[test]
fn a_newcomer_that_shares_anything_with_a_living_seat_is_not_welcome() {
    let policy = RepairPolicy::default();
    let mut all = kins(4);
    all[1] = kin(1, 1, "acme");
    let placed = seats(&all, &[3]);
    let welcome = |number: u8, kin: &Kin| policy.welcomes(&placed, &node(number), kin);
    assert!(welcome(20, &kin(20, 20, "other")));
    assert!(!welcome(20, &kin(20, 20, "acme")));
    assert!(!welcome(20, &kin(20, 2, "")));
    assert!(!welcome(2, &kin(2, 40, "")));
    assert!(welcome(20, &kin(20, 3, "")), "what shares with the dead is free");
}

proptest! {
    #[test]
    fn danger_never_falls_when_a_host_dies(k in 1u8..12, more in 1u8..12, dead in 0u8..20) {
        let (n, policy) = (k + more, RepairPolicy::default());
        let dead = dead % n;
        let kins = kins(n);
        let fewer: Vec<u8> = (0..dead).collect();
        let one_more: Vec<u8> = (0..=dead).collect();
        let before = policy.assess((k, n), &seats(&kins, &fewer));
        let after = policy.assess((k, n), &seats(&kins, &one_more));
        prop_assert!(after.danger >= before.danger);
        prop_assert!(after.condition() >= before.condition());
        prop_assert_eq!(after.alive + 1, before.alive);
    }

    #[test]
    fn every_shard_is_sound_clumped_or_dead(
        places in proptest::collection::vec((0u8..6, 0u8..3, any::<bool>()), 1..16),
    ) {
        let n = u8::try_from(places.len()).unwrap();
        let policy = RepairPolicy::default();
        let kins: Vec<Kin> = (0..)
            .zip(&places)
            .map(|(number, (network, operator, _))| kin(number, *network, &"x".repeat(usize::from(*operator))))
            .collect();
        let dead: Vec<u8> = (0..).zip(&places).filter(|(_, place)| !place.2).map(|(shard, _)| shard).collect();
        let health = policy.assess((1, n), &seats(&kins, &dead));
        let counted = usize::from(health.sound) + health.clumped.len() + health.dead.len();
        prop_assert_eq!(counted, usize::from(n));
        prop_assert_eq!(usize::from(health.alive), usize::from(health.sound) + health.clumped.len());
        prop_assert!((0.0..=1.0).contains(&health.danger));
    }

    #[test]
    fn the_threshold_lies_below_n_and_never_below_k_where_that_is_possible(k in 1u8..40, more in 0u8..80) {
        let n = k + more;
        let threshold = RepairPolicy::default().threshold(k, n);
        prop_assert!(threshold < n);
        prop_assert!(threshold >= k.min(n - 1));
    }
}
