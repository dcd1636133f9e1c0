//! What a user is told about a wrong scenario file.

use proptest::prelude::*;
use skidpad_scenario::{LoadError, Scenario, SchemaKind, parse, schema_json};

const GOOD: &str = r#"schema = 1
name = "slalom with GNSS outage"
description = "Coasts through an outage in a curve."
vehicle = "lincoln_mkz"
map = "proving_ground"
duration_s = 40.0
seed = 7

[start]
on = "handling_loop"
station_m = 0.0
speed_mps = 0.0
gear = "drive"

[reference]
path = "handling_loop"
speed_mps = [[0.0, 0.0], [30.0, 8.0], [250.0, 8.0], [280.0, 0.0]]

[stack]
control = "embedded"
control_overrides = { steer_transmission_ratio = 8 }

[sensors]
gnss = { profile = "rtk_fixed" }
imu = { profile = "datasheet" }

[operator]
engage = true

[[event]]
name = "tunnel"
when = { time_s = 12.0 }
gnss = { outage_s = 3.0 }

[road]
roughness = "b"

[wind]
speed_mps = 6.0
from_deg = -90.0

[[event]]
name = "squall"
when = { station_m = 100.0 }
gust = { speed_mps = 9.0, from_deg = 90.0, rise_s = 0.5, for_s = 3.0 }

[[event]]
when = { after = "tunnel", delay_s = 5 }
driver = { hold_wheel_deg = 30.0, torque_nm = 6.0, for_s = 1.0 }

[pass]
lateral_error_max_m = 0.30
lateral_error_rms_m = 0.10
stopped = true
events = { require = ["tunnel"], forbid = ["collision", "estop"] }
"#;

fn wrong(text: &str) -> LoadError {
    parse(text, "a.toml").expect_err("the file is wrong")
}

/// The good file with one line replaced; the error must be in that line, or in its table (when it is
/// about what the table lacks), and say all of `words`.
#[track_caller]
fn changed(from: &str, to: &str, words: &[&str]) {
    assert!(GOOD.contains(from), "the test replaces something that is there");
    let text = GOOD.replacen(from, to, 1);
    let before = &GOOD[..GOOD.find(from).unwrap()];
    let line = 1 + before.matches('\n').count();
    let table = before
        .lines()
        .enumerate()
        .filter(|(_, line)| line.starts_with('['))
        .last()
        .map_or(1, |(index, _)| index + 1);
    let error = wrong(&text);
    let shown = error.to_string();
    let places: Vec<usize> = error.problems.iter().map(|p| p.place.expect("a place").0).collect();
    let lines = table..=line + to.matches('\n').count();
    assert!(places.iter().any(|at| lines.contains(at)), "expected an error in lines {lines:?}:\n{shown}");
    for word in words {
        assert!(shown.contains(word), "expected `{word}` in:\n{shown}");
    }
}

#[test]
fn the_good_file_is_good() {
    let scenario = parse(GOOD, "a.toml").unwrap();
    assert_eq!(scenario.name, "slalom with GNSS outage");
    assert_eq!(scenario.pass.lateral_error_max_m, Some(0.30));
    // What was read can be written and read again.
    let again: Scenario = toml::from_str(&toml::to_string(&scenario).unwrap()).unwrap();
    assert_eq!(again, scenario);
}

#[test]
fn the_example_of_the_design_is_good() {
    let text = r#"
schema = 1
name = "slalom with GNSS outage"
vehicle = "lincoln_mkz"
map = "proving_ground"
duration_s = 40.0
seed = 7

[start]
on = "handling_loop"          # a named path of the map, or pose = { x_m, y_m, heading_deg }
station_m = 0.0
speed_mps = 0.0

[reference]
path = "handling_loop"
speed_mps = [[0.0, 0.0], [30.0, 8.0], [250.0, 8.0], [280.0, 0.0]]   # station, speed

[stack]
control = "embedded"

[sensors]
gnss = { profile = "rtk_fixed" }
imu = { profile = "datasheet" }

[[event]]
when = { time_s = 12.0 }
gnss = { outage_s = 3.0 }

[pass]
lateral_error_max_m = 0.30
lateral_error_rms_m = 0.10
events = { require = [], forbid = ["collision", "estop"] }
"#;
    parse(text, "design.toml").unwrap();
}

