//! The same stack in lock-step, fast and slow, and a controller beside the engine without a socket: the same drive, bit by bit.

use skidpad_engine::{EPOCH_UNIX_S, Outcome, Outside, RunOptions, SeatId, Seats, Simulation, TopicMessage};
use skidpad_geo::wrap_angle;
use skidpad_kernel::SimTime;
use skidpad_links::lockstep::{
    FrameReader, Invitation, Lockstep, LockstepName, Patience, VERSION, write_frame,
};
use skidpad_links::{Links, Pace};
use skidpad_msgs::Message as _;
use skidpad_msgs::apollo::canbus::Chassis;
use skidpad_msgs::apollo::control::PadMessage;
use skidpad_msgs::apollo::localization::LocalizationEstimate;
use skidpad_msgs::apollo::planning::AdcTrajectory;
use skidpad_msgs::lockstep::{
    Bye, Commands, FromSimulator, FromStack, Message, Ready, Step, Verdict, from_simulator, from_stack,
};
use skidpad_scenario::{Library, LoadedScenario};
use skidpad_stack::control::Control;
use skidpad_stack::localization::Localization;
use skidpad_stack::planning::{Planning, PlanningConf, Recording, Row};
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

/// Drives with a stack at the other end of a socket that fills these seats and takes `pause` for each answer.
fn in_lock_step(scenario: &LoadedScenario, seats: Seats, pause: fn(u64) -> Duration) -> (Drive, Bye) {
    let name: LockstepName = "lockstep:tcp:127.0.0.1:0".parse().unwrap();
    let invitation = Invitation { seats, epoch_unix_s: EPOCH_UNIX_S, ..Invitation::default() };
    let link = Lockstep::open(&name, invitation, Patience::default(), None).unwrap();
    let mut links = Links::open(&[], Pace::Max).unwrap();
    links.attach(Box::new(link));
    let address = links.names().next().unwrap().strip_prefix("lockstep:tcp:").unwrap().to_owned();
    let mut stack = FarStack::new(scenario, seats);
    let stack = std::thread::spawn(move || stack.take_part(&address, pause));

    let options = RunOptions { external: seats, ..RunOptions::default() };
    let simulation = Simulation::new(scenario, &options).unwrap();
    let drive = drive(simulation, &mut links);
    links.tell(&drive.outcome);
    let report = links.finish(None);
    assert_eq!(report.topics[0].error, None);
    (drive, stack.join().unwrap())
}

/// Modules of Apollo as a stack in lock-step. What one of them says the others hear at once.
struct FarStack {
    control: Option<Control>,
    localization: Option<Localization>,
    planning: Option<Planning>,
}

impl FarStack {
    fn new(scenario: &LoadedScenario, seats: Seats) -> FarStack {
        let control =
            || Control::new(scenario.control.as_ref().clone(), scenario.calibration.as_ref().clone());
        let planning = || Planning::new(recording(scenario), PlanningConf::default()).unwrap();
        FarStack {
            control: seats.contains(SeatId::Control).then(control),
            localization: seats.contains(SeatId::Localization).then(Localization::default),
            planning: seats.contains(SeatId::Planning).then(planning),
        }
    }

    fn take_part(&mut self, address: &str, pause: fn(u64) -> Duration) -> Bye {
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
                from_simulator::Content::Step(step) => {
                    std::thread::sleep(pause(step.number));
                    let (number, messages) = (step.number, self.answer(step));
                    say(from_stack::Content::Commands(Commands { number, messages }));
                }
                from_simulator::Content::Bye(bye) => return bye,
            }
        }
    }

    fn answer(&mut self, step: Step) -> Vec<Message> {
        for Message { topic, data } in step.messages {
            match topic.as_str() {
                "/apollo/localization/pose" => self.on_pose(&decode(&data)),
                "/apollo/canbus/chassis" => self.on_chassis(&decode(&data)),
                "/apollo/planning" => self.on_trajectory(&decode(&data)),
                "/apollo/control/pad" => {
                    let pad = PadMessage::decode(&data[..]).unwrap();
                    self.control.iter_mut().for_each(|control| control.on_pad(pad.clone()));
                }
                "/apollo/sensor/gnss/odometry" => {
                    self.localization.iter_mut().for_each(|own| own.on_gps(&decode(&data)));
                }
                "/apollo/sensor/gnss/corrected_imu" => {
                    self.localization.iter_mut().for_each(|own| own.on_imu(&decode(&data)));
                }
                _ => {}
            }
        }
        let now_unix_s = EPOCH_UNIX_S + step.time_ns as f64 * 1e-9;
        let mut said = Vec::new();
        let mut say = |topic: &str, data| said.push(Message { topic: topic.into(), data });
        if let Some(pose) = self.localization.as_mut().and_then(|own| own.tick(now_unix_s)) {
            say("/apollo/localization/pose", pose.encode_to_vec());
            self.on_pose(&pose);
        }
        // Ten times a second, as Apollo's player does.
        let plans = step.number % 10 == 1;
        let trajectory = self.planning.as_mut().filter(|_| plans).and_then(|own| own.tick(now_unix_s));
        if let Some(trajectory) = trajectory {
            say("/apollo/planning", trajectory.encode_to_vec());
            self.on_trajectory(&trajectory);
        }
        if let Some(control) = &mut self.control {
            say("/apollo/control", control.tick(now_unix_s).encode_to_vec());
        }
        said
    }

    fn on_pose(&mut self, pose: &LocalizationEstimate) {
        self.control.iter_mut().for_each(|control| control.on_localization(pose));
        self.planning.iter_mut().for_each(|planning| planning.on_localization(pose));
    }

    fn on_chassis(&mut self, chassis: &Chassis) {
        self.control.iter_mut().for_each(|control| control.on_chassis(chassis));
        self.planning.iter_mut().for_each(|planning| planning.on_chassis(chassis));
    }

    fn on_trajectory(&mut self, trajectory: &AdcTrajectory) {
        self.control.iter_mut().for_each(|control| control.on_planning(trajectory));
    }
}

