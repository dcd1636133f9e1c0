//! One conversation with a stack, sans-IO: what may be said when, and what was meant.

use super::frame::{FrameReader, FrameTooLong, write_frame};
use skidpad_kernel::SimTime;
use skidpad_msgs::lockstep::{
    Bye, Commands, FromSimulator, FromStack, Hello, Message, Ready, Step, from_simulator, from_stack,
};
use skidpad_msgs::{DecodeError, Message as _};
use std::time::Duration;

/// Version of the protocol.
pub const VERSION: u32 = 1;
/// Messages in one answer.
pub const MAX_MESSAGES: usize = 256;
/// The longest step that a stack may ask for.
pub const MAX_STEP: Duration = Duration::from_millis(100);
const MS: u64 = 1_000_000;
/// Characters of a stack's own words that are repeated in a report.
const WORDS: usize = 200;

/// How a stack broke the protocol.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ProtocolError {
    /// A length that cannot be.
    #[error(transparent)]
    Frame(#[from] FrameTooLong),
    /// A frame that is no message of the protocol.
    #[error("expected an encoded skidpad.lockstep.FromStack, got {bytes} bytes that are none: {source}")]
    NoMessage {
        /// Length of the frame.
        bytes: usize,
        /// What the decoder said.
        source: DecodeError,
    },
    /// A message out of turn, or a frame without one.
    #[error("expected {expected}, got {got}")]
    OutOfTurn {
        /// What was due.
        expected: &'static str,
        /// What came.
        got: &'static str,
    },
    /// Another version of the protocol.
    #[error("the stack speaks version {got} of the protocol; expected {VERSION}")]
    Version {
        /// The version of the stack.
        got: u32,
    },
    /// A step that cannot be.
    #[error("a step of {got_ns} ns was asked for; expected whole milliseconds, at most {}", MAX_STEP.as_millis())]
    StepPeriod {
        /// What was asked for, ns.
        got_ns: u64,
    },
    /// A topic that does not exist was asked for.
    #[error("the topic \"{name}\" was asked for; expected names that Hello has given")]
    Topic {
        /// Its name.
        name: String,
    },
    /// The answer to another step.
    #[error("expected the answer to step {expected}, got that to step {got}")]
    Number {
        /// The step that was sent.
        expected: u64,
        /// The number in the answer.
        got: u64,
    },
    /// An answer with too many messages.
    #[error("an answer holds {got} messages; expected at most {MAX_MESSAGES}")]
    TooManyMessages {
        /// How many there are.
        got: usize,
    },
}

/// What a stack has said.
#[derive(Clone, Debug, PartialEq)]
pub enum Said {
    /// It takes part.
    Ready {
        /// Its own name.
        name: String,
        /// The step that both have agreed upon.
        step_period: Duration,
    },
    /// It has answered the step.
    Commands(Vec<Message>),
    /// It goes, and why.
    Leave(String),
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Turn {
    /// Hello has been said.
    Greeting,
    /// The simulator is to speak.
    Ours,
    /// The step of this number has been sent.
    Answer(u64),
    /// One has gone, or has broken the protocol.
    Over,
}

/// One conversation. Bytes go in by [`Session::receive`]; what is to be sent is appended to `out`.
#[derive(Clone, Debug)]
pub struct Session {
    reader: FrameReader,
    turn: Turn,
    steps: u64,
    step_period: Duration,
    topics: Vec<String>,
    /// The topics that the stack wants; `None`: all.
    wanted: Option<Vec<String>>,
}

impl Session {
    /// Says Hello.
    pub fn greet(hello: Hello, out: &mut Vec<u8>) -> Self {
        let session = Session {
            reader: FrameReader::default(),
            turn: Turn::Greeting,
            steps: 0,
            step_period: Duration::from_nanos(hello.step_period_ns),
            topics: hello.topics.iter().map(|topic| topic.name.clone()).collect(),
            wanted: None,
        };
        say(from_simulator::Content::Hello(hello), out);
        session
    }

    /// True if the stack has asked for this topic.
    pub fn wants(&self, topic: &str) -> bool {
        self.wanted.as_ref().is_none_or(|wanted| wanted.iter().any(|name| name == topic))
    }

    /// Steps so far.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// True while an answer is awaited.
    pub fn is_waiting(&self) -> bool {
        matches!(self.turn, Turn::Answer(_))
    }

    /// True if the last bytes were the beginning of a frame.
    pub fn is_in_mid_frame(&self) -> bool {
        self.reader.waiting_bytes() > 0
    }

    /// Sends the step of the instant `now` and what has arrived on the topics since the last one.
    pub fn step(&mut self, now: SimTime, messages: Vec<Message>, out: &mut Vec<u8>) {
        if self.turn != Turn::Ours {
            return;
        }
        self.steps += 1;
        self.turn = Turn::Answer(self.steps);
        let step = Step { number: self.steps, time_ns: now.as_ns(), messages };
        say(from_simulator::Content::Step(step), out);
    }

