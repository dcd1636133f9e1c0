//! What happens to an inertial solution that nothing corrects.

use crate::imu::{SAMPLE_S, Sample};
use nalgebra::Vector3;

/// Errors of a navigation solution, in axes of the map: estimate less truth.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct NavError {
    /// m.
    pub position: Vector3<f64>,
    /// m/s.
    pub velocity: Vector3<f64>,
    /// Small rotation that turns the true attitude into the estimated one, rad.
    pub attitude: Vector3<f64>,
}

impl NavError {
    /// `self + share · other`.
    pub(crate) fn plus(&self, share: f64, other: &NavError) -> NavError {
        NavError {
            position: self.position + share * other.position,
            velocity: self.velocity + share * other.velocity,
            attitude: self.attitude + share * other.attitude,
        }
    }

    /// Carries the errors through one IMU sample: the linearised strapdown equations in an Earth-fixed
    /// frame.
    ///
    /// ψ̇ = C·δω − Ω×ψ, δv̇ = ψ×(C·f) + C·δf − 2Ω×δv, δṗ = δv. What drives it is the very error of the
    /// increments the receiver gives out, so both logs tell the same story. The change of gravity with
    /// the position error (Schuler) is left out: it is below 1 % within a minute.
    pub(crate) fn propagate(
        &mut self,
        sample: &Sample,
        gyro_bias_estimate: &Vector3<f64>,
        accel_bias_estimate: &Vector3<f64>,
        earth_rate: &Vector3<f64>,
    ) {
        let angle_error = sample.angle - sample.true_angle - gyro_bias_estimate * SAMPLE_S;
        let velocity_error = sample.velocity - sample.true_velocity - accel_bias_estimate * SAMPLE_S;
        let turned = self.attitude;
        let before = self.velocity;
        self.attitude += sample.attitude * angle_error - earth_rate.cross(&turned) * SAMPLE_S;
        let mean_attitude = (turned + self.attitude) * 0.5;
        self.velocity += mean_attitude.cross(&(sample.attitude * sample.true_velocity))
            + sample.attitude * velocity_error
            - 2.0 * earth_rate.cross(&before) * SAMPLE_S;
        self.position += (before + self.velocity) * (0.5 * SAMPLE_S);
    }
}
