//! From what a scenario says to follow, to what the car follows.

use skidpad_geo::{Geodetic, MapFrame, Path, UtmZone};
use skidpad_score::{Reference, SpeedProfile};
use skidpad_stack::planning::Recording;

/// Rows of a recording nearer than this to the one before give no new speed, m.
const KNOT_SPACING_M: f64 = 0.1;

/// A speed of zero between knots would never end; a recorded car that drifts while its speed reads zero
/// is taken to crawl, m/s.
const CRAWL_MPS: f64 = 0.05;

/// Where a recording starts: the natural anchor of a map made for it. Heights in the recording are above
/// the ellipsoid, as Apollo's localization gives them; 0 if it has none.
///
/// # Errors
/// The first row is no place in the zone.
pub fn recording_anchor(recording: &Recording, zone: UtmZone) -> Result<Geodetic, String> {
    let first = &recording.rows()[0];
    let (lat_deg, lon_deg) = zone.checked_inverse(first.x_m, first.y_m).map_err(|error| {
        format!("the first row is no place in UTM zone {}: {error}; is `utm_zone` right?", zone.number())
    })?;
    Ok(Geodetic { lat_deg, lon_deg, height_m: first.z_m })
}

/// The reference that a recorded drive describes, in the world frame: the path through its positions by
/// geometry, and its speeds by station. Recorded headings, curvatures and distances are not used: they
/// come from other sensors than the positions and drift from them.
///
/// # Errors
/// A row that is no place in the zone or lies more than 100 km away, a row driven backward, a path that
/// turns back on itself or has no length.
pub fn recording_reference(recording: &Recording, frame: &MapFrame) -> Result<Reference, String> {
    let mut positions = Vec::with_capacity(recording.rows().len());
    for (index, row) in recording.rows().iter().enumerate() {
        let number = index + 1;
        if row.speed_mps < -0.1 {
            let speed = row.speed_mps;
            return Err(format!(
                "row {number} drives backward at {speed} m/s: only forward drives can be followed"
            ));
        }
        frame.utm.checked_inverse(row.x_m, row.y_m).map_err(|error| {
            format!("row {number} is no place in UTM zone {}: {error}", frame.utm.number())
        })?;
        let position = frame.utm_to_enu(row.x_m, row.y_m, row.z_m);
        if !(position[0].abs() < 1e5 && position[1].abs() < 1e5) {
            let anchor = frame.enu.anchor();
            return Err(format!(
                "row {number} lies more than 100 km from the map's anchor ({:.5}°, {:.5}°): wrong map or zone?",
                anchor.lat_deg, anchor.lon_deg
            ));
        }
        positions.push(position);
    }
    let path =
        Path::from_xyz(&positions, false).map_err(|error| format!("the drive makes no path: {error}"))?;

    let end_m = path.length_m();
    let rows = recording.rows();
    let mut knots: Vec<[f64; 2]> = vec![[0.0, rows[0].speed_mps.max(0.0)]];
    let mut last_m = 0.0;
    for (row, position) in rows.iter().zip(&positions) {
        let station_m = path.project(position[0], position[1], Some(last_m)).station_m;
        if station_m >= last_m + KNOT_SPACING_M && station_m <= end_m - KNOT_SPACING_M {
            knots.push([station_m, row.speed_mps.max(CRAWL_MPS)]);
            last_m = station_m;
        }
    }
    let mut end_speed_mps = rows[rows.len() - 1].speed_mps.max(0.0);
    if knots.len() == 1 && knots[0][1] == 0.0 {
        end_speed_mps = end_speed_mps.max(CRAWL_MPS);
    }
    knots.push([end_m, end_speed_mps]);
    let profile =
        SpeedProfile::new(&knots).map_err(|error| format!("the drive makes no speed profile: {error}"))?;
    Reference::new(path, profile, 0.0, end_m).map_err(|error| error.to_string())
}
