//! Wind: a mean, turbulence and gusts, the same for the same seed.
//!
//! Turbulence is a frozen pattern that the mean wind carries along (Taylor), so what a car meets depends on
//! how far it has come through the air: the two horizontal components are drawn every half metre of that way
//! and run straight in between. Their spectra are Dryden's (MIL-F-8785C, §3.7.1), with the standard deviation
//! σ and the length scale L for both: autocorrelation e^(−s/L) along the mean wind and
//! e^(−s/L)(1 − s/(2L)) across it.

use skidpad_kernel::{NoiseStream, SimTime};
use std::f64::consts::PI;
use std::time::Duration;

/// Spacing of the drawn values along the way through the air, m, at the most; a tenth of a shorter length scale.
const KNOT_M: f64 = 0.5;

/// What the wind is like.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WindParams {
    /// Mean speed, m/s.
    pub mean_mps: f64,
    /// Where it comes from, rad counter-clockwise from east.
    pub from_rad: f64,
    /// Standard deviation of the turbulence, m/s, of each horizontal component.
    pub turbulence_mps: f64,
    /// Length scale of the turbulence, m.
    pub turbulence_length_m: f64,
}

/// A gust: rises by half a cosine, holds its peak, falls as it rose (1-cosine with a hold).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Gust {
    /// Peak speed, m/s, on top of the wind.
    pub peak_mps: f64,
    /// Where it comes from, rad counter-clockwise from east.
    pub from_rad: f64,
    /// Time to rise and, again, to fall, s.
    pub rise_s: f64,
    /// Length from first to last breath, s; at least twice `rise_s`.
    pub for_s: f64,
}

impl Gust {
    /// Speed at a time after its beginning, m/s.
    pub fn speed_mps(&self, since_s: f64) -> f64 {
        let from_an_end_s = since_s.min(self.for_s - since_s);
        if from_an_end_s <= 0.0 {
            0.0
        } else if from_an_end_s >= self.rise_s {
            self.peak_mps
        } else {
            0.5 * self.peak_mps * (1.0 - libm::cos(PI * from_an_end_s / self.rise_s))
        }
    }
}

/// The wind over the whole map, as it goes on in time.
#[derive(Clone, Debug)]
pub struct Wind {
    /// East and north, m/s.
    mean_mps: [f64; 2],
    turbulence: Option<Turbulence>,
    gusts: Vec<(SimTime, Gust)>,
}

impl Wind {
    /// No wind; gusts may come.
    pub fn calm() -> Wind {
        Wind { mean_mps: [0.0; 2], turbulence: None, gusts: Vec::new() }
    }

    /// The wind that belongs to `seed`.
    pub fn new(params: &WindParams, seed: u64) -> Wind {
        let along = toward(params.from_rad);
        Wind {
            mean_mps: along.map(|part| params.mean_mps * part),
            turbulence: (params.turbulence_mps > 0.0).then(|| Turbulence::new(params, along, seed)),
            gusts: Vec::new(),
        }
    }

    /// A gust begins.
    pub fn begin(&mut self, now: SimTime, gust: Gust) {
        self.gusts.push((now, gust));
    }

    /// Velocity of the air at `now` (east, north, up, m/s) around a car that has moved with `car_mps` for
    /// the last `dt_s` seconds. Time must not run backwards.
    pub fn advance(&mut self, now: SimTime, dt_s: f64, car_mps: [f64; 3]) -> [f64; 3] {
        let [mut east, mut north] = self.mean_mps;
        if let Some(turbulence) = &mut self.turbulence {
            let (x, y) = (car_mps[0] - east, car_mps[1] - north);
            let [along, across] = turbulence.advance(dt_s * (x * x + y * y).sqrt());
            let [cos, sin] = turbulence.along;
            east += along * cos - across * sin;
            north += along * sin + across * cos;
        }
        if !self.gusts.is_empty() {
            self.gusts.retain(|(begin, gust)| now < *begin + Duration::from_secs_f64(gust.for_s));
            for (begin, gust) in &self.gusts {
                let speed_mps = gust.speed_mps(now.since(*begin).as_secs_f64());
                let [cos, sin] = toward(gust.from_rad);
                east += speed_mps * cos;
                north += speed_mps * sin;
            }
        }
        [east, north, 0.0]
    }
}

