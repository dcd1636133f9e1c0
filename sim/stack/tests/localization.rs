//! The localization seat against Apollo's RTK localization.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use prost::Message;
use skidpad_msgs::apollo::{
    common::{Header, Point3D, PointEnu, Quaternion},
    localization::{Gps, Imu, LocalizationEstimate, Pose},
};
use skidpad_stack::localization::{Localization, LocalizationConf};
use std::{f64::consts::PI, fs};

const NOW_S: f64 = 1_500_000_000.0;

fn point(x: f64, y: f64, z: f64) -> Option<Point3D> {
    Some(Point3D { x: Some(x), y: Some(y), z: Some(z) })
}

/// Turned by this angle about the vertical.
fn yawed(yaw_rad: f64) -> Option<Quaternion> {
    let (sin, cos) = (libm::sin(yaw_rad / 2.0), libm::cos(yaw_rad / 2.0));
    Some(Quaternion { qx: Some(0.0), qy: Some(0.0), qz: Some(sin), qw: Some(cos) })
}

fn gps(orientation: Option<Quaternion>) -> Gps {
    let pose = Pose {
        position: Some(PointEnu { x: Some(586_000.0), y: Some(4_140_000.0), z: Some(-28.0) }),
        orientation,
        linear_velocity: point(1.0, 2.0, 3.0),
        ..Default::default()
    };
    let header = Header { timestamp_sec: Some(NOW_S - 5.0), ..Default::default() };
    Gps { header: Some(header), localization: Some(pose) }
}

fn imu(acceleration: Option<Point3D>, rate: Option<Point3D>) -> Imu {
    let pose = Pose { linear_acceleration: acceleration, angular_velocity: rate, ..Default::default() };
    Imu { header: None, imu: Some(pose) }
}

fn assert_close(got: Option<Point3D>, expected: [f64; 3]) {
    let got = got.unwrap();
    for (got, expected) in [got.x(), got.y(), got.z()].into_iter().zip(expected) {
        assert!((got - expected).abs() < 1e-12, "got {got}, expected {expected}");
    }
}

#[test]
fn nothing_is_sent_before_one_gps_and_one_imu() {
    let mut localization = Localization::new(LocalizationConf::default());
    assert!(localization.tick(NOW_S).is_none());
    localization.on_gps(&gps(yawed(0.0)));
    assert!(localization.tick(NOW_S + 0.01).is_none());
    localization.on_imu(&imu(None, None));
    let first = localization.tick(NOW_S + 0.02).unwrap();
    assert_eq!(first.header.unwrap().sequence_num(), 1);

    let mut localization = Localization::new(LocalizationConf::default());
    localization.on_imu(&imu(None, None));
    assert!(localization.tick(NOW_S).is_none());
}

#[test]
fn a_gnss_outage_is_a_frozen_pose_under_fresh_stamps() {
    let mut localization = Localization::new(LocalizationConf::default());
    localization.on_gps(&gps(yawed(0.3)));
    localization.on_imu(&imu(point(0.1, 0.2, 0.3), point(0.4, 0.5, 0.6)));
    let first = localization.tick(NOW_S).unwrap();
    for cycle in 1..300_u32 {
        let now_s = NOW_S + 0.01 * f64::from(cycle);
        let estimate = localization.tick(now_s).unwrap();
        assert_eq!(estimate.pose, first.pose);
        let header = estimate.header.unwrap();
        assert_eq!((header.timestamp_sec(), header.sequence_num()), (now_s, cycle + 1));
        assert_eq!(header.module_name(), "localization");
    }
    assert_eq!((first.measurement_time, first.uncertainty), (None, None));
}

#[test]
fn position_orientation_and_velocity_are_the_receivers() {
    let mut localization =
        Localization::new(LocalizationConf { map_offset_m: [500_000.0, 4_000_000.0, 10.0] });
    localization.on_gps(&gps(yawed(0.3)));
    localization.on_imu(&imu(None, None));
    let pose = localization.tick(NOW_S).unwrap().pose.unwrap();
    let position = pose.position.unwrap();
    assert_eq!((position.x(), position.y(), position.z()), (86_000.0, 140_000.0, -38.0));
    assert_eq!(pose.orientation, yawed(0.3));
    assert_close(pose.linear_velocity, [1.0, 2.0, 3.0]);
}

/// A vehicle that is not turned looks north; the live stack turned 45° reports 135°.
#[test]
fn heading_is_zero_to_the_east() {
    for (yaw_deg, heading_deg) in
        [(0.0, 90.0), (-90.0, 0.0), (45.0, 135.0), (-180.0, -90.0), (90.0, -180.0), (170.0, -100.0)]
    {
        let mut localization = Localization::new(LocalizationConf::default());
        localization.on_gps(&gps(yawed(f64::to_radians(yaw_deg))));
        localization.on_imu(&imu(None, None));
        let heading_rad = localization.tick(NOW_S).unwrap().pose.unwrap().heading();
        let off_rad = (heading_rad - f64::to_radians(heading_deg)).abs();
        assert!(
            off_rad < 1e-9 || (off_rad - 2.0 * PI).abs() < 1e-9,
            "yaw {yaw_deg}: heading {heading_rad} rad"
        );
        assert!((-PI..PI).contains(&heading_rad));
    }
}

