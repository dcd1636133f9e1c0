//! From samples to metrics.

use crate::Metrics;
use crate::limits::EMERGENCY_STOP_EVENT;
use crate::reference::{Reference, heading_difference};
use crate::sample::{BelievedPose, Errors, Sample};
use crate::signal::{LimitCycle, LowPass, Magnitudes, Spread, TurningPoints, Window};
use skidpad_geo::wrap_angle;
use std::collections::VecDeque;
use std::sync::Arc;

/// Time between two samples, s.
pub const SAMPLE_PERIOD_S: f64 = 0.01;

/// A car slower than this stands, m/s (Apollo's control grading uses the same bound).
pub const STANDSTILL_MPS: f64 = 0.03;

/// Below this the direction of motion is not told from noise, m/s.
const COURSE_MPS: f64 = 0.5;

/// A car must stand this long at the end of the run to have stopped, samples.
const STOPPED_SAMPLES: u32 = 50;

/// True poses are kept this long to compare late measurements with, samples.
const HISTORY_SAMPLES: usize = 256;

/// Cut-off and gap of steering reversals (SAE J2944; Markkula & Engström 2006).
const REVERSAL_CUTOFF_HZ: f64 = 0.6;
const REVERSAL_GAP_DEG: f64 = 2.0;

/// Watches a run, sample by sample.
///
/// ```
/// use skidpad_score::{Sample, Scorer, TrueState};
/// let mut scorer = Scorer::new(None);
/// for i in 0..=100 {
///     let truth = TrueState { speed_mps: 2.0, ..Default::default() };
///     scorer.observe(&Sample { time_s: f64::from(i) * 0.01, truth, ..Default::default() });
/// }
/// assert!((scorer.finish().distance_m - 2.0).abs() < 1e-9);
/// ```
#[derive(Clone, Debug)]
pub struct Scorer {
    reference: Option<Arc<Reference>>,
    last: Option<Sample>,
    near_m: f64,
    believed_near_m: f64,
    counting: bool,
    samples: u64,
    engaged_samples: u64,
    standing_samples: u32,
    disengagements: u64,
    farthest_station_m: f64,
    last_errors: Errors,

    travelled_m: f64,
    /// Forward minus backward distance, and its largest value so far.
    forward_m: f64,
    farthest_forward_m: f64,
    rollback_m: f64,
    top_speed_mps: f64,
    /// Heading since the start, turns added up.
    turned_rad: f64,
    most_turned_rad: f64,
    emergency: Emergency,

    lateral: Spread,
    lateral_magnitudes: Magnitudes,
    lateral_cg: Spread,
    believed_lateral: Spread,
    heading: Spread,
    course: Spread,
    sideslip: Spread,
    speed: Spread,
    speed_by_time: Spread,
    station: Spread,
    limit_cycle: LimitCycle,

    history: VecDeque<TruePose>,
    localization: Spread,
    localization_heading: Spread,
    localization_age: Spread,

    longitudinal: Comfort,
    lateral_acceleration: Comfort,
    steering: Steering,
    pedals: Pedals,
}

#[derive(Clone, Copy, Debug)]
struct TruePose {
    time_s: f64,
    x_m: f64,
    y_m: f64,
    heading_rad: f64,
}

/// What happens after the first emergency stop.
#[derive(Clone, Debug, Default)]
enum Emergency {
    #[default]
    None,
    Stopping {
        from: Box<EmergencyStart>,
        stopped: Option<(f64, f64)>,
    },
}

#[derive(Clone, Debug)]
struct EmergencyStart {
    time_s: f64,
    travelled_m: f64,
    speed_mps: f64,
    x_m: f64,
    y_m: f64,
    line_rad: f64,
    turned_rad: f64,
    drift_m: f64,
    heading_change_rad: f64,
}

/// Acceleration along one axis.
#[derive(Clone, Debug, Default)]
struct Comfort {
    tenth: Window<10>,
    half: Window<50>,
    highest_mps2: f64,
    lowest_mps2: f64,
    jerk: Spread,
}

