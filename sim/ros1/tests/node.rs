//! Nodes among themselves, and in bad company.

mod common;
use common::{PATIENCE, call, caller, chassis, control, local, node, spec, topic_state, until};
use skidpad_ros1::tcpros::{self, Frames, Header, MAX_HEADER, MAX_MESSAGE};
use skidpad_ros1::xmlrpc::Value;
use skidpad_ros1::{Master, Subscription, Uri};
use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

fn take_all(subscription: &Subscription, into: &mut Vec<Vec<u8>>) {
    while let Some(message) = subscription.take() {
        into.push(message.body);
    }
}

#[test]
fn messages_cross_whoever_comes_first() {
    for publisher_first in [true, false] {
        let master = local();
        let (car, stack) = (node("/car", master.uri()), node("/stack", master.uri()));
        let (publisher, subscription) = if publisher_first {
            let publisher = car.advertise(chassis(), 10, false);
            until("registered", || car.is_registered());
            (publisher, stack.subscribe(chassis(), 10))
        } else {
            let subscription = stack.subscribe(chassis(), 10);
            until("registered", || stack.is_registered());
            (car.advertise(chassis(), 10, false), subscription)
        };
        until("a subscriber", || publisher.subscribers() == ["/stack"]);
        until("a publisher", || subscription.publishers() == ["/car"]);
        for number in 0..5u8 {
            publisher.publish(&tcpros::protobuf_body(&[number]));
        }
        let mut found = Vec::new();
        until("five messages", || {
            take_all(&subscription, &mut found);
            found.len() == 5
        });
        let expected: Vec<_> = (0..5u8).map(|number| tcpros::protobuf_body(&[number])).collect();
        assert_eq!(found, expected);
        let report = stack.report();
        assert_eq!((report.topics[0].messages, report.topics[0].bytes, report.topics[0].dropped), (5, 45, 0));
        assert_eq!(report.problems, Vec::<String>::new());
    }
}

#[test]
fn a_latched_topic_gives_its_last_message_to_who_comes_later() {
    let master = local();
    let car = node("/car", master.uri());
    let publisher = car.advertise(chassis(), 10, true);
    (0..3u8).for_each(|number| publisher.publish(&[number]));
    let stack = node("/stack", master.uri());
    let subscription = stack.subscribe(chassis(), 10);
    let mut found = Vec::new();
    until("the last message", || {
        take_all(&subscription, &mut found);
        !found.is_empty()
    });
    assert_eq!(found, [[2]]);
}

/// A connection to a node's topic by hand.
fn subscribe_by_hand(of: &Uri, fields: &[(&str, &str)]) -> (TcpStream, Header) {
    let answer = caller().ask(
        of,
        "requestTopic",
        vec![
            fields.iter().find(|(name, _)| *name == "topic").unwrap().1.into(),
            Value::Array(vec![Value::Array(vec!["TCPROS".into()])]),
        ],
    );
    let answer = answer.unwrap();
    let [protocol, Value::Text(host), Value::Int(port)] = answer.as_array().unwrap() else {
        panic!("{answer:?}")
    };
    assert_eq!(protocol.as_text(), Some("TCPROS"));
    let mut stream = TcpStream::connect((host.as_str(), *port as u16)).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(&Header::new(fields.iter().copied()).encode()).unwrap();
    let header = next_frame(&mut stream, MAX_HEADER);
    (stream, Header::decode(&header).unwrap())
}

