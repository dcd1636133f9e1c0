//! What travels between the rooms: when it is sent, when it was measured, when it arrives.

use super::*;
use skidpad_bywire::{Mode, Subsystem};
use skidpad_msgs::apollo::common::Header;
use skidpad_scenario::Library;
use std::path::Path;

/// From rest on the straight; the stack takes over after a third of a second.
fn drive() -> Simulation {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let text = r#"
        schema = 1
        name = "straight ahead"
        vehicle = "lincoln_mkz"
        map = "proving_ground"
        duration_s = 10.0
        start = { on = "straight", station_m = 5.0 }
        reference = { path = "straight", speed_mps = [[5.0, 0.0], [20.0, 8.0], [200.0, 8.0]] }
    "#;
    let scenario = Library::at(&root).unwrap().load_text(text, Path::new("wire.toml")).unwrap();
    Simulation::new(&scenario, &RunOptions::default()).unwrap()
}

/// Steps until `until` holds, and tells how many milliseconds of the run have passed.
fn step_until(simulation: &mut Simulation, until: impl Fn(&Simulation) -> bool) -> u64 {
    while !until(simulation) {
        assert!(!simulation.is_finished(), "the run is over");
        simulation.step();
    }
    (simulation.now() - TICK).as_ns() / 1_000_000
}

fn enabled(simulation: &Simulation) -> bool {
    let mode = |subsystem| simulation.car.bywire.mode(subsystem);
    [Subsystem::Brake, Subsystem::Throttle, Subsystem::Steering]
        .into_iter()
        .all(|subsystem| mode(subsystem) == Some(Mode::Enabled))
}

#[test]
fn the_first_enabling_frames_reach_the_units_within_40_ms_of_start() {
    let mut simulation = drive();
    // RESET is the first press, START the second.
    let start_ms = step_until(&mut simulation, |simulation| simulation.stack.presses() == 2);
    assert!(!enabled(&simulation));
    let auto_ms = step_until(&mut simulation, |simulation| {
        simulation.stack.driving_mode() == DrivingMode::CompleteAutoDrive
    });
    let enabled_ms = step_until(&mut simulation, enabled);
    // Facts: 4 to 17 ms to COMPLETE_AUTO_DRIVE and 12 to 37 ms to the first frame, after the command.
    assert!((2..=20).contains(&(auto_ms - start_ms)), "{start_ms} {auto_ms}");
    assert!((2..=40).contains(&(enabled_ms - start_ms)), "{start_ms} {enabled_ms}");
}

#[test]
fn the_speed_in_the_chassis_is_that_of_the_wheels_up_to_22_ms_ago() {
    let mut simulation = drive();
    let mut wheels_mps: Vec<f64> = Vec::new();
    let (mut compared, mut late) = (0, 0);
    while simulation.now() < SimTime::from_ms(8000) {
        simulation.step();
        wheels_mps.push(simulation.car.plant.wheel_speed_mps);
        let Some(chassis) = &simulation.stack.seen().chassis else { continue };
        let reported_mps = f64::from(chassis.speed_mps());
        // Half a bit, 0.005 km/h, and the rounding to single precision.
        let same = |mps: &f64| (mps - reported_mps).abs() < 0.005 / 3.6 + 1e-6;
        let ago = |ms: usize| wheels_mps.len().checked_sub(1 + ms).map(|at| &wheels_mps[at]);
        // Up to 10 ms until the next report and until the next chassis each, and two ticks on the way.
        assert!((1..=22).filter_map(ago).any(same), "{reported_mps} m/s at {} ms", wheels_mps.len());
        compared += 1;
        late += u32::from(!ago(0).is_some_and(same));
    }
    assert!(compared > 7000 && late > 2000, "{late} of {compared} tell from the present speed");
}

#[test]
fn every_topic_keeps_its_rate() {
    let mut simulation = drive();
    let numbers = |simulation: &Simulation| {
        let seen = simulation.stack.seen();
        let number = |header: Option<&Header>| i64::from(header.expect("a header").sequence_num());
        [
            number(seen.pose.as_ref().and_then(|pose| pose.header.as_ref())),
            number(seen.chassis.as_ref().and_then(|chassis| chassis.header.as_ref())),
            number(seen.command.as_ref().and_then(|command| command.header.as_ref())),
            number(seen.trajectory.as_ref().and_then(|trajectory| trajectory.header.as_ref())),
        ]
    };
    step_until(&mut simulation, |simulation| simulation.now() > SimTime::from_ms(1000));
    let before = numbers(&simulation);
    step_until(&mut simulation, |simulation| simulation.now() > SimTime::from_ms(3000));
    let after = numbers(&simulation);
    let sent: Vec<i64> = after.iter().zip(before).map(|(after, before)| after - before).collect();
    assert_eq!(sent, [200, 200, 200, 20], "pose, chassis, command, trajectory in two seconds");
}

#[test]
fn stamps_are_the_instant_of_sending_and_positions_that_of_the_measurement() {
    let mut simulation = drive();
    let age_ms = |simulation: &Simulation, unix_s: f64| {
        1e3 * ((simulation.now() - TICK).as_s() - (unix_s - EPOCH_UNIX_S))
    };
    let mut last = None;
    let mut oldest_ms = 0.0f64;
    while simulation.now() < SimTime::from_ms(2000) {
        simulation.step();
        let seen = simulation.stack.seen();
        let Some(pose) = &seen.pose else { continue };
        let header = pose.header.as_ref().unwrap();
        if last.replace(header.sequence_num()) == Some(header.sequence_num()) {
            continue;
        }
        let sent_ms = age_ms(&simulation, header.timestamp_sec());
        assert!((sent_ms - 1.0).abs() < 1e-3, "a message is on its way for one tick: {sent_ms} ms");
        // Measured at a multiple of 10 ms, 5 to 10 ms in the receiver, then waiting for localization's turn.
        let measured_s = seen.pose_measured_unix_s - EPOCH_UNIX_S;
        assert!((measured_s * 100.0 - (measured_s * 100.0).round()).abs() < 1e-4, "{measured_s}");
        let measured_ms = age_ms(&simulation, seen.pose_measured_unix_s);
        assert!((6.0..22.0).contains(&measured_ms), "{measured_ms} ms");
        oldest_ms = oldest_ms.max(measured_ms);
    }
    assert!(oldest_ms > 10.0);
}

#[test]
fn the_bus_has_room_to_spare_and_loses_nothing() {
    let mut simulation = drive();
    while simulation.now() < SimTime::from_ms(3000) {
        simulation.step();
    }
    assert_eq!(simulation.bus.lost(), 0);
    let load = simulation.bus.peak_load();
    assert!((0.05..0.40).contains(&load), "{load}");
}
