use skidpad_can::{Flaw, Role};
use skidpad_kernel::SimTime;
use skidpad_vehicle::Gear;
use std::fmt;

/// The parts of the by-wire system that work, and fail, on their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Subsystem {
    /// Brake module.
    Brake,
    /// Throttle module.
    Throttle,
    /// Steering module.
    Steering,
    /// Gear selection.
    Gear,
    /// Lamps and buttons.
    Misc,
}

impl Subsystem {
    /// Whom a role is about; lamps, wheels and the rest are the gateway's.
    pub(crate) fn of(role: Role) -> Self {
        match role.name().split('.').next() {
            Some("BrakeCommand" | "BrakeReport") => Subsystem::Brake,
            Some("ThrottleCommand" | "ThrottleReport") => Subsystem::Throttle,
            Some("SteeringCommand" | "SteeringReport") => Subsystem::Steering,
            Some("GearCommand" | "GearReport") => Subsystem::Gear,
            _ => Subsystem::Misc,
        }
    }
}

impl fmt::Display for Subsystem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Subsystem::Brake => "brake",
            Subsystem::Throttle => "throttle",
            Subsystem::Steering => "steering",
            Subsystem::Gear => "gear",
            Subsystem::Misc => "misc",
        })
    }
}

/// Something that changed in the by-wire system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    /// When.
    pub time: SimTime,
    /// Where.
    pub subsystem: Subsystem,
    /// What.
    pub kind: EventKind,
}

/// What changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventKind {
    /// The command is followed from now on.
    Enabled,
    /// The command says so: it is no longer followed.
    Disabled,
    /// The driver took over; the command is no longer followed.
    Override,
    /// No command for too long; it is no longer followed.
    Timeout,
    /// The module has restarted and says nothing for now.
    Reset,
    /// It is back, disabled.
    PoweredUp,
    /// A command was ignored, the first in a row: length, checksum, counter or range is wrong.
    Rejected(Flaw),
    /// A fault appeared.
    Fault(Fault),
    /// A fault went away.
    FaultCleared(Fault),
    /// The watchdog of this subsystem found a fault; no command is followed anywhere.
    Watchdog(WatchdogCause),
    /// The transmission was asked for another gear.
    GearChanged(Gear),
    /// A gear asked for by command or by the driver is not engaged.
    GearRejected {
        /// The gear asked for.
        asked: Gear,
        /// Why.
        reason: GearReject,
    },
}

/// A fault that can be injected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// First pedal channel, or first bus to the EPS. The second still works.
    Channel1,
    /// Second pedal channel, or second bus to the EPS.
    Channel2,
    /// Supply of the module.
    Power,
    /// The steering angle is not calibrated.
    Calibration,
    /// Bus to the transmission, or to the lamps.
    Bus,
    /// Too many commands in a row with a wrong checksum or counter (dialects that have them).
    Commands,
}

impl Fault {
    /// True if `subsystem` can have this fault.
    pub fn exists_on(self, subsystem: Subsystem) -> bool {
        match subsystem {
            Subsystem::Brake | Subsystem::Throttle => {
                matches!(self, Fault::Channel1 | Fault::Channel2 | Fault::Power | Fault::Commands)
            }
            Subsystem::Steering => self != Fault::Bus,
            Subsystem::Gear | Subsystem::Misc => self == Fault::Bus,
        }
    }
}

/// Why a watchdog tripped. It is armed once a command carries a COUNT other than zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WatchdogCause {
    /// Two commands in a row carried the same COUNT.
    Counter,
    /// Disabled by command while moving or in gear.
    Disabled,
    /// No command for too long.
    Timeout,
    /// The module itself is silent: it restarted.
    ReportTimeout,
}

/// Why a gear command is not carried out; the discriminant is the code on the wire.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum GearReject {
    /// It is carried out, or there is none.
    #[default]
    None = 0,
    /// The transmission is still busy with the last one.
    ShiftInProgress = 1,
    /// The driver has taken over a subsystem or the selector.
    Override = 2,
    /// The car refuses: too fast for this gear, no brake when leaving park, or a gear that does not exist.
    Vehicle = 5,
}
