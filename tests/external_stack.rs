//! A stack outside, over ROS on the clock: Skidpad's own control as a process of its own would be, well and ill.

mod common;
use common::{Run, Story, repository, skidpad};
use serde_json::Value;
use skidpad_engine::TopicMessage;
use skidpad_ros1::{Master, Node, NodeOptions, TopicSpec, Uri, tcpros};
use skidpad_scenario::{Library, LoadedScenario};
use skidpad_stack::control::Control;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
#[cfg(unix)]
use std::{
    os::unix::process::CommandExt,
    process::{Child, Command, Stdio},
};

const SCENARIO: &str = r#"schema = 1
name = "outside"
vehicle = "lincoln_mkz"
map = "proving_ground"
duration_s = 9.0
start = { on = "straight", station_m = 5.0 }
reference = { path = "straight", speed_mps = [[5.0, 0.0], [15.0, 5.0], [25.0, 5.0], [35.0, 0.0]] }
[pass]
lateral_error_max_m = 0.10
events = { forbid = ["disengaged", "estop"] }
"#;

/// What goes wrong, by the wall time since the car was first seen in auto.
#[derive(Clone, Copy, Default)]
struct Illness {
    silent: Option<(f64, f64)>,
    nan: Option<(f64, f64)>,
}

/// A node with Apollo's control in it, whose clock is `scale` times as fast and far from ours.
struct ControlNode {
    stop: Arc<AtomicBool>,
    /// The longest that the machine has held it up, ms of its own time.
    late_ms: Arc<AtomicU64>,
    thread: Option<JoinHandle<()>>,
}

fn spec(name: &str) -> TopicSpec {
    let topic = skidpad_msgs::topic(name).unwrap();
    TopicSpec {
        name: topic.name.into(),
        datatype: topic.datatype.into(),
        md5: topic.md5.into(),
        definition: "protobuf".into(),
    }
}

/// Waits until the car publishes: its time passes, and the stack is waited for.
fn car_is_there(master: &Uri, stopped: &AtomicBool) {
    let options =
        NodeOptions { name: "/probe".into(), master: master.clone(), host: Some("127.0.0.1".into()) };
    let probe = Node::start(options).unwrap();
    let chassis = probe.subscribe(spec("/apollo/canbus/chassis"), 10);
    while chassis.take().is_none() && !stopped.load(Ordering::Relaxed) {
        std::thread::sleep(Duration::from_millis(5));
    }
}

impl ControlNode {
    /// Comes at once, or so long after the car.
    fn start(
        master: &Uri,
        scenario: &LoadedScenario,
        after: Option<Duration>,
        scale: f64,
        illness: Illness,
    ) -> ControlNode {
        let stop = Arc::new(AtomicBool::new(false));
        let mut control =
            Control::new(scenario.control.as_ref().clone(), scenario.calibration.as_ref().clone());
        let late_ms = Arc::new(AtomicU64::new(0));
        let (master, stopped, late) = (master.clone(), stop.clone(), late_ms.clone());
        let run = move || {
            if let Some(after) = after {
                car_is_there(&master, &stopped);
                std::thread::sleep(after);
            }
            let node =
                Node::start(NodeOptions { name: "/control".into(), master, host: Some("127.0.0.1".into()) });
            let node = node.unwrap();
            let inputs = [
                "/apollo/canbus/chassis",
                "/apollo/localization/pose",
                "/apollo/planning",
                "/apollo/control/pad",
            ];
            let inputs =
                inputs.map(|name| (skidpad_msgs::topic(name).unwrap(), node.subscribe(spec(name), 10)));
            let output = node.advertise(spec("/apollo/control"), 10, false);
            let began = Instant::now();
            let unix_s = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64();
            // A clock of its own time is an hour ahead besides.
            let ahead_unix_s = unix_s() + 3600.0;
            let clock_unix_s = || match scale {
                1.0 => unix_s(),
                _ => ahead_unix_s + scale * began.elapsed().as_secs_f64(),
            };
            let (mut auto_since, mut next) = (None::<Instant>, began);
            while !stopped.load(Ordering::Relaxed) {
                for (topic, input) in &inputs {
                    while let Some(received) = input.take() {
                        let bytes = tcpros::protobuf(&received.body).expect("a protobuf body");
                        match TopicMessage::decode(topic, bytes).expect("a message") {
                            TopicMessage::Chassis(chassis) => {
                                if chassis.driving_mode == Some(1) {
                                    auto_since.get_or_insert(Instant::now());
                                }
                                control.on_chassis(&chassis);
                            }
                            TopicMessage::Pose(pose) => control.on_localization(&pose),
                            TopicMessage::Trajectory(trajectory) => control.on_planning(&trajectory),
                            TopicMessage::Pad(pad) => control.on_pad(pad),
                            _ => {}
                        }
                    }
                }
                let mut command = control.tick(clock_unix_s());
                let since_s = auto_since.map_or(-1.0, |auto| auto.elapsed().as_secs_f64());
                let ill =
                    |span: Option<(f64, f64)>| span.is_some_and(|(from, to)| (from..to).contains(&since_s));
                if ill(illness.nan) {
                    (command.throttle, command.steering_target) = (Some(f64::NAN), Some(f64::NAN));
                }
                if !ill(illness.silent) {
                    let message = TopicMessage::Command(Box::new(command));
                    output.publish_with(|body| {
                        body.extend((message.encoded_len() as u32).to_le_bytes());
                        message.encode(body);
                    });
                }
                let behind_s = scale * next.elapsed().as_secs_f64();
                late.fetch_max((1e3 * behind_s) as u64, Ordering::Relaxed);
                next += Duration::from_secs_f64(0.01 / scale);
                std::thread::sleep(next.saturating_duration_since(Instant::now()));
            }
        };
        ControlNode { stop, late_ms, thread: Some(std::thread::spawn(run)) }
    }
}

