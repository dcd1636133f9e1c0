//! The score card: every limit, its value and its margin; and the log of events.

use super::{bad, good, number, worth};
use crate::live::Live;
use bevy_egui::egui::{self, RichText, Ui};
use skidpad_score::{Bound, Metrics, PassLimits};

/// What a limit bounds, for people.
fn meaning(name: &str) -> &'static str {
    let metric = PassLimits::INFO.iter().find(|info| info.name == name).map_or(name, |info| info.metric);
    Metrics::INFO.iter().find(|info| info.name == metric).map_or("", |info| info.description)
}

pub(super) fn draw(ui: &mut Ui, live: &mut Live) {
    let view = live.session.view().clone();
    let Some(score) = &view.score else {
        ui.weak("no score yet");
        return;
    };
    let finished = view.truth_hash.is_some();
    ui.horizontal(|ui| {
        let passed = score.verdict.passed;
        let (text, colour) = match (finished, passed) {
            (true, true) => ("PASSED", good(ui)),
            (true, false) => ("FAILED", bad(ui)),
            (false, true) => ("would pass now", good(ui)),
            (false, false) => ("would fail now", worth(ui)),
        };
        ui.label(RichText::new(text).color(colour).strong().size(17.0))
            .on_hover_text("the verdict if the run ended at the newest moment");
    });
    if score.verdict.limits.is_empty() {
        ui.weak("this scenario has no limits");
    }
    egui::ScrollArea::both().show(ui, |ui| {
        egui::Grid::new("limits").num_columns(3).striped(true).show(ui, |ui| {
            ui.weak("limit");
            ui.weak("value").on_hover_text("measured so far");
            ui.weak("margin").on_hover_text("distance to the limit; negative: broken");
            ui.end_row();
            for limit in &score.verdict.limits {
                let colour = if limit.passed { ui.visuals().text_color() } else { bad(ui) };
                let sign = match limit.bound {
                    Bound::AtMost => "≤",
                    Bound::AtLeast => "≥",
                    Bound::Equal => "=",
                };
                let short = limit.name.replace("_", " ");
                let hint =
                    format!("{} {sign} {} {}\n{}", limit.name, limit.limit, limit.unit, meaning(&limit.name));
                ui.colored_label(colour, short).on_hover_text(&hint);
                ui.label(number(limit.value, 3).color(colour)).on_hover_text(&hint);
                ui.label(number(limit.margin, 3).color(colour)).on_hover_text(&hint);
                ui.end_row();
            }
        });
        ui.add_space(6.0);
        ui.collapsing("all that is measured", |ui| {
            egui::Grid::new("metrics").num_columns(2).striped(true).show(ui, |ui| {
                for info in Metrics::INFO {
                    let value = score.metrics.get(info.name).unwrap_or(f64::NAN);
                    ui.label(info.name.replace("_", " "))
                        .on_hover_text(format!("{}\n{}", info.description, info.unit));
                    ui.label(number(value, 3)).on_hover_text(info.unit);
                    ui.end_row();
                }
            });
        });
        for explanation in &view.explanations {
            ui.label(RichText::new(explanation).color(worth(ui)));
        }
        if let Some(hash) = &view.truth_hash {
            ui.label(RichText::new(format!("truth {}…", &hash[..16])).monospace().weak())
                .on_hover_text(format!("{hash}\nthe same as of `skidpad run` with the same files"));
        }
    });
}

/// What has happened; a click goes there.
pub(super) fn events(ui: &mut Ui, live: &mut Live) {
    let view = live.session.view().clone();
    let mut to = None;
    egui::ScrollArea::vertical().stick_to_bottom(true).show(ui, |ui| {
        if view.events.is_empty() {
            ui.weak("nothing has happened yet");
        }
        egui::Grid::new("events").num_columns(3).striped(true).show(ui, |ui| {
            for event in &view.events {
                let time = RichText::new(format!("{:8.3} s", event.time_s)).monospace();
                if ui.link(time).on_hover_text("show that instant").clicked() {
                    to = Some(event.time_s);
                }
                let colour = match event.name.as_str() {
                    "engaged" => good(ui),
                    "collision" | "estop" | "disengaged" | "emergency_mode" | "bus_off" => bad(ui),
                    _ => worth(ui),
                };
                let info = skidpad_scenario::EVENTS.iter().find(|info| info.name == event.name);
                ui.colored_label(colour, &event.name)
                    .on_hover_text(info.map_or("an event of the scenario", |info| info.meaning));
                ui.label(&event.detail);
                ui.end_row();
            }
        });
    });
    if let Some(time_s) = to {
        live.scrub_to(time_s);
    }
}
