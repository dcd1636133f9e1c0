//! Magic-Formula tyre with combined slip and relaxation length, four wheels at a time.
//!
//! Slip signs as in ISO-W: κ = (ΩR − V_x)/|V_x|, tan α = V_y/|V_x|; F_y opposes α (K_y is negative);
//! camber γ is positive when the top of the wheel leans to its right, as for the right-hand rule about
//! the wheel's heading. Equations: H. B. Pacejka, *Tire and Vehicle Dynamics*, 3rd ed., §4.3 (PAC2002
//! names) and §8.6 (deflection form of the relaxation). Coefficients are those of a left wheel; a right
//! wheel is its mirror image.

use crate::lanes::F4;
use crate::params::TyreParams;
use crate::state::CornerState;

/// Slip speed, m/s, above which the standstill damping has faded out.
const DAMPING_FADE_MPS: f64 = 2.5;
/// Largest slip that the deflection stands for while the tread slides fast: well beyond a locked wheel.
const MAX_SLIP: f64 = 3.0;
/// Slip speed, m/s, below which the tread gives back what it cannot hold by elasticity.
const SLIDING_MPS: f64 = 1.0;
/// Elastic limit of a tread at rest, in deflections at which the linear force reaches the friction.
const ELASTIC_LIMIT: f64 = 1.5;
/// Load and friction below which a tyre gives no force: keeps 0/0 out of the formula.
const LEAST_LOAD_N: f64 = 1e-3;
const LEAST_FRICTION: f64 = 1e-6;
/// Sign that mirrors left-wheel data onto each wheel.
const SIDE: F4 = F4([1.0, -1.0, 1.0, -1.0]);

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

/// The tyre's memory.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct TyreState {
    /// Longitudinal deflection of the tread, m: the integral of the slip velocity V_x − ΩR.
    pub long_m: f64,
    /// Lateral deflection of the tread, m: the integral of V_y.
    pub lat_m: f64,
    /// V_y at the end of the last step, m/s.
    pub lat_mps: f64,
}

/// Forces of four wheels.
pub(crate) struct Forces4 {
    pub(crate) fx_n: F4,
    pub(crate) fy_n: F4,
    pub(crate) mz_nm: F4,
}

/// Memory of four tyres.
pub(crate) struct Treads4 {
    long_m: F4,
    lat_m: F4,
    lat_mps: F4,
}

impl Treads4 {
    #[inline(always)]
    pub(crate) fn of(corners: &[CornerState; 4]) -> Treads4 {
        Treads4 {
            long_m: F4::gather(corners, |corner| corner.tyre.long_m),
            lat_m: F4::gather(corners, |corner| corner.tyre.lat_m),
            lat_mps: F4::gather(corners, |corner| corner.tyre.lat_mps),
        }
    }

    #[inline(always)]
    pub(crate) fn wheel(&self, i: usize) -> TyreState {
        TyreState { long_m: self.long_m.0[i], lat_m: self.lat_m.0[i], lat_mps: self.lat_mps.0[i] }
    }
}

impl Forces4 {
    #[inline(always)]
    pub(crate) fn wheel(&self, i: usize) -> TyreForces {
        TyreForces { fx_n: self.fx_n.0[i], fy_n: self.fy_n.0[i], mz_nm: self.mz_nm.0[i] }
    }
}

/// Slip of one wheel, and what it stands on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WheelSlip {
    /// Longitudinal slip κ = (ΩR − V_x)/|V_x|.
    pub kappa: f64,
    /// Tangent of the slip angle, V_y/|V_x|.
    pub tan_alpha: f64,
    /// Camber, rad, positive with the top of the wheel to its right.
    pub camber_rad: f64,
    /// Load, N.
    pub load_n: f64,
    /// Friction scale of the ground.
    pub friction: f64,
}

/// Slips of four wheels, and what they stand on.
pub(crate) struct Slip4 {
    pub(crate) kappa: F4,
    pub(crate) tan_alpha: F4,
    pub(crate) camber_rad: F4,
    pub(crate) load_n: F4,
    pub(crate) friction: F4,
}

