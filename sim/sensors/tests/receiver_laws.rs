//! What a GNSS/INS receiver must say, how wrong, and how late.

mod common;

use common::{circle, frame, lively, outputs, parked, quaternion, rms};
use nalgebra::{Matrix3, Rotation3, UnitQuaternion, Vector3};
use proptest::prelude::*;
use skidpad_geo::{EnuFrame, Geodetic, normal_gravity_mps2};
use skidpad_kernel::SimTime;
use skidpad_novatel::Inspvas;
use skidpad_sensors::{Aiding, GyroParams, ImuParams, Receiver, ReceiverOutput, ReceiverParams, Truth};
use std::time::Duration;

const EPOCH_UNIX_S: f64 = 1_500_000_000.0;
const SAMPLE_S: f64 = 0.005;

fn receiver(params: ReceiverParams, imu: ImuParams, seed: u64) -> Receiver {
    Receiver::new(params, imu, &frame(), EPOCH_UNIX_S, seed).unwrap()
}

fn ideal() -> Receiver {
    receiver(ReceiverParams::ideal(), ImuParams::ideal(), 1)
}

/// Position in the map's frame.
fn position(solution: &Inspvas) -> Vector3<f64> {
    let place =
        Geodetic { lat_deg: solution.lat_deg, lon_deg: solution.lon_deg, height_m: solution.height_m };
    Vector3::from(frame().to_enu(&place))
}

/// Only the receiver's own solution, one per 10 ms, each with its true motion.
fn solutions(
    receiver: &mut Receiver,
    motion: fn(f64) -> Truth,
    from_ms: u64,
    to_ms: u64,
) -> Vec<ReceiverOutput> {
    outputs(receiver, motion, 5, from_ms, to_ms).into_iter().map(|(_, output)| output).collect()
}

/// As Apollo's driver makes the attitude: Rz(−azimuth) · Rx(pitch) · Ry(roll) turns right, forward, up into
/// east, north, up.
fn apollo_attitude(solution: &Inspvas) -> UnitQuaternion<f64> {
    UnitQuaternion::from_axis_angle(&Vector3::z_axis(), -solution.azimuth_deg.to_radians())
        * UnitQuaternion::from_axis_angle(&Vector3::x_axis(), solution.pitch_deg.to_radians())
        * UnitQuaternion::from_axis_angle(&Vector3::y_axis(), solution.roll_deg.to_radians())
}

/// Columns: right, forward, up, in the axes of the map.
fn right_forward_up(truth: &Truth) -> Matrix3<f64> {
    let [w, x, y, z] = truth.quaternion_wxyz;
    let attitude = UnitQuaternion::new_unchecked(nalgebra::Quaternion::new(w, x, y, z));
    Matrix3::from_columns(&[attitude * -Vector3::y(), attitude * Vector3::x(), attitude * Vector3::z()])
}

#[test]
fn an_ideal_solution_is_the_truth() {
    for output in solutions(&mut ideal(), lively, 0, 20_000) {
        let truth = lively(output.measured_at.as_s());
        let solution = output.inspvas;
        assert!((position(&solution) - Vector3::from(truth.position_enu_m)).norm() < 1e-7);
        let axes = frame().axes_at(&frame().to_geodetic(truth.position_enu_m));
        for (axis, found) in [solution.east_mps, solution.north_mps, solution.up_mps].into_iter().enumerate()
        {
            let expected: f64 = (0..3).map(|i| axes[axis][i] * truth.velocity_enu_mps[i]).sum();
            assert!((found - expected).abs() < 1e-4, "{found} {expected}");
        }
        assert_eq!(solution.status, 3);
    }
}

proptest! {
    #[test]
    fn apollos_formula_gives_the_axes_of_the_vehicle(yaw in -3.2..3.2, pitch in -1.2..1.2, roll in -1.2..1.2) {
        let tilted = Truth { quaternion_wxyz: quaternion(yaw, pitch, roll), ..parked() };
        let mut receiver = ideal();
        let output = outputs(&mut receiver, |_| tilted, 5, 0, 15).pop().unwrap().1;
        let found = apollo_attitude(&output.inspvas).to_rotation_matrix().into_inner();
        prop_assert!((found - right_forward_up(&tilted)).norm() < 1e-12);
        prop_assert!((0.0..360.0).contains(&output.inspvas.azimuth_deg));
    }
}

