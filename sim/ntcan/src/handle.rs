//! Handles: numbers that a program holds for a port on a net.

use crate::codes::{self, MAX_QUEUE, NO_QUEUE, mode};
use crate::net::{Net, Port, lock};
use crate::news;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

/// Environment variable with the address of Skidpad's `slcan-tcp` link; several, with commas between, are
/// nets 0, 1, ….
pub const ADDRESS_VARIABLE: &str = "SKIDPAD_CAN";
/// Where the link is looked for when the variable is not set.
pub const DEFAULT_ADDRESS: &str = "127.0.0.1:28760";

/// Handles that may be open at once.
const MAX_HANDLES: usize = 255;
/// Longest time-out, ms: that of a 16-bit number.
const MAX_TIMEOUT_MS: i32 = 0xffff;

/// An open handle.
#[derive(Clone)]
pub struct Handle {
    /// Its net.
    pub net: Arc<Net>,
    /// Its part of the net.
    pub port: Arc<Port>,
    number: i32,
}

struct Table {
    /// Last handle given out. Numbers are not given out again soon, so that a closed one is noticed.
    last: i32,
    handles: BTreeMap<i32, Handle>,
    nets: BTreeMap<i32, Arc<Net>>,
}

static TABLE: Mutex<Table> = Mutex::new(Table { last: 0, handles: BTreeMap::new(), nets: BTreeMap::new() });

/// What `canOpen` is called with. Queues in frames, time-outs in ms.
#[derive(Debug, Clone, Copy)]
pub struct Opening {
    /// Number of the net.
    pub net: i32,
    /// Flags, see [`mode`].
    pub flags: u32,
    /// Send queue.
    pub tx_queue: i32,
    /// Receive queue.
    pub rx_queue: i32,
    /// Send time-out; 0 waits for ever.
    pub tx_timeout_ms: i32,
    /// Receive time-out; 0 waits for ever.
    pub rx_timeout_ms: i32,
}

/// Opens a handle; the net needs not be there yet. Codes: `INVALID_PARAMETER`, `NOT_SUPPORTED`,
/// `NET_NOT_FOUND`, `INSUFFICIENT_RESOURCES`.
pub fn open(opening: Opening) -> Result<i32, i32> {
    let Opening { net: number, flags, .. } = opening;
    if flags & mode::REFUSED != 0 {
        return Err(codes::NOT_SUPPORTED);
    } else if flags & !mode::KNOWN != 0 {
        return Err(codes::INVALID_PARAMETER);
    }
    let port = Arc::new(Port::new(
        flags,
        queue(opening.tx_queue)?,
        queue(opening.rx_queue)?,
        timeout(opening.tx_timeout_ms)?,
        timeout(opening.rx_timeout_ms)?,
    ));
    let mut table = lock(&TABLE);
    if table.handles.len() >= MAX_HANDLES {
        return Err(codes::INSUFFICIENT_RESOURCES);
    }
    let net = match table.nets.get(&number) {
        Some(net) => net.clone(),
        None => {
            let address =
                address(number, std::env::var(ADDRESS_VARIABLE).ok().as_deref()).map_err(|problem| {
                    news::tell_now(&problem);
                    codes::NET_NOT_FOUND
                })?;
            let net = Net::start(&address)?;
            table.nets.insert(number, net.clone());
            net
        }
    };
    net.attach(port.clone());
    loop {
        table.last = table.last.checked_add(1).unwrap_or(1);
        let handle = table.last;
        if let std::collections::btree_map::Entry::Vacant(free) = table.handles.entry(handle) {
            free.insert(Handle { net, port, number });
            return Ok(handle);
        }
    }
}

/// Closes a handle; calls that wait on it return. The last handle of a net ends its line. Code:
/// `INVALID_HANDLE`.
pub fn close(handle: i32) -> Result<(), i32> {
    let mut table = lock(&TABLE);
    let Handle { net, port, number } = table.handles.remove(&handle).ok_or(codes::INVALID_HANDLE)?;
    let last = net.detach(&port);
    if last {
        table.nets.remove(&number);
    }
    // Others may open and close while the threads of this net end.
    drop(table);
    if last {
        net.stop();
    }
    Ok(())
}

/// What a number stands for. Code: `INVALID_HANDLE`.
pub fn find(handle: i32) -> Result<Handle, i32> {
    lock(&TABLE).handles.get(&handle).cloned().ok_or(codes::INVALID_HANDLE)
}

fn queue(frames: i32) -> Result<usize, i32> {
    match frames {
        NO_QUEUE => Ok(0),
        1..=MAX_QUEUE => Ok(frames as usize),
        _ => Err(codes::INVALID_PARAMETER),
    }
}

/// Checks a time-out in ms.
pub fn timeout(ms: i32) -> Result<u32, i32> {
    if (0..=MAX_TIMEOUT_MS).contains(&ms) { Ok(ms as u32) } else { Err(codes::INVALID_PARAMETER) }
}

/// `host:port` of a net from the text of [`ADDRESS_VARIABLE`], or what is wrong with it.
fn address(net: i32, variable: Option<&str>) -> Result<String, String> {
    let list = variable.unwrap_or(DEFAULT_ADDRESS);
    let nth = usize::try_from(net).ok().and_then(|net| list.split(',').nth(net));
    let entry = nth.map(str::trim).unwrap_or_default();
    // The name that `skidpad run --can` takes is welcome too.
    let address = entry.strip_prefix("slcan-tcp:").unwrap_or(entry);
    let good = address
        .rsplit_once(':')
        .is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok_and(|port| port > 0));
    if good {
        return Ok(address.to_string());
    }
    let problem = if entry.is_empty() { "names no address for it".into() } else { format!("says {entry:?}") };
    Err(format!(
        "cannot open net {net}: {ADDRESS_VARIABLE}={list:?} {problem}; expected host:port,host:port,…"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_net_has_its_address_in_the_variable() {
        assert_eq!(address(0, None).unwrap(), DEFAULT_ADDRESS);
        assert_eq!(address(0, Some("localhost:1")).unwrap(), "localhost:1");
        assert_eq!(address(1, Some("a:1, slcan-tcp:[::1]:2")).unwrap(), "[::1]:2");
        for (net, list) in
            [(-1, "a:1"), (1, "a:1"), (0, ""), (0, "a"), (0, ":1"), (0, "a:0"), (0, "a:70000"), (0, "a:b")]
        {
            assert!(address(net, Some(list)).unwrap_err().contains(list), "{net} {list}");
        }
    }

    #[test]
    fn only_queues_time_outs_and_flags_of_the_interface_open() {
        let good = Opening { net: 0, flags: 0, tx_queue: 1, rx_queue: 1, tx_timeout_ms: 5, rx_timeout_ms: 5 };
        for bad in [
            Opening { tx_queue: 0, ..good },
            Opening { rx_queue: 2048, ..good },
            Opening { rx_queue: -2, ..good },
            Opening { tx_timeout_ms: -1, ..good },
            Opening { rx_timeout_ms: 0x1_0000, ..good },
            Opening { flags: 1, ..good },
        ] {
            assert_eq!(open(bad), Err(codes::INVALID_PARAMETER), "{bad:?}");
        }
        assert_eq!(open(Opening { flags: 0x1000_0000, ..good }), Err(codes::NOT_SUPPORTED));
    }
}
