//! report.json and timing.json.

use crate::table::times_real_time;
use crate::{Count, Event, Outcome, OutsideResult, ScenarioResult};
use serde::Serialize;
use skidpad_score::{LimitResult, Metrics};

/// Value of `schema` in report.json. It changes when a key is renamed, removed or given another meaning.
pub const REPORT_SCHEMA: &str = "skidpad.report/1";

/// Value of `schema` in timing.json.
pub const TIMING_SCHEMA: &str = "skidpad.timing/1";

#[derive(Serialize)]
struct Report<'a> {
    schema: &'static str,
    skidpad_version: &'static str,
    count: Count,
    scenarios: Vec<Scenario<'a>>,
}

#[derive(Serialize)]
struct Scenario<'a> {
    name: &'a str,
    file: &'a str,
    seed: u64,
    verdict: Outcome,
    error: Option<&'a str>,
    simulated_s: f64,
    truth_hash: &'a str,
    metrics: &'a Metrics,
    limits: &'a [LimitResult],
    events: &'a [Event],
    explanations: &'a [String],
}

#[derive(Serialize)]
struct Timing<'a> {
    schema: &'static str,
    skidpad_version: &'static str,
    simulated_s: f64,
    wall_s: f64,
    scenarios: Vec<ScenarioTiming<'a>>,
}

#[derive(Serialize)]
struct ScenarioTiming<'a> {
    name: &'a str,
    file: &'a str,
    simulated_s: f64,
    wall_s: f64,
    times_real_time: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    outside: Option<&'a OutsideResult>,
}

impl<'a> Scenario<'a> {
    fn of(result: &'a ScenarioResult) -> Self {
        let verdict = result.outcome();
        Scenario {
            name: &result.name,
            file: &result.file,
            seed: result.seed,
            verdict,
            error: matches!(verdict, Outcome::Error | Outcome::Invalid).then(|| result.error_text()),
            simulated_s: result.simulated_s,
            truth_hash: &result.truth_hash,
            metrics: &result.metrics,
            limits: result.verdict.as_ref().map_or(&[], |verdict| &verdict.limits),
            events: &result.events,
            explanations: &result.explanations,
        }
    }
}

/// The results as JSON, ending with a newline. Keys have a fixed order, numbers that are not finite are
/// `null`, and nothing depends on the machine or the hour: equal results give equal bytes.
pub fn report_json(results: &[ScenarioResult]) -> String {
    pretty(&Report {
        schema: REPORT_SCHEMA,
        skidpad_version: env!("CARGO_PKG_VERSION"),
        count: Count::of(results),
        scenarios: results.iter().map(Scenario::of).collect(),
    })
}

/// Wall times as JSON, ending with a newline. `wall_s` of the suite is the sum over the scenarios, which
/// may have run side by side.
pub fn timing_json(results: &[ScenarioResult]) -> String {
    pretty(&Timing {
        schema: TIMING_SCHEMA,
        skidpad_version: env!("CARGO_PKG_VERSION"),
        simulated_s: results.iter().map(|result| result.simulated_s).sum(),
        wall_s: results.iter().map(|result| result.wall_s).sum(),
        scenarios: results
            .iter()
            .map(|result| ScenarioTiming {
                name: &result.name,
                file: &result.file,
                simulated_s: result.simulated_s,
                wall_s: result.wall_s,
                times_real_time: times_real_time(result.simulated_s, result.wall_s),
                outside: result.outside.as_ref(),
            })
            .collect(),
    })
}

fn pretty(value: &impl Serialize) -> String {
    let mut text = serde_json::to_string_pretty(value).expect("plain data with string keys is JSON");
    text.push('\n');
    text
}
