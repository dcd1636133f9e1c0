//! All keys, and all that may go wrong.

use crate::deeds::{Deed, FAULTS, KEYS};
use crate::live::Live;
use bevy_egui::egui::{self, RichText};

pub(super) fn draw(context: &egui::Context, live: &mut Live) {
    let mut open = live.panels.help;
    let window = egui::Window::new("Keys").open(&mut open).collapsible(false).resizable(false);
    let room = context.viewport_rect().height() - 120.0;
    window.anchor(egui::Align2::CENTER_CENTER, egui::Vec2::ZERO).show(context, |ui| {
        egui::ScrollArea::vertical().max_height(room).show(ui, |ui| {
            ui.label("arrows, W A S D: drive: accelerate, brake, steer; in auto this takes over");
            ui.add_space(4.0);
            // Two columns: all of them are seen at once.
            let half = KEYS.len().div_ceil(2);
            egui::Grid::new("keys").num_columns(4).striped(true).spacing([14.0, 3.0]).show(ui, |ui| {
                for row in 0..half {
                    for (_, key, _, meaning) in [KEYS.get(row), KEYS.get(row + half)].into_iter().flatten() {
                        ui.label(RichText::new(*key).monospace().strong());
                        ui.label(*meaning);
                    }
                    ui.end_row();
                }
            });
        });
        ui.add_space(4.0);
        ui.weak("Hover over a value for its unit and meaning.");
    });
    live.panels.help = open;
}

/// The faults, each with the letter that lets it happen.
pub(super) fn faults(context: &egui::Context, live: &mut Live) {
    let mut open = true;
    let window = egui::Window::new("What may go wrong").open(&mut open).collapsible(false).resizable(false);
    let mut chosen = None;
    window.anchor(egui::Align2::CENTER_CENTER, egui::Vec2::ZERO).show(context, |ui| {
        egui::Grid::new("faults").num_columns(2).striped(true).spacing([12.0, 3.0]).show(ui, |ui| {
            for (index, (name, _)) in FAULTS.iter().enumerate() {
                let letter = char::from(b'A' + (index as u8).min(25));
                ui.label(RichText::new(letter).monospace().strong());
                if ui.selectable_label(false, *name).clicked() {
                    chosen = Some(index);
                }
                ui.end_row();
            }
        });
        ui.weak("A letter lets it happen now, Escape nothing.");
    });
    if let Some(index) = chosen {
        live.act(Deed::Fault(index));
    }
    live.panels.faults = open && chosen.is_none();
}
