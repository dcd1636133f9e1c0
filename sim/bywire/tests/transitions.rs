//! The state machine of brake, throttle and steering, transition by transition: every state meets every stimulus, and
//! the transitions seen are those of the drawing in the crate's documentation, no more and no fewer.

mod common;

use common::Bench;
use skidpad_bywire::{Fault, Hands, Mode, Subsystem, Unit};
use std::collections::{BTreeMap, BTreeSet};

const MODULES: [Subsystem; 3] = [Subsystem::Brake, Subsystem::Throttle, Subsystem::Steering];

/// Where a module is before the stimulus.
#[derive(Clone, Copy, Debug, PartialEq)]
enum From {
    /// Disabled, EN = 0 in the last command.
    Disabled,
    /// Disabled since it was faulty for a moment, EN = 1 in the last command.
    Held,
    Enabled,
    Overridden,
    TimedOut,
}

const STATES: [From; 5] = [From::Disabled, From::Held, From::Enabled, From::Overridden, From::TimedOut];

/// What happens to it. Bits of a command: `En`, `Clear`.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Do {
    Frame {
        enable: bool,
        clear: bool,
    },
    /// The driver acts for 60 ms, while commands with EN = 1 come every 20 ms.
    Driver {
        ignore: bool,
    },
    Silence,
    Fault(&'static [Fault], bool),
    Reset,
    /// Long enough to boot; the calibration of the steering takes longer.
    Boot,
    Calibrate,
    /// The watchdog of another module trips.
    Watchdog,
    Acknowledge,
}

const EN: Do = Do::Frame { enable: true, clear: false };
const OFF: Do = Do::Frame { enable: false, clear: false };
const BOTH: &[Fault] = &[Fault::Channel1, Fault::Channel2];

use Mode::{Disabled as D, Enabled as E, Overridden as O, TimedOut as T};

/// Stimuli, and the state after them from each of [`STATES`].
const TABLE: &[(&[Do], [Mode; 5])] = &[
    (&[EN], [E, D, E, O, D]),
    (&[OFF], [D, D, D, O, D]),
    (&[OFF, EN], [E, E, E, E, E]),
    (&[Do::Frame { enable: true, clear: true }], [E, D, E, E, D]),
    (&[Do::Frame { enable: false, clear: true }], [D, D, D, D, D]),
    (&[Do::Driver { ignore: false }], [O, D, O, O, D]),
    (&[Do::Driver { ignore: true }], [E, D, E, O, D]),
    (&[Do::Silence], [D, D, T, O, T]),
    (&[Do::Silence, EN], [E, D, D, O, D]),
    (&[Do::Silence, OFF, EN], [E, E, E, E, E]),
    (&[Do::Fault(&[Fault::Channel1], true)], [D, D, E, O, T]),
    (&[Do::Fault(&[Fault::Channel2], true), OFF, EN], [E, E, E, E, E]),
    (&[Do::Fault(BOTH, true)], [D, D, D, O, T]),
    (&[Do::Fault(BOTH, true), OFF, EN], [D, D, D, D, D]),
    (&[Do::Fault(BOTH, true), OFF, EN, Do::Fault(BOTH, false), EN], [D, D, D, D, D]),
    (&[Do::Fault(BOTH, true), OFF, EN, Do::Fault(BOTH, false), OFF, EN], [E, E, E, E, E]),
    (&[Do::Fault(&[Fault::Power], true)], [D, D, D, O, T]),
    (&[Do::Fault(&[Fault::Power], true), OFF, EN], [D, D, D, D, D]),
    (&[Do::Reset], [D, D, D, D, D]),
    (&[Do::Reset, OFF, EN], [D, D, D, D, D]),
    (&[Do::Reset, Do::Boot, Do::Calibrate, EN], [E, E, E, E, E]),
    (&[Do::Reset, Do::Boot, Do::Calibrate, OFF, EN], [E, E, E, E, E]),
    (&[Do::Watchdog], [D, D, D, O, T]),
    (&[Do::Watchdog, OFF, EN], [D, D, D, D, D]),
    (&[Do::Watchdog, Do::Acknowledge, OFF, EN], [E, E, E, E, E]),
    (&[Do::Watchdog, Do::Reset, Do::Boot, Do::Calibrate, EN], [D, D, D, D, D]),
];

