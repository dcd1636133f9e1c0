//! Errors of files: where, what, and what to do.

use std::fmt;
use std::ops::Range;
use std::path::Path;

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The file, as the user named it.
    pub file: String,
    /// Line and column (in characters), from 1; `None` when the file as a whole is meant.
    pub place: Option<(usize, usize)>,
    /// What is wrong, what was expected, what to do.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file)?;
        if let Some((line, column)) = self.place {
            write!(f, ":{line}:{column}")?;
        }
        write!(f, ": {}", self.message)
    }
}

/// Everything found wrong with what was to be loaded; at least one [`Problem`].
///
/// Displayed one problem a line: `scenarios/a.toml:12:5: unknown key …`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadError {
    /// The problems, by file and place; at most [`LoadError::SHOWN`].
    pub problems: Vec<Problem>,
    /// How many more there were.
    pub more: usize,
}

impl LoadError {
    /// More problems than this are counted, not kept.
    pub const SHOWN: usize = 20;

    /// An error about a file as a whole.
    pub fn whole(file: &Path, message: impl Into<String>) -> LoadError {
        Self::of(vec![Problem { file: show(file), place: None, message: message.into() }])
    }

    /// An error in one place of a file: what the parsers of the other rooms report. Line 0 means the file
    /// as a whole.
    pub(crate) fn at(file: &str, line: usize, column: usize, message: impl Into<String>) -> LoadError {
        let place = (line > 0).then_some((line, column.max(1)));
        Self::of(vec![Problem { file: file.to_string(), place, message: message.into() }])
    }

    pub(crate) fn of(mut problems: Vec<Problem>) -> LoadError {
        debug_assert!(!problems.is_empty());
        problems.dedup();
        let more = problems.len().saturating_sub(Self::SHOWN);
        problems.truncate(Self::SHOWN);
        LoadError { problems, more }
    }

    /// Adds the problems of `other`; those known already (twenty scenarios on one broken map) count once.
    pub(crate) fn append(&mut self, other: LoadError) {
        let mut problems = std::mem::take(&mut self.problems);
        let new: Vec<Problem> =
            other.problems.into_iter().filter(|problem| !problems.contains(problem)).collect();
        problems.extend(new);
        let more = self.more + other.more;
        *self = Self::of(problems);
        self.more += more;
    }
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            write!(f, "{problem}")?;
        }
        if self.more > 0 {
            write!(f, "\n… and {} more", self.more)?;
        }
        Ok(())
    }
}

impl std::error::Error for LoadError {}

/// A file's name as messages show it.
pub(crate) fn show(path: &Path) -> String {
    path.display().to_string()
}

/// Collects problems of one text.
pub(crate) struct Problems<'a> {
    file: &'a str,
    text: &'a str,
    found: Vec<(usize, String)>,
}

impl<'a> Problems<'a> {
    pub fn new(file: &'a str, text: &'a str) -> Self {
        Problems { file, text, found: Vec::new() }
    }

    /// A problem where `span` (in bytes) starts.
    pub fn add(&mut self, span: Range<usize>, message: impl Into<String>) {
        self.found.push((span.start, message.into()));
    }

    /// `Ok` if nothing was found.
    pub fn finish(mut self) -> Result<(), LoadError> {
        if self.found.is_empty() {
            return Ok(());
        }
        self.found.sort_by_key(|(offset, _)| *offset);
        self.found.dedup();
        let more = self.found.len().saturating_sub(LoadError::SHOWN);
        // Every place costs a scan of the text, so only those shown get one.
        let shown = self.found.into_iter().take(LoadError::SHOWN);
        let problems = shown.map(|(offset, message)| Problem {
            file: self.file.to_string(),
            place: Some(line_and_column(self.text, offset)),
            message,
        });
        Err(LoadError { problems: problems.collect(), more })
    }
}

/// Line and column, in characters from 1, of a byte offset.
pub(crate) fn line_and_column(text: &str, offset: usize) -> (usize, usize) {
    let mut offset = offset.min(text.len());
    while !text.is_char_boundary(offset) {
        offset -= 1;
    }
    let before = &text[..offset];
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_characters() {
        let text = "a = 1\nfür = \"ß\" # x";
        assert_eq!(line_and_column(text, text.find('#').unwrap()), (2, 11));
        assert_eq!(line_and_column(text, 0), (1, 1));
        assert_eq!(line_and_column(text, 9999), (2, 14));
    }

    #[test]
    fn many_problems_are_counted_and_few_shown() {
        let mut problems = Problems::new("f.toml", "");
        (0..50).for_each(|i| problems.add(0..0, format!("wrong {i}")));
        let error = problems.finish().unwrap_err();
        assert_eq!((error.problems.len(), error.more), (20, 30));
        assert!(error.to_string().ends_with("… and 30 more"));
        assert!(error.to_string().starts_with("f.toml:1:1: wrong 0\n"));
    }
}
