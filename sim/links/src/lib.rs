//! The outside: what crosses the boundary between a simulation and the machine it runs on.
//!
//! The only room below the command line that does I/O and reads clocks. Nothing here blocks a tick: sockets and
//! terminals are polled once a tick, buffers are bounded, what does not fit is dropped and counted. What an untrusted
//! peer sends is a frame or a count.
//!
//! - [`Links`] stands at the engine's door ([`skidpad_engine::Outside`]) with all links of a run.
//! - [`CanLink`] is one link, by its [`LinkName`].
//! - [`ReceiverLink`] is a link to the receiver's port: TCP server, pseudo-terminal, file.
//! - [`TopicLink`] is a link that carries the stack's topics; [`RosLink`] carries them over ROS 1.
//! - [`Wanted`] says whom a run meets outside, [`Meeting`] is that of one run.
//! - [`Pacer`] holds the ticks to the monotonic clock and says how well that went.
//!
//! # Time of a frame
//! A frame from a peer competes for the bus from the next tick on, and reaches the by-wire units in the first tick
//! after its last bit: one tick and its time on the bus after it arrived. A report leaves for the peers in the first
//! tick after its last bit.

mod can_link;
mod group_port;
mod hmi;
mod hub;
pub mod lockstep;
pub mod meet;
mod name;
mod pace;
mod plug;
mod pty;
mod realtime;
mod receiver_link;
mod report;
mod ros1;
mod slcan_port;
#[cfg(target_os = "linux")]
mod socketcan_port;
mod stack_clock;
mod topic_link;

pub use can_link::{CanLink, GONE_AFTER, LinkError, MAX_PEERS, SILENT_AFTER};
pub use hmi::{Hmi, HmiReport};
pub use hub::{LinkState, Links, LinksReport, MAX_LINKS, Pace};
pub use meet::{MeetError, Meeting, Met, PaceArg, Wanted};
pub use name::{DEFAULT_GROUP, DEFAULT_GROUP_PORT, DEFAULT_TCP, LinkName, NameError};
pub use pace::{Clock, PaceReport, Pacer, SystemClock};
pub use plug::{Plug, TopicLinkName, TopicLinkNameError, TopicRun};
pub use pty::{Pty, open_raw};
pub use realtime::RealtimePriority;
pub use receiver_link::{
    DEFAULT_RECEIVER_TCP, MAX_RECEIVER_CLIENTS, ReceiverLink, ReceiverLinkName, ReceiverLinkReport,
    ReceiverNameError,
};
pub use report::{Counters, LinkReport};
pub use ros1::{ROS_NODE, Ros, RosLink, RosLinkName, RosNameError};
pub use stack_clock::{CLOCK_SAMPLES, StackClock};
pub use topic_link::{Health, TopicLink, TopicLinkReport};
