//! Laws of the choice: enough, distinct, diverse, repeatable, and honest about what is missing.

use crate::*;
use layr_market::Offer;
use layr_types::{ByteCount, ContractId, DAY_SECONDS, NodeKey, Stroops, UnixSeconds};
use proptest::prelude::*;
use std::collections::{HashMap, HashSet};
use std::net::{IpAddr, Ipv4Addr};

const NOW: UnixSeconds = UnixSeconds(1_000_000);
const TOKEN: ContractId = ContractId([5; 32]);
const OWNER: NodeKey = NodeKey([9; 32]);

fn offer(node: NodeKey, rate: u64) -> Offer {
    Offer {
        host_key: node,
        token: TOKEN,
        rate,
        base_fee: Stroops(100),
        collateral_percent: 200,
        free: ByteCount(1 << 40),
        min_term: 86_400,
        max_term: 90 * 86_400,
        publish_window: 86_400,
        proof_window: 86_400,
        notice: 86_400,
        challenge_gap: 86_400,
        max_challenges: 10,
        disclosure_price: Stroops(10),
        exit_fee: Stroops(0),
        samples: 10,
        egress_rate: 0,
        issued: NOW,
        expires: NOW.plus(600),
    }
}

fn candidate(number: u8, address: [u8; 4], rate: u64) -> Candidate {
    let node = NodeKey(*blake3::hash(&[number]).as_bytes());
    Candidate {
        card: HostCard {
            node,
            addresses: vec![IpAddr::V4(Ipv4Addr::from(address))],
            region: String::new(),
            operator: String::new(),
        },
        offer: offer(node, rate),
        score: Score::default(),
    }
}

fn spread(count: u8) -> Vec<Candidate> {
    (0..count).map(|number| candidate(number, [80, number, 1, 1], 1000)).collect()
}

fn policy(shards: u8, tolerance: u8) -> Policy {
    Policy::new(shards, tolerance, ByteCount(1 << 30), TOKEN)
}

#[test]
fn enough_hosts_give_n_hosts_and_ranked_spares() {
    let choice = choose(&OWNER, &spread(20), &[], &policy(12, 8), NOW).unwrap();
    assert_eq!(choice.hosts.len(), 12);
    assert_eq!(choice.spares.len(), 4);
    assert_eq!(choice.rejected.len(), 4);
    assert!(choice.rejected.iter().all(|rejected| rejected.why == Rejection::NotNeeded));
}

#[test]
fn a_shortage_says_how_many_are_missing_and_which_flags_accept_less() {
    let shortage = choose(&OWNER, &spread(9), &[], &policy(12, 8), NOW).unwrap_err();
    assert_eq!((shortage.needed, shortage.found, shortage.missing()), (12, 9, 3));
    let flags: Vec<&str> = shortage.remedies.iter().map(Remedy::flag).collect();
    assert_eq!(flags, ["--profile", "--allow-shared-hosts"]);
    let text = shortage.to_string();
    assert!(text.contains("3 missing") && text.contains("--profile k/9"), "{text}");
}

#[test]
fn one_network_counts_once_unless_the_flag_allows_it() {
    let crowd: Vec<Candidate> = (0..12).map(|number| candidate(number, [80, 1, 1, number], 1000)).collect();
    let shortage = choose(&OWNER, &crowd, &[], &policy(4, 2), NOW).unwrap_err();
    assert_eq!(shortage.found, 1);
    assert!(shortage.remedies.contains(&Remedy::SharedNetworks));
    let lax = Policy { hosts_per_prefix: 0, ..policy(4, 2) };
    assert_eq!(choose(&OWNER, &crowd, &[], &lax, NOW).unwrap().hosts.len(), 4);
}

#[test]
fn loopback_hosts_are_exempt_from_the_network_rule_unless_told_otherwise() {
    let crowd: Vec<Candidate> = (0..12).map(|number| candidate(number, [127, 0, 0, 1], 1000)).collect();
    assert!(choose(&OWNER, &crowd, &[], &policy(12, 8), NOW).is_ok());
    let strict = Policy { exempt_local: false, ..policy(12, 8) };
    assert_eq!(choose(&OWNER, &crowd, &[], &strict, NOW).unwrap_err().found, 1);
}

/// What spoils a candidate, and what is said then.
type Case = (fn(&mut Candidate), Rejection);

#[test]
fn every_reason_to_refuse_a_candidate_is_named() {
    let cases: [Case; 6] = [
        (|c| c.offer.token = ContractId([1; 32]), Rejection::OtherAsset),
        (|c| c.offer.expires = NOW, Rejection::OfferExpired { expired: NOW }),
        (|c| c.offer.rate = 5000, Rejection::TooDear { rate: 5000, limit: 4000 }),
        (|c| c.offer.free = ByteCount(7), Rejection::NoSpace { free: ByteCount(7) }),
        (|c| c.offer.max_term = 90_000, Rejection::Term { shortest: 86_400, longest: 90_000 }),
        (|c| c.score = Score(31), Rejection::Distrusted { score: Score(31) }),
    ];
    let policy = Policy { max_rate: Some(4000), ..policy(4, 2) };
    for (spoil, why) in cases {
        let mut candidates = spread(5);
        spoil(&mut candidates[2]);
        let choice = choose(&OWNER, &candidates, &[], &policy, NOW).unwrap();
        assert!(choice.rejected.contains(&Rejected { node: candidates[2].node(), why }));
    }
}

