//! The rules of the house: which room may lean on which, and where the outside world begins.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Rooms by floor. A room may use rooms on lower floors only.
const FLOORS: &[&[&str]] = &[
    &["kernel", "geo"],
    &["msgs", "can", "novatel", "ros1", "world"],
    &["vehicle"],
    &["bywire", "sensors", "score", "stack", "manoeuvre"],
    &["scenario"],
    &["engine"],
    &["links", "ntcan", "report"],
    &["cli", "desktop"],
];

/// What the stack may see: nothing of the world's or the vehicle's true state.
const SEEN_BY_STACK: &[&str] = &["kernel", "geo", "msgs", "can", "novatel"];

/// Rooms whose code is a function of its inputs: no files, sockets, clocks or terminals.
const PURE: &[&str] = &[
    "kernel",
    "geo",
    "msgs",
    "can",
    "novatel",
    "world",
    "vehicle",
    "manoeuvre",
    "bywire",
    "sensors",
    "score",
    "stack",
    "engine",
];
const OUTSIDE: &[&str] = &[
    "std::fs",
    "std::net",
    "std::process",
    "std::env",
    "std::thread",
    "Instant::now",
    "SystemTime",
    "println!",
    "eprintln!",
    "HashMap",
    "HashSet",
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Direct dependencies of each room, from its manifest: `[dependencies]` and `[build-dependencies]`.
fn manifests() -> BTreeMap<String, Vec<String>> {
    let mut files: Vec<(String, PathBuf)> = vec![("cli".into(), root().join("Cargo.toml"))];
    for entry in fs::read_dir(root().join("sim")).expect("sim/") {
        let folder = entry.expect("an entry").path();
        let file = folder.join("Cargo.toml");
        if file.exists() {
            files.push((folder.file_name().unwrap().to_string_lossy().into_owned(), file));
        }
    }
    let names = |manifest: &toml::Table, table: &str| -> Vec<String> {
        let table = manifest.get(table).and_then(|value| value.as_table());
        table.map(|table| table.keys().cloned().collect()).unwrap_or_default()
    };
    files
        .into_iter()
        .map(|(room, file)| {
            let manifest: toml::Table = fs::read_to_string(&file).unwrap().parse().expect("a manifest");
            let mut used = names(&manifest, "dependencies");
            used.extend(names(&manifest, "build-dependencies"));
            (room, used)
        })
        .collect()
}

fn floor(room: &str) -> usize {
    FLOORS.iter().position(|floor| floor.contains(&room)).unwrap_or_else(|| {
        panic!("the room `{room}` has no floor: give it one in tests/architecture.rs and DESIGN")
    })
}

#[test]
fn arrows_between_rooms_point_downward() {
    for (room, used) in manifests() {
        for below in used.iter().filter_map(|name| name.strip_prefix("skidpad-")) {
            assert!(
                floor(below) < floor(&room),
                "{room} may not depend on {below}: it is not on a lower floor"
            );
        }
    }
}

#[test]
fn nothing_but_the_desktop_depends_on_bevy() {
    for (room, used) in manifests() {
        let bevy = used.iter().find(|name| name.starts_with("bevy"));
        assert!(room == "desktop" || bevy.is_none(), "{room} depends on {bevy:?}");
    }
}

#[test]
fn the_stack_sees_neither_the_world_nor_the_vehicle() {
    let used = &manifests()["stack"];
    for name in used {
        if let Some(room) = name.strip_prefix("skidpad-") {
            assert!(SEEN_BY_STACK.contains(&room), "stack may not depend on {room}");
        }
        assert!(!name.starts_with("rapier"), "stack may not depend on {name}");
    }
}

#[test]
fn the_simulation_touches_no_file_clock_or_terminal() {
    let mut checked = 0;
    for room in PURE {
        let mut folders = vec![root().join("sim").join(room).join("src")];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(&folder).expect("a room") {
                let path = entry.expect("an entry").path();
                let name = path.file_name().unwrap().to_string_lossy().into_owned();
                if path.is_dir() {
                    if name != "tests" {
                        folders.push(path);
                    }
                } else if name.ends_with(".rs") && !name.ends_with("tests.rs") {
                    checked += 1;
                    let text = fs::read_to_string(&path).unwrap();
                    // Tests stand at the end of a file; comments do nothing.
                    let code = text.split("#[cfg(test)]\nmod ").next().unwrap_or_default();
                    for line in code.lines().filter(|line| !line.trim_start().starts_with("//")) {
                        for word in OUTSIDE {
                            assert!(
                                !line.contains(word),
                                "{}: `{word}` in `{}`",
                                path.display(),
                                line.trim()
                            );
                        }
                    }
                }
            }
        }
    }
    assert!(checked > 50, "only {checked} files were looked at");
}
