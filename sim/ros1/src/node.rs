//! A ROS node: it publishes and subscribes, with a master of its own or a foreign one.

use crate::RosError;
use crate::client::{CallError, Client};
use crate::courier::{Courier, Notice};
use crate::listener::{Listener, lock};
use crate::problems::Problems;
use crate::publication::{self, Publication, TopicSpec};
use crate::server;
use crate::slave::Slave;
use crate::subscription::{Feed, Received};
use crate::uri::{Uri, resolve};
use crate::xmlrpc::{Call, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// So often the master is asked who is there.
const WATCH: Duration = Duration::from_secs(1);
/// A master that cannot be reached is tried again after this time.
const RETRY: Duration = Duration::from_millis(200);
/// The master answers within this time.
const AT_MOST: Duration = Duration::from_secs(2);
/// A late subscriber is told of its publisher after these times, doubling from the first to the second: one whose
/// registration is stale never answers.
const TELL: (Duration, Duration) = (Duration::from_millis(700), Duration::from_secs(30));
/// Subscribers without a connection that are looked after.
const MAX_LATE: usize = 256;

/// How a node is made.
#[derive(Clone, Debug)]
pub struct NodeOptions {
    /// Its name, such as `/skidpad`.
    pub name: String,
    /// Its master.
    pub master: Uri,
    /// The name or address under which other nodes reach this machine; `None`: `ROS_HOSTNAME`, `ROS_IP`, or the
    /// address from which the master is reached.
    pub host: Option<String>,
}

/// A node. It signs off and closes every connection when it is dropped.
#[derive(Debug)]
pub struct Node {
    inner: Arc<Inner>,
    slave: Listener,
    tcpros: Listener,
    registrar: Option<JoinHandle<()>>,
}

/// The node's side of a topic that it publishes.
#[derive(Clone, Debug)]
pub struct Publisher(Arc<Publication>);

/// The node's side of a topic that it subscribes to.
#[derive(Clone, Debug)]
pub struct Subscription(Arc<Feed>);

/// Whether the node's topics are traffic from or to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// The node publishes.
    Out,
    /// The node subscribes.
    In,
}

/// What went over one topic.
#[derive(Clone, Debug, PartialEq)]
pub struct TopicReport {
    /// The topic.
    pub topic: String,
    /// Its datatype.
    pub datatype: String,
    /// From or to this node.
    pub direction: Direction,
    /// Names of the nodes connected now.
    pub peers: Vec<String>,
    /// Messages published or received.
    pub messages: u64,
    /// Bytes sent or received, all peers together.
    pub bytes: u64,
    /// Messages dropped because a peer, or this node, did not take them in time; the oldest goes first.
    pub dropped: u64,
    /// Times that a publisher sent what is no message.
    pub malformed: u64,
    /// Connections to publishers that stood.
    pub connects: u64,
    /// Connections to publishers that ended.
    pub disconnects: u64,
    /// Messages per second over the last second or two.
    pub rate_hz: f64,
}

/// How the node is.
#[derive(Clone, Debug, PartialEq)]
pub struct NodeReport {
    /// Its master.
    pub master: Uri,
    /// Why there is no master, if so.
    pub master_error: Option<String>,
    /// Times that the master had been restarted, and was told everything again.
    pub master_restarts: u64,
    /// The node has been told to end by the master or a tool, for this reason.
    pub ended: Option<String>,
    /// Every topic.
    pub topics: Vec<TopicReport>,
    /// What went wrong, in sentences.
    pub problems: Vec<String>,
}

/// What the threads of a node share.
#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) name: String,
    pub(crate) master: Uri,
    pub(crate) uri: Uri,
    pub(crate) data_port: u16,
    client: Client,
    pub(crate) publications: Mutex<BTreeMap<String, Arc<Publication>>>,
    pub(crate) feeds: Mutex<BTreeMap<String, Arc<Feed>>>,
    pub(crate) ended: Mutex<Option<String>>,
    pub(crate) problems: Arc<Problems>,
    graph: Mutex<Graph>,
    courier: Courier,
    stop: AtomicBool,
    /// Something is to be registered.
    wake: (Mutex<bool>, Condvar),
}