#[test]
fn azimuth_is_clockwise_from_north_pitch_is_nose_up_and_roll_is_right_side_down() {
    let look = |yaw_deg: f64, pitch, roll| {
        let truth = Truth { quaternion_wxyz: quaternion(yaw_deg.to_radians(), pitch, roll), ..parked() };
        outputs(&mut ideal(), |_| truth, 5, 0, 15).pop().unwrap().1.inspvas
    };
    for (yaw_deg, azimuth_deg) in [(0.0, 90.0), (90.0, 0.0), (180.0, 270.0), (-90.0, 180.0), (60.0, 30.0)] {
        let found = look(yaw_deg, 0.0, 0.0).azimuth_deg;
        assert!(((found - azimuth_deg + 180.0).rem_euclid(360.0) - 180.0).abs() < 1e-9, "{found}");
    }
    assert!((look(0.0, -0.1, 0.0).pitch_deg - 0.1f64.to_degrees()).abs() < 1e-9);
    assert!((look(0.0, 0.0, 0.1).roll_deg - 0.1f64.to_degrees()).abs() < 1e-9);
}

#[test]
fn azimuth_is_from_the_true_north_of_where_the_car_is() {
    // 10 km east of the anchor the meridian leans west by Δλ·sin(lat).
    let far = Truth { position_enu_m: [10_000.0, 0.0, 0.0], ..parked() };
    let solution = outputs(&mut ideal(), |_| far, 5, 0, 15).pop().unwrap().1.inspvas;
    let convergence_deg = (solution.lon_deg - common::SUNNYVALE.lon_deg) * libm::sin(37.4f64.to_radians());
    assert!((solution.azimuth_deg - 90.0 - convergence_deg).abs() < 1e-5, "{}", solution.azimuth_deg);
    assert!(convergence_deg > 0.06);
}

#[test]
fn both_logs_carry_the_stamp_of_the_measurement_bit_for_bit() {
    let mut receiver = receiver(ReceiverParams::rtk_fixed(), ImuParams::datasheet(), 5);
    let mut expected_ms = 0;
    for (_, output) in outputs(&mut receiver, circle_20, 1, 0, 2000) {
        let (pva, imu) = (&output.inspvas, &output.corrimudatas);
        assert_eq!((pva.week, pva.seconds.to_bits()), (imu.week, imu.seconds.to_bits()));
        expected_ms += 10;
        assert_eq!(output.measured_at, SimTime::from_ms(expected_ms));
        // 1 500 000 000 s of Unix time are GPS week 1957, Friday 02:40:18.
        assert_eq!(pva.week, 1957);
        assert_eq!(pva.seconds, (441_618_000.0 + expected_ms as f64) / 1000.0);
    }
    assert_eq!(expected_ms, 1990);
}

#[test]
fn a_stamp_rolls_over_into_the_next_week() {
    let end_of_week = (1958.0 * 604_800.0) + 315_964_800.0 - 18.0;
    let mut receiver =
        Receiver::new(ReceiverParams::ideal(), ImuParams::ideal(), &frame(), end_of_week - 0.02, 1).unwrap();
    let stamps: Vec<(u32, f64)> = outputs(&mut receiver, |_| parked(), 5, 0, 45)
        .iter()
        .map(|(_, output)| (output.inspvas.week, (output.inspvas.seconds * 1e6).round() / 1e6))
        .collect();
    assert_eq!(stamps, [(1957, 604_799.99), (1958, 0.0), (1958, 0.01), (1958, 0.02)]);
}

#[test]
fn an_epoch_before_gps_time_is_refused() {
    let error = Receiver::new(ReceiverParams::ideal(), ImuParams::ideal(), &frame(), 0.0, 1).unwrap_err();
    assert!(error.to_string().starts_with("epoch_unix_s = 0: expected a Unix time from"), "{error}");
}