/// One frame, and no byte more.
fn next_frame(stream: &mut TcpStream, most: usize) -> Vec<u8> {
    let mut frames = Frames::default();
    let mut wanted = 4;
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

#[test]
fn the_header_of_roscpp_is_answered_as_roscpp_answers_and_a_wrong_md5_refused_in_its_words() {
    let master = local();
    let car = node("/canbus", master.uri());
    let publisher = car.advertise(chassis(), 10, false);
    // As recorded from Apollo's planning.
    let asked = |md5: &'static str| {
        [
            ("callerid", "/planning"),
            ("md5sum", md5),
            ("tcp_nodelay", "0"),
            ("topic", "/apollo/canbus/chassis"),
            ("type", "pb_msgs/Chassis"),
        ]
    };
    let (mut stream, answer) = subscribe_by_hand(car.uri(), &asked("d6a21658031a6a4615858d76f8b5178e"));
    let expected = [
        ("callerid", "/canbus"),
        ("latching", "0"),
        ("md5sum", "d6a21658031a6a4615858d76f8b5178e"),
        ("message_definition", "protobuf"),
        ("topic", "/apollo/canbus/chassis"),
        ("type", "pb_msgs/Chassis"),
    ];
    assert_eq!(answer.fields().collect::<Vec<_>>(), expected);
    until("known", || publisher.subscribers() == ["/planning"]);
    publisher.publish(&tcpros::protobuf_body(&[0x18, 1]));
    assert_eq!(next_frame(&mut stream, MAX_MESSAGE), [2, 0, 0, 0, 0x18, 1]);
    let (_, answer) = subscribe_by_hand(car.uri(), &asked("*"));
    assert_eq!(answer.get("type"), "pb_msgs/Chassis", "any md5 is welcome");
    let (_, answer) = subscribe_by_hand(car.uri(), &asked("00000000000000000000000000000000"));
    assert_eq!(
        answer.get("error"),
        "Client [/planning] wants topic /apollo/canbus/chassis to have datatype/md5sum \
         [pb_msgs/Chassis/00000000000000000000000000000000], but our version has \
         [pb_msgs/Chassis/d6a21658031a6a4615858d76f8b5178e]. Dropping connection."
    );
    let problems = car.report().problems;
    assert!(problems.iter().any(|line| line.starts_with("Client [/planning] wants topic")), "{problems:?}");
    // Closed by us, the subscriber is forgotten.
    drop(stream);
    until("forgotten", || !publisher.subscribers().contains(&"/planning".to_string()));
}

/// A publisher by hand: an XML-RPC and a data socket, and what the subscriber said.
struct Handmade {
    data: TcpListener,
    uri: String,
}

impl Handmade {
    /// `host` is what it says it is called.
    fn new(host: &'static str) -> Handmade {
        let data = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let api = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let (port, api_port) = (data.local_addr().unwrap().port(), api.local_addr().unwrap().port());
        std::thread::spawn(move || {
            while let Ok((mut stream, _)) = api.accept() {
                let mut bytes = [0; 4096];
                // Only requestTopic is asked of it.
                if stream.read(&mut bytes).is_ok() {
                    let at = format!(
                        "<?xml version=\"1.0\"?><methodResponse><params><param><value><array><data><value><i4>1</i4>\
                         </value><value></value><value><array><data><value>TCPROS</value><value>{host}</value><value>\
                         <i4>{port}</i4></value></data></array></value></data></array></value></param></params>\
                         </methodResponse>"
                    );
                    let _ = write!(
                        stream,
                        "HTTP/1.1 200 OK\r\nServer: XMLRPC++ 0.7\r\nContent-Type: text/xml\r\nContent-length: {}\r\n\r\n{at}",
                        at.len()
                    );
                }
            }
        });
        Handmade { data, uri: format!("http://{host}:{api_port}/") }
    }

    fn register(&self, master: &Uri, name: &str) {
        let params = [name, "/apollo/control", "pb_msgs/ControlCommand", &self.uri];
        call(master, "registerPublisher", params.map(Value::from).to_vec());
    }

