//! The module driven as its neighbours drive it: reports from the bus, commands from the topic.

mod vectors;

use super::*;
use proptest::prelude::*;
use skidpad_msgs::apollo::control::{DrivingAction, PadMessage};

/// The module on a bench: the car reports every 10 ms, control commands every 10 ms, 4 ms later.
struct Bench {
    canbus: Canbus,
    now_ms: u64,
    /// What the car reports; empty is a dead bus.
    reports: Vec<Frame>,
    /// What control commands; `None` is a dead control module.
    command: Option<ControlCommand>,
    sent: Vec<(u64, Frame)>,
    chassis: Vec<(u64, Chassis)>,
}

/// Bytes of a healthy report: nothing enabled, no override, no fault.
const HEALTHY: [u8; 8] = [0; 8];
const OVERRIDE_BIT: u64 = 1 << 57;

fn healthy_car() -> Vec<Frame> {
    vec![
        Frame::new(0x61, HEALTHY),
        Frame::new(0x63, HEALTHY),
        Frame::new(0x65, HEALTHY),
        Frame::new(0x67, [4, 0, 0, 0, 0, 0, 0, 0]),
    ]
}

fn driving() -> ControlCommand {
    ControlCommand {
        throttle: Some(20.0),
        brake: Some(0.0),
        steering_target: Some(10.0),
        steering_rate: Some(100.0),
        gear_location: Some(GearPosition::GearDrive.into()),
        ..Default::default()
    }
}

fn with_action(action: DrivingAction) -> ControlCommand {
    let pad = PadMessage { action: Some(action.into()), ..Default::default() };
    ControlCommand { pad_msg: Some(pad), ..driving() }
}

impl Bench {
    fn new() -> Self {
        Bench {
            canbus: Canbus::new(CanbusConf::default()),
            now_ms: 0,
            reports: healthy_car(),
            command: Some(driving()),
            sent: Vec::new(),
            chassis: Vec::new(),
        }
    }

    /// A bench whose module has reports and commands flowing and has been put in auto.
    fn in_auto() -> Self {
        let mut bench = Bench::new();
        bench.run(100);
        bench.press(DrivingAction::Start);
        bench.run(20);
        assert_eq!(bench.canbus.driving_mode(), DrivingMode::CompleteAutoDrive);
        bench
    }

    /// Sets bits of a report, or clears them.
    fn report(&mut self, id: u16, bits: u64, on: bool) {
        let frame = self.reports.iter_mut().find(|frame| frame.id == id).expect("a report of the car");
        let word = u64::from_le_bytes(frame.data);
        frame.data = if on { word | bits } else { word & !bits }.to_le_bytes();
    }

    fn run(&mut self, ms: u64) {
        for _ in 0..ms {
            self.now_ms += 1;
            let now = SimTime::from_ms(self.now_ms);
            if self.now_ms.is_multiple_of(10) {
                self.reports.iter().for_each(|frame| self.canbus.on_frame(frame));
            }
            if self.now_ms % 10 == 4
                && let Some(command) = &self.command
            {
                self.canbus.on_control(now, command);
            }
            let (at, sent) = (self.now_ms, &mut self.sent);
            let chassis = self.canbus.tick(now, 1.5e9 + now.as_s(), &mut |frame| sent.push((at, frame)));
            self.chassis.extend(chassis.map(|chassis| (at, chassis)));
        }
    }

    /// Control's next command carries the action, once. The command goes in at the returned time, in ms.
    fn press(&mut self, action: DrivingAction) -> u64 {
        while self.now_ms % 10 != 3 {
            self.run(1);
        }
        let usual = self.command.replace(with_action(action));
        self.run(1);
        self.command = usual;
        self.now_ms
    }

    fn mode(&self) -> DrivingMode {
        self.canbus.driving_mode()
    }