    /// Ends the conversation.
    pub fn bye(&mut self, bye: Bye, out: &mut Vec<u8>) {
        self.turn = Turn::Over;
        say(from_simulator::Content::Bye(bye), out);
    }

    /// Takes bytes of the stack; what it has said, if that is complete.
    ///
    /// # Errors
    /// [`ProtocolError`] if that was wrong, and the conversation is over.
    pub fn receive(&mut self, bytes: &[u8]) -> Result<Option<Said>, ProtocolError> {
        self.reader.push(bytes);
        let said = self.hear();
        if said.is_err() || matches!(said, Ok(Some(Said::Leave(_)))) {
            self.turn = Turn::Over;
        }
        said
    }

    fn hear(&mut self) -> Result<Option<Said>, ProtocolError> {
        if self.turn == Turn::Over {
            return Ok(None);
        }
        let Some(frame) = self.reader.next_frame()? else { return Ok(None) };
        let message = FromStack::decode(frame)
            .map_err(|source| ProtocolError::NoMessage { bytes: frame.len(), source })?;
        let expected = match self.turn {
            Turn::Greeting => "Ready",
            _ => "Commands",
        };
        let wrong = |got| ProtocolError::OutOfTurn { expected, got };
        match (message.content, self.turn) {
            (None, _) => Err(wrong("a frame with neither Ready, Commands nor Leave")),
            (Some(from_stack::Content::Leave(leave)), _) => Ok(Some(Said::Leave(shortened(&leave.reason)))),
            (Some(from_stack::Content::Ready(ready)), Turn::Greeting) => self.ready(ready).map(Some),
            (Some(from_stack::Content::Commands(commands)), Turn::Answer(number)) => {
                self.commands(number, commands).map(Some)
            }
            (Some(from_stack::Content::Ready(_)), _) => Err(wrong("a second Ready")),
            (Some(from_stack::Content::Commands(_)), _) => Err(wrong("Commands")),
        }
    }

    fn ready(&mut self, ready: Ready) -> Result<Said, ProtocolError> {
        if ready.version != VERSION {
            return Err(ProtocolError::Version { got: ready.version });
        }
        let got_ns = ready.step_period_ns;
        if !got_ns.is_multiple_of(MS) || u128::from(got_ns) > MAX_STEP.as_nanos() {
            return Err(ProtocolError::StepPeriod { got_ns });
        }
        if got_ns > 0 {
            self.step_period = Duration::from_nanos(got_ns);
        }
        if let Some(name) = ready.topics.iter().find(|name| !self.topics.contains(name)) {
            return Err(ProtocolError::Topic { name: shortened(name) });
        }
        self.wanted = (!ready.topics.is_empty()).then_some(ready.topics);
        self.turn = Turn::Ours;
        let name =
            if ready.name.is_empty() { "a stack without a name".into() } else { shortened(&ready.name) };
        Ok(Said::Ready { name, step_period: self.step_period })
    }

