//! Engine, torque converter and stepped automatic.

mod common;

use common::*;
use nalgebra::Vector6;
use skidpad_vehicle::{AutomaticParams, Driveline, Gear, LockUp, VehicleModel, VehicleParams};
use skidpad_world::FlatGround;
use std::f64::consts::PI;

/// 1/min in rad/s.
const RPM: f64 = PI / 30.0;

/// The shipped Lincoln MKZ 2.0T.
fn turbo() -> VehicleParams {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../vehicles/lincoln_mkz_turbo/vehicle.toml");
    let text = std::fs::read_to_string(file).expect("the shipped vehicle");
    VehicleParams::parse(&text, file).unwrap_or_else(|error| panic!("{error}"))
}

/// The same car with another engine, converter or gearbox.
fn turbo_with(change: impl FnOnce(&mut AutomaticParams)) -> VehicleParams {
    let mut p = turbo();
    change(p.powertrain.automatic_mut().expect("an automatic"));
    p.validate().unwrap_or_else(|(key, message)| panic!("{key}: {message}"));
    p
}

fn automatic(p: &VehicleParams) -> AutomaticParams {
    p.clone().powertrain.automatic_mut().expect("an automatic").clone()
}

fn driveline(run: &Run) -> Driveline {
    run.model.driveline(&run.state).expect("an automatic")
}

fn in_drive(throttle_pct: f64, brake_pct: f64) -> skidpad_vehicle::ActuatorDemand {
    demand(throttle_pct, brake_pct, 0.0, Gear::Drive)
}

/// Mean spin of the driven wheels, rad/s.
fn driven_rps(run: &Run) -> f64 {
    0.5 * (run.state.corners[0].spin_rps + run.state.corners[1].spin_rps)
}

/// Torque of the drive at both front wheels, Nm.
fn wheel_nm(run: &Run) -> f64 {
    run.model.report(&run.state).wheel_torque_nm
}

/// A schedule that knows only `gear`.
fn only(gear: usize) -> impl FnOnce(&mut AutomaticParams) {
    move |drive| {
        let count = drive.gearbox.ratios.len();
        let row = |pedal: f64, low: f64, high: f64| {
            let speed = |shift: usize| (if shift < gear { low } else { high }) * (1.0 + 0.01 * shift as f64);
            std::iter::once(pedal).chain((1..count).map(speed)).collect::<Vec<f64>>()
        };
        drive.gearbox.upshift_mps = vec![row(0.0, 0.02, 150.0), row(100.0, 0.02, 150.0)];
        drive.gearbox.downshift_mps = vec![row(0.0, 0.01, 140.0), row(100.0, 0.01, 140.0)];
        drive.converter.lockup_lowest_gear = 1;
    }
}

#[test]
fn locked_gears_have_their_exact_ratio_and_power_is_force_times_speed() {
    let ratios = automatic(&turbo()).gearbox.ratios;
    assert_eq!(ratios, [4.584, 2.964, 1.912, 1.446, 1.0, 0.746]);
    for gear in 1..=ratios.len() {
        let p = turbo_with(only(gear));
        let drive = automatic(&p);
        let overall = ratios[gear - 1] * drive.gearbox.final_drive;
        let speed = 2500.0 * RPM / overall * p.tyre.rolling_radius_m;
        let pedal = in_drive(45.0, 0.0);
        let mut run = Run::of(&p, speed, &pedal);
        run.tow(&pedal, speed, 4.0);
        let now = driveline(&run);
        assert_eq!((now.gear, now.lockup), (gear as i8, LockUp::Locked));
        assert_eq!(now.engine_rpm, now.turbine_rpm);
        assert_close("engine over wheels", now.engine_rpm * RPM / driven_rps(&run), overall, 1e-5);
        let power = now.engine_torque_nm * now.engine_rpm * RPM * drive.gearbox.efficiency;
        assert!(power > 10e3, "{power} W");
        assert_close("power at the wheels, W", wheel_nm(&run) * driven_rps(&run), power, 5e-3);
    }
}

