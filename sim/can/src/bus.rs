use crate::Frame;
use crate::confinement::{Controller, ErrorState, IDLE_BITS, StateChange};
use crate::fault::{ActiveFault, Babble, FrameFault, Sending};
use skidpad_kernel::{NoiseStream, SimTime};
use std::time::Duration;

/// A controller on the bus. A node does not receive its own frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub u8);

/// A frame that has crossed the bus.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// When the last bit of the frame had passed: every receiver has it now.
    pub at: SimTime,
    /// Who sent it.
    pub node: NodeId,
    /// The frame.
    pub frame: Frame,
}

impl Delivery {
    /// True if `node` hears this frame: everybody but its sender does.
    pub fn reaches(&self, node: NodeId) -> bool {
        self.node != node
    }
}

/// A frame waiting in its sender's mailbox.
#[derive(Clone, Copy, Debug)]
struct Pending {
    queued_at: SimTime,
    order: u64,
    node: NodeId,
    frame: Frame,
}

/// A classic CAN bus: one frame at a time, the lowest identifier first.
///
/// Each frame occupies the wire for its exact length, stuff bits included, plus the interframe space.
/// Whenever the wire falls idle the waiting frame with the lowest identifier starts (frames of equal
/// identifier in the order they were sent); a node's mailboxes compete too, as in a controller with
/// one mailbox per message. Frames sent at the same instant compete, whatever the order of the calls.
///
/// Nothing goes wrong by itself: [`Bus::inject`], [`Bus::babble`] and [`Bus::switch_off`] make it. Fault confinement is
/// that of ISO 11898-1:
/// - A frame disturbed on the wire costs its sender 8 on the transmit error counter and every other node 1 on the receive
///   error counter; one that passes pays 1 back to each. At 128 a node is error passive: after a frame or an attempt of its
///   own it waits 8 bits longer (suspend transmission). At 256 it is off the bus, and back with its counters at zero once it
///   has seen 128 times 11 recessive bits in a row; each frame that passes meanwhile ends in one such run.
/// - A disturbed frame occupies the wire to its disturbed bit, then 6 bits of error flag, 6 more of the others' flags (unless
///   every node is passive: recessive flags provoke none), and 8 of delimiter. All nodes see the disturbance.
///
/// Nodes take part once they have sent or [joined](Bus::join). Not modelled: a frame that nobody acknowledges, and two
/// nodes that send the same identifier at once: the first to queue goes first.
#[derive(Clone, Debug)]
pub struct Bus {
    bit_ns: u64,
    pending: Vec<Pending>,
    on_the_wire: Option<Delivery>,
    free_at: SimTime,
    /// Instant of the last poll: whatever happened before it is settled.
    settled: SimTime,
    sent: u64,
    counters: BusCounters,
    faults: Vec<ActiveFault>,
    babblers: Vec<Babble>,
    /// Controllers by number; `None` is a number that nobody has.
    nodes: Vec<Option<Controller>>,
    /// True while any controller's counters are not zero.
    troubled: bool,
    changes: Vec<StateChange>,
    /// An error-passive node that was the last to send, and when it may send again.
    suspended: Option<(NodeId, SimTime)>,
    load: LoadMeter,
}

/// What has gone wrong on a bus so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BusCounters {
    /// Frames that never reached the wire: to a fault, to full mailboxes, or since their sender was off the bus.
    pub lost: u64,
    /// Error frames.
    pub error_frames: u64,
    /// Frames sent twice, late, or with another payload.
    pub tampered: u64,
    /// How often a node became error passive.
    pub error_passives: u64,
    /// How often a node went off the bus.
    pub bus_offs: u64,
}

impl Bus {
    /// Frames that may wait at once; a real controller has few mailboxes, so beyond this the newest is
    /// lost and counted in [`Bus::lost`].
    pub const CAPACITY: usize = 1024;

    /// An idle bus of `bit_rate` bit/s, for example 500 000.
    ///
    /// # Panics
    /// If `bit_rate` is zero or above 1 Gbit/s.
    pub fn new(bit_rate: u32) -> Self {
        assert!((1..=1_000_000_000).contains(&bit_rate), "a bus needs a bit rate from 1 to 1e9 bit/s");
        Bus {
            bit_ns: 1_000_000_000 / u64::from(bit_rate),
            pending: Vec::with_capacity(32),
            on_the_wire: None,
            free_at: SimTime::ZERO,
            settled: SimTime::ZERO,
            sent: 0,
            counters: BusCounters::default(),
            faults: Vec::new(),
            babblers: Vec::new(),
            nodes: Vec::new(),
            troubled: false,
            changes: Vec::new(),
            suspended: None,
            load: LoadMeter::default(),
        }
    }

    /// `node` takes part from now on, even if it only listens.
    pub fn join(&mut self, node: NodeId) {
        self.node(node);
    }

