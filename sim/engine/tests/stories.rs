//! The closed loop as its users know it: short drives on the shipped proving ground, seen from outside.

use proptest::prelude::*;
use skidpad_engine::{Outcome, Outside, RunOptions, Simulation, TopicMessage, TraceSample};
use skidpad_kernel::SimTime;
use skidpad_scenario::{Library, LoadedScenario};
use skidpad_score::Standing;
use std::fmt::Write;
use std::path::Path;

fn library() -> Library {
    Library::at(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")).unwrap()
}

fn load(text: &str) -> LoadedScenario {
    library().load_text(text, Path::new("story.toml")).unwrap()
}

/// From rest to 3 m/s on the left skid pad, then `rest`.
fn circle(duration_s: f64, rest: &str) -> LoadedScenario {
    load(&format!(
        r#"schema = 1
name = "story"
vehicle = "lincoln_mkz"
map = "proving_ground"
duration_s = {duration_s:?}

[start]
on = "skid_pad_left"

[reference]
path = "skid_pad_left"
speed_mps = [[0.0, 0.0], [10.0, 3.0], [150.0, 3.0]]

{rest}
"#
    ))
}

/// The car rolls past at 10 m/s on the straight; nobody engages the stack.
fn coasting(duration_s: f64, rest: &str) -> LoadedScenario {
    load(&format!(
        r#"schema = 1
name = "story"
vehicle = "lincoln_mkz"
map = "proving_ground"
duration_s = {duration_s:?}

[start]
on = "straight"
station_m = 5.0
speed_mps = 10.0

[operator]
engage = false

{rest}
"#
    ))
}

const IDEAL: &str = "[sensors]\ngnss = { profile = \"ideal\" }\nimu = { profile = \"ideal\" }\n";

fn run_with(scenario: &LoadedScenario, seed: Option<u64>) -> (Vec<TraceSample>, Outcome) {
    let simulation = Simulation::new(scenario, &RunOptions { seed, ..RunOptions::default() }).unwrap();
    let mut samples = Vec::new();
    let outcome = simulation.run(|sample| samples.push(*sample), || false).unwrap();
    (samples, outcome)
}

fn run(scenario: &LoadedScenario) -> (Vec<TraceSample>, Outcome) {
    run_with(scenario, None)
}

/// The sample of an instant.
fn at(samples: &[TraceSample], time_s: f64) -> &TraceSample {
    &samples[(time_s * 100.0).round() as usize]
}

fn time_of(outcome: &Outcome, event: &str) -> f64 {
    let found = outcome.events.iter().find(|happened| happened.name == event);
    found.unwrap_or_else(|| panic!("no {event} in {:?}", outcome.events)).time_s
}

fn bits(sample: &TraceSample) -> Vec<u64> {
    sample.values().iter().map(|value| value.to_bits()).collect()
}

const AUTO: i32 = 1;
const EMERGENCY: i32 = 4;

#[test]
fn commands_reach_the_wheels_only_through_the_bus() {
    let largest = |samples: &[TraceSample], of: fn(&TraceSample) -> f64| {
        samples.iter().map(|sample| of(sample).abs()).fold(0.0, f64::max)
    };
    let command_deg: fn(&TraceSample) -> f64 = |sample| 4.7 * sample.sample.command.steering_pct;
    let wheel_deg: fn(&TraceSample) -> f64 = |sample| sample.plant.steering_wheel_rad.to_degrees();

    let (driven, _) = run(&circle(4.0, ""));
    assert!(largest(&driven, command_deg) > 20.0 && largest(&driven, wheel_deg) > 20.0);
    assert!(largest(&driven, |sample| sample.plant.throttle_pct) > 18.0);

    // Apollo's canbus believes the car to be in automatic mode: it never looks at the units' ENABLED bits.
    let lost = "[[event]]\nwhen = { time_s = 0.0 }\nbywire = { lose_commands_s = 60.0 }\n";
    let (cut_off, outcome) = run(&circle(4.0, lost));
    time_of(&outcome, "engaged");
    assert!(cut_off.last().unwrap().driving_mode == AUTO);
    assert!(largest(&cut_off, command_deg) > 20.0);
    assert!(largest(&cut_off, wheel_deg) < 3.0, "{}", largest(&cut_off, wheel_deg));
    assert!(largest(&cut_off, |sample| sample.plant.throttle_pct) < 15.2, "the released pedal");
}

/// Lateral way to the left of a car that coasts east, m.
fn drifted(samples: &[TraceSample]) -> f64 {
    let y = |sample: &TraceSample| sample.sample.truth.position_m[1];
    y(samples.last().unwrap()) - y(&samples[0])
}

#[test]
fn a_gust_blows_when_the_event_says_and_pushes_the_car_off_its_way() {
    let gust = "[[event]]\nwhen = { time_s = 1.0 }\n\
                gust = { speed_mps = 25.0, from_deg = 90.0, rise_s = 0.5, for_s = 3.0 }\n";
    let (samples, outcome) = run(&coasting(6.0, gust));
    assert_eq!(time_of(&outcome, "gust"), 1.0);
    let north = |time_s: f64| at(&samples, time_s).wind_mps[1];
    assert_eq!([north(0.5), north(1.0), north(4.0), north(5.0)], [0.0; 4]);
    assert!(
        (north(1.25) + 12.5).abs() < 0.1 && (north(2.5) + 25.0).abs() < 1e-9,
        "{} {}",
        north(1.25),
        north(2.5)
    );
    let (calm, _) = run(&coasting(6.0, ""));
    assert!(calm.iter().all(|sample| sample.wind_mps == [0.0; 2]));
    let (blown_m, calm_m) = (drifted(&samples), drifted(&calm));
    // Nobody holds the wheel: caster lets the front axle give way.
    assert!(calm_m.abs() < 0.01 && (-12.0..-2.0).contains(&blown_m), "{blown_m} {calm_m}");
}

#[test]
fn wind_and_bumps_belong_to_the_seed_and_to_nothing_else() {
    let wild = "[road]\nroughness = \"c\"\n[wind]\nspeed_mps = 8.0\nfrom_deg = 45.0\nturbulence_mps = 2.0\n";
    let scenario = coasting(4.0, wild);
    let [first, again, other] = [1, 1, 2].map(|seed| run_with(&scenario, Some(seed)));
    assert_eq!(first.1.truth_hash, again.1.truth_hash);
    assert_ne!(first.1.truth_hash, other.1.truth_hash);
    // Noise of the sensors does not move a car without a stack: without road and wind the seed is not seen.
    let plain = coasting(4.0, "");
    assert_eq!(run_with(&plain, Some(1)).1.truth_hash, run_with(&plain, Some(2)).1.truth_hash);
    // A calm and a smooth road written down are the same as none.
    let written = coasting(4.0, "[road]\nroughness = 0\n[wind]\nspeed_mps = 0\nfrom_deg = 45.0\n");
    assert_eq!(run(&plain).1.truth_hash, run(&written).1.truth_hash);
    let height = |samples: &[TraceSample]| {
        let heights = samples.iter().map(|sample| sample.sample.truth.position_m[2].abs());
        heights.fold(0.0, f64::max)
    };
    assert!((0.005..0.2).contains(&height(&first.0)), "{}", height(&first.0));
    assert!(height(&run(&plain).0) < 0.005);
}

#[test]
fn the_operator_engages_the_stack_within_half_a_second_and_the_car_waits_on_its_brake() {
    let (samples, outcome) = run(&circle(2.0, ""));
    let engaged_s = time_of(&outcome, "engaged");
    assert!((0.2..0.5).contains(&engaged_s), "{engaged_s}");
    assert!(
        samples.iter().all(|sample| (sample.driving_mode == AUTO) == (sample.sample.time_s >= engaged_s))
    );
    let before = samples.iter().filter(|sample| sample.sample.time_s < engaged_s - 0.1);
    assert!(before.clone().count() > 5);
    for sample in before {
        assert!(sample.sample.truth.speed_mps.abs() < 1e-3, "{sample:?}");
    }
    // Control's own emergency stop, latched from its start until the first RESET, is no event.
    assert!(outcome.events.iter().all(|event| event.name == "engaged"), "{:?}", outcome.events);
}

#[test]
fn a_run_is_the_same_watched_or_not() {
    let scenario = circle(3.0, "");
    let (_, watched) = run(&scenario);
    let mut simulation = Simulation::new(&scenario, &RunOptions::default()).unwrap();
    while !simulation.is_finished() {
        simulation.step();
    }
    let unwatched = simulation.finish();
    assert_eq!(watched.truth_hash, unwatched.truth_hash);
    assert_eq!(watched.events, unwatched.events);
    assert_eq!(watched.simulated_s, 3.0);
    assert_eq!(unwatched.simulated_s, 3.0);
}

#[test]
fn a_run_that_is_told_to_stop_leaves_nothing() {
    let simulation = Simulation::new(&circle(3.0, ""), &RunOptions::default()).unwrap();
    let mut samples = 0;
    assert!(simulation.run(|_| samples += 1, || true).is_none());
    assert_eq!(samples, 0);
}

#[test]
fn an_event_to_come_does_not_change_the_past() {
    let (calm, _) = run(&circle(4.0, ""));
    let event = "[[event]]\nwhen = { time_s = 3.0 }\ndriver = { hold_wheel_deg = 0.0, for_s = 1.0 }\n";
    let (grabbed, _) = run(&circle(4.0, event));
    let same = calm.iter().zip(&grabbed).take_while(|(a, b)| bits(a) == bits(b)).count();
    // The hands count once they have been there for 50 ms.
    assert!((300..=306).contains(&same), "the runs part at {} s", same as f64 * 0.01);
}

#[test]
fn the_seed_changes_the_noise_and_nothing_else() {
    let hash = |scenario: &LoadedScenario, seed| run_with(scenario, Some(seed)).1.truth_hash;
    let noisy = circle(3.0, "");
    assert_ne!(hash(&noisy, 1), hash(&noisy, 2), "noise moves the car");
    assert_eq!(hash(&noisy, 1), hash(&noisy, 1));
    let ideal = circle(3.0, IDEAL);
    assert_eq!(hash(&ideal, 1), hash(&ideal, 2), "without noise there is nothing to draw");
    // Where nobody steers by them, the sensors do not move the car.
    let parked = coasting(2.0, "");
    assert_eq!(hash(&parked, 1), hash(&parked, 2));
}

#[test]
fn another_sensors_noise_does_not_change_that_of_the_gnss() {
    let believed = |imu: &str| -> Vec<u64> {
        let sensors = format!("[sensors]\nimu = {{ profile = \"{imu}\" }}\n");
        let (samples, _) = run_with(&coasting(2.0, &sensors), Some(5));
        let position = |sample: &TraceSample| sample.sample.believed.map(|pose| pose.position_m);
        samples.iter().filter_map(position).flatten().map(f64::to_bits).collect()
    };
    let (ideal, datasheet) = (believed("ideal"), believed("datasheet"));
    assert!(ideal.len() > 3 * 190);
    assert_eq!(ideal, datasheet);
}

#[test]
fn without_errors_the_stack_believes_what_was_true_when_it_was_measured() {
    let (samples, outcome) = run(&circle(6.0, IDEAL));
    let metrics = outcome.metrics;
    assert!(metrics.distance_m > 5.0);
    // A Unix time in a double is good to 0.24 µs.
    assert!(metrics.localization_error_max_m < 1e-5, "{}", metrics.localization_error_max_m);
    assert!(metrics.localization_heading_error_max_deg < 1e-4);
    // Composed every 10 ms from the solution of the last 10 ms, one tick on its way.
    for sample in &samples[10..] {
        let age_s = sample.sample.time_s - sample.sample.believed.unwrap().measured_at_s;
        assert!((age_s - 0.01).abs() < 1e-6, "{age_s} at {}", sample.sample.time_s);
    }
}

#[test]
fn a_pose_is_never_older_than_30_ms_while_the_receiver_sends() {
    let (_, outcome) = run(&circle(6.0, ""));
    let metrics = outcome.metrics;
    // 5 to 10 ms in the receiver, up to 10 ms until localization's turn, up to 10 ms until the next one's.
    assert!(metrics.localization_age_max_s <= 0.03, "{}", metrics.localization_age_max_s);
    assert!(metrics.localization_age_mean_s >= 0.01, "{}", metrics.localization_age_mean_s);
    assert!(metrics.localization_error_max_m < 0.06, "RTK: {}", metrics.localization_error_max_m);
    assert!(metrics.localization_error_rms_m > 0.003);
}

#[test]
fn in_an_outage_the_pose_drifts_and_in_silence_it_freezes() {
    let believed = |sample: &TraceSample| sample.sample.believed.unwrap();
    let event = |fault: &str| format!("[[event]]\nwhen = {{ time_s = 1.0 }}\ngnss = {{ {fault} }}\n");

    let (calm, _) = run(&coasting(4.0, ""));
    let (outage, outcome) = run(&coasting(4.0, &event("outage_s = 3.0")));
    assert_eq!(time_of(&outcome, "gnss_outage"), 1.0);
    let error = |samples: &[TraceSample], time_s| at(samples, time_s).errors.localization_m;
    assert_eq!(error(&calm, 0.99).to_bits(), error(&outage, 0.99).to_bits());
    // The car goes on, and so does the pose: late as before, wrong by more and more.
    let moved = believed(at(&outage, 4.0)).position_m[0] - believed(at(&outage, 1.0)).position_m[0];
    assert!((25.0..31.0).contains(&moved), "{moved}");
    assert!(outcome.metrics.localization_age_max_s <= 0.03);
    let drift = |time_s| {
        (0..3)
            .map(|i| {
                let (a, b) =
                    (believed(at(&outage, time_s)).position_m[i], believed(at(&calm, time_s)).position_m[i]);
                (a - b) * (a - b)
            })
            .sum::<f64>()
            .sqrt()
    };
    assert!(drift(4.0) > 0.02, "{}", drift(4.0));
    assert!(drift(4.0) < 0.5, "an INS coasts three seconds: {}", drift(4.0));

    let (silence, outcome) = run(&coasting(4.0, &event("silence_s = 1.0")));
    assert_eq!(time_of(&outcome, "gnss_silence"), 1.0);
    let frozen: Vec<_> = silence[105..200].iter().map(believed).collect();
    assert!(frozen.iter().all(|pose| *pose == frozen[0]), "fresh stamps, the same pose");
    assert!((outcome.metrics.localization_age_max_s - 1.01).abs() < 0.02);
    assert!(error(&silence, 2.1) < 0.1, "and then it is back");
}

#[test]
fn an_emergency_stop_of_planning_latches_until_reset() {
    let rest = r#"
[[event]]
when = { time_s = 3.0 }
planning = { estop = true }
[[event]]
when = { time_s = 3.5 }
planning = { estop = false }
[[event]]
when = { time_s = 5.0 }
pad = "start"
[[event]]
when = { time_s = 6.0 }
pad = "reset"
[[event]]
when = { time_s = 6.5 }
pad = "start"
"#;
    let (samples, outcome) = run(&circle(9.0, rest));
    let command = |time_s| at(&samples, time_s).sample.command;
    let estop_s = time_of(&outcome, "estop");
    // Planning speaks ten times a second.
    assert!(estop_s > 3.0 && estop_s < 3.12, "{estop_s}");
    assert_eq!(outcome.events.iter().filter(|event| event.name == "estop").count(), 1);
    for time_s in [3.4, 4.0, 4.9, 5.5, 5.9] {
        assert_eq!((command(time_s).brake_pct, command(time_s).throttle_pct), (50.0, 0.0), "{time_s}");
    }
    assert!(at(&samples, 5.9).sample.truth.speed_mps.abs() < 0.03, "stopped");
    // RESET gives the car back to the driver, START takes it again.
    assert_eq!(at(&samples, 6.3).driving_mode, 0);
    assert_ne!(command(6.3).brake_pct, 50.0);
    assert_eq!(at(&samples, 7.0).driving_mode, AUTO);
    assert!(at(&samples, 9.0).sample.truth.speed_mps > 0.5);
    assert!((0.2..1.0).contains(&outcome.metrics.stop_distance_m), "from 1.5 m/s");
}

#[test]
fn a_foot_left_on_the_brake_ends_automatic_driving_within_half_a_second() {
    let rest = "[[event]]\nwhen = { time_s = 0.0 }\ndriver = { brake_pct = 40.0, for_s = 60.0 }\n";
    let (samples, outcome) = run(&circle(3.0, rest));
    // The units overrule the computer after 50 ms, Apollo looks ten times every 50 ms.
    let held_s = time_of(&outcome, "emergency_mode") - time_of(&outcome, "engaged");
    assert!((0.40..0.60).contains(&held_s), "{held_s}");
    assert!(time_of(&outcome, "driver_override") < time_of(&outcome, "emergency_mode"));
    assert_eq!(samples.last().unwrap().driving_mode, EMERGENCY);
    assert!(outcome.metrics.distance_m < 0.01, "{}", outcome.metrics.distance_m);
}

#[test]
fn two_losses_of_the_command_frames_add_up() {
    // The second ends first: the frames stay lost until the first ends.
    let rest = r#"
[[event]]
when = { time_s = 2.0 }
bywire = { lose_commands_s = 60.0 }
[[event]]
when = { time_s = 2.1 }
bywire = { lose_commands_s = 0.001 }
"#;
    let (_, outcome) = run(&circle(3.0, rest));
    let timeout_s = time_of(&outcome, "bywire_timeout");
    assert!((2.08..2.11).contains(&timeout_s), "100 ms after the last frame: {timeout_s}");
    let units = outcome.events.iter().filter(|event| event.name == "bywire_timeout").count();
    assert_eq!(units, 3, "brake, throttle and steering, once each");
}

#[test]
fn a_car_that_leans_on_a_wall_does_not_hit_it_again_and_again() {
    let scenario = load(
        r#"schema = 1
name = "story"
vehicle = "lincoln_mkz"
map = "proving_ground"
duration_s = 12.0

[start]
on = "crash_lane"
station_m = 170.0
speed_mps = 5.0

[operator]
engage = false
"#,
    );
    let (samples, outcome) = run(&scenario);
    let hits: Vec<_> = outcome.events.iter().filter(|event| event.name == "collision").collect();
    // The blow, and the creeping car that comes back after the rebound; then it leans.
    assert!(hits[0].detail.starts_with("hit crash_wall at 4."), "{}", hits[0].detail);
    assert!(hits.len() <= 2 && hits.iter().all(|hit| hit.time_s < 4.0), "{hits:?}");
    assert!(!outcome.verdict.passed, "a collision fails a run that does not allow it");
    assert!(samples.last().unwrap().sample.truth.speed_mps.abs() < 0.1);
}

/// A straight drive of 80 m at 4 m/s in UTM zone 10, 0.59° of meridian convergence from true north, as the
/// recorder would write it with headings along the grid.
fn recording() -> String {
    let mut text = String::from(
        "x,y,speed,acceleration,curvature,curvature_change_rate,time,theta,gear,s,throttle,brake,steering\n",
    );
    let heading = 0.4f64;
    for row in 0..=2000 {
        let time = f64::from(row) * 0.01;
        let station = 4.0 * time;
        let (x, y) = (586_385.0 + station * heading.cos(), 4_140_674.0 + station * heading.sin());
        writeln!(text, "{x:.6}, {y:.6}, 4.0, 0, 0, 0, {time:.4}, {heading}, 1, {station:.6}, 0, 0, 0")
            .unwrap();
    }
    text
}

#[test]
fn the_receiver_measures_true_north_and_the_grid_bends_the_drive() {
    let folder = std::env::temp_dir().join(format!("skidpad-engine-story-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join("drive.csv");
    std::fs::write(&file, recording()).unwrap();
    let scenario = library().load_text(
        &format!(
            "schema = 1\nname = \"story\"\nvehicle = \"lincoln_mkz\"\nduration_s = 16.0\n\
             [start]\nspeed_mps = 4.0\n[reference]\nfile = \"drive.csv\"\nutm_zone = 10\n{IDEAL}"
        ),
        &folder.join("story.toml"),
    );
    std::fs::remove_dir_all(&folder).unwrap();
    let (samples, outcome) = run(&scenario.unwrap());

    // What the stack believes, read as true north and put on the grid, is the truth.
    assert!(outcome.metrics.localization_error_max_m < 1e-5, "{}", outcome.metrics.localization_error_max_m);
    assert!(outcome.metrics.localization_heading_error_max_deg < 1e-4);
    // The path runs 0.4 rad on the grid and 0.4 rad - 0.59° from true east.
    let path_rad = at(&samples, 1.0).errors.reference_heading_rad;
    assert!((path_rad.to_degrees() - 0.4f64.to_degrees() + 0.59).abs() < 0.01, "{}", path_rad.to_degrees());

    // So the stack sees a heading error that is not there, and rests beside the path where the report says.
    let said = &outcome.explanations[0];
    assert!(said.contains("0.59 deg"), "{said}");
    let predicted_m: f64 = said.split(" moves the car ").nth(1).unwrap()[..4].parse().unwrap();
    let side = if said.contains("to the left") { 1.0 } else { -1.0 };
    let rests_at_m = at(&samples, 15.0).errors.lateral_m;
    assert!((rests_at_m - side * predicted_m).abs() < 0.02, "{rests_at_m} m, but: {said}");
    assert!(predicted_m > 0.03, "{said}");
}

#[test]
fn a_drive_that_takes_longer_than_an_hour_is_refused_with_words() {
    let scenario = load(
        "schema = 1\nname = \"story\"\nvehicle = \"lincoln_mkz\"\nmap = \"proving_ground\"\nduration_s = 60.0\n\
         [reference]\npath = \"straight\"\nspeed_mps = [[0.0, 0.1], [1000.0, 0.1]]\n",
    );
    let error = Simulation::new(&scenario, &RunOptions::default()).err().unwrap().to_string();
    assert_eq!(error, "story.toml: [reference]: the drive would take 10000 s, expected at most 3600 s");
}

/// One event of any kind at any time of a short run.
fn any_event() -> impl Strategy<Value = String> {
    let span = 0.001f64..3.0;
    let action = prop_oneof![
        span.clone().prop_map(|s| format!("gnss = {{ outage_s = {s:?} }}")),
        span.clone().prop_map(|s| format!("gnss = {{ silence_s = {s:?} }}")),
        span.clone().prop_map(|s| format!("bywire = {{ lose_commands_s = {s:?} }}")),
        (span.clone(), -720.0..720.0f64, 0.1..100.0f64).prop_map(|(s, angle_deg, torque_nm)| {
            format!("driver = {{ hold_wheel_deg = {angle_deg:?}, torque_nm = {torque_nm:?}, for_s = {s:?} }}")
        }),
        (span.clone(), 0.0..100.0f64, 0.0..100.0f64).prop_map(|(s, throttle_pct, brake_pct)| {
            format!(
                "driver = {{ throttle_pct = {throttle_pct:?}, brake_pct = {brake_pct:?}, for_s = {s:?} }}"
            )
        }),
        (span, prop::sample::select(vec!["park", "reverse", "neutral", "drive"]))
            .prop_map(|(s, gear)| format!("driver = {{ gear = \"{gear}\", for_s = {s:?} }}")),
        any::<bool>().prop_map(|estop| format!("planning = {{ estop = {estop} }}")),
        prop::sample::select(vec!["start", "stop", "reset"]).prop_map(|pad| format!("pad = \"{pad}\"")),
    ];
    (0.0..2.0f64, action)
        .prop_map(|(time_s, action)| format!("[[event]]\nwhen = {{ time_s = {time_s:?} }}\n{action}\n"))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    /// Whatever happens to the car, the numbers stay numbers and the run repeats.
    #[test]
    fn no_events_break_a_run(
        events in prop::collection::vec(any_event(), 0..12), speed_mps in -5.0..30.0f64, seed in any::<u32>(),
    ) {
        let rest = format!("[start]\non = \"skid_pad_left\"\nspeed_mps = {speed_mps:?}\n{}", events.concat());
        let scenario = load(&format!(
            "schema = 1\nname = \"any\"\nvehicle = \"lincoln_mkz\"\nmap = \"proving_ground\"\nduration_s = 2.5\n\
             seed = {seed}\n[reference]\npath = \"skid_pad_left\"\nspeed_mps = [[0.0, 5.0], [150.0, 5.0]]\n{rest}"
        ));
        let (samples, outcome) = run(&scenario);
        prop_assert_eq!(samples.len(), 251);
        for sample in &samples {
            let truth = &sample.sample.truth;
            let numbers = [truth.position_m, truth.velocity_mps].concat();
            prop_assert!(numbers.iter().all(|number| number.abs() < 1e4), "{:?}", truth);
            prop_assert!(sample.wheels.as_flattened().iter().all(|number| number.is_finite()));
            let command = sample.sample.command;
            prop_assert!((0.0..=100.0).contains(&command.throttle_pct) && (0.0..=100.0).contains(&command.brake_pct));
            // Fresh from a low pass, the command may overshoot its limit a little.
            prop_assert!(command.steering_pct.abs() < 110.0);
        }
        prop_assert_eq!(run(&scenario).1.truth_hash, outcome.truth_hash);
    }
}

/// A drive straight ahead in auto, at 8 m/s from the seventh second on.
fn straight(rest: &str) -> LoadedScenario {
    load(&format!(
        r#"schema = 1
name = "story"
vehicle = "lincoln_mkz"
map = "proving_ground"
duration_s = 14.0

[start]
on = "straight"
station_m = 5.0

[reference]
path = "straight"
speed_mps = [[5.0, 0.0], [20.0, 8.0], [200.0, 8.0]]

{IDEAL}
{rest}
"#
    ))
}

#[test]
fn a_steering_sensor_that_reads_too_much_pulls_the_car_to_the_right_while_it_does() {
    let (well, _) = run(&straight(""));
    let fault = "[[event]]\nwhen = { time_s = 9.0 }\ncar = { steering_offset_deg = 10.0, for_s = 3.0 }\n";
    let (pulled, outcome) = run(&straight(fault));
    assert_eq!(time_of(&outcome, "steering_offset"), 9.0);
    assert_eq!(bits(at(&well, 8.99)), bits(at(&pulled, 8.99)));
    let right_m = at(&well, 11.9).errors.lateral_m - at(&pulled, 11.9).errors.lateral_m;
    assert!((0.02..1.0).contains(&right_m), "{right_m} m");
    // What is reported is what the servo made of its command, not where the wheels are.
    let hands = "[[event]]\nwhen = { time_s = 1.0 }\ndriver = { hold_wheel_deg = 0.0, torque_nm = 50.0, for_s = 9.0 }\n\
                 [[event]]\nwhen = { time_s = 2.0 }\ncar = { steering_offset_deg = 10.0, for_s = 2.0 }\n";
    let (held, _) = run(&coasting(6.0, hands));
    let read_deg = |time_s: f64| at(&held, time_s).plant.steering_wheel_rad.to_degrees();
    assert!((read_deg(3.0) - read_deg(1.9) - 10.0).abs() < 0.2, "{} {}", read_deg(3.0), read_deg(1.9));
    assert!((read_deg(5.0) - read_deg(1.9)).abs() < 0.2, "{}", read_deg(5.0));
}

#[test]
fn faded_brakes_make_half_the_torque_of_the_same_pedal_until_they_are_well_again() {
    let brake = "[[event]]\nwhen = { time_s = 0.5 }\ndriver = { brake_pct = 22.0, for_s = 5.0 }\n";
    let fade = "[[event]]\nwhen = { time_s = 0.2 }\ncar = { brake_fade = 0.5, for_s = 0.8 }\n";
    let (well, _) = run(&coasting(2.0, brake));
    let (faded, outcome) = run(&coasting(2.0, &format!("{brake}{fade}")));
    let torque_nm = |samples: &[TraceSample], time_s| at(samples, time_s).plant.brake_torque_actual_nm;
    assert!(torque_nm(&well, 0.9) > 100.0);
    let share = |time_s| torque_nm(&faded, time_s) / torque_nm(&well, time_s);
    assert!((share(0.9) - 0.5).abs() < 0.01, "{}", share(0.9));
    assert!((share(1.1) - 1.0).abs() < 0.01, "{}", share(1.1));
    assert_eq!(time_of(&outcome, "brake_fade"), 0.2);
}

#[test]
fn a_road_that_turns_to_ice_takes_the_brakes_their_grip() {
    let brake = "[[event]]\nwhen = { time_s = 1.0 }\ndriver = { brake_pct = 40.0, for_s = 5.0 }\n";
    let ice = "[[event]]\nwhen = { time_s = 0.5 }\nroad = { friction_scale = 0.15 }\n";
    let (dry, _) = run(&coasting(3.0, brake));
    let (icy, outcome) = run(&coasting(3.0, &format!("{brake}{ice}")));
    let speed_mps = |samples: &[TraceSample]| at(samples, 2.5).plant.wheel_speed_mps;
    assert!(speed_mps(&icy) > speed_mps(&dry) + 1.0, "{} {}", speed_mps(&icy), speed_mps(&dry));
    assert!(at(&icy, 2.5).plant.abs_active && !at(&dry, 1.0).plant.abs_active);
    assert_eq!(time_of(&outcome, "friction"), 0.5);
}

#[test]
fn control_takes_other_parameters_in_the_run_and_keeps_what_it_remembers() {
    let change = "[[event]]\nwhen = { time_s = 9.0 }\ncontrol = { steer_transmission_ratio = 8.0, longitudinal.station_pid.kp = 0.4 }\n";
    let (before, _) = run(&straight(""));
    let (changed, outcome) = run(&straight(change));
    assert_eq!(bits(at(&before, 8.99)), bits(at(&changed, 8.99)));
    assert_ne!(bits(at(&before, 10.0)), bits(at(&changed, 10.0)));
    let told = outcome.events.iter().find(|event| event.name == "control_parameters").unwrap();
    assert!(told.detail.contains("longitudinal.station_pid.kp = 0.4"), "{}", told.detail);
    assert!(told.detail.contains("steer_transmission_ratio = 8"), "{}", told.detail);
    // The same parameters again are no change of anything.
    let same = "[[event]]\nwhen = { time_s = 9.0 }\ncontrol = { steer_transmission_ratio = 16.0 }\n";
    let (same, _) = run(&straight(same));
    assert_eq!(bits(at(&before, 13.9)), bits(at(&same, 13.9)));
}

#[test]
fn a_cone_that_is_touched_is_counted_once_and_leaves_no_trace_in_the_truth() {
    let row =
        "[[cone]]\nname = \"gate\"\non = \"straight\"\nstation_m = 15.0\nto_station_m = 25.0\ncount = 3\n";
    let (_, bare) = run(&coasting(3.0, ""));
    let (_, beside) = run(&coasting(3.0, &format!("{row}lateral_m = [-1.4, 1.4]\n")));
    let through = format!("{row}lateral_m = [-1.4, 0.5]\n[pass]\ncones_hit_max = 2\n");
    let (_, through) = run(&coasting(3.0, &through));
    assert!(bare.metrics.cones_hit.is_nan());
    assert_eq!(beside.metrics.cones_hit, 0.0);
    assert_eq!(through.metrics.cones_hit, 3.0);
    assert!(bare.verdict.passed && beside.verdict.passed && !through.verdict.passed);
    for outcome in [&beside, &through] {
        assert_eq!(outcome.truth_hash, bare.truth_hash);
    }
    let hits: Vec<_> = through.events.iter().filter(|event| event.name == "cone_hit").collect();
    assert_eq!(hits.len(), 3);
    for (hit, (name, station_m)) in hits.iter().zip([("gate 2 ", 15.0), ("gate 4 ", 20.0), ("gate 6 ", 25.0)])
    {
        assert!(hit.detail.starts_with(name), "{}", hit.detail);
        // The nose, 3.89 m before the rear axle, meets the foot of the cone at some 10 m/s.
        let at_s = (station_m - 0.15 - 3.89 - 5.0) / 10.0;
        assert!((hit.time_s - at_s).abs() < 0.1, "{} at {} s, expected {at_s}", hit.detail, hit.time_s);
    }
}

#[test]
fn a_vehicle_that_is_struck_from_behind_takes_its_share_of_the_momentum() {
    let ahead = "[[traffic]]\nname = \"slow car\"\non = \"straight\"\nstation_m = 25.0\nspeed_mps = 4.0\n";
    let scenario = coasting(5.0, ahead);
    let mut simulation = Simulation::new(&scenario, &RunOptions::default()).unwrap();
    let theirs = |simulation: &Simulation| simulation.others().next().unwrap();
    let mut before = (10.0, 4.0);
    while !theirs(&simulation).struck {
        before = (simulation.vehicle().velocity_mps.x, theirs(&simulation).velocity_mps[0]);
        assert!(simulation.now().as_s() < 4.0, "they never meet");
        simulation.step();
    }
    // The blow itself is over within some ticks: friction has no time to matter.
    (0..3).for_each(|_| _ = simulation.step());
    let after = (simulation.vehicle().velocity_mps.x, theirs(&simulation).velocity_mps[0]);
    let mass_kg = skidpad_vehicle::VehicleModel::new(&scenario.vehicle.params, 1e-3).mass_kg();
    let momentum = |(ours, other): (f64, f64)| mass_kg * ours + 1500.0 * other;
    assert!((momentum(after) - momentum(before)).abs() < 0.01 * momentum(before), "{before:?} {after:?}");
    // A tenth of the blow acts again and parts them; some of it is in the car's pitch.
    let parting = after.1 - after.0;
    assert!((0.0..0.1 * (before.0 - before.1)).contains(&parting), "{before:?} {after:?}");
    while !simulation.is_finished() {
        simulation.step();
    }
    let outcome = simulation.finish();
    let hit = outcome.events.iter().find(|event| event.name == "collision").unwrap();
    assert!(
        hit.detail.starts_with("hit slow car at") && hit.detail.ends_with("which drove at 4.0 m/s"),
        "{}",
        hit.detail
    );
    assert!(!outcome.verdict.passed);
}

#[test]
fn vehicles_that_are_passed_leave_no_trace_in_the_truth() {
    let beside = "[[traffic]]\nname = \"parked\"\non = \"straight\"\nstation_m = 25.0\nlateral_m = -2.5\n\n\
                  [[traffic]]\nname = \"oncoming\"\non = \"straight\"\nstation_m = 60.0\nlateral_m = 3.0\n\
                  heading_offset_deg = 180.0\nspeed_mps = -15.0\n";
    let (_, bare) = run(&coasting(3.0, ""));
    let (_, passed) = run(&coasting(3.0, beside));
    assert_eq!(passed.truth_hash, bare.truth_hash);
    assert!(passed.verdict.passed, "{:?}", passed.events);
}

/// Listens for the instants of the control commands.
#[derive(Default)]
struct CommandTimes(Vec<u64>);

impl Outside for CommandTimes {
    fn listens(&self) -> bool {
        true
    }

    fn message_out(&mut self, now: SimTime, message: &TopicMessage) {
        if matches!(message, TopicMessage::Command(_)) {
            self.0.push(now.as_ns() / 1_000_000);
        }
    }
}

#[test]
fn control_that_is_told_another_period_commands_at_that_from_then_on() {
    let change = "[[event]]\nwhen = { time_s = 3.0 }\ncontrol = { control_period_s = 0.02 }\n";
    let mut simulation = Simulation::new(&straight(change), &RunOptions::default()).unwrap();
    let mut heard = CommandTimes::default();
    while simulation.now() < SimTime::from_ms(5000) {
        simulation.step_outside(&mut heard);
    }
    let gaps_ms = |from_ms: u64, to_ms: u64| {
        let within: Vec<u64> = heard.0.iter().copied().filter(|ms| (from_ms..to_ms).contains(ms)).collect();
        within.windows(2).map(|pair| pair[1] - pair[0]).collect::<Vec<_>>()
    };
    assert!(gaps_ms(1000, 3000).iter().all(|gap| *gap == 10) && gaps_ms(1000, 3000).len() > 195);
    assert!(gaps_ms(3020, 5000).iter().all(|gap| *gap == 20), "{:?}", gaps_ms(3020, 5000));
    assert!(gaps_ms(3020, 5000).len() > 95);
}

#[test]
fn what_is_broken_while_a_run_goes_on_is_broken_at_its_end_and_nothing_is_in_one_that_passes() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scenarios");
    let mut seen = std::collections::BTreeMap::<String, usize>::new();
    for (file, passes) in [
        ("stopping/emergency_stop_split.toml", true),
        ("stopping/stop_and_hold_20_down.toml", true),
        ("faults/steering_reset.toml", true),
        ("faults/gnss_outage_in_curve.toml", true),
        ("tracking/slalom_30kmh.toml", true),
        // With limits that it cannot keep, and metrics that no shipped scenario bounds.
        ("tracking/skid_pad_left.toml", false),
        ("stopping/emergency_stop_wet.toml", false),
    ] {
        let mut scenario = library().load(&root.join(file)).unwrap();
        if !passes {
            let pass = &mut scenario.scenario.pass;
            pass.lateral_error_max_m = Some(0.01);
            pass.lateral_error_rms_m = Some(0.02);
            pass.steering_wheel_rate_max_dps = Some(10.0);
            pass.top_speed_min_mps = Some(30.0);
            pass.top_speed_max_mps = Some(2.0);
            pass.stop_within_m = Some(1.0);
            pass.stop_deceleration_min_mps2 = Some(20.0);
            pass.engaged_min_s = Some(1e3);
            pass.stopped = Some(false);
            pass.final_speed_min_mps = Some(1.0);
            pass.events.require = vec!["bus_off".into()];
            pass.events.forbid = Some(vec!["engaged".into()]);
        }
        let mut simulation = Simulation::new(&scenario, &RunOptions::default()).unwrap();
        let mut broken = std::collections::BTreeSet::new();
        while !simulation.is_finished() {
            if simulation.step().is_some_and(|sample| sample.sample.time_s.rem_euclid(0.5) < 1e-6) {
                for limit in simulation.score_so_far().1.limits {
                    let standing = limit.standing(false);
                    *seen.entry(format!("{standing:?}")).or_default() += 1;
                    if standing == Standing::Broken {
                        broken.insert(limit.name);
                    } else {
                        assert!(!broken.contains(&limit.name), "{file}: {} has recovered", limit.name);
                    }
                }
            }
        }
        let verdict = simulation.finish().verdict;
        assert_eq!(verdict.passed, passes, "{file}: {verdict:?}");
        assert_eq!(broken.is_empty(), passes, "{file}: {broken:?}");
        for limit in &verdict.limits {
            assert!(
                !limit.passed || !broken.contains(&limit.name),
                "{file}: {} was called broken",
                limit.name
            );
            let at_end = if limit.passed { Standing::Holds } else { Standing::Broken };
            assert_eq!(limit.standing(true), at_end, "{file}: {}", limit.name);
        }
    }
    assert_eq!(seen.keys().collect::<Vec<_>>(), ["Beyond", "Broken", "Holds", "Open"], "{seen:?}");
}
