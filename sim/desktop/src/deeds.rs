//! What a user can do: the keys and what they stand for, the faults of the menu, the paces.

use crate::live::Layer;
use crate::panels;
use crate::scene::CameraMode;
use crate::session::Pace;
use bevy::prelude::KeyCode;
use skidpad_scenario::{CarFault, EventSpec, GearName, GnssFault, GustSpec, RoadChange, TurnName};

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
    Turn(TurnName),
    Fault(usize),
    Screenshot,
    Save,
    SaveDrive,
    FreeDrive,
    Runs,
    NoOverlay,
    FullScreen,
}

/// What keys are about: the headings of the help.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // its name says it
pub enum About {
    Time,
    Driving,
    Breaking,
    Looking,
    Panels,
    Files,
}

impl About {
    /// All of them, each with its heading.
    pub const ALL: [(About, &'static str); 6] = [
        (About::Time, "Run and time"),
        (About::Driving, "Drive"),
        (About::Breaking, "Break"),
        (About::Panels, "Panels"),
        (About::Looking, "Look"),
        (About::Files, "Runs and files"),
    ];
}

impl Deed {
    /// Under which heading the help has it.
    pub fn about(self) -> About {
        use Deed::*;
        match self {
            RunPause | Step | StepBack | Restart | ToStart | ToEnd | Slower | Faster => About::Time,
            Engage | Disengage | Gear(_) | Turn(_) | FreeDrive => About::Driving,
            Fault(_) | Faults => About::Breaking,
            Camera(_) | Layer(_) | Quality | FullScreen => About::Looking,
            Instruments | Score | Lower | Fold | Tab(_) | Theme | Help => About::Panels,
            Save | SaveDrive | Csv | PlotsPicture | Screenshot | Runs | NoOverlay => About::Files,
        }
    }

    /// The name of its key; empty if it has none.
    pub fn key(self) -> &'static str {
        KEYS.iter().find(|(_, _, deed, _)| *deed == self).map_or("", |(_, name, ..)| name)
    }
}

/// Every key, what it does, and how the help says it. Arrows (or W A S D) drive.
pub const KEYS: &[(KeyCode, &str, Deed, &str)] = &[
    (KeyCode::Space, "Space", Deed::RunPause, "run, pause"),
    (KeyCode::Period, ".", Deed::Step, "a step of 10 ms"),
    (KeyCode::Comma, ",", Deed::StepBack, "10 ms back in the recording"),
    (KeyCode::KeyR, "R", Deed::Restart, "start again, nothing by hand"),
    (KeyCode::Home, "Home", Deed::ToStart, "show the start of the recording"),
    (KeyCode::End, "End", Deed::ToEnd, "show the newest moment"),
    (KeyCode::Minus, "-", Deed::Slower, "slower"),
    (KeyCode::Equal, "+", Deed::Faster, "faster; at last as it can"),
    (KeyCode::Digit1, "1", Deed::Camera(CameraMode::Chase), "camera behind the car"),
    (KeyCode::Digit2, "2", Deed::Camera(CameraMode::Cockpit), "camera at the driver's eyes"),
    (KeyCode::Digit3, "3", Deed::Camera(CameraMode::Top), "camera above, north up"),
    (KeyCode::Digit4, "4", Deed::Camera(CameraMode::Free), "free camera"),
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
    (KeyCode::F2, "F2", Deed::Instruments, "left side: instruments"),
    (KeyCode::F3, "F3", Deed::Score, "right side: score"),
    (KeyCode::F4, "F4", Deed::Lower, "below: tables and plots"),
    (KeyCode::Digit6, "6", Deed::Layer(Layer::Reference), "draw the reference path"),
    (KeyCode::Digit7, "7", Deed::Layer(Layer::Travelled), "draw the path driven"),
    (KeyCode::Digit8, "8", Deed::Layer(Layer::Trajectory), "draw the planned trajectory"),
    (KeyCode::Digit9, "9", Deed::Layer(Layer::Believed), "draw the believed position, 3 sigma"),
    (KeyCode::Digit0, "0", Deed::Layer(Layer::Forces), "draw the tyre forces"),
    (KeyCode::KeyU, "U", Deed::Layer(Layer::Ghost), "draw the run laid over"),
    (KeyCode::KeyK, "K", Deed::Theme, "dark, light"),
    (KeyCode::KeyQ, "Q", Deed::Quality, "quality: high, low"),
    (KeyCode::F1, "F1", Deed::Help, "this help"),
    (KeyCode::KeyE, "E", Deed::Engage, "engage: the operator presses START"),
    (KeyCode::KeyX, "X", Deed::Disengage, "disengage: the operator presses STOP"),
    (KeyCode::KeyV, "V", Deed::Gear(GearName::Drive), "selector to Drive"),
    (KeyCode::KeyN, "N", Deed::Gear(GearName::Neutral), "selector to Neutral"),
    (KeyCode::KeyZ, "Z", Deed::Gear(GearName::Reverse), "selector to Reverse"),
    (KeyCode::Backspace, "Backsp", Deed::Gear(GearName::Park), "selector to Park"),
    (KeyCode::KeyY, "Y", Deed::Turn(TurnName::Left), "turn signal left, off"),
    (KeyCode::KeyI, "I", Deed::Turn(TurnName::Right), "turn signal right, off"),
    (KeyCode::KeyG, "G", Deed::Fault(0), "satellites lost for 3 s"),
    (KeyCode::KeyH, "H", Deed::Faults, "list of all faults, by letters"),
    (KeyCode::KeyF, "F", Deed::FreeDrive, "load the drive by hand"),
    (KeyCode::F5, "F5", Deed::Save, "save the run as a scenario"),
    (KeyCode::F6, "F6", Deed::SaveDrive, "save the drive as an RTK recording"),
    (KeyCode::F7, "F7", Deed::Csv, "save the plotted signals as CSV"),
    (KeyCode::F8, "F8", Deed::PlotsPicture, "save a picture of the plots"),
    (KeyCode::F9, "F9", Deed::Runs, "lay another run over this one"),
    (KeyCode::F10, "F10", Deed::NoOverlay, "take the run laid over away"),
    (KeyCode::F11, "F11", Deed::FullScreen, "full screen, window"),
    (KeyCode::F12, "F12", Deed::Screenshot, "screenshot"),
];

