//! What the window shows and holds, and what is done to it.

use crate::deeds::{Deed, FAULTS, next_pace};
use crate::gamepad::Gamepad;
use crate::panels::{self, PanelState};
use crate::scene::{CameraMode, Layers};
use crate::session::{Command, DriverWish, Moment, Pace, Session, State, csv, read_run};
use crate::settings::{Settings, Store};
use bevy::prelude::*;
use skidpad_scenario::{EventSpec, Pad};
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Pictures that the plots are given to be drawn before they are photographed.
const PLOTS_SETTLE: u8 = 3;

/// How much is drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Quality {
    /// Shadows, smooth edges.
    #[default]
    High,
    /// Neither.
    Low,
}

/// What the window shows and holds.
#[derive(Resource)]
pub struct Live {
    /// The simulation.
    pub session: Session,
    /// The instant that is shown, s, if it is not the newest.
    pub scrub: Option<f64>,
    /// The camera.
    pub camera: CameraMode,
    /// What is drawn besides the world.
    pub layers: Layers,
    /// How much is drawn.
    pub quality: Quality,
    /// How much the user wants to be drawn where a graphics card does it.
    pub(crate) chosen: Quality,
    /// Drawn into memory.
    pub off_screen: bool,
    /// What the panels leave free of the window, pixels, and how large that is.
    pub scene_px: Rect,
    /// See [`Live::scene_px`].
    pub window_px: Vec2,
    /// Where the middle of the car is in the picture, pixels.
    pub car_on_screen: Option<Vec2>,
    /// Where the nearest cone ahead is in the picture, pixels.
    pub cone_on_screen: Option<Vec2>,
    /// The pace that was asked for.
    pub pace: Pace,
    /// The state of the panels.
    pub panels: PanelState,
    /// Where files of the user go.
    pub folder: PathBuf,
    /// What hands and feet do.
    pub(crate) wish: DriverWish,
    /// What may drive besides the keys.
    pub(crate) gamepad: Gamepad,
    /// Somebody drives by hand.
    pub(crate) driving: bool,
    pub(crate) started: Instant,
    /// Time to the first frame, and mean time of a frame lately, s.
    pub first_frame_s: Option<f64>,
    /// Mean time of a frame lately, s.
    pub frame_s: f64,
    /// Where settings and verdicts are remembered.
    pub(crate) store: Store,
    /// When they were last looked at.
    pub(crate) remembered: Instant,
}

impl Live {
    /// The moment that is shown.
    pub fn shown(&self) -> Option<&Moment> {
        let recording = self.session.recording();
        recording.at(self.scrub.unwrap_or(f64::MAX))
    }

    /// Whether the run has links: it cannot be taken back.
    pub fn is_met(&self) -> bool {
        self.session.view().outside.is_some()
    }

    /// Whether time passes as on the clock for someone outside: the run goes on while the user looks back.
    pub fn is_on_the_clock(&self) -> bool {
        self.session.view().outside.as_ref().is_some_and(|outside| outside.on_the_clock)
    }

    /// Runs or pauses; at the end, or where the user has scrubbed to, it goes back there first.
    pub fn run_or_pause(&mut self) {
        match self.session.view().state {
            State::Running | State::Waiting => self.session.order(Command::Pause),
            state => {
                if let Some(scrub) = self.scrub.take().filter(|_| !self.is_met()) {
                    self.session.order(Command::Rewind(scrub));
                } else if state == State::Finished {
                    self.session.order(Command::Restart);
                }
                self.session.order(Command::Run);
            }
        }
    }

    /// Runs at another pace.
    pub fn set_pace(&mut self, pace: Pace) {
        self.pace = pace;
        self.session.order(Command::Pace(pace));
    }

    /// Shows the instant `time_s`; the run pauses.
    pub fn scrub_to(&mut self, time_s: f64) {
        if self.session.view().state == State::Running && !self.is_on_the_clock() {
            self.session.order(Command::Pause);
        }
        let end_s = self.session.recording().end_s();
        self.scrub = (time_s < end_s - 1e-6).then_some(time_s.max(0.0));
    }

