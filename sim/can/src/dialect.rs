//! A by-wire dialect: which signal of a car's .dbc plays which [`Role`], and how its frames are protected.
//!
//! All of it is attributes of the .dbc, so that a car of another make is another file and no code:
//!
//! | attribute | of | meaning |
//! |---|---|---|
//! | `Role` STRING | signal | names of [`Role`]s, separated by spaces: a signal may play several (one enable bit for two units) |
//! | `RoleScale`, `RoleOffset` FLOAT | signal | value of the role = physical value · scale + offset; 1 and 0 if absent. Units, sign and rest position of another car go here |
//! | `ChecksumKind` STRING | signal | this signal is the checksum of its message; the name of a [`Checksum`] |
//! | `CounterBits` INT | signal | this signal is the rolling counter of its message; its width, which is checked |
//! | `GenSigStartValue` INT | signal | raw value of a signal that plays no role |
//! | `GenMsgCycleTime`, `GenMsgStartDelayTime` INT | message | period and phase, ms |
//! | `FaultAfter` INT | message | wrong frames in a row after which its receiver reports a fault; 0, never |
//!
//! A signal whose role is a code (gear, turn signal, parking brake) names its raw values in VAL_ as [`Role::codes`] does:
//! `Park`, `Drive`, …
//!
//! A file in which no signal has a `Role` is read by names instead: roles are named after the messages and signals of the
//! Lincoln, so its .dbc needs none of these attributes. A message so named then needs every signal that is a role.
//!
//! [`Dialect::find`] reads them; [`Sealer`] puts counter and checksum on, [`Guard`] checks them.

use crate::dbc::names::nearest;
use crate::{Checksum, Dbc, Frame, MessageLayout, Role, Signal, SignalHandle};
use std::time::Duration;

/// What is wrong with the attributes that make a .dbc a dialect: where, what, and what was expected.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}: {message}")]
pub struct DialectError {
    /// The .dbc file.
    pub file: String,
    /// What is wrong.
    pub message: String,
}

/// The messages of a car in which signals play roles.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Dialect {
    /// The roles are told from the names of messages and signals: the Lincoln's.
    pub by_name: bool,
    /// What the computer sends, by ascending identifier.
    pub commands: Vec<DialectMessage>,
    /// What the car sends, by ascending identifier.
    pub reports: Vec<DialectMessage>,
}

/// A message with the roles in it.
#[derive(Clone, Debug, PartialEq)]
pub struct DialectMessage {
    /// Name in the .dbc.
    pub name: String,
    /// A frame of it with no role played: all zero but for the `GenSigStartValue`s.
    pub blank: Frame,
    /// Spacing of its frames.
    pub cycle: Duration,
    /// Time from the start to the first.
    pub start_delay: Duration,
    /// What is in it.
    pub signals: Vec<RoleSignal>,
    /// Where checksum and counter are.
    pub protection: Protection,
    /// Wrong frames in a row after which the receiver reports a fault; 0, never.
    pub fault_after: u32,
}

/// A signal that plays a role.
#[derive(Clone, Debug, PartialEq)]
pub struct RoleSignal {
    /// The role.
    pub role: Role,
    handle: SignalHandle,
    coding: Coding,
    /// The raw integers that the file's range allows, smallest and largest; `None` in a file read by names, whose
    /// ranges are information only.
    range: Option<(i64, i64)>,
}

/// How a value becomes a number on the wire.
#[derive(Clone, Debug, PartialEq)]
enum Coding {
    /// Value = physical value · scale + offset.
    Number { scale: f64, offset: f64 },
    /// Value = raw value, as flags and counts are.
    Raw,
    /// Raw value on the wire, and value of the role.
    Codes(Vec<(i64, i64)>),
}

impl RoleSignal {
    /// The value of the role in `data`, in its own unit and sign. A code without a name in the .dbc has none.
    pub fn get(&self, data: &[u8; 8]) -> Option<f64> {
        match &self.coding {
            Coding::Number { scale, offset } => Some(self.handle.physical(data) * scale + offset),
            Coding::Raw => Some(self.handle.raw(data) as f64),
            Coding::Codes(codes) => {
                let raw = self.handle.raw(data);
                codes.iter().find(|(wire, _)| *wire == raw).map(|(_, value)| *value as f64)
            }
        }
    }

    /// Writes the value of the role, saturating at the ends of the signal and of its range. A code that the car does not
    /// have is written as raw zero.
    pub fn set(&self, data: &mut [u8; 8], value: f64) {
        self.write(data, value);
        if let Some((min, max)) = self.range {
            let raw = self.handle.raw(data);
            if raw < min || raw > max {
                self.handle.set_raw(data, raw.clamp(min, max));
            }
        }
    }

