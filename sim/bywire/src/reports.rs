//! The frames the modules send: when, and what is in them.

use crate::bywire::State;
use crate::event::{Fault, Subsystem, WatchdogCause};
use crate::gps::{GpsFix, Utc};
use crate::layout::*;
use crate::module::{Mode, Module};
use crate::{ByWireError, ByWireParams, Unit, gear};
use skidpad_can::{Dbc, Frame};
use skidpad_kernel::{Periodic, SimTime};
use skidpad_vehicle::PlantReport;
use std::time::Duration;

/// Reports are sent once a tick at most; a shorter period is a mistake in the file.
const SHORTEST_CYCLE: Duration = Duration::from_millis(1);

#[derive(Clone, Debug)]
pub(crate) struct Reports {
    /// When, the identifier, what.
    schedule: Vec<(Periodic, u16, Report)>,
    /// The earliest instant of the schedule.
    next: SimTime,
    /// For the rates: speed at the last 0x74 and pedal at the last 0x75.
    last_speed: Option<(SimTime, f64)>,
    last_pedal: Option<(SimTime, f64)>,
    /// Module whose firmware is reported next, 1 to 3, and whose licence.
    version_of: i64,
    licence_of: i64,
}

#[derive(Clone, Debug)]
enum Report {
    Brake(BrakeReport),
    Throttle(ThrottleReport),
    Steering(SteeringReport),
    Gear(GearReport),
    Misc(MiscReport),
    WheelSpeed(WheelSpeedReport),
    Acceleration(AccelerationReport),
    Gyro(GyroReport),
    TyrePressure(TyrePressureReport),
    Fuel(FuelReport),
    BrakeInfo(BrakeInfoReport),
    ThrottleInfo(ThrottleInfoReport),
    Version(VersionReport),
    GpsPosition(GpsPositionReport),
    GpsTime(GpsTimeReport),
    GpsVelocity(GpsVelocityReport),
    WheelPosition(WheelPositionReport),
    Surround(SurroundReport),
    Licence(LicenceReport),
}

impl Report {
    /// Who sends it; `version_of` is the module whose firmware is reported next, `licence_of` whose licence.
    fn sender(&self, version_of: i64, licence_of: i64) -> Unit {
        let module = |number: i64| match number {
            1 => Unit::Brake,
            2 => Unit::Throttle,
            _ => Unit::Steering,
        };
        match self {
            Report::Brake(_) => Unit::Brake,
            Report::Throttle(_) => Unit::Throttle,
            Report::Steering(_) => Unit::Steering,
            Report::Version(_) => module(version_of),
            Report::Licence(_) => module(licence_of),
            _ => Unit::Gateway,
        }
    }
}

