//! The socket for links that carry the stack's topics.

use skidpad_engine::{Outcome, TopicMessage};
use skidpad_kernel::SimTime;
use skidpad_msgs::Topic;
use std::fmt;

/// A link that carries the stack's topics: the part of it that a run sees.
///
/// It is opened with the seats that are outside, and knows by them what to publish and what to read. Every method is
/// called from the tick and must not block, unless the link keeps the time itself (lock-step). Buffers are
/// bounded; what does not fit is dropped, oldest first, and counted.
pub trait TopicLink: fmt::Debug + Send {
    /// Its name, as a person finds it: address and all.
    fn name(&self) -> &str;

    /// The run begins: what has come so far is not for it (an earlier run's stack may have sent it), is thrown away and
    /// counted. Simulated time zero is `epoch_unix_s`, Unix s. Called before the first tick.
    fn begin(&mut self, epoch_unix_s: f64) {
        let _ = epoch_unix_s;
    }

    /// The latest time, Unix s, that the link has shown to nodes that live in simulated time, in this run or one before.
    fn clock_shown_unix_s(&self) -> Option<f64> {
        None
    }

    /// The tick of `now` begins.
    fn tick(&mut self, now: SimTime) {
        let _ = now;
    }

    /// Something inside publishes this message.
    fn send(&mut self, now: SimTime, message: &TopicMessage);

    /// Hands on what has arrived since the last call, in its order.
    fn poll(&mut self, now: SimTime, deliver: &mut dyn FnMut(TopicMessage));

    /// How the link is.
    fn health(&self) -> Health;

    /// What the link knows of a topic on which nothing comes, for the message of who waits: that no node publishes it,
    /// that the one which does cannot be reached. `None` if nothing.
    fn about(&self, topic: &Topic) -> Option<String> {
        let _ = topic;
        None
    }

    /// Before the first tick: lets a stack in that wants to come, without waiting. False while the first tick would have
    /// to wait for one.
    fn look(&mut self) -> bool {
        true
    }

    /// Who is at the other end at present, by name.
    fn peers(&self) -> Vec<String> {
        Vec::new()
    }

    /// What was counted so far, by name.
    fn counts(&self) -> Vec<(&'static str, u64)> {
        Vec::new()
    }

    /// The run is over, and this came of it. Not called if it was interrupted.
    fn tell(&mut self, outcome: &Outcome) {
        let _ = outcome;
    }

    /// Ends the link: what is under way is sent, registrations are withdrawn, sockets are closed. The verdict is for
    /// those who want to know; absent if there is none.
    fn finish(self: Box<Self>, verdict: Option<&str>) -> TopicLinkReport;
}

/// How a link is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Health {
    /// In use, or ready for it.
    #[default]
    Well,
    /// Not usable yet: what it waits for.
    Waiting(String),
    /// It can no longer be used, and the run cannot go on: why.
    Lost(String),
}

/// What came of a topic link.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TopicLinkReport {
    /// Its name.
    pub name: String,
    /// What was counted on it, by name.
    pub counts: Vec<(&'static str, u64)>,
    /// What a reader of the result should know, one sentence each.
    pub sentences: Vec<String>,
    /// Why it could no longer be used, if so.
    pub error: Option<String>,
}
