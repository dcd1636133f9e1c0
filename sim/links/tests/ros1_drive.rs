//! A controller over ROS 1 drives the car: rospy with the example, and Skidpad's own control behind a node.

use skidpad_engine::{Outcome, RunOptions, SeatId, Seats, Simulation};
use skidpad_kernel::SimTime;
use skidpad_links::{Health, Links, LinksReport, Pace, Ros, RosLinkName, TopicLink};
use skidpad_msgs::apollo::{common::Header, control::ControlCommand};
use skidpad_msgs::{FILE_DESCRIPTOR_SET, Message};
use skidpad_ros1::{Client, Master, Node, NodeOptions, TopicSpec, Uri, tcpros, xmlrpc::Value};
use skidpad_scenario::{Library, LoadedScenario};
use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn scenario(duration_s: f64) -> LoadedScenario {
    let text = format!(
        r#"schema = 1
        name = "over ROS"
        vehicle = "lincoln_mkz"
        map = "proving_ground"
        duration_s = {duration_s:?}
        start = {{ on = "straight", station_m = 5.0 }}
        reference = {{ path = "straight", speed_mps = [[5.0, 0.0], [15.0, 5.0], [35.0, 5.0], [50.0, 0.0]] }}
        [pass]
        lateral_error_max_m = 0.3
        stopped = true
        "#
    );
    Library::at(&root()).unwrap().load_text(&text, Path::new("ros.toml")).unwrap()
}

fn unix_s() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64()
}

/// No run here takes so long, on a busy machine either.
const AT_MOST: Duration = Duration::from_secs(180);

/// True, said aloud, if the machine was too slow for a run on the clock: nothing else can be checked.
fn too_slow(links: &LinksReport) -> bool {
    let slow = links.pace.and_then(|pace| pace.too_poor());
    if let Some(why) = &slow {
        skidpad_test_support::skip(why);
    }
    slow.is_some()
}

/// Two runs on the clock at a time are one too many for a small machine.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// Runs a scenario on the clock, joined to this master; `at` is called with the scenario's time, s, every 10 ms of it.
fn run(
    scenario: &LoadedScenario,
    master: &Uri,
    at_most: Duration,
    mut at: impl FnMut(f64),
) -> (Option<Outcome>, LinksReport) {
    let ros = Ros::open(&RosLinkName { master: Some(master.clone()) }).unwrap();
    let external = Seats::NONE.with(SeatId::Control);
    let mut links = Links::open(&[], Pace::Real).unwrap();
    links.attach(Box::new(ros.link(external, false).unwrap()));
    let options = RunOptions { external, epoch_unix_s: unix_s(), ..RunOptions::default() };
    let simulation = Simulation::new(scenario, &options).unwrap();
    let began = Instant::now();
    let outcome =
        simulation.run_outside(&mut links, |sample| at(sample.sample.time_s), || began.elapsed() > at_most);
    (outcome, links.finish(None))
}

struct Peer(Child);

impl Peer {
    fn go(&mut self) {
        self.0.stdin.as_mut().unwrap().write_all(b"go\n").unwrap();
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn master() -> Master {
    Master::start(SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 0)).unwrap()
}

/// Python with the libraries of the controller, which is started when a line comes: a process of Python takes a second or,
/// on a busy machine, several to be so far.
const WARM: &str = r#"
import runpy, sys
import genpy, rospy
from google.protobuf import descriptor_pb2, message_factory
print("warm", flush=True)
sys.stdin.readline()
del sys.argv[0]
runpy.run_path(sys.argv[0], run_name="__main__")
"#;

/// The example controller of `examples/ros1`, if Debian's ROS is there; else says so.
fn rospy_controller(master: &Uri, name: &str) -> Option<Peer> {
    let mut controller = warm_controller(master, name)?;
    controller.go();
    Some(controller)
}

/// The same, which waits for [`Peer::go`].
fn warm_controller(master: &Uri, name: &str) -> Option<Peer> {
    let python = "/usr/bin/python3";
    let check =
        Command::new(python).args(["-c", "import rospy, google.protobuf"]).stderr(Stdio::null()).status();
    if !check.is_ok_and(|status| status.success()) {
        skidpad_test_support::skip("python3-rospy and python3-protobuf are not installed");
        return None;
    }
    let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::create_dir_all(&home).unwrap();
    let messages = home.join("messages.binpb");
    std::fs::write(&messages, FILE_DESCRIPTOR_SET).unwrap();
    let mut child = Command::new(python)
        .args(["-c", WARM])
        .arg(root().join("examples/ros1/pure_pursuit.py"))
        .arg(&messages)
        .env("ROS_MASTER_URI", master.to_string())
        .env("ROS_IP", "127.0.0.1")
        .env("ROS_HOME", &home)
        .env("ROS_LOG_DIR", &home)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "warm\n");
    Some(Peer(child))
}

