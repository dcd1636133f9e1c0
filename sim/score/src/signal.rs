//! Streaming statistics. Everything here takes samples at the fixed rate of the scorer, 100 Hz.

use std::collections::VecDeque;
use std::f64::consts::{PI, SQRT_2};

/// Root mean square, mean and largest magnitude. NaN samples are left out; without samples all are NaN.
#[derive(Clone, Debug, Default)]
pub struct Spread {
    count: u64,
    sum: f64,
    sum_of_squares: f64,
    largest: f64,
}

impl Spread {
    pub fn push(&mut self, value: f64) {
        if value.is_nan() {
            return;
        }
        self.count += 1;
        self.sum += value;
        self.sum_of_squares += value * value;
        self.largest = self.largest.max(value.abs());
    }

    pub fn rms(&self) -> f64 {
        self.or_nan((self.sum_of_squares / self.count as f64).sqrt())
    }

    pub fn mean(&self) -> f64 {
        self.or_nan(self.sum / self.count as f64)
    }

    /// Largest magnitude.
    pub fn max(&self) -> f64 {
        self.or_nan(self.largest)
    }

    pub fn count(&self) -> u64 {
        self.count
    }

    fn or_nan(&self, value: f64) -> f64 {
        if self.count == 0 { f64::NAN } else { value }
    }
}

/// Percentiles of magnitudes; keeps every sample (2.9 MB for an hour).
#[derive(Clone, Debug, Default)]
pub struct Magnitudes {
    values: Vec<f64>,
}

impl Magnitudes {
    pub fn push(&mut self, value: f64) {
        if !value.is_nan() {
            self.values.push(value.abs());
        }
    }

    /// Puts the samples in order; [`percentile`](Self::percentile) needs it.
    pub fn sort(&mut self) {
        self.values.sort_by(f64::total_cmp);
    }

    /// Linear interpolation between the sorted samples (the usual "type 7" definition).
    pub fn percentile(&self, percent: f64) -> f64 {
        let Some(last) = self.values.len().checked_sub(1) else { return f64::NAN };
        let at = percent / 100.0 * last as f64;
        let below = (at.floor() as usize).min(last);
        let above = (below + 1).min(last);
        self.values[below] + (at - below as f64) * (self.values[above] - self.values[below])
    }

    /// Share of the samples of at most `bound`, %.
    pub fn within_pct(&self, bound: f64) -> f64 {
        if self.values.is_empty() {
            return f64::NAN;
        }
        100.0 * self.values.partition_point(|v| *v <= bound) as f64 / self.values.len() as f64
    }
}

/// The last `N` samples.
#[derive(Clone, Debug)]
pub struct Window<const N: usize> {
    values: [f64; N],
    next: usize,
    filled: bool,
}

impl<const N: usize> Default for Window<N> {
    fn default() -> Self {
        Window { values: [0.0; N], next: 0, filled: false }
    }
}

impl<const N: usize> Window<N> {
    /// Takes a sample and returns the one `N` samples ago, if there was one.
    pub fn push(&mut self, value: f64) -> Option<f64> {
        let oldest = self.filled.then_some(self.values[self.next]);
        self.values[self.next] = value;
        self.next = (self.next + 1) % N;
        self.filled |= self.next == 0;
        oldest
    }

    /// Mean of the window, NaN until it is full.
    pub fn mean(&self) -> f64 {
        if self.filled { self.values.iter().sum::<f64>() / N as f64 } else { f64::NAN }
    }
}

/// Second-order Butterworth low-pass (bilinear transform), settled on its first sample.
#[derive(Clone, Debug)]
pub struct LowPass {
    b0: f64,
    a1: f64,
    a2: f64,
    state: Option<[f64; 2]>,
}

impl LowPass {
    pub fn new(cutoff_hz: f64, sample_hz: f64) -> Self {
        let k = libm::tan(PI * cutoff_hz / sample_hz);
        let norm = 1.0 / (1.0 + SQRT_2 * k + k * k);
        LowPass {
            b0: k * k * norm,
            a1: 2.0 * (k * k - 1.0) * norm,
            a2: (1.0 - SQRT_2 * k + k * k) * norm,
            state: None,
        }
    }

    pub fn push(&mut self, x: f64) -> f64 {
        let (b0, b1, b2) = (self.b0, 2.0 * self.b0, self.b0);
        let [s1, s2] = self.state.unwrap_or_else(|| {
            let s2 = (b2 - self.a2) * x;
            [(b1 - self.a1) * x + s2, s2]
        });
        let y = b0 * x + s1;
        self.state = Some([b1 * x - self.a1 * y + s2, b2 * x - self.a2 * y]);
        y
    }
}

