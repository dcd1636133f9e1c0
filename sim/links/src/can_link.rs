//! CAN links: where frames of the modelled bus leave and enter the machine.

use crate::group_port::GroupPort;
use crate::name::LinkName;
use crate::pty::{Pty, open_raw};
use crate::report::{Counters, LinkReport};
use crate::slcan_port::{Happened, Role, SerialLine, SlcanPort};
#[cfg(target_os = "linux")]
use crate::socketcan_port::SocketCanPort;
use crate::topic_link::Health;
use skidpad_can::{Frame, candump};
use std::fs::File;
use std::io::{self, BufWriter, ErrorKind, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

/// Peers of one link at a time.
pub const MAX_PEERS: usize = 16;
/// A peer that has sent frames and then none for so long is no longer there, whatever its connection says: an
/// Apollo canbus sends each command every 20 ms, whether it drives or not.
pub const SILENT_AFTER: Duration = Duration::from_secs(5);
/// Peers that have all closed their connections may come back within this time.
pub const GONE_AFTER: Duration = Duration::from_secs(1);

/// Why a link cannot be opened.
#[derive(Debug, thiserror::Error)]
#[error("link {name}: {message}")]
pub struct LinkError {
    /// The link.
    pub name: String,
    /// What was wrong and what to do.
    pub message: String,
}

/// One open link. Nothing in it blocks.
#[derive(Debug)]
pub struct CanLink {
    name: String,
    counters: Counters,
    error: Option<String>,
    /// When the last frame came.
    heard: Option<Instant>,
    /// Since when no peer is there, if there was one.
    left: Option<Instant>,
    /// A tool sends whether it has heard anyone or not.
    tool: bool,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Pty(Box<SlcanPort<Pty>>),
    Device(Box<SlcanPort<File>>),
    Server {
        listener: TcpListener,
        peers: Vec<Option<SlcanPort<TcpStream>>>,
    },
    Client(Box<SlcanPort<TcpStream>>),
    Group(Box<GroupPort>),
    #[cfg(target_os = "linux")]
    SocketCan(SocketCanPort),
    Log(BufWriter<File>),
}

impl CanLink {
    /// Opens the link for a simulated bus: `slcan-tcp` is a server.
    ///
    /// # Errors
    /// [`LinkError`] if the system refuses.
    pub fn open(name: &LinkName) -> Result<CanLink, LinkError> {
        CanLink::open_as(name, false)
    }

    /// Opens the link as a tool that looks at a bus, or plays into one, from outside: `slcan-tcp` is a client.
    ///
    /// # Errors
    /// [`LinkError`] if the system refuses.
    pub fn attach(name: &LinkName) -> Result<CanLink, LinkError> {
        CanLink::open_as(name, true)
    }

    fn open_as(name: &LinkName, tool: bool) -> Result<CanLink, LinkError> {
        let fail = |message: String| LinkError { name: name.to_string(), message };
        let mut shown = name.to_string();
        let kind = match name {
            LinkName::SlcanPty => {
                let pty = Pty::create()
                    .map_err(|error| fail(format!("no pseudo-terminal can be made: {error}")))?;
                shown = format!("slcan:{}", pty.path().display());
                Kind::Pty(Box::new(SlcanPort::new(pty, Role::Adapter)))
            }
            LinkName::SlcanDevice(path) => {
                let device = open_raw(path).map_err(|error| {
                    fail(format!("expected a terminal or a serial adapter that may be opened: {error}"))
                })?;
                Kind::Device(Box::new(SlcanPort::new(device, Role::Host)))
            }
            LinkName::SlcanTcp(address) if tool => {
                let refused = |error| fail(format!("nothing listens there that may be reached: {error}"));
                let stream = TcpStream::connect_timeout(address, Duration::from_secs(5)).map_err(refused)?;
                ready(&stream).map_err(refused)?;
                Kind::Client(Box::new(SlcanPort::new(stream, Role::Host)))
            }
            LinkName::SlcanTcp(address) => {
                let refused = |error| fail(format!("the port cannot be listened on: {error}"));
                let listener = TcpListener::bind(address).map_err(refused)?;
                listener.set_nonblocking(true).map_err(refused)?;
                let bound = listener.local_addr().map_err(refused)?;
                shown = LinkName::SlcanTcp(bound).to_string();
                Kind::Server { listener, peers: (0..MAX_PEERS).map(|_| None).collect() }
            }
            LinkName::Candump(path) => {
                // A pipe that nobody empties would hold the simulation up.
                if path.metadata().is_ok_and(|found| !found.is_file()) {
                    return Err(fail("cannot be written: expected a regular file".into()));
                }
                let file = File::create(path).map_err(|error| fail(format!("cannot be written: {error}")))?;
                Kind::Log(BufWriter::new(file))
            }
            LinkName::UdpMulticast { group, port, hops, interface } => {
                let refused = |error| {
                    fail(format!(
                        "the group cannot be joined: {error}; expected an interface that a route leads to, or one \
                         named as in udp_multicast:{group}:{port}:{hops}@lo"
                    ))
                };
                let port = GroupPort::join(SocketAddr::new(*group, *port), *hops, interface.as_deref());
                Kind::Group(Box::new(port.map_err(refused)?))
            }
            #[cfg(target_os = "linux")]
            LinkName::SocketCan(interface) => {
                Kind::SocketCan(SocketCanPort::open(interface).map_err(|error| fail(error.to_string()))?)
            }
            #[cfg(not(target_os = "linux"))]
            LinkName::SocketCan(_) => return Err(fail("only Linux has CAN sockets".into())),
        };
        let mut counters = Counters::default();
        if matches!(kind, Kind::Device(_) | Kind::Client(_)) {
            counters.connects = 1;
        }
        Ok(CanLink { name: shown, counters, error: None, heard: None, left: None, tool, kind })
    }

    /// Its name; that of a pseudo-terminal says where a peer opens it, that of a server the port it got.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// True if a peer can get and send frames now; a log is no peer. On a medium that knows no connections, a
    /// multicast group or an interface, a peer is there once it has sent a frame, unless it is silent for
    /// [`SILENT_AFTER`]; for a tool it always is.
    pub fn has_peer(&self) -> bool {
        match &self.kind {
            Kind::Pty(port) => port.is_open(),
            Kind::Device(port) => port.is_open(),
            Kind::Server { peers, .. } => peers.iter().flatten().any(SlcanPort::is_open),
            Kind::Client(port) => port.is_open(),
            Kind::Log(_) => false,
            _ => self.tool || self.heard.is_some_and(|heard| heard.elapsed() < SILENT_AFTER),
        }
    }

    /// Whether a peer is there, as of the last [`CanLink::poll`].
    pub fn health(&self) -> Health {
        if let Some(error) = &self.error {
            return Health::Lost(error.clone());
        }
        if let Some(left) = self.left {
            return match left.elapsed() >= GONE_AFTER {
                true => Health::Lost("the last peer is gone".into()),
                false => Health::Well,
            };
        }
        match self.heard.map(|heard| heard.elapsed()) {
            Some(silent) if silent >= SILENT_AFTER => {
                let silent_s = silent.as_secs_f64();
                Health::Lost(format!("no peer has sent a frame for {silent_s:.1} s"))
            }
            Some(_) => Health::Well,
            None if self.has_peer() => Health::Well,
            None => Health::Waiting("a peer".into()),
        }
    }

    /// True if nobody reads it while it is written.
    pub(crate) fn is_log(&self) -> bool {
        matches!(self.kind, Kind::Log(_))
    }

    /// True if a peer may be there or come.
    pub fn expects_peers(&self) -> bool {
        !matches!(self.kind, Kind::Log(_)) && self.error.is_none()
    }

    /// Takes what peers have sent; tells `on` each frame with the number of its peer on this link.
    pub fn poll(&mut self, mut on: impl FnMut(u8, Frame)) {
        let counters = &mut self.counters;
        let mut heard = false;
        let mut on = |slot, frame| {
            heard = true;
            on(slot, frame);
        };
        match &mut self.kind {
            Kind::Pty(port) => {
                let mut opened = false;
                port.poll(counters, |what| match what {
                    Happened::Frame(frame) => on(0, frame),
                    Happened::Opened => opened = true,
                });
                counters.connects += u64::from(opened);
            }
            Kind::Device(port) => poll_one(port, counters, 0, &mut on),
            Kind::Client(port) => poll_one(port, counters, 0, &mut on),
            Kind::Server { listener, peers } => {
                accept(listener, peers, counters);
                for (slot, peer) in (0..).zip(peers.iter_mut()) {
                    let Some(port) = peer else { continue };
                    poll_one(port, counters, slot, &mut on);
                    if port.is_gone() {
                        *peer = None;
                    }
                }
            }
            Kind::Group(port) => {
                let polled = port.poll(counters, &mut on);
                note(polled, counters, &mut self.error);
            }
            #[cfg(target_os = "linux")]
            Kind::SocketCan(port) => {
                let polled = port.poll(counters, |frame| on(0, frame));
                note(polled, counters, &mut self.error);
            }
            Kind::Log(_) => {}
        }
        if heard {
            self.heard = Some(Instant::now());
        }
        self.left = match &self.kind {
            // A terminal's peer that has closed the channel may be about to go, or to set it up anew.
            Kind::Pty(_) | Kind::Server { .. } if self.counters.connects > 0 && !self.has_peer() => {
                self.left.or_else(|| Some(Instant::now()))
            }
            _ => None,
        };
        let lost = match &self.kind {
            Kind::Device(port) => port.is_gone(),
            Kind::Client(port) => port.is_gone(),
            _ => false,
        };
        if lost && self.error.is_none() {
            self.error = Some("the other end is gone".into());
        }
    }

    /// Gives `frame`, which crossed the bus at `time` since 1970, to every peer but its sender (`from`, if it was
    /// a peer of this link).
    pub fn send(&mut self, time: Duration, from: Option<u8>, frame: &Frame) {
        let counters = &mut self.counters;
        match &mut self.kind {
            Kind::Pty(port) if from.is_none() => port.send(frame, counters),
            Kind::Device(port) if from.is_none() => port.send(frame, counters),
            Kind::Client(port) if from.is_none() => port.send(frame, counters),
            Kind::Group(port) if from.is_none() => {
                let sent = port.send(time, frame, counters);
                note(sent, counters, &mut self.error);
            }
            #[cfg(target_os = "linux")]
            Kind::SocketCan(port) if from.is_none() => {
                let sent = port.send(frame, counters);
                note(sent, counters, &mut self.error);
            }
            #[cfg(target_os = "linux")]
            Kind::SocketCan(_) => {}
            Kind::Pty(_) | Kind::Device(_) | Kind::Client(_) | Kind::Group(_) => {}
            Kind::Server { peers, .. } => {
                for (slot, peer) in (0..).zip(peers) {
                    if let Some(port) = peer.as_mut().filter(|_| from != Some(slot)) {
                        port.send(frame, counters);
                    }
                }
            }
            Kind::Log(file) => {
                let mut line = String::with_capacity(64);
                // Writing to a string does not fail.
                let _ = candump::write(&mut line, time, "skidpad", frame);
                match file.write_all(line.as_bytes()) {
                    Ok(()) => counters.sent += 1,
                    Err(error) => {
                        counters.io_errors += 1;
                        self.error.get_or_insert_with(|| format!("cannot be written: {error}"));
                    }
                }
            }
        }
    }

    /// Puts a frame of a peer that was taken on the bus, or not, into the counts.
    pub(crate) fn count(&mut self, taken: bool) {
        if taken { self.counters.received += 1 } else { self.counters.refused += 1 }
    }

    /// Writes what is still buffered.
    pub fn flush(&mut self) {
        if let Kind::Log(file) = &mut self.kind
            && let Err(error) = file.flush()
        {
            self.counters.io_errors += 1;
            self.error.get_or_insert_with(|| format!("cannot be written: {error}"));
        }
    }

    /// What it has seen.
    pub fn report(&self) -> LinkReport {
        LinkReport { name: self.name.clone(), counters: self.counters, error: self.error.clone() }
    }
}

/// Counts what the system refused, and keeps the first reason.
fn note(done: io::Result<()>, counters: &mut Counters, error: &mut Option<String>) {
    if let Err(refused) = done {
        counters.io_errors += 1;
        error.get_or_insert_with(|| format!("the network fails: {refused}"));
    }
}

fn poll_one<S: SerialLine>(
    port: &mut SlcanPort<S>,
    counters: &mut Counters,
    slot: u8,
    on: &mut impl FnMut(u8, Frame),
) {
    port.poll(counters, |what| {
        if let Happened::Frame(frame) = what {
            on(slot, frame);
        }
    });
}

/// Takes the connections that wait; whoever is too many is turned away.
fn accept(listener: &TcpListener, peers: &mut [Option<SlcanPort<TcpStream>>], counters: &mut Counters) {
    // As many a tick as there are places: a flood of connections shall not stall the simulation.
    for _ in 0..MAX_PEERS {
        let stream = match listener.accept() {
            Ok((stream, _)) => stream,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return,
            Err(_) => {
                counters.io_errors += 1;
                return;
            }
        };
        match peers.iter_mut().find(|peer| peer.is_none()) {
            Some(place) if ready(&stream).is_ok() => {
                *place = Some(SlcanPort::new(stream, Role::Adapter));
                counters.connects += 1;
            }
            _ => counters.turned_away += 1,
        }
    }
}

/// A frame is to leave at once, and nothing is to block.
fn ready(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    stream.set_nonblocking(true)
}
