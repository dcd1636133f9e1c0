//! The planned trajectory and the three ways to ask it for a point.

use std::f64::consts::PI;

use super::normalize_angle;

/// Positions searched at once.
const BLOCK: usize = 8;

/// A trajectory point, in the map frame.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct TrajectoryPoint {
    /// East, m.
    pub x_m: f64,
    /// North, m.
    pub y_m: f64,
    /// Heading, rad, 0 = East, counter-clockwise.
    pub heading_rad: f64,
    /// Curvature, 1/m, positive to the left.
    pub curvature_1pm: f64,
    /// Distance along the path, m.
    pub station_m: f64,
    /// Speed, m/s.
    pub speed_mps: f64,
    /// Acceleration along the path, m/s².
    pub acceleration_mps2: f64,
    /// Time relative to the trajectory's header stamp, s.
    pub relative_time_s: f64,
}

impl TrajectoryPoint {
    fn is_finite(&self) -> bool {
        [
            self.x_m,
            self.y_m,
            self.heading_rad,
            self.curvature_1pm,
            self.station_m,
            self.speed_mps,
            self.acceleration_mps2,
            self.relative_time_s,
        ]
        .iter()
        .all(|value| value.is_finite())
    }
}

/// A trajectory that can be used: at least one point, every value finite.
///
/// Source of the queries: Apollo 1.0 `control/common/trajectory_analyzer.cc`.
#[derive(Debug, Clone, PartialEq)]
pub struct Trajectory {
    /// Unix time that `relative_time_s` counts from, s.
    header_time_s: f64,
    /// The publisher's sequence number.
    sequence_num: u32,
    points: Vec<TrajectoryPoint>,
    /// The positions again, eight by eight, east then north: the form in which a search runs fast. The last
    /// block is filled up with the last point.
    blocks: Vec<[[f64; BLOCK]; 2]>,
    /// A point of each block, x and y, m, and how far the others are from it at most.
    rounds: Vec<[f64; 3]>,
}

/// The car seen from the path.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PathProjection {
    /// Distance along the path, m.
    pub station_m: f64,
    /// Speed along the path, m/s.
    pub station_rate_mps: f64,
}

impl Trajectory {
    /// Takes the points of one planning message.
    ///
    /// # Errors
    /// A sentence if there is no point or a value is not finite. (The real module crashes on the first and spreads
    /// the second through its filters.)
    pub fn new(
        header_time_s: f64,
        sequence_num: u32,
        points: impl Iterator<Item = TrajectoryPoint>,
    ) -> Result<Self, String> {
        let points: Vec<_> = points.collect();
        if points.is_empty() {
            return Err("planning trajectory has no points".to_owned());
        }
        if let Some(index) = points.iter().position(|point| !point.is_finite()) {
            return Err(format!("planning trajectory point {index} has a value that is not finite"));
        }
        let blocks = (0..points.len())
            .step_by(BLOCK)
            .map(|start| {
                let point = |offset: usize| &points[(start + offset).min(points.len() - 1)];
                [
                    std::array::from_fn(|offset| point(offset).x_m),
                    std::array::from_fn(|offset| point(offset).y_m),
                ]
            })
            .collect::<Vec<[[f64; BLOCK]; 2]>>();
        let rounds = blocks
            .iter()
            .map(|[east, north]| {
                let [x, y] = [east[BLOCK / 2], north[BLOCK / 2]];
                let squared = east.iter().zip(north).map(|(e, n)| (e - x) * (e - x) + (n - y) * (n - y));
                [x, y, squared.fold(0.0, f64::max).sqrt()]
            })
            .collect();
        Ok(Self { header_time_s, sequence_num, points, blocks, rounds })
    }

    /// The publisher's sequence number.
    pub fn sequence_num(&self) -> u32 {
        self.sequence_num
    }

    /// The point nearest to a position (the first of equals).
    pub fn nearest_by_position(&self, x_m: f64, y_m: f64) -> &TrajectoryPoint {
        &self.points[self.nearest_index(x_m, y_m)]
    }

    fn nearest_index(&self, x_m: f64, y_m: f64) -> usize {
        // Some point is this near, so blocks that lie wholly farther away need no look.
        let from = |[x, y, _]: &[f64; 3]| (x - x_m) * (x - x_m) + (y - y_m) * (y - y_m);
        let bound =
            self.rounds.iter().map(from).fold(f64::INFINITY, |least, d| if d < least { d } else { least });
        let reach = bound.sqrt() * (1.0 + 1e-9);
        let mut nearest = 0;
        let mut least = f64::INFINITY;
        for (index, [east, north]) in self.blocks.iter().enumerate() {
            let round = &self.rounds[index];
            if from(round) > (reach + round[2]) * (reach + round[2]) * (1.0 + 1e-9) {
                continue;
            }
            let squared: [f64; BLOCK] = std::array::from_fn(|offset| {
                let (dx, dy) = (east[offset] - x_m, north[offset] - y_m);
                dx * dx + dy * dy
            });
            let least_here =
                squared.iter().fold(f64::INFINITY, |least, &value| if value < least { value } else { least });
            if least_here < least {
                least = least_here;
                nearest = index * BLOCK + squared.iter().position(|&value| value == least).unwrap_or(0);
            }
        }
        nearest
    }

