//! A bounded XML element tree that remembers where everything stood.
//!
//! Only elements whose names the caller asks for are kept; everything else is checked for well-formedness
//! and skipped. No document type is accepted, so there is no entity to expand.

use std::borrow::Cow;

use quick_xml::XmlVersion;
use quick_xml::events::attributes::AttrError;
use quick_xml::events::{BytesStart, Event};
use quick_xml::reader::Reader;

use crate::error::{MapError, Source};

/// Largest accepted file, bytes.
pub(crate) const MAX_BYTES: usize = 64 << 20;
/// Deepest accepted nesting.
const MAX_DEPTH: usize = 64;
/// Most elements kept.
const MAX_ELEMENTS: usize = 300_000;

/// An element: name, attributes, children, all with byte offsets.
pub(crate) struct Element<'a> {
    pub name: &'a str,
    pub at: usize,
    attributes: Vec<Attribute<'a>>,
    pub children: Vec<Element<'a>>,
    /// Character data directly inside, comments left out.
    pub text: String,
}

struct Attribute<'a> {
    name: &'a str,
    value: Cow<'a, str>,
    at: usize,
}

/// Reads `source` into its root element. `known` lists the element names to keep below the root.
pub(crate) fn parse<'a>(source: Source<'a>, known: &[&str]) -> Result<Element<'a>, MapError> {
    if source.text.len() > MAX_BYTES {
        return Err(source
            .whole("the file is too large")
            .expected(format!("at most {MAX_BYTES} bytes"))
            .got(format!("{} bytes", source.text.len())));
    }
    let mut reader = Reader::from_str(source.text);
    let mut open: Vec<Element<'a>> = Vec::new();
    let mut root = None;
    let mut skipping = 0usize;
    let mut kept = 0usize;
    loop {
        let at = reader.buffer_position() as usize;
        let event = reader.read_event().map_err(|e| {
            source.error(reader.error_position() as usize, format!("this is not well-formed XML: {e}"))
        })?;
        let empty = matches!(event, Event::Empty(_));
        match event {
            Event::Start(start) | Event::Empty(start) => {
                if open.len() + skipping >= MAX_DEPTH {
                    return Err(source
                        .error(at, "elements are nested too deeply")
                        .expected(format!("at most {MAX_DEPTH} levels")));
                }
                if open.is_empty() && root.is_some() {
                    return Err(source.error(at, "there is a second root element"));
                }
                let keep = skipping == 0 && (open.is_empty() || known.contains(&name_in(source, at, &start)));
                if !keep {
                    check_attributes(source, at, &start)?;
                    skipping += usize::from(!empty);
                    continue;
                }
                kept += 1;
                if kept > MAX_ELEMENTS {
                    return Err(source
                        .error(at, "too many elements")
                        .expected(format!("at most {MAX_ELEMENTS}")));
                }
                let element = element(source, at, &start)?;
                if !empty {
                    open.push(element);
                } else if let Some(parent) = open.last_mut() {
                    parent.children.push(element);
                } else {
                    root = Some(element);
                }
            }
            Event::End(_) if skipping > 0 => skipping -= 1,
            Event::End(_) => {
                let Some(done) = open.pop() else {
                    return Err(source.error(at, "an end tag without a start tag"));
                };
                match open.last_mut() {
                    Some(parent) => parent.children.push(done),
                    None => root = Some(done),
                }
            }
            Event::Text(text) if skipping == 0 => {
                if let Some(parent) = open.last_mut() {
                    parent.text.push_str(text.xml10_content().trim());
                } else if !text.trim().is_empty() {
                    return Err(source.error(at, "text outside the root element"));
                }
            }
            Event::CData(data) if skipping == 0 => {
                if let Some(parent) = open.last_mut() {
                    parent.text.push_str(data.xml10_content().trim());
                }
            }
            Event::DocType(_) => {
                return Err(source.error(at, "a document type declaration is not accepted").expected("none"));
            }
            Event::Eof => break,
            _ => {}
        }
    }
    if let Some(unclosed) = open.last() {
        return Err(source.error(unclosed.at, format!("<{}> is never closed", unclosed.name)));
    }
    root.ok_or_else(|| source.whole("there is no root element"))
}

