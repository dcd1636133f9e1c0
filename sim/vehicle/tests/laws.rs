//! Physical laws that the vehicle must obey, on the shipped Lincoln MKZ.

use nalgebra::Vector3;
use proptest::prelude::*;
use skidpad_vehicle::calibration;
use skidpad_vehicle::{
    ActuatorDemand, Environment, Gear, SteeringDemand, VehicleModel, VehicleParams, VehicleState,
};
use skidpad_world::FlatGround;

const G: f64 = 9.80665;

fn params() -> VehicleParams {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../vehicles/lincoln_mkz/vehicle.toml");
    let text = std::fs::read_to_string(file).expect("the shipped vehicle");
    VehicleParams::parse(&text, file).unwrap_or_else(|error| panic!("{error}"))
}

fn model() -> VehicleModel {
    VehicleModel::new(&params(), 1e-3)
}

fn demand(throttle_pct: f64, brake_pct: f64, steering_deg: f64, gear: Gear) -> ActuatorDemand {
    ActuatorDemand {
        throttle_pct,
        brake_pct,
        steering: SteeringDemand::Servo { angle_rad: steering_deg.to_radians(), rate_limit_rps: 9.0 },
        gear,
        parking_brake: false,
    }
}

/// A car on one ground under one demand at a time.
struct Run {
    model: VehicleModel,
    state: VehicleState,
    ground: FlatGround,
}

impl Run {
    fn on(ground: FlatGround, heading_rad: f64, speed_mps: f64, first: &ActuatorDemand) -> Run {
        Run::with(model(), ground, heading_rad, speed_mps, first)
    }

    fn with(
        model: VehicleModel,
        mut ground: FlatGround,
        heading_rad: f64,
        speed_mps: f64,
        first: &ActuatorDemand,
    ) -> Run {
        let state =
            model.place(&mut ground, &Environment::default(), [0.0, 0.0, heading_rad], speed_mps, first);
        Run { model, state, ground }
    }

    fn level(speed_mps: f64, first: &ActuatorDemand) -> Run {
        Run::on(FlatGround::LEVEL, 0.0, speed_mps, first)
    }

    fn drive(&mut self, demand: &ActuatorDemand, seconds: f64) -> &VehicleState {
        for _ in 0..(seconds / self.model.dt_s()).round() as usize {
            self.model.step(&mut self.state, demand, &mut self.ground, &Environment::default());
        }
        &self.state
    }

    fn speed(&self) -> f64 {
        (self.state.attitude.matrix().transpose() * self.state.velocity_mps).x
    }

    fn rear_axle(&self) -> Vector3<f64> {
        self.model.rear_axle_motion(&self.state).position_m
    }
}

fn slope(rise_over_run: f64) -> FlatGround {
    FlatGround { slope_x: rise_over_run, ..FlatGround::LEVEL }
}

#[test]
fn axle_loads_follow_the_lever_law() {
    let parked = demand(0.0, 100.0, 0.0, Gear::Park);
    let mut run = Run::level(0.0, &parked);
    let loads = run.drive(&parked, 3.0).corners.map(|corner| corner.load_n);
    let c = params().chassis;
    let weight = c.mass_kg * G;
    let front = weight * (c.wheelbase_m - c.cg_behind_front_axle_m) / c.wheelbase_m;
    assert!(((loads[0] + loads[1]) / front - 1.0).abs() < 2e-3, "{loads:?}");
    assert!((loads.iter().sum::<f64>() / weight - 1.0).abs() < 5e-4, "{loads:?}");
    assert!((loads[0] - loads[1]).abs() < 1e-6 && (loads[2] - loads[3]).abs() < 1e-6);
}

#[test]
fn a_car_at_rest_on_flat_ground_stays_at_rest() {
    for gear in [Gear::Park, Gear::Neutral, Gear::Drive] {
        let brake = if gear == Gear::Drive { 35.0 } else { 0.0 };
        let still = demand(0.0, brake, 0.0, gear);
        let mut run = Run::level(0.0, &still);
        run.drive(&still, 3.0);
        let before = run.rear_axle();
        run.drive(&still, 60.0);
        assert!((run.rear_axle() - before).norm() < 1e-5, "{gear:?}");
        assert!(run.state.corners.iter().all(|corner| corner.spin_rps == 0.0), "{gear:?}");
    }
}

