//! Files that are wrong: each is refused with its place, what was expected, and exit status 2, and nothing runs.

mod common;
use common::{Story, repository, skidpad, skidpad_in};
use std::fs;
use std::path::Path;

/// A scenario that is right; `{name}` is to be replaced.
const RIGHT: &str = r#"schema = 1
name = "{name}"
vehicle = "lincoln_mkz"
map = "proving_ground"
duration_s = 2.0

[start]
on = "skid_pad_left"

[reference]
path = "skid_pad_left"
speed_mps = [[0.0, 0.0], [10.0, 3.0], [20.0, 3.0]]
"#;

/// A scenario with one mistake: `from` replaced by `to`. Both `run` and `check` refuse it at `place`.
#[track_caller]
fn refused(story: &Story, name: &str, [from, to]: [&str; 2], place: &str, words: &[&str]) {
    let right = RIGHT.replace("{name}", name);
    assert!(right.contains(from));
    let file_name = format!("{name}.toml");
    let file = story.file(&file_name, right.replace(from, to));
    let place = format!("{file_name}{place}");
    let out = story.path(&format!("{name}_out"));
    skidpad(&["run", &file, "--out", &out]).expect_refusal(&place, words);
    assert!(!Path::new(&out).exists(), "nothing has run");
    skidpad(&["check", &file]).expect_refusal(&place, words);
}

#[test]
fn mistakes_in_scenarios() {
    let story = Story::new("mistakes_in_scenarios");
    let cases: &[(&str, [&str; 2], &str, &[&str])] = &[
        ("key", ["duration_s", "duration"], ":5:1", &["unknown key `duration`", "duration_s"]),
        ("value", ["2.0", "-2.0"], ":5:14", &["duration_s", "-2"]),
        ("kind", ["2.0", "\"2 s\""], ":5:14", &["duration_s", "number"]),
        ("nan", ["2.0", "nan"], ":5:14", &["finite", "nan"]),
        ("unit", ["speed_mps", "speed_kmh"], ":12:1", &["speed_kmh"]),
        ("no_vehicle", ["lincoln_mkz", "lincoln_mkx"], ":3:11", &["did you mean `lincoln_mkz`"]),
        ("no_map", ["proving_ground", "moon"], ":4:7", &["open_plane", "proving_ground"]),
        ("start", ["on = \"skid_pad_left\"", "on = \"skid_pad\""], ":8:6", &["no path \"skid_pad\""]),
        ("unreachable", ["path = \"skid_pad_left\"", "path = \"skid_pad_lft\""], ":11:8", &["skid_pad_left"]),
        ("standstill", ["[10.0, 3.0]", "[10.0, 0.0]"], ":12:", &["never"]),
        ("toml", ["duration_s = 2.0", "duration_s = = 2.0"], ":5:14", &[]),
        ("cut", ["[10.0, 3.0], [20.0, 3.0]]\n", "[10.0,"], ":12:", &[]),
    ];
    for (name, change, place, words) in cases {
        refused(&story, name, *change, place, words);
    }
}

#[test]
fn a_right_scenario_is_accepted() {
    // Guards the others: what they change is what makes them wrong.
    let story = Story::new("right_scenario");
    let file = story.file("right.toml", RIGHT.replace("{name}", "right"));
    skidpad(&["check", &file]).expect(0);
    skidpad(&["run", &file, "--quiet"]).expect(0);
}

#[test]
fn all_mistakes_are_reported_at_once() {
    let story = Story::new("all_mistakes");
    let text = RIGHT.replace("duration_s", "duratoin_s").replace("schema = 1", "schema = 7");
    let wrong = story.file("wrong.toml", text);
    let missing = story.path("missing.toml");
    let run = skidpad(&["check", &wrong]).expect_refusal("wrong.toml:1:", &["wrong.toml:5:1", "duration_s"]);
    assert!(run.stdout.is_empty());
    skidpad(&["check", &wrong, &missing]).expect_refusal("missing.toml", &["no such file"]);
}