impl Reports {
    /// Identifiers of the reports of this unit.
    pub fn ids_of(&self, unit: Unit) -> impl Iterator<Item = u16> + '_ {
        let of = |report: &Report| match report {
            Report::Version(_) | Report::Licence(_) => Unit::Gateway,
            _ => report.sender(0, 0),
        };
        self.schedule.iter().filter(move |(_, _, report)| of(report) == unit).map(|(_, id, _)| *id)
    }

    /// Identifier of the report of the gear.
    pub fn gear_id(&self) -> Option<u16> {
        self.schedule.iter().find(|(_, _, report)| matches!(report, Report::Gear(_))).map(|(_, id, _)| *id)
    }

    pub fn find(dbc: &Dbc) -> Result<Self, ByWireError> {
        let reports = [
            (BrakeReport::NAME, Report::Brake(BrakeReport::find(dbc)?)),
            (ThrottleReport::NAME, Report::Throttle(ThrottleReport::find(dbc)?)),
            (SteeringReport::NAME, Report::Steering(SteeringReport::find(dbc)?)),
            (GearReport::NAME, Report::Gear(GearReport::find(dbc)?)),
            (MiscReport::NAME, Report::Misc(MiscReport::find(dbc)?)),
            (WheelSpeedReport::NAME, Report::WheelSpeed(WheelSpeedReport::find(dbc)?)),
            (AccelerationReport::NAME, Report::Acceleration(AccelerationReport::find(dbc)?)),
            (GyroReport::NAME, Report::Gyro(GyroReport::find(dbc)?)),
            (TyrePressureReport::NAME, Report::TyrePressure(TyrePressureReport::find(dbc)?)),
            (FuelReport::NAME, Report::Fuel(FuelReport::find(dbc)?)),
            (BrakeInfoReport::NAME, Report::BrakeInfo(BrakeInfoReport::find(dbc)?)),
            (ThrottleInfoReport::NAME, Report::ThrottleInfo(ThrottleInfoReport::find(dbc)?)),
            (VersionReport::NAME, Report::Version(VersionReport::find(dbc)?)),
        ];
        // A kit need not know these.
        let optional = [
            (GpsPositionReport::NAME, GpsPositionReport::find(dbc).map(Report::GpsPosition)),
            (GpsTimeReport::NAME, GpsTimeReport::find(dbc).map(Report::GpsTime)),
            (GpsVelocityReport::NAME, GpsVelocityReport::find(dbc).map(Report::GpsVelocity)),
            (WheelPositionReport::NAME, WheelPositionReport::find(dbc).map(Report::WheelPosition)),
            (SurroundReport::NAME, SurroundReport::find(dbc).map(Report::Surround)),
            (LicenceReport::NAME, LicenceReport::find(dbc).map(Report::Licence)),
        ];
        let optional = optional.into_iter().filter(|(name, _)| dbc.message_by_name(name).is_ok());
        let optional = optional.map(|(name, report)| report.map(|report| (name, report)));
        let mut schedule = Vec::with_capacity(reports.len());
        for named in reports.into_iter().map(Ok).chain(optional) {
            let (name, report) = named?;
            let message = dbc.message_by_name(name)?;
            let cycle = message
                .cycle
                .filter(|cycle| *cycle >= SHORTEST_CYCLE)
                .ok_or_else(|| ByWireError::NoCycle { file: dbc.file.clone(), message: name })?;
            schedule.push((Periodic::new(cycle, message.start_delay), message.id, report));
        }
        Ok(Reports {
            schedule,
            next: SimTime::ZERO,
            last_speed: None,
            last_pedal: None,
            version_of: 1,
            licence_of: 1,
        })
    }

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
        for (schedule, _, report) in &mut self.schedule {
            if !schedule.due(now) {
                continue;
            }
            let sender = report.sender(self.version_of, self.licence_of);
            let frame = match report {
                Report::Brake(m) => brake(m, state, params, plant),
                Report::Throttle(m) => throttle(m, state, params, plant),
                Report::Steering(m) => steering(m, state, params, plant),
                Report::Gear(m) => gear_report(m, state, plant),
                Report::Misc(m) => misc(m, state),
                Report::WheelSpeed(m) => wheel_speed(m, plant),
                Report::Acceleration(m) => acceleration(m, plant),
                Report::Gyro(m) => gyro(m, plant),
                Report::TyrePressure(m) => tyre_pressure(m, params),
                Report::Fuel(m) => fuel(m, params),
                Report::BrakeInfo(m) => {
                    let acceleration = rate_per_s(&mut self.last_speed, now, plant.wheel_speed_mps);
                    brake_info(m, plant, acceleration)
                }
                Report::ThrottleInfo(m) => {
                    let rate = rate_per_s(&mut self.last_pedal, now, plant.throttle_pct);
                    throttle_info(m, plant, rate)
                }
                Report::Version(m) => {
                    let module = self.version_of;
                    self.version_of = module % 3 + 1;
                    version(m, module, params)
                }
                Report::GpsPosition(m) => gps_position(m, state.gps.as_ref()),
                Report::GpsTime(m) => gps_time(m, state.gps.as_ref()),
                Report::GpsVelocity(m) => gps_velocity(m, state.gps.as_ref()),
                Report::WheelPosition(m) => wheel_position(m, plant, params),
                Report::Surround(m) => surround(m),
                Report::Licence(m) => {
                    let module = self.licence_of;
                    self.licence_of = module % 3 + 1;
                    licence(m, module)
                }
            };
            if !state.restarts(sender) {
                send(sender, frame);
            }
        }
        self.next = self.schedule.iter().map(|(s, ..)| s.next()).min().unwrap_or(now);
    }
}

