//! The drive, from the pedal to the front wheels, in the two kinds that `[powertrain]` offers.

mod automatic;
mod converter;
mod params;
mod power_split;
mod schedule;

pub use automatic::{Driveline, LockUp};
pub(crate) use params::KINDS;
pub use params::{
    AutomaticKind, AutomaticParams, ConverterParams, EngineParams, GearboxParams, PowerSplitKind,
    PowerSplitParams, PowertrainParams,
};

use crate::interface::Gear;
use automatic::{Automatic, AutomaticState};
use power_split::{PowerSplit, PowerSplitState};

#[derive(Clone, Debug)]
pub(crate) struct Powertrain {
    kind: Kind,
    pub(crate) pawl_torque_nm: f64,
}

#[derive(Clone, Debug)]
enum Kind {
    PowerSplit(PowerSplit),
    Automatic(Box<Automatic>),
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum PowertrainState {
    PowerSplit(PowerSplitState),
    Automatic(Box<AutomaticState>),
}

impl PowertrainState {
    /// Drive force at the tyres, N, positive forward, of which traction control leaves `drive_share` while it
    /// pushes in the direction of `gear`. An automatic's engine has been cut already.
    #[inline]
    pub(crate) fn force_n(&self, gear: Gear, drive_share: f64) -> f64 {
        match self {
            PowertrainState::PowerSplit(PowerSplitState { force_n, .. }) => {
                let pushes = if gear == Gear::Reverse { *force_n < 0.0 } else { *force_n > 0.0 };
                if pushes { force_n * drive_share } else { *force_n }
            }
            PowertrainState::Automatic(state) => state.force_n,
        }
    }

    /// Pedal position that the powertrain sees, %.
    pub(crate) fn pedal_pct(&self) -> f64 {
        match self {
            PowertrainState::PowerSplit(state) => state.pedal_pct,
            PowertrainState::Automatic(state) => state.pedal_pct,
        }
    }
}

impl Powertrain {
    pub(crate) fn new(params: &PowertrainParams, rolling_radius_m: f64, dt_s: f64) -> Self {
        match params {
            PowertrainParams::PowerSplit(params) => Powertrain {
                kind: Kind::PowerSplit(PowerSplit::new(params, dt_s)),
                pawl_torque_nm: params.pawl_torque_nm,
            },
            PowertrainParams::Automatic(params) => Powertrain {
                kind: Kind::Automatic(Box::new(Automatic::new(params, rolling_radius_m, dt_s))),
                pawl_torque_nm: params.pawl_torque_nm,
            },
        }
    }

    /// The state that lasts under constant pedals at constant speed.
    pub(crate) fn settled(
        &self,
        pedal_pct: f64,
        brake_pct: f64,
        gear: Gear,
        speed_mps: f64,
    ) -> PowertrainState {
        match &self.kind {
            Kind::PowerSplit(kind) => {
                PowertrainState::PowerSplit(kind.settled(pedal_pct, brake_pct, gear, speed_mps))
            }
            Kind::Automatic(kind) => {
                PowertrainState::Automatic(Box::new(kind.settled(pedal_pct, gear, speed_mps)))
            }
        }
    }

    /// One step. `brake_pct` is the brake pedal as the hydraulics see it, `speed_mps` the mean rolling speed of
    /// the driven wheels; traction control leaves `drive_share` of the engine's torque.
    #[inline]
    pub(crate) fn advance(
        &self,
        state: &mut PowertrainState,
        [pedal_pct, brake_pct]: [f64; 2],
        gear: Gear,
        speed_mps: f64,
        drive_share: f64,
    ) {
        match (&self.kind, state) {
            (Kind::PowerSplit(kind), PowertrainState::PowerSplit(state)) => {
                kind.advance(state, pedal_pct, brake_pct, gear, speed_mps);
            }
            (Kind::Automatic(kind), PowertrainState::Automatic(state)) => {
                kind.advance(state, pedal_pct, gear, speed_mps, drive_share);
            }
            // The state of another car; it is not this model's to move.
            _ => debug_assert!(false, "state and model have different drives"),
        }
    }

    /// Engine speed, 1/min.
    pub(crate) fn engine_rpm(&self, state: &PowertrainState, speed_mps: f64) -> f64 {
        match (&self.kind, state) {
            (Kind::PowerSplit(kind), PowertrainState::PowerSplit(state)) => kind.engine_rpm(state, speed_mps),
            (_, PowertrainState::Automatic(state)) => state.engine_rpm(),
            _ => 0.0,
        }
    }

    /// Engine, converter and gearbox of a stepped automatic.
    pub(crate) fn driveline(&self, state: &PowertrainState) -> Option<Driveline> {
        match (&self.kind, state) {
            (Kind::Automatic(kind), PowertrainState::Automatic(state)) => Some(kind.driveline(state)),
            _ => None,
        }
    }
}
