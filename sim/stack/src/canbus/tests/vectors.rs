//! Against what the unmodified Apollo 1.0 classes and the running module did (folder `SKIDPAD_REFERENCE_DATA`).

use super::*;
use std::collections::BTreeMap;

/// The rows of a reference file by column name, or `None` where there is no reference data.
fn rows(file: &str) -> Option<Vec<BTreeMap<String, String>>> {
    let folder = skidpad_test_support::reference_data()?;
    let path = folder.join("apollo").join(file);
    let mut reader =
        csv::Reader::from_path(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    Some(reader.deserialize().map(|row| row.expect("a row of the reference file")).collect())
}

fn bytes(hex: &str) -> [u8; 8] {
    std::array::from_fn(|i| u8::from_str_radix(&hex[2 * i..2 * i + 2], 16).expect("hex"))
}

/// Every field that is set, as `message.field` and value, read from the derived `Debug` text: nothing of the
/// decoder under test decides what is looked at.
fn set_fields(detail: &ChassisDetail) -> BTreeMap<String, String> {
    let (mut path, mut fields) = (Vec::new(), BTreeMap::new());
    for line in format!("{detail:#?}").lines().map(str::trim) {
        if let Some(name) = line.strip_suffix(": Some(") {
            path.push(name.to_owned());
        } else if line == ")," {
            path.pop();
        } else if let Some(value) = line.strip_suffix(',')
            && !value.ends_with(": None")
            && value != "}"
        {
            fields.insert(path.join("."), value.to_owned());
        }
    }
    fields
}

/// Equal as flags, as enum names or as numbers, to the last bit.
fn same_value(field: &str, got: &str, expected: &str) -> bool {
    let name = |text: &str| text.replace('_', "").to_lowercase();
    match (got, expected.parse::<f64>()) {
        ("true" | "false", Ok(expected)) => (got == "true") == (expected != 0.0),
        (_, Ok(expected)) => got.parse::<f64>().unwrap_or_else(|_| panic!("{field}: {got}")) == expected,
        (_, Err(_)) => name(got) == name(expected),
    }
}

#[test]
fn every_report_decodes_as_the_real_classes_decoded_it() {
    let Some(rows) = rows("can_decode.csv") else { return };
    let (mut values, mut wrong) = (0, Vec::new());
    for row in &rows {
        let id = u16::from_str_radix(&row["id"], 16).expect("an id");
        let mut detail = ChassisDetail::default();
        reports::decode(&Frame::new(id, bytes(&row["bytes_hex"])), &mut detail);
        let got = set_fields(&detail);
        let expected: BTreeMap<&str, &str> =
            row["decoded"].split(';').filter_map(|pair| pair.split_once('=')).collect();
        values += expected.len();
        for field in got.keys().map(String::as_str).chain(expected.keys().copied()) {
            let (got, expected) = (got.get(field), expected.get(field));
            if !got.zip(expected).is_some_and(|(got, expected)| same_value(field, got, expected)) {
                wrong.push(format!(
                    "{id:#x} {} {field}: got {got:?}, expected {expected:?}",
                    row["bytes_hex"]
                ));
            }
        }
    }
    eprintln!("decoded {} frames, {values} values, {} disagree", rows.len(), wrong.len());
    assert!(rows.len() >= 320 && values >= 2000);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_command_encodes_as_the_real_classes_encoded_it() {
    let Some(rows) = rows("can_encode.csv") else { return };
    let mut wrong = Vec::new();
    for row in &rows {
        let id = u16::from_str_radix(&row["id"], 16).expect("an id");
        let command = &row["command"];
        let value = |key: &str| -> f64 {
            let pair = command.split(';').find_map(|pair| pair.strip_prefix(key)?.strip_prefix('='));
            pair.unwrap_or_else(|| panic!("no {key} in {command}")).parse().expect("a number")
        };
        let demand = match id {
            0x60 => {
                let (enable, pedal) = (value("enable") != 0.0, value("pedal"));
                Demand { brake_enable: enable, brake_pct: pedal, ..Default::default() }
            }
            0x64 => Demand {
                steering_enable: value("enable") != 0.0,
                steering_angle_deg: value("angle_deg"),
                steering_speed_dps: value("speed_dps"),
                ..Default::default()
            },
            0x66 => {
                let gear = match command.as_str() {
                    "reverse" => GearPosition::GearReverse,
                    "drive" => GearPosition::GearDrive,
                    _ => GearPosition::GearNone,
                };
                Demand { gear: commands::gear_code(gear), ..Default::default() }
            }
            0x68 => {
                let turn = if command == "left" { TurnSignal::TurnLeft } else { TurnSignal::TurnNone };
                Demand { turn: commands::turn_code(turn), ..Default::default() }
            }
            _ => panic!("unexpected frame {id:#x}"),
        };
        let frame = demand.frames().into_iter().find(|frame| frame.id == id).expect("one of the five");
        if frame.data != bytes(&row["bytes_hex"]) {
            wrong.push(format!("{command}: got {frame}, expected {}", row["bytes_hex"]));
        }
        let period = if id == 0x68 { TURN_PERIOD } else { COMMAND_PERIOD };
        assert_eq!(row["period_us"], period.as_micros().to_string());
    }
    eprintln!("encoded {} commands, {} disagree", rows.len(), wrong.len());
    assert!(rows.len() >= 138);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A frame of the recorded run: seconds since its first frame, direction, id, bytes.
struct Recorded {
    at_s: f64,
    to_car: bool,
    frame: Frame,
}

fn recorded_frames() -> Option<Vec<Recorded>> {
    let rows = rows("run_full_stack_can.csv")?;
    let time = |row: &BTreeMap<String, String>| row["t"].parse::<f64>().expect("a time");
    let start_s = time(&rows[0]);
    let recorded = rows.iter().map(|row| Recorded {
        at_s: time(row) - start_s,
        to_car: row["dir"] == "apollo>veh",
        frame: Frame::new(u16::from_str_radix(&row["id"], 16).expect("an id"), bytes(&row["bytes_hex"])),
    });
    Some(recorded.collect())
}

/// The real modules drove the consistent garage track over a simulated bus. Their frames and commands go into this
/// module; what it sends and publishes must be what the real one sent and published.
///
/// Both files count from the first frame. The real `Chassis` came 4.5 ms after each 10 ms of that clock (stamps in
/// `wire_samples.jsonl`) and the script logged a row 0.7 ms after each command. The real threads are late now and
/// then by a period, so a value may be the previous one.
#[test]
fn the_recorded_drive_of_the_real_stack_gives_the_same_frames_and_chassis() {
    let (Some(frames), Some(rows)) = (recorded_frames(), rows("run_full_stack.csv")) else { return };
    let value = |row: &BTreeMap<String, String>, key: &str| row[key].parse::<f64>().expect("a number");
    let first_auto = rows.iter().position(|row| row["driving_mode"] == "1").expect("a row in auto");

    let mut canbus = Canbus::new(CanbusConf::default());
    let mut published: Vec<(f64, Chassis)> = Vec::new();
    let mut refreshed: Vec<(f64, [Frame; 5])> = Vec::new();
    let (mut reports, mut commands) =
        (frames.iter().filter(|f| !f.to_car).peekable(), rows.iter().enumerate().peekable());
    for ms in 0..27_000u32 {
        let t = f64::from(ms) * 1e-3 - 0.0055;
        let now = SimTime::from_ms(ms.into());
        while let Some(report) = reports.next_if(|report| report.at_s <= t) {
            canbus.on_frame(&report.frame);
        }
        while let Some((index, row)) = commands.next_if(|(_, row)| value(row, "t") - 0.0007 <= t) {
            canbus.on_control(
                now,
                &ControlCommand {
                    throttle: Some(value(row, "cmd_throttle")),
                    brake: Some(value(row, "cmd_brake")),
                    steering_target: Some(value(row, "cmd_steer")),
                    pad_msg: (index + 1 == first_auto)
                        .then(|| with_action(DrivingAction::Start).pad_msg)
                        .flatten(),
                    ..driving()
                },
            );
        }
        published.extend(canbus.tick(now, t, &mut |_| {}).map(|chassis| (t, chassis)));
        if refreshed.last().is_none_or(|(_, last)| *last != canbus.frames) {
            refreshed.push((t, canbus.frames));
        }
    }
    // The script stalled for 30 ms once, so a few rows crowd together.
    assert!(canbus.ignored_commands() <= 4, "{} commands ignored", canbus.ignored_commands());

    // What the real module commanded in auto must be what this one held within 12 ms. The 15 frames that are not
    // carry commands the script did not log: two came between two rows, and the row before repeats an older one.
    let auto_s = value(&rows[first_auto], "t");
    let sent: Vec<&Recorded> = frames
        .iter()
        .filter(|recorded| recorded.to_car && recorded.at_s > auto_s && recorded.frame.id <= 0x64)
        .collect();
    let held = |recorded: &Recorded| {
        let until = refreshed.partition_point(|(t, _)| *t <= recorded.at_s + 0.012);
        let since = refreshed[..until].partition_point(|(t, _)| *t < recorded.at_s - 0.012).saturating_sub(1);
        refreshed[since..until].iter().any(|(_, frames)| frames.contains(&recorded.frame))
    };
    let same_frames = sent.iter().filter(|recorded| held(recorded)).count();

    // What the real module published must be this one's latest `Chassis`, or one of the two before.
    let shows = |row: &BTreeMap<String, String>, chassis: &Chassis| {
        let same = |key: &str, got: f32| value(row, key) as f32 == got;
        [
            same("chassis_speed", chassis.speed_mps()),
            same("chassis_steer_pct", chassis.steering_percentage()),
            same("chassis_gear", chassis.gear_location() as i32 as f32),
            same("driving_mode", chassis.driving_mode() as i32 as f32),
        ]
    };
    let (mut latest, mut recent) = ([0; 4], [0; 4]);
    for row in &rows {
        let until = published.partition_point(|(t, _)| *t <= value(row, "t"));
        let window: Vec<[bool; 4]> = published[until.saturating_sub(3)..until]
            .iter()
            .map(|(_, chassis)| shows(row, chassis))
            .collect();
        for field in 0..4 {
            latest[field] += usize::from(window.last().is_some_and(|same| same[field]));
            recent[field] += usize::from(window.iter().any(|same| same[field]));
        }
    }
    eprintln!(
        "replay: {same_frames} of {} command frames alike; of {} rows, speed, steering, gear, mode of the latest \
         Chassis alike in {latest:?}, of the latest three in {recent:?}",
        sent.len(),
        rows.len()
    );
    assert!(sent.len() > 3000 && sent.len() - same_frames <= 15);
    assert_eq!(recent, [rows.len(); 4]);
    assert!(latest.iter().all(|count| *count as f64 >= 0.85 * rows.len() as f64));
}
