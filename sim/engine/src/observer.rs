//! What a run leaves behind: events, metrics, the hash of the truth, and a row of the trace every 10 ms.

use crate::car::Car;
use crate::stack::Stack;
use crate::trace::TraceSample;
use sha2::{Digest, Sha256};
use skidpad_geo::{MapFrame, wrap_angle};
use skidpad_kernel::SimTime;
use skidpad_msgs::apollo::canbus::chassis::DrivingMode;
use skidpad_msgs::apollo::planning::AdcTrajectory;
use skidpad_score::{BelievedPose, Command, Errors, Reference, Sample, Scorer, TrueState};
use std::sync::Arc;
use std::time::Duration;

/// Something that happened in a run.
#[derive(Clone, Debug, PartialEq)]
pub struct RunEvent {
    /// When, s since the scenario's time began; negative while the run waited for its stack.
    pub time_s: f64,
    /// Its name, as in `[pass] events`.
    pub name: String,
    /// More about it, for people.
    pub detail: String,
}

pub(crate) struct Observer {
    epoch_unix_s: f64,
    /// When the scenario's time began; absent while the run waits for its stack.
    zero: Option<SimTime>,
    frame: MapFrame,
    reference: Option<Arc<Reference>>,
    scorer: Scorer,
    /// Errors of the last sample.
    pub(crate) errors: Errors,
    pub(crate) events: Vec<RunEvent>,
    truth: Sha256,
    /// The true state of this tick as bytes: the hash takes one long piece faster than many short ones.
    truth_bytes: Vec<u8>,
    /// Steering-wheel angle of a steering command of 100 %, deg.
    full_steering_deg: f64,
    /// Where on the path the trajectory last wanted the car, m.
    wanted_near_m: f64,
}

impl Observer {
    pub(crate) fn new(
        epoch_unix_s: f64,
        frame: MapFrame,
        reference: Option<Arc<Reference>>,
        full_steering_deg: f64,
    ) -> Self {
        let wanted_near_m = reference.as_ref().map_or(0.0, |reference| reference.start_station_m());
        Observer {
            epoch_unix_s,
            zero: None,
            frame,
            scorer: Scorer::new(reference.clone()),
            reference,
            errors: Errors::NONE,
            events: Vec::new(),
            truth: Sha256::new(),
            truth_bytes: Vec::new(),
            full_steering_deg,
            wanted_near_m,
        }
    }

    /// From now on t = 0 is this Unix time.
    pub(crate) fn set_epoch(&mut self, epoch_unix_s: f64) {
        self.epoch_unix_s = epoch_unix_s;
    }

    /// The scenario's time begins.
    pub(crate) fn begin(&mut self, now: SimTime) {
        self.zero = Some(now);
        self.events.iter_mut().for_each(|event| event.time_s -= now.as_s());
    }

    /// When the scenario's time began, if it has.
    pub(crate) fn zero(&self) -> Option<SimTime> {
        self.zero
    }

    /// The instant as the scenario counts it; zero before its beginning.
    pub(crate) fn scenario_s(&self, now: SimTime) -> f64 {
        let since = self.zero.filter(|zero| *zero <= now).map_or(Duration::ZERO, |zero| now.since(zero));
        (SimTime::ZERO + since).as_s()
    }

    /// Something happened.
    pub(crate) fn event(&mut self, now: SimTime, name: impl Into<String>, detail: impl Into<String>) {
        let time_s = match self.zero {
            Some(zero) if now < zero => now.as_s() - zero.as_s(),
            Some(_) => self.scenario_s(now),
            None => now.as_s(),
        };
        let event = RunEvent { time_s, name: name.into(), detail: detail.into() };
        if self.zero.is_some_and(|zero| zero <= now) {
            self.scorer.event(event.time_s, &event.name);
        }
        self.events.push(event);
    }

    /// Takes the true state of each tick into the hash.
    pub(crate) fn hash(&mut self, car: &Car) {
        self.truth_bytes.clear();
        car.state.visit_trajectory(|value| self.truth_bytes.extend(value.to_bits().to_le_bytes()));
        self.truth.update(&self.truth_bytes);
    }

