//! Driving, braking and rolling in a straight line.

mod common;

use common::*;
use nalgebra::{Vector3, Vector6};
use skidpad_vehicle::{Gear, VehicleModel, VehicleParams, VehicleState};
use skidpad_world::FlatGround;

#[test]
fn released_on_a_grade_in_neutral_it_rolls_with_g_sin_theta() {
    let p = changed(|p| p.aero.drag_area_m2 = 0.0);
    for (grade, heading) in [(-0.1, 0.0), (-0.2, 0.0), (0.1, std::f64::consts::PI)] {
        let mut run = Run::with(VehicleModel::new(&p, DT_S), slope(grade), heading, 0.5, &rolling());
        run.drive(&rolling(), 1.0);
        let before = run.speed();
        run.drive(&rolling(), 2.0);
        let angle = libm::atan(grade.abs());
        let pull = G * (libm::sin(angle) - p.tyre.rolling_resistance * libm::cos(angle));
        let expected = pull * p.chassis.mass_kg / effective_mass(&p);
        assert_close("acceleration, m/s²", (run.speed() - before) / 2.0, expected, 5e-3);
    }
}

#[test]
fn released_on_a_grade_from_rest_it_starts_to_roll() {
    let hold = demand(0.0, 35.0, 0.0, Gear::Neutral);
    let mut run = Run::on(slope(-0.1), 0.0, 0.0, &hold);
    run.drive(&hold, 2.0);
    // Until the brake has let go.
    run.drive(&rolling(), 1.0);
    let before = run.speed();
    run.drive(&rolling(), 1.0);
    let p = params();
    let angle = libm::atan(0.1);
    let pull = G * (libm::sin(angle) - p.tyre.rolling_resistance * libm::cos(angle));
    assert_close(
        "acceleration, m/s²",
        run.speed() - before,
        pull * p.chassis.mass_kg / effective_mass(&p),
        5e-3,
    );
}

#[test]
fn it_creeps_at_1_9_mps_without_pedals_and_20_percent_brake_stops_it() {
    // Apollo rests its pedals just inside their dead zones.
    for (throttle, brake) in [(0.0, 0.0), (15.1, 13.6)] {
        let creep = demand(throttle, brake, 0.0, Gear::Drive);
        let mut run = Run::level(0.0, &creep);
        run.drive(&creep, 15.0);
        assert!((run.speed() - 1.9).abs() < 0.1, "creeps at {} m/s", run.speed());
        let before = run.speed();
        run.drive(&creep, 5.0);
        assert!((run.speed() - before).abs() < 0.05, "still accelerates: {before} to {}", run.speed());
        run.drive(&demand(0.0, 20.0, 0.0, Gear::Drive), 40.0);
        assert!(run.speed().abs() < 0.02, "creeps at {} m/s against 20 % of brake", run.speed());
    }
}

#[test]
fn it_reverses() {
    let back = demand(0.0, 0.0, 0.0, Gear::Reverse);
    let mut run = Run::level(0.0, &back);
    run.drive(&back, 15.0);
    assert!((run.speed() + 1.9).abs() < 0.15, "{} m/s", run.speed());
}

