//! The CAN plug in the hands of strangers: python-can and cantools, other programs on a socket, and vandals.

mod common;
use common::peers::{Place, Running, canbus_outside, drove_and_stopped, has_python, held_up, timed_out};
use common::{Story, outside, report, repository, skidpad, too_slow};
use serde_json::Value;
use skidpad_links::Pty;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::time::{Duration, Instant};

fn scenario(story: &Story, duration_s: f64) -> String {
    story.file("outside.toml", canbus_outside(duration_s))
}

#[test]
fn python_can_drives_the_car_to_5_mps_and_stops_it_over_a_pseudo_terminal() {
    if !has_python("can, cantools, serial") {
        return;
    }
    let story = Story::new("python_over_pty");
    let (file, out) = (scenario(&story, 14.0), story.path("out"));
    let mut skidpad = Running::start(&["run", &file, "--can", "slcan", "--out", &out]);
    let link = skidpad.link();
    let terminal = link.strip_prefix("slcan:").unwrap();
    let seen = Place::HERE.drive("slcan", terminal, &["bitrate=500000"]);
    let (code, text) = skidpad.finish();
    if too_slow(&out) || held_up(&seen) {
        return;
    }
    assert_eq!(code, Some(0), "{text}");
    drove_and_stopped(&seen);
    assert!(seen["counts"]["060"].is_null(), "nobody hears himself: {seen}");

    let result = &report(&out)["scenarios"][0];
    let events: Vec<&str> =
        result["events"].as_array().unwrap().iter().map(|e| e["name"].as_str().unwrap()).collect();
    assert!(events.contains(&"engaged"), "{events:?}");
    assert!(!events.contains(&"driver_override"), "{events:?}");
    let outside = outside(&out);
    let pace = &outside["pace"];
    assert_eq!(pace["ticks"], 14_001);
    eprintln!("ticks: {pace}\npeer: {seen}");
    let counts = &outside["links"][0]["counts"];
    assert_eq!(counts["malformed"], 0, "{counts}");
    assert!(counts["received"].as_u64().unwrap() > 1500, "{counts}");
}

#[test]
fn without_a_peer_an_external_seat_is_exit_status_3_and_without_a_link_2() {
    let story = Story::new("no_peer");
    let file = scenario(&story, 1.0);
    let run = skidpad(&["run", &file, "--can", "slcan", "--wait", "0"]).expect(3);
    assert!(run.stdout.contains("no peer opened"), "{}", run.stdout);
    skidpad(&["run", &file]).expect_refusal("outside.toml", &["no CAN link", "--can"]);
    skidpad(&["run", &file, "--can", "candump:x.log"]).expect_refusal("outside.toml", &["no CAN link"]);
    skidpad(&["run", &file, "--can", "kan0"]).expect_refusal("kan0", &["slcan-tcp", "vcan0"]);
    skidpad(&["run", "--can", "slcan"]).expect_refusal("--can", &["name one"]);
    let run = skidpad(&["run", &file, "--can", "slcan:/dev/null"]).expect(2);
    assert!(run.stdout.contains("slcan:/dev/null: expected a terminal"), "{}", run.stdout);
}

/// Reads at least so many bytes, which a car that runs sends within a fraction of a second.
#[track_caller]
fn read(stream: &mut TcpStream, least: usize) -> Vec<u8> {
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let mut bytes = Vec::new();
    let mut part = [0; 4096];
    while bytes.len() < least {
        let count = stream.read(&mut part).unwrap();
        assert!(count > 0, "the car has gone");
        bytes.extend(&part[..count]);
    }
    bytes
}

