//! trace.csv, byte by byte.

use proptest::prelude::*;
use skidpad_report::{Column, TraceError, TraceWriter};

fn written(decimals: u8, values: &[f64]) -> Vec<String> {
    let mut trace = TraceWriter::new(Vec::new(), &[Column::new("x_m", decimals)]).unwrap();
    for value in values {
        trace.row(&[*value]).unwrap();
    }
    let text = String::from_utf8(trace.finish().unwrap()).unwrap();
    text.lines().skip(1).map(String::from).collect()
}

#[test]
fn numbers_are_rounded_to_their_column_and_lose_their_zeros() {
    assert_eq!(
        written(3, &[0.0, -0.0, 1.0, -1.5, 0.0004, -0.0004, 0.0005, 12.3456, 100.0, 0.01, -1234.5678]),
        ["0", "0", "1", "-1.5", "0", "0", "0.001", "12.346", "100", "0.01", "-1234.568"]
    );
    assert_eq!(written(0, &[0.5, 1.49, -2.5, 1e15]), ["1", "1", "-3", "1000000000000000"]);
    assert_eq!(written(9, &[0.123_456_789_4, 1e-9]), ["0.123456789", "0.000000001"]);
}

#[test]
fn what_is_not_finite_is_an_empty_cell() {
    assert_eq!(written(3, &[f64::NAN, f64::INFINITY, f64::NEG_INFINITY]), ["", "", ""]);
}

#[test]
fn numbers_too_large_for_decimals_are_written_in_full() {
    assert_eq!(written(6, &[-1e20, 9.5e15]), ["-100000000000000000000", "9500000000000000"]);
}

#[test]
fn a_trace_is_a_header_and_a_line_for_each_row() {
    let columns = [Column::new("time_s", 2), Column::new("x_m", 4), Column::new("gear", 0)];
    let mut trace = TraceWriter::new(Vec::new(), &columns).unwrap();
    trace.row(&[0.01, 1.25, 3.0]).unwrap();
    trace.row(&[0.02, -0.00001, 4.0]).unwrap();
    assert_eq!(trace.finish().unwrap(), b"time_s,x_m,gear\n0.01,1.25,3\n0.02,0,4\n");
}

#[test]
fn a_row_of_the_wrong_length_is_refused() {
    let mut trace = TraceWriter::new(Vec::new(), &[Column::new("time_s", 2)]).unwrap();
    trace.row(&[1.0]).unwrap();
    let error = trace.row(&[1.0, 2.0]).unwrap_err();
    assert_eq!(error.to_string(), "trace row 2 has 2 values, expected 1");
}

#[test]
fn a_heading_must_be_plain_and_alone() {
    let refused =
        |columns: &[Column]| matches!(TraceWriter::new(Vec::new(), columns), Err(TraceError::Column { .. }));
    assert!(refused(&[Column::new("", 2)]));
    assert!(refused(&[Column::new("a,b", 2)]));
    assert!(refused(&[Column::new("Speed", 2)]));
    assert!(refused(&[Column::new("x_m", 10)]));
    assert!(refused(&[Column::new("x_m", 2), Column::new("x_m", 2)]));
    assert!(!refused(&[Column::new("x_m", 2), Column::new("y_m", 9)]));
}

#[test]
fn a_writer_that_fails_is_reported() {
    struct Full;
    impl std::io::Write for Full {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(std::io::Error::other("no space left"))
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let error = TraceWriter::new(Full, &[Column::new("x_m", 2)]).err().unwrap();
    assert_eq!(error.to_string(), "trace cannot be written: no space left");
}

proptest! {
    #[test]
    fn a_number_read_back_is_within_half_a_unit(value in -1e6f64..1e6, decimals in 0u8..=9) {
        let text = written(decimals, &[value]).remove(0);
        let read: f64 = text.parse().unwrap();
        let unit = 10f64.powi(-i32::from(decimals));
        prop_assert!((read - value).abs() <= 0.5 * unit + 1e-9, "{text}");
    }

    #[test]
    fn any_number_is_a_number_or_an_empty_cell(value in any::<f64>(), decimals in 0u8..=9) {
        let text = written(decimals, &[value]).pop().unwrap_or_default();
        prop_assert_eq!(text.is_empty(), !value.is_finite());
        prop_assert!(text.is_empty() || text.parse::<f64>().is_ok(), "{}", text);
    }
}