    /// Lets the subscriber in; its header.
    fn accept(&self) -> (TcpStream, Header) {
        let (mut stream, _) = self.data.accept().unwrap();
        let header = Header::decode(&next_frame(&mut stream, MAX_HEADER)).unwrap();
        let answer = [
            ("callerid", "/control"),
            ("latching", "0"),
            ("md5sum", "67f7ff8a4c675dc97a8c7ce6d6289943"),
            ("message_definition", "protobuf"),
            ("topic", "/apollo/control"),
            ("type", "pb_msgs/ControlCommand"),
        ];
        stream.write_all(&Header::new(answer).encode()).unwrap();
        (stream, header)
    }
}

#[test]
fn as_subscriber_it_passes_for_rospy_so_that_apollo_sends_and_comes_back_after_every_loss() {
    let master = local();
    let car = node("/skidpad", master.uri());
    let subscription = car.subscribe(control(), 10);
    let publisher = Handmade::new("127.0.0.1");
    publisher.register(master.uri(), "/control");
    for round in 0..3u8 {
        let (mut stream, header) = publisher.accept();
        for (name, value) in [
            ("callerid", "/skidpad"),
            ("md5sum", "67f7ff8a4c675dc97a8c7ce6d6289943"),
            ("node_type", "rospy"),
            ("tcp_nodelay", "1"),
            ("topic", "/apollo/control"),
            ("type", "pb_msgs/ControlCommand"),
        ] {
            assert_eq!(header.get(name), value, "{name}");
        }
        // In pieces, as a network may have it.
        let bytes = tcpros::frame(&tcpros::protobuf_body(&[round]));
        stream.set_nodelay(true).unwrap();
        for byte in bytes {
            stream.write_all(&[byte]).unwrap();
        }
        let mut found = Vec::new();
        until("a message", || {
            take_all(&subscription, &mut found);
            !found.is_empty()
        });
        assert_eq!(found, [tcpros::protobuf_body(&[round])]);
    }
    let report = &car.report().topics[0];
    assert_eq!((report.messages, report.connects), (3, 3));
    assert!(report.disconnects >= 2, "{report:?}");
}

#[test]
fn a_publisher_that_speaks_rubbish_is_dropped_and_tried_again() {
    let master = local();
    let car = node("/skidpad", master.uri());
    let subscription = car.subscribe(control(), 10);
    let publisher = Handmade::new("127.0.0.1");
    publisher.register(master.uri(), "/control");
    let (mut stream, _) = publisher.accept();
    stream.write_all(&[0xff; 10_000]).unwrap();
    let (mut stream, _) = publisher.accept();
    stream.write_all(&[9, 0, 0, 0, 1]).unwrap();
    drop(stream);
    let (mut stream, _) = publisher.accept();
    stream.write_all(&tcpros::frame(&[7])).unwrap();
    let mut found = Vec::new();
    until("a message", || {
        take_all(&subscription, &mut found);
        !found.is_empty()
    });
    assert_eq!(found, [[7]]);
    let report = car.report();
    assert_eq!(report.topics[0].malformed, 2, "{report:?}");
    for words in ["a message of 4294967295 bytes", "closed within a message"] {
        assert!(report.problems.iter().any(|line| line.contains(words)), "{words}: {:?}", report.problems);
    }
}

#[test]
fn a_name_that_only_a_container_knows_is_taken_to_be_here_and_said_so() {
    let master = local();
    let car = node("/skidpad", master.uri());
    let subscription = car.subscribe(control(), 10);
    let publisher = Handmade::new("in-release-docker.invalid");
    publisher.register(master.uri(), "/control");
    let (mut stream, _) = publisher.accept();
    stream.write_all(&tcpros::frame(&[7])).unwrap();
    until("a message", || subscription.take().is_some());
    let problems = car.report().problems;
    let said = "the name \"in-release-docker.invalid\" means nothing here; taken to be 127.0.0.1";
    assert!(problems.iter().any(|line| line == said), "{problems:?}");
}

