//! One simulation: owns the world, the car and the stack, and advances time tick by tick.
//!
//! Free of I/O and clocks: a run is a function of the loaded scenario and the seed. One tick is 1 ms, in
//! this order:
//!
//! 1. due events and faults of the scenario act;
//! 2. CAN frames that have arrived reach the by-wire ECUs, the stack's canbus and whoever listens outside
//!    ([`Outside`]); what comes from there begins to compete for the bus;
//! 3. the ECUs ask the actuators, contacts resolve, and the vehicle steps to the present instant;
//! 4. the sensors see the truth of this instant; what they have sent arrives at the driver when its latency is over;
//! 5. the ECUs send their periodic reports;
//! 6. the seats whose timers are due run on the messages that have arrived;
//! 7. the score and the recorders observe, every 10 ms.
//!
//! A seat of the stack may be outside ([`RunOptions::external`]): its messages then come through [`Outside::messages_in`],
//! and what it reads goes out through [`Outside::message_out`]. The world then waits for it: until the car is in
//! auto the vehicle stands in its start state while bus, sensors and seats run, the operator presses RESET and
//! START as Apollo's HMI does, and the scenario's time is zero when the car is in auto.
//!
//! ```no_run
//! use skidpad_engine::{RunOptions, Simulation};
//! use skidpad_scenario::Library;
//! use std::path::Path;
//!
//! let mut library = Library::locate(None)?;
//! let scenario = library.load(Path::new("scenarios/skid_pad/left.toml"))?;
//! let simulation = Simulation::new(&scenario, &RunOptions::default())?;
//! let outcome = simulation.run(|_sample| (), || false).expect("not stopped");
//! println!("{:.3} m rms", outcome.metrics.lateral_error_rms_m);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod car;
mod explain;
mod message;
mod observer;
mod operator;
mod outside;
mod parts;
mod replay;
mod seats;
mod simulation;
mod stack;
mod trace;
mod watch;

pub use explain::out_of_reach;
pub use message::{MessageError, TopicMessage};
pub use observer::RunEvent;
pub use outside::{Outside, Sender};
pub use replay::recording_of;
pub use seats::{SeatId, Seats};
pub use simulation::{EPOCH_UNIX_S, Outcome, RunOptions, SetupError, Simulation, Stage, TICK, Waiting};
pub use trace::TraceSample;
pub use watch::{CommandAge, ExternalReport, SeatNow, SeatReport};
