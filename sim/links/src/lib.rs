//! The outside: what crosses the boundary between a simulation and the machine it runs on.
//!
//! The only room below the command line that does I/O and reads clocks. Nothing here blocks a tick: sockets and
//! terminals are polled once a tick, buffers are bounded, what does not fit is dropped and counted.
//!
//! - [`Pacer`] holds the ticks to the monotonic clock and says how well that went.

mod pace;

pub use pace::{Clock, PaceReport, Pacer, SystemClock};
