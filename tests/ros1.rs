//! ROS 1 from the command line.

mod common;
use common::peers::{Place, Running};
use common::{Story, repository, skidpad};
use skidpad_ros1::{Client, Master, Node, NodeOptions, TopicSpec, tcpros, xmlrpc::Value};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

#[test]
fn topics_are_listed_with_their_nodes_and_rates() {
    let master = Master::start(SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 0)).unwrap();
    let start = |name: &str| {
        Node::start(NodeOptions { name: name.into(), master: master.uri().clone(), host: None }).unwrap()
    };
    let (car, stack) = (start("/skidpad"), start("/control"));
    let chassis = TopicSpec {
        name: "/apollo/canbus/chassis".into(),
        datatype: "pb_msgs/Chassis".into(),
        md5: "d6a21658031a6a4615858d76f8b5178e".into(),
        definition: "protobuf".into(),
    };
    let publisher = car.advertise(chassis.clone(), 10, false);
    let _subscription = stack.subscribe(chassis, 10);
    let stop = Arc::new(AtomicBool::new(false));
    let over = stop.clone();
    let talks = std::thread::spawn(move || {
        while !over.load(Ordering::Relaxed) {
            publisher.publish(&tcpros::protobuf_body(&[0x18, 1]));
            std::thread::sleep(Duration::from_millis(10));
        }
    });
    let uri = master.uri().to_string();
    let list = skidpad(&["topics", "--ros-master", &uri, "--seconds", "2"]).expect(0).stdout;
    stop.store(true, Ordering::Relaxed);
    talks.join().unwrap();
    let line = list.lines().find(|line| line.starts_with("/apollo/canbus/chassis ")).expect("the topic");
    let words: Vec<&str> = line.split_whitespace().collect();
    let hz: f64 = words[1].parse().unwrap();
    assert!((20.0..101.0).contains(&hz), "a busy machine is slower, none is faster: {list}");
    assert_eq!(words[3..], ["/skidpad", "/control"], "{list}");
}

#[test]
fn without_a_master_topics_says_where_it_looked() {
    // A port that nobody has, and that the system gives to nobody.
    let closed = "127.0.0.1:1";
    let run = skidpad(&["topics", "--ros-master", &format!("http://{closed}"), "--seconds", "1"]).expect(3);
    assert!(
        run.stderr.contains(&format!("no ROS master: http://{closed}/: connection refused")),
        "{}",
        run.stderr
    );
    skidpad(&["topics", "--ros-master", "localhost:11311"])
        .expect_refusal("localhost:11311", &["http://HOST:PORT/"]);
}

#[test]
fn the_hmi_hears_that_the_hardware_is_there_and_one_that_is_not_there_is_a_note() {
    let socket = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let uri = format!("http://{}", socket.local_addr().unwrap());
    let hears = std::thread::spawn(move || {
        let (mut stream, _) = socket.accept().unwrap();
        let mut heard = String::new();
        let mut bytes = [0; 1024];
        while !heard.ends_with("]}") {
            let count = stream.read(&mut bytes).unwrap();
            heard.push_str(std::str::from_utf8(&bytes[..count]).unwrap());
        }
        stream.write_all(b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n{}").unwrap();
        heard
    });
    let scenario = repository().join("scenarios/manual/creep.toml");
    let scenario = scenario.to_str().unwrap();
    skidpad(&["run", scenario, "--hmi", &uri]).expect(0);
    let heard = hears.join().unwrap();
    assert!(heard.starts_with("POST /runtime_status_api HTTP/1.1\r\n"), "{heard}");
    let hardware = r#"{"hardware":[{"name":"GPS","status":0},{"name":"ESD_CAN-0","status":0}]}"#;
    assert!(heard.contains("Content-Type: application/json") && heard.ends_with(hardware), "{heard}");
    let run = skidpad(&["run", scenario, "--hmi", "http://127.0.0.1:1"]).expect(0);
    assert!(run.stderr.contains("note: the HMI was never told that the hardware is there"), "{}", run.stderr);
}

/// A node that lives by /clock says every tenth of a second what time it is here and there.
const WATCHER: &str = r#"
import rospy, sys, time
rospy.init_node("watcher")
while rospy.get_time() == 0.0:
    time.sleep(0.01)
began = time.time()
while time.time() < began + 3.0:
    print(time.time(), rospy.get_time(), flush=True)
    time.sleep(0.1)
"#;

#[test]
fn a_rospy_node_with_use_sim_time_lives_in_simulated_time_at_any_pace() {
    let python = "/usr/bin/python3";
    let check = Command::new(python).args(["-c", "import rospy"]).stderr(Stdio::null()).status();
    if !check.is_ok_and(|status| status.success()) {
        return skidpad_test_support::skip("python3-rospy is not installed");
    }
    let story = Story::new("ros_clock");
    let scenario = repository().join("scenarios/manual/creep.toml");
    let scenario = scenario.to_str().unwrap();
    for pace in ["2", "0.5"] {
        let master = Master::start(SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 0)).unwrap();
        let uri = master.uri().to_string();
        let client = Client { caller: "/test".into(), fallback: None, at_most: Duration::from_secs(5) };
        client.ask(master.uri(), "setParam", vec!["/use_sim_time".into(), Value::Bool(true)]).unwrap();
        // It waits in vain for a control; time passes for the car and for who watches.
        let mut run = Running::start(&[
            "run",
            scenario,
            "--ros-master",
            &uri,
            "--external",
            "control",
            "--clock",
            "--pace",
            pace,
            "--wait",
            "60",
        ]);
        run.link();
        let watched = Command::new(python)
            .args(["-c", WATCHER])
            .env("ROS_MASTER_URI", &uri)
            .env("ROS_IP", "127.0.0.1")
            .env("ROS_HOME", story.folder())
            .env("ROS_LOG_DIR", story.folder())
            .stdin(Stdio::null())
            .output()
            .unwrap();
        drop(run);
        lives_at(pace, watched);
    }
}

