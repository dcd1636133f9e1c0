//! How fast a trivial stack and a car go on in lock-step.

use super::{Machine, median};
use crate::status::{Failure, Status};
use serde::Serialize;
use skidpad_engine::{EPOCH_UNIX_S, RunOptions, SeatId, Seats, Simulation};
use skidpad_links::lockstep::{
    FrameReader, Invitation, Lockstep, LockstepName, Patience, VERSION, write_frame,
};
use skidpad_links::{Links, Pace, TopicLink};
use skidpad_msgs::Message as _;
use skidpad_msgs::apollo::control::{ControlCommand, PadMessage};
use skidpad_msgs::lockstep::{
    Commands, FromSimulator, FromStack, Message, Ready, from_simulator, from_stack,
};
use skidpad_scenario::LoadedScenario;
use std::fmt::Write as _;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::Instant;

/// Steps in a second of wall time.
#[derive(Serialize)]
pub struct LockstepBench {
    schema: &'static str,
    skidpad_version: &'static str,
    links: Vec<Rate>,
    machine: Machine,
    build: &'static str,
}

#[derive(Serialize)]
struct Rate {
    link: &'static str,
    steps_per_s: f64,
    /// Steps of one run.
    steps: u64,
    /// From a step's sending until its answer, µs.
    answer_p50_us: f64,
    answer_p99_us: f64,
}

/// Runs the scenario with a stack on a thread of its own that brakes, `repeats` times on each kind of socket.
pub fn measure(
    scenario: &LoadedScenario,
    repeats: u32,
    build: &'static str,
) -> Result<LockstepBench, Failure> {
    let links = if cfg!(unix) { &["unix", "tcp"][..] } else { &["tcp"] };
    let rates = links.iter().map(|link| {
        let runs = (0..repeats).map(|_| run(scenario, link)).collect::<Result<Vec<_>, _>>()?;
        let of = |value: fn(&Rate) -> f64| median(runs.iter().map(value).collect());
        Ok(Rate {
            link,
            steps_per_s: of(|run| run.steps_per_s),
            steps: runs[0].steps,
            answer_p50_us: of(|run| run.answer_p50_us),
            answer_p99_us: of(|run| run.answer_p99_us),
        })
    });
    Ok(LockstepBench {
        schema: "skidpad.bench-lockstep/1",
        skidpad_version: env!("CARGO_PKG_VERSION"),
        links: rates.collect::<Result<_, Failure>>()?,
        machine: Machine::this(),
        build,
    })
}

fn run(scenario: &LoadedScenario, link: &'static str) -> Result<Rate, Failure> {
    let name = match link {
        "unix" => {
            let file = format!("skidpad-bench-{}.sock", std::process::id());
            LockstepName::Unix(std::env::temp_dir().join(file))
        }
        _ => LockstepName::Tcp(([127, 0, 0, 1], 0).into()),
    };
    let seats = Seats::NONE.with(SeatId::Control);
    let invitation = Invitation { seats, epoch_unix_s: EPOCH_UNIX_S, ..Invitation::default() };
    let lockstep = Lockstep::open(&name, invitation, Patience::default(), None).map_err(Failure::usage)?;
    let address = TopicLink::name(&lockstep).trim_start_matches("lockstep:").to_owned();
    let stack = std::thread::spawn(move || brake(&address));

    let mut links = Links::open(&[], Pace::Max).map_err(Failure::usage)?;
    links.attach(Box::new(lockstep));
    let options = RunOptions { external: seats, ..RunOptions::default() };
    let mut simulation = Simulation::new(scenario, &options).map_err(Failure::usage)?;
    // The first tick waits for the stack.
    simulation.step_outside(&mut links);
    let begin = Instant::now();
    while !simulation.is_finished() {
        simulation.step_outside(&mut links);
    }
    let wall_s = begin.elapsed().as_secs_f64();
    if let Some(lost) = simulation.lost() {
        return Err(Failure::new(Status::Internal, format!("the stack of the measurement was lost: {lost}")));
    }
    links.tell(&simulation.finish());
    let report = links.finish(None).topics.remove(0);
    let count =
        |name: &str| report.counts.iter().find(|(key, _)| *key == name).map_or(0, |(_, count)| *count);
    if !matches!(stack.join(), Ok(Ok(()))) {
        return Err(Failure::new(Status::Internal, "the stack of the measurement failed"));
    }
    Ok(Rate {
        link,
        steps_per_s: count("steps") as f64 / wall_s,
        steps: count("steps"),
        answer_p50_us: count("answer_p50_us") as f64,
        answer_p99_us: count("answer_p99_us") as f64,
    })
}

trait Wire: Read + Write {}
impl<T: Read + Write> Wire for T {}

fn connect(address: &str) -> io::Result<Box<dyn Wire>> {
    match address.split_once(':') {
        #[cfg(unix)]
        Some(("unix", path)) => Ok(Box::new(std::os::unix::net::UnixStream::connect(path)?)),
        Some((_, address)) => {
            let stream = TcpStream::connect(address)?;
            stream.set_nodelay(true)?;
            Ok(Box::new(stream))
        }
        None => Err(io::ErrorKind::InvalidInput.into()),
    }
}

/// The trivial stack: the brake is on, and what the operator presses goes on to canbus. It takes every topic.
fn brake(address: &str) -> io::Result<()> {
    let mut wire = connect(address)?;
    let (mut reader, mut bytes) = (FrameReader::default(), vec![0; 1 << 16]);
    loop {
        let wrong = |_| io::Error::from(io::ErrorKind::InvalidData);
        let Some(frame) = reader.next_frame().map_err(|_| io::ErrorKind::InvalidData)? else {
            let length = wire.read(&mut bytes)?;
            if length == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            reader.push(&bytes[..length]);
            continue;
        };
        let answer = match FromSimulator::decode(frame).map_err(wrong)?.content {
            Some(from_simulator::Content::Hello(_)) => {
                from_stack::Content::Ready(Ready { version: VERSION, ..Ready::default() })
            }
            Some(from_simulator::Content::Step(step)) => {
                let pad = step.messages.iter().find(|message| message.topic == "/apollo/control/pad");
                let pad = pad.map(|pad| PadMessage::decode(&pad.data[..])).transpose().map_err(wrong)?;
                let command = ControlCommand { brake: Some(30.0), pad_msg: pad, ..ControlCommand::default() };
                let message = Message { topic: "/apollo/control".into(), data: command.encode_to_vec() };
                from_stack::Content::Commands(Commands { number: step.number, messages: vec![message] })
            }
            Some(from_simulator::Content::Bye(_)) | None => return Ok(()),
        };
        let mut out = Vec::new();
        write_frame(&FromStack { content: Some(answer) }, &mut out);
        wire.write_all(&out)?;
    }
}

/// As a table.
pub fn text(bench: &LockstepBench) -> String {
    let mut text = format!(
        "skidpad {}, {} build\nmachine     {}, {} cores, {}\n\n",
        bench.skidpad_version, bench.build, bench.machine.cpu, bench.machine.cores, bench.machine.os
    );
    text.push_str("lock-step, a car and a trivial stack   steps per s   answer p50 us   p99 us\n");
    for rate in &bench.links {
        let (steps, p50, p99) = (rate.steps_per_s, rate.answer_p50_us, rate.answer_p99_us);
        // A string takes everything.
        let _ = writeln!(text, "  {:36} {steps:11.0} {p50:15.0} {p99:8.0}", rate.link);
    }
    text
}