#[test]
fn a_rospy_controller_drives_to_a_stop() {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let master = master();
    let Some(_controller) = rospy_controller(master.uri(), "rospy_drives") else { return };
    let (outcome, links) = run(&scenario(20.0), master.uri(), AT_MOST, |_| {});
    let outcome = outcome.expect("it ends in time");
    if too_slow(&links) {
        return;
    }

    assert!(
        outcome.verdict.passed,
        "{:?}\n{:?}\n{:?}",
        outcome.verdict, outcome.events, outcome.explanations
    );
    assert_eq!(outcome.lost, None);
}

#[test]
fn what_came_before_the_run_is_not_for_it() {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let master = master();
    let ros = Ros::open(&RosLinkName { master: Some(master.uri().clone()) }).unwrap();
    let external = Seats::NONE.with(SeatId::Control);
    let link = ros.link(external, false).unwrap();
    // The controller of yesterday's run.
    let node = Node::start(NodeOptions {
        name: "/control".into(),
        master: master.uri().clone(),
        host: Some("127.0.0.1".into()),
    })
    .unwrap();
    let publisher = node.advertise(command_spec(), 10, false);
    let header = Some(Header { timestamp_sec: Some(unix_s() - 86_400.0), ..Header::default() });
    let body = tcpros::protobuf_body(&ControlCommand { header, ..ControlCommand::default() }.encode_to_vec());
    let arrived = || {
        let topics = link.topics();
        topics
            .iter()
            .filter(|topic| topic.topic == "/apollo/control")
            .map(|topic| topic.messages)
            .sum::<u64>()
    };
    let began = Instant::now();
    while arrived() < 3 {
        assert!(began.elapsed() < Duration::from_secs(20), "no command arrives");
        publisher.publish(&body);
        std::thread::sleep(Duration::from_millis(50));
    }
    // The publisher is here: when it has gone, no more comes.
    drop((publisher, node));
    std::thread::sleep(Duration::from_millis(200));
    let came = arrived();
    let mut links = Links::open(&[], Pace::Max).unwrap();
    links.attach(Box::new(link));
    let options = RunOptions { external, epoch_unix_s: unix_s(), ..RunOptions::default() };
    let mut simulation = Simulation::new(&scenario(1.0), &options).unwrap();
    (0..100).for_each(|_| _ = simulation.step_outside(&mut links));
    let outcome = simulation.finish();
    assert_eq!(outcome.external.unwrap().seats[0].messages, 0);
    assert!(outcome.events.is_empty(), "{:?}", outcome.events);
    let report = links.finish(None);
    let before = report.topics[0].counts.iter().find(|(name, _)| *name == "before_start");
    assert_eq!(before, Some(&("before_start", came)));
}

#[test]
fn a_master_that_comes_after_the_link_is_asked_for_simulated_time_when_it_comes() {
    for (set, said) in [(true, false), (false, true)] {
        // Nobody listens there yet.
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
        let uri = Uri::new("127.0.0.1", port);
        let ros = Ros::open(&RosLinkName { master: Some(uri.clone()) }).unwrap();
        let mut link = ros.link(Seats::NONE.with(SeatId::Control), true).unwrap();
        let mut ticks = (0..).map(SimTime::from_ms);
        link.begin(unix_s());
        (0..200).for_each(|_| link.tick(ticks.next().unwrap()));
        assert!(matches!(link.health(), Health::Waiting(_)), "{:?}", link.health());
        let _master = Master::start(SocketAddr::new(Ipv4Addr::LOCALHOST.into(), port)).unwrap();
        let client = Client { caller: "/x".into(), fallback: None, at_most: Duration::from_secs(20) };
        client.ask(&uri, "setParam", vec!["/use_sim_time".into(), Value::Bool(set)]).unwrap();
        let began = Instant::now();
        while link.health() != Health::Well {
            assert!(began.elapsed() < AT_MOST, "{:?}", link.health());
            link.tick(ticks.next().unwrap());
            std::thread::sleep(Duration::from_millis(1));
        }
        let sentences = Box::new(link).finish(None).sentences;
        let found =
            sentences.iter().any(|line| line.contains("/use_sim_time was not true when /clock began"));
        assert_eq!(found, said, "{sentences:?}");
    }
}

/// Sends a signal to a peer.
fn signal(peer: &Peer, name: &str) {
    let sent = Command::new("kill").args([name, &peer.0.id().to_string()]).status().unwrap();
    assert!(sent.success());
}

fn has_event(outcome: &Outcome, name: &str) -> bool {
    outcome.events.iter().any(|event| event.name == name)
}

