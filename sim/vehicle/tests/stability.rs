//! Stability control, traction control and hill-start assist.

mod common;

use common::*;
use nalgebra::Vector6;
use skidpad_vehicle::{
    ActuatorDemand, Gear, HillStart, PlantReport, SteeringDemand, VehicleModel, VehicleParams,
};
use skidpad_world::{FlatGround, Ground, SurfacePoint};
use std::f64::consts::{PI, TAU};

/// 80 km/h.
const TEST_SPEED_MPS: f64 = 80.0 / 3.6;

fn imposed(throttle_pct: f64, brake_pct: f64, wheel_rad: f64) -> ActuatorDemand {
    ActuatorDemand {
        steering: SteeringDemand::Imposed { angle_rad: wheel_rad },
        ..demand(throttle_pct, brake_pct, 0.0, Gear::Drive)
    }
}

/// The shipped car with only this changed: stability control.
fn with_esc(esc: bool) -> VehicleParams {
    let mut p = shipped();
    p.stability.esc = esc;
    p
}

/// Steering-wheel angle at 0.3 g of a slow ramp of 13.5 °/s at 80 km/h, rad: the unit of FMVSS 126.
fn unit_angle() -> f64 {
    let mut run = Run::of(&params(), TEST_SPEED_MPS, &imposed(0.0, 0.0, 0.0));
    let mut wheel_rad = 0.0;
    while run.acceleration().y < 0.3 * G {
        wheel_rad += 13.5f64.to_radians() * DT_S;
        run.tow(&imposed(0.0, 0.0, wheel_rad), TEST_SPEED_MPS, DT_S);
    }
    wheel_rad
}

/// Yaw-rate ratios 1.00 s and 1.75 s after the sine with dwell, %, and the displacement at 1.07 s, m.
fn sine_with_dwell(p: &VehicleParams, amplitude_rad: f64) -> [f64; 3] {
    const HZ: f64 = 0.7;
    const END_S: f64 = 1.0 / HZ + 0.5;
    let shape = |t: f64| match t {
        _ if t < 0.75 / HZ => libm::sin(TAU * HZ * t),
        _ if t < 0.75 / HZ + 0.5 => -1.0,
        _ if t < END_S => libm::sin(TAU * HZ * (t - 0.5)),
        _ => 0.0,
    };
    let mut run = Run::of(p, TEST_SPEED_MPS, &imposed(0.0, 0.0, 0.0));
    let (mut highest, mut aside, mut ratios) = (0.0f64, 0.0, [f64::NAN; 2]);
    for k in 0..4000 {
        let t = f64::from(k) * DT_S;
        run.drive(&imposed(0.0, 0.0, amplitude_rad * shape(t)), DT_S);
        if t > 0.5 / HZ {
            highest = highest.max(-run.yaw_rate());
        }
        if k == 1070 {
            aside = run.state.position_m.y;
        }
        for (ratio, after_s) in ratios.iter_mut().zip([1.0, 1.75]) {
            if t <= END_S + after_s {
                *ratio = -100.0 * run.yaw_rate() / highest;
            }
        }
    }
    [ratios[0], ratios[1], aside]
}

impl<S: Ground> Run<S> {
    fn report(&self) -> PlantReport {
        self.model.report(&self.state)
    }
}

/// A slope along +x with one friction under the left wheels and another under the right ones.
#[derive(Clone, Copy)]
struct SplitFriction {
    plane: FlatGround,
    left: f64,
    right: f64,
}

impl Ground for SplitFriction {
    fn surface(&mut self, wheel: usize, x_m: f64, y_m: f64) -> SurfacePoint {
        let friction = if wheel.is_multiple_of(2) { self.left } else { self.right };
        SurfacePoint { friction, ..self.plane.surface(wheel, x_m, y_m) }
    }
}

