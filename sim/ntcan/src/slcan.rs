//! Frames as slcan text (the Lawicel ASCII protocol): `t1232AABB` and a carriage return is two bytes with
//! identifier 0x123.

use crate::codes::EXTENDED;

/// A classic CAN frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame {
    /// Identifier; 29-bit ones carry [`EXTENDED`].
    pub id: u32,
    /// Remote request: a length without data.
    pub remote: bool,
    /// Number of data bytes, 0 to 8.
    pub len: u8,
    /// Data; bytes beyond `len` are 0.
    pub data: [u8; 8],
}

/// Longest line: `T`, 8 digits of identifier, length, 16 of data, 4 of time stamp.
const MAX_LINE: usize = 1 + 8 + 1 + 16 + 4;

impl Frame {
    /// Appends the frame as a line of text.
    pub fn write(&self, out: &mut Vec<u8>) {
        let extended = self.id & EXTENDED != 0;
        out.push(match (extended, self.remote) {
            (false, false) => b't',
            (true, false) => b'T',
            (false, true) => b'r',
            (true, true) => b'R',
        });
        for place in (0..if extended { 8 } else { 3 }).rev() {
            out.push(hex_digit((self.id & !EXTENDED) >> (4 * place)));
        }
        out.push(hex_digit(u32::from(self.len)));
        if !self.remote {
            for byte in &self.data[..usize::from(self.len)] {
                out.extend([hex_digit(u32::from(byte >> 4)), hex_digit(u32::from(*byte))]);
            }
        }
        out.push(b'\r');
    }

    /// Reads a line without its end; `None` if it is no frame.
    fn parse(line: &[u8]) -> Option<Frame> {
        let (&kind, rest) = line.split_first()?;
        let (digits, extended, remote) = match kind {
            b't' => (3, false, false),
            b'T' => (8, true, false),
            b'r' => (3, false, true),
            b'R' => (8, true, true),
            _ => return None,
        };
        let (id, rest) = rest.split_at_checked(digits)?;
        let id = id.iter().try_fold(0u32, |sum, digit| Some(sum << 4 | hex_value(*digit)?))?;
        if id > if extended { 0x1fff_ffff } else { 0x7ff } {
            return None;
        }
        let (&len, rest) = rest.split_first()?;
        let len = u8::try_from(hex_value(len)?).ok().filter(|len| *len <= 8)?;
        let (text, stamp) = rest.split_at_checked(if remote { 0 } else { 2 * usize::from(len) })?;
        // Some adapters add the milliseconds of a minute.
        if !(stamp.is_empty() || stamp.len() == 4 && stamp.iter().all(|digit| hex_value(*digit).is_some())) {
            return None;
        }
        let mut data = [0; 8];
        for (byte, pair) in data.iter_mut().zip(text.chunks_exact(2)) {
            *byte = (hex_value(pair[0])? << 4 | hex_value(pair[1])?) as u8;
        }
        Some(Frame { id: if extended { id | EXTENDED } else { id }, remote, len, data })
    }
}

fn hex_digit(value: u32) -> u8 {
    b"0123456789ABCDEF"[(value & 0xf) as usize]
}

fn hex_value(digit: u8) -> Option<u32> {
    char::from(digit).to_digit(16)
}

/// What a line was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Line {
    /// A frame.
    Frame(Frame),
    /// A command was done (`z`, `Z`, an empty line) or answered (version, serial number, status).
    Reply,
    /// A command was refused (the bell character).
    Refused,
    /// Nothing that slcan knows.
    Garbage,
}

/// Cuts a stream of bytes into lines; holds one line at most.
#[derive(Debug, Default)]
pub struct Decoder {
    line: Vec<u8>,
    overlong: bool,
}

