//! The constant part of the vehicle, and the step.
//!
//! Structure: a sprung body with six degrees of freedom; four wheels that travel along the body's z
//! axis and spin; forces of springs, dampers, stops, anti-roll bars and links between them; tyres on
//! the ground. The wheels' masses move with the body in x and y and alone in z, so the equations of
//! the body have the constant 6 × 6 mass matrix M about the centre of mass C of the whole car
//! (body frame, P = diag(1, 1, 0), ρ from C):
//!
//! ```text
//! m_s (a + α×ρ_s + b_s) + Σ m_u P (a + α×ρ_i + b_i)                       = ΣF
//! I_s α + ω×I_s ω + ρ_s×m_s(a + α×ρ_s + b_s) + Σ ρ_i×m_u P(a + α×ρ_i + b_i) = ΣT
//! b_s = ω×(ω×ρ_s)        b_i = ω×(ω×ρ_i) + 2 ω×(ż_i e_z)
//! ```
//!
//! and each wheel m_u (z̈_i + e_z·(a + α×ρ_i + b_i)) = F_tyre,z − F_spring − F_link + m_u g_z.
//! Integration: velocity Verlet with the velocities of the forces predicted, so of second order with one
//! evaluation of the forces a step; attitude by the exponential map.

use crate::aero::Aero;
use crate::brakes::Brakes;
use crate::frame::Attitude;
use crate::hill_hold::{HillHold, HillHoldState, HillReading};
use crate::interface::{ActuatorDemand, Gear, PlantReport, SteeringDemand};
use crate::lanes::F4;
use crate::params::{AxleParams, TyreParams, VehicleParams};
use crate::powertrain::{Driveline, Powertrain};
use crate::stability::{Reading, SingleTrack, Stability};
use crate::state::{CornerState, VehicleState};
use crate::steering::Steering;
use crate::tyre::{Treads4, TyreForces, Tyres, WheelSlip};
use crate::wheels::Wheels;
use nalgebra::{Matrix3, Matrix6, Vector3, Vector6};
use skidpad_world::Ground;

/// Gravity for which the design position is defined, m/s².
const DESIGN_GRAVITY_MPS2: f64 = 9.80665;
/// Steps that let the body come to rest on uneven ground before a run.
const SETTLE_STEPS: usize = 4000;
/// Brake force, N, whose pressure tells the stability control that the driver brakes.
const BRAKED_N: f64 = 200.0;

/// What surrounds the car.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Environment {
    /// Gravity, m/s², along −z of the world.
    pub gravity_mps2: f64,
    /// Wind velocity, world frame, m/s.
    pub wind_mps: [f64; 3],
}

impl Default for Environment {
    fn default() -> Self {
        Environment { gravity_mps2: DESIGN_GRAVITY_MPS2, wind_mps: [0.0; 3] }
    }
}

/// Motion of a point fixed to the body, world frame.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PointMotion {
    /// Position, m.
    pub position_m: Vector3<f64>,
    /// Velocity, m/s.
    pub velocity_mps: Vector3<f64>,
    /// Acceleration, m/s², without gravity's reaction: zero at rest.
    pub acceleration_mps2: Vector3<f64>,
}

/// The constant model of one car at one step size.
#[derive(Clone, Debug)]
pub struct VehicleModel {
    dt_s: f64,
    mass_kg: f64,
    sprung_mass_kg: f64,
    sprung_cg: Vector3<f64>,
    sprung_inertia: Matrix3<f64>,
    inverse_mass: Matrix6<f64>,
    wheels: Wheels,
    tyre: TyreParams,
    tyres: Tyres,
    steering: Steering,
    brakes: Brakes,
    powertrain: Powertrain,
    aero: Aero,
    stability: Stability,
    hill_hold: HillHold,
    /// Rear-axle centre on the ground, from C.
    rear_axle: Vector3<f64>,
    wheelbase_m: f64,
}

