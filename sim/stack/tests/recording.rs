//! Recordings: what the recorder writes is read, what is wrong is refused with its place.

use proptest::prelude::*;
use skidpad_stack::planning::{Recording, Row};
use std::fs;

const HEADER: &str =
    "x,y,z,speed,acceleration,curvature,curvature_change_rate,time,theta,gear,s,throttle,brake,steering";

fn line(index: usize) -> String {
    format!(
        "{}.5, 20.25, -28.5, 3.0, 0.5, 0.01, -0.02, {}.25, 2.5, 1, {}, 22.0, 13.5, 12.75",
        index, index, index
    )
}

fn text_of(lines: &[String]) -> String {
    format!("{HEADER}\n{}\n", lines.join("\n"))
}

fn good_lines() -> Vec<String> {
    (0..12).map(line).collect()
}

fn parse(text: &str) -> Result<Recording, String> {
    Recording::parse(text.as_bytes(), "drive.csv").map_err(|error| error.to_string())
}

/// The refusal of [`good_lines`] with this line in place of the fourth (line 5 of the file).
fn refusal(fourth: &str) -> String {
    let mut lines = good_lines();
    fourth.clone_into(&mut lines[3]);
    parse(&text_of(&lines)).unwrap_err()
}

#[test]
fn a_row_is_read_column_by_column() {
    let recording = parse(&text_of(&good_lines())).unwrap();
    assert_eq!(recording.rows().len(), 12);
    assert!(recording.has_height());
    assert_eq!(recording.duration_s(), 11.0);
    let expected = Row {
        x_m: 2.5,
        y_m: 20.25,
        z_m: -28.5,
        speed_mps: 3.0,
        acceleration_mps2: 0.5,
        curvature_1pm: 0.01,
        curvature_change_rate_1pm2: -0.02,
        time_s: 2.25,
        theta_rad: 2.5,
        gear: 1,
        s_m: 2.0,
        throttle_pct: 22.0,
        brake_pct: 13.5,
        steering_pct: 12.75,
    };
    assert_eq!(recording.rows()[2], expected);
}

#[test]
fn separators_line_ends_blank_lines_and_column_order_are_free() {
    let text = text_of(&good_lines());
    let expected = parse(&text).unwrap();
    assert_eq!(parse(&text.replace(", ", ",")).unwrap(), expected);
    assert_eq!(parse(&text.replace(',', " ,\t")).unwrap(), expected);
    assert_eq!(parse(&text.replace('\n', "\r\n")).unwrap(), expected);
    assert_eq!(parse(&text.replace('\n', "\n\n")).unwrap(), expected);

    let reverse = |line: &str| line.split(',').rev().map(str::trim).collect::<Vec<_>>().join(",");
    let reversed: String = text.lines().map(|line| reverse(line) + "\n").collect();
    assert_eq!(parse(&reversed).unwrap(), expected);

    let with_more: String = text.lines().map(|line| format!("note,{line}\n")).collect();
    assert_eq!(parse(&with_more).unwrap(), expected);
}

#[test]
fn what_is_written_is_the_recorders_file_and_reads_back_the_same() {
    let recording = parse(&text_of(&good_lines())).unwrap();
    let text = recording.to_string();
    assert_eq!(text.lines().next(), Some(HEADER));
    assert_eq!(
        text.lines().nth(3),
        Some("2.5, 20.25, -28.5, 3, 0.5, 0.01, -0.02, 2.25, 2.5, 1, 2, 22, 13.5, 12.75")
    );
    assert_eq!(parse(&text).unwrap(), recording);
    let without_height: String = text.replace(",z,", ",").replace(", -28.5,", ",");
    let flat = parse(&without_height).unwrap();
    assert!(!flat.has_height());
    assert_eq!(flat.to_string(), without_height);
}

