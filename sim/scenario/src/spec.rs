//! The scenario file, as it is written.

use crate::fault;
use crate::obstacles::{ConeSpec, TrafficSpec};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use skidpad_score::PassLimits;
use skidpad_sensors::{FixType, Start, VibrationParams};
use skidpad_world::RoughnessLevel;
use std::collections::BTreeMap;

/// A scenario file: one run of the simulator and the limits it must keep.
///
/// ```
/// # let text = r#"
/// schema = 1
/// name = "waypoints at 20 km/h"
/// description = "Follows the handling loop; proves the lateral loop at town speed."
/// vehicle = "lincoln_mkz"
/// map = "proving_ground"
/// duration_s = 40.0
/// seed = 7
///
/// [start]
/// on = "handling_loop"
///
/// [reference]
/// path = "handling_loop"
/// speed_mps = [[0.0, 0.0], [30.0, 5.5], [150.0, 5.5], [180.0, 0.0]]
///
/// [pass]
/// lateral_error_max_m = 0.30
/// lateral_error_rms_m = 0.10
/// # "#;
/// # let scenario = skidpad_scenario::parse(text, "waypoints.toml").unwrap();
/// # assert_eq!(scenario.duration_s, 40.0);
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// Version of this format: 1.
    pub schema: u32,
    /// Name of the scenario, unique in a run; also names its folder in the results.
    #[schemars(length(min = 1, max = 100))]
    pub name: String,
    /// What the scenario proves, and why its limits are what they are.
    #[serde(default)]
    pub description: String,
    /// Name of a folder in `vehicles/`.
    pub vehicle: String,
    /// Name of a folder in `maps/`. May be left out with `reference.file`: an endless level plane of dry
    /// asphalt at the height of the recording's first row.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub map: Option<String>,
    /// Length of the run, s of simulated time.
    #[schemars(extend("exclusiveMinimum" = 0.0), range(max = 3600.0))]
    pub duration_s: f64,
    /// Seed of all noise. The same seed gives the same run, to the bit.
    #[serde(default)]
    #[schemars(range(max = 9_223_372_036_854_775_807u64))]
    pub seed: u64,
    /// Where the car starts. May be left out with `reference.file`: where the recording starts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<StartSpec>,
    /// What the planning seat plays and the score compares with. Without it nothing is planned: for runs
    /// with a driver only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<ReferenceSpec>,
    /// Who fills the seats of the stack.
    #[serde(default)]
    pub stack: StackSpec,
    /// Where the run meets the outside.
    #[serde(default)]
    pub links: LinksSpec,
    /// What the sensors are like.
    #[serde(default)]
    pub sensors: SensorsSpec,
    /// The person at the dashboard of the stack.
    #[serde(default)]
    pub operator: OperatorSpec,
    /// The ground, where it is not as the map says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub road: Option<RoadSpec>,
    /// The wind. Left out: none, but gusts may come as events.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wind: Option<WindSpec>,
    /// Cones on the road, at most 1000.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 1000))]
    pub cone: Vec<ConeSpec>,
    /// Other vehicles, at most 100.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 100))]
    pub traffic: Vec<TrafficSpec>,
    /// What happens during the run; at most 1000 events.
    #[serde(default)]
    #[schemars(length(max = 1000))]
    pub event: Vec<EventSpec>,
    /// The limits.
    #[serde(default)]
    pub pass: PassLimits,
}

/// `[start]`: on a named path of the map, or at a pose.
///
/// ```
/// # let head = "schema = 1\nname = \"a\"\nvehicle = \"v\"\nmap = \"m\"\nduration_s = 1.0\n";
/// # let ok = |tail: &str| skidpad_scenario::parse(&format!("{head}{tail}"), "a.toml").unwrap();
/// # ok(r#"
/// [start]
/// on = "handling_loop"
/// station_m = 25.0
/// lateral_m = -0.2
/// speed_mps = 5.0
/// gear = "drive"
/// # "#);
/// # ok(r#"
/// [start]
/// pose = { x_m = 10.0, y_m = -4.0, heading_deg = 90.0 }
/// # "#);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StartSpec {
    /// A named path of the map. Either this or `pose`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on: Option<String>,
    /// With `on`: how far along the path the rear axle stands, m. Left out: 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0.0, max = 1e6))]
    pub station_m: Option<f64>,
    /// With `on`: how far left of the path, m.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = -100.0, max = 100.0))]
    pub lateral_m: Option<f64>,
    /// With `on`: how far the car is turned left against the path, deg.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = -180.0, max = 180.0))]
    pub heading_offset_deg: Option<f64>,
    /// A pose in the frame of the map. Either this or `on`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pose: Option<PoseSpec>,
    /// Speed, m/s, negative backward; the wheels roll along.
    #[serde(default)]
    #[schemars(range(min = -20.0, max = 80.0))]
    pub speed_mps: f64,
    /// Gear at the start. Left out, the engine chooses one that fits the speed and the operator.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gear: Option<GearName>,
}

