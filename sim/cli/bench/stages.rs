//! What the parts of the closed loop cost.

use super::measure::{Rates, median};
use crate::status::Failure;
use serde::Serialize;
use skidpad_engine::{RunOptions, Simulation, Stage};
use skidpad_scenario::LoadedScenario;
use skidpad_vehicle::{VehicleModel, WheelSlip};
use skidpad_world::Ground;
use std::hint::black_box;
use std::time::Instant;

/// Wall time of each part of the tick, ms per simulated second.
#[derive(Serialize)]
pub struct Stages {
    pub can: f64,
    pub car: f64,
    pub sensors: f64,
    pub stack: f64,
    pub score: f64,
}

impl Stages {
    /// Runs the scenario `repeats` times with a clock read where each part begins.
    pub fn of(repeats: u32, scenario: &LoadedScenario) -> Result<Stages, Failure> {
        let runs = (0..repeats).map(|_| watch(scenario)).collect::<Result<Vec<_>, _>>()?;
        let of = |stages: &[Stage]| {
            median(runs.iter().map(|run| stages.iter().map(|stage| run[*stage as usize]).sum()).collect())
        };
        Ok(Stages {
            can: of(&[Stage::FramesIn, Stage::FramesOut]),
            car: of(&[Stage::Car]),
            sensors: of(&[Stage::Sensors]),
            stack: of(&[Stage::Stack]),
            score: of(&[Stage::Score]),
        })
    }

    /// The parts with their names.
    pub fn rows(&self) -> [(&'static str, f64); 5] {
        [
            ("CAN bus and frames", self.can),
            ("car: ECUs, vehicle", self.car),
            ("sensors", self.sensors),
            ("stack", self.stack),
            ("score and hash", self.score),
        ]
    }
}

/// ms per simulated second of each stage.
fn watch(scenario: &LoadedScenario) -> Result<[f64; 6], Failure> {
    let mut simulation = Simulation::new(scenario, &RunOptions::default()).map_err(Failure::usage)?;
    let mut spent_s = [0.0; 6];
    let mut stage = Stage::Score;
    let mut since = Instant::now();
    let mut ticks = 0u32;
    while !simulation.is_finished() {
        let sample = simulation.step_watched(|next| {
            let now = Instant::now();
            spent_s[stage as usize] += (now - since).as_secs_f64();
            (stage, since) = (next, now);
        });
        black_box(sample);
        ticks += 1;
    }
    Ok(spent_s.map(|spent| 1e6 * spent / f64::from(ticks)))
}

/// Parts by themselves.
#[derive(Serialize)]
pub struct Parts {
    /// The tyre formula for four wheels, ns.
    pub tyres_ns: f64,
    /// A step of the vehicle on a plane, its tyres included, ns of CPU time.
    pub vehicle_step_ns: f64,
    /// The ground of the map under one wheel, ns.
    pub surface_ns: f64,
}

/// Calls of one measurement.
const CALLS: u32 = 200_000;

impl Parts {
    pub fn of(repeats: u32, scenario: &LoadedScenario, model: &VehicleModel, core: &Rates) -> Parts {
        let timed = |work: &mut dyn FnMut(u32)| {
            let once = |_| {
                let begin = Instant::now();
                (0..CALLS).for_each(&mut *work);
                1e9 * begin.elapsed().as_secs_f64() / f64::from(CALLS)
            };
            median((0..repeats).map(once).collect())
        };
        let tyres_ns = timed(&mut |i| {
            let share = f64::from(i % 1000) * 1e-3;
            let slip = |kappa, tan_alpha| WheelSlip {
                kappa,
                tan_alpha,
                camber_rad: 0.01,
                load_n: 3000.0 + 3000.0 * share,
                friction: 1.0,
            };
            let [a, b] = [0.3 * share - 0.15, 0.2 - 0.4 * share];
            black_box(model.tyre_forces(&[slip(a, b), slip(b, a), slip(a, a), slip(b, b)]));
        });
        let mut ground = scenario.map.ground();
        let start = &scenario.start;
        let surface_ns = timed(&mut |i| {
            let along_m = 0.1 * f64::from(i % 400);
            black_box(ground.surface(0, start.x_m + along_m, start.y_m));
        });
        Parts { tyres_ns, vehicle_step_ns: 1e6 / core.sim_s_per_cpu_s, surface_ns }
    }
}
