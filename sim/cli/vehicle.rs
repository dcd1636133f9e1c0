//! Finding the vehicle that an argument names.

use crate::status::Failure;
use skidpad_can::Dbc;
use skidpad_manoeuvre::OwnRanges;
use skidpad_scenario::{Library, VehicleFiles, read_ranges};
use skidpad_vehicle::VehicleParams;
use std::path::{Path, PathBuf};

/// Parameters of a vehicle: a name in the library, or else the path of a folder with a `vehicle.toml`.
pub fn load(name: &str) -> Result<VehicleParams, Failure> {
    Ok(find(name)?.0)
}

/// The same with what is accepted of this very car.
pub fn load_with_ranges(name: &str) -> Result<(VehicleParams, OwnRanges), Failure> {
    let (params, folder) = find(name)?;
    Ok((params, read_ranges(&folder).map_err(Failure::usage)?))
}

/// The layout of a vehicle's CAN messages.
pub fn load_dbc(name: &str) -> Result<Dbc, Failure> {
    let folder = Path::new(name);
    let vehicle = Library::locate(None).and_then(|mut library| {
        let name = match folder.join("vehicle.toml").exists() {
            true => library.add_vehicle(folder)?,
            false => name.to_string(),
        };
        library.vehicle(&name)
    });
    Ok(vehicle.map_err(Failure::usage)?.dbc.clone())
}

fn find(name: &str) -> Result<(VehicleParams, PathBuf), Failure> {
    let folder = Path::new(name);
    if folder.join("vehicle.toml").exists() {
        let params = VehicleFiles::read_params(folder).map_err(Failure::usage)?;
        return Ok((params, folder.to_path_buf()));
    }
    let vehicle = Library::locate(None).and_then(|mut library| library.vehicle(name));
    let vehicle = vehicle.map_err(Failure::usage)?;
    Ok((vehicle.params.clone(), vehicle.dir.clone()))
}
