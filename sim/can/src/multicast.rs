//! Messages of python-can's `udp_multicast` bus: each frame is a MessagePack map, alone in its datagram.
//!
//! The keys are those of `pack_message` of python-can 4 (`can/interfaces/udp_multicast/utils.py`), its arguments of
//! `can.Message`; what is missing has the default that it has there. Time stamps are not read: a receiver there
//! takes the time of arrival.
//!
//! ```
//! use skidpad_can::{Frame, multicast};
//!
//! let frame = Frame::from_payload(0x67, &[4, 0]).unwrap();
//! let mut message = Vec::new();
//! multicast::encode(&frame, 0.0, &mut message);
//! assert_eq!(multicast::decode(&message), Some(Ok(frame)));
//! ```

use crate::{Frame, Unsupported};

/// The longest message that is read, bytes: python-can takes no longer ones either.
pub const LONGEST: usize = 4096;
/// How deep values may be nested; those of a frame are not at all.
const DEEPEST: u32 = 8;

/// Appends the message of `frame` as python-can writes it, with the time that it gives it, s since 1970.
pub fn encode(frame: &Frame, time_unix_s: f64, message: &mut Vec<u8>) {
    const NIL: u8 = 0xC0;
    const FALSE: u8 = 0xC2;
    let key = |message: &mut Vec<u8>, name: &str| {
        message.push(0xA0 | name.len() as u8);
        message.extend(name.as_bytes());
    };
    message.push(0x80 | 11);
    key(message, "timestamp");
    message.push(0xCB);
    message.extend(time_unix_s.to_be_bytes());
    key(message, "arbitration_id");
    match frame.id {
        id @ 0..0x80 => message.push(id as u8),
        id @ 0x80..0x100 => message.extend([0xCC, id as u8]),
        id => message.extend([0xCD, (id >> 8) as u8, id as u8]),
    }
    for name in ["is_extended_id", "is_remote_frame", "is_error_frame"] {
        key(message, name);
        message.push(FALSE);
    }
    key(message, "channel");
    message.push(NIL);
    let payload = frame.payload();
    key(message, "dlc");
    message.push(payload.len() as u8);
    key(message, "data");
    message.extend([0xC4, payload.len() as u8]);
    message.extend(payload);
    for name in ["is_fd", "bitrate_switch", "error_state_indicator"] {
        key(message, name);
        message.push(FALSE);
    }
}

/// The frame of a message; a kind that the bus does not carry; `None` if it makes no sense, by the rules of
/// `can.Message(check=True)`.
pub fn decode(message: &[u8]) -> Option<Result<Frame, Unsupported>> {
    if message.len() > LONGEST {
        return None;
    }
    let mut from = Reader { rest: message };
    let mut seen = Seen::default();
    let Value::Map(pairs) = from.value()? else { return None };
    for _ in 0..pairs {
        let Value::Text(name) = from.value()? else { return None };
        seen.take(name, &mut from)?;
    }
    if from.rest.is_empty() { seen.frame() } else { None }
}

/// What a message says, until its end shows whether it makes sense.
struct Seen {
    id: u64,
    is_extended: bool,
    is_remote: bool,
    is_error: bool,
    is_fd: bool,
    is_switched: bool,
    is_error_passive: bool,
    dlc: Option<u64>,
    data: [u8; 64],
    len: usize,
}

impl Default for Seen {
    fn default() -> Self {
        Seen {
            id: 0,
            is_extended: true,
            is_remote: false,
            is_error: false,
            is_fd: false,
            is_switched: false,
            is_error_passive: false,
            dlc: None,
            data: [0; 64],
            len: 0,
        }
    }
}

