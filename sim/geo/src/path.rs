//! A planar curve by arc length: where a car is along it, and how far to its left.

mod fit;
mod search;

use crate::wrap_angle;

/// A point of a path. x and y are in whatever metric frame the path was given in.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PathPoint {
    /// Horizontal arc length from the start, metres.
    pub station_m: f64,
    /// Metres east.
    pub x_m: f64,
    /// Metres north.
    pub y_m: f64,
    /// Metres up.
    pub z_m: f64,
    /// Direction of travel, radians counter-clockwise from east, (-π, π] in what the path returns. A car that drives
    /// the path in reverse points the other way.
    pub heading_rad: f64,
    /// Curvature, 1/m, positive to the left.
    pub curvature_1pm: f64,
}

/// A point seen from a path.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Projection {
    /// Station of the nearest point of the path, metres: in [0, length) on a closed path, in [0, length] on an open one.
    pub station_m: f64,
    /// How far the point lies to the left of the path (right: negative), metres. Beyond an end: from the line that
    /// carries the end on straight ahead.
    pub lateral_m: f64,
    /// How far along that line the point lies beyond the end (positive) or before the start (negative) of an open
    /// path, metres; 0 anywhere abreast of the path. `station_m + beyond_m` goes on counting past the ends.
    pub beyond_m: f64,
    /// The path at that station.
    pub point: PathPoint,
}

/// Points that make no path. The numbers are those of the points as given, counted from 0.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum PathError {
    /// Fewer than two points (apart from repetitions).
    #[error("a path needs at least 2 different points, got {got}")]
    TooFewPoints {
        /// How many there were.
        got: usize,
    },
    /// A field is NaN or infinite.
    #[error("point {index} of the path: {field} must be a finite number, got {got}")]
    NotFinite {
        /// Which point.
        index: usize,
        /// Which field of it.
        field: &'static str,
        /// What was given.
        got: f64,
    },
    /// Stations count from 0.
    #[error("the first station of a path must be 0, got {got_m} m: subtract it from all of them")]
    FirstStation {
        /// What was given, metres.
        got_m: f64,
    },
    /// The station stands still or goes back.
    #[error(
        "point {index} of the path: its station {got_m} m is not beyond the one before it, {previous_m} m"
    )]
    StationNotIncreasing {
        /// Which point.
        index: usize,
        /// Its station, metres.
        got_m: f64,
        /// The station before it, metres.
        previous_m: f64,
    },
    /// Two consecutive points in one place.
    #[error("points {index} and {next} of the path are in the same place ({x_m}, {y_m}): leave one out")]
    DuplicatePoint {
        /// The first of the two.
        index: usize,
        /// The second of the two.
        next: usize,
        /// Metres east.
        x_m: f64,
        /// Metres north.
        y_m: f64,
    },
    /// The station does not grow by the distance between the points.
    #[error(
        "the path from point {index} to {next}: the stations are {station_step_m} m apart, the points {arc_m} m (along the curve): stations must be arc length in the plane; for a recording, let them be computed (Path::from_xyz)"
    )]
    StationNotArcLength {
        /// The first of the two.
        index: usize,
        /// The second of the two.
        next: usize,
        /// Growth of the station, metres.
        station_step_m: f64,
        /// Length of the curve through the two points, metres.
        arc_m: f64,
    },
    /// The heading is far from the direction to the next point.
    #[error(
        "point {index} of the path: its heading {heading_rad} rad is {off_rad} rad off the line joining it to its neighbour (at most {limit_rad} is taken): headings are radians counter-clockwise from east, in the direction of travel"
    )]
    HeadingOffCourse {
        /// Which point.
        index: usize,
        /// Its heading, radians.
        heading_rad: f64,
        /// How far off, radians.
        off_rad: f64,
        /// The largest accepted, radians.
        limit_rad: f64,
    },
    /// The points go back on themselves, so there is no one direction of travel.
    #[error(
        "the path turns back on itself at ({x_m}, {y_m}), {station_m} m from its start: cut it there into two paths"
    )]
    TurnsBack {
        /// Metres east.
        x_m: f64,
        /// Metres north.
        y_m: f64,
        /// Distance from the start, metres.
        station_m: f64,
    },
}

