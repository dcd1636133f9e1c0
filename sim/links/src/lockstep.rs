//! Lock-step: a stack that is asked at each step, and simulated time that waits for its answer.
//!
//! `docs/lockstep.md` is the protocol. [`FrameReader`] and [`Session`] are its sans-IO halves, [`Lockstep`] the server.
//!
//! # Time of a message
//! Steps are taken at 4, 14, 24, … ms, the turn of the embedded control. A step brings what was published up to the
//! tick before; what is answered leaves at the instant of the step and arrives one tick later. A controller at the
//! other end of the socket is thus neither earlier nor later than the embedded one.
//!
//! # Blocking
//! Alone among the links this one holds the simulation up, that being its purpose: until the answer is there, or
//! for the time that was stated in Hello. Nothing of the wall time goes into the results.

mod frame;
mod name;
mod session;
mod socket;

pub use frame::{FrameReader, FrameTooLong, MAX_FRAME_BYTES, write_frame};
pub use name::{LockstepName, LockstepNameError};
pub use session::{MAX_MESSAGES, MAX_STEP, ProtocolError, Said, Session, VERSION};
pub use socket::LockstepSocket;

use crate::LinkError;
use crate::pace::Histogram;
use crate::topic_link::{Health, TopicLink, TopicLinkReport};
use skidpad_engine::{Outcome, SeatId, Seats, TopicMessage};
use skidpad_kernel::{Periodic, SimTime};
use skidpad_msgs::lockstep::{Bye, Hello, Message, Metric, Topic as TopicOffer, Vehicle, Verdict};
use skidpad_msgs::{TOPICS, Topic};
use skidpad_score::Metrics;
use socket::Stream;
use std::io::{ErrorKind, Read, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Simulated time between two steps, if the stack asks for no other: the period of control.
pub const STEP_PERIOD: Duration = Duration::from_millis(10);
/// The first step: the embedded control's turn.
const STEP_PHASE: Duration = Duration::from_millis(4);
/// While no stack has come, it is looked for so often.
const LOOK: Duration = Duration::from_millis(1);
/// A wait is interrupted so often to see whether someone wants to stop.
const SLICE: Duration = Duration::from_millis(100);
const MONITOR: &str = "/apollo/monitor";
/// Bytes read at a time.
const READ_BYTES: usize = 64 << 10;

/// What is about to run: what a stack is told in Hello.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Invitation {
    /// Who speaks, `skidpad 0.1.0`.
    pub simulator: String,
    /// Name of the scenario.
    pub scenario: String,
    /// The car.
    pub vehicle: Vehicle,
    /// Seats that the stack fills.
    pub seats: Seats,
    /// Unix time of the simulated time 0, s.
    pub epoch_unix_s: f64,
}

/// How long a stack is waited for, in wall time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// Until it has joined.
    pub join: Duration,
    /// For each of its answers.
    pub answer: Duration,
}

impl Default for Patience {
    /// 30 s until it has joined, 10 s for an answer.
    fn default() -> Self {
        Patience { join: Duration::from_secs(30), answer: Duration::from_secs(10) }
    }
}

/// What crossed the link.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LockstepReport {
    /// The link, and where it was found.
    pub name: String,
    /// What the stack calls itself; empty if none joined.
    pub stack: String,
    /// Steps that were answered.
    pub steps: u64,
    /// Messages sent to the stack.
    pub sent: u64,
    /// Messages of the stack that were published.
    pub received: u64,
    /// Messages of the stack that were ignored: their topic belongs to a seat that is filled inside, or to none.
    pub ignored: u64,
    /// A topic of those.
    pub ignored_topic: Option<String>,
    /// Stacks that were refused before the run, and why the last one was.
    pub refused: u64,
    /// Why the last one was refused.
    pub refusal: Option<String>,
    /// Stacks that came while another took part, and were turned away.
    pub turned_away: u64,
    /// Wall time that the stack took to answer: median, 99th percentile, longest, µs.
    pub answer_us: [f64; 3],
    /// How the stack was lost, if it was.
    pub failure: Option<String>,
}

