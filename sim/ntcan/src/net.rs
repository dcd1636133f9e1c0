//! One net of the card: the line to Skidpad's bus, shared by all handles that are open on it.
//!
//! Two threads serve it: one connects (again and again, for ever) and reads, one writes. What waits to be
//! sent waits in one bounded queue; what has arrived waits in the queue of each handle.

use crate::codes::{self, BitRate, mode};
use crate::filter::IdFilter;
use crate::news::{self, News};
use crate::slcan::{Decoder, Frame, Line};
use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream, ToSocketAddrs};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Pause between two attempts to connect.
const RETRY: Duration = Duration::from_millis(100);
/// Longest wait for one address to answer; also the longest that the last `canClose` can take.
const CONNECT_TIMEOUT: Duration = Duration::from_millis(500);
/// Frames that go out in one write at most.
const BATCH: usize = 64;

/// A thread that panicked must not take the others with it: what it left behind is still whole.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// Waits until `deadline`, for ever without one; false when it has passed.
fn wait<'a, T>(
    condition: &Condvar,
    guard: MutexGuard<'a, T>,
    deadline: Option<Instant>,
) -> (MutexGuard<'a, T>, bool) {
    let Some(deadline) = deadline else {
        return (condition.wait(guard).unwrap_or_else(|poisoned| poisoned.into_inner()), true);
    };
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() {
        return (guard, false);
    }
    (condition.wait_timeout(guard, left).unwrap_or_else(|poisoned| poisoned.into_inner()).0, true)
}

/// Instant at which a time-out of `timeout_ms` ends; 0 waits for ever.
fn deadline(timeout_ms: u32) -> Option<Instant> {
    (timeout_ms > 0).then(|| Instant::now() + Duration::from_millis(timeout_ms.into()))
}

/// A frame as it arrived.
#[derive(Debug, Clone, Copy)]
pub struct Received {
    /// The frame.
    pub frame: Frame,
    /// Arrival, µs since the net was opened.
    pub timestamp_us: u64,
    /// Frames lost before this one for want of room; 255 stands for 255 or more.
    pub lost: u8,
    /// Another handle of this process sent it.
    pub interaction: bool,
}

/// What one handle has on its net: filter, receive queue, time-outs.
pub struct Port {
    flags: u32,
    rx_capacity: usize,
    tx_capacity: usize,
    /// Receive time-out, ms; 0: for ever.
    pub rx_timeout_ms: AtomicU32,
    /// Send time-out, ms; 0: for ever.
    pub tx_timeout_ms: AtomicU32,
    rx: Mutex<Rx>,
    arrived: Condvar,
    closed: AtomicBool,
    tx_aborts: AtomicU64,
}

#[derive(Default)]
struct Rx {
    filter: IdFilter,
    queue: VecDeque<Received>,
    aborts: u64,
}

impl Port {
    /// A port with an empty filter. Capacities in frames; time-outs in ms, 0 waits for ever.
    pub fn new(
        flags: u32,
        tx_capacity: usize,
        rx_capacity: usize,
        tx_timeout_ms: u32,
        rx_timeout_ms: u32,
    ) -> Port {
        Port {
            flags,
            rx_capacity,
            tx_capacity,
            rx_timeout_ms: rx_timeout_ms.into(),
            tx_timeout_ms: tx_timeout_ms.into(),
            rx: Mutex::default(),
            arrived: Condvar::new(),
            closed: false.into(),
            tx_aborts: 0.into(),
        }
    }

    /// Changes or asks the filter.
    pub fn filter<T>(&self, change: impl FnOnce(&mut IdFilter) -> T) -> T {
        change(&mut lock(&self.rx).filter)
    }

    /// Frames that wait to be read.
    pub fn waiting(&self) -> usize {
        lock(&self.rx).queue.len()
    }

    /// Forgets what has arrived.
    pub fn flush(&self) {
        lock(&self.rx).queue.clear();
    }

    /// Ends the reads that wait now.
    pub fn abort_reads(&self) {
        lock(&self.rx).aborts += 1;
        self.arrived.notify_all();
    }

