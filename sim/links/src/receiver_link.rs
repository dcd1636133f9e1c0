//! The receiver's port at the outside: TCP server, serial line over a pseudo-terminal, file.

use crate::LinkError;
use crate::pty::Pty;
use skidpad_sensors::{Port, ReceiverOutput};
use std::collections::VecDeque;
use std::fmt;
use std::fs::File;
use std::io::{BufWriter, ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::str::FromStr;

/// Where the receiver is served when a name does not say.
pub const DEFAULT_RECEIVER_TCP: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 3001);
/// Clients of one TCP server.
pub const MAX_RECEIVER_CLIENTS: usize = 16;
/// Bytes that wait for a TCP client, about ten seconds of the usual logs.
const TCP_QUEUE_BYTES: usize = 256 << 10;
/// Bytes that wait on a serial line, which knows no flow control: about a second.
const SERIAL_QUEUE_BYTES: usize = 16 << 10;
/// Bytes of commands taken from one client in a tick.
const READ_BYTES: usize = 4096;

/// A link to the receiver's port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReceiverLinkName {
    /// `tcp[:ADDRESS:PORT]`: a server, for one client or several.
    Tcp(SocketAddr),
    /// `pty`: a serial line over a pseudo-terminal that Skidpad creates and names.
    Pty,
    /// `file:PATH`: a recording, which `skidpad gnss decode` reads.
    File(PathBuf),
}

/// A name that is none of a link to the receiver's port.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no receiver link is named \"{name}\": {message}")]
pub struct ReceiverNameError {
    name: String,
    message: String,
}

impl FromStr for ReceiverLinkName {
    type Err = ReceiverNameError;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let wrong = |message: String| ReceiverNameError { name: name.chars().take(100).collect(), message };
        match name.split_once(':').map_or((name, None), |(kind, rest)| (kind, Some(rest))) {
            ("tcp", None) => Ok(Self::Tcp(DEFAULT_RECEIVER_TCP)),
            ("tcp", Some(address)) => address
                .parse()
                .map(Self::Tcp)
                .map_err(|_| wrong(format!("\"{address}\" is no ADDRESS:PORT such as 127.0.0.1:3001"))),
            ("pty", None) => Ok(Self::Pty),
            ("file", Some(path)) if !path.is_empty() => Ok(Self::File(path.into())),
            _ => Err(wrong("expected tcp, tcp:ADDRESS:PORT, pty or file:PATH".into())),
        }
    }
}

impl fmt::Display for ReceiverLinkName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => write!(f, "tcp:{address}"),
            Self::Pty => f.write_str("pty"),
            Self::File(path) => write!(f, "file:{}", path.display()),
        }
    }
}

/// What crossed a link to the receiver's port.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReceiverLinkReport {
    /// The link, and where it was found.
    pub name: String,
    /// Clients that have connected.
    pub clients: u64,
    /// Clients that were turned away, since there were too many.
    pub turned_away: u64,
    /// Bytes sent.
    pub sent_bytes: u64,
    /// Bytes lost, the oldest first, because a client did not read in time; whole logs only.
    pub lost_bytes: u64,
    /// Bytes that a client did not wait for.
    pub unsent_bytes: u64,
    /// Commands answered with `<OK`.
    pub commands: u64,
    /// Lines refused, or no text at all.
    pub refused_lines: u64,
    /// Errors of the system: a full disk, a terminal that went away.
    pub errors: u64,
}

