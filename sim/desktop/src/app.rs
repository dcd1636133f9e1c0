//! The app: command line, window, keys, demo.

use crate::panels::{self, PanelState};
use crate::scene::{CameraMode, FreeCamera, Layers, ScenePlugin};
use crate::session::{
    Command, DriverWish, Keys, Moment, Pace, Session, State, csv, read_trace, scenario_files,
};
use crate::settings::{Settings, Store};
use bevy::app::{AppExit, ScheduleRunnerPlugin};
use bevy::camera::RenderTarget;
use bevy::core_pipeline::tonemapping::Tonemapping;
use bevy::input::mouse::{AccumulatedMouseMotion, AccumulatedMouseScroll};
use bevy::log::{Level, LogPlugin};
use bevy::prelude::*;
use bevy::render::RenderPlugin;
use bevy::render::render_resource::TextureFormat;
use bevy::render::view::screenshot::{Screenshot, ScreenshotCaptured, save_to_disk};
use bevy::window::{ExitCondition, PresentMode, WindowPlugin};
use bevy::winit::WinitPlugin;
use bevy_egui::input::EguiWantsInput;
use bevy_egui::{EguiGlobalSettings, EguiPlugin, EguiPrimaryContextPass, PrimaryEguiContext};
use clap::Parser;
use skidpad_engine::{SeatId, Seats};
use skidpad_links::{LinkName, PaceArg, ReceiverLinkName, TopicLinkName, Wanted, meet};
use skidpad_scenario::{CarFault, EventSpec, GearName, GnssFault, GustSpec, Library, Pad, RoadChange};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// How often it is looked at whether there is something to remember.
const REMEMBER_EVERY: Duration = Duration::from_secs(1);

/// Watch, drive, break and replay
///
/// Opens a window in which a scenario runs: the car on its road, what it was told and what it did, every CAN frame and
/// message, the score with its limits. Drive it by keyboard, let things fail, go back in time. F1 shows the keys.
#[derive(Parser, Debug, Clone, Default)]
#[command(name = "skidpad-desktop", version, after_help = HELP)]
pub struct Args {
    /// Scenario to load [default: a drive by hand on the handling loop]
    #[arg(long, value_name = "FILE")]
    scenario: Option<PathBuf>,
    /// trace.csv of another run, to be laid over this one
    #[arg(long, value_name = "FILE")]
    overlay: Option<PathBuf>,
    /// Carry the stack's topics on LINK (repeatable): ros1, ros1:http://HOST:PORT, lockstep:unix:PATH,
    /// lockstep:tcp:ADDRESS:PORT; as `skidpad run`
    #[arg(long, value_name = "LINK")]
    link: Vec<TopicLinkName>,
    /// Attach the car's CAN bus to LINK (repeatable): slcan, slcan-tcp:ADDRESS:PORT, vcan0, udp_multicast:...; as
    /// `skidpad run`
    #[arg(long, value_name = "LINK")]
    can: Vec<LinkName>,
    /// Serve the receiver's port on LINK (repeatable): tcp:ADDRESS:PORT, pty, file:PATH
    #[arg(long, value_name = "LINK")]
    gnss: Vec<ReceiverLinkName>,
    /// Seats that are filled from outside, on links: planning, control, localization, canbus, gnss_driver
    #[arg(long, value_name = "SEAT,...", value_delimiter = ',', value_parser = meet::seat)]
    external: Vec<SeatId>,
    /// How fast time passes for who is outside: real, max, or a number [default: real if a peer can take part]
    #[arg(long, value_name = "PACE")]
    pace: Option<PaceArg>,
    /// How long a stack in lock-step may take for one answer, s of wall time
    #[arg(long, value_name = "S", default_value_t = meet::ANSWER_WITHIN_S, value_parser = clap::value_parser!(u32).range(1..=86400))]
    answer_within: u32,
    /// Show a run by itself: cameras, tables, a GNSS fault, and exit
    #[arg(long)]
    demo: bool,
    /// How much is drawn: low has no shadows and no smoothing, for software rendering [default: as last time, at first
    /// high]
    #[arg(long, value_name = "QUALITY", value_enum)]
    quality: Option<Quality>,
    /// Begin as if for the first time, and remember nothing of this sitting
    #[arg(long)]
    fresh: bool,
    /// Folder for screenshots (of the demo: one of each state)
    #[arg(long, value_name = "DIR")]
    screenshot: Option<PathBuf>,
    /// These states of the demo only
    #[arg(long, value_name = "NAME,...", requires = "demo", value_delimiter = ',', value_parser = STATES.map(|state| state.0))]
    states: Vec<String>,
    /// Draw into memory, without window or display
    #[arg(long, requires = "demo")]
    off_screen: bool,
    /// Size of the window or the picture
    #[arg(long, value_name = "WxH", default_value = "1280x720", value_parser = size)]
    size: (u32, u32),
}

const HELP: &str = "\
Examples:
  skidpad-desktop                                    drive by hand
  skidpad-desktop --scenario scenarios/tracking/slalom_30kmh.toml
  skidpad-desktop --scenario my.toml --link ros1 --external control
  skidpad-desktop --demo --quality low
  skidpad-desktop --demo --off-screen --screenshot shots

Exit status:
  0  closed, or the demo is over
  2  a file or an argument is wrong, or there is no display or no graphics driver";