/// The arrows of the drawing.
const DRAWN: [(Mode, Mode); 7] = [(D, E), (E, D), (E, T), (E, O), (O, E), (O, D), (T, D)];

/// One module on the bench, and the transitions it has made.
struct Subject {
    bench: Bench,
    module: Subsystem,
    mode: Mode,
    seen: BTreeSet<(u8, u8)>,
}

impl Subject {
    fn new(module: Subsystem) -> Self {
        Subject { bench: Bench::new(), module, mode: Mode::Disabled, seen: BTreeSet::new() }
    }

    fn message(&self) -> (&'static str, &'static str) {
        match self.module {
            Subsystem::Brake => ("BrakeCommand", "PedalCommand"),
            Subsystem::Throttle => ("ThrottleCommand", "PedalCommand"),
            _ => ("SteeringCommand", "AngleCommand"),
        }
    }

    fn frame(&mut self, enable: bool, clear: bool, ignore: bool) {
        let (message, value) = self.message();
        let bit = |on: bool| f64::from(u8::from(on));
        let signals =
            [(value, 60.0), ("Enable", bit(enable)), ("Clear", bit(clear)), ("Ignore", bit(ignore))];
        self.bench.command(message, &signals);
        self.look();
    }

    fn tick(&mut self) {
        self.bench.tick();
        self.look();
        // Whatever the state: the actuator follows in Enabled only.
        let driver = &self.bench.driver;
        let follows = match self.module {
            Subsystem::Brake => {
                let alone = driver.brake_pct.max(13.6);
                self.bench.demand.brake_pct != alone && self.bench.demand.brake_pct != alone.max(25.0)
            }
            Subsystem::Throttle => self.bench.demand.throttle_pct != driver.throttle_pct.max(15.1),
            _ => self.bench.servo_deg().is_some(),
        };
        assert_eq!(follows, self.mode == Mode::Enabled, "{} is {:?}", self.module, self.mode);
    }

    fn run(&mut self, ms: u64) {
        (0..ms).for_each(|_| self.tick());
    }

    fn look(&mut self) {
        let mode = self.bench.mode(self.module);
        if mode != self.mode {
            self.seen.insert((self.mode as u8, mode as u8));
            self.mode = mode;
        }
    }

    fn driver(&mut self, acts: bool) {
        let driver = &mut self.bench.driver;
        match self.module {
            Subsystem::Brake => driver.brake_pct = if acts { 30.0 } else { 0.0 },
            Subsystem::Throttle => driver.throttle_pct = if acts { 30.0 } else { 0.0 },
            _ if acts => driver.hands = Hands::Hold { angle_rad: 3.0, max_torque_nm: 8.0 },
            _ => driver.hands = Hands::Off,
        }
    }

    fn fault(&mut self, fault: Fault, present: bool) {
        let now = self.bench.now();
        self.bench.bywire.set_fault(now, self.module, fault, present).unwrap();
        self.look();
    }

    fn bring_to(&mut self, state: From) {
        match state {
            From::Disabled => self.frame(false, false, false),
            From::Enabled => self.frame(true, false, false),
            From::Held => {
                self.frame(true, false, false);
                self.fault(Fault::Power, true);
                self.fault(Fault::Power, false);
            }
            From::Overridden => {
                self.frame(true, false, false);
                self.apply(Do::Driver { ignore: false });
            }
            From::TimedOut => {
                self.frame(true, false, false);
                self.apply(Do::Silence);
            }
        }
        let expected = [D, D, E, O, T][STATES.iter().position(|s| *s == state).unwrap()];
        assert_eq!(self.mode, expected, "{} cannot be brought to {state:?}", self.module);
    }

