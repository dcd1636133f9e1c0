//! The inertial measurement unit.

use crate::earth::Earth;
use crate::noise::{GaussMarkov, White};
use crate::params::{DEG, DEG_PER_H, G, MG, PER_SQRT_H};
use crate::rough::{LowPass, Rare, RareErrors, Surroundings, Timing, Vibration};
use crate::{ImuParams, ParameterError, Truth};
use nalgebra::{Matrix3, Quaternion, UnitQuaternion, Vector3};
use skidpad_geo::EnuFrame;
use skidpad_kernel::{NoiseStream, SimTime};

/// Samples are taken at multiples of this, ns: 200 Hz.
pub(crate) const SAMPLE_NS: u64 = 5_000_000;
pub(crate) const SAMPLE_S: f64 = SAMPLE_NS as f64 * 1e-9;

/// One 5 ms sample as the IMU reports it, before any correction: Earth rate, gravity and all errors
/// are in it. Axes are the body's: x forward, y left, z up.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ImuSample {
    /// End of the 5 ms.
    pub measured_at: SimTime,
    /// Integral of the inertial angular rate, rad.
    pub angle_rad: [f64; 3],
    /// Integral of the specific force at the IMU, m/s.
    pub velocity_mps: [f64; 3],
    /// The sample before this one was lost between IMU and receiver.
    pub after_gap: bool,
}

/// An IMU at 200 Hz. It integrates the truth it is shown into increments of angle and velocity, adds
/// its errors, and gives a sample at each multiple of 5 ms.
///
/// Between two instants the truth turns the body by the rotation between the two attitudes, and changes
/// the IMU's velocity v + ω×r (its derivative holds the lever-arm terms ω̇×r + ω×(ω×r)). Specific force
/// is that change less gravity plus the Coriolis acceleration 2Ω×v, seen from the attitude half-way:
/// summed at 1 kHz, coning and sculling are real. The transport rate is in it, since the map's frame is
/// fixed to the Earth.
#[derive(Clone, Debug)]
pub struct Imu {
    seed: u64,
    lever_arm: Vector3<f64>,
    earth: Earth,
    gyro: Triad,
    accel: Triad,
    gyro_bandwidth: Option<LowPass>,
    accel_bandwidth: Option<LowPass>,
    vibration: Option<Box<Vibration>>,
    timing: Option<Box<Timing>>,
    dropping: Option<Box<Dropping>>,
    warm_up_k: f64,
    warm_up_time_constant_s: f64,
    last: Option<Instant>,
    running: Running,
}

/// Ranges to which a nonlinearity refers if the sensor has no limit.
const DEFAULT_RANGE_DEG_PER_S: f64 = 450.0;
const DEFAULT_RANGE_G: f64 = 10.0;

/// What is remembered of the instant before.
#[derive(Clone, Copy, Debug)]
struct Instant {
    at: SimTime,
    attitude: UnitQuaternion<f64>,
    velocity: Vector3<f64>,
}

/// Increments since the last sample instant.
#[derive(Clone, Copy, Debug)]
struct Running {
    span_ns: u64,
    started: UnitQuaternion<f64>,
    angle: Vector3<f64>,
    velocity: Vector3<f64>,
    /// What passes the bandwidth of the sensors; the same without a limit.
    sensed_angle: Vector3<f64>,
    sensed_velocity: Vector3<f64>,
}

/// A sample together with the truth behind it, for the inertial navigation of the receiver.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    /// What the receiver gets of the IMU, in body axes: the sample before once more for one that was lost.
    pub angle: Vector3<f64>,
    pub velocity: Vector3<f64>,
    /// What it would report without errors.
    pub true_angle: Vector3<f64>,
    pub true_velocity: Vector3<f64>,
    /// Attitude in the middle of the sample, body to map.
    pub attitude: UnitQuaternion<f64>,
    /// Gravity less the Coriolis acceleration at the IMU, in axes of the map, m/s².
    pub free_fall: Vector3<f64>,
    /// It was lost; or the one before was.
    pub lost: bool,
    pub after_gap: bool,
}

