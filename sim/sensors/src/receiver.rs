//! The GNSS/INS receiver.

use crate::gnss::{Gnss, seconds};
use crate::imu::{SAMPLE_S, Sample};
use crate::noise::{GaussMarkov, White};
use crate::params::{DEG, DEG_PER_H, MG};
use crate::sigmas::{Growth, Motion, Sigmas};
use crate::unaided::NavError;
use crate::{
    DualAntennaHeading, FixType, GnssSolution, Imu, ImuParams, ImuSample, InsQuality, ParameterError,
    PseudorangePosition, ReceiverOutput, ReceiverParams, Start, Truth,
};
use nalgebra::{Matrix3, Quaternion, UnitQuaternion, Vector3};
use skidpad_geo::EnuFrame;
use skidpad_kernel::{LatencyQueue, NoiseStream, Periodic, SimTime};
use skidpad_novatel::{Corrimudatas, GpsTime, InsStatus, Inspvas};
use std::collections::VecDeque;
use std::time::Duration;

/// Solutions are made at multiples of this, ns: 100 Hz.
const SOLUTION_NS: u64 = 10_000_000;

/// Epochs of the satellite solution are multiples of this, ns: 10 Hz.
const EPOCH_NS: u64 = 100_000_000;

/// The velocity of a satellite solution is this much older than the epoch, in steps of 50 ms: 0.15 s,
/// as the recorded receiver says. \[M\]
const VELOCITY_AGE_STEPS: usize = 3;
const VELOCITY_STEP_NS: u64 = 50_000_000;

/// Velocity error of the satellites alone, per axis, m/s: 0.02 standing, 0.03 rms in all. \[M\], \[R\]
const GNSS_VELOCITY_MPS: f64 = 0.02;

/// Fixes that differ from the inertial solution by more than this many deviations are refused. \[E\]
const GATE: f64 = 5.0;

/// What a coarse alignment at rest leaves, \[roll and pitch, azimuth\], °: as recorded. \[M\]
const COARSE_ALIGNMENT_DEG: [f64; 2] = [0.22, 8.5];

/// Azimuth error of two antennas 2 m apart, °; the exponent meets 0.05° at 4 m. \[R\]
const HEADING_AT_2_M_DEG: f64 = 0.08;
const HEADING_EXPONENT: f64 = 0.678;

/// Satellites in view and in the solution; the recording has 16 in both. \[M\]
const SATELLITES: u8 = 16;

/// Where the corrections of the inertial solution come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aiding {
    /// Not aligned: there is no inertial solution, or only its level is known.
    Aligning,
    /// Satellites are tracked and fixes are used.
    Fixed,
    /// No satellites: the errors grow as those of an unaided inertial system.
    Unaided,
    /// Fixes are used again and take the error of the outage away.
    Refixing,
}

