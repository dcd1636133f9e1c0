//! Each error term of an IMU follows its own law, and each preset its data sheet.

mod common;

use common::{allan, frame, parked, quaternion, rms, samples};
use nalgebra::{Quaternion, UnitQuaternion, Vector3};
use skidpad_sensors::{AccelParams, GyroParams, Imu, ImuParams, ImuSample, Truth, VibrationParams};
use std::io::Write as _;
use std::process::{Command, Stdio};

const SAMPLE_S: f64 = 0.005;
const DEG: f64 = std::f64::consts::PI / 180.0;
const DEG_PER_H: f64 = DEG / 3600.0;
const G: f64 = 9.80665;
const EARTH_RPS: f64 = 7.292115e-5;

fn imu(params: &ImuParams, seed: u64) -> Imu {
    Imu::new(params, &frame(), seed).unwrap()
}

fn with_gyro(gyro: GyroParams) -> ImuParams {
    ImuParams { lever_arm_m: [0.0; 3], gyro, ..ImuParams::ideal() }
}

fn rates(all: &[ImuSample], axis: usize) -> Vec<f64> {
    all.iter().map(|sample| sample.angle_rad[axis] / SAMPLE_S).collect()
}

fn forces(all: &[ImuSample], axis: usize) -> Vec<f64> {
    all.iter().map(|sample| sample.velocity_mps[axis] / SAMPLE_S).collect()
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

fn presets() -> [(&'static str, ImuParams); 3] {
    [("adis16488", ImuParams::datasheet()), ("kvh", ImuParams::kvh()), ("isa_100c", ImuParams::isa_100c())]
}

#[test]
fn allan_deviation_of_ten_minutes_gives_the_random_walks_of_every_preset() {
    for (name, preset) in presets() {
        let all = samples(&mut imu(&preset, 42), |_| parked(), 5, 600_000);
        let arw = preset.gyro.angle_random_walk_deg_per_sqrt_h * DEG / 60.0;
        let vrw = preset.accel.velocity_random_walk_mps_per_sqrt_h / 60.0;
        for axis in 0..3 {
            for (what, values, walk) in [("gyro", rates(&all, axis), arw), ("accel", forces(&all, axis), vrw)]
            {
                let tenth = allan(&values, 20) * f64::sqrt(0.1) / walk;
                let one = allan(&values, 200) / walk;
                println!("{name} {what} {axis}: {tenth:.4} of N at 0.1 s, {one:.4} at 1 s");
                assert!((tenth - 1.0).abs() < 0.03, "{name} {what} {axis}: {tenth}");
                assert!((one - 1.0).abs() < 0.07, "{name} {what} {axis}: {one}");
            }
        }
    }
}

/// Reads numbers of standard input, prints overlapping Allan deviations at the times of the arguments.
const ALLANTOOLS: &str = r#"
import sys, allantools, numpy
rates = numpy.array([float(line) for line in sys.stdin])
taus, deviations, _, _ = allantools.oadev(rates, rate=200.0, data_type="freq", taus=[0.1, 1.0, 10.0])
print(*deviations)
"#;

#[test]
fn allantools_finds_the_same_allan_deviations() {
    let check = Command::new("python3").args(["-c", "import allantools"]).stderr(Stdio::null()).status();
    if !check.is_ok_and(|status| status.success()) {
        return skidpad_test_support::skip("Python with allantools is not installed");
    }
    for (name, preset) in presets() {
        let all = samples(&mut imu(&preset, 7), |_| parked(), 5, 600_000);
        let values = rates(&all, 1);
        let mut python = Command::new("python3")
            .args(["-c", ALLANTOOLS])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let text: String = values.iter().map(|value| format!("{value:e}\n")).collect();
        python.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
        let output = python.wait_with_output().unwrap();
        let found: Vec<f64> = String::from_utf8(output.stdout)
            .unwrap()
            .split_whitespace()
            .map(|n| n.parse().unwrap())
            .collect();
        let arw = preset.gyro.angle_random_walk_deg_per_sqrt_h * DEG / 60.0;
        println!("{name}: allantools {found:?}, N = {arw:e}");
        assert!((found[0] * f64::sqrt(0.1) / arw - 1.0).abs() < 0.03, "{name}: {found:?}");
        assert!((found[1] / arw - 1.0).abs() < 0.07, "{name}: {found:?}");
        for (k, cluster) in [20, 200, 2000].into_iter().enumerate() {
            let ours = allan(&values, cluster);
            assert!((found[k] / ours - 1.0).abs() < 1e-6, "{name}: {} {ours}", found[k]);
        }
    }
}

#[test]
fn standing_still_every_preset_shows_the_earth_rate_within_its_bias() {
    for (name, preset) in presets() {
        let sheet = &preset.gyro;
        let bias = f64::hypot(sheet.turn_on_bias_deg_per_h, sheet.in_run_bias_deg_per_h);
        let all = samples(&mut imu(&preset, 3), |_| parked(), 5, 300_000);
        let norm = (0..3).map(|axis| mean(&rates(&all, axis)) / DEG_PER_H).map(|w| w * w).sum::<f64>().sqrt();
        assert!((norm - 15.041).abs() < 4.0 * bias, "{name}: {norm} °/h");
        if name == "isa_100c" {
            // The recorded car shows 14.99 °/h.
            assert!((norm - 15.04).abs() < 0.5, "{norm} °/h");
        }
    }
}

#[test]
fn flicker_noise_has_a_flat_allan_deviation_of_0_664_b() {
    let gyro = GyroParams { instability_deg_per_h: 6.0, ..GyroParams::default() };
    let mut squares = [0.0; 3];
    let runs = 6;
    for seed in 0..runs {
        let all = samples(&mut imu(&with_gyro(gyro.clone()), seed), |_| parked(), 5, 1_200_000);
        for axis in 0..3 {
            let values = rates(&all, axis);
            for (square, cluster) in squares.iter_mut().zip([600, 2000, 6000]) {
                *square += (allan(&values, cluster) / DEG_PER_H).powi(2) / (3 * runs) as f64;
            }
        }
    }
    for (square, tau_s) in squares.into_iter().zip([3, 10, 30]) {
        let ratio = square.sqrt() / (0.664 * 6.0);
        assert!((ratio - 1.0).abs() < 0.15, "{tau_s} s: {ratio}");
    }
}

#[test]
fn a_rate_random_walk_grows_with_the_root_of_time() {
    let gyro = GyroParams { rate_random_walk_deg_per_h_per_sqrt_h: 60.0, ..GyroParams::default() };
    // K = 60 °/h/√h is 1 °/h/√s·60/60: after 100 s the bias has σ = K √100 s = 10 °/h.
    let ends = (0..300).map(|seed| {
        let all = samples(&mut imu(&with_gyro(gyro.clone()), seed), |_| parked(), 5, 100_000);
        (rates(&all, 0)[all.len() - 1] - rates(&all, 0)[0]) / DEG_PER_H
    });
    let sigma = rms(ends);
    assert!((sigma / 10.0 - 1.0).abs() < 0.12, "{sigma}");
}

fn spin(rate_rps: f64) -> impl Fn(f64) -> Truth {
    move |t| Truth {
        quaternion_wxyz: quaternion(rate_rps * t, 0.0, 0.0),
        body_rate_rps: [0.0, 0.0, rate_rps],
        ..parked()
    }
}

/// Rate error about z while turning at `rate_rps`.
fn error_at(params: &ImuParams, rate_rps: f64) -> f64 {
    let sense = |params: &ImuParams| {
        let all = samples(&mut imu(params, 5), spin(rate_rps), 1, 50);
        rates(&all, 2)[5]
    };
    sense(params) - sense(&with_gyro(GyroParams::default()))
}

#[test]
fn asymmetry_is_even_and_nonlinearity_is_odd_and_grows_with_the_square() {
    let bent = with_gyro(GyroParams { asymmetry_ppm: 1000.0, ..GyroParams::default() });
    let (left, right) = (error_at(&bent, 1.0), error_at(&bent, -1.0));
    assert!(left.abs() > 1e-5 && (left / right - 1.0).abs() < 1e-3, "{left} {right}");
    let curved =
        GyroParams { nonlinearity_ppm: 1000.0, range_deg_per_s: Some(400.0), ..GyroParams::default() };
    let curved = with_gyro(curved);
    let (one, two, back) = (error_at(&curved, 1.0), error_at(&curved, 2.0), error_at(&curved, -1.0));
    assert!(one.abs() > 1e-6 && (two / one - 4.0).abs() < 0.01, "{one} {two}");
    assert!((back / one + 1.0).abs() < 1e-2, "{back} {one}");
}

#[test]
fn gravity_and_vibration_shift_the_bias_of_a_sensitive_gyroscope() {
    let sensitive = with_gyro(GyroParams { g_sensitivity_deg_per_h_per_g: 30.0, ..GyroParams::default() });
    let shift = |params: &ImuParams, seed| {
        let all = samples(&mut imu(params, seed), |_| parked(), 5, 10);
        let clean = samples(
            &mut imu(&ImuParams { gyro: GyroParams::default(), ..params.clone() }, seed),
            |_| parked(),
            5,
            10,
        );
        (rates(&all, 0)[1] - rates(&clean, 0)[1]) / DEG_PER_H
    };
    let sigma = rms((0..400).map(|seed| shift(&sensitive, seed)));
    assert!((sigma / (30.0 * 9.7995 / G) - 1.0).abs() < 0.1, "{sigma}");
    let mut shaken =
        with_gyro(GyroParams { vibration_rectification_deg_per_h_per_g2: 1e3, ..GyroParams::default() });
    shaken.vibration = VibrationParams { idle: 10.0, road_mps2: 0.0 };
    let sigma = rms((0..400).map(|seed| shift(&shaken, seed)));
    // Ten times the recording: 0.18 m/s² rms per axis.
    let expected = 1e3 * (0.18 / G) * (0.18 / G);
    assert!((0.7..1.4).contains(&(sigma / expected)), "{sigma} {expected}");
}

#[test]
fn warming_up_moves_the_bias_by_its_coefficient() {
    let mut params = with_gyro(GyroParams { bias_deg_per_h_per_k: 2.0, ..GyroParams::default() });
    (params.warm_up_k, params.warm_up_time_constant_s) = (10.0, 20.0);
    let (mut early, mut late) = (Vec::new(), Vec::new());
    for seed in 0..300 {
        let all = samples(&mut imu(&params, seed), |_| parked(), 5, 100_000);
        let x = rates(&all, 0);
        early.push((x[4000 - 1] - x[0]) / DEG_PER_H);
        late.push((x[x.len() - 1] - x[0]) / DEG_PER_H);
    }
    let (early, late) = (rms(early), rms(late));
    assert!((late / (20.0 * (1.0 - libm::exp(-5.0))) - 1.0).abs() < 0.12, "{late}");
    assert!(
        (early / late - (1.0 - libm::exp(-1.0)) / (1.0 - libm::exp(-5.0))).abs() < 0.01,
        "{early} {late}"
    );
}

#[test]
fn the_bandwidth_takes_3_db_from_a_line_at_it() {
    let hz = 20.0;
    let wobble = |t: f64| {
        let angle = 0.01 * libm::sin(std::f64::consts::TAU * hz * t);
        Truth { quaternion_wxyz: quaternion(angle, 0.0, 0.0), ..parked() }
    };
    let level = |params: &ImuParams| rms(rates(&samples(&mut imu(params, 1), wobble, 1, 5_000)[200..], 2));
    let open = level(&with_gyro(GyroParams::default()));
    for order in [1, 2] {
        let gyro = GyroParams { bandwidth_hz: Some(hz), bandwidth_order: order, ..GyroParams::default() };
        let ratio = level(&with_gyro(gyro)) / open;
        // The stages work at 1 kHz, where a corner of 20 to 31 Hz comes out a little low.
        assert!((ratio / std::f64::consts::FRAC_1_SQRT_2 - 1.0).abs() < 0.05, "order {order}: {ratio}");
    }
    let gyro = GyroParams { bandwidth_hz: Some(2.0), bandwidth_order: 2, ..GyroParams::default() };
    assert!(level(&with_gyro(gyro)) / open < 0.03);
}

#[test]
fn a_late_sample_lags_and_an_unsteady_one_is_noisy_in_proportion_to_the_rate() {
    let late = ImuParams { latency_s: 0.0025, ..ImuParams::ideal() };
    let ramp = |t: f64| Truth { velocity_enu_mps: [t * t, 0.0, 0.0], ..parked() };
    let (x, exact) = (
        forces(&samples(&mut imu(&late, 1), ramp, 1, 1000), 0),
        forces(&samples(&mut imu(&ImuParams::ideal(), 1), ramp, 1, 1000), 0),
    );
    // The acceleration is 2t: 2.5 ms later it is 5 mm/s² more.
    assert!((exact[150] - x[150] - 2.0 * 0.0025).abs() < 1e-6, "{} {}", exact[150], x[150]);
    let unsteady = ImuParams { jitter_s: 20e-6, lever_arm_m: [0.0; 3], ..ImuParams::ideal() };
    let noise = |rate| {
        let all = rates(&samples(&mut imu(&unsteady, 1), spin(rate), 1, 20_000), 2);
        let mean = mean(&all);
        rms(all.iter().map(|value| value - mean))
    };
    let expected = 1.0 * f64::sqrt(2.0) * 20e-6 / SAMPLE_S;
    assert!((noise(1.0) / expected - 1.0).abs() < 0.05, "{} {expected}", noise(1.0));
    assert!((noise(2.0) / noise(1.0) - 2.0).abs() < 0.01);
}

/// Rms of the part of `values` within half a bin of `hz`, by a windowed Fourier sum.
fn line(values: &[f64], hz: f64) -> f64 {
    let n = values.len() as f64;
    let mean = mean(values);
    let (mut re, mut im) = (0.0, 0.0);
    for (k, value) in values.iter().enumerate() {
        let window = 1.0 - libm::cos(std::f64::consts::TAU * k as f64 / n);
        let (sin, cos) = libm::sincos(std::f64::consts::TAU * hz * k as f64 * SAMPLE_S);
        re += window * (value - mean) * cos;
        im += window * (value - mean) * sin;
    }
    f64::hypot(re, im) * 2.0 / n * std::f64::consts::FRAC_1_SQRT_2
}

#[test]
fn a_parked_car_with_an_isa_100c_shakes_as_the_recorded_one() {
    let params =
        ImuParams { vibration: VibrationParams { idle: 1.0, road_mps2: 0.0 }, ..ImuParams::isa_100c() };
    let all = samples(&mut imu(&params, 11), |_| parked(), 5, 80_000);
    // Recorded: accelerometers 16 to 20 mm/s² rms, gyroscopes 0.0025 to 0.010 °/s rms.
    let recorded = [(18.3, 7.75), (16.0, 10.33), (20.2, 2.55)];
    for (axis, (force_mm, rate_mdeg)) in recorded.into_iter().enumerate() {
        let (force, rate) = (forces(&all, axis), rates(&all, axis));
        let (force_mean, rate_mean) = (mean(&force), mean(&rate));
        let force = rms(force.iter().map(|f| (f - force_mean) * 1e3));
        let rate = rms(rate.iter().map(|w| (w - rate_mean) / DEG * 1e3));
        println!("axis {axis}: {force:.1} of {force_mm} mm/s², {rate:.2} of {rate_mdeg} m°/s");
        assert!((0.7..1.3).contains(&(force / force_mm)), "axis {axis}: {force} mm/s²");
        assert!((0.7..1.3).contains(&(rate / rate_mdeg)), "axis {axis}: {rate} m°/s");
    }
    // The lines, and near them nothing.
    for (hz, axis, mm) in [(9.99, 2, 3.67), (67.41, 2, 5.29), (92.58, 0, 4.29), (96.96, 0, 5.74)] {
        let values = forces(&all, axis);
        let found = line(&values, hz) * 1e3;
        assert!((0.8..1.25).contains(&(found / mm)), "{hz} Hz: {found} of {mm} mm/s²");
        assert!(line(&values, hz + 1.3) * 1e3 < 0.5 * mm);
    }
}

#[test]
fn the_road_shakes_more_at_speed_and_moves_nothing() {
    let params = ImuParams { vibration: VibrationParams { idle: 0.0, road_mps2: 0.3 }, ..ImuParams::ideal() };
    let drive = |speed: f64| {
        let along = move |t: f64| Truth {
            position_enu_m: [speed * t, 0.0, 0.0],
            velocity_enu_mps: [speed, 0.0, 0.0],
            ..parked()
        };
        let mut shaken = imu(&params, 1);
        let mut smooth = imu(&ImuParams::ideal(), 1);
        let (a, b) = (samples(&mut shaken, along, 5, 60_000), samples(&mut smooth, along, 5, 60_000));
        let difference: Vec<f64> = forces(&a, 2).iter().zip(forces(&b, 2)).map(|(a, b)| a - b).collect();
        let moved = difference.iter().sum::<f64>() * SAMPLE_S;
        assert!(moved.abs() < 0.02, "{moved} m/s after a minute");
        rms(difference)
    };
    assert!((drive(10.0) / 0.3 - 1.0).abs() < 0.05);
    assert!((drive(20.0) / 0.6 - 1.0).abs() < 0.05);
    assert!(drive(0.0) < 1e-12);
}

#[test]
fn the_engines_lines_follow_its_speed_and_the_lidars_does_not() {
    let params = ImuParams { vibration: VibrationParams { idle: 1.0, road_mps2: 0.0 }, ..ImuParams::ideal() };
    let running = |engine_over_idle: f64| {
        let all = samples(&mut imu(&params, 4), |_| Truth { engine_over_idle, ..parked() }, 5, 40_000);
        move |hz: f64, axis| line(&forces(&all, axis), hz) * 1e3
    };
    let (idle, slow, stopped) = (running(1.0), running(0.75), running(0.0));
    for (hz, axis) in [(67.41, 2), (92.58, 0), (96.96, 0)] {
        let (before, after) = (idle(hz, axis), slow(0.75 * hz, axis));
        // The acceleration goes with the speed; increments of 5 ms show of a line its mean over 5 ms.
        let seen = |hz: f64| {
            libm::sin(std::f64::consts::PI * hz * SAMPLE_S) / (std::f64::consts::PI * hz * SAMPLE_S)
        };
        let expected = before * 0.75 * seen(0.75 * hz) / seen(hz);
        println!("{hz} Hz: {before:.2} mm/s², at three quarters of the speed {after:.2} of {expected:.2}");
        assert!((after / expected - 1.0).abs() < 0.15, "{hz} Hz: {after} of {expected}");
        assert!(slow(hz, axis) < 0.3 * before && stopped(hz, axis) < 0.3 * before, "{hz} Hz");
    }
    let lidar = idle(9.99, 2);
    assert!(
        lidar > 3.0
            && (slow(9.99, 2) / lidar - 1.0).abs() < 0.05
            && (stopped(9.99, 2) / lidar - 1.0).abs() < 0.05
    );
}

#[test]
fn lost_samples_leave_gaps_and_the_next_one_tells() {
    let lossy = ImuParams { dropped_share: 0.05, ..ImuParams::isa_100c() };
    let all = samples(&mut imu(&lossy, 3), |_| parked(), 5, 200_000);
    let whole = samples(&mut imu(&ImuParams::isa_100c(), 3), |_| parked(), 5, 200_000);
    let share = 1.0 - all.len() as f64 / whole.len() as f64;
    assert!((share / 0.05 - 1.0).abs() < 0.1, "{share}");
    for pair in all.windows(2) {
        let gap_ms = pair[1].measured_at.since(pair[0].measured_at).as_millis();
        assert!(gap_ms % 5 == 0 && (gap_ms > 5) == pair[1].after_gap, "{gap_ms} ms");
    }
    // What arrives is what was sent: the counters report what they counted in their own 5 ms.
    for sample in &all {
        let sent = whole[(sample.measured_at.as_ns() / 5_000_000) as usize - 1];
        assert_eq!((sample.angle_rad, sample.velocity_mps), (sent.angle_rad, sent.velocity_mps));
    }
}

#[test]
fn coning_is_a_drift_for_the_naive_sum_and_none_for_the_two_sample_algorithm() {
    // The axis z of the body runs round a cone of half angle 1° at 10 Hz.
    let (half_angle, turn) = (1.0 * DEG, std::f64::consts::TAU * 10.0);
    let coning = |t: f64| {
        let (sin, cos) = libm::sincos(turn * t);
        let (s, c) = libm::sincos(half_angle / 2.0);
        Truth { quaternion_wxyz: [c, s * cos, s * sin, 0.0], ..parked() }
    };
    let all =
        samples(&mut imu(&ImuParams { lever_arm_m: [0.0; 3], ..ImuParams::ideal() }, 1), coning, 1, 60_000);
    let seconds = all.len() as f64 * SAMPLE_S;
    let naive = all.iter().map(|sample| sample.angle_rad[2]).sum::<f64>() / seconds;
    let expected = turn * (1.0 - libm::cos(half_angle)); // ½Ωθ²
    let earth = Vector3::new(0.0, libm::cos(37.4 * DEG), libm::sin(37.4 * DEG)) * EARTH_RPS;
    let drift = naive - earth.z;
    assert!((drift.abs() / expected - 1.0).abs() < 0.01, "{} °/s", drift / DEG);
    assert!((expected / DEG - 0.548).abs() < 0.001);

    // Attitude in inertial axes from rotation vectors of two samples each, against the truth.
    let attitude = |t: f64| {
        let [w, x, y, z] = coning(t).quaternion_wxyz;
        UnitQuaternion::from_scaled_axis(earth * t)
            * UnitQuaternion::from_quaternion(Quaternion::new(w, x, y, z))
    };
    let mut found = attitude(0.0);
    for pair in all.chunks_exact(2) {
        let [a, b] = [0, 1].map(|k| Vector3::from(pair[k].angle_rad));
        found *= UnitQuaternion::from_scaled_axis(a + b + a.cross(&b) * (2.0 / 3.0));
    }
    let error = (attitude(seconds) * found.inverse()).angle() / seconds;
    println!(
        "½Ωθ² {} °/s; naive sum {} °/s, two samples {} °/h",
        expected / DEG,
        drift / DEG,
        error / DEG_PER_H
    );
    // Theory leaves (Ωh)⁴/480 of it for two samples in h = 10 ms: at 10 Hz 0.64 °/h of 1974.
    let theory = expected * (turn * 0.01f64).powi(4) / 480.0;
    assert!((error / theory - 1.0).abs() < 0.1, "{} °/h", error / DEG_PER_H);
}

#[test]
fn without_the_rarer_terms_nothing_of_them_is_left() {
    let zeros = AccelParams { bandwidth_order: 2, ..AccelParams::default() };
    let a = samples(&mut imu(&ImuParams { accel: zeros, ..ImuParams::ideal() }, 1), common::lively, 1, 2000);
    let b = samples(&mut imu(&ImuParams::ideal(), 1), common::lively, 1, 2000);
    assert_eq!(a, b);
}
