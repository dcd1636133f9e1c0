//! The text of `candump` of the can-utils: a frame a line, with its time.
//!
//! Read are the log form `(1436509052.249713) vcan0 044#2A366C2B` (`candump -L`, `-l`), the form on the terminal
//! `(1436509052.249713)  vcan0  044   [4]  2A 36 6C 2B`, with or without the time, and the bare `044#2A366C2B` of
//! `cansend`. Written is the log form.

use crate::{Frame, Unsupported};
use std::fmt;
use std::time::Duration;

/// A line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line<'a> {
    /// Time stamp: mostly since 1970, but whatever the program that wrote it counted from. Absent where the line
    /// has none.
    pub time: Option<Duration>,
    /// Name of the bus, empty if the line does not say.
    pub bus: &'a str,
    /// The frame, if it is one that a classic bus with 11-bit identifiers carries.
    pub frame: Result<Frame, Unsupported>,
}

/// Why a line is none of candump's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{column}: {message}")]
pub struct LineError {
    /// Column in bytes, from 1.
    pub column: usize,
    /// What was expected, what stands there.
    pub message: String,
}

/// The longest line that is looked at, bytes.
pub const MAX_LINE: usize = 1024;

/// Reads one line; `None` if it is empty or a comment (`#` first).
///
/// # Errors
/// Where the line is wrong and how.
pub fn parse(text: &str) -> Result<Option<Line<'_>>, LineError> {
    let wrong = |at: &str, message: String| LineError {
        column: at.as_ptr() as usize - text.as_ptr() as usize + 1,
        message,
    };
    if text.len() > MAX_LINE {
        let message = format!("a line of {} bytes; expected at most {MAX_LINE}", text.len());
        return Err(LineError { column: MAX_LINE, message });
    }
    let mut words = text.split_ascii_whitespace().peekable();
    let Some(first) = words.peek().copied().filter(|word| !word.starts_with('#')) else { return Ok(None) };

    let time = match first.strip_prefix('(') {
        Some(stamp) => {
            let stamp = stamp.strip_suffix(')').and_then(seconds);
            let message = || format!("expected a time like (1436509052.249713), got {}", shown(first));
            words.next();
            Some(stamp.ok_or_else(|| wrong(first, message()))?)
        }
        None => None,
    };
    let missing = || wrong(&text[text.trim_end().len()..], "the line ends before its frame".into());
    let word = words.next().ok_or_else(missing)?;
    if word.contains('#') {
        return packed(word).map(|frame| Some(Line { time, bus: "", frame })).map_err(|m| wrong(word, m));
    }
    let bus = word;
    // `candump -x` tells direction and flags between bus and identifier.
    while words.peek().is_some_and(|word| matches!(*word, "RX" | "TX" | "-" | "B" | "E")) {
        words.next();
    }
    let id = words.next().ok_or_else(missing)?;
    if id.contains('#') {
        return packed(id).map(|frame| Some(Line { time, bus, frame })).map_err(|m| wrong(id, m));
    }
    let id_number = identifier(id).map_err(|m| wrong(id, m))?;
    let length = words.next().ok_or_else(missing)?;
    let fd = length.len() == 4;
    let bytes = length
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .and_then(|digits| digits.parse::<usize>().ok())
        .filter(|bytes| *bytes <= 64);
    let message = || format!("expected a length like [8], got {}", shown(length));
    let bytes = bytes.ok_or_else(|| wrong(length, message()))?;
    if words.peek() == Some(&"remote") {
        return Ok(Some(Line { time, bus, frame: Err(Unsupported::Remote) }));
    }
    let mut payload = [0; 64];
    for place in &mut payload[..bytes] {
        let byte = words.next().ok_or_else(missing)?;
        let value = Some(byte).filter(|byte| byte.len() == 2).and_then(|byte| hex(byte.as_bytes()));
        *place =
            value.ok_or_else(|| wrong(byte, format!("expected a byte like 2A, got {}", shown(byte))))? as u8;
    }
    let frame = frame(id_number, &payload[..bytes], fd);
    Ok(Some(Line { time, bus, frame }))
}

/// A frame in the log form, with its time since 1970.
pub fn write(out: &mut impl fmt::Write, time: Duration, bus: &str, frame: &Frame) -> fmt::Result {
    writeln!(out, "({}.{:06}) {bus} {frame}", time.as_secs(), time.subsec_micros())
}