#[test]
fn brakes_hold_the_car_on_20_and_30_percent_up_down_and_across() {
    for grade in [0.2, 0.3] {
        for heading in [0.0, std::f64::consts::PI, 0.5 * std::f64::consts::PI] {
            let hold = demand(0.0, 35.0, 0.0, Gear::Drive);
            let mut run = Run::on(slope(grade), heading, 0.0, &hold);
            run.drive(&hold, 10.0);
            let before = run.rear_axle();
            run.drive(&hold, 50.0);
            let drift = (run.rear_axle() - before).norm();
            assert!(drift < 1e-4, "grade {grade}, heading {heading}: drifted {drift} m");
            let speed = run.state.velocity_mps.norm();
            assert!(speed < 1e-6, "grade {grade}, heading {heading}: {speed} m/s");
        }
    }
}

#[test]
fn the_parking_pawl_and_the_parking_brake_each_hold_on_20_percent() {
    let mut pawl = demand(0.0, 0.0, 0.0, Gear::Park);
    for (gear, parking_brake) in [(Gear::Park, false), (Gear::Neutral, true)] {
        (pawl.gear, pawl.parking_brake) = (gear, parking_brake);
        let mut run = Run::on(slope(0.2), 0.0, 0.0, &pawl);
        run.drive(&pawl, 5.0);
        let before = run.rear_axle();
        run.drive(&pawl, 20.0);
        assert!((run.rear_axle() - before).norm() < 1e-3, "{gear:?}");
    }
}

#[test]
fn released_on_a_grade_in_neutral_it_rolls_with_g_sin_theta() {
    let roll = demand(0.0, 0.0, 0.0, Gear::Neutral);
    let mut run = Run::on(slope(-0.1), 0.0, 0.5, &roll);
    run.drive(&roll, 1.0);
    let (v0, t) = (run.speed(), 1.0);
    run.drive(&roll, t);
    let p = params();
    let angle = libm::atan(0.1);
    let effective = p.chassis.mass_kg + 4.0 * p.tyre.spin_inertia_kgm2 / p.tyre.rolling_radius_m.powi(2);
    let drive = G * libm::sin(angle) - p.tyre.rolling_resistance * G * libm::cos(angle);
    let v = 0.5 * (v0 + run.speed());
    let drag = 0.5 * p.aero.air_density_kgpm3 * p.aero.drag_area_m2 * v * v;
    let expected = (drive * p.chassis.mass_kg - drag) / effective;
    let got = (run.speed() - v0) / t;
    assert!((got / expected - 1.0).abs() < 5e-3, "got {got}, expected {expected}");
}

#[test]
fn it_creeps_at_1_9_mps_without_pedals() {
    let creep = demand(15.1, 13.6, 0.0, Gear::Drive);
    let mut run = Run::level(0.0, &creep);
    run.drive(&creep, 15.0);
    assert!((run.speed() - 1.9).abs() < 0.1, "creeps at {} m/s", run.speed());
}

#[test]
fn it_stops_from_60_kmh_and_stays_stopped() {
    let mut run = Run::level(60.0 / 3.6, &demand(0.0, 0.0, 0.0, Gear::Drive));
    let brake = demand(0.0, 30.0, 0.0, Gear::Drive);
    run.drive(&brake, 12.0);
    assert!(run.speed().abs() < 1e-6, "{}", run.speed());
    let stopped = run.rear_axle();
    run.drive(&brake, 10.0);
    assert!((run.rear_axle() - stopped).norm() < 1e-5);
    assert!(stopped.y.abs() < 1e-6, "straight braking stays straight: {stopped}");
}

