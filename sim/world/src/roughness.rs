//! Road roughness after ISO 8608: a height field on the plane, the same for the same seed.
//!
//! Along any straight line the displacement has the one-sided power spectral density
//! G_d(n) = G_d(n₀)·(n/n₀)⁻² with n₀ = 0.1 1/m, from 0.011 to 2.5 cycles/m; from there it falls to zero at
//! 2.83 cycles/m. The field is isotropic, so two tracks of a car belong together over long waves and are
//! strangers over short ones, and a circle is as rough as a straight. A field whose lines have the spectrum
//! S₁(n) = G_d(n)/2 has on the plane S₂(k) = −1/π ∫ₖ S₁′(n)/√(n² − k²) dn (inverse Abel transform), ~ k⁻³.
//!
//! It is made once, as a periodic square tile of waves with random phases, summed by an inverse Fourier
//! transform (own code: libraries round differently from machine to machine), and kept as coefficients of
//! cubic B-splines, whose own frequency response is divided out. Height and slope come from the same
//! polynomial: the normal is exactly that of the height, and both are smooth. The tile lies askew on
//! the map, so that a road due east does not meet the same bumps with every period.

use serde::de::{Error as _, Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use skidpad_kernel::NoiseStream;
use std::f64::consts::PI;
use std::fmt;

/// Nodes along a side of the tile.
const NODES: usize = 512;
/// Distance of the nodes, m: the tile is 89.6 m long, its longest wave 0.01116 cycles/m.
const SPACING_M: f64 = 0.175;
/// Reference spatial frequency n₀, cycles/m.
const REFERENCE_CPM: f64 = 0.1;
/// Where the spectrum of a line leaves the class line, and where it ends, cycles/m.
const STRAIGHT_TO_CPM: f64 = 2.5;
const END_CPM: f64 = 2.83;
/// Cosine and sine of the tile's angle to the map's east: tan = 1/φ, the most irrational slope.
const ASKEW: [f64; 2] = [0.850_650_808_352_039_9, 0.525_731_112_119_133_6];
/// Largest roughness G_d(n₀), m³: the upper bound of class E.
pub(crate) const LARGEST_M3: f64 = 2048e-6;

/// A class of road roughness by ISO 8608.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RoughnessClass {
    /// Very good: a new motorway, G_d(n₀) = 16e-6 m³.
    A,
    /// Good: a usual road, 64e-6 m³.
    B,
    /// Average: a worn or paved road, 256e-6 m³.
    C,
}

/// How rough a road is: `"a"`, `"b"` or `"c"` after ISO 8608, or the displacement density G_d(n₀) at
/// n₀ = 0.1 cycles/m in m³ (0 = smooth).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, schemars::JsonSchema)]
#[serde(untagged)]
pub enum RoughnessLevel {
    /// A class, at its geometric mean.
    Class(RoughnessClass),
    /// G_d(n₀), m³.
    Density(#[schemars(range(min = 0.0, max = 2048e-6))] f64),
}

impl RoughnessLevel {
    /// G_d(n₀), m³.
    pub fn density_m3(self) -> f64 {
        match self {
            RoughnessLevel::Class(RoughnessClass::A) => 16e-6,
            RoughnessLevel::Class(RoughnessClass::B) => 64e-6,
            RoughnessLevel::Class(RoughnessClass::C) => 256e-6,
            RoughnessLevel::Density(density_m3) => density_m3,
        }
    }
}

impl<'de> Deserialize<'de> for RoughnessLevel {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Level;
        impl Visitor<'_> for Level {
            type Value = RoughnessLevel;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "the ISO 8608 class \"a\", \"b\" or \"c\", or Gd(n0) of 0 to {LARGEST_M3} m3")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<RoughnessLevel, E> {
                let class = match text {
                    "a" => RoughnessClass::A,
                    "b" => RoughnessClass::B,
                    "c" => RoughnessClass::C,
                    _ => return Err(E::invalid_value(Unexpected::Str(text), &self)),
                };
                Ok(RoughnessLevel::Class(class))
            }

            fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<RoughnessLevel, E> {
                if (0.0..=LARGEST_M3).contains(&value) {
                    Ok(RoughnessLevel::Density(value))
                } else {
                    Err(E::invalid_value(Unexpected::Float(value), &self))
                }
            }

            fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<RoughnessLevel, E> {
                self.visit_f64(value as f64)
            }
        }
        deserializer.deserialize_any(Level).map_err(D::Error::custom)
    }
}

/// A rough surface, to be added to the shape of a road.
#[derive(Clone, Debug)]
pub struct Roughness {
    /// B-spline coefficients, row by row, m.
    coefficients: Vec<f32>,
}

