//! `skidpad can`: frames of a car's bus, as people and programs read and write them.

use crate::interrupt;
use crate::output::{OutFile, print};
use crate::status::{Failure, Status};
use crate::vehicle;
use clap::Subcommand;
use serde::{Serialize, Serializer};
use skidpad_can::{Dbc, Frame, MessageLayout, Signal, candump};
use skidpad_kernel::SimTime;
use skidpad_links::{CanLink, LinkName, Pacer};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Decode, encode, watch and play the frames of a car's CAN bus
///
/// Text is that of candump of the can-utils: `(1500000000.020230) vcan0 060#3333010100000000`. Signals are in the
/// physical units of the vehicle's .dbc.
#[derive(clap::Args)]
#[command(after_help = HELP)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

const HELP: &str = "\
Examples:
  skidpad can decode --vehicle lincoln_mkz drive.log
  skidpad can help replay

Exit status:
  0    done
  2    a file, a link or an argument is wrong
  130  interrupted: Ctrl-C, SIGTERM or SIGHUP";

#[derive(Subcommand)]
enum Command {
    Decode(Decode),
    Encode(Encode),
    Monitor(Monitor),
    Replay(Replay),
}

/// Print what the frames of a candump text say
///
/// Lines that are none of candump's are told on standard error with their place and passed over.
#[derive(clap::Args)]
#[command(after_help = DECODE_HELP)]
struct Decode {
    /// Whose bus it is: a folder in vehicles/, or one with a vehicle.toml
    #[arg(long, value_name = "NAME|DIR")]
    vehicle: String,
    /// The text; `-` is standard input
    #[arg(value_name = "FILE|-", default_value = "-")]
    file: PathBuf,
    /// One JSON object a frame: time (s, null if the line has none), id, name (null if the .dbc has none), data, signals
    #[arg(long)]
    json: bool,
}

const DECODE_HELP: &str = "\
Examples:
  skidpad can decode --vehicle lincoln_mkz drive.log
  candump -L can0 | skidpad can decode --vehicle lincoln_mkz --json | jq 'select(.name == \"GearReport\")'

Exit status:
  0  every line was decoded
  2  a line or an argument is wrong";

/// Print a frame that carries these signals
///
/// Either a message by its name with SIGNAL=VALUE in physical units, all others zero, or `-`: then JSON objects as
/// `decode --json` prints them are read from standard input, and a candump text is printed.
#[derive(clap::Args)]
#[command(after_help = ENCODE_HELP)]
struct Encode {
    /// Whose bus it is: a folder in vehicles/, or one with a vehicle.toml
    #[arg(long, value_name = "NAME|DIR")]
    vehicle: String,
    /// A message of the vehicle's .dbc, or `-`
    #[arg(value_name = "MESSAGE|-")]
    message: String,
    /// Its signals
    #[arg(value_name = "SIGNAL=VALUE", allow_hyphen_values = true)]
    signals: Vec<String>,
}

const ENCODE_HELP: &str = "\
Examples:
  skidpad can encode --vehicle lincoln_mkz BrakeCommand PedalCommand=20 Enable=1
  cansend vcan0 $(skidpad can encode --vehicle lincoln_mkz GearCommand GearCommand=4)

Exit status:
  0  done
  2  a name or a value is wrong";

/// Print the frames on a link as they come
///
/// Until Ctrl-C, until the other end is gone, or for as long as --for says. `slcan-tcp` connects to a running
/// Skidpad.
#[derive(clap::Args)]
#[command(after_help = MONITOR_HELP)]
struct Monitor {
    /// Whose bus it is: a folder in vehicles/, or one with a vehicle.toml
    #[arg(long, value_name = "NAME|DIR")]
    vehicle: String,
    /// The link, as for `skidpad run --can`
    #[arg(value_name = "LINK")]
    link: LinkName,
    /// One JSON object a frame, as in `decode`
    #[arg(long)]
    json: bool,
    /// Stop after this time, s
    #[arg(long = "for", value_name = "S")]
    for_s: Option<f64>,
}