impl Drop for ControlNode {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        let ended = self.thread.take().map(JoinHandle::join);
        assert!(std::thread::panicking() || ended.is_none_or(|thread| thread.is_ok()), "the node panicked");
    }
}

/// Two runs on the clock at a time are one too many for a small machine.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

struct Set {
    _alone: MutexGuard<'static, ()>,
    story: Story,
    file: String,
    scenario: LoadedScenario,
    master: Master,
}

impl Set {
    fn new(name: &str) -> Set {
        let alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        let story = Story::new(name);
        let file = story.file("outside.toml", SCENARIO);
        let scenario =
            Library::at(repository()).unwrap().load_text(SCENARIO, Path::new("outside.toml")).unwrap();
        Set {
            _alone: alone,
            story,
            file,
            scenario,
            master: Master::start("127.0.0.1:0".parse().unwrap()).unwrap(),
        }
    }

    fn control(&self, after_s: Option<f64>, scale: f64, illness: Illness) -> ControlNode {
        let after = after_s.map(Duration::from_secs_f64);
        ControlNode::start(self.master.uri(), &self.scenario, after, scale, illness)
    }

    fn run(&self, more: &[&str]) -> Run {
        let (master, out) = (self.master.uri().to_string(), self.story.path("out"));
        let fixed = ["run", &self.file, "--ros-master", &master, "--external", "control", "--out", &out];
        skidpad(&[&fixed[..], more].concat())
    }

    fn scenario(&self) -> Value {
        common::report(&self.story.path("out"))["scenarios"][0].clone()
    }

    fn timing(&self) -> Value {
        let text = std::fs::read_to_string(Path::new(&self.story.path("out")).join("timing.json")).unwrap();
        serde_json::from_str::<Value>(&text).unwrap()["scenarios"][0]["outside"].clone()
    }
}

/// True if the machine was too slow for a run on the clock, the car's side of it or the control's: then it says so, and
/// nothing else can be checked.
fn too_slow(run: &Run, control: Option<&ControlNode>) -> bool {
    // A command that is so late is an event of the run.
    let held_up = control.is_some_and(|control| control.late_ms.load(Ordering::Relaxed) > 150);
    let slow = held_up || run.code == Some(3) && run.stdout.contains("too slow to judge");
    if slow {
        skidpad_test_support::skip("the machine is too slow for a run on the clock just now");
    }
    slow
}

fn has_event(scenario: &Value, name: &str) -> bool {
    scenario["events"].as_array().unwrap().iter().any(|event| event["name"] == name)
}

#[test]
fn a_control_that_comes_late_is_waited_for_engaged_and_drives_to_a_pass() {
    let set = Set::new("external_late");
    let control = set.control(Some(3.0), 1.0, Illness::default());
    let run = set.run(&[]);
    if too_slow(&run, Some(&control)) {
        return;
    }
    let run = run.expect(0);
    assert!(
        run.stderr.contains("waiting for the stack: nothing on /apollo/control from control (no node"),
        "{}",
        run.stderr
    );
    assert!(run.stdout.contains("command age"), "{}", run.stdout);
    let outside = set.timing();
    let stack = &outside["stack"];
    assert!(stack["waited_s"].as_f64().unwrap() > 2.5, "{outside}");
    assert!(stack["seats"][0]["messages"].as_u64().unwrap() > 850, "{outside}");
    assert_eq!(outside["pace"]["ticks"], 9000, "{outside}");
    eprintln!("{outside}");
    assert_eq!(set.scenario()["events"].as_array().unwrap().len(), 1, "{}", set.scenario()["events"]);
}

