//! Links that carry topics, by name.

use crate::can_link::LinkError;
use crate::lockstep::{Invitation, Lockstep, LockstepName, LockstepSocket, Patience};
use crate::ros1::{Ros, RosLinkName};
use crate::topic_link::TopicLink;
use skidpad_engine::Seats;
use std::fmt;
use std::str::FromStr;
use std::sync::atomic::AtomicBool;

/// A link that carries the stack's topics.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TopicLinkName {
    /// `ros1` or `ros1:http://HOST:PORT`.
    Ros1(RosLinkName),
    /// `lockstep:unix:PATH` or `lockstep:tcp:ADDRESS:PORT`.
    Lockstep(LockstepName),
}

/// A name that is none of a link that carries topics.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no link that carries topics is named \"{name}\": expected ros1 or ros1:http://HOST:PORT{more}")]
pub struct TopicLinkNameError {
    name: String,
    more: String,
}

impl FromStr for TopicLinkName {
    type Err = TopicLinkNameError;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let wrong = |more: String| TopicLinkNameError { name: name.chars().take(100).collect(), more };
        match name.split(':').next() {
            Some("ros1") => {
                name.parse().map(TopicLinkName::Ros1).map_err(|error| wrong(format!(" ({error})")))
            }
            Some("lockstep") => {
                name.parse().map(TopicLinkName::Lockstep).map_err(|error| wrong(format!(" ({error})")))
            }
            _ => Err(wrong(String::new())),
        }
    }
}

impl fmt::Display for TopicLinkName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TopicLinkName::Ros1(name) => name.fmt(f),
            TopicLinkName::Lockstep(name) => name.fmt(f),
        }
    }
}

impl TopicLinkName {
    /// Whether the stack on it lives on the clock; otherwise the link keeps the time, and nothing waits for a clock.
    pub fn is_on_the_clock(&self) -> bool {
        matches!(self, TopicLinkName::Ros1(_))
    }
}

/// What all runs of the program share of a link: with it each run opens its own.
#[derive(Clone, Debug)]
pub enum Plug {
    /// The ROS master, ours or another's.
    Ros1(Ros),
    /// The socket, to which the stack connects again for each run.
    Lockstep(LockstepSocket),
}

/// What a link is told of the run that opens it.
#[derive(Clone, Debug)]
pub struct TopicRun {
    /// Seats that are outside.
    pub external: Seats,
    /// What a stack in lock-step is told of the run.
    pub invitation: Invitation,
    /// Whether nodes of ROS get simulated time on `/clock`.
    pub clock: bool,
    /// How long a stack in lock-step is waited for.
    pub patience: Patience,
    /// Set by whoever wants the program to stop.
    pub stop: Option<&'static AtomicBool>,
}

impl Plug {
    /// Opens what all runs share.
    ///
    /// # Errors
    /// If a master or a stack in lock-step is to be met, and the address or the file is taken.
    pub fn open(name: &TopicLinkName) -> Result<Plug, LinkError> {
        Ok(match name {
            TopicLinkName::Ros1(name) => Plug::Ros1(Ros::open(name)?),
            TopicLinkName::Lockstep(name) => Plug::Lockstep(LockstepSocket::open(name)?),
        })
    }

    /// Opens the link of this run.
    ///
    /// # Errors
    /// If the link cannot be opened: which, and why.
    pub fn link(&self, run: TopicRun) -> Result<Box<dyn TopicLink>, LinkError> {
        Ok(match self {
            Plug::Ros1(ros) => Box::new(ros.link(run.external, run.clock)?),
            Plug::Lockstep(socket) => Box::new(Lockstep::on(socket, run.invitation, run.patience, run.stop)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_are_understood_and_written_back() {
        for (text, on_the_clock) in [
            ("ros1", true),
            ("ros1:http://127.0.0.1:11311/", true),
            ("lockstep:unix:/tmp/stack", false),
            ("lockstep:tcp:127.0.0.1:7440", false),
        ] {
            let name: TopicLinkName = text.parse().unwrap();
            assert_eq!(name.to_string(), text);
            assert_eq!(name.is_on_the_clock(), on_the_clock);
        }
        for (text, words) in [
            ("ros2", "expected ros1"),
            ("ros1:11311", "http://HOST:PORT"),
            ("lockstep:x", "lockstep:unix:PATH"),
            ("", "expected ros1"),
        ] {
            let error = text.parse::<TopicLinkName>().unwrap_err().to_string();
            assert!(error.contains(words), "{text}: {error}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(text in any::<String>()) {
            let _ = text.parse::<TopicLinkName>();
            let _ = format!("lockstep:tcp:{text}").parse::<TopicLinkName>();
            let _ = format!("ros1:{text}").parse::<TopicLinkName>();
        }
    }
}
