//! Real-time pace: ticks against the monotonic clock.

use skidpad_kernel::SimTime;
use std::time::{Duration, Instant};

/// Before a deadline the system's sleep is too coarse to be trusted: this much of the wait is spent spinning.
const SPIN: Duration = Duration::from_micros(150);
/// A simulation further behind than this does not catch up, since peers that time out at 0.2 s would be flooded
/// with old frames: the time is given up.
const GIVE_UP: Duration = Duration::from_millis(100);
/// A tick that begins later than this has missed its cycle.
const OVERRUN: Duration = Duration::from_millis(1);

/// A clock that can be waited for; tests have one of their own.
pub trait Clock {
    /// Time since some fixed instant; never goes back.
    fn now(&self) -> Duration;
    /// Lets about `span` pass.
    fn sleep(&self, span: Duration);
    /// Lets as little time pass as can be.
    fn spin(&self) {
        std::hint::spin_loop();
    }
}

/// The monotonic clock of the machine.
#[derive(Clone, Copy, Debug)]
pub struct SystemClock {
    origin: Instant,
}

impl Default for SystemClock {
    fn default() -> Self {
        SystemClock { origin: Instant::now() }
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Duration {
        self.origin.elapsed()
    }

    fn sleep(&self, span: Duration) {
        std::thread::sleep(span);
    }
}

/// Holds the ticks of a simulation to a clock.
///
/// The tick of the instant t begins t after the first one, never earlier: the deadlines are counted from the
/// start, so that no error adds up. It sleeps to shortly before the deadline and spins for the rest. A tick that
/// is late is taken at once, and so are the next ones until the schedule is caught up; beyond 100 ms behind the
/// lost time is given up, and the schedule goes on from there.
#[derive(Clone, Debug)]
pub struct Pacer<C = SystemClock> {
    clock: C,
    /// The clock at simulated time zero, if no time has been given up.
    origin: Option<Duration>,
    lateness: Histogram,
    overruns: u64,
    given_up: Duration,
}

/// How well the pace was kept.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct PaceReport {
    /// Ticks taken.
    pub ticks: u64,
    /// Median of how late a tick began, µs.
    pub lateness_p50_us: f64,
    /// 99th percentile of how late a tick began, µs.
    pub lateness_p99_us: f64,
    /// The latest beginning of a tick, µs.
    pub lateness_max_us: f64,
    /// Ticks that began more than a period (1 ms) late.
    pub overruns: u64,
    /// Wall time that was given up because the simulation was too far behind, s.
    pub given_up_s: f64,
}

impl Pacer {
    /// A pacer on the clock of the machine; its time begins with the first tick.
    pub fn new() -> Self {
        Pacer::on(SystemClock::default())
    }
}

impl Default for Pacer {
    fn default() -> Self {
        Pacer::new()
    }
}

impl<C: Clock> Pacer<C> {
    /// A pacer on this clock.
    pub fn on(clock: C) -> Self {
        Pacer { clock, origin: None, lateness: Histogram::default(), overruns: 0, given_up: Duration::ZERO }
    }

    /// Waits until the tick of `now` is due.
    pub fn wait(&mut self, now: SimTime) {
        let since_start = now.since(SimTime::ZERO);
        let arrived = self.clock.now();
        let origin = *self.origin.get_or_insert(arrived.saturating_sub(since_start));
        let deadline = origin + since_start;
        if let Some(left) = deadline.checked_sub(arrived) {
            if left > SPIN {
                self.clock.sleep(left - SPIN);
            }
            while self.clock.now() < deadline {
                self.clock.spin();
            }
        }
        let late = self.clock.now().saturating_sub(deadline);
        self.lateness.add(late);
        self.overruns += u64::from(late > OVERRUN);
        if late > GIVE_UP {
            self.origin = Some(origin + late);
            self.given_up += late;
        }
    }

    /// The time it is on this schedule; zero before the first [`Pacer::wait`].
    pub fn now(&self) -> SimTime {
        let since = self.origin.map_or(Duration::ZERO, |origin| self.clock.now().saturating_sub(origin));
        SimTime::ZERO + since
    }

    /// How well the pace was kept so far.
    pub fn report(&self) -> PaceReport {
        PaceReport {
            ticks: self.lateness.count,
            lateness_p50_us: self.lateness.quantile_us(0.50),
            lateness_p99_us: self.lateness.quantile_us(0.99),
            lateness_max_us: self.lateness.max.as_nanos() as f64 * 1e-3,
            overruns: self.overruns,
            given_up_s: self.given_up.as_secs_f64(),
        }
    }
}

/// Counts of durations: microsecond bins to 131 ms, beyond [`GIVE_UP`]; everything above in the last one.
#[derive(Clone, Debug)]
pub(crate) struct Histogram {
    bins: Vec<u64>,
    count: u64,
    max: Duration,
}