impl Sample {
    /// What arrives at the receiver.
    pub(crate) fn reported(&self, measured_at: SimTime) -> Option<ImuSample> {
        (!self.lost).then(|| ImuSample {
            measured_at,
            angle_rad: self.angle.into(),
            velocity_mps: self.velocity.into(),
            after_gap: self.after_gap,
        })
    }
}

/// Samples that are lost on the line between IMU and receiver.
#[derive(Clone, Debug)]
struct Dropping {
    share: f64,
    stream: NoiseStream,
    /// The last sample that arrived, and whether the last one was lost.
    arrived: [Vector3<f64>; 2],
    lost: bool,
}

impl Dropping {
    fn new(seed: u64, share: f64) -> Option<Box<Self>> {
        let stream = NoiseStream::new(seed, "imu.dropped");
        let arrived = [Vector3::zeros(); 2];
        (share > 0.0).then(|| Box::new(Dropping { share, stream, arrived, lost: false }))
    }

    /// What the receiver works with in place of `sample`, whether that was lost, and whether the one before was.
    fn pass(&mut self, now: SimTime, sample: [Vector3<f64>; 2]) -> ([Vector3<f64>; 2], bool, bool) {
        let [draw] = self.stream.uniforms(now.as_ns() / SAMPLE_NS);
        let before = std::mem::replace(&mut self.lost, draw < self.share);
        if !self.lost {
            self.arrived = sample;
        }
        (self.arrived, self.lost, before)
    }
}

impl Imu {
    /// An IMU on a map in `frame`, in the run with `seed`.
    ///
    /// # Errors
    /// If a parameter is outside its range.
    pub fn new(params: &ImuParams, frame: &EnuFrame, seed: u64) -> Result<Self, ParameterError> {
        params.validate()?;
        let (g, a) = (&params.gyro, &params.accel);
        let gyro = Errors {
            turn_on: g.turn_on_bias_deg_per_h * DEG_PER_H,
            in_run: g.in_run_bias_deg_per_h * DEG_PER_H,
            correlation_s: g.in_run_correlation_s,
            random_walk: g.angle_random_walk_deg_per_sqrt_h * DEG * PER_SQRT_H,
            scale: g.scale_factor_ppm * 1e-6,
            misalignment: g.misalignment_mrad * 1e-3,
            quantum: g.quantisation_rad,
            range: g.range_deg_per_s.map_or(f64::INFINITY, |range| range * DEG),
            rare: RareErrors {
                instability: g.instability_deg_per_h * DEG_PER_H,
                rate_walk: g.rate_random_walk_deg_per_h_per_sqrt_h * DEG_PER_H * PER_SQRT_H,
                asymmetry: g.asymmetry_ppm * 1e-6,
                nonlinearity: g.nonlinearity_ppm * 1e-6,
                full_scale: g.range_deg_per_s.unwrap_or(DEFAULT_RANGE_DEG_PER_S) * DEG,
                g_sensitivity: g.g_sensitivity_deg_per_h_per_g * DEG_PER_H / G,
                rectification: g.vibration_rectification_deg_per_h_per_g2 * DEG_PER_H / (G * G),
                per_kelvin: g.bias_deg_per_h_per_k * DEG_PER_H,
            },
        };
        let accel = Errors {
            turn_on: a.turn_on_bias_mg * MG,
            in_run: a.in_run_bias_mg * MG,
            correlation_s: a.in_run_correlation_s,
            random_walk: a.velocity_random_walk_mps_per_sqrt_h * PER_SQRT_H,
            scale: a.scale_factor_ppm * 1e-6,
            misalignment: a.misalignment_mrad * 1e-3,
            quantum: a.quantisation_mps,
            range: a.range_g.map_or(f64::INFINITY, |range| range * G),
            rare: RareErrors {
                instability: a.instability_mg * MG,
                rate_walk: a.rate_random_walk_mg_per_sqrt_h * MG * PER_SQRT_H,
                asymmetry: a.asymmetry_ppm * 1e-6,
                nonlinearity: a.nonlinearity_ppm * 1e-6,
                full_scale: a.range_g.unwrap_or(DEFAULT_RANGE_G) * G,
                g_sensitivity: 0.0,
                rectification: a.vibration_rectification_mg_per_g2 * MG / (G * G),
                per_kelvin: a.bias_mg_per_k * MG,
            },
        };
        let low_pass = |hz: Option<f64>, order: u8| hz.map(|hz| LowPass::new(hz, order == 2));
        Ok(Imu {
            seed,
            lever_arm: Vector3::from(params.lever_arm_m),
            earth: Earth::new(frame),
            gyro: Triad::new(seed, "imu.gyro", gyro),
            accel: Triad::new(seed, "imu.accel", accel),
            gyro_bandwidth: low_pass(g.bandwidth_hz, g.bandwidth_order),
            accel_bandwidth: low_pass(a.bandwidth_hz, a.bandwidth_order),
            vibration: Vibration::new(seed, &params.vibration),
            timing: Timing::new(seed, params.latency_s, params.jitter_s),
            dropping: Dropping::new(seed, params.dropped_share),
            warm_up_k: params.warm_up_k,
            warm_up_time_constant_s: params.warm_up_time_constant_s,
            last: None,
            running: Running::from(UnitQuaternion::identity()),
        })
    }