#[test]
fn against_the_brake_the_converter_stalls_at_its_speed_and_multiplies_the_torque() {
    let mut p = turbo_with(|drive| drive.gearbox.max_wheel_torque_nm = 1e6);
    p.brakes.force_by_pedal = vec![[0.0, 0.0], [50.0, 90e3]];
    p.brakes.front_share = 1.0;
    let drive = automatic(&p);
    let [_, gain, capacity] = drive.converter.map[0];
    for pedal in [40.0, 60.0, 100.0] {
        let hold = in_drive(pedal, 50.0);
        let mut run = Run::of(&p, 0.0, &in_drive(0.0, 50.0));
        run.drive(&hold, 6.0);
        let now = driveline(&run);
        assert!(driven_rps(&run) == 0.0 && now.turbine_rpm.abs() < 1e-2, "{now:?}");
        assert_close("turbine over engine torque", now.turbine_torque_nm / now.engine_torque_nm, gain, 1e-4);
        let torque = capacity * (now.engine_rpm / 2000.0).powi(2);
        assert_close("stall torque, Nm", now.engine_torque_nm, torque, 1e-4);
        let overall = drive.gearbox.ratios[0] * drive.gearbox.final_drive;
        assert_close("torque at the wheels, Nm", wheel_nm(&run), gain * torque * overall, 1e-4);
        if pedal == 100.0 {
            assert!((2300.0..3000.0).contains(&now.engine_rpm), "stalls at {} 1/min", now.engine_rpm);
        }
    }
}

#[test]
fn it_creeps_in_drive_and_in_reverse_until_the_converter_meets_the_rolling_resistance() {
    for (gear, ratio_index) in [(Gear::Drive, Some(0)), (Gear::Reverse, None), (Gear::Low, Some(0))] {
        let p = turbo();
        let creep = demand(15.1, 13.6, 0.0, gear);
        let mut run = Run::of(&p, 0.0, &demand(0.0, 40.0, 0.0, gear));
        run.drive(&creep, 25.0);
        let drive = automatic(&p);
        let ratio = ratio_index.map_or(-drive.gearbox.reverse_ratio, |at: usize| drive.gearbox.ratios[at]);
        let now = driveline(&run);
        assert_close("idle, 1/min", now.engine_rpm, drive.engine.idle_rpm, 2e-3);
        let nu = now.turbine_rpm / now.engine_rpm;
        assert!((0.7..1.0).contains(&nu), "speed ratio {nu}");
        let expected =
            nu * now.engine_rpm * RPM / (ratio * drive.gearbox.final_drive) * p.tyre.rolling_radius_m;
        assert_close("creep speed, m/s", run.speed(), expected, 5e-3);
        if gear == Gear::Drive {
            assert!((run.speed() - 1.9).abs() < 0.1, "{} m/s", run.speed());
        }
        let before = run.speed();
        run.drive(&creep, 5.0);
        assert!((run.speed() - before).abs() < 1e-3, "still changes");
    }
}

#[test]
fn standing_in_drive_the_brake_holds_the_creep_without_moving() {
    for (grade, brake) in [(0.0, 24.0), (0.1, 30.0), (-0.1, 30.0)] {
        let hold = in_drive(0.0, brake);
        let mut run = Run::with(VehicleModel::new(&turbo(), DT_S), slope(grade), 0.0, 0.0, &hold);
        run.drive(&hold, 3.0);
        let (from, torque) = (run.rear_axle(), wheel_nm(&run));
        run.drive(&hold, 30.0);
        assert!((run.rear_axle() - from).norm() < 1e-6, "{grade}: moved {}", (run.rear_axle() - from).norm());
        assert!(run.state.corners[..2].iter().all(|corner| corner.spin_rps == 0.0));
        assert!(torque > 300.0, "the brake does not take the creep away: {torque} Nm");
        assert!((wheel_nm(&run) - torque).abs() < 0.05 * torque);
    }
}