#[test]
fn a_misspelt_key_is_told_with_its_place_and_the_nearest_name() {
    let error = wrong(&GOOD.replace("lateral_error_max_m", "lateral_eror_max_m"));
    assert_eq!(
        error.to_string(),
        "a.toml:52:1: unknown key `lateral_eror_max_m` in [pass]; did you mean `lateral_error_max_m`?"
    );
}

#[test]
fn every_problem_is_told_at_once() {
    let text = GOOD
        .replace("duration_s = 40.0", "duration_s = \"long\"")
        .replace("[sensors]", "[sensor]")
        .replace("\"rtk_fixed\"", "\"rtk_fix\"")
        .replace("seed = 7", "seed = 7.5");
    let shown = wrong(&text).to_string();
    let lines: Vec<&str> = shown.lines().collect();
    assert_eq!(lines.len(), 3, "{shown}");
    assert_eq!(
        lines[0],
        "a.toml:6:14: `duration_s` must be a finite number above 0 and at most 3600, got the string \"long\""
    );
    assert_eq!(lines[1], "a.toml:7:8: `seed` must be a whole number of at least 0, got 7.5");
    assert_eq!(lines[2], "a.toml:23:2: unknown key `sensor`; did you mean `sensors`?");
}

#[test]
fn wrong_values_are_told_with_what_was_expected() {
    changed("schema = 1", "schema = 2", &["`schema` 2 is not known", "schema = 1"]);
    changed("schema = 1\n", "\n", &["missing key `schema`"]);
    changed("duration_s = 40.0", "duration_s = 0", &["above 0 and at most 3600", "got 0"]);
    changed("duration_s = 40.0", "duration_s = 3600.5", &["at most 3600", "3600.5"]);
    changed("duration_s = 40.0", "duration_s = nan", &["finite number", "got nan"]);
    changed("duration_s = 40.0", "duration_s = inf", &["finite number", "got inf"]);
    changed("seed = 7", "seed = -1", &["at least 0", "-1"]);
    changed("seed = 7", "seed = 99999999999999999999", &["too large"]);
    changed("gear = \"drive\"", "gear = \"driv\"", &["cannot be \"driv\"", "did you mean `drive`?"]);
    changed(
        "\"rtk_fixed\"",
        "\"float\"",
        &["expected one of: rtk_fixed, rtk_float, psr_diff, single, ideal"],
    );
    changed("engage = true", "engage = 1", &["`operator.engage` must be true or false, got 1"]);
    changed("station_m = 0.0", "station_m = -1.0", &["`start.station_m`", "from 0 to"]);
    changed("name = \"slalom with GNSS outage\"", "name = \"\"", &["must not be empty"]);
    changed("name = \"slalom with GNSS outage\"", "name = \"../..\"", &["letter or digit"]);
    changed("vehicle = \"lincoln_mkz\"", "vehicle = \"../etc\"", &["name of a folder in vehicles/"]);
    changed("[[0.0, 0.0], [30.0, 8.0],", "[[0.0, 0.0], [30.0],", &["an array of 2 values", "an array of 1"]);
    changed("outage_s = 3.0", "outage_s = \"3 s\"", &["`event.gnss.outage_s`", "the string \"3 s\""]);
}

