use crate::header::{CRC_BYTES, LONG_BYTES, SHORT_BYTES, SYNC_LONG, SYNC_SHORT};
use crate::{CORRIMUDATA_ID, CORRIMUDATAS_ID, Corrimudatas, Header, INSPVA_ID, INSPVAS_ID, Inspvas, crc32};

/// Longest body the decoder believes in. The receiver's longest logs (RANGE with hundreds of observations) stay well
/// below; a longer length field is noise that happens to look like a header.
pub const MAX_BODY_BYTES: usize = 16_384;
/// Most bytes a decoder keeps for a caller that pushes without taking messages out; beyond it the oldest are lost.
pub const MAX_PENDING_BYTES: usize = 4 << 20;

/// A log that arrived whole.
#[derive(Clone, Debug, PartialEq)]
pub struct Log {
    /// Its header.
    pub header: Header,
    /// Its contents.
    pub message: Message,
}

/// What a log says.
#[derive(Clone, Debug, PartialEq)]
pub enum Message {
    /// INSPVA or INSPVAS.
    Inspvas(Inspvas),
    /// CORRIMUDATA or CORRIMUDATAS.
    Corrimudatas(Corrimudatas),
    /// A log with a good CRC that this crate does not take apart.
    Other {
        /// Its id.
        id: u16,
        /// Its body.
        body: Vec<u8>,
    },
}

impl Log {
    /// Appends the log as it was on the wire.
    ///
    /// # Panics
    /// As [`Header::encode`]; never for a log that a decoder made.
    pub fn encode(&self, out: &mut Vec<u8>) {
        match &self.message {
            Message::Inspvas(log) => self.header.encode(&log.body(), out),
            Message::Corrimudatas(log) => self.header.encode(&log.body(), out),
            Message::Other { body, .. } => self.header.encode(body, out),
        }
    }
}

/// What a decoder has met so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DecoderStats {
    /// Logs with a good CRC and a good length.
    pub logs: u64,
    /// Candidates that began and were long enough, but whose CRC did not agree.
    pub crc_errors: u64,
    /// Logs with a good CRC and a known id, but a body of the wrong length: dropped.
    pub length_errors: u64,
    /// Bytes outside any good log.
    pub skipped_bytes: u64,
    /// Bytes lost because nobody took messages out ([`MAX_PENDING_BYTES`]).
    pub overflow_bytes: u64,
}

/// Finds the logs in a stream of bytes that comes in pieces of any size.
///
/// ```
/// use skidpad_novatel::{Decoder, Inspvas, Message};
/// let mut wire = b"noise".to_vec();
/// Inspvas { week: 1918, seconds: 347_564.6, ..Inspvas::default() }.encode(&mut wire);
/// let mut decoder = Decoder::new();
/// decoder.push(&wire[..20]);
/// assert!(decoder.next_message().is_none());
/// decoder.push(&wire[20..]);
/// assert!(matches!(decoder.next_message(), Some(Message::Inspvas(log)) if log.week == 1918));
/// assert_eq!(decoder.stats().skipped_bytes, 5);
/// ```
#[derive(Clone, Debug, Default)]
pub struct Decoder {
    pending: Vec<u8>,
    /// Bytes of `pending` already dealt with.
    done: usize,
    stats: DecoderStats,
}

impl Decoder {
    /// A decoder at the start of a stream.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next bytes of the stream. Take the messages out with [`Decoder::next_log`] before pushing more.
    pub fn push(&mut self, bytes: &[u8]) {
        self.pending.drain(..self.done);
        self.done = 0;
        self.pending.extend_from_slice(bytes);
        let excess = self.pending.len().saturating_sub(MAX_PENDING_BYTES);
        self.pending.drain(..excess);
        self.stats.overflow_bytes += excess as u64;
    }

