//! Plan-view curves of OpenDRIVE: line, arc and spiral (clothoid), and cubic profiles over station.

/// A position on a plan-view curve.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PlanPose {
    /// East, m.
    pub x_m: f64,
    /// North, m.
    pub y_m: f64,
    /// Direction of travel, rad, counter-clockwise from east; not wrapped.
    pub heading_rad: f64,
    /// Curvature, 1/m, positive to the left.
    pub curvature_1pm: f64,
    /// Change of curvature along the curve, 1/m².
    pub curvature_rate_1pm2: f64,
}

/// One piece of a reference line: a start pose, a length, and a curvature that changes linearly with arc
/// length. A line has curvature 0, an arc a constant one, a spiral (clothoid) a changing one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Curve {
    /// East of the start, m.
    pub x_m: f64,
    /// North of the start, m.
    pub y_m: f64,
    /// Heading at the start, rad.
    pub heading_rad: f64,
    /// Arc length, m.
    pub length_m: f64,
    /// Curvature at the start, 1/m.
    pub curvature_1pm: f64,
    /// Change of curvature per metre, 1/m²: 0 for lines and arcs.
    pub curvature_rate_1pm2: f64,
}

impl Curve {
    /// The pose at arc length `u_m` from the start. Outside `0..=length_m` the same law is continued.
    pub fn at(&self, u_m: f64) -> PlanPose {
        let (along, left) = clothoid(self.curvature_1pm, self.curvature_rate_1pm2, u_m);
        let (sin, cos) = libm::sincos(self.heading_rad);
        PlanPose {
            x_m: self.x_m + cos * along - sin * left,
            y_m: self.y_m + sin * along + cos * left,
            heading_rad: self.heading_rad + u_m * (self.curvature_1pm + 0.5 * self.curvature_rate_1pm2 * u_m),
            curvature_1pm: self.curvature_1pm + self.curvature_rate_1pm2 * u_m,
            curvature_rate_1pm2: self.curvature_rate_1pm2,
        }
    }

    /// Absolute change of heading along the whole curve, an upper bound, rad.
    pub(crate) fn turning_rad(&self) -> f64 {
        let end = self.curvature_1pm + self.curvature_rate_1pm2 * self.length_m;
        self.length_m * self.curvature_1pm.abs().max(end.abs())
    }
}

/// Displacement (along, left) after arc length `u` of a curve that starts at the origin along +x with
/// curvature `k` + `rate`·u: the integral of (cos φ, sin φ) with φ = k·u + rate·u²/2.
fn clothoid(k: f64, rate: f64, u: f64) -> (f64, f64) {
    if rate == 0.0 {
        if k == 0.0 {
            return (u, 0.0);
        }
        // Chord form: exact, and without the cancellation of (1 − cos ku)/k on nearly straight arcs.
        let half = 0.5 * k * u;
        let chord = if half.abs() < 1e-4 { u * (1.0 - half * half / 6.0) } else { 2.0 * libm::sin(half) / k };
        let (sin, cos) = libm::sincos(half);
        return (chord * cos, chord * sin);
    }
    // Power series about the middle of steps short enough to turn by less than 0.4 rad: the first
    // neglected term, (0.2)^16/16!, is below one rounding.
    let turn = u.abs() * k.abs().max((k + rate * u).abs());
    let steps = (turn / 0.4).ceil().clamp(1.0, 1e4);
    let step = u / steps;
    let (mut along, mut left) = (0.0, 0.0);
    for i in 0..steps as u32 {
        let middle = (f64::from(i) + 0.5) * step;
        let series = Series::new(k + rate * middle, rate);
        let (x1, y1) = series.position(0.5 * step);
        let (x0, y0) = series.position(-0.5 * step);
        let (sin, cos) = libm::sincos(middle * (k + 0.5 * rate * middle));
        along += cos * (x1 - x0) - sin * (y1 - y0);
        left += sin * (x1 - x0) + cos * (y1 - y0);
    }
    (along, left)
}

/// Terms kept of the power series below.
const TERMS: usize = 15;

/// Power series of cos φ(w) and sin φ(w), φ = k·w + rate·w²/2, about w = 0.
#[derive(Clone, Copy, Debug)]
struct Series {
    cos: [f64; TERMS],
    sin: [f64; TERMS],
}

