//! A stack outside: Skidpad's own modules, run on the far side of the door, one tick away on their own timers.

use super::*;
use crate::message::TopicMessage;
use skidpad_msgs::apollo::control::ControlCommand;
use skidpad_scenario::Library;
use skidpad_stack::control::Control;
use skidpad_stack::gnss_driver::GnssDriver;
use skidpad_stack::localization::{Localization, LocalizationConf};
use std::collections::{BTreeMap, VecDeque};
use std::path::Path;

fn load(extra: &str) -> LoadedScenario {
    load_with("lincoln_mkz", extra)
}

fn load_with(vehicle: &str, extra: &str) -> LoadedScenario {
    let text = format!(
        r#"schema = 1
        name = "outside"
        vehicle = "{vehicle}"
        map = "proving_ground"
        duration_s = 16.0
        reference = {{ path = "straight", speed_mps = [[5.0, 0.0], [20.0, 6.0], [40.0, 6.0], [60.0, 0.0]] }}
        {extra}"#
    );
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    Library::at(&root).unwrap().load_text(&text, Path::new("outside.toml")).unwrap()
}

const AT_REST: &str = "start = { on = \"straight\", station_m = 5.0 }";

/// Changes a command on its way, or loses it.
type Trouble = fn(SimTime, ControlCommand) -> Vec<ControlCommand>;

/// A stack outside, in these seats, that comes alive at some time and may be ill.
struct FarStack {
    seats: Seats,
    epoch_unix_s: f64,
    alive_from: SimTime,
    dead_from: SimTime,
    trouble: Trouble,
    gnss_driver: GnssDriver,
    localization: Localization,
    planning: Option<Planning>,
    control: Control,
    canbus: Canbus,
    frames: Vec<Frame>,
    out: VecDeque<TopicMessage>,
    /// What was heard, by topic.
    heard: BTreeMap<&'static str, u64>,
    last_stamp_unix_s: f64,
}

impl FarStack {
    fn new(scenario: &LoadedScenario, seats: &[SeatId], epoch_unix_s: f64) -> FarStack {
        let recording = recording_of(scenario).unwrap().unwrap();
        FarStack {
            seats: seats.iter().copied().collect(),
            epoch_unix_s,
            alive_from: SimTime::ZERO,
            dead_from: SimTime::from_ms(u64::from(u32::MAX)),
            trouble: |_, command| vec![command],
            gnss_driver: GnssDriver::new(scenario.frame.utm),
            localization: Localization::new(LocalizationConf::default()),
            planning: Some(Planning::new(recording, PlanningConf::default()).unwrap()),
            control: Control::new(scenario.control.as_ref().clone(), scenario.calibration.as_ref().clone()),
            canbus: Canbus::for_car(CanbusConf::default(), &scenario.vehicle.dbc).unwrap(),
            frames: Vec::new(),
            out: VecDeque::new(),
            heard: BTreeMap::new(),
            last_stamp_unix_s: 0.0,
        }
    }

    fn is_alive(&self, now: SimTime) -> bool {
        (self.alive_from..self.dead_from).contains(&now)
    }

    /// What each module does with a message, wherever it comes from.
    fn read(&mut self, now: SimTime, message: &TopicMessage) {
        match message {
            TopicMessage::Gps(gps) => self.localization.on_gps(gps),
            TopicMessage::Imu(imu) => self.localization.on_imu(imu),
            TopicMessage::Pose(pose) => {
                self.control.on_localization(pose);
                self.planning.iter_mut().for_each(|planning| planning.on_localization(pose));
            }
            TopicMessage::Chassis(chassis) => {
                self.control.on_chassis(chassis);
                self.planning.iter_mut().for_each(|planning| planning.on_chassis(chassis));
            }
            TopicMessage::Trajectory(trajectory) => self.control.on_planning(trajectory),
            TopicMessage::Pad(pad) => self.control.on_pad(pad.clone()),
            TopicMessage::Command(command) => self.canbus.on_control(now, command),
            _ => {}
        }
    }

    fn send(&mut self, now: SimTime, message: TopicMessage) {
        self.read(now, &message);
        self.out.push_back(message);
    }

