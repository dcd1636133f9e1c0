//! The table on the terminal.

use crate::{Count, Outcome, OutsideResult, ScenarioResult, limit_words, printable, printable_lines};
use std::fmt::Write;

/// How the table is drawn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TableStyle {
    /// Columns of the terminal. Below about 90 the table is wider than this.
    pub width: usize,
    /// Colour the verdicts (ANSI).
    pub color: bool,
    /// Wall time of the whole suite, s, for the last line; scenarios that ran side by side took less than the
    /// sum of theirs.
    pub elapsed_s: Option<f64>,
}

impl Default for TableStyle {
    /// 100 columns, plain.
    fn default() -> Self {
        TableStyle { width: 100, color: false, elapsed_s: None }
    }
}

/// Width of each column right of the verdict.
const CELL: usize = 8;
const VERDICT: usize = 7;
const SHORTEST_NAME: usize = 16;

/// Headings of the numeric columns, in two lines.
const HEADINGS: [[&str; 2]; 7] = [
    ["lateral", "rms m"],
    ["lateral", "max m"],
    ["heading", "rms deg"],
    ["speed", "rms m/s"],
    ["end stn", "m"],
    ["simul.", "s"],
    ["x real", "time"],
];

/// One line for each scenario, then the broken limits, then the totals. Ends with a newline.
pub fn table(results: &[ScenarioResult], style: &TableStyle) -> String {
    if results.is_empty() {
        return "no scenarios\n".into();
    }
    let mut out = String::new();
    let room = style.width.saturating_sub(2 + VERDICT + HEADINGS.len() * (1 + CELL));
    let longest = results.iter().map(|result| result.name.chars().count()).max().unwrap_or(0);
    let name_width = longest.min(room).max(SHORTEST_NAME);
    for (line, [name, verdict]) in [["scenario", "verdict"], ["", ""]].into_iter().enumerate() {
        let mut heading = format!("{name:name_width$}  {verdict:VERDICT$}");
        for words in HEADINGS {
            let _ = write!(heading, " {:>CELL$}", words[line]);
        }
        out.push_str(heading.trim_end());
        out.push('\n');
    }
    for result in results {
        row(&mut out, result, name_width, style.color);
    }
    for result in results {
        details(&mut out, result, style.color);
    }
    out.push('\n');
    out.push_str(&totals(results, style.elapsed_s));
    out
}

fn row(out: &mut String, result: &ScenarioResult, name_width: usize, color: bool) {
    let name = shortened(&printable(&result.name), name_width);
    let word = verdict_word(result.outcome());
    let verdict = painted(&format!("{word:VERDICT$}"), result.outcome(), color);
    let _ = write!(out, "{name:name_width$}  {verdict}");
    let metrics = &result.metrics;
    for (value, decimals) in [
        (metrics.lateral_error_rms_m, 3),
        (metrics.lateral_error_max_m, 3),
        (metrics.heading_error_rms_deg, 2),
        (metrics.speed_error_rms_mps, 3),
        (metrics.end_station_error_m, 2),
        (result.simulated_s, 1),
        (times_real_time(result.simulated_s, result.wall_s), 0),
    ] {
        let _ = write!(out, " {:>CELL$}", cell(value, decimals));
    }
    out.push('\n');
}

/// Why a scenario did not pass, and what a reader should know about its figures.
fn details(out: &mut String, result: &ScenarioResult, color: bool) {
    let outcome = result.outcome();
    let outside = result.outside.as_ref().and_then(outside_line);
    if outcome == Outcome::Pass && result.explanations.is_empty() && outside.is_none() {
        return;
    }
    let verdict = painted(verdict_word(outcome), outcome, color);
    let _ = writeln!(out, "\n{verdict}  {}  ({})", printable(&result.name), printable(&result.file));
    if matches!(outcome, Outcome::Error | Outcome::Invalid) {
        for line in printable_lines(result.error_text()) {
            let _ = writeln!(out, "      {line}");
        }
    }
    let broken: Vec<[String; 4]> = result.broken_limits().map(limit_words).collect();
    let width = |column: usize| broken.iter().map(|words| words[column].chars().count()).max().unwrap_or(0);
    let (name_width, value_width, bound_width) = (width(0), width(1), width(2));
    for [name, value, bound, margin] in &broken {
        let line =
            format!("      {name:name_width$}  {value:>value_width$}   {bound:bound_width$}   {margin}");
        let _ = writeln!(out, "{}", line.trim_end());
    }
    for explanation in &result.explanations {
        for line in printable_lines(explanation) {
            let _ = writeln!(out, "      {line}");
        }
    }
    if let Some(line) = outside {
        let _ = writeln!(out, "      {line}");
    }
}