const MONITOR_HELP: &str = "\
Examples:
  skidpad can monitor --vehicle lincoln_mkz slcan-tcp:127.0.0.1:28760
  skidpad can monitor --vehicle lincoln_mkz slcan:/dev/pts/4 --json --for 10

Exit status:
  0    the time is over, or the other end is gone
  2    the link or an argument is wrong
  130  interrupted: Ctrl-C, SIGTERM or SIGHUP";

/// Play a candump text into a link, each frame at its time
///
/// The first frame goes at once, each other one as long after it as the stamps say. On a link that a peer has to open
/// the play begins when it does.
#[derive(clap::Args)]
#[command(after_help = REPLAY_HELP)]
struct Replay {
    /// The text, each line with a time; `-` is standard input
    #[arg(value_name = "FILE|-")]
    file: PathBuf,
    /// The link, as for `skidpad run --can`
    #[arg(value_name = "LINK")]
    link: LinkName,
    /// Only frames of these identifiers, hexadecimal
    #[arg(long, value_name = "ID,…", value_delimiter = ',', value_parser = identifier)]
    id: Vec<u16>,
}

const REPLAY_HELP: &str = "\
Examples:
  skidpad can replay drive.log slcan:/dev/pts/4
  skidpad can replay drive.log slcan-tcp:127.0.0.1:28760 --id 060,062,064,066

Exit status:
  0    everything was played
  2    a line, the link or an argument is wrong
  130  interrupted: Ctrl-C, SIGTERM or SIGHUP";

/// Runs the subcommand.
pub fn run(args: &Args) -> Result<Status, Failure> {
    match &args.command {
        Command::Decode(args) => decode(args),
        Command::Encode(args) => encode(args),
        Command::Monitor(args) => monitor(args),
        Command::Replay(args) => replay(args),
    }
}

fn decode(args: &Decode) -> Result<Status, Failure> {
    let dbc = vehicle::load_dbc(&args.vehicle)?;
    let mut lines = Lines::open(&args.file)?;
    let mut out = OutFile::create(Path::new("-"))?;
    while let Some((place, line)) = lines.next()? {
        match candump::parse(&line) {
            Ok(None) => {}
            Ok(Some(line)) => match line.frame {
                Ok(frame) => out.add(&shown(&dbc, line.time, &frame, args.json))?,
                Err(kind) => lines.passed_over(format!("{place}: {kind}: passed over")),
            },
            Err(error) => lines.wrong(format!("{place}:{error}")),
        }
    }
    out.finish()?;
    Ok(lines.status())
}

fn encode(args: &Encode) -> Result<Status, Failure> {
    let dbc = vehicle::load_dbc(&args.vehicle)?;
    if args.message != "-" {
        let message = dbc.message_by_name(&args.message).map_err(Failure::usage)?;
        let mut frame = message.blank();
        for pair in &args.signals {
            let (name, value) = pair
                .split_once('=')
                .and_then(|(name, value)| Some((name, value.parse::<f64>().ok()?)))
                .ok_or_else(|| {
                    Failure::usage(format!("expected SIGNAL=VALUE with a number, got \"{pair}\""))
                })?;
            set(message, &mut frame, name, value).map_err(Failure::usage)?;
        }
        print(&format!("{frame}\n"))?;
        return Ok(Status::Passed);
    }
    let mut lines = Lines::open(Path::new("-"))?;
    let mut out = OutFile::create(Path::new("-"))?;
    while let Some((place, line)) = lines.next()? {
        if line.trim().is_empty() {
            continue;
        }
        match from_json(&dbc, &line) {
            Ok((time, frame)) => {
                let mut text = String::new();
                match time {
                    // Writing to a string does not fail.
                    Some(time) => drop(candump::write(&mut text, time, "skidpad", &frame)),
                    None => text = format!("{frame}\n"),
                }
                out.add(&text)?;
            }
            Err(message) => lines.wrong(format!("{place}: {message}")),
        }
    }
    out.finish()?;
    Ok(lines.status())
}

