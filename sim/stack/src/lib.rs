//! The embedded stack, one module per seat: planning, control, localization, canbus, gnss_driver.
//!
//! Every seat is sans-IO: messages go in by `on_…`, and `tick(now_unix_s)` gives the message that is due. No seat
//! reads a clock, and none sees the world or the vehicle's true state, so that each can be replaced by the real
//! module on the same topics.

pub mod canbus;
pub mod control;
pub mod gnss_driver;
pub mod localization;
pub mod planning;
