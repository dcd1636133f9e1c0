//! The GNSS driver seat against Apollo's driver.

use skidpad_geo::UtmZone;
use skidpad_msgs::apollo::common::{Point3D, Quaternion, gnss_status::ins_status};
use skidpad_novatel::{
    BESTGNSSPOS_ID, BESTGNSSVEL_ID, Bestpos, Bestvel, Corrimudatas, Decoder, GpsTime, Header, Inspvas,
    LongHeader, Message,
};
use skidpad_stack::{
    gnss_driver::{GnssDriver, GnssOutput},
    localization::{Localization, LocalizationConf},
};
use std::fs;

/// Sunnyvale: zone 10, the driver's default.
fn zone() -> UtmZone {
    UtmZone::new(10, true).unwrap()
}

/// A level car looking north, at rest, where the reference recording of the receiver was made.
fn inspvas(seconds: f64) -> Inspvas {
    Inspvas {
        week: 1918,
        seconds,
        lat_deg: 37.4094,
        lon_deg: -122.0242,
        height_m: -27.5,
        north_mps: 0.0,
        east_mps: 0.0,
        up_mps: 0.0,
        roll_deg: 0.0,
        pitch_deg: 0.0,
        azimuth_deg: 0.0,
        status: 3,
    }
}

fn corrimudatas(seconds: f64) -> Corrimudatas {
    Corrimudatas { week: 1918, seconds, angle_rad: [0.001, 0.002, 0.003], velocity_mps: [0.01, 0.02, 0.03] }
}

/// The output for this position log and a plain IMU log.
fn output(log: &Inspvas) -> GnssOutput {
    let mut driver = GnssDriver::new(zone());
    assert!(driver.on_inspvas(log).is_none());
    driver.on_corrimudatas(&corrimudatas(log.seconds)).unwrap()
}

fn xyz(point: Option<Point3D>) -> [f64; 3] {
    let point = point.unwrap();
    [point.x(), point.y(), point.z()]
}

/// The map direction of a vehicle axis (right, forward, up).
fn turn(q: &Quaternion, v: [f64; 3]) -> [f64; 3] {
    let u = [q.qx(), q.qy(), q.qz()];
    let cross = |a: [f64; 3], b: [f64; 3]| {
        [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]
    };
    let once = cross(u, v);
    let twice = cross(u, once);
    [0, 1, 2].map(|axis| v[axis] + 2.0 * (q.qw() * once[axis] + twice[axis]))
}

fn assert_close(got: [f64; 3], expected: [f64; 3]) {
    for (got, expected) in got.into_iter().zip(expected) {
        assert!((got - expected).abs() < 1e-12, "got {got}, expected {expected}");
    }
}

fn sincos_deg(angle_deg: f64) -> (f64, f64) {
    libm::sincos(angle_deg.to_radians())
}

#[test]
fn a_pair_of_logs_of_the_same_instant_gives_both_messages() {
    let mut driver = GnssDriver::new(zone());
    for instant in 0..5_u32 {
        let seconds = 1000.0 + 0.01 * f64::from(instant);
        // Either may come first.
        let output = if instant % 2 == 0 {
            assert!(driver.on_inspvas(&inspvas(seconds)).is_none());
            driver.on_corrimudatas(&corrimudatas(seconds))
        } else {
            assert!(driver.on_corrimudatas(&corrimudatas(seconds)).is_none());
            driver.on_inspvas(&inspvas(seconds))
        }
        .unwrap();
        for header in [output.imu.header.unwrap(), output.gps.unwrap().header.unwrap()] {
            assert_eq!(header.sequence_num(), instant + 1);
            assert_eq!(header.module_name(), "gnss");
        }
    }
}

#[test]
fn logs_that_differ_by_a_bit_in_time_give_nothing() {
    let mut driver = GnssDriver::new(zone());
    for instant in 0..10 {
        let seconds = 1000.0 + 0.01 * f64::from(instant);
        assert!(driver.on_inspvas(&inspvas(seconds)).is_none());
        assert!(driver.on_corrimudatas(&corrimudatas(seconds + 1e-6)).is_none());
    }
    assert!(driver.on_corrimudatas(&Corrimudatas { week: 1919, ..corrimudatas(1000.09) }).is_none());
}

#[test]
fn a_lost_log_costs_one_pair_only() {
    let mut driver = GnssDriver::new(zone());
    assert!(driver.on_inspvas(&inspvas(1.0)).is_none());
    assert!(driver.on_inspvas(&inspvas(2.0)).is_none());
    assert!(driver.on_corrimudatas(&corrimudatas(2.0)).is_some());
    assert!(driver.on_corrimudatas(&corrimudatas(3.0)).is_none());
    assert!(driver.on_inspvas(&inspvas(4.0)).is_none());
}

#[test]
fn one_kind_of_log_alone_never_makes_a_message() {
    let mut driver = GnssDriver::new(zone());
    assert!(driver.on_inspvas(&inspvas(1.0)).is_none());
    assert!(driver.on_inspvas(&inspvas(1.0)).is_none());
}

