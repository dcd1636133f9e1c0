//! Four wheels at a time: arithmetic and transcendental functions on `[f64; 4]`, without branches, so that
//! the compiler can use vector instructions.
//!
//! The functions are polynomials of this file (additions, multiplications, one division), so they give
//! the same bits on every machine, as `libm` would, at a third of its cost.

use nalgebra::{Matrix3, Vector3};
use std::f64::consts::{FRAC_PI_2, FRAC_PI_4, PI};
use std::ops::{Add, Div, Mul, Neg, Sub};

/// One value per wheel: FL, FR, RL, RR.
#[derive(Clone, Copy, Debug, PartialEq)]
#[repr(align(32))]
pub(crate) struct F4(pub(crate) [f64; 4]);

macro_rules! lane_operators {
    ($($trait:ident $method:ident $operator:tt)+) => {$(
        impl $trait for F4 {
            type Output = F4;
            #[inline(always)]
            fn $method(self, other: F4) -> F4 {
                let (a, b) = (self.0, other.0);
                F4([a[0] $operator b[0], a[1] $operator b[1], a[2] $operator b[2], a[3] $operator b[3]])
            }
        }
        impl $trait<f64> for F4 {
            type Output = F4;
            #[inline(always)]
            fn $method(self, other: f64) -> F4 {
                self $operator F4::splat(other)
            }
        }
        impl $trait<F4> for f64 {
            type Output = F4;
            #[inline(always)]
            fn $method(self, other: F4) -> F4 {
                F4::splat(self) $operator other
            }
        }
    )+};
}

lane_operators! { Add add + Sub sub - Mul mul * Div div / }

impl Neg for F4 {
    type Output = F4;
    #[inline(always)]
    fn neg(self) -> F4 {
        self.map(|x| -x)
    }
}

/// tan(π/8) and tan(3π/8): between them atan is reduced about π/4.
const TAN_PI_8: f64 = 0.414_213_562_373_095_03;
const TAN_3_PI_8: f64 = 2.414_213_562_373_095;

/// atan(√z)/√z on [0, tan²(π/8)], Chebyshev fit with the first coefficient exact; error of atan 1.5e-15.
const ATAN: [f64; 10] = [
    1.0,
    -0.3333333333333093,
    0.19999999997724888,
    -0.14285713930378566,
    0.11111089649211055,
    -0.09090255952690657,
    0.07681045202742948,
    -0.0655090730756309,
    0.05168834935919362,
    -0.02723288406057488,
];

/// sin(√z)/√z on [0, (π/2)²], likewise; error of sin 7e-16.
const SIN: [f64; 8] = [
    1.0,
    -0.1666666666666665,
    0.008333333333325933,
    -0.00019841269836469024,
    2.7557318055685783e-06,
    -2.505197292154555e-08,
    1.6050972244135636e-10,
    -7.40805488954261e-13,
];

impl F4 {
    pub(crate) const ZERO: F4 = F4([0.0; 4]);

    #[inline(always)]
    pub(crate) fn splat(x: f64) -> F4 {
        F4([x; 4])
    }

    /// One number of each of four things.
    #[inline(always)]
    pub(crate) fn gather<T>(four: &[T; 4], of: impl Fn(&T) -> f64) -> F4 {
        F4([of(&four[0]), of(&four[1]), of(&four[2]), of(&four[3])])
    }

    /// The sum, by axles: mirror images have the same one.
    #[inline(always)]
    pub(crate) fn sum(self) -> f64 {
        let a = self.0;
        (a[0] + a[1]) + (a[2] + a[3])
    }

    /// The value of the other wheel of the axle.
    #[inline(always)]
    pub(crate) fn other_side(self) -> F4 {
        let a = self.0;
        F4([a[1], a[0], a[3], a[2]])
    }

    #[inline(always)]
    pub(crate) fn map(self, f: impl Fn(f64) -> f64) -> F4 {
        let a = self.0;
        F4([f(a[0]), f(a[1]), f(a[2]), f(a[3])])
    }

    #[inline(always)]
    fn zip(self, other: F4, f: impl Fn(f64, f64) -> f64) -> F4 {
        let (a, b) = (self.0, other.0);
        F4([f(a[0], b[0]), f(a[1], b[1]), f(a[2], b[2]), f(a[3], b[3])])
    }

    #[inline(always)]
    pub(crate) fn abs(self) -> F4 {
        self.map(f64::abs)
    }

