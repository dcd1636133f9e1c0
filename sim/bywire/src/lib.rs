//! The by-wire ECUs of the car: command frames in, actuator demand out, report frames back.
//!
//! [`ByWire`] stands for the vendor's brake, throttle and steering modules and its gateway to the
//! transmission and the lamps. It reads and writes frames only through the car's .dbc: what a signal stands for is its
//! role ([`skidpad_can::Dialect`]), which the Lincoln's signals have by their names and those of another car by an attribute,
//! and periods and phases are the file's `GenMsgCycleTime` and `GenMsgStartDelayTime`. Every car goes this one way.
//!
//! # Brake, throttle, steering
//! Each module runs this machine on its own; a fault, time-out or override of one leaves the others alone.
//! A command is followed in `Enabled` only.
//!
//! ```text
//!                        EN = 0, or no longer healthy
//!           ┌───────────────────────────────────────────────────┐
//!           ▼                                                   │
//!    ┌────────────┐  rising EN, healthy                  ┌──────┴─────┐
//!    │  Disabled  ├─────────────────────────────────────▶│  Enabled   │
//!    └────────────┘                                      └─┬───┬──────┘
//!      ▲       ▲                                           │   │    ▲
//!      │       │ next command                              │   │    │ rising EN, or
//!      │       │                                           │   │    │ CLEAR with EN = 1;
//!      │  ┌────┴─────┐    no command for 100 ms            │   │    │ healthy
//!      │  │ TimedOut │◀────────────────────────────────────┘   │    │
//!      │  └──────────┘                         driver acts for │    │
//!      │    TMOUT = 1                       50 ms, IGNORE = 0  ▼    │
//!      │                                                 ┌──────────┴─┐
//!      └─────────────────────────────────────────────────┤ Overridden │
//!               CLEAR with EN = 0, or not healthy        └────────────┘
//!                                                     OVERRIDE = 1, latched
//! ```
//!
//! - *Rising EN* is EN = 1 in a command after EN = 0 in the command before; the first command of all counts as
//!   coming after EN = 0. A module that timed out or was faulty therefore needs EN = 0 and then EN = 1.
//! - *Healthy* is: supply there, angle calibrated (steering), not both redundant channels failed, no watchdog fault.
//! - *The driver acts* on a pedal pressed some percent beyond rest, or with a torque on the column; what counts is in
//!   [`ByWireParams`]. Whoever still presses when the module is enabled overrides it at once.
//! - The pedal in effect is the larger of the driver's and, while enabled, the command's. The steering is an
//!   angle servo while enabled; otherwise the wheel is free and feels the driver's hands only.
//! - What is reported as achieved comes from the vehicle ([`skidpad_vehicle::PlantReport`]), never from the command.
//!
//! # Watchdog
//! Armed in a module once an enabled command carries a COUNT other than zero (Apollo never does). It trips when two
//! commands in a row carry the same COUNT, when the armed module is disabled while moving or in gear, or on time-out. Then every
//! module is disabled and the brakes are applied until the driver brakes; the fault stays until the driver acknowledges it
//! at the wheel.
//!
//! # Power-up and reset
//! A module that loses its supply for a moment ([`ByWire::reset`]) forgets its mode, the last command and the latched
//! override, hears and says nothing for `boot_s`, and then begins as `Disabled`: the first command counts as coming after
//! EN = 0, so a sender that never let go of EN enables it again. Meanwhile the pedals and the wheel are the driver's.
//! Injected faults and the watchdog fault survive it. The steering reports FLTCAL for `steering_calibration_s`
//! more, until it has found its angle, and is not healthy so long: EN has to fall and rise after that. If the watchdog of the module was armed, the others miss
//! its reports after the command time-out and trip (report time-out). The gateway forgets the gear asked for, not the gear.
//! All of this is an assumption: the vendor documents the bits, not the sequence.
//!
//! # Gear
//! The selector has no EN: a command is carried out where the transmission allows it (see [`GearReject`]).
//! A shift by the driver latches OVERRIDE; CLEAR of the gear command or a rising EN of any module clears it.
//!
//! # Wrong commands
//! A car's commands may carry a checksum and a rolling counter (`docs/by-wire-dialect.md`):
//! - A command of wrong length, checksum or counter, or with a value outside its range, is ignored and counted ([`ByWire::rejected_commands`]); it does
//!   not put off the time-out, and after a wrong counter the count goes on from there. Without checksum and counter a
//!   frame may be longer than its message, or cut short behind what matters (a COUNT, say), as the vendor's modules take it.
//! - After the message's `FaultAfter` such commands in a row its module has [`Fault::Commands`]: it is disabled and not
//!   healthy until `FaultAfter` right commands in a row have come with EN = 0.
//! - Where there is a rolling counter there is no watchdog: the counter takes its place.
//!
//! # Signs
//! Steering angle and torque positive left; lateral acceleration positive left, longitudinal forward, vertical up
//! (the vendor's ROS driver passes the three on unchanged as a right-handed forward-left-up frame); yaw rate positive left, roll
//! rate about the forward axis. Accelerations are specific forces: a car at rest reads +9.8 upward. The speed in the
//! steering report has no sign; wheel speeds do.
//!
//! # Not modelled
//! CMD_TYPE of newer firmware (the pedal command is always a raw position), QUIET; of the licence (0x7E) all pages but the
//! first. Blind-spot warning and sonar (0x73) are switched off; the counts of a wheel's turn (0x70) are an assumption.

mod bywire;
mod commands;
mod driver;
mod event;
mod gear;
mod gps;
mod module;
mod params;
mod reports;
mod state;
mod unit;

pub use bywire::{ByWire, ByWireError, Commanded, NoSuchFault};
pub use driver::{DriverInput, Hands, TurnSignal};
pub use event::{Event, EventKind, Fault, GearReject, Subsystem, WatchdogCause};
pub use gps::{CarGps, GpsFix};
pub use module::Mode;
pub use params::{ByWireParams, ParamError};
pub use unit::Unit;