#[test]
fn fmvss_126_the_car_passes_the_sine_with_dwell_up_to_270_degrees_with_esc_and_not_without() {
    let a = unit_angle();
    eprintln!("A = {:.1}°", a.to_degrees());
    let last = (6.5 * a).max(270f64.to_radians());
    let mut failed_without = false;
    for amplitude in (3..13).map(|k| 0.5 * f64::from(k) * a).chain([6.5 * a, last]) {
        let [early_pct, late_pct, aside_m] = sine_with_dwell(&with_esc(true), amplitude);
        let without = sine_with_dwell(&with_esc(false), amplitude);
        let of_a = amplitude / a;
        eprintln!(
            "{of_a:.1} A, {:.0}°: {early_pct:.1} % {late_pct:.1} % {aside_m:.2} m; without {without:.2?}",
            amplitude.to_degrees()
        );
        assert!(early_pct <= 35.0 && late_pct <= 20.0, "{of_a} A: yaws on with {early_pct} %, {late_pct} %");
        assert!(of_a < 5.0 || aside_m >= 1.83, "{of_a} A: only {aside_m} m aside");
        failed_without |= without[0] > 35.0 || without[1] > 20.0;
    }
    assert!(failed_without, "the car without stability control passes: the test proves nothing");
}

#[test]
fn esc_never_acts_in_a_steady_circle_up_to_0_6_g() {
    for (speed, friction) in [(8.0, 1.0), (TEST_SPEED_MPS, 1.0), (35.0, 1.0), (15.0, 0.8)] {
        let ground = FlatGround { friction, ..FlatGround::LEVEL };
        let first = imposed(0.0, 0.0, 0.0);
        let mut run = Run::with(VehicleModel::new(&shipped(), DT_S), ground, 0.0, speed, &first);
        let mut wheel_rad = 0.0;
        while run.acceleration().y < 0.6 * G {
            wheel_rad += 13.5f64.to_radians() * DT_S;
            assert!(wheel_rad < 8.0, "{speed} m/s: only {} m/s² at the stop", run.acceleration().y);
            run.tow(&imposed(0.0, 0.0, wheel_rad), speed, DT_S);
            let report = run.report();
            let ay = run.acceleration().y;
            assert!(!report.stability_active && !report.traction_active, "{speed} m/s: acts at {ay} m/s²");
        }
    }
}

#[test]
fn esc_never_acts_in_lane_changes_at_moderate_speed_nor_in_a_slalom() {
    // One sine of the steering wheel moves the car a lane; several are a slalom.
    for (speed, hz, wheel_deg, sines) in [
        (60.0 / 3.6, 0.5, 50.0, 1),
        (60.0 / 3.6, 0.4, 40.0, 6),
        (TEST_SPEED_MPS, 0.5, 35.0, 1),
        (10.0, 0.4, 120.0, 4),
    ] {
        let mut run = Run::of(&shipped(), speed, &imposed(0.0, 0.0, 0.0));
        let mut hardest = 0.0f64;
        for k in 0..((f64::from(sines) / hz + 1.0) / DT_S) as u32 {
            let t = f64::from(k) * DT_S;
            let wave = if t * hz < f64::from(sines) { libm::sin(TAU * hz * t) } else { 0.0 };
            run.tow(&imposed(0.0, 0.0, wheel_deg * PI / 180.0 * wave), speed, DT_S);
            hardest = hardest.max(run.acceleration().y.abs());
            assert!(!run.report().stability_active, "{speed} m/s, {wheel_deg}°: acts at {t} s");
        }
        eprintln!("{speed:.1} m/s, {hz} Hz, {wheel_deg}°: {hardest:.2} m/s²");
        assert!(hardest > 2.5, "too soft to prove anything: {hardest} m/s²");
    }
}

