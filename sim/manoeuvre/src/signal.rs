//! Reading figures out of time series: fits, crossings, step responses, harmonics.

use std::f64::consts::TAU;

/// The straight line y = slope·x + offset through points, by least squares.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Line {
    pub(crate) slope: f64,
    pub(crate) offset: f64,
}

impl Line {
    pub(crate) fn at(&self, x: f64) -> f64 {
        self.slope * x + self.offset
    }
}

/// Least-squares line through the points whose x lies in `[low, high]`; absent with fewer than two of them.
pub(crate) fn fit(points: impl Iterator<Item = (f64, f64)>, low: f64, high: f64) -> Option<Line> {
    // Sums about the first point keep their digits.
    let mut points = points.filter(|(x, _)| (low..=high).contains(x)).peekable();
    let &(x0, y0) = points.peek()?;
    let (mut n, mut sx, mut sy, mut sxx, mut sxy) = (0.0, 0.0, 0.0, 0.0, 0.0);
    for (x, y) in points {
        let (x, y) = (x - x0, y - y0);
        n += 1.0;
        sx += x;
        sy += y;
        sxx += x * x;
        sxy += x * y;
    }
    let spread = n * sxx - sx * sx;
    if spread <= 0.0 {
        return None;
    }
    let slope = (n * sxy - sx * sy) / spread;
    Some(Line { slope, offset: y0 + (sy - slope * sx) / n - slope * x0 })
}

/// Where the polyline first reaches `level` coming from its first point's side, interpolated.
pub(crate) fn first_crossing(points: impl Iterator<Item = (f64, f64)>, level: f64) -> Option<f64> {
    let mut last: Option<(f64, f64)> = None;
    for (x, y) in points {
        if let Some((x0, y0)) = last {
            if (y0 < level) != (y < level) {
                return Some(x0 + (x - x0) * (level - y0) / (y - y0));
            }
        } else if y == level {
            return Some(x);
        }
        last = Some((x, y));
    }
    None
}

/// Mean of y over `[low, high]` in x; NaN without points there.
pub(crate) fn mean(points: impl Iterator<Item = (f64, f64)>, low: f64, high: f64) -> f64 {
    let (mut sum, mut count) = (0.0, 0.0);
    for (_, y) in points.filter(|(x, _)| (low..=high).contains(x)) {
        sum += y;
        count += 1.0;
    }
    sum / count
}

/// The point with the largest y.
pub(crate) fn peak(points: impl Iterator<Item = (f64, f64)>) -> Option<(f64, f64)> {
    points.fold(None, |best, point| match best {
        Some(best) if best.1 >= point.1 => Some(best),
        _ => Some(point),
    })
}

/// The vertex of the parabola through three equally spaced samples around a maximum, as an offset from the
/// middle one in samples, and its height.
pub(crate) fn vertex([before, middle, after]: [f64; 3]) -> (f64, f64) {
    let bend = before - 2.0 * middle + after;
    if bend >= 0.0 {
        return (0.0, middle);
    }
    let offset = 0.5 * (before - after) / bend;
    (offset, middle - 0.25 * (before - after) * offset)
}

/// How a quantity follows a step of the input at time 0.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct StepResponse {
    /// Time at which 90 % of the steady value is reached, s.
    pub(crate) t90_s: f64,
    /// Time of the largest value, s.
    pub(crate) peak_s: f64,
    /// Largest value over the steady one, minus 1.
    pub(crate) overshoot: f64,
    /// Steady value.
    pub(crate) steady: f64,
}

/// Step response of (time, value) to a step at time 0, steady over the window `[low_s, high_s]`. A steady
/// value may be negative.
pub(crate) fn step_response(
    points: impl Iterator<Item = (f64, f64)> + Clone,
    low_s: f64,
    high_s: f64,
) -> Option<StepResponse> {
    let steady = mean(points.clone(), low_s, high_s);
    let sign = if steady < 0.0 { -1.0 } else { 1.0 };
    let rising = points.map(|(t, y)| (t, sign * y));
    let t90_s = first_crossing(rising.clone(), 0.9 * steady.abs())?;
    let (peak_s, highest) = peak(rising)?;
    Some(StepResponse { t90_s, peak_s, overshoot: highest / steady.abs() - 1.0, steady })
}

/// Complex amplitude (real, imaginary) of the harmonic at `frequency_hz` in equally spaced samples that
/// cover whole periods: x(t) = re·cos(ωt) − im·sin(ωt) + mean.
pub(crate) fn harmonic(samples: impl Iterator<Item = f64>, frequency_hz: f64, dt_s: f64) -> (f64, f64) {
    let (mut re, mut im, mut count) = (0.0, 0.0, 0.0);
    for (index, value) in samples.enumerate() {
        let (sine, cosine) = libm::sincos(TAU * frequency_hz * index as f64 * dt_s);
        re += value * cosine;
        im -= value * sine;
        count += 1.0;
    }
    (2.0 * re / count, 2.0 * im / count)
}

