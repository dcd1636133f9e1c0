//! The library in the hands of a C program that is linked against it as Apollo's canbus is, with a small
//! slcan server at the other end.

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// No part of a story takes longer, on a busy machine either.
const PATIENCE: Duration = Duration::from_secs(90);

/// The library that was built for these tests: beside the test program.
fn library() -> PathBuf {
    let program = std::env::current_exe().unwrap();
    let file = program.parent().unwrap().join("libntcan.so");
    assert!(file.exists(), "{} is not there", file.display());
    file
}

/// Folder with the C program and the library under the name it is installed by; `None`, said aloud, without a
/// C compiler.
fn program() -> Option<&'static Path> {
    static FOLDER: OnceLock<Option<PathBuf>> = OnceLock::new();
    let folder = FOLDER.get_or_init(|| {
        if !Command::new("cc").arg("--version").output().is_ok_and(|output| output.status.success()) {
            return None;
        }
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("ntcan-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        for name in ["libntcan.so", "libntcan.so.4"] {
            let link = folder.join(name);
            let _ = std::fs::remove_file(&link);
            std::os::unix::fs::symlink(library(), link).unwrap();
        }
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/client.c");
        let output = Command::new("cc")
            .args(["-std=gnu11", "-O1", "-Wall", "-Wextra", "-Werror", "-pthread", "-o"])
            .arg(folder.join("client"))
            .arg(source)
            .arg("-L")
            .arg(&folder)
            .arg("-lntcan")
            .output()
            .unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        if errors.contains("stdint.h: No such file") || errors.contains("stdio.h: No such file") {
            return None;
        }
        assert!(output.status.success(), "the C program does not build:\n{errors}");
        Some(folder)
    });
    if folder.is_none() {
        skidpad_test_support::skip("no C compiler with its headers");
    }
    folder.as_deref()
}

/// A part of the C program, playing against `address`.
struct Client(Child);

impl Client {
    fn start(folder: &Path, words: &[&str], address: SocketAddr) -> Client {
        Client::start_with(folder, words, address, Stdio::piped())
    }

    fn start_with(folder: &Path, words: &[&str], address: SocketAddr, errors: Stdio) -> Client {
        let child = Command::new(folder.join("client"))
            .args(words)
            .env("LD_LIBRARY_PATH", folder)
            .env("SKIDPAD_CAN", address.to_string())
            .stdout(Stdio::piped())
            .stderr(errors)
            .spawn()
            .unwrap();
        Client(child)
    }

    /// Waits for its good end; gives what it printed.
    fn finish(self) -> String {
        let (code, out, errors) = self.end();
        assert_eq!(code, Some(0), "{out}\n{errors}");
        out
    }

