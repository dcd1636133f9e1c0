//! What travels on the bus and on the topics, as tables: one row for each identifier and each topic.

use skidpad_can::Frame;
use skidpad_engine::{Outside, Sender, TopicMessage};
use skidpad_kernel::SimTime;
use skidpad_sensors::ReceiverOutput;
use std::collections::BTreeMap;

/// Weight of the newest period in the mean that is shown.
const SMOOTHING: f64 = 0.1;

/// A CAN identifier that has been seen.
#[derive(Clone, Debug)]
pub struct CanRow {
    /// The newest frame.
    pub frame: Frame,
    /// Who sent it.
    pub from: Sender,
    /// Frames so far.
    pub count: u64,
    /// When it was last seen, s.
    pub last_s: f64,
    /// Mean period, s; NaN before the second frame.
    pub period_s: f64,
    /// Bits that differ from the frame before, per byte.
    pub changed: [u8; 8],
}

/// A topic that has been seen.
#[derive(Clone, Debug)]
pub struct TopicRow {
    /// Its name.
    pub name: &'static str,
    /// Messages so far.
    pub count: u64,
    /// When it was last seen, s.
    pub last_s: f64,
    /// Mean period, s; NaN before the second message.
    pub period_s: f64,
    /// The newest message.
    pub message: TopicMessage,
    /// It came on a link.
    pub outside: bool,
}

/// The ears of the window: taps every frame and message of a run and changes nothing.
#[derive(Clone, Debug, Default)]
pub struct Tables {
    /// CAN frames by identifier.
    pub can: BTreeMap<u16, CanRow>,
    /// Messages by topic.
    pub topics: BTreeMap<&'static str, TopicRow>,
    /// Position and sigma that the receiver claims, east and north, m.
    pub sigma_m: [f32; 2],
    /// How the satellites fix the position.
    pub fix: skidpad_sensors::FixType,
}

/// The next mean period after a gap of `gap_s`.
fn mean(period_s: f64, gap_s: f64) -> f64 {
    if period_s.is_nan() { gap_s } else { period_s + SMOOTHING * (gap_s - period_s) }
}

impl Tables {
    /// A message has come from outside.
    pub fn message_in(&mut self, now: SimTime, message: &TopicMessage) {
        self.hear(now, message, true);
    }

    fn hear(&mut self, now: SimTime, message: &TopicMessage, outside: bool) {
        let (name, now_s) = (message.topic_name(), now.as_s());
        self.topics
            .entry(name)
            .and_modify(|row| {
                row.period_s = mean(row.period_s, now_s - row.last_s);
                row.last_s = now_s;
                row.count += 1;
                row.outside = outside;
                row.message.clone_from(message);
            })
            .or_insert_with(|| TopicRow {
                name,
                count: 1,
                last_s: now_s,
                period_s: f64::NAN,
                message: message.clone(),
                outside,
            });
    }
}

impl Outside for Tables {
    fn frame_out(&mut self, at: SimTime, from: Sender, frame: &Frame) {
        let at_s = at.as_s();
        self.can
            .entry(frame.id)
            .and_modify(|row| {
                row.changed = std::array::from_fn(|i| row.frame.data[i] ^ frame.data[i]);
                row.period_s = mean(row.period_s, at_s - row.last_s);
                (row.frame, row.from, row.last_s) = (*frame, from, at_s);
                row.count += 1;
            })
            .or_insert(CanRow {
                frame: *frame,
                from,
                count: 1,
                last_s: at_s,
                period_s: f64::NAN,
                changed: [0; 8],
            });
    }

    fn receiver_out(&mut self, _now: SimTime, output: &ReceiverOutput, _bytes: &[u8]) {
        let [east, north, _] = output.ins.position_sigma_m;
        self.sigma_m = [east as f32, north as f32];
        self.fix = output.ins.fix;
    }

    fn listens(&self) -> bool {
        true
    }

    fn message_out(&mut self, now: SimTime, message: &TopicMessage) {
        self.hear(now, message, false);
    }
}
