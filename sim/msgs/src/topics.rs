//! The topics between the seats of an Apollo 1.0 stack.
//!
//! Source: `modules/common/adapters/adapter_gflags.cc` and each module's `conf/adapter.conf`, and the running stack.

/// A topic: what travels on it, how often, and how ROS names it.
///
/// Apollo's ROS names a protobuf type `pb_msgs/<message name without package>`, and its md5 is the MD5 of that
/// *name*, not of the schema: a changed schema goes unnoticed on the wire.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Topic {
    /// Topic name, for example `/apollo/canbus/chassis`.
    pub name: &'static str,
    /// Full protobuf name of the message, for example `apollo.canbus.Chassis`.
    pub message: &'static str,
    /// ROS datatype, for example `pb_msgs/Chassis`.
    pub datatype: &'static str,
    /// Lower-case hexadecimal MD5 of [`Topic::datatype`].
    pub md5: &'static str,
    /// Publishing rate of the real module in Hz; `None` for a topic that speaks on events.
    pub rate_hz: Option<f64>,
    /// Whether the publisher latches: a late subscriber gets the last message.
    pub latched: bool,
}

impl Topic {
    /// The `message_definition` that Apollo's ROS sends for every protobuf type.
    pub const MESSAGE_DEFINITION: &'static str = "protobuf";

    /// The MD5 that a ROS peer must present for this topic: [`Topic::md5`].
    pub const fn md5(&self) -> &'static str {
        self.md5
    }
}

/// The topic of this name, if it is one of [`TOPICS`].
pub fn topic(name: &str) -> Option<&'static Topic> {
    TOPICS.iter().find(|topic| topic.name == name)
}

const fn periodic(
    name: &'static str,
    message: &'static str,
    datatype: &'static str,
    md5: &'static str,
    rate_hz: f64,
) -> Topic {
    Topic { name, message, datatype, md5, rate_hz: Some(rate_hz), latched: false }
}

const fn on_event(
    name: &'static str,
    message: &'static str,
    datatype: &'static str,
    md5: &'static str,
    latched: bool,
) -> Topic {
    Topic { name, message, datatype, md5, rate_hz: None, latched }
}

/// Every topic that Skidpad speaks. `/apollo/planning` carries the rate of the RTK player, whose place the embedded
/// planning takes (the 1.0 planning node publishes at 5 Hz).
pub const TOPICS: &[Topic] = &[
    periodic(
        "/apollo/sensor/gnss/odometry",
        "apollo.localization.Gps",
        "pb_msgs/Gps",
        "8fad5985ce947d3b6854fd093a59c429",
        100.0,
    ),
    periodic(
        "/apollo/sensor/gnss/corrected_imu",
        "apollo.localization.Imu",
        "pb_msgs/Imu",
        "bdef0ba51869607ed95736d41e80c1f5",
        100.0,
    ),
    on_event(
        "/apollo/sensor/gnss/gnss_status",
        "apollo.common.gnss_status.GnssStatus",
        "pb_msgs/GnssStatus",
        "6ab9bfa7e56e2724f6d30280b731fef2",
        true,
    ),
    on_event(
        "/apollo/sensor/gnss/ins_status",
        "apollo.common.gnss_status.InsStatus",
        "pb_msgs/InsStatus",
        "e5242c64749c5980f75940dffcdf2fba",
        true,
    ),
    on_event(
        "/apollo/sensor/gnss/stream_status",
        "apollo.common.gnss_status.StreamStatus",
        "pb_msgs/StreamStatus",
        "d6e98995ddcddd79bc955699f0ac28c9",
        true,
    ),
    periodic(
        "/apollo/localization/pose",
        "apollo.localization.LocalizationEstimate",
        "pb_msgs/LocalizationEstimate",
        "503c8e75900db180bc61534806a37cfb",
        100.0,
    ),
    periodic(
        "/apollo/canbus/chassis",
        "apollo.canbus.Chassis",
        "pb_msgs/Chassis",
        "d6a21658031a6a4615858d76f8b5178e",
        100.0,
    ),
    periodic(
        "/apollo/canbus/chassis_detail",
        "apollo.canbus.ChassisDetail",
        "pb_msgs/ChassisDetail",
        "cfb47fbb54a39269c7adac3920a2fe3c",
        100.0,
    ),
    periodic(
        "/apollo/planning",
        "apollo.planning.ADCTrajectory",
        "pb_msgs/ADCTrajectory",
        "97587fe9a5b2df2b61888d56c6fc697b",
        10.0,
    ),
    periodic(
        "/apollo/control",
        "apollo.control.ControlCommand",
        "pb_msgs/ControlCommand",
        "67f7ff8a4c675dc97a8c7ce6d6289943",
        100.0,
    ),
    on_event(
        "/apollo/control/pad",
        "apollo.control.PadMessage",
        "pb_msgs/PadMessage",
        "35ef81c50bd776c0c53a0b3b8572bb6e",
        false,
    ),
    on_event(
        "/apollo/monitor",
        "apollo.common.monitor.MonitorMessage",
        "pb_msgs/MonitorMessage",
        "ada339d65883d2037c88f67d8b43f957",
        false,
    ),
];
