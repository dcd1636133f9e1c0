//! Which gear the gearbox wants.

use super::params::{GearboxParams, MOST_GEARS, speed_at};

/// Share of the engine's limit that a downshift may reach, and that forces an upshift.
const DOWNSHIFT_SHARE: f64 = 0.92;
const FORCED_UPSHIFT_SHARE: f64 = 0.98;

#[derive(Clone, Debug)]
pub(crate) struct Schedule {
    upshift_mps: Vec<Vec<f64>>,
    downshift_mps: Vec<Vec<f64>>,
    /// Engine speed over differential speed of each forward gear.
    overall: Vec<f64>,
    low_top_gear: usize,
    limit_rps: f64,
}

/// Shift speeds at one pedal position, m/s: entry `i` between the gears `i + 1` and `i + 2`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct ShiftLines {
    up_mps: [f64; MOST_GEARS],
    down_mps: [f64; MOST_GEARS],
}

impl Schedule {
    pub(crate) fn new(params: &GearboxParams, limit_rps: f64) -> Self {
        Schedule {
            upshift_mps: params.upshift_mps.clone(),
            downshift_mps: params.downshift_mps.clone(),
            overall: params.ratios.iter().map(|ratio| ratio * params.final_drive).collect(),
            low_top_gear: usize::from(params.low_top_gear),
            limit_rps,
        }
    }

    pub(crate) fn lines(&self, pedal_pct: f64) -> ShiftLines {
        let mut lines = ShiftLines::default();
        for shift in 1..self.overall.len() {
            lines.up_mps[shift - 1] = speed_at(&self.upshift_mps, pedal_pct, shift);
            lines.down_mps[shift - 1] = speed_at(&self.downshift_mps, pedal_pct, shift);
        }
        lines
    }

    /// The gear wanted at `speed_mps` with the differential turning at `output_rps`, coming from `gear` (from 1).
    /// Up by one gear at a time and `reluctance` times later, down by as many as the pedal asks for.
    pub(crate) fn wanted(
        &self,
        lines: &ShiftLines,
        gear: usize,
        low: bool,
        reluctance: f64,
        [speed_mps, output_rps]: [f64; 2],
    ) -> usize {
        let top = self.overall.len();
        let limit = |gear: usize, share: f64| self.overall[gear - 1] * output_rps > share * self.limit_rps;
        let mut wanted = gear;
        if gear < top && speed_mps > reluctance * lines.up_mps[gear - 1] {
            wanted = gear + 1;
        } else {
            while wanted > 1 && speed_mps < lines.down_mps[wanted - 2] {
                wanted -= 1;
            }
        }
        if low {
            wanted = wanted.min(self.low_top_gear);
        }
        while wanted < gear && limit(wanted, DOWNSHIFT_SHARE) {
            wanted += 1;
        }
        if wanted == gear && gear < top && limit(gear, FORCED_UPSHIFT_SHARE) {
            wanted = gear + 1;
        }
        wanted
    }

    /// The gear to start with at a speed: the lowest that wants no upshift.
    pub(crate) fn first(&self, lines: &ShiftLines, low: bool, speed_mps: f64, output_rps: f64) -> usize {
        (1..self.overall.len())
            .find(|gear| self.wanted(lines, *gear, low, 1.0, [speed_mps, output_rps]) <= *gear)
            .unwrap_or(self.overall.len())
    }
}
