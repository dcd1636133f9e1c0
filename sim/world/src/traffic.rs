//! Other vehicles: they stand, or follow a path by a timetable, until something strikes them.

use std::sync::Arc;

use skidpad_geo::Path;

/// A vehicle that is not the car: a box with mass on a [`Course`].
#[derive(Clone, Debug)]
pub struct OtherVehicle {
    /// Name, as collisions report it.
    pub name: String,
    /// Length, width, height of the box, m; it stands on the ground.
    pub size_m: [f64; 3],
    /// Mass, kg, evenly spread: the yaw inertia is that of the box.
    pub mass_kg: f64,
    /// Where it is when.
    pub course: Course,
}

/// Where a vehicle is when: exact, a function of time alone.
#[derive(Clone, Debug)]
pub enum Course {
    /// It stands: east and north of its middle, m, and its heading, rad from east.
    Standing {
        /// East, m.
        x_m: f64,
        /// North, m.
        y_m: f64,
        /// Heading from east, counter-clockwise, rad.
        heading_rad: f64,
    },
    /// Its middle follows a path.
    Following {
        /// The path.
        path: Arc<Path>,
        /// Station at time 0, m.
        station_m: f64,
        /// How far left of the path, m.
        lateral_m: f64,
        /// How far it is turned left against the path, rad: π for one that faces the other way.
        turned_rad: f64,
        /// How fast when.
        pace: Pace,
    },
}

/// Speed over time along a path: linear between knots, the first and last speed hold before and after them.
#[derive(Clone, Debug, PartialEq)]
pub struct Pace {
    /// Time, s, speed, m/s, and way since time 0, m.
    knots: Vec<[f64; 3]>,
}

impl Pace {
    /// From knots `[time_s, speed_mps]`, times increasing from 0 or later; speeds below 0 go back along the path.
    /// `None` if there are none, if times do not increase, or if a number is not finite.
    pub fn new(knots: &[[f64; 2]]) -> Option<Pace> {
        let [first_s, first_mps] = *knots.first()?;
        let finite = knots.iter().flatten().all(|value| value.is_finite());
        if !finite || first_s < 0.0 || knots.windows(2).any(|pair| pair[1][0] <= pair[0][0]) {
            return None;
        }
        let mut way_m = first_s * first_mps;
        let mut last = [first_s, first_mps];
        let knots = knots
            .iter()
            .map(|&[time_s, speed_mps]| {
                way_m += 0.5 * (last[1] + speed_mps) * (time_s - last[0]);
                last = [time_s, speed_mps];
                [time_s, speed_mps, way_m]
            })
            .collect();
        Some(Pace { knots })
    }

    /// Always the same speed, m/s.
    pub fn constant(speed_mps: f64) -> Pace {
        Pace { knots: vec![[0.0, speed_mps, 0.0]] }
    }

    /// Way since time 0, m, and speed, m/s, at a time, s.
    pub fn at(&self, time_s: f64) -> (f64, f64) {
        let after = self.knots.partition_point(|knot| knot[0] <= time_s);
        let [at_s, speed_mps, way_m] = self.knots[after.saturating_sub(1)];
        let run_s = time_s - at_s;
        let rate_mps2 = match self.knots.get(after).filter(|_| after > 0) {
            Some(next) => (next[1] - speed_mps) / (next[0] - at_s),
            None => 0.0,
        };
        (way_m + run_s * (speed_mps + 0.5 * rate_mps2 * run_s), speed_mps + rate_mps2 * run_s)
    }

    /// Least and largest way since time 0 up to a time, m.
    pub fn range_m(&self, until_s: f64) -> [f64; 2] {
        // The way turns where the speed is zero, which may lie between two knots.
        let turns = self.knots.windows(2).filter(|pair| pair[0][1] * pair[1][1] < 0.0).map(|pair| {
            let [[from_s, from_mps, _], [to_s, to_mps, _]] = [pair[0], pair[1]];
            from_s + (to_s - from_s) * from_mps / (from_mps - to_mps)
        });
        let times = self.knots.iter().map(|knot| knot[0]).chain(turns).filter(|time_s| *time_s < until_s);
        times
            .chain([0.0, until_s])
            .map(|time_s| self.at(time_s).0)
            .fold([f64::MAX, f64::MIN], |range, way_m| [range[0].min(way_m), range[1].max(way_m)])
    }
}

/// A body in the plane: its middle, and how it moves. World frame.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Planar {
    pub x_m: f64,
    pub y_m: f64,
    pub heading_rad: f64,
    pub velocity_mps: [f64; 2],
    pub yaw_rate_rps: f64,
}

