//! Each transition of the by-wire state machines, as it happens to somebody.

mod common;

use common::{Bench, near};
use skidpad_bywire::{
    ByWire, ByWireError, ByWireParams, EventKind, Fault, GearReject, Hands, Mode, Subsystem, TurnSignal,
    WatchdogCause,
};
use skidpad_can::{Dbc, Frame};
use skidpad_kernel::SimTime;
use skidpad_vehicle::{Gear, SteeringDemand};
use std::time::Duration;

const MODULES: [Subsystem; 3] = [Subsystem::Brake, Subsystem::Throttle, Subsystem::Steering];

#[test]
fn without_a_command_the_car_is_the_drivers() {
    let mut bench = Bench::new();
    bench.run(300);
    assert_eq!(
        (bench.demand.throttle_pct, bench.demand.brake_pct),
        (15.1, 13.6),
        "released pedals rest here"
    );
    assert_eq!(bench.demand.steering, SteeringDemand::Free { driver_torque_nm: 0.0 });
    assert_eq!(bench.demand.gear, Gear::Drive);
    assert!(bench.events.is_empty());
    assert_eq!(bench.report("BrakeReport", "CommandTimeout"), 0.0, "never commanded is not timed out");
    assert_eq!(bench.report("BrakeReport", "Override"), 0.0);
}

#[test]
fn commands_without_enable_move_nothing() {
    let mut bench = Bench::new();
    let commands = [
        bench.frame("BrakeCommand", &[("PedalCommand", 40.0)]),
        bench.frame("ThrottleCommand", &[("PedalCommand", 50.0)]),
        bench.frame("SteeringCommand", &[("AngleCommand", 100.0)]),
    ];
    bench.run_with(200, &commands);
    assert_eq!((bench.demand.throttle_pct, bench.demand.brake_pct), (15.1, 13.6));
    assert_eq!(bench.servo_deg(), None);
    // The command is reported all the same, as not followed.
    assert!(near(bench.report("BrakeReport", "PedalCommand"), 40.0, 1e-3));
    assert_eq!(bench.report("BrakeReport", "Enabled"), 0.0);
}

#[test]
fn enabling_hands_the_car_to_the_computer() {
    let mut bench = Bench::new();
    bench.run_with(100, &bench.commands(30.0, 20.0, -90.0));
    assert!(near(bench.demand.throttle_pct, 30.0, 1e-3) && near(bench.demand.brake_pct, 20.0, 1e-3));
    let (angle, rate) = bench.servo_deg().unwrap();
    assert!(near(angle, -90.0, 1e-9) && near(rate, 500.0, 1e-9), "no rate named: the fastest");
    for subsystem in MODULES {
        assert_eq!(bench.events_of(subsystem), [(0, EventKind::Enabled)]);
    }
    for report in ["BrakeReport", "ThrottleReport", "SteeringReport"] {
        assert_eq!(bench.report(report, "Enabled"), 1.0);
    }
}

#[test]
fn a_command_below_the_released_pedal_changes_nothing() {
    let mut bench = Bench::new();
    bench.run_with(100, &bench.commands(10.0, 5.0, 0.0));
    assert_eq!((bench.demand.throttle_pct, bench.demand.brake_pct), (15.1, 13.6));
}

#[test]
fn the_steering_command_limits_rate_and_angle() {
    let mut bench = Bench::new();
    let cases = [(300.0, 200.0, 300.0, 200.0), (900.0, 510.0, 470.0, 500.0), (-900.0, 2.0, -470.0, 2.0)];
    for (angle, rate, angle_got, rate_got) in cases {
        bench.command("SteeringCommand", &[("AngleCommand", angle), ("RateLimit", rate), ("Enable", 1.0)]);
        bench.tick();
        let got = bench.servo_deg().unwrap();
        assert!(near(got.0, angle_got, 1e-9) && near(got.1, rate_got, 1e-9), "{got:?}");
    }
}

#[test]
fn withdrawing_enable_gives_the_car_back() {
    let mut bench = Bench::new();
    bench.run_with(100, &bench.commands(30.0, 20.0, 45.0));
    bench.command("ThrottleCommand", &[("PedalCommand", 30.0)]);
    bench.tick();
    assert_eq!(bench.demand.throttle_pct, 15.1);
    assert_eq!(bench.events_of(Subsystem::Throttle), [(0, EventKind::Enabled), (100, EventKind::Disabled)]);
    assert!(bench.servo_deg().is_some() && bench.demand.brake_pct > 19.0, "each subsystem on its own");
}