    /// Takes up to `max` frames. With `block` it waits for the first one as long as the receive time-out;
    /// else none is no error. Codes: `RX_TIMEOUT`, `NO_ID_ENABLED`, `INVALID_PARAMETER` (no queue),
    /// `OPERATION_ABORTED`, `HANDLE_FORCED_CLOSE`.
    pub fn read(&self, max: usize, block: bool) -> Result<Vec<Received>, i32> {
        if self.rx_capacity == 0 {
            return Err(codes::INVALID_PARAMETER);
        }
        let deadline = deadline(self.rx_timeout_ms.load(Relaxed));
        let mut rx = lock(&self.rx);
        let aborts = rx.aborts;
        while rx.queue.is_empty() && block {
            let in_time;
            if self.closed.load(Relaxed) {
                return Err(codes::HANDLE_FORCED_CLOSE);
            } else if rx.aborts != aborts {
                return Err(codes::OPERATION_ABORTED);
            } else if rx.filter.is_empty() {
                return Err(codes::NO_ID_ENABLED);
            }
            (rx, in_time) = wait(&self.arrived, rx, deadline);
            if !in_time {
                return Err(codes::RX_TIMEOUT);
            }
        }
        let count = max.min(rx.queue.len());
        Ok(rx.queue.drain(..count).collect())
    }

    /// A frame has arrived. Gives how many were lost to make room: the oldest go, so that what is read is
    /// fresh.
    fn offer(&self, frame: &Frame, timestamp_us: u64, interaction: bool) -> u32 {
        let unwanted = if frame.remote { mode::NO_REMOTE } else { mode::NO_DATA };
        let unwanted = unwanted | if interaction { mode::NO_INTERACTION } else { 0 };
        let mut rx = lock(&self.rx);
        if self.flags & unwanted != 0 || self.rx_capacity == 0 || !rx.filter.contains(frame.id) {
            return 0;
        }
        let (mut lost, mut gone) = (0u8, 0);
        while rx.queue.len() >= self.rx_capacity {
            let dropped = rx.queue.pop_front().map_or(0, |oldest| oldest.lost);
            lost = lost.saturating_add(dropped).saturating_add(1);
            gone += 1;
        }
        let interaction = interaction && self.flags & mode::MARK_INTERACTION != 0;
        rx.queue.push_back(Received { frame: *frame, timestamp_us, lost: 0, interaction });
        // The gap is before the frame that is now the oldest.
        if let Some(oldest) = rx.queue.front_mut() {
            oldest.lost = oldest.lost.saturating_add(lost);
        }
        self.arrived.notify_one();
        gone
    }

    /// No call may wait on this port any more.
    fn close(&self) {
        let _rx = lock(&self.rx);
        self.closed.store(true, Relaxed);
        self.arrived.notify_all();
    }
}

/// Counters since the net was opened.
#[derive(Debug, Default)]
pub struct Counters {
    /// Frames received: data and remote of 11 bits, data and remote of 29 bits.
    pub received: [AtomicU32; 4],
    /// Frames sent, likewise.
    pub sent: [AtomicU32; 4],
    /// Data bytes received.
    pub received_bytes: AtomicU32,
    /// Data bytes sent.
    pub sent_bytes: AtomicU32,
    /// Frames lost because a receive queue was full.
    pub overflows: AtomicU32,
    /// Lines that were no slcan, and commands that were refused.
    pub bad_lines: AtomicU32,
    /// Frames given up: time-out, abort, close.
    pub aborted: AtomicU32,
}

fn count(frames: &[AtomicU32; 4], bytes: &AtomicU32, frame: &Frame) {
    let kind = usize::from(frame.remote) + 2 * usize::from(frame.id & codes::EXTENDED != 0);
    frames[kind].fetch_add(1, Relaxed);
    if !frame.remote {
        bytes.fetch_add(frame.len.into(), Relaxed);
    }
}

struct Queued {
    ticket: u64,
    owner: Arc<Port>,
    frame: Frame,
}

#[derive(Default)]
struct Tx {
    bit_rate: Option<BitRate>,
    /// Commands that go out before the next frame.
    commands: Vec<u8>,
    queue: VecDeque<Queued>,
    /// Ticket of the last frame that entered the queue, of the last that the writing thread took from it, and
    /// of the last that is through: on the line, or lost with it.
    last_ticket: u64,
    taken_ticket: u64,
    sent_ticket: u64,
    line: Option<Arc<TcpStream>>,
    stop: bool,
}

impl Tx {
    fn queued_by(&self, port: &Arc<Port>) -> usize {
        self.queue.iter().filter(|queued| Arc::ptr_eq(&queued.owner, port)).count()
    }

