//! The shipped car on a plane, under one demand at a time, for the tests of the vehicle's laws.
#![allow(dead_code, reason = "each test file uses its own part")]

use nalgebra::{Vector3, Vector6};
use skidpad_vehicle::{
    ActuatorDemand, Environment, Gear, PowerSplitParams, StabilityParams, SteeringDemand, VehicleModel,
    VehicleParams, VehicleState,
};
use skidpad_world::{FlatGround, Ground};

/// Standard gravity, m/s².
pub const G: f64 = 9.80665;
/// Step of the simulator, s.
pub const DT_S: f64 = 1e-3;

/// The shipped Lincoln MKZ with its driver aids switched off: laws of mechanics are laws of the plant.
pub fn params() -> VehicleParams {
    let aids =
        StabilityParams { esc: false, traction: false, hill_start: false, ..StabilityParams::default() };
    VehicleParams { stability: aids, ..shipped() }
}

/// The shipped Lincoln MKZ with its driver aids.
pub fn shipped() -> VehicleParams {
    car("lincoln_mkz")
}

/// A shipped car as it is.
pub fn car(name: &str) -> VehicleParams {
    let file = format!("{}/../../vehicles/{name}/vehicle.toml", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&file).expect("a shipped vehicle");
    VehicleParams::parse(&text, &file).unwrap_or_else(|error| panic!("{error}"))
}

/// The shipped car changed by `change`, still a valid vehicle.
pub fn changed(change: impl FnOnce(&mut VehicleParams)) -> VehicleParams {
    let mut params = params();
    change(&mut params);
    params.validate().unwrap_or_else(|(key, message)| panic!("{key}: {message}"));
    params
}

/// The drive of the shipped hybrid.
pub fn power_split(p: &mut VehicleParams) -> &mut PowerSplitParams {
    p.powertrain.power_split_mut().expect("a power-split drive")
}

/// No air, no rolling resistance.
pub fn without_losses(p: &mut VehicleParams) {
    p.aero.air_density_kgpm3 = 0.0;
    p.tyre.rolling_resistance = 0.0;
}

/// Actuators that follow at once.
pub fn without_actuator_lags(p: &mut VehicleParams) {
    p.brakes.dead_time_s = 0.0;
    p.brakes.lag_s = 0.0;
    let drive = power_split(p);
    (drive.dead_time_s, drive.lag_s) = (0.0, 0.0);
    p.steering.dead_time_s = 0.0;
    p.steering.dead_band_deg = 0.0;
}

/// A tyre whose side force is C_α·α with C_α proportional to the load, without aligning moment, camber and
/// shifts, and whose two directions do not act on each other. Five times the friction keeps |α| < 2° linear to
/// 1e-4; E = −1 − C²/2 takes the cubic term out of sin(C·atan(Bα − E(Bα − atan Bα))).
pub fn with_linear_tyres(p: &mut VehicleParams) {
    let t = &mut p.tyre;
    (t.pcy1, t.pdy1, t.pdy2, t.pdy3, t.pey1) = (1.0, 5.0, 0.0, 0.0, -1.5);
    (t.pey2, t.pey3, t.pey4) = (0.0, 0.0, 0.0);
    // sin(2·atan x) → 2x far below the load of the largest stiffness.
    (t.pky1, t.pky2, t.pky3) = (-200.0, 20.0, 0.0);
    (t.phy1, t.phy2, t.phy3) = (0.0, 0.0, 0.0);
    (t.pvy1, t.pvy2, t.pvy3, t.pvy4) = (0.0, 0.0, 0.0, 0.0);
    (t.rbx1, t.rby1, t.rvy1, t.rvy2, t.rvy3) = (0.0, 0.0, 0.0, 0.0, 0.0);
    (t.qdz1, t.qdz2, t.qdz6, t.qdz7, t.qdz8, t.qdz9) = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0);
    (t.ssz1, t.ssz2, t.ssz3, t.ssz4) = (0.0, 0.0, 0.0, 0.0);
    // Constant relaxation lengths.
    (t.ptx1, t.pty1) = (0.0, 0.0);
    t.relaxation_lat_m = 0.55;
    // An understeering car.
    (p.front.cornering_stiffness_scale, p.rear.cornering_stiffness_scale) = (0.7, 1.4);
    for axle in [&mut p.front, &mut p.rear] {
        (axle.camber_deg, axle.camber_gain_degpm) = (0.0, 0.0);
        (axle.toe_in_deg, axle.toe_in_gain_degpm) = (0.0, 0.0);
        (axle.lateral_force_steer_degpkn, axle.aligning_moment_steer_degpknm) = (0.0, 0.0);
    }
}

/// The single-track car: linear tyres, and the centre of mass in the ground plane, so that the body neither
/// rolls nor pitches.
pub fn single_track(p: &mut VehicleParams) {
    with_linear_tyres(p);
    without_losses(p);
    without_actuator_lags(p);
    p.chassis.cg_height_m = 0.0;
    p.chassis.sprung_inertia_xz_kgm2 = 0.0;
    for axle in [&mut p.front, &mut p.rear] {
        axle.roll_centre_height_m = 0.0;
        axle.side_view_tan = 0.0;
    }
    p.steering.ackermann = 0.0;
}

/// Cornering stiffness of both tyres of an axle at their static load, N/rad.
pub fn axle_stiffness(p: &VehicleParams, front: bool) -> f64 {
    let c = &p.chassis;
    let lever = if front { c.wheelbase_m - c.cg_behind_front_axle_m } else { c.cg_behind_front_axle_m };
    let load = 0.5 * c.mass_kg * G * lever / c.wheelbase_m;
    let scale = if front { &p.front } else { &p.rear }.cornering_stiffness_scale;
    let alpha = 1e-5;
    -2.0 * p.tyre.steady_state(0.0, alpha, load, 1.0, scale).fy_n / alpha
}

