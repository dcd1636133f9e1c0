//! The program as a whole: a process of its own, from its start to its reports.

use super::median;
use crate::output::write_file;
use crate::status::{Failure, Status};
use serde::Serialize;
use skidpad_scenario::DATA_ENV;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long a process took.
#[derive(Serialize)]
pub struct Timed {
    pub wall_s: f64,
    pub simulated_s: f64,
}

/// What was measured.
pub struct Process {
    pub timed: Timed,
    pub rss_mb: Option<f64>,
}

/// Runs `skidpad run` on the text of a scenario with the library in `root`, `repeats` times for the wall time
/// and once for the memory.
pub fn measure(scenario: &str, root: &Path, repeats: u32) -> Result<Process, Failure> {
    let folder = Folder::new()?;
    let file = folder.0.join("bench.toml");
    write_file(&file, scenario)?;
    let program = std::env::current_exe().map_err(|error| start_error(&error))?;
    let start = || {
        Command::new(&program)
            .args(["run", "--quiet", "--jobs", "1", "--out"])
            .args([folder.0.join("out"), file.clone()])
            .env(DATA_ENV, root)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| start_error(&error))
    };

    let mut rss_mb = None;
    let mut watched = start()?;
    while watched.try_wait().map_err(|error| start_error(&error))?.is_none() {
        rss_mb = peak_memory_mb(&watched).or(rss_mb);
        std::thread::sleep(Duration::from_millis(1));
    }

    let mut wall = Vec::new();
    for _ in 0..repeats {
        let started = Instant::now();
        let status = start()?.wait().map_err(|error| start_error(&error))?;
        wall.push(started.elapsed().as_secs_f64());
        if status.code() != Some(Status::Passed as i32) {
            return Err(Failure::new(Status::Internal, format!("the measured process ended with {status}")));
        }
    }
    let simulated_s = simulated_s(&folder.0.join("out/report.json"))?;
    Ok(Process { timed: Timed { wall_s: median(wall), simulated_s }, rss_mb })
}

/// The most memory that the process has had resident so far, MB, where Linux tells.
fn peak_memory_mb(child: &Child) -> Option<f64> {
    let status = fs::read_to_string(format!("/proc/{}/status", child.id())).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: f64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024.0 / 1e6)
}

/// That the process did what it was measured for.
fn simulated_s(report: &Path) -> Result<f64, Failure> {
    let wrong = |what: &dyn std::fmt::Display| {
        Failure::new(Status::Internal, format!("{}: {what}", report.display()))
    };
    let text = fs::read_to_string(report).map_err(|error| wrong(&error))?;
    let report: serde_json::Value = serde_json::from_str(&text).map_err(|error| wrong(&error))?;
    report["scenarios"][0]["simulated_s"].as_f64().ok_or_else(|| wrong(&"no simulated_s"))
}

pub fn start_error(error: &std::io::Error) -> Failure {
    Failure::new(Status::Internal, format!("skidpad cannot be started for the measurement: {error}"))
}

/// A temporary folder.
pub struct Folder(pub PathBuf);

impl Folder {
    pub fn new() -> Result<Folder, Failure> {
        let path = std::env::temp_dir().join(format!("skidpad-bench-{}", std::process::id()));
        fs::create_dir_all(&path).map_err(|error| Failure::write(&path.display().to_string(), &error))?;
        Ok(Folder(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
