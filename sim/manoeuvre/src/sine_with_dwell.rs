//! Sine with dwell, FMVSS 126 (49 CFR 571.126), with its slowly-increasing-steer test.

use crate::car::{Car, G_MPS2, STEP_S, Sample, Subject};
use crate::circle::{Handling, TEST_SPEED_MPS, slow_ramp};
use crate::signal::{first_crossing, fit, peak};
use crate::{Findings, Plot, Style, series};
use std::f64::consts::{PI, TAU};

/// Name of the manoeuvre in the table.
pub(crate) const NAME: &str = "FMVSS 126 sine with dwell, 80 km/h, 0.7 Hz";

/// Steering-wheel rate of the slowly-increasing-steer test, rad/s.
const SIS_RPS: f64 = 13.5 / 180.0 * PI;
/// Range of its linear regression, m/s².
const SIS_FIT_MPS2: [f64; 2] = [0.1 * G_MPS2, 0.375 * G_MPS2];
const SINE_HZ: f64 = 0.7;
/// Dwell at the second peak, s.
const DWELL_S: f64 = 0.5;
/// Complete at the end of the sine and the dwell, s after its beginning.
const COMPLETE_S: f64 = 1.0 / SINE_HZ + DWELL_S;
/// Times after the completion of steering at which the yaw rate must have died down.
const CALM_S: [f64; 2] = [1.0, 1.75];
/// Time after its beginning by which the car must have moved aside.
const ASIDE_S: f64 = 1.07;
/// Smallest, and step of, the amplitude in units of A.
const FIRST: f64 = 1.5;
const STEP: f64 = 0.5;
/// The largest amplitude is the larger of these, in A and in rad.
const LAST: f64 = 6.5;
const LAST_RAD: f64 = 270.0 / 180.0 * PI;
/// From this amplitude on, in A, the car must move aside.
const RESPONSIVE: f64 = 5.0;

/// All runs of one car: amplitude, rad, and samples.
type Runs = Vec<(f64, Vec<Sample>)>;

/// `subject` is the car without driver aids, `as_driven` with those it has.
pub(crate) fn run(subject: &Subject, as_driven: &Subject, handling: &Handling, found: &mut Findings) {
    let sis = slow_ramp(subject, SIS_RPS);
    let line = fit(sis.iter().map(|s| (s.ay_mps2, s.wheel_rad)), SIS_FIT_MPS2[0], SIS_FIT_MPS2[1]);
    let a_rad = line.map_or(f64::NAN, |line| line.at(0.3 * G_MPS2));
    found.value("sis_angle_deg", a_rad.to_degrees());
    let can_be_done = a_rad.is_finite() && a_rad > 0.0 && handling.wheel_rad(0.3 * G_MPS2).is_some();
    let all = |car: &Subject| if can_be_done { drive_all(car, a_rad) } else { Runs::new() };
    let runs = all(as_driven);
    let largest =
        |of: &dyn Fn(&[Sample]) -> f64| runs.iter().map(|(_, samples)| of(samples)).fold(f64::NAN, f64::max);
    found.value("yaw_rate_ratio_1_00s_pct", largest(&|samples| yaw_ratio_pct(samples, CALM_S[0])));
    found.value("yaw_rate_ratio_1_75s_pct", largest(&|samples| yaw_ratio_pct(samples, CALM_S[1])));
    let aside = runs
        .iter()
        .filter(|(amplitude, _)| *amplitude >= RESPONSIVE * a_rad - 1e-9)
        .map(|(_, samples)| aside_m(samples))
        .fold(f64::NAN, f64::min);
    found.value("lateral_displacement_m", aside);
    found.value("stable_amplitude_deg", stable_deg(&runs));
    let without = as_driven.params.stability.esc.then(|| all(subject));
    found.value("stable_amplitude_without_esc_deg", stable_deg(without.as_ref().unwrap_or(&runs)));

    // One in three, and always the last.
    let shown = || runs.iter().rev().step_by(3).collect::<Vec<_>>().into_iter().rev();
    let curves = |of: fn(&Sample) -> f64| {
        shown()
            .map(|(amplitude, samples)| {
                let name = format!("{:.1} A, {:.0}°", amplitude / a_rad, amplitude.to_degrees());
                series(name, Style::Line, samples.iter().map(|s| (s.time_s, of(s))))
            })
            .collect::<Vec<_>>()
    };
    let yaw_rate = |s: &Sample| s.yaw_rate_rps.to_degrees();
    let mut yaw_rates = curves(yaw_rate);
    if let Some((amplitude, samples)) = without.as_ref().and_then(|runs| runs.last()) {
        let name = format!("{:.0}° without stability control", amplitude.to_degrees());
        yaw_rates.push(series(name, Style::Dashed, samples.iter().map(|s| (s.time_s, yaw_rate(s)))));
    }
    found.plots.push(Plot {
        manoeuvre: NAME,
        title: "Yaw rate by steering amplitude".into(),
        x_label: "time from the beginning of steering, s",
        y_label: "yaw rate, °/s",
        log_x: false,
        series: yaw_rates,
    });
    found.plots.push(Plot {
        manoeuvre: NAME,
        title: "Steering wheel".into(),
        x_label: "time from the beginning of steering, s",
        y_label: "angle, °",
        log_x: false,
        series: curves(|s| s.wheel_rad.to_degrees()),
    });
}