#[test]
fn wrong_roads_and_winds_are_told() {
    changed(
        "roughness = \"b\"",
        "roughness = \"gravel\"",
        &["`road.roughness` cannot be \"gravel\"", "one of: a, b, c"],
    );
    changed("roughness = \"b\"", "roughness = 0.1", &["`road.roughness`", "from 0 to 0.002048", "got 0.1"]);
    changed("roughness = \"b\"", "roughness = true", &["one of \"a\", \"b\", \"c\" or a finite number"]);
    changed("roughness = \"b\"", "", &["missing key `roughness` in [road]"]);
    changed("roughness = \"b\"", "rough = \"b\"", &["unknown key `rough`", "expected one of: roughness"]);
    changed("speed_mps = 6.0", "speed_mps = -6.0", &["`wind.speed_mps`", "from 0 to 60", "got -6.0"]);
    changed("from_deg = -90.0", "from_deg = 400", &["`wind.from_deg`", "from -360 to 360"]);
    changed("from_deg = -90.0", "", &["missing key `from_deg` in [wind]"]);
    changed("from_deg = -90.0", "from_deg = 1\nturbulence_mps = nan", &["`wind.turbulence_mps`", "got nan"]);
    changed("from_deg = -90.0", "from_deg = 1\nturbulence_length_m = 0", &["from 1 to 1000", "got 0"]);
    changed(
        "speed_mps = 9.0, from",
        "speed_mps = 0, from",
        &["`event.gust.speed_mps`", "above 0 and at most 60"],
    );
    changed("rise_s = 0.5", "rise_s = 1.6", &["`gust.rise_s`", "at most half of `for_s`", "1.6 of 3 s"]);
    changed("rise_s = 0.5, for_s = 3.0", "rise_s = 0.5", &["missing key `for_s` in [event.gust]"]);
    let squall = "gust = { speed_mps = 9.0, from_deg = 90.0, rise_s = 0.5, for_s = 3.0 }";
    for (instead, words) in [
        ("car = { for_s = 2.0 }", &["`car` needs one of `steering_offset_deg`, `brake_fade`"][..]),
        ("car = { steering_offset_deg = 1.0, brake_fade = 0.5 }", &["exactly one", "and `brake_fade`"]),
        ("car = { brake_fade = 1.5 }", &["`event.car.brake_fade`", "from 0 to 1", "got 1.5"]),
        ("road = { friction_scale = 0.0 }", &["`event.road.friction_scale`", "from 0.05 to 2"]),
        ("road = { for_s = 1.0 }", &["missing key `friction_scale`"]),
        ("control = { kp = true }", &["control"]),
    ] {
        changed(squall, instead, words);
    }
    changed("gust = { speed_mps = 9.0", "pad = \"stop\"\ngust = { speed_mps = 9.0", &["`gust` and `pad`"]);
}

#[test]
fn a_roughness_may_be_a_class_or_a_number_and_a_gust_may_have_no_hold() {
    let by_number = parse(&GOOD.replace("roughness = \"b\"", "roughness = 64e-6"), "a.toml").unwrap();
    let by_class = parse(GOOD, "a.toml").unwrap();
    let density = |scenario: &Scenario| scenario.road.unwrap().roughness.density_m3();
    assert_eq!(density(&by_number), density(&by_class));
    assert_eq!(by_class.wind.unwrap().turbulence_mps, 0.0);
    parse(&GOOD.replace("rise_s = 0.5, ", ""), "a.toml").unwrap();
    parse(&GOOD.replace("rise_s = 0.5", "rise_s = 0.0"), "a.toml").unwrap();
}

#[test]
fn syntax_errors_have_a_place() {
    changed("duration_s = 40.0", "duration_s = ", &["not valid TOML"]);
    changed("name = \"tunnel\"", "name = \"tunnel", &["not valid TOML"]);
    changed("seed = 7", "seed = 7\nseed = 8", &["not valid TOML", "duplicate key"]);
}

#[test]
fn keys_that_exclude_each_other_are_told() {
    changed(
        "[start]\non = \"handling_loop\"",
        "[start]\non = \"handling_loop\"\npose = { x_m = 0, y_m = 0, heading_deg = 0 }",
        &["[start] takes exactly one of `on`, `pose`"],
    );
    changed("[start]\non = \"handling_loop\"", "[start]", &["[start] needs one of", "goes with `on`"]);
    changed(
        "path = \"handling_loop\"\nspeed",
        "file = \"drive.csv\"\nspeed",
        &["`reference.speed_mps` goes with"],
    );
    changed("[reference]\npath = \"handling_loop\"", "[reference]", &["[reference] needs one of"]);
    changed(
        "when = { time_s = 12.0 }",
        "when = { time_s = 12.0, speed_above_mps = 1.0 }",
        &["takes exactly one", "`time_s` and `speed_above_mps`"],
    );
    changed("when = { time_s = 12.0 }", "when = {}", &["`when` needs one of"]);
    changed(
        "when = { time_s = 12.0 }",
        "when = { time_s = 1, delay_s = 2 }",
        &["`delay_s` goes with `after`"],
    );
    changed("gnss = { outage_s = 3.0 }", "", &["an [[event]] needs one of `gnss`"]);
    changed("gnss = { outage_s = 3.0 }", "gnss = {}", &["`gnss` needs one of"]);
    changed("{ outage_s = 3.0 }", "{ outage_s = 3, silence_s = 1 }", &["`gnss` takes exactly one"]);
    changed("{ outage_s = 3.0 }", "{ outage_s = 3 }\npad = \"stop\"", &["`gnss` and `pad`"]);
    changed("hold_wheel_deg = 30.0, ", "", &["`torque_nm` goes with `hold_wheel_deg`"]);
    changed("hold_wheel_deg = 30.0, torque_nm = 6.0, ", "", &["the driver does nothing"]);
}

