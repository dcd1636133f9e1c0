//! What the driver would see, and what the by-wire units do: wanted beside achieved.

use super::{bad, good, number, worth};
use crate::live::Live;
use bevy_egui::egui::{self, Color32, RichText, Ui, vec2};
use skidpad_bywire::{Mode, TurnSignal};
use skidpad_msgs::apollo::canbus::chassis::DrivingMode;

/// Two bars over each other: what was commanded, thin, over what was achieved.
fn bars(
    ui: &mut Ui,
    name: &str,
    meaning: &str,
    wanted: f32,
    is: f32,
    range: std::ops::RangeInclusive<f32>,
    colour: Color32,
) {
    ui.horizontal(|ui| {
        ui.add_sized(vec2(52.0, 14.0), egui::Label::new(name));
        let (rect, response) = ui.allocate_exact_size(vec2(98.0, 14.0), egui::Sense::hover());
        let painter = ui.painter();
        let (low, high) = (*range.start(), *range.end());
        let at = |value: f32| rect.left() + rect.width() * ((value - low) / (high - low)).clamp(0.0, 1.0);
        painter.rect_filled(rect, 2.0, ui.visuals().extreme_bg_color);
        let zero = at(0.0);
        let span = |value: f32| (at(value).min(zero), at(value).max(zero));
        let (from, to) = span(is);
        painter.rect_filled(
            egui::Rect::from_x_y_ranges(from..=to, rect.top() + 2.0..=rect.bottom() - 2.0),
            1.0,
            colour,
        );
        if wanted.is_finite() {
            let stroke = egui::Stroke::new(2.0, ui.visuals().strong_text_color());
            painter.vline(at(wanted), rect.y_range(), stroke);
        }
        // What is positive to the left is drawn turned, and said as it is.
        let sign = if low < 0.0 { -1.0 } else { 1.0 };
        response.on_hover_text(format!(
            "{meaning}\ncommanded {:.1}, achieved {:.1}",
            sign * wanted,
            sign * is
        ));
        ui.label(number(f64::from(sign * is), 1));
    });
}

