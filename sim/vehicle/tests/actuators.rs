//! Step, ramp and sine identify the actuators that the vehicle file configures.

mod common;

use common::*;
use nalgebra::Vector6;
use skidpad_vehicle::{ActuatorDemand, Gear, PlantReport, SteeringDemand, VehicleModel, VehicleParams};
use skidpad_world::FlatGround;
use std::f64::consts::PI;

/// The answer of one signal to a demand over time, sampled after each step.
fn record(
    p: &VehicleParams,
    speed_mps: f64,
    before: ActuatorDemand,
    demand_at: impl Fn(f64) -> ActuatorDemand,
    seconds: f64,
    signal: impl Fn(&PlantReport) -> f64,
) -> Vec<f64> {
    let mut run = Run::of(p, speed_mps, &before);
    run.drive(&before, 0.5);
    (0..(seconds / DT_S).round() as usize)
        .map(|k| {
            run.step(&demand_at(k as f64 * DT_S), &Vector6::zeros());
            signal(&run.model.report(&run.state))
        })
        .collect()
}

/// Dead time: the steps before the first change.
fn dead_time_s(samples: &[f64], start: f64) -> f64 {
    let first = samples.iter().position(|sample| (sample - start).abs() > 1e-12).expect("it answers");
    first as f64 * DT_S
}

/// Time from the dead time to 63.2 % of the way to the last sample.
fn time_constant_s(samples: &[f64], start: f64, dead_s: f64) -> f64 {
    let end = samples.last().expect("samples");
    let share = |sample: f64| (sample - start) / (end - start);
    let target = 1.0 - libm::exp(-1.0);
    let after = samples.iter().position(|sample| share(*sample) >= target).expect("it rises");
    let between = (target - share(samples[after - 1])) / (share(samples[after]) - share(samples[after - 1]));
    // Sample k is the state at the end of step k.
    (after as f64 + between) * DT_S - dead_s
}

#[test]
fn a_step_of_the_brake_pedal_identifies_dead_time_and_lag() {
    for (dead, lag, from, to) in [(0.06, 0.10, 0.0, 25.0), (0.08, 0.15, 20.0, 30.0), (0.0, 0.05, 30.0, 22.0)]
    {
        let p = changed(|p| (p.brakes.dead_time_s, p.brakes.lag_s) = (dead, lag));
        let pedal = |pct: f64| demand(0.0, pct, 0.0, Gear::Neutral);
        let torque = |report: &PlantReport| report.brake_torque_actual_nm;
        let before = record(&p, 25.0, pedal(from), |_| pedal(from), 0.1, torque)[0];
        let samples = record(&p, 25.0, pedal(from), |_| pedal(to), 1.5, torque);
        let found = dead_time_s(&samples, before);
        assert!((found - dead).abs() <= 1e-3 + 1e-9, "dead time {found} s of {dead} s");
        assert_close("lag of the brake, s", time_constant_s(&samples, before, found), lag, 0.02);
    }
}

#[test]
fn a_step_of_the_throttle_pedal_identifies_dead_time_and_lag() {
    for (dead, lag) in [(0.10, 0.20), (0.15, 0.30), (0.0, 0.10)] {
        // A pedal whose force does not depend on the speed that the car gathers.
        let p = changed(|p| {
            let drive = power_split(p);
            (drive.dead_time_s, drive.lag_s) = (dead, lag);
            drive.closed_pedal_force_by_speed = vec![[0.0, 0.0], [50.0, 0.0]];
            drive.pedal_map = vec![[15.5, 0.0, 0.0], [30.0, 1e5, 3000.0]];
        });
        let pedal = |pct: f64| demand(pct, 0.0, 0.0, Gear::Drive);
        let torque = |report: &PlantReport| report.wheel_torque_nm;
        let samples = record(&p, 1.0, pedal(0.0), |_| pedal(30.0), 2.0, torque);
        let found = dead_time_s(&samples, 0.0);
        assert!((found - dead).abs() <= 1e-3 + 1e-9, "dead time {found} s of {dead} s");
        assert_close("lag of the drive, s", time_constant_s(&samples, 0.0, found), lag, 0.02);
    }
}

