//! Sky, sun and haze.

use super::shape::{Shape, tint};
use bevy::prelude::*;

/// Radius of the dome, m; it moves with the camera.
pub(super) const DOME_M: f32 = 4000.0;

/// Horizon, which is also the colour of the haze.
pub(super) const HORIZON: Color = Color::srgb(0.78, 0.85, 0.92);

/// Where the sun stands: a direction towards it.
pub(super) fn sun() -> Vec3 {
    Vec3::new(-0.45, 0.62, 0.55).normalize()
}

/// A dome that is seen from inside: haze at the horizon, blue above, bright around the sun.
pub(super) fn dome() -> Mesh {
    let mut shape = Shape::default();
    const ROWS: usize = 24;
    const COLUMNS: usize = 48;
    let (low, high) = (HORIZON.to_linear().to_f32_array(), tint(74, 128, 200));
    for row in 0..=ROWS {
        let lift = -0.15 + 1.15 * row as f32 / ROWS as f32;
        let pitch = (0.5 * std::f32::consts::PI * lift).clamp(-0.3, std::f32::consts::FRAC_PI_2);
        for column in 0..=COLUMNS {
            let yaw = std::f32::consts::TAU * column as f32 / COLUMNS as f32;
            let direction = Vec3::new(pitch.cos() * yaw.cos(), pitch.sin(), pitch.cos() * yaw.sin());
            let blue = pitch.sin().max(0.0).powf(0.55);
            let glow = direction.dot(sun()).max(0.0).powf(24.0) * 0.35;
            let colour = std::array::from_fn(|i| (low[i] + (high[i] - low[i]) * blue + glow).min(1.0));
            shape.point(direction * DOME_M, -direction, colour);
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
    shape.mesh()
}
