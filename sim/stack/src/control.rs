//! Trajectory, pose and chassis in, `ControlCommand` out: the control module of Apollo 1.0.
//!
//! [`Control`] does what the real module does on the same messages, tick by tick, including its quirks, since
//! stacks and test authors meet them on the car:
//! - The emergency stop **latches**: a missing or old input, `estop` in the trajectory, a FATAL monitor item or an
//!   error of a controller sets it, and only a `PadMessage` with action RESET clears it. In it: speed 0, throttle 0,
//!   brake 50 %, no steering target, no debug. A module that ticks before all three inputs have come is in it.
//! - The status in the header says why *this* tick failed; it is OK again when the inputs are back, though the
//!   emergency stop still holds.
//! - The action of a pad message is copied into exactly one command; what the car does about it is the canbus
//!   module's business. In COMPLETE_MANUAL the PID controllers are reset every tick, yet commands go out.
//! - The longitudinal controller takes a new trajectory only when its `sequence_num` differs from the one in use; the
//!   lateral controller takes every one. Stamps from the future pass.
//! - The gear is always DRIVE, the steering rate always 100 %/s; throttle and brake never fall below their dead
//!   zones, so the car never coasts.
//!
//! Where the real module crashes, hangs or spreads NaN, this one stops the car with status 1002 and a message: a
//! trajectory without points or with a value that is not finite, a chassis without a finite `speed_mps`, a pose
//! without finite position, orientation, heading or yaw rate. Processing times in `latency_stats` are 0: a
//! simulation has no other that would be the same in every run.
//!
//! Source of everything here, unless marked otherwise: Apollo 1.0.0 (commit `2de4d5c5`), `modules/control` and
//! `modules/common`.
//!
//! # Agreement with the real module
//!
//! Against what the unmodified classes of 1.0.0 computed from the same messages, with the measured pedal map:
//! - 100 situations at 0–20 m/s, after 1, 2, 10 and 100 identical steps: throttle, brake, steering and every field of
//!   both debug messages agree on 400 of 400, pedals and longitudinal debug bit by bit, steering to 1e-12 points.
//! - 2,300 lock-step ticks along a recorded drive, the recorded states in: the same, on 2,300 of 2,300. One tick there
//!   has two trajectory points equally near in time to within 10 ns, so that the rounding of the Unix stamps decides;
//!   the test says which epoch it takes. With another, that tick differs (0.16 points of throttle), the
//!   integrator carries 2e-4 m/s² of it on, and one later command tips from throttle to brake: 2,298 of 2,300.
//!
//! The recordings settle what a reader of the source might doubt: up to 8 m/s the Riccati iteration ends at 150
//! steps **before it has converged**, so that at 3 m/s the real car steers with two thirds of the
//! converged lateral gain (0.148 instead of 0.222); the configured pedal filters do nothing; the mean filter is
//! not in use.
//!
//! A tick takes about 5 µs with a trajectory of 1,000 points, of which the Riccati iteration takes 3 (it is skipped
//! while the speed does not change).
//!
//! # Use
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use skidpad_stack::control::{CalibrationTable, Control, ControlConf};
//!
//! let conf = include_str!("../../../vehicles/lincoln_mkz/control.toml");
//! let table = "speed_mps,acceleration_mps2,command_percent\n0,-3,-35\n0,0,15\n0,3,60\n";
//! let mut control =
//!     Control::new(ControlConf::parse(conf, "control.toml")?, CalibrationTable::parse(table, "table.csv")?);
//! let command = control.tick(1_500_000_000.0);
//! assert_eq!(command.brake(), 50.0); // no input has come yet
//! assert_eq!(command.header.unwrap().status.unwrap().msg(), "No localization msg");
//! # Ok(())
//! # }
//! ```

mod calibration;
mod conf;
mod filter;
mod lateral;
mod longitudinal;
mod lqr;
mod pid;
#[cfg(test)]
mod recorded_tests;
#[cfg(test)]
mod tests;
mod text;
mod trajectory;

use std::f64::consts::{FRAC_PI_2, PI};
use std::sync::Arc;

use skidpad_msgs::apollo::canbus::chassis::{DrivingMode, GearPosition};
use skidpad_msgs::apollo::canbus::{Chassis, Signal};
use skidpad_msgs::apollo::common::monitor::MonitorMessage;
use skidpad_msgs::apollo::common::monitor::monitor_message_item::LogLevel;
use skidpad_msgs::apollo::common::{ErrorCode, Header, Quaternion, StatusPb};
use skidpad_msgs::apollo::control::{
    ControlCommand, Debug, DrivingAction, InputDebug, LatencyStats, PadMessage,
};
use skidpad_msgs::apollo::localization::LocalizationEstimate;
use skidpad_msgs::apollo::planning::AdcTrajectory;

