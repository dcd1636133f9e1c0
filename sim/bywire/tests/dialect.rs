//! The by-wire system of a car whose frames carry checksums and rolling counters: the Civic's, from its .dbc alone.

use proptest::prelude::*;
use skidpad_bywire::{ByWire, ByWireError, ByWireParams, DriverInput, EventKind, Fault, Mode, Subsystem};
use skidpad_can::{Checksum, Dbc, Dialect, DialectMessage, Flaw, Flaws, Frame, Role, Sealer};
use skidpad_kernel::SimTime;
use skidpad_vehicle::{ActuatorDemand, Gear, PlantReport, SteeringDemand};

const CIVIC: &str = include_str!("../../../vehicles/honda_civic/bywire.dbc");

fn civic() -> Dbc {
    Dbc::parse(CIVIC, "bywire.dbc").unwrap()
}

/// The commands of one sender, counting on.
struct Sender {
    messages: Vec<(DialectMessage, Sealer)>,
}

impl Sender {
    fn new() -> Self {
        let dialect = Dialect::find(&civic()).unwrap().unwrap();
        let with = |message: DialectMessage| (message.clone(), Sealer::new(message.protection));
        Sender { messages: dialect.commands.into_iter().map(with).collect() }
    }

    /// The next frame of the named message.
    fn frame(&mut self, name: &str, values: &[(Role, f64)]) -> Frame {
        let (message, sealer) = self.messages.iter_mut().find(|(m, _)| m.name == name).expect("the message");
        let mut frame = message.blank;
        for (role, value) in values {
            let signal = message.signals.iter().find(|s| s.role == *role).expect("the role");
            signal.set(&mut frame.data, *value);
        }
        sealer.seal(&mut frame);
        frame
    }

    fn steering(&mut self, angle_deg: f64, enable: bool) -> Frame {
        let enable = (Role::SteeringEnable, f64::from(u8::from(enable)));
        self.frame("STEERING_CONTROL", &[(Role::SteeringAngleCommand, angle_deg), enable])
    }

    fn brake(&mut self, pedal_pct: f64) -> Frame {
        self.frame("BRAKE_COMMAND", &[(Role::BrakePedalCommand, pedal_pct), (Role::BrakeEnable, 1.0)])
    }

    fn gas(&mut self, pedal_pct: f64) -> Frame {
        self.frame("GAS_COMMAND", &[(Role::ThrottlePedalCommand, pedal_pct), (Role::ThrottleEnable, 1.0)])
    }
}

struct Bench {
    bywire: ByWire,
    ms: u64,
    plant: PlantReport,
    driver: DriverInput,
    sent: Vec<Frame>,
    events: Vec<(u64, Subsystem, EventKind)>,
}

impl Bench {
    fn new() -> Self {
        let mut bywire = ByWire::new(&civic(), &ByWireParams::default()).unwrap();
        bywire.start_in_gear(Gear::Drive);
        let plant = PlantReport { gear: Gear::Drive, ..PlantReport::default() };
        Bench { bywire, ms: 0, plant, driver: DriverInput::default(), sent: Vec::new(), events: Vec::new() }
    }

    fn receive(&mut self, frame: Frame) {
        self.bywire.receive(SimTime::from_ms(self.ms), &frame);
    }

    fn run(&mut self, ms: u64) -> ActuatorDemand {
        let mut demand = None;
        for _ in 0..ms {
            self.ms += 1;
            let now = SimTime::from_ms(self.ms);
            demand = Some(self.bywire.update(now, &self.plant, &self.driver));
            let sent = &mut self.sent;
            self.bywire.transmit(now, &self.plant, &mut |frame| sent.push(frame));
            let events = self.bywire.events().map(|e| (e.time.as_ns() / 1_000_000, e.subsystem, e.kind));
            self.events.extend(events);
        }
        demand.expect("at least one tick")
    }

    fn mode(&self, subsystem: Subsystem) -> Mode {
        self.bywire.mode(subsystem).unwrap()
    }

    fn rejected(&self) -> u64 {
        self.bywire.rejected_commands().total()
    }
}

fn angle_deg(demand: &ActuatorDemand) -> Option<f64> {
    match demand.steering {
        SteeringDemand::Servo { angle_rad, .. } => Some(angle_rad.to_degrees()),
        _ => None,
    }
}