    #[inline(always)]
    pub(crate) fn sqrt(self) -> F4 {
        self.map(f64::sqrt)
    }

    /// The larger; the other where one is NaN.
    #[inline(always)]
    pub(crate) fn max(self, other: F4) -> F4 {
        self.zip(other, |a, b| select(a > b, a, b))
    }

    #[inline(always)]
    pub(crate) fn min(self, other: F4) -> F4 {
        self.zip(other, |a, b| select(a < b, a, b))
    }

    /// Magnitude of `self`, sign of `sign`.
    #[inline(always)]
    pub(crate) fn copysign(self, sign: F4) -> F4 {
        self.zip(sign, f64::copysign)
    }

    /// `yes` where `self` is above `bound`, else `no`.
    #[inline(always)]
    pub(crate) fn above(self, bound: f64, yes: F4, no: F4) -> F4 {
        let (a, y, n) = (self.0, yes.0, no.0);
        F4(std::array::from_fn(|i| select(a[i] > bound, y[i], n[i])))
    }

    /// Arc tangent, rad; error below 2.5e-15.
    #[inline(always)]
    pub(crate) fn atan(self) -> F4 {
        let a = self.abs();
        let one = F4::splat(1.0);
        let top = a.above(TAN_3_PI_8, -one, a.above(TAN_PI_8, a - one, a));
        let bottom = a.above(TAN_3_PI_8, a, a.above(TAN_PI_8, a + one, one));
        let base =
            a.above(TAN_3_PI_8, F4::splat(FRAC_PI_2), a.above(TAN_PI_8, F4::splat(FRAC_PI_4), F4::ZERO));
        let t = top / bottom;
        (base + t * polynomial(&ATAN, t * t)).copysign(self)
    }

    /// Sine of an angle within ±3π/2, rad; error below 1.5e-15.
    #[inline(always)]
    pub(crate) fn sin(self) -> F4 {
        let a = self.abs();
        let reduced = a.above(FRAC_PI_2, PI - a, a);
        let sine = reduced * polynomial(&SIN, reduced * reduced);
        self.zip(sine, |x, y| select(x < 0.0, -y, y))
    }

    /// Cosine of an angle within ±3π/2, rad; error below 1.5e-15.
    #[inline(always)]
    pub(crate) fn cos(self) -> F4 {
        (FRAC_PI_2 - self.abs()).sin()
    }

    /// cos(atan x) = 1/√(1 + x²).
    #[inline(always)]
    pub(crate) fn cos_atan(self) -> F4 {
        1.0 / (1.0 + self * self).sqrt()
    }

    /// sin(2·atan x) = 2x/(1 + x²).
    #[inline(always)]
    pub(crate) fn sin_2_atan(self) -> F4 {
        2.0 * self / (1.0 + self * self)
    }
}

/// One vector per wheel.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct V4 {
    pub(crate) x: F4,
    pub(crate) y: F4,
    pub(crate) z: F4,
}

impl Add for V4 {
    type Output = V4;
    #[inline(always)]
    fn add(self, other: V4) -> V4 {
        V4 { x: self.x + other.x, y: self.y + other.y, z: self.z + other.z }
    }
}

impl Sub for V4 {
    type Output = V4;
    #[inline(always)]
    fn sub(self, other: V4) -> V4 {
        V4 { x: self.x - other.x, y: self.y - other.y, z: self.z - other.z }
    }
}

impl V4 {
    #[inline(always)]
    pub(crate) fn splat(v: &Vector3<f64>) -> V4 {
        V4 { x: F4::splat(v.x), y: F4::splat(v.y), z: F4::splat(v.z) }
    }

    /// The vector of one wheel.
    pub(crate) fn wheel(&self, i: usize) -> Vector3<f64> {
        Vector3::new(self.x.0[i], self.y.0[i], self.z.0[i])
    }

    #[inline(always)]
    pub(crate) fn dot(&self, other: &V4) -> F4 {
        self.x * other.x + self.y * other.y + self.z * other.z
    }

    #[inline(always)]
    pub(crate) fn cross(&self, other: &V4) -> V4 {
        V4 {
            x: self.y * other.z - self.z * other.y,
            y: self.z * other.x - self.x * other.z,
            z: self.x * other.y - self.y * other.x,
        }
    }

    #[inline(always)]
    pub(crate) fn scaled(&self, by: F4) -> V4 {
        V4 { x: self.x * by, y: self.y * by, z: self.z * by }
    }

