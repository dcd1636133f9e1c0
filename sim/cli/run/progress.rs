//! Progress of a suite: a bar on a terminal, plain lines without one.

use super::suite::Finished;
use indicatif::{ProgressBar, ProgressStyle};
use skidpad_report::Outcome;
use skidpad_scenario::LoadedScenario;
use std::io::{IsTerminal, Write};
use std::sync::atomic::{AtomicUsize, Ordering};

/// Shared by the threads of a suite.
pub struct Progress {
    bar: ProgressBar,
    /// Write lines instead of the bar.
    lines: bool,
    scenarios: usize,
    finished: AtomicUsize,
}

impl Progress {
    /// The progress of these scenarios on standard error.
    pub fn new(scenarios: &[LoadedScenario], quiet: bool) -> Progress {
        let terminal = std::io::stderr().is_terminal();
        let bar = if terminal && !quiet {
            let simulated_s: f64 = scenarios.iter().map(|s| s.scenario.duration_s.floor()).sum();
            let style = ProgressStyle::with_template("{bar:30} {pos}/{len} s simulated  {wide_msg}")
                .expect("the template is right");
            ProgressBar::new(simulated_s as u64).with_style(style)
        } else {
            ProgressBar::hidden()
        };
        Progress {
            bar,
            lines: !terminal && !quiet,
            scenarios: scenarios.len(),
            finished: AtomicUsize::new(0),
        }
    }

    /// One more second has been simulated.
    pub fn second(&self) {
        self.bar.inc(1);
    }

    /// One more scenario is over.
    pub fn finished(&self, finished: &Finished) {
        let result = &finished.result;
        let number = self.finished.fetch_add(1, Ordering::Relaxed) + 1;
        self.bar.set_message(format!("{number}/{} {}", self.scenarios, result.name));
        if self.lines {
            let word = match result.outcome() {
                Outcome::Pass => "pass ",
                Outcome::Fail => "FAIL ",
                Outcome::Error => "ERROR",
                Outcome::Invalid => "INVALID",
            };
            let (name, wall_s, of) = (&result.name, result.wall_s, self.scenarios);
            // A closed standard error is no reason to stop.
            let _ = writeln!(std::io::stderr(), "[{number}/{of}] {word} {name} ({wall_s:.2} s)");
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