#[test]
fn speed_profiles_that_never_arrive_are_told() {
    changed("[30.0, 8.0],", "[30.0, 0.0],", &["zero all the way from pair 1 to pair 2"]);
    changed("[30.0, 8.0],", "[30.0, -8.0],", &["must not be negative"]);
    changed("[30.0, 8.0],", "[300.0, 8.0],", &["pair 3", "not beyond the 300 m"]);
    changed("[30.0, 8.0],", "[30.0, 800.0],", &["above 80 m/s"]);
    changed("[30.0, 8.0],", "[30.0, nan],", &["finite number"]);
    changed("[[0.0, 0.0], [30.0, 8.0], [250.0, 8.0], [280.0, 0.0]]", "[[0, 1]]", &["at least two"]);
    changed(
        "path = \"handling_loop\"\nspeed",
        "path = \"handling_loop\"\nlaps = 1\nend_station_m = 5\nspeed",
        &["not both"],
    );
}

#[test]
fn events_that_never_happen_are_told() {
    changed("time_s = 12.0", "time_s = 40.0", &["never happens", "ends at 40 s"]);
    changed("after = \"tunnel\"", "after = \"tunel\"", &["no event is named \"tunel\"", "`tunnel`?"]);
    changed("name = \"tunnel\"", "name = \"estop\"", &["reports by itself"]);
    changed(
        "when = { after = \"tunnel\", delay_s = 5 }",
        "name = \"tunnel\"\nwhen = { time_s = 1 }",
        &["another event is named \"tunnel\""],
    );
    let ring = GOOD
        .replace("when = { time_s = 12.0 }", "when = { after = \"hand\" }")
        .replace("[[event]]\nwhen", "[[event]]\nname = \"hand\"\nwhen");
    assert!(wrong(&ring).to_string().contains("waits for itself"), "{}", wrong(&ring));
}

#[test]
fn faults_that_cannot_be_are_told_with_what_can() {
    let with = |fault: &str, told: &[&str]| changed("gnss = { outage_s = 3.0 }", fault, told);
    with(
        "fault = { unit = \"bus\", type = \"loose\" }",
        &["`event.fault.type` cannot be \"loose\"", "`lose`?"],
    );
    with("fault = { unit = \"brakes\", type = \"lose\" }", &["`event.fault.unit` cannot be", "`brake`?"]);
    with(
        "fault = { unit = \"brake\", type = \"calibration\" }",
        &["`brake` cannot have", "can happen to: steering"],
    );
    with("fault = { unit = \"bus\", type = \"delay\" }", &["needs `delay_s`"]);
    with("fault = { unit = \"bus\", type = \"delay\", delay_s = 2 }", &["delay_s", "at most 1"]);
    with("fault = { unit = \"brake\", type = \"reset\", for_s = 1 }", &["\"reset\" takes no `for_s`"]);
    with("fault = { unit = \"bus\", type = \"lose\", share = 1.5 }", &["share", "1.5"]);
    with("fault = { unit = \"bus\", type = \"lose\", target = 96 }", &["must be a string or an array"]);
    with("fault = { unit = \"gateway\", type = \"babble\", target = \"0x1\" }", &["needs `rate_hz`"]);
}

#[test]
fn too_many_events_are_refused() {
    let event = "[[event]]\nwhen = { time_s = 1.0 }\nplanning = { estop = false }\n";
    let shown = wrong(&format!("{GOOD}\n{}", event.repeat(1001))).to_string();
    assert!(shown.contains("`event` must be an array of at most 1000"), "{shown}");
}

