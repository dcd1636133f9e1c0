//! `skidpad bench`: how fast the simulator is on this machine.

use crate::output::print;
use crate::status::{Failure, Status};
use measure::{Machine, Rates, median};
use serde::Serialize;
use skidpad_engine::{RunOptions, Simulation};
use skidpad_links::LinkName;
use skidpad_scenario::{Library, LoadedScenario};
use skidpad_vehicle::{ActuatorDemand, Environment, Gear, SteeringDemand, VehicleModel};
use skidpad_world::FlatGround;
use stages::{Parts, Stages};
use std::fmt::Write;
use std::path::Path;

mod links;
mod lockstep;
mod measure;
mod process;
mod stages;

/// Measure how fast the simulator is on this machine
///
/// Measures four things, each several times, and prints the medians:
///
/// VEHICLE CORE. The vehicle model alone in steps of 1 ms on a level plane, accelerating, braking and
/// steering all the time.
///
/// CLOSED LOOP. A whole scenario on one thread, without its start and without files: world, vehicle, CAN bus,
/// by-wire ECUs, receiver, the embedded stack and the score.
///
/// STAGES. The same scenario with a clock read between the parts of each tick: what each costs. And by
/// themselves: a tyre formula for four wheels, a step of the vehicle, the ground under one wheel.
///
/// 30 S SCENARIO. From the start of a `skidpad run` process until it has ended and its reports are written,
/// trace included; and the most memory that it had resident.
///
/// A simulated second per CPU second counts the time that the thread computed, one per wall second the time
/// that passed. On a machine that does other things, only the first is worth comparing.
#[derive(clap::Args)]
#[command(after_help = HELP)]
pub struct Args {
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Instead: how evenly the frames of a car in real time arrive at a peer on each of these links [default: slcan,
    /// slcan-tcp on a free port]
    #[arg(long, value_name = "LINK", num_args = 0.., default_missing_values = ["slcan", "slcan-tcp:127.0.0.1:0"])]
    links: Option<Vec<LinkName>>,
    /// With --links: car and peer ask for real-time priority (SCHED_FIFO)
    #[arg(long, requires = "links")]
    realtime_priority: bool,
    /// Instead: how many steps a second a car and a trivial stack make in lock-step, over a Unix socket and TCP
    #[arg(long, conflicts_with = "links")]
    lockstep: bool,
    /// How often each measurement is made
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=1000))]
    repeats: u32,
}

const HELP: &str = "\
Examples:
  cargo run --release -- bench
  skidpad bench --json --repeats 20 > bench.json
  skidpad bench --links
  skidpad bench --links --realtime-priority
  skidpad bench --lockstep

JSON keys: vehicle_core, closed_loop { sim_s_per_cpu_s, sim_s_per_wall_s, simulated_s },
  stages { can, car, sensors, stack, score } in wall ms per simulated s, parts { tyres_ns, vehicle_step_ns, surface_ns },
  scenario_30s { wall_s, simulated_s }, rss_mb, machine { cpu, cores, os }, conditions.

Exit status:
  0  measured
  2  vehicles/ and maps/ were not found, or an argument is wrong
  4  internal error";

/// Version of the JSON.
const SCHEMA: &str = "skidpad.bench/2";
/// The car that is measured.
const VEHICLE: &str = "lincoln_mkz";
/// Simulated time of the vehicle core, s.
const CORE_S: u32 = 300;
/// Steps per second.
const STEPS_HZ: u32 = 1000;
/// The scenario that is measured.
const SCENARIO: &str = include_str!("bench/scenario.toml");

#[derive(Serialize)]
struct Bench {
    schema: &'static str,
    skidpad_version: &'static str,
    vehicle_core: Rates,
    closed_loop: Rates,
    /// Wall time of each part of the closed loop, ms per simulated second.
    stages: Stages,
    parts: Parts,
    scenario_30s: process::Timed,
    /// Peak resident memory of the process of `scenario_30s`, MB (10⁶ bytes); absent where the system does not say.
    rss_mb: Option<f64>,
    machine: Machine,
    conditions: Conditions,
}

#[derive(Serialize)]
struct Conditions {
    build: &'static str,
    repeats: u32,
    statistic: &'static str,
    threads: u32,
    cpu_clock: &'static str,
}

/// Runs the subcommand.
pub fn run(args: &Args) -> Result<Status, Failure> {
    let mut library = Library::locate(None).map_err(Failure::usage)?;
    let build = if cfg!(debug_assertions) { "debug" } else { "release" };
    if let Some(names) = &args.links {
        let bench = links::measure(names, args.realtime_priority, library.root(), build)?;
        print(&if args.json { json(&bench) } else { links::text(&bench) })?;
        return Ok(Status::Passed);
    }
    let scenario = library.load_text(SCENARIO, Path::new("bench.toml")).map_err(Failure::usage)?;
    if args.lockstep {
        let bench = lockstep::measure(&scenario, args.repeats, build)?;
        print(&if args.json { json(&bench) } else { lockstep::text(&bench) })?;
        return Ok(Status::Passed);
    }
    let vehicle = library.vehicle(VEHICLE).map_err(Failure::usage)?;
    let model = VehicleModel::new(&vehicle.params, 1.0 / f64::from(STEPS_HZ));

    let vehicle_core = Rates::of(args.repeats, || Ok(drive(&model)))?;
    let closed_loop = Rates::of(args.repeats, || simulate(&scenario))?;
    let stages = Stages::of(args.repeats, &scenario)?;
    let parts = Parts::of(args.repeats, &scenario, &model, &vehicle_core);
    let process = process::measure(SCENARIO, library.root(), args.repeats)?;
    let bench = Bench {
        schema: SCHEMA,
        skidpad_version: env!("CARGO_PKG_VERSION"),
        vehicle_core,
        closed_loop,
        stages,
        parts,
        scenario_30s: process.timed,
        rss_mb: process.rss_mb,
        machine: Machine::this(),
        conditions: Conditions {
            build,
            repeats: args.repeats,
            statistic: "median",
            threads: 1,
            cpu_clock: measure::cpu_clock(),
        },
    };
    print(&if args.json { json(&bench) } else { text(&bench, &scenario.scenario.name) })?;
    Ok(Status::Passed)
}

