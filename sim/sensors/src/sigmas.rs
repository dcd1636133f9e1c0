//! What the receiver believes of its own errors.

use crate::params::{DEG, DEG_PER_H, G, MG, PER_SQRT_H};
use crate::{ImuParams, ReceiverParams, Truth};
use nalgebra::Vector3;

/// Deviations of a solution without its white part, 1σ. Pairs are \[horizontal per axis, vertical\].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sigmas {
    /// m.
    pub position: [f64; 2],
    /// m/s.
    pub velocity: [f64; 2],
    /// About the horizontal axes, rad.
    pub tilt: f64,
    /// rad.
    pub azimuth: f64,
}

impl Sigmas {
    /// Of a solution that is aided by fixes of these deviations.
    pub(crate) fn aided(params: &ReceiverParams, position: [f64; 2]) -> Self {
        Sigmas {
            position,
            velocity: [params.velocity_drift_mps; 2],
            tilt: params.tilt_drift_deg * DEG,
            azimuth: params.azimuth_drift_deg * DEG,
        }
    }

    /// `share` of the errors are still those of `before`. Positions of two fixes are independent; velocity
    /// and attitude drift on as they did, and only what was gained beyond fades.
    pub(crate) fn towards(&self, share: f64, before: &Sigmas) -> Self {
        let blend = |now: f64, then: f64| libm::hypot((1.0 - share) * now, share * then);
        let fade =
            |now: f64, then: f64| (now * now + share * share * (then * then - now * now).max(0.0)).sqrt();
        let both = |now: [f64; 2], then: [f64; 2]| [blend(now[0], then[0]), blend(now[1], then[1])];
        Sigmas {
            position: both(self.position, before.position),
            velocity: [
                fade(self.velocity[0], before.velocity[0]),
                fade(self.velocity[1], before.velocity[1]),
            ],
            tilt: fade(self.tilt, before.tilt),
            azimuth: fade(self.azimuth, before.azimuth),
        }
    }
}

/// How the car has moved since the outage began: what makes azimuth and scale-factor errors matter.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Motion {
    start: Option<Vector3<f64>>,
    /// Change of velocity, m/s, and its integral, m.
    gained: Vector3<f64>,
    strayed: Vector3<f64>,
    /// Turn about the vertical, rad.
    turned: f64,
}

impl Motion {
    /// Takes in the truth after one IMU sample with this turn about the vertical.
    pub(crate) fn follow(&mut self, truth: &Truth, turn_rad: f64) {
        let velocity = Vector3::from(truth.velocity_enu_mps);
        let start = *self.start.get_or_insert(velocity);
        self.gained = velocity - start;
        self.strayed += self.gained * crate::imu::SAMPLE_S;
        self.turned += turn_rad;
    }
}

/// How the deviations of an unaided solution grow: the closed forms of an inertial system that starts
/// with tilt θ, velocity error v, biases b and walks on with N and VRW, for a minute or two.
///
/// Position: vt, ½gθt², ½b_a t², g·b_g·t³/6, gN√(t⁵/20), VRW√(t³/3), and the azimuth error times how
/// far the car has strayed from a straight line at constant speed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Growth {
    gyro_bias: f64,
    accel_bias: f64,
    angle_walk: f64,
    velocity_walk: f64,
    gyro_scale: f64,
}

impl Growth {
    pub(crate) fn of(params: &ReceiverParams, imu: &ImuParams) -> Self {
        Growth {
            gyro_bias: params.residual_gyro_bias_deg_per_h * DEG_PER_H,
            accel_bias: params.residual_accel_bias_mg * MG,
            angle_walk: imu.gyro.angle_random_walk_deg_per_sqrt_h * DEG * PER_SQRT_H,
            velocity_walk: imu.accel.velocity_random_walk_mps_per_sqrt_h * PER_SQRT_H,
            gyro_scale: imu.gyro.scale_factor_ppm * 1e-6,
        }
    }

    /// After `t` seconds without a fix.
    pub(crate) fn after(&self, t: f64, start: &Sigmas, motion: &Motion) -> Sigmas {
        let (t2, t3) = (t * t, t * t * t);
        let gained = libm::hypot(self.gyro_bias * t, self.angle_walk * t.sqrt());
        let tilt = libm::hypot(start.tilt, gained);
        let azimuth = libm::hypot(start.azimuth, gained);
        let azimuth = if motion.turned == 0.0 {
            azimuth
        } else {
            libm::hypot(azimuth, self.gyro_scale * motion.turned)
        };
        let root_of = |terms: &[f64]| terms.iter().map(|term| term * term).sum::<f64>().sqrt();
        let [p, v] = [start.position, start.velocity];
        let vertical_position =
            [p[1], v[1] * t, 0.5 * self.accel_bias * t2, self.velocity_walk * (t3 / 3.0).sqrt()];
        let vertical_velocity = [v[1], self.accel_bias * t, self.velocity_walk * t.sqrt()];
        let position = [
            p[0],
            v[0] * t,
            0.5 * G * start.tilt * t2,
            0.5 * self.accel_bias * t2,
            G * self.gyro_bias * t3 / 6.0,
            G * self.angle_walk * (t2 * t3 / 20.0).sqrt(),
            self.velocity_walk * (t3 / 3.0).sqrt(),
            azimuth * motion.strayed.xy().norm() * std::f64::consts::FRAC_1_SQRT_2,
        ];
        let velocity = [
            v[0],
            G * start.tilt * t,
            self.accel_bias * t,
            0.5 * G * self.gyro_bias * t2,
            G * self.angle_walk * (t3 / 3.0).sqrt(),
            self.velocity_walk * t.sqrt(),
            azimuth * motion.gained.xy().norm() * std::f64::consts::FRAC_1_SQRT_2,
        ];
        Sigmas {
            position: [root_of(&position), root_of(&vertical_position)],
            velocity: [root_of(&velocity), root_of(&vertical_velocity)],
            tilt,
            azimuth,
        }
    }
}
