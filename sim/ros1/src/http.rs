//! HTTP/1.1 as XML-RPC uses it, without sockets: messages out of bytes, bytes out of messages.

/// Bytes of a head, and headers in it, that are read at most.
const MAX_HEAD: usize = 16 << 10;
const MAX_HEADERS: usize = 64;
/// Bytes of a body that are read at most: parameters can hold the description of a robot.
pub const MAX_BODY: usize = 4 << 20;

/// What the bytes are expected to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A request, read by a server.
    Request,
    /// A response, read by a client.
    Response,
}

/// A request or a response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The method of a request; empty in a response.
    pub method: String,
    /// The status of a response; 0 in a request.
    pub status: u16,
    /// The sender keeps the connection for more.
    pub keep_alive: bool,
    /// The body.
    pub body: Vec<u8>,
}

/// Bytes that are no message; the connection cannot be used further.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HttpError {
    /// Not HTTP at all, or not of the kind expected.
    #[error("no HTTP: {0}")]
    Malformed(String),
    /// The head is too long.
    #[error("the head of the message is longer than {MAX_HEAD} bytes")]
    HeadTooLong,
    /// The body is too long.
    #[error("the body of the message has {0} bytes; at most {MAX_BODY} are taken")]
    BodyTooLong(u64),
    /// A request without a length, or a body in chunks.
    #[error("the message does not say how long its body is")]
    NoLength,
    /// The connection was closed within a message.
    #[error("the connection was closed within a message")]
    Closed,
}

impl HttpError {
    /// The status with which a server answers.
    pub fn status(&self) -> u16 {
        match self {
            HttpError::Malformed(_) | HttpError::Closed => 400,
            HttpError::HeadTooLong => 431,
            HttpError::BodyTooLong(_) => 413,
            HttpError::NoLength => 411,
        }
    }
}

/// Makes messages of the bytes of one connection.
#[derive(Debug)]
pub struct Decoder {
    kind: Kind,
    bytes: Vec<u8>,
    /// The message whose body is still coming, and the length of that; `None` to the end of the connection.
    head: Option<(Message, Option<usize>)>,
}

impl Decoder {
    /// A decoder for the beginning of a connection.
    pub fn new(kind: Kind) -> Decoder {
        Decoder { kind, bytes: Vec::new(), head: None }
    }

    /// True within a message.
    pub fn is_within(&self) -> bool {
        self.head.is_some() || !self.bytes.is_empty()
    }

    /// Takes bytes as they come. Call [`Decoder::message`] until it has no more before the next bytes, so that what
    /// waits stays bounded.
    pub fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// The next whole message.
    ///
    /// # Errors
    /// If the bytes are no message, or too long a one.
    pub fn message(&mut self) -> Result<Option<Message>, HttpError> {
        if self.head.is_none() {
            // An empty line between messages is allowed.
            let blanks = self.bytes.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
            self.bytes.drain(..blanks);
            self.head = self.parse_head()?;
        }
        match &self.head {
            Some((_, Some(length))) if self.bytes.len() >= *length => {
                let rest = self.bytes.split_off(*length);
                let body = std::mem::replace(&mut self.bytes, rest);
                Ok(self.head.take().map(|(message, _)| Message { body, ..message }))
            }
            Some((_, None)) if self.bytes.len() > MAX_BODY => {
                Err(HttpError::BodyTooLong(self.bytes.len() as u64))
            }
            _ => Ok(None),
        }
    }

    /// The connection has been closed: the last message, if its body went on to this end.
    ///
    /// # Errors
    /// If it was closed within a message.
    pub fn finish(&mut self) -> Result<Option<Message>, HttpError> {
        match self.head.take() {
            Some((message, None)) => Ok(Some(Message { body: std::mem::take(&mut self.bytes), ..message })),
            None if self.bytes.is_empty() => Ok(None),
            _ => Err(HttpError::Closed),
        }
    }

    fn parse_head(&mut self) -> Result<Option<(Message, Option<usize>)>, HttpError> {
        if self.bytes.is_empty() {
            return Ok(None);
        }
        let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
        let wrong = |error: httparse::Error| HttpError::Malformed(error.to_string());
        let (parsed, method, status, version) = match self.kind {
            Kind::Request => {
                let mut request = httparse::Request::new(&mut headers);
                let parsed = request.parse(&self.bytes).map_err(wrong)?;
                (parsed, request.method.unwrap_or_default().to_string(), 0, request.version)
            }
            Kind::Response => {
                let mut response = httparse::Response::new(&mut headers);
                let parsed = response.parse(&self.bytes).map_err(wrong)?;
                (parsed, String::new(), response.code.unwrap_or_default(), response.version)
            }
        };
        let httparse::Status::Complete(head) = parsed else {
            return if self.bytes.len() > MAX_HEAD { Err(HttpError::HeadTooLong) } else { Ok(None) };
        };
        let find = |name: &str| {
            let found = headers.iter().find(|header| header.name.eq_ignore_ascii_case(name));
            found.map(|header| String::from_utf8_lossy(header.value).trim().to_ascii_lowercase())
        };
        let connection = find("connection").unwrap_or_default();
        let keep_alive =
            if version == Some(0) { connection == "keep-alive" } else { !connection.contains("close") };
        if find("transfer-encoding").is_some() {
            return Err(HttpError::NoLength);
        }
        let length = match find("content-length").map(|text| text.parse::<u64>()) {
            Some(Ok(length)) if length > MAX_BODY as u64 => return Err(HttpError::BodyTooLong(length)),
            Some(Ok(length)) => Some(length as usize),
            Some(Err(_)) => return Err(HttpError::Malformed("a length that is no number".into())),
            None if self.kind == Kind::Response => None,
            None if method == "POST" => return Err(HttpError::NoLength),
            None => Some(0),
        };
        self.bytes.drain(..head);
        Ok(Some((Message { method, status, keep_alive, body: Vec::new() }, length)))
    }
}

/// A request with this body; `host` is `name:port`.
pub fn request(method: &str, host: &str, path: &str, content_type: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "{method} {path} HTTP/1.1\r\nUser-Agent: skidpad\r\nHost: {host}\r\nContent-Type: {content_type}\r\n\
         Connection: close\r\nContent-length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

/// A response with this body.
pub fn response(status: u16, keep_alive: bool, body: &[u8]) -> Vec<u8> {
    let reason = match status {
        200 => "OK",
        405 => "Method Not Allowed",
        411 => "Length Required",
        413 => "Content Too Large",
        431 => "Request Header Fields Too Large",
        _ => "Bad Request",
    };
    let connection = if keep_alive { "" } else { "Connection: close\r\n" };
    let head = format!(
        "HTTP/1.1 {status} {reason}\r\nServer: skidpad\r\nContent-Type: text/xml\r\n{connection}\
         Content-length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}