/// Mass plus the wheels' inertia seen at the tread, kg.
pub fn effective_mass(p: &VehicleParams) -> f64 {
    p.chassis.mass_kg + 4.0 * p.tyre.spin_inertia_kgm2 / p.tyre.rolling_radius_m.powi(2)
}

/// Pedals, steering-wheel angle and gear.
pub fn demand(throttle_pct: f64, brake_pct: f64, steering_deg: f64, gear: Gear) -> ActuatorDemand {
    ActuatorDemand {
        throttle_pct,
        brake_pct,
        steering: SteeringDemand::Servo { angle_rad: steering_deg.to_radians(), rate_limit_rps: 9.0 },
        gear,
        parking_brake: false,
    }
}

/// Neutral, no pedals, straight.
pub fn rolling() -> ActuatorDemand {
    demand(0.0, 0.0, 0.0, Gear::Neutral)
}

/// Neutral, no pedals, steering wheel turned.
pub fn steered(steering_deg: f64) -> ActuatorDemand {
    demand(0.0, 0.0, steering_deg, Gear::Neutral)
}

/// A plane that climbs along +x.
pub fn slope(rise_over_run: f64) -> FlatGround {
    FlatGround { slope_x: rise_over_run, ..FlatGround::LEVEL }
}

/// A car on one ground.
pub struct Run<S = FlatGround> {
    pub model: VehicleModel,
    pub state: VehicleState,
    pub ground: S,
}

impl Run {
    /// The shipped car at the origin of a level plane, heading along +x.
    pub fn level(speed_mps: f64, first: &ActuatorDemand) -> Run {
        Run::on(FlatGround::LEVEL, 0.0, speed_mps, first)
    }

    /// The shipped car on `ground`.
    pub fn on(ground: FlatGround, heading_rad: f64, speed_mps: f64, first: &ActuatorDemand) -> Run {
        Run::with(VehicleModel::new(&params(), DT_S), ground, heading_rad, speed_mps, first)
    }

    /// Another car on a level plane.
    pub fn of(params: &VehicleParams, speed_mps: f64, first: &ActuatorDemand) -> Run {
        Run::with(VehicleModel::new(params, DT_S), FlatGround::LEVEL, 0.0, speed_mps, first)
    }
}

impl<S: Ground> Run<S> {
    pub fn with(
        model: VehicleModel,
        mut ground: S,
        heading_rad: f64,
        speed_mps: f64,
        first: &ActuatorDemand,
    ) -> Run<S> {
        let state =
            model.place(&mut ground, &Environment::default(), [0.0, 0.0, heading_rad], speed_mps, first);
        Run { model, state, ground }
    }

    fn steps(&self, seconds: f64) -> usize {
        (seconds / self.model.dt_s()).round() as usize
    }

    /// One step under an external force (N) and moment (Nm) at the centre of mass, body frame.
    pub fn step(&mut self, demand: &ActuatorDemand, external: &Vector6<f64>) {
        self.model.step_with(&mut self.state, demand, &mut self.ground, &Environment::default(), external);
    }

    /// Drives for a while.
    pub fn drive(&mut self, demand: &ActuatorDemand, seconds: f64) -> &VehicleState {
        for _ in 0..self.steps(seconds) {
            self.step(demand, &Vector6::zeros());
        }
        &self.state
    }

    /// Drives for a while, towed at the centre of mass along the body so that the speed stays: no drive force
    /// at the tyres.
    pub fn tow(&mut self, demand: &ActuatorDemand, speed_mps: f64, seconds: f64) -> &VehicleState {
        for _ in 0..self.steps(seconds) {
            let pull = 20.0 * self.model.mass_kg() * (speed_mps - self.speed());
            self.step(demand, &Vector6::new(pull, 0.0, 0.0, 0.0, 0.0, 0.0));
        }
        &self.state
    }

    /// Velocity of the centre of mass in the body frame, m/s.
    pub fn velocity(&self) -> Vector3<f64> {
        self.state.attitude.matrix().transpose() * self.state.velocity_mps
    }

    /// Forward speed, m/s.
    pub fn speed(&self) -> f64 {
        self.velocity().x
    }

    /// Yaw rate, rad/s.
    pub fn yaw_rate(&self) -> f64 {
        self.state.rate_rps.z
    }

    /// Acceleration of the centre of mass in the body's axes, m/s².
    pub fn acceleration(&self) -> Vector3<f64> {
        self.state.attitude.matrix().transpose() * self.state.acceleration_mps2
    }

    /// Position of the rear-axle centre, m.
    pub fn rear_axle(&self) -> Vector3<f64> {
        self.model.rear_axle_motion(&self.state).position_m
    }

    /// Whether every number of the state is finite.
    pub fn is_finite(&self) -> bool {
        let mut finite = true;
        self.state.visit_trajectory(|x| finite &= x.is_finite());
        finite
    }
}

/// Asserts that `got` is within `share` of `expected`, and says both on the terminal.
#[track_caller]
pub fn assert_close(what: &str, got: f64, expected: f64, share: f64) {
    let off = got / expected - 1.0;
    eprintln!(
        "{what}: {got:.6}, expected {expected:.6}: off by {:.4} % of {:.4} %",
        100.0 * off,
        100.0 * share
    );
    assert!(off.abs() <= share, "{what}: got {got}, expected {expected} within {share}");
}