/// Change per second since the last call; zero on the first.
fn rate_per_s(last: &mut Option<(SimTime, f64)>, now: SimTime, value: f64) -> f64 {
    match last.replace((now, value)) {
        Some((then, before)) if now > then => (value - before) / now.since(then).as_secs_f64(),
        _ => 0.0,
    }
}

/// WDCSRC as `reporter` sees it: its own cause, or which other module tripped.
fn watchdog_source(state: &State, reporter: Subsystem) -> i64 {
    let index = |subsystem| match subsystem {
        Subsystem::Brake => 0,
        Subsystem::Throttle => 1,
        _ => 2,
    };
    match state.watchdog {
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
    }
}

fn timed_out(module: &Module, params: &ByWireParams) -> bool {
    params.report_timeout && module.mode == Mode::TimedOut
}

fn brake(m: &BrakeReport, state: &State, params: &ByWireParams, plant: &PlantReport) -> Frame {
    let (module, mut frame) = (&state.brake, m.blank);
    let data = &mut frame.data;
    m.input.set_physical(data, state.brake_input_pct);
    m.command.set_physical(data, state.brake_command_pct);
    m.output.set_physical(data, plant.brake_pct);
    let commanded = state.brake_lamp_command && module.enabled();
    m.lamp_output.set(data, commanded || module.driver_active() || state.watchdog_braking);
    m.lamp_command.set(data, state.brake_lamp_command);
    m.lamp_input.set(data, module.driver_active());
    m.watchdog_braking.set(data, state.watchdog_braking);
    m.watchdog_source.set_raw(data, watchdog_source(state, Subsystem::Brake));
    m.enabled.set(data, module.enabled());
    m.overridden.set(data, module.mode == Mode::Overridden);
    m.driver.set(data, module.driver_active());
    m.watchdog_fault.set(data, module.watchdog_fault);
    m.channel_1.set(data, module.has(Fault::Channel1));
    m.channel_2.set(data, module.has(Fault::Channel2));
    m.power.set(data, module.has(Fault::Power));
    m.timeout.set(data, timed_out(module, params));
    frame
}

fn throttle(m: &ThrottleReport, state: &State, params: &ByWireParams, plant: &PlantReport) -> Frame {
    let (module, mut frame) = (&state.throttle, m.blank);
    let data = &mut frame.data;
    m.input.set_physical(data, state.throttle_input_pct);
    m.command.set_physical(data, state.throttle_command_pct);
    m.output.set_physical(data, plant.throttle_pct);
    m.watchdog_source.set_raw(data, watchdog_source(state, Subsystem::Throttle));
    m.enabled.set(data, module.enabled());
    m.overridden.set(data, module.mode == Mode::Overridden);
    m.driver.set(data, module.driver_active());
    m.watchdog_fault.set(data, module.watchdog_fault);
    m.channel_1.set(data, module.has(Fault::Channel1));
    m.channel_2.set(data, module.has(Fault::Channel2));
    m.power.set(data, module.has(Fault::Power));
    m.timeout.set(data, timed_out(module, params));
    frame
}

fn steering(m: &SteeringReport, state: &State, params: &ByWireParams, plant: &PlantReport) -> Frame {
    let (module, mut frame) = (&state.steering, m.blank);
    let data = &mut frame.data;
    m.angle.set_physical(data, plant.steering_wheel_rad.to_degrees());
    m.command.set_physical(data, state.angle_command_deg);
    m.speed.set_physical(data, plant.wheel_speed_mps.abs() * 3.6);
    m.torque.set_physical(data, state.driver_torque_nm);
    m.enabled.set(data, module.enabled());
    m.overridden.set(data, module.mode == Mode::Overridden);
    m.power.set(data, module.has(Fault::Power));
    m.watchdog_fault.set(data, module.watchdog_fault);
    m.channel_1.set(data, module.has(Fault::Channel1));
    m.channel_2.set(data, module.has(Fault::Channel2));
    m.calibration.set(data, module.has(Fault::Calibration) || module.uncalibrated);
    m.timeout.set(data, timed_out(module, params));
    frame
}

