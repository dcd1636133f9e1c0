//! In lock-step.

use crate::{controlled_over, file, library, link_name, wait};
use skidpad_desktop::session::{Command, Pace, Session, State};
use skidpad_engine::{EPOCH_UNIX_S, SeatId, Seats};
use skidpad_links::lockstep::{FrameReader, VERSION, write_frame};
use skidpad_links::{Health, Wanted};
use skidpad_msgs::Message as _;
use skidpad_msgs::lockstep::{
    Bye, Commands, FromSimulator, FromStack, Message, Ready, from_simulator, from_stack,
};
use skidpad_scenario::LoadedScenario;
use skidpad_stack::control::Control;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::mpsc::{Receiver, channel};

/// Apollo's controller at the other end of a socket, until Bye. It answers the step of this number and later ones once it
/// may.
fn far_control(address: &str, scenario: &LoadedScenario, holds_at: u64, may: &Receiver<()>) -> Bye {
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
                if step.number == holds_at {
                    may.recv().unwrap();
                }
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
    let wanted = Wanted { answer_within_s: 200, ..controlled_over("lockstep:tcp:127.0.0.1:0") };
    let mut session = Session::meeting(library(), wanted);
    session.order(Command::Pace(Pace::Times(5.0)));
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
    // It thinks before the end of the run, so that however busy the machine is there is a run to be paused.
    let (go_on, may) = channel();
    let stack = std::thread::spawn(move || far_control(&address, &scenario, 1000, &may));
    wait(&mut session, "drives", |session| session.view().time_s > 2.0);
    session.order(Command::Pause);
    go_on.send(()).unwrap();
    wait(&mut session, "paused", |session| session.view().state == State::Paused);
    let outside = session.view().outside.clone().unwrap();
    assert_eq!(outside.links[0].health, Health::Well);
    assert_eq!(outside.seats[0].seat, SeatId::Control);
    session.order(Command::Rewind(1.0));
    wait(&mut session, "refused", |session| session.view().notice.1.contains("cannot be taken back"));
    session.order(Command::Pace(Pace::Max));
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
    let mut session = Session::meeting(library(), controlled_over("lockstep:tcp:127.0.0.1:0"));
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