#[test]
fn a_car_that_slides_to_rest_is_not_pushed_back_by_its_tyres() {
    let mut locked = params();
    locked.brakes.abs = false;
    for friction in [1.0, 0.3] {
        let ground = FlatGround { friction, ..FlatGround::LEVEL };
        let model = VehicleModel::new(&locked, 1e-3);
        let mut run = Run::with(model, ground, 0.0, 12.0, &demand(0.0, 0.0, 0.0, Gear::Drive));
        let brake = demand(0.0, 100.0, 0.0, Gear::Drive);
        let (mut farthest, mut back) = (0.0f64, 0.0f64);
        for _ in 0..800 {
            run.drive(&brake, 0.01);
            farthest = farthest.max(run.rear_axle().x);
            back = back.max(farthest - run.rear_axle().x);
        }
        assert!(run.state.velocity_mps.norm() < 1e-3);
        assert!(back < 0.04, "friction {friction}: {back} m back");
    }
}

#[test]
fn locked_wheels_stop_by_the_law_of_sliding_friction() {
    let mut locked = params();
    locked.brakes.abs = false;
    let tyre = locked.tyre.clone();
    let model = VehicleModel::new(&locked, 1e-3);
    let mut run = Run::with(model, FlatGround::LEVEL, 0.0, 20.0, &demand(0.0, 0.0, 0.0, Gear::Neutral));
    let brake = demand(0.0, 100.0, 0.0, Gear::Neutral);
    run.drive(&brake, 0.6);
    let (x0, v0) = (run.rear_axle().x, run.speed());
    assert!(run.state.corners.iter().all(|corner| corner.spin_rps == 0.0), "every wheel is locked");
    let drag = |v: f64| 0.5 * 1.2 * 0.64 * v * v / 1900.0;
    let sliding: f64 = run
        .state
        .corners
        .iter()
        .map(|corner| -tyre.steady_state(-1.0, 0.0, corner.load_n, 1.0, 1.0).fx_n)
        .sum::<f64>()
        / 1900.0;
    run.drive(&brake, 0.8);
    let (distance, v1) = (run.rear_axle().x - x0, run.speed());
    let expected = (v0 * v0 - v1 * v1) / (2.0 * (sliding + drag(0.5 * (v0 + v1))));
    assert!((distance / expected - 1.0).abs() < 0.01, "{distance} m, expected {expected} m");
}

#[test]
fn it_reverses() {
    let back = demand(0.0, 0.0, 0.0, Gear::Reverse);
    let mut run = Run::level(0.0, &back);
    run.drive(&back, 15.0);
    assert!((run.speed() + 1.9).abs() < 0.15, "{} m/s", run.speed());
}

#[test]
fn at_walking_pace_the_rear_axle_turns_about_the_ackermann_centre() {
    for gear in [Gear::Drive, Gear::Reverse] {
        for steering_deg in [-300.0, 120.0, 470.0] {
            // A little brake makes the creep slower: the kinematic limit.
            let turn = demand(0.0, 19.5, steering_deg, gear);
            let mut run = Run::level(0.0, &turn);
            run.drive(&turn, 25.0);
            let p = params();
            let radius = p.chassis.wheelbase_m / libm::tan(f64::to_radians(steering_deg / p.steering.ratio));
            let got = run.speed() / run.state.rate_rps.z;
            assert!(run.speed().abs() > 0.1, "{} m/s", run.speed());
            // 0.5° of dead band at the steering wheel is 0.4 % at 120°.
            assert!(
                (got / radius - 1.0).abs() < 0.012,
                "{gear:?} {steering_deg}°: {got} m, expected {radius} m"
            );
        }
    }
}

#[test]
fn left_and_right_are_mirror_images() {
    let mut left = Run::level(15.0, &demand(20.0, 0.0, 0.0, Gear::Drive));
    let mut right = Run::level(15.0, &demand(20.0, 0.0, 0.0, Gear::Drive));
    for steering in [90.0, -60.0, 30.0] {
        left.drive(&demand(22.0, 0.0, steering, Gear::Drive), 1.5);
        right.drive(&demand(22.0, 0.0, -steering, Gear::Drive), 1.5);
    }
    let (l, r) = (&left.state, &right.state);
    assert!((l.position_m.x / r.position_m.x - 1.0).abs() < 1e-9);
    assert!((l.position_m.y + r.position_m.y).abs() < 1e-9 * l.position_m.norm());
    assert!((l.rate_rps.z + r.rate_rps.z).abs() < 1e-9);
    assert!(l.position_m.y.abs() > 1.0, "the manoeuvre was one: {}", l.position_m.y);
}

