//! The same controller in lock-step, fast and slow, and beside the engine without a socket: the same drive, bit by bit.

use skidpad_engine::{EPOCH_UNIX_S, Outcome, Outside, RunOptions, SeatId, Seats, Simulation, TopicMessage};
use skidpad_kernel::SimTime;
use skidpad_links::lockstep::{
    FrameReader, Invitation, Lockstep, LockstepName, Patience, VERSION, write_frame,
};
use skidpad_links::{Links, Pace};
use skidpad_msgs::Message as _;
use skidpad_msgs::apollo::control::PadMessage;
use skidpad_msgs::lockstep::{
    Bye, Commands, FromSimulator, FromStack, Message, Ready, Step, Verdict, from_simulator, from_stack,
};
use skidpad_scenario::{Library, LoadedScenario};
use skidpad_stack::control::Control;
use skidpad_vehicle::PlantReport;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::time::Duration;

const SCENARIO: &str = r#"schema = 1
name = "lock-step"
vehicle = "lincoln_mkz"
map = "proving_ground"
duration_s = 21.0
seed = 3
start = { on = "slalom", station_m = 2.0 }
reference = { path = "slalom", speed_mps = [[2.0, 0.0], [20.0, 6.0], [50.0, 6.0], [70.0, 0.0]] }
[pass]
lateral_error_max_m = 0.2
stopped = true
"#;

fn scenario() -> LoadedScenario {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    Library::at(&root).unwrap().load_text(SCENARIO, Path::new("lockstep.toml")).unwrap()
}

/// What came of a drive: the outcome, what was measured on the vehicle in each tick, and every sample.
struct Drive {
    outcome: Outcome,
    ticks: Vec<PlantReport>,
    samples: Vec<Vec<u64>>,
}

fn drive(mut simulation: Simulation, outside: &mut impl Outside) -> Drive {
    let (mut ticks, mut samples) = (Vec::new(), Vec::new());
    while !simulation.is_finished() {
        let sample = simulation.step_outside(outside);
        samples.extend(sample.map(|sample| sample.values().iter().map(|value| value.to_bits()).collect()));
        ticks.push(*simulation.plant());
    }
    Drive { outcome: simulation.finish(), ticks, samples }
}

/// Drives with Apollo's controller at the other end of a socket, which takes `pause` for each answer.
fn in_lock_step(scenario: &LoadedScenario, pause: fn(u64) -> Duration) -> (Drive, Bye) {
    let control = Control::new(scenario.control.as_ref().clone(), scenario.calibration.as_ref().clone());
    let seats = Seats::NONE.with(SeatId::Control);
    let name: LockstepName = "lockstep:tcp:127.0.0.1:0".parse().unwrap();
    let invitation = Invitation { seats, epoch_unix_s: EPOCH_UNIX_S, ..Invitation::default() };
    let link = Lockstep::open(&name, invitation, Patience::default(), None).unwrap();
    let mut links = Links::open(&[], Pace::Max).unwrap();
    links.attach(Box::new(link));
    let address = links.names().next().unwrap().strip_prefix("lockstep:tcp:").unwrap().to_owned();
    let stack = std::thread::spawn(move || far_control(&address, control, pause));

    let options = RunOptions { external: seats, ..RunOptions::default() };
    let simulation = Simulation::new(scenario, &options).unwrap();
    let drive = drive(simulation, &mut links);
    links.tell(&drive.outcome);
    let report = links.finish(None);
    assert_eq!(report.topics[0].error, None);
    (drive, stack.join().unwrap())
}

/// Apollo's controller as a stack in lock-step: one command a step.
fn far_control(address: &str, mut control: Control, pause: fn(u64) -> Duration) -> Bye {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_nodelay(true).unwrap();
    let (mut reader, mut piece) = (FrameReader::default(), [0; 65536]);
    let mut say = stream.try_clone().unwrap();
    let mut say = |content| {
        let mut out = Vec::new();
        write_frame(&FromStack { content: Some(content) }, &mut out);
        say.write_all(&out).unwrap();
    };
    loop {
        let Some(frame) = reader.next_frame().unwrap() else {
            let length = stream.read(&mut piece).unwrap();
            assert!(length > 0, "the simulator has gone");
            reader.push(&piece[..length]);
            continue;
        };
        match FromSimulator::decode(frame).unwrap().content.unwrap() {
            from_simulator::Content::Hello(_) => {
                say(from_stack::Content::Ready(Ready { version: VERSION, ..Ready::default() }));
            }
            from_simulator::Content::Step(Step { number, time_ns, messages }) => {
                for Message { topic, data } in messages {
                    match topic.as_str() {
                        "/apollo/localization/pose" => control.on_localization(&decode(&data)),
                        "/apollo/canbus/chassis" => control.on_chassis(&decode(&data)),
                        "/apollo/planning" => control.on_planning(&decode(&data)),
                        "/apollo/control/pad" => control.on_pad(PadMessage::decode(&data[..]).unwrap()),
                        _ => {}
                    }
                }
                std::thread::sleep(pause(number));
                let data = control.tick(EPOCH_UNIX_S + time_ns as f64 * 1e-9).encode_to_vec();
                let messages = vec![Message { topic: "/apollo/control".into(), data }];
                say(from_stack::Content::Commands(Commands { number, messages }));
            }
            from_simulator::Content::Bye(bye) => return bye,
        }
    }
}