impl ReceiverLinkReport {
    /// Every count by its name.
    pub fn named(&self) -> [(&'static str, u64); 8] {
        [
            ("clients", self.clients),
            ("turned_away", self.turned_away),
            ("sent_bytes", self.sent_bytes),
            ("lost_bytes", self.lost_bytes),
            ("unsent_bytes", self.unsent_bytes),
            ("commands", self.commands),
            ("refused_lines", self.refused_lines),
            ("errors", self.errors),
        ]
    }

    /// What a reader of the report should know, one sentence each.
    pub fn sentences(&self) -> Vec<String> {
        let name = &self.name;
        let mut sentences = Vec::new();
        if self.lost_bytes > 0 {
            let lost = self.lost_bytes;
            sentences.push(format!("{name}: {lost} bytes were lost because a client did not read in time"));
        }
        if self.turned_away > 0 {
            sentences
                .push(format!("{name}: {} clients were too many and were turned away", self.turned_away));
        }
        if self.refused_lines > 0 {
            sentences.push(format!("{name}: {} lines from clients were no commands", self.refused_lines));
        }
        if self.errors > 0 {
            sentences.push(format!("{name}: the system refused to write {} times", self.errors));
        }
        sentences
    }
}

/// An open link to the receiver's port. Nothing here blocks: what cannot be sent at once waits in a bounded queue.
///
/// Each client has a [`Port`] of its own, configured as the real car's until it says otherwise.
#[derive(Debug)]
pub struct ReceiverLink {
    kind: Kind,
    report: ReceiverLinkReport,
}

#[derive(Debug)]
enum Kind {
    Tcp { listener: TcpListener, clients: Vec<Client<TcpStream>> },
    Pty(Client<Pty>),
    File(BufWriter<File>),
}

impl ReceiverLink {
    /// Opens it: from here on clients can connect.
    ///
    /// # Errors
    /// If the address is taken, there is no pseudo-terminal, or the file cannot be written.
    pub fn open(name: &ReceiverLinkName) -> Result<Self, LinkError> {
        let failed = |what: &str, error: &dyn fmt::Display| LinkError {
            name: name.to_string(),
            message: format!("{what}: {error}"),
        };
        let (kind, found) = match name {
            ReceiverLinkName::Tcp(address) => {
                let listener = TcpListener::bind(address)
                    .map_err(|error| failed("the address cannot be served", &error))?;
                listener
                    .set_nonblocking(true)
                    .map_err(|error| failed("the server cannot be set up", &error))?;
                let address =
                    listener.local_addr().map_err(|error| failed("the server cannot be set up", &error))?;
                (Kind::Tcp { listener, clients: Vec::new() }, format!("tcp:{address}"))
            }
            ReceiverLinkName::Pty => {
                let pty = Pty::create().map_err(|error| failed("no pseudo-terminal can be made", &error))?;
                let found = format!("pty:{}", pty.path().display());
                (Kind::Pty(Client::new(pty, SERIAL_QUEUE_BYTES)), found)
            }
            ReceiverLinkName::File(path) => {
                // A pipe would hold the simulation up.
                if path.metadata().is_ok_and(|found| !found.is_file()) {
                    return Err(failed("cannot be written", &"expected a regular file"));
                }
                let file = File::create(path).map_err(|error| failed("cannot be written", &error))?;
                (Kind::File(BufWriter::new(file)), name.to_string())
            }
        };
        Ok(ReceiverLink { kind, report: ReceiverLinkReport { name: found, ..Default::default() } })
    }

    /// The link, with the address or terminal where a client finds it.
    pub fn name(&self) -> &str {
        &self.report.name
    }

    /// True once someone can get the logs: a client, or a terminal or file that is always there.
    pub fn has_client(&self) -> bool {
        match &self.kind {
            Kind::Tcp { clients, .. } => !clients.is_empty(),
            Kind::Pty(_) | Kind::File(_) => true,
        }
    }

    /// Lets clients in, takes their commands, and sends what waits. To be called each tick.
    pub fn poll(&mut self) {
        let report = &mut self.report;
        match &mut self.kind {
            Kind::Tcp { listener, clients } => {
                accept(listener, clients, report);
                clients.retain_mut(|client| client.poll(report) || client.retire(report));
            }
            Kind::Pty(client) => {
                client.poll(report);
            }
            Kind::File(_) => {}
        }
    }

    /// Sends what is due with this output; `bytes` is what the real car's configuration makes of it.
    pub fn send(&mut self, output: &ReceiverOutput, bytes: &[u8]) {
        let report = &mut self.report;
        match &mut self.kind {
            Kind::Tcp { clients, .. } => {
                clients.retain_mut(|client| client.send(output, report) || client.retire(report));
            }
            Kind::Pty(client) => {
                client.send(output, report);
            }
            Kind::File(file) => match file.write_all(bytes) {
                Ok(()) => report.sent_bytes += bytes.len() as u64,
                Err(_) => report.errors += 1,
            },
        }
    }

    /// What crossed so far; commands of clients that are still connected are in it.
    pub fn report(&self) -> ReceiverLinkReport {
        let mut report = self.report.clone();
        let mut add = |port: &Port| count_commands(port, &mut report);
        match &self.kind {
            Kind::Tcp { clients, .. } => clients.iter().for_each(|client| add(&client.port)),
            Kind::Pty(client) => add(&client.port),
            Kind::File(_) => {}
        }
        report
    }

