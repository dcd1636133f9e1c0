//! Finding and loading scenarios, vehicles, maps and recordings.

use skidpad_scenario::{Action, DATA_ENV, Library, LoadError, LoadedScenario, VehicleFiles, discover};
use skidpad_vehicle::Gear;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// A folder of its own for a test, with the repository's vehicle and maps; removed at the end.
struct Data {
    root: PathBuf,
}

impl Data {
    fn new() -> Data {
        assert!(std::env::var_os(DATA_ENV).is_none(), "the tests make their own data");
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let root = std::env::temp_dir().join(format!("skidpad-scenario-{}-{number}", std::process::id()));
        let _ = fs::remove_dir_all(&root);
        let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        for folder in ["vehicles/lincoln_mkz", "maps/proving_ground", "maps/open_plane"] {
            fs::create_dir_all(root.join(folder)).unwrap();
            for entry in fs::read_dir(repository.join(folder)).unwrap() {
                let entry = entry.unwrap();
                fs::copy(entry.path(), root.join(folder).join(entry.file_name())).unwrap();
            }
        }
        let data = Data { root };
        let table = "speed_mps,acceleration_mps2,command_percent\n0,-5,-40\n0,0,0\n0,3,40\n20,-5,-40\n20,0,10\n20,2,60\n";
        data.write("vehicles/lincoln_mkz/calibration.csv", table);
        data
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.root.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    }

    fn library(&self) -> Library {
        Library::at(&self.root).unwrap()
    }

    /// Loads `scenarios/a.toml` with this text after the head.
    fn load(&self, rest: &str) -> Result<LoadedScenario, LoadError> {
        let head = "schema = 1\nname = \"a\"\nvehicle = \"lincoln_mkz\"\nduration_s = 30\n";
        let path = self.write("scenarios/a.toml", &format!("{head}{rest}"));
        self.library().load(&path)
    }

    /// The error of loading it, without the folder's name.
    fn error(&self, rest: &str) -> String {
        let error = self.load(rest).expect_err("the scenario is wrong");
        error.to_string().replace(&format!("{}/", self.root.display()), "")
    }
}

impl Drop for Data {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.root);
    }
}

const STRAIGHT: &str =
    "map = \"proving_ground\"\n[reference]\npath = \"straight\"\nspeed_mps = [[5, 0], [50, 8], [100, 0]]\n";

#[test]
fn a_scenario_is_loaded_with_all_it_needs() {
    let data = Data::new();
    let loaded = data
        .load(&format!("{STRAIGHT}[start]\non = \"straight\"\nstation_m = 12\nlateral_m = 0.5\nheading_offset_deg = 3\ngear = \"neutral\"\nspeed_mps = 2\n"))
        .unwrap();
    let reference = loaded.reference.as_ref().unwrap();
    assert_eq!((reference.start_station_m(), reference.end_station_m()), (5.0, 100.0));
    // The start lies half a metre left of the path, turned 3° left.
    let on_path = reference.path().project(loaded.start.x_m, loaded.start.y_m, None);
    assert!((on_path.station_m - 12.0).abs() < 1e-6 && (on_path.lateral_m - 0.5).abs() < 1e-6);
    assert!((loaded.start.heading_rad - on_path.point.heading_rad - 3f64.to_radians()).abs() < 1e-9);
    assert_eq!((loaded.start.speed_mps, loaded.start.gear), (2.0, Some(Gear::Neutral)));
    assert_eq!(loaded.vehicle.name, "lincoln_mkz");
    assert_eq!(loaded.control.lateral.steer_transmission_ratio, 16.0);
    assert!(loaded.vehicle.dbc.message_by_name("no such").is_err());
    assert_eq!(loaded.folder, "a");
    assert_eq!(loaded.frame.enu.anchor(), loaded.map.anchor().unwrap());
}

#[test]
fn without_a_start_the_car_stands_where_the_reference_begins() {
    let data = Data::new();
    let loaded = data.load(STRAIGHT).unwrap();
    let point = loaded.reference.as_ref().unwrap().point(5.0);
    assert_eq!((loaded.start.x_m, loaded.start.y_m), (point.x_m, point.y_m));
    assert_eq!((loaded.start.speed_mps, loaded.start.gear), (0.0, None));
}

