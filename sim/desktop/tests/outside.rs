//! A stack outside, as the window meets it: in lock-step, and on the clock.

use skidpad_desktop::session::{Command, Pace, Session, State};
use skidpad_engine::{EPOCH_UNIX_S, SeatId, Seats};
use skidpad_links::lockstep::{FrameReader, VERSION, write_frame};
use skidpad_links::{Health, Wanted};
use skidpad_msgs::Message as _;
use skidpad_msgs::lockstep::{
    Bye, Commands, FromSimulator, FromStack, Message, Ready, from_simulator, from_stack,
};
use skidpad_scenario::{Library, LoadedScenario};
use skidpad_stack::control::Control;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
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

fn library() -> Library {
    Library::at(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")).unwrap()
}

/// A scenario file of a test's own.
fn file(name: &str) -> PathBuf {
    let file = std::env::temp_dir().join(format!("skidpad-desktop-{name}-{}.toml", std::process::id()));
    std::fs::write(&file, SHORT).unwrap();
    file
}

fn wait(session: &mut Session, what: &str, until: impl Fn(&Session) -> bool) {
    let began = Instant::now();
    while !until(session) {
        let notice = &session.view().notice;
        assert!(began.elapsed() < Duration::from_secs(240), "waited too long: {what}; {notice:?}");
        session.poll();
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn link_name(session: &Session) -> String {
    session.view().outside.as_ref().map_or(String::new(), |outside| outside.links[0].name.clone())
}

/// Apollo's controller at the other end of a socket, until Bye.
fn far_control(address: &str, scenario: &LoadedScenario) -> Bye {
    fn decode<M: skidpad_msgs::Message + Default>(data: &[u8]) -> M {
        M::decode(data).unwrap()
    }
    let mut control = Control::new(scenario.control.as_ref().clone(), scenario.calibration.as_ref().clone());
    let mut stream = TcpStream::connect(address).unwrap();
    let (mut reader, mut piece) = (FrameReader::default(), [0; 65536]);
    loop {
        let Some(frame) = reader.next_frame().unwrap() else {
            let length = stream.read(&mut piece).unwrap();
            assert!(length > 0, "the simulator has gone");
            reader.push(&piece[..length]);
            continue;
        };
        let answer = match FromSimulator::decode(frame).unwrap().content.unwrap() {
            from_simulator::Content::Hello(_) => {
                from_stack::Content::Ready(Ready { version: VERSION, ..Ready::default() })
            }
            from_simulator::Content::Bye(bye) => return bye,
            from_simulator::Content::Step(step) => {
                for Message { topic, data } in step.messages {
                    match topic.as_str() {
                        "/apollo/localization/pose" => control.on_localization(&decode(&data)),
                        "/apollo/canbus/chassis" => control.on_chassis(&decode(&data)),
                        "/apollo/planning" => control.on_planning(&decode(&data)),
                        "/apollo/control/pad" => control.on_pad(decode(&data)),
                        _ => {}
                    }
                }
                let data = control.tick(EPOCH_UNIX_S + step.time_ns as f64 * 1e-9).encode_to_vec();
                let messages = vec![Message { topic: "/apollo/control".into(), data }];
                from_stack::Content::Commands(Commands { number: step.number, messages })
            }
        };
        let mut out = Vec::new();
        write_frame(&FromStack { content: Some(answer) }, &mut out);
        stream.write_all(&out).unwrap();
    }
}

#[test]
fn a_controller_in_lock_step_is_waited_for_drives_and_can_be_paused() {
    let wanted = Wanted {
        topics: vec!["lockstep:tcp:127.0.0.1:0".parse().unwrap()],
        external: Seats::NONE.with(SeatId::Control),
        ..Wanted::default()
    };
    let mut session = Session::meeting(library(), wanted);
    session.order(Command::Pace(Pace::Max));
    let file = file("lockstep");
    session.order(Command::Load(file.clone()));
    wait(&mut session, "waits", |session| session.view().state == State::Waiting);
    let view = session.view().clone();
    let outside = view.outside.as_ref().unwrap();
    assert!(outside.waiting.as_ref().unwrap().contains("lock-step"), "{outside:?}");
    assert!(!outside.on_the_clock);
    assert_eq!(session.recording().moments().len(), 1, "the car stands there to be seen");

    let address = link_name(&session).strip_prefix("lockstep:tcp:").unwrap().to_owned();
    let scenario = view.scenario.as_ref().unwrap().clone();
    let stack = std::thread::spawn(move || far_control(&address, &scenario));
    wait(&mut session, "drives", |session| session.view().time_s > 2.0);
    session.order(Command::Pause);
    wait(&mut session, "paused", |session| session.view().state == State::Paused);
    let outside = session.view().outside.clone().unwrap();
    assert_eq!(outside.links[0].health, Health::Well);
    assert_eq!(outside.seats[0].seat, SeatId::Control);
    session.order(Command::Rewind(1.0));
    wait(&mut session, "refused", |session| session.view().notice.1.contains("cannot be taken back"));
    session.order(Command::Run);
    wait(&mut session, "finished", |session| session.view().state == State::Finished);
    let bye = stack.join().unwrap();
    let view = session.view();
    assert!(view.score.as_ref().unwrap().verdict.passed, "{:?}", view.score);
    assert_eq!(bye.verdict(), skidpad_msgs::lockstep::Verdict::Passed);
    wait(&mut session, "the last look", |session| {
        session.view().outside.as_ref().unwrap().seats[0].messages > 1000
    });
    assert!(session.view().events.iter().any(|event| event.name == "engaged"));
    std::fs::remove_file(file).unwrap();
}

#[test]
fn who_waits_in_lock_step_can_be_left_for_another_scenario() {
    let wanted = Wanted {
        topics: vec!["lockstep:tcp:127.0.0.1:0".parse().unwrap()],
        external: Seats::NONE.with(SeatId::Control),
        ..Wanted::default()
    };
    let mut session = Session::meeting(library(), wanted);
    let file = file("left");
    session.order(Command::Load(file.clone()));
    wait(&mut session, "waits", |session| session.view().state == State::Waiting);
    session.order(Command::Attach(Box::default()));
    wait(&mut session, "alone", |session| {
        session.view().state == State::Paused && session.view().outside.is_none()
    });
    session.order(Command::Step(1000));
    wait(&mut session, "goes on alone", |session| session.view().time_s > 0.9);
    // A seat without a link is refused with what to do.
    let alone = Wanted { external: Seats::NONE.with(SeatId::Control), ..Wanted::default() };
    session.order(Command::Attach(Box::new(alone)));
    wait(&mut session, "refused", |session| session.view().notice.1.contains("[links] topics"));
    std::fs::remove_file(file).unwrap();
}

#[test]
fn a_listener_on_the_cars_bus_gets_frames_on_the_clock_which_cannot_be_paused() {
    let wanted = Wanted { can: vec!["slcan-tcp:127.0.0.1:0".parse().unwrap()], ..Wanted::default() };
    let mut session = Session::meeting(library(), wanted);
    let file = file("clock");
    session.order(Command::Load(file.clone()));
    wait(&mut session, "runs", |session| session.view().time_s > 0.1);
    let mut peer = TcpStream::connect(link_name(&session).strip_prefix("slcan-tcp:").unwrap()).unwrap();
    peer.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    peer.write_all(b"S6\rO\r").unwrap();
    let mut heard: Vec<u8> = Vec::new();
    while heard.iter().filter(|byte| **byte == b't').count() < 50 {
        let mut piece = [0; 4096];
        let length = peer.read(&mut piece).unwrap();
        assert!(length > 0, "the car has gone");
        heard.extend(&piece[..length]);
    }
    session.order(Command::Pause);
    wait(&mut session, "refused", |session| session.view().notice.1.contains("on the clock"));
    assert_eq!(session.view().state, State::Running);
    wait(&mut session, "counted", |session| {
        let outside = session.view().outside.clone().unwrap();
        let sent = outside.links[0].counts.iter().find(|(name, _)| *name == "sent").unwrap().1;
        outside.on_the_clock
            && sent >= 50
            && outside.links[0].health == Health::Well
            && outside.pace.is_some()
    });
    session.order(Command::Restart);
    wait(&mut session, "begun anew", |session| session.view().time_s < 0.1 && session.view().load == 2);
    std::fs::remove_file(file).unwrap();
}
