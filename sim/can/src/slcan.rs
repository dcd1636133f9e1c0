//! slcan: CAN frames as lines of text, the language of serial CAN adapters (LAWICEL CAN232, `slcand`, python-can).
//!
//! Lines end with a carriage return: `t06083333010100000000` is the frame 0x060 with eight bytes. This module is
//! only the text, for both ends: [`Decoder`] takes bytes as they come and tells what the lines say, [`encode`]
//! writes frames.
//!
//! ```
//! use skidpad_can::{Frame, slcan};
//!
//! let mut text = Vec::new();
//! slcan::encode(&Frame::from_payload(0x67, &[4, 0]).unwrap(), &mut text);
//! assert_eq!(text, b"t06720400\r");
//! let mut lines = Vec::new();
//! slcan::Decoder::default().push(&text, |line| lines.push(line));
//! assert_eq!(lines, [slcan::Line::Frame(Frame::from_payload(0x67, &[4, 0]).unwrap())]);
//! ```

use crate::{Frame, Unsupported};

/// What an adapter answers to a command it has carried out, CR.
pub const DONE: &[u8] = b"\r";
/// What an adapter answers to a frame it has taken to send.
pub const TAKEN: &[u8] = b"z\r";
/// What an adapter answers to what it cannot do, BEL.
pub const REFUSED: &[u8] = b"\x07";

/// What a line says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Line {
    /// `t`: a data frame with an 11-bit identifier. A time stamp of the adapter behind it is ignored.
    Frame(Frame),
    /// A frame that is right but of a kind that a classic bus with 11-bit identifiers does not carry.
    Unsupported(Unsupported),
    /// `O`: open the channel.
    Open,
    /// `L`: open the channel, only to listen.
    OpenToListen,
    /// `C`: close the channel.
    Close,
    /// `S0` to `S8`: set the bit rate, bit/s.
    BitRate(u32),
    /// `V`, `v`: which version are you?
    Version,
    /// `N`: which serial number?
    SerialNumber,
    /// `F`: which error flags?
    Flags,
    /// A command that changes nothing here: time stamps (`Z`), filters (`M`, `m`, `W`), bit timing (`s`), auto poll
    /// (`X`), rate of the serial line (`U`).
    Setting,
    /// An answer of an adapter: the empty line, `z` or `Z`.
    Answer,
    /// BEL: the adapter refused.
    Bell,
    /// Anything else: half a frame, garbage, an endless line.
    Malformed,
}

/// Bit rates of `S0` to `S8`, bit/s.
const BIT_RATES: [u32; 9] = [10_000, 20_000, 50_000, 100_000, 125_000, 250_000, 500_000, 800_000, 1_000_000];
/// The longest line there is, without its end: a CAN FD frame with a long identifier and a time stamp.
const LONGEST: usize = 1 + 8 + 1 + 128 + 4;
/// Digits of an adapter's time stamp.
const STAMP: usize = 4;

/// Finds the lines in a stream of bytes, however it is cut to pieces, in constant memory.
#[derive(Clone, Debug)]
pub struct Decoder {
    line: [u8; LONGEST],
    /// Bytes of the line so far; more than fit if it is too long.
    len: usize,
}

impl Default for Decoder {
    fn default() -> Self {
        Decoder { line: [0; LONGEST], len: 0 }
    }
}

impl Decoder {
    /// Takes the next bytes and tells `on` each line that ends in them.
    pub fn push(&mut self, bytes: &[u8], mut on: impl FnMut(Line)) {
        for byte in bytes {
            match *byte {
                b'\r' => {
                    let line = self.line.get(..self.len).map_or(Line::Malformed, parse);
                    self.len = 0;
                    on(line);
                }
                // Ends the line of an adapter by itself; what stood before it is void.
                b'\x07' => {
                    self.len = 0;
                    on(Line::Bell);
                }
                // Some senders end lines with both.
                b'\n' if self.len == 0 => {}
                byte => {
                    if let Some(place) = self.line.get_mut(self.len) {
                        *place = byte;
                    }
                    self.len = self.len.saturating_add(1);
                }
            }
        }
    }

    /// True if a line has begun and not ended: half a frame, if the sender is gone.
    pub fn is_in_line(&self) -> bool {
        self.len > 0
    }

