//! CAN frames, the signal codec driven by a .dbc, and the bus model.
//!
//! - [`Frame`] is what travels; [`SignalLayout`] says where a number sits in it.
//! - [`Bus`] is the wire: exact frame times, arbitration by identifier, queueing, load, and what may go wrong.
//! - [`slcan`] and [`candump`] are frames as text, [`multicast`] as python-can sends them in datagrams.
//! - [`Dbc`] reads the layout of a car's messages from its .dbc file.
//! - [`Dialect`] is what its signals stand for and how its frames are protected: [`Role`], [`Checksum`], rolling
//!   counter.

mod bus;
pub mod candump;
mod checksum;
mod confinement;
mod dbc;
mod dialect;
mod fault;
mod frame;
pub mod multicast;
mod role;
mod signal;
pub mod slcan;

pub use bus::{Bus, BusCounters, Delivery, NodeId, frame_bits};
pub use checksum::Checksum;
pub use confinement::{ErrorState, StateChange};
pub use dbc::{AttributeValue, Dbc, DbcError, MessageLayout, Missing, Signal, SignalHandle};
pub use dialect::{
    Dialect, DialectError, DialectMessage, Flaw, Flaws, Guard, Protection, RoleSignal, Sealer,
};
pub use fault::{Babble, FrameEffect, FrameFault};
pub use frame::{Frame, Unsupported};
pub use role::Role;
pub use signal::SignalLayout;
