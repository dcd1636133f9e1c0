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

/// Each change of the file is refused with these words.
#[track_caller]
fn all_refused(cases: &[(&str, &str, &str)]) {
    let wrong: Vec<String> = cases
        .iter()
        .map(|(from, to, expected)| (expected, refused(from, to)))
        .filter(|(expected, error)| !error.contains(*expected))
        .map(|(expected, error)| format!("expected {expected}\n     got {error}\n"))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.concat());
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
    all_refused(&cases);
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

/// The raw integer of a signal of the .dbc, bit by bit as the format's description tells it and by no code of ours:
/// little-endian counts upwards from the start bit; big-endian begins with the most significant bit, goes down in the byte,
/// and on with bit 7 of the next byte.
fn bit_by_bit(data: &[u8; 8], start: usize, bits: usize, big_endian: bool, signed: bool) -> i128 {
    let mut at = start;
    let mut value: i128 = 0;
    for n in 0..bits {
        let bit = i128::from(data[at / 8] >> (at % 8) & 1);
        if big_endian {
            value = value * 2 + bit;
            at = if at.is_multiple_of(8) { at + 15 } else { at - 1 };
        } else {
            value += bit << n;
            at += 1;
        }
    }
    if signed && value >> (bits - 1) & 1 == 1 { value - (1 << bits) } else { value }
}

/// The bits that a signal covers, or `None` where it leaves the eight bytes.
fn covered(start: usize, bits: usize, big_endian: bool) -> Option<u64> {
    let (mut mask, mut at) = (0u64, start);
    for _ in 0..bits {
        if at > 63 {
            return None;
        }
        mask |= 1 << at;
        at = if !big_endian {
            at + 1
        } else if at.is_multiple_of(8) {
            at + 15
        } else {
            at - 1
        };
    }
    Some(mask)
}

