//! The real module's recorded commands against ours.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use base64::Engine;
use prost::Message;
use skidpad_msgs::apollo::common::{Point3D, PointEnu};
use skidpad_msgs::apollo::control::{SimpleLateralDebug, SimpleLongitudinalDebug};
use skidpad_msgs::apollo::localization;
use skidpad_msgs::apollo::planning::AdcTrajectoryPoint;

use super::tests::{conf, header};
use super::*;
use skidpad_test_support::reference_data;

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn measured_table(data: &Path) -> CalibrationTable {
    CalibrationTable::parse(&read(&data.join("mkz/pedal_map.csv")), "pedal_map.csv").unwrap()
}

/// Every number of the two debug messages, by the names the recordings use.
fn debug_fields(command: &ControlCommand) -> Vec<(&'static str, f64)> {
    let debug = command.debug.clone().unwrap_or_default();
    let lon: SimpleLongitudinalDebug = debug.simple_lon_debug.unwrap_or_default();
    let lat: SimpleLateralDebug = debug.simple_lat_debug.unwrap_or_default();
    macro_rules! fields {
        ($prefix:literal, $from:ident: $($name:ident),*) => {
            vec![$((concat!($prefix, stringify!($name)), $from.$name())),*]
        };
    }
    let mut fields = fields!("lon.", lon: station_reference, station_error, station_error_limited,
        preview_station_error, speed_reference, speed_error, speed_controller_input_limited,
        preview_speed_reference, preview_speed_error, preview_acceleration_reference,
        acceleration_cmd_closeloop, acceleration_cmd, acceleration_lookup, speed_lookup,
        calibration_value, throttle_cmd, brake_cmd);
    fields.push(("lon.is_full_stop", f64::from(u8::from(lon.is_full_stop()))));
    fields.extend(fields!("lat.", lat: lateral_error, ref_heading, heading, heading_error,
        heading_error_rate, lateral_error_rate, curvature, steer_angle, steer_angle_feedforward,
        steer_angle_lateral_contribution, steer_angle_lateral_rate_contribution,
        steer_angle_heading_contribution, steer_angle_heading_rate_contribution,
        steer_angle_feedback, steering_position, ref_speed));
    fields
}

