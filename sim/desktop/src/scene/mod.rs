//! The world in three dimensions: road, car, sky, lines, cameras.
//!
//! The simulation's world is east, north, up; bevy's is x right, y up, z toward the viewer. [`Place`] is the only way
//! from one to the other: east is x, up is y, south is z.

mod camera;
mod car;
mod obstacles;
mod plain;
mod road;
mod shape;
mod sky;
mod target;
mod texture;
mod update;

pub use camera::{CameraMode, FreeCamera};
pub(crate) use obstacles::friction_colour;
pub(crate) use target::{ScenePicture, picture};
pub(crate) use update::SceneCamera;
pub use update::{Layers, ScenePlugin};

use bevy::prelude::*;

/// Where bevy's origin lies in the simulation's world, m: near the start, so that 32-bit coordinates are exact to less than
/// a millimetre.
#[derive(Resource, Clone, Copy, Debug, Default)]
pub struct Place {
    /// East, north, up, m.
    pub origin_m: [f64; 3],
}

impl Place {
    /// A point of the world.
    pub fn point(&self, [east, north, up]: [f64; 3]) -> Vec3 {
        let [x, y, z] = self.origin_m;
        Vec3::new((east - x) as f32, (up - z) as f32, (y - north) as f32)
    }

    /// A rotation from body (forward, left, up) to world, [w, x, y, z].
    pub fn rotation([w, x, y, z]: [f64; 4]) -> Quat {
        Quat::from_xyzw(x as f32, z as f32, -y as f32, w as f32).normalize()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use skidpad_vehicle::Attitude;

    #[test]
    fn a_car_that_heads_north_and_noses_up_does_so_in_the_picture() {
        let place = Place { origin_m: [10.0, 20.0, 5.0] };
        assert_eq!(place.point([11.0, 22.0, 8.0]), Vec3::new(1.0, 3.0, -2.0));
        let attitude = Attitude::from_yaw_pitch_roll(std::f64::consts::FRAC_PI_2, -0.1, 0.0);
        let forward = Place::rotation(attitude.0) * Vec3::X;
        let turn = attitude.matrix();
        let wanted = [turn[(0, 0)], turn[(1, 0)], turn[(2, 0)]].map(|v| v as f32);
        assert!((forward - Vec3::new(wanted[0], wanted[2], -wanted[1])).length() < 1e-6);
        assert!(forward.z < -0.99 && forward.y > 0.09, "{forward}");
    }
}