    /// Takes in the truth at `now`, to be called each millisecond; gives a sample at each multiple of
    /// 5 ms, except the first after the start, which has not been seen whole, and those that are lost on the line.
    ///
    /// A caller whose steps do not meet the multiples of 5 ms gets no sample.
    pub fn observe(&mut self, now: SimTime, truth: &Truth) -> Option<ImuSample> {
        self.step(now, truth)?.reported(now)
    }

    /// The seed of the run.
    pub(crate) fn seed(&self) -> u64 {
        self.seed
    }

    pub(crate) fn earth(&self) -> &Earth {
        &self.earth
    }

    /// Errors that a level car at rest cannot tell from a bias, rad/s and m/s²: the biases themselves,
    /// and what scale and misalignment make of gravity.
    pub(crate) fn quiescent_errors(&self) -> (Vector3<f64>, Vector3<f64>) {
        let weight = Vector3::new(0.0, 0.0, self.earth.gravity.norm());
        (self.gyro.bias, self.accel.bias + self.accel.sensitivity_error * weight)
    }

    pub(crate) fn step(&mut self, now: SimTime, truth: &Truth) -> Option<Sample> {
        let [w, x, y, z] = truth.quaternion_wxyz;
        let attitude = UnitQuaternion::new_unchecked(Quaternion::new(w, x, y, z));
        let turning = Vector3::from(truth.body_rate_rps).cross(&self.lever_arm);
        let velocity = Vector3::from(truth.velocity_enu_mps) + attitude * turning;
        let instant = Instant { at: now, attitude, velocity };
        match self.last.replace(instant) {
            Some(last) => self.integrate(&last, &instant),
            None => self.running = Running::from(attitude),
        }
        if !now.as_ns().is_multiple_of(SAMPLE_NS) {
            return None;
        }
        let running = std::mem::replace(&mut self.running, Running::from(attitude));
        // Gravity is felt where the IMU is: 0.6 m higher it is weaker by 2e-6 m/s².
        self.earth.move_to(Vector3::from(truth.position_enu_m) + attitude * self.lever_arm);
        (running.span_ns == SAMPLE_NS).then(|| self.sample(now, &running, &instant, truth.engine_over_idle))
    }

