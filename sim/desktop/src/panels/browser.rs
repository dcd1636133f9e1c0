//! The scenarios that there are, and the parameters of control.

use super::{bad, good};
use crate::app::Live;
use crate::session::Command;
use bevy_egui::egui::{self, Ui};
use skidpad_scenario::Override;
use std::collections::BTreeMap;

/// A number of `control.toml`.
pub(super) struct Gain {
    /// Its tables and its name.
    path: Vec<String>,
    /// As the vehicle has it, and as it shall be.
    original: f64,
    value: f64,
}

pub(super) fn scenarios(ui: &mut Ui, live: &mut Live) {
    let mut load = None;
    ui.horizontal(|ui| {
        ui.label("search");
        ui.text_edit_singleline(&mut live.panels.search);
        if ui
            .button("drive by hand")
            .on_hover_text("the handling loop, no stack until you press E (F)")
            .clicked()
        {
            load = Some(Command::FreeDrive);
        }
    });
    let current = live.session.view().scenario.as_ref().map(|scenario| scenario.file.clone());
    egui::ScrollArea::vertical().show(ui, |ui| {
        egui::Grid::new("scenarios").num_columns(3).striped(true).show(ui, |ui| {
            let panels = &live.panels;
            for file in &panels.files {
                let short =
                    file.strip_prefix(panels.root.join("scenarios")).unwrap_or(file).with_extension("");
                let name = short.display().to_string();
                if !name.to_lowercase().contains(&panels.search.to_lowercase()) {
                    continue;
                }
                match panels.verdicts.get(file) {
                    Some(true) => ui.colored_label(good(ui), "passed"),
                    Some(false) => ui.colored_label(bad(ui), "failed"),
                    None => ui.weak("–"),
                }
                .on_hover_text("what came of it in this sitting");
                let is_current = current.as_ref() == Some(file);
                if ui.selectable_label(is_current, &name).on_hover_text(file.display().to_string()).clicked()
                {
                    load = Some(Command::Load(file.clone()));
                }
                ui.end_row();
            }
        });
    });
    if let Some(command) = load {
        live.scrub = None;
        live.session.order(command);
    }
}

/// The numbers of a table and of those in it.
fn numbers(path: &[String], table: &toml::Table, found: &mut Vec<Gain>) {
    for (key, value) in table {
        let path: Vec<String> = path.iter().cloned().chain([key.clone()]).collect();
        match value {
            toml::Value::Table(table) => numbers(&path, table, found),
            toml::Value::Float(value) => found.push(Gain { path, original: *value, value: *value }),
            _ => {}
        }
    }
}

/// As a scenario writes it.
fn overrides(gains: &[Gain]) -> BTreeMap<String, Override> {
    let mut all = BTreeMap::new();
    'gains: for gain in gains.iter().filter(|gain| gain.value != gain.original) {
        let mut tables = &mut all;
        let Some((name, path)) = gain.path.split_last() else { continue };
        for table in path {
            let entry = tables.entry(table.clone()).or_insert_with(|| Override::Table(BTreeMap::new()));
            match entry {
                Override::Table(inner) => tables = inner,
                // A name is a number or a table, never both.
                Override::Number(_) => continue 'gains,
            }
        }
        tables.insert(name.clone(), Override::Number(gain.value));
    }
    all
}

pub(super) fn gains(ui: &mut Ui, live: &mut Live) {
    let view = live.session.view().clone();
    let Some(scenario) = &view.scenario else { return };
    if live.panels.gains_of != view.load {
        live.panels.gains_of = view.load;
        live.panels.gains.clear();
        let table = scenario.vehicle.control_toml.as_ref().and_then(|text| text.parse().ok());
        if let Some(table) = table {
            numbers(&[], &table, &mut live.panels.gains);
        }
    }
    ui.horizontal(|ui| {
        ui.label("search");
        ui.text_edit_singleline(&mut live.panels.search);
        let hint =
            "runs again from the start to this instant with these parameters; the run before stays, dashed";
        if ui.button("apply").on_hover_text(hint).clicked() {
            live.session.order(Command::Gains(overrides(&live.panels.gains)));
        }
        if ui.button("as on the car").clicked() {
            live.panels.gains.iter_mut().for_each(|gain| gain.value = gain.original);
        }
    });
    let search = live.panels.search.clone();
    egui::ScrollArea::vertical().show(ui, |ui| {
        egui::Grid::new("gains").num_columns(3).striped(true).show(ui, |ui| {
            for gain in live.panels.gains.iter_mut() {
                let name = gain.path.join(".");
                if !name.contains(&search) {
                    continue;
                }
                ui.label(&name);
                let speed = (gain.original.abs() * 0.01).max(1e-3);
                ui.add(egui::DragValue::new(&mut gain.value).speed(speed).max_decimals(5));
                ui.weak(format!("{}", gain.original)).on_hover_text("as in the vehicle's control.toml");
                ui.end_row();
            }
        });
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::Run;
    use std::path::Path;

    #[test]
    fn a_parameter_that_was_changed_reaches_control() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let library = skidpad_scenario::Library::at(&root).unwrap();
        let mut run = Run::load_text(library, &crate::session::free_drive(), Path::new("gains.toml"))
            .unwrap_or_else(|(_, error)| panic!("{error}"));
        let mut gains = Vec::new();
        let text = run.scenario().vehicle.control_toml.clone().unwrap();
        numbers(&[], &text.parse().unwrap(), &mut gains);
        assert!(gains.len() > 20);
        assert!(overrides(&gains).is_empty());
        let before = run.scenario().control.longitudinal.station_pid.kp;
        for gain in &mut gains {
            if gain.path.join(".") == "longitudinal.station_pid.kp" {
                gain.value *= 2.0;
            }
        }
        run.set_gains(&overrides(&gains)).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(run.scenario().control.longitudinal.station_pid.kp, 2.0 * before);
    }
}