/// Unit vector of a wind that comes from `from_rad`.
fn toward(from_rad: f64) -> [f64; 2] {
    let (sin, cos) = libm::sincos(from_rad);
    [-cos, -sin]
}

/// Dryden turbulence along the way through the air.
#[derive(Clone, Debug)]
struct Turbulence {
    stream: NoiseStream,
    /// Direction of the mean wind.
    along: [f64; 2],
    knot_m: f64,
    /// Decay of the first-order process along the wind over one knot, and the spread of what is new.
    decay: f64,
    spread: f64,
    /// Transition of the second-order process across the wind over one knot, and the triangular root of the
    /// covariance of what is new.
    transition: [[f64; 2]; 2],
    root: [f64; 3],
    sigma_mps: f64,
    /// Index of the next knot, and the way to it, m.
    next: u64,
    ahead_m: f64,
    /// Unit states (along; across and its rate) at the next knot.
    state: [f64; 3],
    /// Components (along, across) at the knots before and next, m/s.
    ends_mps: [[f64; 2]; 2],
}

impl Turbulence {
    fn new(params: &WindParams, along: [f64; 2], seed: u64) -> Turbulence {
        let knot_m = KNOT_M.min(0.1 * params.turbulence_length_m);
        let d = knot_m / params.turbulence_length_m;
        let decay = libm::exp(-d);
        // Across: x₁' = x₂, x₂' = −x₁ − 2x₂ + w over the way in length scales, y = x₁ + √3 x₂; with y of unit
        // variance the stationary covariance is 1/4 on the diagonal. What is new keeps it: Q = P − ΦPΦᵀ.
        let transition = [[decay * (1.0 + d), decay * d], [-decay * d, decay * (1.0 - d)]];
        let product = |i: usize, j: usize| -> f64 {
            0.25 * (transition[i][0] * transition[j][0] + transition[i][1] * transition[j][1])
        };
        let first = (0.25 - product(0, 0)).sqrt();
        let mixed = -product(0, 1) / first;
        let last = (0.25 - product(1, 1) - mixed * mixed).sqrt();
        let mut stream = NoiseStream::new(seed, "wind.turbulence");
        let [a, b, c] = stream.normals(0);
        let mut turbulence = Turbulence {
            stream,
            along,
            knot_m,
            decay,
            spread: (1.0 - decay * decay).sqrt(),
            transition,
            root: [first, mixed, last],
            sigma_mps: params.turbulence_mps,
            next: 0,
            ahead_m: 0.0,
            state: [a, 0.5 * b, 0.5 * c],
            ends_mps: [[0.0; 2]; 2],
        };
        turbulence.ends_mps[1] = turbulence.components();
        turbulence.step();
        turbulence
    }

    fn components(&self) -> [f64; 2] {
        let [along, across, rate] = self.state;
        [self.sigma_mps * along, self.sigma_mps * (across + 3f64.sqrt() * rate)]
    }

    /// To the next knot.
    fn step(&mut self) {
        self.next += 1;
        self.ahead_m += self.knot_m;
        let [a, b, c]: [f64; 3] = self.stream.normals(self.next);
        let [along, across, rate] = self.state;
        let [to_across, to_rate] = self.transition;
        let [first, mixed, last] = self.root;
        self.state = [
            self.decay * along + self.spread * a,
            to_across[0] * across + to_across[1] * rate + first * b,
            to_rate[0] * across + to_rate[1] * rate + mixed * b + last * c,
        ];
        self.ends_mps = [self.ends_mps[1], self.components()];
    }

