//! The recorded Apollo stack against our master and nodes: every call and connection header of it is said again, word for
//! word, and what comes back is compared with what came then.

mod common;
use common::{PATIENCE, call, local, node, topic_state, until};
use skidpad_ros1::http::{self, Decoder, Kind};
use skidpad_ros1::tcpros::{self, Frames, Header, MAX_HEADER, MAX_MESSAGE};
use skidpad_ros1::xmlrpc::{self, Answer, Call, Value};
use skidpad_ros1::{Master, TopicSpec};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// The port of the recorded master.
const MASTER: &str = "11391";

/// One HTTP message or connection header of a recording.
struct Line<'a> {
    from: &'a str,
    to: &'a str,
    /// `http` or `tcpros`.
    kind: &'a str,
    /// Start line and headers, or the fields.
    head: &'a str,
    /// What follows: a body, or the first bytes after the header.
    below: &'a str,
}

fn lines(text: &str) -> Vec<Line<'_>> {
    let lines: Vec<&str> = text.lines().collect();
    let parse = |at: usize| {
        let (ends, rest) = lines[at].trim().split_once(' ')?.1.trim().split_once(' ')?;
        let (from, to) = ends.split_once("->")?;
        let (kind, head) = rest.split_once(": ")?;
        let below = lines.get(at + 1).map_or("", |line| line.trim());
        Some(Line { from, to, kind, head, below })
    };
    (0..lines.len()).filter_map(parse).collect()
}

fn recording(name: &str) -> Option<String> {
    let file = skidpad_test_support::reference_data()?.join("apollo").join(name);
    Some(String::from_utf8_lossy(&fs::read(file).unwrap()).into_owned())
}

/// What the master told a node: its recorded port, the topic, its publishers.
type Update = (String, String, BTreeSet<String>);

fn update(to: &str, call: &Call, name_of: impl Fn(&str) -> String) -> Update {
    let publishers = call.params[2].texts().iter().map(|uri| name_of(uri)).collect();
    (to.to_owned(), call.params[1].as_text().unwrap().to_owned(), publishers)
}

/// Stands for the nodes of a recording: each has an address of its own here, and hears what the master tells it.
#[derive(Default)]
struct Nodes {
    /// By the port in the recording.
    ports: BTreeMap<String, u16>,
    told: Arc<Mutex<Vec<(String, Call)>>>,
}

impl Nodes {
    /// The recorded text with our addresses in place of the recorded nodes'.
    fn here(&mut self, text: &str) -> String {
        let mut parts = text.split("http://127.0.0.1:");
        let mut out = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let (port, rest) = part.split_once('/').expect("an address ends");
            out += &format!("http://127.0.0.1:{}/{rest}", self.port(port));
        }
        out
    }

    /// The recorded address of one of ours.
    fn recorded(&self, uri: &str) -> String {
        let ports = self.ports.iter().map(|(recorded, port)| (format!("http://127.0.0.1:{port}/"), recorded));
        let found = ports.into_iter().find(|(ours, _)| ours == uri);
        found.map_or_else(|| uri.to_owned(), |(_, recorded)| format!("http://127.0.0.1:{recorded}/"))
    }

    fn port(&mut self, recorded: &str) -> u16 {
        if let Some(port) = self.ports.get(recorded) {
            return *port;
        }
        let socket = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = socket.local_addr().unwrap().port();
        self.ports.insert(recorded.to_owned(), port);
        let (told, name) = (self.told.clone(), recorded.to_owned());
        std::thread::spawn(move || {
            while let Ok((mut stream, _)) = socket.accept() {
                let (told, name) = (told.clone(), name.clone());
                std::thread::spawn(move || {
                    let (mut decoder, mut bytes) = (Decoder::new(Kind::Request), [0; 4096]);
                    while let Ok(count @ 1..) = stream.read(&mut bytes) {
                        decoder.push(&bytes[..count]);
                        while let Ok(Some(message)) = decoder.message() {
                            told.lock()
                                .unwrap()
                                .push((name.clone(), xmlrpc::decode_call(&message.body).unwrap()));
                            let done = Answer::Value(Value::Array(vec![1.into(), "".into(), 0.into()]));
                            let _ =
                                stream.write_all(&http::response(200, true, &xmlrpc::encode_answer(&done)));
                        }
                    }
                });
            }
        });
        port
    }
}

