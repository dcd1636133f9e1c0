//! One peer that speaks slcan over a stream of bytes: a terminal or a socket.

use crate::pty::Pty;
use crate::report::Counters;
use skidpad_can::Frame;
use skidpad_can::slcan::{self, Decoder, Line};
use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;

/// Bytes taken from a peer in one tick: some 180 frames, twenty times what the bus carries meanwhile.
const READ_MAX: usize = 4096;
/// Bytes that wait for a peer that does not read: about a second of a full bus.
const WAITING_MAX: usize = 64 * 1024;

/// Which end of the serial line this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Skidpad is the adapter: the peer opens the channel, commands are answered.
    Adapter,
    /// Skidpad uses an adapter: it has opened the channel, answers are not answered.
    Host,
}

/// The bit rate of the modelled bus, bit/s.
pub(crate) const BIT_RATE: u32 = 500_000;
/// What a host says first: close whatever was open, 500 kbit/s, open.
const HOST_OPENS: &[u8] = b"\rC\rS6\rO\r";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Channel {
    Closed,
    Open,
    ListenOnly,
}

/// A serial line under the port.
pub(crate) trait SerialLine: Read + Write {
    /// Throws away what was written and the peer has not read, where that lies in the line and not with the peer.
    fn discard_unread(&mut self) {}
}

impl SerialLine for File {}
impl SerialLine for TcpStream {}
impl SerialLine for Pty {
    fn discard_unread(&mut self) {
        Pty::discard_unread(self);
    }
}

/// A peer. Its stream does not block.
#[derive(Debug)]
pub(crate) struct SlcanPort<S> {
    pub(crate) stream: S,
    role: Role,
    channel: Channel,
    decoder: Decoder,
    waiting: Vec<u8>,
    /// The stream is at its end or broken.
    gone: bool,
}

/// Something that its owner has to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Happened {
    /// A frame to send.
    Frame(Frame),
    /// The peer has opened the channel.
    Opened,
}

impl<S: SerialLine> SlcanPort<S> {
    pub(crate) fn new(stream: S, role: Role) -> Self {
        let mut port = SlcanPort {
            stream,
            role,
            channel: if role == Role::Host { Channel::Open } else { Channel::Closed },
            decoder: Decoder::default(),
            waiting: Vec::new(),
            gone: false,
        };
        if role == Role::Host {
            port.write(HOST_OPENS);
        }
        port
    }

    /// True while the peer can get frames.
    pub(crate) fn is_open(&self) -> bool {
        self.channel != Channel::Closed && !self.gone
    }

    /// True once the stream has ended.
    pub(crate) fn is_gone(&self) -> bool {
        self.gone
    }

    /// Takes what has arrived; tells `on` what its owner has to know.
    pub(crate) fn poll(&mut self, counters: &mut Counters, mut on: impl FnMut(Happened)) {
        self.flush();
        let mut bytes = [0; READ_MAX];
        if self.gone {
            return;
        }
        let count = match self.stream.read(&mut bytes) {
            Ok(0) => {
                self.leave(counters);
                return;
            }
            Ok(count) => count,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => return,
            Err(_) => {
                self.leave(counters);
                return;
            }
        };
        let mut decoder = std::mem::take(&mut self.decoder);
        decoder.push(&bytes[..count], |line| self.obey(line, counters, &mut on));
        self.decoder = decoder;
    }

    /// The peer is gone, perhaps in the middle of a line.
    fn leave(&mut self, counters: &mut Counters) {
        self.gone = true;
        self.waiting.clear();
        counters.malformed += u64::from(self.decoder.is_in_line());
        counters.disconnects += 1;
    }

