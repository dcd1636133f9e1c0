//! Where models of wheels fail: near standstill. Each test is named after a failure of a public simulator.

mod common;

use common::*;
use nalgebra::Vector6;
use skidpad_vehicle::{ActuatorDemand, Gear, VehicleModel};
use skidpad_world::FlatGround;

/// Pushes the car in neutral at its centre of mass so that it follows `speed_at`, and shows each step to `look`.
fn push(
    run: &mut Run,
    demand: &ActuatorDemand,
    seconds: f64,
    speed_at: impl Fn(f64) -> f64,
    mut look: impl FnMut(&Run),
) {
    for k in 0..(seconds / DT_S).round() as usize {
        let wanted = speed_at(k as f64 * DT_S);
        let force = 20.0 * run.model.mass_kg() * (wanted - run.speed());
        run.step(demand, &Vector6::new(force, 0.0, 0.0, 0.0, 0.0, 0.0));
        look(run);
    }
}

#[test]
fn slip_has_no_division_by_speed_that_makes_wheels_chatter_as_the_car_pulls_away() {
    let mut run = Run::level(0.0, &rolling());
    run.drive(&rolling(), 2.0);
    let radius = params().tyre.rolling_radius_m;
    let (mut jump, mut before) = (0.0f64, run.state.corners.map(|corner| corner.forces.fx_n));
    let mut apart = 0.0f64;
    push(
        &mut run,
        &rolling(),
        6.0,
        |t| 0.1 * t,
        |run| {
            for (corner, before) in run.state.corners.iter().zip(&mut before) {
                jump = jump.max((corner.forces.fx_n - *before).abs());
                *before = corner.forces.fx_n;
                if run.speed() > 0.01 {
                    apart = apart.max((corner.spin_rps * radius - run.speed()).abs());
                }
            }
        },
    );
    eprintln!("force jumps by at most {jump:.3} N in a step, wheel and car by {apart:.5} m/s apart");
    assert!(jump < 5.0, "the tyre force jumps by {jump} N in a step");
    assert!(apart < 2e-3, "wheel and car are {apart} m/s apart");
}

#[test]
fn forces_of_a_car_at_rest_are_at_rest() {
    for (gear, brake) in [(Gear::Drive, 35.0), (Gear::Park, 0.0), (Gear::Neutral, 0.0)] {
        let still = demand(0.0, brake, 0.0, gear);
        let mut run = Run::level(0.0, &still);
        let before = run.drive(&still, 10.0).corners;
        for _ in 0..1000 {
            for (corner, before) in run.drive(&still, DT_S).corners.iter().zip(&before) {
                assert!((corner.forces.fx_n - before.forces.fx_n).abs() < 1e-3, "{gear:?}: {corner:?}");
                assert!((corner.forces.fy_n - before.forces.fy_n).abs() < 1e-3, "{gear:?}: {corner:?}");
            }
        }
    }
}

#[test]
fn brake_torque_never_turns_a_wheel_backward() {
    for friction in [1.0, 0.3] {
        for brake in [22.0, 30.0, 100.0] {
            for abs in [true, false] {
                let p = changed(|p| p.brakes.abs = abs);
                let ground = FlatGround { friction, ..FlatGround::LEVEL };
                let mut run = Run::with(VehicleModel::new(&p, DT_S), ground, 0.0, 5.0, &rolling());
                let demand = demand(0.0, brake, 0.0, Gear::Neutral);
                for _ in 0..12_000 {
                    let corners = run.drive(&demand, DT_S).corners;
                    let least = corners.iter().map(|corner| corner.spin_rps).fold(f64::INFINITY, f64::min);
                    // Where the brake barely holds the tread as it springs back, the wheel may give a hair.
                    assert!(least > -1e-3, "μ {friction}, brake {brake} %: {least} rad/s");
                }
                assert!(
                    run.state.corners.iter().all(|corner| corner.spin_rps == 0.0),
                    "μ {friction}, {brake} %"
                );
            }
        }
    }
}

#[test]
fn a_car_held_on_20_percent_does_not_creep_downhill_in_a_minute() {
    let hold = demand(0.0, 30.0, 0.0, Gear::Neutral);
    let mut run = Run::on(slope(0.2), 0.0, 0.0, &hold);
    run.drive(&hold, 2.0);
    let before = run.rear_axle();
    run.drive(&hold, 58.0);
    let drift = (run.rear_axle() - before).norm();
    eprintln!("drifted {drift:e} m in 58 s");
    assert!(drift < 1e-4, "{drift} m");
}

