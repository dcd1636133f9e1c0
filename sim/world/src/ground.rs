//! The road network as ground: position → height, normal, friction.
//!
//! At load time every road is cut into pieces on which its plan view is one line, arc or short spiral and
//! each of its laws (elevation, superelevation, lane edges) one polynomial. A uniform grid names the pieces
//! near a point; lines and arcs are projected onto in closed form, spirals by a Newton search that always
//! starts the same way. So a query needs no memory of the one before, and its answer depends on the
//! position alone.
//!
//! **On a road** with plan-view offset `d` from the reference line at station `s`, the height is
//! e(s) + d·tan α(s): the surface is rolled by the superelevation α about the reference line, and lanes lie
//! along it at t = d / cos α (ASAM OpenDRIVE 1.8, §§10.3–10.5). Where roads overlap, the first in the file counts.
//!
//! **Beside a road** the ground leaves the edge level and blends, within the shoulder width w, into the plane
//! of the surroundings. With δ the distance to a road and z its edge height, the height is the mean of all
//! such z and of the plane, weighted by ((w − δ)/(w δ))² and 4/w² (Franke and Little's modification of
//! Shepard's weights): continuous with its slope, equal to the edge at δ = 0 and to the plane from δ = w on.
//!
//! **Roughness** is added to all of this, on the road and beside it.

use std::sync::Arc;

use crate::curve::{Cubic, Foot, Profile, SPIRAL_PIECE_TURN_RAD, SpiralPiece};
use crate::error::{MapError, Source};
use crate::opendrive::Road;
use crate::roughness::Roughness;
use crate::surface::{Ground, SurfacePoint};

/// Largest accepted reference line length of all roads together, m.
const MAX_NETWORK_M: f64 = 1e6;
/// Largest accepted distance from the reference line to a road edge, m.
const MAX_HALF_WIDTH_M: f64 = 500.0;
/// Most pieces, and most lane strips of all pieces together.
const MAX_PIECES: usize = 500_000;
const MAX_STRIPS: usize = 4_000_000;
/// Longest arc piece, rad: keeps the angle from its middle unambiguous.
const ARC_PIECE_TURN_RAD: f64 = 1.5;
/// A foot point this far beyond the end of a piece still belongs to the road when no other piece takes it,
/// so that the small gaps accepted in reference lines are no holes.
const JOINT_OVERLAP_M: f64 = 0.011;

/// What the ground is made of where lanes do not say, and beside the roads.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Surroundings {
    /// Friction of lanes without material.
    pub friction: f64,
    /// Friction off road.
    pub off_road_friction: f64,
    /// Height of the plane around the roads, m.
    pub off_road_height_m: f64,
    /// Width of the blend from a road's edge to the plane, m.
    pub shoulder_m: f64,
}

/// A place on a road.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RoadPosition {
    /// Index into [`Map::roads`](crate::Map::roads).
    pub road: usize,
    /// Station along the reference line, m.
    pub s_m: f64,
    /// Offset to the left along the road surface, m.
    pub t_m: f64,
    /// Lane identifier: positive left, negative right of lane 0.
    pub lane: i32,
    /// Friction scale there.
    pub friction: f64,
}

/// The ground of a map. Cheap to clone: the compiled surface is shared.
#[derive(Clone, Debug)]
pub struct MapGround {
    surface: Arc<Surface>,
    roughness: Option<Arc<Roughness>>,
    friction_scale: f64,
}

impl MapGround {
    pub(crate) fn new(surface: Arc<Surface>) -> MapGround {
        MapGround { surface, roughness: None, friction_scale: 1.0 }
    }

    /// From now on the friction is `scale` (above 0) times that of the map, everywhere: rain, ice.
    pub fn scale_friction(&mut self, scale: f64) {
        self.friction_scale = scale;
    }

    pub(crate) fn with_roughness(self, roughness: Option<Roughness>) -> MapGround {
        MapGround { roughness: roughness.map(Arc::new), ..self }
    }

    pub(crate) fn into_surface(self) -> Arc<Surface> {
        self.surface
    }