#[test]
fn laps_end_where_they_began() {
    let data = Data::new();
    let circle = "map = \"proving_ground\"\n[reference]\npath = \"skid_pad_left\"\nspeed_mps = [[10, 0], [30, 6]]\nlaps = 2\n";
    let loaded = data.load(circle).unwrap();
    let reference = loaded.reference.unwrap();
    let round = reference.path().length_m();
    assert!((reference.end_station_m() - (10.0 + 2.0 * round)).abs() < 1e-9);
}

#[test]
fn control_overrides_reach_control_and_only_this_scenario() {
    let data = Data::new();
    let loaded =
        data.load(&format!("{STRAIGHT}[stack.control_overrides]\nsteer_transmission_ratio = 8.0\n")).unwrap();
    assert_eq!(loaded.control.lateral.steer_transmission_ratio, 8.0);
    let own = loaded.vehicle.control.as_ref().unwrap();
    assert_eq!(own.lateral.steer_transmission_ratio, 16.0);
    let shown = data.error(&format!("{STRAIGHT}[stack.control_overrides]\nsteer_transmision_ratio = 8.0\n"));
    assert_eq!(
        shown,
        "scenarios/a.toml:10:27: `stack.control_overrides`: control.toml has no parameter \
         `steer_transmision_ratio`; did you mean `steer_transmission_ratio`?"
    );
}

#[test]
fn an_event_may_change_the_parameters_of_the_scenario_and_no_others() {
    let data = Data::new();
    let text = |control: &str| {
        format!(
            "{STRAIGHT}[stack.control_overrides]\nlongitudinal.station_pid.kp = 0.3\n\
             [[event]]\nwhen = {{ time_s = 1.0 }}\ncontrol = {{ {control} }}\n"
        )
    };
    let loaded = data.load(&text("steer_transmission_ratio = 8.0")).unwrap();
    let [event] = &loaded.events[..] else { panic!("{:?}", loaded.events) };
    let Action::Control(change) = &event.action else { panic!("{event:?}") };
    let conf = change.conf.as_ref().unwrap();
    assert_eq!((conf.lateral.steer_transmission_ratio, conf.longitudinal.station_pid.kp), (8.0, 0.3));
    assert_eq!(loaded.control.lateral.steer_transmission_ratio, 16.0);
    let shown = data.error(&text("steer_transmision_ratio = 8.0"));
    assert!(shown.contains("`control`: control.toml has no parameter"), "{shown}");
    assert!(shown.contains("did you mean `steer_transmission_ratio`?"), "{shown}");
}

#[test]
fn names_that_lead_nowhere_are_told_with_the_nearest() {
    let data = Data::new();
    let shown = data.error("map = \"proving_grund\"\n[start]\non = \"straight\"\n");
    assert!(shown.starts_with("scenarios/a.toml:5:7: `map`: "), "{shown}");
    assert!(shown.ends_with("did you mean `proving_ground`?"), "{shown}");
    let shown = data.error("map = \"proving_ground\"\n[start]\non = \"strait\"\n");
    assert!(shown.starts_with("scenarios/a.toml:7:6: the map"), "{shown}");
    assert!(shown.ends_with("did you mean `straight`?"), "{shown}");
    let shown = data.error(&STRAIGHT.replace("path = \"straight\"", "path = \"strait\""));
    assert!(shown.contains("scenarios/a.toml:7:8:") && shown.contains("`straight`?"), "{shown}");
    let path = data.write(
        "scenarios/b.toml",
        "schema = 1\nname = \"b\"\nvehicle = \"lincoln_mk\"\nduration_s = 1\nmap = \"proving_ground\"\nstart = { on = \"straight\" }",
    );
    let shown = data.library().load(&path).unwrap_err().to_string();
    assert!(shown.contains(":3:11: `vehicle`:") && shown.contains("`lincoln_mkz`?"), "{shown}");
}

#[test]
fn stations_off_the_path_are_told() {
    let data = Data::new();
    let straight = |from: &str, to: &str| data.error(&STRAIGHT.replace(from, to));
    let shown = straight("[100, 0]", "[1e5, 0]");
    assert!(shown.contains("not on the path") && shown.contains("a.toml:8:13"), "{shown}");
    let shown = data.error(&format!("{STRAIGHT}end_station_m = 200\n"));
    assert!(shown.contains("zero from 100 m on"), "{shown}");
    let shown = data.error(&format!("{STRAIGHT}laps = 2\n"));
    assert!(shown.contains("`laps` goes with closed paths"), "{shown}");
    let shown = data.error(&format!("{STRAIGHT}[start]\non = \"straight\"\nstation_m = 5000\n"));
    assert!(shown.contains("beyond the end"), "{shown}");
    let shown = data.error(&format!("{STRAIGHT}[start]\non = \"straight\"\nstation_m = 1\n"));
    assert!(shown.contains("outside the reference"), "{shown}");
}

