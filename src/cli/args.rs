//! The command line's grammar. Help texts live here, beside what they describe.

mod audit;
mod durability;
mod money;
mod repair;

pub use audit::{Audit, AuditCommand};
pub use durability::{Conditions, Durability, Notice, Stays};
pub use money::{
    Agreements, AgreementsCommand, Close, Dispute, ExportProof, LetExpire, Renew, Settle, SubmitProof,
    WalletCommand, WalletSend,
};

pub use repair::{DelegateCommand, DelegateCreate, DelegateRepair, Repair};

use crate::settings::Role;
use crate::units::{parse_amount, parse_duration, parse_size};
use clap::{Args, Parser, Subcommand};
use layr_types::{ByteCount, Stroops};
use std::net::SocketAddr;
use std::path::PathBuf;

/// Store files on other people's disks without trusting them; earn with your own.
#[derive(Debug, Parser)]
#[command(
    name = "layr",
    version,
    max_term_width = 100,
    subcommand_required = true,
    arg_required_else_help = true,
    after_help = "Examples:
  layr demo                          the whole story on this machine, in about a minute
  layr localnet                      a local Stellar network for development
  layr init --fund                   make a recovery phrase and a funded account
  layr node run --quota 500GiB       earn with a spare disk
  layr upload photos/ --dry-run      what it would cost, without paying
  layr upload photos/                encrypt, place, pay into escrow, audit
  layr download photos/a.jpg -o .    from any k of n hosts
  layr audit                         who still has what they are paid for

Exit codes: 'layr exit-codes'. Every command takes --json."
)]
pub struct Cli {
    /// Options of every command.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Options of every command.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Options of every command")]
pub struct Global {
    /// Data directory: keys, settings, records [default: the platform's, e.g. ~/.local/share/layr].
    #[arg(long, short = 'D', global = true, env = "LAYR_DIR", value_name = "DIR")]
    pub dir: Option<PathBuf>,
    /// Ledger: local, testnet, mainnet, or a network file.
    #[arg(long, global = true, value_name = "NAME|FILE")]
    pub network: Option<String>,
    /// File holding the passphrase ('-' for standard input); otherwise LAYR_PASSPHRASE, or a prompt.
    #[arg(long, global = true, value_name = "FILE")]
    pub passphrase_file: Option<PathBuf>,
    /// Print one JSON object instead of words.
    #[arg(long, global = true)]
    pub json: bool,
    /// No progress.
    #[arg(long, short, global = true)]
    pub quiet: bool,
    /// More log on standard error (-v info, -vv debug, -vvv trace).
    #[arg(long, short, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
    /// Log as JSON lines.
    #[arg(long, global = true)]
    pub log_json: bool,
}

/// Every command.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make a recovery phrase, keys and settings (or restore them from a phrase).
    Init(Init),
    /// Run a node.
    #[command(
        subcommand,
        after_help = "Example:
  layr node run --quota 500GiB     'layr node run --help' shows more"
    )]
    Node(NodeCommand),
    /// Encrypt, erasure-code, place, pay for and audit files.
    Upload(Upload),
    /// Bring a file back from any k of its n hosts.
    Download(Download),
    /// List files.
    Ls(Ls),
    /// Delete files; their room and money serve the next upload.
    Rm(Rm),
    /// Show one file: segments, hosts, health, agreements.
    Show(FileArg),
    /// Challenge hosts to prove they have the data.
    Audit(Audit),
    /// Rebuild lost shards from those that survive and place them on other hosts; needs no source file.
    Repair(Repair),
    /// Let others repair for you who cannot read; or repair for another.
    #[command(
        subcommand,
        after_help = "Examples:
  layr delegate create --to 3fa9… --cap 5xlm -o friend.layr    as an owner
  layr delegate repair friend.layr -o done.layr                as the delegate
  layr delegate adopt done.layr                                as the owner again
  layr delegate revoke 1"
    )]
    Delegate(DelegateCommand),
    /// Agreements: hosts, bytes, money, next deadline; end or dispute one.
    Agreements(Agreements),
    /// The account: address, balance, funding, payments, statements.
    #[command(
        subcommand,
        after_help = "Examples:
  layr wallet address            where to send lumens
  layr wallet balance            what is in the account and in escrow
  layr wallet history            what came and went, newest first
  layr wallet statement --csv    the same for a spreadsheet"
    )]
    Wallet(WalletCommand),
    /// Settle agreements whose term is over.
    Settle(Settle),
    /// Rebuild this machine's catalogue from the network with nothing but the phrase.
    #[command(after_help = "Examples, on a new machine:
  layr init --restore phrase.txt --bootstrap /dns/example.org/tcp/4100/p2p/12D3…
  layr recover             every file and agreement is back; 'layr download' works again")]
    Recover,
    /// How likely data is lost: by formula, and by simulating a network of thousands of hosts.
    Durability(Box<Durability>),
    /// Run a local Stellar network for development.
    Localnet(Localnet),
    /// Check the network in use; deploy the escrow contract on a test network.
    #[command(
        subcommand,
        after_help = "Examples:
  layr network check --network testnet     reachable? whose clock? which contract?
  layr network deploy --network testnet    put the contract there, or find it again"
    )]
    Network(NetworkCommand),
    /// Tell the whole story on this machine: ledger, twelve hosts, owner, failures, settlement.
    Demo(Demo),
    /// Measure.
    #[command(
        subcommand,
        after_help = "Examples:
  layr bench pipeline      this machine alone
  layr bench network       with real host processes"
    )]
    Bench(BenchCommand),
    /// List exit codes and their meaning.
    #[command(after_help = "Example:
  layr exit-codes --json")]
    ExitCodes,
}

