//! The stack's topics over ROS 1, with a master of our own or a foreign one.

use crate::LinkError;
use crate::topic_link::{Health, TopicLink, TopicLinkReport};
use skidpad_engine::{SeatId, Seats, TopicMessage};
use skidpad_kernel::{Periodic, SimTime};
use skidpad_msgs::{TOPICS, Topic};
use skidpad_ros1::{
    CallError, Client, DEFAULT_MASTER, Direction, Master, Node, NodeOptions, Publisher, Received,
    Subscription, TopicReport, TopicSpec, Uri, tcpros, xmlrpc::Value,
};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// Name of the simulator's node.
pub const ROS_NODE: &str = "/skidpad";
/// Messages that wait for each subscriber, and to be taken here, as Apollo's adapters have it.
const QUEUE: usize = 10;
const GNSS_QUEUE: usize = 50;
/// So often the link looks after its node: simulated time, which goes as on the clock.
const LOOK: Duration = Duration::from_millis(100);
/// Nodes named in the report for each topic.
const MAX_NAMED: usize = 8;
/// The master is asked for so long at most.
const ASK: Duration = Duration::from_secs(2);
/// `/clock`, of 100 Hz.
const CLOCK_PERIOD: Duration = Duration::from_millis(10);

/// A link to ROS 1, by its name: `ros1`, or `ros1:http://HOST:PORT`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RosLinkName {
    /// The master to join; without one, Skidpad serves its own on loopback:11311.
    pub master: Option<Uri>,
}

/// A name that is none of a link to ROS 1.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "no ROS link is named \"{0}\": expected ros1, or ros1:http://HOST:PORT with the address of a ROS master"
)]
pub struct RosNameError(String);

impl FromStr for RosLinkName {
    type Err = RosNameError;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let wrong = || RosNameError(name.chars().take(100).collect());
        match name.split_once(':').map_or((name, None), |(kind, rest)| (kind, Some(rest))) {
            ("ros1", None) => Ok(RosLinkName { master: None }),
            ("ros1", Some(uri)) => Ok(RosLinkName { master: Some(uri.parse().map_err(|_| wrong())?) }),
            _ => Err(wrong()),
        }
    }
}

impl fmt::Display for RosLinkName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.master {
            None => f.write_str("ros1"),
            Some(uri) => write!(f, "ros1:{uri}"),
        }
    }
}

/// ROS 1 as all runs of the program meet it: the master outlives them, since the nodes of a stack register only once.
#[derive(Clone, Debug)]
pub struct Ros {
    name: RosLinkName,
    master: Uri,
    own: Option<Arc<Master>>,
    /// What `/clock` showed last, ns of Unix time; 0 if it never was.
    shown_ns: Arc<AtomicU64>,
}

impl Ros {
    /// Joins the master that the name says, or serves one.
    ///
    /// # Errors
    /// If a master is to be served and its port is taken.
    pub fn open(name: &RosLinkName) -> Result<Ros, LinkError> {
        let failed = |message: String| LinkError { name: name.to_string(), message };
        let own = match &name.master {
            None => Some(Master::start(DEFAULT_MASTER).map_err(|error| failed(error.to_string()))?),
            Some(_) => None,
        };
        let master = own.as_ref().map(|master| master.uri().clone()).or_else(|| name.master.clone());
        let master = master.ok_or_else(|| failed("no master".into()))?;
        Ok(Ros { name: name.clone(), master, own: own.map(Arc::new), shown_ns: Arc::default() })
    }