#[test]
fn a_price_limit_names_the_price_that_would_do() {
    let candidates: Vec<Candidate> =
        (0..6).map(|number| candidate(number, [80, number, 1, 1], 1000 + u64::from(number) * 100)).collect();
    let tight = Policy { max_rate: Some(1250), ..policy(5, 3) };
    let shortage = choose(&OWNER, &candidates, &[], &tight, NOW).unwrap_err();
    assert!(shortage.remedies.contains(&Remedy::HigherPrice { rate: 1400 }), "{shortage:?}");
}

#[test]
fn hosts_with_agreements_are_kept_even_when_full() {
    let mut candidates = spread(20);
    candidates[3].offer.free = ByteCount::ZERO;
    let keep = [candidates[3].node(), candidates[17].node()];
    let choice = choose(&OWNER, &candidates, &keep, &policy(12, 8), NOW).unwrap();
    assert_eq!(choice.hosts[..2], keep);
}

#[test]
fn a_bad_record_and_a_high_price_push_a_host_back() {
    let picked = |change: fn(&mut Candidate)| {
        (0..60u8)
            .filter(|salt| {
                let owner = NodeKey([*salt; 32]);
                let mut candidates = spread(20);
                change(&mut candidates[0]);
                let choice = choose(&owner, &candidates, &[], &policy(4, 2), NOW).unwrap();
                choice.hosts.contains(&candidates[0].node())
            })
            .count()
    };
    let neutral = picked(|_| {});
    assert!(picked(|c| c.offer.rate = 4000) < neutral);
    assert!(picked(|c| c.offer.base_fee = Stroops(400_000)) < neutral, "a fee is a price too");
    assert!(picked(|c| c.score = Score(80)) < neutral);
    assert!(picked(|c| c.score = Score(990)) > neutral);
}

#[test]
fn different_owners_gather_on_different_hosts() {
    let sets: HashSet<Vec<NodeKey>> = (0..20u8)
        .map(|salt| choose(&NodeKey([salt; 32]), &spread(40), &[], &policy(4, 2), NOW).unwrap().hosts)
        .collect();
    assert!(sets.len() > 15);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn any_choice_is_distinct_diverse_and_repeatable(
        hosts in proptest::collection::vec((0u8..40, 0u8..6, 0u8..4, 0u8..4, 500u64..2000), 1..40),
        shards in 1u8..16, tolerance in 1u8..8, per_host in 1u8..4,
    ) {
        let candidates: Vec<Candidate> = hosts.iter().map(|(number, net, operator, region, rate)| {
            let mut made = candidate(*number, [80, *net, 1, 1], *rate);
            made.card.operator = if *operator == 0 { String::new() } else { operator.to_string() };
            made.card.region = if *region == 0 { String::new() } else { region.to_string() };
            made
        }).collect();
        let policy = Policy { shards_per_host: per_host, hosts_per_prefix: 2, ..policy(shards, tolerance) };
        let result = choose(&OWNER, &candidates, &[], &policy, NOW);
        prop_assert_eq!(&result, &choose(&OWNER, &candidates, &[], &policy, NOW));
        let rejected = match &result { Ok(choice) => &choice.rejected, Err(shortage) => &shortage.rejected };
        let taken = match &result {
            Ok(choice) => choice.hosts.len() + choice.spares.len(),
            Err(shortage) => usize::from(shortage.found),
        };
        prop_assert_eq!(taken + rejected.len(), candidates.len());
        if let Ok(choice) = &result {
            prop_assert_eq!(choice.hosts.len(), usize::from(policy.hosts()));
            let all: HashSet<_> = choice.hosts.iter().chain(&choice.spares).collect();
            prop_assert_eq!(all.len(), choice.hosts.len() + choice.spares.len());
            let mut nets: HashMap<IpAddr, u8> = HashMap::new();
            let mut operators: HashMap<&str, u8> = HashMap::new();
            for node in &choice.hosts {
                let found = candidates.iter().find(|candidate| candidate.node() == *node).unwrap();
                *nets.entry(found.card.addresses[0]).or_default() += 1;
                if !found.card.operator.is_empty() {
                    *operators.entry(&found.card.operator).or_default() += 1;
                }
            }
            prop_assert!(nets.values().all(|count| *count <= 2));
            prop_assert!(operators.values().all(|count| *count <= policy.hosts_per_group()));
        }
    }

    #[test]
    fn rotation_never_puts_more_than_its_share_on_a_host(
        shards in 1u8..=128, per_host in 1u8..4, segment in any::<u64>(),
    ) {
        let hosts = usize::from(shards.div_ceil(per_host));
        let rotation = Rotation::over(hosts).unwrap();
        let mut load = vec![0u8; hosts];
        (0..shards).for_each(|shard| load[rotation.host(segment, shard)] += 1);
        prop_assert!(load.iter().all(|count| *count <= per_host));
    }

    #[test]
    fn the_prefix_of_a_mapped_address_is_that_of_the_address(bytes in any::<[u8; 4]>()) {
        let v4 = Ipv4Addr::from(bytes);
        prop_assert_eq!(Prefix::of(IpAddr::V4(v4)), Prefix::of(IpAddr::V6(v4.to_ipv6_mapped())));
        prop_assert_eq!(is_local(IpAddr::V4(v4)), is_local(IpAddr::V6(v4.to_ipv6_mapped())));
    }
}

#[test]
fn a_term_is_counted_in_seconds() {
    assert_eq!(policy(1, 0).term, 30 * DAY_SECONDS);
}
