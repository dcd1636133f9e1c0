//! The demo: a run that stops in each of its states to be looked at.

use crate::deeds::Deed;
use crate::live::Live;
use crate::panels;
use crate::picture::{Canvas, shoot};
use crate::scene::CameraMode;
use crate::session::{Command, Pace, State};
use bevy::app::AppExit;
use bevy::prelude::*;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// A state of the demo: its name, when it begins (s of the scenario), and what is done then.
pub(crate) type DemoState = (&'static str, f64, fn(&mut Live));

/// What the demo shows.
pub(crate) const STATES: [DemoState; 12] = [
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

/// How far the demo has come.
#[derive(Resource)]
pub(crate) struct Demo {
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
    /// Shows the states that `names` names, or all; pictures go to `folder`.
    pub(crate) fn new(names: &[String], folder: Option<PathBuf>, off_screen: bool) -> Demo {
        let began = Instant::now();
        let wanted = |state: &DemoState| names.is_empty() || names.iter().any(|name| name == state.0);
        Demo {
            folder,
            off_screen,
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
pub(crate) fn demo(
    mut demo: ResMut<Demo>,
    mut live: ResMut<Live>,
    mut commands: Commands,
    canvas: Option<Res<Canvas>>,
    mut cameras: Query<&mut Camera>,
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
        let pixel = |at: Option<Vec2>| at.map_or("-,-".into(), |at| format!("{:.0},{:.0}", at.x, at.y));
        let (car, cone) = (pixel(live.car_on_screen), pixel(live.cone_on_screen));
        let verdict = view
            .score
            .as_ref()
            .map_or("none", |score| if score.verdict.passed { "passed" } else { "failed" });
        let timed_s = demo.timed_from.elapsed().as_secs_f64() / f64::from(SETTLE_FRAMES - FIRST_FRAMES);
        let frame_ms = 1e3 * if demo.off_screen { timed_s } else { live.frame_s };
        let line = format!(
            "{name}: time_s={:.2} state={:?} verdict={verdict} car_px={car} cone_px={cone} frame_ms={frame_ms:.1} first_frame_s={:.2}\n",
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