    /// Opens the link of one run: publishes what the seats inside publish, and subscribes to what those in `external`
    /// do. With `clock` it publishes `/clock` too, and says so in `/use_sim_time` on a master that is ours; on another's that
    /// parameter is its owner's to set.
    ///
    /// # Errors
    /// If the master's name cannot be resolved, or no port can be had.
    pub fn link(&self, external: Seats, clock: bool) -> Result<RosLink, LinkError> {
        let options = NodeOptions { name: ROS_NODE.into(), master: self.master.clone(), host: None };
        let node = Node::start(options)
            .map_err(|error| LinkError { name: self.name.to_string(), message: error.to_string() })?;
        let mut publishers = BTreeMap::new();
        let mut subscriptions = Vec::new();
        for topic in TOPICS {
            let seat = SeatId::of_topic(topic);
            let spec = TopicSpec {
                name: topic.name.into(),
                datatype: topic.datatype.into(),
                md5: topic.md5.into(),
                definition: Topic::MESSAGE_DEFINITION.into(),
            };
            let gnss = seat == Some(SeatId::GnssDriver) && !topic.latched;
            let queue = if gnss { GNSS_QUEUE } else { QUEUE };
            if seat.is_none_or(|seat| !external.contains(seat)) {
                publishers.insert(topic.name, node.advertise(spec.clone(), queue, topic.latched));
            }
            if seat.is_none_or(|seat| external.contains(seat)) {
                let subscription = node.subscribe(spec, queue);
                subscriptions.push(Incoming {
                    topic,
                    subscription,
                    nodes: BTreeSet::new(),
                    wrong: 0,
                    error: None,
                });
            }
        }
        let clock = clock.then(|| {
            let spec = TopicSpec {
                name: "/clock".into(),
                datatype: "rosgraph_msgs/Clock".into(),
                md5: "a9c97c1d230cfc112e270351a944ee47".into(),
                definition: "time clock\n".into(),
            };
            // As roscpp's own source of /clock: only the newest counts.
            let publisher = node.advertise(spec, 1, false);
            Clock {
                epoch_unix_s: 0.0,
                shown_ns: self.shown_ns.clone(),
                publisher,
                timer: Periodic::new(CLOCK_PERIOD, Duration::ZERO),
                sim_time: self.uses_sim_time().map_or(SimTimeParameter::Unknown, SimTimeParameter::Known),
            }
        });
        Ok(RosLink {
            name: format!("ros1:{}", self.master),
            node,
            ros: self.clone(),
            publishers,
            subscriptions,
            clock,
            look: Periodic::new(LOOK, Duration::ZERO),
            health: Health::Waiting(format!("the ROS master {}", self.master)),
            was_well: false,
            two_at_once: BTreeSet::new(),
            early: 0,
        })
    }

    /// Whether nodes that start now will live by `/clock`; on a master of ours they will from here on. `None` if there is no
    /// master yet to say so.
    fn uses_sim_time(&self) -> Option<bool> {
        let client = Client { caller: ROS_NODE.into(), fallback: None, at_most: ASK };
        let key = || Value::from("/use_sim_time");
        let answer = match &self.own {
            Some(_) => client.ask(&self.master, "setParam", vec![key(), Value::Bool(true)]),
            None => client.ask(&self.master, "getParam", vec![key()]),
        };
        match (&self.own, answer) {
            (Some(_), set) => Some(set.is_ok()),
            (None, Err(CallError::Unreachable { .. })) => None,
            (None, got) => Some(matches!(got, Ok(Value::Bool(true) | Value::Int(1)))),
        }
    }
}

/// The link of one run.
#[derive(Debug)]
pub struct RosLink {
    name: String,
    node: Node,
    ros: Ros,
    publishers: BTreeMap<&'static str, Publisher>,
    subscriptions: Vec<Incoming>,
    clock: Option<Clock>,
    look: Periodic,
    health: Health,
    was_well: bool,
    /// Topics of one seat on which more than one node was heard at a time, with their names.
    two_at_once: BTreeSet<(&'static str, String)>,
    /// Messages that came before the run began.
    early: u64,
}

#[derive(Debug)]
struct Incoming {
    topic: &'static Topic,
    subscription: Subscription,
    /// Nodes that have sent.
    nodes: BTreeSet<String>,
    /// Messages that were none, and why the first was.
    wrong: u64,
    error: Option<String>,
}

#[derive(Debug)]
struct Clock {
    epoch_unix_s: f64,
    shown_ns: Arc<AtomicU64>,
    publisher: Publisher,
    timer: Periodic,
    sim_time: SimTimeParameter,
}

/// What the master has in `/use_sim_time`, by which nodes that ask at their start live by our `/clock` or do not.
#[derive(Debug)]
enum SimTimeParameter {
    /// There was no master to be asked.
    Unknown,
    /// It is asked, by a thread for which no tick waits.
    Asked(JoinHandle<Option<bool>>),
    Known(bool),
}

impl SimTimeParameter {
    /// Asks a master that has come by now, and takes its answer.
    fn look(&mut self, ros: &Ros) {
        *self = match std::mem::replace(self, SimTimeParameter::Unknown) {
            SimTimeParameter::Unknown => {
                let ros = ros.clone();
                let asked =
                    std::thread::Builder::new().name("sim time".into()).spawn(move || ros.uses_sim_time());
                asked.map_or(SimTimeParameter::Unknown, SimTimeParameter::Asked)
            }
            SimTimeParameter::Asked(asked) if asked.is_finished() => SimTimeParameter::answered(asked),
            other => other,
        };
    }

    fn answered(asked: JoinHandle<Option<bool>>) -> SimTimeParameter {
        asked.join().ok().flatten().map_or(SimTimeParameter::Unknown, SimTimeParameter::Known)
    }

