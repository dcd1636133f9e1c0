use std::fmt;

/// What can move the drive mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trigger {
    /// A command carried the pad action START.
    Start,
    /// A command carried the pad action STOP or RESET; the two do the same.
    StopOrReset,
    /// While enabling: every subsystem asked for reports no driver override.
    UnitsOnline,
    /// While enabling: twenty polls passed and some subsystem still reports an override, or never reported.
    UnitsSilent,
    /// In auto: ten security checks in a row saw the driver override.
    OverrideHeld,
    /// A security check saw a fault bit of steering, brake or throttle.
    Fault,
}

impl fmt::Display for Trigger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Trigger::Start => "START",
            Trigger::StopOrReset => "STOP or RESET",
            Trigger::UnitsOnline => "by-wire units online",
            Trigger::UnitsSilent => "by-wire units not online within 400 ms",
            Trigger::OverrideHeld => "driver override",
            Trigger::Fault => "by-wire fault",
        })
    }
}

/// The three states of the machine; `Auto` is whichever automatic mode the configuration names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    Manual,
    Auto,
    Emergency,
}

/// What the module does as it follows a row of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    /// Nothing at all.
    Ignore,
    /// Set the enable bits, refresh the frames, and poll for the units: the spinner thread is blocked meanwhile.
    EnableAndPoll,
    /// From the next command on, commands reach the frames.
    TakeOver,
    /// Reset what the frames carry, refresh them, and clear the error code.
    Release,
    /// Reset what the frames carry and raise CHASSIS_ERROR. The frames on the bus are **not** refreshed: they
    /// keep their bytes, enable bits included, until the next command is accepted (as in the real module).
    DropAll,
}

/// The drive-mode machine (facts: `apollo10.md` §4.3, `apollo10_live.md` §6): state and trigger give what is done
/// and the state that follows.
pub(super) const fn transition(mode: Mode, trigger: Trigger) -> (Action, Mode) {
    use {Action::*, Mode::*, Trigger::*};
    match (mode, trigger) {
        // START is heard in manual only. EMERGENCY_MODE leaves only by STOP or RESET.
        (Manual, Start) => (EnableAndPoll, Manual),
        (Auto, Start) => (Ignore, Auto),
        (Emergency, Start) => (Ignore, Emergency),

        // STOP and RESET give the car back from anywhere.
        (Manual, StopOrReset) => (Ignore, Manual),
        (Auto, StopOrReset) => (Release, Manual),
        (Emergency, StopOrReset) => (Release, Manual),

        // The poll ends as it finds the units. It does not look at the mode again, so a fault that raised
        // EMERGENCY_MODE meanwhile is overruled until the next security check, 50 ms at most.
        (Manual | Auto | Emergency, UnitsOnline) => (TakeOver, Auto),
        (Manual | Auto | Emergency, UnitsSilent) => (DropAll, Emergency),

        // The security checks: the driver's hand counts in auto only, a fault in any mode, manual too.
        (Auto, OverrideHeld) => (DropAll, Emergency),
        (Manual, OverrideHeld) => (Ignore, Manual),
        (Emergency, OverrideHeld) => (Ignore, Emergency),
        (Manual, Fault) => (DropAll, Emergency),
        (Auto, Fault) => (DropAll, Emergency),
        (Emergency, Fault) => (Ignore, Emergency),
    }
}
