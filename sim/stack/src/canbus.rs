//! Commands in, CAN frames out; CAN frames in, `Chassis` out: the stand-in for the canbus module of Apollo 1.0 on
//! the Lincoln MKZ.
//!
//! Seen from its topics and from the bus it behaves as the real module, its quirks included, since stacks see
//! them: enabling looks at OVERRIDE bits only and blocks the one thread that publishes `Chassis`; a bus that falls
//! silent is not noticed; EMERGENCY_MODE shows NO_ERROR. What was left out: the real receiver sleeps up to 10 ms
//! when the bus is idle, the real sender is stretched by the scheduler now and then, and the real security loop
//! runs a little faster than its nominal 50 ms.
//!
//! ```
//! use skidpad_can::Frame;
//! use skidpad_kernel::SimTime;
//! use skidpad_stack::canbus::{Canbus, CanbusConf};
//!
//! let mut canbus = Canbus::new(CanbusConf::default());
//! canbus.on_frame(&Frame::new(0x65, [0, 0, 0, 0, 0x10, 0x0E, 0, 0])); // 36.00 km/h
//! let (mut sent, mut speed_mps) = (Vec::new(), Vec::new());
//! for ms in 0..=20 {
//!     let now = SimTime::from_ms(ms);
//!     let chassis = canbus.tick(now, 1.5e9 + now.as_s(), &mut |frame| sent.push(frame.id));
//!     speed_mps.extend(chassis.map(|chassis| chassis.speed_mps()));
//! }
//! assert_eq!(sent, [0x60, 0x62, 0x64, 0x66]);
//! assert_eq!(speed_mps, [10.0, 10.0]);
//! ```

mod commands;
mod dialect;
mod modes;
mod reports;
#[cfg(test)]
mod tests;

use commands::{Demand, Order, Pad};
use modes::{Action, Mode, transition};
use skidpad_can::{Dbc, Dialect, DialectError, Flaws, Frame};
use skidpad_kernel::{Periodic, SimTime};
use skidpad_msgs::apollo::canbus::chassis::{DrivingMode, ErrorCode, GearPosition};
use skidpad_msgs::apollo::canbus::epb::PBrakeType;
use skidpad_msgs::apollo::canbus::light::TurnLightType;
use skidpad_msgs::apollo::canbus::signal::TurnSignal;
use skidpad_msgs::apollo::canbus::{Chassis, ChassisDetail, Signal};
use skidpad_msgs::apollo::common::Header;
use skidpad_msgs::apollo::control::ControlCommand;
use std::collections::VecDeque;
use std::time::Duration;

pub use modes::Trigger;

/// Share of the pedal's travel per bit, 1/65535 as the real module writes it.
const PEDAL_PER_BIT: f64 = 1.52590218966964e-05;

const CHASSIS_PERIOD: Duration = Duration::from_millis(10);
/// Of 0x60, 0x62, 0x64 and 0x66.
const COMMAND_PERIOD: Duration = Duration::from_millis(20);
/// Of 0x68.
const TURN_PERIOD: Duration = Duration::from_millis(50);
const SECURITY_PERIOD: Duration = Duration::from_millis(50);
const POLL_PERIOD: Duration = Duration::from_millis(20);
const POLLS: u32 = 20;
/// Security checks in a row that must see the driver's override.
const OVERRIDE_CHECKS: u32 = 10;
/// Messages that wait on the command topic while the thread is blocked: its queue length.
const WAITING_COMMANDS: usize = 10;
/// Steering speed if the command's rate is 1 % or less, or unset.
const DEFAULT_STEERING_SPEED_DPS: f64 = 200.0;

/// The automatic mode that START asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AutoMode {
    /// COMPLETE_AUTO_DRIVE: steering, brake and throttle.
    #[default]
    Complete,
    /// AUTO_STEER_ONLY.
    SteerOnly,
    /// AUTO_SPEED_ONLY: brake and throttle.
    SpeedOnly,
}

impl AutoMode {
    fn steers(self) -> bool {
        self != AutoMode::SpeedOnly
    }

    fn drives(self) -> bool {
        self != AutoMode::SteerOnly
    }
}

