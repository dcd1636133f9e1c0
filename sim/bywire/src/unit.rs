use crate::Subsystem;
use std::fmt;

/// A box of the by-wire system with a controller on the bus of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Unit {
    /// Brake module.
    Brake,
    /// Throttle module.
    Throttle,
    /// Steering module.
    Steering,
    /// Gateway to the transmission, the lamps and the car's own buses.
    Gateway,
}

impl Unit {
    /// All of them.
    pub const ALL: [Unit; 4] = [Unit::Brake, Unit::Throttle, Unit::Steering, Unit::Gateway];

    /// The subsystem under which its events are reported.
    pub(crate) fn subsystem(self) -> Subsystem {
        match self {
            Unit::Brake => Subsystem::Brake,
            Unit::Throttle => Subsystem::Throttle,
            Unit::Steering => Subsystem::Steering,
            Unit::Gateway => Subsystem::Gear,
        }
    }
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Unit::Brake => "brake module",
            Unit::Throttle => "throttle module",
            Unit::Steering => "steering module",
            Unit::Gateway => "gateway",
        })
    }
}

impl From<Subsystem> for Unit {
    /// The box a subsystem lives in.
    fn from(subsystem: Subsystem) -> Self {
        match subsystem {
            Subsystem::Brake => Unit::Brake,
            Subsystem::Throttle => Unit::Throttle,
            Subsystem::Steering => Unit::Steering,
            Subsystem::Gear | Subsystem::Misc => Unit::Gateway,
        }
    }
}