    /// The ground below `(x_m, y_m)`.
    #[inline]
    pub fn at(&self, x_m: f64, y_m: f64) -> SurfacePoint {
        let (mut height_m, mut gradient, friction) = self.surface.at(x_m, y_m);
        if let Some(roughness) = &self.roughness {
            let (bump_m, slope) = roughness.at(x_m, y_m);
            height_m += bump_m;
            gradient = [gradient[0] + slope[0], gradient[1] + slope[1]];
        }
        let up = 1.0 / (1.0 + gradient[0] * gradient[0] + gradient[1] * gradient[1]).sqrt();
        let friction = friction * self.friction_scale;
        SurfacePoint { height_m, normal: [-gradient[0] * up, -gradient[1] * up, up], friction }
    }

    /// The road and lane below `(x_m, y_m)`, or `None` off road.
    pub fn road_at(&self, x_m: f64, y_m: f64) -> Option<RoadPosition> {
        self.surface.road_at(x_m, y_m)
    }
}

impl Ground for MapGround {
    #[inline]
    fn surface(&mut self, _wheel: usize, x_m: f64, y_m: f64) -> SurfacePoint {
        self.at(x_m, y_m)
    }
}

/// Plan view of a piece; arc lengths count from its middle.
#[derive(Clone, Debug)]
enum Plan {
    Line { x_m: f64, y_m: f64, tangent: [f64; 2] },
    Arc { centre: [f64; 2], tangent: [f64; 2], curvature_1pm: f64 },
    Spiral(Box<SpiralPiece>),
}

/// A stretch of road on which every law is one polynomial in `u`, the arc length from its middle.
#[derive(Clone, Debug)]
struct Piece {
    plan: Plan,
    /// Half its length, m.
    half_m: f64,
    elevation: Cubic,
    superelevation: Cubic,
    banked: bool,
    offset: Cubic,
    /// Lane strips from the middle outward: `strips[left_start..right_start]`, `strips[right_start..end]`.
    left_start: u32,
    right_start: u32,
    end: u32,
    road: u32,
    /// Station of the middle, m.
    s_m: f64,
}

/// One lane on one piece.
#[derive(Clone, Copy, Debug)]
struct Strip {
    /// Outer edge `t`, m.
    outer: Cubic,
    friction: f64,
    lane: i32,
}

/// A uniform grid over the plane: which pieces may matter to a point of each cell.
#[derive(Clone, Debug)]
struct Grid {
    x_m: f64,
    y_m: f64,
    per_m: f64,
    columns: usize,
    rows: usize,
    /// Cell → range in `pieces`, one entry more than there are cells.
    starts: Vec<u32>,
    pieces: Vec<u32>,
}

impl Grid {
    /// The pieces to look at for a point, in road and station order.
    #[inline]
    fn near(&self, x: f64, y: f64) -> &[u32] {
        let (cx, cy) = ((x - self.x_m) * self.per_m, (y - self.y_m) * self.per_m);
        // Written so that NaN is outside.
        if !(cx >= 0.0 && cy >= 0.0 && cx < self.columns as f64 && cy < self.rows as f64) {
            return &[];
        }
        let cell = cy as usize * self.columns + cx as usize;
        &self.pieces[self.starts[cell] as usize..self.starts[cell + 1] as usize]
    }
}

/// The compiled ground of a map.
#[derive(Clone, Debug)]
pub(crate) struct Surface {
    pieces: Vec<Piece>,
    strips: Vec<Strip>,
    grid: Grid,
    around: Surroundings,
}

/// Superelevation at a foot point: tan α, cos α, dα/ds.
#[derive(Clone, Copy)]
struct Bank {
    tan: f64,
    cos: f64,
    rate: f64,
}

impl Piece {
    /// A cheap test that spares the search on spirals: `false` means that the foot is not on this piece.
    #[inline]
    fn may_hold(&self, x: f64, y: f64) -> bool {
        match &self.plan {
            Plan::Spiral(spiral) => spiral.may_hold(x, y, self.half_m),
            _ => true,
        }
    }

