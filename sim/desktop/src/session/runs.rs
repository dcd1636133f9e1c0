//! Runs that lie on the disk, to be laid over this one: traces of the headless runner, recorded drives, exported tables.

use super::{Moment, ReadTraceError, Recording, WheelMoment, column, read_trace};
use skidpad_geo::{MapFrame, wrap_angle};
use skidpad_stack::planning::Recording as RtkRecording;
use std::collections::BTreeSet;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// How deep folders are searched, how many entries are looked at, and how many runs are listed.
const MAX_DEPTH: u32 = 4;
const MAX_ENTRIES: usize = 20_000;
const MAX_FOUND: usize = 300;
/// Bytes of a file that are looked at: its first line is within them.
const HEAD_BYTES: u64 = 4096;
/// A recording whose times are larger has them in Unix time.
const UNIX_TIME_S: f64 = 1e6;

/// What a file of a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunFile {
    /// A `trace.csv` of `skidpad run --out`.
    Trace,
    /// A drive as Apollo's RTK recorder writes it.
    Drive,
}

/// A run on the disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundRun {
    /// Its file.
    pub file: PathBuf,
    /// What the file is.
    pub kind: RunFile,
    /// When it was written.
    pub written: Option<SystemTime>,
}

/// What a file is by its first line; `None` if it is no run or cannot be read.
fn kind(file: &Path) -> Option<RunFile> {
    let mut head = Vec::new();
    std::fs::File::open(file).ok()?.take(HEAD_BYTES).read_to_end(&mut head).ok()?;
    let text = String::from_utf8_lossy(&head);
    let columns: BTreeSet<&str> = text.lines().next()?.split(',').map(str::trim).collect();
    let has = |names: &[&str]| names.iter().all(|name| columns.contains(name));
    if has(&["time_s", "x_m", "y_m", "z_m", "heading_rad"]) {
        Some(RunFile::Trace)
    } else if has(&["x", "y", "speed", "theta", "time"]) {
        Some(RunFile::Drive)
    } else {
        None
    }
}

/// The runs in these folders and those within, newest first. Folders whose name begins with a dot, and `target`, are left
/// out.
pub fn find_runs(folders: &[PathBuf]) -> Vec<FoundRun> {
    let mut found = Vec::new();
    let mut seen = BTreeSet::new();
    let mut entries = 0;
    let mut waiting: Vec<(PathBuf, u32)> = folders.iter().rev().map(|folder| (folder.clone(), 0)).collect();
    while let Some((folder, depth)) = waiting.pop() {
        let Ok(real) = std::fs::canonicalize(&folder) else { continue };
        if !seen.insert(real) {
            continue;
        }
        let Ok(within) = std::fs::read_dir(&folder) else { continue };
        for entry in within.flatten() {
            entries += 1;
            if entries > MAX_ENTRIES {
                break;
            }
            let (path, name) = (entry.path(), entry.file_name());
            // A link may lead round in circles.
            let Ok(about) = entry.metadata() else { continue };
            if about.is_dir() {
                let name = name.to_string_lossy();
                if depth < MAX_DEPTH && !name.starts_with('.') && name != "target" {
                    waiting.push((path, depth + 1));
                }
            } else if about.is_file()
                && path.extension().is_some_and(|ending| ending == "csv")
                && let Some(kind) = kind(&path)
            {
                found.push(FoundRun { file: path, kind, written: about.modified().ok() });
            }
        }
    }
    found.sort_by(|a, b| b.written.cmp(&a.written).then_with(|| a.file.cmp(&b.file)));
    found.truncate(MAX_FOUND);
    found
}

/// Reads a run to be laid over one in a world with this frame: a trace, or a recorded drive.
///
/// # Errors
/// As [`read_trace`]; or it is a recorded drive that cannot be read, or there is no world to lay it into.
pub fn read_run(file: &Path, frame: Option<&MapFrame>) -> Result<Recording, ReadTraceError> {
    if kind(file) != Some(RunFile::Drive) {
        return read_trace(file);
    }
    let fail = |message: String| ReadTraceError { file: file.display().to_string(), message };
    let frame =
        frame.ok_or_else(|| fail("a recorded drive: load a scenario whose map it lies on first".into()))?;
    let bytes = std::fs::read(file).map_err(|error| fail(error.to_string()))?;
    let drive = RtkRecording::parse(&bytes, &file.display().to_string())
        .map_err(|error| fail(error.problem.clone()))?;
    Ok(laid(&drive, frame))
}

