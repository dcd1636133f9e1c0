//! What a run meets outside: links, external seats, pace.

use crate::status::{Failure, Status};
use skidpad_engine::{
    EPOCH_UNIX_S, ExternalReport, Outcome, RunOptions, SeatId, Seats, Simulation, TraceSample,
};
use skidpad_kernel::SimTime;
use skidpad_links::lockstep::{Invitation, Patience};
use skidpad_links::{LinkName, Links, LinksReport, Pace, Plug, ReceiverLinkName, TopicLinkName, TopicRun};
use skidpad_msgs::lockstep::Vehicle as VehicleOffer;
use skidpad_report::{LinkResult, OutsideResult, PaceResult, SeatResult, StackResult};
use skidpad_scenario::{LoadedScenario, PaceName, PaceSpec, Seat};
use std::str::FromStr;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

/// How long the stack of an external seat is waited for, s.
pub const WAIT_S: u32 = 30;
/// How long a stack in lock-step may take for one answer, s.
pub const ANSWER_WITHIN_S: u32 = 10;
/// Who waits is told so often what for.
const TELL_EVERY: Duration = Duration::from_secs(5);
/// Ticks between two looks at the clock and at Ctrl-C.
const LOOK_EVERY: u32 = 100;

/// How fast simulated time passes: `real`, `max`, or a multiple of the clock's pace.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PaceArg(PaceSpec);

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

/// What the command line says about the outside; where it says nothing, the scenario does.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    pub can: Vec<LinkName>,
    pub gnss: Vec<ReceiverLinkName>,
    pub topics: Vec<TopicLinkName>,
    pub external: Seats,
    pub pace: Option<PaceArg>,
    pub wait_s: u32,
    pub answer_within_s: u32,
    /// Set by Ctrl-C.
    pub stop: Option<&'static AtomicBool>,
    /// What all runs share of the topic links; open after [`Wanted::open_plugs`].
    pub plugs: Vec<Plug>,
}

/// A seat that can be outside.
pub fn seat(name: &str) -> Result<SeatId, String> {
    SeatId::ALL.into_iter().find(|seat| seat.name() == name).ok_or_else(|| {
        let names: Vec<&str> = SeatId::ALL.into_iter().map(SeatId::name).collect();
        format!("expected seats of {}, with commas between them", names.join(", "))
    })
}

