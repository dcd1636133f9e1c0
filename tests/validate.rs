//! `skidpad validate`: the standard manoeuvres, as a user sees them.

mod common;
use common::{Run, Story, repository, skidpad};
use std::fs;

const VEHICLE: &str = "lincoln_mkz";

/// The exit status is 1 exactly when a figure that counts lies outside.
#[track_caller]
fn judged(run: Run, outside: bool) -> Run {
    run.expect(i32::from(outside))
}

#[test]
fn every_figure_of_the_shipped_car_is_printed_and_judged() {
    let run = skidpad(&["validate", "--vehicle", VEHICLE]);
    let outside = run.stdout.contains("OUTSIDE");
    let text = judged(run, outside).stdout;
    for words in [
        "ISO 4138",
        "understeer gradient, road wheel",
        "roll gradient",
        "ISO 7401",
        "yaw rate, overshoot",
        "−3 dB bandwidth",
        "ISO 3888-2",
        "FMVSS 126",
        "displacement",
        "braking",
        "0–60 mph",
        "creep speed",
        "Coast-down",
        "dive",
        "heave",
        "wheel hop",
        "figures lie in their range",
    ] {
        assert!(text.contains(words), "{words} is missing in:\n{text}");
    }
    // Every figure was measured: a dash stands for one that was not.
    assert!(!text.contains(" – "), "{text}");
    for tag in ["[P]", "[M]", "[N]", "[R]"] {
        assert!(text.contains(tag), "no source {tag}");
    }
}

#[test]
fn the_json_holds_the_same_verdict_as_the_table() {
    let run = skidpad(&["validate", "--vehicle", VEHICLE, "--json"]);
    let report: serde_json::Value = serde_json::from_str(&run.stdout).expect("JSON");
    let figures = report["figures"].as_array().expect("figures");
    assert!(figures.len() > 30);
    let mut outside = false;
    for figure in figures {
        let value = figure["value"].as_f64().unwrap_or_else(|| panic!("not measured: {figure}"));
        let within = figure["low"].as_f64().is_none_or(|low| low <= value)
            && figure["high"].as_f64().is_none_or(|high| value <= high);
        assert_eq!(figure["passed"].as_bool(), Some(within), "{figure}");
        outside |= !within && figure["informative"] == false;
    }
    assert_eq!(report["passed"].as_bool(), Some(!outside));
    judged(run, outside);
    // What no parameter of a sedan changes much: a sign or unit that went wrong shows here.
    let of = |key: &str| {
        let figure = figures.iter().find(|figure| figure["key"] == key);
        figure.unwrap_or_else(|| panic!("no {key}"))["value"].as_f64().unwrap()
    };
    assert!((0.6..1.1).contains(&of("max_lateral_acceleration_g")));
    assert!((30.0..60.0).contains(&of("braking_distance_m")));
    assert!((of("coast_time_over_closed_form") - 1.0).abs() < 0.005);
    let radius = of("understeer_gradient_radius_deg_per_g") / of("understeer_gradient_deg_per_g");
    assert!((radius - 1.0).abs() < 0.1, "the two methods of ISO 4138 agree, got a ratio of {radius}");
}

#[test]
fn every_shipped_car_lies_in_every_range() {
    for vehicle in ["lincoln_mkz", "lincoln_mkz_turbo", "honda_civic"] {
        let run = skidpad(&["validate", "--vehicle", vehicle]).expect(0);
        assert!(!run.stdout.contains("OUTSIDE"), "{}", run.stdout);
    }
}

