//! The changing part of the vehicle: plain data, cloned to snapshot, hashed to compare.

use crate::brakes::BrakeState;
use crate::frame::Attitude;
use crate::hill_hold::HillHoldState;
use crate::interface::Gear;
use crate::powertrain::PowertrainState;
use crate::stability::StabilityState;
use crate::steering::SteeringState;
use crate::tyre::{TyreForces, TyreState};
use nalgebra::Vector3;

/// One corner: suspension travel, wheel spin, tyre. Order of the corners: FL, FR, RL, RR.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct CornerState {
    /// Wheel travel from the design position, m, positive in bump.
    pub travel_m: f64,
    /// Rate of the travel, m/s.
    pub travel_rate_mps: f64,
    /// Acceleration of the travel in the last step, m/s².
    pub travel_acceleration_mps2: f64,
    /// Wheel spin, rad/s, positive forward.
    pub spin_rps: f64,
    /// Wheel angle since the start, rad.
    pub angle_rad: f64,
    /// Tread deflections.
    pub tyre: TyreState,
    /// Tyre forces of the last step.
    pub forces: TyreForces,
    /// Tyre forces of the step before.
    pub forces_before: TyreForces,
    /// Normal load of the last step, N.
    pub load_n: f64,
    /// Longitudinal slip κ of the last step, from the tread deflection.
    pub slip_ratio: f64,
    /// Tangent of the slip angle α of the last step, from the tread deflection.
    pub slip_tangent: f64,
    /// Brake torque that acted in the last step, Nm, ≥ 0.
    pub brake_torque_nm: f64,
    /// Friction scale of the ground in the last step.
    pub friction: f64,
    /// Road-wheel steer angle, rad.
    pub steer_rad: f64,
}

/// Everything about the car that changes.
#[derive(Clone, Debug, PartialEq)]
pub struct VehicleState {
    /// Centre of mass of the whole car in its design position, world frame, m.
    pub position_m: Vector3<f64>,
    /// Body to world.
    pub attitude: Attitude,
    /// Velocity of that point, world frame, m/s.
    pub velocity_mps: Vector3<f64>,
    /// Body rates, body frame, rad/s.
    pub rate_rps: Vector3<f64>,
    /// Corners FL, FR, RL, RR.
    pub corners: [CornerState; 4],
    /// Gear engaged.
    pub gear: Gear,
    /// Parking brake applied.
    pub parking_brake: bool,
    /// Acceleration of the centre of mass in the last step, world frame, m/s².
    pub acceleration_mps2: Vector3<f64>,
    /// Angular acceleration in the last step, body frame, rad/s².
    pub angular_acceleration_rps2: Vector3<f64>,
    /// Gravity in the last step, m/s².
    pub gravity_mps2: f64,
    pub(crate) steering: SteeringState,
    pub(crate) brakes: BrakeState,
    pub(crate) powertrain: PowertrainState,
    pub(crate) stability: StabilityState,
    pub(crate) hill_hold: HillHoldState,
}

impl VehicleState {
    /// Steering-wheel angle, rad, positive left.
    pub fn steering_wheel_rad(&self) -> f64 {
        self.steering.angle_rad
    }

    /// Steering-wheel rate, rad/s.
    pub fn steering_wheel_rate_rps(&self) -> f64 {
        self.steering.rate_rps
    }

    /// Changes the velocities at once, as a collision does: `linear_mps` in the world frame at the
    /// centre of mass, `angular_rps` in the body frame.
    pub fn apply_velocity_change(&mut self, linear_mps: Vector3<f64>, angular_rps: Vector3<f64>) {
        self.velocity_mps += linear_mps;
        self.rate_rps += angular_rps;
    }

    /// Feeds every number of the trajectory (pose, velocities, travel, spin, steering) to `sink`, in a
    /// fixed order, for hashing.
    pub fn visit_trajectory(&self, mut sink: impl FnMut(f64)) {
        self.position_m.iter().for_each(|x| sink(*x));
        self.attitude.0.iter().for_each(|x| sink(*x));
        self.velocity_mps.iter().for_each(|x| sink(*x));
        self.rate_rps.iter().for_each(|x| sink(*x));
        for corner in &self.corners {
            sink(corner.travel_m);
            sink(corner.spin_rps);
        }
        sink(self.steering.angle_rad);
    }
}
