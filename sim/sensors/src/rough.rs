//! The rarer errors of an IMU, each switched off where its parameter is zero.

use crate::imu::{SAMPLE_NS, SAMPLE_S};
use crate::noise::{GaussMarkov, RandomWalk, White};
use crate::params::VibrationParams;
use nalgebra::{Matrix3, Vector3};
use skidpad_kernel::{NoiseStream, SimTime};

/// Correlation times whose sum makes flicker noise, s: one a decade.
const FLICKER_S: [f64; 4] = [1.0, 10.0, 100.0, 1000.0];

/// σ of each of them over the bias instability B: equal Gauss–Markov processes, one a decade, have the
/// one-sided power density σ²/(ln 10 · f) in between, flicker noise has B²/(π f) (IEEE 952).
const FLICKER_SHARE: f64 = 0.856_123_6; // √(ln 10 / π)

/// What is added to a triad beyond the usual terms, in rad/s or m/s².
pub(crate) struct RareErrors {
    /// B of flicker noise.
    pub instability: f64,
    /// K, per √s.
    pub rate_walk: f64,
    /// Relative difference between positive and negative inputs.
    pub asymmetry: f64,
    /// Relative error at `full_scale`, growing with the square.
    pub nonlinearity: f64,
    pub full_scale: f64,
    /// Per m/s² of specific force.
    pub g_sensitivity: f64,
    /// Per (m/s²)² of mean square vibration.
    pub rectification: f64,
    /// Per kelvin.
    pub per_kelvin: f64,
}

/// State of the rare errors of a triad.
#[derive(Clone, Debug)]
pub(crate) struct Rare {
    flicker: Vec<GaussMarkov<3>>,
    walk: Option<RandomWalk<3>>,
    asymmetry: Vector3<f64>,
    /// Per unit of input.
    nonlinearity: Vector3<f64>,
    g_sensitivity: Matrix3<f64>,
    rectification: Vector3<f64>,
    per_kelvin: Vector3<f64>,
}

impl Rare {
    /// `None` if nothing of it is switched on.
    pub(crate) fn new(seed: u64, name: &str, errors: &RareErrors) -> Option<Box<Self>> {
        let e = errors;
        let terms =
            [e.instability, e.rate_walk, e.asymmetry, e.nonlinearity, e.g_sensitivity, e.rectification];
        if terms.iter().all(|term| *term == 0.0) && e.per_kelvin == 0.0 {
            return None;
        }
        let draw = |term: &str, scale: f64| {
            let drawn: [f64; 3] = NoiseStream::new(seed, &format!("{name}.{term}")).normals(0);
            Vector3::from(drawn) * scale
        };
        let drawn: [f64; 9] = NoiseStream::new(seed, &format!("{name}.g_sensitivity")).normals(0);
        let flicker = |correlation_s: &f64| {
            let channel = format!("{name}.flicker.{correlation_s}");
            GaussMarkov::new(seed, &channel, [FLICKER_SHARE * e.instability; 3], *correlation_s)
        };
        let walks = e.rate_walk > 0.0;
        Some(Box::new(Rare {
            flicker: if e.instability > 0.0 { FLICKER_S.iter().map(flicker).collect() } else { Vec::new() },
            walk: walks.then(|| RandomWalk::new(seed, &format!("{name}.rate_walk"), [e.rate_walk; 3])),
            asymmetry: draw("asymmetry", e.asymmetry),
            nonlinearity: draw("nonlinearity", e.nonlinearity / e.full_scale),
            g_sensitivity: Matrix3::from_column_slice(&drawn) * e.g_sensitivity,
            rectification: draw("rectification", e.rectification),
            per_kelvin: draw("temperature", e.per_kelvin),
        }))
    }

    /// The part that does not depend on the input.
    pub(crate) fn bias(&mut self, now: SimTime, surroundings: &Surroundings) -> Vector3<f64> {
        let mut bias =
            self.per_kelvin * surroundings.warmer_k + self.rectification * surroundings.vibration_mean_square;
        for process in &mut self.flicker {
            bias += Vector3::from(process.at(now));
        }
        if let Some(walk) = &mut self.walk {
            bias += Vector3::from(walk.at(now));
        }
        bias + self.g_sensitivity * surroundings.force
    }

    /// The part that grows with the input, per second: asymmetry and nonlinearity.
    pub(crate) fn of_input(&self, input: &Vector3<f64>) -> Vector3<f64> {
        let size = input.abs();
        self.asymmetry.component_mul(&size) + self.nonlinearity.component_mul(&size).component_mul(input)
    }
}

/// What a triad feels besides the quantity it measures.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Surroundings {
    /// Specific force, m/s².
    pub force: Vector3<f64>,
    /// Mean square of the vibration over the axes, (m/s²)².
    pub vibration_mean_square: f64,
    /// Temperature above that of calibration, K.
    pub warmer_k: f64,
}

