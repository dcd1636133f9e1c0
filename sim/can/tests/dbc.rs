//! The .dbc reader as a user meets it: what it reads, and what it says when a file is wrong.

use proptest::prelude::*;
use skidpad_can::{Dbc, Frame};
use std::time::Duration;

const LINCOLN: &str = include_str!("../../../vehicles/lincoln_mkz/bywire.dbc");

const SMALL: &str = r#"VERSION "1"
NS_ :
    CM_
    VAL_
BS_:
BU_: Computer Brake
VAL_TABLE_ OnOff 0 "off" 1 "on" ;
BO_ 96 BrakeCommand: 8 Computer
 SG_ Pedal : 0|16@1+ (0.5,-10) [0|100] "%" Brake
 SG_ Torque : 23|12@0- (2,0) [0|0] "Nm" Brake,Vector__XXX
 SG_ Enable : 56|1@1+ (1,0) [0|1] "" Brake
BO_ 97 BrakeReport: 2 Brake
 SG_ Pedal : 0|16@1+ (1,0) [0|0] "" Computer
CM_ "whole network";
CM_ BO_ 96 "asks; of course";
CM_ SG_ 96 Pedal "says \"how far\"";
CM_ BU_ Brake "a node";
BA_DEF_ BO_ "GenMsgCycleTime" INT 0 10000;
BA_DEF_ "BusType" STRING ;
BA_DEF_ SG_ "Kind" ENUM "a","b";
BA_DEF_DEF_ "GenMsgCycleTime" 0;
BA_DEF_DEF_ "BusType" "CAN";
BA_ "BusType" "CAN";
BA_ "Kind" SG_ 96 Pedal 1;
BA_ "GenMsgCycleTime" BO_ 96 20;
VAL_ 96 Enable 1 "on" 0 "off" ;
SIG_GROUP_ 96 Group 1 : Pedal Enable;
"#;

fn small() -> Dbc {
    Dbc::parse(SMALL, "small.dbc").unwrap()
}

#[test]
fn a_file_reads_as_it_is_written() {
    let dbc = small();
    assert_eq!((dbc.version.as_str(), dbc.comment.as_str()), ("1", "whole network"));
    assert_eq!(dbc.nodes, ["Computer", "Brake"]);
    let command = dbc.message(96).unwrap();
    assert_eq!(
        (command.name.as_str(), command.len, command.sender.as_str()),
        ("BrakeCommand", 8, "Computer")
    );
    assert_eq!(command.cycle, Some(Duration::from_millis(20)));
    assert_eq!(command.comment, "asks; of course");
    let pedal = command.signal("Pedal").unwrap();
    assert_eq!((pedal.unit.as_str(), pedal.range), ("%", Some((0.0, 100.0))));
    assert_eq!(pedal.comment, "says \"how far\"");
    assert_eq!(command.signal("Enable").unwrap().value_name(1), Some("on"));
    assert_eq!(command.signal("Torque").unwrap().range, None);
    assert_eq!(dbc.message_by_name("BrakeReport").unwrap().cycle, None);
}

#[test]
fn values_go_onto_the_wire_and_come_back() {
    let dbc = small();
    let command = dbc.message(96).unwrap();
    let [pedal, torque, enable] = ["Pedal", "Torque", "Enable"].map(|name| command.handle(name).unwrap());
    let frame = command.encode(&[(pedal, 40.0), (torque, -2.0), (enable, 1.0)]);
    // (40 + 10) / 0.5 = 100. Big-endian from bit 23 down: -1 in 12 bits fills byte 2 and the top of byte 3.
    assert_eq!(frame, Frame::new(96, [100, 0, 0xFF, 0xF0, 0, 0, 0, 1]));
    let values: Vec<(&str, f64)> = command.decode(&frame).map(|(s, v)| (s.name.as_str(), v)).collect();
    assert_eq!(values, [("Pedal", 40.0), ("Torque", -2.0), ("Enable", 1.0)]);
    let short = Frame { len: 4, ..frame };
    assert_eq!(command.decode(&short).count(), 2, "a signal beyond the end of a short frame has no value");
}

#[test]
fn a_name_that_is_missing_is_reported_with_the_nearest() {
    let dbc = small();
    let error = dbc.message_by_name("BrakeComand").unwrap_err().to_string();
    assert_eq!(error, "small.dbc: there is no message \"BrakeComand\"; did you mean \"BrakeCommand\"?");
    let error = dbc.message(96).unwrap().handle("Pedl").unwrap_err().to_string();
    assert_eq!(error, "message \"BrakeCommand\" (0x060) has no signal \"Pedl\"; did you mean \"Pedal\"?");
}

