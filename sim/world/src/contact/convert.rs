//! The one place where plain arrays meet rapier's (glam's) vectors.

use rapier3d_f64::math::{Matrix, Pose, Rotation, Vector};

pub fn vector(v: [f64; 3]) -> Vector {
    Vector::new(v[0], v[1], v[2])
}

pub fn array(v: Vector) -> [f64; 3] {
    [v.x, v.y, v.z]
}

/// From a unit quaternion `[w, x, y, z]`; normalised here, so that rounding in the caller does no harm.
pub fn rotation(q: [f64; 4]) -> Rotation {
    Rotation::from_xyzw(q[1], q[2], q[3], q[0]).normalize()
}

pub fn pose(position: [f64; 3], orientation: [f64; 4]) -> Pose {
    Pose::from_parts(vector(position), rotation(orientation))
}

/// As `[w, x, y, z]`.
pub fn quaternion(rotation: Rotation) -> [f64; 4] {
    [rotation.w, rotation.x, rotation.y, rotation.z]
}

/// What heads `heading_rad` from east on ground with this normal.
pub fn standing(heading_rad: f64, normal: [f64; 3]) -> Rotation {
    let (sin, cos) = libm::sincos(heading_rad);
    let up = vector(normal);
    let left = up.cross(Vector::new(cos, sin, 0.0)).normalize();
    Rotation::from_mat3(&Matrix::from_cols(left.cross(up), left, up))
}

/// A box standing upright, turned by `heading_rad` about the vertical.
pub fn upright(position: [f64; 3], heading_rad: f64) -> Pose {
    let (sin, cos) = libm::sincos(0.5 * heading_rad);
    pose(position, [cos, 0.0, 0.0, sin])
}

/// From rows.
pub fn matrix(rows: [[f64; 3]; 3]) -> Matrix {
    Matrix::from_cols(vector(rows[0]), vector(rows[1]), vector(rows[2])).transpose()
}