impl VehicleModel {
    /// Prepares the model of `params` for steps of `dt_s` seconds (1 ms in the simulator).
    ///
    /// `params` must have passed [`VehicleParams::validate`].
    pub fn new(params: &VehicleParams, dt_s: f64) -> Self {
        let c = &params.chassis;
        let wheelbase = c.wheelbase_m;
        let to_rear = wheelbase - c.cg_behind_front_axle_m;
        let wheels = Wheels::new(params, DESIGN_GRAVITY_MPS2);
        let sprung_mass_kg = c.mass_kg - wheels.mass.sum();
        let sprung_cg = -wheels.hub.scaled(wheels.mass).sum() / sprung_mass_kg;
        let [xx, yy, zz] = c.sprung_inertia_kgm2;
        let xz = c.sprung_inertia_xz_kgm2;
        let sprung_inertia = Matrix3::new(xx, 0.0, -xz, 0.0, yy, 0.0, -xz, 0.0, zz);
        let front_scale = params.front.cornering_stiffness_scale;
        let rear_scale = params.rear.cornering_stiffness_scale;
        let aids = &params.stability;
        let left_m = wheels.hub.y.0;
        let mass = mass_matrix(sprung_mass_kg, &sprung_cg, &sprung_inertia, &wheels);
        VehicleModel {
            dt_s,
            mass_kg: c.mass_kg,
            sprung_mass_kg,
            sprung_cg,
            sprung_inertia,
            inverse_mass: mass.try_inverse().expect("a mass matrix is positive definite"),
            wheels,
            tyre: params.tyre.clone(),
            tyres: Tyres::new(&params.tyre, [front_scale, front_scale, rear_scale, rear_scale]),
            steering: Steering::new(&params.steering, params.front.track_m, wheelbase, dt_s),
            brakes: Brakes::new(&params.brakes, params.tyre.rolling_radius_m, dt_s),
            powertrain: Powertrain::new(&params.powertrain, params.tyre.rolling_radius_m, dt_s),
            aero: Aero::new(&params.aero, c),
            stability: Stability::new(
                [aids.esc, aids.traction],
                single_track(params),
                params.steering.ratio,
                left_m,
                params.brakes.abs_slip,
                dt_s,
            ),
            hill_hold: HillHold::new(aids.hill_start, aids.hill_start_hold_s, c.mass_kg),
            rear_axle: Vector3::new(-to_rear, 0.0, -c.cg_height_m),
            wheelbase_m: wheelbase,
        }
    }

    /// From now on the service brakes have lost this share (0 to 1) of the torque that they make of the same force.
    pub fn set_brake_fade(&mut self, share: f64) {
        self.brakes.effect = (1.0 - share).clamp(0.0, 1.0);
    }

    /// Step size, s.
    pub fn dt_s(&self) -> f64 {
        self.dt_s
    }

    /// Mass of the whole car, kg.
    pub fn mass_kg(&self) -> f64 {
        self.mass_kg
    }

    /// Moments of inertia of the whole car about its centre of mass, kg m², wheels included.
    pub fn inertia_kgm2(&self) -> Matrix3<f64> {
        let mut total = self.sprung_inertia + parallel_axis(self.sprung_mass_kg, &self.sprung_cg);
        for i in 0..4 {
            total += parallel_axis(self.wheels.mass.0[i], &self.wheels.hub.wheel(i));
        }
        total
    }

    /// The centre of mass of the design position seen from the rear-axle centre on the ground, body
    /// frame, m.
    pub fn cg_from_rear_axle_m(&self) -> Vector3<f64> {
        -self.rear_axle
    }

    /// Distance between the axles, m.
    pub fn wheelbase_m(&self) -> f64 {
        self.wheelbase_m
    }

