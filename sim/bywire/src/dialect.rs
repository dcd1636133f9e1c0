//! The wire of a car whose .dbc says by [`Role`]s what its signals stand for: checked commands in, sealed reports out.

use crate::bywire::State;
use crate::event::Subsystem;
use crate::module::{Mode, Module};
use crate::{ByWireParams, TurnSignal, Unit, gear};
use skidpad_can::{Dialect, DialectError, DialectMessage, Flaw, Frame, Guard, Role, Sealer};
use skidpad_kernel::{Periodic, SimTime};
use skidpad_vehicle::PlantReport;

/// Roles without which the car cannot be driven by wire: value and enable of each subsystem.
const NEEDED: [(Subsystem, Role, Role); 3] = [
    (Subsystem::Brake, Role::BrakePedalCommand, Role::BrakeEnable),
    (Subsystem::Throttle, Role::ThrottlePedalCommand, Role::ThrottleEnable),
    (Subsystem::Steering, Role::SteeringAngleCommand, Role::SteeringEnable),
];

#[derive(Clone, Debug)]
pub(crate) struct Port {
    commands: Vec<Command>,
    reports: Vec<Report>,
    /// When the next report is due.
    next: SimTime,
}

#[derive(Clone, Debug)]
struct Command {
    message: DialectMessage,
    /// Whom it commands.
    of: Vec<Subsystem>,
    guard: Guard,
    /// Wrong frames since the last right one.
    wrong: u32,
    /// Right frames in a row that enable nothing, since the fault.
    quiet: u32,
    faulty: bool,
}

#[derive(Clone, Debug)]
struct Report {
    message: DialectMessage,
    schedule: Periodic,
    sealer: Sealer,
    from: Unit,
}

/// What a frame that is a command brought.
#[derive(Clone, Debug)]
pub(crate) struct Heard {
    /// Whom it is for.
    pub of: Vec<Subsystem>,
    /// What it says, or why it is ignored.
    pub order: Result<Order, Flaw>,
    /// True if it is the first wrong one in a row.
    pub first_wrong: bool,
    /// The fault of wrong commands appears or goes.
    pub fault: Option<bool>,
}

/// What a command says; `None` for what is not in it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Order {
    pub brake_pct: Option<f64>,
    pub brake_lamp: Option<bool>,
    pub throttle_pct: Option<f64>,
    pub angle_deg: Option<f64>,
    pub rate_dps: Option<f64>,
    pub gear: Option<u8>,
    pub gear_clear: bool,
    pub turn: Option<TurnSignal>,
    /// Brake, throttle, steering.
    pub enable: [Option<bool>; 3],
    pub clear: [bool; 3],
    pub ignore: [bool; 3],
}

impl Order {
    fn of(message: &DialectMessage, frame: &Frame) -> Order {
        let mut order = Order::default();
        for signal in &message.signals {
            let value = signal.get(&frame.data);
            let on = value.is_some_and(|value| value != 0.0);
            match signal.role {
                Role::BrakePedalCommand => order.brake_pct = value,
                Role::BrakeLampCommand => order.brake_lamp = Some(on),
                Role::BrakeEnable => order.enable[0] = Some(on),
                Role::BrakeClear => order.clear[0] = on,
                Role::BrakeIgnore => order.ignore[0] = on,
                Role::ThrottlePedalCommand => order.throttle_pct = value,
                Role::ThrottleEnable => order.enable[1] = Some(on),
                Role::ThrottleClear => order.clear[1] = on,
                Role::ThrottleIgnore => order.ignore[1] = on,
                Role::SteeringAngleCommand => order.angle_deg = value,
                Role::SteeringRateLimit => order.rate_dps = value,
                Role::SteeringEnable => order.enable[2] = Some(on),
                Role::SteeringClear => order.clear[2] = on,
                Role::SteeringIgnore => order.ignore[2] = on,
                // A code without a name asks for nothing.
                Role::GearCommand => order.gear = Some(value.unwrap_or(0.0) as u8),
                Role::GearClear => order.gear_clear = on,
                Role::TurnSignalCommand => {
                    order.turn = Some(TurnSignal::from_raw(value.unwrap_or(0.0) as i64))
                }
                _ => {}
            }
        }
        order
    }

    fn enables(&self) -> bool {
        self.enable.contains(&Some(true))
    }
}

/// Whom a role is about; lamps, wheels and the rest are the gateway's.
fn subsystem(role: Role) -> Subsystem {
    match role.name().split('.').next() {
        Some("BrakeCommand" | "BrakeReport") => Subsystem::Brake,
        Some("ThrottleCommand" | "ThrottleReport") => Subsystem::Throttle,
        Some("SteeringCommand" | "SteeringReport") => Subsystem::Steering,
        Some("GearCommand" | "GearReport") => Subsystem::Gear,
        _ => Subsystem::Misc,
    }
}

