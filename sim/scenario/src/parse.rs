//! From text to a checked scenario.

use crate::document::Document;
use crate::error::{LoadError, Problems};
use crate::events::Event;
use crate::files::MAX_FILE_BYTES;
use crate::spec::Scenario;
use crate::{check, structure};
use schemars::schema_for;
use serde_json::Value as Json;
use std::sync::LazyLock;

static SCHEMA: LazyLock<Json> = LazyLock::new(|| schema_for!(Scenario).to_value());

/// Reads the text of a scenario file and checks everything that needs no other file; `file` names it in
/// errors.
///
/// # Errors
/// All that is wrong: not TOML, unknown, missing or misplaced keys, values of the wrong type or out of
/// range, events that cannot happen, limits that mean nothing. The deserializer's own message, should the
/// schema ever let something pass that the type does not.
pub fn parse(text: &str, file: &str) -> Result<Scenario, LoadError> {
    read(text, file).map(|read| read.scenario)
}

/// A scenario with the places of its text, for checks against other files.
pub struct Read<'t> {
    pub scenario: Scenario,
    pub events: Vec<Event>,
    pub document: Document<'t>,
}

pub fn read<'t>(text: &'t str, file: &'t str) -> Result<Read<'t>, LoadError> {
    if text.len() as u64 > MAX_FILE_BYTES {
        let message =
            format!("the file is too large: {} bytes, at most {MAX_FILE_BYTES} are read", text.len());
        return Err(LoadError::at(file, 1, 1, message));
    }
    let document = Document::parse(text, file)?;
    let mut problems = Problems::new(file, text);
    structure::check(&document.root, &SCHEMA, &mut problems);
    problems.finish()?;
    let scenario: Scenario = toml::from_str(text).map_err(|error| {
        let mut problems = Problems::new(file, text);
        problems.add(error.span().unwrap_or(0..0), error.message().trim());
        problems.finish().err().unwrap_or_else(|| LoadError::at(file, 1, 1, error.message()))
    })?;
    let mut problems = Problems::new(file, text);
    let events = check::check(&scenario, &document, &mut problems);
    problems.finish()?;
    Ok(Read { scenario, events, document })
}
