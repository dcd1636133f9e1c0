//! The module on a car that is no Lincoln: commands and reports by the roles that its .dbc gives them. What the
//! drive-mode machine, the checks and `Chassis` need is put where the Lincoln's decoder puts it.

use super::commands::{BRAKE_LAMP_FROM_PCT, Demand};
use skidpad_can::{Dialect, DialectError, DialectMessage, Flaw, Flaws, Frame, Guard, Role, Sealer};
use skidpad_kernel::{Periodic, SimTime};
use skidpad_msgs::apollo::canbus::ChassisDetail;

/// Without these the units never count as online, or the car is blind.
const NEEDED: [Role; 12] = [
    Role::BrakePedalCommand,
    Role::BrakeEnable,
    Role::ThrottlePedalCommand,
    Role::ThrottleEnable,
    Role::SteeringAngleCommand,
    Role::SteeringEnable,
    Role::BrakeOverride,
    Role::ThrottleOverride,
    Role::SteeringOverride,
    Role::SteeringAngle,
    Role::Speed,
    Role::Gear,
];

#[derive(Clone, Debug)]
pub(super) struct Port {
    commands: Vec<Command>,
    reports: Vec<Report>,
    /// What goes out: as last refreshed.
    demand: Demand,
    flaws: Flaws,
}

#[derive(Clone, Debug)]
struct Command {
    message: DialectMessage,
    timer: Periodic,
    sealer: Sealer,
}

#[derive(Clone, Debug)]
struct Report {
    message: DialectMessage,
    guard: Guard,
}

impl Port {
    pub(super) fn new(dialect: &Dialect, file: &str) -> Result<Self, DialectError> {
        dialect.require(&NEEDED, file)?;
        let command = |message: &DialectMessage| Command {
            // As with the Lincoln, the first goes out after one period.
            timer: Periodic::new(message.cycle, message.start_delay + message.cycle),
            sealer: Sealer::new(message.protection),
            message: message.clone(),
        };
        let report = |message: &DialectMessage| Report {
            guard: Guard::new(message.protection),
            message: message.clone(),
        };
        Ok(Port {
            commands: dialect.commands.iter().map(command).collect(),
            reports: dialect.reports.iter().map(report).collect(),
            demand: Demand::default(),
            flaws: Flaws::default(),
        })
    }

    pub(super) fn refresh(&mut self, demand: Demand) {
        self.demand = demand;
    }

    pub(super) fn flaws(&self) -> Flaws {
        self.flaws
    }

    /// Sends the commands that are due, in the order of their identifiers.
    pub(super) fn send(&mut self, now: SimTime, out: &mut impl FnMut(Frame)) {
        for command in &mut self.commands {
            if !command.timer.due(now) {
                continue;
            }
            let mut frame = command.message.blank;
            for signal in &command.message.signals {
                signal.set(&mut frame.data, asked(signal.role, &self.demand));
            }
            command.sealer.seal(&mut frame);
            out(frame);
        }
    }

    /// Puts what `frame` reports into `detail`. A frame of wrong length or checksum or out of range is ignored and
    /// counted; one that comes after a gap in the count is only counted, since its own content is right.
    pub(super) fn decode(&mut self, frame: &Frame, detail: &mut ChassisDetail) {
        let Some(report) = self.reports.iter_mut().find(|report| report.message.blank.id == frame.id) else {
            return;
        };
        let mut check = report.guard.check(frame);
        if check == Err(Flaw::Counter) {
            self.flaws.add(Flaw::Counter);
            check = Ok(());
        }
        if let Err(flaw) = check.and_then(|()| report.message.check_range(frame)) {
            self.flaws.add(flaw);
            return;
        }
        for signal in &report.message.signals {
            if let Some(value) = signal.get(&frame.data) {
                put(signal.role, value, detail);
            }
        }
    }
}

/// What the module asks, in the unit of the role.
fn asked(role: Role, demand: &Demand) -> f64 {
    let flag = |on: bool| f64::from(u8::from(on));
    match role {
        Role::BrakePedalCommand => demand.brake_pct.clamp(0.0, 100.0),
        Role::BrakeLampCommand => flag(demand.brake_pct >= BRAKE_LAMP_FROM_PCT),
        Role::BrakeEnable => flag(demand.brake_enable),
        Role::ThrottlePedalCommand => demand.throttle_pct.clamp(0.0, 100.0),
        Role::ThrottleEnable => flag(demand.throttle_enable),
        Role::SteeringAngleCommand => demand.steering_angle_deg,
        Role::SteeringRateLimit => demand.steering_speed_dps,
        Role::SteeringEnable => flag(demand.steering_enable),
        Role::GearCommand => f64::from(demand.gear),
        Role::TurnSignalCommand => f64::from(demand.turn),
        // The module never clears an override and never ignores the driver.
        _ => 0.0,
    }
}

