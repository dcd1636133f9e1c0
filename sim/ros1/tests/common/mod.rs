//! What the tests of the ROS room share.

// Each test file uses its own part of this.
#![allow(dead_code)]

use skidpad_ros1::xmlrpc::{Answer, Call, Value};
use skidpad_ros1::{Client, Master, Node, NodeOptions, TopicSpec, Uri};
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

/// A master on a port of its own.
pub fn local() -> Master {
    Master::start(SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 0)).unwrap()
}

/// A node of this master.
pub fn node(name: &str, master: &Uri) -> Node {
    Node::start(NodeOptions { name: name.into(), master: master.clone(), host: Some("127.0.0.1".into()) })
        .unwrap()
}

pub fn caller() -> Client {
    Client { caller: "/test".into(), fallback: None, at_most: PATIENCE }
}

#[track_caller]
pub fn call(uri: &Uri, method: &str, params: Vec<Value>) -> Answer {
    caller().call(uri, &Call::new(method, params)).unwrap().0
}

/// Nodes by topic: publishers (0) or subscribers (1).
pub fn topic_state(master: &Uri, part: usize) -> BTreeMap<String, Vec<String>> {
    let state = caller().ask(master, "getSystemState", vec![]).unwrap();
    let list = state.as_array().unwrap()[part].as_array().unwrap().iter();
    let entry = |entry: &Value| {
        let entry = entry.as_array().unwrap();
        (entry[0].as_text().unwrap().to_string(), entry[1].texts())
    };
    list.map(entry).collect()
}

/// A topic of Apollo.
pub fn spec(topic: &str, name: &str, md5: &str) -> TopicSpec {
    TopicSpec {
        name: topic.into(),
        datatype: format!("pb_msgs/{name}"),
        md5: md5.into(),
        definition: "protobuf".into(),
    }
}

pub fn chassis() -> TopicSpec {
    spec("/apollo/canbus/chassis", "Chassis", "d6a21658031a6a4615858d76f8b5178e")
}

pub fn control() -> TopicSpec {
    spec("/apollo/control", "ControlCommand", "67f7ff8a4c675dc97a8c7ce6d6289943")
}

/// A minute: far more than anything here takes, on a busy machine too; it is no figure of speed.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Waits until something is true; what it is, if it never comes.
#[track_caller]
pub fn until(what: &str, mut is: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is() {
        assert!(began.elapsed() < PATIENCE, "it never comes: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}