pub use calibration::{CALIBRATION_HEADER, CalibrationTable};
pub use conf::{ControlConf, LateralConf, LongitudinalConf, PidConf};
pub use filter::{LowPass, MeanFilter};
pub use lqr::{ErrorModel, Gain};
pub use pid::Pid;
pub use text::FileError;

use lateral::LateralController;
use longitudinal::LongitudinalController;
use trajectory::{Trajectory, TrajectoryPoint};

/// The control seat. Messages go in by `on_…` as they arrive; [`Control::tick`] gives the command that is due.
#[derive(Debug, Clone)]
pub struct Control {
    conf: ControlConf,
    lateral: LateralController,
    longitudinal: LongitudinalController,
    localization: Option<LocalizationInput>,
    chassis: Option<ChassisInput>,
    planning: Option<PlanningInput>,
    /// The pad message that has not been copied into a command yet.
    pad: Option<PadMessage>,
    estop: bool,
    sequence_num: u32,
}

/// What is kept of a localization message.
#[derive(Debug, Clone)]
struct LocalizationInput {
    header: Header,
    pose: Result<Pose, String>,
}

/// What is kept of a chassis message.
#[derive(Debug, Clone)]
struct ChassisInput {
    header: Header,
    speed_mps: f64,
    steering_position_pct: f64,
    driving_mode: DrivingMode,
}

/// What is kept of a planning message.
#[derive(Debug, Clone)]
struct PlanningInput {
    header: Header,
    trajectory: Result<Arc<Trajectory>, String>,
    estop: bool,
    signal: Option<Signal>,
}

/// A pose with every value finite.
#[derive(Debug, Clone, Copy)]
struct Pose {
    x_m: f64,
    y_m: f64,
    heading_rad: f64,
    yaw_rate_rps: f64,
    /// The second column of the rotation right-forward-up → east-north-up, east and north: where forward points.
    forward: [f64; 2],
}

/// The car as the controllers see it: pose from localization, speed from the chassis.
#[derive(Debug, Clone, Copy)]
struct VehicleState {
    /// Rear-axle centre, east, m.
    x_m: f64,
    /// Rear-axle centre, north, m.
    y_m: f64,
    /// 0 = East, counter-clockwise.
    heading_rad: f64,
    yaw_rate_rps: f64,
    forward: [f64; 2],
    speed_mps: f64,
}

impl VehicleState {
    /// East and north of the point `lr_m` ahead of the rear axle, m.
    fn center_of_mass(&self, lr_m: f64) -> [f64; 2] {
        [self.x_m + self.forward[0] * lr_m, self.y_m + self.forward[1] * lr_m]
    }
}

/// Why a tick failed, in words for the header's status.
type Failure = String;

impl Control {
    /// A module that has seen no message.
    pub fn new(conf: ControlConf, table: CalibrationTable) -> Self {
        Self {
            lateral: LateralController::new(&conf.lateral),
            longitudinal: LongitudinalController::new(&conf.longitudinal, table),
            localization: None,
            chassis: None,
            planning: None,
            pad: None,
            estop: false,
            sequence_num: 0,
            conf,
        }
    }

    /// Takes other parameters from the next step on. What has been summed up and filtered so far stays, except in a
    /// filter whose own parameters change: that one begins anew.
    pub fn set_conf(&mut self, conf: ControlConf) {
        self.lateral.set_conf(&conf.lateral);
        self.longitudinal.set_conf(&conf.longitudinal);
        self.conf = conf;
    }

    /// The parameters in use.
    pub fn conf(&self) -> &ControlConf {
        &self.conf
    }

    /// Whether the emergency stop is latched.
    pub fn is_estop(&self) -> bool {
        self.estop
    }

    /// Takes `/apollo/localization/pose`.
    pub fn on_localization(&mut self, message: &LocalizationEstimate) {
        self.localization = Some(LocalizationInput {
            header: message.header.clone().unwrap_or_default(),
            pose: Pose::read(message),
        });
    }

    /// Takes `/apollo/canbus/chassis`.
    pub fn on_chassis(&mut self, message: &Chassis) {
        self.chassis = Some(ChassisInput {
            header: message.header.clone().unwrap_or_default(),
            speed_mps: message.speed_mps().into(),
            steering_position_pct: message.steering_percentage().into(),
            driving_mode: message.driving_mode(),
        });
    }

