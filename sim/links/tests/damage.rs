//! Valid messages of a stack with something wrong in them, through lock-step and into a running car: refused, counted or
//! taken for what they say, and never a panic.
//!
//! More cases by hand: `PROPTEST_CASES=100000 cargo test -p skidpad-links --release --test damage`

use proptest::prelude::*;
use skidpad_engine::{Outside, RunOptions, SeatId, Seats, Simulation, TopicMessage};
use skidpad_kernel::SimTime;
use skidpad_links::lockstep::{MAX_MESSAGES, Said, Session, VERSION, write_frame};
use skidpad_msgs::apollo::control::PadMessage;
use skidpad_msgs::lockstep::{
    Commands, FromStack, Hello, Leave, Message, Ready, Topic as TopicOffer, from_stack,
};
use skidpad_scenario::{Library, LoadedScenario};
use skidpad_test_support::{Damage, damaged};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::LazyLock;

const SCENARIO: &str = r#"schema = 1
name = "damage"
vehicle = "lincoln_mkz"
map = "proving_ground"
duration_s = 3600.0
start = { on = "straight", station_m = 5.0 }
reference = { path = "straight", speed_mps = [[5.0, 0.0], [15.0, 4.0], [200.0, 4.0]] }
"#;

static SCENE: LazyLock<LoadedScenario> = LazyLock::new(|| {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    Library::at(&root).unwrap().load_text(SCENARIO, Path::new("damage.toml")).unwrap()
});

/// Hears what a car and its stack publish.
#[derive(Default)]
struct Recorder(Vec<TopicMessage>);

impl Outside for Recorder {
    fn listens(&self) -> bool {
        true
    }

    fn message_out(&mut self, _: SimTime, message: &TopicMessage) {
        self.0.push(message.clone());
    }
}

/// One message of every topic that is used, as it is published: the last in three seconds of a drive.
static MESSAGES: LazyLock<Vec<Message>> = LazyLock::new(|| {
    let mut simulation = Simulation::new(&SCENE, &RunOptions::default()).unwrap();
    let (mut recorder, mut messages) = (Recorder::default(), BTreeMap::new());
    for _ in 0..3000 {
        simulation.step_outside(&mut recorder);
        for message in recorder.0.drain(..) {
            let mut data = Vec::new();
            message.encode(&mut data);
            messages.insert(message.topic_name(), data);
        }
    }
    assert!(messages.len() > 8, "{:?}", messages.keys());
    messages.into_iter().map(|(topic, data)| Message { topic: topic.into(), data }).collect()
});

fn damages(most: usize) -> impl Strategy<Value = Vec<Damage>> {
    prop::collection::vec((any::<u8>(), any::<usize>(), any::<u32>()), 0..most)
}

fn message() -> impl Strategy<Value = Message> {
    (any::<prop::sample::Index>(), damages(4)).prop_map(|(index, damages)| {
        let Message { topic, data } = index.get(&MESSAGES[..]);
        Message { topic: topic.clone(), data: damaged(data, &damages) }
    })
}

fn content() -> impl Strategy<Value = from_stack::Content> {
    let commands = (0u64..4, prop::collection::vec(message(), 0..4))
        .prop_map(|(number, messages)| from_stack::Content::Commands(Commands { number, messages }));
    let ready = (0u32..3, any::<u8>(), any::<bool>()).prop_map(|(version, step_ms, asks)| {
        from_stack::Content::Ready(Ready {
            version,
            name: "damaged".into(),
            step_period_ns: u64::from(step_ms) * 1_000_000,
            topics: MESSAGES.iter().filter(|_| asks).map(|message| message.topic.clone()).collect(),
        })
    });
    let leave = any::<String>().prop_map(|reason| from_stack::Content::Leave(Leave { reason }));
    prop_oneof![8 => commands, 3 => ready, 1 => leave]
}

fn frame(content: from_stack::Content) -> Vec<u8> {
    let mut out = Vec::new();
    write_frame(&FromStack { content: Some(content) }, &mut out);
    out
}

/// A stack outside that speaks sense, made of a car's own beside this one, until nonsense is put into its mouth.
struct Feed {
    twin: Simulation,
    said: Recorder,
    seats: Seats,
    pad: Option<PadMessage>,
    nonsense: Vec<TopicMessage>,
}

impl Outside for Feed {
    fn listens(&self) -> bool {
        true
    }

