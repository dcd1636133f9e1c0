//! The scenarios that there are, and the parameters of control.

use super::{bad, good};
use crate::deeds::Deed;
use crate::live::Live;
use crate::session::Command;
use bevy_egui::egui::{self, Ui};
use skidpad_scenario::{EventSpec, LoadedScenario, Override, Seat};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// A number of `control.toml`.
pub(super) struct Gain {
    /// Its tables and its name.
    path: Vec<String>,
    /// As the vehicle has it, as the scenario has it, as it shall be, and as the run was last told.
    vehicle: f64,
    original: f64,
    value: f64,
    told: f64,
}

/// A scenario that there is.
pub(super) struct Known {
    file: PathBuf,
    /// Its name and its first sentence; empty if it cannot be read.
    name: String,
    about: String,
}

impl Known {
    pub(super) fn read(file: PathBuf) -> Known {
        let text = std::fs::read_to_string(&file).unwrap_or_default();
        // What is wrong with a file is told when it is loaded.
        let table: toml::Table = text.parse().unwrap_or_default();
        let of =
            |key: &str| table.get(key).and_then(|value| value.as_str()).unwrap_or_default().trim().to_owned();
        Known { file, name: of("name"), about: of("description") }
    }
}

pub(super) fn scenarios(ui: &mut Ui, live: &mut Live) {
    let mut load = None;
    ui.horizontal_wrapped(|ui| {
        ui.label("search");
        ui.add(egui::TextEdit::singleline(&mut live.panels.search).desired_width(200.0));
        if ui
            .button("drive by hand")
            .on_hover_text("the handling loop, no stack until you press E (F)")
            .clicked()
        {
            load = Some(Command::FreeDrive);
        }
        ui.separator();
        let hint = "traces and recorded drives, to be laid over this run; or drop one onto the window (F9)";
        if ui.button("lay another run over…").on_hover_text(hint).clicked() {
            live.act(Deed::Runs);
        }
        if let Some(name) = live.session.overlay_name() {
            ui.weak(format!("over this one: {name}"))
                .on_hover_text("dashed in the plots, a ghost on the road; F10 takes it away");
        }
    });
    let current = live.session.view().scenario.as_ref().map(|scenario| scenario.file.clone());
    egui::ScrollArea::vertical().show(ui, |ui| {
        egui::Grid::new("scenarios").num_columns(3).striped(true).spacing([14.0, 3.0]).show(ui, |ui| {
            let panels = &live.panels;
            for Known { file, name: title, about } in &panels.files {
                let short =
                    file.strip_prefix(panels.root.join("scenarios")).unwrap_or(file).with_extension("");
                let name = short.display().to_string();
                let search = panels.search.to_lowercase();
                if ![&name, title, about].iter().any(|text| text.to_lowercase().contains(&search)) {
                    continue;
                }
                match panels.verdicts.get(file) {
                    Some(last) if last.passed => {
                        ui.colored_label(good(ui), "passed").on_hover_text(last.ago())
                    }
                    Some(last) => ui.colored_label(bad(ui), "failed").on_hover_text(last.ago()),
                    None => ui.weak("–").on_hover_text("has not run to its end here, as it is in its file"),
                };
                let is_current = current.as_ref() == Some(file);
                if ui.selectable_label(is_current, &name).on_hover_text(file.display().to_string()).clicked()
                {
                    load = Some(Command::Load(file.clone()));
                }
                ui.weak(if about.is_empty() { title } else { about }).on_hover_text(title);
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
            toml::Value::Float(value) => {
                found.push(Gain { path, vehicle: *value, original: *value, value: *value, told: *value });
            }
            _ => {}
        }
    }
}

/// The parameters of a scenario: those of its vehicle, with its overrides.
fn of_scenario(scenario: &LoadedScenario) -> Vec<Gain> {
    let (mut gains, mut own) = (Vec::new(), Vec::new());
    let table = scenario.vehicle.control_toml.as_ref().and_then(|text| text.parse().ok());
    if let Some(table) = table {
        numbers(&[], &table, &mut gains);
    }
    if let Ok(table) = toml::Table::try_from(scenario.control.as_ref()) {
        numbers(&[], &table, &mut own);
    }
    for gain in &mut gains {
        if let Some(own) = own.iter().find(|own| own.path == gain.path) {
            (gain.original, gain.value, gain.told) = (own.value, own.value, own.value);
        }
    }
    gains
}

/// One of them, as a scenario writes it.
fn written(gain: &Gain) -> BTreeMap<String, Override> {
    let mut path = gain.path.iter().rev();
    let Some(name) = path.next() else { return BTreeMap::new() };
    path.fold(BTreeMap::from([(name.clone(), Override::Number(gain.value))]), |inner, table| {
        BTreeMap::from([(table.clone(), Override::Table(inner))])
    })
}

/// Those that are not as they were, as a scenario writes them.
fn overrides(gains: &[Gain], was: fn(&Gain) -> f64) -> BTreeMap<String, Override> {
    let mut all = BTreeMap::new();
    'gains: for gain in gains.iter().filter(|gain| gain.value != was(gain)) {
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
        live.panels.gains = of_scenario(scenario);
    }
    let mut from_now_on = false;
    ui.horizontal_wrapped(|ui| {
        ui.label("search");
        ui.add(egui::TextEdit::singleline(&mut live.panels.gains_search).desired_width(150.0));
        let hint = "each change acts at once, in the running loop; it is an event of the run, which a rewind and a saved \
                    scenario repeat";
        ui.checkbox(&mut live.panels.gains_live, "at once").on_hover_text(hint);
        let hint = "acts from now on; an event of the run, which a rewind and a saved scenario repeat";
        from_now_on |= ui.button("from now on").on_hover_text(hint).clicked();
        let hint =
            "runs again from the start to this instant with these parameters; the run before stays, dashed";
        if ui.button("run again with them").on_hover_text(hint).clicked() {
            live.session.order(Command::Gains(overrides(&live.panels.gains, |gain| gain.vehicle)));
        }
        let hint = "every number as the scenario has it";
        if ui.button("as they were").on_hover_text(hint).clicked() {
            live.panels.gains.iter_mut().for_each(|gain| gain.value = gain.original);
            from_now_on |= live.panels.gains_live;
        }
    });
    if scenario.scenario.stack.control == Seat::External {
        ui.weak("Control is outside: these are the parameters of the embedded one, which does not drive.");
    }
    let search = live.panels.gains_search.clone();
    let live_now = live.panels.gains_live;
    egui::ScrollArea::vertical().show(ui, |ui| {
        egui::Grid::new("gains").num_columns(3).striped(true).show(ui, |ui| {
            for gain in live.panels.gains.iter_mut() {
                let name = gain.path.join(".");
                if !name.contains(&search) {
                    continue;
                }
                ui.label(&name);
                let speed = (gain.original.abs() * 0.01).max(1e-3);
                let field = ui
                    .add(egui::DragValue::new(&mut gain.value).speed(speed).max_decimals(5))
                    .on_hover_text(format!("{name}\ndrag, or click and type"));
                // One event for a drag, not one for each picture of it.
                from_now_on |= live_now
                    && (field.drag_stopped()
                        || (field.lost_focus() && field.changed())
                        || (field.lost_focus() && gain.value != gain.told));
                ui.weak(format!("{}", gain.original)).on_hover_text("as the scenario has it");
                ui.end_row();
            }
        });
    });
    if from_now_on {
        let mut changed = overrides(&live.panels.gains, |gain| gain.original);
        live.panels.gains.iter_mut().for_each(|gain| gain.told = gain.value);
        if changed.is_empty() {
            // An event names something; one parameter as it was says that all are.
            changed = live.panels.gains.first().map(written).unwrap_or_default();
        }
        live.inject(EventSpec { control: Some(changed), ..EventSpec::default() });
    }
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
        let mut gains = of_scenario(run.scenario());
        assert!(gains.len() > 20);
        assert!(overrides(&gains, |gain| gain.vehicle).is_empty());
        let before = run.scenario().control.longitudinal.station_pid.kp;
        for gain in &mut gains {
            if gain.path.join(".") == "longitudinal.station_pid.kp" {
                gain.value *= 2.0;
            }
        }
        // From now on, which the run keeps as something that was done.
        let control = Some(overrides(&gains, |gain| gain.original));
        run.inject(EventSpec { control, ..EventSpec::default() }).unwrap_or_else(|error| panic!("{error}"));
        run.step();
        let told = run.simulation().unwrap().events().to_vec();
        let of_kp = |event: &skidpad_engine::RunEvent| event.detail.contains("longitudinal.station_pid.kp");
        assert!(told.iter().any(|event| event.name == "control_parameters" && of_kp(event)), "{told:?}");
        let text = run.scenario_text("gains").unwrap();
        assert!(text.contains("kp ="), "{text}");
        // Or from the start.
        run.set_gains(&overrides(&gains, |gain| gain.vehicle)).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(run.scenario().control.longitudinal.station_pid.kp, 2.0 * before);
    }
}
