//! The bar at the top: run, pace, time, faults, layers, cameras.

use super::{Tab, bad, good, number, worth};
use crate::deeds::{DRIVER, Deed, FAULTS, FILES};
use crate::live::{Layer, Live, Quality};
use crate::scene::CameraMode;
use crate::session::{Pace, State};
use bevy_egui::egui::{self, RichText, Ui};
use skidpad_links::Health;
use std::time::Duration;

/// How long an answer stays.
const SAID_FOR: Duration = Duration::from_secs(8);

pub(super) fn draw(ui: &mut Ui, live: &mut Live) {
    let view = live.session.view().clone();
    ui.horizontal(|ui| {
        let running = matches!(view.state, State::Running | State::Waiting);
        let label = if running { "⏸" } else { "▶" };
        let mut press = |ui: &mut Ui, text: &str, meaning: &str, deed: Deed| {
            if ui.button(RichText::new(text).size(16.0)).on_hover_text(meaning).clicked() {
                live.act(deed);
            }
        };
        press(ui, "⏮", "start again, without what was done by hand (R)", Deed::Restart);
        press(ui, "◀", "10 ms back in the recording (,)", Deed::StepBack);
        press(ui, label, "run, pause (Space)", Deed::RunPause);
        press(ui, "⏵|", "a step of 10 ms (.)", Deed::Step);
        press(ui, "−", "slower (-)", Deed::Slower);
        press(ui, "+", "faster (+); last as fast as the machine can", Deed::Faster);
        let asked = match live.pace {
            Pace::Times(times) => format!("{times}×"),
            Pace::Max => "max".into(),
        };
        let reached = if running { format!(" → {:.1}×", view.reached_pace) } else { String::new() };
        ui.label(RichText::new(format!("{asked}{reached}")).monospace())
            .on_hover_text("pace asked for, and reached: simulated seconds a second");
        let [mean_ms, largest_ms] = view.late_ms.map(|late| late.max(0.0) + 0.0);
        let late = RichText::new(format!("±{mean_ms:.1}/{largest_ms:.1} ms")).monospace().weak();
        ui.label(late)
            .on_hover_text("how late the simulation was against the clock lately: mean and largest, ms");
        ui.separator();

        let end_s = live.session.recording().end_s();
        let mut shown_s = live.scrub.unwrap_or(end_s);
        ui.spacing_mut().slider_width = (0.22 * ui.ctx().viewport_rect().width()).max(120.0);
        let slider = egui::Slider::new(&mut shown_s, 0.0..=end_s.max(0.01)).show_value(false);
        let hint = "the instant that is shown; run goes on from there, with all that was done before it";
        if ui.add(slider).on_hover_text(hint).changed() {
            live.scrub_to(shown_s);
        }
        let of = view.scenario.as_ref().map_or(0.0, |scenario| scenario.scenario.duration_s);
        ui.label(RichText::new(format!("{shown_s:7.2} / {of:.0} s")).monospace())
            .on_hover_text("time of the scenario that is shown, and its length, s");
        if live.scrub.is_some() && ui.button("live").on_hover_text("show the newest moment (End)").clicked() {
            live.scrub = None;
        }
        ui.separator();

        ui.menu_button("Faults", |ui| faults(ui, live)).response.on_hover_text("what may go wrong, now (H)");
        ui.menu_button("Driver", |ui| {
            menu(ui, live, DRIVER);
            ui.weak("arrows or W A S D drive");
        });
        ui.menu_button("File", |ui| menu(ui, live, FILES));
        ui.menu_button("View", |ui| {
            for mode in CameraMode::ALL {
                let text = format!("{} ({})", mode.name(), Deed::Camera(mode).key());
                ui.selectable_value(&mut live.camera, mode, text);
            }
            ui.separator();
            for (layer, _, what) in Layer::ALL {
                let key = Deed::Layer(layer).key();
                ui.checkbox(layer.of(&mut live.layers), format!("{what} ({key})"));
            }
            ui.separator();
            ui.checkbox(&mut live.panels.instruments, "left side (F2)");
            ui.checkbox(&mut live.panels.score, "right side (F3)");
            ui.checkbox(&mut live.panels.lower, "below (F4)");
            ui.menu_button("move panels", |ui| super::dock::menu(ui, live))
                .response
                .on_hover_text("each to the left, to the right, below, or into a window of its own");
            ui.separator();
            let mut high = live.quality == Quality::High;
            if ui.checkbox(&mut high, "high quality (Q)").on_hover_text("shadows, smooth edges").changed() {
                live.act(Deed::Quality);
            }
            ui.checkbox(&mut live.panels.dark, "dark (K)");
            ui.checkbox(&mut live.panels.folded, "fold panels (Tab)");
        });
        if ui.button("?").on_hover_text("all keys (F1)").clicked() {
            live.panels.help = !live.panels.help;
        }
    });
    ui.horizontal(|ui| {
        let name = view.scenario.as_ref().map_or("no scenario", |scenario| scenario.scenario.name.as_str());
        ui.strong(name);
        let state = match view.state {
            State::Empty => ui.weak("nothing loaded"),
            State::Paused if live.scrub.is_some() => ui.colored_label(worth(ui), "recording"),
            State::Paused => ui.weak("paused"),
            State::Waiting => ui.colored_label(worth(ui), "waits for the stack outside"),
            State::Running if live.scrub.is_some() => ui
                .colored_label(worth(ui), "running; you look back")
                .on_hover_text("End: show the newest moment"),
            State::Running => ui.colored_label(good(ui), "running"),
            State::Finished => ui.weak("finished"),
        };
        state.on_hover_text("what the run does");
        if let Some(outside) = &view.outside {
            let lost = outside.links.iter().any(|link| matches!(link.health, Health::Lost(_)));
            let colour = if lost || outside.failure.is_some() { bad(ui) } else { good(ui) };
            let text = match outside.links.len() {
                1 => "1 link".to_owned(),
                count => format!("{count} links"),
            };
            if ui.colored_label(colour, text).on_hover_text("who takes part from outside (O)").clicked() {
                live.act(Deed::Tab(Tab::Outside));
            }
        }
        if view.deeds > 0 {
            ui.weak(format!("{} by hand", view.deeds))
                .on_hover_text("things that you did in this run; F5 saves them");
        }
        if view.dropped > 0 {
            let text = format!("{} moments not shown", view.dropped);
            ui.colored_label(worth(ui), text)
                .on_hover_text("the window was too slow to take them; the simulation has them");
        }
        if let Some((at, text, ok)) = &live.panels.said
            && at.elapsed() < SAID_FOR
        {
            let colour = if *ok { ui.visuals().weak_text_color() } else { bad(ui) };
            let first = text.lines().next().unwrap_or("");
            ui.colored_label(colour, first).on_hover_text(text);
        }
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            ui.label(number(1e3 * live.frame_s, 1).weak()).on_hover_text("time of a picture, ms");
            ui.weak(live.camera.name());
        });
    });
}

/// Deeds as a menu, each with its key.
fn menu(ui: &mut Ui, live: &mut Live, entries: &[(&str, Deed)]) {
    for (name, deed) in entries {
        if ui.button(format!("{name} ({})", deed.key())).clicked() {
            live.act(*deed);
            ui.close();
        }
    }
}

/// The faults, by what they are about.
pub(super) fn faults(ui: &mut Ui, live: &mut Live) {
    let about = |name: &'static str| name.split_once(": ").unwrap_or(("", name));
    let mut groups: Vec<&str> = FAULTS.iter().map(|(name, _)| about(name).0).collect();
    groups.dedup();
    for group in groups {
        ui.menu_button(group, |ui| {
            for (index, (name, _)) in FAULTS.iter().enumerate() {
                let (of, what) = about(name);
                if of == group && ui.button(what).clicked() {
                    live.act(Deed::Fault(index));
                    ui.close();
                }
            }
        });
    }
}