/// Largest differences by field name.
#[derive(Default)]
struct Differences(BTreeMap<&'static str, f64>);

impl Differences {
    fn add(&mut self, name: &'static str, got: f64, expected: f64) {
        let same = got == expected || (got.is_nan() && expected.is_nan());
        let difference = if same { 0.0 } else { (got - expected).abs() };
        let largest = self.0.entry(name).or_default();
        if difference.is_nan() || difference > *largest {
            *largest = difference;
        }
    }

    fn largest(&self) -> f64 {
        self.0.values().fold(0.0, |most, value| if value.is_nan() { f64::NAN } else { most.max(*value) })
    }
}

/// 100 situations at 0–20 m/s, each with 1, 2, 10 and 100 identical steps of the real controllers.
#[test]
fn the_real_module_commands_the_same_in_recorded_situations() {
    let Some(data) = reference_data() else { return };
    let table = measured_table(&data);
    let decode = |text: &serde_json::Value| {
        base64::engine::general_purpose::STANDARD.decode(text.as_str().unwrap()).unwrap()
    };
    let mut total = BTreeMap::<usize, usize>::new();
    let mut agree = BTreeMap::<usize, usize>::new();
    let mut worst = Differences::default();
    for line in read(&data.join("apollo/control_open_loop.jsonl")).lines() {
        let sample: serde_json::Value = serde_json::from_str(line).unwrap();
        let now_s = sample["now"].as_f64().unwrap();
        let mut control = Control::new(conf(), table.clone());
        control.on_localization(
            &LocalizationEstimate::decode(&decode(&sample["localization_b64"])[..]).unwrap(),
        );
        control.on_chassis(&Chassis::decode(&decode(&sample["chassis_b64"])[..]).unwrap());
        control.on_planning(&AdcTrajectory::decode(&decode(&sample["planning_b64"])[..]).unwrap());
        let recorded = sample["control_b64_after_n_steps"].as_object().unwrap();
        for step in 1..=100 {
            let ours = control.tick(now_s);
            let Some(theirs) = recorded.get(&step.to_string()) else { continue };
            let theirs = ControlCommand::decode(&decode(theirs)[..]).unwrap();
            *total.entry(step).or_default() += 1;
            let close = [
                ("throttle", ours.throttle(), theirs.throttle()),
                ("brake", ours.brake(), theirs.brake()),
                ("steering_target", ours.steering_target(), theirs.steering_target()),
                ("steering_rate", ours.steering_rate(), theirs.steering_rate()),
            ]
            .into_iter()
            .inspect(|(name, ours, theirs)| worst.add(name, *ours, *theirs))
            .all(|(_, ours, theirs)| (ours - theirs).abs() <= 0.1);
            *agree.entry(step).or_default() += usize::from(close);
            for ((name, ours), (_, theirs)) in debug_fields(&ours).into_iter().zip(debug_fields(&theirs)) {
                worst.add(name, ours, theirs);
            }
        }
    }
    eprintln!("samples {total:?}, within 0.1 points {agree:?}, largest differences {:#?}", worst.0);
    assert_eq!(total, [(1, 100), (2, 100), (10, 100), (100, 100)].into());
    assert_eq!(agree, total);
    assert!(worst.largest() < 1e-9, "{:#?}", worst.0);
}

/// One row of an RTK recording.
struct Row {
    time_s: f64,
    point: AdcTrajectoryPoint,
}

fn recording(path: &Path) -> Vec<Row> {
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_path(path).unwrap();
    reader
        .deserialize::<BTreeMap<String, f64>>()
        .map(|row| {
            let row = row.unwrap();
            let point = AdcTrajectoryPoint {
                x: Some(row["x"]),
                y: Some(row["y"]),
                z: Some(row["z"]),
                speed: Some(row["speed"]),
                acceleration_s: Some(row["acceleration"]),
                curvature: Some(row["curvature"]),
                theta: Some(row["theta"]),
                accumulated_s: Some(row["s"]),
                ..Default::default()
            };
            Row { time_s: row["time"], point }
        })
        .collect()
}

/// The trajectory of the recording's player at a time since the start: every fourth row from 100 rows before the
/// present one (the first that is not past) to 1,000 after it.
fn window(rows: &[Row], elapsed_s: f64, now_s: f64, sequence_num: u32) -> AdcTrajectory {
    let start_s = rows[0].time_s;
    let present = rows.partition_point(|row| row.time_s - start_s < elapsed_s);
    let range = present.saturating_sub(100)..(present + 1000).min(rows.len());
    AdcTrajectory {
        header: Some(header(now_s, sequence_num)),
        adc_trajectory_point: rows[range]
            .iter()
            .step_by(4)
            .map(|row| AdcTrajectoryPoint {
                relative_time: Some(row.time_s - start_s - elapsed_s),
                ..row.point
            })
            .collect(),
        ..Default::default()
    }
}

/// The 2,300 lock-step ticks of the real controllers on the consistent drive: their recorded states in, our commands
/// against theirs.
#[test]
fn the_real_module_commands_the_same_along_a_recorded_drive() {
    let Some(data) = reference_data() else { return };
    let rows = recording(&data.join("mkz/drive_garage_consistent.csv"));
    let mut control = Control::new(conf(), measured_table(&data));
    let mut worst = Differences::default();
    let mut ticks = 0;
    let mut agree = 0;
    let mut reader = csv::Reader::from_path(data.join("apollo/control_closed_loop.csv")).unwrap();
    for recorded in reader.deserialize::<BTreeMap<String, String>>() {
        let recorded = recorded.unwrap();
        let get = |name: &str| match recorded[name].as_str() {
            "True" => 1.0,
            "False" => 0.0,
            number => number.parse::<f64>().unwrap(),
        };
        // The recording does not say when it was made. At one tick (62) two trajectory points are equally near in
        // time to within 10 ns, far below the 240 ns that a Unix stamp resolves, and the rounding of the stamps
        // decides. Whole microseconds after 1e9 s give the recorded choice everywhere; 1.5e9 s gives the other one
        // there, which shifts the integrator by 2e-4 m/s² and leaves 2,298 of the 2,300 ticks within 0.1 points.
        let now_s = (1e15 + f64::from(ticks) * 1e4) * 1e-6;
        if ticks % 10 == 0 {
            control.on_planning(&window(&rows, get("t"), now_s, ticks / 10 + 1));
        }
        let heading_rad = get("heading");
        let half_yaw_rad = (heading_rad - FRAC_PI_2) / 2.0;
        control.on_localization(&LocalizationEstimate {
            header: Some(header(now_s, ticks)),
            pose: Some(localization::Pose {
                position: Some(PointEnu { x: Some(get("x")), y: Some(get("y")), z: Some(0.0) }),
                orientation: Some(Quaternion {
                    qx: Some(0.0),
                    qy: Some(0.0),
                    qz: Some(libm::sin(half_yaw_rad)),
                    qw: Some(libm::cos(half_yaw_rad)),
                }),
                heading: Some(heading_rad),
                angular_velocity_vrf: Some(Point3D { x: Some(0.0), y: Some(0.0), z: Some(get("r")) }),
                ..Default::default()
            }),
            ..Default::default()
        });
        control.on_chassis(&Chassis {
            header: Some(header(now_s, ticks)),
            speed_mps: Some(get("v") as f32),
            steering_percentage: Some((get("steer_wheel_deg") / 470.0 * 100.0) as f32),
            driving_mode: Some(DrivingMode::CompleteAutoDrive as i32),
            ..Default::default()
        });
        let ours = control.tick(now_s);
        let mut close = true;
        for (name, value) in [
            ("throttle", ours.throttle()),
            ("brake", ours.brake()),
            ("steering_target", ours.steering_target()),
            ("steering_rate", ours.steering_rate()),
        ] {
            worst.add(name, value, get(name));
            close &= (value - get(name)).abs() <= 0.1;
        }
        for (name, value) in debug_fields(&ours) {
            worst.add(name, value, get(name));
        }
        ticks += 1;
        agree += u32::from(close);
    }
    eprintln!("{agree} of {ticks} ticks within 0.1 points, largest differences {:#?}", worst.0);
    assert_eq!((agree, ticks), (2300, 2300));
    assert!(worst.largest() < 1e-9, "{:#?}", worst.0);
}
