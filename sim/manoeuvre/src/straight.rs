//! Straight ahead: braking, acceleration, coast-down, creep, pitch.

use crate::car::{Car, G_MPS2, KPH, STEP_S, Sample, Subject};
use crate::signal::{first_crossing, fit, mean};
use crate::{Findings, Plot, Style, series};
use skidpad_vehicle::Gear;

/// Names of the manoeuvres in the table.
pub(crate) const BRAKING: &str = "Straight-line braking 100–0 km/h";
pub(crate) const ACCELERATION: &str = "Acceleration and creep";
pub(crate) const COAST: &str = "Coast-down 60–20 km/h, neutral";
pub(crate) const PITCH: &str = "Pitch under slowly rising pedals";

pub(crate) fn run(subject: &Subject, found: &mut Findings) {
    braking(subject, found);
    acceleration(subject, found);
    coast_down(subject, found);
    pitch(subject, found);
}

/// Runs until `done`, at most `most_s`; every step of the model.
fn record(car: &mut Car, most_s: f64, mut done: impl FnMut(&Sample) -> bool) -> Vec<Sample> {
    let mut samples = vec![car.sample()];
    let end_s = car.time_s() + most_s;
    while car.time_s() < end_s && !samples.last().is_some_and(&mut done) {
        car.step(0.0);
        samples.push(car.sample());
    }
    samples
}

/// Emergency stop: the pedal goes down at once and stays there.
fn braking(subject: &Subject, found: &mut Findings) {
    let from_mps = 100.0 * KPH;
    let mut car = Car::cruising(subject, from_mps);
    car.lift();
    car.brake_pct = 100.0;
    let samples = record(&mut car, 30.0, |s| s.speed_mps < 0.01);
    let first = samples[0];
    let stopped = samples.last().filter(|s| s.speed_mps < 0.01);
    let distance_m = stopped.map_or(f64::NAN, |s| s.x_m - first.x_m);
    // The car may not come in at 100 km/h exactly: distances go with the square of the speed.
    let distance_m = distance_m * (from_mps * from_mps) / (first.speed_mps * first.speed_mps);
    found.value("braking_distance_m", distance_m);
    // Fully developed deceleration, between 80 and 10 % of the speed, over the distance (ECE R13-H).
    let at = |share: f64| {
        let level = share * first.speed_mps;
        first_crossing(samples.iter().map(|s| (s.x_m, s.speed_mps)), level).unwrap_or(f64::NAN)
    };
    let square = first.speed_mps * first.speed_mps;
    let developed = square * (0.64 - 0.01) / (2.0 * (at(0.1) - at(0.8)));
    found.value("mean_deceleration_mps2", developed);
    // Smoothed over 20 ms, as an instrument is: the tyres rattle under the antilock system.
    let half = (0.01 / STEP_S) as usize;
    let smooth: Vec<(f64, f64)> = samples
        .windows(2 * half + 1)
        .map(|w| (w[half].time_s, -mean(w.iter().map(|s| (0.0, s.ax_mps2)), 0.0, 0.0)))
        .collect();
    let built = first_crossing(smooth.iter().copied(), 0.9 * developed).unwrap_or(f64::NAN);
    found.value("braking_build_up_s", built);
    found.plots.push(Plot {
        manoeuvre: BRAKING,
        title: "Emergency stop".into(),
        x_label: "time from the pedal, s",
        y_label: "",
        log_x: false,
        series: vec![
            series("speed, m/s", Style::Line, samples.iter().map(|s| (s.time_s, s.speed_mps))),
            series("deceleration, m/s²", Style::Line, smooth.into_iter()),
            series(
                "fully developed, m/s²",
                Style::Dashed,
                [0.0, samples.last().map_or(0.0, |s| s.time_s)].map(|t| (t, developed)).into_iter(),
            ),
        ],
    });
}

/// Roll-out that road testers leave out of their times: one foot, m.
const ROLL_OUT_M: f64 = 0.3048;

fn acceleration(subject: &Subject, found: &mut Findings) {
    let mut car = Car::rolling(subject, 0.0);
    car.brake_pct = 40.0;
    car.steps_for(1.0, 0.0);
    let from_m = car.sample().x_m;
    (car.brake_pct, car.throttle_pct) = (0.0, 100.0);
    let goal_mps = 60.0 * 1609.344 / 3600.0;
    let sprint = record(&mut car, 60.0, |s| s.speed_mps > goal_mps);
    let start_s = first_crossing(sprint.iter().map(|s| (s.time_s, s.x_m - from_m)), ROLL_OUT_M);
    let goal_s = first_crossing(sprint.iter().map(|s| (s.time_s, s.speed_mps)), goal_mps);
    let time_s = goal_s.zip(start_s).map_or(f64::NAN, |(goal, start)| goal - start);
    found.value("zero_to_sixty_mph_s", time_s);

    let mut car = Car::rolling(subject, 0.0);
    car.brake_pct = 40.0;
    car.steps_for(1.0, 0.0);
    car.brake_pct = 0.0;
    let creep = record(&mut car, 15.0, |_| false);
    found.value("creep_speed_mps", creep.last().map_or(f64::NAN, |s| s.speed_mps));
    found.plots.push(Plot {
        manoeuvre: ACCELERATION,
        title: "Full accelerator from standstill".into(),
        x_label: "time from the pedal, s",
        y_label: "speed, km/h",
        log_x: false,
        series: vec![
            series(
                "full accelerator",
                Style::Line,
                sprint.iter().map(|s| (s.time_s - 1.0, s.speed_mps / KPH)),
            ),
            series("creep", Style::Line, creep.iter().map(|s| (s.time_s - 1.0, s.speed_mps / KPH))),
        ],
    });
}

