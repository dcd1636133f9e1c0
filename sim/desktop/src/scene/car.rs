//! The car, built in code from the vehicle's own dimensions: body, cabin, wheels, lamps, steering wheel.

use super::shape::{Shape, tint};
use bevy::prelude::*;
use skidpad_vehicle::{VehicleModel, VehicleParams};
use std::f32::consts::TAU;

/// The dimensions that the drawing needs, m. Model frame: origin below the rear axle on the ground, x forward, y up,
/// z to the right.
#[derive(Clone, Copy, Debug)]
pub(super) struct Dimensions {
    front: f32,
    rear: f32,
    half_width: f32,
    clearance: f32,
    height: f32,
    pub wheelbase: f32,
    pub half_track: [f32; 2],
    pub radius: f32,
    /// Centre of mass in the model frame.
    pub cg: Vec3,
}

/// Width of a tyre, m.
const TYRE_WIDTH: f32 = 0.235;
/// Points around a cross-section of the body, and cross-sections along it.
const AROUND: usize = 72;
const ALONG: usize = 120;

impl Dimensions {
    pub fn of(params: &VehicleParams) -> Dimensions {
        let cg = VehicleModel::new(params, 1e-3).cg_from_rear_axle_m();
        let hull = &params.hull;
        Dimensions {
            front: hull.front_m as f32,
            rear: hull.rear_m as f32,
            half_width: 0.5 * hull.width_m as f32,
            clearance: hull.clearance_m as f32,
            height: hull.height_m as f32,
            wheelbase: params.chassis.wheelbase_m as f32,
            half_track: [0.5 * params.front.track_m as f32, 0.5 * params.rear.track_m as f32],
            radius: params.tyre.unloaded_radius_m as f32,
            cg: Vec3::new(cg.x as f32, cg.z as f32, -cg.y as f32),
        }
    }

    /// Centre of a wheel (FL, FR, RL, RR) in the design position.
    pub fn wheel(&self, index: usize) -> Vec3 {
        let (x, track) =
            if index < 2 { (self.wheelbase, self.half_track[0]) } else { (0.0, self.half_track[1]) };
        Vec3::new(x, self.radius, if index.is_multiple_of(2) { -track } else { track })
    }

    /// Eyes of the driver.
    pub fn eyes(&self) -> Vec3 {
        Vec3::new(0.43 * self.wheelbase, 0.83 * self.height, -0.2 * self.half_width * 2.0)
    }

    /// x of a share of the length, 0 at the rear end.
    fn x(&self, share: f32) -> f32 {
        -self.rear + share * (self.front + self.rear)
    }
}

/// A value between the points of a table (share of the length, value), smooth.
fn along(table: &[(f32, f32)], share: f32) -> f32 {
    let after = table.partition_point(|(at, _)| *at <= share).clamp(1, table.len() - 1);
    let ((a, from), (b, to)) = (table[after - 1], table[after]);
    let t = ((share - a) / (b - a)).clamp(0.0, 1.0);
    from + (to - from) * t * t * (3.0 - 2.0 * t)
}

/// A rounded rectangle, counter-clockwise as seen from behind (z to the right, y up): (y, z).
fn rounded(half_y: f32, half_z: f32, radius: f32) -> Vec<(f32, f32)> {
    let radius = radius.min(half_y).min(half_z);
    let (straight_y, straight_z) = (2.0 * (half_y - radius), 2.0 * (half_z - radius));
    let arc = 0.25 * TAU * radius;
    let length = 2.0 * (straight_y + straight_z) + 4.0 * arc;
    (0..AROUND)
        .map(|i| {
            let mut s = length * i as f32 / AROUND as f32;
            // Up the right side, over the top to the left, down, and back.
            let corners = [
                (straight_y, half_y - radius, half_z - radius),
                (straight_z, half_y - radius, radius - half_z),
                (straight_y, radius - half_y, radius - half_z),
                (straight_z, radius - half_y, half_z - radius),
            ];
            for (side, (straight, y, z)) in corners.iter().enumerate() {
                // Direction of travel along this side, and outward, as (y, z).
                let (direction, outward) = [
                    ((1.0, 0.0), (0.0, 1.0)),
                    ((0.0, -1.0), (1.0, 0.0)),
                    ((-1.0, 0.0), (0.0, -1.0)),
                    ((0.0, 1.0), (-1.0, 0.0)),
                ][side];
                if s < *straight {
                    let left = straight - s;
                    return (
                        y + outward.0 * radius - direction.0 * left,
                        z + outward.1 * radius - direction.1 * left,
                    );
                }
                s -= straight;
                if s < arc {
                    let angle = s / radius;
                    let (sin, cos) = angle.sin_cos();
                    return (
                        y + radius * (outward.0 * cos + direction.0 * sin),
                        z + radius * (outward.1 * cos + direction.1 * sin),
                    );
                }
                s -= arc;
            }
            (radius - half_y, half_z)
        })
        .collect()
}