#[test]
fn esc_never_acts_on_a_crossfall_on_a_grade_or_on_gentle_ice() {
    let crossfall = FlatGround { slope_y: 0.2, ..FlatGround::LEVEL };
    let ice = FlatGround { friction: 0.2, ..FlatGround::LEVEL };
    for (ground, speed, hardest_deg) in [
        (crossfall, 6.0, 60.0),
        (FlatGround { slope_y: -0.2, ..crossfall }, 6.0, 60.0),
        (crossfall, 15.0, 30.0),
        (slope(0.2), 10.0, 60.0),
        (slope(-0.2), 10.0, 60.0),
        (ice, 10.0, 25.0),
    ] {
        let first = demand(0.0, 0.0, 0.0, Gear::Drive);
        let mut run = Run::with(VehicleModel::new(&shipped(), DT_S), ground, 0.0, speed, &first);
        for (throttle, brake, wheel_deg) in [
            (20.0, 0.0, 0.0),
            (22.0, 0.0, 0.5 * hardest_deg),
            (22.0, 0.0, hardest_deg),
            (20.0, 0.0, -hardest_deg),
            (0.0, 20.0, 0.0),
        ] {
            for k in 0..1500 {
                run.drive(&demand(throttle, brake, wheel_deg, Gear::Drive), DT_S);
                let active = run.report().stability_active;
                assert!(!active, "{ground:?}, {speed} m/s, {wheel_deg}°: acts after {k} ms");
            }
        }
    }
}

/// Largest sideslip angle in the 4 s after a jerk at the wheel on a wet road, °.
fn swerve_sideslip_deg(esc: bool, friction: f64) -> f64 {
    let ground = FlatGround { friction, ..FlatGround::LEVEL };
    let first = imposed(20.0, 0.0, 0.0);
    let mut run = Run::with(VehicleModel::new(&with_esc(esc), DT_S), ground, 0.0, 20.0, &first);
    let mut largest = 0.0f64;
    for k in 0..5000 {
        let wheel_deg = match k {
            0..500 => 120.0,
            500..1200 => -150.0,
            _ => 0.0,
        };
        run.drive(&imposed(20.0, 0.0, wheel_deg * PI / 180.0), DT_S);
        let v = run.velocity();
        largest = largest.max(libm::atan2(v.y, v.x.abs()).abs().to_degrees());
    }
    largest
}

#[test]
fn on_a_wet_road_a_swerve_spins_the_car_without_esc_and_not_with_it() {
    for friction in [0.4, 0.55] {
        let [with, without] = [true, false].map(|esc| swerve_sideslip_deg(esc, friction));
        eprintln!("friction {friction}: sideslip {with:.1}° with, {without:.1}° without");
        assert!(with < 12.0, "friction {friction}: {with}°");
        assert!(without > 2.0 * with, "friction {friction}: {without}° without, {with}° with");
    }
}

#[test]
fn esc_does_not_act_in_reverse() {
    let back = ActuatorDemand { gear: Gear::Reverse, ..imposed(0.0, 0.0, 0.0) };
    let mut run = Run::of(&shipped(), -10.0, &back);
    for wheel_deg in [200.0, -300.0, 100.0] {
        for _ in 0..1000 {
            run.drive(
                &ActuatorDemand { gear: Gear::Reverse, ..imposed(0.0, 0.0, wheel_deg * PI / 180.0) },
                DT_S,
            );
            assert!(!run.report().stability_active);
        }
    }
}

/// Kinetic energy of body and wheels, J.
fn energy(run: &Run, p: &VehicleParams) -> f64 {
    let (v, w) = (run.state.velocity_mps, run.state.rate_rps);
    let spin: f64 = run.state.corners.iter().map(|corner| corner.spin_rps * corner.spin_rps).sum();
    0.5 * (p.chassis.mass_kg * v.dot(&v)
        + w.dot(&(run.model.inertia_kgm2() * w))
        + p.tyre.spin_inertia_kgm2 * spin)
}

