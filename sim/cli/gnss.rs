//! `skidpad gnss`: what a receiver's bytes say.

use crate::output::OutFile;
use crate::status::{Failure, Status};
use clap::Subcommand;
use serde::Serialize;
use skidpad_novatel::{
    Decoder, DecoderStats, Header, InsStatus, Item, Log, LongHeader, Message, PositionType, Sentence,
    log_name,
};
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

/// Look into the byte stream of a NovAtel receiver
///
/// The stream may come from Skidpad (`skidpad run --gnss file:PATH`) or from a real receiver.
#[derive(clap::Args)]
#[command(after_help = HELP)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

const HELP: &str = "\
Examples:
  skidpad gnss decode novatel.bin
  skidpad help gnss decode

Exit status:
  0  done
  2  the file or an argument is wrong";

#[derive(Subcommand)]
enum Command {
    Decode(Decode),
}

/// Print a receiver's byte stream as JSON, one object a line
///
/// Binary logs with long and short headers, and NMEA sentences, in the order of the stream. Each object has `log` (the
/// vendor's name, or the id of a log that is not taken apart), `unix_s` (the time of the header, 18 leap seconds
/// behind GPS), `header` and `fields` in SI units and degrees; status and type numbers have their names beside them.
/// NMEA sentences have `log` and `fields` alone. Damaged bytes are passed over; the last line, on standard error,
/// counts logs, errors and bytes passed over.
#[derive(clap::Args)]
#[command(after_help = DECODE_HELP)]
struct Decode {
    /// The stream; `-` for standard input, which is read until it ends
    #[arg(value_name = "FILE|-")]
    file: PathBuf,
}

const DECODE_HELP: &str = "\
Examples:
  skidpad gnss decode novatel.bin
  nc 127.0.0.1 3001 | skidpad gnss decode - | jq 'select(.log == \"BESTPOS\").fields'

Exit status:
  0  the stream held logs, all of them sound
  1  the stream held a damaged log, or none at all
  2  the file or an argument is wrong";

/// Runs the subcommand.
pub fn run(args: &Args) -> Result<Status, Failure> {
    match &args.command {
        Command::Decode(decode) => run_decode(&decode.file),
    }
}

fn run_decode(path: &Path) -> Result<Status, Failure> {
    let (name, mut input): (String, Box<dyn Read>) = if path == Path::new("-") {
        ("standard input".into(), Box::new(io::stdin()))
    } else {
        let name = path.display().to_string();
        let file = File::open(path).map_err(|error| unreadable(&name, &error))?;
        (name, Box::new(file))
    };
    let mut out = OutFile::create(Path::new("-"))?;
    let (mut decoder, mut piece, mut line) = (Decoder::new(), vec![0; 1 << 16], Vec::new());
    loop {
        let length = match input.read(&mut piece) {
            Ok(0) => break,
            Ok(length) => length,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(unreadable(&name, &error)),
        };
        decoder.push(&piece[..length]);
        while let Some(item) = decoder.next_item() {
            line.clear();
            serde_json::to_writer(&mut line, &Line::of(&item)).expect("a log is JSON");
            line.push(b'\n');
            out.write_all(&line).map_err(|error| Failure::write("standard output", &error))?;
        }
        // Whoever reads a live stream sees each log as it comes.
        out.flush().map_err(|error| Failure::write("standard output", &error))?;
    }
    out.finish()?;
    let stats = decoder.stats();
    let unfinished = decoder.pending_bytes();
    eprintln!("{name}: {}", summary(&stats, unfinished));
    let damaged = stats.crc_errors + stats.checksum_errors + stats.length_errors > 0;
    let empty = stats.logs + stats.sentences == 0;
    Ok(if damaged || empty { Status::Failed } else { Status::Passed })
}

fn unreadable(name: &str, error: &io::Error) -> Failure {
    Failure::usage(format!("{name}: cannot be read: {error}"))
}

fn summary(stats: &DecoderStats, unfinished: usize) -> String {
    format!(
        "{} logs, {} sentences; {} CRC errors, {} wrong checksums, {} wrong lengths; {} bytes passed over, {unfinished} \
         bytes unfinished at the end",
        stats.logs,
        stats.sentences,
        stats.crc_errors,
        stats.checksum_errors,
        stats.length_errors,
        stats.skipped_bytes
    )
}

/// One line of the output.
#[derive(Serialize)]
struct Line<'a> {
    log: Name,
    #[serde(skip_serializing_if = "Option::is_none")]
    unix_s: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    header: Option<HeaderFields>,
    /// What the numbers of status and type mean.
    #[serde(skip_serializing_if = "Option::is_none")]
    status_name: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    type_name: Option<&'static str>,
    fields: Fields<'a>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Name {
    Known(&'static str),
    Sentence(String),
    Id(u16),
}

#[derive(Serialize)]
struct HeaderFields {
    id: u16,
    week: u16,
    millis: u32,
    #[serde(flatten)]
    long: Option<LongHeader>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Fields<'a> {
    Log(&'a Message),
    Sentence(&'a Sentence),
}

impl<'a> Line<'a> {
    fn of(item: &'a Item) -> Self {
        match item {
            Item::Log(log) => Self::of_log(log),
            Item::Sentence(sentence) => Line {
                log: match sentence {
                    Sentence::Gpgga(_) => Name::Known("GPGGA"),
                    Sentence::Gprmc(_) => Name::Known("GPRMC"),
                    Sentence::Other { text } => {
                        Name::Sentence(text.split(',').next().unwrap_or("").to_owned())
                    }
                },
                unix_s: None,
                header: None,
                status_name: None,
                type_name: None,
                fields: Fields::Sentence(sentence),
            },
        }
    }

    fn of_log(log: &'a Log) -> Self {
        let Header { id, week, millis, long } = log.header;
        let (status, kind) = match &log.message {
            Message::Inspvas(log) => (ins(log.status), None),
            Message::Inspvax(log) => (ins(log.status), kind(log.position_type)),
            Message::Bestpos(log) => (None, kind(log.position_type)),
            Message::Bestvel(log) => (None, kind(log.velocity_type)),
            _ => (None, None),
        };
        Line {
            log: log_name(id).map_or(Name::Id(id), Name::Known),
            unix_s: Some(log.header.time().to_unix_s()),
            header: Some(HeaderFields { id, week, millis, long }),
            status_name: status,
            type_name: kind,
            fields: Fields::Log(&log.message),
        }
    }
}

fn ins(status: u32) -> Option<&'static str> {
    InsStatus::from_wire(status).map(InsStatus::name)
}

fn kind(position_type: u32) -> Option<&'static str> {
    PositionType::from_wire(position_type).map(PositionType::name)
}
