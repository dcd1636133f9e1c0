//! Peers from outside: Python with its CAN libraries, and network namespaces for what may not reach the machine's own
//! networks.

use super::repository;
use serde_json::Value;
use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// True if Python has these modules (`"can, cantools"`); else says what is skipped.
pub fn has_python(modules: &str) -> bool {
    let check =
        Command::new("python3").args(["-c", &format!("import {modules}")]).stderr(Stdio::null()).status();
    let there = check.is_ok_and(|status| status.success());
    if !there {
        skidpad_test_support::skip(&format!("Python with {modules} is not installed"));
    }
    there
}

/// What a Python script with these arguments prints for `input`.
pub fn python(script: &str, arguments: &[&str], input: String) -> String {
    let mut python = Command::new("python3")
        .args(["-c", script])
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python3 starts");
    let mut stdin = python.stdin.take().unwrap();
    let writer = std::thread::spawn(move || stdin.write_all(input.as_bytes()));
    let output = python.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    assert!(output.status.success(), "the script failed");
    String::from_utf8(output.stdout).unwrap()
}

/// The layout of the Lincoln's bus, as an argument.
pub fn lincoln_dbc() -> String {
    repository().join("vehicles/lincoln_mkz/bywire.dbc").to_str().unwrap().to_string()
}

/// A straight road, a car at rest, and a canbus from outside.
pub fn canbus_outside(duration_s: f64) -> String {
    format!(
        r#"schema = 1
name = "outside"
vehicle = "lincoln_mkz"
map = "proving_ground"
duration_s = {duration_s:?}
start = {{ on = "straight", station_m = 5.0 }}
[stack]
canbus = "external"
[pass]
stopped = true
"#
    )
}

/// Where programs run: here, or in a network namespace that is removed with this value.
pub struct Place(Option<String>);

impl Place {
    /// On this machine.
    pub const HERE: Place = Place(None);

    /// A namespace of its own, with nothing in it but a loopback interface that is up and carries the IPv4
    /// multicast groups 239.0.0.0/8; `None`, said aloud, where that is not permitted.
    pub fn apart(name: &str) -> Option<Place> {
        let name = format!("skidpad-{name}-{}", std::process::id());
        if !ip(&["netns", "add", &name]) {
            skidpad_test_support::skip("no network namespace may be made here (needs iproute2 and root)");
            return None;
        }
        let place = Place(Some(name));
        assert!(place.ip(&["link", "set", "lo", "up"]));
        assert!(place.ip(&["route", "add", "239.0.0.0/8", "dev", "lo"]));
        Some(place)
    }

    /// `ip ARGUMENTS` in the namespace; true if it did what it should.
    pub fn ip(&self, arguments: &[&str]) -> bool {
        let name = self.0.as_deref().expect("a namespace");
        ip(&[&["-n", name], arguments].concat())
    }

    /// A command that runs here.
    pub fn command(&self, program: &str) -> Command {
        match &self.0 {
            None => Command::new(program),
            Some(name) => {
                let mut command = Command::new("ip");
                command.args(["netns", "exec", name, program]);
                command
            }
        }
    }

    /// `skidpad ARGUMENTS`, in the repository.
    pub fn skidpad(&self, arguments: &[&str]) -> Running {
        let mut child = self
            .command(env!("CARGO_BIN_EXE_skidpad"))
            .args(arguments)
            .current_dir(repository())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("skidpad starts");
        let stdout = child.stdout.take().unwrap();
        let stdout = std::thread::spawn(move || std::io::read_to_string(stdout).expect("UTF-8"));
        let stderr = BufReader::new(child.stderr.take().unwrap());
        Running { child, stdout: Some(stdout), stderr }
    }

    /// Lets the stranger of `tests/peers/drive.py` drive, as python-can names interface and channel, to its end.
    pub fn drive(&self, interface: &str, channel: &str, options: &[&str]) -> Value {
        let output = self
            .command("python3")
            .arg(repository().join("tests/peers/drive.py"))
            .args([interface, channel, &lincoln_dbc()])
            .args(options)
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        serde_json::from_str(&text)
            .unwrap_or_else(|_| panic!("{text}\n{}", String::from_utf8_lossy(&output.stderr)))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(name) = &self.0 {
            ip(&["netns", "del", name]);
        }
    }
}