#[test]
fn esc_only_ever_brakes_it_adds_no_energy_and_turns_no_wheel_backward() {
    let p = shipped();
    let mut run = Run::of(&p, 30.0, &rolling());
    let (mut acted, mut before) = (false, energy(&run, &p));
    for k in 0..4000 {
        let wheel_deg = match k / 700 {
            0 => 150.0,
            1 => -200.0,
            2 => 100.0,
            _ => 0.0,
        };
        run.drive(&ActuatorDemand { gear: Gear::Neutral, ..imposed(0.0, 0.0, wheel_deg * PI / 180.0) }, DT_S);
        acted |= run.report().stability_active;
        if k % 100 == 99 {
            // Springs and tread give back a little of what they stored: over a tenth of a second they cannot
            // hide a drive.
            let now = energy(&run, &p);
            assert!(now < before + 200.0, "{k} ms: {now} J after {before} J");
            before = now;
        }
        for corner in &run.state.corners {
            assert!(corner.spin_rps >= 0.0 && corner.brake_torque_nm >= 0.0, "{corner:?}");
        }
    }
    assert!(acted, "nothing to prove: the stability control never acted");
}

#[test]
fn a_turn_to_the_left_and_its_mirror_image_are_braked_alike() {
    let runs = [1.0, -1.0].map(|side| {
        let mut run = Run::of(&shipped(), 25.0, &imposed(0.0, 0.0, 0.0));
        let mut active = 0;
        for (throttle, brake, wheel_deg) in [(30.0, 0.0, 160.0), (0.0, 0.0, -200.0), (0.0, 25.0, 0.0)] {
            for _ in 0..900 {
                run.drive(&imposed(throttle, brake, side * wheel_deg * PI / 180.0), DT_S);
                active += i32::from(run.report().stability_active);
            }
        }
        (run, active)
    });
    let [(left, acted), (right, mirrored)] = &runs;
    assert!(*acted > 200 && acted == mirrored, "active for {acted} and {mirrored} steps");
    let (l, r) = (&left.state, &right.state);
    assert!((l.position_m.x - r.position_m.x).abs() < 1e-9 * l.position_m.norm());
    assert!((l.position_m.y + r.position_m.y).abs() < 1e-9 * l.position_m.norm());
    assert!((l.rate_rps.z + r.rate_rps.z).abs() < 1e-9);
}

/// The trajectory's bits, every 10 ms.
fn trace(p: &VehicleParams, ground: FlatGround, speed: f64, drive: &[(ActuatorDemand, f64)]) -> Vec<u64> {
    let mut run = Run::with(VehicleModel::new(p, DT_S), ground, 0.0, speed, &drive[0].0);
    let mut bits = Vec::new();
    for (demand, seconds) in drive {
        for _ in 0..(seconds * 100.0) as usize {
            run.drive(demand, 0.01);
            run.state.visit_trajectory(|x| bits.push(x.to_bits()));
        }
    }
    bits
}

#[test]
fn aids_that_do_not_act_leave_no_trace_and_each_can_be_switched_off() {
    // What a driver does on a normal day, antilock braking included.
    let day = [
        (demand(0.0, 0.0, 0.0, Gear::Drive), 1.0),
        (demand(40.0, 0.0, 0.0, Gear::Drive), 4.0),
        (demand(25.0, 0.0, 40.0, Gear::Drive), 3.0),
        (demand(0.0, 25.0, -20.0, Gear::Drive), 1.0),
        (demand(0.0, 60.0, 0.0, Gear::Drive), 4.0),
        (demand(0.0, 0.0, 0.0, Gear::Reverse), 3.0),
    ];
    assert!(
        trace(&shipped(), FlatGround::LEVEL, 5.0, &day) == trace(&params(), FlatGround::LEVEL, 5.0, &day)
    );
    // A skid, a spinning wheel, a hill: the switch of each makes the difference, and no other one's.
    let ice = FlatGround { friction: 0.2, ..FlatGround::LEVEL };
    let skid =
        [(demand(0.0, 0.0, 200.0, Gear::Neutral), 1.0), (demand(0.0, 0.0, -200.0, Gear::Neutral), 2.0)];
    let spin = [(demand(100.0, 0.0, 0.0, Gear::Drive), 3.0)];
    let hill = [(demand(0.0, 40.0, 0.0, Gear::Drive), 1.0), (demand(0.0, 0.0, 0.0, Gear::Drive), 1.5)];
    type Story<'a> = (&'a [(ActuatorDemand, f64)], FlatGround, f64, fn(&mut VehicleParams));
    let stories: [Story; 3] = [
        (&skid, FlatGround { friction: 0.5, ..FlatGround::LEVEL }, 25.0, |p| p.stability.esc = false),
        (&spin, ice, 0.0, |p| p.stability.traction = false),
        (&hill, slope(0.2), 0.0, |p| p.stability.hill_start = false),
    ];
    for (index, (drive, ground, speed, off)) in stories.into_iter().enumerate() {
        let with = trace(&shipped(), ground, speed, drive);
        let mut p = shipped();
        off(&mut p);
        let without = trace(&p, ground, speed, drive);
        assert!(with != without, "story {index}: the switch changes nothing");
        assert!(without == trace(&params(), ground, speed, drive), "story {index}: another switch acted");
    }
}