const BINS: usize = 1 << 17;

impl Default for Histogram {
    fn default() -> Self {
        Histogram { bins: vec![0; BINS], count: 0, max: Duration::ZERO }
    }
}

impl Histogram {
    pub(crate) fn add(&mut self, span: Duration) {
        let bin = usize::try_from(span.as_micros()).unwrap_or(BINS).min(BINS - 1);
        self.bins[bin] += 1;
        self.count += 1;
        self.max = self.max.max(span);
    }

    /// The upper edge of the bin that holds the quantile; the largest of all if that is the last bin.
    pub(crate) fn quantile_us(&self, share: f64) -> f64 {
        let max_us = self.max.as_nanos() as f64 * 1e-3;
        let mut left = (share * self.count as f64).ceil() as u64;
        for (bin, count) in self.bins.iter().enumerate().take(BINS - 1) {
            if left <= *count {
                return ((bin + 1) as f64).min(max_us);
            }
            left -= count;
        }
        max_us
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    /// Time passes when someone sleeps or spins; a sleep lasts longer than asked.
    #[derive(Default)]
    struct Fake {
        now_us: Cell<u64>,
        oversleep_us: u64,
    }

    impl Clock for &Fake {
        fn now(&self) -> Duration {
            Duration::from_micros(self.now_us.get())
        }

        fn sleep(&self, span: Duration) {
            self.now_us.set(self.now_us.get() + span.as_micros() as u64 + self.oversleep_us);
        }

        fn spin(&self) {
            self.now_us.set(self.now_us.get() + 1);
        }
    }

    fn work(clock: &Fake, us: u64) {
        clock.now_us.set(clock.now_us.get() + us);
    }

    #[test]
    fn the_ticks_of_an_hour_do_not_drift() {
        let clock = Fake { now_us: Cell::new(77), oversleep_us: 60 };
        let mut pacer = Pacer::on(&clock);
        for ms in 0..3_600_000 {
            pacer.wait(SimTime::from_ms(ms));
            assert_eq!(clock.now_us.get(), 77 + 1000 * ms);
            work(&clock, 400);
        }
        let report = pacer.report();
        assert_eq!((report.ticks, report.overruns, report.lateness_max_us), (3_600_000, 0, 0.0));
    }

    #[test]
    fn late_ticks_are_caught_up_one_after_another() {
        let clock = Fake::default();
        let mut pacer = Pacer::on(&clock);
        for ms in 0..100 {
            pacer.wait(SimTime::from_ms(ms));
            // One tick takes 5.5 ms.
            work(&clock, if ms == 50 { 5500 } else { 100 });
        }
        assert_eq!(clock.now_us.get(), 99_100, "back on the schedule");
        let report = pacer.report();
        assert_eq!(report.lateness_max_us, 4500.0, "tick 51 begins when tick 50 is over");
        // Late by 4.5, 3.6, 2.7, 1.8 and 0.9 ms.
        assert_eq!(report.overruns, 4);
        assert_eq!(report.given_up_s, 0.0);
        assert_eq!(report.lateness_p50_us, 1.0_f64.min(report.lateness_max_us));
    }

    #[test]
    fn a_machine_that_slept_for_a_second_does_not_flood_its_peers() {
        let clock = Fake::default();
        let mut pacer = Pacer::on(&clock);
        for ms in 0..20 {
            pacer.wait(SimTime::from_ms(ms));
            if ms == 10 {
                work(&clock, 1_000_000);
            }
        }
        // Tick 11 was due at 11 ms and began at 1010 ms; the others follow at their distance.
        assert_eq!(clock.now_us.get(), 1_010_000 + 8_000);
        assert_eq!(pacer.report().given_up_s, 0.999);
        assert_eq!(pacer.report().overruns, 1);
    }

    #[test]
    fn quantiles_are_those_of_the_counted_spans() {
        let mut histogram = Histogram::default();
        (1..=1000).for_each(|us| histogram.add(Duration::from_micros(us)));
        assert_eq!(histogram.quantile_us(0.5), 501.0);
        assert_eq!(histogram.quantile_us(0.99), 991.0);
        histogram.add(Duration::from_secs(1));
        assert_eq!(histogram.quantile_us(1.0), 1e6);
    }

    #[test]
    fn the_clock_of_the_machine_is_kept() {
        let mut pacer = Pacer::new();
        let started = Instant::now();
        (0..=50).for_each(|ms| pacer.wait(SimTime::from_ms(ms)));
        assert!(started.elapsed() >= Duration::from_millis(50));
        assert_eq!(pacer.report().ticks, 51);
    }
}
