//! What a client says to the receiver: abbreviated ASCII commands, one a line (OM-20000129, chapters 1.2 and 2).

use crate::LOGS;

/// Longest line that is read; a longer one is no command.
pub const MAX_LINE_BYTES: usize = 512;

/// A line that came whole.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// `UNLOGALL`: no log any more.
    UnlogAll,
    /// `UNLOG name`: this log no more.
    Unlog {
        /// Id of the log.
        id: u16,
        /// Its text form.
        ascii: bool,
    },
    /// `LOG [port] name trigger …`.
    Log(LogRequest),
    /// A command that changes nothing a simulated receiver shows (`EVENTOUTCONTROL`, `SETIMUTOANTOFFSET` …), or asks
    /// for a log that is known by name and never due, or that goes out of another port than this.
    Accepted,
    /// Not understood; the answer a receiver gives.
    Refused(&'static str),
}

/// What a LOG command asks for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LogRequest {
    /// Id of the log.
    pub id: u16,
    /// As text (`A` behind the name) and not binary; NMEA sentences are text in any case.
    pub ascii: bool,
    /// When it is due.
    pub trigger: Trigger,
}

/// When a log is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trigger {
    /// Whenever GPS time is a multiple of the period, plus the offset.
    OnTime {
        /// Milliseconds, at least 1.
        period_ms: u32,
        /// Milliseconds, below the period.
        offset_ms: u32,
    },
    /// With each new solution.
    OnNew,
    /// Now and then never again.
    Once,
}

/// What the vendor's manual answers to a line it does not understand.
const UNKNOWN: Command = Command::Refused("Invalid Message ID");
const WRONG_FIELD: Command = Command::Refused("Invalid Message. Field = 1");

/// Commands of the real car's login (and a few a person types) that are taken without effect.
const WITHOUT_EFFECT: [&str; 16] = [
    "EVENTOUTCONTROL",
    "EVENTINCONTROL",
    "MARKCONTROL",
    "SETIMUTOANTOFFSET",
    "SETIMUTOANTOFFSET2",
    "SETINSOFFSET",
    "SETIMUORIENTATION",
    "VEHICLEBODYROTATION",
    "RVBCALIBRATE",
    "INSCOMMAND",
    "ALIGNMENTMODE",
    "INTERFACEMODE",
    "SERIALCONFIG",
    "CONNECTIMU",
    "NMEATALKER",
    "SAVECONFIG",
];
/// Logs of the real car's login that have nothing to tell here: they hold the mounting of the receiver's parts.
const SILENT_LOGS: [&str; 2] = ["IMUTOANTOFFSETS", "VEHICLEBODYROTATION"];

impl Command {
    /// Reads one line without its end; None if there is nothing on it.
    #[must_use]
    pub fn parse(line: &str) -> Option<Self> {
        let line = line.trim().to_ascii_uppercase();
        let mut words = line.split_ascii_whitespace();
        let command = words.next()?;
        let words: Vec<&str> = words.collect();
        Some(match command {
            "UNLOGALL" => Self::UnlogAll,
            "UNLOG" => match log_named(without_port(&words).0) {
                Named::Log { id, ascii } => Self::Unlog { id, ascii },
                Named::Silent => Self::Accepted,
                Named::No => WRONG_FIELD,
            },
            "LOG" => Self::parse_log(&words),
            known if WITHOUT_EFFECT.contains(&known) => Self::Accepted,
            _ => UNKNOWN,
        })
    }

