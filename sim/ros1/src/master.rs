//! A ROS master.

use crate::RosError;
use crate::courier::Courier;
use crate::listener::{Listener, lock};
use crate::problems::Problems;
use crate::registry::Registry;
use crate::server::{self, Answers};
use crate::uri::Uri;
use crate::xmlrpc::{Answer, Call};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};

/// Where a ROS master lives unless told otherwise, on this machine only.
pub const DEFAULT_MASTER: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 11311);

/// A ROS master for roscpp, rospy and their tools: registrations, parameters, and word to the nodes when either
/// changes. It ends when it is dropped.
#[derive(Debug)]
pub struct Master {
    uri: Uri,
    listener: Listener,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    registry: Mutex<Registry>,
    courier: Courier,
    problems: Problems,
}

impl Master {
    /// Serves a master at this address.
    ///
    /// # Errors
    /// If the address is taken or is not one of this machine.
    pub fn start(at: SocketAddr) -> Result<Master, RosError> {
        let shared = Arc::new(Shared {
            registry: Mutex::new(Registry::new(String::new())),
            courier: Courier::default(),
            problems: Problems::default(),
        });
        let listener = server::serve(at, "ros master", Service(shared.clone())).map_err(|error| {
            let message = match error.kind() {
                std::io::ErrorKind::AddrInUse => format!(
                    "{at} is taken; if a roscore runs there, join it with http://{at}, else free the port"
                ),
                _ => format!("a ROS master cannot be served at {at}: {error}"),
            };
            RosError(message)
        })?;
        let address = listener.address();
        let uri = Uri::new(&address.ip().to_string(), address.port());
        *lock(&shared.registry) = Registry::new(uri.to_string());
        Ok(Master { uri, listener, shared })
    }

    /// Where nodes find it: the value for `ROS_MASTER_URI`.
    pub fn uri(&self) -> &Uri {
        &self.uri
    }

    /// What went wrong so far, in sentences.
    pub fn problems(&self) -> Vec<String> {
        let mut sentences = self.shared.problems.sentences();
        let turned_away = self.listener.turned_away();
        if turned_away > 0 {
            sentences.push(format!("{turned_away} connections to the ROS master were too many at a time"));
        }
        sentences
    }
}

impl Drop for Master {
    fn drop(&mut self) {
        self.listener.stop();
        self.shared.courier.stop();
    }
}

struct Service(Arc<Shared>);

impl Answers for Service {
    fn answer(&self, call: &Call, from: SocketAddr) -> Answer {
        let mut notices = Vec::new();
        let mut registry = lock(&self.0.registry);
        let answer = registry.answer(call, from.ip(), &mut notices);
        // Still under the lock, so that nodes hear of changes in the order in which they came.
        notices.into_iter().for_each(|notice| self.0.courier.send(notice));
        answer
    }

    fn nonsense(&self, from: SocketAddr, what: &str) {
        self.0.problems.note(format!("{} spoke no XML-RPC to the ROS master: {what}", from.ip()));
    }
}
