//! The master as nodes see it: the calls of rosmaster.

mod common;
use common::{PATIENCE, call, local, topic_state, until};
use skidpad_ros1::http::{Decoder, Kind};
use skidpad_ros1::xmlrpc::{self, Answer, Call, Value};
use skidpad_ros1::{Client, Master, Node, Uri};
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::time::Duration;

fn texts(values: &[&str]) -> Value {
    Value::Array(values.iter().map(|text| Value::from(*text)).collect())
}

/// The answer `[code, message, value]`.
fn ask(master: &Master, from: &str, method: &str, arguments: Vec<Value>) -> (i32, String, Value) {
    let mut params = vec![Value::from(from)];
    params.extend(arguments);
    let Answer::Value(Value::Array(parts)) = call(master.uri(), method, params) else { panic!("{method}") };
    let [code, message, value] = <[Value; 3]>::try_from(parts).unwrap();
    (code.as_int().unwrap(), message.as_text().unwrap().to_string(), value)
}

#[test]
fn registrations_come_and_go_as_with_rosmaster() {
    let master = local();
    let (a, b) = ("http://127.0.0.1:4001/", "http://127.0.0.1:4002/");
    let register = |node: &str, method: &str, kind: &str, api: &str| {
        ask(&master, node, method, vec!["/t".into(), kind.into(), api.into()])
    };
    let registered = register("/b", "registerSubscriber", "*", b);
    assert_eq!(registered, (1, "Subscribed to [/t]".into(), texts(&[])));
    let registered = register("/a", "registerPublisher", "pb_msgs/Chassis", a);
    assert_eq!(registered, (1, "Registered [/a] as publisher of [/t]".into(), texts(&[b])));
    assert_eq!(register("/b", "registerSubscriber", "*", b).2, texts(&[a]), "again");
    assert_eq!(register("/b", "registerPublisher", "*", b).2, texts(&[b]));
    assert_eq!(topic_state(master.uri(), 0), BTreeMap::from([("/t".into(), vec!["/a".into(), "/b".into()])]));
    assert_eq!(topic_state(master.uri(), 1), BTreeMap::from([("/t".into(), vec!["/b".into()])]));
    let typed = Value::Array(vec![texts(&["/t", "pb_msgs/Chassis"])]);
    assert_eq!(ask(&master, "/x", "getTopicTypes", vec![]).2, typed);
    assert_eq!(ask(&master, "/x", "getPublishedTopics", vec!["".into()]).2, typed);
    assert_eq!(ask(&master, "/x", "getPublishedTopics", vec!["/u".into()]).2, texts(&[]));
    assert_eq!(ask(&master, "/x", "lookupNode", vec!["/a".into()]), (1, "node api".into(), a.into()));
    let unknown = (-1, "unknown node [/c]".to_string(), Value::from(""));
    assert_eq!(ask(&master, "/x", "lookupNode", vec!["/c".into()]), unknown);
    let gone = ask(&master, "/a", "unregisterPublisher", vec!["/t".into(), a.into()]);
    assert_eq!(gone, (1, "Unregistered [/a] as provider of [/t]".into(), 1.into()));
    assert_eq!(ask(&master, "/a", "unregisterPublisher", vec!["/t".into(), a.into()]).2, 0.into());
    assert_eq!(ask(&master, "/x", "lookupNode", vec!["/a".into()]).0, -1, "it has nothing any more");
    assert_eq!(ask(&master, "/x", "getPid", vec![]).2, (std::process::id() as i32).into());
    assert_eq!(ask(&master, "/x", "getUri", vec![]).2, master.uri().to_string().into());
    assert_eq!(register("/a", "registerPublisher", "x/Y", "nowhere").0, -1);
    assert_eq!(ask(&master, "/a", "lookupNode", vec![]).0, -1, "one argument too few");
    assert!(matches!(call(master.uri(), "noSuchMethod", vec![]), Answer::Fault { .. }));

    let service = |method: &str, arguments: &[&str]| {
        ask(&master, "/a", method, arguments.iter().map(|text| Value::from(*text)).collect())
    };
    assert_eq!(service("registerService", &["/a/s", "rosrpc://127.0.0.1:9", a]).0, 1);
    assert_eq!(service("lookupService", &["/a/s"]).2, "rosrpc://127.0.0.1:9".into());
    assert_eq!(service("unregisterService", &["/a/s", "rosrpc://127.0.0.1:8"]).2, 0.into());
    assert_eq!(service("unregisterService", &["/a/s", "rosrpc://127.0.0.1:9"]).2, 1.into());
    assert_eq!(service("lookupService", &["/a/s"]), (-1, "no provider".into(), "".into()));
}

