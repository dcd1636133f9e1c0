//! Steering: EPS position servo, free column, play between column and rack, Ackermann linkage.

use crate::delay::DelayLine;
use crate::interface::SteeringDemand;
use crate::lanes::F4;
use crate::params::SteeringParams;
use std::f64::consts::FRAC_PI_2;

/// Constants of the steering, angles in rad.
#[derive(Clone, Debug)]
pub(crate) struct Steering {
    pub(crate) ratio: f64,
    max_rad: f64,
    max_rate_rps: f64,
    dead_steps: usize,
    stiffness: f64,
    damping: f64,
    dead_band_rad: f64,
    /// Half of the play.
    play_rad: f64,
    /// Ackermann share times track over wheelbase, halved.
    toe_out_gain: f64,
    caster_trail_m: f64,
    inertia: f64,
    column_damping: f64,
    friction_nm: f64,
    assist_gain: f64,
}

/// State of the column.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct SteeringState {
    pub(crate) angle_rad: f64,
    pub(crate) rate_rps: f64,
    /// The rack, as an angle of the steering wheel.
    pub(crate) rack_rad: f64,
    pub(crate) driver_torque_nm: f64,
    /// Target as asked for; the servo sees it after its dead time.
    target: DelayLine,
}

impl Steering {
    pub(crate) fn new(params: &SteeringParams, track_m: f64, wheelbase_m: f64, dt_s: f64) -> Self {
        let wn = params.natural_frequency_rps;
        Steering {
            ratio: params.ratio,
            max_rad: params.max_wheel_deg.to_radians(),
            max_rate_rps: params.max_rate_degps.to_radians(),
            dead_steps: (params.dead_time_s / dt_s).round() as usize,
            stiffness: wn * wn,
            damping: 2.0 * params.damping_ratio * wn,
            dead_band_rad: params.dead_band_deg.to_radians(),
            play_rad: 0.5 * params.backlash_deg.to_radians(),
            toe_out_gain: params.ackermann * 0.5 * track_m / wheelbase_m,
            caster_trail_m: params.caster_trail_m,
            inertia: params.column_inertia_kgm2,
            column_damping: params.column_damping_nms,
            friction_nm: params.column_friction_nm,
            assist_gain: params.assist_gain,
        }
    }

    /// The column at rest at `angle_rad`, which is also what it has been asked for.
    pub(crate) fn settled(&self, angle_rad: f64) -> SteeringState {
        SteeringState {
            angle_rad,
            rate_rps: 0.0,
            rack_rad: angle_rad,
            driver_torque_nm: 0.0,
            target: DelayLine::filled(angle_rad, self.dead_steps),
        }
    }

    /// One step. `aligning_nm` is the sum of the front tyres' aligning moments and `lateral_n` of their
    /// lateral forces: they turn a free column back.
    pub(crate) fn advance(
        &self,
        state: &mut SteeringState,
        demand: &SteeringDemand,
        aligning_nm: f64,
        lateral_n: f64,
        dt_s: f64,
    ) {
        self.turn_column(state, demand, aligning_nm, lateral_n, dt_s);
        // Friction keeps the rack where it is until the column has crossed the play.
        let (least, most) = (state.angle_rad - self.play_rad, state.angle_rad + self.play_rad);
        state.rack_rad = state.rack_rad.clamp(least, most);
    }

    fn turn_column(
        &self,
        state: &mut SteeringState,
        demand: &SteeringDemand,
        aligning_nm: f64,
        lateral_n: f64,
        dt_s: f64,
    ) {
        let before_rps = state.rate_rps;
        match *demand {
            SteeringDemand::Servo { angle_rad, rate_limit_rps } => {
                let target = state.target.push(angle_rad.clamp(-self.max_rad, self.max_rad));
                let error = target - state.angle_rad;
                let felt = error - error.clamp(-self.dead_band_rad, self.dead_band_rad);
                // By the implicit midpoint rule: θ̈ = ω_n²·felt − 2ζω_n·θ̇, where θ moves on within the step.
                let pull = if felt == 0.0 { 0.0 } else { 0.25 * dt_s * dt_s * self.stiffness };
                let drag = 0.5 * dt_s * self.damping + pull;
                let rate = (state.rate_rps * (1.0 - drag) + dt_s * self.stiffness * felt) / (1.0 + drag);
                let limit = self.max_rate_rps.min(rate_limit_rps.max(0.0));
                state.rate_rps = rate.clamp(-limit, limit);
                state.driver_torque_nm = 0.0;
            }
            SteeringDemand::Imposed { angle_rad } => {
                let angle_rad = angle_rad.clamp(-self.max_rad, self.max_rad);
                state.target.push(angle_rad);
                state.rate_rps = (angle_rad - state.angle_rad) / dt_s;
                state.angle_rad = angle_rad;
                state.driver_torque_nm = 0.0;
                return;
            }
            SteeringDemand::Free { driver_torque_nm } => {
                // The servo wakes up where the column is.
                state.target.push(state.angle_rad);
                let tyres_nm = (aligning_nm - self.caster_trail_m * lateral_n) / self.ratio;
                let torque = driver_torque_nm * (1.0 + self.assist_gain) + tyres_nm;
                let free =
                    state.rate_rps + dt_s * (torque - self.column_damping * state.rate_rps) / self.inertia;
                let stick = dt_s * self.friction_nm / self.inertia;
                let rate = if free.abs() <= stick { 0.0 } else { free - stick * free.signum() };
                state.rate_rps = rate.clamp(-3.0 * self.max_rate_rps, 3.0 * self.max_rate_rps);
                state.driver_torque_nm = driver_torque_nm;
            }
        }
        state.angle_rad += 0.5 * dt_s * (before_rps + state.rate_rps);
        if state.angle_rad.abs() >= self.max_rad {
            state.angle_rad = state.angle_rad.clamp(-self.max_rad, self.max_rad);
            state.rate_rps = 0.0;
        }
    }

    /// Road-wheel angles, rad, positive left.
    ///
    /// tan δ_i = tan δ / (1 ∓ a·tan δ) with a = Ackermann share · track / (2·wheelbase).
    pub(crate) fn road_wheels(&self, rack_rad: f64) -> F4 {
        let mean = rack_rad / self.ratio;
        let [sine, cosine, ..] = F4([mean, FRAC_PI_2 - mean.abs(), 0.0, 0.0]).sin().0;
        let tangent = sine / cosine;
        let share = self.toe_out_gain * tangent;
        F4([tangent / (1.0 - share), tangent / (1.0 + share), 0.0, 0.0]).atan()
    }
}