    /// The car standing or rolling on `ground` with its rear-axle centre at `(x_m, y_m)`, heading
    /// `heading_rad`, at `speed_mps` along its heading with freely rolling wheels, actuators settled at
    /// `demand`.
    pub fn place(
        &self,
        ground: &mut impl Ground,
        environment: &Environment,
        [x_m, y_m, heading_rad]: [f64; 3],
        speed_mps: f64,
        demand: &ActuatorDemand,
    ) -> VehicleState {
        let mut state = self.lay_on(ground, environment, x_m, y_m, heading_rad, demand);
        if !self.is_level(ground, &state) {
            let hold = ActuatorDemand {
                throttle_pct: 0.0,
                brake_pct: 100.0,
                steering: SteeringDemand::Servo { angle_rad: state.steering.angle_rad, rate_limit_rps: 0.0 },
                gear: Gear::Park,
                parking_brake: true,
            };
            let settled = state.clone();
            state.brakes = self.brakes.settled(hold.brake_pct);
            for _ in 0..SETTLE_STEPS {
                self.step(&mut state, &hold, ground, environment);
            }
            // The tread winds up under the slope's pull and moves the car by a millimetre or two.
            let shift = self.rear_axle_motion(&settled).position_m - self.rear_axle_motion(&state).position_m;
            state.position_m.x += shift.x;
            state.position_m.y += shift.y;
            (state.brakes, state.gear, state.parking_brake) =
                (settled.brakes, demand.gear, demand.parking_brake);
            state.steering = settled.steering;
            state.powertrain = settled.powertrain;
        }
        if speed_mps != 0.0 {
            state.velocity_mps = state.attitude.matrix() * Vector3::new(speed_mps, 0.0, 0.0);
            state.rate_rps = Vector3::zeros();
            (state.acceleration_mps2, state.angular_acceleration_rps2) = (Vector3::zeros(), Vector3::zeros());
            for corner in &mut state.corners {
                corner.spin_rps = speed_mps / self.tyre.rolling_radius_m;
                corner.tyre = Default::default();
                corner.travel_rate_mps = 0.0;
                corner.travel_acceleration_mps2 = 0.0;
            }
            state.powertrain =
                self.powertrain.settled(demand.throttle_pct, demand.brake_pct, demand.gear, speed_mps);
        }
        let felt = self.specific_force_mps2(&state);
        (state.stability, state.hill_hold) =
            (self.stability.settled(speed_mps), self.hill_hold.settled(felt.x));
        state.brakes.hold_n = 0.0;
        let brake_torque_nm = self.brakes.torque_nm(&state.brakes);
        for (i, corner) in state.corners.iter_mut().enumerate() {
            corner.brake_torque_nm = brake_torque_nm.0[i];
        }
        state
    }

    /// The design position turned into the plane of the four wheels' ground.
    fn lay_on(
        &self,
        ground: &mut impl Ground,
        environment: &Environment,
        x_m: f64,
        y_m: f64,
        heading_rad: f64,
        demand: &ActuatorDemand,
    ) -> VehicleState {
        let angle_rad = match demand.steering {
            SteeringDemand::Servo { angle_rad, .. } | SteeringDemand::Imposed { angle_rad } => angle_rad,
            SteeringDemand::Free { .. } => 0.0,
        };
        let mut state = VehicleState {
            position_m: Vector3::zeros(),
            attitude: Attitude::from_yaw_pitch_roll(heading_rad, 0.0, 0.0),
            velocity_mps: Vector3::zeros(),
            rate_rps: Vector3::zeros(),
            corners: [CornerState::default(); 4],
            gear: demand.gear,
            parking_brake: demand.parking_brake,
            acceleration_mps2: Vector3::zeros(),
            angular_acceleration_rps2: Vector3::zeros(),
            gravity_mps2: environment.gravity_mps2,
            steering: self.steering.settled(angle_rad),
            brakes: self.brakes.settled(demand.brake_pct),
            powertrain: self.powertrain.settled(demand.throttle_pct, demand.brake_pct, demand.gear, 0.0),
            stability: self.stability.settled(0.0),
            hill_hold: HillHoldState::default(),
        };
        let mut height = 0.0;
        for _ in 0..4 {
            let origin = Vector3::new(x_m, y_m, height);
            state.position_m = origin - state.attitude.matrix() * self.rear_axle;
            let heights = self.ground_heights(ground, &state);
            let slope_x = 0.5 * (heights[0] + heights[1] - heights[2] - heights[3]) / self.wheelbase_m;
            let slope_y = 0.5
                * ((heights[0] - heights[1]) / (self.wheels.hub.y.0[0] - self.wheels.hub.y.0[1])
                    + (heights[2] - heights[3]) / (self.wheels.hub.y.0[2] - self.wheels.hub.y.0[3]));
            state.attitude =
                Attitude::from_yaw_pitch_roll(heading_rad, -libm::atan(slope_x), libm::atan(slope_y));
            height = 0.5 * (heights[2] + heights[3]);
        }
        state.position_m = Vector3::new(x_m, y_m, height) - state.attitude.matrix() * self.rear_axle;
        for corner in &mut state.corners {
            corner.friction = 1.0;
        }
        state
    }