/// What a node on simulated time has printed: its times went at this pace.
#[track_caller]
fn lives_at(pace: &str, watched: Output) {
    let text = String::from_utf8(watched.stdout).unwrap();
    let times: Vec<[f64; 2]> = text
        .lines()
        .map(|line| {
            let mut numbers = line.split(' ').map(|number| number.parse().unwrap());
            [numbers.next().unwrap(), numbers.next().unwrap()]
        })
        .collect();
    assert!(times.len() > 10, "{text}{}", String::from_utf8_lossy(&watched.stderr));
    assert!(times.windows(2).all(|pair| pair[1][1] >= pair[0][1]), "never back: {text}");
    // A machine that stalls, and then catches up, does neither in most of the pieces.
    let mut scales: Vec<f64> =
        times.windows(6).map(|piece| (piece[5][1] - piece[0][1]) / (piece[5][0] - piece[0][0])).collect();
    scales.sort_by(f64::total_cmp);
    let scale = scales[scales.len() / 2];
    let wanted: f64 = pace.parse().unwrap();
    eprintln!("pace {pace}: {scale:.3} s of /clock in a second");
    assert!((0.7 * wanted..1.15 * wanted).contains(&scale), "{scale}: {text}");
    // It counts from the wall clock of the beginning.
    let first = times[0];
    assert!((first[1] - first[0]).abs() < 60.0, "{first:?}");
}

/// The same as [`WATCHER`] in C++.
const CPP_WATCHER: &str = r#"
#include <ros/ros.h>
#include <cstdio>
int main(int argc, char** argv) {
  ros::init(argc, argv, "watcher_cpp");
  ros::NodeHandle node;
  ros::AsyncSpinner spinner(1);
  spinner.start();
  while (ros::Time::now().isZero()) ros::WallDuration(0.01).sleep();
  for (ros::WallTime end = ros::WallTime::now() + ros::WallDuration(3.0); ros::WallTime::now() < end; ros::WallDuration(0.1).sleep()) {
    std::printf("%.6f %.6f\n", ros::WallTime::now().toSec(), ros::Time::now().toSec());
    std::fflush(stdout);
  }
}
"#;

/// The compiled watcher, if roscpp and a compiler are there; else says so.
fn cpp_watcher(story: &Story) -> Option<String> {
    let flags = Command::new("pkg-config").args(["--cflags", "--libs", "roscpp"]).output();
    let flags = flags.ok().filter(|output| output.status.success());
    let Some(flags) = flags else {
        skidpad_test_support::skip("libroscpp-dev or pkg-config is not installed");
        return None;
    };
    let flags = String::from_utf8(flags.stdout).unwrap();
    let (source, program) = (story.file("watcher.cpp", CPP_WATCHER), story.path("watcher"));
    let built =
        Command::new("g++").args(["-O1", &source, "-o", &program]).args(flags.split_whitespace()).output();
    let Ok(built) = built else {
        skidpad_test_support::skip("g++ is not installed");
        return None;
    };
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    Some(program)
}

#[test]
fn nodes_that_start_after_our_own_master_live_in_simulated_time_without_being_told() {
    let python = "/usr/bin/python3";
    let check = Command::new(python).args(["-c", "import rospy"]).stderr(Stdio::null()).status();
    if !check.is_ok_and(|status| status.success()) {
        return skidpad_test_support::skip("python3-rospy is not installed");
    }
    // Our master has the port that every node of ROS looks at, which may be somebody's on this machine.
    let Some(place) = Place::apart("clock") else { return };
    let story = Story::new("ros_own_clock");
    let cpp = cpp_watcher(&story);
    let scenario = repository().join("scenarios/manual/creep.toml");
    let scenario = scenario.to_str().unwrap();
    let run = [
        "run",
        scenario,
        "--link",
        "ros1",
        "--external",
        "control",
        "--clock",
        "--pace",
        "2",
        "--wait",
        "600",
    ];
    let mut run = place.skidpad(&run);
    assert_eq!(run.link(), "ros1:http://127.0.0.1:11311/");
    let watch = |program: &str, arguments: &[&str]| {
        let mut command = place.command(program);
        command
            .args(arguments)
            .env("ROS_MASTER_URI", "http://127.0.0.1:11311")
            .env("ROS_IP", "127.0.0.1")
            .env("ROS_HOME", story.folder())
            .env("ROS_LOG_DIR", story.folder())
            .stdin(Stdio::null());
        command.output().unwrap()
    };
    lives_at("2", watch(python, &["-c", WATCHER]));
    if let Some(cpp) = cpp {
        lives_at("2", watch(&cpp, &[]));
    }
    drop(run);
}

#[test]
fn a_clock_without_ros_is_refused() {
    let scenario = repository().join("scenarios/manual/creep.toml");
    let scenario = scenario.to_str().unwrap();
    let run = skidpad(&["run", scenario, "--clock"]).expect(2);
    assert!(
        run.stderr.contains("/clock is a topic of ROS") && run.stderr.contains("--link ros1"),
        "{}",
        run.stderr
    );
}