#[test]
fn rolling_back_in_drive_the_engine_turns_on_and_the_converter_resists() {
    let p = turbo();
    let model = || VehicleModel::new(&p, DT_S);
    let mut run = Run::with(model(), slope(0.2), 0.0, 0.0, &in_drive(0.0, 40.0));
    let mut free = Run::with(model(), slope(0.2), 0.0, 0.0, &in_drive(0.0, 40.0));
    for _ in 0..300 {
        run.drive(&in_drive(0.0, 0.0), 0.01);
        free.drive(&rolling(), 0.01);
        let now = driveline(&run);
        assert!((now.engine_rpm / automatic(&p).engine.idle_rpm - 1.0).abs() < 0.2, "{now:?}");
    }
    let now = driveline(&run);
    assert!(now.turbine_rpm < -300.0 && now.turbine_torque_nm > 40.0, "{now:?}");
    assert!(run.speed() < -1.0 && run.speed() > free.speed() + 1.0, "{} {}", run.speed(), free.speed());
    run.drive(&in_drive(60.0, 0.0), 4.0);
    assert!(run.speed() > 1.0, "the engine pulls it up again: {} m/s", run.speed());
}

#[test]
fn a_direction_is_not_engaged_against_fast_motion() {
    let mut run = Run::of(&turbo(), 10.0, &in_drive(0.0, 0.0));
    let back = demand(30.0, 0.0, 0.0, Gear::Reverse);
    run.drive(&back, 1.0);
    assert_eq!(driveline(&run).gear, 0);
    run.drive(&demand(0.0, 27.0, 0.0, Gear::Reverse), 6.0);
    assert_eq!(driveline(&run).gear, -1);
    run.drive(&back, 4.0);
    assert!(run.speed() < -1.0, "{} m/s", run.speed());
    let mut parked = Run::of(&turbo(), 0.0, &demand(0.0, 0.0, 0.0, Gear::Park));
    parked.drive(&demand(60.0, 0.0, 0.0, Gear::Park), 5.0);
    assert!(parked.speed().abs() < 1e-9 && wheel_nm(&parked).abs() < 1.0);
    assert!(driveline(&parked).engine_rpm > 2000.0);
}

/// Gears engaged one after another over `seconds`.
fn gears(run: &mut Run, pedals: &skidpad_vehicle::ActuatorDemand, seconds: f64) -> Vec<i8> {
    let mut seen = vec![driveline(run).gear];
    for _ in 0..(seconds / 0.01) as usize {
        run.drive(pedals, 0.01);
        let gear = driveline(run).gear;
        if seen.last() != Some(&gear) {
            seen.push(gear);
        }
    }
    seen
}

#[test]
fn it_shifts_up_once_through_the_gears_on_a_constant_pedal_and_down_when_it_rolls_out() {
    for (pedal, grade, top) in
        [(24.0, 0.0, 3), (30.0, 0.0, 5), (40.0, 0.0, 5), (60.0, 0.0, 5), (100.0, 0.0, 4)]
    {
        let start = in_drive(0.0, 40.0);
        let mut run = Run::with(VehicleModel::new(&turbo(), DT_S), slope(grade), 0.0, 0.0, &start);
        let seen = gears(&mut run, &in_drive(pedal, 0.0), 150.0);
        eprintln!("{pedal} %, grade {grade}: {seen:?} to {:.1} m/s", run.speed());
        let expected: Vec<i8> = (1..=seen.len() as i8).collect();
        assert_eq!(seen, expected, "no hunting at {pedal} %");
        assert!(seen.len() >= top, "{seen:?}");
        if grade == 0.0 {
            let down = gears(&mut run, &in_drive(0.0, 24.0), 80.0);
            // The foot off the pedal may take it up once more; then a gear may be left out, none taken twice.
            let highest = down.iter().position(|gear| Some(gear) == down.iter().max()).expect("a gear");
            assert!(highest <= 1 && down[highest..].windows(2).all(|pair| pair[0] > pair[1]), "{down:?}");
            assert_eq!(down.last(), Some(&1), "{down:?}");
        }
    }
}

