//! The place: road surface with lanes, markings and friction, the land around it, barriers.

use super::Place;
use super::shape::{Shape, tint};
use super::texture::speckle;
use bevy::prelude::*;
use skidpad_world::{Barrier, Map, MapGround, Road};

/// Distance between two cross-sections of a road, m.
const STEP_M: f64 = 1.5;
/// Markings lie this much above the road, m.
const MARK_UP_M: f64 = 0.012;
const MARK_HALF_M: f64 = 0.07;
/// A dash and the gap behind it, m.
const DASH_M: f64 = 3.0;
const GAP_M: f64 = 6.0;
/// Width of the strip of grass that joins road and land, m.
const VERGE_M: f64 = 5.0;
/// Size of a cell of the land, and how far it reaches beyond the roads, m.
const CELL_M: f64 = 6.0;
const MARGIN_M: f64 = 120.0;
/// The land lies this much below a road that it passes under, m.
const SUNK_M: f64 = 0.5;
/// Half the side of what is drawn of an endless plane, and of its tiles, m.
const PLANE_M: f64 = 800.0;
const TILE_M: f64 = 10.0;
/// Side of the picture of the ground's grain, m.
const GRAIN_M: f32 = 5.0;
/// Cells in which a tree may stand, and how far from any road it does, m. Trees are scenery: nothing collides with them.
const GROVE_M: f64 = 17.0;
const CLEAR_M: f64 = 30.0;

/// What a place is drawn with.
pub(super) struct PlaceMeshes {
    pub road: Option<Mesh>,
    /// Lanes that are wet or icy: they mirror more.
    pub slick: Option<Mesh>,
    pub markings: Option<Mesh>,
    pub land: Mesh,
    pub barriers: Option<Mesh>,
    pub trees: Option<Mesh>,
}

fn shaded(colour: [f32; 4], by: f32) -> [f32; 4] {
    [colour[0] * by, colour[1] * by, colour[2] * by, colour[3]]
}

/// A lane with less friction is wet.
const WET: f64 = 0.9;

/// Asphalt as grippy as `friction` says: grey where dry, dark and bluish where wet, tiled blue where slippery, white where
/// icy.
pub(super) fn surface_colour(friction: f64, kind: &str) -> [f32; 4] {
    let dry = if kind == "driving" { tint(96, 98, 103) } else { tint(122, 119, 114) };
    let table = [
        (0.10, tint(214, 232, 246)),
        (0.22, tint(150, 186, 216)),
        (0.35, tint(84, 124, 166)),
        (0.55, tint(42, 58, 84)),
        (0.80, tint(58, 64, 76)),
        (WET, dry),
    ];
    let mix = |a: [f32; 4], b: [f32; 4], t: f32| std::array::from_fn(|i| a[i] + (b[i] - a[i]) * t);
    let after = table.partition_point(|(at, _)| *at <= friction);
    let Some(&(high, to)) = table.get(after) else { return dry };
    match after.checked_sub(1).map(|index| table[index]) {
        Some((low, from)) => mix(from, to, ((friction - low) / (high - low)) as f32),
        None => to,
    }
}

/// Builds everything; `start_m` is where the car stands.
pub(super) fn build(map: &Map, place: &Place, start_m: [f64; 2]) -> PlaceMeshes {
    let ground = map.rough_ground(None, 0);
    let (mut road, mut slick, mut markings) = (Shape::default(), Shape::default(), Shape::default());
    for each in map.roads() {
        draw_road(each, map, &ground, place, [&mut road, &mut slick], &mut markings);
    }
    let land = if map.roads().is_empty() {
        plane(&ground, place, start_m)
    } else {
        land(map.roads(), &ground, place)
    };
    let mut barriers = Shape::default();
    map.barriers().iter().for_each(|barrier| draw_barrier(barrier, place, &mut barriers));
    let some = |shape: Shape| (!shape.indices.is_empty()).then(|| shape.mesh());
    PlaceMeshes {
        road: (!road.indices.is_empty()).then(|| road.paved(GRAIN_M)),
        slick: (!slick.indices.is_empty()).then(|| slick.paved(GRAIN_M)),
        markings: some(markings),
        land: land.paved(GRAIN_M),
        barriers: some(barriers),
        trees: some(trees(map.roads(), &ground, place)),
    }
}

