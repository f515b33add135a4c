//! The laws of the money arithmetic.

extern crate std;

use crate::*;
use layr_types::*;
use proptest::prelude::*;

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
        notice: 3 * 86_400,
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

fn request() -> Request {
    Request {
        owner_account: AccountKey([4; 32]),
        owner_key: NodeKey([1; 32]),
        folder: 0,
        slot: 5,
        capacity: ByteCount(GIB),
        start: UnixSeconds(1_000),
        end: UnixSeconds(1_000 + 30 * 86_400),
        voucher_part: Stroops(7),
        salt: [9; 16],
    }
}

pub fn terms() -> Terms {
    offer().draft(&request()).expect("the sample offer is within bounds")
}

fn context() -> Context {
    Context { network: NetworkId([5; 32]), contract: ContractId([6; 32]) }
}

pub fn id() -> AgreementId {
    terms().id(&SoftwareSha256, &context())
}

#[test]
fn an_offer_sets_aside_the_whole_term_and_its_collateral() {
    let terms = terms();
    assert_eq!(terms.escrow, Stroops(200_000 + 20_000 * 30));
    assert_eq!(terms.collateral, Stroops(200_000 + 20_000 * 30 * 2));
    assert_eq!(terms.repair_cap, Stroops(100_000 + 20_000 * 30));
    assert_eq!(offer().draft(&Request::of(&terms)), Ok(terms));
}

#[test]
fn every_layout_reads_back_and_refuses_other_lengths() {
    let terms = terms();
    assert_eq!(Terms::decode(&terms.encode()), Ok(terms.clone()));
    assert_eq!(Offer::decode(&offer().encode()), Ok(offer()));
    let revision = Revision::opening(&terms, id());
    assert_eq!(Revision::decode(&revision.encode()), Ok(revision));
    let state = SlotState::opening(&terms);
    assert_eq!(SlotState::decode(&state.encode()), Ok(state));
    let split = FinalSplit {
        id: id(),
        n: 3,
        host: Stroops(1),
        owner: terms.locked() - Stroops(1),
        reason: FinalReason::Early,
    };
    assert_eq!(FinalSplit::decode(&split.encode()), Ok(split));
    let bytes = terms.encode();
    for cut in 0..bytes.len() {
        assert_eq!(Terms::decode(&bytes[..cut]), Err(DecodeError::Truncated), "cut at {cut}");
    }
    let mut long = std::vec::Vec::from(bytes);
    long.push(0);
    assert_eq!(Terms::decode(&long), Err(DecodeError::TrailingBytes(1)));
    long[0] = 2;
    assert_eq!(Terms::decode(&long), Err(DecodeError::UnknownVersion(2)));
}

/// Pinned: a change of any layout or tag changes these digests and needs a new version byte.
#[test]
fn the_layouts_are_the_committed_ones() {
    let terms = terms();
    let revision = Revision::opening(&terms, id())
        .append(&terms, UnixSeconds(2_000), AgreementRoot([8; 32]), 16)
        .expect("within capacity");
    let split =
        FinalSplit { id: id(), n: 1, host: Stroops(5), owner: Stroops(6), reason: FinalReason::TermOver };
    let state = SlotState::opening(&terms).published(&SoftwareSha256, &revision);
    let named = [0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 1, 0];
    let challenge = Challenge {
        id: id(),
        n: 1,
        count: 0,
        kind: ChallengeKind::Named,
        by: Party::Owner,
        bond: terms.disclosure_price,
        leaves_hash: named_leaves_hash(&SoftwareSha256, &named),
        expires: UnixSeconds(3_000),
    };
    let rotation = Rotation { id: id(), party: Party::Host, from: terms.host_key, to: NodeKey([9; 32]) };
    let notice = Notice { id: id(), by: Party::Host, ending_at: UnixSeconds(90_000) };
    let voucher = Voucher { id: id(), amount: Stroops(11), bytes: ByteCount(12) };
    let busy = state
        .rotation_started(&SoftwareSha256, &terms, &rotation, UnixSeconds(2_500))
        .and_then(|state| state.challenged(&terms, &challenge, UnixSeconds(2_600)))
        .expect("these moves are allowed");
    let lines = [
        ("offer", hex::encode(offer().encode())),
        ("offer digest", hex::encode(offer().digest(&SoftwareSha256, &context()))),
        ("terms", hex::encode(terms.encode())),
        ("agreement id", hex::encode(id().0)),
        ("revision", hex::encode(revision.encode())),
        ("revision digest", hex::encode(revision.digest(&SoftwareSha256))),
        ("final", hex::encode(split.encode())),
        ("final digest", hex::encode(split.digest(&SoftwareSha256))),
        ("slot state", hex::encode(state.encode())),
        ("slot commitment", hex::encode(state.commitment(&SoftwareSha256, &id()))),
        ("named leaves 9 and 256", hex::encode(named_leaves_hash(&SoftwareSha256, &named))),
        ("challenge", hex::encode(challenge.encode())),
        ("challenge digest", hex::encode(challenge.digest(&SoftwareSha256))),
        ("notice", hex::encode(notice.encode())),
        ("notice digest", hex::encode(notice.digest(&SoftwareSha256))),
        ("voucher", hex::encode(voucher.encode())),
        ("voucher digest", hex::encode(voucher.digest(&SoftwareSha256))),
        ("rotation", hex::encode(rotation.encode())),
        ("rotation digest", hex::encode(rotation.digest(&SoftwareSha256))),
        ("challenged slot state with a pending rotation", hex::encode(busy.encode())),
    ];
    let text: std::string::String = lines.iter().map(|(name, hex)| std::format!("{name}: {hex}\n")).collect();
    assert_eq!(text, include_str!("vectors/v1.txt"), "actual:\n{text}");
}

