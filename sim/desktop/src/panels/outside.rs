//! Who takes part from outside: links, their peers, the seats they fill, and how to attach others.

use super::{bad, good, number, worth};
use crate::live::Live;
use crate::session::{Command, OutsideView};
use bevy_egui::egui::{self, RichText, Ui};
use skidpad_engine::{SeatId, Seats};
use skidpad_links::{Health, LinkState, Wanted};
use std::fmt::Display;
use std::str::FromStr;

/// What the user writes about links and seats.
#[derive(Default)]
pub(super) struct Form {
    topics: String,
    can: String,
    gnss: String,
    pace: String,
    external: Seats,
    /// It has been filled with what there is.
    filled: bool,
    /// Why it cannot be.
    wrong: Option<String>,
}

fn joined(names: &[impl Display]) -> String {
    names.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}

/// Names with spaces between them.
fn names<L: FromStr<Err: Display>>(text: &str) -> Result<Vec<L>, String> {
    text.split_whitespace().map(|name| name.parse().map_err(|error: L::Err| error.to_string())).collect()
}

impl Form {
    fn fill(&mut self, wanted: &Wanted) {
        if !std::mem::replace(&mut self.filled, true) {
            self.topics = joined(&wanted.topics);
            self.can = joined(&wanted.can);
            self.gnss = joined(&wanted.gnss);
            self.external = wanted.external;
        }
    }

    /// What it says.
    fn read(&self, before: &Wanted) -> Result<Wanted, String> {
        let pace = self.pace.trim();
        Ok(Wanted {
            topics: names(&self.topics)?,
            can: names(&self.can)?,
            gnss: names(&self.gnss)?,
            external: self.external,
            pace: if pace.is_empty() { None } else { Some(pace.parse()?) },
            ..before.clone()
        })
    }
}

/// What a count means to people: in, out, and what got lost on the way.
fn summary(link: &LinkState) -> [u64; 3] {
    let sum =
        |names: &[&str]| link.counts.iter().filter(|(name, _)| names.contains(name)).map(|(_, n)| n).sum();
    [
        sum(&["received", "commands"]),
        sum(&["sent", "sent_bytes"]),
        sum(&[
            "dropped",
            "dropped_in",
            "dropped_out",
            "refused",
            "malformed",
            "unsupported",
            "lost_bytes",
            "unsent_bytes",
            "ignored",
            "io_errors",
            "turned_away",
            "refused_lines",
            "errors",
            "disconnects",
        ]),
    ]
}

pub(super) fn draw(ui: &mut Ui, live: &mut Live) {
    let view = live.session.view().clone();
    super::bus::two(ui, |[left, right]| {
        egui::ScrollArea::both().auto_shrink(false).id_salt("links").show(left, |ui| match &view.outside {
            None => {
                ui.label("All seats are filled inside, and nothing leaves this window.");
                ui.weak("Name links at the right, or in a scenario: [stack] control = \"external\", [links] topics = [\"ros1\"]");
            }
            Some(outside) => met(ui, outside),
        });
        egui::ScrollArea::vertical().id_salt("attach").show(right, |ui| attach(ui, live));
    });
}

fn met(ui: &mut Ui, outside: &OutsideView) {
    if let Some(failure) = &outside.failure {
        ui.colored_label(bad(ui), failure);
    }
    if let Some(waiting) = &outside.waiting {
        ui.colored_label(worth(ui), waiting);
    }
    egui::Grid::new("links").num_columns(6).striped(true).spacing([10.0, 2.0]).show(ui, |ui| {
        for (text, meaning) in [
            ("link", "where a peer finds it; click to copy"),
            ("health", "whether it is in use"),
            ("peers", "who is at the other end, where they have names"),
            ("in", "frames, messages or commands from peers that were taken"),
            ("out", "frames or messages given to peers; of the receiver's port, bytes"),
            ("lost", "dropped, refused, malformed: hover for each count"),
        ] {
            ui.weak(text).on_hover_text(meaning);
        }
        ui.end_row();
        for link in &outside.links {
            let name =
                ui.add(egui::Label::new(RichText::new(&link.name).monospace()).sense(egui::Sense::click()));
            if name.on_hover_text("click to copy").clicked() {
                ui.ctx().copy_text(link.name.clone());
            }
            match &link.health {
                Health::Well => ui.colored_label(good(ui), "in use"),
                Health::Waiting(what) => ui.colored_label(worth(ui), format!("waits: {what}")),
                Health::Lost(why) => ui.colored_label(bad(ui), format!("lost: {why}")),
            };
            ui.label(link.peers.join(", "));
            let every: Vec<String> =
                link.counts.iter().map(|(name, count)| format!("{name} {count}")).collect();
            let every = every.join("\n");
            let [taken, given, lost] = summary(link);
            ui.label(number(taken as f64, 0)).on_hover_text(&every);
            ui.label(number(given as f64, 0)).on_hover_text(&every);
            let lost_colour = if lost > 0 { worth(ui) } else { ui.visuals().weak_text_color() };
            ui.label(number(lost as f64, 0).color(lost_colour)).on_hover_text(&every);
            ui.end_row();
        }
    });
    if !outside.seats.is_empty() {
        ui.add_space(6.0);
        egui::Grid::new("seats").num_columns(4).striped(true).spacing([10.0, 2.0]).show(ui, |ui| {
            for (text, meaning) in [
                ("seat outside", "the module of the stack that is not Skidpad's own"),
                ("messages", "on its main topic"),
                ("age", "time since the last of them, ms"),
                ("longest gap", "longest time without one since the scenario began, s"),
            ] {
                ui.weak(text).on_hover_text(meaning);
            }
            ui.end_row();
            for seat in &outside.seats {
                ui.label(seat.seat.to_string())
                    .on_hover_text(seat.seat.topics().next().map_or("", |topic| topic.name));
                ui.label(number(seat.messages as f64, 0));
                let age_ms = 1e3 * seat.age_s.unwrap_or(f64::NAN);
                let old = age_ms.is_nan() || age_ms > 500.0;
                ui.label(number(age_ms, 0).color(if old { worth(ui) } else { ui.visuals().text_color() }));
                ui.label(number(seat.longest_gap_s, 3));
                ui.end_row();
            }
        });
    }
    if let Some(pace) = &outside.pace {
        ui.add_space(6.0);
        let text = format!(
            "clock: ticks {:.0} µs late in the middle, {:.0} µs at 99 %, {:.1} ms at most; {} of {} control cycles missed",
            pace.lateness_p50_us,
            pace.lateness_p99_us,
            1e-3 * pace.lateness_max_us,
            pace.missed_cycles,
            pace.cycles,
        );
        let poor = pace.too_poor();
        let colour = if poor.is_some() { worth(ui) } else { ui.visuals().weak_text_color() };
        ui.colored_label(colour, text).on_hover_text(poor.as_deref().unwrap_or(
            "how late ticks began against the clock; more than 1 % missed control cycles, and the run judges nobody",
        ));
        ui.weak("Time passes as on the clock: it cannot be paused or taken back. You can look back while it runs; R starts again.");
    }
    for sentence in &outside.sentences {
        ui.colored_label(worth(ui), sentence);
    }
}

