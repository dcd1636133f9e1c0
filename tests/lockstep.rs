//! Lock-step as its users meet it: the clients of examples/lockstep drive, and stacks that misbehave are told apart.

mod common;
#[path = "../examples/lockstep/pure_pursuit.rs"]
mod pure_pursuit;
use common::peers::Running;
use common::{Story, report, repository, results, skidpad};
use serde_json::Value;
use skidpad_links::lockstep::{FrameReader, VERSION, write_frame};
use skidpad_msgs::Message as _;
use skidpad_msgs::apollo::control::{ControlCommand, PadMessage};
use skidpad_msgs::lockstep::{
    Bye, Commands, FromSimulator, FromStack, Message, Ready, Step, Verdict, from_simulator, from_stack,
};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

const HANDLING_LOOP: &str = "scenarios/tracking/waypoints_20kmh.toml";
/// A straight road and a stop; whoever steers straight on passes.
const STRAIGHT: &str = r#"schema = 1
name = "straight"
vehicle = "lincoln_mkz"
map = "proving_ground"
duration_s = 14.0
start = { on = "straight", station_m = 5.0 }
reference = { path = "straight", speed_mps = [[5.0, 0.0], [15.0, 4.0], [25.0, 4.0], [35.0, 0.0]] }
[pass]
lateral_error_max_m = 0.2
progress_min_pct = 98.0
stopped = true
"#;

/// Where it listens, as its clients write it.
fn address(run: &mut Running) -> String {
    let link = run.link();
    link.strip_prefix("lockstep:").expect("a link in lock-step").to_string()
}

fn end_of(child: &mut Child) -> Option<i32> {
    let started = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status.code();
        }
        assert!(started.elapsed() < Duration::from_secs(200), "it hangs");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A client at work; whether it heard of a pass.
type Client = JoinHandle<bool>;

/// Runs a scenario with one of the clients, to a pass.
fn drive(story: &Story, scenario: &str, link: &str, client: impl FnOnce(&str) -> Client) {
    let out = story.path("out");
    drive_seats(scenario, link, "control", &out, client);
}

/// The same with these seats; the results go to `out`.
fn drive_seats(scenario: &str, link: &str, seats: &str, out: &str, client: impl FnOnce(&str) -> Client) {
    let mut run = Running::start(&["run", scenario, "--link", link, "--external", seats, "--out", out]);
    let address = address(&mut run);
    let client = client(&address);
    let (code, text) = run.finish();
    assert_eq!(code, Some(0), "{text}\n{:#}", report(out));
    assert!(client.join().unwrap(), "the client hears of the verdict");
}

/// Every message of the stack as a file, for Python.
fn messages(story: &Story) -> String {
    let schema = Command::new(env!("CARGO_BIN_EXE_skidpad")).args(["schema", "messages"]).output().unwrap();
    story.file("messages.binpb", schema.stdout)
}

fn unix(story: &Story) -> (PathBuf, String) {
    // A path of a socket is at most 107 bytes long.
    let name = format!("skidpad-{}-{}", std::process::id(), story.folder().file_name().unwrap().display());
    let path = std::env::temp_dir().join(name);
    let link = format!("lockstep:unix:{}", path.display());
    (path, link)
}

fn rust_client(address: &str) -> Client {
    let address = address.to_string();
    std::thread::spawn(move || pure_pursuit::run(&address).is_ok())
}

fn process(program: &str, arguments: &[&str]) -> Client {
    let mut child = Command::new(program).args(arguments).spawn().expect("the client starts");
    std::thread::spawn(move || end_of(&mut child) == Some(0))
}

fn is_there(program: &str, arguments: &[&str]) -> bool {
    let ran = Command::new(program).args(arguments).stdout(Stdio::null()).stderr(Stdio::null()).status();
    let there = ran.is_ok_and(|status| status.success());
    if !there {
        skidpad_test_support::skip(&format!("{program} {} does not run", arguments.join(" ")));
    }
    there
}

#[test]
fn the_rust_client_passes_the_handling_loop_at_20_kmh() {
    let story = Story::new("lockstep_rust");
    drive(&story, HANDLING_LOOP, "lockstep:tcp:127.0.0.1:0", rust_client);
}

