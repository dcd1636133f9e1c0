//! Errors of map files: where, what, expected, got.

use std::fmt;

/// What is wrong with a map file, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MapError {
    /// The file as the caller named it.
    pub file: String,
    /// Line, from 1; 0 when the error concerns the file as a whole.
    pub line: usize,
    /// Column in characters, from 1; 0 when the error concerns the file as a whole.
    pub column: usize,
    /// What is wrong.
    pub problem: String,
    /// What would have been right; empty when `problem` says it all.
    pub expected: String,
    /// What was found; empty when `problem` says it all.
    pub got: String,
}

impl fmt::Display for MapError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file)?;
        if self.line > 0 {
            write!(f, ":{}:{}", self.line, self.column)?;
        }
        write!(f, ": {}", self.problem)?;
        match (self.expected.is_empty(), self.got.is_empty()) {
            (false, false) => write!(f, ": expected {}, got {}", self.expected, self.got),
            (false, true) => write!(f, ": expected {}", self.expected),
            (true, false) => write!(f, ": got {}", self.got),
            (true, true) => Ok(()),
        }
    }
}

impl std::error::Error for MapError {}

/// A file's name and text: turns byte offsets into errors with line and column.
#[derive(Clone, Copy)]
pub(crate) struct Source<'a> {
    pub file: &'a str,
    pub text: &'a str,
}

impl Source<'_> {
    /// An error at byte `offset`.
    pub fn error(&self, offset: usize, problem: impl Into<String>) -> MapError {
        let mut offset = offset.min(self.text.len());
        while !self.text.is_char_boundary(offset) {
            offset -= 1;
        }
        let before = &self.text[..offset];
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        MapError {
            file: self.file.to_string(),
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
            problem: problem.into(),
            expected: String::new(),
            got: String::new(),
        }
    }

    /// An error about the file as a whole.
    pub fn whole(&self, problem: impl Into<String>) -> MapError {
        MapError { line: 0, column: 0, ..self.error(0, problem) }
    }
}

impl MapError {
    pub(crate) fn expected(mut self, expected: impl fmt::Display) -> MapError {
        self.expected = expected.to_string();
        self
    }

    pub(crate) fn got(mut self, got: impl fmt::Display) -> MapError {
        // Input is untrusted: an error message must stay readable.
        let got = got.to_string();
        self.got = match got.char_indices().nth(80) {
            Some((cut, _)) => format!("{}…", &got[..cut]),
            None => got,
        };
        self
    }
}