fn circle_20(t: f64) -> Truth {
    circle(t, 20.0, 8.0)
}

#[test]
fn corrected_increments_are_the_motion_alone() {
    let params = ImuParams { lever_arm_m: [0.0; 3], ..ImuParams::ideal() };
    let mut receiver = receiver(ReceiverParams::ideal(), params, 1);
    for output in solutions(&mut receiver, circle_20, 0, 5000) {
        let imu = output.corrimudatas;
        // Left turn: acceleration to the left is −x in right, forward, up.
        let velocity = Vector3::from(imu.velocity_mps) - Vector3::new(-8.0 * 8.0 / 20.0 * SAMPLE_S, 0.0, 0.0);
        let angle = Vector3::from(imu.angle_rad) - Vector3::new(0.0, 0.0, 0.4 * SAMPLE_S);
        assert!(velocity.amax() < 2e-4 * SAMPLE_S, "{imu:?}");
        assert!(angle.amax() < 1e-12, "{imu:?}");
    }
}

#[test]
fn corrected_increments_come_in_right_forward_up_order() {
    // Constant body rates about forward, left, up from a level start.
    let rates = [0.3, -0.2, 0.5];
    let spin = move |t: f64| {
        let turn = Vector3::from(rates) * t;
        let [x, y, z, w] = UnitQuaternion::from_scaled_axis(turn).coords.into();
        Truth { quaternion_wxyz: [w, x, y, z], body_rate_rps: rates, ..parked() }
    };
    let params = ImuParams { lever_arm_m: [0.0; 3], ..ImuParams::ideal() };
    let output = outputs(&mut receiver(ReceiverParams::ideal(), params, 1), spin, 1, 0, 200).pop().unwrap().1;
    for (found, expected) in output.corrimudatas.angle_rad.into_iter().zip([0.2, 0.3, 0.5]) {
        assert!((found / SAMPLE_S - expected).abs() < 1e-9, "{found}");
    }
}

#[test]
fn a_parked_cars_corrected_increments_show_only_what_the_filter_does_not_know() {
    let imu = ImuParams::datasheet();
    let tilt_drift_deg = 0.02;
    let quiet = ReceiverParams { tilt_drift_deg, ..ReceiverParams::rtk_fixed() };
    let mut accel = Vec::new();
    let mut gyro = Vec::new();
    for seed in 0..300 {
        let mut receiver = receiver(quiet.clone(), imu.clone(), seed);
        let all = solutions(&mut receiver, |_| parked(), 0, 2000);
        let mean = |pick: fn(&ReceiverOutput) -> f64| {
            all.iter().map(pick).sum::<f64>() / all.len() as f64 / SAMPLE_S
        };
        accel.push(mean(|output| output.corrimudatas.velocity_mps[0]));
        gyro.push(mean(|output| output.corrimudatas.angle_rad[2]));
    }
    // Mean of 200 samples of 5 ms: what is left of the random walk is N/√(1 s).
    let vrw = imu.accel.velocity_random_walk_mps_per_sqrt_h / 60.0;
    let arw = imu.gyro.angle_random_walk_deg_per_sqrt_h.to_radians() / 60.0;
    let leak = 9.8 * tilt_drift_deg.to_radians();
    let residual_accel = 0.2e-3 * 9.80665;
    let residual_gyro = 2f64.to_radians() / 3600.0;
    let expected_accel = rms([vrw, leak, residual_accel]) * f64::sqrt(3.0);
    let expected_gyro = rms([arw, residual_gyro]) * f64::sqrt(2.0);
    assert!((rms(accel.iter().copied()) / expected_accel - 1.0).abs() < 0.12, "{expected_accel}");
    assert!((rms(gyro.iter().copied()) / expected_gyro - 1.0).abs() < 0.12, "{expected_gyro}");
}

