//! Laws of giving sectors up: what is at stake falls with what is kept, and never below the base fee's worth while
//! anything is; what has been earned stays earned.

extern crate std;

use crate::tests::{id, terms};
use crate::*;
use layr_types::*;
use proptest::prelude::*;
use std::vec::Vec;

/// Sectors added (above zero) or given up, and seconds before that.
fn churn() -> impl Strategy<Value = Vec<(i64, u64)>> {
    proptest::collection::vec((-4_000i64..4_000, 0..200_000u64), 1..20)
}

proptest! {
    #[test]
    fn whatever_is_added_and_given_up_the_revision_fits_its_terms(steps in churn()) {
        let terms = terms();
        let (mut now, mut revision) = (terms.start, Revision::opening(&terms, id()));
        for (sectors, after) in steps {
            now = now.plus(after);
            let root = AgreementRoot([u8::try_from(sectors.rem_euclid(251)).unwrap(); 32]);
            let count = sectors.unsigned_abs();
            let next = if sectors > 0 {
                revision.append(&terms, now, root, count)
            } else {
                revision.trim(&terms, now, root, count)
            };
            let Ok(next) = next else { continue };
            prop_assert!(next.fits(&terms), "{next:?}");
            prop_assert_eq!(next.paid, revision.paid);
            prop_assert!(next.due >= revision.due, "what was earned stays earned");
            let least = if next.sectors == 0 { Stroops::ZERO } else { terms.base_fee };
            prop_assert!(next.risk >= least);
            if next.sectors == 0 {
                prop_assert_eq!(next.risk, Stroops::ZERO);
            }
            if sectors <= 0 {
                prop_assert!(next.risk <= revision.risk);
            }
            revision = next;
        }
    }

    #[test]
    fn adding_and_giving_up_at_once_leaves_what_is_at_stake_as_it_was(kept in 1..=1_024u64, added in 1..=1_024u64, after in 0..2_000_000u64) {
        let terms = terms();
        let (now, root) = (terms.start.plus(after), AgreementRoot([1; 32]));
        let opening = Revision::opening(&terms, id());
        let held = opening.append(&terms, terms.start, root, kept).unwrap();
        let Ok(more) = held.append(&terms, now, root, added) else { return Ok(()) };
        let back = more.trim(&terms, now, root, added).unwrap();
        prop_assert!(back.risk >= held.risk && back.risk - held.risk <= Stroops(1), "rounded toward the owner");
        prop_assert_eq!(back.sectors, held.sectors);
    }
}

#[test]
fn more_than_there_is_cannot_be_given_up_nor_anything_after_the_end() {
    let terms = terms();
    let held =
        Revision::opening(&terms, id()).append(&terms, terms.start, AgreementRoot([1; 32]), 5).unwrap();
    let root = AgreementRoot([2; 32]);
    assert_eq!(held.trim(&terms, terms.start, root, 6), Err(RevisionError::TooFew));
    assert_eq!(held.trim(&terms, terms.end.plus(1), root, 1), Err(RevisionError::Ended));
    let day = held.trim(&terms, terms.start.plus(86_400), root, 2).unwrap();
    assert_eq!(day.trim(&terms, terms.start, root, 1), Err(RevisionError::TimeBackwards));
    let half = held.trim(&terms, terms.start.plus(15 * 86_400), root, 5).unwrap();
    assert_eq!((half.sectors, half.risk), (0, Stroops::ZERO), "where nothing is kept, nothing is at stake");
}
