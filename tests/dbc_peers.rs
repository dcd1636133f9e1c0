//! The by-wire layout in the hands of an independent decoder: Python's cantools, where it is installed.

mod common;
use common::peers::{has_python, lincoln_dbc, python};
use skidpad_can::{Dbc, Frame};
use std::fmt::Write as _;

/// Decodes `id hex` lines of standard input by the .dbc named in the first argument.
const DECODER: &str = r#"
import sys, cantools
database = cantools.database.load_file(sys.argv[1], strict=True)
for line in sys.stdin:
    identifier, data = line.split()
    message = database.get_message_by_frame_id(int(identifier, 16))
    values = message.decode(bytes.fromhex(data), decode_choices=False)
    print(identifier, ' '.join(f'{name}={value!r}' for name, value in sorted(values.items())))
"#;

#[test]
fn cantools_reads_the_same_numbers_from_every_frame() {
    if !has_python("cantools") {
        return;
    }
    let file = lincoln_dbc();
    let dbc = Dbc::parse(&std::fs::read_to_string(&file).unwrap(), "bywire.dbc").unwrap();

    // A fixed sequence of bytes: every bit of every message is seen set and clear.
    let mut word = 0x1234_5678_9abc_def0u64;
    let (mut input, mut expected) = (String::new(), String::new());
    for message in dbc.messages() {
        for _ in 0..40 {
            word = word.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let payload = word.to_be_bytes();
            let payload = &payload[..usize::from(message.len)];
            let hex: String = payload.iter().map(|byte| format!("{byte:02x}")).collect();
            writeln!(input, "{:x} {hex}", message.id).unwrap();
            let frame = Frame::from_payload(message.id, payload).unwrap();
            let mut values: Vec<(String, f64)> =
                message.decode(&frame).map(|(signal, value)| (signal.name.clone(), value)).collect();
            values.sort_by(|a, b| a.0.cmp(&b.0));
            write!(expected, "{:x}", message.id).unwrap();
            for (name, value) in values {
                write!(expected, " {name}={value}").unwrap();
            }
            expected.push('\n');
        }
    }

    let got = python(DECODER, &[&file], input);
    assert_eq!(got.lines().count(), expected.lines().count());
    for (theirs, ours) in got.lines().zip(expected.lines()) {
        let (theirs, ours): (Vec<&str>, Vec<&str>) = (theirs.split(' ').collect(), ours.split(' ').collect());
        assert_eq!(theirs.len(), ours.len(), "{theirs:?} against {ours:?}");
        for (a, b) in theirs.iter().zip(&ours).skip(1) {
            let ((name, x), (same, y)) = (a.split_once('=').unwrap(), b.split_once('=').unwrap());
            let (x, y): (f64, f64) = (x.parse().unwrap(), y.parse().unwrap());
            assert_eq!(name, same);
            assert!((x - y).abs() <= 1e-9 * y.abs().max(1.0), "{name} of {}: {x} against {y}", ours[0]);
        }
    }
}

/// Encodes `id name=raw …` lines of standard input by the .dbc named in the first argument, from the signals' raw
/// integers turned into physical values by cantools itself; prints `id hex`.
const ENCODER: &str = r#"
import sys, cantools
database = cantools.database.load_file(sys.argv[1], strict=True)
for line in sys.stdin:
    identifier, *pairs = line.split()
    message = database.get_message_by_frame_id(int(identifier, 16))
    raw = {name: int(value) for name, value in (pair.split('=') for pair in pairs)}
    physical = {s.name: s.conversion.raw_to_scaled(raw[s.name], decode_choices=False) for s in message.signals}
    print(identifier, message.encode(physical, strict=False).hex())
"#;

#[test]
fn every_frame_goes_round_through_cantools_bit_for_bit_both_ways() {
    if !has_python("cantools") {
        return;
    }
    let file = lincoln_dbc();
    let dbc = Dbc::parse(&std::fs::read_to_string(&file).unwrap(), "bywire.dbc").unwrap();
    let mut word = 0x0fed_cba9_8765_4321u64;
    let (mut input, mut frames) = (String::new(), Vec::new());
    let mut signals = 0;
    for message in dbc.messages() {
        signals += message.signals.len();
        for _ in 0..100 {
            let mut frame = message.blank();
            write!(input, "{:x}", message.id).unwrap();
            for signal in &message.signals {
                word = word.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                // Cut to the signal's own width by writing it and reading it back.
                signal.handle.set_raw(&mut frame.data, (word >> 13) as i64);
                write!(input, " {}={}", signal.name, signal.handle.raw(&frame.data)).unwrap();
            }
            input.push('\n');
            frames.push(frame);
        }
    }
    let hex =
        |frame: &Frame| -> String { frame.payload().iter().map(|byte| format!("{byte:02x}")).collect() };

    // Ours and theirs are the same bits from the same numbers.
    let encoded = python(ENCODER, &[&file], input);
    assert_eq!(encoded.lines().count(), frames.len());
    for (theirs, ours) in encoded.lines().zip(&frames) {
        assert_eq!(theirs, format!("{:x} {}", ours.id, hex(ours)), "{}", dbc.message(ours.id).unwrap());
    }

    // Decoded there, encoded here: the frame comes back.
    let lines: String = frames.iter().map(|frame| format!("{:x} {}\n", frame.id, hex(frame))).collect();
    let decoded = python(DECODER, &[&file], lines);
    for (line, frame) in decoded.lines().zip(&frames) {
        let message = dbc.message(frame.id).unwrap();
        let values: Vec<_> = line
            .split(' ')
            .skip(1)
            .map(|pair| {
                let (name, value) = pair.split_once('=').unwrap();
                (message.handle(name).unwrap(), value.parse::<f64>().unwrap())
            })
            .collect();
        assert_eq!(message.encode(&values), *frame, "{message}");
    }
    eprintln!("{} messages, {signals} signals, {} frames each way", dbc.messages().len(), frames.len());
}