/// `SIG_VALTYPE_` and multiplexing are refused, attributes and names of values checked: what [`SMALL`] leaves out.
#[test]
fn attributes_and_value_names_are_checked_where_they_stand() {
    let cases = [
        (
            "BA_DEF_ SG_ \"Kind\" ENUM",
            "BA_DEF_ SG_ \"Kind\" BOOL",
            "x.dbc:20:20: expected INT, HEX, FLOAT, STRING or ENUM, got \"BOOL\"",
        ),
        (
            "BA_DEF_ SG_ \"Kind\" ENUM \"a\",\"b\";",
            "BA_DEF_ SG_ \"BusType\" STRING ;",
            "x.dbc:20:13: the attribute \"BusType\" is defined twice",
        ),
        (
            "BA_DEF_DEF_ \"BusType\"",
            "BA_DEF_DEF_ \"BusTyp\"",
            "x.dbc:22:13: the attribute \"BusTyp\" is not defined by a BA_DEF_; did you mean \"BusType\"?",
        ),
        (
            "BA_DEF_DEF_ \"BusType\" \"CAN\"",
            "BA_DEF_DEF_ \"BusType\" 7",
            "x.dbc:22:23: expected a string, got the number 7",
        ),
        (
            "BA_DEF_DEF_ \"GenMsgCycleTime\" 0",
            "BA_DEF_DEF_ \"GenMsgCycleTime\" 1e9",
            "x.dbc:21:31: GenMsgCycleTime must be from 0 to",
        ),
        (
            "BA_DEF_DEF_ \"GenMsgCycleTime\" 0",
            "BA_DEF_DEF_ \"GenMsgCycleTime\" \"0\"",
            "x.dbc:21:31: expected a number, got the string \"0\"",
        ),
        (
            "BA_ \"BusType\" \"CAN\";",
            "BA_ \"Kind\" SG_ 96 Pedal 1;",
            "x.dbc:24:25: Kind of \"Pedal\" is given twice",
        ),
        (
            "BA_ \"BusType\" \"CAN\";",
            "BA_ \"GenMsgCycleTime\" BO_ 96 30;",
            "x.dbc:25:30: GenMsgCycleTime of message 96 is given twice",
        ),
        (
            "BA_ \"BusType\" \"CAN\";",
            "BA_ \"Kind\" SG_ 96 Nobody 1;",
            "x.dbc:23:19: message \"BrakeCommand\" (0x060) has no signal \"Nobody\"",
        ),
        (
            "BA_ \"Kind\" SG_ 96 Pedal 1;",
            "BA_ \"Kind\" BO_ 95 1;",
            "x.dbc:24:16: no message has the identifier 95",
        ),
        (
            "VAL_ 96 Enable",
            "VAL_ 96 Enable 1 \"on\" ; VAL_ 96 Enable",
            "the values of \"Enable\" are named twice",
        ),
        (
            "VAL_ 96 Enable 1 \"on\" 0 \"off\"",
            "VAL_ 96 Enable 1 \"on\" 1 \"off\"",
            "x.dbc:26:23: the value 1 is named twice",
        ),
        (
            "VAL_ 96 Enable",
            "VAL_ 96 Enabel",
            "x.dbc:26:9: message \"BrakeCommand\" (0x060) has no signal \"Enabel\"; did you mean \"Enable\"?",
        ),
        ("CM_ BU_ Brake", "CM_ BU_ Brkae", "x.dbc:17:9: the node \"Brkae\" is not declared in BU_"),
        (
            "SIG_GROUP_ 96 Group 1 : Pedal Enable;",
            "SIG_VALTYPE_ 96 Pedal : 1;",
            "x.dbc:27:1: floating-point signals",
        ),
        ("SG_ Torque :", "SG_ Torque M :", "x.dbc:10:13: the signal \"Torque\" is multiplexed (M)"),
        ("23|12@0-", "23|12@2-", "x.dbc:10:21: expected the byte order"),
        ("23|12@0-", "64|12@0-", "x.dbc:10:15: expected the start bit from 0 to 63"),
        ("23|12@0-", "23|65@0-", "x.dbc:10:18: expected the length of the signal in bits from 1 to 64"),
        ("23|12@0-", "23|0@0-", "x.dbc:10:18: expected the length of the signal in bits from 1 to 64"),
    ];
    all_refused(&cases);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    /// Random layouts as text, random bytes: what the parser and the codec make of them against the reading bit by bit.
    #[test]
    fn random_layouts_read_and_write_as_bit_by_bit(
        signals in prop::collection::vec((0usize..64, 1usize..=64, any::<bool>(), any::<bool>()), 1..12),
        data: [u8; 8], raws in prop::array::uniform12(any::<i64>()),
    ) {
        let (mut text, mut used, mut placed) = (String::from("BU_: A\nBO_ 1 M: 8 A\n"), 0u64, Vec::new());
        for (start, bits, big, signed) in signals {
            let line = |name: &str| {
                let (order, sign) = (if big { 0 } else { 1 }, if signed { '-' } else { '+' });
                format!(" SG_ {name} : {start}|{bits}@{order}{sign} (1,0) [0|0] \"\" A\n")
            };
            match covered(start, bits, big) {
                Some(mask) if mask & used == 0 => {
                    used |= mask;
                    text += &line(&format!("S{}", placed.len()));
                    placed.push((start, bits, big, signed, mask));
                }
                other => {
                    // What overlaps or leaves the frame is refused, with the place.
                    let error = Dbc::parse(&(text.clone() + &line("X")), "x.dbc").unwrap_err();
                    let (said, lines) = (if other.is_some() { "overlaps" } else { "beyond" }, text.lines().count() as u32);
                    prop_assert!(error.message.contains(said), "{}", error);
                    prop_assert_eq!(error.line, lines + 1);
                }
            }
        }
        let dbc = Dbc::parse(&text, "x.dbc").unwrap();
        let message = dbc.message(1).unwrap();
        let mut written = [0u8; 8];
        for (index, (start, bits, big, signed, mask)) in placed.iter().enumerate() {
            let handle = message.handle(&format!("S{index}")).unwrap();
            let expected = bit_by_bit(&data, *start, *bits, *big, *signed);
            prop_assert_eq!(i128::from(handle.raw(&data)), if *signed || *bits < 64 { expected } else { i128::from(expected as u64 as i64) });
            let before = u64::from_le_bytes(written);
            handle.set_raw(&mut written, raws[index]);
            let kept = bit_by_bit(&written, *start, *bits, *big, false) as u64;
            prop_assert_eq!(kept, raws[index] as u64 & (u64::MAX >> (64 - bits)));
            prop_assert_eq!(u64::from_le_bytes(written) & !mask, before & !mask, "no other bit");
            prop_assert_eq!(handle.bytes() as u32, 8 - mask.leading_zeros() / 8);
        }
    }
}