/// Bandwidth of a triad: a low pass of first order, or of second order as two equal ones, at 1 kHz.
#[derive(Clone, Debug)]
pub(crate) struct LowPass {
    /// Corner of each stage, rad/s.
    corner_rps: f64,
    second_order: bool,
    span_ns: u64,
    share: f64,
    stages: Option<[Vector3<f64>; 2]>,
}

impl LowPass {
    /// −3 dB at `bandwidth_hz`.
    pub(crate) fn new(bandwidth_hz: f64, second_order: bool) -> Self {
        // Two stages together fall by 3 dB where each falls by 1.5.
        let apart = if second_order { (std::f64::consts::SQRT_2 - 1.0).sqrt() } else { 1.0 };
        let corner_rps = std::f64::consts::TAU * bandwidth_hz / apart;
        LowPass { corner_rps, second_order, span_ns: 0, share: 0.0, stages: None }
    }

    /// The increment that is sensed of `increment`, which took `span_ns`.
    pub(crate) fn pass(&mut self, increment: Vector3<f64>, span_ns: u64) -> Vector3<f64> {
        let span_s = span_ns as f64 * 1e-9;
        if span_ns == 0 {
            return increment;
        }
        if span_ns != self.span_ns {
            self.span_ns = span_ns;
            self.share = 1.0 - libm::exp(-self.corner_rps * span_s);
        }
        let value = increment / span_s;
        let [first, second] = self.stages.get_or_insert([value; 2]);
        *first += (value - *first) * self.share;
        *second += (*first - *second) * self.share;
        let out = if self.second_order { *second } else { *first };
        out * span_s
    }
}

/// A line of the recorded car, idling: Hz, accelerations x, y, z in mm/s² rms, rates x, y, z in m°/s rms.
///
/// From `novatel.bin`, 80 s of a parked Lincoln MKZ with an ISA-100C (axes as mounted there): 2.9 Hz is
/// the body on its springs, 10.0 Hz a spinning lidar. The others we take for the engine's \[E\]; at the 950 1/min of
/// `vehicles/lincoln_mkz` they are its orders 4.3, 5.8, 5.8, 6.0 and 6.1.
const LINES: [(f64, [f64; 3], [f64; 3]); 7] = [
    (2.92, [1.22, 1.61, 1.01], [4.15, 2.04, 0.33]),
    (9.99, [1.98, 0.93, 3.67], [5.48, 2.54, 0.86]),
    (67.41, [0.88, 0.20, 5.29], [0.25, 0.39, 0.08]),
    (91.59, [3.78, 1.88, 2.45], [0.60, 3.34, 0.15]),
    (92.58, [4.29, 1.42, 3.19], [0.92, 4.44, 0.25]),
    (95.38, [4.63, 1.00, 1.00], [0.67, 4.11, 0.29]),
    (96.96, [5.74, 1.70, 1.05], [0.68, 5.88, 0.45]),
];

/// Lines from here on follow the engine's speed.
const ENGINE_FROM_HZ: f64 = 20.0;

/// Broadband vibration of the same recording: accelerations whose amplitude density is this times
/// 2 sin(πf/200), mm/s²/√Hz. It averages out, as the body stays where it is.
const BROADBAND: [f64; 3] = [1.08, 1.06, 1.30];

/// Speed for which the level of the road is given, m/s.
const ROAD_SPEED_MPS: f64 = 10.0;

/// Vibration of the body at the IMU that the vehicle model does not move itself.
#[derive(Clone, Debug)]
pub(crate) struct Vibration {
    idle: f64,
    road: f64,
    phases: [[f64; 6]; LINES.len()],
    /// How far the engine has turned beyond idling on, as a time at idle, s.
    ahead_s: f64,
    /// Line integrals up to the last sample: rates rad, forces m/s.
    last: Option<[Vector3<f64>; 2]>,
    white: White<6>,
    held: Vector3<f64>,
}

impl Vibration {
    pub(crate) fn new(seed: u64, params: &VibrationParams) -> Option<Box<Self>> {
        if params.idle == 0.0 && params.road_mps2 == 0.0 {
            return None;
        }
        let mut stream = NoiseStream::new(seed, "imu.vibration.phase");
        let phases = std::array::from_fn(|line| stream.uniforms::<6>(line as u64));
        Some(Box::new(Vibration {
            idle: params.idle,
            road: params.road_mps2,
            phases,
            ahead_s: 0.0,
            last: None,
            white: White::new(seed, "imu.vibration.broadband", [1.0; 6]),
            held: Vector3::zeros(),
        }))
    }

