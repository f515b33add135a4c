//! The twins sit the exam of their ports.

use super::*;
use crate::agreement::{Agreement, AgreementState};
use crate::conformance;
use crate::space::{Account, Space};
use layr_market::FinalSplit;
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

/// Pinned: these bytes lie on hosts' disks. A change of any needs a new version byte and a migration.
#[test]
fn the_rows_are_the_committed_ones() {
    use crate::ports::Slot;
    use crate::rows::{HoldingRow, SectorRow};
    let mut terms: [u8; layr_market::TERMS_BYTES] = std::array::from_fn(|at| [0, 1, 2][at % 3]);
    terms[0] = 1;
    let terms = Terms::decode(&terms).expect("terms are read before they are judged");
    let mut agreement = Agreement::proposed(AgreementId([4; 32]), terms);
    let revision = Revision { n: 1, sectors: 1, ..agreement.current() };
    let (owner, host) = (Signature([6; 64]), Signature([7; 64]));
    let signed = layr_protocol::CoSigned { revision, owner, host };
    let split = FinalSplit {
        id: agreement.id,
        n: 1,
        host: Stroops(8),
        owner: Stroops(9),
        reason: FinalReason::TermOver,
    };
    agreement.newest = Some(signed.clone());
    agreement.split = Some(crate::ports::SignedSplit { split, owner, host });
    agreement.settlement = Some(layr_market::Settlement { host: Stroops(8), ..Default::default() });
    agreement.peaks.append(&SectorRoot([10; 32])).expect("small");
    (agreement.proved, agreement.trashed, agreement.audits) = (true, 11, 12);
    let first = agreement_in(include_str!("../vectors/rows-v1.txt"));
    assert_eq!(Agreement::decode(agreement.id, &first).expect("read"), agreement, "migrated");
    let voucher = layr_market::Voucher { id: agreement.id, amount: Stroops(15), bytes: ByteCount(16) };
    let voucher = Some(layr_protocol::SignedVoucher { voucher, signature: owner });
    agreement.reads = crate::Reads { rate: 17, free: ByteCount(18), bytes: ByteCount(19), voucher };
    let will = crate::ports::SignedSplit { split, owner, host };
    agreement.heir = Some(crate::Heir { id: AgreementId([20; 32]), until: START, split: will });
    agreement.next_key = Some(crate::NextKey { to: NodeKey([21; 32]), n: 1, newest: owner, voucher: host });
    (agreement.shelf, agreement.inherits, agreement.handed) = (AgreementId([22; 32]), 23, true);
    agreement.leaves = 24u64.to_be_bytes().to_vec();
    let second = agreement_in(include_str!("../vectors/rows-v2.txt"));
    assert_eq!(Agreement::decode(agreement.id, &second).expect("read"), agreement, "migrated");
    agreement.trimmed = 25;
    assert_eq!(Agreement::decode(agreement.id, &agreement.encode()).expect("read"), agreement);
    let space = Space { free: 1, reserved: 2, live: 3, trash: 4, overhead: 5 };
    let (id, root) = (AgreementId([4; 32]), SectorRoot([10; 32]));
    let lines = [
        ("agreement", agreement.encode()),
        ("revision", crate::agreement::encode_revision(&signed)),
        ("space", space.encode().to_vec()),
        ("sector", SectorRow { slot: Slot(258), holders: 3 }.encode()),
        ("holding", HoldingRow { appended: 2, since: START }.encode()),
        ("content key", crate::rows::content_key(&id, SectorIndex(9))),
        ("holding key", crate::rows::holding_key(&id, &root)),
        ("numbered key", crate::rows::numbered_key(&id, 9)),
        ("due key", crate::rows::due_key(START, &id)),
        ("pending key", crate::rows::pending_key(START, &id, &root)),
        ("trash key", crate::rows::trash_key(START, Slot(258))),
        ("owner record", crate::rows::owner_record_row(&NodeKey([13; 32]), 14, b"bytes")),
    ];
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let text: String = lines.iter().map(|(name, bytes)| format!("{name}: {}\n", hex(bytes))).collect();
    assert_eq!(text, include_str!("../vectors/rows-v3.txt"), "actual:\n{text}");
}

/// The bytes of the agreement among an earlier version's rows.
fn agreement_in(rows: &str) -> Vec<u8> {
    unhex(rows.lines().find_map(|line| line.strip_prefix("agreement: ")).expect("there"))
}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len() / 2)
        .map(|at| u8::from_str_radix(&text[2 * at..2 * at + 2], 16).expect("hexadecimal"))
        .collect()
}

proptest! {
    #[test]
    fn damaged_rows_are_refused_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..1_600), version in 0u8..4) {
        let mut bytes = bytes;
        if let Some(first) = bytes.first_mut() {
            *first = version;
        }
        let _ = Agreement::decode(AgreementId([1; 32]), &bytes);
        let _ = crate::agreement::decode_revision(&bytes);
        let _ = Space::decode(&bytes);
        let _ = crate::rows::SectorRow::decode(&bytes);
        let _ = crate::rows::HoldingRow::decode(&bytes);
        let _ = crate::rows::read_trash_key(&bytes);
    }

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