/// A frame and its time from an object as `decode --json` prints it.
fn from_json(dbc: &Dbc, line: &str) -> Result<(Option<Duration>, Frame), String> {
    let object: serde_json::Value =
        serde_json::from_str(line).map_err(|error| format!("no JSON: {error}"))?;
    let message = match (object["name"].as_str(), object["id"].as_u64()) {
        (Some(name), _) => Some(dbc.message_by_name(name).map_err(|error| error.to_string())?),
        (None, Some(id)) => u16::try_from(id).ok().and_then(|id| dbc.message(id)),
        (None, None) => return Err("expected `name`, a message of the .dbc, or `id`".into()),
    };
    let id = object["id"].as_u64().and_then(|id| u16::try_from(id).ok());
    let id = message.map(|message| message.id).or(id).unwrap_or(u16::MAX);
    // The bytes as they were, where the object has them: a sender may use more of them than the .dbc says.
    let mut frame = match object["data"].as_str() {
        Some(data) => candump::parse(&format!("{id:03X}#{data}"))
            .ok()
            .flatten()
            .and_then(|line| line.frame.ok())
            .ok_or_else(|| format!("id {id} with `data` \"{data:.40}\" is no frame"))?,
        None => message.ok_or("expected `data`: the .dbc has no message of this id")?.blank(),
    };
    for (signal, value) in object["signals"].as_object().into_iter().flatten() {
        let value = value.as_f64().ok_or_else(|| format!("`signals.{signal}`: expected a number"))?;
        let message = message.ok_or("`signals`: the .dbc has no message of this id")?;
        set(message, &mut frame, signal, value)?;
    }
    let time = object["time"].as_f64();
    // To the microsecond, which is what candump writes and what a number of this size can hold.
    let time =
        time.map(|s| Duration::try_from_secs_f64(s + 0.5e-6).map_err(|error| format!("`time`: {error}")));
    Ok((time.transpose()?, frame))
}

/// Writes a signal, if the message has it and it can hold the value.
fn set(message: &MessageLayout, frame: &mut Frame, name: &str, value: f64) -> Result<(), String> {
    let signal = message.signal(name).map_err(|error| error.to_string())?;
    let (low, high) = limits(signal);
    // 100 % is some 1e-13 beyond 65535 steps of 1/65535.
    let slack = 1e-9 * low.abs().max(high.abs());
    if !(low - slack..=high + slack).contains(&value) {
        let [low, high] = [low, high].map(|limit| (limit * 1e6).round() / 1e6);
        return Err(format!("{name}: {value} {unit} does not fit: {low} to {high}", unit = signal.unit));
    }
    signal.handle.set_physical(&mut frame.data, value);
    Ok(())
}

/// The physical values that a signal can hold.
fn limits(signal: &Signal) -> (f64, f64) {
    let saturated = |value: f64| {
        let mut data = [0; 8];
        signal.handle.set_physical(&mut data, value);
        signal.handle.physical(&data)
    };
    (saturated(f64::MIN), saturated(f64::MAX))
}

