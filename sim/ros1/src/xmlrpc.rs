//! XML-RPC bodies: values, calls and answers, as text.
//!
//! Reads what ROS clients write (`<i4>`, `<int>`, a bare `<value>text</value>`) and writes what the ROS master of
//! Python writes, without blanks between tags, since roscpp's reader compares strings.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use quick_xml::Reader;
use quick_xml::events::Event;
use std::collections::BTreeMap;

/// Arrays and structs within one another: a tree of parameters is not deeper.
const MAX_DEPTH: usize = 32;

/// A value.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// `<i4>` or `<int>`.
    Int(i32),
    /// `<boolean>`.
    Bool(bool),
    /// `<string>`, or no tag at all.
    Text(String),
    /// `<double>`.
    Double(f64),
    /// `<dateTime.iso8601>`, as written.
    DateTime(String),
    /// `<base64>`.
    Binary(Vec<u8>),
    /// `<array>`.
    Array(Vec<Value>),
    /// `<struct>`.
    Struct(BTreeMap<String, Value>),
}

impl Value {
    /// The text, if it is one.
    pub fn as_text(&self) -> Option<&str> {
        if let Value::Text(text) = self { Some(text) } else { None }
    }

    /// The whole number, if it is one; true is 1.
    pub fn as_int(&self) -> Option<i32> {
        match self {
            Value::Int(number) => Some(*number),
            Value::Bool(truth) => Some(i32::from(*truth)),
            _ => None,
        }
    }

    /// The elements, if it is an array.
    pub fn as_array(&self) -> Option<&[Value]> {
        if let Value::Array(values) = self { Some(values) } else { None }
    }

    /// Every text of an array; what is no text is left out.
    pub fn texts(&self) -> Vec<String> {
        let texts = self.as_array().unwrap_or_default().iter().filter_map(Value::as_text);
        texts.map(str::to_string).collect()
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Value::Text(text.to_string())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Value::Text(text)
    }
}

impl From<i32> for Value {
    fn from(number: i32) -> Self {
        Value::Int(number)
    }
}

impl From<Vec<Value>> for Value {
    fn from(values: Vec<Value>) -> Self {
        Value::Array(values)
    }
}

/// A call of a method.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// Name of the method.
    pub method: String,
    /// Its arguments.
    pub params: Vec<Value>,
}

impl Call {
    /// The call of `method` with these arguments.
    pub fn new(method: &str, params: Vec<Value>) -> Call {
        Call { method: method.to_string(), params }
    }
}

/// What a method answers.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// Its value.
    Value(Value),
    /// It failed.
    Fault {
        /// A number for the kind of error.
        code: i32,
        /// What went wrong.
        message: String,
    },
}

/// A body that is no XML-RPC.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no XML-RPC: {0}")]
pub struct XmlError(String);

/// Reads a call.
///
/// # Errors
/// If the body is no `<methodCall>`.
pub fn decode_call(body: &[u8]) -> Result<Call, XmlError> {
    let mut parser = Parser::new(body)?;
    parser.open("methodCall")?;
    let method = parser.text_of("methodName")?;
    let mut params = Vec::new();
    if let Tag::Open(name) = parser.tag()? {
        if name != "params" {
            return Err(XmlError(format!("expected <params>, got <{name}>")));
        }
        loop {
            match parser.tag()? {
                Tag::Open(name) if name == "param" => {
                    parser.open("value")?;
                    params.push(parser.value(0)?);
                    parser.close()?;
                }
                Tag::Close => break,
                Tag::Open(name) => return Err(XmlError(format!("expected <param>, got <{name}>"))),
                Tag::End => return Err(XmlError("ends within <params>".into())),
            }
        }
        parser.close()?;
    }
    Ok(Call { method: method.trim().to_string(), params })
}

/// Reads an answer.
///
/// # Errors
/// If the body is no `<methodResponse>`.
pub fn decode_answer(body: &[u8]) -> Result<Answer, XmlError> {
    let mut parser = Parser::new(body)?;
    parser.open("methodResponse")?;
    match parser.tag()? {
        Tag::Open(name) if name == "params" => {
            parser.open("param")?;
            parser.open("value")?;
            Ok(Answer::Value(parser.value(0)?))
        }
        Tag::Open(name) if name == "fault" => {
            parser.open("value")?;
            let Value::Struct(fault) = parser.value(0)? else {
                return Err(XmlError("a <fault> holds a <struct>".into()));
            };
            let code = fault.get("faultCode").and_then(Value::as_int).unwrap_or_default();
            let message = fault.get("faultString").and_then(Value::as_text).unwrap_or_default().to_string();
            Ok(Answer::Fault { code, message })
        }
        _ => Err(XmlError("expected <params> or <fault> in <methodResponse>".into())),
    }
}

