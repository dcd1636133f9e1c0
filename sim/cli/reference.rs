//! `skidpad reference`: the drive that a scenario asks for, as a recording.

use crate::output::OutFile;
use crate::status::{Failure, Status};
use skidpad_engine::recording_of;
use skidpad_scenario::Library;
use std::path::{Path, PathBuf};

/// Write the drive that a scenario asks for as an RTK recording
///
/// Writes the reference of SCENARIO, its path at its speeds, as a CSV file of Apollo's RTK recorder: 100 rows
/// per second in UTM coordinates of the map's zone, with the centre of the rear axle as the car's place. It
/// is what Skidpad's own planning replays; a planning module outside that replays recordings (Apollo 1.0's
/// `rtk_trajectory_filename`) drives the same scenario with it. Headings are those on the grid; a recorder
/// on a car would write the receiver's, which count from true north.
///
/// A drive that ends at rest stands for 3 s more; one that does not goes on for 5 s where the path allows.
/// Pedals and steering, which the reference does not know, are 0.
#[derive(clap::Args)]
#[command(after_help = HELP)]
pub struct Args {
    /// The scenario
    #[arg(value_name = "SCENARIO.toml")]
    scenario: PathBuf,
    /// The recording to write; `-` for standard output
    #[arg(long, value_name = "FILE.csv", default_value = "-")]
    out: PathBuf,
}

const HELP: &str = "\
Examples:
  skidpad reference scenarios/tracking/lane_change_40kmh.toml --out lane_change.csv
  skidpad reference my_drive.toml | head

Exit status:
  0  the recording was written
  2  the scenario cannot be used, or has no reference";

/// Runs the subcommand.
pub fn run(args: &Args) -> Result<Status, Failure> {
    let file: &Path = &args.scenario;
    let scenario =
        Library::locate(Some(file)).and_then(|mut library| library.load(file)).map_err(Failure::usage)?;
    let recording = recording_of(&scenario).map_err(Failure::usage)?.ok_or_else(|| {
        Failure::usage(format!("{}: has no [reference]: there is no drive to write", file.display()))
    })?;
    let mut out = OutFile::create(&args.out)?;
    out.add(&recording.to_string())?;
    out.finish()?;
    Ok(Status::Passed)
}
