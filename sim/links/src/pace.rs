//! Real-time and scaled pace: ticks against the monotonic clock.

use skidpad_kernel::SimTime;
use std::time::{Duration, Instant};

/// Before a deadline the system's sleep is too coarse to be trusted: this much of the wait is spent spinning.
const SPIN: Duration = Duration::from_micros(150);
/// The same in a thread that runs before all others: it wakes earlier, and what it spins nobody else gets.
const REALTIME_SPIN: Duration = Duration::from_micros(50);
/// A thread with real-time priority that is behind and does not sleep rests so long after so long: on a machine with one core
/// the stack that it waits for would never run.
const REST_AFTER: Duration = Duration::from_millis(5);
const REST: Duration = Duration::from_micros(500);
/// A simulation further behind than this does not catch up, since peers that time out at 0.2 s would be flooded
/// with old frames: the time is given up.
const GIVE_UP: Duration = Duration::from_millis(100);
/// Simulated time of a tick: one that begins later than this has missed its cycle.
const OVERRUN: Duration = Duration::from_millis(1);
/// Simulated time of a cycle of control: one in which a tick begins later than this was missed because of us.
const CYCLE: Duration = Duration::from_millis(10);
/// A run in which more than this share of the control cycles was missed cannot be judged.
const MISSED_SHARE: f64 = 0.01;

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
/// lost time is given up, and the schedule goes on from there. With a stack that compares stamps with its own clock
/// ([`Pacer::keep_up`]) nothing can be given up, since every later stamp would be old: the schedule is caught up from
/// however far behind.
#[derive(Clone, Debug)]
pub struct Pacer<C = SystemClock> {
    clock: C,
    /// Simulated time per wall time.
    scale: f64,
    keeps_up: bool,
    /// The thread has real-time priority, and slept last when the clock showed this.
    realtime: Option<Duration>,
    /// The clock at simulated time zero, if no time has been given up.
    origin: Option<Duration>,
    lateness: Histogram,
    overruns: u64,
    given_up: Duration,
    /// The cycle of control that was last begun, and whether it has been missed.
    cycle: Option<(u64, bool)>,
    cycles: u64,
    missed_cycles: u64,
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
    /// Ticks that began more than their period late.
    pub overruns: u64,
    /// Cycles of control (10 ms of simulated time).
    pub cycles: u64,
    /// Those of them in which a tick began more than a cycle late.
    pub missed_cycles: u64,
    /// Wall time that was given up because the simulation was too far behind, s.
    pub given_up_s: f64,
}