/// 2016-10-12 00:00:00 UTC is Unix 1,476,230,400 and GPS week 1918, second 259,217 (17 leap seconds then). The
/// driver always takes 18: it is 1 s behind for that day, and right from 2017 on.
#[test]
fn stamps_are_gps_time_less_18_leap_seconds() {
    let stamp = output(&inspvas(259_217.0)).imu.header.unwrap().timestamp_sec();
    assert_eq!(stamp, 1_476_230_399.0);
    // 2017-07-14 02:40:00 UTC, Unix 1,500,000,000: week 1957, second 441,618.
    let log = Inspvas { week: 1957, seconds: 441_618.0, ..inspvas(0.0) };
    let mut driver = GnssDriver::new(zone());
    driver.on_inspvas(&log);
    let imu_log = Corrimudatas { week: 1957, seconds: 441_618.0, ..corrimudatas(0.0) };
    let stamp = driver.on_corrimudatas(&imu_log).unwrap().imu.header.unwrap().timestamp_sec();
    assert_eq!(stamp, 1_500_000_000.0);
}

#[test]
fn increments_become_rates_by_200_hz_in_right_forward_up() {
    let imu = output(&inspvas(1.0)).imu.imu.unwrap();
    assert_close(xyz(imu.linear_acceleration), [2.0, 4.0, 6.0]);
    assert_close(xyz(imu.angular_velocity), [0.2, 0.4, 0.6]);
    assert!(imu.position.is_none() && imu.orientation.is_none());
}

#[test]
fn the_rates_beside_the_position_are_forward_left_up() {
    let gps = output(&inspvas(1.0)).gps.unwrap().localization.unwrap();
    assert_close(xyz(gps.angular_velocity), [0.4, -0.2, 0.6]);
    assert!(gps.linear_acceleration.is_none());
}

#[test]
fn position_is_on_the_grid_of_the_zone_with_ellipsoid_height() {
    let log = inspvas(1.0);
    let position = output(&log).gps.unwrap().localization.unwrap().position.unwrap();
    let grid = zone().forward(log.lat_deg, log.lon_deg);
    assert_eq!((position.x(), position.y(), position.z()), (grid.easting_m, grid.northing_m, -27.5));
    assert!(
        (586_000.0..587_000.0).contains(&position.x()) && (4_140_000.0..4_141_000.0).contains(&position.y())
    );
}

#[test]
fn velocity_is_east_north_up() {
    let log = Inspvas { north_mps: 1.0, east_mps: 2.0, up_mps: 3.0, ..inspvas(1.0) };
    assert_close(xyz(output(&log).gps.unwrap().localization.unwrap().linear_velocity), [2.0, 1.0, 3.0]);
}

#[test]
fn azimuth_turns_clockwise_from_north() {
    for azimuth_deg in [0.0, 30.0, 90.0, 200.0, 359.0] {
        let gps = output(&Inspvas { azimuth_deg, ..inspvas(1.0) }).gps.unwrap().localization.unwrap();
        let (sin, cos) = sincos_deg(azimuth_deg);
        assert_close(turn(&gps.orientation.unwrap(), [0.0, 1.0, 0.0]), [sin, cos, 0.0]);
        assert_close(turn(&gps.orientation.unwrap(), [1.0, 0.0, 0.0]), [cos, -sin, 0.0]);
    }
}

/// The receiver's pitch lifts the nose (about the right axis), its roll lowers the right side (about the forward
/// axis); roll comes first in the vehicle, azimuth last.
#[test]
fn pitch_lifts_the_nose_and_roll_lowers_the_right_side() {
    let (azimuth_deg, pitch_deg, roll_deg) = (40.0, 12.0, 7.0);
    let log = Inspvas { azimuth_deg, pitch_deg, roll_deg, ..inspvas(1.0) };
    let q = output(&log).gps.unwrap().localization.unwrap().orientation.unwrap();
    let (sin_a, cos_a) = sincos_deg(azimuth_deg);
    let (sin_p, cos_p) = sincos_deg(pitch_deg);
    let (sin_r, cos_r) = sincos_deg(roll_deg);
    assert_close(turn(&q, [0.0, 1.0, 0.0]), [sin_a * cos_p, cos_a * cos_p, sin_p]);
    let right = turn(&q, [1.0, 0.0, 0.0]);
    assert!((right[2] - -sin_r * cos_p).abs() < 1e-12, "right side at {right:?}");
    // What remains of the right axis without the part along the nose's climb lies level, across the azimuth.
    assert!((right[0] * cos_a - right[1] * sin_a - cos_r).abs() < 1e-12);
}

