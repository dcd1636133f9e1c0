use crate::dialect::{Heard, Order, Port};
use crate::event::{Event, EventKind, Fault, Subsystem, WatchdogCause};
use crate::gear::{GearSelector, Surroundings};
use crate::gps::GpsFix;
use crate::layout::{BrakeCommand, GearCommand, SteeringCommand, ThrottleCommand, TurnSignalCommand};
use crate::module::{Change, Flags, Mode, Module, Timing};
use crate::reports::Reports;
use crate::{ByWireParams, DriverInput, ParamError, TurnSignal, Unit};
use skidpad_can::{Dbc, Dialect, DialectError, Flaw, Frame, Missing, Role};
use skidpad_kernel::SimTime;
use skidpad_vehicle::{ActuatorDemand, Gear, PlantReport, SteeringDemand};
use std::time::Duration;

/// Why the by-wire modules cannot be built.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ByWireError {
    /// The .dbc lacks a message or signal the modules need.
    #[error(transparent)]
    Layout(#[from] Missing),
    /// The roles, checksums or counters of the .dbc are wrong, or a role is missing.
    #[error(transparent)]
    Dialect(#[from] DialectError),
    /// A report has no period, or one below a millisecond.
    #[error("{file}: the message {message:?} needs a GenMsgCycleTime of at least 1 ms")]
    NoCycle {
        /// The .dbc file.
        file: String,
        /// The message.
        message: &'static str,
    },
    /// A parameter is out of range.
    #[error(transparent)]
    Params(#[from] ParamError),
}

/// A fault on a subsystem that cannot have it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the {subsystem} subsystem has no fault {fault:?}")]
pub struct NoSuchFault {
    /// Where.
    pub subsystem: Subsystem,
    /// What.
    pub fault: Fault,
}

/// Commands that were ignored since something was wrong with them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RejectedCommands {
    /// Of a length that is not that of the message.
    pub length: u64,
    /// With a wrong checksum.
    pub checksum: u64,
    /// With a counter that is not one up from the frame before.
    pub counter: u64,
}

/// The by-wire modules of one car. See the crate's documentation.
///
/// Per tick: [`receive`](ByWire::receive) each frame that has arrived, [`update`](ByWire::update) once, step the
/// vehicle, [`transmit`](ByWire::transmit) once, drain [`events`](ByWire::events).
#[derive(Clone, Debug)]
pub struct ByWire {
    params: ByWireParams,
    timing: Timing,
    turn_signal_timeout: Duration,
    wire: Wire,
    rejected: RejectedCommands,
    state: State,
    events: Vec<Event>,
}

/// How the car writes its frames.
#[derive(Clone, Debug)]
enum Wire {
    /// The Lincoln's messages and signals, by their names.
    Named(Box<(Commands, Reports)>),
    /// Whatever the .dbc gives a role.
    Roles(Port),
}

/// The layouts of the commands.
#[derive(Clone, Debug)]
struct Commands {
    brake: BrakeCommand,
    throttle: ThrottleCommand,
    steering: SteeringCommand,
    gear: GearCommand,
    turn_signal: TurnSignalCommand,
}

/// All that changes.
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
    rate_command_dps: f64,
    turn_command: TurnSignal,
    turn_command_at: SimTime,
    pub turn_signal: TurnSignal,
    pub misc_bus_fault: bool,
    /// Of the car's own receiver; `None` without a fix.
    pub gps: Option<GpsFix>,
    pub watchdog: Option<(Subsystem, WatchdogCause)>,
    pub watchdog_braking: bool,
    /// At rest in park or neutral at the last update.
    secured: bool,
    /// Until when each unit is restarting, by `Unit as usize`; `None` if it runs.
    restarting: [Option<SimTime>; Unit::ALL.len()],
    calibrated_at: Option<SimTime>,
    /// The others will miss the reports of this module then: its watchdog was armed when it restarted.
    missed_at: Option<(SimTime, Subsystem)>,
}

