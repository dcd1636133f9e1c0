//! All links of a run, at the engine's door.

use crate::can_link::{CanLink, LinkError, MAX_PEERS};
use crate::name::LinkName;
use crate::pace::{PaceReport, Pacer};
use crate::realtime::RealtimePriority;
use crate::receiver_link::{ReceiverLink, ReceiverLinkName, ReceiverLinkReport};
use crate::report::LinkReport;
use crate::stack_clock::StackClock;
use crate::topic_link::{Health, TopicLink, TopicLinkReport};
use skidpad_can::Frame;
use skidpad_engine::{EPOCH_UNIX_S, Outcome, Outside, Sender, TopicMessage};
use skidpad_kernel::SimTime;
use skidpad_sensors::ReceiverOutput;
use std::collections::VecDeque;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Links of one run.
pub const MAX_LINKS: usize = Sender::MAX_OUTSIDE as usize / MAX_PEERS;
/// Frames of one peer that compete for the bus at a time, as in the transmit buffer of an adapter: a flood from
/// outside shall not push the car's own frames out of their mailboxes.
const MAILBOX: usize = 32;
/// A frame that has not crossed the bus by then has been lost there, and its place is free again.
const LOST_AFTER: Duration = Duration::from_secs(1);
/// A tenth of a second, ns.
const TENTH: u128 = 100_000_000;

/// How fast simulated time passes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Pace {
    /// As on the clock.
    #[default]
    Real,
    /// So many times as fast as the clock, for a stack whose clock runs so fast.
    Scaled(f64),
    /// As fast as the machine can.
    Max,
}

/// The links of a run and its pace: what a simulation meets outside.
#[derive(Debug)]
pub struct Links {
    can: Vec<CanLink>,
    receiver: Vec<ReceiverLink>,
    topics: Vec<Box<dyn TopicLink>>,
    needs_can_peer: bool,
    /// The peers on the bus hear nothing.
    is_off_bus: bool,
    pacer: Option<Pacer>,
    realtime: Option<RealtimePriority>,
    epoch_unix_s: f64,
    /// Simulated time per wall time.
    scale: f64,
    opened: Instant,
    /// When simulated time began.
    started: Duration,
    learning: Option<StackClock>,
    /// For each peer that has sent: when its frames that are still under way were sent.
    under_way: Vec<VecDeque<SimTime>>,
}

/// How a link is while the run goes on.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LinkState {
    /// Its name: where a peer finds it.
    pub name: String,
    /// Whether it is in use.
    pub health: Health,
    /// Who is at the other end, as far as they have names.
    pub peers: Vec<String>,
    /// What was counted on it, by name.
    pub counts: Vec<(&'static str, u64)>,
}

/// What came of links and pace.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LinksReport {
    /// Each link.
    pub can: Vec<LinkReport>,
    /// Each link to the receiver's port.
    pub receiver: Vec<ReceiverLinkReport>,
    /// Each link that carries topics.
    pub topics: Vec<TopicLinkReport>,
    /// The pace, if it was that of the clock.
    pub pace: Option<PaceReport>,
    /// What came of the wish for real-time priority, if there was one.
    pub realtime: Option<RealtimePriority>,
}

impl LinksReport {
    /// How each link was in the end.
    pub fn states(&self) -> Vec<LinkState> {
        let state = |name: &str, counts: Vec<(&'static str, u64)>, error: &Option<String>| LinkState {
            name: name.to_owned(),
            health: error.clone().map_or(Health::Waiting("closed".into()), Health::Lost),
            peers: Vec::new(),
            counts,
        };
        let can = self.can.iter().map(|link| state(&link.name, link.counters.named().to_vec(), &link.error));
        let receiver = self.receiver.iter().map(|link| state(&link.name, link.named().to_vec(), &None));
        let topics = self.topics.iter().map(|link| state(&link.name, link.counts.clone(), &link.error));
        can.chain(receiver).chain(topics).collect()
    }
}

