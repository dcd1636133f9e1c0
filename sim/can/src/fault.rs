//! What goes wrong on a bus on purpose.

use crate::{Frame, NodeId};
use skidpad_kernel::{NoiseStream, SimTime};
use std::time::Duration;

/// What a fault does to a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameEffect {
    /// It never leaves its sender.
    Lose,
    /// It leaves its sender this much later.
    Delay(Duration),
    /// It is sent twice.
    Duplicate,
    /// It is disturbed on the wire. Every node sees the wrong CRC, an error frame destroys it, and its sender tries
    /// again, until the error counter takes the sender off the bus.
    Corrupt,
    /// One bit of its payload is another, and the CRC fits: as if flipped in the memory of its sender.
    Alter,
    /// It carries the payload of the first frame of its identifier since the fault began.
    Stuck,
}

/// A fault of some frames for some time.
#[derive(Clone, Debug, PartialEq)]
pub struct FrameFault {
    /// What happens to them.
    pub effect: FrameEffect,
    /// Their identifiers; `None` for every frame.
    pub ids: Option<Vec<u16>>,
    /// Share of them that it happens to, 0 to 1. An attempt to send again counts as another frame.
    pub share: f64,
    /// When it is over.
    pub until: SimTime,
}

/// A fault at work.
#[derive(Clone, Debug)]
pub(crate) struct ActiveFault {
    fault: FrameFault,
    noise: NoiseStream,
    /// Frames it could have happened to, so far.
    seen: u64,
    /// [`FrameEffect::Stuck`]: the frames that are repeated.
    held: Vec<Frame>,
}

impl ActiveFault {
    pub fn new(fault: FrameFault, noise: NoiseStream) -> Self {
        ActiveFault { fault, noise, seen: 0, held: Vec::new() }
    }

    pub fn is_over(&self, now: SimTime) -> bool {
        self.fault.until <= now
    }

    /// What happens to this frame now, with a uniform random number for the details; `None` if nothing does.
    fn strikes(&mut self, now: SimTime, id: u16) -> Option<(FrameEffect, f64)> {
        if self.is_over(now) || self.fault.ids.as_ref().is_some_and(|ids| !ids.contains(&id)) {
            return None;
        }
        let [chance, detail] = self.noise.uniforms(self.seen);
        self.seen += 1;
        (chance <= self.fault.share).then_some((self.fault.effect, detail))
    }

    /// The faults that act where the frame is sent.
    pub fn on_sending(&mut self, now: SimTime, sending: &mut Sending) {
        if self.fault.effect == FrameEffect::Corrupt {
            return;
        }
        let Some((effect, detail)) = self.strikes(now, sending.frame.id) else { return };
        match effect {
            FrameEffect::Lose => sending.copies = 0,
            FrameEffect::Delay(delay) => sending.delay += delay,
            FrameEffect::Duplicate => sending.copies *= 2,
            FrameEffect::Alter => flip(&mut sending.frame, detail),
            FrameEffect::Stuck => {
                match self.held.iter().find(|held| held.id == sending.frame.id) {
                    Some(held) => sending.frame = *held,
                    None => self.held.push(sending.frame),
                };
            }
            FrameEffect::Corrupt => {}
        }
    }

    /// The bit, of `bits`, in which the frame is disturbed on the wire; `None` if it is not.
    pub fn on_the_wire(&mut self, now: SimTime, frame: &Frame, bits: u32) -> Option<u32> {
        if self.fault.effect != FrameEffect::Corrupt {
            return None;
        }
        let (_, detail) = self.strikes(now, frame.id)?;
        Some(((detail * f64::from(bits)) as u32).clamp(1, bits))
    }
}

/// A frame about to be queued.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sending {
    pub frame: Frame,
    pub delay: Duration,
    pub copies: u32,
}

/// Inverts one bit of the payload, `choice` in (0, 1] says which.
fn flip(frame: &mut Frame, choice: f64) {
    let bits = 8 * u32::from(frame.len.min(8));
    if bits > 0 {
        let bit = ((choice * f64::from(bits)) as u32).min(bits - 1);
        frame.data[(bit / 8) as usize] ^= 1 << (bit % 8);
    }
}

/// A node that sends one frame over and over, whoever else wants to speak.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Babble {
    /// The node.
    pub node: NodeId,
    /// The frame.
    pub frame: Frame,
    /// Time between two of them. The node has one mailbox for it: a bus that cannot take them that often gets the
    /// next as soon as the last has gone.
    pub period: Duration,
    /// When the next is sent.
    pub next: SimTime,
    /// When it is over.
    pub until: SimTime,
}