impl Comfort {
    fn push(&mut self, acceleration_mps2: f64) {
        self.tenth.push(acceleration_mps2);
        let mean = self.tenth.mean();
        // `max` and `min` leave a NaN, from a window not yet full, out.
        self.highest_mps2 = self.highest_mps2.max(mean);
        self.lowest_mps2 = self.lowest_mps2.min(mean);
        if let Some(before) = self.half.push(acceleration_mps2) {
            self.jerk.push((acceleration_mps2 - before) / 0.5);
        }
    }
}

#[derive(Clone, Debug)]
struct Steering {
    rate_dps: Spread,
    command_pct: Spread,
    saturated: u64,
    low_pass: LowPass,
    turning_points: TurningPoints,
    reversals: u64,
}

impl Default for Steering {
    fn default() -> Self {
        Steering {
            rate_dps: Spread::default(),
            command_pct: Spread::default(),
            saturated: 0,
            low_pass: LowPass::new(REVERSAL_CUTOFF_HZ, 1.0 / SAMPLE_PERIOD_S),
            turning_points: TurningPoints::new(REVERSAL_GAP_DEG),
            reversals: 0,
        }
    }
}

#[derive(Clone, Debug, Default)]
struct Pedals {
    throttle_pct: Spread,
    brake_pct: Spread,
    /// Distance travelled while the stack drives.
    driven_m: f64,
    /// The pedal in use last: throttle or not.
    throttle_last: Option<bool>,
    alternations: u64,
}

impl Scorer {
    /// A scorer that follows `reference`; without one only what needs none is measured.
    pub fn new(reference: Option<Arc<Reference>>) -> Self {
        let start_m = reference.as_ref().map_or(0.0, |r| r.start_station_m());
        Scorer {
            reference,
            last: None,
            near_m: start_m,
            believed_near_m: start_m,
            counting: false,
            samples: 0,
            engaged_samples: 0,
            standing_samples: 0,
            disengagements: 0,
            farthest_station_m: f64::NEG_INFINITY,
            last_errors: Errors::NONE,
            travelled_m: 0.0,
            forward_m: 0.0,
            farthest_forward_m: 0.0,
            rollback_m: 0.0,
            top_speed_mps: 0.0,
            turned_rad: 0.0,
            most_turned_rad: 0.0,
            emergency: Emergency::None,
            lateral: Spread::default(),
            lateral_magnitudes: Magnitudes::default(),
            lateral_cg: Spread::default(),
            believed_lateral: Spread::default(),
            heading: Spread::default(),
            course: Spread::default(),
            sideslip: Spread::default(),
            speed: Spread::default(),
            speed_by_time: Spread::default(),
            station: Spread::default(),
            limit_cycle: LimitCycle::default(),
            history: VecDeque::with_capacity(HISTORY_SAMPLES),
            localization: Spread::default(),
            localization_heading: Spread::default(),
            localization_age: Spread::default(),
            longitudinal: Comfort::default(),
            lateral_acceleration: Comfort::default(),
            steering: Steering::default(),
            pedals: Pedals::default(),
        }
    }

    /// Takes the next sample, [`SAMPLE_PERIOD_S`] after the one before, and returns its errors.
    ///
    /// Errors are computed whenever there is a reference; they count for the metrics
    /// ([`Errors::counted`]) while the stack drives, the car is between the ends of the reference, and
    /// the car or the published trajectory moves.
    pub fn observe(&mut self, sample: &Sample) -> Errors {
        self.move_on(sample);
        self.watch_comfort(sample);
        let mut errors = Errors::NONE;
        self.compare_belief(sample, &mut errors);
        self.compare_with_reference(sample, &mut errors);
        self.count(sample, &errors);
        self.last = Some(*sample);
        self.last_errors = errors;
        errors
    }