/// What is known of the others.
#[derive(Debug, Default)]
struct Graph {
    master_error: Option<String>,
    master_restarts: u64,
    /// Topics (true: published) of which the master knows.
    registered: BTreeSet<(bool, String)>,
    /// Nodes by topic, as the master has them.
    publishers: BTreeMap<String, Vec<String>>,
    subscribers: BTreeMap<String, Vec<String>>,
    rates: BTreeMap<(bool, String), Rate>,
}

#[derive(Debug)]
struct Rate {
    since: Instant,
    messages: u64,
    hz: f64,
}

impl Node {
    /// Starts a node. The master need not be there yet: it is told everything when it comes.
    ///
    /// # Errors
    /// If the master's name cannot be resolved, or no port can be had.
    pub fn start(options: NodeOptions) -> Result<Node, RosError> {
        let NodeOptions { name, master, host } = options;
        let failed = |what: &str, error: std::io::Error| RosError(format!("{what}: {error}"));
        let (addresses, _) = resolve(&master.host, master.port, None)
            .map_err(|error| RosError(format!("the ROS master {master}: {error}")))?;
        let environment = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let host = host.or_else(|| environment("ROS_HOSTNAME")).or_else(|| environment("ROS_IP"));
        let towards = local_address(addresses[0]);
        let host = host.unwrap_or_else(|| towards.to_string());
        // Told to be reached by a name, it may be reached by any address; else only from where the master is.
        let at = host.parse::<IpAddr>().unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));

        let shell: Arc<Mutex<Option<Arc<Inner>>>> = Arc::default();
        let (for_slave, for_data) = (shell.clone(), shell.clone());
        let slave = server::serve(SocketAddr::new(at, 0), "ros node", Slave(for_slave))
            .map_err(|error| failed(&format!("the ROS node cannot be served at {host}"), error))?;
        let tcpros = Listener::start(SocketAddr::new(at, 0), "ros data", move |stream, peer| {
            let Some(inner) = lock(&for_data).clone() else { return };
            let find = |topic: &str| lock(&inner.publications).get(topic).cloned();
            publication::serve(stream, peer, &inner.name, find, &inner.problems);
        })
        .map_err(|error| failed(&format!("the ROS topics cannot be served at {host}"), error))?;
        // Containers on this machine, and the master's machine, are where unknown names are taken to be.
        let fallback = Some(addresses[0].ip());
        let inner = Arc::new(Inner {
            uri: Uri::new(&host, slave.address().port()),
            data_port: tcpros.address().port(),
            client: Client { caller: name.clone(), fallback, at_most: AT_MOST },
            name,
            master,
            publications: Mutex::default(),
            feeds: Mutex::default(),
            ended: Mutex::default(),
            problems: Arc::default(),
            graph: Mutex::default(),
            courier: Courier::default(),
            stop: AtomicBool::new(false),
            wake: Default::default(),
        });
        *lock(&shell) = Some(inner.clone());
        let theirs = inner.clone();
        let registrar = std::thread::Builder::new()
            .name("ros registrar".into())
            .spawn(move || Registrar::new(theirs).run())
            .map_err(|error| failed("no thread for the ROS node", error))?;
        Ok(Node { inner, slave, tcpros, registrar: Some(registrar) })
    }

    /// Its XML-RPC address.
    pub fn uri(&self) -> &Uri {
        &self.inner.uri
    }

    /// Publishes a topic; `queue` messages wait for each subscriber. Of a latched topic a late subscriber gets the last
    /// message.
    pub fn advertise(&self, spec: TopicSpec, queue: usize, latched: bool) -> Publisher {
        let publication = Arc::new(Publication::new(spec, queue, latched));
        lock(&self.inner.publications).insert(publication.spec.name.clone(), publication.clone());
        self.inner.wake();
        Publisher(publication)
    }

    /// Subscribes to a topic; `queue` messages wait to be taken.
    pub fn subscribe(&self, spec: TopicSpec, queue: usize) -> Subscription {
        let inner = &self.inner;
        let feed = Feed::new(spec, queue, inner.uri.clone(), inner.client.clone(), inner.problems.clone());
        let feed = Arc::new(feed);
        lock(&inner.feeds).insert(feed.spec.name.clone(), feed.clone());
        inner.wake();
        Subscription(feed)
    }

    /// True once the master knows everything about this node.
    pub fn is_registered(&self) -> bool {
        let mut wanted: Vec<(bool, String)> = Vec::new();
        wanted.extend(lock(&self.inner.publications).keys().map(|topic| (true, topic.clone())));
        wanted.extend(lock(&self.inner.feeds).keys().map(|topic| (false, topic.clone())));
        let graph = lock(&self.inner.graph);
        graph.master_error.is_none() && wanted.iter().all(|key| graph.registered.contains(key))
    }

    /// Nodes that the master knows to publish a topic, whether connected or not; without this one.
    pub fn publishers_of(&self, topic: &str) -> Vec<String> {
        let known = lock(&self.inner.graph).publishers.get(topic).cloned().unwrap_or_default();
        known.into_iter().filter(|node| *node != self.inner.name).collect()
    }

    /// Nodes that the master knows to subscribe to a topic, whether connected or not; without this one.
    pub fn subscribers_of(&self, topic: &str) -> Vec<String> {
        let known = lock(&self.inner.graph).subscribers.get(topic).cloned().unwrap_or_default();
        known.into_iter().filter(|node| *node != self.inner.name).collect()
    }

    /// Every topic that the master knows, with the nodes that publish and that subscribe; this one is among them.
    pub fn graph(&self) -> BTreeMap<String, (Vec<String>, Vec<String>)> {
        let graph = lock(&self.inner.graph);
        let mut topics: BTreeMap<String, (Vec<String>, Vec<String>)> = BTreeMap::new();
        for (topic, nodes) in &graph.publishers {
            topics.entry(topic.clone()).or_default().0.clone_from(nodes);
        }
        for (topic, nodes) in &graph.subscribers {
            topics.entry(topic.clone()).or_default().1.clone_from(nodes);
        }
        topics
    }

    /// Why the master cannot be reached at present, if so.
    pub fn master_error(&self) -> Option<String> {
        lock(&self.inner.graph).master_error.clone()
    }

    /// Why the node has been told to end, if so.
    pub fn ended(&self) -> Option<String> {
        lock(&self.inner.ended).clone()
    }

    /// How it is, and what went over its topics.
    pub fn report(&self) -> NodeReport {
        let inner = &self.inner;
        let count = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed);
        let publications: Vec<_> = lock(&inner.publications).values().cloned().collect();
        let feeds: Vec<_> = lock(&inner.feeds).values().cloned().collect();
        let graph = lock(&inner.graph);
        let rate =
            |out: bool, topic: &str| graph.rates.get(&(out, topic.to_string())).map_or(0.0, |rate| rate.hz);
        let mut topics = Vec::new();
        for publication in publications {
            topics.push(TopicReport {
                topic: publication.spec.name.clone(),
                datatype: publication.spec.datatype.clone(),
                direction: Direction::Out,
                peers: publication.links().iter().map(|link| link.subscriber.clone()).collect(),
                messages: count(&publication.published),
                bytes: count(&publication.bytes),
                dropped: count(&publication.dropped),
                malformed: 0,
                connects: 0,
                disconnects: 0,
                rate_hz: rate(true, &publication.spec.name),
            });
        }
        for feed in feeds {
            topics.push(TopicReport {
                topic: feed.spec.name.clone(),
                datatype: feed.spec.datatype.clone(),
                direction: Direction::In,
                peers: feed.links().iter().filter_map(|link| link.publisher()).collect(),
                messages: count(&feed.received),
                bytes: count(&feed.bytes),
                dropped: count(&feed.dropped),
                malformed: count(&feed.malformed),
                connects: count(&feed.connects),
                disconnects: count(&feed.disconnects),
                rate_hz: rate(false, &feed.spec.name),
            });
        }
        NodeReport {
            master: inner.master.clone(),
            master_error: graph.master_error.clone(),
            master_restarts: graph.master_restarts,
            ended: lock(&inner.ended).clone(),
            topics,
            problems: inner.problems.sentences(),
        }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.inner.stop.store(true, Ordering::SeqCst);
        self.inner.wake();
        if let Some(registrar) = self.registrar.take() {
            let _ = registrar.join();
        }
        let publications: Vec<_> = lock(&self.inner.publications).values().cloned().collect();
        publications.iter().for_each(|publication| publication.close());
        let feeds: Vec<_> = lock(&self.inner.feeds).values().cloned().collect();
        feeds.iter().for_each(|feed| feed.close());
        self.inner.courier.stop();
        self.tcpros.stop();
        self.slave.stop();
    }
}