    /// The next whole log; None until more bytes arrive.
    pub fn next_log(&mut self) -> Option<Log> {
        loop {
            let candidate = self.next_candidate()?;
            let bytes = &self.pending[self.done..self.done + candidate.total_bytes];
            let (content, crc) = bytes.split_at(candidate.total_bytes - CRC_BYTES);
            if crc32(content).to_le_bytes() != crc {
                // Not a log after all, or a damaged one: the next may begin anywhere inside it.
                self.stats.crc_errors += 1;
                self.skip(1);
                continue;
            }
            let header = Header::decode(content);
            let message = read_body(header.id, &content[header.wire_bytes()..]);
            self.done += candidate.total_bytes;
            match message {
                Some(message) => {
                    self.stats.logs += 1;
                    return Some(Log { header, message });
                }
                None => self.stats.length_errors += 1,
            }
        }
    }

    /// The contents of the next whole log; None until more bytes arrive.
    pub fn next_message(&mut self) -> Option<Message> {
        self.next_log().map(|log| log.message)
    }

    /// What happened so far.
    #[must_use]
    pub fn stats(&self) -> DecoderStats {
        self.stats
    }

    /// Moves to the next place where a log seems to begin, and tells how long it is once it is all there.
    fn next_candidate(&mut self) -> Option<Candidate> {
        loop {
            let rest = &self.pending[self.done..];
            let Some(offset) = rest.iter().position(|&byte| byte == SYNC_LONG[0]) else {
                self.skip(rest.len());
                return None;
            };
            self.skip(offset);
            match measure(&self.pending[self.done..]) {
                Measure::Complete(candidate) => return Some(candidate),
                Measure::NeedsMore => return None,
                Measure::NotALog => self.skip(1),
            }
        }
    }

    fn skip(&mut self, bytes: usize) {
        self.done += bytes;
        self.stats.skipped_bytes += bytes as u64;
    }
}

struct Candidate {
    /// Header, body and CRC.
    total_bytes: usize,
}

enum Measure {
    Complete(Candidate),
    NeedsMore,
    NotALog,
}

/// Judges by the header alone whether a log begins with these bytes.
fn measure(bytes: &[u8]) -> Measure {
    let sync = &bytes[..bytes.len().min(3)];
    let (header_bytes, body_bytes) = if SYNC_SHORT.starts_with(sync) && sync.len() == 3 {
        match bytes.get(3) {
            None => return Measure::NeedsMore,
            Some(&length) => (SHORT_BYTES, usize::from(length)),
        }
    } else if SYNC_LONG.starts_with(sync) && sync.len() == 3 {
        match (bytes.get(3), bytes.get(8..10)) {
            // As in Apollo's driver the header is 28 bytes, whatever it says; a receiver says 28.
            (Some(&length), _) if usize::from(length) != LONG_BYTES => return Measure::NotALog,
            (_, Some(&[low, high])) => (LONG_BYTES, usize::from(u16::from_le_bytes([low, high]))),
            _ => return Measure::NeedsMore,
        }
    } else if SYNC_SHORT.starts_with(sync) || SYNC_LONG.starts_with(sync) {
        return Measure::NeedsMore;
    } else {
        return Measure::NotALog;
    };
    if body_bytes > MAX_BODY_BYTES {
        return Measure::NotALog;
    }
    let total_bytes = header_bytes + body_bytes + CRC_BYTES;
    if bytes.len() < total_bytes {
        return Measure::NeedsMore;
    }
    Measure::Complete(Candidate { total_bytes })
}

/// None: a known log of the wrong length.
fn read_body(id: u16, body: &[u8]) -> Option<Message> {
    match id {
        INSPVA_ID | INSPVAS_ID => Inspvas::from_body(body).map(Message::Inspvas),
        CORRIMUDATA_ID | CORRIMUDATAS_ID => Corrimudatas::from_body(body).map(Message::Corrimudatas),
        id => Some(Message::Other { id, body: body.to_vec() }),
    }
}