    /// Lets something happen now; where the user has scrubbed to, if he has.
    pub fn inject(&mut self, spec: EventSpec) {
        if let Some(scrub) = self.scrub.take().filter(|_| !self.is_met()) {
            self.session.order(Command::Rewind(scrub));
        }
        self.session.order(Command::Inject(Box::new(spec)));
    }

    /// A file of the user's that is not there yet.
    pub(crate) fn free_file(&self, stem: &str, ending: &str) -> Option<PathBuf> {
        (0..1000).map(|i| self.folder.join(format!("{stem}-{i:03}.{ending}"))).find(|file| !file.exists())
    }

    /// Writes the plotted signals.
    fn export_csv(&mut self) {
        let Some(file) = self.free_file("skidpad-plots", "csv") else { return };
        let text = csv(self.session.recording(), self.session.previous(), &self.panels.plotted());
        match std::fs::write(&file, text) {
            Ok(()) => self.panels.say(format!("saved {}", file.display())),
            Err(error) => self.panels.complain(format!("{}: {error}", file.display())),
        }
    }

    /// Lays the run of a file over this one.
    pub fn lay_over(&mut self, file: &Path) {
        let scenario = self.session.view().scenario.clone();
        match read_run(file, scenario.as_ref().map(|scenario| &scenario.frame)) {
            Ok(run) => {
                let name = panels::runs::short(file);
                self.session.overlay(&name, run);
                self.panels.runs.remember(file);
                self.panels.say(format!("{name} lies over this run, dashed; F10 takes it away"));
            }
            Err(error) => self.panels.complain(error.to_string()),
        }
    }

    /// Opens a file that was dropped onto the window: a scenario, or a run to be laid over this one.
    pub fn open(&mut self, file: &Path) {
        if file.extension().is_some_and(|ending| ending == "toml") {
            self.scrub = None;
            self.session.order(Command::Load(file.to_path_buf()));
        } else {
            self.lay_over(file);
        }
    }

    /// What is to be remembered of this sitting.
    pub(crate) fn settings(&self) -> Settings {
        let mut layers = self.layers;
        let hidden = Layer::ALL.iter().filter(|(layer, ..)| !*layer.of(&mut layers));
        let view = self.session.view();
        // One that opens links is not opened unasked.
        let inside = view.outside.is_none().then_some(view.scenario.as_ref()).flatten();
        let scenario = inside.map(|scenario| scenario.file.clone()).filter(|file| file.exists());
        Settings {
            low_quality: self.chosen == Quality::Low,
            camera: self.camera.name().into(),
            scenario,
            hidden: hidden.map(|(_, name, _)| (*name).to_owned()).collect(),
            ..self.panels.settings()
        }
    }

    /// Does as in the last sitting.
    pub(crate) fn recall(&mut self, settings: &Settings) {
        self.camera =
            CameraMode::ALL.into_iter().find(|mode| mode.name() == settings.camera).unwrap_or(self.camera);
        for (layer, name, _) in Layer::ALL {
            *layer.of(&mut self.layers) = !settings.hidden.iter().any(|hidden| hidden == name);
        }
        self.panels.recall(settings);
    }

