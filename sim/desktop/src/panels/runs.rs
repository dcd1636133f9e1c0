//! Runs that can be laid over this one: those that were, those that lie about, and any by its path.

use super::bad;
use crate::live::Live;
use crate::session::{FoundRun, RunFile, find_runs};
use crate::settings::LastVerdict;
use bevy_egui::egui::{self, RichText};
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;
use std::time::UNIX_EPOCH;

/// Most runs that are remembered.
const MAX_RECENT: usize = 10;

/// The list of runs.
pub(crate) struct Runs {
    open: bool,
    root: PathBuf,
    search: String,
    recent: Vec<PathBuf>,
    found: Vec<FoundRun>,
    /// The disk is being looked at, in a thread of its own.
    looking: Option<JoinHandle<Vec<FoundRun>>>,
}

/// A run by its folder and file: all are called `trace.csv`.
pub(crate) fn short(file: &Path) -> String {
    let name = |path: &Path| path.file_name().map(|name| name.to_string_lossy().into_owned());
    let own = name(file).unwrap_or_default();
    match file.parent().and_then(name) {
        Some(folder) => format!("{folder}/{own}"),
        None => own,
    }
}

impl Runs {
    pub(super) fn new(root: &Path) -> Runs {
        Runs {
            open: false,
            root: root.to_path_buf(),
            search: String::new(),
            recent: Vec::new(),
            found: Vec::new(),
            looking: None,
        }
    }

    pub(super) fn recent(&self) -> &[PathBuf] {
        &self.recent
    }

    pub(super) fn recall(&mut self, recent: &[PathBuf]) {
        self.recent = recent.iter().take(MAX_RECENT).cloned().collect();
    }

    /// This one was laid over another.
    pub(crate) fn remember(&mut self, file: &Path) {
        self.recent.retain(|other| other != file);
        self.recent.insert(0, file.to_path_buf());
        self.recent.truncate(MAX_RECENT);
    }

    /// Opens the list, and looks what there is where runs usually are; or closes it.
    pub(crate) fn toggle(&mut self, folder: &Path) {
        self.open = !self.open;
        if self.open && self.looking.is_none() {
            let here = std::env::current_dir().unwrap_or_default();
            let folders =
                [folder.to_path_buf(), here.join("out"), self.root.join("out"), here, self.root.clone()];
            // A disk may be slow; if there is no thread, the path can still be typed.
            let thread = std::thread::Builder::new().name("runs".into());
            self.looking = thread.spawn(move || find_runs(&folders)).ok();
        }
    }

    /// Takes what was found, if the looking is over.
    fn take(&mut self) {
        if let Some(thread) = self.looking.take_if(|thread| thread.is_finished()) {
            self.found = thread.join().unwrap_or_default();
        }
    }

    /// Closes the list.
    pub(crate) fn close(&mut self) {
        self.open = false;
    }
}

pub(super) fn draw(context: &egui::Context, live: &mut Live) {
    let runs = &mut live.panels.runs;
    runs.take();
    if !runs.open {
        return;
    }
    let mut open = true;
    let mut chosen = None;
    let mut away = false;
    let over = live.session.overlay_name().map(str::to_owned);
    let window = egui::Window::new("Lay another run over this one").open(&mut open).collapsible(false);
    let size = context.viewport_rect().size();
    window.default_size([560.0_f32.min(0.8 * size.x), 380.0_f32.min(0.7 * size.y)]).show(context, |ui| {
        ui.horizontal(|ui| {
            let hint = "part of a name, or the whole path of a trace.csv or a recorded drive";
            let field = egui::TextEdit::singleline(&mut runs.search)
                .hint_text("search, or path of a file")
                .desired_width(ui.available_width() - 60.0);
            let field = ui.add(field).on_hover_text(hint);
            let typed = field.lost_focus() && ui.input(|input| input.key_pressed(egui::Key::Enter));
            if ui.button("open").on_hover_text(hint).clicked() || typed {
                chosen = Some(PathBuf::from(runs.search.trim()));
            }
        });
        ui.horizontal(|ui| match &over {
            Some(name) => {
                ui.label(format!("now: {name}"));
                away = ui.button("take away").on_hover_text("nothing is laid over this run (F10)").clicked();
            }
            None => _ = ui.weak("now: none. A file can also be dropped onto the window."),
        });
        ui.separator();
        egui::ScrollArea::both().auto_shrink(false).show(ui, |ui| {
            egui::Grid::new("runs").num_columns(3).striped(true).spacing([12.0, 3.0]).show(ui, |ui| {
                let fits = |file: &Path| file.display().to_string().contains(runs.search.trim());
                for file in runs.recent.iter().filter(|file| fits(file)) {
                    ui.weak("recent");
                    if file.exists() {
                        let row = ui.selectable_label(over.as_deref() == Some(&short(file)), short(file));
                        if row.on_hover_text(file.display().to_string()).clicked() {
                            chosen = Some(file.clone());
                        }
                    } else {
                        ui.label(RichText::new(short(file)).color(bad(ui)).strikethrough())
                            .on_hover_text(format!("{} is gone", file.display()));
                    }
                    ui.label("");
                    ui.end_row();
                }
                for run in runs.found.iter().filter(|run| fits(&run.file)) {
                    ui.weak(match run.kind {
                        RunFile::Trace => "trace",
                        RunFile::Drive => "drive",
                    });
                    let name = run.file.strip_prefix(&runs.root).unwrap_or(&run.file).display().to_string();
                    let is_over = over.as_deref() == Some(&short(&run.file));
                    let row = ui.selectable_label(is_over, name);
                    if row.on_hover_text(run.file.display().to_string()).clicked() {
                        chosen = Some(run.file.clone());
                    }
                    let at = run.written.and_then(|at| at.duration_since(UNIX_EPOCH).ok());
                    let ago = at.map(|at| LastVerdict { passed: true, at_unix_s: at.as_secs() }.ago());
                    ui.weak(ago.unwrap_or_default());
                    ui.end_row();
                }
            });
            if runs.looking.is_some() {
                ui.weak("looking…");
            } else if runs.found.is_empty() {
                ui.weak(
                    "no traces or recorded drives below this folder; `skidpad run --out out` writes traces",
                );
            }
        });
    });
    if !open {
        runs.close();
    }
    if away {
        live.session.take_overlay_away();
    }
    if let Some(file) = chosen {
        live.lay_over(&file);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_run_laid_over_is_the_first_of_the_recent_ones_each_once() {
        let mut runs = Runs::new(Path::new("/r"));
        let file = |number: usize| PathBuf::from(format!("/a/{number}/trace.csv"));
        (0..15).for_each(|number| runs.remember(&file(number)));
        runs.remember(&file(9));
        assert_eq!(runs.recent().len(), MAX_RECENT);
        assert_eq!(runs.recent()[..3], [file(9), file(14), file(13)]);
        assert_eq!(runs.recent().iter().filter(|other| **other == file(9)).count(), 1);
        assert_eq!(short(&file(3)), "3/trace.csv");
    }
}