    /// Tells of an event of the run that the metrics depend on: the first `estop` starts the stopping
    /// distance. Other names are ignored. Call it before the sample that follows the event.
    pub fn event(&mut self, time_s: f64, name: &str) {
        if name != EMERGENCY_STOP_EVENT || !matches!(self.emergency, Emergency::None) {
            return;
        }
        let last = self.last.unwrap_or_default();
        // The event may lie between two samples.
        let ahead_s = (time_s - last.time_s).clamp(0.0, SAMPLE_PERIOD_S);
        let truth = last.truth;
        self.emergency = Emergency::Stopping {
            from: Box::new(EmergencyStart {
                time_s,
                travelled_m: self.travelled_m + truth.speed_mps.abs() * ahead_s,
                speed_mps: truth.speed_mps.abs(),
                x_m: truth.position_m[0],
                y_m: truth.position_m[1],
                line_rad: course_rad(&last).unwrap_or(truth.heading_rad),
                turned_rad: self.turned_rad,
                drift_m: 0.0,
                heading_change_rad: 0.0,
            }),
            stopped: None,
        };
    }

    /// The metrics of the run so far.
    pub fn finish(mut self) -> Metrics {
        self.lateral_magnitudes.sort();
        let seconds = |samples: u64| samples as f64 * SAMPLE_PERIOD_S;
        let engaged_s = seconds(self.engaged_samples);
        let per = |count: u64, of: f64| if of > 0.0 { count as f64 / of } else { f64::NAN };
        let stopped = self.standing_samples >= STOPPED_SAMPLES;
        let at_rest = |value: f64| if stopped { value } else { f64::NAN };
        let mut metrics = Metrics {
            stopped,
            duration_s: seconds(self.samples.saturating_sub(1)),
            engaged_s,
            counted_s: seconds(self.lateral.count()),
            disengagements: self.disengagements as f64,
            distance_m: self.travelled_m,
            top_speed_mps: self.top_speed_mps,
            lateral_error_rms_m: self.lateral.rms(),
            lateral_error_max_m: self.lateral.max(),
            lateral_error_mean_m: self.lateral.mean(),
            lateral_error_p50_m: self.lateral_magnitudes.percentile(50.0),
            lateral_error_p95_m: self.lateral_magnitudes.percentile(95.0),
            lateral_error_p99_m: self.lateral_magnitudes.percentile(99.0),
            lateral_error_cg_rms_m: self.lateral_cg.rms(),
            lateral_error_cg_max_m: self.lateral_cg.max(),
            lateral_error_within_0_1_m_pct: self.lateral_magnitudes.within_pct(0.1),
            lateral_error_within_0_3_m_pct: self.lateral_magnitudes.within_pct(0.3),
            lateral_error_within_0_5_m_pct: self.lateral_magnitudes.within_pct(0.5),
            believed_lateral_error_rms_m: self.believed_lateral.rms(),
            believed_lateral_error_max_m: self.believed_lateral.max(),
            heading_error_rms_rad: self.heading.rms(),
            heading_error_max_rad: self.heading.max(),
            heading_error_rms_deg: self.heading.rms().to_degrees(),
            heading_error_max_deg: self.heading.max().to_degrees(),
            course_error_rms_deg: self.course.rms().to_degrees(),
            course_error_max_deg: self.course.max().to_degrees(),
            sideslip_rms_deg: self.sideslip.rms().to_degrees(),
            sideslip_max_deg: self.sideslip.max().to_degrees(),
            speed_error_rms_mps: self.speed.rms(),
            speed_error_max_mps: self.speed.max(),
            speed_error_mean_mps: self.speed.mean(),
            speed_error_by_time_rms_mps: self.speed_by_time.rms(),
            speed_error_by_time_max_mps: self.speed_by_time.max(),
            station_error_rms_m: self.station.rms(),
            station_error_max_m: self.station.max(),
            station_error_mean_m: self.station.mean(),
            end_lateral_error_m: at_rest(self.last_errors.lateral_m),
            end_heading_error_deg: at_rest(self.last_errors.heading_rad).to_degrees(),
            heading_change_max_deg: self.most_turned_rad.to_degrees(),
            rollback_max_m: self.rollback_m,
            localization_error_rms_m: self.localization.rms(),
            localization_error_max_m: self.localization.max(),
            localization_heading_error_rms_deg: self.localization_heading.rms().to_degrees(),
            localization_heading_error_max_deg: self.localization_heading.max().to_degrees(),
            localization_age_mean_s: self.localization_age.mean(),
            localization_age_max_s: self.localization_age.max(),
            acceleration_max_mps2: self.longitudinal.highest_mps2,
            deceleration_max_mps2: -self.longitudinal.lowest_mps2,
            lateral_acceleration_max_mps2: self
                .lateral_acceleration
                .highest_mps2
                .max(-self.lateral_acceleration.lowest_mps2),
            longitudinal_jerk_max_mps3: self.longitudinal.jerk.max(),
            lateral_jerk_max_mps3: self.lateral_acceleration.jerk.max(),
            steering_wheel_rate_rms_dps: self.steering.rate_dps.rms(),
            steering_wheel_rate_max_dps: self.steering.rate_dps.max(),
            steering_reversals_1pmin: per(self.steering.reversals, engaged_s / 60.0),
            steering_command_rms_pct: self.steering.command_pct.rms(),
            steering_saturated_pct: 100.0 * per(self.steering.saturated, self.engaged_samples as f64),
            throttle_command_rms_pct: self.pedals.throttle_pct.rms(),
            throttle_command_max_pct: self.pedals.throttle_pct.max(),
            brake_command_rms_pct: self.pedals.brake_pct.rms(),
            brake_command_max_pct: self.pedals.brake_pct.max(),
            pedal_alternations_1pkm: per(self.pedals.alternations, self.pedals.driven_m / 1000.0),
            ..Metrics::default()
        };
        if let Some(last) = &self.last {
            metrics.final_speed_mps = last.truth.speed_mps;
        }
        if let Some(reference) = &self.reference {
            let (start_m, end_m) = (reference.start_station_m(), reference.end_station_m());
            let progress = (self.farthest_station_m - start_m) / (end_m - start_m);
            metrics.progress_pct = 100.0 * progress.clamp(0.0, 1.0);
            // A reference that ends at speed asks for no stop.
            if reference.profile().speed_mps(end_m) == 0.0 {
                metrics.end_station_error_m = at_rest(self.last_errors.station_m - end_m);
            }
        }
        if let Emergency::Stopping { from, stopped } = &self.emergency {
            metrics.stop_drift_max_m = from.drift_m;
            metrics.stop_heading_change_max_deg = from.heading_change_rad.to_degrees();
            if let Some((time_s, travelled_m)) = *stopped {
                let distance_m = (travelled_m - from.travelled_m).max(0.0);
                metrics.stop_distance_m = distance_m;
                metrics.stop_time_s = time_s - from.time_s;
                if distance_m > 0.0 {
                    metrics.stop_deceleration_mps2 = from.speed_mps * from.speed_mps / (2.0 * distance_m);
                }
            }
        }
        if let Some((amplitude_m, period_s)) = self.limit_cycle.found() {
            metrics.limit_cycle = true;
            metrics.limit_cycle_amplitude_m = amplitude_m;
            metrics.limit_cycle_period_s = period_s;
        }
        metrics
    }

