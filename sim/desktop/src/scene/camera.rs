//! Where the viewer stands.

use super::car::Dimensions;
use bevy::prelude::*;

/// A camera.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CameraMode {
    /// Behind the car.
    #[default]
    Chase,
    /// The driver's eyes.
    Cockpit,
    /// From above, north up.
    Top,
    /// Moved by hand.
    Free,
    /// Beside the left front wheel.
    Wheel,
}

impl CameraMode {
    /// All of them, in the order of their keys.
    pub const ALL: [CameraMode; 5] =
        [CameraMode::Chase, CameraMode::Cockpit, CameraMode::Top, CameraMode::Free, CameraMode::Wheel];

    /// Its name on the screen.
    pub fn name(self) -> &'static str {
        match self {
            CameraMode::Chase => "chase",
            CameraMode::Cockpit => "cockpit",
            CameraMode::Top => "top",
            CameraMode::Free => "free",
            CameraMode::Wheel => "wheel",
        }
    }
}

/// The free camera, and how far the others stand off.
#[derive(Resource, Clone, Copy, Debug)]
pub struct FreeCamera {
    /// Around the car, rad: yaw from behind, pitch from the horizon.
    pub yaw_pitch: Vec2,
    /// From the car, m.
    pub distance_m: f32,
    /// Height of the camera above, m.
    pub above_m: f32,
}

impl Default for FreeCamera {
    fn default() -> Self {
        FreeCamera { yaw_pitch: Vec2::new(0.7, 0.35), distance_m: 9.0, above_m: 70.0 }
    }
}

/// Pose of the camera for a car at `car`, whose direction over ground the chase camera follows with a delay: `lagged`.
pub(super) fn pose(
    mode: CameraMode,
    free: &FreeCamera,
    car: &Transform,
    size: &Dimensions,
    lagged: Quat,
) -> Transform {
    let middle = car.translation + car.rotation * Vec3::new(0.5 * size.wheelbase, 0.7, 0.0);
    match mode {
        CameraMode::Chase => {
            let eye = middle + lagged * Vec3::new(-7.6, 2.3, 0.0);
            Transform::from_translation(eye).looking_at(middle + lagged * Vec3::new(3.0, 0.1, 0.0), Vec3::Y)
        }
        CameraMode::Cockpit => {
            let eye = car.transform_point(size.eyes());
            let ahead = car.rotation * Vec3::new(1.0, -0.04, 0.0);
            Transform::from_translation(eye).looking_to(ahead, car.rotation * Vec3::Y)
        }
        CameraMode::Top => {
            Transform::from_translation(middle + Vec3::Y * free.above_m).looking_at(middle, Vec3::NEG_Z)
        }
        CameraMode::Free => {
            let turn =
                lagged * Quat::from_rotation_y(free.yaw_pitch.x) * Quat::from_rotation_z(-free.yaw_pitch.y);
            let eye = middle + turn * Vec3::new(-free.distance_m, 0.0, 0.0);
            Transform::from_translation(eye.max(Vec3::new(f32::MIN, car.translation.y + 0.15, f32::MIN)))
                .looking_at(middle, Vec3::Y)
        }
        CameraMode::Wheel => {
            let wheel = car.transform_point(size.wheel(0));
            let eye = car.transform_point(size.wheel(0) + Vec3::new(1.15, 0.22, -1.35));
            Transform::from_translation(eye).looking_at(wheel, Vec3::Y)
        }
    }
}
