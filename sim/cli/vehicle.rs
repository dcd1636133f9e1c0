//! Finding the vehicle that an argument names.

use crate::status::Failure;
use skidpad_vehicle::VehicleParams;
use std::path::Path;

/// Parameters of the vehicle `name`: a folder in `vehicles/`, or the path of a folder.
pub fn load(name: &str) -> Result<VehicleParams, Failure> {
    let mut folder = Path::new("vehicles").join(name);
    if !folder.is_dir() {
        folder = Path::new(name).to_owned();
    }
    let path = folder.join("vehicle.toml");
    let text = std::fs::read_to_string(&path).map_err(|error| Failure::read(&path, &error))?;
    VehicleParams::parse(&text, &path.display().to_string()).map_err(Failure::usage)
}
