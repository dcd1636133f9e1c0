//! `skidpad calibrate`: the open-loop pedal sweeps.

use crate::output::write_file;
use crate::status::{Failure, Status};
use crate::vehicle;
use skidpad_vehicle::VehicleModel;
use skidpad_vehicle::calibration::{CalibrationRow, STANDARD_COMMANDS_PCT, STANDARD_MAX_SPEED_MPS, sweep};
use std::fmt::Write;
use std::path::PathBuf;

/// Sweep the pedals of a car and write its calibration table
///
/// Performs on the vehicle model what the Apollo team performs on the car: each pedal command is held on
/// a level, dry road, and the acceleration is read at every 0.2 m/s. Writes a CSV table with the columns
/// speed_mps, acceleration_mps2, command_percent (throttle positive, brake negative), by which the
/// longitudinal controller turns an acceleration into a pedal command.
///
/// The table in a vehicle's folder, calibration.csv, is made by this command; make it again when the
/// vehicle's parameters change.
#[derive(clap::Args)]
#[command(after_help = HELP)]
pub struct Args {
    /// Name of a folder in vehicles/, or a folder with a vehicle.toml
    #[arg(long, value_name = "NAME|DIR")]
    vehicle: String,
    /// The table to write; `-` for standard output
    #[arg(long, value_name = "FILE.csv")]
    out: PathBuf,
}

const HELP: &str = "\
Examples:
  skidpad calibrate --vehicle lincoln_mkz --out vehicles/lincoln_mkz/calibration.csv
  skidpad calibrate --vehicle cars/mine --out -

Exit status:
  0  the table was written
  2  the vehicle or an argument is wrong
  4  internal error";

/// Step of the simulator, s.
const STEP_S: f64 = 1e-3;

/// Runs the subcommand.
pub fn run(args: &Args) -> Result<Status, Failure> {
    let model = VehicleModel::new(&vehicle::load(&args.vehicle)?, STEP_S);
    write_file(&args.out, &table(&model))?;
    Ok(Status::Passed)
}

/// The table as text.
fn table(model: &VehicleModel) -> String {
    let mut text = String::from("speed_mps,acceleration_mps2,command_percent\n");
    let rows = sweep(model, &STANDARD_COMMANDS_PCT, STANDARD_MAX_SPEED_MPS);
    for at_one_speed in rows.chunk_by(|a, b| a.speed_mps == b.speed_mps) {
        for row in unambiguous(at_one_speed) {
            writeln!(text, "{:.1},{:.5},{:.1}", row.speed_mps, row.acceleration_mps2, row.command_pct)
                .expect("a string takes everything");
        }
    }
    text
}

/// The rows of one speed by which an acceleration names one command: from closed pedals outward, a harder
/// command stays only if it does more than the gentler ones. A saturated pedal does not, nor does a brake
/// that holds a car at rest.
fn unambiguous(rows: &[CalibrationRow]) -> Vec<CalibrationRow> {
    let written = |row: &CalibrationRow| (row.acceleration_mps2 * 1e5).round();
    let (brakes, throttles) = rows.split_at(rows.partition_point(|row| row.command_pct < 0.0));
    let mut kept: Vec<CalibrationRow> = Vec::with_capacity(rows.len());
    for row in throttles {
        if kept.last().is_none_or(|last| written(row) > written(last)) {
            kept.push(*row);
        }
    }
    for row in brakes.iter().rev() {
        if kept.first().is_none_or(|gentler| written(row) < written(gentler)) {
            kept.insert(0, *row);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_that_do_no_more_than_gentler_ones_are_left_out() {
        let rows = [(-30.0, 0.0), (-25.0, -2.0), (-20.0, -0.5), (0.0, 0.02), (20.0, 0.3), (40.0, 0.300001)]
            .map(|(command_pct, acceleration_mps2)| CalibrationRow {
                speed_mps: 0.0,
                acceleration_mps2,
                command_pct,
            });
        let kept: Vec<f64> = unambiguous(&rows).iter().map(|row| row.command_pct).collect();
        assert_eq!(kept, [-25.0, -20.0, 0.0, 20.0]);
    }
}
