//! The `skidpad` command: parses the arguments, calls the subcommand, turns its end into an exit status.

mod bench;
mod calibrate;
mod can;
mod check;
mod desktop;
mod gnss;
mod input;
mod interrupt;
mod list;
mod openloop;
mod output;
mod reference;
mod run;
mod schema;
mod status;
mod topics;
mod validate;
mod vehicle;

use clap::{Parser, Subcommand};
use status::{Failure, Status};
use std::process::ExitCode;

/// Skidpad drives a control stack around a simulated car and says how well it tracked.
///
/// The control stack cannot tell Skidpad from the car: the vehicle is modelled in 3D, the by-wire CAN
/// bus and the GNSS/IMU receiver speak as the real ones do. With no stack attached, Skidpad's own
/// modules fill every seat, and the program runs alone.
///
/// Without a subcommand, `skidpad` runs every scenario of the folder `scenarios/`.
#[derive(Parser)]
#[command(name = "skidpad", version, after_help = HELP, max_term_width = 110)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
}

const HELP: &str = "\
Examples:
  skidpad                                   run every scenario of scenarios/
  skidpad run scenarios/stopping --out out  run one folder of them, results in out/
  skidpad list                              scenarios, vehicles and maps
  skidpad check my_scenario.toml            find mistakes without running
  skidpad openloop --vehicle lincoln_mkz --inputs pedals.csv --out drive.csv
  skidpad help openloop                     the manual page of a subcommand

Exit status:
  0    everything asked for was done, and every scenario passed
  1    a scenario failed its limits, or a car its accepted ranges
  2    a file or an argument is wrong; nothing of it was run
  3    an external stack was missing, silent or broke the protocol
  4    internal error: a bug in Skidpad, please report it
  130  interrupted: Ctrl-C, SIGTERM or SIGHUP";

#[derive(Subcommand)]
enum Command {
    Run(Box<run::Args>),
    Check(check::Args),
    List(list::Args),
    Schema(schema::Args),
    Reference(reference::Args),
    Openloop(openloop::Args),
    Calibrate(calibrate::Args),
    Validate(validate::Args),
    Bench(bench::Args),
    Can(can::Args),
    Gnss(gnss::Args),
    Topics(topics::Args),
    Desktop(desktop::Args),
}

fn main() -> ExitCode {
    // clap leaves by itself: 0 after --help and --version, 2 after a wrong argument.
    let command = Cli::parse().command.unwrap_or_else(|| Command::Run(Box::default()));
    let ended = std::panic::catch_unwind(|| run(&command)).unwrap_or_else(|_| {
        Err(Failure::new(Status::Internal, "this is a bug in Skidpad; please report the message above"))
    });
    match ended {
        Ok(status) => status.into(),
        Err(failure) => {
            failure.print();
            failure.status.into()
        }
    }
}

fn run(command: &Command) -> Result<Status, Failure> {
    match command {
        Command::Run(args) => run::run(args),
        Command::Check(args) => check::run(args),
        Command::List(args) => list::run(args),
        Command::Schema(args) => schema::run(args),
        Command::Reference(args) => reference::run(args),
        Command::Openloop(args) => openloop::run(args),
        Command::Calibrate(args) => calibrate::run(args),
        Command::Validate(args) => validate::run(args),
        Command::Bench(args) => bench::run(args),
        Command::Can(args) => can::run(args),
        Command::Gnss(args) => gnss::run(args),
        Command::Topics(args) => topics::run(args),
        Command::Desktop(args) => desktop::run(args),
    }
}