    fn obey(&mut self, line: Line, counters: &mut Counters, on: &mut impl FnMut(Happened)) {
        let answer: &[u8] = match line {
            Line::Frame(frame) if self.channel == Channel::Open => {
                on(Happened::Frame(frame));
                slcan::TAKEN
            }
            // A closed channel carries nothing; only the peer can have made that mistake.
            Line::Frame(_) => {
                counters.refused += 1;
                slcan::REFUSED
            }
            Line::Unsupported(_) => {
                counters.unsupported += 1;
                slcan::REFUSED
            }
            Line::Open | Line::OpenToListen if self.role == Role::Adapter => {
                if self.channel == Channel::Closed {
                    self.waiting.clear();
                    on(Happened::Opened);
                }
                self.channel = if line == Line::Open { Channel::Open } else { Channel::ListenOnly };
                slcan::DONE
            }
            Line::Close if self.role == Role::Adapter => {
                self.waiting.clear();
                // What lies in the line is not for the next peer. When that one opens the channel it would be too late: it
                // may be reading our answers then, and take their vanishing for the end of the line (pyserial does).
                if self.channel != Channel::Closed {
                    self.stream.discard_unread();
                }
                self.channel = Channel::Closed;
                slcan::DONE
            }
            Line::BitRate(rate) => {
                counters.wrong_bit_rate += u64::from(rate != BIT_RATE);
                slcan::DONE
            }
            Line::Version => b"V1013\r",
            Line::SerialNumber => b"N5KID\r",
            Line::Flags => b"F00\r",
            Line::Setting | Line::Open | Line::OpenToListen | Line::Close => slcan::DONE,
            // python-can sends an empty line for "no data bit rate".
            Line::Answer => slcan::DONE,
            Line::Bell => {
                counters.refused_by_peer += 1;
                return;
            }
            Line::Malformed => {
                counters.malformed += 1;
                slcan::REFUSED
            }
        };
        // Two hosts that answer answers would never end.
        if self.role == Role::Adapter {
            self.write(answer);
        }
    }

    /// Sends a frame to the peer, if it has opened the channel.
    pub(crate) fn send(&mut self, frame: &Frame, counters: &mut Counters) {
        if !self.is_open() {
            return;
        }
        let mut text = Vec::with_capacity(24);
        slcan::encode(frame, &mut text);
        if self.write(&text) { counters.sent += 1 } else { counters.dropped += 1 }
    }

    /// Writes the whole of `bytes` now or later, or nothing of it: false if too much waits already.
    fn write(&mut self, bytes: &[u8]) -> bool {
        if self.gone || self.waiting.len() + bytes.len() > WAITING_MAX {
            return false;
        }
        self.waiting.extend_from_slice(bytes);
        self.flush();
        true
    }

    /// Writes what waits, as far as the peer takes it.
    fn flush(&mut self) {
        let mut written = 0;
        while written < self.waiting.len() {
            match self.stream.write(&self.waiting[written..]) {
                Ok(0) => break,
                Ok(count) => written += count,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                // A broken stream shows when it is next read.
                Err(_) => break,
            }
        }
        self.waiting.drain(..written);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::VecDeque;
    use std::io;

    /// A line whose other end is the test: bytes in, bytes out, and how many more are taken.
    #[derive(Default)]
    struct Wire {
        to_port: VecDeque<u8>,
        from_port: Vec<u8>,
        room: usize,
    }

    impl Read for Wire {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            if self.to_port.is_empty() { Err(ErrorKind::WouldBlock.into()) } else { self.to_port.read(into) }
        }
    }

    impl SerialLine for Wire {}

    impl Write for Wire {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let count = bytes.len().min(self.room);
            self.room -= count;
            self.from_port.extend(&bytes[..count]);
            if count == 0 { Err(ErrorKind::WouldBlock.into()) } else { Ok(count) }
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn port(role: Role, room: usize) -> SlcanPort<Wire> {
        SlcanPort::new(Wire { room, ..Wire::default() }, role)
    }

    fn say(port: &mut SlcanPort<Wire>, text: &[u8], counters: &mut Counters) -> (Vec<Happened>, Vec<u8>) {
        port.stream.to_port.extend(text);
        let mut happened = Vec::new();
        while !port.stream.to_port.is_empty() {
            port.poll(counters, |what| happened.push(what));
        }
        (happened, std::mem::take(&mut port.stream.from_port))
    }