/// Stations from `from_m` to `to_m`, both included.
fn stations(from_m: f64, to_m: f64, step_m: f64) -> Vec<f64> {
    let count = ((to_m - from_m) / step_m).ceil().max(1.0) as usize;
    (0..=count).map(|i| from_m + (to_m - from_m) * i as f64 / count as f64).collect()
}

fn draw_road(
    road: &Road,
    map: &Map,
    ground: &MapGround,
    place: &Place,
    [surface, slick]: [&mut Shape; 2],
    markings: &mut Shape,
) {
    for (index, section) in road.sections.iter().enumerate() {
        let to_m = road.sections.get(index + 1).map_or(road.length_m, |next| next.s_m);
        let along = stations(section.s_m, to_m, STEP_M);
        // Laws of the section hold up to just before its end.
        let inside = |s: f64| s.min(to_m - 1e-6).max(section.s_m);
        let edge = |id: i32, s: f64| -> Option<(f64, f64)> {
            let (inner, outer) = road.lane_edges(inside(s), id)?;
            Some((inner.a, outer.a))
        };
        for lane in section.left.iter().chain(&section.right) {
            let pairs: Vec<(Vec3, Vec3)> = along
                .iter()
                .filter_map(|s| {
                    let (inner, outer) = edge(lane.id, *s)?;
                    let (right, left) = if lane.id > 0 { (inner, outer) } else { (outer, inner) };
                    Some((place.point(road.point(*s, right)), place.point(road.point(*s, left))))
                })
                .collect();
            let fallback = || {
                let s = 0.5 * (section.s_m + to_m);
                let middle = edge(lane.id, s).map_or(0.0, |(a, b)| 0.5 * (a + b));
                let [x, y, _] = road.point(s, middle);
                ground.at(x, y).friction
            };
            let default = fallback();
            let friction = |i: usize| lane.friction_at(along[i.min(along.len() - 1)]).unwrap_or(default);
            let is_slick = (0..along.len()).any(|i| friction(i) < WET);
            let surface = if is_slick { &mut *slick } else { &mut *surface };
            surface.strip(&pairs, |i| {
                let patch = (along[i.min(along.len() - 1)] / 9.0).floor() as i64;
                // Puddles and ice are patchier than asphalt.
                let uneven = if is_slick { 0.24 } else { 0.12 };
                let light = 1.0 - 0.5 * uneven + uneven * speckle(patch, i64::from(lane.id));
                shaded(surface_colour(friction(i), &lane.kind), light)
            });
        }
        let mut mark = |id: i32, outer_edge: bool, dashed: bool| {
            let mut start = section.s_m;
            while start < to_m {
                let end = if dashed { (start + DASH_M).min(to_m) } else { to_m };
                let pairs: Vec<(Vec3, Vec3)> = stations(start, end, STEP_M)
                    .iter()
                    .filter_map(|s| {
                        let t = match edge(id, *s)? {
                            (_, outer) if outer_edge => outer - 0.15 * outer.signum(),
                            (inner, _) => inner,
                        };
                        let lifted = |t: f64| {
                            let [x, y, z] = road.point(*s, t);
                            place.point([x, y, z + MARK_UP_M])
                        };
                        Some((lifted(t - MARK_HALF_M), lifted(t + MARK_HALF_M)))
                    })
                    .collect();
                markings.strip(&pairs, |_| tint(232, 232, 226));
                start = if dashed { end + GAP_M } else { to_m };
            }
        };
        for lanes in [&section.left, &section.right] {
            for (position, lane) in lanes.iter().enumerate() {
                // Between two lanes of a side a broken line, at the outermost a full one.
                if position > 0 {
                    mark(lane.id, false, true);
                }
                if position + 1 == lanes.len() {
                    mark(lane.id, true, false);
                }
            }
        }
        if let (Some(_), Some(right)) = (section.left.first(), section.right.first()) {
            mark(right.id, false, true);
        }
        verge(road, map, ground, place, &along, &edge, section, surface);
    }
}