fn size(text: &str) -> Result<(u32, u32), String> {
    let wrong = || format!("expected WIDTHxHEIGHT, each 320 to 8192, got \"{text}\"");
    let (width, height) = text.split_once('x').ok_or_else(wrong)?;
    let side = |text: &str| text.parse().ok().filter(|side| (320..=8192).contains(side)).ok_or_else(wrong);
    Ok((side(width)?, side(height)?))
}

impl Args {
    /// Whom all runs meet outside.
    fn wanted(&self) -> Wanted {
        Wanted {
            can: self.can.clone(),
            gnss: self.gnss.clone(),
            topics: self.link.clone(),
            external: self.external.iter().copied().collect::<Seats>(),
            pace: self.pace,
            answer_within_s: self.answer_within,
            ..Wanted::default()
        }
    }
}

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
    /// Drawn into memory.
    pub off_screen: bool,
    /// What the panels cover at the left, top, right and bottom, pixels.
    pub margins_px: [f32; 4],
    /// Where the middle of the car is in the picture, pixels.
    pub car_on_screen: Option<Vec2>,
    /// The pace that was asked for.
    pub pace: Pace,
    /// The state of the panels.
    pub panels: PanelState,
    /// Where files of the user go.
    pub folder: PathBuf,
    /// What hands and feet do.
    wish: DriverWish,
    driving: bool,
    started: Instant,
    /// Time to the first frame, and mean time of a frame lately, s.
    pub first_frame_s: Option<f64>,
    /// Mean time of a frame lately, s.
    pub frame_s: f64,
    /// Where settings and verdicts are remembered.
    store: Store,
    /// When they were last looked at.
    remembered: Instant,
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
    fn free_file(&self, stem: &str, ending: &str) -> Option<PathBuf> {
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

    /// What is to be remembered of this sitting.
    fn settings(&self) -> Settings {
        let mut layers = self.layers;
        let hidden = Layer::ALL.iter().filter(|(layer, ..)| !*layer.of(&mut layers));
        let view = self.session.view();
        // One that opens links is not opened unasked.
        let inside = view.outside.is_none().then_some(view.scenario.as_ref()).flatten();
        let scenario = inside.map(|scenario| scenario.file.clone()).filter(|file| file.exists());
        Settings {
            low_quality: self.quality == Quality::Low,
            camera: self.camera.name().into(),
            scenario,
            hidden: hidden.map(|(_, name, _)| (*name).to_owned()).collect(),
            ..self.panels.settings()
        }
    }

    /// Does as in the last sitting.
    fn recall(&mut self, settings: &Settings) {
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
                self.scrub = None;
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
            }
            Deed::Layer(layer) => {
                let shown = layer.of(&mut self.layers);
                *shown = !*shown;
            }
            Deed::Faults => self.panels.faults = !self.panels.faults,
            Deed::Csv => self.export_csv(),
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

/// Pictures that the plots are given to be drawn before they are photographed.
const PLOTS_SETTLE: u8 = 3;

/// What a key stands for.
#[derive(Clone, Copy, Debug, PartialEq)]
#[allow(missing_docs)] // KEYS says what each is
pub enum Deed {
    Instruments,
    Score,
    Lower,
    Quality,
    Layer(Layer),
    Faults,
    Csv,
    PlotsPicture,
    RunPause,
    Step,
    StepBack,
    Restart,
    ToStart,
    ToEnd,
    Slower,
    Faster,
    Camera(CameraMode),
    Fold,
    Tab(panels::Tab),
    Theme,
    Help,
    Engage,
    Disengage,
    Gear(GearName),
    Fault(usize),
    Screenshot,
    Save,
    SaveDrive,
    FreeDrive,
}

/// Every key, what it does, and how the help says it. Arrows (or W A S D) drive.
pub const KEYS: &[(KeyCode, &str, Deed, &str)] = &[
    (KeyCode::Space, "Space", Deed::RunPause, "run, pause"),
    (KeyCode::Period, ".", Deed::Step, "a step of 10 ms"),
    (KeyCode::Comma, ",", Deed::StepBack, "10 ms back in the recording"),
    (KeyCode::KeyR, "R", Deed::Restart, "start again, without what was done by hand"),
    (KeyCode::Home, "Home", Deed::ToStart, "show the start of the recording"),
    (KeyCode::End, "End", Deed::ToEnd, "show the newest moment"),
    (KeyCode::Minus, "-", Deed::Slower, "slower"),
    (KeyCode::Equal, "+", Deed::Faster, "faster; last as fast as the machine can"),
    (KeyCode::Digit1, "1", Deed::Camera(CameraMode::Chase), "camera behind the car"),
    (KeyCode::Digit2, "2", Deed::Camera(CameraMode::Cockpit), "camera at the driver's eyes"),
    (KeyCode::Digit3, "3", Deed::Camera(CameraMode::Top), "camera above, north up"),
    (KeyCode::Digit4, "4", Deed::Camera(CameraMode::Free), "free camera: drag with the mouse, scroll"),
    (KeyCode::Digit5, "5", Deed::Camera(CameraMode::Wheel), "camera at the left front wheel"),
    (KeyCode::Tab, "Tab", Deed::Fold, "fold the panels away"),
    (KeyCode::KeyP, "P", Deed::Tab(panels::Tab::Plots), "plots"),
    (KeyCode::KeyC, "C", Deed::Tab(panels::Tab::Can), "CAN table"),
    (KeyCode::KeyT, "T", Deed::Tab(panels::Tab::Topics), "topics"),
    (KeyCode::KeyB, "B", Deed::Tab(panels::Tab::Scenarios), "scenarios"),
    (KeyCode::KeyL, "L", Deed::Tab(panels::Tab::Events), "events"),
    (KeyCode::KeyJ, "J", Deed::Tab(panels::Tab::Gains), "gains of control"),
    (KeyCode::KeyO, "O", Deed::Tab(panels::Tab::Outside), "links, peers and seats outside"),
    (KeyCode::KeyM, "M", Deed::Tab(panels::Tab::Place), "move the car: another start"),
    (KeyCode::F2, "F2", Deed::Instruments, "instruments at the left"),
    (KeyCode::F3, "F3", Deed::Score, "score at the right"),
    (KeyCode::F4, "F4", Deed::Lower, "tables and plots below"),
    (KeyCode::Digit6, "6", Deed::Layer(Layer::Reference), "draw the reference path"),
    (KeyCode::Digit7, "7", Deed::Layer(Layer::Travelled), "draw the path driven, by lateral error"),
    (KeyCode::Digit8, "8", Deed::Layer(Layer::Trajectory), "draw the planned trajectory"),
    (KeyCode::Digit9, "9", Deed::Layer(Layer::Believed), "draw the believed position, 3 sigma"),
    (KeyCode::Digit0, "0", Deed::Layer(Layer::Forces), "draw the tyre forces"),
    (KeyCode::KeyU, "U", Deed::Layer(Layer::Ghost), "draw the run laid over"),
    (KeyCode::KeyK, "K", Deed::Theme, "dark, light"),
    (KeyCode::KeyQ, "Q", Deed::Quality, "quality: shadows and smooth edges, or neither"),
    (KeyCode::F1, "F1", Deed::Help, "this help"),
    (KeyCode::KeyE, "E", Deed::Engage, "engage: the operator presses START"),
    (KeyCode::KeyX, "X", Deed::Disengage, "disengage: the operator presses STOP"),
    (KeyCode::KeyV, "V", Deed::Gear(GearName::Drive), "selector to Drive"),
    (KeyCode::KeyN, "N", Deed::Gear(GearName::Neutral), "selector to Neutral"),
    (KeyCode::KeyZ, "Z", Deed::Gear(GearName::Reverse), "selector to Reverse"),
    (KeyCode::KeyG, "G", Deed::Fault(0), "satellites lost for 3 s"),
    (KeyCode::KeyH, "H", Deed::Faults, "all that may go wrong, each with a letter"),
    (KeyCode::KeyF, "F", Deed::FreeDrive, "load the drive by hand"),
    (KeyCode::F5, "F5", Deed::Save, "save the run with all that was done as a scenario"),
    (
        KeyCode::F6,
        "F6",
        Deed::SaveDrive,
        "save the drive as an RTK recording, with a scenario that follows it",
    ),
    (KeyCode::F7, "F7", Deed::Csv, "save the plotted signals as CSV"),
    (KeyCode::F8, "F8", Deed::PlotsPicture, "save a picture of the plots"),
    (KeyCode::F12, "F12", Deed::Screenshot, "screenshot"),
];

/// A fault of the menu: its name, and what it is.
pub type MenuFault = (&'static str, fn() -> EventSpec);

fn gnss(fault: GnssFault) -> EventSpec {
    EventSpec { gnss: Some(fault), ..EventSpec::default() }
}

fn car(fault: CarFault) -> EventSpec {
    EventSpec { car: Some(fault), ..EventSpec::default() }
}

fn road(friction_scale: f64, for_s: Option<f64>) -> EventSpec {
    EventSpec { road: Some(RoadChange { friction_scale, for_s }), ..EventSpec::default() }
}

fn fault(unit: &str, kind: &str, for_s: Option<f64>) -> EventSpec {
    let fault = skidpad_scenario::FaultSpec {
        unit: unit.into(),
        kind: kind.into(),
        for_s,
        ..skidpad_scenario::FaultSpec::default()
    };
    EventSpec { fault: Some(fault), ..EventSpec::default() }
}

/// The faults of the menu. The first one has a key.
pub const FAULTS: &[MenuFault] = &[
    ("GNSS: satellites lost for 3 s", || gnss(GnssFault { outage_s: Some(3.0), ..Default::default() })),
    ("GNSS: satellites lost for 20 s", || gnss(GnssFault { outage_s: Some(20.0), ..Default::default() })),
    ("GNSS: receiver silent for 1 s", || gnss(GnssFault { silence_s: Some(1.0), ..Default::default() })),
    ("GNSS: wrong fix, 1 m to the north for 20 s", || {
        gnss(GnssFault {
            wrong_fix_m: Some(1.0),
            bearing_deg: Some(0.0),
            for_s: Some(20.0),
            ..Default::default()
        })
    }),
    ("GNSS: multipath of 0.3 m for 20 s", || {
        gnss(GnssFault { multipath_m: Some(0.3), for_s: Some(20.0), ..Default::default() })
    }),
    ("By-wire: commands lost for 0.5 s", || EventSpec {
        bywire: Some(skidpad_scenario::BywireFault { lose_commands_s: 0.5 }),
        ..EventSpec::default()
    }),
    ("By-wire: steering unit restarts", || fault("steering", "reset", None)),
    ("By-wire: brake unit loses its supply for 2 s", || fault("brake", "power", Some(2.0))),
    ("CAN: steering unit off the bus for 1 s", || fault("steering", "bus_off", Some(1.0))),
    ("CAN: frames disturbed for 2 s", || fault("computer", "corrupt", Some(2.0))),
    ("Wind: gust of 20 m/s from the north for 3 s", || EventSpec {
        gust: Some(GustSpec { speed_mps: 20.0, from_deg: 90.0, rise_s: Some(0.5), for_s: 3.0 }),
        ..EventSpec::default()
    }),
    ("Wind: gust of 12 m/s from the west for 10 s", || EventSpec {
        gust: Some(GustSpec { speed_mps: 12.0, from_deg: 180.0, rise_s: Some(2.0), for_s: 10.0 }),
        ..EventSpec::default()
    }),
    ("Car: steering sensor reads 5° too much for 10 s", || {
        car(CarFault { steering_offset_deg: Some(5.0), for_s: Some(10.0), ..Default::default() })
    }),
    ("Car: steering sensor reads 5° too much from now on", || {
        car(CarFault { steering_offset_deg: Some(5.0), ..Default::default() })
    }),
    ("Car: brakes faded by half for 10 s", || {
        car(CarFault { brake_fade: Some(0.5), for_s: Some(10.0), ..Default::default() })
    }),
    ("Car: steering sensor is right again", || {
        car(CarFault { steering_offset_deg: Some(0.0), ..Default::default() })
    }),
    ("Car: brakes are well again", || car(CarFault { brake_fade: Some(0.0), ..Default::default() })),
    ("Road: rain, 0.6 of the friction, from now on", || road(0.6, None)),
    ("Road: ice, 0.15 of the friction, for 3 s", || road(0.15, Some(3.0))),
    ("Road: dry again", || road(1.0, None)),
    ("Planning: emergency stop", || EventSpec {
        planning: Some(skidpad_scenario::PlanningAction { estop: true }),
        ..EventSpec::default()
    }),
];

/// The paces that the keys go through.
const PACES: [f64; 9] = [0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0];

/// The next faster or slower pace; beyond the fastest is as fast as the machine can.
pub(crate) fn next_pace(pace: Pace, faster: bool) -> Pace {
    let last = PACES[PACES.len() - 1];
    match (pace, faster) {
        (Pace::Max, true) => Pace::Max,
        (Pace::Max, false) => Pace::Times(last),
        (Pace::Times(now), true) => {
            PACES.into_iter().find(|pace| *pace > now * 1.001).map_or(Pace::Max, Pace::Times)
        }
        (Pace::Times(now), false) => {
            let slower = PACES.into_iter().rev().find(|pace| *pace < now * 0.999);
            Pace::Times(slower.unwrap_or(PACES[0]))
        }
    }
}

/// Runs the app as its command line says.
pub fn main() -> ExitCode {
    match run(Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("skidpad-desktop: {message}");
            ExitCode::from(2)
        }
    }
}

/// Where the demo takes place.
const DEMO: &str = "scenarios/tracking/skid_pad_left.toml";

fn run(args: Args) -> Result<(), String> {
    let mut library = Library::locate(args.scenario.as_deref()).map_err(|error| error.to_string())?;
    let root = library.root().to_path_buf();
    // What is wrong with it is better read where it was asked for than in a window.
    if let Some(file) = &args.scenario {
        library.load(file).map_err(|error| error.to_string())?;
    }
    let overlay = args.overlay.as_deref().map(read_trace).transpose().map_err(|error| error.to_string())?;
    let folder = args.screenshot.clone().unwrap_or_else(|| PathBuf::from("."));
    std::fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    if !args.off_screen {
        has_display()?;
    }
    let mut store = if args.demo || args.fresh { Store::nowhere() } else { Store::of_user() };
    let (settings, verdicts, problems) = store.read();
    let quality = args.quality.unwrap_or(if settings.low_quality { Quality::Low } else { Quality::High });
    let last = settings.scenario.clone().filter(|file| file.exists());
    let mut session = Session::meeting(library, args.wanted());
    session.order(match (&args.scenario, args.demo, last) {
        (Some(file), ..) => Command::Load(file.clone()),
        (None, true, _) => Command::Load(root.join(DEMO)),
        (None, false, Some(last)) => Command::Load(last),
        (None, false, None) => Command::FreeDrive,
    });
    if let Some(overlay) = overlay {
        session.overlay(overlay);
    }
    let files = scenario_files(&root);
    let mut live = Live {
        session,
        scrub: None,
        camera: CameraMode::Chase,
        layers: Layers::default(),
        quality,
        off_screen: args.off_screen,
        margins_px: [0.0; 4],
        car_on_screen: None,
        pace: Pace::Times(1.0),
        panels: PanelState::new(&root, files),
        folder: folder.clone(),
        wish: DriverWish::default(),
        driving: false,
        started: Instant::now(),
        first_frame_s: None,
        frame_s: 0.0,
        store,
        remembered: Instant::now(),
    };
    live.recall(&settings);
    live.panels.verdicts = verdicts;
    for problem in problems {
        eprintln!("skidpad-desktop: {problem}");
        live.panels.complain(problem);
    }
    explain_missing_driver();
    let exit = app(live, &args).run();
    match exit {
        AppExit::Success => Ok(()),
        AppExit::Error(code) => Err(format!("ended with {code}")),
    }
}

/// A window needs somewhere to be.
fn has_display() -> Result<(), String> {
    let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    if cfg!(target_os = "linux") && !set("DISPLAY") && !set("WAYLAND_DISPLAY") {
        return Err(
            "no display: neither DISPLAY nor WAYLAND_DISPLAY is set. Run it in a desktop session, under \
                    `xvfb-run`, or with --demo --off-screen"
                .into(),
        );
    }
    Ok(())
}

/// What bevy says when there is no graphics driver or no display server becomes a sentence.
fn explain_missing_driver() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        let text = info.to_string();
        let reason = if text.contains("find a GPU") || text.contains("wgpu surface") {
            "no graphics driver that draws with Vulkan. On Debian: apt install mesa-vulkan-drivers libvulkan1 (draws \
             in software, use --quality low)"
        } else if text.contains("event loop") {
            "the display does not answer: is DISPLAY or WAYLAND_DISPLAY right?"
        } else {
            return usual(info);
        };
        eprintln!("skidpad-desktop: {reason}");
        std::process::exit(2);
    }));
}

