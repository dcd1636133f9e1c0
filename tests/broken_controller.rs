//! The limits of the shipped scenarios are tight enough to see a broken controller.

mod common;
use common::{Story, report, repository, skidpad};
use std::fs;

/// The controller takes the steering gear for twice as quick as it is: every steering command, feedback and
/// feed-forward, is half of what it should be.
const HALF_STEERING: &str = "steer_transmission_ratio = 8.0\n";

#[test]
fn half_the_steering_gain_fails_every_tracking_scenario() {
    let story = Story::new("half_steering");
    let mut count = 0;
    for entry in fs::read_dir(repository().join("scenarios/tracking")).unwrap() {
        let path = entry.unwrap().path();
        let text = fs::read_to_string(&path).unwrap();
        assert!(!text.contains("[stack"), "{}: this test adds the table", path.display());
        let broken = format!("{text}\n[stack.control_overrides]\n{HALF_STEERING}");
        story.file(&format!("scenarios/{}", path.file_name().unwrap().to_str().unwrap()), broken);
        count += 1;
    }
    // The library is found from the scenario's folder upward.
    for folder in ["vehicles", "maps"] {
        copy(&repository().join(folder), &story.folder().join(folder));
    }
    let out = story.path("out");
    skidpad(&["run", &story.path("scenarios"), "--out", &out, "--quiet"]).expect(1);
    let report = report(&out);
    let scenarios = report["scenarios"].as_array().unwrap();
    assert_eq!(scenarios.len(), count);
    for scenario in scenarios {
        assert_eq!(scenario["verdict"], "fail", "{} does not see it", scenario["name"]);
        let broken = scenario["limits"].as_array().unwrap().iter().filter(|limit| limit["passed"] == false);
        let names: Vec<&str> = broken.map(|limit| limit["name"].as_str().unwrap()).collect();
        assert!(
            names.iter().any(|name| name.starts_with("lateral_error")),
            "{}: expected a lateral limit to break, got {names:?}",
            scenario["name"]
        );
    }
}

fn copy(from: &std::path::Path, to: &std::path::Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}
