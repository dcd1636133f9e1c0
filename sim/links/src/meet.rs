//! What a run meets outside, as a scenario or a person says it: links, external seats, pace.
//!
//! [`Wanted`] says it, [`Wanted::meet`] opens the links of one run, and a [`Meeting`] sees it through: it waits for the
//! peers, sets the clock, and says what is waited for until the stack drives.

use crate::can_link::LinkError;
use crate::hub::{LinkState, Links, LinksReport, Pace};
use crate::lockstep::{Invitation, Patience};
use crate::name::LinkName;
use crate::pace::PaceReport;
use crate::plug::{Plug, TopicLinkName, TopicRun};
use crate::receiver_link::ReceiverLinkName;
use crate::stack_clock::CLOCK_SAMPLES;
use skidpad_engine::{
    EPOCH_UNIX_S, ExternalReport, Outcome, RunOptions, SeatId, Seats, SetupError, Simulation, TraceSample,
};
use skidpad_kernel::SimTime;
use skidpad_msgs::lockstep::Vehicle as VehicleOffer;
use skidpad_scenario::{LoadedScenario, PaceName, PaceSpec, Seat};
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::time::{Duration, Instant};

/// How long the stack of an external seat is waited for, s.
pub const WAIT_S: u32 = 30;
/// How long a stack in lock-step may take for one answer, s.
pub const ANSWER_WITHIN_S: u32 = 10;
/// How long the stack is waited for, at most, once it was lost in one scenario and nobody came in a whole wait of another, s.
pub const BRIEF_WAIT_S: u32 = 3;
/// Who waits is told what for after so long, and then so often.
const TELL_AFTER: Duration = Duration::from_secs(2);
const TELL_EVERY: Duration = Duration::from_secs(5);
/// Ticks between two looks at the clock and at who wants to stop.
const LOOK_EVERY: u32 = 100;
/// Of real-time priority.
const NOT_ASKED: &str = "note: real-time priority not asked for: this run keeps pace with no clock";

/// Why nobody is met outside, or nobody any more.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MeetError {
    /// A file or an argument is wrong, or a link cannot be opened.
    #[error("{0}")]
    Wrong(String),
    /// The stack did not come, or is none that can be met.
    #[error("{0}")]
    Absent(String),
}

impl From<LinkError> for MeetError {
    fn from(error: LinkError) -> Self {
        MeetError::Wrong(error.to_string())
    }
}

impl From<SetupError> for MeetError {
    fn from(error: SetupError) -> Self {
        MeetError::Wrong(error.to_string())
    }
}

/// How fast simulated time passes: `real`, `max`, or a multiple of the clock's pace.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PaceArg(pub PaceSpec);

impl FromStr for PaceArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let times = |times: &f64| (PaceSpec::MIN_TIMES..=PaceSpec::MAX_TIMES).contains(times);
        match text {
            "real" => Ok(PaceArg(PaceSpec::Named(PaceName::Real))),
            "max" => Ok(PaceArg(PaceSpec::Named(PaceName::Max))),
            _ => text.parse().ok().filter(times).map(|times| PaceArg(PaceSpec::Times(times))).ok_or_else(
                || {
                    format!(
                        "expected real, max, or a number from {} to {}",
                        PaceSpec::MIN_TIMES,
                        PaceSpec::MAX_TIMES
                    )
                },
            ),
        }
    }
}

/// What a person says about the outside; where nothing is said, the scenario does.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// Links to the car's CAN bus.
    pub can: Vec<LinkName>,
    /// Links to the receiver's port.
    pub gnss: Vec<ReceiverLinkName>,
    /// Links that carry topics.
    pub topics: Vec<TopicLinkName>,
    /// Seats that are filled from outside.
    pub external: Seats,
    /// The pace.
    pub pace: Option<PaceArg>,
    /// Simulated time is published on `/clock` of a link to ROS.
    pub clock: bool,
    /// Real-time scheduling is asked for the thread of [`Wanted::run`].
    pub realtime_priority: bool,
    /// How long the stack is waited for, s; [`BRIEF_WAIT_S`] where it is known to be gone.
    pub wait_s: u32,
    /// How long a stack in lock-step may take for one answer, s.
    pub answer_within_s: u32,
    /// Whether the stack came, and stayed, in the runs so far: one for all clones.
    pub past: Arc<Past>,
    /// Set by who wants the run to stop, even while it waits for a stack in lock-step.
    pub stop: Option<&'static AtomicBool>,
    /// What all runs share of the topic links; open after [`Wanted::open_plugs`].
    pub plugs: Vec<(TopicLinkName, Plug)>,
}