    fn run(&mut self, now: SimTime) {
        let ms = now.as_ns() / 1_000_000;
        let unix_s = self.epoch_unix_s + now.as_s();
        if ms % 10 == 2 && self.seats.contains(SeatId::Localization) {
            let pose = self.localization.tick(unix_s);
            pose.into_iter().for_each(|pose| self.send(now, TopicMessage::Pose(Box::new(pose))));
        }
        if ms % 100 == 7 && self.seats.contains(SeatId::Planning) {
            let trajectory = self.planning.as_mut().and_then(|planning| planning.tick(unix_s));
            trajectory.into_iter().for_each(|t| self.send(now, TopicMessage::Trajectory(Box::new(t))));
        }
        if ms % 10 == 5 && self.seats.contains(SeatId::Control) {
            let command = self.control.tick(unix_s);
            for command in (self.trouble)(now, command) {
                self.send(now, TopicMessage::Command(Box::new(command)));
            }
        }
        if self.seats.contains(SeatId::Canbus) {
            let frames = &mut self.frames;
            let chassis = self.canbus.tick(now, unix_s, &mut |frame| frames.push(frame));
            chassis.into_iter().for_each(|chassis| self.send(now, TopicMessage::Chassis(chassis)));
        }
    }
}

impl Outside for FarStack {
    fn receiver_out(&mut self, now: SimTime, _: &skidpad_sensors::ReceiverOutput, bytes: &[u8]) {
        if self.is_alive(now) && self.seats.contains(SeatId::GnssDriver) {
            let mut pairs = Vec::new();
            self.gnss_driver.on_bytes(bytes, |pair| pairs.push(pair));
            for pair in pairs {
                self.send(now, TopicMessage::Imu(pair.imu));
                pair.gps.into_iter().for_each(|gps| self.send(now, TopicMessage::Gps(gps)));
            }
        }
    }

    fn frames_in(&mut self, _: SimTime, send: &mut dyn FnMut(u8, Frame)) {
        self.frames.drain(..).for_each(|frame| send(0, frame));
    }

    fn frame_out(&mut self, _: SimTime, from: Sender, frame: &Frame) {
        if from == Sender::Car {
            self.canbus.on_frame(frame);
        }
    }

    fn listens(&self) -> bool {
        true
    }

    fn message_out(&mut self, now: SimTime, message: &TopicMessage) {
        *self.heard.entry(message.topic_name()).or_default() += 1;
        assert!(
            message.seat().is_none_or(|seat| !self.seats.contains(seat)),
            "nothing of an external seat comes from inside: {message:?}"
        );
        if let Some(header) = message.header() {
            self.last_stamp_unix_s = header.timestamp_sec();
        }
        if self.is_alive(now) {
            self.read(now, message);
        }
    }

    fn messages_in(&mut self, now: SimTime, deliver: &mut dyn FnMut(TopicMessage)) {
        if self.is_alive(now) {
            self.run(now);
        }
        self.out.drain(..).for_each(deliver);
    }
}

fn simulation(scenario: &LoadedScenario, outside: &FarStack) -> Simulation {
    let options =
        RunOptions { external: outside.seats, epoch_unix_s: outside.epoch_unix_s, ..RunOptions::default() };
    Simulation::new(scenario, &options).unwrap()
}

fn drive(scenario: &LoadedScenario, outside: &mut FarStack) -> Outcome {
    let outcome = simulation(scenario, outside).run_outside(outside, |_| (), || false).unwrap();
    assert!(all_known(&outcome), "{:?}", outcome.events);
    outcome
}

/// Every event can be named in `[pass] events`.
fn all_known(outcome: &Outcome) -> bool {
    outcome.events.iter().all(|event| skidpad_scenario::EVENTS.iter().any(|known| known.name == event.name))
}

fn names(outcome: &Outcome) -> Vec<&str> {
    outcome.events.iter().map(|event| event.name.as_str()).collect()
}

const EVERY_SEAT: &[SeatId] = &SeatId::ALL;