/// Writes a call.
pub fn encode_call(call: &Call) -> Vec<u8> {
    let mut xml = String::from("<?xml version=\"1.0\"?><methodCall><methodName>");
    escape(&call.method, &mut xml);
    xml.push_str("</methodName><params>");
    for value in &call.params {
        xml.push_str("<param>");
        write(value, &mut xml);
        xml.push_str("</param>");
    }
    xml.push_str("</params></methodCall>\n");
    xml.into_bytes()
}

/// Writes an answer.
pub fn encode_answer(answer: &Answer) -> Vec<u8> {
    let mut xml = String::from("<?xml version=\"1.0\"?><methodResponse>");
    match answer {
        Answer::Value(value) => {
            xml.push_str("<params><param>");
            write(value, &mut xml);
            xml.push_str("</param></params>");
        }
        Answer::Fault { code, message } => {
            xml.push_str("<fault>");
            write(&fault(*code, message), &mut xml);
            xml.push_str("</fault>");
        }
    }
    xml.push_str("</methodResponse>\n");
    xml.into_bytes()
}

/// The struct that stands for a failed call, also within `system.multicall`.
pub fn fault(code: i32, message: &str) -> Value {
    let members = [("faultCode", Value::Int(code)), ("faultString", Value::from(message))];
    Value::Struct(members.map(|(name, value)| (name.to_string(), value)).into())
}

fn write(value: &Value, xml: &mut String) {
    let mut tagged = |tag: &str, text: &str| {
        xml.push_str(&format!("<value><{tag}>"));
        escape(text, xml);
        xml.push_str(&format!("</{tag}></value>"));
    };
    match value {
        Value::Int(number) => tagged("int", &number.to_string()),
        Value::Bool(truth) => tagged("boolean", if *truth { "1" } else { "0" }),
        Value::Text(text) => tagged("string", text),
        Value::Double(number) => tagged("double", &format!("{number:?}")),
        Value::DateTime(text) => tagged("dateTime.iso8601", text),
        Value::Binary(bytes) => tagged("base64", &STANDARD.encode(bytes)),
        Value::Array(values) => {
            xml.push_str("<value><array><data>");
            values.iter().for_each(|value| write(value, xml));
            xml.push_str("</data></array></value>");
        }
        Value::Struct(members) => {
            xml.push_str("<value><struct>");
            for (name, value) in members {
                xml.push_str("<member><name>");
                escape(name, xml);
                xml.push_str("</name>");
                write(value, xml);
                xml.push_str("</member>");
            }
            xml.push_str("</struct></value>");
        }
    }
}

fn escape(text: &str, xml: &mut String) {
    for letter in text.chars() {
        match letter {
            '&' => xml.push_str("&amp;"),
            '<' => xml.push_str("&lt;"),
            '>' => xml.push_str("&gt;"),
            '\r' => xml.push_str("&#13;"),
            // XML has no word for the other control characters.
            '\0'..='\x08' | '\x0b' | '\x0c' | '\x0e'..='\x1f' | '\u{fffe}' | '\u{ffff}' => xml.push('?'),
            _ => xml.push(letter),
        }
    }
}

/// What comes next between values.
enum Tag {
    Open(String),
    Close,
    End,
}

struct Parser<'a> {
    reader: Reader<&'a [u8]>,
}

impl<'a> Parser<'a> {
    fn new(body: &'a [u8]) -> Result<Self, XmlError> {
        let text = std::str::from_utf8(body).map_err(|error| XmlError(format!("not UTF-8: {error}")))?;
        // roscpp ends some bodies with a zero byte.
        let mut reader = Reader::from_str(text.trim_end_matches('\0').trim_start());
        reader.config_mut().expand_empty_elements = true;
        Ok(Parser { reader })
    }

