//! Speed along a path.

use thiserror::Error;

/// Speed by station, with constant acceleration between knots: v² is linear in station.
///
/// Outside the knots the speed of the nearest knot holds. No stretch has zero speed, so every station
/// between the knots is reached in finite time.
///
/// ```
/// use skidpad_score::SpeedProfile;
/// let profile = SpeedProfile::new(&[[0.0, 0.0], [10.0, 5.0], [30.0, 5.0]]).unwrap();
/// assert_eq!(profile.acceleration_mps2(4.0), 1.25); // 5² / (2 · 10)
/// assert_eq!(profile.time_at_s(10.0), 4.0);
/// assert_eq!(profile.station_at_m(2.0), 2.5); // ½ · 1.25 · 2²
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct SpeedProfile {
    knots: Vec<Knot>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Knot {
    station_m: f64,
    speed_mps: f64,
    /// Time since the first knot.
    time_s: f64,
}

/// Why knots make no speed profile. `index` counts knots from 0, the messages count from 1.
#[derive(Clone, Copy, Debug, PartialEq, Error)]
#[allow(missing_docs)] // the messages say it
pub enum ProfileError {
    #[error("a speed profile needs at least two [station, speed] pairs, got {count}")]
    TooFew { count: usize },
    #[error("pair {} is [{station_m}, {speed_mps}]; station and speed must be finite numbers", index + 1)]
    NotFinite { index: usize, station_m: f64, speed_mps: f64 },
    #[error("pair {} has station {station_m} m, not beyond the {previous_m} m of the pair before", index + 1)]
    NotIncreasing { index: usize, station_m: f64, previous_m: f64 },
    #[error("pair {} has speed {speed_mps} m/s; speeds must not be negative", index + 1)]
    Negative { index: usize, speed_mps: f64 },
    #[error(
        "the speed is zero all the way from pair {index} to pair {}: the car would never arrive; \
         give one of them a speed above zero",
        index + 1
    )]
    ZeroStretch { index: usize },
}

impl ProfileError {
    /// The knot the error is about; `None` if it is about all of them.
    pub fn index(&self) -> Option<usize> {
        match *self {
            ProfileError::TooFew { .. } => None,
            ProfileError::NotFinite { index, .. }
            | ProfileError::NotIncreasing { index, .. }
            | ProfileError::Negative { index, .. }
            | ProfileError::ZeroStretch { index } => Some(index),
        }
    }
}

impl SpeedProfile {
    /// A profile through `[station_m, speed_mps]` knots, stations strictly increasing.
    ///
    /// # Errors
    /// [`ProfileError`]: fewer than two knots, a value that is not finite, stations that do not
    /// increase, a negative speed, or zero speed at two knots in a row.
    pub fn new(knots: &[[f64; 2]]) -> Result<Self, ProfileError> {
        if knots.len() < 2 {
            return Err(ProfileError::TooFew { count: knots.len() });
        }
        let mut built: Vec<Knot> = Vec::with_capacity(knots.len());
        for (index, &[station_m, speed_mps]) in knots.iter().enumerate() {
            if !(station_m.is_finite() && speed_mps.is_finite()) {
                return Err(ProfileError::NotFinite { index, station_m, speed_mps });
            }
            if speed_mps < 0.0 {
                return Err(ProfileError::Negative { index, speed_mps });
            }
            let time_s = match built.last() {
                None => 0.0,
                Some(previous) => {
                    let length_m = station_m - previous.station_m;
                    if length_m <= 0.0 {
                        let previous_m = previous.station_m;
                        return Err(ProfileError::NotIncreasing { index, station_m, previous_m });
                    }
                    if speed_mps == 0.0 && previous.speed_mps == 0.0 {
                        return Err(ProfileError::ZeroStretch { index });
                    }
                    previous.time_s + 2.0 * length_m / (previous.speed_mps + speed_mps)
                }
            };
            built.push(Knot { station_m, speed_mps, time_s });
        }
        Ok(SpeedProfile { knots: built })
    }

    /// Station of the first knot, m.
    pub fn start_station_m(&self) -> f64 {
        self.first().station_m
    }

    /// Station of the last knot, m.
    pub fn end_station_m(&self) -> f64 {
        self.last().station_m
    }

    /// Speed at a station, m/s.
    pub fn speed_mps(&self, station_m: f64) -> f64 {
        match self.segment_by_station(station_m) {
            Segment::Before => self.first().speed_mps,
            Segment::After => self.last().speed_mps,
            Segment::Between(a, b) => {
                let v2 = a.speed_mps * a.speed_mps + 2.0 * acceleration(a, b) * (station_m - a.station_m);
                v2.max(0.0).sqrt()
            }
        }
    }

    /// Acceleration along the path at a station, m/s²; zero outside the knots.
    pub fn acceleration_mps2(&self, station_m: f64) -> f64 {
        match self.segment_by_station(station_m) {
            Segment::Between(a, b) => acceleration(a, b),
            _ => 0.0,
        }
    }

