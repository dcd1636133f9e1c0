//! The GNSS/INS receiver.

use crate::imu::{SAMPLE_S, Sample};
use crate::noise::{GaussMarkov, White};
use crate::params::{DEG, DEG_PER_H, MG, PER_SQRT_H};
use crate::unaided::NavError;
use crate::{Imu, ImuParams, ParameterError, ReceiverParams, Truth};
use nalgebra::{Matrix3, Quaternion, UnitQuaternion, Vector3};
use skidpad_geo::EnuFrame;
use skidpad_kernel::{LatencyQueue, NoiseStream, SimTime};
use skidpad_novatel::{Corrimudatas, GpsTime, InsStatus, Inspvas};
use std::time::Duration;

/// Solutions are made at multiples of this, ns: 100 Hz.
const SOLUTION_NS: u64 = 10_000_000;

/// A solution and the corrected increments of the IMU sample that ended at the same instant: both
/// carry the same week and seconds, since Apollo's driver pairs them by exact equality.
#[derive(Clone, Debug, PartialEq)]
pub struct ReceiverOutput {
    /// The instant that was measured, which is also the one in the stamps.
    pub measured_at: SimTime,
    /// Position of the rear-axle centre on the ground plane (no vertical offset), its velocity, and the
    /// attitude of the body, from true north and the true vertical at that place.
    pub inspvas: Inspvas,
    /// Increments of the last 5 ms at the IMU (not at the rear axle), less what the receiver believes
    /// of gravity, Earth rate, Coriolis acceleration and biases.
    pub corrimudatas: Corrimudatas,
}

/// Where the corrections of the inertial solution come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aiding {
    /// Satellites are tracked and fixes are used.
    Fixed,
    /// No satellites: the errors grow as those of an unaided inertial system.
    Unaided,
    /// Fixes are used again and take the error of the outage away.
    Refixing,
}

/// A GNSS/INS receiver: the navigation solution at 100 Hz, late and wrong as the real one.
///
/// **Aided**, the error of the solution is a Gauss–Markov drift plus white noise. The filter knows the
/// biases of its IMU up to the residual of [`ReceiverParams`]. **Unaided**
/// ([`Receiver::begin_outage`]), the error starts where it is and goes through the linearised strapdown
/// equations, driven by what the IMU really does wrong less the biases as they were known at the start.
/// When satellites return, the receiver stays unaided for `reacquisition_s`; then the error that was
/// gained falls by e in each `refix_time_constant_s`.
///
/// The receiver is always aligned: status 3 (good), or 2 (high variance) while its expected azimuth
/// error is above the threshold.
#[derive(Clone, Debug)]
pub struct Receiver {
    params: ReceiverParams,
    imu: Imu,
    epoch_unix_ns: i64,
    position_drift: GaussMarkov<3>,
    velocity_drift: GaussMarkov<3>,
    attitude_drift: GaussMarkov<3>,
    position_white: White<3>,
    velocity_white: White<3>,
    latency_jitter: NoiseStream,
    residual: Biases,
    believed: Biases,
    /// Angle random walk of the IMU, rad/√s, for the expected azimuth error.
    angle_random_walk: f64,
    state: State,
    on_its_way: LatencyQueue<(SimTime, ReceiverOutput)>,
    last_delivery: SimTime,
    silent_until: SimTime,
}

/// Biases in body axes, rad/s and m/s².
#[derive(Clone, Copy, Debug)]
struct Biases {
    gyro: Vector3<f64>,
    accel: Vector3<f64>,
}

#[derive(Clone, Copy, Debug)]
enum State {
    Fixed,
    Unaided {
        since: SimTime,
        until: SimTime,
        error: NavError,
    },
    /// `unaided_s` is how long the outage was, `excess` what it added to the error.
    Refixing {
        since: SimTime,
        unaided_s: f64,
        excess: NavError,
    },
}

