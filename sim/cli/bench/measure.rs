//! Time, and the machine that it passed on.

use crate::status::Failure;
use serde::Serialize;
use std::fs;
use std::time::{Duration, Instant};

/// How fast something was simulated: medians over the repeats.
#[derive(Serialize)]
pub struct Rates {
    pub sim_s_per_cpu_s: f64,
    pub sim_s_per_wall_s: f64,
    /// Simulated time of one repeat, s.
    pub simulated_s: f64,
}

impl Rates {
    /// Measures `work`, which returns how many seconds it has simulated on this thread.
    pub fn of(repeats: u32, mut work: impl FnMut() -> Result<f64, Failure>) -> Result<Rates, Failure> {
        let mut per_cpu = Vec::new();
        let mut per_wall = Vec::new();
        let mut simulated_s = 0.0;
        for _ in 0..repeats {
            let (cpu, wall) = (thread_cpu_s(), Instant::now());
            simulated_s = work()?;
            let wall_s = wall.elapsed().as_secs_f64();
            let cpu_s = cpu.zip(thread_cpu_s()).map_or(wall_s, |(before, after)| after - before);
            per_cpu.push(simulated_s / cpu_s);
            per_wall.push(simulated_s / wall_s);
        }
        Ok(Rates { sim_s_per_cpu_s: median(per_cpu), sim_s_per_wall_s: median(per_wall), simulated_s })
    }
}

/// The middle one, or the mean of the two in the middle.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    if values.len() % 2 == 1 { values[middle] } else { 0.5 * (values[middle - 1] + values[middle]) }
}

/// CPU time of this thread so far, s, where Linux tells it to the nanosecond.
fn thread_cpu_s() -> Option<f64> {
    // Linux counts when a thread leaves the CPU or at a timer tick, milliseconds apart: leave it.
    std::thread::sleep(Duration::from_micros(10));
    let text = fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    let on_cpu_ns: f64 = text.split_whitespace().next()?.parse().ok()?;
    // A kernel without scheduler statistics says 0.
    (on_cpu_ns > 0.0).then_some(on_cpu_ns * 1e-9)
}

/// Where CPU times come from.
pub fn cpu_clock() -> &'static str {
    match thread_cpu_s() {
        Some(_) => "time on the CPU by /proc/thread-self/schedstat",
        None => "this system does not tell it: wall time is used instead",
    }
}

/// The machine.
#[derive(Serialize)]
pub struct Machine {
    pub cpu: String,
    pub cores: usize,
    pub os: String,
}

impl Machine {
    /// This machine.
    pub fn this() -> Machine {
        let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let model = info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'));
        Machine {
            cpu: model.map_or("unknown CPU", |(_, name)| name.trim()).to_string(),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            os: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::median;

    #[test]
    fn the_median_is_in_the_middle() {
        assert_eq!(median(vec![3.0, 1.0, 100.0]), 3.0);
        assert_eq!(median(vec![4.0, 1.0, 2.0, 100.0]), 3.0);
        assert_eq!(median(vec![7.0]), 7.0);
    }
}