    fn integrate(&mut self, from: &Instant, to: &Instant) {
        let span_ns = to.at.as_ns().saturating_sub(from.at.as_ns());
        let span_s = span_ns as f64 * 1e-9;
        let coriolis = self.earth.rate.cross(&(from.velocity + to.velocity)); // 2Ω × the mean velocity
        let force = to.velocity - from.velocity - (self.earth.gravity - coriolis) * span_s;
        let half_way = middle(&from.attitude, &to.attitude);
        self.running.span_ns += span_ns;
        let angle = rotation_vector(&(from.attitude.conjugate() * to.attitude));
        let velocity = half_way.conjugate() * force;
        self.running.angle += angle;
        self.running.velocity += velocity;
        let passed = |filter: &mut Option<LowPass>, increment| match filter {
            Some(filter) => filter.pass(increment, span_ns),
            None => increment,
        };
        self.running.sensed_angle += passed(&mut self.gyro_bandwidth, angle);
        self.running.sensed_velocity += passed(&mut self.accel_bandwidth, velocity);
    }

    fn sample(&mut self, now: SimTime, running: &Running, end: &Instant, engine: f64) -> Sample {
        let attitude = middle(&running.started, &end.attitude);
        let earth_turn = attitude.conjugate() * self.earth.rate * SAMPLE_S;
        let true_angle = running.angle + earth_turn;
        let true_velocity = running.velocity;
        let mut sensed = [running.sensed_angle + earth_turn, running.sensed_velocity];
        let surroundings = self.surroundings(now, &true_velocity, &end.velocity, engine);
        if let Some(vibration) = &mut self.vibration {
            let [angle, velocity] = vibration.sample(now, end.velocity.norm(), engine);
            sensed = [sensed[0] + angle, sensed[1] + velocity];
        }
        if let Some(timing) = &mut self.timing {
            sensed = timing.shift(now, sensed);
        }
        let angle = self.gyro.measure(now, sensed[0], &surroundings);
        let velocity = self.accel.measure(now, sensed[1], &surroundings);
        let ([angle, velocity], lost, after_gap) = match &mut self.dropping {
            Some(dropping) => dropping.pass(now, [angle, velocity]),
            None => ([angle, velocity], false, false),
        };
        Sample {
            angle,
            velocity,
            true_angle,
            true_velocity,
            attitude,
            free_fall: self.earth.gravity - 2.0 * self.earth.rate.cross(&end.velocity),
            lost,
            after_gap,
        }
    }

    fn surroundings(
        &self,
        now: SimTime,
        velocity: &Vector3<f64>,
        speed: &Vector3<f64>,
        engine: f64,
    ) -> Surroundings {
        let warmer_k = if self.warm_up_k == 0.0 {
            0.0
        } else {
            self.warm_up_k * (1.0 - libm::exp(-now.as_s() / self.warm_up_time_constant_s))
        };
        let vibration =
            self.vibration.as_ref().map_or(0.0, |vibration| vibration.mean_square(speed.norm(), engine));
        Surroundings { force: velocity / SAMPLE_S, vibration_mean_square: vibration, warmer_k }
    }
}

impl Running {
    fn from(attitude: UnitQuaternion<f64>) -> Self {
        let zero = Vector3::zeros();
        Running {
            span_ns: 0,
            started: attitude,
            angle: zero,
            velocity: zero,
            sensed_angle: zero,
            sensed_velocity: zero,
        }
    }
}

/// Errors of a triad in SI units; the same terms serve rates (rad/s) and specific forces (m/s²).
struct Errors {
    turn_on: f64,
    in_run: f64,
    correlation_s: f64,
    random_walk: f64,
    scale: f64,
    misalignment: f64,
    quantum: f64,
    range: f64,
    rare: RareErrors,
}

/// Three sensors: ỹ = Q[ sat( (I + E)·y + b_on + b_GM(t) + rare(t, y) + n ) ], on increments.
#[derive(Clone, Debug)]
struct Triad {
    turn_on: Vector3<f64>,
    in_run: GaussMarkov<3>,
    /// All biases at the last sample.
    bias: Vector3<f64>,
    /// E: scale-factor errors on the diagonal, misalignment and non-orthogonality beside it.
    sensitivity_error: Matrix3<f64>,
    white: White<3>,
    rare: Option<Box<Rare>>,
    quantum: f64,
    /// Largest increment of a sample.
    largest: f64,
    /// What rounding has held back: counters lose nothing, they only report late.
    held_back: Vector3<f64>,
}

