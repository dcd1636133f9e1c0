//! A TCP server whose every connection has a thread, and which leaves nothing behind.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// The data behind a lock, whatever became of the thread that held it last.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Connections of one server at a time.
const MAX_CONNECTIONS: usize = 128;

/// A running server.
#[derive(Debug)]
pub(crate) struct Listener {
    address: SocketAddr,
    shared: Arc<Shared>,
    acceptor: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    stop: AtomicBool,
    turned_away: AtomicU64,
    open: Mutex<BTreeMap<u64, TcpStream>>,
}

impl Listener {
    /// Serves an address: `serve` is called in a thread of its own for each connection.
    pub(crate) fn start(
        at: SocketAddr,
        name: &str,
        serve: impl Fn(TcpStream, SocketAddr) + Send + Sync + 'static,
    ) -> io::Result<Listener> {
        let socket = TcpListener::bind(at)?;
        let address = socket.local_addr()?;
        let shared = Arc::new(Shared::default());
        let (theirs, serve, name) = (shared.clone(), Arc::new(serve), name.to_string());
        let acceptor = std::thread::Builder::new()
            .name(format!("{name} accept"))
            .spawn(move || accept(&socket, &theirs, &name, &serve))?;
        Ok(Listener { address, shared, acceptor: Some(acceptor) })
    }

    /// Where it serves.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Connections that were too many.
    pub(crate) fn turned_away(&self) -> u64 {
        self.shared.turned_away.load(Ordering::Relaxed)
    }

    /// Closes the server and every connection, and waits for their threads.
    pub(crate) fn stop(&mut self) {
        let Some(acceptor) = self.acceptor.take() else { return };
        self.shared.stop.store(true, Ordering::SeqCst);
        // The acceptor sleeps until someone comes.
        let here = match self.address.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
            IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
            ip => ip,
        };
        let knock = SocketAddr::new(here, self.address.port());
        let knocked = TcpStream::connect_timeout(&knock, Duration::from_secs(1));
        for stream in lock(&self.shared.open).values() {
            let _ = stream.shutdown(Shutdown::Both);
        }
        // Without the knock it would wait for ever; the process's end takes it then.
        if knocked.is_ok() {
            let _ = acceptor.join();
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.stop();
    }
}

fn accept<F>(socket: &TcpListener, shared: &Arc<Shared>, name: &str, serve: &Arc<F>)
where
    F: Fn(TcpStream, SocketAddr) + Send + Sync + 'static,
{
    let mut threads: Vec<JoinHandle<()>> = Vec::new();
    let mut number = 0;
    loop {
        let accepted = socket.accept();
        if shared.stop.load(Ordering::SeqCst) {
            break;
        }
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            // No more descriptors, for example: it may pass.
            Err(error) if error.kind() != ErrorKind::Interrupted => {
                std::thread::sleep(Duration::from_millis(50));
                continue;
            }
            Err(_) => continue,
        };
        threads.retain(|thread| !thread.is_finished());
        number += 1;
        let kept = match stream.try_clone() {
            Ok(kept) if threads.len() < MAX_CONNECTIONS => kept,
            _ => {
                shared.turned_away.fetch_add(1, Ordering::Relaxed);
                continue;
            }
        };
        lock(&shared.open).insert(number, kept);
        let (theirs, serve, this) = (shared.clone(), serve.clone(), number);
        let thread = std::thread::Builder::new().name(format!("{name} {peer}")).spawn(move || {
            serve(stream, peer);
            lock(&theirs.open).remove(&this);
        });
        match thread {
            Ok(thread) => threads.push(thread),
            Err(_) => {
                lock(&shared.open).remove(&number);
                shared.turned_away.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
    for stream in lock(&shared.open).values() {
        let _ = stream.shutdown(Shutdown::Both);
    }
    for thread in threads {
        let _ = thread.join();
    }
}
