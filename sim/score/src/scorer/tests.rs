//! Each metric on a synthetic signal with a closed-form value.

use super::*;
use crate::SpeedProfile;
use crate::reference::tests::{circle, straight};
use crate::sample::{Command, TrueState};
use std::f64::consts::{PI, SQRT_2};

const SPEED_MPS: f64 = 10.0;

/// A straight of 1 km at 10 m/s.
fn reference() -> Arc<Reference> {
    let profile = SpeedProfile::new(&[[0.0, SPEED_MPS], [1000.0, SPEED_MPS]]).unwrap();
    Arc::new(Reference::new(straight(1000.0), profile, 0.0, 1000.0).unwrap())
}

/// A car on the reference at time t: y = 0, x = 10 t, everything as it should be.
fn perfect(t: f64) -> Sample {
    let position_m = [SPEED_MPS * t, 0.0, 0.0];
    Sample {
        time_s: t,
        engaged: true,
        truth: TrueState {
            position_m,
            centre_of_mass_m: [position_m[0] + 1.3, 0.0, 0.5],
            velocity_mps: [SPEED_MPS, 0.0, 0.0],
            speed_mps: SPEED_MPS,
            ..Default::default()
        },
        believed: Some(BelievedPose { measured_at_s: t, position_m, heading_rad: 0.0 }),
        reference_station_m: Some(SPEED_MPS * t),
        ..Default::default()
    }
}

/// Runs `seconds` of samples that differ from the perfect ones as `change` says.
fn run(reference: Option<Arc<Reference>>, seconds: f64, change: impl Fn(f64, &mut Sample)) -> Metrics {
    let mut scorer = Scorer::new(reference);
    for i in 0..(seconds / SAMPLE_PERIOD_S).round() as u32 {
        let t = f64::from(i) * SAMPLE_PERIOD_S;
        let mut sample = perfect(t);
        change(t, &mut sample);
        scorer.observe(&sample);
    }
    scorer.finish()
}

#[track_caller]
fn close(actual: f64, expected: f64, tolerance: f64) {
    assert!((actual - expected).abs() <= tolerance, "got {actual}, expected {expected} ± {tolerance}");
}

#[test]
fn every_metric_is_held_against_a_closed_form_here() {
    let flags = ["stopped", "limit_cycle"];
    for name in Metrics::INFO.iter().map(|info| info.name).chain(flags) {
        assert!(include_str!("tests.rs").contains(&format!("m.{name}")), "{name} has no test");
    }
}

#[test]
fn a_perfect_run_has_no_error() {
    let m = run(Some(reference()), 90.0, |_, _| {});
    for error in [
        m.lateral_error_rms_m,
        m.lateral_error_cg_max_m,
        m.believed_lateral_error_max_m,
        m.heading_error_max_rad,
        m.course_error_max_deg,
        m.sideslip_max_deg,
        m.speed_error_max_mps,
        m.speed_error_by_time_max_mps,
        m.station_error_max_m,
        m.localization_error_max_m,
        m.localization_heading_error_max_deg,
    ] {
        close(error, 0.0, 1e-9);
    }
    close(m.lateral_error_within_0_1_m_pct, 100.0, 0.0);
    close(m.engaged_s, 90.0, 1e-9);
    close(m.counted_s, 90.0, 1e-9);
    close(m.duration_s, 89.99, 1e-9);
    close(m.distance_m, 899.9, 1e-6);
    close(m.progress_pct, 89.99, 1e-6);
    assert!(!m.stopped && !m.limit_cycle && m.end_station_error_m.is_nan() && m.stop_distance_m.is_nan());
}