/// The series of runs with rising amplitude.
fn drive_all(subject: &Subject, a_rad: f64) -> Runs {
    // The car comes in at 80 km/h with the accelerator just closed.
    let cruising = Car::cruising(subject, TEST_SPEED_MPS);
    let last = (LAST * a_rad).max(LAST_RAD);
    let mut runs = Runs::new();
    let mut amplitude = FIRST * a_rad;
    while amplitude < last - 1e-9 {
        runs.push((amplitude, drive(&cruising, amplitude)));
        amplitude += STEP * a_rad;
    }
    runs.push((last, drive(&cruising, last)));
    runs
}

/// Largest amplitude up to which the yaw rate dies down as demanded, °; 0 if at none, NaN without runs.
fn stable_deg(runs: &Runs) -> f64 {
    let calm = |samples: &[Sample]| {
        yaw_ratio_pct(samples, CALM_S[0]) <= 35.0 && yaw_ratio_pct(samples, CALM_S[1]) <= 20.0
    };
    let stable = runs.iter().take_while(|(_, samples)| calm(samples)).last();
    if runs.is_empty() { f64::NAN } else { stable.map_or(0.0, |(amplitude, _)| amplitude.to_degrees()) }
}

/// Steering-wheel angle over the amplitude, `time_s` after the beginning of steering.
fn shape(time_s: f64) -> f64 {
    let three_quarters = 0.75 / SINE_HZ;
    if time_s < three_quarters {
        libm::sin(TAU * SINE_HZ * time_s)
    } else if time_s < three_quarters + DWELL_S {
        -1.0
    } else if time_s < COMPLETE_S {
        libm::sin(TAU * SINE_HZ * (time_s - DWELL_S))
    } else {
        0.0
    }
}

/// One run; time 0 is the beginning of steering.
fn drive(cruising: &Car, amplitude_rad: f64) -> Vec<Sample> {
    let mut car = cruising.clone();
    car.lift();
    let mut samples = Vec::new();
    while car.time_s() < COMPLETE_S + 2.0 {
        car.step(amplitude_rad * shape(car.time_s() + STEP_S));
        samples.push(car.sample());
    }
    samples
}

/// Yaw rate `after_s` after completion of steering over its peak in the second half of the sine, %.
fn yaw_ratio_pct(samples: &[Sample], after_s: f64) -> f64 {
    // The first turn is to the left, so the peak is negative; it counts after the wheel has changed sides.
    let second = samples.iter().filter(|s| (0.5 / SINE_HZ..COMPLETE_S + 0.5).contains(&s.time_s));
    let Some((_, highest)) = peak(second.map(|s| (s.time_s, -s.yaw_rate_rps))) else { return f64::NAN };
    let at = samples.iter().find(|s| s.time_s >= COMPLETE_S + after_s);
    at.map_or(f64::NAN, |s| -100.0 * s.yaw_rate_rps / highest)
}

/// Distance of the centre of mass from its first path at [`ASIDE_S`], m.
fn aside_m(samples: &[Sample]) -> f64 {
    first_crossing(samples.iter().map(|s| (s.y_m, s.time_s)), ASIDE_S).unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sine_dwells_half_a_second_at_its_second_peak() {
        let samples: Vec<f64> = (0..3000).map(|i| shape(f64::from(i) * 1e-3)).collect();
        let at = |time_s: f64| samples[(time_s * 1e3) as usize];
        assert!((at(0.25 / SINE_HZ) - 1.0).abs() < 1e-4);
        assert!(at(0.5 / SINE_HZ).abs() < 5e-3);
        let dwell = samples.iter().filter(|x| **x == -1.0).count();
        assert!((dwell as f64 * 1e-3 - DWELL_S).abs() < 2e-3, "{dwell}");
        assert_eq!(at(COMPLETE_S + 0.01), 0.0);
        assert!(samples.windows(2).all(|pair| (pair[1] - pair[0]).abs() < 0.006), "no jumps");
    }
}
