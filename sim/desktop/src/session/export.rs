//! Signals of a run as a table for other programs.

use super::Recording;
use skidpad_engine::TraceSample;
use std::fmt::Write as _;

/// The signals of these columns over the time of `recording` as CSV, with those of the run laid over it, where there is
/// one, at the same instants. A value that is not there is an empty cell.
pub fn csv(recording: &Recording, other: Option<&Recording>, columns: &[usize]) -> String {
    let columns: Vec<(usize, &str, usize)> = columns
        .iter()
        .filter_map(|index| {
            TraceSample::COLUMNS.get(*index).map(|(name, digits)| (*index, *name, usize::from(*digits)))
        })
        .collect();
    let mut text = String::from("time_s");
    // A string takes what is written.
    for (_, name, _) in &columns {
        let _ = write!(text, ",{name}");
    }
    for (_, name, _) in columns.iter().filter(|_| other.is_some()) {
        let _ = write!(text, ",{name}_other");
    }
    text.push('\n');
    for moment in recording.moments() {
        let _ = write!(text, "{:.2}", moment.time_s);
        let beside = other.map(|other| other.at(moment.time_s).filter(|_| moment.time_s <= other.end_s()));
        for moment in [Some(Some(moment)), beside].into_iter().flatten() {
            for (index, _, digits) in &columns {
                match moment.map(|moment| moment.values[*index]).filter(|value| value.is_finite()) {
                    Some(value) => {
                        let _ = write!(text, ",{value:.digits$}");
                    }
                    None => text.push(','),
                }
            }
        }
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::{column, read_trace};

    fn recording(name: &str, rows: &str) -> Recording {
        let file = std::env::temp_dir().join(format!("skidpad-export-{name}-{}.csv", std::process::id()));
        std::fs::write(&file, format!("time_s,x_m,y_m,z_m,heading_rad,speed_mps\n{rows}")).unwrap();
        let recording = read_trace(&file).unwrap();
        std::fs::remove_file(&file).unwrap();
        recording
    }

    #[test]
    fn the_shown_signals_of_both_runs_stand_beside_each_other() {
        let one = recording("one", "0,0,0,0,0,1\n0.01,0,0,0,0,\n0.02,0,0,0,0,2.5\n");
        let two = recording("two", "0,0,0,0,0,3\n0.01,0,0,0,0,4\n");
        let columns = [column("speed_mps").unwrap(), column("x_m").unwrap()];
        let text = csv(&one, Some(&two), &columns);
        assert_eq!(
            text,
            "time_s,speed_mps,x_m,speed_mps_other,x_m_other\n\
             0.00,1.00000,0.0000,3.00000,0.0000\n\
             0.01,,0.0000,4.00000,0.0000\n\
             0.02,2.50000,0.0000,,\n"
        );
        assert!(csv(&one, None, &columns).starts_with("time_s,speed_mps,x_m\n"));
        assert_eq!(csv(&Recording::default(), None, &[9999]), "time_s\n");
    }
}