#[test]
fn each_seat_outside_drives_the_scenario_as_well_as_inside() {
    let scenario = load(AT_REST);
    let inside = Simulation::new(&scenario, &RunOptions::default()).unwrap().run(|_| (), || false).unwrap();
    for seats in [
        &[SeatId::Control][..],
        &[SeatId::Localization],
        &[SeatId::Planning],
        &[SeatId::Canbus],
        &[SeatId::GnssDriver],
        &[SeatId::Control, SeatId::Localization],
        EVERY_SEAT,
    ] {
        let mut outside = FarStack::new(&scenario, seats, EPOCH_UNIX_S);
        outside.alive_from = SimTime::from_ms(2345);
        let outcome = drive(&scenario, &mut outside);
        assert_eq!(outcome.lost, None, "{seats:?}");
        assert_eq!(names(&outcome), ["engaged"], "{seats:?}");
        let rms_m = outcome.metrics.lateral_error_rms_m;
        assert!(rms_m < inside.metrics.lateral_error_rms_m + 0.02, "{seats:?}: {rms_m} m");
        assert!((outcome.metrics.end_station_error_m - inside.metrics.end_station_error_m).abs() < 0.3);
        let report = outcome.external.unwrap();
        // It waits for the stack to come alive, for the operator to look, RESET, foot, START.
        assert!((2.5..3.2).contains(&report.waited_s), "{seats:?}: {} s", report.waited_s);
        assert_eq!(outcome.simulated_s, 16.0);
        assert_eq!(report.ignored_messages, 0);
        assert_eq!(report.seats.len(), seats.len());
        if seats.contains(&SeatId::Control) {
            let age = report.command_age.unwrap();
            assert!((0.0..0.011).contains(&age.p50_s) && age.max_s < 0.011, "{age:?}");
            assert_eq!(report.missed_control_cycles, 0);
        }
    }
}

#[test]
fn the_emergency_mode_of_a_canbus_outside_is_an_event() {
    let grab = "[[event]]\nwhen = { station_m = 30.0 }\ndriver = { hold_wheel_deg = 10.0, torque_nm = 12.0, for_s = 2.0 }";
    let scenario = load(&format!("{AT_REST}\n{grab}"));
    let outcome = drive(&scenario, &mut FarStack::new(&scenario, &[SeatId::Canbus], EPOCH_UNIX_S));
    let count = |name| names(&outcome).iter().filter(|event| **event == name).count();
    assert_eq!((count("driver_override"), count("disengaged"), count("emergency_mode")), (1, 1, 1));
}

#[test]
fn the_scenario_begins_in_its_start_state_however_late_the_stack_comes() {
    let scenario = load("start = { on = \"straight\", station_m = 20.0, speed_mps = 6.0 }");
    let first = |alive_ms: u64| {
        let mut outside = FarStack::new(&scenario, &[SeatId::Control], EPOCH_UNIX_S);
        outside.alive_from = SimTime::from_ms(alive_ms);
        let mut simulation = simulation(&scenario, &outside);
        loop {
            if let Some(sample) = simulation.step_outside(&mut outside) {
                return (sample, simulation);
            }
            assert!(simulation.waiting().is_some());
        }
    };
    let (early, _) = first(0);
    let (late, simulation) = first(20_000);
    assert!(simulation.waiting().is_none() && simulation.now() > SimTime::from_ms(20_000));
    assert_eq!((late.sample.time_s, late.sample.engaged), (0.0, true));
    assert_eq!(late.sample.truth, early.sample.truth);
    assert!((late.sample.truth.speed_mps - 6.0).abs() < 0.01);
}

#[test]
fn what_is_missing_is_said() {
    let scenario = load(AT_REST);
    let mut outside = FarStack::new(&scenario, &[SeatId::Control, SeatId::Planning], EPOCH_UNIX_S);
    outside.alive_from = SimTime::from_ms(3000);
    outside.trouble = |_, mut command| {
        command.pad_msg = None;
        vec![command]
    };
    let mut simulation = simulation(&scenario, &outside);
    (0..2000).for_each(|_| _ = simulation.step_outside(&mut outside));
    assert_eq!(simulation.waiting().unwrap().silent.to_string(), "planning, control");
    (0..5000).for_each(|_| _ = simulation.step_outside(&mut outside));
    let waiting = simulation.waiting().unwrap();
    assert!(waiting.silent.is_empty());
    assert!(waiting.operator.contains("no command carries it on in its pad_msg"), "{waiting:?}");
}

