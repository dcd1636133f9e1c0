//! Signals over time, stacked, with one time axis and one cursor.

use crate::deeds::Deed;
use crate::live::Live;
use crate::session::{Moment, Recording, column, meaning, short_name, unit};
use bevy_egui::egui::{self, Align, Color32, Layout, Ui, vec2};
use egui_plot::{AxisHints, Line, Plot, PlotPoints, VLine, uniform_grid_spacer};
use skidpad_engine::TraceSample;
use std::collections::BTreeSet;

/// Most points of a line: more than there are pixels.
const MAX_POINTS: usize = 1500;

/// What is plotted: one group of signals in each plot.
pub(super) struct Plots {
    groups: Vec<Vec<usize>>,
    /// Signals that are chosen but not drawn: plot and column.
    hidden: BTreeSet<(usize, usize)>,
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
            hidden: BTreeSet::new(),
            search: String::new(),
            area_px: None,
        }
    }
}

/// Colours of the lines on dark ground, and on light.
const COLOURS: [[Color32; 6]; 2] = [
    [
        Color32::from_rgb(90, 170, 255),
        Color32::from_rgb(255, 160, 60),
        Color32::from_rgb(110, 210, 120),
        Color32::from_rgb(240, 100, 110),
        Color32::from_rgb(190, 140, 255),
        Color32::from_rgb(220, 200, 90),
    ],
    [
        Color32::from_rgb(15, 95, 200),
        Color32::from_rgb(195, 85, 0),
        Color32::from_rgb(15, 125, 45),
        Color32::from_rgb(190, 25, 45),
        Color32::from_rgb(115, 55, 190),
        Color32::from_rgb(125, 105, 0),
    ],
];

fn colour(ui: &Ui, place: usize) -> Color32 {
    COLOURS[usize::from(!ui.visuals().dark_mode)][place % 6]
}

/// Least span of the vertical axis.
const LEAST_SPAN: f64 = 2e-3;
/// Width of the names beside a plot, points; a panel narrower than the other has them above it.
const NAMES_WIDTH: f32 = 196.0;
const WIDE: f32 = 520.0;

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

/// Steps of the horizontal lines of a plot that is so high, points: about one every 22 points, at 1, 2 or 5 times a power
/// of ten, so that a low plot has numbers too.
fn grid_steps((low, high): (f64, f64), height: f32) -> [f64; 3] {
    let least = ((high - low) * 22.0 / f64::from(height.max(1.0))).max(1e-9);
    let power = 10_f64.powf(least.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].map(|times| times * power).into_iter().find(|step| *step >= least);
    let step = step.unwrap_or(10.0 * power);
    [step, 10.0 * step, 100.0 * step]
}

/// The number beside a horizontal line, as exact as the lines are apart.
fn mark_text(value: f64, step: f64) -> String {
    let decimals = (-step.log10()).ceil().clamp(0.0, 9.0) as usize;
    let value = if value.abs() < 0.5 * step { 0.0 } else { value };
    format!("{value:.decimals$}")
}

/// The name of a signal with its colour and its values at the cursor: of this run, and of the one laid over it. True if
/// it was clicked.
fn legend(ui: &mut Ui, index: usize, colour: Color32, values: [Option<&Moment>; 2], hidden: bool) -> bool {
    let name = TraceSample::COLUMNS[index].0;
    let [here, other] = values.map(|moment| moment.map_or(f32::NAN, |moment| moment.values[index]));
    let said = |value: f32| if value.is_finite() { format!("{value:.3}") } else { "–".into() };
    let beside = if values[1].is_some() { format!(" ¦ {}", said(other)) } else { String::new() };
    let colour = if hidden { ui.visuals().weak_text_color() } else { colour };
    let mut text = egui::text::LayoutJob::default();
    let font = egui::FontId::proportional(11.5);
    let strike = egui::Stroke::new(if hidden { 1.0 } else { 0.0 }, colour);
    let of = |color, strikethrough| egui::TextFormat {
        font_id: font.clone(),
        color,
        strikethrough,
        ..Default::default()
    };
    text.append(&short_name(name), 0.0, of(colour, strike));
    let value = format!("{}{beside} {}", said(here), unit(name));
    text.append(&value, 6.0, of(ui.visuals().text_color(), egui::Stroke::NONE));
    let label = ui.add(egui::Label::new(text).truncate().sense(egui::Sense::click()));
    let of_other = if values[1].is_some() { "; behind ¦ the run laid over" } else { "" };
    label.on_hover_text(format!("{name}: {}{of_other}\nclick: hide or show it", meaning(name))).clicked()
}

