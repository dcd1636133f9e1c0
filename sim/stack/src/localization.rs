//! The localization seat: puts the newest GNSS pose and the newest IMU sample together, as Apollo's RTK
//! localization does.
//!
//! Source: Apollo 1.0 `modules/localization/rtk/rtk_localization.cc` with the released flags (no interpolation,
//! `enable_map_reference_unify`, no `enable_gps_timestamp`). It is driven by its own timer alone: when the
//! receiver falls silent it goes on publishing the frozen pose under fresh stamps, so an outage never reaches
//! control as a time-out. `measurement_time` and `uncertainty` are never set.

use serde::{Deserialize, Serialize};
use skidpad_msgs::apollo::{
    common::{Header, Point3D, PointEnu, Quaternion},
    localization::{Gps, Imu, LocalizationEstimate, Pose},
};
use std::f64::consts::{FRAC_PI_2, PI};

/// Parameters of the RTK localization.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LocalizationConf {
    /// Origin of the map frame in UTM (easting, northing, height), metres: subtracted from each position.
    pub map_offset_m: [f64; 3],
}

/// The localization seat. To be ticked at 100 Hz.
#[derive(Debug, Clone, Default)]
pub struct Localization {
    conf: LocalizationConf,
    gps: Option<Pose>,
    imu: Option<Pose>,
    sequence_num: u32,
}

impl Localization {
    /// Waits for the first [`Gps`] and the first [`Imu`].
    pub fn new(conf: LocalizationConf) -> Self {
        Localization { conf, ..Default::default() }
    }

    /// Takes the newest GNSS message; its time stamp is not looked at.
    pub fn on_gps(&mut self, gps: &Gps) {
        self.gps = Some(gps.localization.unwrap_or_default());
    }

    /// Takes the newest IMU message; its time stamp is not looked at.
    pub fn on_imu(&mut self, imu: &Imu) {
        self.imu = Some(imu.imu.unwrap_or_default());
    }

    /// The pose of this cycle, stamped with `now_unix_s`; `None` until a GNSS and an IMU message have been taken.
    pub fn tick(&mut self, now_unix_s: f64) -> Option<LocalizationEstimate> {
        let (gps, imu) = (self.gps.as_ref()?, self.imu.as_ref()?);
        self.sequence_num = self.sequence_num.wrapping_add(1);
        let [east_m, north_m, up_m] = self.conf.map_offset_m;
        let mut pose = Pose {
            position: gps.position.map(|position| PointEnu {
                x: Some(position.x() - east_m),
                y: Some(position.y() - north_m),
                z: Some(position.z() - up_m),
            }),
            orientation: gps.orientation,
            heading: gps.orientation.as_ref().map(heading_rad),
            linear_velocity: gps.linear_velocity,
            ..Default::default()
        };
        // Without an orientation nothing can be turned into the map frame, and Apollo then keeps neither form.
        if let Some(orientation) = &gps.orientation {
            pose.linear_acceleration = imu.linear_acceleration.map(|vector| rotate(orientation, &vector));
            pose.linear_acceleration_vrf = imu.linear_acceleration;
            pose.angular_velocity = imu.angular_velocity.map(|vector| rotate(orientation, &vector));
            pose.angular_velocity_vrf = imu.angular_velocity;
        }
        Some(LocalizationEstimate {
            header: Some(Header {
                timestamp_sec: Some(now_unix_s),
                module_name: Some("localization".to_owned()),
                sequence_num: Some(self.sequence_num),
                ..Default::default()
            }),
            pose: Some(pose),
            ..Default::default()
        })
    }
}

/// Heading in [-π, π) of a vehicle (right, forward, up) turned by `q` into the map: its yaw as the first of the
/// intrinsic angles z, x, y is zero to the north, its heading zero to the east.
fn heading_rad(q: &Quaternion) -> f64 {
    let (w, x, y, z) = (q.qw(), q.qx(), q.qy(), q.qz());
    let yaw_rad = libm::atan2(2.0 * (w * z - x * y), 2.0 * (w * w + y * y) - 1.0);
    let turned_rad = (yaw_rad + FRAC_PI_2 + PI) % (2.0 * PI);
    if turned_rad < 0.0 { turned_rad + PI } else { turned_rad - PI }
}

/// The vehicle-frame vector in the map frame: `q v q*` through the rotation matrix.
fn rotate(q: &Quaternion, vector: &Point3D) -> Point3D {
    let (w, x, y, z) = (q.qw(), q.qx(), q.qy(), q.qz());
    let (vx, vy, vz) = (vector.x(), vector.y(), vector.z());
    let (x2, y2, z2) = (2.0 * x, 2.0 * y, 2.0 * z);
    let row = |a: f64, b: f64, c: f64| Some(a * vx + b * vy + c * vz);
    Point3D {
        x: row(1.0 - (y2 * y + z2 * z), y2 * x - z2 * w, z2 * x + y2 * w),
        y: row(y2 * x + z2 * w, 1.0 - (x2 * x + z2 * z), z2 * y - x2 * w),
        z: row(z2 * x - y2 * w, z2 * y + x2 * w, 1.0 - (x2 * x + y2 * y)),
    }
}
