//! Metrics and the pass or fail verdict.
//!
//! The engine hands the [`Scorer`] one [`Sample`] every 10 ms: the true state of the car, what the
//! stack believed, and what it commanded. The scorer projects the truth onto the [`Reference`] by
//! geometry (nearest point on the path, never by index), returns the [`Errors`] of that instant for
//! the trace, and condenses the run into [`Metrics`]. [`verdict`] holds those against the `[pass]`
//! table of the scenario, [`PassLimits`].
//!
//! Frames: positions in the local ENU frame of the map, headings from east, counter-clockwise. Every
//! error is **actual minus reference**: lateral positive left of the path, speed positive when too
//! fast, station positive when ahead.

mod limits;
mod metrics;
mod profile;
mod reference;
mod sample;
mod scorer;
mod signal;

pub use limits::{
    Bound, COLLISION_EVENT, EMERGENCY_STOP_EVENT, EventLimits, LimitInfo, LimitResult, PassLimits, Standing,
    Verdict, verdict,
};
pub use metrics::{MetricInfo, Metrics};
pub use profile::{ProfileError, SpeedProfile};
pub use reference::{Reference, ReferenceError};
pub use sample::{BelievedPose, Command, Errors, Sample, TrueState};
pub use scorer::{SAMPLE_PERIOD_S, STANDSTILL_MPS, Scorer};