    fn push(&mut self, port: &Arc<Port>, frame: &Frame) -> u64 {
        self.last_ticket += 1;
        self.queue.push_back(Queued { ticket: self.last_ticket, owner: port.clone(), frame: *frame });
        self.last_ticket
    }
}

/// A net with its line to Skidpad.
pub struct Net {
    /// `host:port` of Skidpad's link.
    address: String,
    opened: Instant,
    tx: Mutex<Tx>,
    changed: Condvar,
    ports: Mutex<Vec<Arc<Port>>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    /// What went over the line.
    pub counters: Counters,
}

impl Net {
    /// Starts the threads that serve the line to `address`. Code: `INSUFFICIENT_RESOURCES`.
    pub fn start(address: &str) -> Result<Arc<Net>, i32> {
        let net = Arc::new(Net {
            address: address.to_string(),
            opened: Instant::now(),
            tx: Mutex::default(),
            changed: Condvar::new(),
            ports: Mutex::default(),
            threads: Mutex::default(),
            counters: Counters::default(),
        });
        for (name, work) in [("ntcan read", Net::read_line as fn(&Net)), ("ntcan write", Net::write_line)] {
            let worker = net.clone();
            match std::thread::Builder::new().name(name.into()).spawn(move || work(&worker)) {
                Ok(thread) => lock(&net.threads).push(thread),
                Err(_) => {
                    net.stop();
                    return Err(codes::INSUFFICIENT_RESOURCES);
                }
            }
        }
        Ok(net)
    }

    /// Ends the line and its threads.
    pub fn stop(&self) {
        let mut tx = lock(&self.tx);
        tx.stop = true;
        self.counters.aborted.fetch_add(tx.queue.len() as u32, Relaxed);
        tx.queue.clear();
        if let Some(line) = tx.line.take() {
            // Wakes both threads, also one that waits for a peer that never reads.
            let _ = line.shutdown(Shutdown::Both);
        }
        drop(tx);
        self.changed.notify_all();
        let threads = std::mem::take(&mut *lock(&self.threads));
        for thread in threads {
            let _ = thread.join();
        }
    }

    /// Takes part in the net.
    pub fn attach(&self, port: Arc<Port>) {
        lock(&self.ports).push(port);
    }

    /// Leaves the net; calls that wait return. True if nobody is left.
    pub fn detach(&self, port: &Arc<Port>) -> bool {
        port.close();
        let mut tx = lock(&self.tx);
        let before = tx.queue.len();
        tx.queue.retain(|queued| !Arc::ptr_eq(&queued.owner, port));
        self.counters.aborted.fetch_add((before - tx.queue.len()) as u32, Relaxed);
        drop(tx);
        self.changed.notify_all();
        let mut ports = lock(&self.ports);
        ports.retain(|other| !Arc::ptr_eq(other, port));
        ports.is_empty()
    }

    /// Clock of the time stamps, µs.
    pub fn now_us(&self) -> u64 {
        self.opened.elapsed().as_micros() as u64
    }

    /// The bit rate that the handles of this net share.
    pub fn bit_rate(&self) -> Option<BitRate> {
        lock(&self.tx).bit_rate
    }

    /// Goes onto the bus at a bit rate, or leaves it.
    pub fn set_bit_rate(&self, bit_rate: Option<BitRate>) {
        let mut tx = lock(&self.tx);
        if tx.bit_rate != bit_rate {
            tx.bit_rate = bit_rate;
            tx.commands = set_up(bit_rate);
        }
        drop(tx);
        self.changed.notify_all();
    }

    /// True while Skidpad is there.
    pub fn connected(&self) -> bool {
        lock(&self.tx).line.is_some()
    }

    /// Frames of `port` that wait to be sent.
    pub fn unsent(&self, port: &Arc<Port>) -> usize {
        lock(&self.tx).queued_by(port)
    }

    /// Ends the writes of `port` that wait now.
    pub fn abort_writes(&self, port: &Port) {
        // Under the lock, so that no writer misses it between looking and waiting.
        let tx = lock(&self.tx);
        port.tx_aborts.fetch_add(1, Relaxed);
        drop(tx);
        self.changed.notify_all();
    }

