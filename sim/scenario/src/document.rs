//! A TOML text with the places of its keys and values.

use crate::error::{LoadError, Problems};
use std::ops::Range;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// A step from a value to one inside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step<'a> {
    /// Into a table.
    Key(&'a str),
    /// Into an array.
    Index(usize),
}

impl<'a> From<&'a str> for Step<'a> {
    fn from(key: &'a str) -> Self {
        Step::Key(key)
    }
}

impl From<usize> for Step<'_> {
    fn from(index: usize) -> Self {
        Step::Index(index)
    }
}

/// The steps to a value: `steps!["event", 2, "when"]`.
macro_rules! steps {
    ($($step:expr),* $(,)?) => { [$($crate::document::Step::from($step)),*] };
}
pub(crate) use steps;

/// A parsed text.
pub struct Document<'a> {
    pub text: &'a str,
    pub root: Spanned<DeTable<'a>>,
}

impl<'a> Document<'a> {
    /// Parses the text; all syntax errors are reported.
    pub fn parse(text: &'a str, file: &'a str) -> Result<Self, LoadError> {
        let (root, errors) = DeTable::parse_recoverable(text);
        let mut problems = Problems::new(file, text);
        for error in errors {
            // The parser's messages run over several lines; a problem is one.
            let message = error.message().split_whitespace().collect::<Vec<_>>().join(" ");
            problems.add(error.span().unwrap_or(0..0), format!("not valid TOML: {message}"));
        }
        problems.finish()?;
        Ok(Document { text, root })
    }

    /// Where the value is; if it is not there, where the innermost value around it is.
    pub fn span(&self, path: &[Step]) -> Range<usize> {
        let mut span = self.root.span();
        let mut table = Some(self.root.get_ref());
        let mut array = None;
        for step in path {
            let value: Option<&Spanned<DeValue>> = match step {
                Step::Key(key) => {
                    table.and_then(|t| t.iter().find(|(k, _)| k.get_ref() == key)).map(|(_, value)| value)
                }
                Step::Index(index) => array.and_then(|a: &toml::de::DeArray| a.get(*index)),
            };
            let Some(value) = value else { break };
            span = value.span();
            (table, array) = match value.get_ref() {
                DeValue::Table(inner) => (Some(inner), None),
                DeValue::Array(inner) => (None, Some(inner)),
                _ => (None, None),
            };
        }
        span
    }
}
