//! `skidpad list`: what there is to run, drive and drive on.

use crate::input;
use crate::output::print;
use crate::run::default_scenarios;
use crate::status::{Failure, Status};
use skidpad_scenario::{Library, LoadError, MAX_FILE_BYTES, discover, parse};
use std::fmt::Write;
use std::path::{Path, PathBuf};

/// List scenarios, vehicles and maps, one line each
///
/// Scenarios are those of the folder scenarios/ or of PATH; vehicles and maps those of the folders vehicles/
/// and maps/ beside it, above it or above the current folder, or in the folder that the environment variable
/// SKIDPAD_DATA names. A file that cannot be read is listed with what is wrong with it.
#[derive(clap::Args)]
#[command(after_help = HELP)]
pub struct Args {
    /// Scenario files, or folders of them [default: scenarios]
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,
}

const HELP: &str = "\
Examples:
  skidpad list
  skidpad list scenarios/stopping

Exit status:
  0  everything could be read
  2  a file or an argument is wrong";

/// Widest name that gets a column of its own.
const NAME_WIDTH: usize = 60;

/// Runs the subcommand.
pub fn run(args: &Args) -> Result<Status, Failure> {
    let default = default_scenarios()?;
    let paths = match args.paths.is_empty() {
        // A new library may have none yet.
        true if !default.is_dir() => Vec::new(),
        true => vec![default],
        false => args.paths.clone(),
    };
    let mut library = Library::locate(paths.first().map(PathBuf::as_path)).map_err(Failure::usage)?;
    let mut lists = Lists::default();
    let scenarios = discover(&paths).map_err(Failure::usage)?;
    lists.add("scenarios", scenarios.iter().map(|file| (file.display().to_string(), scenario_line(file))));
    let vehicles = library.vehicle_names().map_err(Failure::usage)?;
    lists.add(
        "vehicles",
        vehicles.into_iter().map(|name| {
            let line =
                library.vehicle(&name).map(|v| format!("{}: {}", v.params.title, v.params.description));
            (name, line.map_err(first_problem))
        }),
    );
    let maps = library.map_names().map_err(Failure::usage)?;
    lists.add(
        "maps",
        maps.into_iter().map(|name| {
            let line = library.map(&name).map(|map| format!("{}: {}", map.title(), map.description()));
            (name, line.map_err(first_problem))
        }),
    );
    print(&lists.text)?;
    Ok(if lists.broken { Status::Usage } else { Status::Passed })
}

fn scenario_line(file: &Path) -> Result<String, String> {
    let text = input::text(file, MAX_FILE_BYTES).map_err(|failure| failure.message)?;
    let scenario = parse(&text, &file.display().to_string()).map_err(first_problem)?;
    // The first sentence says what it proves, the rest why the limits are what they are.
    let description = scenario.description.split_whitespace().collect::<Vec<_>>().join(" ");
    let sentence = description.split_inclusive(". ").next().unwrap_or("").trim_end().to_string();
    Ok(format!("{}: {sentence}", scenario.name))
}

fn first_problem(error: LoadError) -> String {
    error.problems.first().map(ToString::to_string).unwrap_or_default()
}

/// The lists as they grow.
#[derive(Default)]
struct Lists {
    text: String,
    broken: bool,
}

impl Lists {
    fn add(&mut self, title: &str, entries: impl Iterator<Item = (String, Result<String, String>)>) {
        let entries: Vec<_> = entries.collect();
        let width = entries.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0).min(NAME_WIDTH);
        let gap = if self.text.is_empty() { "" } else { "\n" };
        writeln!(self.text, "{gap}{title} ({})", entries.len()).expect("a string takes everything");
        for (name, line) in entries {
            let line = line.unwrap_or_else(|problem| {
                self.broken = true;
                format!("BROKEN {problem}")
            });
            writeln!(self.text, "  {name:width$}  {}", line.trim_end_matches([' ', ':']))
                .expect("a string takes everything");
        }
    }
}