/// The picture that is drawn into, off screen.
#[derive(Resource, Clone)]
struct Canvas(Handle<Image>);

fn app(live: Live, args: &Args) -> App {
    let mut app = App::new();
    let (width, height) = args.size;
    let window = Window {
        title: "Skidpad".into(),
        name: Some("skidpad-desktop".into()),
        resolution: (width, height).into(),
        present_mode: PresentMode::AutoVsync,
        ..default()
    };
    let plugins = DefaultPlugins
        .set(LogPlugin { level: Level::WARN, filter: "wgpu=error,naga=error".into(), ..default() })
        .set(RenderPlugin { synchronous_pipeline_compilation: args.off_screen, ..default() });
    if args.off_screen {
        let none =
            WindowPlugin { primary_window: None, exit_condition: ExitCondition::DontExit, ..default() };
        app.add_plugins(plugins.set(none).disable::<WinitPlugin>());
        app.add_plugins(ScheduleRunnerPlugin::run_loop(Duration::from_millis(1)));
    } else {
        app.add_plugins(plugins.set(WindowPlugin { primary_window: Some(window), ..default() }));
    }
    app.add_plugins((EguiPlugin::default(), ScenePlugin));
    if args.demo {
        app.insert_resource(Demo::new(args));
        app.add_systems(Update, demo);
    }
    app.insert_resource(live)
        .insert_resource(PictureSize(width, height))
        .add_systems(PreStartup, camera)
        .add_systems(PreUpdate, poll)
        .add_systems(Update, (keys, mouse, follow_quality))
        .add_systems(Last, remember)
        .add_systems(EguiPrimaryContextPass, panels::draw);
    app
}

