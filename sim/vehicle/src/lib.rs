//! The vehicle model and its state: chassis, tyres, suspension, steering, brakes, powertrain.

mod interface;

pub use interface::{ActuatorDemand, Gear, PlantReport, SteeringDemand};
