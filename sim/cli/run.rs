//! `skidpad run`: scenarios in, scores out.

use crate::interrupt;
use crate::output::{OutFile, print, write_file};
use crate::status::{Failure, Status};
use progress::Progress;
use skidpad_engine::{RunOptions, SeatId, Simulation, out_of_reach};
use skidpad_links::{LinkName, PaceArg, ReceiverLinkName, RosLinkName, TopicLinkName, Wanted, meet};
use skidpad_report::{Outcome, TableStyle, junit_xml, report_json, table, timing_json};
use skidpad_scenario::{Library, LoadedScenario, discover};
use std::io::IsTerminal;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::Instant;
use suite::Suite;

mod glob;
mod outside;
mod progress;
mod suite;

/// Run scenarios and score them
///
/// Runs every scenario of PATH, a file or a folder of them, with Skidpad's own stack in every seat that the
/// scenario does not give to another, and prints one table: verdict, lateral error (rms and largest), heading
/// and speed error (rms), where the car ended, simulated seconds, and how much faster than real time it was.
/// Below it stands, for every scenario that did not pass, which limit was broken and by how much.
///
/// Errors are those of the car's true pose against the reference by geometry, not of what the stack believed.
///
/// The same files and seed give the same report.json and traces to the byte, on any number of threads.
#[derive(clap::Args, Default)]
#[command(after_help = HELP)]
pub struct Args {
    /// Scenario files, or folders of them [default: scenarios]
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Follow a recorded drive instead (CSV of Apollo's RTK recorder): from its start, in UTM coordinates,
    /// on a level plane, to a stop at its end; lateral error at most 0.10 m rms and 0.25 m anywhere
    #[arg(long, value_name = "FILE.csv", conflicts_with = "paths")]
    reference: Option<PathBuf>,
    /// UTM zone of the recording, north of the equator [default: 10]
    #[arg(long, value_name = "N", requires = "reference", value_parser = clap::value_parser!(u8).range(1..=60))]
    utm_zone: Option<u8>,
    /// Vehicle that follows the recording: a folder in vehicles/, or one with a vehicle.toml [default: lincoln_mkz]
    #[arg(long, value_name = "NAME|DIR", requires = "reference")]
    vehicle: Option<String>,
    /// Folder for the results: report.json, timing.json, junit.xml, and trace.csv of each scenario
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Scenarios to run at the same time [default: one for each core]
    #[arg(long, value_name = "N")]
    jobs: Option<NonZeroUsize>,
    /// Seed of all noise, instead of the scenarios' own
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Only scenarios whose name or file matches; `*` is any text, `?` any character
    #[arg(long, value_name = "GLOB")]
    filter: Option<String>,
    /// Attach the car's CAN bus to LINK (repeatable): slcan (makes a pseudo-terminal and names it), slcan:DEVICE,
    /// slcan-tcp:ADDRESS:PORT, vcan0 or socketcan:INTERFACE, udp_multicast:GROUP:PORT:HOPS@INTERFACE (python-can's; each
    /// part may be missing), candump:FILE (a log); one scenario at a time
    #[arg(long, value_name = "LINK")]
    can: Vec<LinkName>,
    /// Serve the receiver's port on LINK (repeatable): tcp (on 127.0.0.1:3001), tcp:ADDRESS:PORT, pty (makes a
    /// pseudo-terminal and names it), file:PATH (a recording); one scenario at a time
    #[arg(long, value_name = "LINK")]
    gnss: Vec<ReceiverLinkName>,
    /// Carry the stack's topics on LINK (repeatable): ros1 (serves the ROS master on 127.0.0.1:11311),
    /// ros1:http://HOST:PORT (joins that master), lockstep:unix:PATH, lockstep:tcp:ADDRESS:PORT (asks the stack at each
    /// step, as fast as it answers); scenarios then run one after the other
    #[arg(long, value_name = "LINK")]
    link: Vec<TopicLinkName>,
    /// The same as --link ros1:URI
    #[arg(long, value_name = "URI")]
    ros_master: Option<String>,
    /// Seats that are filled from outside, on links: planning, control, localization, canbus, gnss_driver
    #[arg(long, value_name = "SEAT,...", value_delimiter = ',', value_parser = meet::seat)]
    external: Vec<SeatId>,
    /// How fast simulated time passes: real (as on the clock), max (as fast as the machine can), or a number (so many
    /// times as fast as the clock, for a stack whose clock runs so fast) [default: real if a peer can take part,
    /// else max]
    #[arg(long, value_name = "PACE")]
    pace: Option<PaceArg>,
    /// Publish simulated time on /clock of a ros1 link, for nodes that live by it (use_sim_time); Apollo 1.0 does not
    #[arg(long)]
    clock: bool,
    /// Ask the system to run the simulation's thread before all others (SCHED_FIFO), so that ticks are in time on a busy
    /// machine; if it refuses, the run goes on and says so
    #[arg(long)]
    realtime_priority: bool,
    /// How long to wait until the stack of external seats has engaged the car, s; 3 in further scenarios once it was lost
    /// and nobody came for so long
    #[arg(long, value_name = "S", default_value_t = meet::WAIT_S, value_parser = clap::value_parser!(u32).range(0..=86400))]
    wait: u32,
    /// How long a stack in lock-step may take for one answer, s of wall time
    #[arg(long, value_name = "S", default_value_t = meet::ANSWER_WITHIN_S, value_parser = clap::value_parser!(u32).range(1..=86400))]
    answer_within: u32,
    /// No progress, and a table only of what did not pass
    #[arg(long)]
    quiet: bool,
    /// Tell the HMI of Apollo at URL (http://127.0.0.1:8887) that GPS and CAN card are there, as its hardware check wants
    #[arg(long, value_name = "URL")]
    hmi: Option<skidpad_ros1::Uri>,
}

const HELP: &str = "\
Examples:
  skidpad run                                      every scenario of scenarios/
  skidpad run scenarios/stopping --out out         one folder of them, results in out/
  skidpad run my_scenario.toml --seed 42
  skidpad run --filter '*skid*' --jobs 1
  skidpad run --reference drive.csv --utm-zone 10  follow a recorded drive
  skidpad run my_scenario.toml --can slcan --external canbus
  skidpad run my_scenario.toml --link ros1 --external control
  skidpad run my_scenario.toml --link ros1 --external control --clock --pace 2
  skidpad run my_scenario.toml --link lockstep:unix:/tmp/stack --external control
  skidpad run my_scenario.toml --gnss tcp:127.0.0.1:3001

Results (--out DIR):
  DIR/report.json       verdicts, metrics, limits, events and truth hash; the same bytes in every run
  DIR/junit.xml         the same for CI servers, one test case for each scenario
  DIR/timing.json       wall times, pace and counts of links; different in every run
  DIR/SCENARIO/trace.csv  100 Hz: truth, reference, errors, commands, actuators, wheels; units in the header

Exit status:
  0    every scenario passed
  1    a scenario failed its limits
  2    a file or an argument is wrong; if a scenario file is, nothing was run
  3    an external stack was missing, fell silent or broke the protocol, or the machine was too slow to judge it
  4    internal error; the other scenarios have been run and reported
  130  interrupted (Ctrl-C, SIGTERM, SIGHUP): links were closed; finished scenarios are reported, the others as not run";

/// Vehicle that follows a recording.
const DEFAULT_VEHICLE: &str = "lincoln_mkz";

/// Columns of the table.
const TABLE_WIDTH: usize = 110;

/// Where scenarios are looked for when no one says: here, or else beside the vehicles and maps.
pub fn default_scenarios() -> Result<PathBuf, Failure> {
    let here = PathBuf::from("scenarios");
    if here.is_dir() {
        return Ok(here);
    }
    Ok(Library::locate(None).map_err(Failure::usage)?.root().join("scenarios"))
}

/// Runs the subcommand.
pub fn run(args: &Args) -> Result<Status, Failure> {
    let mut scenarios = select(args)?;
    let stop = interrupt::watch()?;
    let mut outside = Wanted {
        can: args.can.clone(),
        gnss: args.gnss.clone(),
        topics: topic_links(args)?,
        external: args.external.iter().copied().collect(),
        pace: args.pace,
        clock: args.clock,
        realtime_priority: args.realtime_priority,
        wait_s: args.wait,
        answer_within_s: args.answer_within,
        stop: Some(stop),
        ..Wanted::default()
    };
    outside.check(&mut scenarios)?;
    for scenario in &scenarios {
        for sentence in out_of_reach(scenario, meet::external_of(scenario)) {
            eprintln!("warning: {}: {sentence}", scenario.file.display());
        }
    }
    let options = RunOptions { seed: args.seed, ..RunOptions::default() };
    let jobs = args.jobs.map_or_else(cores, NonZeroUsize::get);
    set_up(&scenarios, &options, jobs)?;
    // A stack outside drives one car at a time.
    let jobs = if outside.open_plugs(&scenarios)? { 1 } else { jobs };
    let suite = Suite { scenarios: &scenarios, options, outside, out: args.out.as_deref(), jobs, stop };
    if let Some(folder) = &args.out {
        writable(folder)?;
    }
    let hmi = args.hmi.as_ref().map(skidpad_links::Hmi::start).transpose().map_err(Failure::usage)?;
    let started = Instant::now();
    let finished = suite.run(&Progress::new(&scenarios, args.quiet));
    if let Some(note) = hmi.and_then(|hmi| hmi.report().sentence(hmi.uri())) {
        eprintln!("note: {note}");
    }

    // The statuses are numbered by how much they matter.
    let status = finished.iter().map(|finished| finished.status).max().unwrap_or(Status::Passed);
    let mut results: Vec<_> = finished.into_iter().map(|finished| finished.result).collect();
    if let Some(folder) = &args.out {
        write_file(&folder.join("report.json"), &report_json(&results))?;
        write_file(&folder.join("junit.xml"), &junit_xml(&results))?;
        write_file(&folder.join("timing.json"), &timing_json(&results))?;
    }
    if args.quiet {
        results.retain(|result| result.outcome() != Outcome::Pass);
    }
    if !(args.quiet && results.is_empty()) {
        print(&table(&results, &style(started.elapsed().as_secs_f64())))?;
    }
    Ok(status)
}

/// The links that carry topics, by either option.
fn topic_links(args: &Args) -> Result<Vec<TopicLinkName>, Failure> {
    let mut links = args.link.clone();
    if let Some(uri) = &args.ros_master {
        let joined: RosLinkName = format!("ros1:{uri}").parse().map_err(|_| {
            Failure::usage(format!(
                "--ros-master: expected an address like http://127.0.0.1:11311, got \"{uri}\""
            ))
        })?;
        links.push(TopicLinkName::Ros1(joined));
    }
    Ok(links)
}

/// The scenarios that the arguments name, loaded and checked.
fn select(args: &Args) -> Result<Vec<LoadedScenario>, Failure> {
    let scenarios = match &args.reference {
        Some(file) => vec![recording(args, file)?],
        None => {
            let paths = if args.paths.is_empty() { vec![default_scenarios()?] } else { args.paths.clone() };
            let files = discover(&paths).map_err(Failure::usage)?;
            let mut library = Library::locate(paths.first().map(PathBuf::as_path)).map_err(Failure::usage)?;
            library.load_all(&files).map_err(Failure::usage)?
        }
    };
    let Some(pattern) = &args.filter else { return Ok(scenarios) };
    let all = scenarios.len();
    let kept: Vec<_> = scenarios
        .into_iter()
        .filter(|s| {
            glob::matches(pattern, &s.scenario.name) || glob::matches(pattern, &s.file.to_string_lossy())
        })
        .collect();
    if kept.is_empty() {
        return Err(Failure::usage(format!(
            "--filter {pattern}: matches neither name nor file of any of the {all} scenarios; \
             `skidpad list` shows them"
        )));
    }
    Ok(kept)
}

/// Makes the folder of the results and tries to write there: better now than after an hour of simulation.
fn writable(folder: &Path) -> Result<(), Failure> {
    if folder.exists() && !folder.is_dir() {
        let shown = folder.display();
        return Err(Failure::usage(format!("{shown}: expected a folder for the results, got a file")));
    }
    OutFile::create(&folder.join("report.json")).map(drop)
}

/// Refuses the suite if a scenario cannot be set up, before any of it runs.
fn set_up(scenarios: &[LoadedScenario], options: &RunOptions, jobs: usize) -> Result<(), Failure> {
    let errors = |scenarios: &[LoadedScenario]| -> Vec<String> {
        scenarios.iter().filter_map(|s| Simulation::new(s, options).err()).map(|e| e.to_string()).collect()
    };
    let share = scenarios.len().div_ceil(jobs).max(1);
    let wrong: Vec<String> = std::thread::scope(|scope| {
        let work: Vec<_> = scenarios.chunks(share).map(|part| scope.spawn(|| errors(part))).collect();
        // A thread that panicked has found a bug, which the run itself will report.
        work.into_iter().flat_map(|thread| thread.join().unwrap_or_default()).collect()
    });
    if wrong.is_empty() { Ok(()) } else { Err(Failure::usage(wrong.join("\n"))) }
}

/// A scenario made of a recording.
fn recording(args: &Args, file: &Path) -> Result<LoadedScenario, Failure> {
    let vehicle = args.vehicle.as_deref().unwrap_or(DEFAULT_VEHICLE);
    let loaded = Library::locate(Some(file)).and_then(|mut library| {
        let folder = Path::new(vehicle);
        let name = match folder.join("vehicle.toml").exists() {
            true => library.add_vehicle(folder)?,
            false => vehicle.to_string(),
        };
        library.load_recording(file, &name, args.utm_zone, None)
    });
    let mut scenario = loaded.map_err(Failure::usage)?;
    scenario.scenario.pass.stopped = Some(true);
    Ok(scenario)
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, NonZeroUsize::get)
}

/// The table as standard output can show it.
fn style(elapsed_s: f64) -> TableStyle {
    let color = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    TableStyle { width: TABLE_WIDTH, color, elapsed_s: Some(elapsed_s) }
}
