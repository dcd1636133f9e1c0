//! Named paths: stretches of road sampled into points with exact heading, curvature and height.

use skidpad_geo::{PathPoint, wrap_angle};

use crate::curve::{Cubic, Curve};
use crate::opendrive::Road;

/// Largest distance between points in curves and elsewhere, m.
const STEP_CURVE_M: f64 = 0.25;
const STEP_STRAIGHT_M: f64 = 0.5;
/// Most points of a path: 250 km of curves.
pub(crate) const MAX_POINTS: usize = 1_000_000;

/// A stretch of road as a path follows it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stretch {
    pub road: usize,
    /// Lane whose centre is followed, or the reference line.
    pub lane: Option<i32>,
    /// Offset from there, m, positive left of the road's direction.
    pub offset_m: f64,
    /// Stations, `from_m < to_m`.
    pub from_m: f64,
    pub to_m: f64,
    pub backward: bool,
}

/// The laws of a stretch between two breaks of its road, with their origin at its middle.
struct Laws<'a> {
    middle_m: f64,
    /// The plan-view curve and where it starts.
    curve: &'a (f64, Curve),
    elevation: Cubic,
    superelevation: Cubic,
    /// Offset along the road surface, m.
    t: Cubic,
}

impl<'a> Laws<'a> {
    fn new(road: &'a Road, stretch: &Stretch, from_m: f64, to_m: f64) -> Laws<'a> {
        let middle = 0.5 * (from_m + to_m);
        let after = road.curves.partition_point(|(start, _)| *start <= middle);
        let mut t = match stretch.lane.and_then(|lane| road.lane_edges(middle, lane)) {
            Some((inner, outer)) => {
                let sum = inner.plus(&outer);
                Cubic { a: 0.5 * sum.a, b: 0.5 * sum.b, c: 0.5 * sum.c, d: 0.5 * sum.d }
            }
            None => Cubic::default(),
        };
        t.a += stretch.offset_m;
        Laws {
            middle_m: middle,
            curve: &road.curves[after.saturating_sub(1)],
            elevation: road.elevation.at(middle),
            superelevation: road.superelevation.at(middle),
            t,
        }
    }

    /// The plan-view offset d = t cos α with its first two derivatives, and tan α, at station `s`.
    fn offset(&self, s: f64) -> (f64, f64, f64, f64) {
        let u = s - self.middle_m;
        let (t, t1, t2) = (self.t.value(u), self.t.slope(u), self.t.bend(u));
        if self.superelevation.is_zero() {
            return (t, t1, t2, 0.0);
        }
        let (a1, a2) = (self.superelevation.slope(u), self.superelevation.bend(u));
        let (sin, cos) = libm::sincos(self.superelevation.value(u));
        (
            t * cos,
            t1 * cos - t * sin * a1,
            t2 * cos - 2.0 * t1 * sin * a1 - t * (cos * a1 * a1 + sin * a2),
            sin / cos,
        )
    }

    /// Change of path length per metre of station: |P'| of P = P₀ + d·N.
    fn stretch(&self, s: f64) -> f64 {
        let (d, d1, _, _) = self.offset(s);
        let k = self.curve.1.curvature_1pm + self.curve.1.curvature_rate_1pm2 * (s - self.curve.0);
        libm::hypot(1.0 - k * d, d1)
    }

    /// The path's point at station `s`, driven forward; its own station is left 0.
    fn point(&self, s: f64) -> PathPoint {
        let plan = self.curve.1.at(s - self.curve.0);
        let (d, d1, d2, tan) = self.offset(s);
        let (sin, cos) = libm::sincos(plan.heading_rad);
        // In the frame of the reference line: P' = (1 − κd, d'), P'' = (−κ'd − 2κd', κ(1 − κd) + d'').
        let (k, k1) = (plan.curvature_1pm, plan.curvature_rate_1pm2);
        let along = 1.0 - k * d;
        let speed = libm::hypot(along, d1);
        let turn = along * (k * along + d2) + d1 * (k1 * d + 2.0 * k * d1);
        PathPoint {
            station_m: 0.0,
            x_m: plan.x_m - d * sin,
            y_m: plan.y_m + d * cos,
            z_m: self.elevation.value(s - self.middle_m) + d * tan,
            heading_rad: wrap_angle(plan.heading_rad + libm::atan2(d1, along)),
            curvature_1pm: turn / (speed * speed * speed),
        }
    }

    fn curved(&self) -> bool {
        self.curve.1.curvature_1pm != 0.0
            || self.curve.1.curvature_rate_1pm2 != 0.0
            || self.elevation.c != 0.0
            || self.elevation.d != 0.0
            || !self.superelevation.is_zero()
            || self.t.b != 0.0
            || self.t.c != 0.0
            || self.t.d != 0.0
    }

    /// Path length between two stations: three-point Gauss-Legendre, exact for a constant offset.
    fn length(&self, from: f64, to: f64) -> f64 {
        let (middle, half) = (0.5 * (from + to), 0.5 * (to - from));
        let node = half * 0.774_596_669_241_483_4; // √(3/5)
        half * (8.0 * self.stretch(middle)
            + 5.0 * (self.stretch(middle - node) + self.stretch(middle + node)))
            / 9.0
    }
}

/// Turns a point of the forward direction around.
fn reversed(point: PathPoint) -> PathPoint {
    PathPoint {
        heading_rad: wrap_angle(point.heading_rad + std::f64::consts::PI),
        curvature_1pm: -point.curvature_1pm,
        ..point
    }
}

/// First and last point of a stretch, in its driving direction.
pub(crate) fn ends(roads: &[Road], stretch: &Stretch) -> (PathPoint, PathPoint) {
    let road = &roads[stretch.road];
    let breaks = breaks(road, stretch);
    let n = breaks.len();
    let first = Laws::new(road, stretch, breaks[0], breaks[1]).point(stretch.from_m);
    let last = Laws::new(road, stretch, breaks[n - 2], breaks[n - 1]).point(stretch.to_m);
    if stretch.backward { (reversed(last), reversed(first)) } else { (first, last) }
}

/// Stations of a stretch between which each law is one polynomial.
fn breaks(road: &Road, stretch: &Stretch) -> Vec<f64> {
    let mut breaks = vec![stretch.from_m];
    breaks
        .extend(road.breaks().into_iter().filter(|s| *s > stretch.from_m + 1e-6 && *s < stretch.to_m - 1e-6));
    breaks.push(stretch.to_m);
    breaks
}

/// The points of a path, `None` if they are more than [`MAX_POINTS`]. A closed path ends on its first point.
pub(crate) fn sample(roads: &[Road], stretches: &[Stretch]) -> Option<Vec<PathPoint>> {
    let mut points: Vec<PathPoint> = Vec::new();
    let mut station = 0.0;
    for stretch in stretches {
        let road = &roads[stretch.road];
        let mut pairs: Vec<[f64; 2]> = breaks(road, stretch).windows(2).map(|w| [w[0], w[1]]).collect();
        if stretch.backward {
            pairs.reverse();
        }
        for [low, high] in pairs {
            let laws = Laws::new(road, stretch, low, high);
            let step = if laws.curved() { STEP_CURVE_M } else { STEP_STRAIGHT_M };
            let longest = laws.stretch(low).max(laws.stretch(high)).max(1.0);
            let count = ((high - low) * longest / step).ceil().max(1.0) as usize;
            if points.len().saturating_add(count) > MAX_POINTS {
                return None;
            }
            let at = |i: usize| low + (high - low) * i as f64 / count as f64;
            // The joint belongs to what lies ahead: its curvature is the one to drive next.
            points.pop();
            for i in 0..=count {
                let here = if stretch.backward { at(count - i) } else { at(i) };
                if i > 0 {
                    let before = if stretch.backward { at(count - i + 1) } else { at(i - 1) };
                    station += laws.length(before.min(here), before.max(here));
                }
                let point = PathPoint { station_m: station, ..laws.point(here) };
                points.push(if stretch.backward { reversed(point) } else { point });
            }
        }
    }
    Some(points)
}