/// Motion of four contact patches.
pub(crate) struct Motion4 {
    /// Normal load, N, ≥ 0.
    pub(crate) load_n: F4,
    /// Velocity of the wheel along its heading, m/s.
    pub(crate) vx_mps: F4,
    /// Velocity of the wheel to its left, m/s.
    pub(crate) vy_mps: F4,
    /// Rolling speed Ω·R, m/s.
    pub(crate) rolling_mps: F4,
    /// Camber, rad.
    pub(crate) camber_rad: F4,
    /// Friction scale of the ground.
    pub(crate) friction: F4,
}

/// The tyres of one car, ready to compute.
#[derive(Clone, Debug)]
pub(crate) struct Tyres {
    p: TyreParams,
    /// Scale of the cornering stiffness per wheel.
    stiffness_scale: F4,
    // What a tyre file does not use costs nothing.
    has_x_reduction_shift: bool,
    has_y_reduction_shift: bool,
    has_side_force_from_kappa: bool,
    has_residual_moment: bool,
    has_arm_of_fx: bool,
    has_trail_curvature: bool,
    has_load_relaxation: bool,
}

impl TyreParams {
    /// Steady-state force of a left wheel at slip `kappa`, `alpha_rad`, upright, under `load_n`, on ground
    /// of scale `friction`; `stiffness_scale` multiplies the cornering stiffness.
    pub fn steady_state(
        &self,
        kappa: f64,
        alpha_rad: f64,
        load_n: f64,
        friction: f64,
        stiffness_scale: f64,
    ) -> TyreForces {
        self.steady_state_cambered(kappa, alpha_rad, 0.0, load_n, friction, stiffness_scale)
    }

    /// As [`TyreParams::steady_state`] at camber `camber_rad`.
    pub fn steady_state_cambered(
        &self,
        kappa: f64,
        alpha_rad: f64,
        camber_rad: f64,
        load_n: f64,
        friction: f64,
        stiffness_scale: f64,
    ) -> TyreForces {
        let tan_alpha = libm::tan(alpha_rad);
        let slip = WheelSlip { kappa, tan_alpha, camber_rad, load_n, friction };
        Tyres::new(self, [stiffness_scale; 4]).at_slips(&[slip; 4])[0]
    }

    /// Longitudinal and lateral relaxation length under `load_n`, m.
    pub fn relaxation_m(&self, load_n: f64) -> [f64; 2] {
        let [long, lat] = Tyres::new(self, [1.0; 4]).relaxation(F4::splat(load_n));
        [long.0[0], lat.0[0]]
    }
}

impl Tyres {
    /// Forces of the Magic Formula on each wheel (FL, FR, RL, RR).
    pub(crate) fn at_slips(&self, slips: &[WheelSlip; 4]) -> [TyreForces; 4] {
        let forces = self.steady_state(&Slip4 {
            kappa: F4::gather(slips, |slip| slip.kappa),
            tan_alpha: F4::gather(slips, |slip| slip.tan_alpha),
            camber_rad: F4::gather(slips, |slip| slip.camber_rad),
            load_n: F4::gather(slips, |slip| slip.load_n),
            friction: F4::gather(slips, |slip| slip.friction),
        });
        std::array::from_fn(|i| forces.wheel(i))
    }

    pub(crate) fn new(p: &TyreParams, stiffness_scale: [f64; 4]) -> Self {
        let any = |values: &[f64]| values.iter().any(|value| *value != 0.0);
        Tyres {
            p: p.clone(),
            stiffness_scale: F4(stiffness_scale),
            has_x_reduction_shift: p.rhx1 != 0.0,
            has_y_reduction_shift: any(&[p.rhy1, p.rhy2]),
            has_side_force_from_kappa: any(&[p.rvy1, p.rvy2, p.rvy3]),
            has_residual_moment: any(&[p.qdz6, p.qdz7, p.qdz8, p.qdz9]),
            has_arm_of_fx: any(&[p.ssz1, p.ssz2, p.ssz3, p.ssz4]),
            has_trail_curvature: any(&[p.qez1, p.qez2, p.qez3]),
            has_load_relaxation: any(&[p.ptx1, p.pty1]),
        }
    }

