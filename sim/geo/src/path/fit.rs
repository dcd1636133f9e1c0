//! A path from bare positions.

use super::{Node, Path, PathError, PathPoint, arc_length};
use crate::wrap_angle;

/// Recorded points nearer than this to the last one kept are left out: at walking pace, the direction between two
/// samples of a recording is mostly noise.
const SPACING_M: f64 = 0.05;
/// Direction and curvature at a point come from the points within this distance, and from at least two on each side.
const WINDOW_M: f64 = 0.75;

impl Path {
    /// A path through recorded positions [x, y, z], metres: stations, headings and curvatures by geometry.
    ///
    /// Positions closer than 5 cm to their predecessor are left out (the first and last stay), the others are kept as
    /// they are. Heading and curvature are those of a cubic fitted to the neighbourhood (±0.75 m, at least two points
    /// to each side), station the arc length of the resulting curve in the plane.
    ///
    /// # Errors
    /// Fewer than two different places, a number that is none, a path that turns back on itself.
    pub fn from_xyz(points: &[[f64; 3]], closed: bool) -> Result<Self, PathError> {
        let (places, given) = thin(points, closed)?;
        let count = places.len();
        if count < 2 {
            return Err(PathError::TooFewPoints { got: count });
        }
        let chord_stations = chord_stations(&places, closed)?;
        let mut path_points: Vec<PathPoint> = places
            .iter()
            .enumerate()
            .map(|(i, &[x_m, y_m, z_m])| {
                let (heading_rad, curvature_1pm) = direction(&places, &chord_stations, i, closed);
                PathPoint { station_m: 0.0, x_m, y_m, z_m, heading_rad, curvature_1pm }
            })
            .collect();
        let nodes: Vec<Node> = path_points.iter().map(Node::new).collect();
        for i in 1..count {
            path_points[i].station_m = path_points[i - 1].station_m + arc_length(&nodes[i - 1], &nodes[i]).0;
        }
        Self::new(path_points, closed).map_err(|error| renumber(error, &given))
    }
}

/// Drops points that repeat their predecessor; returns the others and their numbers in the recording.
fn thin(points: &[[f64; 3]], closed: bool) -> Result<(Vec<[f64; 3]>, Vec<usize>), PathError> {
    let mut kept: Vec<usize> = Vec::with_capacity(points.len());
    for (index, point) in points.iter().enumerate() {
        for (field, &got) in ["x_m", "y_m", "z_m"].into_iter().zip(point) {
            if !got.is_finite() {
                return Err(PathError::NotFinite { index, field, got });
            }
        }
        if kept.last().is_none_or(|&last| distance(&points[last], point) >= SPACING_M) {
            kept.push(index);
        }
    }
    let is_near = |a: usize, b: usize| distance(&points[a], &points[b]) < SPACING_M;
    if let [first, .., before, end] = kept[..] {
        if closed {
            if is_near(end, first) {
                kept.pop();
            }
        } else if !is_near(before, points.len() - 1) {
            // The end of the recording stays where it was.
            kept.pop();
            kept.push(points.len() - 1);
        }
    }
    Ok((kept.iter().map(|&index| points[index]).collect(), kept))
}

/// The same error with the numbers that the points had in the recording.
fn renumber(error: PathError, given: &[usize]) -> PathError {
    let as_given = |index: usize| given.get(index).copied().unwrap_or(index);
    match error {
        PathError::HeadingOffCourse { index, heading_rad, off_rad, limit_rad } => {
            PathError::HeadingOffCourse { index: as_given(index), heading_rad, off_rad, limit_rad }
        }
        other => other,
    }
}

fn distance(a: &[f64; 3], b: &[f64; 3]) -> f64 {
    libm::hypot(b[0] - a[0], b[1] - a[1])
}

/// Stations by the chords, with that of the closure at the end of a closed path; refuses a reversal.
fn chord_stations(places: &[[f64; 3]], closed: bool) -> Result<Vec<f64>, PathError> {
    let count = places.len();
    let segments = if closed { count } else { count - 1 };
    let mut stations = vec![0.0];
    for i in 0..segments {
        let chord_m = distance(&places[i], &places[(i + 1) % count]);
        stations.push(stations[i] + chord_m);
    }
    for i in 0..segments {
        if !closed && i == 0 {
            continue;
        }
        let (before, here, after) = (&places[(i + count - 1) % count], &places[i], &places[(i + 1) % count]);
        let onward =
            (here[0] - before[0]) * (after[0] - here[0]) + (here[1] - before[1]) * (after[1] - here[1]);
        if onward < 0.0 {
            return Err(PathError::TurnsBack { x_m: here[0], y_m: here[1], station_m: stations[i] });
        }
    }
    Ok(stations)
}