    const FRAME: Frame = Frame::new(0x65, [1, 2, 3, 4, 5, 6, 7, 8]);

    #[test]
    fn an_adapter_answers_as_the_manual_says_and_sends_only_while_open() {
        let (mut port, mut counters) = (port(Role::Adapter, usize::MAX), Counters::default());
        let mut say = |port: &mut SlcanPort<Wire>, text: &[u8]| say(port, text, &mut counters);
        port.send(&FRAME, &mut Counters::default());
        assert_eq!(say(&mut port, b"C\rS6\r\rV\r"), (vec![], b"\r\r\rV1013\r".to_vec()));
        assert_eq!(say(&mut port, b"t0200\r"), (vec![], b"\x07".to_vec()), "closed");
        assert_eq!(say(&mut port, b"O\r"), (vec![Happened::Opened], b"\r".to_vec()));
        let sent = Happened::Frame(Frame::from_payload(0x20, &[]).unwrap());
        assert_eq!(say(&mut port, b"t0200\r"), (vec![sent], b"z\r".to_vec()));
        port.send(&FRAME, &mut Counters::default());
        assert_eq!(say(&mut port, b"t02"), (vec![], b"t06580102030405060708\r".to_vec()));
        assert_eq!(say(&mut port, b"00\rxyz\rT000000010\r"), (vec![sent], b"z\r\x07\x07".to_vec()));
        assert_eq!(
            say(&mut port, b"C\rL\rt0200\r"),
            (vec![Happened::Opened], b"\r\r\x07".to_vec()),
            "listens"
        );
        assert_eq!((counters.malformed, counters.unsupported, counters.refused), (1, 1, 2));
    }

    #[test]
    fn a_host_opens_the_channel_and_never_answers() {
        let (mut port, mut counters) = (port(Role::Host, usize::MAX), Counters::default());
        let frame = Happened::Frame(Frame::from_payload(0x20, &[]).unwrap());
        let (happened, said) = say(&mut port, b"\r\r\rz\r\x07t0200\rO\r\r", &mut counters);
        assert_eq!((happened, said), (vec![frame], b"\rC\rS6\rO\r".to_vec()));
        assert_eq!(counters.refused_by_peer, 1);
    }

    #[test]
    fn frames_for_a_peer_that_never_reads_are_dropped_whole_and_counted() {
        let (mut port, mut counters) = (port(Role::Adapter, 1 + 30), Counters::default());
        say(&mut port, b"O\r", &mut counters);
        for _ in 0..10_000 {
            port.send(&FRAME, &mut counters);
        }
        assert_eq!(counters.sent + counters.dropped, 10_000);
        assert!((2_000..4_000).contains(&counters.sent), "{}", counters.sent);
        // It reads again: what comes is whole frames.
        port.stream.room = usize::MAX;
        let (_, said) = say(&mut port, b"\r", &mut counters);
        let (answer, frames) = said.split_last().unwrap();
        assert_eq!((*answer, frames.len() as u64), (b'\r', 22 * counters.sent));
        assert!(frames.chunks(22).all(|line| line == b"t06580102030405060708\r"));
    }

    #[test]
    fn a_million_random_bytes_change_nothing_but_counters() {
        let (mut port, mut counters) = (port(Role::Adapter, 0), Counters::default());
        let mut word = 0x9E37_79B9_7F4A_7C15u64;
        let mut frames = 0;
        for _ in 0..1000 {
            let bytes: Vec<u8> = (0..1000)
                .map(|_| {
                    word =
                        word.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                    (word >> 56) as u8
                })
                .collect();
            let (happened, _) = say(&mut port, &bytes, &mut counters);
            frames += happened.iter().filter(|what| matches!(what, Happened::Frame(_))).count();
        }
        assert!(counters.malformed > 1000, "{counters:?}");
        assert!(frames < 10, "{frames}");
        assert!(port.waiting.len() <= WAITING_MAX);
    }
}
