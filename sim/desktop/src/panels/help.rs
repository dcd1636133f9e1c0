//! All keys.

use crate::app::{KEYS, Live};
use bevy_egui::egui::{self, RichText};

pub(super) fn draw(context: &egui::Context, live: &mut Live) {
    let mut open = live.panels.help;
    egui::Window::new("Keys").open(&mut open).collapsible(false).show(context, |ui| {
        egui::ScrollArea::vertical().max_height(460.0).show(ui, |ui| {
            egui::Grid::new("keys").num_columns(2).striped(true).show(ui, |ui| {
                ui.label(RichText::new("arrows, W A S D").monospace());
                ui.label("drive: accelerate, brake, steer; in auto this takes over");
                ui.end_row();
                for (_, key, _, meaning) in KEYS {
                    ui.label(RichText::new(*key).monospace());
                    ui.label(*meaning);
                    ui.end_row();
                }
            });
        });
        ui.weak("hover over a value for its unit and meaning");
    });
    live.panels.help = open;
}