#[test]
fn a_revision_earns_by_time_and_acknowledgement_moves_due_to_paid() {
    let terms = terms();
    let opening = Revision::opening(&terms, id());
    let stored = opening
        .append(&terms, UnixSeconds(1_000), AgreementRoot([1; 32]), 1_024)
        .expect("exactly the capacity");
    assert_eq!(stored.risk, terms.collateral);
    let day =
        stored.acknowledge(&terms, UnixSeconds(1_000 + 86_400), AuditFields::default()).expect("running");
    assert_eq!((day.paid, day.due), (Stroops(220_000), Stroops::ZERO));
    let later =
        day.record_failure(&terms, UnixSeconds(1_000 + 2 * 86_400), AuditFields::default()).expect("running");
    assert_eq!((later.paid, later.due), (Stroops(220_000), Stroops(20_000)));
    assert_eq!(
        stored.append(&terms, UnixSeconds(1_001), AgreementRoot([1; 32]), 1),
        Err(RevisionError::OverCapacity)
    );
    assert_eq!(
        later.append(&terms, UnixSeconds(1_001), AgreementRoot([1; 32]), 0),
        Err(RevisionError::TimeBackwards)
    );
    assert_eq!(
        later.acknowledge(&terms, terms.end.plus(1), AuditFields::default()),
        Err(RevisionError::Ended)
    );
}

#[test]
fn the_deciding_round_is_the_first_after_the_next_full_hour() {
    let schedule = BeaconSchedule { genesis: UnixSeconds(100), period: 3 };
    assert_eq!(schedule.round_at_or_after(UnixSeconds(100)), 1);
    assert_eq!(schedule.round_at_or_after(UnixSeconds(101)), 2);
    assert_eq!(schedule.round_at_or_after(UnixSeconds(103)), 2);
    assert_eq!(schedule.latest_round(UnixSeconds(99)), 0);
    assert_eq!(schedule.latest_round(UnixSeconds(102)), 1);
    let round = schedule.deciding_round(UnixSeconds(3_601));
    assert!(
        schedule.time_of(round) >= UnixSeconds(7_200) && schedule.time_of(round - 1) < UnixSeconds(7_200)
    );
}

#[test]
fn the_stages_follow_the_clock() {
    let terms = terms();
    let state = SlotState::opening(&terms);
    let at = |seconds| state.stage(&terms, terms.end.plus(seconds));
    assert_eq!(state.stage(&terms, terms.start), Stage::Running);
    assert_eq!((at(0), at(86_399)), (Stage::Publishing, Stage::Publishing));
    assert_eq!((at(86_400), at(172_800)), (Stage::Proving, Stage::Proving));
    assert_eq!(at(172_801), Stage::Over);
}

#[test]
fn leaf_indices_stay_below_the_count_and_need_at_least_one_leaf() {
    for i in 0..100 {
        let leaf = leaf_index(&SoftwareSha256, &[7; 32], (&id(), 3), i, 1_024).expect("there are leaves");
        assert!(leaf.0 < 1_024);
    }
    assert_eq!(leaf_index(&SoftwareSha256, &[7; 32], (&id(), 3), 0, 0), None);
}

prop_compose! {
    /// Any agreement the contract would accept, and a history of it.
    fn history()(
        rate in 0u64..1 << 40,
        percent in 0u16..1_000,
        sectors in 1u64..1 << 20,
        seconds in 1u64..MAX_TERM_SECONDS,
        base_fee in 1i128..1 << 50,
        steps in proptest::collection::vec((0u64..MAX_TERM_SECONDS / 4, 0u64..1 << 18, any::<bool>()), 0..12),
    ) -> (Terms, std::vec::Vec<Revision>) {
        let offer = Offer { rate, collateral_percent: percent, base_fee: Stroops(base_fee), ..offer() };
        let start = UnixSeconds(1_000);
        let capacity = ByteCount::from_sectors(sectors).expect("small");
        let request = Request { capacity, start, end: start.plus(seconds), ..request() };
        let terms = offer.draft(&request).expect("within bounds");
        let mut all = std::vec![Revision::opening(&terms, id())];
        for (step, added, acknowledge) in steps {
            let last = all.last().expect("never empty").clone();
            let now = last.time.plus(step);
            let next = if acknowledge {
                last.acknowledge(&terms, now, last.audits)
            } else {
                last.append(&terms, now, AgreementRoot([1; 32]), added)
            };
            all.extend(next);
        }
        (terms, all)
    }
}

