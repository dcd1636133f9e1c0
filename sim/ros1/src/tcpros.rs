//! TCPROS, without sockets: connection headers, messages, and the frame that Apollo's protobuf bodies have in them.
//!
//! On a connection each side sends one header, then the publisher sends messages. Both begin with their length,
//! 32 bits, least significant byte first. An Apollo body is once more a length and the protobuf bytes, as a ROS string.
//!
//! ```
//! use skidpad_ros1::tcpros;
//! let body = tcpros::protobuf_body(&[0x18, 0x01]);
//! assert_eq!(tcpros::frame(&body), [6, 0, 0, 0, 2, 0, 0, 0, 0x18, 0x01]);
//! assert_eq!(tcpros::protobuf(&body), Some(&[0x18, 0x01][..]));
//! ```

use std::collections::BTreeMap;

/// Bytes of a header that are read at most; a definition of a message is in it.
pub const MAX_HEADER: usize = 1 << 20;
/// Bytes of a message that are read at most: a trajectory of Apollo has 90 kB.
pub const MAX_MESSAGE: usize = 16 << 20;

/// What does not follow TCPROS.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TcprosError {
    /// A length that nobody can mean.
    #[error("a {what} of {length} bytes; at most {most} are taken")]
    TooLong {
        /// What was to come.
        what: &'static str,
        /// Its length.
        length: u32,
        /// What is allowed.
        most: usize,
    },
    /// A header whose fields do not fit it.
    #[error("the connection header is broken: {0}")]
    Header(&'static str),
}

/// A connection header: fields by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Header(BTreeMap<String, String>);

impl Header {
    /// The header with these fields.
    pub fn new<'a>(fields: impl IntoIterator<Item = (&'a str, &'a str)>) -> Header {
        Header(fields.into_iter().map(|(name, value)| (name.to_string(), value.to_string())).collect())
    }

    /// A field; empty if it is not there.
    pub fn get(&self, name: &str) -> &str {
        self.0.get(name).map_or("", String::as_str)
    }

    /// True if the field is there.
    pub fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// Every field and its value, by name.
    pub fn fields(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The header with its length before it.
    pub fn encode(&self) -> Vec<u8> {
        let mut fields = Vec::new();
        for (name, value) in &self.0 {
            fields.extend(((name.len() + 1 + value.len()) as u32).to_le_bytes());
            fields.extend(name.as_bytes());
            fields.push(b'=');
            fields.extend(value.as_bytes());
        }
        frame(&fields)
    }

    /// Reads a header, without the length before it.
    ///
    /// # Errors
    /// If its fields do not fit it, or one has no `=`.
    pub fn decode(mut bytes: &[u8]) -> Result<Header, TcprosError> {
        let mut fields = BTreeMap::new();
        while !bytes.is_empty() {
            let (length, rest) =
                bytes.split_first_chunk().ok_or(TcprosError::Header("half a length at its end"))?;
            let length = u32::from_le_bytes(*length) as usize;
            let field = rest.get(..length).ok_or(TcprosError::Header("a field goes past its end"))?;
            let equals = field.iter().position(|byte| *byte == b'=');
            let equals = equals.ok_or(TcprosError::Header("a field without ="))?;
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            fields.insert(text(&field[..equals]), text(&field[equals + 1..]));
            bytes = &rest[length..];
        }
        Ok(Header(fields))
    }
}

/// A message with its length before it.
pub fn frame(body: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(4 + body.len());
    bytes.extend((body.len() as u32).to_le_bytes());
    bytes.extend(body);
    bytes
}

/// The body of a message whose content is protobuf, as Apollo's ROS writes it.
pub fn protobuf_body(protobuf: &[u8]) -> Vec<u8> {
    frame(protobuf)
}

/// The protobuf bytes of a body; `None` if the inner length is not that of the rest.
pub fn protobuf(body: &[u8]) -> Option<&[u8]> {
    let (length, protobuf) = body.split_first_chunk()?;
    (u32::from_le_bytes(*length) as usize == protobuf.len()).then_some(protobuf)
}

/// Makes frames of the bytes of one connection.
#[derive(Debug, Default)]
pub struct Frames {
    bytes: Vec<u8>,
    read: usize,
}

impl Frames {
    /// Takes bytes as they come. Call [`Frames::next`] until it has no more before the next bytes.
    pub fn push(&mut self, bytes: &[u8]) {
        self.bytes.drain(..std::mem::take(&mut self.read));
        self.bytes.extend_from_slice(bytes);
    }

    /// True within a frame.
    pub fn is_within(&self) -> bool {
        self.bytes.len() > self.read
    }

    /// Bytes of the frame that has begun that are still to come; 0 if its length is not known yet.
    pub fn missing(&self) -> usize {
        let bytes = &self.bytes[self.read..];
        let length = bytes.first_chunk().map(|length| 4 + u32::from_le_bytes(*length) as usize);
        length.map_or(0, |length| length.saturating_sub(bytes.len()))
    }

    /// The next whole frame, without its length; `what` and `most` say what may come.
    ///
    /// # Errors
    /// If a longer one is announced.
    pub fn next(&mut self, what: &'static str, most: usize) -> Result<Option<&[u8]>, TcprosError> {
        let Some((length, rest)) = self.bytes[self.read..].split_first_chunk() else { return Ok(None) };
        let length = u32::from_le_bytes(*length);
        if length as usize > most {
            return Err(TcprosError::TooLong { what, length, most });
        }
        let body = rest.get(..length as usize);
        self.read += body.map_or(0, |body| 4 + body.len());
        Ok(body)
    }
}
