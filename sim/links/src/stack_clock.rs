//! The clock of a stack that lives in a faster or shifted time, learned from the stamps of what it sends.

use skidpad_engine::TopicMessage;
use std::time::Duration;

/// Messages after which the clock is known; with the latest of so many, scheduling and sockets cost about a millisecond.
pub const CLOCK_SAMPLES: u32 = 50;

/// Learns the clock of a stack: time there = `scale` · time here + offset.
///
/// A message is received after it was stamped, never before, so `stamp - scale · received` is at most the offset; the
/// largest of [`CLOCK_SAMPLES`] is taken. Planning is left out where others speak, since Apollo's stamps its
/// trajectories 0.2 s ahead, and so are the messages of the gnss driver, whose stamps are the receiver's.
#[derive(Clone, Debug)]
pub struct StackClock {
    scale: f64,
    samples: u32,
    offset_s: f64,
    from_planning: bool,
}

impl StackClock {
    /// Of a stack whose time passes `scale` times as fast.
    pub fn new(scale: f64) -> StackClock {
        StackClock { scale, samples: 0, offset_s: f64::NEG_INFINITY, from_planning: false }
    }

    /// A message came when the clock here showed `received`.
    pub fn hear(&mut self, received: Duration, message: &TopicMessage) {
        let planning = match message {
            TopicMessage::Command(_) | TopicMessage::Chassis(_) | TopicMessage::Pose(_) => false,
            TopicMessage::Trajectory(_) => true,
            _ => return,
        };
        let stamp_s = message.header().map_or(0.0, |header| header.timestamp_sec());
        if !(stamp_s.is_finite() && stamp_s > 0.0) || (planning && self.samples > 0 && !self.from_planning) {
            return;
        }
        if self.from_planning && !planning {
            (self.samples, self.offset_s) = (0, f64::NEG_INFINITY);
        }
        self.from_planning = planning;
        self.samples = self.samples.saturating_add(1);
        self.offset_s = self.offset_s.max(stamp_s - self.scale * received.as_secs_f64());
    }

    /// How many messages it knows of.
    pub fn samples(&self) -> u32 {
        self.samples
    }

    /// What the stack's clock shows when the one here shows `at`, Unix s; `None` until enough has been heard.
    pub fn unix_s(&self, at: Duration) -> Option<f64> {
        (self.samples >= CLOCK_SAMPLES).then_some(self.scale * at.as_secs_f64() + self.offset_s)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use skidpad_msgs::apollo::common::Header;
    use skidpad_msgs::apollo::control::ControlCommand;
    use skidpad_msgs::apollo::planning::AdcTrajectory;

    fn header(stamp_s: f64) -> Option<Header> {
        Some(Header { timestamp_sec: Some(stamp_s), ..Header::default() })
    }

    fn command(stamp_s: f64) -> TopicMessage {
        TopicMessage::Command(Box::new(ControlCommand { header: header(stamp_s), ..Default::default() }))
    }

    fn trajectory(stamp_s: f64) -> TopicMessage {
        TopicMessage::Trajectory(Box::new(AdcTrajectory { header: header(stamp_s), ..Default::default() }))
    }

    #[test]
    fn the_offset_of_a_fake_clock_is_learned_to_the_shortest_delay_of_fifty_messages() {
        for scale in [1.0, 3.0, 10.0] {
            let mut clock = StackClock::new(scale);
            let offset_s = 1_790_000_000.0 - 77.0 * scale;
            for k in 0..CLOCK_SAMPLES {
                assert_eq!(clock.unix_s(Duration::from_secs(100)), None);
                let sent_s = 70.0 + 0.01 / scale * f64::from(k);
                // 0.2 to 5 ms on the way.
                let delay_s = 0.0002 + 0.0048 * f64::from(k * 7 % 11) / 10.0;
                clock.hear(Duration::from_secs_f64(sent_s + delay_s), &command(scale * sent_s + offset_s));
            }
            let learned = clock.unix_s(Duration::from_secs(100)).unwrap();
            let error_s = learned - (scale * 100.0 + offset_s);
            assert!((error_s + 0.0002 * scale).abs() < 1e-5, "{scale}: {error_s}");
        }
    }

    #[test]
    fn trajectories_count_only_where_nobody_else_speaks_and_rubbish_never() {
        let mut clock = StackClock::new(1.0);
        for _ in 0..60 {
            clock.hear(Duration::from_secs(1), &trajectory(1000.2));
        }
        assert_eq!(clock.unix_s(Duration::from_secs(1)), Some(1000.2));
        clock.hear(Duration::from_secs(1), &command(f64::NAN));
        clock.hear(Duration::from_secs(1), &command(0.0));
        assert_eq!(clock.samples(), 60);
        clock.hear(Duration::from_secs(1), &command(1000.0));
        clock.hear(Duration::from_secs(1), &trajectory(1000.2));
        assert_eq!((clock.samples(), clock.unix_s(Duration::from_secs(1))), (1, None));
        (0..49).for_each(|_| clock.hear(Duration::from_secs(1), &command(1000.0)));
        assert_eq!(clock.unix_s(Duration::from_secs(1)), Some(1000.0));
    }
}
