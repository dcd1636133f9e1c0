//! What fix the receiver has and says it has, when, and whether its own doubts are right.

mod common;

use common::{circle, frame, outputs, parked, rms};
use nalgebra::Vector3;
use skidpad_geo::Geodetic;
use skidpad_kernel::SimTime;
use skidpad_novatel::{InsStatus, Inspvas};
use skidpad_sensors::{
    Aiding, FixType, GnssSolution, ImuParams, Receiver, ReceiverOutput, ReceiverParams, Start, Truth,
};
use std::time::Duration;

fn receiver(params: ReceiverParams, seed: u64) -> Receiver {
    Receiver::new(params, ImuParams::datasheet(), &frame(), 1_500_000_000.0, seed).unwrap()
}

fn run(receiver: &mut Receiver, motion: fn(f64) -> Truth, from_s: u64, to_s: u64) -> Vec<ReceiverOutput> {
    outputs(receiver, motion, 5, from_s * 1000, to_s * 1000).into_iter().map(|(_, output)| output).collect()
}

fn drive(t: f64) -> Truth {
    circle(t, 30.0, 8.0)
}

fn place(lat_deg: f64, lon_deg: f64, height_m: f64) -> Vector3<f64> {
    Vector3::from(frame().to_enu(&Geodetic { lat_deg, lon_deg, height_m }))
}

fn ins_place(solution: &Inspvas) -> Vector3<f64> {
    place(solution.lat_deg, solution.lon_deg, solution.height_m)
}

fn gnss_place(solution: &GnssSolution) -> Vector3<f64> {
    place(solution.lat_deg, solution.lon_deg, solution.height_m)
}

/// The instants at which the aiding fix changes, s, with the new type.
fn changes(all: &[ReceiverOutput], of: impl Fn(&ReceiverOutput) -> u32) -> Vec<(f64, u32)> {
    let mut found: Vec<(f64, u32)> = Vec::new();
    for output in all {
        if found.last().is_none_or(|(_, last)| *last != of(output)) {
            found.push((output.measured_at.as_s(), of(output)));
        }
    }
    found
}

fn assert_changes(found: &[(f64, u32)], expected: &[(f64, u32)]) {
    let types = |all: &[(f64, u32)]| all.iter().map(|(_, kind)| *kind).collect::<Vec<_>>();
    assert_eq!(types(found), types(expected), "{found:?}");
    for ((at, _), (wanted, _)) in found.iter().zip(expected) {
        assert!((at - wanted).abs() < 0.021, "{found:?}, expected {expected:?}");
    }
}

#[test]
fn after_a_long_outage_the_fix_climbs_step_by_step() {
    let mut receiver = receiver(ReceiverParams::rtk_fixed(), 1);
    let mut all = run(&mut receiver, drive, 0, 20);
    receiver.begin_outage(SimTime::from_s(20.0), Duration::from_secs(30));
    all.extend(run(&mut receiver, drive, 20, 90));
    // Back at 50 s, reacquired at 51, corrections 1 s later, float after 2 more, fixed after 10 more.
    let expected = [(0.01, 56), (20.0, 53), (52.0, 54), (54.0, 55), (64.0, 56)];
    assert_changes(&changes(&all, |output| output.ins.position_type), &expected);
    let fixes = changes(&all, |output| output.ins.fix.wire());
    assert_changes(&fixes, &[(0.01, 50), (20.0, 0), (51.0, 16), (52.0, 17), (54.0, 34), (64.0, 50)]);
    assert_eq!(receiver.fix(), FixType::NarrowInt);
}

#[test]
fn after_a_short_outage_the_inertial_solution_still_knows_the_ambiguities() {
    let mut receiver = receiver(ReceiverParams::rtk_fixed(), 1);
    receiver.begin_outage(SimTime::from_s(1.0), Duration::from_secs(5));
    let all = run(&mut receiver, drive, 1, 20);
    let fixes = changes(&all, |output| output.ins.fix.wire());
    assert_changes(&fixes, &[(1.01, 0), (7.0, 50)]);
}