#[test]
fn a_car_parked_across_a_bank_does_not_drift_sideways() {
    let bank = FlatGround { slope_y: 0.1, ..FlatGround::LEVEL };
    for (gear, brake, parking_brake) in
        [(Gear::Park, 0.0, true), (Gear::Neutral, 0.0, false), (Gear::Drive, 35.0, false)]
    {
        let mut parked = demand(0.0, brake, 0.0, gear);
        parked.parking_brake = parking_brake;
        let mut run = Run::on(bank, 0.0, 0.0, &parked);
        run.drive(&parked, 5.0);
        let before = run.rear_axle();
        run.drive(&parked, 55.0);
        let drift = (run.rear_axle() - before).norm();
        assert!(drift < 1e-4, "{gear:?}: drifted {drift} m");
    }
}

#[test]
fn the_stop_does_not_depend_on_the_step() {
    for (brake, from) in [(24.0, 4.0), (30.0, 8.0)] {
        let stop = |dt_s: f64| {
            let model = VehicleModel::new(&params(), dt_s);
            let mut run = Run::with(model, FlatGround::LEVEL, 0.0, from, &rolling());
            let demand = demand(0.0, brake, 0.0, Gear::Neutral);
            let mut hardest = 0.0f64;
            for _ in 0..(6.0 / dt_s) as usize {
                run.drive(&demand, dt_s);
                hardest = hardest.max(run.acceleration().x.abs());
            }
            assert!(run.speed().abs() < 1e-3, "stopped: {} m/s", run.speed());
            (run.rear_axle().x, hardest, run.state.attitude.pitch_rad())
        };
        let [fine, normal, coarse] = [5e-4, 1e-3, 2e-3].map(stop);
        eprintln!("brake {brake} %: place and hardest deceleration {fine:.5?}, {normal:.5?}, {coarse:.5?}");
        for other in [normal, coarse] {
            assert!((other.0 - fine.0).abs() < 3e-3 * fine.0, "stops at {} or {} m", other.0, fine.0);
            assert!((other.1 / fine.1 - 1.0).abs() < 0.02, "decelerates by {} or {} m/s²", other.1, fine.1);
        }
    }
}

#[test]
fn no_switch_between_models_jumps_as_a_turning_car_gathers_speed() {
    for sign in [1.0, -1.0] {
        let turn = steered(sign * 200.0);
        let mut run = Run::level(0.0, &turn);
        run.drive(&turn, 1.0);
        let curvature = libm::tan(
            run.state.corners[2].steer_rad + run.state.steering_wheel_rad() / params().steering.ratio,
        ) / params().chassis.wheelbase_m;
        let (mut jump, mut before, mut off) = (0.0f64, run.yaw_rate(), 0.0f64);
        push(
            &mut run,
            &turn,
            12.0,
            |t| 0.1 * t,
            |run| {
                jump = jump.max((run.yaw_rate() - before).abs());
                before = run.yaw_rate();
                let motion = run.model.rear_axle_motion(&run.state);
                let along = (run.state.attitude.matrix().transpose() * motion.velocity_mps).x;
                if along > 0.05 {
                    off = off.max((run.yaw_rate() / along / curvature - 1.0).abs());
                }
            },
        );
        eprintln!(
            "yaw rate jumps by at most {jump:e} rad/s in a step; curvature off by {:.3} %",
            100.0 * off
        );
        // 0.1 m/s² at this curvature is 1e-5 rad/s in a step.
        assert!(jump < 5e-5, "{jump} rad/s in a step");
        assert!(off < 0.02, "curvature off by {off}");
    }
}

