//! Over ROS 1: the example controller of `examples/ros1`, a process of its own.

use crate::{
    ONE_AT_A_TIME, controlled_over, failure, file, has_event, library, root, wait, wait_for_the_end,
};
use skidpad_desktop::session::{Command, Session, State};
use skidpad_engine::SeatId;
use skidpad_links::Health;
use skidpad_msgs::FILE_DESCRIPTOR_SET;
use skidpad_ros1::Master;
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::sync::PoisonError;

/// A process of the controller; killed when it is dropped.
struct Controller(Child);

impl Drop for Controller {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Controller {
    fn is_alive(&mut self) -> bool {
        self.0.try_wait().unwrap().is_none()
    }
}

/// A master, and what a controller needs; `None`, said aloud, without Python and its protobuf.
struct Bench {
    master: Master,
    messages: PathBuf,
}

impl Bench {
    fn new(name: &str) -> Option<Bench> {
        let check = python().args(["-c", "import google.protobuf"]).stderr(Stdio::null()).status();
        if !check.is_ok_and(|status| status.success()) {
            skidpad_test_support::skip("Python with google.protobuf is not installed");
            return None;
        }
        let messages = format!("skidpad-desktop-{name}-{}.binpb", std::process::id());
        let messages = std::env::temp_dir().join(messages);
        std::fs::write(&messages, FILE_DESCRIPTOR_SET).unwrap();
        Some(Bench { master: Master::start("127.0.0.1:0".parse().unwrap()).unwrap(), messages })
    }

    fn link(&self) -> String {
        format!("ros1:{}", self.master.uri())
    }

    fn controller(&self) -> Controller {
        let child = python()
            .arg(root().join("examples/ros1/pure_pursuit.py"))
            .arg(&self.messages)
            .env("ROS_MASTER_URI", self.master.uri().to_string())
            // The few words of rospy that it uses, so that no ROS is needed here.
            .env("PYTHONPATH", root().join("tests/peers/plain_ros"))
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .stdin(Stdio::null())
            .spawn();
        Controller(child.unwrap())
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.messages);
    }
}

fn python() -> std::process::Command {
    std::process::Command::new("python3")
}

/// Messages of the control so far, as the panel shows them.
fn commands(session: &Session) -> u64 {
    let outside = session.view().outside.as_ref();
    let seat = outside.and_then(|outside| outside.seats.iter().find(|seat| seat.seat == SeatId::Control));
    seat.map_or(0, |seat| seat.messages)
}

#[test]
fn a_controller_over_ros_is_waited_for_drives_and_stays_when_the_run_is_begun_anew_or_left() {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let Some(bench) = Bench::new("ros") else { return };
    let wanted = controlled_over(&bench.link());
    let mut session = Session::meeting(library(), wanted.clone());
    let file = file("ros");
    session.order(Command::Load(file.clone()));
    wait(&mut session, "says what it waits for", |session| {
        let waiting = session.view().outside.as_ref().and_then(|outside| outside.waiting.clone());
        session.view().state == State::Waiting
            && waiting.is_some_and(|waiting| waiting.contains("nothing on /apollo/control from control"))
    });
    assert!(session.view().outside.as_ref().unwrap().on_the_clock);

    let mut controller = bench.controller();
    wait(&mut session, "drives", |session| session.view().time_s > 2.0 && commands(session) > 100);
    let outside = session.view().outside.clone().unwrap();
    assert_eq!(outside.links[0].health, Health::Well);
    assert!(outside.links[0].peers.iter().any(|peer| peer == "/control"), "{outside:?}");
    assert!(has_event(&session, "engaged") && session.view().state == State::Running);
    // For a peer time neither goes back nor stands still.
    session.order(Command::Rewind(1.0));
    wait(&mut session, "refused", |session| session.view().notice.1.contains("cannot be taken back"));
    session.order(Command::Pause);
    wait(&mut session, "refused", |session| session.view().notice.1.contains("on the clock"));
    let time_s = session.view().time_s;
    wait(&mut session, "goes on all the same", |session| session.view().time_s > time_s);

    // Begun anew, to the end.
    session.order(Command::Restart);
    wait(&mut session, "drives again", |session| session.view().load == 2 && session.view().time_s > 1.0);
    wait_for_the_end(&mut session);
    wait(&mut session, "the last look", |session| commands(session) > 600);
    let view = session.view();
    match failure(&session) {
        slow if slow.contains("too slow") => skidpad_test_support::skip(&slow),
        none => {
            assert_eq!(none, "");
            assert!(view.score.as_ref().unwrap().verdict.passed, "{:?} {:?}", view.score, view.events);
        }
    }

    // Left, and met again.
    session.order(Command::Attach(Box::default()));
    wait(&mut session, "alone", |session| {
        session.view().state == State::Paused && session.view().outside.is_none()
    });
    assert!(controller.is_alive());
    session.order(Command::Attach(Box::new(wanted)));
    wait(&mut session, "drives once more", |session| {
        session.view().load == 4 && session.view().time_s > 0.5 && commands(session) > 50
    });
    // Closed in the middle of it, the window goes, and the controller does not care.
    drop(session);
    assert!(controller.is_alive());
    std::fs::remove_file(file).unwrap();
}

#[test]
fn a_controller_over_ros_that_is_killed_ends_the_run_and_the_next_one_meets_another() {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let Some(bench) = Bench::new("ros-killed") else { return };
    let mut session = Session::meeting(library(), controlled_over(&bench.link()));
    let file = file("ros-killed");
    let controller = bench.controller();
    session.order(Command::Load(file.clone()));
    wait(&mut session, "drives", |session| session.view().time_s > 2.0);
    drop(controller);
    wait_for_the_end(&mut session);
    wait(&mut session, "the panel says why", |session| failure(session).contains("control fell silent"));
    assert!(has_event(&session, "control_silent") && has_event(&session, "stack_lost"));
    let sentences = session.view().outside.as_ref().unwrap().sentences.clone();
    let lost = "/apollo/control: the connection to its publisher was lost 1 times";
    assert!(sentences.iter().any(|sentence| sentence.contains(lost)), "{sentences:?}");

    session.order(Command::Restart);
    wait(&mut session, "waits again", |session| {
        session.view().load == 2 && session.view().state == State::Waiting
    });
    let _controller = bench.controller();
    wait(&mut session, "drives again", |session| session.view().time_s > 1.0 && commands(session) > 50);
    assert!(has_event(&session, "engaged"));
    drop(session);
    std::fs::remove_file(file).unwrap();
}