#[derive(Resource, Clone, Copy)]
struct PictureSize(u32, u32);

fn camera(
    mut commands: Commands,
    live: Res<Live>,
    size: Res<PictureSize>,
    mut images: ResMut<Assets<Image>>,
    mut egui: ResMut<EguiGlobalSettings>,
) {
    egui.auto_create_primary_context = false;
    let high = live.quality == Quality::High;
    let mut camera = commands.spawn((
        crate::scene::SceneCamera,
        Camera3d::default(),
        PrimaryEguiContext,
        Tonemapping::AcesFitted,
        if high { Msaa::Sample4 } else { Msaa::Off },
        DistanceFog {
            color: Color::srgb(0.78, 0.85, 0.92),
            falloff: FogFalloff::Linear { start: 250.0, end: 2500.0 },
            ..default()
        },
    ));
    if live.off_screen {
        let canvas =
            images.add(Image::new_target_texture(size.0, size.1, TextureFormat::Rgba8UnormSrgb, None));
        camera.insert(RenderTarget::Image(canvas.clone().into()));
        commands.insert_resource(Canvas(canvas));
    }
}

/// Takes what the simulation has sent.
fn poll(mut live: ResMut<Live>, time: Res<Time<Real>>) {
    live.session.poll();
    if live.first_frame_s.is_none() && live.session.view().scenario.is_some() && time.elapsed_secs() > 0.0 {
        live.first_frame_s = Some(live.started.elapsed().as_secs_f64());
    }
    live.frame_s += 0.05 * (time.delta_secs_f64() - live.frame_s);
    let looks_back = live.is_on_the_clock();
    if live.session.view().state == State::Running && live.session.recording().end_s() > 0.0 && !looks_back {
        live.scrub = None;
    }
}

