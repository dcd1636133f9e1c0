//! Frequency response to continuous sinusoidal steering, ISO 7401.

use crate::car::{Car, STEP_S, Subject};
use crate::circle::{Handling, TEST_SPEED_MPS};
use crate::signal::{Response, band, first_crossing, harmonic};
use crate::{Findings, Plot, Style, series};
use std::f64::consts::TAU;

/// Name of the manoeuvre in the table.
pub(crate) const NAME: &str = "ISO 7401 frequency response, 80 km/h";

/// The steering-wheel amplitude is the one that gives this lateral acceleration in the steady state, m/s².
const LEVEL_MPS2: f64 = 2.0;
/// Lowest and highest frequency, Hz, and their number.
const LOWEST_HZ: f64 = 0.2;
const HIGHEST_HZ: f64 = 4.0;
const COUNT: i32 = 41;
/// Time for the transients to die, and least time of measurement, s.
const SETTLE_S: f64 = 3.0;
const MEASURE_S: f64 = 4.0;

pub(crate) fn run(subject: &Subject, handling: &Handling, found: &mut Findings) {
    let amplitude = handling.wheel_rad(LEVEL_MPS2);
    let cruising = Car::cruising(subject, TEST_SPEED_MPS);
    let step = libm::pow(HIGHEST_HZ / LOWEST_HZ, 1.0 / f64::from(COUNT - 1));
    let (yaw, lateral): (Vec<Response>, Vec<Response>) = amplitude
        .into_iter()
        .flat_map(|amplitude| (0..COUNT).map(move |i| (amplitude, LOWEST_HZ * libm::pow(step, f64::from(i)))))
        .map(|(amplitude, frequency_hz)| respond(&cruising, amplitude, frequency_hz))
        .unzip();
    let figures = band(&yaw);
    let or_nan = |value: Option<f64>| value.unwrap_or(f64::NAN);
    found.value("yaw_gain_1ps", or_nan(figures.map(|band| band.static_gain)));
    found.value("yaw_bandwidth_hz", or_nan(figures.and_then(|band| band.bandwidth_hz)));
    found.value("yaw_resonance_hz", or_nan(figures.map(|band| band.resonance_hz)));
    found.value("yaw_peak_ratio", or_nan(figures.map(|band| band.peak_ratio)));
    let phase = yaw.iter().map(|r| (r.phase_rad.to_degrees(), r.frequency_hz));
    found.value("yaw_phase_1hz_deg", or_nan(first_crossing(phase, 1.0)));

    let gain = |points: &[Response]| {
        let first = points.first().map_or(f64::NAN, |r| r.gain);
        points.iter().map(move |r| (r.frequency_hz, r.gain / first)).collect::<Vec<_>>()
    };
    let phase = |points: &[Response]| {
        points.iter().map(|r| (r.frequency_hz, r.phase_rad.to_degrees())).collect::<Vec<_>>()
    };
    let minus_3_db = [LOWEST_HZ, HIGHEST_HZ].map(|f| (f, 0.5f64.sqrt()));
    found.plots.push(Plot {
        manoeuvre: NAME,
        title: "Gain over its value at 0.2 Hz".into(),
        x_label: "frequency, Hz",
        y_label: "gain / static gain",
        log_x: true,
        series: vec![
            series("yaw rate", Style::Line, gain(&yaw).into_iter()),
            series("lateral acceleration", Style::Line, gain(&lateral).into_iter()),
            series("−3 dB", Style::Dashed, minus_3_db.into_iter()),
        ],
    });
    found.plots.push(Plot {
        manoeuvre: NAME,
        title: "Phase to the steering wheel".into(),
        x_label: "frequency, Hz",
        y_label: "phase, °",
        log_x: true,
        series: vec![
            series("yaw rate", Style::Line, phase(&yaw).into_iter()),
            series("lateral acceleration", Style::Line, phase(&lateral).into_iter()),
        ],
    });
}

/// Yaw rate and lateral acceleration over steering-wheel angle, at one frequency.
fn respond(cruising: &Car, amplitude_rad: f64, frequency_hz: f64) -> (Response, Response) {
    let mut car = cruising.clone();
    let wheel = |time_s: f64| {
        // The amplitude grows over the first second, which keeps the car on its straight.
        amplitude_rad * time_s.min(1.0) * libm::sin(TAU * frequency_hz * time_s)
    };
    let periods = (MEASURE_S * frequency_hz).ceil();
    // Whole periods in whole steps: the frequency moves by less than a step in the measured span.
    let count = (periods / frequency_hz / STEP_S).round();
    let frequency_hz = periods / (count * STEP_S);
    while car.time_s() < SETTLE_S {
        car.step(wheel(car.time_s() + STEP_S));
    }
    let mut samples = Vec::with_capacity(count as usize);
    for _ in 0..count as usize {
        car.step(wheel(car.time_s() + STEP_S));
        let s = car.sample();
        samples.push((s.wheel_rad, s.yaw_rate_rps, s.ay_mps2));
    }
    let of = |pick: fn(&(f64, f64, f64)) -> f64| harmonic(samples.iter().map(pick), frequency_hz, STEP_S);
    let input = of(|s| s.0);
    (Response::of(frequency_hz, of(|s| s.1), input), Response::of(frequency_hz, of(|s| s.2), input))
}
