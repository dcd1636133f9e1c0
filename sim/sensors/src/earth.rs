//! The rotating Earth seen from the map's ENU frame.

use nalgebra::{Matrix3, Vector3};
use skidpad_geo::{EnuFrame, Geodetic, WGS84_SEMI_MAJOR_M, earth_rate_enu_rps, normal_gravity_mps2};

/// Beyond this distance the local vertical is computed anew: it turns by 1.6e-6 rad over 10 m.
const REFRESH_M: f64 = 10.0;

/// Decrease of gravity with height, 1/s²: the free-air gradient.
const FREE_AIR_PER_S2: f64 = 3.086e-6;

/// Earth rate, gravity and the local vertical, in the axes of the map's ENU frame.
///
/// The map's frame is tangent at its anchor. Away from the anchor the true vertical leans outward, by
/// 1.6e-4 rad per kilometre, and gravity and the receiver's angles follow the true vertical.
#[derive(Clone, Debug)]
pub(crate) struct Earth {
    frame: EnuFrame,
    /// Angular velocity of the Earth, and so of the map, rad/s. Constant in the map's frame.
    pub rate: Vector3<f64>,
    here: Vector3<f64>,
    gravity_here: Vector3<f64>,
    /// Gravity (attraction and centrifugal force) at the position last asked for, m/s².
    pub gravity: Vector3<f64>,
    /// Turns axes of the map into east, north and up at the position last asked for.
    pub map_to_level: Matrix3<f64>,
}

impl Earth {
    pub(crate) fn new(frame: &EnuFrame) -> Self {
        let mut earth = Earth {
            frame: *frame,
            rate: Vector3::from(earth_rate_enu_rps(frame.anchor().lat_deg)),
            here: Vector3::zeros(),
            gravity_here: Vector3::zeros(),
            gravity: Vector3::zeros(),
            map_to_level: Matrix3::identity(),
        };
        earth.refresh(Vector3::zeros());
        earth
    }

    /// Moves to `position` in the map's frame, m.
    pub(crate) fn move_to(&mut self, position: Vector3<f64>) {
        if (position - self.here).norm_squared() > REFRESH_M * REFRESH_M {
            self.refresh(position);
        }
        // To first order from there: the vertical leans outward, and height takes weight away.
        let away = position - self.here;
        let lean = self.gravity_here.norm() / WGS84_SEMI_MAJOR_M;
        self.gravity =
            self.gravity_here + Vector3::new(-lean * away.x, -lean * away.y, FREE_AIR_PER_S2 * away.z);
    }

    pub(crate) fn to_geodetic(&self, position: Vector3<f64>) -> Geodetic {
        self.frame.to_geodetic(position.into())
    }

    fn refresh(&mut self, position: Vector3<f64>) {
        let place = self.to_geodetic(position);
        let [east, north, up] = self.frame.axes_at(&place);
        self.here = position;
        self.map_to_level = Matrix3::from_rows(&[east.into(), north.into(), up.into()]);
        self.gravity_here = -normal_gravity_mps2(place.lat_deg, place.height_m) * Vector3::from(up);
        self.gravity = self.gravity_here;
    }
}
