//! The program turbo-load.
#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(turbo_load::command::run(std::env::args_os().skip(1)))
}
