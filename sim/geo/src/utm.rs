//! Universal Transverse Mercator by Krüger's series in the third flattening, to order 6.
//!
//! Formulas and coefficients: C. F. F. Karney, "Transverse Mercator with an accuracy of a few nanometers",
//! J. Geodesy 85 (2011), equations 7–36; the truncation error is 5 nm within 3,900 km of the central meridian.

use crate::ellipsoid::E2;
use crate::{GeoError, Geodetic, WGS84_FLATTENING, WGS84_SEMI_MAJOR_M};

const CENTRAL_SCALE: f64 = 0.9996;
const FALSE_EASTING_M: f64 = 500_000.0;
const FALSE_NORTHING_SOUTH_M: f64 = 10_000_000.0;
/// How far from the central meridian [`UtmZone::checked_forward`] goes: the series is still good to nanometres.
const REACH_DEG: f64 = 35.0;

/// Third flattening.
const N: f64 = WGS84_FLATTENING / (2.0 - WGS84_FLATTENING);
/// Radius of the sphere whose meridian is as long as the ellipsoid's (Karney eq. 14).
const RECTIFYING_RADIUS_M: f64 =
    WGS84_SEMI_MAJOR_M / (1.0 + N) * (1.0 + N * N * (1.0 / 4.0 + N * N * (1.0 / 64.0 + N * N / 256.0)));

/// Karney eq. 35.
const FORWARD: [f64; 6] = [
    N * (1.0 / 2.0
        + N * (-2.0 / 3.0
            + N * (5.0 / 16.0 + N * (41.0 / 180.0 + N * (-127.0 / 288.0 + N * 7_891.0 / 37_800.0))))),
    N * N
        * (13.0 / 48.0
            + N * (-3.0 / 5.0 + N * (557.0 / 1_440.0 + N * (281.0 / 630.0 - N * 1_983_433.0 / 1_935_360.0)))),
    N * N * N * (61.0 / 240.0 + N * (-103.0 / 140.0 + N * (15_061.0 / 26_880.0 + N * 167_603.0 / 181_440.0))),
    N * N * N * N * (49_561.0 / 161_280.0 + N * (-179.0 / 168.0 + N * 6_601_661.0 / 7_257_600.0)),
    N * N * N * N * N * (34_729.0 / 80_640.0 - N * 3_418_889.0 / 1_995_840.0),
    N * N * N * N * N * N * 212_378_941.0 / 319_334_400.0,
];

/// Karney eq. 36.
const INVERSE: [f64; 6] = [
    N * (1.0 / 2.0
        + N * (-2.0 / 3.0
            + N * (37.0 / 96.0 + N * (-1.0 / 360.0 + N * (-81.0 / 512.0 + N * 96_199.0 / 604_800.0))))),
    N * N
        * (1.0 / 48.0
            + N * (1.0 / 15.0 + N * (-437.0 / 1_440.0 + N * (46.0 / 105.0 - N * 1_118_711.0 / 3_870_720.0)))),
    N * N * N * (17.0 / 480.0 + N * (-37.0 / 840.0 + N * (-209.0 / 4_480.0 + N * 5_569.0 / 90_720.0))),
    N * N * N * N * (4_397.0 / 161_280.0 + N * (-11.0 / 504.0 - N * 830_251.0 / 7_257_600.0)),
    N * N * N * N * N * (4_583.0 / 161_280.0 - N * 108_847.0 / 3_991_680.0),
    N * N * N * N * N * N * 20_648_693.0 / 638_668_800.0,
];

/// A place on the grid, and how the grid lies there.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Utm {
    /// Metres east of the zone's false origin (500,000 on the central meridian).
    pub easting_m: f64,
    /// Metres north of the equator (south: of a line 10,000 km south of it).
    pub northing_m: f64,
    /// Meridian convergence, radians: how far grid north lies clockwise (east) of true north; in the northern
    /// hemisphere positive east of the central meridian. So a heading counted counter-clockwise from east is
    /// `heading_grid = heading_true + convergence`.
    pub convergence_rad: f64,
    /// Grid distance over distance on the ellipsoid, 0.9996 on the central meridian.
    pub scale: f64,
}

/// One of the sixty zones, with the northing counted for its northern or southern half.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UtmZone {
    number: u8,
    northern: bool,
}

impl UtmZone {
    /// Zone `number` (1 to 60); `northern` chooses how northings are counted.
    ///
    /// # Errors
    /// There is no such zone.
    pub fn new(number: u8, northern: bool) -> Result<Self, GeoError> {
        if !(1..=60).contains(&number) {
            return Err(GeoError::Zone { got: number });
        }
        Ok(Self { number, northern })
    }