    fn write(&self, data: &mut [u8; 8], value: f64) {
        match &self.coding {
            Coding::Number { scale, offset } => self.handle.set_physical(data, (value - offset) / scale),
            Coding::Raw => self.handle.set_physical(data, value),
            Coding::Codes(codes) => {
                let wire = codes.iter().find(|(_, code)| *code as f64 == value);
                self.handle.set_raw(data, wire.map_or(0, |(raw, _)| *raw));
            }
        }
    }

    /// True if what is in `data` is within the range of the file.
    fn is_in_range(&self, data: &[u8; 8]) -> bool {
        self.range.is_none_or(|(min, max)| (min..=max).contains(&self.handle.raw(data)))
    }

    /// Bytes that a frame needs for this signal to be in it.
    pub fn bytes(&self) -> u8 {
        self.handle.bytes()
    }
}

/// Where the checksum and the rolling counter of a message are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Protection {
    len: u8,
    /// Without checksum and counter any length will do from here on.
    shortest: u8,
    checksum: Option<(Checksum, SignalHandle)>,
    counter: Option<SignalHandle>,
}

/// Why a frame is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// It has not the length of its message; without checksum and counter, is too short for what is in it.
    Length,
    /// Its checksum is wrong.
    Checksum,
    /// Its counter is not that of the frame before plus one.
    Counter,
    /// A signal that plays a role is outside the range `[min|max]` of the .dbc (where roles are attributes).
    Range,
}

/// Frames counted by what was wrong with them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flaws {
    /// See [`Flaw::Length`].
    pub length: u64,
    /// See [`Flaw::Checksum`].
    pub checksum: u64,
    /// See [`Flaw::Counter`].
    pub counter: u64,
    /// See [`Flaw::Range`].
    pub range: u64,
}

impl Flaws {
    /// One more.
    pub fn add(&mut self, flaw: Flaw) {
        *match flaw {
            Flaw::Length => &mut self.length,
            Flaw::Checksum => &mut self.checksum,
            Flaw::Counter => &mut self.counter,
            Flaw::Range => &mut self.range,
        } += 1;
    }

    /// All of them.
    pub fn total(&self) -> u64 {
        self.length + self.checksum + self.counter + self.range
    }
}

impl Protection {
    /// Puts the counter and then the checksum into `frame`.
    pub fn seal(&self, frame: &mut Frame, counter: u8) {
        if let Some(handle) = &self.counter {
            handle.set_raw(&mut frame.data, i64::from(counter));
        }
        if let Some((kind, handle)) = &self.checksum {
            handle.set_raw(&mut frame.data, 0);
            let sum = kind.of(frame);
            handle.set_raw(&mut frame.data, i64::from(sum));
        }
    }

    /// Whether length and checksum are right.
    fn verify(&self, frame: &Frame) -> Result<(), Flaw> {
        let protected = self.checksum.is_some() || self.counter.is_some();
        if frame.len < self.shortest || (protected && frame.len != self.len) {
            return Err(Flaw::Length);
        }
        if let Some((kind, handle)) = &self.checksum {
            let mut without = *frame;
            handle.set_raw(&mut without.data, 0);
            if handle.raw(&frame.data) != i64::from(kind.of(&without)) {
                return Err(Flaw::Checksum);
            }
        }
        Ok(())
    }

    /// What follows a counter of `value`.
    fn after(&self, value: u8) -> u8 {
        let bits = self.counter.map_or(8, |handle| handle.bits().min(8));
        value.wrapping_add(1) & (u8::MAX >> (8 - bits))
    }
}

/// The sender's side of a [`Protection`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sealer {
    protection: Protection,
    next: u8,
}

impl Sealer {
    /// Starts counting at zero.
    pub fn new(protection: Protection) -> Self {
        Sealer { protection, next: 0 }
    }

    /// Makes `frame` the next of its message.
    pub fn seal(&mut self, frame: &mut Frame) {
        self.protection.seal(frame, self.next);
        self.next = self.protection.after(self.next);
    }
}

/// The receiver's side of a [`Protection`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Guard {
    protection: Protection,
    /// Counter of the last frame whose checksum was right.
    last: Option<u8>,
}

impl Guard {
    /// Takes whatever counter comes first.
    pub fn new(protection: Protection) -> Self {
        Guard { protection, last: None }
    }

