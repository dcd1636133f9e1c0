//! An XML-RPC server.

use crate::http::{self, Decoder, Kind};
use crate::listener::Listener;
use crate::xmlrpc::{self, Answer, Call};
use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// A connection on which nothing is asked for so long is closed.
const IDLE: Duration = Duration::from_secs(120);
/// A request takes no longer to arrive.
const REQUEST: Duration = Duration::from_secs(10);

/// Answers calls; the address is that of the caller.
pub(crate) trait Answers: Send + Sync + 'static {
    fn answer(&self, call: &Call, from: SocketAddr) -> Answer;
    /// Something came that was no call.
    fn nonsense(&self, from: SocketAddr, what: &str);
}

/// Serves calls at an address.
pub(crate) fn serve(at: SocketAddr, name: &str, answers: impl Answers) -> io::Result<Listener> {
    Listener::start(at, name, move |mut stream, from| {
        // A broken connection is the caller's affair.
        let _ = converse(&mut stream, from, &answers);
    })
}

fn converse(stream: &mut TcpStream, from: SocketAddr, answers: &impl Answers) -> io::Result<()> {
    stream.set_nodelay(true)?;
    stream.set_write_timeout(Some(REQUEST))?;
    let mut decoder = Decoder::new(Kind::Request);
    let mut bytes = [0; 8192];
    let mut deadline = Instant::now() + IDLE;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(());
        }
        stream.set_read_timeout(Some(left))?;
        let count = match stream.read(&mut bytes) {
            Ok(0) => return Ok(()),
            Ok(count) => count,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        let was_within = decoder.is_within();
        decoder.push(&bytes[..count]);
        loop {
            match decoder.message() {
                Ok(Some(message)) => {
                    let (status, body) = match message.method.as_str() {
                        "POST" => match xmlrpc::decode_call(&message.body) {
                            Ok(call) => (200, xmlrpc::encode_answer(&answers.answer(&call, from))),
                            Err(error) => {
                                answers.nonsense(from, &error.to_string());
                                let fault = Answer::Fault { code: 1, message: error.to_string() };
                                (200, xmlrpc::encode_answer(&fault))
                            }
                        },
                        _ => (405, Vec::new()),
                    };
                    stream.write_all(&http::response(status, message.keep_alive, &body))?;
                    if !message.keep_alive {
                        return Ok(());
                    }
                }
                Ok(None) => break,
                Err(error) => {
                    answers.nonsense(from, &error.to_string());
                    return stream.write_all(&http::response(error.status(), false, &[]));
                }
            }
        }
        if !decoder.is_within() {
            deadline = Instant::now() + IDLE;
        } else if !was_within {
            deadline = Instant::now() + REQUEST;
        }
    }
}