fn ask(stream: &mut TcpStream, body: &str) -> Answer {
    let head =
        "POST / HTTP/1.1\r\nUser-Agent: XMLRPC++ 0.7\r\nHost: 127.0.0.1:11391\r\nContent-Type: text/xml";
    write!(stream, "{head}\r\nContent-length: {}\r\n\r\n{body}\r\n", body.len() + 2).unwrap();
    let mut decoder = Decoder::new(Kind::Response);
    loop {
        let mut bytes = [0; 4096];
        let count = stream.read(&mut bytes).unwrap();
        assert!(count > 0, "the master has closed the connection");
        decoder.push(&bytes[..count]);
        if let Some(message) = decoder.message().unwrap() {
            return xmlrpc::decode_answer(&message.body).unwrap();
        }
    }
}

/// Who was registered before the recording begins, which was not of a fresh master: nodes that an answer names and that
/// have not registered in it by then. As the calls that do it, in recorded words.
fn registered_before(text: &str) -> Vec<Call> {
    let mut calls: BTreeMap<&str, Call> = BTreeMap::new();
    let mut known: BTreeSet<(String, String, String)> = BTreeSet::new();
    let mut before = Vec::new();
    let other = |method: &str| match method {
        "registerSubscriber" => Some("registerPublisher"),
        "registerPublisher" => Some("registerSubscriber"),
        _ => None,
    };
    for line in lines(text).iter().filter(|line| line.kind == "http") {
        if line.to == MASTER && line.below.ends_with("</methodCall>") {
            let call = xmlrpc::decode_call(line.below.as_bytes()).unwrap();
            if let (Some(_), [_, topic, _, uri]) = (other(&call.method), &call.params[..]) {
                let words = [topic, uri].map(|value| value.as_text().unwrap().to_owned());
                let [topic, uri] = words;
                known.insert((call.method.clone(), topic, uri));
            }
            calls.insert(line.from, call);
        } else if line.from == MASTER && line.below.ends_with("</methodResponse>") {
            let Some(call) = calls.remove(line.to) else { continue };
            let Some(method) = other(&call.method) else { continue };
            let Ok(Answer::Value(Value::Array(answer))) = xmlrpc::decode_answer(line.below.as_bytes()) else {
                panic!("{}", line.below)
            };
            for uri in answer[2].texts() {
                let topic = call.params[1].as_text().unwrap().to_owned();
                let topic_is_rosout = topic == "/rosout";
                if known.insert((method.to_owned(), topic, uri.clone())) {
                    let port: String = uri.chars().filter(char::is_ascii_digit).collect();
                    // The roscore's own node listens to /rosout.
                    let name = if topic_is_rosout { "/rosout".to_owned() } else { format!("/before_{port}") };
                    let params = [name.into(), call.params[1].clone(), call.params[2].clone()];
                    before.push(Call::new(method, params.into_iter().chain([uri.into()]).collect()));
                }
            }
        }
    }
    before
}