/// The painted body up to the windows, with room for the wheels.
fn lower_body(size: &Dimensions, shape: &mut Shape, paint: [f32; 4]) {
    let top = [
        (0.0, 0.60),
        (0.04, 0.69),
        (0.16, 0.70),
        (0.5, 0.655),
        (0.70, 0.65),
        (0.86, 0.575),
        (0.95, 0.50),
        (1.0, 0.40),
    ];
    let bottom = [(0.0, 0.30), (0.05, 0.19), (0.15, 0.13), (0.85, 0.12), (0.95, 0.15), (1.0, 0.25)];
    let width = [
        (0.0, 0.78),
        (0.03, 0.90),
        (0.10, 0.975),
        (0.25, 1.0),
        (0.78, 1.0),
        (0.90, 0.965),
        (0.965, 0.86),
        (1.0, 0.66),
    ];
    let dark = tint(16, 16, 18);
    let rings: Vec<Vec<(Vec3, [f32; 4])>> = (0..=ALONG)
        .map(|i| {
            // Closer together at the ends.
            let share = 0.5 - 0.5 * (0.5 * TAU * i as f32 / ALONG as f32).cos();
            let x = size.x(share);
            let (low, high) =
                ((along(&bottom, share) * size.height).max(size.clearance), along(&top, share) * size.height);
            let half_z = along(&width, share) * size.half_width;
            let (middle, half_y) = (0.5 * (low + high), 0.5 * (high - low));
            rounded(half_y, half_z, 0.14)
                .into_iter()
                .rev()
                .map(|(dy, z)| {
                    let y = middle + dy;
                    // Sides lean inward above the middle.
                    let lean = 1.0 - 0.05 * ((y - middle) / half_y.max(0.01)).max(0.0).powi(2);
                    let mut at = Vec3::new(x, y, z * lean);
                    let mut colour = if y < low + 0.05 { dark } else { paint };
                    for (axle, track) in [(size.wheelbase, size.half_track[0]), (0.0, size.half_track[1])] {
                        let off = Vec2::new(x - axle, y - size.radius).length();
                        if off < 1.19 * size.radius {
                            let inner = track - 0.62 * TYRE_WIDTH;
                            at.z = at.z.clamp(-inner, inner);
                            colour = dark;
                        }
                    }
                    (at, colour)
                })
                .collect()
        })
        .collect();
    shape.loft(&rings);
}

/// Windows and roof.
fn cabin(size: &Dimensions, shape: &mut Shape, paint: [f32; 4]) {
    let glass = tint(18, 22, 28);
    let top =
        [(0.08, 0.67), (0.17, 0.80), (0.27, 0.945), (0.40, 1.0), (0.52, 0.985), (0.58, 0.94), (0.72, 0.66)];
    let rings: Vec<Vec<(Vec3, [f32; 4])>> = (0..=80)
        .map(|i| {
            let share = 0.085 + (0.715 - 0.085) * i as f32 / 80.0;
            let (low, high) = (0.60 * size.height, along(&top, share) * size.height);
            let (middle, half_y) = (0.5 * (low + high), (0.5 * (high - low)).max(0.02));
            rounded(half_y, 0.90 * size.half_width, 0.10)
                .into_iter()
                .rev()
                .map(|(dy, z)| {
                    let rise = ((dy + half_y) / (0.40 * size.height)).clamp(0.0, 1.0);
                    let y = middle + dy;
                    let is_roof = (0.27..0.56).contains(&share) && y > high - 0.055;
                    let pillar = [0.265, 0.415, 0.575].iter().any(|at| (share - at).abs() < 0.009);
                    let is_side = z.abs() > 0.8 * size.half_width;
                    let colour = if is_roof || (pillar && is_side) { paint } else { glass };
                    (Vec3::new(size.x(share), y, z * (1.0 - 0.24 * rise)), colour)
                })
                .collect()
        })
        .collect();
    shape.loft(&rings);
}