    /// ω × r.
    #[inline(always)]
    pub(crate) fn spun(&self, rate: &Vector3<f64>) -> V4 {
        V4 {
            x: rate.y * self.z - rate.z * self.y,
            y: rate.z * self.x - rate.x * self.z,
            z: rate.x * self.y - rate.y * self.x,
        }
    }

    /// ω × (ω × r) = ω (ω·r) − ω² r.
    #[inline(always)]
    pub(crate) fn centripetal(&self, rate: &Vector3<f64>) -> V4 {
        let along = rate.x * self.x + rate.y * self.y + rate.z * self.z;
        let square = rate.norm_squared();
        V4 {
            x: rate.x * along - square * self.x,
            y: rate.y * along - square * self.y,
            z: rate.z * along - square * self.z,
        }
    }

    /// R r.
    #[inline(always)]
    pub(crate) fn turned(&self, rotation: &Matrix3<f64>) -> V4 {
        let row =
            |i: usize| rotation[(i, 0)] * self.x + rotation[(i, 1)] * self.y + rotation[(i, 2)] * self.z;
        V4 { x: row(0), y: row(1), z: row(2) }
    }

    #[inline(always)]
    pub(crate) fn sum(&self) -> Vector3<f64> {
        Vector3::new(self.x.sum(), self.y.sum(), self.z.sum())
    }
}

/// `yes` or `no` by bit masks: no branch.
#[inline(always)]
fn select(condition: bool, yes: f64, no: f64) -> f64 {
    let mask = (condition as u64).wrapping_neg();
    f64::from_bits((yes.to_bits() & mask) | (no.to_bits() & !mask))
}

/// Σ cₖ zᵏ by Estrin's scheme: halves are independent, so the processor works on them side by side.
#[inline(always)]
fn polynomial<const N: usize>(c: &[f64; N], z: F4) -> F4 {
    let pair = |k: usize| if k + 1 < N { c[k + 1] * z + c[k] } else { F4::splat(c[k]) };
    let z2 = z * z;
    let quad = |k: usize| if k + 2 < N { pair(k + 2) * z2 + pair(k) } else { pair(k) };
    let z4 = z2 * z2;
    let low = if N > 4 { quad(4) * z4 + quad(0) } else { quad(0) };
    if N > 8 { quad(8) * (z4 * z4) + low } else { low }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn worst(lanes: impl Fn(F4) -> F4, exact: impl Fn(f64) -> f64, from: f64, to: f64) -> f64 {
        let n = 200_000;
        (0..n)
            .step_by(4)
            .map(|k| {
                let x: [f64; 4] =
                    std::array::from_fn(|i| from + (to - from) * f64::from(k + i as i32) / f64::from(n));
                let y = lanes(F4(x)).0;
                x.iter().zip(y).map(|(x, y)| (y - exact(*x)).abs()).fold(0.0, f64::max)
            })
            .fold(0.0, f64::max)
    }

    #[test]
    fn atan_agrees_with_libm_everywhere() {
        assert!(worst(F4::atan, libm::atan, -3.0, 3.0) < 2.5e-15);
        assert!(worst(F4::atan, libm::atan, -1e4, 1e4) < 2.5e-15);
        for x in [0.0, -0.0, 1e-300, f64::INFINITY, f64::NEG_INFINITY] {
            assert_eq!(F4::splat(x).atan().0[0], libm::atan(x), "{x}");
        }
        assert!(F4::splat(f64::NAN).atan().0[0].is_nan());
    }

    #[test]
    fn sine_and_cosine_agree_with_libm_within_three_half_turns() {
        let limit = 1.5 * PI;
        assert!(worst(F4::sin, libm::sin, -limit, limit) < 1.5e-15);
        assert!(worst(F4::cos, libm::cos, -limit, limit) < 1.5e-15);
    }

    #[test]
    fn lanes_do_not_mix() {
        let x = F4([1.0, -2.0, 0.5, 4.0]);
        assert_eq!((x * 2.0 + x).0, [3.0, -6.0, 1.5, 12.0]);
        assert_eq!((1.0 / x - x).0, [0.0, 1.5, 1.5, -3.75]);
        assert_eq!(x.max(F4::ZERO).0, [1.0, 0.0, 0.5, 4.0]);
        assert_eq!(x.above(0.7, F4::splat(1.0), -x).0, [1.0, 2.0, -0.5, 1.0]);
    }
}