    /// The zone a place belongs to, the wider zones of south-west Norway and Svalbard included (note the order of
    /// the arguments: longitude first, as the name says).
    ///
    /// # Errors
    /// Not a place, or a latitude outside UTM's -80° to 84°.
    pub fn from_longitude_latitude(lon_deg: f64, lat_deg: f64) -> Result<Self, GeoError> {
        let place = Geodetic::new(lat_deg, lon_deg, 0.0)?;
        check_latitude(lat_deg)?;
        let lon_deg = wrap_degrees(place.lon_deg);
        let number = match (lat_deg, lon_deg) {
            (56.0..64.0, 3.0..12.0) => 32,
            (72.0..=84.0, 0.0..9.0) => 31,
            (72.0..=84.0, 9.0..21.0) => 33,
            (72.0..=84.0, 21.0..33.0) => 35,
            (72.0..=84.0, 33.0..42.0) => 37,
            _ => ((lon_deg + 180.0) / 6.0).floor() as u8 % 60 + 1,
        };
        Self::new(number, lat_deg >= 0.0)
    }

    /// The zone's number, 1 to 60.
    #[must_use]
    pub fn number(&self) -> u8 {
        self.number
    }

    /// Whether northings are counted from the equator (north) or from 10,000 km south of it.
    #[must_use]
    pub fn is_northern(&self) -> bool {
        self.northern
    }

    /// The longitude of the zone's central meridian, degrees.
    #[must_use]
    pub fn central_meridian_deg(&self) -> f64 {
        f64::from(self.number) * 6.0 - 183.0
    }

    /// Grid coordinates of a place, degrees. Meant for places known to be sound (the simulator's own); NaN gives
    /// NaN. For what comes from a file or a wire use [`UtmZone::checked_forward`].
    #[must_use]
    pub fn forward(&self, lat_deg: f64, lon_deg: f64) -> Utm {
        let lon = wrap_degrees(lon_deg - self.central_meridian_deg()).to_radians();
        let (sin_lon, cos_lon) = libm::sincos(lon);
        let tan_lat = libm::tan(lat_deg.to_radians());
        let tan_conformal = conformal_tangent(tan_lat);
        // Gauss–Schreiber (spherical) coordinates, then Krüger's correction to the ellipsoid.
        let radius = libm::hypot(tan_conformal, cos_lon);
        let xi = libm::atan2(tan_conformal, cos_lon);
        let eta = libm::asinh(sin_lon / radius);
        let ([add_xi, add_eta], [slope_re, slope_im]) = sine_series(&FORWARD, xi, eta);
        let (p, q) = (1.0 + slope_re, -slope_im);

        let secant = (1.0 + tan_lat * tan_lat).sqrt();
        let secant_conformal = (1.0 + tan_conformal * tan_conformal).sqrt();
        let sin2_lat = (tan_lat / secant) * (tan_lat / secant);
        let unit_m = CENTRAL_SCALE * RECTIFYING_RADIUS_M;
        Utm {
            easting_m: FALSE_EASTING_M + unit_m * (eta + add_eta),
            northing_m: self.false_northing_m() + unit_m * (xi + add_xi),
            convergence_rad: libm::atan2(tan_conformal * sin_lon, secant_conformal * cos_lon)
                + libm::atan2(q, p),
            scale: unit_m / WGS84_SEMI_MAJOR_M
                * (1.0 - E2 * sin2_lat).sqrt()
                * (secant / radius)
                * libm::hypot(p, q),
        }
    }

    /// Latitude and longitude (in [-180, 180)) of a grid coordinate, degrees. NaN gives NaN; for what comes from a
    /// file or a wire use [`UtmZone::checked_inverse`].
    #[must_use]
    pub fn inverse(&self, easting_m: f64, northing_m: f64) -> (f64, f64) {
        let unit_m = CENTRAL_SCALE * RECTIFYING_RADIUS_M;
        let xi = (northing_m - self.false_northing_m()) / unit_m;
        let eta = (easting_m - FALSE_EASTING_M) / unit_m;
        let ([take_xi, take_eta], _) = sine_series(&INVERSE, xi, eta);
        let (sin_xi, cos_xi) = libm::sincos(xi - take_xi);
        let sinh_eta = libm::sinh(eta - take_eta);
        let tan_lat = geographic_tangent(sin_xi / libm::hypot(sinh_eta, cos_xi));
        let lon_deg = libm::atan2(sinh_eta, cos_xi).to_degrees();
        (libm::atan(tan_lat).to_degrees(), wrap_degrees(lon_deg + self.central_meridian_deg()))
    }

