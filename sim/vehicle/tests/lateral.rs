//! Turning: steady, transient, and what the tyres may do.

mod common;

use common::*;
use nalgebra::{Matrix4, Vector4, Vector6};
use skidpad_vehicle::{CornerState, Gear, VehicleModel, VehicleParams};
use skidpad_world::{FlatGround, Ground, SurfacePoint};

/// Steering-wheel angle of a road-wheel angle, deg.
fn wheel_deg(p: &VehicleParams, road_rad: f64) -> f64 {
    (p.steering.ratio * road_rad).to_degrees()
}

/// Understeer gradient of the linear car, rad/(m/s²): m/L·(b/C_f − a/C_r).
fn gradient(p: &VehicleParams) -> f64 {
    let c = &p.chassis;
    let (a, b) = (c.cg_behind_front_axle_m, c.wheelbase_m - c.cg_behind_front_axle_m);
    c.mass_kg / c.wheelbase_m * (b / axle_stiffness(p, true) - a / axle_stiffness(p, false))
}

/// Yaw rate over road-wheel angle of `p` in the steady turn at `speed`, towed, after `seconds`, 1/s.
fn yaw_gain(p: &VehicleParams, speed: f64, road_rad: f64, seconds: f64) -> f64 {
    let turn = steered(wheel_deg(p, road_rad));
    let mut run = Run::of(p, speed, &turn);
    run.tow(&turn, speed, seconds);
    run.yaw_rate() / (run.state.steering_wheel_rad() / p.steering.ratio)
}

/// Radius of the rear-axle centre's circle at `speed` against L/tan δ.
fn check_kinematic_radius(p: &VehicleParams, speed: f64, steering_deg: f64, share: f64) {
    let turn = steered(steering_deg);
    let mut run = Run::of(p, speed, &turn);
    run.tow(&turn, speed, 8.0);
    let motion = run.model.rear_axle_motion(&run.state);
    let along = run.state.attitude.matrix().transpose() * motion.velocity_mps;
    let road = run.state.steering_wheel_rad() / p.steering.ratio;
    let expected = p.chassis.wheelbase_m / libm::tan(road);
    assert_close(
        &format!("{speed} m/s, {steering_deg:.0}°: radius, m"),
        along.x / run.yaw_rate(),
        expected,
        share,
    );
}

#[test]
fn at_walking_pace_the_rear_axle_turns_about_the_ackermann_centre() {
    let ideal = changed(|p| p.steering.ackermann = 1.0);
    // The controller's car: 8.203 rad at the wheel over 16, wheelbase 2.8448 m.
    let tight = changed(|p| {
        p.steering.ackermann = 1.0;
        p.steering.ratio = 16.0;
        p.steering.max_wheel_deg = f64::to_degrees(8.203);
        p.steering.dead_band_deg = 0.0;
        p.chassis.wheelbase_m = 2.8448;
    });
    assert!((2.8448 / libm::tan(8.203 / 16.0) - 5.054).abs() < 1e-3);
    for p in [ideal, tight] {
        for speed in [0.3, 1.0] {
            for steering_deg in [60.0, -300.0, p.steering.max_wheel_deg, -p.steering.max_wheel_deg] {
                check_kinematic_radius(&p, speed, steering_deg, 5e-3);
            }
        }
    }
    // The shipped linkage is not ideal: near full lock the front tyres scrub and the circle is up to 1 % wider.
    check_kinematic_radius(&params(), 1.0, 60.0, 5e-3);
    for steering_deg in [-300.0, 470.0] {
        check_kinematic_radius(&params(), 1.0, steering_deg, 0.012);
    }
}

