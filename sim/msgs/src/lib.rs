//! Protobuf messages and the topic registry.
