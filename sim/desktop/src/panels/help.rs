//! All keys, and all that may go wrong.

use crate::deeds::{About, Deed, FAULTS, KEYS};
use crate::live::Live;
use bevy_egui::egui::{self, RichText};

/// What is held down, and so is no deed.
const HELD: [(&str, &str); 4] = [
    ("↑ ↓ W S", "accelerate, brake"),
    ("← → A D", "steer; in auto this takes over"),
    ("gamepad", "stick, triggers; A and B engage, disengage"),
    ("mouse", "drag: turn, scroll: nearer"),
];

/// The columns of the help: headings that stand under each other.
const COLUMNS: [&[About]; 3] =
    [&[About::Time, About::Driving], &[About::Panels, About::Files], &[About::Looking, About::Breaking]];

pub(super) fn draw(context: &egui::Context, live: &mut Live) {
    let mut open = live.panels.help;
    let window = egui::Window::new("Keys").open(&mut open).collapsible(false).resizable(false);
    let room = context.viewport_rect().height() - 90.0;
    let window = window.default_size([context.viewport_rect().width() - 60.0, room]);
    window.anchor(egui::Align2::CENTER_CENTER, egui::Vec2::ZERO).show(context, |ui| {
        ui.spacing_mut().item_spacing.y = 2.0;
        egui::ScrollArea::both().max_height(room).show(ui, |ui| {
            ui.horizontal_top(|ui| {
                for (place, headings) in COLUMNS.iter().enumerate() {
                    ui.vertical(|ui| headings.iter().for_each(|about| heading(ui, *about)));
                    if place + 1 < COLUMNS.len() {
                        ui.add_space(10.0);
                    }
                }
            });
            ui.add_space(4.0);
            ui.weak("Hover over a value for its unit and meaning. Drop a trace.csv or a scenario onto the window to open it.");
        });
    });
    live.panels.help = open;
}

/// A heading with its keys.
fn heading(ui: &mut egui::Ui, about: About) {
    let name = About::ALL.iter().find(|(other, _)| *other == about).map_or("", |(_, name)| name);
    ui.label(RichText::new(name).strong().underline());
    egui::Grid::new(name).num_columns(2).spacing([10.0, 1.0]).min_row_height(15.0).show(ui, |ui| {
        let held = match about {
            About::Driving => &HELD[..3],
            About::Looking => &HELD[3..],
            _ => &[],
        };
        let keys = KEYS.iter().filter(|(_, _, deed, _)| deed.about() == about);
        for (key, meaning) in held.iter().copied().chain(keys.map(|(_, key, _, meaning)| (*key, *meaning))) {
            ui.label(RichText::new(key).monospace().strong());
            ui.label(meaning);
            ui.end_row();
        }
    });
    ui.add_space(5.0);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_heading_stands_in_one_column() {
        for (about, name) in About::ALL {
            let times = COLUMNS.iter().flat_map(|headings| headings.iter()).filter(|other| **other == about);
            assert_eq!(times.count(), 1, "{name}");
        }
    }
}
