//! trace.csv.

use std::io::{self, Write};

/// A column of a trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Column {
    /// Heading: lower-case letters, digits and underscores, with the unit at its end (`speed_mps`).
    pub name: &'static str,
    /// Decimals kept, at most 9; zeros at the end are not written.
    pub decimals: u8,
}

impl Column {
    /// A column called `name`, rounded to `decimals`.
    pub const fn new(name: &'static str, decimals: u8) -> Self {
        Column { name, decimals }
    }
}

/// A trace could not be written.
#[derive(Debug, thiserror::Error)]
pub enum TraceError {
    /// A heading that a reader of CSV could stumble over, or that is there twice.
    #[error(
        "trace column {name:?}: expected a name of its own out of a-z, 0-9 and _, and at most 9 decimals, got {decimals}"
    )]
    Column {
        /// The heading.
        name: &'static str,
        /// Its decimals.
        decimals: u8,
    },
    /// A row that does not fit the header.
    #[error("trace row {row} has {got} values, expected {expected}")]
    Row {
        /// Counted from 1, the header not counted.
        row: u64,
        /// Values given.
        got: usize,
        /// Columns of the header.
        expected: usize,
    },
    /// The writer failed.
    #[error("trace cannot be written: {0}")]
    Io(#[from] io::Error),
}

/// Writes a trace as comma-separated values, row by row: a header, lines ended by `\n`, a point as decimal
/// mark, an empty cell for what is not finite.
///
/// Numbers are rounded to the decimals of their column by integer arithmetic, half away from zero: the same
/// bytes on every machine. Give it a buffered writer; each row is one write.
///
/// ```
/// use skidpad_report::{Column, TraceWriter};
/// let mut trace = TraceWriter::new(Vec::new(), &[Column::new("time_s", 2), Column::new("speed_mps", 4)])?;
/// trace.row(&[0.01, 1.0 / 3.0])?;
/// trace.row(&[0.02, f64::NAN])?;
/// assert_eq!(trace.finish()?, b"time_s,speed_mps\n0.01,0.3333\n0.02,\n");
/// # Ok::<(), skidpad_report::TraceError>(())
/// ```
#[derive(Debug)]
pub struct TraceWriter<W: Write> {
    writer: W,
    columns: Vec<Column>,
    line: Vec<u8>,
    rows: u64,
}

impl<W: Write> TraceWriter<W> {
    /// Writes the header.
    ///
    /// # Errors
    /// If a column is malformed or there twice, or the writer fails.
    pub fn new(writer: W, columns: &[Column]) -> Result<Self, TraceError> {
        for (index, column) in columns.iter().enumerate() {
            let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
            let twice = columns[..index].iter().any(|other| other.name == column.name);
            if column.name.is_empty() || !column.name.bytes().all(plain) || twice || column.decimals > 9 {
                return Err(TraceError::Column { name: column.name, decimals: column.decimals });
            }
        }
        let mut trace = TraceWriter { writer, columns: columns.to_vec(), line: Vec::new(), rows: 0 };
        for (index, column) in columns.iter().enumerate() {
            if index > 0 {
                trace.line.push(b',');
            }
            trace.line.extend_from_slice(column.name.as_bytes());
        }
        trace.end_line()?;
        Ok(trace)
    }

    /// Writes one value for each column.
    ///
    /// # Errors
    /// If there are more or fewer values than columns, or the writer fails.
    pub fn row(&mut self, values: &[f64]) -> Result<(), TraceError> {
        self.rows += 1;
        if values.len() != self.columns.len() {
            return Err(TraceError::Row { row: self.rows, got: values.len(), expected: self.columns.len() });
        }
        for (index, (value, column)) in values.iter().zip(&self.columns).enumerate() {
            if index > 0 {
                self.line.push(b',');
            }
            push_number(&mut self.line, *value, column.decimals);
        }
        self.end_line()
    }

    /// Flushes, and gives the writer back.
    ///
    /// # Errors
    /// If the writer fails.
    pub fn finish(mut self) -> Result<W, TraceError> {
        self.writer.flush()?;
        Ok(self.writer)
    }

    fn end_line(&mut self) -> Result<(), TraceError> {
        self.line.push(b'\n');
        self.writer.write_all(&self.line)?;
        self.line.clear();
        Ok(())
    }
}

const POWERS_OF_TEN: [u64; 10] =
    [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000, 1_000_000_000];

/// Appends `value` rounded to `decimals` without zeros at the end; nothing if it is not finite.
fn push_number(line: &mut Vec<u8>, value: f64, decimals: u8) {
    if !value.is_finite() {
        return;
    }
    let unit = POWERS_OF_TEN[usize::from(decimals)];
    let counts = (value.abs() * unit as f64).round();
    // Above 2^53 counts f64 has no such decimals: its shortest form is exact.
    if counts >= 9.0e15 {
        let _ = write!(line, "{value}");
        return;
    }
    let counts = counts as u64;
    if value < 0.0 && counts > 0 {
        line.push(b'-');
    }
    let mut digits = [0; 20];
    line.extend_from_slice(decimal(counts / unit, 1, &mut digits));
    let fraction = counts % unit;
    if fraction > 0 {
        line.push(b'.');
        let fraction = decimal(fraction, usize::from(decimals), &mut digits);
        line.extend_from_slice(without_zeros_at_the_end(fraction));
    }
}

/// `value` in decimal digits, at least `least` of them.
fn decimal(mut value: u64, least: usize, digits: &mut [u8; 20]) -> &[u8] {
    let mut start = digits.len();
    while value > 0 || digits.len() - start < least {
        start -= 1;
        digits[start] = b'0' + (value % 10) as u8;
        value /= 10;
    }
    &digits[start..]
}

fn without_zeros_at_the_end(digits: &[u8]) -> &[u8] {
    let end = digits.iter().rposition(|digit| *digit != b'0').map_or(0, |last| last + 1);
    &digits[..end]
}
