//! Faults of the bus and of the by-wire units in the closed loop, and how late a healthy bus is.

use skidpad_bywire::Unit;
use skidpad_can::{Frame, frame_bits};
use skidpad_engine::{Outcome, Outside, RunOptions, Sender, Simulation, TICK, TraceSample};
use skidpad_kernel::SimTime;
use skidpad_scenario::{FAULTS, Library, LoadedScenario};
use skidpad_vehicle::SteeringDemand;
use std::path::Path;
use std::time::Duration;

fn text(duration_s: f64, rest: &str) -> String {
    format!(
        r#"schema = 1
name = "faults"
vehicle = "lincoln_mkz"
map = "proving_ground"
duration_s = {duration_s:?}
seed = 3

[start]
on = "skid_pad_left"

[reference]
path = "skid_pad_left"
speed_mps = [[0.0, 0.0], [10.0, 3.0], [150.0, 3.0]]

{rest}
"#
    )
}

fn library() -> Library {
    Library::at(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")).unwrap()
}

fn load(rest: &str, duration_s: f64) -> LoadedScenario {
    library().load_text(&text(duration_s, rest), Path::new("faults.toml")).unwrap()
}

fn at_3_s(fault: &str) -> String {
    format!("[[event]]\nwhen = {{ time_s = 3.0 }}\nfault = {{ {fault} }}\n")
}

fn run(scenario: &LoadedScenario, seed: Option<u64>) -> (Vec<TraceSample>, Outcome) {
    let mut samples = Vec::new();
    let simulation = Simulation::new(scenario, &RunOptions { seed, ..RunOptions::default() }).unwrap();
    let outcome = simulation.run(|sample| samples.push(*sample), || false).unwrap();
    (samples, outcome)
}

fn time_of(outcome: &Outcome, event: &str) -> Option<f64> {
    outcome.events.iter().find(|happened| happened.name == event).map(|happened| happened.time_s)
}

#[test]
fn every_fault_of_the_vocabulary_happens_and_the_run_repeats() {
    let mut library = library();
    let mut cases = 0;
    for info in FAULTS {
        for unit in info.units {
            let keys: String = info
                .needs
                .iter()
                .map(|key| match *key {
                    "target" => ", target = \"0x12\"",
                    "delay_s" => ", delay_s = 0.05",
                    "rate_hz" => ", rate_hz = 3000",
                    other => panic!("a value for {other}"),
                })
                .collect();
            let share = if info.takes.contains(&"share") { ", share = 0.5" } else { "" };
            let time = if info.takes.contains(&"for_s") { ", for_s = 0.3" } else { "" };
            let fault = format!("unit = \"{unit}\", type = \"{}\"{keys}{share}{time}", info.name);
            let scenario = text(4.0, &at_3_s(&fault));
            let scenario = library.load_text(&scenario, Path::new("faults.toml")).unwrap();
            let (_, outcome) = run(&scenario, None);
            assert_eq!(time_of(&outcome, "fault"), Some(3.0), "{fault}");
            assert_eq!(run(&scenario, None).1.truth_hash, outcome.truth_hash, "{fault}");
            cases += 1;
        }
    }
    eprintln!("{cases} faults: {} types on their units", FAULTS.len());
}

#[test]
fn a_name_that_is_no_message_is_told_with_the_nearest() {
    let wrong = |fault: &str| {
        let text = text(4.0, &at_3_s(fault));
        library().load_text(&text, Path::new("faults.toml")).unwrap_err().to_string()
    };
    let told = wrong("unit = \"bus\", type = \"lose\", target = \"BrakeComand\"");
    assert!(told.contains("no message \"BrakeComand\"; did you mean `BrakeCommand`?"), "{told}");
    assert!(told.contains("faults.toml:17:"), "the place in the file: {told}");
    let told = wrong("unit = \"bus\", type = \"lose\", target = [\"0x800\"]");
    assert!(told.contains("2048 does not fit in 11 bits"), "{told}");
    let told = wrong("unit = \"computer\", type = \"babble\", rate_hz = 10, target = \"commands\"");
    assert!(told.contains("one message, got 5"), "{told}");
}

#[test]
fn the_same_frames_are_lost_whatever_other_events_do_and_others_with_another_seed() {
    let loses = |rest: &str, seed| {
        let fault = "unit = \"steering\", type = \"lose\", share = 0.6";
        run(&load(&format!("{}{rest}", at_3_s(fault)), 6.0), seed).1.truth_hash
    };
    let alone = loses("", None);
    // A fault of frames that no one sends draws from a stream of its own.
    let other = "[[event]]\nwhen = { time_s = 2.0 }\n\
                 fault = { unit = \"bus\", type = \"lose\", target = \"0x7FE\", share = 0.5 }\n";
    assert_eq!(loses(other, None), alone);
    assert_ne!(loses("", Some(4)), alone);
}

#[test]
fn a_channel_that_fails_for_a_while_drops_the_stack_to_emergency_mode() {
    let fault = "unit = \"brake\", type = \"channel_1\", for_s = 0.5";
    let (_, outcome) = run(&load(&at_3_s(fault), 5.0), None);
    let emergency = time_of(&outcome, "emergency_mode").unwrap();
    // Up to 20 ms to the next report, 50 ms to the next check.
    assert!((3.0..3.08).contains(&emergency), "{emergency}");
    assert_eq!(time_of(&outcome, "bywire_fault"), Some(3.0));
}

#[test]
fn a_full_bus_holds_the_commands_and_every_module_times_out() {
    let babble = |for_s: &str| {
        let fault = format!(
            "unit = \"gateway\", type = \"babble\", target = \"0x000\", rate_hz = 10000, for_s = {for_s}"
        );
        run(&load(&at_3_s(&fault), 5.0), None).1
    };
    let short = babble("0.07");
    assert_eq!((time_of(&short, "bywire_timeout"), time_of(&short, "disengaged")), (None, None));
    let long = babble("0.3");
    let timeout = time_of(&long, "bywire_timeout").unwrap();
    assert!((3.08..=3.102).contains(&timeout), "100 ms after the last command: {timeout}");
    // When the bus is free again the commands are first: TMOUT is gone within 20 ms, and the canbus, which looks at the last
    // report every 50 ms and never at ENABLED, goes on as if it drove.
    assert_eq!(time_of(&long, "disengaged"), None);
    assert_eq!(long.metrics.bus_frames_lost, 0.0);
}

#[test]
fn a_steering_module_off_the_bus_lets_the_wheel_go_and_tells_no_one() {
    let fault = "unit = \"steering\", type = \"bus_off\", for_s = 0.6";
    let scenario = load(&at_3_s(fault), 6.0);
    let mut simulation = Simulation::new(&scenario, &RunOptions::default()).unwrap();
    let mut last = None;
    while !simulation.is_finished() {
        let now = simulation.now();
        last = simulation.step().or(last);
        let servo = matches!(simulation.demand().steering, SteeringDemand::Servo { .. });
        let ms = now.as_ns() / 1_000_000;
        match ms {
            1000..3000 => assert!(servo, "{now}"),
            3101.. => assert!(!servo, "{now}"),
            _ => {}
        }
    }
    // The stack misses no report, and never looks whether the module is enabled: it steers and nobody follows.
    assert!(last.unwrap().sample.engaged);
    let outcome = simulation.finish();
    assert_eq!((time_of(&outcome, "bus_off"), time_of(&outcome, "disengaged")), (Some(3.0), None));
    let timeout = time_of(&outcome, "bywire_timeout").unwrap();
    assert!((3.08..=3.102).contains(&timeout), "it hears no command: {timeout}");
}

#[test]
fn a_restarted_brake_module_is_enabled_again_by_the_next_command() {
    let fault = "unit = \"brake\", type = \"reset\"";
    let (_, outcome) = run(&load(&at_3_s(fault), 6.0), None);
    assert_eq!(time_of(&outcome, "bywire_reset"), Some(3.0));
    assert_eq!(time_of(&outcome, "disengaged"), None);
}

#[test]
fn corrupt_frames_without_end_take_the_computer_off_the_bus() {
    let fault = "unit = \"computer\", type = \"corrupt\", for_s = 0.2";
    let (_, outcome) = run(&load(&at_3_s(fault), 5.0), None);
    assert!(outcome.metrics.bus_error_frames >= 32.0, "{}", outcome.metrics.bus_error_frames);
    let off = time_of(&outcome, "bus_off").unwrap();
    assert!(time_of(&outcome, "error_passive").unwrap() < off, "half of the errors make it passive");
    // 32 attempts of at most 0.3 ms.
    assert!((3.0..3.04).contains(&off), "{off}");
    assert!(time_of(&outcome, "bywire_timeout").is_some());
}

#[test]
fn the_report_counts_what_the_bus_did() {
    let (_, clean) = run(&load("", 4.0), None);
    let m = &clean.metrics;
    assert_eq!((m.bus_frames_lost, m.bus_error_frames), (0.0, 0.0));
    assert!(m.bus_load_max_pct > 10.0 && m.bus_load_max_pct < 40.0, "{}", m.bus_load_max_pct);
    assert!(m.bus_load_mean_pct > 0.8 * m.bus_load_max_pct && m.bus_load_mean_pct < m.bus_load_max_pct);
    let lost = "unit = \"brake\", type = \"lose\", target = \"BrakeReport\", for_s = 0.2";
    let (_, lossy) = run(&load(&at_3_s(lost), 4.0), None);
    assert_eq!(lossy.metrics.bus_frames_lost, 10.0, "one every 20 ms for 0.2 s");
}

#[test]
fn the_report_counts_wrong_commands_and_reports_by_reason() {
    let civic = |target: &str| {
        let fault = format!("unit = \"bus\", type = \"alter\", target = \"{target}\", for_s = 0.03");
        let text = text(6.0, &at_3_s(&fault)).replace("lincoln_mkz", "honda_civic");
        run(&library().load_text(&text, Path::new("civic.toml")).unwrap(), None).1
    };
    // Three, 10 ms apart, are altered; the counter of the next is then three too high, modulo four.
    let m = civic("STEERING_CONTROL").metrics;
    let rejected = [m.commands_rejected_checksum, m.commands_rejected_counter, m.commands_rejected];
    assert_eq!((rejected, m.reports_flawed), ([3.0, 1.0, 4.0], 0.0));
    assert_eq!((m.commands_rejected_length, m.commands_rejected_range), (0.0, 0.0));
    let m = civic("STEERING_SENSORS").metrics;
    let flawed = [m.reports_flawed_checksum, m.reports_flawed_counter, m.reports_flawed];
    assert_eq!((flawed, m.commands_rejected), ([3.0, 1.0, 4.0], 0.0));
    assert_eq!((m.reports_flawed_length, m.reports_flawed_range), (0.0, 0.0));
}

/// Sends one steering command from outside, and writes down what crosses the bus.
struct Probe {
    send_at: SimTime,
    command: Frame,
    seen: Vec<(SimTime, Sender, Frame)>,
}

impl Outside for Probe {
    fn frames_in(&mut self, now: SimTime, send: &mut dyn FnMut(u8, Frame)) {
        if now == self.send_at {
            send(0, self.command);
        }
    }

    fn frame_out(&mut self, at: SimTime, from: Sender, frame: &Frame) {
        self.seen.push((at, from, *frame));
    }
}

/// The car rolls on the straight and nobody but the probe drives it.
fn probed() -> (LoadedScenario, Probe) {
    let rest = "[operator]\nengage = false\n[stack]\ncanbus = \"external\"\n";
    let scenario = load(rest, 3.0);
    let layout = scenario.vehicle.dbc.message_by_name("SteeringCommand").unwrap();
    let handle = |name: &str| layout.handle(name).unwrap();
    let command = layout.encode(&[(handle("AngleCommand"), 90.0), (handle("Enable"), 1.0)]);
    (scenario, Probe { send_at: SimTime::from_ms(1000), command, seen: Vec::new() })
}

#[test]
fn a_command_acts_within_a_tick_and_its_time_on_the_bus() {
    // Every phase against the reports: the command may find the wire busy with one frame.
    let mut latest = Duration::ZERO;
    for phase in 0..20 {
        let (scenario, mut probe) = probed();
        probe.send_at = SimTime::from_ms(1000 + phase);
        let mut simulation = Simulation::new(&scenario, &RunOptions::default()).unwrap();
        let mut acted = None;
        while acted.is_none() && !simulation.is_finished() {
            let now = simulation.now();
            simulation.step_outside(&mut probe);
            if let SteeringDemand::Servo { angle_rad, .. } = simulation.demand().steering
                && now > probe.send_at
            {
                assert!((angle_rad.to_degrees() - 90.0).abs() < 1e-9);
                acted = Some(now);
            }
        }
        let crossed = probe.seen.iter().find(|(_, from, _)| *from == Sender::Outside(0)).unwrap().0;
        let on_the_bus = crossed.since(probe.send_at);
        let busy = Duration::from_nanos(2000 * u64::from(2 * (frame_bits(&probe.command) + 30)));
        assert!(on_the_bus <= busy, "phase {phase} ms: {on_the_bus:?} on the bus");
        let acts_after = acted.expect("the module follows").since(probe.send_at);
        assert!(acts_after <= on_the_bus + TICK, "phase {phase} ms: acts {acts_after:?} after it was sent");
        latest = latest.max(acts_after);
    }
    eprintln!("a command is what the actuator is asked for {latest:?} after it was sent, at the latest");
}

#[test]
fn a_report_tells_what_the_plant_was_within_a_tick_and_its_time_on_the_bus() {
    let (scenario, mut probe) = probed();
    let layout = scenario.vehicle.dbc.message_by_name("SteeringReport").unwrap();
    let angle = layout.handle("Angle").unwrap();
    let mut simulation = Simulation::new(&scenario, &RunOptions::default()).unwrap();
    let mut wheel_deg = Vec::new();
    while !simulation.is_finished() {
        simulation.step_outside(&mut probe);
        wheel_deg.push(simulation.plant().steering_wheel_rad.to_degrees());
    }
    let (mut reports, mut latest, mut moved) = (0, Duration::ZERO, 0.0f64);
    for (at, _, frame) in probe.seen.iter().filter(|(_, from, f)| *from == Sender::Car && f.id == layout.id) {
        // Sent at 2 ms in every 10.
        let sent_ms = (at.as_ns() / 1_000_000) / 10 * 10 + 2;
        let late = at.since(SimTime::from_ms(sent_ms));
        assert!(late < TICK, "{late:?}");
        let told = angle.physical(&frame.data);
        let was = wheel_deg[sent_ms as usize];
        assert!((told - was).abs() <= 0.0501, "{told} told, {was} at {sent_ms} ms");
        (reports, latest, moved) = (reports + 1, latest.max(late), moved.max(was.abs()));
    }
    assert!(reports > 290 && moved > 0.5, "{reports} reports of a wheel that turned {moved} deg");
    eprintln!("a report is with everyone {latest:?} after the plant was so, at the latest");
}

#[test]
fn every_report_of_the_layout_is_on_the_bus_and_each_unit_sends_its_own() {
    let (scenario, mut probe) = probed();
    let mut simulation = Simulation::new(&scenario, &RunOptions::default()).unwrap();
    while !simulation.is_finished() {
        simulation.step_outside(&mut probe);
    }
    let dbc = &scenario.vehicle.dbc;
    let seen = |id: u16| probe.seen.iter().filter(|(_, _, frame)| frame.id == id).count();
    let commands = [0x60, 0x62, 0x64, 0x66, 0x68];
    for message in dbc.messages().iter().filter(|message| !commands.contains(&message.id)) {
        let period = message.cycle.unwrap();
        let expected = (Duration::from_secs(3) - message.start_delay).as_nanos() / period.as_nanos() + 1;
        assert!((seen(message.id) as i64 - expected as i64).abs() <= 1, "{message}: {}", seen(message.id));
    }
    let bywire = skidpad_bywire::ByWire::new(dbc, &scenario.vehicle.bywire).unwrap();
    let owned: usize = Unit::ALL.iter().map(|unit| bywire.frames_of(*unit).len()).sum();
    assert_eq!(owned, dbc.messages().len(), "every message has one unit that reads or sends it");
    // The car's own receiver says where the car is, as well as a cheap one does.
    let truth = scenario.frame.enu.to_geodetic([scenario.start.x_m, scenario.start.y_m, 0.0]);
    let layout = dbc.message_by_name("GpsPositionReport").unwrap();
    let (_, _, frame) = probe.seen.iter().find(|(_, _, frame)| frame.id == layout.id).unwrap();
    for (signal, degrees) in [("Latitude", truth.lat_deg), ("Longitude", truth.lon_deg)] {
        let told = layout.handle(signal).unwrap().physical(&frame.data);
        let off = (told - degrees).abs();
        assert!(off > 1e-7 && off < 8e-5, "{signal}: {told} against {degrees}");
    }
}