    #[inline]
    fn foot(&self, x: f64, y: f64) -> Option<Foot> {
        match &self.plan {
            Plan::Line { x_m, y_m, tangent } => {
                let (dx, dy) = (x - x_m, y - y_m);
                Some(Foot {
                    u_m: tangent[0] * dx + tangent[1] * dy,
                    lateral_m: tangent[0] * dy - tangent[1] * dx,
                    tangent: *tangent,
                    curvature_1pm: 0.0,
                })
            }
            Plan::Arc { centre, tangent, curvature_1pm } => {
                let (rx, ry) = (x - centre[0], y - centre[1]);
                let distance = (rx * rx + ry * ry).sqrt();
                if distance * curvature_1pm.abs() < 0.02 {
                    return None;
                }
                // The left normal points at the centre of a left turn.
                let toward = -curvature_1pm.signum() / distance;
                let (nx, ny) = (toward * rx, toward * ry);
                let here = [ny, -nx];
                let cos = tangent[0] * here[0] + tangent[1] * here[1];
                let sin = tangent[0] * here[1] - tangent[1] * here[0];
                Some(Foot {
                    u_m: libm::atan2(sin, cos) / curvature_1pm,
                    lateral_m: 1.0 / curvature_1pm - curvature_1pm.signum() * distance,
                    tangent: here,
                    curvature_1pm: *curvature_1pm,
                })
            }
            Plan::Spiral(spiral) => spiral.foot(x, y, self.half_m),
        }
    }

    #[inline]
    fn bank(&self, u: f64) -> Bank {
        if !self.banked {
            return Bank { tan: 0.0, cos: 1.0, rate: 0.0 };
        }
        let (sin, cos) = libm::sincos(self.superelevation.value(u));
        Bank { tan: sin / cos, cos, rate: self.superelevation.slope(u) }
    }

    /// Height and its gradient on the road surface.
    #[inline]
    fn height(&self, foot: &Foot, bank: &Bank) -> (f64, [f64; 2]) {
        let d = foot.lateral_m;
        let along = (self.elevation.slope(foot.u_m) + d * (1.0 + bank.tan * bank.tan) * bank.rate)
            / (1.0 - foot.curvature_1pm * d);
        let [tx, ty] = foot.tangent;
        (
            self.elevation.value(foot.u_m) + d * bank.tan,
            [along * tx - bank.tan * ty, along * ty + bank.tan * tx],
        )
    }
}

impl Surface {
    /// Compiles roads into pieces and grid.
    pub fn new(roads: &[Road], around: Surroundings, source: Source) -> Result<Surface, MapError> {
        let total: f64 = roads.iter().map(|road| road.length_m).sum();
        if total > MAX_NETWORK_M {
            return Err(source
                .whole("the road network is too long")
                .expected(format!("at most {MAX_NETWORK_M} m"))
                .got(format!("{total} m")));
        }
        let (mut pieces, mut strips) = (Vec::new(), Vec::new());
        for (index, road) in roads.iter().enumerate() {
            for pair in road.breaks().windows(2) {
                cut(road, index as u32, pair[0], pair[1], &around, &mut pieces, &mut strips);
                if pieces.len() > MAX_PIECES || strips.len() > MAX_STRIPS {
                    return Err(source
                        .whole(format!("the road network is too finely divided (road \"{}\")", road.id))
                        .expected(format!("at most {MAX_PIECES} pieces and {MAX_STRIPS} lane pieces")));
                }
            }
        }
        let mut surface = Surface { grid: Grid::empty(), pieces, strips, around };
        let mut reaches = Vec::with_capacity(surface.pieces.len());
        for piece in &surface.pieces {
            let half_width = surface.half_width(piece);
            if half_width > MAX_HALF_WIDTH_M {
                return Err(source
                    .whole(format!("road \"{}\" is too wide", roads[piece.road as usize].id))
                    .expected(format!("edges within {MAX_HALF_WIDTH_M} m of the reference line"))
                    .got(format!("{half_width:.0} m")));
            }
            reaches.push(half_width + around.shoulder_m);
        }
        surface.grid = Grid::new(roads, &surface.pieces, &reaches);
        Ok(surface)
    }

