use crate::header::{CRC_BYTES, LONG_BYTES, SHORT_BYTES, SYNC_LONG, SYNC_SHORT};
use crate::nmea;
use crate::{Header, Message, Sentence, crc32};

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

impl Log {
    /// Appends the log as it was on the wire.
    ///
    /// # Panics
    /// As [`Header::encode`]; never for a log that a decoder made.
    pub fn encode(&self, out: &mut Vec<u8>) {
        self.message.encode(&self.header, out);
    }
}

/// What a stream carries.
// A log is the usual case: no box for it.
#[allow(clippy::large_enum_variant)]
#[derive(Clone, Debug, PartialEq)]
pub enum Item {
    /// A binary log.
    Log(Log),
    /// A line of NMEA text.
    Sentence(Sentence),
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
    /// NMEA sentences with a good checksum.
    pub sentences: u64,
    /// Lines that look like NMEA sentences, but whose checksum does not agree.
    pub checksum_errors: u64,
    /// Bytes outside any good log or sentence: prompts and answers to commands among them.
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

    /// The next whole log or sentence; None until more bytes arrive.
    pub fn next_item(&mut self) -> Option<Item> {
        loop {
            let candidate = self.next_candidate()?;
            let bytes = &self.pending[self.done..self.done + candidate.bytes()];
            let item = match candidate {
                Candidate::Log(_) => read_log(bytes).map(|log| log.map(Item::Log)),
                Candidate::Sentence(_) => nmea::read(bytes).map(|sentence| Some(Item::Sentence(sentence))),
            };
            let Some(item) = item else {
                // Not a log after all, or a damaged one: the next may begin anywhere inside it.
                match candidate {
                    Candidate::Log(_) => self.stats.crc_errors += 1,
                    Candidate::Sentence(_) => self.stats.checksum_errors += 1,
                }
                self.skip(1);
                continue;
            };
            self.done += candidate.bytes();
            match item {
                Some(Item::Log(_)) => self.stats.logs += 1,
                Some(Item::Sentence(_)) => self.stats.sentences += 1,
                None => {
                    self.stats.length_errors += 1;
                    continue;
                }
            }
            return item;
        }
    }

    /// The next whole log, passing over text; None until more bytes arrive.
    pub fn next_log(&mut self) -> Option<Log> {
        loop {
            if let Item::Log(log) = self.next_item()? {
                return Some(log);
            }
        }
    }

    /// The contents of the next whole log; None until more bytes arrive.
    pub fn next_message(&mut self) -> Option<Message> {
        self.next_log().map(|log| log.message)
    }

    /// Bytes that may be the start of a log whose rest has not come.
    #[must_use]
    pub fn pending_bytes(&self) -> usize {
        self.pending.len() - self.done
    }

    /// What happened so far.
    #[must_use]
    pub fn stats(&self) -> DecoderStats {
        self.stats
    }

    /// Moves to the next place where a log or sentence seems to begin, and tells how long it is once it is all there.
    fn next_candidate(&mut self) -> Option<Candidate> {
        loop {
            let rest = &self.pending[self.done..];
            let Some(offset) = rest.iter().position(|&byte| byte == SYNC_LONG[0] || byte == b'$') else {
                self.skip(rest.len());
                return None;
            };
            self.skip(offset);
            match measure(&self.pending[self.done..]) {
                Measure::Complete(candidate) => return Some(candidate),
                Measure::NeedsMore => return None,
                Measure::Noise => self.skip(1),
            }
        }
    }

    fn skip(&mut self, bytes: usize) {
        self.done += bytes;
        self.stats.skipped_bytes += bytes as u64;
    }
}

/// Something that may be a log (header, body and CRC) or a sentence, with its length.
#[derive(Clone, Copy)]
enum Candidate {
    Log(usize),
    Sentence(usize),
}

impl Candidate {
    fn bytes(self) -> usize {
        match self {
            Self::Log(bytes) | Self::Sentence(bytes) => bytes,
        }
    }
}

enum Measure {
    Complete(Candidate),
    NeedsMore,
    Noise,
}

/// None: the CRC does not agree; Some(None): a known log of the wrong length.
fn read_log(bytes: &[u8]) -> Option<Option<Log>> {
    let (content, crc) = bytes.split_at(bytes.len() - CRC_BYTES);
    if crc32(content).to_le_bytes() != crc {
        return None;
    }
    let header = Header::decode(content);
    Some(Message::read(header.id, &content[header.wire_bytes()..]).map(|message| Log { header, message }))
}

/// Judges by the header alone whether a log begins with these bytes, or by its letters whether a sentence does.
fn measure(bytes: &[u8]) -> Measure {
    if bytes[0] == b'$' {
        return match nmea::measure(bytes) {
            nmea::Measure::Complete(bytes) => Measure::Complete(Candidate::Sentence(bytes)),
            nmea::Measure::NeedsMore => Measure::NeedsMore,
            nmea::Measure::NotASentence => Measure::Noise,
        };
    }
    let sync = &bytes[..bytes.len().min(3)];
    let (header_bytes, body_bytes) = if SYNC_SHORT.starts_with(sync) && sync.len() == 3 {
        match bytes.get(3) {
            None => return Measure::NeedsMore,
            Some(&length) => (SHORT_BYTES, usize::from(length)),
        }
    } else if SYNC_LONG.starts_with(sync) && sync.len() == 3 {
        match (bytes.get(3), bytes.get(8..10)) {
            // As in Apollo's driver the header is 28 bytes, whatever it says; a receiver says 28.
            (Some(&length), _) if usize::from(length) != LONG_BYTES => return Measure::Noise,
            (_, Some(&[low, high])) => (LONG_BYTES, usize::from(u16::from_le_bytes([low, high]))),
            _ => return Measure::NeedsMore,
        }
    } else if SYNC_SHORT.starts_with(sync) || SYNC_LONG.starts_with(sync) {
        return Measure::NeedsMore;
    } else {
        return Measure::Noise;
    };
    if body_bytes > MAX_BODY_BYTES {
        return Measure::Noise;
    }
    let total_bytes = header_bytes + body_bytes + CRC_BYTES;
    if bytes.len() < total_bytes {
        return Measure::NeedsMore;
    }
    Measure::Complete(Candidate::Log(total_bytes))
}