/// Says every call of a recording to a master of ours, on as many connections; how many answers were compared, and the
/// master with what it told the nodes.
fn replay(text: &str) -> (usize, Master, Nodes) {
    let (master, mut nodes) = (local(), Nodes::default());
    for mut known in registered_before(text) {
        known.params[3] = nodes.here(known.params[3].as_text().unwrap()).into();
        call(master.uri(), &known.method, known.params);
    }
    let mut streams: BTreeMap<&str, TcpStream> = BTreeMap::new();
    let mut answered: BTreeMap<&str, (String, Answer)> = BTreeMap::new();
    let mut compared = 0;
    for line in lines(text).iter().filter(|line| line.kind == "http") {
        if line.to == MASTER && line.below.ends_with("</methodCall>") {
            let stream = streams.entry(line.from).or_insert_with(|| {
                let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, master.uri().port)).unwrap();
                stream.set_read_timeout(Some(PATIENCE)).unwrap();
                stream
            });
            let body = nodes.here(line.below);
            answered.insert(line.from, (body.clone(), ask(stream, &body)));
        } else if line.from == MASTER && line.below.contains("methodResponse") {
            let Some((said, answer)) = answered.remove(line.to) else { continue };
            // Long answers were recorded in part only; process and parameters are those of another master.
            let own = ["getPid", "getParamNames"].iter().any(|name| said.contains(&format!(">{name}<")));
            if line.below.ends_with("</methodResponse>") && !own {
                let expected = xmlrpc::decode_answer(nodes.here(line.below).as_bytes()).unwrap();
                assert_eq!(answer, expected, "{said}");
                compared += 1;
            }
        }
    }
    (compared, master, nodes)
}

#[test]
fn the_recorded_start_of_control_gets_the_recorded_answers_and_its_end_leaves_nothing() {
    let Some(text) = recording("wire_control_start.txt") else { return };
    let (compared, master, _) = replay(&text);
    assert!(compared > 30, "{compared}");
    let subscribed: BTreeSet<String> = lines(&text)
        .iter()
        .filter(|line| line.to == MASTER && line.below.contains(">registerSubscriber<"))
        .map(|line| {
            xmlrpc::decode_call(line.below.as_bytes()).unwrap().params[1].as_text().unwrap().to_owned()
        })
        .collect();
    for topic in
        ["/apollo/localization/pose", "/apollo/control/pad", "/apollo/planning", "/apollo/canbus/chassis"]
    {
        assert!(subscribed.contains(topic), "{topic}: {subscribed:?}");
    }
    // The recording goes on to the end of control, which signs off.
    for part in [0, 1] {
        let state = topic_state(master.uri(), part);
        assert!(!state.values().flatten().any(|node| node == "/control"), "{state:?}");
    }
}

#[test]
fn the_recorded_full_stack_gets_the_recorded_answers_and_hears_of_publishers_as_it_did() {
    let Some(text) = recording("wire_full_stack.txt") else { return };
    let (compared, master, nodes) = replay(&text);
    assert!(compared > 70, "{compared}");
    // The last word of the recorded master to each node about each topic.
    let mut expected = BTreeMap::new();
    for line in lines(&text) {
        if line.below.contains(">publisherUpdate<") && line.below.ends_with("</methodCall>") {
            let call = xmlrpc::decode_call(line.below.as_bytes()).unwrap();
            let (to, topic, publishers) = update(line.to, &call, str::to_owned);
            expected.insert((to, topic), publishers);
        }
    }
    assert!(expected.len() >= 3, "{expected:?}");
    let told = || {
        let told = nodes.told.lock().unwrap();
        let updates = told.iter().filter(|(_, call)| call.method == "publisherUpdate");
        updates
            .map(|(to, call)| update(to, call, |uri| nodes.recorded(uri)))
            .map(|(to, topic, publishers)| ((to, topic), publishers))
            .collect::<BTreeMap<_, _>>()
    };
    until("every node hears", || expected.keys().all(|key| told().contains_key(key)));
    let told = told();
    for (key, publishers) in &expected {
        assert_eq!(&told[key], publishers, "{key:?}");
    }
    for node in ["/canbus", "/localization", "/planning"] {
        assert!(topic_state(master.uri(), 0).values().flatten().any(|known| known == node), "{node}");
    }
}

fn header(line: &Line) -> Header {
    Header::new(line.head.split(" || ").filter_map(|field| field.split_once('=')))
}