impl PaceReport {
    /// Why a stack on the clock cannot be judged by this run, if so: a tick was more than 100 ms late, or more than
    /// 1 % of the cycles of control were missed, and it was the machine that was too slow, not the stack.
    pub fn too_poor(&self) -> Option<String> {
        let late_ms = self.lateness_max_us * 1e-3;
        if self.given_up_s > 0.0 || late_ms > GIVE_UP.as_secs_f64() * 1e3 {
            return Some(format!(
                "the machine was too slow to judge the stack: a tick began {late_ms:.0} ms late, at most {} ms are \
                 accepted",
                GIVE_UP.as_millis()
            ));
        }
        let share = self.missed_cycles as f64 / self.cycles.max(1) as f64;
        (share > MISSED_SHARE).then(|| {
            format!(
                "the machine was too slow to judge the stack: {} of {} control cycles began more than {} ms late, at \
                 most {:.0} % are accepted",
                self.missed_cycles,
                self.cycles,
                CYCLE.as_millis(),
                100.0 * MISSED_SHARE
            )
        })
    }
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
        Pacer {
            clock,
            scale: 1.0,
            keeps_up: false,
            realtime: None,
            origin: None,
            lateness: Histogram::default(),
            overruns: 0,
            given_up: Duration::ZERO,
            cycle: None,
            cycles: 0,
            missed_cycles: 0,
        }
    }

    /// Lets simulated time pass `scale` times as fast as the clock's; above 0.
    pub fn at_scale(mut self, scale: f64) -> Self {
        self.scale = scale;
        self
    }

    /// Gives no time up from now on.
    pub fn keep_up(&mut self) {
        self.keeps_up = true;
    }

    /// The thread has real-time priority from now on: spins little, and lets others run even when it is behind.
    pub fn be_realtime(&mut self) {
        self.realtime = Some(self.clock.now());
    }

    /// Simulated time zero is now.
    pub fn start(&mut self) {
        self.origin = Some(self.clock.now());
    }

    /// Forgets how well the pace was kept so far: it begins to count.
    pub fn begin_report(&mut self) {
        self.lateness = Histogram::default();
        (self.overruns, self.given_up) = (0, Duration::ZERO);
        (self.cycle, self.cycles, self.missed_cycles) = (None, 0, 0);
    }

    /// Waits until the tick of `now` is due.
    pub fn wait(&mut self, now: SimTime) {
        let since_start = self.wall(now.since(SimTime::ZERO));
        let arrived = self.clock.now();
        let origin = *self.origin.get_or_insert(arrived.saturating_sub(since_start));
        let deadline = origin + since_start;
        if let Some(left) = deadline.checked_sub(arrived) {
            // At scaled pace a tick is short: of each a quarter at most is spun.
            let spin = self.realtime.map_or(SPIN, |_| REALTIME_SPIN.min(self.wall(OVERRUN) / 4));
            if left > spin {
                self.clock.sleep(left - spin);
                self.realtime = self.realtime.map(|_| deadline);
            }
            while self.clock.now() < deadline {
                self.clock.spin();
            }
        }
        if self.realtime.is_some_and(|slept| arrived.saturating_sub(slept) > REST_AFTER) {
            self.clock.sleep(REST);
            self.realtime = Some(self.clock.now());
        }
        let late = self.clock.now().saturating_sub(deadline);
        self.lateness.add(late);
        self.overruns += u64::from(late > self.wall(OVERRUN));
        self.count_cycle(now, late > self.wall(CYCLE));
        if late > GIVE_UP && !self.keeps_up {
            self.origin = Some(origin + late);
            self.given_up += late;
        }
    }

    fn count_cycle(&mut self, now: SimTime, missed: bool) {
        let cycle = now.as_ns() / CYCLE.as_nanos() as u64;
        let so_far = match self.cycle {
            Some((last, so_far)) if last == cycle => so_far,
            _ => {
                self.cycles += 1;
                false
            }
        };
        self.missed_cycles += u64::from(missed && !so_far);
        self.cycle = Some((cycle, missed || so_far));
    }

    /// Wall time in which this simulated time passes.
    fn wall(&self, simulated: Duration) -> Duration {
        // Without scale nothing is rounded: an hour of ticks must not drift.
        if self.scale == 1.0 { simulated } else { simulated.div_f64(self.scale) }
    }

    /// The time it is on this schedule; zero before the first [`Pacer::wait`].
    pub fn now(&self) -> SimTime {
        let since = self.origin.map_or(Duration::ZERO, |origin| self.clock.now().saturating_sub(origin));
        SimTime::ZERO + if self.scale == 1.0 { since } else { since.mul_f64(self.scale) }
    }

    /// How well the pace was kept so far.
    pub fn report(&self) -> PaceReport {
        PaceReport {
            ticks: self.lateness.count,
            lateness_p50_us: self.lateness.quantile_us(0.50),
            lateness_p99_us: self.lateness.quantile_us(0.99),
            lateness_max_us: self.lateness.max.as_nanos() as f64 * 1e-3,
            overruns: self.overruns,
            cycles: self.cycles,
            missed_cycles: self.missed_cycles,
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
        spun: Cell<u64>,
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
            self.spun.set(self.spun.get() + 1);
        }
    }

    fn work(clock: &Fake, us: u64) {
        clock.now_us.set(clock.now_us.get() + us);
    }

    #[test]
    fn the_ticks_of_an_hour_do_not_drift() {
        let clock = Fake { now_us: Cell::new(77), oversleep_us: 60, ..Fake::default() };
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
    fn at_five_times_the_pace_an_hour_takes_twelve_minutes_to_the_microsecond() {
        let clock = Fake::default();
        let mut pacer = Pacer::on(&clock).at_scale(5.0);
        for ms in 0..=3_600_000 {
            pacer.wait(SimTime::from_ms(ms));
            assert_eq!(clock.now_us.get(), 200 * ms);
        }
        assert_eq!((pacer.report().overruns, pacer.report().cycles), (0, 360_001));
    }

    #[test]
    fn who_keeps_up_gives_nothing_up_and_is_judged_too_slow() {
        let clock = Fake::default();
        let mut pacer = Pacer::on(&clock);
        pacer.keep_up();
        for ms in 0..2000 {
            pacer.wait(SimTime::from_ms(ms));
            work(&clock, if ms == 500 { 150_000 } else { 100 });
        }
        assert_eq!(clock.now_us.get(), 1_999_100, "back on the schedule");
        let report = pacer.report();
        assert_eq!(report.given_up_s, 0.0);
        assert!(report.too_poor().unwrap().contains("a tick began 149 ms late"), "{:?}", report.too_poor());
        pacer.begin_report();
        assert_eq!(pacer.report().too_poor(), None);
    }

    #[test]
    fn a_thread_with_real_time_priority_leaves_the_core_to_others_whether_it_is_behind_or_not() {
        for (scale, work_us) in [(1.0, 300), (1.0, 990), (1.0, 1500), (5.0, 100), (5.0, 400)] {
            let clock = Fake::default();
            let mut pacer = Pacer::on(&clock).at_scale(scale);
            pacer.be_realtime();
            let (mut worked_us, ticks) = (0, 20_000);
            for ms in 0..ticks {
                pacer.wait(SimTime::from_ms(ms));
                work(&clock, work_us);
                worked_us += work_us;
            }
            // The fake clock moves one microsecond at each spin and by what is slept; work is neither.
            let (passed_us, spun_us) = (clock.now_us.get(), clock.spun.get());
            let slept_us = passed_us - worked_us - spun_us;
            assert!(
                spun_us as f64 <= 0.26 * 1000.0 / scale * ticks as f64,
                "{scale} {work_us}: {spun_us} us spun"
            );
            assert!(spun_us <= 51 * ticks, "{scale} {work_us}: {spun_us} us spun");
            let behind = work_us as f64 > 1000.0 / scale;
            assert!(
                !behind || slept_us as f64 > 0.06 * passed_us as f64,
                "{scale} {work_us}: {slept_us} us left"
            );
        }
    }

    #[test]
    fn more_than_one_percent_of_missed_cycles_is_too_poor() {
        for (stalls, poor) in [(1, false), (2, true)] {
            let clock = Fake::default();
            let mut pacer = Pacer::on(&clock);
            for ms in 0..1000 {
                pacer.wait(SimTime::from_ms(ms));
                // A tick that takes 12 ms makes the next cycle's first tick late by more than 10 ms.
                let stalls_here = (0..stalls).any(|stall| ms == 109 + 300 * stall);
                work(&clock, if stalls_here { 12_000 } else { 100 });
            }
            let report = pacer.report();
            assert_eq!((report.cycles, report.missed_cycles), (100, stalls));
            assert_eq!(report.too_poor().is_some(), poor, "{report:?}");
        }
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