impl LockstepReport {
    /// Every count by its name.
    pub fn named(&self) -> [(&'static str, u64); 9] {
        let [median, p99, max] = self.answer_us.map(|us| us.round() as u64);
        [
            ("steps", self.steps),
            ("sent", self.sent),
            ("received", self.received),
            ("ignored", self.ignored),
            ("refused", self.refused),
            ("turned_away", self.turned_away),
            ("answer_p50_us", median),
            ("answer_p99_us", p99),
            ("answer_max_us", max),
        ]
    }

    /// What a reader of the report should know, one sentence each; no wall time is in them.
    pub fn sentences(&self) -> Vec<String> {
        let name = &self.name;
        let mut sentences = Vec::new();
        if let Some(topic) = &self.ignored_topic {
            let ignored = self.ignored;
            sentences.push(format!(
                "{name}: {ignored} messages of the stack were ignored, since their seat is not the stack's or there is \
                 no such topic: \"{topic}\""
            ));
        }
        if let Some(refusal) = &self.refusal {
            sentences.push(format!("{name}: a stack was refused before the run: {refusal}"));
        }
        if self.turned_away > 0 {
            let count = self.turned_away;
            sentences.push(format!("{name}: turned {count} away, since one stack took part already"));
        }
        sentences
    }
}

/// Who is at the other end.
#[derive(Debug)]
enum Guest {
    Nobody,
    /// Hello has been said at that time.
    Greeted(Stream, Box<Session>, Instant),
    Joined(Stream, Box<Session>),
}

/// A lock-step link: a server for one stack.
#[derive(Debug)]
pub struct Lockstep {
    socket: LockstepSocket,
    hello: Hello,
    seats: Seats,
    patience: Patience,
    stop: Option<&'static AtomicBool>,
    guest: Guest,
    schedule: Periodic,
    /// What has been published since the last step.
    published: Vec<Message>,
    /// What the stack has answered, and at which step; it arrives after that.
    answered: Vec<TopicMessage>,
    answered_at: SimTime,
    /// How the run ended.
    bye: Option<Bye>,
    answer_times: Histogram,
    report: LockstepReport,
}

impl Lockstep {
    /// Listens for this run alone: from here on a stack can connect.
    ///
    /// # Errors
    /// If the address or the file is taken, or the system refuses.
    pub fn open(
        name: &LockstepName,
        invitation: Invitation,
        patience: Patience,
        stop: Option<&'static AtomicBool>,
    ) -> Result<Self, LinkError> {
        Ok(Lockstep::on(&LockstepSocket::open(name)?, invitation, patience, stop))
    }

    /// The run's link on a socket that outlives it; a stack that has connected meanwhile is met by this run.
    ///
    /// `stop` is looked at while the stack is waited for.
    pub fn on(
        socket: &LockstepSocket,
        invitation: Invitation,
        patience: Patience,
        stop: Option<&'static AtomicBool>,
    ) -> Self {
        Lockstep {
            socket: socket.clone(),
            seats: invitation.seats,
            hello: hello(invitation, patience.answer),
            patience,
            stop,
            guest: Guest::Nobody,
            schedule: Periodic::new(STEP_PERIOD, STEP_PHASE),
            published: Vec::new(),
            answered: Vec::new(),
            answered_at: SimTime::ZERO,
            bye: None,
            answer_times: Histogram::default(),
            report: LockstepReport { name: socket.name().to_owned(), ..Default::default() },
        }
    }

    /// The link, with the address where a stack finds it.
    pub fn name(&self) -> &str {
        &self.report.name
    }

    /// True once a stack takes part.
    pub fn has_joined(&self) -> bool {
        matches!(self.guest, Guest::Joined(..))
    }

    /// Why the run has no stack any more, if it had one: what happened, and in which step.
    pub fn failure(&self) -> Option<&str> {
        self.report.failure.as_deref()
    }

    /// Why the last stack that wanted to join was refused.
    pub fn refusal(&self) -> Option<&str> {
        self.report.refusal.as_deref()
    }

