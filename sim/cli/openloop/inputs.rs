//! The time series that drives the car: reading it, and its value at any step.

use super::STEPS_HZ;
use crate::input;
use crate::status::Failure;
use skidpad_vehicle::{ActuatorDemand, Gear, SteeringDemand};
use std::path::Path;

/// Columns of the file.
const COLUMNS: [&str; 5] = ["time_s", "throttle_pct", "brake_pct", "steering_wheel_deg", "gear"];
/// Most bytes that are read: four hours at 100 Hz.
const MAX_BYTES: u64 = 64 << 20;
/// Longest run, s.
const MAX_DURATION_S: f64 = 86_400.0;

/// One row of the file.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Row {
    time_s: f64,
    throttle_pct: f64,
    brake_pct: f64,
    steering_wheel_deg: f64,
    gear: Gear,
}

/// A checked time series: at least one row, times increasing.
#[derive(Debug, PartialEq)]
pub struct Inputs {
    rows: Vec<Row>,
}

impl Inputs {
    /// Reads the file `path`, or standard input if it is `-`.
    pub fn read(path: &Path) -> Result<Inputs, Failure> {
        let text = input::text(path, MAX_BYTES)?;
        Inputs::parse(&text).map_err(|error| {
            let name = path.display();
            Failure::usage(format!("{name}:{}:{}: {}", error.line, error.column, error.message))
        })
    }

    /// Reads the text of a file.
    fn parse(text: &str) -> Result<Inputs, Wrong> {
        let mut lines = text.strip_prefix('\u{feff}').unwrap_or(text).lines().enumerate();
        let (_, header) = lines.next().ok_or_else(|| Wrong::at(1, 1, expected_header()))?;
        let places = columns(header)?;
        let mut rows: Vec<Row> = Vec::new();
        for (index, line) in lines.filter(|(_, line)| !line.trim().is_empty()) {
            let row = row(line, index + 1, &places)?;
            match rows.last() {
                Some(last) if row.time_s <= last.time_s => {
                    let message = format!(
                        "time_s: expected a time after the row before, {} s, got {} s",
                        last.time_s, row.time_s
                    );
                    return Err(Wrong::at(index + 1, 1, message));
                }
                _ => rows.push(row),
            }
        }
        match (rows.first(), rows.last()) {
            (Some(first), Some(last)) if last.time_s - first.time_s > MAX_DURATION_S => {
                Err(Wrong::at(2, 1, format!("the run would last more than {MAX_DURATION_S} s")))
            }
            (Some(_), Some(_)) => Ok(Inputs { rows }),
            _ => Err(Wrong::at(2, 1, "expected at least one row of values, got none".into())),
        }
    }

    /// The values from the first time on, in steps of the simulator; with `measured_steering` the wheel is
    /// where the rows say, otherwise the servo is asked to bring it there.
    pub fn player(self, measured_steering: bool) -> Player {
        Player { rows: self.rows, next: 1, measured_steering }
    }
}

/// Plays a time series forward.
pub struct Player {
    rows: Vec<Row>,
    /// First row after the time asked for last.
    next: usize,
    measured_steering: bool,
}

impl Player {
    /// Time of a step, s.
    pub fn time_s(&self, step: u64) -> f64 {
        self.rows[0].time_s + step as f64 / f64::from(STEPS_HZ)
    }

    /// Number of whole steps between the first row and the last.
    pub fn steps(&self) -> u64 {
        let duration_s = self.rows[self.rows.len() - 1].time_s - self.rows[0].time_s;
        // Decimal times are not exact: 0.3 s shall be 300 steps.
        (duration_s * f64::from(STEPS_HZ) + 1e-6) as u64
    }

