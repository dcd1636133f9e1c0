//! Numbers of `control.toml` that a scenario replaces.

use crate::names::hint;
use crate::spec::Override;
use skidpad_stack::control::ControlConf;
use std::collections::BTreeMap;
use toml::{Table, Value};

/// The parameters of `control_toml` with the replacements made. The text itself has been read before.
///
/// # Errors
/// The name of an override as written in the scenario, and what is wrong with it: no such parameter, a
/// name that several tables have, a parameter that is no number, a value out of its range.
pub fn apply(
    control_toml: &str,
    overrides: &BTreeMap<String, Override>,
) -> Result<ControlConf, Vec<(String, String)>> {
    let mut table: Table = control_toml.parse().map_err(|_| Vec::new())?;
    let mut wanted = Vec::new();
    flatten("", overrides, &mut wanted);
    let mut problems = Vec::new();
    let mut names = Vec::new();
    parameters("", &table, &mut names);
    for (written, number) in &wanted {
        let first = written.split('.').next().unwrap_or_default().to_string();
        match full_name(written, &names).and_then(|name| replace(&mut table, name, *number)) {
            Ok(()) => {}
            Err(message) => problems.push((first, message)),
        }
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    let text = toml::to_string(&table).map_err(|_| Vec::new())?;
    ControlConf::parse(&text, "control.toml").map_err(|error| {
        let named = wanted.iter().find(|(written, _)| {
            full_name(written, &names).is_ok_and(|name| error.message.contains(&format!("`{name}`")))
        });
        let first =
            named.or(wanted.first()).map_or("", |(written, _)| written.split('.').next().unwrap_or(""));
        vec![(first.to_string(), error.message)]
    })
}

fn flatten(prefix: &str, overrides: &BTreeMap<String, Override>, into: &mut Vec<(String, f64)>) {
    for (key, value) in overrides {
        let name = if prefix.is_empty() { key.clone() } else { format!("{prefix}.{key}") };
        match value {
            Override::Number(number) => into.push((name, *number)),
            Override::Table(inner) => flatten(&name, inner, into),
        }
    }
}

fn parameters(prefix: &str, table: &Table, into: &mut Vec<String>) {
    for (key, value) in table {
        let name = if prefix.is_empty() { key.clone() } else { format!("{prefix}.{key}") };
        match value {
            Value::Table(inner) => parameters(&name, inner, into),
            _ => into.push(name),
        }
    }
}

/// The full name of a parameter given by it, or by its last part where that is unique.
fn full_name<'n>(written: &str, names: &'n [String]) -> Result<&'n str, String> {
    if let Some(name) = names.iter().find(|name| *name == written) {
        return Ok(name);
    }
    let tail = format!(".{written}");
    let matches: Vec<&String> = names.iter().filter(|name| name.ends_with(&tail)).collect();
    match matches[..] {
        [name] => Ok(name),
        [] => {
            // Someone who leaves the table out of a name should be given the short one to choose from.
            let short = |name: &'n String| {
                if written.contains('.') { name.as_str() } else { name.rsplit('.').next().unwrap_or(name) }
            };
            let hint = hint(written, names.iter().map(short));
            Err(format!("control.toml has no parameter `{}`{hint}", crate::structure::shorten(written)))
        }
        _ => {
            let list: Vec<&str> = matches.iter().map(|name| name.as_str()).collect();
            Err(format!("control.toml has several parameters `{written}`: choose from {}", list.join(", ")))
        }
    }
}

fn replace(table: &mut Table, name: &str, number: f64) -> Result<(), String> {
    let mut parts: Vec<&str> = name.split('.').collect();
    let last = parts.pop().unwrap_or_default();
    let mut table = table;
    for part in parts {
        let Some(Value::Table(inner)) = table.get_mut(part) else {
            return Err(format!("control.toml has no parameter `{name}`"));
        };
        table = inner;
    }
    match table.get_mut(last) {
        Some(Value::Float(value)) => *value = number,
        Some(Value::Integer(value)) if number == number.trunc() && number.abs() < 1e15 => {
            *value = number as i64
        }
        Some(Value::Integer(_)) => return Err(format!("`{name}` must be a whole number, got {number}")),
        _ => return Err(format!("`{name}` is not a number: only numbers can be replaced")),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn control_toml() -> String {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../vehicles/lincoln_mkz/control.toml");
        std::fs::read_to_string(path).unwrap()
    }

    fn apply_text(overrides: &str) -> Result<ControlConf, Vec<(String, String)>> {
        apply(&control_toml(), &toml::from_str(overrides).unwrap())
    }

    #[test]
    fn a_number_is_replaced_by_its_short_or_its_full_name() {
        let before = apply_text("").unwrap();
        let short = apply_text("steer_transmission_ratio = 8").unwrap();
        let full = apply_text("lateral.steer_transmission_ratio = 8.0").unwrap();
        assert_eq!(short.lateral.steer_transmission_ratio, 8.0);
        assert_eq!(short, full);
        let mut expected = before;
        expected.lateral.steer_transmission_ratio = 8.0;
        assert_eq!(short, expected, "nothing else changes");
        let deep = apply_text("longitudinal.station_pid.kp = 0.125").unwrap();
        assert_eq!(deep.longitudinal.station_pid.kp, 0.125);
        assert_eq!(apply_text("max_planning_miss_num = 7").unwrap().max_planning_miss_num, 7);
    }

    #[test]
    fn what_cannot_be_replaced_is_named() {
        let refuse = |text: &str| apply_text(text).unwrap_err().remove(0);
        let (key, message) = refuse("steer_transmision_ratio = 8");
        assert_eq!(key, "steer_transmision_ratio");
        assert!(message.contains("did you mean `steer_transmission_ratio`?"), "{message}");
        assert!(refuse("kp = 1").1.contains("longitudinal.station_pid.kp"));
        assert!(refuse("lateral.use_state_exact_match = 1").1.contains("not a number"));
        assert!(refuse("max_planning_miss_num = 1.5").1.contains("whole number"));
        let (key, message) = refuse("lateral.steer_transmission_ratio = -8");
        assert_eq!(key, "lateral");
        assert!(message.contains("lateral.steer_transmission_ratio") && message.contains("-8"), "{message}");
    }
}
