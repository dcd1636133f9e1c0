use crate::SimTime;
use std::time::Duration;

/// Instants `phase + k · period`, k = 0, 1, 2, …
///
/// Instants are computed by integer addition from the phase, so a schedule never drifts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Periodic {
    period: Duration,
    next: SimTime,
}

impl Periodic {
    /// A schedule with its first instant at `phase` after the start of the run.
    ///
    /// # Panics
    /// If `period` is zero.
    pub fn new(period: Duration, phase: Duration) -> Self {
        assert!(!period.is_zero(), "a periodic schedule needs a period above zero");
        Periodic { period, next: SimTime::ZERO + phase }
    }

    /// True if an instant has been reached since the last call; instants that were missed in between
    /// count once.
    pub fn due(&mut self, now: SimTime) -> bool {
        if now < self.next {
            return false;
        }
        while self.next <= now {
            self.next += self.period;
        }
        true
    }

    /// Another spacing from the next instant on, which stays.
    ///
    /// # Panics
    /// If `period` is zero.
    pub fn set_period(&mut self, period: Duration) {
        assert!(!period.is_zero(), "a periodic schedule needs a period above zero");
        self.period = period;
    }

    /// The next instant.
    pub fn next(&self) -> SimTime {
        self.next
    }

    /// The spacing of the instants.
    pub fn period(&self) -> Duration {
        self.period
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schedule_fires_at_its_phase_and_then_every_period() {
        let mut schedule = Periodic::new(Duration::from_millis(20), Duration::from_millis(3));
        let fired: Vec<u64> = (0..64).filter(|ms| schedule.due(SimTime::from_ms(*ms))).collect();
        assert_eq!(fired, [3, 23, 43, 63]);
    }

    #[test]
    fn another_period_holds_from_the_next_instant_on() {
        let mut schedule = Periodic::new(Duration::from_millis(10), Duration::from_millis(2));
        let mut fired = Vec::new();
        for ms in 0..60 {
            if ms == 25 {
                schedule.set_period(Duration::from_millis(5));
            }
            if ms == 43 {
                schedule.set_period(Duration::from_millis(12));
            }
            fired.extend(schedule.due(SimTime::from_ms(ms)).then_some(ms));
        }
        assert_eq!(fired, [2, 12, 22, 32, 37, 42, 47, 59]);
    }

    #[test]
    fn missed_instants_fire_once() {
        let mut schedule = Periodic::new(Duration::from_millis(10), Duration::ZERO);
        assert!(schedule.due(SimTime::from_ms(35)));
        assert!(!schedule.due(SimTime::from_ms(39)));
        assert_eq!(schedule.next(), SimTime::from_ms(40));
    }
}
