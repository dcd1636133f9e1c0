//! Links by name, as the command line and scenarios write them.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;

/// The port of slcan over TCP where a name does not say.
pub const DEFAULT_TCP: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 28760);
/// The multicast group of python-can for IPv4.
pub const DEFAULT_GROUP: IpAddr = IpAddr::V4(Ipv4Addr::new(239, 74, 163, 2));
/// The port of python-can's multicast bus.
pub const DEFAULT_GROUP_PORT: u16 = 43113;

/// A CAN link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LinkName {
    /// `socketcan:INTERFACE`, or an interface's name alone (`vcan0`): Linux's own CAN sockets.
    SocketCan(String),
    /// `slcan`: a pseudo-terminal that Skidpad creates and names.
    SlcanPty,
    /// `slcan:DEVICE`: a serial adapter, or another program's pseudo-terminal.
    SlcanDevice(PathBuf),
    /// `slcan-tcp[:ADDRESS:PORT]`: slcan text over TCP.
    SlcanTcp(SocketAddr),
    /// `udp_multicast[:GROUP[:PORT[:HOPS]]][@INTERFACE]`: python-can's messages.
    UdpMulticast {
        /// The multicast group, IPv4 or IPv6.
        group: IpAddr,
        /// The UDP port.
        port: u16,
        /// How many routers a frame may pass, 0: it does not leave this machine, and what comes from others is ignored.
        hops: u8,
        /// The network interface; without it the one that the system's routes choose for the group, as for python-can.
        interface: Option<String>,
    },
    /// `candump:FILE`: a log of every frame.
    Candump(PathBuf),
}

/// A name that is none of a link.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no CAN link is named \"{name}\": {message}")]
pub struct NameError {
    name: String,
    message: String,
}

/// What a name can be.
const FORMS: &str = "expected slcan, slcan:DEVICE, slcan-tcp:ADDRESS:PORT, vcan0, socketcan:INTERFACE, \
                     udp_multicast:GROUP:PORT:HOPS@INTERFACE or candump:FILE";

impl FromStr for LinkName {
    type Err = NameError;

    fn from_str(name: &str) -> Result<Self, NameError> {
        let wrong = |message: String| NameError { name: name.chars().take(100).collect(), message };
        let (kind, rest) = name.split_once(':').map_or((name, None), |(kind, rest)| (kind, Some(rest)));
        match (kind, rest) {
            ("slcan", None) => Ok(LinkName::SlcanPty),
            ("slcan", Some(device)) if !device.is_empty() => Ok(LinkName::SlcanDevice(device.into())),
            ("slcan-tcp", None) => Ok(LinkName::SlcanTcp(DEFAULT_TCP)),
            ("slcan-tcp", Some(address)) => {
                let at = address.replacen("localhost", "127.0.0.1", 1).parse().map_err(|_| {
                    wrong(format!("expected an address and a port like 127.0.0.1:28760, got \"{address}\""))
                });
                at.map(LinkName::SlcanTcp)
            }
            ("udp_multicast", rest) => multicast(rest.unwrap_or_default()).map_err(wrong),
            ("candump", Some(file)) if !file.is_empty() => Ok(LinkName::Candump(file.into())),
            ("socketcan", Some(interface)) if is_interface(interface) => {
                Ok(LinkName::SocketCan(interface.into()))
            }
            (interface, None) if is_interface(interface) && interface.contains("can") => {
                Ok(LinkName::SocketCan(interface.into()))
            }
            _ => Err(wrong(FORMS.into())),
        }
    }
}

/// A network interface of Linux: up to 15 characters, no slash or white space.
fn is_interface(name: &str) -> bool {
    (1..16).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_graphic() && b != b'/' && b != b':')
}

/// `GROUP[:PORT[:HOPS]][@INTERFACE]`, an IPv6 group in brackets if a port follows.
fn multicast(text: &str) -> Result<LinkName, String> {
    let (text, interface) = match text.split_once('@') {
        None => (text, None),
        Some((text, interface)) if is_interface(interface) => (text, Some(interface.to_string())),
        Some((_, interface)) => return Err(format!("expected a network interface, got \"{interface}\"")),
    };
    let (group, rest) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((group, rest)) => (group, rest.strip_prefix(':')),
        None if text.parse::<IpAddr>().is_ok() => (text, None),
        None => text.split_once(':').map_or((text, None), |(group, rest)| (group, Some(rest))),
    };
    let group = match group {
        "" => DEFAULT_GROUP,
        group => group.parse().map_err(|_| format!("expected an IP address of a group, got \"{group}\""))?,
    };
    if !group.is_multicast() {
        return Err(format!("{group} is no multicast group: expected 224.0.0.0/4 or ff00::/8"));
    }
    let mut numbers = rest.into_iter().flat_map(|rest| rest.split(':'));
    let mut number = |what: &str, default: u16, most: u16| match numbers.next() {
        None => Ok(default),
        Some(text) => {
            let value = text.parse().ok().filter(|value| *value <= most);
            value.ok_or_else(|| format!("expected {what}, 0 to {most}, got \"{text}\""))
        }
    };
    let port = number("a port", DEFAULT_GROUP_PORT, u16::MAX)?;
    let hops = number("a number of hops", 0, 255)? as u8;
    match numbers.next() {
        Some(more) => Err(format!("expected GROUP:PORT:HOPS, got \"{more}\" behind it")),
        None => Ok(LinkName::UdpMulticast { group, port, hops, interface }),
    }
}

