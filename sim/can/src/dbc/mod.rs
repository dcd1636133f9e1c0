//! The layout of a car's CAN messages, as its .dbc file describes it.

mod lex;
pub(crate) mod names;
mod parse;

use crate::{Frame, SignalLayout};
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

/// Why a .dbc file was refused: where, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}:{column}: {message}")]
pub struct DbcError {
    /// The file as named to [`Dbc::parse`].
    pub file: String,
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
    /// What was wrong, expected and got.
    pub message: String,
}

/// A message or signal that a program needs and the .dbc file does not have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Missing(pub String);

/// All messages of one .dbc file.
///
/// Understood: VERSION, NS_, BS_, BU_, VAL_TABLE_, BO_, SG_, CM_, BA_DEF_, BA_DEF_DEF_, BA_, VAL_, with the
/// message attributes `GenMsgCycleTime` and `GenMsgStartDelayTime` in milliseconds. Multiplexed
/// and floating-point signals, extended identifiers and CAN FD are refused, since dropping them silently
/// would decode wrong numbers; sections that do not change how a frame is decoded are skipped.
#[derive(Clone, Debug, PartialEq)]
pub struct Dbc {
    /// The file as named to [`Dbc::parse`].
    pub file: String,
    /// The VERSION string.
    pub version: String,
    /// The comment on the whole network, empty if there is none.
    pub comment: String,
    /// Names of the nodes, in file order.
    pub nodes: Vec<String>,
    /// Messages by ascending identifier.
    messages: Vec<MessageLayout>,
}

impl Dbc {
    /// The largest file accepted, bytes.
    pub const MAX_BYTES: usize = 4 << 20;

    /// Reads the text of a .dbc file; `file` names it in errors.
    ///
    /// # Errors
    /// The first thing that is wrong, with its line and column: syntax, an unterminated string, an
    /// unsupported kind of signal, a signal outside its message or overlapping another, a scale of zero,
    /// duplicate identifiers or names, a reference to something undefined, or a file too large.
    pub fn parse(text: &str, file: &str) -> Result<Dbc, DbcError> {
        parse::parse(text, file)
    }

    /// As [`Dbc::parse`], from bytes that may not even be UTF-8.
    ///
    /// # Errors
    /// As [`Dbc::parse`], and the position of the first byte that is not UTF-8.
    pub fn parse_bytes(bytes: &[u8], file: &str) -> Result<Dbc, DbcError> {
        parse::parse_bytes(bytes, file)
    }

    /// Messages by ascending identifier.
    pub fn messages(&self) -> &[MessageLayout] {
        &self.messages
    }

    /// The message with this identifier.
    pub fn message(&self, id: u16) -> Option<&MessageLayout> {
        self.messages.binary_search_by_key(&id, |m| m.id).ok().map(|index| &self.messages[index])
    }

    /// The message with this name.
    ///
    /// # Errors
    /// If there is none; the error names the nearest.
    pub fn message_by_name(&self, name: &str) -> Result<&MessageLayout, Missing> {
        self.messages.iter().find(|m| m.name == name).ok_or_else(|| {
            let near = names::nearest(name, self.messages.iter().map(|m| m.name.as_str()));
            Missing(format!("{}: there is no message {name:?}{near}", self.file))
        })
    }
}

/// The value of an attribute.
#[derive(Clone, Debug, PartialEq)]
pub enum AttributeValue {
    /// INT, HEX, FLOAT, or the index of an ENUM.
    Number(f64),
    /// STRING, or the name of an ENUM.
    Text(String),
}

impl AttributeValue {
    /// The number, if it is one.
    pub fn number(&self) -> Option<f64> {
        match self {
            AttributeValue::Number(number) => Some(*number),
            AttributeValue::Text(_) => None,
        }
    }

    /// The text, if it is one.
    pub fn text(&self) -> Option<&str> {
        match self {
            AttributeValue::Text(text) => Some(text),
            AttributeValue::Number(_) => None,
        }
    }
}

