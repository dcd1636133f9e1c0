//! Steady-state cornering, ISO 4138: constant radius with rising speed, and constant speed with a slowly
//! rising steering-wheel angle.

use crate::car::{Car, G_MPS2, KPH, STEP_S, Sample, Subject};
use crate::signal::{Line, first_crossing, fit, mean};
use crate::{Findings, Plot, Style, series};

/// Name of the manoeuvre in the table.
pub(crate) const NAME: &str = "ISO 4138 steady-state cornering";

/// Speed of the constant-speed test, and of the transient tests built on it, m/s.
pub(crate) const TEST_SPEED_MPS: f64 = 80.0 * KPH;
/// Steering-wheel rate of the constant-speed test, rad/s: slow enough that the car stays in balance.
const RAMP_RPS: f64 = 4.0 / 180.0 * std::f64::consts::PI;
/// Radius of the constant-radius test, m.
const RADIUS_M: f64 = 100.0;
/// Radius of the 300-foot skid pad of the road testers, m.
const SKID_PAD_RADIUS_M: f64 = 45.72;
/// Rise of the speed on the circles, m/s².
const SPEED_RISE_MPS2: f64 = 0.15;
/// Range of lateral acceleration over which gradients are fitted, m/s².
const FIT_MPS2: [f64; 2] = [0.1 * G_MPS2, 0.3 * G_MPS2];
/// The steering angle may leave the fitted line by this share before the car counts as non-linear.
const LINEAR_SHARE: f64 = 0.05;
/// Span of the running mean at the limit, s.
const LIMIT_SPAN_S: f64 = 2.0;

/// What the transient tests need to know about the car.
pub(crate) struct Handling {
    /// Steering-wheel angle (rad) against lateral acceleration (m/s²) at [`TEST_SPEED_MPS`], rising.
    wheel_by_ay: Vec<(f64, f64)>,
}

impl Handling {
    /// Steering-wheel angle for a lateral acceleration at [`TEST_SPEED_MPS`], rad; absent beyond the limit.
    pub(crate) fn wheel_rad(&self, ay_mps2: f64) -> Option<f64> {
        first_crossing(self.wheel_by_ay.iter().map(|(ay, wheel)| (*wheel, *ay)), ay_mps2)
    }
}