    /// True if nodes live on the wall clock. A question that is under way is waited for.
    fn says_no(self) -> bool {
        let known = match self {
            SimTimeParameter::Asked(asked) => SimTimeParameter::answered(asked),
            known => known,
        };
        matches!(known, SimTimeParameter::Known(false))
    }
}

impl RosLink {
    /// What went over each topic so far.
    pub fn topics(&self) -> Vec<TopicReport> {
        self.node.report().topics
    }

    fn look_after(&mut self) {
        self.health = match (self.node.ended(), self.node.master_error()) {
            (Some(why), _) => Health::Lost(format!("the node {ROS_NODE} was told to end: {why}")),
            // What is connected stays so without a master.
            (None, _) if self.was_well => Health::Well,
            (None, Some(error)) => Health::Waiting(format!("no ROS master: {error}")),
            (None, None) if self.node.is_registered() => Health::Well,
            (None, None) => Health::Waiting(format!("the ROS master of {}", self.name)),
        };
        self.was_well |= self.health == Health::Well;
        if self.was_well
            && let Some(clock) = &mut self.clock
        {
            clock.sim_time.look(&self.ros);
        }
        for incoming in &self.subscriptions {
            if SeatId::of_topic(incoming.topic).is_some() {
                let mut nodes = incoming.subscription.publishers();
                nodes.sort();
                if nodes.len() > 1 && self.two_at_once.len() < MAX_NAMED {
                    nodes.truncate(MAX_NAMED);
                    self.two_at_once.insert((incoming.topic.name, nodes.join(" and ")));
                }
            }
        }
    }
}

impl TopicLink for RosLink {
    fn name(&self) -> &str {
        &self.name
    }

    fn begin(&mut self, epoch_unix_s: f64) {
        if let Some(clock) = &mut self.clock {
            clock.epoch_unix_s = epoch_unix_s;
        }
        for incoming in &self.subscriptions {
            // Not more than the queue holds: who floods meanwhile shall not hold the run up.
            self.early += (0..GNSS_QUEUE).map_while(|_| incoming.subscription.take()).count() as u64;
        }
    }

    fn clock_shown_unix_s(&self) -> Option<f64> {
        let shown_ns = self.clock.as_ref()?.shown_ns.load(Ordering::Relaxed);
        (shown_ns > 0).then_some(shown_ns as f64 * 1e-9)
    }

    fn tick(&mut self, now: SimTime) {
        if self.look.due(now) {
            self.look_after();
        }
        if let Some(clock) = &mut self.clock
            && clock.timer.due(now)
        {
            let (epoch, time) = (clock.epoch_unix_s, now.since(SimTime::ZERO));
            let unix = Duration::from_secs_f64(epoch.max(0.0)) + time;
            clock.shown_ns.store(unix.as_nanos() as u64, Ordering::Relaxed);
            clock.publisher.publish_with(|body| {
                body.extend((unix.as_secs() as u32).to_le_bytes());
                body.extend(unix.subsec_nanos().to_le_bytes());
            });
        }
    }

    fn send(&mut self, _: SimTime, message: &TopicMessage) {
        if let Some(publisher) = self.publishers.get(message.topic_name()) {
            publisher.publish_with(|body| {
                body.extend((message.encoded_len() as u32).to_le_bytes());
                message.encode(body);
            });
        }
    }

    fn poll(&mut self, _: SimTime, deliver: &mut dyn FnMut(TopicMessage)) {
        let mut arrived: Vec<(usize, Received)> = Vec::new();
        for (index, incoming) in self.subscriptions.iter().enumerate() {
            while let Some(message) = incoming.subscription.take() {
                arrived.push((index, message));
                // What comes meanwhile is for the next tick.
                if arrived.len() >= 8 * GNSS_QUEUE {
                    break;
                }
            }
        }
        arrived.sort_by_key(|(_, message)| message.at);
        for (index, received) in arrived {
            let incoming = &mut self.subscriptions[index];
            if incoming.nodes.len() < MAX_NAMED && !incoming.nodes.contains(&received.publisher) {
                incoming.nodes.insert(received.publisher.clone());
            }
            let decoded = tcpros::protobuf(&received.body)
                .ok_or_else(|| "its inner length is not that of the rest".to_string())
                .and_then(|bytes| {
                    TopicMessage::decode(incoming.topic, bytes).map_err(|error| error.to_string())
                });
            match decoded {
                Ok(message) => deliver(message),
                Err(error) => {
                    incoming.wrong += 1;
                    incoming.error.get_or_insert_with(|| format!("from {}: {error}", received.publisher));
                }
            }
        }
    }

    fn health(&self) -> Health {
        self.health.clone()
    }