fn monitor(args: &Monitor) -> Result<Status, Failure> {
    let dbc = vehicle::load_dbc(&args.vehicle)?;
    let mut link = CanLink::attach(&args.link).map_err(Failure::usage)?;
    eprintln!("link {}", link.name());
    let stop = interrupt::watch()?;
    let began = Instant::now();
    let mut status = Status::Passed;
    loop {
        let mut text = String::new();
        let time = SystemTime::now().duration_since(UNIX_EPOCH).ok();
        link.poll(|_, frame| text.push_str(&shown(&dbc, time, &frame, args.json)));
        if !text.is_empty() {
            print(&text)?;
        }
        if stop.load(Ordering::Relaxed) {
            status = Status::Interrupted;
            break;
        }
        if !link.expects_peers() || args.for_s.is_some_and(|for_s| began.elapsed().as_secs_f64() >= for_s) {
            break;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    link.report().sentences().iter().for_each(|sentence| eprintln!("{sentence}"));
    Ok(status)
}

fn replay(args: &Replay) -> Result<Status, Failure> {
    let mut lines = Lines::open(&args.file)?;
    let mut frames: Vec<(Duration, Frame)> = Vec::new();
    while let Some((place, line)) = lines.next()? {
        match candump::parse(&line) {
            Ok(None) => {}
            Ok(Some(candump::Line { frame: Err(kind), .. })) => {
                lines.passed_over(format!("{place}: {kind}: passed over"));
            }
            Ok(Some(candump::Line { time: None, .. })) => {
                lines.wrong(format!("{place}: the line has no time"))
            }
            Ok(Some(candump::Line { time: Some(time), frame: Ok(frame), .. })) => {
                if args.id.is_empty() || args.id.contains(&frame.id) {
                    frames.push((time, frame));
                }
            }
            Err(error) => lines.wrong(format!("{place}:{error}")),
        }
    }
    if lines.status() != Status::Passed {
        return Ok(lines.status());
    }
    // Logs of several buses may be out of order by a little.
    frames.sort_by_key(|(time, _)| *time);
    let Some((first, _)) = frames.first().copied() else {
        return Err(Failure::usage("there is no frame to play"));
    };
    let mut link = CanLink::attach(&args.link).map_err(Failure::usage)?;
    eprintln!("link {}", link.name());
    let stop = interrupt::watch()?;
    let listens = |link: &mut CanLink| {
        link.poll(|_, _| ());
        link.has_peer() || !link.expects_peers()
    };
    while !listens(&mut link) && !stop.load(Ordering::Relaxed) {
        std::thread::sleep(Duration::from_millis(5));
    }
    let mut pacer = Pacer::new();
    for (time, frame) in &frames {
        // In slices, so that Ctrl-C is heard and the other end's answers are read.
        let at = SimTime::ZERO + (*time - first);
        loop {
            listens(&mut link);
            if stop.load(Ordering::Relaxed) {
                return Ok(Status::Interrupted);
            }
            let left = at.since(pacer.now());
            pacer.wait(pacer.now() + left.min(Duration::from_millis(20)));
            if left <= Duration::from_millis(20) {
                break;
            }
        }
        link.send(*time, None, frame);
    }
    // What the last frames have set off at the other end is still to be taken.
    for _ in 0..20 {
        listens(&mut link);
        std::thread::sleep(Duration::from_millis(1));
    }
    link.flush();
    let report = link.report();
    eprintln!("{} frames played, {} dropped", report.counters.sent, report.counters.dropped);
    report.sentences().iter().for_each(|sentence| eprintln!("{sentence}"));
    if let Some(error) = report.error {
        return Err(Failure::usage(format!("link {}: {error}", report.name)));
    }
    Ok(Status::Passed)
}

/// One frame for people, or as a JSON object; with the end of the line.
fn shown(dbc: &Dbc, time: Option<Duration>, frame: &Frame, json: bool) -> String {
    let message = dbc.message(frame.id);
    if json {
        let object = Object {
            time: time.map(|time| time.as_secs_f64()),
            id: frame.id,
            name: message.map(|message| message.name.as_str()),
            data: frame.payload().iter().map(|byte| format!("{byte:02X}")).collect(),
            signals: Signals { message, frame },
        };
        let mut text = serde_json::to_string(&object).expect("plain data with string keys is JSON");
        text.push('\n');
        return text;
    }
    let mut text = time.map(|time| format!("({:.6}) ", time.as_secs_f64())).unwrap_or_default();
    text.push_str(&format!("{frame:<20} {}", message.map_or("?", |message| &message.name)));
    for (signal, value) in message.into_iter().flat_map(|message| message.decode(frame)) {
        let name = signal.value_name(signal.handle.raw(&frame.data));
        let value = (value * 1e6).round() / 1e6;
        match name {
            Some(name) => text.push_str(&format!("  {}={name}", signal.name)),
            None if signal.unit.is_empty() => text.push_str(&format!("  {}={value}", signal.name)),
            None => text.push_str(&format!("  {}={value} {}", signal.name, signal.unit)),
        }
    }
    text.push('\n');
    text
}

#[derive(Serialize)]
struct Object<'a> {
    time: Option<f64>,
    id: u16,
    name: Option<&'a str>,
    data: String,
    signals: Signals<'a>,
}

struct Signals<'a> {
    message: Option<&'a MessageLayout>,
    frame: &'a Frame,
}