#[test]
fn errors_of_the_fixed_solution_scatter_over_runs_as_the_profile_says() {
    for (name, params) in [
        ("rtk_fixed", ReceiverParams::rtk_fixed()),
        ("rtk_float", ReceiverParams::rtk_float()),
        ("psr_diff", ReceiverParams::psr_diff()),
        ("single", ReceiverParams::single()),
    ] {
        let runs: Vec<Inspvas> = (0..1500)
            .map(|seed| {
                let mut receiver = receiver(params.clone(), ImuParams::ideal(), seed);
                solutions(&mut receiver, |_| parked(), 0, 25)[0].inspvas
            })
            .collect();
        let sigma = |pick: &dyn Fn(&Inspvas) -> f64| rms(runs.iter().map(pick));
        let all = |parts: &[f64]| parts.iter().map(|part| part * part).sum::<f64>().sqrt();
        for (found, expected) in [
            (
                sigma(&|s| position(s).x),
                all(&[
                    params.position_white_horizontal_m,
                    params.position_drift_horizontal_m,
                    params.multipath_horizontal_m,
                ]),
            ),
            (
                sigma(&|s| position(s).z),
                all(&[
                    params.position_white_vertical_m,
                    params.position_drift_vertical_m,
                    params.multipath_vertical_m,
                ]),
            ),
            (sigma(&|s| s.north_mps), all(&[params.velocity_white_mps, params.velocity_drift_mps])),
            (sigma(&|s| s.roll_deg), params.tilt_drift_deg),
            (sigma(&|s| s.azimuth_deg - 90.0), params.azimuth_drift_deg),
        ] {
            assert!((found / expected - 1.0).abs() < 0.07, "{name}: {found} {expected}");
        }
    }
}

#[test]
fn white_noise_is_new_in_each_solution_and_drift_is_not() {
    let mut params = ReceiverParams::ideal();
    params.position_white_horizontal_m = 0.004;
    let white: Vec<f64> = solutions(&mut receiver(params, ImuParams::ideal(), 2), |_| parked(), 0, 100_000)
        .iter()
        .map(|output| position(&output.inspvas).x)
        .collect();
    let correlation = |values: &[f64], lag: usize| {
        values.iter().zip(&values[lag..]).map(|(a, b)| a * b).sum::<f64>()
            / values.iter().map(|a| a * a).sum::<f64>()
    };
    assert!((rms(white.iter().copied()) / 0.004 - 1.0).abs() < 0.03);
    assert!(correlation(&white, 1).abs() < 0.03);
    let mut params = ReceiverParams::ideal();
    params.position_drift_horizontal_m = 0.008;
    params.position_correlation_s = 4.0;
    let drift: Vec<f64> = solutions(&mut receiver(params, ImuParams::ideal(), 2), |_| parked(), 0, 600_000)
        .iter()
        .map(|output| position(&output.inspvas).x)
        .collect();
    assert!(correlation(&drift, 1) > 0.99);
    assert!((correlation(&drift, 400) - libm::exp(-1.0)).abs() < 0.1, "{}", correlation(&drift, 400));
}

/// Rms over seeds of the horizontal error per axis at the end of an outage of `outage_s`, m.
fn outage_error_m(
    params: &ReceiverParams,
    imu: &ImuParams,
    outage_s: u64,
    runs: u64,
    motion: fn(f64) -> Truth,
) -> f64 {
    let start = Duration::from_secs(1);
    let mut errors = Vec::new();
    for seed in 0..runs {
        let mut receiver = receiver(params.clone(), imu.clone(), seed);
        solutions(&mut receiver, motion, 0, 1000);
        receiver.begin_outage(SimTime::ZERO + start, Duration::from_secs(outage_s));
        let end_ms = 1000 + outage_s * 1000;
        let last = solutions(&mut receiver, motion, 1000, end_ms + 5).pop().unwrap();
        assert_eq!(receiver.aiding(), Aiding::Unaided);
        let error = position(&last.inspvas) - Vector3::from(motion(last.measured_at.as_s()).position_enu_m);
        errors.extend([error.x, error.y]);
    }
    rms(errors)
}