#[test]
fn creeping_in_drive_and_in_reverse_it_turns_about_the_ackermann_centre() {
    for gear in [Gear::Drive, Gear::Reverse] {
        for steering_deg in [-300.0, 120.0, 470.0] {
            // A little brake makes the creep slower: the kinematic limit.
            let turn = demand(0.0, 19.5, steering_deg, gear);
            let mut run = Run::level(0.0, &turn);
            run.drive(&turn, 25.0);
            let p = params();
            let road = run.state.steering_wheel_rad() / p.steering.ratio;
            assert!(run.speed().abs() > 0.1, "{} m/s", run.speed());
            assert_close(
                "radius, m",
                run.speed() / run.yaw_rate(),
                p.chassis.wheelbase_m / libm::tan(road),
                0.012,
            );
        }
    }
}

#[test]
fn a_steady_circle_in_reverse_has_the_radius_of_the_one_forward() {
    for steering_deg in [90.0, -250.0, 470.0] {
        let radius = |speed: f64| {
            let turn = steered(steering_deg);
            let mut run = Run::level(speed, &turn);
            run.tow(&turn, speed, 8.0);
            run.speed() / run.yaw_rate()
        };
        assert_close("radius in reverse, m", radius(-0.7), radius(0.7), 5e-3);
    }
}

#[test]
fn the_yaw_gain_of_the_linear_car_is_v_over_l_plus_k_v_squared() {
    let p = changed(single_track);
    let k = gradient(&p);
    for (acceleration, share) in [(1.0, 0.01), (3.0, 0.03)] {
        for speed in [5.0, 10.0, 15.0, 20.0, 25.0, 30.0, 35.0] {
            let expected = speed / (p.chassis.wheelbase_m + k * speed * speed);
            let road = acceleration / speed / expected;
            assert_close("yaw gain, 1/s", yaw_gain(&p, speed, road, 6.0), expected, share);
        }
    }
}

#[test]
fn the_yaw_gain_of_the_shipped_car_is_v_over_l_plus_k_v_squared() {
    // The law is that of tyres and chassis: the air adds to the sideslip and takes load from the axles, 1 % at 35 m/s.
    let p = changed(|p| (p.steering.dead_band_deg, p.aero.air_density_kgpm3) = (0.0, 0.0));
    let wheelbase = p.chassis.wheelbase_m;
    let k = (20.0 / yaw_gain(&p, 20.0, 0.001, 5.0) - wheelbase) / 400.0;
    for (acceleration, share) in [(1.0, 0.01), (3.0, 0.03)] {
        for speed in [5.0, 10.0, 15.0, 20.0, 25.0, 30.0, 35.0] {
            let expected = speed / (wheelbase + k * speed * speed);
            let road = acceleration / speed / expected;
            assert_close("yaw gain, 1/s", yaw_gain(&p, speed, road, 6.0), expected, share);
        }
    }
}

/// Understeer gradient by ISO 4138 at constant speed: slope of the road-wheel angle over the lateral
/// acceleration, less L/v².
fn fitted_gradient(p: &VehicleParams, speed: f64, points: &[(f64, f64)]) -> f64 {
    let n = points.len() as f64;
    let (road, side) =
        points.iter().fold((0.0, 0.0), |sum, point| (sum.0 + point.0 / n, sum.1 + point.1 / n));
    let product: f64 = points.iter().map(|point| (point.0 - road) * (point.1 - side)).sum();
    let square: f64 = points.iter().map(|point| (point.1 - side) * (point.1 - side)).sum();
    product / square - p.chassis.wheelbase_m / (speed * speed)
}

/// Slip angle at which the two tyres of an axle with these loads give `force_n` together, and their moment.
fn axle_slip(p: &VehicleParams, loads: &[f64], scale: f64, force_n: f64) -> (f64, f64) {
    let forces = |alpha: f64| {
        let both = [0, 1].map(|i| p.tyre.steady_state(0.0, -alpha, loads[i], 1.0, scale));
        (both[0].fy_n + both[1].fy_n, both[0].mz_nm + both[1].mz_nm)
    };
    let (mut low, mut high) = (0.0, 0.1);
    for _ in 0..50 {
        let middle = 0.5 * (low + high);
        if forces(middle).0 < force_n { low = middle } else { high = middle }
    }
    (low, forces(low).1)
}