fn ip(arguments: &[&str]) -> bool {
    let done = Command::new("ip").args(arguments).stdout(Stdio::null()).stderr(Stdio::null()).status();
    done.is_ok_and(|status| status.success())
}

/// What a peer that drove to 5 m/s and stopped must have seen.
#[track_caller]
pub fn drove_and_stopped(seen: &Value) {
    let number = |key: &str| seen[key].as_f64().unwrap_or(f64::NAN);
    assert!((5.0..5.6).contains(&number("top_mps")), "{seen}");
    assert!(number("final_mps") < 0.02, "{seen}");
    assert!((29.0..31.0).contains(&number("brake_pct")), "the achieved value: {seen}");
    assert_eq!(seen["ever_enabled"].as_array().unwrap().len(), 3, "{seen}");
    for (id, least) in [("065", 1000), ("061", 500), ("06A", 1000), ("067", 150)] {
        assert!(seen["counts"][id].as_u64().unwrap_or(0) >= least, "{id}: {seen}");
    }
}

/// True, said aloud, if the machine held the driving peer up for about as long as the units wait for their commands (100 ms,
/// of which its own period takes 20 and a busy terminal as much again): what the car did then is not its fault.
pub fn held_up(seen: &Value) -> bool {
    let held_up = seen["late_s"].as_f64().is_some_and(|late_s| late_s > 0.05);
    if held_up {
        skidpad_test_support::skip("the machine has held the peer up: it is too slow for a drive just now");
    }
    held_up
}

/// Each of these units was enabled and then heard no command for its 100 ms; the others were not. How often: a process
/// that sends may be held up by the machine for so long.
#[track_caller]
pub fn timed_out(out: &str, units: &[&str]) {
    let report = super::report(out);
    let events = report["scenarios"][0]["events"].as_array().unwrap().iter();
    let units_of = events.filter(|event| event["name"] == "bywire_timeout");
    let found: BTreeSet<&str> =
        units_of.map(|event| event["detail"].as_str().unwrap().split(' ').next().unwrap()).collect();
    assert_eq!(found.into_iter().collect::<Vec<_>>(), units, "{report:#}");
}

/// A running `skidpad`; killed if it is dropped before its end.
pub struct Running {
    pub child: Child,
    stdout: Option<std::thread::JoinHandle<String>>,
    stderr: BufReader<std::process::ChildStderr>,
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Running {
    /// Starts it on this machine.
    pub fn start(arguments: &[&str]) -> Running {
        Place::HERE.skidpad(arguments)
    }

    /// The name of the next link that it says it has opened.
    pub fn link(&mut self) -> String {
        self.says("link ")
    }

    /// The rest of the next line on standard error that begins so.
    pub fn says(&mut self, words: &str) -> String {
        let mut line = String::new();
        let mut seen = String::new();
        while self.stderr.read_line(&mut line).unwrap() > 0 {
            if let Some(rest) = line.trim().strip_prefix(words) {
                return rest.to_string();
            }
            seen.push_str(&std::mem::take(&mut line));
        }
        panic!("it never says `{words}`: {seen}");
    }

    /// Waits for its end; the exit status, and what it has said since on standard error and in all on standard output.
    pub fn finish(mut self) -> (Option<i32>, String) {
        let mut text = String::new();
        self.stderr.read_to_string(&mut text).unwrap();
        let started = Instant::now();
        while self.child.try_wait().unwrap().is_none() {
            assert!(started.elapsed() < Duration::from_secs(60), "skidpad hangs");
            std::thread::sleep(Duration::from_millis(5));
        }
        text += &self.stdout.take().map(|stdout| stdout.join().unwrap()).unwrap_or_default();
        (self.child.wait().unwrap().code(), text)
    }
}