#[test]
fn a_sine_beside_the_path_has_the_rms_and_percentiles_of_a_sine() {
    let a = 0.4;
    let m = run(Some(reference()), 80.0, |t, s| {
        let y = a * libm::sin(2.0 * PI * 0.05 * t);
        s.truth.position_m[1] = y;
        s.truth.centre_of_mass_m[1] = y + 0.1;
    });
    close(m.lateral_error_rms_m, a / SQRT_2, 1e-9);
    close(m.lateral_error_max_m, a, 1e-9);
    close(m.lateral_error_mean_m, 0.0, 1e-9);
    close(m.lateral_error_p50_m, a * libm::sin(PI / 4.0), 1e-3);
    close(m.lateral_error_p95_m, a * libm::sin(0.95 * PI / 2.0), 1e-3);
    close(m.lateral_error_p99_m, a * libm::sin(0.99 * PI / 2.0), 1e-3);
    // The centre of mass is offset by 0.1 m: its mean square is that of the sine plus that of the offset.
    close(m.lateral_error_cg_rms_m, (a * a / 2.0 + 0.01).sqrt(), 1e-9);
    close(m.lateral_error_cg_max_m, a + 0.1, 1e-9);
    for (within, bound) in [
        (m.lateral_error_within_0_1_m_pct, 0.1),
        (m.lateral_error_within_0_3_m_pct, 0.3),
        (m.lateral_error_within_0_5_m_pct, a),
    ] {
        close(within, 100.0 * libm::asin(bound / a) / (PI / 2.0), 0.1);
    }
    assert!(!m.limit_cycle, "a period of 20 s is the road's");
}

#[test]
fn a_steady_wander_is_a_limit_cycle() {
    let m = run(Some(reference()), 60.0, |t, s| {
        s.truth.position_m[1] = 0.2 * libm::sin(2.0 * PI * 0.25 * t);
    });
    assert!(m.limit_cycle);
    close(m.limit_cycle_amplitude_m, 0.2, 1e-4);
    close(m.limit_cycle_period_s, 4.0, 1e-2);
}

#[test]
fn left_of_the_path_is_positive() {
    let m = run(Some(reference()), 10.0, |_, s| s.truth.position_m[1] = 0.25);
    close(m.lateral_error_mean_m, 0.25, 1e-9);
}

#[test]
fn heading_course_and_sideslip_are_three_things() {
    // The body points 3° left of the path, the car moves 1° right of it.
    let m = run(Some(reference()), 10.0, |_, s| {
        s.truth.heading_rad = 3f64.to_radians();
        let (sin, cos) = libm::sincos(-1f64.to_radians());
        s.truth.velocity_mps = [10.0 * cos, 10.0 * sin, 0.0];
    });
    close(m.heading_error_rms_deg, 3.0, 1e-9);
    close(m.heading_error_rms_rad, 3f64.to_radians(), 1e-12);
    close(m.heading_error_max_rad, 3f64.to_radians(), 1e-12);
    close(m.course_error_rms_deg, 1.0, 1e-9);
    close(m.sideslip_rms_deg, 4.0, 1e-9);
    close(m.sideslip_max_deg, 4.0, 1e-9);
}

#[test]
fn moving_backward_the_course_is_turned_round() {
    let m = run(Some(reference()), 10.0, |t, s| {
        s.truth.position_m[0] = 900.0 - 10.0 * t;
        s.truth.velocity_mps = [-10.0, 0.0, 0.0];
        s.truth.speed_mps = -10.0;
    });
    close(m.course_error_max_deg, 0.0, 1e-9);
    close(m.sideslip_max_deg, 0.0, 1e-9);
}

#[test]
fn a_lap_on_a_circle_of_a_larger_radius_keeps_its_lateral_error() {
    let (r, d) = (30.0, 0.2);
    let lap = 2.0 * PI * r;
    let profile = SpeedProfile::new(&[[0.0, 5.0], [3.0 * lap, 5.0]]).unwrap();
    let reference = Arc::new(Reference::new(circle(r), profile, 0.0, 3.0 * lap).unwrap());
    let seconds = 3.0 * lap / 5.0 - 0.02;
    let m = run(Some(reference), seconds, |t, s| {
        let angle = 5.0 * t / r;
        let (sin, cos) = libm::sincos(angle);
        let outside = r + d;
        s.truth.position_m = [outside * cos, outside * sin, 0.0];
        // The centre of mass, 1.3 m ahead on the tangent, lies farther out.
        s.truth.centre_of_mass_m = [outside * cos - 1.3 * sin, outside * sin + 1.3 * cos, 0.0];
        s.truth.heading_rad = wrap_angle(angle + PI / 2.0);
        s.truth.speed_mps = 5.0 * outside / r;
        s.truth.velocity_mps = [-s.truth.speed_mps * sin, s.truth.speed_mps * cos, 0.0];
        // Given on one lap; the scorer unrolls it.
        s.reference_station_m = Some(libm::fmod(5.0 * t, lap) - 0.5);
        s.believed = None;
    });
    close(m.lateral_error_mean_m, -d, 1e-4);
    close(m.lateral_error_cg_rms_m, libm::hypot(r + d, 1.3) - r, 1e-4);
    close(m.heading_error_max_deg, 0.0, 1e-3);
    close(m.station_error_mean_m, 0.5, 1e-3);
    close(m.progress_pct, 100.0, 0.1);
    close(m.heading_change_max_deg, 3.0 * 360.0, 0.5);
    assert!(m.believed_lateral_error_rms_m.is_nan());
}

