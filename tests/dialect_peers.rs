//! The frames of the dialect with checksums and rolling counters against Python: cantools reads the same .dbc and encodes
//! them bit for bit, and the checksums are worked out there a second time from their description.

mod common;
use common::peers::{has_python, python};
use common::repository;
use skidpad_can::{Dbc, Dialect, DialectMessage, Frame, Guard, Sealer};
use std::collections::BTreeSet;
use std::fmt::Write as _;

/// Reads `id hex` lines: prints each as `id hex` of its values encoded again by cantools, with a checksum worked out
/// here, and the values. Then, as `own id hex`, frames of its own of every message, its counter running.
const PEER: &str = r#"
import random, sys, cantools
database = cantools.database.load_file(sys.argv[1], strict=True)

def nibble_sum(data):
    return (8 - sum((byte >> 4) + (byte & 15) for byte in data)) % 16

def crc8_sae_j1850(data):
    crc = 255
    for byte in data:
        for bit in range(7, -1, -1):
            top = (crc >> 7) ^ (byte >> bit & 1)
            crc = (crc << 1 & 255) ^ (0x1D if top else 0)
    return crc ^ 255

def signal_with(message, attribute):
    for signal in message.signals:
        if attribute in signal.dbc.attributes:
            return signal.name, signal.dbc.attributes[attribute].value
    return None, None

def encode(message, values):
    name, kind = signal_with(message, 'ChecksumKind')
    values = dict(values) | {name: 0}
    data = message.encode(values, scaling=False, strict=False)
    covered = [message.frame_id >> 8, message.frame_id & 255, message.length] + list(data)
    values[name] = {'nibble_sum': nibble_sum, 'crc8_sae_j1850': crc8_sae_j1850}[kind](covered)
    return message.encode(values, scaling=False, strict=False).hex()

for line in sys.stdin:
    identifier, data = line.split()
    message = database.get_message_by_frame_id(int(identifier, 16))
    raw = message.decode(bytes.fromhex(data), decode_choices=False, scaling=False)
    values = message.decode(bytes.fromhex(data), decode_choices=False)
    shown = ' '.join(f'{name}={value!r}' for name, value in sorted(values.items()))
    print(identifier, encode(message, raw), shown)

random.seed(4)
for message in database.messages:
    counter, bits = signal_with(message, 'CounterBits')
    for count in range(40):
        raw = {}
        for signal in message.signals:
            half = 1 << signal.length - 1
            raw[signal.name] = random.randrange(-half, half) if signal.is_signed else random.randrange(2 * half)
        if counter:
            raw[counter] = (count + 7) % (1 << bits)
        print('own', f'{message.frame_id:x}', encode(message, raw))
"#;

fn hex(frame: &Frame) -> String {
    frame.payload().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn cantools_encodes_every_frame_of_the_civic_bit_for_bit_checksum_included() {
    if !has_python("cantools") {
        return;
    }
    let file = repository().join("vehicles/honda_civic/bywire.dbc").to_str().unwrap().to_string();
    let dbc = Dbc::parse(&std::fs::read_to_string(&file).unwrap(), "bywire.dbc").unwrap();
    let dialect = Dialect::find(&dbc).unwrap().expect("a dialect");
    let messages: Vec<&DialectMessage> = dialect.commands.iter().chain(&dialect.reports).collect();
    assert_eq!(messages.len(), dbc.messages().len(), "every message has roles");

    // Ours: signals filled with a fixed sequence of bits, then sealed.
    let mut word = 0x1234_5678_9abc_def0u64;
    let mut ours = Vec::new();
    for message in &messages {
        let mut sealer = Sealer::new(message.protection);
        let layout = dbc.message(message.blank.id).unwrap();
        for _ in 0..40 {
            let mut frame = message.blank;
            for signal in &layout.signals {
                word = word.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                signal.handle.set_raw(&mut frame.data, (word >> 20) as i64);
            }
            sealer.seal(&mut frame);
            ours.push(frame);
        }
    }
    let input = ours.iter().fold(String::new(), |mut text, frame| {
        writeln!(text, "{:x} {}", frame.id, hex(frame)).unwrap();
        text
    });
    let said = python(PEER, &[&file], input);
    let (own, echoed): (Vec<&str>, Vec<&str>) = said.lines().partition(|line| line.starts_with("own"));

    assert_eq!(echoed.len(), ours.len());
    for (line, frame) in echoed.iter().zip(&ours) {
        let mut words = line.split(' ');
        assert_eq!(words.next(), Some(format!("{:x}", frame.id).as_str()));
        assert_eq!(words.next(), Some(hex(frame).as_str()), "{frame}");
        let layout = dbc.message(frame.id).unwrap();
        let theirs: Vec<(&str, f64)> = words
            .map(|word| word.split_once('=').map(|(name, x)| (name, x.parse().unwrap())).unwrap())
            .collect();
        assert_eq!(theirs.len(), layout.signals.len());
        for (name, x) in theirs {
            let y = layout.handle(name).unwrap().physical(&frame.data);
            assert!((x - y).abs() <= 1e-9 * y.abs().max(1.0), "{name} of {frame}: {x} against {y}");
        }
    }

    // Theirs: our guard takes each, and none with a bit flipped.
    assert_eq!(own.len(), 40 * messages.len());
    let mut seen = BTreeSet::new();
    let mut guards: Vec<(u16, Guard)> =
        messages.iter().map(|m| (m.blank.id, Guard::new(m.protection))).collect();
    for line in own {
        let words: Vec<&str> = line.split(' ').collect();
        let id = u16::from_str_radix(words[1], 16).unwrap();
        let bytes: Vec<u8> = (0..words[2].len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&words[2][at..at + 2], 16).unwrap())
            .collect();
        let frame = Frame::from_payload(id, &bytes).unwrap();
        let (_, guard) = guards.iter_mut().find(|(of, _)| *of == id).unwrap();
        for bit in 0..bytes.len() * 8 {
            let mut flipped = frame;
            flipped.data[bit / 8] ^= 1 << (bit % 8);
            assert!(guard.clone().check(&flipped).is_err(), "bit {bit} of {frame}");
        }
        assert_eq!(guard.check(&frame), Ok(()), "{frame}");
        seen.insert(id);
    }
    assert_eq!(seen.len(), messages.len());
}
