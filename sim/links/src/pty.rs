//! Pseudo-terminals and serial devices.

use rustix::fs::{Mode, OFlags};
use rustix::pty::OpenptFlags;
use rustix::termios::{OptionalActions, QueueSelector};
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

/// A pseudo-terminal that this process has made: raw, without echo, non-blocking.
#[derive(Debug)]
pub struct Pty {
    controller: File,
    /// Held open, so that the terminal keeps its settings and outlives each peer that opens it.
    peer_side: File,
    path: PathBuf,
}

impl Pty {
    /// Makes one.
    ///
    /// # Errors
    /// If the system has none left or none at all.
    pub fn create() -> io::Result<Pty> {
        let controller = rustix::pty::openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY)?;
        rustix::pty::grantpt(&controller)?;
        rustix::pty::unlockpt(&controller)?;
        let name = rustix::pty::ptsname(&controller, Vec::new())?;
        let path = PathBuf::from(name.into_string().map_err(io::Error::other)?);
        let flags = rustix::fs::fcntl_getfl(&controller)?;
        rustix::fs::fcntl_setfl(&controller, flags | OFlags::NONBLOCK)?;
        let peer_side = open_raw(&path)?;
        Ok(Pty { controller: controller.into(), peer_side, path })
    }

    /// Where a peer opens it, such as `/dev/pts/4`.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Throws away what was written and no peer has read.
    pub fn discard_unread(&self) {
        // Of no terminal it could fail: this one is there.
        let _ = rustix::termios::tcflush(&self.peer_side, QueueSelector::IFlush);
    }
}

impl Read for Pty {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.controller.read(into)
    }
}

impl Write for Pty {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.controller.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Opens a serial device or terminal: raw, without echo, non-blocking.
///
/// # Errors
/// If it cannot be opened or is no terminal.
pub fn open_raw(path: &Path) -> io::Result<File> {
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let device = rustix::fs::open(path, flags, Mode::empty())?;
    let mut settings = rustix::termios::tcgetattr(&device)?;
    settings.make_raw();
    rustix::termios::tcsetattr(&device, OptionalActions::Now, &settings)?;
    Ok(device.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads until something has come.
    fn read(from: &mut impl Read) -> Vec<u8> {
        let mut bytes = [0; 100];
        for _ in 0..1000 {
            match from.read(&mut bytes) {
                Ok(count) => return bytes[..count].to_vec(),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    std::thread::sleep(std::time::Duration::from_millis(1));
                }
                Err(error) => panic!("{error}"),
            }
        }
        panic!("nothing has come")
    }

    #[test]
    fn every_byte_crosses_unchanged_and_without_echo() {
        let mut pty = Pty::create().unwrap();
        let mut peer = open_raw(pty.path()).unwrap();
        let bytes: Vec<u8> = (0..=99).collect();
        peer.write_all(&bytes).unwrap();
        assert_eq!(read(&mut pty), bytes);
        pty.write_all(&[0, 3, 4, 10, 13, 17, 19, 26, 255]).unwrap();
        assert_eq!(read(&mut peer), [0, 3, 4, 10, 13, 17, 19, 26, 255]);
        let mut bytes = [0; 10];
        assert_eq!(pty.read(&mut bytes).unwrap_err().kind(), io::ErrorKind::WouldBlock, "no echo");
    }

    #[test]
    fn a_peer_may_come_and_go_and_what_it_left_unread_is_thrown_away() {
        let mut pty = Pty::create().unwrap();
        for round in 0..3u8 {
            let mut peer = open_raw(pty.path()).unwrap();
            peer.write_all(&[round]).unwrap();
            assert_eq!(read(&mut pty), [round]);
            drop(peer);
            pty.write_all(b"nobody reads this").unwrap();
            let mut bytes = [0; 10];
            assert_eq!(pty.read(&mut bytes).unwrap_err().kind(), io::ErrorKind::WouldBlock, "no hang-up");
            pty.discard_unread();
            let mut peer = open_raw(pty.path()).unwrap();
            assert_eq!(peer.read(&mut bytes).unwrap_err().kind(), io::ErrorKind::WouldBlock);
        }
    }
}
