use crate::commands::{Commands, Heard, Order};
use crate::event::{Event, EventKind, Fault, Subsystem, WatchdogCause};
use crate::gear::Surroundings;
use crate::gps::GpsFix;
use crate::module::{Change, Flags, Mode, Timing};
use crate::reports::Reports;
use crate::state::State;
use crate::{ByWireParams, DriverInput, ParamError, TurnSignal, Unit};
use skidpad_can::{Dbc, Dialect, DialectError, DialectMessage, Flaws, Frame, Role};
use skidpad_kernel::SimTime;
use skidpad_vehicle::{ActuatorDemand, Gear, PlantReport, SteeringDemand};
use std::time::Duration;

/// Why the by-wire modules cannot be built.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ByWireError {
    /// The roles, periods, checksums or counters of the .dbc are wrong, or a role is missing.
    #[error(transparent)]
    Dialect(#[from] DialectError),
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

/// What the computer asks for in its command frames, to their resolution.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Commanded {
    /// Throttle pedal, %.
    pub throttle_pct: f64,
    /// Brake pedal, %.
    pub brake_pct: f64,
    /// Steering wheel, deg, positive left.
    pub steering_wheel_deg: f64,
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
    commands: Commands,
    reports: Reports,
    rejected: Flaws,
    state: State,
    events: Vec<Event>,
}

/// What every computer must be told to drive the car.
const REPORTED: [Role; 6] = [
    Role::BrakeOverride,
    Role::ThrottleOverride,
    Role::SteeringOverride,
    Role::SteeringAngle,
    Role::Speed,
    Role::Gear,
];

/// Brake, throttle and steering: those that follow a value for as long as they are enabled.
const FOLLOWERS: [Subsystem; 3] = [Subsystem::Brake, Subsystem::Throttle, Subsystem::Steering];

impl ByWire {
    /// The modules of a car with these messages, everything disabled, in park.
    ///
    /// # Errors
    /// If the .dbc lacks a message, a signal, a role or a period, or a parameter is out of range.
    pub fn new(dbc: &Dbc, params: &ByWireParams) -> Result<Self, ByWireError> {
        params.validate()?;
        let dialect = Dialect::find(dbc)?.unwrap_or_default();
        dialect.require(&REPORTED, &dbc.file)?;
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
            commands: Commands::new(&dialect, &dbc.file)?,
            reports: Reports::new(&dialect),
            rejected: Flaws::default(),
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
        self.commands.messages().map(|(_, message)| message.blank.id).collect()
    }

    /// The commands ignored so far.
    pub fn rejected_commands(&self) -> Flaws {
        self.rejected
    }

    /// What the car's own receiver says from now on; `None` while it has no fix. It computes one each full second.
    pub fn set_gps(&mut self, fix: Option<GpsFix>) {
        self.state.gps = fix;
    }

    /// The unit that reads frames of this identifier; `None` if none does.
    pub fn reader(&self, id: u16) -> Option<Unit> {
        self.commands.commanded_by(id).first().map(|subsystem| (*subsystem).into())
    }

    /// Identifiers of the frames that this unit reads or sends. The version report, which comes from each module in
    /// turn, counts as the gateway's here.
    pub fn frames_of(&self, unit: Unit) -> Vec<u16> {
        let read = self.commands.messages().filter(|(reader, _)| *reader == Some(unit));
        let sent = self.reports.messages().filter(|(sender, _)| *sender == unit);
        read.map(|(_, message)| message).chain(sent.map(|(_, message)| message)).map(|m| m.blank.id).collect()
    }

    /// Identifiers of the frames that ask for a gear or report it.
    pub fn frames_about_gear(&self) -> Vec<u16> {
        let about = |m: &&DialectMessage| {
            m.signals.iter().any(|signal| matches!(signal.role, Role::GearCommand | Role::Gear))
        };
        let messages =
            self.commands.messages().map(|(_, m)| m).chain(self.reports.messages().map(|(_, m)| m));
        messages.filter(about).map(|message| message.blank.id).collect()
    }

    /// A unit restarts, as after a dip of its supply.
    pub fn reset(&mut self, now: SimTime, unit: Unit) {
        self.commands.reset(unit);
        self.reports.reset(unit);
        if let Some(module) = self.state.module_mut(unit.subsystem()) {
            module.set_fault(Fault::Commands, false);
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

    /// A frame has arrived. Frames that are no command of the by-wire system change nothing; a command with something
    /// wrong with it is counted.
    pub fn receive(&mut self, now: SimTime, frame: &Frame) {
        if self.state.is_restarting_any()
            && self.reader(frame.id).is_some_and(|unit| self.state.restarts(unit))
        {
            return;
        }
        let Some(Heard { order, first_wrong, fault }) = self.commands.receive(frame) else { return };
        match order {
            Ok(order) => self.obey(now, &order),
            Err(flaw) => self.rejected.add(flaw),
        }
        if !first_wrong && fault.is_none() {
            return;
        }
        for subsystem in self.commands.commanded_by(frame.id).to_vec() {
            if first_wrong {
                self.note(now, subsystem, order.err().map(EventKind::Rejected));
            }
            if let Some(present) = fault
                && FOLLOWERS.contains(&subsystem)
            {
                // Each of the three can have it.
                let _ = self.set_fault(now, subsystem, Fault::Commands, present);
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
        for (index, subsystem) in FOLLOWERS.into_iter().enumerate() {
            if let Some(enable) = order.enable[index] {
                let (clear, ignore) = (order.clear[index], order.ignore[index]);
                self.command(now, subsystem, Flags { enable, clear, ignore, count: order.count[index] });
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
        self.reports.transmit(now, &self.state, &self.params, plant, send);
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

    /// The turn signal at the last update.
    pub fn turn_signal(&self) -> TurnSignal {
        self.state.turn_signal
    }

    /// What the computer last asked for in right command frames, obeyed or not; zeros before the first.
    pub fn commanded(&self) -> Commanded {
        let s = &self.state;
        Commanded {
            throttle_pct: s.throttle_command_pct,
            brake_pct: s.brake_command_pct,
            steering_wheel_deg: s.angle_command_deg,
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