    /// Takes `/apollo/planning` (the points of field 4, `adc_trajectory_point`).
    pub fn on_planning(&mut self, message: &AdcTrajectory) {
        let header = message.header.clone().unwrap_or_default();
        let points = message.adc_trajectory_point.iter().map(|point| TrajectoryPoint {
            x_m: point.x(),
            y_m: point.y(),
            heading_rad: point.theta(),
            curvature_1pm: point.curvature(),
            station_m: point.accumulated_s(),
            speed_mps: point.speed(),
            acceleration_mps2: point.acceleration_s(),
            relative_time_s: point.relative_time(),
        });
        self.planning = Some(PlanningInput {
            trajectory: Trajectory::new(header.timestamp_sec(), header.sequence_num(), points).map(Arc::new),
            estop: message.estop.as_ref().is_some_and(|estop| estop.is_estop()),
            signal: message.signal,
            header,
        });
    }

    /// Takes `/apollo/control/pad`: RESET clears the emergency stop at once; the message goes into the next command.
    pub fn on_pad(&mut self, message: PadMessage) {
        if message.action() == DrivingAction::Reset {
            self.estop = false;
        }
        self.pad = Some(message);
    }

    /// Takes `/apollo/monitor`: a FATAL item latches the emergency stop.
    pub fn on_monitor(&mut self, message: &MonitorMessage) {
        self.estop |= message.item.iter().any(|item| item.log_level() == LogLevel::Fatal);
    }

    /// The command for `/apollo/control` at this Unix time, due every `control_period_s` (the real module's first
    /// comes 1 s after it starts, whatever the inputs).
    pub fn tick(&mut self, now_unix_s: f64) -> ControlCommand {
        let mut command =
            ControlCommand { gear_location: Some(GearPosition::GearDrive as i32), ..Default::default() };
        let mut latency = LatencyStats { total_time_ms: Some(0.0), ..Default::default() };

        let mut result = self.check_inputs(now_unix_s);
        self.estop |= result.is_err();
        if let (Some(localization), Some(chassis), Some(planning)) =
            (&self.localization, &self.chassis, &self.planning)
        {
            self.estop |= planning.estop;
            command.signal = planning.signal;
            if !self.estop {
                if chassis.driving_mode == DrivingMode::CompleteManual {
                    self.lateral.reset();
                    self.longitudinal.reset();
                }
                command.debug = Some(Debug {
                    input_debug: Some(InputDebug {
                        localization_header: Some(localization.header.clone()),
                        canbus_header: Some(chassis.header.clone()),
                        trajectory_header: Some(planning.header.clone()),
                    }),
                    ..Default::default()
                });
                result = self.compute(now_unix_s, &mut command);
                self.estop = result.is_err();
                if result.is_ok() {
                    latency.controller_time_ms = vec![0.0, 0.0];
                }
            }
        }
        if self.estop {
            command.speed = Some(0.0);
            command.throttle = Some(0.0);
            command.brake = Some(self.conf.soft_estop_brake_pct);
        }

        command.pad_msg = self.pad.take();
        command.latency_stats = Some(latency);
        self.sequence_num = self.sequence_num.wrapping_add(1);
        command.header = Some(Header {
            timestamp_sec: Some(now_unix_s),
            module_name: Some("control".to_owned()),
            sequence_num: Some(self.sequence_num),
            status: Some(match result {
                Ok(()) => StatusPb { error_code: Some(ErrorCode::Ok as i32), msg: None },
                Err(failure) => {
                    StatusPb { error_code: Some(ErrorCode::ControlComputeError as i32), msg: Some(failure) }
                }
            }),
            ..Default::default()
        });
        command
    }

    /// Every input is there, and none is too old.
    fn check_inputs(&self, now_s: f64) -> Result<(), Failure> {
        let conf = &self.conf;
        let localization = self.localization.as_ref().ok_or("No localization msg")?;
        let chassis = self.chassis.as_ref().ok_or("No chassis msg")?;
        let planning = self.planning.as_ref().ok_or("No planning msg")?;
        if !conf.enable_input_timestamp_check {
            return Ok(());
        }
        // Written so that a stamp that is not a number counts as old.
        let recent = |header: &Header, period_s: f64, misses: u32| {
            now_s - header.timestamp_sec() <= f64::from(misses) * period_s
        };
        if !recent(&localization.header, conf.localization_period_s, conf.max_localization_miss_num) {
            return Err("Localization msg timeout".to_owned());
        }
        if !recent(&chassis.header, conf.chassis_period_s, conf.max_chassis_miss_num) {
            return Err("Chassis msg timeout".to_owned());
        }
        if !recent(&planning.header, conf.trajectory_period_s, conf.max_planning_miss_num) {
            return Err("Trajectory msg timeout".to_owned());
        }
        Ok(())
    }