    /// Time from the first knot to a station, s. Stations outside the knots take the time of the end
    /// speed; infinite (with the sign of the side) where that speed is zero.
    pub fn time_at_s(&self, station_m: f64) -> f64 {
        match self.segment_by_station(station_m) {
            Segment::Before => time_of(station_m - self.first().station_m, self.first().speed_mps),
            Segment::After => {
                let end = self.last();
                end.time_s + time_of(station_m - end.station_m, end.speed_mps)
            }
            Segment::Between(a, _) => {
                let covered_m = station_m - a.station_m;
                a.time_s + time_of(2.0 * covered_m, a.speed_mps + self.speed_mps(station_m))
            }
        }
    }

    /// The station reached `time_s` after the first knot, m. Before and after the knots the motion goes
    /// on at the end speeds.
    pub fn station_at_m(&self, time_s: f64) -> f64 {
        let next = self.knots.partition_point(|k| k.time_s <= time_s);
        if next == 0 {
            return self.first().station_m + self.first().speed_mps * time_s;
        }
        if next == self.knots.len() {
            let end = self.last();
            return end.station_m + end.speed_mps * (time_s - end.time_s);
        }
        let (a, b) = (&self.knots[next - 1], &self.knots[next]);
        let t = time_s - a.time_s;
        (a.station_m + (a.speed_mps + 0.5 * acceleration(a, b) * t) * t).min(b.station_m)
    }

    fn first(&self) -> &Knot {
        &self.knots[0]
    }

    fn last(&self) -> &Knot {
        &self.knots[self.knots.len() - 1]
    }

    fn segment_by_station(&self, station_m: f64) -> Segment<'_> {
        let next = self.knots.partition_point(|k| k.station_m <= station_m);
        if next == 0 {
            Segment::Before
        } else if next == self.knots.len() {
            Segment::After
        } else {
            Segment::Between(&self.knots[next - 1], &self.knots[next])
        }
    }
}

enum Segment<'a> {
    Before,
    Between(&'a Knot, &'a Knot),
    After,
}

fn acceleration(a: &Knot, b: &Knot) -> f64 {
    (b.speed_mps * b.speed_mps - a.speed_mps * a.speed_mps) / (2.0 * (b.station_m - a.station_m))
}

/// Zero distance takes no time, whatever the speed.
fn time_of(distance_m: f64, speed_mps: f64) -> f64 {
    if distance_m == 0.0 { 0.0 } else { distance_m / speed_mps }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn speed_follows_constant_acceleration_between_knots() {
        let p = SpeedProfile::new(&[[10.0, 2.0], [20.0, 6.0], [50.0, 0.0]]).unwrap();
        // v² = 4 + 2·1.6·5
        assert!((p.speed_mps(15.0) - 20f64.sqrt()).abs() < 1e-12);
        assert!((p.acceleration_mps2(15.0) - 1.6).abs() < 1e-12);
        assert!((p.acceleration_mps2(30.0) + 0.6).abs() < 1e-12);
        assert_eq!((p.speed_mps(0.0), p.speed_mps(99.0)), (2.0, 0.0));
        // 2·10/(2+6) s to the second knot, then 2·30/6 s to the stop
        assert!((p.time_at_s(20.0) - 2.5).abs() < 1e-12);
        assert!((p.time_at_s(50.0) - 12.5).abs() < 1e-12);
        assert_eq!(p.time_at_s(51.0), f64::INFINITY);
        assert!((p.time_at_s(8.0) + 1.0).abs() < 1e-12);
        assert_eq!(p.station_at_m(1e6), 50.0);
    }

    #[test]
    fn knots_that_make_no_profile_are_named() {
        let index = |knots: &[[f64; 2]]| SpeedProfile::new(knots).unwrap_err().index();
        assert_eq!(index(&[[0.0, 1.0]]), None);
        assert_eq!(index(&[[0.0, 1.0], [0.0, 2.0]]), Some(1));
        assert_eq!(index(&[[0.0, 1.0], [1.0, -2.0]]), Some(1));
        assert_eq!(index(&[[f64::NAN, 1.0], [1.0, 2.0]]), Some(0));
        assert_eq!(index(&[[0.0, 1.0], [1.0, 0.0], [2.0, 0.0]]), Some(2));
    }

    proptest! {
        #[test]
        fn station_at_time_inverts_time_at_station(
            steps in prop::collection::vec((0.1f64..50.0, 0.1f64..30.0), 2..8), at in 0.0f64..1.0,
        ) {
            let mut station = 0.0;
            let knots: Vec<_> = steps.iter().map(|(ds, v)| { station += ds; [station, *v] }).collect();
            let p = SpeedProfile::new(&knots).unwrap();
            let s = p.start_station_m() + at * (p.end_station_m() - p.start_station_m());
            prop_assert!((p.station_at_m(p.time_at_s(s)) - s).abs() < 1e-9);
        }
    }
}