/// What was published of one car is no ground for judging another.
#[test]
fn ranges_of_one_car_come_from_its_folder() {
    let story = Story::new("validate_own_ranges");
    let shipped = repository().join(format!("vehicles/{VEHICLE}/vehicle.toml"));
    story.file("car/vehicle.toml", fs::read(shipped).unwrap());
    let car = story.path("car");
    let line = |name: &str| {
        let text = skidpad(&["validate", "--vehicle", &car]).stdout;
        text.lines().find(|line| line.contains(name)).unwrap_or_else(|| panic!("{name}:\n{text}")).to_string()
    };
    assert!(line("creep speed").contains("info") && !line("skid pad").contains("Lincoln"));
    let range = "[creep_speed_mps]\nlow = 5.0\nsource = \"[M] my car\"\n";
    story.file("car/validation.toml", range);
    let judged = line("creep speed");
    assert!(
        judged.contains("OUTSIDE") && judged.contains("≥ 5") && judged.contains("[M] my car"),
        "{judged}"
    );
    story.file("car/validation.toml", range.replace("creep_speed", "creep_sped"));
    for command in [&["validate", "--vehicle", &car][..], &["check", &car]] {
        skidpad(command).expect_refusal("car/validation.toml:1:2", &["did you mean `creep_speed_mps`?"]);
    }
}

/// A car whose brakes are as weak as its tyres are strong must not pass.
#[test]
fn a_car_that_cannot_stop_fails() {
    let story = Story::new("validate_weak_brakes");
    let original = fs::read_to_string(repository().join(format!("vehicles/{VEHICLE}/vehicle.toml"))).unwrap();
    let mut car: toml::Table = original.parse().unwrap();
    let weak: toml::Value = toml::Value::try_from([[15.0, 0.0], [100.0, 9000.0]]).unwrap();
    car["brakes"].as_table_mut().unwrap().insert("force_by_pedal".into(), weak);
    story.file("car/vehicle.toml", toml::to_string(&car).unwrap());
    let run = skidpad(&["validate", "--vehicle", &story.path("car")]).expect(1);
    let line = run.stdout.lines().find(|line| line.trim_start().starts_with("distance")).expect("a distance");
    assert!(line.contains("OUTSIDE"), "{line}");
}

#[test]
fn the_page_is_whole_well_formed_and_needs_nothing_else() {
    let story = Story::new("validate_page");
    let out = story.path("pages/car.html");
    let run = skidpad(&["validate", "--vehicle", VEHICLE, "--out", &out]);
    let outside = run.stdout.contains("OUTSIDE");
    judged(run, outside);
    let page = fs::read_to_string(&out).unwrap();
    assert!(page.starts_with("<!DOCTYPE html>") && page.ends_with("</html>\n"));
    for forbidden in ["<script", "http://", "https://", "src=", "url(", "NaN", "inf "] {
        assert!(!page.contains(forbidden), "{forbidden} in the page");
    }
    assert!(page.contains("prefers-color-scheme: dark"));
    let plots = page.matches("<figure>").count();
    assert!(plots >= 12 && page.contains("Lincoln MKZ"), "{plots} plots");
    well_formed(&page);
    let again = story.path("again.html");
    skidpad(&["validate", "--vehicle", VEHICLE, "--out", &again]);
    assert_eq!(page, fs::read_to_string(&again).unwrap(), "equal cars give equal pages");
}

/// Every element is closed, in the order in which it was opened.
#[track_caller]
fn well_formed(page: &str) {
    const VOID: [&str; 1] = ["meta"];
    let mut open: Vec<&str> = Vec::new();
    for tag in page.split('<').skip(1) {
        let (tag, text) = tag.split_once('>').expect("a tag ends");
        assert!(!text.contains('>'), "a bare > in `{text}`");
        if tag.starts_with('!') || tag.ends_with('/') {
            continue;
        }
        assert_eq!(tag.matches('"').count() % 2, 0, "an attribute is not closed in `{tag}`");
        let name = tag.trim_start_matches('/').split_whitespace().next().expect("a name");
        if tag.starts_with('/') {
            assert_eq!(open.pop(), Some(name), "</{name}> closes nothing");
        } else if !VOID.contains(&name) {
            open.push(name);
        }
    }
    assert!(open.is_empty(), "{open:?} are not closed");
}

#[test]
fn an_unknown_vehicle_is_named() {
    skidpad(&["validate", "--vehicle", "lincoln_mkx"]).expect_refusal("lincoln_mkx", &[]);
}