/// Steady towed turns at `speed` with these road-wheel angles: angle, lateral acceleration, corners.
fn turns(p: &VehicleParams, speed: f64, roads: &[f64]) -> Vec<(f64, f64, [CornerState; 4])> {
    let turn = |road: &f64| {
        let turn = steered(wheel_deg(p, *road));
        let mut run = Run::of(p, speed, &turn);
        let corners = run.tow(&turn, speed, 6.0).corners;
        (run.state.steering_wheel_rad() / p.steering.ratio, speed * run.yaw_rate(), corners)
    };
    roads.iter().map(turn).collect()
}

/// The road-wheel angle that these turns need by their parts: L/R, the axles' slip angles by the tyres' curves
/// under the loads of the turn, less the steer of the wheels by force, moment and travel.
fn by_parts(p: &VehicleParams, speed: f64, turns: &[(f64, f64, [CornerState; 4])]) -> Vec<(f64, f64)> {
    let c = &p.chassis;
    let (wheelbase, a) = (c.wheelbase_m, c.cg_behind_front_axle_m);
    let part = |(_, side, corners): &(f64, f64, [CornerState; 4])| {
        let mut moment = 0.0;
        let mut angles = [0.0; 2];
        for _ in 0..6 {
            let force = (c.mass_kg * side * (wheelbase - a) - moment) / wheelbase;
            let axles =
                [(&p.front, &corners[..2], force), (&p.rear, &corners[2..], c.mass_kg * side - force)];
            moment = 0.0;
            for (angle, (axle, wheels, force)) in angles.iter_mut().zip(axles) {
                let loads = [wheels[0].load_n, wheels[1].load_n];
                let (slip, aligning) = axle_slip(p, &loads, axle.cornering_stiffness_scale, force);
                let steer_deg = 1e-3 * axle.lateral_force_steer_degpkn * force
                    + 1e-3 * axle.aligning_moment_steer_degpknm * aligning
                    + axle.toe_in_gain_degpm * (wheels[1].travel_m - wheels[0].travel_m);
                *angle = slip - 0.5 * steer_deg.to_radians();
                moment += aligning;
            }
        }
        (wheelbase * side / (speed * speed) + angles[0] - angles[1], *side)
    };
    turns.iter().map(part).collect()
}

/// Measured against the sum of the parts, with the parts' own straight line through the same turns.
fn check_gradient(p: &VehicleParams, roads: &[f64]) -> f64 {
    let speed = 25.0;
    let turns = turns(p, speed, roads);
    let points: Vec<(f64, f64)> = turns.iter().map(|(road, side, _)| (*road, *side)).collect();
    let measured = fitted_gradient(p, speed, &points);
    let (first, last) = (points[0].1 / G, points[points.len() - 1].1 / G);
    eprintln!("{first:.3} to {last:.3} g: understeer gradient {:.3} deg/g", measured.to_degrees() * G);
    let expected = fitted_gradient(p, speed, &by_parts(p, speed, &turns));
    assert_close("gradient, rad/(m/s²)", measured, expected, 0.05);
    measured
}

#[test]
fn the_understeer_gradient_is_the_sum_of_its_parts() {
    let p = changed(|p| {
        without_losses(p);
        p.steering.dead_band_deg = 0.0;
    });
    check_gradient(&p, &[0.001, 0.002, 0.003]);
    // About 0.1 to 0.3 g, the range of ISO 4138.
    check_gradient(&p, &[0.010, 0.0155, 0.021, 0.0265, 0.032]);
}