    /// An endless plane.
    pub fn plane(around: Surroundings) -> Surface {
        Surface { pieces: Vec::new(), strips: Vec::new(), grid: Grid::empty(), around }
    }

    /// Outer edges `t` (left, right) of a piece at `u`, as cubics about its middle.
    #[inline]
    fn edges(&self, piece: &Piece) -> (Cubic, Cubic) {
        let last = |start: u32, end: u32| {
            if end > start { self.strips[end as usize - 1].outer } else { piece.offset }
        };
        (last(piece.left_start, piece.right_start), last(piece.right_start, piece.end))
    }

    /// Upper bound of the distance from the reference line to an edge.
    fn half_width(&self, piece: &Piece) -> f64 {
        let (left, right) = self.edges(piece);
        let h = piece.half_m;
        let bound = |c: &Cubic| c.a.abs() + h * (c.b.abs() + h * (c.c.abs() + h * c.d.abs()));
        bound(&left).max(bound(&right))
    }

    /// The lane at offset `t`, if it is on the road.
    #[inline]
    fn strip(&self, piece: &Piece, u: f64, t: f64) -> Option<&Strip> {
        let (start, end, sign) = if t >= piece.offset.value(u) {
            (piece.left_start, piece.right_start, 1.0)
        } else {
            (piece.right_start, piece.end, -1.0)
        };
        self.strips[start as usize..end as usize]
            .iter()
            .find(|strip| sign * (strip.outer.value(u) - t) >= 0.0)
    }

    /// The piece that carries the point.
    #[inline]
    fn locate(&self, near: &[u32], x: f64, y: f64) -> Option<(&Piece, Foot, Bank, f64, &Strip)> {
        let mut spare = None;
        for &index in near {
            let piece = &self.pieces[index as usize];
            if !piece.may_hold(x, y) {
                continue;
            }
            let Some(foot) = piece.foot(x, y) else { continue };
            let beyond = foot.u_m.abs() - piece.half_m;
            if beyond > JOINT_OVERLAP_M || foot.curvature_1pm * foot.lateral_m > 0.98 {
                continue;
            }
            let bank = piece.bank(foot.u_m);
            let t = foot.lateral_m / bank.cos;
            let Some(strip) = self.strip(piece, foot.u_m, t) else { continue };
            if beyond <= 0.0 {
                return Some((piece, foot, bank, t, strip));
            }
            spare = spare.or(Some((piece, foot, bank, t, strip)));
        }
        spare
    }

    /// Height, its gradient, and friction at a point.
    #[inline]
    pub fn at(&self, x: f64, y: f64) -> (f64, [f64; 2], f64) {
        let near = self.grid.near(x, y);
        match self.locate(near, x, y) {
            Some((piece, foot, bank, _, strip)) => {
                let (height, gradient) = piece.height(&foot, &bank);
                (height, gradient, strip.friction)
            }
            None => self.beside(near, x, y),
        }
    }

    /// Road, station, offset and lane at a point.
    pub fn road_at(&self, x: f64, y: f64) -> Option<RoadPosition> {
        let (piece, foot, _, t_m, strip) = self.locate(self.grid.near(x, y), x, y)?;
        Some(RoadPosition {
            road: piece.road as usize,
            s_m: piece.s_m + foot.u_m,
            t_m,
            lane: strip.lane,
            friction: strip.friction,
        })
    }