#[test]
fn a_flood_fills_a_queue_and_the_oldest_go() {
    let master = local();
    let (car, stack) = (node("/car", master.uri()), node("/stack", master.uri()));
    let subscription = car.subscribe(control(), 10);
    let publisher = stack.advertise(control(), 100_000, false);
    until("a subscriber", || publisher.subscribers().len() == 1);
    for number in 0..20_000u32 {
        publisher.publish(&number.to_le_bytes());
    }
    until("all", || car.report().topics[0].messages == 20_000);
    let mut found = Vec::new();
    take_all(&subscription, &mut found);
    let expected: Vec<_> = (19_990..20_000u32).map(|number| number.to_le_bytes().to_vec()).collect();
    assert_eq!(found, expected);
    assert_eq!(car.report().topics[0].dropped, 19_990);
}

#[test]
fn a_subscriber_that_never_reads_costs_the_caller_nothing_and_loses_the_oldest() {
    let master = local();
    let car = node("/car", master.uri());
    let publisher = car.advertise(chassis(), 10, false);
    let asked = [("callerid", "/slow"), ("md5sum", "*"), ("topic", "/apollo/canbus/chassis"), ("type", "*")];
    let (mut slow, _) = subscribe_by_hand(car.uri(), &asked);
    let body = vec![7; 60_000];
    let mut longest = Duration::ZERO;
    for _ in 0..2_000 {
        let began = Instant::now();
        publisher.publish(&body);
        longest = longest.max(began.elapsed());
    }
    assert!(longest < Duration::from_secs(1), "{longest:?}: it waited for the subscriber");
    let dropped = car.report().topics[0].dropped;
    assert!(dropped > 1000, "{dropped}");
    // What comes when it reads again is whole messages.
    publisher.publish(&[1, 2, 3]);
    let last = loop {
        let frame = next_frame(&mut slow, MAX_MESSAGE);
        if frame.len() != 60_000 {
            break frame;
        }
    };
    assert_eq!(last, [1, 2, 3]);
}

#[test]
fn a_restarted_master_is_told_everything_again() {
    let master = local();
    let uri = master.uri().clone();
    let (car, stack) = (node("/car", &uri), node("/stack", &uri));
    let publisher = car.advertise(chassis(), 10, false);
    let subscription = stack.subscribe(chassis(), 10);
    until("a subscriber", || publisher.subscribers().len() == 1);
    drop(master);
    until("a lost master", || car.report().master_error.is_some());
    publisher.publish(&[1]);
    until("the data goes on", || subscription.take().is_some());
    // The port may be in use for a moment.
    let at = SocketAddr::new(Ipv4Addr::LOCALHOST.into(), uri.port);
    let mut again = None;
    until("the port is free", || {
        again = Master::start(at).ok();
        again.is_some()
    });
    until("both are known", || {
        topic_state(&uri, 0).contains_key("/apollo/canbus/chassis")
            && topic_state(&uri, 1).contains_key("/apollo/canbus/chassis")
    });
    until("no complaint", || car.report().master_error.is_none());
    assert_eq!(publisher.subscribers(), ["/stack"], "one connection as before");
}

#[test]
fn a_subscriber_that_the_master_never_told_is_told_by_the_node_itself() {
    // As with Apollo's roscore: it registers the subscriber, but tells it nothing.
    let master = local();
    let car = node("/car", master.uri());
    let publisher = car.advertise(chassis(), 10, false);
    until("registered", || car.is_registered());
    let other = local();
    let late = node("/late", other.uri());
    let _subscription = late.subscribe(chassis(), 10);
    until("registered", || late.is_registered());
    let params = ["/late", "/apollo/canbus/chassis", "pb_msgs/Chassis", &late.uri().to_string()];
    call(master.uri(), "registerSubscriber", params.map(Value::from).to_vec());
    until("it connects", || publisher.subscribers() == ["/late"]);
}

