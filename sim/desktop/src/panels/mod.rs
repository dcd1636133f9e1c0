//! The panels: transport, instruments, plots, tables, score.

mod browser;
mod bus;
mod dock;
mod help;
mod instruments;
mod outside;
mod place;
mod plots;
pub(crate) mod runs;
mod score;
mod transport;

pub use dock::{Docks, Pane, Side};

use crate::live::Live;
use crate::scene::ScenePicture;
use crate::session::{DriverWish, State};
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
    /// What is docked at the left is shown: at first the instruments.
    pub instruments: bool,
    /// What is docked at the right is shown: at first the score.
    pub score: bool,
    /// What is docked below is shown: at first tables and plots.
    pub lower: bool,
    /// Where each panel is.
    pub docks: Docks,
    /// What came of each scenario when it last ran to its end with nothing done by hand.
    pub verdicts: Verdicts,
    /// Widths of the left and the right side and height of what is below, points; 0: as they come.
    sizes: [f32; 3],
    root: PathBuf,
    files: Vec<browser::Known>,
    search: String,
    gains_search: String,
    /// Runs to be laid over this one.
    pub(crate) runs: runs::Runs,
    /// The window takes the whole screen.
    pub full_screen: bool,
    /// The loading that was last seen.
    load: u64,
    /// The colours of text have been set.
    styled: bool,
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
            docks: Docks::default(),
            verdicts: Verdicts::new(),
            sizes: [0.0; 3],
            root: root.to_path_buf(),
            files: files.into_iter().map(browser::Known::read).collect(),
            search: String::new(),
            gains_search: String::new(),
            runs: runs::Runs::new(root),
            full_screen: false,
            load: 0,
            styled: false,
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

    /// Shows a table or the plots, wherever they are.
    pub fn show(&mut self, tab: Tab) {
        self.docks.look(Pane::Of(tab));
        self.unfold(self.docks.side(Pane::Of(tab)));
    }

    /// Shows what is docked at a place.
    pub fn unfold(&mut self, side: Side) {
        self.folded = false;
        match side {
            Side::Left => self.instruments = true,
            Side::Right => self.score = true,
            Side::Below => self.lower = true,
            Side::Window => {}
        }
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
        let (moved, windows) = self.docks.written();
        Settings {
            dark: self.dark,
            tab: self.docks.seen(Side::Below).map_or("", Pane::name).into(),
            instruments: self.instruments,
            score: self.score,
            lower: self.lower,
            left_width: self.sizes[0].round(),
            score_width: self.sizes[1].round(),
            lower_height: self.sizes[2].round(),
            moved,
            windows,
            plots: self.plots.names(),
            recent: self.runs.recent().to_vec(),
            ..Settings::default()
        }
    }

    /// As in the last sitting.
    pub fn recall(&mut self, settings: &Settings) {
        self.dark = settings.dark;
        self.docks = Docks::read(&settings.moved, &settings.windows);
        if let Some(pane) = Pane::all().find(|pane| pane.name() == settings.tab) {
            self.docks.look(pane);
        }
        (self.instruments, self.score, self.lower) = (settings.instruments, settings.score, settings.lower);
        self.sizes = [settings.left_width, settings.score_width, settings.lower_height];
        self.plots.recall(&settings.plots);
        self.runs.recall(&settings.recent);
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
    // What is nothing when it is rounded has no sign.
    let value = if value.abs() < 0.5 * 10_f64.powi(-(decimals as i32)) { 0.0 } else { value };
    let text = if value.is_finite() { format!("{value:.decimals$}") } else { "–".into() };
    RichText::new(text).monospace()
}

/// Text that is read in sunlight too: egui's own greys are faint.
fn contrast(context: &egui::Context) {
    for (theme, text, weak) in [(egui::Theme::Dark, 205, 150), (egui::Theme::Light, 30, 92)] {
        context.style_mut_of(theme, |style| {
            let visuals = &mut style.visuals;
            visuals.widgets.noninteractive.fg_stroke.color = Color32::from_gray(text);
            visuals.widgets.inactive.fg_stroke.color = Color32::from_gray(text);
            visuals.weak_text_color = Some(Color32::from_gray(weak));
        });
    }
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
    if !std::mem::replace(&mut live.panels.styled, true) {
        contrast(&context);
    }
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
        docked(&mut root, live, frame);
        dock::windows(&context, live);
    }
    if live.panels.help {
        help::draw(&context, live);
    }
    if live.panels.faults {
        help::faults(&context, live);
    }
    runs::draw(&context, live);
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

/// What is docked below and at the sides.
fn docked(root: &mut Ui, live: &mut Live, frame: egui::Frame) {
    let whole = root.ctx().viewport_rect();
    let size = |remembered: f32, otherwise: f32, least: f32, most: f32| {
        (if remembered > 0.0 { remembered } else { otherwise }).clamp(least, most.max(least))
    };
    if live.panels.lower && live.panels.docks.seen(Side::Below).is_some() {
        let most = 0.7 * whole.height();
        let height = size(live.panels.sizes[2], (0.36 * whole.height()).clamp(170.0, 420.0), 120.0, most);
        let panel =
            egui::Panel::bottom("below").resizable(true).default_size(height).size_range(120.0..=most);
        let shown = panel.frame(frame).show(root, |ui| {
            // A panel that can be resized shrinks to what is in it.
            ui.set_min_height(ui.available_height());
            dock::draw(ui, live, Side::Below);
        });
        live.panels.sizes[2] = shown.response.rect.height();
    }
    for (place, side, is_shown, otherwise) in
        [(0, Side::Left, live.panels.instruments, 214.0), (1, Side::Right, live.panels.score, 292.0)]
    {
        if !is_shown || live.panels.docks.seen(side).is_none() {
            continue;
        }
        let most = 0.45 * whole.width();
        let width = size(live.panels.sizes[place], otherwise, 200.0, most);
        let panel = if place == 0 { egui::Panel::left("left") } else { egui::Panel::right("right") };
        let panel = panel.resizable(true).default_size(width).size_range(200.0..=most);
        let shown = panel.frame(frame).show(root, |ui| {
            ui.set_min_size(ui.available_size());
            dock::draw(ui, live, side);
        });
        live.panels.sizes[place] = shown.response.rect.width();
    }
}

/// What the simulation answered, and verdicts worth keeping.
fn hear(live: &mut Live) {
    let view = live.session.view().clone();
    if view.notice.0 != live.panels.notice {
        live.panels.notice = view.notice.0;
        live.panels.said = Some((Instant::now(), view.notice.1.clone(), view.notice.2));
    }
    if std::mem::replace(&mut live.panels.load, view.load) != view.load {
        // Another car: nobody holds its pedals or its levers yet.
        live.wish = DriverWish::default();
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
