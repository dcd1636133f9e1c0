//! Magic-Formula tyre with combined slip and relaxation length.
//!
//! Slip signs as in ISO-W: κ = (ΩR − V_x)/|V_x|, tan α = V_y/|V_x|; F_y opposes α (K_y is negative).
//! Equations: H. B. Pacejka, *Tire and Vehicle Dynamics*, 3rd ed., §4.3 (PAC2002 names), without the
//! shifts; deflection form of the relaxation: same, §8.6.

use crate::params::TyreParams;

/// Slip speed, m/s, above which the standstill damping has faded out.
const DAMPING_FADE_MPS: f64 = 2.5;
/// Largest slip that the deflection stands for while the tread slides fast: well beyond a locked wheel.
const MAX_SLIP: f64 = 3.0;
/// Slip speed, m/s, below which the tread gives back what it cannot hold by elasticity.
const SLIDING_MPS: f64 = 1.0;
/// Elastic limit of a tread at rest, in deflections at which the linear force reaches the friction.
const ELASTIC_LIMIT: f64 = 1.5;

/// What the tyre does to the wheel at the contact patch, in its own axes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct TyreForces {
    /// Longitudinal force, N, positive forward.
    pub fx_n: f64,
    /// Lateral force, N, positive left.
    pub fy_n: f64,
    /// Aligning moment about the contact normal, Nm.
    pub mz_nm: f64,
}

/// Tread deflections, m: the tyre's memory.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct TyreState {
    /// Longitudinal deflection: the integral of the slip velocity V_x − ΩR.
    pub long_m: f64,
    /// Lateral deflection: the integral of V_y.
    pub lat_m: f64,
}

/// Velocities at the contact patch and the load on it.
#[derive(Clone, Copy, Debug, Default)]
pub struct PatchMotion {
    /// Normal load, N, ≥ 0.
    pub load_n: f64,
    /// Velocity of the wheel along its heading, m/s.
    pub vx_mps: f64,
    /// Velocity of the wheel to its left, m/s.
    pub vy_mps: f64,
    /// Rolling speed Ω·R, m/s.
    pub rolling_mps: f64,
    /// Friction scale of the ground.
    pub friction: f64,
}

impl TyreParams {
    /// Steady-state force of the Magic Formula at slip `kappa`, `alpha_rad`, load `load_n`, on ground
    /// of scale `friction`; `stiffness_scale` multiplies the cornering stiffness.
    pub fn steady_state(
        &self,
        kappa: f64,
        alpha_rad: f64,
        load_n: f64,
        friction: f64,
        stiffness_scale: f64,
    ) -> TyreForces {
        if load_n <= 0.0 || friction <= 0.0 {
            return TyreForces::default();
        }
        let load_ratio = load_n / self.nominal_load_n;
        let dfz = load_ratio - 1.0;

        // Load dependence may not push friction or stiffness through zero far above nominal load.
        let dx = (self.pdx1 + self.pdx2 * dfz).max(0.1 * self.pdx1) * friction * load_n;
        let kx = (self.pkx1 + self.pkx2 * dfz).max(0.1 * self.pkx1) * load_n;
        let fx0 = magic(kappa, kx / (self.pcx1 * dx), self.pcx1, dx, self.pex1);

        let dy = (self.pdy1 + self.pdy2 * dfz).max(0.1 * self.pdy1) * friction * load_n;
        // sin(2·atan x) = 2x / (1 + x²)
        let x = load_ratio / self.pky2;
        let ky = stiffness_scale * self.pky1 * self.nominal_load_n * 2.0 * x / (1.0 + x * x);
        let fy0 = magic(alpha_rad, ky / (self.pcy1 * dy), self.pcy1, dy, self.pey1);

        // Combined slip: cos(atan x) = 1 / √(1 + x²) in the slopes.
        let bx = self.rbx1 / root_one_plus(self.rbx2 * kappa);
        let gx = libm::cos(self.rcx1 * libm::atan(bx * alpha_rad));
        let by = self.rby1 / root_one_plus(self.rby2 * (alpha_rad - self.rby3));
        let gy = libm::cos(self.rcy1 * libm::atan(by * kappa));
        let mut fx_n = fx0 * gx.max(0.0);
        let mut fy_n = fy0 * gy.max(0.0);

        // The two reductions are fitted independently: hold their sum to the friction ellipse.
        let used = (fx_n / dx) * (fx_n / dx) + (fy_n / dy) * (fy_n / dy);
        if used > 1.0 {
            let scale = 1.0 / used.sqrt();
            fx_n *= scale;
            fy_n *= scale;
        }
        let trail_m = self.qdz1
            * self.unloaded_radius_m
            * load_ratio
            * libm::cos(self.qcz1 * libm::atan(self.qbz1 * alpha_rad)).max(0.0);
        TyreForces { fx_n, fy_n, mz_nm: -trail_m * fy_n }
    }

