//! The map, the road surface under a wheel, the wind, and the contact world.
//!
//! World frame: local ENU at the map's anchor (x east, y north, z up, metres, f64).
//!
//! A [`Map`] is read from a `map.toml` ([`MapFile`]) and an OpenDRIVE file ([`parse_opendrive`]); nothing
//! here opens files. [`Map::rough_ground`] answers what a wheel stands on, [`Map::path`] gives the named paths,
//! [`ContactWorld`] resolves the car's collisions with the map's barriers and with other vehicles, [`Cones`] are
//! knocked over, [`Wind`] blows.

mod cone;
mod contact;
mod curve;
mod error;
mod ground;
mod map;
mod opendrive;
mod path;
mod roughness;
mod surface;
mod traffic;
mod wind;
mod xml;

pub use cone::{CONE_FOOT_HEIGHT_M, CONE_FOOT_M, CONE_HEIGHT_M, CONE_RADIUS_M, Cone, ConePose, Cones};
pub use contact::{ContactWorld, Hull, HullMotion, Impact};
pub use curve::{Cubic, Curve, PlanPose, Profile};
pub use error::MapError;
pub use ground::{MapGround, RoadPosition};
pub use map::{
    AnchorTable, Barrier, BarrierTable, Map, MapFile, NamedPath, PathTable, SegmentTable, SurfaceTable,
};
pub use opendrive::{Lane, LaneSection, Road, RoadLink, RoadNetwork, RoadPose, parse_opendrive};
pub use roughness::{Roughness, RoughnessClass, RoughnessLevel};
pub use surface::{FlatGround, Ground, SurfacePoint};
pub use traffic::{Course, OtherPose, OtherVehicle, Pace};
pub use wind::{Gust, Wind, WindParams};