    /// Runs until the mode is as wanted, and returns the time in ms; 2 s at most.
    fn run_until(&mut self, wanted: DrivingMode) -> u64 {
        for _ in 0..2000 {
            if self.mode() == wanted {
                return self.now_ms;
            }
            self.run(1);
        }
        panic!("still {:?} after 2 s", self.mode());
    }

    /// The longest pause between two `Chassis`, in ms.
    fn longest_gap_ms(&self) -> u64 {
        self.chassis.windows(2).map(|pair| pair[1].0 - pair[0].0).max().unwrap_or(0)
    }

    /// The last frame sent with this id.
    fn last(&self, id: u16) -> [u8; 8] {
        self.sent.iter().rev().find(|(_, frame)| frame.id == id).expect("a frame sent").1.data
    }

    fn last_chassis(&self) -> &Chassis {
        &self.chassis.last().expect("a chassis published").1
    }
}

fn enabled(bench: &Bench) -> [bool; 3] {
    [bench.last(0x60)[3] & 1 != 0, bench.last(0x62)[3] & 1 != 0, bench.last(0x64)[2] & 1 != 0]
}

#[test]
fn commands_go_out_every_20_ms_and_lamps_every_50_ms_in_one_order() {
    let mut bench = Bench::new();
    bench.run(100);
    let sent: Vec<(u64, u16)> = bench.sent.iter().map(|(at, frame)| (*at, frame.id)).collect();
    let mut expected = Vec::new();
    for ms in 1..=100 {
        if ms % 20 == 0 {
            expected.extend([0x60, 0x62, 0x64, 0x66].map(|id| (ms, id)));
        }
        if ms % 50 == 0 {
            expected.push((ms, 0x68));
        }
    }
    assert_eq!(sent, expected);
    assert!(
        bench.sent.iter().all(|(_, frame)| frame.len == 8 && frame.data == HEALTHY),
        "zero until enabled"
    );
}

#[test]
fn chassis_comes_at_100_hz_and_counts_from_one() {
    let mut bench = Bench::new();
    bench.run(50);
    let headers: Vec<_> = bench
        .chassis
        .iter()
        .map(|(at, chassis)| {
            let header = chassis.header.as_ref().expect("a header");
            (*at, header.sequence_num(), header.module_name(), header.timestamp_sec())
        })
        .collect();
    let stamp = |ms: u64| 1.5e9 + SimTime::from_ms(ms).as_s();
    assert_eq!(headers, [1u64, 2, 3, 4, 5].map(|n| (n * 10, n as u32, "chassis", stamp(n * 10))));
}

#[test]
fn a_chassis_of_a_silent_bus_is_zero_not_unset() {
    let mut bench = Bench::new();
    bench.reports.clear();
    bench.run(10);
    let mut got = bench.last_chassis().clone();
    got.header = None;
    let expected = Chassis {
        engine_started: Some(true),
        engine_rpm: Some(0.0),
        speed_mps: Some(0.0),
        odometer_m: Some(0.0),
        fuel_range_m: Some(0),
        throttle_percentage: Some(0.0),
        brake_percentage: Some(0.0),
        steering_percentage: Some(0.0),
        steering_torque_nm: Some(0.0),
        parking_brake: Some(false),
        driving_mode: Some(DrivingMode::CompleteManual.into()),
        error_code: Some(ErrorCode::NoError.into()),
        gear_location: Some(GearPosition::GearNone.into()),
        signal: Some(Signal {
            turn_signal: Some(TurnSignal::TurnNone.into()),
            horn: Some(false),
            ..Default::default()
        }),
        ..Default::default()
    };
    assert_eq!(got, expected);
}