impl Receiver {
    /// A receiver on a map in `frame`, in the run with `seed`, whose t = 0 is `epoch_unix_s`.
    ///
    /// # Errors
    /// If a parameter is outside its range, or the epoch before the start of GPS time.
    pub fn new(
        params: ReceiverParams,
        imu: ImuParams,
        frame: &EnuFrame,
        epoch_unix_s: f64,
        seed: u64,
    ) -> Result<Self, ParameterError> {
        params.validate()?;
        let epoch_unix_ns = epoch_ns(epoch_unix_s)?;
        let p = &params;
        let angle_random_walk = imu.gyro.angle_random_walk_deg_per_sqrt_h * DEG * PER_SQRT_H;
        let imu = Imu::new(&imu, frame, seed)?;
        let drift = |channel, sigma, correlation_s| GaussMarkov::new(seed, channel, sigma, correlation_s);
        let horizontal = p.position_drift_horizontal_m;
        let position = [horizontal, horizontal, p.position_drift_vertical_m];
        let attitude = [p.tilt_drift_deg * DEG, p.tilt_drift_deg * DEG, p.azimuth_drift_deg * DEG];
        let white = p.position_white_horizontal_m;
        let once = |channel, sigma| Vector3::from(White::new(seed, channel, [sigma; 3]).at(0));
        let mut receiver = Receiver {
            position_drift: drift("gnss.position.drift", position, p.position_correlation_s),
            velocity_drift: drift("gnss.velocity.drift", [p.velocity_drift_mps; 3], p.velocity_correlation_s),
            attitude_drift: drift("gnss.attitude.drift", attitude, p.attitude_correlation_s),
            position_white: White::new(
                seed,
                "gnss.position.white",
                [white, white, p.position_white_vertical_m],
            ),
            velocity_white: White::new(seed, "gnss.velocity.white", [p.velocity_white_mps; 3]),
            latency_jitter: NoiseStream::new(seed, "gnss.latency"),
            residual: Biases {
                gyro: once("gnss.residual.gyro", p.residual_gyro_bias_deg_per_h * DEG_PER_H),
                accel: once("gnss.residual.accel", p.residual_accel_bias_mg * MG),
            },
            believed: Biases { gyro: Vector3::zeros(), accel: Vector3::zeros() },
            angle_random_walk,
            imu,
            params,
            epoch_unix_ns,
            state: State::Fixed,
            on_its_way: LatencyQueue::new(),
            last_delivery: SimTime::ZERO,
            silent_until: SimTime::ZERO,
        };
        receiver.learn_biases();
        Ok(receiver)
    }

    /// Takes in the truth at `now`; to be called each millisecond (any step that meets all multiples of
    /// 5 ms will do). At multiples of 10 ms a solution is made and sent on its way.
    pub fn observe(&mut self, now: SimTime, truth: &Truth) {
        let Some(sample) = self.imu.step(now, truth) else { return };
        self.navigate(now, &sample);
        if now.as_ns().is_multiple_of(SOLUTION_NS) {
            let output = self.solution(now, truth, &sample);
            let index = now.as_ns() / SOLUTION_NS;
            let mut latency_s = self.params.latency_s;
            if self.params.latency_jitter_s > 0.0 {
                latency_s += self.params.latency_jitter_s * self.latency_jitter.uniforms::<1>(index)[0];
            }
            self.last_delivery = self.last_delivery.max(now + Duration::from_nanos((latency_s * 1e9) as u64));
            self.on_its_way.push(self.last_delivery, (self.last_delivery, output));
        }
    }

    /// The next solution that has arrived by `now`. Call it until it gives `None`.
    pub fn poll(&mut self, now: SimTime) -> Option<ReceiverOutput> {
        while let Some((delivered_at, output)) = self.on_its_way.pop_due(now) {
            if delivered_at >= self.silent_until {
                return Some(output);
            }
        }
        None
    }

    /// All satellites are lost from `now` for `duration`. An outage that is already there is prolonged
    /// if that ends later.
    pub fn begin_outage(&mut self, now: SimTime, duration: Duration) {
        let end = now + duration + Duration::from_nanos((self.params.reacquisition_s * 1e9) as u64);
        match &mut self.state {
            State::Unaided { until, .. } => *until = end.max(*until),
            _ => {
                let error = self.error(now);
                self.state = State::Unaided { since: now, until: end, error };
            }
        }
    }