#[test]
fn parameters_are_a_tree() {
    let master = local();
    let key = |method: &str, key: &str| ask(&master, "/ns/node", method, vec![key.into()]);
    let set = |name: &str, value: Value| ask(&master, "/ns/node", "setParam", vec![name.into(), value]).0;
    assert_eq!(key("hasParam", "/use_sim_time"), (1, "/use_sim_time".into(), Value::Bool(false)));
    let absent = key("getParam", "/use_sim_time");
    assert_eq!(absent, (-1, "Parameter [/use_sim_time] is not set".into(), 0.into()));
    assert_eq!(set("/a/b/c", 1.into()), 1);
    assert_eq!(set("~x", "mine".into()), 1);
    assert_eq!(set("y", Value::Double(0.5)), 1);
    assert_eq!(key("getParam", "/ns/node/x").2, "mine".into());
    assert_eq!(key("getParam", "/ns/y").2, Value::Double(0.5));
    let tree = Value::Struct([("c".to_string(), 1.into())].into());
    assert_eq!(key("getParam", "/a/b").2, tree);
    assert_eq!(ask(&master, "/n", "getParamNames", vec![]).2, texts(&["/a/b/c", "/ns/node/x", "/ns/y"]));
    assert_eq!(key("searchParam", "y").2, "/ns/y".into());
    assert_eq!(key("searchParam", "a/z").2, "/a/z".into(), "only its first name is looked for");
    assert_eq!(key("searchParam", "none").0, -1);
    assert_eq!(set("/a/b/c/d", 2.into()), 1, "a value becomes a tree");
    assert_eq!(key("deleteParam", "/a/b").0, 1);
    assert_eq!(key("deleteParam", "/a/b").0, -1);
    assert_eq!(key("hasParam", "/a/b/c/d").2, Value::Bool(false));
    assert_eq!(set("/", 1.into()), -1, "the root is a tree");
    assert_eq!(set("/big", Value::Text("x".repeat(3 << 20))), 1);
    let refused =
        (0..20).filter(|at| set(&format!("/big{at}"), Value::Text("x".repeat(3 << 20))) == -1).count();
    assert!(refused > 5, "{refused}: its memory is bounded");
}

#[test]
fn a_batch_of_calls_is_answered_one_by_one() {
    let master = local();
    let one = |method: &str, params: Vec<Value>| {
        let members = [("methodName", Value::from(method)), ("params", Value::Array(params))];
        Value::Struct(members.map(|(name, value)| (name.to_string(), value)).into())
    };
    let api = Value::from("http://127.0.0.1:4001/");
    let calls = vec![
        one("registerPublisher", vec!["/a".into(), "/t".into(), "x/Y".into(), api.clone()]),
        one("unregisterPublisher", vec!["/a".into(), "/t".into(), api]),
        one("nonsense", vec![]),
        one("system.multicall", vec![]),
    ];
    let Answer::Value(Value::Array(answers)) =
        call(master.uri(), "system.multicall", vec![Value::Array(calls)])
    else {
        panic!("no answer")
    };
    let codes: Vec<_> = answers
        .iter()
        .map(|answer| match answer {
            Value::Array(parts) => parts[0].as_array().unwrap()[0].as_int(),
            _ => None,
        })
        .collect();
    assert_eq!(codes, [Some(1), Some(1), None, None]);
    assert_eq!(topic_state(master.uri(), 0), BTreeMap::new());
}

/// A node that only notes what it is told.
struct Note {
    uri: String,
    socket: TcpListener,
}

impl Note {
    fn new() -> Note {
        let socket = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        Note { uri: format!("http://{}/", socket.local_addr().unwrap()), socket }
    }

    /// The next call it gets.
    fn next(&self) -> Call {
        let (mut stream, _) = self.socket.accept().unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut decoder = Decoder::new(Kind::Request);
        let mut bytes = [0; 4096];
        loop {
            let count = stream.read(&mut bytes).unwrap();
            decoder.push(&bytes[..count]);
            if let Some(message) = decoder.message().unwrap() {
                let answer = Answer::Value(vec![1.into(), "".into(), 0.into()].into());
                let answer = skidpad_ros1::http::response(200, false, &xmlrpc::encode_answer(&answer));
                stream.write_all(&answer).unwrap();
                return xmlrpc::decode_call(&message.body).unwrap();
            }
        }
    }
}

