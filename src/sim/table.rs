//! The durability table: rows of a Markdown document that say by what they were made, so that anybody can make them
//! again.
//!
//! A row's first nine cells are its scenario, seed and size; the others are what came out. Rows are found by their
//! shape, below a heading row that begins with [`HEADING`]; everything else in the document stays as it is.

use crate::bounds::Bounded;
use crate::compare::compare;
use crate::lifetime::Lifetime;
use crate::scenario::{Clock, Scenario, Troubles};
use crate::tally::Tally;
use core::fmt::Write as _;

/// What the table's heading row begins with.
pub const HEADING: &str =
    "| code | repair at | hosts | mean stay | stays | network | noticed by | segment-years | seed |";
/// How many cells say what is simulated.
const INPUTS: usize = 9;

/// One row.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// What is simulated.
    pub scenario: Scenario,
    /// Segment-years asked for.
    pub segment_years: u64,
    /// The seed.
    pub seed: u64,
}

impl Row {
    /// Reads a row of the table; `None` for any other line.
    #[must_use]
    pub fn parse(line: &str) -> Option<Self> {
        let cells: Vec<&str> = line.strip_prefix('|')?.split('|').map(str::trim).collect();
        let [code, repair_at, hosts, life, stays, network, clock, years, seed] =
            *cells.first_chunk::<INPUTS>()?;
        let (k, n) = code.split_once('/')?;
        let scenario = Scenario {
            k: k.parse().ok()?,
            n: n.parse().ok()?,
            repair_at: Some(repair_at.parse().ok()?),
            hosts: hosts.parse().ok()?,
            life: life.strip_suffix(" d")?.parse().ok()?,
            lifetime: parse_stays(stays)?,
            troubles: parse_network(network)?,
            clock: parse_clock(clock)?,
            ..Scenario::default()
        };
        scenario.check().ok()?;
        Some(Self { scenario, segment_years: years.replace('_', "").parse().ok()?, seed: seed.parse().ok()? })
    }

    /// The scenario with worlds sized for the row, and how many.
    #[must_use]
    pub fn sized(&self) -> (Scenario, u64) {
        self.scenario.clone().sized(self.segment_years)
    }

    /// The whole row with what came out.
    #[must_use]
    pub fn line(&self, tally: &Tally) -> String {
        let s = &self.scenario;
        let compared = compare(s, tally);
        let mut out = String::new();
        let stays = show_stays(s.lifetime);
        let network = if s.troubles == Troubles::NONE { "calm" } else { "rough" };
        let clock = match s.clock {
            Clock::Audits { .. } => "audits".to_owned(),
            Clock::Modelled { days } => format!("formula, {days} d"),
        };
        let _ = write!(
            out,
            "| {}/{} | {} | {} | {} d | {stays} | {network} | {clock} | {} | {} |",
            s.k,
            s.n,
            s.threshold(),
            s.hosts,
            s.life,
            grouped(self.segment_years),
            self.seed,
        );
        let fewest = tally.fewest(s.k).map_or_else(|| "–".to_owned(), |left| left.to_string());
        let _ = write!(
            out,
            " {} | {} | {} | {:.2} d | {fewest} | {:.1} |",
            tally.losses,
            show_rate(&compared.measured),
            show_figure(compared.formula),
            compared.days,
            tally.traffic(s.k),
        );
        out
    }
}

/// Makes the rows of a document again: `remake` gives a row's new text, or `None` to leave it as it is. `None` where
/// the document has no table.
pub fn regenerate(document: &str, mut remake: impl FnMut(&Row) -> Option<String>) -> Option<String> {
    let mut inside = false;
    let mut found = false;
    let mut out = String::with_capacity(document.len());
    for line in document.lines() {
        inside = line.starts_with(HEADING) || (inside && line.starts_with('|'));
        found |= inside;
        let made = if inside { Row::parse(line).and_then(|row| remake(&row)) } else { None };
        out.push_str(made.as_deref().unwrap_or(line));
        out.push('\n');
    }
    found.then_some(out)
}

/// The table's rows.
#[must_use]
pub fn rows(document: &str) -> Vec<Row> {
    let mut rows = Vec::new();
    let _ = regenerate(document, |row| {
        rows.push(row.clone());
        None
    });
    rows
}

/// `exponential`, or `weibull` and a shape.
#[must_use]
pub fn parse_stays(text: &str) -> Option<Lifetime> {
    match text.split_once(' ') {
        None if text == "exponential" => Some(Lifetime::Exponential),
        None if text == "weibull" => Some(Lifetime::MEASURED),
        Some(("weibull", shape)) => Some(Lifetime::Weibull { shape: shape.parse().ok()? }),
        _ => None,
    }
}

fn show_stays(lifetime: Lifetime) -> String {
    match lifetime {
        Lifetime::Exponential => "exponential".to_owned(),
        Lifetime::Weibull { shape } => format!("weibull {shape}"),
    }
}

/// `calm` or `rough`.
#[must_use]
pub fn parse_network(text: &str) -> Option<Troubles> {
    match text {
        "calm" => Some(Troubles::NONE),
        "rough" => Some(Troubles::default()),
        _ => None,
    }
}

fn parse_clock(text: &str) -> Option<Clock> {
    if text == "audits" {
        return Some(Scenario::default().clock);
    }
    let days = text.strip_prefix("formula, ")?.strip_suffix(" d")?;
    Some(Clock::Modelled { days: days.parse().ok()? })
}

/// A rate or chance with its bounds, as people read it.
#[must_use]
pub fn show_rate(rate: &Bounded) -> String {
    if rate.estimate == 0.0 {
        format!("below {}", show_figure(rate.high))
    } else {
        format!("{} ({}–{})", show_figure(rate.estimate), show_figure(rate.low), show_figure(rate.high))
    }
}

/// Three digits, or a power of ten where it is small.
#[must_use]
pub fn show_figure(figure: f64) -> String {
    if figure == 0.0 || figure >= 0.01 { format!("{figure:.3}") } else { format!("{figure:.1e}") }
}

/// 1000000 as `1_000_000`.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push('_');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_reads_back_as_what_made_it() {
        for clock in [Clock::Modelled { days: 1.5 }, Scenario::default().clock] {
            let scenario =
                Scenario { repair_at: Some(20), lifetime: Lifetime::MEASURED, clock, ..Scenario::default() };
            let row = Row { scenario, segment_years: 1_250_000, seed: 3 };
            let line = row.line(&Tally { segment_seconds: 1, ..Tally::default() });
            assert!(line.contains("| 1_250_000 | 3 |"), "{line}");
            assert_eq!(Row::parse(&line), Some(row), "{line}");
        }
        assert_eq!(Row::parse("| code | repair at |"), None);
        assert_eq!(Row::parse("| 0/3 | 3 | 9 | 9 d | exponential | calm | audits | 1 | 1 | |"), None);
    }

    #[test]
    fn only_the_tables_rows_are_made_again() {
        let row = "| 3/6 | 4 | 100 | 30 d | exponential | calm | formula, 1 d | 10 | 1 | x |";
        let document = format!("{row}\n{HEADING} x |\n|---|\n{row}\n\n{row}\n");
        let made = regenerate(&document, |_| Some("new".to_owned())).expect("a table");
        assert_eq!(made, format!("{row}\n{HEADING} x |\n|---|\nnew\n\n{row}\n"));
        assert_eq!(regenerate("no table", |_| None), None);
    }
}