/// A strip of grass along both edges, so that the land need not meet the road exactly.
#[allow(clippy::too_many_arguments)] // a part of draw_road
fn verge(
    road: &Road,
    map: &Map,
    ground: &MapGround,
    place: &Place,
    along: &[f64],
    edge: &impl Fn(i32, f64) -> Option<(f64, f64)>,
    section: &skidpad_world::LaneSection,
    surface: &mut Shape,
) {
    let _ = map;
    let sides =
        [(section.left.last().map(|lane| lane.id), 1.0), (section.right.last().map(|lane| lane.id), -1.0)];
    for (id, side) in sides {
        for (from_m, to_m) in [(0.0, 0.4 * VERGE_M), (0.4 * VERGE_M, VERGE_M)] {
            let pairs: Vec<(Vec3, Vec3)> = along
                .iter()
                .map(|s| {
                    let t =
                        id.and_then(|id| edge(id, *s)).map_or(road.lane_offset.at(*s).a, |(_, outer)| outer);
                    let at = |beyond_m: f64| {
                        let [x, y, z] = road.point(*s, t + side * beyond_m);
                        if beyond_m == 0.0 {
                            return place.point([x, y, z - 0.01]);
                        }
                        // Under another road it must not be seen.
                        let sunk = if ground.road_at(x, y).is_some() { SUNK_M } else { 0.03 };
                        place.point([x, y, ground.at(x, y).height_m - sunk])
                    };
                    let (near, far) = (at(from_m), at(to_m));
                    if side > 0.0 { (near, far) } else { (far, near) }
                })
                .collect();
            surface.strip(&pairs, |i| grass(along[i.min(along.len() - 1)] as i64 / 3, side as i64));
        }
    }
}

fn grass(x: i64, y: i64) -> [f32; 4] {
    shaded(tint(116, 142, 78), 0.86 + 0.28 * speckle(x, y))
}

/// South-west and north-east corner of what is drawn of the land around roads, m.
fn extent(roads: &[Road]) -> ([f64; 2], [f64; 2]) {
    let (mut low, mut high) = ([f64::MAX; 2], [f64::MIN; 2]);
    for road in roads {
        for s in stations(0.0, road.length_m, 20.0) {
            let at = road.point(s, 0.0);
            for axis in 0..2 {
                low[axis] = low[axis].min(at[axis] - MARGIN_M);
                high[axis] = high[axis].max(at[axis] + MARGIN_M);
            }
        }
    }
    (low, high)
}

/// Groves on the land, well away from the roads.
fn trees(roads: &[Road], ground: &MapGround, place: &Place) -> Shape {
    let mut shape = Shape::default();
    if roads.is_empty() {
        return shape;
    }
    let (low, high) = extent(roads);
    // Wide places have wider gaps, not more trees.
    let cell_m = GROVE_M.max((high[0] - low[0]).max(high[1] - low[1]) / 90.0);
    let count = [0, 1].map(|axis| ((high[axis] - low[axis]) / cell_m) as i64);
    for j in 0..count[1] {
        for i in 0..count[0] {
            // Trees come in groups.
            if speckle(i, 5000 + j) < 0.45 || speckle(i.div_euclid(4), 9000 + j.div_euclid(4)) < 0.62 {
                continue;
            }
            let jitter = |seed: i64| 0.8 * f64::from(speckle(i + seed, j - seed)) + 0.1;
            let (x, y) =
                (low[0] + cell_m * (i as f64 + jitter(100)), low[1] + cell_m * (j as f64 + jitter(200)));
            let near = (0..24).any(|k| {
                let (sin, cos) = (std::f64::consts::TAU * f64::from(k % 8) / 8.0).sin_cos();
                let reach_m = CLEAR_M * f64::from(k / 8 + 1) / 3.0;
                ground.road_at(x + reach_m * cos, y + reach_m * sin).is_some()
            });
            if near || ground.road_at(x, y).is_some() {
                continue;
            }
            tree(&mut shape, place.point([x, y, ground.at(x, y).height_m]), speckle(i + 31, j + 57));
        }
    }
    shape
}

