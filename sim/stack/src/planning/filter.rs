//! The zero-phase low-pass that the RTK player runs over a recording's acceleration.

/// A rational filter of this many coefficients: a 6th-order Butterworth low-pass.
const TAPS: usize = 7;

/// `scipy.signal.butter(6, 0.05)`: cutoff at 0.05 of the Nyquist frequency, 2.5 Hz at the recorder's 100 Hz.
/// Kept as numbers because the polynomial form of so low a cutoff amplifies every rounding of its design.
const NUMERATOR: [f64; TAPS] = [
    1.7536549719840554e-07,
    1.0521929831904333e-06,
    2.6304824579760833e-06,
    3.507309943968111e-06,
    2.6304824579760833e-06,
    1.0521929831904333e-06,
    1.7536549719840554e-07,
];
const DENOMINATOR: [f64; TAPS] = [
    1.0,
    -5.393212484861354,
    12.147425170416897,
    -14.623787566607604,
    9.923048570770401,
    -3.5980635338866374,
    0.5446010675601195,
];

/// `scipy.signal.lfilter_zi` of the above: the filter's state in steady state on a unit input.
const STEADY_STATE: [f64; TAPS - 1] = [
    0.9999998245038658,
    -4.3932137118459185,
    7.754208826501618,
    -6.869582245505521,
    3.053463693486103,
    -0.5446008921234772,
];

/// Filters forward, then backward, so that nothing is delayed: what `scipy.signal.filtfilt(b, a, values)` does
/// with its defaults (odd extension by 3 × 7 samples at both ends, each pass started in the steady state of its
/// first sample). SciPy refuses 21 samples or fewer; here the extension is then as long as the signal allows.
pub(super) fn low_pass_both_ways(values: &[f64]) -> Vec<f64> {
    let (Some(&first), Some(&last)) = (values.first(), values.last()) else { return Vec::new() };
    let pad = (3 * TAPS).min(values.len() - 1);
    let mut signal = Vec::with_capacity(values.len() + 2 * pad);
    signal.extend((1..=pad).rev().map(|back| 2.0 * first - values[back]));
    signal.extend_from_slice(values);
    signal.extend((1..=pad).map(|back| 2.0 * last - values[values.len() - 1 - back]));

    low_pass(&mut signal);
    signal.reverse();
    low_pass(&mut signal);
    signal.reverse();
    signal[pad..pad + values.len()].to_vec()
}

/// One pass in place, in transposed direct form II.
fn low_pass(signal: &mut [f64]) {
    let Some(&first) = signal.first() else { return };
    let mut state = STEADY_STATE.map(|steady| steady * first);
    for value in signal {
        let input = *value;
        let output = state[0] + NUMERATOR[0] * input;
        for tap in 1..TAPS {
            let next = if tap < TAPS - 1 { state[tap] } else { 0.0 };
            state[tap - 1] = next + NUMERATOR[tap] * input - DENOMINATOR[tap] * output;
        }
        *value = output;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(index: usize) -> f64 {
        ((index * 7919) % 101) as f64 / 50.0 - 1.0
    }

    fn assert_close(got: f64, expected: f64) {
        assert!((got - expected).abs() < 1e-12, "got {got}, expected {expected}");
    }

    #[test]
    fn scipy_filtfilt_of_a_jagged_signal() {
        let filtered = low_pass_both_ways(&(0..40).map(sample).collect::<Vec<_>>());
        for (index, expected) in [
            (0, -1.010257424476272),
            (1, -0.9196714033418516),
            (5, -0.5708582547741232),
            (10, -0.20578852013472887),
            (20, 0.1903294005997395),
            (30, 0.2940294638905295),
            (38, 0.32419744973121956),
            (39, 0.32687539048909464),
        ] {
            assert_close(filtered[index], expected);
        }
    }

    #[test]
    fn scipy_filtfilt_of_a_signal_shorter_than_its_padding() {
        let filtered = low_pass_both_ways(&(0..12).map(sample).collect::<Vec<_>>());
        for (index, expected) in
            [(0, -1.4607806066467424), (6, -1.4055093834708077), (11, -1.3927502115318278)]
        {
            assert_close(filtered[index], expected);
        }
    }

    #[test]
    fn a_constant_and_a_ramp_pass_unchanged() {
        // SciPy's rounded coefficients have a gain of 1 - 2e-10.
        for value in low_pass_both_ways(&[1.25; 200]) {
            assert!((value - 1.25).abs() < 1e-8, "got {value}");
        }
        // The extension is too short for the ends of a ramp; its middle has neither gain nor delay.
        let ramp: Vec<f64> = (0..600).map(|index| index as f64 * 0.01).collect();
        let filtered = low_pass_both_ways(&ramp);
        for (value, expected) in filtered.iter().zip(&ramp).take(400).skip(200) {
            assert!((value - expected).abs() < 1e-5, "got {value}, expected {expected}");
        }
    }

    /// Butterworth: |H|² = 1/2 at the cutoff, so forward and backward together leave one half.
    #[test]
    fn a_sine_at_the_cutoff_is_halved_without_delay() {
        let sine = |index: usize| libm::sin(std::f64::consts::PI * 0.05 * index as f64);
        let filtered = low_pass_both_ways(&(0..4000).map(sine).collect::<Vec<_>>());
        for (index, value) in filtered.iter().enumerate().take(2100).skip(1900) {
            assert!((value - 0.5 * sine(index)).abs() < 1e-6);
        }
    }

    #[test]
    fn nothing_and_one_sample_are_no_special_case() {
        assert!(low_pass_both_ways(&[]).is_empty());
        assert!((low_pass_both_ways(&[3.0])[0] - 3.0).abs() < 1e-8);
    }
}