impl Default for Wanted {
    /// Nothing but what the scenario says, with the patience of the command line.
    fn default() -> Self {
        Wanted {
            can: Vec::new(),
            gnss: Vec::new(),
            topics: Vec::new(),
            external: Seats::NONE,
            pace: None,
            clock: false,
            realtime_priority: false,
            wait_s: WAIT_S,
            answer_within_s: ANSWER_WITHIN_S,
            past: Arc::default(),
            stop: None,
            plugs: Vec::new(),
        }
    }
}

/// What became of the stack in the runs of [`Wanted::run`] so far: who was lost and does not come again is not worth a whole
/// wait in each of many scenarios.
#[derive(Debug, Default)]
pub struct Past(AtomicU8);

impl Past {
    const THERE: u8 = 0;
    const LOST: u8 = 1;
    const GONE: u8 = 2;

    /// It was lost, and nobody came in a whole wait since.
    fn is_gone(&self) -> bool {
        self.0.load(Ordering::Relaxed) == Past::GONE
    }

    /// Another run is over: whether the stack came, and whether it was there to its end.
    fn add(&self, came: bool, stayed: bool) {
        let next = match (came, stayed) {
            (true, true) => Past::THERE,
            (true, false) => Past::LOST,
            (false, _) if self.0.load(Ordering::Relaxed) == Past::THERE => Past::THERE,
            (false, _) => Past::GONE,
        };
        self.0.store(next, Ordering::Relaxed);
    }
}

/// A seat that can be outside.
///
/// # Errors
/// The names that there are.
pub fn seat(name: &str) -> Result<SeatId, String> {
    SeatId::ALL.into_iter().find(|seat| seat.name() == name).ok_or_else(|| {
        let names: Vec<&str> = SeatId::ALL.into_iter().map(SeatId::name).collect();
        format!("expected seats of {}, with commas between them", names.join(", "))
    })
}

impl Wanted {
    /// Puts the external seats into the scenarios and refuses what cannot be, before anything runs.
    ///
    /// # Errors
    /// A link that only one scenario can have, or a seat without a way in or out.
    pub fn check(&self, scenarios: &mut [LoadedScenario]) -> Result<(), MeetError> {
        for (given, option, what) in
            [(!self.gnss.is_empty(), "--gnss", "receiver"), (!self.can.is_empty(), "--can", "bus")]
        {
            if given && scenarios.len() > 1 {
                let count = scenarios.len();
                return Err(MeetError::Wrong(format!(
                    "{option}: a link carries one {what}, and {count} scenarios were selected; name one of them"
                )));
            }
        }
        for scenario in scenarios {
            let stack = &mut scenario.scenario.stack;
            for seat in self.external.iter() {
                *match seat {
                    SeatId::Planning => &mut stack.planning,
                    SeatId::Control => &mut stack.control,
                    SeatId::Localization => &mut stack.localization,
                    SeatId::Canbus => &mut stack.canbus,
                    SeatId::GnssDriver => &mut stack.gnss_driver,
                } = Seat::External;
            }
            self.check_seats(scenario)?;
        }
        Ok(())
    }

