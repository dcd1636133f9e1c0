//! The GNSS driver seat: pairs the receiver's position and IMU logs into `Gps` and `Imu` messages, as Apollo's does.
//!
//! Source: Apollo 1.0 `modules/drivers/gnss/src/impl/novatel_parser.cpp` and `src/data_parser.cpp`. Its habits
//! are kept:
//! - A pair of messages goes out when a log carries *exactly* the time stamp of the log before it; a receiver that
//!   stamps the two logs differently gives nothing.
//! - Increments become rates by a fixed 200 Hz, whatever the rate of the logs.
//! - The orientation comes from the azimuth against *true* north, the position lies on the UTM grid: away from the
//!   central meridian the two disagree by the meridian convergence.
//! - `Imu` is in the vehicle frame right-forward-up, but `Gps.angular_velocity` is left in forward-left-up.

use skidpad_geo::UtmZone;
use skidpad_msgs::apollo::{
    common::{
        Header, Point3D, PointEnu, Quaternion,
        gnss_status::{GnssStatus, ins_status},
    },
    localization::{Gps, Imu, Pose},
};
use skidpad_novatel::{
    Bestpos, Corrimudatas, Decoder, DecoderStats, GPS_EPOCH_UNIX_S, GPS_LEAP_SECONDS, GpsTime, INSPVA_ID,
    INSPVAS_ID, InsStatus, Inspvas, Message, SECONDS_PER_WEEK,
};
use std::f64::consts::PI;

/// Rate by which the driver scales the increments of one IMU sample, Hz.
const IMU_RATE_HZ: f64 = 200.0;
/// GPS time + this = Unix time.
const UNIX_MINUS_GPS_S: f64 = (GPS_EPOCH_UNIX_S - GPS_LEAP_SECONDS) as f64;
const RAD_PER_DEG: f64 = PI / 180.0;

/// What one pair of logs becomes.
#[derive(Debug, Clone, PartialEq)]
pub struct GnssOutput {
    /// For `/apollo/sensor/gnss/corrected_imu`, published first.
    pub imu: Imu,
    /// For `/apollo/sensor/gnss/odometry`; absent if the position has no place on the zone's grid.
    pub gps: Option<Gps>,
}

/// The GNSS driver seat.
#[derive(Debug, Clone)]
pub struct GnssDriver {
    zone: UtmZone,
    decoder: Decoder,
    /// GPS time of the newest log, seconds since the GPS epoch.
    measurement_s: Option<f64>,
    position: Option<Inspvas>,
    increments: Option<Corrimudatas>,
    fix: Option<Bestpos>,
    /// GPS time of the newest position or velocity log, seconds since the GPS epoch.
    fix_s: Option<f64>,
    fixes: u64,
    sequence_num: u32,
}

impl GnssDriver {
    /// A driver that puts positions on the grid of this zone (the real one has it from its launch file).
    pub fn new(zone: UtmZone) -> Self {
        GnssDriver {
            zone,
            decoder: Decoder::new(),
            measurement_s: None,
            position: None,
            increments: None,
            fix: None,
            fix_s: None,
            fixes: 0,
            sequence_num: 0,
        }
    }

    /// Takes the next bytes from the receiver, in pieces of any size, and hands on each pair of logs that they complete.
    pub fn on_bytes(&mut self, bytes: &[u8], mut on_output: impl FnMut(GnssOutput)) {
        self.decoder.push(bytes);
        while let Some(log) = self.decoder.next_log() {
            let output = match (log.header.id, &log.message) {
                // MARK1PVA has the same body, and is none of the pair.
                (INSPVA_ID | INSPVAS_ID, Message::Inspvas(log)) => self.on_inspvas(log),
                (_, Message::Corrimudatas(log)) => self.on_corrimudatas(log),
                (_, Message::Bestpos(fix)) => {
                    self.fix = Some(*fix);
                    self.pair_fix(&log.header.time());
                    None
                }
                (_, Message::Bestvel(_)) => {
                    self.pair_fix(&log.header.time());
                    None
                }
                _ => None,
            };
            output.into_iter().for_each(&mut on_output);
        }
    }

    /// What has been met on the line: logs, damaged ones, bytes between them.
    pub fn line_stats(&self) -> DecoderStats {
        self.decoder.stats()
    }

    fn pair_fix(&mut self, time: &GpsTime) {
        let fix_s = gps_s(time.week, time.seconds);
        self.fixes += u64::from(self.fix_s.replace(fix_s) == Some(fix_s));
    }

    /// Position or velocity logs so far that carried the time of the one before: with each of them the driver publishes
    /// [`GnssDriver::gnss_status`].
    pub fn fixes(&self) -> u64 {
        self.fixes
    }

    /// The receiver's newest position log: what the driver reports on `/apollo/sensor/gnss/gnss_status`.
    pub fn gnss_status(&self) -> GnssStatus {
        let fix = self.fix.unwrap_or(Bestpos { solution_status: u32::MAX, ..Bestpos::default() });
        GnssStatus {
            header: None,
            solution_completed: Some(fix.solution_status == 0),
            solution_status: Some(fix.solution_status),
            position_type: Some(fix.position_type),
            num_sats: Some(i32::from(fix.used)),
        }
    }

