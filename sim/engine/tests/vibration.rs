//! What the IMU of a running car feels of its engine and of the road.

use skidpad_engine::{Outside, RunOptions, Simulation};
use skidpad_kernel::SimTime;
use skidpad_scenario::Library;
use skidpad_sensors::ReceiverOutput;
use std::f64::consts::TAU;
use std::path::Path;

const SAMPLE_S: f64 = 0.005;

/// Specific forces forward and up, m/s², of every raw sample.
#[derive(Default)]
struct Feeling {
    forward_mps2: Vec<f64>,
    up_mps2: Vec<f64>,
}

impl Outside for Feeling {
    fn receiver_out(&mut self, _: SimTime, output: &ReceiverOutput, _: &[u8]) {
        for sample in output.imu.iter().flatten() {
            self.forward_mps2.push(sample.velocity_mps[0] / SAMPLE_S);
            self.up_mps2.push(sample.velocity_mps[2] / SAMPLE_S);
        }
    }
}

/// Eight seconds of a car that nobody engages, with an IMU of no errors on a mount that shakes as told.
fn feel(vehicle: &str, vibration: &str, more: &str) -> Feeling {
    let text = format!(
        r#"schema = 1
name = "vibration"
vehicle = "{vehicle}"
map = "proving_ground"
duration_s = 8.0
operator = {{ engage = false }}
{more}
[sensors]
gnss = {{ profile = "ideal" }}
imu = {{ profile = "ideal", vibration = {vibration} }}
[pass]
stopped = true
"#
    );
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let scenario = Library::at(&root).unwrap().load_text(&text, Path::new("vibration.toml")).unwrap();
    let mut feeling = Feeling::default();
    let simulation = Simulation::new(&scenario, &RunOptions::default()).unwrap();
    simulation.run_outside(&mut feeling, |_| (), || false).unwrap();
    feeling
}

/// Rms of the part of the last four seconds at `hz`.
fn line(values: &[f64], hz: f64) -> f64 {
    let last = &values[values.len() - 800..];
    let mean = last.iter().sum::<f64>() / 800.0;
    let (mut re, mut im) = (0.0, 0.0);
    for (k, value) in last.iter().enumerate() {
        let window = 1.0 - (TAU * k as f64 / 800.0).cos();
        let (sin, cos) = (TAU * hz * k as f64 * SAMPLE_S).sin_cos();
        re += window * (value - mean) * cos;
        im += window * (value - mean) * sin;
    }
    f64::hypot(re, im) * std::f64::consts::SQRT_2 / 800.0
}

#[test]
fn an_idling_engine_hums_at_the_recorded_lines_and_a_revving_one_elsewhere() {
    let parked = "start = { on = \"straight\", station_m = 5.0, gear = \"park\" }";
    let idle = feel("lincoln_mkz_turbo", "{ idle = 1.0 }", parked);
    let revving = format!(
        "{parked}\n[[event]]\nwhen = {{ time_s = 1.0 }}\ndriver = {{ throttle_pct = 20.0, for_s = 10.0 }}\n"
    );
    let revving = feel("lincoln_mkz_turbo", "{ idle = 1.0 }", &revving);
    let (at_rest, gone) = (line(&idle.forward_mps2, 96.96), line(&revving.forward_mps2, 96.96));
    println!("96.96 Hz: {:.2} mm/s² idling, {:.2} mm/s² revving", at_rest * 1e3, gone * 1e3);
    assert!((0.7..1.3).contains(&(at_rest * 1e3 / 5.74)), "{at_rest}");
    assert!(gone < 0.4 * at_rest, "{gone} of {at_rest}");
    // The lidar on the roof spins as before.
    let lidar = line(&revving.up_mps2, 9.99) / line(&idle.up_mps2, 9.99);
    assert!((lidar - 1.0).abs() < 0.15, "{lidar}");
}

#[test]
fn a_rough_road_shakes_the_imu_twice_as_much_a_class_and_with_the_speed() {
    // What the mount adds to the motion of the body: the difference to a still mount on the same road.
    let shaken = |speed_mps: f64, road: &str| {
        let start =
            format!("start = {{ on = \"straight\", station_m = 5.0, speed_mps = {speed_mps:?} }}\n{road}");
        let with = feel("lincoln_mkz", "{ road_mps2 = 0.3 }", &start);
        let without = feel("lincoln_mkz", "{ idle = 0.0 }", &start);
        // The first second: the car rolls on and slows.
        let sum: f64 = (0..200).map(|k| (with.up_mps2[k] - without.up_mps2[k]).powi(2)).sum();
        (sum / 200.0).sqrt()
    };
    let (smooth, fast) = (shaken(10.0, ""), shaken(20.0, ""));
    let (a, b) = (shaken(10.0, "road = { roughness = \"a\" }"), shaken(10.0, "road = { roughness = \"b\" }"));
    println!("m/s² rms: smooth {smooth:.3}, at twice the speed {fast:.3}, class A {a:.3}, class B {b:.3}");
    assert!((smooth / 0.3 - 1.0).abs() < 0.15 && (fast / smooth - 2.0).abs() < 0.1);
    assert!((a / smooth - 1.0).abs() < 0.05 && (b / a - 2.0).abs() < 0.05);
}
