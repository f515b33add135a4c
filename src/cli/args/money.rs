//! The grammar of everything about money: agreements, the account, settlement.

use crate::units::{parse_amount, parse_duration};
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
    /// Go on with agreements for another term, up to 180 days: new prices, the same contents, no data moves.
    Renew(Renew),
    /// Let agreements end with their terms: nothing renews them by itself any more.
    LetExpire(LetExpire),
    /// Challenge a host on the ledger to prove what it holds; a host that cannot pays for it.
    Dispute(Dispute),
    /// As a host: the proof the ledger waits for, as a file that anybody may submit.
    ExportProof(ExportProof),
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

/// `layr agreements renew`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  layr agreements renew --dry-run               what another term of every open agreement costs
  layr agreements renew 3fa9 b2 --term 60d      two of them
  layr agreements renew --shrink                for what is stored now, and some growth: after deleting files
  layr agreements renew --max-cost 2xlm")]
pub struct Renew {
    /// Ids, or beginnings of them that no others have [default: every open agreement].
    pub ids: Vec<String>,
    /// The new term [default: settings, 30d].
    #[arg(long, value_parser = parse_duration, value_name = "DURATION")]
    pub term: Option<u64>,
    /// Agree on less room: for what is stored, and some for growth; never on more than before.
    #[arg(long)]
    pub shrink: bool,
    /// Show what it costs, then stop.
    #[arg(long)]
    pub dry_run: bool,
    /// Refuse if more would be locked and spent anew than the old agreements give back.
    #[arg(long, value_parser = parse_amount, value_name = "AMOUNT")]
    pub max_cost: Option<Stroops>,
    /// Refuse hosts that ask for more per TiB and 30 days, in lumens unless another unit is given.
    #[arg(long, value_parser = parse_amount, value_name = "AMOUNT")]
    pub max_price: Option<Stroops>,
}

/// `layr agreements let-expire`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  layr agreements let-expire 3fa9          it ends with its term; what lies only there must be moved before
  layr agreements let-expire 3fa9 --undo   it is renewed by itself again")]
pub struct LetExpire {
    /// Ids, or beginnings of them that no others have.
    #[arg(required = true)]
    pub ids: Vec<String>,
    /// Renew them by themselves again.
    #[arg(long)]
    pub undo: bool,
}

/// `layr agreements dispute`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  layr agreements dispute 3fa9 --dry-run         what it costs and what follows
  layr agreements dispute 3fa9                   as many leaves as the terms say, chosen by a beacon
  layr agreements dispute 3fa9 --leaf 0 --leaf 5 the bytes of these leaves, from a host that hands out nothing
  layr agreements dispute 3fa9 --file film.mkv   eight leaves of this file")]
pub struct Dispute {
    /// The agreement's id, or any beginning of it that no other has.
    pub id: String,
    /// A leaf to demand, counted over all sectors of the agreement; up to eight. Without any, a beacon chooses.
    #[arg(long, value_name = "INDEX")]
    pub leaf: Vec<u64>,
    /// Demand leaves of this file instead.
    #[arg(long, value_name = "NAME", conflicts_with = "leaf")]
    pub file: Option<String>,
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

/// `layr agreements export-proof`.
#[derive(Debug, Args)]
#[command(after_help = "Examples, on the directory of a running host:
  layr agreements export-proof 3fa9 -o proof.json
  layr agreements export-proof 3fa9 | ssh elsewhere layr agreements submit-proof -")]
pub struct ExportProof {
    /// The agreement's id, or any beginning of it that no other has.
    pub id: String,
    /// Where to; standard output if not given.
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
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
    /// Send lumens to another account; one that does not exist yet is created.
    Send(WalletSend),
    /// What came to the account and went from it, newest first.
    #[command(after_help = "Examples:
  layr wallet history
  layr wallet history --limit 200 --json")]
    History {
        /// How many movements at most.
        #[arg(long, default_value_t = 50, value_name = "COUNT")]
        limit: usize,
    },
    /// Everything the ledger's endpoint still remembers, oldest first, with sums.
    #[command(after_help = "Examples:
  layr wallet statement
  layr wallet statement --csv > statement.csv")]
    Statement {
        /// As comma-separated values for a spreadsheet.
        #[arg(long)]
        csv: bool,
    },
}

/// `layr wallet send`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  layr wallet send GABC… 12.5             12.5 lumens
  layr wallet send GABC… 12.5 --dry-run   what the ledger takes for it
  layr wallet send GABC… 5 --memo 'for the disk'
Stopped half-way, the same command finds out what became of the payment and pays nothing twice.")]
pub struct WalletSend {
    /// The receiver's address (G…).
    pub to: String,
    /// How much, in lumens unless another unit is given.
    #[arg(value_parser = parse_amount)]
    pub amount: Stroops,
    /// A text the receiver sees, at most 28 bytes; public.
    #[arg(long, value_name = "TEXT")]
    pub memo: Option<String>,
    /// Show what would be sent and what the ledger takes, then stop.
    #[arg(long)]
    pub dry_run: bool,
    /// Refuse if amount and fees together would come to more.
    #[arg(long, value_parser = parse_amount, value_name = "AMOUNT")]
    pub max_cost: Option<Stroops>,
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