    fn commands(&mut self, number: u64, commands: Commands) -> Result<Said, ProtocolError> {
        if commands.number != number {
            return Err(ProtocolError::Number { expected: number, got: commands.number });
        }
        let got = commands.messages.len();
        if got > MAX_MESSAGES {
            return Err(ProtocolError::TooManyMessages { got });
        }
        self.turn = Turn::Ours;
        Ok(Said::Commands(commands.messages))
    }
}

fn say(content: from_simulator::Content, out: &mut Vec<u8>) {
    write_frame(&FromSimulator { content: Some(content) }, out);
}

/// Words of a stack as a report can repeat them.
fn shortened(words: &str) -> String {
    words.chars().take(WORDS).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use from_stack::Content;
    use proptest::prelude::*;
    use skidpad_msgs::lockstep::{Leave, Topic};

    fn hello() -> Hello {
        let topic = |name: &str| Topic { name: name.into(), ..Topic::default() };
        Hello {
            version: VERSION,
            step_period_ns: 10 * MS,
            topics: vec![topic("/apollo/control"), topic("/apollo/localization/pose")],
            ..Hello::default()
        }
    }

    fn frame(content: Content) -> Vec<u8> {
        let mut out = Vec::new();
        write_frame(&FromStack { content: Some(content) }, &mut out);
        out
    }

    fn ready(change: impl FnOnce(&mut Ready)) -> Vec<u8> {
        let mut ready = Ready { version: VERSION, name: "test".into(), ..Ready::default() };
        change(&mut ready);
        frame(Content::Ready(ready))
    }

    fn commands(number: u64, count: usize) -> Vec<u8> {
        frame(Content::Commands(Commands { number, messages: vec![Message::default(); count] }))
    }

    fn greeted() -> Session {
        Session::greet(hello(), &mut Vec::new())
    }

    /// A session with its first step on the way.
    fn stepped() -> Session {
        let mut session = greeted();
        assert!(matches!(session.receive(&ready(|_| ())), Ok(Some(Said::Ready { .. }))));
        session.step(SimTime::from_ms(4), Vec::new(), &mut Vec::new());
        session
    }

    #[test]
    fn a_conversation_is_hello_ready_then_steps_and_answers() {
        let mut out = Vec::new();
        let mut session = Session::greet(hello(), &mut out);
        let said = session.receive(&ready(|ready| ready.step_period_ns = 20 * MS)).unwrap().unwrap();
        assert_eq!(said, Said::Ready { name: "test".into(), step_period: Duration::from_millis(20) });
        for number in 1..=3 {
            session.step(SimTime::from_ms(20 * number), Vec::new(), &mut out);
            let answer = commands(number, number as usize);
            let (head, tail) = answer.split_at(3);
            assert_eq!(session.receive(head), Ok(None));
            assert!(session.is_in_mid_frame() && session.is_waiting());
            let Ok(Some(Said::Commands(messages))) = session.receive(tail) else { panic!("an answer") };
            assert_eq!(messages.len() as u64, number);
            assert!(!session.is_waiting());
        }
        session.bye(Bye::default(), &mut out);
        let (mut reader, mut kinds) = (FrameReader::default(), Vec::new());
        reader.push(&out);
        while let Some(frame) = reader.next_frame().unwrap() {
            kinds.push(match FromSimulator::decode(frame).unwrap().content.unwrap() {
                from_simulator::Content::Hello(_) => 0,
                from_simulator::Content::Step(step) => step.number,
                from_simulator::Content::Bye(_) => 99,
            });
        }
        assert_eq!(kinds, [0, 1, 2, 3, 99]);
    }

    #[test]
    fn a_stack_gets_the_topics_that_it_asked_for() {
        let mut session = greeted();
        session.receive(&ready(|ready| ready.topics = vec!["/apollo/control".into()])).unwrap();
        assert!(session.wants("/apollo/control") && !session.wants("/apollo/localization/pose"));
        let mut session = greeted();
        session.receive(&ready(|_| ())).unwrap();
        assert!(session.wants("/apollo/localization/pose"), "all, if it does not ask");
    }

    #[test]
    fn what_is_wrong_is_told_with_what_was_expected() {
        for (mut session, bytes, words) in [
            (greeted(), ready(|ready| ready.version = 2), "version 2 of the protocol; expected 1"),
            (greeted(), ready(|ready| ready.version = 0), "version 0"),
            (greeted(), ready(|ready| ready.step_period_ns = 1), "whole milliseconds"),
            (greeted(), ready(|ready| ready.step_period_ns = 101 * MS), "at most 100"),
            (greeted(), ready(|ready| ready.topics = vec!["/apollo/pose".into()]), "\"/apollo/pose\""),
            (greeted(), commands(1, 0), "expected Ready, got Commands"),
            (greeted(), vec![0; 4], "neither Ready, Commands nor Leave"),
            (greeted(), b"GET / HTTP/1.1\r\n\r\n".to_vec(), "542393671 bytes was announced"),
            (greeted(), b"\x03\0\0\0\xff\xff\xff".to_vec(), "3 bytes that are none"),
            (stepped(), ready(|_| ()), "a second Ready"),
            (stepped(), commands(2, 0), "answer to step 1, got that to step 2"),
            (stepped(), commands(0, 0), "got that to step 0"),
            (stepped(), commands(1, 257), "257 messages"),
        ] {
            let error = session.receive(&bytes).unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
            assert_eq!(session.receive(&commands(1, 0)), Ok(None), "it is over");
            let mut out = Vec::new();
            session.step(SimTime::ZERO, Vec::new(), &mut out);
            assert!(out.is_empty());
        }
    }

    #[test]
    fn a_stack_may_leave_at_any_time() {
        for mut session in [greeted(), stepped()] {
            let leave = frame(Content::Leave(Leave { reason: "done\n".repeat(100) }));
            let Ok(Some(Said::Leave(reason))) = session.receive(&leave) else { panic!("it leaves") };
            assert!(reason.starts_with("done\u{fffd}done") && reason.chars().count() == WORDS);
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_a_session_panic(
            pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 0..20),
            framed in any::<bool>(),
        ) {
            for mut session in [greeted(), stepped()] {
                for piece in &pieces {
                    let length = if framed { (piece.len() as u32).to_le_bytes().to_vec() } else { Vec::new() };
                    let said = session.receive(&[&length[..], piece].concat());
                    if let Ok(Some(Said::Commands(messages))) = &said {
                        prop_assert!(messages.len() <= MAX_MESSAGES);
                    }
                    if said.is_err() {
                        break;
                    }
                }
            }
        }
    }
}