/// A pose in the frame of the map (local ENU: x east, y north).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PoseSpec {
    /// East of the map's anchor, rear-axle centre, m.
    #[schemars(range(min = -1e6, max = 1e6))]
    pub x_m: f64,
    /// North of the map's anchor, rear-axle centre, m.
    #[schemars(range(min = -1e6, max = 1e6))]
    pub y_m: f64,
    /// Heading from east, counter-clockwise, deg.
    #[schemars(range(min = -360.0, max = 360.0))]
    pub heading_deg: f64,
}

/// A gear.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum GearName {
    /// Parking pawl.
    Park,
    /// Backward.
    Reverse,
    /// No drive torque.
    Neutral,
    /// Forward.
    Drive,
    /// Forward with more engine braking.
    Low,
}

impl From<GearName> for skidpad_vehicle::Gear {
    fn from(name: GearName) -> Self {
        match name {
            GearName::Park => skidpad_vehicle::Gear::Park,
            GearName::Reverse => skidpad_vehicle::Gear::Reverse,
            GearName::Neutral => skidpad_vehicle::Gear::Neutral,
            GearName::Drive => skidpad_vehicle::Gear::Drive,
            GearName::Low => skidpad_vehicle::Gear::Low,
        }
    }
}

/// A turn signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TurnName {
    /// Left.
    Left,
    /// Right.
    Right,
}

impl From<TurnName> for skidpad_bywire::TurnSignal {
    fn from(name: TurnName) -> Self {
        match name {
            TurnName::Left => skidpad_bywire::TurnSignal::Left,
            TurnName::Right => skidpad_bywire::TurnSignal::Right,
        }
    }
}

/// `[reference]`: a named path with a speed profile, or a recorded drive.
///
/// ```
/// # let head = "schema = 1\nname = \"a\"\nvehicle = \"v\"\nduration_s = 1.0\n";
/// # let ok = |tail: &str| skidpad_scenario::parse(&format!("{head}{tail}"), "a.toml").unwrap();
/// # ok(r#"
/// # map = "m"
/// # start = { on = "skid_pad_left" }
/// [reference]
/// path = "skid_pad_left"               # a closed path: stations go on growing lap after lap
/// speed_mps = [[0.0, 0.0], [20.0, 6.0]]  # [station, speed]; constant acceleration in between
/// laps = 3
/// # "#);
/// # ok(r#"
/// [reference]
/// file = "drive.csv"                   # beside the scenario file
/// utm_zone = 10
/// # "#);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReferenceSpec {
    /// A named path of the map. Either this or `file`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// With `path`: speed by station, `[[station_m, speed_mps], …]`, stations increasing. v² is linear in
    /// between (constant acceleration); after the last pair its speed holds. The reference starts at the
    /// first station. Two zero speeds in a row are refused: the car would never arrive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub speed_mps: Option<Vec<[f64; 2]>>,
    /// With `path`: where the reference ends, m. Left out: at the last station of `speed_mps`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0.0, max = 1e6))]
    pub end_station_m: Option<f64>,
    /// With a closed `path`, instead of `end_station_m`: how many times round.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1000))]
    pub laps: Option<u32>,
    /// A drive as Apollo's RTK recorder writes it (CSV, UTM coordinates); a path relative to the scenario
    /// file. Either this or `path`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// With `file`: UTM zone of its coordinates. Left out: 10 (California).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 60))]
    pub utm_zone: Option<u8>,
    /// With `file`: the zone is north of the equator. Left out: true.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub northern: Option<bool>,
}