impl Series {
    /// From (cos φ)' = −φ' sin φ and (sin φ)' = φ' cos φ with φ' = k + rate·w, term by term.
    fn new(k: f64, rate: f64) -> Series {
        let (mut cos, mut sin) = ([0.0; TERMS], [0.0; TERMS]);
        cos[0] = 1.0;
        for n in 1..TERMS {
            let (before_cos, before_sin) = if n > 1 { (cos[n - 2], sin[n - 2]) } else { (0.0, 0.0) };
            cos[n] = -(k * sin[n - 1] + rate * before_sin) / n as f64;
            sin[n] = (k * cos[n - 1] + rate * before_cos) / n as f64;
        }
        Series { cos, sin }
    }

    /// The integral of (cos φ, sin φ) from 0 to `w`.
    fn position(&self, w: f64) -> (f64, f64) {
        let (mut x, mut y) = (0.0, 0.0);
        for n in (0..TERMS).rev() {
            x = x * w + self.cos[n] / (n + 1) as f64;
            y = y * w + self.sin[n] / (n + 1) as f64;
        }
        (x * w, y * w)
    }
}

/// A cubic `a + b·u + c·u² + d·u³`, OpenDRIVE's law for elevation, superelevation, lane offset and width.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Cubic {
    /// Value at u = 0.
    pub a: f64,
    /// First coefficient, per m.
    pub b: f64,
    /// Second coefficient, per m².
    pub c: f64,
    /// Third coefficient, per m³.
    pub d: f64,
}

impl Cubic {
    /// Value at `u`.
    #[inline]
    pub fn value(&self, u: f64) -> f64 {
        self.a + u * (self.b + u * (self.c + u * self.d))
    }

    /// First derivative at `u`.
    #[inline]
    pub fn slope(&self, u: f64) -> f64 {
        self.b + u * (2.0 * self.c + u * 3.0 * self.d)
    }

    /// Second derivative at `u`.
    #[inline]
    pub fn bend(&self, u: f64) -> f64 {
        2.0 * self.c + 6.0 * self.d * u
    }

    /// The same cubic with its origin moved to `by`.
    pub fn shifted(&self, by: f64) -> Cubic {
        Cubic { a: self.value(by), b: self.slope(by), c: self.c + 3.0 * self.d * by, d: self.d }
    }

    /// Whether it is 0 everywhere.
    pub fn is_zero(&self) -> bool {
        *self == Cubic::default()
    }

    /// The sum of two cubics with the same origin.
    pub(crate) fn plus(&self, other: &Cubic) -> Cubic {
        Cubic { a: self.a + other.a, b: self.b + other.b, c: self.c + other.c, d: self.d + other.d }
    }
}

/// A function of station made of cubics, each valid from its start to the start of the next.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Profile {
    /// (start station, cubic in metres from that start), in increasing station. Empty: 0 everywhere.
    pub records: Vec<(f64, Cubic)>,
}

impl Profile {
    /// The cubic in force at station `s_m`, with its origin moved to `s_m`.
    pub fn at(&self, s_m: f64) -> Cubic {
        let after = self.records.partition_point(|(start, _)| *start <= s_m);
        match after.checked_sub(1) {
            Some(i) => self.records[i].1.shifted(s_m - self.records[i].0),
            None => Cubic::default(),
        }
    }
}

/// A spiral piece short enough for a fast foot-point search: poses by power series about its middle.
#[derive(Clone, Debug)]
pub(crate) struct SpiralPiece {
    x_m: f64,
    y_m: f64,
    cos: f64,
    sin: f64,
    k: f64,
    rate: f64,
    series_cos: [f64; FAST_TERMS],
    series_sin: [f64; FAST_TERMS],
}

/// Enough for ±0.1 rad of turning: the first neglected term, 0.1¹⁰/10!, is below 1e-16.
const FAST_TERMS: usize = 10;

/// Turning of a spiral piece that [`SpiralPiece`] is exact for, rad.
pub(crate) const SPIRAL_PIECE_TURN_RAD: f64 = 0.2;

/// The nearest point of a curve to a point beside it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Foot {
    /// Arc length from the reference point of the piece, m.
    pub u_m: f64,
    /// Offset of the point, m, positive left.
    pub lateral_m: f64,
    /// Unit tangent (east, north) at the foot.
    pub tangent: [f64; 2],
    /// Curvature at the foot, 1/m.
    pub curvature_1pm: f64,
}

