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
    /// Its colour, linear.
    paint: [f32; 4],
    /// It carries antennas and sensors on its roof.
    measures: bool,
}

/// Width of a tyre, m.
const TYRE_WIDTH: f32 = 0.235;
/// Points around a cross-section of the body, and cross-sections along it.
const AROUND: usize = 112;
const ALONG: usize = 180;

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
            paint: tint(150, 12, 22),
            measures: true,
        }
    }

    /// Another vehicle of which no more is known than its length, width and height: proportions of a usual car.
    pub fn of_box([length, width, height]: [f64; 3], paint: [f32; 4]) -> Dimensions {
        let [length, width, height] = [length, width, height].map(|size| size as f32);
        let radius = (0.07 * length).min(0.24 * height);
        let rear = 0.20 * length;
        Dimensions {
            front: length - rear,
            rear,
            half_width: 0.5 * width,
            clearance: 0.1 * height,
            height,
            wheelbase: 0.60 * length,
            half_track: [0.42 * width; 2],
            radius,
            cg: Vec3::ZERO,
            paint,
            measures: false,
        }
    }

    /// From the rear end to below the rear axle, m.
    pub fn rear_m(&self) -> f32 {
        self.rear
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

/// Outline of the lower body over the share of the length: upper and lower edge in heights of the car, half width in half
/// widths of the car.
const TOP: [(f32, f32); 8] = [
    (0.0, 0.60),
    (0.04, 0.69),
    (0.16, 0.70),
    (0.5, 0.655),
    (0.70, 0.65),
    (0.86, 0.575),
    (0.95, 0.50),
    (1.0, 0.40),
];
const BOTTOM: [(f32, f32); 6] =
    [(0.0, 0.30), (0.05, 0.19), (0.15, 0.13), (0.85, 0.12), (0.95, 0.15), (1.0, 0.25)];
const WIDTH: [(f32, f32); 8] = [
    (0.0, 0.78),
    (0.03, 0.90),
    (0.10, 0.975),
    (0.25, 1.0),
    (0.78, 1.0),
    (0.90, 0.965),
    (0.965, 0.86),
    (1.0, 0.66),
];
/// Radius of the body's edges, m.
const EDGE: f32 = 0.14;
/// Room for a wheel, in its radii: the hole in the body, and the lip that covers the hole's steps.
const HOLE: f32 = 1.34;
const LIP: [f32; 2] = [1.17, 1.48];

/// Lower and upper edge and half width of the lower body at a share of the length, m.
fn section(size: &Dimensions, share: f32) -> (f32, f32, f32) {
    let low = (along(&BOTTOM, share) * size.height).max(size.clearance);
    (low, along(&TOP, share) * size.height, along(&WIDTH, share) * size.half_width)
}

/// Sides lean inward above the middle of a section.
fn lean(y: f32, low: f32, high: f32) -> f32 {
    1.0 - 0.05 * ((y - 0.5 * (low + high)) / (0.5 * (high - low)).max(0.01)).max(0.0).powi(2)
}

/// How far out the right side of the lower body is at a place, m.
fn side(size: &Dimensions, x: f32, y: f32) -> f32 {
    let share = ((x + size.rear) / (size.front + size.rear)).clamp(0.0, 1.0);
    let (low, high, half_z) = section(size, share);
    let into_edge = (low + EDGE - y).max(y - high + EDGE).clamp(0.0, EDGE);
    (half_z - EDGE + (EDGE * EDGE - into_edge * into_edge).sqrt()) * lean(y, low, high)
}

/// A ring around the lower body at a share of its length, from behind clockwise.
fn lower_ring(size: &Dimensions, share: f32) -> Vec<Vec3> {
    let (low, high, half_z) = section(size, share);
    let (x, middle) = (size.x(share), 0.5 * (low + high));
    let ring = rounded(0.5 * (high - low), half_z, EDGE).into_iter().rev();
    ring.map(|(dy, z)| Vec3::new(x, middle + dy, z * lean(middle + dy, low, high))).collect()
}

/// The painted body up to the windows, with room for the wheels; from a share of its length on.
fn lower_body(size: &Dimensions, shape: &mut Shape, from: f32) {
    let (dark, paint) = (tint(16, 16, 18), size.paint);
    let rings: Vec<Vec<(Vec3, [f32; 4])>> = (0..=ALONG)
        .map(|i| {
            // Closer together at the ends.
            let share = (0.5 - 0.5 * (0.5 * TAU * i as f32 / ALONG as f32).cos()).max(from);
            let (low, ..) = section(size, share);
            let ring = lower_ring(size, share).into_iter().map(|mut at| {
                let mut colour = if at.y < low + 0.05 { dark } else { paint };
                for (axle, track) in [(size.wheelbase, size.half_track[0]), (0.0, size.half_track[1])] {
                    if Vec2::new(at.x - axle, at.y - size.radius).length() < HOLE * size.radius {
                        let inner = track - 0.62 * TYRE_WIDTH;
                        at.z = at.z.clamp(-inner, inner);
                        colour = dark;
                    }
                }
                (at, colour)
            });
            ring.collect()
        })
        .collect();
    shape.loft(&rings);
    for (axle, track) in [(size.wheelbase, size.half_track[0]), (0.0, size.half_track[1])] {
        for out in [-1.0, 1.0] {
            lip(size, shape, axle, out, track - 0.62 * TYRE_WIDTH);
        }
    }
}

/// The edge of a wheel's arch: a band on the body's side around the wheel, and the dark wall behind it.
fn lip(size: &Dimensions, shape: &mut Shape, axle: f32, out: f32, inner: f32) {
    const STEPS: usize = 36;
    let from = ((size.clearance + 0.04 - size.radius) / (LIP[1] * size.radius)).clamp(-0.9, 0.0).asin();
    let row = |radii: f32, lifted: f32| -> Vec<Vec3> {
        (0..=STEPS)
            .map(|i| {
                let angle = from + (0.5 * TAU - 2.0 * from) * i as f32 / STEPS as f32;
                let (sin, cos) = angle.sin_cos();
                let (x, y) = (axle + radii * size.radius * cos, size.radius * (1.0 + radii * sin));
                Vec3::new(x, y, out * (side(size, x, y.max(size.clearance)) + lifted))
            })
            .collect()
    };
    let paint = size.paint;
    let rows = [
        (row(LIP[1], 0.006), paint),
        (row(0.5 * (LIP[0] + LIP[1]), 0.016), paint),
        (row(LIP[0], 0.018), paint),
    ];
    let edge = &rows[2].0;
    let wall: Vec<Vec3> = edge.iter().map(|at| Vec3::new(at.x, at.y, out * inner)).collect();
    shape.sheet(&rows.iter().map(|(row, colour)| (row.as_slice(), *colour)).collect::<Vec<_>>(), out > 0.0);
    let dark = tint(14, 14, 16);
    shape.sheet(&[(edge, dark), (&wall, dark)], out > 0.0);
}

/// Windows and roof.
fn cabin(size: &Dimensions, shape: &mut Shape, paint: [f32; 4]) {
    let glass = tint(18, 22, 28);
    let top =
        [(0.08, 0.67), (0.17, 0.80), (0.27, 0.945), (0.40, 1.0), (0.52, 0.985), (0.58, 0.94), (0.72, 0.66)];
    let rings: Vec<Vec<(Vec3, [f32; 4])>> = (0..=160)
        .map(|i| {
            let share = 0.085 + (0.715 - 0.085) * i as f32 / 160.0;
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

/// A line on both sides of the lower body through points (share of the length, height in heights of the car).
fn side_line(size: &Dimensions, shape: &mut Shape, points: &[(f32, f32)], half: f32, colour: [f32; 4]) {
    for pair in points.windows(2) {
        let [from, to] = [pair[0], pair[1]].map(|(share, height)| (size.x(share), height * size.height));
        let steps = (((to.0 - from.0).hypot(to.1 - from.1)) / 0.06).ceil().max(1.0) as usize;
        let across = Vec2::new(from.1 - to.1, to.0 - from.0).normalize_or_zero() * half;
        for out in [-1.0, 1.0] {
            let row = |by: f32| -> Vec<Vec3> {
                (0..=steps)
                    .map(|i| i as f32 / steps as f32)
                    .map(|t| {
                        let (x, y) = (from.0 + (to.0 - from.0) * t, from.1 + (to.1 - from.1) * t);
                        Vec3::new(x + by * across.x, y + by * across.y, out * (side(size, x, y) + 0.004))
                    })
                    .collect()
            };
            shape.sheet(&[(&row(1.0), colour), (&row(-1.0), colour)], out < 0.0);
        }
    }
}

/// The body with all that does not move.
pub(super) fn body(size: &Dimensions) -> Mesh {
    let paint = size.paint;
    let mut shape = Shape::default();
    lower_body(size, &mut shape, 0.0);
    cabin(size, &mut shape, paint);
    let dark = tint(14, 14, 16);
    let chrome = tint(190, 192, 196);
    // Doors with handles, sills, the trim below the windows.
    let gap = [0.12 * paint[0], 0.12 * paint[1], 0.12 * paint[2], 1.0];
    for points in
        [&[(0.615, 0.24), (0.63, 0.62)][..], &[(0.455, 0.24), (0.45, 0.625)], &[(0.345, 0.55), (0.29, 0.64)]]
    {
        side_line(size, &mut shape, points, 0.004, gap);
    }
    side_line(size, &mut shape, &[(0.345, 0.235), (0.64, 0.235)], 0.012, dark);
    side_line(size, &mut shape, &[(0.20, 0.625), (0.64, 0.60)], 0.007, chrome);
    for share in [0.355, 0.49] {
        side_line(size, &mut shape, &[(share, 0.565), (share + 0.03, 0.563)], 0.014, chrome);
    }
    // Grille, bumpers, plate, mirrors.
    let front = size.x(0.992);
    let grille = Vec3::new(front, 0.36 * size.height, 0.0);
    shape.cuboid(grille, Vec3::new(0.05, 0.09, 0.42), Quat::IDENTITY, dark);
    for bar in 0..5 {
        let y = 0.36 * size.height - 0.07 + 0.035 * bar as f32;
        shape.cuboid(Vec3::new(front + 0.045, y, 0.0), Vec3::new(0.01, 0.006, 0.40), Quat::IDENTITY, chrome);
    }
    let apron = Vec3::new(-size.rear + 0.02, 0.30 * size.height, 0.0);
    shape.cuboid(apron, Vec3::new(0.03, 0.055, 0.55), Quat::IDENTITY, dark);
    for out in [-1.0, 1.0] {
        let pipe = Vec3::new(-size.rear - 0.005, 0.285 * size.height, out * 0.52);
        shape.cuboid(pipe, Vec3::new(0.03, 0.025, 0.07), Quat::IDENTITY, chrome);
        let mirror = Vec3::new(size.x(0.625), 0.70 * size.height, out * 1.03 * size.half_width);
        shape.cuboid(mirror, Vec3::new(0.06, 0.06, 0.10), Quat::from_rotation_y(out * 0.2), paint);
        let arm = Vec3::new(size.x(0.628), 0.675 * size.height, out * 0.93 * size.half_width);
        shape.cuboid(arm, Vec3::new(0.03, 0.018, 0.09), Quat::IDENTITY, dark);
    }
    let plate = Vec3::new(-size.rear - 0.005, 0.46 * size.height, 0.0);
    shape.cuboid(plate, Vec3::new(0.012, 0.055, 0.26), Quat::IDENTITY, tint(230, 230, 224));
    if !size.measures {
        return shape.mesh();
    }
    // The receiver's antennas and the sensors on the roof: this is a test car.
    let rack = Vec3::new(size.x(0.42), size.height + 0.012, 0.0);
    shape.cuboid(rack, Vec3::new(0.03, 0.014, 0.50), Quat::IDENTITY, dark);
    shape.cuboid(rack - Vec3::X * 0.45, Vec3::new(0.03, 0.014, 0.50), Quat::IDENTITY, dark);
    let upright = Quat::from_rotation_x(0.25 * TAU);
    let mut dome = |at: Vec3, radius: f32, height: f32, colour: [f32; 4]| {
        let profile =
            [(0.0, radius), (0.7 * height, radius), (0.92 * height, 0.8 * radius), (height, 0.4 * radius)];
        lathe(&mut shape, &profile, colour, |point| at + upright.inverse() * point);
    };
    dome(rack + Vec3::new(-0.22, 0.01, 0.0), 0.10, 0.09, dark);
    dome(rack + Vec3::new(0.0, 0.01, -0.40), 0.075, 0.05, tint(225, 225, 225));
    dome(rack + Vec3::new(0.0, 0.01, 0.40), 0.075, 0.05, tint(225, 225, 225));
    shape.mesh()
}

/// A van: one box with a short bonnet.
pub(super) fn van(size: &Dimensions) -> Mesh {
    let top = [(0.0, 0.94), (0.03, 1.0), (0.74, 1.0), (0.80, 0.93), (0.90, 0.56), (0.97, 0.50), (1.0, 0.40)];
    let width = [(0.0, 0.95), (0.02, 1.0), (0.85, 1.0), (0.96, 0.94), (1.0, 0.84)];
    let (glass, dark) = (tint(18, 22, 28), tint(16, 16, 18));
    let rings: Vec<Vec<(Vec3, [f32; 4])>> = (0..=120)
        .map(|i| {
            let share = i as f32 / 120.0;
            let (low, high) = (size.clearance, along(&top, share) * size.height);
            let half_z = along(&width, share) * size.half_width;
            let (middle, half_y) = (0.5 * (low + high), 0.5 * (high - low));
            let x = size.x(share);
            rounded(half_y, half_z, 0.10)
                .into_iter()
                .rev()
                .map(|(dy, z)| {
                    let y = middle + dy;
                    let axle = [0.0, size.wheelbase]
                        .into_iter()
                        .any(|axle| Vec2::new(x - axle, y - size.radius).length() < 1.25 * size.radius);
                    let is_window = y > 0.60 * size.height && y < 0.88 * size.height;
                    let is_side = z.abs() > 0.85 * half_z;
                    let screen = (0.795..0.895).contains(&share) && y > high - 0.06;
                    let cab = (0.62..0.77).contains(&share) && is_window && is_side;
                    // Its ends are closed in the colour of their edge.
                    let is_end = i == 0 || i == 120;
                    let colour = if (axle || y < low + 0.08) && !is_end {
                        dark
                    } else if screen && !is_side || cab {
                        glass
                    } else {
                        size.paint
                    };
                    (Vec3::new(x, y, z), colour)
                })
                .collect()
        })
        .collect();
    let mut shape = Shape::default();
    shape.loft(&rings);
    let (rear, red) = (-size.rear - 0.005, tint(150, 10, 10));
    for out in [-1.0, 1.0] {
        let lamp = Vec3::new(rear, 0.42 * size.height, out * 0.84 * size.half_width);
        shape.cuboid(lamp, Vec3::new(0.012, 0.14, 0.05), Quat::IDENTITY, red);
        let front = Vec3::new(size.x(0.985), 0.37 * size.height, out * 0.66 * size.half_width);
        shape.cuboid(front, Vec3::new(0.05, 0.06, 0.13), Quat::IDENTITY, tint(235, 235, 228));
    }
    shape.cuboid(
        Vec3::new(rear, 0.55 * size.height, 0.0),
        Vec3::new(0.008, 0.36 * size.height, 0.008),
        Quat::IDENTITY,
        dark,
    );
    shape.mesh()
}

/// What a lamp is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lamp {
    Head,
    Brake,
    /// On the left, seen from the driver's seat.
    Left,
    Right,
}

/// Lamps of one kind, as patches on the body. Material colours them.
pub(super) fn lamps(size: &Dimensions, lamp: Lamp) -> Mesh {
    let mut shape = Shape::default();
    // Shares of the length, heights of the car.
    let mut wrap = |shares: [f32; 2], heights: [f32; 2], out: f32| {
        let row = |height: f32| -> Vec<Vec3> {
            (0..=12)
                .map(|i| size.x(shares[0] + (shares[1] - shares[0]) * i as f32 / 12.0))
                .map(|x| {
                    Vec3::new(x, height * size.height, out * (side(size, x, height * size.height) + 0.006))
                })
                .collect()
        };
        let white = [1.0; 4];
        shape.sheet(&[(&row(heights[1]), white), (&row(heights[0]), white)], out < 0.0);
    };
    let outs: &[f32] = match lamp {
        Lamp::Left => &[-1.0],
        Lamp::Right => &[1.0],
        _ => &[-1.0, 1.0],
    };
    for out in outs {
        match lamp {
            Lamp::Head => wrap([0.945, 0.999], [0.375, 0.455], *out),
            Lamp::Brake => wrap([0.001, 0.045], [0.515, 0.61], *out),
            Lamp::Left | Lamp::Right => {
                wrap([0.945, 0.995], [0.345, 0.37], *out);
                wrap([0.001, 0.045], [0.48, 0.51], *out);
            }
        }
    }
    let rear = -size.rear - 0.006;
    let mut plate = |height: f32, half_y: f32, z: f32, half_z: f32| {
        let at = Vec3::new(rear, height * size.height, z * size.half_width);
        shape.cuboid(at, Vec3::new(0.008, half_y, half_z), Quat::IDENTITY, [1.0; 4]);
    };
    for out in outs {
        match lamp {
            Lamp::Brake => plate(0.545, 0.05, out * 0.50, 0.20),
            Lamp::Left | Lamp::Right => plate(0.495, 0.022, out * 0.50, 0.20),
            Lamp::Head => (),
        }
    }
    if lamp == Lamp::Brake {
        // The third one, behind the rear window.
        let at = Vec3::new(size.x(0.115), 0.735 * size.height, 0.0);
        shape.cuboid(at, Vec3::new(0.012, 0.012, 0.16), Quat::IDENTITY, [1.0; 4]);
    }
    shape.mesh()
}

/// What the driver sees of the car from within: dashboard, pillars, roof, mirror, and the bonnet before them.
pub(super) fn interior(size: &Dimensions) -> Mesh {
    let mut shape = Shape::default();
    lower_body(size, &mut shape, 0.72);
    let (eyes, half) = (size.eyes(), size.half_width);
    let (leather, trim, grey) = (tint(30, 30, 32), tint(20, 20, 22), tint(60, 60, 64));
    // The dashboard: its profile, from the knees over the edge to the windscreen, across the whole car.
    let base = Vec3::new(size.x(0.715), 0.655 * size.height, 0.0);
    let near = eyes.x + 0.62;
    let profile = [
        (near + 0.10, eyes.y - 0.62),
        (near, eyes.y - 0.40),
        (near + 0.03, eyes.y - 0.325),
        (near + 0.16, eyes.y - 0.29),
        (base.x, base.y),
    ];
    let rows: Vec<Vec<Vec3>> =
        profile.iter().map(|(x, y)| [-0.97, 0.97].map(|z| Vec3::new(*x, *y, z * half)).to_vec()).collect();
    for pair in rows.windows(2) {
        shape.sheet(&[(&pair[0], leather), (&pair[1], leather)], true);
    }
    // The hood over the instruments and the screen in the middle.
    let hood = Vec3::new(near + 0.10, eyes.y - 0.275, eyes.z);
    shape.cuboid(hood, Vec3::new(0.10, 0.018, 0.20), Quat::from_rotation_z(-0.10), trim);
    let screen = Vec3::new(near - 0.005, eyes.y - 0.36, 0.04);
    shape.cuboid(screen, Vec3::new(0.012, 0.085, 0.15), Quat::from_rotation_z(-0.25), trim);
    let bar = |shape: &mut Shape, from: Vec3, to: Vec3, thick: [f32; 2], colour: [f32; 4]| {
        let ahead = to - from;
        let turn = Quat::from_rotation_arc(Vec3::X, ahead.normalize());
        shape.cuboid(0.5 * (from + to), Vec3::new(0.5 * ahead.length(), thick[0], thick[1]), turn, colour);
    };
    let roof = Vec3::new(size.x(0.565), 0.945 * size.height, 0.69 * half);
    for out in [-1.0, 1.0] {
        let foot = Vec3::new(base.x - 0.02, base.y, out * 0.86 * half);
        let head = Vec3::new(roof.x, roof.y, out * roof.z);
        bar(&mut shape, foot, head, [0.022, 0.045], grey);
        bar(&mut shape, head, Vec3::new(size.x(0.30), roof.y, out * roof.z), [0.035, 0.05], grey);
        // Top of the door.
        let door = [size.x(0.30), size.x(0.70)].map(|x| Vec3::new(x, 0.655 * size.height, out * 0.93 * half));
        bar(&mut shape, door[0], door[1], [0.03, 0.05], leather);
    }
    let front = [-1.0, 1.0].map(|out| Vec3::new(roof.x, roof.y + 0.03, out * roof.z));
    bar(&mut shape, front[0], front[1], [0.03, 0.06], grey);
    let mirror = Vec3::new(roof.x + 0.10, roof.y - 0.085, 0.0);
    shape.cuboid(mirror, Vec3::new(0.015, 0.032, 0.12), Quat::from_rotation_y(-0.12), trim);
    shape.cuboid(mirror + Vec3::new(0.0, 0.05, 0.0), Vec3::new(0.01, 0.04, 0.012), Quat::IDENTITY, trim);
    shape.mesh()
}

/// A soft shadow under the car, which is there under every sky: black, transparent towards its edge.
pub(super) fn soft_shadow(size: &Dimensions) -> Mesh {
    const STEPS: usize = 28;
    const SOFT: f32 = 0.55;
    let mut shape = Shape::default();
    let middle = 0.5 * (size.front - size.rear);
    let half = Vec2::new(0.5 * (size.front + size.rear) - 0.12, 0.92 * size.half_width);
    for i in 0..=STEPS {
        for j in 0..=STEPS {
            let share = |k: usize| 2.0 * k as f32 / STEPS as f32 - 1.0;
            let at = Vec2::new(share(i), share(j)) * (half + SOFT);
            // How far outside of the car's outline, its corners rounded.
            let beyond = (at.abs() - half + 0.35).max(Vec2::ZERO).length() - 0.35;
            let dark = 1.0 - ((beyond + 0.30) / (SOFT + 0.30)).clamp(0.0, 1.0);
            let alpha = 0.72 * dark * dark * (3.0 - 2.0 * dark);
            shape.point(Vec3::new(middle + at.x, 0.0, at.y), Vec3::Y, [0.0, 0.0, 0.0, alpha]);
        }
    }
    for i in 0..STEPS {
        for j in 0..STEPS {
            let a = (i * (STEPS + 1) + j) as u32;
            let b = a + STEPS as u32 + 1;
            shape.triangle(a, a + 1, b + 1);
            shape.triangle(a, b + 1, b);
        }
    }
    shape.mesh()
}

/// A surface of revolution about z through the points (z, radius), with outward faces, brought where `place` says.
fn lathe(shape: &mut Shape, profile: &[(f32, f32)], colour: [f32; 4], place: impl Fn(Vec3) -> Vec3) {
    const SIDES: usize = 40;
    let rings: Vec<Vec<(Vec3, [f32; 4])>> = profile
        .iter()
        .map(|(z, radius)| {
            (0..SIDES)
                .map(|i| TAU * i as f32 / SIDES as f32)
                .map(|a| (place(Vec3::new(radius * a.cos(), radius * a.sin(), *z)), colour))
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
    lathe(&mut shape, &tyre, rubber, |point| point);
    for side in [-1.0_f32, 1.0] {
        let face = side * 0.83 * half;
        // The loft closes the tyre's sides with a dark dish: five spokes and a rim on it.
        shape.cuboid(
            Vec3::new(0.0, 0.0, face),
            Vec3::new(0.05, 0.05, 0.02),
            Quat::from_rotation_z(0.6),
            metal,
        );
        for spoke in 0..10 {
            // In pairs.
            let pair = if spoke % 2 == 0 { -0.13 } else { 0.13 };
            let turn = Quat::from_rotation_z(TAU * (spoke / 2) as f32 / 5.0 + pair);
            let middle = turn * Vec3::new(0.52 * rim, 0.0, 0.0) + Vec3::Z * face;
            shape.cuboid(middle, Vec3::new(0.45 * rim, 0.017, 0.014), turn, metal);
        }
        let ring = |radii: f32, up: f32| -> Vec<Vec3> {
            (0..=48)
                .map(|step| TAU * step as f32 / 48.0)
                .map(|a| Vec3::new(radii * rim * a.cos(), radii * rim * a.sin(), face + side * up))
                .collect()
        };
        shape.sheet(&[(&ring(1.0, 0.012), metal), (&ring(0.9, 0.016), metal)], side > 0.0);
        let disc = tint(92, 92, 96);
        shape.sheet(&[(&ring(0.78, 0.003), disc), (&ring(0.3, 0.003), disc)], side > 0.0);
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
