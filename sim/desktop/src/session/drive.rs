//! Driving by hand: keys that are down become pedals and a wheel.

use skidpad_scenario::{DriverAction, GearName, TurnName};

/// Keys that are held down.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Keys {
    /// Accelerate.
    pub up: bool,
    /// Brake.
    pub down: bool,
    /// Steer left.
    pub left: bool,
    /// Steer right.
    pub right: bool,
}

impl Keys {
    /// True while any is down.
    pub fn any(self) -> bool {
        self.up || self.down || self.left || self.right
    }
}

/// Stick and triggers of a gamepad.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Axes {
    /// Left is 1, right −1.
    pub steer: f64,
    /// Pedals, 0 to 1.
    pub throttle: f64,
    /// See [`Axes::throttle`].
    pub brake: f64,
}

impl Axes {
    /// True while nobody touches them.
    pub fn rest(&self) -> bool {
        *self == Axes::default()
    }
}

/// What the driver's hands and feet do.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct DriverWish {
    /// Accelerator, %.
    pub throttle_pct: f64,
    /// Brake pedal, %.
    pub brake_pct: f64,
    /// Steering-wheel angle, deg, positive left; `None`: hands off.
    pub wheel_deg: Option<f64>,
    /// Moves the selector.
    pub gear: Option<GearName>,
    /// Where the lever of the turn signal is held.
    pub turn: Option<TurnName>,
}

/// Largest wheel angle by keyboard, deg; less at speed.
const MAX_WHEEL_DEG: f64 = 400.0;
/// Speed at which the largest angle is halved, m/s.
const HALF_AT_MPS: f64 = 6.0;
/// How fast the keys turn the wheel, deg/s, and the hands take it back.
const WHEEL_RATE_DPS: f64 = 360.0;
/// How fast pedals are pressed and let go, %/s.
const PEDAL_RATE: f64 = 120.0;
/// Deepest pedals by keyboard, %.
const MAX_THROTTLE_PCT: f64 = 50.0;
const MAX_BRAKE_PCT: f64 = 45.0;
/// The hands leave the wheel when it is this near to the middle, deg.
const MIDDLE_DEG: f64 = 0.5;

/// How far the wheel is turned at most, deg.
fn reach_deg(speed_mps: f64) -> f64 {
    (MAX_WHEEL_DEG / (1.0 + (speed_mps.abs() / HALF_AT_MPS).powi(2))).max(15.0)
}

impl DriverWish {
    /// What a gamepad makes of it after `dt_s` at `speed_mps`: pedals at once, the wheel as far as by keyboard and twice
    /// as fast.
    pub fn follow_axes(self, axes: Axes, speed_mps: f64, dt_s: f64) -> DriverWish {
        let (from_deg, to_deg) = (self.wheel_deg.unwrap_or(0.0), axes.steer * reach_deg(speed_mps));
        let step_deg = 2.0 * WHEEL_RATE_DPS * dt_s;
        let wheel_deg = from_deg + (to_deg - from_deg).clamp(-step_deg, step_deg);
        DriverWish {
            throttle_pct: 100.0 * axes.throttle.clamp(0.0, 1.0),
            brake_pct: 100.0 * axes.brake.clamp(0.0, 1.0),
            wheel_deg: (axes.steer != 0.0 || wheel_deg.abs() > MIDDLE_DEG).then_some(wheel_deg),
            gear: None,
            turn: self.turn,
        }
    }

    /// What the keys make of it after `dt_s` at `speed_mps`: pedals and wheel move at a driver's pace, the wheel
    /// less far the faster the car is.
    pub fn follow(self, keys: Keys, speed_mps: f64, dt_s: f64) -> DriverWish {
        let toward = |from: f64, to: f64, rate: f64| from + (to - from).clamp(-rate * dt_s, rate * dt_s);
        let pedal = |from: f64, down: bool, max: f64| toward(from, if down { max } else { 0.0 }, PEDAL_RATE);
        let reach_deg = reach_deg(speed_mps);
        let target_deg = match (keys.left, keys.right) {
            (true, false) => reach_deg,
            (false, true) => -reach_deg,
            _ => 0.0,
        };
        let wheel_deg = match self.wheel_deg {
            None if !(keys.left || keys.right) => None,
            wheel_deg => {
                let wheel_deg = toward(wheel_deg.unwrap_or(0.0), target_deg, WHEEL_RATE_DPS);
                (keys.left || keys.right || wheel_deg.abs() > MIDDLE_DEG).then_some(wheel_deg)
            }
        };
        DriverWish {
            throttle_pct: pedal(self.throttle_pct, keys.up, MAX_THROTTLE_PCT),
            brake_pct: pedal(self.brake_pct, keys.down, MAX_BRAKE_PCT),
            wheel_deg,
            gear: None,
            turn: self.turn,
        }
    }