fn servo(angle_deg: f64, rate_limit_rps: f64) -> ActuatorDemand {
    ActuatorDemand {
        steering: SteeringDemand::Servo { angle_rad: angle_deg.to_radians(), rate_limit_rps },
        ..rolling()
    }
}

fn steering_deg(report: &PlantReport) -> f64 {
    report.steering_wheel_rad.to_degrees()
}

#[test]
fn a_step_of_the_steering_identifies_dead_time_frequency_and_damping() {
    for (dead, frequency, damping) in [(0.06, 28.0, 0.75), (0.10, 25.0, 0.6), (0.0, 35.0, 0.5)] {
        let p = changed(|p| {
            let s = &mut p.steering;
            (s.dead_time_s, s.natural_frequency_rps, s.damping_ratio) = (dead, frequency, damping);
            s.dead_band_deg = 0.0;
        });
        // Small enough to stay below the rate limit.
        let step = 5.0;
        let samples = record(&p, 20.0, servo(0.0, 9.0), |_| servo(step, 9.0), 1.5, steering_deg);
        let found = dead_time_s(&samples, 0.0);
        assert!((found - dead).abs() <= 1e-3 + 1e-9, "dead time {found} s of {dead} s");
        // Overshoot exp(−πζ/√(1−ζ²)) after π/(ω√(1−ζ²)).
        let (top, peak) = samples
            .iter()
            .enumerate()
            .fold((0, 0.0), |best, (k, sample)| if *sample > best.1 { (k, *sample) } else { best });
        // The top of the parabola through three samples.
        let [a, b, c] = [samples[top - 1], peak, samples[top + 1]];
        let time = (top as f64 + 1.0 + 0.5 * (a - c) / (a - 2.0 * b + c)) * DT_S - found;
        let log = libm::log((peak - step) / step);
        let zeta = -log / (PI * PI + log * log).sqrt();
        assert_close("damping ratio", zeta, damping, 0.02);
        assert_close("natural frequency, rad/s", PI / (time * (1.0 - zeta * zeta).sqrt()), frequency, 0.02);
    }
}

#[test]
fn a_sine_of_the_steering_identifies_gain_and_phase() {
    let p = changed(|p| p.steering.dead_band_deg = 0.0);
    let s = &p.steering;
    for hertz in [0.5, 1.0, 2.0, 4.0] {
        let w = 2.0 * PI * hertz;
        let amplitude = 3.0;
        let sine = |t: f64| servo(amplitude * libm::sin(w * t), 9.0);
        let seconds = 4.0;
        let samples = record(&p, 20.0, servo(0.0, 9.0), sine, seconds, steering_deg);
        // Fourier coefficients over whole periods at the end.
        let last = (2.0 / hertz).max(1.0).min(seconds - 1.0);
        let from = samples.len() - (last / DT_S).round() as usize;
        let (mut real, mut imaginary) = (0.0, 0.0);
        for (k, sample) in samples.iter().enumerate().skip(from) {
            let t = (k as f64 + 1.0) * DT_S;
            real += sample * libm::sin(w * t) * DT_S * 2.0 / last;
            imaginary += sample * libm::cos(w * t) * DT_S * 2.0 / last;
        }
        let u = w / s.natural_frequency_rps;
        let gain = 1.0 / libm::hypot(1.0 - u * u, 2.0 * s.damping_ratio * u);
        assert_close("gain", libm::hypot(real, imaginary) / amplitude, gain, 0.02);
        let lag = libm::atan2(2.0 * s.damping_ratio * u, 1.0 - u * u) / w + s.dead_time_s;
        let found = -libm::atan2(imaginary, real) / w;
        assert!((found - lag).abs() <= 1.5e-3, "{hertz} Hz: late by {found} s, expected {lag} s");
    }
}

