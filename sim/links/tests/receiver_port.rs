//! The receiver's port, served to clients that behave and to clients that do not.

use skidpad_geo::{EnuFrame, Geodetic};
use skidpad_kernel::SimTime;
use skidpad_links::{ReceiverLink, ReceiverLinkName, ReceiverLinkReport};
use skidpad_novatel::{Decoder, DecoderStats, Item, Message};
use skidpad_sensors::{ImuParams, Port, Receiver, ReceiverOutput, ReceiverParams, Truth};
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

/// A parked car's receiver, served on a link: one step is 10 ms of simulated time.
struct Bench {
    link: ReceiverLink,
    receiver: Receiver,
    port: Port,
    now_ms: u64,
}

impl Bench {
    fn on(name: &str) -> Bench {
        let frame = EnuFrame::new(Geodetic { lat_deg: 37.4, lon_deg: -122.0, height_m: 0.0 }).unwrap();
        let (params, imu) = (ReceiverParams::ideal(), ImuParams::ideal());
        let receiver = Receiver::new(params, imu, &frame, 1_500_000_000.0, 1).unwrap();
        let name: ReceiverLinkName = name.parse().unwrap();
        Bench { link: ReceiverLink::open(&name).unwrap(), receiver, port: Port::apollo(), now_ms: 0 }
    }

    fn output(&mut self) -> ReceiverOutput {
        loop {
            self.now_ms += 5;
            let now = SimTime::from_ms(self.now_ms);
            self.receiver.observe(now, &Truth::default());
            if let Some(output) = self.receiver.poll(now) {
                return output;
            }
        }
    }

    fn step(&mut self) {
        let output = self.output();
        let mut bytes = Vec::new();
        self.port.send(&output, &mut bytes);
        self.link.poll();
        self.link.send(&output, &bytes);
    }

    /// Lets clients in and hears what they say, until this is so: what they send is under way for a while.
    #[track_caller]
    fn hear_until(&mut self, what: &str, is: impl Fn(&ReceiverLinkReport) -> bool) {
        let begun = Instant::now();
        while !is(&self.link.report()) {
            assert!(
                begun.elapsed() < Duration::from_secs(60),
                "it never comes: {what}; {:?}",
                self.link.report()
            );
            self.link.poll();
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.link.name().strip_prefix("tcp:").unwrap()).unwrap();
        stream.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
        stream
    }
}

/// Everything that can be read now.
fn read(stream: &mut impl Read) -> Vec<u8> {
    let (mut all, mut piece) = (Vec::new(), [0; 8192]);
    while let Ok(length @ 1..) = stream.read(&mut piece) {
        all.extend_from_slice(&piece[..length]);
    }
    all
}

fn decode(bytes: &[u8]) -> (Vec<Item>, DecoderStats) {
    let (mut decoder, mut items) = (Decoder::new(), Vec::new());
    for piece in bytes.chunks(1 << 16) {
        decoder.push(piece);
        items.extend(std::iter::from_fn(|| decoder.next_item()));
    }
    (items, decoder.stats())
}

fn pairs(items: &[Item]) -> (usize, usize) {
    let count = |wanted: fn(&Message) -> bool| {
        items.iter().filter(|item| matches!(item, Item::Log(log) if wanted(&log.message))).count()
    };
    (count(|log| matches!(log, Message::Inspvas(_))), count(|log| matches!(log, Message::Corrimudatas(_))))
}

#[test]
fn several_clients_get_the_stream_each_as_it_asked_for_it() {
    let mut bench = Bench::on("tcp:127.0.0.1:0");
    let (mut plain, mut own) = (bench.connect(), bench.connect());
    own.write_all(
        b"garbage \xff\xfe\r\nUNLOGALL THISPORT\r\nlog inspvasb ontime 0.1\r\nlog corrimudatasb ont",
    )
    .unwrap();
    bench.hear_until("both commands", |report| report.clients == 2 && report.commands == 2);
    for _ in 0..100 {
        bench.step();
    }
    let (items, stats) = decode(&read(&mut plain));
    assert_eq!(pairs(&items), (100, 100));
    assert_eq!((stats.crc_errors, stats.skipped_bytes), (0, 0));
    let bytes = read(&mut own);
    assert!(bytes.starts_with(b"\r\n<OK\r\n[ICOM1]\r\n<OK\r\n[ICOM1]"), "{bytes:?}");
    assert_eq!(pairs(&decode(&bytes).0), (10, 0));
    let report = bench.link.finish();
    assert_eq!((report.clients, report.commands, report.refused_lines, report.lost_bytes), (2, 2, 1, 0));
}