    fn ground_heights(&self, ground: &mut impl Ground, state: &VehicleState) -> [f64; 4] {
        let rotation = state.attitude.matrix();
        std::array::from_fn(|i| {
            let hub = state.position_m + rotation * self.wheels.hub.wheel(i);
            ground.surface(i, hub.x, hub.y).height_m
        })
    }

    fn is_level(&self, ground: &mut impl Ground, state: &VehicleState) -> bool {
        let heights = self.ground_heights(ground, state);
        let exact_gravity = (state.gravity_mps2 - DESIGN_GRAVITY_MPS2).abs() < 1e-9;
        exact_gravity && heights.iter().all(|height| (height - heights[0]).abs() < 1e-12)
    }

    /// Advances `state` by one step under `demand`.
    pub fn step(
        &self,
        state: &mut VehicleState,
        demand: &ActuatorDemand,
        ground: &mut impl Ground,
        environment: &Environment,
    ) {
        self.step_with(state, demand, ground, environment, &Vector6::zeros());
    }

    /// As [`VehicleModel::step`], with an external force (N) and torque about the centre of mass (Nm) in
    /// the body frame.
    pub fn step_with(
        &self,
        state: &mut VehicleState,
        demand: &ActuatorDemand,
        ground: &mut impl Ground,
        environment: &Environment,
        external: &Vector6<f64>,
    ) {
        let dt = self.dt_s;
        let radius = self.tyre.rolling_radius_m;
        self.advance_actuators(state, demand);
        self.predict(state);

        let rotation = state.attitude.matrix();
        let to_body = rotation.transpose();
        let velocity = to_body * state.velocity_mps;
        let rate = state.rate_rps;
        let gravity = to_body * Vector3::new(0.0, 0.0, -environment.gravity_mps2);

        let mut force = external.fixed_rows::<3>(0).into_owned();
        let mut torque = external.fixed_rows::<3>(3).into_owned();

        // Air.
        let wind = to_body * Vector3::from(environment.wind_mps);
        let (air_force, air_torque) = self.aero.forces(&(velocity - wind), &rate);
        force += air_force;
        torque += air_torque;

        // Sprung body: weight and the terms of rotation.
        let bias = rate.cross(&rate.cross(&self.sprung_cg));
        let sprung = (gravity - bias) * self.sprung_mass_kg;
        force += sprung;
        torque += self.sprung_cg.cross(&sprung) - rate.cross(&(self.sprung_inertia * rate));

        // Wheels and tyres.
        let linkage = self.steering.road_wheels(state.steering.rack_rad);
        let contacts = self.wheels.touch(
            &state.corners,
            ground,
            &state.position_m,
            &rotation,
            [&velocity, &rate],
            linkage,
        );
        let motion = &contacts.motion;
        let mut treads = Treads4::of(&state.corners);
        let (tyres, [kappa, tan_alpha]) = self.tyres.advance(&mut treads, motion, dt);
        let pull = self.wheels.pull(&state.corners, &contacts, &tyres, &gravity, &rate);
        force += pull.force;
        torque += pull.torque;

        // Wheel spin: drive against tyre, then brake and rolling resistance, which only ever slow.
        let inertia = self.tyre.spin_inertia_kgm2;
        let drive_nm = 0.5 * state.powertrain.force_n(state.gear, state.stability.drive_share) * radius;
        let park_nm = if state.gear == Gear::Park { self.powertrain.pawl_torque_nm } else { 0.0 };
        let hand_nm = if state.parking_brake { self.brakes.parking_torque_nm } else { 0.0 };
        let brake = self.brakes.torque_nm(&state.brakes);
        let held = brake
            + (self.tyre.rolling_resistance * radius) * motion.load_n
            + F4([park_nm, park_nm, hand_nm, hand_nm]);
        let driven = F4([drive_nm, drive_nm, 0.0, 0.0]) - radius * tyres.fx_n;
        let before = F4::gather(&state.corners, |corner| corner.spin_rps);
        let free = before + driven * (dt / inertia);
        let left_over = free.abs() - held * (dt / inertia);
        let spin = left_over.above(0.0, left_over.copysign(free), F4::ZERO);
        let spin_reaction_nm = inertia / dt * (spin - before).sum();
        let momentum_nms = inertia * spin.sum();

        for (i, now) in state.corners.iter_mut().enumerate() {
            now.spin_rps = spin.0[i];
            now.angle_rad += dt * spin.0[i];
            now.tyre = treads.wheel(i);
            now.forces_before = now.forces;
            now.forces = tyres.wheel(i);
            now.load_n = motion.load_n.0[i];
            now.friction = motion.friction.0[i];
            now.slip_ratio = kappa.0[i];
            now.slip_tangent = tan_alpha.0[i];
            now.brake_torque_nm = brake.0[i];
            now.steer_rad = contacts.steer_rad.0[i];
        }
        torque.y -= spin_reaction_nm;
        // The wheels' angular momentum along the axles turns with the body: −ω × (h e_y).
        torque.x += rate.z * momentum_nms;
        torque.z -= rate.x * momentum_nms;
        let rolling = spin * radius;
        self.brakes.control_slip(
            &mut state.brakes,
            &motion.vx_mps.0,
            [&motion.rolling_mps.0, &rolling.0],
            dt,
        );

        // Solve, and put the new accelerations in the place of the old ones that the prediction used.
        let load = Vector6::new(force.x, force.y, force.z, torque.x, torque.y, torque.z);
        let solved = self.inverse_mass * load;
        let acceleration = Vector3::new(solved[0], solved[1], solved[2]);
        let angular = Vector3::new(solved[3], solved[4], solved[5]);
        let half = 0.5 * dt;
        // e_z · (a + α × ρ_i)
        let body = acceleration.z + angular.x * self.wheels.hub.y - angular.y * self.wheels.hub.x;
        let travelling = pull.lift - body;
        for (now, travelling) in state.corners.iter_mut().zip(travelling.0) {
            now.travel_rate_mps += half * (travelling - now.travel_acceleration_mps2);
            now.travel_acceleration_mps2 = travelling;
        }
        let acceleration = rotation * acceleration;
        state.velocity_mps += (acceleration - state.acceleration_mps2) * half;
        state.rate_rps += (angular - state.angular_acceleration_rps2) * half;
        state.acceleration_mps2 = acceleration;
        state.angular_acceleration_rps2 = angular;
        state.gravity_mps2 = environment.gravity_mps2;
    }