#[test]
fn roll_steer_and_compliance_steer_add_to_the_understeer_gradient() {
    // A linear car that rolls.
    let rolling_car = |p: &mut VehicleParams| {
        let height = p.chassis.cg_height_m;
        single_track(p);
        p.chassis.cg_height_m = height;
    };
    let roads = [0.002, 0.004, 0.006];
    let plain = check_gradient(&changed(rolling_car), &roads);
    let understeering: [fn(&mut VehicleParams); 4] = [
        |p| p.front.lateral_force_steer_degpkn = -0.2,
        |p| p.rear.lateral_force_steer_degpkn = 0.1,
        // Front wheels that toe out as they rise turn the outer wheel out of the turn.
        |p| p.front.toe_in_gain_degpm = -6.0,
        |p| p.rear.toe_in_gain_degpm = 4.0,
    ];
    for change in understeering {
        let p = changed(|p| {
            rolling_car(p);
            change(p);
        });
        assert!(check_gradient(&p, &roads) > 1.05 * plain);
    }
}

#[test]
fn the_understeer_gradient_of_the_linear_car_is_m_over_l_times_b_over_cf_minus_a_over_cr() {
    let p = changed(single_track);
    let speed = 25.0;
    let gain = yaw_gain(&p, speed, 0.01, 6.0);
    let measured = (speed / gain - p.chassis.wheelbase_m) / (speed * speed);
    assert_close("understeer gradient, rad/(m/s²)", measured, gradient(&p), 0.05);
}

#[test]
fn understeer_gradient_is_that_of_a_sedan() {
    let steady = |speed: f64| {
        let turn = |deg| demand(27.0, 0.0, deg, Gear::Drive);
        let mut run = Run::level(speed, &turn(0.0));
        run.drive(&turn(0.0), 0.5);
        run.drive(&turn(30.0), 3.0);
        let v = run.speed();
        let road = run.state.steering_wheel_rad() / params().steering.ratio;
        (road - params().chassis.wheelbase_m * run.yaw_rate() / v) / (v * run.yaw_rate() / G)
    };
    let k_deg_per_g = steady(22.0).to_degrees();
    assert!((2.0..5.0).contains(&k_deg_per_g), "{k_deg_per_g} deg/g");
}

#[test]
fn the_yaw_gain_is_largest_at_the_characteristic_speed() {
    let p = changed(single_track);
    let wheelbase = p.chassis.wheelbase_m;
    let characteristic = (wheelbase / gradient(&p)).sqrt();
    let best = (0..11)
        .map(|k| characteristic * (0.85 + 0.03 * f64::from(k)))
        .map(|speed| (yaw_gain(&p, speed, 0.003, 6.0), speed))
        .fold((0.0, 0.0), |best, next| if next.0 > best.0 { next } else { best });
    // The top of a parabola through the best point and its neighbours.
    let h = 0.03 * characteristic;
    let [below, top, above] = [-h, 0.0, h].map(|step| yaw_gain(&p, best.1 + step, 0.003, 6.0));
    let speed = best.1 + 0.5 * h * (below - above) / (below - 2.0 * top + above);
    assert_close("characteristic speed, m/s", speed, characteristic, 0.03);
    assert_close("largest yaw gain, 1/s", top, characteristic / (2.0 * wheelbase), 0.02);
}

/// Linear single-track car at constant speed.
struct SingleTrack {
    m: f64,
    inertia: f64,
    a: f64,
    b: f64,
    cf: f64,
    cr: f64,
    v: f64,
}

impl SingleTrack {
    fn of(p: &VehicleParams, v: f64) -> SingleTrack {
        SingleTrack {
            m: p.chassis.mass_kg,
            inertia: VehicleModel::new(p, DT_S).inertia_kgm2()[(2, 2)],
            a: p.chassis.cg_behind_front_axle_m,
            b: p.chassis.wheelbase_m - p.chassis.cg_behind_front_axle_m,
            cf: axle_stiffness(p, true),
            cr: axle_stiffness(p, false),
            v,
        }
    }