    /// The shoulder: see the module's description.
    fn beside(&self, near: &[u32], x: f64, y: f64) -> (f64, [f64; 2], f64) {
        let reach = self.around.shoulder_m;
        let plane = (self.around.off_road_height_m, [0.0, 0.0], self.around.off_road_friction);
        if reach <= 0.0 {
            return plane;
        }
        let base = 4.0 / (reach * reach);
        // weight, weight·z and their gradients, summed
        let mut sum = Shoulder { weight: base, moment: base * plane.0, ..Shoulder::default() };
        // Consecutive pieces are one edge: only the nearest of each such run counts.
        let mut run: Option<(u32, Edge)> = None;
        for &index in near {
            let piece = &self.pieces[index as usize];
            let Some(edge) = self.edge(piece, x, y) else { continue };
            if edge.distance >= reach {
                continue;
            }
            match &mut run {
                Some((last, nearest))
                    if index == *last + 1 && self.pieces[*last as usize].road == piece.road =>
                {
                    *last = index;
                    if edge.distance < nearest.distance {
                        *nearest = edge;
                    }
                }
                _ => {
                    if let Some((_, edge)) = run.replace((index, edge)) {
                        sum.add(&edge, reach);
                    }
                }
            }
        }
        if let Some((_, edge)) = run {
            sum.add(&edge, reach);
        }
        let z = sum.moment / sum.weight;
        let gradient = [0, 1].map(|i| (sum.moment_gradient[i] - z * sum.weight_gradient[i]) / sum.weight);
        (z, gradient, plane.2)
    }

    /// The nearest point of a piece's outline to a point off it.
    fn edge(&self, piece: &Piece, x: f64, y: f64) -> Option<Edge> {
        let foot = piece.foot(x, y)?;
        let u = foot.u_m.clamp(-piece.half_m, piece.half_m);
        // Beyond an end, the outline is that end's cross-section: measured in its frame.
        let end = if u == foot.u_m { None } else { Some(piece.pose_at_end(u > 0.0)) };
        let (tangent, lateral, beyond) = match end {
            None => (foot.tangent, foot.lateral_m, 0.0),
            Some((origin, tangent)) => {
                let (dx, dy) = (x - origin[0], y - origin[1]);
                (tangent, tangent[0] * dy - tangent[1] * dx, tangent[0] * dx + tangent[1] * dy)
            }
        };
        let bank = piece.bank(u);
        let (left, right) = self.edges(piece);
        let is_left = lateral / bank.cos > 0.5 * (left.value(u) + right.value(u));
        let side = if is_left { left } else { right };
        let (t, t_slope) = (side.value(u), side.slope(u));
        let outline = t * bank.cos;
        let over = if is_left { lateral - outline } else { outline - lateral };
        let inside = over <= 0.0;
        let d = if inside { lateral } else { outline };
        // Change of arc length at the foot with position: none once clamped to the end.
        let per_m =
            if end.is_some() { 0.0 } else { 1.0 / (1.0 - foot.curvature_1pm * foot.lateral_m).max(0.02) };
        let normal = [-tangent[1], tangent[0]];
        let along = piece.elevation.slope(u) + d * (1.0 + bank.tan * bank.tan) * bank.rate;
        let sin = bank.tan * bank.cos;
        // How d itself changes: with the outline, or across it while inside its width.
        let outline_slope = t_slope * bank.cos - t * sin * bank.rate;
        let (d_along, d_across) = if inside { (0.0, 1.0) } else { (outline_slope * per_m, 0.0) };
        let z_gradient = [0, 1]
            .map(|i| tangent[i] * (along * per_m + bank.tan * d_along) + normal[i] * bank.tan * d_across);
        let outward = if is_left { 1.0 } else { -1.0 };
        let over_gradient = [0, 1].map(|i| outward * (normal[i] - outline_slope * per_m * tangent[i]));
        let over = over.max(0.0);
        let distance = libm::hypot(over, beyond);
        let distance_gradient = if distance > 0.0 {
            [0, 1].map(|i| (over * over_gradient[i] + beyond * tangent[i]) / distance)
        } else {
            [0.0, 0.0]
        };
        Some(Edge {
            distance,
            distance_gradient,
            height: piece.elevation.value(u) + d * bank.tan,
            height_gradient: z_gradient,
        })
    }
}

/// The nearest point of a road's outline: how far, how high, and how both change with position.
#[derive(Clone, Copy)]
struct Edge {
    distance: f64,
    distance_gradient: [f64; 2],
    height: f64,
    height_gradient: [f64; 2],
}