    /// Forgets a line that has begun.
    pub fn reset(&mut self) {
        self.len = 0;
    }
}

/// Appends `frame` as a line.
pub fn encode(frame: &Frame, text: &mut Vec<u8>) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    let digit = |value: u16| HEX[usize::from(value & 0xF)];
    text.extend([b't', digit(frame.id >> 8), digit(frame.id >> 4), digit(frame.id)]);
    text.push(digit(frame.payload().len() as u16));
    for byte in frame.payload() {
        text.extend([digit(u16::from(*byte) >> 4), digit(u16::from(*byte))]);
    }
    text.push(b'\r');
}

/// The line without its end.
fn parse(line: &[u8]) -> Line {
    let Some((kind, rest)) = line.split_first() else { return Line::Answer };
    match (kind, rest) {
        (b't', _) => data_frame(rest).map_or(Line::Malformed, Line::Frame),
        (b'T' | b'x', _) => unsupported(Unsupported::Extended, rest, 8, true),
        (b'r', _) => unsupported(Unsupported::Remote, rest, 3, false),
        (b'R', _) => unsupported(Unsupported::Remote, rest, 8, false),
        (b'd' | b'b', _) => unsupported(Unsupported::Fd, rest, 3, true),
        (b'D' | b'B', _) => unsupported(Unsupported::Fd, rest, 8, true),
        (b'O', []) => Line::Open,
        (b'L', []) => Line::OpenToListen,
        (b'C', []) => Line::Close,
        (b'V' | b'v', []) => Line::Version,
        (b'N', []) => Line::SerialNumber,
        (b'F', []) => Line::Flags,
        (b'z' | b'Z', []) => Line::Answer,
        (b'S', [code @ b'0'..=b'8']) => Line::BitRate(BIT_RATES[usize::from(code - b'0')]),
        (b's' | b'Z' | b'M' | b'm' | b'W' | b'X' | b'U', _) if is_hex(rest) && !rest.is_empty() => {
            Line::Setting
        }
        _ => Line::Malformed,
    }
}

fn data_frame(rest: &[u8]) -> Option<Frame> {
    let id = number(rest.get(..3)?)?;
    let len = usize::try_from(number(rest.get(3..4)?)?).ok()?;
    let (digits, stamp) = rest[4..].split_at_checked(2 * len)?;
    if !is_stamp(stamp) {
        return None;
    }
    let mut payload = [0; 8];
    let payload = payload.get_mut(..len)?;
    for (byte, pair) in payload.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = number(pair)? as u8;
    }
    Frame::from_payload(u16::try_from(id).ok()?, payload)
}

/// A frame of another kind with so many digits of identifier; with its data, unless it is a remote frame.
fn unsupported(kind: Unsupported, rest: &[u8], id_digits: usize, has_data: bool) -> Line {
    const FD_BYTES: [usize; 16] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 12, 16, 20, 24, 32, 48, 64];
    let right = || {
        let id = number(rest.get(..id_digits)?)?;
        let code = usize::try_from(number(rest.get(id_digits..=id_digits)?)?).ok()?;
        let most = if kind == Unsupported::Fd { 15 } else { 8 };
        let digits = if has_data { 2 * FD_BYTES[code] } else { 0 };
        let (data, stamp) = rest[id_digits + 1..].split_at_checked(digits)?;
        let id_fits = id <= if id_digits == 3 { 0x7FF } else { 0x1FFF_FFFF };
        (code <= most && id_fits && is_hex(data) && is_stamp(stamp)).then_some(())
    };
    right().map_or(Line::Malformed, |()| Line::Unsupported(kind))
}

fn is_stamp(rest: &[u8]) -> bool {
    rest.is_empty() || (rest.len() == STAMP && is_hex(rest))
}

fn is_hex(text: &[u8]) -> bool {
    text.iter().all(u8::is_ascii_hexdigit)
}

