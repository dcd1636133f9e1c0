//! The messages against the bytes of the running Apollo 1.0 stack, and against random bytes.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use md5::{Digest, Md5};
use proptest::prelude::*;
use skidpad_msgs::{FILE_DESCRIPTOR_SET, Message, Name, TOPICS, Topic, apollo, topic};
use std::fs;

/// Calls `$visit::<T>($($arg),*)` for the message type that travels on the topic.
macro_rules! with_message_of {
    ($topic:expr, $visit:ident($($arg:expr),*)) => {
        match $topic.message {
            "apollo.localization.Gps" => $visit::<apollo::localization::Gps>($($arg),*),
            "apollo.localization.Imu" => $visit::<apollo::localization::Imu>($($arg),*),
            "apollo.common.gnss_status.GnssStatus" => $visit::<apollo::common::gnss_status::GnssStatus>($($arg),*),
            "apollo.common.gnss_status.InsStatus" => $visit::<apollo::common::gnss_status::InsStatus>($($arg),*),
            "apollo.common.gnss_status.StreamStatus" => $visit::<apollo::common::gnss_status::StreamStatus>($($arg),*),
            "apollo.localization.LocalizationEstimate" => $visit::<apollo::localization::LocalizationEstimate>($($arg),*),
            "apollo.canbus.Chassis" => $visit::<apollo::canbus::Chassis>($($arg),*),
            "apollo.canbus.ChassisDetail" => $visit::<apollo::canbus::ChassisDetail>($($arg),*),
            "apollo.planning.ADCTrajectory" => $visit::<apollo::planning::AdcTrajectory>($($arg),*),
            "apollo.control.ControlCommand" => $visit::<apollo::control::ControlCommand>($($arg),*),
            "apollo.control.PadMessage" => $visit::<apollo::control::PadMessage>($($arg),*),
            "apollo.common.monitor.MonitorMessage" => $visit::<apollo::common::monitor::MonitorMessage>($($arg),*),
            other => panic!("the test knows no message type {other}"),
        }
    };
}

fn hex_md5(text: &str) -> String {
    Md5::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn reference(file: &str) -> Option<String> {
    let folder = skidpad_test_support::reference_data()?;
    let path = folder.join(file);
    Some(fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display())))
}

fn assert_lossless<T: Message + Default>(what: &str, bytes: &[u8]) {
    let message = T::decode(bytes).unwrap_or_else(|error| panic!("{what}: {error}"));
    assert!(message.encode_to_vec() == bytes, "{what}: decoded and encoded again, the bytes differ");
}

#[test]
fn md5_of_a_topic_is_the_md5_of_its_datatype_string() {
    for topic in TOPICS {
        assert_eq!(topic.md5(), hex_md5(topic.datatype), "{}", topic.name);
    }
}

/// The table of the interface facts; those that users print from real recordings are among them.
#[test]
fn md5_table_of_the_released_stack() {
    for (name, md5) in [
        ("Chassis", "d6a21658031a6a4615858d76f8b5178e"),
        ("ChassisDetail", "cfb47fbb54a39269c7adac3920a2fe3c"),
        ("ControlCommand", "67f7ff8a4c675dc97a8c7ce6d6289943"),
        ("PadMessage", "35ef81c50bd776c0c53a0b3b8572bb6e"),
        ("MonitorMessage", "ada339d65883d2037c88f67d8b43f957"),
        ("InsStatus", "e5242c64749c5980f75940dffcdf2fba"),
        ("Gps", "8fad5985ce947d3b6854fd093a59c429"),
        ("Imu", "bdef0ba51869607ed95736d41e80c1f5"),
        ("LocalizationEstimate", "503c8e75900db180bc61534806a37cfb"),
        ("ADCTrajectory", "97587fe9a5b2df2b61888d56c6fc697b"),
        ("GnssStatus", "6ab9bfa7e56e2724f6d30280b731fef2"),
        ("StreamStatus", "d6e98995ddcddd79bc955699f0ac28c9"),
    ] {
        let datatype = format!("pb_msgs/{name}");
        assert_eq!(hex_md5(&datatype), md5, "{datatype}");
        let topic = TOPICS.iter().find(|topic| topic.datatype == datatype).expect("every row is a topic");
        assert_eq!(topic.md5, md5);
    }
}

#[test]
fn a_topic_names_its_message_and_ros_datatype() {
    fn check<T: Name>(topic: &Topic) {
        assert_eq!(topic.message, T::full_name());
        assert_eq!(topic.datatype, format!("pb_msgs/{}", T::NAME));
    }
    for topic in TOPICS {
        with_message_of!(topic, check(topic));
    }
    assert_eq!(topic("/apollo/control").unwrap().rate_hz, Some(100.0));
    assert!(topic("/apollo/nothing").is_none());
}

#[test]
fn descriptor_set_describes_every_topic_message() {
    for topic in TOPICS {
        let bare = topic.datatype.strip_prefix("pb_msgs/").unwrap().as_bytes();
        assert!(FILE_DESCRIPTOR_SET.windows(bare.len()).any(|window| window == bare), "{}", topic.message);
    }
}

