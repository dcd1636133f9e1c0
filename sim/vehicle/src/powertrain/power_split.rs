//! Drive of a power-split hybrid: closed-pedal creep and regeneration, pedal power and force limits.

use super::params::PowerSplitParams;
use crate::brakes::lag_step;
use crate::delay::DelayLine;
use crate::interface::Gear;
use crate::table::Table;

#[derive(Clone, Debug)]
pub(crate) struct PowerSplit {
    closed_pedal: Table,
    creep_share: Table,
    power_w: Table,
    force_n: Table,
    reverse_share: f64,
    reverse_max_speed_mps: f64,
    max_power_w: f64,
    dead_steps: usize,
    lag_step: f64,
    idle_rpm: f64,
    rpm_per_w: f64,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct PowerSplitState {
    pedal: DelayLine,
    /// Pedal position that the powertrain sees, %.
    pub(crate) pedal_pct: f64,
    /// What the pedal asks for: power limit, W, and force limit, N.
    limits: [f64; 2],
    /// Brake pedal position for which the share holds, and the share of the creep it leaves.
    creep: [f64; 2],
    /// Drive force at the tyres, N, positive forward.
    pub(crate) force_n: f64,
}

impl PowerSplit {
    pub(crate) fn new(params: &PowerSplitParams, dt_s: f64) -> Self {
        PowerSplit {
            closed_pedal: Table::new(params.closed_pedal_force_by_speed.iter().copied()),
            creep_share: Table::new(params.creep_by_brake_pedal.iter().copied()),
            power_w: Table::new(params.pedal_map.iter().map(|row| [row[0], row[1]])),
            force_n: Table::new(params.pedal_map.iter().map(|row| [row[0], row[2]])),
            reverse_share: params.reverse_share,
            reverse_max_speed_mps: params.reverse_max_speed_mps,
            max_power_w: params.max_power_w,
            dead_steps: (params.dead_time_s / dt_s).round() as usize,
            lag_step: lag_step(params.lag_s, dt_s),
            idle_rpm: params.idle_rpm,
            rpm_per_w: params.rpm_per_kw * 1e-3,
        }
    }

    pub(crate) fn settled(
        &self,
        pedal_pct: f64,
        brake_pct: f64,
        gear: Gear,
        speed_mps: f64,
    ) -> PowerSplitState {
        let mut state = PowerSplitState {
            pedal: DelayLine::filled(pedal_pct, self.dead_steps),
            pedal_pct,
            limits: [self.power_w.at(pedal_pct), self.force_n.at(pedal_pct)],
            creep: [brake_pct, self.creep_share.at(brake_pct)],
            force_n: 0.0,
        };
        state.force_n = self.demand_n(&state, gear, speed_mps);
        state
    }

    /// One step. `brake_pct` is the brake pedal as the hydraulics see it, `speed_mps` the rolling speed of
    /// the driven wheels.
    pub(crate) fn advance(
        &self,
        state: &mut PowerSplitState,
        pedal_pct: f64,
        brake_pct: f64,
        gear: Gear,
        speed_mps: f64,
    ) {
        if brake_pct != state.creep[0] {
            state.creep = [brake_pct, self.creep_share.at(brake_pct)];
        }
        let pedal_pct = state.pedal.push(pedal_pct);
        if pedal_pct != state.pedal_pct {
            state.pedal_pct = pedal_pct;
            state.limits = [self.power_w.at(pedal_pct), self.force_n.at(pedal_pct)];
        }
        let demand = self.demand_n(state, gear, speed_mps);
        state.force_n += self.lag_step * (demand - state.force_n);
    }

    /// Drive force asked for at the tyres, N, positive forward.
    fn demand_n(&self, state: &PowerSplitState, gear: Gear, speed_mps: f64) -> f64 {
        let (direction, share) = match gear {
            Gear::Drive | Gear::Low => (1.0, 1.0),
            Gear::Reverse => (-1.0, self.reverse_share),
            Gear::Park | Gear::Neutral => return 0.0,
        };
        let along = direction * speed_mps;
        // Against the gear's direction the creep and the pedal push as at rest.
        let speed = along.max(0.0);
        let [power_w, force_n] = state.limits;
        let mut pedal_n = (power_w / speed.max(0.1)).min(force_n) * share;
        if direction < 0.0 && speed > self.reverse_max_speed_mps {
            pedal_n = 0.0;
        }
        let closed_n = self.closed_pedal.at(speed);
        let total = if closed_n > 0.0 { closed_n * state.creep[1] } else { closed_n } + pedal_n;
        direction * total.min(self.max_power_w / speed.max(0.1))
    }

    /// Engine speed shown on the bus, 1/min.
    pub(crate) fn engine_rpm(&self, state: &PowerSplitState, speed_mps: f64) -> f64 {
        self.idle_rpm + self.rpm_per_w * (state.force_n * speed_mps).max(0.0)
    }
}