/// The body with all that does not move.
pub(super) fn body(size: &Dimensions) -> Mesh {
    let paint = tint(176, 30, 38);
    let mut shape = Shape::default();
    lower_body(size, &mut shape, paint);
    cabin(size, &mut shape, paint);
    let dark = tint(14, 14, 16);
    let chrome = tint(190, 192, 196);
    // Grille, plates, mirrors.
    let front = size.x(0.992);
    shape.cuboid(
        Vec3::new(front, 0.36 * size.height, 0.0),
        Vec3::new(0.03, 0.09, 0.42),
        Quat::IDENTITY,
        dark,
    );
    for bar in 0..3 {
        let y = 0.36 * size.height - 0.05 + 0.05 * bar as f32;
        shape.cuboid(Vec3::new(front + 0.025, y, 0.0), Vec3::new(0.01, 0.006, 0.40), Quat::IDENTITY, chrome);
    }
    let plate = Vec3::new(-size.rear - 0.005, 0.46 * size.height, 0.0);
    shape.cuboid(plate, Vec3::new(0.012, 0.055, 0.26), Quat::IDENTITY, tint(230, 230, 224));
    for side in [-1.0, 1.0] {
        let mirror = Vec3::new(size.x(0.625), 0.70 * size.height, side * 1.03 * size.half_width);
        shape.cuboid(mirror, Vec3::new(0.06, 0.06, 0.10), Quat::from_rotation_y(side * 0.2), paint);
    }
    // The receiver's antennas and the sensors on the roof: this is a test car.
    shape.cuboid(
        Vec3::new(size.x(0.40), size.height + 0.03, 0.0),
        Vec3::new(0.10, 0.045, 0.10),
        Quat::IDENTITY,
        dark,
    );
    let fin = Vec3::new(size.x(0.30), 0.985 * size.height, 0.0);
    shape.cuboid(
        fin,
        Vec3::new(0.05, 0.05, 0.05),
        Quat::from_rotation_y(0.25 * TAU * 0.5),
        tint(225, 225, 225),
    );
    shape.mesh()
}

/// Lamps of one kind: the pair of boxes at the rear or at the front.
pub(super) fn lamps(size: &Dimensions, rear: bool) -> Mesh {
    let mut shape = Shape::default();
    for side in [-1.0, 1.0] {
        let (at, half, turn) = if rear {
            (
                Vec3::new(-size.rear + 0.035, 0.60 * size.height, side * 0.62 * size.half_width),
                Vec3::new(0.05, 0.05, 0.17),
                0.16,
            )
        } else {
            (
                Vec3::new(size.x(0.972), 0.445 * size.height, side * 0.66 * size.half_width),
                Vec3::new(0.06, 0.045, 0.16),
                0.38,
            )
        };
        let turn = if rear { -side * turn } else { side * turn };
        shape.cuboid(at, half, Quat::from_rotation_y(-turn), [1.0; 4]);
    }
    shape.mesh()
}

/// A surface of revolution about z through the points (z, radius), with outward faces.
fn lathe(shape: &mut Shape, profile: &[(f32, f32)], colour: [f32; 4]) {
    const SIDES: usize = 40;
    let rings: Vec<Vec<(Vec3, [f32; 4])>> = profile
        .iter()
        .map(|(z, radius)| {
            (0..SIDES)
                .map(|i| TAU * i as f32 / SIDES as f32)
                .map(|a| (Vec3::new(radius * a.cos(), radius * a.sin(), *z), colour))
                .collect()
        })
        .collect();
    shape.loft(&rings);
}

/// A wheel about its own centre, its axle along z.
pub(super) fn wheel(size: &Dimensions) -> Mesh {
    let (radius, half, rim) = (size.radius, 0.5 * TYRE_WIDTH, 0.69 * size.radius);
    let (rubber, metal) = (tint(22, 22, 24), tint(176, 180, 186));
    let mut shape = Shape::default();
    let tyre = [
        (-0.80 * half, rim),
        (-half, 0.80 * radius),
        (-0.94 * half, 0.94 * radius),
        (-0.72 * half, radius),
        (0.72 * half, radius),
        (0.94 * half, 0.94 * radius),
        (half, 0.80 * radius),
        (0.80 * half, rim),
    ];
    lathe(&mut shape, &tyre, rubber);
    for side in [-1.0_f32, 1.0] {
        let face = side * 0.83 * half;
        // The loft closes the tyre's sides with a dark dish: five spokes and a rim on it.
        shape.cuboid(Vec3::new(0.0, 0.0, face), Vec3::new(0.09, 0.09, 0.02), Quat::IDENTITY, metal);
        for spoke in 0..5 {
            let turn = Quat::from_rotation_z(TAU * spoke as f32 / 5.0);
            let middle = turn * Vec3::new(0.5 * rim, 0.0, 0.0) + Vec3::Z * face;
            shape.cuboid(middle, Vec3::new(0.48 * rim, 0.035, 0.014), turn, metal);
        }
        for step in 0..40 {
            let turn = Quat::from_rotation_z(TAU * step as f32 / 40.0);
            let at = turn * Vec3::new(0.97 * rim, 0.0, 0.0) + Vec3::Z * face;
            shape.cuboid(at, Vec3::new(0.02, 0.5 * TAU * rim / 39.0, 0.014), turn, metal);
        }
    }
    shape.mesh()
}