/// A local extreme of a signal.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TurningPoint {
    pub time_s: f64,
    pub value: f64,
}

/// Finds the turning points of a signal, ignoring swings smaller than a gap.
#[derive(Clone, Debug)]
pub struct TurningPoints {
    gap: f64,
    lowest: Option<TurningPoint>,
    highest: Option<TurningPoint>,
    /// +1 rising, −1 falling, 0 not yet known.
    direction: i8,
}

impl TurningPoints {
    pub fn new(gap: f64) -> Self {
        TurningPoints { gap, lowest: None, highest: None, direction: 0 }
    }

    /// Takes a sample; returns a turning point once the signal has left it by the gap.
    pub fn push(&mut self, time_s: f64, value: f64) -> Option<TurningPoint> {
        let here = TurningPoint { time_s, value };
        let lowest = *self.lowest.get_or_insert(here);
        let highest = *self.highest.get_or_insert(here);
        if value > highest.value {
            self.highest = Some(here);
        }
        if value < lowest.value {
            self.lowest = Some(here);
        }
        if self.direction >= 0 && highest.value - value >= self.gap {
            let turned = self.direction > 0;
            self.direction = -1;
            self.lowest = Some(here);
            return turned.then_some(highest);
        }
        if self.direction <= 0 && value - lowest.value >= self.gap {
            let turned = self.direction < 0;
            self.direction = 1;
            self.highest = Some(here);
            return turned.then_some(lowest);
        }
        None
    }
}

/// Finds sustained oscillation: at least 5 cycles in a row whose periods vary by less than 15 %
/// (coefficient of variation), that do not decay (logarithmic decrement below 0.05 per cycle; a growing
/// one counts) and whose amplitude is at least 0.05 m. Cycles longer than 10 s are the road's, not the
/// controller's.
#[derive(Clone, Debug)]
pub struct LimitCycle {
    turning_points: TurningPoints,
    recent: VecDeque<TurningPoint>,
    /// Amplitude and period of the largest one found.
    found: Option<(f64, f64)>,
}

const CYCLES: usize = 5;
const AMPLITUDE_M: f64 = 0.05;
const LONGEST_PERIOD_S: f64 = 10.0;
const PERIOD_VARIATION: f64 = 0.15;
const DECREMENT: f64 = 0.05;

impl Default for LimitCycle {
    fn default() -> Self {
        LimitCycle {
            turning_points: TurningPoints::new(2.0 * AMPLITUDE_M),
            recent: VecDeque::with_capacity(2 * CYCLES + 2),
            found: None,
        }
    }
}

impl LimitCycle {
    pub fn push(&mut self, time_s: f64, value: f64) {
        let Some(turning_point) = self.turning_points.push(time_s, value) else { return };
        self.recent.push_back(turning_point);
        if self.recent.len() > 2 * CYCLES + 1 {
            self.recent.pop_front();
        }
        if self.recent.len() == 2 * CYCLES + 1 {
            self.judge();
        }
    }

    /// The signal was interrupted: cycles before and after do not make a row.
    pub fn interrupt(&mut self) {
        self.turning_points = TurningPoints::new(2.0 * AMPLITUDE_M);
        self.recent.clear();
    }

    /// Amplitude and period of the largest sustained oscillation.
    pub fn found(&self) -> Option<(f64, f64)> {
        self.found
    }

