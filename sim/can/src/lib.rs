//! CAN frames, the signal codec driven by a .dbc, and the bus model.

mod frame;
mod signal;

pub use frame::Frame;
pub use signal::SignalLayout;