#[test]
fn a_fix_that_was_held_down_climbs_back_in_its_own_time() {
    let mut receiver = receiver(ReceiverParams::rtk_fixed(), 1);
    run(&mut receiver, drive, 0, 10);
    receiver.limit_fix(SimTime::from_s(10.0), FixType::Single, Duration::from_secs(20));
    let all = run(&mut receiver, drive, 10, 60);
    let fixes = changes(&all, |output| output.ins.fix.wire());
    assert_changes(&fixes, &[(9.99, 50), (10.0, 16), (31.0, 17), (33.0, 34), (43.0, 50)]);
}

#[test]
fn without_corrections_their_age_grows_a_second_a_second_until_the_fix_falls() {
    let mut receiver = receiver(ReceiverParams::rtk_fixed(), 1);
    run(&mut receiver, drive, 0, 10);
    receiver.lose_corrections(SimTime::from_s(10.0), Duration::from_secs(400));
    let all = run(&mut receiver, drive, 10, 440);
    let fixes = changes(&all, |output| output.ins.fix.wire());
    // One second old at the beginning: 60 s old at 69 s, 300 s old at 309 s; back at 410 s.
    assert_changes(&fixes, &[(9.99, 50), (69.0, 17), (309.0, 16), (411.0, 17), (413.0, 34), (423.0, 50)]);
    for output in &all {
        let gnss = output.gnss.unwrap();
        let t = gnss.measured_at.as_s();
        if gnss.fix.is_differential() && (10.0..410.0).contains(&t) {
            assert!((gnss.differential_age_s - (t - 10.0) - 1.0).abs() < 1e-6);
        }
        assert_eq!(gnss.fix.is_differential(), gnss.differential_age_s > 0.0);
    }
}

#[test]
fn a_wrong_fix_is_believed_by_receiver_and_inertial_solution() {
    let mut receiver = receiver(ReceiverParams::rtk_fixed(), 4);
    run(&mut receiver, drive, 0, 10);
    receiver.resolve_wrongly(SimTime::from_s(10.0), [0.3, 0.0, 0.0], Duration::from_secs(40));
    let all = run(&mut receiver, drive, 10, 90);
    let error = |output: &ReceiverOutput| {
        ins_place(&output.inspvas) - Vector3::from(drive(output.measured_at.as_s()).position_enu_m)
    };
    let at = |s: f64| all.iter().find(|output| output.measured_at.as_s() >= s).unwrap();
    assert!((error(at(48.0)).x - 0.3).abs() < 0.05, "{}", error(at(48.0)));
    assert!(error(at(88.0)).norm() < 0.08);
    let jump = at(12.0).gnss.unwrap();
    assert_eq!(jump.fix, FixType::NarrowInt);
    assert!(jump.position_sigma_m[0] < 0.012);
    // At its own epoch the satellites' position is off at once, at the antenna.
    let t = jump.measured_at.as_s();
    let arm = Vector3::from(ReceiverParams::rtk_fixed().antenna_lever_arm_m);
    let yaw = 8.0 / 30.0 * t;
    let arm = Vector3::new(arm.x * yaw.cos(), arm.x * yaw.sin(), arm.z);
    let off = gnss_place(&jump) - arm - Vector3::from(drive(t).position_enu_m);
    assert!((off.x - 0.3).abs() < 0.05 && off.y.abs() < 0.05, "{off}");
    assert!(
        all.iter().all(|output| output.ins.status == InsStatus::Good && output.ins.fix == FixType::NarrowInt)
    );
}