#[test]
fn limits_that_mean_nothing_are_told() {
    changed("lateral_error_max_m = 0.30", "lateral_error_max_m = -1", &["must be 0 or more, got -1"]);
    changed("lateral_error_max_m = 0.30", "lateral_error_max_m = nan", &["finite number", "nan"]);
    changed("\"estop\"]", "\"estopp\"]", &["no event is named \"estopp\"", "did you mean `estop`?"]);
    changed("require = [\"tunnel\"]", "require = [\"estop\"]", &["\"estop\" is required and forbidden"]);
    let reference = &GOOD[GOOD.find("[reference]").unwrap()..GOOD.find("[stack]").unwrap()];
    let shown = wrong(&GOOD.replace(reference, "")).to_string();
    assert!(shown.contains("`pass.lateral_error_max_m` compares with the [reference]"), "{shown}");
}

#[test]
fn a_pace_is_a_name_or_a_multiple_of_the_clock() {
    let links = |pace: &str| GOOD.replace("[stack]", &format!("[links]\npace = {pace}\n[stack]"));
    for good in ["\"real\"", "\"max\"", "5.0", "10"] {
        skidpad_scenario::parse(&links(good), "a.toml").unwrap();
    }
    for bad in ["0", "-1.0", "1000", "nan"] {
        let shown = wrong(&links(bad)).to_string();
        assert!(shown.contains("`links.pace`") && shown.contains("finite number"), "{shown}");
    }
}

#[test]
fn cones_and_vehicles_that_cannot_be_are_told() {
    let after = |text: &str| {
        let (text, line) = (format!("{GOOD}\n{text}\n"), GOOD.lines().count() + 2);
        let error = wrong(&text);
        assert!(error.problems[0].place.expect("a place").0 >= line, "{error}");
        error.to_string()
    };
    for (text, words) in [
        ("[[cone]]\nname = \"a\"", "[[cone]] needs one of `on`, `at_m`"),
        ("[[cone]]\non = \"slalom\"", "missing key `station_m`"),
        ("[[cone]]\nat_m = [0.0, 1.0]\nstation_m = 3.0", "`station_m` goes with `on`"),
        ("[[cone]]\nat_m = [0.0, 1.0]\ncount = 3", "`count` goes with `to_m`"),
        ("[[cone]]\nat_m = [0.0, 1.0]\nto_m = [0.0, 9.0]", "`to_m` goes with `count`"),
        ("[[cone]]\non = \"slalom\"\nstation_m = 3.0\nlateral_m = [1.0, 200.0]", "`cone.lateral_m`"),
        ("[[cone]]\non = \"slalom\"\nstation_m = 3.0\nlaterl_m = 1.0", "did you mean `lateral_m`?"),
        ("[[traffic]]\nname = \"a\"", "[[traffic]] needs one of `on`, `pose`"),
        ("[[traffic]]\non = \"slalom\"", "missing key `name`"),
        (
            "[[traffic]]\nname = \"a\"\npose = { x_m = 0.0, y_m = 0.0, heading_deg = 0.0 }\nspeed_mps = 1.0",
            "`speed_mps` goes with `on`",
        ),
        (
            "[[traffic]]\nname = \"a\"\non = \"slalom\"\nspeed_mps = [[0.0, 1.0], [0.0, 2.0]]",
            "`traffic.speed_mps`: times must increase",
        ),
        (
            "[[traffic]]\nname = \"a\"\non = \"slalom\"\n[[traffic]]\nname = \"a\"\non = \"slalom\"",
            "another vehicle is named \"a\" already",
        ),
        ("[[traffic]]\nname = \"a\"\non = \"slalom\"\nsize_m = [0.1, 1.0, 1.0]", "`traffic.size_m`"),
    ] {
        let shown = after(text);
        assert!(shown.contains(words), "expected `{words}` in:\n{shown}");
    }
    let many = "[[cone]]\nat_m = [0.0, 1.0]\nto_m = [0.0, 9.0]\ncount = 600\n".repeat(2);
    assert!(after(&many).contains("more than 1000 cones"));
}

#[test]
fn a_scenario_without_a_place_is_told_what_is_missing() {
    let shown = wrong("schema = 1\nname = \"a\"\nvehicle = \"v\"\nduration_s = 1\n").to_string();
    assert!(shown.contains("missing key `map`") && shown.contains("missing table [start]"), "{shown}");
    // A recording says where it is.
    let recorded =
        "schema = 1\nname = \"a\"\nvehicle = \"v\"\nduration_s = 1\nreference = { file = \"d.csv\" }";
    parse(recorded, "a.toml").unwrap();
}

