//! How evenly the frames of a running car arrive at a peer.

use super::process::{Folder, start_error};
use super::{Machine, SCENARIO};
use crate::output::write_file;
use crate::status::{Failure, Status};
use serde::Serialize;
use skidpad_links::{CanLink, LinkName, RealtimePriority};
use skidpad_scenario::DATA_ENV;
use std::fmt::Write;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// The steering report, every 10 ms.
const REPORT: (u16, Duration) = (0x065, Duration::from_millis(10));
/// The length of the run in the scenario, and here: a little longer than it is watched.
const DURATION: [&str; 2] = ["duration_s = 30.0", "duration_s = 11.0"];
/// How long each link is watched, and how much of that at the beginning does not count.
const WATCH: Duration = Duration::from_secs(10);
const SETTLE: Duration = Duration::from_millis(500);
/// How often the peer looks: what it adds to the jitter.
const LOOK_EVERY: Duration = Duration::from_micros(20);

/// How far the time between two frames was from their period.
#[derive(Serialize)]
pub struct Jitter {
    link: String,
    frames: usize,
    p50_us: f64,
    p99_us: f64,
    max_us: f64,
    /// How late the car's ticks began, by the car's own clock: what is left is the way to the peer, and the peer.
    tick_p99_us: f64,
    tick_max_us: f64,
}

#[derive(Serialize)]
pub struct LinksBench {
    schema: &'static str,
    skidpad_version: &'static str,
    period_ms: u64,
    links: Vec<Jitter>,
    /// What the system said to the wish for real-time priority, if there was one.
    #[serde(skip_serializing_if = "Option::is_none")]
    realtime_priority: Option<String>,
    machine: Machine,
    build: &'static str,
}

/// A running simulator, ended with this value.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Runs a car in a process of its own, in real time, with each link in turn, and watches it from here.
pub fn measure(
    names: &[LinkName],
    realtime: bool,
    root: &Path,
    build: &'static str,
) -> Result<LinksBench, Failure> {
    let folder = Folder::new()?;
    let file = folder.0.join("bench.toml");
    write_file(&file, &SCENARIO.replace(DURATION[0], DURATION[1]))?;
    // What the peer will be told too.
    let realtime_priority = realtime.then(|| std::thread::spawn(RealtimePriority::ask).join());
    let realtime_priority = realtime_priority.and_then(Result::ok).map(|answer| answer.to_string());
    let links = names.iter().map(|name| watch(name, realtime, &folder.0, root)).collect::<Result<_, _>>()?;
    Ok(LinksBench {
        schema: "skidpad.bench-links/1",
        skidpad_version: env!("CARGO_PKG_VERSION"),
        period_ms: REPORT.1.as_millis() as u64,
        links,
        realtime_priority,
        machine: Machine::this(),
        build,
    })
}