#[test]
fn a_tenth_of_a_second_without_commands_disables() {
    let mut bench = Bench::new();
    bench.run_with(101, &bench.commands(30.0, 20.0, 45.0));
    // The last commands came at 100 ms.
    bench.run(98);
    assert_eq!(bench.ms, 199);
    assert!(MODULES.iter().all(|s| bench.mode(*s) == Mode::Enabled), "99 ms are not yet too long");
    bench.tick();
    assert!(MODULES.iter().all(|s| bench.mode(*s) == Mode::TimedOut));
    assert_eq!((bench.demand.throttle_pct, bench.demand.brake_pct), (15.1, 13.6));
    assert_eq!(bench.servo_deg(), None);
    assert_eq!(bench.events_of(Subsystem::Steering), [(0, EventKind::Enabled), (200, EventKind::Timeout)]);
    bench.run(20);
    for report in ["BrakeReport", "ThrottleReport", "SteeringReport"] {
        assert_eq!(
            (bench.report(report, "CommandTimeout"), bench.report(report, "Enabled")),
            (1.0, 0.0),
            "{report}"
        );
        assert_eq!(bench.report(report, "WatchdogFault"), 0.0, "no COUNT was used");
    }
}

#[test]
fn old_firmware_does_not_report_the_time_out() {
    let mut bench = Bench::with(ByWireParams { report_timeout: false, ..ByWireParams::default() });
    bench.run_with(100, &bench.commands(30.0, 20.0, 45.0));
    bench.run(200);
    assert_eq!(bench.mode(Subsystem::Brake), Mode::TimedOut);
    assert_eq!(bench.report("BrakeReport", "CommandTimeout"), 0.0);
}

#[test]
fn commands_that_return_after_a_time_out_need_a_rising_enable() {
    let mut bench = Bench::new();
    bench.run_with(100, &bench.commands(30.0, 20.0, 45.0));
    bench.run(200);
    bench.run_with(100, &bench.commands(30.0, 20.0, 45.0));
    assert!(MODULES.iter().all(|s| bench.mode(*s) == Mode::Disabled), "EN never fell");
    assert_eq!(bench.report("BrakeReport", "CommandTimeout"), 0.0, "the bit falls with the next command");
    for message in ["BrakeCommand", "ThrottleCommand", "SteeringCommand"] {
        bench.command(message, &[]);
    }
    bench.tick();
    bench.run_with(20, &bench.commands(30.0, 20.0, 45.0));
    assert!(MODULES.iter().all(|s| bench.mode(*s) == Mode::Enabled));
}

#[test]
fn the_driver_brakes_and_keeps_the_brake_until_enabled_anew() {
    let mut bench = Bench::new();
    let commands = bench.commands(30.0, 20.0, 45.0);
    bench.run_with(100, &commands);
    bench.driver.brake_pct = 35.0;
    bench.run_with(60, &commands);
    assert_eq!(bench.mode(Subsystem::Brake), Mode::Overridden);
    assert_eq!(
        bench.events_of(Subsystem::Brake)[1],
        (151, EventKind::Override),
        "50 ms after the press at 101 ms"
    );
    assert_eq!(bench.demand.brake_pct, 35.0, "only the driver's foot acts");
    assert_eq!(bench.mode(Subsystem::Throttle), Mode::Enabled, "each subsystem on its own");

    bench.driver.brake_pct = 0.0;
    bench.run_with(500, &commands);
    assert_eq!(bench.mode(Subsystem::Brake), Mode::Overridden, "latched");
    assert_eq!((bench.report("BrakeReport", "Override"), bench.report("BrakeReport", "Enabled")), (1.0, 0.0));
    assert_eq!(bench.report("BrakeReport", "DriverActivity"), 0.0);
    assert_eq!(bench.demand.brake_pct, 13.6);

    bench.run_with(20, &[bench.frame("BrakeCommand", &[])]);
    assert_eq!(bench.mode(Subsystem::Brake), Mode::Overridden, "a falling EN does not clear it");
    bench.run_with(20, &commands[..1]);
    assert_eq!(bench.mode(Subsystem::Brake), Mode::Enabled, "a rising EN does");
    assert!(near(bench.demand.brake_pct, 20.0, 1e-3));
}

