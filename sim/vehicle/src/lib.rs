//! The vehicle model and its state: chassis, tyres, suspension, steering, brakes, powertrain.
//!
//! [`VehicleModel`] is constant, [`VehicleState`] changes; [`VehicleModel::step`] takes one to the next
//! under an [`ActuatorDemand`] on a [`skidpad_world::Ground`]. Body frame ISO 8855 (x forward, y left,
//! z up); world frame local ENU. The step allocates nothing; its transcendental functions are those of
//! `libm` and polynomials of its own, so a trajectory has the same bits on every machine.

mod aero;
mod brakes;
pub mod calibration;
mod delay;
mod frame;
mod hill_hold;
mod interface;
mod lanes;
mod model;
mod params;
mod powertrain;
mod stability;
mod state;
mod steering;
mod table;
mod tir;
mod tyre;
mod wheels;

pub use frame::Attitude;
pub use interface::{ActuatorDemand, Gear, HillStart, PlantReport, SteeringDemand};
pub use model::{Environment, PointMotion, VehicleModel};
pub use params::{
    AeroParams, AxleParams, BrakeParams, ChassisParams, HullParams, ParamError, StabilityParams,
    SteeringParams, TyreParams, VehicleParams,
};
pub use powertrain::{
    AutomaticKind, AutomaticParams, ConverterParams, Driveline, EngineParams, GearboxParams, LockUp,
    PowerSplitKind, PowerSplitParams, PowertrainParams,
};
pub use state::{CornerState, VehicleState};
pub use tyre::{TyreForces, TyreState, WheelSlip};
