//! What an IMU must show, by physics and by its data sheet.

mod common;

use common::{allan, circle, frame, lively, parked, quaternion, rms, samples};
use skidpad_geo::{EnuFrame, Geodetic, normal_gravity_mps2};
use skidpad_sensors::{AccelParams, GyroParams, Imu, ImuParams, ImuSample, Truth};

const SAMPLE_S: f64 = 0.005;
const EARTH_RATE_RPS: f64 = 7.292115e-5;

fn with(gyro: GyroParams, accel: AccelParams) -> ImuParams {
    ImuParams { gyro, accel, ..ImuParams::ideal() }
}

fn at_origin(params: ImuParams) -> ImuParams {
    ImuParams { lever_arm_m: [0.0; 3], ..params }
}

fn imu(params: &ImuParams, seed: u64) -> Imu {
    Imu::new(params, &frame(), seed).unwrap()
}

fn rate(sample: &ImuSample) -> [f64; 3] {
    sample.angle_rad.map(|increment| increment / SAMPLE_S)
}

fn force(sample: &ImuSample) -> [f64; 3] {
    sample.velocity_mps.map(|increment| increment / SAMPLE_S)
}

fn assert_close(got: [f64; 3], expected: [f64; 3], tolerance: f64) {
    for axis in 0..3 {
        assert!(
            (got[axis] - expected[axis]).abs() < tolerance,
            "axis {axis}: got {got:?}, expected {expected:?}"
        );
    }
}

#[test]
fn at_rest_the_gyroscopes_show_the_earth_rate_of_the_latitude() {
    for lat_deg in [0.0, 37.4, -60.0, 89.0] {
        let frame = EnuFrame::new(Geodetic { lat_deg, lon_deg: 10.0, height_m: 0.0 }).unwrap();
        let mut imu = Imu::new(&ImuParams::ideal(), &frame, 1).unwrap();
        // Facing north: x is north, y west.
        let north = Truth { quaternion_wxyz: quaternion(std::f64::consts::FRAC_PI_2, 0.0, 0.0), ..parked() };
        let sample = samples(&mut imu, |_| north, 1, 5)[0];
        let (sin, cos) = libm::sincos(lat_deg.to_radians());
        assert_close(rate(&sample), [EARTH_RATE_RPS * cos, 0.0, EARTH_RATE_RPS * sin], 1e-12);
    }
}

#[test]
fn at_rest_the_accelerometers_show_gravity_by_the_latitude_and_height_of_the_imu() {
    for (lat_deg, height_m) in [(0.0, 0.0), (37.4, 0.0), (37.4, 1000.0), (-75.0, 20.0)] {
        let frame = EnuFrame::new(Geodetic { lat_deg, lon_deg: -122.0, height_m }).unwrap();
        let mut imu = Imu::new(&at_origin(ImuParams::ideal()), &frame, 1).unwrap();
        let nose_up = Truth { quaternion_wxyz: quaternion(0.3, -0.2, 0.0), ..parked() };
        let sample = samples(&mut imu, |_| nose_up, 1, 5)[0];
        let gravity = normal_gravity_mps2(lat_deg, height_m);
        assert_close(force(&sample), [gravity * libm::sin(0.2), 0.0, gravity * libm::cos(0.2)], 1e-10);
    }
}

#[test]
fn an_imu_ten_metres_up_a_mast_weighs_less_by_the_free_air_gradient() {
    let on_mast = ImuParams { lever_arm_m: [0.0, 0.0, 10.0], ..ImuParams::ideal() };
    let [_, _, up] = force(&samples(&mut imu(&on_mast, 1), |_| parked(), 1, 5)[0]);
    let [_, _, below] = force(&samples(&mut imu(&at_origin(ImuParams::ideal()), 1), |_| parked(), 1, 5)[0]);
    // The rest is the centrifugal force of the Earth.
    assert!(((below - up) / (10.0 * 3.086e-6) - 1.0).abs() < 0.01, "{}", below - up);
}