/// One message: its identifier, length and signals.
#[derive(Clone, Debug, PartialEq)]
pub struct MessageLayout {
    /// 11-bit identifier.
    pub id: u16,
    /// Name, unique in the file.
    pub name: String,
    /// Bytes, 0 to 8.
    pub len: u8,
    /// The node that sends it, or `Vector__XXX`.
    pub sender: String,
    /// Nominal spacing of the frames (`GenMsgCycleTime`), if the message is periodic.
    pub cycle: Option<Duration>,
    /// Time from the start to the first frame (`GenMsgStartDelayTime`).
    pub start_delay: Duration,
    /// What the message is for, empty if the file does not say.
    pub comment: String,
    /// The attributes that the file gives this very message (`BA_ … BO_`); defaults are not filled in.
    pub attributes: BTreeMap<String, AttributeValue>,
    /// Signals in file order.
    pub signals: Vec<Signal>,
}

impl MessageLayout {
    /// The signal with this name.
    ///
    /// # Errors
    /// If there is none; the error names the nearest.
    pub fn signal(&self, name: &str) -> Result<&Signal, Missing> {
        self.signals.iter().find(|s| s.name == name).ok_or_else(|| {
            let near = names::nearest(name, self.signals.iter().map(|s| s.name.as_str()));
            Missing(format!("message {:?} (0x{:03X}) has no signal {name:?}{near}", self.name, self.id))
        })
    }

    /// The handle of the signal with this name: look it up once, use it for every frame.
    ///
    /// # Errors
    /// As [`MessageLayout::signal`].
    pub fn handle(&self, name: &str) -> Result<SignalHandle, Missing> {
        self.signal(name).map(|s| s.handle)
    }

    /// A frame of this message with every bit zero.
    pub fn blank(&self) -> Frame {
        Frame { id: self.id, len: self.len, data: [0; 8] }
    }

    /// A frame of this message with these physical values; every other bit is zero.
    pub fn encode(&self, values: &[(SignalHandle, f64)]) -> Frame {
        let mut frame = self.blank();
        for (signal, value) in values {
            signal.set_physical(&mut frame.data, *value);
        }
        frame
    }

    /// Every signal that lies inside the bytes of `frame`, with its physical value.
    pub fn decode<'a>(&'a self, frame: &'a Frame) -> impl Iterator<Item = (&'a Signal, f64)> {
        let inside = lowest_bytes(frame.len);
        let whole = self.signals.iter().filter(move |s| s.handle.bit_mask() & !inside == 0);
        whole.map(|s| (s, s.handle.physical(&frame.data)))
    }
}

/// One signal of a message.
#[derive(Clone, Debug, PartialEq)]
pub struct Signal {
    /// Name, unique in the message.
    pub name: String,
    /// Where it sits and how it becomes a physical value.
    pub handle: SignalHandle,
    /// The range `[min|max]` of the file in physical units, if it says one. Information only.
    pub range: Option<(f64, f64)>,
    /// Physical unit, as the file writes it.
    pub unit: String,
    /// What the signal means, empty if the file does not say.
    pub comment: String,
    /// The attributes that the file gives this very signal (`BA_ … SG_`); defaults are not filled in.
    pub attributes: BTreeMap<String, AttributeValue>,
    /// Names of raw values, ascending.
    pub values: Vec<(i64, String)>,
}

impl Signal {
    /// The name of a raw value, if the file gives it one.
    pub fn value_name(&self, raw: i64) -> Option<&str> {
        self.values.binary_search_by_key(&raw, |(value, _)| *value).ok().map(|i| self.values[i].1.as_str())
    }
}

/// Where a signal sits in a frame, in either byte order: what is needed to read and write it, copied out of
/// the [`Dbc`] so that no name is looked up per frame.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SignalHandle {
    /// For a big-endian ("Motorola") signal: its place in the bytes taken in reverse order.
    layout: SignalLayout,
    big_endian: bool,
}