    /// Before the run: lets a stack join, as far as that goes without waiting. True once one has.
    pub fn look(&mut self) -> bool {
        if matches!(self.guest, Guest::Nobody)
            && let Some(mut stream) = self.socket.accept()
        {
            let mut out = Vec::new();
            let session = Session::greet(self.hello.clone(), &mut out);
            match stream.write(&out) {
                // Hello is some kilobytes, and the buffer of a new socket has room for many.
                Ok(length) if length == out.len() => {
                    self.guest = Guest::Greeted(stream, Box::new(session), Instant::now());
                }
                _ => self.refuse("it went before it could be greeted"),
            }
        }
        if let Guest::Greeted(..) = &self.guest {
            self.hear_ready();
        }
        self.has_joined()
    }

    fn hear_ready(&mut self) {
        let Guest::Greeted(stream, session, since) = &mut self.guest else { return };
        let mut bytes = [0; 4096];
        let said = match stream.read(&mut bytes) {
            Ok(0) => Err("it closed the connection before it said Ready".to_string()),
            Ok(length) => session.receive(&bytes[..length]).map_err(|error| error.to_string()),
            Err(error) if is_passing(error.kind()) => match since.elapsed() > self.patience.answer {
                true => Err(format!("it did not say Ready within {} s", self.patience.answer.as_secs_f64())),
                false => Ok(None),
            },
            Err(error) => Err(format!("the connection broke before it said Ready: {error}")),
        };
        let refusal = match said {
            Ok(None) => return,
            Ok(Some(Said::Ready { name, step_period })) => {
                let Guest::Greeted(stream, session, _) = std::mem::replace(&mut self.guest, Guest::Nobody)
                else {
                    return;
                };
                match stream.block_for(SLICE.min(self.patience.answer)) {
                    Ok(()) => {
                        self.schedule = Periodic::new(step_period, STEP_PHASE);
                        self.report.stack = name;
                        self.guest = Guest::Joined(stream, session);
                        return;
                    }
                    Err(error) => error.to_string(),
                }
            }
            Ok(Some(Said::Leave(reason))) => format!("it left: {reason}"),
            Ok(Some(Said::Commands(_))) => "it sent Commands before it said Ready".to_string(),
            Err(refusal) => refusal,
        };
        self.refuse(&refusal);
    }

    /// Tells the stack that was greeted why it cannot take part.
    fn refuse(&mut self, why: &str) {
        if let Guest::Greeted(stream, session, _) = &mut self.guest {
            let mut out = Vec::new();
            session.bye(no_verdict(why), &mut out);
            // It may have gone.
            let _ = stream.write(&out);
            stream.end();
        }
        self.guest = Guest::Nobody;
        self.report.refused += 1;
        self.report.refusal = Some(why.to_string());
    }

    /// Waits until a stack has joined.
    fn wait_for_stack(&mut self) {
        let began = Instant::now();
        while !self.look() && !self.shall_stop() {
            if began.elapsed() >= self.patience.join {
                let name = &self.report.name;
                let within_s = self.patience.join.as_secs_f64();
                let refusal = match &self.report.refusal {
                    Some(refusal) => format!("; the last one that came was refused: {refusal}"),
                    None => format!("; start it, and let it connect to {name}"),
                };
                self.report.failure = Some(format!("no stack joined within {within_s} s{refusal}"));
                return;
            }
            std::thread::sleep(LOOK);
        }
    }

    fn shall_stop(&self) -> bool {
        self.stop.is_some_and(|stop| stop.load(Ordering::Relaxed))
    }

    /// A stack that comes while another takes part is told so.
    fn turn_away(&mut self) {
        while let Some(mut stream) = self.socket.accept() {
            let mut out = Vec::new();
            let mut session = Session::greet(self.hello.clone(), &mut Vec::new());
            session.bye(no_verdict("another stack takes part already"), &mut out);
            // It may have gone.
            let _ = stream.write(&out);
            stream.end();
            self.report.turned_away += 1;
        }
    }

