//! python-can's `udp_multicast` bus: frames as datagrams to a multicast group, which all members hear.
//!
//! A member hears the others directly: what crossed the modelled bus is sent for the car and other links only.

use crate::can_link::MAX_PEERS;
use crate::report::Counters;
use rustix::net::{AddressFamily, SocketType, sockopt};
use skidpad_can::{Frame, multicast};
use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

/// Messages taken in one tick: some sixty times what the bus carries meanwhile. The rest waits in the socket.
const READ_MAX: usize = 256;
/// The place of a member that has been silent for so long is free for another.
const SILENT: Duration = Duration::from_secs(5);

/// A member of the group. Nothing in it blocks.
#[derive(Debug)]
pub(crate) struct GroupPort {
    incoming: UdpSocket,
    /// A socket of its own, so that its address tells our own messages, which come back to us, from others'.
    outgoing: UdpSocket,
    own: SocketAddr,
    /// What other machines send is ignored.
    only_here: bool,
    members: [Option<(SocketAddr, Instant)>; MAX_PEERS],
    bytes: Vec<u8>,
}

impl GroupPort {
    /// Joins the group: on this interface, or where the system's routes lead, as python-can does.
    ///
    /// With no hops nothing leaves this machine, and only its own processes are heard.
    pub(crate) fn join(group: SocketAddr, hops: u8, interface: Option<&str>) -> io::Result<GroupPort> {
        let unspecified: IpAddr = match group {
            SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
            SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
        };
        let outgoing = UdpSocket::bind((unspecified, 0))?;
        outgoing.set_nonblocking(true)?;
        let index = match interface {
            Some(name) => rustix::net::netdevice::name_to_index(&outgoing, name)
                .map_err(|error| io::Error::new(ErrorKind::NotFound, format!("interface {name}: {error}")))?,
            None => 0,
        };
        match group.ip() {
            IpAddr::V4(ip) => {
                outgoing.set_multicast_ttl_v4(u32::from(hops))?;
                if index != 0 {
                    sockopt::set_ip_multicast_if_with_ifindex(&outgoing, &ip, &Ipv4Addr::UNSPECIFIED, index)?;
                }
            }
            IpAddr::V6(_) => {
                sockopt::set_ipv6_multicast_hops(&outgoing, u32::from(hops))?;
                if index != 0 {
                    sockopt::set_ipv6_multicast_if(&outgoing, index)?;
                }
            }
        }
        outgoing.connect(group)?;
        let own = outgoing.local_addr()?;

        // Bound to the group, not to every address: nobody can send to this port but by way of the group.
        let family = if group.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
        let incoming = rustix::net::socket(family, SocketType::DGRAM, None)?;
        rustix::io::fcntl_setfd(&incoming, rustix::io::FdFlags::CLOEXEC)?;
        sockopt::set_socket_reuseaddr(&incoming, true)?;
        sockopt::set_socket_reuseport(&incoming, true)?;
        rustix::net::bind(&incoming, &group)?;
        let incoming = UdpSocket::from(incoming);
        incoming.set_nonblocking(true)?;
        match (group.ip(), own.ip()) {
            (IpAddr::V4(ip), IpAddr::V4(own)) => incoming.join_multicast_v4(&ip, &own)?,
            (IpAddr::V6(ip), _) => incoming.join_multicast_v6(&ip, index)?,
            (IpAddr::V4(_), IpAddr::V6(_)) => return Err(ErrorKind::AddrNotAvailable.into()),
        }
        let bytes = Vec::with_capacity(256);
        Ok(GroupPort { incoming, outgoing, own, only_here: hops == 0, members: [None; MAX_PEERS], bytes })
    }

    /// Takes what has arrived; tells `on` each frame with the number of its sender.
    pub(crate) fn poll(&mut self, counters: &mut Counters, mut on: impl FnMut(u8, Frame)) -> io::Result<()> {
        // One byte longer than the longest message, so that a longer one shows.
        let mut message = [0; multicast::LONGEST + 1];
        let now = Instant::now();
        for _ in 0..READ_MAX {
            let (length, from) = match self.incoming.recv_from(&mut message) {
                Ok(came) => came,
                Err(error) if is_passing(error.kind()) => return Ok(()),
                Err(error) => return Err(error),
            };
            if (from.ip(), from.port()) == (self.own.ip(), self.own.port()) {
                continue;
            }
            if self.only_here && from.ip() != self.own.ip() {
                counters.foreign += 1;
                continue;
            }
            match multicast::decode(&message[..length]) {
                Some(Ok(frame)) => match self.member(from, now, counters) {
                    Some(slot) => on(slot, frame),
                    None => counters.turned_away += 1,
                },
                Some(Err(_)) => counters.unsupported += 1,
                None => counters.malformed += 1,
            }
        }
        Ok(())
    }

    /// The number of a member; a new one gets a free place, or that of one that has long been silent.
    fn member(&mut self, from: SocketAddr, now: Instant, counters: &mut Counters) -> Option<u8> {
        let silent = |heard: Instant| now.duration_since(heard) > SILENT;
        let known = self.members.iter().position(|place| place.is_some_and(|(who, _)| who == from));
        let place = known.or_else(|| {
            counters.connects += 1;
            self.members.iter().position(|place| place.is_none_or(|(_, heard)| silent(heard)))
        })?;
        self.members[place] = Some((from, now));
        u8::try_from(place).ok()
    }

    /// Sends a frame to the group.
    pub(crate) fn send(&mut self, time: Duration, frame: &Frame, counters: &mut Counters) -> io::Result<()> {
        self.bytes.clear();
        multicast::encode(frame, time.as_secs_f64(), &mut self.bytes);
        match self.outgoing.send(&self.bytes) {
            Ok(_) => counters.sent += 1,
            Err(error) if is_passing(error.kind()) => counters.dropped += 1,
            Err(error) => return Err(error),
        }
        Ok(())
    }
}

fn is_passing(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::WouldBlock | ErrorKind::Interrupted)
}
