//! The nearest point of a path.

use super::{Cubic, Path, Projection};

/// With a hint, the search looks this far up and down the path before it follows the distance downhill.
const REACH_M: f64 = 5.0;

/// The best found so far.
struct Nearest {
    distance_m: f64,
    segment: usize,
    u: f64,
    beyond_m: f64,
}

impl Path {
    /// The point of the path nearest to (x, y).
    ///
    /// With `near`, the station where it was last time: the nearest point within 5 m of station up or down from
    /// there, and if the path still comes nearer at that reach, on to where it stops coming nearer. So a path that
    /// crosses itself does not steal the car from its own branch, and the cost is that of a few segments. Without it:
    /// the nearest of the whole path. Beyond an end of an open path the point is measured against the end's tangent.
    /// Allocates nothing. NaN gives NaN.
    #[must_use]
    pub fn project(&self, x_m: f64, y_m: f64, near: Option<f64>) -> Projection {
        let length = self.length_m();
        let last = self.nodes.len() - 2;
        let mut search = Search {
            path: self,
            x_m,
            y_m,
            best: Nearest { distance_m: f64::INFINITY, segment: 0, u: 0.0, beyond_m: 0.0 },
            bound_m: f64::INFINITY,
        };
        match near.filter(|station| station.is_finite()) {
            Some(hint) if !self.closed || length > 2.0 * REACH_M => {
                let hint = self.normalise(hint);
                let middle = self.segment_at(hint);
                // Stands if nothing is nearest, as at the centre of a circle.
                let start_m = self.nodes[middle].station_m;
                search.best.segment = middle;
                search.best.u = (hint - start_m) / (self.nodes[middle + 1].station_m - start_m);
                search.bound_m = search.node_distance(middle);
                let from = self.normalise(hint - REACH_M);
                let to = self.normalise(hint + REACH_M);
                let (first_segment, last_segment) = (self.segment_at(from), self.segment_at(to));
                if from <= to {
                    search.march(first_segment, last_segment);
                } else {
                    // Across the seam of a closed path.
                    search.march(first_segment, last);
                    search.march(0, last_segment);
                }
                search.downhill(first_segment, last_segment);
            }
            _ => {
                // A few samples give a bound that lets most of the path be skipped.
                for k in 0..16 {
                    let distance = search.node_distance(k * (last + 1) / 16);
                    search.bound_m = search.bound_m.min(distance);
                }
                search.march(0, last);
            }
        }
        search.projection()
    }
}

struct Search<'a> {
    path: &'a Path,
    x_m: f64,
    y_m: f64,
    best: Nearest,
    /// Some point of the range searched is known to be as near as this.
    bound_m: f64,
}

