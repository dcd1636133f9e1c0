//! `skidpad check`: files, without running anything.

use crate::output::print;
use crate::run::default_scenarios;
use crate::status::{Failure, Status};
use skidpad_engine::{RunOptions, Simulation};
use skidpad_links::meet;
use skidpad_scenario::{Library, LoadError, VehicleFiles, discover, read_map, read_ranges};
use std::fs;
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
    let mut problems = Problems::default();
    for folder in &files.vehicles {
        check_vehicle(folder, &mut problems);
    }
    for folder in &files.maps {
        read_map(folder).map(drop).unwrap_or_else(|error| problems.add(error));
    }
    check_scenarios(&files.scenarios, &mut problems);
    for problem in &problems.lines {
        eprintln!("error: {problem}");
    }
    if !problems.lines.is_empty() {
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

/// What is wrong, each thing once: a broken map is also wrong in every scenario on it.
#[derive(Default)]
struct Problems {
    lines: Vec<String>,
}

impl Problems {
    fn add(&mut self, error: LoadError) {
        error.problems.iter().for_each(|problem| self.line(problem.to_string()));
        if error.more > 0 {
            self.lines.push(format!("{} more of this kind are not shown", error.more));
        }
    }

    fn line(&mut self, line: String) {
        if !self.lines.contains(&line) {
            self.lines.push(line);
        }
    }
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
        let of = |names: &[&str]| {
            let is = |name: &&str| file.file_name().is_some_and(|found| found == *name);
            names.iter().any(is) || names.iter().any(|name| folder.join(name).exists())
        };
        // A vehicle that lost its vehicle.toml is still no folder of scenarios.
        let list = if of(&["vehicle.toml", "bywire.dbc"]) {
            &mut self.vehicles
        } else if of(&["map.toml"]) {
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
    // A new library may have no scenarios yet.
    let mut files = if scenarios.is_dir() { find(&[scenarios])? } else { Files::default() };
    files.vehicles = folders(&library.root().join("vehicles"))?;
    files.maps = folders(&library.root().join("maps"))?;
    Ok(files)
}

/// The folders in `parent`, hidden ones left out: each is meant to be a vehicle or map, whatever it lacks.
fn folders(parent: &Path) -> Result<Vec<PathBuf>, Failure> {
    let unreadable = |error: std::io::Error| Failure::usage(format!("{}: {error}", parent.display()));
    let mut folders = Vec::new();
    for entry in fs::read_dir(parent).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        if entry.path().is_dir() && !entry.file_name().to_string_lossy().starts_with('.') {
            folders.push(entry.path());
        }
    }
    folders.sort();
    Ok(folders)
}

fn check_scenarios(files: &[PathBuf], problems: &mut Problems) {
    let Some(first) = files.first() else { return };
    let loaded = Library::locate(Some(first)).and_then(|mut library| library.load_all(files));
    match loaded {
        Err(error) => problems.add(error),
        Ok(loaded) => {
            for scenario in &loaded {
                if let Err(error) = Simulation::new(scenario, &RunOptions::default()) {
                    problems.line(error.to_string());
                }
                for wrong in [
                    meet::links_of(scenario).err(),
                    meet::receiver_links_of(scenario).err(),
                    meet::topic_links_of(scenario).err(),
                ] {
                    wrong.into_iter().for_each(|failure| problems.line(failure.to_string()));
                }
            }
        }
    }
}

fn check_vehicle(folder: &Path, problems: &mut Problems) {
    let name = folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    // A car outside of a library may take its by-wire kit from one.
    let library = Library::locate(Some(folder)).ok();
    let root = library.as_ref().map(Library::root);
    VehicleFiles::read(&name, folder, root).map(drop).unwrap_or_else(|error| problems.add(error));
    read_ranges(folder).map(drop).unwrap_or_else(|error| problems.add(error));
}