#[test]
fn publishers_that_come_and_go_are_followed() {
    let master = local();
    let car = node("/car", master.uri());
    let subscription = car.subscribe(control(), 10);
    let (first, second) = (node("/first", master.uri()), node("/second", master.uri()));
    let one = first.advertise(control(), 10, false);
    let two = second.advertise(control(), 10, false);
    let connected = || subscription.publishers().into_iter().collect::<BTreeSet<_>>();
    until("both", || connected() == BTreeSet::from(["/first".into(), "/second".into()]));
    one.publish(&[1]);
    two.publish(&[2]);
    let mut from = BTreeSet::new();
    until("messages with their senders", || {
        from.extend(subscription.take().map(|message| (message.publisher, message.body)));
        from == BTreeSet::from([("/first".into(), vec![1]), ("/second".into(), vec![2])])
    });
    until("both are known", || car.publishers_of("/apollo/control").len() == 2);
    drop(first);
    until("one left", || connected() == BTreeSet::from(["/second".into()]));
    let again = node("/first", master.uri());
    let _one = again.advertise(control(), 10, false);
    until("both again", || connected().len() == 2);
}

#[test]
fn another_publisher_with_another_type_is_named() {
    let master = local();
    let (car, stack) = (node("/car", master.uri()), node("/stack", master.uri()));
    let _subscription = car.subscribe(control(), 10);
    let wrong = spec("/apollo/control", "Chassis", "d6a21658031a6a4615858d76f8b5178e");
    let _publisher = stack.advertise(wrong, 10, false);
    until("the mismatch is named", || {
        car.report().problems.iter().any(|line| {
            line.contains("the publisher refused: Client [/car] wants topic /apollo/control")
                && line.contains("Dropping connection.")
        })
    });
}

#[test]
fn a_node_that_loses_its_name_says_so_and_does_not_fight_for_it() {
    let master = local();
    let first = node("/skidpad", master.uri());
    let _publisher = first.advertise(chassis(), 10, false);
    until("registered", || first.is_registered());
    let second = node("/skidpad", master.uri());
    let _publisher = second.advertise(chassis(), 10, false);
    until("told to end", || first.report().ended.is_some());
    let ended = first.report().ended.unwrap();
    assert!(ended.contains("new node registered with same name"), "{ended}");
    std::thread::sleep(Duration::from_millis(2500));
    assert_eq!(second.report().ended, None);
    let found = caller().ask(master.uri(), "lookupNode", vec!["/skidpad".into()]).unwrap();
    assert_eq!(found, Value::Text(second.uri().to_string()));
}

#[test]
fn rubbish_on_every_socket_of_a_node_is_survived() {
    let master = local();
    let car = node("/car", master.uri());
    let publisher = car.advertise(chassis(), 10, false);
    let answer = caller().ask(
        car.uri(),
        "requestTopic",
        vec!["/apollo/canbus/chassis".into(), Value::Array(vec![Value::Array(vec!["TCPROS".into()])])],
    );
    let data = answer.unwrap().as_array().unwrap()[2].as_int().unwrap() as u16;
    let mut open = Vec::new();
    for port in [car.uri().port, data] {
        for rubbish in [
            &b"\xff\xff\xff\xff\xff"[..],
            b"POST / HTTP/1.1\r\n\r\n",
            b"\x00\x00\x00\x00",
            b"\x05\x00\x00\x00\x01\x00\x00\x00x",
            b"\x20\x00\x00\x00",
            &[0; 100_000],
        ] {
            let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
            // It may close before all of it is written.
            let _ = stream.write_all(rubbish);
            open.push(stream);
        }
    }
    for nonsense in ["publisherUpdate", "requestTopic", "getBusInfo", "nothing"] {
        call(car.uri(), nonsense, vec![Value::Int(1), Value::Array(vec![])]);
    }
    let asked = [("callerid", "/good"), ("md5sum", "*"), ("topic", "/apollo/canbus/chassis"), ("type", "*")];
    let (mut good, _) = subscribe_by_hand(car.uri(), &asked);
    until("known", || publisher.subscribers() == ["/good"]);
    publisher.publish(&[5]);
    assert_eq!(next_frame(&mut good, MAX_MESSAGE), [5]);
    until("said", || car.report().problems.iter().any(|line| line.contains("spoke no TCPROS")));
}

