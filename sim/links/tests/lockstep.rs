//! The lock-step link and the stacks that it meets, good and bad.

use skidpad_engine::{SeatId, Seats, TopicMessage};
use skidpad_kernel::SimTime;
use skidpad_links::lockstep::{
    FrameReader, Invitation, Lockstep, LockstepName, LockstepReport, LockstepSocket, MAX_FRAME_BYTES,
    Patience, VERSION, write_frame,
};
use skidpad_links::{Health, TopicLink};
use skidpad_msgs::Message as _;
use skidpad_msgs::apollo::canbus::Chassis;
use skidpad_msgs::apollo::common::monitor::{MonitorMessage, MonitorMessageItem};
use skidpad_msgs::apollo::control::ControlCommand;
use skidpad_msgs::lockstep::{
    Bye, Commands, FromSimulator, FromStack, Hello, Leave, Message, Ready, Step, Verdict, from_simulator,
    from_stack,
};
use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::thread::{JoinHandle, spawn};
use std::time::{Duration, Instant};

const CONTROL: &str = "/apollo/control";
const CHASSIS: &str = "/apollo/canbus/chassis";

fn open(name: &str, answer_within_ms: u64) -> Lockstep {
    let invitation = Invitation {
        seats: Seats::NONE.with(SeatId::Control),
        scenario: "a test".into(),
        ..Invitation::default()
    };
    let name: LockstepName = name.parse().unwrap();
    let patience =
        Patience { join: Duration::from_millis(400), answer: Duration::from_millis(answer_within_ms) };
    Lockstep::open(&name, invitation, patience, None).unwrap()
}

/// With all the patience that a busy machine may want of it.
fn tcp() -> Lockstep {
    open("lockstep:tcp:127.0.0.1:0", 20_000)
}

fn impatient() -> Lockstep {
    open("lockstep:tcp:127.0.0.1:0", 300)
}

fn socket(name: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("skidpad-{}-{name}.sock", std::process::id()));
    let _ = fs::remove_file(&path);
    path
}

/// A stack at the other end of the wire.
struct Stack {
    stream: TcpStream,
    reader: FrameReader,
}

impl Stack {
    fn connect(link: &Lockstep) -> Stack {
        let stream = TcpStream::connect(link.name().strip_prefix("lockstep:tcp:").unwrap()).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        Stack { stream, reader: FrameReader::default() }
    }

    fn say(&mut self, content: from_stack::Content) {
        let mut out = Vec::new();
        write_frame(&FromStack { content: Some(content) }, &mut out);
        self.stream.write_all(&out).unwrap();
    }

    /// What the simulator says next; `None` if it has closed.
    fn hear(&mut self) -> Option<from_simulator::Content> {
        let mut bytes = [0; 1000];
        loop {
            if let Some(frame) = self.reader.next_frame().unwrap() {
                return FromSimulator::decode(frame).unwrap().content;
            }
            match self.stream.read(&mut bytes) {
                Ok(0) => return None,
                Ok(length) => self.reader.push(&bytes[..length]),
                Err(error) if error.kind() == ErrorKind::ConnectionReset => return None,
                Err(error) => panic!("the simulator is silent: {error}"),
            }
        }
    }

    #[track_caller]
    fn hello(&mut self) -> Hello {
        let Some(from_simulator::Content::Hello(hello)) = self.hear() else { panic!("no Hello") };
        hello
    }

    #[track_caller]
    fn step(&mut self) -> Step {
        let Some(from_simulator::Content::Step(step)) = self.hear() else { panic!("no Step") };
        step
    }

    #[track_caller]
    fn bye(&mut self) -> Bye {
        let Some(from_simulator::Content::Bye(bye)) = self.hear() else { panic!("no Bye") };
        bye
    }

    fn ready(&mut self) {
        self.hello();
        self.say(from_stack::Content::Ready(Ready {
            version: VERSION,
            name: "test".into(),
            ..Ready::default()
        }));
    }

    fn answer(&mut self, number: u64, topics: &[&str]) {
        let command = ControlCommand { brake: Some(number as f64), ..ControlCommand::default() };
        let data = command.encode_to_vec();
        let messages =
            topics.iter().map(|topic| Message { topic: (*topic).into(), data: data.clone() }).collect();
        self.say(from_stack::Content::Commands(Commands { number, messages }));
    }
}