#[derive(Default)]
struct Shoulder {
    weight: f64,
    weight_gradient: [f64; 2],
    moment: f64,
    moment_gradient: [f64; 2],
}

impl Shoulder {
    fn add(&mut self, edge: &Edge, reach: f64) {
        // The floor only keeps the weight finite: at a millionth of a metre it outweighs all else.
        let distance = edge.distance.max(1e-6);
        let root = 1.0 / distance - 1.0 / reach;
        let weight = root * root;
        let slope = -2.0 * root / (distance * distance);
        self.weight += weight;
        self.moment += weight * edge.height;
        for i in 0..2 {
            let change = slope * edge.distance_gradient[i];
            self.weight_gradient[i] += change;
            self.moment_gradient[i] += change * edge.height + weight * edge.height_gradient[i];
        }
    }
}

impl Piece {
    /// Position and tangent at the start or end.
    fn pose_at_end(&self, end: bool) -> ([f64; 2], [f64; 2]) {
        let u = if end { self.half_m } else { -self.half_m };
        match &self.plan {
            Plan::Line { x_m, y_m, tangent } => ([x_m + u * tangent[0], y_m + u * tangent[1]], *tangent),
            Plan::Arc { centre, tangent, curvature_1pm } => {
                let (sin, cos) = libm::sincos(u * curvature_1pm);
                let here = [tangent[0] * cos - tangent[1] * sin, tangent[1] * cos + tangent[0] * sin];
                let radius = 1.0 / curvature_1pm;
                ([centre[0] + radius * here[1], centre[1] - radius * here[0]], here)
            }
            Plan::Spiral(spiral) => spiral.pose_at(u),
        }
    }
}

/// Cuts the stretch `from..to` of a road, on which every law is one polynomial, into pieces.
fn cut(
    road: &Road,
    index: u32,
    from: f64,
    to: f64,
    around: &Surroundings,
    pieces: &mut Vec<Piece>,
    strips: &mut Vec<Strip>,
) {
    // Records are looked up in the middle of the stretch: at its end the next one would be found.
    let middle = 0.5 * (from + to);
    let after = road.curves.partition_point(|(start, _)| *start <= middle);
    let (curve_start, curve) = &road.curves[after.saturating_sub(1)];
    let spiral = curve.curvature_rate_1pm2 != 0.0;
    let turn = if spiral { SPIRAL_PIECE_TURN_RAD } else { ARC_PIECE_TURN_RAD };
    let share = (to - from) / curve.length_m;
    let count = (curve.turning_rad() * share / turn).ceil().max(1.0) as usize;
    let section = road.section(middle);
    for i in 0..count {
        let start = from + (to - from) * i as f64 / count as f64;
        let end = from + (to - from) * (i + 1) as f64 / count as f64;
        let s = 0.5 * (start + end);
        let pose = curve.at(s - curve_start);
        let (sin, cos) = libm::sincos(pose.heading_rad);
        let plan = if spiral {
            Plan::Spiral(Box::new(SpiralPiece::new(&pose)))
        } else if curve.curvature_1pm != 0.0 {
            let radius = 1.0 / curve.curvature_1pm;
            Plan::Arc {
                centre: [pose.x_m - radius * sin, pose.y_m + radius * cos],
                tangent: [cos, sin],
                curvature_1pm: curve.curvature_1pm,
            }
        } else {
            Plan::Line { x_m: pose.x_m, y_m: pose.y_m, tangent: [cos, sin] }
        };
        let here = |profile: &Profile| profile.at(middle).shifted(s - middle);
        let offset = here(&road.lane_offset);
        let mut bounds = [strips.len() as u32; 3];
        for (side, (lanes, sign)) in [(&section.left, 1.0), (&section.right, -1.0)].into_iter().enumerate() {
            let mut outer = offset;
            for lane in lanes {
                let w = here(&lane.width);
                outer = outer.plus(&Cubic { a: sign * w.a, b: sign * w.b, c: sign * w.c, d: sign * w.d });
                let friction = lane.friction_at(middle).unwrap_or(around.friction);
                strips.push(Strip { outer, friction, lane: lane.id });
            }
            bounds[side + 1] = strips.len() as u32;
        }
        let superelevation = here(&road.superelevation);
        pieces.push(Piece {
            plan,
            half_m: 0.5 * (end - start),
            elevation: here(&road.elevation),
            superelevation,
            banked: !superelevation.is_zero(),
            offset,
            left_start: bounds[0],
            right_start: bounds[1],
            end: bounds[2],
            road: index,
            s_m: s,
        });
    }
}

