//! ROS 1 on the wire, without any ROS installation.
//!
//! - [`Master`] is a ROS master for roscpp, rospy and their tools.
//! - [`Node`] joins a master, its own or a foreign one: [`Node::advertise`], [`Node::subscribe`]. It comes back after
//!   the master's restart, tells subscribers that came later, and keeps up connections to publishers that come and go.
//! - [`xmlrpc`], [`http`] and [`tcpros`] are the languages, without sockets.
//!
//! The room knows nothing of vehicles or simulations: bodies of messages are bytes. It has threads and sockets of its
//! own; no call of [`Publisher`] or [`Subscription`] waits for a peer. All that comes from outside is bounded: sizes,
//! queues, connections, time.
//!
//! ```no_run
//! use skidpad_ros1::{DEFAULT_MASTER, Master, Node, NodeOptions, TopicSpec, tcpros};
//! let master = Master::start(DEFAULT_MASTER)?;
//! let node = Node::start(NodeOptions { name: "/car".into(), master: master.uri().clone(), host: None })?;
//! let pad = TopicSpec {
//!     name: "/apollo/control/pad".into(),
//!     datatype: "pb_msgs/PadMessage".into(),
//!     md5: "35ef81c50bd776c0c53a0b3b8572bb6e".into(),
//!     definition: "protobuf".into(),
//! };
//! node.advertise(pad, 10, false).publish(&tcpros::protobuf_body(&[0x18, 0x01]));
//! # Ok::<(), skidpad_ros1::RosError>(())
//! ```

mod client;
mod courier;
pub mod http;
mod listener;
mod master;
mod node;
mod problems;
mod publication;
mod registry;
mod server;
mod slave;
mod subscription;
pub mod tcpros;
mod uri;
pub mod xmlrpc;

pub use client::{CallError, Client};
pub use master::{DEFAULT_MASTER, Master};
pub use node::{Direction, Node, NodeOptions, NodeReport, Publisher, Subscription, TopicReport};
pub use publication::TopicSpec;
pub use subscription::Received;
pub use uri::{Uri, UriError};

/// Why a master or a node cannot be started, in words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct RosError(pub(crate) String);