#[test]
fn vandals_on_the_socket_neither_stop_nor_slow_the_run_and_are_counted() {
    let story = Story::new("vandals");
    let (file, out) = (scenario(&story, 4.0), story.path("out"));
    // Made beforehand: a run lasts four seconds.
    let mut word = 7u64;
    let random: Vec<u8> = (0..1_000_000)
        .map(|_| {
            word = word.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (word >> 56) as u8
        })
        .collect();
    let frames = [&b"O\r"[..], &b"t7FF80000000000000000\r".repeat(10_000)].concat();
    let mut skidpad = Running::start(&["run", &file, "--can", "slcan-tcp:127.0.0.1:0", "--out", &out]);
    let address = skidpad.link().strip_prefix("slcan-tcp:").unwrap().to_string();
    let connect = || TcpStream::connect(&address).unwrap();

    // The one that behaves opens the channel, and the run begins.
    let mut good = connect();
    good.write_all(b"C\rS6\rO\r").unwrap();
    assert!(read(&mut good, 200).windows(5).any(|bytes| bytes == b"\rt065"), "reports come");
    // One never reads, one goes away in the middle of a frame, one asks for another bit rate, one floods, and one
    // sends a million random bytes.
    let mut deaf = connect();
    deaf.write_all(b"O\r").unwrap();
    let mut half = connect();
    half.write_all(b"O\rt0608333").unwrap();
    drop(half);
    connect().write_all(b"S4\rT000000010\r").unwrap();
    let mut flood = connect();
    flood.set_nonblocking(true).unwrap();
    let _ = flood.write(&frames);
    let mut noise = connect();
    let crowd: Vec<TcpStream> = (0..20).map(|_| connect()).collect();
    noise.set_write_timeout(Some(Duration::from_millis(1500))).unwrap();
    let _ = noise.write_all(&random);

    // The good one still hears the car, to its end.
    let mut heard = Vec::new();
    let _ = good.read_to_end(&mut heard);
    assert!(heard.len() > 20_000, "{} bytes", heard.len());
    let (code, text) = skidpad.finish();
    drop((deaf, flood, noise, crowd));
    if too_slow(&out) {
        return;
    }
    assert_eq!(code, Some(0), "{text}");
    let result = &report(&out)["scenarios"][0];
    let told = result["explanations"].to_string();
    assert!(told.contains("made no sense") && told.contains("another bit rate"), "{told}");
    assert!(result["events"].as_array().unwrap().is_empty(), "the car has not moved: {}", result["events"]);
    let outside = outside(&out);
    let counts = &outside["links"][0]["counts"];
    let count = |name: &str| counts[name].as_u64().unwrap();
    assert!(
        count("malformed") > 1000 && count("unsupported") >= 1 && count("wrong_bit_rate") >= 1,
        "{counts}"
    );
    assert!(count("refused") > 0, "the flood is more than the bus carries: {counts}");
    assert!(count("turned_away") >= 4 && count("disconnects") >= 2, "{counts}");
    assert_eq!(outside["pace"]["ticks"], 4001);
}

#[test]
fn a_log_of_every_frame_is_the_same_in_every_run_and_changes_nothing() {
    let story = Story::new("candump_log");
    let (a, b, out, plain) =
        (story.path("a.log"), story.path("b.log"), story.path("out"), story.path("plain"));
    let drive = "scenarios/tracking/skid_pad_left.toml";
    skidpad(&["run", drive, "--can", &format!("candump:{a}"), "--out", &out]).expect(0);
    skidpad(&["run", drive, "--can", &format!("candump:{b}")]).expect(0);
    skidpad(&["run", drive, "--out", &plain]).expect(0);
    assert_eq!(report(&out), report(&plain));
    let text = std::fs::read_to_string(&a).unwrap();
    assert!(text == std::fs::read_to_string(&b).unwrap());
    assert!(text.starts_with("(1500000000.0"), "{}", &text[..100]);
    assert!(text.contains(" skidpad 060#") && text.contains(" skidpad 065#"));

    // Every frame of it decodes, and comes back from its signals bit for bit.
    let decoded = skidpad(&["can", "decode", "--vehicle", "lincoln_mkz", &a, "--json"]).expect(0).stdout;
    assert_eq!(decoded.lines().count(), text.lines().count());
    let without_bytes = |line: &str| {
        let mut object: Value = serde_json::from_str(line).unwrap();
        // Apollo sends these two longer than the vendor's .dbc says.
        if ![0x66, 0x68].map(Value::from).contains(&object["id"]) {
            object["data"] = Value::Null;
        }
        object.to_string()
    };
    let json = decoded.lines().take(20_000).map(without_bytes).collect::<Vec<_>>().join("\n");
    let json = story.file("a.json", json);
    let encoded = Command::new(env!("CARGO_BIN_EXE_skidpad"))
        .args(["can", "encode", "--vehicle", "lincoln_mkz", "-"])
        .current_dir(repository())
        .stdin(std::fs::File::open(json).unwrap())
        .output()
        .unwrap();
    assert!(encoded.status.success(), "{}", String::from_utf8_lossy(&encoded.stderr));
    let encoded = String::from_utf8(encoded.stdout).unwrap();
    assert_eq!(encoded.lines().count(), 20_000);
    for (back, frame) in encoded.lines().zip(text.lines()) {
        assert_eq!(back, frame);
    }
}