/// `[stack]`: who fills each seat.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct StackSpec {
    /// Publishes the trajectory.
    pub planning: Seat,
    /// Publishes the control command.
    pub control: Seat,
    /// Publishes the pose.
    pub localization: Seat,
    /// Turns commands into CAN frames and CAN frames into the chassis message.
    pub canbus: Seat,
    /// Turns the receiver's logs into messages.
    pub gnss_driver: Seat,
    /// Numbers of the vehicle's `control.toml` that this scenario replaces, by name (`lateral.ts_s`, or
    /// just `steer_transmission_ratio` where the name is unique in the file).
    ///
    /// ```
    /// # let text = r#"
    /// # schema = 1
    /// # name = "half the steering"
    /// # vehicle = "v"
    /// # map = "m"
    /// # duration_s = 1.0
    /// # start = { on = "loop" }
    /// [stack.control_overrides]
    /// steer_transmission_ratio = 8.0
    /// longitudinal.station_pid.kp = 0.1
    /// # "#;
    /// # skidpad_scenario::parse(text, "a.toml").unwrap();
    /// ```
    pub control_overrides: BTreeMap<String, Override>,
}

/// Who fills a seat.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Seat {
    /// Skidpad's own module.
    #[default]
    Embedded,
    /// A process outside, on a link of `[links]` or the command line. The run then waits until it has engaged the car,
    /// and the scenario's time begins with that.
    External,
}

/// `[links]`: where the run meets the outside. Options of `skidpad run` replace these.
///
/// ```
/// # let text = r#"
/// # schema = 1
/// # name = "a"
/// # vehicle = "v"
/// # map = "m"
/// # duration_s = 1.0
/// # start = { on = "loop" }
/// # stack = { canbus = "external" }
/// [links]
/// can = ["slcan", "candump:drive.log"]
/// gnss = ["tcp:127.0.0.1:3001"]
/// pace = "real"
/// # "#;
/// # skidpad_scenario::parse(text, "a.toml").unwrap();
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LinksSpec {
    /// CAN links: `slcan` (a pseudo-terminal that Skidpad makes and names), `slcan:DEVICE`,
    /// `slcan-tcp:ADDRESS:PORT`, `socketcan:INTERFACE`, `udp_multicast:GROUP:PORT` or `candump:FILE` (a log).
    #[schemars(length(max = 15))]
    pub can: Vec<String>,
    /// Links to the receiver's port: `tcp` (a server on 127.0.0.1:3001), `tcp:ADDRESS:PORT`, `pty` (a pseudo-terminal
    /// that Skidpad makes and names) or `file:PATH` (a recording).
    #[schemars(length(max = 15))]
    pub gnss: Vec<String>,
    /// Links that carry the stack's topics: `ros1` (Skidpad serves the ROS master), `ros1:http://HOST:PORT`,
    /// `lockstep:unix:PATH` or `lockstep:tcp:ADDRESS:PORT`.
    #[schemars(length(max = 4))]
    pub topics: Vec<String>,
    /// Publishes simulated time on `/clock` of a `ros1` link, for nodes of ROS that live by it (`use_sim_time`). Apollo 1.0
    /// does not: its stamps and time-outs are those of the wall clock.
    pub clock: bool,
    /// How fast simulated time passes. Left out: as on the clock if a peer can take part, else as fast as the
    /// machine can. A number: so many times as fast as on the clock, for a stack whose own clock runs so fast.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pace: Option<PaceSpec>,
}

/// How fast simulated time passes: by name, or as a multiple of the clock's.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum PaceSpec {
    /// By name.
    Named(PaceName),
    /// So many times as fast as the clock.
    Times(#[schemars(range(min = 0.01, max = 100.0))] f64),
}

impl PaceSpec {
    /// The slowest multiple of the clock's pace.
    pub const MIN_TIMES: f64 = 0.01;
    /// The fastest one.
    pub const MAX_TIMES: f64 = 100.0;
}

/// How fast simulated time passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PaceName {
    /// As on the clock.
    Real,
    /// As fast as the machine can.
    Max,
}

/// A replaced number, or a table of them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Override {
    /// The number.
    Number(f64),
    /// Numbers of a table of `control.toml`.
    Table(BTreeMap<String, Override>),
}