    /// Sends what still can be sent without waiting, and closes the link.
    pub fn finish(mut self) -> ReceiverLinkReport {
        self.poll();
        if let Kind::File(file) = &mut self.kind
            && file.flush().is_err()
        {
            self.report.errors += 1;
        }
        let mut report = self.report();
        if let Kind::Tcp { clients, .. } = &self.kind {
            report.unsent_bytes += clients.iter().map(|client| client.queued_bytes as u64).sum::<u64>();
        }
        report
    }
}

fn accept(listener: &TcpListener, clients: &mut Vec<Client<TcpStream>>, report: &mut ReceiverLinkReport) {
    // Any error but these is a client that has gone before it was let in.
    while let Ok((stream, _)) = listener.accept() {
        if clients.len() >= MAX_RECEIVER_CLIENTS {
            report.turned_away += 1;
        } else if stream.set_nonblocking(true).and_then(|()| stream.set_nodelay(true)).is_ok() {
            report.clients += 1;
            clients.push(Client::new(stream, TCP_QUEUE_BYTES));
        }
    }
}

fn count_commands(port: &Port, report: &mut ReceiverLinkReport) {
    let stats = port.stats();
    report.commands += stats.accepted;
    report.refused_lines += stats.refused + stats.garbage;
}

/// One listener, with what it has asked for and what waits for it.
#[derive(Debug)]
struct Client<S> {
    stream: S,
    port: Port,
    /// Pieces of whole logs; of the first, `sent` bytes have gone.
    queue: VecDeque<Vec<u8>>,
    sent: usize,
    queued_bytes: usize,
    max_queued_bytes: usize,
    /// The client sends no more, but may still read.
    commands_over: bool,
}

impl<S: Read + Write> Client<S> {
    fn new(stream: S, max_queued_bytes: usize) -> Self {
        Client {
            stream,
            port: Port::apollo(),
            queue: VecDeque::new(),
            sent: 0,
            queued_bytes: 0,
            max_queued_bytes,
            commands_over: false,
        }
    }

    /// Takes commands and sends what waits; false once the client is gone.
    fn poll(&mut self, report: &mut ReceiverLinkReport) -> bool {
        let mut bytes = [0; READ_BYTES];
        if !self.commands_over {
            match self.stream.read(&mut bytes) {
                Ok(0) => self.commands_over = true,
                Ok(length) => {
                    let mut answer = Vec::new();
                    self.port.receive(&bytes[..length], &mut answer);
                    self.enqueue(answer, report);
                }
                Err(error) if is_passing(error.kind()) => {}
                Err(_) => return false,
            }
        }
        self.drain(report)
    }

    /// Queues what is due with this output and sends what it can; false once the client is gone.
    fn send(&mut self, output: &ReceiverOutput, report: &mut ReceiverLinkReport) -> bool {
        let mut bytes = Vec::new();
        self.port.send(output, &mut bytes);
        self.enqueue(bytes, report);
        self.drain(report)
    }

    fn enqueue(&mut self, bytes: Vec<u8>, report: &mut ReceiverLinkReport) {
        if bytes.is_empty() {
            return;
        }
        self.queued_bytes += bytes.len();
        self.queue.push_back(bytes);
        // The first is kept if a part of it has gone: the client shall not see half a log.
        let oldest = usize::from(self.sent > 0);
        while self.queued_bytes > self.max_queued_bytes && self.queue.len() > oldest + 1 {
            let lost = self.queue.remove(oldest).map_or(0, |piece| piece.len());
            self.queued_bytes -= lost;
            report.lost_bytes += lost as u64;
        }
    }

    fn drain(&mut self, report: &mut ReceiverLinkReport) -> bool {
        while let Some(first) = self.queue.front() {
            match self.stream.write(&first[self.sent..]) {
                Ok(0) => return false,
                Ok(length) => {
                    self.sent += length;
                    self.queued_bytes -= length;
                    report.sent_bytes += length as u64;
                    if self.sent == first.len() {
                        self.queue.pop_front();
                        self.sent = 0;
                    }
                }
                Err(error) if is_passing(error.kind()) => break,
                Err(_) => return false,
            }
        }
        true
    }

    /// Counts what the client leaves behind; false, so that it is forgotten.
    fn retire(&mut self, report: &mut ReceiverLinkReport) -> bool {
        count_commands(&self.port, report);
        report.unsent_bytes += self.queued_bytes as u64;
        false
    }
}

fn is_passing(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::WouldBlock | ErrorKind::Interrupted)
}