/// `044#2A366C2B`, `123#R8`, `123##0…`, `12345678#11`.
fn packed(word: &str) -> Result<Result<Frame, Unsupported>, String> {
    let (id, data) = word.split_once('#').unwrap_or((word, ""));
    let id = identifier(id)?;
    if let Some(data) = data.strip_prefix('#') {
        let (flags, data) = data.split_at_checked(1).unwrap_or((data, ""));
        let right = hex(flags.as_bytes()).is_some() && flags.len() == 1;
        let mut payload = [0; 64];
        let bytes = bytes(data, &mut payload)?;
        return if right {
            Ok(frame(id, bytes, true))
        } else {
            Err(format!("no CAN FD frame: {}", shown(word)))
        };
    }
    if let Some(length) = data.strip_prefix(['R', 'r']) {
        let right = length.is_empty() || matches!(length.as_bytes(), [b'0'..=b'8']);
        return if right {
            Ok(Err(Unsupported::Remote))
        } else {
            Err(format!("no length of a remote frame: {}", shown(length)))
        };
    }
    let mut payload = [0; 64];
    // `_` and a digit behind the data is the raw length code beyond 8.
    let data = data.split('_').next().unwrap_or_default();
    let bytes = bytes(data, &mut payload)?;
    if bytes.len() > 8 {
        return Err(format!("{} bytes; a classic frame has at most 8", bytes.len()));
    }
    Ok(frame(id, bytes, false))
}

fn frame(id: Identifier, payload: &[u8], fd: bool) -> Result<Frame, Unsupported> {
    match id {
        Identifier::Error => Err(Unsupported::Error),
        _ if fd || payload.len() > 8 => Err(Unsupported::Fd),
        Identifier::Extended => Err(Unsupported::Extended),
        Identifier::Standard(id) => Frame::from_payload(id, payload).ok_or(Unsupported::Fd),
    }
}

#[derive(Clone, Copy)]
enum Identifier {
    Standard(u16),
    Extended,
    Error,
}

/// Three digits for a short identifier, eight for a long one or an error.
fn identifier(text: &str) -> Result<Identifier, String> {
    let value = hex(text.as_bytes());
    match (text.len(), value) {
        (3, Some(id)) if id <= u32::from(Frame::MAX_ID) => Ok(Identifier::Standard(id as u16)),
        (8, Some(id)) if id <= 0x1FFF_FFFF => Ok(Identifier::Extended),
        (8, Some(id)) if id & 0x2000_0000 != 0 && id < 0x4000_0000 => Ok(Identifier::Error),
        _ => Err(format!("expected an identifier of 3 or 8 hexadecimal digits, got {}", shown(text))),
    }
}

/// Digits, with dots between the bytes or without.
fn bytes<'a>(text: &str, payload: &'a mut [u8; 64]) -> Result<&'a [u8], String> {
    let mut len = 0;
    for part in text.split('.') {
        let pairs = part.as_bytes().chunks(2);
        for pair in pairs {
            let value = Some(pair).filter(|pair| pair.len() == 2).and_then(hex);
            let value =
                value.ok_or_else(|| format!("expected pairs of hexadecimal digits, got {}", shown(text)))?;
            *payload.get_mut(len).ok_or_else(|| "more than 64 bytes".to_string())? = value as u8;
            len += 1;
        }
    }
    Ok(&payload[..len])
}

fn hex(text: &[u8]) -> Option<u32> {
    (!text.is_empty() && text.len() <= 8).then_some(())?;
    text.iter().try_fold(0, |value, byte| Some(value << 4 | char::from(*byte).to_digit(16)?))
}

/// Seconds with up to nine decimals, at most 10^10.
fn seconds(text: &str) -> Option<Duration> {
    let (whole, decimals) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |text: &str, most: usize| {
        (!text.is_empty() && text.len() <= most && text.bytes().all(|byte| byte.is_ascii_digit()))
            .then_some(())
    };
    digits(whole, 10)?;
    digits(decimals, 9)?;
    let nanos = format!("{decimals:0<9}").parse().ok()?;
    Some(Duration::new(whole.parse().ok()?, nanos))
}