impl Roughness {
    /// The surface of the density G_d(n₀) = `density_m3` (m³) that belongs to `seed`.
    pub fn new(density_m3: f64, seed: u64) -> Roughness {
        let half = NODES / 2;
        let step_cpm = 1.0 / (NODES as f64 * SPACING_M);
        // Waves travel both ways alike: one half of the plane of wave vectors, doubled, and the real part.
        let mut waves = vec![Complex::default(); half * NODES];
        let mut phases = NoiseStream::new(seed, "road.roughness");
        let response: Vec<f64> = (0..=half).map(|i| spline_response(i as f64 / NODES as f64)).collect();
        for row in 0..half {
            for column in 0..NODES {
                // Columns beyond the middle are negative frequencies.
                let across = if column < half { column as i64 } else { column as i64 - NODES as i64 };
                let index = row * NODES + column;
                let k_cpm = step_cpm * ((row * row) as f64 + (across * across) as f64).sqrt();
                let twin = row == 0 && across <= 0;
                if twin || k_cpm >= END_CPM {
                    continue;
                }
                let amplitude_m = 2.0 * step_cpm * plane_density(density_m3, k_cpm).sqrt();
                let [turn] = phases.uniforms(index as u64);
                let (sin, cos) = libm::sincos(2.0 * PI * turn);
                let size = amplitude_m / (response[row] * response[across.unsigned_abs() as usize]);
                waves[index] = Complex { re: size * cos, im: size * sin };
            }
        }
        let transform = Transform::new(NODES);
        waves.chunks_exact_mut(NODES).for_each(|row| transform.inverse(row));
        let mut coefficients = vec![0.0f32; NODES * NODES];
        let mut line = vec![Complex::default(); NODES];
        for column in 0..NODES {
            line.fill(Complex::default());
            for row in 0..half {
                line[row] = waves[row * NODES + column];
            }
            transform.inverse(&mut line);
            for (row, value) in line.iter().enumerate() {
                coefficients[row * NODES + column] = value.re as f32;
            }
        }
        Roughness { coefficients }
    }

    /// Height (m) and its gradient at a point of the map.
    #[inline]
    pub fn at(&self, x_m: f64, y_m: f64) -> (f64, [f64; 2]) {
        let [cos, sin] = ASKEW;
        let per_m = 1.0 / SPACING_M;
        let (u, v) = ((cos * x_m + sin * y_m) * per_m, (cos * y_m - sin * x_m) * per_m);
        let (u_floor, v_floor) = (u.floor(), v.floor());
        let (along, along_slope) = spline(u - u_floor);
        let (across, across_slope) = spline(v - v_floor);
        // The tile repeats; node −1 of the four is the one before the cell.
        let wrap = |node: i64| (node & (NODES as i64 - 1)) as usize;
        let columns = [-1, 0, 1, 2].map(|i| wrap(u_floor as i64 + i));
        let [mut height, mut slope_u, mut slope_v] = [0.0; 3];
        for i in 0..4 {
            let row = wrap(v_floor as i64 - 1 + i as i64) * NODES;
            let c = columns.map(|column| f64::from(self.coefficients[row + column]));
            let value = along[0] * c[0] + along[1] * c[1] + along[2] * c[2] + along[3] * c[3];
            let slope =
                along_slope[0] * c[0] + along_slope[1] * c[1] + along_slope[2] * c[2] + along_slope[3] * c[3];
            height += across[i] * value;
            slope_u += across[i] * slope;
            slope_v += across_slope[i] * value;
        }
        let gradient = [(cos * slope_u - sin * slope_v) * per_m, (sin * slope_u + cos * slope_v) * per_m];
        (height, gradient)
    }
}

/// Two-sided density on the plane (m⁴) whose lines have the spectrum of the module's description.
fn plane_density(density_m3: f64, k_cpm: f64) -> f64 {
    let line = |n: f64| 0.5 * density_m3 * (REFERENCE_CPM / n) * (REFERENCE_CPM / n);
    // The class line from k to its end, by n = k / cos θ.
    let cos = (k_cpm / STRAIGHT_TO_CPM).min(1.0);
    let theta = libm::acos(cos);
    let straight = line(k_cpm) * (theta + cos * (1.0 - cos * cos).sqrt()) / (PI * k_cpm);
    // The ramp to zero beyond.
    let area = |n: f64| libm::acosh((n / k_cpm).max(1.0));
    let ramp = line(STRAIGHT_TO_CPM) / (END_CPM - STRAIGHT_TO_CPM) / PI;
    straight + ramp * (area(END_CPM) - area(STRAIGHT_TO_CPM))
}

/// Frequency response of the cubic B-spline at `cycles` per node.
fn spline_response(cycles: f64) -> f64 {
    if cycles == 0.0 {
        return 1.0;
    }
    let sinc = libm::sin(PI * cycles) / (PI * cycles);
    (sinc * sinc) * (sinc * sinc)
}