/// Bytes a brake, throttle or steering command needs: what follows them is COUNT.
const COMMAND_BYTES: u8 = 4;

impl ByWire {
    /// The modules of a car with these messages, everything disabled, in park.
    ///
    /// # Errors
    /// If the .dbc lacks a message, a signal or a period, or a parameter is out of range.
    pub fn new(dbc: &Dbc, params: &ByWireParams) -> Result<Self, ByWireError> {
        params.validate()?;
        let state = State {
            brake_input_pct: params.brake_rest_pct,
            throttle_input_pct: params.throttle_rest_pct,
            secured: true,
            ..State::default()
        };
        Ok(ByWire {
            timing: Timing {
                command_timeout: Duration::from_secs_f64(params.command_timeout_s),
                override_debounce: Duration::from_secs_f64(params.override_debounce_s),
            },
            turn_signal_timeout: Duration::from_secs_f64(params.turn_signal_timeout_s),
            wire: match Dialect::find(dbc)? {
                Some(dialect) => Wire::Roles(Port::new(&dialect, &dbc.file)?),
                None => Wire::Named(Box::new((Commands::find(dbc)?, Reports::find(dbc)?))),
            },
            rejected: RejectedCommands::default(),
            state,
            params: params.clone(),
            events: Vec::with_capacity(16),
        })
    }

    /// Starts the run in this gear instead of park.
    pub fn start_in_gear(&mut self, gear: Gear) {
        self.state.gear.demand = gear;
    }

    /// Identifiers of the frames that carry commands to these modules.
    pub fn command_ids(&self) -> Vec<u16> {
        match &self.wire {
            Wire::Named(named) => named.0.ids().to_vec(),
            Wire::Roles(port) => port.command_ids().collect(),
        }
    }

    /// The commands ignored so far; always zero where commands carry neither checksum nor counter.
    pub fn rejected_commands(&self) -> RejectedCommands {
        self.rejected
    }

    /// What the car's own receiver says from now on; `None` while it has no fix. It computes one each full second.
    pub fn set_gps(&mut self, fix: Option<GpsFix>) {
        self.state.gps = fix;
    }

    /// The unit that reads frames of this identifier; `None` if none does.
    pub fn reader(&self, id: u16) -> Option<Unit> {
        let readers = [Unit::Brake, Unit::Throttle, Unit::Steering, Unit::Gateway, Unit::Gateway];
        match &self.wire {
            Wire::Named(named) => named
                .0
                .ids()
                .into_iter()
                .zip(readers)
                .find(|(command, _)| *command == id)
                .map(|(_, unit)| unit),
            Wire::Roles(port) => port.reader(id),
        }
    }

    /// Identifiers of the frames that this unit reads or sends. The version report, which comes from each module in
    /// turn, counts as the gateway's here.
    pub fn frames_of(&self, unit: Unit) -> Vec<u16> {
        let commands = self.command_ids().into_iter().filter(|id| self.reader(*id) == Some(unit));
        match &self.wire {
            Wire::Named(named) => commands.chain(named.1.ids_of(unit)).collect(),
            Wire::Roles(port) => commands.chain(port.reports_of(unit)).collect(),
        }
    }

    /// Identifiers of the frames that ask for a gear or report it.
    pub fn frames_about_gear(&self) -> Vec<u16> {
        match &self.wire {
            Wire::Named(named) => [named.0.gear.blank.id].into_iter().chain(named.1.gear_id()).collect(),
            Wire::Roles(port) => port.frames_with(&[Role::GearCommand, Role::Gear]).collect(),
        }
    }

