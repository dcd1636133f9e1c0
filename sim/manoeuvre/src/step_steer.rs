//! Step input of the steering wheel, ISO 7401.

use crate::car::{Car, STEP_S, Sample, Subject};
use crate::circle::{Handling, TEST_SPEED_MPS};
use crate::signal::{first_crossing, step_response};
use crate::{Findings, Plot, Style, series};

/// Name of the manoeuvre in the table.
pub(crate) const NAME: &str = "ISO 7401 step steer, 80 km/h, 4 m/s²";

/// Steady lateral acceleration, m/s².
const LEVEL_MPS2: f64 = 4.0;
/// Rate of the step, rad/s: that of a steering machine; the standard wants 10 to 90 % within 0.15 s.
const RATE_RPS: f64 = 500.0 / 180.0 * std::f64::consts::PI;
/// The input begins here, s.
const BEGIN_S: f64 = 0.2;
const END_S: f64 = 4.0;
/// Window after the step over which the response counts as steady, s.
const STEADY_S: [f64; 2] = [2.0, 3.0];

pub(crate) fn run(subject: &Subject, handling: &Handling, found: &mut Findings) {
    let Some(mut wheel_rad) = handling.wheel_rad(LEVEL_MPS2) else {
        for key in [
            "yaw_rate_t90_s",
            "yaw_rate_peak_time_s",
            "yaw_rate_overshoot_pct",
            "lateral_acceleration_t90_s",
            "tb_factor_s_deg",
        ] {
            found.value(key, f64::NAN);
        }
        return;
    };
    // The car slows a little in the turn: once more with the angle that gives the level.
    let cruising = Car::cruising(subject, TEST_SPEED_MPS);
    let first = drive(&cruising, wheel_rad);
    let steady = |samples: &[Sample]| {
        step_response(
            samples.iter().map(|s| (s.time_s, s.ay_mps2)),
            BEGIN_S + STEADY_S[0],
            BEGIN_S + STEADY_S[1],
        )
    };
    if let Some(response) = steady(&first) {
        wheel_rad *= LEVEL_MPS2 / response.steady;
    }
    let samples = drive(&cruising, wheel_rad);

    // Times count from where the wheel is half way.
    let half_s =
        first_crossing(samples.iter().map(|s| (s.time_s, s.wheel_rad)), 0.5 * wheel_rad).unwrap_or(BEGIN_S);
    let response = |of: fn(&Sample) -> f64| {
        step_response(samples.iter().map(|s| (s.time_s - half_s, of(s))), STEADY_S[0], STEADY_S[1])
    };
    let yaw = response(|s| s.yaw_rate_rps);
    let lateral = response(|s| s.ay_mps2);
    let sideslip = response(|s| s.sideslip_rad);
    let or_nan = |value: Option<f64>| value.unwrap_or(f64::NAN);
    found.value("yaw_rate_t90_s", or_nan(yaw.map(|yaw| yaw.t90_s)));
    found.value("yaw_rate_peak_time_s", or_nan(yaw.map(|yaw| yaw.peak_s)));
    found.value("yaw_rate_overshoot_pct", or_nan(yaw.map(|yaw| 100.0 * yaw.overshoot)));
    found.value("lateral_acceleration_t90_s", or_nan(lateral.map(|lateral| lateral.t90_s)));
    let steady_sideslip = sideslip.map_or(f64::NAN, |sideslip| sideslip.steady.to_degrees().abs());
    found.value("tb_factor_s_deg", or_nan(yaw.map(|yaw| yaw.peak_s)) * steady_sideslip);

    let over = |of: fn(&Sample) -> f64, steady: f64| {
        samples.iter().map(move |s| (s.time_s - half_s, of(s) / steady)).filter(|(t, _)| *t <= 2.5)
    };
    found.plots.push(Plot {
        manoeuvre: NAME,
        title: "Response over its steady value".into(),
        x_label: "time from half the step, s",
        y_label: "value / steady value",
        log_x: false,
        series: vec![
            series("steering wheel", Style::Dashed, over(|s| s.wheel_rad, wheel_rad)),
            series("yaw rate", Style::Line, over(|s| s.yaw_rate_rps, or_nan(yaw.map(|r| r.steady)))),
            series(
                "lateral acceleration",
                Style::Line,
                over(|s| s.ay_mps2, or_nan(lateral.map(|r| r.steady))),
            ),
        ],
    });
    found.plots.push(Plot {
        manoeuvre: NAME,
        title: "Body angles".into(),
        x_label: "time from half the step, s",
        y_label: "angle, °",
        log_x: false,
        series: vec![
            series("roll", Style::Line, over(|s| s.roll_rad.to_degrees(), 1.0)),
            series("sideslip", Style::Line, over(|s| s.sideslip_rad.to_degrees(), 1.0)),
        ],
    });
}

/// The step from a settled car, accelerator held still; every step of the model.
fn drive(cruising: &Car, wheel_rad: f64) -> Vec<Sample> {
    let mut car = cruising.clone();
    car.hold_throttle();
    let mut samples = Vec::with_capacity((END_S / STEP_S) as usize);
    while car.time_s() < END_S {
        let turned = RATE_RPS * (car.time_s() - BEGIN_S).max(0.0);
        car.step(turned.min(wheel_rad.abs()) * wheel_rad.signum());
        samples.push(car.sample());
    }
    samples
}
