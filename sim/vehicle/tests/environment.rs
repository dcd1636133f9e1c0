//! The car in wind and on rough roads.

mod common;

use common::*;
use nalgebra::{Vector3, Vector6};
use skidpad_geo::Geodetic;
use skidpad_kernel::SimTime;
use skidpad_vehicle::{Environment, Gear, VehicleModel, VehicleParams};
use skidpad_world::{FlatGround, Gust, Map, MapGround, RoughnessClass, RoughnessLevel, Wind};

/// A rough plane.
fn rough(class: RoughnessClass, seed: u64) -> MapGround {
    let anchor = Geodetic { lat_deg: 35.0, lon_deg: -117.0, height_m: 0.0 };
    Map::plane(anchor, 1.0).rough_ground(Some(RoughnessLevel::Class(class)), seed)
}

/// The shipped car at `speed_mps`, towed, its steering wheel held straight, in a wind from the left for
/// `for_s`: deviation to the left (m) and yaw rate (rad/s) every millisecond of 2 s.
fn in_a_gust(params: &VehicleParams, speed_mps: f64, gust_mps: f64, for_s: f64) -> Vec<[f64; 2]> {
    let mut run = Run::of(params, speed_mps, &rolling());
    run.tow(&rolling(), speed_mps, 1.0);
    let mut wind = Wind::calm();
    // From the north, on a car that drives east. The nose takes about 0.1 s to enter.
    let gust = Gust { peak_mps: gust_mps, from_rad: 90f64.to_radians(), rise_s: 0.1, for_s };
    wind.begin(SimTime::ZERO, gust);
    let before = run.state.position_m.y;
    let mut environment = Environment::default();
    (1..=2000)
        .map(|ms| {
            environment.wind_mps = wind.advance(SimTime::from_ms(ms), DT_S, run.state.velocity_mps.into());
            let pull = 20.0 * run.model.mass_kg() * (speed_mps - run.speed());
            let tow = Vector6::new(pull, 0.0, 0.0, 0.0, 0.0, 0.0);
            run.model.step_with(&mut run.state, &rolling(), &mut run.ground, &environment, &tow);
            [run.state.position_m.y - before, run.yaw_rate()]
        })
        .collect()
}

/// As ISO 12021 measures it with a wind generator: 100 km/h, 20 m/s of side wind over some 30 m, steering held,
/// the deviation 2 s after the entry. Passenger cars deviate by some 0.3 to 1.5 m.
#[test]
fn a_side_wind_pushes_the_car_with_held_steering_off_its_path_as_wind_generators_do() {
    let speed_mps = 100.0 / 3.6;
    let through_s = 30.0 / speed_mps;
    let motion = in_a_gust(&params(), speed_mps, 20.0, through_s);
    let [deviation_m, _] = motion[1999];
    let fastest = motion.iter().map(|[_, rate]| rate.abs()).fold(0.0, f64::max).to_degrees();
    let endless_m = in_a_gust(&params(), speed_mps, 20.0, 100.0)[1999][0];
    eprintln!(
        "100 km/h, 20 m/s from the left: {deviation_m:.3} m after 2 s ({endless_m:.3} m in an endless wind), \
         yaw rate to {fastest:.2} deg/s"
    );
    assert!((-1.5..-0.3).contains(&deviation_m) && endless_m < deviation_m, "{deviation_m} {endless_m}");
    assert!((1.0..6.0).contains(&fastest), "{fastest}");
    // It turns away from the wind: the centre of pressure is ahead of the neutral-steer point.
    assert!(motion[400][1] < 0.0);
    let half = in_a_gust(&params(), speed_mps, 10.0, through_s)[1999][0];
    assert!(half < 0.0 && half > 0.75 * deviation_m, "less wind, less deviation: {half}");
    let behind = changed(|p| p.aero.side_centre_ahead_m = -0.9);
    let weathercock = in_a_gust(&behind, speed_mps, 20.0, through_s);
    assert!(weathercock[400][1] > 0.0, "with the pressure behind, the car turns into the wind");
}

