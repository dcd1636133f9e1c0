//! Where the car starts: on a path of the map, or where it is now.

use crate::live::Live;
use crate::session::{Command, Moment};
use bevy_egui::egui::{self, Ui};
use skidpad_scenario::{GearName, LoadedScenario, PoseSpec, StartSpec};

/// Where the user wants the car.
#[derive(Default)]
pub(super) struct Form {
    of: u64,
    path: String,
    station_m: f64,
    lateral_m: f64,
    heading_deg: f64,
    speed_mps: f64,
}

impl Form {
    fn fill(&mut self, load: u64, scenario: &LoadedScenario) {
        if self.of == load {
            return;
        }
        let start = scenario.scenario.start.clone();
        let first = || scenario.map.paths().first().map(|path| path.name.clone());
        let of_reference = scenario.scenario.reference.as_ref().and_then(|reference| reference.path.clone());
        let named = start.as_ref().and_then(|start| start.on.clone());
        let start = start.unwrap_or_default();
        *self = Form {
            of: load,
            path: named.or(of_reference).or_else(first).unwrap_or_default(),
            station_m: start.station_m.unwrap_or(0.0),
            lateral_m: start.lateral_m.unwrap_or(0.0),
            heading_deg: start.heading_offset_deg.unwrap_or(0.0),
            speed_mps: start.speed_mps,
        };
    }

    fn start(&self) -> StartSpec {
        StartSpec {
            on: Some(self.path.clone()),
            station_m: Some(self.station_m),
            lateral_m: Some(self.lateral_m),
            heading_offset_deg: Some(self.heading_deg),
            speed_mps: self.speed_mps,
            ..StartSpec::default()
        }
    }
}

/// A start where the car is in this moment, as fast as it is.
fn here(moment: &Moment) -> StartSpec {
    let value = |name: &str| f64::from(moment.value(name));
    // Whole millimetres and thousandths of a degree, so that a saved scenario is readable.
    let round = |value: f64| (value * 1e3).round() / 1e3;
    let speed_mps = round(value("speed_mps"));
    StartSpec {
        pose: Some(PoseSpec {
            x_m: round(value("x_m")),
            y_m: round(value("y_m")),
            heading_deg: round(value("heading_rad").to_degrees()),
        }),
        speed_mps: if speed_mps.abs() < 0.05 { 0.0 } else { speed_mps },
        ..StartSpec::default()
    }
}

pub(super) fn draw(ui: &mut Ui, live: &mut Live) {
    let view = live.session.view().clone();
    let Some(scenario) = &view.scenario else {
        ui.weak("no scenario");
        return;
    };
    live.panels.place.fill(view.load, scenario);
    let moment = live.shown().cloned();
    let form = &mut live.panels.place;
    let mut start = None;
    ui.weak("The scenario begins anew with another start; F5 saves it as a scenario. What was done by hand is forgotten.");
    egui::Grid::new("place").num_columns(2).spacing([12.0, 4.0]).show(ui, |ui| {
        ui.label("path").on_hover_text("a named path of the map");
        egui::ComboBox::from_id_salt("path").selected_text(form.path.as_str()).show_ui(ui, |ui| {
            for path in scenario.map.paths() {
                ui.selectable_value(&mut form.path, path.name.clone(), path.name.as_str());
            }
        });
        ui.end_row();
        let mut row = |name: &str,
                       hint: &str,
                       value: &mut f64,
                       range: std::ops::RangeInclusive<f64>,
                       speed: f64,
                       unit: &str| {
            ui.label(name).on_hover_text(hint);
            ui.add(egui::DragValue::new(value).range(range).speed(speed).max_decimals(3).suffix(unit))
                .on_hover_text(hint);
            ui.end_row();
        };
        row(
            "station",
            "how far along the path the rear axle stands, m",
            &mut form.station_m,
            0.0..=1e5,
            0.5,
            " m",
        );
        row("to the left", "how far left of the path, m", &mut form.lateral_m, -100.0..=100.0, 0.02, " m");
        row(
            "turned left",
            "how far the car is turned left against the path, deg",
            &mut form.heading_deg,
            -180.0..=180.0,
            0.5,
            "°",
        );
        row(
            "speed",
            "speed at the start, m/s; the wheels roll along",
            &mut form.speed_mps,
            -20.0..=80.0,
            0.1,
            " m/s",
        );
    });
    ui.horizontal(|ui| {
        if ui.button("put the car there").on_hover_text("starts again, there").clicked() {
            start = Some(form.start());
        }
        let hint = "starts again at the place, heading and speed of the moment that is shown";
        if ui.button("start where it is shown").on_hover_text(hint).clicked() {
            start = moment.as_ref().map(here);
        }
    });
    if let Some(start) = start {
        let gear = scenario.scenario.start.as_ref().and_then(|start| start.gear);
        let gear = gear.filter(|gear| (start.speed_mps < 0.0) == (*gear == GearName::Reverse));
        live.scrub = None;
        live.session.order(Command::Place(StartSpec { gear, ..start }));
    }
}