fn keys(
    keyboard: Res<ButtonInput<KeyCode>>,
    wants: Option<Res<EguiWantsInput>>,
    time: Res<Time>,
    mut live: ResMut<Live>,
    mut commands: Commands,
    canvas: Option<Res<Canvas>>,
) {
    let typing = wants.is_some_and(|wants| wants.wants_any_keyboard_input());
    let typing = if live.panels.faults && !typing {
        choose_fault(&keyboard, &mut live);
        true
    } else {
        typing
    };
    if !typing {
        for (key, _, deed, _) in KEYS {
            if keyboard.just_pressed(*key) {
                live.act(*deed);
            }
        }
    }
    let down = |a: KeyCode, b: KeyCode| !typing && (keyboard.pressed(a) || keyboard.pressed(b));
    let held = Keys {
        up: down(KeyCode::ArrowUp, KeyCode::KeyW),
        down: down(KeyCode::ArrowDown, KeyCode::KeyS),
        left: down(KeyCode::ArrowLeft, KeyCode::KeyA),
        right: down(KeyCode::ArrowRight, KeyCode::KeyD),
    };
    let speed_mps = live.shown().map_or(0.0, |moment| f64::from(moment.value("speed_mps")));
    let gear = live.wish.gear.take();
    let wish = DriverWish { gear, ..live.wish.follow(held, speed_mps, time.delta_secs_f64().min(0.2)) };
    // A driver who begins to drive starts the clock.
    if held.any() && live.session.view().state == State::Paused && live.scrub.is_none() {
        live.session.order(Command::Run);
    }
    let active = !wish.is_idle();
    if active || live.driving {
        live.session.order(Command::Drive(wish));
    }
    live.driving = active;
    live.wish = DriverWish { gear: None, ..wish };
    if std::mem::take(&mut live.panels.wants_screenshot)
        && let Some(file) = live.free_file("skidpad", "png")
    {
        live.panels.say(format!("saved {}", file.display()));
        shoot(&mut commands, canvas.as_deref(), file);
    }
    match live.panels.wants_plots {
        Some(0) => {
            live.panels.wants_plots = None;
            if let (Some(area), Some(file)) = (live.panels.plots_px(), live.free_file("skidpad-plots", "png"))
            {
                live.panels.say(format!("saved {}", file.display()));
                let whole = canvas
                    .as_ref()
                    .map_or_else(Screenshot::primary_window, |canvas| Screenshot::image(canvas.0.clone()));
                commands.spawn(whole).observe(save_part(file, area));
            }
        }
        Some(left) => live.panels.wants_plots = Some(left - 1),
        None => {}
    }
}

