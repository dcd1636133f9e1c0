//! The steering feedback gain: a discrete LQR on the error dynamics of the single-track model.

use nalgebra::{Matrix4, RowVector4, Vector4};

use super::conf::LateralConf;

/// The error dynamics at the centre of mass, with state [lateral error (m), its rate (m/s), heading error (rad), its
/// rate (rad/s)] and the road wheel angle (rad) as input.
///
/// Source: Apollo 1.0 `control/controller/lat_controller.cc` (`Init`, `UpdateMatrix`) and
/// `common/math/linear_quadratic_regulator.cc`.
#[derive(Debug, Clone)]
pub struct ErrorModel {
    ts_s: f64,
    mass_kg: f64,
    lf_m: f64,
    lr_m: f64,
    /// The part of A that does not depend on the speed.
    a_constant: Matrix4<f64>,
    /// The part of A that is divided by the speed.
    a_over_speed: Matrix4<f64>,
    /// B·ts: the input matrix is not discretised with A.
    b: Vector4<f64>,
    q: Vector4<f64>,
    eps: f64,
    max_iteration: u32,
}

/// A feedback gain, and how many Riccati steps it took.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Gain {
    /// Road wheel angle (rad) per unit of each state; the feedback is −k·state.
    pub k: RowVector4<f64>,
    /// Riccati steps made.
    pub iterations: u32,
}

impl ErrorModel {
    /// The model for these parameters.
    pub fn new(conf: &LateralConf) -> Self {
        let (cf, cr) = (conf.cf_n_per_rad, conf.cr_n_per_rad);
        let mass_front_kg = conf.mass_fl_kg + conf.mass_fr_kg;
        let mass_rear_kg = conf.mass_rl_kg + conf.mass_rr_kg;
        let mass_kg = mass_front_kg + mass_rear_kg;
        let lf_m = conf.wheelbase_m * (1.0 - mass_front_kg / mass_kg);
        let lr_m = conf.wheelbase_m * (1.0 - mass_rear_kg / mass_kg);
        let iz_kgm2 = lf_m * lf_m * mass_front_kg + lr_m * lr_m * mass_rear_kg;

        let mut a_constant = Matrix4::zeros();
        a_constant[(0, 1)] = 1.0;
        a_constant[(1, 2)] = (cf + cr) / mass_kg;
        a_constant[(2, 3)] = 1.0;
        a_constant[(3, 2)] = (lf_m * cf - lr_m * cr) / iz_kgm2;
        let mut a_over_speed = Matrix4::zeros();
        a_over_speed[(1, 1)] = -(cf + cr) / mass_kg;
        a_over_speed[(1, 3)] = (lr_m * cr - lf_m * cf) / mass_kg;
        a_over_speed[(3, 1)] = (lr_m * cr - lf_m * cf) / iz_kgm2;
        a_over_speed[(3, 3)] = -(lf_m * lf_m * cf + lr_m * lr_m * cr) / iz_kgm2;
        Self {
            ts_s: conf.ts_s,
            mass_kg,
            lf_m,
            lr_m,
            a_constant,
            a_over_speed,
            b: Vector4::new(0.0, cf / mass_kg, 0.0, lf_m * cf / iz_kgm2) * conf.ts_s,
            q: Vector4::from(conf.matrix_q),
            eps: conf.eps,
            max_iteration: conf.max_iteration,
        }
    }

    /// Total mass, kg.
    pub fn mass_kg(&self) -> f64 {
        self.mass_kg
    }

    /// Front axle to centre of mass, m.
    pub fn lf_m(&self) -> f64 {
        self.lf_m
    }

    /// Rear axle to centre of mass, m.
    pub fn lr_m(&self) -> f64 {
        self.lr_m
    }

    /// The gain at a speed (m/s, above 0). `None` if the matrices cannot be inverted.
    ///
    /// The iteration starts from P = Q every time, and ends on the largest *signed* change of an element, as the real
    /// module does; so the gain depends on the speed alone.
    pub fn gain(&self, speed_mps: f64) -> Option<Gain> {
        let a = self.a_constant + self.a_over_speed / speed_mps;
        let half_step = a * (0.5 * self.ts_s);
        let identity = Matrix4::identity();
        let a = (identity + half_step) * (identity - half_step).try_inverse()?;
        let a_transposed = a.transpose();
        let q = Matrix4::from_diagonal(&self.q);

        let mut p = q;
        let mut iterations = 0;
        while iterations < self.max_iteration {
            iterations += 1;
            // With one input, (R + BᵀPB)⁻¹ is a division, and BᵀPA a row: P⁺ = AᵀPA − gᵀg/s + Q. R is 1.
            let pa = p * a;
            let g = self.b.transpose() * pa;
            let s = 1.0 + (self.b.transpose() * p * self.b)[0];
            let next = a_transposed * pa - g.transpose() * (g / s) + q;
            let change = (next - p).max().abs();
            p = next;
            if change < self.eps {
                break;
            }
        }
        let s = 1.0 + (self.b.transpose() * p * self.b)[0];
        Some(Gain { k: self.b.transpose() * p * a / s, iterations })
    }
}