    /// A unit restarts, as after a dip of its supply.
    pub fn reset(&mut self, now: SimTime, unit: Unit) {
        if let Wire::Roles(port) = &mut self.wire {
            port.reset(unit);
            if let Some(module) = self.state.module_mut(unit.subsystem()) {
                module.set_fault(Fault::Commands, false);
            }
        }
        let (p, s) = (&self.params, &mut self.state);
        let running_at = now + Duration::from_secs_f64(p.boot_s);
        s.restarting[unit as usize] = Some(running_at);
        let subsystem = unit.subsystem();
        match s.module_mut(subsystem) {
            Some(module) => {
                if module.reset() {
                    s.missed_at = Some((now + self.timing.command_timeout, subsystem));
                }
            }
            None => {
                s.gear.reset();
                s.turn_command = TurnSignal::Off;
            }
        }
        match unit {
            Unit::Brake => (s.brake_command_pct, s.brake_lamp_command) = (0.0, false),
            Unit::Throttle => s.throttle_command_pct = 0.0,
            Unit::Steering => {
                (s.angle_command_deg, s.rate_command_dps) = (0.0, 0.0);
                s.steering.uncalibrated = true;
                s.calibrated_at = Some(running_at + Duration::from_secs_f64(p.steering_calibration_s));
            }
            Unit::Gateway => {}
        }
        self.note(now, subsystem, Some(EventKind::Reset));
    }

    /// Units that have restarted are back; the steering has found its angle.
    fn power_up(&mut self, now: SimTime) {
        for unit in Unit::ALL {
            if self.state.restarting[unit as usize].is_some_and(|at| at <= now) {
                self.state.restarting[unit as usize] = None;
                let subsystem = unit.subsystem();
                self.note(now, subsystem, Some(EventKind::PoweredUp));
            }
        }
        let s = &mut self.state;
        if s.calibrated_at.is_some_and(|at| at <= now) {
            s.calibrated_at = None;
            s.steering.uncalibrated = false;
        }
        if let Some((at, subsystem)) = s.missed_at
            && at <= now
        {
            s.missed_at = None;
            let change = Change { event: None, watchdog: Some(WatchdogCause::ReportTimeout) };
            self.apply(now, subsystem, change);
        }
    }

    /// A frame has arrived. Frames that are no command of the by-wire system, or are too short to be one,
    /// change nothing.
    pub fn receive(&mut self, now: SimTime, frame: &Frame) {
        if self.state.is_restarting_any()
            && self.reader(frame.id).is_some_and(|unit| self.state.restarts(unit))
        {
            return;
        }
        let c = match &mut self.wire {
            Wire::Named(named) => &named.0,
            Wire::Roles(port) => {
                if let Some(heard) = port.receive(frame) {
                    self.hear(now, heard);
                }
                return;
            }
        };
        let (id, data) = (frame.id, &frame.data);
        let flags = |enable: bool, clear: bool, ignore: bool, count: i64| Flags {
            enable,
            clear,
            ignore,
            count: (frame.len >= 8).then_some(count as u8),
        };
        if id == c.brake.blank.id && frame.len >= COMMAND_BYTES {
            let m = c.brake;
            self.state.brake_command_pct = m.pedal.physical(data);
            self.state.brake_lamp_command = m.lamp.is_set(data);
            let flags =
                flags(m.enable.is_set(data), m.clear.is_set(data), m.ignore.is_set(data), m.count.raw(data));
            self.command(now, Subsystem::Brake, flags);
        } else if id == c.throttle.blank.id && frame.len >= COMMAND_BYTES {
            let m = c.throttle;
            self.state.throttle_command_pct = m.pedal.physical(data);
            let flags =
                flags(m.enable.is_set(data), m.clear.is_set(data), m.ignore.is_set(data), m.count.raw(data));
            self.command(now, Subsystem::Throttle, flags);
        } else if id == c.steering.blank.id && frame.len >= COMMAND_BYTES {
            let m = c.steering;
            self.state.angle_command_deg = m.angle.physical(data);
            self.state.rate_command_dps = m.rate.physical(data);
            let flags =
                flags(m.enable.is_set(data), m.clear.is_set(data), m.ignore.is_set(data), m.count.raw(data));
            self.command(now, Subsystem::Steering, flags);
        } else if id == c.gear.blank.id && frame.len >= 1 {
            self.state.gear.command(now, c.gear.gear.raw(data) as u8, c.gear.clear.is_set(data));
        } else if id == c.turn_signal.blank.id && frame.len >= 1 {
            self.state.turn_command = TurnSignal::from_raw(c.turn_signal.turn.raw(data));
            self.state.turn_command_at = now;
        }
    }