#[test]
fn the_car_publishes_while_it_waits_at_the_rates_of_the_real_one_with_the_stamps_of_the_epoch() {
    let scenario = load(AT_REST);
    let epoch = 1_790_000_000.25;
    let mut outside = FarStack::new(&scenario, &[SeatId::Control], epoch);
    outside.alive_from = SimTime::from_ms(60_000);
    let mut simulation = simulation(&scenario, &outside);
    (0..10_000).for_each(|_| _ = simulation.step_outside(&mut outside));
    assert!(simulation.waiting().is_some());
    for (topic, at_least, at_most) in [
        ("/apollo/canbus/chassis", 999, 1000),
        ("/apollo/canbus/chassis_detail", 999, 1000),
        ("/apollo/localization/pose", 980, 1000),
        ("/apollo/planning", 95, 100),
        ("/apollo/sensor/gnss/odometry", 985, 1000),
        ("/apollo/sensor/gnss/corrected_imu", 985, 1000),
        ("/apollo/sensor/gnss/gnss_status", 15, 45),
        ("/apollo/sensor/gnss/ins_status", 1, 4),
        ("/apollo/sensor/gnss/stream_status", 2, 2),
        ("/apollo/monitor", 1, 1),
    ] {
        let count = outside.heard.get(topic).copied().unwrap_or(0);
        assert!((at_least..=at_most).contains(&count), "{topic}: {count}");
    }
    assert!((outside.last_stamp_unix_s - (epoch + 9.999)).abs() < 0.2, "{}", outside.last_stamp_unix_s);
}

#[test]
fn messages_for_seats_that_are_filled_inside_are_ignored_and_counted() {
    let scenario = load(AT_REST);
    let mut outside = FarStack::new(&scenario, &[SeatId::Control, SeatId::Localization], EPOCH_UNIX_S);
    let options = RunOptions { external: Seats::NONE.with(SeatId::Control), ..RunOptions::default() };
    let mut simulation = Simulation::new(&scenario, &options).unwrap();
    // It also believes to be the localization.
    struct Both<'a>(&'a mut FarStack);
    impl Outside for Both<'_> {
        fn listens(&self) -> bool {
            true
        }
        fn message_out(&mut self, now: SimTime, message: &TopicMessage) {
            self.0.read(now, message);
        }
        fn messages_in(&mut self, now: SimTime, deliver: &mut dyn FnMut(TopicMessage)) {
            self.0.messages_in(now, deliver);
        }
    }
    (0..3000).for_each(|_| _ = simulation.step_outside(&mut Both(&mut outside)));
    let report = simulation.finish().external.unwrap();
    assert!((250..=300).contains(&report.ignored_messages), "{}", report.ignored_messages);
}

/// Runs a control outside that falls ill at 8 s of the run.
fn ill(trouble: Trouble) -> Outcome {
    let scenario = load(AT_REST);
    let mut outside = FarStack::new(&scenario, &[SeatId::Control], EPOCH_UNIX_S);
    outside.trouble = trouble;
    drive(&scenario, &mut outside)
}

const ILL: std::ops::Range<SimTime> = SimTime::from_ms(8000)..SimTime::from_ms(9000);

fn named<'a>(outcome: &'a Outcome, name: &str) -> Option<&'a str> {
    outcome.events.iter().find(|event| event.name == name).map(|event| event.detail.as_str())
}

#[test]
fn a_control_that_dies_ends_the_run_after_three_seconds() {
    let scenario = load(AT_REST);
    let mut outside = FarStack::new(&scenario, &[SeatId::Control], EPOCH_UNIX_S);
    outside.dead_from = SimTime::from_ms(8000);
    let outcome = drive(&scenario, &mut outside);
    let lost = outcome.lost.as_deref().unwrap();
    assert!(lost.starts_with("control fell silent: nothing on /apollo/control for 3.0 s"), "{lost}");
    assert!(named(&outcome, "control_silent").is_some());
    assert_eq!(named(&outcome, "stack_lost"), Some(lost));
    // Apollo's canbus does not notice: it keeps sending the last command, and so does the embedded one.
    assert!(named(&outcome, "disengaged").is_none(), "{:?}", outcome.events);
    assert!(outcome.simulated_s < 11.1);
}

#[test]
fn a_control_that_is_stopped_for_a_second_is_named_and_goes_on() {
    let outcome = ill(|now, command| if ILL.contains(&now) { Vec::new() } else { vec![command] });
    assert_eq!(outcome.lost, None);
    assert!(named(&outcome, "control_back").is_some_and(|detail| detail.starts_with("after 1.0")));
    let report = outcome.external.unwrap();
    assert!((98..=101).contains(&report.missed_control_cycles), "{}", report.missed_control_cycles);
    assert!((0.9..1.1).contains(&report.command_age.unwrap().max_s));
}

#[test]
fn commands_that_are_no_numbers_are_named_once_and_taken_as_apollos_canbus_does() {
    let outcome = ill(|now, mut command| {
        if ILL.contains(&now) {
            command.throttle = Some(f64::NAN);
            command.brake = Some(f64::NAN);
            command.steering_target = Some(f64::INFINITY);
        }
        vec![command]
    });
    assert_eq!(names(&outcome).iter().filter(|name| **name == "command_not_finite").count(), 1);
    assert!(outcome.metrics.lateral_error_max_m.is_finite());
}