    /// Whether `frame` is the next of its message. After a wrong counter the count goes on from that one, so
    /// that a lost frame costs one more and a frame sent again and again is never taken.
    ///
    /// # Errors
    /// What is wrong with it. A frame of wrong length or checksum leaves the count as it is.
    pub fn check(&mut self, frame: &Frame) -> Result<(), Flaw> {
        self.protection.verify(frame)?;
        let Some(handle) = self.protection.counter else { return Ok(()) };
        let counter = handle.raw(&frame.data) as u8;
        match self.last.replace(counter) {
            Some(last) if counter != self.protection.after(last) => Err(Flaw::Counter),
            _ => Ok(()),
        }
    }
}

impl Dialect {
    /// The dialect of a .dbc; `None` if no signal in it has a role, be it by its name.
    ///
    /// # Errors
    /// The first attribute that is wrong.
    pub fn find(dbc: &Dbc) -> Result<Option<Dialect>, DialectError> {
        let (mut commands, mut reports) = (Vec::new(), Vec::new());
        let by_name = dbc.messages().iter().flat_map(|m| &m.signals).all(|s| text_of(s, "Role").is_empty());
        for layout in dbc.messages() {
            let error = |message: String| DialectError { file: dbc.file.clone(), message };
            let message =
                DialectMessage::find(layout, by_name).map_err(|e| error(format!("{layout}: {e}")))?;
            let Some(message) = message else { continue };
            let is_command = message.signals[0].role.is_command();
            if let Some(other) = message.signals.iter().find(|s| s.role.is_command() != is_command) {
                let [one, other] = [message.signals[0].role, other.role].map(Role::name);
                return Err(error(format!(
                    "{layout}: one message cannot be command and report, it has {one:?} and {other:?}"
                )));
            }
            if message.cycle < Duration::from_millis(1) {
                return Err(error(format!("{layout}: needs a GenMsgCycleTime of at least 1 ms")));
            }
            if is_command { &mut commands } else { &mut reports }.push(message);
        }
        let dialect = Dialect { by_name, commands, reports };
        let mut roles: Vec<Role> =
            dialect.messages().flat_map(|m| m.signals.iter().map(|s| s.role)).collect();
        roles.sort_unstable();
        if let Some(pair) = roles.windows(2).find(|pair| pair[0] == pair[1]) {
            let message = format!("the role {:?} is played by two signals", pair[0].name());
            return Err(DialectError { file: dbc.file.clone(), message });
        }
        Ok((!roles.is_empty()).then_some(dialect))
    }

    /// Checks that each of `needed` is played.
    ///
    /// # Errors
    /// Names the first that is not; `file` is the .dbc.
    pub fn require(&self, needed: &[Role], file: &str) -> Result<(), DialectError> {
        let plays = |role| self.messages().any(|m| m.signals.iter().any(|s| s.role == role));
        match needed.iter().find(|role| !plays(**role)) {
            None => Ok(()),
            Some(role) => {
                let message = format!("no signal has the Role {:?}, which is needed", role.name());
                Err(DialectError { file: file.to_owned(), message })
            }
        }
    }

    fn messages(&self) -> impl Iterator<Item = &DialectMessage> {
        self.commands.iter().chain(&self.reports)
    }
}

impl DialectMessage {
    /// Whether each role in `frame` is within its range.
    ///
    /// # Errors
    /// [`Flaw::Range`].
    pub fn check_range(&self, frame: &Frame) -> Result<(), Flaw> {
        match self.signals.iter().all(|signal| signal.is_in_range(&frame.data)) {
            true => Ok(()),
            false => Err(Flaw::Range),
        }
    }

    fn find(layout: &MessageLayout, by_name: bool) -> Result<Option<Self>, String> {
        let mut message = DialectMessage {
            name: layout.name.clone(),
            blank: layout.blank(),
            cycle: layout.cycle.unwrap_or_default(),
            start_delay: layout.start_delay,
            signals: Vec::new(),
            protection: Protection { len: layout.len, shortest: 0, checksum: None, counter: None },
            fault_after: 0,
        };
        if let Some(count) = layout.attributes.get("FaultAfter") {
            let count = count.number().filter(|n| (0.0..=1000.0).contains(n) && n.fract() == 0.0);
            message.fault_after = count.ok_or("FaultAfter must be a whole number from 0 to 1000")? as u32;
        }
        if by_name {
            complete(layout)?;
        }
        for signal in &layout.signals {
            let named = format!("{}.{}", layout.name, signal.name);
            let roles = if by_name { &named } else { text_of(signal, "Role") };
            if !by_name || Role::from_name(&named).is_some() {
                message.signals.extend(roles_of(signal, roles, by_name)?);
            }
            message.protect(signal)?;
            if let Some(value) = signal.attributes.get("GenSigStartValue").and_then(|value| value.number()) {
                signal.handle.set_raw(&mut message.blank.data, value as i64);
            }
        }
        let needed = message.signals.iter().filter(|signal| !signal.role.is_watchdog_count());
        message.protection.shortest = needed.map(RoleSignal::bytes).max().unwrap_or(0);
        Ok((!message.signals.is_empty()).then_some(message))
    }