#[test]
fn subscribers_hear_of_publishers_of_parameters_and_of_their_successor() {
    let master = local();
    let (node, publisher) = (Note::new(), "http://127.0.0.1:4001/");
    let register = |method: &str, name: &str, api: &str| {
        ask(&master, name, method, vec!["/t".into(), "x/Y".into(), api.into()]).0
    };
    assert_eq!(register("registerSubscriber", "/listener", &node.uri), 1);
    assert_eq!(register("registerPublisher", "/talker", publisher), 1);
    let update =
        |list: &[&str]| Call::new("publisherUpdate", vec!["/master".into(), "/t".into(), texts(list)]);
    assert_eq!(node.next(), update(&[publisher]));
    assert_eq!(register("registerPublisher", "/talker", publisher), 1, "again");
    assert_eq!(node.next(), update(&[publisher]), "and told again");
    assert_eq!(ask(&master, "/talker", "unregisterPublisher", vec!["/t".into(), publisher.into()]).0, 1);
    assert_eq!(node.next(), update(&[]));

    let subscribe = vec![Value::from(node.uri.as_str()), "/p".into()];
    assert_eq!(ask(&master, "/listener", "subscribeParam", subscribe).2, Value::Struct(BTreeMap::new()));
    assert_eq!(ask(&master, "/talker", "setParam", vec!["/p/q".into(), 3.into()]).0, 1);
    assert_eq!(node.next(), Call::new("paramUpdate", vec!["/master".into(), "/p/q/".into(), 3.into()]));

    // Another node takes the name: the older one has to end, and what it had is gone.
    assert_eq!(register("registerPublisher", "/listener", "http://127.0.0.1:4003/"), 1);
    let Call { method, params } = node.next();
    assert_eq!((method.as_str(), params[0].as_text()), ("shutdown", Some("/master")));
    assert!(params[1].as_text().unwrap().contains("new node registered with same name"));
    assert_eq!(topic_state(master.uri(), 1), BTreeMap::new());
}

#[test]
fn a_subscriber_that_hangs_holds_up_nobody_else() {
    let master = local();
    let (hangs, listens) = (Note::new(), Note::new());
    for (name, note) in [("/hangs", &hangs), ("/listens", &listens)] {
        ask(&master, name, "registerSubscriber", vec!["/t".into(), "x/Y".into(), note.uri.as_str().into()]);
    }
    // Had it to wait for /hangs first, no round would be shorter than the time for which that is waited for; of a busy
    // machine one is.
    let quick = (0..5).any(|_| {
        let began = std::time::Instant::now();
        let api = Value::from("http://127.0.0.1:4001/");
        ask(&master, "/talker", "registerPublisher", vec!["/t".into(), "x/Y".into(), api]);
        assert_eq!(listens.next().method, "publisherUpdate");
        began.elapsed() < Duration::from_millis(1500)
    });
    assert!(quick, "/listens is told as late as if /hangs were waited for");
}

#[test]
fn a_taken_port_is_named_with_the_remedy() {
    let master = local();
    let at = std::net::SocketAddr::new(Ipv4Addr::LOCALHOST.into(), master.uri().port);
    let error = Master::start(at).unwrap_err().to_string();
    assert!(error.contains("is taken") && error.contains(&format!("http://{at}")), "{error}");
}

#[test]
fn no_master_a_closed_port_and_an_unknown_name_are_told_apart() {
    // A port that nobody has, and that the system gives to nobody.
    let closed = "127.0.0.1:1";
    let client = Client { caller: "/x".into(), fallback: None, at_most: Duration::from_secs(2) };
    let ask = |uri: &str| client.ask(&uri.parse().unwrap(), "getPid", vec![]).unwrap_err().to_string();
    let refused = ask(&format!("http://{closed}"));
    assert!(refused.contains("connection refused"), "{refused}");
    let unknown = ask("http://no-such-host.invalid:11311");
    assert!(unknown.contains("\"no-such-host.invalid\" cannot be resolved"), "{unknown}");
    let echo = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let at = echo.local_addr().unwrap();
    let babble = std::thread::spawn(move || {
        echo.accept().unwrap().0.write_all(b"SSH-2.0-OpenSSH_9.2\r\n\r\n").unwrap()
    });
    let other = ask(&format!("http://{at}"));
    assert!(other.contains("does not speak XML-RPC") || other.contains("closed"), "{other}");
    babble.join().unwrap();
    for wrong in [
        "",
        "localhost:11311",
        "http://",
        "http://:1",
        "http://h",
        "http://h:0/",
        "http://h:99999",
        "http://a b:1",
    ] {
        assert!(wrong.parse::<Uri>().is_err(), "{wrong}");
    }
    assert_eq!("http://[::1]:11311/".parse::<Uri>().unwrap().to_string(), "http://[::1]:11311/");
    let node = Node::start(skidpad_ros1::NodeOptions {
        name: "/n".into(),
        master: "http://no-such-host.invalid:11311".parse().unwrap(),
        host: None,
    });
    let error = node.unwrap_err().to_string();
    assert!(error.contains("no-such-host.invalid"), "{error}");
}

#[test]
fn rubbish_does_not_stop_the_master() {
    let master = local();
    let at = (Ipv4Addr::LOCALHOST, master.uri().port);
    let mut open = Vec::new();
    for rubbish in [
        &b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..],
        b"GET / HTTP/1.1\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-length: 3\r\n\r\n<x>",
        b"POST / HTTP/1.1\r\nContent-length: 999999999999\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-length: 50\r\n\r\nhalf",
        &[0xff; 100_000],
    ] {
        let mut stream = TcpStream::connect(at).unwrap();
        // It may close before all of it is written.
        let _ = stream.write_all(rubbish);
        open.push(stream);
    }
    assert_eq!(ask(&master, "/x", "getPid", vec![]).0, 1);
    until("it is named", || master.problems().iter().any(|line| line.contains("spoke no XML-RPC")));
}