impl Triad {
    fn new(seed: u64, name: &str, errors: Errors) -> Self {
        let channel = |term: &str| format!("{name}.{term}");
        let once = |term: &str| NoiseStream::new(seed, &channel(term));
        let scale: [f64; 3] = once("scale_factor").normals(0);
        let off: [f64; 6] = once("misalignment").normals(0);
        let turn_on: [f64; 3] = once("turn_on_bias").normals(0);
        let turn_on = Vector3::from(turn_on) * errors.turn_on;
        let mut in_run =
            GaussMarkov::new(seed, &channel("in_run_bias"), [errors.in_run; 3], errors.correlation_s);
        let bias = turn_on + Vector3::from(in_run.at(SimTime::ZERO));
        let (s, m) = (errors.scale, errors.misalignment);
        let sensitivity_error = Matrix3::new(
            s * scale[0],
            m * off[0],
            m * off[1],
            m * off[2],
            s * scale[1],
            m * off[3],
            m * off[4],
            m * off[5],
            s * scale[2],
        );
        Triad {
            turn_on,
            in_run,
            bias,
            sensitivity_error,
            white: White::new(seed, &channel("white"), [errors.random_walk * SAMPLE_S.sqrt(); 3]),
            rare: Rare::new(seed, name, &errors.rare),
            quantum: errors.quantum,
            largest: errors.range * SAMPLE_S,
            held_back: Vector3::zeros(),
        }
    }

    fn measure(
        &mut self,
        now: SimTime,
        increment: Vector3<f64>,
        surroundings: &Surroundings,
    ) -> Vector3<f64> {
        self.bias = self.turn_on + Vector3::from(self.in_run.at(now));
        let mut of_input = Vector3::zeros();
        if let Some(rare) = &mut self.rare {
            self.bias += rare.bias(now, surroundings);
            of_input = rare.of_input(&(increment / SAMPLE_S)) * SAMPLE_S;
        }
        let white = Vector3::from(self.white.at(now.as_ns() / SAMPLE_NS));
        let sensed = increment + self.sensitivity_error * increment + self.bias * SAMPLE_S + white;
        let sensed = if self.rare.is_some() { sensed + of_input } else { sensed };
        let limited = sensed.map(|value| value.clamp(-self.largest, self.largest));
        if self.quantum == 0.0 {
            return limited;
        }
        let wanted = limited + self.held_back;
        let reported = wanted.map(|value| (value / self.quantum).round() * self.quantum);
        self.held_back = wanted - reported;
        reported
    }
}

/// The attitude half-way between two that are close to each other.
fn middle(a: &UnitQuaternion<f64>, b: &UnitQuaternion<f64>) -> UnitQuaternion<f64> {
    let b = if a.coords.dot(&b.coords) < 0.0 { -b.into_inner() } else { b.into_inner() };
    UnitQuaternion::new_normalize(a.into_inner() + b)
}

/// Axis times angle of a rotation, rad.
fn rotation_vector(rotation: &UnitQuaternion<f64>) -> Vector3<f64> {
    let vector = if rotation.w < 0.0 { -rotation.imag() } else { rotation.imag() };
    let sine_squared = vector.norm_squared();
    if sine_squared < 1e-4 {
        // 2 asin(s)/s by its series; the next term is below 1e-13 of it.
        return vector
            * (2.0 + sine_squared * (1.0 / 3.0 + sine_squared * (3.0 / 20.0 + sine_squared * 5.0 / 56.0)));
    }
    let sine = sine_squared.sqrt();
    vector * (2.0 * libm::atan2(sine, rotation.w.abs()) / sine)
}