    /// Yaw rate `t` after a step of the road-wheel angle, rad/s: with ω², 2ζω from the characteristic
    /// polynomial and the zero T_z = m·v·a/(C_r·L).
    fn step_response(&self, road_rad: f64, t: f64) -> f64 {
        let SingleTrack { m, inertia, a, b, cf, cr, v } = *self;
        let l = a + b;
        let twice = (cf + cr) / (m * v) + (cf * a * a + cr * b * b) / (inertia * v);
        let square = cf * cr * l * l / (m * inertia * v * v) + (cr * b - cf * a) / inertia;
        let gain = v / (l + m / l * (b / cf - a / cr) * v * v);
        let zero = m * v * a / (cr * l);
        let decay = 0.5 * twice;
        let ringing = square - decay * decay;
        let slope = square * zero - decay;
        let shape = if ringing > 0.0 {
            let w = ringing.sqrt();
            libm::cos(w * t) - slope / w * libm::sin(w * t)
        } else {
            let w = (-ringing).sqrt();
            libm::cosh(w * t) - slope / w * libm::sinh(w * t)
        };
        gain * road_rad * (1.0 - libm::exp(-decay * t) * shape)
    }

    /// The same with tyres whose slip follows with the lag σ/v: states v_y, r, α_f, α_r; by the matrix
    /// exponential of one step.
    fn relaxed_response(&self, road_rad: f64, relaxation_m: f64, dt: f64, steps: usize) -> Vec<f64> {
        let SingleTrack { m, inertia, a, b, cf, cr, v } = *self;
        let rate = v / relaxation_m;
        #[rustfmt::skip]
        let system = Matrix4::new(
            0.0, -v, cf / m, cr / m,
            0.0, 0.0, cf * a / inertia, -cr * b / inertia,
            -rate / v, -rate * a / v, -rate, 0.0,
            -rate / v, rate * b / v, 0.0, -rate,
        );
        let steady =
            -system.try_inverse().expect("a stable car") * Vector4::new(0.0, 0.0, rate * road_rad, 0.0);
        let mut power = Matrix4::identity();
        let mut step = Matrix4::identity();
        for k in 1..12 {
            power = power * system * (dt / f64::from(k));
            step += power;
        }
        let mut off = -steady;
        (0..steps)
            .map(|_| {
                off = step * off;
                (steady + off).y
            })
            .collect()
    }
}

#[test]
fn the_linear_step_response_is_that_of_the_single_track_model() {
    for speed in [20.0, 30.0, 40.0] {
        let p = changed(|p| {
            single_track(p);
            // Relaxation all but off.
            p.tyre.relaxation_lat_m = 0.02;
        });
        let law = SingleTrack::of(&p, speed);
        let road = 0.5 / speed * (p.chassis.wheelbase_m + gradient(&p) * speed * speed) / speed;
        let turn = steered(wheel_deg(&p, road));
        let mut run = Run::of(&p, speed, &turn);
        let steady = law.step_response(road, 60.0);
        let mut worst = 0.0f64;
        for k in 1..=3000 {
            run.tow(&turn, speed, DT_S);
            worst = worst.max((run.yaw_rate() - law.step_response(road, f64::from(k) * DT_S)).abs());
        }
        eprintln!("{speed} m/s: off by {:.3} % of the steady yaw rate at most", 100.0 * worst / steady);
        assert!(worst < 0.02 * steady, "{speed} m/s: {worst} of {steady} rad/s");
    }
}

