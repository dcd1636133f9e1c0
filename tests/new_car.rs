//! A new car is a new folder: no code, no copy of a by-wire kit that another car has, anywhere on the disk.

mod common;
use common::{Story, report, repository, skidpad, skidpad_in};
use std::fs;
use std::path::Path;

/// Copies a folder of the repository into the story.
fn copy(story: &Story, from: &str, to: &str) {
    for entry in fs::read_dir(repository().join(from)).unwrap().map(Result::unwrap) {
        story.file(&format!("{to}/{}", entry.file_name().to_str().unwrap()), fs::read(entry.path()).unwrap());
    }
}

/// The parameters of the shipped Lincoln, one kind of number changed in place, with a kit to share.
fn other_car(mass_kg: &str) -> String {
    let text = fs::read_to_string(repository().join("vehicles/lincoln_mkz/vehicle.toml")).unwrap();
    let text = text.replacen("mass_kg = 1900.0", &format!("mass_kg = {mass_kg}"), 1);
    assert!(text.contains(mass_kg));
    format!("bywire_kit = \"lincoln_mkz\"\n{text}")
}

const DRIVE: &str = r#"schema = 1
name = "straight with another car"
vehicle = "other_car"
map = "proving_ground"
duration_s = 25.0

[start]
on = "straight"

[reference]
path = "straight"
speed_mps = [[0.0, 0.0], [20.0, 6.0], [40.0, 6.0], [60.0, 0.0]]

[pass]
lateral_error_max_m = 0.10
stopped = true
"#;

#[test]
fn a_copied_folder_with_other_numbers_drives_as_another_car() {
    let story = Story::new("copied_car");
    copy(&story, "vehicles/lincoln_mkz", "vehicles/lincoln_mkz");
    copy(&story, "maps/proving_ground", "maps/proving_ground");
    story.file("vehicles/other_car/vehicle.toml", other_car("1500.0"));
    for name in ["control.toml", "calibration.csv"] {
        let text = fs::read(repository().join("vehicles/lincoln_mkz").join(name)).unwrap();
        story.file(&format!("vehicles/other_car/{name}"), text);
    }
    story.file("drives/drive.toml", DRIVE);
    let run = |arguments: &[&str]| skidpad_in(story.folder(), arguments);

    // The table of the heavier car is no longer true; the car makes its own.
    let table = "vehicles/other_car/calibration.csv";
    run(&["calibrate", "--vehicle", "other_car", "--out", table]).expect(0);
    let of = |car: &str| fs::read(story.folder().join(format!("vehicles/{car}/calibration.csv"))).unwrap();
    assert_ne!(of("other_car"), of("lincoln_mkz"));
    run(&["check", "vehicles", "drives"]).expect(0);
    let listed = run(&["list", "drives"]).expect(0).stdout;
    assert!(listed.contains("other_car") && !listed.contains("BROKEN"), "{listed}");

    let hash = |out: &str| -> String {
        run(&["run", "drives", "--out", out]).expect(0);
        report(&story.path(out))["scenarios"][0]["truth_hash"].as_str().expect("a hash").to_string()
    };
    let light = hash("light");
    story.file("vehicles/other_car/vehicle.toml", other_car("1900.0"));
    assert_ne!(light, hash("heavy"), "the numbers of the folder are what drives");
}

#[test]
fn a_car_outside_of_vehicles_is_driven_by_its_path() {
    let story = Story::new("car_elsewhere");
    let car = story.path("cars/mine");
    story.file("cars/mine/vehicle.toml", other_car("1500.0"));
    let control = fs::read(repository().join("vehicles/lincoln_mkz/control.toml")).unwrap();
    story.file("cars/mine/control.toml", control);
    let table = story.path("cars/mine/calibration.csv");
    skidpad(&["calibrate", "--vehicle", &car, "--out", &table]).expect(0);
    skidpad(&["check", &car]).expect(0);
    let inputs = "time_s,throttle_pct,brake_pct,steering_wheel_deg,gear\n0,30,0,0,drive\n2,30,0,0,drive\n";
    let inputs = story.file("in.csv", inputs);
    let out = story.path("out.csv");
    skidpad(&["openloop", "--vehicle", &car, "--inputs", &inputs, "--out", &out]).expect(0);
    assert!(Path::new(&out).exists());
    let validated = skidpad(&["validate", "--vehicle", &car, "--json"]);
    assert!(matches!(validated.code, Some(0 | 1)), "{}", validated.stderr);

    let drive = story.file("drive.csv", straight_recording());
    let arguments = ["run", "--reference", &drive, "--vehicle"];
    skidpad(&[&arguments[..], &[&car]].concat()).expect(0);
    // The kit is the library's: where there is none of that name, the key says so.
    let text = fs::read_to_string(story.folder().join("cars/mine/vehicle.toml")).unwrap();
    story.file("cars/mine/vehicle.toml", text.replacen("lincoln_mkz", "lincoln_mkx", 1));
    let place = "cars/mine/vehicle.toml:1:14: `bywire_kit`";
    for arguments in [&["check", &car][..], &[&arguments[..], &[&car]].concat()] {
        skidpad(arguments).expect_refusal(place, &["did you mean `lincoln_mkz`?"]);
    }
}

/// Twelve seconds straight ahead in Apollo's form: pull away, cruise at 4 m/s, stop.
fn straight_recording() -> String {
    let mut text = String::from(
        "x,y,z,speed,acceleration,curvature,curvature_change_rate,time,theta,gear,s,throttle,brake,steering\n",
    );
    let mut s_m = 0.0;
    for i in 0..1200 {
        let time_s = f64::from(i) * 0.01;
        let (speed, acceleration) = match time_s {
            t if t < 4.0 => (t, 1.0),
            t if t < 8.0 => (4.0, 0.0),
            t => (12.0 - t, -1.0),
        };
        s_m += speed * 0.01;
        let x = 586_385.0 + s_m;
        text.push_str(&format!(
            "{x:.4}, 4140674.0, 0.0, {speed:.4}, {acceleration}, 0.0, 0.0, {time_s:.2}, 0.0, 1, {s_m:.4}, 0.0, 0.0, 0.0\n"
        ));
    }
    text
}