impl SpiralPiece {
    /// About a pose of the spiral.
    pub fn new(middle: &PlanPose) -> SpiralPiece {
        let series = Series::new(middle.curvature_1pm, middle.curvature_rate_1pm2);
        let (sin, cos) = libm::sincos(middle.heading_rad);
        let head = |terms: &[f64; TERMS]| std::array::from_fn(|n| terms[n]);
        SpiralPiece {
            x_m: middle.x_m,
            y_m: middle.y_m,
            cos,
            sin,
            k: middle.curvature_1pm,
            rate: middle.curvature_rate_1pm2,
            series_cos: head(&series.cos),
            series_sin: head(&series.sin),
        }
    }

    /// Cosine and sine of the turn, and the position, at `w` from the middle, in the middle's frame.
    #[inline]
    fn pose(&self, w: f64) -> (f64, f64, f64, f64) {
        const OVER: [f64; FAST_TERMS] = [
            1.0,
            1.0 / 2.0,
            1.0 / 3.0,
            1.0 / 4.0,
            1.0 / 5.0,
            1.0 / 6.0,
            1.0 / 7.0,
            1.0 / 8.0,
            1.0 / 9.0,
            0.1,
        ];
        let (mut cos, mut sin, mut x, mut y) = (0.0, 0.0, 0.0, 0.0);
        for (n, over) in OVER.iter().enumerate().rev() {
            cos = cos * w + self.series_cos[n];
            sin = sin * w + self.series_sin[n];
            x = x * w + self.series_cos[n] * over;
            y = y * w + self.series_sin[n] * over;
        }
        (cos, sin, x * w, y * w)
    }

    /// Position and unit tangent at `w` from the middle.
    pub fn pose_at(&self, w: f64) -> ([f64; 2], [f64; 2]) {
        let (cos, sin, x, y) = self.pose(w);
        (
            [self.x_m + self.cos * x - self.sin * y, self.y_m + self.sin * x + self.cos * y],
            [self.cos * cos - self.sin * sin, self.sin * cos + self.cos * sin],
        )
    }

    /// Whether the foot of `(x, y)` can lie within `half_m` of the middle: `false` is certain. At an end the
    /// normal leans by at most 0.1 rad, so a point's distance along the middle's tangent is bounded.
    #[inline]
    pub fn may_hold(&self, x: f64, y: f64, half_m: f64) -> bool {
        let (dx, dy) = (x - self.x_m, y - self.y_m);
        let (qx, qy) = (self.cos * dx + self.sin * dy, -self.sin * dx + self.cos * dy);
        qx.abs() <= half_m + 0.12 * (qy.abs() + 0.1 * half_m) + 0.02
    }