fn watch(name: &LinkName, realtime: bool, folder: &Path, root: &Path) -> Result<Jitter, Failure> {
    let program = std::env::current_exe().map_err(|error| start_error(&error))?;
    let child = Command::new(program)
        .args(["run", "--quiet", "--pace", "real", "--can", &name.to_string()])
        .args(realtime.then_some("--realtime-priority"))
        .arg("--out")
        .arg(folder.join("out"))
        .arg(folder.join("bench.toml"))
        .env(DATA_ENV, root)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| start_error(&error))?;
    let mut running = Running(child);
    let mut said = String::new();
    let mut lines = BufReader::new(running.0.stderr.take().expect("it is piped"));
    let shown = loop {
        let start = said.len();
        if lines.read_line(&mut said).map_err(|error| start_error(&error))? == 0 {
            return Err(Failure::usage(format!("{name}: no link was opened: {}", said.trim())));
        }
        if let Some(shown) = said[start..].trim().strip_prefix("link ") {
            break shown.to_string();
        }
    };
    let mut peer = CanLink::attach(&shown.parse().map_err(Failure::usage)?).map_err(Failure::usage)?;
    let began = Instant::now();
    let mut listen = || {
        if realtime {
            // The peer's delays would be taken for the car's. In this thread alone: the next car shall not inherit it.
            let _ = RealtimePriority::ask();
        }
        let mut arrivals = Vec::new();
        while began.elapsed() < WATCH && peer.expects_peers() {
            peer.poll(|_, frame| {
                if frame.id == REPORT.0 {
                    arrivals.push(Instant::now());
                }
            });
            std::thread::sleep(LOOK_EVERY);
        }
        arrivals
    };
    let mut arrivals = std::thread::scope(|scope| scope.spawn(&mut listen).join())
        .map_err(|_| Failure::new(Status::Internal, "the peer panicked"))?;
    // The rest of what it says, or it might wait for a reader; then its results are there.
    std::io::copy(&mut lines, &mut std::io::sink()).map_err(|error| start_error(&error))?;
    running.0.wait().map_err(|error| start_error(&error))?;
    let [tick_p99_us, tick_max_us] = tick_lateness(&folder.join("out/timing.json"))?;
    arrivals.retain(|at| at.duration_since(began) > SETTLE);
    let gaps = arrivals.windows(2).map(|pair| pair[1].duration_since(pair[0]));
    let mut off_us: Vec<f64> = gaps.map(|gap| gap.abs_diff(REPORT.1).as_nanos() as f64 * 1e-3).collect();
    off_us.sort_by(f64::total_cmp);
    let at = |share: f64| off_us.get((share * off_us.len() as f64) as usize).or(off_us.last()).copied();
    let (Some(p50_us), Some(p99_us), Some(max_us)) = (at(0.5), at(0.99), at(1.0)) else {
        return Err(Failure::new(Status::External, format!("{shown}: no frames came")));
    };
    Ok(Jitter { link: shown, frames: arrivals.len(), p50_us, p99_us, max_us, tick_p99_us, tick_max_us })
}

/// How late the ticks of the run began: 99th percentile and maximum, µs.
fn tick_lateness(timing: &Path) -> Result<[f64; 2], Failure> {
    let wrong = |what: &dyn std::fmt::Display| {
        Failure::new(Status::Internal, format!("{}: {what}", timing.display()))
    };
    let text = std::fs::read_to_string(timing).map_err(|error| wrong(&error))?;
    let timing: serde_json::Value = serde_json::from_str(&text).map_err(|error| wrong(&error))?;
    let pace = &timing["scenarios"][0]["outside"]["pace"];
    match [&pace["lateness_p99_us"], &pace["lateness_max_us"]].map(serde_json::Value::as_f64) {
        [Some(p99_us), Some(max_us)] => Ok([p99_us, max_us]),
        _ => Err(wrong(&"no pace")),
    }
}

/// For people.
pub fn text(bench: &LinksBench) -> String {
    let LinksBench { machine, links, .. } = bench;
    let mut text = String::new();
    let mut line = |args: std::fmt::Arguments| writeln!(text, "{args}").expect("a string takes everything");
    line(format_args!("skidpad {}, {} build", bench.skidpad_version, bench.build));
    line(format_args!("machine     {}, {} cores, {}", machine.cpu, machine.cores, machine.os));
    line(format_args!("conditions  real-time pace, frame 0x065 every 10 ms, seen by a peer for 10 s"));
    if let Some(answer) = &bench.realtime_priority {
        line(format_args!("priority    real time, of car and peer: {answer}"));
    }
    line(format_args!(""));
    line(format_args!(
        "{:40}{:>8}{:>10}{:>10}{:>10}{:>12}{:>10}",
        "off the period, ms", "frames", "p50", "p99", "max", "ticks p99", "max"
    ));
    for link in links {
        let ms = |us: f64| us * 1e-3;
        line(format_args!(
            "  {:38}{:8}{:10.3}{:10.3}{:10.3}{:12.3}{:10.3}",
            link.link,
            link.frames,
            ms(link.p50_us),
            ms(link.p99_us),
            ms(link.max_us),
            ms(link.tick_p99_us),
            ms(link.tick_max_us)
        ));
    }
    text
}