#[test]
fn relaxation_makes_the_step_response_lag_by_sigma_over_v() {
    for (speed, relaxation) in [(10.0, 0.55), (20.0, 0.55), (30.0, 0.8)] {
        let p = changed(|p| {
            single_track(p);
            p.tyre.relaxation_lat_m = relaxation;
        });
        let law = SingleTrack::of(&p, speed);
        let road = 0.5 / speed * (p.chassis.wheelbase_m + gradient(&p) * speed * speed) / speed;
        let turn = steered(wheel_deg(&p, road));
        let mut run = Run::of(&p, speed, &turn);
        let steady = law.step_response(road, 60.0);
        let expected = law.relaxed_response(road, relaxation, DT_S, 3000);
        let mut worst = 0.0f64;
        for expected in &expected {
            run.tow(&turn, speed, DT_S);
            worst = worst.max((run.yaw_rate() - expected).abs());
        }
        // Where the response has risen by a fifth, it is late by about the lag of the tyres.
        let unlagged = (0..3000).find(|k| law.step_response(road, f64::from(*k) * DT_S) > 0.2 * steady);
        let lagged = expected.iter().position(|rate| *rate > 0.2 * steady);
        let late = (lagged.expect("it rises") as f64 - f64::from(unlagged.expect("it rises"))) * DT_S;
        eprintln!(
            "{speed} m/s: off by {:.3} % of the steady yaw rate at most; late by {late:.3} s, σ/v {:.3} s",
            100.0 * worst / steady,
            relaxation / speed
        );
        assert!(worst < 0.02 * steady, "{speed} m/s: {worst} of {steady} rad/s");
    }
}

#[test]
fn side_force_has_risen_to_63_percent_when_the_tyre_has_rolled_its_relaxation_length() {
    for speed in [5.0, 10.0, 20.0] {
        let p = changed(|p| {
            with_linear_tyres(p);
            without_actuator_lags(p);
            p.steering.ackermann = 0.0;
        });
        let turn = steered(wheel_deg(&p, 0.003));
        let mut run = Run::of(&p, speed, &turn);
        let (velocity, attitude) = (run.state.velocity_mps, run.state.attitude);
        let mut forces = vec![0.0];
        for _ in 0..(4.0 / speed / DT_S) as usize {
            run.step(&turn, &Vector6::zeros());
            let [left, right, ..] = run.state.corners;
            forces.push(left.forces.fy_n + right.forces.fy_n);
            // The car is held on its line: the slip angle stays.
            (run.state.velocity_mps, run.state.attitude) = (velocity, attitude);
            run.state.rate_rps *= 0.0;
            run.state.acceleration_mps2 *= 0.0;
            run.state.angular_acceleration_rps2 *= 0.0;
        }
        let target = (1.0 - libm::exp(-1.0)) * forces.last().expect("a force");
        let after = forces.iter().position(|force| *force > target).expect("it rises");
        let between = (target - forces[after - 1]) / (forces[after] - forces[after - 1]);
        let rolled = speed * DT_S * (after as f64 - 1.0 + between);
        assert_close("distance to 63 %, m", rolled, p.tyre.relaxation_lat_m, 0.03);
    }
}

/// Largest share of the friction ellipse that any tyre uses in a wild drive.
fn most_of_the_ellipse(friction: f64) -> f64 {
    let p = params();
    let ground = FlatGround { friction, ..FlatGround::LEVEL };
    let mut run = Run::on(ground, 0.0, 30.0, &demand(0.0, 0.0, 0.0, Gear::Drive));
    let mut most = 0.0f64;
    for (throttle, brake, steer) in
        [(0.0, 0.0, 200.0), (0.0, 35.0, 200.0), (0.0, 60.0, -300.0), (100.0, 0.0, 470.0), (0.0, 100.0, 470.0)]
    {
        for _ in 0..1000 {
            let corners = run.drive(&demand(throttle, brake, steer, Gear::Drive), DT_S).corners;
            for corner in corners.iter().filter(|corner| corner.load_n > 0.0) {
                let dfz = corner.load_n / p.tyre.nominal_load_n - 1.0;
                let grip = friction * corner.load_n;
                let x = corner.forces.fx_n / ((p.tyre.pdx1 + p.tyre.pdx2 * dfz) * grip);
                let y = corner.forces.fy_n / ((p.tyre.pdy1 + p.tyre.pdy2 * dfz) * grip);
                most = most.max(libm::hypot(x, y));
            }
        }
    }
    eprintln!("friction {friction}: at most {most:.4} of the ellipse");
    most
}