    fn message_out(&mut self, _: SimTime, message: &TopicMessage) {
        if let TopicMessage::Pad(pad) = message {
            self.pad = Some(pad.clone());
        }
    }

    fn messages_in(&mut self, now: SimTime, deliver: &mut dyn FnMut(TopicMessage)) {
        self.twin.step_outside(&mut self.said);
        for message in self.said.0.drain(..) {
            match message {
                TopicMessage::Command(mut command) if self.seats.contains(SeatId::Control) => {
                    command.pad_msg = self.pad.take();
                    deliver(TopicMessage::Command(command));
                }
                message if message.seat().is_some_and(|seat| self.seats.contains(seat)) => deliver(message),
                _ => {}
            }
        }
        if now > ENGAGED {
            self.nonsense.drain(..).for_each(deliver);
        }
    }
}

/// By then the car is in auto.
const ENGAGED: SimTime = SimTime::from_ms(700);

fn attached(seats: &[SeatId], nonsense: Vec<TopicMessage>) -> (Simulation, Feed) {
    let seats: Seats = seats.iter().copied().collect();
    let simulation =
        |external| Simulation::new(&SCENE, &RunOptions { external, ..RunOptions::default() }).unwrap();
    let feed = Feed { twin: simulation(Seats::NONE), said: Recorder::default(), seats, pad: None, nonsense };
    (simulation(seats), feed)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn damaged_frames_are_refused_or_taken_for_what_they_say(
        joined in any::<bool>(),
        contents in prop::collection::vec((content(), damages(3)), 1..4),
        step in 1usize..5000,
    ) {
        let topics = MESSAGES.iter().map(|m| TopicOffer { name: m.topic.clone(), ..TopicOffer::default() });
        let hello = Hello { version: VERSION, step_period_ns: 10_000_000, topics: topics.collect(), ..Hello::default() };
        let mut session = Session::greet(hello, &mut Vec::new());
        if joined {
            let ready = Ready { version: VERSION, ..Ready::default() };
            session.receive(&frame(from_stack::Content::Ready(ready))).unwrap();
            session.step(SimTime::from_ms(4), Vec::new(), &mut Vec::new());
        }
        'contents: for (content, damages) in contents {
            for piece in damaged(&frame(content), &damages).chunks(step) {
                match session.receive(piece) {
                    Ok(None) => {}
                    Ok(Some(Said::Commands(messages))) => {
                        prop_assert!(messages.len() <= MAX_MESSAGES);
                        session.step(SimTime::from_ms(14), Vec::new(), &mut Vec::new());
                    }
                    Ok(Some(Said::Ready { step_period, .. })) => {
                        prop_assert!((1..=100).contains(&step_period.as_millis()));
                        session.step(SimTime::from_ms(4), Vec::new(), &mut Vec::new());
                    }
                    Ok(Some(Said::Leave(_))) => break 'contents,
                    Err(error) => {
                        prop_assert!(error.to_string().len() < 1000, "{}", error);
                        break 'contents;
                    }
                }
            }
        }
    }

}

proptest! {
    // Each drives two cars for a while.
    #![proptest_config(ProptestConfig {
        failure_persistence: None, cases: ProptestConfig::default().cases.div_ceil(8), ..ProptestConfig::default()
    })]

    #[test]
    fn the_car_goes_on_whatever_its_stack_says(messages in prop::collection::vec(message(), 1..30)) {
        let heard: Vec<TopicMessage> = messages.iter().filter_map(|message| {
            let topic = skidpad_msgs::topic(&message.topic)?;
            let heard = TopicMessage::decode(topic, &message.data).ok()?;
            let mut again = Vec::new();
            heard.encode(&mut again);
            TopicMessage::decode(topic, &again).expect("what was read can be written and read again");
            Some(heard)
        }).collect();
        for seats in [&[SeatId::Control][..], &[SeatId::Planning, SeatId::Localization, SeatId::GnssDriver]] {
            let (mut car, mut feed) = attached(seats, heard.clone());
            while car.now() <= ENGAGED {
                car.step_outside(&mut feed);
            }
            prop_assert!(car.waiting().is_none(), "it is in auto: {:?}", car.waiting());
            // Five cycles of control after the nonsense.
            for _ in 0..50 {
                car.step_outside(&mut feed);
            }
        }
    }
}