#[test]
fn the_wish_for_real_time_priority_is_answered_in_output_and_report_and_never_an_error() {
    let set = Set::new("external_realtime");
    let short = set.story.file(
        "short.toml",
        SCENARIO.replace("9.0", "1.0").replace("[pass]", "[operator]\nengage = false\n[pass]"),
    );
    let (master, out) = (set.master.uri().to_string(), set.story.path("out"));
    let control = set.control(None, 1.0, Illness::default());
    let fixed = ["run", &short, "--ros-master", &master, "--external", "control", "--out", &out];
    let run = skidpad(&[&fixed[..], &["--realtime-priority"]].concat());
    drop(control);
    // Whether the machine was fast enough is another story.
    assert!(matches!(run.code, Some(0 | 1 | 3)), "{run:?}");
    let said =
        run.stderr.lines().find_map(|line| line.strip_prefix("note: real-time priority ")).expect("a note");
    assert!(said == "granted: SCHED_FIFO 10" || said.starts_with("refused: "), "{said}");
    assert_eq!(set.timing()["realtime_priority"], said);
    assert!(run.stdout.contains(&format!("real-time priority {said}")), "{}", run.stdout);
    eprintln!("{said}");

    // Nobody drives, so that its limits are not measured.
    let paceless = skidpad(&["run", &short, "--realtime-priority"]).expect(1);
    assert!(paceless.stderr.contains("not asked for"), "{}", paceless.stderr);
}

#[test]
fn without_a_stack_the_run_says_what_is_missing_and_exits_with_3() {
    let set = Set::new("external_never");
    let run = set.run(&["--wait", "1"]).expect(3);
    for words in ["did not take over within 1 s", "nothing on /apollo/control from control", "ROS_MASTER_URI"]
    {
        assert!(run.stdout.contains(words), "{words}: {}", run.stdout);
    }
}

#[test]
fn a_control_that_dies_ends_the_run_with_3() {
    let set = Set::new("external_dies");
    let control = set.control(None, 1.0, Illness { silent: Some((2.0, 1e9)), ..Illness::default() });
    let run = set.run(&[]).expect(3);
    drop(control);
    assert!(
        run.stdout.contains("control fell silent: nothing on /apollo/control for 3.0 s"),
        "{}",
        run.stdout
    );
    assert!(has_event(&set.scenario(), "control_silent"));
}

#[test]
fn a_control_that_stops_for_a_second_and_sends_nan_is_named_in_the_report() {
    let set = Set::new("external_ill");
    let illness = Illness { silent: Some((4.0, 5.0)), nan: Some((2.0, 2.2)) };
    let control = set.control(None, 1.0, illness);
    let run = set.run(&[]);
    drop(control);
    assert!(matches!(run.code, Some(0 | 1 | 3)), "{run:?}");
    for name in ["command_not_finite", "control_silent", "control_back"] {
        assert!(has_event(&set.scenario(), name), "{name}: {}", set.scenario()["events"]);
    }
    assert!(set.timing()["stack"]["missed_control_cycles"].as_u64().unwrap() >= 95, "{}", set.timing());
}

#[test]
fn a_stack_whose_clock_is_three_times_as_fast_is_driven_at_three_times_the_pace() {
    let set = Set::new("external_scaled");
    let control = set.control(Some(0.5), 3.0, Illness::default());
    let began = Instant::now();
    let run = set.run(&["--pace", "3"]);
    let wall_s = began.elapsed().as_secs_f64();
    if too_slow(&run, Some(&control)) {
        return;
    }
    run.expect(0);
    let outside = set.timing();
    eprintln!("{wall_s:.1} s: {outside}");
    let age_ms = outside["stack"]["command_age_p50_ms"].as_f64().unwrap();
    // With a wrong offset it would be seconds, and control would never leave its emergency stop.
    assert!((-50.0..500.0).contains(&age_ms), "{outside}");
    assert!(!has_event(&set.scenario(), "estop"));
}