#[test]
fn on_a_hill_the_gears_settle() {
    for (pedal, grade) in
        [(45.0, 0.08), (40.0, 0.06), (35.0, 0.04), (30.0, 0.03), (50.0, 0.12), (28.0, -0.02)]
    {
        let start = in_drive(0.0, 40.0);
        let mut run = Run::with(VehicleModel::new(&turbo(), DT_S), slope(grade), 0.0, 0.0, &start);
        let seen = gears(&mut run, &in_drive(pedal, 0.0), 200.0);
        eprintln!("{pedal} %, grade {grade}: {seen:?} to {:.1} m/s", run.speed());
        let turns = seen.windows(3).filter(|g| (g[1] - g[0]).signum() != (g[2] - g[1]).signum()).count();
        assert!(turns <= 2, "hunting at {pedal} %: {seen:?}");
    }
}

#[test]
fn a_shift_comes_back_at_a_lower_speed_than_it_went() {
    let pedal = in_drive(30.0, 0.0);
    let mut run = Run::of(&turbo(), 3.0, &pedal);
    run.tow(&pedal, 3.0, 2.0);
    let sweep = |run: &mut Run, from: f64, to: f64| {
        let mut at = Vec::new();
        let mut gear = driveline(run).gear;
        for k in 0..6000 {
            run.tow(&pedal, from + (to - from) * f64::from(k) / 6000.0, 0.01);
            if driveline(run).gear != gear {
                gear = driveline(run).gear;
                at.push(run.speed());
            }
        }
        at
    };
    let (up, mut down) = (sweep(&mut run, 3.0, 30.0), sweep(&mut run, 30.0, 2.0));
    down.reverse();
    eprintln!("up at {up:.2?}, down at {down:.2?} m/s");
    assert_eq!((up.len(), down.len()), (5, 5));
    assert!(up.iter().zip(&down).all(|(up, down)| *up > down + 1.0));
}

#[test]
fn the_floored_pedal_kicks_down_and_pulls() {
    let cruise = in_drive(26.0, 0.0);
    let mut run = Run::of(&turbo(), 22.0, &cruise);
    run.tow(&cruise, 22.0, 5.0);
    let before = driveline(&run);
    assert!(before.gear >= 5 && before.lockup == LockUp::Locked, "{before:?}");
    run.drive(&in_drive(100.0, 0.0), 1.5);
    let after = driveline(&run);
    assert!(after.gear <= 3 && !after.shifting && after.engine_rpm > 3200.0, "{after:?}");
    assert!(run.acceleration().x > 2.0, "{} m/s²", run.acceleration().x);
}

#[test]
fn low_brakes_with_the_engine() {
    let lost = |gear: Gear| {
        let mut run = Run::of(&turbo(), 16.0, &demand(0.0, 0.0, 0.0, gear));
        run.drive(&demand(0.0, 0.0, 0.0, gear), 3.0);
        16.0 - run.speed()
    };
    let (neutral, drive, low) = (lost(Gear::Neutral), lost(Gear::Drive), lost(Gear::Low));
    eprintln!("lost in 3 s: neutral {neutral:.2}, drive {drive:.2}, low {low:.2} m/s");
    assert!(drive > neutral + 0.1 && low > drive + 0.5);
}

/// Work since the start, J: engine, wheels, converter, gears, shafts.
#[derive(Default, Debug)]
struct Work {
    engine: f64,
    wheels: f64,
    converter: f64,
    gears: f64,
    shafts: f64,
    least_loss_w: f64,
}

impl Work {
    fn step(&mut self, run: &mut Run, pedals: &skidpad_vehicle::ActuatorDemand) {
        let before = (driven_rps(run), driveline(run).engine_rpm);
        run.step(pedals, &Vector6::zeros());
        let now = driveline(run);
        self.engine += DT_S * now.engine_torque_nm * 0.5 * (before.1 + now.engine_rpm) * RPM;
        self.wheels += DT_S * wheel_nm(run) * 0.5 * (before.0 + driven_rps(run));
        self.converter += DT_S * now.converter_loss_w;
        self.gears += DT_S * now.gear_loss_w;
        self.shafts += DT_S * now.shaft_loss_w;
        self.least_loss_w = self.least_loss_w.min(now.converter_loss_w).min(now.gear_loss_w);
    }
}

