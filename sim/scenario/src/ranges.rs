//! `validation.toml`: what is accepted of one very car in the standard manoeuvres.

use crate::document::{Document, steps};
use crate::error::{LoadError, Problems, show};
use crate::files::{MAX_FILE_BYTES, read_text};
use crate::names::hint;
use crate::structure::{self, shorten};
use schemars::schema_for;
use skidpad_manoeuvre::{OwnRanges, figure_keys};
use std::path::Path;

/// Reads the `validation.toml` of the car in `dir`: a table for each figure that has a range of its own. Without
/// the file there are none.
///
/// # Errors
/// The file cannot be read or is no TOML, names a figure that there is not, or a range is empty.
pub fn read_ranges(dir: &Path) -> Result<OwnRanges, LoadError> {
    let file = dir.join("validation.toml");
    if !file.exists() {
        return Ok(OwnRanges::new());
    }
    let (text, shown) = (read_text(&file, MAX_FILE_BYTES)?, show(&file));
    let document = Document::parse(&text, &shown)?;
    let mut problems = Problems::new(&shown, &text);
    structure::check(&document.root, &schema_for!(OwnRanges).to_value(), &mut problems);
    for key in document.root.get_ref().keys() {
        let name = key.get_ref().as_ref();
        if !figure_keys().any(|known| known == name) {
            let hint = hint(name, figure_keys());
            problems.add(key.span(), format!("no figure is named `{}`{hint}", shorten(name)));
        }
    }
    problems.finish()?;
    let ranges: OwnRanges =
        toml::from_str(&text).map_err(|error| LoadError::whole(&file, error.message().trim()))?;
    let mut problems = Problems::new(&shown, &text);
    for (key, range) in &ranges {
        let message = match (range.low, range.high) {
            (None, None) => format!("`{key}` needs `low`, `high` or both"),
            (Some(low), Some(high)) if low >= high => {
                format!("`{key}`: `low` {low} must be less than `high` {high}")
            }
            _ => continue,
        };
        problems.add(document.span(&steps![key.as_str()]), message);
    }
    problems.finish()?;
    Ok(ranges)
}