    /// Odometer, heading, standstill.
    fn move_on(&mut self, sample: &Sample) {
        let truth = &sample.truth;
        self.samples += 1;
        self.engaged_samples += u64::from(sample.engaged);
        self.top_speed_mps = self.top_speed_mps.max(truth.speed_mps.abs());
        let standing = truth.speed_mps.abs() < STANDSTILL_MPS;
        self.standing_samples = if standing { self.standing_samples + 1 } else { 0 };
        if let Some(last) = &self.last {
            self.disengagements += u64::from(last.engaged && !sample.engaged);
            let dt_s = sample.time_s - last.time_s;
            let step_m = 0.5 * (truth.speed_mps + last.truth.speed_mps) * dt_s;
            self.travelled_m += 0.5 * (truth.speed_mps.abs() + last.truth.speed_mps.abs()) * dt_s;
            self.forward_m += step_m;
            self.farthest_forward_m = self.farthest_forward_m.max(self.forward_m);
            self.rollback_m = self.rollback_m.max(self.farthest_forward_m - self.forward_m);
            self.turned_rad += wrap_angle(truth.heading_rad - last.truth.heading_rad);
            self.most_turned_rad = self.most_turned_rad.max(self.turned_rad.abs());
            if sample.engaged {
                self.pedals.driven_m += step_m.abs();
            }
        }
        if let Emergency::Stopping { from, stopped } = &mut self.emergency {
            if stopped.is_none() {
                let (sin, cos) = libm::sincos(from.line_rad);
                let (dx, dy) = (truth.position_m[0] - from.x_m, truth.position_m[1] - from.y_m);
                from.drift_m = from.drift_m.max((dy * cos - dx * sin).abs());
                let change_rad = (self.turned_rad - from.turned_rad).abs();
                from.heading_change_rad = from.heading_change_rad.max(change_rad);
            }
            if standing && stopped.is_none() {
                *stopped = Some((sample.time_s, self.travelled_m));
            }
        }
    }