#[test]
fn traction_control_pulls_away_where_one_wheel_is_on_ice_and_without_it_the_car_stays() {
    // Up 10 %: the wheel on ice bears 0.1 of its load, twice that does not carry the car.
    let ground = SplitFriction { plane: slope(0.1), left: 1.0, right: 0.1 };
    for (traction, goes) in [(true, true), (false, false)] {
        let mut p = shipped();
        p.stability.traction = traction;
        let hold = demand(0.0, 30.0, 0.0, Gear::Drive);
        let mut run = Run::with(VehicleModel::new(&p, DT_S), ground, 0.0, 0.0, &hold);
        run.drive(&hold, 1.0);
        let go = demand(40.0, 0.0, 0.0, Gear::Drive);
        run.drive(&go, 6.0);
        let spin = run.report().wheel_spin_rps[1] * p.tyre.rolling_radius_m;
        eprintln!(
            "traction control {traction}: {:.2} m/s after 6 s, {:.2} m, wheel on ice at {spin:.2} m/s",
            run.speed(),
            run.rear_axle().x
        );
        if goes {
            assert!(run.speed() > 3.0 && run.rear_axle().x > 5.0 && spin < run.speed() + 3.0);
        } else {
            assert!(run.speed() < 0.5 && spin > 10.0, "climbs without: {} m/s", run.speed());
        }
    }
}

#[test]
fn traction_control_keeps_the_driven_wheels_from_spinning_on_ice_and_the_engine_from_racing() {
    let ground = FlatGround { friction: 0.2, ..FlatGround::LEVEL };
    let full = demand(100.0, 0.0, 0.0, Gear::Drive);
    for name in ["lincoln_mkz", "lincoln_mkz_turbo"] {
        let mut speeds = Vec::new();
        for traction in [true, false] {
            let mut p = car(name);
            p.stability.traction = traction;
            let mut run = Run::with(VehicleModel::new(&p, DT_S), ground, 0.0, 0.0, &full);
            run.drive(&full, 2.0);
            let (mut spin, mut engine_rpm) = (0.0f64, 0.0f64);
            for _ in 0..4000 {
                run.drive(&full, DT_S);
                let report = run.report();
                spin = spin.max(report.wheel_spin_rps[0] * p.tyre.rolling_radius_m - run.speed());
                engine_rpm = engine_rpm.max(report.engine_rpm);
            }
            eprintln!(
                "{name}, traction control {traction}: spins by {spin:.1} m/s, engine to {engine_rpm:.0} 1/min, {:.1} m/s \
                 after 6 s",
                run.speed()
            );
            assert_eq!(spin < 3.0, traction, "spins by {spin} m/s");
            speeds.push(run.speed());
        }
        assert!(speeds[0] >= 0.95 * speeds[1], "{speeds:?} m/s with and without");
    }
}