    /// Runs both controllers, lateral first.
    fn compute(&mut self, now_s: f64, command: &mut ControlCommand) -> Result<(), Failure> {
        let (Some(localization), Some(chassis), Some(planning)) =
            (&self.localization, &self.chassis, &self.planning)
        else {
            return Err("No input".to_owned());
        };
        let pose = localization.pose.as_ref().map_err(Failure::clone)?;
        let trajectory = planning.trajectory.as_ref().map_err(Failure::clone)?;
        if !chassis.speed_mps.is_finite() {
            return Err("chassis speed_mps is missing or not finite".to_owned());
        }
        let car = VehicleState {
            x_m: pose.x_m,
            y_m: pose.y_m,
            heading_rad: pose.heading_rad,
            yaw_rate_rps: pose.yaw_rate_rps,
            forward: pose.forward,
            speed_mps: chassis.speed_mps,
        };
        let lateral = self.lateral.step(&car, chassis.steering_position_pct, trajectory)?;
        let longitudinal = self.longitudinal.step(now_s, &car, trajectory)?;

        command.steering_target = lateral.steer_angle;
        command.steering_rate = Some(self.conf.lateral.steer_angle_rate_pctps);
        command.throttle = longitudinal.throttle_cmd;
        command.brake = longitudinal.brake_cmd;
        let debug = command.debug.get_or_insert_default();
        debug.simple_lat_debug = Some(lateral);
        debug.simple_lon_debug = Some(longitudinal);
        Ok(())
    }
}

impl Pose {
    fn read(message: &LocalizationEstimate) -> Result<Self, String> {
        let pose = message.pose.as_ref().ok_or("localization has no pose")?;
        let position = pose.position.as_ref().ok_or("localization pose has no position")?;
        let orientation = pose.orientation.as_ref();
        let heading_rad = match (pose.heading, orientation) {
            (Some(heading_rad), _) => heading_rad,
            (None, Some(orientation)) => heading_of(orientation),
            (None, None) => return Err("localization pose has neither heading nor orientation".to_owned()),
        };
        let read = Self {
            x_m: position.x(),
            y_m: position.y(),
            heading_rad,
            yaw_rate_rps: pose.angular_velocity_vrf.as_ref().map_or(f64::NAN, |rate| rate.z()),
            // Without an orientation the real module takes forward for north.
            forward: orientation.map_or([0.0, 1.0], forward_of),
        };
        for (value, what) in [
            (read.x_m, "position.x"),
            (read.y_m, "position.y"),
            (read.heading_rad, "heading"),
            (read.forward[0] + read.forward[1], "orientation"),
            (read.yaw_rate_rps, "angular_velocity_vrf.z"),
        ] {
            if !value.is_finite() {
                return Err(format!("localization pose {what} is missing or not finite"));
            }
        }
        Ok(read)
    }
}

/// Where the forward axis of a right-forward-up frame points: east and north.
fn forward_of(q: &Quaternion) -> [f64; 2] {
    let (qx, qy, qz, qw) = (q.qx(), q.qy(), q.qz(), q.qw());
    [2.0 * (qx * qy - qz * qw), 1.0 - 2.0 * (qx * qx + qz * qz)]
}

/// The heading (rad, 0 = East) of a right-forward-up orientation: yaw of the z-x-y Euler angles plus a quarter turn.
fn heading_of(q: &Quaternion) -> f64 {
    let (qx, qy, qz, qw) = (q.qx(), q.qy(), q.qz(), q.qw());
    let yaw = libm::atan2(2.0 * (qw * qz - qx * qy), 2.0 * (qw * qw + qy * qy) - 1.0);
    normalize_angle(yaw + FRAC_PI_2)
}

/// The angle in [−π, π). (`skidpad_geo::wrap_angle` gives (−π, π]: at the seam the real module's errors have the
/// other sign.)
fn normalize_angle(angle_rad: f64) -> f64 {
    let turned = (angle_rad + PI) % (2.0 * PI);
    if turned < 0.0 { turned + 2.0 * PI - PI } else { turned - PI }
}