#[test]
fn frames_are_read_and_written_by_name() {
    let encode =
        |arguments: &[&str]| skidpad(&[&["can", "encode", "--vehicle", "lincoln_mkz"], arguments].concat());
    let brake = encode(&["BrakeCommand", "PedalCommand=20", "Enable=1"]).expect(0).stdout;
    assert_eq!(brake, "060#3333000100000000\n");
    encode(&["BrakeCommnd"]).expect_refusal("BrakeCommnd", &["BrakeCommand"]);
    encode(&["BrakeCommand", "Pedal=2"]).expect_refusal("Pedal", &["BrakeCommand", "no signal"]);
    encode(&["BrakeCommand", "PedalCommand=200"]).expect_refusal("PedalCommand", &["does not fit: 0 to 100"]);
    encode(&["SteeringCommand", "AngleCommand"]).expect_refusal("AngleCommand", &["SIGNAL=VALUE"]);

    let story = Story::new("frames_by_name");
    let log = story.file(
        "log",
        "(1436509052.249713) vcan0 065#00000000100E0000\n\n  vcan0  067   [2]  04 00\n123#\ncan0 123#R\n",
    );
    let decode = |file: &str, json: &[&str]| {
        skidpad(&[&["can", "decode", "--vehicle", "lincoln_mkz", file], json].concat())
    };
    let run = decode(&log, &["--json"]).expect(0);
    let objects: Vec<Value> = run.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(objects.len(), 3);
    assert_eq!(
        (&objects[0]["id"], &objects[0]["name"]),
        (&Value::from(0x65), &Value::from("SteeringReport"))
    );
    assert_eq!(objects[0]["signals"]["Speed"].as_f64(), Some(36.0));
    assert_eq!(objects[0]["time"].as_f64(), Some(1_436_509_052.249713));
    assert_eq!(objects[1]["signals"]["Gear"].as_f64(), Some(4.0));
    assert!(objects[1]["time"].is_null() && objects[2]["name"].is_null());
    assert!(run.stderr.contains("log:5: remote frame"), "{}", run.stderr);
    let wrong = story.file("wrong", "065#0\n067#0400\n");
    let run = decode(&wrong, &[]).expect(2);
    assert!(run.stderr.contains("wrong:1:1: expected pairs") && run.stdout.contains("GearReport"), "{run:?}");
}

#[test]
fn a_log_is_played_onto_the_bus_in_its_time_while_a_monitor_watches() {
    let story = Story::new("replay");
    // Time begins for the first of both that comes.
    let unlimited = canbus_outside(6.0).replace("stopped = true", "");
    let (file, out) = (story.file("outside.toml", unlimited), story.path("out"));
    // Enable after 0.2 s and brake; every 20 ms for two seconds.
    let mut log = String::new();
    for n in 0..100 {
        let at = 1000.0 + 0.02 * f64::from(n);
        let enable = u8::from(n >= 10);
        for id in ["060", "062"] {
            log += &format!("({at:.6}) can0 {id}#000000{enable:02X}00000000\n");
        }
    }
    let log = story.file("brake.log", log);
    let mut run = Running::start(&["run", &file, "--can", "slcan-tcp:127.0.0.1:0", "--out", &out]);
    let link = run.link();
    let monitor = std::thread::spawn({
        let link = link.clone();
        move || skidpad(&["can", "monitor", "--vehicle", "lincoln_mkz", &link, "--json"]).expect(0)
    });
    let began = Instant::now();
    let replay = skidpad(&["can", "replay", &log, &link]).expect(0);
    assert!(began.elapsed() >= Duration::from_millis(1980), "{:?}", began.elapsed());
    assert!(replay.stderr.contains("200 frames played, 0 dropped"), "{}", replay.stderr);
    let (code, text) = run.finish();
    if too_slow(&out) {
        return;
    }
    assert_eq!(code, Some(0), "{text}");
    // The monitor is a peer of its own: it sees the car and what was played.
    let seen = monitor.join().unwrap().stdout;
    for name in ["SteeringReport", "BrakeCommand", "ThrottleCommand"] {
        assert!(seen.contains(&format!("\"name\":\"{name}\"")), "{name}");
    }
    timed_out(&out, &["brake", "throttle"]);
}