#[test]
fn the_python_client_passes_the_handling_loop_at_20_kmh_and_is_short() {
    let file = repository().join("examples/lockstep/pure_pursuit.py");
    let lines = std::fs::read_to_string(&file).unwrap().lines().count();
    assert!(lines <= 60, "{lines} lines");
    if !is_there("python3", &["-c", "import google.protobuf"]) {
        return;
    }
    let story = Story::new("lockstep_python");
    let (messages, (socket, link)) = (messages(&story), unix(&story));
    drive(&story, HANDLING_LOOP, &link, |address| {
        process("python3", &[file.to_str().unwrap(), address, &messages])
    });
    assert!(!socket.exists(), "the file of the socket is left behind");
}

/// Four short drives, one of them through a curve, as a folder of scenarios.
fn folder_of_scenarios(story: &Story) -> String {
    for (file, name) in [("a", "straight a"), ("c", "straight c"), ("d", "straight d")] {
        story.file(
            &format!("drives/{file}.toml"),
            STRAIGHT.replace("\"straight\"\nvehicle", &format!("\"{name}\"\nvehicle")),
        );
    }
    let slalom = STRAIGHT
        .replace("\"straight\"\nvehicle", "\"slalom b\"\nvehicle")
        .replace("on = \"straight\"", "on = \"slalom\"")
        .replace("path = \"straight\"", "path = \"slalom\"");
    story.file("drives/b.toml", slalom);
    story.path("drives")
}

#[test]
fn a_python_stack_of_control_and_localization_drives_a_folder_of_scenarios_the_same_however_slow_it_is() {
    if !is_there("python3", &["-c", "import google.protobuf"]) {
        return;
    }
    let client = repository().join("examples/lockstep/stack.py");
    let runs = [("lockstep_stack_fast", "0"), ("lockstep_stack_slow", "1.5")].map(|(name, pause_ms)| {
        let story = Story::new(name);
        let (scenarios, messages, (socket, link)) =
            (folder_of_scenarios(&story), messages(&story), unix(&story));
        drive_seats(&scenarios, &link, "control,localization", &story.path("out"), |address| {
            process("python3", &[client.to_str().unwrap(), address, &messages, pause_ms])
        });
        assert!(!socket.exists(), "the file of the socket is left behind");
        let results = results(&story.path("out")).into_iter();
        let without_folder = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap().replace(&story.path(""), "");
        results.map(|(name, bytes)| (name, without_folder(bytes))).collect::<Vec<_>>()
    });
    assert_eq!(runs[0].iter().filter(|(name, _)| name.ends_with("trace.csv")).count(), 4);
    for ((name, fast), (_, slow)) in runs[0].iter().zip(&runs[1]) {
        assert!(fast == slow, "{name} differs");
    }
    let report: Value =
        serde_json::from_str(&runs[0].iter().find(|(name, _)| name == "/report.json").unwrap().1).unwrap();
    let hash = |at: usize| &report["scenarios"][at]["truth_hash"];
    assert!(hash(0) == hash(2) && hash(0) != hash(1), "the same drive twice, and another between them");
}

#[test]
fn the_cpp_client_passes_the_handling_loop_at_20_kmh() {
    if !is_there("g++", &["--version"]) {
        return;
    }
    let story = Story::new("lockstep_cpp");
    let (source, program) =
        (repository().join("examples/lockstep/pure_pursuit.cpp"), story.path("pure_pursuit"));
    let built = Command::new("g++")
        .args(["-std=c++17", "-O1", "-Wall", "-Wextra", "-Werror", "-o", &program])
        .arg(source)
        .output()
        .unwrap();
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    let (socket, link) = unix(&story);
    drive(&story, HANDLING_LOOP, &link, |address| process(&program, &[address]));
    assert!(!socket.exists(), "the file of the socket is left behind");
}