    /// Every external seat needs a way in and a way out.
    fn check_seats(&self, scenario: &LoadedScenario) -> Result<(), MeetError> {
        let refuse = |seat: &str, lacks: &str, option: &str, key: &str| {
            Err(MeetError::Wrong(format!(
                "{}: the {seat} is external, and {lacks}: give one with {option} or `[links] {key}`",
                scenario.file.display()
            )))
        };
        let external = external_of(scenario);
        let topics = self.topic_names(scenario)?;
        if let Some(lockstep) = topics.iter().find(|name| !name.is_on_the_clock()) {
            check_lockstep(topics.len(), external)
                .map_err(|why| MeetError::Wrong(format!("{}: {lockstep}: {why}", scenario.file.display())))?;
        }
        if external.contains(SeatId::Canbus) && !self.names(scenario)?.iter().any(carries_peers) {
            return refuse("canbus", "no CAN link would bring its frames", "--can", "can");
        }
        if external.contains(SeatId::GnssDriver) && self.receiver_names(scenario)?.is_empty() {
            return refuse("gnss_driver", "no link would bring it the receiver's logs", "--gnss", "gnss");
        }
        if self.clock(scenario) && !topics.iter().any(|name| matches!(name, TopicLinkName::Ros1(_))) {
            return Err(MeetError::Wrong(format!(
                "{}: /clock is a topic of ROS (--clock or `[links] clock`), and no link would carry it: give one with \
                 --link ros1",
                scenario.file.display()
            )));
        }
        match external.iter().find(|seat| *seat != SeatId::Canbus) {
            Some(seat) if topics.is_empty() => {
                refuse(seat.name(), "no link would carry its topics", "--link", "topics")
            }
            _ => Ok(()),
        }
    }

    /// This with what `scenario` says, and with what `before` has open of the links that both want: a ROS master outlives
    /// the runs. The scenario becomes one that says itself what is wanted.
    ///
    /// # Errors
    /// A seat without a way in or out, or a link that cannot be opened.
    pub fn for_one(&self, scenario: &mut LoadedScenario, before: &Wanted) -> Result<Wanted, MeetError> {
        self.check(std::slice::from_mut(scenario))?;
        let mut wanted = self.clone();
        wanted.can = self.names(scenario)?;
        wanted.gnss = self.receiver_names(scenario)?;
        wanted.topics = self.topic_names(scenario)?;
        let links = &mut scenario.scenario.links;
        links.can = wanted.can.iter().map(ToString::to_string).collect();
        links.gnss = wanted.gnss.iter().map(ToString::to_string).collect();
        links.topics = wanted.topics.iter().map(ToString::to_string).collect();
        links.pace = self.pace.map(|pace| pace.0).or(links.pace);
        let open = |name: &TopicLinkName| {
            let plug = match before.plugs.iter().find(|(other, _)| other == name) {
                Some((_, plug)) => plug.clone(),
                None => Plug::open(name)?,
            };
            Ok((name.clone(), plug))
        };
        wanted.plugs = wanted.topics.iter().map(open).collect::<Result<_, MeetError>>()?;
        Ok(wanted)
    }

    /// Opens what all runs share of the topic links of these scenarios; if there are any, the scenarios run one after
    /// the other.
    ///
    /// # Errors
    /// A link that cannot be opened.
    pub fn open_plugs(&mut self, scenarios: &[LoadedScenario]) -> Result<bool, MeetError> {
        let mut names: Vec<TopicLinkName> = Vec::new();
        for scenario in scenarios {
            let wanted = self.topic_names(scenario)?;
            names.extend(wanted.into_iter().filter(|name| !names.contains(name)).collect::<Vec<_>>());
        }
        let open = |name: TopicLinkName| Plug::open(&name).map(|plug| (name, plug));
        self.plugs = names.into_iter().map(open).collect::<Result<_, _>>()?;
        Ok(!self.plugs.is_empty())
    }

    fn names(&self, scenario: &LoadedScenario) -> Result<Vec<LinkName>, MeetError> {
        if !self.can.is_empty() { Ok(self.can.clone()) } else { links_of(scenario) }
    }

    fn receiver_names(&self, scenario: &LoadedScenario) -> Result<Vec<ReceiverLinkName>, MeetError> {
        if !self.gnss.is_empty() { Ok(self.gnss.clone()) } else { receiver_links_of(scenario) }
    }

    fn topic_names(&self, scenario: &LoadedScenario) -> Result<Vec<TopicLinkName>, MeetError> {
        if !self.topics.is_empty() { Ok(self.topics.clone()) } else { topic_links_of(scenario) }
    }

    /// How fast time passes for a scenario: on the clock if anyone who lives there can take part.
    fn pace(&self, scenario: &LoadedScenario, has_peers: bool) -> Pace {
        match self.pace.map(|arg| arg.0).or(scenario.scenario.links.pace) {
            Some(PaceSpec::Named(PaceName::Real)) => Pace::Real,
            Some(PaceSpec::Named(PaceName::Max)) => Pace::Max,
            Some(PaceSpec::Times(times)) => Pace::Scaled(times),
            None if has_peers => Pace::Real,
            None => Pace::Max,
        }
    }