    fn exchange(&mut self, now: SimTime) -> Result<(), String> {
        let Guest::Joined(stream, session) = &mut self.guest else { return Ok(()) };
        let asked = Instant::now();
        let (stop, answer_within) = (self.stop, self.patience.answer);
        let keep_on = || {
            if asked.elapsed() < answer_within {
                return Ok(!stop.is_some_and(|stop| stop.load(Ordering::Relaxed)));
            }
            Err(format!("it did not answer within {} s", answer_within.as_secs_f64()))
        };

        let mut out = Vec::new();
        let sent = self.published.len() as u64;
        session.step(now, std::mem::take(&mut self.published), &mut out);
        let mut rest = &out[..];
        while !rest.is_empty() {
            match stream.write(rest) {
                Ok(length) => rest = &rest[length..],
                Err(error) if is_passing(error.kind()) => {
                    if !keep_on()? {
                        return Ok(());
                    }
                }
                Err(_) => return Err("it closed the connection".into()),
            }
        }
        self.report.sent += sent;

        let mut bytes = [0; READ_BYTES];
        loop {
            let said = match stream.read(&mut bytes) {
                Ok(0) if session.is_in_mid_frame() => {
                    return Err("it closed the connection in the middle of a frame".into());
                }
                Ok(0) => return Err("it closed the connection".into()),
                Ok(length) => session.receive(&bytes[..length]).map_err(|error| error.to_string())?,
                Err(error) if is_passing(error.kind()) => None,
                Err(_) => return Err("it closed the connection".into()),
            };
            match said {
                // The time is looked at after a piece too: a stack that dribbles is not alive.
                None if keep_on()? => {}
                None => return Ok(()),
                Some(Said::Commands(messages)) => {
                    self.answer_times.add(asked.elapsed());
                    self.report.steps += 1;
                    self.answered_at = now;
                    return messages.into_iter().try_for_each(|message| self.sort(message));
                }
                Some(Said::Leave(reason)) => return Err(format!("it left: {reason}")),
                Some(Said::Ready { .. }) => return Err("it said Ready twice".into()),
            }
        }
    }

    /// A message is the stack's to send, or ignored.
    fn sort(&mut self, message: Message) -> Result<(), String> {
        let topic = skidpad_msgs::topic(&message.topic);
        if let Some(topic) = topic.filter(|topic| may_send(self.seats, topic)) {
            let decoded = TopicMessage::decode(topic, &message.data).map_err(|error| error.to_string())?;
            self.answered.push(decoded);
            self.report.received += 1;
        } else {
            self.report.ignored += 1;
            self.report.ignored_topic.get_or_insert_with(|| message.topic.chars().take(100).collect());
        }
        Ok(())
    }

    /// The run has no stack any more, for this reason; the stack is told.
    fn lose(&mut self, why: &str) {
        let Guest::Joined(stream, session) = &mut self.guest else { return };
        let stack = &self.report.stack;
        self.report.failure = Some(format!("lost the stack \"{stack}\" in step {}: {why}", session.steps()));
        let mut out = Vec::new();
        session.bye(no_verdict(why), &mut out);
        // It may have gone, and does not read if it has not.
        let _ = stream.write(&out);
        stream.end();
        self.guest = Guest::Nobody;
        self.published = Vec::new();
        self.answered = Vec::new();
    }

    /// What crossed so far.
    pub fn report(&self) -> LockstepReport {
        let mut report = self.report.clone();
        report.answer_us = [0.5, 0.99, 1.0].map(|share| self.answer_times.quantile_us(share));
        report
    }
}

impl TopicLink for Lockstep {
    fn name(&self) -> &str {
        &self.report.name
    }

    /// If a step is due, the stack is asked, and this waits for its answer; before the first tick for a stack.
    fn tick(&mut self, now: SimTime) {
        if self.failure().is_some() {
            return;
        }
        if !self.has_joined() {
            self.wait_for_stack();
        }
        if self.schedule.due(now) && self.has_joined() {
            self.turn_away();
            if let Err(failure) = self.exchange(now) {
                self.lose(&failure);
            }
        }
    }

    fn send(&mut self, _: SimTime, message: &TopicMessage) {
        if let Guest::Joined(_, session) = &self.guest
            && session.wants(message.topic_name())
        {
            let mut data = Vec::new();
            message.encode(&mut data);
            self.published.push(Message { topic: message.topic_name().into(), data });
        }
    }