#[test]
fn clear_ends_an_override() {
    let mut bench = Bench::new();
    let commands = bench.commands(30.0, 20.0, 45.0);
    bench.run_with(100, &commands);
    bench.driver.throttle_pct = 40.0;
    bench.run_with(100, &commands);
    bench.driver.throttle_pct = 0.0;
    bench.run_with(100, &commands);
    assert_eq!(bench.mode(Subsystem::Throttle), Mode::Overridden);
    bench.command("ThrottleCommand", &[("Enable", 1.0), ("Clear", 1.0), ("PedalCommand", 30.0)]);
    bench.tick();
    assert_eq!(bench.mode(Subsystem::Throttle), Mode::Enabled);

    bench.driver.throttle_pct = 40.0;
    bench.run_with(100, &commands);
    bench.command("ThrottleCommand", &[("Clear", 1.0)]);
    bench.tick();
    assert_eq!(bench.mode(Subsystem::Throttle), Mode::Disabled, "cleared, and not enabled");
}

#[test]
fn a_short_frame_with_clear_is_enough_as_the_vendors_driver_sends_it() {
    let mut bench = Bench::new();
    let commands = bench.commands(30.0, 20.0, 45.0);
    bench.run_with(100, &commands);
    bench.driver.brake_pct = 30.0;
    bench.run_with(100, &commands);
    bench.driver.brake_pct = 0.0;
    bench.tick();
    let clear = Frame { len: 4, ..bench.frame("BrakeCommand", &[("Clear", 1.0)]) };
    bench.receive(clear);
    assert_eq!(bench.mode(Subsystem::Brake), Mode::Disabled);
    bench.receive(Frame { len: 3, ..bench.commands(0.0, 50.0, 0.0)[0] });
    assert_eq!(bench.mode(Subsystem::Brake), Mode::Disabled, "three bytes are no command");
}

#[test]
fn a_foot_still_on_the_pedal_overrides_again() {
    let mut bench = Bench::new();
    let commands = bench.commands(30.0, 20.0, 45.0);
    bench.driver.brake_pct = 30.0;
    bench.run(100);
    bench.run_with(20, &commands);
    assert_eq!(
        bench.events_of(Subsystem::Brake),
        [(100, EventKind::Enabled), (101, EventKind::Override)],
        "the foot was there long before"
    );
}

#[test]
fn the_larger_of_driver_and_command_acts_before_the_override_counts() {
    let mut bench = Bench::new();
    bench.run_with(100, &bench.commands(30.0, 20.0, 0.0));
    bench.driver.throttle_pct = 60.0;
    bench.tick();
    assert_eq!(bench.mode(Subsystem::Throttle), Mode::Enabled);
    assert_eq!(bench.demand.throttle_pct, 60.0);
    bench.driver.throttle_pct = 18.0;
    bench.run_with(200, &bench.commands(30.0, 20.0, 0.0));
    assert_eq!(
        bench.mode(Subsystem::Throttle),
        Mode::Enabled,
        "a foot that rests on the pedal does not count"
    );
    assert!(near(bench.demand.throttle_pct, 30.0, 1e-3));
}

#[test]
fn the_driver_grabs_the_wheel() {
    let mut bench = Bench::new();
    let commands = bench.commands(30.0, 14.0, 45.0);
    bench.run_with(100, &commands);
    bench.driver.hands = Hands::Hold { angle_rad: -1.0, max_torque_nm: 6.0 };
    bench.run_with(60, &commands);
    assert_eq!(bench.mode(Subsystem::Steering), Mode::Overridden);
    assert_eq!(bench.events_of(Subsystem::Steering)[1], (151, EventKind::Override));
    assert_eq!(
        bench.demand.steering,
        SteeringDemand::Free { driver_torque_nm: -6.0 },
        "no stronger than the hands"
    );
    assert_eq!(bench.report("SteeringReport", "Torque"), -6.0);
    assert_eq!(bench.report("SteeringReport", "Override"), 1.0);
    assert_eq!(bench.mode(Subsystem::Throttle), Mode::Enabled);

    // The wheel follows the hands: spring and damper, 20 Nm/rad and 1 Nm·s/rad.
    bench.plant.steering_wheel_rad = -0.95;
    bench.plant.steering_wheel_rate_rps = -0.5;
    bench.tick();
    let SteeringDemand::Free { driver_torque_nm } = bench.demand.steering else { panic!("still free") };
    assert!(near(driver_torque_nm, 20.0 * -0.05 + 0.5, 1e-12));
}

