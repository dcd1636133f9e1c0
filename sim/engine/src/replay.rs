//! The recording that planning replays when a scenario names a map path and speeds: a perfect drive along
//! the reference in an RTK recorder's rows. Its headings are those on the grid, as a planner has them that
//! works on a map; a recorder would write the receiver's, which count from true north.

use crate::SetupError;
use skidpad_geo::{MapFrame, wrap_angle};
use skidpad_scenario::LoadedScenario;
use skidpad_score::{Reference, SpeedProfile};
use skidpad_stack::planning::{Recording, Row};

/// Time between two rows, s: the recorder's.
const ROW_S: f64 = 0.01;
/// How long the recording goes on standing at the end of a drive that stops, s: the stack must see a
/// standing reference to hold the car.
const STANDING_S: f64 = 3.0;
/// How long it goes on driving at the end of a drive that does not stop, where the path allows, s.
const OVERRUN_S: f64 = 5.0;
/// Longest drive, s.
const LONGEST_S: f64 = 3600.0;
/// Below this speed a reference has come to its stop, m/s.
const STOPPED_MPS: f64 = 1e-6;

/// The drive that planning replays in `scenario`: its recording, or a perfect drive along its path at 100 Hz, on the
/// UTM grid; `None` for a scenario without a reference. Written out, it is what a planner of RTK recordings outside needs.
///
/// # Errors
/// A path that would take more than an hour, or is too short to be a recording.
pub fn recording_of(scenario: &LoadedScenario) -> Result<Option<Recording>, SetupError> {
    if let Some(recording) = &scenario.recording {
        return Ok(Some(recording.as_ref().clone()));
    }
    let sampled = scenario.reference.as_ref().map(|reference| sample(reference, &scenario.frame)).transpose();
    sampled.map_err(|problem| SetupError {
        file: scenario.file.display().to_string(),
        message: format!("[reference]: {problem}"),
    })
}

/// Samples `reference` at 100 Hz on the grid of `frame`; headings are those on the grid.
///
/// # Errors
/// A drive of more than an hour, or one too short to be a recording.
fn sample(reference: &Reference, frame: &MapFrame) -> Result<Recording, String> {
    let profile = reference.profile();
    let (start_m, end_m) = (reference.start_station_m(), reference.end_station_m());
    let stops = profile.speed_mps(end_m) < STOPPED_MPS;
    let path_end_m = if reference.path().is_closed() { f64::INFINITY } else { reference.path().length_m() };
    let begin_s = profile.time_at_s(start_m).max(0.0);
    let arrival_s = arrival_time_s(profile, end_m, stops);
    if !arrival_s.is_finite() || arrival_s - begin_s > LONGEST_S {
        return Err(format!("the drive would take {arrival_s:.0} s, expected at most {LONGEST_S} s"));
    }
    let until_s = arrival_s + if stops { STANDING_S } else { OVERRUN_S };
    let mut rows: Vec<Row> = Vec::with_capacity(((until_s - begin_s) / ROW_S) as usize + 1);
    for k in 0.. {
        let time_s = begin_s + k as f64 * ROW_S;
        let standing = stops && time_s >= arrival_s;
        let station_m = if standing { end_m } else { profile.station_at_m(time_s).max(start_m) };
        if time_s > until_s || station_m > path_end_m {
            break;
        }
        let point = reference.point(station_m);
        let at = [point.x_m, point.y_m, point.z_m];
        let grid = frame.enu_to_utm(at);
        let curvature_1pm = point.curvature_1pm / grid.scale;
        let change = rows.last().map_or(0.0, |last: &Row| {
            let ahead_m = station_m - start_m - last.s_m;
            if ahead_m > 1e-6 { (curvature_1pm - last.curvature_1pm) / ahead_m } else { 0.0 }
        });
        rows.push(Row {
            x_m: grid.easting_m,
            y_m: grid.northing_m,
            z_m: grid.height_m,
            speed_mps: if standing { 0.0 } else { profile.speed_mps(station_m) },
            acceleration_mps2: if standing { 0.0 } else { profile.acceleration_mps2(station_m) },
            curvature_1pm,
            curvature_change_rate_1pm2: change,
            time_s,
            theta_rad: wrap_angle(point.heading_rad + frame.world_to_grid_heading_rad(at)),
            gear: 1,
            s_m: station_m - start_m,
            ..Row::default()
        });
    }
    Recording::from_rows(rows).map_err(|error| error.to_string())
}

fn arrival_time_s(profile: &SpeedProfile, end_m: f64, stops: bool) -> f64 {
    // At rest the time of a station is known from before it only.
    profile.time_at_s(if stops { end_m - 1e-9 } else { end_m })
}