/// The trap is kept: a car that drives along the grid's north reports a heading off by the convergence.
#[test]
fn heading_is_against_true_north_while_positions_are_on_the_grid() {
    let log = inspvas(1.0);
    let convergence_rad = zone().forward(log.lat_deg, log.lon_deg).convergence_rad;
    assert!((convergence_rad.to_degrees() - 0.593).abs() < 0.002, "{}°", convergence_rad.to_degrees());
    // Along grid north, that is clockwise of true north by the convergence.
    let along_grid = Inspvas { azimuth_deg: convergence_rad.to_degrees(), ..log };
    let output = output(&along_grid);
    let mut localization = Localization::new(LocalizationConf::default());
    localization.on_imu(&output.imu);
    localization.on_gps(&output.gps.unwrap());
    let heading_rad = localization.tick(0.0).unwrap().pose.unwrap().heading();
    let grid_heading_rad = std::f64::consts::FRAC_PI_2;
    assert!((heading_rad - (grid_heading_rad - convergence_rad)).abs() < 1e-12);
}

#[test]
fn a_position_off_the_grid_gives_the_imu_alone() {
    for (lat_deg, lon_deg) in [(f64::NAN, -122.0), (95.0, -122.0), (37.0, 60.0), (f64::INFINITY, 0.0)] {
        assert!(output(&Inspvas { lat_deg, lon_deg, ..inspvas(1.0) }).gps.is_none());
    }
}

#[test]
fn a_position_and_a_velocity_of_one_instant_make_a_fix() {
    let mut driver = GnssDriver::new(zone());
    let header = |id, seconds| {
        let time = GpsTime { week: 1918, seconds };
        Header::stamped(id, &time, Some(LongHeader::default()))
    };
    let mut feed = |seconds, solution_status, velocity_s| {
        let mut wire = Vec::new();
        let fix = Bestpos { solution_status, position_type: 50, used: 14, ..Bestpos::default() };
        header(BESTGNSSPOS_ID, seconds).encode(&fix.body(), &mut wire);
        header(BESTGNSSVEL_ID, velocity_s).encode(&Bestvel::default().body(), &mut wire);
        driver.on_bytes(&wire, |_| ());
        (driver.fixes(), driver.gnss_status())
    };
    let (fixes, status) = feed(1001.0, 0, 1001.0);
    assert_eq!(fixes, 1);
    assert!(status.solution_completed());
    assert_eq!((status.solution_status(), status.position_type(), status.num_sats()), (0, 50, 14));
    assert_eq!(feed(1002.0, 0, 1002.2).0, 1, "a velocity of another instant makes no pair");
    let (fixes, status) = feed(1003.0, 1, 1003.0);
    assert!(fixes == 2 && !status.solution_completed());
}

#[test]
fn ins_status_follows_the_newest_position_log() {
    use ins_status::Type::{Converging, Good, Invalid};
    let mut driver = GnssDriver::new(zone());
    assert_eq!(driver.ins_status(), Invalid);
    for (status, expected) in [
        (0, Invalid),
        (1, Converging),
        (2, Converging),
        (3, Good),
        (6, Converging),
        (7, Good),
        (8, Invalid),
        (9, Invalid),
    ] {
        driver.on_inspvas(&Inspvas { status, ..inspvas(1.0) });
        assert_eq!(driver.ins_status(), expected);
    }
}

/// 80 s of a parked car's real receiver: every position log pairs with an IMU log, in place and at rest.
#[test]
fn a_real_receivers_stream_becomes_messages() {
    let Some(folder) = skidpad_test_support::reference_data() else { return };
    let mut decoder = Decoder::new();
    let mut driver = GnssDriver::new(zone());
    let mut stamps = Vec::new();
    for bytes in fs::read(folder.join("gnss/novatel.bin")).unwrap().chunks(2048) {
        decoder.push(bytes);
        while let Some(message) = decoder.next_message() {
            let output = match message {
                Message::Inspvas(log) => driver.on_inspvas(&log),
                Message::Corrimudatas(log) => driver.on_corrimudatas(&log),
                _ => None,
            };
            let Some(GnssOutput { imu, gps }) = output else { continue };
            let (imu, gps) = (imu, gps.expect("the car stands in zone 10"));
            let (motion, pose) = (imu.imu.unwrap(), gps.localization.unwrap());
            let position = pose.position.unwrap();
            assert!((position.x() - 586_353.0).abs() < 50.0, "easting {}", position.x());
            assert!((position.y() - 4_140_650.0).abs() < 100.0, "northing {}", position.y());
            for vector in [pose.linear_velocity, motion.linear_acceleration, motion.angular_velocity] {
                assert!(xyz(vector).iter().all(|value| value.abs() < 0.5), "{vector:?}");
            }
            stamps.push(imu.header.unwrap().timestamp_sec());
        }
    }
    assert_eq!(stamps.len(), 796);
    assert!(stamps.windows(2).all(|pair| pair[1] > pair[0]));
    // Week 1918: from 2016-10-09.
    assert!((1_475_971_182.0..1_476_575_982.0).contains(&stamps[0]), "{}", stamps[0]);
}