#[test]
fn hands_that_follow_the_wheel_do_not_override() {
    let mut bench = Bench::new();
    let commands = bench.commands(30.0, 14.0, 45.0);
    bench.plant.steering_wheel_rad = 0.7;
    bench.driver.hands = Hands::Hold { angle_rad: 0.75, max_torque_nm: 6.0 };
    bench.run_with(1000, &commands);
    assert_eq!(bench.mode(Subsystem::Steering), Mode::Enabled);
    assert!(near(bench.report("SteeringReport", "Torque"), 1.0, 0.04), "but the column feels them");
}

#[test]
fn ignore_keeps_the_command_against_the_driver() {
    let mut bench = Bench::new();
    let stubborn = [
        bench.frame("BrakeCommand", &[("PedalCommand", 40.0), ("Enable", 1.0), ("Ignore", 1.0)]),
        bench.frame("SteeringCommand", &[("AngleCommand", 30.0), ("Enable", 1.0), ("Ignore", 1.0)]),
    ];
    bench.driver.brake_pct = 30.0;
    bench.driver.hands = Hands::Hold { angle_rad: 3.0, max_torque_nm: 20.0 };
    bench.run_with(500, &stubborn);
    assert_eq!(bench.mode(Subsystem::Brake), Mode::Enabled);
    assert_eq!(bench.mode(Subsystem::Steering), Mode::Enabled);
    assert!(near(bench.demand.brake_pct, 40.0, 1e-3));
    assert_eq!(bench.report("BrakeReport", "DriverActivity"), 1.0);
}

#[test]
fn one_lost_channel_is_reported_and_two_disable() {
    let mut bench = Bench::new();
    let commands = bench.commands(30.0, 20.0, 45.0);
    bench.run_with(100, &commands);
    let now = bench.now();
    bench.bywire.set_fault(now, Subsystem::Throttle, Fault::Channel1, true).unwrap();
    bench.run_with(100, &commands);
    assert_eq!(bench.mode(Subsystem::Throttle), Mode::Enabled);
    assert_eq!(bench.report("ThrottleReport", "Channel1Fault"), 1.0);

    let now = bench.now();
    bench.bywire.set_fault(now, Subsystem::Throttle, Fault::Channel2, true).unwrap();
    bench.run_with(100, &commands);
    assert_eq!(bench.mode(Subsystem::Throttle), Mode::Disabled);
    assert_eq!(bench.demand.throttle_pct, 15.1);
    assert_eq!(bench.mode(Subsystem::Brake), Mode::Enabled);
    bench.run_with(40, &[bench.frame("ThrottleCommand", &[])]);
    bench.run_with(40, &commands);
    assert_eq!(bench.mode(Subsystem::Throttle), Mode::Disabled, "a faulty module cannot be enabled");

    let now = bench.now();
    bench.bywire.set_fault(now, Subsystem::Throttle, Fault::Channel2, false).unwrap();
    bench.run_with(40, &commands);
    assert_eq!(bench.mode(Subsystem::Throttle), Mode::Disabled, "healed, but EN has not risen since");
    bench.run_with(40, &[bench.frame("ThrottleCommand", &[])]);
    bench.run_with(40, &commands);
    assert_eq!(bench.mode(Subsystem::Throttle), Mode::Enabled);
    let faults: Vec<EventKind> =
        bench.events_of(Subsystem::Throttle).into_iter().map(|(_, kind)| kind).collect();
    use EventKind::{Enabled, FaultCleared};
    let expected = [
        Enabled,
        EventKind::Fault(Fault::Channel1),
        EventKind::Fault(Fault::Channel2),
        FaultCleared(Fault::Channel2),
        Enabled,
    ];
    assert_eq!(faults, expected);
}