#[test]
fn start_with_healthy_units_is_auto_at_once_and_enabled_on_the_bus_within_20_ms() {
    let mut bench = Bench::new();
    bench.run(200);
    let pressed = bench.press(DrivingAction::Start);
    assert_eq!(bench.mode(), DrivingMode::CompleteAutoDrive);
    bench.run(20);
    let (seen, _) = bench
        .chassis
        .iter()
        .find(|(_, chassis)| chassis.driving_mode() == DrivingMode::CompleteAutoDrive)
        .expect("auto is published");
    assert!(seen - pressed <= 17, "measured on the real module: 4 to 17 ms, here {}", seen - pressed);
    assert_eq!(enabled(&bench), [true; 3]);
    assert_eq!(bench.longest_gap_ms(), 10);
    // The command that carried START drives at once.
    assert_eq!(bench.last(0x62), [0x33, 0x33, 0, 1, 0, 0, 0, 0]);
    assert_eq!(bench.last(0x64), [0xD6, 0x01, 1, 0xFA, 0, 0, 0, 0]);
    assert_eq!(bench.last(0x66), [4, 0, 0, 0, 0, 0, 0, 0]);
}

#[test]
fn an_override_at_start_ends_in_emergency_after_400_ms_without_chassis() {
    for id in [0x61, 0x63, 0x65] {
        let mut bench = Bench::new();
        bench.report(id, OVERRIDE_BIT, true);
        bench.run(200);
        let pressed = bench.press(DrivingAction::Start);
        bench.run(100);
        assert!(bench.canbus.is_enabling());
        assert_eq!(enabled(&bench), [true; 3], "the enable bits are on the bus while it polls");
        assert_eq!(bench.mode(), DrivingMode::CompleteManual);
        let ended = bench.run_until(DrivingMode::EmergencyMode);
        bench.run(30);
        assert_eq!(ended - pressed, 400);
        assert!((400..=414).contains(&bench.longest_gap_ms()), "gap {} ms", bench.longest_gap_ms());
        for id in [0x60, 0x62, 0x64, 0x66] {
            assert_eq!(bench.last(id), HEALTHY, "frame {id:#x} after the failure");
        }
        assert_eq!(bench.last_chassis().error_code(), ErrorCode::NoError);
        assert_eq!(bench.last_chassis().chassis_error_mask, None);
    }
}

#[test]
fn start_before_any_report_ends_in_emergency() {
    let mut bench = Bench::new();
    bench.reports.clear();
    let pressed = bench.press(DrivingAction::Start);
    assert_eq!(bench.run_until(DrivingMode::EmergencyMode) - pressed, 400);
    let changes: Vec<_> = bench.canbus.drain_mode_changes().collect();
    assert_eq!(
        changes,
        [ModeChange {
            at: SimTime::from_ms(pressed + 400),
            from: DrivingMode::CompleteManual,
            to: DrivingMode::EmergencyMode,
            cause: Trigger::UnitsSilent,
        }]
    );
    assert_eq!(bench.canbus.drain_mode_changes().count(), 0);
}

#[test]
fn an_override_that_clears_while_enabling_is_auto_at_the_next_poll() {
    let mut bench = Bench::new();
    bench.report(0x65, OVERRIDE_BIT, true);
    bench.run(100);
    let pressed = bench.press(DrivingAction::Start);
    bench.run(150);
    bench.report(0x65, OVERRIDE_BIT, false);
    let cleared = bench.now_ms;
    let auto = bench.run_until(DrivingMode::CompleteAutoDrive);
    assert_eq!((auto - pressed) % 20, 0, "polls come every 20 ms");
    assert!(auto - cleared <= 30);
}

#[test]
fn stale_reports_count_as_online() {
    let mut bench = Bench::new();
    bench.run(50);
    bench.reports.clear();
    bench.run(5000);
    bench.press(DrivingAction::Start);
    assert_eq!(bench.mode(), DrivingMode::CompleteAutoDrive);
}

#[test]
fn a_bus_or_a_control_that_falls_silent_is_not_noticed() {
    let mut bench = Bench::in_auto();
    bench.reports.clear();
    bench.command = None;
    let frames = [0x60, 0x62, 0x64, 0x66].map(|id| bench.last(id));
    bench.run(10_000);
    assert_eq!(bench.mode(), DrivingMode::CompleteAutoDrive);
    assert_eq!([0x60, 0x62, 0x64, 0x66].map(|id| bench.last(id)), frames);
}

