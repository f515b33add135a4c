//! The grammar of everything about money: agreements, the account, settlement.

use crate::units::parse_amount;
use clap::{Args, Subcommand};
use layr_types::Stroops;
use std::path::PathBuf;

/// `layr agreements …`.
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "Examples:
  layr agreements              with whom, how much of it is used, what is due, and when somebody must act
  layr agreements --at-risk    what must be sent by when, by whom, and how much money depends on it
  layr agreements show 3fa9    one of them; the first characters of its id are enough"
)]
pub struct Agreements {
    /// Show what must be sent by when, and what depends on it, instead.
    #[arg(long)]
    pub at_risk: bool,
    /// What to do; lists them where nothing is given.
    #[command(subcommand)]
    pub command: Option<AgreementsCommand>,
}

/// What can be done about agreements.
#[derive(Debug, Subcommand)]
pub enum AgreementsCommand {
    /// List them.
    #[command(after_help = "Example:
  layr agreements list     the same as 'layr agreements'")]
    List,
    /// Show one: terms, money, what is due next.
    #[command(after_help = "Example:
  layr agreements show 3fa9    the first characters of its id are enough")]
    Show {
        /// The agreement's id, or any beginning of it that no other has.
        id: String,
    },
    /// End one before its term: by consent, or by notice where the host does not consent.
    Close(Close),
    /// Challenge a host on the ledger to prove what it holds; a host that cannot pays for it.
    Dispute(Dispute),
    /// Bring a proof to the ledger that a host has prepared, of anybody's agreement.
    SubmitProof(SubmitProof),
}

/// `layr agreements close`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  layr agreements close 3fa9 --dry-run    who would get what
  layr agreements close 3fa9              with the host's consent, in one transaction
  layr agreements close 3fa9 --notice     without it, after the notice both agreed on")]
pub struct Close {
    /// The agreement's id, or any beginning of it that no other has.
    pub id: String,
    /// Give notice on the ledger if the host does not consent.
    #[arg(long)]
    pub notice: bool,
    /// Show who would get what, then stop.
    #[arg(long)]
    pub dry_run: bool,
    /// Refuse if notice would cost more in ledger fees.
    #[arg(long, value_parser = parse_amount, value_name = "AMOUNT")]
    pub max_cost: Option<Stroops>,
}

/// `layr agreements dispute`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  layr agreements dispute 3fa9 --dry-run         what it costs and what follows
  layr agreements dispute 3fa9                   as many leaves as the terms say, chosen by a beacon
  layr agreements dispute 3fa9 --leaf 0 --leaf 5 the bytes of these leaves, from a host that hands out nothing")]
pub struct Dispute {
    /// The agreement's id, or any beginning of it that no other has.
    pub id: String,
    /// A leaf to demand, counted over all sectors of the agreement; up to eight. Without any, a beacon chooses.
    #[arg(long, value_name = "INDEX")]
    pub leaf: Vec<u64>,
    /// What goes to the host if it answers [default: the least the terms allow].
    #[arg(long, value_parser = parse_amount, value_name = "AMOUNT")]
    pub bond: Option<Stroops>,
    /// Show what it costs and what follows, then stop.
    #[arg(long)]
    pub dry_run: bool,
    /// Refuse if bond and ledger fees together would come to more.
    #[arg(long, value_parser = parse_amount, value_name = "AMOUNT")]
    pub max_cost: Option<Stroops>,
}

/// `layr agreements submit-proof`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  layr agreements submit-proof proof.json --dry-run    what it is and what it costs
  layr agreements submit-proof proof.json              anybody may; the effect is the same")]
pub struct SubmitProof {
    /// The proof as a file ('-' for standard input).
    pub file: PathBuf,
    /// Show what it is and what it costs, then stop.
    #[arg(long)]
    pub dry_run: bool,
    /// Refuse if it would cost more in ledger fees.
    #[arg(long, value_parser = parse_amount, value_name = "AMOUNT")]
    pub max_cost: Option<Stroops>,
}

/// `layr wallet …`.
#[derive(Debug, Subcommand)]
pub enum WalletCommand {
    /// The account's address.
    #[command(after_help = "Example:
  layr wallet address      needs no network")]
    Address,
    /// Account and escrow balances.
    #[command(after_help = "Example:
  layr wallet balance --json")]
    Balance,
    /// Ask the network's friendbot for money (test networks only).
    #[command(after_help = "Example:
  layr wallet fund --network testnet")]
    Fund,
    /// Move a host's free earnings from escrow to its account.
    #[command(after_help = "Examples:
  layr wallet withdraw                 everything that is not collateral
  layr wallet withdraw --amount 5xlm
  layr wallet withdraw --dry-run       what would come, and what the ledger takes for it")]
    Withdraw {
        /// How much [default: everything that is not collateral].
        #[arg(long, value_parser = parse_amount, value_name = "AMOUNT")]
        amount: Option<Stroops>,
        /// Show what would be done, then stop.
        #[arg(long)]
        dry_run: bool,
        /// Refuse if the ledger would take more in fees.
        #[arg(long, value_parser = parse_amount, value_name = "AMOUNT")]
        max_cost: Option<Stroops>,
    },
}

/// `layr settle`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  layr settle                whatever is due now
  layr settle --dry-run      what would be sent, and when
  layr settle --max-cost 0.05xlm")]
pub struct Settle {
    /// Show what would be done.
    #[arg(long)]
    pub dry_run: bool,
    /// Stop before a transaction with which ledger fees would come to more.
    #[arg(long, value_parser = parse_amount, value_name = "AMOUNT")]
    pub max_cost: Option<Stroops>,
}
