//! Messages of the topics, as values and as bytes.

use crate::parts;
use crate::seats::SeatId;
use skidpad_msgs::apollo::canbus::{Chassis, ChassisDetail};
use skidpad_msgs::apollo::common::Header;
use skidpad_msgs::apollo::common::gnss_status::{GnssStatus, InsStatus, StreamStatus};
use skidpad_msgs::apollo::common::monitor::MonitorMessage;
use skidpad_msgs::apollo::control::{ControlCommand, PadMessage};
use skidpad_msgs::apollo::localization::{Gps, Imu, LocalizationEstimate};
use skidpad_msgs::apollo::planning::AdcTrajectory;
use skidpad_msgs::{Message, TOPICS, Topic};

/// Bytes that are no message of their topic.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{topic}: {message}")]
pub struct MessageError {
    /// The topic.
    pub topic: String,
    /// What was wrong with the bytes.
    pub message: String,
}

macro_rules! messages {
    ($($variant:ident($held:ty): $message:ty, $topic:literal, $what:literal;)+) => {
        /// A message on one of the stack's topics.
        #[derive(Clone, Debug, PartialEq)]
        pub enum TopicMessage {
            $(#[doc = concat!("`", $topic, "`: ", $what, ".")] $variant($held),)+
        }

        impl TopicMessage {
            /// Name of the topic that it travels on.
            pub const fn topic_name(&self) -> &'static str {
                match self {
                    $(TopicMessage::$variant(_) => $topic,)+
                }
            }

            /// Appends it in protobuf's encoding.
            pub fn encode(&self, out: &mut Vec<u8>) {
                out.reserve(self.encoded_len());
                // A vector grows as it must.
                let _ = match self {
                    $(TopicMessage::$variant(message) => message.encode(out),)+
                };
            }

            /// Length of the encoding, bytes.
            pub fn encoded_len(&self) -> usize {
                match self {
                    $(TopicMessage::$variant(message) => message.encoded_len(),)+
                }
            }

            /// The message that `bytes` are on this topic.
            ///
            /// # Errors
            /// Bytes that are none or hold more than 20,000 parts, or a topic that the stack does not have.
            pub fn decode(topic: &Topic, bytes: &[u8]) -> Result<TopicMessage, MessageError> {
                let wrong = |message: String| MessageError { topic: topic.name.to_owned(), message };
                if !parts::are_bounded(bytes) {
                    let (length, most) = (bytes.len(), parts::MAX_PARTS);
                    return Err(wrong(format!("{length} bytes hold more than {most} parts (points, items, texts)")));
                }
                match topic.name {
                    $($topic => <$message>::decode(bytes)
                        .map(|message| TopicMessage::$variant(message.into()))
                        .map_err(|error| wrong(format!("{} bytes are no {}: {error}", bytes.len(), topic.message))),)+
                    _ => Err(wrong("no topic of the stack".to_owned())),
                }
            }
        }
    };
}

messages! {
    Chassis(Chassis): Chassis, "/apollo/canbus/chassis", "the car as canbus sees it";
    ChassisDetail(Box<ChassisDetail>): ChassisDetail, "/apollo/canbus/chassis_detail", "everything canbus has received";
    Pose(Box<LocalizationEstimate>): LocalizationEstimate, "/apollo/localization/pose", "where localization believes the car to be";
    Trajectory(Box<AdcTrajectory>): AdcTrajectory, "/apollo/planning", "where planning wants the car to be";
    Command(Box<ControlCommand>): ControlCommand, "/apollo/control", "what control wants of the actuators";
    Pad(PadMessage): PadMessage, "/apollo/control/pad", "a press of the operator's";
    Monitor(MonitorMessage): MonitorMessage, "/apollo/monitor", "news of a module, for people and for control";
    Gps(Gps): Gps, "/apollo/sensor/gnss/odometry", "the receiver's position, attitude and velocity";
    Imu(Imu): Imu, "/apollo/sensor/gnss/corrected_imu", "the receiver's accelerations and rates";
    GnssStatus(GnssStatus): GnssStatus, "/apollo/sensor/gnss/gnss_status", "the kind of the receiver's fix";
    InsStatus(InsStatus): InsStatus, "/apollo/sensor/gnss/ins_status", "the state of the receiver's inertial solution";
    StreamStatus(StreamStatus): StreamStatus, "/apollo/sensor/gnss/stream_status", "which streams of the receiver are connected";
}