#[test]
fn stopping_distance_at_constant_brake_torque_is_v_squared_over_2a_plus_build_up() {
    let p = changed(|p| {
        without_losses(p);
        p.brakes.abs = false;
        p.brakes.force_by_pedal = vec![[0.0, 0.0], [50.0, 12_000.0]];
    });
    for (brake, v) in [(20.0, 20.0), (40.0, 27.8)] {
        let mut run = Run::of(&p, v, &rolling());
        run.drive(&demand(0.0, brake, 0.0, Gear::Neutral), 10.0);
        assert!(run.speed().abs() < 1e-3, "{} m/s", run.speed());
        let a = 240.0 * brake / effective_mass(&p);
        // The torque rises as 1 − e^(−t/τ) after the dead time: v = v₀ − a·(t − τ·(1 − e^(−t/τ))).
        let (dead, lag) = (p.brakes.dead_time_s, p.brakes.lag_s);
        let end = v / a + lag;
        let expected = v * (dead + end) - a * (0.5 * end * end - lag * end + lag * lag);
        assert_close("stopping distance, m", run.rear_axle().x, expected, 2e-3);
    }
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
    let locked = changed(|p| p.brakes.abs = false);
    for friction in [1.0, 0.3] {
        let ground = FlatGround { friction, ..FlatGround::LEVEL };
        let model = VehicleModel::new(&locked, DT_S);
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
fn locked_wheels_stop_in_v_squared_over_2_mu_g() {
    for friction in [1.0, 0.4] {
        let p = changed(|p| {
            without_losses(p);
            without_actuator_lags(p);
            p.brakes.abs = false;
            // A friction that does not know the load gives one μ for all wheels.
            p.tyre.pdx2 = 0.0;
        });
        let ground = FlatGround { friction, ..FlatGround::LEVEL };
        let mut run = Run::with(VehicleModel::new(&p, DT_S), ground, 0.0, 30.0, &rolling());
        let lock = demand(0.0, 100.0, 0.0, Gear::Neutral);
        run.drive(&lock, 1.0);
        assert!(run.state.corners.iter().all(|corner| corner.spin_rps == 0.0), "every wheel is locked");
        let (x, v) = (run.rear_axle().x, run.speed());
        run.drive(&lock, 12.0);
        let load = p.tyre.nominal_load_n;
        let sliding = -p.tyre.steady_state(-1.0, 0.0, load, friction, 1.0).fx_n / load;
        assert_close("sliding distance, m", run.rear_axle().x - x, v * v / (2.0 * sliding * G), 5e-3);
    }
}

/// The tyre of the public CommonRoad vehicles, longitudinal part.
fn anchor_tyre(p: &mut VehicleParams) {
    let t = &mut p.tyre;
    (t.pcx1, t.pdx1, t.pex1, t.pkx1) = (1.6411, 1.1739, 0.46403, 22.303);
    t.pdx2 = -0.05;
}

/// Slip of the largest braking force at `load_n`.
fn peak_slip(p: &VehicleParams, load_n: f64) -> f64 {
    let force = |slip: f64| -p.tyre.steady_state(-slip, 0.0, load_n, 1.0, 1.0).fx_n;
    let best = (1..400).map(|k| 1e-3 * f64::from(k)).max_by(|a, b| force(*a).total_cmp(&force(*b)));
    best.expect("a peak")
}

#[test]
fn the_anchor_tyre_peaks_at_slip_0_158() {
    let p = changed(anchor_tyre);
    let load = p.tyre.nominal_load_n;
    let slip = peak_slip(&p, load);
    assert!((slip - 0.158).abs() < 0.01, "{slip}");
    assert_close("peak friction", -p.tyre.steady_state(-slip, 0.0, load, 1.0, 1.0).fx_n / load, 1.1739, 0.01);
}

#[test]
fn the_hardest_braking_is_at_the_slip_of_the_peak_with_mu_peak_g() {
    let p = changed(|p| {
        without_losses(p);
        without_actuator_lags(p);
        anchor_tyre(p);
        p.brakes.abs = false;
        p.brakes.force_by_pedal = vec![[0.0, 0.0], [100.0, 40_000.0]];
        // Both axles reach their peaks together.
        let c = &p.chassis;
        let lever = c.wheelbase_m - c.cg_behind_front_axle_m + 1.15 * c.cg_height_m;
        p.brakes.front_share = lever / c.wheelbase_m;
    });
    let mut run = Run::of(&p, 40.0, &rolling());
    let (mut hardest, mut of_grip) = (0.0, 0.0);
    let mut grip = [[0.0; 3]; 4];
    for k in 0..3500 {
        let brake = 25.0 + 1e-2 * f64::from(k);
        let corners = run.drive(&demand(0.0, brake, 0.0, Gear::Neutral), DT_S).corners;
        let deceleration = -run.acceleration().x;
        if deceleration > hardest {
            let dfz = |load: f64| load / p.tyre.nominal_load_n - 1.0;
            let mu = |load: f64| p.tyre.pdx1 + p.tyre.pdx2 * dfz(load);
            hardest = deceleration;
            of_grip = corners.iter().map(|c| mu(c.load_n) * c.load_n).sum::<f64>() / p.chassis.mass_kg;
        }
        for (best, corner) in grip.iter_mut().zip(&corners) {
            let dfz = corner.load_n / p.tyre.nominal_load_n - 1.0;
            let used = -corner.forces.fx_n / ((p.tyre.pdx1 + p.tyre.pdx2 * dfz) * corner.load_n);
            if used > best[0] {
                *best = [used, -corner.slip_ratio, corner.load_n];
            }
        }
    }
    assert_close("hardest braking, m/s²", hardest, of_grip, 0.01);
    for [used, slip, load] in grip {
        let peak = peak_slip(&p, load);
        eprintln!("{used:.4} of the peak force at slip {slip:.4}, expected {peak:.4}");
        assert!(
            used > 0.999 && (slip - peak).abs() < 0.01,
            "{used} of the peak at slip {slip}, expected {peak}"
        );
    }
}

#[test]
fn a_car_coasts_down_by_the_law_of_drag_and_rolling_resistance() {
    let p = params();
    let mut run = Run::level(40.0, &rolling());
    run.drive(&rolling(), 0.5);
    let v0 = run.speed();
    // m_eff·v̇ = −F₀ − c·v² has the solution v = √(F₀/c)·tan(atan(v₀·√(c/F₀)) − t·√(F₀c)/m_eff).
    let c = 0.5 * p.aero.air_density_kgpm3 * p.aero.drag_area_m2;
    let rolling_n = p.tyre.rolling_resistance * p.chassis.mass_kg * G;
    for k in 1..=8 {
        run.drive(&rolling(), 15.0);
        let t = 15.0 * f64::from(k);
        let angle = libm::atan(v0 * (c / rolling_n).sqrt()) - t * (rolling_n * c).sqrt() / effective_mass(&p);
        let expected = (rolling_n / c).sqrt() * libm::tan(angle);
        assert_close("speed lost, m/s", v0 - run.speed(), v0 - expected, 5e-3);
    }
}

#[test]
fn drive_power_is_force_times_speed_up_to_the_limit() {
    for (speed, pedal) in [(12.0, 40.0), (20.0, 60.0), (30.0, 100.0)] {
        let drive = demand(pedal, 0.0, 0.0, Gear::Drive);
        let mut run = Run::level(speed, &drive);
        run.tow(&drive, speed, 3.0);
        let mut p = params();
        let radius = p.tyre.rolling_radius_m;
        let p = power_split(&mut p);
        let report = run.model.report(&run.state);
        let spin = 0.5 * (report.wheel_spin_rps[0] + report.wheel_spin_rps[1]);
        let row = p.pedal_map.iter().find(|row| row[0] == pedal).expect("a row of the map");
        // The closed pedal's drag is part of what the pedal gives.
        let drag = p.closed_pedal_force_by_speed.last().expect("a row")[1];
        let expected = (row[1] + drag * spin * radius).min(p.max_power_w);
        assert_close("power at the wheels, W", report.wheel_torque_nm * spin, expected, 5e-3);
    }
}

#[test]
fn top_speed_is_where_the_power_meets_drag_and_rolling_resistance() {
    let mut p = params();
    let c = 0.5 * p.aero.air_density_kgpm3 * p.aero.drag_area_m2;
    let rolling_n = p.tyre.rolling_resistance * p.chassis.mass_kg * G;
    let drive = power_split(&mut p);
    let drag = drive.closed_pedal_force_by_speed.last().expect("a row")[1];
    let surplus = |v: f64| drive.max_power_w / v + drag - rolling_n - c * v * v;
    let (mut low, mut high) = (20.0, 100.0);
    for _ in 0..60 {
        let middle = 0.5 * (low + high);
        if surplus(middle) > 0.0 { low = middle } else { high = middle }
    }
    let floor = demand(100.0, 0.0, 0.0, Gear::Drive);
    for (share, sign) in [(0.995, 1.0), (1.005, -1.0)] {
        let mut run = Run::level(share * low, &floor);
        run.drive(&floor, 3.0);
        let before = run.speed();
        run.drive(&floor, 5.0);
        let gained = run.speed() - before;
        eprintln!("top speed {low:.3} m/s; from {before:.3} it gains {gained:.4} m/s in 5 s");
        assert!(gained * sign > 0.0, "from {before} m/s, top speed {low} m/s: {gained} m/s in 5 s");
    }
}

/// Energy of the car and the powers that change it, from outside the model.
struct Ledger {
    params: VehicleParams,
    model: VehicleModel,
}

/// Energies in J, or powers in W.
#[derive(Clone, Copy, Default, Debug)]
struct Account {
    engine: f64,
    air: f64,
    rolling: f64,
    slip: f64,
    brakes: f64,
    dampers: f64,
}

impl Ledger {
    fn new(params: &VehicleParams) -> Ledger {
        Ledger { params: params.clone(), model: VehicleModel::new(params, DT_S) }
    }

    /// Wheel hub in the design position, from the centre of mass, and the spring force there.
    fn hub(&self, i: usize) -> (Vector3<f64>, f64) {
        let c = &self.params.chassis;
        let front = i < 2;
        let to_rear = c.wheelbase_m - c.cg_behind_front_axle_m;
        let (axle, x, lever) = if front {
            (&self.params.front, c.cg_behind_front_axle_m, to_rear)
        } else {
            (&self.params.rear, -to_rear, c.cg_behind_front_axle_m)
        };
        let load = 0.5 * c.mass_kg * G * lever / c.wheelbase_m;
        let height = self.params.tyre.unloaded_radius_m - load / self.params.tyre.vertical_stiffness_npm;
        let y = if i.is_multiple_of(2) { 0.5 } else { -0.5 } * axle.track_m;
        (Vector3::new(x, y, height - c.cg_height_m), load - axle.unsprung_mass_kg * G)
    }

    fn axle(&self, i: usize) -> &skidpad_vehicle::AxleParams {
        if i < 2 { &self.params.front } else { &self.params.rear }
    }

    /// Kinetic, potential and elastic energy on level ground, J.
    fn energy(&self, state: &VehicleState) -> f64 {
        let p = &self.params;
        let rotation = state.attitude.matrix();
        let velocity = rotation.transpose() * state.velocity_mps;
        let rate = state.rate_rps;
        let mut sprung_mass = p.chassis.mass_kg;
        let mut moment = Vector3::zeros();
        let mut total = 0.0;
        for i in 0..4 {
            let (hub, preload) = self.hub(i);
            let (axle, corner) = (self.axle(i), &state.corners[i]);
            let m = axle.unsprung_mass_kg;
            sprung_mass -= m;
            moment -= hub * m;
            let travel = Vector3::new(0.0, 0.0, corner.travel_m);
            let moving =
                velocity + rate.cross(&(hub + travel)) + Vector3::new(0.0, 0.0, corner.travel_rate_mps);
            let place = state.position_m + rotation * (hub + travel);
            total += 0.5 * m * moving.norm_squared() + m * G * place.z;
            total += 0.5 * p.tyre.spin_inertia_kgm2 * corner.spin_rps * corner.spin_rps;
            total += preload * corner.travel_m + 0.5 * axle.spring_npm * corner.travel_m * corner.travel_m;
            let pressed = (p.tyre.unloaded_radius_m - place.z).max(0.0);
            total += 0.5 * p.tyre.vertical_stiffness_npm * pressed * pressed;
        }
        for (left, axle) in [(0, &p.front), (2, &p.rear)] {
            let twist = state.corners[left].travel_m - state.corners[left + 1].travel_m;
            total += 0.5 * axle.anti_roll_npm * twist * twist;
        }
        let at = moment / sprung_mass;
        let [xx, yy, zz] = p.chassis.sprung_inertia_kgm2;
        let xz = p.chassis.sprung_inertia_xz_kgm2;
        let moving = velocity + rate.cross(&at);
        let place = state.position_m + rotation * at;
        total
            + 0.5 * sprung_mass * moving.norm_squared()
            + sprung_mass * G * place.z
            + 0.5 * (xx * rate.x * rate.x + yy * rate.y * rate.y + zz * rate.z * rate.z)
            - xz * rate.x * rate.z
    }

    /// Powers over the step from `before` to `after`, W.
    fn powers(&self, before: &VehicleState, after: &VehicleState) -> Account {
        let p = &self.params;
        let radius = p.tyre.rolling_radius_m;
        let rotation = before.attitude.matrix();
        let mean_velocity = 0.5 * rotation.transpose() * (before.velocity_mps + after.velocity_mps);
        let mean_rate = 0.5 * (before.rate_rps + after.rate_rps);
        let mut account = Account::default();
        let drive_nm = 0.5 * self.model.report(after).wheel_torque_nm;
        let speed = mean_velocity.norm();
        let air = 0.5 * p.aero.air_density_kgpm3 * p.aero.drag_area_m2 * speed * speed * speed;
        account.air = air;
        for i in 0..4 {
            let (hub, _) = self.hub(i);
            let (was, is) = (&before.corners[i], &after.corners[i]);
            let spin = 0.5 * (was.spin_rps + is.spin_rps);
            let drive = if i < 2 { drive_nm } else { 0.0 };
            account.engine += drive * spin;
            // Friction at the wheel takes what drive and tread leave of the change of spin: exact, also when
            // the brake holds the wheel.
            let change = p.tyre.spin_inertia_kgm2 * (is.spin_rps - was.spin_rps) / DT_S;
            let friction = (drive - is.forces.fx_n * radius - change) * spin;
            let resistance = (p.tyre.rolling_resistance * is.load_n * radius * spin).abs();
            account.rolling += resistance.min(friction);
            account.brakes += friction - resistance.min(friction);
            // Patch below the hub.
            let at = hub + Vector3::new(0.0, 0.0, was.travel_m);
            let height = (before.position_m + rotation * at).z;
            let normal = rotation.transpose() * Vector3::z();
            let patch = at - normal * height;
            let travel_rate = 0.5 * (was.travel_rate_mps + is.travel_rate_mps);
            let moving = mean_velocity + mean_rate.cross(&patch) + Vector3::new(0.0, 0.0, travel_rate);
            let axis = Vector3::new(-libm::sin(is.steer_rad), libm::cos(is.steer_rad), 0.0);
            let ahead = axis.cross(&normal).normalize();
            let left = normal.cross(&ahead);
            account.slip -= is.forces.fx_n * (moving.dot(&ahead) - spin * radius)
                + is.forces.fy_n * moving.dot(&left)
                + is.forces.mz_nm * mean_rate.dot(&normal);
            let axle = self.axle(i);
            let damping =
                if was.travel_rate_mps > 0.0 { axle.damper_bump_nspm } else { axle.damper_rebound_nspm };
            account.dampers += damping * was.travel_rate_mps * travel_rate;
            let sinking = moving.dot(&normal);
            account.dampers += p.tyre.vertical_damping_nspm * sinking * sinking;
        }
        account
    }
}

#[test]
fn the_engine_pays_for_every_joule_of_a_mixed_drive() {
    let p = params();
    let ledger = Ledger::new(&p);
    let mut run = Run::of(&p, 0.0, &demand(0.0, 0.0, 0.0, Gear::Drive));
    let start = ledger.energy(&run.state);
    let mut sum = Account::default();
    // Throttle, brake, steering-wheel angle, seconds: 120 s in all.
    let drive = [
        (30.0, 0.0, 0.0, 12.0),
        (35.0, 0.0, 60.0, 8.0),
        (0.0, 22.0, -90.0, 6.0),
        (40.0, 0.0, 0.0, 14.0),
        (25.0, 0.0, 45.0, 10.0),
        (25.0, 0.0, -45.0, 10.0),
        (0.0, 26.0, 0.0, 8.0),
        (0.0, 0.0, 200.0, 12.0),
        (50.0, 0.0, 0.0, 15.0),
        (0.0, 0.0, 20.0, 10.0),
        (30.0, 0.0, -30.0, 7.0),
        (0.0, 27.0, 0.0, 8.0),
    ];
    for (throttle, brake, steer, seconds) in drive {
        let demand = demand(throttle, brake, steer, Gear::Drive);
        for _ in 0..(seconds / DT_S) as usize {
            let before = run.state.clone();
            run.step(&demand, &Vector6::zeros());
            let power = ledger.powers(&before, &run.state);
            sum.engine += DT_S * power.engine;
            sum.air += DT_S * power.air;
            sum.rolling += DT_S * power.rolling;
            sum.slip += DT_S * power.slip;
            sum.brakes += DT_S * power.brakes;
            sum.dampers += DT_S * power.dampers;
        }
    }
    let kept = ledger.energy(&run.state) - start;
    let missing = sum.engine - kept - sum.air - sum.rolling - sum.slip - sum.brakes - sum.dampers;
    eprintln!("{sum:.0?}, kept {kept:.0} J: {:.4} % unaccounted for", 100.0 * missing / sum.engine);
    assert!((missing / sum.engine).abs() < 5e-3, "{sum:?}, kept {kept}, missing {missing}");
}

#[test]
fn a_coasting_car_never_gains_energy() {
    let p = params();
    let ledger = Ledger::new(&p);
    for (speed, steering_deg) in [(25.0, 0.0), (15.0, 60.0), (25.0, -40.0), (3.0, 300.0)] {
        let demand = steered(steering_deg);
        let mut run = Run::of(&p, speed, &rolling());
        let mut energy = ledger.energy(&run.state);
        let start = energy;
        let mut worst = 0.0f64;
        for _ in 0..10_000 {
            run.step(&demand, &Vector6::zeros());
            let now = ledger.energy(&run.state);
            worst = worst.max((now - energy) / start);
            energy = now;
        }
        eprintln!("{speed} m/s, {steering_deg}°: largest gain in a step {worst:e} of the energy");
        assert!(worst <= 1e-12, "{speed} m/s, {steering_deg}°: gained {worst:e} of its energy in a step");
    }
}