/// The steering wheel about its own hub, facing the driver along −x.
pub(super) fn steering_wheel() -> Mesh {
    let mut shape = Shape::default();
    let dark = tint(30, 30, 32);
    const STEPS: usize = 28;
    for step in 0..STEPS {
        let turn = Quat::from_rotation_x(TAU * step as f32 / STEPS as f32);
        let at = turn * Vec3::new(0.0, 0.185, 0.0);
        shape.cuboid(at, Vec3::new(0.014, 0.014, 0.0225), turn, dark);
    }
    for angle in [0.25, 0.5, 0.75] {
        let turn = Quat::from_rotation_x(TAU * angle);
        shape.cuboid(turn * Vec3::new(0.0, 0.09, 0.0), Vec3::new(0.008, 0.09, 0.018), turn, dark);
    }
    shape.cuboid(Vec3::ZERO, Vec3::new(0.015, 0.05, 0.06), Quat::IDENTITY, dark);
    // A mark at the top: where the wheel is.
    shape.cuboid(
        Vec3::new(-0.003, 0.187, 0.0),
        Vec3::new(0.014, 0.0145, 0.02),
        Quat::IDENTITY,
        tint(240, 180, 30),
    );
    shape.mesh()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn lincoln() -> Dimensions {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let mut library = skidpad_scenario::Library::at(&root).unwrap();
        Dimensions::of(&library.vehicle("lincoln_mkz").unwrap().params)
    }

    #[test]
    fn the_car_that_is_drawn_is_as_large_as_the_one_that_drives() {
        let size = lincoln();
        let mesh = body(&size);
        let positions = mesh.attribute(Mesh::ATTRIBUTE_POSITION).and_then(|p| p.as_float3()).unwrap();
        let extent = |axis: usize| {
            positions.iter().map(|p| p[axis]).fold((f32::MAX, f32::MIN), |(a, b), v| (a.min(v), b.max(v)))
        };
        let (rear, front) = extent(0);
        assert!((front - size.front).abs() < 0.06 && (rear + size.rear).abs() < 0.06, "{rear} {front}");
        let (bottom, top) = extent(1);
        assert!(bottom >= size.clearance - 0.01 && (top - size.height).abs() < 0.12, "{bottom} {top}");
        assert!(positions.iter().all(|p| p.iter().all(|v| v.is_finite())));
        // Its faces look outward: it has a volume, some ten cubic metres.
        let indices: Vec<usize> = mesh.indices().unwrap().iter().collect();
        let volume: f32 = indices
            .chunks_exact(3)
            .map(|t| [0, 1, 2].map(|i| Vec3::from(positions[t[i]])))
            .map(|[a, b, c]| a.dot(b.cross(c)) / 6.0)
            .sum();
        assert!((5.0..16.0).contains(&volume), "{volume} m³");
        assert_eq!(size.wheel(0).x, size.wheelbase);
        assert!(size.wheel(0).z < 0.0 && size.wheel(3).z > 0.0);
    }

    #[test]
    fn a_cross_section_goes_around_once() {
        let points = rounded(0.4, 0.9, 0.14);
        let area: f32 = (0..AROUND)
            .map(|i| (points[i], points[(i + 1) % AROUND]))
            .map(|((ya, za), (yb, zb))| 0.5 * (za * yb - zb * ya))
            .sum();
        // Counter-clockwise with z to the right and y up, which is as seen from behind.
        assert!((area - (4.0 * 0.4 * 0.9 - 0.86 * 0.14 * 0.14)).abs() < 0.01, "{area}");
    }
}