/// The configuration that the module acts on; the default is the one shipped for the Lincoln MKZ
/// (`canbus_conf.pb.txt` and flags of Apollo 1.0; its other entries have no effect there).
#[derive(Clone, Debug, PartialEq)]
pub struct CanbusConf {
    /// What START asks for.
    pub driving_mode: AutoMode,
    /// Steering-wheel angle at 100 %, 470 deg.
    pub max_steer_angle_deg: f64,
    /// Steering-wheel speed at 100 %, 500 deg/s.
    pub max_steer_speed_dps: f64,
    /// The slowest steering-wheel speed that a rate above 1 % gives, 100 deg/s.
    pub min_steer_speed_dps: f64,
    /// A command that comes sooner than this after the last accepted one is ignored, its pad action too: 5 ms.
    pub min_command_interval: Duration,
}

impl Default for CanbusConf {
    fn default() -> Self {
        CanbusConf {
            driving_mode: AutoMode::Complete,
            max_steer_angle_deg: 470.0,
            max_steer_speed_dps: 500.0,
            min_steer_speed_dps: 100.0,
            min_command_interval: Duration::from_millis(5),
        }
    }
}

/// A change of the drive mode, for the report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ModeChange {
    /// When it happened.
    pub at: SimTime,
    /// The mode before.
    pub from: DrivingMode,
    /// The mode since.
    pub to: DrivingMode,
    /// Why.
    pub cause: Trigger,
}

/// The enabling handshake under way: the command that asked for it waits for its end.
#[derive(Clone, Copy, Debug)]
struct Enabling {
    order: Order,
    next_poll: SimTime,
    polls_left: u32,
}

/// The canbus module.
///
/// Sans-IO: give it what arrives with [`on_frame`](Canbus::on_frame) and [`on_control`](Canbus::on_control), and
/// call [`tick`](Canbus::tick) every millisecond for what it sends. All times are those of one clock, whose zero
/// is the start of the module: frames first go out after one period, and so does `Chassis`.
#[derive(Clone, Debug)]
pub struct Canbus {
    conf: CanbusConf,
    detail: ChassisDetail,
    demand: Demand,
    /// What the sender repeats: `demand` as it was when last refreshed.
    frames: [Frame; 5],
    /// On a car that is no Lincoln: what takes the place of `frames` and of the Lincoln's decoder.
    dialect: Option<Box<dialect::Port>>,
    mode: Mode,
    error_code: ErrorCode,
    error_mask: i32,
    enabling: Option<Enabling>,
    last_command: Option<SimTime>,
    waiting: VecDeque<Order>,
    ignored_commands: u64,
    sequence_num: u32,
    chassis_timer: Periodic,
    command_timer: Periodic,
    turn_timer: Periodic,
    security_timer: Periodic,
    steering_overrides: u32,
    speed_overrides: u32,
    changes: Vec<ModeChange>,
}

impl Canbus {
    /// The module as it starts: COMPLETE_MANUAL, every frame zero, nothing received.
    pub fn new(conf: CanbusConf) -> Self {
        let demand = Demand::default();
        Canbus {
            conf,
            detail: ChassisDetail::default(),
            demand,
            frames: demand.frames(),
            dialect: None,
            mode: Mode::Manual,
            error_code: ErrorCode::NoError,
            error_mask: 0,
            enabling: None,
            last_command: None,
            waiting: VecDeque::with_capacity(WAITING_COMMANDS),
            ignored_commands: 0,
            sequence_num: 0,
            chassis_timer: Periodic::new(CHASSIS_PERIOD, CHASSIS_PERIOD),
            command_timer: Periodic::new(COMMAND_PERIOD, COMMAND_PERIOD),
            turn_timer: Periodic::new(TURN_PERIOD, TURN_PERIOD),
            security_timer: Periodic::new(SECURITY_PERIOD, Duration::ZERO),
            steering_overrides: 0,
            speed_overrides: 0,
            changes: Vec::new(),
        }
    }

