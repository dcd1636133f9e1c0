//! JSON Schemas of the files a user writes, for editors.

use schemars::{JsonSchema, schema_for};
use serde_json::Value;

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
    let mut schema = schema_for!(T).to_value();
    without_hidden_lines(&mut schema);
    let mut text = serde_json::to_string_pretty(&schema).unwrap_or_default();
    text.push('\n');
    text
}

/// Takes from the examples in descriptions what rustdoc hides, too: the lines that make them Rust.
fn without_hidden_lines(value: &mut Value) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                match value {
                    Value::String(text) if key == "description" => *text = visible(text),
                    _ => without_hidden_lines(value),
                }
            }
        }
        Value::Array(values) => values.iter_mut().for_each(without_hidden_lines),
        _ => {}
    }
}

fn visible(text: &str) -> String {
    let mut in_example = false;
    let shown = text.lines().filter(|line| {
        in_example ^= line.starts_with("```");
        !(in_example && line.starts_with("# "))
    });
    shown.collect::<Vec<_>>().join("\n")
}