    fn protect(&mut self, signal: &Signal) -> Result<(), String> {
        let name = &signal.name;
        if let Some(kind) = signal.attributes.get("ChecksumKind") {
            let text = kind.text().unwrap_or_default();
            let kind = Checksum::from_name(text).ok_or_else(|| {
                let near = nearest(text, Checksum::ALL.iter().map(|kind| kind.name()));
                format!("{name}: there is no ChecksumKind {:?}{near}", shorten(text))
            })?;
            if signal.handle.bits() != kind.bits() {
                let (want, got) = (kind.bits(), signal.handle.bits());
                return Err(format!("{name}: a {} has {want} bits, got {got}", kind.name()));
            }
            if self.protection.checksum.replace((kind, unsigned(signal)?)).is_some() {
                return Err(format!("{name}: the message has another checksum already"));
            }
        }
        if let Some(bits) = signal.attributes.get("CounterBits") {
            let got = signal.handle.bits();
            if bits.number() != Some(f64::from(got)) || got > 8 {
                return Err(format!(
                    "{name}: CounterBits must be the width of the signal, which is {got}, and at most 8"
                ));
            }
            if self.protection.counter.replace(unsigned(signal)?).is_some() {
                return Err(format!("{name}: the message has another counter already"));
            }
        }
        Ok(())
    }
}

/// The handle of a checksum or counter.
fn unsigned(signal: &Signal) -> Result<SignalHandle, String> {
    if signal.handle.is_signed() {
        return Err(format!("{}: a checksum or counter cannot be signed", signal.name));
    }
    Ok(signal.handle)
}

/// Roles that sum up what the Lincoln says in several signals, or that it does not say.
const NOT_THE_LINCOLNS: [Role; 4] =
    [Role::BrakeFault, Role::ThrottleFault, Role::SteeringFault, Role::SteeringRate];

/// Whether a message that is named as the Lincoln's has all of its signals that are roles.
fn complete(layout: &MessageLayout) -> Result<(), String> {
    for role in Role::ALL.iter().filter(|role| !NOT_THE_LINCOLNS.contains(role)) {
        let (message, signal) = role.message_and_signal();
        if message == layout.name {
            layout.signal(signal).map_err(|missing| missing.to_string())?;
        }
    }
    Ok(())
}

fn text_of<'a>(signal: &'a Signal, attribute: &str) -> &'a str {
    signal.attributes.get(attribute).and_then(|value| value.text()).unwrap_or_default()
}

/// What a signal stands for, and how, as its attributes say.
fn roles_of(signal: &Signal, roles: &str, by_name: bool) -> Result<Vec<RoleSignal>, String> {
    let range = signal.range.filter(|_| !by_name).map(|(min, max)| signal.handle.raw_limits(min, max));
    let name = &signal.name;
    let number = |key: &str, absent: f64| signal.attributes.get(key).map_or(Some(absent), |v| v.number());
    let (scale, offset) = number("RoleScale", 1.0).zip(number("RoleOffset", 0.0)).unwrap_or((0.0, 0.0));
    if scale == 0.0 {
        return Err(format!("{name}: RoleScale and RoleOffset must be numbers, the scale not zero"));
    }
    let mut found = Vec::new();
    for text in roles.split_whitespace() {
        let role = Role::from_name(text).ok_or_else(|| {
            let near = nearest(text, Role::ALL.iter().map(|role| role.name()));
            format!("{name}: there is no Role {:?}{near}", shorten(text))
        })?;
        let mut codes = Vec::new();
        for (raw, value) in &signal.values {
            codes.extend(role.codes().iter().find(|(code, _)| code == value).map(|(_, code)| (*raw, *code)));
        }
        if codes.is_empty() && !role.codes().is_empty() {
            let names: Vec<&str> = role.codes().iter().map(|(name, _)| *name).collect();
            return Err(format!("{name}: VAL_ must name its raw values, some of {}", names.join(", ")));
        }
        let raw = signal.handle.is_raw() && (scale, offset) == (1.0, 0.0);
        let coding = match codes.is_empty() {
            false => Coding::Codes(codes),
            true if raw => Coding::Raw,
            true => Coding::Number { scale, offset },
        };
        found.push(RoleSignal { role, handle: signal.handle, coding, range });
    }
    Ok(found)
}

fn shorten(text: &str) -> String {
    text.chars().take(40).collect()
}