#[test]
fn the_driver_takes_over_after_ten_checks_of_an_override() {
    for id in [0x61, 0x63, 0x65] {
        let mut bench = Bench::in_auto();
        bench.run(7);
        bench.report(id, OVERRIDE_BIT, true);
        let grabbed = bench.now_ms;
        let ended = bench.run_until(DrivingMode::EmergencyMode);
        assert!((450..=510).contains(&(ended - grabbed)), "took {} ms", ended - grabbed);
        bench.run(40);
        assert_eq!(enabled(&bench), [false; 3]);
        assert_eq!(bench.last_chassis().error_code(), ErrorCode::NoError);
        assert_eq!(
            bench.canbus.drain_mode_changes().last().map(|change| change.cause),
            Some(Trigger::OverrideHeld)
        );
    }
}

#[test]
fn an_override_that_lets_go_in_time_leaves_the_car_in_auto() {
    let mut bench = Bench::in_auto();
    for _ in 0..5 {
        bench.report(0x65, OVERRIDE_BIT, true);
        bench.run(400);
        bench.report(0x65, OVERRIDE_BIT, false);
        bench.run(60);
    }
    assert_eq!(bench.mode(), DrivingMode::CompleteAutoDrive);
}

#[test]
fn an_override_in_manual_is_the_driver_driving() {
    let mut bench = Bench::new();
    bench.report(0x65, OVERRIDE_BIT, true);
    bench.run(2000);
    assert_eq!(bench.mode(), DrivingMode::CompleteManual);
}

#[test]
fn a_fault_bit_is_emergency_at_the_next_check_in_any_mode() {
    // Report, bit, bit of the mask.
    let faults = [
        (0x65, 59, 0),
        (0x65, 60, 1),
        (0x65, 61, 2),
        (0x65, 62, 3),
        (0x65, 63, 4),
        (0x61, 59, 5),
        (0x61, 60, 6),
        (0x61, 61, 7),
        (0x61, 62, 8),
        (0x61, 63, 9),
        (0x63, 59, 10),
        (0x63, 60, 11),
        (0x63, 61, 12),
        (0x63, 63, 13),
    ];
    for (id, bit, mask_bit) in faults {
        for mut bench in [Bench::new(), Bench::in_auto()] {
            bench.run(17);
            bench.report(id, 1 << bit, true);
            let broke = bench.now_ms;
            let ended = bench.run_until(DrivingMode::EmergencyMode);
            assert!(ended - broke <= 60, "took {} ms", ended - broke);
            bench.run(20);
            let chassis = bench.last_chassis();
            assert_eq!(chassis.chassis_error_mask, Some(1 << mask_bit), "bit {bit} of {id:#x}");
            assert_eq!(chassis.error_code(), ErrorCode::NoError);
        }
    }
}

#[test]
fn a_gear_fault_is_shown_and_nothing_more() {
    let mut bench = Bench::in_auto();
    bench.report(0x67, 1 << 7, true);
    bench.run(200);
    assert_eq!(bench.mode(), DrivingMode::CompleteAutoDrive);
    assert_eq!(bench.last_chassis().chassis_error_mask, Some(1 << 14));
}

#[test]
fn bit_62_of_the_throttle_report_is_no_fault_to_the_real_decoder() {
    let mut bench = Bench::in_auto();
    bench.report(0x63, 1 << 62, true);
    bench.run(200);
    assert_eq!(bench.mode(), DrivingMode::CompleteAutoDrive);
}