impl Search<'_> {
    fn node_distance(&self, node: usize) -> f64 {
        let n = &self.path.nodes[node];
        let (dx, dy) = (self.x_m - n.x_m, self.y_m - n.y_m);
        (dx * dx + dy * dy).sqrt()
    }

    /// How far ahead of a node, along its tangent, the point lies, metres: positive where going on comes nearer.
    fn ahead_m(&self, node: usize) -> f64 {
        let n = &self.path.nodes[node];
        (self.x_m - n.x_m) * n.tangent[0] + (self.y_m - n.y_m) * n.tangent[1]
    }

    /// Looks through the segments `first..=last`. The distance changes no faster than the station, so from a node
    /// that is farther than the best by d, the next d metres of path hold nothing better and are skipped.
    fn march(&mut self, first: usize, last: usize) {
        let path = self.path;
        let mut segment = first;
        let mut start_m = self.node_distance(segment);
        while segment <= last {
            let end_m = self.node_distance(segment + 1);
            let step = path.nodes[segment + 1].station_m - path.nodes[segment].station_m;
            if 0.5 * (start_m + end_m - path.stretch * step) < self.bound_m {
                self.refine(segment);
            }
            segment += 1;
            start_m = end_m;
            let spare_m = (end_m - self.bound_m) / path.stretch;
            if segment <= last && spare_m > 2.0 * step {
                let station_m = path.nodes[segment].station_m + spare_m;
                let onward = if station_m >= path.length_m() { last + 1 } else { path.segment_at(station_m) };
                if onward > segment {
                    segment = onward;
                    if segment > last {
                        // Nothing better is left, but an open end has its own say below.
                        break;
                    }
                    start_m = self.node_distance(segment);
                }
            }
        }
        if !path.closed {
            if first == 0 {
                self.consider_end(0, 0, 0.0);
            }
            if last + 2 == path.nodes.len() {
                self.consider_end(last + 1, last, 1.0);
            }
        }
    }

    /// Takes the foot of the perpendicular on one segment, if there is one and it is the best.
    fn refine(&mut self, segment: usize) {
        let (ahead_start, ahead_end) = (self.ahead_m(segment), self.ahead_m(segment + 1));
        if !(ahead_start >= 0.0 && ahead_end <= 0.0) {
            return;
        }
        let (a, b) = (&self.path.nodes[segment], &self.path.nodes[segment + 1]);
        let curve = Cubic::between(a, b);
        let (qx, qy) = (self.x_m - a.x_m, self.y_m - a.y_m);
        // Root of (q - p(u)) · p'(u), by Newton's method kept within a shrinking bracket.
        let (mut low, mut high) = (0.0f64, 1.0f64);
        let spread = ahead_start - ahead_end;
        let mut u = if spread > 0.0 { ahead_start / spread } else { 0.0 };
        // Newton's last step is far smaller than the one before it.
        let finest = 1e-9 / (b.station_m - a.station_m);
        for _ in 0..60 {
            let [px, py] = curve.offset(u);
            let [dx, dy] = curve.derivative(u);
            let [ddx, ddy] = curve.second_derivative(u);
            let value = (qx - px) * dx + (qy - py) * dy;
            let slope = (qx - px) * ddx + (qy - py) * ddy - dx * dx - dy * dy;
            if value > 0.0 {
                low = u;
            } else {
                high = u;
            }
            let newton = u - value / slope;
            let next = if (low..=high).contains(&newton) { newton } else { 0.5 * (low + high) };
            let change = (next - u).abs();
            u = next;
            if change <= finest {
                break;
            }
        }
        let [px, py] = curve.offset(u);
        let distance_m = ((qx - px) * (qx - px) + (qy - py) * (qy - py)).sqrt();
        self.take(distance_m, segment, u, 0.0);
    }

    /// Takes the end of an open path, if the point lies beyond it and it is the best.
    fn consider_end(&mut self, node: usize, segment: usize, u: f64) {
        let ahead_m = self.ahead_m(node);
        let is_beyond = if node == 0 { ahead_m < 0.0 } else { ahead_m > 0.0 };
        if is_beyond {
            self.take(self.node_distance(node), segment, u, ahead_m);
        }
    }

    fn take(&mut self, distance_m: f64, segment: usize, u: f64, beyond_m: f64) {
        if distance_m < self.best.distance_m {
            self.best = Nearest { distance_m, segment, u, beyond_m };
            self.bound_m = self.bound_m.min(distance_m);
        }
    }

    /// Where the path still comes nearer at the edge of the reach, goes on to where it no longer does.
    fn downhill(&mut self, first: usize, last: usize) {
        let segments = self.path.nodes.len() - 1;
        let closed = self.path.closed;
        let mut segment = last;
        for _ in 0..segments {
            let gains = self.ahead_m(segment + 1) > 0.0;
            if !gains || self.node_distance(segment + 1) >= self.best.distance_m {
                break;
            }
            segment = match segment + 1 {
                next if next < segments => next,
                _ if closed => 0,
                _ => break,
            };
            self.bound_m = f64::INFINITY;
            self.march(segment, segment);
        }
        let mut segment = first;
        for _ in 0..segments {
            let gains = self.ahead_m(segment) < 0.0;
            if !gains || self.node_distance(segment) >= self.best.distance_m {
                break;
            }
            segment = match segment.checked_sub(1) {
                Some(previous) => previous,
                None if closed => segments - 1,
                None => break,
            };
            self.bound_m = f64::INFINITY;
            self.march(segment, segment);
        }
    }

    fn projection(&self) -> Projection {
        let Nearest { segment, u, beyond_m, .. } = self.best;
        let mut point = self.path.point_on(segment, u);
        // The end of the last segment of a closed path is its start.
        if self.path.closed && point.station_m >= self.path.length_m() {
            point.station_m = 0.0;
        }
        let (sin, cos) = libm::sincos(point.heading_rad);
        let (dx, dy) = (self.x_m - point.x_m, self.y_m - point.y_m);
        Projection { station_m: point.station_m, lateral_m: cos * dy - sin * dx, beyond_m, point }
    }
}