/// Hexadecimal digits, at most eight.
fn number(text: &[u8]) -> Option<u32> {
    text.iter().try_fold(0, |value, byte| Some(value << 4 | char::from(*byte).to_digit(16)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn lines(text: &[u8]) -> Vec<Line> {
        let mut lines = Vec::new();
        Decoder::default().push(text, |line| lines.push(line));
        lines
    }

    fn frame(id: u16, payload: &[u8]) -> Line {
        Line::Frame(Frame::from_payload(id, payload).unwrap())
    }

    #[test]
    fn lines_of_the_adapters_manual_are_understood() {
        // LAWICEL CAN232 manual, version 3: the examples of each command.
        let cases: [(&[u8], Line); 22] = [
            (b"S4", Line::BitRate(125_000)),
            (b"S6", Line::BitRate(500_000)),
            (b"s031C", Line::Setting),
            (b"O", Line::Open),
            (b"L", Line::OpenToListen),
            (b"C", Line::Close),
            (b"t10021133", frame(0x100, &[0x11, 0x33])),
            (b"t0200", frame(0x20, &[])),
            (b"T0000010021133", Line::Unsupported(Unsupported::Extended)),
            (b"r1002", Line::Unsupported(Unsupported::Remote)),
            (b"R000001002", Line::Unsupported(Unsupported::Remote)),
            (b"F", Line::Flags),
            (b"X1", Line::Setting),
            (b"M00000000", Line::Setting),
            (b"mFFFFFFFF", Line::Setting),
            (b"V", Line::Version),
            (b"N", Line::SerialNumber),
            (b"Z1", Line::Setting),
            (b"z", Line::Answer),
            (b"", Line::Answer),
            // With the time stamp that Z1 asks for.
            (b"t1002113312AB", frame(0x100, &[0x11, 0x33])),
            // CAN FD, as python-can writes it.
            (b"d123900112233445566778899AABB", Line::Unsupported(Unsupported::Fd)),
        ];
        for (text, line) in cases {
            assert_eq!(lines(&[text, b"\r"].concat()), [line], "{}", text.escape_ascii());
        }
    }

    #[test]
    fn lines_that_are_wrong_are_malformed() {
        let cases: [&[u8]; 14] = [
            b"t",
            b"t06",
            b"t0608",
            b"t060833330101000000",
            b"t0609112233445566778899",
            b"t060211ZZ",
            b"t800211 33",
            b"t80021133",
            b"hello",
            b"S9",
            b"O1",
            b"T00000100",
            b"T2000000001",
            b"t06021133123",
        ];
        for text in cases {
            assert_eq!(lines(&[text, b"\r"].concat()), [Line::Malformed], "{}", text.escape_ascii());
        }
        // An endless line is one mistake, and the next line is right again.
        let mut text = vec![b't'; 1_000_000];
        text.extend(b"\rt0200\r");
        assert_eq!(lines(&text), [Line::Malformed, frame(0x20, &[])]);
        assert_eq!(lines(b"\x07"), [Line::Bell]);
        assert_eq!(lines(b"O\r\nC\r\n"), [Line::Open, Line::Close]);
    }

    proptest! {
        #[test]
        fn every_frame_comes_back_however_the_stream_is_cut(
            frames in prop::collection::vec((0u16..0x800, prop::collection::vec(any::<u8>(), 0..=8)), 0..20),
            cut in 1usize..50,
        ) {
            let frames: Vec<Frame> =
                frames.iter().map(|(id, payload)| Frame::from_payload(*id, payload).unwrap()).collect();
            let mut text = Vec::new();
            frames.iter().for_each(|frame| encode(frame, &mut text));
            let mut back = Vec::new();
            let mut decoder = Decoder::default();
            text.chunks(cut).for_each(|part| decoder.push(part, |line| back.push(line)));
            prop_assert_eq!(back, frames.into_iter().map(Line::Frame).collect::<Vec<_>>());
            prop_assert!(!decoder.is_in_line());
        }

        #[test]
        fn random_bytes_neither_panic_nor_spoil_the_next_line(
            bytes in prop::collection::vec(any::<u8>(), 0..2000),
            letters in prop::collection::vec(prop::sample::select(b"tTrRdDbBxSsOLCVNFZzMm0123456789ABCDEFabcdef\r\n\x07".to_vec()), 0..2000),
        ) {
            let mut decoder = Decoder::default();
            decoder.push(&bytes, |_| ());
            decoder.push(&letters, |line| if let Line::Frame(frame) = line {
                assert!(frame.id <= Frame::MAX_ID && frame.len <= 8);
            });
            let mut after = Vec::new();
            decoder.push(b"\rt0200\r", |line| after.push(line));
            prop_assert_eq!(after.last(), Some(&frame(0x20, &[])));
        }
    }
}
