//! The panels: transport, instruments, plots, tables, score.

mod browser;
mod bus;
mod help;
mod instruments;
mod outside;
mod place;
mod plots;
mod score;
mod transport;

use crate::live::{Live, Quality};
use crate::scene::ScenePicture;
use crate::session::State;
use crate::settings::{LastVerdict, Settings, Verdicts};
use bevy::prelude::*;
use bevy_egui::{EguiContexts, egui};
use egui::{Color32, RichText, Ui};
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
    /// Links, peers and seats outside.
    Outside,
    /// Where the car starts.
    Place,
}

impl Tab {
    /// Every tab, its name, and what it shows.
    pub const ALL: [(Tab, &'static str, &'static str); 8] = [
        (Tab::Scenarios, "Scenarios", "the scenarios that there are, with what came of them (B)"),
        (Tab::Plots, "Plots", "any signal over time, with a common cursor (P)"),
        (Tab::Can, "CAN", "every frame on the car's bus, decoded (C)"),
        (Tab::Topics, "Topics", "every message of the stack (T)"),
        (Tab::Events, "Events", "what has happened (L)"),
        (Tab::Gains, "Gains", "parameters of control, to be changed while it runs (J)"),
        (Tab::Outside, "Outside", "links, peers and seats outside (O)"),
        (Tab::Place, "Start", "where the car starts: move it (M)"),
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
    /// A picture of the plots is wanted, after so many pictures of all.
    pub wants_plots: Option<u8>,
    /// The list of faults is open.
    pub faults: bool,
    /// The instruments at the left are shown.
    pub instruments: bool,
    /// The score at the right is shown.
    pub score: bool,
    /// Tables and plots are shown below.
    pub lower: bool,
    /// What came of each scenario when it last ran to its end with nothing done by hand.
    pub verdicts: Verdicts,
    /// Height of the lower panel and width of the score, points; 0: as they come.
    sizes: [f32; 2],
    tab: Tab,
    root: PathBuf,
    files: Vec<PathBuf>,
    search: String,
    /// Path of a trace to be laid over.
    overlay: String,
    plots: plots::Plots,
    can: Option<u16>,
    topic: Option<&'static str>,
    gains: Vec<browser::Gain>,
    gains_of: u64,
    gains_live: bool,
    outside: outside::Form,
    place: place::Form,
    said: Option<(Instant, String, bool)>,
    notice: u64,
    /// The run whose verdict has been taken.
    judged: Option<String>,
}

impl PanelState {
    /// The panels of a library at `root` with these scenario files.
    pub fn new(root: &Path, files: Vec<PathBuf>) -> PanelState {
        PanelState {
            folded: false,
            dark: true,
            help: false,
            wants_screenshot: false,
            wants_plots: None,
            faults: false,
            instruments: true,
            score: true,
            lower: true,
            verdicts: Verdicts::new(),
            sizes: [0.0; 2],
            tab: Tab::default(),
            root: root.to_path_buf(),
            files,
            search: String::new(),
            overlay: String::new(),
            plots: plots::Plots::default(),
            can: None,
            topic: None,
            gains: Vec::new(),
            gains_of: 0,
            gains_live: true,
            outside: outside::Form::default(),
            place: place::Form::default(),
            said: None,
            notice: 0,
            judged: None,
        }
    }

    /// Shows a tab.
    pub fn show(&mut self, tab: Tab) {
        self.tab = tab;
        self.folded = false;
        self.lower = true;
    }

    /// Says for some seconds what went wrong.
    pub fn complain(&mut self, text: String) {
        self.said = Some((Instant::now(), text, false));
    }

    /// The signals that are plotted, by their columns, each once.
    pub fn plotted(&self) -> Vec<usize> {
        self.plots.signals()
    }

    /// Where the plots are: left, top, width, height, pixels.
    pub fn plots_px(&self) -> Option<[u32; 4]> {
        self.plots.area_px
    }

    /// What is to be remembered of the panels.
    pub fn settings(&self) -> Settings {
        let tab = Tab::ALL.iter().find(|(tab, ..)| *tab == self.tab).map_or("", |(_, name, _)| name);
        Settings {
            dark: self.dark,
            tab: tab.into(),
            instruments: self.instruments,
            score: self.score,
            lower: self.lower,
            lower_height: self.sizes[0].round(),
            score_width: self.sizes[1].round(),
            plots: self.plots.names(),
            ..Settings::default()
        }
    }

