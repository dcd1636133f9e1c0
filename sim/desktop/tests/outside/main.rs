//! A stack outside, as the window meets it: in lock-step, over ROS 1, and on the car's bus.

mod bus;
mod lockstep;
mod ros;

use skidpad_desktop::session::{Session, State};
use skidpad_engine::{SeatId, Seats};
use skidpad_links::Wanted;
use skidpad_scenario::Library;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{Duration, Instant};

const SHORT: &str = r#"schema = 1
name = "short"
vehicle = "lincoln_mkz"
map = "proving_ground"
duration_s = 12.0
start = { on = "straight", station_m = 5.0 }
reference = { path = "straight", speed_mps = [[5.0, 0.0], [20.0, 8.0], [60.0, 8.0], [75.0, 0.0]] }
pass = { lateral_error_max_m = 0.2 }
"#;

/// Two runs on the clock at a time are one too many for a small machine.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn library() -> Library {
    Library::at(&root()).unwrap()
}

/// A scenario file of a test's own.
fn file(name: &str) -> PathBuf {
    let file = std::env::temp_dir().join(format!("skidpad-desktop-{name}-{}.toml", std::process::id()));
    std::fs::write(&file, SHORT).unwrap();
    file
}

/// The control is outside, on this link.
fn controlled_over(link: &str) -> Wanted {
    let external = Seats::NONE.with(SeatId::Control);
    Wanted { topics: vec![link.parse().unwrap()], external, ..Wanted::default() }
}

fn wait(session: &mut Session, what: &str, until: impl Fn(&Session) -> bool) {
    let began = Instant::now();
    while !until(session) {
        let (notice, outside) = (&session.view().notice, &session.view().outside);
        assert!(
            began.elapsed() < Duration::from_secs(240),
            "waited too long: {what}; {notice:?} {:?} {outside:?}",
            session.view().state
        );
        session.poll();
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Waits for the end of the run.
fn wait_for_the_end(session: &mut Session) {
    wait(session, "finished", |session| session.view().state == State::Finished);
}

fn link_name(session: &Session) -> String {
    session.view().outside.as_ref().map_or(String::new(), |outside| outside.links[0].name.clone())
}

/// Why the run ended early or cannot be judged, as the panel shows it.
fn failure(session: &Session) -> String {
    let outside = session.view().outside.as_ref();
    outside.and_then(|outside| outside.failure.clone()).unwrap_or_default()
}

fn has_event(session: &Session, name: &str) -> bool {
    session.view().events.iter().any(|event| event.name == name)
}
