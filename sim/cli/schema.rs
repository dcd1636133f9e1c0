//! `skidpad schema`: JSON Schemas of the files that users write.

use crate::output::print;
use crate::status::{Failure, Status};
use clap::ValueEnum;
use skidpad_scenario::{SchemaKind, schema_json};

/// Print the JSON Schema of a kind of file
///
/// The schema is generated from the types that read the file: every key with its meaning and unit. Editors
/// with a TOML language server complete and check files by it.
#[derive(clap::Args)]
#[command(after_help = HELP)]
pub struct Args {
    /// The kind of file
    kind: Kind,
}

const HELP: &str = "\
Examples:
  skidpad schema scenario > scenario.schema.json
  skidpad schema vehicle

Exit status:
  0  the schema was printed
  2  an argument is wrong";

#[derive(Clone, Copy, ValueEnum)]
enum Kind {
    /// A scenario, scenarios/*.toml
    Scenario,
    /// A vehicle, vehicles/NAME/vehicle.toml
    Vehicle,
    /// A map, maps/NAME/map.toml
    Map,
}

/// Runs the subcommand.
pub fn run(args: &Args) -> Result<Status, Failure> {
    let kind = match args.kind {
        Kind::Scenario => SchemaKind::Scenario,
        Kind::Vehicle => SchemaKind::Vehicle,
        Kind::Map => SchemaKind::Map,
    };
    print(&schema_json(kind))?;
    Ok(Status::Passed)
}
