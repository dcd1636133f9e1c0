//! The score card: every limit, its value and its margin; and the log of events.

use super::{bad, good, number, worth};
use crate::live::Live;
use bevy_egui::egui::{self, Color32, RichText, Ui};
use skidpad_score::{Bound, Metrics, PassLimits, Standing, Verdict};

/// What a limit bounds, for people.
fn meaning(name: &str) -> &'static str {
    let metric = PassLimits::INFO.iter().find(|info| info.name == name).map_or(name, |info| info.metric);
    Metrics::INFO.iter().find(|info| info.name == metric).map_or("", |info| info.description)
}

/// How the score as a whole looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tone {
    Good,
    Neutral,
    Worth,
    Bad,
}

impl Tone {
    fn colour(self, ui: &Ui) -> Color32 {
        match self {
            Tone::Good => good(ui),
            Tone::Neutral => ui.visuals().strong_text_color(),
            Tone::Worth => worth(ui),
            Tone::Bad => bad(ui),
        }
    }
}

/// What is said above the limits, and why.
fn headline(verdict: &Verdict, finished: bool) -> (String, Tone, &'static str) {
    let count = |standing: Standing| {
        verdict.limits.iter().filter(|limit| limit.standing(finished) == standing).count()
    };
    let limits = |count: usize| if count == 1 { "1 limit".into() } else { format!("{count} limits") };
    match (finished, count(Standing::Broken), count(Standing::Beyond)) {
        (true, 0, _) => ("PASSED".into(), Tone::Good, "every limit holds"),
        (true, ..) => ("FAILED".into(), Tone::Bad, "those in red are broken"),
        (false, 0, 0) => {
            let open = count(Standing::Open);
            let text = if open == 0 { "holds so far".into() } else { format!("{} open", limits(open)) };
            (text, Tone::Neutral, "nothing is broken; what is open is decided later or at the end")
        }
        (false, 0, beyond) => {
            (format!("{} exceeded now", limits(beyond)), Tone::Worth, "a mean or a share that may come back")
        }
        (false, broken, _) => {
            (format!("{} broken", limits(broken)), Tone::Bad, "beyond recovery: this run will fail")
        }
    }
}

pub(super) fn draw(ui: &mut Ui, live: &mut Live) {
    let view = live.session.view().clone();
    let Some(score) = &view.score else {
        ui.weak("no score yet");
        return;
    };
    let finished = view.truth_hash.is_some();
    let (text, tone, hint) = headline(&score.verdict, finished);
    ui.label(RichText::new(text).color(tone.colour(ui)).strong().size(17.0)).on_hover_text(hint);
    if score.verdict.limits.is_empty() {
        ui.weak("this scenario has no limits");
    }
    egui::ScrollArea::both().show(ui, |ui| {
        egui::Grid::new("limits").num_columns(3).striped(true).show(ui, |ui| {
            ui.weak("limit");
            ui.weak("value").on_hover_text("measured so far");
            ui.weak("margin").on_hover_text(
                "distance to the limit; negative: beyond it; open: decided later or at the end",
            );
            ui.end_row();
            for limit in &score.verdict.limits {
                let standing = limit.standing(finished);
                let (colour, how) = match standing {
                    Standing::Holds => (ui.visuals().text_color(), "holds"),
                    Standing::Open => (ui.visuals().weak_text_color(), "not decided yet"),
                    Standing::Beyond => (worth(ui), "beyond it now; it may come back"),
                    Standing::Broken => (bad(ui), "broken"),
                };
                let sign = match limit.bound {
                    Bound::AtMost => "≤",
                    Bound::AtLeast => "≥",
                    Bound::Equal => "=",
                };
                let short = match limit.name.split_once(": ") {
                    Some(("events.forbid", event)) => format!("no {}", event.replace('_', " ")),
                    Some((_, event)) => format!("happens: {}", event.replace('_', " ")),
                    None => limit.name.replace('_', " "),
                };
                let (name, unit) = (&limit.name, limit.unit);
                let hint = format!("{name} {sign} {} {unit}: {how}\n{}", limit.limit, meaning(name));
                ui.colored_label(colour, short).on_hover_text(&hint);
                ui.label(number(limit.value, 3).color(colour)).on_hover_text(&hint);
                // How far it is from a limit that only the end decides says nothing yet.
                match standing {
                    Standing::Open => ui.colored_label(colour, "open"),
                    _ => ui.label(number(limit.margin, 3).color(colour)),
                }
                .on_hover_text(&hint);
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

#[cfg(test)]
mod tests {
    use super::*;
    use skidpad_score::verdict;

    #[test]
    fn a_good_run_is_never_called_bad_before_its_end() {
        let pass = PassLimits {
            lateral_error_max_m: Some(0.3),
            lateral_error_rms_m: Some(0.1),
            progress_min_pct: Some(99.0),
            stopped: Some(true),
            ..Default::default()
        };
        let on_its_way = Metrics {
            progress_pct: 40.0,
            lateral_error_max_m: 0.1,
            lateral_error_rms_m: 0.05,
            ..Default::default()
        };
        let said = |metrics: &Metrics, finished: bool| {
            let (text, tone, _) = headline(&verdict(metrics, &pass, &[] as &[(f64, &str)]), finished);
            (text, tone)
        };
        assert_eq!(said(&Metrics::default(), false), ("4 limits open".into(), Tone::Neutral));
        assert_eq!(said(&on_its_way, false), ("2 limits open".into(), Tone::Neutral));
        let wavers = Metrics { lateral_error_rms_m: 0.12, ..on_its_way.clone() };
        assert_eq!(said(&wavers, false), ("1 limit exceeded now".into(), Tone::Worth));
        let off = Metrics { lateral_error_max_m: 0.4, ..wavers };
        assert_eq!(said(&off, false), ("1 limit broken".into(), Tone::Bad));
        assert_eq!(said(&on_its_way, true).1, Tone::Bad);
        let there = Metrics { progress_pct: 100.0, stopped: true, ..on_its_way };
        assert_eq!(said(&there, true), ("PASSED".into(), Tone::Good));
    }
}
