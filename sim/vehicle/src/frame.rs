//! Rotations between body and world.

use nalgebra::{Matrix3, Vector3};

/// Attitude: unit quaternion [w, x, y, z] that turns body vectors into world vectors.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Attitude(pub [f64; 4]);

impl Attitude {
    /// From intrinsic yaw (about z), pitch (about y, positive nose *down*), roll (about x, positive
    /// right side down), rad.
    pub fn from_yaw_pitch_roll(yaw_rad: f64, pitch_rad: f64, roll_rad: f64) -> Self {
        let (sy, cy) = libm::sincos(0.5 * yaw_rad);
        let (sp, cp) = libm::sincos(0.5 * pitch_rad);
        let (sr, cr) = libm::sincos(0.5 * roll_rad);
        Attitude([
            cr * cp * cy + sr * sp * sy,
            sr * cp * cy - cr * sp * sy,
            cr * sp * cy + sr * cp * sy,
            cr * cp * sy - sr * sp * cy,
        ])
    }

    /// Rotation matrix, body to world.
    pub fn matrix(&self) -> Matrix3<f64> {
        let [w, x, y, z] = self.0;
        Matrix3::new(
            1.0 - 2.0 * (y * y + z * z),
            2.0 * (x * y - w * z),
            2.0 * (x * z + w * y),
            2.0 * (x * y + w * z),
            1.0 - 2.0 * (x * x + z * z),
            2.0 * (y * z - w * x),
            2.0 * (x * z - w * y),
            2.0 * (y * z + w * x),
            1.0 - 2.0 * (x * x + y * y),
        )
    }

    /// Heading of the body's x axis in the horizontal plane, rad, 0 = east, counter-clockwise.
    pub fn yaw_rad(&self) -> f64 {
        let [w, x, y, z] = self.0;
        libm::atan2(2.0 * (w * z + x * y), 1.0 - 2.0 * (y * y + z * z))
    }

    /// Pitch, rad, positive nose down (ISO 8855).
    pub fn pitch_rad(&self) -> f64 {
        let [w, x, y, z] = self.0;
        libm::asin((2.0 * (w * y - z * x)).clamp(-1.0, 1.0))
    }

    /// Roll, rad, positive right side down (ISO 8855).
    pub fn roll_rad(&self) -> f64 {
        let [w, x, y, z] = self.0;
        libm::atan2(2.0 * (w * x + y * z), 1.0 - 2.0 * (x * x + y * y))
    }

    /// Turned by the body rate `rate_rps` for `dt_s`: the exponential map.
    pub fn turned(&self, rate_rps: &Vector3<f64>, dt_s: f64) -> Self {
        let half = rate_rps * (0.5 * dt_s);
        let square = half.norm_squared();
        // sin(θ)/θ and cos θ to the fourth order: exact to a rounding error for θ < 1e-2 rad per step.
        let (sinc, cosine) = if square < 1e-4 {
            (1.0 - square / 6.0 * (1.0 - square / 20.0), 1.0 - square * (0.5 - square / 24.0))
        } else {
            let angle = square.sqrt();
            (libm::sin(angle) / angle, libm::cos(angle))
        };
        let v = half * sinc;
        let [w, x, y, z] = self.0;
        let turned = [
            w * cosine - x * v.x - y * v.y - z * v.z,
            x * cosine + w * v.x + y * v.z - z * v.y,
            y * cosine + w * v.y + z * v.x - x * v.z,
            z * cosine + w * v.z + x * v.y - y * v.x,
        ];
        // A unit quaternion but for rounding: one Newton step towards 1/|q| is exact.
        let square =
            turned[0] * turned[0] + turned[1] * turned[1] + turned[2] * turned[2] + turned[3] * turned[3];
        let scale = 1.5 - 0.5 * square;
        Attitude(turned.map(|component| component * scale))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn angles_survive_the_quaternion() {
        for (yaw, pitch, roll) in [(0.0, 0.0, 0.0), (2.8, 0.1, -0.2), (-3.0, -0.4, 0.3)] {
            let attitude = Attitude::from_yaw_pitch_roll(yaw, pitch, roll);
            assert!((attitude.yaw_rad() - yaw).abs() < 1e-12);
            assert!((attitude.pitch_rad() - pitch).abs() < 1e-12);
            assert!((attitude.roll_rad() - roll).abs() < 1e-12);
            let r = attitude.matrix();
            assert!((r * r.transpose() - Matrix3::identity()).norm() < 1e-12);
        }
    }

    #[test]
    fn a_constant_yaw_rate_turns_by_rate_times_time() {
        let mut attitude = Attitude::from_yaw_pitch_roll(0.3, 0.0, 0.0);
        for _ in 0..1000 {
            attitude = attitude.turned(&Vector3::new(0.0, 0.0, 0.7), 1e-3);
        }
        assert!((attitude.yaw_rad() - 1.0).abs() < 1e-12);
    }
}