#[test]
fn speed_and_station_errors_are_actual_minus_reference() {
    let m = run(Some(reference()), 20.0, |t, s| {
        s.truth.speed_mps += 0.5 * libm::sin(2.0 * PI * 0.2 * t) + 0.1;
        s.reference_station_m = Some(SPEED_MPS * t - 0.3);
    });
    close(m.speed_error_mean_mps, 0.1, 1e-9);
    close(m.speed_error_rms_mps, (0.5f64 * 0.5 / 2.0 + 0.01).sqrt(), 1e-9);
    close(m.speed_error_max_mps, 0.6, 1e-3);
    close(m.station_error_mean_m, 0.3, 1e-9);
    close(m.station_error_rms_m, 0.3, 1e-9);
    close(m.station_error_max_m, 0.3, 1e-9);
}

#[test]
fn speed_by_time_compares_with_where_the_car_should_be() {
    // v² = 2 a s from rest with a = 1: at station s the reference speed is √(2 s).
    let profile = SpeedProfile::new(&[[0.0, 0.0], [200.0, 20.0]]).unwrap();
    let reference = Arc::new(Reference::new(straight(1000.0), profile, 0.0, 1000.0).unwrap());
    // The car drives as wanted but 0.5 s late.
    let m = run(Some(reference), 15.0, |t, s| {
        let late = (t - 0.5).max(0.0);
        s.truth.position_m[0] = 0.5 * late * late;
        s.truth.speed_mps = late;
        s.reference_station_m = Some(0.5 * t * t);
    });
    close(m.speed_error_max_mps, 0.0, 1e-6);
    close(m.speed_error_by_time_max_mps, 0.5, 1e-6);
    // Station: ½t² − ½(t−½)² = t/2 − 1/8 behind, at the last sample of 14.99 s.
    close(m.station_error_max_m, 14.99 / 2.0 - 0.125, 1e-6);
    close(m.speed_error_by_time_rms_mps, 0.5, 1e-2);
}

/// Drives at 10 m/s, then brakes at `a` from time `from_s` to rest; returns the metrics of 20 s.
fn brake(reference: Option<Arc<Reference>>, from_s: f64, a: f64, estop_s: Option<f64>) -> Metrics {
    let mut scorer = Scorer::new(reference);
    for i in 0..2000 {
        let t = f64::from(i) * SAMPLE_PERIOD_S;
        let mut s = perfect(t);
        let braked = (t - from_s).clamp(0.0, SPEED_MPS / a);
        let v = SPEED_MPS - a * braked;
        let x = SPEED_MPS * t.min(from_s) + SPEED_MPS * braked - 0.5 * a * braked * braked;
        s.truth.speed_mps = v;
        s.truth.velocity_mps = [v, 0.0, 0.0];
        s.truth.position_m = [x, 0.01 * (x - 10.0 * from_s).max(0.0), 0.0];
        s.truth.heading_rad = if v < SPEED_MPS { 0.02 } else { 0.0 };
        if estop_s.is_some_and(|at| at <= t && t < at + 2.5 * SAMPLE_PERIOD_S) {
            scorer.event(estop_s.unwrap(), "estop");
        }
        scorer.observe(&s);
    }
    scorer.finish()
}

#[test]
fn the_end_station_error_is_where_the_car_came_to_rest() {
    // 10 m/s for 5 s and v²/2a = 25 m more: rest at 75 m.
    let profile = SpeedProfile::new(&[[0.0, 10.0], [50.0, 10.0], [74.6, 0.0]]).unwrap();
    let reference = Arc::new(Reference::new(straight(1000.0), profile, 0.0, 74.6).unwrap());
    let m = brake(Some(reference), 5.0, 2.0, None);
    assert!(m.stopped);
    close(m.end_station_error_m, 0.4, 1e-6);
    close(m.end_lateral_error_m, 0.01 * 25.0, 1e-6);
    close(m.end_heading_error_deg, 0.02f64.to_degrees(), 1e-6);
    close(m.progress_pct, 100.0, 0.0);
    close(m.final_speed_mps, 0.0, 0.0);
    assert!(m.stop_distance_m.is_nan(), "no emergency stop");
    // Beyond the end nothing counts.
    assert!(m.counted_s < 10.0);
}

