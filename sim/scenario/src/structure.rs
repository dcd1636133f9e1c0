//! Does a TOML document have the shape of its type? Checked against the JSON Schema of the type, so that
//! the schema users get and the errors users get are one thing, and *all* that is wrong is found at once
//! (a deserializer stops at the first).

use crate::error::Problems;
use crate::names::hint;
use serde_json::Value as Json;
use std::ops::Range;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Checks a document against a schema made by schemars.
pub fn check(root: &Spanned<DeTable<'_>>, schema: &Json, problems: &mut Problems) {
    let checker = Checker { definitions: &schema["$defs"] };
    checker.table(root.get_ref(), root.span(), schema, "", problems);
}

struct Checker<'s> {
    definitions: &'s Json,
}

impl<'s> Checker<'s> {
    fn value(&self, value: &Spanned<DeValue>, schema: &'s Json, path: &str, problems: &mut Problems) {
        let schema = self.resolve(schema);
        if let Some(choices) = alternatives(schema) {
            return self.one_of(value, choices, path, problems);
        }
        let span = value.span();
        let wrong_type = |problems: &mut Problems| {
            let expected = self.expected(schema);
            problems.add(span.clone(), format!("`{path}` must be {expected}, got {}", describe(value)));
        };
        match value.get_ref() {
            DeValue::Table(table) if allows(schema, "object") => {
                self.table(table, span, schema, path, problems);
            }
            DeValue::Array(array) if allows(schema, "array") => {
                let bounds = (schema["minItems"].as_u64(), schema["maxItems"].as_u64());
                let count = array.len() as u64;
                if bounds.0.is_some_and(|least| count < least) || bounds.1.is_some_and(|most| count > most) {
                    return wrong_type(problems);
                }
                for (index, item) in array.iter().enumerate() {
                    let schema = schema["prefixItems"].get(index).unwrap_or(&schema["items"]);
                    self.value(item, schema, path, problems);
                }
            }
            DeValue::String(text) if allows(schema, "string") => {
                let count = text.chars().count() as u64;
                if schema["minLength"].as_u64().is_some_and(|least| count < least) {
                    problems.add(span, format!("`{path}` must not be empty"));
                } else if let Some(most) = schema["maxLength"].as_u64().filter(|most| count > *most) {
                    problems
                        .add(span, format!("`{path}` has {count} characters; at most {most} are allowed"));
                } else if let Some(names) = names_of(schema).filter(|names| !names.contains(&&**text)) {
                    let got = shorten(text);
                    let hint = hint(text, names.iter().copied());
                    problems.add(span, format!("`{path}` cannot be \"{got}\"{hint}"));
                }
            }
            DeValue::Boolean(_) if allows(schema, "boolean") => {}
            DeValue::Integer(_) if allows(schema, "integer") || allows(schema, "number") => {
                self.number(value, schema, path, problems);
            }
            DeValue::Float(_) if allows(schema, "number") => self.number(value, schema, path, problems),
            _ => wrong_type(problems),
        }
    }

    fn table(
        &self,
        table: &DeTable,
        span: Range<usize>,
        schema: &'s Json,
        path: &str,
        problems: &mut Problems,
    ) {
        let properties = schema["properties"].as_object();
        let known = || properties.into_iter().flatten().map(|(name, _)| name.as_str());
        for (key, value) in table {
            let name = key.get_ref().as_ref();
            let inner = if path.is_empty() { shorten(name) } else { format!("{path}.{}", shorten(name)) };
            match (properties.and_then(|p| p.get(name)), &schema["additionalProperties"]) {
                (Some(property), _) => self.value(value, property, &inner, problems),
                (None, any @ (Json::Object(_) | Json::Bool(true))) => {
                    self.value(value, any, &inner, problems);
                }
                _ => {
                    let place = match path {
                        "" => String::new(),
                        _ => format!(" in [{path}]"),
                    };
                    let hint = hint(name, known());
                    problems.add(key.span(), format!("unknown key `{}`{place}{hint}", shorten(name)));
                }
            }
        }
        let required = schema["required"].as_array().into_iter().flatten().filter_map(Json::as_str);
        for name in required {
            if !table.keys().any(|key| key.get_ref() == name) {
                let place = if path.is_empty() { String::new() } else { format!(" in [{path}]") };
                let expected = self.expected(&schema["properties"][name]);
                problems.add(span.clone(), format!("missing key `{name}`{place}: expected {expected}"));
            }
        }
    }

    /// The value must fit one of several schemas: the one of its own type is the one meant.
    fn one_of(&self, value: &Spanned<DeValue>, choices: Vec<&'s Json>, path: &str, problems: &mut Problems) {
        let kind = match value.get_ref() {
            DeValue::Table(_) => "object",
            DeValue::Array(_) => "array",
            DeValue::String(_) => "string",
            DeValue::Boolean(_) => "boolean",
            DeValue::Integer(_) | DeValue::Float(_) => "number",
            DeValue::Datetime(_) => "datetime",
        };
        match choices.iter().copied().find(|schema| self.fits(schema, kind)) {
            Some(schema) => self.value(value, schema, path, problems),
            None => {
                let expected: Vec<String> = choices
                    .into_iter()
                    .filter(|schema| schema["type"] != "null")
                    .map(|schema| self.expected(schema))
                    .collect();
                let got = describe(value);
                problems.add(value.span(), format!("`{path}` must be {}, got {got}", expected.join(" or ")));
            }
        }
    }

