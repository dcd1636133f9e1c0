//! The simulation behind the window: its thread, what has been recorded of it, and what may be asked of it.
//!
//! A [`Run`] is one run without any thread: it steps, it takes what the user does ([`Run::inject`], [`Run::drive`]) and
//! keeps a log of it, so that the run can be taken back to any instant ([`Run::rewind`]) and saved as a scenario
//! ([`Run::save`]). A [`Session`] runs it in a thread at the pace that is asked for and shows its [`View`].

mod beside;
mod drive;
mod export;
mod meaning;
mod moment;
mod recording;
mod run;
mod runs;
mod tables;
mod trace;
mod tree;
mod worker;

pub use beside::{Beside, Looks};
pub use drive::{Axes, DriverWish, Keys};
pub use export::csv;
pub use meaning::{meaning, short_name, unit};
pub use moment::{Moment, WheelMoment, column};
pub use recording::{MAX_MOMENTS, Recording};
pub use run::{FREE_DRIVE, Run, RunError, free_drive, recorded_drive};
pub use runs::{FoundRun, RunFile, find_runs, read_run};
pub use tables::{CanRow, Tables, TopicRow};
pub use trace::{ReadTraceError, read_trace};
pub use tree::{Node, tree};
pub use worker::{Command, OutsideView, Pace, Score, Session, State, View, scenario_files};