    /// A command of a car with roles: followed, or ignored and counted.
    fn hear(&mut self, now: SimTime, heard: Heard) {
        let followers = [Subsystem::Brake, Subsystem::Throttle, Subsystem::Steering];
        match heard.order {
            Ok(order) => self.obey(now, &order),
            Err(flaw) => {
                *match flaw {
                    Flaw::Length => &mut self.rejected.length,
                    Flaw::Checksum => &mut self.rejected.checksum,
                    Flaw::Counter => &mut self.rejected.counter,
                } += 1;
                for subsystem in &heard.of {
                    self.note(now, *subsystem, heard.first_wrong.then_some(EventKind::Rejected(flaw)));
                }
            }
        }
        if let Some(present) = heard.fault {
            for subsystem in heard.of.iter().filter(|subsystem| followers.contains(subsystem)) {
                // Each of the three can have it.
                let _ = self.set_fault(now, *subsystem, Fault::Commands, present);
            }
        }
    }

    fn obey(&mut self, now: SimTime, order: &Order) {
        let s = &mut self.state;
        let take = |value: Option<f64>, into: &mut f64| *into = value.unwrap_or(*into);
        take(order.brake_pct, &mut s.brake_command_pct);
        take(order.throttle_pct, &mut s.throttle_command_pct);
        take(order.angle_deg, &mut s.angle_command_deg);
        take(order.rate_dps, &mut s.rate_command_dps);
        s.brake_lamp_command = order.brake_lamp.unwrap_or(s.brake_lamp_command);
        if order.gear.is_some() || order.gear_clear {
            s.gear.command(now, order.gear.unwrap_or(s.gear.command), order.gear_clear);
        }
        if let Some(turn) = order.turn {
            (s.turn_command, s.turn_command_at) = (turn, now);
        }
        let followers = [Subsystem::Brake, Subsystem::Throttle, Subsystem::Steering];
        for (index, subsystem) in followers.into_iter().enumerate() {
            if let Some(enable) = order.enable[index] {
                let (clear, ignore) = (order.clear[index], order.ignore[index]);
                // The guard has looked at the counter already.
                self.command(now, subsystem, Flags { enable, clear, ignore, count: None });
            }
        }
    }

    fn command(&mut self, now: SimTime, subsystem: Subsystem, flags: Flags) {
        let secured = self.state.secured;
        let Some(module) = self.state.module_mut(subsystem) else { return };
        let (change, rising) = module.command(now, flags, secured);
        if rising {
            // The selector has no EN of its own: taking a subsystem back takes it back too.
            self.state.gear.overridden = false;
        }
        self.apply(now, subsystem, change);
    }

