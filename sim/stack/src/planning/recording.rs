//! A recorded drive, as Apollo's RTK recorder writes it.

use std::{collections::BTreeMap, fmt, str::FromStr};

/// One row of a [`Recording`]: the car at an instant, 100 per second in the recorder's files.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Row {
    /// Rear-axle centre, UTM easting, metres.
    pub x_m: f64,
    /// Rear-axle centre, UTM northing, metres.
    pub y_m: f64,
    /// Rear-axle centre, height, metres; 0 in a file without the column.
    pub z_m: f64,
    /// Speed over ground along the car, m/s.
    pub speed_mps: f64,
    /// Acceleration along the car, m/s².
    pub acceleration_mps2: f64,
    /// Curvature of the path, 1/m, positive to the left.
    pub curvature_1pm: f64,
    /// Curvature change per metre travelled, 1/m².
    pub curvature_change_rate_1pm2: f64,
    /// Instant of the row, seconds (Unix time in the recorder's files); only differences matter.
    pub time_s: f64,
    /// Heading, radians, 0 = East, counter-clockwise.
    pub theta_rad: f64,
    /// Gear by its number in `apollo.canbus.Chassis.GearPosition`: 1 is DRIVE.
    pub gear: i32,
    /// Distance travelled, metres. The recorder integrates the speedometer, so it drifts from the geometry.
    pub s_m: f64,
    /// Throttle pedal, 0 to 100 %.
    pub throttle_pct: f64,
    /// Brake pedal, 0 to 100 %.
    pub brake_pct: f64,
    /// Steering wheel, % of 470°, positive to the left.
    pub steering_pct: f64,
}

/// A drive to replay: at least [`Recording::MIN_ROWS`] rows of finite values in strictly increasing time.
#[derive(Debug, Clone, PartialEq)]
pub struct Recording {
    rows: Vec<Row>,
    has_height: bool,
}

/// Where a recording is wrong, and how.
///
/// Shown as `file:line:column: problem`, or `row N: problem` for one built from rows.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{place}: {problem}")]
pub struct RecordingError {
    /// The wrong spot.
    pub place: Place,
    /// What was expected there, what was found, what to do.
    pub problem: String,
}

/// Written as the recorder's file, in its order of columns, with every digit that is needed to read back the same
/// values; heights that were not given are not written. As in the recorder's file a blank follows each comma of a row:
/// Apollo 1.0's planning splits rows at blanks alone.
impl fmt::Display for Recording {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let columns: Vec<&Column> =
            COLUMNS.iter().filter(|column| self.has_height || column.name != HEIGHT).collect();
        for (index, column) in columns.iter().enumerate() {
            write!(f, "{}{}", if index == 0 { "" } else { "," }, column.name)?;
        }
        for row in &self.rows {
            for (index, column) in columns.iter().enumerate() {
                write!(f, "{}{}", if index == 0 { "\n" } else { ", " }, (column.get)(row))?;
            }
        }
        writeln!(f)
    }
}

/// A spot in a recording. Lines, columns and rows count from 1; columns count characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// A spot in a file.
    File {
        /// Name of the file, as it was given to the parser.
        file: String,
        /// Line, the header line being 1.
        line: usize,
        /// Column of the value's first character.
        column: usize,
    },
    /// A row of an array.
    Row(usize),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::File { file, line, column } => write!(f, "{file}:{line}:{column}"),
            Place::Row(row) => write!(f, "row {row}"),
        }
    }
}

/// A column of the recorder's file: its name in the header line, and the field it fills.
struct Column {
    name: &'static str,
    set: fn(&mut Row, f64),
    get: fn(&Row) -> f64,
}

const COLUMNS: [Column; 14] = [
    Column { name: "x", set: |row, value| row.x_m = value, get: |row| row.x_m },
    Column { name: "y", set: |row, value| row.y_m = value, get: |row| row.y_m },
    Column { name: HEIGHT, set: |row, value| row.z_m = value, get: |row| row.z_m },
    Column { name: "speed", set: |row, value| row.speed_mps = value, get: |row| row.speed_mps },
    Column {
        name: "acceleration",
        set: |row, value| row.acceleration_mps2 = value,
        get: |row| row.acceleration_mps2,
    },
    Column { name: "curvature", set: |row, value| row.curvature_1pm = value, get: |row| row.curvature_1pm },
    Column {
        name: "curvature_change_rate",
        set: |row, value| row.curvature_change_rate_1pm2 = value,
        get: |row| row.curvature_change_rate_1pm2,
    },
    Column { name: TIME, set: |row, value| row.time_s = value, get: |row| row.time_s },
    Column { name: "theta", set: |row, value| row.theta_rad = value, get: |row| row.theta_rad },
    Column { name: GEAR, set: |row, value| row.gear = value as i32, get: |row| row.gear.into() },
    Column { name: "s", set: |row, value| row.s_m = value, get: |row| row.s_m },
    Column { name: "throttle", set: |row, value| row.throttle_pct = value, get: |row| row.throttle_pct },
    Column { name: "brake", set: |row, value| row.brake_pct = value, get: |row| row.brake_pct },
    Column { name: "steering", set: |row, value| row.steering_pct = value, get: |row| row.steering_pct },
];
const HEIGHT: &str = "z";
const TIME: &str = "time";
const GEAR: &str = "gear";

