//! The same inputs give the same bytes: against a committed hash, and between debug and release builds.

mod common;
use common::{Story, report, results, skidpad};
use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

/// Short scenarios that between them use every room: noise, curves, slides, faults.
const SCENARIOS: [&str; 4] = [
    "scenarios/tracking/lane_change_40kmh.toml",
    "scenarios/stopping/emergency_stop_split.toml",
    "scenarios/faults/command_loss.toml",
    "scenarios/faults/wrong_commands_civic.toml",
];

const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/truth_hashes.json");

#[test]
fn the_truth_has_the_committed_hash() {
    let story = Story::new("golden");
    let out = story.path("out");
    skidpad(&[&["run", "--quiet", "--out", &out], &SCENARIOS[..]].concat()).expect(0);
    let report = report(&out);
    let hashes: BTreeMap<String, String> = report["scenarios"]
        .as_array()
        .unwrap()
        .iter()
        .map(|scenario| {
            let text = |key: &str| scenario[key].as_str().unwrap().to_string();
            (text("name"), text("truth_hash"))
        })
        .collect();
    let got = serde_json::to_string_pretty(&hashes).unwrap() + "\n";
    let expected = fs::read_to_string(GOLDEN).unwrap_or_default();
    assert!(
        got == expected,
        "the true trajectory has changed. If that is meant, replace tests/golden/truth_hashes.json by the \
         following, and say in the commit why:\n{got}"
    );
}

#[test]
fn debug_and_release_builds_give_the_same_bytes() {
    let Some(release) = std::env::var_os("SKIDPAD_RELEASE_BINARY") else {
        return skidpad_test_support::skip("SKIDPAD_RELEASE_BINARY does not name a release build of skidpad");
    };
    let story = Story::new("builds");
    let (debug_out, release_out) = (story.path("debug"), story.path("release"));
    skidpad(&[&["run", "--quiet", "--out", &debug_out], &SCENARIOS[..]].concat()).expect(0);
    let status = Command::new(release)
        .current_dir(common::repository())
        .args([&["run", "--quiet", "--out", &release_out], &SCENARIOS[..]].concat())
        .status()
        .unwrap();
    assert!(status.success());
    let (debug, release) = (results(&debug_out), results(&release_out));
    assert!(debug.keys().eq(release.keys()) && debug.len() > SCENARIOS.len());
    for (name, bytes) in &debug {
        assert!(*bytes == release[name], "{name} differs between debug and release");
    }
}