pub(crate) fn run(subject: &Subject, found: &mut Findings) -> Handling {
    let ratio = subject.params.steering.ratio;
    let wheelbase = subject.model.wheelbase_m();
    let ramp = slow_ramp(subject, RAMP_RPS);
    let [low, high] = FIT_MPS2;

    // Understeer: what the road wheels turn beyond the angle L/R of the path.
    let beyond = |s: &Sample| {
        let path_rad = wheelbase * s.ay_mps2 / (s.speed_mps * s.speed_mps);
        (s.ay_mps2, s.wheel_rad / ratio - path_rad)
    };
    let understeer = fit(ramp.iter().map(beyond), low, high);
    let gradient = understeer.map_or(f64::NAN, |line| line.slope.to_degrees() * G_MPS2);
    found.value("understeer_gradient_deg_per_g", gradient);
    found.value("understeer_gradient_wheel_deg_per_g", gradient * ratio);
    let per_speed = gradient.to_radians() / G_MPS2;
    let characteristic = if per_speed > 0.0 { (wheelbase / per_speed).sqrt() / KPH } else { f64::NAN };
    found.value("characteristic_speed_kmh", characteristic);

    let steer = |s: &Sample| (s.ay_mps2, s.wheel_rad);
    let wheel_line = fit(ramp.iter().map(steer), low, high);
    let linear_to = wheel_line.and_then(|line| {
        let off =
            |s: &&Sample| s.ay_mps2 > high && (s.wheel_rad / line.at(s.ay_mps2) - 1.0).abs() > LINEAR_SHARE;
        ramp.iter().find(off).map(|s| s.ay_mps2 / G_MPS2)
    });
    found.value("linear_range_g", linear_to.unwrap_or(f64::NAN));

    let roll = fit(ramp.iter().map(|s| (s.ay_mps2, s.roll_rad)), low, high);
    let per_g = |line: Option<Line>| line.map_or(f64::NAN, |line| line.slope.to_degrees() * G_MPS2);
    found.value("roll_gradient_deg_per_g", per_g(roll));

    // Nose-in is a sideslip to the outside: negative in a left turn.
    let sideslip =
        |samples: &[Sample]| -per_g(fit(samples.iter().map(|s| (s.ay_mps2, s.sideslip_rad)), low, high));
    found.value("sideslip_gradient_deg_per_g", sideslip(&ramp));
    let round = circle(subject, RADIUS_M);
    found.value("sideslip_gradient_radius_deg_per_g", sideslip(&round));
    let on_radius = fit(round.iter().map(|s| (s.ay_mps2, s.wheel_rad / ratio)), low, high);
    found.value("understeer_gradient_radius_deg_per_g", per_g(on_radius));

    let pad = circle(subject, SKID_PAD_RADIUS_M);
    let limit = running_maximum(&pad);
    found.value("max_lateral_acceleration_g", limit / G_MPS2);

    let line_series = |line: Option<Line>, to: f64, scale: f64| {
        let ends =
            line.into_iter().flat_map(move |line| [0.0, to].map(|ay| (ay / G_MPS2, line.at(ay) * scale)));
        series("fit 0.1–0.3 g", Style::Dashed, ends)
    };
    let degrees = 1f64.to_degrees();
    found.plots.push(Plot {
        manoeuvre: NAME,
        title: "Steering-wheel angle at 80 km/h".into(),
        x_label: "lateral acceleration, g",
        y_label: "steering wheel, °",
        log_x: false,
        series: vec![
            series("car", Style::Line, ramp.iter().map(|s| (s.ay_mps2 / G_MPS2, s.wheel_rad * degrees))),
            line_series(wheel_line, 0.9 * ramp.last().map_or(0.0, |s| s.ay_mps2), degrees),
        ],
    });
    found.plots.push(Plot {
        manoeuvre: NAME,
        title: "Roll and sideslip".into(),
        x_label: "lateral acceleration, g",
        y_label: "angle, °",
        log_x: false,
        series: vec![
            series(
                "roll, 80 km/h",
                Style::Line,
                ramp.iter().map(|s| (s.ay_mps2 / G_MPS2, s.roll_rad * degrees)),
            ),
            series(
                "sideslip, 80 km/h",
                Style::Line,
                ramp.iter().map(|s| (s.ay_mps2 / G_MPS2, s.sideslip_rad * degrees)),
            ),
            series(
                "sideslip, 100 m radius",
                Style::Line,
                round.iter().map(|s| (s.ay_mps2 / G_MPS2, s.sideslip_rad * degrees)),
            ),
        ],
    });
    found.plots.push(Plot {
        manoeuvre: NAME,
        title: "300-foot skid pad, rising speed".into(),
        x_label: "speed, km/h",
        y_label: "lateral acceleration, g",
        log_x: false,
        series: vec![
            series("car", Style::Line, pad.iter().map(|s| (s.speed_mps / KPH, s.ay_mps2 / G_MPS2))),
            series(
                "limit (mean over 2 s)",
                Style::Dashed,
                pad.first().into_iter().chain(pad.last()).map(|s| (s.speed_mps / KPH, limit / G_MPS2)),
            ),
        ],
    });
    Handling { wheel_by_ay: ramp.iter().map(|s| (s.ay_mps2, s.wheel_rad)).collect() }
}

