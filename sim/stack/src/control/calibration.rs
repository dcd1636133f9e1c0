//! The calibration table: which pedal command gives which acceleration at which speed.

use super::text::FileError;

/// Longest table text that is read, in bytes (the measured table of the car has 24 kB).
const MAX_TEXT_BYTES: usize = 16 << 20;

/// Distances below this count as "on the grid line" (Apollo 1.0 `interpolation_2d.cc`).
const EPSILON: f64 = 1.0e-6;

/// The header line of a table file.
pub const CALIBRATION_HEADER: &str = "speed_mps,acceleration_mps2,command_percent";

/// One row of the file.
struct Measured {
    line: usize,
    speed_mps: f64,
    /// Acceleration that the command gave at that speed.
    acceleration_mps2: f64,
    command_pct: f64,
}

/// Pedal commands (%; throttle positive, brake negative) by speed (m/s) and acceleration (m/s²), interpolated as
/// Apollo 1.0's `Interpolation2D` does: linearly in acceleration inside each of the two neighbouring speed rows, then
/// linearly in speed, held constant beyond every edge.
#[derive(Debug, Clone, PartialEq)]
pub struct CalibrationTable {
    /// Rows by rising speed, never empty.
    rows: Vec<SpeedRow>,
}

#[derive(Debug, Clone, PartialEq)]
struct SpeedRow {
    speed_mps: f64,
    /// (acceleration, command) by rising acceleration, never empty.
    points: Vec<(f64, f64)>,
}

impl CalibrationTable {
    /// Reads a table from CSV text with the header [`CALIBRATION_HEADER`]; blanks around values and empty lines are
    /// allowed, the order of the rows does not matter.
    ///
    /// # Errors
    /// A wrong header, a row without exactly three numbers, a number that is not finite, two rows with the same speed
    /// and acceleration, no row at all, or more than 16 MiB of text; with line and column. `file` names the text
    /// in the error.
    pub fn parse(text: &str, file: &str) -> Result<Self, FileError> {
        let error = |line: usize, column: usize, message: String| FileError {
            file: file.to_owned(),
            line,
            column,
            message,
        };
        if text.len() > MAX_TEXT_BYTES {
            let message =
                format!("the calibration table has {} bytes; at most {MAX_TEXT_BYTES} are read", text.len());
            return Err(error(1, 1, message));
        }
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mut lines = text.lines().enumerate().map(|(index, line)| (index + 1, line));
        let header = lines.next().map_or("", |(_, line)| line);
        if !header.split(',').map(str::trim).eq(CALIBRATION_HEADER.split(',')) {
            let shown: String = header.chars().take(80).collect();
            let message = format!("expected the header line `{CALIBRATION_HEADER}`, got `{shown}`");
            return Err(error(1, 1, message));
        }

        let mut rows: Vec<Measured> = Vec::new();
        for (line_number, line) in lines {
            if line.trim().is_empty() {
                continue;
            }
            let mut values = [0.0; 3];
            let mut count = 0;
            let mut column = 1;
            for field in line.split(',') {
                if count == 3 {
                    let message = "expected 3 values, got more".to_owned();
                    return Err(error(line_number, column, message));
                }
                let shown = || field.trim().chars().take(40).collect::<String>();
                let value: f64 = field.trim().parse().map_err(|_| {
                    error(line_number, column, format!("expected a number, got `{}`", shown()))
                })?;
                if !value.is_finite() {
                    let message = format!("expected a finite number, got `{}`", shown());
                    return Err(error(line_number, column, message));
                }
                values[count] = value + 0.0; // -0 and 0 are the same key
                count += 1;
                column += field.chars().count() + 1;
            }
            if count < 3 {
                let message = format!("expected 3 values ({CALIBRATION_HEADER}), got {count}");
                return Err(error(line_number, 1, message));
            }
            let [speed_mps, acceleration_mps2, command_pct] = values;
            rows.push(Measured { line: line_number, speed_mps, acceleration_mps2, command_pct });
        }
        Self::from_measured(rows).map_err(|(line, message)| error(line, 1, message))
    }

    fn from_measured(mut measured: Vec<Measured>) -> Result<Self, (usize, String)> {
        measured.sort_by(|a, b| {
            let by_speed = a.speed_mps.total_cmp(&b.speed_mps);
            by_speed.then(a.acceleration_mps2.total_cmp(&b.acceleration_mps2)).then(a.line.cmp(&b.line))
        });
        let mut rows: Vec<SpeedRow> = Vec::new();
        let mut previous_line = 0;
        for Measured { line, speed_mps, acceleration_mps2, command_pct } in measured {
            let entry = (acceleration_mps2, command_pct);
            match rows.last_mut() {
                Some(row) if row.speed_mps == speed_mps => {
                    if row.points.last().is_some_and(|last| last.0 == acceleration_mps2) {
                        let message = format!(
                            "speed {speed_mps} m/s and acceleration {acceleration_mps2} m/s² are there twice (also \
                             in line {previous_line}): the command for them would be ambiguous; remove one"
                        );
                        return Err((line, message));
                    }
                    row.points.push(entry);
                }
                _ => rows.push(SpeedRow { speed_mps, points: vec![entry] }),
            }
            previous_line = line;
        }
        if rows.is_empty() {
            return Err((1, "the calibration table has no rows; at least one is needed".to_owned()));
        }
        Ok(Self { rows })
    }

    /// The pedal command (%; throttle positive, brake negative) for an acceleration at a speed; not a number if one
    /// of them is not a number.
    pub fn command_pct(&self, speed_mps: f64, acceleration_mps2: f64) -> f64 {
        if speed_mps.is_nan() || acceleration_mps2.is_nan() {
            return f64::NAN;
        }
        let (first, last) = (&self.rows[0], &self.rows[self.rows.len() - 1]);
        if speed_mps >= last.speed_mps - EPSILON {
            return last.command_pct(acceleration_mps2);
        }
        if speed_mps <= first.speed_mps + EPSILON {
            return first.command_pct(acceleration_mps2);
        }
        let after = self.rows.partition_point(|row| row.speed_mps < speed_mps);
        let (before, after) = (&self.rows[after - 1], &self.rows[after]);
        between(
            before.command_pct(acceleration_mps2),
            speed_mps - before.speed_mps,
            after.command_pct(acceleration_mps2),
            after.speed_mps - speed_mps,
        )
    }
}

impl SpeedRow {
    fn command_pct(&self, acceleration_mps2: f64) -> f64 {
        let (first, last) = (self.points[0], self.points[self.points.len() - 1]);
        if acceleration_mps2 >= last.0 - EPSILON {
            return last.1;
        }
        if acceleration_mps2 <= first.0 + EPSILON {
            return first.1;
        }
        let after = self.points.partition_point(|point| point.0 < acceleration_mps2);
        let (before, after) = (self.points[after - 1], self.points[after]);
        between(before.1, acceleration_mps2 - before.0, after.1, after.0 - acceleration_mps2)
    }
}

/// Linear interpolation by the distances to the two neighbours.
fn between(value_before: f64, distance_before: f64, value_after: f64, distance_after: f64) -> f64 {
    if distance_before < EPSILON {
        return value_before;
    }
    if distance_after < EPSILON {
        return value_after;
    }
    value_before + (value_after - value_before) * distance_before / (distance_before + distance_after)
}
