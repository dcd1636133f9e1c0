//! Terminal table, report.json, junit.xml and trace.csv of a finished run.
//!
//! Everything here is text made from plain data, [`ScenarioResult`]; nothing reads a clock or writes a
//! file by itself. [`report_json`] and [`junit_xml`] hold no wall time: equal results give equal bytes.
//! Wall times are in [`timing_json`] and in the [`table`].

mod json;
mod junit;
mod table;
mod trace;

pub use json::{REPORT_SCHEMA, TIMING_SCHEMA, report_json, timing_json};
pub use junit::junit_xml;
pub use table::{TableStyle, table};
pub use trace::{Column, TraceError, TraceWriter};

use serde::Serialize;
use skidpad_score::{Bound, LimitResult, Metrics, Verdict};

/// What came out of one scenario.
#[derive(Clone, Debug, PartialEq)]
pub struct ScenarioResult {
    /// Name of the scenario.
    pub name: String,
    /// The file it came from, as the user named it.
    pub file: String,
    /// Seed of the run.
    pub seed: u64,
    /// The limits held against the run; absent if it could not be run to its end.
    pub verdict: Option<Verdict>,
    /// What was measured; NaN where nothing was.
    pub metrics: Metrics,
    /// What happened, in the order of time.
    pub events: Vec<Event>,
    /// Hash of the true trajectory; empty if there was none.
    pub truth_hash: String,
    /// Simulated time, s.
    pub simulated_s: f64,
    /// Wall time that it took, s.
    pub wall_s: f64,
    /// Why it could not be run to its end. A result with an error counts as such, whatever its verdict.
    pub error: Option<String>,
    /// Why the run says nothing about the stack, though it came to its end: the machine was too slow for a stack on the
    /// clock. Such a run has neither passed nor failed.
    pub invalid: Option<String>,
    /// What a reader should know about the result, one sentence each.
    pub explanations: Vec<String>,
    /// What was met outside, if the run had links or kept the pace of the clock. In timing.json only: it differs from
    /// run to run.
    pub outside: Option<OutsideResult>,
}

/// What a run met outside.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct OutsideResult {
    /// How well the pace of the clock was kept; absent if time passed as fast as the machine could.
    pub pace: Option<PaceResult>,
    /// `granted: …` or `refused: …`, if real-time priority was wanted for the thread that keeps the pace.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub realtime_priority: Option<String>,
    /// The stack, if seats of it were outside.
    pub stack: Option<StackResult>,
    /// The links.
    pub links: Vec<LinkResult>,
}

/// What a stack outside did.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct StackResult {
    /// How long it was waited for, s of simulated time.
    pub waited_s: f64,
    /// Presses of the operator.
    pub presses: u32,
    /// Age of the command in force (the present minus its stamp), median, ms; absent if control was inside.
    pub command_age_p50_ms: Option<f64>,
    /// Its 99th percentile, ms.
    pub command_age_p99_ms: Option<f64>,
    /// The oldest, ms.
    pub command_age_max_ms: Option<f64>,
    /// Cycles of control in which no command came.
    pub missed_control_cycles: u64,
    /// Commands with a stale stamp before the scenario's time began.
    pub stale_before_start: u64,
    /// Messages for seats that are filled inside.
    pub ignored_messages: u64,
    /// The external seats.
    pub seats: Vec<SeatResult>,
}

/// What one external seat did.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct SeatResult {
    /// Its name.
    pub seat: &'static str,
    /// Messages on its main topic.
    pub messages: u64,
    /// The longest time without one, s.
    pub longest_gap_s: f64,
}

/// How well the pace of the clock was kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct PaceResult {
    /// Ticks of 1 ms.
    pub ticks: u64,
    /// Median of how late a tick began, µs.
    pub lateness_p50_us: f64,
    /// 99th percentile of how late a tick began, µs.
    pub lateness_p99_us: f64,
    /// The latest beginning of a tick, µs.
    pub lateness_max_us: f64,
    /// Ticks that began more than their period late.
    pub overruns: u64,
    /// Cycles of control, 10 ms of simulated time.
    pub control_cycles: u64,
    /// Those of them in which a tick began more than a cycle late: missed because of the machine.
    pub missed_control_cycles: u64,
    /// Wall time that was given up because the simulation was too far behind, s.
    pub given_up_s: f64,
}