#[test]
fn commands_in_the_cars_own_units_and_signs_are_followed() {
    let (mut bench, mut sender) = (Bench::new(), Sender::new());
    let frame = sender.steering(30.0, true);
    // 30 deg left is -300 on a wire that counts 0.1 deg to the right, big-endian; request, counter 0, nibble sum:
    // 0+E+4 (0xE4) + 6 (length) + F+E+D+4 + 0+0 + 8+0 = 0x4E; 8 - 0x4E = 0xA modulo 16.
    assert_eq!(frame, Frame::from_payload(0xE4, &[0xFE, 0xD4, 0x00, 0x80, 0x00, 0x0A]).unwrap());
    bench.receive(frame);
    // The pedals count from the released pedal on the wire: (30 - 13.6) / 0.864 = 18.98 %.
    let frame = sender.brake(30.0);
    assert_eq!(u16::from_be_bytes([frame.data[0], frame.data[1]]) >> 6, 190);
    bench.receive(frame);
    bench.receive(sender.gas(40.0));
    let demand = bench.run(1);
    assert!((angle_deg(&demand).unwrap() - 30.0).abs() < 1e-9);
    assert!((demand.brake_pct - 30.0).abs() < 0.05 && (demand.throttle_pct - 40.0).abs() < 0.01);
    for subsystem in [Subsystem::Brake, Subsystem::Throttle, Subsystem::Steering] {
        assert_eq!(bench.mode(subsystem), Mode::Enabled);
    }
    assert_eq!(bench.rejected(), 0);
}

#[test]
fn a_gear_is_asked_for_by_the_name_of_its_code() {
    let (mut bench, mut sender) = (Bench::new(), Sender::new());
    bench.bywire.start_in_gear(Gear::Park);
    bench.plant = PlantReport { gear: Gear::Park, stationary: true, ..PlantReport::default() };
    bench.receive(sender.brake(30.0));
    let frame = sender.frame("GEAR_COMMAND", &[(Role::GearCommand, 4.0)]);
    assert_eq!(frame.data[0] >> 2, 8, "Drive is 8 on this wire");
    bench.run(1);
    bench.receive(frame);
    assert_eq!(bench.run(1).gear, Gear::Drive);
}

#[test]
fn a_silent_sender_times_out_and_wrong_commands_do_not_put_it_off() {
    let (mut bench, mut sender) = (Bench::new(), Sender::new());
    bench.receive(sender.gas(40.0));
    bench.run(90);
    let mut wrong = sender.gas(40.0);
    wrong.data[5] ^= 1;
    bench.receive(wrong);
    bench.run(15);
    assert_eq!(bench.mode(Subsystem::Throttle), Mode::TimedOut);
    assert_eq!(bench.bywire.rejected_commands(), Flaws { checksum: 1, ..Default::default() });
}

#[test]
fn a_command_sent_again_is_ignored_and_a_lost_one_costs_one_more() {
    let (mut bench, mut sender) = (Bench::new(), Sender::new());
    bench.receive(sender.steering(1.0, true));
    let second = sender.steering(2.0, true);
    bench.receive(second);
    // The same frame again, and again with a right checksum over another angle but the old counter.
    bench.receive(second);
    assert_eq!(bench.bywire.rejected_commands().counter, 1);
    let _lost = sender.steering(3.0, true);
    bench.receive(sender.steering(4.0, true));
    assert_eq!(bench.bywire.rejected_commands().counter, 2);
    assert_eq!(angle_deg(&bench.run(1)), Some(2.0), "still the last good one");
    bench.receive(sender.steering(5.0, true));
    assert!((angle_deg(&bench.run(1)).unwrap() - 5.0).abs() < 1e-9);
    assert_eq!(bench.rejected(), 2);
}

#[test]
fn a_command_out_of_its_range_is_ignored_and_a_sender_stops_at_the_ends_of_it() {
    let (mut bench, mut sender) = (Bench::new(), Sender::new());
    // The encoder saturates: ±470 deg in the .dbc.
    bench.receive(sender.steering(600.0, true));
    assert!((angle_deg(&bench.run(1)).unwrap() - 470.0).abs() < 1e-9);
    // Right checksum and counter over 480 deg to the left.
    let mut frame = sender.steering(0.0, true);
    frame.data[..2].copy_from_slice(&(-4800i16).to_be_bytes());
    let dialect = Dialect::find(&civic()).unwrap().unwrap();
    let message = dialect.commands.iter().find(|message| message.name == "STEERING_CONTROL").unwrap();
    message.protection.seal(&mut frame, 1);
    bench.receive(frame);
    assert_eq!(bench.bywire.rejected_commands(), Flaws { range: 1, ..Flaws::default() });
    assert!((angle_deg(&bench.run(1)).unwrap() - 470.0).abs() < 1e-9, "still the last good one");
    bench.receive(sender.steering(-30.0, true));
    assert!((angle_deg(&bench.run(1)).unwrap() + 30.0).abs() < 1e-9, "the count goes on");
}

