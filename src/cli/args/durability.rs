//! `layr durability`: the formula, the simulation, the search for silent losses, the table.

use crate::units::parse_duration;
use clap::{Args, ValueEnum};
use std::path::PathBuf;

/// `layr durability`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  layr durability                                     10/30, hosts that stay 180 days, a day to notice and repair
  layr durability --profile 4/12 --life 60d --segments 1000
  layr durability --simulate --segment-years 1e4      the same with a network of 2,000 hosts in virtual time
  layr durability --simulate --conditions calm --notice formula     under the formula's own assumptions
  layr durability --find --lost 1                     how soon 1 % silent loss is found
  layr durability --table docs/durability.md --up-to 1e5    make the table's smaller rows again
No network, keys or settings are needed. The same seed gives the same figures.")]
pub struct Durability {
    /// k/n: any k of n hosts are enough.
    #[arg(long, default_value = "10/30", value_name = "K/N")]
    pub profile: String,
    /// Repair starts once no more than this many shards are sound [default: what the repair policy says].
    #[arg(long, value_name = "SHARDS")]
    pub repair_at: Option<u8>,
    /// How long a host stays on average.
    #[arg(long, value_parser = parse_duration, default_value = "180d", value_name = "DURATION")]
    pub life: u64,
    /// Formula: how long it takes on average until a loss is noticed and repaired.
    #[arg(long, value_parser = parse_duration, default_value = "1d", value_name = "DURATION")]
    pub repair: u64,
    /// Formula: of so many segments, how likely one is lost in a year.
    #[arg(long, default_value_t = 1, value_name = "COUNT")]
    pub segments: u32,
    /// Simulate, and put the formula's figure beside what was found.
    #[arg(long, conflicts_with_all = ["find", "table"])]
    pub simulate: bool,
    /// Simulation: hosts there at any time.
    #[arg(long, default_value_t = 2_000, value_name = "COUNT")]
    pub hosts: u32,
    /// Simulation: how much, in segments times years.
    #[arg(long, default_value = "1e4", value_parser = parse_count, value_name = "COUNT")]
    pub segment_years: u64,
    /// Simulation: how unevenly hosts stay.
    #[arg(long, value_enum, default_value_t = Stays::Exponential)]
    pub stays: Stays,
    /// Simulation: calm, where hosts only leave; rough, where they also are away, slow, lose data, cheat, and fail
    /// together with their operator or region.
    #[arg(long, value_enum, default_value_t = Conditions::Rough)]
    pub conditions: Conditions,
    /// Simulation: how losses are noticed and repaired.
    #[arg(long, value_enum, default_value_t = Notice::Audits)]
    pub notice: Notice,
    /// Measure how soon silent losses are found.
    #[arg(long, conflicts_with = "table")]
    pub find: bool,
    /// Search: agreements tried.
    #[arg(long, default_value = "1e5", value_parser = parse_count, value_name = "COUNT")]
    pub agreements: u64,
    /// Search: the share of leaves lost, in percent.
    #[arg(long, default_value = "1", value_parser = parse_percent, value_name = "PERCENT")]
    pub lost: u64,
    /// Search: within this time.
    #[arg(long, value_parser = parse_duration, default_value = "30d", value_name = "DURATION")]
    pub within: u64,
    /// Search: random leaves alone, without sampling every sector in its turn.
    #[arg(long)]
    pub no_scrub: bool,
    /// Sectors (MiB) of each agreement, for search and simulation.
    #[arg(long, default_value_t = 1_024, value_parser = clap::value_parser!(u64).range(1..=1 << 24), value_name = "COUNT")]
    pub sectors: u64,
    /// Make the rows of the durability table in this document again, each by its own parameters.
    #[arg(long, value_name = "FILE")]
    pub table: Option<PathBuf>,
    /// Table: only rows of at most so many segment-years.
    #[arg(long, default_value = "1e9", value_parser = parse_count, value_name = "COUNT")]
    pub up_to: u64,
    /// Whatever is simulated follows from this number.
    #[arg(long, default_value_t = 1, value_name = "NUMBER")]
    pub seed: u64,
    /// Threads [default: one per processor]; they change no figure.
    #[arg(long, value_name = "COUNT")]
    pub threads: Option<usize>,
}

/// How unevenly hosts stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Stays {
    /// They do not age.
    Exponential,
    /// Most leave soon and some stay for very long, as measured in open networks.
    Weibull,
}

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Conditions {
    /// Hosts only leave.
    Calm,
    /// Everything.
    Rough,
}

/// How losses are noticed and repaired.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Notice {
    /// By audits as owners schedule them.
    Audits,
    /// After the formula's exponential time (`--repair`).
    Formula,
}

/// `250000`, `2.5e5`.
fn parse_count(text: &str) -> Result<u64, String> {
    let wrong = || format!("'{text}' is not a count from 1 to 1e12; write for example 10000 or 1e6");
    let number: f64 = text.trim().parse().map_err(|_| wrong())?;
    if !(1.0..=1e12).contains(&number) {
        return Err(wrong());
    }
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 1 and 10^12")]
    let count = number.round() as u64;
    Ok(count)
}

/// Percent as parts in 10,000.
fn parse_percent(text: &str) -> Result<u64, String> {
    let wrong = || format!("'{text}' is not a share from 0.01 to 100 percent; write for example 1 or 0.5%");
    let number: f64 = text.trim().trim_end_matches('%').trim().parse().map_err(|_| wrong())?;
    if !(0.01..=100.0).contains(&number) {
        return Err(wrong());
    }
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 1 and 10,000")]
    let parts = (number * 100.0).round() as u64;
    Ok(parts)
}
