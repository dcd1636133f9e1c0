//! The panels: transport, instruments, plots, tables, score.

mod browser;
mod bus;
mod help;
mod instruments;
mod plots;
mod score;
mod transport;

use crate::app::{Live, Quality};
use bevy::prelude::*;
use bevy_egui::{EguiContexts, egui};
use egui::{Color32, RichText, Ui};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// What the lower panel shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tab {
    /// The scenarios that there are.
    Scenarios,
    /// Plots over time.
    #[default]
    Plots,
    /// Frames on the CAN bus.
    Can,
    /// Messages of the stack.
    Topics,
    /// What has happened.
    Events,
    /// Parameters of control.
    Gains,
}

impl Tab {
    const ALL: [(Tab, &'static str, &'static str); 6] = [
        (Tab::Scenarios, "Scenarios", "the scenarios that there are, with what came of them (B)"),
        (Tab::Plots, "Plots", "any signal over time, with a common cursor (P)"),
        (Tab::Can, "CAN", "every frame on the car's bus, decoded (C)"),
        (Tab::Topics, "Topics", "every message of the stack (T)"),
        (Tab::Events, "Events", "what has happened (L)"),
        (Tab::Gains, "Gains", "parameters of control, to be changed while it runs"),
    ];
}

/// What the panels remember.
pub struct PanelState {
    /// Only the transport bar is shown.
    pub folded: bool,
    /// Dark colours.
    pub dark: bool,
    /// The help is open.
    pub help: bool,
    /// A screenshot is wanted.
    pub wants_screenshot: bool,
    tab: Tab,
    root: PathBuf,
    files: Vec<PathBuf>,
    search: String,
    /// Verdicts of this sitting, by file.
    verdicts: BTreeMap<PathBuf, bool>,
    plots: plots::Plots,
    can: Option<u16>,
    topic: Option<&'static str>,
    gains: Vec<browser::Gain>,
    gains_of: u64,
    said: Option<(Instant, String, bool)>,
    notice: u64,
}

impl PanelState {
    /// The panels of a library at `root` with these scenario files.
    pub fn new(root: &Path, files: Vec<PathBuf>) -> PanelState {
        PanelState {
            folded: false,
            dark: true,
            help: false,
            wants_screenshot: false,
            tab: Tab::default(),
            root: root.to_path_buf(),
            files,
            search: String::new(),
            verdicts: BTreeMap::new(),
            plots: plots::Plots::default(),
            can: None,
            topic: None,
            gains: Vec::new(),
            gains_of: 0,
            said: None,
            notice: 0,
        }
    }

    /// Shows a tab.
    pub fn show(&mut self, tab: Tab) {
        self.tab = tab;
        self.folded = false;
    }

    /// Says something for some seconds.
    pub fn say(&mut self, text: String) {
        self.said = Some((Instant::now(), text, true));
    }
}

/// Colours of what is good, what is not, and what is worth a look.
fn good(ui: &Ui) -> Color32 {
    if ui.visuals().dark_mode { Color32::from_rgb(96, 208, 120) } else { Color32::from_rgb(20, 130, 50) }
}

fn bad(ui: &Ui) -> Color32 {
    if ui.visuals().dark_mode { Color32::from_rgb(255, 104, 92) } else { Color32::from_rgb(190, 30, 25) }
}

fn worth(ui: &Ui) -> Color32 {
    if ui.visuals().dark_mode { Color32::from_rgb(255, 196, 70) } else { Color32::from_rgb(160, 100, 0) }
}

/// A number that keeps its width.
fn number(value: f64, decimals: usize) -> RichText {
    let text = if value.is_finite() { format!("{value:.decimals$}") } else { "–".into() };
    RichText::new(text).monospace()
}

/// Draws the panels over the scene and says how much of it they cover.
pub fn draw(mut contexts: EguiContexts, mut live: ResMut<Live>) -> Result {
    let context = contexts.ctx_mut()?.clone();
    let live = live.as_mut();
    let theme = if live.panels.dark { egui::Theme::Dark } else { egui::Theme::Light };
    context.set_theme(theme);
    hear(live);
    let whole = context.viewport_rect();
    // On a large screen everything grows with it.
    let zoom = (whole.height() * context.zoom_factor() / 900.0).clamp(1.0, 2.5);
    if (context.zoom_factor() - zoom).abs() > 0.05 {
        context.set_zoom_factor(zoom);
    }
    let layer = egui::UiBuilder::new().layer_id(egui::LayerId::background()).max_rect(whole);
    let mut root = Ui::new(context.clone(), egui::Id::new("panels"), layer);
    let fill = context.global_style().visuals.panel_fill.gamma_multiply(0.97);
    let frame = egui::Frame::new().fill(fill).inner_margin(6.0);
    let mut margins = [0.0_f32; 4];

    let top = egui::Panel::top("transport").resizable(false).frame(frame);
    margins[1] = top.show(&mut root, |ui| transport::draw(ui, live)).response.rect.height();
    if !live.panels.folded {
        let height = (0.36 * whole.height()).clamp(170.0, 420.0);
        let bottom = egui::Panel::bottom("tabs").resizable(false).exact_size(height).frame(frame);
        margins[3] = bottom.show(&mut root, |ui| tabs(ui, live)).response.rect.height();
        let left = egui::Panel::left("instruments").resizable(false).exact_size(214.0).frame(frame);
        margins[0] = left.show(&mut root, |ui| instruments::draw(ui, live)).response.rect.width();
        let right = egui::Panel::right("score").resizable(false).exact_size(292.0).frame(frame);
        margins[2] = right.show(&mut root, |ui| score::draw(ui, live)).response.rect.width();
    }
    if live.panels.help {
        help::draw(&context, live);
    }
    live.margins_px = margins.map(|margin| margin * context.pixels_per_point());
    Ok(())
}

/// What the simulation answered, and verdicts worth keeping.
fn hear(live: &mut Live) {
    let view = live.session.view().clone();
    if view.notice.0 != live.panels.notice {
        live.panels.notice = view.notice.0;
        live.panels.said = Some((Instant::now(), view.notice.1.clone(), view.notice.2));
    }
    if let (Some(_), Some(scenario), Some(score)) = (&view.truth_hash, &view.scenario, &view.score) {
        live.panels.verdicts.insert(scenario.file.clone(), score.verdict.passed);
    }
}

fn tabs(ui: &mut Ui, live: &mut Live) {
    ui.horizontal(|ui| {
        for (tab, name, meaning) in Tab::ALL {
            if ui.selectable_label(live.panels.tab == tab, name).on_hover_text(meaning).clicked() {
                live.panels.tab = tab;
            }
        }
        if live.quality == Quality::Low {
            ui.weak("low quality");
        }
    });
    ui.separator();
    match live.panels.tab {
        Tab::Scenarios => browser::scenarios(ui, live),
        Tab::Plots => plots::draw(ui, live),
        Tab::Can => bus::can(ui, live),
        Tab::Topics => bus::topics(ui, live),
        Tab::Events => score::events(ui, live),
        Tab::Gains => browser::gains(ui, live),
    }
}