fn decode<M: skidpad_msgs::Message + Default>(data: &[u8]) -> M {
    M::decode(data).unwrap()
}

#[test]
fn a_controller_in_lock_step_drives_bit_by_bit_the_same_however_slow_it_is() {
    let scenario = scenario();
    let (fast, bye) = in_lock_step(&scenario, |_| Duration::ZERO);
    assert_eq!(bye.verdict(), Verdict::Passed, "{bye:?}");
    let rms = bye.metrics.iter().find(|metric| metric.name == "lateral_error_rms_m").unwrap();
    assert_eq!(rms.value.to_bits(), fast.outcome.metrics.lateral_error_rms_m.to_bits());

    let (slow, _) = in_lock_step(&scenario, |step| Duration::from_micros(step * 7919 % 1500));
    assert_eq!(fast.outcome.truth_hash, slow.outcome.truth_hash);
    assert_eq!(format!("{:?}", fast.outcome.metrics), format!("{:?}", slow.outcome.metrics));
    assert_eq!(fast.outcome.events, slow.outcome.events);
    assert_eq!(fast.outcome.external, slow.outcome.external);
    assert!(fast.samples == slow.samples);

    // The socket adds nothing to what a caller of the engine gets who takes the turn of the embedded control.
    let mut beside = Beside::new(&scenario);
    let options = RunOptions { external: Seats::NONE.with(SeatId::Control), ..RunOptions::default() };
    let near = drive(Simulation::new(&scenario, &options).unwrap(), &mut beside);
    assert_eq!(near.outcome.truth_hash, fast.outcome.truth_hash);
    assert!(near.ticks == fast.ticks && near.samples == fast.samples);

    // The embedded control itself: only that the car stands still, and has its clock stopped, until a stack outside
    // has taken over.
    let inside = drive(Simulation::new(&scenario, &RunOptions::default()).unwrap(), &mut ());
    let [far, inside] = [&fast, &inside].map(|drive| &drive.outcome.metrics);
    assert!((far.lateral_error_rms_m - inside.lateral_error_rms_m).abs() < 0.002, "{far:?} {inside:?}");
    assert!((far.end_station_error_m - inside.end_station_error_m).abs() < 0.05, "{far:?} {inside:?}");
}

/// A controller beside the engine, in the turn of the embedded one: it hears what was published before the tick, and
/// what it says arrives in the next.
struct Beside {
    control: Control,
    heard: Vec<TopicMessage>,
    said: Option<TopicMessage>,
}

impl Beside {
    fn new(scenario: &LoadedScenario) -> Beside {
        let control = Control::new(scenario.control.as_ref().clone(), scenario.calibration.as_ref().clone());
        Beside { control, heard: Vec::new(), said: None }
    }
}

impl Outside for Beside {
    fn listens(&self) -> bool {
        true
    }

    fn message_out(&mut self, _: SimTime, message: &TopicMessage) {
        self.heard.push(message.clone());
    }

    fn messages_in(&mut self, now: SimTime, deliver: &mut dyn FnMut(TopicMessage)) {
        self.said.take().into_iter().for_each(deliver);
        if now.as_ns() / 1_000_000 % 10 == 4 {
            for message in self.heard.drain(..) {
                match message {
                    TopicMessage::Pose(pose) => self.control.on_localization(&pose),
                    TopicMessage::Chassis(chassis) => self.control.on_chassis(&chassis),
                    TopicMessage::Trajectory(trajectory) => self.control.on_planning(&trajectory),
                    TopicMessage::Pad(pad) => self.control.on_pad(pad),
                    _ => {}
                }
            }
            let command = self.control.tick(EPOCH_UNIX_S + now.as_ns() as f64 * 1e-9);
            self.said = Some(TopicMessage::Command(Box::new(command)));
        }
    }
}