#[test]
fn a_million_problems_are_no_wall_of_text() {
    let text: String = (0..100_000).map(|i| format!("wrong_{i} = 1\n")).collect();
    let error = wrong(&text);
    assert_eq!(error.problems.len(), LoadError::SHOWN);
    assert!(error.more > 90_000);
    assert!(error.to_string().len() < 20_000);
}

#[test]
fn hostile_texts_stay_readable() {
    let text = format!("{}\u{1b}[31m = 1\n\"\\u001b[31m{}\" = 2", GOOD, "x".repeat(5000));
    let shown = wrong(&text).to_string();
    assert!(shown.len() < 5000 && !shown.contains('\u{1b}'), "{shown}");
    let deep = format!("a = {}1{}", "[".repeat(20_000), "]".repeat(20_000));
    wrong(&deep);
    let wide = format!("{GOOD}\nx = [{}]", "{},".repeat(50_000));
    wrong(&wide);
}

#[test]
fn the_schemas_are_json_and_describe_every_key() {
    for kind in SchemaKind::ALL {
        let schema: serde_json::Value = serde_json::from_str(&schema_json(kind)).unwrap();
        assert_eq!(schema["type"], "object", "{}", kind.name());
        for (key, property) in schema["properties"].as_object().unwrap() {
            let described = property["description"].is_string() || property["$ref"].is_string();
            assert!(described, "{}: {key} has no description", kind.name());
        }
    }
    let scenario: serde_json::Value = serde_json::from_str(&schema_json(SchemaKind::Scenario)).unwrap();
    assert_eq!(scenario["properties"]["duration_s"]["maximum"], 3600.0);
    assert_eq!(scenario["additionalProperties"], false);
    // Examples are TOML, not the Rust around it.
    let text = schema_json(SchemaKind::Scenario);
    assert!(text.contains("hold_wheel_deg = 90.0") && text.contains("on = \\\"handling_loop\\\""));
    assert!(!text.contains("skidpad_scenario::parse") && !text.contains("r#"), "{text}");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = parse(&String::from_utf8_lossy(&bytes), "a.toml");
    }

    #[test]
    fn random_toml_never_panics(text in "([a-z_\\[\\]{}=\",.0-9#\n -]{0,12}(schema|name|event|when|pass|nan|1e999|=)){0,30}") {
        let _ = parse(&text, "a.toml");
    }

    #[test]
    fn a_good_file_with_damage_never_panics(
        cuts in prop::collection::vec((0usize..GOOD.len(), 0usize..40, "[ -~\n]{0,8}"), 1..4),
    ) {
        let mut bytes = GOOD.as_bytes().to_vec();
        for (at, length, insert) in cuts {
            let start = at.min(bytes.len());
            let end = (start + length).min(bytes.len());
            bytes.splice(start..end, insert.bytes());
        }
        let text = String::from_utf8(bytes).unwrap();
        if let Err(error) = parse(&text, "a.toml") {
            prop_assert!(!error.problems.is_empty());
            for problem in &error.problems {
                let (line, _) = problem.place.unwrap();
                prop_assert!(line <= text.lines().count() + 1);
                prop_assert!(!problem.message.contains('\n'), "{}", problem.message);
            }
        }
    }

    /// The structure check is stricter than the deserializer, so its messages are the ones users see.
    #[test]
    fn what_the_structure_check_passes_the_types_accept(
        key in "(duration_s|seed|start|reference|stack|sensors|event|pass|map|description)",
        value in "(1|-1|1.5|nan|true|\"x\"|\\[\\]|\\[1\\]|\\{\\}|\\{ on = \"a\" \\}|1979-05-27|\\[\\[0, 1\\], \\[2, 3\\]\\])",
    ) {
        let head: String = ["schema = 1", "name = \"a\"", "vehicle = \"v\"", "map = \"m\"", "duration_s = 2"]
            .iter()
            .filter(|line| !line.starts_with(&format!("{key} ")))
            .map(|line| format!("{line}\n"))
            .collect();
        let text = format!("{head}{key} = {value}\n");
        if let Err(error) = parse(&text, "a.toml") {
            let shown = error.to_string();
            prop_assert!(!shown.contains("invalid type"), "a message of the deserializer: {shown}");
        }
    }
}