    /// Moves pose and suspension to the end of the step, and their velocities to what they will be there if
    /// the accelerations of the last step last: x⁺ = x + dt·v + ½dt²·a, v⁺ = v + dt·a.
    fn predict(&self, state: &mut VehicleState) {
        let dt = self.dt_s;
        let half = 0.5 * dt;
        let change = state.acceleration_mps2 * half;
        state.position_m += (state.velocity_mps + change) * dt;
        state.velocity_mps += change * 2.0;
        let turn = state.angular_acceleration_rps2 * half;
        state.attitude = state.attitude.turned(&(state.rate_rps + turn), dt);
        state.rate_rps += turn * 2.0;
        for corner in &mut state.corners {
            let change = half * corner.travel_acceleration_mps2;
            corner.travel_m += dt * (corner.travel_rate_mps + change);
            corner.travel_rate_mps += 2.0 * change;
        }
    }

    fn advance_actuators(&self, state: &mut VehicleState, demand: &ActuatorDemand) {
        let [left, right, ..] = &state.corners;
        let aligning = left.forces.mz_nm + right.forces.mz_nm;
        let lateral = left.forces.fy_n + right.forces.fy_n;
        let driven_mps = 0.5 * (left.spin_rps + right.spin_rps) * self.tyre.rolling_radius_m;
        self.steering.advance(&mut state.steering, &demand.steering, aligning, lateral, self.dt_s);
        self.brakes.advance(&mut state.brakes, demand.brake_pct);
        let brake_pct = state.brakes.pedal_pct;
        self.powertrain.advance(
            &mut state.powertrain,
            [demand.throttle_pct, brake_pct],
            demand.gear,
            driven_mps,
            state.stability.drive_share,
        );
        state.gear = demand.gear;
        state.parking_brake = demand.parking_brake;
        if self.stability.esc || self.stability.traction || self.hill_hold.fitted {
            self.advance_aids(state);
        }
    }

