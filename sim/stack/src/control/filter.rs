//! The filters of the lateral controller.

use std::collections::VecDeque;
use std::f64::consts::{PI, SQRT_2};

/// Second-order Butterworth low pass, discretised bilinearly without prewarping.
///
/// Source: Apollo 1.0 `control/filters/digital_filter{,_coefficients}.cc`: with α = π·f·ts,
/// numerator α²/(1+√2α+α²)·[1, 2, 1], denominator [1, 2(α²−1)/(1+√2α+α²), (1−√2α+α²)/(1+√2α+α²)].
#[derive(Debug, Clone)]
pub struct LowPass {
    numerator: [f64; 3],
    denominator: [f64; 3],
    inputs: [f64; 2],
    outputs: [f64; 2],
}

impl LowPass {
    /// A filter at rest (all past inputs and outputs 0) for samples every `ts_s` seconds.
    pub fn new(ts_s: f64, cutoff_hz: f64) -> Self {
        let alpha = 2.0 * PI * cutoff_hz * ts_s / 2.0;
        let alpha_squared = alpha * alpha;
        let scale = 1.0 + (SQRT_2 * alpha + alpha_squared);
        let gain = alpha_squared / scale;
        Self {
            numerator: [gain, 2.0 * gain, gain],
            denominator: [
                1.0,
                2.0 * (alpha_squared - 1.0) / scale,
                (1.0 - SQRT_2 * alpha + alpha_squared) / scale,
            ],
            inputs: [0.0; 2],
            outputs: [0.0; 2],
        }
    }

    /// Numerator coefficients, newest sample first.
    pub fn numerator(&self) -> [f64; 3] {
        self.numerator
    }

    /// Denominator coefficients, newest sample first; the first is 1.
    pub fn denominator(&self) -> [f64; 3] {
        self.denominator
    }

    /// Takes one sample, gives the filtered one.
    pub fn step(&mut self, input: f64) -> f64 {
        let [b0, b1, b2] = self.numerator;
        let [_, a1, a2] = self.denominator;
        let forward = input * b0 + self.inputs[0] * b1 + self.inputs[1] * b2;
        let output = forward - (self.outputs[0] * a1 + self.outputs[1] * a2);
        self.inputs = [input, self.inputs[0]];
        self.outputs = [output, self.outputs[0]];
        output
    }
}

/// Mean of the last samples without the smallest and the largest (once there are three).
///
/// Source: Apollo 1.0 `control/filters/mean_filter.cc`. Used only when `use_state_exact_match` is off.
#[derive(Debug, Clone)]
pub struct MeanFilter {
    window: usize,
    values: VecDeque<f64>,
}

impl MeanFilter {
    /// An empty filter over `window` ≥ 1 samples.
    pub fn new(window: usize) -> Self {
        Self { window: window.max(1), values: VecDeque::with_capacity(window.max(1)) }
    }

    /// Takes one sample, gives the trimmed mean.
    pub fn step(&mut self, value: f64) -> f64 {
        if self.values.len() == self.window {
            self.values.pop_front();
        }
        self.values.push_back(value);
        let sum: f64 = self.values.iter().sum();
        let count = self.values.len();
        if count <= 2 {
            return sum / count as f64;
        }
        let smallest = self.values.iter().copied().fold(f64::INFINITY, f64::min);
        let largest = self.values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        (sum - smallest - largest) / (count - 2) as f64
    }
}
