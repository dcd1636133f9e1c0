//! `skidpad schema`: JSON Schemas of the files that users write, descriptors of the messages that stacks speak.

use crate::output::{print, print_bytes};
use crate::status::{Failure, Status};
use clap::ValueEnum;
use skidpad_scenario::{SchemaKind, schema_json};

/// Print the JSON Schema of a kind of file, or the descriptors of all messages
///
/// The schema is generated from the types that read the file: every key with its meaning and unit. Editors
/// with a TOML language server complete and check files by it.
///
/// `messages` is no schema of a file but the encoded google.protobuf.FileDescriptorSet of Apollo's messages and of
/// the lock-step protocol: what a program needs to read them without a .proto file.
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
  skidpad schema messages > messages.binpb

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
    /// Every message on the topics and in lock-step, as descriptors (binary)
    Messages,
}

/// Runs the subcommand.
pub fn run(args: &Args) -> Result<Status, Failure> {
    let kind = match args.kind {
        Kind::Scenario => SchemaKind::Scenario,
        Kind::Vehicle => SchemaKind::Vehicle,
        Kind::Map => SchemaKind::Map,
        Kind::Messages => {
            print_bytes(skidpad_msgs::FILE_DESCRIPTOR_SET)?;
            return Ok(Status::Passed);
        }
    };
    print(&schema_json(kind))?;
    Ok(Status::Passed)
}