    /// Mean square of the acceleration over the axes at these speeds of car and engine, (m/s²)².
    pub(crate) fn mean_square(&self, speed_mps: f64, engine_over_idle: f64) -> f64 {
        let square = |(hz, force, _): &(f64, [f64; 3], [f64; 3])| {
            let speed = if *hz < ENGINE_FROM_HZ { 1.0 } else { engine_over_idle };
            force.iter().map(|rms| rms * rms).sum::<f64>() * speed * speed
        };
        let lines: f64 = LINES.iter().map(square).sum();
        // Density over 100 Hz, and the mean of 4 sin² is 2.
        let broad: f64 = BROADBAND.iter().map(|density| 200.0 * density * density).sum();
        let road = self.road * speed_mps / ROAD_SPEED_MPS;
        self.idle * self.idle * (lines + broad) * 1e-6 / 3.0 + road * road
    }

    /// What the vibration adds to the increments of angle and velocity of the sample that ends `now`.
    pub(crate) fn sample(
        &mut self,
        now: SimTime,
        speed_mps: f64,
        engine_over_idle: f64,
    ) -> [Vector3<f64>; 2] {
        self.ahead_s += (engine_over_idle - 1.0) * SAMPLE_S;
        let integrals = self.integrals(now);
        let before = self.last.replace(integrals).unwrap_or(integrals);
        let white: [f64; 6] = self.white.at(now.as_ns() / SAMPLE_NS);
        // White of one-sided density 1/√Hz sampled at 200 Hz has σ = √100.
        let broad = |axis: usize| white[axis] * BROADBAND[axis] * 1e-3 * 10.0 * self.idle;
        let road = |axis: usize| {
            let half = std::f64::consts::FRAC_1_SQRT_2; // a difference of two has twice the variance
            white[axis + 3] * half * self.road * speed_mps / ROAD_SPEED_MPS
        };
        let held = Vector3::from_fn(|axis, _| broad(axis) + road(axis));
        let shaken = held - std::mem::replace(&mut self.held, held);
        [integrals[0] - before[0], integrals[1] - before[1] + shaken * SAMPLE_S]
    }

    /// Integrals of all lines up to `now`: exact for any sample length, and aliased beyond 100 Hz as in the car. The
    /// engine's keep their amplitude at every speed, as a shaking body's velocity nearly does: accelerations grow with
    /// the speed \[E\].
    fn integrals(&self, now: SimTime) -> [Vector3<f64>; 2] {
        let mut integrals = [Vector3::zeros(); 2];
        for ((hz, force, rate), phases) in LINES.iter().zip(&self.phases) {
            let ahead_s = if *hz < ENGINE_FROM_HZ { 0.0 } else { self.ahead_s };
            let turns = (now.as_s() + ahead_s) * hz;
            let turns = turns - turns.floor();
            // The levels are those in increments of 5 ms, which show of a line its mean over 5 ms.
            let half_turn = std::f64::consts::PI * hz * SAMPLE_S;
            let scale = self.idle * std::f64::consts::SQRT_2 * SAMPLE_S / (2.0 * libm::sin(half_turn));
            let amplitude = |rms: f64| rms * scale;
            for axis in 0..3 {
                let wave = |phase: f64| libm::sin(std::f64::consts::TAU * (turns + phase));
                integrals[0][axis] += amplitude(rate[axis] * 1e-3 * crate::params::DEG) * wave(phases[axis]);
                integrals[1][axis] += amplitude(force[axis] * 1e-3) * wave(phases[axis + 3]);
            }
        }
        integrals
    }
}

/// Samples that are taken late and at unsteady instants.
#[derive(Clone, Debug)]
pub(crate) struct Timing {
    /// Share of a sample by which its interval lies before its stamp.
    late: f64,
    jitter_s: f64,
    white: White<1>,
    before: [Vector3<f64>; 2],
    /// Lateness of the end of the last sample, s.
    slipped_s: f64,
}

impl Timing {
    pub(crate) fn new(seed: u64, latency_s: f64, jitter_s: f64) -> Option<Box<Self>> {
        if latency_s == 0.0 && jitter_s == 0.0 {
            return None;
        }
        Some(Box::new(Timing {
            late: latency_s / SAMPLE_S,
            jitter_s,
            white: White::new(seed, "imu.jitter", [jitter_s]),
            before: [Vector3::zeros(); 2],
            slipped_s: 0.0,
        }))
    }

    /// The increments of the interval that is really sampled: `now` and the one before share it.
    pub(crate) fn shift(&mut self, now: SimTime, increments: [Vector3<f64>; 2]) -> [Vector3<f64>; 2] {
        let slip_s = if self.jitter_s > 0.0 { self.white.at(now.as_ns() / SAMPLE_NS)[0] } else { 0.0 };
        let longer = (slip_s - std::mem::replace(&mut self.slipped_s, slip_s)) / SAMPLE_S;
        let before = std::mem::replace(&mut self.before, increments);
        std::array::from_fn(|k| {
            increments[k] * (1.0 - self.late) + before[k] * self.late + increments[k] * longer
        })
    }
}
