//! The shipped Lincoln MKZ against measurements of the real one.

mod common;

use common::*;
use skidpad_vehicle::{VehicleModel, calibration};

#[test]
fn longitudinal_acceleration_agrees_with_the_measured_pedal_map() {
    let Some(folder) = skidpad_test_support::reference_data() else { return };
    let file = folder.join("mkz/pedal_map.csv");
    let text = std::fs::read_to_string(&file).expect("the pedal map");
    let mut commands: Vec<f64> = Vec::new();
    let mut measured: Vec<[f64; 3]> = Vec::new();
    for line in text.lines().skip(1) {
        let row: Vec<f64> = line.split(',').map(|cell| cell.parse().expect("a number")).collect();
        let [speed, acceleration, command] = row[..] else { panic!("three columns") };
        if speed >= 1.0 {
            measured.push([speed, acceleration, command]);
            // Pedals below the dead zones are closed pedals.
            let held = if command.abs() <= 15.5 { 0.0 } else { command };
            if !commands.contains(&held) {
                commands.push(held);
            }
        }
    }
    let rows = calibration::sweep(&VehicleModel::new(&params(), DT_S), &commands, 10.0);
    let (mut sum, mut count, mut missing, mut braked_out) = (0.0, 0, 0, 0);
    for [speed, acceleration, command] in measured {
        let held = if command.abs() <= 15.5 { 0.0 } else { command };
        let row = rows.iter().find(|row| (row.speed_mps - speed).abs() < 1e-9 && row.command_pct == held);
        let Some(row) = row else {
            missing += 1;
            continue;
        };
        let off = row.acceleration_mps2 - acceleration;
        if std::env::var_os("SKIDPAD_SHOW_ROWS").is_some() {
            eprintln!("ROW {speed} {command} {acceleration} {}", row.acceleration_mps2);
        }
        sum += off * off;
        count += 1;
        braked_out += usize::from(command <= -25.0 && off.abs() > (0.1 * acceleration.abs()).max(0.15));
    }
    let rms = (sum / f64::from(count)).sqrt();
    eprintln!(
        "pedal map: rms {rms:.3} m/s² over {count} points ({missing} not reached), {braked_out} braked rows outside 10 %"
    );
    assert!(rms < 0.25, "{rms}");
    assert!(missing < 10, "{missing}");
}