/// `[sensors]`: what the sensors are like.
///
/// ```
/// # let text = r#"
/// # schema = 1
/// # name = "a"
/// # vehicle = "v"
/// # map = "m"
/// # duration_s = 1.0
/// # start = { on = "loop" }
/// [sensors]
/// gnss = { profile = "rtk_fixed", start = "aligned", terms = { fixed_after_s = 20.0 } }
/// imu = { preset = "kvh", profile = "datasheet", gyro = { scale_factor_ppm = 800.0 }, vibration = { idle = 1.0 } }
/// # "#;
/// # skidpad_scenario::parse(text, "a.toml").unwrap();
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SensorsSpec {
    /// The GNSS/INS receiver.
    pub gnss: GnssSpec,
    /// The inertial measurement unit.
    pub imu: ImuSpec,
}

/// The GNSS/INS receiver.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct GnssSpec {
    /// How good it is.
    pub profile: GnssProfile,
    /// `cold`: it has just been switched on, and must find satellites and align. It aligns only while it drives
    /// (5 m/s) or with two antennas.
    pub start: Start,
    /// Distance of a second antenna in front of the first, m. Left out: one antenna.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0.2, max = 20.0))]
    pub dual_antenna_baseline_m: Option<f64>,
    /// Where the antenna is, from the rear axle's centre on the ground: forward, left, up, m.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub antenna_lever_arm_m: Option<[f64; 3]>,
    /// Single numbers of [`ReceiverParams`](skidpad_sensors::ReceiverParams), by name, in place of the profile's.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub terms: BTreeMap<String, f64>,
}

/// How good the receiver is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum GnssProfile {
    /// RTK fixed: centimetres, with correlated errors.
    #[default]
    RtkFixed,
    /// RTK float: decimetres.
    RtkFloat,
    /// Pseudoranges with corrections: 0.4 m.
    PsrDiff,
    /// Pseudoranges alone: 1.2 m.
    Single,
    /// The truth, at once.
    Ideal,
}

/// The inertial measurement unit.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ImuSpec {
    /// Which unit.
    pub preset: ImuPreset,
    /// How good it is.
    pub profile: ImuProfile,
    /// Where it is, from the rear axle's centre on the ground: forward, left, up, m.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lever_arm_m: Option<[f64; 3]>,
    /// Single numbers of [`GyroParams`](skidpad_sensors::GyroParams), by name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub gyro: BTreeMap<String, f64>,
    /// Single numbers of [`AccelParams`](skidpad_sensors::AccelParams), by name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub accel: BTreeMap<String, f64>,
    /// Vibration of its mount.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vibration: Option<VibrationParams>,
    /// How late a sample lies before its stamp, s.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0.0, max = 0.005))]
    pub latency_s: Option<f64>,
    /// Unsteadiness of the sample instants, s.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0.0, max = 0.001))]
    pub jitter_s: Option<f64>,
    /// Share of its samples that are lost on the line to the receiver.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0.0, max = 0.5))]
    pub dropped_share: Option<f64>,
    /// How much warmer than when calibrated it gets, K.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0.0, max = 100.0))]
    pub warm_up_k: Option<f64>,
}

/// An inertial measurement unit that Apollo's cars carry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ImuPreset {
    /// ADIS16488 in NovAtel's IMU-IGM-A1: silicon.
    #[default]
    #[serde(rename = "adis16488")]
    Adis16488,
    /// KVH in NovAtel's SPAN-CPT: fibre optics.
    #[serde(rename = "kvh")]
    Kvh,
    /// NovAtel's ISA-100C: fibre optics, near navigation grade.
    #[serde(rename = "isa_100c")]
    Isa100c,
}

/// How good the inertial measurement unit is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ImuProfile {
    /// Noise and biases of the data sheet.
    #[default]
    Datasheet,
    /// Three times the errors of the data sheet, and the rarer ones.
    Degraded,
    /// The truth.
    Ideal,
}

/// `[operator]`: the person at the dashboard of the stack.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct OperatorSpec {
    /// Presses RESET and START at the beginning. `false`: no one does, unless an event says so.
    pub engage: bool,
}

impl Default for OperatorSpec {
    fn default() -> Self {
        OperatorSpec { engage: true }
    }
}

/// `[road]`: the ground, where it is not as the map says.
///
/// ```
/// # let text = r#"
/// # schema = 1
/// # name = "a"
/// # vehicle = "v"
/// # map = "m"
/// # duration_s = 1.0
/// # start = { on = "loop" }
/// [road]
/// roughness = "c"                      # "a", "b", "c", or G_d(n0) in m³: 256e-6
/// # "#;
/// # skidpad_scenario::parse(text, "a.toml").unwrap();
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RoadSpec {
    /// How rough the ground is, on the roads and beside them, in place of the map's `surface.roughness`.
    /// The seed says which bumps it is.
    pub roughness: RoughnessLevel,
}

