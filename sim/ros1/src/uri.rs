//! Where ROS peers live: `http://host:port/`, and connections to hosts whose names may mean something only elsewhere.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr, TcpStream, ToSocketAddrs};
use std::str::FromStr;
use std::time::Duration;

/// The address of an XML-RPC server.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Uri {
    /// Name or address of the host.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// Path, usually `/`.
    pub path: String,
}

/// A text that is no address of an XML-RPC server.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is no address of a ROS node; expected http://HOST:PORT/")]
pub struct UriError(String);

impl Uri {
    /// The address of this host and port.
    pub fn new(host: &str, port: u16) -> Uri {
        Uri { host: host.to_string(), port, path: "/".into() }
    }

    /// Host and port, as in HTTP's `Host`.
    pub fn authority(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }
}

impl FromStr for Uri {
    type Err = UriError;

    fn from_str(text: &str) -> Result<Uri, UriError> {
        let wrong = || UriError(text.chars().take(120).collect());
        let rest = text.trim().strip_prefix("http://").ok_or_else(wrong)?;
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (host, port) = authority.rsplit_once(':').ok_or_else(wrong)?;
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        let right = |letter: char| letter.is_ascii_alphanumeric() || "-._:%".contains(letter);
        if host.is_empty() || host.len() > 253 || !host.chars().all(right) || !path.is_ascii() {
            return Err(wrong());
        }
        // Such a path would end the head of a request.
        if path.bytes().any(|byte| byte.is_ascii_control() || byte == b' ') {
            return Err(wrong());
        }
        let port = port.parse().ok().filter(|port| *port != 0).ok_or_else(wrong)?;
        Ok(Uri { host: host.to_string(), port, path: format!("/{path}") })
    }
}

impl fmt::Display for Uri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http://{}{}", self.authority(), self.path)
    }
}

/// The addresses behind a name; if it means nothing here, `fallback`, and true: a container may have given a name that
/// only it knows.
pub(crate) fn resolve(
    host: &str,
    port: u16,
    fallback: Option<IpAddr>,
) -> io::Result<(Vec<SocketAddr>, bool)> {
    match (host, port).to_socket_addrs().map(Iterator::collect::<Vec<_>>) {
        Ok(found) if !found.is_empty() => Ok((found, false)),
        Ok(_) | Err(_) if fallback.is_some() => {
            Ok((fallback.map(|address| SocketAddr::new(address, port)).into_iter().collect(), true))
        }
        Ok(_) => Err(io::Error::new(io::ErrorKind::NotFound, format!("\"{host}\" has no address"))),
        Err(error) => Err(io::Error::new(
            io::ErrorKind::NotFound,
            format!(
                "the name \"{host}\" cannot be resolved ({error}); add it to /etc/hosts, or set ROS_IP for the node"
            ),
        )),
    }
}

/// A connection to the first address that answers.
pub(crate) fn connect(addresses: &[SocketAddr], at_most: Duration) -> io::Result<TcpStream> {
    let mut last = io::Error::new(io::ErrorKind::NotFound, "no address");
    for address in addresses.iter().take(4) {
        match TcpStream::connect_timeout(address, at_most) {
            Ok(stream) => {
                stream.set_nodelay(true)?;
                return Ok(stream);
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// What kept a connection from being made, in words.
pub(crate) fn refusal(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => "connection refused: nobody listens there".into(),
        io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => "no answer in time".into(),
        io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset => "the connection was closed".into(),
        _ => error.to_string(),
    }
}