#[test]
fn engine_work_is_wheel_work_plus_losses_plus_change_of_kinetic_energy() {
    let hold = in_drive(0.0, 40.0);
    for pedals in [
        vec![(in_drive(100.0, 0.0), 15.0), (in_drive(0.0, 0.0), 5.0), (in_drive(40.0, 0.0), 10.0)],
        vec![(in_drive(30.0, 0.0), 40.0), (in_drive(0.0, 26.0), 10.0), (in_drive(60.0, 0.0), 8.0)],
        vec![
            (in_drive(0.0, 0.0), 20.0),
            (in_drive(0.0, 30.0), 10.0),
            (demand(40.0, 0.0, 0.0, Gear::Reverse), 5.0),
        ],
    ] {
        let mut run = Run::of(&turbo(), 0.0, &hold);
        run.drive(&hold, 1.0);
        let from = driveline(&run).stored_j;
        let mut work = Work::default();
        for (pedals, seconds) in &pedals {
            for _ in 0..(seconds / DT_S) as usize {
                work.step(&mut run, pedals);
            }
        }
        let spent = work.wheels + work.converter + work.gears + work.shafts + driveline(&run).stored_j - from;
        eprintln!("{work:?}");
        assert_close("energy accounted for, J", spent, work.engine, 5e-3);
        assert!(work.converter > 0.0 && work.gears > 0.0 && work.shafts > 0.0);
        assert!(work.least_loss_w > -20.0, "a loss gives {} W", -work.least_loss_w);
    }
}

#[test]
fn the_engine_gives_its_rated_power_and_not_more() {
    let mut run = Run::of(&turbo(), 0.0, &in_drive(0.0, 40.0));
    let (mut most, mut at_wheels) = (0.0f64, 0.0f64);
    for _ in 0..3000 {
        run.drive(&in_drive(100.0, 0.0), 0.01);
        let now = driveline(&run);
        most = most.max(now.engine_w);
        if !now.shifting {
            at_wheels = at_wheels.max(wheel_nm(&run) * driven_rps(&run));
        }
    }
    assert_close("largest power, W", most, 179e3, 5e-3);
    // In the moment after an upshift the engine gives its swing on top.
    assert!(at_wheels < 1.05 * most && at_wheels > 0.9 * most, "{at_wheels} W at the wheels");
}

#[test]
fn sixty_miles_an_hour_takes_between_7_0_and_7_8_seconds() {
    let mut run = Run::of(&turbo(), 0.0, &in_drive(0.0, 40.0));
    run.drive(&in_drive(0.0, 40.0), 1.0);
    let (from, mut steps, mut start) = (run.rear_axle().x, 0, None);
    while run.speed() < 60.0 * 0.44704 && steps < 20_000 {
        run.step(&in_drive(100.0, 0.0), &Vector6::zeros());
        steps += 1;
        // Road testers leave out the first foot.
        if start.is_none() && run.rear_axle().x - from > 0.3048 {
            start = Some(steps);
        }
    }
    let time = f64::from(steps - start.expect("it starts")) * DT_S;
    eprintln!("0-60 mph in {time:.2} s");
    assert!((7.0..=7.8).contains(&time), "{time} s");
}

#[test]
fn the_step_size_does_not_matter_to_a_full_throttle_start() {
    let distance = |dt_s: f64| {
        let model = VehicleModel::new(&turbo(), dt_s);
        let mut run = Run::with(model, FlatGround::LEVEL, 0.0, 0.0, &in_drive(0.0, 40.0));
        run.drive(&in_drive(100.0, 0.0), 12.0);
        run.rear_axle().x
    };
    let exact = distance(1.25e-4);
    for (dt_s, share) in [(1e-3, 2e-3), (2e-3, 4e-3), (5e-4, 1e-3)] {
        assert_close("distance after 12 s, m", distance(dt_s), exact, share);
    }
}