/// How well a stack outside and the pace of the clock kept up with each other.
fn outside_line(outside: &OutsideResult) -> Option<String> {
    let stack = outside.stack.as_ref()?;
    let mut words = Vec::new();
    words.extend(outside.realtime_priority.iter().map(|answer| format!("real-time priority {answer}")));
    if let (Some(p50), Some(p99), Some(max)) =
        (stack.command_age_p50_ms, stack.command_age_p99_ms, stack.command_age_max_ms)
    {
        let missed = stack.missed_control_cycles;
        words.push(format!(
            "command age {p50:.1} ms median, {p99:.1} p99, {max:.1} max, {missed} cycles without one"
        ));
    }
    if let Some(pace) = &outside.pace {
        let [p50, p99, max] = [pace.lateness_p50_us, pace.lateness_p99_us, pace.lateness_max_us];
        words.push(format!(
            "ticks late {p50:.0} us median, {p99:.0} p99, {max:.0} max, {} overruns, {} of {} control cycles missed",
            pace.overruns, pace.missed_control_cycles, pace.control_cycles
        ));
    }
    (!words.is_empty()).then(|| words.join("; "))
}

fn totals(results: &[ScenarioResult], elapsed_s: Option<f64>) -> String {
    let count = Count::of(results);
    let plural = if count.scenarios == 1 { "" } else { "s" };
    let mut line = format!("{} scenario{plural}: {} passed", count.scenarios, count.passed);
    if count.failed > 0 {
        let _ = write!(line, ", {} failed", count.failed);
    }
    if count.invalid > 0 {
        let _ = write!(line, ", {} invalid", count.invalid);
    }
    if count.errors > 0 {
        let _ = write!(line, ", {} error{}", count.errors, if count.errors == 1 { "" } else { "s" });
    }
    let simulated_s: f64 = results.iter().map(|result| result.simulated_s).sum();
    let _ = write!(line, "; {simulated_s:.1} s simulated");
    if let Some(elapsed_s) = elapsed_s {
        let _ = write!(line, " in {elapsed_s:.2} s");
        let times = times_real_time(simulated_s, elapsed_s);
        if times.is_finite() {
            let _ = write!(line, ", {} times real time", cell(times, 0));
        }
    }
    line.push('\n');
    line
}

pub(crate) fn times_real_time(simulated_s: f64, wall_s: f64) -> f64 {
    if wall_s > 0.0 { simulated_s / wall_s } else { f64::NAN }
}

/// A number that fits its column: fewer decimals if it is large, and powers of ten if it is larger still.
fn cell(value: f64, decimals: usize) -> String {
    if !value.is_finite() {
        return "-".into();
    }
    let fits =
        (0..=decimals).rev().map(|decimals| format!("{value:.decimals$}")).find(|text| text.len() <= CELL);
    let text = fits.unwrap_or_else(|| format!("{value:.1e}"));
    // A small negative number rounds to "-0.000", which reads as a mistake.
    match text.strip_prefix('-') {
        Some(digits) if digits.bytes().all(|b| b == b'0' || b == b'.') => digits.into(),
        _ => text,
    }
}

fn shortened(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.into();
    }
    text.chars().take(width - 3).chain("...".chars()).collect()
}

fn verdict_word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Pass => "pass",
        Outcome::Fail => "FAIL",
        Outcome::Invalid => "INVALID",
        Outcome::Error => "ERROR",
    }
}

fn painted(text: &str, outcome: Outcome, color: bool) -> String {
    if !color {
        return text.into();
    }
    let code = match outcome {
        Outcome::Pass => 32,
        Outcome::Fail => 31,
        Outcome::Invalid | Outcome::Error => 35,
    };
    format!("\u{1b}[{code}m{text}\u{1b}[0m")
}
