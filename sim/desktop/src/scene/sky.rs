//! Sky, sun and haze.

use super::shape::Shape;
use super::texture::SKY_LOWEST;
use bevy::prelude::*;
use std::f32::consts::{FRAC_PI_2, TAU};

/// Radius of the dome, m; it moves with the camera.
pub(super) const DOME_M: f32 = 4000.0;

/// Horizon, which is also the colour of the haze.
pub(super) const HORIZON: Color = Color::srgb(0.78, 0.85, 0.92);

/// Where the sun stands: a direction towards it.
pub(super) fn sun() -> Vec3 {
    Vec3::new(0.66, 0.58, 0.34).normalize()
}

/// A dome that is seen from inside, for the picture of [`super::texture::sky_image`].
pub(super) fn dome() -> Mesh {
    let mut shape = Shape::default();
    let mut at_picture = Vec::new();
    const ROWS: usize = 24;
    const COLUMNS: usize = 48;
    for row in 0..=ROWS {
        let down = row as f32 / ROWS as f32;
        let pitch = FRAC_PI_2 + (SKY_LOWEST - FRAC_PI_2) * down;
        for column in 0..=COLUMNS {
            let around = column as f32 / COLUMNS as f32;
            let yaw = TAU * around;
            let direction = Vec3::new(pitch.cos() * yaw.cos(), pitch.sin(), pitch.cos() * yaw.sin());
            shape.point(direction * DOME_M, -direction, [1.0; 4]);
            at_picture.push([around, down]);
        }
    }
    for row in 0..ROWS {
        for column in 0..COLUMNS {
            let a = (row * (COLUMNS + 1) + column) as u32;
            let b = a + COLUMNS as u32 + 1;
            shape.triangle(a, a + 1, b);
            shape.triangle(b, a + 1, b + 1);
        }
    }
    shape.mesh().with_inserted_attribute(Mesh::ATTRIBUTE_UV_0, at_picture)
}
