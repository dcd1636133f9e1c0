//! The frames the units send: when, and what is in them, by the [`Role`]s that the .dbc gives its signals.

use crate::event::{Fault, Subsystem, WatchdogCause};
use crate::gps::Utc;
use crate::module::{Mode, Module};
use crate::state::State;
use crate::{ByWireParams, Unit, gear};
use skidpad_can::{Dialect, DialectMessage, Frame, Role, Sealer};
use skidpad_kernel::{Periodic, SimTime};
use skidpad_vehicle::PlantReport;

#[derive(Clone, Debug)]
pub(crate) struct Reports {
    reports: Vec<Report>,
    /// The earliest instant at which one is due.
    next: SimTime,
    /// Speed when its rate was last reported, and pedal.
    last_speed: Option<(SimTime, f64)>,
    last_pedal: Option<(SimTime, f64)>,
}

#[derive(Clone, Debug)]
struct Report {
    message: DialectMessage,
    schedule: Periodic,
    sealer: Sealer,
    sender: Sender,
}

/// Whose frame it is.
#[derive(Clone, Copy, Debug)]
enum Sender {
    Unit(Unit),
    /// Brake, throttle and steering module one after the other; number of the next, 1 to 3.
    EachModule(u8),
}

impl Sender {
    /// The unit that it counts as where one must be named.
    fn unit(self) -> Unit {
        match self {
            Sender::Unit(unit) => unit,
            Sender::EachModule(_) => Unit::Gateway,
        }
    }

    /// The unit that sends the next frame, and its number.
    fn next(&mut self) -> (Unit, u8) {
        match self {
            Sender::Unit(unit) => (*unit, 0),
            Sender::EachModule(number) => {
                let module = *number;
                *number = module % 3 + 1;
                ([Unit::Brake, Unit::Throttle, Unit::Steering][usize::from(module - 1)], module)
            }
        }
    }
}

impl Reports {
    pub fn new(dialect: &Dialect) -> Self {
        let report = |message: &DialectMessage| {
            let in_turn = |role| matches!(role, Role::LicenceModule | Role::VersionModule);
            let sender = match message.signals.iter().any(|signal| in_turn(signal.role)) {
                true => Sender::EachModule(1),
                false => Sender::Unit(Subsystem::of(message.signals[0].role).into()),
            };
            Report {
                schedule: Periodic::new(message.cycle, message.start_delay),
                sealer: Sealer::new(message.protection),
                sender,
                message: message.clone(),
            }
        };
        Reports {
            reports: dialect.reports.iter().map(report).collect(),
            next: SimTime::ZERO,
            last_speed: None,
            last_pedal: None,
        }
    }

    /// The messages, each with the unit it is from.
    pub fn messages(&self) -> impl Iterator<Item = (Unit, &DialectMessage)> {
        self.reports.iter().map(|report| (report.sender.unit(), &report.message))
    }

    /// A unit restarts: it counts anew.
    pub fn reset(&mut self, unit: Unit) {
        for report in self.reports.iter_mut().filter(|report| report.sender.unit() == unit) {
            report.sealer = Sealer::new(report.message.protection);
        }
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
            if !report.schedule.due(now) {
                continue;
            }
            let (unit, module) = report.sender.next();
            if state.restarts(unit) {
                continue;
            }
            let mut frame = report.message.blank;
            for signal in &report.message.signals {
                let value = match signal.role {
                    Role::LicenceModule | Role::VersionModule => f64::from(module),
                    Role::AccelerationOverGround => {
                        rate_per_s(&mut self.last_speed, now, plant.wheel_speed_mps)
                    }
                    Role::AcceleratorPedalRate => {
                        1e-3 * rate_per_s(&mut self.last_pedal, now, plant.throttle_pct)
                    }
                    role => value(role, state, params, plant),
                };
                signal.set(&mut frame.data, value);
            }
            report.sealer.seal(&mut frame);
            send(unit, frame);
        }
        self.next = self.reports.iter().map(|report| report.schedule.next()).min().unwrap_or(now);
    }
}

/// Change per second since the last call; zero on the first.
fn rate_per_s(last: &mut Option<(SimTime, f64)>, now: SimTime, value: f64) -> f64 {
    match last.replace((now, value)) {
        Some((then, before)) if now > then => (value - before) / now.since(then).as_secs_f64(),
        _ => 0.0,
    }
}