#[test]
fn stale_commands_are_named() {
    let outcome = ill(|now, mut command| {
        if ILL.contains(&now) {
            command.header.as_mut().unwrap().timestamp_sec = Some(EPOCH_UNIX_S);
        }
        vec![command]
    });
    assert!(named(&outcome, "stale_command").is_some_and(|detail| detail.contains("8.0")));
    assert!(outcome.external.unwrap().command_age.unwrap().max_s > 8.0);
}

#[test]
fn stale_commands_of_before_the_start_are_counted_and_no_event_unless_they_go_on() {
    fn aged(mut command: ControlCommand) -> Vec<ControlCommand> {
        command.header.as_mut().unwrap().timestamp_sec = Some(EPOCH_UNIX_S - 60.0);
        vec![command]
    }
    let outcome = ill(|now, command| if now < SimTime::from_ms(100) { aged(command) } else { vec![command] });
    assert_eq!(names(&outcome), ["engaged"]);
    assert_eq!(outcome.external.unwrap().stale_before_start, 10);
    let outcome = ill(|_, command| aged(command));
    let stale: Vec<f64> = outcome
        .events
        .iter()
        .filter(|event| event.name == "stale_command")
        .map(|event| event.time_s)
        .collect();
    assert!(stale.len() == 1 && (0.0..0.02).contains(&stale[0]), "{:?}", outcome.events);
}

#[test]
fn numbers_that_do_not_reach_a_control_outside_are_named() {
    let replaced =
        "start = { on = \"straight\", station_m = 5.0 }\n[stack.control_overrides]\nlateral.ts_s = 0.01";
    for (extra, vehicle, seat, words) in [
        (replaced, "lincoln_mkz", SeatId::Control, Some("replaced: lateral")),
        (AT_REST, "lincoln_mkz_turbo", SeatId::Control, Some("vehicles/lincoln_mkz_turbo/calibration.csv")),
        (replaced, "lincoln_mkz_turbo", SeatId::Planning, None),
        (AT_REST, "lincoln_mkz", SeatId::Control, None),
    ] {
        let scenario = load_with(vehicle, extra);
        let said = crate::out_of_reach(&scenario, Seats::NONE.with(seat));
        assert_eq!(said.len(), usize::from(words.is_some()), "{said:?}");
        assert!(said.iter().all(|said| said.contains(words.unwrap())), "{said:?}");
        let options = RunOptions { external: Seats::NONE.with(seat), ..RunOptions::default() };
        let mut simulation = Simulation::new(&scenario, &options).unwrap();
        simulation.step();
        let outcome = simulation.finish();
        assert_eq!(outcome.explanations.iter().filter(|line| said.contains(line)).count(), said.len());
    }
}

#[test]
fn a_flood_of_commands_is_named_and_canbus_takes_one_in_5_ms() {
    let outcome = ill(|now, command| {
        let copies = if ILL.contains(&now) { 100 } else { 1 };
        std::iter::repeat_n(command, copies).collect()
    });
    assert_eq!(names(&outcome), ["engaged", "command_flood"]);
    assert!(outcome.metrics.lateral_error_rms_m < 0.05);
}

#[test]
fn two_controllers_at_once_are_named() {
    let outcome = ill(|now, command| {
        let mut other = command.clone();
        other.header.as_mut().unwrap().sequence_num = Some(7);
        other.brake = Some(30.0);
        if ILL.contains(&now) { vec![command, other] } else { vec![command] }
    });
    assert_eq!(names(&outcome), ["engaged", "two_controllers"]);
}

#[test]
fn nobody_engages_a_run_without_operator_which_begins_when_all_speak() {
    let scenario = load("start = { on = \"straight\", station_m = 5.0 }\noperator = { engage = false }");
    let mut outside = FarStack::new(&scenario, EVERY_SEAT, EPOCH_UNIX_S);
    outside.alive_from = SimTime::from_ms(1000);
    let outcome = drive(&scenario, &mut outside);
    let report = outcome.external.unwrap();
    assert!(outcome.events.is_empty() && report.presses == 0, "{:?}", outcome.events);
    assert!((1.0..1.3).contains(&report.waited_s), "{}", report.waited_s);
}