#[test]
fn tyre_forces_stay_inside_the_friction_ellipse() {
    let most = most_of_the_ellipse(1.0);
    assert!(most > 0.9 && most <= 1.02, "{most} of the ellipse");
}

#[test]
fn tyre_forces_on_a_slippery_road_stay_inside_the_friction_ellipse() {
    for friction in [0.6, 0.3, 0.1] {
        let most = most_of_the_ellipse(friction);
        assert!(most > 0.9 && most <= 1.02, "friction {friction}: {most} of the ellipse");
    }
}

#[test]
fn a_tyre_in_the_air_has_no_force() {
    let airless = changed(|p| p.aero.air_density_kgpm3 = 0.0);
    let mut run = Run::of(&airless, 20.0, &steered(60.0));
    run.drive(&steered(60.0), 1.0);
    run.state.position_m.z += 3.0;
    for _ in 0..300 {
        let corners = run.drive(&demand(0.0, 30.0, 60.0, Gear::Neutral), DT_S).corners;
        for corner in corners {
            let forces = corner.forces;
            assert_eq!([corner.load_n, forces.fx_n, forces.fy_n, forces.mz_nm], [0.0; 4]);
        }
    }
    // Falling freely, up to the swing of the wheels.
    assert!((run.state.acceleration_mps2.z + G).abs() < 0.05, "{}", run.state.acceleration_mps2.z);
}

/// Dry on the left of the x axis, wet on the right.
struct SplitGround {
    right: f64,
}

impl Ground for SplitGround {
    fn surface(&mut self, _wheel: usize, _x_m: f64, y_m: f64) -> SurfacePoint {
        let friction = if y_m > 0.0 { 1.0 } else { self.right };
        SurfacePoint { height_m: 0.0, normal: [0.0, 0.0, 1.0], friction }
    }
}

#[test]
fn braking_on_split_friction_turns_the_car_by_the_force_difference_times_half_the_track() {
    let p = changed(|p| {
        without_losses(p);
        without_actuator_lags(p);
        p.brakes.abs = false;
        p.brakes.front_share = 0.6;
        p.brakes.force_by_pedal = vec![[0.0, 0.0], [50.0, 10_000.0]];
        p.chassis.sprung_inertia_xz_kgm2 = 0.0;
        p.chassis.cg_height_m = 0.0;
        p.tyre.pdx2 = 0.0;
    });
    let brake = demand(0.0, 50.0, 0.0, Gear::Neutral);
    let mut run = Run::with(VehicleModel::new(&p, DT_S), SplitGround { right: 0.1 }, 0.0, 25.0, &rolling());
    for _ in 0..400 {
        run.step(&brake, &Vector6::zeros());
        // The car is held straight, as it is in the first moment.
        run.state.velocity_mps.y = 0.0;
        run.state.rate_rps *= 0.0;
    }
    let [_, right, ..] = run.state.corners;
    assert!(right.spin_rps == 0.0, "the wheels on the wet side are locked");
    let deceleration = -run.acceleration().x;
    let moment: f64 = [(&p.front, 0.5 * 6000.0, 0), (&p.rear, 0.5 * 4000.0, 2)]
        .into_iter()
        .map(|(axle, force, left)| {
            let load = run.state.corners[left + 1].load_n;
            let sliding = -p.tyre.steady_state(-1.0, 0.0, load, 0.1, 1.0).fx_n;
            // A wheel that slows with the car gives back I_w·a/R².
            let gripping = force - p.tyre.spin_inertia_kgm2 * deceleration / p.tyre.rolling_radius_m.powi(2);
            0.5 * axle.track_m * (gripping - sliding)
        })
        .sum();
    let expected = moment / run.model.inertia_kgm2()[(2, 2)];
    assert_close("yaw acceleration, rad/s²", run.state.angular_acceleration_rps2.z, expected, 0.02);
}