#[test]
fn a_controller_that_is_killed_is_lost_and_the_run_says_so() {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let master = master();
    let Some(controller) = rospy_controller(master.uri(), "rospy_killed") else { return };
    let mut killed = false;
    let (outcome, links) = run(&scenario(20.0), master.uri(), AT_MOST, |time_s| {
        if time_s > 5.0 && !std::mem::replace(&mut killed, true) {
            signal(&controller, "-9");
        }
    });
    let outcome = outcome.expect("it ends in time");
    if too_slow(&links) {
        return;
    }
    let lost = outcome.lost.clone().expect("the run cannot be judged");
    assert!(lost.starts_with("control fell silent: nothing on /apollo/control for 3.0 s"), "{lost}");
    assert!(has_event(&outcome, "control_silent"), "{:?}", outcome.events);
    let sentences = &links.topics[0].sentences;
    assert!(
        sentences
            .iter()
            .any(|line| line.contains("/apollo/control: the connection to its publisher was lost 1 times")),
        "{sentences:?}"
    );
}

#[test]
fn a_controller_that_stops_for_a_second_among_vandals_and_a_flood_goes_on_to_the_end() {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let master = master();
    let Some(controller) = rospy_controller(master.uri(), "rospy_stopped") else { return };
    let uri = master.uri().clone();
    let mut done = [false; 4];
    let mut once = move |part: usize, due: bool| due && !std::mem::replace(&mut done[part], true);
    let mut open = Vec::new();
    let (outcome, links) = run(&scenario(16.0), master.uri(), AT_MOST, |time_s| {
        if once(0, time_s > 3.0) {
            signal(&controller, "-STOP");
        }
        if once(1, time_s > 4.0) {
            signal(&controller, "-CONT");
        }
        // Rubbish on the sockets of master and node, from strangers who then keep the connection.
        if once(2, time_s > 6.0) {
            let client = Client { caller: "/x".into(), fallback: None, at_most: Duration::from_secs(2) };
            let node = client.ask(&uri, "lookupNode", vec!["/skidpad".into()]).unwrap();
            let node: Uri = node.as_text().unwrap().parse().unwrap();
            for port in [uri.port, node.port] {
                let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
                let _ = stream.write_all(&[0xff; 50_000]);
                open.push(stream);
            }
        }
        // Another controller, at 10 kHz, for a second.
        if once(3, time_s > 8.0) {
            let uri = uri.clone();
            std::thread::spawn(move || flood(&uri));
        }
    });
    let outcome = outcome.expect("the simulator neither hangs nor stalls");
    if too_slow(&links) {
        return;
    }
    assert_eq!(outcome.lost, None, "{:?}", outcome.events);
    for name in ["control_silent", "command_flood", "two_controllers"] {
        assert!(has_event(&outcome, name), "{name}: {:?}", outcome.events);
    }
    let sentences = &links.topics[0].sentences;
    let said = "/control and /flood published /apollo/control at the same time";
    assert!(sentences.iter().any(|line| line.contains(said)), "{sentences:?}");
    assert!(
        links.topics[0].counts.iter().any(|(name, count)| *name == "received" && *count > 5_000),
        "{links:?}"
    );
}

/// The topic of the commands.
fn command_spec() -> TopicSpec {
    let topic = skidpad_msgs::topic("/apollo/control").unwrap();
    TopicSpec {
        name: topic.name.into(),
        datatype: topic.datatype.into(),
        md5: topic.md5.into(),
        definition: "protobuf".into(),
    }
}

/// A second controller, which sends ten commands a millisecond and goes.
fn flood(master: &Uri) {
    let node =
        Node::start(NodeOptions { name: "/flood".into(), master: master.clone(), host: None }).unwrap();
    let publisher = node.advertise(command_spec(), 1000, false);
    let began = Instant::now();
    while publisher.subscribers().is_empty() && began.elapsed() < Duration::from_secs(5) {
        std::thread::sleep(Duration::from_millis(1));
    }
    for number in 0..1000u32 {
        for _ in 0..10 {
            let header =
                Header { timestamp_sec: Some(unix_s()), sequence_num: Some(number), ..Default::default() };
            let command = ControlCommand { header: Some(header), brake: Some(0.0), ..Default::default() };
            publisher.publish(&tcpros::protobuf_body(&command.encode_to_vec()));
        }
        let due = began + Duration::from_millis(u64::from(number));
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
    }
}

#[test]
fn a_controller_that_is_started_again_takes_over() {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let master = master();
    let Some(controller) = rospy_controller(master.uri(), "rospy_first") else { return };
    let Some(mut second) = warm_controller(master.uri(), "rospy_second") else { return };
    let mut first = Some(controller);
    let (outcome, links) = run(&scenario(19.0), master.uri(), AT_MOST, |time_s| {
        // In the stand, so that nothing happens while nobody drives.
        if time_s > 15.0 && first.take().is_some() {
            second.go();
        }
    });
    let outcome = outcome.expect("it ends in time");
    if too_slow(&links) {
        return;
    }
    let connects = links.topics[0].counts.iter().find(|(name, _)| *name == "connects").unwrap().1;
    assert_eq!((connects, outcome.lost), (2, None), "{:?}", links.topics);
}
