//! The CAN bus on media that know no connections: python-can's multicast group, and Linux's own CAN interfaces.
//! Each test has a network namespace of its own.

mod common;
use common::peers::{Place, canbus_outside, drove_and_stopped, has_python, held_up, timed_out};
use common::{Story, outside, report, too_slow};
use serde_json::Value;
use std::io::Write;
use std::process::Stdio;

/// python-can drives to 5 m/s and stops on this link, and is judged: what it saw and the link's counts; `None` if the
/// machine was too slow.
#[track_caller]
fn drive(
    story: &Story,
    place: &Place,
    link: &str,
    channel: &str,
    options: &[&str],
) -> Option<(Value, Value)> {
    let (file, out) = (story.file("outside.toml", canbus_outside(14.0)), story.path("out"));
    let mut skidpad = place.skidpad(&["run", &file, "--can", link, "--out", &out]);
    assert_eq!(skidpad.link(), link);
    let interface = if link.starts_with("udp") { "udp_multicast" } else { "socketcan" };
    let seen = place.drive(interface, channel, options);
    let (code, text) = skidpad.finish();
    if too_slow(&out) || held_up(&seen) {
        return None;
    }
    assert_eq!(code, Some(0), "{text}");
    drove_and_stopped(&seen);
    let result = &report(&out)["scenarios"][0];
    let events = result["events"].to_string();
    assert!(events.contains("engaged") && !events.contains("driver_override"), "{events}");
    let met = outside(&out);
    eprintln!("pace: {}\npeer: {seen}", met["pace"]);
    Some((seen, met["links"][0]["counts"].clone()))
}

#[test]
fn python_can_drives_the_car_to_5_mps_and_stops_it_over_udp_multicast() {
    if !has_python("can, cantools, msgpack") {
        return;
    }
    let Some(place) = Place::apart("udp") else { return };
    let story = Story::new("python_over_multicast");
    let link = "udp_multicast:239.74.163.2:43113";
    let Some((seen, counts)) = drive(&story, &place, link, "239.74.163.2", &["hop_limit=0"]) else { return };
    // A group gives python-can its own frames back, three kinds of which this is one: once, since Skidpad does not
    // repeat what the group has heard.
    let own = seen["counts"]["060"].as_u64().unwrap();
    let sent = counts["received"].as_u64().unwrap();
    assert!(own * 3 >= sent && own * 2 < sent, "{own} of {sent} frames: {counts}");
    for name in ["malformed", "dropped", "foreign", "io_errors"] {
        assert_eq!(counts[name], 0, "{name}: {counts}");
    }
    // Those by which Skidpad learned that it is there; the run had not begun.
    assert!(counts["refused"].as_u64().unwrap() <= 30, "{counts}");
}

#[test]
fn python_can_drives_the_car_on_its_default_group_of_ipv6() {
    if !has_python("can, cantools, msgpack") {
        return;
    }
    let Some(place) = Place::apart("udp6") else { return };
    // The loopback interface carries no groups of IPv6; two ends of a wire of our own do.
    let wire = place.ip(&["link", "add", "wire0", "type", "veth", "peer", "name", "wire1"])
        && place.ip(&["link", "set", "wire0", "addrgenmode", "none", "up"])
        && place.ip(&["link", "set", "wire1", "addrgenmode", "none", "up"])
        && place.ip(&["addr", "add", "fe80::5/64", "dev", "wire0", "nodad"]);
    // python-can goes where the route leads.
    place.ip(&["-6", "route", "del", "ff00::/8", "dev", "wire1", "table", "local"]);
    if !wire {
        return skidpad_test_support::skip("no pair of virtual interfaces with IPv6 can be made here");
    }
    let group = "ff15:7079:7468:6f6e:6465:6d6f:6d63:6173";
    let link = format!("udp_multicast:[{group}]:43113@wire0");
    drive(&Story::new("python_over_multicast_ipv6"), &place, &link, group, &[]);
}

/// Says what a message of python-can says, without python-can, and much that it would never say.
const VANDAL: &str = r#"
import os, random, socket, sys, time
group, port = sys.argv[1], int(sys.argv[2])
out = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
def say(data):
    try:
        out.sendto(data, (group, port))
    except OSError:
        pass
def text(name):
    return bytes([0xA0 | len(name)]) + name.encode()
def frame(identifier, data, extended=False, fd=False):
    flag = lambda value: b"\xC3" if value else b"\xC2"
    return (b"\x84" + text("arbitration_id") + b"\xCE" + identifier.to_bytes(4, "big")
            + text("is_extended_id") + flag(extended) + text("is_fd") + flag(fd)
            + text("data") + b"\xC4" + bytes([len(data)]) + data)
random.seed(4)
# A by-wire command made of noise may well be a valid one, which the car obeys and drives off.
strangers = [n for n in range(0x800) if not 0x60 <= n <= 0x6F]
sys.stdin.readline()
say(frame(0x7FF, b""))
end = time.monotonic() + 2.0
half = frame(0x60, bytes(8))
while time.monotonic() < end:
    for _ in range(20):
        say(os.urandom(random.randrange(200)))
        say(frame(random.choice(strangers), os.urandom(random.randrange(9))))
    say(half[:random.randrange(len(half))])
    say(b"\xDF\xFF\xFF\xFF\xFF" * 800)
    say(bytes(60000))
    say(frame(0x12345, b"", extended=True))
    say(frame(0x60, bytes(12), fd=True))
    time.sleep(0.002)
