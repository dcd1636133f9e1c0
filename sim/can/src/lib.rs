//! CAN frames, the signal codec driven by a .dbc, and the bus model.
//!
//! - [`Frame`] is what travels; [`SignalLayout`] says where a number sits in it.
//! - [`Bus`] is the wire: exact frame times, arbitration by identifier, queueing, load, and what may go wrong.
//! - [`Dbc`] reads the layout of a car's messages from its .dbc file.

mod bus;
mod dbc;
mod fault;
mod frame;
mod signal;

pub use bus::{Bus, BusCounters, Delivery, NodeId, frame_bits};
pub use dbc::{Dbc, DbcError, MessageLayout, Missing, Signal, SignalHandle};
pub use fault::{Babble, FrameEffect, FrameFault};
pub use frame::Frame;
pub use signal::SignalLayout;