impl Grid {
    fn empty() -> Grid {
        Grid { x_m: 0.0, y_m: 0.0, per_m: 1.0, columns: 0, rows: 0, starts: vec![0], pieces: Vec::new() }
    }

    /// Enters each piece into every cell that a point within `reaches` of it can lie in.
    fn new(roads: &[Road], pieces: &[Piece], reaches: &[f64]) -> Grid {
        let (mut low, mut high) = ([f64::INFINITY; 2], [f64::NEG_INFINITY; 2]);
        for (piece, reach) in pieces.iter().zip(reaches) {
            let middle = roads[piece.road as usize].plan(piece.s_m);
            let reach = reach + piece.half_m;
            for (axis, middle) in [middle.x_m, middle.y_m].into_iter().enumerate() {
                low[axis] = low[axis].min(middle - reach);
                high[axis] = high[axis].max(middle + reach);
            }
        }
        // Small cells answer faster; grow them until the grid stays within some ten megabytes.
        let mut cell = 4.0;
        loop {
            let cells = ((high[0] - low[0]) / cell + 2.0) * ((high[1] - low[1]) / cell + 2.0);
            let entries: f64 = pieces
                .iter()
                .zip(reaches)
                .map(|(piece, reach)| {
                    let across = 2.0 * reach / cell + 4.0;
                    (2.0 * piece.half_m / cell + 1.0) * across * across
                })
                .sum();
            if (cells <= 2e6 && entries <= 3e7) || cell > 1e6 {
                break;
            }
            cell *= 2.0;
        }
        let columns = ((high[0] - low[0]) / cell) as usize + 1;
        let rows = ((high[1] - low[1]) / cell) as usize + 1;
        let mut lists: Vec<Vec<u32>> = vec![Vec::new(); columns * rows];
        for (index, (piece, reach)) in pieces.iter().zip(reaches).enumerate() {
            let road = &roads[piece.road as usize];
            let steps = (2.0 * piece.half_m / cell).ceil().max(1.0);
            let half_step = piece.half_m / steps;
            // Any point within reach of the step is within this of its middle, and its cell's centre so:
            let radius = reach + half_step + 0.05;
            let of_cells = radius + cell * std::f64::consts::FRAC_1_SQRT_2;
            for step in 0..steps as usize {
                let middle = road.plan(piece.s_m - piece.half_m + (2 * step + 1) as f64 * half_step);
                let column = |x: f64| (((x - low[0]) / cell).max(0.0) as usize).min(columns - 1);
                let row = |y: f64| (((y - low[1]) / cell).max(0.0) as usize).min(rows - 1);
                for r in row(middle.y_m - radius)..=row(middle.y_m + radius) {
                    for c in column(middle.x_m - radius)..=column(middle.x_m + radius) {
                        let dx = low[0] + (c as f64 + 0.5) * cell - middle.x_m;
                        let dy = low[1] + (r as f64 + 0.5) * cell - middle.y_m;
                        let list = &mut lists[r * columns + c];
                        if dx * dx + dy * dy <= of_cells * of_cells && list.last() != Some(&(index as u32)) {
                            list.push(index as u32);
                        }
                    }
                }
            }
        }
        let mut starts = Vec::with_capacity(lists.len() + 1);
        let mut all = Vec::with_capacity(lists.iter().map(Vec::len).sum());
        for list in &lists {
            starts.push(all.len() as u32);
            all.extend_from_slice(list);
        }
        starts.push(all.len() as u32);
        Grid { x_m: low[0], y_m: low[1], per_m: 1.0 / cell, columns, rows, starts, pieces: all }
    }
}