    /// The receiver sends nothing from `now` for `duration`; what would have arrived is lost. Inside,
    /// it goes on navigating.
    pub fn silence(&mut self, now: SimTime, duration: Duration) {
        self.silent_until = self.silent_until.max(now + duration);
    }

    /// Where the corrections of the solution come from now.
    pub fn aiding(&self) -> Aiding {
        match self.state {
            State::Fixed => Aiding::Fixed,
            State::Unaided { .. } => Aiding::Unaided,
            State::Refixing { .. } => Aiding::Refixing,
        }
    }

    /// Moves the state of aiding to `now` and, unaided, the error through the sample.
    fn navigate(&mut self, now: SimTime, sample: &Sample) {
        if let State::Unaided { since, until, error } = &mut self.state {
            let earth_rate = self.imu.earth().rate;
            error.propagate(sample, &self.believed.gyro, &self.believed.accel, &earth_rate);
            if now >= *until {
                let (unaided_s, error) = (now.since(*since).as_secs_f64(), *error);
                let excess = error.plus(-1.0, &self.drift(now));
                self.state = State::Refixing { since: now, unaided_s, excess };
            }
        }
        if let State::Refixing { since, .. } = self.state
            && self.excess_share(since, now) < 1e-6
        {
            self.state = State::Fixed;
        }
        if !matches!(self.state, State::Unaided { .. }) {
            self.learn_biases();
        }
    }

    fn learn_biases(&mut self) {
        let (gyro, accel) = self.imu.quiescent_errors();
        self.believed = Biases { gyro: gyro - self.residual.gyro, accel: accel - self.residual.accel };
    }

    /// Share of an outage's error that is left at `now`, if fixes are used again since `since`.
    fn excess_share(&self, since: SimTime, now: SimTime) -> f64 {
        let time_constant_s = self.params.refix_time_constant_s;
        if time_constant_s == 0.0 {
            return 0.0;
        }
        libm::exp(-now.since(since).as_secs_f64() / time_constant_s)
    }

    /// Drift of the aided solution.
    fn drift(&mut self, now: SimTime) -> NavError {
        NavError {
            position: self.position_drift.at(now).into(),
            velocity: self.velocity_drift.at(now).into(),
            attitude: self.attitude_drift.at(now).into(),
        }
    }

    /// Error of the solution without its white part.
    fn error(&mut self, now: SimTime) -> NavError {
        match self.state {
            State::Fixed => self.drift(now),
            State::Unaided { error, .. } => error,
            State::Refixing { since, excess, .. } => {
                let share = self.excess_share(since, now);
                self.drift(now).plus(share, &excess)
            }
        }
    }

    fn solution(&mut self, now: SimTime, truth: &Truth, sample: &Sample) -> ReceiverOutput {
        let mut error = self.error(now);
        if !matches!(self.state, State::Unaided { .. }) {
            // White noise is that of the fixes.
            let index = now.as_ns() / SOLUTION_NS;
            error.position += Vector3::from(self.position_white.at(index));
            error.velocity += Vector3::from(self.velocity_white.at(index));
        }
        let earth = self.imu.earth();
        let place = earth.to_geodetic(Vector3::from(truth.position_enu_m) + error.position);
        let velocity = earth.map_to_level * (Vector3::from(truth.velocity_enu_mps) + error.velocity);
        let [w, x, y, z] = truth.quaternion_wxyz;
        let attitude = turned(&UnitQuaternion::new_unchecked(Quaternion::new(w, x, y, z)), &error.attitude);
        let angles = Angles::of(&(earth.map_to_level * attitude.to_rotation_matrix().matrix()));
        let GpsTime { week, seconds } = GpsTime::from_unix_ns(self.epoch_unix_ns + now.as_ns() as i64)
            .expect("the epoch is one of GPS time, and now is later");
        ReceiverOutput {
            measured_at: now,
            inspvas: Inspvas {
                week,
                seconds,
                lat_deg: place.lat_deg,
                lon_deg: place.lon_deg,
                height_m: place.height_m,
                north_mps: velocity.y,
                east_mps: velocity.x,
                up_mps: velocity.z,
                roll_deg: angles.roll_deg,
                pitch_deg: angles.pitch_deg,
                azimuth_deg: angles.azimuth_deg,
                status: self.status(now).wire(),
            },
            corrimudatas: self.corrected(week, seconds, sample, &error.attitude),
        }
    }