#[test]
fn emergency_hears_only_stop_and_reset() {
    for action in [DrivingAction::Stop, DrivingAction::Reset] {
        let mut bench = Bench::in_auto();
        bench.report(0x61, 1 << 59, true);
        bench.run_until(DrivingMode::EmergencyMode);
        bench.report(0x61, 1 << 59, false);
        bench.run(100);
        bench.press(DrivingAction::Start);
        bench.run(500);
        assert_eq!(bench.mode(), DrivingMode::EmergencyMode);
        assert_eq!(enabled(&bench), [false; 3]);
        bench.press(action);
        assert_eq!(bench.mode(), DrivingMode::CompleteManual);
        bench.press(DrivingAction::Start);
        assert_eq!(bench.mode(), DrivingMode::CompleteAutoDrive);
    }
}

#[test]
fn stop_and_reset_give_the_car_back_with_zero_frames() {
    for action in [DrivingAction::Stop, DrivingAction::Reset] {
        let mut bench = Bench::in_auto();
        bench.press(action);
        assert_eq!(bench.mode(), DrivingMode::CompleteManual);
        bench.run(40);
        for id in [0x60, 0x62, 0x64, 0x66] {
            assert_eq!(bench.last(id), HEALTHY, "frame {id:#x}");
        }
    }
}

#[test]
fn in_manual_commands_do_not_reach_the_bus() {
    let mut bench = Bench::new();
    bench.command = Some(ControlCommand { brake: Some(50.0), ..driving() });
    bench.run(1000);
    assert!(bench.sent.iter().all(|(_, frame)| frame.data == HEALTHY));
}

#[test]
fn emergency_leaves_the_last_frames_on_the_bus_until_a_command_comes() {
    let mut bench = Bench::in_auto();
    bench.command = None;
    bench.report(0x61, 1 << 59, true);
    bench.run_until(DrivingMode::EmergencyMode);
    bench.run(1000);
    assert_eq!(enabled(&bench), [true; 3], "control is dead, so nothing refreshes the frames");
    bench.command = Some(driving());
    bench.run(40);
    assert_eq!(enabled(&bench), [false; 3]);
}

#[test]
fn a_command_within_5_ms_is_ignored_with_its_pad_action() {
    let mut bench = Bench::in_auto();
    bench.command = None;
    bench.run(20);
    let at = |ms: u64| SimTime::from_ms(ms);
    let start = bench.now_ms;
    bench.canbus.on_control(at(start), &driving());
    bench.canbus.on_control(at(start + 4), &with_action(DrivingAction::Stop));
    assert_eq!(bench.mode(), DrivingMode::CompleteAutoDrive);
    assert_eq!(bench.canbus.ignored_commands(), 1);
    // The ignored one does not start the interval anew.
    bench.canbus.on_control(at(start + 5), &with_action(DrivingAction::Stop));
    assert_eq!(bench.mode(), DrivingMode::CompleteManual);
}

#[test]
fn a_reset_while_the_module_is_blocked_is_lost_unless_it_is_the_oldest_that_waits() {
    // Forty commands come in 400 ms and ten can wait: the first of those ten is heard.
    for (pressed_after_ms, heard) in [(100, false), (310, true), (350, false)] {
        let mut bench = Bench::new();
        bench.report(0x65, OVERRIDE_BIT, true);
        bench.run(100);
        let started = bench.press(DrivingAction::Start);
        bench.run(pressed_after_ms - 10);
        bench.press(DrivingAction::Reset);
        bench.run(started + 399 - bench.now_ms);
        assert!(bench.canbus.is_enabling());
        bench.run(30);
        let expected = if heard { DrivingMode::CompleteManual } else { DrivingMode::EmergencyMode };
        assert_eq!(bench.mode(), expected, "RESET {pressed_after_ms} ms after START");
    }
}

#[test]
fn a_fault_while_enabling_is_overruled_for_one_check() {
    let mut bench = Bench::new();
    bench.report(0x65, OVERRIDE_BIT, true);
    bench.run(100);
    bench.press(DrivingAction::Start);
    bench.report(0x61, 1 << 60, true);
    bench.run_until(DrivingMode::EmergencyMode);
    assert!(bench.canbus.is_enabling(), "the poll goes on");
    bench.report(0x65, OVERRIDE_BIT, false);
    bench.run_until(DrivingMode::CompleteAutoDrive);
    bench.run(10);
    assert_eq!(bench.last_chassis().error_code(), ErrorCode::ChassisError);
    bench.run(50);
    assert_eq!(bench.mode(), DrivingMode::EmergencyMode);
}