    /// True if a value of this kind may be what the schema, or one of its own choices, means.
    fn fits(&self, schema: &Json, kind: &str) -> bool {
        let schema = self.resolve(schema);
        allows(schema, kind)
            || (kind == "number" && allows(schema, "integer"))
            || alternatives(schema)
                .is_some_and(|inner| inner.into_iter().any(|schema| self.fits(schema, kind)))
    }

    fn number(&self, value: &Spanned<DeValue>, schema: &Json, path: &str, problems: &mut Problems) {
        let number = match value.get_ref() {
            DeValue::Integer(integer) => match i64::from_str_radix(integer.as_str(), integer.radix()) {
                Ok(number) => number as f64,
                Err(_) => {
                    let got = shorten(integer.as_str());
                    return problems.add(value.span(), format!("`{path}`: the integer {got} is too large"));
                }
            },
            DeValue::Float(float) => float.as_str().replace('_', "").parse().unwrap_or(f64::NAN),
            _ => return,
        };
        let bound = |key: &str| schema[key].as_f64();
        let holds = number.is_finite()
            && bound("minimum").is_none_or(|least| number >= least)
            && bound("exclusiveMinimum").is_none_or(|least| number > least)
            && bound("maximum").is_none_or(|most| number <= most);
        if !holds {
            let expected = self.expected(schema);
            problems.add(value.span(), format!("`{path}` must be {expected}, got {}", describe(value)));
        }
    }

    fn resolve(&self, schema: &'s Json) -> &'s Json {
        let mut schema = schema;
        // Definitions of a schema made from types refer to each other, but never in a ring of bare `$ref`s.
        while let Some(name) = schema["$ref"].as_str().and_then(|r| r.strip_prefix("#/$defs/")) {
            schema = &self.definitions[name];
        }
        schema
    }

    /// What a schema allows, in words.
    fn expected(&self, schema: &'s Json) -> String {
        let schema = self.resolve(schema);
        if let Some(choices) = alternatives(schema) {
            let words: Vec<String> =
                choices.iter().filter(|s| s["type"] != "null").map(|s| self.expected(s)).collect();
            return words.join(" or ");
        }
        if let Some(names) = names_of(schema) {
            return format!("one of \"{}\"", names.join("\", \""));
        }
        if allows(schema, "integer") || allows(schema, "number") {
            let kind = if allows(schema, "integer") { "a whole number" } else { "a finite number" };
            let least = schema["minimum"].as_f64();
            let above = schema["exclusiveMinimum"].as_f64();
            // Beyond this a bound is that of the type, not one a person would care about.
            let most = schema["maximum"].as_f64().filter(|most| *most < 1e15);
            return match (least, above, most) {
                (Some(least), _, Some(most)) => format!("{kind} from {least} to {most}"),
                (Some(least), _, None) => format!("{kind} of at least {least}"),
                (None, Some(above), Some(most)) => format!("{kind} above {above} and at most {most}"),
                (None, Some(above), None) => format!("{kind} above {above}"),
                (None, None, Some(most)) => format!("{kind} of at most {most}"),
                (None, None, None) => kind.to_string(),
            };
        }
        if allows(schema, "array") {
            let items = self.expected(&schema["items"]);
            return match (schema["minItems"].as_u64(), schema["maxItems"].as_u64()) {
                (Some(least), Some(most)) if least == most => {
                    format!("an array of {most} values, each {items}")
                }
                (None, Some(most)) => format!("an array of at most {most}, each element {items}"),
                _ => format!("an array, each element {items}"),
            };
        }
        if allows(schema, "object") {
            let names: Vec<&str> =
                schema["properties"].as_object().into_iter().flatten().map(|(n, _)| n.as_str()).collect();
            return match names.len() {
                1..=12 => format!("a table with {}", names.join(", ")),
                _ => "a table".to_string(),
            };
        }
        if allows(schema, "boolean") {
            return "true or false".to_string();
        }
        if allows(schema, "string") { "a string".to_string() } else { "nothing".to_string() }
    }
}

/// The schemas of an `anyOf`, or of a `oneOf` that is more than a list of names.
fn alternatives(schema: &Json) -> Option<Vec<&Json>> {
    if names_of(schema).is_some() {
        return None;
    }
    let list = schema["anyOf"].as_array().or_else(|| schema["oneOf"].as_array())?;
    Some(list.iter().collect())
}

/// The names of an enumeration.
fn names_of(schema: &Json) -> Option<Vec<&str>> {
    if let Some(names) = schema["enum"].as_array() {
        return Some(names.iter().filter_map(Json::as_str).collect());
    }
    schema["oneOf"].as_array()?.iter().map(|s| s["const"].as_str()).collect()
}

fn allows(schema: &Json, kind: &str) -> bool {
    match &schema["type"] {
        Json::String(name) => name == kind,
        Json::Array(names) => names.iter().any(|name| name == kind),
        // An enumeration with documented names carries its type inside.
        _ => kind == "string" && names_of(schema).is_some(),
    }
}

/// A value in words, short enough for a message.
fn describe(value: &Spanned<DeValue>) -> String {
    match value.get_ref() {
        DeValue::String(text) => format!("the string \"{}\"", shorten(text)),
        DeValue::Integer(integer) => shorten(integer.as_str()),
        DeValue::Float(float) => shorten(float.as_str()),
        DeValue::Boolean(flag) => flag.to_string(),
        DeValue::Datetime(_) => "a date or time".to_string(),
        DeValue::Array(array) => format!("an array of {}", array.len()),
        DeValue::Table(_) => "a table".to_string(),
    }
}

/// Text from a file, on one line and short enough for a message.
pub fn shorten(text: &str) -> String {
    let clean: String = text.chars().take(61).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
    if clean.chars().count() > 60 { clean.chars().take(60).chain(['…']).collect() } else { clean }
}