    /// The IMU sample less what the receiver believes to be biases, Earth rate, gravity and Coriolis
    /// acceleration, in right, forward, up axes. A wrong attitude leaves a part of gravity in it.
    fn corrected(
        &self,
        week: u32,
        seconds: f64,
        sample: &Sample,
        attitude_error: &Vector3<f64>,
    ) -> Corrimudatas {
        let believed_to_body = turned(&sample.attitude, attitude_error).conjugate();
        let earth_rate = believed_to_body * self.imu.earth().rate;
        let free_fall = believed_to_body * sample.free_fall;
        let angle = sample.angle - (self.believed.gyro + earth_rate) * SAMPLE_S;
        let velocity = sample.velocity - (self.believed.accel - free_fall) * SAMPLE_S;
        Corrimudatas {
            week,
            seconds,
            angle_rad: [-angle.y, angle.x, angle.z],
            velocity_mps: [-velocity.y, velocity.x, velocity.z],
        }
    }

    fn status(&self, now: SimTime) -> InsStatus {
        let gained = |unaided_s: f64| {
            let bias = self.params.residual_gyro_bias_deg_per_h * DEG_PER_H * unaided_s;
            bias * bias + self.angle_random_walk * self.angle_random_walk * unaided_s
        };
        let aided = self.params.azimuth_drift_deg * DEG;
        let variance = aided * aided
            + match self.state {
                State::Fixed => 0.0,
                State::Unaided { since, .. } => gained(now.since(since).as_secs_f64()),
                State::Refixing { since, unaided_s, .. } => {
                    let share = self.excess_share(since, now);
                    share * share * gained(unaided_s)
                }
            };
        let threshold = self.params.high_variance_azimuth_deg * DEG;
        if variance > threshold * threshold { InsStatus::HighVariance } else { InsStatus::Good }
    }
}

/// Whole nanoseconds of an epoch that has a GPS time, with a century to run.
fn epoch_ns(epoch_unix_s: f64) -> Result<i64, ParameterError> {
    let expected = "a Unix time from 315964782 (the start of GPS time) to 4294967295 s";
    let error = || ParameterError { name: "epoch_unix_s", value: epoch_unix_s, expected };
    GpsTime::from_unix_s(epoch_unix_s).map(|time| time.to_unix_ns()).map_err(|_| error())
}

/// NovAtel's angles: the vehicle's axes right, forward, up come out of east, north, up by
/// Rz(−azimuth) · Rx(pitch) · Ry(roll).
struct Angles {
    /// About forward, right side down positive.
    roll_deg: f64,
    /// About right, nose up positive.
    pitch_deg: f64,
    /// From true north, clockwise, 0 to 360.
    azimuth_deg: f64,
}

impl Angles {
    /// From the matrix that turns body axes (forward, left, up) into east, north, up.
    fn of(body_to_level: &Matrix3<f64>) -> Self {
        let forward = body_to_level.column(0);
        let azimuth_deg = libm::atan2(forward[0], forward[1]) / DEG;
        let azimuth_deg = if azimuth_deg < 0.0 { azimuth_deg + 360.0 } else { azimuth_deg };
        Angles {
            roll_deg: libm::atan2(body_to_level[(2, 1)], body_to_level[(2, 2)]) / DEG,
            pitch_deg: libm::asin(forward[2].clamp(-1.0, 1.0)) / DEG,
            // A tiny negative angle rounds to 360 itself.
            azimuth_deg: if azimuth_deg >= 360.0 { 0.0 } else { azimuth_deg },
        }
    }
}

/// `attitude`, then turned about the axes of the map by the small rotation vector `by`.
fn turned(attitude: &UnitQuaternion<f64>, by: &Vector3<f64>) -> UnitQuaternion<f64> {
    UnitQuaternion::new_normalize(Quaternion::from_parts(1.0, by * 0.5)) * attitude
}