/// A smooth path through given points.
///
/// Between two points it is the cubic Hermite curve on their headings: an arc of radius R sampled every h metres is
/// met to h⁴/(384 R³). Curvature is interpolated linearly; height by a cubic through the points' grades.
#[derive(Clone, Debug, PartialEq)]
pub struct Path {
    /// As given, less the repeated first point of a closed path.
    points: Vec<PathPoint>,
    /// One per point, and for a closed path the first one again at the end.
    nodes: Vec<Node>,
    closed: bool,
    /// `buckets[k]` is the segment that holds station `k · bucket_m`.
    buckets: Vec<u32>,
    bucket_m: f64,
    /// No two points are farther apart than this times their difference in station (1 but for rounding).
    stretch: f64,
}

/// A point in the form the inner loops want.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Node {
    station_m: f64,
    x_m: f64,
    y_m: f64,
    z_m: f64,
    /// Unit tangent.
    tangent: [f64; 2],
    /// dz/ds.
    grade: f64,
    curvature_1pm: f64,
}

/// Largest angle between the heading at a point and the chord to its neighbour: an arc sampled every 120°.
const HEADING_LIMIT_RAD: f64 = 60.0 * std::f64::consts::PI / 180.0;
/// Points nearer than this are one place.
const SAME_PLACE_M: f64 = 1e-6;
/// The last point of a closed path is the first again if nearer than this.
const CLOSING_M: f64 = 1e-3;

impl Path {
    /// A path through `points`, whose stations are the arc length from the first, in the plane.
    ///
    /// A closed path goes on from the last point to the first; the first may be repeated at the end (within 1 mm),
    /// which then tells the station of the closure.
    ///
    /// # Errors
    /// Fewer than two points; a number that is none; points in the same place; stations that do not start at 0, do
    /// not increase or are not arc length (5 % and 20 mm between neighbours, 2 % of the whole); a heading more than 60°
    /// off the line to the neighbour.
    pub fn new(mut points: Vec<PathPoint>, closed: bool) -> Result<Self, PathError> {
        check_fields(&points)?;
        let mut closing_station_m = None;
        if closed && points.len() > 2 {
            let (first, last) = (points[0], points[points.len() - 1]);
            if libm::hypot(last.x_m - first.x_m, last.y_m - first.y_m) < CLOSING_M {
                closing_station_m = Some(last.station_m);
                points.pop();
            }
        }
        if points.len() < 2 {
            return Err(PathError::TooFewPoints { got: points.len() });
        }
        if points[0].station_m.abs() > 1e-9 {
            return Err(PathError::FirstStation { got_m: points[0].station_m });
        }
        let mut nodes: Vec<Node> = points.iter().map(Node::new).collect();
        if closed {
            let mut closing = nodes[0];
            let last = &nodes[nodes.len() - 1];
            closing.station_m = match closing_station_m {
                Some(station_m) => station_m,
                None => last.station_m + arc_length(last, &closing).0,
            };
            nodes.push(closing);
        }
        let stretch = check_segments(&points, &nodes)?;
        set_grades(&mut nodes, closed);
        let (buckets, bucket_m) = index_by_station(&nodes);
        Ok(Self { points, nodes, closed, buckets, bucket_m, stretch })
    }

    /// Arc length, metres; for a closed path once around.
    #[must_use]
    pub fn length_m(&self) -> f64 {
        self.nodes[self.nodes.len() - 1].station_m
    }

