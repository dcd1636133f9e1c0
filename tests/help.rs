//! The manual pages, and arguments that are wrong.

mod common;
use common::{Story, repository, skidpad};
use std::process::{Command, Stdio};

const SUBCOMMANDS: [&str; 13] = [
    "run",
    "check",
    "list",
    "schema",
    "reference",
    "openloop",
    "calibrate",
    "validate",
    "bench",
    "gnss",
    "can",
    "topics",
    "desktop",
];

#[test]
fn every_subcommand_has_a_manual_page() {
    let overview = skidpad(&["--help"]).expect(0).stdout;
    for subcommand in SUBCOMMANDS {
        assert!(overview.contains(&format!("\n  {subcommand} ")), "{subcommand} is missing in:\n{overview}");
        let page = skidpad(&[subcommand, "--help"]).expect(0).stdout;
        for part in [&format!("Usage: skidpad {subcommand}"), "\nExamples:\n", "\nExit status:\n  0 "] {
            assert!(page.contains(part), "`{part}` is missing in:\n{page}");
        }
        let short = skidpad(&[subcommand, "-h"]).expect(0).stdout;
        assert!(short.len() <= page.len() && short.contains("Usage:"));
    }
    assert!(overview.contains("Exit status:") && overview.contains("130"));
}

#[test]
fn wrong_arguments_are_refused_with_a_hint() {
    skidpad(&["rum"]).expect_refusal("rum", &["run"]);
    skidpad(&["run", "--job", "2"]).expect_refusal("--job", &["--jobs"]);
    skidpad(&["run", "--jobs", "0"]).expect_refusal("--jobs", &[]);
    skidpad(&["run", "--jobs", "many"]).expect_refusal("--jobs", &["many"]);
    skidpad(&["run", "--seed", "-1"]).expect_refusal("-1", &[]);
    skidpad(&["run", "--utm-zone", "10"]).expect_refusal("--reference", &[]);
    skidpad(&["run", "--reference", "a.csv", "--utm-zone", "61"]).expect_refusal("61", &["1..=60"]);
    skidpad(&["run", "--reference", "a.csv", "scenarios"]).expect_refusal("--reference", &["cannot be used"]);
    skidpad(&["schema", "car"]).expect_refusal("car", &["scenario, vehicle, map, messages"]);
    skidpad(&["openloop", "--vehicle", "lincoln_mkz"]).expect_refusal("--inputs", &["--out"]);
}

/// A shell stands in for the app, which takes minutes to build.
#[cfg(unix)]
#[test]
fn the_desktop_app_is_started_with_its_arguments_if_it_is_built() {
    let story = Story::new("the_desktop_app_is_started");
    let skidpad = story.path("skidpad");
    if std::fs::hard_link(env!("CARGO_BIN_EXE_skidpad"), &skidpad).is_err() {
        std::fs::copy(env!("CARGO_BIN_EXE_skidpad"), &skidpad).unwrap();
    }
    let desktop = |arguments: &[&str]| {
        let output = Command::new(&skidpad).arg("desktop").args(arguments).output().unwrap();
        let [out, complaint] = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
        (output.status.code(), out, complaint)
    };
    let (code, _, complaint) = desktop(&["--demo"]);
    assert_eq!(code, Some(2), "{complaint}");
    assert!(complaint.contains("cargo build --release -p skidpad-desktop"), "{complaint}");

    std::os::unix::fs::symlink("/bin/sh", story.path("skidpad-desktop")).unwrap();
    for (ends, code) in [(0, 0), (2, 2), (101, 4)] {
        let script = format!("echo \"$# $*\"; exit {ends}");
        let (ended, out, complaint) = desktop(&["-c", &script, "sh", "--demo", "--size", "640x480", "a b"]);
        assert_eq!((ended, out.as_str()), (Some(code), "4 --demo --size 640x480 a b\n"), "{complaint}");
    }
}

#[test]
fn the_version_is_that_of_the_package() {
    let version = skidpad(&["--version"]).expect(0).stdout;
    assert_eq!(version, format!("skidpad {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn schemas_are_json_with_every_key_described() {
    for (kind, key) in [("scenario", "duration_s"), ("vehicle", "chassis"), ("map", "anchor")] {
        let text = skidpad(&["schema", kind]).expect(0).stdout;
        let schema: serde_json::Value = serde_json::from_str(&text).unwrap();
        let property = &schema["properties"][key];
        assert!(
            property["description"].is_string() || property["$ref"].is_string(),
            "{kind}.{key}: {property}"
        );
    }
}

#[test]
fn a_reader_that_has_seen_enough_is_no_error() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_skidpad"))
        .args(["schema", "scenario"])
        .current_dir(repository())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn list_shows_everything_there_is() {
    let list = skidpad(&["list"]).expect(0).stdout;
    for word in ["scenarios (", "vehicles (", "maps (", "lincoln_mkz", "proving_ground", "skid pad left"] {
        assert!(list.contains(word), "{word} is missing in:\n{list}");
    }
}

#[test]
fn what_is_shipped_is_right() {
    let run = skidpad(&["check"]).expect(0);
    assert!(run.stdout.contains("nothing is wrong"), "{}", run.stdout);
}

#[test]
fn bench_measures_what_it_says() {
    let text = skidpad(&["bench", "--json", "--repeats", "1"]).expect(0).stdout;
    let bench: serde_json::Value = serde_json::from_str(&text).unwrap();
    let number = |pointer: &str| bench.pointer(pointer).and_then(|value| value.as_f64()).unwrap_or(f64::NAN);
    let core = number("/vehicle_core/sim_s_per_cpu_s");
    let closed = number("/closed_loop/sim_s_per_cpu_s");
    assert!(core > closed && closed > 1.0, "the whole costs more than a part: {text}");
    for part in ["stages/can", "stages/car", "stages/sensors", "stages/stack", "stages/score"] {
        assert!(number(&format!("/{part}")) > 0.0, "{part}: {text}");
    }
    for part in ["parts/tyres_ns", "parts/vehicle_step_ns", "parts/surface_ns"] {
        assert!(number(&format!("/{part}")) > 0.0, "{part}: {text}");
    }
    assert!((number("/scenario_30s/simulated_s") - 30.0).abs() < 1e-6, "{text}");
    assert!(number("/scenario_30s/wall_s") > 0.0);
    if cfg!(target_os = "linux") {
        assert!((1.0..1000.0).contains(&number("/rss_mb")), "{text}");
    }
    assert!(bench["machine"]["cpu"].is_string() && bench["conditions"]["build"].is_string());
}

#[test]
fn bench_counts_the_steps_of_lock_step() {
    let text = skidpad(&["bench", "--lockstep", "--json", "--repeats", "1"]).expect(0).stdout;
    let bench: serde_json::Value = serde_json::from_str(&text).unwrap();
    for link in bench["links"].as_array().unwrap() {
        assert!(
            link["steps"].as_u64().unwrap() > 3000 && link["steps_per_s"].as_f64().unwrap() > 0.0,
            "{text}"
        );
    }
}
