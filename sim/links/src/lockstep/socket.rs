//! Where a stack finds the simulator: a Unix or TCP socket that listens, and the stream to one stack.

use super::frame::write_frame;
use super::name::LockstepName;
use super::no_verdict;
use crate::LinkError;
use skidpad_msgs::lockstep::{FromSimulator, from_simulator};
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;
#[cfg(unix)]
use std::{
    fs,
    os::unix::fs::{FileTypeExt, MetadataExt},
    os::unix::net::{UnixListener, UnixStream},
    path::{Path, PathBuf},
};

/// A socket on which stacks are met, one after the other or by several runs one after the other. It is closed with its
/// last copy; stacks that have connected then and were met by no run are told so.
#[derive(Clone, Debug)]
pub struct LockstepSocket(Arc<Open>);

#[derive(Debug)]
struct Open {
    listener: Listener,
    name: String,
}

impl LockstepSocket {
    /// Listens: from here on a stack can connect.
    ///
    /// # Errors
    /// If the address or the file is taken, or the system refuses.
    pub fn open(name: &LockstepName) -> Result<Self, LinkError> {
        let (listener, name) = Listener::open(name)?;
        Ok(LockstepSocket(Arc::new(Open { listener, name })))
    }

    /// The link, with the address where a stack finds it.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    pub(super) fn accept(&self) -> Option<Stream> {
        self.0.listener.accept()
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        while let Some(mut stream) = self.listener.accept() {
            let bye = from_simulator::Content::Bye(no_verdict("there are no more runs"));
            let mut out = Vec::new();
            write_frame(&FromSimulator { content: Some(bye) }, &mut out);
            // It may have gone.
            let _ = stream.write(&out);
            stream.end();
        }
    }
}

/// A socket that listens. Of a Unix socket the file is removed when this is dropped.
#[derive(Debug)]
enum Listener {
    Tcp(TcpListener),
    #[cfg(unix)]
    Unix {
        listener: UnixListener,
        _file: SocketFile,
    },
}

/// A stream to one stack.
#[derive(Debug)]
pub(super) enum Stream {
    Tcp(TcpStream),
    #[cfg(unix)]
    Unix(UnixStream),
}

impl Listener {
    /// Listens, without ever blocking; and the name under which it is found.
    fn open(name: &LockstepName) -> Result<(Listener, String), LinkError> {
        let fail = |message: String| LinkError { name: name.to_string(), message };
        match name {
            LockstepName::Tcp(address) => {
                let busy = |error: io::Error| {
                    fail(match error.kind() {
                        ErrorKind::AddrInUse => {
                            "another program listens there; end it or name another port".into()
                        }
                        _ => format!("the address cannot be served: {error}"),
                    })
                };
                let listener = TcpListener::bind(address).map_err(busy)?;
                let set_up = listener.set_nonblocking(true).and_then(|()| listener.local_addr());
                let address =
                    set_up.map_err(|error| fail(format!("the server cannot be set up: {error}")))?;
                Ok((Listener::Tcp(listener), LockstepName::Tcp(address).to_string()))
            }
            #[cfg(unix)]
            LockstepName::Unix(path) => {
                let listener = bind(path).map_err(fail)?;
                let file = SocketFile::of(path).map_err(|error| fail(error.to_string()))?;
                listener.set_nonblocking(true).map_err(|error| fail(error.to_string()))?;
                Ok((Listener::Unix { listener, _file: file }, name.to_string()))
            }
            #[cfg(not(unix))]
            LockstepName::Unix(_) => Err(fail("this system has no Unix sockets; use lockstep:tcp".into())),
        }
    }

    /// A stack that has come, if one has. The stream does not block.
    fn accept(&self) -> Option<Stream> {
        // Any error is that nobody is there, or no longer.
        let stream = match self {
            Listener::Tcp(listener) => Stream::Tcp(listener.accept().ok()?.0),
            #[cfg(unix)]
            Listener::Unix { listener, .. } => Stream::Unix(listener.accept().ok()?.0),
        };
        stream.set_up().is_ok().then_some(stream)
    }
}

impl Stream {
    /// An answer shall not wait for more bytes to go with it.
    fn set_up(&self) -> io::Result<()> {
        match self {
            Stream::Tcp(stream) => stream.set_nodelay(true).and_then(|()| stream.set_nonblocking(true)),
            #[cfg(unix)]
            Stream::Unix(stream) => stream.set_nonblocking(true),
        }
    }

    /// From now on reads and writes block, but not longer than this.
    pub(super) fn block_for(&self, at_most: Duration) -> io::Result<()> {
        let limit = Some(at_most);
        match self {
            Stream::Tcp(stream) => stream
                .set_nonblocking(false)
                .and_then(|()| stream.set_read_timeout(limit))
                .and_then(|()| stream.set_write_timeout(limit)),
            #[cfg(unix)]
            Stream::Unix(stream) => stream
                .set_nonblocking(false)
                .and_then(|()| stream.set_read_timeout(limit))
                .and_then(|()| stream.set_write_timeout(limit)),
        }
    }

    /// No more will be written; the peer may still read what was.
    pub(super) fn end(&self) {
        // A peer that has gone needs no end.
        let _ = match self {
            Stream::Tcp(stream) => stream.shutdown(Shutdown::Write),
            #[cfg(unix)]
            Stream::Unix(stream) => stream.shutdown(Shutdown::Write),
        };
    }
}

impl Read for Stream {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        match self {
            Stream::Tcp(stream) => stream.read(bytes),
            #[cfg(unix)]
            Stream::Unix(stream) => stream.read(bytes),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Stream::Tcp(stream) => stream.write(bytes),
            #[cfg(unix)]
            Stream::Unix(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Binds a Unix socket; a file that a dead simulator has left there is replaced.
#[cfg(unix)]
fn bind(path: &Path) -> Result<UnixListener, String> {
    let error = match UnixListener::bind(path) {
        Ok(listener) => return Ok(listener),
        Err(error) => error,
    };
    match error.kind() {
        ErrorKind::AddrInUse => {}
        ErrorKind::InvalidInput => {
            return Err(format!("expected a path of at most 107 bytes without a zero byte: {error}"));
        }
        ErrorKind::NotFound => return Err("the folder of the socket does not exist; make it first".into()),
        _ => return Err(format!("the socket cannot be made: {error}")),
    }
    if !path.symlink_metadata().is_ok_and(|found| found.file_type().is_socket()) {
        return Err("a file is there that is no socket; name another path".into());
    }
    match UnixStream::connect(path) {
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => {}
        _ => return Err("another program listens there; end it or name another path".into()),
    }
    fs::remove_file(path).map_err(|error| format!("the old socket cannot be removed: {error}"))?;
    UnixListener::bind(path).map_err(|error| format!("the socket cannot be made: {error}"))
}

/// The file of a Unix socket that is ours.
#[cfg(unix)]
#[derive(Debug)]
struct SocketFile {
    path: PathBuf,
    /// Device and inode: another simulator may have put its own there since.
    id: (u64, u64),
}

#[cfg(unix)]
impl SocketFile {
    fn of(path: &Path) -> io::Result<Self> {
        let found = path.symlink_metadata()?;
        Ok(SocketFile { path: path.into(), id: (found.dev(), found.ino()) })
    }
}

#[cfg(unix)]
impl Drop for SocketFile {
    fn drop(&mut self) {
        if self.path.symlink_metadata().is_ok_and(|found| (found.dev(), found.ino()) == self.id) {
            // Whoever cannot remove it will replace it.
            let _ = fs::remove_file(&self.path);
        }
    }
}
