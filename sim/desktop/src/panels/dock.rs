//! Where the panels are: at a side, below, or in windows of their own.

use super::{Tab, browser, bus, instruments, outside, place, plots, score};
use crate::live::{Live, Quality};
use bevy_egui::egui::{self, Rect, Ui, pos2, vec2};
use std::collections::BTreeMap;

/// A panel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pane {
    /// Speed, pedals, mode.
    Instruments,
    /// The limits.
    Score,
    /// One of the tables and plots.
    Of(Tab),
}

/// Where a panel is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// At the left of the scene.
    Left,
    /// At its right.
    Right,
    /// Below all.
    Below,
    /// In a window of its own.
    Window,
}

impl Side {
    /// Every place, its name in the settings, and how the menu says it.
    pub const ALL: [(Side, &'static str, &'static str); 4] = [
        (Side::Left, "left", "at the left"),
        (Side::Right, "right", "at the right"),
        (Side::Below, "below", "below"),
        (Side::Window, "window", "a window of its own"),
    ];
}

impl Pane {
    /// Every panel, in the order of their tabs.
    pub fn all() -> impl Iterator<Item = Pane> {
        [Pane::Instruments, Pane::Score].into_iter().chain(Tab::ALL.map(|(tab, ..)| Pane::Of(tab)))
    }

    /// Its name on the screen and in the settings.
    pub fn name(self) -> &'static str {
        match self {
            Pane::Instruments => "Instruments",
            Pane::Score => "Score",
            Pane::Of(tab) => {
                Tab::ALL.iter().find(|(other, ..)| *other == tab).map_or("", |(_, name, _)| name)
            }
        }
    }

    fn meaning(self) -> &'static str {
        match self {
            Pane::Instruments => "what the driver would see, and the by-wire units",
            Pane::Score => "every limit of the scenario with value and margin",
            Pane::Of(tab) => Tab::ALL.iter().find(|(other, ..)| *other == tab).map_or("", |(.., what)| what),
        }
    }

    /// Where it is at first.
    fn home(self) -> Side {
        match self {
            Pane::Instruments => Side::Left,
            Pane::Score => Side::Right,
            Pane::Of(_) => Side::Below,
        }
    }

    fn draw(self, ui: &mut Ui, live: &mut Live) {
        match self {
            Pane::Instruments => instruments::draw(ui, live),
            Pane::Score => score::draw(ui, live),
            Pane::Of(Tab::Scenarios) => browser::scenarios(ui, live),
            Pane::Of(Tab::Plots) => plots::draw(ui, live),
            Pane::Of(Tab::Can) => bus::can(ui, live),
            Pane::Of(Tab::Topics) => bus::topics(ui, live),
            Pane::Of(Tab::Events) => score::events(ui, live),
            Pane::Of(Tab::Gains) => browser::gains(ui, live),
            Pane::Of(Tab::Outside) => outside::draw(ui, live),
            Pane::Of(Tab::Place) => place::draw(ui, live),
        }
    }
}

/// Where every panel is, and which of those at one place is seen.
#[derive(Clone, Debug, PartialEq)]
pub struct Docks {
    /// Those that are not where they are at first.
    moved: Vec<(Pane, Side)>,
    /// The panels that were last looked at, the last one first.
    looked: Vec<Pane>,
    /// Left, top, width and height of the windows, points.
    windows: BTreeMap<&'static str, [f32; 4]>,
}

impl Default for Docks {
    fn default() -> Self {
        Docks { moved: Vec::new(), looked: vec![Pane::Of(Tab::Plots)], windows: BTreeMap::new() }
    }
}

impl Docks {
    /// Where a panel is.
    pub fn side(&self, pane: Pane) -> Side {
        self.moved.iter().find(|(other, _)| *other == pane).map_or(pane.home(), |(_, side)| *side)
    }

