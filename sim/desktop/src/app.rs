//! The app: command line, window, and what runs in each frame.

use crate::demo::{Demo, STATES, demo};
use crate::gamepad::{self, Gamepad};
use crate::hands::{dropped, follow_full_screen, keys, mouse};
use crate::live::{Live, Quality};
use crate::panels::{self, PanelState};
use crate::picture::Canvas;
use crate::scene::{self, CameraMode, Layers, ScenePlugin};
use crate::session::{Command, DriverWish, Pace, Session, State, read_trace, scenario_files};
use crate::settings::Store;
use bevy::app::{AppExit, ScheduleRunnerPlugin};
use bevy::camera::RenderTarget;
use bevy::core_pipeline::tonemapping::Tonemapping;
use bevy::log::{Level, LogPlugin};
use bevy::prelude::*;
use bevy::render::RenderPlugin;
use bevy::render::render_resource::TextureFormat;
use bevy::render::renderer::RenderAdapterInfo;
use bevy::window::{ExitCondition, PresentMode, WindowPlugin};
use bevy::winit::{UpdateMode, WinitPlugin, WinitSettings};
use bevy_egui::{
    EguiGlobalSettings, EguiPlugin, EguiPrimaryContextPass, EguiUserTextures, PrimaryEguiContext,
};
use clap::Parser;
use skidpad_engine::{SeatId, Seats};
use skidpad_links::{LinkName, PaceArg, ReceiverLinkName, TopicLinkName, Wanted, meet};
use skidpad_scenario::Library;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// How often a picture is drawn in which nothing moves, if nobody touches anything either.
const REST: Duration = Duration::from_millis(250);
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
    /// Joystick device of the gamepad that drives (Linux)
    #[arg(long, value_name = "DEVICE", default_value = gamepad::FIRST)]
    gamepad: PathBuf,
    /// How much is drawn: low has no shadows, mirrors and smoothing, for software rendering [default: as last time, at
    /// first high; low where no graphics card draws]
    #[arg(long, value_name = "QUALITY", value_enum)]
    quality: Option<Quality>,
    /// Colours of the panels: dark or light [default: as last time, at first dark]
    #[arg(long, value_name = "THEME", value_enum)]
    theme: Option<Theme>,
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

/// Colours of the panels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Theme {
    Dark,
    Light,
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
    let overlay = args.overlay.as_deref();
    let overlay = overlay.map(|file| read_trace(file).map(|run| (file, run))).transpose();
    let overlay = overlay.map_err(|error| error.to_string())?;
    let folder = args.screenshot.clone().unwrap_or_else(|| PathBuf::from("."));
    std::fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    if !args.off_screen {
        has_display()?;
    }
    let mut store = if args.demo || args.fresh { Store::nowhere() } else { Store::of_user() };
    let (settings, verdicts, mut problems) = store.read();
    let quality = args.quality.unwrap_or(if settings.low_quality { Quality::Low } else { Quality::High });
    let (order, problem) = first(&args, settings.scenario.as_deref(), &mut library);
    problems.extend(problem);
    let mut session = Session::meeting(library, args.wanted());
    session.order(order);
    if let Some((file, run)) = overlay {
        session.overlay(&file.display().to_string(), run);
    }
    let files = scenario_files(&root);
    let mut live = Live {
        session,
        scrub: None,
        camera: CameraMode::Chase,
        layers: Layers::default(),
        quality,
        chosen: quality,
        off_screen: args.off_screen,
        scene_px: Rect::default(),
        window_px: Vec2::ZERO,
        car_on_screen: None,
        cone_on_screen: None,
        pace: Pace::Times(1.0),
        panels: PanelState::new(&root, files),
        folder: folder.clone(),
        wish: DriverWish::default(),
        gamepad: Gamepad::at(args.gamepad.clone()),
        driving: false,
        started: Instant::now(),
        first_frame_s: None,
        frame_s: 0.0,
        store,
        remembered: Instant::now(),
    };
    live.recall(&settings);
    live.panels.verdicts = verdicts;
    if let Some(theme) = args.theme {
        live.panels.dark = theme == Theme::Dark;
    }
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

