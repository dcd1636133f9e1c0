//! Frames of the lock-step protocol as a sans-IO codec: a length of four bytes, little endian, and so many bytes.

use prost::Message;

/// Longest frame that is taken from a stack, bytes: ten times the trajectories of Apollo's RTK player.
pub const MAX_FRAME_BYTES: u32 = 1 << 20;
/// Bytes of the length before each frame.
const LENGTH_BYTES: usize = 4;

/// A frame that cannot be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a frame of {got} bytes was announced; expected at most {MAX_FRAME_BYTES}")]
pub struct FrameTooLong {
    /// The length that was announced, bytes.
    pub got: u32,
}

/// Appends the message as one frame.
pub fn write_frame(message: &impl Message, out: &mut Vec<u8>) {
    let at = out.len();
    out.extend_from_slice(&[0; LENGTH_BYTES]);
    // A vector takes everything.
    let _ = message.encode(out);
    let length = u32::try_from(out.len() - at - LENGTH_BYTES).unwrap_or(u32::MAX);
    out[at..at + LENGTH_BYTES].copy_from_slice(&length.to_le_bytes());
}

/// Bytes in, in pieces of any size; frames out.
///
/// Holds at most one frame and the last piece, if each frame is taken before the next piece is given.
#[derive(Clone, Debug, Default)]
pub struct FrameReader {
    bytes: Vec<u8>,
    /// Of these so many have been taken.
    taken: usize,
}

impl FrameReader {
    /// Takes a piece.
    pub fn push(&mut self, piece: &[u8]) {
        self.bytes.drain(..self.taken);
        self.taken = 0;
        self.bytes.extend_from_slice(piece);
    }

    /// The next whole frame without its length; `None` if it has not all come.
    ///
    /// # Errors
    /// If a frame too long is announced. What follows is not looked at.
    pub fn next_frame(&mut self) -> Result<Option<&[u8]>, FrameTooLong> {
        let Some((head, rest)) = self.bytes[self.taken..].split_first_chunk::<LENGTH_BYTES>() else {
            return Ok(None);
        };
        let got = u32::from_le_bytes(*head);
        if got > MAX_FRAME_BYTES {
            return Err(FrameTooLong { got });
        }
        let frame = rest.get(..got as usize);
        self.taken += frame.map_or(0, |frame| LENGTH_BYTES + frame.len());
        Ok(frame)
    }

    /// Bytes that have come and are of no whole frame yet.
    pub fn waiting_bytes(&self) -> usize {
        self.bytes.len() - self.taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use skidpad_msgs::lockstep::{Commands, FromStack, Leave, Ready, from_stack::Content};

    #[test]
    fn frames_are_those_of_the_page() {
        // docs/lockstep.md shows these bytes.
        let ready = Ready { version: 1, name: "me".into(), ..Ready::default() };
        let commands = Commands { number: 1, messages: Vec::new() };
        for (content, bytes) in [
            (Content::Ready(ready), &b"\x08\0\0\0\x0a\x06\x08\x01\x12\x02me"[..]),
            (Content::Commands(commands), b"\x04\0\0\0\x12\x02\x08\x01"),
            (Content::Leave(Leave { reason: "ok".into() }), b"\x06\0\0\0\x1a\x04\x0a\x02ok"),
        ] {
            let mut out = Vec::new();
            write_frame(&FromStack { content: Some(content) }, &mut out);
            assert_eq!(out, bytes);
        }
    }

    #[test]
    fn a_frame_may_be_empty_or_of_the_greatest_length_but_no_longer() {
        let mut reader = FrameReader::default();
        reader.push(&[0; 4]);
        assert_eq!(reader.next_frame(), Ok(Some(&[][..])));
        reader.push(&MAX_FRAME_BYTES.to_le_bytes());
        assert_eq!(reader.next_frame(), Ok(None));
        reader.push(&vec![7; MAX_FRAME_BYTES as usize]);
        assert_eq!(reader.next_frame().unwrap().unwrap().len(), MAX_FRAME_BYTES as usize);
        assert_eq!(reader.next_frame(), Ok(None));
        assert_eq!(reader.waiting_bytes(), 0);
        reader.push(&[1, 0, 16, 0]);
        assert_eq!(reader.next_frame(), Err(FrameTooLong { got: MAX_FRAME_BYTES + 1 }));
        reader.push(b"HTTP");
        assert!(reader.next_frame().is_err(), "it stays wrong");
    }

    proptest! {
        #[test]
        fn frames_come_out_as_they_went_in_however_they_are_cut(
            frames in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 0..20),
            cuts in prop::collection::vec(1usize..200, 1..50),
        ) {
            let mut stream = Vec::new();
            for frame in &frames {
                stream.extend((frame.len() as u32).to_le_bytes());
                stream.extend(frame);
            }
            let (mut reader, mut seen) = (FrameReader::default(), Vec::new());
            let (mut rest, mut cuts) = (&stream[..], cuts.iter().cycle());
            while !rest.is_empty() {
                let (piece, behind) = rest.split_at((*cuts.next().unwrap()).min(rest.len()));
                reader.push(piece);
                while let Some(frame) = reader.next_frame().unwrap() {
                    seen.push(frame.to_vec());
                }
                rest = behind;
            }
            prop_assert_eq!(seen, frames);
            prop_assert_eq!(reader.waiting_bytes(), 0);
        }

        #[test]
        fn any_bytes_are_frames_or_refused_in_bounded_memory(pieces in prop::collection::vec(
            prop::collection::vec(any::<u8>(), 0..500), 0..30
        )) {
            let mut reader = FrameReader::default();
            for piece in pieces {
                reader.push(&piece);
                loop {
                    match reader.next_frame() {
                        Ok(Some(frame)) => prop_assert!(frame.len() <= MAX_FRAME_BYTES as usize),
                        Ok(None) => break,
                        Err(error) => {
                            prop_assert!(error.got > MAX_FRAME_BYTES);
                            return Ok(());
                        }
                    }
                }
                prop_assert!(reader.waiting_bytes() <= MAX_FRAME_BYTES as usize + LENGTH_BYTES);
            }
        }
    }
}
