//! The committed durability table is what its own parameters make.

use layr_sim::table::{HEADING, rows};
use layr_sim::{Clock, Scenario, Tally, Troubles, simulate};

const DOCUMENT: &str = include_str!("../../../docs/durability.md");

fn cells(line: &str) -> Vec<&str> {
    line.trim_matches('|').split('|').map(str::trim).collect()
}

fn table() -> Vec<&'static str> {
    let from = DOCUMENT.lines().skip_while(|line| !line.starts_with(HEADING));
    from.take_while(|line| line.starts_with('|')).collect()
}

#[test]
fn every_row_of_the_table_can_be_read_and_is_filled_in() {
    let lines = table();
    let rows = rows(DOCUMENT);
    assert_eq!(rows.len(), lines.len() - 2, "a row that cannot be read:\n{}", lines.join("\n"));
    let columns = cells(lines[0]).len();
    for line in &lines[2..] {
        let cells = cells(line);
        assert_eq!(cells.len(), columns, "{line}");
        assert!(cells.iter().all(|cell| !cell.is_empty()), "{line}");
    }
}

/// The promise: 10/30, hosts that stay 180 days, a day to notice and repair, a million segment-years, nothing lost;
/// and nothing lost where everything goes wrong.
#[test]
fn the_table_has_the_promised_million_segment_years_without_a_loss() {
    let lines = table();
    let promised = |clock: Clock, years: u64| {
        let all = rows(DOCUMENT).into_iter().zip(&lines[2..]);
        let wanted = all.filter(|(row, _)| {
            let s = &row.scenario;
            (s.k, s.n, s.clock, s.life.round()) == (10, 30, clock, 180.0) && row.segment_years >= years
        });
        let found: Vec<_> = wanted.collect();
        assert!(!found.is_empty(), "no row of {years} segment-years with {clock:?}");
        for (_, line) in &found {
            assert_eq!(cells(line)[9], "0", "{line}");
        }
        found.iter().any(|(row, _)| row.scenario.troubles == Troubles::default())
    };
    assert!(!promised(Clock::Modelled { days: 1.0 }, 1_000_000));
    assert!(promised(Scenario::default().clock, 50_000));
}

/// The smallest rows are made again here and must come out letter for letter.
#[test]
fn a_slice_of_the_table_comes_out_the_same_from_its_seed() {
    let lines = table();
    let slice: Vec<_> =
        rows(DOCUMENT).into_iter().zip(&lines[2..]).filter(|(row, _)| row.segment_years <= 500).collect();
    assert!(slice.len() >= 2, "the table has no small rows");
    for (row, line) in slice {
        let (scenario, worlds) = row.sized();
        let told: Tally =
            simulate(&scenario, (row.seed, worlds), 2, &|_| true).expect("a row that can be simulated");
        assert_eq!(row.line(&told), **line);
    }
}