/// Where the value of a role goes.
fn put(role: Role, value: f64, detail: &mut ChassisDetail) {
    use super::reports::{brake, eps, esp, gas, gear, light, online, safety, speed};
    let (on, code) = (value != 0.0, value as i32);
    match role {
        Role::BrakePedalInput => brake(detail).brake_input = Some(value),
        Role::BrakePedalAsked => brake(detail).brake_cmd = Some(value),
        Role::BrakePedalOutput => brake(detail).brake_output = Some(value),
        Role::BrakeEnabled => brake(detail).brake_enabled = Some(on),
        Role::BrakeOverride => {
            brake(detail).driver_override = Some(on);
            online(detail).is_esp_online = Some(!on);
        }
        Role::BrakeDriverActivity => brake(detail).driver_activity = Some(on),
        Role::BrakeFault => brake(detail).watchdog_fault = Some(on),
        Role::BrakeTimeout => brake(detail).connector_fault = Some(on),
        Role::ThrottlePedalInput => gas(detail).throttle_input = Some(value),
        Role::ThrottlePedalAsked => gas(detail).throttle_cmd = Some(value),
        Role::ThrottlePedalOutput => gas(detail).throttle_output = Some(value),
        Role::ThrottleEnabled => gas(detail).throttle_enabled = Some(on),
        Role::ThrottleOverride => {
            gas(detail).driver_override = Some(on);
            online(detail).is_vcu_online = Some(!on);
        }
        Role::ThrottleDriverActivity => gas(detail).driver_activity = Some(on),
        Role::ThrottleFault => gas(detail).watchdog_fault = Some(on),
        Role::ThrottleTimeout => gas(detail).connector_fault = Some(on),
        Role::SteeringAngle => {
            eps(detail).is_steering_angle_valid = Some(true);
            eps(detail).steering_angle = Some(value);
        }
        Role::SteeringAngleAsked => eps(detail).steering_angle_cmd = Some(value),
        Role::SteeringTorque => eps(detail).epas_torque = Some(value),
        Role::SteeringEnabled => eps(detail).steering_enabled = Some(on),
        Role::SteeringOverride => {
            eps(detail).driver_override = Some(on);
            online(detail).is_eps_online = Some(!on);
        }
        Role::SteeringFault => eps(detail).watchdog_fault = Some(on),
        Role::SteeringTimeout => eps(detail).connector_fault = Some(on),
        Role::Speed => {
            let speed_mps = value / 3.6;
            eps(detail).vehicle_speed = Some(speed_mps);
            speed(detail).vehicle_spd = Some(speed_mps);
            speed(detail).is_vehicle_spd_valid = Some(true);
        }
        Role::Gear => gear(detail).gear_state = Some(super::reports::gear_position(code).into()),
        Role::GearOverride => {
            gear(detail).driver_override = Some(on);
            gear(detail).is_shift_position_valid = Some(!on);
        }
        Role::GearBusFault => gear(detail).canbus_fault = Some(on),
        Role::TurnSignal => light(detail).turn_light_type = Some(code),
        Role::DriverBelt => safety(detail).is_driver_buckled = Some(on),
        Role::WheelFrontLeft => {
            speed(detail).is_wheel_spd_fl_valid = Some(true);
            speed(detail).wheel_spd_fl = Some(value);
        }
        Role::WheelFrontRight => {
            speed(detail).is_wheel_spd_fr_valid = Some(true);
            speed(detail).wheel_spd_fr = Some(value);
        }
        Role::WheelRearLeft => {
            speed(detail).is_wheel_spd_rl_valid = Some(true);
            speed(detail).wheel_spd_rl = Some(value);
        }
        Role::WheelRearRight => {
            speed(detail).is_wheel_spd_rr_valid = Some(true);
            speed(detail).wheel_spd_rr = Some(value);
        }
        Role::LateralAcceleration => speed(detail).lat_acc = Some(value),
        Role::LongitudinalAcceleration => speed(detail).long_acc = Some(value),
        Role::YawRate => {
            speed(detail).is_yaw_rate_valid = Some(true);
            speed(detail).yaw_rate = Some(value);
        }
        Role::Stationary => speed(detail).is_vehicle_standstill = Some(on),
        Role::ParkingBrake => {
            let status = if on { super::PBrakeType::PbrakeOn } else { super::PBrakeType::PbrakeOff };
            detail.epb.get_or_insert_default().parking_brake_status = Some(status.into());
        }
        Role::AbsActive => esp(detail).is_abs_active = Some(on),
        Role::StabilityActive => esp(detail).is_stab_active = Some(on),
        Role::TractionActive => esp(detail).is_trac_active = Some(on),
        Role::EngineSpeed => detail.ems.get_or_insert_default().engine_rpm = Some(value),
        Role::FuelLevel => detail.battery.get_or_insert_default().fuel_level = Some(value),
        // `ChassisDetail` has no steering rate, and commands are the module's own.
        _ => {}
    }
}