#[test]
fn every_fault_shows_in_its_bit_and_nowhere_else() {
    let cases = [
        (Subsystem::Brake, Fault::Channel1, "BrakeReport", "Channel1Fault"),
        (Subsystem::Brake, Fault::Channel2, "BrakeReport", "Channel2Fault"),
        (Subsystem::Brake, Fault::Power, "BrakeReport", "PowerFault"),
        (Subsystem::Throttle, Fault::Channel1, "ThrottleReport", "Channel1Fault"),
        (Subsystem::Throttle, Fault::Channel2, "ThrottleReport", "Channel2Fault"),
        (Subsystem::Throttle, Fault::Power, "ThrottleReport", "PowerFault"),
        (Subsystem::Steering, Fault::Channel1, "SteeringReport", "Channel1Fault"),
        (Subsystem::Steering, Fault::Channel2, "SteeringReport", "Channel2Fault"),
        (Subsystem::Steering, Fault::Power, "SteeringReport", "PowerFault"),
        (Subsystem::Steering, Fault::Calibration, "SteeringReport", "CalibrationFault"),
        (Subsystem::Gear, Fault::Bus, "GearReport", "BusFault"),
        (Subsystem::Misc, Fault::Bus, "MiscReport", "BusFault"),
    ];
    for (subsystem, fault, message, signal) in cases {
        let mut bench = Bench::new();
        bench.bywire.set_fault(SimTime::ZERO, subsystem, fault, true).unwrap();
        bench.run(60);
        for layout in bench.dbc.messages() {
            for other in layout.signals.iter().filter(|s| s.name.ends_with("Fault")) {
                if bench.sent.iter().any(|(_, frame)| frame.id == layout.id) {
                    let expected = layout.name == message && other.name == signal;
                    assert_eq!(
                        bench.report(&layout.name, &other.name) == 1.0,
                        expected,
                        "{} {}",
                        layout.name,
                        other.name
                    );
                }
            }
        }
    }
    let mut bench = Bench::new();
    let refused =
        bench.bywire.set_fault(SimTime::ZERO, Subsystem::Brake, Fault::Calibration, true).unwrap_err();
    assert_eq!(refused.to_string(), "the brake subsystem has no fault Calibration");
}

/// A brake command that uses COUNT.
fn counted(bench: &Bench, count: u64) -> Frame {
    bench.frame("BrakeCommand", &[("PedalCommand", 20.0), ("Enable", 1.0), ("Count", (count % 256) as f64)])
}

#[test]
fn the_watchdog_sleeps_while_count_is_not_used() {
    let mut bench = Bench::new();
    bench.run_with(2000, &bench.commands(30.0, 20.0, 0.0));
    assert_eq!(bench.report("BrakeReport", "WatchdogFault"), 0.0);
    bench.run(200);
    assert_eq!(bench.report("BrakeReport", "WatchdogFault"), 0.0);
}

#[test]
fn a_stuck_counter_stops_everything_and_brakes_until_the_driver_does() {
    let mut bench = Bench::new();
    let others = bench.commands(30.0, 20.0, 10.0);
    // Past 255 the counter wraps through 0.
    for count in 1..600 {
        bench.receive(counted(&bench, count));
        bench.run_with(20, &others[1..]);
    }
    assert!(MODULES.iter().all(|s| bench.mode(*s) == Mode::Enabled));
    bench.receive(counted(&bench, 599));
    bench.run_with(60, &others[1..]);

    assert!(MODULES.iter().all(|s| bench.mode(*s) == Mode::Disabled));
    let tripped = EventKind::Watchdog(WatchdogCause::Counter);
    assert_eq!(bench.events_of(Subsystem::Brake).last().unwrap().1, tripped);
    assert_eq!(bench.demand.brake_pct, 25.0);
    assert_eq!(bench.report("BrakeReport", "WatchdogBraking"), 1.0);
    assert_eq!(bench.report("BrakeReport", "WatchdogSource"), 4.0, "the brake counter");
    assert_eq!(bench.report("ThrottleReport", "WatchdogSource"), 1.0, "the other module, brake");
    assert_eq!(bench.report("SteeringReport", "WatchdogFault"), 1.0);

    bench.driver.brake_pct = 40.0;
    bench.run(60);
    bench.driver.brake_pct = 0.0;
    bench.run(60);
    assert_eq!(bench.demand.brake_pct, 13.6, "the driver has the car");
    assert_eq!(bench.report("BrakeReport", "WatchdogFault"), 1.0, "latched");
    bench.driver.acknowledge = true;
    bench.run(60);
    assert_eq!(bench.report("BrakeReport", "WatchdogFault"), 0.0);
}

#[test]
fn an_armed_watchdog_trips_on_silence_and_on_disabling_in_motion() {
    let mut bench = Bench::new();
    (1..20).for_each(|count| {
        bench.receive(counted(&bench, count));
        bench.run(20);
    });
    bench.run(100);
    assert_eq!(bench.report("BrakeReport", "WatchdogSource"), 6.0, "brake command time-out");

    let mut bench = Bench::new();
    bench.plant.stationary = false;
    (1..20).for_each(|count| {
        bench.receive(counted(&bench, count));
        bench.run(20);
    });
    bench.command("BrakeCommand", &[("Count", 20.0)]);
    bench.run(40);
    assert_eq!(bench.report("BrakeReport", "WatchdogSource"), 5.0, "disabled in gear or moving");
}

