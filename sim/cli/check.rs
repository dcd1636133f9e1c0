//! `skidpad check`: files, without running anything.

use crate::output::print;
use crate::run::default_scenarios;
use crate::status::{Failure, Status};
use skidpad_engine::{RunOptions, Simulation};
use skidpad_scenario::{Library, VehicleFiles, discover, read_map};
use std::path::{Path, PathBuf};

/// Check scenario, vehicle and map files without running them
///
/// PATH is a scenario file, a vehicle or map folder or the vehicle.toml or map.toml in it, or a folder of
/// any of these. Everything that is wrong is reported, with file, line and column, what was expected, and
/// the nearest valid name. A scenario is checked with the vehicle, map and recording that it names, up to
/// the point where it could start. Without PATH, all scenarios, vehicles and maps are checked.
#[derive(clap::Args)]
#[command(after_help = HELP)]
pub struct Args {
    /// Files or folders to check
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,
}

const HELP: &str = "\
Examples:
  skidpad check
  skidpad check scenarios/stopping my_scenario.toml
  skidpad check vehicles/lincoln_mkz maps/proving_ground/map.toml

Exit status:
  0  nothing is wrong
  2  something is wrong; standard error says what";

/// Runs the subcommand.
pub fn run(args: &Args) -> Result<Status, Failure> {
    let files = if args.paths.is_empty() { everything()? } else { find(&args.paths)? };
    let mut problems = Vec::new();
    check_scenarios(&files.scenarios, &mut problems);
    for folder in &files.vehicles {
        problems.extend(check_vehicle(folder).err());
    }
    for folder in &files.maps {
        problems.extend(check_map(folder).err());
    }
    for problem in &problems {
        eprintln!("error: {problem}");
    }
    if !problems.is_empty() {
        return Ok(Status::Usage);
    }
    print(&format!(
        "{}, {}, {}: nothing is wrong\n",
        count(files.scenarios.len(), "scenario"),
        count(files.vehicles.len(), "vehicle"),
        count(files.maps.len(), "map")
    ))?;
    Ok(Status::Passed)
}

fn count(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

/// What is to be checked; vehicles and maps by their folders.
#[derive(Default)]
struct Files {
    scenarios: Vec<PathBuf>,
    vehicles: Vec<PathBuf>,
    maps: Vec<PathBuf>,
}

impl Files {
    fn add(&mut self, file: PathBuf) {
        let folder = file.parent().map(Path::to_path_buf).unwrap_or_default();
        let of =
            |name: &str| file.file_name().is_some_and(|found| found == name) || folder.join(name).exists();
        let list = if of("vehicle.toml") {
            &mut self.vehicles
        } else if of("map.toml") {
            &mut self.maps
        } else {
            return self.scenarios.push(file);
        };
        if !list.contains(&folder) {
            list.push(folder);
        }
    }
}

fn find(paths: &[PathBuf]) -> Result<Files, Failure> {
    let mut files = Files::default();
    discover(paths).map_err(Failure::usage)?.into_iter().for_each(|file| files.add(file));
    Ok(files)
}

fn everything() -> Result<Files, Failure> {
    let scenarios = default_scenarios()?;
    let library = Library::locate(Some(&scenarios)).map_err(Failure::usage)?;
    let mut folders = vec![library.root().join("vehicles"), library.root().join("maps")];
    // A new library may have no scenarios yet.
    if scenarios.is_dir() {
        folders.push(scenarios);
    }
    find(&folders)
}

fn check_scenarios(files: &[PathBuf], problems: &mut Vec<String>) {
    let Some(first) = files.first() else { return };
    let loaded = Library::locate(Some(first)).and_then(|mut library| library.load_all(files));
    match loaded {
        Err(error) => problems.push(error.to_string()),
        Ok(loaded) => problems.extend(
            loaded
                .iter()
                .filter_map(|scenario| Simulation::new(scenario, &RunOptions::default()).err())
                .map(|error| error.to_string()),
        ),
    }
}

fn check_vehicle(folder: &Path) -> Result<(), String> {
    let name = folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    VehicleFiles::read(&name, folder).map(drop).map_err(|error| error.to_string())
}

fn check_map(folder: &Path) -> Result<(), String> {
    read_map(folder).map(drop).map_err(|error| error.to_string())
}
