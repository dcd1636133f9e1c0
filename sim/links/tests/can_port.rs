//! The CAN plug in the hands of vandals, without a car: every frame is taken or counted, and nothing waits for anyone.

use skidpad_can::Frame;
use skidpad_engine::Outside;
use skidpad_kernel::SimTime;
use skidpad_links::{CanLink, Health, LinkName, Links, Pace};
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

/// A server without pace, and the address where it listens.
fn server() -> (Links, String) {
    let links = Links::open(&["slcan-tcp:127.0.0.1:0".parse().unwrap()], Pace::Max).unwrap();
    let name = links.names().next().unwrap().to_string();
    (links, name.strip_prefix("slcan-tcp:").unwrap().to_string())
}

/// Waits until something is true of what the link has counted, polling it meanwhile; no test takes so long.
#[track_caller]
fn until(what: &str, mut is: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is() {
        assert!(began.elapsed() < Duration::from_secs(60), "it never comes: {what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// What the only link has counted under this name.
fn count(links: &Links, name: &str) -> u64 {
    links.states()[0].counts.iter().find(|(counted, _)| *counted == name).unwrap().1
}

/// Random words, the same ones in every run.
fn random() -> impl FnMut() -> u64 {
    let mut word = 0x9E37_79B9_7F4A_7C15u64;
    move || {
        word = word.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        word >> 16
    }
}

#[test]
fn of_a_million_random_frames_each_is_taken_or_counted() {
    const FRAMES: u64 = 1_000_000;
    let (mut links, address) = server();
    let sender = std::thread::spawn(move || {
        let mut stream = TcpStream::connect(address).unwrap();
        let mut random = random();
        let mut text = b"C\rS6\rO\r".to_vec();
        for _ in 0..FRAMES {
            let (word, length) = (random(), random() % 9);
            write!(text, "t{:03X}{length}", word % 0x800).unwrap();
            (0..length).for_each(|_| write!(text, "{:02X}", random() % 256).unwrap());
            text.push(b'\r');
        }
        let mut answers = stream.try_clone().unwrap();
        let reader = std::thread::spawn(move || std::io::copy(&mut answers, &mut std::io::sink()));
        stream.write_all(&text).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        reader.join().unwrap().unwrap();
    });
    let (mut taken, mut tick) = (0, 0);
    // Each tick some cross the bus, in the order they came: more than a bus could carry.
    let mut waiting = std::collections::VecDeque::new();
    while !sender.is_finished() {
        let now = SimTime::from_ms(tick);
        tick += 1;
        links.frames_in(now, &mut |peer, frame| {
            assert!(frame.id <= Frame::MAX_ID && frame.len <= 8);
            taken += 1;
            waiting.push_back((peer, frame));
        });
        for (peer, frame) in waiting.drain(..waiting.len().min(20)) {
            links.frame_out(now, skidpad_engine::Sender::Outside(peer), &frame);
        }
    }
    sender.join().unwrap();
    let counters = links.finish(None).can[0].counters;
    assert_eq!((counters.received, counters.received + counters.refused), (taken, FRAMES), "{counters:?}");
    assert!(taken > 1000 && counters.refused > 1000, "{counters:?}");
    assert_eq!((counters.malformed, counters.connects, counters.disconnects), (0, 1, 1));
}

#[test]
fn a_peer_that_never_reads_costs_it_frames_and_the_run_no_time() {
    let (mut links, address) = server();
    let mut deaf = TcpStream::connect(&address).unwrap();
    deaf.write_all(b"O\r").unwrap();
    let mut hears = TcpStream::connect(&address).unwrap();
    hears.write_all(b"O\r").unwrap();
    // Both channels are open once they are told so.
    for stream in [&deaf, &hears] {
        stream.set_nonblocking(true).unwrap();
        until("the channel is open", || {
            links.frames_in(SimTime::ZERO, &mut |_, _| ());
            stream.peek(&mut [0]).is_ok()
        });
    }
    let (mut heard, mut bytes) = (0, [0; 65536]);
    let frame = Frame::new(0x65, [0x55; 8]);
    // Until the system's own buffers are full too, which may be megabytes; the other one always gets everything.
    let mut longest = Duration::ZERO;
    for tick in 0..800_000 {
        let began = Instant::now();
        let now = SimTime::from_ms(tick);
        if tick % 50 == 0 {
            links.frames_in(now, &mut |_, _| ());
        }
        links.frame_out(now, skidpad_engine::Sender::Car, &frame);
        longest = longest.max(began.elapsed());
        if tick % 50 == 0 {
            while let Ok(count @ 1..) = hears.read(&mut bytes) {
                heard += bytes[..count].iter().filter(|byte| **byte == b't').count() as u64;
            }
        }
    }
    until("the other one hears every frame", || {
        while let Ok(count @ 1..) = hears.read(&mut bytes) {
            heard += bytes[..count].iter().filter(|byte| **byte == b't').count() as u64;
        }
        heard >= 800_000
    });
    let counters = links.finish(None).can[0].counters;
    assert!(counters.dropped > 0, "{counters:?}");
    assert!(counters.sent + counters.dropped >= heard + 700_000, "{counters:?}");
    assert!(longest < Duration::from_secs(2), "a write has blocked: {longest:?}");
}

#[test]
fn half_a_frame_at_the_end_of_a_connection_is_counted_and_the_next_peer_starts_afresh() {
    let (mut links, address) = server();
    for cut in
        ["t060833", "t0608333301010000000", "garbage login\r\nroot\r\n\r\nt06", "GET / HTTP/1.1\r\n\r\n"]
    {
        let mut half = TcpStream::connect(&address).unwrap();
        half.write_all(format!("O\r{cut}").as_bytes()).unwrap();
    }
    let mut whole = TcpStream::connect(&address).unwrap();
    whole.write_all(b"O\rt0200\r").unwrap();
    let (mut frames, mut ticks) = (Vec::new(), (0..).map(SimTime::from_ms));
    until("all of them are gone but the last, whose frame has come", || {
        links.frames_in(ticks.next().unwrap(), &mut |_, frame| frames.push(frame));
        !frames.is_empty() && count(&links, "disconnects") >= 4
    });
    assert_eq!(frames, [Frame::from_payload(0x20, &[]).unwrap()]);
    let counters = links.finish(None).can[0].counters;
    assert!(counters.malformed >= 5 && counters.disconnects == 4, "{counters:?}");
}

#[test]
fn a_link_knows_whether_its_peer_is_there() {
    let mut link = CanLink::open(&"slcan-tcp:127.0.0.1:0".parse::<LinkName>().unwrap()).unwrap();
    let address = link.name().strip_prefix("slcan-tcp:").unwrap().to_string();
    let until = |link: &mut CanLink, is: fn(&Health) -> bool| {
        until("the link is so", || {
            link.poll(|_, _| ());
            is(&link.health())
        });
    };
    assert!(matches!(link.health(), Health::Waiting(_)));
    let mut peer = TcpStream::connect(&address).unwrap();
    peer.write_all(b"O\r").unwrap();
    until(&mut link, |health| *health == Health::Well);
    drop(peer);
    until(&mut link, |health| matches!(health, Health::Lost(why) if why.contains("is gone")));
    // It may come back.
    let mut peer = TcpStream::connect(&address).unwrap();
    peer.write_all(b"O\rt0200\r").unwrap();
    until(&mut link, |health| *health == Health::Well);
    until(&mut link, |health| matches!(health, Health::Lost(why) if why.contains("has sent a frame for 5.")));
}

#[cfg(unix)]
#[test]
fn a_log_goes_into_no_pipe_where_it_could_wait_for_a_reader() {
    let pipe = std::env::temp_dir().join(format!("skidpad-pipe-{}", std::process::id()));
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    if !made.is_ok_and(|status| status.success()) {
        return skidpad_test_support::skip("no pipe can be made here");
    }
    let error = CanLink::open(&LinkName::Candump(pipe.clone())).map(drop);
    std::fs::remove_file(&pipe).unwrap();
    assert!(error.unwrap_err().to_string().contains("a regular file"));
}

#[cfg(unix)]
#[test]
fn what_a_peer_leaves_unread_goes_when_it_closes_the_channel_and_no_answer_to_the_next_one_does() {
    let mut link = CanLink::open(&"slcan".parse().unwrap()).unwrap();
    let path = link.name().strip_prefix("slcan:").unwrap().to_owned();
    let open = || skidpad_links::open_raw(std::path::Path::new(&path)).unwrap();
    // Bytes in a terminal arrive a little later.
    let settle = |link: &mut CanLink, opens: bool| {
        until("the channel is as it was asked to be", || {
            link.poll(|_, _| ());
            link.has_peer() == opens
        });
    };
    let mut first = open();
    first.write_all(b"C\rS6\rO\r").unwrap();
    settle(&mut link, true);
    (0..100).for_each(|_| link.send(Duration::ZERO, None, &Frame::new(0x65, [0x55; 8])));
    first.write_all(b"C\r").unwrap();
    settle(&mut link, false);
    let (mut bytes, mut count) = ([0; 4096], 0);
    until("an answer", || {
        count = first.read(&mut bytes).unwrap_or(0);
        count > 0
    });
    assert_eq!(&bytes[..count], b"\r", "the answer to the close, and none of a hundred frames");
    drop(first);
    // The next one speaks step by step; its answers wait for it.
    let mut second = open();
    for line in [&b"\r"[..], b"C\r", b"S6\r", b"O\r"] {
        second.write_all(line).unwrap();
        // That it comes in a piece of its own is the story of most runs, and nothing depends on it.
        for _ in 0..20 {
            link.poll(|_, _| ());
            std::thread::sleep(Duration::from_millis(1));
        }
    }
    settle(&mut link, true);
    link.send(Duration::ZERO, None, &Frame::new(0x65, [1; 8]));
    let (answers, mut heard) = (b"\r\r\r\rt06580101010101010101\r", Vec::<u8>::new());
    until("all answers and the frame", || {
        link.poll(|_, _| ());
        let count = second.read(&mut bytes).unwrap_or(0);
        heard.extend(&bytes[..count]);
        heard.len() >= answers.len()
    });
    assert_eq!(heard[..], answers[..]);
    assert_eq!(link.report().counters.connects, 2);
}