#[test]
fn strong_multipath_is_refused_and_the_solution_is_free_until_it_is_gone() {
    let mut receiver = receiver(ReceiverParams::rtk_fixed(), 4);
    run(&mut receiver, drive, 0, 10);
    receiver.reflect(SimTime::from_s(10.0), 5.0, Duration::from_secs(10));
    let all = run(&mut receiver, drive, 10, 60);
    let free: Vec<f64> = all
        .iter()
        .filter(|output| output.ins.status == InsStatus::SolutionFree)
        .map(|output| output.measured_at.as_s())
        .collect();
    assert!(free.len() > 300 && free[0] < 11.0, "{} {:?}", free.len(), free.first());
    assert!(*free.last().unwrap() < 20.3, "{:?}", free.last());
    let worst = all
        .iter()
        .map(|output| {
            (ins_place(&output.inspvas) - Vector3::from(drive(output.measured_at.as_s()).position_enu_m))
                .norm()
        })
        .fold(0.0, f64::max);
    assert!(worst < 1.5, "{worst}: the filter kept the reflections out");
    assert_eq!(receiver.aiding(), Aiding::Refixing);
    assert!(all.last().unwrap().ins.status == InsStatus::Good);
}

#[test]
fn weak_multipath_pulls_a_single_point_solution() {
    let sigma = |strength: f64| {
        let errors = (0..60).map(|seed| {
            let params = ReceiverParams { quick_refix_s: 0.0, ..ReceiverParams::single() };
            let mut receiver = receiver(params, seed);
            if strength > 0.0 {
                receiver.reflect(SimTime::ZERO, strength, Duration::from_secs(100));
            }
            let last = run(&mut receiver, |_| parked(), 0, 40).pop().unwrap();
            ins_place(&last.inspvas).x
        });
        rms(errors)
    };
    let (calm, pulled) = (sigma(0.0), sigma(2.0));
    assert!(pulled > 1.5 * calm && pulled < 3.5, "{calm} {pulled}");
}

#[test]
fn a_cold_receiver_finds_satellites_levels_and_learns_its_azimuth_by_driving() {
    let cold = ReceiverParams { start: Start::Cold, ..ReceiverParams::rtk_fixed() };
    let mut receiver = receiver(cold, 2);
    let mut all = run(&mut receiver, |_| parked(), 0, 60);
    let before = changes(&all, |output| output.inspvas.status);
    // First fix after 15 s and 1 s, coarse alignment 30 s.
    assert_changes(&before, &[(0.01, 0), (15.0, 1), (45.0, 7)]);
    for output in &all {
        let aligned = output.inspvas.status == 7;
        assert_eq!(output.corrimudatas.velocity_mps != [0.0; 3], aligned);
        assert_eq!(output.ins.position_type >= 53, aligned);
    }
    let last = all.last().unwrap();
    // As recorded: (0.22, 0.22, 8.5°).
    for (found, recorded) in last.ins.attitude_sigma_deg.iter().zip([0.22, 0.22, 8.5]) {
        assert!((found / recorded - 1.0).abs() < 0.02, "{:?}", last.ins.attitude_sigma_deg);
    }
    all = run(&mut receiver, drive, 60, 150);
    let after = changes(&all, |output| output.inspvas.status);
    let statuses: Vec<u32> = after.iter().map(|(_, status)| *status).collect();
    assert!(statuses == [2, 3] || statuses == [7, 2, 3], "{after:?}");
    assert!(after.last().unwrap().0 < 75.0, "{after:?}");
    assert_eq!(receiver.aiding(), Aiding::Fixed);
}

