//! The WGS84 ellipsoid: places on it, its gravity and its rotation.

use crate::GeoError;

/// Semi-major axis of WGS84, metres (NIMA TR8350.2).
pub const WGS84_SEMI_MAJOR_M: f64 = 6_378_137.0;
/// Flattening of WGS84 (NIMA TR8350.2).
pub const WGS84_FLATTENING: f64 = 1.0 / 298.257_223_563;
/// Rotation rate of the Earth, rad/s (WGS84, NIMA TR8350.2).
pub const EARTH_RATE_RPS: f64 = 7.292_115e-5;

/// First eccentricity squared.
pub(crate) const E2: f64 = WGS84_FLATTENING * (2.0 - WGS84_FLATTENING);

/// A place: WGS84 latitude and longitude in degrees, height above the ellipsoid in metres.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Geodetic {
    /// Geodetic latitude, degrees, north positive.
    pub lat_deg: f64,
    /// Longitude, degrees, east positive.
    pub lon_deg: f64,
    /// Height above the ellipsoid (not above sea level), metres.
    pub height_m: f64,
}

impl Geodetic {
    /// A place that is known to be one.
    ///
    /// # Errors
    /// NaN, a latitude beyond a pole, a longitude outside [-180, 360], a height no ground has.
    pub fn new(lat_deg: f64, lon_deg: f64, height_m: f64) -> Result<Self, GeoError> {
        let place = Self { lat_deg, lon_deg, height_m };
        place.check()?;
        Ok(place)
    }

    /// The same test as [`Geodetic::new`] for a place made field by field.
    ///
    /// # Errors
    /// As [`Geodetic::new`].
    pub fn check(&self) -> Result<(), GeoError> {
        if !(-90.0..=90.0).contains(&self.lat_deg) {
            return Err(GeoError::Latitude { got_deg: self.lat_deg });
        }
        if !(-180.0..=360.0).contains(&self.lon_deg) {
            return Err(GeoError::Longitude { got_deg: self.lon_deg });
        }
        if !(-20_000.0..=100_000.0).contains(&self.height_m) {
            return Err(GeoError::Height { got_m: self.height_m });
        }
        Ok(())
    }

    /// Earth-centred Earth-fixed coordinates, metres.
    pub(crate) fn to_ecef(self) -> [f64; 3] {
        let (sin_lat, cos_lat) = libm::sincos(self.lat_deg.to_radians());
        let (sin_lon, cos_lon) = libm::sincos(self.lon_deg.to_radians());
        let normal = WGS84_SEMI_MAJOR_M / (1.0 - E2 * sin_lat * sin_lat).sqrt();
        let equatorial = (normal + self.height_m) * cos_lat;
        [equatorial * cos_lon, equatorial * sin_lon, (normal * (1.0 - E2) + self.height_m) * sin_lat]
    }

    /// The inverse of [`Geodetic::to_ecef`]: Bowring's iteration on the reduced latitude, run until it stands still
    /// (two or three rounds for anything within 100 km of the ground).
    pub(crate) fn from_ecef([x, y, z]: [f64; 3]) -> Self {
        const A: f64 = WGS84_SEMI_MAJOR_M;
        const B: f64 = WGS84_SEMI_MAJOR_M * (1.0 - WGS84_FLATTENING);
        const SECOND_E2: f64 = E2 / (1.0 - E2);
        let axis_distance = libm::hypot(x, y);
        let (mut sin_lat, mut cos_lat) = unit(z, axis_distance * (1.0 - E2));
        for _ in 0..8 {
            let (sin_reduced, cos_reduced) = unit(B * sin_lat, A * cos_lat);
            let (next_sin, next_cos) = unit(
                z + SECOND_E2 * B * sin_reduced * sin_reduced * sin_reduced,
                axis_distance - E2 * A * cos_reduced * cos_reduced * cos_reduced,
            );
            let change = (next_sin - sin_lat).abs() + (next_cos - cos_lat).abs();
            (sin_lat, cos_lat) = (next_sin, next_cos);
            if change < 1e-16 {
                break;
            }
        }
        let normal = A / (1.0 - E2 * sin_lat * sin_lat).sqrt();
        Self {
            lat_deg: libm::atan2(sin_lat, cos_lat).to_degrees(),
            lon_deg: libm::atan2(y, x).to_degrees(),
            // Well conditioned at the equator and at the poles alike.
            height_m: axis_distance * cos_lat + z * sin_lat - A * A / normal,
        }
    }
}

/// Sine and cosine of the angle whose tangent is `opposite / adjacent`.
fn unit(opposite: f64, adjacent: f64) -> (f64, f64) {
    let length = libm::hypot(opposite, adjacent);
    (opposite / length, adjacent / length)
}

/// Normal gravity at a latitude and ellipsoid height, m/s², along the ellipsoid normal (positive down).
///
/// Somigliana's closed form on the ellipsoid, continued upwards to second order in height
/// (NIMA TR8350.2, equations 4-1 and 4-3), which is good to 1e-6 m/s² up to 10 km.
#[must_use]
pub fn normal_gravity_mps2(lat_deg: f64, height_m: f64) -> f64 {
    const EQUATOR_MPS2: f64 = 9.780_325_335_9;
    const SOMIGLIANA_K: f64 = 0.001_931_852_652_41;
    /// ω²a²b/GM.
    const M: f64 = 0.003_449_786_506_84;
    const F: f64 = WGS84_FLATTENING;
    let sin_lat = libm::sin(lat_deg.to_radians());
    let sin2 = sin_lat * sin_lat;
    let on_ellipsoid = EQUATOR_MPS2 * (1.0 + SOMIGLIANA_K * sin2) / (1.0 - E2 * sin2).sqrt();
    let rise = height_m / WGS84_SEMI_MAJOR_M;
    on_ellipsoid * (1.0 - 2.0 * (1.0 + F + M - 2.0 * F * sin2) * rise + 3.0 * rise * rise)
}

/// The Earth's rotation seen in the east, north, up axes at a latitude, rad/s.
#[must_use]
pub fn earth_rate_enu_rps(lat_deg: f64) -> [f64; 3] {
    let (sin_lat, cos_lat) = libm::sincos(lat_deg.to_radians());
    [0.0, EARTH_RATE_RPS * cos_lat, EARTH_RATE_RPS * sin_lat]
}