    /// Queues `frame` of `node` for the bus at `now`. An instant before the last poll counts as that poll's.
    pub fn send(&mut self, now: SimTime, node: NodeId, frame: Frame) {
        let mut sending = Sending { frame, delay: Duration::ZERO, copies: 1 };
        if !self.faults.is_empty() {
            self.faults.retain(|fault| !fault.is_over(now));
            self.faults.iter_mut().for_each(|fault| fault.on_sending(now, &mut sending));
            let untouched = sending.frame == frame && sending.delay.is_zero() && sending.copies == 1;
            self.counters.tampered += u64::from(!untouched && sending.copies > 0);
        }
        self.join(node);
        if sending.copies == 0 || self.is_off(now, node) {
            self.counters.lost += 1;
            return;
        }
        let queued_at = now.max(self.settled) + sending.delay;
        for _ in 0..sending.copies {
            self.queue(queued_at, node, sending.frame);
        }
    }

    fn queue(&mut self, queued_at: SimTime, node: NodeId, frame: Frame) {
        if self.pending.len() >= Self::CAPACITY {
            self.counters.lost += 1;
            return;
        }
        self.pending.push(Pending { queued_at, order: self.sent, node, frame });
        self.sent += 1;
    }

    /// The next frame that has crossed the bus by `now`, in order of delivery; call until `None`.
    pub fn poll(&mut self, now: SimTime) -> Option<Delivery> {
        self.settled = self.settled.max(now);
        loop {
            match self.on_the_wire {
                Some(delivery) if delivery.at <= now => return self.on_the_wire.take(),
                Some(_) => return None,
                None => {
                    if !self.start_next(now) {
                        return None;
                    }
                }
            }
        }
    }

    /// Puts the winner of the next arbitration on the wire. Only arbitrations strictly before `now` are
    /// settled, since another node may still send at `now`.
    fn start_next(&mut self, now: SimTime) -> bool {
        if !self.babblers.is_empty() {
            self.babble_on(now);
        }
        let Some(first) = self.pending.iter().map(|p| p.queued_at).min() else { return false };
        let mut start = first.max(self.free_at);
        let mut waiting = None;
        if let Some((node, until)) = self.suspended.filter(|(_, until)| start < *until) {
            // Another may start meanwhile; then the suspended node listens and competes again behind that frame.
            let other = self.pending.iter().filter(|p| p.node != node).map(|p| p.queued_at).min();
            let others_start = other.map(|at| at.max(self.free_at)).filter(|at| *at < until);
            (start, waiting) = others_start.map_or((until, None), |at| (at, Some(node)));
        }
        if start >= now {
            return false;
        }
        let may = |p: &Pending| p.queued_at <= start && waiting != Some(p.node);
        let contenders = self.pending.iter().enumerate().filter(|(_, p)| may(p));
        let winner = contenders.min_by_key(|(_, p)| (p.frame.id, p.order)).map(|(index, _)| index);
        let Some(winner) = winner else { return false };
        let Pending { node, frame, .. } = self.pending[winner];
        let bits = frame_bits(&frame);
        if self.troubled {
            self.watch_recovery(start);
        }
        self.suspended = None;
        let disturbed = self.faults.iter_mut().find_map(|fault| fault.on_the_wire(start, &frame, bits));
        if let Some(bit) = disturbed {
            // The sender keeps the frame and competes with it again.
            let all_passive = self.nodes.iter().flatten().all(|c| c.state() != ErrorState::Active);
            let echo = if all_passive { 0 } else { ERROR_FLAG_BITS };
            let error_frame = ERROR_FLAG_BITS + echo + ERROR_DELIMITER_BITS;
            self.free_at = start + self.bits(bit + error_frame + INTERFRAME_BITS);
            self.load.busy(start, self.free_at);
            self.destroyed(node);
            return true;
        }
        self.pending.swap_remove(winner);
        let at = start + self.bits(bits);
        self.free_at = at + self.bits(INTERFRAME_BITS);
        self.load.busy(start, self.free_at);
        self.on_the_wire = Some(Delivery { at, node, frame });
        if self.troubled {
            self.count(at, node, Controller::transmitted, Controller::received);
            self.suspend(node);
        }
        true
    }

    fn bits(&self, bits: u32) -> Duration {
        Duration::from_nanos(u64::from(bits) * self.bit_ns)
    }

    /// The frame of `node` was destroyed by an error frame that ends at `free_at`.
    fn destroyed(&mut self, node: NodeId) {
        self.counters.error_frames += 1;
        self.troubled = true;
        let mut off = false;
        let at = self.free_at;
        self.count(at, node, |sender| off = sender.transmit_error(), Controller::receive_error);
        if off {
            self.go_off(at, node, |controller| {
                *controller = Controller::default();
                controller.recover_from(at);
            });
        } else {
            self.suspend(node);
        }
    }

    /// The counters of the sender and of everybody else on the bus change.
    fn count(
        &mut self,
        at: SimTime,
        sender: NodeId,
        mut of_sender: impl FnMut(&mut Controller),
        of_others: fn(&mut Controller),
    ) {
        let mut troubled = false;
        for (index, controller) in self.nodes.iter_mut().enumerate() {
            let Some(controller) = controller else { continue };
            let before = controller.state();
            if before != ErrorState::Off {
                if index == usize::from(sender.0) {
                    of_sender(controller)
                } else {
                    of_others(controller)
                }
                let state = controller.state();
                if state != before {
                    self.counters.error_passives += u64::from(state == ErrorState::Passive);
                    self.changes.push(StateChange { at, node: NodeId(index as u8), state });
                }
            }
            troubled |= !controller.is_clean();
        }
        self.troubled = troubled;
    }