/// `[wind]`: the same over the whole map.
///
/// ```
/// # let text = r#"
/// # schema = 1
/// # name = "a"
/// # vehicle = "v"
/// # map = "m"
/// # duration_s = 1.0
/// # start = { on = "loop" }
/// [wind]
/// speed_mps = 8.0
/// from_deg = 90.0                      # from the north
/// turbulence_mps = 1.5
/// # "#;
/// # skidpad_scenario::parse(text, "a.toml").unwrap();
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WindSpec {
    /// Mean speed, m/s.
    #[schemars(range(min = 0.0, max = 60.0))]
    pub speed_mps: f64,
    /// Where it comes from, deg counter-clockwise from east, as headings are counted: 90 is a wind from the
    /// north.
    #[schemars(range(min = -360.0, max = 360.0))]
    pub from_deg: f64,
    /// Turbulence (Dryden spectrum): standard deviation of each horizontal component, m/s. Left out: none.
    #[serde(default)]
    #[schemars(range(min = 0.0, max = 20.0))]
    pub turbulence_mps: f64,
    /// Length scale of the turbulence, m. Left out: 20, as measured on roads at the height of a car.
    #[serde(default = "road_turbulence_length_m")]
    #[schemars(range(min = 1.0, max = 1000.0))]
    pub turbulence_length_m: f64,
}

fn road_turbulence_length_m() -> f64 {
    20.0
}

impl From<WindSpec> for skidpad_world::WindParams {
    fn from(spec: WindSpec) -> Self {
        skidpad_world::WindParams {
            mean_mps: spec.speed_mps,
            from_rad: spec.from_deg.to_radians(),
            turbulence_mps: spec.turbulence_mps,
            turbulence_length_m: spec.turbulence_length_m,
        }
    }
}

/// `[[event]]`: when, and exactly one thing that happens then.
///
/// ```
/// # let head = "schema = 1\nname = \"a\"\nvehicle = \"v\"\nmap = \"m\"\nduration_s = 60.0\n
/// # start = { on = \"loop\" }\nreference = { path = \"loop\", speed_mps = [[0, 1], [9, 1]] }\n";
/// # let text = format!("{head}{}", r#"
/// [[event]]
/// name = "tunnel"
/// when = { station_m = 120.0 }
/// gnss = { outage_s = 3.0 }            # satellites lost, the INS coasts
///
/// [[event]]
/// when = { after = "tunnel", delay_s = 10.0 }
/// gnss = { silence_s = 0.5 }           # the receiver sends nothing
///
/// [[event]]
/// when = { time_s = 20.0 }
/// gnss = { degrade_to = "narrow_float", for_s = 15.0 }   # or wrong_fix_m, multipath_m, lose_corrections_s
///
/// [[event]]
/// when = { time_s = 12.0 }
/// bywire = { lose_commands_s = 0.5 }   # the command frames do not arrive
///
/// [[event]]
/// when = { time_s = 14.0 }
/// fault = { unit = "bus", type = "delay", target = ["BrakeCommand", "0x64"], delay_s = 0.05, share = 0.5, for_s = 2.0 }
///
/// [[event]]
/// when = { time_s = 20.0 }
/// fault = { unit = "steering", type = "reset" }
///
/// [[event]]
/// when = { speed_above_mps = 5.0 }
/// driver = { hold_wheel_deg = 90.0, torque_nm = 6.0, for_s = 1.5 }
///
/// [[event]]
/// when = { speed_below_mps = 1.0 }
/// driver = { brake_pct = 40.0, for_s = 2.0 }
///
/// [[event]]
/// when = { station_m = 200.0 }
/// gust = { speed_mps = 12.0, from_deg = 90.0, rise_s = 0.3, for_s = 3.0 }
///
/// [[event]]
/// when = { time_s = 30.0 }
/// planning = { estop = true }
///
/// [[event]]
/// when = { time_s = 40.0 }
/// pad = "reset"
/// # "#);
/// # skidpad_scenario::parse(&text, "a.toml").unwrap();
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EventSpec {
    /// Name, for `after` of other events, for `[pass] events` and for the report.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 100))]
    pub name: Option<String>,
    /// When it happens; once.
    pub when: WhenSpec,
    /// The receiver fails.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gnss: Option<GnssFault>,
    /// The by-wire system fails.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bywire: Option<BywireFault>,
    /// The bus or a by-wire unit fails.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<FaultSpec>,
    /// The driver acts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub driver: Option<DriverAction>,
    /// A gust of wind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gust: Option<GustSpec>,
    /// Planning acts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub planning: Option<PlanningAction>,
    /// The operator presses a button.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pad: Option<Pad>,
    /// The car has something wrong with it that no by-wire unit knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub car: Option<CarFault>,
    /// The road changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub road: Option<RoadChange>,
    /// The embedded control gets other parameters from now on: those of the scenario with these changes, written as in
    /// `[stack.control_overrides]`. What control remembers (integrals, filters) stays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub control: Option<BTreeMap<String, Override>>,
}