/// The sum of squares of ½gθt², vt, ½bt², g·b_g·t³/6, gN√(t⁵/20), VRW√(t³/3).
fn closed_form_m(params: &ReceiverParams, imu: &ImuParams, t: f64) -> f64 {
    let g = normal_gravity_mps2(37.4, 0.0);
    let per_sqrt_s = 1.0 / 60.0;
    let terms = [
        0.5 * g * params.tilt_drift_deg.to_radians() * t * t,
        params.velocity_drift_mps * t,
        0.5 * params.residual_accel_bias_mg * 1e-3 * 9.80665 * t * t,
        g * (params.residual_gyro_bias_deg_per_h / 3600.0).to_radians() * t * t * t / 6.0,
        g * (imu.gyro.angle_random_walk_deg_per_sqrt_h * per_sqrt_s).to_radians() * (t.powi(5) / 20.0).sqrt(),
        imu.accel.velocity_random_walk_mps_per_sqrt_h * per_sqrt_s * (t.powi(3) / 3.0).sqrt(),
        params.position_drift_horizontal_m,
    ];
    terms.iter().map(|term| term * term).sum::<f64>().sqrt()
}

#[test]
fn in_an_outage_the_error_grows_as_an_unaided_inertial_systems() {
    let mems = ReceiverParams::rtk_fixed();
    // A filter learns the better unit better.
    let fog = ReceiverParams {
        residual_gyro_bias_deg_per_h: 0.5,
        residual_accel_bias_mg: 0.1,
        tilt_drift_deg: 0.01,
        ..mems.clone()
    };
    for (name, params, imu, outage_s, table_m) in [
        ("ADIS16488", &mems, ImuParams::datasheet(), 10, 0.29),
        ("ADIS16488", &mems, ImuParams::datasheet(), 60, 9.6),
        ("KVH", &fog, ImuParams::kvh(), 10, 0.22),
        ("KVH", &fog, ImuParams::kvh(), 60, 4.0),
    ] {
        let expected = closed_form_m(params, &imu, outage_s as f64);
        let found = outage_error_m(params, &imu, outage_s, 150, |_| parked());
        let ratio = found / expected;
        println!(
            "{name}, {outage_s} s without satellites: {found:.2} m rms of 150 runs, closed form {expected:.2} m, \
             ratio {ratio:.2}"
        );
        assert!((1.0 / 1.3..1.3).contains(&ratio), "{name}, {outage_s} s: {found} {expected}");
        assert!((expected / table_m - 1.0).abs() < 0.1, "{name}: {expected} {table_m}");
    }
}

#[test]
fn each_term_of_the_outage_error_follows_its_own_law() {
    let g = normal_gravity_mps2(37.4, 0.0);
    let none = ReceiverParams { reacquisition_s: 1.0, ..ReceiverParams::ideal() };
    let slow = |params: ReceiverParams| ReceiverParams {
        velocity_correlation_s: 1e6,
        attitude_correlation_s: 1e6,
        ..params
    };
    let walk = GyroParams { angle_random_walk_deg_per_sqrt_h: 0.3, ..GyroParams::default() };
    for (name, params, imu, expected) in [
        (
            "tilt",
            slow(ReceiverParams { tilt_drift_deg: 0.1, ..none.clone() }),
            ImuParams::ideal(),
            0.5 * g * 0.1f64.to_radians() * 400.0,
        ),
        (
            "velocity",
            slow(ReceiverParams { velocity_drift_mps: 0.5, ..none.clone() }),
            ImuParams::ideal(),
            0.5 * 20.0,
        ),
        (
            "accelerometer bias",
            ReceiverParams { residual_accel_bias_mg: 1.0, ..none.clone() },
            ImuParams::ideal(),
            0.5 * 9.80665e-3 * 400.0,
        ),
        (
            "gyroscope bias",
            ReceiverParams { residual_gyro_bias_deg_per_h: 20.0, ..none.clone() },
            ImuParams::ideal(),
            g * (20.0 / 3600.0f64).to_radians() * 8000.0 / 6.0,
        ),
        (
            "angle random walk",
            none.clone(),
            ImuParams { gyro: walk, ..ImuParams::ideal() },
            g * (0.3f64 / 60.0).to_radians() * (20f64.powi(5) / 20.0).sqrt(),
        ),
    ] {
        let found = outage_error_m(&params, &imu, 20, 400, |_| parked());
        assert!((found / expected - 1.0).abs() < 0.12, "{name}: {found} {expected}");
    }
}