/// A recorded drive in the world.
fn laid(drive: &RtkRecording, frame: &MapFrame) -> Recording {
    let first_s = drive.rows()[0].time_s;
    let zero_s = if first_s > UNIX_TIME_S { first_s } else { 0.0 };
    let mut recording = Recording::default();
    for row in drive.rows() {
        let at = frame.utm_to_enu(row.x_m, row.y_m, row.z_m);
        let heading_rad = wrap_angle(row.theta_rad - frame.world_to_grid_heading_rad(at));
        let mut values = [f32::NAN; skidpad_engine::TraceSample::COLUMNS.len()];
        for (name, value) in [
            ("time_s", row.time_s - zero_s),
            ("x_m", at[0]),
            ("y_m", at[1]),
            ("z_m", at[2]),
            ("heading_rad", heading_rad),
            ("speed_mps", row.speed_mps),
            ("ax_mps2", row.acceleration_mps2),
            ("yaw_rate_rps", row.curvature_1pm * row.speed_mps),
            ("throttle_pct", row.throttle_pct),
            ("brake_pct", row.brake_pct),
        ] {
            if let Some(index) = column(name) {
                values[index] = value as f32;
            }
        }
        recording.push(Moment {
            time_s: row.time_s - zero_s,
            position_m: at,
            attitude: skidpad_vehicle::Attitude::from_yaw_pitch_roll(heading_rad, 0.0, 0.0).0,
            wheels: [WheelMoment::default(); 4],
            turn: skidpad_bywire::TurnSignal::Off,
            believed_m: None,
            sigma_m: [0.0; 2],
            beside: None,
            values,
        });
    }
    recording
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::{Run, free_drive, recorded_drive};
    use skidpad_scenario::Library;

    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("skidpad-runs-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).unwrap();
        folder
    }

    const TRACE: &str = "time_s,x_m,y_m,z_m,heading_rad\n0,1,2,3,0\n";

    #[test]
    fn traces_and_recorded_drives_are_found_and_nothing_else() {
        let root = folder("found");
        let put = |name: &str, text: &[u8]| {
            let file = root.join(name);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, text).unwrap();
        };
        put("a/slalom/trace.csv", TRACE.as_bytes());
        put("drive.csv", b"x,y,z,speed,acceleration,curvature,curvature_change_rate,time,theta\n");
        put("table.csv", b"speed,acceleration,command\n");
        put("binary.csv", &[0xff; 9000]);
        put("empty.csv", b"");
        put("trace.txt", TRACE.as_bytes());
        put("target/b/trace.csv", TRACE.as_bytes());
        put(".git/trace.csv", TRACE.as_bytes());
        put("1/2/3/4/trace.csv", TRACE.as_bytes());
        put("1/2/3/4/5/trace.csv", TRACE.as_bytes());
        // Named twice, found once.
        let found = find_runs(&[root.clone(), root.join("a"), root.join("no/such/folder")]);
        let mut names: Vec<_> = found
            .iter()
            .map(|run| (run.file.strip_prefix(&root).unwrap().display().to_string(), run.kind))
            .collect();
        names.sort_by(|a, b| a.0.cmp(&b.0));
        let expected = [
            ("1/2/3/4/trace.csv", RunFile::Trace),
            ("a/slalom/trace.csv", RunFile::Trace),
            ("drive.csv", RunFile::Drive),
        ];
        assert_eq!(names, expected.map(|(name, kind)| (name.to_owned(), kind)));
        std::fs::remove_dir_all(&root).unwrap();
    }

    #[test]
    fn a_recorded_drive_lies_where_it_was_driven() {
        let root = folder("drive");
        let library = Library::at(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")).unwrap();
        let text = free_drive().replace("[start]", "[start]\nspeed_mps = 6.0");
        let mut run =
            Run::load_text(library, &text, Path::new("test.toml")).unwrap_or_else(|(_, e)| panic!("{e}"));
        let mut driven = Recording::default();
        while driven.end_s() < 4.0 {
            if let Some(moment) = run.step() {
                driven.push(moment);
            }
        }
        let file = root.join("drive.csv");
        std::fs::write(&file, recorded_drive(run.scenario(), &driven).unwrap()).unwrap();
        let read = read_run(&file, Some(&run.scenario().frame)).unwrap();
        for time_s in [0.5, 2.0, 3.5] {
            let (was, is) = (driven.at(time_s).unwrap(), read.at(time_s).unwrap());
            for name in ["x_m", "y_m", "z_m", "heading_rad", "speed_mps"] {
                let off = f64::from(was.value(name) - is.value(name));
                assert!(off.abs() < 0.01, "{name} at {time_s} s: {} {}", was.value(name), is.value(name));
            }
        }
        assert!(read_run(&file, None).unwrap_err().message.contains("scenario"));
        std::fs::write(&file, "x,y,speed,theta,time\n1,2,nan,0,0\n").unwrap();
        assert!(read_run(&file, Some(&run.scenario().frame)).is_err());
        std::fs::remove_dir_all(&root).unwrap();
    }
}
