//! Finding the vehicle that an argument names.

use crate::input;
use crate::status::Failure;
use skidpad_scenario::{Library, MAX_FILE_BYTES};
use skidpad_vehicle::VehicleParams;
use std::path::Path;

/// Parameters of a vehicle: a name in the library, or else the path of a folder with a `vehicle.toml`.
pub fn load(name: &str) -> Result<VehicleParams, Failure> {
    let file = Path::new(name).join("vehicle.toml");
    if file.exists() {
        let text = input::text(&file, MAX_FILE_BYTES)?;
        return VehicleParams::parse(&text, &file.display().to_string()).map_err(Failure::usage);
    }
    let vehicle = Library::locate(None).and_then(|mut library| library.vehicle(name));
    Ok(vehicle.map_err(Failure::usage)?.params.clone())
}