/// A straight road and a stop.
#[cfg(unix)]
const STOP: &str = r#"schema = 1
name = "faketime"
vehicle = "lincoln_mkz"
map = "proving_ground"
duration_s = 14.0
start = { on = "straight", station_m = 5.0 }
reference = { path = "straight", speed_mps = [[5.0, 0.0], [15.0, 4.0], [25.0, 4.0], [35.0, 0.0]] }
[pass]
lateral_error_max_m = 0.2
progress_min_pct = 98.0
stopped = true
events = { forbid = ["disengaged", "estop"] }
"#;

/// A process that is killed when it is dropped, and with it what it has started: faketime waits for what runs under it.
#[cfg(unix)]
struct Family(Child);

#[cfg(unix)]
impl Drop for Family {
    fn drop(&mut self) {
        let _ = Command::new("kill").args(["-9", "--", &format!("-{}", self.0.id())]).status();
        let _ = self.0.wait();
    }
}

#[cfg(unix)]
#[test]
fn an_unmodified_controller_under_libfaketime_drives_at_three_times_the_pace_to_a_pass() {
    let fake = |inner: &[&str]| {
        let mut command = Command::new("faketime");
        command.args(["-f", "+0 x3"]).args(inner).stdin(Stdio::null()).stdout(Stdio::null());
        command
    };
    let there = fake(&["python3", "-c", "import google.protobuf"]).stderr(Stdio::null()).status();
    if !there.is_ok_and(|status| status.success()) {
        return skidpad_test_support::skip("faketime, or Python with google.protobuf under it, does not run");
    }
    let set = Set::new("external_faketime");
    let file = set.story.file("faketime.toml", STOP);
    let messages = set.story.file("messages.binpb", skidpad_msgs::FILE_DESCRIPTOR_SET);
    let controller = repository().join("examples/ros1/pure_pursuit.py");
    let _controller = Family(
        fake(&["python3", controller.to_str().unwrap(), &messages])
            .env("ROS_MASTER_URI", set.master.uri().to_string())
            .env("PYTHONPATH", repository().join("tests/peers/plain_ros"))
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .process_group(0)
            .spawn()
            .unwrap(),
    );
    let (master, out) = (set.master.uri().to_string(), set.story.path("out"));
    let run = skidpad(&[
        "run",
        &file,
        "--ros-master",
        &master,
        "--external",
        "control",
        "--pace",
        "3",
        "--out",
        &out,
    ]);
    if too_slow(&run, None) {
        return;
    }
    run.expect(0);
    let outside = set.timing();
    eprintln!("{outside}");
    // A clock that was learned wrongly would be seconds off.
    let age_ms = outside["stack"]["command_age_p50_ms"].as_f64().unwrap();
    assert!((-50.0..500.0).contains(&age_ms), "{outside}");
}

#[test]
fn numbers_of_a_scenario_that_do_not_reach_the_control_outside_are_said_before_it_runs() {
    let file = "scenarios/stopping/pull_away_on_20_up.toml";
    let link = ["--link", "lockstep:tcp:127.0.0.1:0", "--external", "control", "--wait", "0"];
    let run = skidpad(&[&["run", file][..], &link].concat()).expect(3);
    let line = run.stderr.lines().find(|line| line.starts_with("warning: ")).expect("a warning");
    for words in [file, "[stack.control_overrides] does not reach the control outside", "longitudinal"] {
        assert!(line.contains(words), "{words}: {line}");
    }
    assert!(!skidpad(&["run", file]).expect(0).stderr.contains("warning"));
}

#[test]
fn seats_without_a_way_in_or_out_are_refused() {
    let set = Set::new("external_refused");
    let file = set.file.as_str();
    for (seat, words) in [
        ("control", &["the control is external", "--link"][..]),
        ("canbus", &["the canbus is external", "--can"]),
        ("gnss_driver", &["the gnss_driver is external", "--gnss"]),
    ] {
        skidpad(&["run", file, "--external", seat]).expect_refusal("outside.toml", words);
    }
    let run = skidpad(&["run", file, "--external", "driver"]).expect(2);
    assert!(run.stderr.contains("expected seats of planning, control"), "{}", run.stderr);
    let run = skidpad(&["run", file, "--link", "ros2"]).expect(2);
    assert!(run.stderr.contains("expected ros1"), "{}", run.stderr);
    let story = Story::new("external_check");
    let wrong =
        story.file("wrong.toml", format!("{SCENARIO}\n[links]\ncan = [\"kan0\"]\ntopics = [\"ros2\"]\n"));
    let run = skidpad(&["check", &wrong]).expect(2);
    for words in ["`links.can`: no CAN link is named \"kan0\"", "`links.topics`: no link that carries topics"]
    {
        assert!(run.stderr.contains(words), "{words}: {}", run.stderr);
    }
}
