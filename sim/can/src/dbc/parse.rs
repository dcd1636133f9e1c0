//! Reads the sections of a .dbc file, in the order they come.

use super::lex::{Kind, Lexer, Token, shorten};
use super::names::nearest;
use super::{AttributeValue, Dbc, DbcError, MessageLayout, Signal, SignalHandle, lowest_bytes};
use crate::{Frame, SignalLayout};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

type Result<T> = std::result::Result<T, DbcError>;

/// The node that stands for "nobody in particular".
const NOBODY: &str = "Vector__XXX";
/// A message that editors make up for signals that belong to no message.
const ORPHANS_ID: u64 = 0xC000_0000;
/// Bit 31 of an identifier marks the 29-bit format.
const EXTENDED: u64 = 0x8000_0000;
/// One day: longer cycles are taken for mistakes.
const LONGEST_CYCLE_MS: f64 = 86_400_000.0;

pub(super) fn parse_bytes(bytes: &[u8], file: &str) -> Result<Dbc> {
    // Say "too large" before "not UTF-8", without reading it all.
    if bytes.len() > Dbc::MAX_BYTES {
        return Err(too_large(bytes.len(), file));
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => parse(text, file),
        Err(error) => {
            let valid = std::str::from_utf8(&bytes[..error.valid_up_to()]).unwrap_or_default();
            let byte = bytes[valid.len()];
            Err(Lexer::new(valid, file).error(
                valid.len(),
                format!("byte 0x{byte:02X} is not UTF-8; save the file with the encoding UTF-8"),
            ))
        }
    }
}

fn too_large(len: usize, file: &str) -> DbcError {
    let message = format!("the file has {len} bytes, more than the {} a .dbc may have here", Dbc::MAX_BYTES);
    DbcError { file: file.to_owned(), line: 1, column: 1, message }
}

pub(super) fn parse(text: &str, file: &str) -> Result<Dbc> {
    if text.len() > Dbc::MAX_BYTES {
        return Err(too_large(text.len(), file));
    }
    let mut lexer = Lexer::new(text.strip_prefix('\u{feff}').unwrap_or(text), file);
    let next = lexer.next()?;
    let mut parser = Parser {
        lexer,
        next,
        dbc: empty(file),
        nodes: BTreeSet::new(),
        definitions: BTreeMap::new(),
        cycles: Cycles::default(),
    };
    parser.file()?;
    Ok(parser.finish())
}

fn empty(file: &str) -> Dbc {
    Dbc {
        file: file.to_owned(),
        version: String::new(),
        comment: String::new(),
        nodes: Vec::new(),
        messages: Vec::new(),
    }
}

/// The two timing attributes of messages: default and value by identifier, ms.
#[derive(Default)]
struct Cycles {
    cycle_default: f64,
    delay_default: f64,
    cycle: BTreeMap<u16, f64>,
    delay: BTreeMap<u16, f64>,
}

/// What kind of value an attribute takes.
#[derive(Clone, Copy, PartialEq)]
enum Attribute {
    Number,
    Text,
    /// Named values: text, or their index.
    Enumeration,
}

struct Parser<'a> {
    lexer: Lexer<'a>,
    next: Token<'a>,
    dbc: Dbc,
    /// The nodes again, since a file may name one of very many on each of very many lines.
    nodes: BTreeSet<&'a str>,
    definitions: BTreeMap<&'a str, Attribute>,
    cycles: Cycles,
}

impl<'a> Parser<'a> {
    // Tokens.

    fn error<T>(&self, at: usize, message: impl Into<String>) -> Result<T> {
        Err(self.lexer.error(at, message))
    }

    fn expected<T>(&self, what: &str) -> Result<T> {
        self.error(self.next.at, format!("expected {what}, got {}", self.next.kind))
    }