fn tree(shape: &mut Shape, foot: Vec3, lot: f32) {
    let height = 5.0 + 4.0 * lot;
    let bark = tint(72, 56, 42);
    shape.cuboid(foot + Vec3::Y * 0.2 * height, Vec3::new(0.16, 0.25 * height, 0.16), Quat::IDENTITY, bark);
    let leaves = shaded(tint(84, 122, 60), 0.75 + 0.5 * speckle((1000.0 * lot) as i64, 3));
    for (up, radius, turn) in [(0.52, 0.27, 0.0), (0.74, 0.20, 0.4)] {
        let centre = foot + Vec3::new(0.3 * (lot - 0.5), up * height, 0.3 * (0.5 - lot));
        let rings: Vec<Vec<(Vec3, [f32; 4])>> = (0..=4)
            .map(|ring| {
                let pitch = std::f32::consts::PI * (ring as f32 / 4.0 - 0.5) * 0.92;
                let side = |k: usize| {
                    let uneven = 0.85 + 0.3 * speckle(k as i64 + 10 * ring, (997.0 * lot) as i64);
                    // Counter-clockwise from above, as lofts want it.
                    let yaw = turn - std::f32::consts::TAU * k as f32 / 8.0;
                    let out = radius * height * uneven * pitch.cos();
                    let at = Vec3::new(out * yaw.cos(), radius * height * pitch.sin(), out * yaw.sin());
                    (centre + at, shaded(leaves, 0.7 + 0.3 * pitch.sin()))
                };
                (0..8).map(side).collect()
            })
            .collect();
        shape.loft(&rings);
    }
}

fn land(roads: &[Road], ground: &MapGround, place: &Place) -> Shape {
    let (low, high) = extent(roads);
    // Very wide places get larger cells.
    let cell_m = CELL_M.max((high[0] - low[0]).max(high[1] - low[1]) / 400.0);
    let count = [0, 1].map(|axis| ((high[axis] - low[axis]) / cell_m).ceil() as usize + 1);
    let at = |i: usize, j: usize| [low[0] + cell_m * i as f64, low[1] + cell_m * j as f64];
    let mut on_road = vec![false; count[0] * count[1]];
    for j in 0..count[1] {
        for i in 0..count[0] {
            let [x, y] = at(i, j);
            on_road[j * count[0] + i] = ground.road_at(x, y).is_some();
        }
    }
    let near_road = |i: usize, j: usize| {
        let range = |k: usize, n: usize| k.saturating_sub(1)..=(k + 1).min(n - 1);
        range(j, count[1]).any(|j| range(i, count[0]).any(|i| on_road[j * count[0] + i]))
    };
    let mut shape = Shape::default();
    for j in 0..count[1] {
        for i in 0..count[0] {
            let [x, y] = at(i, j);
            let ground = ground.at(x, y);
            let sunk = if near_road(i, j) { SUNK_M } else { 0.02 };
            let [east, north, up] = ground.normal.map(|n| n as f32);
            let normal = Vec3::new(east, up, -north);
            shape.point(place.point([x, y, ground.height_m - sunk]), normal, grass(i as i64, j as i64));
        }
    }
    for j in 0..count[1] - 1 {
        for i in 0..count[0] - 1 {
            let a = (j * count[0] + i) as u32;
            let b = a + count[0] as u32;
            shape.triangle(a, a + 1, b + 1);
            shape.triangle(a, b + 1, b);
        }
    }
    // Beyond, a plain that meets the horizon.
    let middle = [0.5 * (low[0] + high[0]), 0.5 * (low[1] + high[1])];
    let far_m = ground.at(1e5, 1e5).height_m - 0.6;
    disc(&mut shape, place.point([middle[0], middle[1], far_m]), 6000.0, grass(1, 1));
    shape
}

