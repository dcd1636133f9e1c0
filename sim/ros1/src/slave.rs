//! What a node answers to the master, to other nodes and to tools.

use crate::listener::lock;
use crate::node::Inner;
use crate::server::Answers;
use crate::xmlrpc::{self, Answer, Call, Value};
use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};

/// The methods of a node; it is there a moment before the node is.
pub(crate) struct Slave(pub(crate) Arc<Mutex<Option<Arc<Inner>>>>);

impl Answers for Slave {
    fn answer(&self, call: &Call, _: SocketAddr) -> Answer {
        let Some(inner) = lock(&self.0).clone() else {
            return Answer::Fault { code: 1, message: "the node is starting".into() };
        };
        answer(&inner, call)
    }

    fn nonsense(&self, from: SocketAddr, what: &str) {
        if let Some(inner) = &*lock(&self.0) {
            inner.problems.note(format!("{} spoke no XML-RPC to the node: {what}", from.ip()));
        }
    }
}

fn answer(inner: &Arc<Inner>, call: &Call) -> Answer {
    if call.method == "system.multicall" {
        let calls = call.params.first().and_then(Value::as_array).unwrap_or_default();
        let each = calls.iter().take(1000).map(|call| {
            let Value::Struct(members) = call else { return xmlrpc::fault(1, "a call is a struct") };
            let method = members.get("methodName").and_then(Value::as_text).unwrap_or_default();
            let params = members.get("params").and_then(Value::as_array).unwrap_or_default().to_vec();
            match method {
                "system.multicall" => xmlrpc::fault(1, "system.multicall cannot call itself"),
                _ => match answer(inner, &Call::new(method, params)) {
                    Answer::Value(value) => Value::Array(vec![value]),
                    Answer::Fault { code, message } => xmlrpc::fault(code, &message),
                },
            }
        });
        return Answer::Value(Value::Array(each.collect()));
    }
    let outcome = match call.method.as_str() {
        "getPid" => Ok(("", Value::Int(std::process::id() as i32))),
        "getName" => Ok(("node name", Value::from(inner.name.as_str()))),
        "getMasterUri" => Ok(("", Value::Text(inner.master.to_string()))),
        "getPublications" => Ok(("publications", publications(inner))),
        "getSubscriptions" => Ok(("subscriptions", subscriptions(inner))),
        "getBusInfo" => Ok(("bus info", bus_info(inner))),
        "getBusStats" => Ok(("", bus_stats(inner))),
        // A node of this program keeps no copies of parameters.
        "paramUpdate" => Ok(("", Value::Int(0))),
        "shutdown" => {
            let reason = call.params.get(1).and_then(Value::as_text).unwrap_or("no reason was given");
            lock(&inner.ended).get_or_insert_with(|| reason.chars().take(200).collect());
            Ok(("shutdown", Value::Int(0)))
        }
        "publisherUpdate" => publisher_update(inner, &call.params),
        "requestTopic" => request_topic(inner, &call.params),
        other => {
            return Answer::Fault { code: 1, message: format!("method \"{other}\" is not supported") };
        }
    };
    let parts = match outcome {
        Ok((message, value)) => vec![Value::Int(1), message.into(), value],
        Err(message) => vec![Value::Int(0), Value::Text(message), Value::Int(0)],
    };
    Answer::Value(Value::Array(parts))
}

type Outcome = Result<(&'static str, Value), String>;

fn publisher_update(inner: &Arc<Inner>, params: &[Value]) -> Outcome {
    let [_, Value::Text(topic), publishers @ Value::Array(_)] = params else {
        return Err("publisherUpdate takes caller_id, topic and a list of publishers".into());
    };
    let feed = lock(&inner.feeds).get(topic).cloned();
    if let Some(feed) = feed {
        feed.set_publishers(&publishers.texts());
    }
    Ok(("", Value::Int(0)))
}

fn request_topic(inner: &Arc<Inner>, params: &[Value]) -> Outcome {
    let [_, Value::Text(topic), Value::Array(protocols)] = params else {
        return Err("requestTopic takes caller_id, topic and a list of protocols".into());
    };
    if !lock(&inner.publications).contains_key(topic) {
        return Err(format!("Not a publisher of [{topic}]"));
    }
    let names = protocols.iter().filter_map(|protocol| protocol.as_array()?.first()?.as_text());
    if !names.into_iter().any(|name| name == "TCPROS") {
        return Err("no supported protocol implementations".into());
    }
    let at = vec!["TCPROS".into(), inner.uri.host.as_str().into(), Value::Int(i32::from(inner.data_port))];
    Ok(("ready", Value::Array(at)))
}

fn publications(inner: &Inner) -> Value {
    let specs = lock(&inner.publications);
    let pairs = specs.values().map(|topic| pair(&topic.spec.name, &topic.spec.datatype));
    Value::Array(pairs.collect())
}

fn subscriptions(inner: &Inner) -> Value {
    let feeds = lock(&inner.feeds);
    Value::Array(feeds.values().map(|topic| pair(&topic.spec.name, &topic.spec.datatype)).collect())
}

fn pair(name: &str, datatype: &str) -> Value {
    Value::Array(vec![name.into(), datatype.into()])
}

/// `[number, other node, direction, transport, topic, connected, in words]` of each connection.
fn bus_info(inner: &Inner) -> Value {
    let mut connections = Vec::new();
    let mut add = |other: String, direction: &str, topic: &str, connected: bool, words: String| {
        let number = Value::Int(connections.len() as i32 + 1);
        let line = vec![
            number,
            other.into(),
            direction.into(),
            "TCPROS".into(),
            topic.into(),
            Value::Bool(connected),
            words.into(),
        ];
        connections.push(Value::Array(line));
    };
    for publication in lock(&inner.publications).values() {
        for link in publication.links() {
            let words = format!("TCPROS connection on port {} to [{}]", inner.data_port, link.peer);
            add(link.subscriber.clone(), "o", &publication.spec.name, true, words);
        }
    }
    for feed in lock(&inner.feeds).values() {
        for link in feed.links() {
            let words = format!("TCPROS connection to [{}]", link.uri.authority());
            add(link.uri.to_string(), "i", &feed.spec.name, link.publisher().is_some(), words);
        }
    }
    Value::Array(connections)
}

/// `[publications, subscriptions, services]` with their traffic.
fn bus_stats(inner: &Inner) -> Value {
    let count = |counter: &std::sync::atomic::AtomicU64| {
        Value::Int(counter.load(Ordering::Relaxed).min(i32::MAX as u64) as i32)
    };
    let publications = lock(&inner.publications);
    let out = publications.values().map(|topic| {
        Value::Array(vec![topic.spec.name.as_str().into(), count(&topic.bytes), Value::Array(vec![])])
    });
    let out = Value::Array(out.collect());
    let feeds = lock(&inner.feeds);
    let into = feeds.values().map(|topic| {
        let traffic = vec![Value::Int(1), count(&topic.bytes), count(&topic.received), count(&topic.dropped)];
        Value::Array(vec![topic.spec.name.as_str().into(), Value::Array(vec![Value::Array(traffic)])])
    });
    let into = Value::Array(into.collect());
    Value::Array(vec![out, into, Value::Array(vec![])])
}