/// The largest magnitude taken for a measurement: beyond any coordinate or Unix time, and far from overflow.
const MAX_MAGNITUDE: f64 = 1e11;
/// The highest number in `apollo.canbus.Chassis.GearPosition`.
const MAX_GEAR: i32 = 6;

impl Recording {
    /// Fewest rows of a recording: fewer are a tenth of a second, not a drive.
    pub const MIN_ROWS: usize = 10;
    /// Most rows of a recording: 83 minutes at 100 Hz.
    pub const MAX_ROWS: usize = 500_000;
    /// Most bytes of a recording's file. Who opens the file should read no more than one byte beyond it.
    pub const MAX_BYTES: usize = 128 * 1024 * 1024;

    /// Checks and takes the rows.
    ///
    /// # Errors
    /// Too few or too many rows, a value that is not finite or beyond reason, an unknown gear, a time that does
    /// not increase.
    pub fn from_rows(rows: Vec<Row>) -> Result<Self, RecordingError> {
        let wrong = |row: usize, problem: String| RecordingError { place: Place::Row(row + 1), problem };
        if rows.len() < Self::MIN_ROWS || rows.len() > Self::MAX_ROWS {
            return Err(wrong(rows.len(), wrong_count(rows.len())));
        }
        for (index, row) in rows.iter().enumerate() {
            for (name, value) in [
                ("x_m", row.x_m),
                ("y_m", row.y_m),
                ("z_m", row.z_m),
                ("speed_mps", row.speed_mps),
                ("acceleration_mps2", row.acceleration_mps2),
                ("curvature_1pm", row.curvature_1pm),
                ("curvature_change_rate_1pm2", row.curvature_change_rate_1pm2),
                ("time_s", row.time_s),
                ("theta_rad", row.theta_rad),
                ("s_m", row.s_m),
                ("throttle_pct", row.throttle_pct),
                ("brake_pct", row.brake_pct),
                ("steering_pct", row.steering_pct),
            ] {
                check_value(name, value).map_err(|problem| wrong(index, problem))?;
            }
            check_gear(row.gear.into()).map_err(|problem| wrong(index, problem))?;
            if index > 0 {
                check_time(rows[index - 1].time_s, row.time_s).map_err(|problem| wrong(index, problem))?;
            }
        }
        Ok(Recording { rows, has_height: true })
    }

    /// Reads the recorder's text: a header line that names the columns, then one line per row, values separated
    /// by a comma with or without blanks around it. Columns are found by name in any order; `z` may be absent;
    /// columns of other names are skipped. Blank lines are skipped. `file` is only used to name the place of an
    /// error.
    ///
    /// # Errors
    /// A missing or repeated column, a missing, surplus or unreadable value, NaN or infinity, a time that does
    /// not increase, a last line without a line end (the recorder always writes one: the file was cut short),
    /// too few or too many rows or bytes, text that is not UTF-8.
    pub fn parse(bytes: &[u8], file: &str) -> Result<Self, RecordingError> {
        let wrong = |line: usize, column: usize, problem: String| RecordingError {
            place: Place::File { file: file.to_owned(), line, column },
            problem,
        };
        if bytes.len() > Self::MAX_BYTES {
            let problem = format!("expected at most {} bytes, got {}", Self::MAX_BYTES, bytes.len());
            return Err(wrong(1, 1, problem));
        }
        let text = std::str::from_utf8(bytes).map_err(|error| {
            let before = &bytes[..error.valid_up_to()];
            let line = 1 + before.iter().filter(|byte| **byte == b'\n').count();
            let line_start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |newline| newline + 1);
            let column = 1 + String::from_utf8_lossy(&before[line_start..]).chars().count();
            wrong(line, column, format!("expected text, got the byte 0x{:02x}", bytes[before.len()]))
        })?;

        let mut lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
        let Some((header_index, header)) = lines.next() else {
            return Err(wrong(1, 1, format!("expected a header line {}, got an empty file", header_names())));
        };
        let layout =
            Layout::parse(header).map_err(|(column, problem)| wrong(header_index + 1, column, problem))?;