impl Serialize for Signals<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let signals = self.message.into_iter().flat_map(|message| message.decode(self.frame));
        serializer.collect_map(signals.map(|(signal, value)| (&signal.name, value)))
    }
}

fn identifier(text: &str) -> Result<u16, String> {
    let digits = text.trim_start_matches("0x");
    let id = u16::from_str_radix(digits, 16).ok().filter(|id| *id <= Frame::MAX_ID);
    id.ok_or_else(|| "expected an identifier from 000 to 7FF".into())
}

/// The lines of a file or of standard input as they come, however long they are; and what was wrong.
struct Lines {
    name: String,
    reader: BufReader<Box<dyn Read>>,
    number: u64,
    told: u64,
    wrong: u64,
}

/// Wrong lines that are told one by one.
const MOST_TOLD: u64 = 20;

impl Lines {
    fn open(path: &Path) -> Result<Lines, Failure> {
        let (name, reader): (String, Box<dyn Read>) = if path == Path::new("-") {
            ("standard input".into(), Box::new(io::stdin()))
        } else {
            let name = path.display().to_string();
            let file = File::open(path)
                .map_err(|error| Failure::usage(format!("{name}: cannot be read: {error}")))?;
            (name, Box::new(file))
        };
        Ok(Lines { name, reader: BufReader::new(reader), number: 0, told: 0, wrong: 0 })
    }

    /// The next line with its place; of one that is too long, its beginning.
    fn next(&mut self) -> Result<Option<(String, String)>, Failure> {
        let most = candump::MAX_LINE as u64 * 64;
        let mut bytes = Vec::new();
        let read = self.reader.by_ref().take(most).read_until(b'\n', &mut bytes);
        let failed = |error| Failure::usage(format!("{}: cannot be read: {error}", self.name));
        if read.map_err(failed)? == 0 {
            return Ok(None);
        }
        if bytes.len() as u64 == most && bytes.last() != Some(&b'\n') {
            // The rest of an endless line, in pieces of constant size.
            let mut rest = Vec::new();
            while self.reader.by_ref().take(most).read_until(b'\n', &mut rest).map_err(failed)? > 0
                && rest.last() != Some(&b'\n')
            {
                rest.clear();
            }
        }
        self.number += 1;
        let place = format!("{}:{}", self.name, self.number);
        Ok(Some((place, String::from_utf8_lossy(&bytes).trim_end().to_string())))
    }

    fn wrong(&mut self, message: String) {
        self.wrong += 1;
        self.passed_over(format!("error: {message}"));
    }

    fn passed_over(&mut self, message: String) {
        self.told += 1;
        if self.told <= MOST_TOLD {
            let _ = writeln!(io::stderr(), "{message}");
        }
    }

    /// How reading has ended; says so if it was not told line by line.
    fn status(&self) -> Status {
        if self.told > MOST_TOLD {
            let _ = writeln!(io::stderr(), "{} more lines are not told", self.told - MOST_TOLD);
        }
        if self.wrong > 0 { Status::Usage } else { Status::Passed }
    }
}