#[test]
fn a_car_that_starts_in_motion_is_in_the_gear_of_its_speed_and_stays_there() {
    for (speed, pedal, gear) in
        [(1.0, 0.0, 1), (6.0, 24.0, 2), (15.0, 30.0, 4), (30.0, 26.0, 6), (40.0, 100.0, 4)]
    {
        let pedals = in_drive(pedal, 0.0);
        let mut run = Run::of(&turbo(), speed, &pedals);
        assert_eq!(driveline(&run).gear, gear, "{speed} m/s, {pedal} %");
        let asked = wheel_nm(&run);
        let seen = gears(&mut run, &pedals, 0.5);
        assert_eq!(seen, [gear]);
        let given = wheel_nm(&run);
        assert!((given - asked).abs() < 150.0 + 0.15 * asked.abs(), "{speed} m/s: {asked} then {given} Nm");
    }
}

/// The same numbers in every run.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1u64 << 53) as f64
    }
}

#[test]
fn a_hundred_thousand_steps_of_abuse_stay_finite_and_the_engine_in_its_range() {
    let p = turbo();
    let drive = automatic(&p);
    let mut dice = Dice(7);
    let (mut least, mut most) = (f64::INFINITY, 0.0f64);
    for friction in [1.0, 0.1, 0.0] {
        let ground = FlatGround { friction, slope_x: 0.15, ..FlatGround::LEVEL };
        let mut run = Run::with(VehicleModel::new(&p, DT_S), ground, 0.0, 25.0, &in_drive(0.0, 0.0));
        let mut pedals = in_drive(0.0, 0.0);
        for step in 0..34_000 {
            if step % 50 == 0 && dice.next() < 0.3 {
                let gears = [Gear::Park, Gear::Reverse, Gear::Neutral, Gear::Drive, Gear::Drive, Gear::Low];
                let pick = |dice: &mut Dice| if dice.next() < 0.5 { 0.0 } else { 100.0 * dice.next() };
                let gear = gears[(dice.next() * 6.0) as usize];
                // The pawl at speed is another test's.
                let gear = if gear == Gear::Park && run.speed().abs() > 1.0 { Gear::Neutral } else { gear };
                pedals = demand(pick(&mut dice), pick(&mut dice), 0.0, gear);
            }
            run.step(&pedals, &Vector6::zeros());
            let now = driveline(&run);
            assert!(run.is_finite() && now.turbine_rpm.is_finite() && now.engine_rpm.is_finite(), "{now:?}");
            (least, most) = (least.min(now.engine_rpm), most.max(now.engine_rpm));
        }
    }
    eprintln!("engine between {least:.0} and {most:.0} 1/min");
    assert!(least > 0.6 * drive.engine.idle_rpm, "{least} 1/min");
    assert!(most < 1.05 * drive.engine.limit_rpm, "{most} 1/min");
}

#[test]
fn a_panic_stop_with_a_locked_converter_does_not_stall_the_engine() {
    for friction in [1.0, 0.2] {
        let mut p = turbo();
        p.brakes.abs = false;
        let ground = FlatGround { friction, ..FlatGround::LEVEL };
        let cruise = in_drive(26.0, 0.0);
        let mut run = Run::with(VehicleModel::new(&p, DT_S), ground, 0.0, 25.0, &cruise);
        run.drive(&cruise, 1.0);
        assert_eq!(driveline(&run).lockup, LockUp::Locked);
        for _ in 0..2000 {
            run.drive(&in_drive(0.0, 100.0), 0.01);
            let now = driveline(&run);
            assert!(now.engine_rpm > 0.6 * automatic(&p).engine.idle_rpm, "{now:?}");
        }
        assert!(run.speed().abs() < 1e-3 && driveline(&run).gear == 1);
    }
}
