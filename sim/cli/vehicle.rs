//! Finding the vehicle that an argument names.

use crate::status::Failure;
use skidpad_scenario::{Library, VehicleFiles};
use skidpad_vehicle::VehicleParams;
use std::path::Path;

/// Parameters of a vehicle: a name in the library, or else the path of a folder with a `vehicle.toml`.
pub fn load(name: &str) -> Result<VehicleParams, Failure> {
    let folder = Path::new(name);
    if folder.join("vehicle.toml").exists() {
        return VehicleFiles::read_params(folder).map_err(Failure::usage);
    }
    let vehicle = Library::locate(None).and_then(|mut library| library.vehicle(name));
    Ok(vehicle.map_err(Failure::usage)?.params.clone())
}
