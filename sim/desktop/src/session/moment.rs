//! One instant of a run, as it is recorded for the window.

use super::Beside;
use skidpad_bywire::TurnSignal;
use skidpad_engine::{Simulation, TraceSample};
use std::sync::Arc;

/// A wheel at one instant.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct WheelMoment {
    /// Road-wheel steer angle, rad, positive left.
    pub steer_rad: f32,
    /// Angle that the wheel has turned since the start, rad: wrapped to one turn.
    pub angle_rad: f32,
    /// Travel from the design position, m, positive in bump.
    pub travel_m: f32,
    /// Normal load, N.
    pub load_n: f32,
    /// Longitudinal and lateral tyre force, N, forward and left in the wheel's own frame.
    pub force_n: [f32; 2],
    /// Share of the friction in use: force over load times the ground's friction scale; 1 is about all there is.
    pub friction_use: f32,
    /// Friction scale of the ground under it; 1 is dry asphalt.
    pub friction: f32,
}

/// One instant of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct Moment {
    /// Time of the scenario, s.
    pub time_s: f64,
    /// Centre of mass in its design position, world frame (east, north, up), m.
    pub position_m: [f64; 3],
    /// Body to world, [w, x, y, z].
    pub attitude: [f64; 4],
    /// Wheels FL, FR, RL, RR.
    pub wheels: [WheelMoment; 4],
    /// The turn lamps that blink.
    pub turn: TurnSignal,
    /// Where the stack believes the rear axle to be, world frame, m.
    pub believed_m: Option<[f64; 3]>,
    /// Standard deviation that the receiver claims for its position, east and north, m.
    pub sigma_m: [f32; 2],
    /// Cones and other vehicles; `None` where there are none.
    pub beside: Option<Arc<Beside>>,
    /// A row of the trace, in the order of [`TraceSample::COLUMNS`].
    pub values: [f32; TraceSample::COLUMNS.len()],
}

/// Index of a column of the trace by its name.
pub fn column(name: &str) -> Option<usize> {
    TraceSample::COLUMNS.iter().position(|(column, _)| *column == name)
}

impl Moment {
    /// The instant of `sample`, which the simulation has just taken, with what is `beside` the car then.
    pub fn new(
        simulation: &Simulation,
        sample: &TraceSample,
        sigma_m: [f32; 2],
        beside: Option<Arc<Beside>>,
    ) -> Moment {
        let state = simulation.vehicle();
        let wheels = state.corners.map(|corner| {
            let force_n = [corner.forces.fx_n as f32, corner.forces.fy_n as f32];
            let available_n = (corner.load_n * corner.friction).max(1.0) as f32;
            WheelMoment {
                steer_rad: corner.steer_rad as f32,
                angle_rad: corner.angle_rad.rem_euclid(std::f64::consts::TAU) as f32,
                travel_m: corner.travel_m as f32,
                load_n: corner.load_n as f32,
                force_n,
                friction_use: force_n[0].hypot(force_n[1]) / available_n,
                friction: corner.friction as f32,
            }
        });
        Moment {
            time_s: sample.sample.time_s,
            position_m: state.position_m.into(),
            attitude: state.attitude.0,
            wheels,
            turn: simulation.turn_signal(),
            believed_m: sample.sample.believed.map(|believed| believed.position_m),
            sigma_m,
            beside,
            values: sample.values().map(|value| value as f32),
        }
    }

    /// A value of the trace by the name of its column; NaN where it has none.
    pub fn value(&self, name: &str) -> f32 {
        column(name).map_or(f32::NAN, |index| self.values[index])
    }
}