#[test]
fn reverse_has_the_signs_of_the_road() {
    // Backward under power, to the left: the tail goes left, the nose turns clockwise.
    let back = demand(25.0, 0.0, 120.0, Gear::Reverse);
    let mut run = Run::level(0.0, &demand(0.0, 35.0, 120.0, Gear::Reverse));
    run.drive(&back, 3.0);
    let at = run.rear_axle();
    assert!(run.speed() < -1.0 && at.x < 0.0, "{} m/s at {at}", run.speed());
    assert!(run.yaw_rate() < -0.05 && at.y > 0.0, "{} rad/s at {at}", run.yaw_rate());
    assert!(run.state.corners.iter().all(|corner| corner.spin_rps < 0.0));
    // The brake slows, and stops without driving forward.
    let backward = run.speed();
    run.drive(&demand(0.0, 25.0, 120.0, Gear::Reverse), 0.5);
    assert!(run.speed() > backward + 0.2 && run.speed() < 0.0, "{} after {backward} m/s", run.speed());
    // At the stop the tread springs back as it does after forward driving, and no farther.
    let springs_back = |sign: f64, gear: Gear| {
        let mut run = Run::level(sign * 3.0, &demand(0.0, 0.0, 0.0, gear));
        let samples = (0..5000).map(|_| {
            run.drive(&demand(0.0, 30.0, 0.0, gear), DT_S);
            -sign * run.speed()
        });
        samples.fold(0.0, f64::max)
    };
    let (forward, backward) = (springs_back(1.0, Gear::Drive), springs_back(-1.0, Gear::Reverse));
    assert_close("speed of springing back, m/s", backward, forward, 0.1);
    // A spring gives back at most a/ω, with ω² = ΣC_κ/(σ·m) and a < 5 m/s².
    let p = params();
    let frequency = (p.tyre.pkx1 * G / p.tyre.relaxation_m(p.tyre.nominal_load_n)[0]).sqrt();
    assert!(forward < 5.0 / frequency, "{forward} m/s");
    run.drive(&demand(0.0, 30.0, 120.0, Gear::Reverse), 5.0);
    assert!(run.speed().abs() < 1e-4, "{} m/s", run.speed());
    // Rolling resistance and drag slow a car that rolls backward as they slow one that rolls forward.
    let lost = |speed: f64| {
        let mut run = Run::level(speed, &rolling());
        run.drive(&rolling(), 5.0);
        speed.abs() - run.speed().abs()
    };
    assert_close("speed lost backward, m/s", lost(-5.0), lost(5.0), 1e-3);
}

#[test]
fn the_engine_does_not_fight_the_brakes() {
    for (throttle, brake, gear) in
        [(0.0, 25.0, Gear::Drive), (0.0, 35.0, Gear::Reverse), (30.0, 40.0, Gear::Drive)]
    {
        let held = demand(throttle, brake, 0.0, gear);
        let mut run = Run::level(0.0, &held);
        run.drive(&held, 3.0);
        let before = run.rear_axle();
        for _ in 0..20_000 {
            let corners = run.drive(&held, DT_S).corners;
            assert!(corners.iter().all(|corner| corner.spin_rps == 0.0), "{held:?}");
        }
        assert!((run.rear_axle() - before).norm() < 1e-5, "{held:?}");
    }
}

#[test]
fn a_long_wait_does_not_put_the_car_to_sleep() {
    let creep_after = |seconds: f64| {
        let hold = demand(0.0, 35.0, 0.0, Gear::Drive);
        let mut run = Run::level(0.0, &hold);
        run.drive(&hold, seconds);
        let free = demand(0.0, 0.0, 0.0, Gear::Drive);
        run.drive(&free, 1.0);
        let soon = run.speed();
        run.drive(&free, 14.0);
        (soon, run.speed())
    };
    let (short, long) = (creep_after(2.0), creep_after(120.0));
    assert!(long.0 > 0.1 && (long.1 - 1.9).abs() < 0.1, "{long:?} m/s");
    assert!((long.0 - short.0).abs() < 1e-6 && (long.1 - short.1).abs() < 1e-6, "{long:?}, {short:?} m/s");
}

#[test]
fn steering_at_standstill_does_not_move_the_car_sideways() {
    for (gear, brake) in [(Gear::Drive, 35.0), (Gear::Park, 0.0), (Gear::Neutral, 0.0)] {
        let at = |steering_deg: f64| demand(0.0, brake, steering_deg, gear);
        let mut run = Run::level(0.0, &at(0.0));
        run.drive(&at(0.0), 3.0);
        let before = run.rear_axle();
        for steering_deg in [470.0, -470.0, 470.0, 0.0] {
            run.drive(&at(steering_deg), 3.0);
            let moved = run.rear_axle() - before;
            eprintln!(
                "{gear:?}, {steering_deg}°: {:e} m, {:e} rad",
                moved.norm(),
                run.state.attitude.yaw_rad()
            );
            assert!(moved.norm() < 1e-4, "{gear:?}, {steering_deg}°: {moved}");
            assert!(run.state.attitude.yaw_rad().abs() < 1e-4, "{gear:?}, {steering_deg}°");
        }
    }
}