/// Polls until a stack has joined, or one is refused.
fn join(link: &mut Lockstep) -> bool {
    let (began, refused) = (Instant::now(), link.report().refused);
    while !link.look() && link.report().refused == refused {
        assert!(began.elapsed() < Duration::from_secs(20), "nobody came");
        std::thread::sleep(Duration::from_millis(1));
    }
    link.has_joined()
}

fn chassis(rpm: u64) -> TopicMessage {
    TopicMessage::Chassis(Chassis { engine_rpm: Some(rpm as f32), ..Chassis::default() })
}

/// Ticks until this instant, with a chassis each 10 ms; when the commands arrived, and which brake they want.
fn run(link: &mut Lockstep, until_ms: u64) -> Vec<(u64, f64)> {
    let mut arrived = Vec::new();
    for ms in 0..until_ms {
        let now = SimTime::from_ms(ms);
        link.tick(now);
        TopicLink::poll(link, now, &mut |message| {
            let TopicMessage::Command(command) = message else { panic!("{message:?}") };
            arrived.push((ms, command.brake()));
        });
        if ms % 10 == 1 {
            link.send(now, &chassis(ms));
        }
    }
    arrived
}

/// A link whose stack joins and then does as `then` says, 100 ms of steps long; and what `then` gives.
fn meet<T: Send + 'static>(then: impl FnOnce(Stack) -> T + Send + 'static) -> (LockstepReport, T) {
    meet_on(tcp(), then)
}

fn meet_on<T: Send + 'static>(
    mut link: Lockstep,
    then: impl FnOnce(Stack) -> T + Send + 'static,
) -> (LockstepReport, T) {
    let mut stack = Stack::connect(&link);
    // Before Hello has come, so that no busy machine makes it late.
    stack.say(from_stack::Content::Ready(Ready {
        version: VERSION,
        name: "test".into(),
        ..Ready::default()
    }));
    let stack: JoinHandle<T> = spawn(move || {
        stack.hello();
        then(stack)
    });
    assert!(join(&mut link), "{:?}", link.refusal());
    let began = Instant::now();
    run(&mut link, 100);
    assert!(began.elapsed() < Duration::from_secs(15), "the simulation is held up");
    let report = link.report();
    let end = Box::new(link).finish(None);
    assert_eq!((end.error, end.sentences), (report.failure.clone(), report.sentences()));
    (report, stack.join().unwrap())
}

#[test]
fn a_stack_is_asked_every_10_ms_and_gets_what_was_published_since() {
    let (report, (steps, bye)) = meet(|mut stack| {
        let mut steps = Vec::new();
        for _ in 0..10 {
            let step = stack.step();
            stack.answer(step.number, &[CONTROL]);
            steps.push(step);
        }
        (steps, stack.bye())
    });
    let times: Vec<u64> = steps.iter().map(|step| step.time_ns / 1_000_000).collect();
    assert_eq!(times, [4, 14, 24, 34, 44, 54, 64, 74, 84, 94]);
    for (step, ms) in steps.iter().zip([1, 11, 21, 31, 41, 51, 61, 71, 81, 91]) {
        let mut data = Vec::new();
        chassis(ms).encode(&mut data);
        assert_eq!(step.messages, [Message { topic: CHASSIS.into(), data }]);
    }
    assert_eq!((bye.verdict(), bye.reason.as_str()), (Verdict::None, "the run was interrupted"));
    assert_eq!((report.steps, report.sent, report.received, report.ignored), (10, 10, 10, 0));
    assert_eq!((report.stack.as_str(), report.failure), ("test", None));
}

