//! Linux's own CAN sockets, on a virtual bus that the test makes in a network namespace of its own.
//!
//! Where the kernel has none, `tests/qemu_vcan.sh` runs this program in a guest that has: it finds the name of its
//! bus in `SKIDPAD_TEST_VCAN`.
#![cfg(target_os = "linux")]

use skidpad_can::Frame;
use skidpad_links::{CanLink, Health, LinkName};
use socketcan::{
    CanAnyFrame, CanDataFrame, CanFdFrame, CanFdSocket, CanRemoteFrame, EmbeddedFrame, ExtendedId, Socket,
    StandardId,
};
use std::process::Command;
use std::time::{Duration, Instant};

const INTERFACE: &str = "SKIDPAD_TEST_VCAN";

fn ip(arguments: &[&str]) -> bool {
    let output = Command::new("ip").args(arguments).output();
    output.is_ok_and(|output| output.status.success())
}

/// The stranger on the bus.
fn stranger(interface: &str) -> CanFdSocket {
    let socket = CanFdSocket::open(interface).unwrap();
    socket.set_nonblocking(true).unwrap();
    socket
}

fn id(id: u16) -> StandardId {
    StandardId::new(id).unwrap()
}

/// Takes what comes for a tenth of a second.
fn frames(link: &mut CanLink) -> Vec<Frame> {
    let mut frames = Vec::new();
    for _ in 0..20 {
        link.poll(|peer, frame| {
            assert_eq!(peer, 0);
            frames.push(frame);
        });
        std::thread::sleep(Duration::from_millis(5));
    }
    frames
}

#[test]
fn frames_cross_a_virtual_bus_both_ways_and_other_kinds_are_counted() {
    let Ok(interface) = std::env::var(INTERFACE) else {
        return apart();
    };
    let name: LinkName = format!("socketcan:{interface}").parse().unwrap();
    let (mut link, socket) = (CanLink::open(&name).unwrap(), stranger(&interface));
    assert!(!link.has_peer() && matches!(link.health(), Health::Waiting(_)));

    // From the car: bit for bit, and not back to itself.
    let ours = [Frame::new(0x65, [1, 2, 3, 4, 5, 6, 7, 8]), Frame::from_payload(0x7FF, &[]).unwrap()];
    for frame in &ours {
        link.send(Duration::ZERO, None, frame);
        // What a peer of this medium has sent, all have heard.
        link.send(Duration::ZERO, Some(0), frame);
    }
    assert_eq!(frames(&mut link), []);
    for frame in &ours {
        let Ok(CanAnyFrame::Normal(came)) = socket.read_frame() else { panic!("{frame} has not come") };
        assert_eq!((came.id(), came.data()), (id(frame.id).into(), frame.payload()));
    }
    assert!(socket.read_frame().is_err(), "each once");

    // To the car.
    let theirs: Vec<Frame> = (0..=8)
        .map(|length| Frame::from_payload(0x60 + length as u16, &[0xA5; 8][..length]).unwrap())
        .collect();
    for frame in &theirs {
        socket.write_frame(&CanDataFrame::new(id(frame.id), frame.payload()).unwrap()).unwrap();
    }
    assert_eq!(frames(&mut link), theirs);
    assert!(link.has_peer() && link.health() == Health::Well);

    // Kinds that the modelled bus does not carry; a bus without CAN FD refuses such a frame from its sender already.
    socket.write_frame(&CanDataFrame::new(ExtendedId::new(0x12345).unwrap(), &[1]).unwrap()).unwrap();
    socket.write_frame(&CanRemoteFrame::new_remote(id(0x60), 8).unwrap()).unwrap();
    let fd = socket.write_frame(&CanFdFrame::new(id(0x60), &[7; 48]).unwrap()).is_ok();
    socket.write_frame(&CanDataFrame::new(id(0x20), &[]).unwrap()).unwrap();
    assert_eq!(frames(&mut link), [Frame::from_payload(0x20, &[]).unwrap()]);
    assert_eq!(link.report().counters.unsupported, 2 + u64::from(fd));
    eprintln!("CAN FD frames pass this bus: {fd}");

    // A flood: nothing blocks, and what is taken is in order.
    let mut sent = 0u32;
    for n in 0..10_000u32 {
        let frame = CanDataFrame::new(id(0x100), &n.to_be_bytes()).unwrap();
        sent += u32::from(socket.write_frame(&frame).is_ok());
    }
    let began = Instant::now();
    let came = frames(&mut link);
    assert!(began.elapsed() < Duration::from_secs(10));
    let numbers: Vec<u32> =
        came.iter().map(|frame| u32::from_be_bytes(frame.data[..4].try_into().unwrap())).collect();
    assert!(numbers.len() > 20 && numbers.is_sorted(), "{} of {sent}", numbers.len());

    // The interface goes down in the middle, and is named when it is opened so.
    assert!(ip(&["link", "set", &interface, "down"]));
    frames(&mut link);
    assert!(matches!(link.health(), Health::Lost(_)), "{:?}", link.health());
    assert!(link.report().error.is_some() && link.report().counters.io_errors > 0);
    let error = CanLink::open(&name).map(drop).unwrap_err().to_string();
    assert!(error.contains("is down") && error.contains("up"), "{error}");
    let error = CanLink::open(&"socketcan:skidpad9".parse().unwrap()).map(drop).unwrap_err().to_string();
    assert!(error.contains("no CAN interface"), "{error}");
}

/// Runs this test again in a namespace with a virtual bus; says aloud where there can be none.
fn apart() {
    let name = format!("skidpad-can-{}", std::process::id());
    if !ip(&["netns", "add", &name]) {
        return skidpad_test_support::skip("no network namespace may be made here (needs iproute2 and root)");
    }
    let has_bus = ip(&["-n", &name, "link", "add", "vcan0", "mtu", "72", "type", "vcan"])
        && ip(&["-n", &name, "link", "set", "vcan0", "up"]);
    let output = has_bus.then(|| {
        Command::new("ip")
            .args(["netns", "exec", &name])
            .arg(std::env::current_exe().unwrap())
            .args(["--nocapture", "frames_cross_a_virtual_bus"])
            .env(INTERFACE, "vcan0")
            .output()
    });
    ip(&["netns", "del", &name]);
    match output {
        None => skidpad_test_support::skip("this kernel has no vcan; tests/qemu_vcan.sh runs it in a guest"),
        Some(output) => {
            let output = output.unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        }
    }
}
