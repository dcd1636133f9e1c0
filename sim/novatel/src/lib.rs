//! NovAtel receiver logs on the wire: framing, CRC, encode and decode.