impl Links {
    /// Opens these links.
    ///
    /// # Errors
    /// The first that cannot be opened, or too many of them.
    pub fn open(names: &[LinkName], pace: Pace) -> Result<Links, LinkError> {
        if names.len() > MAX_LINKS {
            let message = format!("{} links were asked for; at most {MAX_LINKS} can be open", names.len());
            return Err(LinkError { name: names[MAX_LINKS].to_string(), message });
        }
        let can = names.iter().map(CanLink::open).collect::<Result<Vec<_>, _>>()?;
        let under_way = vec![VecDeque::new(); can.len() * MAX_PEERS];
        let (pacer, scale) = match pace {
            Pace::Real => (Some(Pacer::new()), 1.0),
            Pace::Scaled(scale) => (Some(Pacer::new().at_scale(scale)), scale),
            Pace::Max => (None, 1.0),
        };
        Ok(Links {
            can,
            receiver: Vec::new(),
            topics: Vec::new(),
            needs_can_peer: false,
            is_off_bus: false,
            pacer,
            realtime: None,
            epoch_unix_s: EPOCH_UNIX_S,
            scale,
            opened: Instant::now(),
            started: Duration::ZERO,
            learning: None,
            under_way,
        })
    }

    /// Carries the stack's topics on this link too.
    pub fn attach(&mut self, link: Box<dyn TopicLink>) {
        self.topics.push(link);
    }

    /// The links that carry topics.
    pub fn topic_links(&self) -> impl Iterator<Item = &dyn TopicLink> {
        self.topics.iter().map(|link| &**link)
    }

    /// Before the first tick: lets stacks in that want to come, without waiting. False while the first tick would have to
    /// wait for one.
    pub fn look(&mut self) -> bool {
        let mut ready = true;
        for link in &mut self.topics {
            ready &= link.look();
        }
        ready
    }

    /// How each link is: those to the bus, to the receiver's port, and those that carry topics.
    pub fn states(&self) -> Vec<LinkState> {
        let can = self.can.iter().map(|link| {
            let report = link.report();
            let health = if link.is_log() && report.error.is_none() { Health::Well } else { link.health() };
            LinkState {
                name: report.name,
                health,
                peers: Vec::new(),
                counts: report.counters.named().to_vec(),
            }
        });
        let receiver = self.receiver.iter().map(|link| {
            let report = link.report();
            let health = match link.has_client() {
                true => Health::Well,
                false => Health::Waiting("a client".into()),
            };
            LinkState { counts: report.named().to_vec(), name: report.name, health, peers: Vec::new() }
        });
        let topics = self.topics.iter().map(|link| LinkState {
            name: link.name().to_owned(),
            health: link.health(),
            peers: link.peers(),
            counts: link.counts(),
        });
        can.chain(receiver).chain(topics).collect()
    }

    /// How well the pace was kept so far, if it is that of the clock.
    pub fn pace(&self) -> Option<PaceReport> {
        self.pacer.as_ref().map(Pacer::report)
    }

    /// Simulated time zero is this Unix time, or the next tenth of a second after the latest that a link has shown on a
    /// `/clock` to nodes that live by it: theirs must not go back. Returns it, s.
    pub fn start_at(&mut self, epoch_unix_s: f64) -> f64 {
        let shown = self.topics.iter().filter_map(|link| link.clock_shown_unix_s());
        let after_all = shown.map(|shown| (shown * 10.0).floor() / 10.0 + 0.1);
        self.epoch_unix_s = after_all.fold(epoch_unix_s, f64::max);
        self.epoch_unix_s
    }

    /// Waits for the next tenth of a second of the wall clock, which is simulated time zero, and returns it, Unix s:
    /// receivers measure at round times. From here on no time is given up.
    pub fn start_on_wall_clock(&mut self) -> f64 {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let to_go = (TENTH - now.as_nanos() % TENTH) as u64;
        std::thread::sleep(Duration::from_nanos(to_go));
        self.start_at(((now.as_nanos() + u128::from(to_go)) / TENTH) as f64 / 10.0);
        self.started = self.opened.elapsed();
        if let Some(pacer) = &mut self.pacer {
            pacer.start();
            pacer.keep_up();
        }
        self.epoch_unix_s
    }

    /// Asks for real-time scheduling of the calling thread, which has to be the one that runs the simulation, and returns
    /// what came of it. `None` if no clock is kept: there is nothing to be in time for, and it would never sleep.
    pub fn ask_for_realtime_priority(&mut self) -> Option<&RealtimePriority> {
        let pacer = self.pacer.as_mut()?;
        let answer = RealtimePriority::ask();
        if answer == RealtimePriority::Granted {
            pacer.be_realtime();
        }
        Some(self.realtime.insert(answer))
    }

