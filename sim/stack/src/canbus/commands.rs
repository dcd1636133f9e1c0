//! What the module commands, and the five frames that carry it (facts: `apollo10.md` §4.1).

use skidpad_can::{Frame, SignalLayout};
use skidpad_msgs::apollo::canbus::chassis::GearPosition;
use skidpad_msgs::apollo::canbus::signal::TurnSignal;
use skidpad_msgs::apollo::control::{ControlCommand, DrivingAction};

const PEDAL: SignalLayout = SignalLayout::unsigned(0, 16, super::PEDAL_PER_BIT);
const BRAKE_LAMP: SignalLayout = SignalLayout::flag(16);
const PEDAL_ENABLE: SignalLayout = SignalLayout::flag(24);
const STEERING_ANGLE_DEG: SignalLayout = SignalLayout::signed(0, 16, 0.1);
const STEERING_ENABLE: SignalLayout = SignalLayout::flag(16);
const STEERING_SPEED_DPS: SignalLayout = SignalLayout::unsigned(24, 8, 2.0);
const GEAR: SignalLayout = SignalLayout::unsigned(0, 3, 1.0);
const TURN: SignalLayout = SignalLayout::unsigned(0, 2, 1.0);

/// Largest angle the steering frame is given, either side.
const STEERING_LIMIT_DEG: f64 = 470.0;
const STEERING_SPEED_LIMIT_DPS: f64 = 500.0;
/// The brake lamp is asked for from this pedal command on.
pub(super) const BRAKE_LAMP_FROM_PCT: f64 = 1e-3;

/// The part of a `ControlCommand` that the module looks at.
#[derive(Clone, Copy, Debug)]
pub(super) struct Order {
    /// The pad action, if the command carries one.
    pub action: Option<Pad>,
    pub gear: GearPosition,
    pub throttle_pct: f64,
    pub brake_pct: f64,
    /// Share of the full steering-wheel angle, + = left.
    pub steering_pct: f64,
    /// Share of the full steering speed.
    pub steering_rate_pct: f64,
    /// The lamps are touched only by a command that has a `signal`.
    pub turn: Option<TurnSignal>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pad {
    Start,
    StopOrReset,
}

impl Order {
    pub(super) fn of(command: &ControlCommand) -> Self {
        let pad = command.pad_msg.as_ref().and_then(|pad| pad.action);
        Order {
            action: pad.and_then(|action| DrivingAction::try_from(action).ok()).map(|action| match action {
                DrivingAction::Start => Pad::Start,
                DrivingAction::Stop | DrivingAction::Reset => Pad::StopOrReset,
            }),
            gear: command.gear_location(),
            throttle_pct: command.throttle(),
            brake_pct: command.brake(),
            steering_pct: command.steering_target(),
            steering_rate_pct: command.steering_rate(),
            turn: command.signal.as_ref().map(|signal| signal.turn_signal()),
        }
    }
}

/// What the five frames carry; the default is what a reset leaves: nothing enabled, everything zero.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Demand {
    pub brake_enable: bool,
    pub throttle_enable: bool,
    pub steering_enable: bool,
    pub brake_pct: f64,
    pub throttle_pct: f64,
    pub steering_angle_deg: f64,
    pub steering_speed_dps: f64,
    /// 0 none, 1 park, 2 reverse, 3 neutral, 4 drive, 5 low.
    pub gear: u8,
    /// 0 none, 1 left, 2 right.
    pub turn: u8,
}

impl Demand {
    /// The frames in the order in which they go out.
    pub(super) fn frames(&self) -> [Frame; 5] {
        let frame = |id, write: &dyn Fn(&mut [u8; 8])| {
            let mut data = [0; 8];
            write(&mut data);
            Frame::new(id, data)
        };
        [
            frame(0x60, &|data| {
                PEDAL.set_raw(data, pedal_raw(self.brake_pct));
                BRAKE_LAMP.set_raw(data, (self.brake_pct >= BRAKE_LAMP_FROM_PCT).into());
                PEDAL_ENABLE.set_raw(data, self.brake_enable.into());
            }),
            frame(0x62, &|data| {
                PEDAL.set_raw(data, pedal_raw(self.throttle_pct));
                PEDAL_ENABLE.set_raw(data, self.throttle_enable.into());
            }),
            frame(0x64, &|data| {
                let angle_deg = self.steering_angle_deg.clamp(-STEERING_LIMIT_DEG, STEERING_LIMIT_DEG);
                let speed_dps = self.steering_speed_dps.clamp(0.0, STEERING_SPEED_LIMIT_DPS);
                STEERING_ANGLE_DEG.set_raw(data, toward_zero(angle_deg, &STEERING_ANGLE_DEG));
                STEERING_ENABLE.set_raw(data, self.steering_enable.into());
                STEERING_SPEED_DPS.set_raw(data, toward_zero(speed_dps, &STEERING_SPEED_DPS));
            }),
            frame(0x66, &|data| GEAR.set_raw(data, self.gear.into())),
            frame(0x68, &|data| TURN.set_raw(data, self.turn.into())),
        ]
    }
}

/// Pedal travel as the 0x60 and 0x62 frames count it.
fn pedal_raw(pedal_pct: f64) -> i64 {
    toward_zero((pedal_pct / 100.0).clamp(0.0, 1.0), &PEDAL)
}

/// The real encoder truncates where a codec would round; a NaN becomes zero.
fn toward_zero(physical: f64, layout: &SignalLayout) -> i64 {
    (physical / layout.scale) as i64
}

pub(super) fn gear_code(gear: GearPosition) -> u8 {
    match gear {
        GearPosition::GearNone | GearPosition::GearInvalid => 0,
        GearPosition::GearParking => 1,
        GearPosition::GearReverse => 2,
        GearPosition::GearNeutral => 3,
        GearPosition::GearDrive => 4,
        GearPosition::GearLow => 5,
    }
}

pub(super) fn turn_code(turn: TurnSignal) -> u8 {
    match turn {
        TurnSignal::TurnNone => 0,
        TurnSignal::TurnLeft => 1,
        TurnSignal::TurnRight => 2,
    }
}
