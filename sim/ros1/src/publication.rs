//! Topics that a node publishes: the connections of subscribers, a bounded queue for each.

use crate::listener::lock;
use crate::problems::Problems;
use crate::tcpros::{Frames, Header, MAX_HEADER};
use std::collections::{BTreeMap, VecDeque};
use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A subscriber says what it wants within this time.
const HANDSHAKE: Duration = Duration::from_secs(5);
/// So often a connection without messages is looked at: has the subscriber gone?
const LOOK: Duration = Duration::from_millis(200);

/// What travels on a topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicSpec {
    /// Name, such as `/apollo/control`.
    pub name: String,
    /// ROS datatype, such as `pb_msgs/ControlCommand`.
    pub datatype: String,
    /// MD5 that both sides must agree on.
    pub md5: String,
    /// Text of the definition.
    pub definition: String,
}

/// A published topic.
#[derive(Debug)]
pub(crate) struct Publication {
    pub(crate) spec: TopicSpec,
    latched: bool,
    queue: usize,
    links: Mutex<BTreeMap<u64, Arc<Link>>>,
    /// The last message, of a latched topic.
    last: Mutex<Option<Arc<[u8]>>>,
    pub(crate) closed: AtomicBool,
    pub(crate) published: AtomicU64,
    pub(crate) bytes: AtomicU64,
    pub(crate) dropped: AtomicU64,
    number: AtomicU64,
}

/// The connection of one subscriber.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) subscriber: String,
    pub(crate) peer: SocketAddr,
    waiting: Mutex<VecDeque<Arc<[u8]>>>,
    news: Condvar,
    closed: AtomicBool,
    stream: TcpStream,
}

impl Publication {
    pub(crate) fn new(spec: TopicSpec, queue: usize, latched: bool) -> Publication {
        Publication {
            spec,
            latched,
            queue: queue.max(1),
            links: Mutex::default(),
            last: Mutex::default(),
            closed: AtomicBool::new(false),
            published: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
            number: AtomicU64::new(0),
        }
    }

    /// Gives the message that `write` appends to every subscriber's queue; never waits for one.
    pub(crate) fn publish(&self, write: impl FnOnce(&mut Vec<u8>)) {
        self.published.fetch_add(1, Ordering::Relaxed);
        let links = lock(&self.links);
        if links.is_empty() && !self.latched {
            return;
        }
        let mut framed = vec![0; 4];
        write(&mut framed);
        let length = framed.len() as u32 - 4;
        framed[..4].copy_from_slice(&length.to_le_bytes());
        let message: Arc<[u8]> = framed.into();
        if self.latched {
            *lock(&self.last) = Some(message.clone());
        }
        for link in links.values() {
            self.enqueue(link, message.clone());
        }
    }

    fn enqueue(&self, link: &Link, message: Arc<[u8]>) {
        let mut waiting = lock(&link.waiting);
        if waiting.len() >= self.queue {
            waiting.pop_front();
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
        waiting.push_back(message);
        drop(waiting);
        link.news.notify_one();
    }

    pub(crate) fn links(&self) -> Vec<Arc<Link>> {
        lock(&self.links).values().cloned().collect()
    }

    /// Lets every subscriber go.
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
        for link in lock(&self.links).values() {
            link.close();
        }
    }

    fn answer(&self, node: &str) -> Header {
        let latching = if self.latched { "1" } else { "0" };
        Header::new([
            ("callerid", node),
            ("latching", latching),
            ("md5sum", &self.spec.md5),
            ("message_definition", &self.spec.definition),
            ("topic", &self.spec.name),
            ("type", &self.spec.datatype),
        ])
    }

    /// Why this subscriber cannot have the topic, in the words of roscpp.
    fn mismatch(&self, asked: &Header) -> Option<String> {
        let (wanted, own) = (asked.get("md5sum"), self.spec.md5.as_str());
        (wanted != own && wanted != "*" && own != "*").then(|| {
            format!(
                "Client [{}] wants topic {} to have datatype/md5sum [{}/{}], but our version has [{}/{}]. Dropping \
                 connection.",
                asked.get("callerid"),
                asked.get("topic"),
                asked.get("type"),
                wanted,
                self.spec.datatype,
                own
            )
        })
    }
}

impl Link {
    fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
        let _ = self.stream.shutdown(std::net::Shutdown::Both);
        self.news.notify_one();
    }
}