        let mut rows: Vec<Row> = Vec::new();
        let mut last = (header_index + 1, header);
        for (index, line) in lines {
            let number = index + 1;
            let row = layout
                .row(line, rows.last().map(|row| row.time_s))
                .map_err(|(column, problem)| wrong(number, column, problem))?;
            if rows.len() == Self::MAX_ROWS {
                return Err(wrong(number, 1, wrong_count(Self::MAX_ROWS + 1)));
            }
            rows.push(row);
            last = (number, line);
        }
        let (number, line) = last;
        if !text.ends_with('\n') && text.ends_with(line) {
            let problem = "expected a line end, got the end of the file: the last line may be cut short; \
                           delete it, or end it if it is whole";
            return Err(wrong(number, 1 + line.chars().count(), problem.to_owned()));
        }
        if rows.len() < Self::MIN_ROWS {
            return Err(wrong(number, 1, wrong_count(rows.len())));
        }
        Ok(Recording { rows, has_height: layout.has(HEIGHT) })
    }

    /// The rows, in time order; never fewer than [`Recording::MIN_ROWS`].
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// Whether the heights were given; if not, they are all 0.
    pub fn has_height(&self) -> bool {
        self.has_height
    }

    /// Time from the first row to the last, seconds.
    pub fn duration_s(&self) -> f64 {
        self.rows[self.rows.len() - 1].time_s - self.rows[0].time_s
    }
}

fn wrong_count(count: usize) -> String {
    format!("expected {} to {} rows, got {count}", Recording::MIN_ROWS, Recording::MAX_ROWS)
}

fn check_value(name: &str, value: f64) -> Result<(), String> {
    // Written so that NaN fails too.
    if value.abs() <= MAX_MAGNITUDE {
        return Ok(());
    }
    Err(format!("expected a finite {name} of at most ±{MAX_MAGNITUDE:e}, got {value}"))
}

fn check_gear(gear: f64) -> Result<(), String> {
    if gear >= 0.0 && gear <= f64::from(MAX_GEAR) && gear == gear.floor() {
        return Ok(());
    }
    Err(format!("expected a gear number from 0 to {MAX_GEAR} (1 is drive), got {gear}"))
}

fn check_time(before_s: f64, time_s: f64) -> Result<(), String> {
    if time_s > before_s {
        return Ok(());
    }
    Err(format!("expected a time after the row before, {before_s} s, got {time_s} s"))
}

fn header_names() -> String {
    COLUMNS.map(|column| column.name).join(",")
}

/// For each value of a line, the column it belongs to.
struct Layout {
    columns: Vec<Option<&'static Column>>,
}

/// A problem and the column (of characters, from 1) where it is.
type Misread = (usize, String);

impl Layout {
    fn parse(header: &str) -> Result<Self, Misread> {
        let mut places: BTreeMap<&str, usize> = BTreeMap::new();
        let mut columns = Vec::new();
        for (at, name) in values(header) {
            if let Some(first) = places.insert(name, at) {
                let problem =
                    format!("expected each column once, got `{name}` again (first in column {first})");
                return Err((at, problem));
            }
            columns.push(COLUMNS.iter().find(|column| column.name == name));
        }
        for column in &COLUMNS {
            if column.name != HEIGHT && !places.contains_key(column.name) {
                let problem = format!(
                    "expected a header line with the columns {}, found none named `{}`",
                    header_names(),
                    column.name
                );
                return Err((1, problem));
            }
        }
        Ok(Layout { columns })
    }

    fn has(&self, name: &str) -> bool {
        self.columns.iter().flatten().any(|column| column.name == name)
    }

    fn row(&self, line: &str, time_before_s: Option<f64>) -> Result<Row, Misread> {
        // Counted first: the last value of a line cut short is seldom a number, but that is not what is wrong.
        let count = values(line).count();
        if count < self.columns.len() {
            let problem =
                format!("expected {} values, got {count}: the line is cut short", self.columns.len());
            return Err((1 + line.chars().count(), problem));
        }
        if let Some((at, _)) = values(line).nth(self.columns.len()) {
            return Err((at, format!("expected {} values, got {count}", self.columns.len())));
        }

        let mut row = Row::default();
        for ((at, text), column) in values(line).zip(&self.columns) {
            let Some(column) = column else { continue };
            let located = |problem| (at, problem);
            let value = f64::from_str(text)
                .map_err(|_| located(format!("expected a number for {}, got `{text:.40}`", column.name)))?;
            match column.name {
                GEAR => check_gear(value),
                _ => check_value(column.name, value),
            }
            .map_err(located)?;
            if let (TIME, Some(before_s)) = (column.name, time_before_s) {
                check_time(before_s, value).map_err(located)?;
            }
            (column.set)(&mut row, value);
        }
        Ok(row)
    }
}

/// The comma-separated values of a line without the blanks around them, each with its column.
fn values(line: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut start = 1;
    line.split(',').map(move |raw| {
        let blanks = raw.chars().take_while(|character| character.is_whitespace()).count();
        let at = start + blanks;
        start += raw.chars().count() + 1;
        (at, raw.trim())
    })
}