/// The car standing on a slope along x, its nose along `heading_rad`, held by the foot for a second.
fn standing(p: &VehicleParams, grade: f64, heading_rad: f64, gear: Gear) -> Run {
    let foot = demand(0.0, 40.0, 0.0, gear);
    let mut run = Run::with(VehicleModel::new(p, DT_S), slope(grade), heading_rad, 0.0, &foot);
    run.drive(&foot, 1.0);
    run
}

/// Distance rolled against the gear's direction since `from`, m.
fn rolled_back(run: &Run, from: nalgebra::Vector3<f64>, gear: Gear) -> f64 {
    let direction = if gear == Gear::Reverse { -1.0 } else { 1.0 };
    let ahead = run.state.attitude.matrix().column(0).into_owned() * direction;
    -(run.rear_axle() - from).dot(&ahead)
}

#[test]
fn hill_start_assist_holds_for_two_seconds_uphill_forward_and_in_reverse_then_lets_go_slowly() {
    // 10 % is carried by this car's creep in Drive: Low and Drive alike need the steeper hill to roll back.
    for (grade, heading, gear) in
        [(0.2, 0.0, Gear::Drive), (0.1, PI, Gear::Reverse), (0.2, PI, Gear::Reverse)]
    {
        let mut run = standing(&shipped(), grade, heading, gear);
        assert_eq!(run.report().hill_start, HillStart::ActivePressed, "{grade} {gear:?}");
        let from = run.rear_axle();
        // The pedal is gone 60 ms later, its pressure later still.
        run.drive(&demand(0.0, 0.0, 0.0, gear), 2.0);
        assert_eq!(run.report().hill_start, HillStart::ActiveReleased);
        let held = rolled_back(&run, from, gear);
        assert!(held.abs() < 2e-3, "{grade} {gear:?}: moved by {held} m while held");
        run.drive(&demand(0.0, 0.0, 0.0, gear), 0.2);
        assert_eq!(run.report().hill_start, HillStart::SlowRelease);
        run.drive(&demand(0.0, 0.0, 0.0, gear), 2.0);
        assert_eq!(run.report().hill_start, HillStart::Inactive);
        let back = rolled_back(&run, from, gear);
        eprintln!("{grade} {gear:?}: {held:.5} m in 2 s, {back:.2} m after 4.2 s");
        assert!(back > 0.05, "{grade} {gear:?}: still held, {back} m");
    }
}

#[test]
fn without_hill_start_assist_the_car_rolls_back_at_once() {
    let mut p = shipped();
    p.stability.hill_start = false;
    let mut run = standing(&p, 0.2, 0.0, Gear::Drive);
    assert_eq!(run.report().hill_start, HillStart::Inactive);
    let from = run.rear_axle();
    run.drive(&demand(0.0, 0.0, 0.0, Gear::Drive), 2.0);
    assert!(rolled_back(&run, from, Gear::Drive) > 0.3);
}

#[test]
fn the_creep_that_carries_ten_percent_is_not_fought_by_the_assist() {
    // 10 % pulls with 1.85 kN; a car with three times the creep is carried by it.
    let mut p = shipped();
    for row in &mut power_split(&mut p).closed_pedal_force_by_speed {
        row[1] *= if row[1] > 0.0 { 3.0 } else { 1.0 };
    }
    let mut run = standing(&p, 0.1, 0.0, Gear::Drive);
    assert_eq!(run.report().hill_start, HillStart::ActivePressed);
    let from = run.rear_axle();
    run.drive(&demand(0.0, 0.0, 0.0, Gear::Drive), 2.0);
    assert!(rolled_back(&run, from, Gear::Drive) < -0.05, "held back");
    assert_eq!(run.report().hill_start, HillStart::Inactive);
}