/// Serves the connection of one subscriber to its end.
pub(crate) fn serve(
    mut stream: TcpStream,
    peer: SocketAddr,
    node: &str,
    find: impl Fn(&str) -> Option<Arc<Publication>>,
    problems: &Problems,
) {
    let refuse = |stream: &mut TcpStream, message: String| {
        let answer = Header::new([("error", message.as_str())]).encode();
        problems.note(message);
        // The subscriber may have gone already.
        let _ = stream.write_all(&answer);
    };
    let asked = match read_header(&mut stream, Instant::now() + HANDSHAKE) {
        Ok(asked) => asked,
        // Someone looked whether the port is open.
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => return,
        Err(error) => {
            problems.note(format!("{} spoke no TCPROS: {error}", peer.ip()));
            return;
        }
    };
    if !asked.has("md5sum") || !asked.has("topic") {
        return refuse(
            &mut stream,
            "Header from subscriber did not have the required elements: md5sum, topic".into(),
        );
    }
    let (topic, subscriber) = (asked.get("topic"), asked.get("callerid"));
    let Some(publication) = find(topic) else {
        let message =
            format!("received a connection for a nonexistent topic [{topic}] from [{peer}] [{subscriber}].");
        return refuse(&mut stream, message);
    };
    if let Some(message) = publication.mismatch(&asked) {
        return refuse(&mut stream, message);
    }
    // Apollo's own subscribers do not ask for it, and a message shall not wait for the next.
    let (Ok(()), Ok(own)) = (stream.set_nodelay(true), stream.try_clone()) else { return };
    let link = Arc::new(Link {
        subscriber: subscriber.to_string(),
        peer,
        waiting: Mutex::default(),
        news: Condvar::new(),
        closed: AtomicBool::new(false),
        stream: own,
    });
    let number = publication.number.fetch_add(1, Ordering::Relaxed);
    {
        let mut links = lock(&publication.links);
        if publication.closed.load(Ordering::SeqCst) {
            return;
        }
        // Under the lock, so that no message comes twice or in the wrong order.
        if let Some(last) = &*lock(&publication.last) {
            publication.enqueue(&link, last.clone());
        }
        links.insert(number, link.clone());
    }
    // What is published from here on waits until the header has gone.
    if stream.write_all(&publication.answer(node).encode()).is_ok() {
        feed(&mut stream, &link, &publication);
    }
    lock(&publication.links).remove(&number);
}

fn feed(stream: &mut TcpStream, link: &Link, publication: &Publication) {
    loop {
        let mut waiting = lock(&link.waiting);
        while waiting.is_empty() {
            if link.closed.load(Ordering::SeqCst) {
                return;
            }
            let woken = link.news.wait_timeout(waiting, LOOK).unwrap_or_else(PoisonError::into_inner);
            waiting = woken.0;
            if woken.1.timed_out() {
                drop(waiting);
                if is_gone(stream) {
                    return;
                }
                waiting = lock(&link.waiting);
            }
        }
        let Some(message) = waiting.pop_front() else { continue };
        drop(waiting);
        if stream.write_all(&message).is_err() {
            return;
        }
        publication.bytes.fetch_add(message.len() as u64, Ordering::Relaxed);
    }
}

/// True if the other side has closed. It has nothing to say: what it says is thrown away.
fn is_gone(stream: &mut TcpStream) -> bool {
    let mut bytes = [0; 1024];
    if stream.set_nonblocking(true).is_err() {
        return true;
    }
    let gone = match stream.read(&mut bytes) {
        Ok(0) => true,
        Ok(_) => false,
        Err(error) => !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted),
    };
    gone || stream.set_nonblocking(false).is_err()
}

/// Reads the header that begins a connection, and not one byte more.
pub(crate) fn read_header(stream: &mut TcpStream, deadline: Instant) -> io::Result<Header> {
    let mut frames = Frames::default();
    let invalid =
        |error: crate::tcpros::TcprosError| io::Error::new(ErrorKind::InvalidData, error.to_string());
    let mut wanted = 4;
    let mut bytes = [0; 4096];
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::Error::new(ErrorKind::TimedOut, "no connection header in time"));
        }
        stream.set_read_timeout(Some(left))?;
        let count = match stream.read(&mut bytes[..wanted.min(4096)]) {
            Ok(0) if frames.is_within() => {
                return Err(io::Error::new(ErrorKind::InvalidData, "closed within the connection header"));
            }
            Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
            Ok(count) => count,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                return Err(io::Error::new(ErrorKind::TimedOut, "no connection header in time"));
            }
            Err(error) => return Err(error),
        };
        frames.push(&bytes[..count]);
        wanted -= count;
        if let Some(header) = frames.next("connection header", MAX_HEADER).map_err(invalid)? {
            stream.set_read_timeout(None)?;
            return Header::decode(header).map_err(invalid);
        }
        if wanted == 0 {
            wanted = frames.missing();
        }
    }
}