    /// The values at a step; steps must not go back.
    pub fn at_step(&mut self, step: u64) -> ActuatorDemand {
        let time_s = self.time_s(step);
        while self.next < self.rows.len() && self.rows[self.next].time_s <= time_s + 1e-9 {
            self.next += 1;
        }
        let from = &self.rows[self.next - 1];
        let to = self.rows.get(self.next).unwrap_or(from);
        let span_s = to.time_s - from.time_s;
        let share = if span_s > 0.0 { ((time_s - from.time_s) / span_s).clamp(0.0, 1.0) } else { 0.0 };
        let between = |a: f64, b: f64| a + (b - a) * share;
        let angle_rad = between(from.steering_wheel_deg, to.steering_wheel_deg).to_radians();
        ActuatorDemand {
            throttle_pct: between(from.throttle_pct, to.throttle_pct),
            brake_pct: between(from.brake_pct, to.brake_pct),
            steering: if self.measured_steering {
                SteeringDemand::Imposed { angle_rad }
            } else {
                SteeringDemand::Servo { angle_rad, rate_limit_rps: f64::INFINITY }
            },
            gear: from.gear,
            parking_brake: false,
        }
    }
}

/// What is wrong in the text, line and column from 1.
#[derive(Debug, PartialEq)]
struct Wrong {
    line: usize,
    column: usize,
    message: String,
}

impl Wrong {
    fn at(line: usize, column: usize, message: String) -> Wrong {
        Wrong { line, column, message }
    }
}

fn expected_header() -> String {
    format!("expected a first line that names the columns {}", COLUMNS.join(","))
}

/// Fields of a line with the column, in characters, where each begins.
fn fields(line: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut column = 1;
    line.split(',').map(move |field| {
        let blanks = field.chars().take_while(|c| c.is_whitespace()).count();
        let at = column + blanks;
        column += field.chars().count() + 1;
        (at, field.trim())
    })
}

/// For each field of the header, which of [`COLUMNS`] it is.
fn columns(header: &str) -> Result<Vec<usize>, Wrong> {
    let mut places = Vec::new();
    for (at, name) in fields(header) {
        let shown: String = name.chars().take(40).collect();
        let place = COLUMNS
            .iter()
            .position(|column| *column == name)
            .ok_or_else(|| Wrong::at(1, at, format!("unknown column `{shown}`; {}", expected_header())))?;
        if places.contains(&place) {
            return Err(Wrong::at(1, at, format!("column `{shown}` is there twice; remove one")));
        }
        places.push(place);
    }
    match COLUMNS.iter().enumerate().find(|(place, _)| !places.contains(place)) {
        Some((_, missing)) => {
            Err(Wrong::at(1, 1, format!("column `{missing}` is missing; {}", expected_header())))
        }
        None => Ok(places),
    }
}

fn row(line: &str, number: usize, places: &[usize]) -> Result<Row, Wrong> {
    let mut row =
        Row { time_s: 0.0, throttle_pct: 0.0, brake_pct: 0.0, steering_wheel_deg: 0.0, gear: Gear::Park };
    let count = fields(line).count();
    if count < places.len() {
        let end = line.chars().count() + 1;
        let message = format!("expected {} values, got {count}: the line is cut off", places.len());
        return Err(Wrong::at(number, end, message));
    }
    for (index, (at, field)) in fields(line).enumerate() {
        let wrong = |message: String| Wrong::at(number, at, message);
        let Some(place) = places.get(index) else {
            return Err(wrong(format!("expected {} values, got {count}", places.len())));
        };
        let value = |low: f64, high: f64| number_in(field, COLUMNS[*place], low, high).map_err(wrong);
        match place {
            0 => row.time_s = value(-1e10, 1e10)?,
            1 => row.throttle_pct = value(0.0, 100.0)?,
            2 => row.brake_pct = value(0.0, 100.0)?,
            3 => row.steering_wheel_deg = value(-2000.0, 2000.0)?,
            _ => row.gear = gear(field).map_err(wrong)?,
        }
    }
    Ok(row)
}

fn number_in(field: &str, name: &str, low: f64, high: f64) -> Result<f64, String> {
    let shown = || field.chars().take(40).collect::<String>();
    match field.parse::<f64>() {
        Ok(value) if (low..=high).contains(&value) => Ok(value),
        Ok(_) => Err(format!("{name}: expected a number from {low} to {high}, got `{}`", shown())),
        Err(_) => Err(format!("{name}: expected a number, got `{}`", shown())),
    }
}