    /// Behind the frame or attempt that ends at `free_at` a passive sender waits longer than the others.
    fn suspend(&mut self, sender: NodeId) {
        if self.node(sender).state() == ErrorState::Passive {
            self.suspended = Some((sender, self.free_at + self.bits(SUSPEND_BITS)));
        }
    }

    /// Up to `until` nothing is on the wire: those off the bus count what they see.
    fn watch_recovery(&mut self, until: SimTime) {
        let (idle_from, run_ns) = self.idle();
        for (index, controller) in self.nodes.iter_mut().enumerate() {
            let Some(controller) = controller else { continue };
            let back_at = controller.back_at(idle_from, run_ns);
            if controller.watch(idle_from, until, run_ns) {
                let at = back_at.unwrap_or(until);
                self.changes.push(StateChange { at, node: NodeId(index as u8), state: ErrorState::Active });
            }
        }
    }

    /// Where the recessive bits begin that end the last frame, and what eleven last, ns.
    fn idle(&self) -> (SimTime, u64) {
        let run_ns = u64::from(IDLE_BITS) * self.bit_ns;
        (SimTime::from_ns(self.free_at.as_ns().saturating_sub(run_ns)), run_ns)
    }

    fn node(&mut self, node: NodeId) -> &mut Controller {
        let index = usize::from(node.0);
        if self.nodes.len() <= index {
            self.nodes.resize(index + 1, None);
        }
        self.nodes[index].get_or_insert_default()
    }

    /// Frames of the babbling nodes that are due before `now`.
    fn babble_on(&mut self, now: SimTime) {
        let free_at = self.free_at;
        self.babblers.retain(|babble| babble.next.max(free_at) < babble.until);
        for index in 0..self.babblers.len() {
            let Babble { node, frame, period, next, .. } = self.babblers[index];
            let at = next.max(free_at);
            let waits = self.pending.iter().any(|p| p.node == node && p.frame == frame);
            if at < now && !waits && !self.is_off(at, node) {
                self.queue(at, node, frame);
                self.babblers[index].next = at + period;
            }
        }
    }

    /// Fault: `fault` acts from now on. `noise` says which frames and which bits, one sample per frame: the same
    /// stream does the same again.
    pub fn inject(&mut self, fault: FrameFault, noise: NoiseStream) {
        self.faults.push(ActiveFault::new(fault, noise));
    }

    /// Fault: a node babbles.
    pub fn babble(&mut self, babble: Babble) {
        self.babblers.push(babble);
    }

    /// Fault: `node` is off the bus until `until`. What it has queued is lost, what it sends meanwhile too; that it
    /// hears nothing is up to the receiver, see [`Bus::is_off`].
    pub fn switch_off(&mut self, now: SimTime, node: NodeId, until: SimTime) {
        self.go_off(now, node, |controller| controller.switch_off(until));
    }

    fn go_off(&mut self, now: SimTime, node: NodeId, set: impl FnOnce(&mut Controller)) {
        let waiting = self.pending.len();
        self.pending.retain(|frame| frame.node != node);
        self.counters.lost += (waiting - self.pending.len()) as u64;
        self.counters.bus_offs += 1;
        self.changes.push(StateChange { at: now, node, state: ErrorState::Off });
        self.troubled = true;
        set(self.node(node));
    }

    /// True if this node is off the bus: it neither sends nor hears.
    pub fn is_off(&self, now: SimTime, node: NodeId) -> bool {
        if !self.troubled {
            return false;
        }
        let (idle_from, run_ns) = self.idle();
        let controller = self.nodes.get(usize::from(node.0)).copied().flatten();
        controller.and_then(|controller| controller.back_at(idle_from, run_ns)).is_some_and(|at| now < at)
    }

    /// How much this node takes part at `now`.
    pub fn error_state(&self, now: SimTime, node: NodeId) -> ErrorState {
        match self.nodes.get(usize::from(node.0)).copied().flatten() {
            Some(controller) if controller.state() == ErrorState::Off && !self.is_off(now, node) => {
                ErrorState::Active
            }
            controller => controller.unwrap_or_default().state(),
        }
    }

    /// Transmit and receive error counter of a node.
    pub fn error_counters(&self, node: NodeId) -> (u16, u16) {
        self.nodes.get(usize::from(node.0)).copied().flatten().unwrap_or_default().counters()
    }

    /// How the states of the nodes have changed since the last call. That a node is back on the bus shows with the next
    /// frame.
    pub fn drain_state_changes(&mut self) -> std::vec::Drain<'_, StateChange> {
        self.changes.drain(..)
    }

    /// What has gone wrong so far.
    pub fn counters(&self) -> BusCounters {
        self.counters
    }

    /// Frames lost so far; see [`BusCounters::lost`].
    pub fn lost(&self) -> u64 {
        self.counters.lost
    }

    /// Frames that have not started yet.
    pub fn waiting(&self) -> usize {
        self.pending.len()
    }

    /// Share of time the wire was occupied in the last full window of [`Bus::LOAD_WINDOW`] before the
    /// last poll, 0 to 1. Zero in the first window.
    pub fn load(&self) -> f64 {
        self.load.last_window(self.settled)
    }

    /// Share of time the wire was occupied from the start to the last poll, 0 to 1.
    pub fn mean_load(&self) -> f64 {
        let settled_ns = self.settled.as_ns();
        // The frame on the wire is counted to its end.
        let ahead_ns = self.free_at.as_ns().saturating_sub(settled_ns);
        self.load.total_ns.saturating_sub(ahead_ns) as f64 / settled_ns.max(1) as f64
    }

    /// The highest [`Bus::load`] so far.
    pub fn peak_load(&self) -> f64 {
        self.load.peak.max(self.load()).max(self.load.since_over(self.settled))
    }

    /// The window of [`Bus::load`].
    pub const LOAD_WINDOW: Duration = Duration::from_millis(100);
}