impl Course {
    pub(crate) fn at(&self, time_s: f64) -> Planar {
        match self {
            Course::Standing { x_m, y_m, heading_rad } => {
                Planar { x_m: *x_m, y_m: *y_m, heading_rad: *heading_rad, ..Planar::default() }
            }
            Course::Following { path, station_m, lateral_m, turned_rad, pace } => {
                let (way_m, speed_mps) = pace.at(time_s);
                let mut along_m = station_m + way_m;
                if path.is_closed() {
                    along_m = along_m.rem_euclid(path.length_m());
                }
                let point = path.at(along_m);
                let (sin, cos) = libm::sincos(point.heading_rad);
                // Beside the path the way is longer or shorter.
                let beside_mps = speed_mps * (1.0 - point.curvature_1pm * lateral_m);
                Planar {
                    x_m: point.x_m - lateral_m * sin,
                    y_m: point.y_m + lateral_m * cos,
                    heading_rad: point.heading_rad + turned_rad,
                    velocity_mps: [beside_mps * cos, beside_mps * sin],
                    yaw_rate_rps: speed_mps * point.curvature_1pm,
                }
            }
        }
    }
}

/// Friction of a struck vehicle, whose wheels are locked or slide sideways, on a ground of friction 1.
const SLIDING_FRICTION: f64 = 0.7;
const GRAVITY_MPS2: f64 = 9.81;

impl Planar {
    /// Slides on for a step after a blow, until friction has taken all of it; `size_m` is its length and width.
    pub(crate) fn slide(&mut self, dt_s: f64, friction: f64, size_m: [f64; 2]) {
        self.x_m += self.velocity_mps[0] * dt_s;
        self.y_m += self.velocity_mps[1] * dt_s;
        self.heading_rad += self.yaw_rate_rps * dt_s;
        let brake_mps2 = SLIDING_FRICTION * friction * GRAVITY_MPS2;
        let speed_mps = libm::hypot(self.velocity_mps[0], self.velocity_mps[1]);
        let keep = if speed_mps > 0.0 { (1.0 - brake_mps2 * dt_s / speed_mps).max(0.0) } else { 0.0 };
        self.velocity_mps = self.velocity_mps.map(|v| v * keep);
        // The wheels stand about a third of the diagonal from the middle; the box's radius of inertia is shorter.
        let diagonal_m2 = size_m[0] * size_m[0] + size_m[1] * size_m[1];
        let turn_rps2 = brake_mps2 * diagonal_m2.sqrt() / 3.0 / (diagonal_m2 / 12.0);
        let less = (self.yaw_rate_rps.abs() - turn_rps2 * dt_s).max(0.0);
        self.yaw_rate_rps = less.copysign(self.yaw_rate_rps);
    }
}

/// Where another vehicle is. World frame ENU.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OtherPose {
    /// The middle of its foot, on the ground, m.
    pub foot_m: [f64; 3],
    /// Body (x forward, y left, z up) to world, unit quaternion `[w, x, y, z]`: it stands as the ground slopes.
    pub orientation: [f64; 4],
    /// Velocity, east and north, m/s.
    pub velocity_mps: [f64; 2],
    /// It was struck, and no longer follows its course.
    pub struck: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timetable_is_the_integral_of_its_speeds() {
        let pace = Pace::new(&[[1.0, 2.0], [3.0, 6.0], [5.0, 0.0]]).unwrap();
        let mut way_m = 0.0;
        for ms in 0..8000 {
            let t = f64::from(ms) * 1e-3;
            let (at_m, speed_mps) = pace.at(t);
            assert!((at_m - way_m).abs() < 1e-5, "{t}: {at_m} {way_m}");
            way_m += 0.5 * (speed_mps + pace.at(t + 1e-3).1) * 1e-3;
        }
        assert_eq!(pace.at(0.5), (1.0, 2.0));
        assert_eq!(pace.at(9.0), (16.0, 0.0));
        assert_eq!(pace.range_m(9.0), [0.0, 16.0]);
        assert_eq!(Pace::constant(-3.0).range_m(2.0), [-6.0, 0.0]);
        // Forward for a second, then back: the farthest point lies between the knots.
        let back = Pace::new(&[[0.0, 2.0], [2.0, -2.0]]).unwrap();
        assert_eq!(back.range_m(2.0), [0.0, 1.0]);
        for wrong in [&[][..], &[[1.0, 1.0], [1.0, 2.0]], &[[-1.0, 0.0]], &[[0.0, f64::NAN]]] {
            assert!(Pace::new(wrong).is_none());
        }
    }

    #[test]
    fn a_struck_vehicle_slides_as_far_as_friction_lets_it() {
        let mut body = Planar { velocity_mps: [10.0, 0.0], yaw_rate_rps: 2.0, ..Planar::default() };
        let mut ticks = 0;
        while body.velocity_mps[0] > 0.0 {
            body.slide(1e-3, 1.0, [4.5, 1.8]);
            ticks += 1;
        }
        let brake = SLIDING_FRICTION * GRAVITY_MPS2;
        assert!((body.x_m - 50.0 / brake).abs() < 0.01, "{body:?}");
        assert!((f64::from(ticks) * 1e-3 - 10.0 / brake).abs() < 2e-3);
        assert_eq!(body.yaw_rate_rps, 0.0);
    }
}
