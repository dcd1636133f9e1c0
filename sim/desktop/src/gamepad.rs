//! A gamepad, read from the kernel's joystick device (Linux): the libraries for it want a system package at build time, and
//! the device has said the same eight bytes for twenty years.

use crate::session::Axes;
use std::fs::File;
use std::io::Read;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::time::Duration;

/// The first gamepad that was plugged in.
pub const FIRST: &str = "/dev/input/js0";
/// How often it is looked for while there is none.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// Events that wait for the window; more than a second of them means that the window hangs.
const WAITING_MAX: usize = 1024;
/// A stick that nobody touches is within this of its middle, a trigger of its rest.
const DEAD: f64 = 0.08;
/// The stick's share of the way beyond this is steering at full lock, as the square of the way: fine in the middle.
const CURVE: f64 = 2.0;

/// Numbers that the kernel's drivers for the usual gamepads give to what is used here.
const STEER_AXIS: u8 = 0;
const BRAKE_AXIS: u8 = 2;
const THROTTLE_AXIS: u8 = 5;

/// What a button stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Button {
    /// A, cross: engage.
    Engage,
    /// B, circle: disengage.
    Disengage,
    /// Third button: selector to Drive.
    Drive,
    /// Fourth button: selector to Reverse.
    Reverse,
}

/// What the device says.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Said {
    Axis(u8, f64),
    Pressed(u8),
    /// Came or went.
    There(bool),
}

/// An event of the joystick interface: time (ms, 4 bytes), value (i16), type, number; in the machine's byte order.
fn event(bytes: [u8; 8]) -> Option<Said> {
    let value = i16::from_ne_bytes([bytes[4], bytes[5]]);
    // The first of each says what was before anybody touched it.
    let (initial, kind) = (bytes[6] & 0x80 != 0, bytes[6] & 0x7F);
    match kind {
        1 if value != 0 && !initial => Some(Said::Pressed(bytes[7])),
        2 => Some(Said::Axis(bytes[7], (f64::from(value) / 32_767.0).max(-1.0))),
        _ => None,
    }
}

/// A gamepad, there or not.
#[derive(Debug)]
pub struct Gamepad {
    /// Only ever used by who owns it; what a system of bevy holds must be fit to be shared.
    said: Mutex<Receiver<Said>>,
    axes: Axes,
    /// A trigger that has not been at rest yet may be one that has not told its position: half-way, which is full brake.
    rested: [bool; 2],
    /// Buttons since the last look.
    pressed: Vec<Button>,
    there: bool,
}

impl Gamepad {
    /// Looks for the gamepad at `device`, now and later, in a thread of its own.
    pub fn at(device: PathBuf) -> Gamepad {
        let (say, said) = sync_channel(WAITING_MAX);
        // Without it the window works as well.
        let _ = std::thread::Builder::new().name("gamepad".into()).spawn(move || watch(&device, &say));
        Gamepad {
            said: Mutex::new(said),
            axes: Axes::default(),
            rested: [false; 2],
            pressed: Vec::new(),
            there: false,
        }
    }

    /// Takes what was said since the last call; true if it came or went.
    pub fn poll(&mut self) -> bool {
        let before = self.there;
        loop {
            let said = self.said.get_mut().map_or(Err(TryRecvError::Disconnected), |said| said.try_recv());
            match said {
                Ok(said) => self.hear(said),
                Err(TryRecvError::Empty | TryRecvError::Disconnected) => return self.there != before,
            }
        }
    }

    fn hear(&mut self, said: Said) {
        match said {
            // Who is gone holds no pedal.
            Said::There(there) => {
                (self.there, self.axes, self.rested) = (there, Axes::default(), [false; 2]);
            }
            Said::Axis(STEER_AXIS, value) => {
                let beyond = ((value.abs() - DEAD) / (1.0 - DEAD)).max(0.0);
                self.axes.steer = -value.signum() * beyond.powf(CURVE);
            }
            Said::Axis(axis @ (BRAKE_AXIS | THROTTLE_AXIS), value) => {
                let rested = &mut self.rested[usize::from(axis == THROTTLE_AXIS)];
                *rested |= value < -0.9;
                let pressed = ((0.5 + 0.5 * value - DEAD) / (1.0 - DEAD)).max(0.0);
                let pedal =
                    if axis == THROTTLE_AXIS { &mut self.axes.throttle } else { &mut self.axes.brake };
                *pedal = if *rested { pressed } else { 0.0 };
            }
            Said::Pressed(number) => self.pressed.extend(match number {
                0 => Some(Button::Engage),
                1 => Some(Button::Disengage),
                2 => Some(Button::Drive),
                3 => Some(Button::Reverse),
                _ => None,
            }),
            Said::Axis(..) => {}
        }
    }

    /// Whether there is one.
    pub fn is_there(&self) -> bool {
        self.there
    }