proptest! {
    #[test]
    fn any_recording_reads_back_bit_for_bit(
        values in prop::collection::vec(prop::array::uniform12(-1e11..1e11), 10..40),
        gears in prop::collection::vec(0..=6i32, 40),
    ) {
        let rows = values.iter().zip(&gears).enumerate().map(|(index, (v, gear))| Row {
            x_m: v[0],
            y_m: v[1],
            z_m: v[2],
            speed_mps: v[3],
            acceleration_mps2: v[4],
            curvature_1pm: v[5],
            curvature_change_rate_1pm2: v[6],
            time_s: 1.5e9 + 0.01 * index as f64,
            theta_rad: v[7],
            gear: *gear,
            s_m: v[8],
            throttle_pct: v[9],
            brake_pct: v[10],
            steering_pct: v[11],
        });
        let recording = Recording::from_rows(rows.collect()).unwrap();
        prop_assert_eq!(parse(&recording.to_string()).unwrap(), recording);
    }
}

#[test]
fn height_may_be_absent() {
    let drop_z = |line: &str| {
        let mut values: Vec<&str> = line.split(',').collect();
        values.remove(2);
        values.join(",") + "\n"
    };
    let flat: String = text_of(&good_lines()).lines().map(drop_z).collect();
    let recording = parse(&flat).unwrap();
    assert!(!recording.has_height());
    assert_eq!((recording.rows()[4].z_m, recording.rows()[4].speed_mps), (0.0, 3.0));
}

#[test]
fn a_wrong_value_is_refused_with_its_line_and_column() {
    let with = |from: &str, to: &str| refusal(&line(3).replace(from, to));
    assert_eq!(with("20.25", "fast"), "drive.csv:5:6: expected a number for y, got `fast`");
    assert_eq!(with("20.25", ""), "drive.csv:5:6: expected a number for y, got ``");
    assert_eq!(with("3.0,", "NaN,"), "drive.csv:5:20: expected a finite speed of at most ±1e11, got NaN");
    assert_eq!(with("3.0,", "-inf,"), "drive.csv:5:20: expected a finite speed of at most ±1e11, got -inf");
    assert_eq!(with("3.0,", "1e300,").split(": ").next(), Some("drive.csv:5:20"));
    for gear in ["1.5", "7", "-1", "nan"] {
        let error = with("2.5, 1,", &format!("2.5, {gear},"));
        assert!(
            error.starts_with("drive.csv:5:54: expected a gear number from 0 to 6 (1 is drive), got "),
            "{error}"
        );
    }
    assert_eq!(
        with("3.25", "2.25"),
        "drive.csv:5:43: expected a time after the row before, 2.25 s, got 2.25 s"
    );
}

#[test]
fn a_row_of_the_wrong_length_is_refused() {
    assert_eq!(refusal("1.0, 2.0"), "drive.csv:5:9: expected 14 values, got 2: the line is cut short");
    assert_eq!(
        refusal(&(line(3) + ", 1")),
        format!("drive.csv:5:{}: expected 14 values, got 15", line(3).len() + 3)
    );
}

#[test]
fn a_wrong_header_is_refused() {
    let text = text_of(&good_lines());
    let missing = parse(&text.replace("theta", "yaw")).unwrap_err();
    assert!(
        missing.starts_with("drive.csv:1:1: ") && missing.ends_with("found none named `theta`"),
        "{missing}"
    );
    assert_eq!(
        parse(&text.replace("theta", "time")).unwrap_err(),
        "drive.csv:1:63: expected each column once, got `time` again (first in column 58)"
    );
    assert!(parse("").unwrap_err().starts_with("drive.csv:1:1: expected a header line"));
    let headless = text.split_once('\n').unwrap().1;
    assert!(parse(headless).unwrap_err().starts_with("drive.csv:1:"));
}

#[test]
fn a_file_cut_anywhere_in_its_last_line_is_refused() {
    let text = text_of(&good_lines());
    let last_line = text.trim_end().rfind('\n').unwrap() + 1;
    for end in last_line + 1..text.len() {
        let error = parse(&text[..end]).unwrap_err();
        assert!(error.starts_with("drive.csv:13:"), "{error}");
        let whole_values = text[last_line..end].matches(',').count() == 13;
        assert!(whole_values || error.contains("cut short"), "{error}");
    }
    assert!(parse(&text[..last_line]).is_ok(), "a whole line less is a shorter drive");
}

