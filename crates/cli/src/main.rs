//! The binary `headstart`.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(headstart_cli::run(std::env::args_os()))
}