    fn clock(&self, scenario: &LoadedScenario) -> bool {
        self.clock || scenario.scenario.links.clock
    }

    /// Opens the links of a scenario; `None` if it has none and keeps no pace.
    ///
    /// # Errors
    /// A link that cannot be opened.
    pub fn meet(&self, scenario: &LoadedScenario) -> Result<Option<Meeting>, MeetError> {
        let names = self.names(scenario)?;
        let receiver = self.receiver_names(scenario)?;
        let topics = self.topic_names(scenario)?;
        let on_the_clock = topics.iter().any(TopicLinkName::is_on_the_clock);
        let has_peers = names.iter().any(carries_peers)
            || on_the_clock
            || receiver.iter().any(|name| !matches!(name, ReceiverLinkName::File(_)));
        let pace = self.pace(scenario, has_peers);
        if names.is_empty() && receiver.is_empty() && topics.is_empty() && pace == Pace::Max {
            return Ok(None);
        }
        let external = external_of(scenario);
        let mut links = Links::open(&names, pace)?;
        links.serve_receiver(&receiver)?;
        for (name, plug) in &self.plugs {
            if topics.contains(name) {
                links.attach(plug.link(self.topic_run(scenario))?);
            }
        }
        Ok(Some(Meeting {
            links,
            needs_can_peer: external.contains(SeatId::Canbus) && topics.is_empty(),
            wait_s: self.wait_s(),
            began: Instant::now(),
            learning: false,
            came: false,
            stack_on_the_clock: on_the_clock || topics.is_empty(),
            sets_clock: on_the_clock && pace != Pace::Max,
            // Who lives by our /clock has no other clock to be learned.
            learns_clock: on_the_clock && matches!(pace, Pace::Scaled(_)) && !self.clock(scenario),
            paced: pace != Pace::Max,
        }))
    }

    /// What a topic link is told of a run.
    fn topic_run(&self, scenario: &LoadedScenario) -> TopicRun {
        let external = external_of(scenario);
        let conf = &scenario.control.lateral;
        TopicRun {
            external,
            clock: self.clock(scenario),
            invitation: Invitation {
                simulator: concat!("skidpad ", env!("CARGO_PKG_VERSION")).to_owned(),
                scenario: scenario.scenario.name.clone(),
                vehicle: VehicleOffer {
                    name: scenario.scenario.vehicle.clone(),
                    wheelbase_m: conf.wheelbase_m,
                    steering_ratio: conf.steer_transmission_ratio,
                    max_steering_wheel_deg: conf.steer_single_direction_max_deg,
                },
                seats: external,
                epoch_unix_s: EPOCH_UNIX_S,
            },
            patience: Patience {
                join: self.wait(),
                answer: Duration::from_secs(u64::from(self.answer_within_s)),
            },
            stop: self.stop,
        }
    }

    /// How long the stack of the next run is waited for, s.
    fn wait_s(&self) -> u32 {
        if self.past.is_gone() { self.wait_s.min(BRIEF_WAIT_S) } else { self.wait_s }
    }

    fn wait(&self) -> Duration {
        Duration::from_secs(u64::from(self.wait_s()))
    }

