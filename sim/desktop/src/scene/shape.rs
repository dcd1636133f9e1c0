//! Meshes put together from points, quads and lofts.

use bevy::asset::RenderAssetUsages;
use bevy::mesh::{Indices, PrimitiveTopology};
use bevy::prelude::*;

/// A mesh in the making. Colours are linear.
#[derive(Default)]
pub(super) struct Shape {
    pub positions: Vec<[f32; 3]>,
    pub normals: Vec<[f32; 3]>,
    pub colours: Vec<[f32; 4]>,
    pub indices: Vec<u32>,
}

impl Shape {
    pub fn point(&mut self, position: Vec3, normal: Vec3, colour: [f32; 4]) -> u32 {
        self.positions.push(position.into());
        self.normals.push(normal.into());
        self.colours.push(colour);
        self.positions.len() as u32 - 1
    }

    pub fn triangle(&mut self, a: u32, b: u32, c: u32) {
        self.indices.extend([a, b, c]);
    }

    /// Corners counter-clockwise, as seen from outside.
    pub fn quad(&mut self, corners: [Vec3; 4], colour: [f32; 4]) {
        let normal = (corners[1] - corners[0]).cross(corners[2] - corners[0]).normalize_or(Vec3::Y);
        let [a, b, c, d] = corners.map(|corner| self.point(corner, normal, colour));
        self.triangle(a, b, c);
        self.triangle(a, c, d);
    }

    /// A box turned by `rotation`.
    pub fn cuboid(&mut self, centre: Vec3, half: Vec3, rotation: Quat, colour: [f32; 4]) {
        for axis in 0..3 {
            for side in [-1.0, 1.0] {
                let normal = Vec3::AXES[axis] * side;
                let u = Vec3::AXES[(axis + 1) % 3];
                let v = normal.cross(u);
                let at = |a: f32, b: f32| centre + rotation * ((normal + u * a + v * b) * half);
                self.quad([at(-1.0, -1.0), at(1.0, -1.0), at(1.0, 1.0), at(-1.0, 1.0)], colour);
            }
        }
    }

    /// A strip between two rows of points, right row first as seen along them; `normal` of each pair.
    pub fn strip(&mut self, pairs: &[(Vec3, Vec3)], colour: impl Fn(usize) -> [f32; 4]) {
        let first = self.positions.len() as u32;
        for (index, (right, left)) in pairs.iter().enumerate() {
            let (before, after) = (pairs[index.saturating_sub(1)], pairs[(index + 1).min(pairs.len() - 1)]);
            let ahead = 0.5 * (after.0 + after.1 - before.0 - before.1);
            let normal = ahead.cross(*left - *right).normalize_or(Vec3::Y);
            let normal = if normal.y < 0.0 { -normal } else { normal };
            let tint = colour(index);
            self.point(*right, normal, tint);
            self.point(*left, normal, tint);
        }
        for index in 0..pairs.len().saturating_sub(1) as u32 {
            let a = first + 2 * index;
            self.triangle(a, a + 2, a + 1);
            self.triangle(a + 1, a + 2, a + 3);
        }
    }

    /// Rows of as many points each, joined to a sheet with smooth normals; `turned` shows its other side.
    pub fn sheet(&mut self, rows: &[(&[Vec3], [f32; 4])], turned: bool) {
        let first = self.positions.len();
        let count = rows.first().map_or(0, |(row, _)| row.len());
        for (row, colour) in rows {
            for at in *row {
                self.point(*at, Vec3::ZERO, *colour);
            }
        }
        for row in 1..rows.len() {
            for index in 1..count {
                let [a, b] = [row - 1, row].map(|row| (first + row * count + index) as u32);
                for [p, q, r] in [[a - 1, b, a], [a - 1, b - 1, b]] {
                    if turned { self.triangle(p, r, q) } else { self.triangle(p, q, r) }
                }
            }
        }
        self.smooth(first);
    }