    /// Waits for its end; gives its exit status and what it printed on both streams.
    fn end(mut self) -> (Option<i32>, String, String) {
        let end = Instant::now() + PATIENCE;
        while self.0.try_wait().unwrap().is_none() {
            assert!(Instant::now() < end, "the program hangs");
            sleep(Duration::from_millis(5));
        }
        let (mut out, mut errors) = (String::new(), String::new());
        self.0.stdout.take().unwrap().read_to_string(&mut out).unwrap();
        if let Some(mut pipe) = self.0.stderr.take() {
            pipe.read_to_string(&mut errors).unwrap();
        }
        (self.0.wait().unwrap().code(), out, errors)
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        // Our own child, if a test failed before it ended.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

/// The car's end of the line.
struct Peer {
    stream: TcpStream,
    text: Vec<u8>,
    /// Answers nothing, for tests that send from another thread.
    silent: bool,
}

impl Peer {
    fn accept(listener: &TcpListener) -> Peer {
        listener.set_nonblocking(true).unwrap();
        let end = Instant::now() + PATIENCE;
        let stream = loop {
            match listener.accept() {
                Ok((stream, _)) => break stream,
                Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock, "{error}"),
            }
            assert!(Instant::now() < end, "nobody calls");
            sleep(Duration::from_millis(2));
        };
        stream.set_nonblocking(false).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Peer { stream, text: Vec::new(), silent: false }
    }

    /// Accepts a call and the commands that open the bus at 500 kbit/s.
    fn open(listener: &TcpListener) -> Peer {
        let mut peer = Peer::accept(listener);
        while peer.line().expect("the bus is opened") != "O" {}
        peer
    }

    /// The next line, answered as an adapter does; `None` at the end.
    fn line(&mut self) -> Option<String> {
        loop {
            if let Some(end) = self.text.iter().position(|byte| *byte == b'\r') {
                let line = self.text.drain(..=end).collect::<Vec<u8>>();
                let line = String::from_utf8(line[..end].to_vec()).unwrap();
                if !self.silent {
                    let _ = self.stream.write_all(if line.starts_with('t') { b"z\r" } else { b"\r" });
                }
                return Some(line);
            }
            let mut bytes = [0; 4096];
            match self.stream.read(&mut bytes) {
                Ok(0) => return None,
                Ok(count) => self.text.extend(&bytes[..count]),
                Err(error) if error.kind() == ErrorKind::ConnectionReset => return None,
                Err(error) => panic!("{error}"),
            }
        }
    }

    fn send(&mut self, text: &str) {
        self.stream.write_all(text.as_bytes()).unwrap();
    }
}

/// A frame with a counter in its first four bytes, as the C program makes them.
fn counted(id: u32, counter: u32) -> String {
    let bytes: String = counter.to_le_bytes().iter().map(|byte| format!("{byte:02X}")).collect();
    format!("t{id:03X}8{bytes}00000000")
}

#[test]
fn the_library_has_the_name_and_the_calls_that_apollo_looks_for() {
    let tool = |name: &str, flag: &str, file: &Path| {
        let output = Command::new(name).arg(flag).arg(file).output().ok()?;
        output.status.success().then(|| String::from_utf8(output.stdout).unwrap())
    };
    let (Some(dynamic), Some(symbols)) = (tool("readelf", "-d", &library()), tool("nm", "-D", &library()))
    else {
        return skidpad_test_support::skip("readelf and nm are not installed");
    };
    assert!(dynamic.contains("Library soname: [libntcan.so.4]"), "{dynamic}");
    let defined: Vec<&str> =
        symbols.lines().filter_map(|line| line.split_once(" T ").map(|(_, name)| name)).collect();
    for call in "canOpen canClose canIdAdd canIdDelete canIdRegionAdd canIdRegionDelete canSetBaudrate canGetBaudrate canRead canReadT \
                 canTake canTakeT canWrite canSend canStatus canFormatError canIoctl"
        .split_whitespace()
    {
        assert!(defined.contains(&call), "{call} is not among {defined:?}");
    }
    assert!(
        defined.iter().all(|name| name.starts_with("can")),
        "more than the interface is exported: {defined:?}"
    );
    if let Some(folder) = program() {
        let needed = tool("readelf", "-d", &folder.join("client")).unwrap();
        assert!(needed.contains("Shared library: [libntcan.so.4]"), "{needed}");
    }
}

#[test]
fn a_program_reads_ten_and_writes_one_as_apollos_canbus_does() {
    let Some(folder) = program() else { return };
    let (listener, address) = listen();
    let client = Client::start(folder, &["apollo"], address);
    let mut peer = Peer::accept(&listener);
    let mut commands: Vec<String> =
        std::iter::from_fn(|| peer.line()).take_while(|line| line != "O").collect();
    // The line may be there before the bit rate: the channel is then closed once more.
    commands.dedup();
    assert_eq!(commands, ["C", "S6"], "and O");
    peer.silent = true;
    let mut writer = Peer { stream: peer.stream.try_clone().unwrap(), text: Vec::new(), silent: true };
    let sender = std::thread::spawn(move || {
        for burst in (0..1000).collect::<Vec<u32>>().chunks(23) {
            let text: String = burst.iter().map(|counter| counted(0x65, *counter) + "\r").collect();
            // Cut in mid-frame, as TCP may.
            let (front, back) = text.split_at(text.len() / 2);
            writer.send(front);
            sleep(Duration::from_millis(1));
            writer.send(back);
        }
    });
    for counter in 0..100 {
        assert_eq!(peer.line().unwrap(), counted(0x60, 10 * counter));
    }
    sender.join().unwrap();
    client.finish();
    assert_eq!(peer.line(), None, "closed");
}

#[test]
fn a_read_without_frames_ends_after_its_time_out_with_a_count_of_zero() {
    let Some(folder) = program() else { return };
    let (listener, address) = listen();
    let client = Client::start(folder, &["timeouts"], address);
    let mut peer = Peer::open(&listener);
    while peer.line().is_some() {}
    println!("{}", client.finish());
}

#[test]
fn without_skidpad_reads_time_out_and_writes_say_so() {
    let Some(folder) = program() else { return };
    // A port that was free a moment ago and that nobody serves.
    let (listener, address) = listen();
    drop(listener);
    Client::start(folder, &["nobody"], address).finish();
}

#[test]
fn skidpad_may_come_late_go_and_come_again() {
    let Some(folder) = program() else { return };
    let (listener, address) = listen();
    drop(listener);
    let client = Client::start(folder, &["late"], address);
    for visit in 0..3 {
        sleep(Duration::from_millis(250));
        let listener = TcpListener::bind(address).unwrap();
        let mut peer = Peer::open(&listener);
        // Half a frame of the last visit must not spoil the first of this one.
        peer.send(&(counted(0x65, visit) + "\rt0658AA"));
        assert_eq!(peer.line().unwrap(), counted(0x60, visit), "no frame of the time without us");
    }
    client.finish();
}

#[test]
fn only_enabled_identifiers_arrive() {
    let Some(folder) = program() else { return };
    let (listener, address) = listen();
    let client = Client::start(folder, &["filter"], address);
    let mut peer = Peer::open(&listener);
    while let Some(line) = peer.line() {
        if line.starts_with("t060") {
            let frames =
                [counted(0x61, 1), counted(0x65, 2), counted(0x63, 3), "T00000065142".into(), "r0652".into()];
            peer.send(&(frames.join("\r") + "\r"));
        }
    }
    client.finish();
}

#[test]
fn frames_that_nobody_reads_are_counted_as_lost() {
    let Some(folder) = program() else { return };
    let (listener, address) = listen();
    let client = Client::start(folder, &["lost"], address);
    let mut peer = Peer::open(&listener);
    for burst in [100, 400] {
        assert_eq!(peer.line().unwrap(), counted(0x60, burst));
        peer.send(&(0..burst).map(|counter| counted(0x65, counter) + "\r").collect::<String>());
    }
    client.finish();
}

#[test]
fn bad_handles_pointers_and_numbers_are_refused() {
    let Some(folder) = program() else { return };
    let (_listener, address) = listen();
    Client::start(folder, &["careless"], address).finish();
}

/// Sends every frame back, for every caller, until the program has ended.
fn echo(listener: TcpListener, client: &mut Client) {
    listener.set_nonblocking(true).unwrap();
    let mut peers: Vec<std::thread::JoinHandle<()>> = Vec::new();
    while client.0.try_wait().unwrap().is_none() {
        if let Ok((stream, _)) = listener.accept() {
            stream.set_nonblocking(false).unwrap();
            stream.set_nodelay(true).unwrap();
            peers.push(std::thread::spawn(move || {
                let mut peer = Peer { stream, text: Vec::new(), silent: false };
                while let Some(line) = peer.line() {
                    if line.starts_with('t') && peer.stream.write_all(format!("{line}\r").as_bytes()).is_err()
                    {
                        break;
                    }
                }
            }));
        } else {
            sleep(Duration::from_millis(1));
        }
    }
    for peer in peers {
        peer.join().unwrap();
    }
}

#[test]
fn threads_may_read_and_write_at_once() {
    let Some(folder) = program() else { return };
    let (listener, address) = listen();
    let mut client = Client::start(folder, &["threads"], address);
    echo(listener, &mut client);
    client.finish();
}

#[test]
fn handles_of_one_net_hear_each_other() {
    let Some(folder) = program() else { return };
    let (listener, address) = listen();
    let client = Client::start(folder, &["neighbours"], address);
    let mut peer = Peer::open(&listener);
    assert_eq!(peer.line().unwrap(), counted(0x60, 7));
    assert_eq!(peer.line().unwrap(), counted(0x62, 8));
    assert_eq!(peer.line(), None);
    client.finish();
}

#[test]
fn a_peer_that_never_reads_holds_nobody_up() {
    let Some(folder) = program() else { return };
    let (listener, address) = listen();
    let client = Client::start(folder, &["stuck"], address);
    let _peer = Peer::accept(&listener);
    client.finish();
}

#[test]
fn a_full_pipe_at_standard_error_holds_nobody_up() {
    let Some(folder) = program() else { return };
    let (listener, address) = listen();
    // As many bytes as a pipe of Linux holds; the next one would wait until somebody reads.
    let (_reader, mut errors) = std::io::pipe().unwrap();
    errors.write_all(&[b'.'; 65_536]).unwrap();
    let client = Client::start_with(folder, &["neighbours"], address, errors.into());
    let mut peer = Peer::open(&listener);
    while peer.line().is_some() {}
    client.finish();
}

#[test]
fn a_million_random_bytes_do_no_harm() {
    let Some(folder) = program() else { return };
    let (listener, address) = listen();
    let client = Client::start(folder, &["noise"], address);
    let mut peer = Peer::open(&listener);
    let mut state = 0x9e37_79b9_7f4a_7c15u64;
    let mut random = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    // Half of them plain noise, half made of the letters of the protocol, of which some lines are frames.
    let letters = b"tTrRzZ\r\r\r0123456789ABCDEFabcdef\x07\n00000000011";
    let noise: Vec<u8> = (0..1_000_000)
        .map(|i| {
            if i < 500_000 {
                (random() >> 32) as u8
            } else {
                letters[(random() >> 32) as usize % letters.len()]
            }
        })
        .collect();
    peer.stream.write_all(&noise).unwrap();
    peer.send("\rt12381122334455667799\r");
    println!("{}", client.finish());
}

#[test]
fn opening_talking_and_closing_leaves_nothing_behind() {
    let Some(folder) = program() else { return };
    // `SKIDPAD_SOAK_S=60` for a longer look.
    let seconds = std::env::var("SKIDPAD_SOAK_S").unwrap_or("2".into());
    let (listener, address) = listen();
    let mut client = Client::start(folder, &["soak", &seconds], address);
    echo(listener, &mut client);
    println!("{}", client.finish());
}

/// A straight road, a car at rest, and a canbus from outside.
const SCENARIO: &str = r#"schema = 1
name = "canbus of a C program"
vehicle = "lincoln_mkz"
map = "proving_ground"
duration_s = 14.0
start = { on = "straight", station_m = 5.0 }
[stack]
canbus = "external"
[pass]
stopped = true
"#;

#[test]
fn a_program_for_the_card_drives_the_simulated_car_to_5_mps_and_stops_it() {
    let Some(folder) = program() else { return };
    // Built beside us by `cargo test --workspace`.
    let skidpad = library().parent().unwrap().with_file_name("skidpad");
    if !skidpad.exists() {
        return skidpad_test_support::skip("skidpad is not built: run `cargo build` first");
    }
    let scenario = folder.join("outside.toml");
    std::fs::write(&scenario, SCENARIO).unwrap();
    let mut simulator = Command::new(skidpad)
        .arg("run")
        .arg(scenario)
        .args(["--can", "slcan-tcp:127.0.0.1:0"])
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../.."))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut news = BufReader::new(simulator.stderr.take().unwrap());
    let simulator = Client(simulator);
    let mut line = String::new();
    let address = loop {
        line.clear();
        assert!(news.read_line(&mut line).unwrap() > 0, "no link was opened");
        if let Some(address) = line.trim().strip_prefix("link slcan-tcp:") {
            break address.parse().unwrap();
        }
    };
    let client = Client::start(folder, &["drive"], address);
    let mut rest = String::new();
    news.read_to_string(&mut rest).unwrap();
    let (code, result, _) = simulator.end();
    if code == Some(3) && result.contains("too slow to judge") {
        return skidpad_test_support::skip("the machine is too slow for a run on the clock just now");
    }
    let said = client.finish();
    println!("{said}");
    if said.contains("too slow") {
        return skidpad_test_support::skip(
            "the machine has held the program up: too slow for a drive just now",
        );
    }
    // The run has passed: the car it drove has stopped.
    assert_eq!(code, Some(0), "{result}");
}
