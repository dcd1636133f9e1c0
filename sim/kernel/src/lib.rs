//! What makes a run repeatable: simulated time, periodic schedules, latency queues, random streams.
//!
//! Nothing here reads a clock or global state; every type is plain data that can be cloned to
//! snapshot a run.

mod queue;
mod random;
mod schedule;
mod time;

pub use queue::LatencyQueue;
pub use random::NoiseStream;
pub use schedule::Periodic;
pub use time::SimTime;