/// The error of `SMALL` after replacing its one `from` by `to`.
fn refused(from: &str, to: &str) -> String {
    assert_eq!(SMALL.matches(from).count(), 1, "{from:?} must occur once");
    Dbc::parse(&SMALL.replace(from, to), "x.dbc").expect_err(to).to_string()
}

#[test]
fn what_is_wrong_is_said_with_its_place() {
    let cases = [
        ("(0.5,-10)", "(0,-10)", "x.dbc:9:23: the scale of \"Pedal\" is zero"),
        (
            "56|1@1+",
            "8|4@1+",
            "x.dbc:11:15: the signal \"Enable\" overlaps \"Pedal\" in BrakeCommand (0x060)",
        ),
        ("SG_ Enable", "SG_ Pedal", "x.dbc:11:6: BrakeCommand (0x060) already has a signal named \"Pedal\""),
        (
            "0|16@1+ (1,0)",
            "8|9@1+ (1,0)",
            "x.dbc:13:14: the signal \"Pedal\" reaches outside the 2 bytes of BrakeReport (0x061)",
        ),
        ("56|1@1+", "60|8@1+", "x.dbc:11:18: 8 bits from bit 60 reach beyond the eight bytes of a frame"),
        ("23|12@0-", "15|12@0-", "x.dbc:10:15: the signal \"Torque\" overlaps"),
        ("23|12@0-", "58|12@0-", "x.dbc:10:18: 12 bits from bit 58 reach beyond"),
        ("BO_ 97 ", "BO_ 96 ", "x.dbc:12:5: the identifier 96 is already that of BrakeCommand (0x060)"),
        ("BrakeReport: 2", "BrakeCommand: 2", "x.dbc:12:8: a message named \"BrakeCommand\" exists already"),
        ("BO_ 97 ", "BO_ 2147483745 ", "x.dbc:12:5: extended (29-bit) identifiers are not supported"),
        ("BO_ 97 ", "BO_ 2048 ", "x.dbc:12:5: the identifier 2048 does not fit in 11 bits"),
        (
            "BrakeReport: 2",
            "BrakeReport: 64",
            "x.dbc:12:21: a message has at most 8 bytes, got 64; CAN FD is not supported",
        ),
        ("SG_ Enable :", "SG_ Enable m3 :", "x.dbc:11:13: the signal \"Enable\" is multiplexed (m3)"),
        ("SIG_GROUP_ 96", "SIG_VALTYPE_ 96", "x.dbc:27:1: floating-point signals"),
        (
            "97 BrakeReport: 2 Brake",
            "97 BrakeReport: 2 Brak",
            "x.dbc:12:23: the node \"Brak\" is not declared in BU_; did you mean \"Brake\"?",
        ),
        ("CM_ BO_ 96", "CM_ BO_ 95", "x.dbc:15:9: no message has the identifier 95"),
        (
            "CM_ SG_ 96 Pedal",
            "CM_ SG_ 96 Pedel",
            "x.dbc:16:12: message \"BrakeCommand\" (0x060) has no signal \"Pedel\"; did you mean \"Pedal\"?",
        ),
        (
            "BA_ \"Kind\"",
            "BA_ \"Knid\"",
            "x.dbc:24:5: the attribute \"Knid\" is not defined by a BA_DEF_; did you mean \"Kind\"?",
        ),
        ("BO_ 96 20;", "BO_ 96 -20;", "x.dbc:25:30: GenMsgCycleTime must be from 0 to"),
        (
            "1 \"on\" 0 \"off\" ;\nSIG",
            "1 \"on\" 2 \"off\" ;\nSIG",
            "x.dbc:26:23: expected a raw value (or ';') from 0 to 1, got 2",
        ),
        ("[0|100]", "[100|0]", "x.dbc:9:33: the smallest value 100 of \"Pedal\" is above its largest 0"),
        ("(0.5,-10)", "(1e999,-10)", "x.dbc:9:23: 1e999 is not a finite number (the scale is expected here)"),
        ("\"whole network\"", "\"whole network", "x.dbc:15:13: expected ';', got \"asks\""),
        ("BS_:", "BS:", "x.dbc:5:1: unknown section \"BS\"; did you mean \"BS_\"?"),
        ("VAL_ 96 Enable", "VAL_ 96 # Enable", "x.dbc:26:9: unexpected character '#'"),
        ("SIG_GROUP_ 96 Group 1 : Pedal Enable;", "SIG_GROUP_ 96", "expected ';', got the end of the file"),
    ];
    let wrong: Vec<String> = cases
        .iter()
        .map(|(from, to, expected)| (expected, refused(from, to)))
        .filter(|(expected, error)| !error.contains(*expected))
        .map(|(expected, error)| format!("expected {expected}\n     got {error}\n"))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.concat());
}