impl Port {
    pub fn new(dialect: &Dialect, file: &str) -> Result<Self, DialectError> {
        for (subsystem, value, enable) in NEEDED {
            dialect.require(&[value, enable], file)?;
            // Else a lost value would be followed on for as long as the enable comes.
            let together = dialect.commands.iter().any(|message| {
                [value, enable].iter().all(|role| message.signals.iter().any(|s| s.role == *role))
            });
            if !together {
                let message = format!(
                    "{:?} and {:?} must be in one message, so that the {subsystem} follows no stale value",
                    value.name(),
                    enable.name()
                );
                return Err(DialectError { file: file.to_owned(), message });
            }
        }
        let command = |message: &DialectMessage| {
            let mut of: Vec<Subsystem> = message.signals.iter().map(|s| subsystem(s.role)).collect();
            of.sort_unstable();
            of.dedup();
            Command {
                guard: Guard::new(message.protection),
                message: message.clone(),
                of,
                wrong: 0,
                quiet: 0,
                faulty: false,
            }
        };
        let report = |message: &DialectMessage| Report {
            schedule: Periodic::new(message.cycle, message.start_delay),
            sealer: Sealer::new(message.protection),
            from: subsystem(message.signals[0].role).into(),
            message: message.clone(),
        };
        Ok(Port {
            commands: dialect.commands.iter().map(command).collect(),
            reports: dialect.reports.iter().map(report).collect(),
            next: SimTime::ZERO,
        })
    }

    pub fn command_ids(&self) -> impl Iterator<Item = u16> + '_ {
        self.commands.iter().map(|command| command.message.blank.id)
    }

    /// The unit that reads frames of this identifier: that of the first subsystem commanded by it.
    pub fn reader(&self, id: u16) -> Option<Unit> {
        let command = self.commands.iter().find(|command| command.message.blank.id == id)?;
        command.of.first().map(|subsystem| (*subsystem).into())
    }

    /// Identifiers of the reports of this unit.
    pub fn reports_of(&self, unit: Unit) -> impl Iterator<Item = u16> + '_ {
        let of_unit = self.reports.iter().filter(move |report| report.from == unit);
        of_unit.map(|report| report.message.blank.id)
    }

    /// Identifiers of the frames in which one of these roles is played.
    pub fn frames_with<'a>(&'a self, roles: &'a [Role]) -> impl Iterator<Item = u16> + 'a {
        let messages =
            self.commands.iter().map(|c| &c.message).chain(self.reports.iter().map(|r| &r.message));
        let plays = |message: &DialectMessage| message.signals.iter().any(|s| roles.contains(&s.role));
        messages.filter(move |message| plays(message)).map(|message| message.blank.id)
    }

    /// A unit restarts: it counts anew and holds no frame against its sender.
    pub fn reset(&mut self, unit: Unit) {
        for command in self.commands.iter_mut().filter(|c| c.of.first().map(|s| Unit::from(*s)) == Some(unit))
        {
            command.guard = Guard::new(command.message.protection);
            (command.wrong, command.quiet, command.faulty) = (0, 0, false);
        }
        for report in self.reports.iter_mut().filter(|report| report.from == unit) {
            report.sealer = Sealer::new(report.message.protection);
        }
    }

    /// A frame has arrived; `None` if it is no command.
    pub fn receive(&mut self, frame: &Frame) -> Option<Heard> {
        let command = self.commands.iter_mut().find(|command| command.message.blank.id == frame.id)?;
        let limit = command.message.fault_after;
        let order = command.guard.check(frame).map(|()| Order::of(&command.message, frame));
        let mut heard = Heard { of: command.of.clone(), order, first_wrong: false, fault: None };
        match &heard.order {
            Err(_) => {
                heard.first_wrong = command.wrong == 0;
                command.wrong = command.wrong.saturating_add(1);
                command.quiet = 0;
                if command.wrong == limit && !command.faulty {
                    command.faulty = true;
                    heard.fault = Some(true);
                }
            }
            Ok(order) => {
                command.wrong = 0;
                command.quiet = if order.enables() { 0 } else { command.quiet.saturating_add(1) };
                if command.faulty && command.quiet >= limit {
                    command.faulty = false;
                    heard.fault = Some(false);
                }
            }
        }
        Some(heard)
    }

    /// Sends the reports that are due, each with the unit it is from.
    pub fn transmit(
        &mut self,
        now: SimTime,
        state: &State,
        params: &ByWireParams,
        plant: &PlantReport,
        send: &mut impl FnMut(Unit, Frame),
    ) {
        if now < self.next {
            return;
        }
        for report in &mut self.reports {
            if !report.schedule.due(now) || state.restarts(report.from) {
                continue;
            }
            let mut frame = report.message.blank;
            for signal in &report.message.signals {
                signal.set(&mut frame.data, value(signal.role, state, params, plant));
            }
            report.sealer.seal(&mut frame);
            send(report.from, frame);
        }
        self.next = self.reports.iter().map(|report| report.schedule.next()).min().unwrap_or(now);
    }
}