    /// Stick and triggers as they are.
    pub fn axes(&self) -> Axes {
        self.axes
    }

    /// Buttons pressed since the last call.
    pub fn buttons(&mut self) -> Vec<Button> {
        std::mem::take(&mut self.pressed)
    }
}

/// Reads the device while there is one, until nobody listens.
fn watch(device: &PathBuf, say: &SyncSender<Said>) {
    loop {
        if let Ok(mut file) = File::open(device) {
            if say.send(Said::There(true)).is_err() {
                return;
            }
            let mut bytes = [0; 8];
            while file.read_exact(&mut bytes).is_ok() {
                if let Some(said) = event(bytes)
                    && say.send(said).is_err()
                {
                    return;
                }
            }
            if say.send(Said::There(false)).is_err() {
                return;
            }
        }
        std::thread::sleep(LOOK_EVERY);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(value: i16, kind: u8, number: u8) -> [u8; 8] {
        let value = value.to_ne_bytes();
        [1, 2, 3, 4, value[0], value[1], kind, number]
    }

    fn silent() -> Gamepad {
        let (_, said) = sync_channel(1);
        Gamepad {
            said: Mutex::new(said),
            axes: Axes::default(),
            rested: [false; 2],
            pressed: Vec::new(),
            there: true,
        }
    }

    fn hear(gamepad: &mut Gamepad, events: &[[u8; 8]]) {
        events.iter().filter_map(|bytes| event(*bytes)).for_each(|said| gamepad.hear(said));
    }

    #[test]
    fn events_of_the_kernel_are_read_as_its_documentation_says() {
        assert_eq!(event(raw(1, 1, 3)), Some(Said::Pressed(3)));
        assert_eq!(event(raw(0, 1, 3)), None, "let go");
        assert_eq!(event(raw(1, 0x81, 3)), None, "held since before");
        assert_eq!(event(raw(-32_768, 0x82, 0)), Some(Said::Axis(0, -1.0)));
        assert_eq!(event(raw(32_767, 2, 5)), Some(Said::Axis(5, 1.0)));
        assert_eq!(event(raw(1, 7, 5)), None, "of no known kind");
    }

    #[test]
    fn a_trigger_drives_only_once_it_was_at_rest_and_the_stick_is_fine_in_its_middle() {
        let mut pad = silent();
        hear(&mut pad, &[raw(0, 0x82, THROTTLE_AXIS), raw(0, 0x82, BRAKE_AXIS)]);
        assert!(pad.axes().rest(), "half-way, never seen at rest: {:?}", pad.axes());
        hear(&mut pad, &[raw(-32_767, 2, THROTTLE_AXIS), raw(32_767, 2, THROTTLE_AXIS)]);
        assert_eq!(pad.axes(), Axes { throttle: 1.0, ..Axes::default() });
        hear(&mut pad, &[raw(-32_767, 2, STEER_AXIS)]);
        assert_eq!(pad.axes().steer, 1.0, "left");
        hear(&mut pad, &[raw(16_384, 2, STEER_AXIS)]);
        assert!((-0.25..-0.15).contains(&pad.axes().steer), "half to the right: {}", pad.axes().steer);
        hear(&mut pad, &[raw(2000, 2, STEER_AXIS)]);
        assert_eq!(pad.axes().steer.abs(), 0.0);
    }

    #[test]
    fn who_pulls_the_plug_lets_go_of_the_pedals() {
        let mut pad = silent();
        hear(&mut pad, &[raw(-32_767, 2, THROTTLE_AXIS), raw(30_000, 2, THROTTLE_AXIS), raw(1, 1, 0)]);
        assert!(!pad.axes().rest());
        pad.hear(Said::There(false));
        assert!(pad.axes().rest() && !pad.is_there());
        assert_eq!(pad.buttons(), [Button::Engage]);
        assert!(pad.buttons().is_empty());
    }

    #[test]
    fn a_device_that_comes_speaks_half_an_event_and_goes_is_there_and_gone() {
        let folder = std::env::temp_dir().join(format!("skidpad-gamepad-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let device = folder.join("js0");
        let mut bytes = Vec::new();
        bytes.extend(raw(1, 1, 1));
        bytes.extend([1, 2, 3]);
        std::fs::write(&device, bytes).unwrap();
        let mut pad = Gamepad::at(device);
        let began = std::time::Instant::now();
        let mut pressed = Vec::new();
        while pressed.is_empty() && began.elapsed() < Duration::from_secs(20) {
            pad.poll();
            pressed = pad.buttons();
            std::thread::sleep(Duration::from_millis(5));
        }
        assert_eq!(pressed[0], Button::Disengage);
        while pad.is_there() && began.elapsed() < Duration::from_secs(20) {
            pad.poll();
            std::thread::sleep(Duration::from_millis(5));
        }
        assert!(!pad.is_there());
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