    /// Stability control, traction control and hill-start assist, by the sensors' readings of the step before.
    fn advance_aids(&self, state: &mut VehicleState) {
        let radius = self.tyre.rolling_radius_m;
        if self.stability.is_due(&mut state.stability) {
            let felt = self.specific_force_mps2(state);
            if self.stability.esc || self.stability.traction {
                let read = Reading {
                    direction: if state.gear == Gear::Reverse { -1.0 } else { 1.0 },
                    steering_wheel_rad: state.steering.angle_rad,
                    yaw_rate_rps: state.rate_rps.z,
                    felt_mps2: [felt.x, felt.y],
                    rolling_mps: state.corners.map(|corner| corner.spin_rps * radius),
                    braked: state.brakes.force_n > BRAKED_N,
                    drive_n: state.powertrain.force_n(state.gear, 1.0),
                };
                self.stability.monitor(&mut state.stability, &read, &state.brakes.pump);
            }
            if self.hill_hold.fitted {
                let read = HillReading {
                    gear: state.gear,
                    parking_brake: state.parking_brake,
                    stationary: state.corners.iter().all(|corner| corner.spin_rps == 0.0),
                    along_mps2: felt.x,
                    brake_n: [state.brakes.request_n, state.brakes.force_n],
                    drive_n: state.powertrain.force_n(state.gear, 1.0),
                };
                self.hill_hold.advance(&mut state.hill_hold, &read, self.stability.cycle_s);
                state.brakes.hold_n = state.hill_hold.hold_n;
            }
        }
        if state.stability.pumping {
            let rolling = state.corners.map(|corner| corner.spin_rps * radius);
            self.stability.pump(&mut state.stability, &mut state.brakes.pump, &rolling, self.dt_s);
        }
    }

    /// Steady-state forces of the four tyres (FL, FR, RL, RR) at these slips, without relaxation.
    pub fn tyre_forces(&self, slips: &[WheelSlip; 4]) -> [TyreForces; 4] {
        self.tyres.at_slips(slips)
    }

