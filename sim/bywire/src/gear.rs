//! What a gear command and the driver's selector do, and what the transmission refuses.

use crate::ByWireParams;
use crate::event::{EventKind, GearReject};
use skidpad_kernel::SimTime;
use skidpad_vehicle::{Gear, PlantReport};
use std::time::Duration;

#[derive(Clone, Debug, Default)]
pub(crate) struct GearSelector {
    /// What the transmission is asked for.
    pub demand: Gear,
    /// Code of the last command, 0 for none.
    pub command: u8,
    last_command: SimTime,
    pub overridden: bool,
    pub reject: GearReject,
    pub bus_fault: bool,
    lever: Option<Gear>,
}

/// What the selector needs to know besides its commands.
pub(crate) struct Surroundings<'a> {
    pub plant: &'a PlantReport,
    /// Brake pedal in effect, %.
    pub brake_pct: f64,
    /// The driver has taken over brake, throttle or steering.
    pub overridden: bool,
}

impl GearSelector {
    pub fn command(&mut self, now: SimTime, code: u8, clear: bool) {
        self.command = code;
        self.last_command = now;
        if clear {
            self.overridden = false;
        }
    }

    /// The gateway restarts: it forgets what was asked, the transmission keeps its gear.
    pub fn reset(&mut self) {
        *self = GearSelector {
            demand: self.demand,
            bus_fault: self.bus_fault,
            lever: self.lever,
            ..GearSelector::default()
        };
    }

    /// Time passes. Reports at most one event; the command waits while the driver shifts.
    pub fn update(
        &mut self,
        now: SimTime,
        lever: Option<Gear>,
        around: &Surroundings<'_>,
        params: &ByWireParams,
        timeout: Duration,
    ) -> Option<EventKind> {
        if lever != self.lever {
            self.lever = lever;
            if let Some(asked) = lever.filter(|gear| *gear != self.demand) {
                return Some(self.driver_shifts(asked, around, params));
            }
        }
        if self.command != 0 && now.since(self.last_command) >= timeout {
            self.command = 0;
        }
        let Some(asked) = from_code(self.command) else {
            // The codes 6 and 7 name no gear.
            self.reject = if self.command == 0 { GearReject::None } else { GearReject::Vehicle };
            return None;
        };
        let before = self.reject;
        self.reject = self.refusal(asked, around, params);
        match self.reject {
            GearReject::None if asked != self.demand => {
                self.demand = asked;
                Some(EventKind::GearChanged(asked))
            }
            reason if reason != before && reason != GearReject::None => {
                Some(EventKind::GearRejected { asked, reason })
            }
            _ => None,
        }
    }

    fn driver_shifts(&mut self, asked: Gear, around: &Surroundings<'_>, params: &ByWireParams) -> EventKind {
        if !allowed(self.demand, asked, around, params) {
            return EventKind::GearRejected { asked, reason: GearReject::Vehicle };
        }
        self.demand = asked;
        self.overridden = true;
        EventKind::Override
    }

    fn refusal(&self, asked: Gear, around: &Surroundings<'_>, params: &ByWireParams) -> GearReject {
        if asked == self.demand {
            GearReject::None
        } else if self.overridden || around.overridden {
            GearReject::Override
        } else if around.plant.gear != self.demand {
            GearReject::ShiftInProgress
        } else if self.bus_fault || !allowed(self.demand, asked, around, params) {
            GearReject::Vehicle
        } else {
            GearReject::None
        }
    }
}

/// What the transmission control unit allows at this speed and brake.
fn allowed(from: Gear, to: Gear, around: &Surroundings<'_>, params: &ByWireParams) -> bool {
    let speed = around.plant.wheel_speed_mps;
    let interlocked = from == Gear::Park && around.brake_pct < params.park_release_brake_pct;
    !interlocked
        && match to {
            Gear::Park => speed.abs() < params.park_speed_mps,
            Gear::Reverse => speed < params.direction_change_speed_mps,
            Gear::Neutral => true,
            Gear::Drive | Gear::Low => speed > -params.direction_change_speed_mps,
        }
}

/// The gear of a code on the wire.
fn from_code(code: u8) -> Option<Gear> {
    match code {
        1 => Some(Gear::Park),
        2 => Some(Gear::Reverse),
        3 => Some(Gear::Neutral),
        4 => Some(Gear::Drive),
        5 => Some(Gear::Low),
        _ => None,
    }
}

/// The code of a gear on the wire.
pub(crate) fn code(gear: Gear) -> i64 {
    match gear {
        Gear::Park => 1,
        Gear::Reverse => 2,
        Gear::Neutral => 3,
        Gear::Drive => 4,
        Gear::Low => 5,
    }
}
