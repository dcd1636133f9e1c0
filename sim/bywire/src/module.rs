//! The state machine that brake, throttle and steering module share.

use crate::event::{EventKind, Fault, WatchdogCause};
use skidpad_kernel::SimTime;
use std::time::Duration;

/// Whether a module follows its command.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// It does not; a rising edge of EN will enable it.
    #[default]
    Disabled,
    /// It does.
    Enabled,
    /// The driver took over. Latched until CLEAR or a rising edge of EN.
    Overridden,
    /// It did, until no command came for too long. The next command ends this.
    TimedOut,
}

/// The flags every command carries.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Flags {
    pub enable: bool,
    pub clear: bool,
    pub ignore: bool,
    /// `None` in a frame too short to carry one.
    pub count: Option<u8>,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Module {
    pub mode: Mode,
    /// EN of the last command.
    enable: bool,
    ignore: bool,
    last_command: SimTime,
    /// The driver acts on this subsystem, and since when.
    active_since: Option<SimTime>,
    faults: u8,
    /// COUNT of the last command, once the watchdog is armed.
    count: Option<u8>,
    /// The watchdog of some module tripped.
    pub watchdog_fault: bool,
    /// The steering after a reset: the angle is not yet found.
    pub uncalibrated: bool,
}

/// What a command or the passing of time brought about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Change {
    pub event: Option<EventKind>,
    pub watchdog: Option<WatchdogCause>,
}

impl Module {
    pub fn enabled(&self) -> bool {
        self.mode == Mode::Enabled
    }

    pub fn driver_active(&self) -> bool {
        self.active_since.is_some()
    }

    pub fn has(&self, fault: Fault) -> bool {
        self.faults & bit(fault) != 0
    }

    /// One of two redundant channels may fail; both may not (vendor driver: it disables on FLT1 and FLT2).
    pub fn healthy(&self) -> bool {
        let dead = self.has(Fault::Power)
            || self.has(Fault::Calibration)
            || self.has(Fault::Commands)
            || (self.has(Fault::Channel1) && self.has(Fault::Channel2));
        !dead && !self.watchdog_fault && !self.uncalibrated
    }

    /// A command has come. `secured`: at rest in park or neutral, so that disabling is no surprise.
    /// The second result is true on a rising edge of EN.
    pub fn command(&mut self, now: SimTime, flags: Flags, secured: bool) -> (Change, bool) {
        let rising = flags.enable && !self.enable;
        self.enable = flags.enable;
        self.ignore = flags.ignore;
        self.last_command = now;

        let was = self.mode;
        let wanted = if flags.enable && self.healthy() { Mode::Enabled } else { Mode::Disabled };
        self.mode = match was {
            Mode::Enabled => wanted,
            Mode::Overridden if rising || flags.clear => wanted,
            Mode::Overridden => Mode::Overridden,
            Mode::Disabled | Mode::TimedOut if rising => wanted,
            Mode::Disabled | Mode::TimedOut => Mode::Disabled,
        };
        let event = match (was, self.mode) {
            (Mode::Enabled, Mode::Disabled) => Some(EventKind::Disabled),
            (Mode::Disabled | Mode::Overridden | Mode::TimedOut, Mode::Enabled) => Some(EventKind::Enabled),
            _ => None,
        };
        (Change { event, watchdog: self.check_count(was, flags.count, secured) }, rising)
    }

    /// Arms, checks and disarms the watchdog.
    fn check_count(&mut self, was: Mode, count: Option<u8>, secured: bool) -> Option<WatchdogCause> {
        if self.mode != Mode::Enabled {
            let armed = self.count.take().is_some();
            let dropped = was == Mode::Enabled && armed && !secured;
            return dropped.then_some(WatchdogCause::Disabled);
        }
        let count = count?;
        let stuck = self.count == Some(count);
        if self.count.is_some() || count != 0 {
            self.count = Some(count);
        }
        stuck.then_some(WatchdogCause::Counter)
    }

    /// Time passes, and the driver acts on this subsystem or does not.
    pub fn update(&mut self, now: SimTime, driver_acts: bool, timing: &Timing) -> Change {
        self.active_since = driver_acts.then(|| self.active_since.unwrap_or(now));
        if self.mode != Mode::Enabled {
            return Change::default();
        }
        if now.since(self.last_command) >= timing.command_timeout {
            self.mode = Mode::TimedOut;
            let watchdog = self.count.take().map(|_| WatchdogCause::Timeout);
            return Change { event: Some(EventKind::Timeout), watchdog };
        }
        match self.active_since {
            Some(since) if !self.ignore && now.since(since) >= timing.override_debounce => {
                self.mode = Mode::Overridden;
                // The driver is in control: disabling from here is no surprise.
                self.count = None;
                Change { event: Some(EventKind::Override), watchdog: None }
            }
            _ => Change::default(),
        }
    }

    /// Restarts: all that was known is forgotten, but for what is wrong. True if the watchdog was armed.
    pub fn reset(&mut self) -> bool {
        let armed = self.count.is_some();
        *self = Module { faults: self.faults, watchdog_fault: self.watchdog_fault, ..Module::default() };
        armed
    }

    /// Puts a fault there or takes it away. True if it was not so before.
    pub fn set_fault(&mut self, fault: Fault, present: bool) -> bool {
        let changed = self.has(fault) != present;
        self.faults = if present { self.faults | bit(fault) } else { self.faults & !bit(fault) };
        self.disable_if_unhealthy();
        changed
    }

    pub fn set_watchdog_fault(&mut self, present: bool) {
        self.watchdog_fault = present;
        self.disable_if_unhealthy();
    }

    fn disable_if_unhealthy(&mut self) {
        if self.enabled() && !self.healthy() {
            self.mode = Mode::Disabled;
            self.count = None;
        }
    }
}

fn bit(fault: Fault) -> u8 {
    1 << fault as u8
}

/// The times of the state machine.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timing {
    pub command_timeout: Duration,
    pub override_debounce: Duration,
}
