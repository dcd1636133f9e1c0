//! The open-loop pedal sweeps that a team performs on the car to calibrate its longitudinal controller.
//!
//! Each command is held from standstill (throttle) or from speed (brake, closed pedals) on a level,
//! dry road, and the acceleration is read where the car passes each speed of the grid: dead times
//! and lags of the first second are therefore part of the table at low speed, as they are on the car.

use crate::interface::{ActuatorDemand, Gear, SteeringDemand};
use crate::model::{Environment, VehicleModel};
use crate::state::VehicleState;
use skidpad_world::FlatGround;

/// One row of the table: at `speed_mps`, holding `command_pct` gives `acceleration_mps2`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CalibrationRow {
    /// Speed, m/s.
    pub speed_mps: f64,
    /// Acceleration, m/s².
    pub acceleration_mps2: f64,
    /// Pedal command: positive throttle, negative brake, 0 none, % of travel.
    pub command_pct: f64,
}

/// Commands that the standard sweep holds: dense where the pedal is steep.
pub const STANDARD_COMMANDS_PCT: [f64; 24] = [
    -37.0, -35.0, -33.0, -31.5, -30.0, -28.5, -27.0, -26.0, -25.0, -23.5, -22.0, -20.0, 0.0, 17.0, 20.0,
    22.0, 25.0, 27.0, 30.0, 35.0, 40.0, 50.0, 60.0, 80.0,
];
/// Highest speed of the standard sweep, m/s.
pub const STANDARD_MAX_SPEED_MPS: f64 = 20.0;
/// Spacing of the speeds, m/s.
pub const SPEED_STEP_MPS: f64 = 0.2;

/// Half width of the window over which an acceleration is read, s.
const WINDOW_S: f64 = 0.05;
/// Speed above the grid at which a sweep downward starts, so that the pedal's lag is over inside it, m/s.
const RUN_UP_MPS: f64 = 4.0;
/// A sweep ends when the car needs longer than this, s.
const LONGEST_S: f64 = 120.0;
/// A car slower than this has stopped, m/s.
const STOPPED_MPS: f64 = 0.01;
/// Brake that holds the car before a sweep from standstill, %.
const HOLD_BRAKE_PCT: f64 = 40.0;

/// Performs the sweeps and returns the rows by speed and then by command.
///
/// A command that cannot take the car to a speed has no row there. Speed 0 repeats the row of the next
/// speed for brake commands, since a stopped car shows no deceleration.
pub fn sweep(model: &VehicleModel, commands_pct: &[f64], max_speed_mps: f64) -> Vec<CalibrationRow> {
    let steps = (max_speed_mps / SPEED_STEP_MPS).round() as usize;
    let mut rows = Vec::new();
    for &command_pct in commands_pct {
        let mut seen: Vec<Option<f64>> = vec![None; steps + 1];
        // The sweep that the command is for comes first; the other way round covers the speeds on the far
        // side of the speed where the command balances the car.
        let above = Some(max_speed_mps + RUN_UP_MPS);
        let runs = if command_pct > 0.0 { [None, above] } else { [above, None] };
        for from_mps in runs {
            let speeds = record(model, command_pct, from_mps, max_speed_mps);
            // A brake that holds the standing car tells nothing about its deceleration.
            let first = usize::from(command_pct < 0.0 || from_mps.is_some());
            read(&speeds, model.dt_s(), first, &mut seen);
        }
        if command_pct < 0.0 && seen.len() > 1 && seen[1].is_some() {
            seen[0] = seen[1];
        }
        rows.extend(seen.iter().enumerate().filter_map(|(index, acceleration)| {
            acceleration.map(|acceleration_mps2| CalibrationRow {
                speed_mps: index as f64 * SPEED_STEP_MPS,
                acceleration_mps2,
                command_pct,
            })
        }));
    }
    rows.sort_by(|a, b| {
        (a.speed_mps, a.command_pct).partial_cmp(&(b.speed_mps, b.command_pct)).expect("finite")
    });
    rows
}

/// Speed after each step of a sweep, until the car stops, settles or has left the grid.
fn record(model: &VehicleModel, command_pct: f64, from_mps: Option<f64>, max_speed_mps: f64) -> Vec<f64> {
    let environment = Environment::default();
    let mut ground = FlatGround::LEVEL;
    let idle = pedals(0.0, if from_mps.is_some() { 0.0 } else { HOLD_BRAKE_PCT });
    let start = from_mps.unwrap_or(0.0);
    let mut state = model.place(&mut ground, &environment, [0.0; 3], start, &idle);
    let held = pedals(command_pct.max(0.0), (-command_pct).max(0.0));
    let mut speeds = vec![start];
    let settle_steps = (2.0 / model.dt_s()) as usize;
    while (speeds.len() as f64) * model.dt_s() < LONGEST_S {
        model.step(&mut state, &held, &mut ground, &environment);
        let speed = forward_speed(model, &state);
        speeds.push(speed);
        let stopped = from_mps.is_some() && speed < STOPPED_MPS;
        let left_grid = from_mps.is_none() && speed > max_speed_mps + 1.0;
        let settled =
            speeds.len() > settle_steps && (speed - speeds[speeds.len() - settle_steps]).abs() < 1e-3;
        if stopped || left_grid || settled {
            break;
        }
    }
    speeds
}

/// Reads the acceleration at the first crossing of each grid speed, from index `first` on, that `seen` still
/// lacks.
fn read(speeds: &[f64], dt_s: f64, first: usize, seen: &mut [Option<f64>]) {
    let window = (WINDOW_S / dt_s).round() as usize;
    for (index, slot) in seen.iter_mut().enumerate().skip(first).filter(|(_, slot)| slot.is_none()) {
        let grid = index as f64 * SPEED_STEP_MPS;
        let crossing = |level: f64| {
            let rising = |pair: &[f64]| pair[0] <= level && level < pair[1];
            let falling = |pair: &[f64]| pair[0] >= level && level > pair[1];
            speeds.windows(2).position(|pair| rising(pair) || falling(pair))
        };
        // Standstill: from the first motion to the next speed of the grid.
        let window = if index == 0 {
            crossing(STOPPED_MPS).zip(crossing(SPEED_STEP_MPS))
        } else {
            // A hard stop ends inside the window.
            crossing(grid).map(|at| (at.saturating_sub(window), (at + window).min(speeds.len() - 1)))
        };
        let Some((begin, end)) = window else { continue };
        if end > begin {
            *slot = Some((speeds[end] - speeds[begin]) / ((end - begin) as f64 * dt_s));
        }
    }
}

fn forward_speed(model: &VehicleModel, state: &VehicleState) -> f64 {
    let velocity = model.rear_axle_motion(state).velocity_mps;
    (state.attitude.matrix().transpose() * velocity).x
}

fn pedals(throttle_pct: f64, brake_pct: f64) -> ActuatorDemand {
    ActuatorDemand {
        throttle_pct,
        brake_pct,
        steering: SteeringDemand::Servo { angle_rad: 0.0, rate_limit_rps: 0.0 },
        gear: Gear::Drive,
        parking_brake: false,
    }
}