    /// Moves a panel, and shows it there.
    pub fn put(&mut self, pane: Pane, side: Side) {
        self.moved.retain(|(other, _)| *other != pane);
        if side != pane.home() {
            self.moved.push((pane, side));
        }
        self.look(pane);
    }

    /// The panel is to be seen.
    pub fn look(&mut self, pane: Pane) {
        self.looked.retain(|other| *other != pane);
        self.looked.insert(0, pane);
    }

    /// The panels at a place.
    pub fn at(&self, side: Side) -> Vec<Pane> {
        Pane::all().filter(|pane| self.side(*pane) == side).collect()
    }

    /// The one that is seen there.
    pub fn seen(&self, side: Side) -> Option<Pane> {
        let last = self.looked.iter().find(|pane| self.side(**pane) == side);
        last.copied().or(self.at(side).first().copied())
    }

    /// For the settings: the place of each panel that was moved, and of windows their left, top, width and height.
    pub fn written(&self) -> (BTreeMap<String, String>, BTreeMap<String, [f32; 4]>) {
        let name =
            |side: Side| Side::ALL.iter().find(|(other, ..)| *other == side).map_or("", |(_, name, _)| name);
        let moved = self.moved.iter().map(|(pane, side)| (pane.name().to_owned(), name(*side).to_owned()));
        let windows = self.windows.iter().map(|(name, rect)| ((*name).to_owned(), *rect));
        (moved.collect(), windows.collect())
    }

    /// As in the last sitting; what is no panel and no place is left out.
    pub fn read(moved: &BTreeMap<String, String>, windows: &BTreeMap<String, [f32; 4]>) -> Docks {
        let mut docks = Docks::default();
        for pane in Pane::all() {
            let wanted = moved.get(pane.name());
            let side = Side::ALL.iter().find(|(_, name, _)| wanted.is_some_and(|wanted| wanted == name));
            if let Some((side, ..)) = side.filter(|(side, ..)| *side != pane.home()) {
                docks.moved.push((pane, *side));
            }
            if let Some(rect) =
                windows.get(pane.name()).filter(|rect| rect.iter().all(|value| value.is_finite()))
            {
                docks.windows.insert(pane.name(), rect.map(|value| value.clamp(0.0, 8192.0).round()));
            }
        }
        docks
    }
}

/// Where each panel can go, as a menu.
pub(super) fn menu(ui: &mut Ui, live: &mut Live) {
    for pane in Pane::all() {
        ui.menu_button(pane.name(), |ui| places(ui, live, pane)).response.on_hover_text(pane.meaning());
    }
    ui.separator();
    if ui.button("all as at first").clicked() {
        live.panels.docks = Docks::default();
        ui.close();
    }
}

/// Where one of them can go.
fn places(ui: &mut Ui, live: &mut Live, pane: Pane) {
    let now = live.panels.docks.side(pane);
    for (side, _, text) in Side::ALL {
        if ui.radio(now == side, text).clicked() {
            live.panels.docks.put(pane, side);
            live.panels.unfold(side);
            ui.close();
        }
    }
}

/// What is docked at one place: tabs, if there are several, and the one that is seen.
pub(super) fn draw(ui: &mut Ui, live: &mut Live, side: Side) {
    let Some(seen) = live.panels.docks.seen(side) else { return };
    let panes = live.panels.docks.at(side);
    // One alone at a side needs no tab.
    if panes.len() > 1 || side == Side::Below {
        ui.horizontal_wrapped(|ui| {
            for pane in panes {
                let tab = ui.selectable_label(seen == pane, pane.name());
                let tab = tab.on_hover_text(format!("{}\nright button: move it", pane.meaning()));
                if tab.clicked() {
                    live.panels.docks.look(pane);
                }
                tab.context_menu(|ui| places(ui, live, pane));
            }
            if side == Side::Below && live.quality == Quality::Low {
                ui.weak("low quality");
            }
        });
        ui.separator();
    }
    // Two panels of one kind do not share what they have scrolled to.
    ui.push_id(seen.name(), |ui| seen.draw(ui, live));
}