impl TopicMessage {
    /// The topic that it travels on.
    pub fn topic(&self) -> &'static Topic {
        let name = self.topic_name();
        TOPICS.iter().find(|topic| topic.name == name).expect("every message has its topic in the registry")
    }

    /// Its header: stamp, sender, count. `ChassisDetail` has none.
    pub fn header(&self) -> Option<&Header> {
        match self {
            TopicMessage::ChassisDetail(_) => None,
            TopicMessage::Chassis(m) => m.header.as_ref(),
            TopicMessage::Pose(m) => m.header.as_ref(),
            TopicMessage::Trajectory(m) => m.header.as_ref(),
            TopicMessage::Command(m) => m.header.as_ref(),
            TopicMessage::Pad(m) => m.header.as_ref(),
            TopicMessage::Monitor(m) => m.header.as_ref(),
            TopicMessage::Gps(m) => m.header.as_ref(),
            TopicMessage::Imu(m) => m.header.as_ref(),
            TopicMessage::GnssStatus(m) => m.header.as_ref(),
            TopicMessage::InsStatus(m) => m.header.as_ref(),
            TopicMessage::StreamStatus(m) => m.header.as_ref(),
        }
    }

    /// The seat that alone publishes such messages; `None` if anybody may.
    pub const fn seat(&self) -> Option<SeatId> {
        match self {
            TopicMessage::Trajectory(_) => Some(SeatId::Planning),
            TopicMessage::Command(_) => Some(SeatId::Control),
            TopicMessage::Pose(_) => Some(SeatId::Localization),
            TopicMessage::Chassis(_) | TopicMessage::ChassisDetail(_) => Some(SeatId::Canbus),
            TopicMessage::Gps(_)
            | TopicMessage::Imu(_)
            | TopicMessage::GnssStatus(_)
            | TopicMessage::InsStatus(_)
            | TopicMessage::StreamStatus(_) => Some(SeatId::GnssDriver),
            TopicMessage::Pad(_) | TopicMessage::Monitor(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_topic_of_the_registry_has_its_message_and_both_name_the_same_seat() {
        for topic in TOPICS {
            let message = TopicMessage::decode(topic, &[]).unwrap();
            assert_eq!(message.topic(), topic);
            assert_eq!(message.seat(), SeatId::of_topic(topic));
            assert_eq!(message.encoded_len(), 0);
        }
    }

    #[test]
    fn a_command_is_the_same_after_its_way_over_the_wire() {
        let command =
            ControlCommand { throttle: Some(20.0), steering_target: Some(-3.5), ..Default::default() };
        let message = TopicMessage::Command(Box::new(command));
        let mut bytes = vec![0xAA];
        message.encode(&mut bytes);
        assert_eq!(bytes.len(), 1 + message.encoded_len());
        assert_eq!(TopicMessage::decode(message.topic(), &bytes[1..]), Ok(message));
    }

    #[test]
    fn wrong_bytes_are_told_with_topic_type_and_length() {
        let topic = skidpad_msgs::topic("/apollo/control").unwrap();
        let error = TopicMessage::decode(topic, &[0x0a, 0x7f, 1]).unwrap_err().to_string();
        assert!(
            error.starts_with("/apollo/control: 3 bytes are no apollo.control.ControlCommand"),
            "{error}"
        );
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_decoder_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            for topic in TOPICS {
                if let Ok(message) = TopicMessage::decode(topic, &bytes) {
                    let mut again = Vec::new();
                    message.encode(&mut again);
                    prop_assert_eq!(again.len(), message.encoded_len());
                }
            }
        }
    }
}