    fn apply(&mut self, stimulus: Do) {
        match stimulus {
            Do::Frame { enable, clear } => {
                self.frame(enable, clear, false);
                self.run(5);
            }
            Do::Driver { ignore } => {
                self.driver(true);
                for _ in 0..3 {
                    self.frame(true, false, ignore);
                    self.run(20);
                }
                self.driver(false);
                self.run(1);
            }
            Do::Silence => self.run(101),
            Do::Fault(faults, present) => {
                faults.iter().for_each(|fault| self.fault(*fault, present));
                self.run(1);
            }
            Do::Reset => {
                let now = self.bench.now();
                self.bench.bywire.reset(now, Unit::from(self.module));
                self.look();
                self.run(1);
            }
            Do::Boot => self.run(401),
            Do::Calibrate => self.run(501),
            Do::Watchdog => {
                let other = if self.module == Subsystem::Brake { "ThrottleCommand" } else { "BrakeCommand" };
                for _ in 0..2 {
                    self.bench.command(other, &[("Enable", 1.0), ("Count", 9.0)]);
                    self.look();
                }
                self.run(1);
            }
            Do::Acknowledge => {
                self.bench.driver.acknowledge = true;
                self.run(1);
                self.bench.driver.acknowledge = false;
            }
        }
    }
}

#[test]
fn every_state_meets_every_stimulus_and_every_arrow_is_drawn() {
    let mut seen: BTreeMap<Subsystem, BTreeSet<(u8, u8)>> = BTreeMap::new();
    let mut cases = 0;
    for module in MODULES {
        for (stimuli, expected) in TABLE {
            for (from, mode) in STATES.into_iter().zip(expected) {
                let mut subject = Subject::new(module);
                subject.bring_to(from);
                stimuli.iter().for_each(|stimulus| subject.apply(*stimulus));
                assert_eq!(subject.mode, *mode, "{module} from {from:?} by {stimuli:?}");
                seen.entry(module).or_default().append(&mut subject.seen);
                cases += 1;
            }
        }
    }
    eprint!("{:<28}", "transition");
    MODULES.iter().for_each(|module| eprint!("{:>10}", module.to_string()));
    eprintln!();
    for (from, to) in DRAWN {
        eprint!("{:<28}", format!("{from:?} -> {to:?}"));
        for module in MODULES {
            let taken = seen[&module].contains(&(from as u8, to as u8));
            eprint!("{:>10}", if taken { "taken" } else { "NEVER" });
        }
        eprintln!();
    }
    let drawn: BTreeSet<(u8, u8)> = DRAWN.iter().map(|(from, to)| (*from as u8, *to as u8)).collect();
    for (module, seen) in &seen {
        assert_eq!(*seen, drawn, "{module}: the arrows taken are those of the drawing");
    }
    eprintln!(
        "{cases} cases ({} modules × {} states × {} stimuli): {} of {} transitions taken in each module",
        MODULES.len(),
        STATES.len(),
        TABLE.len(),
        drawn.len(),
        DRAWN.len()
    );
}

/// `docs/by-wire.md` is true: its drawing has the arrows of [`DRAWN`], its table the frames of the .dbc.
#[test]
fn the_page_draws_these_arrows_and_lists_these_frames() {
    let page = include_str!("../../../docs/by-wire.md");
    let mut arrows: Vec<(String, String)> = Vec::new();
    for line in page.lines() {
        let Some((from, rest)) = line.trim().split_once(" --> ") else { continue };
        let (to, _) = rest.split_once(": ").expect("what brings it about");
        arrows.push((from.into(), to.into()));
    }
    let mut drawn: Vec<(String, String)> =
        DRAWN.iter().map(|(from, to)| (format!("{from:?}"), format!("{to:?}"))).collect();
    drawn.push(("[*]".into(), "Disabled".into()));
    arrows.sort();
    drawn.sort();
    assert_eq!(arrows, drawn);

    let dbc = common::lincoln();
    let rows: Vec<String> = page.lines().filter(|line| line.starts_with("| 0x")).map(str::to_owned).collect();
    assert_eq!(rows.len(), dbc.messages().len());
    for (row, message) in rows.iter().zip(dbc.messages()) {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let (cycle, phase) = (message.cycle.unwrap().as_millis(), message.start_delay.as_millis());
        let from = match message.sender.as_str() {
            "Vector__XXX" => "each module in turn".to_string(),
            sender => sender.trim_end_matches("Module").to_lowercase(),
        };
        let expected = [
            format!("0x{:02X}", message.id),
            message.name.clone(),
            from,
            cycle.to_string(),
            phase.to_string(),
        ];
        assert_eq!(cells[1..6], expected);
    }
}