/// `layr init`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  layr init --fund                     new phrase; on a test network, money from friendbot
  layr init --restore phrase.txt       the same keys on a second machine
  LAYR_PASSPHRASE=… layr init --json   without prompts")]
pub struct Init {
    /// Restore from a file with the 24 words ('-' for standard input) instead of making a new phrase.
    #[arg(long, value_name = "FILE")]
    pub restore: Option<PathBuf>,
    /// Ask the network's friendbot for money (test networks only).
    #[arg(long)]
    pub fund: bool,
    /// A node to enter the network through; may be repeated.
    #[arg(long, value_name = "MULTIADDR")]
    pub bootstrap: Vec<String>,
}

/// `layr node …`.
#[derive(Debug, Subcommand)]
pub enum NodeCommand {
    /// Run in the foreground until stopped (SIGINT or SIGTERM).
    Run(Box<NodeRun>),
    /// What the node in this directory stores, earned and has at risk, and what its watch found.
    #[command(after_help = "Example:
  layr node status         live while the node runs; afterwards as it was, saying how long ago")]
    Status,
    /// Leave as a host without harming anybody: notice for every agreement, nothing new, paid for what was kept.
    Exit(NodeExit),
}

/// `layr node exit`.
#[derive(Debug, Args)]
#[command(after_help = "Examples, on the directory of a running host:
  layr node exit --dry-run    how many agreements that ends, and what is locked until then
  layr node exit              asks, then gives notice; owners move their data while the node runs on
  layr node exit --stay       takes back what the ledger has not taken yet")]
pub struct NodeExit {
    /// Stay after all: take new agreements again, and withdraw notices the ledger has not taken.
    #[arg(long, conflicts_with = "dry_run")]
    pub stay: bool,
    /// Say what it would do; announce nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// Do not ask.
    #[arg(long, short)]
    pub yes: bool,
}

/// `layr node run`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  layr node run --quota 500GiB                       host with the default price
  layr node run --quota 2TiB --price 8xlm            8 lumens per TiB and month
  layr node run --role owner                         look after your own agreements while you sleep
  layr node run --role both --quota 500GiB           host, and look after your own agreements
  layr node run --quota 1TiB --listen /ip4/0.0.0.0/udp/4100/quic-v1 --lane 0.0.0.0:4101")]