    /// Advances the deflections by `dt_s` and returns the force they give.
    ///
    /// The deflection obeys u̇ + |V_r|/σ·u = V_s, taken implicitly in the decay, so it is stable at any
    /// speed and needs no division by speed: at rest the tread is a spring, which is what holds a car
    /// on a grade.
    pub fn advance(
        &self,
        state: &mut TyreState,
        motion: &PatchMotion,
        stiffness_scale: f64,
        dt_s: f64,
    ) -> TyreForces {
        if motion.load_n <= 0.0 {
            *state = TyreState::default();
            return TyreForces::default();
        }
        let slip_x = motion.vx_mps - motion.rolling_mps;
        let slip_y = motion.vy_mps;
        let reference = motion.rolling_mps.abs().max(motion.vx_mps.abs());
        let (sx, sy) = (self.relaxation_long_m, self.relaxation_lat_m);
        let [limit_x, limit_y] = self.slip_limits(motion, stiffness_scale);
        state.long_m = ((state.long_m + dt_s * slip_x) / (1.0 + dt_s * reference / sx))
            .clamp(-limit_x * sx, limit_x * sx);
        state.lat_m = ((state.lat_m + dt_s * slip_y) / (1.0 + dt_s * reference / sy))
            .clamp(-limit_y * sy, limit_y * sy);

        let kappa = -state.long_m / sx;
        let alpha_rad = libm::atan(state.lat_m / sy);
        let mut forces = self.steady_state(kappa, alpha_rad, motion.load_n, motion.friction, stiffness_scale);

        // Near standstill the relaxation gives no damping; tread rubber does.
        let fade = 1.0 - reference / DAMPING_FADE_MPS;
        if fade > 0.0 {
            let limit = 0.98 * self.pdx1.min(self.pdy1) * motion.friction * motion.load_n;
            let damping = fade * self.standstill_damping_nspm;
            let fx = forces.fx_n - damping * slip_x;
            let fy = forces.fy_n - damping * slip_y;
            let size = (fx * fx + fy * fy).sqrt();
            let before = (forces.fx_n * forces.fx_n + forces.fy_n * forces.fy_n).sqrt();
            let scale = if size > limit.max(before) { limit.max(before) / size } else { 1.0 };
            forces.fx_n = fx * scale;
            forces.fy_n = fy * scale;
        }
        forces
    }

    /// Largest slips (longitudinal, lateral) that the deflections may stand for.
    ///
    /// A locked wheel slides at slip 1 and beyond, but only a centimetre of that is elastic: without this
    /// bound a car that has slid to rest would be pushed back by the whole deflection.
    fn slip_limits(&self, motion: &PatchMotion, stiffness_scale: f64) -> [f64; 2] {
        let x = motion.load_n / (self.nominal_load_n * self.pky2);
        let stiffness_y = stiffness_scale * self.pky1.abs() * 2.0 / (self.pky2 * (1.0 + x * x));
        let elastic = [self.pdx1 / self.pkx1, self.pdy1 / stiffness_y]
            .map(|slip| (ELASTIC_LIMIT * motion.friction * slip).min(MAX_SLIP));
        let slip_x = motion.vx_mps - motion.rolling_mps;
        let sliding = ((slip_x * slip_x + motion.vy_mps * motion.vy_mps).sqrt() / SLIDING_MPS).min(1.0);
        elastic.map(|slip| slip + (MAX_SLIP - slip) * sliding)
    }
}

/// D·sin(C·atan(B·x − E·(B·x − atan(B·x)))).
fn magic(slip: f64, b: f64, c: f64, d: f64, e: f64) -> f64 {
    let bx = b * slip;
    d * libm::sin(c * libm::atan(bx - e * (bx - libm::atan(bx))))
}

fn root_one_plus(x: f64) -> f64 {
    (1.0 + x * x).sqrt()
}
