//! What has been recorded of a run: bounded, in order of time.

use super::Moment;

/// Most moments that a recording keeps: ten minutes at 100 Hz, some 40 MB.
pub const MAX_MOMENTS: usize = 60_000;

/// The moments of a run, in order of time.
///
/// When it is full, every second moment is dropped, and from then on only every second is taken: a recording always
/// covers its whole run, a long one more coarsely.
#[derive(Clone, Debug, Default)]
pub struct Recording {
    moments: Vec<Moment>,
    /// One of so many moments is kept, less one.
    skip: u32,
    skipped: u32,
}

impl Recording {
    /// The next moment; one that is not later than the last is ignored.
    pub fn push(&mut self, moment: Moment) {
        if self.moments.last().is_some_and(|last| last.time_s >= moment.time_s) {
            return;
        }
        if self.skipped < self.skip {
            self.skipped += 1;
            return;
        }
        self.skipped = 0;
        if self.moments.len() == MAX_MOMENTS {
            let mut index = 0;
            self.moments.retain(|_| {
                index += 1;
                index % 2 == 1
            });
            self.skip = 2 * self.skip + 1;
        }
        self.moments.push(moment);
    }

    /// Forgets what is later than `time_s`.
    pub fn truncate(&mut self, time_s: f64) {
        let keep = self.moments.partition_point(|moment| moment.time_s <= time_s);
        self.moments.truncate(keep);
    }

    /// All moments, in order.
    pub fn moments(&self) -> &[Moment] {
        &self.moments
    }

    /// The newest.
    pub fn last(&self) -> Option<&Moment> {
        self.moments.last()
    }

    /// The moment that held at `time_s`: the last that is not later, or the first of all.
    pub fn at(&self, time_s: f64) -> Option<&Moment> {
        let after = self.moments.partition_point(|moment| moment.time_s <= time_s);
        self.moments.get(after.saturating_sub(1))
    }

    /// Time of the newest moment, s; 0 without one.
    pub fn end_s(&self) -> f64 {
        self.last().map_or(0.0, |moment| moment.time_s)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::WheelMoment;

    fn moment(time_s: f64) -> Moment {
        Moment {
            time_s,
            position_m: [time_s, 0.0, 0.0],
            attitude: [1.0, 0.0, 0.0, 0.0],
            wheels: [WheelMoment::default(); 4],
            turn: skidpad_bywire::TurnSignal::Off,
            believed_m: None,
            sigma_m: [0.0; 2],
            beside: None,
            values: [0.0; skidpad_engine::TraceSample::COLUMNS.len()],
        }
    }

    #[test]
    fn a_full_recording_thins_out_and_still_covers_the_whole_run() {
        let mut recording = Recording::default();
        let count = 3 * MAX_MOMENTS;
        (0..count).for_each(|i| recording.push(moment(0.01 * i as f64)));
        assert!(recording.moments().len() <= MAX_MOMENTS);
        assert_eq!(recording.moments()[0].time_s, 0.0);
        assert!(recording.end_s() > 0.01 * (count - 10) as f64);
        let gaps = recording.moments().windows(2).map(|pair| pair[1].time_s - pair[0].time_s);
        assert!(gaps.fold(0.0, f64::max) < 0.0801);
    }

    #[test]
    fn scrubbing_finds_the_moment_that_held() {
        let mut recording = Recording::default();
        assert!(recording.at(1.0).is_none());
        (0..100).for_each(|i| recording.push(moment(0.01 * f64::from(i))));
        assert_eq!(recording.at(-1.0).unwrap().time_s, 0.0);
        assert_eq!(recording.at(0.305).unwrap().time_s, 0.3);
        assert_eq!(recording.at(9.0).unwrap().time_s, 0.99);
        recording.truncate(0.5);
        assert_eq!(recording.end_s(), 0.5);
    }
}