pub struct NodeRun {
    /// What the node does: host (rents out space), owner (audits, publishes and settles the agreements of this
    /// directory, follows transactions of interrupted commands), or both [default: settings, host].
    #[arg(long, value_enum, value_name = "ROLE")]
    pub role: Option<Role>,
    /// Space to rent out.
    #[arg(long, value_parser = parse_size, value_name = "SIZE")]
    pub quota: Option<ByteCount>,
    /// Price per TiB and 30 days, in lumens unless another unit is given.
    #[arg(long, value_parser = parse_amount, value_name = "AMOUNT")]
    pub price: Option<Stroops>,
    /// Price per TiB read beyond what may be read for nothing, in lumens unless another unit is given; paid by
    /// voucher [default: 0].
    #[arg(long, value_parser = parse_amount, value_name = "AMOUNT")]
    pub read_price: Option<Stroops>,
    /// What an owner may read for nothing in a term, in percent of the agreed capacity; 100 is one full download
    /// [default: 100].
    #[arg(long, value_parser = clap::value_parser!(u32).range(0..=100_000), value_name = "PERCENT")]
    pub free_reads: Option<u32>,
    /// Collateral in escrow, free and locked together; what is missing is deposited from the account at start.
    #[arg(long, value_parser = parse_amount, value_name = "AMOUNT")]
    pub collateral: Option<Stroops>,
    /// Addresses to listen on; may be repeated.
    #[arg(long, value_name = "MULTIADDR")]
    pub listen: Vec<String>,
    /// Address of the direct lane for sector bytes (TLS over TCP).
    #[arg(long, value_name = "IP:PORT")]
    pub lane: Option<SocketAddr>,
    /// A node to enter the network through; may be repeated.
    #[arg(long, value_name = "MULTIADDR")]
    pub bootstrap: Vec<String>,
    /// Find nodes on the local network too.
    #[arg(long)]
    pub mdns: bool,
    /// Owner role: how often to look at the ledger's clock.
    #[arg(long, value_parser = parse_duration, default_value = "1m", value_name = "DURATION")]
    pub look_every: u64,
    /// Owner role: time between audits by the ledger's clock, give or take a tenth by chance.
    #[arg(long, value_parser = parse_duration, default_value = "1d", value_name = "DURATION")]
    pub audit_every: u64,
    /// Shortest term to accept [default: 1d].
    #[arg(long, value_parser = parse_duration, value_name = "DURATION")]
    pub min_term: Option<u64>,
    /// How long a price once quoted binds this host [default: 10m]; nothing is closed before.
    #[arg(long, value_parser = parse_duration, value_name = "DURATION")]
    pub offer_life: Option<u64>,
    /// Owner role: most that may be bonded to challenge a host that vanished or lost data; 0 never challenges.
    #[arg(long, value_parser = parse_amount, default_value = "1xlm", value_name = "AMOUNT")]
    pub max_bond: Stroops,
    /// Owner role: renew agreements a week before they end, for 30 days, within this budget a round; 0 lets all of
    /// them end, 'layr agreements let-expire' some.
    #[arg(long, value_parser = parse_amount, default_value = "10xlm", value_name = "AMOUNT")]
    pub renew_budget: Stroops,
    /// Owner role: rebuild what has fallen to its threshold and place it on other hosts, within this budget a round;
    /// a host counts as gone when it proved to have lost data or has answered nothing for a day [default: only
    /// tell].
    #[arg(long, value_parser = parse_amount, value_name = "AMOUNT")]
    pub repair_budget: Option<Stroops>,
}

/// `layr upload`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  layr upload film.mkv                       to 30 hosts, any 10 of which are enough
  layr upload film.mkv --profile 4/12        to 12 hosts, any 4 of which are enough
  layr upload docs/ --as backup/2026         under another name
  layr upload film.mkv --dry-run --json      the binding price, without paying
  layr upload film.mkv --max-cost 2xlm       fail rather than pay more
