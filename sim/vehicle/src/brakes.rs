//! Service brakes with dead time and lag, antilock control, parking brake.

use crate::delay::DelayLine;
use crate::lanes::F4;
use crate::params::BrakeParams;
use crate::table::Table;

/// Speed, m/s, below which the antilock system lets the wheels lock.
const ABS_MIN_SPEED_MPS: f64 = 1.5;
/// Pressure release and build-up of the antilock valve, share of the demand per second.
const ABS_RELEASE_PER_S: f64 = 14.0;
const ABS_BUILD_UP_PER_S: f64 = 5.0;
/// Deceleration of the rim, m/s², that announces a locking wheel, and the slip below which it does not.
const ABS_LOCKING_MPS2: f64 = 30.0;
const ABS_LEAST_SLIP: f64 = 0.03;
/// Lead of one front valve over the other that the yaw moment on split friction allows, and how fast more is
/// taken back.
const ABS_FRONT_LEAD: f64 = 0.2;
const ABS_LEAD_RELEASE_PER_S: f64 = 3.0;

#[derive(Clone, Debug)]
pub(crate) struct Brakes {
    force_by_pedal: Table,
    /// Share of the total brake force per wheel.
    share: [f64; 4],
    dead_steps: usize,
    /// Share of the way to the demand that one step covers.
    lag_step: f64,
    /// Brake torque of each wheel at the largest force, Nm.
    full_nm: [f64; 4],
    pub(crate) abs: bool,
    abs_slip: f64,
    pub(crate) parking_torque_nm: f64,
    rolling_radius_m: f64,
    /// Share of the torque that the pads still make of the force.
    pub(crate) effect: f64,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct BrakeState {
    pedal: DelayLine,
    /// Pedal position that the hydraulics see, %.
    pub(crate) pedal_pct: f64,
    /// Brake force asked for, N.
    pub(crate) request_n: f64,
    /// Brake force the pressure stands for, N.
    pub(crate) force_n: f64,
    /// Share of the pressure that the antilock valve lets through, per wheel.
    valve: [f64; 4],
    pub(crate) abs_active: bool,
    /// Brake force that the hill-start assist keeps in, N.
    pub(crate) hold_n: f64,
    /// Share of the full brake torque that the pump of the stability control makes, per wheel.
    pub(crate) pump: [f64; 4],
}

impl Brakes {
    pub(crate) fn new(params: &BrakeParams, rolling_radius_m: f64, dt_s: f64) -> Self {
        let (front, rear) = (0.5 * params.front_share, 0.5 * (1.0 - params.front_share));
        let share = [front, front, rear, rear];
        let full_n = params.force_by_pedal.iter().map(|row| row[1]).fold(0.0, f64::max);
        Brakes {
            force_by_pedal: Table::new(params.force_by_pedal.iter().copied()),
            share,
            full_nm: share.map(|share| share * full_n * rolling_radius_m),
            dead_steps: (params.dead_time_s / dt_s).round() as usize,
            lag_step: lag_step(params.lag_s, dt_s),
            abs: params.abs,
            abs_slip: params.abs_slip,
            parking_torque_nm: params.parking_torque_nm,
            rolling_radius_m,
            effect: 1.0,
        }
    }

    pub(crate) fn settled(&self, pedal_pct: f64) -> BrakeState {
        let force_n = self.force_by_pedal.at(pedal_pct);
        BrakeState {
            pedal: DelayLine::filled(pedal_pct, self.dead_steps),
            pedal_pct,
            request_n: force_n,
            force_n,
            valve: [1.0; 4],
            abs_active: false,
            hold_n: 0.0,
            pump: [0.0; 4],
        }
    }

    pub(crate) fn advance(&self, state: &mut BrakeState, pedal_pct: f64) {
        let pedal_pct = state.pedal.push(pedal_pct);
        if pedal_pct != state.pedal_pct {
            state.pedal_pct = pedal_pct;
            state.request_n = self.force_by_pedal.at(pedal_pct);
        }
        state.force_n += self.lag_step * (state.request_n - state.force_n);
    }