/// What the car says about a role, in the role's unit; commands are not the car's to say.
fn value(role: Role, state: &State, params: &ByWireParams, plant: &PlantReport) -> f64 {
    let has = |module: &Module, fault| flag(module.has(fault));
    let fault = |module: &Module| flag(!module.healthy());
    let overridden = |module: &Module| flag(module.mode == Mode::Overridden);
    let timed_out = |module: &Module| flag(params.report_timeout && module.mode == Mode::TimedOut);
    let State { brake, throttle, steering, .. } = state;
    let [spin_fl, spin_fr, spin_rl, spin_rr] = plant.wheel_spin_rps;
    let [tyre_fl, tyre_fr, tyre_rl, tyre_rr] = params.tyre_pressure_kpa;
    match role {
        Role::BrakePedalInput => state.brake_input_pct,
        Role::BrakePedalAsked => state.brake_command_pct,
        Role::BrakePedalOutput => plant.brake_pct,
        Role::BrakeLampOutput => {
            let commanded = state.brake_lamp_command && brake.enabled();
            flag(commanded || brake.driver_active() || state.watchdog_braking)
        }
        Role::BrakeLampAsked => flag(state.brake_lamp_command),
        Role::BrakeLampInput | Role::BrakeDriverActivity => flag(brake.driver_active()),
        Role::WatchdogBraking => flag(state.watchdog_braking),
        Role::BrakeWatchdogSource => watchdog_source(state, Subsystem::Brake),
        Role::BrakeEnabled => flag(brake.enabled()),
        Role::BrakeOverride => overridden(brake),
        Role::BrakeFault => fault(brake),
        Role::BrakeWatchdogFault => flag(brake.watchdog_fault),
        Role::BrakeChannel1Fault => has(brake, Fault::Channel1),
        Role::BrakeChannel2Fault => has(brake, Fault::Channel2),
        Role::BrakePowerFault => has(brake, Fault::Power),
        Role::BrakeTimeout => timed_out(brake),
        Role::ThrottlePedalInput => state.throttle_input_pct,
        Role::ThrottlePedalAsked => state.throttle_command_pct,
        Role::ThrottlePedalOutput => plant.throttle_pct,
        Role::ThrottleWatchdogSource => watchdog_source(state, Subsystem::Throttle),
        Role::ThrottleEnabled => flag(throttle.enabled()),
        Role::ThrottleOverride => overridden(throttle),
        Role::ThrottleDriverActivity => flag(throttle.driver_active()),
        Role::ThrottleFault => fault(throttle),
        Role::ThrottleWatchdogFault => flag(throttle.watchdog_fault),
        Role::ThrottleChannel1Fault => has(throttle, Fault::Channel1),
        Role::ThrottleChannel2Fault => has(throttle, Fault::Channel2),
        Role::ThrottlePowerFault => has(throttle, Fault::Power),
        Role::ThrottleTimeout => timed_out(throttle),
        Role::SteeringAngle => plant.steering_wheel_rad.to_degrees(),
        Role::SteeringRate => plant.steering_wheel_rate_rps.to_degrees(),
        Role::SteeringAngleAsked => state.angle_command_deg,
        Role::SteeringTorque => state.driver_torque_nm,
        Role::SteeringEnabled => flag(steering.enabled()),
        Role::SteeringOverride => overridden(steering),
        Role::SteeringFault => fault(steering),
        Role::SteeringWatchdogFault => flag(steering.watchdog_fault),
        Role::SteeringChannel1Fault => has(steering, Fault::Channel1),
        Role::SteeringChannel2Fault => has(steering, Fault::Channel2),
        Role::SteeringPowerFault => has(steering, Fault::Power),
        Role::CalibrationFault => flag(steering.has(Fault::Calibration) || steering.uncalibrated),
        Role::SteeringTimeout => timed_out(steering),
        Role::Speed => plant.wheel_speed_mps.abs() * 3.6,
        Role::Gear => gear::code(plant.gear) as f64,
        Role::GearAsked => f64::from(state.gear.command),
        Role::GearOverride => flag(state.gear.overridden),
        Role::GearBusFault => flag(state.gear.bus_fault),
        Role::GearReject => state.gear.reject as i64 as f64,
        Role::TurnSignal => state.turn_signal as i64 as f64,
        Role::MiscBusFault => flag(state.misc_bus_fault),
        // A car by daylight with its driver strapped in.
        Role::AmbientLight | Role::DriverBelt => 1.0,
        Role::WheelFrontLeft => spin_fl,
        Role::WheelFrontRight => spin_fr,
        Role::WheelRearLeft => spin_rl,
        Role::WheelRearRight => spin_rr,
        Role::LateralAcceleration => plant.specific_force_mps2[1],
        Role::LongitudinalAcceleration => plant.specific_force_mps2[0],
        Role::VerticalAcceleration => plant.specific_force_mps2[2],
        Role::RollRate => plant.body_rate_rps[0],
        Role::YawRate => plant.body_rate_rps[2],
        Role::WheelPositionFrontLeft => wheel_counts(plant.wheel_angle_rad[0], params),
        Role::WheelPositionFrontRight => wheel_counts(plant.wheel_angle_rad[1], params),
        Role::WheelPositionRearLeft => wheel_counts(plant.wheel_angle_rad[2], params),
        Role::WheelPositionRearRight => wheel_counts(plant.wheel_angle_rad[3], params),
        Role::TyrePressureFrontLeft => tyre_fl,
        Role::TyrePressureFrontRight => tyre_fr,
        Role::TyrePressureRearLeft => tyre_rl,
        Role::TyrePressureRearRight => tyre_rr,
        // The warnings and the sonar are switched off: nothing in the simulated world echoes.
        Role::SonarEnabled => 0.0,
        Role::BrakeTorqueRequest => plant.brake_torque_request_nm,
        Role::BrakeTorqueActual => plant.brake_torque_actual_nm,
        Role::WheelTorque => plant.wheel_torque_nm,
        Role::HillStartStatus => plant.hill_start as i64 as f64,
        // Off or automatic: the driver has no switch for it.
        Role::HillStartMode => flag(plant.hill_start_enabled),
        Role::Stationary => flag(plant.stationary),
        // Off or on: the plant's parking brake knows no transition.
        Role::ParkingBrake => flag(plant.parking_brake),
        Role::AbsActive => flag(plant.abs_active),
        Role::AbsEnabled => flag(plant.abs_enabled),
        Role::StabilityActive => flag(plant.stability_active),
        Role::StabilityEnabled => flag(plant.stability_enabled),
        Role::TractionActive => flag(plant.traction_active),
        Role::TractionEnabled => flag(plant.traction_enabled),
        Role::EngineSpeed => plant.engine_rpm,
        Role::AcceleratorPedal => plant.throttle_pct,
        Role::FuelLevel => params.fuel_pct,
        Role::LicenceReady | Role::LicenceEnabled => 1.0,
        Role::VersionMajor => f64::from(params.firmware[0]),
        Role::VersionMinor => f64::from(params.firmware[1]),
        Role::VersionBuild => f64::from(params.firmware[2]),
        _ => receiver(role, state),
    }
}

