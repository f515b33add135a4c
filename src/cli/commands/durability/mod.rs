//! `layr durability`: how likely a segment is lost. By formula, by simulation, and how soon silent losses are found.
//! Needs no data directory, no network and no ledger.

mod find;
mod formula;
mod simulate;
mod table;

use crate::args::{Conditions, Durability, Global, Notice, Stays};
use crate::compose;
use crate::envelope::Report;
use crate::failure::Failure;
use layr_sim::{Clock, Lifetime, Scenario, ScenarioError, Troubles};
use layr_types::DAY_SECONDS;

/// Runs whichever of the four was asked for.
pub fn run(global: &Global, args: &Durability) -> Result<Report, Failure> {
    if let Some(document) = &args.table {
        return table::run(global, args, document);
    }
    if args.find {
        return find::run(global, args);
    }
    let scenario = scenario(args)?;
    if args.simulate { simulate::run(global, args, scenario) } else { formula::run(args, &scenario) }
}

/// What the flags describe.
fn scenario(args: &Durability) -> Result<Scenario, Failure> {
    let profile = compose::parse_profile(&args.profile)?;
    let scenario = Scenario {
        k: profile.k(),
        n: profile.n(),
        repair_at: args.repair_at,
        hosts: args.hosts,
        life: days(args.life),
        lifetime: match args.stays {
            Stays::Exponential => Lifetime::Exponential,
            Stays::Weibull => Lifetime::MEASURED,
        },
        troubles: match args.conditions {
            Conditions::Calm => Troubles::NONE,
            Conditions::Rough => Troubles::default(),
        },
        clock: match args.notice {
            Notice::Audits => Scenario::default().clock,
            Notice::Formula => Clock::Modelled { days: days(args.repair) },
        },
        sectors: args.sectors,
        ..Scenario::default()
    };
    scenario.check().map_err(refused)?;
    Ok(scenario)
}

fn refused(error: ScenarioError) -> Failure {
    Failure::usage(
        "this cannot be simulated",
        "Change the flag it names; 'layr durability --help' lists them.",
    )
    .because(&error)
}

/// Seconds as days.
#[allow(clippy::cast_precision_loss, reason = "durations stay far below 2^53 seconds")]
fn days(seconds: u64) -> f64 {
    seconds as f64 / DAY_SECONDS as f64
}

/// How many threads to use.
fn threads(args: &Durability) -> usize {
    let processors = || std::thread::available_parallelism().map_or(1, usize::from);
    args.threads.unwrap_or_else(processors).clamp(1, 256)
}