    /// The foot of `(x, y)` with `u_m` from the middle, or `None` where the point lies at or beyond the
    /// centre of curvature. `half_m` bounds the search: the foot is only exact within it.
    pub fn foot(&self, x: f64, y: f64, half_m: f64) -> Option<Foot> {
        let (dx, dy) = (x - self.x_m, y - self.y_m);
        let (qx, qy) = (self.cos * dx + self.sin * dy, -self.sin * dx + self.cos * dy);
        // Newton on g(w) = (q − p(w))·t(w), g' = −(1 − κ d): quadratic, and started the same way every
        // time, so that equal questions get equal answers. Four rounds reach rounding from 0.1 rad.
        let denominator = 1.0 - self.k * qy;
        if denominator < 0.05 {
            return None;
        }
        // A little beyond the ends the series still holds; further out any answer outside will do.
        let reach = 1.05 * half_m + 0.01;
        let mut w = (qx / denominator).clamp(-reach, reach);
        for _ in 0..8 {
            let (cos, sin, px, py) = self.pose(w);
            let (ex, ey) = (qx - px, qy - py);
            let (along, left) = (cos * ex + sin * ey, -sin * ex + cos * ey);
            let denominator = 1.0 - (self.k + self.rate * w) * left;
            if denominator < 0.02 {
                return None;
            }
            let next = (w + along / denominator).clamp(-reach, reach);
            let moved = (next - w).abs();
            w = next;
            if moved < 1e-12 {
                break;
            }
        }
        let (cos, sin, px, py) = self.pose(w);
        let lateral_m = -sin * (qx - px) + cos * (qy - py);
        Some(Foot {
            u_m: w,
            lateral_m,
            tangent: [self.cos * cos - self.sin * sin, self.sin * cos + self.cos * sin],
            curvature_1pm: self.k + self.rate * w,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn curve(k: f64, rate: f64, length_m: f64) -> Curve {
        Curve { x_m: 3.0, y_m: -2.0, heading_rad: 0.7, length_m, curvature_1pm: k, curvature_rate_1pm2: rate }
    }

    /// Simpson's rule on the definition: position is the integral of the direction.
    fn by_quadrature(c: &Curve, u: f64) -> (f64, f64) {
        let n = 40_000;
        let h = u / f64::from(n);
        let (mut x, mut y) = (0.0, 0.0);
        for i in 0..=n {
            let w = if i == 0 || i == n {
                1.0
            } else if i % 2 == 1 {
                4.0
            } else {
                2.0
            };
            let s = f64::from(i) * h;
            let heading = c.heading_rad + s * (c.curvature_1pm + 0.5 * c.curvature_rate_1pm2 * s);
            x += w * heading.cos();
            y += w * heading.sin();
        }
        (c.x_m + x * h / 3.0, c.y_m + y * h / 3.0)
    }

    #[test]
    fn an_arc_stays_at_its_radius_from_its_centre() {
        for k in [1.0 / 30.0, -1.0 / 15.0, 1e-7, -1e-3, 0.5] {
            let c = curve(k, 0.0, 40.0);
            let (cx, cy) = (c.x_m - c.heading_rad.sin() / k, c.y_m + c.heading_rad.cos() / k);
            for u in [0.0, 1e-3, 10.0, 40.0] {
                let p = c.at(u);
                let r = (p.x_m - cx).hypot(p.y_m - cy);
                assert!((r - 1.0 / k.abs()).abs() < 1e-9 * (1.0 / k.abs()).max(1.0), "k {k} u {u}");
                assert!((p.heading_rad - 0.7 - k * u).abs() < 1e-15);
            }
        }
    }

    /// Fresnel integrals C(t), S(t) of 30-digit arithmetic: a clothoid of rate π has them as coordinates.
    #[test]
    fn a_clothoid_meets_the_fresnel_integrals() {
        for (t, c, s) in [
            (1.0, 0.779_893_400_376_822_9, 0.438_259_147_390_354_77),
            (2.0, 0.488_253_406_075_340_73, 0.343_415_678_363_698_25),
            (5.0, 0.563_631_188_704_012_2, 0.499_191_381_917_116_9),
        ] {
            let (x, y) = clothoid(0.0, std::f64::consts::PI, t);
            assert!((x - c).abs() < 1e-13 && (y - s).abs() < 1e-13, "t = {t}: {x} {y}");
        }
    }

    #[test]
    fn a_spiral_is_the_integral_of_its_direction() {
        for (k, rate) in [(0.0, 1.0 / 1650.0), (1.0 / 15.0, -1.0 / 150.0), (-0.02, 1e-3), (0.05, 1e-12)] {
            let c = curve(k, rate, 40.0);
            for u in [0.5, 13.0, 40.0] {
                let (x, y) = by_quadrature(&c, u);
                let p = c.at(u);
                assert!((p.x_m - x).hypot(p.y_m - y) < 1e-9, "k {k} rate {rate} u {u}");
            }
        }
    }

    #[test]
    fn the_foot_of_a_point_beside_a_spiral_is_found_to_rounding() {
        let c = curve(1.0 / 55.0, -1.0 / 1650.0, 30.0);
        let middle = c.at(13.0);
        let piece = SpiralPiece::new(&middle);
        for i in 0..=20 {
            let w = -2.5 + 0.25 * f64::from(i);
            let p = c.at(13.0 + w);
            for d in [-20.0, -4.0, -1e-9, 0.0, 3.0, 20.0] {
                let foot = piece
                    .foot(p.x_m - d * p.heading_rad.sin(), p.y_m + d * p.heading_rad.cos(), 2.5)
                    .expect("the centre of curvature is 60 m away");
                assert!(
                    (foot.u_m - w).abs() < 1e-11 && (foot.lateral_m - d).abs() < 1e-11,
                    "w {w} d {d}: {foot:?}"
                );
                assert!((foot.tangent[0] - p.heading_rad.cos()).abs() < 1e-13);
            }
        }
    }

    #[test]
    fn moving_a_cubic_leaves_its_values_alone() {
        let c = Cubic { a: 1.0, b: -0.3, c: 0.02, d: 4e-4 };
        let moved = c.shifted(7.0);
        for u in [-3.0, 0.0, 5.0] {
            assert!((moved.value(u) - c.value(u + 7.0)).abs() < 1e-12);
            assert!((moved.slope(u) - c.slope(u + 7.0)).abs() < 1e-12);
            assert!((moved.bend(u) - c.bend(u + 7.0)).abs() < 1e-12);
        }
    }
}
