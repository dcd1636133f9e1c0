//! Topics that a node subscribes to: a connection to each publisher, kept up, and one bounded queue.

use crate::client::Client;
use crate::listener::lock;
use crate::problems::Problems;
use crate::publication::{TopicSpec, read_header};
use crate::tcpros::{Frames, Header, MAX_MESSAGE};
use crate::uri::{Uri, connect, refusal, resolve};
use crate::xmlrpc::Value;
use std::collections::{BTreeMap, VecDeque};
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Publishers of one topic that are connected at a time.
const MAX_PUBLISHERS: usize = 16;
/// A publisher that cannot be reached is tried again after these times, doubling from the first to the second.
const BACK_OFF: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(2));
/// A publisher answers within this time.
const HANDSHAKE: Duration = Duration::from_secs(5);

/// A message that has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    /// Name of the node that sent it.
    pub publisher: String,
    /// When the last byte came.
    pub at: Instant,
    /// The body, without its length.
    pub body: Vec<u8>,
}

/// A subscribed topic.
#[derive(Debug)]
pub(crate) struct Feed {
    pub(crate) spec: TopicSpec,
    node: String,
    own: Uri,
    client: Client,
    queue: usize,
    waiting: Mutex<VecDeque<Received>>,
    links: Mutex<BTreeMap<Uri, Arc<Link>>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    problems: Arc<Problems>,
    pub(crate) received: AtomicU64,
    pub(crate) bytes: AtomicU64,
    pub(crate) dropped: AtomicU64,
    pub(crate) malformed: AtomicU64,
    pub(crate) connects: AtomicU64,
    pub(crate) disconnects: AtomicU64,
    closed: AtomicBool,
}

/// The connection to one publisher, or the attempts to make one.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) uri: Uri,
    state: Mutex<State>,
    news: Condvar,
}

#[derive(Debug, Default)]
struct State {
    stop: bool,
    stream: Option<TcpStream>,
    publisher: Option<String>,
}

impl Link {
    /// The publisher's name while the connection stands.
    pub(crate) fn publisher(&self) -> Option<String> {
        lock(&self.state).publisher.clone()
    }

    fn stop(&self) {
        let mut state = lock(&self.state);
        state.stop = true;
        if let Some(stream) = &state.stream {
            let _ = stream.shutdown(Shutdown::Both);
        }
        self.news.notify_all();
    }

    /// Waits; false if it shall end.
    fn rest(&self, time: Duration) -> bool {
        let state = lock(&self.state);
        let woken = self.news.wait_timeout_while(state, time, |state| !state.stop);
        !woken.unwrap_or_else(PoisonError::into_inner).0.stop
    }

    /// Remembers the connection, so that it can be ended from outside; false if it shall end.
    fn hold(&self, stream: &TcpStream) -> bool {
        let mut state = lock(&self.state);
        state.stream = stream.try_clone().ok();
        !state.stop && state.stream.is_some()
    }
}

impl Feed {
    pub(crate) fn new(
        spec: TopicSpec,
        queue: usize,
        own: Uri,
        client: Client,
        problems: Arc<Problems>,
    ) -> Feed {
        Feed {
            spec,
            node: client.caller.clone(),
            own,
            client,
            queue: queue.max(1),
            waiting: Mutex::default(),
            links: Mutex::default(),
            threads: Mutex::default(),
            problems,
            received: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
            malformed: AtomicU64::new(0),
            connects: AtomicU64::new(0),
            disconnects: AtomicU64::new(0),
            closed: AtomicBool::new(false),
        }
    }

    pub(crate) fn take(&self) -> Option<Received> {
        lock(&self.waiting).pop_front()
    }

    pub(crate) fn links(&self) -> Vec<Arc<Link>> {
        lock(&self.links).values().cloned().collect()
    }

    /// These are the publishers now: connects to new ones, leaves those that are gone.
    pub(crate) fn set_publishers(self: &Arc<Self>, publishers: &[String]) {
        let mut wanted: Vec<Uri> = publishers.iter().filter_map(|uri| uri.parse().ok()).collect();
        wanted.retain(|uri| *uri != self.own);
        let mut links = lock(&self.links);
        links.retain(|uri, link| {
            let stays = wanted.contains(uri);
            if !stays {
                link.stop();
            }
            stays
        });
        wanted.iter().for_each(|uri| self.link(uri, &mut links));
    }

    /// There is this publisher too.
    pub(crate) fn add_publisher(self: &Arc<Self>, uri: &Uri) {
        if *uri != self.own {
            self.link(uri, &mut lock(&self.links));
        }
    }

    fn link(self: &Arc<Self>, uri: &Uri, links: &mut BTreeMap<Uri, Arc<Link>>) {
        if self.closed.load(Ordering::SeqCst) || links.contains_key(uri) {
            return;
        }
        if links.len() >= MAX_PUBLISHERS {
            self.problems.note(format!(
                "{} has more than {MAX_PUBLISHERS} publishers; the others are not heard",
                self.spec.name
            ));
            return;
        }
        let link = Arc::new(Link { uri: uri.clone(), state: Mutex::default(), news: Condvar::new() });
        let (feed, theirs) = (self.clone(), link.clone());
        let thread = std::thread::Builder::new()
            .name(format!("ros {}", self.spec.name))
            .spawn(move || feed.keep_up(&theirs));
        if let Ok(thread) = thread {
            links.insert(uri.clone(), link);
            let mut threads = lock(&self.threads);
            threads.retain(|thread| !thread.is_finished());
            threads.push(thread);
        }
    }

