//! The door to the outside: who takes part in the ticks from there.

use crate::message::TopicMessage;
use skidpad_can::{Frame, NodeId};
use skidpad_kernel::SimTime;
use skidpad_sensors::ReceiverOutput;

/// Someone outside the simulation who takes part in its ticks: links, recorders, whoever paces it.
///
/// Every method may be left as it is and then does nothing; `()` is nobody. What is done here must not block
/// for long: the simulation waits.
pub trait Outside {
    /// The tick of the instant `now` begins: who keeps pace with a clock waits here.
    fn tick(&mut self, now: SimTime) {
        let _ = now;
    }

    /// Why the run cannot go on, if who fills a seat out there is lost; asked after each [`Outside::tick`].
    fn lost(&self) -> Option<String> {
        None
    }

    /// Frames from outside: each is given to `send` with the number of the peer that it comes from, and competes
    /// for the bus from `now` on. A peer does not get its own frames back.
    fn frames_in(&mut self, now: SimTime, send: &mut dyn FnMut(u8, Frame)) {
        let _ = (now, send);
    }

    /// A frame has crossed the bus: its last bit had passed at `at`, at most one tick ago.
    fn frame_out(&mut self, at: SimTime, from: Sender, frame: &Frame) {
        let _ = (at, from, frame);
    }

    /// The computer's controller is off the bus, or on it again: a peer outside that fills the seat of the canbus hears
    /// nothing meanwhile. Told each tick of a run whose canbus is outside.
    fn computer_off_bus(&mut self, is_off: bool) {
        let _ = is_off;
    }

    /// The receiver sends an output at `now`. `bytes` is what its port makes of it as the real car has it configured
    /// ([`skidpad_sensors::Port::apollo`]), which is what the embedded driver reads; who is configured otherwise has a
    /// port of its own for `output`.
    fn receiver_out(&mut self, now: SimTime, output: &ReceiverOutput, bytes: &[u8]) {
        let _ = (now, output, bytes);
    }

    /// Whether anybody out there reads topics: only then is [`Outside::message_out`] called.
    fn listens(&self) -> bool {
        false
    }

    /// Whether a seat outside could speak on topics: a run whose canbus is outside then waits until it is heard there.
    /// Other than [`Outside::listens`] for who only looks on.
    fn has_topics(&self) -> bool {
        self.listens()
    }

    /// The scenario's time begins: with a stack outside, the car is in auto for the first time.
    fn scenario_begins(&mut self, now: SimTime) {
        let _ = now;
    }

    /// Something inside (an embedded seat, the operator) publishes `message` at `now`, in the order in which it is
    /// sent. What comes from outside is not given back.
    fn message_out(&mut self, now: SimTime, message: &TopicMessage) {
        let _ = (now, message);
    }

    /// Messages that have arrived from outside: each is given to `deliver`, reaches the seats that read its topic in
    /// this tick, and is answered at the earliest by what they send in it. A message of a seat that is filled inside is
    /// ignored and counted; pad and monitor messages are anybody's.
    fn messages_in(&mut self, now: SimTime, deliver: &mut dyn FnMut(TopicMessage)) {
        let _ = (now, deliver);
    }
}

/// Nobody.
impl Outside for () {}

/// Who put a frame on the bus.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sender {
    /// The embedded canbus.
    Computer,
    /// A module of the car.
    Car,
    /// A peer outside, by the number given to `send` in [`Outside::frames_in`].
    Outside(u8),
}

const COMPUTER: u8 = 0;
/// The by-wire units of the car follow each other from here.
pub(crate) const FIRST_UNIT: u8 = 1;
const FIRST_OUTSIDE: u8 = FIRST_UNIT + skidpad_bywire::Unit::ALL.len() as u8;

impl Sender {
    /// Peers outside are numbered from 0 to this.
    pub const MAX_OUTSIDE: u8 = u8::MAX - FIRST_OUTSIDE;

    pub(crate) const fn node(self) -> NodeId {
        match self {
            Sender::Computer => NodeId(COMPUTER),
            Sender::Car => NodeId(FIRST_UNIT),
            Sender::Outside(peer) => NodeId(peer.saturating_add(FIRST_OUTSIDE)),
        }
    }

    pub(crate) const fn of(node: NodeId) -> Self {
        match node.0 {
            COMPUTER => Sender::Computer,
            FIRST_UNIT..FIRST_OUTSIDE => Sender::Car,
            peer => Sender::Outside(peer - FIRST_OUTSIDE),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sender_is_a_node_of_its_own() {
        let peers = (0..=Sender::MAX_OUTSIDE).map(Sender::Outside);
        for sender in [Sender::Computer, Sender::Car].into_iter().chain(peers) {
            assert_eq!(Sender::of(sender.node()), sender);
        }
    }
}