    /// The module on the car of this .dbc. Where its signals are given roles it speaks that car's dialect: commands at the
    /// file's periods with counter and checksum, reports checked. Otherwise the car is taken for a Lincoln and the
    /// module's own tables count, not the file. The two cannot be one: the tables are the real module's, whose decoder
    /// is part of its code and wrong in places (wheel speeds without sign, lamp bits swapped, a steering angle and a pedal
    /// rate read otherwise), and whose encoder truncates; a stack that runs against this stand-in must meet the same.
    ///
    /// # Errors
    /// The roles of the .dbc are wrong, or one is missing that the module needs.
    pub fn for_car(conf: CanbusConf, dbc: &Dbc) -> Result<Self, DialectError> {
        let port = Dialect::find(dbc)?.filter(|dialect| !dialect.by_name);
        let port = port.map(|dialect| dialect::Port::new(&dialect, &dbc.file)).transpose()?;
        Ok(Canbus { dialect: port.map(Box::new), ..Canbus::new(conf) })
    }

    /// Takes a frame off the bus. Ids that the module does not know are ignored.
    pub fn on_frame(&mut self, frame: &Frame) {
        match &mut self.dialect {
            Some(port) => port.decode(frame, &mut self.detail),
            None => reports::decode(frame, &mut self.detail),
        }
    }

    /// Takes a command off the topic. While enabling it waits, with nine others at most (the oldest is lost).
    pub fn on_control(&mut self, now: SimTime, command: &ControlCommand) {
        let order = Order::of(command);
        if self.enabling.is_none() {
            self.obey(now, order);
            return;
        }
        if self.waiting.len() == WAITING_COMMANDS {
            self.waiting.pop_front();
            self.ignored_commands += 1;
        }
        self.waiting.push_back(order);
    }

    /// Runs what is due by `now`: sends frames through `out` (on a Lincoln 0x60, 0x62, 0x64, 0x66 every 20 ms and 0x68
    /// every 50 ms), checks, polls, and returns the `Chassis` to publish, if one is due (100 Hz, stamped `unix_now_s`).
    pub fn tick(&mut self, now: SimTime, unix_now_s: f64, out: &mut impl FnMut(Frame)) -> Option<Chassis> {
        if let Some(port) = &mut self.dialect {
            port.send(now, out);
        } else {
            if self.command_timer.due(now) {
                self.frames[..4].iter().for_each(|frame| out(*frame));
            }
            if self.turn_timer.due(now) {
                out(self.frames[4]);
            }
        }
        if self.security_timer.due(now) {
            self.check_security(now);
        }
        self.poll(now);
        // A blocked thread publishes nothing, and once when it is free again.
        (self.enabling.is_none() && self.chassis_timer.due(now)).then(|| self.chassis(unix_now_s))
    }

    /// The drive mode, as `Chassis` shows it.
    pub fn driving_mode(&self) -> DrivingMode {
        self.shown(self.mode)
    }

    /// True while the enabling handshake blocks the module: no `Chassis` is published and commands wait.
    pub fn is_enabling(&self) -> bool {
        self.enabling.is_some()
    }

    /// Everything received so far, latest values.
    pub fn chassis_detail(&self) -> &ChassisDetail {
        &self.detail
    }

    /// Commands that came too soon after another, or were lost while the module was blocked.
    pub fn ignored_commands(&self) -> u64 {
        self.ignored_commands
    }

    /// Reports of the car that were ignored (length, checksum, range), and gaps in their counts; none on a Lincoln, whose
    /// frames have neither checksum nor counter.
    pub fn flawed_reports(&self) -> Flaws {
        self.dialect.as_ref().map_or_else(Flaws::default, |port| port.flaws())
    }

