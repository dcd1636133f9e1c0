use std::fmt;
use std::ops::{Add, AddAssign, Sub};
use std::time::Duration;

/// Time since the start of the run, in integer nanoseconds.
///
/// An integer clock has no rounding that grows with the length of the run, so schedules never drift.
/// Spans of time are [`std::time::Duration`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SimTime {
    ns: u64,
}

impl SimTime {
    /// The start of the run.
    pub const ZERO: SimTime = SimTime { ns: 0 };

    /// The instant `ns` nanoseconds after the start.
    pub const fn from_ns(ns: u64) -> Self {
        SimTime { ns }
    }

    /// The instant `ms` milliseconds after the start.
    pub const fn from_ms(ms: u64) -> Self {
        SimTime { ns: ms * 1_000_000 }
    }

    /// The instant `s` seconds after the start, rounded to the nanosecond; negative and NaN become zero.
    pub fn from_s(s: f64) -> Self {
        SimTime { ns: (s * 1e9 + 0.5).max(0.0) as u64 }
    }

    /// Nanoseconds since the start.
    pub const fn as_ns(self) -> u64 {
        self.ns
    }

    /// Seconds since the start.
    pub fn as_s(self) -> f64 {
        self.ns as f64 * 1e-9
    }

    /// The span from `earlier` to this instant, zero if `earlier` is later.
    pub fn since(self, earlier: SimTime) -> Duration {
        Duration::from_nanos(self.ns.saturating_sub(earlier.ns))
    }
}

impl Add<Duration> for SimTime {
    type Output = SimTime;
    fn add(self, span: Duration) -> SimTime {
        SimTime { ns: self.ns + span.as_nanos() as u64 }
    }
}

impl AddAssign<Duration> for SimTime {
    fn add_assign(&mut self, span: Duration) {
        *self = *self + span;
    }
}

impl Sub<Duration> for SimTime {
    type Output = SimTime;
    /// Saturates at the start of the run.
    fn sub(self, span: Duration) -> SimTime {
        SimTime { ns: self.ns.saturating_sub(span.as_nanos() as u64) }
    }
}

impl fmt::Display for SimTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:03} s", self.ns / 1_000_000_000, self.ns / 1_000_000 % 1000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_round_to_the_nanosecond() {
        assert_eq!(SimTime::from_s(0.1).as_ns(), 100_000_000);
        assert_eq!(SimTime::from_s(1e-9 * 2.6).as_ns(), 3);
        assert_eq!(SimTime::from_s(-1.0), SimTime::ZERO);
        assert_eq!(SimTime::from_s(f64::NAN), SimTime::ZERO);
    }

    #[test]
    fn arithmetic_saturates_at_the_start() {
        let t = SimTime::from_ms(5);
        assert_eq!(t - Duration::from_millis(9), SimTime::ZERO);
        assert_eq!(t.since(SimTime::from_ms(9)), Duration::ZERO);
        assert_eq!((t + Duration::from_millis(7)).to_string(), "0.012 s");
    }
}