    fn about(&self, topic: &Topic) -> Option<String> {
        let incoming = self.subscriptions.iter().find(|incoming| incoming.topic.name == topic.name)?;
        if let Some(error) = self.node.master_error() {
            return Some(format!("the ROS master cannot be reached: {error}"));
        }
        let connected = incoming.subscription.publishers();
        if let Some(error) = &incoming.error {
            return Some(format!("what comes is no {}: {error}", topic.datatype));
        }
        if !connected.is_empty() {
            return Some(format!("{} is connected and sends nothing", connected.join(", ")));
        }
        let known = self.node.publishers_of(topic.name);
        if known.is_empty() {
            let uri = &self.name["ros1:".len()..];
            return Some(format!(
                "no node publishes it at the ROS master {uri} (ROS_MASTER_URI of the stack)"
            ));
        }
        let problem = self.node.report().problems.into_iter().rev().find(|line| line.contains(topic.name));
        let problem = problem.map_or(String::new(), |problem| format!(": {problem}"));
        Some(format!("{} publishes it, but no connection stands{problem}", known.join(", ")))
    }

    fn peers(&self) -> Vec<String> {
        let peers: BTreeSet<String> = self.topics().into_iter().flat_map(|topic| topic.peers).collect();
        peers.into_iter().collect()
    }

    fn counts(&self) -> Vec<(&'static str, u64)> {
        let report = self.node.report();
        let sum = |direction: Direction, count: fn(&TopicReport) -> u64| {
            report.topics.iter().filter(|topic| topic.direction == direction).map(count).sum::<u64>()
        };
        vec![
            ("sent", sum(Direction::Out, |topic| topic.messages)),
            ("received", sum(Direction::In, |topic| topic.messages)),
            ("dropped_out", sum(Direction::Out, |topic| topic.dropped)),
            ("before_start", self.early),
            ("dropped_in", sum(Direction::In, |topic| topic.dropped)),
            (
                "malformed",
                sum(Direction::In, |topic| topic.malformed)
                    + self.subscriptions.iter().map(|incoming| incoming.wrong).sum::<u64>(),
            ),
            ("connects", sum(Direction::In, |topic| topic.connects)),
            ("disconnects", sum(Direction::In, |topic| topic.disconnects)),
            ("master_restarts", report.master_restarts),
        ]
    }

    fn finish(mut self: Box<Self>, _: Option<&str>) -> TopicLinkReport {
        let report = self.node.report();
        let counts = self.counts();
        let name = &self.name.clone();
        let mut sentences = Vec::new();
        if self.clock.take().is_some_and(|clock| clock.sim_time.says_no()) {
            sentences.push(format!(
                "{name}: /use_sim_time was not true when /clock began, so nodes live on the wall clock; set it before they \
                 start: rosparam set use_sim_time true"
            ));
        }
        for (topic, nodes) in &self.two_at_once {
            sentences
                .push(format!("{name}: {nodes} published {topic} at the same time; their messages mixed"));
        }
        for incoming in &self.subscriptions {
            if let Some(error) = &incoming.error {
                let (count, datatype) = (incoming.wrong, incoming.topic.datatype);
                sentences.push(format!("{name}: {count} messages were no {datatype}; the first {error}"));
            }
        }
        for topic in &report.topics {
            let at = format!("{name}: {}", topic.topic);
            if topic.dropped > 0 {
                let who = if topic.direction == Direction::Out { "a subscriber" } else { "the run" };
                let count = topic.dropped;
                sentences.push(format!(
                    "{at}: {count} messages were dropped, the oldest first: {who} did not take them in time"
                ));
            }
            if topic.disconnects > 0 {
                sentences.push(format!(
                    "{at}: the connection to its publisher was lost {} times",
                    topic.disconnects
                ));
            }
        }
        if report.master_restarts > 0 {
            sentences.push(format!(
                "{name}: the master was restarted and told everything again {} times",
                report.master_restarts
            ));
        }
        let master = self.ros.own.as_ref().map(|master| master.problems()).unwrap_or_default();
        sentences.extend(report.problems.iter().chain(&master).map(|line| format!("{name}: {line}")));
        let error = report.ended.map(|why| format!("the node {ROS_NODE} was told to end: {why}"));
        TopicLinkReport { name: name.clone(), counts, sentences, error }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_links_are_read_and_written() {
        for name in ["ros1", "ros1:http://127.0.0.1:11391/"] {
            assert_eq!(name.parse::<RosLinkName>().unwrap().to_string(), name);
        }
        assert_eq!("ros1:http://h:1".parse::<RosLinkName>().unwrap().to_string(), "ros1:http://h:1/");
        for wrong in ["", "ros2", "ros1:", "ros1:localhost", "ros1:https://h:1"] {
            let error = wrong.parse::<RosLinkName>().unwrap_err().to_string();
            assert!(error.contains("expected ros1"), "{error}");
        }
    }
}