/// One point of a frequency response.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Response {
    pub(crate) frequency_hz: f64,
    /// Amplitude of the output over that of the input.
    pub(crate) gain: f64,
    /// Phase of the output relative to the input, rad, in (−2π, 0] for a lag.
    pub(crate) phase_rad: f64,
}

impl Response {
    /// From the harmonics of the output and of the input.
    pub(crate) fn of(frequency_hz: f64, (or, oi): (f64, f64), (ir, ii): (f64, f64)) -> Response {
        let square = ir * ir + ii * ii;
        let (re, im) = ((or * ir + oi * ii) / square, (oi * ir - or * ii) / square);
        let phase = libm::atan2(im, re);
        // Vehicles lag: a lead of more than a quarter turn is a lag that has wrapped.
        let phase_rad = if phase > 0.25 * TAU { phase - TAU } else { phase };
        Response { frequency_hz, gain: libm::hypot(re, im), phase_rad }
    }
}

/// Figures of a frequency response: static gain at the lowest frequency, resonance, bandwidth.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Band {
    pub(crate) static_gain: f64,
    /// Frequency of the largest gain, Hz.
    pub(crate) resonance_hz: f64,
    /// Largest gain over static gain.
    pub(crate) peak_ratio: f64,
    /// Where the gain has fallen by 3 dB below the static gain, Hz; absent if beyond the last point.
    pub(crate) bandwidth_hz: Option<f64>,
}

/// Figures of a response sampled at frequencies equally spaced in their logarithm.
pub(crate) fn band(points: &[Response]) -> Option<Band> {
    let static_gain = points.first()?.gain;
    let highest = peak(points.iter().enumerate().map(|(i, point)| (i as f64, point.gain)))?.0 as usize;
    let (shift, gain) = match (highest.checked_sub(1), points.get(highest + 1)) {
        (Some(before), Some(after)) => vertex([points[before].gain, points[highest].gain, after.gain]),
        _ => (0.0, points[highest].gain),
    };
    let spacing = points.get(1).map_or(1.0, |next| next.frequency_hz / points[0].frequency_hz);
    let falling = points[highest..].iter().map(|p| (libm::log(p.frequency_hz), p.gain / static_gain));
    Some(Band {
        static_gain,
        resonance_hz: points[highest].frequency_hz * libm::pow(spacing, shift),
        peak_ratio: gain / static_gain,
        bandwidth_hz: first_crossing(falling, 0.5f64.sqrt()).map(libm::exp),
    })
}

/// Undamped natural frequency (Hz) and damping ratio of a freely decaying oscillation, from equally spaced
/// samples: least-squares fit of x\[k\] = a·x\[k−1\] + b·x\[k−2\] + c, whose roots are the sampled poles.
/// Absent if the samples do not oscillate.
pub(crate) fn free_decay(samples: &[f64], dt_s: f64) -> Option<(f64, f64)> {
    let scale = samples.iter().fold(0.0f64, |largest, x| largest.max(x.abs()));
    if scale == 0.0 {
        return None;
    }
    // Normal equations of three unknowns.
    let mut m = [[0.0; 4]; 3];
    for window in samples.windows(3) {
        let row = [window[1] / scale, window[0] / scale, 1.0];
        for (i, equation) in m.iter_mut().enumerate() {
            for (j, value) in row.iter().chain(std::iter::once(&(window[2] / scale))).enumerate() {
                equation[j] += row[i] * value;
            }
        }
    }
    let [a, b, _] = solve(m)?;
    // Roots of z² − a·z − b; a pair r·e^{±jφ} oscillates.
    let disc = a * a + 4.0 * b;
    if disc >= 0.0 || b >= 0.0 {
        return None;
    }
    let decay = -libm::log((-b).sqrt()) / dt_s;
    let turn = libm::atan2((-disc).sqrt(), a) / dt_s;
    let natural = libm::hypot(decay, turn);
    Some((natural / TAU, decay / natural))
}