#[test]
fn of_a_folder_only_the_scenario_that_names_the_link_meets_the_stack() {
    let story = Story::new("lockstep_one_of_two");
    let (socket, link) = unix(&story);
    let tables = format!("[stack]\ncontrol = \"external\"\n[links]\ntopics = [\"{link}\"]\n[pass]");
    story.file("drives/a.toml", STRAIGHT.replace("\"straight\"\nvehicle", "\"alone\"\nvehicle"));
    story.file("drives/b.toml", STRAIGHT.replace("[pass]", &tables));
    let out = story.path("out");
    let mut run = Running::start(&["run", &story.path("drives"), "--out", &out]);
    let client = rust_client(&address(&mut run));
    let (code, text) = run.finish();
    assert_eq!(code, Some(0), "{text}\n{:#}", report(&out));
    assert!(client.join().unwrap() && !socket.exists());
    let timing = std::fs::read_to_string(story.folder().join("out/timing.json")).unwrap();
    let timing: Value = serde_json::from_str(&timing).unwrap();
    let links = |at: usize| timing["scenarios"][at]["outside"]["links"].as_array().map_or(0, Vec::len);
    assert_eq!((links(0), links(1)), (0, 1), "{timing:#}");
}

/// Carries bytes both ways, each piece late by this.
fn slowly(address: &str, pause: Duration) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let slow = format!("tcp:{}", listener.local_addr().unwrap());
    let far = address.strip_prefix("tcp:").unwrap().to_string();
    let carry = move |mut from: TcpStream, mut to: TcpStream| {
        let mut bytes = [0; 100_000];
        while let Ok(length @ 1..) = from.read(&mut bytes) {
            std::thread::sleep(pause);
            if to.write_all(&bytes[..length]).is_err() {
                return;
            }
        }
        let _ = to.shutdown(std::net::Shutdown::Write);
    };
    std::thread::spawn(move || {
        let near = listener.accept().unwrap().0;
        let far = TcpStream::connect(far).unwrap();
        let (back, forth) = (far.try_clone().unwrap(), near.try_clone().unwrap());
        std::thread::spawn(move || carry(back, forth));
        carry(near, far);
    });
    slow
}

#[test]
fn a_slow_and_a_fast_stack_give_the_same_report_and_trace_to_the_byte() {
    let stories = ["lockstep_fast", "lockstep_slow"].map(Story::new);
    let pauses = [Duration::ZERO, Duration::from_micros(700)];
    let [fast, slow] = [0, 1].map(|at| {
        let story = &stories[at];
        let scenario = story.file("straight.toml", STRAIGHT);
        drive(story, &scenario, "lockstep:tcp:127.0.0.1:0", |address| match pauses[at] {
            Duration::ZERO => rust_client(address),
            pause => rust_client(&slowly(address, pause)),
        });
        results(&story.path("out"))
    });
    let without_folder =
        |bytes: &[u8], at: usize| String::from_utf8_lossy(bytes).replace(&stories[at].path(""), "");
    assert_eq!(fast.keys().collect::<Vec<_>>(), slow.keys().collect::<Vec<_>>());
    assert!(fast.keys().any(|name| name.ends_with("trace.csv")) && fast.contains_key("/report.json"));
    for (name, bytes) in &fast {
        // The address of the link and the folder are not the run's.
        assert!(without_folder(bytes, 0) == without_folder(&slow[name], 1), "{name} differs");
    }
}

/// A stack made of a function: from the number of the step and the pad message, if one came, to commands.
struct Stack {
    stream: TcpStream,
    reader: FrameReader,
}

impl Stack {
    fn join(address: &str) -> Stack {
        let stream = TcpStream::connect(address.strip_prefix("tcp:").unwrap()).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        let mut stack = Stack { stream, reader: FrameReader::default() };
        stack.hear();
        stack.say(from_stack::Content::Ready(Ready {
            version: VERSION,
            name: "vandal".into(),
            ..Ready::default()
        }));
        stack
    }

    fn say(&mut self, content: from_stack::Content) {
        let mut out = Vec::new();
        write_frame(&FromStack { content: Some(content) }, &mut out);
        self.stream.write_all(&out).unwrap();
    }

    fn hear(&mut self) -> from_simulator::Content {
        let mut bytes = [0; 4096];
        loop {
            if let Some(frame) = self.reader.next_frame().unwrap() {
                return FromSimulator::decode(frame).unwrap().content.unwrap();
            }
            let length = self.stream.read(&mut bytes).unwrap();
            assert!(length > 0, "the simulator has gone without a Bye");
            self.reader.push(&bytes[..length]);
        }
    }

