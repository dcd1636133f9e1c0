//! `skidpad calibrate`: the table by which the embedded controller turns accelerations into pedals.

mod common;
use common::{Story, repository, skidpad};
use skidpad_stack::control::CalibrationTable;

const VEHICLE: &str = "lincoln_mkz";

#[test]
fn the_calibration_tables_are_current() {
    for vehicle in ["lincoln_mkz", "lincoln_mkz_turbo", "honda_civic"] {
        let run = skidpad(&["calibrate", "--vehicle", vehicle, "--out", "-"]).expect(0);
        let path = format!("vehicles/{vehicle}/calibration.csv");
        let kept = std::fs::read_to_string(repository().join(&path)).unwrap_or_default();
        let differs = run.stdout.lines().zip(kept.lines()).position(|(new, old)| new != old);
        assert!(
            run.stdout == kept,
            "{path} is not what the vehicle does now (first difference in line {}). \
             Make it again: cargo run --release -- calibrate --vehicle {vehicle} --out {path}",
            differs.map_or(run.stdout.lines().count().min(kept.lines().count()) + 1, |index| index + 1),
        );
    }
}

#[test]
fn the_controller_reads_the_table_that_calibrate_writes() {
    let story = Story::new("controller_reads_table");
    let out = story.path("tables/new.csv");
    skidpad(&["calibrate", "--vehicle", VEHICLE, "--out", &out]).expect(0);
    let text = std::fs::read_to_string(&out).unwrap();
    CalibrationTable::parse(&text, &out).unwrap();
    // What a driver would expect of the pedals at 10 m/s.
    let at_10: Vec<(f64, f64)> = text
        .lines()
        .filter_map(|line| line.strip_prefix("10.0,"))
        .map(|rest| rest.split_once(',').unwrap())
        .map(|(acceleration, command)| (acceleration.parse().unwrap(), command.parse().unwrap()))
        .collect();
    let of = |command: f64| at_10.iter().find(|row| row.1 == command).expect("a row at 10 m/s").0;
    assert!(of(-35.0) < -4.0, "a firm brake, got {} m/s²", of(-35.0));
    assert!((-1.0..0.0).contains(&of(0.0)), "closed pedals coast down, got {} m/s²", of(0.0));
    assert!(of(80.0) > 2.0, "80 % throttle, got {} m/s²", of(80.0));
}

#[test]
fn an_unknown_vehicle_is_named() {
    let run = skidpad(&["calibrate", "--vehicle", "lincoln_mkx", "--out", "-"]).expect(2);
    assert!(run.stderr.contains("lincoln_mkx"), "{}", run.stderr);
}
