//! Calls of other nodes' methods.

use crate::http::{self, Decoder, Kind};
use crate::uri::{Uri, connect, refusal, resolve};
use crate::xmlrpc::{self, Answer, Call, Value};
use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, TcpStream};
use std::time::{Duration, Instant};

/// Why a call brought no value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// There is no way there.
    #[error("{uri}: {message}")]
    Unreachable {
        /// Where it should have gone.
        uri: Uri,
        /// What happened.
        message: String,
    },
    /// Something else than ROS lives there.
    #[error("{uri} does not speak XML-RPC: {message}")]
    Nonsense {
        /// Who answered.
        uri: Uri,
        /// What was wrong.
        message: String,
    },
    /// The node refused.
    #[error("{uri} refused {method}: {message}")]
    Refused {
        /// Who answered.
        uri: Uri,
        /// What was asked.
        method: String,
        /// Why not.
        message: String,
    },
}

/// Calls made from one place, with what is known about names.
#[derive(Clone, Debug)]
pub struct Client {
    /// Name of the calling node, the first argument of every call.
    pub caller: String,
    /// Where hosts are taken to be whose names mean nothing here.
    pub fallback: Option<IpAddr>,
    /// Longest time of a call.
    pub at_most: Duration,
}

impl Client {
    /// Calls a method of the ROS interfaces and returns the third part of `[code, message, value]`. `arguments` go
    /// behind the caller's name.
    ///
    /// # Errors
    /// If nobody answers in time, with something else than an answer, or with a code other than 1.
    pub fn ask(&self, uri: &Uri, method: &str, arguments: Vec<Value>) -> Result<Value, CallError> {
        let refused =
            |message: String| CallError::Refused { uri: uri.clone(), method: method.to_string(), message };
        let mut params = vec![Value::from(self.caller.as_str())];
        params.extend(arguments);
        let parts = match self.call(uri, &Call::new(method, params))?.0 {
            Answer::Value(Value::Array(parts)) => parts,
            Answer::Fault { code, message } => return Err(refused(format!("{message} (fault {code})"))),
            Answer::Value(_) => {
                let message = format!("{method} was not answered with [code, message, value]");
                return Err(CallError::Nonsense { uri: uri.clone(), message });
            }
        };
        match <[Value; 3]>::try_from(parts) {
            Ok([code, _, value]) if code.as_int() == Some(1) => Ok(value),
            Ok([code, message, _]) => {
                let message = message.as_text().unwrap_or_default();
                Err(refused(format!("{message} (code {})", code.as_int().unwrap_or_default())))
            }
            Err(_) => {
                let message = format!("{method} was not answered with [code, message, value]");
                Err(CallError::Nonsense { uri: uri.clone(), message })
            }
        }
    }

    /// Makes a call; the answer, and the address it came from.
    ///
    /// # Errors
    /// If nobody answers in time, or with something else than an answer.
    pub fn call(&self, uri: &Uri, call: &Call) -> Result<(Answer, IpAddr), CallError> {
        let nonsense = |message: String| CallError::Nonsense { uri: uri.clone(), message };
        let (message, from) = self.exchange(uri, "POST", "text/xml", &xmlrpc::encode_call(call))?;
        if message.status != 200 {
            return Err(nonsense(format!("it answered with HTTP status {}", message.status)));
        }
        let answer = xmlrpc::decode_answer(&message.body).map_err(|error| nonsense(error.to_string()))?;
        Ok((answer, from))
    }

    /// Sends an HTTP request and waits for the response; the address it came from besides.
    ///
    /// # Errors
    /// If nobody answers in time, or not in HTTP.
    pub fn exchange(
        &self,
        uri: &Uri,
        method: &str,
        content_type: &str,
        body: &[u8],
    ) -> Result<(http::Message, IpAddr), CallError> {
        let began = Instant::now();
        let unreachable =
            |error: std::io::Error| CallError::Unreachable { uri: uri.clone(), message: refusal(&error) };
        let (addresses, _) = resolve(&uri.host, uri.port, self.fallback).map_err(unreachable)?;
        let mut stream = connect(&addresses, self.at_most).map_err(unreachable)?;
        let from = stream.peer_addr().map_err(unreachable)?.ip();
        stream.set_write_timeout(Some(self.at_most)).map_err(unreachable)?;
        let request = http::request(method, &uri.authority(), &uri.path, content_type, body);
        stream.write_all(&request).map_err(unreachable)?;
        let deadline = began + self.at_most;
        match read_response(&mut stream, deadline) {
            Ok(Ok(message)) => Ok((message, from)),
            Ok(Err(error)) => Err(CallError::Nonsense { uri: uri.clone(), message: error.to_string() }),
            Err(error) => Err(unreachable(error)),
        }
    }
}

fn read_response(
    stream: &mut TcpStream,
    deadline: Instant,
) -> std::io::Result<Result<http::Message, http::HttpError>> {
    let mut decoder = Decoder::new(Kind::Response);
    let mut bytes = [0; 8192];
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(ErrorKind::TimedOut.into());
        }
        stream.set_read_timeout(Some(left))?;
        let count = match stream.read(&mut bytes) {
            Ok(count) => count,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        if count == 0 {
            return match decoder.finish() {
                Ok(Some(message)) => Ok(Ok(message)),
                Ok(None) => Err(ErrorKind::UnexpectedEof.into()),
                Err(error) => Ok(Err(error)),
            };
        }
        decoder.push(&bytes[..count]);
        match decoder.message() {
            Ok(Some(message)) => return Ok(Ok(message)),
            Ok(None) => {}
            Err(error) => return Ok(Err(error)),
        }
    }
}