#[test]
fn a_client_that_never_reads_loses_the_oldest_whole_logs_and_holds_nobody_up() {
    let mut bench = Bench::on("tcp:127.0.0.1:0");
    let (mut lazy, mut other) = (bench.connect(), bench.connect());
    // All at the highest rate there is, so that the buffers of the system fill.
    for stream in [&mut lazy, &mut other] {
        stream
            .write_all(b"LOG RAWIMUSXB ONTIME 0.005\r\nLOG INSCOVSB ONNEW\r\nLOG INSPVAXB ONNEW\r\n")
            .unwrap();
    }
    bench.hear_until("three commands of each", |report| report.commands == 6);
    let output = bench.output();
    let mut seen = 0;
    let (mut slowest, mut steps) = (Duration::ZERO, 0);
    while bench.link.report().lost_bytes < 1_000_000 {
        let begun = Instant::now();
        bench.link.poll();
        bench.link.send(&output, &[]);
        slowest = slowest.max(begun.elapsed());
        steps += 1;
        assert!(steps < 200_000, "the buffers of the system do not fill");
        if steps % 100 == 0 {
            seen += read(&mut other).len();
        }
    }
    assert!(slowest < Duration::from_secs(1), "one output took {slowest:?}");
    assert!(seen > 1_000_000, "the other client goes on");
    // What it finds at last begins and ends with whole logs: the newest are there.
    let mut bytes = Vec::new();
    for _ in 0..200 {
        bench.link.poll();
        bytes.extend(read(&mut lazy));
    }
    let stats = decode(&bytes).1;
    assert_eq!(stats.crc_errors, 0);
    assert!(stats.skipped_bytes < 100, "only the answers to its commands: {stats:?}");
    let sentences = bench.link.finish().sentences();
    assert!(sentences.iter().any(|sentence| sentence.contains("did not read in time")), "{sentences:?}");
}

#[test]
fn a_client_that_leaves_in_mid_frame_or_floods_noise_harms_nobody() {
    let mut bench = Bench::on("tcp:127.0.0.1:0");
    let mut other = bench.connect();
    for round in 0..20u8 {
        let mut rude = bench.connect();
        rude.write_all(&[round; 100]).unwrap();
        bench.step();
        let mut half = [0; 7];
        let _ = rude.read(&mut half);
        if round % 2 == 0 {
            let _ = rude.shutdown(Shutdown::Both);
        }
        drop(rude);
        bench.step();
    }
    // A million bytes of anything.
    let noisy = bench.connect();
    let writer = std::thread::spawn(move || {
        let mut noisy = noisy;
        let mut word = 1u64;
        let mut noise = Vec::with_capacity(1 << 20);
        while noise.len() < 1_000_000 {
            word = word.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            noise.extend_from_slice(&word.to_be_bytes());
        }
        noisy.set_write_timeout(Some(Duration::from_secs(5))).unwrap();
        noisy.write_all(&noise).unwrap();
        noisy
    });
    while !writer.is_finished() {
        bench.step();
    }
    let noisy = writer.join().unwrap();
    // A tick takes 4 KiB of it.
    (0..300).for_each(|_| bench.step());
    drop(noisy);
    let (items, stats) = decode(&read(&mut other));
    let (positions, increments) = pairs(&items);
    assert!(positions > 200 && positions == increments && stats.crc_errors == 0, "{stats:?}");
    let report: ReceiverLinkReport = bench.link.finish();
    assert_eq!(report.clients, 22);
    assert!(report.refused_lines > 1000, "{report:?}");
}