#[test]
fn five_wrong_commands_in_a_row_fault_the_steering_alone_until_five_right_ones_without_request() {
    let (mut bench, mut sender) = (Bench::new(), Sender::new());
    let mut cycle = |bench: &mut Bench, enable: bool, wrong: bool| {
        let mut frame = sender.steering(10.0, enable);
        frame.data[0] ^= u8::from(wrong);
        bench.receive(frame);
        bench.receive(sender.brake(20.0));
        bench.run(10)
    };
    cycle(&mut bench, true, false);
    for _ in 0..4 {
        cycle(&mut bench, true, true);
    }
    assert_eq!(bench.mode(Subsystem::Steering), Mode::Enabled, "four are forgiven");
    cycle(&mut bench, true, true);
    assert_eq!(bench.mode(Subsystem::Steering), Mode::Disabled);
    assert_eq!(bench.mode(Subsystem::Brake), Mode::Enabled);
    let of_steering: Vec<EventKind> =
        bench.events.iter().filter(|e| e.1 == Subsystem::Steering).map(|e| e.2).collect();
    let fault = EventKind::Fault(Fault::Commands);
    assert_eq!(of_steering, [EventKind::Enabled, EventKind::Rejected(Flaw::Checksum), fault]);

    // It tells, and asking alone does not bring it back.
    for _ in 0..20 {
        assert_eq!(angle_deg(&cycle(&mut bench, true, false)), None);
    }
    let status = bench.sent.iter().rev().find(|frame| frame.id == 399).unwrap();
    let dbc = civic();
    let flag = |name: &str| dbc.message(399).unwrap().handle(name).unwrap().is_set(&status.data);
    assert!(flag("STEER_FAULT") && !flag("STEER_CONTROL_ACTIVE"));
    for _ in 0..4 {
        cycle(&mut bench, false, false);
    }
    assert_eq!(angle_deg(&cycle(&mut bench, true, false)), None, "four are not enough");
    for _ in 0..5 {
        cycle(&mut bench, false, false);
    }
    assert!(bench.events.iter().any(|e| e.2 == EventKind::FaultCleared(Fault::Commands)));
    assert!(angle_deg(&cycle(&mut bench, true, false)).is_some());
}

#[test]
fn reports_carry_checksum_and_counter_and_say_what_the_plant_does() {
    let mut bench = Bench::new();
    bench.plant = PlantReport {
        gear: Gear::Reverse,
        steering_wheel_rad: 0.5,
        wheel_spin_rps: [10.0, 11.0, 12.0, 13.0],
        wheel_speed_mps: 3.8,
        body_rate_rps: [0.0, 0.0, 0.2],
        specific_force_mps2: [1.0, -2.0, 9.8],
        ..PlantReport::default()
    };
    bench.run(400);
    let dbc = civic();
    let mut counted = 0;
    for message in dbc.messages().iter().filter(|m| m.sender != "ADAS") {
        let frames: Vec<&Frame> = bench.sent.iter().filter(|frame| frame.id == message.id).collect();
        let cycle_ms = message.cycle.unwrap().as_millis() as usize;
        assert!(frames.len().abs_diff(400 / cycle_ms) <= 1, "{message}: {} frames", frames.len());
        let checksum = message.handle("CHECKSUM").unwrap();
        for (index, frame) in frames.iter().enumerate() {
            let mut without = **frame;
            checksum.set_raw(&mut without.data, 0);
            assert_eq!(checksum.raw(&frame.data), i64::from(Checksum::NibbleSum.of(&without)), "{message}");
            if let Ok(counter) = message.handle("COUNTER") {
                assert_eq!(counter.raw(&frame.data), index as i64 % 4, "{message}");
                counted += 1;
            }
        }
    }
    assert!(counted > 100);
    let value = |message: &str, signal: &str| {
        let layout = dbc.message_by_name(message).unwrap();
        let frame = bench.sent.iter().rev().find(|frame| frame.id == layout.id).unwrap();
        layout.handle(signal).unwrap().physical(&frame.data)
    };
    assert!((value("STEERING_SENSORS", "STEER_ANGLE") + 28.6).abs() < 1e-9, "right is positive on this wire");
    assert!((value("WHEEL_SPEEDS", "WHEEL_SPEED_RR") - 14.8824).abs() < 0.006);
    assert!((value("ENGINE_DATA", "XMISSION_SPEED") - 13.68).abs() < 1e-9);
    assert!((value("VEHICLE_DYNAMICS", "YAW_RATE") + 11.46).abs() < 1e-9);
    assert!((value("VEHICLE_DYNAMICS", "LAT_ACCEL") - 2.0).abs() < 1e-3);
    assert_eq!(value("GEARBOX", "GEAR_SHIFTER"), 2.0);
    assert_eq!(value("VSA_STATUS", "USER_BRAKE"), 0.0, "released");
}