    /// The point nearest to a Unix time (the earlier of equals; the first or last point outside the span).
    pub fn nearest_by_time(&self, time_s: f64) -> &TrajectoryPoint {
        let time_s = time_s - self.header_time_s;
        let after = self.points.partition_point(|point| point.relative_time_s < time_s);
        if after == 0 {
            return &self.points[0];
        }
        let before = &self.points[after - 1];
        match self.points.get(after) {
            Some(point) if point.relative_time_s - time_s < time_s - before.relative_time_s => point,
            _ => before,
        }
    }

    /// The place of the path nearest to a position: a point between the two neighbours of the nearest point, found by
    /// golden section on the straight line between them.
    pub fn matched(&self, x_m: f64, y_m: f64) -> TrajectoryPoint {
        let nearest = self.nearest_index(x_m, y_m);
        let start = &self.points[nearest.saturating_sub(1)];
        let end = &self.points[(nearest + 1).min(self.points.len() - 1)];
        let scale = start.station_m.abs().max(end.station_m.abs());
        if (start.station_m - end.station_m).abs() <= scale * f64::EPSILON {
            return *start;
        }
        let squared_distance = |station_m: f64| {
            let dx = lerp(start.x_m, start.station_m, end.x_m, end.station_m, station_m) - x_m;
            let dy = lerp(start.y_m, start.station_m, end.y_m, end.station_m, station_m) - y_m;
            dx * dx + dy * dy
        };
        let station_m = golden_section(squared_distance, start.station_m, end.station_m);
        let between = |a: f64, b: f64| lerp(a, start.station_m, b, end.station_m, station_m);
        TrajectoryPoint {
            station_m,
            x_m: between(start.x_m, end.x_m),
            y_m: between(start.y_m, end.y_m),
            heading_rad: interpolate_angle(start, end, station_m),
            curvature_1pm: between(start.curvature_1pm, end.curvature_1pm),
            ..*start
        }
    }
}

impl TrajectoryPoint {
    /// Where a car at this matched point's side is along the path, and how fast (the Frenet frame, without assuming
    /// that the offset is perpendicular to the path).
    pub fn project(&self, x_m: f64, y_m: f64, heading_rad: f64, speed_mps: f64) -> PathProjection {
        let (dx, dy) = (x_m - self.x_m, y_m - self.y_m);
        let (sin, cos) = (libm::sin(self.heading_rad), libm::cos(self.heading_rad));
        let lateral_m = cos * dy - sin * dx;
        let mut one_minus_kappa_d = 1.0 - self.curvature_1pm * lateral_m;
        if one_minus_kappa_d <= 0.0 {
            one_minus_kappa_d = 0.01; // beyond the centre of curvature: the real module's way out
        }
        PathProjection {
            station_m: self.station_m + (dx * cos + dy * sin),
            station_rate_mps: speed_mps * libm::cos(heading_rad - self.heading_rad) / one_minus_kappa_d,
        }
    }
}

fn lerp(x0: f64, t0: f64, x1: f64, t1: f64, t: f64) -> f64 {
    // 1e-10 is the real module's limit below which two stations count as one.
    if (t1 - t0).abs() <= 1.0e-10 {
        return x0;
    }
    x0 + (t - t0) / (t1 - t0) * (x1 - x0)
}

/// The heading at a station between two points, by the shorter way round.
fn interpolate_angle(start: &TrajectoryPoint, end: &TrajectoryPoint, station_m: f64) -> f64 {
    let from = normalize_angle(start.heading_rad);
    if (end.station_m - start.station_m).abs() <= 1.0e-10 {
        return from;
    }
    let mut turn = normalize_angle(end.heading_rad) - from;
    if turn > PI {
        turn -= 2.0 * PI;
    } else if turn < -PI {
        turn += 2.0 * PI;
    }
    let share = (station_m - start.station_m) / (end.station_m - start.station_m);
    normalize_angle(from + turn * share)
}

/// The minimum of a unimodal function between two bounds to within 1e-6.
///
/// Differs from the real search in one point: it gives up after 200 steps, where the real one would turn for ever
/// because the stations are too large (> 1e9 m) to be resolved to 1e-6.
fn golden_section(function: impl Fn(f64) -> f64, lower: f64, upper: f64) -> f64 {
    const GOLDEN_RATIO: f64 = 1.618033989; // the real module's rounding
    let (mut a, mut b) = (lower, upper);
    for _ in 0..200 {
        let width = (b - a) / GOLDEN_RATIO;
        let (c, d) = (b - width, a + width);
        if (c - d).abs() <= 1.0e-6 {
            break;
        }
        if function(c) < function(d) {
            b = d;
        } else {
            a = c;
        }
    }
    (a + b) * 0.5
}