/// One link.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct LinkResult {
    /// Its name.
    pub name: String,
    /// What was counted on it, by name.
    #[serde(serialize_with = "counts")]
    pub counts: Vec<(&'static str, u64)>,
    /// Why it could no longer be used, if so.
    pub error: Option<String>,
}

/// Pairs as a map, in their order.
fn counts<S: serde::Serializer>(pairs: &[(&'static str, u64)], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(pairs.iter().copied())
}

/// Something that happened in a run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Event {
    /// Simulated time, s.
    pub time_s: f64,
    /// What it is called in a scenario file.
    pub name: String,
    /// More about it; may be empty.
    pub detail: String,
}

/// How a scenario ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// Run to its end, all limits hold.
    Pass,
    /// Run to its end, a limit is broken.
    Fail,
    /// Run to its end, but the machine was too slow to judge the stack.
    Invalid,
    /// Not run to its end.
    Error,
}

impl ScenarioResult {
    /// How the scenario ended.
    pub fn outcome(&self) -> Outcome {
        match (&self.error, &self.verdict) {
            (None, Some(_)) if self.invalid.is_some() => Outcome::Invalid,
            (None, Some(verdict)) if verdict.passed => Outcome::Pass,
            (None, Some(_)) => Outcome::Fail,
            _ => Outcome::Error,
        }
    }

    /// The limits that are broken.
    pub fn broken_limits(&self) -> impl Iterator<Item = &LimitResult> {
        self.verdict.iter().flat_map(|verdict| &verdict.limits).filter(|limit| !limit.passed)
    }

    fn error_text(&self) -> &str {
        self.error.as_deref().or(self.invalid.as_deref()).unwrap_or("the run has no verdict")
    }
}

/// Scenarios by outcome.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
struct Count {
    scenarios: usize,
    passed: usize,
    failed: usize,
    #[serde(skip_serializing_if = "is_zero")]
    invalid: usize,
    errors: usize,
}

fn is_zero(count: &usize) -> bool {
    *count == 0
}

impl Count {
    fn of(results: &[ScenarioResult]) -> Self {
        let of = |outcome| results.iter().filter(|result| result.outcome() == outcome).count();
        Count {
            scenarios: results.len(),
            passed: of(Outcome::Pass),
            failed: of(Outcome::Fail),
            invalid: of(Outcome::Invalid),
            errors: of(Outcome::Error),
        }
    }
}

/// A broken limit in words: what it is, what was measured, what was allowed, by how much it is missed.
fn limit_words(limit: &LimitResult) -> [String; 4] {
    let unit = if limit.unit.is_empty() { String::new() } else { format!(" {}", limit.unit) };
    let bound = match limit.bound {
        Bound::AtMost => "at most",
        Bound::AtLeast => "at least",
        Bound::Equal => "exactly",
    };
    let measured = limit.value.is_finite();
    [
        printable(&limit.name),
        if measured { format!("{}{unit}", number(limit.value)) } else { "not measured".into() },
        format!("{bound} {}{unit}", number(limit.limit)),
        if measured { format!("margin {}{unit}", number(limit.margin)) } else { String::new() },
    ]
}

/// A number for people: whole if it is, else three decimals, else as many digits as it takes to see it.
fn number(value: f64) -> String {
    if !value.is_finite() {
        "-".into()
    } else if value.abs() >= 1e7 || (value != 0.0 && value.abs() < 5e-4) {
        format!("{value:.2e}")
    } else if value == value.trunc() {
        format!("{}", value as i64)
    } else {
        format!("{value:.3}")
    }
}

/// `text` without characters that would move a cursor, break a line or end an XML document.
fn printable(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') { '\u{fffd}' } else { c })
        .collect()
}

/// As [`printable`], keeping the lines apart.
fn printable_lines(text: &str) -> impl Iterator<Item = String> {
    text.lines().map(printable)
}