#[test]
fn a_vehicle_without_calibration_says_how_to_make_one() {
    let data = Data::new();
    fs::remove_file(data.root.join("vehicles/lincoln_mkz/calibration.csv")).unwrap();
    // The vehicle itself loads: the table is made from it.
    assert!(data.library().vehicle("lincoln_mkz").unwrap().calibration.is_none());
    let shown = data.error(STRAIGHT);
    assert!(shown.contains("skidpad calibrate --vehicle lincoln_mkz"), "{shown}");
}

#[test]
fn broken_files_of_a_vehicle_or_map_are_told_in_those_files() {
    let data = Data::new();
    let wrong = |name: &str, text: &str| {
        let path = data.root.join(name);
        let before = fs::read(&path).unwrap();
        fs::write(&path, text).unwrap();
        let shown = data.error(STRAIGHT);
        fs::write(&path, before).unwrap();
        assert!(shown.starts_with(name), "expected an error in {name}: {shown}");
    };
    wrong("vehicles/lincoln_mkz/vehicle.toml", "schema = ");
    wrong("vehicles/lincoln_mkz/bywire.dbc", "BO_ banana");
    wrong("vehicles/lincoln_mkz/bywire.toml", "command_timeot_s = 0.1");
    wrong("vehicles/lincoln_mkz/control.toml", "speed = 1");
    wrong("vehicles/lincoln_mkz/calibration.csv", "a,b\n1");
    wrong("maps/proving_ground/map.toml", "schema = 1\ntitle = 5");
    wrong("maps/proving_ground/proving_ground.xodr", "<OpenDRIVE><road");
    data.load(STRAIGHT).unwrap();
}

#[test]
fn numbers_out_of_range_and_missing_messages_are_told_where_they_are() {
    let data = Data::new();
    data.write("vehicles/lincoln_mkz/bywire.toml", "# a car\nfuel_pct = 60.0\ncommand_timeout_s = -0.1\n");
    let shown = data.error(STRAIGHT);
    assert!(shown.starts_with("vehicles/lincoln_mkz/bywire.toml:3:21: "), "{shown}");
    data.write("vehicles/lincoln_mkz/bywire.toml", "");
    data.write("vehicles/lincoln_mkz/bywire.dbc", "VERSION \"\"\n");
    // The vehicle alone, before any scenario uses it.
    let shown = data.library().vehicle("lincoln_mkz").unwrap_err().to_string();
    assert!(shown.contains("bywire.dbc: no signal has the Role"), "{shown}");
}

#[test]
fn a_byte_order_mark_in_front_of_a_file_means_nothing() {
    let data = Data::new();
    let mark = |name: &str| {
        let text = fs::read_to_string(data.root.join(name)).unwrap();
        data.write(name, &format!("\u{feff}{text}"))
    };
    data.write("scenarios/drive.csv", &drive());
    data.load(STRAIGHT).unwrap();
    for name in ["vehicle.toml", "bywire.dbc", "bywire.toml", "control.toml", "calibration.csv"] {
        mark(&format!("vehicles/lincoln_mkz/{name}"));
    }
    for name in ["proving_ground/map.toml", "proving_ground/proving_ground.xodr", "open_plane/map.toml"] {
        mark(&format!("maps/{name}"));
    }
    mark("scenarios/drive.csv");
    let scenario = mark("scenarios/a.toml");
    data.library().load(&scenario).unwrap();
    data.load("[reference]\nfile = \"drive.csv\"\n").unwrap();
}

#[test]
fn a_broken_map_is_told_once_for_all_its_scenarios() {
    let data = Data::new();
    data.write("maps/proving_ground/proving_ground.xodr", "<OpenDRIVE><road");
    let files: Vec<PathBuf> = (0..5)
        .map(|i| {
            let text = format!("schema = 1\nname = \"{i}\"\nvehicle = \"lincoln_mkz\"\nduration_s = 3\n");
            data.write(&format!("s/{i}.toml"), &(text + STRAIGHT))
        })
        .collect();
    let error = data.library().load_all(&files).unwrap_err();
    assert_eq!((error.problems.len(), error.more), (1, 0), "{error}");
}