/// What is loaded: what the command line says, what was loaded last if that can still be done, a drive by hand; and why
/// not what was loaded last.
fn first(args: &Args, last: Option<&Path>, library: &mut Library) -> (Command, Option<String>) {
    match (&args.scenario, args.demo, last.filter(|file| file.exists())) {
        (Some(file), ..) => (Command::Load(file.clone()), None),
        (None, true, _) => (Command::Load(library.root().join(DEMO)), None),
        (None, false, Some(last)) => match library.load(last) {
            Ok(_) => (Command::Load(last.into()), None),
            Err(error) => (Command::FreeDrive, Some(format!("not loaded as last time: {error}"))),
        },
        (None, false, None) => (Command::FreeDrive, None),
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
        app.add_systems(Update, rest);
    }
    app.add_plugins((EguiPlugin::default(), ScenePlugin));
    if args.demo {
        app.insert_resource(Demo::new(&args.states, args.screenshot.clone(), args.off_screen));
        app.add_systems(Update, demo);
    }
    app.insert_resource(live)
        .insert_resource(PictureSize(width, height))
        .insert_resource(AnyQuality(args.quality.is_none()))
        .add_systems(PreStartup, (suit_the_driver, camera).chain())
        .add_systems(PreUpdate, poll)
        .add_systems(Update, (keys, mouse, dropped, follow_full_screen))
        .add_systems(Last, remember)
        .add_systems(EguiPrimaryContextPass, panels::draw);
    app
}

/// Nobody has said on the command line how much is to be drawn.
#[derive(Resource, Clone, Copy)]
struct AnyQuality(bool);

/// A processor that draws takes seconds for a picture of high quality.
fn suit_the_driver(mut live: ResMut<Live>, any: Res<AnyQuality>, adapter: Res<RenderAdapterInfo>) {
    if any.0 && adapter.device_type == wgpu_types::DeviceType::Cpu {
        live.quality = Quality::Low;
    }
}

#[derive(Resource, Clone, Copy)]
struct PictureSize(u32, u32);

fn camera(
    mut commands: Commands,
    live: Res<Live>,
    size: Res<PictureSize>,
    mut images: ResMut<Assets<Image>>,
    mut textures: ResMut<EguiUserTextures>,
    mut egui: ResMut<EguiGlobalSettings>,
) {
    egui.auto_create_primary_context = false;
    let (picture, target) = scene::picture(&mut images, &mut textures, [size.0, size.1]);
    commands.insert_resource(picture);
    commands.spawn((
        scene::SceneCamera,
        Camera3d::default(),
        Camera { order: -1, ..default() },
        target,
        Tonemapping::AcesFitted,
        Msaa::Off,
        DistanceFog {
            color: Color::srgb(0.78, 0.85, 0.92),
            falloff: FogFalloff::Linear { start: 250.0, end: 2500.0 },
            ..default()
        },
    ));
    // The window itself holds panels only; one of them shows the scene.
    let mut panels = commands.spawn((
        Camera2d,
        PrimaryEguiContext,
        Msaa::Off,
        Camera { clear_color: ClearColorConfig::Custom(Color::BLACK), ..default() },
    ));
    if live.off_screen {
        let canvas =
            images.add(Image::new_target_texture(size.0, size.1, TextureFormat::Rgba8UnormSrgb, None));
        panels.insert(RenderTarget::Image(canvas.clone().into()));
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

/// A run that stands still leaves the processor to others.
fn rest(live: Res<Live>, mut winit: ResMut<WinitSettings>) {
    let moves = matches!(live.session.view().state, State::Running | State::Waiting) || live.driving;
    let mode = if moves { UpdateMode::Continuous } else { UpdateMode::reactive(REST) };
    if winit.focused_mode != mode {
        (winit.focused_mode, winit.unfocused_mode) = (mode, mode);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_loaded_last_is_loaded_again_unless_it_was_broken_or_is_gone_meanwhile() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let mut library = Library::locate(Some(&root.join(DEMO))).unwrap();
        let (args, good) = (Args::default(), root.join("scenarios/tracking/slalom_30kmh.toml"));
        let (order, problem) = first(&args, Some(&good), &mut library);
        assert!(matches!(order, Command::Load(file) if file == good) && problem.is_none());
        let folder = std::env::temp_dir().join(format!("skidpad-last-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let broken = folder.join("broken.toml");
        std::fs::write(&broken, "schema = 1\nnam = \"x\"\n").unwrap();
        let (order, problem) = first(&args, Some(&broken), &mut library);
        assert!(matches!(order, Command::FreeDrive));
        assert!(problem.is_some_and(|problem| problem.contains("broken.toml:2:1")));
        let (order, problem) = first(&args, Some(&folder.join("gone.toml")), &mut library);
        assert!(matches!(order, Command::FreeDrive) && problem.is_none());
        std::fs::remove_dir_all(&folder).unwrap();
    }

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
}