#[test]
fn fewer_than_ten_rows_are_refused() {
    assert!(parse(&text_of(&good_lines()[..10])).is_ok());
    assert_eq!(
        parse(&text_of(&good_lines()[..9])).unwrap_err(),
        "drive.csv:10:1: expected 10 to 500000 rows, got 9"
    );
    assert!(parse(&format!("{HEADER}\n")).is_err());
}

#[test]
fn too_many_bytes_or_rows_are_refused() {
    let huge = vec![b' '; Recording::MAX_BYTES + 1];
    let error = Recording::parse(&huge, "drive.csv").unwrap_err().to_string();
    assert!(error.contains("at most 134217728 bytes, got 134217729"), "{error}");
    let row = |index| Row { time_s: index as f64, ..Row::default() };
    let error = Recording::from_rows((0..=Recording::MAX_ROWS).map(row).collect()).unwrap_err();
    assert!(error.to_string().contains("got 500001"), "{error}");
}

#[test]
fn bytes_that_are_no_text_are_refused_where_they_are() {
    let mut bytes = text_of(&good_lines()).into_bytes();
    let second_line = HEADER.len() + 1;
    bytes[second_line + 4] = 0xff;
    let error = Recording::parse(&bytes, "drive.csv").unwrap_err();
    assert_eq!(error.to_string(), "drive.csv:2:5: expected text, got the byte 0xff");
}

#[test]
fn rows_are_checked_as_a_file_is() {
    let rows = parse(&text_of(&good_lines())).unwrap().rows().to_vec();
    assert_eq!(Recording::from_rows(rows.clone()).unwrap().rows(), rows);
    let refused = |change: fn(&mut Row)| {
        let mut rows = rows.clone();
        change(&mut rows[4]);
        Recording::from_rows(rows).unwrap_err().to_string()
    };
    assert_eq!(
        refused(|row| row.theta_rad = f64::NAN),
        "row 5: expected a finite theta_rad of at most ±1e11, got NaN"
    );
    assert!(refused(|row| row.gear = 9).starts_with("row 5: expected a gear number"));
    assert!(refused(|row| row.time_s = 0.0).starts_with("row 5: expected a time after"));
    assert!(Recording::from_rows(Vec::new()).is_err());
}

#[test]
fn both_recordings_of_the_real_car_are_read() {
    let Some(folder) = skidpad_test_support::reference_data() else { return };
    for file in ["mkz/drive_garage.csv", "mkz/drive_garage_consistent.csv"] {
        let bytes = fs::read(folder.join(file)).unwrap();
        let recording = Recording::parse(&bytes, file).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(recording.rows().len(), 2082);
        assert_eq!(recording.rows()[0].time_s, 1496957374.6140);
        assert_eq!(recording.rows()[2081].steering_pct, 0.595744669437);
        let unspaced = String::from_utf8(bytes).unwrap().replace(", ", ",");
        assert_eq!(Recording::parse(unspaced.as_bytes(), file).unwrap(), recording);
    }
}

proptest! {
    #[test]
    fn random_bytes_are_refused_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..2000)) {
        prop_assert!(Recording::parse(&bytes, "noise").is_err());
    }

    #[test]
    fn a_damaged_recording_is_read_or_refused_without_a_panic(
        at in 0_usize..1000, damage in proptest::collection::vec(any::<u8>(), 0..12), removed in 0_usize..30,
    ) {
        let mut bytes = text_of(&good_lines()).into_bytes();
        let at = at.min(bytes.len());
        let end = (at + removed).min(bytes.len());
        bytes.splice(at..end, damage);
        if let Ok(recording) = Recording::parse(&bytes, "damaged") {
            prop_assert!(recording.rows().len() >= Recording::MIN_ROWS);
            prop_assert!(recording.rows().windows(2).all(|pair| pair[0].time_s < pair[1].time_s));
        }
    }
}
