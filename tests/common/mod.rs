//! Running the built program as a user does.

// Each test file uses its own part of this.
#![allow(dead_code)]

pub mod peers;

use serde_json::Value;
use std::collections::BTreeMap;
use std::f64::consts::PI;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// The folder with scenarios/, vehicles/ and maps/.
pub fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// How a run of the program ended.
#[derive(Debug)]
pub struct Run {
    pub arguments: String,
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Run {
    /// Checks the exit status, and that nothing panicked.
    #[track_caller]
    pub fn expect(self, code: i32) -> Run {
        assert_eq!(self.code, Some(code), "skidpad {}\n{}\n{}", self.arguments, self.stdout, self.stderr);
        assert!(!self.stderr.contains("panicked"), "skidpad {}\n{}", self.arguments, self.stderr);
        self
    }

    /// Checks that the file was refused (exit status 2) with `place` (`file:line:column` or a part of it) and
    /// every one of `words` in the message.
    #[track_caller]
    pub fn expect_refusal(self, place: &str, words: &[&str]) -> Run {
        let run = self.expect(2);
        for word in std::iter::once(&place).chain(words) {
            assert!(run.stderr.contains(word), "`{word}` is not in the message:\n{}", run.stderr);
        }
        run
    }
}

/// Runs `skidpad` in the repository.
pub fn skidpad(arguments: &[&str]) -> Run {
    skidpad_in(repository(), arguments)
}

/// Runs `skidpad` in a folder. A run that takes minutes hangs, and fails.
pub fn skidpad_in(folder: &Path, arguments: &[&str]) -> Run {
    let mut child = Command::new(env!("CARGO_BIN_EXE_skidpad"))
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("skidpad starts");
    let stdout = child.stdout.take().unwrap();
    let stderr = child.stderr.take().unwrap();
    let stdout = std::thread::spawn(move || std::io::read_to_string(stdout).expect("UTF-8"));
    let stderr = std::thread::spawn(move || std::io::read_to_string(stderr).expect("UTF-8"));
    let started = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if started.elapsed() > Duration::from_secs(300) {
            child.kill().unwrap();
            panic!("skidpad {} hangs", arguments.join(" "));
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    Run {
        arguments: arguments.join(" "),
        code: status.code(),
        stdout: stdout.join().unwrap(),
        stderr: stderr.join().unwrap(),
    }
}

/// A folder of its own for one test, empty at its start.
pub struct Story(PathBuf);

impl Story {
    pub fn new(name: &str) -> Story {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        Story(folder)
    }

    pub fn folder(&self) -> &Path {
        &self.0
    }

    /// Path of a file in the folder, as an argument.
    pub fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_string()
    }

    /// Writes a file in the folder and returns its path.
    pub fn file(&self, name: &str, text: impl AsRef<[u8]>) -> String {
        let path = self.0.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_string()
    }
}

/// A CSV file with a header: columns by name.
pub struct Table {
    header: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Table {
    pub fn read(path: &str) -> Table {
        Table::parse(&fs::read_to_string(path).unwrap())
    }

    pub fn parse(text: &str) -> Table {
        let mut lines = text.lines().map(|line| line.split(',').map(str::to_string).collect::<Vec<_>>());
        let header: Vec<String> = lines.next().expect("a header");
        let rows: Vec<Vec<String>> = lines.collect();
        assert!(rows.iter().all(|row| row.len() == header.len()), "every row is as long as the header");
        Table { header, rows }
    }

    pub fn texts(&self, column: &str) -> Vec<&str> {
        let at = self.header.iter().position(|name| name == column);
        let at = at.unwrap_or_else(|| panic!("no column {column} in {:?}", self.header));
        self.rows.iter().map(|row| row[at].as_str()).collect()
    }

    pub fn numbers(&self, column: &str) -> Vec<f64> {
        self.texts(column).iter().map(|text| text.parse().expect("a number")).collect()
    }
}

/// The report in a folder of results.
pub fn report(folder: &str) -> Value {
    serde_json::from_str(&fs::read_to_string(Path::new(folder).join("report.json")).unwrap()).unwrap()
}

/// Every file below a folder but the wall times, by its path there.
pub fn results(folder: &str) -> BTreeMap<String, Vec<u8>> {
    fn walk(folder: &Path, at: &str, found: &mut BTreeMap<String, Vec<u8>>) {
        for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
            let name = format!("{at}/{}", entry.file_name().to_str().unwrap());
            if entry.path().is_dir() {
                walk(&entry.path(), &name, found);
            } else if name != "/timing.json" {
                found.insert(name, fs::read(entry.path()).unwrap());
            }
        }
    }
    let mut found = BTreeMap::new();
    walk(Path::new(folder), "", &mut found);
    found
}

/// What the first scenario of a run met outside, by its wall times.
pub fn outside(folder: &str) -> Value {
    let text = fs::read_to_string(Path::new(folder).join("timing.json")).unwrap();
    serde_json::from_str::<Value>(&text).unwrap()["scenarios"][0]["outside"].clone()
}

/// Linear interpolation; `x` rises.
pub fn at(x: &[f64], y: &[f64], wanted: f64) -> f64 {
    let next = x.partition_point(|x| *x < wanted).clamp(1, x.len() - 1);
    let share = (wanted - x[next - 1]) / (x[next] - x[next - 1]);
    y[next - 1] + share * (y[next] - y[next - 1])
}

/// Angles, rad, without their jumps by whole turns.
pub fn unwrapped(angles: &[f64]) -> Vec<f64> {
    let mut turned = vec![angles[0]];
    for angle in &angles[1..] {
        let last = turned[turned.len() - 1];
        turned.push(last + (angle - last + PI).rem_euclid(2.0 * PI) - PI);
    }
    turned
}

pub fn rms(values: &[f64]) -> f64 {
    (values.iter().map(|value| value * value).sum::<f64>() / values.len() as f64).sqrt()
}

/// True, said aloud, if the machine was too slow for a run on the clock, which then is invalid: nothing else can be
/// checked.
pub fn too_slow(folder: &str) -> bool {
    let slow = report(folder)["scenarios"][0]["verdict"] == "invalid";
    if slow {
        skidpad_test_support::skip("the machine is too slow for a run on the clock just now");
    }
    slow
}
