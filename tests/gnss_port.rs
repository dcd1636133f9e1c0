//! The receiver's port of a running scenario: a client logs in over TCP, and a recording is decoded.

mod common;
use common::{Story, repository, skidpad};
use skidpad_novatel::{Decoder, Item, Message};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Shipped, and short.
const SCENARIO: &str = "scenarios/manual/creep.toml";

#[test]
fn a_recording_of_a_run_is_decoded_and_the_run_is_the_same() {
    let story = Story::new("gnss_port_file");
    let file = story.path("receiver.bin");
    let with = story.path("with");
    let without = story.path("without");
    skidpad(&["run", SCENARIO, "--gnss", &format!("file:{file}"), "--out", &with]);
    skidpad(&["run", SCENARIO, "--out", &without]);
    let hash = |folder: &str| common::report(folder)["scenarios"][0]["truth_hash"].clone();
    assert!(hash(&with).is_string() && hash(&with) == hash(&without), "who listens changes nothing");
    let run = skidpad(&["gnss", "decode", &file]).expect(0);
    assert!(
        run.stderr.contains("; 0 CRC errors") && run.stderr.contains(" 0 bytes passed over"),
        "{}",
        run.stderr
    );
    for log in
        ["INSPVAS", "CORRIMUDATAS", "BESTGNSSPOS", "BESTGNSSVEL", "BESTPOS", "INSCOVS", "GPGGA", "GPRMC"]
    {
        assert!(run.stdout.contains(&format!("{{\"log\":\"{log}\"")), "{log} is missing");
    }
}

#[test]
fn a_client_logs_in_to_a_running_car_and_gets_what_it_asked_for() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_skidpad"))
        .args(["run", SCENARIO, "--gnss", "tcp:127.0.0.1:0", "--quiet"])
        .current_dir(repository())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    let address = loop {
        line.clear();
        assert!(lines.read_line(&mut line).unwrap() > 0, "the link is not named");
        if let Some(at) = line.find("tcp:") {
            break line[at + 4..].trim().to_owned();
        }
    };
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    stream
        .write_all(
            b"UNLOGALL THISPORT\r\nlog inspvasb ontime 0.01\r\nlog corrimudatasb ontime 0.01\r\nnonsense\r\n",
        )
        .unwrap();
    let (mut decoder, mut piece, begun) = (Decoder::new(), [0; 4096], Instant::now());
    let (mut pairs, mut before) = (0, None);
    while pairs < 100 && begun.elapsed() < Duration::from_secs(20) {
        let Ok(length @ 1..) = stream.read(&mut piece) else { continue };
        decoder.push(&piece[..length]);
        while let Some(item) = decoder.next_item() {
            match item {
                Item::Log(log) => match log.message {
                    Message::Inspvas(log) => before = Some((log.week, log.seconds)),
                    Message::Corrimudatas(log) if before == Some((log.week, log.seconds)) => pairs += 1,
                    _ => {}
                },
                Item::Sentence(_) => {}
            }
        }
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(pairs >= 100, "{pairs} pairs: {:?}", decoder.stats());
    assert_eq!(decoder.stats().crc_errors, 0);
}

#[test]
fn a_receiver_link_that_is_none_is_refused_before_anything_runs() {
    skidpad(&["run", SCENARIO, "--gnss", "udp:1"]).expect_refusal("udp:1", &["tcp:ADDRESS:PORT"]);
    let run = skidpad(&["run", SCENARIO, "--gnss", "file:/"]).expect(2);
    assert!(run.stdout.contains("regular file"), "{}", run.stdout);
    skidpad(&["run", "scenarios", "--gnss", "pty"]).expect_refusal("--gnss", &["one of them"]);
}
