//! Ride: free decay of the body, and the wheels on a post rig.

use crate::car::{Car, STEP_S, Subject};
use crate::signal::{Response, first_crossing, free_decay, harmonic};
use crate::{Findings, Plot, Style, series};
use std::f64::consts::TAU;

/// Name of the manoeuvre in the table.
pub(crate) const NAME: &str = "Ride on the post rig";

/// Speed in neutral: rolling tyres do not stick, m/s.
const SPEED_MPS: f64 = 15.0;
/// Upward push on the body, m/s.
const PUSH_MPS: f64 = 0.1;
/// The wheels' own oscillation has died after this, s.
const WHEELS_CALM_S: f64 = 0.15;
/// Amplitude of the posts, m, small enough that the wheels stay on them.
const AMPLITUDE_M: f64 = 1e-3;
const LOWEST_HZ: f64 = 0.4;
const HIGHEST_HZ: f64 = 25.0;
const COUNT: i32 = 60;

pub(crate) fn run(subject: &Subject, found: &mut Findings) {
    let mut car = Car::rolling(subject, SPEED_MPS);
    car.gear = skidpad_vehicle::Gear::Neutral;
    car.steps_for(1.0, 0.0);
    let rest = car.sample();

    let mut pushed = car.clone();
    pushed.state.velocity_mps.z += PUSH_MPS;
    let mut heave: Vec<(f64, f64)> = Vec::new();
    while pushed.time_s() < car.time_s() + 2.0 {
        pushed.step(0.0);
        heave.push((pushed.time_s() - car.time_s(), pushed.sample().z_m - rest.z_m));
    }
    let every_10_ms: Vec<f64> = heave
        .iter()
        .filter(|(t, _)| (WHEELS_CALM_S..1.3).contains(t))
        .step_by((0.01 / STEP_S) as usize)
        .map(|(_, z)| *z)
        .collect();
    let decay = free_decay(&every_10_ms, 0.01);
    found.value("heave_frequency_hz", decay.map_or(f64::NAN, |(frequency, _)| frequency));
    found.value("heave_damping_ratio", decay.map_or(f64::NAN, |(_, damping)| damping));

    let to_front_m = subject.params.chassis.cg_behind_front_axle_m;
    let step = libm::pow(HIGHEST_HZ / LOWEST_HZ, 1.0 / f64::from(COUNT - 1));
    let (body, wheel): (Vec<Response>, Vec<Response>) =
        (0..COUNT).map(|i| shake(&car, to_front_m, LOWEST_HZ * libm::pow(step, f64::from(i)))).unzip();
    // Between the post and a body at rest, a wheel lags its post by a quarter turn at √((k_t + k_s)/m_u),
    // whatever the damping.
    let above = wheel.iter().filter(|r| r.frequency_hz > 5.0);
    let hop = first_crossing(above.map(|r| (r.frequency_hz, r.phase_rad)), -0.25 * TAU);
    found.value("wheel_hop_frequency_hz", hop.unwrap_or(f64::NAN));
    found.plots.push(Plot {
        manoeuvre: NAME,
        title: "Body after a push of 0.1 m/s upward".into(),
        x_label: "time, s",
        y_label: "height, mm",
        log_x: false,
        series: vec![series("centre of mass", Style::Line, heave.iter().map(|(t, z)| (*t, 1e3 * z)))],
    });
    found.plots.push(Plot {
        manoeuvre: NAME,
        title: "Posts moving together".into(),
        x_label: "frequency, Hz",
        y_label: "height / height of the posts",
        log_x: true,
        series: vec![
            series("body", Style::Line, body.iter().map(|r| (r.frequency_hz, r.gain))),
            series("front wheel", Style::Line, wheel.iter().map(|r| (r.frequency_hz, r.gain))),
        ],
    });
}

/// Heights of the body and of the front wheel over that of the posts, at one frequency.
fn shake(car: &Car, to_front_m: f64, frequency_hz: f64) -> (Response, Response) {
    let mut car = car.clone();
    let start_s = car.time_s();
    let settle_s = 1.5;
    let periods = frequency_hz.ceil().max(2.0);
    let count = (periods / frequency_hz / STEP_S).round() as usize;
    let frequency_hz = periods / (count as f64 * STEP_S);
    let post_m = |time_s: f64| AMPLITUDE_M * time_s.min(1.0) * libm::sin(TAU * frequency_hz * time_s);
    let mut samples = Vec::with_capacity(count);
    for _ in 0..(settle_s / STEP_S) as usize + count {
        let height_m = post_m(car.time_s() - start_s + STEP_S);
        car.shake(height_m);
        car.step(0.0);
        if car.time_s() - start_s > settle_s {
            let body_m = car.state.position_m.z;
            let nose_m = body_m - to_front_m * car.state.attitude.pitch_rad();
            samples.push((height_m, body_m, nose_m + car.state.corners[0].travel_m));
        }
    }
    let of = |pick: fn(&(f64, f64, f64)) -> f64| {
        harmonic(samples.iter().take(count).map(pick), frequency_hz, STEP_S)
    };
    let input = of(|s| s.0);
    (Response::of(frequency_hz, of(|s| s.1), input), Response::of(frequency_hz, of(|s| s.2), input))
}
