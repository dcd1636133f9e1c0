//! `skidpad validate`: standard manoeuvres, each figure beside its accepted range.

use crate::output::{print, write_file};
use crate::status::{Failure, Status};
use crate::vehicle;
use skidpad_manoeuvre::{Figure, Validation, validate};
use std::fmt::Write;
use std::path::PathBuf;

mod page;
mod plot;

/// Drive the standard manoeuvres and hold a car against what is accepted for a sedan
///
/// Performs on the vehicle model alone, on level and dry ground, what a proving ground performs on a car:
/// steady-state cornering (ISO 4138), step steer and frequency response (ISO 7401), obstacle avoidance
/// (ISO 3888-2), sine with dwell (FMVSS 126), an emergency stop, full acceleration, creep, coast-down, pitch
/// and ride. Prints each figure beside its accepted range and the source of the range.
///
/// The ranges are those of passenger cars. What is known of one very car stands in validation.toml in its folder
/// and comes first: a table for each figure, named as in the output of --json, with low, high and source.
///
/// The sources are marked P for published, M measured on the car, C read in code of others, N closed form,
/// R textbook value, not verified. Figures marked `info` are shown but fail no car: a car without stability
/// control is expected to spin in the sine with dwell.
#[derive(clap::Args)]
#[command(after_help = HELP)]
pub struct Args {
    /// Name of a folder in vehicles/, or a folder with a vehicle.toml
    #[arg(long, value_name = "NAME|DIR")]
    vehicle: String,
    /// Also write one HTML page with the table and the plots, which needs no other file; `-` for standard
    /// output, in place of the table
    #[arg(long, value_name = "FILE.html")]
    out: Option<PathBuf>,
    /// Print the figures as JSON instead of the table
    #[arg(long)]
    json: bool,
}

const HELP: &str = "\
Examples:
  skidpad validate --vehicle lincoln_mkz
  skidpad validate --vehicle lincoln_mkz --out validation.html
  skidpad validate --vehicle cars/mine --json

Exit status:
  0  every figure that counts lies in its range
  1  a figure lies outside
  2  the vehicle or an argument is wrong
  4  internal error";

/// Runs the subcommand.
pub fn run(args: &Args) -> Result<Status, Failure> {
    let (params, ranges) = vehicle::load_with_ranges(&args.vehicle)?;
    let validation = validate(&params, &ranges);
    let to_stdout = args.out.as_deref().is_some_and(|path| path.as_os_str() == "-");
    if let Some(path) = &args.out {
        write_file(path, &page::page(&params.title, &params.description, &validation))?;
    }
    if args.json {
        if !to_stdout {
            print(&json(&params.title, &validation)?)?;
        }
    } else if !to_stdout {
        print(&table(&params.title, &validation))?;
    }
    Ok(if validation.passed() { Status::Passed } else { Status::Failed })
}

/// What became of a figure.
fn verdict(figure: &Figure) -> &'static str {
    let bounded = figure.low.is_some() || figure.high.is_some();
    match (figure.passed, figure.informative) {
        (true, false) => "ok",
        (false, false) => "OUTSIDE",
        (true, true) if bounded => "ok, info",
        (_, true) => "info",
    }
}

/// A value with as many decimals as its range and size make useful.
fn number(value: f64) -> String {
    if !value.is_finite() {
        return "–".into();
    }
    let decimals = match value.abs() {
        size if size >= 100.0 => 0,
        size if size >= 10.0 => 1,
        size if size >= 1.0 => 2,
        _ => 3,
    };
    let text = format!("{value:.decimals$}");
    text.replace('-', "−")
}

/// A bound of a range, as short as it was given.
fn bound(value: f64) -> String {
    format!("{value}").replace('-', "−")
}

/// The accepted range in words.
fn range(figure: &Figure) -> String {
    match (figure.low, figure.high) {
        (Some(low), Some(high)) if low < 0.0 => format!("{} to {}", bound(low), bound(high)),
        (Some(low), Some(high)) => format!("{}–{}", bound(low), bound(high)),
        (Some(low), None) => format!("≥ {}", bound(low)),
        (None, Some(high)) => format!("≤ {}", bound(high)),
        (None, None) => String::new(),
    }
}

/// How many figures count, and how many of them lie in their range.
fn count(validation: &Validation) -> (usize, usize) {
    let counting = || validation.figures.iter().filter(|figure| !figure.informative);
    (counting().count(), counting().filter(|figure| figure.passed).count())
}

/// The figures as text, by manoeuvre.
fn table(title: &str, validation: &Validation) -> String {
    let figures = &validation.figures;
    let width = |of: &dyn Fn(&Figure) -> usize| figures.iter().map(of).max().unwrap_or(0);
    let name_width = width(&|figure| figure.name.chars().count());
    let unit_width = width(&|figure| figure.unit.chars().count());
    let range_width = width(&|figure| range(figure).chars().count());
    let mut text = format!("{title}\n");
    for group in figures.chunk_by(|a, b| a.manoeuvre == b.manoeuvre) {
        let _ = writeln!(text, "\n{}", group[0].manoeuvre);
        for figure in group {
            let _ = writeln!(
                text,
                "  {:name_width$}  {:>7} {:unit_width$}  {:>range_width$}  {:8}  {}",
                figure.name,
                number(figure.value),
                figure.unit,
                range(figure),
                verdict(figure),
                figure.source,
            );
        }
    }
    let (counting, passed) = count(validation);
    let _ = writeln!(text, "\n{passed} of {counting} figures lie in their range");
    text
}

/// The figures as JSON; a figure that could not be measured has the value null.
fn json(title: &str, validation: &Validation) -> Result<String, Failure> {
    let value = serde_json::json!({
        "vehicle": title,
        "passed": validation.passed(),
        "figures": validation.figures,
    });
    let text = serde_json::to_string_pretty(&value)
        .map_err(|error| Failure::new(Status::Internal, error.to_string()))?;
    Ok(text + "\n")
}