/// What the menu of the driver offers.
pub const DRIVER: &[(&str, Deed)] = &[
    ("Engage: press START", Deed::Engage),
    ("Disengage: press STOP", Deed::Disengage),
    ("Selector to Drive", Deed::Gear(GearName::Drive)),
    ("Selector to Neutral", Deed::Gear(GearName::Neutral)),
    ("Selector to Reverse", Deed::Gear(GearName::Reverse)),
    ("Selector to Park", Deed::Gear(GearName::Park)),
    ("Turn signal left", Deed::Turn(TurnName::Left)),
    ("Turn signal right", Deed::Turn(TurnName::Right)),
    ("Load the drive by hand", Deed::FreeDrive),
    ("Move the car: another start", Deed::Tab(panels::Tab::Place)),
];

/// What the menu of files offers.
pub const FILES: &[(&str, Deed)] = &[
    ("Save the run as a scenario", Deed::Save),
    ("Save the drive as RTK recording", Deed::SaveDrive),
    ("Save the plotted signals as CSV", Deed::Csv),
    ("Save a picture of the plots", Deed::PlotsPicture),
    ("Screenshot", Deed::Screenshot),
    ("Lay another run over this one", Deed::Runs),
    ("Take the run laid over away", Deed::NoOverlay),
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

    /// One of each kind of deed, whatever it is of; a new kind does not compile until it is here.
    fn kind(deed: Deed) -> usize {
        use Deed::*;
        match deed {
            Instruments => 0,
            Score => 1,
            Lower => 2,
            Quality => 3,
            Layer(_) => 4,
            Faults => 5,
            Csv => 6,
            PlotsPicture => 7,
            RunPause => 8,
            Step => 9,
            StepBack => 10,
            Restart => 11,
            ToStart => 12,
            ToEnd => 13,
            Slower => 14,
            Faster => 15,
            Camera(_) => 16,
            Fold => 17,
            Tab(_) => 18,
            Theme => 19,
            Help => 20,
            Engage => 21,
            Disengage => 22,
            Gear(_) => 23,
            Turn(_) => 24,
            Fault(_) => 25,
            Screenshot => 26,
            Save => 27,
            SaveDrive => 28,
            FreeDrive => 29,
            Runs => 30,
            NoOverlay => 31,
            FullScreen => 32,
        }
    }
    const KINDS: usize = 33;

    #[test]
    fn every_deed_has_a_key_and_stands_in_the_help() {
        let with_key: BTreeSet<usize> = KEYS.iter().map(|(_, _, deed, _)| kind(*deed)).collect();
        assert_eq!(with_key, (0..KINDS).collect());
        let of_layers = Layer::ALL.map(|(layer, ..)| Deed::Layer(layer));
        let of_tabs = panels::Tab::ALL.map(|(tab, ..)| Deed::Tab(tab));
        let of_cameras = CameraMode::ALL.map(Deed::Camera);
        let of_menus = DRIVER.iter().chain(FILES).map(|(_, deed)| *deed);
        let turns = [TurnName::Left, TurnName::Right].map(Deed::Turn);
        for deed in of_layers.into_iter().chain(of_tabs).chain(of_cameras).chain(of_menus).chain(turns) {
            assert!(!deed.key().is_empty(), "{deed:?}");
        }
        // The help goes through the headings: every key is under one of them.
        let shown = About::ALL.iter().flat_map(|(about, _)| {
            KEYS.iter().filter(|(_, _, deed, _)| deed.about() == *about).map(|(_, name, ..)| *name)
        });
        assert_eq!(shown.collect::<BTreeSet<_>>(), KEYS.iter().map(|(_, name, ..)| *name).collect());
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