/// The side force that does not pass through the neutral-steer point turns the car; where it does, the car only
/// drifts. Closed form of the linear single track under a side force F at x ahead of the centre of mass:
/// r = F·(x + x_n)·v / (C-weighted wheelbase terms), zero at x = −x_n with x_n = (l_r C_r − l_f C_f)/(C_f + C_r).
#[test]
fn a_side_force_at_the_neutral_steer_point_does_not_turn_the_car() {
    let single = changed(|p| {
        single_track(p);
        p.aero.air_density_kgpm3 = 1.2;
        p.aero.side_centre_height_m = Some(0.0);
        p.aero.centre_height_m = 0.0;
        (p.aero.front_lift_area_m2, p.aero.rear_lift_area_m2) = (0.0, 0.0);
    });
    let c = &single.chassis;
    let (to_front, to_rear) = (c.cg_behind_front_axle_m, c.wheelbase_m - c.cg_behind_front_axle_m);
    let (front, rear) = (axle_stiffness(&single, true), axle_stiffness(&single, false));
    let margin_m = (to_rear * rear - to_front * front) / (front + rear);
    let settled = |ahead_m: f64| {
        let mut p = single.clone();
        p.aero.side_centre_ahead_m = ahead_m;
        in_a_gust(&p, 20.0, 3.0, 100.0)[1500][1]
    };
    // The flow is 8.5 degrees from ahead: the pressure point moves back by its cosine.
    let at_neutral = settled(-margin_m / libm::cos(libm::atan2(3.0, 20.0)));
    let at_mass = settled(0.0);
    eprintln!(
        "yaw rate: {at_neutral:.2e} rad/s at the neutral-steer point, {at_mass:.2e} at the centre of mass"
    );
    assert!(at_mass < -1e-3 && at_neutral.abs() < 0.03 * at_mass.abs(), "{at_neutral} {at_mass}");
}

#[test]
fn a_head_wind_slows_a_rolling_car_by_the_square_of_the_air_speed_and_a_tail_wind_pushes_it() {
    let p = changed(|p| {
        (p.tyre.rolling_resistance, p.aero.front_lift_area_m2, p.aero.rear_lift_area_m2) = (0.0, 0.0, 0.0)
    });
    for wind_mps in [-10.0, 0.0, 10.0, 25.0] {
        let mut run = Run::of(&p, 15.0, &rolling());
        run.drive(&rolling(), 0.5);
        let environment = Environment { wind_mps: [wind_mps, 0.0, 0.0], ..Environment::default() };
        let before = run.speed();
        let mut expected = before;
        for _ in 0..4000 {
            run.model.step(&mut run.state, &rolling(), &mut run.ground, &environment);
            let u = expected - wind_mps;
            let drag = 0.5 * p.aero.air_density_kgpm3 * p.aero.drag_area_m2 * u * u.abs();
            expected -= DT_S * drag / effective_mass(&p);
        }
        let (lost, by_law) = (before - run.speed(), before - expected);
        eprintln!("wind {wind_mps} m/s: lost {lost:.5} m/s, by the law {by_law:.5}");
        assert!((lost - by_law).abs() < 5e-3 * by_law.abs().max(0.02), "{wind_mps}: {lost} {by_law}");
    }
}

#[test]
fn a_parked_car_stands_in_a_storm_and_leans_away_from_it() {
    let park = demand(0.0, 0.0, 0.0, Gear::Park);
    let mut run = Run::level(0.0, &park);
    let environment = Environment { wind_mps: [0.0, -30.0, 0.0], ..Environment::default() };
    let mut rest = |seconds: f64| {
        for _ in 0..(seconds * 1e3) as usize {
            run.model.step(&mut run.state, &park, &mut run.ground, &environment);
        }
        (run.state.position_m, run.state.attitude.roll_rad(), run.state.velocity_mps.norm())
    };
    let (settled, _, _) = rest(10.0);
    let (later, roll_rad, speed_mps) = rest(30.0);
    assert!((later - settled).norm() < 1e-6 && speed_mps < 1e-7, "{} {speed_mps}", (later - settled).norm());
    // The wind from the left presses the right side down: positive roll.
    assert!((0.05..2.0).contains(&roll_rad.to_degrees()), "{}", roll_rad.to_degrees());
}