/// When an event happens: exactly one of the keys, `delay_s` only with `after`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WhenSpec {
    /// At this time, s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0.0, max = 3600.0))]
    pub time_s: Option<f64>,
    /// When the rear axle first reaches this station of the reference, m.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = -1e6, max = 1e6))]
    pub station_m: Option<f64>,
    /// When the speed is first above this, m/s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0.0, max = 100.0))]
    pub speed_above_mps: Option<f64>,
    /// When the speed first falls below this, after it has been above, m/s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("exclusiveMinimum" = 0.0), range(max = 100.0))]
    pub speed_below_mps: Option<f64>,
    /// After the event of this name began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// With `after`: how long after, s. Left out: at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0.0, max = 3600.0))]
    pub delay_s: Option<f64>,
}

/// The receiver fails: exactly one of `outage_s`, `silence_s`, `degrade_to`, `lose_corrections_s`, `wrong_fix_m` and
/// `multipath_m`; `for_s` goes with those that are no time.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GnssFault {
    /// The satellites are lost for this long, s; the INS coasts on the IMU.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("exclusiveMinimum" = 0.0), range(max = 3600.0))]
    pub outage_s: Option<f64>,
    /// The receiver sends nothing for this long, s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("exclusiveMinimum" = 0.0), range(max = 3600.0))]
    pub silence_s: Option<f64>,
    /// The fix gets no better than this; afterwards it climbs back in its own time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub degrade_to: Option<FixType>,
    /// The corrections of the base station do not arrive for this long, s: their age grows, and the fix falls when
    /// they are 60 s and 300 s old.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("exclusiveMinimum" = 0.0), range(max = 3600.0))]
    pub lose_corrections_s: Option<f64>,
    /// The ambiguities are resolved wrongly: the position is off by this to the `bearing_deg`, m, and the receiver
    /// does not know.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("exclusiveMinimum" = 0.0), range(max = 100.0))]
    pub wrong_fix_m: Option<f64>,
    /// With `wrong_fix_m`: from north, clockwise, degrees. Left out: 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = -360.0, max = 360.0))]
    pub bearing_deg: Option<f64>,
    /// Reflected signals pull the position by this, 1 sigma per axis, m, and the receiver does not know.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("exclusiveMinimum" = 0.0), range(max = 100.0))]
    pub multipath_m: Option<f64>,
    /// With `degrade_to`, `wrong_fix_m`, `multipath_m`: how long, s. Left out: for the rest of the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("exclusiveMinimum" = 0.0), range(max = 3600.0))]
    pub for_s: Option<f64>,
}

/// The by-wire system fails.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BywireFault {
    /// The command frames are lost for this long, s.
    #[schemars(extend("exclusiveMinimum" = 0.0), range(max = 3600.0))]
    pub lose_commands_s: f64,
}

/// The bus or a by-wire unit fails: unit × type × target.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FaultSpec {
    /// Who has the fault.
    #[schemars(schema_with = "fault::unit_schema")]
    pub unit: String,
    /// What goes wrong: a name of [`FAULTS`](crate::FAULTS).
    #[serde(rename = "type")]
    #[schemars(schema_with = "fault::type_schema")]
    pub kind: String,
    /// Which frames: names of the car's .dbc, identifiers ("0x65" or "101"), `commands`, `reports`. Left out: all that
    /// the unit sends or reads; of the bus, every frame.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<OneOrMany>,
    /// Share of these frames, drawn with the seed of the run. Left out: all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0.0, max = 1.0))]
    pub share: Option<f64>,
    /// `delay`: how late, s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("exclusiveMinimum" = 0.0), range(max = 1.0))]
    pub delay_s: Option<f64>,
    /// `babble`: frames a second; the bus takes about 4000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1.0, max = 10_000.0))]
    pub rate_hz: Option<f64>,
    /// How long, s. Left out: for the rest of the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("exclusiveMinimum" = 0.0), range(max = 3600.0))]
    pub for_s: Option<f64>,
}