fn gear_report(m: &GearReport, state: &State, plant: &PlantReport) -> Frame {
    let mut frame = m.blank;
    m.gear.set_raw(&mut frame.data, gear::code(plant.gear));
    m.overridden.set(&mut frame.data, state.gear.overridden);
    m.command.set_raw(&mut frame.data, i64::from(state.gear.command));
    m.bus.set(&mut frame.data, state.gear.bus_fault);
    m.reject.set_raw(&mut frame.data, state.gear.reject as i64);
    frame
}

fn misc(m: &MiscReport, state: &State) -> Frame {
    let mut frame = m.blank;
    m.turn.set_raw(&mut frame.data, state.turn_signal as i64);
    // A closed car by daylight with its driver strapped in.
    m.ambient.set_raw(&mut frame.data, 1);
    m.bus.set(&mut frame.data, state.misc_bus_fault);
    m.driver_belt.set(&mut frame.data, true);
    frame
}

fn wheel_speed(m: &WheelSpeedReport, plant: &PlantReport) -> Frame {
    let mut frame = m.blank;
    for (signal, spin) in
        [m.front_left, m.front_right, m.rear_left, m.rear_right].iter().zip(plant.wheel_spin_rps)
    {
        signal.set_physical(&mut frame.data, spin);
    }
    frame
}

fn acceleration(m: &AccelerationReport, plant: &PlantReport) -> Frame {
    let mut frame = m.blank;
    let [forward, left, up] = plant.specific_force_mps2;
    m.lateral.set_physical(&mut frame.data, left);
    m.longitudinal.set_physical(&mut frame.data, forward);
    m.vertical.set_physical(&mut frame.data, up);
    frame
}

fn gyro(m: &GyroReport, plant: &PlantReport) -> Frame {
    let mut frame = m.blank;
    m.roll.set_physical(&mut frame.data, plant.body_rate_rps[0]);
    m.yaw.set_physical(&mut frame.data, plant.body_rate_rps[2]);
    frame
}

fn tyre_pressure(m: &TyrePressureReport, params: &ByWireParams) -> Frame {
    let mut frame = m.blank;
    let signals = [m.front_left, m.front_right, m.rear_left, m.rear_right];
    for (signal, pressure) in signals.iter().zip(params.tyre_pressure_kpa) {
        signal.set_physical(&mut frame.data, pressure);
    }
    frame
}

fn fuel(m: &FuelReport, params: &ByWireParams) -> Frame {
    let mut frame = m.blank;
    m.level.set_physical(&mut frame.data, params.fuel_pct);
    frame
}

fn brake_info(m: &BrakeInfoReport, plant: &PlantReport, acceleration_mps2: f64) -> Frame {
    let mut frame = m.blank;
    let data = &mut frame.data;
    m.request.set_physical(data, plant.brake_torque_request_nm);
    m.actual.set_physical(data, plant.brake_torque_actual_nm);
    m.wheel_torque.set_physical(data, plant.wheel_torque_nm);
    m.acceleration.set_physical(data, acceleration_mps2);
    m.stationary.set(data, plant.stationary);
    // Off or on: the plant's parking brake knows no transition.
    m.parking_brake.set_raw(data, if plant.parking_brake { 2 } else { 0 });
    m.hill_status.set_raw(data, plant.hill_start as i64);
    // Off or automatic: the driver has no switch for it.
    m.hill_mode.set_raw(data, i64::from(plant.hill_start_enabled));
    m.abs_active.set(data, plant.abs_active);
    m.abs_enabled.set(data, plant.abs_enabled);
    m.stability_active.set(data, plant.stability_active);
    m.stability_enabled.set(data, plant.stability_enabled);
    m.traction_active.set(data, plant.traction_active);
    m.traction_enabled.set(data, plant.traction_enabled);
    frame
}

