//! The vehicle model against the real car: a recorded drive, its pedals and its steering played open loop.

mod common;
use common::{Story, Table, at, rms, skidpad, unwrapped};
use std::fmt::Write;

#[test]
fn the_model_drives_as_the_real_car_did_with_its_pedals_and_steering() {
    let Some(folder) = skidpad_test_support::reference_data() else { return };
    let text = std::fs::read_to_string(folder.join("mkz/drive_garage.csv")).unwrap().replace(", ", ",");
    let real = Table::parse(&text);
    let start_s = real.numbers("time")[0];
    let time_s: Vec<f64> = real.numbers("time").iter().map(|time| time - start_s).collect();
    let heading_rad = unwrapped(&real.numbers("theta"));
    let (speed_mps, acceleration_mps2) = (real.numbers("speed"), real.numbers("acceleration"));
    let [throttle, brake, steering] = ["throttle", "brake", "steering"].map(|name| real.numbers(name));

    let story = Story::new("real_drive");
    let mut inputs = String::from("time_s,throttle_pct,brake_pct,steering_wheel_deg,gear\n");
    for i in 0..time_s.len() {
        // 100 % of the steering is 470° of the wheel.
        writeln!(inputs, "{:.4},{},{},{},drive", time_s[i], throttle[i], brake[i], 4.7 * steering[i])
            .unwrap();
    }
    let inputs = story.file("inputs.csv", inputs);
    let out = story.path("out.csv");
    let pose = format!("0,0,{}", heading_rad[0].to_degrees());
    let speed = speed_mps[0].to_string();
    let arguments = ["openloop", "--vehicle", "lincoln_mkz", "--inputs", &inputs, "--out", &out];
    skidpad(&[&arguments[..], &["--measured-steering", "--speed", &speed, "--pose", &pose]].concat())
        .expect(0);

    let model = Table::read(&out);
    let t = model.numbers("time_s");
    let turned = unwrapped(&model.numbers("heading_rad"));
    let off = |name: &str, real: &[f64]| -> Vec<f64> {
        t.iter().zip(model.numbers(name)).map(|(t, value)| value - at(&time_s, real, *t)).collect()
    };
    let speed_rms = rms(&off("speed_mps", &speed_mps));
    let acceleration_rms = rms(&off("ax_mps2", &acceleration_mps2));
    // The recorded yaw rate is the slope of the heading over 0.2 s.
    let end_s = t[t.len() - 1];
    let yaw: Vec<f64> = t
        .iter()
        .filter(|t| **t > 0.2 && **t < end_s - 0.2)
        .map(|now| {
            let slope =
                |t: &[f64], heading: &[f64]| (at(t, heading, now + 0.1) - at(t, heading, now - 0.1)) / 0.2;
            slope(&t, &turned) - slope(&time_s, &heading_rad)
        })
        .collect();
    let change = |heading: &[f64]| heading[heading.len() - 1] - heading[0];
    let (real_change, model_change) = (change(&heading_rad), change(&turned));
    println!(
        "speed {speed_rms:.3} m/s rms, acceleration {acceleration_rms:.3} m/s² rms, yaw rate {:.4} rad/s rms, heading \
         change {model_change:.3} against {real_change:.3} rad",
        rms(&yaw)
    );
    assert!(speed_rms < 0.55, "speed {speed_rms} m/s");
    assert!(acceleration_rms < 0.40, "acceleration {acceleration_rms} m/s²");
    assert!(rms(&yaw) < 0.015, "yaw rate {} rad/s", rms(&yaw));
    assert!((model_change - real_change).abs() < 0.08, "{model_change} against {real_change}");
}