#[test]
fn a_scenario_named_like_a_result_file_gets_a_folder_beside_it() {
    use skidpad_scenario::folder_name;
    assert_eq!(folder_name("Report.json").as_deref(), Some("Report.json_"));
    assert_eq!(folder_name("report").as_deref(), Some("report"));
}

#[test]
fn files_that_are_none_are_told() {
    let data = Data::new();
    let load = |path: &Path| data.library().load(path).unwrap_err().to_string();
    assert!(load(&data.root.join("nowhere.toml")).ends_with("nowhere.toml: no such file or folder"));
    assert!(load(&data.root).ends_with("expected a file, got a folder"));
    let binary = data.root.join("binary.toml");
    fs::write(&binary, b"name = 1\n# \xff\xfe").unwrap();
    assert!(load(&binary).ends_with("binary.toml:2:3: expected UTF-8 text, got the byte 0xff at offset 11"));
    let huge = fs::File::create(data.root.join("huge.toml")).unwrap();
    huge.set_len(1 << 30).unwrap();
    assert!(load(&data.root.join("huge.toml")).contains("too large: 1073741824 bytes"));
}

#[cfg(unix)]
#[test]
fn a_device_is_not_read() {
    let shown = Data::new().library().load(Path::new("/dev/zero")).unwrap_err().to_string();
    assert!(shown.contains("got a device"), "{shown}");
}

#[test]
fn scenarios_are_found_in_folders_in_a_fixed_order() {
    let data = Data::new();
    for name in ["s/b.toml", "s/a/z.toml", "s/a/y.toml", "s/a/readme.md", "s/.hidden/c.toml"] {
        data.write(name, "");
    }
    let found = discover(&[data.root.join("s"), data.root.join("s/b.toml")]).unwrap();
    let names: Vec<_> =
        found.iter().map(|path| path.strip_prefix(&data.root).unwrap().to_str().unwrap()).collect();
    assert_eq!(names, ["s/a/y.toml", "s/a/z.toml", "s/b.toml"]);
    fs::create_dir(data.root.join("empty")).unwrap();
    let shown = discover(&[data.root.join("empty")]).unwrap_err().to_string();
    assert!(shown.contains("found none"), "{shown}");
    let shown = discover(&[data.root.join("missing")]).unwrap_err().to_string();
    assert!(shown.contains("no such file or folder"), "{shown}");
}

#[cfg(unix)]
#[test]
fn a_directory_loop_is_told() {
    let data = Data::new();
    data.write("s/a/x.toml", "");
    std::os::unix::fs::symlink(data.root.join("s"), data.root.join("s/a/loop")).unwrap();
    let shown = discover(&[data.root.join("s")]).unwrap_err().to_string();
    assert!(shown.contains("s/a/loop: a symbolic link that leads back to"), "{shown}");
    fs::remove_file(data.root.join("s/a/loop")).unwrap();
    std::os::unix::fs::symlink("self", data.root.join("s/self")).unwrap();
    assert!(discover(&[data.root.join("s")]).is_err(), "a link to itself");
}

#[test]
fn two_scenarios_of_one_name_are_refused_and_all_errors_told() {
    let data = Data::new();
    let text = |name: &str| {
        format!("schema = 1\nname = \"{name}\"\nvehicle = \"lincoln_mkz\"\nduration_s = 30\n{STRAIGHT}")
    };
    let files = [
        data.write("s/1.toml", &text("turn left")),
        data.write("s/2.toml", &text("turn_left")),
        data.write("s/3.toml", "nonsense"),
        data.write("s/4.toml", &text("turn right")),
    ];
    let error = data.library().load_all(&files).unwrap_err();
    let shown = error.to_string();
    assert_eq!(error.problems.len(), 2, "{shown}");
    assert!(shown.contains("2.toml: the name \"turn_left\" is taken") && shown.contains("1.toml"), "{shown}");
    assert!(shown.contains("3.toml:1:"), "{shown}");
    let loaded = data.library().load_all(&[files[0].clone(), files[3].clone()]).unwrap();
    assert_eq!(loaded.iter().map(|l| l.folder.as_str()).collect::<Vec<_>>(), ["turn_left", "turn_right"]);
    assert!(std::sync::Arc::ptr_eq(&loaded[0].map, &loaded[1].map), "maps are read once and shared");
    assert!(std::sync::Arc::ptr_eq(&loaded[0].vehicle, &loaded[1].vehicle));
}

