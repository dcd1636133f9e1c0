//! Signals over time, stacked, with one time axis and one cursor.

use crate::deeds::Deed;
use crate::live::Live;
use crate::session::{Recording, column, meaning, unit};
use bevy_egui::egui::{self, Color32, Ui};
use egui_plot::{Corner, Legend, Line, Plot, PlotPoints, VLine};
use skidpad_engine::TraceSample;

/// Most points of a line: more than there are pixels.
const MAX_POINTS: usize = 1500;

/// What is plotted: one group of signals in each plot.
pub(super) struct Plots {
    groups: Vec<Vec<usize>>,
    search: String,
    /// Where they were last drawn: left, top, width, height, pixels.
    pub(super) area_px: Option<[u32; 4]>,
}

/// Most plots at a time.
const MAX_PLOTS: usize = 6;

impl Plots {
    /// The signals of all plots, each once, in order.
    pub(super) fn signals(&self) -> Vec<usize> {
        let mut signals: Vec<usize> = Vec::new();
        for index in self.groups.iter().flatten() {
            if !signals.contains(index) {
                signals.push(*index);
            }
        }
        signals
    }

    /// The signals of each plot by name.
    pub(super) fn names(&self) -> Vec<Vec<String>> {
        let name = |index: &usize| TraceSample::COLUMNS[*index].0.to_owned();
        self.groups.iter().map(|group| group.iter().map(name).collect()).collect()
    }

    /// As in the last sitting; names that are no signals are left out.
    pub(super) fn recall(&mut self, names: &[Vec<String>]) {
        if !names.is_empty() {
            let group = |names: &Vec<String>| names.iter().filter_map(|name| column(name)).collect();
            self.groups = names.iter().take(MAX_PLOTS).map(group).collect();
        }
    }
}

impl Default for Plots {
    fn default() -> Self {
        let group = |names: &[&str]| names.iter().filter_map(|name| column(name)).collect();
        Plots {
            groups: vec![
                group(&["lateral_error_m", "believed_lateral_error_m"]),
                group(&["speed_mps", "ref_speed_mps"]),
                group(&["command_steering_pct", "command_throttle_pct", "command_brake_pct"]),
            ],
            search: String::new(),
            area_px: None,
        }
    }
}

const COLOURS: [Color32; 6] = [
    Color32::from_rgb(90, 170, 255),
    Color32::from_rgb(255, 160, 60),
    Color32::from_rgb(110, 210, 120),
    Color32::from_rgb(240, 100, 110),
    Color32::from_rgb(190, 140, 255),
    Color32::from_rgb(220, 200, 90),
];

/// A signal of a recording, thinned out to what can be seen, in pieces: it has gaps where it has no value.
fn pieces(recording: &Recording, index: usize) -> Vec<Vec<[f64; 2]>> {
    let moments = recording.moments();
    let every = moments.len().div_ceil(MAX_POINTS).max(1);
    let newest = moments.last().filter(|_| !(moments.len().max(1) - 1).is_multiple_of(every));
    let mut pieces = vec![Vec::new()];
    for moment in moments.iter().step_by(every).chain(newest) {
        let value = f64::from(moment.values[index]);
        match pieces.last_mut() {
            Some(piece) if value.is_finite() => piece.push([moment.time_s, value]),
            Some(piece) if !piece.is_empty() => pieces.push(Vec::new()),
            _ => {}
        }
    }
    pieces.retain(|piece| !piece.is_empty());
    pieces
}