/// Gauss elimination with pivoting of three equations.
fn solve(mut m: [[f64; 4]; 3]) -> Option<[f64; 3]> {
    for column in 0..3 {
        let pivot = (column..3).max_by(|&i, &j| m[i][column].abs().total_cmp(&m[j][column].abs()))?;
        m.swap(column, pivot);
        if m[column][column].abs() < 1e-14 {
            return None;
        }
        let lead = m[column];
        for (row, equation) in m.iter_mut().enumerate() {
            if row != column {
                let factor = equation[column] / lead[column];
                for (value, lead) in equation.iter_mut().zip(lead) {
                    *value -= factor * lead;
                }
            }
        }
    }
    Some([0, 1, 2].map(|i| m[i][3] / m[i][i]))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DT: f64 = 1e-3;

    fn series(f: impl Fn(f64) -> f64, duration_s: f64) -> Vec<(f64, f64)> {
        (0..(duration_s / DT) as usize).map(|i| i as f64 * DT).map(|t| (t, f(t))).collect()
    }

    fn close(got: f64, expected: f64, tolerance: f64) {
        assert!((got - expected).abs() <= tolerance, "expected {expected}, got {got}");
    }

    #[test]
    fn a_line_is_found_where_it_is_straight() {
        let bent = |x: f64| if x > 3.0 { 100.0 } else { 2.5 * x - 1.0 };
        let line = fit((0..100).map(|i| i as f64 * 0.1).map(|x| (x, bent(x))), 0.5, 2.9).unwrap();
        close(line.slope, 2.5, 1e-12);
        close(line.offset, -1.0, 1e-12);
        close(line.at(10.0), 24.0, 1e-10);
        assert_eq!(fit([(1.0, 2.0)].into_iter(), 0.0, 2.0), None);
    }

    #[test]
    fn a_first_order_lag_reaches_ninety_per_cent_after_its_time_constant_times_ln_10() {
        let tau = 0.13;
        for sign in [1.0, -1.0] {
            let points = series(|t| sign * (1.0 - libm::exp(-t / tau)), 4.0);
            let step = step_response(points.iter().copied(), 3.0, 4.0).unwrap();
            close(step.t90_s, tau * libm::log(10.0), 1e-5);
            close(step.steady, sign, 1e-9);
            close(step.overshoot, 0.0, 1e-6);
        }
    }

    #[test]
    fn a_second_order_step_peaks_at_pi_over_the_damped_frequency() {
        let (wn, zeta) = (7.0, 0.5);
        let root = (1.0f64 - zeta * zeta).sqrt();
        let wd = wn * root;
        let points = series(
            |t| 1.0 - libm::exp(-zeta * wn * t) * (libm::cos(wd * t) + zeta / root * libm::sin(wd * t)),
            5.0,
        );
        let step = step_response(points.iter().copied(), 4.0, 5.0).unwrap();
        close(step.peak_s, std::f64::consts::PI / wd, 1e-3);
        close(step.overshoot, libm::exp(-std::f64::consts::PI * zeta / root), 1e-5);
    }

    #[test]
    fn the_harmonic_of_a_cosine_is_its_amplitude_and_phase() {
        let f = 2.5;
        let wave = |t: f64| 0.7 + 3.0 * libm::cos(TAU * f * t - 0.4) + libm::sin(TAU * 2.0 * f * t);
        let (re, im) = harmonic((0..2000).map(|i| wave(i as f64 * DT)), f, DT);
        close(re, 3.0 * libm::cos(-0.4), 1e-9);
        close(im, 3.0 * libm::sin(-0.4), 1e-9);
        let response = Response::of(f, (re, im), (0.0, -1.5));
        close(response.gain, 2.0, 1e-9);
        close(response.phase_rad, -0.4 + 0.25 * TAU, 1e-9);
    }

    /// Gain 1/√(1 + (f/f₀)²) is −3 dB at f₀.
    #[test]
    fn a_first_order_filter_is_three_decibels_down_at_its_corner() {
        let corner = 1.7;
        let points: Vec<Response> = (0..60)
            .map(|i| 0.01 * libm::pow(10.0, i as f64 * 0.05))
            .map(|f| Response { frequency_hz: f, gain: 1.0 / libm::hypot(1.0, f / corner), phase_rad: 0.0 })
            .collect();
        let band = band(&points).unwrap();
        close(band.bandwidth_hz.unwrap(), corner, 0.003 * corner);
        close(band.peak_ratio, 1.0, 1e-12);
        assert_eq!(super::band(&points[..20]).unwrap().bandwidth_hz, None);
    }

    /// |1/(1 − r² + 2jζr)| has its maximum 1/(2ζ√(1−ζ²)) at f_n·√(1 − 2ζ²).
    #[test]
    fn a_resonance_is_found_between_the_samples() {
        let (natural, zeta) = (1.1, 0.4);
        let gain = |f: f64| {
            let r = f / natural;
            1.0 / libm::hypot(1.0 - r * r, 2.0 * zeta * r)
        };
        let points: Vec<Response> = (0..60)
            .map(|i| 0.05 * libm::pow(20.0, f64::from(i) / 40.0))
            .map(|f| Response { frequency_hz: f, gain: gain(f), phase_rad: 0.0 })
            .collect();
        let band = band(&points).unwrap();
        close(band.resonance_hz, natural * (1.0 - 2.0 * zeta * zeta).sqrt(), 0.01);
        close(band.peak_ratio, 1.0 / (2.0 * zeta * (1.0 - zeta * zeta).sqrt()), 5e-3);
    }

    #[test]
    fn a_free_decay_gives_frequency_and_damping() {
        let (natural, zeta) = (1.3, 0.3);
        let wn = TAU * natural;
        let wd = wn * (1.0f64 - zeta * zeta).sqrt();
        let samples: Vec<f64> = (0..150)
            .map(|i| i as f64 * 0.01)
            .map(|t| 0.5 + 0.02 * libm::exp(-zeta * wn * t) * libm::sin(wd * t + 0.3))
            .collect();
        let (f, z) = free_decay(&samples, 0.01).unwrap();
        close(f, natural, 1e-6);
        close(z, zeta, 1e-6);
        let creeping: Vec<f64> = (0..100).map(|i| libm::exp(-0.1 * i as f64)).collect();
        assert_eq!(free_decay(&creeping, 0.01), None);
    }
}