#[test]
fn the_library_is_found_above_the_scenario() {
    let data = Data::new();
    let path = data.write("scenarios/deep/er/a.toml", "");
    let library = Library::locate(Some(&path)).unwrap();
    assert_eq!(library.root(), fs::canonicalize(&data.root).unwrap());
    assert_eq!(library.vehicle_names().unwrap(), ["lincoln_mkz"]);
    assert_eq!(library.map_names().unwrap(), ["open_plane", "proving_ground"]);
    assert!(Library::at(&data.root.join("maps")).is_err());
}

/// A drive along a left bend of 40 m radius at 5 m/s, in the coordinates of UTM zone 10.
fn drive() -> String {
    let mut csv = String::from(
        "x,y,z,speed,acceleration,curvature,curvature_change_rate,time,theta,gear,s,throttle,brake,steering\n",
    );
    for i in 0..1000 {
        let t = f64::from(i) * 0.01;
        let angle = 5.0 * t / 40.0;
        let (x, y) = (586_385.0 + 40.0 * angle.sin(), 4_140_674.0 + 40.0 * (1.0 - angle.cos()));
        csv += &format!("{x:.6}, {y:.6}, -28.0, 5.0, 0, 0.025, 0, {t:.2}, {angle:.6}, 1, 0, 10, 0, 3\n");
    }
    csv
}

#[test]
fn a_recorded_drive_becomes_the_reference() {
    let data = Data::new();
    data.write("scenarios/drive.csv", &drive());
    for map in ["", "map = \"open_plane\"\n"] {
        let loaded = data.load(&format!("{map}[reference]\nfile = \"drive.csv\"\n")).unwrap();
        let reference = loaded.reference.as_ref().unwrap();
        let recording = loaded.recording.as_ref().unwrap();
        assert_eq!(recording.rows().len(), 1000);
        // A grid metre is longer than a true one by 1/scale; 0.9996 within ±0.05 % in the zone.
        let length_m = reference.end_station_m();
        assert!((length_m / (5.0 * 9.99) - 1.0).abs() < 1e-3, "{length_m}");
        assert!((reference.profile().speed_mps(20.0) - 5.0).abs() < 1e-9);
        assert!((reference.point(25.0).curvature_1pm - 0.025).abs() < 1e-3);
        // The car stands at the origin of the frame, and heads along the grid's east: true heading is that
        // less the convergence.
        assert!(loaded.start.x_m.abs() < 1e-6 && loaded.start.y_m.abs() < 1e-6);
        let convergence = loaded.frame.world_to_grid_heading_rad([0.0; 3]);
        assert!(convergence.abs() > 0.005, "0.6° here: the test would see a lost convergence");
        assert!((loaded.start.heading_rad + convergence).abs() < 1e-3, "{}", loaded.start.heading_rad);
        let anchor = loaded.map.anchor().unwrap();
        assert!((anchor.height_m + 28.0).abs() < 1e-9);
        assert_eq!(loaded.frame.utm.number(), 10);
    }
}

#[test]
fn recordings_that_cannot_be_followed_are_told() {
    let data = Data::new();
    let with = |text: &str| {
        data.write("scenarios/drive.csv", text);
        data.error("[reference]\nfile = \"drive.csv\"\n")
    };
    let cut = &drive()[..drive().len() - 20];
    assert!(with(cut).starts_with("scenarios/drive.csv:1001:"), "{}", with(cut));
    assert!(with("").starts_with("scenarios/drive.csv:1:1:"));
    let backward = drive().replace(" 5.0, 0, 0.025", " -5.0, 0, 0.025");
    assert!(with(&backward).contains("row 1 drives backward"));
    let shown = data.error("[reference]\nfile = \"nowhere.csv\"\n");
    assert!(shown.contains("scenarios/nowhere.csv: no such file or folder"), "{shown}");
    data.write("scenarios/drive.csv", &drive());
    let shown = data.error("map = \"proving_ground\"\n[reference]\nfile = \"drive.csv\"\n");
    assert!(shown.contains("more than 100 km from the map's anchor") || shown.contains("zone"), "{shown}");
    let shown = data.error("map = \"open_plane\"\n[start]\npose = { x_m = 0, y_m = 0, heading_deg = 0 }\n");
    assert!(shown.contains("leaves its place open"), "{shown}");
}