#[test]
fn the_result_does_not_depend_on_heading_or_place() {
    let run_at = |x: f64, y: f64, heading: f64| {
        let model = model();
        let mut ground = FlatGround::LEVEL;
        let first = demand(25.0, 0.0, 0.0, Gear::Drive);
        let mut state = model.place(&mut ground, &Environment::default(), [x, y, heading], 10.0, &first);
        for k in 0..4000 {
            let steer = if k < 2000 { 60.0 } else { -40.0 };
            let demand = demand(25.0, 0.0, steer, Gear::Drive);
            model.step(&mut state, &demand, &mut ground, &Environment::default());
        }
        let at = model.rear_axle_motion(&state).position_m;
        let (s, c) = libm::sincos(-heading);
        let (dx, dy) = (at.x - x, at.y - y);
        (c * dx - s * dy, s * dx + c * dy)
    };
    let base = run_at(0.0, 0.0, 0.0);
    for (x, y, heading) in [(0.0, 0.0, 0.6458), (0.0, 0.0, 3.1), (50_000.0, -50_000.0, 0.0)] {
        let other = run_at(x, y, heading);
        let miss = libm::hypot(other.0 - base.0, other.1 - base.1);
        assert!(miss < 1e-6, "{x} {y} {heading}: {miss} m");
    }
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
        (road - params().chassis.wheelbase_m * run.state.rate_rps.z / v) / (v * run.state.rate_rps.z / G)
    };
    let k_deg_per_g = steady(22.0).to_degrees();
    assert!((2.0..5.0).contains(&k_deg_per_g), "{k_deg_per_g} deg/g");
}

#[test]
fn tyre_forces_stay_inside_the_friction_ellipse() {
    let mut run = Run::level(25.0, &demand(0.0, 0.0, 0.0, Gear::Drive));
    let p = params();
    for (brake, steer) in [(0.0, 200.0), (35.0, 200.0), (60.0, -300.0), (0.0, 470.0)] {
        for _ in 0..50 {
            run.drive(&demand(0.0, brake, steer, Gear::Drive), 0.02);
            for corner in &run.state.corners {
                let dfz = corner.load_n / p.tyre.nominal_load_n - 1.0;
                let x = corner.forces.fx_n / ((p.tyre.pdx1 + p.tyre.pdx2 * dfz) * corner.load_n).max(1.0);
                let y = corner.forces.fy_n / ((p.tyre.pdy1 + p.tyre.pdy2 * dfz) * corner.load_n).max(1.0);
                assert!(libm::hypot(x, y) < 1.02, "{corner:?}");
            }
        }
    }
}

#[test]
fn halving_the_step_halves_the_error() {
    let end = |dt_s: f64| {
        let first = demand(0.0, 0.0, 0.0, Gear::Drive);
        let mut run = Run::with(VehicleModel::new(&params(), dt_s), FlatGround::LEVEL, 0.0, 20.0, &first);
        run.drive(&demand(0.0, 0.0, 40.0, Gear::Drive), 1.0);
        run.drive(&demand(0.0, 26.0, -40.0, Gear::Drive), 1.5);
        run.rear_axle()
    };
    let (a, b, c) = (end(2e-3), end(1e-3), end(5e-4));
    let ratio = (a - b).norm() / (b - c).norm();
    assert!((1.7..2.6).contains(&ratio), "order {}", libm::log2(ratio));
    assert!((b - c).norm() < 0.02, "1 ms is within centimetres of the limit: {}", (b - c).norm());
}

#[test]
fn mistakes_in_a_vehicle_file_are_named_with_their_place() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../vehicles/lincoln_mkz/vehicle.toml");
    let text = std::fs::read_to_string(file).unwrap();
    for (from, to, place, word) in [
        ("mass_kg = 1900.0", "mass_kg = nan", "car.toml:11:1", "expected 100 to 60000"),
        ("mass_kg = 1900.0", "mass_lb = 4189.0", "car.toml:11:1", "mass_lb"),
        ("ratio = 15.5 ", "ratio = \"15.5\" ", "car.toml:", "f64"),
        ("[17.0, 20.0],", "[15.0, 20.0],", "car.toml:", "rise from row to row"),
    ] {
        assert!(text.contains(from), "{from}");
        let error = VehicleParams::parse(&text.replacen(from, to, 1), "car.toml").unwrap_err().to_string();
        assert!(error.starts_with(place) && error.contains(word), "{error}");
    }
}