#[test]
fn one_wrong_file_stops_the_whole_run() {
    let story = Story::new("one_wrong_file");
    story.file("suite/a.toml", RIGHT.replace("{name}", "a"));
    story.file("suite/b.toml", RIGHT.replace("{name}", "b").replace("2.0", "inf"));
    let out = story.path("out");
    skidpad(&["run", &story.path("suite"), "--out", &out]).expect_refusal("b.toml:5:14", &["finite"]);
    assert!(!Path::new(&out).exists());
}

#[test]
fn a_drive_of_more_than_an_hour_stops_the_whole_run() {
    let story = Story::new("endless_drive");
    let slow = RIGHT.replace("[10.0, 3.0], [20.0, 3.0]", "[10.0, 0.001], [20.0, 0.001]");
    story.file("a.toml", RIGHT.replace("{name}", "a"));
    story.file("b.toml", slow.replace("{name}", "b"));
    let folder = story.folder().to_str().unwrap();
    let run = skidpad(&["run", folder]).expect_refusal("b.toml: [reference]", &["at most 3600 s"]);
    assert!(run.stdout.is_empty() && !run.stderr.contains("pass"), "nothing has run: {}", run.stderr);
    skidpad(&["check", folder]).expect_refusal("b.toml: [reference]", &[]);
}

#[test]
fn a_vehicle_without_its_file_is_no_folder_of_scenarios() {
    let story = Story::new("headless_vehicle");
    story.file("vehicles/mkz/bywire.toml", "");
    story.file("vehicles/mkz/bywire.dbc", "");
    let run =
        skidpad(&["check", &story.path("vehicles")]).expect_refusal("mkz/vehicle.toml: no such file", &[]);
    assert_eq!(run.stderr.lines().count(), 1, "{}", run.stderr);
}

#[test]
fn duplicate_names_are_refused() {
    let story = Story::new("duplicate_names");
    story.file("suite/a.toml", RIGHT.replace("{name}", "twin"));
    story.file("suite/b.toml", RIGHT.replace("{name}", "twin"));
    for subcommand in ["run", "check"] {
        skidpad(&[subcommand, &story.path("suite")]).expect_refusal("b.toml", &["twin", "a.toml", "rename"]);
    }
}

#[test]
fn files_that_are_not_there_or_are_no_scenarios() {
    let story = Story::new("not_there");
    for subcommand in ["run", "check"] {
        skidpad(&[subcommand, &story.path("missing.toml")]).expect_refusal("missing.toml", &["no such file"]);
        skidpad(&[subcommand, story.folder().to_str().unwrap()]).expect_refusal("not_there", &["*.toml"]);
    }
    let binary = story.file("binary.toml", [0x73, 0xff, 0xfe, 0x00]);
    skidpad(&["run", &binary]).expect_refusal("binary.toml", &["UTF-8"]);
    let empty = story.file("empty.toml", "");
    skidpad(&["run", &empty]).expect_refusal("empty.toml", &["missing"]);
    skidpad(&["run", "--reference", &story.path("gone.csv")]).expect_refusal("gone.csv", &["no such file"]);
}

#[test]
fn a_file_of_a_gigabyte_is_refused_unread() {
    let story = Story::new("gigabyte");
    let huge = story.file("huge.toml", RIGHT);
    fs::File::options().write(true).open(&huge).unwrap().set_len(1 << 30).unwrap();
    for arguments in [["run", &huge], ["check", &huge], ["run", "--reference"]] {
        let mut arguments = arguments.to_vec();
        if arguments[1] == "--reference" {
            arguments.push(&huge);
        }
        skidpad(&arguments).expect_refusal("huge.toml", &["too large"]);
    }
}