    /// Forces of the Magic Formula at these slips.
    pub(crate) fn steady_state(&self, slip: &Slip4) -> Forces4 {
        let p = &self.p;
        let one = F4::splat(1.0);
        let load = slip.load_n.max(F4::splat(LEAST_LOAD_N));
        let friction = slip.friction.max(F4::splat(LEAST_FRICTION));
        let load_ratio = load / p.nominal_load_n;
        let dfz = load_ratio - 1.0;
        let kappa = slip.kappa;
        let alpha = slip.tan_alpha.atan() * SIDE;
        let camber = slip.camber_rad * SIDE;
        let camber2 = camber * camber;

        // Longitudinal, pure. Load dependence may not push friction or stiffness through zero.
        let mux = (p.pdx1 + p.pdx2 * dfz).max(F4::splat(0.1 * p.pdx1)) * (1.0 - p.pdx3 * camber2) * friction;
        let dx = mux * load;
        let mut kx = (p.pkx1 + p.pkx2 * dfz).max(F4::splat(0.1 * p.pkx1)) * load;
        if p.pkx3 != 0.0 {
            kx = kx * (p.pkx3 * dfz).map(libm::exp);
        }
        let kappa_x = kappa + (p.phx1 + p.phx2 * dfz);
        let ex = ((p.pex1 + (p.pex2 + p.pex3 * dfz) * dfz) * (1.0 - one.copysign(kappa_x) * p.pex4)).min(one);
        let svx = (p.pvx1 + p.pvx2 * dfz) * load * friction;
        let fx0 = magic(kappa_x, kx / (p.pcx1 * dx), p.pcx1, dx, ex) + svx;

        // Lateral, pure.
        let muy = (p.pdy1 + p.pdy2 * dfz).max(F4::splat(0.1 * p.pdy1)) * (1.0 - p.pdy3 * camber2) * friction;
        let dy = muy * load;
        let ky = self.stiffness_scale
            * (p.pky1 * p.nominal_load_n)
            * (load_ratio / p.pky2).sin_2_atan()
            * (1.0 - p.pky3 * camber.abs());
        let by = ky / (p.pcy1 * dy);
        let shy = p.phy1 + p.phy2 * dfz + p.phy3 * camber;
        let svy = (p.pvy1 + p.pvy2 * dfz + (p.pvy3 + p.pvy4 * dfz) * camber) * load * friction;
        let alpha_y = alpha + shy;
        let ey =
            ((p.pey1 + p.pey2 * dfz) * (1.0 - (p.pey3 + p.pey4 * camber) * one.copysign(alpha_y))).min(one);
        let fy0 = magic(alpha_y, by, p.pcy1, dy, ey) + svy;

        // Combined: each force reduced by the other slip. Slips count by the friction, as they do for the
        // pure forces (whose slope stays while their peak falls): else the reductions would come too late
        // on a slippery road.
        let (kappa_c, alpha_c) = (kappa / friction, alpha / friction);
        let bxa = p.rbx1 * (p.rbx2 * kappa_c).cos_atan();
        let exa = (p.rex1 + p.rex2 * dfz).min(one);
        let has_exa = p.rex1 != 0.0 || p.rex2 != 0.0;
        let mut gx = cosine_form(alpha_c + p.rhx1, bxa, p.rcx1, exa, has_exa);
        if self.has_x_reduction_shift {
            gx = gx / cosine_form(F4::splat(p.rhx1), bxa, p.rcx1, exa, has_exa);
        }
        let byk = p.rby1 * (p.rby2 * (alpha_c - p.rby3)).cos_atan();
        let eyk = (p.rey1 + p.rey2 * dfz).min(one);
        let has_eyk = p.rey1 != 0.0 || p.rey2 != 0.0;
        let shyk = p.rhy1 + p.rhy2 * dfz;
        let mut gy = cosine_form(kappa_c + shyk, byk, p.rcy1, eyk, has_eyk);
        if self.has_y_reduction_shift {
            gy = gy / cosine_form(shyk, byk, p.rcy1, eyk, has_eyk);
        }
        let fx = fx0 * gx.max(F4::ZERO);
        let mut fy = fy0 * gy.max(F4::ZERO);
        let mut svyk = F4::ZERO;
        if self.has_side_force_from_kappa {
            let dvyk = dy * (p.rvy1 + p.rvy2 * dfz + p.rvy3 * camber) * (p.rvy4 * alpha_c).cos_atan();
            svyk = dvyk * (p.rvy5 * (p.rvy6 * kappa_c).atan()).sin();
            fy = fy + svyk;
        }

        // Aligning moment.
        let equivalent = |a: F4| {
            let ratio = kx / ky * kappa;
            (a * a + ratio * ratio).sqrt().copysign(a)
        };
        let sht = p.qhz1 + p.qhz2 * dfz + (p.qhz3 + p.qhz4 * dfz) * camber;
        let alpha_t = equivalent(alpha + sht);
        let bt = (p.qbz1 + (p.qbz2 + p.qbz3 * dfz) * dfz) * (1.0 + p.qbz4 * camber + p.qbz5 * camber.abs());
        let dt = load_ratio
            * p.unloaded_radius_m
            * (p.qdz1 + p.qdz2 * dfz)
            * (1.0 + p.qdz3 * camber + p.qdz4 * camber2);
        let mut et = F4::ZERO;
        if self.has_trail_curvature {
            let sign = (2.0 / std::f64::consts::PI) * (bt * p.qcz1 * alpha_t).atan();
            et = ((p.qez1 + (p.qez2 + p.qez3 * dfz) * dfz) * (1.0 + (p.qez4 + p.qez5 * camber) * sign))
                .min(one);
        }
        let cos_alpha = slip.tan_alpha.cos_atan();
        let trail =
            dt * cosine_form(alpha_t, bt, p.qcz1, et, self.has_trail_curvature).max(F4::ZERO) * cos_alpha;
        let mut mz = -trail * (fy - svyk);
        if self.has_residual_moment {
            let alpha_r = equivalent(alpha + shy + svy / ky);
            let br = p.qbz9 / friction + p.qbz10 * by * p.pcy1;
            let dr = load
                * p.unloaded_radius_m
                * friction
                * (p.qdz6 + p.qdz7 * dfz + (p.qdz8 + p.qdz9 * dfz) * camber);
            mz = mz + dr * (br * alpha_r).cos_atan() * cos_alpha;
        }
        if self.has_arm_of_fx {
            let arm = p.ssz1 + p.ssz2 * (fy / p.nominal_load_n) + (p.ssz3 + p.ssz4 * dfz) * camber;
            mz = mz + p.unloaded_radius_m * arm * fx;
        }
        let carries = |force: F4| slip.load_n.above(0.0, force, F4::ZERO);
        Forces4 { fx_n: carries(fx), fy_n: carries(fy) * SIDE, mz_nm: carries(mz) * SIDE }
    }

