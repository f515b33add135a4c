//! The grammar of repair.

use crate::units::{parse_amount, parse_duration};
use clap::Args;
use layr_types::Stroops;

/// `layr repair`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  layr repair                        audit every host, rebuild what is missing, most endangered first
  layr repair film.mkv               only this file
  layr repair backup/ --dry-run      what is damaged below this name, and what repair would cost
  layr repair --due --max-cost 5xlm  only what is at its threshold, and fail rather than pay more
The source file is not needed: any k of n shards are enough. Stopped half-way, the same command goes on.
Exit code 0: everything is whole; 7: something is still damaged; 11: some file is lost.")]
pub struct Repair {
    /// The file, or what names begin with [default: everything].
    #[arg(value_name = "FILE|PREFIX")]
    pub name: Option<String>,
    /// Only segments at or below the threshold at which repair is due.
    #[arg(long)]
    pub due: bool,
    /// Count a host that gives no proof as gone only once it has answered nothing for this long; what is proved
    /// lost is lost at once.
    #[arg(long, value_parser = parse_duration, default_value = "0s", value_name = "DURATION")]
    pub silent_for: u64,
    /// Term of new agreements [default: settings, 30d].
    #[arg(long, value_parser = parse_duration, value_name = "DURATION")]
    pub term: Option<u64>,
    /// Refuse if more would be locked in escrow, or spent on fees and reads.
    #[arg(long, value_parser = parse_amount, value_name = "AMOUNT")]
    pub max_cost: Option<Stroops>,
    /// Show what is damaged and what repair would cost, then stop; hosts are audited.
    #[arg(long)]
    pub dry_run: bool,
    /// Refuse hosts that ask for more per TiB and 30 days, in lumens unless another unit is given.
    #[arg(long, value_parser = parse_amount, value_name = "AMOUNT")]
    pub max_price: Option<Stroops>,
    /// Accept hosts of one network (/24, /48) together (less safe).
    #[arg(long)]
    pub allow_same_network: bool,
}