    /// Rings of as many points each, joined; outside is where a ring is seen counter-clockwise from its successor's side.
    pub fn loft(&mut self, rings: &[Vec<(Vec3, [f32; 4])>]) {
        let first = self.positions.len() as u32;
        let count = rings.first().map_or(0, Vec::len);
        for ring in rings {
            for (position, colour) in ring {
                self.point(*position, Vec3::ZERO, *colour);
            }
        }
        for ring in 0..rings.len().saturating_sub(1) {
            for index in 0..count {
                let next = (index + 1) % count;
                let at = |ring: usize, index: usize| first + (ring * count + index) as u32;
                let (a, b, c, d) = (at(ring, index), at(ring, next), at(ring + 1, next), at(ring + 1, index));
                self.triangle(a, b, c);
                self.triangle(a, c, d);
            }
        }
        // Ends, closed by fans.
        for (ring, turned) in [(0, true), (rings.len() - 1, false)] {
            let centre = rings[ring].iter().map(|(position, _)| *position).sum::<Vec3>() / count as f32;
            let hub = self.point(centre, Vec3::ZERO, rings[ring][0].1);
            for index in 0..count {
                let (a, b) = (
                    first + (ring * count + index) as u32,
                    first + (ring * count + (index + 1) % count) as u32,
                );
                if turned { self.triangle(hub, b, a) } else { self.triangle(hub, a, b) }
            }
        }
        self.smooth(first as usize);
    }

    /// Normals of all points from `first` on, from the triangles around them.
    fn smooth(&mut self, first: usize) {
        let mut sums = vec![Vec3::ZERO; self.positions.len() - first];
        for triangle in self.indices.chunks_exact(3) {
            if triangle.iter().any(|index| (*index as usize) < first) {
                continue;
            }
            let [a, b, c] = [0, 1, 2].map(|i| Vec3::from(self.positions[triangle[i] as usize]));
            let normal = (b - a).cross(c - a);
            triangle.iter().for_each(|index| sums[*index as usize - first] += normal);
        }
        for (normal, sum) in self.normals[first..].iter_mut().zip(sums) {
            *normal = sum.normalize_or(Vec3::Y).into();
        }
    }

    /// The mesh with a picture of `side_m` on it, laid flat over the world again and again.
    pub fn paved(self, side_m: f32) -> Mesh {
        let at_picture: Vec<[f32; 2]> =
            self.positions.iter().map(|[x, _, z]| [x / side_m, z / side_m]).collect();
        self.mesh().with_inserted_attribute(Mesh::ATTRIBUTE_UV_0, at_picture)
    }

    /// The mesh; of nothing, a point that is not seen.
    pub fn mesh(mut self) -> Mesh {
        if self.indices.is_empty() {
            let point = self.point(Vec3::ZERO, Vec3::Y, [0.0; 4]);
            self.triangle(point, point, point);
        }
        // Kept by the graphics card alone.
        Mesh::new(PrimitiveTopology::TriangleList, RenderAssetUsages::RENDER_WORLD)
            .with_inserted_attribute(Mesh::ATTRIBUTE_POSITION, self.positions)
            .with_inserted_attribute(Mesh::ATTRIBUTE_NORMAL, self.normals)
            .with_inserted_attribute(Mesh::ATTRIBUTE_COLOR, self.colours)
            .with_inserted_indices(Indices::U32(self.indices))
    }
}

/// A linear colour from the values that one picks on a screen.
pub(super) fn tint(red: u8, green: u8, blue: u8) -> [f32; 4] {
    Color::srgb_u8(red, green, blue).to_linear().to_f32_array()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_faces_of_a_box_and_a_loft_look_outward() {
        let mut shape = Shape::default();
        shape.cuboid(Vec3::new(1.0, 2.0, 3.0), Vec3::new(1.0, 2.0, 0.5), Quat::IDENTITY, [1.0; 4]);
        let ring = |x: f32| -> Vec<(Vec3, [f32; 4])> {
            // Counter-clockwise as seen from +x.
            (0..8)
                .map(|i| std::f32::consts::TAU * i as f32 / 8.0)
                .map(|a| (Vec3::new(x, a.cos(), a.sin()) + Vec3::new(1.0, 2.0, 3.0), [1.0; 4]))
                .collect()
        };
        let from = shape.indices.len();
        shape.loft(&[ring(0.0), ring(1.0)]);
        for (number, triangle) in shape.indices.chunks_exact(3).enumerate() {
            let [a, b, c] = [0, 1, 2].map(|i| Vec3::from(shape.positions[triangle[i] as usize]));
            let centre = if 3 * number < from { Vec3::new(1.0, 2.0, 3.0) } else { Vec3::new(1.5, 2.0, 3.0) };
            let normal = (b - a).cross(c - a);
            assert!(normal.dot((a + b + c) / 3.0 - centre) > 0.0, "triangle {number}");
        }
    }
}