#[test]
fn an_ideal_inertial_system_survives_an_outage() {
    let mut receiver = ideal();
    receiver.begin_outage(SimTime::ZERO, Duration::from_secs(60));
    for output in solutions(&mut receiver, lively, 0, 60_000) {
        let truth = lively(output.measured_at.as_s());
        assert!((position(&output.inspvas) - Vector3::from(truth.position_enu_m)).norm() < 1e-6);
    }
}

#[test]
fn an_outage_begins_without_a_jump_and_its_error_fades_after_the_satellites_return() {
    let params = ReceiverParams {
        position_white_horizontal_m: 0.0,
        position_white_vertical_m: 0.0,
        quick_refix_s: 20.0,
        ..ReceiverParams::rtk_fixed()
    };
    let mut receiver = receiver(params, ImuParams::datasheet(), 8);
    let mut errors = Vec::new(); // one per 10 ms, from 10 ms
    let mut follow = |receiver: &mut Receiver, from_ms, to_ms| {
        errors.extend(solutions(receiver, circle_20, from_ms, to_ms).iter().map(|output| {
            position(&output.inspvas) - Vector3::from(circle_20(output.measured_at.as_s()).position_enu_m)
        }));
    };
    follow(&mut receiver, 0, 5000);
    assert_eq!(receiver.aiding(), Aiding::Fixed);
    receiver.begin_outage(SimTime::from_ms(5000), Duration::from_secs(20));
    follow(&mut receiver, 5000, 25_900);
    assert_eq!(receiver.aiding(), Aiding::Unaided, "reacquisition takes a second");
    follow(&mut receiver, 25_900, 40_000);
    assert_eq!(receiver.aiding(), Aiding::Refixing);
    follow(&mut receiver, 40_000, 120_000);
    assert_eq!(receiver.aiding(), Aiding::Fixed);
    let largest_step = errors.windows(2).map(|w| (w[1] - w[0]).norm()).fold(0.0, f64::max);
    assert!(largest_step < 0.01, "{largest_step}");
    let at = |ms: usize| errors[ms / 10 - 1].norm();
    let gained = at(26_000);
    assert!(gained > 0.3, "{gained}");
    // The time constant is 5 s; the fixed solution wanders by centimetres.
    assert!((at(31_000) - gained * libm::exp(-1.0)).abs() < 0.08, "{} of {gained}", at(31_000));
    assert!(at(80_000) < 0.06);
}

#[test]
fn a_second_outage_prolongs_the_first() {
    let mut receiver = receiver(ReceiverParams::rtk_fixed(), ImuParams::datasheet(), 8);
    solutions(&mut receiver, |_| parked(), 0, 1000);
    receiver.begin_outage(SimTime::from_ms(1000), Duration::from_secs(5));
    receiver.begin_outage(SimTime::from_ms(1000), Duration::from_secs(1));
    solutions(&mut receiver, |_| parked(), 1000, 6900);
    assert_eq!(receiver.aiding(), Aiding::Unaided);
    receiver.begin_outage(SimTime::from_ms(6900), Duration::from_secs(1));
    solutions(&mut receiver, |_| parked(), 6900, 8800);
    assert_eq!(receiver.aiding(), Aiding::Unaided);
    solutions(&mut receiver, |_| parked(), 8800, 9000);
    assert_eq!(receiver.aiding(), Aiding::Refixing);
}