    /// Answers with the brake on, and passes the operator's presses on, until `until`; or what Bye says.
    fn brake(&mut self, until: u64, change: impl Fn(u64, &mut ControlCommand)) -> Result<Step, Bye> {
        loop {
            let step = match self.hear() {
                from_simulator::Content::Step(step) => step,
                from_simulator::Content::Bye(bye) => return Err(bye),
                from_simulator::Content::Hello(_) => panic!("a second Hello"),
            };
            if step.number >= until {
                return Ok(step);
            }
            let pad = step.messages.iter().rev().find(|message| message.topic == "/apollo/control/pad");
            let mut command = ControlCommand {
                brake: Some(30.0),
                pad_msg: pad.map(|pad| PadMessage::decode(&pad.data[..]).unwrap()),
                ..ControlCommand::default()
            };
            change(step.number, &mut command);
            let message = Message { topic: "/apollo/control".into(), data: command.encode_to_vec() };
            self.say(from_stack::Content::Commands(Commands {
                number: step.number,
                messages: vec![message],
            }));
        }
    }
}

/// Runs the straight road with a stack that does so, which is given its first and its second of driving.
fn misbehave(name: &str, answer_within_s: &str, act: impl FnOnce(Stack)) -> (Option<i32>, Value) {
    let story = Story::new(name);
    let (scenario, out) = (story.file("straight.toml", STRAIGHT), story.path("out"));
    let link = "lockstep:tcp:127.0.0.1:0";
    let arguments = [
        "run",
        &scenario,
        "--link",
        link,
        "--external",
        "control",
        "--answer-within",
        answer_within_s,
        "--out",
        &out,
    ];
    let mut run = Running::start(&arguments);
    let stack = Stack::join(&address(&mut run));
    act(stack);
    let (code, text) = run.finish();
    assert!(!text.contains("panicked"), "{text}");
    (code, report(&out)["scenarios"][0].clone())
}

#[track_caller]
fn assert_lost(name: &str, words: &str, act: impl FnOnce(Stack)) {
    let answer_within_s = if words.contains("did not answer") { "2" } else { "60" };
    let (code, result) = misbehave(name, answer_within_s, act);
    assert_eq!(code, Some(3), "{result:#}");
    let error = result["error"].as_str().unwrap();
    assert!(error.contains("lost the stack \"vandal\" in step ") && error.contains(words), "{error}");
    let events = result["events"].as_array().unwrap();
    let lost = events.iter().find(|event| event["name"] == "stack_lost").expect("the report names the event");
    assert!(lost["detail"].as_str().unwrap().contains(words), "{lost}");
    assert!(events.iter().any(|event| event["name"] == "engaged"), "it had driven: {result:#}");
}

#[test]
fn a_stack_that_dies_while_it_drives_is_exit_status_3_with_the_event_and_the_step() {
    assert_lost("lockstep_dies", "in step 300: it closed the connection", |mut stack| {
        stack.brake(300, |_, _| ()).unwrap();
    });
    assert_lost("lockstep_half", "in the middle of a frame", |mut stack| {
        stack.brake(300, |_, _| ()).unwrap();
        stack.stream.write_all(&[40, 0, 0, 0, 1, 2]).unwrap();
    });
    assert_lost("lockstep_rubbish", "bytes was announced; expected at most 1048576", |mut stack| {
        stack.brake(300, |_, _| ()).unwrap();
        stack.stream.write_all(b"rubbish, and more of it").unwrap();
        assert_eq!(stack.brake(u64::MAX, |_, _| ()).unwrap_err().verdict(), Verdict::None);
    });
}

#[test]
fn a_stack_that_stops_is_waited_for_as_long_as_was_said_and_is_exit_status_3() {
    assert_lost("lockstep_stops", "in step 300: it did not answer within 2 s", |mut stack| {
        stack.brake(300, |_, _| ()).unwrap();
        let bye = stack.brake(u64::MAX, |_, _| ()).unwrap_err();
        assert!(bye.reason.contains("did not answer within 2 s"), "{bye:?}");
    });
}

