//! Running scenarios side by side.

use super::outside;
use super::progress::Progress;
use crate::output::OutFile;
use crate::status::{Failure, Status};
use skidpad_engine::{Outcome, RunOptions, TraceSample};
use skidpad_links::{Met, Wanted};
use skidpad_report::{Column, Event, ScenarioResult, TraceError, TraceWriter};
use skidpad_scenario::LoadedScenario;
use skidpad_score::Metrics;
use std::any::Any;
use std::cell::OnceCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Instant;

/// Samples in a simulated second.
const SAMPLES_HZ: u32 = 100;

/// Scenarios to run, and how.
pub struct Suite<'a> {
    pub scenarios: &'a [LoadedScenario],
    pub options: RunOptions,
    /// What each scenario meets outside.
    pub outside: Wanted,
    /// Folder of the traces.
    pub out: Option<&'a Path>,
    /// Threads.
    pub jobs: usize,
    /// Set by whoever wants the suite to stop.
    pub stop: &'a AtomicBool,
}

/// A scenario that is over.
#[derive(Debug)]
pub struct Finished {
    pub result: ScenarioResult,
    /// The exit status that it asks for.
    pub status: Status,
}

impl Suite<'_> {
    /// Runs all; the results are in the order of the scenarios.
    pub fn run(&self, progress: &Progress) -> Vec<Finished> {
        let next = AtomicUsize::new(0);
        let results: Vec<OnceLock<Finished>> = self.scenarios.iter().map(|_| OnceLock::new()).collect();
        let work = || {
            loop {
                let index = next.fetch_add(1, Ordering::Relaxed);
                let Some(scenario) = self.scenarios.get(index) else { break };
                // In a thread of its own: the real-time priority that a run may have asked for ends with it.
                let finished =
                    std::thread::scope(|own| own.spawn(|| self.run_one(scenario, progress)).join())
                        .expect("a panic is caught");
                progress.finished(&finished);
                results[index].set(finished).expect("each scenario is run once");
            }
        };
        std::thread::scope(|scope| {
            for _ in 0..self.jobs.min(self.scenarios.len()) {
                scope.spawn(work);
            }
        });
        results.into_iter().map(|result| result.into_inner().expect("each scenario is run")).collect()
    }

    fn run_one(&self, scenario: &LoadedScenario, progress: &Progress) -> Finished {
        let started = Instant::now();
        let ran = guarded(|| self.simulate(scenario, progress));
        let mut result = ScenarioResult {
            name: scenario.scenario.name.clone(),
            file: scenario.file.display().to_string(),
            seed: self.options.seed.unwrap_or(scenario.scenario.seed),
            verdict: None,
            metrics: Metrics::default(),
            events: Vec::new(),
            truth_hash: String::new(),
            simulated_s: 0.0,
            wall_s: 0.0,
            error: None,
            invalid: None,
            explanations: Vec::new(),
            outside: None,
        };
        let status = match ran {
            Ok((outcome, met)) => {
                let passed = outcome.verdict.passed;
                result.metrics = outcome.metrics;
                result.verdict = Some(outcome.verdict);
                result.events = outcome
                    .events
                    .into_iter()
                    .map(|event| Event { time_s: event.time_s, name: event.name, detail: event.detail })
                    .collect();
                result.truth_hash = outcome.truth_hash;
                result.simulated_s = outcome.simulated_s;
                result.explanations = outcome.explanations;
                result.explanations.extend(met.iter().flat_map(Met::sentences));
                result.outside = met.as_ref().map(outside::numbers);
                result.invalid = met.as_ref().and_then(Met::invalid);
                result.error = outcome.lost;
                match (&result.error, &result.invalid) {
                    (None, None) if passed => Status::Passed,
                    (None, None) => Status::Failed,
                    _ => Status::External,
                }
            }
            Err(failure) => {
                result.error = Some(failure.message);
                failure.status
            }
        };
        result.wall_s = started.elapsed().as_secs_f64();
        Finished { result, status }
    }

    fn simulate(
        &self,
        scenario: &LoadedScenario,
        progress: &Progress,
    ) -> Result<(Outcome, Option<Met>), Failure> {
        let interrupted = || Failure::new(Status::Interrupted, "not run to its end: interrupted");
        if self.stop.load(Ordering::Relaxed) {
            return Err(interrupted());
        }
        let mut trace = match self.out {
            Some(folder) => Some(trace_file(&folder.join(&scenario.folder).join("trace.csv"))?),
            None => None,
        };
        let failed: OnceCell<TraceError> = OnceCell::new();
        let mut samples = 0;
        let on_sample = |sample: &TraceSample| {
            samples += 1;
            if samples % SAMPLES_HZ == 0 {
                progress.second();
            }
            if let Some(Err(error)) = trace.as_mut().map(|trace| trace.row(&sample.values())) {
                let _ = failed.set(error);
            }
        };
        let stop = || failed.get().is_some() || self.stop.load(Ordering::Relaxed);
        let (ran, met) =
            self.outside.run(scenario, &self.options, on_sample, stop, |words| eprintln!("{words}"))?;
        if let Some(error) = failed.into_inner() {
            return Err(Failure::usage(error));
        }
        let outcome = ran.ok_or_else(interrupted)?;
        if let Some(trace) = trace {
            trace.finish().map_err(Failure::usage)?.finish()?;
        }
        Ok((outcome, met))
    }
}

/// A bug in one scenario shall not cost the results of the others.
fn guarded<T>(work: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let message = format!("internal error, please report it: {}", words(panic.as_ref()));
        Err(Failure::new(Status::Internal, message))
    })
}

fn words(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("panic")
}

fn trace_file(path: &Path) -> Result<TraceWriter<OutFile>, Failure> {
    let columns: Vec<Column> =
        TraceSample::COLUMNS.iter().map(|(name, decimals)| Column::new(name, *decimals)).collect();
    TraceWriter::new(OutFile::create(path)?, &columns).map_err(Failure::usage)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_an_internal_error_with_its_words() {
        let failure = guarded(|| -> Result<(), Failure> { panic!("wheel {} fell off", 3) }).unwrap_err();
        assert_eq!(failure.status, Status::Internal);
        assert!(failure.message.contains("wheel 3 fell off"), "{}", failure.message);
    }

    #[test]
    fn statuses_are_ordered_by_importance() {
        use Status::{External, Failed, Internal, Interrupted, Passed, Usage};
        assert!(
            Passed < Failed
                && Failed < Usage
                && Usage < External
                && External < Internal
                && Internal < Interrupted
        );
    }
}