/// Occupied time, in windows aligned to the start of the run.
#[derive(Clone, Debug, Default)]
struct LoadMeter {
    /// Window being filled, as a number of windows since the start.
    window: u64,
    busy_ns: u64,
    /// Of all windows.
    total_ns: u64,
    previous: f64,
    peak: f64,
}

impl LoadMeter {
    const WINDOW_NS: u64 = Bus::LOAD_WINDOW.as_nanos() as u64;

    /// The wire is occupied from `start` to `end`, not earlier than in the calls before.
    fn busy(&mut self, start: SimTime, end: SimTime) {
        let (mut from, end) = (start.as_ns(), end.as_ns());
        self.total_ns += end - from;
        while from < end {
            self.enter(from / Self::WINDOW_NS);
            let to = end.min((self.window + 1) * Self::WINDOW_NS);
            self.busy_ns += to - from;
            from = to;
        }
    }

    fn enter(&mut self, window: u64) {
        if window > self.window {
            self.previous = if window == self.window + 1 { self.filled() } else { 0.0 };
            self.peak = self.peak.max(self.filled());
            self.window = window;
            self.busy_ns = 0;
        }
    }

    fn filled(&self) -> f64 {
        self.busy_ns as f64 / Self::WINDOW_NS as f64
    }

    /// The window being filled, if it is over by now; 0 if not.
    fn since_over(&self, now: SimTime) -> f64 {
        if now.as_ns() / Self::WINDOW_NS > self.window { self.filled() } else { 0.0 }
    }

    fn last_window(&self, now: SimTime) -> f64 {
        match (now.as_ns() / Self::WINDOW_NS).checked_sub(self.window) {
            // A frame that started in the window before may already fill the one after `now`.
            None | Some(0) => self.previous,
            Some(1) => self.filled(),
            Some(_) => 0.0,
        }
    }
}

const INTERFRAME_BITS: u32 = 3;
/// An error flag; the others' flags add at most as many again.
const ERROR_FLAG_BITS: u32 = 6;
const ERROR_DELIMITER_BITS: u32 = 8;
/// How much longer an error-passive node waits after sending (suspend transmission).
const SUSPEND_BITS: u32 = 8;
/// CRC delimiter, acknowledge slot and its delimiter, seven bits end of frame: never stuffed.
const TRAILER_BITS: u32 = 10;

/// Bits of `frame` on the wire from start of frame to end of frame, stuff bits included, without the
/// three bits of interframe space (ISO 11898-1 classic base format).
pub fn frame_bits(frame: &Frame) -> u32 {
    let (bits, length) = stuffed_region(frame);
    length + stuff_bits(bits, length) + TRAILER_BITS
}

/// Start of frame, identifier, RTR, IDE, r0, length, data and CRC, most significant bit first, aligned
/// to the low end; and how many bits.
fn stuffed_region(frame: &Frame) -> (u128, u32) {
    let payload = frame.payload();
    // Start of frame, RTR, IDE and r0 are all dominant (0).
    let mut bits = (u128::from(frame.id & Frame::MAX_ID) << 7) | payload.len() as u128;
    let mut length = 19;
    for byte in payload {
        bits = (bits << 8) | u128::from(*byte);
        length += 8;
    }
    let crc = crc15(bits, length);
    ((bits << 15) | u128::from(crc), length + 15)
}

/// The CRC of CAN over the low `length` bits of `bits`: polynomial 0x4599, from zero, most significant bit
/// first. Zeros in front of the first bit change nothing, so whole bytes are taken.
fn crc15(bits: u128, length: u32) -> u16 {
    (0..length.div_ceil(8)).rev().fold(0, |crc: u16, byte| {
        let index = ((crc >> 7) ^ (bits >> (8 * byte)) as u16) & 0xFF;
        ((crc << 8) ^ CRC_OF_BYTE[usize::from(index)]) & 0x7FFF
    })
}

const CRC_OF_BYTE: [u16; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut crc = (byte as u16) << 7;
        let mut bit = 0;
        while bit < 8 {
            crc = ((crc << 1) ^ if crc & 0x4000 != 0 { 0x4599 } else { 0 }) & 0x7FFF;
            bit += 1;
        }
        table[byte] = crc;
        byte += 1;
    }
    table
};