#[test]
fn an_unterminated_string_is_reported_where_it_opens() {
    let error = Dbc::parse("VERSION \"1\"\nCM_ \"never closed\n\n", "x.dbc").unwrap_err();
    assert_eq!((error.line, error.column), (2, 5));
    assert!(error.message.contains("no closing"), "{error}");
}

#[test]
fn a_file_too_large_is_refused_before_it_is_read() {
    let text = "\n".repeat(Dbc::MAX_BYTES + 1);
    let error = Dbc::parse(&text, "huge.dbc").unwrap_err().to_string();
    assert!(error.starts_with("huge.dbc:1:1: the file has 4194305 bytes"), "{error}");
}

#[test]
fn a_file_in_another_encoding_is_refused_with_the_byte() {
    let error = Dbc::parse_bytes(b"VERSION \"1\"\nCM_ \"Grad \xB0C\";\n", "x.dbc").unwrap_err().to_string();
    assert!(error.starts_with("x.dbc:2:11: byte 0xB0 is not UTF-8"), "{error}");
    assert!(
        Dbc::parse_bytes(b"\xEF\xBB\xBFVERSION \"1\"\n", "x.dbc").is_ok(),
        "a byte order mark is allowed"
    );
}

#[test]
fn a_hostile_list_of_names_is_read_in_linear_time() {
    use std::fmt::Write;
    let mut text = String::from("BU_:");
    for n in 0..100_000 {
        write!(text, " N{n}").unwrap();
    }
    text += "\nBO_ 1 M: 8 N0\n SG_ S : 0|1@1+ (1,0) [0|1] \"\" N99999";
    for n in 0..100_000 {
        write!(text, ",N{n}").unwrap();
    }
    assert_eq!(Dbc::parse(&text, "x.dbc").unwrap().nodes.len(), 100_000);
}

#[test]
fn the_lincoln_loads_with_all_its_messages() {
    let dbc = Dbc::parse(LINCOLN, "bywire.dbc").unwrap();
    let ids: Vec<u16> = dbc.messages().iter().map(|m| m.id).collect();
    let expected = [
        0x60, 0x61, 0x62, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68, 0x69, 0x6A, 0x6B, 0x6C, 0x6D, 0x6E, 0x6F, 0x70,
        0x71, 0x72, 0x73, 0x74, 0x75, 0x7E, 0x7F,
    ];
    assert_eq!(ids, expected);
    // Counted by an independent reader (Python cantools 45.1).
    assert_eq!(dbc.messages().iter().map(|m| m.signals.len()).sum::<usize>(), 186);
    assert_eq!(dbc.message(0x65).unwrap().cycle, Some(Duration::from_millis(10)));
    assert_eq!(dbc.message(0x65).unwrap().start_delay, Duration::from_millis(2));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_bytes_are_refused_or_read_but_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = Dbc::parse_bytes(&bytes, "random.dbc");
    }

    #[test]
    fn random_words_of_the_language_never_panic(words in prop::collection::vec(prop::sample::select(vec![
        "VERSION", "NS_", "BS_", "BU_", "BO_", "SG_", "CM_", "BA_DEF_", "BA_DEF_DEF_", "BA_", "VAL_", "VAL_TABLE_",
        "SIG_GROUP_", "INT", "ENUM", "STRING", ":", ";", ",", "|", "@", "(", ")", "[", "]", "+", "-", "0", "1", "8", "63",
        "96", "-1", "1.5", "1e9", "4294967296", "9223372036854775808", "3221225472", "\"GenMsgCycleTime\"", "\"\"", "\"",
        "A", "B", "m0", "M", "Vector__XXX", "\n", "0|8@1+ (1,0) [0|0] \"\" Vector__XXX", "BO_ 1 A: 8 Vector__XXX\n SG_ A :",
    ]), 0..60)) {
        let _ = Dbc::parse(&words.join(" "), "random.dbc");
    }

    #[test]
    fn a_damaged_file_never_panics_and_names_a_place_inside_it(
        at in 0..LINCOLN.len(), cut in 0usize..40, insert in prop::collection::vec(any::<u8>(), 0..8),
    ) {
        let mut bytes = LINCOLN.as_bytes().to_vec();
        bytes.splice(at..(at + cut).min(LINCOLN.len()), insert);
        if let Err(error) = Dbc::parse_bytes(&bytes, "damaged.dbc") {
            let lines = bytes.iter().filter(|b| **b == b'\n').count() as u32 + 1;
            prop_assert!(error.line >= 1 && error.line <= lines && error.column >= 1, "{}", error);
        }
    }
}