    fn advance(&mut self) -> Result<Token<'a>> {
        let token = self.next;
        self.next = self.lexer.next()?;
        Ok(token)
    }

    fn word(&mut self, what: &str) -> Result<(&'a str, usize)> {
        match self.next {
            Token { kind: Kind::Word(word), at } => {
                self.advance()?;
                Ok((word, at))
            }
            _ => self.expected(what),
        }
    }

    fn is_word(&self, word: &str) -> bool {
        self.next.kind == Kind::Word(word)
    }

    fn is(&self, c: char) -> bool {
        self.next.kind == Kind::Punctuation(c)
    }

    fn eat(&mut self, c: char) -> Result<bool> {
        let found = self.is(c);
        if found {
            self.advance()?;
        }
        Ok(found)
    }

    fn punctuation(&mut self, c: char) -> Result<()> {
        if self.eat(c)? { Ok(()) } else { self.expected(&format!("{c:?}")) }
    }

    fn text(&mut self, what: &str) -> Result<String> {
        match self.next.kind {
            Kind::Text(text) => {
                self.advance()?;
                Ok(text.replace("\\\"", "\""))
            }
            _ => self.expected(what),
        }
    }

    fn number(&mut self, what: &str) -> Result<(f64, usize)> {
        let Token { kind: Kind::Number(text), at } = self.next else { return self.expected(what) };
        match text.parse::<f64>() {
            Ok(number) if number.is_finite() => {
                self.advance()?;
                Ok((number, at))
            }
            _ => {
                self.error(at, format!("{} is not a finite number ({what} is expected here)", shorten(text)))
            }
        }
    }

    fn integer(&mut self, what: &str, min: i64, max: i64) -> Result<(i64, usize)> {
        let Token { kind: Kind::Number(text), at } = self.next else { return self.expected(what) };
        match text.parse::<i64>() {
            Ok(number) if (min..=max).contains(&number) => {
                self.advance()?;
                Ok((number, at))
            }
            _ => self.error(at, format!("expected {what} from {min} to {max}, got {}", shorten(text))),
        }
    }

    // Sections.

    fn file(&mut self) -> Result<()> {
        loop {
            let (section, at) = match self.next.kind {
                Kind::End => return Ok(()),
                _ => self.word("a section such as BO_, CM_ or VAL_")?,
            };
            match section {
                "VERSION" => self.dbc.version = self.text("the version as a string")?,
                "NS_" => self.new_symbols()?,
                "BS_" => self.bit_timing()?,
                "BU_" => self.nodes()?,
                "VAL_TABLE_" => self.value_table()?,
                "BO_" => self.message()?,
                "SG_" => return self.error(at, "this signal belongs to no message: SG_ must follow a BO_"),
                "CM_" => self.comment()?,
                "BA_DEF_" => self.attribute_definition()?,
                "BA_DEF_DEF_" => self.attribute_default()?,
                "BA_" => self.attribute_value()?,
                "VAL_" => self.value_names()?,
                "SIG_VALTYPE_" => {
                    return self.error(at, "floating-point signals (SIG_VALTYPE_) are not supported");
                }
                "SG_MUL_VAL_" => {
                    return self.error(at, "multiplexed signals (SG_MUL_VAL_) are not supported");
                }
                // These do not change how a frame is decoded.
                "BO_TX_BU_" | "EV_" | "EV_DATA_" | "ENVVAR_DATA_" | "SGTYPE_" | "SGTYPE_VAL_"
                | "SIG_GROUP_" | "SIG_TYPE_REF_" | "SIGTYPE_VALTYPE_" | "CAT_" | "CAT_DEF_" | "FILTER"
                | "BA_DEF_SGTYPE_" | "BA_SGTYPE_" | "BA_DEF_REL_" | "BA_REL_" | "BA_DEF_DEF_REL_" => {
                    self.skip_statement()?
                }
                other => {
                    let near = nearest(other, SECTIONS.into_iter());
                    return self.error(at, format!("unknown section {:?}{near}", shorten(other)));
                }
            }
        }
    }

    /// `NS_ :` and an indented list of the section names the file may use, which says nothing.
    fn new_symbols(&mut self) -> Result<()> {
        self.punctuation(':')?;
        while matches!(self.next.kind, Kind::Word(_)) && !self.lexer.starts_line(self.next.at) {
            self.advance()?;
        }
        Ok(())
    }

    /// `BS_:`, with an obsolete bit timing that is ignored: `rate : btr1 , btr2`.
    fn bit_timing(&mut self) -> Result<()> {
        self.punctuation(':')?;
        if matches!(self.next.kind, Kind::Number(_)) {
            self.number("a bit rate")?;
            self.punctuation(':')?;
            self.number("a register value")?;
            self.punctuation(',')?;
            self.number("a register value")?;
        }
        self.eat(';')?;
        Ok(())
    }

    /// `BU_: name name …`
    fn nodes(&mut self) -> Result<()> {
        self.punctuation(':')?;
        while let Token { kind: Kind::Word(name), at } = self.next {
            if self.lexer.starts_line(at) && SECTIONS.contains(&name) {
                break;
            }
            if !self.nodes.insert(name) {
                return self.error(at, format!("the node {name:?} is declared twice"));
            }
            self.dbc.nodes.push(name.to_owned());
            self.advance()?;
        }
        Ok(())
    }

    fn known_node(&mut self, what: &str) -> Result<&'a str> {
        let (name, at) = self.word(what)?;
        if name == NOBODY || self.nodes.contains(name) {
            return Ok(name);
        }
        let near = nearest(name, self.nodes.iter().copied());
        self.error(at, format!("the node {:?} is not declared in BU_{near}", shorten(name)))
    }

    /// `VAL_TABLE_ name value "text" … ;` defines names nobody here refers to.
    fn value_table(&mut self) -> Result<()> {
        self.word("the name of the value table")?;
        self.value_list(i64::MIN, i64::MAX)?;
        Ok(())
    }

    /// `BO_ id name: length sender` and its signals.
    fn message(&mut self) -> Result<()> {
        let (id, id_at) = self.integer("a message identifier", 0, i64::from(u32::MAX))?;
        let (name, name_at) = self.word("the name of the message")?;
        self.punctuation(':')?;
        let (len, len_at) = self.integer("the length of the message in bytes", 0, i64::from(u16::MAX))?;
        let sender = self.known_node("the node that sends the message")?.to_owned();

        let id = id as u64;
        let orphans = id == ORPHANS_ID;
        if !orphans {
            if id & EXTENDED != 0 {
                return self.error(id_at, "extended (29-bit) identifiers are not supported");
            }
            if id > u64::from(Frame::MAX_ID) {
                return self.error(id_at, format!("the identifier {id} does not fit in 11 bits (0 to 2047)"));
            }
            if len > 8 {
                return self.error(
                    len_at,
                    format!("a message has at most 8 bytes, got {len}; CAN FD is not supported"),
                );
            }
            if let Some(other) = self.dbc.message(id as u16) {
                return self.error(id_at, format!("the identifier {id} is already that of {other}"));
            }
            if let Some(other) = self.dbc.messages.iter().find(|m| m.name == name) {
                return self
                    .error(name_at, format!("a message named {:?} exists already: {other}", shorten(name)));
            }
        }

        let mut message = MessageLayout {
            id: id as u16,
            name: name.to_owned(),
            len: if orphans { 8 } else { len as u8 },
            sender,
            cycle: None,
            start_delay: Duration::ZERO,
            comment: String::new(),
            attributes: BTreeMap::new(),
            signals: Vec::new(),
        };
        while self.is_word("SG_") {
            let signal = self.signal(&message, orphans)?;
            if !orphans {
                message.signals.push(signal);
            }
        }
        if !orphans {
            let index = self.dbc.messages.partition_point(|m| m.id < message.id);
            self.dbc.messages.insert(index, message);
        }
        Ok(())
    }

    /// `SG_ name : start|bits@order sign (scale,offset) [min|max] "unit" receiver,receiver`
    fn signal(&mut self, message: &MessageLayout, orphan: bool) -> Result<Signal> {
        self.word("SG_")?;
        let (name, name_at) = self.word("the name of the signal")?;
        if !orphan && message.signals.iter().any(|s| s.name == name) {
            return self.error(name_at, format!("{message} already has a signal named {:?}", shorten(name)));
        }
        if let Token { kind: Kind::Word(multiplex), at } = self.next {
            let message = format!(
                "the signal {name:?} is multiplexed ({multiplex}); multiplexed signals are not supported"
            );
            return self.error(at, message);
        }
        self.punctuation(':')?;
        let (start, start_at) = self.integer("the start bit", 0, 63)?;
        self.punctuation('|')?;
        let (bits, bits_at) = self.integer("the length of the signal in bits", 1, 64)?;
        self.punctuation('@')?;
        let (order, _) = self.integer("the byte order, 1 (little-endian) or 0 (big-endian),", 0, 1)?;
        let signed = match self.next.kind {
            Kind::Punctuation('+') => false,
            Kind::Punctuation('-') => true,
            _ => return self.expected("'+' (unsigned) or '-' (signed)"),
        };
        self.advance()?;
        self.punctuation('(')?;
        let (scale, scale_at) = self.number("the scale")?;
        self.punctuation(',')?;
        let (offset, _) = self.number("the offset")?;
        self.punctuation(')')?;
        self.punctuation('[')?;
        let (min, min_at) = self.number("the smallest value")?;
        self.punctuation('|')?;
        let (max, _) = self.number("the largest value")?;
        self.punctuation(']')?;
        let unit = self.text("the unit as a string")?;
        self.known_node("a node that receives the signal")?;
        while self.eat(',')? {
            self.known_node("a node that receives the signal")?;
        }

        if scale == 0.0 {
            return self
                .error(scale_at, format!("the scale of {name:?} is zero: it would always read its offset"));
        }
        if min > max {
            return self
                .error(min_at, format!("the smallest value {min} of {name:?} is above its largest {max}"));
        }
        let Some(handle) = place(start as u8, bits as u8, order == 0, signed, scale, offset) else {
            return self.error(
                bits_at,
                format!("{bits} bits from bit {start} reach beyond the eight bytes of a frame"),
            );
        };
        let mask = handle.bit_mask();
        if mask & !lowest_bytes(message.len) != 0 {
            let len = message.len;
            return self.error(
                start_at,
                format!("the signal {name:?} reaches outside the {len} bytes of {message}"),
            );
        }
        if !orphan && let Some(other) = message.signals.iter().find(|s| s.handle.bit_mask() & mask != 0) {
            let other = &other.name;
            return self.error(start_at, format!("the signal {name:?} overlaps {other:?} in {message}"));
        }
        let range = (min != 0.0 || max != 0.0).then_some((min, max));
        Ok(Signal {
            name: name.to_owned(),
            handle,
            range,
            unit,
            comment: String::new(),
            attributes: BTreeMap::new(),
            values: Vec::new(),
        })
    }

    /// The identifier of a message, in a section that refers to it. `None` for the orphans' message.
    fn message_reference(&mut self) -> Result<Option<usize>> {
        let (id, at) = self.integer("the identifier of a message", 0, i64::from(u32::MAX))?;
        if id as u64 == ORPHANS_ID {
            return Ok(None);
        }
        match self.dbc.messages.binary_search_by_key(&id, |m| i64::from(m.id)) {
            Ok(index) => Ok(Some(index)),
            Err(_) => self.error(at, format!("no message has the identifier {id}")),
        }
    }

    /// A message and one of its signals.
    fn signal_reference(&mut self) -> Result<Option<(usize, usize)>> {
        let message = self.message_reference()?;
        let (name, at) = self.word("the name of a signal")?;
        let Some(index) = message else { return Ok(None) };
        let layout = &self.dbc.messages[index];
        match layout.signals.iter().position(|s| s.name == name) {
            Some(signal) => Ok(Some((index, signal))),
            None => match layout.signal(name) {
                Err(missing) => self.error(at, missing.0),
                Ok(_) => Ok(None),
            },
        }
    }

    /// `CM_ "…";`, or of a node, message or signal.
    fn comment(&mut self) -> Result<()> {
        match self.next.kind {
            Kind::Text(_) => self.dbc.comment = self.text("a comment")?,
            Kind::Word("BU_") => {
                self.advance()?;
                self.known_node("the name of a node")?;
                self.text("the comment as a string")?;
            }
            Kind::Word("BO_") => {
                self.advance()?;
                let message = self.message_reference()?;
                let comment = self.text("the comment as a string")?;
                if let Some(index) = message {
                    self.dbc.messages[index].comment = comment;
                }
            }
            Kind::Word("SG_") => {
                self.advance()?;
                let signal = self.signal_reference()?;
                let comment = self.text("the comment as a string")?;
                if let Some((message, signal)) = signal {
                    self.dbc.messages[message].signals[signal].comment = comment;
                }
            }
            Kind::Word("EV_") => return self.skip_statement(),
            _ => return self.expected("a comment as a string, or BU_, BO_, SG_ and what it is about"),
        }
        self.punctuation(';')
    }

    /// `BA_DEF_ [object] "name" type …;`
    fn attribute_definition(&mut self) -> Result<()> {
        if let Kind::Word("BU_" | "BO_" | "SG_" | "EV_") = self.next.kind {
            self.advance()?;
        }
        let (name, at) = self.attribute_name()?;
        let (kind, kind_at) = self.word("the type of the attribute")?;
        let attribute = match kind {
            "INT" | "HEX" | "FLOAT" => {
                // Some editors leave the limits out.
                if !self.is(';') {
                    self.number("the smallest value")?;
                    self.number("the largest value")?;
                }
                Attribute::Number
            }
            "STRING" => Attribute::Text,
            "ENUM" => {
                self.text("a value as a string")?;
                while self.eat(',')? {
                    self.text("a value as a string")?;
                }
                Attribute::Enumeration
            }
            _ => {
                return self.error(
                    kind_at,
                    format!("expected INT, HEX, FLOAT, STRING or ENUM, got {:?}", shorten(kind)),
                );
            }
        };
        if self.definitions.insert(name, attribute).is_some() {
            return self.error(at, format!("the attribute {:?} is defined twice", shorten(name)));
        }
        self.punctuation(';')
    }

    fn attribute_name(&mut self) -> Result<(&'a str, usize)> {
        match self.next {
            Token { kind: Kind::Text(name), at } => {
                self.advance()?;
                Ok((name, at))
            }
            _ => self.expected("the name of an attribute as a string"),
        }
    }

    fn defined_attribute(&mut self) -> Result<(&'a str, Attribute)> {
        let (name, at) = self.attribute_name()?;
        match self.definitions.get(name) {
            Some(attribute) => Ok((name, *attribute)),
            None => {
                let near = nearest(name, self.definitions.keys().copied());
                self.error(at, format!("the attribute {:?} is not defined by a BA_DEF_{near}", shorten(name)))
            }
        }
    }

    fn attribute_content(&mut self, attribute: Attribute) -> Result<(AttributeValue, usize)> {
        let at = self.next.at;
        let value = match (attribute, self.next.kind) {
            (Attribute::Number, _) | (Attribute::Enumeration, Kind::Number(_)) => {
                AttributeValue::Number(self.number("a number")?.0)
            }
            _ => AttributeValue::Text(self.text("a string")?),
        };
        Ok((value, at))
    }

    /// `BA_DEF_DEF_ "name" value;`
    fn attribute_default(&mut self) -> Result<()> {
        let (name, attribute) = self.defined_attribute()?;
        let (value, at) = self.attribute_content(attribute)?;
        match name {
            CYCLE => self.cycles.cycle_default = self.milliseconds(name, &value, at)?,
            DELAY => self.cycles.delay_default = self.milliseconds(name, &value, at)?,
            _ => {}
        }
        self.punctuation(';')
    }

    /// `BA_ "name" [object] value;`
    fn attribute_value(&mut self) -> Result<()> {
        let (name, attribute) = self.defined_attribute()?;
        let (mut message, mut signal) = (None, None);
        match self.next.kind {
            Kind::Word("BU_") => {
                self.advance()?;
                self.known_node("the name of a node")?;
            }
            Kind::Word("BO_") => {
                self.advance()?;
                message = self.message_reference()?;
            }
            Kind::Word("SG_") => {
                self.advance()?;
                signal = self.signal_reference()?;
            }
            Kind::Word("EV_") => {
                self.advance()?;
                self.word("the name of a variable")?;
            }
            _ => {}
        }
        let (value, at) = self.attribute_content(attribute)?;
        if let Some(index) = message {
            let id = self.dbc.messages[index].id;
            if [CYCLE, DELAY].contains(&name) {
                let ms = self.milliseconds(name, &value, at)?;
                let table = if name == CYCLE { &mut self.cycles.cycle } else { &mut self.cycles.delay };
                table.insert(id, ms);
            }
            if self.dbc.messages[index].attributes.insert(name.to_owned(), value).is_some() {
                return self.error(at, format!("{name} of message {id} is given twice"));
            }
        } else if let Some((message, signal)) = signal {
            let signal = &mut self.dbc.messages[message].signals[signal];
            if signal.attributes.insert(name.to_owned(), value).is_some() {
                let message = format!("{name} of {:?} is given twice", signal.name);
                return self.error(at, message);
            }
        }
        self.punctuation(';')
    }

    fn milliseconds(&self, name: &str, value: &AttributeValue, at: usize) -> Result<f64> {
        // A text here is zero: not periodic.
        let value = value.number().unwrap_or(0.0);
        if (0.0..=LONGEST_CYCLE_MS).contains(&value) {
            return Ok(value);
        }
        self.error(at, format!("{name} must be from 0 to {LONGEST_CYCLE_MS} ms, got {value}"))
    }

    /// `VAL_ id signal value "name" … ;`, or of an environment variable, which is skipped.
    fn value_names(&mut self) -> Result<()> {
        if matches!(self.next.kind, Kind::Word(_)) {
            return self.skip_statement();
        }
        let signal = self.signal_reference()?;
        let at = self.next.at;
        let (min, max) =
            signal.map_or((i64::MIN, i64::MAX), |(m, s)| self.dbc.messages[m].signals[s].handle.raw_range());
        let values = self.value_list(min, max)?;
        if let Some((message, signal)) = signal {
            let signal = &mut self.dbc.messages[message].signals[signal];
            if !signal.values.is_empty() {
                let name = signal.name.clone();
                return self.error(at, format!("the values of {name:?} are named twice"));
            }
            signal.values = values;
        }
        Ok(())
    }

    /// `value "name" … ;`, sorted by value.
    fn value_list(&mut self, min: i64, max: i64) -> Result<Vec<(i64, String)>> {
        let mut values = BTreeMap::new();
        while !self.eat(';')? {
            let (value, at) = self.integer("a raw value (or ';')", min, max)?;
            let name = self.text("the name of the value as a string")?;
            if values.insert(value, name).is_some() {
                return self.error(at, format!("the value {value} is named twice"));
            }
        }
        Ok(values.into_iter().collect())
    }

    fn skip_statement(&mut self) -> Result<()> {
        while !self.is(';') {
            if self.next.kind == Kind::End {
                return self.expected("';'");
            }
            self.advance()?;
        }
        self.punctuation(';')
    }

    fn finish(mut self) -> Dbc {
        let duration = |ms: f64| Duration::from_nanos((ms * 1e6) as u64);
        for message in &mut self.dbc.messages {
            let cycle = self.cycles.cycle.get(&message.id).unwrap_or(&self.cycles.cycle_default);
            let delay = self.cycles.delay.get(&message.id).unwrap_or(&self.cycles.delay_default);
            message.cycle = Some(duration(*cycle)).filter(|cycle| !cycle.is_zero());
            message.start_delay = duration(*delay);
        }
        self.dbc
    }
}

const CYCLE: &str = "GenMsgCycleTime";
const DELAY: &str = "GenMsgStartDelayTime";

const SECTIONS: [&str; 11] =
    ["VERSION", "NS_", "BS_", "BU_", "VAL_TABLE_", "BO_", "CM_", "BA_DEF_", "BA_DEF_DEF_", "BA_", "VAL_"];

/// The signal at `start` of a .dbc: the least significant bit if little-endian, else the most significant.
/// `None` if it does not fit in eight bytes.
fn place(
    start: u8,
    bits: u8,
    big_endian: bool,
    signed: bool,
    scale: f64,
    offset: f64,
) -> Option<SignalHandle> {
    // In reversed bytes a big-endian signal is contiguous, with its most significant bit here.
    let top = 8 * (7 - start / 8) + start % 8;
    let start_bit = if big_endian { (top + 1).checked_sub(bits)? } else { start };
    let fits = u16::from(start_bit) + u16::from(bits) <= 64;
    fits.then_some(SignalHandle {
        layout: SignalLayout { start_bit, bits, signed, scale, offset },
        big_endian,
    })
}