fn disc(shape: &mut Shape, centre: Vec3, radius_m: f32, colour: [f32; 4]) {
    let corner = |x: f32, z: f32| centre + radius_m * Vec3::new(x, 0.0, z);
    shape.quad([corner(-1.0, 1.0), corner(1.0, 1.0), corner(1.0, -1.0), corner(-1.0, -1.0)], colour);
}

/// An endless plane: tiles, so that speed is seen.
fn plane(ground: &MapGround, place: &Place, [x, y]: [f64; 2]) -> Shape {
    let mut shape = Shape::default();
    let half = (PLANE_M / TILE_M) as i64;
    let (x0, y0) = ((x / TILE_M).floor() as i64, (y / TILE_M).floor() as i64);
    for j in y0 - half..y0 + half {
        for i in x0 - half..x0 + half {
            let shade = if (i + j) % 2 == 0 { 1.0 } else { 0.9 };
            let major = if i.rem_euclid(10) == 0 || j.rem_euclid(10) == 0 { 0.82 } else { 1.0 };
            let corner = |a: i64, b: i64| {
                let (x, y) = (TILE_M * a as f64, TILE_M * b as f64);
                place.point([x, y, ground.at(x, y).height_m - 0.005])
            };
            shape.quad(
                [corner(i, j), corner(i + 1, j), corner(i + 1, j + 1), corner(i, j + 1)],
                shaded(tint(128, 130, 134), shade * major),
            );
        }
    }
    disc(&mut shape, place.point([x, y, ground.at(x, y).height_m - 0.4]), 6000.0, tint(118, 120, 124));
    shape
}

/// Red and white, metre by metre.
fn draw_barrier(barrier: &Barrier, place: &Place, shape: &mut Shape) {
    let [length_m, width_m, height_m] = barrier.size_m;
    let rotation = Quat::from_rotation_y(barrier.heading_rad as f32);
    let centre = place.point(barrier.centre_m);
    let count = length_m.ceil().clamp(1.0, 200.0) as usize;
    for index in 0..count {
        let along = (index as f64 + 0.5) / count as f64 - 0.5;
        let half =
            Vec3::new((0.5 * length_m / count as f64) as f32, 0.5 * height_m as f32, 0.5 * width_m as f32);
        let colour = if index % 2 == 0 { tint(200, 40, 34) } else { tint(238, 238, 234) };
        shape.cuboid(centre + rotation * Vec3::X * (along * length_m) as f32, half, rotation, colour);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn every_map_of_the_library_can_be_drawn_and_its_road_looks_up() {
        let maps = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../maps");
        for entry in std::fs::read_dir(maps).unwrap() {
            let map = skidpad_scenario::read_map(&entry.unwrap().path()).unwrap();
            let meshes = build(&map, &Place::default(), [0.0, 0.0]);
            assert_eq!(meshes.road.is_some(), !map.roads().is_empty());
            let land = meshes.land.count_vertices();
            assert!((1000..400_000).contains(&land), "{land} vertices");
            let Some(road) = meshes.road else { continue };
            let normals = road.attribute(Mesh::ATTRIBUTE_NORMAL).and_then(|n| n.as_float3()).unwrap();
            // A verge may be steep where it dives under another road.
            assert!(normals.iter().all(|normal| normal[1] >= 0.0));
            let flat = normals.iter().filter(|normal| normal[1] > 0.2).count();
            assert!(flat as f64 > 0.9 * normals.len() as f64, "{flat} of {}", normals.len());
            // Counter-clockwise from above, or it would not be seen.
            let positions = road.attribute(Mesh::ATTRIBUTE_POSITION).and_then(|p| p.as_float3()).unwrap();
            let indices: Vec<usize> = road.indices().unwrap().iter().collect();
            let up = indices
                .chunks_exact(3)
                .filter(|t| {
                    let [a, b, c] = [0, 1, 2].map(|i| Vec3::from(positions[t[i]]));
                    (b - a).cross(c - a).y >= -1e-4
                })
                .count();
            assert!(up as f64 > 0.97 * (indices.len() / 3) as f64, "{up} of {}", indices.len() / 3);
        }
    }
}