#[test]
fn steering_speed_follows_the_rate_between_100_and_500_deg_per_s() {
    // Rate in percent of 500 deg/s; the frame counts 2 deg/s.
    for (rate_pct, raw) in
        [(100.0, 250), (60.0, 150), (5.0, 50), (200.0, 250), (1.0, 100), (0.0, 100), (f64::NAN, 100)]
    {
        let mut bench = Bench::in_auto();
        bench.command = Some(ControlCommand { steering_rate: Some(rate_pct), ..driving() });
        bench.run(40);
        assert_eq!(bench.last(0x64)[3], raw, "rate {rate_pct} %");
    }
}

#[test]
fn lamps_move_only_with_a_command_that_has_a_signal() {
    let mut bench = Bench::in_auto();
    let signal = |turn: TurnSignal| Signal { turn_signal: Some(turn.into()), ..Default::default() };
    bench.command = Some(ControlCommand { signal: Some(signal(TurnSignal::TurnRight)), ..driving() });
    bench.run(60);
    assert_eq!(bench.last(0x68)[0], 2);
    bench.command = Some(driving());
    bench.run(200);
    assert_eq!(bench.last(0x68)[0], 2, "a command without a signal leaves the lamps");
    bench.command = Some(ControlCommand { signal: Some(signal(TurnSignal::TurnNone)), ..driving() });
    bench.run(60);
    assert_eq!(bench.last(0x68)[0], 0);
}

#[test]
fn each_gear_has_its_code() {
    use GearPosition::*;
    for (gear, code) in [
        (GearNone, 0),
        (GearInvalid, 0),
        (GearParking, 1),
        (GearReverse, 2),
        (GearNeutral, 3),
        (GearDrive, 4),
        (GearLow, 5),
    ] {
        let mut bench = Bench::in_auto();
        bench.command = Some(ControlCommand { gear_location: Some(gear.into()), ..driving() });
        bench.run(40);
        assert_eq!(bench.last(0x66)[0], code, "{gear:?}");
    }
    let mut bench = Bench::in_auto();
    bench.command = Some(ControlCommand { gear_location: None, ..driving() });
    bench.run(40);
    assert_eq!(bench.last(0x66)[0], 3, "an unset gear reads NEUTRAL");
}

#[test]
fn the_partial_modes_enable_and_watch_their_own_units() {
    for (mode, shown, enables, watched, foreign) in [
        (AutoMode::SteerOnly, DrivingMode::AutoSteerOnly, [false, false, true], 0x65, 0x61),
        (AutoMode::SpeedOnly, DrivingMode::AutoSpeedOnly, [true, true, false], 0x61, 0x65),
    ] {
        let mut bench = Bench::new();
        bench.canbus = Canbus::new(CanbusConf { driving_mode: mode, ..CanbusConf::default() });
        bench.report(foreign, OVERRIDE_BIT, true);
        bench.run(100);
        bench.press(DrivingAction::Start);
        assert_eq!(bench.mode(), shown);
        bench.run(1000);
        assert_eq!(bench.mode(), shown);
        assert_eq!(enabled(&bench), enables);
        assert_eq!(bench.last(0x64)[0] != 0, mode == AutoMode::SteerOnly);
        assert_eq!(bench.last(0x62)[0] != 0, mode == AutoMode::SpeedOnly);
        bench.report(watched, OVERRIDE_BIT, true);
        bench.run_until(DrivingMode::EmergencyMode);
    }
}