/// What the car's own receiver says; without a fix everything reads zero and nothing is valid.
fn receiver(role: Role, state: &State) -> f64 {
    let Some(fix) = &state.gps else { return 0.0 };
    let utc = Utc::from_unix(fix.unix_s);
    let whole = match role {
        Role::GpsLatitude => return fix.latitude_deg,
        Role::GpsLongitude => return fix.longitude_deg,
        Role::GpsAltitude => return fix.altitude_m,
        Role::GpsHeading => return fix.course_deg,
        Role::GpsSpeed => return fix.speed_mps / 0.44704,
        Role::GpsPositionDilution => return fix.dilution[0],
        Role::GpsHorizontalDilution => return fix.dilution[1],
        Role::GpsVerticalDilution => return fix.dilution[2],
        Role::GpsCompass => (fix.course_deg / 45.0).round() as i64 % 8 * 45,
        Role::GpsLatitudeValid | Role::GpsLongitudeValid => 1,
        Role::GpsYear => utc.year - 2000,
        Role::GpsMonth => utc.month,
        Role::GpsDay => utc.day,
        Role::GpsHour => utc.second_of_day / 3600,
        Role::GpsMinute => utc.second_of_day / 60 % 60,
        Role::GpsSecond => utc.second_of_day % 60,
        Role::GpsQuality => 1 + i64::from(fix.has_height),
        Role::GpsSatellites => i64::from(fix.satellites),
        _ => 0,
    };
    whole as f64
}

fn flag(on: bool) -> f64 {
    f64::from(u8::from(on))
}

/// A 16-bit counter that wraps around.
fn wheel_counts(angle_rad: f64, params: &ByWireParams) -> f64 {
    let counts = (angle_rad / std::f64::consts::TAU * params.wheel_counts_per_turn).floor();
    f64::from(counts.clamp(-1e15, 1e15) as i64 as i16)
}

/// WDCSRC as `reporter` sees it: its own cause, or which other module tripped.
fn watchdog_source(state: &State, reporter: Subsystem) -> f64 {
    let index = |subsystem| match subsystem {
        Subsystem::Brake => 0u8,
        Subsystem::Throttle => 1,
        _ => 2,
    };
    f64::from(match state.watchdog {
        None => 0,
        Some((source, cause)) if source == reporter => {
            let first = 4 + 4 * index(source);
            match cause {
                WatchdogCause::Counter => first,
                WatchdogCause::Disabled => first + 1,
                WatchdogCause::Timeout => first + 2,
                WatchdogCause::ReportTimeout => first + 3,
            }
        }
        Some((source, _)) => 1 + index(source),
    })
}
