//! Scenario files: types, loading, errors with file, line and column, JSON Schema.
//!
//! [`parse`] reads the text of a scenario alone. A [`Library`] finds the vehicles and maps that
//! scenarios name, and loads a scenario with everything it needs, parsed and checked: a
//! [`LoadedScenario`] is ready to run. [`discover`] finds scenario files in folders.
//!
//! Everything that is wrong with a file is reported at once, each [`Problem`] with its place:
//! `scenarios/a.toml:12:5: unknown key …; did you mean …?`. Nothing here runs a simulation.

mod check;
mod document;
mod error;
mod events;
mod fault;
mod files;
mod kit;
mod library;
mod names;
mod obstacles;
mod overrides;
mod parse;
mod ranges;
mod reference;
mod schema;
mod sensors;
mod spec;
mod structure;

pub use check::folder_name;
pub use error::{LoadError, Problem};
pub use events::{Action, ControlChange, EVENTS, Event, EventInfo, HoldWheel, Schedule, Trigger};
pub use fault::{FAULTS, Fault, FaultEffect, FaultInfo, FaultPlace};
pub use files::{MAX_FILE_BYTES, discover};
pub use library::{DATA_ENV, Library, LoadedScenario, StartState, VehicleFiles, read_map};
pub use obstacles::{ConeSpec, OneOrMore, SpeedSpec, TrafficSpec};
pub use parse::parse;
pub use ranges::read_ranges;
pub use reference::{recording_anchor, recording_reference};
pub use schema::{SchemaKind, schema_json};
pub use sensors::SensorsFlaw;
pub use spec::{
    BywireFault, CarFault, DriverAction, EventSpec, FaultSpec, GearName, GnssFault, GnssProfile, GnssSpec,
    GustSpec, ImuPreset, ImuProfile, ImuSpec, LinksSpec, OneOrMany, OperatorSpec, Override, PaceName,
    PaceSpec, Pad, PlanningAction, PoseSpec, ReferenceSpec, RoadChange, RoadSpec, Scenario, Seat,
    SensorsSpec, StackSpec, StartSpec, TurnName, WhenSpec, WindSpec,
};
