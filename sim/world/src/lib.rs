//! The map, the road surface under a wheel, and the contact world.
//!
//! World frame: local ENU at the map's anchor (x east, y north, z up, metres, f64).

mod surface;

pub use surface::{FlatGround, Ground, SurfacePoint};
