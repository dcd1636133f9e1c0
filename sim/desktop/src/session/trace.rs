//! Reading a `trace.csv` of the headless runner back, to lay it over a run.

use super::{Moment, Recording, WheelMoment};
use skidpad_engine::TraceSample;
use std::path::Path;

/// Largest trace that is read, bytes: an hour has some 250 MB.
const MAX_BYTES: u64 = 512 << 20;

/// A file that is no trace: where and why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}: {message}")]
pub struct ReadTraceError {
    /// The file.
    pub file: String,
    /// What was wrong, what was expected.
    pub message: String,
}

/// Reads a `trace.csv`. Columns are known by name; those that are missing are NaN. The pose is that of the rear axle.
///
/// # Errors
/// It cannot be read, has no column `time_s`, `x_m`, `y_m`, `z_m` or `heading_rad`, or a row with text in it.
pub fn read_trace(file: &Path) -> Result<Recording, ReadTraceError> {
    let fail = |message: String| ReadTraceError { file: file.display().to_string(), message };
    let size = std::fs::metadata(file).map_err(|error| fail(error.to_string()))?.len();
    if size > MAX_BYTES {
        return Err(fail(format!("{size} bytes; expected at most {MAX_BYTES}")));
    }
    let text = std::fs::read_to_string(file).map_err(|error| fail(error.to_string()))?;
    parse(&text).map_err(fail)
}

fn parse(text: &str) -> Result<Recording, String> {
    let mut lines = text.lines();
    let header: Vec<&str> = lines.next().unwrap_or("").split(',').map(str::trim).collect();
    let place = |name: &str| header.iter().position(|column| *column == name);
    for name in ["time_s", "x_m", "y_m", "z_m", "heading_rad"] {
        if place(name).is_none() {
            return Err(format!("no column `{name}` in line 1; expected a trace.csv of `skidpad run --out`"));
        }
    }
    let columns: Vec<Option<usize>> = TraceSample::COLUMNS.iter().map(|(name, _)| place(name)).collect();
    let mut recording = Recording::default();
    for (index, line) in lines.enumerate().filter(|(_, line)| !line.is_empty()) {
        let cells: Vec<&str> = line.split(',').collect();
        let cell = |at: Option<usize>| -> Result<f64, String> {
            match at.and_then(|at| cells.get(at)).map(|cell| cell.trim()) {
                None | Some("") => Ok(f64::NAN),
                Some(cell) => {
                    cell.parse().map_err(|_| format!("line {}: \"{cell:.40}\" is no number", index + 2))
                }
            }
        };
        let mut values = [f32::NAN; TraceSample::COLUMNS.len()];
        for (value, at) in values.iter_mut().zip(&columns) {
            *value = cell(*at)? as f32;
        }
        let time_s = cell(place("time_s"))?;
        let position_m = [cell(place("x_m"))?, cell(place("y_m"))?, cell(place("z_m"))?];
        let heading_rad = cell(place("heading_rad"))?;
        if ![time_s, heading_rad].iter().chain(&position_m).all(|value| value.is_finite()) {
            return Err(format!("line {}: time and pose must be finite numbers", index + 2));
        }
        let attitude = skidpad_vehicle::Attitude::from_yaw_pitch_roll(heading_rad, 0.0, 0.0).0;
        recording.push(Moment {
            time_s,
            position_m,
            attitude,
            wheels: [WheelMoment::default(); 4],
            turn: skidpad_bywire::TurnSignal::Off,
            believed_m: None,
            sigma_m: [0.0; 2],
            beside: None,
            values,
        });
    }
    if recording.moments().is_empty() {
        return Err("no rows; expected one every 10 ms".into());
    }
    Ok(recording)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_is_known_by_its_columns_in_any_order() {
        let text = "heading_rad,time_s,x_m,y_m,z_m,speed_mps\n0.1,0.00,1,2,3,4\n0.1,0.01,1.5,2,3,\n";
        let recording = parse(text).unwrap();
        assert_eq!(recording.moments().len(), 2);
        assert_eq!(recording.moments()[0].value("speed_mps"), 4.0);
        assert!(recording.moments()[1].value("speed_mps").is_nan());
        assert_eq!(recording.moments()[1].position_m, [1.5, 2.0, 3.0]);
    }

    #[test]
    fn what_is_no_trace_is_refused_with_its_place() {
        assert!(parse("a,b\n1,2\n").unwrap_err().contains("time_s"));
        let header = "time_s,x_m,y_m,z_m,heading_rad\n";
        assert!(parse(&format!("{header}0,1,2,x,4\n")).unwrap_err().contains("line 2"));
        assert!(parse(header).unwrap_err().contains("no rows"));
        assert!(read_trace(Path::new("/no/such/trace.csv")).is_err());
    }
}
