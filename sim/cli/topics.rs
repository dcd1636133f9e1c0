//! `skidpad topics`: what travels on the topics of a ROS master.

use crate::interrupt;
use crate::output::OutFile;
use crate::status::{Failure, Status};
use skidpad_ros1::{DEFAULT_MASTER, Node, NodeOptions, Subscription, TopicSpec, Uri};
use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// Topics that are listened to.
const MAX_TOPICS: usize = 200;
/// The master and the publishers have this time to answer.
const CONNECT: Duration = Duration::from_secs(3);

/// Show the topics of a ROS master with their nodes and rates
///
/// Listens to every topic for a while, whatever its type, and prints who publishes it, who subscribes to it, and how
/// many messages and bytes came in a second. Unlike `rostopic hz` it needs no ROS and no message classes, so that
/// Apollo's protobuf types are no obstacle. Works beside a running `skidpad run --link ros1` as well as with any roscore.
#[derive(clap::Args)]
#[command(after_help = HELP)]
pub struct Args {
    /// The ROS master [default: ROS_MASTER_URI, else http://127.0.0.1:11311]
    #[arg(long, value_name = "URI")]
    ros_master: Option<Uri>,
    /// How long to listen, s
    #[arg(long, value_name = "S", default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=3600))]
    seconds: u64,
}

const HELP: &str = "\
Examples:
  skidpad topics
  skidpad topics --ros-master http://127.0.0.1:11391 --seconds 10

Exit status:
  0  done
  2  the argument is wrong
  3  no ROS master answers there";

/// Runs the subcommand.
pub fn run(args: &Args) -> Result<Status, Failure> {
    let stop = interrupt::watch()?;
    let node = Node::start(NodeOptions {
        name: format!("/skidpad_topics_{}", std::process::id()),
        master: master(args)?,
        host: None,
    });
    let node = node.map_err(Failure::usage)?;
    let mut heard: BTreeMap<String, Subscription> = BTreeMap::new();
    let began = Instant::now();
    // First everybody is found, then it is counted.
    while began.elapsed() < CONNECT && !stop.load(Ordering::Relaxed) {
        for (topic, (publishers, _)) in node.graph() {
            if !publishers.is_empty() && heard.len() < MAX_TOPICS && !heard.contains_key(&topic) {
                let (datatype, md5) = ("*".to_string(), "*".to_string());
                let spec = TopicSpec { name: topic.clone(), datatype, md5, definition: String::new() };
                heard.insert(topic, node.subscribe(spec, 1));
            }
        }
        let connected = heard.values().all(|subscription| !subscription.publishers().is_empty());
        if !heard.is_empty() && connected && began.elapsed() > CONNECT / 2 {
            break;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    if let Some(error) = node.master_error() {
        return Err(Failure::new(Status::External, format!("no ROS master: {error}")));
    }
    let before = counts(&node);
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(args.seconds) && !stop.load(Ordering::Relaxed) {
        std::thread::sleep(Duration::from_millis(20));
    }
    let seconds = began.elapsed().as_secs_f64();
    let after = counts(&node);
    let mut out = OutFile::create(Path::new("-"))?;
    let mut line = |text: String| {
        writeln!(out, "{}", text.trim_end()).map_err(|error| Failure::write("standard output", &error))
    };
    line(format!("{:<38} {:>8} {:>10}  {:<24} to", "topic", "Hz", "B/s", "from"))?;
    let own = format!("/skidpad_topics_{}", std::process::id());
    let others = |nodes: &[String]| {
        let nodes: Vec<&str> = nodes.iter().map(String::as_str).filter(|node| *node != own).collect();
        if nodes.is_empty() { "-".to_string() } else { nodes.join(" ") }
    };
    for (topic, (publishers, subscribers)) in node.graph() {
        if publishers.is_empty() && subscribers.iter().all(|node| *node == own) {
            continue;
        }
        let zero = (0, 0);
        let (from, to) = (before.get(&topic).unwrap_or(&zero), after.get(&topic).unwrap_or(&zero));
        let [hz, rate] = [to.0 - from.0, to.1 - from.1].map(|count| count as f64 / seconds);
        let (from, to) = (others(&publishers), others(&subscribers));
        line(format!("{topic:<38} {hz:>8.1} {rate:>10.0}  {from:<24} {to}"))?;
    }
    out.finish()?;
    for problem in node.report().problems {
        eprintln!("note: {problem}");
    }
    Ok(Status::Passed)
}

fn master(args: &Args) -> Result<Uri, Failure> {
    if let Some(uri) = &args.ros_master {
        return Ok(uri.clone());
    }
    match std::env::var("ROS_MASTER_URI") {
        Ok(text) if !text.is_empty() => {
            text.parse().map_err(|error| Failure::usage(format!("ROS_MASTER_URI: {error}")))
        }
        _ => Ok(Uri::new(&DEFAULT_MASTER.ip().to_string(), DEFAULT_MASTER.port())),
    }
}

/// Messages and bytes so far, by topic.
fn counts(node: &Node) -> BTreeMap<String, (u64, u64)> {
    let topics = node.report().topics.into_iter();
    topics.map(|topic| (topic.topic, (topic.messages, topic.bytes))).collect()
}