    fn parse_log(words: &[&str]) -> Self {
        let (words, port) = without_port(words);
        let (id, ascii) = match log_named(words) {
            Named::Log { id, ascii } => (id, ascii),
            Named::Silent => return Self::Accepted,
            Named::No => return WRONG_FIELD,
        };
        let millis = |at: usize| match words.get(at).map(|word| word.parse::<f64>()) {
            None => Some(0),
            Some(Ok(seconds)) if (0.0..=86_400.0).contains(&seconds) => {
                Some((seconds * 1000.0).round() as u32)
            }
            Some(_) => None,
        };
        let trigger = match words.get(1).copied() {
            Some("ONTIME") => match (millis(2), millis(3)) {
                (Some(period_ms), Some(offset_ms)) if period_ms > offset_ms => {
                    Trigger::OnTime { period_ms, offset_ms }
                }
                _ => return WRONG_FIELD,
            },
            // What changes with each solution is new with each.
            Some("ONNEW" | "ONCHANGED") => Trigger::OnNew,
            Some("ONCE") | None => Trigger::Once,
            _ => return WRONG_FIELD,
        };
        if port == Port::Other { Self::Accepted } else { Self::Log(LogRequest { id, ascii, trigger }) }
    }
}

#[derive(PartialEq)]
enum Port {
    This,
    Other,
}

/// The words behind the name of a port, if one is there. A client knows this port by no other name than
/// `THISPORT`; what it sends to others, which are not wired, does not come out here.
fn without_port<'a, 'b>(words: &'a [&'b str]) -> (&'a [&'b str], Port) {
    const PORTS: [&str; 7] = ["COM", "NCOM", "ICOM", "XCOM", "USB", "AUX", "FILE"];
    let Some((first, rest)) = words.split_first() else { return (words, Port::This) };
    if *first == "THISPORT" {
        return (rest, Port::This);
    }
    let kind = first.trim_end_matches(|c: char| c.is_ascii_digit());
    if PORTS.contains(&kind) { (rest, Port::Other) } else { (words, Port::This) }
}

enum Named {
    Log { id: u16, ascii: bool },
    Silent,
    No,
}

/// The log that the first word names: with `B` behind the name it is binary, with `A` text, NMEA sentences stand without.
/// The abbreviated text of a bare name is not spoken.
fn log_named(words: &[&str]) -> Named {
    let Some(word) = words.first() else { return Named::No };
    let find = |name: &str| LOGS.iter().find(|(known, ..)| *known == name).map(|(_, id, _)| *id);
    if word.starts_with("GP") {
        return find(word).map_or(Named::No, |id| Named::Log { id, ascii: false });
    }
    let ascii = word.ends_with('A');
    let Some(name) = word.strip_suffix(['A', 'B']) else { return Named::No };
    match find(name) {
        Some(id) => Named::Log { id, ascii },
        None if SILENT_LOGS.contains(&name) => Named::Silent,
        None => Named::No,
    }
}

/// Finds the lines in what a client sends, in pieces of any size and with any garbage among them.
#[derive(Clone, Debug, Default)]
pub struct CommandReader {
    line: Vec<u8>,
    /// The line is longer than any command; it is passed over to its end.
    overlong: bool,
    garbage_lines: u64,
}

impl CommandReader {
    /// Takes the next bytes and hands each whole line's command to `on_command`. Lines that are no text, or too long,
    /// are counted and not answered.
    pub fn push(&mut self, bytes: &[u8], mut on_command: impl FnMut(Command)) {
        for &byte in bytes {
            if byte != b'\n' && byte != b'\r' {
                if self.line.len() < MAX_LINE_BYTES {
                    self.line.push(byte);
                } else {
                    self.overlong = true;
                }
                continue;
            }
            let is_text = self.line.iter().all(|byte| byte.is_ascii_graphic() || byte.is_ascii_whitespace());
            match std::str::from_utf8(&self.line) {
                Ok(line) if is_text && !self.overlong => {
                    if let Some(command) = Command::parse(line) {
                        on_command(command);
                    }
                }
                _ => self.garbage_lines += 1,
            }
            self.line.clear();
            self.overlong = false;
        }
    }

    /// Lines that were no text, or too long.
    #[must_use]
    pub fn garbage_lines(&self) -> u64 {
        self.garbage_lines
    }
}