#[test]
fn commands_that_are_no_numbers_are_an_event_and_do_no_harm_to_the_simulator() {
    let (code, result) = misbehave("lockstep_nan", "60", |mut stack| {
        let bye = stack.brake(u64::MAX, |number, command| {
            if (300..400).contains(&number) {
                command.brake = Some(f64::NAN);
                command.steering_target = Some(f64::INFINITY);
            }
        });
        assert_eq!(bye.unwrap_err().verdict(), Verdict::Failed);
    });
    assert_eq!(code, Some(1), "the car was braked all the time, and went nowhere: {result:#}");
    assert!(result["events"].to_string().contains("command_not_finite"), "{result:#}");
}

/// Stands in auto under a brake for five seconds, which is a pass.
const STANDING: &str = r#"schema = 1
name = "standing"
vehicle = "lincoln_mkz"
map = "proving_ground"
duration_s = 5.0
start = { on = "straight", station_m = 5.0 }
reference = { path = "straight", speed_mps = [[5.0, 0.0], [15.0, 4.0], [25.0, 4.0], [35.0, 0.0]] }
[pass]
stopped = true
"#;

#[test]
fn a_stack_that_was_lost_and_stays_away_is_waited_for_once_and_then_briefly_until_it_comes() {
    let story = Story::new("lockstep_stays_away");
    for name in ["1", "2", "3", "4", "5"] {
        story.file(&format!("drives/{name}.toml"), STANDING.replace("standing", name));
    }
    let (drives, out) = (story.path("drives"), story.path("out"));
    let link = "lockstep:tcp:127.0.0.1:0";
    let mut run = Running::start(&[
        "run",
        &drives,
        "--link",
        link,
        "--external",
        "control",
        "--wait",
        "5",
        "--answer-within",
        "60",
        "--out",
        &out,
    ]);
    let address = address(&mut run);
    let mut first = Stack::join(&address);
    first.brake(300, |_, _| ()).unwrap();
    drop(first);
    // Nobody comes to the second and the third; to the fourth somebody does.
    let said = run.says("note: the stack was lost");
    assert_eq!(said, ", and nobody came within 5 s since: it is waited for 3 s");
    run.says("note: the stack was lost");
    let bye = Stack::join(&address).brake(u64::MAX, |_, _| ()).unwrap_err();
    assert_eq!(bye.verdict(), Verdict::Passed, "{bye:?}");
    let (code, text) = run.finish();
    assert_eq!(code, Some(3), "{text}");
    let report = report(&out);
    let result = |at: usize| {
        let result = &report["scenarios"][at];
        result["error"].as_str().map_or(result["verdict"].to_string(), str::to_owned)
    };
    assert!(result(0).contains("it closed the connection"), "{}", result(0));
    assert!(result(1).contains("no stack joined within 5 s"), "{}", result(1));
    assert!(result(2).contains("no stack joined within 3 s"), "{}", result(2));
    assert_eq!(result(3), "\"pass\"");
    assert!(result(4).contains("no stack joined within 5 s"), "it had come again: {}", result(4));
}

/// A process of Python that brakes, see `tests/peers/lockstep.py`; killed when it is dropped.
struct Brakes {
    child: Child,
    lines: std::io::Lines<BufReader<ChildStdout>>,
}

impl Drop for Brakes {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Brakes {
    fn start(address: &str, deed: &[&str]) -> Brakes {
        let script = repository().join("tests/peers/lockstep.py");
        let mut command = Command::new("python3");
        command.arg(script).arg(address).args(deed).stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Brakes { child, lines }
    }

    /// What it says next.
    #[track_caller]
    fn expect(&mut self, words: &str) {
        let line = self.lines.next().expect("it says something").unwrap();
        assert!(line.contains(words), "{words}: {line}");
    }

    fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([name, &self.child.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }
}

/// Runs with stacks that are processes, over a Unix socket, whose file must be gone in the end.
struct Stand {
    story: Story,
    run: Running,
    address: String,
    socket: PathBuf,
}

impl Stand {
    fn new(name: &str, scenarios: &[&str], more: &[&str]) -> Stand {
        let story = Story::new(name);
        for name in scenarios {
            story.file(&format!("drives/{name}.toml"), STANDING.replace("standing", name));
        }
        let (socket, link) = unix(&story);
        let (drives, out) = (story.path("drives"), story.path("out"));
        let fixed = ["run", &drives, "--link", &link, "--external", "control", "--out", &out];
        let mut run = Running::start(&[&fixed[..], more].concat());
        let address = address(&mut run);
        Stand { story, run, address, socket }
    }