/// Stuff bits the sender inserts into the low `length` bits of `bits`: one of opposite value after five
/// equal bits, itself counting as the first of the next run.
fn stuff_bits(bits: u128, length: u32) -> u32 {
    let (mut run, mut stuffed) = (0, 0);
    for i in (length / 8 * 8..length).rev() {
        let (next, stuff) = extend_run(run, (bits >> i) & 1 != 0);
        run = next;
        stuffed += u32::from(stuff);
    }
    for byte in (0..length / 8).rev() {
        let [next, stuff] = STUFFING_OF_BYTE[usize::from(run)][(bits >> (8 * byte)) as usize & 0xFF];
        run = next;
        stuffed += u32::from(stuff);
    }
    stuffed
}

/// A run of equal bits is kept as its length, plus 5 if the bits are ones; 0 before the first bit. Returns
/// the run after one more bit, and whether a stuff bit followed it.
const fn extend_run(run: u8, bit: bool) -> (u8, bool) {
    let ones = if bit { 5 } else { 0 };
    let same = run != 0 && run != 5 && (run >= 5) == bit;
    let length = if same { run % 5 + 1 } else { 1 };
    if length == 5 { (if bit { 1 } else { 6 }, true) } else { (ones + length, false) }
}

/// Run after a byte, and stuff bits inserted, by run before it.
const STUFFING_OF_BYTE: [[[u8; 2]; 256]; 10] = {
    let mut table = [[[0; 2]; 256]; 10];
    let mut before = 0;
    while before < 10 {
        let mut byte = 0;
        while byte < 256 {
            let (mut run, mut stuffed, mut bit) = (before as u8, 0, 8);
            while bit > 0 {
                bit -= 1;
                let (next, stuff) = extend_run(run, (byte >> bit) & 1 != 0);
                run = next;
                stuffed += stuff as u8;
            }
            table[before][byte] = [run, stuffed];
            byte += 1;
        }
        before += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::FrameEffect;
    use proptest::prelude::*;

    const A: NodeId = NodeId(0);
    const B: NodeId = NodeId(1);

    fn drain(bus: &mut Bus, now: SimTime) -> Vec<Delivery> {
        std::iter::from_fn(|| bus.poll(now)).collect()
    }

    #[test]
    fn the_crc_has_the_published_check_value() {
        let bits = b"123456789".iter().fold(0, |bits: u128, byte| (bits << 8) | u128::from(*byte));
        assert_eq!(crc15(bits, 72), 0x059E);
    }

    proptest! {
        #[test]
        fn the_crc_by_bytes_is_the_crc_by_bits(bits in any::<u128>(), length in 1u32..=83) {
            let bits = bits & ((1 << length) - 1);
            let by_bits = (0..length).rev().fold(0u16, |crc, i| {
                let shifted = (crc << 1) & 0x7FFF;
                if ((bits >> i) & 1 != 0) != (crc & 0x4000 != 0) { shifted ^ 0x4599 } else { shifted }
            });
            prop_assert_eq!(crc15(bits, length), by_bits);
        }
    }

    #[test]
    fn a_zero_frame_is_stuffed_where_the_standard_says() {
        // id 0, no data: 34 dominant bits (the CRC of zeros is zero), and a stuff bit after every fifth.
        let frame = Frame::from_payload(0, &[]).unwrap();
        assert_eq!(frame_bits(&frame), 34 + 6 + 10);
    }

    #[test]
    fn the_worst_pattern_needs_the_published_24_stuff_bits() {
        // 00000 1111 0000 1111 …: each stuff bit is the first of the next five equal bits.
        let bits = (0..98).fold(0u128, |bits, i| (bits << 1) | u128::from(i > 0 && (i - 1) / 4 % 2 == 1));
        assert_eq!(stuff_bits(bits, 98), 24);
    }

    /// The sent bits with stuffing, for an independent look at the wire.
    fn wire(frame: &Frame) -> Vec<bool> {
        let (bits, length) = stuffed_region(frame);
        let mut sent: Vec<bool> = Vec::new();
        for i in (0..length).rev() {
            sent.push(bits >> i & 1 != 0);
            if let [.., a, b, c, d, e] = sent[..]
                && [a, b, c, d] == [e; 4]
            {
                sent.push(!e);
            }
        }
        sent
    }

    proptest! {
        #[test]
        fn no_six_equal_bits_are_ever_on_the_wire(id in 0u16..0x800, payload in prop::collection::vec(any::<u8>(), 0..=8)) {
            let frame = Frame::from_payload(id, &payload).unwrap();
            let sent = wire(&frame);
            prop_assert_eq!(sent.len() as u32 + TRAILER_BITS, frame_bits(&frame));
            prop_assert!(sent.windows(6).all(|w| w.iter().any(|bit| *bit != w[0])));
            // Bounds of the literature: g + 8n + 13 bits without stuffing, floor((g + 8n - 1) / 4) more at worst, g = 34.
            let n = payload.len() as u32;
            let bits = frame_bits(&frame);
            prop_assert!(bits >= 34 + 8 * n + 10 && bits <= 34 + 8 * n + 10 + (34 + 8 * n - 1) / 4);
        }

        #[test]
        fn frames_never_overlap_and_none_is_lost(
            sends in prop::collection::vec((0u64..3_000, 0u16..0x800, 0u8..3), 0..60),
        ) {
            let mut bus = Bus::new(500_000);
            let mut sends = sends;
            sends.sort();
            let mut delivered = Vec::new();
            let mut next = sends.iter().peekable();
            for us in 0..30_000 {
                let now = SimTime::from_ns(us * 1000);
                delivered.extend(drain(&mut bus, now));
                while let Some((_, id, node)) = next.next_if(|(at, ..)| *at == us) {
                    bus.send(now, NodeId(*node), Frame::new(*id, [0; 8]));
                }
            }
            prop_assert_eq!(delivered.len(), sends.len());
            for pair in delivered.windows(2) {
                let bits = u64::from(frame_bits(&pair[1].frame) + INTERFRAME_BITS);
                prop_assert!(pair[1].at.since(pair[0].at) >= Duration::from_nanos(bits * 2000));
            }
        }
    }

    #[test]
    fn an_eight_byte_frame_takes_about_a_quarter_of_a_millisecond() {
        let mut bus = Bus::new(500_000);
        let frame = Frame::new(0x65, [0x21, 0x4c, 0xc4, 0xcf, 0x6f, 0x99, 0xc4, 0x01]);
        bus.send(SimTime::ZERO, A, frame);
        let got = drain(&mut bus, SimTime::from_ms(1));
        assert_eq!(got.len(), 1);
        assert_eq!(got[0].at, SimTime::from_ns(u64::from(frame_bits(&frame)) * 2000));
        assert!(got[0].at.as_ns() > 216_000 && got[0].at.as_ns() < 256_000);
        assert!(got[0].reaches(B) && !got[0].reaches(A));
    }

    #[test]
    fn the_lowest_id_wins_whoever_called_first() {
        let mut bus = Bus::new(500_000);
        let now = SimTime::from_ms(3);
        assert_eq!(bus.poll(now), None);
        bus.send(now, A, Frame::new(0x65, [1; 8]));
        bus.send(now, B, Frame::new(0x60, [2; 8]));
        bus.send(now, A, Frame::new(0x61, [3; 8]));
        let ids: Vec<u16> = drain(&mut bus, SimTime::from_ms(9)).iter().map(|d| d.frame.id).collect();
        assert_eq!(ids, [0x60, 0x61, 0x65]);
    }

    #[test]
    fn a_frame_on_the_wire_is_not_interrupted() {
        let mut bus = Bus::new(500_000);
        bus.send(SimTime::ZERO, A, Frame::new(0x7FF, [1; 8]));
        bus.send(SimTime::from_ns(50_000), B, Frame::new(0x001, [1; 8]));
        let ids: Vec<u16> = drain(&mut bus, SimTime::from_ms(9)).iter().map(|d| d.frame.id).collect();
        assert_eq!(ids, [0x7FF, 0x001]);
    }

    #[test]
    fn frames_of_one_id_keep_their_order() {
        let mut bus = Bus::new(500_000);
        for n in 0..10 {
            bus.send(SimTime::ZERO, A, Frame::new(0x60, [n; 8]));
        }
        let order: Vec<u8> = drain(&mut bus, SimTime::from_ms(9)).iter().map(|d| d.frame.data[0]).collect();
        assert_eq!(order, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    }

    fn noise(channel: &str) -> NoiseStream {
        NoiseStream::new(7, channel)
    }

    fn fault(effect: FrameEffect, ids: &[u16], share: f64, until_ms: u64) -> FrameFault {
        FrameFault { effect, ids: Some(ids.to_vec()), share, until: SimTime::from_ms(until_ms) }
    }

    #[test]
    fn dropped_commands_vanish_until_the_fault_ends_and_others_pass() {
        let mut bus = Bus::new(500_000);
        bus.inject(fault(FrameEffect::Lose, &[0x60, 0x62], 1.0, 40), noise("a"));
        // A shorter fault inside a longer one does not end it.
        bus.inject(fault(FrameEffect::Lose, &[0x60], 1.0, 10), noise("b"));
        for ms in [0, 20, 40, 60] {
            for id in [0x60, 0x62, 0x64] {
                bus.send(SimTime::from_ms(ms), A, Frame::new(id, [0; 8]));
            }
        }
        let got: Vec<u16> = drain(&mut bus, SimTime::from_ms(99)).iter().map(|d| d.frame.id).collect();
        assert_eq!(got, [0x64, 0x64, 0x60, 0x62, 0x64, 0x60, 0x62, 0x64]);
        assert_eq!(bus.lost(), 4);
    }

    /// A frame with its number every millisecond for `count` ms, under a fault; the arrivals.
    fn stream(fault: FrameFault, count: u64) -> (Bus, Vec<Delivery>) {
        let mut bus = Bus::new(500_000);
        bus.inject(fault, noise("stream"));
        let mut got = Vec::new();
        for ms in 0..count {
            let now = SimTime::from_ms(ms);
            got.extend(drain(&mut bus, now));
            let mut data = [0; 8];
            data[..2].copy_from_slice(&(ms as u16).to_le_bytes());
            bus.send(now, A, Frame::new(0x60, data));
        }
        got.extend(drain(&mut bus, SimTime::from_ms(count + 5000)));
        (bus, got)
    }

    fn number(delivery: &Delivery) -> u64 {
        u64::from(u16::from_le_bytes([delivery.frame.data[0], delivery.frame.data[1]]))
    }

    #[test]
    fn a_share_of_the_frames_is_lost_and_the_same_ones_again() {
        let lossy = || stream(fault(FrameEffect::Lose, &[0x60], 0.25, 1_000_000), 4000);
        let (bus, got) = lossy();
        assert_eq!(got.len() as u64 + bus.lost(), 4000);
        // Binomial: 1000 expected, standard deviation 27.
        assert!((890..1110).contains(&bus.lost()), "{}", bus.lost());
        assert_eq!(lossy().1, got);
    }

    #[test]
    fn a_delayed_frame_comes_that_much_later() {
        let late = Duration::from_millis(30);
        let (bus, got) = stream(fault(FrameEffect::Delay(late), &[0x60], 1.0, 50), 100);
        let (_, on_time) = stream(fault(FrameEffect::Lose, &[0x61], 1.0, 50), 100);
        assert_eq!((got.len(), bus.counters().tampered), (100, 50));
        let mut of_number = got.clone();
        of_number.sort_by_key(number);
        for (delayed, prompt) in of_number.iter().zip(&on_time) {
            let expected = if number(prompt) < 50 { late } else { Duration::ZERO };
            let by = delayed.at.since(prompt.at);
            // Two frames may want the wire at once: one then waits for the other.
            assert!(by >= expected && by < expected + Duration::from_micros(300), "{by:?}");
        }
        assert!(got.windows(2).any(|pair| number(&pair[0]) > number(&pair[1])), "late frames are overtaken");
    }

    #[test]
    fn a_duplicated_frame_arrives_twice() {
        let (_, got) = stream(fault(FrameEffect::Duplicate, &[0x60], 1.0, 10), 20);
        let numbers: Vec<u64> = got.iter().map(number).collect();
        let expected: Vec<u64> = (0..10).flat_map(|n| [n, n]).chain(10..20).collect();
        assert_eq!(numbers, expected);
    }

    #[test]
    fn an_altered_frame_differs_in_one_bit_and_a_stuck_one_repeats_the_first() {
        let (bus, got) = stream(fault(FrameEffect::Alter, &[0x60], 1.0, 500), 600);
        let mut seen = 0u64;
        for (n, delivery) in got.iter().enumerate() {
            let difference = u64::from_le_bytes(delivery.frame.data) ^ n as u64;
            assert_eq!(difference.count_ones(), u32::from(n < 500));
            seen |= difference;
        }
        assert_eq!((seen, bus.counters().tampered), (u64::MAX, 500), "every bit is struck once");
        let (_, got) = stream(fault(FrameEffect::Stuck, &[0x60], 1.0, 10), 12);
        assert_eq!(got.iter().map(number).collect::<Vec<_>>(), [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 10, 11]);
    }

    #[test]
    fn a_disturbed_frame_is_sent_again_and_costs_an_error_frame() {
        let (bus, got) = stream(fault(FrameEffect::Corrupt, &[0x60], 0.08, 1_000_000), 1000);
        let (_, clean) = stream(fault(FrameEffect::Corrupt, &[0x61], 1.0, 1_000_000), 1000);
        assert!(got.iter().map(number).eq(0..1000), "none is lost");
        // 0.08 / 0.92 error frames for each that passes.
        let errors = bus.counters().error_frames;
        assert!((55..120).contains(&errors), "{errors}");
        for (a, b) in got.iter().zip(&clean) {
            let late = a.at.since(b.at);
            assert!(late.is_zero() || late >= Duration::from_micros(2 * (1 + 20 + 3)), "{late:?}");
        }
        assert_eq!((bus.lost(), bus.counters().bus_offs), (0, 0));
        // An error costs 8 and a frame pays 1: beyond one attempt in nine the counter only climbs.
        let (bus, _) = stream(fault(FrameEffect::Corrupt, &[0x60], 0.3, 1_000_000), 1000);
        assert!(bus.counters().bus_offs > 3 && bus.lost() > 3, "{:?}", bus.counters());
    }

    #[test]
    fn thirty_two_errors_in_a_row_take_the_node_off_the_bus_and_it_comes_back() {
        let mut bus = Bus::new(500_000);
        bus.inject(fault(FrameEffect::Corrupt, &[0x60], 1.0, 20), noise("off"));
        bus.send(SimTime::ZERO, A, Frame::new(0x60, [1; 8]));
        bus.send(SimTime::ZERO, B, Frame::new(0x61, [2; 8]));
        let got = drain(&mut bus, SimTime::from_ms(30));
        assert_eq!(got.iter().map(|d| d.frame.id).collect::<Vec<_>>(), [0x61], "others go on");
        let counters = bus.counters();
        assert_eq!((counters.error_frames, counters.bus_offs, counters.lost), (32, 1, 1));
        let changes: Vec<StateChange> = bus.drain_state_changes().collect();
        let states: Vec<(NodeId, ErrorState)> = changes.iter().map(|c| (c.node, c.state)).collect();
        assert_eq!(states[..2], [(A, ErrorState::Passive), (A, ErrorState::Off)]);
        let at = changes[1].at;
        assert!(bus.is_off(at, A) && !bus.is_off(at, B));
        bus.send(SimTime::from_ms(30), A, Frame::new(0x60, [1; 8]));
        assert_eq!(drain(&mut bus, SimTime::from_ms(40)).len(), 1);
    }

    #[test]
    fn a_node_off_the_bus_says_nothing() {
        let mut bus = Bus::new(500_000);
        bus.send(SimTime::ZERO, A, Frame::new(0x60, [1; 8]));
        bus.switch_off(SimTime::ZERO, A, SimTime::from_ms(10));
        bus.send(SimTime::from_ms(9), A, Frame::new(0x61, [1; 8]));
        bus.send(SimTime::from_ms(9), B, Frame::new(0x62, [1; 8]));
        bus.send(SimTime::from_ms(10), A, Frame::new(0x63, [1; 8]));
        let got: Vec<u16> = drain(&mut bus, SimTime::from_ms(20)).iter().map(|d| d.frame.id).collect();
        assert_eq!((got, bus.lost()), (vec![0x62, 0x63], 2));
    }

    #[test]
    fn a_babbling_node_with_the_lowest_id_keeps_the_bus_to_itself() {
        let babble = |id, period_us| {
            let mut bus = Bus::new(500_000);
            bus.babble(Babble {
                node: B,
                frame: Frame::new(id, [0x55; 8]),
                period: Duration::from_micros(period_us),
                next: SimTime::from_ms(10),
                until: SimTime::from_ms(210),
            });
            let mut got = Vec::new();
            for ms in 0..400 {
                let now = SimTime::from_ms(ms);
                got.extend(drain(&mut bus, now));
                bus.send(now, A, Frame::new(0x60, [1; 8]));
            }
            got.extend(drain(&mut bus, SimTime::from_ms(900)));
            (bus, got)
        };
        let count = |got: &[Delivery], id: u16, from: u64, to: u64| {
            let within = |at: SimTime| at > SimTime::from_ms(from) && at <= SimTime::from_ms(to);
            got.iter().filter(|d| d.frame.id == id && within(d.at)).count()
        };
        // Faster than the wire: nobody else speaks until it is over, then everybody at once.
        let (bus, got) = babble(0, 100);
        assert_eq!(count(&got, 0x60, 11, 210), 0);
        assert!(count(&got, 0, 10, 210) > 800 && count(&got, 0, 211, 900) == 0);
        assert!(bus.peak_load() > 0.999 && bus.lost() == 0);
        assert_eq!(count(&got, 0x60, 0, 900), 400);
        // With room between, or with a higher identifier, the others get through.
        let (_, got) = babble(0, 1000);
        assert_eq!((count(&got, 0, 10, 210), count(&got, 0x60, 10, 210)), (200, 200));
        let (_, got) = babble(0x7FF, 100);
        assert_eq!(count(&got, 0x60, 10, 210), 200);
        assert!(count(&got, 0x7FF, 10, 210) > 500);
    }

    proptest! {
        #[test]
        fn no_fault_makes_or_loses_frames_uncounted(
            effects in prop::collection::vec((0u8..5, 0.0..=1.0f64, 1u64..60), 0..6),
            sends in prop::collection::vec((0u64..50, 0u16..4, 0u8..2), 0..60), off in prop::option::of(0u64..40),
        ) {
            let mut bus = Bus::new(500_000);
            for (index, (effect, share, until)) in effects.iter().enumerate() {
                let delay = Duration::from_millis(3);
                let effect = [FrameEffect::Lose, FrameEffect::Delay(delay), FrameEffect::Alter, FrameEffect::Stuck,
                    FrameEffect::Corrupt][usize::from(*effect)];
                bus.inject(fault(effect, &[0, 1, 2], *share, *until), noise(&index.to_string()));
            }
            let (mut sends, mut delivered) = (sends, 0u64);
            sends.sort();
            for ms in 0..200 {
                let now = SimTime::from_ms(ms);
                delivered += drain(&mut bus, now).len() as u64;
                if off == Some(ms) {
                    bus.switch_off(now, A, now + Duration::from_millis(5));
                }
                for (_, id, node) in sends.iter().filter(|(at, ..)| *at == ms) {
                    bus.send(now, NodeId(*node), Frame::new(*id, [9; 8]));
                }
            }
            prop_assert_eq!(delivered + bus.lost(), sends.len() as u64);
        }
    }

    #[test]
    fn the_load_is_the_share_of_time_on_the_wire() {
        let mut bus = Bus::new(500_000);
        let frame = Frame::new(0x60, [0x55; 8]);
        for ms in 0..300 {
            bus.send(SimTime::from_ms(ms), A, frame);
            drain(&mut bus, SimTime::from_ms(ms + 1));
        }
        let share = f64::from(frame_bits(&frame) + INTERFRAME_BITS) * 2e-6 / 1e-3;
        assert!((bus.load() - share).abs() < 1e-3, "{} against {share}", bus.load());
        assert!((bus.peak_load() - share).abs() < 1e-3);
        drain(&mut bus, SimTime::from_ms(900));
        assert_eq!(bus.load(), 0.0);
    }

    #[test]
    fn a_flood_is_cut_and_counted() {
        let mut bus = Bus::new(500_000);
        for _ in 0..Bus::CAPACITY + 7 {
            bus.send(SimTime::ZERO, A, Frame::new(1, [0; 8]));
        }
        assert_eq!((bus.waiting(), bus.lost()), (Bus::CAPACITY, 7));
    }
}