#[test]
fn hello_tells_what_a_stack_needs() {
    let link = impatient();
    let mut stack = Stack::connect(&link);
    let mut link = link;
    link.look();
    let hello = stack.hello();
    assert_eq!((hello.version, hello.step_period_ns), (1, 10_000_000));
    assert_eq!((hello.seats, hello.scenario.as_str()), (vec!["control".to_string()], "a test"));
    assert_eq!((hello.answer_timeout_s, hello.max_frame_bytes), (0.3, MAX_FRAME_BYTES));
    let own: Vec<&str> =
        hello.topics.iter().filter(|topic| topic.from_stack).map(|topic| topic.name.as_str()).collect();
    assert_eq!(own, [CONTROL, "/apollo/monitor"]);
    let chassis = hello.topics.iter().find(|topic| topic.name == CHASSIS).unwrap();
    assert_eq!((chassis.r#type.as_str(), chassis.rate_hz), ("apollo.canbus.Chassis", 100.0));
}

#[test]
fn a_stack_chooses_its_step_and_its_topics() {
    let mut link = tcp();
    let mut stack = Stack::connect(&link);
    let stack = spawn(move || {
        stack.hello();
        stack.say(from_stack::Content::Ready(Ready {
            version: VERSION,
            step_period_ns: 50_000_000,
            topics: vec!["/apollo/localization/pose".into()],
            ..Ready::default()
        }));
        let steps = [(), ()].map(|()| {
            let step = stack.step();
            stack.answer(step.number, &[]);
            (step.time_ns, step.messages.len())
        });
        assert_eq!(steps, [(4_000_000, 0), (54_000_000, 0)]);
        stack.bye()
    });
    assert!(join(&mut link));
    run(&mut link, 100);
    Box::new(link).finish(None);
    stack.join().unwrap();
}

#[test]
fn what_a_stack_may_not_publish_is_ignored_and_told() {
    let (report, ()) = meet(|mut stack| {
        for _ in 0..10 {
            let number = stack.step().number;
            stack.answer(number, &["/apollo/planning", CONTROL, "/no/such\ntopic"]);
        }
    });
    assert_eq!((report.received, report.ignored), (10, 20));
    let sentences = report.sentences();
    assert!(
        sentences[0].contains("20 messages") && sentences[0].contains("\"/apollo/planning\""),
        "{sentences:?}"
    );
}

#[test]
fn a_stack_that_dies_is_told_as_what_it_did() {
    type Act = fn(&mut Stack);
    let acts: [(&str, Act); 10] = [
        ("in step 1: /apollo/control: 2 bytes are no apollo.control.ControlCommand", |stack| {
            let message = Message { topic: CONTROL.into(), data: vec![255, 255] };
            stack.say(from_stack::Content::Commands(Commands { number: 1, messages: vec![message] }));
        }),
        ("in step 1: it closed the connection", |_| ()),
        ("in step 2: it closed the connection in the middle of a frame", |stack| {
            stack.answer(1, &[]);
            stack.step();
            stack.stream.write_all(&[9, 0, 0, 0, 1]).unwrap();
        }),
        ("in step 1: it left: enough", |stack| {
            stack.say(from_stack::Content::Leave(Leave { reason: "enough".into() }))
        }),
        ("1048577 bytes was announced; expected at most 1048576", |stack| {
            stack.stream.write_all(&(MAX_FRAME_BYTES + 1).to_le_bytes()).unwrap();
        }),
        ("expected an encoded skidpad.lockstep.FromStack, got 4 bytes", |stack| {
            stack.stream.write_all(&[4, 0, 0, 0, 255, 255, 255, 255]).unwrap();
        }),
        ("1347375700 bytes was announced", |stack| stack.stream.write_all(b"TROP rubbish").unwrap()),
        ("answer to step 1, got that to step 7", |stack| stack.answer(7, &[])),
        ("a second Ready", |stack| {
            stack.say(from_stack::Content::Ready(Ready { version: VERSION, ..Ready::default() }))
        }),
        ("neither Ready, Commands nor Leave", |stack| stack.stream.write_all(&[0; 4]).unwrap()),
    ];
    for (words, act) in acts {
        let (report, bye) = meet(move |mut stack| {
            stack.step();
            act(&mut stack);
            if words.contains("closed") {
                return None;
            }
            Some(stack.bye())
        });
        let failure = report.failure.unwrap();
        assert!(
            failure.starts_with("lost the stack \"test\" in step ") && failure.contains(words),
            "{failure}"
        );
        if let Some(bye) = bye {
            assert_eq!(bye.verdict(), Verdict::None);
            assert!(failure.ends_with(&bye.reason), "{failure} / {}", bye.reason);
        }
    }
}

#[test]
fn a_stack_that_hangs_or_dribbles_is_waited_for_as_long_as_was_said_and_no_longer() {
    for dribbles in [false, true] {
        let (report, ()) = meet_on(impatient(), move |mut stack| {
            stack.step();
            // A frame of 10,000 bytes, one each 10 ms.
            let _ = stack.stream.write_all(&10_000u32.to_le_bytes());
            while dribbles && stack.stream.write_all(&[0]).is_ok() {
                std::thread::sleep(Duration::from_millis(10));
            }
            // It is there until the other end goes.
            while stack.hear().is_some() {}
        });
        let failure = report.failure.unwrap();
        assert!(failure.ends_with("in step 1: it did not answer within 0.3 s"), "{failure}");
    }
}

#[test]
fn a_stack_that_does_not_read_holds_the_simulation_up_no_longer_than_was_said() {
    let mut link = impatient();
    let mut stack = Stack::connect(&link);
    let (over, until_over) = std::sync::mpsc::channel::<()>();
    let stack = spawn(move || {
        stack.ready();
        let _ = until_over.recv();
    });
    assert!(join(&mut link));
    // More than any buffer of the system holds.
    let item = MonitorMessageItem { msg: Some("x".repeat(64 << 20)), ..MonitorMessageItem::default() };
    let message = MonitorMessage { item: vec![item], ..MonitorMessage::default() };
    link.send(SimTime::ZERO, &TopicMessage::Monitor(message));
    run(&mut link, 100);
    assert!(link.failure().unwrap().ends_with("did not answer within 0.3 s"), "{:?}", link.failure());
    drop(over);
    stack.join().unwrap();
}

#[test]
fn before_the_run_a_stack_that_cannot_take_part_is_told_why_and_the_next_one_may_try() {
    let mut link = impatient();
    let ready = |change: fn(&mut Ready)| {
        let mut ready = Ready { version: VERSION, ..Ready::default() };
        change(&mut ready);
        let mut out = Vec::new();
        write_frame(&FromStack { content: Some(from_stack::Content::Ready(ready)) }, &mut out);
        out
    };
    let cases = [
        (ready(|ready| ready.version = 7), "version 7 of the protocol; expected 1"),
        (ready(|ready| ready.step_period_ns = 5), "a step of 5 ns"),
        (ready(|ready| ready.topics = vec!["/clock".into()]), "\"/clock\""),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".to_vec(), "bytes was announced"),
    ];
    for (bytes, words) in &cases {
        let mut stack = Stack::connect(&link);
        stack.stream.write_all(bytes).unwrap();
        assert!(!join(&mut link));
        assert!(link.refusal().unwrap().contains(words), "{:?}", link.refusal());
        stack.hello();
        assert!(stack.bye().reason.contains(words));
        assert!(stack.hear().is_none(), "it is closed");
    }
    // One that goes at once, and one that says nothing for longer than it may.
    drop(Stack::connect(&link));
    assert!(!join(&mut link));
    assert!(link.refusal().unwrap().contains("before it said Ready"), "{:?}", link.refusal());
    let silent = Stack::connect(&link);
    assert!(!join(&mut link));
    assert!(link.refusal().unwrap().contains("did not say Ready within 0.3 s"), "{:?}", link.refusal());
    drop(silent);

    let mut stack = Stack::connect(&link);
    stack.say(from_stack::Content::Ready(Ready { version: VERSION, ..Ready::default() }));
    assert!(join(&mut link));
    assert_eq!(link.report().refused, 6);
}

#[test]
fn a_second_stack_is_turned_away_and_the_first_goes_on() {
    let mut link = tcp();
    let mut first = Stack::connect(&link);
    let first = spawn(move || {
        first.ready();
        for _ in 0..10 {
            let number = first.step().number;
            first.answer(number, &[CONTROL]);
        }
        first.bye()
    });
    assert!(join(&mut link));
    let mut second = Stack::connect(&link);
    run(&mut link, 100);
    let bye = second.bye();
    assert_eq!((bye.verdict(), bye.reason.as_str()), (Verdict::None, "another stack takes part already"));
    assert!(second.hear().is_none());
    let report = link.report();
    Box::new(link).finish(None);
    assert_eq!((report.steps, report.turned_away, report.failure.clone()), (10, 1, None));
    first.join().unwrap();
    assert!(report.sentences()[0].contains("turned 1 away"));
}

#[test]
fn a_socket_serves_run_after_run_and_who_waits_in_the_end_is_told_so() {
    let socket = LockstepSocket::open(&"lockstep:tcp:127.0.0.1:0".parse().unwrap()).unwrap();
    let patience = Patience { join: Duration::from_secs(20), answer: Duration::from_secs(20) };
    let run_of = |scenario: &str| {
        let seats = Seats::NONE.with(SeatId::Control);
        let invitation = Invitation { seats, scenario: scenario.into(), ..Invitation::default() };
        Lockstep::on(&socket, invitation, patience, None)
    };
    let first = run_of("first");
    let mut stacks = [Stack::connect(&first), Stack::connect(&first)];
    let [stack, early] = &mut stacks;
    let mut first = first;
    stack.say(from_stack::Content::Ready(Ready { version: VERSION, ..Ready::default() }));
    while !first.look() {
        std::thread::sleep(Duration::from_millis(1));
    }
    assert_eq!(stack.hello().scenario, "first");
    Box::new(first).finish(None);
    assert_eq!(stack.bye().reason, "the run was interrupted");
    // One that came during the first run, and was not turned away by a step of it, is met by the second.
    let mut second = run_of("second");
    second.look();
    assert_eq!(early.hello().scenario, "second");
    let mut late = Stack::connect(&second);
    drop(second);
    drop(socket);
    assert_eq!(late.bye().reason, "there are no more runs");
    assert!(late.hear().is_none());
}

#[cfg(unix)]
#[test]
fn the_file_of_a_unix_socket_goes_with_the_link_and_a_dead_one_is_replaced() {
    use std::os::unix::net::{UnixListener, UnixStream};
    let path = socket("file");
    let name = format!("lockstep:unix:{}", path.display());
    let link = open(&name, 300);
    assert_eq!(link.name(), name);
    // Somebody listens there.
    let parsed: LockstepName = name.parse().unwrap();
    let refuse = |name: &LockstepName| {
        Lockstep::open(name, Invitation::default(), Patience::default(), None).unwrap_err().to_string()
    };
    let error = refuse(&parsed);
    assert!(error.contains("another program listens there"), "{error}");
    assert!(path.exists(), "it is not ours to remove");
    drop(link);
    assert!(!path.exists());

    // A program that died there left its file.
    drop(UnixListener::bind(&path).unwrap());
    assert!(path.exists());
    let mut link = open(&name, 300);
    let stream = UnixStream::connect(&path).unwrap();
    link.look();
    drop(stream);
    // Another program has taken the place meanwhile: its file stays.
    fs::remove_file(&path).unwrap();
    let other = UnixListener::bind(&path).unwrap();
    Box::new(link).finish(None);
    assert!(path.exists());
    drop(other);

    fs::remove_file(&path).unwrap();
    fs::write(&path, "a diary").unwrap();
    let error = refuse(&parsed);
    assert!(error.contains("no socket"), "{error}");
    assert_eq!(fs::read_to_string(&path).unwrap(), "a diary");
    fs::remove_file(&path).unwrap();

    let error = refuse(&LockstepName::Unix("/no/such/folder/s".into()));
    assert!(error.contains("folder of the socket does not exist"), "{error}");
    let error = refuse(&LockstepName::Unix("x".repeat(200).into()));
    assert!(error.contains("at most 107 bytes"), "{error}");
}

#[test]
fn a_port_that_is_taken_is_a_clear_error() {
    let link = tcp();
    let name: LockstepName = link.name().parse().unwrap();
    let error =
        Lockstep::open(&name, Invitation::default(), Patience::default(), None).unwrap_err().to_string();
    assert!(error.contains("another program listens there"), "{error}");
}

#[test]
fn an_answer_arrives_one_tick_after_its_step() {
    let mut link = tcp();
    let mut stack = Stack::connect(&link);
    let stack = spawn(move || {
        stack.ready();
        for _ in 0..4 {
            let number = stack.step().number;
            stack.answer(number, &[CONTROL]);
        }
    });
    assert!(join(&mut link));
    assert_eq!(run(&mut link, 40), [(5, 1.0), (15, 2.0), (25, 3.0), (35, 4.0)]);
    assert_eq!(link.health(), Health::Well);
    stack.join().unwrap();
}

#[test]
fn without_a_stack_nothing_begins_and_the_link_is_lost_after_the_wait() {
    let mut link = tcp();
    assert!(matches!(link.health(), Health::Waiting(_)));
    let began = Instant::now();
    link.tick(SimTime::ZERO);
    assert!(began.elapsed() >= Duration::from_millis(400));
    let Health::Lost(why) = link.health() else { panic!("it is lost") };
    assert!(
        why.contains("no stack joined within 0.4 s; start it, and let it connect to lockstep:tcp:"),
        "{why}"
    );
    let began = Instant::now();
    run(&mut link, 100);
    assert!(began.elapsed() < Duration::from_secs(10), "it waits once, not in each of the ticks");
}
