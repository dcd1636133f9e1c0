//! Words, numbers, strings and punctuation of a .dbc file.

use super::DbcError;
use std::fmt;

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Kind<'a> {
    /// Keyword or name: a letter or underscore, then letters, digits, underscores.
    Word(&'a str),
    /// The text of a number, starting with a digit, or a sign or point before one.
    Number(&'a str),
    /// The inside of a string, escapes not yet resolved.
    Text(&'a str),
    Punctuation(char),
    End,
}

impl fmt::Display for Kind<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Kind::Word(word) => write!(f, "{:?}", shorten(word)),
            Kind::Number(number) => write!(f, "the number {}", shorten(number)),
            Kind::Text(text) => write!(f, "the string \"{}\"", shorten(text).escape_debug()),
            Kind::Punctuation(c) => write!(f, "{c:?}"),
            Kind::End => write!(f, "the end of the file"),
        }
    }
}

/// Enough of a text to recognise it in an error message.
pub(super) fn shorten(text: &str) -> &str {
    text.char_indices().nth(40).map_or(text, |(end, _)| &text[..end])
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Token<'a> {
    pub kind: Kind<'a>,
    /// Byte offset of its first character.
    pub at: usize,
}

/// Cuts a text into tokens, one ahead.
pub(super) struct Lexer<'a> {
    text: &'a str,
    file: &'a str,
    position: usize,
}

impl<'a> Lexer<'a> {
    pub fn new(text: &'a str, file: &'a str) -> Self {
        Lexer { text, file, position: 0 }
    }

    /// An error at a byte offset of the text.
    pub fn error(&self, at: usize, message: impl Into<String>) -> DbcError {
        let before = &self.text[..at.min(self.text.len())];
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        DbcError {
            file: self.file.to_owned(),
            line: before.bytes().filter(|b| *b == b'\n').count() as u32 + 1,
            column: before[line_start..].chars().count() as u32 + 1,
            message: message.into(),
        }
    }

    /// True if nothing but the start of its line stands before this offset.
    pub fn starts_line(&self, at: usize) -> bool {
        at == 0 || self.text.as_bytes()[at - 1] == b'\n'
    }

    pub fn next(&mut self) -> Result<Token<'a>, DbcError> {
        let rest = &self.text[self.position..];
        let at = self.position + (rest.len() - rest.trim_start().len());
        let rest = &self.text[at..];
        let Some(first) = rest.chars().next() else {
            self.position = at;
            return Ok(Token { kind: Kind::End, at });
        };
        let bytes = rest.as_bytes();
        let digit_at = |i: usize| bytes.get(i).is_some_and(u8::is_ascii_digit);
        let (kind, length) = match first {
            '"' => {
                let length = string_length(bytes).ok_or_else(|| {
                    self.error(at, "this string has no closing '\"' before the end of the file")
                })?;
                (Kind::Text(&rest[1..length - 1]), length)
            }
            'a'..='z' | 'A'..='Z' | '_' => {
                let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
                (Kind::Word(&rest[..end]), end)
            }
            '0'..='9' => number(rest),
            '+' | '-' if digit_at(1) || (bytes.get(1) == Some(&b'.') && digit_at(2)) => number(rest),
            '.' if digit_at(1) => number(rest),
            ':' | ';' | ',' | '|' | '@' | '(' | ')' | '[' | ']' | '+' | '-' => (Kind::Punctuation(first), 1),
            _ => return Err(self.error(at, format!("unexpected character {first:?}"))),
        };
        self.position = at + length;
        Ok(Token { kind, at })
    }
}

/// Length of the string at the start of `bytes`, both quotes included; `\"` does not end it.
fn string_length(bytes: &[u8]) -> Option<usize> {
    let mut i = 1;
    while i < bytes.len() {
        match bytes[i] {
            b'"' => return Some(i + 1),
            b'\\' if bytes.get(i + 1) == Some(&b'"') => i += 2,
            _ => i += 1,
        }
    }
    None
}

fn number(rest: &str) -> (Kind<'_>, usize) {
    let bytes = rest.as_bytes();
    let mut end = 1;
    while let Some(byte) = bytes.get(end) {
        let exponent_sign = matches!(byte, b'+' | b'-') && matches!(bytes[end - 1], b'e' | b'E');
        if !byte.is_ascii_alphanumeric() && *byte != b'.' && !exponent_sign {
            break;
        }
        end += 1;
    }
    (Kind::Number(&rest[..end]), end)
}
