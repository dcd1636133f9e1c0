use crate::{GeoError, Geodetic};

/// The local tangent frame at an anchor: x east, y north, z up, metres.
///
/// Exact (through Earth-centred coordinates), so z of a point on the ellipsoid falls off with the square of its
/// distance, 8 cm at 1 km; the axes are true east and true north **at the anchor**, see [`EnuFrame::axes_at`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EnuFrame {
    anchor: Geodetic,
    origin_ecef_m: [f64; 3],
    /// Rows: east, north, up in Earth-centred axes.
    axes: [[f64; 3]; 3],
}

impl EnuFrame {
    /// The frame whose origin is `anchor`.
    ///
    /// # Errors
    /// An anchor that is not a place ([`Geodetic::new`]).
    pub fn new(anchor: Geodetic) -> Result<Self, GeoError> {
        anchor.check()?;
        Ok(Self { anchor, origin_ecef_m: anchor.to_ecef(), axes: enu_axes(&anchor) })
    }

    /// Where the origin is.
    #[must_use]
    pub fn anchor(&self) -> Geodetic {
        self.anchor
    }

    /// The place of a point given as [east, north, up] metres. NaN gives NaN.
    #[must_use]
    pub fn to_geodetic(&self, [east, north, up]: [f64; 3]) -> Geodetic {
        let mut ecef = self.origin_ecef_m;
        for (i, coordinate) in ecef.iter_mut().enumerate() {
            *coordinate += self.axes[0][i] * east + self.axes[1][i] * north + self.axes[2][i] * up;
        }
        Geodetic::from_ecef(ecef)
    }

    /// East, north, up of a place, metres. NaN gives NaN.
    #[must_use]
    pub fn to_enu(&self, place: &Geodetic) -> [f64; 3] {
        let ecef = place.to_ecef();
        let offset: [f64; 3] = std::array::from_fn(|i| ecef[i] - self.origin_ecef_m[i]);
        self.axes.map(|axis| dot(axis, offset))
    }

    /// The rotation from this frame's axes to the east, north, up axes at another place: `v_there = R · v_here`,
    /// row by row. The two differ by 0.16 mrad per kilometre: what a receiver there calls north, level and azimuth is
    /// in the axes *there*.
    #[must_use]
    pub fn axes_at(&self, place: &Geodetic) -> [[f64; 3]; 3] {
        enu_axes(place).map(|there| self.axes.map(|here| dot(there, here)))
    }
}

/// East, north and up at a place, as unit vectors in Earth-centred axes.
fn enu_axes(place: &Geodetic) -> [[f64; 3]; 3] {
    let (sin_lat, cos_lat) = libm::sincos(place.lat_deg.to_radians());
    let (sin_lon, cos_lon) = libm::sincos(place.lon_deg.to_radians());
    [
        [-sin_lon, cos_lon, 0.0],
        [-sin_lat * cos_lon, -sin_lat * sin_lon, cos_lat],
        [cos_lat * cos_lon, cos_lat * sin_lon, sin_lat],
    ]
}

fn dot(a: [f64; 3], b: [f64; 3]) -> f64 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}
