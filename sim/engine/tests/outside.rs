//! Someone outside takes part in the ticks: listens to the bus, sends on it, drives the car.

use skidpad_can::{Dbc, Frame};
use skidpad_engine::{Outcome, Outside, RunOptions, Sender, Simulation};
use skidpad_kernel::{Periodic, SimTime};
use skidpad_scenario::{Library, LoadedScenario};
use std::path::Path;
use std::time::Duration;

fn load(tail: &str) -> LoadedScenario {
    let text = format!(
        r#"schema = 1
name = "outside"
vehicle = "lincoln_mkz"
map = "proving_ground"
duration_s = 14.0
start = {{ on = "straight", station_m = 5.0 }}
{tail}"#
    );
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    Library::at(&root).unwrap().load_text(&text, Path::new("outside.toml")).unwrap()
}

const REFERENCE: &str =
    "reference = { path = \"straight\", speed_mps = [[5.0, 0.0], [20.0, 8.0], [200.0, 8.0]] }";
const EXTERNAL: &str = "[stack]\ncanbus = \"external\"\n[pass]\nstopped = true";

fn run(scenario: &LoadedScenario, outside: &mut impl Outside) -> Outcome {
    let simulation = Simulation::new(scenario, &RunOptions::default()).unwrap();
    simulation.run_outside(outside, |_| (), || false).unwrap()
}

/// Writes down what it hears.
#[derive(Default)]
struct Listener {
    now: SimTime,
    heard: Vec<(SimTime, Sender, Frame)>,
}

impl Outside for Listener {
    fn tick(&mut self, now: SimTime) {
        self.now = now;
    }

    fn frame_out(&mut self, at: SimTime, from: Sender, frame: &Frame) {
        assert!(
            at <= self.now && self.now.since(at) < Duration::from_millis(1),
            "{at} heard at {}",
            self.now
        );
        self.heard.push((at, from, *frame));
    }
}

#[test]
fn who_only_listens_changes_nothing_and_hears_every_frame() {
    let scenario = load(REFERENCE);
    let mut listener = Listener::default();
    let heard = run(&scenario, &mut listener);
    let alone = run(&scenario, &mut ());
    assert_eq!(heard.truth_hash, alone.truth_hash);

    let count = |id: u16, sender: Sender| {
        listener.heard.iter().filter(|(_, from, frame)| frame.id == id && *from == sender).count()
    };
    // 14 s of steering reports at 10 ms and of brake commands at 20 ms, but for those still under way.
    assert!((1398..=1401).contains(&count(0x65, Sender::Car)), "{}", count(0x65, Sender::Car));
    assert!((698..=700).contains(&count(0x60, Sender::Computer)), "{}", count(0x60, Sender::Computer));
    assert!(listener.heard.windows(2).all(|pair| pair[0].0 < pair[1].0), "one frame at a time");
}

/// A computer outside: enables the units after a second, drives to 5 m/s, brakes to rest.
struct Computer<'a> {
    dbc: &'a Dbc,
    timer: Periodic,
    speed_mps: f64,
    top_mps: f64,
    steering_wheel_deg: f64,
    silent_from: SimTime,
}

impl<'a> Computer<'a> {
    fn new(dbc: &'a Dbc) -> Self {
        let period = Duration::from_millis(20);
        Computer {
            dbc,
            timer: Periodic::new(period, period),
            speed_mps: 0.0,
            top_mps: 0.0,
            steering_wheel_deg: 0.0,
            silent_from: SimTime::from_ms(u64::from(u32::MAX)),
        }
    }

    fn command(&self, message: &str, values: &[(&str, f64)]) -> Frame {
        let layout = self.dbc.message_by_name(message).unwrap();
        let values: Vec<_> =
            values.iter().map(|(name, value)| (layout.handle(name).unwrap(), *value)).collect();
        layout.encode(&values)
    }
}

impl Outside for Computer<'_> {
    fn frames_in(&mut self, now: SimTime, send: &mut dyn FnMut(u8, Frame)) {
        if !self.timer.due(now) || now >= self.silent_from {
            return;
        }
        let enable = f64::from(now >= SimTime::from_ms(1000));
        let faster = self.top_mps < 5.0 && now >= SimTime::from_ms(1000);
        let (throttle, brake) = if faster { (35.0, 0.0) } else { (0.0, 30.0) };
        send(0, self.command("BrakeCommand", &[("PedalCommand", brake), ("Enable", enable)]));
        send(0, self.command("ThrottleCommand", &[("PedalCommand", throttle), ("Enable", enable)]));
        send(
            0,
            self.command("SteeringCommand", &[("AngleCommand", self.steering_wheel_deg), ("Enable", enable)]),
        );
    }

    fn frame_out(&mut self, _at: SimTime, from: Sender, frame: &Frame) {
        assert_ne!(from, Sender::Computer, "the embedded canbus is silent");
        let report = self.dbc.message_by_name("SteeringReport").unwrap();
        if from == Sender::Car && frame.id == report.id {
            self.speed_mps = report.handle("Speed").unwrap().physical(&frame.data) / 3.6;
            self.top_mps = self.top_mps.max(self.speed_mps);
        }
    }
}