/// The panels in windows of their own. One that is closed goes back to where it was at first.
pub(super) fn windows(context: &egui::Context, live: &mut Live) {
    let whole = context.viewport_rect();
    for (place, pane) in live.panels.docks.at(Side::Window).into_iter().enumerate() {
        let mut open = true;
        let at = live.panels.docks.windows.get(pane.name()).copied().unwrap_or([
            0.25 * whole.width() + 24.0 * place as f32,
            70.0 + 24.0 * place as f32,
            0.45 * whole.width(),
            0.42 * whole.height(),
        ]);
        // Of another screen, it may lie beyond this one.
        let size = vec2(at[2].min(0.95 * whole.width()), at[3].min(0.8 * whole.height()));
        let left_top = pos2(at[0].min(whole.width() - 60.0), at[1].min(whole.height() - 40.0));
        let window = egui::Window::new(pane.name()).id(egui::Id::new(("pane", pane.name()))).open(&mut open);
        let shown = window.default_rect(Rect::from_min_size(left_top, size)).min_size([180.0, 90.0]).show(
            context,
            |ui| {
                // A window that can be resized shrinks to what is in it.
                ui.set_min_size(ui.available_size());
                pane.draw(ui, live);
            },
        );
        if let Some(inner) = shown.as_ref().filter(|shown| shown.inner.is_some()) {
            let rect = inner.response.rect;
            let rect = [rect.left(), rect.top(), rect.width(), rect.height()].map(f32::round);
            live.panels.docks.windows.insert(pane.name(), rect);
        }
        if !open {
            live.panels.docks.put(pane, pane.home());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panel_that_is_moved_is_seen_there_and_the_others_stay() {
        let mut docks = Docks::default();
        let (plots, can) = (Pane::Of(Tab::Plots), Pane::Of(Tab::Can));
        assert_eq!(docks.seen(Side::Below), Some(plots));
        assert_eq!((docks.at(Side::Left), docks.at(Side::Window)), (vec![Pane::Instruments], vec![]));
        docks.put(can, Side::Right);
        assert_eq!((docks.seen(Side::Right), docks.seen(Side::Below)), (Some(can), Some(plots)));
        assert_eq!(docks.at(Side::Right), [Pane::Score, can]);
        docks.put(plots, Side::Window);
        assert_eq!(docks.seen(Side::Below), Some(Pane::Of(Tab::Scenarios)));
        docks.look(Pane::Score);
        assert_eq!(docks.seen(Side::Right), Some(Pane::Score));
        Pane::all().for_each(|pane| docks.put(pane, Side::Left));
        assert_eq!((docks.at(Side::Left).len(), docks.seen(Side::Below)), (10, None));
        Pane::all().for_each(|pane| docks.put(pane, pane.home()));
        assert!(docks.written().0.is_empty());
    }

    #[test]
    fn places_come_back_and_nonsense_does_not() {
        let mut docks = Docks::default();
        docks.put(Pane::Instruments, Side::Right);
        docks.put(Pane::Of(Tab::Can), Side::Window);
        docks.windows.insert("CAN", [10.0, 20.0, 300.0, 200.0]);
        let (moved, windows) = docks.written();
        let again = Docks::read(&moved, &windows);
        assert_eq!((&again.moved, &again.windows), (&docks.moved, &docks.windows));
        let text = |pairs: &[(&str, &str)]| {
            pairs.iter().map(|(name, side)| ((*name).to_owned(), (*side).to_owned())).collect()
        };
        let windows = BTreeMap::from([("CAN".to_owned(), [f32::NAN; 4]), ("none".to_owned(), [1.0; 4])]);
        let nonsense =
            Docks::read(&text(&[("CAN", "above"), ("nothing", "left"), ("Plots", "below")]), &windows);
        assert_eq!(nonsense, Docks::default());
    }
}