    fn watch_comfort(&mut self, sample: &Sample) {
        self.longitudinal.push(sample.truth.longitudinal_acceleration_mps2);
        self.lateral_acceleration.push(sample.truth.lateral_acceleration_mps2);
        if !sample.engaged {
            return;
        }
        let steering = &mut self.steering;
        steering.rate_dps.push(sample.steering_wheel_rate_rps.to_degrees());
        steering.command_pct.push(sample.command.steering_pct);
        steering.saturated += u64::from(sample.command.steering_pct.abs() >= 99.0);
        let smooth_deg = steering.low_pass.push(sample.steering_wheel_rad.to_degrees());
        steering.reversals += u64::from(steering.turning_points.push(sample.time_s, smooth_deg).is_some());

        let pedals = &mut self.pedals;
        pedals.throttle_pct.push(sample.command.throttle_pct);
        pedals.brake_pct.push(sample.command.brake_pct);
        let in_use = match (sample.command.throttle_pct > 1.0, sample.command.brake_pct > 1.0) {
            (true, false) => Some(true),
            (false, true) => Some(false),
            _ => None,
        };
        if let Some(throttle) = in_use {
            pedals.alternations += u64::from(pedals.throttle_last == Some(!throttle));
            pedals.throttle_last = Some(throttle);
        }
    }

    /// The believed pose against the true one at the measurement time; each pose counts once.
    fn compare_belief(&mut self, sample: &Sample, errors: &mut Errors) {
        let truth = &sample.truth;
        if self.history.len() == HISTORY_SAMPLES {
            self.history.pop_front();
        }
        self.history.push_back(TruePose {
            time_s: sample.time_s,
            x_m: truth.position_m[0],
            y_m: truth.position_m[1],
            heading_rad: truth.heading_rad,
        });
        let Some(believed) = &sample.believed else { return };
        self.localization_age.push(sample.time_s - believed.measured_at_s);
        if let Some(was) = self.true_pose_at(believed.measured_at_s) {
            let [x_m, y_m, _] = believed.position_m;
            errors.localization_m = libm::hypot(x_m - was.x_m, y_m - was.y_m);
            errors.localization_heading_rad = heading_difference(believed.heading_rad, was.heading_rad);
        }
        let measured = |b: &BelievedPose| b.measured_at_s;
        let seen = self.last.as_ref().and_then(|last| last.believed.as_ref()).map(measured);
        if seen != Some(believed.measured_at_s) {
            self.localization.push(errors.localization_m);
            self.localization_heading.push(errors.localization_heading_rad);
        }
    }

    /// Linear between samples; `None` outside the history.
    fn true_pose_at(&self, time_s: f64) -> Option<TruePose> {
        let after = self.history.partition_point(|pose| pose.time_s < time_s);
        let b = *self.history.get(after)?;
        if b.time_s == time_s {
            return Some(b);
        }
        let a = self.history.get(after.checked_sub(1)?)?;
        let part = (time_s - a.time_s) / (b.time_s - a.time_s);
        Some(TruePose {
            time_s,
            x_m: a.x_m + part * (b.x_m - a.x_m),
            y_m: a.y_m + part * (b.y_m - a.y_m),
            heading_rad: wrap_angle(a.heading_rad + part * wrap_angle(b.heading_rad - a.heading_rad)),
        })
    }