    /// Relaxation lengths (longitudinal, lateral) under these loads, m.
    fn relaxation(&self, load_n: F4) -> [F4; 2] {
        let p = &self.p;
        let constant = [F4::splat(p.relaxation_long_m), F4::splat(p.relaxation_lat_m)];
        if !self.has_load_relaxation {
            return constant;
        }
        let ratio = load_n / p.nominal_load_n;
        let dfz = ratio - 1.0;
        // Neither vanishes with the load: the decay of the deflection divides by it.
        let least = F4::splat(0.02);
        let long = if p.ptx1 == 0.0 {
            constant[0]
        } else {
            (ratio * (p.ptx1 + p.ptx2 * dfz) * (-p.ptx3 * dfz).map(libm::exp) * p.unloaded_radius_m)
                .max(least)
        };
        let lat = if p.pty1 == 0.0 {
            constant[1]
        } else {
            (p.pty1 * (ratio / p.pty2).sin_2_atan() * p.unloaded_radius_m).max(least)
        };
        [long, lat]
    }

    /// Advances the deflections (longitudinal, lateral, m) by `dt_s`; returns the forces they give and the
    /// slips they stand for (κ, tan α).
    ///
    /// The deflection obeys u̇ + |V_r|/σ·u = V_s, taken implicitly in the decay, so it is stable at any
    /// speed and needs no division by speed: at rest the tread is a spring, which is what holds a car on a
    /// grade. Across, by the trapezoidal rule, since the side force is the yaw response; along, by the
    /// implicit Euler rule, whose damping keeps tread and wheel spin calm.
    pub(crate) fn advance(&self, treads: &mut Treads4, motion: &Motion4, dt_s: f64) -> (Forces4, [F4; 2]) {
        let slip_x = motion.vx_mps - motion.rolling_mps;
        let slip_y = motion.vy_mps;
        let reference = motion.rolling_mps.abs().max(motion.vx_mps.abs());
        let [sx, sy] = self.relaxation(motion.load_n);
        let [limit_x, limit_y] = self.slip_limits(motion);
        // In the air the tread springs back.
        let bounded = |u: F4, bound: F4| motion.load_n.above(0.0, u.max(-bound).min(bound), F4::ZERO);
        let rolled = dt_s * reference;
        let long = bounded((treads.long_m + dt_s * slip_x) / (1.0 + rolled / sx), limit_x * sx);
        let half = 0.5 * rolled / sy;
        let moved = 0.5 * dt_s * (treads.lat_mps + slip_y);
        let lat = bounded((treads.lat_m * (1.0 - half) + moved) / (1.0 + half), limit_y * sy);
        *treads = Treads4 { long_m: long, lat_m: lat, lat_mps: slip_y };

        let kappa = -long / sx;
        let tan_alpha = lat / sy;
        let mut forces = self.steady_state(&Slip4 {
            kappa,
            tan_alpha,
            camber_rad: motion.camber_rad,
            load_n: motion.load_n,
            friction: motion.friction,
        });

        // Near standstill the relaxation gives no damping; tread rubber does, within the friction.
        if reference.0.iter().any(|speed| *speed < DAMPING_FADE_MPS) {
            let fade = (1.0 - reference / DAMPING_FADE_MPS).max(F4::ZERO);
            let damping = motion.load_n.above(0.0, fade * self.p.standstill_damping_nspm, F4::ZERO);
            let fx = forces.fx_n - damping * slip_x;
            let fy = forces.fy_n - damping * slip_y;
            let undamped = (forces.fx_n * forces.fx_n + forces.fy_n * forces.fy_n).sqrt();
            let bound = (0.98 * self.p.pdx1.min(self.p.pdy1) * motion.friction * motion.load_n).max(undamped);
            let size = (fx * fx + fy * fy).sqrt().max(F4::splat(1e-9));
            let scale = (bound / size).min(F4::splat(1.0));
            forces.fx_n = fx * scale;
            forces.fy_n = fy * scale;
        }
        (forces, [kappa, tan_alpha])
    }

