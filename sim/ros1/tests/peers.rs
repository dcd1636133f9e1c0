//! Real ROS clients: rospy, rostopic, rosnode, rosmaster and roscpp of Debian.

mod common;
use common::{PATIENCE, caller, chassis, control, local, node, topic_state, until};
use skidpad_ros1::{Master, Uri, tcpros};
use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// The Python in which Debian installs ROS.
const PYTHON: &str = "/usr/bin/python3";

/// A folder for a test, empty at its start.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    folder
}

/// A command that finds this master, and writes its logs to a folder of the test.
fn ros(program: &str, master: &Uri, home: &Path) -> Command {
    let mut command = Command::new(program);
    command
        .env("ROS_MASTER_URI", master.to_string())
        .env("ROS_IP", "127.0.0.1")
        .env("ROS_HOME", home)
        .env("ROS_LOG_DIR", home)
        .env("PYTHONUNBUFFERED", "1")
        .env("PYTHONPATH", concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/peers/ros"))
        .stdin(Stdio::null());
    command
}

/// True if Debian's ROS for Python is there; else says so.
fn has_rospy() -> bool {
    let check = Command::new(PYTHON)
        .args(["-c", "import rospy, rosmaster, rostopic, rosnode"])
        .stderr(Stdio::null())
        .status();
    let there = check.is_ok_and(|status| status.success());
    if !there {
        skidpad_test_support::skip("python3-rospy, rosmaster, rostopic and rosnode are not installed");
    }
    there
}

/// A peer that is ended with the test.
struct Peer(Child);

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Peer {
    fn python(script: &str, name: &str, master: &Uri, home: &Path) -> Peer {
        let file = home.join(format!("{name}.py"));
        fs::write(&file, script).unwrap();
        Peer(ros(PYTHON, master, home).arg(file).arg(format!("__name:={name}")).spawn().unwrap())
    }
}

/// What a tool prints; it has to end by itself.
fn output(mut command: Command) -> String {
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let id = child.id();
    let (done, over) = std::sync::mpsc::channel::<()>();
    let guard = std::thread::spawn(move || {
        if over.recv_timeout(2 * PATIENCE).is_err() {
            let _ = Command::new("kill").args(["-9", &id.to_string()]).status();
        }
    });
    let output = child.wait_with_output().unwrap();
    let _ = done.send(());
    guard.join().unwrap();
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// Answers each chassis with a command that holds the same bytes.
const ECHO: &str = r#"
import rospy
from pb_msgs import message
rospy.init_node("echo", disable_signals=True)
out = rospy.Publisher("/apollo/control", message("ControlCommand"), queue_size=10, tcp_nodelay=True)
into = message("Chassis")
def answer(chassis):
    reply = message("ControlCommand")()
    reply.data = chassis.data
    out.publish(reply)
rospy.Subscriber("/apollo/canbus/chassis", into, answer, tcp_nodelay=True)
rospy.sleep(1000)
"#;

/// Sends until `echo`ed messages have come.
fn echoed(publisher: &skidpad_ros1::Publisher, subscription: &skidpad_ros1::Subscription, by: &str) {
    let mut last = None;
    until(&format!("an echo of {by}"), || {
        publisher.publish(&tcpros::protobuf_body(b"\x18\x01abc"));
        std::thread::sleep(Duration::from_millis(10));
        while let Some(message) = subscription.take() {
            last = Some(message);
        }
        last.is_some()
    });
    let last = last.unwrap();
    assert_eq!((last.publisher.as_str(), last.body), (by, tcpros::protobuf_body(b"\x18\x01abc")));
}

#[test]
fn rospy_subscribes_and_publishes_whoever_comes_first_and_after_its_restart() {
    if !has_rospy() {
        return;
    }
    let (master, home) = (local(), folder("rospy_echo"));
    let early = Peer::python(ECHO, "echo", master.uri(), &home);
    until("rospy waits", || topic_state(master.uri(), 1).contains_key("/apollo/canbus/chassis"));
    let car = node("/skidpad", master.uri());
    let (publisher, subscription) = (car.advertise(chassis(), 10, false), car.subscribe(control(), 10));
    echoed(&publisher, &subscription, "/echo");
    // Killed, it leaves its registrations behind.
    drop(early);
    until("its connections end", || {
        publisher.subscribers().is_empty() && subscription.publishers().is_empty()
    });
    while subscription.take().is_some() {}
    let _late = Peer::python(ECHO, "echo", master.uri(), &home);
    echoed(&publisher, &subscription, "/echo");
    assert_eq!(car.report().topics.iter().map(|topic| topic.malformed).sum::<u64>(), 0);
}

#[test]
fn the_tools_of_ros_find_their_way() {
    if !has_rospy() {
        return;
    }
    let (master, home) = (local(), folder("ros_tools"));
    let car = node("/skidpad", master.uri());
    let _publisher = car.advertise(chassis(), 10, false);
    let _subscription = car.subscribe(control(), 10);
    until("registered", || car.is_registered());
    let tool = |program: &str, arguments: &[&str]| {
        let mut command = ros(PYTHON, master.uri(), &home);
        command.arg(format!("/usr/bin/{program}")).args(arguments);
        output(command)
    };
    let list = tool("rostopic", &["list", "-v"]);
    assert!(list.contains("* /apollo/canbus/chassis [pb_msgs/Chassis] 1 publisher"), "{list}");
    assert!(list.contains("* /apollo/control [pb_msgs/ControlCommand] 1 subscriber"), "{list}");
    let info = tool("rostopic", &["info", "/apollo/canbus/chassis"]);
    assert!(info.contains("Type: pb_msgs/Chassis"), "{info}");
    assert!(info.contains(&format!("* /skidpad ({})", car.uri())), "{info}");
    assert_eq!(tool("rostopic", &["type", "/apollo/control"]).trim(), "pb_msgs/ControlCommand");
    assert_eq!(tool("rosnode", &["list"]).trim(), "/skidpad");
    let info = tool("rosnode", &["info", "/skidpad"]);
    for words in ["* /apollo/canbus/chassis [pb_msgs/Chassis]", "* /apollo/control [unknown type]", "Pid: "] {
        assert!(info.contains(words), "{words}: {info}");
    }
    let ping = tool("rosnode", &["ping", "-c", "1", "/skidpad"]);
    assert!(ping.contains(&format!("xmlrpc reply from {}", car.uri())), "{ping}");
    if Path::new("/usr/bin/rosparam").exists() {
        assert_eq!(tool("rosparam", &["set", "/a/b", "3.5"]).trim(), "");
        assert_eq!(tool("rosparam", &["get", "/a"]).trim(), "b: 3.5");
        assert_eq!(tool("rosparam", &["list"]).trim(), "/a/b");
    }
}

#[test]
fn nodes_that_come_before_the_master_find_it_when_it_comes() {
    let home = folder("before_the_master");
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
    let uri = Uri::new("127.0.0.1", port);
    let mut peers = Vec::new();
    if has_rospy() {
        peers.push(("/echo", Peer::python(ECHO, "echo", &uri, &home)));
    }
    if let Some(program) = roscpp_echo(&home) {
        peers.push(("/echo_cpp", Peer(ros(program.to_str().unwrap(), &uri, &home).spawn().unwrap())));
    }
    let car = node("/skidpad", &uri);
    let (publisher, subscription) = (car.advertise(chassis(), 10, false), car.subscribe(control(), 10));
    until("it is seen that there is no master", || car.master_error().is_some());
    let error = car.master_error().unwrap();
    assert!(error.contains("connection refused"), "{error}");
    let _master = Master::start(SocketAddr::new(Ipv4Addr::LOCALHOST.into(), port)).unwrap();
    for (name, peer) in peers {
        until(&format!("{name} is there"), || subscription.publishers().contains(&name.to_string()));
        until(&format!("{name} answers"), || {
            publisher.publish(&tcpros::protobuf_body(b"hello"));
            std::thread::sleep(Duration::from_millis(10));
            std::iter::from_fn(|| subscription.take()).any(|message| message.publisher == name)
        });
        drop(peer);
        until(&format!("{name} is gone"), || !subscription.publishers().contains(&name.to_string()));
        while subscription.take().is_some() {}
    }
}

/// A roscore of Debian, on a port of its own.
struct Rosmaster {
    peer: Option<Peer>,
    uri: Uri,
    home: PathBuf,
}

impl Rosmaster {
    fn start(name: &str) -> Rosmaster {
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
        let mut master = Rosmaster { peer: None, uri: Uri::new("127.0.0.1", port), home: folder(name) };
        master.restart();
        master
    }

    fn restart(&mut self) {
        self.peer = None;
        let mut command = ros(PYTHON, &self.uri, &self.home);
        command.args(["/usr/bin/rosmaster", "--core", "-p", &self.uri.port.to_string()]);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        self.peer = Some(Peer(command.spawn().unwrap()));
        until("rosmaster answers", || caller().ask(&self.uri, "getPid", vec![]).is_ok());
    }
}

#[test]
fn it_joins_a_rosmaster_of_debian_and_survives_its_restart() {
    if !has_rospy() {
        return;
    }
    let mut master = Rosmaster::start("rosmaster");
    let car = node("/skidpad", &master.uri);
    let (publisher, subscription) = (car.advertise(chassis(), 10, false), car.subscribe(control(), 10));
    let echo = Peer::python(ECHO, "echo", &master.uri, &master.home);
    echoed(&publisher, &subscription, "/echo");
    master.peer = None;
    // Connections between nodes need no master.
    until("the loss is seen", || car.report().master_error.is_some());
    while subscription.take().is_some() {}
    echoed(&publisher, &subscription, "/echo");
    master.restart();
    until("registered again", || {
        topic_state(&master.uri, 0).get("/apollo/canbus/chassis").is_some_and(|nodes| nodes == &["/skidpad"])
    });
    // A node of ROS does not register again; started again, it does.
    drop(echo);
    until("it is gone", || subscription.publishers().is_empty());
    while subscription.take().is_some() {}
    let _echo = Peer::python(ECHO, "echo", &master.uri, &master.home);
    echoed(&publisher, &subscription, "/echo");
    assert!(car.report().master_restarts >= 1);
    let uri = master.uri.clone();
    drop(car);
    assert!(!topic_state(&uri, 0).contains_key("/apollo/canbus/chassis"), "it has signed off");
}

/// roscpp with a type that its generator never saw, as Apollo's is: its traits are given by hand.
const ROSCPP_ECHO: &str = r#"
#include <ros/ros.h>
#include <string>
template <int Kind> struct Protobuf { std::string data; };
typedef Protobuf<0> Chassis;
typedef Protobuf<1> ControlCommand;
namespace ros {
namespace message_traits {
template <int K> struct MD5Sum<Protobuf<K>> {
  static const char* value() { return K ? "67f7ff8a4c675dc97a8c7ce6d6289943" : "d6a21658031a6a4615858d76f8b5178e"; }
  static const char* value(const Protobuf<K>&) { return value(); }
};
template <int K> struct DataType<Protobuf<K>> {
  static const char* value() { return K ? "pb_msgs/ControlCommand" : "pb_msgs/Chassis"; }
  static const char* value(const Protobuf<K>&) { return value(); }
};
template <int K> struct Definition<Protobuf<K>> {
  static const char* value() { return "protobuf"; }
  static const char* value(const Protobuf<K>&) { return value(); }
};
}
namespace serialization {
template <int K> struct Serializer<Protobuf<K>> {
  template <typename Stream> static void write(Stream& s, const Protobuf<K>& m) { s.next(m.data); }
  template <typename Stream> static void read(Stream& s, Protobuf<K>& m) { s.next(m.data); }
  static uint32_t serializedLength(const Protobuf<K>& m) { return 4 + m.data.size(); }
};
}
}
int main(int argc, char** argv) {
  ros::init(argc, argv, "echo_cpp");
  ros::NodeHandle node;
  ros::Publisher out = node.advertise<ControlCommand>("/apollo/control", 10);
  boost::function<void(const boost::shared_ptr<Chassis const>&)> answer = [&](const boost::shared_ptr<Chassis const>& m) {
    ControlCommand command;
    command.data = m->data;
    out.publish(command);
  };
  // As Apollo subscribes: without a wish for TCP_NODELAY.
  ros::Subscriber into = node.subscribe<Chassis>("/apollo/canbus/chassis", 10, answer);
  ros::spin();
}
"#;

/// The compiled node, if roscpp and a compiler are there; else says so.
fn roscpp_echo(home: &Path) -> Option<PathBuf> {
    let (source, program) = (home.join("echo.cpp"), home.join("echo"));
    fs::write(&source, ROSCPP_ECHO).unwrap();
    let flags = Command::new("pkg-config").args(["--cflags", "--libs", "roscpp"]).output();
    let flags = flags.ok().filter(|output| output.status.success());
    let Some(flags) = flags else {
        skidpad_test_support::skip("libroscpp-dev or pkg-config is not installed");
        return None;
    };
    let flags = String::from_utf8(flags.stdout).unwrap();
    let built = Command::new("g++")
        .arg("-O1")
        .arg(&source)
        .arg("-o")
        .arg(&program)
        .args(flags.split_whitespace())
        .output();
    let Ok(built) = built else {
        skidpad_test_support::skip("g++ is not installed");
        return None;
    };
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    Some(program)
}

/// Its figures are printed with `cargo test -p skidpad-ros1 --release --test peers roscpp -- --nocapture`.
#[test]
fn roscpp_answers_each_message_at_once() {
    let home = folder("roscpp_echo");
    let Some(program) = roscpp_echo(&home) else { return };
    let master = local();
    let start = || Peer(ros(program.to_str().unwrap(), master.uri(), &home).spawn().unwrap());
    let early = start();
    until("roscpp waits", || topic_state(master.uri(), 1).contains_key("/apollo/canbus/chassis"));
    let car = node("/skidpad", master.uri());
    let (publisher, subscription) = (car.advertise(chassis(), 10, false), car.subscribe(control(), 10));
    echoed(&publisher, &subscription, "/echo_cpp");
    // Late: after the car, and after a restart under the same name.
    drop(early);
    until("its connections end", || {
        publisher.subscribers().is_empty() && subscription.publishers().is_empty()
    });
    while subscription.take().is_some() {}
    let _late = start();
    echoed(&publisher, &subscription, "/echo_cpp");
    std::thread::sleep(Duration::from_millis(100));
    while subscription.take().is_some() {}

    // 100 Hz as the car publishes; from publish to the answer in our queue.
    let mut round_trips: Vec<Duration> = Vec::new();
    for number in 0..500u32 {
        let sent = Instant::now();
        let body = tcpros::protobuf_body(&number.to_le_bytes());
        publisher.publish(&body);
        until("the answer", || match subscription.take() {
            Some(message) => {
                assert_eq!(message.body, body, "each once, in order");
                round_trips.push(message.at - sent);
                true
            }
            None => false,
        });
        std::thread::sleep((sent + Duration::from_millis(10)).saturating_duration_since(Instant::now()));
    }
    round_trips.sort();
    let at = |share: f64| round_trips[(round_trips.len() as f64 * share) as usize];
    println!(
        "round trip over roscpp at 100 Hz, {} messages: median {:?}, p99 {:?}, longest {:?}",
        round_trips.len(),
        at(0.5),
        at(0.99),
        round_trips[round_trips.len() - 1]
    );
}