    fn event(&mut self) -> Result<Event<'a>, XmlError> {
        loop {
            match self.reader.read_event().map_err(|error| XmlError(error.to_string()))? {
                Event::Decl(_) | Event::PI(_) | Event::Comment(_) => {}
                Event::DocType(_) => return Err(XmlError("document types are not taken".into())),
                event => return Ok(event),
            }
        }
    }

    /// The next tag; between tags there are only blanks.
    fn tag(&mut self) -> Result<Tag, XmlError> {
        loop {
            match self.event()? {
                Event::Start(tag) => return Ok(Tag::Open(tag.name().as_ref().to_string())),
                Event::End(_) => return Ok(Tag::Close),
                Event::Eof => return Ok(Tag::End),
                Event::Text(text) if text.trim().is_empty() => {}
                _ => return Err(XmlError("text where a tag was expected".into())),
            }
        }
    }

    fn open(&mut self, expected: &str) -> Result<(), XmlError> {
        match self.tag()? {
            Tag::Open(name) if name == expected => Ok(()),
            Tag::Open(name) => Err(XmlError(format!("expected <{expected}>, got <{name}>"))),
            _ => Err(XmlError(format!("expected <{expected}>"))),
        }
    }

    fn close(&mut self) -> Result<(), XmlError> {
        match self.tag()? {
            Tag::Close => Ok(()),
            Tag::Open(name) => Err(XmlError(format!("<{name}> where a tag should close"))),
            Tag::End => Err(XmlError("ends too early".into())),
        }
    }

    fn text_of(&mut self, expected: &str) -> Result<String, XmlError> {
        self.open(expected)?;
        match self.text()? {
            (text, None) => Ok(text),
            (_, Some(tag)) => Err(XmlError(format!("<{tag}> within <{expected}>"))),
        }
    }

    /// Text up to the closing tag, or up to the tag that opens within.
    fn text(&mut self) -> Result<(String, Option<String>), XmlError> {
        let mut text = String::new();
        loop {
            match self.event()? {
                Event::Text(piece) => text.push_str(&piece.xml10_content()),
                Event::CData(piece) => text.push_str(&piece.xml10_content()),
                Event::GeneralRef(name) => {
                    let letter = name.resolve_char_ref().map_err(|error| XmlError(error.to_string()))?;
                    match (letter, &*name) {
                        (Some(letter), _) => text.push(letter),
                        (None, "amp") => text.push('&'),
                        (None, "lt") => text.push('<'),
                        (None, "gt") => text.push('>'),
                        (None, "quot") => text.push('"'),
                        (None, "apos") => text.push('\''),
                        (None, other) => return Err(XmlError(format!("unknown entity &{other};"))),
                    }
                }
                Event::End(_) => return Ok((text, None)),
                Event::Start(tag) => return Ok((text, Some(tag.name().as_ref().to_string()))),
                _ => return Err(XmlError("ends within a text".into())),
            }
        }
    }

    /// The value whose `<value>` has been opened, up to its closing tag.
    fn value(&mut self, depth: usize) -> Result<Value, XmlError> {
        if depth > MAX_DEPTH {
            return Err(XmlError(format!("more than {MAX_DEPTH} values within one another")));
        }
        let kind = match self.text()? {
            (text, None) => return Ok(Value::Text(text)),
            (blanks, Some(kind)) if blanks.trim().is_empty() => kind,
            _ => return Err(XmlError("text before the type of a value".into())),
        };
        let value = match kind.as_str() {
            "array" => self.array(depth)?,
            "struct" => self.members(depth)?,
            kind => {
                let (text, None) = self.text()? else {
                    return Err(XmlError(format!("a tag within <{kind}>")));
                };
                simple(kind, text)?
            }
        };
        self.close()?;
        Ok(value)
    }

    fn array(&mut self, depth: usize) -> Result<Value, XmlError> {
        self.open("data")?;
        let mut values = Vec::new();
        loop {
            match self.tag()? {
                Tag::Open(name) if name == "value" => values.push(self.value(depth + 1)?),
                Tag::Close => break,
                _ => return Err(XmlError("expected <value> in <array>".into())),
            }
        }
        self.close()?;
        Ok(Value::Array(values))
    }

    fn members(&mut self, depth: usize) -> Result<Value, XmlError> {
        let mut members = BTreeMap::new();
        loop {
            match self.tag()? {
                Tag::Open(name) if name == "member" => {
                    let name = self.text_of("name")?;
                    self.open("value")?;
                    members.insert(name, self.value(depth + 1)?);
                    self.close()?;
                }
                Tag::Close => return Ok(Value::Struct(members)),
                _ => return Err(XmlError("expected <member> in <struct>".into())),
            }
        }
    }
}

fn simple(kind: &str, text: String) -> Result<Value, XmlError> {
    let wrong = || XmlError(format!("<{kind}> cannot be \"{}\"", text.chars().take(40).collect::<String>()));
    let trimmed = text.trim();
    match kind {
        "int" | "i4" => trimmed.parse().map(Value::Int).map_err(|_| wrong()),
        "boolean" => match trimmed {
            "1" => Ok(Value::Bool(true)),
            "0" => Ok(Value::Bool(false)),
            _ => Err(wrong()),
        },
        "double" => trimmed.parse().map(Value::Double).map_err(|_| wrong()),
        "base64" => {
            let packed: String = text.split_whitespace().collect();
            STANDARD.decode(packed).map(Value::Binary).map_err(|_| wrong())
        }
        "string" => Ok(Value::Text(text)),
        "dateTime.iso8601" => Ok(Value::DateTime(text)),
        _ => Err(XmlError(format!("unknown type <{}>", kind.chars().take(40).collect::<String>()))),
    }
}