Stopped half-way (Ctrl-C, power cut), the same command goes on where it stopped and pays nothing twice.")]
pub struct Upload {
    /// Files and directories.
    #[arg(required = true, value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// Store under this name instead of the path's last part.
    #[arg(long = "as", value_name = "NAME")]
    pub name: Option<String>,
    /// k/n: any k of n hosts are enough [default: settings, 10/30].
    #[arg(long, value_name = "K/N")]
    pub profile: Option<String>,
    /// How long to store [default: settings, 30d].
    #[arg(long, value_parser = parse_duration, value_name = "DURATION")]
    pub term: Option<u64>,
    /// Refuse if more would be locked in escrow or spent on fees.
    #[arg(long, value_parser = parse_amount, value_name = "AMOUNT")]
    pub max_cost: Option<Stroops>,
    /// Show the price and the hosts, then stop.
    #[arg(long)]
    pub dry_run: bool,
    /// Refuse hosts that ask for more per TiB and 30 days, in lumens unless another unit is given.
    #[arg(long, value_parser = parse_amount, value_name = "AMOUNT")]
    pub max_price: Option<Stroops>,
    /// Accept hosts of one network (/24, /48), operator or region together (less safe).
    #[arg(long)]
    pub allow_same_network: bool,
    /// Accept several shards of a segment on one host when there are fewer hosts than n (less safe).
    #[arg(long)]
    pub allow_shared_hosts: bool,
}

/// `layr download`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  layr download film.mkv                     into the current directory
  layr download film.mkv -o /media/          into a directory
  layr download log.txt -o - | less          to standard output
  layr download disk.img --range 0..1048576  only those bytes")]
pub struct Download {
    /// The file's name, as `layr ls` shows it.
    pub name: String,
    /// Where to: a file, a directory, or '-' for standard output [default: the file's own name here].
    #[arg(long, short, value_name = "PATH")]
    pub output: Option<PathBuf>,
    /// Only the bytes from A up to, not including, B.
    #[arg(long, value_name = "A..B")]
    pub range: Option<String>,
    /// Replace a file that is already there.
    #[arg(long)]
    pub force: bool,
    /// Pay hosts that ask a price for reading, out of what their agreements set aside, up to this [default: what
    /// was set aside].
    #[arg(long, value_parser = parse_amount, value_name = "AMOUNT")]
    pub max_cost: Option<Stroops>,
}

/// `layr ls`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  layr ls                  every file
  layr ls backup/          those whose name begins so")]
pub struct Ls {
    /// Only names that begin so.
    pub prefix: Option<String>,
}

/// `layr rm`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  layr rm film.mkv                      asks before it deletes
  layr rm --prefix backup/2025 --dry-run
                                        what would go, and what room and money become free
  layr rm --prefix backup/2025 --yes    without asking, for scripts
  layr rm                               goes on with what an earlier run could not give back

Chunks and segments that other files share stay until the last of them is deleted. The money agreed for
the room stays in escrow and pays for what is uploaded next; what is never used comes back at the end.")]
pub struct Rm {
    /// Files by their full names, as `layr ls` shows them.
    #[arg(value_name = "FILE")]
    pub names: Vec<String>,
    /// Every file whose name begins so.
    #[arg(long, value_name = "PREFIX")]
    pub prefix: Option<String>,
    /// Say what would be deleted and freed; change nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// Do not ask.
    #[arg(long, short)]
    pub yes: bool,
}

/// A file's name.
#[derive(Debug, Args)]
#[command(after_help = "Example:
  layr show film.mkv       where it lies and how far it is from being lost")]
pub struct FileArg {
    /// The file's name, as `layr ls` shows it.
    pub name: String,
}

/// `layr localnet`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  layr localnet                       on 127.0.0.1:8000, state kept across restarts
  layr localnet --advance 30d         move a running network's clock