#[test]
fn ten_kilometres_from_the_anchor_gravity_follows_the_true_vertical() {
    let mut imu = imu(&ImuParams::ideal(), 1);
    let far_east = Truth { position_enu_m: [10_000.0, 0.0, 0.0], ..parked() };
    let [x, y, z] = force(&samples(&mut imu, |_| far_east, 1, 5)[0]);
    // The vertical leans east by the arc 10 km / 6386 km (prime vertical), so weight pulls west.
    assert!((x / z - 10_000.0 / 6_386_000.0).abs() < 2e-7, "{}", x / z);
    assert!(y.abs() < 1e-4);
}

#[test]
fn on_a_circle_the_lever_arm_adds_its_own_centripetal_acceleration() {
    let (radius, speed) = (20.0, 8.0);
    let rate_rps = speed / radius;
    let (forward, left) = (1.5, -0.4);
    let params = ImuParams { lever_arm_m: [forward, left, 0.7], ..ImuParams::ideal() };
    let mut imu = imu(&params, 1);
    let all = samples(&mut imu, |t| circle(t, radius, speed), 1, 1000);
    let gravity = normal_gravity_mps2(37.4, -3.0);
    // Towards the centre: ω²R less ω² times the arm; the Earth's rotation adds 2Ω×v of about 1 mm/s².
    let expected = [-rate_rps * rate_rps * forward, rate_rps * rate_rps * (radius - left), gravity];
    for sample in &all {
        assert_close(force(sample), expected, 1.5e-3);
        assert!((rate(sample)[2] - rate_rps).abs() < 1.01 * EARTH_RATE_RPS);
    }
    // 2Ω×v turns with the car, so over a whole turn only its constant part stays: 2·Ω·sin(lat)·v.
    let turn = (std::f64::consts::TAU / rate_rps / SAMPLE_S).round() as usize;
    let all = samples(&mut self::imu(&params, 1), |t| circle(t, radius, speed), 1, turn as u64 * 5);
    let mean: [f64; 3] = std::array::from_fn(|axis| {
        all.iter().map(|sample| force(sample)[axis]).sum::<f64>() / all.len() as f64
    });
    let coriolis = 2.0 * EARTH_RATE_RPS * libm::sin(37.4f64.to_radians()) * (speed - rate_rps * left);
    // Everywhere on the circle the true vertical leans away from the one at its centre.
    let lean = gravity * radius / 6.37e6;
    let found = mean[1] - expected[1];
    assert!((found - (coriolis - lean)).abs() < 2e-6, "{found} {coriolis} {lean}");
}

#[test]
fn spinning_up_the_lever_arm_adds_its_tangential_acceleration() {
    let (alpha, arm) = (2.0, 0.8);
    let params = ImuParams { lever_arm_m: [arm, 0.0, 0.0], ..ImuParams::ideal() };
    let spin = |t: f64| Truth {
        quaternion_wxyz: quaternion(0.5 * alpha * t * t, 0.0, 0.0),
        body_rate_rps: [0.0, 0.0, alpha * t],
        ..parked()
    };
    let all = samples(&mut imu(&params, 1), spin, 1, 500);
    for sample in &all {
        let [x, y, _] = force(sample);
        let middle = sample.measured_at.as_s() - SAMPLE_S / 2.0;
        assert!((y - alpha * arm).abs() < 1e-3, "{y}");
        assert!((x + alpha * middle * alpha * middle * arm).abs() < 1e-3, "{x}");
    }
}

#[test]
fn a_fall_is_weightless() {
    let fall = |t: f64| {
        let g = normal_gravity_mps2(37.4, -3.0);
        Truth {
            position_enu_m: [0.0, 0.0, -0.5 * g * t * t],
            velocity_enu_mps: [0.0, 0.0, -g * t],
            ..parked()
        }
    };
    let all = samples(&mut imu(&ImuParams::ideal(), 1), fall, 1, 500);
    for sample in &all {
        assert_close(force(sample), [0.0; 3], 1e-3); // 2Ω×v at 5 m/s is 0.6 mm/s²
    }
}