fn attach(ui: &mut Ui, live: &mut Live) {
    let Some(wanted) = live.session.view().wanted.clone() else { return };
    let form = &mut live.panels.outside;
    form.fill(&wanted);
    ui.strong("From now on, in every scenario");
    egui::Grid::new("attach").num_columns(2).spacing([8.0, 4.0]).show(ui, |ui| {
        for (name, text, hint) in [
            (
                "topics",
                &mut form.topics,
                "ros1, ros1:http://HOST:PORT, lockstep:unix:PATH, lockstep:tcp:ADDRESS:PORT",
            ),
            (
                "CAN",
                &mut form.can,
                "slcan, slcan:DEVICE, slcan-tcp:ADDRESS:PORT, vcan0, udp_multicast, candump:FILE",
            ),
            ("receiver", &mut form.gnss, "tcp, tcp:ADDRESS:PORT, pty, file:PATH"),
            (
                "pace",
                &mut form.pace,
                "real, max, or a number; empty: as on the clock if a peer can take part",
            ),
        ] {
            ui.label(name).on_hover_text(hint);
            ui.add(egui::TextEdit::singleline(text).hint_text(hint).desired_width(f32::INFINITY))
                .on_hover_text(hint);
            ui.end_row();
        }
    });
    ui.horizontal_wrapped(|ui| {
        ui.label("outside:").on_hover_text("seats of the stack that are filled by a process on these links");
        for seat in SeatId::ALL {
            let mut is = form.external.contains(seat);
            if ui.checkbox(&mut is, seat.to_string()).changed() {
                form.external = SeatId::ALL
                    .into_iter()
                    .filter(|other| if *other == seat { is } else { form.external.contains(*other) })
                    .collect();
            }
        }
    });
    let mut order = None;
    ui.horizontal(|ui| {
        if ui
            .button("attach, start again")
            .on_hover_text("opens these links and begins the scenario anew")
            .clicked()
        {
            match form.read(&wanted) {
                Ok(wanted) => (order, form.wrong) = (Some(wanted), None),
                Err(wrong) => form.wrong = Some(wrong),
            }
        }
        if ui.button("detach all").on_hover_text("only what the scenario itself names stays").clicked() {
            *form = Form { filled: true, ..Form::default() };
            order = Some(Wanted {
                can: Vec::new(),
                gnss: Vec::new(),
                topics: Vec::new(),
                external: Seats::NONE,
                pace: None,
                ..wanted.as_ref().clone()
            });
        }
    });
    if let Some(wrong) = &form.wrong {
        ui.colored_label(bad(ui), wrong);
    }
    if let Some(wanted) = order {
        live.scrub = None;
        live.session.order(Command::Attach(Box::new(wanted)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_about_links_is_read_or_refused_with_what_is_expected() {
        let before = Wanted { wait_s: 7, ..Wanted::default() };
        let form = Form {
            topics: "ros1  lockstep:unix:/tmp/a".into(),
            can: "slcan".into(),
            pace: " 5 ".into(),
            external: Seats::NONE.with(SeatId::Control),
            ..Form::default()
        };
        let wanted = form.read(&before).unwrap();
        assert_eq!((wanted.topics.len(), wanted.can.len(), wanted.gnss.len(), wanted.wait_s), (2, 1, 0, 7));
        assert!(wanted.external.contains(SeatId::Control) && wanted.pace.is_some());
        let mut again = Form::default();
        again.fill(&wanted);
        assert_eq!(again.topics, "ros1 lockstep:unix:/tmp/a");
        let wrong = Form { topics: "ros2".into(), ..Form::default() };
        assert!(wrong.read(&before).unwrap_err().contains("expected ros1"));
        let wrong = Form { pace: "fast".into(), ..Form::default() };
        assert!(wrong.read(&before).unwrap_err().contains("real, max"));
    }

    #[test]
    fn every_count_of_a_link_is_in_out_or_lost() {
        let counts = vec![("sent", 5), ("received", 3), ("dropped", 2), ("malformed", 1), ("connects", 9)];
        let link = LinkState { counts, ..LinkState::default() };
        assert_eq!(summary(&link), [3, 5, 3]);
    }
}