#[test]
fn skidpad_opens_a_serial_adapter_and_takes_its_bus_for_the_cars() {
    let story = Story::new("serial_adapter");
    let unlimited = canbus_outside(2.0).replace("stopped = true", "");
    let (file, out) = (story.file("outside.toml", unlimited), story.path("out"));
    // The test is the adapter, on a terminal of its own.
    let mut adapter = Pty::create().unwrap();
    let link = format!("slcan:{}", adapter.path().display());
    let mut run = Running::start(&["run", &file, "--can", &link, "--out", &out]);
    assert_eq!(run.link(), link);
    let (mut said, mut sent) = (Vec::new(), 0);
    let began = Instant::now();
    while run.child.try_wait().unwrap().is_none() && began.elapsed() < Duration::from_secs(90) {
        let mut part = [0; 4096];
        if let Ok(count) = adapter.read(&mut part) {
            said.extend(&part[..count]);
        }
        // It answers each line as adapters do, and a node of its bus brakes for a second; from the car's first frame on, as
        // frames before the run are dropped.
        let time = began.elapsed().as_secs_f64();
        if said.starts_with(b"\rC\rS6\rO\rt") && sent < 50 && time > 0.02 * f64::from(sent) {
            let enable = u8::from(sent > 10);
            let _ = adapter.write(format!("z\r\x07t0608000000{enable:02X}00000000\r").as_bytes());
            sent += 1;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    let (code, text) = run.finish();
    if too_slow(&out) {
        return;
    }
    assert_eq!(code, Some(0), "{text}");
    let text = String::from_utf8(said).unwrap();
    let mut lines = text.split('\r');
    assert_eq!(lines.by_ref().take(4).collect::<Vec<_>>(), ["", "C", "S6", "O"]);
    let reports = lines.filter(|line| line.starts_with("t0658") && line.len() == 21).count();
    assert!(reports >= 150, "{reports} steering reports");
    let counts = outside(&out)["links"][0]["counts"].clone();
    assert_eq!((&counts["received"], &counts["refused_by_peer"]), (&50.into(), &50.into()), "{counts}");
    timed_out(&out, &["brake"]);
}

#[test]
fn a_run_whose_last_peer_is_gone_or_silent_ends_and_says_so() {
    let story = Story::new("peer_lost");
    let long = canbus_outside(60.0);
    let file = story.file("outside.toml", long);
    for (name, closes) in [("gone", true), ("silent", false)] {
        let out = story.path(name);
        let mut run = Running::start(&["run", &file, "--can", "slcan-tcp:127.0.0.1:0", "--out", &out]);
        let address = run.link().strip_prefix("slcan-tcp:").unwrap().to_string();
        let mut peer = TcpStream::connect(&address).unwrap();
        peer.write_all(b"O\r").unwrap();
        for _ in 0..50 {
            peer.write_all(b"t06080000000000000000\r").unwrap();
            std::thread::sleep(Duration::from_millis(20));
        }
        let left = Instant::now();
        if closes {
            peer.shutdown(std::net::Shutdown::Both).unwrap();
        }
        let (code, text) = run.finish();
        let words = if closes { "the last peer is gone" } else { "no peer has sent a frame for 5." };
        assert!(
            left.elapsed() < Duration::from_secs(40),
            "the run of a minute ends early: {:?}",
            left.elapsed()
        );
        assert!(text.contains(words), "{text}");
        assert_eq!(code, Some(3), "{text}");
        let events = report(&out)["scenarios"][0]["events"].to_string();
        assert!(events.contains("stack_lost") && events.contains(words), "{events}");
    }
}

#[test]
fn a_computer_off_the_bus_is_deaf_and_dumb_outside_too() {
    let story = Story::new("computer_off");
    let text = canbus_outside(3.0).replace("stopped = true", "")
        + "[[event]]\nwhen = { time_s = 1.0 }\nfault = { unit = \"computer\", type = \"bus_off\", for_s = 1.0 }\n";
    let (file, out, log) = (story.file("off.toml", text), story.path("out"), story.path("all.log"));
    let log_link = format!("candump:{log}");
    let mut run =
        Running::start(&["run", &file, "--can", "slcan-tcp:127.0.0.1:0", "--can", &log_link, "--out", &out]);
    let address = run.link().strip_prefix("slcan-tcp:").unwrap().to_string();
    let mut peer = TcpStream::connect(&address).unwrap();
    peer.write_all(b"O\r").unwrap();
    let mut writer = peer.try_clone().unwrap();
    let talks = std::thread::spawn(move || {
        let (mut sent, began) = (0, Instant::now());
        while writer.write_all(b"t06080000000000000000\r").is_ok() {
            sent += 1;
            let next = began + Duration::from_millis(20 * sent);
            std::thread::sleep(next.saturating_duration_since(Instant::now()));
        }
        sent
    });
    peer.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let mut heard = Vec::new();
    let _ = peer.read_to_end(&mut heard);
    let (code, text) = run.finish();
    if too_slow(&out) {
        return;
    }
    assert_eq!(code, Some(0), "{text}");
    let sent = talks.join().unwrap() as usize;
    let reports = String::from_utf8_lossy(&heard).matches("t0658").count();
    let all = std::fs::read_to_string(&log).unwrap();
    let (crossed, reported) = (all.matches(" 060#").count(), all.matches(" 065#").count());
    assert!((295..=302).contains(&reported), "the log has all of the car: {reported}");
    assert!((190..=210).contains(&reports), "a second is missing: {reports}");
    assert!(crossed + 30 < sent, "{crossed} of {sent} crossed");
    let last_second = all.lines().filter(|line| line.starts_with("(1500000001.") && line.contains(" 060#"));
    assert!(last_second.count() <= 1, "nothing of the computer's crossed in the second of its absence");
}