Its network file is what --network local reads.")]
pub struct Localnet {
    /// Where to listen (loopback only).
    #[arg(long, default_value = "127.0.0.1:8000", value_name = "IP:PORT")]
    pub listen: SocketAddr,
    /// Where its state is kept [default: `localnet` in the data directory].
    #[arg(long, value_name = "DIR")]
    pub state: Option<PathBuf>,
    /// Move a running network's clock forward, and stop.
    #[arg(long, value_parser = parse_duration, value_name = "DURATION")]
    pub advance: Option<u64>,
}

/// `layr network …`.
#[derive(Debug, Subcommand)]
pub enum NetworkCommand {
    /// Ask the network whether it is the one meant, what time it is there, and whether the contract is genuine.
    #[command(after_help = "Example:
  layr network check --network testnet --json")]
    Check,
    /// Deploy the escrow contract, or find the one deployed before, and write the network file.
    Deploy(NetworkDeploy),
    /// Prolong the life of the contract and its code; for whoever deployed it.
    #[command(after_help = "Example:
  layr network extend --life 90d     the largest rent there is: no agreement ever pays it")]
    Extend {
        /// How long from now.
        #[arg(long, default_value = "30d", value_parser = parse_duration, value_name = "DURATION")]
        life: u64,
    },
}

/// `layr network deploy`.
#[derive(Debug, Args)]
#[command(after_help = "Example:
  layr network deploy --network testnet     writes testnet.toml in the data directory")]
pub struct NetworkDeploy {
    /// Also where money is real.
    #[arg(long)]
    pub real_money: bool,
    /// Show what it costs, then stop.
    #[arg(long)]
    pub dry_run: bool,
    /// Refuse if it would cost more in ledger fees and rent.
    #[arg(long, value_parser = parse_amount, value_name = "AMOUNT")]
    pub max_cost: Option<Stroops>,
}

/// `layr demo`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  layr demo                          with the layr executable as the file
  layr demo --file film.mkv --keep   with a file of yours; leaves everything behind to look at")]
pub struct Demo {
    /// The file to store [default: the layr executable].
    #[arg(long, value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// Leave the temporary directory behind and say where.
    #[arg(long)]
    pub keep: bool,
}

/// `layr bench …`.
#[derive(Debug, Subcommand)]
pub enum BenchCommand {
    /// The owner's pipeline without a network: chunk, seal, code, mask, commit, and back.
    #[command(after_help = "Example:
  layr bench pipeline --size 256MiB --profile 4/12")]
    Pipeline {
        /// Bytes to push through.
        #[arg(long, default_value = "1GiB", value_parser = parse_size)]
        size: ByteCount,
        /// k/n.
        #[arg(long, default_value = "10/30")]
        profile: String,
    },
    /// Upload and download through real host processes on this machine.
    #[command(after_help = "Example:
  layr bench network --hosts 12 --size 1GiB
  layr bench network --hosts 12 --profile 4/8 --hung 4     hosts that hang in mid-upload
  layr bench network --hosts 12 --dead 4 --repair    how fast 4 of 12 destroyed hosts are made good")]
    Network {
        /// How many hosts.
        #[arg(long, default_value_t = 12, value_parser = clap::value_parser!(u16).range(1..=64))]
        hosts: u16,
        /// Bytes to upload.
        #[arg(long, default_value = "1GiB", value_parser = parse_size)]
        size: ByteCount,
        /// k/n.
        #[arg(long, default_value = "4/12")]
        profile: String,
        /// Hosts stopped before the download.
        #[arg(long, default_value_t = 4)]
        dead: u16,
        /// Hosts that hang from the middle of the upload on, of those that store some of it; they count as stopped in
        /// the download. Needs as many hosts more than the profile's n.
        #[arg(long, default_value_t = 0)]
        hung: u16,
        /// Destroy those hosts, let as many new ones join, delete the file and measure its repair.
        #[arg(long)]
        repair: bool,
    },
}
