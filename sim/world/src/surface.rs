/// The ground under one point, in the map's ENU frame.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SurfacePoint {
    /// Height of the ground above the map's tangent plane, m.
    pub height_m: f64,
    /// Unit normal of the ground, pointing up.
    pub normal: [f64; 3],
    /// Friction scale: multiplies the tyre's own peak friction (1 = dry asphalt).
    pub friction: f64,
}

/// What a wheel stands on.
pub trait Ground {
    /// The ground below `(x_m, y_m)`. `wheel` (0 FL, 1 FR, 2 RL, 3 RR) only names a search cache: the
    /// answer depends on the position alone.
    fn surface(&mut self, wheel: usize, x_m: f64, y_m: f64) -> SurfacePoint;
}

/// An endless plane.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FlatGround {
    /// Height at the origin, m.
    pub height_m: f64,
    /// Slope along +x, rise over run.
    pub slope_x: f64,
    /// Slope along +y, rise over run.
    pub slope_y: f64,
    /// Friction scale.
    pub friction: f64,
}

impl FlatGround {
    /// A level plane at height 0 with dry friction.
    pub const LEVEL: FlatGround = FlatGround { height_m: 0.0, slope_x: 0.0, slope_y: 0.0, friction: 1.0 };
}

impl Ground for FlatGround {
    fn surface(&mut self, _wheel: usize, x_m: f64, y_m: f64) -> SurfacePoint {
        let scale = 1.0 / (1.0 + self.slope_x * self.slope_x + self.slope_y * self.slope_y).sqrt();
        SurfacePoint {
            height_m: self.height_m + self.slope_x * x_m + self.slope_y * y_m,
            normal: [-self.slope_x * scale, -self.slope_y * scale, scale],
            friction: self.friction,
        }
    }
}