#[test]
fn tools_are_told_about_connections() {
    let master = local();
    let (car, stack) = (node("/car", master.uri()), node("/stack", master.uri()));
    let publisher = car.advertise(chassis(), 10, false);
    let _in = car.subscribe(control(), 10);
    let _out = stack.advertise(control(), 10, false);
    let _chassis = stack.subscribe(chassis(), 10);
    until("a subscriber", || publisher.subscribers().len() == 1);
    let ask = |method: &str| caller().ask(car.uri(), method, vec![]).unwrap();
    until("both connections", || {
        let info = ask("getBusInfo");
        let connected =
            info.as_array().unwrap().iter().filter(|line| line.as_array().unwrap()[5] == Value::Bool(true));
        connected.count() == 2
    });
    let line = ask("getBusInfo").as_array().unwrap()[0].as_array().unwrap().to_vec();
    let words: Vec<_> = line[1..5].iter().map(|word| word.as_text().unwrap()).collect();
    assert_eq!(words, ["/stack", "o", "TCPROS", "/apollo/canbus/chassis"]);
    assert_eq!(ask("getPid").as_int(), Some(std::process::id() as i32));
    assert_eq!(ask("getMasterUri").as_text(), Some(master.uri().to_string().as_str()));
    let pair = |topic: &str, kind: &str| Value::Array(vec![Value::Array(vec![topic.into(), kind.into()])]);
    assert_eq!(ask("getPublications"), pair("/apollo/canbus/chassis", "pb_msgs/Chassis"));
    assert_eq!(ask("getSubscriptions"), pair("/apollo/control", "pb_msgs/ControlCommand"));
    assert_eq!(ask("getBusStats").as_array().unwrap().len(), 3);
}

/// Sockets that this process has open.
fn sockets() -> usize {
    let files = std::fs::read_dir("/proc/self/fd").unwrap().filter_map(Result::ok);
    files
        .filter(|file| {
            std::fs::read_link(file.path()).is_ok_and(|to| to.to_string_lossy().starts_with("socket:"))
        })
        .count()
}

#[test]
#[cfg(target_os = "linux")]
fn nothing_is_left_behind() {
    // Alone in a process of its own, since the other tests have sockets too.
    if std::env::var_os("SKIDPAD_ALONE").is_none() {
        let test = std::env::current_exe().unwrap();
        let mut alone = std::process::Command::new(test);
        alone.args(["--exact", "nothing_is_left_behind"]).env("SKIDPAD_ALONE", "1");
        assert!(alone.status().unwrap().success());
        return;
    }
    let (before, threads) = (sockets(), std::fs::read_dir("/proc/self/task").unwrap().count());
    {
        let master = local();
        let (car, stack) = (node("/car", master.uri()), node("/stack", master.uri()));
        let publisher = car.advertise(chassis(), 10, false);
        let _subscription = stack.subscribe(chassis(), 10);
        until("a subscriber", || publisher.subscribers().len() == 1);
        let stale = ["/stale", "/apollo/canbus/chassis", "pb_msgs/Chassis", "http://127.0.0.1:9/"];
        call(master.uri(), "registerSubscriber", stale.map(Value::from).to_vec());
        std::thread::sleep(Duration::from_millis(1500));
        assert!(sockets() > before);
        drop(car);
        assert!(!topic_state(master.uri(), 0).contains_key("/apollo/canbus/chassis"), "it has signed off");
    }
    until("no socket is left", || sockets() == before);
    until("no thread is left", || std::fs::read_dir("/proc/self/task").unwrap().count() == threads);
}