    fn stack(&self, deed: &[&str]) -> Brakes {
        Brakes::start(&self.address, deed)
    }

    /// Exit status, results of the scenarios, and all files of them.
    #[track_caller]
    fn finish(self, code: i32) -> (Vec<Value>, BTreeMap<String, Vec<u8>>) {
        let (ended, text) = self.run.finish();
        let out = self.story.path("out");
        assert_eq!(ended, Some(code), "{text}\n{:#}", report(&out));
        assert!(!text.contains("panicked"), "{text}");
        assert!(!self.socket.exists(), "the file of the socket is left behind");
        let scenarios = report(&out)["scenarios"].as_array().unwrap().clone();
        let mut files = results(&out);
        files.retain(|name, _| name.ends_with(".csv"));
        (scenarios, files)
    }
}

#[track_caller]
fn assert_is_lost(result: &Value, words: &str) {
    let error = result["error"].as_str().unwrap_or_default();
    assert!(error.contains("lost the stack \"brakes\" in step 300: ") && error.contains(words), "{result:#}");
    let events = result["events"].as_array().unwrap();
    let lost = events.iter().find(|event| event["name"] == "stack_lost").expect("the report names the event");
    assert!(lost["detail"].as_str().unwrap().contains(words), "{lost}");
    assert!(events.iter().any(|event| event["name"] == "engaged"), "it had driven: {result:#}");
}

fn has_python() -> bool {
    is_there("python3", &["-c", "import socket"])
}

#[test]
fn a_process_that_is_killed_in_mid_run_is_lost_and_the_next_one_drives_the_next_scenario() {
    if !has_python() {
        return;
    }
    let stand = Stand::new("lockstep_kill", &["one", "two"], &[]);
    let mut killed = stand.stack(&["300", "wait"]);
    killed.expect("step 300");
    killed.signal("-9");
    let mut next = stand.stack(&[]);
    next.expect("bye 1");
    let (results, _) = stand.finish(3);
    assert_is_lost(&results[0], "it closed the connection");
    assert_eq!(results[1]["verdict"], "pass", "{:#}", results[1]);
}

#[test]
fn a_process_that_is_stopped_for_a_second_changes_not_a_byte() {
    if !has_python() {
        return;
    }
    let undisturbed = Stand::new("lockstep_undisturbed", &["one"], &[]);
    let mut stack = undisturbed.stack(&[]);
    let (results, files) = undisturbed.finish(0);
    stack.expect("bye 1");
    let stand = Stand::new("lockstep_stop_cont", &["one"], &[]);
    let mut stack = stand.stack(&["300", "stop"]);
    stack.expect("step 300");
    std::thread::sleep(Duration::from_secs(1));
    stack.signal("-CONT");
    let (after_stop, files_after_stop) = stand.finish(0);
    stack.expect("bye 1");
    let what = |results: &[Value]| ["truth_hash", "metrics", "events"].map(|key| results[0][key].to_string());
    assert_eq!(what(&results), what(&after_stop));
    assert!(files == files_after_stop && !files.is_empty());
}

#[test]
fn a_process_that_is_stopped_for_longer_than_was_said_is_lost() {
    if !has_python() {
        return;
    }
    let stand = Stand::new("lockstep_stop", &["one"], &["--answer-within", "2"]);
    let mut stack = stand.stack(&["300", "stop"]);
    stack.expect("step 300");
    let (results, _) = stand.finish(3);
    assert_is_lost(&results[0], "it did not answer within 2 s");
}

#[test]
fn half_a_frame_and_then_silence_or_the_end_is_lost() {
    if !has_python() {
        return;
    }
    let silent = Stand::new("lockstep_half_silent", &["one"], &["--answer-within", "2"]);
    let mut stack = silent.stack(&["300", "half"]);
    stack.expect("step 300");
    let (results, _) = silent.finish(3);
    assert_is_lost(&results[0], "it did not answer within 2 s");
    drop(stack);
    let killed = Stand::new("lockstep_half_killed", &["one"], &[]);
    let mut stack = killed.stack(&["300", "half"]);
    stack.expect("step 300");
    stack.expect("half");
    stack.signal("-9");
    assert_is_lost(&killed.finish(3).0[0], "it closed the connection in the middle of a frame");
}

#[test]
fn of_two_processes_the_first_drives_and_the_second_is_told_so() {
    if !has_python() {
        return;
    }
    let stand = Stand::new("lockstep_two", &["one"], &[]);
    // The first is stopped in mid-run until the second has come.
    let mut first = stand.stack(&["300", "stop"]);
    first.expect("step 300");
    let mut second = stand.stack(&["0", "called"]);
    second.expect("called");
    first.signal("-CONT");
    second.expect("bye 0 another stack takes part already");
    first.expect("bye 1");
    let (results, _) = stand.finish(0);
    let said = results[0]["explanations"].to_string();
    assert!(said.contains("turned 1 away, since one stack took part already"), "{said}");
}

#[test]
fn a_process_that_dies_before_it_is_ready_is_refused_and_another_may_come() {
    if !has_python() {
        return;
    }
    let stand = Stand::new("lockstep_mute", &["one"], &[]);
    let mut mute = stand.stack(&["1", "mute"]);
    mute.expect("mute");
    mute.signal("-9");
    let mut stack = stand.stack(&[]);
    stack.expect("bye 1");
    let (results, _) = stand.finish(0);
    let said = results[0]["explanations"].to_string();
    assert!(said.contains("a stack was refused before the run: it closed the connection"), "{said}");
}

#[test]
fn seats_that_cannot_be_outside_in_lock_step_are_refused_with_the_way_out() {
    let story = Story::new("lockstep_seats");
    let scenario = story.file("straight.toml", STRAIGHT);
    let link = ["--link", "lockstep:tcp:127.0.0.1:0"];
    let refused = |more: &[&str], words: &[&str]| {
        skidpad(&[&["run", &scenario][..], &link, more].concat()).expect_refusal("straight.toml", words);
    };
    let way_out = ["lives on the clock", "leave it inside", "--link ros1"];
    refused(
        &["--external", "control,canbus", "--can", "slcan"],
        &[&["the canbus cannot be outside"], &way_out[..]].concat(),
    );
    refused(&["--external", "canbus"], &["the canbus cannot be outside", "a CAN link"]);
    refused(&["--external", "gnss_driver"], &["the gnss_driver cannot be outside", "the receiver's port"]);
    refused(
        &["--external", "control", "--link", "lockstep:tcp:127.0.0.1:0"],
        &["expected one link that carries topics where one is in lock-step, got 2"],
    );
}

#[test]
fn without_a_stack_it_is_exit_status_3_and_a_name_that_is_none_2() {
    let story = Story::new("lockstep_nobody");
    let scenario = story.file("straight.toml", STRAIGHT);
    let (socket, link) = unix(&story);
    let run =
        |link: &str| skidpad(&["run", &scenario, "--link", link, "--external", "control", "--wait", "1"]);
    let nobody = run(&link).expect(3);
    assert!(nobody.stdout.contains("no stack joined within 1 s"), "{}", nobody.stdout);
    assert!(!socket.exists());
    run("lockstep:unix").expect_refusal("lockstep:unix", &["lockstep:unix:PATH"]);
    std::fs::write(&socket, "a diary").unwrap();
    let taken = run(&link).expect(2);
    assert!(format!("{}{}", taken.stdout, taken.stderr).contains("no socket"), "{taken:?}");
    std::fs::remove_file(&socket).unwrap();
}

#[cfg(unix)]
#[test]
fn who_is_told_to_end_while_it_waits_for_a_stack_leaves_no_socket_behind() {
    let story = Story::new("lockstep_interrupt");
    let scenario = story.file("straight.toml", STRAIGHT);
    let (socket, link) = unix(&story);
    let mut run =
        Running::start(&["run", &scenario, "--link", &link, "--external", "control", "--wait", "100"]);
    address(&mut run);
    assert!(socket.exists());
    let killed = Command::new("kill").args(["-TERM", &run.child.id().to_string()]).status().unwrap();
    assert!(killed.success());
    assert_eq!(run.finish().0, Some(130));
    assert!(!socket.exists());
}
