//! How much the bytes of a message hold, before anything is made of them.
//!
//! A part of a message, as a point of a trajectory, may take two bytes and becomes more than a hundred: a message that is no longer
//! than a link carries could hold the simulation up for most of a second, and the machine would be blamed.

/// Most parts (points, items, texts) of a message: a hundred seconds of a trajectory with a point each 10 ms, and as many again.
pub const MAX_PARTS: u32 = 20_000;
/// Most fields of a message, those of its parts included: each part with twenty-five of them.
const MAX_FIELDS: u32 = 500_000;
/// No message of the stack goes deeper.
const MAX_DEPTH: u32 = 8;

/// Whether the message that `bytes` may be holds no more than it may. What is no message at all is for its decoder to say.
///
/// It knows no layout: what has a length may be a part or a text, and is looked into as if it were a part.
pub fn are_bounded(bytes: &[u8]) -> bool {
    let mut left = Left { parts: MAX_PARTS, fields: MAX_FIELDS };
    left.take(bytes, 0) != Taken::TooMuch
}

struct Left {
    parts: u32,
    fields: u32,
}

#[derive(PartialEq)]
enum Taken {
    All,
    /// Not fields to its end: a text, or damaged.
    NoMessage,
    TooMuch,
}

impl Left {
    fn take(&mut self, mut bytes: &[u8], depth: u32) -> Taken {
        while !bytes.is_empty() {
            let Some(kind) = varint(&mut bytes) else { return Taken::NoMessage };
            let Some(left) = self.fields.checked_sub(1) else { return Taken::TooMuch };
            self.fields = left;
            let length = match kind & 7 {
                0 => varint(&mut bytes).map(|_| 0),
                1 => Some(8),
                2 => varint(&mut bytes).and_then(|length| usize::try_from(length).ok()),
                5 => Some(4),
                _ => None,
            };
            let Some((field, rest)) = length.and_then(|length| bytes.split_at_checked(length)) else {
                return Taken::NoMessage;
            };
            bytes = rest;
            if kind & 7 == 2 {
                let Some(left) = self.parts.checked_sub(1) else { return Taken::TooMuch };
                self.parts = left;
                if depth < MAX_DEPTH && self.take(field, depth + 1) == Taken::TooMuch {
                    return Taken::TooMuch;
                }
            }
        }
        Taken::All
    }
}

/// Takes a number of protobuf's.
fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for (at, byte) in bytes.iter().take(10).enumerate() {
        value |= u64::from(byte & 0x7f) << (7 * at);
        if *byte < 0x80 {
            *bytes = &bytes[at + 1..];
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::TopicMessage;
    use proptest::prelude::*;
    use skidpad_msgs::apollo::planning::{AdcTrajectory, AdcTrajectoryPoint};
    use skidpad_msgs::{Message, topic};

    fn trajectory(points: usize, point: AdcTrajectoryPoint) -> Vec<u8> {
        let adc_trajectory_point = vec![point; points];
        AdcTrajectory { adc_trajectory_point, ..AdcTrajectory::default() }.encode_to_vec()
    }

    fn full_point() -> AdcTrajectoryPoint {
        let one = || Some(1.5);
        AdcTrajectoryPoint {
            x: one(),
            y: one(),
            z: one(),
            speed: one(),
            acceleration_s: one(),
            curvature: one(),
            curvature_change_rate: one(),
            relative_time: one(),
            theta: one(),
            accumulated_s: one(),
            ..AdcTrajectoryPoint::default()
        }
    }

    #[test]
    fn a_trajectory_of_millions_of_empty_points_is_refused_by_name_and_a_long_one_with_values_is_taken() {
        let planning = topic("/apollo/planning").unwrap();
        // As much as a link of ROS carries: 16 MiB, two bytes a point.
        let bytes = trajectory(8_000_000, AdcTrajectoryPoint::default());
        let error = TopicMessage::decode(planning, &bytes).unwrap_err().to_string();
        assert!(error.starts_with("/apollo/planning: 16000000 bytes hold more than 20000 parts"), "{error}");
        assert!(TopicMessage::decode(planning, &trajectory(15_000, full_point())).is_ok());
        assert!(are_bounded(&trajectory(20_000, AdcTrajectoryPoint::default())));
        assert!(!are_bounded(&trajectory(20_001, AdcTrajectoryPoint::default())));
        // They are as many one level down, in a field that the message knows or does not.
        let mut inner = vec![0x42, 0x80, 0x80, 0x04];
        inner.extend([0x1a, 0].repeat(1 << 15));
        assert!(!are_bounded(&inner));
        // Numbers alone are many sooner or later too.
        assert!(!are_bounded(&[0x08, 1].repeat(600_000)));
    }

    proptest! {
        #[test]
        fn any_bytes_are_looked_at_without_harm_and_few_are_always_bounded(
            bytes in proptest::collection::vec(any::<u8>(), 0..4000),
        ) {
            prop_assert!(are_bounded(&bytes));
        }
    }
}