/// Heading and curvature at point `i`, by least squares: x and y as polynomials of the station about it.
fn direction(places: &[[f64; 3]], stations: &[f64], i: usize, closed: bool) -> (f64, f64) {
    let count = places.len() as isize;
    let length = stations[stations.len() - 1];
    // A point `k` places on from i, and its station relative to i's; None beyond an open end.
    let neighbour = |k: isize| {
        let j = i as isize + k;
        if closed {
            let lap = j.div_euclid(count);
            let j = j.rem_euclid(count) as usize;
            Some((stations[j] + lap as f64 * length - stations[i], places[j]))
        } else {
            (0..count).contains(&j).then(|| (stations[j as usize] - stations[i], places[j as usize]))
        }
    };
    let extent = |sign: isize, window_m: f64, at_least: isize| {
        let mut k = 0;
        // Never round a closed path more than to the other side.
        let most = if closed { count / 2 } else { count };
        while k < most {
            match neighbour(sign * (k + 1)) {
                Some((s, _)) if k < at_least || s.abs() <= window_m => k += 1,
                _ => break,
            }
        }
        k
    };
    let (mut back, mut on) = (extent(-1, WINDOW_M, 2), extent(1, WINDOW_M, 2));
    if !closed {
        // At an end, reach inwards for what is missing outwards.
        let missing_back = (WINDOW_M - stations[i]).max(0.0);
        let missing_on = (WINDOW_M - (length - stations[i])).max(0.0);
        let (had_back, had_on) = (back, on);
        on = on.max(extent(1, WINDOW_M + missing_back, 4 - had_back));
        back = back.max(extent(-1, WINDOW_M + missing_on, 4 - had_on));
    }
    let used = (back + on + 1) as usize;
    // A cubic wants more points than it has coefficients; fewer points take a parabola or a line.
    let degree = match used {
        0..=2 => 1,
        3 | 4 => 2,
        _ => 3,
    };
    let scale = (-back..=on).filter_map(neighbour).fold(0.0f64, |widest, (s, _)| widest.max(s.abs()));
    let mut normal = [[0.0; 6]; 4];
    for (s, place) in (-back..=on).filter_map(neighbour) {
        let t = s / scale;
        let powers = [1.0, t, t * t, t * t * t];
        for row in 0..=degree {
            for column in 0..=degree {
                normal[row][column] += powers[row] * powers[column];
            }
            normal[row][4] += powers[row] * (place[0] - places[i][0]);
            normal[row][5] += powers[row] * (place[1] - places[i][1]);
        }
    }
    let solution = solve(normal, degree + 1);
    let velocity = solution[1].map(|v| v / scale);
    let acceleration = if degree >= 2 { solution[2].map(|a| 2.0 * a / (scale * scale)) } else { [0.0; 2] };
    let speed2 = velocity[0] * velocity[0] + velocity[1] * velocity[1];
    let turning = velocity[0] * acceleration[1] - velocity[1] * acceleration[0];
    (wrap_angle(libm::atan2(velocity[1], velocity[0])), turning / (speed2 * speed2.sqrt()))
}

/// Gaussian elimination with pivoting on the first `size` rows; columns 4 and 5 are the two right-hand sides.
fn solve(mut rows: [[f64; 6]; 4], size: usize) -> [[f64; 2]; 4] {
    for column in 0..size {
        let pivot = (column..size)
            .max_by(|&a, &b| rows[a][column].abs().total_cmp(&rows[b][column].abs()))
            .unwrap_or(column);
        rows.swap(column, pivot);
        let pivot_row = rows[column];
        for (index, row) in rows.iter_mut().enumerate().take(size) {
            if index != column {
                let factor = row[column] / pivot_row[column];
                for (value, above) in row.iter_mut().zip(pivot_row) {
                    *value -= factor * above;
                }
            }
        }
    }
    std::array::from_fn(
        |i| {
            if i < size { [rows[i][4] / rows[i][i], rows[i][5] / rows[i][i]] } else { [0.0; 2] }
        },
    )
}