    fn poll(&mut self, now: SimTime, deliver: &mut dyn FnMut(TopicMessage)) {
        if now > self.answered_at {
            self.answered.drain(..).for_each(deliver);
        }
    }

    fn health(&self) -> Health {
        match (&self.report.failure, &self.guest) {
            (Some(failure), _) => Health::Lost(failure.clone()),
            (None, Guest::Joined(..)) => Health::Well,
            (None, _) => Health::Waiting("no stack has joined".into()),
        }
    }

    fn look(&mut self) -> bool {
        Lockstep::look(self)
    }

    fn peers(&self) -> Vec<String> {
        Some(self.report().stack).filter(|stack| !stack.is_empty()).into_iter().collect()
    }

    fn counts(&self) -> Vec<(&'static str, u64)> {
        self.report().named().to_vec()
    }

    fn tell(&mut self, outcome: &Outcome) {
        self.bye = Some(bye(outcome));
    }

    /// Tells the stack how it ended, and closes the link; the file of a Unix socket is removed.
    fn finish(mut self: Box<Self>, _: Option<&str>) -> TopicLinkReport {
        if let Guest::Joined(stream, session) = &mut self.guest {
            let mut out = Vec::new();
            session.bye(self.bye.take().unwrap_or_else(|| no_verdict("the run was interrupted")), &mut out);
            // A stack that has gone meanwhile misses nothing that the report does not say.
            let _ = stream.write_all(&out);
            stream.end();
        }
        let report = self.report();
        TopicLinkReport {
            counts: report.named().to_vec(),
            sentences: report.sentences(),
            error: report.failure,
            name: report.name,
        }
    }
}

/// The verdict with the metrics that were measured.
fn bye(outcome: &Outcome) -> Bye {
    if let Some(lost) = &outcome.lost {
        return no_verdict(lost);
    }
    let verdict = if outcome.verdict.passed { Verdict::Passed } else { Verdict::Failed };
    let broken = outcome.verdict.limits.iter().filter(|limit| !limit.passed).map(|limit| limit.name.as_str());
    let names = Metrics::INFO.iter().map(|info| info.name).chain(["stopped", "limit_cycle"]);
    let metrics = names.filter_map(|name| {
        let value = outcome.metrics.get(name).filter(|value| value.is_finite())?;
        Some(Metric { name: name.into(), value })
    });
    let reason = match verdict {
        Verdict::Passed => String::new(),
        _ => format!("limits broken: {}", broken.collect::<Vec<_>>().join(", ")),
    };
    Bye { verdict: verdict.into(), reason, metrics: metrics.collect() }
}

fn hello(invitation: Invitation, answer_within: Duration) -> Hello {
    let Invitation { simulator, scenario, vehicle, seats, epoch_unix_s } = invitation;
    let topics = TOPICS.iter().map(|topic| TopicOffer {
        name: topic.name.into(),
        r#type: topic.message.into(),
        rate_hz: topic.rate_hz.unwrap_or(0.0),
        from_stack: may_send(seats, topic),
    });
    Hello {
        version: VERSION,
        simulator,
        scenario,
        vehicle: Some(vehicle),
        topics: topics.collect(),
        seats: seats.iter().map(|seat| seat.name().into()).collect(),
        step_period_ns: STEP_PERIOD.as_nanos() as u64,
        epoch_unix_s,
        answer_timeout_s: answer_within.as_secs_f64(),
        max_frame_bytes: MAX_FRAME_BYTES,
    }
}

/// Whether a stack in these seats may publish on a topic. The pad is the operator's, the monitor everybody's.
fn may_send(seats: Seats, topic: &Topic) -> bool {
    SeatId::of_topic(topic).map_or(topic.name == MONITOR, |seat| seats.contains(seat))
}

fn no_verdict(reason: &str) -> Bye {
    Bye { verdict: Verdict::None.into(), reason: reason.into(), metrics: Vec::new() }
}

fn is_passing(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted)
}