/// A GNSS/INS receiver: the navigation solution at 100 Hz, late and wrong as the real one.
///
/// **Satellites** fix the position by a state machine NONE → SINGLE → PSRDIFF → NARROW_FLOAT →
/// NARROW_INT, each type with its own error; outages, the age of the base station's corrections, and
/// scripted faults move it.
///
/// **Aided** by a fix, the error of the inertial solution is that of the fix, plus white noise. When
/// the type changes, the error goes over to that of the new type: by e in `refix_time_constant_s` where
/// that is better than what the solution is worth, in `hold_time_constant_s` where it is worse. The
/// filter knows the biases of its IMU up to the residual of [`ReceiverParams`]. **Unaided**
/// ([`Receiver::begin_outage`]), the error starts where it is and goes through the linearised strapdown
/// equations, driven by what the IMU really does wrong less the biases as they were known at the start.
/// A fix that contradicts the inertial solution is refused, which is then *solution free* (6).
///
/// **Alignment**: a receiver that starts [`Start::Cold`] is inactive (0) until the first fix, aligns (1)
/// at rest, knows its level but hardly its azimuth (7) until it has moved or a second antenna shows the
/// heading, and is good (3), or of high variance (2) while its expected azimuth error is above the
/// threshold.
#[derive(Clone, Debug)]
pub struct Receiver {
    params: ReceiverParams,
    imu: Imu,
    epoch_unix_ns: i64,
    gnss: Gnss,
    velocity_drift: GaussMarkov<3>,
    attitude_drift: GaussMarkov<3>,
    position_white: White<3>,
    velocity_white: White<3>,
    fix_white: White<3>,
    pseudorange_white: White<3>,
    fix_velocity: White<3>,
    heading_white: White<2>,
    latency_jitter: NoiseStream,
    residual: Biases,
    believed: Biases,
    growth: Growth,
    state: State,
    last_update: SimTime,
    /// What an event's multipath has pulled the inertial solution by, m.
    pulled: Vector3<f64>,
    samples: [Option<ImuSample>; 2],
    velocities: [Vector3<f64>; VELOCITY_AGE_STEPS + 1],
    epoch: Option<GnssSolution>,
    /// Satellite solutions that are being computed, and when they are ready.
    computing: VecDeque<(SimTime, GnssSolution)>,
    /// Pulses on the input MARK1.
    marks: Option<Periodic>,
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
    /// Switched on, no position yet.
    Inactive,
    /// Has a position, finds the vertical.
    Levelling {
        until: SimTime,
    },
    /// Knows the vertical; the azimuth is coarse.
    Level {
        excess: NavError,
    },
    Fixed,
    /// `refusing`: there is a fix, but the filter does not believe it.
    Unaided {
        since: SimTime,
        before: Sigmas,
        motion: Motion,
        error: NavError,
        refusing: bool,
    },
    /// `excess` is what the error was above that of the fix at the beginning, `before` its deviations.
    Refixing {
        since: SimTime,
        before: Sigmas,
        excess: NavError,
        time_constant_s: f64,
    },
}