/// A name or a list of them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum OneOrMany {
    /// One.
    One(String),
    /// Several.
    Many(#[schemars(length(min = 1, max = 100))] Vec<String>),
}

impl From<String> for OneOrMany {
    fn from(name: String) -> Self {
        OneOrMany::One(name)
    }
}

impl From<OneOrMany> for Vec<String> {
    fn from(names: OneOrMany) -> Self {
        match names {
            OneOrMany::One(name) => vec![name],
            OneOrMany::Many(names) => names,
        }
    }
}

/// The driver acts for a while: at the wheel, on the pedals, with the selector, or several at once.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DriverAction {
    /// Holds the steering wheel at this angle, deg, positive left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = -720.0, max = 720.0))]
    pub hold_wheel_deg: Option<f64>,
    /// With `hold_wheel_deg`: the largest torque of the hands, Nm. Left out: 10.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("exclusiveMinimum" = 0.0), range(max = 100.0))]
    pub torque_nm: Option<f64>,
    /// Brake pedal, %.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0.0, max = 100.0))]
    pub brake_pct: Option<f64>,
    /// Accelerator pedal, %.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0.0, max = 100.0))]
    pub throttle_pct: Option<f64>,
    /// Moves the gear selector at the beginning of the action.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gear: Option<GearName>,
    /// Applies the parking brake at the beginning of the action, or releases it. It stays so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parking_brake: Option<bool>,
    /// Holds the turn signal lever.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub turn_signal: Option<TurnName>,
    /// How long, s.
    #[schemars(extend("exclusiveMinimum" = 0.0), range(max = 3600.0))]
    pub for_s: f64,
}

/// A gust on top of the wind: rises by half a cosine, holds its peak, falls as it rose.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GustSpec {
    /// Peak speed, m/s.
    #[schemars(extend("exclusiveMinimum" = 0.0), range(max = 60.0))]
    pub speed_mps: f64,
    /// Where it comes from, deg counter-clockwise from east: 90 is a gust from the north.
    #[schemars(range(min = -360.0, max = 360.0))]
    pub from_deg: f64,
    /// Time to rise and, again, to fall, s; at most half of `for_s`. Left out: half of it, without a hold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0.0, max = 1800.0))]
    pub rise_s: Option<f64>,
    /// How long from its first to its last breath, s.
    #[schemars(extend("exclusiveMinimum" = 0.0), range(max = 3600.0))]
    pub for_s: f64,
}

/// The car has something wrong with it that no by-wire unit knows: exactly one of the faults. A later one of the same
/// kind takes its place.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CarFault {
    /// The steering-angle sensor reads this much more than there is, deg at the steering wheel, positive left. Who
    /// steers by it, the by-wire unit too, holds the wheel so much to the right of what was commanded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = -90.0, max = 90.0))]
    pub steering_offset_deg: Option<f64>,
    /// The service brakes have lost this share of their torque at the same pedal, 0 to 1: hot pads.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0.0, max = 1.0))]
    pub brake_fade: Option<f64>,
    /// How long, s. Left out: for the rest of the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("exclusiveMinimum" = 0.0), range(max = 3600.0))]
    pub for_s: Option<f64>,
}

/// The road changes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RoadChange {
    /// Everywhere the friction is this times that of the map: 0.6 is rain on dry asphalt, 0.15 is ice.
    #[schemars(range(min = 0.05, max = 2.0))]
    pub friction_scale: f64,
    /// How long, s. Left out: for the rest of the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("exclusiveMinimum" = 0.0), range(max = 3600.0))]
    pub for_s: Option<f64>,
}

/// Planning acts.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PlanningAction {
    /// `true`: the trajectory demands an emergency stop from now on; `false`: no longer.
    pub estop: bool,
}

/// A button of the dashboard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Pad {
    /// Drive.
    Start,
    /// Clear an emergency stop.
    Reset,
    /// Hand back to the driver.
    Stop,
}
