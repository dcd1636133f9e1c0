//! What the units know and do: all that changes, but for the frames themselves.

use crate::event::{Subsystem, WatchdogCause};
use crate::gear::GearSelector;
use crate::gps::GpsFix;
use crate::module::Module;
use crate::{TurnSignal, Unit};
use skidpad_kernel::SimTime;

#[derive(Clone, Debug, Default)]
pub(crate) struct State {
    pub brake: Module,
    pub throttle: Module,
    pub steering: Module,
    pub gear: GearSelector,
    /// The driver's pedals as their sensors read.
    pub brake_input_pct: f64,
    pub throttle_input_pct: f64,
    pub driver_torque_nm: f64,
    /// The last commands, followed or not.
    pub brake_command_pct: f64,
    pub brake_lamp_command: bool,
    pub throttle_command_pct: f64,
    pub angle_command_deg: f64,
    pub rate_command_dps: f64,
    pub turn_command: TurnSignal,
    pub turn_command_at: SimTime,
    pub turn_signal: TurnSignal,
    pub misc_bus_fault: bool,
    /// Of the car's own receiver; `None` without a fix.
    pub gps: Option<GpsFix>,
    pub watchdog: Option<(Subsystem, WatchdogCause)>,
    pub watchdog_braking: bool,
    /// At rest in park or neutral at the last update.
    pub secured: bool,
    /// Until when each unit is restarting, by `Unit as usize`; `None` if it runs.
    pub restarting: [Option<SimTime>; Unit::ALL.len()],
    pub calibrated_at: Option<SimTime>,
    /// The others will miss the reports of this module then: its watchdog was armed when it restarted.
    pub missed_at: Option<(SimTime, Subsystem)>,
}

impl State {
    /// True if this unit is restarting: it hears and says nothing.
    pub fn restarts(&self, unit: Unit) -> bool {
        self.restarting[unit as usize].is_some()
    }

    /// True while anything of a restart is under way.
    pub fn is_restarting_any(&self) -> bool {
        self.calibrated_at.is_some()
            || self.missed_at.is_some()
            || self.restarting.iter().any(Option::is_some)
    }

    /// The state machine of a subsystem that has one.
    pub fn module_mut(&mut self, subsystem: Subsystem) -> Option<&mut Module> {
        match subsystem {
            Subsystem::Brake => Some(&mut self.brake),
            Subsystem::Throttle => Some(&mut self.throttle),
            Subsystem::Steering => Some(&mut self.steering),
            Subsystem::Gear | Subsystem::Misc => None,
        }
    }

    /// One watchdog stops all modules and brakes until the driver does.
    pub fn trip_watchdog(&mut self, subsystem: Subsystem, cause: WatchdogCause) {
        self.watchdog = Some((subsystem, cause));
        self.watchdog_braking = true;
        self.set_watchdog_fault(true);
    }

    pub fn clear_watchdog(&mut self) {
        self.watchdog = None;
        self.watchdog_braking = false;
        self.set_watchdog_fault(false);
    }

    fn set_watchdog_fault(&mut self, present: bool) {
        for module in [&mut self.brake, &mut self.throttle, &mut self.steering] {
            module.set_watchdog_fault(present);
        }
    }
}