impl Publisher {
    /// Gives the message to every subscriber. Costs next to nothing without one, and never waits.
    pub fn publish(&self, body: &[u8]) {
        self.0.publish(|message| message.extend_from_slice(body));
    }

    /// Gives the message whose body `write` appends to every subscriber. It is not written where there is none.
    pub fn publish_with(&self, write: impl FnOnce(&mut Vec<u8>)) {
        self.0.publish(write);
    }

    /// Names of the subscribers that are connected.
    pub fn subscribers(&self) -> Vec<String> {
        self.0.links().iter().map(|link| link.subscriber.clone()).collect()
    }
}

impl Subscription {
    /// The oldest message that waits.
    pub fn take(&self) -> Option<Received> {
        self.0.take()
    }

    /// Names of the publishers that are connected.
    pub fn publishers(&self) -> Vec<String> {
        self.0.links().iter().filter_map(|link| link.publisher()).collect()
    }
}

impl Inner {
    fn wake(&self) {
        *lock(&self.wake.0) = true;
        self.wake.1.notify_all();
    }

    fn rest(&self, time: Duration) {
        let woken = self.wake.1.wait_timeout_while(lock(&self.wake.0), time, |news| !*news);
        drop(woken.unwrap_or_else(PoisonError::into_inner));
    }
}

