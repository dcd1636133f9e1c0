//! JSON Schemas of the files a user writes, for editors.

use schemars::{JsonSchema, schema_for};

/// A kind of file that a user writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SchemaKind {
    /// `scenarios/*.toml`.
    Scenario,
    /// `vehicles/<name>/vehicle.toml`.
    Vehicle,
    /// `maps/<name>/map.toml`.
    Map,
}

impl SchemaKind {
    /// All kinds.
    pub const ALL: [SchemaKind; 3] = [SchemaKind::Scenario, SchemaKind::Vehicle, SchemaKind::Map];

    /// The name on the command line: `scenario`, `vehicle` or `map`.
    pub fn name(self) -> &'static str {
        match self {
            SchemaKind::Scenario => "scenario",
            SchemaKind::Vehicle => "vehicle",
            SchemaKind::Map => "map",
        }
    }
}

/// The JSON Schema of a kind of file, generated from the types that read it; indented, with a line end.
pub fn schema_json(kind: SchemaKind) -> String {
    match kind {
        SchemaKind::Scenario => text_of::<crate::Scenario>(),
        SchemaKind::Vehicle => text_of::<skidpad_vehicle::VehicleParams>(),
        SchemaKind::Map => text_of::<skidpad_world::MapFile>(),
    }
}

fn text_of<T: JsonSchema>() -> String {
    // A schema is a JSON value made of strings, numbers and booleans: it always prints.
    let mut text = serde_json::to_string_pretty(&schema_for!(T)).unwrap_or_default();
    text.push('\n');
    text
}