/// Settings and verdicts of the user, as they change and at the end.
fn remember(mut live: ResMut<Live>, mut exits: MessageReader<AppExit>) {
    if exits.read().next().is_none() && live.remembered.elapsed() < REMEMBER_EVERY {
        return;
    }
    live.remembered = Instant::now();
    let settings = live.settings();
    let Live { store, panels, .. } = live.as_mut();
    if let Err(error) = store.write(&settings, &panels.verdicts) {
        // Told once: it will not be better in a second.
        *store = Store::nowhere();
        panels.complain(format!("settings are not remembered: {error}"));
    }
}

/// The quality, as it changes.
fn follow_quality(
    live: Res<Live>,
    mut last: Local<Option<Quality>>,
    mut cameras: Query<&mut Msaa, With<crate::scene::SceneCamera>>,
    mut lights: Query<&mut DirectionalLight>,
) {
    let high = live.quality == Quality::High;
    let is_first = last.is_none();
    if last.replace(live.quality) == Some(live.quality) || is_first {
        return;
    }
    for mut msaa in &mut cameras {
        *msaa = if high { Msaa::Sample4 } else { Msaa::Off };
    }
    for mut light in &mut lights {
        light.shadow_maps_enabled = high;
    }
}

/// Saves a part of the picture: left, top, width, height, pixels.
fn save_part(file: PathBuf, [left, top, width, height]: [u32; 4]) -> impl FnMut(On<ScreenshotCaptured>) {
    move |captured: On<ScreenshotCaptured>| {
        let saved = match captured.image.clone().try_into_dynamic() {
            Ok(image) => {
                image.crop_imm(left, top, width, height).to_rgb8().save(&file).map_err(|e| e.to_string())
            }
            Err(error) => Err(error.to_string()),
        };
        if let Err(error) = saved {
            eprintln!("skidpad-desktop: {}: {error}", file.display());
        }
    }
}

fn shoot(commands: &mut Commands, canvas: Option<&Canvas>, file: PathBuf) {
    let screenshot =
        canvas.map_or_else(Screenshot::primary_window, |canvas| Screenshot::image(canvas.0.clone()));
    commands.spawn(screenshot).observe(save_to_disk(file));
}

/// The letters of the faults while their list is open.
const LETTERS: [KeyCode; 26] = {
    use KeyCode::*;
    [
        KeyA, KeyB, KeyC, KeyD, KeyE, KeyF, KeyG, KeyH, KeyI, KeyJ, KeyK, KeyL, KeyM, KeyN, KeyO, KeyP, KeyQ,
        KeyR, KeyS, KeyT, KeyU, KeyV, KeyW, KeyX, KeyY, KeyZ,
    ]
};

/// A letter lets its fault happen, Escape nothing.
fn choose_fault(keyboard: &ButtonInput<KeyCode>, live: &mut Live) {
    let chosen = LETTERS.iter().take(FAULTS.len()).position(|key| keyboard.just_pressed(*key));
    if let Some(index) = chosen {
        live.act(Deed::Fault(index));
    }
    if chosen.is_some() || keyboard.just_pressed(KeyCode::Escape) {
        live.panels.faults = false;
    }
}

