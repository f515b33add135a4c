//! One file per command: resolve, call one verb of the owner or the host, make a report.

mod agreements;
mod audit;
mod clock;
mod confirm;
mod delegate;
mod download;
mod durability;
mod init;
mod interrupt;
mod localnet;
mod ls;
mod network;
mod node;
mod outlook;
mod recover;
mod repair;
mod rm;
mod settle;
mod show;
mod tell;
mod upload;
mod wallet;

pub use interrupt::or_interrupted;

use crate::args::{Audit, AuditCommand, BenchCommand, Cli, Command};
use crate::envelope::Report;
use crate::failure::Failure;
use crate::settings::Settings;
use crate::table::Table;
use crate::{bench, demo, exit};

/// Runs whichever command was given.
pub async fn dispatch(cli: Cli) -> Result<Report, Failure> {
    let global = cli.global;
    match cli.command {
        Command::Init(args) => return init::run(&global, args).await,
        Command::ExitCodes => return exit_codes(),
        Command::Durability(args) => return durability::run(&global, &args),
        Command::Audit(Audit { command: Some(AuditCommand::Verify { file, beacon_key }), .. }) => {
            return audit::verify(&file, beacon_key.as_deref());
        }
        Command::Demo(args) => return demo::run(&global, args).await,
        Command::Bench(BenchCommand::Pipeline { size, profile }) => return bench::pipeline(size, &profile),
        Command::Bench(BenchCommand::Network { hosts, size, profile, dead, hung, repair }) => {
            let bench = bench::NetworkBench { hosts, size, profile, dead, hung, repair };
            return bench::network(&global, bench).await;
        }
        _ => {}
    }
    let settings = Settings::load(&global)?;
    match cli.command {
        Command::Network(command) => network::run(&global, &settings, command).await,
        Command::Node(command) => node::run(&global, settings, command).await,
        Command::Upload(args) => upload::run(&global, &settings, args).await,
        Command::Download(args) => download::run(&global, &settings, args).await,
        Command::Ls(args) => ls::run(&global, &settings, args).await,
        Command::Rm(args) => rm::run(&global, &settings, args).await,
        Command::Show(args) => show::run(&global, &settings, args).await,
        Command::Audit(args) => audit::run(&global, &settings, args).await,
        Command::Repair(args) => repair::run(&global, &settings, args).await,
        Command::Delegate(command) => delegate::run(&global, &settings, command).await,
        Command::Agreements(args) => agreements::run(&global, &settings, args).await,
        Command::Wallet(command) => wallet::run(&global, &settings, command).await,
        Command::Settle(args) => settle::run(&global, &settings, args).await,
        Command::Recover => recover::run(&global, &settings).await,
        Command::Localnet(args) => localnet::run(&global, &settings, args).await,
        Command::Init(_)
        | Command::ExitCodes
        | Command::Durability(_)
        | Command::Demo(_)
        | Command::Bench(_) => Err(Failure::usage("this command takes no settings", "Run it again.")),
    }
}

fn exit_codes() -> Result<Report, Failure> {
    let mut table = Table::new(["code", "meaning"]);
    for exit in exit::ALL {
        table.row([exit.code.to_string(), exit.meaning.to_owned()]);
    }
    let data: Vec<_> = exit::ALL
        .iter()
        .map(|exit| serde_json::json!({"code": exit.code, "meaning": exit.meaning}))
        .collect();
    Report::new(&data, table.render())
}