#[test]
fn longitudinal_acceleration_agrees_with_the_measured_pedal_map() {
    let Some(folder) = skidpad_test_support::reference_data() else { return };
    let file = folder.join("mkz/pedal_map.csv");
    let text = std::fs::read_to_string(&file).expect("the pedal map");
    let mut commands: Vec<f64> = Vec::new();
    let mut measured: Vec<[f64; 3]> = Vec::new();
    for line in text.lines().skip(1) {
        let row: Vec<f64> = line.split(',').map(|cell| cell.parse().expect("a number")).collect();
        let [speed, acceleration, command] = row[..] else { panic!("three columns") };
        if speed >= 1.0 {
            measured.push([speed, acceleration, command]);
            // Pedals below the dead zones are closed pedals.
            let held = if command.abs() <= 15.5 { 0.0 } else { command };
            if !commands.contains(&held) {
                commands.push(held);
            }
        }
    }
    let rows = calibration::sweep(&model(), &commands, 10.0);
    let (mut sum, mut count, mut missing, mut braked_out) = (0.0, 0, 0, 0);
    for [speed, acceleration, command] in measured {
        let held = if command.abs() <= 15.5 { 0.0 } else { command };
        let row = rows.iter().find(|row| (row.speed_mps - speed).abs() < 1e-9 && row.command_pct == held);
        let Some(row) = row else {
            missing += 1;
            continue;
        };
        let off = row.acceleration_mps2 - acceleration;
        if std::env::var_os("SKIDPAD_SHOW_ROWS").is_some() {
            eprintln!("ROW {speed} {command} {acceleration} {}", row.acceleration_mps2);
        }
        sum += off * off;
        count += 1;
        braked_out += usize::from(command <= -25.0 && off.abs() > (0.1 * acceleration.abs()).max(0.15));
    }
    let rms = (sum / f64::from(count)).sqrt();
    eprintln!(
        "pedal map: rms {rms:.3} m/s² over {count} points ({missing} not reached), {braked_out} braked rows outside 10 %"
    );
    assert!(rms < 0.25, "{rms}");
    assert!(missing < 10, "{missing}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn random_and_mutated_vehicle_files_are_refused_or_read_but_never_panic(
        noise in prop::collection::vec(any::<u8>(), 0..200),
        at in 0.0..1.0f64,
        cut in 0usize..200,
    ) {
        let _ = VehicleParams::parse(&String::from_utf8_lossy(&noise), "noise.toml");
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../vehicles/lincoln_mkz/vehicle.toml");
        let mut bytes = std::fs::read(file).unwrap();
        let start = (at * bytes.len() as f64) as usize;
        let end = (start + cut).min(bytes.len());
        bytes.splice(start..end, noise);
        if let Err(error) = VehicleParams::parse(&String::from_utf8_lossy(&bytes), "mutated.toml") {
            prop_assert!(error.to_string().starts_with("mutated.toml"));
        }
    }

    #[test]
    fn random_inputs_never_break_the_model(
        inputs in prop::collection::vec((0.0..100.0f64, 0.0..100.0f64, -470.0..470.0f64, 0usize..4), 10),
        friction in 0.0..1.2f64,
        speed in -15.0..60.0f64,
        grade in -0.4..0.4f64,
    ) {
        let gears = [Gear::Park, Gear::Reverse, Gear::Neutral, Gear::Drive];
        let ground = FlatGround { friction, ..slope(grade) };
        let mut run = Run::on(ground, 0.3, speed, &demand(0.0, 0.0, 0.0, Gear::Neutral));
        for (throttle, brake, steer, gear) in inputs {
            run.drive(&demand(throttle, brake, steer, gears[gear]), 0.5);
            let mut finite = true;
            run.state.visit_trajectory(|x| finite &= x.is_finite());
            prop_assert!(finite && run.state.velocity_mps.norm() < 150.0, "{:?}", run.state.velocity_mps);
        }
    }
}