    /// Runs a scenario with whom it meets outside, telling `say` where the links are and what is waited for; `None` if
    /// `stop` said so on the way.
    ///
    /// # Errors
    /// A link that cannot be opened, a scenario that cannot be set up, a stack that does not come.
    pub fn run(
        &self,
        scenario: &LoadedScenario,
        options: &RunOptions,
        mut on_sample: impl FnMut(&TraceSample),
        stop: impl Fn() -> bool,
        say: impl Fn(&str),
    ) -> Result<(Option<Outcome>, Option<Met>), MeetError> {
        let Some(mut meeting) = self.meet(scenario)? else {
            if self.realtime_priority {
                say(NOT_ASKED);
            }
            let simulation = Simulation::new(scenario, options)?;
            return Ok((simulation.run(on_sample, stop), None));
        };
        meeting.links.names().for_each(|name| say(&format!("link {name}")));
        let external = external_of(scenario) != Seats::NONE;
        if external && self.wait_s() < self.wait_s {
            let (wait_s, brief_s) = (self.wait_s, self.wait_s());
            say(&format!(
                "note: the stack was lost, and nobody came within {wait_s} s since: it is waited for {brief_s} s"
            ));
        }
        if !meeting.wait_for_peer(self.wait(), &stop) && !stop() {
            let message =
                format!("the canbus is external, and no peer opened a CAN link within {} s", self.wait_s());
            self.past.add(false, false);
            return Err(MeetError::Absent(message));
        }
        if self.realtime_priority {
            match meeting.links.ask_for_realtime_priority() {
                Some(answer) => say(&format!("note: real-time priority {answer}")),
                None => say(NOT_ASKED),
            }
        }
        let ran = meeting.drive(scenario, options, &mut on_sample, &stop, &say);
        if external && !stop() {
            let stayed = matches!(&ran, Ok(Some(outcome)) if outcome.lost.is_none());
            self.past.add(meeting.came || stayed, stayed);
        }
        let met = meeting.finish(ran.as_ref().ok().and_then(Option::as_ref));
        ran.map(|outcome| (outcome, Some(met)))
    }
}

/// In lock-step time waits for one stack: nobody else can fill a seat, and no seat whose other side lives on the clock.
fn check_lockstep(links: usize, external: Seats) -> Result<(), String> {
    if links > 1 {
        return Err(format!(
            "expected one link that carries topics where one is in lock-step, got {links}: time waits for one stack, \
             which fills all external seats"
        ));
    }
    for (seat, other) in [(SeatId::Canbus, "a CAN link"), (SeatId::GnssDriver, "the receiver's port")] {
        if external.contains(seat) {
            return Err(format!(
                "the {seat} cannot be outside in lock-step, since its other side, {other}, lives on the clock: leave it \
                 inside, or carry the topics on the clock with --link ros1"
            ));
        }
    }
    Ok(())
}

/// A run that meets someone outside: its links, and how far it has come with its stack.
#[derive(Debug)]
pub struct Meeting {
    links: Links,
    /// A canbus that is known on CAN alone fills its seat.
    needs_can_peer: bool,
    wait_s: u32,
    began: Instant,
    /// The stack's clock is not known yet.
    learning: bool,
    /// The stack has taken over.
    came: bool,
    /// The stack lives on the clock.
    stack_on_the_clock: bool,
    /// Simulated time zero is on the wall clock.
    sets_clock: bool,
    /// Simulated time zero is on the stack's clock, which runs faster.
    learns_clock: bool,
    /// Ticks are held to the clock.
    paced: bool,
}

impl Meeting {
    /// The links: what [`Simulation::step_outside`] takes.
    pub fn links(&mut self) -> &mut Links {
        &mut self.links
    }

    /// How each link is.
    pub fn states(&self) -> Vec<LinkState> {
        self.links.states()
    }

    /// How well the pace was kept so far, if it is that of the clock.
    pub fn pace(&self) -> Option<PaceReport> {
        self.links.pace()
    }

    /// Whether simulated time passes as on a clock, which nobody can stop: a run that can be paused keeps no pace.
    pub fn is_on_the_clock(&self) -> bool {
        self.paced
    }

    /// Waits for the peer of a canbus that is known on CAN alone, before [`Meeting::simulation`]; false if none came in
    /// time or `stop` said so. May be asked again. True at once where no such peer is needed.
    pub fn wait_for_peer(&mut self, at_most: Duration, stop: impl Fn() -> bool) -> bool {
        !self.needs_can_peer || self.links.wait_for_peer(at_most, stop)
    }