/// The element's name as it stands in the source after `<`.
fn name_in<'a>(source: Source<'a>, at: usize, start: &BytesStart) -> &'a str {
    source.text.get(at + 1..at + 1 + start.name().0.len()).unwrap_or("")
}

fn element<'a>(source: Source<'a>, at: usize, start: &BytesStart) -> Result<Element<'a>, MapError> {
    let mut attributes = Vec::new();
    // The reader hands out borrowed text; offsets within the tag are found by position in the source.
    let tag = source.text.get(at + 1..at + 1 + start.len()).unwrap_or("");
    let name = name_in(source, at, start);
    for attribute in start.attributes() {
        let attribute = attribute.map_err(|e| attribute_error(source, at, &e))?;
        let offset = (attribute.key.0.as_ptr() as usize).wrapping_sub(start.as_ptr() as usize);
        let value = attribute
            .normalized_value(XmlVersion::Implicit1_0)
            .map_err(|e| source.error(at + 1 + offset, format!("a bad attribute value: {e}")))?;
        attributes.push(Attribute {
            name: tag.get(offset..offset + attribute.key.0.len()).unwrap_or(""),
            value: Cow::Owned(value.into_owned()),
            at: at + 1 + offset,
        });
    }
    Ok(Element { name, at, attributes, children: Vec::new(), text: String::new() })
}

fn check_attributes(source: Source, at: usize, start: &BytesStart) -> Result<(), MapError> {
    for attribute in start.attributes() {
        attribute.map_err(|e| attribute_error(source, at, &e))?;
    }
    Ok(())
}

fn attribute_error(source: Source, at: usize, error: &AttrError) -> MapError {
    let offset = match *error {
        AttrError::ExpectedEq(offset)
        | AttrError::ExpectedValue(offset)
        | AttrError::UnquotedValue(offset)
        | AttrError::ExpectedQuote(offset, _)
        | AttrError::Duplicated(offset, _) => offset,
    };
    source.error(at + 1 + offset, format!("a malformed attribute: {error}"))
}

impl<'a> Element<'a> {
    /// The children with this name.
    pub fn all(&self, name: &'static str) -> impl Iterator<Item = &Element<'a>> {
        self.children.iter().filter(move |child| child.name == name)
    }

    /// The first child with this name.
    pub fn child(&self, name: &'static str) -> Option<&Element<'a>> {
        self.all(name).next()
    }

    /// An attribute's value and place.
    pub fn attribute(&self, name: &str) -> Option<(&str, usize)> {
        self.attributes.iter().find(|a| a.name == name).map(|a| (a.value.as_ref(), a.at))
    }

    /// A required attribute.
    pub fn text(&self, source: Source, name: &str) -> Result<(&str, usize), MapError> {
        self.attribute(name).ok_or_else(|| {
            source
                .error(self.at, format!("<{}> has no attribute '{name}'", self.name))
                .expected(format!("{name}=\"…\""))
        })
    }

    /// A required finite number.
    pub fn number(&self, source: Source, name: &str) -> Result<f64, MapError> {
        let (text, at) = self.text(source, name)?;
        match text.trim().parse::<f64>() {
            Ok(value) if value.is_finite() && value.abs() <= 1e9 => Ok(value),
            _ => Err(source
                .error(at, format!("'{name}' of <{}> is not a usable number", self.name))
                .expected("a finite number of at most 1e9 in size")
                .got(format!("\"{text}\""))),
        }
    }

    /// A required finite number in a range given by `accept`, described by `expected`.
    pub fn number_where(
        &self,
        source: Source,
        name: &str,
        accept: impl Fn(f64) -> bool,
        expected: &str,
    ) -> Result<f64, MapError> {
        let value = self.number(source, name)?;
        if accept(value) {
            return Ok(value);
        }
        let (text, at) = self.text(source, name)?;
        Err(source
            .error(at, format!("'{name}' of <{}> is out of range", self.name))
            .expected(expected)
            .got(format!("\"{text}\"")))
    }
}
