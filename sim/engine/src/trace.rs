//! One row of the trace: everything a control engineer plots, at 100 Hz.

use skidpad_score::{Errors, Sample};
use skidpad_vehicle::{PlantReport, VehicleState};

/// What is true, believed, wanted and commanded at one instant.
#[derive(Clone, Copy, Debug)]
pub struct TraceSample {
    /// What the score was told.
    pub sample: Sample,
    /// The errors it found.
    pub errors: Errors,
    /// Roll and pitch of the body, rad (ISO 8855: right side down, nose down).
    pub roll_pitch_rad: [f64; 2],
    /// What the ECUs measure.
    pub plant: PlantReport,
    /// Driving mode as numbered in `apollo.canbus.Chassis.DrivingMode`.
    pub driving_mode: i32,
    /// Per wheel FL, FR, RL, RR: normal load (N), slip ratio κ, tan of the slip angle α, travel (m).
    pub wheels: [[f64; 4]; 4],
    /// Velocity of the air, east and north, m/s.
    pub wind_mps: [f64; 2],
}

macro_rules! columns {
    ($($name:literal $decimals:literal $value:expr;)+) => {
        impl TraceSample {
            /// Name, with unit, and decimals worth keeping of each column.
            pub const COLUMNS: &[(&'static str, u8)] = &[$(($name, $decimals),)+];

            /// The values, in the order of [`TraceSample::COLUMNS`].
            pub fn values(&self) -> [f64; TraceSample::COLUMNS.len()] {
                [$(($value as fn(&TraceSample) -> f64)(self),)+]
            }
        }
    };
}

columns! {
    "time_s" 2 |t| t.sample.time_s;
    "driving_mode" 0 |t| f64::from(t.driving_mode);
    "x_m" 4 |t| t.sample.truth.position_m[0];
    "y_m" 4 |t| t.sample.truth.position_m[1];
    "z_m" 4 |t| t.sample.truth.position_m[2];
    "heading_rad" 6 |t| t.sample.truth.heading_rad;
    "roll_rad" 6 |t| t.roll_pitch_rad[0];
    "pitch_rad" 6 |t| t.roll_pitch_rad[1];
    "speed_mps" 5 |t| t.sample.truth.speed_mps;
    "vx_east_mps" 5 |t| t.sample.truth.velocity_mps[0];
    "vy_north_mps" 5 |t| t.sample.truth.velocity_mps[1];
    "vz_up_mps" 5 |t| t.sample.truth.velocity_mps[2];
    "yaw_rate_rps" 6 |t| t.sample.truth.yaw_rate_rps;
    "ax_mps2" 4 |t| t.sample.truth.longitudinal_acceleration_mps2;
    "ay_mps2" 4 |t| t.sample.truth.lateral_acceleration_mps2;
    "ref_station_m" 4 |t| t.errors.station_m;
    "ref_x_m" 4 |t| t.errors.reference_x_m;
    "ref_y_m" 4 |t| t.errors.reference_y_m;
    "ref_heading_rad" 6 |t| t.errors.reference_heading_rad;
    "ref_curvature_1pm" 6 |t| t.errors.reference_curvature_1pm;
    "ref_speed_mps" 5 |t| t.errors.reference_speed_mps;
    "scored" 0 |t| f64::from(u8::from(t.errors.counted));
    "lateral_error_m" 5 |t| t.errors.lateral_m;
    "lateral_error_cg_m" 5 |t| t.errors.lateral_cg_m;
    "heading_error_rad" 6 |t| t.errors.heading_rad;
    "course_error_rad" 6 |t| t.errors.course_rad;
    "speed_error_mps" 5 |t| t.errors.speed_mps;
    "station_error_m" 4 |t| t.errors.station_error_m;
    "believed_x_m" 4 |t| t.sample.believed.map_or(f64::NAN, |b| b.position_m[0]);
    "believed_y_m" 4 |t| t.sample.believed.map_or(f64::NAN, |b| b.position_m[1]);
    "believed_heading_rad" 6 |t| t.sample.believed.map_or(f64::NAN, |b| b.heading_rad);
    "believed_lateral_error_m" 5 |t| t.errors.believed_lateral_m;
    "localization_error_m" 5 |t| t.errors.localization_m;
    "command_throttle_pct" 3 |t| t.sample.command.throttle_pct;
    "command_brake_pct" 3 |t| t.sample.command.brake_pct;
    "command_steering_pct" 3 |t| t.sample.command.steering_pct;
    "throttle_pct" 3 |t| t.plant.throttle_pct;
    "brake_pct" 3 |t| t.plant.brake_pct;
    "steering_wheel_deg" 4 |t| t.plant.steering_wheel_rad.to_degrees();
    "steering_wheel_rate_degps" 3 |t| t.plant.steering_wheel_rate_rps.to_degrees();
    "steering_torque_nm" 3 |t| t.plant.steering_torque_nm;
    "brake_torque_nm" 1 |t| t.plant.brake_torque_actual_nm;
    "drive_torque_nm" 1 |t| t.plant.wheel_torque_nm;
    "abs_active" 0 |t| f64::from(u8::from(t.plant.abs_active));
    "stability_active" 0 |t| f64::from(u8::from(t.plant.stability_active));
    "traction_active" 0 |t| f64::from(u8::from(t.plant.traction_active));
    "hill_start" 0 |t| t.plant.hill_start as u8 as f64;
    "gear" 0 |t| t.plant.gear as u8 as f64;
    "wheel_spin_fl_rps" 4 |t| t.plant.wheel_spin_rps[0];
    "wheel_spin_fr_rps" 4 |t| t.plant.wheel_spin_rps[1];
    "wheel_spin_rl_rps" 4 |t| t.plant.wheel_spin_rps[2];
    "wheel_spin_rr_rps" 4 |t| t.plant.wheel_spin_rps[3];
    "load_fl_n" 1 |t| t.wheels[0][0];
    "load_fr_n" 1 |t| t.wheels[1][0];
    "load_rl_n" 1 |t| t.wheels[2][0];
    "load_rr_n" 1 |t| t.wheels[3][0];
    "slip_ratio_fl" 5 |t| t.wheels[0][1];
    "slip_ratio_fr" 5 |t| t.wheels[1][1];
    "slip_ratio_rl" 5 |t| t.wheels[2][1];
    "slip_ratio_rr" 5 |t| t.wheels[3][1];
    "slip_tan_alpha_fl" 5 |t| t.wheels[0][2];
    "slip_tan_alpha_fr" 5 |t| t.wheels[1][2];
    "slip_tan_alpha_rl" 5 |t| t.wheels[2][2];
    "slip_tan_alpha_rr" 5 |t| t.wheels[3][2];
    "travel_fl_m" 5 |t| t.wheels[0][3];
    "travel_fr_m" 5 |t| t.wheels[1][3];
    "travel_rl_m" 5 |t| t.wheels[2][3];
    "travel_rr_m" 5 |t| t.wheels[3][3];
    "wind_east_mps" 3 |t| t.wind_mps[0];
    "wind_north_mps" 3 |t| t.wind_mps[1];
}

impl TraceSample {
    pub(crate) fn new(
        sample: Sample,
        errors: Errors,
        driving_mode: i32,
        plant: PlantReport,
        state: &VehicleState,
        [east_mps, north_mps, _]: [f64; 3],
    ) -> Self {
        TraceSample {
            sample,
            errors,
            roll_pitch_rad: [state.attitude.roll_rad(), state.attitude.pitch_rad()],
            plant,
            driving_mode,
            wheels: state.corners.map(|c| [c.load_n, c.slip_ratio, c.slip_tangent, c.travel_m]),
            wind_mps: [east_mps, north_mps],
        }
    }
}