#[test]
fn a_car_that_stops_beyond_the_end_of_an_open_path_is_still_measured() {
    let profile = SpeedProfile::new(&[[0.0, 10.0], [74.0, 0.0]]).unwrap();
    let reference = Arc::new(Reference::new(straight(74.0), profile, 0.0, 74.0).unwrap());
    close(brake(Some(reference), 5.0, 2.0, None).end_station_error_m, 1.0, 1e-6);
}

#[test]
fn the_stopping_distance_counts_from_the_emergency_stop() {
    // The event comes 0.3 s before the brakes bite: 3 m, then v²/2a = 10 m.
    let m = brake(None, 5.0, 5.0, Some(4.7));
    close(m.stop_distance_m, 3.0 + 10.0, 1e-3);
    close(m.stop_time_s, 0.3 + 2.0, 0.02);
    close(m.stop_deceleration_mps2, 100.0 / 26.0, 1e-3);
    close(m.stop_drift_max_m, 0.01 * 10.0, 1e-4);
    close(m.stop_heading_change_max_deg, 0.02f64.to_degrees(), 1e-9);
}

#[test]
fn an_emergency_stop_suspends_the_planned_speed_but_not_the_path() {
    let profile = SpeedProfile::new(&[[0.0, 10.0], [900.0, 10.0]]).unwrap();
    let reference = Arc::new(Reference::new(straight(1000.0), profile, 0.0, 900.0).unwrap());
    let m = brake(Some(reference), 5.0, 5.0, Some(4.7));
    close(m.speed_error_max_mps, 0.0, 1e-9);
    close(m.lateral_error_max_m, 0.01 * 10.0, 1e-6);
    assert!(m.end_station_error_m.is_nan(), "the reference asks for no stop");
}

#[test]
fn an_emergency_stop_between_two_samples_counts_from_its_instant() {
    let at = brake(None, 5.0, 5.0, Some(4.7));
    let later = brake(None, 5.0, 5.0, Some(4.704));
    close(at.stop_distance_m - later.stop_distance_m, 0.04, 1e-6);
}

#[test]
fn standing_counts_only_while_the_trajectory_moves_on() {
    let stand = |t: f64, s: &mut Sample, wanted_mps: f64| {
        s.truth.position_m = [50.0, 0.1, 0.0];
        s.truth.speed_mps = 0.0;
        s.truth.velocity_mps = [0.0; 3];
        s.reference_station_m = Some(50.0 + wanted_mps * t);
    };
    let waits = run(Some(reference()), 10.0, |t, s| stand(t, s, 0.0));
    assert!(waits.counted_s == 0.0 && waits.lateral_error_rms_m.is_nan());
    let stuck = run(Some(reference()), 10.0, |t, s| stand(t, s, 1.0));
    close(stuck.counted_s, 9.99, 1e-9);
    close(stuck.station_error_max_m, 9.99, 1e-9);
}

#[test]
fn errors_count_only_while_the_stack_drives() {
    let m = run(Some(reference()), 30.0, |t, s| {
        s.engaged = !(10.0..20.0).contains(&t);
        s.truth.position_m[1] = if s.engaged { 0.1 } else { 2.0 };
    });
    close(m.lateral_error_max_m, 0.1, 1e-9);
    close(m.engaged_s, 20.0, 0.02);
    close(m.disengagements, 1.0, 0.0);
    let never = run(Some(reference()), 30.0, |_, s| s.engaged = false);
    assert!(never.lateral_error_rms_m.is_nan() && never.steering_wheel_rate_rms_dps.is_nan());
    close(never.progress_pct, 0.0, 0.0);
    close(never.engaged_s, 0.0, 0.0);
}

