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
        let (a, b) = self.discrete(speed_mps)?;
        let mut p = Matrix4::from_diagonal(&self.q);
        let mut iterations = 0;
        while iterations < self.max_iteration {
            iterations += 1;
            let (next, change) = self.riccati_step(&a, &p);
            p = next;
            if change < self.eps {
                break;
            }
        }
        let s = 1.0 + (b.transpose() * p * b)[0];
        Some(Gain { k: b.transpose() * p * a / s, iterations })
    }

    /// A (bilinear) and B (B·ts) for steps of `ts` at a speed (m/s, above 0). `None` if they cannot be computed.
    pub fn discrete(&self, speed_mps: f64) -> Option<(Matrix4<f64>, Vector4<f64>)> {
        let half_step = (self.a_constant + self.a_over_speed / speed_mps) * (0.5 * self.ts_s);
        let identity = Matrix4::identity();
        Some(((identity + half_step) * (identity - half_step).try_inverse()?, self.b))
    }

    /// P⁺ = AᵀPA − AᵀPB (1 + BᵀPB)⁻¹ BᵀPA + Q, and the magnitude of the largest signed change of an element.
    ///
    /// With one input the inverse is a division and BᵀPA a row g. Written out because it runs up to 150 times a
    /// tick: P is symmetric, the first column of A is that of the identity (nothing depends on the lateral
    /// error itself), and B acts on the two rates only.
    fn riccati_step(&self, a: &Matrix4<f64>, p: &Matrix4<f64>) -> (Matrix4<f64>, f64) {
        let (b1, b3) = (self.b[1], self.b[3]);
        let mut pa = [[0.0; 4]; 4];
        for (i, row) in pa.iter_mut().enumerate() {
            row[0] = p[(i, 0)];
            for (j, element) in row.iter_mut().enumerate().skip(1) {
                *element = (p[(i, 0)] * a[(0, j)] + p[(i, 1)] * a[(1, j)])
                    + (p[(i, 2)] * a[(2, j)] + p[(i, 3)] * a[(3, j)]);
            }
        }
        let g: [f64; 4] = std::array::from_fn(|j| b1 * pa[1][j] + b3 * pa[3][j]);
        let inverse = 1.0 / (1.0 + b1 * b1 * p[(1, 1)] + 2.0 * b1 * b3 * p[(1, 3)] + b3 * b3 * p[(3, 3)]);

        let mut next = Matrix4::zeros();
        let mut change = f64::NEG_INFINITY;
        for i in 0..4 {
            let g_scaled = g[i] * inverse;
            for j in i..4 {
                let a_transposed_pa = if i == 0 {
                    pa[0][j]
                } else {
                    (a[(0, i)] * pa[0][j] + a[(1, i)] * pa[1][j])
                        + (a[(2, i)] * pa[2][j] + a[(3, i)] * pa[3][j])
                };
                let element = a_transposed_pa - g_scaled * g[j] + if i == j { self.q[i] } else { 0.0 };
                change = change.max(element - p[(i, j)]);
                next[(i, j)] = element;
                next[(j, i)] = element;
            }
        }
        (next, change.abs())
    }
}