impl Wanted {
    /// Puts the external seats into the scenarios and refuses what cannot be, before anything runs.
    pub fn check(&self, scenarios: &mut [LoadedScenario]) -> Result<(), Failure> {
        for (given, option, what) in
            [(!self.gnss.is_empty(), "--gnss", "receiver"), (!self.can.is_empty(), "--can", "bus")]
        {
            if given && scenarios.len() > 1 {
                let count = scenarios.len();
                return Err(Failure::usage(format!(
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
    fn check_seats(&self, scenario: &LoadedScenario) -> Result<(), Failure> {
        let refuse = |seat: &str, lacks: &str, option: &str, key: &str| {
            Err(Failure::usage(format!(
                "{}: the {seat} is external, and {lacks}: give one with {option} or `[links] {key}`",
                scenario.file.display()
            )))
        };
        let external = external_of(scenario);
        if external.contains(SeatId::Canbus) && !self.names(scenario)?.iter().any(carries_peers) {
            return refuse("canbus", "no CAN link would bring its frames", "--can", "can");
        }
        if external.contains(SeatId::GnssDriver) && self.receiver_names(scenario)?.is_empty() {
            return refuse("gnss_driver", "no link would bring it the receiver's logs", "--gnss", "gnss");
        }
        let topics = self.topic_names(scenario)?;
        match external.iter().find(|seat| *seat != SeatId::Canbus) {
            Some(seat) if topics.is_empty() => {
                refuse(seat.name(), "no link would carry its topics", "--link", "topics")
            }
            _ => Ok(()),
        }
    }

    /// Opens what all runs share of the topic links of these scenarios; if there are any, the scenarios run one after
    /// the other.
    pub fn open_plugs(&mut self, scenarios: &[LoadedScenario]) -> Result<bool, Failure> {
        let mut names: Vec<TopicLinkName> = Vec::new();
        for scenario in scenarios {
            let wanted = self.topic_names(scenario)?;
            names.extend(wanted.into_iter().filter(|name| !names.contains(name)).collect::<Vec<_>>());
        }
        self.topics = names;
        self.plugs = self.topics.iter().map(Plug::open).collect::<Result<_, _>>().map_err(Failure::usage)?;
        Ok(!self.topics.is_empty())
    }

    fn names(&self, scenario: &LoadedScenario) -> Result<Vec<LinkName>, Failure> {
        if !self.can.is_empty() { Ok(self.can.clone()) } else { links_of(scenario) }
    }

    fn receiver_names(&self, scenario: &LoadedScenario) -> Result<Vec<ReceiverLinkName>, Failure> {
        if !self.gnss.is_empty() { Ok(self.gnss.clone()) } else { receiver_links_of(scenario) }
    }

    fn topic_names(&self, scenario: &LoadedScenario) -> Result<Vec<TopicLinkName>, Failure> {
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

    /// Opens the links of a scenario, if it has any or keeps the pace of the clock, and waits for the peer of a canbus
    /// that is known on CAN alone.
    fn open(&self, scenario: &LoadedScenario, stop: &dyn Fn() -> bool) -> Result<Option<Links>, Failure> {
        let names = self.names(scenario)?;
        let receiver = self.receiver_names(scenario)?;
        let topics = self.topic_names(scenario)?;
        let has_peers = names.iter().any(carries_peers)
            || topics.iter().any(TopicLinkName::is_on_the_clock)
            || receiver.iter().any(|name| !matches!(name, ReceiverLinkName::File(_)));
        let pace = self.pace(scenario, has_peers);
        if names.is_empty() && receiver.is_empty() && topics.is_empty() && pace == Pace::Max {
            return Ok(None);
        }
        let external = external_of(scenario);
        let mut links = Links::open(&names, pace).map_err(Failure::usage)?;
        links.serve_receiver(&receiver).map_err(Failure::usage)?;
        for (name, plug) in self.topics.iter().zip(&self.plugs) {
            if topics.contains(name) {
                links.attach(plug.link(self.topic_run(scenario)).map_err(Failure::usage)?);
            }
        }
        for name in links.names() {
            eprintln!("link {name}");
        }
        let canbus_on_can_alone = external.contains(SeatId::Canbus) && topics.is_empty();
        if canbus_on_can_alone
            && !links.wait_for_peer(Duration::from_secs(u64::from(self.wait_s)), stop)
            && !stop()
        {
            let message =
                format!("the canbus is external, and no peer opened a CAN link within {} s", self.wait_s);
            return Err(Failure::new(Status::External, message));
        }
        Ok(Some(links))
    }

    /// What a topic link is told of a run.
    fn topic_run(&self, scenario: &LoadedScenario) -> TopicRun {
        let external = external_of(scenario);
        let conf = &scenario.control.lateral;
        TopicRun {
            external,
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

    fn wait(&self) -> Duration {
        Duration::from_secs(u64::from(self.wait_s))
    }

    /// Runs a scenario with whom it meets outside; `None` if `stop` said so on the way.
    pub fn run(
        &self,
        scenario: &LoadedScenario,
        options: &RunOptions,
        mut on_sample: impl FnMut(&TraceSample),
        stop: impl Fn() -> bool,
    ) -> Result<(Option<Outcome>, Option<Met>), Failure> {
        let Some(mut links) = self.open(scenario, &stop)? else {
            let simulation = Simulation::new(scenario, options).map_err(Failure::usage)?;
            return Ok((simulation.run(on_sample, stop), None));
        };
        let mut run = Attached {
            wanted: self,
            scenario,
            links: &mut links,
            began: Instant::now(),
            told: None,
            learning: false,
            on_the_clock: true,
        };
        let ran = run.drive(options, &mut on_sample, &stop);
        if let Ok(Some(outcome)) = &ran {
            links.tell(outcome);
        }
        let verdict = ran.as_ref().ok().and_then(Option::as_ref).filter(|outcome| outcome.lost.is_none());
        let report =
            links.finish(verdict.map(|outcome| if outcome.verdict.passed { "pass" } else { "fail" }));
        let met = |external: Option<ExternalReport>| Met { links: report, external };
        ran.map(|outcome| {
            let external = outcome.as_ref().and_then(|outcome| outcome.external.clone());
            (outcome, Some(met(external)))
        })
    }
}

/// A run that meets someone outside.
struct Attached<'a> {
    wanted: &'a Wanted,
    scenario: &'a LoadedScenario,
    links: &'a mut Links,
    began: Instant,
    /// When, and what, was last told about what is waited for.
    told: Option<(Instant, String)>,
    /// The stack's clock is not known yet.
    learning: bool,
    /// The stack lives on the clock.
    on_the_clock: bool,
}

impl Attached<'_> {
    fn drive(
        &mut self,
        options: &RunOptions,
        on_sample: &mut impl FnMut(&TraceSample),
        stop: &dyn Fn() -> bool,
    ) -> Result<Option<Outcome>, Failure> {
        let topics = self.wanted.topic_names(self.scenario)?;
        let on_the_clock = topics.iter().any(TopicLinkName::is_on_the_clock);
        self.on_the_clock = on_the_clock || topics.is_empty();
        let pace = self.wanted.pace(self.scenario, on_the_clock);
        let mut options = *options;
        if on_the_clock && pace != Pace::Max {
            options.epoch_unix_s = self.links.start_on_wall_clock();
        }
        let mut simulation = Simulation::new(self.scenario, &options).map_err(Failure::usage)?;
        if on_the_clock && matches!(pace, Pace::Scaled(_)) {
            self.links.learn_clock();
            simulation.hold_start(true);
            self.learning = true;
        }
        for tick in 0.. {
            if simulation.is_finished() {
                break;
            }
            if tick % LOOK_EVERY == 0 && (stop() || self.look(&mut simulation)?) {
                return Ok(None);
            }
            if let Some(sample) = simulation.step_outside(self.links) {
                on_sample(&sample);
            }
        }
        Ok(Some(simulation.finish()))
    }

    /// Looks whether the stack has come in time, and tells what is waited for; true if it is not worth going on.
    fn look(&mut self, simulation: &mut Simulation) -> Result<bool, Failure> {
        let Some(waiting) = simulation.waiting() else { return Ok(false) };
        if let Some(epoch_unix_s) = self.links.learned_epoch() {
            simulation.set_epoch_unix_s(epoch_unix_s).map_err(|error| {
                Failure::new(
                    Status::External,
                    format!("the stack's clock shows no time that can be: {error}"),
                )
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
            let (samples, of) = (self.links.clock_samples(), skidpad_links::CLOCK_SAMPLES);
            format!("the stack's clock is not known yet: {samples} of {of} stamped messages have come")
        } else {
            waiting.operator.to_owned()
        };
        // A stack in lock-step has all the time that it takes; what counts is how long it has driven nothing.
        let waited = match self.on_the_clock {
            true => self.began.elapsed(),
            false => simulation.now().since(SimTime::ZERO),
        };
        if waited >= self.wanted.wait() {
            let message = format!("the stack did not take over within {} s: {what}", self.wanted.wait_s);
            return Err(Failure::new(Status::External, message));
        }
        let now = Instant::now();
        let due = match &self.told {
            None => self.began.elapsed() >= Duration::from_secs(2),
            Some((at, told)) => now.duration_since(*at) >= TELL_EVERY && *told != what,
        };
        if due {
            eprintln!("waiting for the stack: {what}");
            self.told = Some((now, what));
        }
        Ok(false)
    }
}

/// What a run has met outside.
#[derive(Debug)]
pub struct Met {
    links: LinksReport,
    external: Option<ExternalReport>,
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
) -> Result<Vec<L>, Failure> {
    let wrong = |error: L::Err| {
        let (file, error) = (scenario.file.display(), error.to_string());
        Failure::usage(format!("{file}: `links.{key}`: {error}"))
    };
    names.iter().map(|name| name.parse().map_err(wrong)).collect()
}

/// The CAN links that the scenario's file names.
pub fn links_of(scenario: &LoadedScenario) -> Result<Vec<LinkName>, Failure> {
    parsed(scenario, "can", &scenario.scenario.links.can)
}

/// The links to the receiver's port that the scenario's file names.
pub fn receiver_links_of(scenario: &LoadedScenario) -> Result<Vec<ReceiverLinkName>, Failure> {
    parsed(scenario, "gnss", &scenario.scenario.links.gnss)
}

/// The links that carry topics that the scenario's file names.
pub fn topic_links_of(scenario: &LoadedScenario) -> Result<Vec<TopicLinkName>, Failure> {
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

    /// The same as numbers.
    pub fn result(&self) -> OutsideResult {
        let met = &self.links;
        let link = |name: &str, counts: Vec<(&'static str, u64)>, error: Option<String>| LinkResult {
            name: name.to_owned(),
            counts,
            error,
        };
        let can = met.can.iter().map(|can| link(&can.name, can.counters.named().to_vec(), can.error.clone()));
        let receiver = met.receiver.iter().map(|port| link(&port.name, port.named().to_vec(), None));
        let topics =
            met.topics.iter().map(|topics| link(&topics.name, topics.counts.clone(), topics.error.clone()));
        OutsideResult {
            pace: met.pace.map(|pace| PaceResult {
                ticks: pace.ticks,
                lateness_p50_us: pace.lateness_p50_us,
                lateness_p99_us: pace.lateness_p99_us,
                lateness_max_us: pace.lateness_max_us,
                overruns: pace.overruns,
                control_cycles: pace.cycles,
                missed_control_cycles: pace.missed_cycles,
                given_up_s: pace.given_up_s,
            }),
            stack: self.external.as_ref().map(stack_result),
            links: can.chain(receiver).chain(topics).collect(),
        }
    }
}

fn stack_result(stack: &ExternalReport) -> StackResult {
    let age_ms =
        |of: fn(&skidpad_engine::CommandAge) -> f64| stack.command_age.as_ref().map(|age| 1e3 * of(age));
    StackResult {
        waited_s: stack.waited_s,
        presses: stack.presses,
        command_age_p50_ms: age_ms(|age| age.p50_s),
        command_age_p99_ms: age_ms(|age| age.p99_s),
        command_age_max_ms: age_ms(|age| age.max_s),
        missed_control_cycles: stack.missed_control_cycles,
        ignored_messages: stack.ignored_messages,
        seats: stack
            .seats
            .iter()
            .map(|seat| SeatResult {
                seat: seat.seat.name(),
                messages: seat.messages,
                longest_gap_s: seat.longest_gap_s,
            })
            .collect(),
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
    fn a_seat_is_named_as_in_scenarios() {
        assert_eq!(seat("gnss_driver"), Ok(SeatId::GnssDriver));
        assert!(seat("driver").unwrap_err().contains("control"));
    }
}