#[test]
fn gears_change_where_the_transmission_allows_it() {
    use Gear::{Drive, Low, Neutral, Park, Reverse};
    let code = |gear| match gear {
        Park => 1.0,
        Reverse => 2.0,
        Neutral => 3.0,
        Drive => 4.0,
        Low => 5.0,
    };
    let cases = [
        (Drive, Reverse, 1.9, 14.0, true),
        (Drive, Reverse, 2.1, 14.0, false),
        (Drive, Reverse, -5.0, 14.0, true),
        (Reverse, Drive, -1.9, 14.0, true),
        (Reverse, Drive, -2.1, 14.0, false),
        (Reverse, Low, -2.1, 14.0, false),
        (Drive, Low, 20.0, 14.0, true),
        (Drive, Neutral, 30.0, 14.0, true),
        (Neutral, Drive, 30.0, 14.0, true),
        (Drive, Park, 0.9, 14.0, true),
        (Drive, Park, 1.1, 14.0, false),
        (Reverse, Park, -1.1, 14.0, false),
        (Park, Drive, 0.0, 16.0, true),
        (Park, Drive, 0.0, 14.0, false),
    ];
    for (from, to, speed, brake, allowed) in cases {
        let mut bench = Bench::new();
        bench.bywire.start_in_gear(from);
        bench.plant.gear = from;
        bench.plant.wheel_speed_mps = speed;
        let brake = bench.frame("BrakeCommand", &[("PedalCommand", brake), ("Enable", 1.0)]);
        bench.run_with(20, &[brake]);
        bench.events.clear();
        bench.run_with(60, &[brake, bench.frame("GearCommand", &[("GearCommand", code(to))])]);
        let case = format!("{from:?} to {to:?} at {speed} m/s");
        assert_eq!(bench.demand.gear, if allowed { to } else { from }, "{case}");
        assert_eq!(bench.report("GearReport", "Gear"), code(if allowed { to } else { from }), "{case}");
        assert_eq!(bench.report("GearReport", "GearCommand"), code(to), "{case}");
        assert_eq!(bench.report("GearReport", "Reject"), if allowed { 0.0 } else { 5.0 }, "{case}");
        let kinds: Vec<EventKind> =
            bench.events_of(Subsystem::Gear).into_iter().map(|(_, kind)| kind).collect();
        let rejected = EventKind::GearRejected { asked: to, reason: GearReject::Vehicle };
        assert_eq!(kinds, [if allowed { EventKind::GearChanged(to) } else { rejected }], "{case}: one event");
    }
}

#[test]
fn a_gear_waits_until_the_car_is_slow_enough() {
    let mut bench = Bench::new();
    bench.plant.wheel_speed_mps = 5.0;
    let reverse = [bench.frame("GearCommand", &[("GearCommand", 2.0)])];
    bench.run_with(100, &reverse);
    assert_eq!(bench.demand.gear, Gear::Drive);
    bench.plant.wheel_speed_mps = 0.0;
    bench.run_with(40, &reverse);
    assert_eq!(bench.demand.gear, Gear::Reverse);
    // Not after the command is gone.
    bench.plant.wheel_speed_mps = -5.0;
    bench.run_with(20, &[bench.frame("GearCommand", &[("GearCommand", 4.0)])]);
    bench.run(200);
    bench.plant.wheel_speed_mps = 0.0;
    bench.run(100);
    assert_eq!(bench.demand.gear, Gear::Reverse);
}

#[test]
fn a_shift_in_progress_is_finished_first() {
    let mut bench = Bench::new();
    bench.command("GearCommand", &[("GearCommand", 3.0)]);
    let (plant, now) = (bench.plant, SimTime::from_ms(1));
    assert_eq!(bench.bywire.update(now, &plant, &bench.driver).gear, Gear::Neutral);
    bench.bywire.receive(now, &bench.frame("GearCommand", &[("GearCommand", 2.0)]));
    // The plant still reports drive.
    assert_eq!(bench.bywire.update(SimTime::from_ms(2), &plant, &bench.driver).gear, Gear::Neutral);
    let last = bench.bywire.events().next_back().unwrap().kind;
    assert_eq!(last, EventKind::GearRejected { asked: Gear::Reverse, reason: GearReject::ShiftInProgress });
    bench.plant.gear = Gear::Neutral;
    assert_eq!(bench.bywire.update(SimTime::from_ms(3), &bench.plant, &bench.driver).gear, Gear::Reverse);
}