/// Weights of the four nodes around a point at `t` of its cell, and their derivatives.
#[inline]
fn spline(t: f64) -> ([f64; 4], [f64; 4]) {
    const SIXTH: f64 = 1.0 / 6.0;
    let rest = 1.0 - t;
    let (square, rest_square) = (t * t, rest * rest);
    (
        [
            SIXTH * rest_square * rest,
            SIXTH * (4.0 + square * (3.0 * t - 6.0)),
            SIXTH * (4.0 + rest_square * (3.0 * rest - 6.0)),
            SIXTH * square * t,
        ],
        [-0.5 * rest_square, t * (1.5 * t - 2.0), -rest * (1.5 * rest - 2.0), 0.5 * square],
    )
}

#[derive(Clone, Copy, Debug, Default)]
struct Complex {
    re: f64,
    im: f64,
}

/// Inverse discrete Fourier transform of a power of two, x_j = Σ X_k e^(2πi jk/N): radix 2 in place.
struct Transform {
    /// e^(2πi k/N), k below N/2.
    turns: Vec<Complex>,
    /// Index with its bits reversed.
    reversed: Vec<u32>,
}

impl Transform {
    fn new(size: usize) -> Transform {
        let turns = (0..size / 2)
            .map(|k| {
                let (im, re) = libm::sincos(2.0 * PI * k as f64 / size as f64);
                Complex { re, im }
            })
            .collect();
        let bits = size.trailing_zeros();
        let reversed = (0..size as u32).map(|i| i.reverse_bits() >> (32 - bits)).collect();
        Transform { turns, reversed }
    }

    fn inverse(&self, values: &mut [Complex]) {
        for (i, &j) in self.reversed.iter().enumerate() {
            if i < j as usize {
                values.swap(i, j as usize);
            }
        }
        let mut half = 1;
        while half < values.len() {
            let stride = self.turns.len() / half;
            for block in values.chunks_exact_mut(2 * half) {
                let (low, high) = block.split_at_mut(half);
                for (k, (a, b)) in low.iter_mut().zip(high).enumerate() {
                    let turn = self.turns[k * stride];
                    let turned =
                        Complex { re: b.re * turn.re - b.im * turn.im, im: b.re * turn.im + b.im * turn.re };
                    *b = Complex { re: a.re - turned.re, im: a.im - turned.im };
                    *a = Complex { re: a.re + turned.re, im: a.im + turned.im };
                }
            }
            half *= 2;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_transform_is_the_sum_it_stands_for() {
        let size = 16;
        let given: Vec<Complex> = (0..size)
            .map(|k| Complex { re: libm::cos(1.7 * k as f64), im: libm::sin(0.9 * (k * k) as f64) })
            .collect();
        let mut fast = given.clone();
        Transform::new(size).inverse(&mut fast);
        for (j, fast) in fast.iter().enumerate() {
            let (mut re, mut im) = (0.0, 0.0);
            for (k, x) in given.iter().enumerate() {
                let (sin, cos) = libm::sincos(2.0 * PI * (j * k) as f64 / size as f64);
                re += x.re * cos - x.im * sin;
                im += x.re * sin + x.im * cos;
            }
            assert!((fast.re - re).abs() < 1e-13 && (fast.im - im).abs() < 1e-13);
        }
    }

    /// ∫ S₂(√(n² + m²)) dm over all m is the two-sided spectrum of a line.
    #[test]
    fn the_density_on_the_plane_gives_the_class_line_on_every_line() {
        for n in [0.02, 0.1, 0.5, 1.0, 2.0, 2.4] {
            // m = n·sinh q spreads the points over the decades.
            let (steps, end) = (200_000, libm::asinh((END_CPM * END_CPM - n * n).sqrt() / n));
            let sum: f64 = (0..steps)
                .map(|i| {
                    let q = end * (i as f64 + 0.5) / f64::from(steps);
                    let k = n * libm::cosh(q);
                    plane_density(64e-6, k) * k * end / f64::from(steps)
                })
                .sum();
            let one_sided = 2.0 * 2.0 * sum;
            let line = 64e-6 * (0.1 / n) * (0.1 / n);
            assert!((one_sided / line - 1.0).abs() < 1e-3, "{n}: {one_sided} {line}");
        }
    }

    #[test]
    fn the_spline_weights_sum_to_one_and_their_slopes_to_zero() {
        for t in [0.0, 0.2, 0.5, 0.9] {
            let (weights, slopes) = spline(t);
            assert!((weights.iter().sum::<f64>() - 1.0).abs() < 1e-15);
            assert!(slopes.iter().sum::<f64>().abs() < 1e-15);
            let ahead = spline(t + 1e-6).0;
            for i in 0..4 {
                assert!(((ahead[i] - weights[i]) / 1e-6 - slopes[i]).abs() < 1e-5);
            }
        }
    }
}