    /// The components after `way_m` more metres.
    fn advance(&mut self, way_m: f64) -> [f64; 2] {
        self.ahead_m -= way_m;
        while self.ahead_m < 0.0 {
            self.step();
        }
        let share = self.ahead_m / self.knot_m;
        [0, 1].map(|i| self.ends_mps[1][i] + share * (self.ends_mps[0][i] - self.ends_mps[1][i]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GUSTY: WindParams =
        WindParams { mean_mps: 0.0, from_rad: PI, turbulence_mps: 1.5, turbulence_length_m: 20.0 };

    #[test]
    fn a_gust_rises_by_half_a_cosine_holds_and_falls() {
        let gust = Gust { peak_mps: 12.0, from_rad: 0.0, rise_s: 0.5, for_s: 2.0 };
        let at = |t: f64| gust.speed_mps(t);
        assert_eq!([at(-1.0), at(0.0), at(2.0), at(9.0)], [0.0; 4]);
        assert_eq!([at(0.5), at(1.0), at(1.5)], [12.0; 3]);
        assert!((at(0.25) - 6.0).abs() < 1e-12 && (at(1.75) - 6.0).abs() < 1e-12);
        let area: f64 = (0..20_000).map(|i| at((f64::from(i) + 0.5) * 1e-4) * 1e-4).sum();
        assert!((area - 12.0 * 1.5).abs() < 1e-6, "{area}");
    }

    #[test]
    fn a_wind_from_the_west_blows_east_and_a_gust_adds_to_it() {
        let mut wind = Wind::new(&WindParams { mean_mps: 5.0, turbulence_mps: 0.0, ..GUSTY }, 1);
        let [east, north, up] = wind.advance(SimTime::ZERO, 1e-3, [0.0; 3]);
        assert!((east - 5.0).abs() < 1e-15 && north.abs() < 1e-15 && up == 0.0);
        wind.begin(SimTime::ZERO, Gust { peak_mps: 3.0, from_rad: -0.5 * PI, rise_s: 0.1, for_s: 1.0 });
        let [east, north, _] = wind.advance(SimTime::from_ms(500), 1e-3, [0.0; 3]);
        assert!((east - 5.0).abs() < 1e-14 && (north - 3.0).abs() < 1e-14);
        let [_, north, _] = wind.advance(SimTime::from_ms(1000), 1e-3, [0.0; 3]);
        assert!(north.abs() < 1e-15);
    }

    #[test]
    fn calm_air_is_exactly_still() {
        let mut wind = Wind::calm();
        wind.begin(SimTime::ZERO, Gust { peak_mps: 3.0, from_rad: 1.0, rise_s: 0.1, for_s: 1.0 });
        wind.advance(SimTime::from_ms(300), 1e-3, [20.0, 3.0, 0.0]);
        assert_eq!(wind.advance(SimTime::from_ms(1001), 1e-3, [20.0, 3.0, 0.0]), [0.0; 3]);
    }

    /// Dryden: e^(−s/L) along the wind, e^(−s/L)(1 − s/(2L)) across it, the same in car and calendar time.
    #[test]
    fn turbulence_has_the_correlation_of_dryden_over_the_way_through_the_air() {
        for car_mps in [5.0, 25.0] {
            let mut wind = Wind::new(&GUSTY, 3);
            let step_m = 1.0;
            let samples: Vec<[f64; 3]> = (0..200_000)
                .map(|_| wind.advance(SimTime::ZERO, step_m / car_mps, [car_mps, 0.0, 0.0]))
                .collect();
            let covariance = |axis: usize, lag: usize| {
                let pairs = samples.iter().zip(&samples[lag..]);
                pairs.map(|(a, b)| a[axis] * b[axis]).sum::<f64>() / (samples.len() - lag) as f64
            };
            for axis in 0..2 {
                let variance = covariance(axis, 0);
                assert!((variance.sqrt() / 1.5 - 1.0).abs() < 0.03, "axis {axis}: {}", variance.sqrt());
                for lag in [5, 10, 20, 40] {
                    let s = lag as f64 / 20.0;
                    let dryden = libm::exp(-s) * if axis == 0 { 1.0 } else { 1.0 - 0.5 * s };
                    let found = covariance(axis, lag) / variance;
                    assert!((found - dryden).abs() < 0.04, "axis {axis}, {lag} m: {found} {dryden}");
                }
            }
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_wind_and_another_another() {
        let run = |seed| {
            let mut wind = Wind::new(&GUSTY, seed);
            (0..5000u64)
                .map(|ms| wind.advance(SimTime::from_ms(ms), 1e-3, [10.0, 1.0, 0.0]))
                .collect::<Vec<_>>()
        };
        assert_eq!(run(4), run(4));
        assert_ne!(run(4), run(5));
    }
}