#[cfg(unix)]
#[test]
fn a_folder_that_contains_itself_is_refused() {
    let story = Story::new("folder_loop");
    story.file("suite/a.toml", RIGHT.replace("{name}", "a"));
    std::os::unix::fs::symlink(".", story.folder().join("suite/again")).unwrap();
    for subcommand in ["run", "check", "list"] {
        skidpad(&[subcommand, &story.path("suite")]).expect_refusal("again", &["symbolic link"]);
    }
}

#[test]
fn recordings_that_are_cut_off_or_mad() {
    let story = Story::new("bad_recordings");
    let header = "x,y,z,speed,acceleration,curvature,curvature_change_rate,time,theta,gear,s,throttle,brake,steering\n";
    let row = "586385.0, 4140674.0, -28.0, 1.0, 0.0, 0.0, 0.0, 1.0, 2.8, 1, 0.0, 20.0, 0.0, 0.0\n";
    let refused = |name: &str, text: String, place: &str| {
        let file = story.file(name, text);
        skidpad(&["run", "--reference", &file]).expect_refusal(&format!("{name}{place}"), &[]);
    };
    refused("empty.csv", String::new(), "");
    refused("header.csv", header.to_string(), "");
    refused("truncated.csv", format!("{header}{row}586385.1, 4140674.0, -28"), ":3:");
    refused("nan.csv", format!("{header}{row}{}", row.replace("4140674.0", "nan")), ":3:11");
    refused("letters.csv", format!("{header}{}", row.replace("-28.0", "low")), ":2:22");
}

#[test]
fn mistakes_in_vehicles_and_maps() {
    let story = Story::new("mistakes_in_vehicles_and_maps");
    let shipped = repository().join("vehicles/lincoln_mkz");
    for entry in fs::read_dir(&shipped).unwrap().map(Result::unwrap) {
        let name = format!("vehicles/mkz/{}", entry.file_name().to_str().unwrap());
        story.file(&name, fs::read(entry.path()).unwrap());
    }
    let map = "schema = 1\ntitle = \"plain\"\ndescription = \"\"\nopendrive = \"roads.xodr\"\n";
    story.file("maps/plain/map.toml", map);
    let check = |path: &str| skidpad_in(story.folder(), &["check", path]);
    check("vehicles/mkz").expect(0);

    let vehicle = fs::read_to_string(shipped.join("vehicle.toml")).unwrap();
    let line = vehicle.lines().position(|line| line.starts_with("mass_kg")).unwrap() + 1;
    story.file("vehicles/mkz/vehicle.toml", vehicle.replace("mass_kg = 1900.0", "mass_kg = -1900.0"));
    check("vehicles/mkz").expect_refusal(&format!("vehicles/mkz/vehicle.toml:{line}:"), &["mass_kg"]);
    check("vehicles/mkz/vehicle.toml").expect_refusal("mass_kg", &[]);
    story.file("vehicles/mkz/vehicle.toml", vehicle.replace("wheelbase_m", "wheelbase"));
    check("vehicles").expect_refusal("vehicle.toml:", &["wheelbase"]);
    // Outside of a library, too.
    let alone = story.file("alone/vehicle.toml", vehicle.replace("mass_kg = 1900.0", "mass_kg = nan"));
    skidpad(&["check", &alone]).expect_refusal(&format!("alone/vehicle.toml:{line}:"), &["mass_kg"]);

    let missing = check("maps/plain").expect(2);
    assert!(missing.stderr.contains("roads.xodr"), "{}", missing.stderr);
    for (text, place) in [
        ("<OpenDRIVE>\n  <road length=\"10\"", "roads.xodr:2:"),
        ("<OpenDRIVE>\n</road>\n", "roads.xodr:2:"),
        ("no XML at all", "roads.xodr:1:"),
    ] {
        story.file("maps/plain/roads.xodr", text);
        check("maps/plain").expect_refusal(place, &[]);
    }
    story.file("maps/plain/map.toml", map.replace("title", "titel"));
    check("maps/plain/map.toml").expect_refusal("map.toml:2:1", &["titel"]);
}