#[test]
fn a_blow_is_felt_as_the_change_of_velocity() {
    let blow = |t: f64| Truth {
        velocity_enu_mps: if t < 0.0515 { [5.0, 0.0, 0.0] } else { [2.0, 0.0, 0.0] },
        ..parked()
    };
    let all = samples(&mut imu(&at_origin(ImuParams::ideal()), 1), blow, 1, 100);
    let sum: f64 = all.iter().map(|sample| sample.velocity_mps[0]).sum();
    assert!((sum + 3.0).abs() < 1e-4, "{sum}");
}

#[test]
fn allan_deviation_recovers_the_random_walks_of_the_data_sheet() {
    let data_sheet = ImuParams::datasheet();
    let mut imu = imu(&data_sheet, 42);
    let all = samples(&mut imu, |_| parked(), 5, 600_000);
    let arw = data_sheet.gyro.angle_random_walk_deg_per_sqrt_h.to_radians() / 60.0;
    let vrw = data_sheet.accel.velocity_random_walk_mps_per_sqrt_h / 60.0;
    for (values, walk) in [
        (all.iter().map(|sample| rate(sample)[0]).collect::<Vec<_>>(), arw),
        (all.iter().map(|sample| rate(sample)[2]).collect(), arw),
        (all.iter().map(|sample| force(sample)[1]).collect(), vrw),
    ] {
        let (tenth, one) = (allan(&values, 20), allan(&values, 200));
        assert!((tenth * f64::sqrt(0.1) / walk - 1.0).abs() < 0.03, "{}", tenth * f64::sqrt(0.1) / walk);
        assert!((one / walk - 1.0).abs() < 0.07, "{}", one / walk);
    }
}

#[test]
fn turn_on_biases_scatter_over_runs_as_the_data_sheet_says() {
    let gyro = GyroParams { turn_on_bias_deg_per_h: 100.0, ..GyroParams::default() };
    let accel = AccelParams { turn_on_bias_mg: 5.0, ..AccelParams::default() };
    let params = with(gyro, accel);
    let runs = || (0..1000).map(|seed| samples(&mut imu(&params, seed), |_| parked(), 5, 5)[0]);
    let gyro_sigma = rms(runs().map(|sample| rate(&sample)[0]));
    let accel_sigma = rms(runs().map(|sample| force(&sample)[0]));
    assert!((gyro_sigma / (100.0f64.to_radians() / 3600.0) - 1.0).abs() < 0.07, "{gyro_sigma}");
    assert!((accel_sigma / (5e-3 * 9.80665) - 1.0).abs() < 0.07, "{accel_sigma}");
    let mut one = imu(&params, 3);
    let all = samples(&mut one, |_| parked(), 5, 1000);
    assert!(all.iter().all(|sample| (sample.angle_rad[0] - all[0].angle_rad[0]).abs() < 1e-15));
}

#[test]
fn scale_factor_and_misalignment_act_in_proportion_to_the_input() {
    let gyro = GyroParams { scale_factor_ppm: 1000.0, misalignment_mrad: 1.0, ..GyroParams::default() };
    let params = at_origin(with(gyro, AccelParams::default()));
    let turning = |rate_rps: f64| {
        let spin = move |t: f64| Truth {
            quaternion_wxyz: quaternion(rate_rps * t, 0.0, 0.0),
            body_rate_rps: [0.0, 0.0, rate_rps],
            ..parked()
        };
        rate(&samples(&mut imu(&params, 5), spin, 1, 5)[0])
    };
    let (still, slow, fast) = (turning(0.0), turning(0.5), turning(1.0));
    let error = |measured: [f64; 3], rate_rps: f64| {
        [measured[0] - still[0], measured[1] - still[1], measured[2] - still[2] - rate_rps]
    };
    let (slow, fast) = (error(slow, 0.5), error(fast, 1.0));
    assert!(fast.iter().all(|e| e.abs() > 1e-5 && e.abs() < 5e-3), "{fast:?}");
    assert_close(slow, fast.map(|e| e / 2.0), 1e-9);
}