impl Receiver {
    /// From now on t = 0 is this Unix time: for a stack whose clock becomes known only while it runs.
    ///
    /// # Errors
    /// An epoch before the start of GPS time.
    pub fn set_epoch(&mut self, epoch_unix_s: f64) -> Result<(), ParameterError> {
        self.epoch_unix_ns = epoch_ns(epoch_unix_s)?;
        Ok(())
    }

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
        let growth = Growth::of(&params, &imu);
        let imu = Imu::new(&imu, frame, seed)?;
        let drift = |channel, sigma, correlation_s| GaussMarkov::new(seed, channel, sigma, correlation_s);
        let attitude = [p.tilt_drift_deg * DEG, p.tilt_drift_deg * DEG, p.azimuth_drift_deg * DEG];
        let white = p.position_white_horizontal_m;
        let once = |channel, sigma| Vector3::from(White::new(seed, channel, [sigma; 3]).at(0));
        let marks = p.mark_period_s.map(|period_s| Periodic::new(seconds(period_s), seconds(period_s)));
        let mut receiver = Receiver {
            gnss: Gnss::new(p, seed, p.start == Start::Cold),
            velocity_drift: drift("gnss.velocity.drift", [p.velocity_drift_mps; 3], p.velocity_correlation_s),
            attitude_drift: drift("gnss.attitude.drift", attitude, p.attitude_correlation_s),
            position_white: White::new(
                seed,
                "gnss.position.white",
                [white, white, p.position_white_vertical_m],
            ),
            velocity_white: White::new(seed, "gnss.velocity.white", [p.velocity_white_mps; 3]),
            fix_white: White::new(seed, "gnss.fix.position", [1.0; 3]),
            pseudorange_white: White::new(seed, "gnss.fix.pseudorange", [1.0; 3]),
            fix_velocity: White::new(seed, "gnss.fix.velocity", [GNSS_VELOCITY_MPS; 3]),
            heading_white: White::new(seed, "gnss.fix.heading", [1.0; 2]),
            latency_jitter: NoiseStream::new(seed, "gnss.latency"),
            residual: Biases {
                gyro: once("gnss.residual.gyro", p.residual_gyro_bias_deg_per_h * DEG_PER_H),
                accel: once("gnss.residual.accel", p.residual_accel_bias_mg * MG),
            },
            believed: Biases { gyro: Vector3::zeros(), accel: Vector3::zeros() },
            growth,
            imu,
            epoch_unix_ns,
            state: if params.start == Start::Cold { State::Inactive } else { State::Fixed },
            params,
            last_update: SimTime::ZERO,
            pulled: Vector3::zeros(),
            samples: [None; 2],
            velocities: [Vector3::zeros(); VELOCITY_AGE_STEPS + 1],
            epoch: None,
            computing: VecDeque::new(),
            marks,
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
        if now.as_ns().is_multiple_of(VELOCITY_STEP_NS) {
            self.look_at_satellites(now, truth);
        }
        let Some(sample) = self.imu.step(now, truth) else { return };
        self.samples = [self.samples[1], sample.reported(now)];
        self.navigate(now, truth, &sample);
        if now.as_ns().is_multiple_of(SOLUTION_NS) {
            let output = self.solution(now, truth, &sample);
            let index = now.as_ns() / SOLUTION_NS;
            let mut latency_s = self.params.latency_s;
            if self.params.latency_jitter_s > 0.0 {
                latency_s += self.params.latency_jitter_s * self.latency_jitter.uniforms::<1>(index)[0];
            }
            self.last_delivery = self.last_delivery.max(now + seconds(latency_s));
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
        match self.state {
            State::Fixed | State::Refixing { .. } => self.go_unaided(now, false),
            State::Unaided { ref mut refusing, .. } => *refusing = false,
            State::Inactive | State::Levelling { .. } | State::Level { .. } => (),
        }
        self.gnss.lose(now, duration);
    }

    /// The satellite fix gets no better than `best` from `now` for `duration`; then it climbs back.
    /// [`FixType::None`] is an outage.
    pub fn limit_fix(&mut self, now: SimTime, best: FixType, duration: Duration) {
        match best {
            FixType::None => self.begin_outage(now, duration),
            _ => self.gnss.limit(best, now + duration),
        }
    }

    /// No corrections arrive from the base station from `now` for `duration`: their age grows, and when
    /// it is above the time-outs of [`ReceiverParams`], the fix falls to PSRDIFF and to SINGLE.
    pub fn lose_corrections(&mut self, now: SimTime, duration: Duration) {
        self.gnss.cut_link(now, now + duration);
    }

    /// The ambiguities are resolved wrongly from `now` for `duration`: position off by `offset_enu_m`
    /// with the deviations of a good fix, as long as the fix is NARROW_INT. The inertial solution
    /// follows, since nothing tells it not to.
    pub fn resolve_wrongly(&mut self, now: SimTime, offset_enu_m: [f64; 3], duration: Duration) {
        self.gnss.resolve_wrongly(Vector3::from(offset_enu_m), now + duration);
    }

    /// Reflected signals pull the satellite position by `sigma_m` (1σ per axis, correlated over 20 s)
    /// from `now` for `duration`. The reported deviations do not show it. What contradicts the inertial
    /// solution too much is refused.
    pub fn reflect(&mut self, now: SimTime, sigma_m: f64, duration: Duration) {
        self.gnss.reflect(sigma_m, now, now + duration);
    }

    /// The type of the satellite fix now.
    pub fn fix(&self) -> FixType {
        self.gnss.fix()
    }

    /// The receiver sends nothing from `now` for `duration`; what would have arrived is lost. Inside,
    /// it goes on navigating.
    pub fn silence(&mut self, now: SimTime, duration: Duration) {
        self.silent_until = self.silent_until.max(now + duration);
    }

    /// Where the corrections of the solution come from now.
    pub fn aiding(&self) -> Aiding {
        match self.state {
            State::Inactive | State::Levelling { .. } | State::Level { .. } => Aiding::Aligning,
            State::Fixed => Aiding::Fixed,
            State::Unaided { .. } => Aiding::Unaided,
            State::Refixing { .. } => Aiding::Refixing,
        }
    }

    /// Moves the state of aiding to `now` and, unaided, the error through the sample.
    fn navigate(&mut self, now: SimTime, truth: &Truth, sample: &Sample) {
        if let State::Unaided { motion, error, .. } = &mut self.state {
            let earth_rate = self.imu.earth().rate;
            error.propagate(sample, &self.believed.gyro, &self.believed.accel, &earth_rate);
            motion.follow(truth, sample.true_angle.z);
        }
        if self.gnss.is_busy() {
            self.follow_fix(now);
        }
        match self.state {
            State::Inactive | State::Levelling { .. } | State::Level { .. } => self.align(now, truth),
            State::Refixing { since, time_constant_s, .. }
                if share_left(since, now, time_constant_s) < 1e-6 =>
            {
                self.state = State::Fixed;
            }
            _ => (),
        }
        if !matches!(self.state, State::Unaided { .. }) {
            self.last_update = now;
            self.learn_biases();
        }
    }

    /// Moves the satellite fix to `now` and lets the inertial solution follow, or not.
    fn follow_fix(&mut self, now: SimTime) {
        let (error, sigmas) = (self.error(now), self.sigmas(now));
        let drift = self.gnss.error(now);
        let fix = self.gnss.fix();
        self.gnss.advance(now);
        let stepped = self.gnss.fix() != fix || (self.gnss.error(now) - drift) != Vector3::zeros();
        if self.gnss.fix() == FixType::None {
            return;
        }
        match self.state {
            State::Unaided { refusing: false, .. } => {
                self.pulled = Vector3::zeros();
                self.refix(now, &error, sigmas);
            }
            State::Fixed | State::Refixing { .. } if stepped => self.refix(now, &error, sigmas),
            _ => (),
        }
        if now.as_ns().is_multiple_of(EPOCH_NS) {
            self.weigh_multipath(now);
        }
    }

    /// The solution, wrong by `error` and believed to `before`, follows the fix from now on.
    fn refix(&mut self, now: SimTime, error: &NavError, before: Sigmas) {
        let coarser = self.gnss.sigma()[0] > 2.0 * before.position[0];
        let p = &self.params;
        let time_constant_s = if coarser { p.hold_time_constant_s } else { p.refix_time_constant_s };
        let excess = error.plus(-1.0, &self.drift(now));
        self.state = State::Refixing { since: now, before, excess, time_constant_s };
    }

    /// What an event's multipath does to the inertial solution: a slow pull if it is plausible, nothing
    /// if it is not.
    fn weigh_multipath(&mut self, now: SimTime) {
        let reflected = self.gnss.event_multipath(now).unwrap_or_else(Vector3::zeros);
        if let State::Unaided { refusing: true, .. } = self.state {
            let (error, sigmas) = (self.error(now), self.sigmas(now));
            let innovation = self.gnss.error(now) + reflected - error.position;
            if self.is_plausible(&innovation, &sigmas) {
                self.pulled = Vector3::zeros();
                self.refix(now, &error, sigmas);
            }
            return;
        }
        if !matches!(self.state, State::Fixed | State::Refixing { .. }) {
            return;
        }
        let sigmas = self.sigmas(now);
        let innovation = reflected - self.pulled;
        if reflected != Vector3::zeros() && !self.is_plausible(&innovation, &sigmas) {
            return self.go_unaided(now, true);
        }
        let epoch_s = EPOCH_NS as f64 * 1e-9;
        self.pulled += innovation * (epoch_s / (epoch_s + self.params.refix_time_constant_s));
        if reflected == Vector3::zeros() && self.pulled.amax() < 1e-6 {
            self.pulled = Vector3::zeros();
        }
    }

    fn is_plausible(&mut self, innovation: &Vector3<f64>, sigmas: &Sigmas) -> bool {
        let [fix, _] = self.gnss.sigma();
        let [white, _] = self.gnss.white();
        let variance = fix * fix + white * white + sigmas.position[0] * sigmas.position[0];
        innovation.xy().norm_squared() <= GATE * GATE * variance
    }

    fn go_unaided(&mut self, now: SimTime, refusing: bool) {
        let (error, before) = (self.error(now), self.sigmas(now));
        self.state = State::Unaided { since: now, before, motion: Motion::default(), error, refusing };
    }

    fn align(&mut self, now: SimTime, truth: &Truth) {
        match self.state {
            State::Inactive if self.gnss.fix() > FixType::None => {
                self.state = State::Levelling { until: now + seconds(self.params.alignment_s) };
            }
            State::Levelling { until } if now >= until => {
                let scale = [COARSE_ALIGNMENT_DEG[0], COARSE_ALIGNMENT_DEG[0], COARSE_ALIGNMENT_DEG[1]];
                let coarse = White::new(self.imu.seed(), "gnss.alignment", scale.map(|deg| deg * DEG)).at(0);
                let zero = Vector3::zeros();
                let excess = NavError { position: zero, velocity: zero, attitude: Vector3::from(coarse) };
                self.state = State::Level { excess };
            }
            State::Level { excess } if self.gnss.fix() > FixType::None => {
                let fast = self.params.kinematic_alignment_mps;
                let moves = Vector3::from(truth.velocity_enu_mps).norm_squared() > fast * fast;
                let two =
                    self.params.dual_antenna_baseline_m.is_some() && self.gnss.fix() == FixType::NarrowInt;
                if moves || two {
                    let before = self.sigmas(now);
                    let time_constant_s = self.params.refix_time_constant_s;
                    self.state = State::Refixing { since: now, before, excess, time_constant_s };
                }
            }
            _ => (),
        }
    }

    fn learn_biases(&mut self) {
        let (gyro, accel) = self.imu.quiescent_errors();
        self.believed = Biases { gyro: gyro - self.residual.gyro, accel: accel - self.residual.accel };
    }

    /// Drift of the aided solution.
    fn drift(&mut self, now: SimTime) -> NavError {
        NavError {
            position: self.gnss.error(now),
            velocity: self.velocity_drift.at(now).into(),
            attitude: self.attitude_drift.at(now).into(),
        }
    }

    /// Error of the solution without its white part.
    fn error(&mut self, now: SimTime) -> NavError {
        let mut error = match self.state {
            State::Inactive | State::Levelling { .. } | State::Fixed => self.drift(now),
            State::Level { excess } => self.drift(now).plus(1.0, &excess),
            State::Unaided { error, .. } => return error,
            State::Refixing { since, excess, time_constant_s, .. } => {
                let share = share_left(since, now, time_constant_s);
                self.drift(now).plus(share, &excess)
            }
        };
        if self.pulled != Vector3::zeros() {
            error.position += self.pulled;
        }
        error
    }

    /// Deviations of the solution as the receiver believes them, without the white part.
    fn sigmas(&mut self, now: SimTime) -> Sigmas {
        let aided = Sigmas::aided(&self.params, self.gnss.sigma());
        match self.state {
            State::Inactive | State::Levelling { .. } | State::Fixed => aided,
            State::Level { .. } => Sigmas {
                tilt: libm::hypot(aided.tilt, COARSE_ALIGNMENT_DEG[0] * DEG),
                azimuth: libm::hypot(aided.azimuth, COARSE_ALIGNMENT_DEG[1] * DEG),
                ..aided
            },
            State::Unaided { since, before, motion, .. } => {
                self.growth.after(now.since(since).as_secs_f64(), &before, &motion)
            }
            State::Refixing { since, before, time_constant_s, .. } => {
                aided.towards(share_left(since, now, time_constant_s), &before)
            }
        }
    }

    /// The epochs of the satellites alone, and the history of the velocity they need.
    fn look_at_satellites(&mut self, now: SimTime, truth: &Truth) {
        let [w, x, y, z] = truth.quaternion_wxyz;
        let attitude = UnitQuaternion::new_unchecked(Quaternion::new(w, x, y, z));
        let arm = Vector3::from(self.params.antenna_lever_arm_m);
        let velocity =
            Vector3::from(truth.velocity_enu_mps) + attitude * Vector3::from(truth.body_rate_rps).cross(&arm);
        self.velocities.rotate_right(1);
        self.velocities[0] = velocity;
        if now.as_ns() == VELOCITY_STEP_NS {
            self.velocities = [velocity; VELOCITY_AGE_STEPS + 1];
        }
        if !now.as_ns().is_multiple_of(EPOCH_NS) || now == SimTime::ZERO {
            return;
        }
        let solution = self.epoch(now, truth, &attitude);
        self.computing.push_back((now + seconds(self.params.gnss_latency_s), solution));
    }

    fn epoch(&mut self, now: SimTime, truth: &Truth, attitude: &UnitQuaternion<f64>) -> GnssSolution {
        let fix = self.gnss.fix();
        let last = self.computing.back().map(|(_, solution)| *solution).or(self.epoch);
        if fix == FixType::None {
            let age_s = last.map_or(0.0, |last| last.solution_age_s) + EPOCH_NS as f64 * 1e-9;
            let none = GnssSolution { fix: FixType::None, ..last.unwrap_or_else(GnssSolution::nothing) };
            return GnssSolution {
                measured_at: now,
                solution_age_s: age_s,
                differential_age_s: 0.0,
                satellites_tracked: 0,
                satellites_used: 0,
                heading: None,
                pseudorange: PseudorangePosition { fix: FixType::None, ..none.pseudorange },
                ..none
            };
        }
        let index = now.as_ns() / EPOCH_NS;
        let [horizontal, vertical] = self.gnss.white();
        let white = Vector3::from(self.fix_white.at(index));
        let white = Vector3::new(white.x * horizontal, white.y * horizontal, white.z * vertical);
        let reflected = self.gnss.event_multipath(now);
        let error = self.gnss.error(now) + white + reflected.unwrap_or_else(Vector3::zeros);
        let [drift_h, drift_v] = self.gnss.sigma();
        let [sigma_h, sigma_v] = [libm::hypot(drift_h, horizontal), libm::hypot(drift_v, vertical)];
        let arm = Vector3::from(self.params.antenna_lever_arm_m);
        let earth = self.imu.earth();
        let antenna = Vector3::from(truth.position_enu_m) + attitude * arm;
        let place = earth.to_geodetic(antenna + error);
        let noise = Vector3::from(self.fix_velocity.at(index));
        let velocity = earth.map_to_level * self.velocities[VELOCITY_AGE_STEPS] + noise;
        let pseudorange = self.pseudorange(now, &antenna, reflected);
        let differential = fix.is_differential();
        let used = if reflected.is_some() { SATELLITES - 5 } else { SATELLITES };
        GnssSolution {
            measured_at: now,
            fix,
            lat_deg: place.lat_deg,
            lon_deg: place.lon_deg,
            height_m: place.height_m,
            position_sigma_m: [sigma_h, sigma_h, sigma_v],
            velocity_mps: velocity.into(),
            velocity_sigma_mps: GNSS_VELOCITY_MPS,
            velocity_latency_s: (VELOCITY_AGE_STEPS as u64 * VELOCITY_STEP_NS) as f64 * 1e-9,
            differential_age_s: if differential { self.gnss.correction_age_s(now) } else { 0.0 },
            solution_age_s: 0.0,
            satellites_tracked: SATELLITES,
            satellites_used: used,
            heading: (fix == FixType::NarrowInt).then(|| self.heading(index, attitude)).flatten(),
            pseudorange,
        }
    }

    fn pseudorange(
        &mut self,
        now: SimTime,
        antenna: &Vector3<f64>,
        reflected: Option<Vector3<f64>>,
    ) -> PseudorangePosition {
        let (fix, drift, sigma, [horizontal, vertical]) = self.gnss.pseudorange(now);
        let white = Vector3::from(self.pseudorange_white.at(now.as_ns() / EPOCH_NS));
        let white = Vector3::new(white.x * horizontal, white.y * horizontal, white.z * vertical);
        let error = drift + white + reflected.unwrap_or_else(Vector3::zeros);
        let place = self.imu.earth().to_geodetic(antenna + error);
        let [sigma_h, sigma_v] = [libm::hypot(sigma[0], horizontal), libm::hypot(sigma[1], vertical)];
        PseudorangePosition {
            fix,
            lat_deg: place.lat_deg,
            lon_deg: place.lon_deg,
            height_m: place.height_m,
            position_sigma_m: [sigma_h, sigma_h, sigma_v],
        }
    }

    fn heading(&mut self, index: u64, attitude: &UnitQuaternion<f64>) -> Option<DualAntennaHeading> {
        let baseline_m = self.params.dual_antenna_baseline_m?;
        let azimuth_sigma_deg = HEADING_AT_2_M_DEG * libm::pow(2.0 / baseline_m, HEADING_EXPONENT);
        let pitch_sigma_deg = 2.0 * azimuth_sigma_deg; // heights are twice as uncertain [E]
        let [azimuth, pitch] = self.heading_white.at(index);
        let angles = Angles::of(&(self.imu.earth().map_to_level * attitude.to_rotation_matrix().matrix()));
        Some(DualAntennaHeading {
            baseline_m,
            azimuth_deg: (angles.azimuth_deg + azimuth * azimuth_sigma_deg).rem_euclid(360.0),
            pitch_deg: angles.pitch_deg + pitch * pitch_sigma_deg,
            azimuth_sigma_deg,
            pitch_sigma_deg,
        })
    }

    fn solution(&mut self, now: SimTime, truth: &Truth, sample: &Sample) -> ReceiverOutput {
        let mut error = self.error(now);
        if !matches!(self.state, State::Unaided { .. }) {
            // White noise is that of the fixes.
            let index = now.as_ns() / SOLUTION_NS;
            error.position += Vector3::from(self.position_white.at(index));
            error.velocity += Vector3::from(self.velocity_white.at(index));
        }
        while let Some((_, solution)) = self.computing.pop_front_if(|(ready_at, _)| now >= *ready_at) {
            self.epoch = Some(solution);
        }
        let ins = self.quality(now);
        let aligned = ins.status != InsStatus::Inactive && ins.status != InsStatus::Aligning;
        let earth = self.imu.earth();
        let place = earth.to_geodetic(Vector3::from(truth.position_enu_m) + error.position);
        let velocity = earth.map_to_level * (Vector3::from(truth.velocity_enu_mps) + error.velocity);
        let [w, x, y, z] = truth.quaternion_wxyz;
        let attitude = turned(&UnitQuaternion::new_unchecked(Quaternion::new(w, x, y, z)), &error.attitude);
        let angles = Angles::of(&(earth.map_to_level * attitude.to_rotation_matrix().matrix()));
        let GpsTime { week, seconds } = GpsTime::from_unix_ns(self.epoch_unix_ns + now.as_ns() as i64)
            .expect("the epoch is one of GPS time, and now is later");
        let mut inspvas = Inspvas {
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
            status: ins.status.wire(),
        };
        let mut corrimudatas = self.corrected(week, seconds, sample, &error.attitude);
        if !aligned {
            // As recorded: angles and corrected increments are zero before alignment. [M]
            (inspvas.roll_deg, inspvas.pitch_deg, inspvas.azimuth_deg) = (0.0, 0.0, 0.0);
            (corrimudatas.angle_rad, corrimudatas.velocity_mps) = ([0.0; 3], [0.0; 3]);
            if ins.status == InsStatus::Inactive {
                inspvas = Inspvas { week, seconds, status: ins.status.wire(), ..Inspvas::default() };
            }
        }
        let is_mark = self.marks.as_mut().is_some_and(|marks| marks.due(now));
        ReceiverOutput {
            measured_at: now,
            inspvas,
            corrimudatas,
            imu: self.samples,
            ins,
            gnss: self.epoch,
            is_mark,
        }
    }

    /// What the receiver says of its inertial solution.
    fn quality(&mut self, now: SimTime) -> InsQuality {
        let p = &self.params;
        let threshold = p.high_variance_azimuth_deg * DEG;
        let white = [p.position_white_horizontal_m, p.position_white_vertical_m, p.velocity_white_mps];
        let sigmas = self.sigmas(now);
        let status = match self.state {
            State::Inactive => InsStatus::Inactive,
            State::Levelling { .. } => InsStatus::Aligning,
            State::Level { .. } => InsStatus::AlignmentComplete,
            State::Unaided { refusing: true, .. } => InsStatus::SolutionFree,
            _ if sigmas.azimuth > threshold => InsStatus::HighVariance,
            _ => InsStatus::Good,
        };
        let white = if matches!(self.state, State::Unaided { .. }) { [0.0; 3] } else { white };
        let fix = match self.state {
            State::Unaided { .. } => FixType::None,
            _ => self.gnss.fix(),
        };
        let aligned = status != InsStatus::Inactive && status != InsStatus::Aligning;
        let [horizontal, vertical] = [0, 1].map(|axis| libm::hypot(sigmas.position[axis], white[axis]));
        let speed = sigmas.velocity.map(|sigma| libm::hypot(sigma, white[2]));
        InsQuality {
            status,
            fix,
            position_type: if aligned { fix.ins_wire() } else { 0 },
            position_sigma_m: [horizontal, horizontal, vertical],
            velocity_sigma_mps: [speed[0], speed[0], speed[1]],
            attitude_sigma_deg: [sigmas.tilt / DEG, sigmas.tilt / DEG, sigmas.azimuth / DEG],
            since_update_s: now.since(self.last_update).as_secs_f64(),
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
}

/// Share of an error that is left at `now`, if it falls by e in each `time_constant_s` since `since`.
fn share_left(since: SimTime, now: SimTime, time_constant_s: f64) -> f64 {
    if time_constant_s == 0.0 {
        return 0.0;
    }
    libm::exp(-now.since(since).as_secs_f64() / time_constant_s)
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