/// The perfect drive along the scenario's reference, in an RTK recorder's rows, and its end for a while.
fn recording(scenario: &LoadedScenario) -> Recording {
    let (reference, frame) = (scenario.reference.as_ref().unwrap(), &scenario.frame);
    let (profile, start_m) = (reference.profile(), reference.start_station_m());
    let arrival_s = profile.time_at_s(reference.end_station_m() - 1e-9);
    let row = |k: u32| {
        let time_s = profile.time_at_s(start_m).max(0.0) + 0.01 * f64::from(k);
        let station_m = profile.station_at_m(time_s.min(arrival_s)).max(start_m);
        let point = reference.point(station_m);
        let at = [point.x_m, point.y_m, point.z_m];
        let grid = frame.enu_to_utm(at);
        let moves = f64::from(u8::from(time_s < arrival_s));
        Row {
            x_m: grid.easting_m,
            y_m: grid.northing_m,
            z_m: grid.height_m,
            speed_mps: moves * profile.speed_mps(station_m),
            acceleration_mps2: moves * profile.acceleration_mps2(station_m),
            curvature_1pm: point.curvature_1pm / grid.scale,
            time_s,
            theta_rad: wrap_angle(point.heading_rad + frame.world_to_grid_heading_rad(at)),
            gear: 1,
            s_m: station_m - start_m,
            ..Row::default()
        }
    };
    let rows = (0..).map(row).take_while(|row| row.time_s < arrival_s + 3.0);
    Recording::from_rows(rows.collect()).unwrap()
}

fn decode<M: skidpad_msgs::Message + Default>(data: &[u8]) -> M {
    M::decode(data).unwrap()
}

/// A pause of up to 1.5 ms, at random as far as anybody can tell.
fn now_and_then(step: u64) -> Duration {
    Duration::from_micros(step * 7919 % 1500)
}

#[track_caller]
fn assert_same(one: &Drive, other: &Drive) {
    assert_eq!(one.outcome.truth_hash, other.outcome.truth_hash);
    assert_eq!(format!("{:?}", one.outcome.metrics), format!("{:?}", other.outcome.metrics));
    assert_eq!(one.outcome.events, other.outcome.events);
    assert_eq!(one.outcome.external, other.outcome.external);
    assert!(one.samples == other.samples);
}

#[test]
fn a_stack_in_lock_step_drives_from_any_seats_and_bit_by_bit_the_same_however_slow_it_is() {
    let scenario = scenario();
    for names in ["localization", "planning", "control, localization", "planning, control, localization"] {
        let seats: Seats = SeatId::ALL
            .into_iter()
            .filter(|seat| names.split(", ").any(|name| name == seat.name()))
            .collect();
        assert_eq!(seats.to_string(), names);
        let (fast, bye) = in_lock_step(&scenario, seats, |_| Duration::ZERO);
        let lateral_m = fast.outcome.metrics.lateral_error_rms_m;
        assert_eq!(bye.verdict(), Verdict::Passed, "{names}: {bye:?} {:?}", fast.outcome.events);
        eprintln!("{names} outside: {lateral_m:.4} m rms");
        let external = fast.outcome.external.as_ref().unwrap();
        for seat in &external.seats {
            let least = if seat.seat == SeatId::Planning { 210 } else { 2100 };
            assert!(seat.messages >= least, "{names}: {external:?}");
        }
        assert_eq!((external.ignored_messages, fast.outcome.lost.as_ref()), (0, None));
        let (slow, _) = in_lock_step(&scenario, seats, now_and_then);
        assert_same(&fast, &slow);
    }
}

#[test]
fn a_controller_in_lock_step_drives_bit_by_bit_the_same_however_slow_it_is() {
    let scenario = scenario();
    let control = Seats::NONE.with(SeatId::Control);
    let (fast, bye) = in_lock_step(&scenario, control, |_| Duration::ZERO);
    assert_eq!(bye.verdict(), Verdict::Passed, "{bye:?}");
    let rms = bye.metrics.iter().find(|metric| metric.name == "lateral_error_rms_m").unwrap();
    assert_eq!(rms.value.to_bits(), fast.outcome.metrics.lateral_error_rms_m.to_bits());

    let (slow, _) = in_lock_step(&scenario, control, now_and_then);
    assert_same(&fast, &slow);

    // The socket adds nothing to what a caller of the engine gets who takes the turn of the embedded control.
    let mut beside = Beside::new(&scenario);
    let options = RunOptions { external: control, ..RunOptions::default() };
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