/// What the car says about a role, in the role's unit; commands are not the car's to say.
fn value(role: Role, state: &State, params: &ByWireParams, plant: &PlantReport) -> f64 {
    let flag = |on: bool| f64::from(u8::from(on));
    let fault = |module: &Module| flag(!module.healthy());
    let overridden = |module: &Module| flag(module.mode == Mode::Overridden);
    let timed_out = |module: &Module| flag(params.report_timeout && module.mode == Mode::TimedOut);
    let State { brake, throttle, steering, .. } = state;
    let [spin_fl, spin_fr, spin_rl, spin_rr] = plant.wheel_spin_rps;
    match role {
        Role::BrakePedalInput => state.brake_input_pct,
        Role::BrakePedalAsked => state.brake_command_pct,
        Role::BrakePedalOutput => plant.brake_pct,
        Role::BrakeEnabled => flag(brake.enabled()),
        Role::BrakeOverride => overridden(brake),
        Role::BrakeDriverActivity => flag(brake.driver_active()),
        Role::BrakeFault => fault(brake),
        Role::BrakeTimeout => timed_out(brake),
        Role::ThrottlePedalInput => state.throttle_input_pct,
        Role::ThrottlePedalAsked => state.throttle_command_pct,
        Role::ThrottlePedalOutput => plant.throttle_pct,
        Role::ThrottleEnabled => flag(throttle.enabled()),
        Role::ThrottleOverride => overridden(throttle),
        Role::ThrottleDriverActivity => flag(throttle.driver_active()),
        Role::ThrottleFault => fault(throttle),
        Role::ThrottleTimeout => timed_out(throttle),
        Role::SteeringAngle => plant.steering_wheel_rad.to_degrees(),
        Role::SteeringRate => plant.steering_wheel_rate_rps.to_degrees(),
        Role::SteeringAngleAsked => state.angle_command_deg,
        Role::SteeringTorque => state.driver_torque_nm,
        Role::SteeringEnabled => flag(steering.enabled()),
        Role::SteeringOverride => overridden(steering),
        Role::SteeringFault => fault(steering),
        Role::SteeringTimeout => timed_out(steering),
        Role::Speed => plant.wheel_speed_mps.abs() * 3.6,
        Role::Gear => gear::code(plant.gear) as f64,
        Role::GearOverride => flag(state.gear.overridden),
        Role::GearBusFault => flag(state.gear.bus_fault),
        Role::TurnSignal => state.turn_signal as i64 as f64,
        Role::DriverBelt => 1.0,
        Role::WheelFrontLeft => spin_fl,
        Role::WheelFrontRight => spin_fr,
        Role::WheelRearLeft => spin_rl,
        Role::WheelRearRight => spin_rr,
        Role::LateralAcceleration => plant.specific_force_mps2[1],
        Role::LongitudinalAcceleration => plant.specific_force_mps2[0],
        Role::YawRate => plant.body_rate_rps[2],
        Role::Stationary => flag(plant.stationary),
        Role::ParkingBrake => flag(plant.parking_brake),
        Role::AbsActive => flag(plant.abs_active),
        Role::StabilityActive => flag(plant.stability_active),
        Role::TractionActive => flag(plant.traction_active),
        Role::EngineSpeed => plant.engine_rpm,
        Role::FuelLevel => params.fuel_pct,
        Role::BrakePedalCommand
        | Role::BrakeLampCommand
        | Role::BrakeEnable
        | Role::BrakeClear
        | Role::BrakeIgnore
        | Role::ThrottlePedalCommand
        | Role::ThrottleEnable
        | Role::ThrottleClear
        | Role::ThrottleIgnore
        | Role::SteeringAngleCommand
        | Role::SteeringRateLimit
        | Role::SteeringEnable
        | Role::SteeringClear
        | Role::SteeringIgnore
        | Role::GearCommand
        | Role::GearClear
        | Role::TurnSignalCommand => 0.0,
    }
}