#[test]
fn what_the_stack_believed_is_told_from_what_was() {
    // The car is 0.2 m left; the stack believes it is on the path, 0.1 m farther along.
    let m = run(Some(reference()), 20.0, |_, s| {
        s.truth.position_m[1] = 0.2;
        let believed = s.believed.as_mut().unwrap();
        believed.position_m[0] += 0.1;
        believed.heading_rad = 0.5f64.to_radians();
    });
    close(m.lateral_error_rms_m, 0.2, 1e-9);
    close(m.believed_lateral_error_rms_m, 0.0, 1e-9);
    close(m.localization_error_rms_m, libm::hypot(0.1, 0.2), 1e-9);
    close(m.localization_error_max_m, libm::hypot(0.1, 0.2), 1e-9);
    close(m.localization_heading_error_rms_deg, 0.5, 1e-9);
}

#[test]
fn a_late_pose_is_compared_with_the_truth_of_its_own_time() {
    // True for the instant it was measured, 47 ms ago: no localization error, whatever the speed.
    let m = run(Some(reference()), 20.0, |t, s| {
        let measured_at_s = t - 0.047;
        s.believed = (measured_at_s > 0.0).then_some(BelievedPose {
            measured_at_s,
            position_m: [SPEED_MPS * measured_at_s, 0.0, 0.0],
            heading_rad: 0.0,
        });
    });
    close(m.localization_error_max_m, 0.0, 1e-9);
    close(m.localization_age_mean_s, 0.047, 1e-9);
    close(m.localization_age_max_s, 0.047, 1e-9);
}

#[test]
fn a_pose_that_is_kept_counts_once() {
    // Poses at 10 Hz, each 1 m off in the first half and right in the second: rms 1/√2 by poses.
    let m = run(Some(reference()), 20.0, |t, s| {
        let measured_at_s = (t * 10.0 + 1e-6).floor() / 10.0;
        let off = if t < 9.995 { 1.0 } else { 0.0 };
        let position_m = [SPEED_MPS * measured_at_s, off, 0.0];
        s.believed = Some(BelievedPose { measured_at_s, position_m, heading_rad: 0.0 });
    });
    close(m.localization_error_rms_m, 1.0 / SQRT_2, 1e-6);
    close(m.localization_age_mean_s, 0.045, 1e-6);
}

#[test]
fn accelerations_and_jerk_of_a_sine() {
    let (a, hz) = (2.0, 0.25);
    let w = 2.0 * PI * hz;
    let m = run(None, 40.0, |t, s| {
        s.truth.longitudinal_acceleration_mps2 = a * libm::sin(w * t);
        s.truth.lateral_acceleration_mps2 = -0.5 * a * libm::sin(w * t);
    });
    // A mean over T lowers a sine by sin(ωT/2)/(ωT/2); ten samples span 0.1 s.
    let mean = libm::sin(w * 0.05) / (w * 0.05);
    close(m.acceleration_max_mps2, a * mean, 1e-3);
    close(m.deceleration_max_mps2, a * mean, 1e-3);
    close(m.lateral_acceleration_max_mps2, 0.5 * a * mean, 1e-3);
    // The difference over T is 2 A sin(ωT/2).
    let jerk = 2.0 * a * libm::sin(w * 0.25) / 0.5;
    close(m.longitudinal_jerk_max_mps3, jerk, 1e-3);
    close(m.lateral_jerk_max_mps3, 0.5 * jerk, 1e-3);
}

#[test]
fn steering_rate_and_reversals_of_a_sine() {
    let (a_deg, hz) = (10.0, 0.2);
    let w = 2.0 * PI * hz;
    let m = run(None, 60.0, |t, s| {
        s.steering_wheel_rad = (a_deg * libm::sin(w * t)).to_radians();
        s.steering_wheel_rate_rps = (a_deg * w * libm::cos(w * t)).to_radians();
    });
    close(m.steering_wheel_rate_rms_dps, a_deg * w / SQRT_2, 1e-6);
    close(m.steering_wheel_rate_max_dps, a_deg * w, 1e-6);
    // Two reversals per period; the last swing may be cut off by the filter's delay.
    close(m.steering_reversals_1pmin, 2.0 * 60.0 * hz, 1.0);
    // A 5 Hz shimmer of 2° amplitude is no reversal: the low-pass takes it out.
    let shimmer = run(None, 60.0, |t, s| {
        s.steering_wheel_rad = (2.0 * libm::sin(2.0 * PI * 5.0 * t)).to_radians();
    });
    close(shimmer.steering_reversals_1pmin, 0.0, 0.0);
}

