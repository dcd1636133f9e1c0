//! `skidpad run`: what a user sees and finds in the results.

mod common;
use common::{Story, Table, report, repository, results, skidpad};
use std::fmt::Write;
use std::fs;
use std::path::Path;

/// A few seconds on the skid pad, with a `[pass]` table.
fn scenario(name: &str, duration_s: f64, pass: &str) -> String {
    format!(
        r#"schema = 1
name = "{name}"
vehicle = "lincoln_mkz"
map = "proving_ground"
duration_s = {duration_s}

[start]
on = "skid_pad_left"

[reference]
path = "skid_pad_left"
speed_mps = [[0.0, 0.0], [10.0, 3.0], [150.0, 3.0]]

[pass]
{pass}
"#
    )
}

#[test]
fn a_passing_run_leaves_complete_results() {
    let story = Story::new("passing_run");
    let file = story.file("circle.toml", scenario("first circle", 15.0, "lateral_error_max_m = 0.3"));
    let out = story.path("results/deep");
    let run = skidpad(&["run", &file, "--out", &out]).expect(0);
    assert!(run.stdout.contains("first circle") && run.stdout.contains("pass"), "{}", run.stdout);
    assert!(run.stdout.contains("1 scenario: 1 passed"), "{}", run.stdout);
    assert!(run.stderr.contains("[1/1] pass"), "plain lines without a terminal: {}", run.stderr);

    let report = report(&out);
    let scenario = &report["scenarios"][0];
    assert_eq!(scenario["name"], "first circle");
    assert_eq!(scenario["verdict"], "pass");
    assert_eq!(scenario["truth_hash"].as_str().unwrap().len(), 64);
    let largest = scenario["metrics"]["lateral_error_max_m"].as_f64().unwrap();
    assert!(largest > 0.0 && largest < 0.3);
    assert!(
        scenario["limits"].as_array().unwrap().iter().any(|limit| limit["name"] == "lateral_error_max_m")
    );

    // The trace says the same as the metrics.
    let trace = Table::read(&format!("{out}/first_circle/trace.csv"));
    let times = trace.numbers("time_s");
    assert_eq!((times[0], times[1], *times.last().unwrap()), (0.0, 0.01, 15.0));
    let errors = trace.numbers("lateral_error_m");
    let scored = trace.numbers("scored");
    let of_trace = errors.iter().zip(&scored).filter(|(_, s)| **s == 1.0).map(|(e, _)| e.abs());
    assert!((of_trace.fold(0.0, f64::max) - largest).abs() < 1e-5);
    // What is commanded is not what is done: the actuator lags.
    assert!(*trace.numbers("speed_mps").last().unwrap() > 2.0);

    let junit = fs::read_to_string(format!("{out}/junit.xml")).unwrap();
    assert!(junit.contains("<testcase name=\"first circle\"") && junit.contains("failures=\"0\""), "{junit}");
    let timing = fs::read_to_string(format!("{out}/timing.json")).unwrap();
    assert!(timing.contains("\"wall_s\""));
    let leftovers: Vec<_> = results(&out).into_keys().filter(|name| name.ends_with(".part")).collect();
    assert!(leftovers.is_empty(), "{leftovers:?}");
}