#[test]
fn a_canbus_outside_enables_the_units_drives_to_5_mps_and_stops() {
    let scenario = load(EXTERNAL);
    let mut computer = Computer::new(&scenario.vehicle.dbc);
    let outcome = run(&scenario, &mut computer);
    assert!((5.0..5.5).contains(&computer.top_mps), "{}", computer.top_mps);
    assert!(computer.speed_mps < 0.02, "{}", computer.speed_mps);
    assert!(outcome.verdict.passed, "{:?}", outcome.verdict);
    let events: Vec<&str> = outcome.events.iter().map(|event| event.name.as_str()).collect();
    // The driver's foot on the brake is off in time, or there were an override.
    assert_eq!(events, ["engaged"]);
    assert!((1.0..1.05).contains(&outcome.events[0].time_s), "{:?}", outcome.events);
    let again = run(&scenario, &mut Computer::new(&scenario.vehicle.dbc));
    assert_eq!(again.truth_hash, outcome.truth_hash, "the same frames at the same instants, the same run");
}

#[test]
fn the_commands_of_a_canbus_on_can_alone_are_those_of_its_frames_and_not_of_the_embedded_control() {
    let scenario = load(EXTERNAL);
    let mut computer = Computer::new(&scenario.vehicle.dbc);
    computer.steering_wheel_deg = 4.7;
    let mut last = None;
    let simulation = Simulation::new(&scenario, &RunOptions::default()).unwrap();
    let outcome =
        simulation.run_outside(&mut computer, |sample| last = Some(sample.sample.command), || false);
    let metrics = outcome.unwrap().metrics;
    // To the resolution of the frames: 1/65535 of a pedal, 0.1 deg of the wheel, of 470.
    let near = |value: f64, wanted: f64| (value - wanted).abs() < 0.002;
    assert!(near(metrics.throttle_command_max_pct, 35.0), "{}", metrics.throttle_command_max_pct);
    assert!(near(metrics.brake_command_max_pct, 30.0), "{}", metrics.brake_command_max_pct);
    assert!(near(metrics.steering_command_rms_pct, 1.0), "{}", metrics.steering_command_rms_pct);
    let last = last.unwrap();
    assert!(
        near(last.brake_pct, 30.0) && last.throttle_pct == 0.0 && near(last.steering_pct, 1.0),
        "{last:?}"
    );
}

#[test]
fn a_canbus_outside_that_falls_silent_is_a_time_out_of_every_unit() {
    let scenario = load(EXTERNAL);
    let mut computer = Computer::new(&scenario.vehicle.dbc);
    computer.silent_from = SimTime::from_ms(2000);
    let outcome = run(&scenario, &mut computer);
    let timeouts: Vec<f64> =
        outcome.events.iter().filter(|e| e.name == "bywire_timeout").map(|e| e.time_s).collect();
    // The last commands are those of 1.98 s.
    assert!(timeouts.len() == 3 && timeouts.iter().all(|t| (2.08..2.09).contains(t)), "{timeouts:?}");
    assert_eq!(outcome.events.last().unwrap().name, "disengaged");
}

#[test]
fn without_a_canbus_outside_the_driver_holds_the_car() {
    let mut listener = Listener::default();
    let outcome = run(&load(EXTERNAL), &mut listener);
    assert!(outcome.verdict.passed && outcome.events.is_empty(), "{:?}", outcome.events);
    assert!(listener.heard.iter().all(|(_, from, _)| *from == Sender::Car));
}

/// Two peers that each send one frame.
#[derive(Default)]
struct Peers {
    sent: bool,
    listener: Listener,
}

impl Outside for Peers {
    fn tick(&mut self, now: SimTime) {
        self.listener.tick(now);
    }

    fn frames_in(&mut self, _now: SimTime, send: &mut dyn FnMut(u8, Frame)) {
        if !std::mem::replace(&mut self.sent, true) {
            send(0, Frame::new(0x700, [1; 8]));
            send(Sender::MAX_OUTSIDE, Frame::new(0x123, [2; 8]));
        }
    }

    fn frame_out(&mut self, at: SimTime, from: Sender, frame: &Frame) {
        self.listener.frame_out(at, from, frame);
    }
}

#[test]
fn frames_of_peers_are_arbitrated_and_known_by_their_sender() {
    let mut simulation = Simulation::new(&load(REFERENCE), &RunOptions::default()).unwrap();
    let mut peers = Peers::default();
    for _ in 0..4 {
        simulation.step_outside(&mut peers);
    }
    let from_outside: Vec<_> = peers
        .listener
        .heard
        .iter()
        .filter(|(_, from, _)| matches!(from, Sender::Outside(_)))
        .map(|(_, from, frame)| (*from, frame.id))
        .collect();
    assert_eq!(from_outside, [(Sender::Outside(Sender::MAX_OUTSIDE), 0x123), (Sender::Outside(0), 0x700)]);
}