    /// Before [`Meeting::simulation`], for who must not wait: lets peers in, and says whom the run would wait for.
    pub fn waits_for(&mut self) -> Option<&'static str> {
        if !self.wait_for_peer(Duration::ZERO, || false) {
            return Some("a peer on the car's bus, which fills the seat of the canbus");
        }
        (!self.links.look()).then_some("a stack that joins in lock-step")
    }

    /// The simulation, whose time begins now.
    ///
    /// # Errors
    /// The scenario cannot be set up.
    pub fn simulation(
        &mut self,
        scenario: &LoadedScenario,
        options: &RunOptions,
    ) -> Result<Simulation, MeetError> {
        let mut options = *options;
        options.epoch_unix_s = match self.sets_clock {
            true => self.links.start_on_wall_clock(),
            false => self.links.start_at(options.epoch_unix_s),
        };
        let mut simulation = Simulation::new(scenario, &options)?;
        self.began = Instant::now();
        if self.learns_clock {
            self.links.learn_clock();
            simulation.hold_start(true);
            self.learning = true;
        }
        Ok(simulation)
    }

    fn drive(
        &mut self,
        scenario: &LoadedScenario,
        options: &RunOptions,
        on_sample: &mut impl FnMut(&TraceSample),
        stop: &dyn Fn() -> bool,
        say: &dyn Fn(&str),
    ) -> Result<Option<Outcome>, MeetError> {
        let mut simulation = self.simulation(scenario, options)?;
        // When, and what, was last told about what is waited for.
        let mut told: Option<(Instant, String)> = None;
        for tick in 0.. {
            if simulation.is_finished() {
                break;
            }
            if tick % LOOK_EVERY == 0 {
                if stop() {
                    return Ok(None);
                }
                if let Some(what) = self.look(&mut simulation)? {
                    let now = Instant::now();
                    let due = match &told {
                        None => self.began.elapsed() >= TELL_AFTER,
                        Some((at, told)) => now.duration_since(*at) >= TELL_EVERY && *told != what,
                    };
                    if due {
                        say(&format!("waiting for the stack: {what}"));
                        told = Some((now, what));
                    }
                }
            }
            if let Some(sample) = simulation.step_outside(&mut self.links) {
                on_sample(&sample);
            }
        }
        Ok(Some(simulation.finish()))
    }

    /// What is waited for until the stack drives; `None` once it does. To be asked some times a second.
    ///
    /// # Errors
    /// The stack has not come in time, or its clock shows no time that can be.
    pub fn look(&mut self, simulation: &mut Simulation) -> Result<Option<String>, MeetError> {
        let Some(waiting) = simulation.waiting() else {
            self.came = true;
            return Ok(None);
        };
        if let Some(epoch_unix_s) = self.links.learned_epoch() {
            simulation.set_epoch_unix_s(epoch_unix_s).map_err(|error| {
                MeetError::Absent(format!("the stack's clock shows no time that can be: {error}"))
            })?;
            simulation.hold_start(false);
            self.learning = false;
        }
        let missing: Vec<String> = waiting
            .silent
            .iter()
            .map(|seat| {
                let topic = seat.topics().next().expect("every seat has a topic");
                let about = self.links.topic_links().find_map(|link| link.about(topic));
                format!(
                    "nothing on {} from {seat}{}",
                    topic.name,
                    about.map_or(String::new(), |a| format!(" ({a})"))
                )
            })
            .collect();
        let what = if !missing.is_empty() {
            missing.join("; ")
        } else if self.learning {
            let (samples, of) = (self.links.clock_samples(), CLOCK_SAMPLES);
            format!("the stack's clock is not known yet: {samples} of {of} stamped messages have come")
        } else {
            waiting.operator.to_owned()
        };
        // A stack in lock-step has all the time that it takes; what counts is how long it has driven nothing.
        let waited = match self.stack_on_the_clock {
            true => self.began.elapsed(),
            false => simulation.now().since(SimTime::ZERO),
        };
        if waited >= Duration::from_secs(u64::from(self.wait_s)) {
            let message = format!("the stack did not take over within {} s: {what}", self.wait_s);
            return Err(MeetError::Absent(message));
        }
        Ok(Some(what))
    }

    /// Closes the links, telling them how the run ended if it did.
    pub fn finish(mut self, outcome: Option<&Outcome>) -> Met {
        if let Some(outcome) = outcome {
            self.links.tell(outcome);
        }
        let judged = outcome.filter(|outcome| outcome.lost.is_none());
        let verdict = judged.map(|outcome| if outcome.verdict.passed { "pass" } else { "fail" });
        let external = outcome.and_then(|outcome| outcome.external.clone());
        Met { links: self.links.finish(verdict), external }
    }
}

/// What a run has met outside.
#[derive(Debug)]
pub struct Met {
    /// The links and the pace.
    pub links: LinksReport,
    /// The seats outside; absent without any.
    pub external: Option<ExternalReport>,
}