fn throttle_info(m: &ThrottleInfoReport, plant: &PlantReport, rate_pct_per_s: f64) -> Frame {
    let mut frame = m.blank;
    m.engine_speed.set_physical(&mut frame.data, plant.engine_rpm);
    m.pedal.set_physical(&mut frame.data, plant.throttle_pct);
    m.rate.set_physical(&mut frame.data, rate_pct_per_s * 1e-3);
    frame
}

fn version(m: &VersionReport, module: i64, params: &ByWireParams) -> Frame {
    let mut frame = m.blank;
    let [major, minor, build] = params.firmware;
    m.module.set_raw(&mut frame.data, module);
    m.major.set_raw(&mut frame.data, i64::from(major));
    m.minor.set_raw(&mut frame.data, i64::from(minor));
    m.build.set_raw(&mut frame.data, i64::from(build));
    frame
}

/// Without a fix everything reads zero and nothing is valid.
fn gps_position(m: &GpsPositionReport, fix: Option<&GpsFix>) -> Frame {
    let mut frame = m.blank;
    let data = &mut frame.data;
    if let Some(fix) = fix {
        m.latitude.set_physical(data, fix.latitude_deg);
        m.longitude.set_physical(data, fix.longitude_deg);
        m.latitude_valid.set(data, true);
        m.longitude_valid.set(data, true);
    }
    frame
}

fn gps_time(m: &GpsTimeReport, fix: Option<&GpsFix>) -> Frame {
    let mut frame = m.blank;
    let data = &mut frame.data;
    m.fault.set(data, false);
    m.inferred.set(data, false);
    let Some(fix) = fix else { return frame };
    let utc = Utc::from_unix(fix.unix_s);
    m.year.set_raw(data, utc.year - 2000);
    m.month.set_raw(data, utc.month);
    m.day.set_raw(data, utc.day);
    m.hour.set_raw(data, utc.second_of_day / 3600);
    m.minute.set_raw(data, utc.second_of_day / 60 % 60);
    m.second.set_raw(data, utc.second_of_day % 60);
    m.compass.set_raw(data, (fix.course_deg / 45.0).round() as i64 % 8);
    m.dilution.set_physical(data, GPS_DILUTION[0]);
    frame
}

fn gps_velocity(m: &GpsVelocityReport, fix: Option<&GpsFix>) -> Frame {
    let mut frame = m.blank;
    let data = &mut frame.data;
    let Some(fix) = fix else { return frame };
    m.altitude.set_physical(data, fix.altitude_m);
    m.heading.set_physical(data, fix.course_deg);
    m.speed.set_physical(data, fix.speed_mps / 0.44704);
    m.horizontal.set_physical(data, GPS_DILUTION[1]);
    m.vertical.set_physical(data, GPS_DILUTION[2]);
    m.quality.set_raw(data, 2);
    m.satellites.set_raw(data, GPS_SATELLITES);
    frame
}

/// Dilution of position, horizontally and vertically, and satellites of a consumer receiver under an open sky.
const GPS_DILUTION: [f64; 3] = [1.6, 0.8, 1.4];
const GPS_SATELLITES: i64 = 10;

fn wheel_position(m: &WheelPositionReport, plant: &PlantReport, params: &ByWireParams) -> Frame {
    let mut frame = m.blank;
    let signals = [m.front_left, m.front_right, m.rear_left, m.rear_right];
    for (signal, angle) in signals.iter().zip(plant.wheel_angle_rad) {
        let counts = (angle / std::f64::consts::TAU * params.wheel_counts_per_turn).floor();
        // A 16-bit counter that wraps around.
        signal.set_raw(&mut frame.data, i64::from(counts.clamp(-1e15, 1e15) as i64 as i16));
    }
    frame
}

/// The warnings and the sonar are switched off: nothing in the simulated world echoes.
fn surround(m: &SurroundReport) -> Frame {
    let mut frame = m.blank;
    m.sonar_enabled.set(&mut frame.data, false);
    frame
}

fn licence(m: &LicenceReport, module: i64) -> Frame {
    let mut frame = m.blank;
    m.module.set_raw(&mut frame.data, module);
    m.ready.set(&mut frame.data, true);
    m.enabled.set(&mut frame.data, true);
    frame
}
