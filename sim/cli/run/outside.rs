//! What a run meets outside: links, external seats, pace.

use crate::status::{Failure, Status};
use clap::ValueEnum;
use skidpad_links::{LinkName, Links, LinksReport, Pace, ReceiverLinkName};
use skidpad_report::{LinkResult, OutsideResult, PaceResult};
use skidpad_scenario::{LoadedScenario, PaceName as FilePace, Seat};
use std::time::Duration;

/// How long a peer of an external seat is waited for, s.
pub const WAIT_S: u32 = 30;

/// A seat that can be outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum SeatName {
    /// Commands in, CAN frames out
    Canbus,
}

/// How fast simulated time passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum PaceName {
    /// As on the clock
    Real,
    /// As fast as the machine can
    Max,
}

/// What the command line says about the outside; where it says nothing, the scenario does.
pub struct Wanted {
    pub can: Vec<LinkName>,
    pub gnss: Vec<ReceiverLinkName>,
    pub pace: Option<PaceName>,
    pub wait_s: u32,
}

impl Wanted {
    /// Puts the external seats into the scenarios and refuses what cannot be, before anything runs.
    pub fn check(&self, scenarios: &mut [LoadedScenario], external: &[SeatName]) -> Result<(), Failure> {
        if !self.gnss.is_empty() && scenarios.len() > 1 {
            let count = scenarios.len();
            return Err(Failure::usage(format!(
                "--gnss: a link carries one receiver, and {count} scenarios were selected; name one of them"
            )));
        }
        if !self.can.is_empty() && scenarios.len() > 1 {
            let count = scenarios.len();
            return Err(Failure::usage(format!(
                "--can: a link carries one bus, and {count} scenarios were selected; name one of them"
            )));
        }
        for scenario in scenarios {
            if external.contains(&SeatName::Canbus) {
                scenario.scenario.stack.canbus = Seat::External;
            }
            let names = self.names(scenario)?;
            self.receiver_names(scenario)?;
            if is_external(scenario) && !names.iter().any(carries_peers) {
                return Err(Failure::usage(format!(
                    "{}: the canbus is external, and no CAN link would bring its frames: give one with --can or \
                     `[links] can`",
                    scenario.file.display()
                )));
            }
        }
        Ok(())
    }

    fn names(&self, scenario: &LoadedScenario) -> Result<Vec<LinkName>, Failure> {
        if !self.can.is_empty() {
            return Ok(self.can.clone());
        }
        links_of(scenario)
    }

    fn receiver_names(&self, scenario: &LoadedScenario) -> Result<Vec<ReceiverLinkName>, Failure> {
        if !self.gnss.is_empty() {
            return Ok(self.gnss.clone());
        }
        receiver_links_of(scenario)
    }

    /// Opens the links of a scenario, if it has any or keeps the pace of the clock, and waits for the peer of an
    /// external seat.
    pub fn open(&self, scenario: &LoadedScenario, stop: impl Fn() -> bool) -> Result<Option<Links>, Failure> {
        let names = self.names(scenario)?;
        let receiver = self.receiver_names(scenario)?;
        let has_peers = names.iter().any(carries_peers)
            || receiver.iter().any(|name| !matches!(name, ReceiverLinkName::File(_)));
        let default = if has_peers { Pace::Real } else { Pace::Max };
        let pace = match (self.pace, scenario.scenario.links.pace) {
            (Some(PaceName::Real), _) | (None, Some(FilePace::Real)) => Pace::Real,
            (Some(PaceName::Max), _) | (None, Some(FilePace::Max)) => Pace::Max,
            (None, None) => default,
        };
        if names.is_empty() && receiver.is_empty() && pace == Pace::Max {
            return Ok(None);
        }
        let mut links = Links::open(&names, pace).map_err(Failure::usage)?;
        links.serve_receiver(&receiver).map_err(Failure::usage)?;
        for name in links.names() {
            eprintln!("link {name}");
        }
        if is_external(scenario)
            && !links.wait_for_peer(Duration::from_secs(u64::from(self.wait_s)), &stop)
            && !stop()
        {
            let message =
                format!("the canbus is external, and no peer opened a CAN link within {} s", self.wait_s);
            return Err(Failure::new(Status::External, message));
        }
        Ok(Some(links))
    }
}

/// The CAN links that the scenario's file names.
pub fn links_of(scenario: &LoadedScenario) -> Result<Vec<LinkName>, Failure> {
    let names = &scenario.scenario.links.can;
    let parsed = names.iter().map(|name| name.parse());
    parsed
        .collect::<Result<_, _>>()
        .map_err(|error| Failure::usage(format!("{}: `links.can`: {error}", scenario.file.display())))
}

/// The links to the receiver's port that the scenario's file names.
pub fn receiver_links_of(scenario: &LoadedScenario) -> Result<Vec<ReceiverLinkName>, Failure> {
    let parsed = scenario.scenario.links.gnss.iter().map(|name| name.parse());
    parsed
        .collect::<Result<_, _>>()
        .map_err(|error| Failure::usage(format!("{}: `links.gnss`: {error}", scenario.file.display())))
}

fn is_external(scenario: &LoadedScenario) -> bool {
    scenario.scenario.stack.canbus == Seat::External
}

fn carries_peers(name: &LinkName) -> bool {
    !matches!(name, LinkName::Candump(_))
}

/// What a reader of the result should know about the links.
pub fn sentences(met: &LinksReport) -> Vec<String> {
    let mut sentences: Vec<String> = met.can.iter().flat_map(|link| link.sentences()).collect();
    sentences.extend(met.receiver.iter().flat_map(|link| link.sentences()));
    sentences.extend(met.topics.iter().flat_map(|link| link.sentences.iter().cloned()));
    if let Some(pace) = met.pace.filter(|pace| pace.given_up_s > 0.0) {
        sentences.push(format!(
            "the machine was too slow for real time: {:.3} s of it were given up, {} ticks began late",
            pace.given_up_s, pace.overruns
        ));
    }
    sentences
}

/// The same as numbers.
pub fn result(met: &LinksReport) -> OutsideResult {
    OutsideResult {
        pace: met.pace.map(|pace| PaceResult {
            ticks: pace.ticks,
            lateness_p50_us: pace.lateness_p50_us,
            lateness_p99_us: pace.lateness_p99_us,
            lateness_max_us: pace.lateness_max_us,
            overruns: pace.overruns,
            given_up_s: pace.given_up_s,
        }),
        links: met
            .can
            .iter()
            .map(|link| LinkResult {
                name: link.name.clone(),
                counts: link.counters.named().to_vec(),
                error: link.error.clone(),
            })
            .chain(met.receiver.iter().map(|link| LinkResult {
                name: link.name.clone(),
                counts: link.named().to_vec(),
                error: None,
            }))
            .chain(met.topics.iter().map(|link| LinkResult {
                name: link.name.clone(),
                counts: link.counts.clone(),
                error: link.error.clone(),
            }))
            .collect(),
    }
}