    /// Motion of the rear-axle centre on the ground plane, the vehicle's reference point.
    pub fn rear_axle_motion(&self, state: &VehicleState) -> PointMotion {
        self.point_motion(state, &self.rear_axle)
    }

    /// Motion of a point of the body given from the centre of mass, body frame.
    pub fn point_motion(&self, state: &VehicleState, from_cg_m: &Vector3<f64>) -> PointMotion {
        let rotation = state.attitude.matrix();
        let rate = &state.rate_rps;
        let turning = rate.cross(from_cg_m);
        PointMotion {
            position_m: state.position_m + rotation * from_cg_m,
            velocity_mps: state.velocity_mps + rotation * turning,
            acceleration_mps2: state.acceleration_mps2
                + rotation * (state.angular_acceleration_rps2.cross(from_cg_m) + rate.cross(&turning)),
        }
    }

    /// Accelerometer reading at the centre of mass, body frame, m/s².
    pub fn specific_force_mps2(&self, state: &VehicleState) -> Vector3<f64> {
        let with_gravity = state.acceleration_mps2 + Vector3::new(0.0, 0.0, state.gravity_mps2);
        state.attitude.matrix().transpose() * with_gravity
    }

    /// Engine, converter and gearbox of a car with a stepped automatic; `None` with another drive.
    pub fn driveline(&self, state: &VehicleState) -> Option<Driveline> {
        self.powertrain.driveline(&state.powertrain)
    }

    /// What the ECUs of the car can measure now.
    pub fn report(&self, state: &VehicleState) -> PlantReport {
        let radius = self.tyre.rolling_radius_m;
        let spin = state.corners.map(|corner| corner.spin_rps);
        let wheel_speed_mps = 0.5 * (spin[2] + spin[3]) * radius;
        PlantReport {
            steering_wheel_rad: state.steering.angle_rad,
            steering_wheel_rate_rps: state.steering.rate_rps,
            steering_torque_nm: state.steering.driver_torque_nm,
            wheel_speed_mps,
            wheel_spin_rps: spin,
            wheel_angle_rad: state.corners.map(|corner| corner.angle_rad),
            specific_force_mps2: self.specific_force_mps2(state).into(),
            body_rate_rps: state.rate_rps.into(),
            throttle_pct: state.powertrain.pedal_pct(),
            brake_pct: state.brakes.pedal_pct,
            brake_torque_request_nm: state.brakes.request_n * radius,
            brake_torque_actual_nm: state.corners.iter().map(|corner| corner.brake_torque_nm).sum(),
            wheel_torque_nm: state.powertrain.force_n(state.gear, state.stability.drive_share) * radius,
            gear: state.gear,
            engine_rpm: self.powertrain.engine_rpm(&state.powertrain, wheel_speed_mps),
            parking_brake: state.parking_brake,
            abs_enabled: self.brakes.abs,
            abs_active: state.brakes.abs_active,
            stability_enabled: self.stability.esc,
            stability_active: state.stability.esc_active,
            traction_enabled: self.stability.traction,
            traction_active: state.stability.traction_active,
            hill_start_enabled: self.hill_hold.fitted,
            hill_start: state.hill_hold.status,
            stationary: spin.iter().all(|rate| *rate == 0.0),
        }
    }
}