impl Seen {
    fn take(&mut self, name: &[u8], from: &mut Reader) -> Option<()> {
        let flag = match name {
            b"is_extended_id" => &mut self.is_extended,
            b"is_remote_frame" => &mut self.is_remote,
            b"is_error_frame" => &mut self.is_error,
            b"is_fd" => &mut self.is_fd,
            b"bitrate_switch" => &mut self.is_switched,
            b"error_state_indicator" => &mut self.is_error_passive,
            b"arbitration_id" => {
                let Value::Unsigned(id) = from.value()? else { return None };
                self.id = id;
                return Some(());
            }
            b"dlc" => {
                self.dlc = match from.value()? {
                    Value::Unsigned(dlc) => Some(dlc),
                    Value::Nil => None,
                    _ => return None,
                };
                return Some(());
            }
            b"data" => return self.take_data(from),
            // The time stamp, the sender's name of its bus, and what a later python-can may add.
            _ => return from.skip(DEEPEST),
        };
        let Value::Flag(value) = from.value()? else { return None };
        *flag = value;
        Some(())
    }

    /// Bytes, or an array of numbers, as other languages may pack them.
    fn take_data(&mut self, from: &mut Reader) -> Option<()> {
        self.len = 0;
        match from.value()? {
            Value::Nil => {}
            Value::Bytes(bytes) => {
                self.data.get_mut(..bytes.len())?.copy_from_slice(bytes);
                self.len = bytes.len();
            }
            Value::Array(count) => {
                for place in self.data.get_mut(..usize::try_from(count).ok()?)? {
                    let Value::Unsigned(byte) = from.value()? else { return None };
                    *place = u8::try_from(byte).ok()?;
                }
                self.len = usize::try_from(count).ok()?;
            }
            _ => return None,
        }
        Some(())
    }

    fn frame(mut self) -> Option<Result<Frame, Unsupported>> {
        if self.is_remote {
            // python-can forgets the data of a remote frame.
            self.len = 0;
        }
        let dlc = self.dlc.unwrap_or(self.len as u64);
        let makes_sense = self.id < if self.is_extended { 1 << 29 } else { 1 << 11 }
            && dlc <= if self.is_fd { 64 } else { 8 }
            && (self.is_remote || dlc == self.len as u64)
            && !(self.is_remote && (self.is_error || self.is_fd))
            && (self.is_fd || !(self.is_switched || self.is_error_passive));
        if !makes_sense {
            return None;
        }
        let kinds = [
            (self.is_error, Unsupported::Error),
            (self.is_fd, Unsupported::Fd),
            (self.is_remote, Unsupported::Remote),
            (self.is_extended, Unsupported::Extended),
        ];
        if let Some((_, kind)) = kinds.into_iter().find(|(is, _)| *is) {
            return Some(Err(kind));
        }
        Frame::from_payload(u16::try_from(self.id).ok()?, &self.data[..self.len]).map(Ok)
    }
}