#[test]
fn a_second_antenna_aligns_a_parked_car_and_reports_its_heading() {
    let two = ReceiverParams {
        start: Start::Cold,
        dual_antenna_baseline_m: Some(2.0),
        ..ReceiverParams::rtk_fixed()
    };
    let mut receiver = receiver(two, 2);
    let all = run(&mut receiver, |_| parked(), 0, 400);
    assert_eq!(all.last().unwrap().inspvas.status, 3);
    let mut last = SimTime::ZERO;
    let mut errors = Vec::new();
    for gnss in all.iter().filter_map(|output| output.gnss) {
        if gnss.measured_at == last {
            continue;
        }
        last = gnss.measured_at;
        assert_eq!(gnss.heading.is_some(), gnss.fix == FixType::NarrowInt);
        if let Some(heading) = gnss.heading {
            assert_eq!((heading.baseline_m, heading.azimuth_sigma_deg), (2.0, 0.08));
            errors.push(heading.azimuth_deg - 90.0);
        }
    }
    assert!(errors.len() > 1500);
    assert!((rms(errors) / 0.08 - 1.0).abs() < 0.1);
}

#[test]
fn the_satellites_own_solution_is_10_hz_late_and_its_velocity_older_still() {
    let exact = ReceiverParams { gnss_latency_s: 0.07, ..ReceiverParams::ideal() };
    let mut receiver = Receiver::new(exact, ImuParams::ideal(), &frame(), 1_500_000_000.0, 1).unwrap();
    let faster = |t: f64| Truth {
        position_enu_m: [0.5 * t * t, 0.0, 0.0],
        velocity_enu_mps: [t, 0.0, 0.0],
        ..parked()
    };
    let all = run(&mut receiver, faster, 0, 20);
    assert!(all[..16].iter().all(|output| output.gnss.is_none()), "the first epoch is ready at 170 ms");
    let mut velocity_errors = Vec::new();
    for output in &all[16..] {
        let gnss = output.gnss.unwrap();
        let age_s = output.measured_at.since(gnss.measured_at).as_secs_f64();
        assert!(gnss.measured_at.as_ns().is_multiple_of(100_000_000) && (0.069..0.171).contains(&age_s));
        let t = gnss.measured_at.as_s();
        let arm = ReceiverParams::ideal().antenna_lever_arm_m;
        assert!((gnss_place(&gnss) - Vector3::new(0.5 * t * t + arm[0], arm[1], arm[2])).norm() < 1e-6);
        assert_eq!(gnss.velocity_latency_s, 0.15000000000000002);
        velocity_errors.push(gnss.velocity_mps[0] - (t - 0.15));
    }
    // Standing still, the recorded receiver shows 0.020 m/s.
    let found = rms(velocity_errors);
    assert!((found / 0.02 - 1.0).abs() < 0.25, "{found}");
}

/// Rms over seeds of error over reported deviation, for position, velocity and azimuth.
fn consistency(params: &ReceiverParams, motion: fn(f64) -> Truth, outage_s: u64, at_s: u64) -> [f64; 3] {
    let mut ratios = [Vec::new(), Vec::new(), Vec::new()];
    for seed in 0..120 {
        let mut receiver = receiver(params.clone(), seed);
        run(&mut receiver, motion, 0, 2);
        if outage_s > 0 {
            receiver.begin_outage(SimTime::from_s(2.0), Duration::from_secs(outage_s));
        }
        let last = run(&mut receiver, motion, 2, at_s).pop().unwrap();
        let truth = motion(last.measured_at.as_s());
        let error = ins_place(&last.inspvas) - Vector3::from(truth.position_enu_m);
        ratios[0].extend([0, 1, 2].map(|axis| error[axis] / last.ins.position_sigma_m[axis]));
        let velocity = [last.inspvas.east_mps, last.inspvas.north_mps, last.inspvas.up_mps];
        for (axis, found) in velocity.into_iter().enumerate() {
            let error = found - truth.velocity_enu_mps[axis];
            ratios[1].push(error / last.ins.velocity_sigma_mps[axis]);
        }
        let [w, x, y, z] = truth.quaternion_wxyz;
        let yaw = libm::atan2(2.0 * (w * z + x * y), 1.0 - 2.0 * (y * y + z * z)).to_degrees();
        let azimuth = (last.inspvas.azimuth_deg - (90.0 - yaw) + 540.0).rem_euclid(360.0) - 180.0;
        ratios[2].push(azimuth / last.ins.attitude_sigma_deg[2]);
    }
    ratios.map(rms)
}