"#;

#[test]
fn vandals_in_the_group_neither_stop_nor_slow_the_run_and_are_counted() {
    if !has_python("socket") {
        return;
    }
    let Some(place) = Place::apart("vandal") else { return };
    let story = Story::new("vandals_in_the_group");
    let short = canbus_outside(4.0);
    let (file, out) = (story.file("outside.toml", short), story.path("out"));
    let mut vandal = place
        .command("python3")
        .args(["-c", VANDAL, "239.74.163.2", "43113"])
        .stdin(Stdio::piped())
        .spawn()
        .expect("python3 starts");
    let mut skidpad = place.skidpad(&["run", &file, "--can", "udp_multicast:@lo", "--out", &out]);
    assert_eq!(skidpad.link(), "udp_multicast:239.74.163.2:43113@lo");
    vandal.stdin.take().unwrap().write_all(b"go\n").unwrap();
    let (code, text) = skidpad.finish();
    assert!(vandal.wait().unwrap().success());
    if too_slow(&out) {
        return;
    }
    assert_eq!(code, Some(0), "{text}");
    let result = &report(&out)["scenarios"][0];
    assert!(!result["events"].to_string().contains("engaged"), "{}", result["events"]);
    assert!(result["explanations"].to_string().contains("made no sense"), "{}", result["explanations"]);
    let met = outside(&out);
    let counts = &met["links"][0]["counts"];
    let count = |name: &str| counts[name].as_u64().unwrap();
    assert!(count("malformed") > 1000 && count("unsupported") > 50, "{counts}");
    assert!(count("received") > 100 && count("refused") > 100, "more than the bus carries: {counts}");
    assert_eq!(count("connects"), 1, "{counts}");
    assert_eq!(met["pace"]["ticks"], 4001);
}

#[test]
fn a_log_is_played_into_the_group_while_a_monitor_watches() {
    let Some(place) = Place::apart("replay") else { return };
    let story = Story::new("replay_into_the_group");
    let short = canbus_outside(3.0).replace("stopped = true", "");
    let (file, out) = (story.file("outside.toml", short), story.path("out"));
    let mut log = String::new();
    for n in 0..100 {
        let at = 1000.0 + 0.02 * f64::from(n);
        log += &format!("({at:.6}) can0 060#000000{:02X}00000000\n", u8::from(n >= 10));
    }
    let log = story.file("brake.log", log);
    let link = "udp_multicast:239.74.163.2:43113";
    let mut run = place.skidpad(&["run", &file, "--can", link, "--out", &out]);
    assert_eq!(run.link(), link);
    let mut monitor =
        place.skidpad(&["can", "monitor", "--vehicle", "lincoln_mkz", link, "--json", "--for", "6"]);
    assert_eq!(monitor.link(), link);
    let (code, text) = place.skidpad(&["can", "replay", &log, link]).finish();
    assert!(code == Some(0) && text.contains("100 frames played, 0 dropped"), "{text}");
    let (code, text) = run.finish();
    if too_slow(&out) {
        return;
    }
    assert_eq!(code, Some(0), "{text}");
    let (code, seen) = monitor.finish();
    assert_eq!(code, Some(0), "{seen}");
    for (name, least) in [("SteeringReport", 200), ("BrakeCommand", 100)] {
        let count = seen.matches(&format!("\"name\":\"{name}\"")).count();
        assert!(count >= least, "{count} of {name}");
    }
    timed_out(&out, &["brake"]);
}

#[test]
fn python_can_drives_the_car_to_5_mps_and_stops_it_on_a_can_interface() {
    let Some(place) = Place::apart("vcan") else { return };
    if !place.ip(&["link", "add", "vcan0", "type", "vcan"]) {
        return skidpad_test_support::skip("this kernel has no vcan; tests/qemu_vcan.sh runs it in a guest");
    }
    assert!(place.ip(&["link", "set", "vcan0", "up"]));
    if !has_python("can, cantools") {
        return;
    }
    let story = Story::new("python_over_socketcan");
    let Some((seen, counts)) = drive(&story, &place, "socketcan:vcan0", "vcan0", &[]) else { return };
    assert!(seen["counts"]["060"].is_null(), "nobody hears himself: {seen}");
    assert_eq!((&counts["bus_errors"], &counts["io_errors"]), (&0.into(), &0.into()), "{counts}");
}

#[test]
fn a_network_that_is_not_there_is_refused_with_what_to_do() {
    let Some(place) = Place::apart("nothing") else { return };
    let story = Story::new("no_network");
    let file = story.file("outside.toml", canbus_outside(14.0));
    for (link, words) in [
        ("udp_multicast:239.1.2.3:5@skidpad9", "interface skidpad9"),
        ("udp_multicast:[ff15::1]:5", "the group cannot be joined"),
        ("skidpadcan9", "CAN"),
    ] {
        let (code, text) = place.skidpad(&["run", &file, "--can", link]).finish();
        assert!(code == Some(2) && text.contains(words), "{link}: {code:?} {text}");
    }
}
