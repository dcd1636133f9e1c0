//! What a user can do: the keys and what they stand for, the faults of the menu, the paces.

use crate::live::Layer;
use crate::panels;
use crate::scene::CameraMode;
use crate::session::Pace;
use bevy::prelude::KeyCode;
use skidpad_scenario::{CarFault, EventSpec, GearName, GnssFault, GustSpec, RoadChange};

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

#[cfg(test)]
mod tests {
    use super::*;
    use skidpad_scenario::Library;
    use std::collections::BTreeSet;
    use std::path::Path;

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
    fn every_layer_and_every_tab_has_a_key() {
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