#[test]
fn a_broken_limit_fails_with_its_value_and_margin() {
    let story = Story::new("broken_limit");
    story.file("suite/fail.toml", scenario("too strict", 15.0, "lateral_error_max_m = 0.00001"));
    story.file("suite/pass.toml", scenario("fair", 15.0, "lateral_error_max_m = 0.3"));
    let suite = story.path("suite");
    let out = story.path("out");
    let run = skidpad(&["run", &suite, "--out", &out]).expect(1);
    assert!(run.stdout.contains("2 scenarios: 1 passed, 1 failed"), "{}", run.stdout);
    assert!(run.stdout.contains("lateral_error_max_m") && run.stdout.contains("margin"), "{}", run.stdout);
    assert_eq!(report(&out)["scenarios"][0]["verdict"], "fail");
    assert_eq!(report(&out)["scenarios"][1]["verdict"], "pass");

    // Quiet: only what did not pass.
    let run = skidpad(&["run", &suite, "--quiet"]).expect(1);
    assert!(run.stderr.is_empty() && run.stdout.contains("too strict") && !run.stdout.contains("fair"));
    let run = skidpad(&["run", &suite, "--quiet", "--filter", "fair"]).expect(0);
    assert_eq!((run.stdout.as_str(), run.stderr.as_str()), ("", ""));
    // By file.
    let run = skidpad(&["run", &suite, "--filter", "*/fail.t?ml"]).expect(1);
    assert!(run.stdout.contains("1 scenario:"), "{}", run.stdout);
    skidpad(&["run", &suite, "--filter", "nothing*"]).expect_refusal("nothing*", &["skidpad list"]);
}

#[test]
fn another_seed_is_another_run_and_the_same_seed_the_same() {
    let story = Story::new("seeds");
    let file = story.file("circle.toml", scenario("circle", 8.0, ""));
    let hash = |seed: &str| {
        let out = story.path(seed);
        skidpad(&["run", &file, "--out", &out, "--seed", seed]).expect(0);
        let report = report(&out);
        assert_eq!(report["scenarios"][0]["seed"], seed.parse::<u64>().unwrap());
        report["scenarios"][0]["truth_hash"].as_str().unwrap().to_string()
    };
    let first = hash("7");
    assert_ne!(first, hash("8"), "noise moves the car");
    assert_eq!(first, hash("7"));
}

#[test]
fn the_shipped_scenarios_pass_and_repeat_to_the_byte_on_any_number_of_threads() {
    let story = Story::new("shipped");
    let run = |jobs: &str| {
        let out = story.path(jobs);
        skidpad(&["run", "--jobs", jobs, "--out", &out, "--quiet"]).expect(0);
        results(&out)
    };
    let (one, two) = (run("1"), run("2"));
    assert!(one.keys().eq(two.keys()));
    assert!(one.len() > 12, "{:?}", one.keys());
    for (name, bytes) in &one {
        assert!(*bytes == two[name], "{name} differs between one thread and two");
    }
}

/// A straight drive of 60 m as the recorder writes it, in UTM zone 10: up to 4 m/s, and to a stop.
fn recording() -> String {
    let mut text = String::from(
        "x,y,z,speed,acceleration,curvature,curvature_change_rate,time,theta,gear,s,throttle,brake,steering\n",
    );
    let (heading, mut station, mut speed) = (0.4f64, 0.0, 0.0f64);
    for row in 0..1900 {
        let time = f64::from(row) * 0.01;
        let acceleration = if time < 4.0 {
            1.0
        } else if station < 52.0 {
            0.0
        } else {
            -1.0
        };
        let (x, y) = (586_385.0 + station * heading.cos(), 4_140_674.0 + station * heading.sin());
        writeln!(
            text,
            "{x:.6}, {y:.6}, -28.0, {speed:.6}, {acceleration}, 0.0, 0.0, {:.4}, {heading}, 1, {station:.6}, 0.0, 0.0, 0.0",
            1_496_957_374.0 + time
        )
        .unwrap();
        station += 0.01 * speed;
        speed = (speed + 0.01 * acceleration).clamp(0.0, 4.0);
    }
    text
}

#[test]
fn a_recorded_drive_is_followed_to_its_end() {
    let story = Story::new("recorded_drive");
    let file = story.file("morning drive.csv", recording());
    let out = story.path("out");
    let run = skidpad(&["run", "--reference", &file, "--utm-zone", "10", "--out", &out]).expect(0);
    assert!(run.stdout.contains("morning drive"), "{}", run.stdout);
    let report = report(&out);
    let metrics = &report["scenarios"][0]["metrics"];
    assert_eq!(metrics["stopped"], true);
    assert!((58.0..62.0).contains(&metrics["distance_m"].as_f64().unwrap()), "{metrics}");
    // The car starts where the recording starts.
    let trace = Table::read(&format!("{out}/morning_drive/trace.csv"));
    assert!(trace.numbers("x_m")[0].abs() < 1e-3 && trace.numbers("y_m")[0].abs() < 1e-3);
}