/// The address of this machine on the way to another.
fn local_address(towards: SocketAddr) -> IpAddr {
    let any: SocketAddr = if towards.is_ipv4() { ([0; 4], 0).into() } else { ([0u16; 8], 0).into() };
    // Nothing is sent: the system only chooses the way.
    let chosen = UdpSocket::bind(any).and_then(|socket| {
        socket.connect(towards)?;
        socket.local_addr()
    });
    chosen.map_or(IpAddr::V4(Ipv4Addr::LOCALHOST), |address| address.ip())
}

/// Keeps the master informed about the node, and the node about the others.
struct Registrar {
    inner: Arc<Inner>,
    registered: BTreeSet<(bool, String)>,
    /// The process that the master was when it last answered.
    master_pid: Option<i32>,
    /// Subscribers without a connection: when they are told next, and the pause after that.
    late: BTreeMap<(String, String), (Instant, Duration)>,
    watched: Option<Instant>,
}

impl Registrar {
    fn new(inner: Arc<Inner>) -> Registrar {
        Registrar {
            inner,
            registered: BTreeSet::new(),
            master_pid: None,
            late: BTreeMap::new(),
            watched: None,
        }
    }

    fn run(mut self) {
        while !self.inner.stop.load(Ordering::SeqCst) {
            // Nobody wants a node that was told to end; what is connected stays so until the run ends.
            if lock(&self.inner.ended).is_some() {
                self.inner.rest(WATCH);
                *lock(&self.inner.wake.0) = false;
                continue;
            }
            let outcome = self.step();
            let pause = if outcome.is_ok() { WATCH } else { RETRY };
            {
                let mut graph = lock(&self.inner.graph);
                graph.master_error = outcome.err().map(|error| error.to_string());
                graph.registered = self.registered.clone();
            }
            self.measure();
            self.inner.rest(pause);
        }
        self.sign_off();
    }

    fn ask(&self, method: &str, arguments: Vec<Value>) -> Result<Value, CallError> {
        // The master's name is resolved, without guesses.
        Client { fallback: None, ..self.inner.client.clone() }.ask(&self.inner.master, method, arguments)
    }