    /// Whether the path returns to its start.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.closed
    }

    /// The points the path was made of (a closed path does not repeat its first).
    #[must_use]
    pub fn points(&self) -> &[PathPoint] {
        &self.points
    }

    /// The path at a station: a closed path goes round, an open one ends at its ends. NaN gives NaN.
    #[must_use]
    pub fn at(&self, station_m: f64) -> PathPoint {
        let station_m = self.normalise(station_m);
        let segment = self.segment_at(station_m);
        let start = self.nodes[segment].station_m;
        let step = self.nodes[segment + 1].station_m - start;
        self.point_on(segment, (station_m - start) / step)
    }

    /// The station within the path: wrapped into [0, length) if closed, clamped to [0, length] if open.
    fn normalise(&self, station_m: f64) -> f64 {
        let length = self.length_m();
        if !self.closed {
            return station_m.clamp(0.0, length);
        }
        if (0.0..length).contains(&station_m) {
            return station_m;
        }
        let wrapped = libm::fmod(station_m, length);
        let wrapped = if wrapped < 0.0 { wrapped + length } else { wrapped };
        // A negative hair's breadth plus the length rounds to the length.
        if wrapped >= length { 0.0 } else { wrapped }
    }

    /// The segment that holds a normalised station: a table look-up, then a search among the few in the bucket.
    fn segment_at(&self, station_m: f64) -> usize {
        let bucket = ((station_m / self.bucket_m) as usize).min(self.buckets.len() - 2);
        let (mut low, mut high) = (self.buckets[bucket] as usize, self.buckets[bucket + 1] as usize);
        while low < high {
            let middle = (low + high).div_ceil(2);
            if self.nodes[middle].station_m <= station_m {
                low = middle;
            } else {
                high = middle - 1;
            }
        }
        low
    }

    /// The path on one segment, `u` from 0 to 1.
    fn point_on(&self, segment: usize, u: f64) -> PathPoint {
        let (a, b) = (&self.nodes[segment], &self.nodes[segment + 1]);
        let step = b.station_m - a.station_m;
        let curve = Cubic::between(a, b);
        let [x_m, y_m] = curve.position(u);
        let [dx, dy] = curve.derivative(u);
        PathPoint {
            station_m: a.station_m + u * step,
            x_m,
            y_m,
            z_m: hermite(a.z_m, b.z_m, a.grade * step, b.grade * step, u),
            heading_rad: wrap_angle(libm::atan2(dy, dx)),
            curvature_1pm: a.curvature_1pm + u * (b.curvature_1pm - a.curvature_1pm),
        }
    }
}

impl Node {
    fn new(point: &PathPoint) -> Self {
        let (sin, cos) = libm::sincos(point.heading_rad);
        Self {
            station_m: point.station_m,
            x_m: point.x_m,
            y_m: point.y_m,
            z_m: point.z_m,
            tangent: [cos, sin],
            grade: 0.0,
            curvature_1pm: point.curvature_1pm,
        }
    }
}

/// One segment as polynomials in u, 0 to 1, relative to its start (so that UTM coordinates of 4e6 m cost no digits).
struct Cubic {
    origin: [f64; 2],
    /// Coefficients of u, u², u³ for x and y.
    coefficients: [[f64; 3]; 2],
}

impl Cubic {
    fn between(a: &Node, b: &Node) -> Self {
        let step = b.station_m - a.station_m;
        let chord = [b.x_m - a.x_m, b.y_m - a.y_m];
        Self {
            origin: [a.x_m, a.y_m],
            coefficients: std::array::from_fn(|i| {
                let (start, end) = (a.tangent[i] * step, b.tangent[i] * step);
                [start, 3.0 * chord[i] - 2.0 * start - end, start + end - 2.0 * chord[i]]
            }),
        }
    }

    /// Relative to the start of the segment.
    fn offset(&self, u: f64) -> [f64; 2] {
        self.coefficients.map(|[first, second, third]| u * (first + u * (second + u * third)))
    }

    fn position(&self, u: f64) -> [f64; 2] {
        let [x, y] = self.offset(u);
        [self.origin[0] + x, self.origin[1] + y]
    }

    /// By u.
    fn derivative(&self, u: f64) -> [f64; 2] {
        self.coefficients.map(|[first, second, third]| first + u * (2.0 * second + u * 3.0 * third))
    }

    /// Second, by u.
    fn second_derivative(&self, u: f64) -> [f64; 2] {
        self.coefficients.map(|[_, second, third]| 2.0 * second + u * 6.0 * third)
    }
}

/// The cubic from `a` to `b` with the slopes `da`, `db` (by u).
fn hermite(a: f64, b: f64, da: f64, db: f64, u: f64) -> f64 {
    let rise = b - a;
    a + u * (da + u * (3.0 * rise - 2.0 * da - db + u * (da + db - 2.0 * rise)))
}

fn check_fields(points: &[PathPoint]) -> Result<(), PathError> {
    for (index, p) in points.iter().enumerate() {
        for (field, got) in [
            ("station_m", p.station_m),
            ("x_m", p.x_m),
            ("y_m", p.y_m),
            ("z_m", p.z_m),
            ("heading_rad", p.heading_rad),
            ("curvature_1pm", p.curvature_1pm),
        ] {
            if !got.is_finite() {
                return Err(PathError::NotFinite { index, field, got });
            }
        }
    }
    Ok(())
}