    /// The sample of this instant, scored.
    pub(crate) fn sample(&mut self, now: SimTime, car: &Car, stack: &Stack) -> TraceSample {
        let seen = stack.seen();
        let truth = true_state(car);
        let command = match (&seen.command, stack.control_drives()) {
            (Some(command), true) => Command {
                throttle_pct: command.throttle(),
                brake_pct: command.brake(),
                steering_pct: command.steering_target(),
            },
            (None, true) => Command::default(),
            // The embedded control runs beside the stack outside, and nobody listens to it.
            (_, false) => {
                let asked = car.bywire.commanded();
                Command {
                    throttle_pct: asked.throttle_pct,
                    brake_pct: asked.brake_pct,
                    steering_pct: 100.0 * asked.steering_wheel_deg / self.full_steering_deg,
                }
            }
        };
        let sample = Sample {
            time_s: self.scenario_s(now),
            engaged: stack.driving_mode() == DrivingMode::CompleteAutoDrive,
            truth,
            believed: self.believed(stack),
            command,
            steering_wheel_rad: car.state.steering_wheel_rad(),
            steering_wheel_rate_rps: car.state.steering_wheel_rate_rps(),
            reference_station_m: self.wanted_station_m(now, stack),
        };
        self.errors = self.scorer.observe(&sample);
        let mode = stack.driving_mode() as i32;
        TraceSample::new(sample, self.errors, mode, car.plant, &car.state, car.wind_mps())
    }

    /// What the stack's localization says, brought to the world frame.
    fn believed(&self, stack: &Stack) -> Option<BelievedPose> {
        let pose = stack.seen().pose.as_ref()?.pose.as_ref()?;
        let position = pose.position?;
        let position_m = self.frame.utm_to_enu(position.x(), position.y(), position.z());
        if !position_m.iter().all(|x| x.is_finite()) {
            return None;
        }
        // The stack's heading counts from true east at the car, ours from east at the anchor.
        let grid = self.frame.enu_to_utm(position_m);
        let turn = self.frame.world_to_grid_heading_rad(position_m) - grid.convergence_rad;
        Some(BelievedPose {
            measured_at_s: stack.seen().pose_measured_unix_s
                - self.epoch_unix_s
                - self.zero.map_or(0.0, SimTime::as_s),
            position_m,
            heading_rad: wrap_angle(pose.heading() - turn),
        })
    }

    /// Station on the reference of the trajectory point that is due now.
    fn wanted_station_m(&mut self, now: SimTime, stack: &Stack) -> Option<f64> {
        let reference = self.reference.as_ref()?;
        let trajectory = stack.seen().trajectory.as_ref()?;
        let [x, y, z] = due_position(trajectory, self.epoch_unix_s + now.as_s())?;
        let at = self.frame.utm_to_enu(x, y, z);
        self.wanted_near_m = reference.path().project(at[0], at[1], Some(self.wanted_near_m)).station_m;
        Some(self.wanted_near_m)
    }

    /// What has been measured so far.
    pub(crate) fn metrics(&self) -> skidpad_score::Metrics {
        self.scorer.clone().finish()
    }

    pub(crate) fn finish(self) -> (skidpad_score::Metrics, Vec<RunEvent>, String) {
        let digest = self.truth.finalize();
        let hash = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        (self.scorer.finish(), self.events, hash)
    }
}

/// Position (UTM, m) that a trajectory wants at a Unix time, interpolated between its points.
fn due_position(trajectory: &AdcTrajectory, unix_s: f64) -> Option<[f64; 3]> {
    let points = &trajectory.adc_trajectory_point;
    let relative_s = unix_s - trajectory.header.as_ref()?.timestamp_sec();
    let next = points.partition_point(|point| point.relative_time() < relative_s);
    let b = points.get(next).or(points.last())?;
    let a = &points[next.saturating_sub(1).min(points.len() - 1)];
    let span_s = b.relative_time() - a.relative_time();
    let share = if span_s > 0.0 { ((relative_s - a.relative_time()) / span_s).clamp(0.0, 1.0) } else { 0.0 };
    let blend = |from: f64, to: f64| from + share * (to - from);
    Some([blend(a.x(), b.x()), blend(a.y(), b.y()), blend(a.z(), b.z())])
}

fn true_state(car: &Car) -> TrueState {
    let state = &car.state;
    let rear = car.rear_axle();
    let to_body = state.attitude.matrix().transpose();
    let acceleration = to_body * state.acceleration_mps2;
    TrueState {
        position_m: rear.position_m.into(),
        centre_of_mass_m: state.position_m.into(),
        heading_rad: state.attitude.yaw_rad(),
        velocity_mps: rear.velocity_mps.into(),
        speed_mps: (to_body * rear.velocity_mps).x,
        yaw_rate_rps: state.rate_rps.z,
        longitudinal_acceleration_mps2: acceleration.x,
        lateral_acceleration_mps2: acceleration.y,
    }
}