    fn step(&mut self) -> Result<(), CallError> {
        let news = std::mem::take(&mut *lock(&self.inner.wake.0));
        self.register()?;
        let due = self.watched.is_none_or(|last| last.elapsed() >= WATCH * 9 / 10);
        if due || news { self.watch() } else { Ok(()) }
    }

    /// Registers what the master has not heard of.
    fn register(&mut self) -> Result<(), CallError> {
        let publications: Vec<_> = lock(&self.inner.publications).values().cloned().collect();
        for publication in publications {
            let key = (true, publication.spec.name.clone());
            if !self.registered.contains(&key) {
                self.register_publisher(&publication.spec)?;
                self.registered.insert(key);
            }
        }
        let feeds: Vec<_> = lock(&self.inner.feeds).values().cloned().collect();
        for feed in feeds {
            let key = (false, feed.spec.name.clone());
            if !self.registered.contains(&key) {
                let spec = &feed.spec;
                let arguments = [&spec.name, &spec.datatype, &self.inner.uri.to_string()];
                let arguments = arguments.map(|text| Value::from(text.as_str())).to_vec();
                let publishers = self.ask("registerSubscriber", arguments)?;
                publishers
                    .texts()
                    .iter()
                    .filter_map(|uri| uri.parse().ok())
                    .for_each(|uri| feed.add_publisher(&uri));
                self.registered.insert(key);
            }
        }
        Ok(())
    }

    fn register_publisher(&self, spec: &TopicSpec) -> Result<Value, CallError> {
        let arguments = [&spec.name, &spec.datatype, &self.inner.uri.to_string()];
        self.ask("registerPublisher", arguments.map(|text| Value::from(text.as_str())).to_vec())
    }

    /// Looks who is there: a master that has been restarted, subscribers that were not told of this node, publishers
    /// that this node was not told of.
    fn watch(&mut self) -> Result<(), CallError> {
        // Until it answers, each step asks again.
        self.watched = None;
        let pid = self.ask("getPid", vec![])?.as_int();
        let state = self.ask("getSystemState", vec![])?;
        let [publishers, subscribers, ..] = state.as_array().unwrap_or_default() else {
            let message = "getSystemState was not answered with three lists".to_string();
            return Err(CallError::Nonsense { uri: self.inner.master.clone(), message });
        };
        let (publishers, subscribers) = (nodes_by_topic(publishers), nodes_by_topic(subscribers));
        let knows = |(out, topic): &(bool, String)| {
            let list = if *out { &publishers } else { &subscribers };
            list.get(topic).is_some_and(|nodes| nodes.contains(&self.inner.name))
        };
        let forgotten = !self.registered.iter().all(knows);
        let restarted = self.master_pid.is_some() && self.master_pid != pid;
        self.master_pid = pid;
        self.watched = Some(Instant::now());
        {
            let mut graph = lock(&self.inner.graph);
            (graph.publishers, graph.subscribers) = (publishers.clone(), subscribers.clone());
            graph.master_restarts += u64::from(forgotten || restarted);
        }
        if forgotten || restarted {
            self.registered.clear();
            self.late.clear();
            return self.register();
        }
        self.tell_late_subscribers(&publishers, &subscribers);
        self.find_publishers(&publishers);
        Ok(())
    }

    fn tell_late_subscribers(
        &mut self,
        publishers: &BTreeMap<String, Vec<String>>,
        subscribers: &BTreeMap<String, Vec<String>>,
    ) {
        let publications: Vec<_> = lock(&self.inner.publications).values().cloned().collect();
        let mut still_late = BTreeMap::new();
        for publication in publications {
            let topic = &publication.spec.name;
            let connected: Vec<String> =
                publication.links().iter().map(|link| link.subscriber.clone()).collect();
            let late = subscribers.get(topic).into_iter().flatten();
            for node in late.filter(|node| **node != self.inner.name && !connected.contains(node)) {
                if still_late.len() >= MAX_LATE {
                    return;
                }
                let key = (topic.clone(), node.clone());
                let now = Instant::now();
                let (mut next, mut pause) = self.late.get(&key).copied().unwrap_or((now + TELL.0, TELL.0));
                if now >= next {
                    // First by the master, as a node should; then straight.
                    let told = if pause == TELL.0 {
                        self.register_publisher(&publication.spec).is_ok()
                    } else {
                        self.tell(topic, node, publishers)
                    };
                    if told {
                        pause = (pause * 2).min(TELL.1);
                    }
                    next = now + pause;
                }
                still_late.insert(key, (next, pause));
            }
        }
        self.late = still_late;
    }

