//! The gold standard: noise-free increments, integrated by an independent strapdown navigator, must
//! give back the drive.
//!
//! The navigator works as a textbook's (local-level frame that moves with the car, transport rate,
//! Somigliana gravity, two-sample coning and sculling), while the IMU works in a frame fixed at the
//! anchor: they share nothing but the physics.

mod common;

use common::{frame, lively, samples};
use nalgebra::{Matrix3, Vector3};
use skidpad_geo::{Geodetic, earth_rate_enu_rps, normal_gravity_mps2};
use skidpad_sensors::{Imu, ImuParams};

const A: f64 = 6_378_137.0;
const E2: f64 = 0.006_694_379_990_141_317;

struct Navigator {
    lat: f64,
    lon: f64,
    height: f64,
    velocity: Vector3<f64>,
    attitude: Matrix3<f64>,
    last_gravity_free: Vector3<f64>,
}

fn skew(v: &Vector3<f64>) -> Matrix3<f64> {
    v.cross_matrix()
}

/// exp of a rotation vector.
fn rotation(v: &Vector3<f64>) -> Matrix3<f64> {
    let angle = v.norm();
    if angle < 1e-12 {
        return Matrix3::identity() + skew(v);
    }
    let k = skew(&(v / angle));
    Matrix3::identity() + k * libm::sin(angle) + k * k * (1.0 - libm::cos(angle))
}

impl Navigator {
    /// One step over two IMU samples, 10 ms.
    fn step(&mut self, angles: [Vector3<f64>; 2], velocities: [Vector3<f64>; 2]) {
        let dt = 0.01;
        let (sin, cos) = libm::sincos(self.lat);
        let w = 1.0 - E2 * sin * sin;
        let meridian = A * (1.0 - E2) / (w * w.sqrt());
        let normal = A / w.sqrt();
        let v = self.velocity;
        let transport = Vector3::new(
            -v.y / (meridian + self.height),
            v.x / (normal + self.height),
            v.x * (sin / cos) / (normal + self.height),
        );
        let earth = Vector3::from(earth_rate_enu_rps(self.lat.to_degrees()));
        let angle = angles[0] + angles[1];
        let velocity = velocities[0] + velocities[1];
        let coning = angles[0].cross(&angles[1]) * (2.0 / 3.0);
        let sculling = angle.cross(&velocity) * 0.5
            + angle.cross(&angle.cross(&velocity)) / 6.0
            + (angles[0].cross(&velocities[1]) + velocities[0].cross(&angles[1])) * (2.0 / 3.0);
        let frame_turn = (earth + transport) * dt;
        let half_frame = Matrix3::identity() - skew(&frame_turn) * 0.5;
        let force = half_frame * self.attitude * (velocity + sculling);
        let gravity = Vector3::new(0.0, 0.0, -normal_gravity_mps2(self.lat.to_degrees(), self.height));
        let gravity_free = gravity - (2.0 * earth + transport).cross(&v);
        // Extrapolated to the middle of the step.
        let middle = gravity_free * 1.5 - self.last_gravity_free * 0.5;
        self.last_gravity_free = gravity_free;
        self.velocity += force + middle * dt;
        let mean = (v + self.velocity) * 0.5;
        self.lat += mean.y / (meridian + self.height) * dt;
        self.lon += mean.x / ((normal + self.height) * cos) * dt;
        self.height += mean.z * dt;
        self.attitude = rotation(&-frame_turn) * self.attitude * rotation(&(angle + coning));
    }
}

fn attitude_matrix(q: [f64; 4]) -> Matrix3<f64> {
    let [w, x, y, z] = q;
    nalgebra::UnitQuaternion::new_unchecked(nalgebra::Quaternion::new(w, x, y, z))
        .to_rotation_matrix()
        .into_inner()
}

fn to_level(place: &Geodetic) -> Matrix3<f64> {
    let [e, n, u] = frame().axes_at(place);
    Matrix3::from_rows(&[e.into(), n.into(), u.into()])
}

#[test]
fn ten_minutes_of_noise_free_increments_integrate_back_to_the_drive() {
    // Starts at rest in phase with the motion, IMU at the reference point so that both name one point.
    let params = ImuParams { lever_arm_m: [0.0; 3], ..ImuParams::ideal() };
    let mut imu = Imu::new(&params, &frame(), 1).unwrap();
    let all = samples(&mut imu, lively, 1, 600_000);

    let start = lively(0.0);
    let place = frame().to_geodetic(start.position_enu_m);
    let mut navigator = Navigator {
        lat: place.lat_deg.to_radians(),
        lon: place.lon_deg.to_radians(),
        height: place.height_m,
        velocity: to_level(&place) * Vector3::from(start.velocity_enu_mps),
        attitude: to_level(&place) * attitude_matrix(start.quaternion_wxyz),
        last_gravity_free: Vector3::new(0.0, 0.0, -normal_gravity_mps2(place.lat_deg, place.height_m)),
    };
    for (k, pair) in all.chunks_exact(2).enumerate() {
        navigator.step(
            [Vector3::from(pair[0].angle_rad), Vector3::from(pair[1].angle_rad)],
            [Vector3::from(pair[0].velocity_mps), Vector3::from(pair[1].velocity_mps)],
        );
        let (position_m, velocity_mps, attitude_deg) = match (k + 1) * 10 {
            60_000 => (0.005, 1e-4, 1e-5),
            600_000 => (0.2, 5e-4, 1e-5),
            _ => continue,
        };
        let truth = lively((k + 1) as f64 * 0.01);
        let found = Geodetic {
            lat_deg: navigator.lat.to_degrees(),
            lon_deg: navigator.lon.to_degrees(),
            height_m: navigator.height,
        };
        let position = Vector3::from(frame().to_enu(&found)) - Vector3::from(truth.position_enu_m);
        let level = to_level(&frame().to_geodetic(truth.position_enu_m));
        let velocity = navigator.velocity - level * Vector3::from(truth.velocity_enu_mps);
        let turn = navigator.attitude * (level * attitude_matrix(truth.quaternion_wxyz)).transpose();
        let turn = (turn - turn.transpose()).norm() / f64::sqrt(8.0);
        assert!(position.norm() < position_m, "{position:?}");
        assert!(velocity.norm() < velocity_mps, "{velocity:?}");
        assert!(turn.to_degrees() < attitude_deg, "{}", turn.to_degrees());
    }
}