/// Checks every segment, and returns the largest speed of the curve by station (at least 1).
fn check_segments(points: &[PathPoint], nodes: &[Node]) -> Result<f64, PathError> {
    let (mut stretch, mut total_arc_m) = (1.0f64, 0.0);
    for (index, pair) in nodes.windows(2).enumerate() {
        let (a, b) = (&pair[0], &pair[1]);
        let next = (index + 1) % points.len();
        let station_step_m = b.station_m - a.station_m;
        if station_step_m <= 0.0 {
            return Err(PathError::StationNotIncreasing {
                index: index + 1,
                got_m: b.station_m,
                previous_m: a.station_m,
            });
        }
        let chord_m = libm::hypot(b.x_m - a.x_m, b.y_m - a.y_m);
        if chord_m < SAME_PLACE_M {
            return Err(PathError::DuplicatePoint { index, next, x_m: a.x_m, y_m: a.y_m });
        }
        let (arc_m, off_start, off_end) = arc_length(a, b);
        for (index, off_rad) in [(index, off_start), (next, off_end)] {
            if off_rad.abs() > HEADING_LIMIT_RAD {
                return Err(PathError::HeadingOffCourse {
                    index,
                    heading_rad: points[index].heading_rad,
                    off_rad,
                    limit_rad: HEADING_LIMIT_RAD,
                });
            }
        }
        if (station_step_m - arc_m).abs() > 0.05 * arc_m + 0.02 {
            return Err(PathError::StationNotArcLength { index, next, station_step_m, arc_m });
        }
        total_arc_m += arc_m;
        let [dx, dy] = Cubic::between(a, b).derivative(0.5);
        stretch = stretch.max(chord_m.max(libm::hypot(dx, dy)) / station_step_m);
    }
    let total_m = nodes[nodes.len() - 1].station_m;
    if (total_m - total_arc_m).abs() > 0.02 * total_arc_m + 0.002 {
        return Err(PathError::StationNotArcLength {
            index: 0,
            next: points.len() - 1,
            station_step_m: total_m,
            arc_m: total_arc_m,
        });
    }
    Ok(1.001 * stretch)
}

/// Length of the curve from `a` to `b` by chord and headings, metres, and the headings' angles off the chord, radians.
///
/// With angles α, β off the chord, a cubic's length is chord · (1 + (2α² + 2β² - αβ)/30) to fourth order.
fn arc_length(a: &Node, b: &Node) -> (f64, f64, f64) {
    let (dx, dy) = (b.x_m - a.x_m, b.y_m - a.y_m);
    let chord_m = libm::hypot(dx, dy);
    let off = |[cos, sin]: [f64; 2]| libm::atan2(dx * sin - dy * cos, dx * cos + dy * sin);
    let (start, end) = (off(a.tangent), off(b.tangent));
    let bow = (2.0 * start * start + 2.0 * end * end - start * end) / 30.0;
    (chord_m * (1.0 + bow), start, end)
}

/// Grade at each node: the slope there of the parabola through it and its neighbours.
fn set_grades(nodes: &mut [Node], closed: bool) {
    let count = nodes.len();
    let secant = |i: usize| {
        let step = nodes[i + 1].station_m - nodes[i].station_m;
        ((nodes[i + 1].z_m - nodes[i].z_m) / step, step)
    };
    let parabola = |before: usize, after: usize| {
        let ((slope_before, step_before), (slope_after, step_after)) = (secant(before), secant(after));
        (slope_before * step_after + slope_after * step_before) / (step_before + step_after)
    };
    let mut grades: Vec<f64> = (1..count - 1).map(|i| parabola(i - 1, i)).collect();
    let (first, last) = if closed {
        let seam = parabola(count - 2, 0);
        (seam, seam)
    } else if count == 2 {
        (secant(0).0, secant(0).0)
    } else {
        // The end of the same parabola: 2 × the secant minus the slope at its other end.
        (2.0 * secant(0).0 - grades[0], 2.0 * secant(count - 2).0 - grades[count - 3])
    };
    grades.insert(0, first);
    grades.push(last);
    for (node, grade) in nodes.iter_mut().zip(grades) {
        node.grade = grade;
    }
}

/// The table behind [`Path::segment_at`]: about one bucket per segment, and one more that closes the last.
fn index_by_station(nodes: &[Node]) -> (Vec<u32>, f64) {
    let segments = nodes.len() - 1;
    let bucket_m = nodes[segments].station_m / segments as f64;
    let mut segment = 0;
    let buckets = (0..=segments)
        .map(|k| {
            let station_m = k as f64 * bucket_m;
            while segment + 1 < segments && nodes[segment + 1].station_m <= station_m {
                segment += 1;
            }
            segment as u32
        })
        .collect();
    (buckets, bucket_m)
}
