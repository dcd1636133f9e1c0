//! `skidpad openloop`: the vehicle model alone, driven by a time series.

use crate::output::OutFile;
use crate::status::{Failure, Status};
use crate::vehicle;
use inputs::Inputs;
use skidpad_vehicle::{Environment, Gear, VehicleModel, VehicleState};
use skidpad_world::FlatGround;
use std::fmt::Write;
use std::path::PathBuf;

mod inputs;

/// Drive the vehicle model alone from a time series
///
/// Reads pedals, steering and gear from a CSV file, drives the car on a level, dry plane, and writes its
/// motion: for identification, and for comparison with other models and with recordings.
///
/// INPUT. The first line names the columns time_s, throttle_pct, brake_pct, steering_wheel_deg (positive
/// left, limited by the stop) and gear (park, reverse, neutral, drive or low), in any order. Times
/// increase. Between two rows the values are interpolated linearly; the gear of a row holds until the next
/// row. The run lasts from the first time to the last.
///
/// OUTPUT. One row per sample, from the initial state on. x, y, z and heading (0 = x axis,
/// counter-clockwise) are those of the centre of the rear axle on the ground; velocities and accelerations
/// are those of the same point in the body frame (x forward, y left), those with _cg of the centre of
/// mass, and speed is negative backward. Roll is positive to the right, pitch positive nose down.
/// Accelerations are those of the motion, without gravity. Wheels are fl, fr, rl, rr; their slips
/// are those the tyre feels (relaxation length included).
#[derive(clap::Args)]
#[command(after_help = HELP)]
pub struct Args {
    /// Name of a folder in vehicles/, or a folder with a vehicle.toml
    #[arg(long, value_name = "NAME|DIR")]
    vehicle: String,
    /// The time series to drive; `-` for standard input
    #[arg(long, value_name = "FILE.csv")]
    inputs: PathBuf,
    /// The state trace to write; `-` for standard output
    #[arg(long, value_name = "FILE.csv")]
    out: PathBuf,
    /// Speed at the start, negative backward; the wheels roll freely and the actuators have settled at the
    /// values of the first row
    #[arg(long, value_name = "MPS", default_value_t = 0.0, allow_hyphen_values = true, value_parser = speed)]
    speed: f64,
    /// Where the rear axle starts, and its heading
    #[arg(long, value_name = "X,Y,HEADING_DEG", default_value = "0,0,0", allow_hyphen_values = true, value_parser = pose)]
    pose: Pose,
    /// Take the steering column for where the wheel was (a recording of the measured angle), not for what was
    /// asked of the servo: the wheel is there at once
    #[arg(long)]
    measured_steering: bool,
    /// Rows per second in the output; a divisor of 1000
    #[arg(long, value_name = "HZ", default_value_t = 100, value_parser = rate)]
    rate: u32,
}

const HELP: &str = "\
Examples:
  skidpad openloop --vehicle lincoln_mkz --inputs pedals.csv --out drive.csv
  skidpad openloop --vehicle lincoln_mkz --inputs brake.csv --speed 16.7 --out -
  skidpad openloop --vehicle lincoln_mkz --inputs turn.csv --pose 10,-5,90 --rate 1000 --out turn_out.csv

  pedals.csv: stand, pull away, coast, brake
    time_s,throttle_pct,brake_pct,steering_wheel_deg,gear
    0.0,0,30,0,drive
    1.0,0,30,0,drive
    1.2,30,0,0,drive
    6.0,30,0,0,drive
    6.1,0,0,0,drive
    9.0,0,35,0,drive
    15.0,0,35,0,drive

Exit status:
  0  the trace was written
  2  the vehicle, the inputs or an argument is wrong
  4  internal error";

/// Steps per second.
const STEPS_HZ: u32 = 1000;

/// x (m), y (m), heading (rad) of the rear axle.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Pose([f64; 3]);

fn speed(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(value) if value.abs() <= 100.0 => Ok(value),
        _ => Err("expected a speed between -100 and 100 m/s".into()),
    }
}

fn pose(text: &str) -> Result<Pose, String> {
    let numbers: Vec<f64> = text.split(',').map_while(|field| field.trim().parse().ok()).collect();
    match numbers[..] {
        [x, y, heading_deg]
            if text.split(',').count() == 3 && numbers.iter().all(|value| value.abs() <= 1e7) =>
        {
            Ok(Pose([x, y, heading_deg.to_radians()]))
        }
        _ => {
            Err("expected three numbers, X,Y,HEADING_DEG, in m, m and degrees: for example 10,-4.5,90".into())
        }
    }
}

fn rate(text: &str) -> Result<u32, String> {
    match text.parse::<u32>() {
        Ok(rate) if rate > 0 && STEPS_HZ.is_multiple_of(rate) => Ok(rate),
        _ => Err("expected a divisor of 1000: 1, 10, 50, 100, 200, 500, 1000 …".into()),
    }
}