    /// Time passes: what the modules ask of the vehicle from `now` on, given what they measured on it (`plant`, as
    /// of the step before) and what the driver does.
    pub fn update(&mut self, now: SimTime, plant: &PlantReport, driver: &DriverInput) -> ActuatorDemand {
        if self.state.is_restarting_any() {
            self.power_up(now);
        }
        let (p, s) = (&self.params, &mut self.state);
        s.secured = matches!(plant.gear, Gear::Park | Gear::Neutral) && plant.stationary;
        s.brake_input_pct = driver.brake_pct.max(p.brake_rest_pct).min(100.0);
        s.throttle_input_pct = driver.throttle_pct.max(p.throttle_rest_pct).min(100.0);
        s.driver_torque_nm = driver.hands.torque_nm(plant, p);

        let brakes = s.brake_input_pct >= p.brake_rest_pct + p.brake_override_pct;
        let accelerates = s.throttle_input_pct >= p.throttle_rest_pct + p.throttle_override_pct;
        let steers = s.driver_torque_nm.abs() >= p.steering_override_torque_nm;
        for (subsystem, acts) in
            [(Subsystem::Brake, brakes), (Subsystem::Throttle, accelerates), (Subsystem::Steering, steers)]
        {
            let timing = self.timing;
            let Some(module) = self.state.module_mut(subsystem) else { continue };
            let change = module.update(now, acts, &timing);
            self.apply(now, subsystem, change);
        }

        let s = &mut self.state;
        if s.watchdog_braking && s.brake.driver_active() {
            s.watchdog_braking = false;
        }
        if s.watchdog.is_some() && driver.acknowledge {
            s.clear_watchdog();
        }
        let command_fresh = now.since(s.turn_command_at) < self.turn_signal_timeout;
        s.turn_signal = match driver.turn_signal {
            TurnSignal::Off if command_fresh => s.turn_command,
            lever => lever,
        };

        let brake_pct = self.brake_pct();
        let s = &mut self.state;
        let modules = [&s.brake, &s.throttle, &s.steering];
        let around =
            Surroundings { plant, brake_pct, overridden: modules.iter().any(|m| m.mode == Mode::Overridden) };
        let shift = s.gear.update(now, driver.gear, &around, &self.params, self.timing.command_timeout);
        self.note(now, Subsystem::Gear, shift);

        ActuatorDemand {
            throttle_pct: self.throttle_pct(),
            brake_pct,
            steering: self.steering(),
            gear: self.state.gear.demand,
            parking_brake: driver.parking_brake,
        }
    }

    fn brake_pct(&self) -> f64 {
        let s = &self.state;
        let command = if s.brake.enabled() { s.brake_command_pct } else { 0.0 };
        let watchdog = if s.watchdog_braking { self.params.watchdog_brake_pct } else { 0.0 };
        s.brake_input_pct.max(command).max(watchdog).min(100.0)
    }

    fn throttle_pct(&self) -> f64 {
        let s = &self.state;
        let command = if s.throttle.enabled() { s.throttle_command_pct } else { 0.0 };
        s.throttle_input_pct.max(command).min(100.0)
    }

    fn steering(&self) -> SteeringDemand {
        let (p, s) = (&self.params, &self.state);
        if !s.steering.enabled() {
            return SteeringDemand::Free { driver_torque_nm: s.driver_torque_nm };
        }
        let angle_deg = s.angle_command_deg.clamp(-p.steering_limit_deg, p.steering_limit_deg);
        let asked_dps = if s.rate_command_dps == 0.0 { f64::INFINITY } else { s.rate_command_dps };
        SteeringDemand::Servo {
            angle_rad: angle_deg.to_radians(),
            rate_limit_rps: asked_dps.min(p.steering_rate_max_dps).to_radians(),
        }
    }

    /// Sends the reports that are due. Calls `send` in the order of the schedule; the bus arbitrates.
    pub fn transmit(&mut self, now: SimTime, plant: &PlantReport, send: &mut impl FnMut(Frame)) {
        self.transmit_from(now, plant, &mut |_, frame| send(frame));
    }

    /// As [`ByWire::transmit`], saying which unit sends each frame.
    pub fn transmit_from(&mut self, now: SimTime, plant: &PlantReport, send: &mut impl FnMut(Unit, Frame)) {
        let (state, params) = (&self.state, &self.params);
        match &mut self.wire {
            Wire::Named(named) => named.1.transmit(now, state, params, plant, send),
            Wire::Roles(port) => port.transmit(now, state, params, plant, send),
        }
    }