    fn judge(&mut self) {
        let points = &self.recent;
        let amplitude = |cycle: usize| 0.5 * (points[2 * cycle].value - points[2 * cycle + 1].value).abs();
        let mut periods = Spread::default();
        for cycle in 0..CYCLES {
            periods.push(points[2 * cycle + 2].time_s - points[2 * cycle].time_s);
        }
        let mean_s = periods.mean();
        let variance = periods.rms() * periods.rms() - mean_s * mean_s;
        let decrement = libm::log(amplitude(0) / amplitude(CYCLES - 1)) / (CYCLES - 1) as f64;
        let sustained = mean_s <= LONGEST_PERIOD_S
            && variance.max(0.0).sqrt() < PERIOD_VARIATION * mean_s
            && decrement < DECREMENT;
        let mean_amplitude = (0..CYCLES).map(amplitude).sum::<f64>() / CYCLES as f64;
        if sustained && self.found.is_none_or(|(largest, _)| mean_amplitude > largest) {
            self.found = Some((mean_amplitude, mean_s));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sine(amplitude: f64, hz: f64, seconds: f64) -> impl Iterator<Item = (f64, f64)> {
        (0..(seconds * 100.0) as u32).map(move |i| {
            let t = f64::from(i) * 0.01;
            (t, amplitude * libm::sin(2.0 * PI * hz * t))
        })
    }

    #[test]
    fn rms_of_a_sine_is_its_amplitude_over_root_two() {
        let mut spread = Spread::default();
        sine(3.0, 0.5, 20.0).for_each(|(_, v)| spread.push(v));
        assert!((spread.rms() - 3.0 / SQRT_2).abs() < 1e-12);
        assert!(spread.mean().abs() < 1e-12);
        assert!((spread.max() - 3.0).abs() < 1e-12);
        assert!(Spread::default().rms().is_nan());
    }

    #[test]
    fn percentiles_of_a_rectified_sine_follow_its_arcsine_law() {
        let mut magnitudes = Magnitudes::default();
        sine(2.0, 0.1, 100.0).for_each(|(_, v)| magnitudes.push(v));
        magnitudes.sort();
        for percent in [50.0, 95.0, 99.0] {
            let law = 2.0 * libm::sin(percent / 100.0 * PI / 2.0);
            assert!((magnitudes.percentile(percent) - law).abs() < 5e-3, "p{percent}");
        }
        // |2 sin| ≤ 1 for a third of the time
        assert!((magnitudes.within_pct(1.0 + 1e-9) - 100.0 / 3.0).abs() < 0.2);
        assert!(Magnitudes::default().percentile(50.0).is_nan());
    }

    #[test]
    fn the_low_pass_halves_the_power_at_its_cutoff_and_passes_a_constant() {
        let mut filter = LowPass::new(0.6, 100.0);
        let mut spread = Spread::default();
        for (t, v) in sine(1.0, 0.6, 60.0) {
            let y = filter.push(v);
            if t >= 10.0 {
                spread.push(y);
            }
        }
        assert!((spread.rms() - 0.5).abs() < 1e-3, "{}", spread.rms());
        let mut settled = LowPass::new(0.6, 100.0);
        assert!((0..100).all(|_| (settled.push(7.0) - 7.0).abs() < 1e-9));
    }

    #[test]
    fn a_sine_turns_twice_per_period_and_ripple_below_the_gap_does_not() {
        let mut turning = TurningPoints::new(2.0);
        let points: Vec<_> = sine(5.0, 0.25, 40.0)
            .filter_map(|(t, v)| turning.push(t, v + 0.4 * libm::sin(2.0 * PI * 9.0 * t)))
            .collect();
        assert_eq!(points.len(), 20);
        assert!(points.iter().all(|p| p.value.abs() > 4.5));
        let mut still = TurningPoints::new(2.0);
        assert!(sine(0.9, 1.0, 20.0).all(|(t, v)| still.push(t, v).is_none()));
    }

    #[test]
    fn a_limit_cycle_is_sustained_periodic_and_large_enough() {
        let found = |signal: &dyn Fn(f64) -> f64| {
            let mut detector = LimitCycle::default();
            (0..4000).for_each(|i| detector.push(f64::from(i) * 0.01, signal(f64::from(i) * 0.01)));
            detector.found()
        };
        let (amplitude, period) =
            found(&|t| 0.4 + 0.08 * libm::sin(2.0 * PI * 0.5 * t)).expect("limit cycle");
        assert!((amplitude - 0.08).abs() < 1e-3 && (period - 2.0).abs() < 1e-2);
        assert!(found(&|t| 0.04 * libm::sin(2.0 * PI * 0.5 * t)).is_none(), "too small");
        assert!(found(&|t| 0.5 * libm::exp(-0.1 * t) * libm::sin(2.0 * PI * 0.5 * t)).is_none(), "decays");
        // Every period is 1.3 times the one before.
        let slowing = |t| 0.5 * libm::sin(2.0 * PI * libm::log(1.0 + t) / libm::log(1.3));
        assert!(found(&slowing).is_none(), "slows down");
        assert!(found(&|t| 0.5 * libm::sin(2.0 * PI * t / 12.0)).is_none(), "the road's");
        assert!(found(&|t| 0.1 * libm::exp(0.05 * t) * libm::sin(2.0 * PI * 0.5 * t)).is_some(), "grows");
    }
}