fn mouse(
    wants: Option<Res<EguiWantsInput>>,
    buttons: Res<ButtonInput<MouseButton>>,
    moved: Res<AccumulatedMouseMotion>,
    scrolled: Res<AccumulatedMouseScroll>,
    mut free: ResMut<FreeCamera>,
) {
    if wants.is_some_and(|wants| wants.wants_any_pointer_input()) {
        return;
    }
    if buttons.pressed(MouseButton::Left) || buttons.pressed(MouseButton::Right) {
        free.yaw_pitch -= moved.delta * Vec2::new(0.006, -0.004);
        free.yaw_pitch.y = free.yaw_pitch.y.clamp(-0.05, 1.5);
    }
    let factor = (-0.12 * scrolled.delta.y).exp();
    free.distance_m = (free.distance_m * factor).clamp(2.5, 300.0);
    free.above_m = (free.above_m * factor).clamp(10.0, 600.0);
}

/// A state of the demo: its name, when it begins (s of the scenario), and what is done then.
type DemoState = (&'static str, f64, fn(&mut Live));

/// What the demo shows.
const STATES: [DemoState; 12] = [
    ("start", 0.0, |live| live.panels.show(panels::Tab::Scenarios)),
    ("chase", 14.0, |live| live.panels.folded = true),
    ("top", 30.0, |live| {
        live.panels.folded = false;
        live.panels.show(panels::Tab::Events);
        live.camera = CameraMode::Top;
        live.act(Deed::Fault(0));
    }),
    ("can", 34.0, |live| {
        live.camera = CameraMode::Wheel;
        live.panels.show(panels::Tab::Can);
    }),
    ("plots", 38.0, |live| {
        live.camera = CameraMode::Chase;
        live.panels.show(panels::Tab::Plots);
        live.act(Deed::Fault(3));
    }),
    ("cockpit", 46.0, |live| {
        live.camera = CameraMode::Cockpit;
        live.panels.show(panels::Tab::Topics);
    }),
    ("gains", 48.0, |live| {
        live.camera = CameraMode::Chase;
        live.panels.show(panels::Tab::Gains);
    }),
    ("outside", 49.0, |live| live.panels.show(panels::Tab::Outside)),
    ("move", 50.0, |live| live.panels.show(panels::Tab::Place)),
    ("keys", 51.0, |live| live.panels.help = true),
    ("faults", 52.0, |live| {
        live.panels.help = false;
        live.panels.faults = true;
    }),
    ("failed", 71.0, |live| {
        (live.panels.help, live.panels.faults) = (false, false);
        live.camera = CameraMode::Chase;
        live.panels.show(panels::Tab::Events);
    }),
];

/// Frames that a state is given before it is looked at: what it shows must have been built, uploaded and drawn.
const SETTLE_FRAMES: u32 = 6;
/// The first of them, in which meshes and pipelines are made, are left out of the time of a frame.
const FIRST_FRAMES: u32 = 2;
/// A demo that takes longer than this on the wall is given up.
const DEMO_LIMIT: Duration = Duration::from_secs(540);

#[derive(Resource)]
struct Demo {
    folder: Option<PathBuf>,
    off_screen: bool,
    /// What is shown, and which of it is next.
    states: Vec<DemoState>,
    next: usize,
    /// When the frames that are timed began.
    timed_from: Instant,
    /// Frames left before the picture of the state is taken.
    settle: Option<u32>,
    waits_for: Option<PathBuf>,
    began: Instant,
    running: bool,
    log: String,
}

impl Demo {
    fn new(args: &Args) -> Demo {
        let began = Instant::now();
        let wanted =
            |state: &DemoState| args.states.is_empty() || args.states.iter().any(|name| name == state.0);
        Demo {
            folder: args.screenshot.clone(),
            off_screen: args.off_screen,
            states: STATES.into_iter().filter(wanted).collect(),
            next: 0,
            timed_from: began,
            settle: None,
            waits_for: None,
            began,
            running: false,
            log: String::new(),
        }
    }
}

/// Goes through the states. The run stops in each; in a window it goes on at twice real time.
fn demo(
    mut demo: ResMut<Demo>,
    mut live: ResMut<Live>,
    mut commands: Commands,
    canvas: Option<Res<Canvas>>,
    mut cameras: Query<&mut Camera, With<crate::scene::SceneCamera>>,
    mut exit: MessageWriter<AppExit>,
) {
    if demo.began.elapsed() > DEMO_LIMIT {
        eprintln!("skidpad-desktop: the demo took longer than {} s", DEMO_LIMIT.as_secs());
        exit.write(AppExit::error());
        return;
    }
    let view = live.session.view().clone();
    if view.scenario.is_none() || live.session.recording().moments().is_empty() {
        return;
    }
    if let Some(file) = &demo.waits_for {
        // Written in the background: a picture that is there can be looked at.
        if !file.exists() {
            return;
        }
        demo.waits_for = None;
    }
    if let Some(frames) = demo.settle {
        if frames > 0 {
            if demo.off_screen && frames == SETTLE_FRAMES - FIRST_FRAMES {
                demo.timed_from = Instant::now();
            }
            demo.settle = Some(frames - 1);
            return;
        }
        demo.settle = None;
        let (name, ..) = demo.states[demo.next];
        let car = live.car_on_screen.map_or("-,-".into(), |at| format!("{:.0},{:.0}", at.x, at.y));
        let verdict = view
            .score
            .as_ref()
            .map_or("none", |score| if score.verdict.passed { "passed" } else { "failed" });
        let timed_s = demo.timed_from.elapsed().as_secs_f64() / f64::from(SETTLE_FRAMES - FIRST_FRAMES);
        let frame_ms = 1e3 * if demo.off_screen { timed_s } else { live.frame_s };
        let line = format!(
            "{name}: time_s={:.2} state={:?} verdict={verdict} car_px={car} frame_ms={frame_ms:.1} first_frame_s={:.2}\n",
            live.shown().map_or(0.0, |moment| moment.time_s),
            view.state,
            live.first_frame_s.unwrap_or(f64::NAN),
        );
        print!("{line}");
        demo.log.push_str(&line);
        if let Some(folder) = &demo.folder {
            let file = folder.join(format!("{name}.png"));
            // One of an earlier demo would be taken for this one's.
            let _ = std::fs::remove_file(&file);
            shoot(&mut commands, canvas.as_deref(), file.clone());
            // What cannot be written is not waited for.
            demo.waits_for = std::fs::write(folder.join("states.txt"), &demo.log).ok().map(|()| file);
        }
        demo.next += 1;
        return;
    }
    let Some((_, at_s, begin)) = demo.states.get(demo.next).copied() else {
        exit.write(AppExit::Success);
        return;
    };
    // Nobody looks while the run goes on to the next state.
    let mut draw = |on: bool| cameras.iter_mut().for_each(|mut camera| camera.is_active = on);
    let there = view.time_s + 1e-6 >= at_s || view.state == State::Finished;
    if there {
        // However slow the drawing is, the next state comes in its time.
        live.session.order(Command::Pause);
        demo.running = false;
        begin(&mut live);
        draw(true);
        demo.settle = Some(if demo.off_screen { SETTLE_FRAMES } else { 2 });
    } else if demo.off_screen {
        // Asked again, it does nothing more.
        live.session.order(Command::Reach(at_s));
        draw(false);
    } else if !demo.running {
        demo.running = true;
        live.set_pace(Pace::Times(2.0));
        live.session.order(Command::Run);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::path::Path;

    #[test]
    fn the_command_line_is_well_formed_and_checks_its_values() {
        use clap::CommandFactory;
        Args::command().debug_assert();
        assert_eq!(size("1280x720"), Ok((1280, 720)));
        for wrong in ["1280", "0x0", "1280x", "99999x99999", "axb"] {
            assert!(size(wrong).is_err(), "{wrong}");
        }
        assert!(
            Args::try_parse_from(["skidpad-desktop", "--off-screen"]).is_err(),
            "only the demo ends by itself"
        );
    }

    #[test]
    fn no_key_does_two_things_and_none_is_one_that_drives() {
        let driving = [
            KeyCode::KeyW,
            KeyCode::KeyA,
            KeyCode::KeyS,
            KeyCode::KeyD,
            KeyCode::ArrowUp,
            KeyCode::ArrowDown,
            KeyCode::ArrowLeft,
            KeyCode::ArrowRight,
        ];
        let mut seen: BTreeSet<String> = driving.iter().map(|key| format!("{key:?}")).collect();
        for (key, name, ..) in KEYS {
            assert!(seen.insert(format!("{key:?}")), "{name}");
        }
    }

    #[test]
    fn every_fault_has_a_letter_and_every_layer_a_key() {
        assert!(FAULTS.len() <= LETTERS.len());
        for (layer, ..) in Layer::ALL {
            assert!(KEYS.iter().any(|(_, _, deed, _)| *deed == Deed::Layer(layer)), "{layer:?}");
        }
        for (tab, name, _) in panels::Tab::ALL {
            assert!(KEYS.iter().any(|(_, _, deed, _)| *deed == Deed::Tab(tab)), "{name}");
        }
    }

    #[test]
    fn paces_go_up_to_all_that_the_machine_can_and_down_to_a_tenth() {
        let mut pace = Pace::Times(1.0);
        (0..20).for_each(|_| pace = next_pace(pace, true));
        assert_eq!(pace, Pace::Max);
        (0..20).for_each(|_| pace = next_pace(pace, false));
        assert_eq!(pace, Pace::Times(0.1));
        assert_eq!(next_pace(Pace::Times(1.0), true), Pace::Times(2.0));
        assert_eq!(next_pace(Pace::Times(1.0), false), Pace::Times(0.5));
    }

    #[test]
    fn every_fault_of_the_menu_is_one_that_the_car_of_the_drive_by_hand_can_have() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let library = Library::at(&root).unwrap();
        let text = crate::session::free_drive();
        let mut run = crate::session::Run::load_text(library, &text, Path::new("faults.toml"))
            .unwrap_or_else(|(_, error)| panic!("{error}"));
        for (name, spec) in FAULTS {
            run.inject(spec()).unwrap_or_else(|error| panic!("{name}: {error}"));
            run.step();
        }
        assert_eq!(run.deeds().len(), FAULTS.len());
    }
}