#[test]
fn a_recording_alone_is_a_scenario() {
    let data = Data::new();
    let path = data.write("my drive.csv", &drive());
    let loaded = data.library().load_recording(&path, "lincoln_mkz", None, None).unwrap();
    assert_eq!((loaded.scenario.name.as_str(), loaded.folder.as_str()), ("my drive", "my_drive"));
    assert!((loaded.scenario.duration_s - (9.99 + 15.0)).abs() < 1e-6);
    assert_eq!(loaded.scenario.pass.lateral_error_max_m, Some(0.25));
    assert!(data.library().load_recording(&path, "bicycle", None, None).is_err());
}

#[test]
fn the_real_garage_drive_becomes_a_reference() {
    let Some(folder) = skidpad_test_support::reference_data() else { return };
    let data = Data::new();
    let path = folder.join("mkz/drive_garage_consistent.csv");
    let loaded = data.library().load_recording(&path, "lincoln_mkz", Some(10), Some(true)).unwrap();
    let reference = loaded.reference.as_ref().unwrap();
    let rows = loaded.recording.as_ref().unwrap().rows();
    // The recorder's own odometer ends within a percent of the geometry.
    let odometer_m = rows[rows.len() - 1].s_m - rows[0].s_m;
    let length_m = reference.end_station_m();
    assert!((length_m / odometer_m - 1.0).abs() < 0.01, "{length_m} against {odometer_m}");
    // The grid's convergence is 0.59° here, so the true heading differs from the recorded, grid-derived one.
    let convergence_deg = loaded.frame.world_to_grid_heading_rad([0.0; 3]).to_degrees();
    assert!((convergence_deg.abs() - 0.59).abs() < 0.01, "{convergence_deg}");
    // Every recorded position lies on the path, every recorded speed on the profile.
    let mut near = 0.0;
    let (mut worst_m, mut worst_mps) = (0.0f64, 0.0f64);
    for row in rows {
        let [x, y, _] = loaded.frame.utm_to_enu(row.x_m, row.y_m, row.z_m);
        let on_path = reference.path().project(x, y, Some(near));
        near = on_path.station_m;
        worst_m = worst_m.max(on_path.lateral_m.abs());
        if near > 0.2 && near < length_m - 0.5 {
            worst_mps = worst_mps.max((reference.profile().speed_mps(near) - row.speed_mps).abs());
        }
    }
    eprintln!(
        "length {length_m:.3} m, odometer {odometer_m:.3} m, convergence {convergence_deg:.4} deg, off path {worst_m:.4} m, off speed {worst_mps:.3} m/s, start heading {:.5} recorded {:.5}",
        loaded.start.heading_rad, rows[0].theta_rad
    );
    assert!(worst_m < 0.02, "{worst_m}");
    assert!(worst_mps < 0.3, "{worst_mps}");
}

/// A second car in the test's library, with the kit of the first.
fn second_car(data: &Data, kit: &str) -> PathBuf {
    let first = data.root.join("vehicles/lincoln_mkz");
    let text = fs::read_to_string(first.join("vehicle.toml")).unwrap();
    data.write(
        "vehicles/second/vehicle.toml",
        &text.replacen("\ndescription", &format!("\n{kit}\ndescription"), 1),
    );
    for name in ["control.toml", "calibration.csv"] {
        fs::copy(first.join(name), data.root.join("vehicles/second").join(name)).unwrap();
    }
    data.root.join("vehicles/second")
}

/// The line of the key that [`second_car`] writes.
fn kit_line(dir: &Path) -> usize {
    let text = fs::read_to_string(dir.join("vehicle.toml")).unwrap();
    text.lines().position(|line| line.starts_with("bywire_kit")).unwrap() + 1
}