/// What `ByWire` says to the Civic's .dbc after replacing its one `from` by `to`.
fn refused(from: &str, to: &str) -> String {
    assert_eq!(CIVIC.matches(from).count(), 1, "{from:?} must occur once");
    let dbc = Dbc::parse(&CIVIC.replace(from, to), "x.dbc").expect(to);
    let error = ByWire::new(&dbc, &ByWireParams::default()).expect_err(to);
    assert!(matches!(error, ByWireError::Dialect(_)), "{error:?}");
    error.to_string()
}

#[test]
fn a_dialect_that_is_wrong_is_refused_with_what_and_where() {
    let role = |text: &str| format!("BA_ \"Role\" SG_ 228 STEER_REQUEST \"{text}\";");
    let enable = role("SteeringCommand.Enable");
    let cases = [
        (
            enable.clone(),
            role("SteeringComand.Enable"),
            "x.dbc: STEERING_CONTROL (0x0E4): STEER_REQUEST: there is no Role \"SteeringComand.Enable\"; did you mean \"SteeringCommand.Enable\"?",
        ),
        (
            enable.clone(),
            String::new(),
            "x.dbc: no signal has the Role \"SteeringCommand.Enable\", which is needed",
        ),
        (enable.clone(), role("BrakeCommand.Enable"), "the role \"BrakeCommand.Enable\" is played by two signals"),
        (enable, role("SteeringReport.Enabled"), "one message cannot be command and report"),
        (
            "BA_ \"ChecksumKind\" SG_ 228 CHECKSUM \"nibble_sum\";".into(),
            "BA_ \"ChecksumKind\" SG_ 228 CHECKSUM \"nible_sum\";".into(),
            "CHECKSUM: there is no ChecksumKind \"nible_sum\"; did you mean \"nibble_sum\"?",
        ),
        (
            "BA_ \"ChecksumKind\" SG_ 228 CHECKSUM \"nibble_sum\";".into(),
            "BA_ \"ChecksumKind\" SG_ 228 CHECKSUM \"xor8\";".into(),
            "CHECKSUM: a xor8 has 8 bits, got 4",
        ),
        (
            "BA_ \"CounterBits\" SG_ 228 COUNTER 2;".into(),
            "BA_ \"CounterBits\" SG_ 228 COUNTER 3;".into(),
            "COUNTER: CounterBits must be the width of the signal, which is 2, and at most 8",
        ),
        (
            "BA_ \"RoleScale\" SG_ 228 STEER_ANGLE_CMD -1;".into(),
            "BA_ \"RoleScale\" SG_ 228 STEER_ANGLE_CMD 0;".into(),
            "STEER_ANGLE_CMD: RoleScale and RoleOffset must be numbers, the scale not zero",
        ),
        ("BA_ \"FaultAfter\" BO_ 228 5;".into(), "BA_ \"FaultAfter\" BO_ 228 1.5;".into(), "FaultAfter must be a whole"),
        (
            "BA_ \"GenMsgCycleTime\" BO_ 228 10;".into(),
            "BA_ \"GenMsgCycleTime\" BO_ 228 0;".into(),
            "STEERING_CONTROL (0x0E4): needs a GenMsgCycleTime of at least 1 ms",
        ),
        (
            "VAL_ 416 GEAR_REQUEST 0 \"None\" 1 \"Park\" 2 \"Reverse\" 4 \"Neutral\" 8 \"Drive\" 16 \"Low\" ;".into(),
            String::new(),
            "GEAR_REQUEST: VAL_ must name its raw values, some of None, Park, Reverse, Neutral, Drive, Low",
        ),
    ];
    for (from, to, expected) in cases {
        let said = refused(&from, &to);
        assert!(said.contains(expected), "{from} -> {to}\n got: {said}\nwant: {expected}");
    }
}