/// The linear single-track car of `params`: tyres at their static loads, with the compliance of the axles.
fn single_track(params: &VehicleParams) -> SingleTrack {
    const SMALL_RAD: f64 = 1e-4;
    let c = &params.chassis;
    let to_front = c.cg_behind_front_axle_m;
    let to_rear = c.wheelbase_m - to_front;
    let axle = |axle: &AxleParams, share: f64| {
        let load_n = 0.5 * share * c.mass_kg * DESIGN_GRAVITY_MPS2;
        let tyre = |alpha_rad: f64| {
            params.tyre.steady_state(0.0, alpha_rad, load_n, 1.0, axle.cornering_stiffness_scale)
        };
        // By differences: a tyre with shifts has a force at no slip.
        let (left, right) = (tyre(-SMALL_RAD), tyre(SMALL_RAD));
        let force_n = left.fy_n - right.fy_n;
        let stiffness = force_n / (2.0 * SMALL_RAD);
        let trail_m = -(left.mz_nm - right.mz_nm) / force_n;
        let yields_radpn = 1e-3
            * (axle.lateral_force_steer_degpkn - axle.aligning_moment_steer_degpknm * trail_m).to_radians();
        (2.0 * stiffness / (1.0 - stiffness * yields_radpn), trail_m, params.tyre.relaxation_m(load_n)[1])
    };
    let (front_npr, front_trail_m, relaxation_m) = axle(&params.front, to_rear / c.wheelbase_m);
    let (rear_npr, rear_trail_m, _) = axle(&params.rear, to_front / c.wheelbase_m);
    let unsprung = |axle: &AxleParams, x: f64| 2.0 * axle.unsprung_mass_kg * x * x;
    SingleTrack {
        mass_kg: c.mass_kg,
        yaw_inertia_kgm2: c.sprung_inertia_kgm2[2]
            + unsprung(&params.front, to_front)
            + unsprung(&params.rear, to_rear),
        arms_m: [to_front - front_trail_m, to_rear + rear_trail_m],
        wheelbase_m: c.wheelbase_m,
        stiffness_npr: [front_npr, rear_npr],
        relaxation_m,
    }
}

fn skew(v: &Vector3<f64>) -> Matrix3<f64> {
    Matrix3::new(0.0, -v.z, v.y, v.z, 0.0, -v.x, -v.y, v.x, 0.0)
}

fn parallel_axis(mass: f64, at: &Vector3<f64>) -> Matrix3<f64> {
    let s = skew(at);
    (s * s.transpose()) * mass
}

/// M of the module's equations, acting on [a; α].
fn mass_matrix(
    sprung_mass: f64,
    sprung_cg: &Vector3<f64>,
    sprung_inertia: &Matrix3<f64>,
    wheels: &Wheels,
) -> Matrix6<f64> {
    let mut mass = Matrix6::zeros();
    // A mass m at ρ that follows the body along the directions of P contributes
    // [mP, −mP[ρ]×; m[ρ]×P, −m[ρ]×P[ρ]×].
    let mut add = |m: f64, at: &Vector3<f64>, follows: Matrix3<f64>| {
        let s = skew(at);
        let blocks = [[follows * m, -(follows * s) * m], [(s * follows) * m, -(s * follows * s) * m]];
        for (row, pair) in blocks.iter().enumerate() {
            for (column, block) in pair.iter().enumerate() {
                let mut view = mass.fixed_view_mut::<3, 3>(3 * row, 3 * column);
                view += block;
            }
        }
    };
    add(sprung_mass, sprung_cg, Matrix3::identity());
    for i in 0..4 {
        add(wheels.mass.0[i], &wheels.hub.wheel(i), Matrix3::from_diagonal(&Vector3::new(1.0, 1.0, 0.0)));
    }
    let mut rotational = mass.fixed_view_mut::<3, 3>(3, 3);
    rotational += sprung_inertia;
    mass
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stability_control_knows_the_understeer_of_the_shipped_car() {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../vehicles/lincoln_mkz/vehicle.toml");
        let params = VehicleParams::parse(&std::fs::read_to_string(file).unwrap(), file).unwrap();
        let car = single_track(&params);
        let characteristic_kmh = 3.6 * (car.wheelbase_m / car.understeer()).sqrt();
        // ISO 4138 on the full model: 81.8 km/h.
        assert!((characteristic_kmh / 81.8 - 1.0).abs() < 0.08, "{characteristic_kmh} km/h");
    }
}