#[test]
fn two_cars_with_the_same_kit_need_one_copy_of_its_files() {
    let data = Data::new();
    let second = second_car(&data, "bywire_kit = \"lincoln_mkz\"");
    let mut library = data.library();
    let [of_first, of_second] = ["lincoln_mkz", "second"].map(|name| library.vehicle(name).unwrap());
    assert_eq!(of_first.bywire, of_second.bywire);
    assert_eq!(format!("{:?}", of_first.dbc), format!("{:?}", of_second.dbc));
    // A file of its own comes before the kit's, the other is still the kit's.
    let ecus = fs::read_to_string(data.root.join("vehicles/lincoln_mkz/bywire.toml")).unwrap();
    let own = ecus.replace("fuel_pct = 60.0", "fuel_pct = 35.0");
    assert_ne!(own, ecus);
    fs::write(second.join("bywire.toml"), own).unwrap();
    assert_eq!(data.library().vehicle("second").unwrap().bywire.fuel_pct, 35.0);
    // What is wrong in the kit is told where it is.
    data.write("vehicles/lincoln_mkz/bywire.dbc", "BO_ banana");
    let shown = data.library().vehicle("second").unwrap_err().to_string();
    assert!(shown.contains("vehicles/lincoln_mkz/bywire.dbc:1:"), "{shown}");
}

#[test]
fn a_kit_that_cannot_be_had_is_told_at_its_key() {
    let data = Data::new();
    let refused = |kit: &str, words: &str| {
        let dir = second_car(&data, &format!("bywire_kit = {kit}"));
        let shown = data.library().vehicle("second").unwrap_err().to_string();
        let place = format!("vehicles/second/vehicle.toml:{}:14: `bywire_kit`: ", kit_line(&dir));
        assert!(shown.contains(&place) && shown.contains(words), "{kit}: {shown}");
        assert_eq!(shown.lines().count(), 1, "{shown}");
    };
    refused("\"lincoln_mkx\"", "did you mean `lincoln_mkz`?");
    refused("\"second\"", "this folder itself, and it has no bywire.dbc");
    refused("\"../lincoln_mkz\"", "the name of a folder beside this one");
    refused("\"\"", "the name of a folder beside this one");
    // A kit does not refer on.
    let text = fs::read_to_string(data.root.join("vehicles/lincoln_mkz/vehicle.toml")).unwrap();
    data.write("vehicles/third/vehicle.toml", &format!("bywire_kit = \"lincoln_mkz\"\n{text}"));
    data.library().vehicle("third").unwrap();
    refused("\"third\"", "third has no bywire.dbc, it names \"lincoln_mkz\" itself: name that folder here");
    data.write("vehicles/bare/vehicle.toml", "");
    refused("\"bare\"", "bare has no bywire.dbc");
    // A key that does nothing would mislead.
    for name in ["bywire.dbc", "bywire.toml"] {
        let first = data.root.join("vehicles/lincoln_mkz").join(name);
        fs::copy(first, data.root.join("vehicles/second").join(name)).unwrap();
    }
    refused("\"lincoln_mkz\"", "its own bywire.dbc and bywire.toml");
}

#[test]
fn a_car_without_any_kit_is_told_of_the_key() {
    let data = Data::new();
    second_car(&data, "");
    let shown = data.library().vehicle("second").unwrap_err().to_string();
    assert!(shown.contains("second/bywire.dbc: no such file") && shown.contains("bywire_kit"), "{shown}");
}

#[test]
fn a_car_outside_of_the_library_finds_its_kit_in_it() {
    let data = Data::new();
    let inside = second_car(&data, "bywire_kit = \"lincoln_mkz\"");
    let outside = data.root.join("cars/mine");
    fs::create_dir_all(outside.parent().unwrap()).unwrap();
    fs::rename(inside, &outside).unwrap();
    let mut library = data.library();
    assert_eq!(library.add_vehicle(&outside).unwrap(), "mine");
    assert_eq!(library.vehicle("mine").unwrap().bywire, library.vehicle("lincoln_mkz").unwrap().bywire);
    let shown = VehicleFiles::read("mine", &outside, None).unwrap_err().to_string();
    assert!(shown.contains("there is no folder \"lincoln_mkz\" beside this one"), "{shown}");
}