pub(super) fn draw(ui: &mut Ui, live: &mut Live) {
    let view = live.session.view().clone();
    let Some(moment) = live.shown().cloned() else {
        ui.weak("nothing to show yet");
        return;
    };
    let value = |name: &str| moment.value(name);
    egui::ScrollArea::vertical().show(ui, |ui| {
        ui.horizontal(|ui| {
            let speed = 3.6 * value("speed_mps");
            let speed = if speed.abs() < 0.05 { 0.0 } else { speed };
            ui.label(RichText::new(format!("{speed:5.1}")).monospace().size(34.0).strong());
            ui.vertical(|ui| {
                ui.label("km/h").on_hover_text("true speed of the rear axle, forward");
                let wanted = 3.6 * value("ref_speed_mps");
                let text = if wanted.is_finite() { format!("of {wanted:.1}") } else { String::new() };
                ui.weak(text).on_hover_text("speed of the reference here, km/h");
            });
        });
        ui.horizontal(|ui| {
            let mode = value("driving_mode") as i32;
            let mode = DrivingMode::try_from(mode).unwrap_or(DrivingMode::CompleteManual);
            let (text, colour) = match mode {
                DrivingMode::CompleteAutoDrive => ("AUTO", good(ui)),
                DrivingMode::CompleteManual => ("MANUAL", ui.visuals().text_color()),
                DrivingMode::EmergencyMode => ("EMERGENCY", bad(ui)),
                DrivingMode::AutoSteerOnly => ("STEER ONLY", worth(ui)),
                DrivingMode::AutoSpeedOnly => ("SPEED ONLY", worth(ui)),
            };
            ui.label(RichText::new(text).color(colour).strong().size(16.0))
                .on_hover_text("driving mode of the stack's canbus");
            let gear = ["P", "R", "N", "D", "L"].get(value("gear").max(0.0) as usize).copied().unwrap_or("?");
            ui.label(RichText::new(gear).monospace().size(16.0)).on_hover_text("gear engaged");
            let dark = ui.visuals().weak_text_color().gamma_multiply(0.5);
            for (lamp, arrow, key) in [(TurnSignal::Left, "⬅", "Y"), (TurnSignal::Right, "➡", "I")] {
                let colour = if moment.turn == lamp { good(ui) } else { dark };
                ui.label(RichText::new(arrow).color(colour).size(16.0))
                    .on_hover_text(format!("turn signal, as the car reports it ({key})"));
            }
        });
        ui.add_space(4.0);
        let (green, red, blue) =
            (Color32::from_rgb(70, 170, 90), Color32::from_rgb(205, 70, 60), Color32::from_rgb(70, 130, 210));
        let wanted = |name: &str| if mode_is_auto(value("driving_mode")) { value(name) } else { f32::NAN };
        bars(
            ui,
            "throttle",
            "accelerator pedal, %",
            wanted("command_throttle_pct"),
            value("throttle_pct"),
            0.0..=100.0,
            green,
        );
        bars(
            ui,
            "brake",
            "brake pedal, %",
            wanted("command_brake_pct"),
            value("brake_pct"),
            0.0..=100.0,
            red,
        );
        let largest =
            view.scenario.as_ref().map_or(470.0, |s| s.vehicle.params.steering.max_wheel_deg as f32);
        // A wheel turned to the left belongs to the left.
        let (want_deg, is_deg) =
            (wanted("command_steering_pct") * largest / 100.0, value("steering_wheel_deg"));
        bars(
            ui,
            "wheel",
            "steering wheel, deg, positive left; the bar is turned so that left is left",
            -want_deg,
            -is_deg,
            -largest..=largest,
            blue,
        );
        ui.add_space(2.0);
        egui::Grid::new("values").num_columns(2).striped(true).min_col_width(92.0).show(ui, |ui| {
            let mut row = |name: &str, meaning: &str, value: f32, decimals: usize| {
                ui.label(name).on_hover_text(meaning);
                ui.label(number(f64::from(value), decimals)).on_hover_text(meaning);
                ui.end_row();
            };
            row(
                "lateral, m",
                "true lateral error of the rear axle, m, positive left of the path",
                value("lateral_error_m"),
                3,
            );
            row("heading, °", "body against path, deg", value("heading_error_rad").to_degrees(), 2);
            row(
                "speed, m/s",
                "speed error at the nearest point of the path, m/s",
                value("speed_error_mps"),
                2,
            );
            row(
                "believed, m",
                "lateral error that the stack believes it has, m",
                value("believed_lateral_error_m"),
                3,
            );
            row(
                "localization, m",
                "believed position against the true one, m",
                value("localization_error_m"),
                3,
            );
            row("ahead, m/s²", "longitudinal acceleration of the body, m/s²", value("ax_mps2"), 2);
            row(
                "lateral, m/s²",
                "lateral acceleration of the body, m/s², positive left",
                value("ay_mps2"),
                2,
            );
            row("yaw, °/s", "yaw rate, deg/s, positive left", value("yaw_rate_rps").to_degrees(), 2);
            let used = moment.wheels.iter().map(|wheel| wheel.friction_use).fold(0.0, f32::max);
            row(
                "friction used",
                "largest share of the friction that a tyre uses; about 1 is all there is",
                used,
                2,
            );
            road_friction(ui, &moment);
        });
        ui.separator();
        ui.horizontal_wrapped(|ui| {
            for (name, mode) in ["brake", "throttle", "steering"].iter().zip(view.bywire) {
                let (colour, text) = match mode {
                    Some(Mode::Enabled) => (good(ui), "enabled"),
                    Some(Mode::Disabled) => (ui.visuals().weak_text_color(), "disabled"),
                    Some(Mode::TimedOut) => (bad(ui), "timed out"),
                    Some(Mode::Overridden) => (worth(ui), "overridden"),
                    None => (ui.visuals().weak_text_color(), "–"),
                };
                ui.colored_label(colour, *name).on_hover_text(format!("by-wire unit: {text} (newest state)"));
            }
        });
        ui.horizontal_wrapped(|ui| {
            for (name, column) in
                [("ABS", "abs_active"), ("ESC", "stability_active"), ("TC", "traction_active")]
            {
                let colour = if value(column) > 0.5 { worth(ui) } else { ui.visuals().weak_text_color() };
                ui.colored_label(colour, name).on_hover_text("lit while it acts");
            }
            ui.weak(format!("GNSS {:?}", view.fix))
                .on_hover_text("how the satellites fix the position (newest state)");
        });
        ui.horizontal(|ui| {
            ui.weak(format!("bus {:.0} %", 100.0 * view.bus_load))
                .on_hover_text("largest load of the CAN bus in a tenth of a second");
            ui.weak(format!("σ {:.2} m", moment.sigma_m[0].max(moment.sigma_m[1])))
                .on_hover_text("standard deviation that the receiver claims, east or north, m");
        });
    });
}

/// The friction under each wheel, in the colours that the road is drawn in.
fn road_friction(ui: &mut Ui, moment: &crate::session::Moment) {
    let meaning = "friction of the ground under FL, FR, RL, RR: 1 is dry asphalt, 0.55 wet, 0.1 ice; in the colour of \
                   the road there";
    ui.label("road").on_hover_text(meaning);
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 3.0;
        for wheel in &moment.wheels {
            let [r, g, b, _] = crate::scene::friction_colour(wheel.friction);
            let fill = Color32::from(egui::Rgba::from_rgb(r, g, b));
            let dark = 0.3 * r + 0.6 * g + 0.1 * b < 0.2;
            let ink = if dark { Color32::WHITE } else { Color32::BLACK };
            let text =
                RichText::new(format!("{:.2}", wheel.friction)).small().color(ink).background_color(fill);
            ui.label(text).on_hover_text(meaning);
        }
    });
    ui.end_row();
}

fn mode_is_auto(mode: f32) -> bool {
    mode as i32 == DrivingMode::CompleteAutoDrive as i32
}