/// Drives the vehicle model alone; the simulated time, s.
fn drive(model: &VehicleModel) -> f64 {
    let environment = Environment::default();
    let mut ground = FlatGround::LEVEL;
    let mut state = model.place(&mut ground, &environment, [0.0; 3], 10.0, &varied(0));
    for step in 0..CORE_S * STEPS_HZ {
        model.step(&mut state, &varied(step), &mut ground, &environment);
    }
    assert!(state.position_m.x.is_finite(), "the car is somewhere");
    f64::from(CORE_S)
}

/// Ten seconds of driving, again and again: 6 s throttle, 2 s coasting, 2 s brake, the wheel to and fro.
fn varied(step: u32) -> ActuatorDemand {
    let phase_s = f64::from(step % (10 * STEPS_HZ)) / f64::from(STEPS_HZ);
    let wave = 1.0 - (phase_s % 4.0 - 2.0).abs();
    ActuatorDemand {
        throttle_pct: if phase_s < 6.0 { 35.0 } else { 0.0 },
        brake_pct: if phase_s >= 8.0 { 25.0 } else { 0.0 },
        steering: SteeringDemand::Servo { angle_rad: 1.5 * wave, rate_limit_rps: 8.0 },
        gear: Gear::Drive,
        parking_brake: false,
    }
}

/// Runs the scenario; the simulated time, s.
fn simulate(scenario: &LoadedScenario) -> Result<f64, Failure> {
    let simulation = Simulation::new(scenario, &RunOptions::default()).map_err(Failure::usage)?;
    let outcome = simulation.run(|_| (), || false).expect("nothing stops it");
    Ok(outcome.simulated_s)
}

fn json(bench: &impl Serialize) -> String {
    let mut text = serde_json::to_string_pretty(bench).expect("plain data is JSON");
    text.push('\n');
    text
}

fn text(bench: &Bench, scenario: &str) -> String {
    let Bench { machine, conditions, vehicle_core, closed_loop, scenario_30s, .. } = bench;
    let mut text = String::new();
    let mut line = |args: std::fmt::Arguments| writeln!(text, "{args}").expect("a string takes everything");
    line(format_args!("skidpad {}, {} build", bench.skidpad_version, conditions.build));
    line(format_args!("machine     {}, {} cores, {}", machine.cpu, machine.cores, machine.os));
    line(format_args!("conditions  one thread, medians of {}", conditions.repeats));
    line(format_args!("CPU time    {}", conditions.cpu_clock));
    line(format_args!(""));
    line(format_args!("{:26}{:>14}{:>14}", "simulated seconds per", "CPU second", "wall second"));
    for (name, rates) in [("vehicle core", vehicle_core), ("closed loop", closed_loop)] {
        let (cpu, wall) = (rates.sim_s_per_cpu_s, rates.sim_s_per_wall_s);
        line(format_args!("  {name:24}{cpu:14.0}{wall:14.0}   over {:.0} s", rates.simulated_s));
    }
    line(format_args!(""));
    line(format_args!("{:26}{:>14}{:>14}", "closed loop by stage", "ms per s", "share"));
    let total: f64 = bench.stages.rows().iter().map(|(_, ms)| ms).sum();
    for (name, ms) in bench.stages.rows() {
        line(format_args!("  {name:24}{ms:14.3}{:13.0} %", 100.0 * ms / total));
    }
    line(format_args!(""));
    let parts = &bench.parts;
    line(format_args!("tyre formula, four wheels        {:8.0} ns", parts.tyres_ns));
    line(format_args!("vehicle step, tyres included     {:8.0} ns", parts.vehicle_step_ns));
    line(format_args!("ground under a wheel             {:8.0} ns", parts.surface_ns));
    line(format_args!(""));
    let (simulated_s, wall_s) = (scenario_30s.simulated_s, scenario_30s.wall_s);
    line(format_args!("{simulated_s:.0} s scenario, process start to reports   {wall_s:.3} s"));
    match bench.rss_mb {
        Some(rss_mb) => line(format_args!("its peak resident memory               {rss_mb:.1} MB")),
        None => line(format_args!("its peak resident memory               unknown on this system")),
    }
    line(format_args!(""));
    line(format_args!("scenario: {scenario}"));
    if conditions.build == "debug" {
        line(format_args!("This is a debug build: measure with `cargo run --release -- bench`."));
    }
    text
}