    /// Moves the antilock valves by one step. `vx_mps` is the speed of each wheel over ground along its
    /// heading, `rolling_mps` its rolling speed before and after the step.
    ///
    /// A valve releases when its wheel slips by more than the threshold, or falls behind the car so fast that
    /// it is on its way there (which comes first on a slippery road), and builds up when neither is near.
    /// Each front wheel on its own, the rear wheels by the one that locks first (select low), which keeps
    /// the rear axle's side force; the front wheel with the better grip leads the other by a bounded share, so
    /// that the yaw moment on split friction can be held.
    pub(crate) fn control_slip(
        &self,
        state: &mut BrakeState,
        vx_mps: &[f64; 4],
        rolling_mps: [&[f64; 4]; 2],
        dt_s: f64,
    ) {
        state.abs_active = false;
        let slow = vx_mps.iter().all(|speed| speed.abs() < ABS_MIN_SPEED_MPS);
        if !self.abs || slow || state.force_n <= 0.0 {
            state.valve = [1.0; 4];
            return;
        }
        // Slip, and deceleration of the rim, of a wheel.
        let sense = |wheel: usize| {
            let speed = vx_mps[wheel];
            if speed.abs() < ABS_MIN_SPEED_MPS {
                return [0.0, 0.0];
            }
            let [before, after] = rolling_mps.map(|rolling| rolling[wheel]);
            [1.0 - after / speed, (before - after) * speed.signum() / dt_s]
        };
        let move_valve = |valve: f64, [slip, falling_mps2]: [f64; 2], build_up_per_s: f64| {
            let locking = falling_mps2 > ABS_LOCKING_MPS2 && slip > ABS_LEAST_SLIP;
            if slip > self.abs_slip || locking {
                (valve - ABS_RELEASE_PER_S * dt_s).max(0.0)
            } else if slip < 0.7 * self.abs_slip && falling_mps2 < 0.5 * ABS_LOCKING_MPS2 {
                (valve + build_up_per_s * dt_s).min(1.0)
            } else {
                valve
            }
        };
        let before = state.valve;
        for (wheel, other) in [(0, 1), (1, 0)] {
            state.valve[wheel] = move_valve(before[wheel], sense(wheel), ABS_BUILD_UP_PER_S);
            let lead = before[wheel] - before[other] - ABS_FRONT_LEAD;
            if lead > 0.0 {
                let held = before[wheel] - (ABS_LEAD_RELEASE_PER_S * dt_s).min(lead);
                state.valve[wheel] = state.valve[wheel].min(held);
            }
        }
        let ([slip_l, falling_l], [slip_r, falling_r]) = (sense(2), sense(3));
        let worse = [slip_l.max(slip_r), falling_l.max(falling_r)];
        let rear = move_valve(state.valve[2], worse, ABS_BUILD_UP_PER_S);
        (state.valve[2], state.valve[3]) = (rear, rear);
        state.abs_active = state.valve.iter().any(|valve| *valve < 1.0);
    }

    /// Largest torque that the service brake of each wheel can hold now, Nm: by the foot or the hill-start assist,
    /// or by the pump, whichever is more.
    pub(crate) fn torque_nm(&self, state: &BrakeState) -> F4 {
        let force_n = state.force_n.max(state.hold_n);
        let foot = F4(state.valve) * F4(self.share) * (force_n * self.rolling_radius_m);
        foot.max(F4(state.pump) * F4(self.full_nm)) * self.effect
    }
}

/// Exact step of a first-order lag.
pub(crate) fn lag_step(lag_s: f64, dt_s: f64) -> f64 {
    if lag_s <= 0.0 { 1.0 } else { 1.0 - libm::exp(-dt_s / lag_s) }
}