impl fmt::Display for LinkName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LinkName::SocketCan(interface) => write!(f, "socketcan:{interface}"),
            LinkName::SlcanPty => write!(f, "slcan"),
            LinkName::SlcanDevice(device) => write!(f, "slcan:{}", device.display()),
            LinkName::SlcanTcp(address) => write!(f, "slcan-tcp:{address}"),
            LinkName::UdpMulticast { group, port, hops, interface } => {
                write!(f, "udp_multicast:{}", SocketAddr::new(*group, *port))?;
                if *hops > 0 {
                    write!(f, ":{hops}")?;
                }
                interface.iter().try_for_each(|interface| write!(f, "@{interface}"))
            }
            LinkName::Candump(file) => write!(f, "candump:{}", file.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn each_form_of_a_name_is_understood_and_written_back() {
        let group = |group: &str, port, hops, interface: Option<&str>| {
            let interface = interface.map(str::to_string);
            LinkName::UdpMulticast { group: group.parse().unwrap(), port, hops, interface }
        };
        let multicast = |name: &str, port, hops| group(name, port, hops, None);
        let v6 = "ff15:7079:7468:6f6e:6465:6d6f:6d63:6173";
        for (text, link, back) in [
            ("vcan0", LinkName::SocketCan("vcan0".into()), "socketcan:vcan0"),
            ("socketcan:bus1", LinkName::SocketCan("bus1".into()), "socketcan:bus1"),
            ("slcan", LinkName::SlcanPty, "slcan"),
            ("slcan:/dev/pts/4", LinkName::SlcanDevice("/dev/pts/4".into()), "slcan:/dev/pts/4"),
            ("slcan-tcp", LinkName::SlcanTcp(DEFAULT_TCP), "slcan-tcp:127.0.0.1:28760"),
            (
                "slcan-tcp:localhost:5",
                LinkName::SlcanTcp("127.0.0.1:5".parse().unwrap()),
                "slcan-tcp:127.0.0.1:5",
            ),
            ("slcan-tcp:[::1]:5", LinkName::SlcanTcp("[::1]:5".parse().unwrap()), "slcan-tcp:[::1]:5"),
            ("udp_multicast", multicast("239.74.163.2", 43113, 0), "udp_multicast:239.74.163.2:43113"),
            ("udp_multicast:239.1.2.3:5:1", multicast("239.1.2.3", 5, 1), "udp_multicast:239.1.2.3:5:1"),
            (&format!("udp_multicast:[{v6}]:7"), multicast(v6, 7, 0), &format!("udp_multicast:[{v6}]:7")),
            (&format!("udp_multicast:{v6}"), multicast(v6, 43113, 0), &format!("udp_multicast:[{v6}]:43113")),
            (
                "udp_multicast:@lo",
                group("239.74.163.2", 43113, 0, Some("lo")),
                "udp_multicast:239.74.163.2:43113@lo",
            ),
            (
                &format!("udp_multicast:[{v6}]:7:1@eth0"),
                group(v6, 7, 1, Some("eth0")),
                &format!("udp_multicast:[{v6}]:7:1@eth0"),
            ),
            ("candump:out/a b.log", LinkName::Candump("out/a b.log".into()), "candump:out/a b.log"),
        ] {
            assert_eq!(text.parse(), Ok(link.clone()), "{text}");
            assert_eq!(link.to_string(), back);
            assert_eq!(back.parse(), Ok(link));
        }
    }

    #[test]
    fn wrong_names_are_told_what_was_expected() {
        for (text, words) in [
            ("", "expected slcan"),
            ("scan:/dev/x", "expected slcan"),
            ("slcan:", "expected slcan"),
            ("slcan-tcp:127.0.0.1", "an address and a port"),
            ("udp_multicast:10.0.0.1", "no multicast group"),
            ("udp_multicast:239.1.1.1:70000", "expected a port"),
            ("udp_multicast:239.1.1.1:7:1:9", "behind it"),
            ("udp_multicast:239.1.1.1:7@", "a network interface"),
            ("socketcan:an/interface", "expected slcan"),
        ] {
            let error = text.parse::<LinkName>().unwrap_err().to_string();
            assert!(error.contains(words), "{text}: {error}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(text in any::<String>(), tail in "[0-9a-f:.@\\[\\]/]{0,40}") {
            let _ = text.parse::<LinkName>();
            for kind in ["slcan-tcp", "udp_multicast", "slcan", "socketcan", "candump"] {
                if let Ok(name) = format!("{kind}:{tail}").parse::<LinkName>() {
                    prop_assert_eq!(name.to_string().parse(), Ok(name));
                }
            }
        }
    }
}