pub(super) fn draw(ui: &mut Ui, live: &mut Live) {
    let cursor_s = live.shown().map_or(0.0, |moment| moment.time_s);
    let mut jump = None;
    let mut export = None;
    ui.horizontal_wrapped(|ui| {
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
    ui.spacing_mut().item_spacing.y = 2.0;
    let height = ((ui.available_height() - 2.0 * count as f32) / count as f32).max(60.0);
    let wide = ui.available_width() >= WIDE;
    let mut clicked = None;
    for (number, group) in live.panels.plots.groups.iter().enumerate() {
        let hidden = &live.panels.plots.hidden;
        let names = |ui: &mut Ui| {
            for (place, index) in group.iter().enumerate() {
                let values = [live.shown(), previous.and_then(|other| other.at(cursor_s))];
                let is_hidden = hidden.contains(&(number, *index));
                if legend(ui, *index, colour(ui, place), values, is_hidden) {
                    return Some((number, *index));
                }
            }
            None
        };
        // One time axis is enough for all.
        let is_last = number + 1 == live.panels.plots.groups.len();
        let mut lines: Vec<Line<'static>> = Vec::new();
        let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
        let drawn = group.iter().enumerate().filter(|(_, index)| !hidden.contains(&(number, **index)));
        for (place, index) in drawn {
            let name = TraceSample::COLUMNS[*index].0;
            let colour = colour(ui, place);
            for piece in pieces(recording, *index) {
                piece.iter().for_each(|[_, y]| (low, high) = (low.min(*y), high.max(*y)));
                lines.push(Line::new(name, PlotPoints::new(piece)).color(colour));
            }
            for piece in previous.map_or_else(Vec::new, |previous| pieces(previous, *index)) {
                let line = Line::new(format!("{name}, other run"), PlotPoints::new(piece));
                lines
                    .push(line.color(colour.gamma_multiply(0.7)).style(egui_plot::LineStyle::dashed_dense()));
            }
        }
        // What stands still is drawn as a line, not as its last digits.
        let flat = (low <= high && high - low < LEAST_SPAN)
            .then_some([low - 0.5 * LEAST_SPAN, high + 0.5 * LEAST_SPAN]);
        let plot = |ui: &mut Ui, height: f32| {
            let plot = flat.into_iter().flatten().fold(Plot::new(("signals", number)), Plot::include_y);
            plot.height(height)
                .link_axis("time", [true, false])
                .link_cursor("time", [true, false])
                .custom_y_axes(vec![
                    AxisHints::new_y()
                        .min_thickness(44.0)
                        .label_spacing(11.0..=17.0)
                        .formatter(|mark, _| mark_text(mark.value, mark.step_size)),
                ])
                .y_grid_spacer(uniform_grid_spacer(move |input| grid_steps(input.bounds, height)))
                .show_axes([is_last, true])
                .show(ui, |plot| {
                    lines.into_iter().for_each(|line| plot.line(line));
                    plot.vline(VLine::new("", cursor_s).color(Color32::from_rgb(230, 60, 60)).width(1.0));
                    plot.pointer_coordinate()
                })
        };
        let response = if wide {
            ui.allocate_ui_with_layout(
                vec2(ui.available_width(), height),
                Layout::left_to_right(Align::Min),
                |ui| {
                    let column = Layout::top_down(Align::Min);
                    ui.allocate_ui_with_layout(vec2(NAMES_WIDTH, height), column, |ui| {
                        ui.set_width(NAMES_WIDTH);
                        egui::ScrollArea::vertical().id_salt(("names", number)).max_height(height).show(
                            ui,
                            |ui| {
                                ui.spacing_mut().item_spacing.y = 1.0;
                                clicked = clicked.or(names(ui));
                            },
                        );
                    });
                    plot(ui, height)
                },
            )
            .inner
        } else {
            let above = ui.horizontal_wrapped(|ui| names(ui));
            clicked = clicked.or(above.inner);
            plot(ui, (height - above.response.rect.height() - 2.0).max(50.0))
        };
        if response.response.clicked() {
            jump = response.inner.map(|at| at.x);
        }
    }
    if let Some(signal) = clicked {
        let hidden = &mut live.panels.plots.hidden;
        if !hidden.remove(&signal) {
            hidden.insert(signal);
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
    fn a_low_plot_has_several_numbers_and_a_high_one_not_too_many() {
        for (bounds, height) in [((-0.05, 0.05), 60.0), ((0.0, 7.0), 60.0), ((-400.0, 380.0), 300.0)] {
            let [step, ..] = grid_steps(bounds, height);
            let lines = (bounds.1 - bounds.0) / step;
            let most = f64::from(height) / 22.0 + 1e-9;
            assert!(lines <= most && lines >= 0.4 * most, "{bounds:?} {height}: {lines} lines");
        }
        assert!(grid_steps((1.0, 1.0), 0.0)[0] > 0.0);
        let text =
            [(-1e-17, 0.05), (0.15, 0.05), (-20.0, 20.0), (1.5, 0.5)].map(|(v, step)| mark_text(v, step));
        assert_eq!(text, ["0.00", "0.15", "-20", "1.5"]);
    }

    #[test]
    fn the_signals_that_are_plotted_first_are_in_the_trace() {
        let plots = Plots::default();
        assert_eq!(plots.groups.iter().map(Vec::len).collect::<Vec<_>>(), [2, 2, 3]);
    }
}