/// Pitch and roll leave the heading of the forward axis alone.
#[test]
fn heading_is_that_of_the_forward_axis_on_a_bank() {
    // 30° about the right axis after a yaw of 40°: q = Rz(40°)·Rx(30°).
    let (sz, cz) = (libm::sin(20_f64.to_radians()), libm::cos(20_f64.to_radians()));
    let (sx, cx) = (libm::sin(15_f64.to_radians()), libm::cos(15_f64.to_radians()));
    let q = Quaternion { qw: Some(cz * cx), qx: Some(cz * sx), qy: Some(sz * sx), qz: Some(sz * cx) };
    let mut localization = Localization::new(LocalizationConf::default());
    localization.on_gps(&gps(Some(q)));
    // Forward in the vehicle is up the slope in the map.
    localization.on_imu(&imu(point(0.0, 1.0, 0.0), None));
    let pose = localization.tick(NOW_S).unwrap().pose.unwrap();
    assert!((pose.heading() - 130_f64.to_radians()).abs() < 1e-12);
    let (horizontal, up) = (libm::cos(30_f64.to_radians()), libm::sin(30_f64.to_radians()));
    let (east, north) = (libm::cos(130_f64.to_radians()), libm::sin(130_f64.to_radians()));
    assert_close(pose.linear_acceleration, [horizontal * east, horizontal * north, up]);
}

#[test]
fn imu_vectors_are_kept_in_the_vehicle_and_turned_into_the_map() {
    let mut localization = Localization::new(LocalizationConf::default());
    localization.on_gps(&gps(yawed(PI / 2.0)));
    localization.on_imu(&imu(point(9.0, 9.0, 9.0), point(9.0, 9.0, 9.0)));
    localization.on_imu(&imu(point(1.0, 2.0, 3.0), point(0.1, 0.2, 0.3)));
    let pose = localization.tick(NOW_S).unwrap().pose.unwrap();
    // The newest only. Turned a quarter to the left, right is north and forward is west.
    assert_close(pose.linear_acceleration_vrf, [1.0, 2.0, 3.0]);
    assert_close(pose.angular_velocity_vrf, [0.1, 0.2, 0.3]);
    assert_close(pose.linear_acceleration, [-2.0, 1.0, 3.0]);
    assert_close(pose.angular_velocity, [-0.2, 0.1, 0.3]);
}

#[test]
fn without_an_orientation_no_imu_vector_is_sent() {
    let mut localization = Localization::new(LocalizationConf::default());
    localization.on_gps(&gps(None));
    localization.on_imu(&imu(point(1.0, 2.0, 3.0), point(0.1, 0.2, 0.3)));
    let pose = localization.tick(NOW_S).unwrap().pose.unwrap();
    assert!(pose.position.is_some() && pose.heading.is_none());
    assert!(pose.linear_acceleration.is_none() && pose.linear_acceleration_vrf.is_none());
    assert!(pose.angular_velocity.is_none() && pose.angular_velocity_vrf.is_none());
}

/// What the running stack published, with the receiver's and the IMU's part of it fed back in: the rest follows.
#[test]
fn the_running_stacks_poses_follow_from_their_own_inputs() {
    let Some(folder) = skidpad_test_support::reference_data() else { return };
    let text = fs::read_to_string(folder.join("apollo/wire_samples.jsonl")).unwrap();
    let mut seen = 0;
    for line in text.lines() {
        let sample: serde_json::Value = serde_json::from_str(line).unwrap();
        if sample["topic"] != "/apollo/localization/pose" {
            continue;
        }
        let payload = STANDARD.decode(sample["payload_base64"].as_str().unwrap()).unwrap();
        let theirs = LocalizationEstimate::decode(&payload[..]).unwrap();
        let pose = theirs.pose.unwrap();

        let mut localization = Localization::new(LocalizationConf::default());
        let receiver = Pose {
            position: pose.position,
            orientation: pose.orientation,
            linear_velocity: pose.linear_velocity,
            ..Default::default()
        };
        localization.on_gps(&Gps { header: None, localization: Some(receiver) });
        localization.on_imu(&imu(pose.linear_acceleration_vrf, pose.angular_velocity_vrf));
        let ours = localization.tick(theirs.header.as_ref().unwrap().timestamp_sec()).unwrap();

        let mut ours_pose = ours.pose.unwrap();
        // Their arc tangent is the C library's, ours libm's: the last bit may differ.
        assert!((ours_pose.heading() - pose.heading()).abs() < 1e-15);
        ours_pose.heading = pose.heading;
        assert_eq!(ours_pose, pose);
        seen += 1;
    }
    assert!(seen >= 5, "only {seen} poses");
}