    /// Leaves every publisher, and waits for the threads.
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
        for link in std::mem::take(&mut *lock(&self.links)).values() {
            link.stop();
        }
        let threads = std::mem::take(&mut *lock(&self.threads));
        for thread in threads {
            let _ = thread.join();
        }
    }

    /// Connects, and connects again, until it shall end.
    fn keep_up(&self, link: &Link) {
        let mut pause = BACK_OFF.0;
        loop {
            let before = self.received.load(Ordering::Relaxed);
            if let Err(message) = self.listen(link) {
                let from = format!("{} from {}", self.spec.name, link.uri);
                if !lock(&link.state).stop {
                    self.problems.note(format!("{from}: {message}"));
                }
            }
            if self.received.load(Ordering::Relaxed) > before {
                pause = BACK_OFF.0;
            }
            let mut state = lock(&link.state);
            state.stream = None;
            if state.publisher.take().is_some() {
                self.disconnects.fetch_add(1, Ordering::Relaxed);
            }
            drop(state);
            if !link.rest(pause) {
                return;
            }
            pause = (pause * 2).min(BACK_OFF.1);
        }
    }

    /// Asks the publisher where it serves, connects, and takes messages until the connection ends.
    fn listen(&self, link: &Link) -> Result<(), String> {
        let protocols = Value::Array(vec![Value::Array(vec!["TCPROS".into()])]);
        let arguments = vec![self.spec.name.as_str().into(), protocols];
        let answer = self.client.ask(&link.uri, "requestTopic", arguments);
        let answer = answer.map_err(|error| error.to_string())?;
        let parts = answer.as_array().unwrap_or_default();
        let [Value::Text(protocol), Value::Text(host), Value::Int(port)] = parts else {
            return Err("requestTopic was not answered with [\"TCPROS\", host, port]".into());
        };
        let port = u16::try_from(*port).ok().filter(|port| *port != 0 && protocol == "TCPROS");
        let port = port.ok_or("requestTopic was not answered with a port of TCPROS")?;
        // The publisher's name for itself may mean something only to it.
        let peer = resolve(&link.uri.host, link.uri.port, self.client.fallback);
        let peer = peer.ok().and_then(|(addresses, _)| addresses.first().map(|address| address.ip()));
        let unreachable = |error: std::io::Error| format!("{host}:{port}: {}", refusal(&error));
        let (addresses, elsewhere) =
            resolve(host, port, peer.or(self.client.fallback)).map_err(unreachable)?;
        if elsewhere {
            self.problems
                .note(format!("the name \"{host}\" means nothing here; taken to be {}", addresses[0].ip()));
        }
        let mut stream = connect(&addresses, self.client.at_most).map_err(unreachable)?;
        if !link.hold(&stream) {
            return Ok(());
        }
        let publisher = self.agree(&mut stream)?;
        lock(&link.state).publisher = Some(publisher.clone());
        self.connects.fetch_add(1, Ordering::Relaxed);
        self.receive(&mut stream, &publisher)
    }

    /// Exchanges headers; the publisher's name.
    fn agree(&self, stream: &mut TcpStream) -> Result<String, String> {
        let spec = &self.spec;
        // node_type: Apollo's publishers use shared memory for other nodes on the same machine.
        let header = Header::new([
            ("callerid", self.node.as_str()),
            ("md5sum", &spec.md5),
            ("message_definition", &spec.definition),
            ("node_type", "rospy"),
            ("tcp_nodelay", "1"),
            ("topic", &spec.name),
            ("type", &spec.datatype),
        ]);
        stream.set_write_timeout(Some(HANDSHAKE)).map_err(|error| error.to_string())?;
        stream.write_all(&header.encode()).map_err(|error| refusal(&error))?;
        let answer = read_header(stream, Instant::now() + HANDSHAKE).map_err(|error| refusal(&error))?;
        if answer.has("error") {
            return Err(format!("the publisher refused: {}", answer.get("error")));
        }
        let md5 = answer.get("md5sum");
        if md5 != spec.md5 && md5 != "*" && spec.md5 != "*" {
            return Err(format!(
                "{} publishes datatype/md5sum [{}/{md5}], but [{}/{}] is expected",
                answer.get("callerid"),
                answer.get("type"),
                spec.datatype,
                spec.md5
            ));
        }
        Ok(answer.get("callerid").to_string())
    }

    fn receive(&self, stream: &mut TcpStream, publisher: &str) -> Result<(), String> {
        let mut frames = Frames::default();
        let mut bytes = vec![0; 64 << 10];
        loop {
            let count = match stream.read(&mut bytes) {
                Ok(0) if frames.is_within() => {
                    self.malformed.fetch_add(1, Ordering::Relaxed);
                    return Err("closed within a message".into());
                }
                // A publisher may come and go.
                Ok(0) => return Ok(()),
                Ok(count) => count,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(refusal(&error)),
            };
            let at = Instant::now();
            frames.push(&bytes[..count]);
            loop {
                match frames.next("message", MAX_MESSAGE) {
                    Ok(Some(body)) => {
                        self.bytes.fetch_add(4 + body.len() as u64, Ordering::Relaxed);
                        self.deliver(Received { publisher: publisher.to_string(), at, body: body.to_vec() });
                    }
                    Ok(None) => break,
                    Err(error) => {
                        self.malformed.fetch_add(1, Ordering::Relaxed);
                        return Err(error.to_string());
                    }
                }
            }
        }
    }

    fn deliver(&self, message: Received) {
        self.received.fetch_add(1, Ordering::Relaxed);
        let mut waiting = lock(&self.waiting);
        if waiting.len() >= self.queue {
            waiting.pop_front();
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
        waiting.push_back(message);
    }
}