/// A value of MessagePack, or the beginning of one that holds others.
enum Value<'a> {
    Nil,
    Flag(bool),
    Unsigned(u64),
    Text(&'a [u8]),
    Bytes(&'a [u8]),
    Array(u32),
    Map(u32),
    /// Negative and broken numbers, and kinds of the user's own.
    Other,
}

/// Reads values one after another; nothing that they announce is believed before it is there.
struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(count)?;
        self.rest = rest;
        Some(taken)
    }

    /// A big-endian number of so many bytes, at most eight.
    fn number(&mut self, bytes: usize) -> Option<u64> {
        Some(self.take(bytes)?.iter().fold(0, |value, byte| value << 8 | u64::from(*byte)))
    }

    fn counted(&mut self, bytes: usize) -> Option<&'a [u8]> {
        let count = usize::try_from(self.number(bytes)?).ok()?;
        self.take(count)
    }

    /// As the specification of MessagePack numbers them.
    fn value(&mut self) -> Option<Value<'a>> {
        let kind = self.take(1)?[0];
        Some(match kind {
            0x00..=0x7F => Value::Unsigned(u64::from(kind)),
            0x80..=0x8F => Value::Map(u32::from(kind & 0xF)),
            0x90..=0x9F => Value::Array(u32::from(kind & 0xF)),
            0xA0..=0xBF => Value::Text(self.take(usize::from(kind & 0x1F))?),
            0xC0 => Value::Nil,
            // Never used.
            0xC1 => return None,
            0xC2 | 0xC3 => Value::Flag(kind == 0xC3),
            0xC4..=0xC6 => Value::Bytes(self.counted(1 << (kind - 0xC4))?),
            // Extensions: length, type, bytes.
            0xC7..=0xC9 => {
                let count = usize::try_from(self.number(1 << (kind - 0xC7))?).ok()?;
                self.take(count.checked_add(1)?)?;
                Value::Other
            }
            0xCA | 0xCB => {
                self.take(if kind == 0xCA { 4 } else { 8 })?;
                Value::Other
            }
            0xCC..=0xCF => Value::Unsigned(self.number(1 << (kind - 0xCC))?),
            0xD0..=0xD3 => {
                let bytes = 1 << (kind - 0xD0);
                let value = self.number(bytes)?;
                // A signed number that is none.
                if value >> (8 * bytes - 1) == 0 { Value::Unsigned(value) } else { Value::Other }
            }
            0xD4..=0xD8 => {
                self.take((1 << (kind - 0xD4)) + 1)?;
                Value::Other
            }
            0xD9..=0xDB => Value::Text(self.counted(1 << (kind - 0xD9))?),
            0xDC | 0xDD => Value::Array(self.number(if kind == 0xDC { 2 } else { 4 })? as u32),
            0xDE | 0xDF => Value::Map(self.number(if kind == 0xDE { 2 } else { 4 })? as u32),
            0xE0..=0xFF => Value::Other,
        })
    }

    /// Passes a value with all that it holds.
    fn skip(&mut self, depth: u32) -> Option<()> {
        let values = match self.value()? {
            Value::Array(count) => u64::from(count),
            Value::Map(count) => 2 * u64::from(count),
            _ => 0,
        };
        if values > 0 && depth == 0 {
            return None;
        }
        // Each takes a byte at least, so that what a liar announces ends with the message.
        (0..values).try_for_each(|_| self.skip(depth - 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// `pack_message` of python-can 4.6.1: identifier 0x60, 1.5 s.
    const OF_PYTHON_CAN: &[u8] = b"\x8b\xa9timestamp\xcb\x3f\xf8\0\0\0\0\0\0\xaearbitration_id\x60\
        \xaeis_extended_id\xc2\xafis_remote_frame\xc2\xaeis_error_frame\xc2\xa7channel\xc0\xa3dlc\x08\
        \xa4data\xc4\x08\x33\x33\x01\x01\0\0\0\0\xa5is_fd\xc2\xaebitrate_switch\xc2\
        \xb5error_state_indicator\xc2";

    /// A map of these pairs of a key and a packed value.
    fn map(pairs: &[(&str, &[u8])]) -> Vec<u8> {
        let mut message = vec![0x80 | pairs.len() as u8];
        for (name, value) in pairs {
            message.push(0xA0 | name.len() as u8);
            message.extend(name.as_bytes());
            message.extend(*value);
        }
        message
    }

    const STANDARD: (&str, &[u8]) = ("is_extended_id", &[0xC2]);
    const ID: (&str, &[u8]) = ("arbitration_id", &[0xCD, 1, 2]);

    #[test]
    fn the_message_is_python_cans_byte_for_byte() {
        let frame = Frame::new(0x60, [0x33, 0x33, 1, 1, 0, 0, 0, 0]);
        let mut message = Vec::new();
        encode(&frame, 1.5, &mut message);
        assert!(message == OF_PYTHON_CAN, "{}", message.escape_ascii());
        assert_eq!(decode(OF_PYTHON_CAN), Some(Ok(frame)));
    }

    #[test]
    fn what_is_missing_has_the_default_of_python_can() {
        let empty = Frame::from_payload(0x102, &[]).unwrap();
        assert_eq!(decode(&map(&[])), Some(Err(Unsupported::Extended)));
        assert_eq!(decode(&map(&[ID, STANDARD])), Some(Ok(empty)));
        // Other packings of the same values, and keys that nobody knows.
        for pairs in [
            &[("dlc", &[0xC0][..]), ("data", &[0xC0]), ID, STANDARD][..],
            &[("arbitration_id", &[0xCF, 0, 0, 0, 0, 0, 0, 1, 2]), STANDARD, ("data", &[0x90])],
            &[("arbitration_id", &[0xD1, 1, 2]), STANDARD, ("dlc", &[0xCC, 0]), ("data", &[0xC5, 0, 0])],
            &[
                ID,
                STANDARD,
                ("later", &[0x82, 1, 0x92, 2, 3, 0xA1, b'x', 0xD4, 1, 2]),
                ("channel", b"\xA2c0"),
            ],
        ] {
            assert_eq!(decode(&map(pairs)), Some(Ok(empty)), "{pairs:?}");
        }
        let data = Frame::from_payload(0x102, &[1, 200]).unwrap();
        assert_eq!(decode(&map(&[ID, STANDARD, ("data", &[0x92, 1, 0xCC, 200])])), Some(Ok(data)));
    }

    #[test]
    fn kinds_that_the_bus_does_not_carry_are_told_apart() {
        let yes: &[u8] = &[0xC3];
        for (pairs, kind) in [
            (&[("arbitration_id", &[0xCE, 0x1F, 0xFF, 0xFF, 0xFF][..])][..], Unsupported::Extended),
            (&[ID, STANDARD, ("is_remote_frame", yes), ("dlc", &[8])], Unsupported::Remote),
            (
                &[ID, STANDARD, ("is_fd", yes), ("bitrate_switch", yes), ("data", &[0xC4, 2, 0, 0])],
                Unsupported::Fd,
            ),
            (&[ID, STANDARD, ("is_error_frame", yes)], Unsupported::Error),
        ] {
            assert_eq!(decode(&map(pairs)), Some(Err(kind)), "{pairs:?}");
        }
    }

    #[test]
    fn what_python_can_refuses_makes_no_sense_here() {
        let yes: &[u8] = &[0xC3];
        for pairs in [
            &[("arbitration_id", &[0xCD, 0x08, 0x00][..]), STANDARD][..],
            &[("arbitration_id", &[0xCE, 0x20, 0, 0, 0])],
            &[("arbitration_id", &[0xFF]), STANDARD],
            &[("arbitration_id", &[0xCB, 0, 0, 0, 0, 0, 0, 0, 0]), STANDARD],
            &[ID, STANDARD, ("dlc", &[1])],
            &[ID, STANDARD, ("data", &[0xC4, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0])],
            &[ID, STANDARD, ("bitrate_switch", yes)],
            &[ID, STANDARD, ("is_remote_frame", yes), ("is_fd", yes)],
            &[ID, ("is_extended_id", &[0])],
            &[ID, STANDARD, ("data", &[0xA1, b'x'])],
        ] {
            assert_eq!(decode(&map(pairs)), None, "{pairs:?}");
        }
        assert_eq!(decode(b""), None);
        assert_eq!(decode(&[0xC0]), None);
        assert_eq!(decode(&[OF_PYTHON_CAN, &[0]].concat()), None, "something follows");
        for cut in 0..OF_PYTHON_CAN.len() {
            assert_eq!(decode(&OF_PYTHON_CAN[..cut]), None, "half a message");
        }
        // Four thousand million values are announced, at any depth.
        assert_eq!(decode(&[0xDF, 0xFF, 0xFF, 0xFF, 0xFF]), None);
        assert_eq!(decode(&map(&[("x", &[0xDD, 0xFF, 0xFF, 0xFF, 0xFF].repeat(500))])), None);
        assert_eq!(decode(&map(&[("x", &[0x91; 4000])])), None);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            id in 0u16..0x800,
            payload in prop::collection::vec(any::<u8>(), 0..=8),
            time in any::<f64>(),
        ) {
            let frame = Frame::from_payload(id, &payload).unwrap();
            let mut message = Vec::new();
            encode(&frame, time, &mut message);
            prop_assert_eq!(decode(&message), Some(Ok(frame)));
        }

        #[test]
        fn no_bytes_make_the_reader_panic(
            bytes in prop::collection::vec(any::<u8>(), 0..300),
            at in 0..OF_PYTHON_CAN.len(),
            byte in any::<u8>(),
        ) {
            let mut likely = OF_PYTHON_CAN.to_vec();
            likely[at] = byte;
            for message in [bytes, likely] {
                if let Some(Ok(frame)) = decode(&message) {
                    prop_assert!(frame.id <= Frame::MAX_ID && frame.len <= 8);
                }
            }
        }
    }
}