#[test]
fn too_many_clients_are_turned_away_and_counted() {
    let mut bench = Bench::on("tcp:127.0.0.1:0");
    let clients: Vec<TcpStream> = (0..20).map(|_| bench.connect()).collect();
    bench.hear_until("all have come", |report| report.clients + report.turned_away == 20);
    let report = bench.link.report();
    assert_eq!((report.clients, report.turned_away), (16, 4));
    drop(clients);
    // That they are gone is seen when they are read or written.
    let begun = Instant::now();
    while bench.link.has_client() {
        assert!(begun.elapsed() < Duration::from_secs(60), "they never go");
        bench.step();
    }
    let _again = bench.connect();
    bench.hear_until("there is room again", |report| report.clients == 17);
}

#[test]
fn the_serial_line_carries_logs_out_and_commands_in() {
    let mut bench = Bench::on("pty");
    let path = bench.link.name().strip_prefix("pty:").unwrap().to_owned();
    let mut peer = skidpad_links::open_raw(path.as_ref()).unwrap();
    peer.write_all(b"UNLOGALL\r\nLOG INSPVASB ONTIME 0.05\r\n").unwrap();
    bench.hear_until("two commands", |report| report.commands == 2);
    let mut bytes = Vec::new();
    for _ in 0..100 {
        bench.step();
        bytes.extend(read(&mut peer));
    }
    // What a terminal is given arrives a little later.
    let begun = Instant::now();
    while pairs(&decode(&bytes).0).0 < 20 && begun.elapsed() < Duration::from_secs(60) {
        std::thread::sleep(Duration::from_millis(1));
        bytes.extend(read(&mut peer));
    }
    let (items, stats) = decode(&bytes);
    assert_eq!(pairs(&items), (20, 0));
    assert_eq!(stats.crc_errors, 0);
    // With nobody at the other end the oldest is lost, and nothing waits.
    drop(peer);
    let begun = Instant::now();
    bench.link.poll();
    for _ in 0..10_000 {
        bench.step();
    }
    assert!(begun.elapsed() < Duration::from_secs(60));
    assert!(bench.link.finish().lost_bytes > 0);
}

#[test]
fn a_file_holds_what_the_real_configuration_asks_for() {
    let file = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("receiver.bin");
    let mut bench = Bench::on(&format!("file:{}", file.display()));
    (0..200).for_each(|_| bench.step());
    let report = bench.link.finish();
    let bytes = std::fs::read(&file).unwrap();
    assert_eq!((report.sent_bytes, report.errors), (bytes.len() as u64, 0));
    let (items, stats) = decode(&bytes);
    assert_eq!(pairs(&items), (200, 200));
    assert!(stats.sentences >= 3 && stats.skipped_bytes == 0, "{stats:?}");
}

#[test]
fn names_say_what_is_wrong_with_them() {
    for name in ["tcp:127.0.0.1:3001", "pty", "file:/tmp/a.bin"] {
        assert_eq!(name.parse::<ReceiverLinkName>().unwrap().to_string(), name);
    }
    assert_eq!("tcp".parse::<ReceiverLinkName>().unwrap().to_string(), "tcp:127.0.0.1:3001");
    for (name, word) in
        [("tcp:3001", "ADDRESS:PORT"), ("file:", "file:PATH"), ("udp", "tcp:ADDRESS:PORT"), ("", "pty")]
    {
        let error = name.parse::<ReceiverLinkName>().unwrap_err().to_string();
        assert!(error.contains(word), "{error}");
    }
    let taken = Bench::on("tcp:127.0.0.1:0");
    let name: ReceiverLinkName = taken.link.name().parse().unwrap();
    let error = ReceiverLink::open(&name).unwrap_err();
    assert!(error.to_string().contains("cannot be served"), "{error}");
    let folder: ReceiverLinkName = "file:/tmp".parse().unwrap();
    assert!(ReceiverLink::open(&folder).is_err());
}
