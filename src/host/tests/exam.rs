//! The twins sit the exam of their ports.

use super::*;
use crate::agreement::{Agreement, AgreementState};
use crate::conformance;
use crate::space::{Account, Space};
use proptest::prelude::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_record_twin_passes_the_exam() {
    let memory = MemoryRecords::default();
    conformance::records(|| memory.share()).await;
}

#[tokio::test]
async fn the_sector_twin_passes_the_exam() {
    let memory = MemorySectors::new(1_000);
    conformance::sectors(|| memory.share()).await;
}

#[test]
fn transition_table_matches_documentation() {
    use AgreementState::{Lapsed, Open, Parting, Proposed, Settled};
    let table = [(Proposed, Open), (Proposed, Lapsed), (Open, Parting), (Open, Settled), (Parting, Settled)];
    for from in AgreementState::ALL {
        for to in AgreementState::ALL {
            assert_eq!(from.can_transition_to(to), table.contains(&(from, to)), "{from:?} → {to:?}");
        }
    }
}

#[test]
fn an_agreements_record_reads_back_and_every_cut_of_it_is_refused() {
    let world = World::new(8);
    let (_, proposal) = Owner::draft(&world, 1, 4);
    let id = proposal.terms.id(&SoftwareSha256, &context());
    let mut agreement = Agreement::proposed(id, proposal.terms);
    let bytes = agreement.encode();
    assert_eq!(Agreement::decode(id, &bytes).expect("reads back"), agreement);
    agreement.proved = true;
    agreement.settlement = Some(layr_market::Settlement::default());
    agreement.peaks.append(&SectorRoot([5; 32])).expect("small");
    let bytes = agreement.encode();
    assert_eq!(Agreement::decode(id, &bytes).expect("reads back"), agreement);
    for cut in 0..bytes.len() {
        assert!(Agreement::decode(id, &bytes[..cut]).is_err(), "cut at {cut}");
    }
}

proptest! {
    #[test]
    fn the_space_ledger_always_adds_up(
        quota in 0u64..2_000,
        moves in proptest::collection::vec((0usize..5, 0usize..5, 0u64..300), 0..60),
    ) {
        const ALL: [Account; 5] =
            [Account::Free, Account::Reserved, Account::Live, Account::Trash, Account::Overhead];
        let mut space = Space::of_quota(ByteCount::from_sectors(quota).expect("small"));
        for (from, to, slots) in moves {
            let before = space;
            if space.transfer(ALL[from], ALL[to], slots).is_err() {
                prop_assert_eq!(space, before);
            }
            prop_assert_eq!(space.quota(), quota);
            prop_assert_eq!(Space::decode(&space.encode()), Ok(space));
        }
    }
}