impl SignalHandle {
    /// The little-endian layout, or `None` for a big-endian signal.
    pub fn layout(&self) -> Option<SignalLayout> {
        (!self.big_endian).then_some(self.layout)
    }

    /// The raw integer; see [`SignalLayout::raw`].
    #[inline]
    pub fn raw(&self, data: &[u8; 8]) -> i64 {
        self.layout.raw(&self.ordered(*data))
    }

    /// True if any bit of the signal is set.
    #[inline]
    pub fn is_set(&self, data: &[u8; 8]) -> bool {
        self.raw(data) != 0
    }

    /// The physical value; see [`SignalLayout::physical`].
    #[inline]
    pub fn physical(&self, data: &[u8; 8]) -> f64 {
        self.layout.physical(&self.ordered(*data))
    }

    /// Writes a raw integer; see [`SignalLayout::set_raw`].
    #[inline]
    pub fn set_raw(&self, data: &mut [u8; 8], raw: i64) {
        let mut bytes = self.ordered(*data);
        self.layout.set_raw(&mut bytes, raw);
        *data = self.ordered(bytes);
    }

    /// Writes a physical value; see [`SignalLayout::set_physical`].
    #[inline]
    pub fn set_physical(&self, data: &mut [u8; 8], physical: f64) {
        let mut bytes = self.ordered(*data);
        self.layout.set_physical(&mut bytes, physical);
        *data = self.ordered(bytes);
    }

    /// Writes one bit, or 0 and 1 into a wider signal.
    #[inline]
    pub fn set(&self, data: &mut [u8; 8], on: bool) {
        self.set_raw(data, i64::from(on));
    }

    /// Width, 1 to 64.
    pub fn bits(&self) -> u8 {
        self.layout.bits
    }

    /// True if the physical value is the raw integer.
    pub(crate) fn is_raw(&self) -> bool {
        (self.layout.scale, self.layout.offset) == (1.0, 0.0)
    }

    /// Bytes that a frame needs for the whole signal to be in it.
    pub fn bytes(&self) -> u8 {
        (8 - self.bit_mask().leading_zeros() / 8) as u8
    }

    /// True if the raw integer is two's complement.
    pub fn is_signed(&self) -> bool {
        self.layout.signed
    }

    #[inline]
    fn ordered(&self, data: [u8; 8]) -> [u8; 8] {
        if self.big_endian { u64::from_le_bytes(data).swap_bytes().to_le_bytes() } else { data }
    }

    /// The bits it occupies, bit n % 8 of byte n / 8 as bit n.
    fn bit_mask(&self) -> u64 {
        let mut data = [0; 8];
        self.set_raw(&mut data, -1);
        u64::from_le_bytes(data)
    }

    /// The raw integers that stand for the physical values from `min` to `max`, smallest and largest.
    pub(crate) fn raw_limits(&self, min: f64, max: f64) -> (i64, i64) {
        let raw = |physical: f64| ((physical - self.layout.offset) / self.layout.scale).round() as i64;
        let (one, other) = (raw(min), raw(max));
        (one.min(other), one.max(other))
    }

    /// The raw integers it can hold. An unsigned 64-bit signal reports the positive half.
    fn raw_range(&self) -> (i64, i64) {
        let ones = u64::MAX >> (64 - self.layout.bits);
        if self.layout.signed {
            (-((ones >> 1) as i64) - 1, (ones >> 1) as i64)
        } else {
            (0, ones.min(i64::MAX as u64) as i64)
        }
    }
}

/// The bits of the first `len` bytes.
fn lowest_bytes(len: u8) -> u64 {
    if len >= 8 { u64::MAX } else { (1 << (8 * u32::from(len))) - 1 }
}

impl fmt::Display for MessageLayout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (0x{:03X})", self.name, self.id)
    }
}