    /// Begins to learn the clock of a stack whose time passes as that of this pace.
    pub fn learn_clock(&mut self) {
        self.learning = Some(StackClock::new(self.scale));
    }

    /// Messages by which it has been learned so far.
    pub fn clock_samples(&self) -> u32 {
        self.learning.as_ref().map_or(0, StackClock::samples)
    }

    /// Once the stack's clock is known: what it showed at simulated time zero, Unix s.
    pub fn learned_epoch(&mut self) -> Option<f64> {
        let epoch_unix_s = self.learning.as_ref()?.unix_s(self.started)?;
        self.learning = None;
        self.epoch_unix_s = epoch_unix_s;
        Some(epoch_unix_s)
    }

    /// Why the run cannot go on, if a link without which it cannot is lost.
    ///
    /// The bus needs a peer in a run that has waited for one, see [`Links::wait_for_peer`].
    pub fn lost(&self) -> Option<String> {
        let topics = self.topics.iter().map(|link| (link.name(), link.health()));
        let lost = |(name, health)| match health {
            Health::Lost(why) => Some(format!("{name}: {why}")),
            Health::Well | Health::Waiting(_) => None,
        };
        topics.into_iter().find_map(lost).or_else(|| {
            // Of several links to the bus one with a peer is enough.
            let can = || self.can.iter().map(|link| (link.name(), link.health()));
            let is_filled = !self.needs_can_peer || can().any(|(_, health)| health == Health::Well);
            if is_filled { None } else { can().find_map(lost) }
        })
    }

    /// Tells the links that carry topics how the run ended.
    pub fn tell(&mut self, outcome: &Outcome) {
        self.topics.iter_mut().for_each(|link| link.tell(outcome));
    }

    /// Serves the receiver's port on these links too.
    ///
    /// # Errors
    /// The first that cannot be opened.
    pub fn serve_receiver(&mut self, names: &[ReceiverLinkName]) -> Result<(), LinkError> {
        for name in names {
            self.receiver.push(ReceiverLink::open(name)?);
        }
        Ok(())
    }