    /// The mode changes since the last call, oldest first.
    pub fn drain_mode_changes(&mut self) -> impl Iterator<Item = ModeChange> + '_ {
        self.changes.drain(..)
    }

    fn shown(&self, mode: Mode) -> DrivingMode {
        match mode {
            Mode::Manual => DrivingMode::CompleteManual,
            Mode::Emergency => DrivingMode::EmergencyMode,
            Mode::Auto => match self.conf.driving_mode {
                AutoMode::Complete => DrivingMode::CompleteAutoDrive,
                AutoMode::SteerOnly => DrivingMode::AutoSteerOnly,
                AutoMode::SpeedOnly => DrivingMode::AutoSpeedOnly,
            },
        }
    }

    /// The command callback: the pad action first, then the actuators, then fresh frames.
    fn obey(&mut self, now: SimTime, order: Order) {
        if self.last_command.is_some_and(|last| now.since(last) < self.conf.min_command_interval) {
            self.ignored_commands += 1;
            return;
        }
        self.last_command = Some(now);
        let action = match order.action {
            Some(Pad::Start) => self.trigger(now, Trigger::Start),
            Some(Pad::StopOrReset) => self.trigger(now, Trigger::StopOrReset),
            None => Action::Ignore,
        };
        if action == Action::EnableAndPoll {
            self.enabling = Some(Enabling { order, next_poll: now, polls_left: POLLS });
            self.poll(now);
        } else {
            self.actuate(order);
        }
    }

    fn actuate(&mut self, order: Order) {
        if self.mode == Mode::Auto {
            if self.conf.driving_mode.drives() {
                self.demand.gear = commands::gear_code(order.gear);
                self.demand.throttle_pct = order.throttle_pct;
                self.demand.brake_pct = order.brake_pct;
            }
            if self.conf.driving_mode.steers() {
                self.demand.steering_angle_deg = self.conf.max_steer_angle_deg * order.steering_pct / 100.0;
                self.demand.steering_speed_dps = if order.steering_rate_pct > 1.0 {
                    (self.conf.max_steer_speed_dps * order.steering_rate_pct / 100.0)
                        .max(self.conf.min_steer_speed_dps)
                        .min(self.conf.max_steer_speed_dps)
                } else {
                    DEFAULT_STEERING_SPEED_DPS
                };
            }
            if let Some(turn) = order.turn {
                self.demand.turn = commands::turn_code(turn);
            }
        }
        self.refresh();
    }

    fn refresh(&mut self) {
        match &mut self.dialect {
            Some(port) => port.refresh(self.demand),
            None => self.frames = self.demand.frames(),
        }
    }

    /// Follows one row of the drive-mode table.
    fn trigger(&mut self, now: SimTime, trigger: Trigger) -> Action {
        let (action, next) = transition(self.mode, trigger);
        match action {
            Action::Ignore | Action::TakeOver => {}
            Action::EnableAndPoll => {
                self.demand.brake_enable = self.conf.driving_mode.drives();
                self.demand.throttle_enable = self.conf.driving_mode.drives();
                self.demand.steering_enable = self.conf.driving_mode.steers();
                self.refresh();
            }
            Action::Release => {
                self.demand = Demand::default();
                self.refresh();
                self.error_code = ErrorCode::NoError;
            }
            Action::DropAll => {
                self.demand = Demand::default();
                self.error_code = ErrorCode::ChassisError;
            }
        }
        if next != self.mode {
            let (from, to) = (self.shown(self.mode), self.shown(next));
            self.changes.push(ModeChange { at: now, from, to, cause: trigger });
            self.mode = next;
        }
        action
    }

    /// The enabling handshake: looks at once and then every 20 ms, and gives up 20 ms after the twentieth look.
    fn poll(&mut self, now: SimTime) {
        while let Some(mut enabling) = self.enabling.filter(|enabling| enabling.next_poll <= now) {
            let auto = self.conf.driving_mode;
            let trigger = if enabling.polls_left == 0 {
                Trigger::UnitsSilent
            } else if (!auto.steers() || self.steering_online()) && (!auto.drives() || self.speed_online()) {
                Trigger::UnitsOnline
            } else {
                enabling.polls_left -= 1;
                enabling.next_poll += POLL_PERIOD;
                self.enabling = Some(enabling);
                continue;
            };
            self.enabling = None;
            self.trigger(now, trigger);
            self.actuate(enabling.order);
            // The commands that waited are called back one after the other, at once: the first is accepted, the
            // others come too soon after it.
            while self.enabling.is_none()
                && let Some(order) = self.waiting.pop_front()
            {
                self.obey(now, order);
            }
        }
    }

    /// The security loop: the driver's override ten times in a row in auto, and the fault bits in any mode.
    fn check_security(&mut self, now: SimTime) {
        let auto = self.conf.driving_mode;
        let in_auto = self.mode == Mode::Auto;
        let count =
            |watched: bool, online: bool, so_far: u32| if watched && !online { so_far + 1 } else { 0 };
        self.steering_overrides =
            count(in_auto && auto.steers(), self.steering_online(), self.steering_overrides);
        self.speed_overrides = count(in_auto && auto.drives(), self.speed_online(), self.speed_overrides);
        if self.steering_overrides.max(self.speed_overrides) >= OVERRIDE_CHECKS {
            self.trigger(now, Trigger::OverrideHeld);
        }
        self.error_mask = error_mask(&self.detail);
        // The gear fault, the last bit, is only shown.
        if self.error_mask & !GEAR_FAULT != 0 {
            self.trigger(now, Trigger::Fault);
        }
    }

    fn steering_online(&self) -> bool {
        self.detail.check_response.is_some_and(|units| units.is_eps_online())
    }

    fn speed_online(&self) -> bool {
        self.detail.check_response.is_some_and(|units| units.is_vcu_online() && units.is_esp_online())
    }

    /// What is published: fields never received are zero, not unset (facts: `apollo10.md` §4.3).
    fn chassis(&mut self, unix_now_s: f64) -> Chassis {
        if self.mode == Mode::Emergency {
            self.error_code = ErrorCode::NoError;
        }
        self.sequence_num = self.sequence_num.wrapping_add(1);
        let detail = &self.detail;
        let float = |value: Option<f64>| Some(value.unwrap_or(0.0) as f32);
        let gas = detail.gas.unwrap_or_default();
        let brake = detail.brake.unwrap_or_default();
        let eps = detail.eps.unwrap_or_default();
        let gear = detail.gear.and_then(|gear| gear.gear_state).unwrap_or(GearPosition::GearNone.into());
        let parking_brake = detail.epb.and_then(|epb| epb.parking_brake_status);
        let turn = match detail.light.unwrap_or_default().turn_light_type() {
            TurnLightType::TurnLeftOn => TurnSignal::TurnLeft,
            TurnLightType::TurnRightOn => TurnSignal::TurnRight,
            TurnLightType::TurnLightOff | TurnLightType::TurnLightOn => TurnSignal::TurnNone,
        };
        Chassis {
            engine_started: Some(true),
            engine_rpm: float(detail.ems.and_then(|ems| ems.engine_rpm)),
            speed_mps: float(detail.vehicle_spd.and_then(|speed| speed.vehicle_spd)),
            odometer_m: Some(0.0),
            fuel_range_m: Some(0),
            throttle_percentage: float(gas.throttle_output),
            brake_percentage: float(brake.brake_output),
            steering_percentage: float(
                eps.steering_angle.map(|angle_deg| angle_deg * 100.0 / self.conf.max_steer_angle_deg),
            ),
            steering_torque_nm: float(eps.epas_torque),
            parking_brake: Some(parking_brake == Some(PBrakeType::PbrakeOn.into())),
            driving_mode: Some(self.driving_mode().into()),
            error_code: Some(self.error_code.into()),
            gear_location: Some(gear),
            header: Some(Header {
                timestamp_sec: Some(unix_now_s),
                module_name: Some("chassis".to_owned()),
                sequence_num: Some(self.sequence_num),
                ..Default::default()
            }),
            chassis_error_mask: (self.error_mask != 0).then_some(self.error_mask),
            signal: Some(Signal { turn_signal: Some(turn.into()), horn: Some(false), ..Default::default() }),
            ..Default::default()
        }
    }
}

/// The gear's bus fault in `chassis_error_mask`.
const GEAR_FAULT: i32 = 1 << 14;

/// The fault bits in the order of `chassis_error_mask`, bit 0 first (facts: `apollo10.md` §4.3).
fn error_mask(detail: &ChassisDetail) -> i32 {
    let eps = detail.eps.unwrap_or_default();
    let brake = detail.brake.unwrap_or_default();
    let gas = detail.gas.unwrap_or_default();
    let gear = detail.gear.unwrap_or_default();
    let faults = [
        eps.watchdog_fault(),
        eps.channel_1_fault(),
        eps.channel_2_fault(),
        eps.calibration_fault(),
        eps.connector_fault(),
        brake.watchdog_fault(),
        brake.channel_1_fault(),
        brake.channel_2_fault(),
        brake.boo_fault(),
        brake.connector_fault(),
        gas.watchdog_fault(),
        gas.channel_1_fault(),
        gas.channel_2_fault(),
        gas.connector_fault(),
        gear.canbus_fault(),
    ];
    faults.iter().enumerate().fold(0, |mask, (bit, fault)| mask | i32::from(*fault) << bit)
}