#[test]
fn a_car_that_rolls_backwards_reads_forwards() {
    let mut bench = Bench::new();
    // 1 m/s backwards, as an ECU that sends a signed speed would write it: the decoder is unsigned.
    let raw = (-360i16).to_le_bytes();
    bench.reports = vec![Frame::new(0x65, [0, 0, 0, 0, raw[0], raw[1], 0, 0])];
    bench.run(20);
    assert!(bench.last_chassis().speed_mps() > 180.0);
}

#[test]
fn the_version_frame_goes_to_the_unit_it_names() {
    let mut canbus = Canbus::new(CanbusConf::default());
    for unit in 0..=4u8 {
        canbus.on_frame(&Frame::new(0x7F, [unit, 0, unit, 1, unit, 2, unit, 3]));
    }
    let detail = canbus.chassis_detail();
    let versions = [
        detail.brake.map(|brake| [brake.major_version(), brake.minor_version(), brake.build_number()]),
        detail.gas.map(|gas| [gas.major_version(), gas.minor_version(), gas.build_number()]),
        detail.eps.map(|eps| [eps.major_version(), eps.minor_version(), eps.build_number()]),
    ];
    assert_eq!(versions, [1, 2, 3].map(|unit| Some([0x100 + unit, 0x200 + unit, 0x300 + unit])));
}

/// What a neighbour may do within a millisecond.
#[derive(Clone, Debug)]
enum Deed {
    Frame(u16, [u8; 8], u8),
    Command { action: Option<i32>, gear: Option<i32>, values: [f64; 4], turn: Option<Option<i32>> },
    Wait(u16),
}

fn deeds() -> impl Strategy<Value = Deed> {
    let code = || prop_oneof![-1..8, any::<i32>()];
    prop_oneof![
        (0x5F..0x81u16, any::<[u8; 8]>(), 0..=8u8).prop_map(|(id, data, len)| Deed::Frame(id, data, len)),
        (0x60..0x68u16).prop_map(|id| Deed::Frame(id, HEALTHY, 8)),
        (
            prop::option::of(code()),
            prop::option::of(code()),
            prop::array::uniform4(prop_oneof![-200.0..200.0, any::<f64>()]),
            prop::option::of(prop::option::of(code())),
        )
            .prop_map(|(action, gear, values, turn)| Deed::Command { action, gear, values, turn }),
        (0..200u16).prop_map(Deed::Wait),
    ]
}

proptest! {
    #[test]
    fn nothing_a_neighbour_does_makes_it_panic_or_steer_out_of_range(deeds in prop::collection::vec(deeds(), 0..200)) {
        let mut canbus = Canbus::new(CanbusConf::default());
        let mut now = SimTime::ZERO;
        for deed in deeds {
            match deed {
                Deed::Frame(id, data, len) => canbus.on_frame(&Frame { id, len, data }),
                Deed::Command { action, gear, values, turn } => canbus.on_control(now, &ControlCommand {
                    throttle: Some(values[0]),
                    brake: Some(values[1]),
                    steering_target: Some(values[2]),
                    steering_rate: Some(values[3]),
                    gear_location: gear,
                    signal: turn.map(|turn_signal| Signal { turn_signal, ..Default::default() }),
                    pad_msg: action.map(|action| PadMessage { action: Some(action), ..Default::default() }),
                    ..Default::default()
                }),
                Deed::Wait(ms) => {
                    for _ in 0..ms {
                        now += Duration::from_millis(1);
                        let mut sent = Vec::new();
                        let chassis = canbus.tick(now, 1.5e9 + now.as_s(), &mut |frame| sent.push(frame));
                        prop_assert!(chassis.is_none_or(|chassis| !chassis.speed_mps().is_nan()));
                        for frame in sent {
                            let raw_deg_tenth = i16::from_le_bytes([frame.data[0], frame.data[1]]);
                            prop_assert!(frame.id != 0x64 || raw_deg_tenth.abs() <= 4700);
                            prop_assert!(frame.id != 0x66 || frame.data[0] <= 5);
                            prop_assert_eq!(frame.data[7], 0, "the watchdog count is never used");
                        }
                    }
                }
            }
        }
    }
}
