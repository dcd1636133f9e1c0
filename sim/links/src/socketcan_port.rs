//! Linux's own CAN sockets: a real adapter (`can0`) or a virtual bus (`vcan0`).
//!
//! The others on the interface hear each other directly: what crossed the modelled bus is sent for the car and
//! other links only.

use crate::report::Counters;
use skidpad_can::Frame;
use socketcan::{
    CanAnyFrame, CanDataFrame, CanFdSocket, EmbeddedFrame, Id, Socket, SocketOptions, StandardId,
};
use std::io::{self, ErrorKind};

/// Frames taken in one tick: some sixty times what the bus carries meanwhile. The rest waits in the socket.
const READ_MAX: usize = 256;

/// A raw CAN socket on one interface. Nothing in it blocks.
#[derive(Debug)]
pub(crate) struct SocketCanPort {
    socket: CanFdSocket,
}

impl SocketCanPort {
    /// Opens the interface, which must be there and up.
    pub(crate) fn open(interface: &str) -> io::Result<SocketCanPort> {
        let told = |error: io::Error| match error.kind() {
            ErrorKind::NetworkDown => io::Error::new(
                ErrorKind::NetworkDown,
                format!("the interface is down; `ip link set {interface} up` starts it"),
            ),
            ErrorKind::Unsupported => {
                io::Error::new(ErrorKind::Unsupported, "this system's kernel has no CAN sockets")
            }
            kind => io::Error::new(
                kind,
                format!(
                    "no CAN interface of this name can be opened ({error}); `ip link` shows those there are"
                ),
            ),
        };
        // With CAN FD switched on, so that a long frame of another is seen, and counted.
        let socket = CanFdSocket::open(interface).map_err(told)?;
        socket.set_nonblocking(true)?;
        socket.set_recv_own_msgs(false)?;
        // A controller that fails tells it in error frames.
        socket.set_error_filter_accept_all()?;
        // An interface that is down shows when it is first read; a frame that came already is for no car yet.
        match socket.read_frame() {
            Err(error) if !is_passing(error.kind()) => Err(told(error)),
            _ => Ok(SocketCanPort { socket }),
        }
    }

    /// Takes what has arrived; tells `on` each frame.
    pub(crate) fn poll(&mut self, counters: &mut Counters, mut on: impl FnMut(Frame)) -> io::Result<()> {
        for _ in 0..READ_MAX {
            match self.socket.read_frame() {
                Ok(CanAnyFrame::Normal(frame)) => match standard(&frame) {
                    Some(frame) => on(frame),
                    None => counters.unsupported += 1,
                },
                Ok(CanAnyFrame::Remote(_) | CanAnyFrame::Fd(_)) => counters.unsupported += 1,
                Ok(CanAnyFrame::Error(_)) => counters.bus_errors += 1,
                Err(error) if is_passing(error.kind()) => return Ok(()),
                Err(error) if error.kind() == ErrorKind::InvalidData => counters.malformed += 1,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Sends a frame.
    pub(crate) fn send(&mut self, frame: &Frame, counters: &mut Counters) -> io::Result<()> {
        let Some(frame) = StandardId::new(frame.id).and_then(|id| CanDataFrame::new(id, frame.payload()))
        else {
            return Err(ErrorKind::InvalidInput.into());
        };
        match self.socket.write_frame(&frame) {
            Ok(()) => counters.sent += 1,
            // The queue of the interface is full.
            Err(error) if is_passing(error.kind()) || is_full(&error) => counters.dropped += 1,
            Err(error) => return Err(error),
        }
        Ok(())
    }
}

fn standard(frame: &CanDataFrame) -> Option<Frame> {
    match frame.id() {
        Id::Standard(id) => Frame::from_payload(id.as_raw(), frame.data()),
        Id::Extended(_) => None,
    }
}

fn is_passing(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::WouldBlock | ErrorKind::Interrupted)
}

/// ENOBUFS, for which the standard library has no name.
fn is_full(error: &io::Error) -> bool {
    error.raw_os_error() == Some(rustix::io::Errno::NOBUFS.raw_os_error())
}