/// Rolling in neutral, beside the closed form of rolling resistance and air drag.
fn coast_down(subject: &Subject, found: &mut Findings) {
    let [from_mps, to_mps] = [60.0 * KPH, 20.0 * KPH];
    let mut car = Car::rolling(subject, from_mps + 1.0);
    car.gear = Gear::Neutral;
    let samples = record(&mut car, 600.0, |s| s.speed_mps < to_mps);
    let at = |speed: f64| {
        first_crossing(samples.iter().map(|s| (s.time_s, s.speed_mps)), speed).unwrap_or(f64::NAN)
    };
    let time_s = at(to_mps) - at(from_mps);
    found.value("coast_time_s", time_s);
    // m_e·v̇ = −F₀ − c·v²: t = m_e/√(F₀c)·(atan(v₁√(c/F₀)) − atan(v₂√(c/F₀))).
    let p = &subject.params;
    let resistance_n = p.tyre.rolling_resistance * p.chassis.mass_kg * G_MPS2;
    let drag = 0.5 * p.aero.air_density_kgpm3 * p.aero.drag_area_m2;
    let radius = p.tyre.rolling_radius_m;
    let effective_kg = p.chassis.mass_kg + 4.0 * p.tyre.spin_inertia_kgm2 / (radius * radius);
    let angle = |speed: f64| libm::atan(speed * (drag / resistance_n).sqrt());
    let scale_s = effective_kg / (resistance_n * drag).sqrt();
    let closed_s = scale_s * (angle(from_mps) - angle(to_mps));
    found.value("coast_time_over_closed_form", time_s / closed_s);
    let begin_s = at(from_mps);
    let law = |t: f64| libm::tan(angle(from_mps) - t / scale_s) / (drag / resistance_n).sqrt();
    found.plots.push(Plot {
        manoeuvre: COAST,
        title: "Rolling in neutral".into(),
        x_label: "time, s",
        y_label: "speed, km/h",
        log_x: false,
        series: vec![
            series("car", Style::Line, samples.iter().map(|s| (s.time_s - begin_s, s.speed_mps / KPH))),
            series(
                "closed form",
                Style::Dashed,
                (0..=40).map(|i| f64::from(i) * closed_s / 40.0).map(|t| (t, law(t) / KPH)),
            ),
        ],
    });
}

/// Rates of the pedals, %/s: slow enough that the body follows in balance.
const BRAKE_RATE: f64 = 1.0;
const THROTTLE_RATE: f64 = 4.0;

fn pitch(subject: &Subject, found: &mut Findings) {
    let mut car = Car::cruising(subject, 150.0 * KPH);
    car.lift();
    let mut dive: Vec<Sample> = Vec::new();
    while car.time_s() < 60.0 {
        car.brake_pct = (BRAKE_RATE * car.time_s() + 10.0).min(100.0);
        car.step(0.0);
        let s = car.sample();
        if s.ax_mps2 < -0.5 * G_MPS2 || s.speed_mps < 2.0 {
            break;
        }
        dive.push(s);
    }
    let mut car = Car::cruising(subject, 3.0);
    car.hold_throttle();
    let idle_pct = car.throttle_pct;
    let mut squat: Vec<Sample> = Vec::new();
    let mut most = 0.0f64;
    while car.time_s() < 25.0 {
        car.throttle_pct = (idle_pct + THROTTLE_RATE * car.time_s()).min(100.0);
        car.step(0.0);
        let s = car.sample();
        most = most.max(s.ax_mps2);
        if s.ax_mps2 < 0.95 * most - 0.2 {
            break;
        }
        squat.push(s);
    }
    // Nose down is positive (ISO 8855): dive rises with deceleration, squat falls with acceleration.
    let per_g = |samples: &[Sample], sign: f64, low: f64, high: f64| {
        let points = samples.iter().map(|s| (sign * s.ax_mps2, -sign * s.pitch_rad));
        fit(points, low * G_MPS2, high * G_MPS2).map_or(f64::NAN, |l| l.slope.to_degrees() * G_MPS2)
    };
    found.value("dive_gradient_deg_per_g", per_g(&dive, -1.0, 0.1, 0.4));
    found.value("squat_gradient_deg_per_g", per_g(&squat, 1.0, 0.05, 0.25));
    let curve = |samples: &[Sample]| {
        samples.iter().map(|s| (s.ax_mps2 / G_MPS2, s.pitch_rad.to_degrees())).collect::<Vec<_>>()
    };
    found.plots.push(Plot {
        manoeuvre: PITCH,
        title: "Pitch, nose down positive".into(),
        x_label: "longitudinal acceleration, g",
        y_label: "pitch, °",
        log_x: false,
        series: vec![
            series("braking", Style::Line, curve(&dive).into_iter()),
            series("accelerating", Style::Line, curve(&squat).into_iter()),
        ],
    });
}
