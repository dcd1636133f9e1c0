//! junit.xml.

use crate::{Outcome, ScenarioResult, limit_words, printable, printable_lines};
use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};
use std::time::Duration;

/// The results as JUnit XML, one test case for each scenario: a broken limit is a failure whose text lists
/// all of them, a run that did not reach its end is an error.
///
/// `time` is the *simulated* time, so that equal results give equal bytes; `classname` is the file.
pub fn junit_xml(results: &[ScenarioResult]) -> String {
    let mut suite = TestSuite::new("skidpad");
    for result in results {
        let mut case = TestCase::new(printable(&result.name), status(result));
        case.set_classname(printable(&result.file));
        case.set_time(Duration::try_from_secs_f64(result.simulated_s).unwrap_or_default());
        case.add_property(("seed", result.seed.to_string().as_str()));
        case.add_property(("truth_hash", printable(&result.truth_hash).as_str()));
        suite.add_test_case(case);
    }
    let mut report = Report::new("skidpad");
    report.add_test_suite(suite);
    report.to_string().expect("XML is written to memory")
}

fn status(result: &ScenarioResult) -> TestCaseStatus {
    let outcome = result.outcome();
    if outcome == Outcome::Pass {
        return TestCaseStatus::success();
    }
    let broken: Vec<[String; 4]> = result.broken_limits().map(limit_words).collect();
    let mut lines = Vec::new();
    let (kind, ty, message) = if matches!(outcome, Outcome::Error | Outcome::Invalid) {
        lines.extend(printable_lines(result.error_text()));
        let ty = if outcome == Outcome::Invalid { "invalid" } else { "error" };
        (NonSuccessKind::Error, ty, lines.first().cloned().unwrap_or_default())
    } else {
        let names: Vec<&str> = broken.iter().map(|[name, ..]| name.as_str()).collect();
        let limits = result.verdict.iter().flat_map(|verdict| &verdict.limits).count();
        let message = format!("{} of {limits} limits broken: {}", broken.len(), names.join(", "));
        (NonSuccessKind::Failure, "limit", message)
    };
    for [name, value, bound, margin] in broken {
        let margin = if margin.is_empty() { margin } else { format!(", {margin}") };
        lines.push(format!("{name}: {value}, {bound}{margin}"));
    }
    lines.extend(result.explanations.iter().flat_map(|text| printable_lines(text)));
    let mut status = TestCaseStatus::non_success(kind);
    status.set_type(ty).set_message(message).set_description(lines.join("\n"));
    status
}