#[test]
fn the_real_drive_is_followed_within_its_limits() {
    let Some(data) = skidpad_test_support::reference_data() else { return };
    let file = data.join("mkz/drive_garage_consistent.csv");
    skidpad(&["run", "--reference", file.to_str().unwrap()]).expect(0);
}

#[test]
fn a_scenarios_reference_written_as_a_recording_is_the_same_drive() {
    let story = Story::new("written_reference");
    let circle = story.file("circle.toml", scenario("circle", 20.0, ""));
    let file = story.path("circle drive.csv");
    skidpad(&["reference", &circle, "--out", &file]).expect(0);
    let printed = skidpad(&["reference", &circle]).expect(0).stdout;
    assert_eq!(std::fs::read_to_string(&file).unwrap(), printed);
    // Followed as a recording, in another world (its own plane, its own origin), it is the same drive.
    let [inside, recorded] =
        [("inside", vec![circle.as_str()]), ("recorded", vec!["--reference", &file, "--utm-zone", "11"])]
            .map(|(name, what)| {
                let out = story.path(name);
                let run = skidpad(&[&["run", "--out", out.as_str()], what.as_slice()].concat());
                assert!(run.code != Some(2), "{}", run.stderr);
                let scenario = std::fs::read_dir(&out)
                    .unwrap()
                    .flatten()
                    .map(|e| e.path())
                    .find(|p| p.is_dir())
                    .unwrap();
                Table::read(scenario.join("trace.csv").to_str().unwrap())
            });
    for (column, within) in [("speed_mps", 0.1), ("lateral_error_m", 0.03), ("steering_wheel_deg", 8.0)] {
        let (a, b) = (inside.numbers(column), recorded.numbers(column));
        let worst = a.iter().zip(&b).skip(100).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        assert!(worst < within, "{column} differs by {worst}");
    }
    let manual = story.file("manual.toml", scenario("manual", 2.0, "").split("[reference]").next().unwrap());
    skidpad(&["reference", &manual]).expect_refusal("has no [reference]", &[]);
}

#[test]
fn results_that_cannot_be_written_are_an_error() {
    let story = Story::new("no_results");
    let file = story.file("circle.toml", scenario("circle", 2.0, ""));
    // Told at once, not after the simulation.
    let run = skidpad(&["run", &file, "--out", &file]).expect_refusal("circle.toml: expected a folder", &[]);
    assert!(!run.stderr.contains("[1/1]"), "{}", run.stderr);
    let below = format!("{file}/out");
    let run = skidpad(&["run", &file, "--out", &below]).expect_refusal("cannot be written", &["circle.toml"]);
    assert!(!run.stderr.contains("[1/1]"), "{}", run.stderr);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), scenario("circle", 2.0, ""));
}

#[test]
fn without_arguments_the_folder_scenarios_runs() {
    let story = Story::new("no_arguments");
    story.file("scenarios/circle.toml", scenario("circle", 3.0, ""));
    // Vehicles and maps are found above the program or where SKIDPAD_DATA says.
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_skidpad"))
        .current_dir(story.folder())
        .env("SKIDPAD_DATA", repository())
        .output()
        .unwrap();
    let stdout = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{stdout}");
    assert!(stdout.contains("1 scenario: 1 passed"), "{stdout}");
}

#[cfg(unix)]
#[test]
fn a_run_that_is_interrupted_or_told_to_end_reports_what_finished() {
    ["INT", "TERM", "HUP"].into_iter().for_each(interrupted_by);
}

