//! The CAN table and the topic table.

use super::{number, worth};
use crate::live::Live;
use crate::session::{CanRow, Node, tree};
use bevy_egui::egui::{self, RichText, Ui};
use skidpad_engine::Sender;

/// Bytes in hexadecimal, those with changed bits marked.
fn bytes(ui: &mut Ui, row: &CanRow) {
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 4.0;
        for (byte, changed) in row.frame.payload().iter().zip(row.changed) {
            let text = RichText::new(format!("{byte:02X}")).monospace();
            let text = if changed != 0 { text.color(worth(ui)).strong() } else { text };
            ui.label(text).on_hover_text(format!("{byte:08b}, changed bits {changed:08b}"));
        }
    });
}

/// Three fifths for a table, the rest for what is chosen in it.
pub(super) fn two(ui: &mut Ui, add: impl FnOnce(&mut [Ui; 2])) {
    let whole = ui.available_rect_before_wrap();
    let middle = whole.left() + 0.6 * whole.width();
    let (left, right) = (whole.left()..=middle - 8.0, middle..=whole.right());
    let mut columns = [(left, "left"), (right, "right")].map(|(x, name)| {
        let rect = egui::Rect::from_x_y_ranges(x, whole.y_range());
        let mut column = ui.new_child(egui::UiBuilder::new().max_rect(rect).id_salt(name));
        column.set_clip_rect(rect.intersect(ui.clip_rect()));
        column
    });
    add(&mut columns);
}

pub(super) fn can(ui: &mut Ui, live: &mut Live) {
    let view = live.session.view().clone();
    let Some(scenario) = &view.scenario else {
        ui.weak("no scenario");
        return;
    };
    let dbc = &scenario.vehicle.dbc;
    let now_s = view.time_s;
    two(ui, |columns| {
        egui::ScrollArea::both().auto_shrink(false).id_salt("frames").show(&mut columns[0], |ui| {
            egui::Grid::new("can").num_columns(6).striped(true).spacing([10.0, 2.0]).show(ui, |ui| {
                for (text, meaning) in [
                    ("id", "identifier, hexadecimal"),
                    ("message", "name in the car's .dbc"),
                    ("from", "who sends it"),
                    ("period", "mean period, ms"),
                    ("age", "time since the newest one, ms"),
                    ("bytes", "payload; bytes that changed are marked"),
                ] {
                    ui.weak(text).on_hover_text(meaning);
                }
                ui.end_row();
                for row in &view.can {
                    let id = row.frame.id;
                    let layout = dbc.message(id);
                    let name = layout.map_or("not in the .dbc", |layout| layout.name.as_str());
                    let is_selected = live.panels.can == Some(id);
                    let label =
                        ui.selectable_label(is_selected, RichText::new(format!("{id:03X}")).monospace());
                    if label.clicked() {
                        live.panels.can = if is_selected { None } else { Some(id) };
                    }
                    let name = ui.label(name);
                    if let Some(layout) = layout {
                        name.on_hover_text(&layout.comment);
                    }
                    ui.weak(match row.from {
                        Sender::Computer => "computer",
                        Sender::Car => "car",
                        Sender::Outside(_) => "outside",
                    });
                    ui.label(number(1e3 * row.period_s, 1));
                    ui.label(number((1e3 * (now_s - row.last_s)).max(0.0), 0));
                    bytes(ui, row);
                    ui.end_row();
                }
            });
        });
        egui::ScrollArea::vertical().id_salt("signals").show(&mut columns[1], |ui| {
            let row = view.can.iter().find(|row| Some(row.frame.id) == live.panels.can).or(view.can.first());
            let Some((row, layout)) = row.and_then(|row| Some((row, dbc.message(row.frame.id)?))) else {
                ui.weak("choose a frame by its id");
                return;
            };
            ui.strong(format!("{:03X} {}", row.frame.id, layout.name)).on_hover_text(&layout.comment);
            ui.weak(format!("{} frames", row.count));
            egui::Grid::new("signals").num_columns(3).striped(true).spacing([10.0, 2.0]).show(ui, |ui| {
                for (signal, value) in layout.decode(&row.frame) {
                    let hint =
                        if signal.comment.is_empty() { "no comment in the .dbc" } else { &signal.comment };
                    ui.label(&signal.name).on_hover_text(hint);
                    let raw = signal.handle.raw(&row.frame.data);
                    match signal.value_name(raw) {
                        Some(name) => ui.label(RichText::new(name).monospace()),
                        None => ui.label(RichText::new(format!("{value}")).monospace()),
                    }
                    .on_hover_text(format!("raw {raw}"));
                    ui.weak(&signal.unit);
                    ui.end_row();
                }
            });
        });
    });
}

pub(super) fn topics(ui: &mut Ui, live: &mut Live) {
    let view = live.session.view().clone();
    let now_s = view.time_s;
    two(ui, |columns| {
        egui::ScrollArea::both().auto_shrink(false).id_salt("topics").show(&mut columns[0], |ui| {
            egui::Grid::new("topic").num_columns(5).striped(true).spacing([10.0, 2.0]).show(ui, |ui| {
                for (text, meaning) in [
                    ("topic", "name of the topic"),
                    ("rate", "mean rate, Hz"),
                    ("age", "time since the newest message, ms"),
                    ("count", "messages so far"),
                    ("source", "the seat that publishes it"),
                ] {
                    ui.weak(text).on_hover_text(meaning);
                }
                ui.end_row();
                for row in &view.topics {
                    let is_selected = live.panels.topic == Some(row.name);
                    if ui.selectable_label(is_selected, row.name).clicked() {
                        live.panels.topic = if is_selected { None } else { Some(row.name) };
                    }
                    ui.label(number(1.0 / row.period_s, 1));
                    ui.label(number((1e3 * (now_s - row.last_s)).max(0.0), 0));
                    ui.label(number(row.count as f64, 0));
                    let place = if row.outside { "outside" } else { "inside" };
                    let source = match row.message.seat() {
                        Some(seat) => format!("{seat}, {place}"),
                        None if row.outside => "outside".into(),
                        None => "operator or monitor".into(),
                    };
                    ui.weak(source);
                    ui.end_row();
                }
            });
        });
        egui::ScrollArea::both().id_salt("message").show(&mut columns[1], |ui| {
            let row =
                view.topics.iter().find(|row| Some(row.name) == live.panels.topic).or(view.topics.first());
            let Some(row) = row else {
                ui.weak("no message yet");
                return;
            };
            ui.strong(row.name);
            for (index, node) in tree(&row.message).iter().enumerate() {
                show(ui, node, 0, index);
            }
        });
    });
}

fn show(ui: &mut Ui, node: &Node, depth: usize, index: usize) {
    if node.children.is_empty() {
        ui.label(RichText::new(&node.text).monospace());
        return;
    }
    ui.push_id((depth, index), |ui| {
        egui::CollapsingHeader::new(&node.text).default_open(depth < 2).show(ui, |ui| {
            for (index, child) in node.children.iter().enumerate() {
                show(ui, child, depth + 1, index);
            }
        });
    });
}