#[test]
fn reported_deviations_are_those_of_the_errors() {
    let fixed = ReceiverParams::rtk_fixed();
    for (name, params, motion, outage_s, at_s) in [
        ("fixed", fixed.clone(), 0, 0, 5),
        ("float", ReceiverParams::rtk_float(), 0, 0, 5),
        ("psr_diff", ReceiverParams::psr_diff(), 0, 0, 5),
        ("single", ReceiverParams::single(), 0, 0, 5),
        ("10 s out, parked", fixed.clone(), 0, 10, 12),
        ("60 s out, parked", fixed.clone(), 0, 60, 62),
        ("10 s out, in a circle", fixed.clone(), 1, 10, 12),
        ("back after 30 s, single", fixed.clone(), 0, 30, 33),
        ("back after 30 s, float", fixed.clone(), 0, 30, 40),
        ("back after 30 s, fixed", fixed.clone(), 0, 30, 70),
    ] {
        let motion: fn(f64) -> Truth = if motion == 1 { drive } else { |_| parked() };
        let ratios = consistency(&params, motion, outage_s, at_s);
        println!("{name}: position {:.2}, velocity {:.2}, azimuth {:.2}", ratios[0], ratios[1], ratios[2]);
        for (what, ratio) in ["position", "velocity", "azimuth"].into_iter().zip(ratios) {
            assert!((0.7..1.3).contains(&ratio), "{name}, {what}: {ratio}");
        }
    }
}

#[test]
fn the_satellites_reported_deviations_are_those_of_their_errors() {
    for params in [
        ReceiverParams::rtk_fixed(),
        ReceiverParams::rtk_float(),
        ReceiverParams::psr_diff(),
        ReceiverParams::single(),
    ] {
        let arm = Vector3::from(params.antenna_lever_arm_m);
        let mut ratios = Vec::new();
        for seed in 0..150 {
            let last = run(&mut receiver(params.clone(), seed), |_| parked(), 0, 1).pop().unwrap();
            let gnss = last.gnss.unwrap();
            let error = gnss_place(&gnss) - arm;
            ratios.extend([0, 1, 2].map(|axis| error[axis] / gnss.position_sigma_m[axis]));
        }
        let ratio = rms(ratios);
        println!("{:?}: error over reported deviation {ratio:.2}", params.best_fix);
        assert!((0.7..1.3).contains(&ratio), "{:?}: {ratio}", params.best_fix);
    }
}

#[test]
fn scripted_faults_of_every_kind_at_once_never_break_the_receiver() {
    let mut receiver = receiver(ReceiverParams::rtk_fixed(), 9);
    for step in 0..120u64 {
        let now = SimTime::from_s(step as f64);
        let span = Duration::from_millis(100 + step * 977 % 30_000);
        match step % 6 {
            0 => receiver.begin_outage(now, span),
            1 => receiver.limit_fix(now, FixType::ALL[(step / 6 % 5) as usize], span),
            2 => receiver.lose_corrections(now, span),
            3 => receiver.resolve_wrongly(now, [0.2, -0.1, 0.0], span),
            4 => receiver.reflect(now, 0.1 + step as f64 * 0.1, span),
            _ => receiver.silence(now, Duration::from_millis(300)),
        }
        for output in run(&mut receiver, drive, step, step + 1) {
            assert!(output.inspvas.lat_deg.is_finite() && output.ins.position_sigma_m[0].is_finite());
            assert!(output.ins.position_sigma_m[0] > 0.0);
        }
    }
    let last = run(&mut receiver, drive, 120, 260).pop().unwrap();
    assert_eq!((last.ins.fix, last.ins.status), (FixType::NarrowInt, InsStatus::Good));
}