/// What stands there, for an error.
fn shown(text: &str) -> String {
    let short: String = text.chars().take(20).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
    format!("\"{short}{}\"", if text.chars().nth(20).is_some() { "…" } else { "" })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(text: &str) -> Line<'_> {
        parse(text).unwrap().unwrap()
    }

    #[test]
    fn the_forms_of_candump_say_the_same() {
        let frame = Ok(Frame::from_payload(0x44, &[0x2A, 0x36, 0x6C, 0x2B]).unwrap());
        let time = Some(Duration::new(1_436_509_052, 249_713_000));
        // Lines of the can-utils' manual, and of `candump -ta`, `-a`, `-x`, `-L`.
        for (text, time, bus) in [
            ("(1436509052.249713) vcan0 044#2A366C2B", time, "vcan0"),
            (" (1436509052.249713)  vcan0  044   [4]  2A 36 6C 2B", time, "vcan0"),
            (" (1436509052.249713)  vcan0  RX - -  044   [4]  2A 36 6C 2B", time, "vcan0"),
            ("  vcan0  044   [4]  2A 36 6C 2B   '*6l+'", None, "vcan0"),
            ("044#2A366C2B", None, ""),
            ("044#2A.36.6C.2B", None, ""),
            ("(1436509052.249713) vcan0 044#2a366c2b R", time, "vcan0"),
        ] {
            assert_eq!(read(text), Line { time, bus, frame }, "{text}");
        }
        assert_eq!(read("can0 123#").frame, Ok(Frame::from_payload(0x123, &[]).unwrap()));
        assert_eq!(parse("  \r"), Ok(None));
        assert_eq!(parse("# a note"), Ok(None));
    }

    #[test]
    fn kinds_that_the_bus_does_not_carry_are_told_apart() {
        for (text, kind) in [
            ("can0 12345678#11", Unsupported::Extended),
            ("can0 123#R", Unsupported::Remote),
            ("can0 123#R8", Unsupported::Remote),
            ("can0 123##1112233", Unsupported::Fd),
            ("can0 123  [12]  00 11 22 33 44 55 66 77 88 99 AA BB", Unsupported::Fd),
            ("can0 123   [4]  remote request", Unsupported::Remote),
            ("can0 20000004#0004000000000000", Unsupported::Error),
        ] {
            assert_eq!(read(text).frame, Err(kind), "{text}");
        }
    }

    #[test]
    fn mistakes_are_told_with_their_column() {
        for (text, column, words) in [
            ("(12.x) can0 060#00", 1, "expected a time"),
            ("(12.5) can0 60#00", 13, "3 or 8 hexadecimal digits"),
            ("(12.5) can0 FFF#00", 13, "3 or 8 hexadecimal digits"),
            ("(12.5) can0 060#0", 13, "pairs of hexadecimal digits"),
            ("(12.5) can0 060#001122334455667788", 13, "at most 8"),
            ("can0 060 8 00", 10, "expected a length"),
            ("can0 060 [3] 00 11", 19, "ends before its frame"),
            ("can0 060 [2] 00 1x", 17, "expected a byte"),
            ("(12.5)", 7, "ends before its frame"),
            ("can0 060#äöü", 6, "pairs of hexadecimal digits"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.column == column && error.message.contains(words), "{text}: {error}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            id in 0u16..0x800,
            payload in prop::collection::vec(any::<u8>(), 0..=8),
            s in 0u64..10_000_000_000,
            us in 0u32..1_000_000,
        ) {
            let frame = Frame::from_payload(id, &payload).unwrap();
            let time = Duration::new(s, us * 1000);
            let mut text = String::new();
            write(&mut text, time, "skidpad", &frame).unwrap();
            prop_assert_eq!(read(&text), Line { time: Some(time), bus: "skidpad", frame: Ok(frame) });
        }

        #[test]
        fn no_text_makes_the_parser_panic(
            text in any::<String>(),
            likely in "[ (]{0,2}[0-9.]{0,12}[)]? ?(vcan0|can0)? *[0-9A-F#RT.\\[\\] ]{0,60}",
        ) {
            for text in [text, likely] {
                if let Ok(Some(line)) = parse(&text) && let Ok(frame) = line.frame {
                    prop_assert!(frame.id <= Frame::MAX_ID && frame.len <= 8);
                }
            }
        }
    }
}
