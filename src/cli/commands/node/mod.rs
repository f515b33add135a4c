//! `layr node run`, `layr node status` and `layr node exit`.

mod exit;
mod run;
pub mod snapshot;
mod status;

use crate::args::{Global, NodeCommand};
use crate::envelope::Report;
use crate::failure::Failure;
use crate::settings::Settings;

/// Runs a node or shows one's state.
pub async fn run(global: &Global, settings: Settings, command: NodeCommand) -> Result<Report, Failure> {
    match command {
        NodeCommand::Run(args) => run::run(global, settings, &args).await,
        NodeCommand::Status => status::run(&settings).await,
        NodeCommand::Exit(args) => exit::run(global, &settings, args).await,
    }
}