    /// Does what a key stands for.
    pub fn act(&mut self, deed: Deed) {
        match deed {
            Deed::RunPause => self.run_or_pause(),
            Deed::Step => {
                if self.scrub.is_some() {
                    let to_s = self.scrub.unwrap_or(0.0) + 0.01;
                    self.scrub_to(to_s);
                } else {
                    self.session.order(Command::Step(10));
                }
            }
            Deed::StepBack => {
                let now_s = self.shown().map_or(0.0, |moment| moment.time_s);
                self.scrub_to(now_s - 0.01);
            }
            Deed::Restart => {
                (self.scrub, self.wish) = (None, DriverWish::default());
                self.session.order(Command::Restart);
            }
            Deed::ToStart => self.scrub_to(0.0),
            Deed::ToEnd => self.scrub = None,
            Deed::Slower => self.set_pace(next_pace(self.pace, false)),
            Deed::Faster => self.set_pace(next_pace(self.pace, true)),
            Deed::Camera(mode) => self.camera = mode,
            Deed::Fold => self.panels.folded = !self.panels.folded,
            Deed::Tab(tab) => self.panels.show(tab),
            Deed::Theme => self.panels.dark = !self.panels.dark,
            Deed::Help => self.panels.help = !self.panels.help,
            Deed::Engage => self.inject(EventSpec { pad: Some(Pad::Start), ..EventSpec::default() }),
            Deed::Disengage => self.inject(EventSpec { pad: Some(Pad::Stop), ..EventSpec::default() }),
            Deed::Gear(gear) => self.wish.gear = Some(gear),
            Deed::Turn(side) => self.wish.turn = Some(side).filter(|_| self.wish.turn != Some(side)),
            Deed::Fault(index) => self.inject((FAULTS[index].1)()),
            Deed::Screenshot => self.panels.wants_screenshot = true,
            Deed::Save => self.session.order(Command::Save(self.folder.join("my_run.toml"))),
            Deed::SaveDrive => self.session.order(Command::SaveDrive(self.folder.join("my_drive.csv"))),
            Deed::FreeDrive => {
                self.scrub = None;
                self.session.order(Command::FreeDrive);
            }
            Deed::Instruments => self.panels.instruments = !self.panels.instruments,
            Deed::Score => self.panels.score = !self.panels.score,
            Deed::Lower => self.panels.lower = !self.panels.lower,
            Deed::Quality => {
                self.quality = if self.quality == Quality::High { Quality::Low } else { Quality::High };
                self.chosen = self.quality;
            }
            Deed::Layer(layer) => {
                let shown = layer.of(&mut self.layers);
                *shown = !*shown;
            }
            Deed::Faults => self.panels.faults = !self.panels.faults,
            Deed::Csv => self.export_csv(),
            Deed::Runs => self.panels.runs.toggle(&self.folder),
            Deed::NoOverlay => {
                let text = match self.session.take_overlay_away() {
                    true => "nothing is laid over this run any more",
                    false => "nothing is laid over this run; F9 opens one",
                };
                self.panels.say(text.into());
            }
            Deed::FullScreen => self.panels.full_screen = !self.panels.full_screen,
            Deed::PlotsPicture => {
                self.panels.show(panels::Tab::Plots);
                self.panels.wants_plots = Some(PLOTS_SETTLE);
            }
        }
    }
}

/// What is drawn besides the world, one by one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // ALL says what each is
pub enum Layer {
    Reference,
    Travelled,
    Trajectory,
    Believed,
    Forces,
    Ghost,
}

impl Layer {
    /// Every layer, its name in the settings, and what it shows.
    pub const ALL: [(Layer, &'static str, &'static str); 6] = [
        (Layer::Reference, "reference", "reference path"),
        (Layer::Travelled, "travelled", "path driven, by lateral error"),
        (Layer::Trajectory, "trajectory", "planned trajectory"),
        (Layer::Believed, "believed", "believed position, 3 sigma"),
        (Layer::Forces, "forces", "tyre forces"),
        (Layer::Ghost, "ghost", "run laid over"),
    ];

    /// Whether it is drawn.
    pub fn of(self, layers: &mut Layers) -> &mut bool {
        match self {
            Layer::Reference => &mut layers.reference,
            Layer::Travelled => &mut layers.travelled,
            Layer::Trajectory => &mut layers.trajectory,
            Layer::Believed => &mut layers.believed,
            Layer::Forces => &mut layers.forces,
            Layer::Ghost => &mut layers.ghost,
        }
    }
}