#[test]
fn a_large_step_of_the_steering_runs_at_the_rate_limit() {
    for (own_degps, asked_rps, expected_degps) in
        [(500.0, 9.0, 500.0), (400.0, 9.0, 400.0), (500.0, 3.0, 3.0 * 180.0 / PI)]
    {
        let p = changed(|p| p.steering.max_rate_degps = own_degps);
        let samples = record(&p, 5.0, servo(0.0, asked_rps), |_| servo(400.0, asked_rps), 0.6, steering_deg);
        let rate = (samples[500] - samples[300]) / 0.2;
        assert_close("steering-wheel rate, deg/s", rate, expected_degps, 5e-3);
        let fastest = samples.windows(2).map(|pair| (pair[1] - pair[0]) / DT_S).fold(0.0, f64::max);
        assert!(fastest <= expected_degps * 1.005, "{fastest} deg/s");
    }
}

#[test]
fn a_slow_ramp_of_the_steering_identifies_the_dead_band() {
    for band in [0.5, 1.0, 0.2] {
        let p = changed(|p| p.steering.dead_band_deg = band);
        let dead = p.steering.dead_time_s;
        let samples = record(&p, 10.0, servo(0.0, 9.0), |t| servo(0.5 * t, 9.0), 4.0, steering_deg);
        let moved = samples.iter().position(|sample| *sample > 1e-6).expect("it moves");
        let asked = 0.5 * (moved as f64 * DT_S - dead);
        assert!((asked - band).abs() <= 0.05, "moves at {asked}° of {band}°");
    }
}

#[test]
fn the_steering_stops_at_its_stop() {
    let p = params();
    let stop = p.steering.max_wheel_deg;
    for sign in [1.0, -1.0] {
        let samples = record(&p, 2.0, servo(0.0, 9.0), |_| servo(sign * 900.0, 9.0), 2.0, steering_deg);
        let last = sign * samples.last().expect("samples");
        assert!(last <= stop + 1e-9 && last > stop - p.steering.dead_band_deg - 0.1, "{last}°");
    }
}

#[test]
fn dead_times_do_not_depend_on_the_step() {
    for dt_s in [4e-3, 1e-3, 2.5e-4] {
        let model = VehicleModel::new(&params(), dt_s);
        let mut run = Run::with(model, FlatGround::LEVEL, 0.0, 5.0, &demand(0.0, 0.0, 0.0, Gear::Drive));
        let mut steps = 0;
        while run.model.report(&run.state).throttle_pct == 0.0 && steps < 10_000 {
            run.drive(&demand(30.0, 0.0, 0.0, Gear::Drive), dt_s);
            steps += 1;
        }
        let found = f64::from(steps - 1) * dt_s;
        assert!((found - power_split(&mut params()).dead_time_s).abs() <= 1e-3, "at {dt_s} s: {found} s");
    }
}

#[test]
fn play_leaves_the_road_wheels_where_they_are_until_the_column_has_crossed_it() {
    for play_deg in [0.5, 2.0] {
        let p = changed(|p| (p.steering.backlash_deg, p.steering.dead_band_deg) = (play_deg, 0.0));
        let mut run = Run::of(&p, 0.0, &demand(0.0, 60.0, 0.0, Gear::Neutral));
        let mut road_deg = |wheel_deg: f64| {
            // The servo would overshoot.
            let steering = SteeringDemand::Imposed { angle_rad: wheel_deg.to_radians() };
            run.drive(&ActuatorDemand { steering, ..demand(0.0, 60.0, 0.0, Gear::Neutral) }, 1.0);
            0.5 * (run.state.corners[0].steer_rad + run.state.corners[1].steer_rad).to_degrees()
        };
        // Up, a little back within the play, further back beyond it.
        let up = road_deg(20.0);
        assert_close("up", up, (20.0 - 0.5 * play_deg) / p.steering.ratio, 0.01);
        assert!((road_deg(20.0 - 0.8 * play_deg) - up).abs() < 1e-4, "it moved within the play");
        assert_close("down", road_deg(10.0), (10.0 + 0.5 * play_deg) / p.steering.ratio, 0.01);
    }
}