#[test]
fn hill_start_assist_does_not_hold_downhill_on_the_level_nor_in_neutral() {
    for (grade, heading, gear) in [
        (0.2, PI, Gear::Drive),
        (0.2, 0.0, Gear::Reverse),
        (0.0, 0.0, Gear::Drive),
        (0.02, 0.0, Gear::Drive),
        (0.2, 0.0, Gear::Neutral),
    ] {
        let mut run = standing(&shipped(), grade, heading, gear);
        let waiting = if gear == Gear::Neutral { HillStart::Inactive } else { HillStart::FindingGradient };
        assert_eq!(run.report().hill_start, waiting, "{grade} {gear:?}");
        let mut free = standing(&params(), grade, heading, gear);
        for run in [&mut run, &mut free] {
            run.drive(&demand(0.0, 0.0, 0.0, gear), 1.5);
        }
        assert_eq!(run.rear_axle(), free.rear_axle(), "{grade} {gear:?}: held");
    }
}

#[test]
fn driving_off_within_two_seconds_rolls_back_less_than_a_centimetre() {
    for (grade, heading, gear, throttle) in [
        (0.1, 0.0, Gear::Drive, 30.0),
        (0.2, 0.0, Gear::Drive, 40.0),
        (0.2, PI, Gear::Reverse, 60.0),
        (0.1, PI, Gear::Reverse, 40.0),
    ] {
        for wait_s in [0.2, 0.8, 1.6] {
            let mut run = standing(&shipped(), grade, heading, gear);
            let from = run.rear_axle();
            run.drive(&demand(0.0, 0.0, 0.0, gear), wait_s);
            let mut most = 0.0f64;
            for k in 0..3000 {
                // The foot comes down in half a second.
                let pedal = throttle * (f64::from(k) * 2e-3).min(1.0);
                run.drive(&demand(pedal, 0.0, 0.0, gear), DT_S);
                most = most.max(rolled_back(&run, from, gear));
            }
            assert!(most < 0.01, "{grade} {gear:?} after {wait_s} s: rolled back {most} m");
            assert!(rolled_back(&run, from, gear) < -1.0, "{grade} {gear:?}: still held");
            assert_eq!(run.report().hill_start, HillStart::Inactive);
            assert!(run.report().brake_torque_actual_nm < 1e-3, "the brakes drag");
        }
    }
}

#[test]
fn a_parking_brake_or_another_gear_takes_over_from_the_assist_at_once() {
    let mut run = standing(&shipped(), 0.2, 0.0, Gear::Drive);
    let parked = ActuatorDemand { parking_brake: true, ..demand(0.0, 0.0, 0.0, Gear::Drive) };
    run.drive(&parked, 0.3);
    assert_eq!(run.report().hill_start, HillStart::Inactive);
    let mut run = standing(&shipped(), 0.2, 0.0, Gear::Drive);
    run.drive(&demand(0.0, 0.0, 0.0, Gear::Neutral), 1.0);
    assert!(run.speed() < -0.3, "held in neutral: {} m/s", run.speed());
}

#[test]
fn random_skids_with_every_aid_never_break_the_model() {
    // A fixed walk through pedals, steering and gears, on any friction.
    let mut seed = 7u64;
    let mut random = || {
        seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (seed >> 33) as f64 / f64::from(1u32 << 31)
    };
    for _ in 0..40 {
        let ground =
            SplitFriction { plane: slope(0.4 * random() - 0.2), left: 1.2 * random(), right: 1.2 * random() };
        let mut run =
            Run::with(VehicleModel::new(&shipped(), DT_S), ground, 0.0, 60.0 * random() - 10.0, &rolling());
        for _ in 0..20 {
            let gear =
                [Gear::Reverse, Gear::Neutral, Gear::Drive, Gear::Drive][(4.0 * random()) as usize % 4];
            let now = demand(100.0 * random(), 60.0 * random() - 20.0, 900.0 * (random() - 0.5), gear);
            for _ in 0..500 {
                run.step(&now, &Vector6::zeros());
            }
            assert!(run.is_finite(), "{now:?}");
            assert!(run.state.velocity_mps.norm() < 100.0 && run.state.rate_rps.norm() < 30.0, "{now:?}");
        }
    }
}