    /// True if neither hand nor foot does anything.
    pub fn is_idle(&self) -> bool {
        *self == DriverWish::default()
    }

    /// The same as an action of a scenario, that lasts `for_s`. Whole tenths, so that a saved drive is readable.
    pub(crate) fn action(&self, for_s: f64) -> DriverAction {
        let round = |value: f64| (value * 10.0).round() / 10.0;
        let pedal = |value: f64| Some(round(value)).filter(|value| *value > 0.0);
        DriverAction {
            hold_wheel_deg: self.wheel_deg.map(round),
            torque_nm: None,
            brake_pct: pedal(self.brake_pct),
            throttle_pct: pedal(self.throttle_pct),
            gear: self.gear,
            turn_signal: self.turn,
            for_s,
            ..DriverAction::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(keys: Keys, speed_mps: f64, seconds: f64) -> DriverWish {
        let steps = (seconds * 60.0) as usize;
        (0..steps).fold(DriverWish::default(), |wish, _| wish.follow(keys, speed_mps, 1.0 / 60.0))
    }

    #[test]
    fn a_held_key_presses_a_pedal_and_turns_the_wheel_to_its_side() {
        let wish = held(Keys { up: true, left: true, ..Keys::default() }, 0.0, 3.0);
        assert_eq!((wish.throttle_pct, wish.brake_pct), (MAX_THROTTLE_PCT, 0.0));
        assert_eq!(wish.wheel_deg, Some(MAX_WHEEL_DEG));
        let wish = held(Keys { down: true, right: true, ..Keys::default() }, 0.0, 3.0);
        assert_eq!((wish.throttle_pct, wish.brake_pct), (0.0, MAX_BRAKE_PCT));
        assert_eq!(wish.wheel_deg, Some(-MAX_WHEEL_DEG));
    }

    #[test]
    fn the_wheel_turns_less_at_speed() {
        let keys = Keys { left: true, ..Keys::default() };
        let angle = |speed_mps| held(keys, speed_mps, 3.0).wheel_deg.unwrap();
        assert!(angle(20.0) < 0.15 * angle(0.0));
    }

    #[test]
    fn a_gamepad_presses_as_deep_as_its_triggers_and_hands_over_to_the_keys_without_a_jump() {
        let axes = Axes { steer: -0.5, throttle: 0.8, brake: 0.1 };
        let wish = (0..120).fold(DriverWish::default(), |wish, _| wish.follow_axes(axes, 0.0, 1.0 / 60.0));
        assert_eq!((wish.throttle_pct, wish.brake_pct), (80.0, 10.0));
        assert_eq!(wish.wheel_deg, Some(-0.5 * MAX_WHEEL_DEG));
        let let_go = wish.follow(Keys::default(), 0.0, 0.01);
        assert!(let_go.throttle_pct > 75.0 && let_go.wheel_deg.unwrap() < -190.0, "{let_go:?}");
        let rest = (0..60).fold(wish, |wish, _| wish.follow_axes(Axes::default(), 0.0, 1.0 / 60.0));
        assert!(rest.is_idle(), "{rest:?}");
    }

    #[test]
    fn hands_and_feet_come_off_when_all_keys_are_up() {
        let mut wish = held(Keys { up: true, left: true, ..Keys::default() }, 0.0, 3.0);
        for _ in 0..600 {
            wish = wish.follow(Keys::default(), 0.0, 1.0 / 60.0);
        }
        assert!(wish.is_idle(), "{wish:?}");
    }
}