    /// What changed since the last call, oldest first.
    pub fn events(&mut self) -> std::vec::Drain<'_, Event> {
        self.events.drain(..)
    }

    /// Whether brake, throttle or steering follow their commands; `None` for the subsystems without EN.
    pub fn mode(&self, subsystem: Subsystem) -> Option<Mode> {
        match subsystem {
            Subsystem::Brake => Some(self.state.brake.mode),
            Subsystem::Throttle => Some(self.state.throttle.mode),
            Subsystem::Steering => Some(self.state.steering.mode),
            Subsystem::Gear | Subsystem::Misc => None,
        }
    }

    /// Torque of the driver's hands on the column at the last update, Nm, positive left.
    pub fn driver_torque_nm(&self) -> f64 {
        self.state.driver_torque_nm
    }

    /// Injects a fault, or takes it away again.
    ///
    /// # Errors
    /// If the subsystem cannot have this fault.
    pub fn set_fault(
        &mut self,
        now: SimTime,
        subsystem: Subsystem,
        fault: Fault,
        present: bool,
    ) -> Result<(), NoSuchFault> {
        if !fault.exists_on(subsystem) {
            return Err(NoSuchFault { subsystem, fault });
        }
        let changed = match subsystem {
            Subsystem::Gear => std::mem::replace(&mut self.state.gear.bus_fault, present) != present,
            Subsystem::Misc => std::mem::replace(&mut self.state.misc_bus_fault, present) != present,
            _ => self.state.module_mut(subsystem).is_some_and(|module| module.set_fault(fault, present)),
        };
        let kind = if present { EventKind::Fault(fault) } else { EventKind::FaultCleared(fault) };
        self.note(now, subsystem, changed.then_some(kind));
        Ok(())
    }

    fn apply(&mut self, now: SimTime, subsystem: Subsystem, change: Change) {
        self.note(now, subsystem, change.event);
        if let Some(cause) = change.watchdog
            && self.state.watchdog.is_none()
        {
            self.state.trip_watchdog(subsystem, cause);
            self.note(now, subsystem, Some(EventKind::Watchdog(cause)));
        }
    }

    fn note(&mut self, time: SimTime, subsystem: Subsystem, kind: Option<EventKind>) {
        self.events.extend(kind.map(|kind| Event { time, subsystem, kind }));
    }
}

impl Commands {
    fn find(dbc: &Dbc) -> Result<Self, Missing> {
        Ok(Commands {
            brake: BrakeCommand::find(dbc)?,
            throttle: ThrottleCommand::find(dbc)?,
            steering: SteeringCommand::find(dbc)?,
            gear: GearCommand::find(dbc)?,
            turn_signal: TurnSignalCommand::find(dbc)?,
        })
    }

    fn ids(&self) -> [u16; 5] {
        [self.brake.blank, self.throttle.blank, self.steering.blank, self.gear.blank, self.turn_signal.blank]
            .map(|frame| frame.id)
    }
}

impl State {
    /// True if this unit is restarting: it hears and says nothing.
    pub fn restarts(&self, unit: Unit) -> bool {
        self.restarting[unit as usize].is_some()
    }

    /// True while anything of a restart is under way.
    fn is_restarting_any(&self) -> bool {
        self.calibrated_at.is_some()
            || self.missed_at.is_some()
            || self.restarting.iter().any(Option::is_some)
    }

    /// The state machine of a subsystem that has one.
    fn module_mut(&mut self, subsystem: Subsystem) -> Option<&mut Module> {
        match subsystem {
            Subsystem::Brake => Some(&mut self.brake),
            Subsystem::Throttle => Some(&mut self.throttle),
            Subsystem::Steering => Some(&mut self.steering),
            Subsystem::Gear | Subsystem::Misc => None,
        }
    }

    /// One watchdog stops all modules and brakes until the driver does.
    fn trip_watchdog(&mut self, subsystem: Subsystem, cause: WatchdogCause) {
        self.watchdog = Some((subsystem, cause));
        self.watchdog_braking = true;
        self.set_watchdog_fault(true);
    }

    fn clear_watchdog(&mut self) {
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