#[test]
fn mistakes_in_the_ranges_of_a_car_are_told_where_they_are() {
    let data = Data::new();
    let dir = data.root.join("vehicles/lincoln_mkz");
    let shipped = skidpad_scenario::read_ranges(&dir).unwrap();
    assert_eq!(shipped["creep_speed_mps"].low, Some(1.8));
    for (text, place, words) in [
        ("[creep_sped_mps]\nlow = 1.0\nsource = \"s\"\n", ":1:2: ", "did you mean `creep_speed_mps`?"),
        ("[creep_speed_mps]\nlow = 1.0\n", ":1:1: ", "missing key `source`"),
        ("[creep_speed_mps]\nsource = \"s\"\n", ":1:1: ", "needs `low`, `high` or both"),
        ("[creep_speed_mps]\nlow = 2.0\nhigh = 1.0\nsource = \"s\"\n", ":1:1: ", "must be less than"),
        ("[creep_speed_mps]\nlow = nan\nsource = \"s\"\n", ":2:7: ", "finite"),
        ("[creep_speed_mps]\nlow = 1.0\nhigher = 2.0\nsource = \"s\"\n", ":3:1: ", "high"),
        ("[creep_speed_mps\n", ":1:", "TOML"),
    ] {
        data.write("vehicles/lincoln_mkz/validation.toml", text);
        let shown = skidpad_scenario::read_ranges(&dir).unwrap_err().to_string();
        let place = format!("validation.toml{place}");
        assert!(shown.contains(&place) && shown.contains(words), "{text}: {shown}");
    }
    fs::remove_file(dir.join("validation.toml")).unwrap();
    assert!(skidpad_scenario::read_ranges(&dir).unwrap().is_empty());
}

#[test]
fn cones_and_vehicles_stand_where_the_map_has_their_path() {
    let data = Data::new();
    let head = "map = \"proving_ground\"\nstart = { on = \"straight\" }\n";
    let rows = "[[cone]]\nname = \"gate\"\non = \"straight\"\nstation_m = 10.0\nto_station_m = 30.0\ncount = 3\nlateral_m = [-1.5, 1.5]\n\
                [[cone]]\non = \"straight\"\nstation_m = 50.0\n[[cone]]\nat_m = [1.0, 2.0]\nto_m = [1.0, 6.0]\ncount = 2\n\
                [[cone]]\nname = \"last\"\nat_m = [7.0, 8.0]\n";
    let cones = data.load(&format!("{head}{rows}")).unwrap().cones;
    let named: Vec<(&str, [f64; 2])> =
        cones.iter().map(|cone| (cone.name.as_str(), [cone.x_m, cone.y_m])).collect();
    let wanted = [
        ("gate 1", [10.0, -3.5]),
        ("gate 2", [10.0, -0.5]),
        ("gate 3", [20.0, -3.5]),
        ("gate 4", [20.0, -0.5]),
        ("gate 5", [30.0, -3.5]),
        ("gate 6", [30.0, -0.5]),
        ("cone 1", [50.0, -2.0]),
        ("cone 2", [1.0, 2.0]),
        ("cone 3", [1.0, 6.0]),
        ("last", [7.0, 8.0]),
    ];
    assert_eq!(named.len(), wanted.len(), "{named:?}");
    for ((name, at), (wanted, place)) in named.iter().zip(wanted) {
        assert_eq!(*name, wanted);
        assert!((at[0] - place[0]).abs() + (at[1] - place[1]).abs() < 1e-9, "{name} at {at:?}");
    }
    for (rest, words) in [
        (
            "[[cone]]\non = \"strait\"\nstation_m = 1.0\n",
            "scenarios/a.toml:8:6: the map \"proving ground\" has no path \"strait\"; did you mean `straight`?",
        ),
        (
            "[[cone]]\non = \"straight\"\nstation_m = 1400.0\n",
            "scenarios/a.toml:9:13: `station_m` 1400 is beyond the end of \"straight\", 1300.000 m",
        ),
        (
            "[[traffic]]\nname = \"a\"\non = \"straight\"\nstation_m = 1200.0\nspeed_mps = 5.0\n",
            "beyond the ends of \"straight\", 0 to 1300.0 m: let it stop before",
        ),
    ] {
        let shown = data.error(&format!("{head}{rest}"));
        assert!(shown.contains(words), "expected `{words}` in:\n{shown}");
    }
    // It may go round and round.
    let circling = "[[traffic]]\nname = \"a\"\non = \"skid_pad_left\"\nspeed_mps = 20.0\n";
    assert_eq!(data.load(&format!("{head}{circling}")).unwrap().vehicles.len(), 1);
}