#[test]
fn quantised_increments_are_whole_counts_and_lose_nothing() {
    let quantum = 1e-4;
    let accel = AccelParams { quantisation_mps: quantum, ..AccelParams::default() };
    let coarse = samples(&mut imu(&with(GyroParams::default(), accel), 1), lively, 1, 10_000);
    let exact = samples(&mut imu(&ImuParams::ideal(), 1), lively, 1, 10_000);
    for axis in 0..3 {
        let mut difference = 0.0;
        for (coarse, exact) in coarse.iter().zip(&exact) {
            let counts = coarse.velocity_mps[axis] / quantum;
            assert!((counts - counts.round()).abs() < 1e-6);
            difference += coarse.velocity_mps[axis] - exact.velocity_mps[axis];
            assert!(difference.abs() <= 0.500001 * quantum);
        }
    }
}

#[test]
fn beyond_its_range_a_sensor_saturates() {
    let gyro = GyroParams { range_deg_per_s: Some(20.0), ..GyroParams::default() };
    let spin = |t: f64| Truth {
        quaternion_wxyz: quaternion(-t, 0.0, 0.0),
        body_rate_rps: [0.0, 0.0, -1.0],
        ..parked()
    };
    let sample = samples(&mut imu(&at_origin(with(gyro, AccelParams::default())), 1), spin, 1, 5)[0];
    assert!((rate(&sample)[2] + 20.0f64.to_radians()).abs() < 1e-12);
}

#[test]
fn turning_one_noise_term_on_or_off_leaves_the_others_as_they_were() {
    let white = GyroParams { angle_random_walk_deg_per_sqrt_h: 0.3, ..GyroParams::default() };
    let bias =
        GyroParams { in_run_bias_deg_per_h: 10.0, in_run_correlation_s: 100.0, ..GyroParams::default() };
    let both = GyroParams {
        angle_random_walk_deg_per_sqrt_h: 0.3,
        in_run_bias_deg_per_h: 10.0,
        in_run_correlation_s: 100.0,
        ..GyroParams::default()
    };
    let drive =
        |gyro: GyroParams| samples(&mut imu(&with(gyro, AccelParams::default()), 9), |_| parked(), 5, 5000);
    let (none, white, bias, both) = (drive(GyroParams::default()), drive(white), drive(bias), drive(both));
    for k in 0..none.len() {
        let of = |all: &[ImuSample]| all[k].angle_rad[1] - none[k].angle_rad[1];
        assert!(of(&white) != 0.0 && of(&bias) != 0.0);
        assert!((of(&both) - of(&white) - of(&bias)).abs() < 1e-16);
    }
    // The accelerometers never heard of it.
    assert!(none.iter().zip(&both).all(|(a, b)| a.velocity_mps == b.velocity_mps));
}

#[test]
fn the_same_seed_gives_the_same_bits_and_another_seed_does_not() {
    let run = |seed| samples(&mut imu(&ImuParams::datasheet(), seed), lively, 1, 2000);
    assert_eq!(run(1), run(1));
    assert_ne!(run(1), run(2));
}

#[test]
fn a_clone_of_an_imu_continues_as_the_original() {
    let mut imu = imu(&ImuParams::datasheet(), 3);
    samples(&mut imu, lively, 1, 1234);
    let mut copy = imu.clone();
    for ms in 1235..2000 {
        let now = skidpad_kernel::SimTime::from_ms(ms);
        assert_eq!(imu.observe(now, &lively(now.as_s())), copy.observe(now, &lively(now.as_s())));
    }
}

#[test]
fn presets_are_valid_and_a_wrong_one_is_refused() {
    for preset in [ImuParams::ideal(), ImuParams::datasheet(), ImuParams::kvh()] {
        preset.validate().unwrap();
    }
    let mut broken = ImuParams::datasheet();
    broken.gyro.in_run_bias_deg_per_h = f64::NAN;
    let message = Imu::new(&broken, &frame(), 1).unwrap_err().to_string();
    assert_eq!(message, "gyro.in_run_bias_deg_per_h = NaN: expected 0 to 36000 °/h");
}
