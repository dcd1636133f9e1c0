//! `skidpad gnss decode`: a receiver's bytes as JSON lines.

mod common;
use common::{Story, skidpad};
use serde_json::Value;
use skidpad_novatel::{Corrimudatas, Gpgga, Inspvas};
use std::collections::BTreeMap;

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn every_log_becomes_a_line_and_damage_is_counted() {
    let story = Story::new("gnss_decode");
    let mut wire = b"\r\n<OK\r\n[ICOM1]".to_vec();
    let position =
        Inspvas { week: 1957, seconds: 441_618.25, lat_deg: 37.4, status: 3, ..Inspvas::default() };
    position.encode(&mut wire);
    Corrimudatas { week: 1957, seconds: 441_618.25, ..Corrimudatas::default() }.encode(&mut wire);
    Gpgga { quality: 4, satellites: 19, ..Gpgga::default() }.encode(&mut wire);
    let file = story.file("stream.bin", &wire);
    let run = skidpad(&["gnss", "decode", &file]).expect(0);
    let lines = lines(&run.stdout);
    let names: Vec<&str> = lines.iter().map(|line| line["log"].as_str().unwrap()).collect();
    assert_eq!(names, ["INSPVAS", "CORRIMUDATAS", "GPGGA"]);
    assert_eq!(lines[0]["unix_s"].as_f64(), Some(1_500_000_000.25));
    assert_eq!(lines[0]["header"]["millis"].as_u64(), Some(441_618_250));
    assert_eq!(lines[0]["fields"]["lat_deg"].as_f64(), Some(37.4));
    assert_eq!(lines[0]["status_name"].as_str(), Some("INS_SOLUTION_GOOD"));
    assert_eq!(lines[2]["fields"]["satellites"].as_u64(), Some(19));
    assert!(run.stderr.contains("2 logs, 1 sentences; 0 CRC errors"), "{}", run.stderr);

    // A damaged byte and a log cut off at the end.
    wire[40] ^= 1;
    position.encode(&mut wire);
    wire.truncate(wire.len() - 3);
    let file = story.file("damaged.bin", &wire);
    let run = skidpad(&["gnss", "decode", &file]).expect(1);
    assert_eq!(run.stdout.lines().count(), 2, "{}", run.stdout);
    assert!(
        run.stderr.contains("1 CRC errors") && run.stderr.contains("101 bytes unfinished"),
        "{}",
        run.stderr
    );
}

#[test]
fn a_file_that_is_none_is_refused_and_one_without_logs_fails() {
    skidpad(&["gnss", "decode", "no/such.bin"]).expect_refusal("no/such.bin", &["cannot be read"]);
    skidpad(&["gnss", "decode", "sim"]).expect_refusal("sim", &["cannot be read"]);
    skidpad(&["gnss", "decode"]).expect_refusal("FILE", &[]);
    skidpad(&["gnss", "decode", "README.md"]).expect(1);
    let page = skidpad(&["gnss", "decode", "--help"]).expect(0).stdout;
    assert!(page.contains("\nExamples:\n") && page.contains("\nExit status:\n  0 "), "{page}");
}

#[test]
fn the_recording_of_a_real_receiver_is_printed_whole() {
    let Some(folder) = skidpad_test_support::reference_data() else { return };
    let run = skidpad(&["gnss", "decode", folder.join("gnss/novatel.bin").to_str().unwrap()]).expect(0);
    let mut count = BTreeMap::new();
    for line in lines(&run.stdout) {
        *count.entry(line["log"].as_str().unwrap().to_owned()).or_insert(0) += 1;
    }
    let expected = [
        ("BESTGNSSPOS", 80),
        ("BESTGNSSVEL", 80),
        ("CORRIMUDATAS", 796),
        ("INSCOVS", 80),
        ("INSPVAS", 796),
        ("RAWIMUSX", 15_953),
    ];
    assert_eq!(count, BTreeMap::from(expected.map(|(name, count)| (name.to_owned(), count))));
    assert!(run.stderr.contains("17785 logs") && run.stderr.contains("; 0 CRC errors"), "{}", run.stderr);
}