/// The seats that a scenario gives away.
pub fn external_of(scenario: &LoadedScenario) -> Seats {
    Seats::external_in(&scenario.scenario.stack)
}

/// The links of `key` that the scenario's file names.
fn parsed<L: FromStr<Err: ToString>>(
    scenario: &LoadedScenario,
    key: &str,
    names: &[String],
) -> Result<Vec<L>, MeetError> {
    let wrong = |error: L::Err| {
        let (file, error) = (scenario.file.display(), error.to_string());
        MeetError::Wrong(format!("{file}: `links.{key}`: {error}"))
    };
    names.iter().map(|name| name.parse().map_err(wrong)).collect()
}

/// The CAN links that the scenario's file names.
///
/// # Errors
/// A name that is none.
pub fn links_of(scenario: &LoadedScenario) -> Result<Vec<LinkName>, MeetError> {
    parsed(scenario, "can", &scenario.scenario.links.can)
}

/// The links to the receiver's port that the scenario's file names.
///
/// # Errors
/// A name that is none.
pub fn receiver_links_of(scenario: &LoadedScenario) -> Result<Vec<ReceiverLinkName>, MeetError> {
    parsed(scenario, "gnss", &scenario.scenario.links.gnss)
}

/// The links that carry topics that the scenario's file names.
///
/// # Errors
/// A name that is none.
pub fn topic_links_of(scenario: &LoadedScenario) -> Result<Vec<TopicLinkName>, MeetError> {
    parsed(scenario, "topics", &scenario.scenario.links.topics)
}

fn carries_peers(name: &LinkName) -> bool {
    !matches!(name, LinkName::Candump(_))
}

impl Met {
    /// Why the run cannot be judged, though it came to its end.
    pub fn invalid(&self) -> Option<String> {
        self.external.as_ref().and(self.links.pace).and_then(|pace| pace.too_poor())
    }

    /// What a reader of the result should know about the links.
    pub fn sentences(&self) -> Vec<String> {
        let met = &self.links;
        let mut sentences: Vec<String> = met.can.iter().flat_map(|link| link.sentences()).collect();
        sentences.extend(met.receiver.iter().flat_map(|link| link.sentences()));
        sentences.extend(met.topics.iter().flat_map(|link| link.sentences.iter().cloned()));
        if let Some(pace) = met.pace.filter(|pace| pace.given_up_s > 0.0) {
            sentences.push(format!(
                "the machine was too slow for real time: {:.3} s of it were given up, {} ticks began late",
                pace.given_up_s, pace.overruns
            ));
        }
        if let Some(ignored) = self.external.as_ref().map(|stack| stack.ignored_messages).filter(|n| *n > 0) {
            sentences.push(format!(
                "{ignored} messages from outside were ignored: their seats are filled inside (a second module runs?)"
            ));
        }
        sentences
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pace_is_a_name_or_a_number() {
        for text in ["real", "max", "5", "0.5", "100"] {
            assert!(text.parse::<PaceArg>().is_ok(), "{text}");
        }
        for text in ["", "fast", "0", "-1", "nan", "inf", "1000"] {
            assert!(text.parse::<PaceArg>().unwrap_err().contains("expected real"), "{text}");
        }
    }

    #[test]
    fn who_was_lost_and_did_not_come_in_a_whole_wait_is_waited_for_briefly_until_it_comes() {
        let wanted = Wanted { wait_s: 30, ..Wanted::default() };
        let after = |came, stayed| {
            wanted.clone().past.add(came, stayed);
            wanted.wait_s()
        };
        assert_eq!(after(false, false), 30, "it may not have been started yet");
        assert_eq!(after(true, true), 30);
        assert_eq!(after(false, false), 30, "it was not lost");
        assert_eq!(after(true, false), 30, "it may come again");
        assert_eq!(after(false, false), BRIEF_WAIT_S);
        assert_eq!(after(false, false), BRIEF_WAIT_S);
        assert_eq!(after(true, true), 30, "it came again");
        assert_eq!(Wanted { wait_s: 1, ..Wanted::default() }.wait_s(), 1);
    }

    #[test]
    fn a_seat_is_named_as_in_scenarios() {
        assert_eq!(seat("gnss_driver"), Ok(SeatId::GnssDriver));
        assert!(seat("driver").unwrap_err().contains("control"));
    }
}