    /// Tells a subscriber who publishes the topic, in the master's place.
    fn tell(&self, topic: &str, node: &str, publishers: &BTreeMap<String, Vec<String>>) -> bool {
        let lookup = |node: &str| {
            let found = self.ask("lookupNode", vec![node.into()]);
            found.ok().and_then(|uri| uri.as_text().map(str::to_string))
        };
        // The list must be whole: a subscriber leaves those that are not on it.
        let others = publishers.get(topic).into_iter().flatten().filter(|other| **other != self.inner.name);
        let mut uris = vec![Value::Text(self.inner.uri.to_string())];
        for other in others {
            let Some(uri) = lookup(other) else { return false };
            uris.push(Value::Text(uri));
        }
        let Some(to) = lookup(node).and_then(|uri| uri.parse().ok()) else { return false };
        let call = Call::new("publisherUpdate", vec!["/master".into(), topic.into(), uris.into()]);
        self.inner.courier.send(Notice { to, fallback: self.inner.client.fallback, call });
        true
    }

    /// Finds publishers of subscribed topics of which no word came.
    fn find_publishers(&self, publishers: &BTreeMap<String, Vec<String>>) {
        let feeds: Vec<_> = lock(&self.inner.feeds).values().cloned().collect();
        for feed in feeds {
            let known = publishers.get(&feed.spec.name).into_iter().flatten();
            let known: Vec<_> = known.filter(|node| **node != self.inner.name).collect();
            let links = feed.links();
            if links.len() >= known.len() {
                continue;
            }
            for node in known {
                let found = self.ask("lookupNode", vec![node.as_str().into()]);
                if let Some(uri) = found.ok().and_then(|uri| uri.as_text()?.parse().ok()) {
                    feed.add_publisher(&uri);
                }
            }
        }
    }

    fn measure(&self) {
        let publications: Vec<_> = lock(&self.inner.publications).values().cloned().collect();
        let feeds: Vec<_> = lock(&self.inner.feeds).values().cloned().collect();
        let out = publications.iter().map(|p| (true, &p.spec.name, p.published.load(Ordering::Relaxed)));
        let into = feeds.iter().map(|f| (false, &f.spec.name, f.received.load(Ordering::Relaxed)));
        let mut graph = lock(&self.inner.graph);
        for (out, topic, messages) in out.chain(into) {
            let rate = graph.rates.entry((out, topic.clone()));
            let rate = rate.or_insert_with(|| Rate { since: Instant::now(), messages, hz: 0.0 });
            let elapsed = rate.since.elapsed().as_secs_f64();
            if elapsed > 0.8 {
                let hz = (messages - rate.messages.min(messages)) as f64 / elapsed;
                *rate = Rate { since: Instant::now(), messages, hz };
            }
        }
    }

    /// Tells the master that the node goes. A master that does not answer is not waited for.
    fn sign_off(&self) {
        let client =
            Client { at_most: Duration::from_millis(500), fallback: None, ..self.inner.client.clone() };
        for (out, topic) in &self.registered {
            let method = if *out { "unregisterPublisher" } else { "unregisterSubscriber" };
            let arguments = vec![topic.as_str().into(), Value::Text(self.inner.uri.to_string())];
            if let Err(CallError::Unreachable { .. }) = client.ask(&self.inner.master, method, arguments) {
                return;
            }
        }
    }
}

fn nodes_by_topic(list: &Value) -> BTreeMap<String, Vec<String>> {
    let entries = list.as_array().unwrap_or_default().iter().filter_map(|entry| {
        let [topic, nodes] = entry.as_array()? else { return None };
        Some((topic.as_text()?.to_string(), nodes.texts()))
    });
    entries.collect()
}