/// Vertical acceleration of the body at the centre of mass, rms, m/s²; and the share of time a wheel is in the air.
fn ride(class: RoughnessClass, speed_mps: f64) -> (f64, f64) {
    let model = VehicleModel::new(&params(), DT_S);
    let mut run = Run::with(model, rough(class, 11), 0.3, speed_mps, &rolling());
    run.tow(&rolling(), speed_mps, 2.0);
    let (mut square, mut airborne) = (0.0, 0);
    let steps = 30_000;
    for _ in 0..steps {
        run.tow(&rolling(), speed_mps, DT_S);
        let up = run.state.acceleration_mps2.z;
        square += up * up;
        airborne += run.state.corners.iter().filter(|corner| corner.load_n == 0.0).count();
    }
    assert!(run.is_finite());
    ((square / f64::from(steps)).sqrt(), airborne as f64 / (4.0 * f64::from(steps)))
}

/// The suspension is linear in its amplitude (apart from stops, and wheels that leave the ground), and each
/// class is twice as high as the one before. Quarter-car models of passenger cars give some 0.3, 0.6 and 1.2 m/s²
/// at this speed; the whole car, whose wheels do not all rise at once, less.
#[test]
fn the_ride_gets_twice_as_rough_with_every_class() {
    let [a, b, c] = [RoughnessClass::A, RoughnessClass::B, RoughnessClass::C].map(|class| ride(class, 20.0));
    eprintln!("vertical acceleration at 20 m/s, rms: A {:.3}, B {:.3}, C {:.3} m/s²", a.0, b.0, c.0);
    eprintln!("wheels in the air: A {:.3} %, B {:.3} %, C {:.3} %", 100.0 * a.1, 100.0 * b.1, 100.0 * c.1);
    assert!((0.15..0.5).contains(&a.0), "{a:?}");
    assert!((b.0 / a.0 - 2.0).abs() < 0.1 && (c.0 / b.0 - 2.0).abs() < 0.2, "{a:?} {b:?} {c:?}");
    assert!(a.1 == 0.0 && b.1 == 0.0 && c.1 < 0.02, "{a:?} {b:?} {c:?}");
}

#[test]
fn a_car_stopped_on_a_rough_road_stays_exactly_stopped() {
    for (class, heading_rad) in [(RoughnessClass::B, 0.0), (RoughnessClass::C, 0.9), (RoughnessClass::C, 2.2)]
    {
        let braked = demand(0.0, 40.0, 0.0, Gear::Drive);
        let mut run =
            Run::with(VehicleModel::new(&params(), DT_S), rough(class, 3), heading_rad, 8.0, &braked);
        run.drive(&braked, 12.0);
        let (at, attitude) = (run.state.position_m, run.state.attitude.0);
        run.drive(&braked, 60.0);
        let drift = (run.state.position_m - at).norm();
        let speed = run.state.velocity_mps.norm();
        eprintln!("class {class:?}: drift in a minute {drift:.1e} m, speed {speed:.1e} m/s");
        assert!(drift < 1e-9 && speed < 1e-12, "{drift} {speed}");
        assert!(run.state.corners.iter().all(|corner| corner.spin_rps == 0.0));
        assert!(attitude.iter().zip(run.state.attitude.0).all(|(a, b)| (a - b).abs() < 1e-9));
    }
}

/// Without wind the new terms only act across the flow: straight ahead nothing is to be seen of them but lift.
#[test]
fn side_force_and_its_place_do_nothing_to_a_car_that_drives_straight() {
    let plain = changed(|p| {
        (p.aero.side_area_m2, p.aero.side_centre_height_m, p.aero.side_centre_ahead_m) = (None, None, 0.0);
    });
    let final_state = |p: &VehicleParams| {
        let mut run = Run::with(VehicleModel::new(p, DT_S), FlatGround::LEVEL, 0.0, 30.0, &rolling());
        run.drive(&rolling(), 5.0).position_m
    };
    let difference: Vector3<f64> = final_state(&plain) - final_state(&params());
    assert!(difference.norm() < 1e-9, "{difference}");
}
