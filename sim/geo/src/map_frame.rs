use crate::{EnuFrame, GeoError, Geodetic, UtmZone};

/// A map's two metric frames: the simulator's world (local ENU at the anchor, true north) and the grid that Apollo's
/// messages are in.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MapFrame {
    /// The world frame.
    pub enu: EnuFrame,
    /// The grid.
    pub utm: UtmZone,
}

/// A point of the world on the grid.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct UtmPosition {
    /// UTM easting, metres.
    pub easting_m: f64,
    /// UTM northing, metres.
    pub northing_m: f64,
    /// Height above the ellipsoid, metres.
    pub height_m: f64,
    /// How far grid north lies clockwise (east) of true north there, radians ([`crate::Utm::convergence_rad`]).
    pub convergence_rad: f64,
    /// Grid distance over distance on the ellipsoid there.
    pub scale: f64,
}

impl MapFrame {
    /// The frame of a map anchored at `anchor`, on the grid of the zone the anchor lies in.
    ///
    /// # Errors
    /// The anchor is not a place, or UTM does not reach it.
    pub fn new(anchor: Geodetic) -> Result<Self, GeoError> {
        let utm = UtmZone::from_longitude_latitude(anchor.lon_deg, anchor.lat_deg)?;
        Self::with_zone(anchor, utm)
    }

    /// As [`MapFrame::new`], on the grid of a zone of the caller's choice (a stack keeps one zone across its edge).
    ///
    /// # Errors
    /// The anchor is not a place, or the zone does not reach it.
    pub fn with_zone(anchor: Geodetic, utm: UtmZone) -> Result<Self, GeoError> {
        let enu = EnuFrame::new(anchor)?;
        utm.checked_forward(anchor.lat_deg, anchor.lon_deg)?;
        Ok(Self { enu, utm })
    }

    /// The grid position of a point of the world, [east, north, up] metres.
    #[must_use]
    pub fn enu_to_utm(&self, point_m: [f64; 3]) -> UtmPosition {
        let place = self.enu.to_geodetic(point_m);
        let grid = self.utm.forward(place.lat_deg, place.lon_deg);
        UtmPosition {
            easting_m: grid.easting_m,
            northing_m: grid.northing_m,
            height_m: place.height_m,
            convergence_rad: grid.convergence_rad,
            scale: grid.scale,
        }
    }

    /// The point of the world, [east, north, up] metres, of a grid position with ellipsoid height.
    #[must_use]
    pub fn utm_to_enu(&self, easting_m: f64, northing_m: f64, height_m: f64) -> [f64; 3] {
        let (lat_deg, lon_deg) = self.utm.inverse(easting_m, northing_m);
        self.enu.to_enu(&Geodetic { lat_deg, lon_deg, height_m })
    }

    /// What to add to a heading in the world frame (counter-clockwise from the anchor's east) to have the heading on
    /// the grid at that point, radians. It is the meridian convergence there, and the small turn between the anchor's
    /// north and the point's own (0.1 mrad per kilometre eastward at 37° north).
    #[must_use]
    pub fn world_to_grid_heading_rad(&self, point_m: [f64; 3]) -> f64 {
        let place = self.enu.to_geodetic(point_m);
        let axes = self.enu.axes_at(&place);
        // The anchor's east, as seen in the axes of the point.
        let turn = libm::atan2(axes[1][0], axes[0][0]);
        turn + self.utm.forward(place.lat_deg, place.lon_deg).convergence_rad
    }
}