#[test]
fn a_long_outage_raises_the_status_to_high_variance_and_the_fix_lowers_it() {
    let params = ReceiverParams { high_variance_azimuth_deg: 0.1, ..ReceiverParams::rtk_fixed() };
    let mut receiver = receiver(params, ImuParams::datasheet(), 8);
    receiver.begin_outage(SimTime::ZERO, Duration::from_secs(120));
    let statuses: Vec<u32> = solutions(&mut receiver, |_| parked(), 0, 200_000)
        .iter()
        .map(|output| output.inspvas.status)
        .collect();
    let first = statuses.iter().position(|status| *status == 2).unwrap();
    // 0.08² + (2/3600·t)² + (0.3/60)²·t = 0.1² has its root at t = 74.8 s.
    assert!((first as f64 * 0.01 - 74.8).abs() < 0.1, "{first}");
    assert_eq!(statuses[12_000], 2);
    assert_eq!(*statuses.last().unwrap(), 3);
}

#[test]
fn latency_is_exact_and_its_jitter_is_bounded() {
    let fixed = ReceiverParams { latency_s: 0.007, ..ReceiverParams::ideal() };
    for (arrived_at, output) in outputs(&mut receiver(fixed, ImuParams::ideal(), 1), |_| parked(), 1, 0, 500)
    {
        assert_eq!(arrived_at.since(output.measured_at), Duration::from_millis(7));
    }
    let mut seen = [0; 11];
    let mut rtk = receiver(ReceiverParams::rtk_fixed(), ImuParams::ideal(), 1);
    for (arrived_at, output) in outputs(&mut rtk, |_| parked(), 1, 0, 10_000) {
        seen[arrived_at.since(output.measured_at).as_millis() as usize] += 1;
    }
    assert_eq!(seen[..6], [0; 6], "5 ms and a part of one, seen at the next millisecond");
    assert!(seen[6..].iter().all(|count| (150..250).contains(count)), "{seen:?}");
}

#[test]
fn messages_never_overtake_each_other() {
    let wild = ReceiverParams { latency_s: 0.0, latency_jitter_s: 0.1, ..ReceiverParams::ideal() };
    let all = outputs(&mut receiver(wild, ImuParams::ideal(), 1), |_| parked(), 1, 0, 5000);
    assert!(all.len() > 480);
    assert!(all.windows(2).all(|pair| pair[0].1.measured_at < pair[1].1.measured_at));
}

#[test]
fn in_silence_nothing_arrives_and_navigation_goes_on() {
    let latency = ReceiverParams { latency_s: 0.007, ..ReceiverParams::ideal() };
    let mut receiver = receiver(latency, ImuParams::ideal(), 1);
    let before = outputs(&mut receiver, circle_20, 1, 0, 500);
    receiver.silence(SimTime::from_ms(500), Duration::from_millis(200));
    let after = outputs(&mut receiver, circle_20, 1, 500, 1000);
    assert_eq!(before.last().unwrap().1.measured_at, SimTime::from_ms(490));
    assert_eq!(after[0].0, SimTime::from_ms(707), "the one of 690 ms would have come at 697 ms");
    assert_eq!(after[0].1.measured_at, SimTime::from_ms(700));
    let truth = circle_20(0.7);
    assert!((position(&after[0].1.inspvas) - Vector3::from(truth.position_enu_m)).norm() < 1e-7);
}

#[test]
fn re_rating_one_error_leaves_the_others_as_they_were() {
    let run = |params: ReceiverParams| {
        solutions(&mut receiver(params, ImuParams::datasheet(), 4), |_| parked(), 0, 2000)
    };
    let base = run(ReceiverParams::rtk_fixed());
    let louder = run(ReceiverParams {
        position_white_horizontal_m: 1.0,
        azimuth_drift_deg: 0.0,
        latency_jitter_s: 0.0,
        ..ReceiverParams::rtk_fixed()
    });
    for (a, b) in base.iter().zip(&louder) {
        let (p, q) = (&a.inspvas, &b.inspvas);
        assert_ne!(p.lat_deg, q.lat_deg);
        assert_ne!(p.azimuth_deg, q.azimuth_deg);
        assert_eq!((p.north_mps, p.east_mps, p.up_mps), (q.north_mps, q.east_mps, q.up_mps));
        assert!((p.height_m - q.height_m).abs() < 1e-5, "only the curvature of the Earth");
        assert!((p.roll_deg - q.roll_deg).abs() < 1e-4, "rotations do not quite commute");
        assert!((a.corrimudatas.velocity_mps[0] - b.corrimudatas.velocity_mps[0]).abs() < 1e-7);
    }
}