#[test]
fn a_module_that_restarts_is_silent_then_reports_itself_disabled_and_the_others_go_on() {
    for module in MODULES {
        let mut bench = Bench::new();
        let commands = bench.commands(30.0, 20.0, 45.0);
        bench.run_with(100, &commands);
        let now = bench.now();
        bench.bywire.reset(now, Unit::from(module));
        bench.sent.clear();
        bench.run_with(390, &commands);
        let report = match module {
            Subsystem::Brake => "BrakeReport",
            Subsystem::Throttle => "ThrottleReport",
            _ => "SteeringReport",
        };
        let id = bench.dbc.message_by_name(report).unwrap().id;
        assert!(bench.sent.iter().all(|(_, frame)| frame.id != id), "{module} is silent for 0.4 s");
        for other in MODULES.into_iter().filter(|other| *other != module) {
            assert_eq!(bench.mode(other), Mode::Enabled, "{other} while {module} restarts");
        }
        // The sender never lets go of EN: brake and throttle are enabled again, the steering must find its angle first.
        bench.run_with(60, &commands);
        let steering = module == Subsystem::Steering;
        assert_eq!(bench.mode(module) == Mode::Enabled, !steering, "{module}");
        assert_eq!(bench.report(report, "Enabled"), f64::from(u8::from(!steering)));
        if steering {
            assert_eq!(bench.report(report, "CalibrationFault"), 1.0);
            bench.run_with(500, &commands);
            assert_eq!(bench.report(report, "CalibrationFault"), 0.0, "half a second later it has");
            assert_eq!(bench.mode(module), Mode::Disabled, "and waits for EN to rise");
            bench.command("SteeringCommand", &[]);
            bench.run_with(40, &commands);
            assert_eq!(bench.mode(module), Mode::Enabled);
        }
    }
}

#[test]
fn the_others_miss_the_reports_of_a_module_whose_watchdog_was_armed() {
    let mut bench = Bench::new();
    for count in 1..=5 {
        for message in ["BrakeCommand", "ThrottleCommand", "SteeringCommand"] {
            bench.command(message, &[("Enable", 1.0), ("Count", f64::from(count))]);
        }
        bench.run(20);
    }
    let now = bench.now();
    bench.bywire.reset(now, Unit::Throttle);
    for count in 6..=12 {
        for message in ["BrakeCommand", "SteeringCommand"] {
            bench.command(message, &[("Enable", 1.0), ("Count", f64::from(count))]);
        }
        bench.run(20);
    }
    assert_eq!(bench.mode(Subsystem::Brake), Mode::Disabled);
    assert_eq!(bench.report("BrakeReport", "WatchdogSource"), 2.0, "the throttle's");
    assert_eq!(bench.report("BrakeReport", "WatchdogBraking"), 1.0);
    bench.run(400);
    assert_eq!(bench.report("ThrottleReport", "WatchdogSource"), 11.0, "report time-out");
}

#[test]
fn the_gateway_forgets_what_was_asked_and_the_transmission_keeps_its_gear() {
    let mut bench = Bench::new();
    bench.command("GearCommand", &[("GearCommand", 3.0)]);
    bench.run(10);
    assert_eq!(bench.demand.gear, skidpad_vehicle::Gear::Neutral);
    let now = bench.now();
    bench.bywire.reset(now, Unit::Gateway);
    bench.command("GearCommand", &[("GearCommand", 4.0)]);
    bench.sent.clear();
    bench.run(390);
    assert_eq!(bench.demand.gear, skidpad_vehicle::Gear::Neutral, "nothing is heard");
    let own = bench.bywire.frames_of(Unit::Gateway);
    let told = bench.sent.iter().filter(|(_, frame)| own.contains(&frame.id) && frame.id < 0x7E).count();
    assert_eq!(told, 0, "nothing is said");
    bench.command("GearCommand", &[("GearCommand", 4.0)]);
    bench.run(20);
    bench.command("GearCommand", &[("GearCommand", 4.0)]);
    bench.run(20);
    assert_eq!(bench.demand.gear, skidpad_vehicle::Gear::Drive);
}