    /// Puts frames into the queue as far as there is room, without waiting. Gives how many, and `CONTR_BUSY`
    /// if not all.
    pub fn send(&self, port: &Arc<Port>, frames: &[Frame]) -> (usize, Result<(), i32>) {
        let mut tx = lock(&self.tx);
        if let Err(code) = may_send(&tx, port) {
            return (0, Err(code));
        }
        let room = port.tx_capacity.saturating_sub(tx.queued_by(port)).min(frames.len());
        for frame in &frames[..room] {
            tx.push(port, frame);
        }
        drop(tx);
        self.changed.notify_all();
        (room, if room == frames.len() { Ok(()) } else { Err(codes::CONTR_BUSY) })
    }

    /// Sends frames and waits until the line has taken the last one, at most the send time-out. Gives how
    /// many went out; those that did not are taken back, so that an old command never reaches a car that
    /// comes later. Codes: `TX_TIMEOUT`, `ERROR_NO_BAUDRATE`, `ERROR_LOM`, `INVALID_PARAMETER` (no queue),
    /// `OPERATION_ABORTED`, `HANDLE_FORCED_CLOSE`.
    pub fn write(&self, port: &Arc<Port>, frames: &[Frame]) -> (usize, Result<(), i32>) {
        let deadline = deadline(port.tx_timeout_ms.load(Relaxed));
        let mut tx = lock(&self.tx);
        let aborts = port.tx_aborts.load(Relaxed);
        let mut tickets: Vec<u64> = Vec::with_capacity(frames.len());
        let result = loop {
            if let Err(code) = may_send(&tx, port) {
                break Err(code);
            } else if port.tx_aborts.load(Relaxed) != aborts {
                break Err(codes::OPERATION_ABORTED);
            }
            let room = port.tx_capacity.saturating_sub(tx.queued_by(port));
            let next = &frames[tickets.len()..];
            for frame in &next[..room.min(next.len())] {
                tickets.push(tx.push(port, frame));
            }
            self.changed.notify_all();
            if tickets.len() == frames.len() && tickets.last().is_none_or(|last| *last <= tx.sent_ticket) {
                break Ok(());
            }
            let in_time;
            (tx, in_time) = wait(&self.changed, tx, deadline);
            if !in_time {
                break Err(codes::TX_TIMEOUT);
            }
        };
        // What is on its way can no longer be taken back: it counts, or a caller that tries again would send it twice.
        let sent = tickets.partition_point(|ticket| *ticket <= tx.taken_ticket);
        if result == Err(codes::TX_TIMEOUT) && sent == frames.len() {
            return (sent, Ok(()));
        }
        if result.is_err() {
            let before = tx.queue.len();
            tx.queue.retain(|queued| tickets.binary_search(&queued.ticket).is_err());
            self.counters.aborted.fetch_add((before - tx.queue.len()) as u32, Relaxed);
        }
        (sent, result)
    }

    /// Hands a frame to every port that wants it; `sender` is the port that sent it, if one of ours did.
    fn deliver(&self, frame: &Frame, sender: Option<&Arc<Port>>) {
        let now_us = self.now_us();
        for port in lock(&self.ports).iter() {
            let own = sender.is_some_and(|sender| Arc::ptr_eq(sender, port));
            if !own || port.flags & mode::LOCAL_ECHO != 0 {
                let lost = port.offer(frame, now_us, sender.is_some());
                self.counters.overflows.fetch_add(lost, Relaxed);
            }
        }
    }

    /// The reading thread: connects, reads until the line breaks, and again.
    fn read_line(&self) {
        loop {
            match self.connect() {
                Ok(line) => {
                    if !self.take_up(line.clone()) {
                        return;
                    }
                    news::tell(
                        &self.address,
                        News::Connected,
                        &format!("connected to Skidpad at {}", self.address),
                    );
                    self.read_frames(&line);
                    self.give_up(&line);
                    if lock(&self.tx).stop {
                        return;
                    }
                    news::tell(
                        &self.address,
                        News::Gone,
                        &format!("Skidpad at {} has gone; waiting for it", self.address),
                    );
                }
                Err(error) => {
                    let address = &self.address;
                    let start = format!("skidpad run --external canbus --can slcan-tcp:{address}");
                    let text = format!(
                        "no Skidpad at {address} yet ({error}): start `{start}`, or name it in SKIDPAD_CAN"
                    );
                    news::tell(&self.address, News::Absent, &text);
                }
            }
            let end = Some(Instant::now() + RETRY);
            let (mut tx, mut in_time) = (lock(&self.tx), true);
            while in_time && !tx.stop {
                (tx, in_time) = wait(&self.changed, tx, end);
            }
            if tx.stop {
                return;
            }
        }
    }