    /// As in the last sitting.
    pub fn recall(&mut self, settings: &Settings) {
        self.dark = settings.dark;
        let tab = Tab::ALL.iter().find(|(_, name, _)| *name == settings.tab);
        self.tab = tab.map_or(self.tab, |(tab, ..)| *tab);
        (self.instruments, self.score, self.lower) = (settings.instruments, settings.score, settings.lower);
        self.sizes = [settings.lower_height, settings.score_width];
        self.plots.recall(&settings.plots);
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

/// Draws the panels, and the scene where they leave room for it.
pub(crate) fn draw(
    mut contexts: EguiContexts,
    mut live: ResMut<Live>,
    scene: Option<Res<ScenePicture>>,
) -> Result {
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
    let fill = context.global_style().visuals.panel_fill;
    let frame = egui::Frame::new().fill(fill).inner_margin(6.0);

    let top = egui::Panel::top("transport").resizable(false).frame(frame);
    top.show(&mut root, |ui| transport::draw(ui, live));
    if !live.panels.folded {
        let shown = |size: f32, otherwise: f32, least: f32, most: f32| {
            (if size > 0.0 { size } else { otherwise }).clamp(least, most.max(least))
        };
        if live.panels.lower {
            let most = 0.7 * whole.height();
            let height =
                shown(live.panels.sizes[0], (0.36 * whole.height()).clamp(170.0, 420.0), 120.0, most);
            let bottom =
                egui::Panel::bottom("tabs").resizable(true).default_size(height).size_range(120.0..=most);
            live.panels.sizes[0] = bottom
                .frame(frame)
                .show(&mut root, |ui| {
                    // A panel that can be resized shrinks to what is in it.
                    ui.set_min_height(ui.available_height());
                    tabs(ui, live);
                })
                .response
                .rect
                .height();
        }
        if live.panels.instruments {
            let left = egui::Panel::left("instruments").resizable(false).exact_size(214.0).frame(frame);
            left.show(&mut root, |ui| instruments::draw(ui, live));
        }
        if live.panels.score {
            let most = 0.5 * whole.width();
            let width = shown(live.panels.sizes[1], 292.0, 200.0, most);
            let right =
                egui::Panel::right("score").resizable(true).default_size(width).size_range(200.0..=most);
            live.panels.sizes[1] = right
                .frame(frame)
                .show(&mut root, |ui| {
                    ui.set_min_width(ui.available_width());
                    score::draw(ui, live);
                })
                .response
                .rect
                .width();
        }
    }
    if live.panels.help {
        help::draw(&context, live);
    }
    if live.panels.faults {
        help::faults(&context, live);
    }
    let free = root.available_rect_before_wrap();
    if let Some(scene) = scene {
        let all = egui::Rect::from_min_max(egui::Pos2::ZERO, egui::Pos2::new(1.0, 1.0));
        root.painter().image(scene.texture, free, all, Color32::WHITE);
    }
    let scale = context.pixels_per_point();
    live.scene_px =
        Rect::new(scale * free.left(), scale * free.top(), scale * free.right(), scale * free.bottom());
    live.window_px = scale * Vec2::new(whole.width(), whole.height());
    Ok(())
}

/// What the simulation answered, and verdicts worth keeping.
fn hear(live: &mut Live) {
    let view = live.session.view().clone();
    if view.notice.0 != live.panels.notice {
        live.panels.notice = view.notice.0;
        live.panels.said = Some((Instant::now(), view.notice.1.clone(), view.notice.2));
    }
    let ended = view.state == State::Finished && view.truth_hash.is_some();
    let judged = view.outside.as_ref().is_none_or(|outside| outside.failure.is_none());
    if let (Some(scenario), Some(score)) = (&view.scenario, &view.score)
        && ended
        && judged
        && view.as_found
        && live.panels.judged != view.truth_hash
    {
        live.panels.judged = view.truth_hash.clone();
        live.panels.verdicts.insert(scenario.file.clone(), LastVerdict::now(score.verdict.passed));
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
        Tab::Outside => outside::draw(ui, live),
        Tab::Place => place::draw(ui, live),
    }
}