#[cfg(unix)]
fn interrupted_by(signal: &str) {
    use std::process::{Command, Stdio};
    use std::time::{Duration, Instant};
    let story = Story::new(&format!("interrupted_{signal}"));
    story.file("suite/1.toml", scenario("short", 1.0, ""));
    // No one engages the stack: an hour of standing still.
    story.file("suite/2.toml", scenario("long", 3600.0, "") + "[operator]\nengage = false\n");
    story.file("suite/3.toml", scenario("never", 1.0, ""));
    let out = story.path("out");
    // Whoever runs the tests may ignore SIGHUP, which a program inherits.
    let (wrapper, default): (&str, &[&str]) =
        match Command::new("env").arg("--default-signal=HUP").arg("true").status() {
            Ok(status) if status.success() => {
                ("env", &["--default-signal=HUP", env!("CARGO_BIN_EXE_skidpad")])
            }
            _ => (env!("CARGO_BIN_EXE_skidpad"), &[]),
        };
    let child = Command::new(wrapper)
        .args(default)
        .args(["run", &story.path("suite"), "--jobs", "1", "--out", &out])
        .current_dir(repository())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let started = Instant::now();
    while !Path::new(&out).join("short/trace.csv").exists() {
        assert!(started.elapsed() < Duration::from_secs(60), "the short scenario ends");
        std::thread::sleep(Duration::from_millis(5));
    }
    std::thread::sleep(Duration::from_millis(200));
    let killed =
        Command::new("kill").args([&format!("-{signal}"), &child.id().to_string()]).status().unwrap();
    assert!(killed.success());
    let output = child.wait_with_output().unwrap();
    let stdout = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(130), "{stdout}");
    assert!(stdout.contains("interrupted"), "{stdout}");

    let report = report(&out);
    let verdicts: Vec<&str> =
        report["scenarios"].as_array().unwrap().iter().map(|s| s["verdict"].as_str().unwrap()).collect();
    assert_eq!(verdicts, ["pass", "error", "error"]);
    assert!(Path::new(&out).join("junit.xml").exists());
    let names: Vec<String> = results(&out).into_keys().collect();
    assert!(!names.iter().any(|name| name.contains("long")), "no half traces: {names:?}");
}

#[cfg(target_os = "linux")]
#[test]
fn under_nohup_a_run_outlives_its_terminal_and_still_heeds_the_other_signals() {
    use std::process::{Command, Stdio};
    use std::time::{Duration, Instant};
    let ignoring = "--ignore-signal=HUP";
    if !Command::new("env").args([ignoring, "true"]).status().is_ok_and(|status| status.success()) {
        return skidpad_test_support::skip("this env cannot start a program that ignores a signal");
    }
    let story = Story::new("nohup");
    story.file("suite/1.toml", scenario("short", 1.0, ""));
    story.file("suite/2.toml", scenario("long", 3600.0, "") + "[operator]\nengage = false\n");
    let out = story.path("out");
    let mut child = Command::new("env")
        .args([ignoring, env!("CARGO_BIN_EXE_skidpad"), "run", &story.path("suite"), "--jobs", "1"])
        .args(["--out", &out])
        .current_dir(repository())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let signal = |name: &str, id: u32| {
        assert!(Command::new("kill").args([name, &id.to_string()]).status().unwrap().success());
    };
    let started = Instant::now();
    while !Path::new(&out).join("short/trace.csv").exists() {
        assert!(started.elapsed() < Duration::from_secs(60), "the short scenario ends");
        std::thread::sleep(Duration::from_millis(5));
    }
    // Two that were heeded would end it at once, the first soon.
    signal("-HUP", child.id());
    signal("-HUP", child.id());
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(child.try_wait().unwrap(), None, "it goes on");
    signal("-TERM", child.id());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{}", String::from_utf8_lossy(&output.stdout));
    assert_eq!(report(&out)["scenarios"][0]["verdict"], "pass");
}
