//! The `layr` executable: hands the command line to the CLI room and turns its answer into an exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    layr_cli::run(std::env::args_os())
}