proptest! {
    #[test]
    fn money_is_conserved_in_every_outcome_and_nobody_gets_less_than_nothing(
        (terms, revisions) in history(),
        floor in 0i128..1 << 60,
        voucher in 0i128..1 << 20,
        later in 0u64..MAX_TERM_SECONDS,
    ) {
        let settled = Settled { floor: Stroops(floor), voucher: Stroops(voucher) };
        let last = revisions.last().expect("never empty");
        for outcome in [Outcome::Proved(last), Outcome::Missed(last), Outcome::Unused] {
            let s = settle(&terms, settled, last.time.plus(later).min(terms.end), outcome).expect("valid");
            prop_assert_eq!(s.host + s.owner + s.burn, terms.locked());
            prop_assert!(!s.host.is_negative() && !s.owner.is_negative() && !s.burn.is_negative());
            prop_assert!(s.burn <= last.risk);
        }
    }

    #[test]
    fn a_host_that_proves_keeps_all_its_collateral_and_more_than_one_that_misses(
        (terms, revisions) in history(),
    ) {
        let last = revisions.last().expect("never empty");
        let proved = settle(&terms, Settled::default(), terms.end, Outcome::Proved(last)).expect("valid");
        let missed = settle(&terms, Settled::default(), terms.end, Outcome::Missed(last)).expect("valid");
        prop_assert!(proved.host >= terms.collateral + last.paid);
        prop_assert!(proved.host >= missed.host);
        prop_assert_eq!(missed.owner - (terms.locked() - terms.collateral - last.paid), last.risk.min(terms.repair_cap));
    }

    #[test]
    fn revisions_always_fit_their_terms_and_their_money_never_falls(
        (terms, revisions) in history(),
    ) {
        for pair in revisions.windows(2) {
            prop_assert!(pair[1].fits(&terms));
            prop_assert!(pair[1].paid + pair[1].due >= pair[0].paid + pair[0].due);
            prop_assert!(pair[1].paid >= pair[0].paid && pair[1].risk >= pair[0].risk);
            prop_assert_eq!(pair[1].n, pair[0].n + 1);
        }
    }

    #[test]
    fn shifting_all_times_shifts_nothing_else((terms, revisions) in history(), shift in 0u64..1 << 40) {
        let last = revisions.last().expect("never empty").clone();
        let moved_terms = Terms {
            start: terms.start.plus(shift),
            end: terms.end.plus(shift),
            ..terms.clone()
        };
        let moved = Revision { time: last.time.plus(shift), ..last.clone() };
        prop_assert_eq!(
            settle(&terms, Settled::default(), terms.end, Outcome::Proved(&last)),
            settle(&moved_terms, Settled::default(), moved_terms.end, Outcome::Proved(&moved))
        );
    }

    #[test]
    fn a_split_that_does_not_add_up_is_refused(host in any::<i64>(), owner in any::<i64>()) {
        let terms = terms();
        let split = FinalSplit {
            id: id(), n: 0, host: Stroops(host.into()), owner: Stroops(owner.into()), reason: FinalReason::Early,
        };
        let sum = split.host + split.owner;
        prop_assume!(sum != terms.locked() || split.host.is_negative() || split.owner.is_negative());
        prop_assert_eq!(
            settle(&terms, Settled::default(), terms.end, Outcome::Cooperative(&split)),
            Err(SettleError::Split)
        );
    }

    #[test]
    fn hostile_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        let _ = Terms::decode(&bytes).map(|terms| terms.check());
        let _ = Offer::decode(&bytes).map(|offer| offer.draft(&request()));
        let _ = Revision::decode(&bytes).map(|revision| revision.fits(&terms()));
        let _ = SlotState::decode(&bytes);
        let _ = FinalSplit::decode(&bytes);
        let _ = Challenge::decode(&bytes);
        let _ = Notice::decode(&bytes);
        let _ = Voucher::decode(&bytes);
        let _ = Rotation::decode(&bytes);
        let _ = named_leaf(&bytes, bytes.len());
    }

    #[test]
    fn a_flipped_bit_changes_the_agreement_id(at in 0usize..TERMS_BYTES * 8) {
        let mut bytes = terms().encode();
        bytes[at / 8] ^= 1 << (at % 8);
        if let Ok(changed) = Terms::decode(&bytes) {
            prop_assert_eq!(changed.encode(), bytes);
            prop_assert_ne!(changed.id(&SoftwareSha256, &context()), id());
        }
    }
}