    /// Takes a position log; gives both messages if the log before it had the same time stamp.
    pub fn on_inspvas(&mut self, log: &Inspvas) -> Option<GnssOutput> {
        self.position = Some(*log);
        self.pair(log.week, log.seconds)
    }

    /// Takes an IMU log; gives both messages if the log before it had the same time stamp.
    pub fn on_corrimudatas(&mut self, log: &Corrimudatas) -> Option<GnssOutput> {
        self.increments = Some(*log);
        self.pair(log.week, log.seconds)
    }

    /// The state of the receiver's inertial solution, by its newest position log: what the driver reports on
    /// `/apollo/sensor/gnss/ins_status`.
    pub fn ins_status(&self) -> ins_status::Type {
        match self.position.and_then(|log| InsStatus::from_wire(log.status)) {
            Some(InsStatus::Good | InsStatus::AlignmentComplete) => ins_status::Type::Good,
            Some(InsStatus::Aligning | InsStatus::HighVariance | InsStatus::SolutionFree) => {
                ins_status::Type::Converging
            }
            _ => ins_status::Type::Invalid,
        }
    }

    fn pair(&mut self, week: u32, seconds: f64) -> Option<GnssOutput> {
        let measurement_s = gps_s(week, seconds);
        if self.measurement_s != Some(measurement_s) {
            self.measurement_s = Some(measurement_s);
            return None;
        }
        let (position, increments) = (self.position.as_ref()?, self.increments.as_ref()?);
        self.sequence_num = self.sequence_num.wrapping_add(1);
        let header = Header {
            timestamp_sec: Some(measurement_s + UNIX_MINUS_GPS_S),
            module_name: Some("gnss".to_owned()),
            sequence_num: Some(self.sequence_num),
            ..Default::default()
        };
        let acceleration_mps2 = increments.velocity_mps.map(|increment| increment * IMU_RATE_HZ);
        let rate_rps = increments.angle_rad.map(|increment| increment * IMU_RATE_HZ);
        let imu = Imu {
            header: Some(header.clone()),
            imu: Some(Pose {
                linear_acceleration: point(acceleration_mps2),
                angular_velocity: point(rate_rps),
                ..Default::default()
            }),
        };
        let gps = self.zone.checked_forward(position.lat_deg, position.lon_deg).ok().map(|grid| {
            let [right_rps, forward_rps, up_rps] = rate_rps;
            let pose = Pose {
                position: Some(PointEnu {
                    x: Some(grid.easting_m),
                    y: Some(grid.northing_m),
                    z: Some(position.height_m),
                }),
                orientation: Some(orientation(position)),
                linear_velocity: point([position.east_mps, position.north_mps, position.up_mps]),
                angular_velocity: point([forward_rps, -right_rps, up_rps]),
                ..Default::default()
            };
            Gps { header: Some(header), localization: Some(pose) }
        });
        Some(GnssOutput { imu, gps })
    }
}

/// Seconds since the GPS epoch.
fn gps_s(week: u32, seconds: f64) -> f64 {
    f64::from(week) * f64::from(SECONDS_PER_WEEK) + seconds
}

fn point([x, y, z]: [f64; 3]) -> Option<Point3D> {
    Some(Point3D { x: Some(x), y: Some(y), z: Some(z) })
}

/// Vehicle right-forward-up into east-north-up: `Rz(-azimuth) · Rx(pitch) · Ry(roll)`.
///
/// Apollo goes by way of the yaw from the east; its rounding is kept. The sign of the quaternion is free.
fn orientation(log: &Inspvas) -> Quaternion {
    let yaw_rad = (90.0 - log.azimuth_deg) * RAD_PER_DEG - 90.0 * RAD_PER_DEG;
    let (sin_yaw, cos_yaw) = libm::sincos(0.5 * yaw_rad);
    let (sin_pitch, cos_pitch) = libm::sincos(0.5 * log.pitch_deg * RAD_PER_DEG);
    let (sin_roll, cos_roll) = libm::sincos(0.5 * log.roll_deg * RAD_PER_DEG);
    let turned = product([cos_yaw, 0.0, 0.0, sin_yaw], [cos_pitch, sin_pitch, 0.0, 0.0]);
    let [qw, qx, qy, qz] = product(turned, [cos_roll, 0.0, sin_roll, 0.0]);
    Quaternion { qx: Some(qx), qy: Some(qy), qz: Some(qz), qw: Some(qw) }
}

/// Hamilton product of quaternions (w, x, y, z).
fn product(a: [f64; 4], b: [f64; 4]) -> [f64; 4] {
    [
        a[0] * b[0] - a[1] * b[1] - a[2] * b[2] - a[3] * b[3],
        a[0] * b[1] + a[1] * b[0] + a[2] * b[3] - a[3] * b[2],
        a[0] * b[2] + a[2] * b[0] + a[3] * b[1] - a[1] * b[3],
        a[0] * b[3] + a[3] * b[0] + a[1] * b[2] - a[2] * b[1],
    ]
}