fn take_frame(stream: &mut TcpStream, most: usize) -> Vec<u8> {
    let (mut frames, mut wanted) = (Frames::default(), 4);
    loop {
        let mut bytes = vec![0; wanted];
        stream.read_exact(&mut bytes).unwrap();
        frames.push(&bytes);
        if let Some(frame) = frames.next("frame", most).unwrap() {
            return frame.to_vec();
        }
        wanted = frames.missing();
    }
}

fn bytes_of(hex: &str) -> Vec<u8> {
    (0..hex.len() / 2).map(|at| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).unwrap()).collect()
}

#[test]
fn every_recorded_connection_gets_the_recorded_header_and_its_first_bytes_of_a_node_of_ours() {
    let mut compared = BTreeSet::new();
    let mut with_bytes = 0;
    for file in ["wire_control_start.txt", "wire_full_stack.txt"] {
        let Some(text) = recording(file) else { return };
        let all = lines(&text);
        let apollo = |line: &&Line| line.kind == "tcpros" && header(line).get("type").starts_with("pb_msgs/");
        for publisher in all.iter().filter(apollo).filter(|line| header(line).has("latching")) {
            let expected = header(publisher);
            let Some(subscriber) =
                all.iter().filter(apollo).find(|line| (line.from, line.to) == (publisher.to, publisher.from))
            else {
                continue;
            };
            let asked = header(subscriber);
            let master = local();
            let ours = node(expected.get("callerid"), master.uri());
            let publication = ours.advertise(
                TopicSpec {
                    name: expected.get("topic").into(),
                    datatype: expected.get("type").into(),
                    md5: expected.get("md5sum").into(),
                    definition: expected.get("message_definition").into(),
                },
                10,
                expected.get("latching") == "1",
            );
            let protocols = Value::Array(vec![Value::Array(vec!["TCPROS".into()])]);
            let params = vec![asked.get("callerid").into(), expected.get("topic").into(), protocols];
            let Answer::Value(Value::Array(answer)) = call(ours.uri(), "requestTopic", params) else {
                panic!("no answer")
            };
            let Some([_, Value::Text(host), Value::Int(port)]) = answer[2].as_array() else {
                panic!("{answer:?}")
            };
            let mut stream = TcpStream::connect((host.as_str(), *port as u16)).unwrap();
            stream.set_read_timeout(Some(PATIENCE)).unwrap();
            stream.write_all(&asked.encode()).unwrap();
            let got = Header::decode(&take_frame(&mut stream, MAX_HEADER)).unwrap();
            assert_eq!(
                got.fields().collect::<BTreeMap<_, _>>(),
                expected.fields().collect::<BTreeMap<_, _>>()
            );
            compared.insert((expected.get("topic").to_owned(), asked.get("callerid").to_owned()));

            // The first bytes were two lengths and the beginning of the protobuf: with as many of it we send the same.
            let hex = publisher
                .below
                .split_whitespace()
                .find(|word| word.len() > 8 && word.bytes().all(|byte| byte.is_ascii_hexdigit()));
            let Some(recorded) = hex.map(bytes_of).filter(|bytes| bytes.len() > 8) else { continue };
            let inner = u32::from_le_bytes(recorded[4..8].try_into().unwrap()) as usize;
            let mut protobuf = recorded[8..].to_vec();
            protobuf.resize(inner, 0);
            until("known", || !publication.subscribers().is_empty());
            publication.publish(&tcpros::protobuf_body(&protobuf));
            let mut sent = vec![0; recorded.len()];
            stream.read_exact(&mut sent).unwrap();
            assert_eq!(sent, recorded, "{}", expected.get("topic"));
            assert!(inner + 8 < MAX_MESSAGE);
            with_bytes += 1;
        }
    }
    assert!(compared.len() >= 8 && with_bytes >= 5, "{compared:?} {with_bytes}");
}