pub(super) fn draw(ui: &mut Ui, live: &mut Live) {
    let cursor_s = live.shown().map_or(0.0, |moment| moment.time_s);
    let mut jump = None;
    let mut export = None;
    ui.horizontal(|ui| {
        let groups = &mut live.panels.plots.groups;
        for (number, group) in groups.iter_mut().enumerate() {
            let search = &mut live.panels.plots.search;
            let button = ui.menu_button(format!("plot {}", number + 1), |ui| {
                ui.text_edit_singleline(search);
                egui::ScrollArea::vertical().max_height(260.0).show(ui, |ui| {
                    for (index, (name, _)) in TraceSample::COLUMNS.iter().enumerate() {
                        if !name.contains(search.as_str()) {
                            continue;
                        }
                        let mut on = group.contains(&index);
                        if ui.checkbox(&mut on, *name).on_hover_text(meaning(name)).changed() {
                            if on { group.push(index) } else { group.retain(|other| *other != index) }
                        }
                    }
                });
            });
            let shown: Vec<String> = group
                .iter()
                .map(|index| TraceSample::COLUMNS[*index].0)
                .map(|name| format!("{name}: {}", meaning(name)))
                .collect();
            button.response.on_hover_text(format!("choose its signals\n{}", shown.join("\n")));
        }
        if groups.len() < MAX_PLOTS && ui.button("+").on_hover_text("another plot").clicked() {
            groups.push(column("ay_mps2").into_iter().collect());
        }
        if groups.len() > 1 && ui.button("−").on_hover_text("one plot less").clicked() {
            groups.pop();
        }
        if ui.button("CSV").on_hover_text("save these signals as a table (F7)").clicked() {
            export = Some(Deed::Csv);
        }
        if ui.button("PNG").on_hover_text("save a picture of the plots (F8)").clicked() {
            export = Some(Deed::PlotsPicture);
        }
        ui.weak("click: show that instant; drag, scroll: zoom; dashed: the run laid over");
    });
    if let Some(deed) = export {
        live.act(deed);
    }
    let area = ui.available_rect_before_wrap();
    let scale = ui.ctx().pixels_per_point();
    live.panels.plots.area_px = Some(
        [area.left(), area.top(), area.width(), area.height()].map(|side| (side.max(0.0) * scale) as u32),
    );
    let recording = live.session.recording();
    let previous = live.session.previous();
    let count = live.panels.plots.groups.len().max(1);
    let height = ((ui.available_height() - 4.0 * count as f32) / count as f32).max(60.0);
    for (number, group) in live.panels.plots.groups.iter().enumerate() {
        let mut lines: Vec<Line<'static>> = Vec::new();
        for (place, index) in group.iter().enumerate() {
            let name = TraceSample::COLUMNS[*index].0;
            let colour = COLOURS[place % COLOURS.len()];
            let value = live.shown().map_or(f32::NAN, |moment| moment.values[*index]);
            let name_now = format!("{name} {value:.3} {}", unit(name));
            for piece in pieces(recording, *index) {
                lines.push(Line::new(name_now.clone(), PlotPoints::new(piece)).color(colour));
            }
            for piece in previous.map_or_else(Vec::new, |previous| pieces(previous, *index)) {
                let line = Line::new(format!("{name}, other run"), PlotPoints::new(piece));
                lines
                    .push(line.color(colour.gamma_multiply(0.6)).style(egui_plot::LineStyle::dashed_dense()));
            }
        }
        let small = Legend::default().position(Corner::LeftTop).background_alpha(0.5);
        let small = small.text_style(egui::TextStyle::Small);
        // One time axis is enough for all.
        let is_last = number + 1 == live.panels.plots.groups.len();
        let response = Plot::new(("signals", number))
            .height(height)
            .legend(small)
            .link_axis("time", [true, false])
            .link_cursor("time", [true, false])
            .y_axis_min_width(44.0)
            .show_axes([is_last, true])
            .show(ui, |plot| {
                lines.into_iter().for_each(|line| plot.line(line));
                plot.vline(VLine::new("", cursor_s).color(Color32::from_rgb(230, 60, 60)).width(1.0));
                plot.pointer_coordinate()
            });
        if response.response.clicked() {
            jump = response.inner.map(|at| at.x);
        }
    }
    if let Some(time_s) = jump {
        live.scrub_to(time_s);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signal_without_a_value_leaves_a_gap_and_no_nan_reaches_the_plot() {
        let file = std::env::temp_dir().join(format!("skidpad-gap-{}.csv", std::process::id()));
        let rows = "time_s,x_m,y_m,z_m,heading_rad,speed_mps\n0,0,0,0,0,\n0.01,0,0,0,0,1\n0.02,0,0,0,0,\n0.03,0,0,0,0,2\n";
        std::fs::write(&file, rows).unwrap();
        let recording = crate::session::read_trace(&file).unwrap();
        std::fs::remove_file(&file).unwrap();
        let speed = column("speed_mps").unwrap();
        assert_eq!(pieces(&recording, speed), [vec![[0.01, 1.0]], vec![[0.03, 2.0]]]);
        assert!(pieces(&recording, column("ax_mps2").unwrap()).is_empty());
    }

    #[test]
    fn the_signals_that_are_plotted_first_are_in_the_trace() {
        let plots = Plots::default();
        assert_eq!(plots.groups.iter().map(Vec::len).collect::<Vec<_>>(), [2, 2, 3]);
    }
}