#[test]
fn every_payload_recorded_from_the_running_stack_survives_decode_and_encode() {
    let Some(text) = reference("apollo/wire_samples.jsonl") else { return };
    let mut seen = 0;
    for line in text.lines() {
        let sample: serde_json::Value = serde_json::from_str(line).unwrap();
        let field = |name: &str| sample[name].as_str().unwrap_or_else(|| panic!("no {name} in {line:.80}"));
        let topic = topic(field("topic")).unwrap_or_else(|| panic!("unknown topic {}", field("topic")));
        assert_eq!(topic.datatype, field("datatype"));
        assert_eq!(topic.md5, field("md5"));
        let payload = STANDARD.decode(field("payload_base64")).unwrap();
        with_message_of!(topic, assert_lossless(topic.name, &payload));
        seen += 1;
    }
    assert!(seen >= 31, "only {seen} samples");
}

#[test]
fn inputs_and_commands_of_the_real_controllers_survive_decode_and_encode() {
    let Some(text) = reference("apollo/control_open_loop.jsonl") else { return };
    let mut seen = 0;
    for line in text.lines() {
        let sample: serde_json::Value = serde_json::from_str(line).unwrap();
        let bytes = |value: &serde_json::Value| STANDARD.decode(value.as_str().unwrap()).unwrap();
        let what = format!("sample {}", sample["i"]);
        assert_lossless::<apollo::localization::LocalizationEstimate>(
            &what,
            &bytes(&sample["localization_b64"]),
        );
        assert_lossless::<apollo::canbus::Chassis>(&what, &bytes(&sample["chassis_b64"]));
        assert_lossless::<apollo::planning::AdcTrajectory>(&what, &bytes(&sample["planning_b64"]));
        for command in sample["control_b64_after_n_steps"].as_object().unwrap().values() {
            assert_lossless::<apollo::control::ControlCommand>(&what, &bytes(command));
            seen += 1;
        }
    }
    assert!(seen >= 100, "only {seen} commands");
}

#[test]
fn unset_measurements_read_nan_and_unset_modes_read_the_first_mode() {
    use apollo::{canbus, common};
    let chassis = canbus::Chassis::default();
    for value in
        [chassis.engine_rpm(), chassis.speed_mps(), chassis.odometer_m(), chassis.throttle_percentage()]
    {
        assert!(value.is_nan());
    }
    assert!(chassis.brake_percentage().is_nan() && chassis.steering_percentage().is_nan());
    assert!(chassis.steering_torque_nm().is_nan());
    assert_eq!(chassis.driving_mode(), canbus::chassis::DrivingMode::CompleteManual);
    assert_eq!(chassis.error_code(), canbus::chassis::ErrorCode::NoError);
    let position = common::PointEnu::default();
    assert!(position.x().is_nan() && position.y().is_nan());
    assert_eq!(position.z(), 0.0);
    assert!(common::Point3D::default().z().is_nan());
    assert!(common::Quaternion::default().qw().is_nan());
    assert_eq!(common::Header::default().version(), 1);
    let item = common::monitor::MonitorMessageItem::default();
    assert_eq!(item.source(), common::monitor::monitor_message_item::MessageSource::Unknown);
    assert_eq!(item.log_level(), common::monitor::monitor_message_item::LogLevel::Info);
}

#[test]
fn one_trajectory_serves_apollo_1_0_and_1_5() {
    use apollo::{common, planning};
    let trajectory = planning::AdcTrajectory {
        adc_trajectory_point: vec![planning::AdcTrajectoryPoint { speed: Some(1.0), ..Default::default() }],
        trajectory_point: vec![common::TrajectoryPoint { v: Some(1.0), ..Default::default() }],
        path_point: vec![common::PathPoint { kappa: Some(1.0), ..Default::default() }],
        ..Default::default()
    };
    let one = 1.0_f64.to_le_bytes();
    let mut expected = vec![(4 << 3) | 2, 9, (6 << 3) | 1];
    expected.extend(one);
    expected.extend([(12 << 3) | 2, 9, (2 << 3) | 1]);
    expected.extend(one);
    expected.extend([(13 << 3) | 2, 9, (5 << 3) | 1]);
    expected.extend(one);
    assert_eq!(trajectory.encode_to_vec(), expected);
}

#[test]
fn planning_debug_keeps_what_it_does_not_model() {
    // error_code ERR_ESTOP, an encoded PlanningData with an arbitrary field 9, one message with a trace.
    let bytes = [
        0x42, 0x0f, 0x08, 0x02, 0x12, 0x02, 0x48, 0x07, 0x1a, 0x07, 0x08, 0x02, 0x1a, 0x03, b'a', b'b', b'c',
    ];
    assert_lossless::<apollo::planning::AdcTrajectory>("debug", &bytes);
}

proptest! {
    #[test]
    fn random_bytes_never_panic_a_decoder(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        fn decode<T: Message + Default>(bytes: &[u8]) {
            if let Ok(message) = T::decode(bytes) {
                T::decode(&message.encode_to_vec()[..]).expect("what was decoded can be encoded and decoded");
            }
        }
        for topic in TOPICS {
            with_message_of!(topic, decode(&bytes));
        }
    }
}