#[test]
fn codes_that_name_no_gear_are_rejected() {
    let mut bench = Bench::new();
    bench.run_with(60, &[Frame::from_payload(0x66, &[7]).unwrap()]);
    assert_eq!(bench.demand.gear, Gear::Drive);
    assert_eq!(bench.report("GearReport", "Reject"), 5.0);
}

#[test]
fn the_driver_shifts_and_keeps_the_selector_until_the_computer_enables_anew() {
    let mut bench = Bench::new();
    bench.run_with(100, &bench.commands(15.0, 14.0, 0.0));
    bench.driver.gear = Some(Gear::Neutral);
    bench.run(1);
    assert_eq!(bench.demand.gear, Gear::Neutral);
    assert_eq!(bench.events_of(Subsystem::Gear), [(101, EventKind::Override)]);
    let drive = bench.frame("GearCommand", &[("GearCommand", 4.0)]);
    bench.run_with(100, &[drive]);
    assert_eq!(bench.demand.gear, Gear::Neutral, "the selector is the driver's");
    assert_eq!((bench.report("GearReport", "Override"), bench.report("GearReport", "Reject")), (1.0, 2.0));

    bench.run_with(20, &[bench.frame("BrakeCommand", &[])]);
    let [brake, ..] = bench.commands(15.0, 14.0, 0.0);
    bench.run_with(60, &[brake, drive]);
    assert_eq!(bench.demand.gear, Gear::Drive);
    assert_eq!(bench.report("GearReport", "Override"), 0.0);
}

#[test]
fn clear_of_the_gear_command_frees_the_selector() {
    let mut bench = Bench::new();
    bench.driver.gear = Some(Gear::Neutral);
    bench.run(10);
    bench.run_with(20, &[bench.frame("GearCommand", &[("GearCommand", 4.0), ("Clear", 1.0)])]);
    assert_eq!(bench.demand.gear, Gear::Drive);
}

#[test]
fn no_gear_by_command_while_the_driver_overrides_another_subsystem() {
    let mut bench = Bench::new();
    let mut frames = bench.commands(15.0, 14.0, 0.0).to_vec();
    bench.driver.brake_pct = 40.0;
    bench.run_with(100, &frames);
    frames.push(bench.frame("GearCommand", &[("GearCommand", 3.0)]));
    bench.run_with(60, &frames);
    assert_eq!(bench.demand.gear, Gear::Drive);
    assert_eq!(bench.report("GearReport", "Reject"), 2.0);
}

#[test]
fn the_driver_cannot_throw_it_into_park_at_speed_either() {
    let mut bench = Bench::new();
    bench.plant.wheel_speed_mps = 10.0;
    bench.driver.gear = Some(Gear::Park);
    bench.run(100);
    assert_eq!(bench.demand.gear, Gear::Drive);
    let rejected = EventKind::GearRejected { asked: Gear::Park, reason: GearReject::Vehicle };
    assert_eq!(bench.events_of(Subsystem::Gear), [(1, rejected)]);
}

#[test]
fn turn_signals_follow_the_lever_and_then_the_command() {
    let mut bench = Bench::new();
    let left = [bench.frame("TurnSignalCommand", &[("TurnSignalCommand", 1.0)])];
    bench.run_with(100, &left);
    assert_eq!(bench.report("MiscReport", "TurnSignal"), 1.0);
    bench.driver.turn_signal = TurnSignal::Right;
    bench.run_with(100, &left);
    assert_eq!(bench.report("MiscReport", "TurnSignal"), 2.0);
    bench.driver.turn_signal = TurnSignal::Off;
    bench.run(600);
    assert_eq!(bench.report("MiscReport", "TurnSignal"), 0.0, "no command for half a second");
}

#[test]
fn the_parking_brake_is_the_drivers_and_is_reported() {
    let mut bench = Bench::new();
    bench.driver.parking_brake = true;
    bench.run(60);
    assert!(bench.demand.parking_brake);
    assert_eq!(bench.report("BrakeInfoReport", "ParkingBrake"), 2.0);
}