#[test]
fn the_same_seed_gives_the_same_bits_and_another_seed_does_not() {
    let run = |seed| {
        let mut receiver = receiver(ReceiverParams::rtk_fixed(), ImuParams::datasheet(), seed);
        let mut all = outputs(&mut receiver, lively, 1, 0, 1000);
        receiver.begin_outage(SimTime::from_ms(1000), Duration::from_secs(1));
        all.extend(outputs(&mut receiver, lively, 1, 1000, 5000));
        all
    };
    assert_eq!(run(1), run(1));
    assert_ne!(run(1), run(2));
}

#[test]
fn the_step_of_observation_does_not_matter_to_a_parked_car() {
    let run = |step_ms| {
        let mut receiver = receiver(ReceiverParams::rtk_fixed(), ImuParams::datasheet(), 3);
        let all = outputs(&mut receiver, |_| parked(), step_ms, 0, 1000);
        all.into_iter().map(|(_, output)| output.inspvas).collect::<Vec<_>>()
    };
    assert_eq!(run(1)[..90], run(5)[..90]);
}

#[test]
fn a_car_in_the_southern_hemisphere_or_beyond_the_date_line_is_found_where_it_is() {
    for (lat_deg, lon_deg) in [(-33.9, 151.2), (51.5, -0.1), (-17.0, 179.9999)] {
        let frame = EnuFrame::new(Geodetic { lat_deg, lon_deg, height_m: 50.0 }).unwrap();
        let mut receiver =
            Receiver::new(ReceiverParams::ideal(), ImuParams::ideal(), &frame, EPOCH_UNIX_S, 1).unwrap();
        let east = Truth { position_enu_m: [100.0, 0.0, 0.0], ..parked() };
        let solution = outputs(&mut receiver, |_| east, 5, 0, 15).pop().unwrap().1.inspvas;
        let place =
            Geodetic { lat_deg: solution.lat_deg, lon_deg: solution.lon_deg, height_m: solution.height_m };
        let found = Vector3::from(frame.to_enu(&place));
        assert!((found - Vector3::new(100.0, 0.0, 0.0)).norm() < 1e-6, "{found:?}");
    }
}

#[test]
fn profiles_are_valid_and_a_wrong_one_is_refused() {
    let (ideal, fixed) = (ReceiverParams::ideal(), ReceiverParams::rtk_fixed());
    for profile in [ideal, fixed, ReceiverParams::rtk_float(), ReceiverParams::single()] {
        profile.validate().unwrap();
    }
    let fast = ReceiverParams { position_correlation_s: 0.01, ..ReceiverParams::rtk_fixed() };
    assert_eq!(
        fast.validate().unwrap_err().to_string(),
        "position_correlation_s = 0.01: expected 1 to 1000000 s"
    );
}

#[test]
fn the_attitude_error_is_a_rotation() {
    // A strong outage of a turning car: whatever the error, the angles stay those of a rotation.
    let mut receiver = receiver(ReceiverParams::rtk_fixed(), ImuParams::datasheet(), 1);
    receiver.begin_outage(SimTime::ZERO, Duration::from_secs(100));
    for output in solutions(&mut receiver, circle_20, 0, 60_000) {
        let found: Rotation3<f64> = apollo_attitude(&output.inspvas).into();
        let truth = right_forward_up(&circle_20(output.measured_at.as_s()));
        let angle = (found.matrix() * truth.transpose()).trace();
        assert!(((angle - 1.0) / 2.0).min(1.0).acos().to_degrees() < 1.5);
    }
}
