//! The grammar of repair, one's own and a delegate's.

use crate::units::{parse_amount, parse_duration};
use clap::{Args, Subcommand};
use layr_types::{NodeKey, Stroops};
use std::path::PathBuf;

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

/// `layr delegate …`.
#[derive(Debug, Subcommand)]
pub enum DelegateCommand {
    /// Let another node repair for you until a moment and within a cap; it can never read.
    #[command(after_help = "Example:
  layr delegate create --to 3fa9… --for 90d --cap 5xlm -o friend.layr    give the file to your delegate, in secret
The delegate pays from its own account: fund it with what it may spend, and no more.")]
    Create(DelegateCreate),
    /// The delegations there are.
    #[command(after_help = "Example:
  layr delegate list     numbers, delegates, ends, caps")]
    List,
    /// Tell every host that a delegate may no longer read.
    #[command(after_help = "Example:
  layr delegate revoke 2     the number is in 'layr delegate list'")]
    Revoke {
        /// Its number.
        number: u64,
    },
    /// As a delegate: rebuild what the package lists and keep it on other hosts, from this node's own account.
    #[command(after_help = "Example:
  layr delegate repair friend.layr -o done.layr    give done.layr back to the owner; run it again any time")]
    Repair(DelegateRepair),
    /// As an owner: take in what a delegate rebuilt.
    #[command(after_help = "Example:
  layr delegate adopt done.layr     every host shows one shard first")]
    Adopt {
        /// What the delegate gave back.
        result: PathBuf,
    },
}

/// `layr delegate create`.
#[derive(Debug, Args)]
pub struct DelegateCreate {
    /// The delegate's node key, as its 'layr init' showed it.
    #[arg(long, value_name = "NODE-KEY")]
    pub to: NodeKey,
    /// For how long.
    #[arg(long = "for", value_parser = parse_duration, default_value = "90d", value_name = "DURATION")]
    pub lasts: u64,
    /// Most it may lock and spend in all.
    #[arg(long, value_parser = parse_amount, value_name = "AMOUNT")]
    pub cap: Stroops,
    /// The file, or what names begin with [default: everything there is now].
    #[arg(value_name = "FILE|PREFIX")]
    pub name: Option<String>,
    /// Where to write the package.
    #[arg(long, short, value_name = "PATH")]
    pub output: PathBuf,
}

/// `layr delegate repair`.
#[derive(Debug, Args)]
pub struct DelegateRepair {
    /// The package the owner gave.
    pub package: PathBuf,
    /// Where to write the result for the owner.
    #[arg(long, short, value_name = "PATH")]
    pub output: PathBuf,
    /// Refuse if more would be locked or spent, below what the cap leaves.
    #[arg(long, value_parser = parse_amount, value_name = "AMOUNT")]
    pub max_cost: Option<Stroops>,
}
