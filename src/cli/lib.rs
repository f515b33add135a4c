//! The command line: parse, resolve settings, run one command, show its result.
//!
//! Every command makes one serialisable value and can show it in words; which of the two is printed is
//! decided here and nowhere else. Standard output carries only that; progress and warnings go to standard
//! error. A failure becomes a `failure::Failure`: what happened, why, what became of money, what
//! to do next, and one of the exit codes listed in `exit.rs`.

mod args;
mod bench;
mod commands;
mod compose;
mod demo;
mod envelope;
mod exit;
mod failure;
mod failures;
mod passphrase;
mod progress;
mod settings;
mod shell;
mod table;
mod units;

use clap::Parser as _;
use std::env::ArgsOs;
use std::ffi::OsString;
use std::io::IsTerminal as _;
use std::process::ExitCode;

/// Runs the command line `args` (program name first) and returns the exit code.
pub fn run(args: ArgsOs) -> ExitCode {
    let args: Vec<OsString> = args.collect();
    let json = args.iter().take_while(|arg| *arg != "--").any(|arg| arg == "--json");
    let cli = match args::Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(error) => return usage(&error, envelope::Output { json }),
    };
    logging(&cli);
    // Two providers are compiled in (libp2p brings one of its own); TLS must be told which to use.
    if rustls::crypto::ring::default_provider().install_default().is_err() {
        tracing::debug!("a TLS provider was already chosen");
    }
    let output = envelope::Output { json: cli.global.json };
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return output.fail(failure::Failure::internal("start the runtime", &error)),
    };
    let code = match runtime.block_on(commands::dispatch(cli)) {
        Ok(report) => output.show(report),
        Err(failure) => output.fail(failure),
    };
    runtime.shutdown_timeout(std::time::Duration::from_secs(2));
    code
}

/// clap's own message, in an envelope where one was asked for; help and version are not failures.
fn usage(error: &clap::Error, output: envelope::Output) -> ExitCode {
    if output.json && error.use_stderr() {
        let text = error.to_string();
        let what = text.split("\n\nUsage:").next().unwrap_or_default().trim_start_matches("error: ");
        let what = what.split_whitespace().collect::<Vec<_>>().join(" ");
        let next = "'layr --help' lists the commands, 'layr COMMAND --help' what each of them takes.";
        return output.fail(failure::Failure::usage(what, next));
    }
    let printed = error.print();
    if error.use_stderr() || printed.is_err() { exit::USAGE.into() } else { ExitCode::SUCCESS }
}

/// Logs go to standard error: warnings by default, more with `-v`, or as `LAYR_LOG` says.
fn logging(cli: &args::Cli) {
    use tracing_subscriber::{EnvFilter, fmt};
    let default = match cli.global.verbose {
        0 => "warn,libp2p_kad=error,libp2p_swarm=error,libp2p_mdns=error,tarpc=error",
        1 => "info,libp2p_kad=error,libp2p_swarm=error",
        2 => "debug,libp2p_kad=info,libp2p_swarm=info",
        _ => "trace",
    };
    let filter = EnvFilter::try_from_env("LAYR_LOG").unwrap_or_else(|_| EnvFilter::new(default));
    let builder = fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(cli.global.verbose > 0);
    let started = if cli.global.log_json { builder.json().try_init() } else { builder.compact().try_init() };
    if started.is_err() {
        tracing::debug!("logging was already set up");
    }
}