fn gear(field: &str) -> Result<Gear, String> {
    Ok(match field {
        "park" => Gear::Park,
        "reverse" => Gear::Reverse,
        "neutral" => Gear::Neutral,
        "drive" => Gear::Drive,
        "low" => Gear::Low,
        other => {
            let shown: String = other.chars().take(40).collect();
            return Err(format!("gear: expected park, reverse, neutral, drive or low, got `{shown}`"));
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str = "time_s,throttle_pct,brake_pct,steering_wheel_deg,gear";

    fn wrong(text: &str) -> (usize, usize, String) {
        let wrong = Inputs::parse(text).unwrap_err();
        (wrong.line, wrong.column, wrong.message)
    }

    #[test]
    fn values_are_linear_between_rows_and_gears_step() {
        let text = "gear, time_s, throttle_pct, brake_pct, steering_wheel_deg\r\n\
                    drive, 1.0, 0, 50, -90\n\nreverse, 1.2, 20, 0, 90\n";
        let mut player = Inputs::parse(text).unwrap().player(false);
        assert_eq!(player.steps(), 200);
        let demand = player.at_step(50);
        assert!((demand.throttle_pct - 5.0).abs() < 1e-9 && (demand.brake_pct - 37.5).abs() < 1e-9);
        let SteeringDemand::Servo { angle_rad, .. } = demand.steering else { panic!("servo expected") };
        assert!((angle_rad.to_degrees() + 45.0).abs() < 1e-9);
        assert_eq!(player.at_step(199).gear, Gear::Drive);
        assert_eq!(player.at_step(200).gear, Gear::Reverse);
        assert_eq!(player.at_step(200).throttle_pct, 20.0);
    }

    #[test]
    fn mistakes_are_named_where_they_are() {
        assert_eq!((wrong("").0, wrong("").1), (1, 1));
        assert_eq!(wrong(HEADER), (2, 1, "expected at least one row of values, got none".into()));
        let (line, column, message) = wrong("time_s,throttle,brake_pct,steering_wheel_deg,gear");
        assert_eq!((line, column), (1, 8));
        assert!(message.starts_with("unknown column `throttle`"));
        assert!(wrong("time_s,gear,brake_pct,steering_wheel_deg").2.contains("`throttle_pct` is missing"));
        let row = |row: &str| wrong(&format!("{HEADER}\n0,0,0,0,drive\n{row}"));
        assert_eq!(row("1, 101,0,0,drive").1, 4);
        assert_eq!(row("1,0,NaN,0,drive").1, 5);
        assert!(row("1,0,0,0,forward").2.contains("expected park, reverse"));
        assert_eq!(row("1,0,0").0, 3);
        assert!(row("1,0,0").2.contains("cut off"));
        assert!(row("1,0,0,0,drive,5").2.contains("expected 5 values, got 6"));
        assert!(row("0,0,0,0,drive").2.contains("after the row before"));
    }

    #[test]
    fn no_text_makes_the_parser_panic() {
        let right = format!("{HEADER}\n0,0,30,-90,drive\n0.5, 12.5, 0, 1e2, low\n2,0,0,0,park\n");
        let symbols: Vec<char> =
            "0123456789.,-+eE \n\r\t\"\u{feff}\u{0}dnrivepaknft_sü\u{10ffff}".chars().collect();
        // A xorshift generator: the same texts in every run.
        let mut state = 0x9e37_79b9_7f4a_7c15u64;
        let mut random = |below: usize| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state % below as u64) as usize
        };
        let mut accepted = 0;
        for _ in 0..20_000 {
            let mut text: Vec<char> = right.chars().collect();
            for _ in 0..=random(4) {
                let at = random(text.len());
                match random(4) {
                    0 => text.truncate(at + 1),
                    1 => text[at] = symbols[random(symbols.len())],
                    2 => text.insert(at, symbols[random(symbols.len())]),
                    _ => drop(text.remove(at)),
                }
                text.push('\n');
            }
            let Ok(inputs) = Inputs::parse(&text.into_iter().collect::<String>()) else { continue };
            accepted += 1;
            let mut player = inputs.player(false);
            let demand = player.at_step(player.steps());
            assert!(
                (0.0..=100.0).contains(&demand.throttle_pct) && (0.0..=100.0).contains(&demand.brake_pct)
            );
        }
        assert!(accepted > 100, "some mutations are harmless: {accepted}");
    }
}