    /// Largest slips (longitudinal, lateral) that the deflections may stand for.
    ///
    /// A locked wheel slides at slip 1 and beyond, but only a centimetre of that is elastic: without this
    /// bound a car that has slid to rest would be pushed back by the whole deflection.
    fn slip_limits(&self, motion: &Motion4) -> [F4; 2] {
        let p = &self.p;
        let x = motion.load_n / (p.nominal_load_n * p.pky2);
        let stiffness_y = self.stiffness_scale * (p.pky1.abs() * 2.0 / p.pky2) / (1.0 + x * x);
        let slip_x = motion.vx_mps - motion.rolling_mps;
        let speed = (slip_x * slip_x + motion.vy_mps * motion.vy_mps).sqrt();
        let sliding = (speed / SLIDING_MPS).min(F4::splat(1.0));
        let limit = |slip: F4| {
            let elastic = (ELASTIC_LIMIT * motion.friction * slip).min(F4::splat(MAX_SLIP));
            elastic + (MAX_SLIP - elastic) * sliding
        };
        [limit(F4::splat(p.pdx1 / p.pkx1)), limit(p.pdy1 / stiffness_y)]
    }
}

/// D·sin(C·atan(B·x − E·(B·x − atan(B·x)))).
#[inline(always)]
fn magic(slip: F4, b: F4, c: f64, d: F4, e: F4) -> F4 {
    let bx = b * slip;
    d * (c * (bx - e * (bx - bx.atan())).atan()).sin()
}

/// cos(C·atan(B·x − E·(B·x − atan(B·x)))); `curved` if E is not zero.
#[inline(always)]
fn cosine_form(slip: F4, b: F4, c: f64, e: F4, curved: bool) -> F4 {
    let bx = b * slip;
    let inner = if curved { bx - e * (bx - bx.atan()) } else { bx };
    (c * inner.atan()).cos()
}
