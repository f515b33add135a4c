//! The simulation, and the formula's figure beside it.

use super::{refused, threads};
use crate::args::{Durability, Global};
use crate::envelope::Report;
use crate::exit;
use crate::failure::Failure;
use crate::progress::Display;
use layr_sim::table::{show_figure, show_rate};
use layr_sim::{Comparison, Scenario, Tally, compare, simulate};
use layr_types::Stroops;
use serde::Serialize;
use std::fmt::Write as _;

#[derive(Debug, Serialize)]
struct Simulated {
    scenario: Scenario,
    seed: u64,
    comparison: Comparison,
    /// Bytes repairs read and wrote for each byte of the owners' data and year.
    repair_traffic: f64,
    /// The fewest shards a segment that was kept came down to.
    fewest_left: Option<usize>,
    money_conserved: bool,
    tally: Tally,
}

/// Simulates and reports.
pub fn run(global: &Global, args: &Durability, scenario: Scenario) -> Result<Report, Failure> {
    let (scenario, worlds) = scenario.sized(args.segment_years);
    let tally = played(global, (&scenario, args.seed, worlds), threads(args))?;
    let simulated = Simulated {
        comparison: compare(&scenario, &tally),
        seed: args.seed,
        repair_traffic: tally.traffic(scenario.k),
        fewest_left: tally.fewest(scenario.k),
        money_conserved: tally.money.is_conserved(),
        scenario,
        tally,
    };
    let broken = !simulated.money_conserved || simulated.tally.silent_losses + simulated.tally.unfound > 0;
    let report = Report::new(&simulated, words(&simulated))?;
    Ok(if broken { report.with_exit(exit::INTERNAL) } else { report })
}

/// Plays worlds, showing how far it is.
pub fn played(
    global: &Global,
    (scenario, seed, worlds): (&Scenario, u64, u64),
    threads: usize,
) -> Result<Tally, Failure> {
    let display = Display::start(global.quiet || global.json);
    display.stage(&format!("simulating {}/{}", scenario.k, scenario.n), 0);
    let step = worlds.div_ceil(20).max(1);
    let progress = |done: u64| {
        if done.is_multiple_of(step) {
            display.note(&format!("{done} of {worlds} worlds"));
        }
        true
    };
    simulate(scenario, (seed, worlds), threads, &progress).map_err(refused)
}

fn words(simulated: &Simulated) -> String {
    let mut out = format!(
        "{:.0} segment-years at {}/{}, {} hosts that stay {} days on average (seed {}):\n",
        simulated.comparison.segment_years,
        simulated.scenario.k,
        simulated.scenario.n,
        simulated.scenario.hosts,
        simulated.scenario.life,
        simulated.seed,
    );
    for (name, line) in durability(simulated).into_iter().chain(troubles(&simulated.tally)) {
        let _ = writeln!(out, "  {name:12} {line}");
    }
    let _ = write!(out, "  {:12} {}", "money", money(simulated));
    out
}

/// What was lost, and what it cost not to lose more.
fn durability(simulated: &Simulated) -> [(&'static str, String); 4] {
    let (tally, compared) = (&simulated.tally, &simulated.comparison);
    let fewest = simulated.fewest_left.map_or_else(|| "all".to_owned(), |left| left.to_string());
    let lost = format!(
        "{} segments, {} of them reported; fewest shards left otherwise {fewest}",
        tally.losses, tally.reported
    );
    let measured = format!("{} per segment and year (95 % confidence)", show_rate(&compared.measured));
    let formula = format!(
        "{}, with {:.2} days from threshold to repaired",
        show_figure(compared.formula),
        compared.days
    );
    let repairs = format!(
        "{}, {:.1} bytes read and written per byte of data and year",
        tally.repairs, simulated.repair_traffic
    );
    [("lost", lost), ("measured", measured), ("formula", formula), ("repairs", repairs)]
}

/// What went wrong, and how soon it was found.
fn troubles(tally: &Tally) -> [(&'static str, String); 4] {
    let hosts = format!(
        "{} left, {} operators with all of theirs; noticed after {:.2} days (at most {:.1})",
        tally.departures,
        tally.exits,
        tally.noticed.mean_days(),
        tally.noticed.longest_days()
    );
    let absences = format!(
        "{}; {} shards taken for lost meanwhile, {} of them back before they were replaced",
        tally.absences, tally.absences_counted, tally.absences_forgiven
    );
    let silent = format!(
        "{} shards, found after {:.1} days (at most {:.1})",
        tally.damages,
        tally.damage_found.mean_days(),
        tally.damage_found.longest_days()
    );
    let lies = format!(
        "{}, found after {:.1} days (at most {:.1}); never found: {}",
        tally.lies,
        tally.lie_found.mean_days(),
        tally.lie_found.longest_days(),
        tally.unfound
    );
    [("hosts", hosts), ("absences", absences), ("silent loss", silent), ("lies", lies)]
}

fn money(simulated: &Simulated) -> String {
    let money = &simulated.tally.money;
    if money.agreements == 0 {
        return "not counted".to_owned();
    }
    let law = if simulated.money_conserved { "conserved" } else { "NOT CONSERVED" };
    format!(
        "{} agreements: owners spent {} XLM, hosts earned {}, {} burnt; {law}",
        money.agreements,
        Stroops(money.spent()),
        Stroops(money.earned()),
        Stroops(money.burnt),
    )
}
