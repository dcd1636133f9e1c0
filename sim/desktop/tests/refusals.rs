//! What cannot be shown is told in a sentence, with exit status 2 and without a panic.
#![cfg(feature = "window")]

use std::path::{Path, PathBuf};
use std::process::Command;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Runs the app without a display; its exit status must be 2, and its complaint have these words.
#[track_caller]
fn refused(arguments: &[&str], environment: &[(&str, &str)], words: &[&str]) {
    let output = Command::new(env!("CARGO_BIN_EXE_skidpad-desktop"))
        .args(arguments)
        .current_dir(root())
        .env_remove("DISPLAY")
        .env_remove("WAYLAND_DISPLAY")
        .env_remove("WAYLAND_SOCKET")
        .envs(environment.iter().copied())
        .output()
        .unwrap();
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{arguments:?}: {complaint}");
    assert!(!complaint.contains("panicked"), "{complaint}");
    for word in words {
        assert!(
            complaint.contains(word),
            "`{word}` is not in the complaint about {arguments:?}:\n{complaint}"
        );
    }
}

/// A file of this test.
fn file(name: &str, text: &str) -> String {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_string()
}

#[test]
fn without_a_display_it_says_what_to_set_or_to_run() {
    refused(&[], &[], &["no display", "DISPLAY", "--off-screen"]);
    if cfg!(target_os = "linux") {
        refused(&[], &[("DISPLAY", ":4711")], &["does not answer"]);
        refused(&[], &[("WAYLAND_DISPLAY", "no-such-socket")], &["does not answer"]);
    }
}

#[test]
fn without_a_graphics_driver_it_names_the_packages() {
    let none = [
        ("VK_DRIVER_FILES", "/no/such/driver.json"),
        ("VK_ICD_FILENAMES", "/no/such/driver.json"),
        ("VK_ADD_DRIVER_FILES", ""),
    ];
    refused(&["--demo", "--off-screen"], &none, &["no graphics driver", "mesa-vulkan-drivers"]);
}

#[test]
fn files_that_are_wrong_or_gone_are_named_before_anything_opens() {
    let demo = ["--demo", "--off-screen"];
    let with = |more: [&'static str; 1], file: &str, words: &[&str]| {
        refused(&[&demo[..], &more[..], &[file]].concat(), &[], words);
    };
    with(["--scenario"], "/no/such/scenario.toml", &["/no/such/scenario.toml"]);
    let wrong = file("wrong.toml", "schema = 1\nname = \"wrong\"\nduration_s = \"long\"\n");
    with(["--scenario"], &wrong, &["wrong.toml:3", "duration_s"]);
    let binary = file("binary.toml", "\u{0}\u{1}\u{2}");
    with(["--scenario"], &binary, &["binary.toml"]);
    // A scenario whose recording has vanished.
    let slalom = std::fs::read_to_string(root().join("scenarios/tracking/skid_pad_left.toml")).unwrap();
    let (head, _) = slalom.split_once("[reference]").unwrap();
    let lost = format!("{head}[reference]\nfile = \"vanished.csv\"\n");
    let lost = file("lost.toml", &lost);
    with(["--scenario"], &lost, &["vanished.csv"]);
    with(["--overlay"], "/no/such/trace.csv", &["/no/such/trace.csv"]);
    let text = file("text.csv", "this is no trace\n");
    with(["--overlay"], &text, &["text.csv"]);
    with(["--screenshot"], "/dev/null/shots", &["/dev/null/shots"]);
    refused(&["--size", "1x1"], &[], &["320"]);
    refused(&["--demo", "--states", "nonsense"], &[], &["nonsense", "chase"]);
}