#[test]
fn a_time_out_of_ten_milliseconds_is_ten_milliseconds() {
    let mut bench = Bench::with(ByWireParams { command_timeout_s: 0.01, ..ByWireParams::default() });
    bench.run_with(1, &bench.commands(30.0, 20.0, 0.0));
    bench.run(20);
    assert_eq!(bench.events_of(Subsystem::Brake)[1], (10, EventKind::Timeout));
}

#[test]
fn parameters_out_of_range_are_refused_by_name() {
    let dbc = common::lincoln();
    let bad = ByWireParams { command_timeout_s: f64::NAN, ..ByWireParams::default() };
    let error = ByWire::new(&dbc, &bad).unwrap_err().to_string();
    assert_eq!(error, "bywire.command_timeout_s must be from 0.001 to 10, got NaN");
    let bad = ByWireParams { tyre_pressure_kpa: [240.0, 240.0, -1.0, 240.0], ..ByWireParams::default() };
    assert!(ByWire::new(&dbc, &bad).unwrap_err().to_string().contains("tyre_pressure_kpa[2]"));
    assert_eq!(ByWireParams::default().validate(), Ok(()));
}

#[test]
fn a_vehicle_file_may_leave_keys_out_but_not_invent_any() {
    use serde::Deserialize;
    use serde::de::value::{Error, MapDeserializer};
    let read = |key: &'static str| {
        ByWireParams::deserialize(MapDeserializer::<_, Error>::new([(key, 12.5)].into_iter()))
    };
    let params = read("brake_rest_pct").unwrap();
    assert_eq!(params, ByWireParams { brake_rest_pct: 12.5, ..ByWireParams::default() });
    assert!(
        read("brake_rest")
            .unwrap_err()
            .to_string()
            .starts_with("unknown field `brake_rest`, expected one of")
    );
    let schema = schemars::schema_for!(ByWireParams);
    assert_eq!(schema.get("additionalProperties"), Some(&false.into()));
}

#[test]
fn a_dbc_that_lacks_what_the_modules_need_is_refused_by_name() {
    let text = include_str!("../../../vehicles/lincoln_mkz/bywire.dbc");
    let dbc = Dbc::parse(
        &text.replace(" SG_ Quiet ", " SG_ Loud ").replace("SG_ 100 Quiet", "SG_ 100 Loud"),
        "a.dbc",
    );
    assert!(ByWire::new(&dbc.unwrap(), &ByWireParams::default()).is_ok(), "not every signal is needed");

    let dbc = Dbc::parse(&text.replace("SteeringReport", "SteerReport"), "a.dbc").unwrap();
    let error = ByWire::new(&dbc, &ByWireParams::default()).unwrap_err().to_string();
    assert_eq!(error, "a.dbc: no signal has the Role \"SteeringReport.Override\", which is needed");

    let dbc = Dbc::parse(&text.replace("CalibrationFault", "CalibFault"), "a.dbc").unwrap();
    let error = ByWire::new(&dbc, &ByWireParams::default()).unwrap_err().to_string();
    let lacks = "a.dbc: SteeringReport (0x065): message \"SteeringReport\" (0x065) has no signal \"CalibrationFault\"";
    assert_eq!(error, format!("{lacks}; did you mean \"CalibFault\"?"));

    let cycle = "BA_ \"GenMsgCycleTime\" BO_ 101 10;";
    assert!(text.contains(cycle));
    for none in ["", "BA_ \"GenMsgCycleTime\" BO_ 101 0.001;"] {
        let dbc = Dbc::parse(&text.replace(cycle, none), "a.dbc").unwrap();
        let error = ByWire::new(&dbc, &ByWireParams::default()).unwrap_err();
        assert!(matches!(error, ByWireError::Dialect(_)), "{error:?}");
        assert_eq!(
            error.to_string(),
            "a.dbc: SteeringReport (0x065): needs a GenMsgCycleTime of at least 1 ms"
        );
    }
}

#[test]
fn events_carry_the_time_and_are_drained() {
    let mut bench = Bench::new();
    bench.ms = 7;
    let [brake, ..] = bench.commands(0.0, 20.0, 0.0);
    bench.receive(brake);
    let events: Vec<_> = bench.bywire.events().collect();
    assert_eq!(events.len(), 1);
    assert_eq!(events[0].time, SimTime::ZERO + Duration::from_millis(7));
    assert_eq!(bench.bywire.events().count(), 0);
}