impl Decoder {
    /// Takes the next byte of the stream; gives the line that it ends.
    pub fn push(&mut self, byte: u8) -> Option<Line> {
        let line = match byte {
            b'\r' => self.end(),
            b'\x07' => Line::Refused,
            // For people who try it by hand.
            b'\n' if self.line.is_empty() => return None,
            _ if self.line.len() < MAX_LINE => {
                self.line.push(byte);
                return None;
            }
            _ => {
                self.overlong = true;
                return None;
            }
        };
        self.line.clear();
        self.overlong = false;
        Some(line)
    }

    fn end(&self) -> Line {
        match self.line.first() {
            _ if self.overlong => Line::Garbage,
            None | Some(b'z' | b'Z') if self.line.len() <= 1 => Line::Reply,
            Some(b'V' | b'v' | b'N' | b'F') => Line::Reply,
            _ => Frame::parse(&self.line).map_or(Line::Garbage, Line::Frame),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn lines(text: &[u8]) -> Vec<Line> {
        let mut decoder = Decoder::default();
        text.iter().filter_map(|byte| decoder.push(*byte)).collect()
    }

    #[test]
    fn the_frames_of_the_protocols_manual() {
        let frame = |id, remote, data: &[u8], len| {
            let mut bytes = [0; 8];
            bytes[..data.len()].copy_from_slice(data);
            Line::Frame(Frame { id, remote, len, data: bytes })
        };
        assert_eq!(lines(b"t10021133\r"), [frame(0x100, false, &[0x11, 0x33], 2)]);
        assert_eq!(lines(b"T000001003112233\r"), [frame(EXTENDED | 0x100, false, &[0x11, 0x22, 0x33], 3)]);
        assert_eq!(
            lines(b"r1002\rR000001000\r"),
            [frame(0x100, true, &[], 2), frame(EXTENDED | 0x100, true, &[], 0)]
        );
        assert_eq!(lines(b"t10021133ABCD\r"), [frame(0x100, false, &[0x11, 0x33], 2)], "with a time stamp");
        assert_eq!(
            lines(b"z\rZ\r\r\x07V1013\r"),
            [Line::Reply, Line::Reply, Line::Reply, Line::Refused, Line::Reply]
        );
    }

    #[test]
    fn what_is_no_frame_is_garbage_and_the_next_line_is_read() {
        for text in [
            &b"t8002113"[..],
            b"t1009112233445566778899",
            b"t10021",
            b"t10x0",
            b"x",
            b"T200000000",
            b"t1002113300",
        ] {
            let mut stream = text.to_vec();
            stream.extend(b"\rt1000\r");
            let got = lines(&stream);
            assert_eq!(got[0], Line::Garbage, "{}", String::from_utf8_lossy(text));
            assert!(matches!(got[1], Line::Frame(_)));
        }
        assert_eq!(lines(&[&[b't'; 100_000][..], b"\rz\r"].concat()), [Line::Garbage, Line::Reply]);
    }

    proptest! {
        #[test]
        fn a_frame_comes_back_from_its_text(
            id in 0u32..0x2000_0000, extended: bool, remote: bool, len in 0u8..=8, mut data: [u8; 8]
        ) {
            let id = if extended { id | EXTENDED } else { id & 0x7ff };
            data[if remote { 0 } else { usize::from(len) }..].fill(0);
            let frame = Frame { id, remote, len, data };
            let mut text = Vec::new();
            frame.write(&mut text);
            prop_assert_eq!(lines(&text), [Line::Frame(frame)]);
            text[1..].make_ascii_lowercase();
            prop_assert_eq!(lines(&text), [Line::Frame(frame)]);
        }

        #[test]
        fn any_bytes_are_cut_into_lines_and_a_frame_after_them_is_read(bytes: Vec<u8>) {
            let mut stream = bytes.clone();
            stream.extend(b"\rt06580000000000000000\r");
            let got = lines(&stream);
            prop_assert!(got.len() <= bytes.len() + 2);
            let last = matches!(got.last(), Some(Line::Frame(frame)) if frame.id == 0x65);
            prop_assert!(last);
        }
    }
}