    fn connect(&self) -> std::io::Result<Arc<TcpStream>> {
        let mut last = std::io::Error::new(ErrorKind::NotFound, "the name has no address");
        for address in self.address.to_socket_addrs()? {
            match TcpStream::connect_timeout(&address, CONNECT_TIMEOUT) {
                // A connection to a port that nobody serves can, by TCP's simultaneous opening, meet itself.
                Ok(line) if line.local_addr().ok() == line.peer_addr().ok() => {
                    last = ErrorKind::ConnectionRefused.into()
                }
                Ok(line) => {
                    // A frame is 27 bytes; it must not wait for company.
                    let _ = line.set_nodelay(true);
                    return Ok(Arc::new(line));
                }
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    /// Makes a connection the line of the net; false if the net has ended meanwhile.
    fn take_up(&self, line: Arc<TcpStream>) -> bool {
        let mut tx = lock(&self.tx);
        if tx.stop {
            return false;
        }
        tx.commands = set_up(tx.bit_rate);
        tx.line = Some(line);
        drop(tx);
        self.changed.notify_all();
        true
    }

    fn give_up(&self, line: &Arc<TcpStream>) {
        let _ = line.shutdown(Shutdown::Both);
        let mut tx = lock(&self.tx);
        if tx.line.as_ref().is_some_and(|current| Arc::ptr_eq(current, line)) {
            tx.line = None;
        }
    }

    fn read_frames(&self, line: &TcpStream) {
        let (mut line, mut decoder, mut bytes) = (line, Decoder::default(), [0u8; 4096]);
        loop {
            let count = match line.read(&mut bytes) {
                Ok(0) => return,
                Ok(count) => count,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(_) => return,
            };
            for byte in &bytes[..count] {
                match decoder.push(*byte) {
                    Some(Line::Frame(frame)) => {
                        self::count(&self.counters.received, &self.counters.received_bytes, &frame);
                        self.deliver(&frame, None);
                    }
                    Some(Line::Refused | Line::Garbage) => {
                        self.counters.bad_lines.fetch_add(1, Relaxed);
                    }
                    Some(Line::Reply) | None => (),
                }
            }
        }
    }

    /// The writing thread: waits for something to send and a line to send it on.
    fn write_line(&self) {
        let mut text = Vec::new();
        let mut tx = lock(&self.tx);
        loop {
            let ready = !tx.commands.is_empty() || tx.bit_rate.is_some() && !tx.queue.is_empty();
            let line = match &tx.line {
                _ if tx.stop => return,
                Some(line) if ready => line.clone(),
                _ => {
                    (tx, _) = wait(&self.changed, tx, None);
                    continue;
                }
            };
            text.clear();
            text.append(&mut tx.commands);
            let on_bus = if tx.bit_rate.is_some() { BATCH.min(tx.queue.len()) } else { 0 };
            let batch: Vec<Queued> = tx.queue.drain(..on_bus).collect();
            for queued in &batch {
                queued.frame.write(&mut text);
                tx.taken_ticket = queued.ticket;
            }
            drop(tx);
            let written = (&*line).write_all(&text);
            if written.is_err() {
                // The reading thread connects again.
                self.give_up(&line);
                self.counters.aborted.fetch_add(batch.len() as u32, Relaxed);
            }
            tx = lock(&self.tx);
            tx.sent_ticket = tx.taken_ticket;
            drop(tx);
            self.changed.notify_all();
            for Queued { owner, frame, .. } in batch.iter().filter(|_| written.is_ok()) {
                count(&self.counters.sent, &self.counters.sent_bytes, frame);
                self.deliver(frame, Some(owner));
            }
            tx = lock(&self.tx);
        }
    }
}

/// Closes the channel, and opens it at the bit rate if there is one.
fn set_up(bit_rate: Option<BitRate>) -> Vec<u8> {
    let mut text = b"C\r".to_vec();
    text.extend(bit_rate.iter().flat_map(BitRate::open_text));
    text
}

fn may_send(tx: &Tx, port: &Port) -> Result<(), i32> {
    match tx.bit_rate {
        _ if port.closed.load(Relaxed) => Err(codes::HANDLE_FORCED_CLOSE),
        _ if port.tx_capacity == 0 => Err(codes::INVALID_PARAMETER),
        None => Err(codes::ERROR_NO_BAUDRATE),
        Some(bit_rate) if bit_rate.listen_only => Err(codes::ERROR_LOM),
        Some(_) => Ok(()),
    }
}
