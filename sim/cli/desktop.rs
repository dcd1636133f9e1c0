//! `skidpad desktop`: starts the desktop app, which is a program of its own so that this one never carries a window.

use crate::status::{Failure, Status};
use std::ffi::OsString;
use std::process::Command;

/// Open the desktop app: watch, drive, break and replay a run in a window
///
/// Starts the program skidpad-desktop that lies beside this one and hands it the ARGUMENTs. It is built with
/// `cargo build --release -p skidpad-desktop`; `skidpad desktop -- --help` shows its own manual page.
#[derive(clap::Args)]
#[command(after_help = HELP)]
pub struct Args {
    /// What skidpad-desktop is to get
    #[arg(value_name = "ARGUMENT", trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<OsString>,
}

const HELP: &str = "\
Examples:
  skidpad desktop
  skidpad desktop --scenario scenarios/tracking/slalom_30kmh.toml
  skidpad desktop --demo --quality low

Exit status:
  0  closed
  2  it is not built, a file or an argument is wrong, or there is no display or no graphics driver
  4  it crashed";

/// Runs the subcommand.
pub fn run(args: &Args) -> Result<Status, Failure> {
    let this = std::env::current_exe()
        .map_err(|error| Failure::usage(format!("cannot tell where this program is: {error}")))?;
    let program = this.with_file_name(format!("skidpad-desktop{}", std::env::consts::EXE_SUFFIX));
    let is_debug = this.parent().is_some_and(|folder| folder.ends_with("debug"));
    let build = if is_debug { "cargo build" } else { "cargo build --release" };
    if !program.is_file() {
        let message = format!(
            "{} is not there: the desktop app is not built. Build it with\n  {build} -p skidpad-desktop\n\
             (some minutes the first time)",
            program.display()
        );
        return Err(Failure::usage(message));
    }
    let ended = Command::new(&program)
        .args(&args.arguments)
        .status()
        .map_err(|error| Failure::usage(format!("{}: {error}", program.display())))?;
    match ended.code() {
        Some(0) => Ok(Status::Passed),
        // It has said why.
        Some(2) => Err(Failure::usage("")),
        _ => Err(Failure::new(Status::Internal, format!("{}: {ended}", program.display()))),
    }
}