fn cases(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(cases(200))]

    /// Every one of the bits, not one at random: identifier, length and payload.
    #[test]
    fn a_command_with_any_one_bit_flipped_is_rejected(
        angle in -470.0..470.0f64, pedal in 0.0..100.0f64, gear in 0u8..6, which in 0usize..4, before in 0u8..16,
    ) {
        let next = |sender: &mut Sender| match which {
            0 => sender.steering(angle, true),
            1 => sender.brake(pedal),
            2 => sender.gas(pedal),
            _ => sender.frame("GEAR_COMMAND", &[(Role::GearCommand, f64::from(gear))]),
        };
        let mut sender = Sender::new();
        let mut bywire = ByWire::new(&civic(), &ByWireParams::default()).unwrap();
        for _ in 0..before {
            bywire.receive(SimTime::ZERO, &next(&mut sender));
        }
        let frame = next(&mut sender);
        let command_ids = bywire.command_ids();
        for bit in 0..usize::from(frame.len) * 8 {
            let mut ecu = bywire.clone();
            let mut flipped = frame;
            flipped.data[bit / 8] ^= 1 << (bit % 8);
            ecu.receive(SimTime::ZERO, &flipped);
            prop_assert_eq!(ecu.rejected_commands().checksum, 1, "bit {} of {}", bit, frame);
        }
        for bit in 0..11 {
            let flipped = Frame { id: frame.id ^ (1 << bit), ..frame };
            let mut ecu = bywire.clone();
            ecu.receive(SimTime::ZERO, &flipped);
            let seen = ecu.rejected_commands();
            let known = u64::from(command_ids.contains(&flipped.id));
            prop_assert_eq!(seen.length + seen.checksum, known, "a frame of no one is nobody's, of another is wrong");
        }
        for len in (0..=8).filter(|len| *len != frame.len) {
            let mut ecu = bywire.clone();
            ecu.receive(SimTime::ZERO, &Frame { len, ..frame });
            prop_assert_eq!(ecu.rejected_commands().length, 1);
        }
        bywire.receive(SimTime::ZERO, &frame);
        prop_assert_eq!(bywire.rejected_commands(), Flaws::default());
    }

    /// Whatever comes, right or wrong: what is followed is what the last right command said.
    #[test]
    fn no_wrong_frame_changes_what_the_car_is_asked(
        script in prop::collection::vec((1u64..30, -400.0..400.0f64, any::<bool>(), any::<u64>(), 0u8..3), 1..80),
    ) {
        let (mut bench, mut sender) = (Bench::new(), Sender::new());
        let mut last = None;
        for (wait, angle, enable, noise, kind) in script {
            let mut frame = sender.steering(angle, enable);
            match kind {
                0 => {}
                // One nibble changed: the sum of the nibbles changes too.
                1 => frame.data[(noise % 6) as usize] ^= ((noise >> 8) % 15 + 1) as u8,
                _ => frame.data = noise.to_le_bytes(),
            }
            let before = bench.rejected();
            bench.receive(frame);
            if kind == 1 {
                prop_assert_eq!(bench.rejected(), before + 1);
            }
            if bench.rejected() == before {
                let raw = i16::from_be_bytes([frame.data[0], frame.data[1]]);
                last = Some((f64::from(-raw) / 10.0, frame.data[3] & 0x80 != 0));
            }
            let demand = bench.run(wait);
            if let Some(asked) = angle_deg(&demand) {
                let (angle, enabled) = last.expect("a right command came");
                prop_assert!(enabled);
                prop_assert!((asked - angle.clamp(-470.0, 470.0)).abs() < 1e-6, "{} instead of {}", asked, angle);
            }
        }
    }

    #[test]
    fn no_frames_move_an_actuator_that_no_right_command_enables(
        frames in prop::collection::vec((prop::sample::select(vec![228u16, 506, 512, 416, 660]), any::<[u8; 8]>(), 0u8..=8), 1..200),
    ) {
        let mut bench = Bench::new();
        let mut right = 0;
        for (id, data, len) in frames {
            let before = bench.rejected();
            bench.receive(Frame { id, len, data });
            right += u64::from(bench.rejected() == before);
            let demand = bench.run(5);
            if right == 0 {
                prop_assert_eq!(angle_deg(&demand), None);
                prop_assert_eq!((demand.brake_pct, demand.throttle_pct, demand.gear), (13.6, 15.1, Gear::Drive));
            }
        }
    }
}