#[test]
fn commands_are_measured_while_the_stack_drives() {
    // Throttle 30 % for 2 s, brake 10 % for 2 s, in turns; steering saturated for a quarter of the time.
    let m = run(None, 40.0, |t, s| {
        let throttle = libm::fmod(t + 1e-9, 4.0) < 2.0;
        s.command = Command {
            throttle_pct: if throttle { 30.0 } else { 0.0 },
            brake_pct: if throttle { 0.0 } else { 10.0 },
            steering_pct: if t < 9.995 { -100.0 } else { 0.0 },
        };
    });
    close(m.throttle_command_rms_pct, 30.0 / SQRT_2, 1e-9);
    close(m.throttle_command_max_pct, 30.0, 0.0);
    close(m.brake_command_rms_pct, 10.0 / SQRT_2, 1e-9);
    close(m.brake_command_max_pct, 10.0, 0.0);
    close(m.steering_command_rms_pct, 50.0, 1e-9);
    close(m.steering_saturated_pct, 25.0, 1e-9);
    // 19 changes in 0.3999 km
    close(m.pedal_alternations_1pkm, 19.0 / 0.3999, 1e-6);
}

#[test]
fn rolling_back_is_measured_from_the_farthest_point() {
    // Forward 5 m, back 0.2 m, forward again.
    let speed = |t: f64| match t {
        t if t < 5.0 => 1.0,
        t if t < 7.0 => -0.1,
        _ => 1.0,
    };
    let m = run(None, 10.0, |t, s| s.truth.speed_mps = speed(t));
    close(m.rollback_max_m, 0.2, 0.01);
    close(m.distance_m, 5.0 + 0.2 + 3.0, 0.02);
    close(m.top_speed_mps, 1.0, 0.0);
    close(run(None, 10.0, |_, _| {}).rollback_max_m, 0.0, 0.0);
}

#[test]
fn turns_add_up_across_the_cut_of_the_angle() {
    let m = run(None, 20.0, |t, s| s.truth.heading_rad = wrap_angle(0.5 * t));
    close(m.heading_change_max_deg, (0.5f64 * 19.99).to_degrees(), 1e-6);
}

#[test]
fn without_samples_nothing_is_measured() {
    let m = Scorer::new(Some(reference())).finish();
    assert!(m.lateral_error_rms_m.is_nan() && m.final_speed_mps.is_nan() && !m.stopped);
}

/// The scorer sees no bus; who owns one fills these in, and until then they are not measured. Their figures are
/// held in the engine's tests of faults.
#[test]
fn what_the_bus_did_is_left_to_its_owner() {
    let m = run(Some(reference()), 1.0, |_, _| ());
    let of_the_bus = [
        m.bus_load_max_pct,
        m.bus_load_mean_pct,
        m.bus_frames_lost,
        m.bus_error_frames,
        m.commands_rejected,
        m.commands_rejected_length,
        m.commands_rejected_checksum,
        m.commands_rejected_counter,
        m.commands_rejected_range,
        m.reports_flawed,
        m.reports_flawed_length,
        m.reports_flawed_checksum,
        m.reports_flawed_counter,
        m.reports_flawed_range,
    ];
    assert!(of_the_bus.iter().all(|metric| metric.is_nan()));
}

/// Nor cones: who has them counts. The figure is held in the engine's stories.
#[test]
fn cones_are_counted_by_who_has_them() {
    let m = run(Some(reference()), 1.0, |_, _| ());
    assert!(m.cones_hit.is_nan());
}

proptest::proptest! {
    #[test]
    fn hostile_samples_never_panic(values in proptest::collection::vec(
        (proptest::num::f64::ANY, proptest::num::f64::ANY, proptest::num::f64::ANY), 1..40,
    )) {
        let mut scorer = Scorer::new(Some(reference()));
        for (i, (a, b, c)) in values.into_iter().enumerate() {
            let mut sample = perfect(i as f64 * SAMPLE_PERIOD_S);
            sample.truth.position_m = [a, b, c];
            sample.truth.speed_mps = c;
            sample.truth.heading_rad = b;
            sample.believed = Some(BelievedPose { measured_at_s: c, position_m: [b, a, c], heading_rad: a });
            sample.reference_station_m = Some(a);
            scorer.observe(&sample);
            if i == 3 {
                scorer.event(a, "estop");
            }
        }
        scorer.finish();
    }
}