    /// Names of the open links: where a peer finds them.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let topics = self.topics.iter().map(|link| link.name());
        self.can.iter().map(CanLink::name).chain(self.receiver.iter().map(ReceiverLink::name)).chain(topics)
    }

    /// Waits until a peer can get frames on some link; false if none came in time or `stop` said so.
    pub fn wait_for_peer(&mut self, at_most: Duration, stop: impl Fn() -> bool) -> bool {
        let began = Instant::now();
        loop {
            // What peers send before the run begins is for a car that is not there yet.
            for link in &mut self.can {
                let mut early = 0;
                link.poll(|_, _| early += 1);
                (0..early).for_each(|_| link.count(false));
            }
            if self.can.iter().any(CanLink::has_peer) {
                self.needs_can_peer = true;
                return true;
            }
            if began.elapsed() >= at_most || stop() {
                return false;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Closes the links; `verdict` is told to who wants to know it.
    pub fn finish(mut self, verdict: Option<&str>) -> LinksReport {
        self.can.iter_mut().for_each(CanLink::flush);
        LinksReport {
            can: self.can.iter().map(CanLink::report).collect(),
            receiver: self.receiver.into_iter().map(ReceiverLink::finish).collect(),
            topics: self.topics.into_iter().map(|link| link.finish(verdict)).collect(),
            pace: self.pacer.as_ref().map(Pacer::report),
            realtime: self.realtime,
        }
    }
}

impl Outside for Links {
    fn tick(&mut self, now: SimTime) {
        if let Some(pacer) = &mut self.pacer {
            pacer.wait(now);
        }
        self.receiver.iter_mut().for_each(ReceiverLink::poll);
        if now == SimTime::ZERO {
            let epoch_unix_s = self.epoch_unix_s;
            self.topics.iter_mut().for_each(|link| link.begin(epoch_unix_s));
        }
        self.topics.iter_mut().for_each(|link| link.tick(now));
    }

    fn lost(&self) -> Option<String> {
        Links::lost(self)
    }

    fn scenario_begins(&mut self, now: SimTime) {
        if let Some(pacer) = self.pacer.as_mut().filter(|_| now > SimTime::ZERO) {
            pacer.begin_report();
        }
    }

    fn listens(&self) -> bool {
        !self.topics.is_empty()
    }

    fn message_out(&mut self, now: SimTime, message: &TopicMessage) {
        self.topics.iter_mut().for_each(|link| link.send(now, message));
    }

    fn messages_in(&mut self, now: SimTime, deliver: &mut dyn FnMut(TopicMessage)) {
        let Links { topics, learning, opened, .. } = self;
        let mut deliver = |message: TopicMessage| {
            if let Some(clock) = learning {
                clock.hear(opened.elapsed(), &message);
            }
            deliver(message);
        };
        topics.iter_mut().for_each(|link| link.poll(now, &mut deliver));
    }

    fn receiver_out(&mut self, _: SimTime, output: &ReceiverOutput, bytes: &[u8]) {
        self.receiver.iter_mut().for_each(|link| link.send(output, bytes));
    }

    fn frames_in(&mut self, now: SimTime, send: &mut dyn FnMut(u8, Frame)) {
        for (index, link) in self.can.iter_mut().enumerate() {
            let first = index * MAX_PEERS;
            let (mut taken, mut refused) = (0, 0);
            let under_way = &mut self.under_way[first..first + MAX_PEERS];
            link.poll(|slot, frame| {
                let mailbox = &mut under_way[usize::from(slot)];
                while mailbox.front().is_some_and(|sent| now.since(*sent) > LOST_AFTER) {
                    mailbox.pop_front();
                }
                if mailbox.len() < MAILBOX {
                    mailbox.push_back(now);
                    taken += 1;
                    send((first + usize::from(slot)) as u8, frame);
                } else {
                    refused += 1;
                }
            });
            (0..taken).for_each(|_| link.count(true));
            (0..refused).for_each(|_| link.count(false));
        }
    }

    fn frame_out(&mut self, at: SimTime, from: Sender, frame: &Frame) {
        let peer = match from {
            Sender::Outside(peer) => Some(usize::from(peer)),
            _ => None,
        };
        if let Some(mailbox) = peer.and_then(|peer| self.under_way.get_mut(peer)) {
            mailbox.pop_front();
        }
        let time = Duration::from_secs_f64(self.epoch_unix_s) + at.since(SimTime::ZERO);
        for (index, link) in self.can.iter_mut().enumerate() {
            let own = peer.filter(|peer| peer / MAX_PEERS == index).map(|peer| (peer % MAX_PEERS) as u8);
            if !self.is_off_bus || link.is_log() {
                link.send(time, own, frame);
            }
        }
    }

    fn computer_off_bus(&mut self, is_off: bool) {
        self.is_off_bus = is_off;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Carries nothing, and has shown this time to nodes of ROS in an earlier run.
    #[derive(Debug)]
    struct Shown(Option<f64>);

    impl TopicLink for Shown {
        fn name(&self) -> &str {
            "shown"
        }

        fn send(&mut self, _: SimTime, _: &TopicMessage) {}

        fn poll(&mut self, _: SimTime, _: &mut dyn FnMut(TopicMessage)) {}

        fn health(&self) -> Health {
            Health::Well
        }

        fn clock_shown_unix_s(&self) -> Option<f64> {
            self.0
        }

        fn finish(self: Box<Self>, _: Option<&str>) -> TopicLinkReport {
            TopicLinkReport::default()
        }
    }

    #[test]
    fn the_time_of_nodes_that_live_by_a_clock_never_goes_back_from_one_run_to_the_next() {
        let start = |shown: Option<f64>, wanted: f64| {
            let mut links = Links::open(&[], Pace::Max).unwrap();
            links.attach(Box::new(Shown(shown)));
            links.start_at(wanted)
        };
        assert_eq!(start(None, 1000.0), 1000.0);
        assert_eq!(start(Some(990.0), 1000.0), 1000.0);
        // Five times as fast, the run before got ahead of the wall clock.
        let began = start(Some(1040.03), 1000.0);
        assert!((began - 1040.1).abs() < 1e-6, "{began}");
    }
}