/// Turns the wheel at `rate_rps` at a held [`TEST_SPEED_MPS`] until the lateral acceleration no longer rises;
/// 100 samples a second.
pub(crate) fn slow_ramp(subject: &Subject, rate_rps: f64) -> Vec<Sample> {
    let mut car = Car::cruising(subject, TEST_SPEED_MPS);
    let mut samples: Vec<Sample> = Vec::new();
    let (mut most, mut most_at_s) = (0.0, 0.0);
    while car.time_s() < 120.0 {
        car.step(rate_rps * (car.time_s() + STEP_S));
        let s = car.sample();
        if s.ay_mps2 > most {
            (most, most_at_s) = (s.ay_mps2, s.time_s);
        }
        if samples.len() as f64 * 0.01 <= s.time_s {
            samples.push(s);
        }
        // Past the limit the acceleration falls; a car at its stop or spinning has nothing more to show.
        if s.time_s > most_at_s + 0.5 || s.ay_mps2 < 0.9 * most - 0.5 || s.sideslip_rad.abs() > 0.5 {
            break;
        }
    }
    samples.retain(|s| s.time_s <= most_at_s);
    samples
}

/// Follows a circle of `radius_m` to the left at slowly rising speed until the car leaves it; 100 samples a
/// second once the transient of the start is over.
fn circle(subject: &Subject, radius_m: f64) -> Vec<Sample> {
    // Slow enough to start on the circle with hardly any slip.
    let start_mps = (0.04 * G_MPS2 * radius_m).sqrt();
    let mut car = Car::cruising(subject, start_mps);
    let mut driver = CircleDriver::new(subject, radius_m);
    let mut samples: Vec<Sample> = Vec::new();
    while car.time_s() < 300.0 {
        let s = car.sample();
        car.hold_speed(start_mps + SPEED_RISE_MPS2 * (s.time_s - SETTLE_S).max(0.0));
        let (wheel_rad, off_m) = driver.steer(&s);
        car.step(wheel_rad);
        if s.time_s > SETTLE_S {
            if samples.len() as f64 * 0.01 <= s.time_s - SETTLE_S {
                samples.push(s);
            }
            if off_m.abs() > 1.0 || s.sideslip_rad.abs() > 0.5 {
                break;
            }
        }
    }
    samples
}

/// Time to find the circle from the straight, s.
const SETTLE_S: f64 = 20.0;
/// Bandwidth of the path correction, rad/s.
const PATH_RPS: f64 = 1.2;

/// Steers onto a circle to the left that starts at the origin along x.
struct CircleDriver {
    ratio: f64,
    wheelbase_m: f64,
    radius_m: f64,
    /// Integral of the curvature error: what the car needs beyond L/R.
    integral_1pm: f64,
}

impl CircleDriver {
    fn new(subject: &Subject, radius_m: f64) -> Self {
        CircleDriver {
            ratio: subject.params.steering.ratio,
            wheelbase_m: subject.model.wheelbase_m(),
            radius_m,
            integral_1pm: 0.0,
        }
    }

    /// Steering-wheel angle, rad, and distance to the inside of the circle, m.
    fn steer(&mut self, s: &Sample) -> (f64, f64) {
        let (from_x, from_y) = (s.x_m, s.y_m - self.radius_m);
        let inside_m = self.radius_m - libm::hypot(from_x, from_y);
        let tangent = libm::atan2(from_x, -from_y);
        let course = s.heading_rad + s.sideslip_rad;
        let turn = libm::remainder(course - tangent, std::f64::consts::TAU);
        let square = s.speed_mps * s.speed_mps;
        let w = PATH_RPS;
        let correction = -(w * w * inside_m + 1.6 * w * s.speed_mps * libm::sin(turn)) / square;
        self.integral_1pm += STEP_S * 0.4 * w * correction;
        let curvature = 1.0 / self.radius_m + correction + self.integral_1pm;
        (self.ratio * libm::atan(self.wheelbase_m * curvature), inside_m)
    }
}

/// Largest mean of the lateral acceleration over [`LIMIT_SPAN_S`], m/s².
fn running_maximum(samples: &[Sample]) -> f64 {
    let span = (LIMIT_SPAN_S / 0.01) as usize;
    samples
        .windows(span.min(samples.len()).max(1))
        .step_by(10)
        .map(|window| mean(window.iter().map(|s| (0.0, s.ay_mps2)), 0.0, 0.0))
        .fold(f64::NAN, f64::max)
}
