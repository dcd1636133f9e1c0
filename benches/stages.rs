//! One entry per stage of the simulator: `cargo bench`. The stages of the closed loop are timed where they run,
//! per tick of the scenario that `skidpad bench` measures; vehicle, tyre and surface by themselves.

use criterion::{Criterion, criterion_group, criterion_main};
use skidpad_engine::{RunOptions, Simulation, Stage};
use skidpad_scenario::{Library, LoadedScenario};
use skidpad_vehicle::{ActuatorDemand, Environment, Gear, SteeringDemand, VehicleModel, WheelSlip};
use skidpad_world::{FlatGround, Ground};
use std::hint::black_box;
use std::path::Path;
use std::time::{Duration, Instant};

const SCENARIO: &str = include_str!("../sim/cli/bench/scenario.toml");

fn scenario() -> LoadedScenario {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut library = Library::at(root).expect("vehicles/ and maps/");
    library.load_text(SCENARIO, Path::new("bench.toml")).expect("the scenario of the benchmark")
}

/// Time that `stages` take in `ticks` ticks, the run begun anew when it ends.
fn spent(scenario: &LoadedScenario, stages: &[Stage], ticks: u64) -> Duration {
    let begin = || Simulation::new(scenario, &RunOptions::default()).expect("it runs");
    let mut simulation = begin();
    let mut spent = Duration::ZERO;
    for _ in 0..ticks {
        if simulation.is_finished() {
            simulation = begin();
        }
        let mut counting = None;
        let sample = simulation.step_watched(|stage| {
            if let Some(since) = counting.take() {
                spent += Instant::elapsed(&since);
            }
            if stages.contains(&stage) {
                counting = Some(Instant::now());
            }
        });
        if let Some(since) = counting {
            spent += since.elapsed();
        }
        black_box(sample);
    }
    spent
}

fn closed_loop(c: &mut Criterion) {
    let scenario = scenario();
    let stages: [(&str, &[Stage]); 5] = [
        ("can", &[Stage::FramesIn, Stage::FramesOut]),
        ("car", &[Stage::Car]),
        ("sensors", &[Stage::Sensors]),
        ("stack", &[Stage::Stack]),
        ("score", &[Stage::Score]),
    ];
    let mut group = c.benchmark_group("tick");
    for (name, stages) in stages {
        group.bench_function(name, |b| b.iter_custom(|ticks| spent(&scenario, stages, ticks)));
    }
}

fn vehicle(c: &mut Criterion) {
    let scenario = scenario();
    let model = VehicleModel::new(&scenario.vehicle.params, 1e-3);
    let slip =
        |kappa, tan_alpha, load_n| WheelSlip { kappa, tan_alpha, camber_rad: 0.01, load_n, friction: 1.0 };
    let slips = [
        slip(0.02, 0.05, 5500.0),
        slip(-0.1, 0.06, 3500.0),
        slip(0.0, 0.03, 4500.0),
        slip(0.2, -0.02, 3000.0),
    ];
    c.bench_function("tyre", |b| b.iter(|| model.tyre_forces(black_box(&slips))));

    let demand = ActuatorDemand {
        throttle_pct: 25.0,
        brake_pct: 0.0,
        steering: SteeringDemand::Servo { angle_rad: 0.5, rate_limit_rps: 8.0 },
        gear: Gear::Drive,
        parking_brake: false,
    };
    let (mut ground, environment) = (FlatGround::LEVEL, Environment::default());
    let mut state = model.place(&mut ground, &environment, [0.0; 3], 10.0, &demand);
    c.bench_function("vehicle", |b| {
        b.iter(|| model.step(&mut state, black_box(&demand), &mut ground, &environment));
    });

    let mut ground = scenario.map.ground();
    let (start, mut along_m) = (scenario.start, 0.0);
    c.bench_function("surface", |b| {
        b.iter(|| {
            along_m = (along_m + 0.01) % 40.0;
            ground.surface(0, start.x_m + along_m, start.y_m)
        });
    });
}

criterion_group!(benches, vehicle, closed_loop);
criterion_main!(benches);