/// Runs the subcommand.
pub fn run(args: &Args) -> Result<Status, Failure> {
    let model = VehicleModel::new(&vehicle::load(&args.vehicle)?, 1.0 / f64::from(STEPS_HZ));
    let inputs = Inputs::read(&args.inputs)?;
    let mut out = OutFile::create(&args.out)?;
    out.add(&header())?;

    let environment = Environment::default();
    let mut ground = FlatGround::LEVEL;
    let mut inputs = inputs.player(args.measured_steering);
    let mut state = model.place(&mut ground, &environment, args.pose.0, args.speed, &inputs.at_step(0));
    let steps_per_row = u64::from(STEPS_HZ / args.rate);
    for step in 0..=inputs.steps() {
        let now = step.is_multiple_of(steps_per_row).then(|| state.clone());
        model.step(&mut state, &inputs.at_step(step), &mut ground, &environment);
        if let Some(now) = now {
            out.add(&row(inputs.time_s(step), &model, &now, &state))?;
        }
    }
    out.finish()?;
    Ok(Status::Passed)
}

/// Columns of the car as a whole.
const CAR_COLUMNS: &str = "time_s,x_m,y_m,z_m,heading_rad,speed_mps,vx_mps,vy_mps,yaw_rate_rps,ax_mps2,ay_mps2,roll_rad,pitch_rad,\
     steering_wheel_deg,vx_cg_mps,vy_cg_mps,ax_cg_mps2,ay_cg_mps2,roll_rate_rps,pitch_rate_rps,\
     throttle_pct,brake_pct,gear,wheel_torque_nm,brake_torque_nm,engine_rpm";
/// Columns of each wheel, `{}` is its name.
const WHEEL_COLUMNS: [&str; 8] = [
    "spin_{}_rps",
    "load_{}_n",
    "slip_ratio_{}",
    "slip_tangent_{}",
    "force_long_{}_n",
    "force_lat_{}_n",
    "travel_{}_m",
    "steer_{}_rad",
];

fn header() -> String {
    let mut text = String::from(CAR_COLUMNS);
    for column in WHEEL_COLUMNS {
        for wheel in ["fl", "fr", "rl", "rr"] {
            text.push(',');
            text.push_str(&column.replace("{}", wheel));
        }
    }
    text.push('\n');
    text
}

/// The car at one instant: its motion is in `state`, the forces and accelerations of that instant in `next`,
/// the state after the step that they cause.
fn row(time_s: f64, model: &VehicleModel, state: &VehicleState, next: &VehicleState) -> String {
    let to_body = state.attitude.matrix().transpose();
    let axle = model.rear_axle_motion(state);
    let velocity = to_body * axle.velocity_mps;
    let acceleration = to_body * model.rear_axle_motion(next).acceleration_mps2;
    let velocity_cg = to_body * state.velocity_mps;
    let acceleration_cg = to_body * next.acceleration_mps2;
    let report = model.report(state);
    // Along the ground: the springs' heave is no speed.
    let speed_mps = (velocity.x * velocity.x + velocity.y * velocity.y).sqrt().copysign(velocity.x);
    let mut row = Row(String::with_capacity(700));
    row.numbers([time_s]);
    row.numbers(axle.position_m.iter().copied());
    row.numbers([state.attitude.yaw_rad(), speed_mps, velocity.x, velocity.y, state.rate_rps.z]);
    row.numbers([acceleration.x, acceleration.y, state.attitude.roll_rad(), state.attitude.pitch_rad()]);
    row.numbers([report.steering_wheel_rad.to_degrees(), velocity_cg.x, velocity_cg.y]);
    row.numbers([acceleration_cg.x, acceleration_cg.y, state.rate_rps.x, state.rate_rps.y]);
    row.numbers([report.throttle_pct, report.brake_pct]);
    row.text(gear_name(report.gear));
    row.numbers([report.wheel_torque_nm, report.brake_torque_actual_nm, report.engine_rpm]);
    row.numbers(state.corners.map(|corner| corner.spin_rps));
    row.numbers(next.corners.map(|corner| corner.load_n));
    row.numbers(next.corners.map(|corner| corner.slip_ratio));
    row.numbers(next.corners.map(|corner| corner.slip_tangent));
    row.numbers(next.corners.map(|corner| corner.forces.fx_n));
    row.numbers(next.corners.map(|corner| corner.forces.fy_n));
    row.numbers(state.corners.map(|corner| corner.travel_m));
    row.numbers(next.corners.map(|corner| corner.steer_rad));
    row.0.push('\n');
    row.0
}

/// A line of CSV as it grows.
struct Row(String);

impl Row {
    fn numbers(&mut self, values: impl IntoIterator<Item = f64>) {
        for value in values {
            // No "-0.000000": a car at rest shall look like one.
            let value = if value.abs() < 0.5e-6 { 0.0 } else { value };
            self.separate();
            write!(self.0, "{value:.6}").expect("a string takes everything");
        }
    }

    fn text(&mut self, value: &str) {
        self.separate();
        self.0.push_str(value);
    }

    fn separate(&mut self) {
        if !self.0.is_empty() {
            self.0.push(',');
        }
    }
}

fn gear_name(gear: Gear) -> &'static str {
    match gear {
        Gear::Park => "park",
        Gear::Reverse => "reverse",
        Gear::Neutral => "neutral",
        Gear::Drive => "drive",
        Gear::Low => "low",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pose_is_three_numbers() {
        assert_eq!(pose("1,-2.5, 180").unwrap(), Pose([1.0, -2.5, std::f64::consts::PI]));
        for wrong in ["", "1,2", "1,2,3,4", "1,2,x", "NaN,0,0", "1e9,0,0", "inf,0,0"] {
            assert!(pose(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_rate_divides_the_steps() {
        assert_eq!(rate("250"), Ok(250));
        assert!(rate("0").is_err() && rate("300").is_err() && rate("2000").is_err());
    }
}
