//! Where and how fast the car should drive.

use crate::SpeedProfile;
use skidpad_geo::{Path, PathPoint, wrap_angle};
use thiserror::Error;

/// A path with a speed at every station, and the stretch of it that is driven and scored.
///
/// Stations are *unrolled*: on a closed path they go on growing lap after lap.
#[derive(Clone, Debug)]
pub struct Reference {
    path: Path,
    profile: SpeedProfile,
    start_station_m: f64,
    end_station_m: f64,
}

/// Why a path and a stretch make no reference.
#[derive(Clone, Copy, Debug, PartialEq, Error)]
#[allow(missing_docs)] // the messages say it
pub enum ReferenceError {
    #[error("the reference runs from station {start_m} m to {end_m} m; the end must lie beyond the start")]
    Empty { start_m: f64, end_m: f64 },
    #[error("station {station_m} m is not on the path, which runs from {first_m} m to {last_m} m")]
    OffPath { station_m: f64, first_m: f64, last_m: f64 },
    #[error("station {station_m} m of a closed path: stations count from 0")]
    Negative { station_m: f64 },
}

/// Where a point lies relative to the reference.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Located {
    /// Unrolled; beyond the ends of an open path it goes on along the end tangent.
    pub station_m: f64,
    /// Distance from the path, positive left.
    pub lateral_m: f64,
    /// The nearest point of the path.
    pub point: PathPoint,
}

impl Reference {
    /// A reference along `path` from `start_station_m` to `end_station_m` (both unrolled) at the speeds
    /// of `profile`.
    ///
    /// # Errors
    /// [`ReferenceError`] if the end is not beyond the start, or the stretch leaves the path (by more
    /// than 1 mm, for stations that were written down rounded).
    pub fn new(
        path: Path,
        profile: SpeedProfile,
        start_station_m: f64,
        end_station_m: f64,
    ) -> Result<Self, ReferenceError> {
        if end_station_m <= start_station_m || !(end_station_m - start_station_m).is_finite() {
            return Err(ReferenceError::Empty { start_m: start_station_m, end_m: end_station_m });
        }
        if path.is_closed() {
            if start_station_m < 0.0 {
                return Err(ReferenceError::Negative { station_m: start_station_m });
            }
        } else {
            const ROUNDING_M: f64 = 1e-3;
            let (first_m, last_m) = (0.0, path.length_m());
            for station_m in [start_station_m, end_station_m] {
                if station_m < first_m - ROUNDING_M || station_m > last_m + ROUNDING_M {
                    return Err(ReferenceError::OffPath { station_m, first_m, last_m });
                }
            }
        }
        Ok(Reference { path, profile, start_station_m, end_station_m })
    }

    /// The path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The speeds.
    pub fn profile(&self) -> &SpeedProfile {
        &self.profile
    }

    /// Where the reference begins, m.
    pub fn start_station_m(&self) -> f64 {
        self.start_station_m
    }

    /// Where the reference ends, m; on a closed path it may lie laps beyond the start.
    pub fn end_station_m(&self) -> f64 {
        self.end_station_m
    }

    /// The path at an unrolled station.
    pub fn point(&self, station_m: f64) -> PathPoint {
        self.path.at(station_m)
    }

    /// `actual − reference` for stations of which either may have been wrapped onto one lap.
    pub(crate) fn station_difference(&self, actual_m: f64, reference_m: f64) -> f64 {
        let difference = actual_m - reference_m;
        if !self.path.is_closed() {
            return difference;
        }
        let lap = self.path.length_m();
        difference - lap * (difference / lap).round()
    }

    /// The nearest point to (x, y) in the neighbourhood of the unrolled station `near_m`.
    pub(crate) fn locate(&self, x_m: f64, y_m: f64, near_m: f64) -> Located {
        let projection = self.path.project(x_m, y_m, Some(near_m));
        let station_m = if self.path.is_closed() {
            near_m + self.station_difference(projection.station_m, near_m)
        } else {
            projection.station_m + projection.beyond_m
        };
        Located { station_m, lateral_m: projection.lateral_m, point: projection.point }
    }
}

/// `actual − reference` of two headings, in (−π, π].
pub(crate) fn heading_difference(actual_rad: f64, reference_rad: f64) -> f64 {
    wrap_angle(actual_rad - reference_rad)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use std::f64::consts::PI;

    /// The straight y = 0 from x = 0 to `length_m`.
    pub fn straight(length_m: f64) -> Path {
        let point = |x_m: f64| PathPoint {
            station_m: x_m,
            x_m,
            y_m: 0.0,
            z_m: 0.0,
            heading_rad: 0.0,
            curvature_1pm: 0.0,
        };
        let count = (length_m / 1.0).ceil() as usize;
        Path::new((0..=count).map(|i| point(length_m * i as f64 / count as f64)).collect(), false).unwrap()
    }

    /// A left circle about the origin that starts at (radius, 0).
    pub fn circle(radius_m: f64) -> Path {
        let n = 360;
        let points = (0..n)
            .map(|i| {
                let angle = 2.0 * PI * i as f64 / n as f64;
                PathPoint {
                    station_m: radius_m * angle,
                    x_m: radius_m * libm::cos(angle),
                    y_m: radius_m * libm::sin(angle),
                    z_m: 0.0,
                    heading_rad: wrap_angle(angle + PI / 2.0),
                    curvature_1pm: 1.0 / radius_m,
                }
            })
            .collect();
        Path::new(points, true).unwrap()
    }

    fn cruise(length_m: f64) -> SpeedProfile {
        SpeedProfile::new(&[[0.0, 5.0], [length_m, 5.0]]).unwrap()
    }

    #[test]
    fn stations_grow_lap_after_lap_on_a_closed_path() {
        let lap = 2.0 * PI * 20.0;
        let reference = Reference::new(circle(20.0), cruise(3.0 * lap), 0.0, 3.0 * lap).unwrap();
        let mut near = 0.0;
        for i in 0..=1000 {
            let station = 2.5 * lap * f64::from(i) / 1000.0;
            let angle = station / 20.0;
            let located = reference.locate(21.0 * libm::cos(angle), 21.0 * libm::sin(angle), near);
            assert!((located.station_m - station).abs() < 1e-2, "{} at {station}", located.station_m);
            assert!((located.lateral_m + 1.0).abs() < 1e-3, "outside a left circle is right of the path");
            near = located.station_m;
        }
    }

    #[test]
    fn stations_go_on_along_the_tangent_beyond_an_open_end() {
        let reference = Reference::new(straight(10.0), cruise(10.0), 0.0, 10.0).unwrap();
        let past = reference.locate(12.5, 0.3, 10.0);
        assert!((past.station_m - 12.5).abs() < 1e-9 && (past.lateral_m - 0.3).abs() < 1e-9);
        let before = reference.locate(-1.0, -0.2, 0.0);
        assert!((before.station_m + 1.0).abs() < 1e-9 && (before.lateral_m + 0.2).abs() < 1e-9);
    }

    #[test]
    fn a_stretch_that_leaves_the_path_is_refused() {
        let refuse = |start, end| Reference::new(straight(10.0), cruise(10.0), start, end).unwrap_err();
        assert!(matches!(refuse(5.0, 5.0), ReferenceError::Empty { .. }));
        assert!(matches!(refuse(0.0, 10.1), ReferenceError::OffPath { .. }));
        assert!(matches!(refuse(0.0, f64::NAN), ReferenceError::Empty { .. }));
    }
}