    fn compare_with_reference(&mut self, sample: &Sample, errors: &mut Errors) {
        let Some(reference) = &self.reference else { return };
        let truth = &sample.truth;
        let here = reference.locate(truth.position_m[0], truth.position_m[1], self.near_m);
        self.near_m = here.station_m;
        let cg = reference.locate(truth.centre_of_mass_m[0], truth.centre_of_mass_m[1], here.station_m);
        let path_rad = here.point.heading_rad;
        errors.station_m = here.station_m;
        errors.reference_x_m = here.point.x_m;
        errors.reference_y_m = here.point.y_m;
        errors.reference_heading_rad = path_rad;
        errors.reference_curvature_1pm = here.point.curvature_1pm;
        errors.reference_speed_mps = reference.profile().speed_mps(here.station_m);
        errors.lateral_m = here.lateral_m;
        errors.lateral_cg_m = cg.lateral_m;
        errors.heading_rad = heading_difference(truth.heading_rad, path_rad);
        errors.speed_mps = truth.speed_mps - errors.reference_speed_mps;
        if let Some(course_rad) = course_rad(sample) {
            errors.course_rad = heading_difference(course_rad, path_rad);
            errors.sideslip_rad = heading_difference(course_rad, truth.heading_rad);
        }
        if let Some(wanted_m) = sample.reference_station_m {
            errors.station_error_m = reference.station_difference(here.station_m, wanted_m);
            let wanted_m = here.station_m - errors.station_error_m;
            errors.speed_by_time_mps = truth.speed_mps - reference.profile().speed_mps(wanted_m);
        }
        if let Some(believed) = &sample.believed {
            // A belief may be far from the truth, so its projection keeps its own neighbourhood.
            let [x_m, y_m, _] = believed.position_m;
            let located = reference.locate(x_m, y_m, self.believed_near_m);
            self.believed_near_m = located.station_m;
            errors.believed_lateral_m = located.lateral_m;
        }
        let inside = (reference.start_station_m()..=reference.end_station_m()).contains(&here.station_m);
        errors.counted = sample.engaged && inside && self.moves(sample);
    }

    /// The car or the published trajectory moves.
    fn moves(&self, sample: &Sample) -> bool {
        if sample.truth.speed_mps.abs() >= STANDSTILL_MPS {
            return true;
        }
        let Some(last) = &self.last else { return false };
        match (sample.reference_station_m, last.reference_station_m) {
            (Some(now_m), Some(before_m)) => {
                (now_m - before_m).abs() >= STANDSTILL_MPS * (sample.time_s - last.time_s)
            }
            _ => false,
        }
    }

    fn count(&mut self, sample: &Sample, errors: &Errors) {
        if sample.engaged && !errors.station_m.is_nan() {
            self.farthest_station_m = self.farthest_station_m.max(errors.station_m);
        }
        if !errors.counted {
            if self.counting {
                self.limit_cycle.interrupt();
            }
            self.counting = false;
            return;
        }
        self.counting = true;
        self.lateral.push(errors.lateral_m);
        self.lateral_magnitudes.push(errors.lateral_m);
        self.lateral_cg.push(errors.lateral_cg_m);
        self.believed_lateral.push(errors.believed_lateral_m);
        self.heading.push(errors.heading_rad);
        self.course.push(errors.course_rad);
        self.sideslip.push(errors.sideslip_rad);
        // An emergency stop suspends the plan in time, not the path.
        if matches!(self.emergency, Emergency::None) {
            self.speed.push(errors.speed_mps);
            self.speed_by_time.push(errors.speed_by_time_mps);
            self.station.push(errors.station_error_m);
        }
        self.limit_cycle.push(sample.time_s, errors.lateral_m);
    }
}

/// Direction in which the rear axle moves, turned round when it moves backward, rad from east.
fn course_rad(sample: &Sample) -> Option<f64> {
    let [east, north, _] = sample.truth.velocity_mps;
    if east * east + north * north < COURSE_MPS * COURSE_MPS {
        return None;
    }
    let forward = if sample.truth.speed_mps < 0.0 { -1.0 } else { 1.0 };
    Some(libm::atan2(forward * north, forward * east))
}

#[cfg(test)]
mod tests;
