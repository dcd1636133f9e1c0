//! Frames, geodesy and paths by arc length.
//!
//! Four frames meet here, each conversion in one place:
//! - **geodetic** ([`Geodetic`]): WGS84 latitude, longitude, ellipsoid height;
//! - **local ENU** ([`EnuFrame`]): metres east, north, up of the map's anchor, the simulator's world frame;
//! - **UTM** ([`UtmZone`]): the grid that Apollo's messages use; grid north is not true north ([`Utm::convergence_rad`]);
//! - **path** ([`Path`]): station along, lateral offset to the left of a planar curve in any metric frame.
//!
//! [`MapFrame`] ties the first three together for one map. Transcendental functions are those of `libm`, so that a
//! run gives the same bits on every platform.

mod angle;
mod ellipsoid;
mod enu;
mod map_frame;
mod path;
mod utm;

pub use angle::wrap_angle;
pub use ellipsoid::{
    EARTH_RATE_RPS, Geodetic, WGS84_FLATTENING, WGS84_SEMI_MAJOR_M, earth_rate_enu_rps, normal_gravity_mps2,
};
pub use enu::EnuFrame;
pub use map_frame::{MapFrame, UtmPosition};
pub use path::{Path, PathError, PathPoint, Projection};
pub use utm::{Utm, UtmZone};

/// A place that cannot be used: not a number, off the ellipsoid, or outside the reach of the projection.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum GeoError {
    /// The latitude is NaN, infinite or beyond a pole.
    #[error("latitude must be a number from -90 to 90 degrees, got {got_deg}")]
    Latitude {
        /// What was given, degrees.
        got_deg: f64,
    },
    /// The longitude is NaN, infinite or beyond one turn.
    #[error("longitude must be a number from -180 to 360 degrees, got {got_deg}")]
    Longitude {
        /// What was given, degrees.
        got_deg: f64,
    },
    /// The height is NaN, or farther from the ellipsoid than any vehicle on the ground.
    #[error("height above the ellipsoid must be a number from -20000 to 100000 metres, got {got_m}")]
    Height {
        /// What was given, metres.
        got_m: f64,
    },
    /// There are 60 UTM zones.
    #[error("UTM zone must be a number from 1 to 60, got {got}")]
    Zone {
        /// What was given.
        got: u8,
    },
    /// UTM is not used near the poles.
    #[error("UTM covers latitudes from -80 to 84 degrees, got {got_deg}")]
    LatitudeOutsideUtm {
        /// What was given, degrees.
        got_deg: f64,
    },
    /// So far from the central meridian the grid means nothing: most likely the wrong zone was named.
    #[error(
        "longitude {got_deg} degrees is more than 35 degrees from the central meridian of UTM zone {zone} ({central_deg} degrees): is the zone right?"
    )]
    FarFromZone {
        /// The zone's number.
        zone: u8,
        /// The zone's central meridian, degrees.
        central_deg: f64,
        /// What was given, degrees.
        got_deg: f64,
    },
    /// A grid coordinate that is no place on the ellipsoid.
    #[error(
        "UTM easting {easting_m} m, northing {northing_m} m is not a place that the grid covers (easting -3400000 to 4400000, northing 0 to 10000000): are the two swapped?"
    )]
    OutsideGrid {
        /// Easting, metres.
        easting_m: f64,
        /// Northing, metres.
        northing_m: f64,
    },
}