    /// [`UtmZone::forward`] for a place of unknown worth.
    ///
    /// # Errors
    /// NaN, not a place, a latitude outside UTM's, or more than 35° from the central meridian.
    pub fn checked_forward(&self, lat_deg: f64, lon_deg: f64) -> Result<Utm, GeoError> {
        Geodetic::new(lat_deg, lon_deg, 0.0)?;
        check_latitude(lat_deg)?;
        if wrap_degrees(lon_deg - self.central_meridian_deg()).abs() > REACH_DEG {
            return Err(GeoError::FarFromZone {
                zone: self.number,
                central_deg: self.central_meridian_deg(),
                got_deg: lon_deg,
            });
        }
        Ok(self.forward(lat_deg, lon_deg))
    }

    /// [`UtmZone::inverse`] for a coordinate of unknown worth.
    ///
    /// # Errors
    /// NaN, or a coordinate that is no place on this half of the zone.
    pub fn checked_inverse(&self, easting_m: f64, northing_m: f64) -> Result<(f64, f64), GeoError> {
        // 3,900 km either side of the central meridian; equator to pole.
        let on_grid =
            (-3_400_000.0..=4_400_000.0).contains(&easting_m) && (0.0..=10_000_000.0).contains(&northing_m);
        if !on_grid {
            return Err(GeoError::OutsideGrid { easting_m, northing_m });
        }
        Ok(self.inverse(easting_m, northing_m))
    }

    fn false_northing_m(&self) -> f64 {
        if self.northern { 0.0 } else { FALSE_NORTHING_SOUTH_M }
    }
}

fn check_latitude(lat_deg: f64) -> Result<(), GeoError> {
    if (-80.0..=84.0).contains(&lat_deg) {
        Ok(())
    } else {
        Err(GeoError::LatitudeOutsideUtm { got_deg: lat_deg })
    }
}

/// The same longitude in [-180, 180).
fn wrap_degrees(deg: f64) -> f64 {
    if (-180.0..180.0).contains(&deg) {
        return deg;
    }
    let wrapped = deg - 360.0 * ((deg + 180.0) / 360.0).floor();
    if wrapped >= 180.0 { wrapped - 360.0 } else { wrapped }
}

/// Tangent of the conformal latitude from that of the geographic latitude (Karney eq. 7–9).
fn conformal_tangent(tan_lat: f64) -> f64 {
    let e = E2.sqrt();
    let secant = (1.0 + tan_lat * tan_lat).sqrt();
    let sigma = libm::sinh(e * libm::atanh(e * tan_lat / secant));
    tan_lat * (1.0 + sigma * sigma).sqrt() - sigma * secant
}

/// The inverse of [`conformal_tangent`], by Newton's method (Karney eq. 19–21): two or three rounds.
fn geographic_tangent(tan_conformal: f64) -> f64 {
    let mut tan_lat = tan_conformal / (1.0 - E2);
    for _ in 0..6 {
        let got = conformal_tangent(tan_lat);
        let step = (tan_conformal - got) * (1.0 + (1.0 - E2) * tan_lat * tan_lat)
            / ((1.0 - E2) * ((1.0 + tan_lat * tan_lat) * (1.0 + got * got)).sqrt());
        tan_lat += step;
        if step.abs() <= 1e-16 * (1.0 + tan_lat.abs()) {
            break;
        }
    }
    tan_lat
}

/// For ζ = ξ + iη: `Σ cⱼ sin 2jζ` and its derivative `Σ 2j cⱼ cos 2jζ`, each as [real, imaginary].
fn sine_series(coefficients: &[f64; 6], xi: f64, eta: f64) -> ([f64; 2], [f64; 2]) {
    let (sin_xi, cos_xi) = libm::sincos(2.0 * xi);
    let (sinh_eta, cosh_eta) = (libm::sinh(2.0 * eta), libm::cosh(2.0 * eta));
    let sin_once = [sin_xi * cosh_eta, cos_xi * sinh_eta];
    let cos_once = [cos_xi * cosh_eta, -sin_xi * sinh_eta];
    let (mut sin_j, mut cos_j) = (sin_once, cos_once);
    let (mut sum, mut slope) = ([0.0; 2], [0.0; 2]);
    let mut twice_j = 2.0;
    for c in coefficients {
        for part in 0..2 {
            sum[part] += c * sin_j[part];
            slope[part] += twice_j * c * cos_j[part];
        }
        // Sine and cosine of the next multiple by the addition theorem.
        let (next_sin, next_cos) = (
            add(times(sin_j, cos_once), times(cos_j, sin_once)),
            add(times(cos_j, cos_once), times(sin_j, sin_once).map(|v| -v)),
        );
        (sin_j, cos_j) = (next_sin, next_cos);
        twice_j += 2.0;
    }
    (sum, slope)
}

fn times(a: [f64; 2], b: [f64; 2]) -> [f64; 2] {
    [a[0] * b[0] - a[1] * b[1], a[0] * b[1] + a[1] * b[0]]
}

fn add(a: [f64; 2], b: [f64; 2]) -> [f64; 2] {
    [a[0] + b[0], a[1] + b[1]]
}
