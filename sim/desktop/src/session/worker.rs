//! The thread of the simulation: pace, orders, and what it shows.
//!
//! Orders go in through a channel; what is to be seen comes out through a mailbox that either side only ever tries to
//! open: who finds it open by the other goes on and comes back later.

use super::{CanRow, DriverWish, FREE_DRIVE, Moment, Recording, Run, RunError, TopicRow, free_drive};
use skidpad_bywire::{Mode, Subsystem};
use skidpad_engine::{RunEvent, SeatNow, Simulation, TopicMessage};
use skidpad_kernel::SimTime;
use skidpad_links::{LinkState, Meeting, PaceReport, Wanted};
use skidpad_msgs::apollo::canbus::chassis::DrivingMode;
use skidpad_scenario::{EventSpec, Library, LoadedScenario, Override, Scenario, StartSpec};
use skidpad_score::{Metrics, Verdict};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, TryRecvError, channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How fast simulated time passes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Pace {
    /// So many simulated seconds a second.
    Times(f64),
    /// As fast as the machine can.
    Max,
}

/// What the window may ask.
#[derive(Clone, Debug)]
pub enum Command {
    /// Load the scenario of a file and stand at its start.
    Load(PathBuf),
    /// Load the drive by hand.
    FreeDrive,
    /// Stand at the start of the same scenario; what was done by hand is forgotten.
    Restart,
    /// Run.
    Run,
    /// Pause.
    Pause,
    /// Take so many milliseconds, paused.
    Step(u64),
    /// Take the run on to this instant, s, as fast as the machine can, and pause there.
    Reach(f64),
    /// Run at another pace.
    Pace(Pace),
    /// Let something happen now.
    Inject(Box<EventSpec>),
    /// What hands and feet do from now on.
    Drive(DriverWish),
    /// Take the run to this instant, s, and pause there.
    Rewind(f64),
    /// Run with other parameters of control, from the start and at once to the present instant.
    Gains(BTreeMap<String, Override>),
    /// Stand somewhere else at the start of the same scenario.
    Place(StartSpec),
    /// Have other links and seats outside from now on, beginning with the same scenario anew.
    Attach(Box<Wanted>),
    /// Write the run with all that was done as a scenario file.
    Save(PathBuf),
    /// Write the drive as an RTK recording (.csv) with a scenario that follows it.
    SaveDrive(PathBuf),
}

/// What the run does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum State {
    /// No scenario is loaded.
    #[default]
    Empty,
    /// Stands still.
    Paused,
    /// Waits for a stack outside that does not drive yet.
    Waiting,
    /// Runs.
    Running,
    /// Is over.
    Finished,
}

/// The score so far.
#[derive(Clone, Debug)]
pub struct Score {
    /// What was measured.
    pub metrics: Metrics,
    /// The limits held against it.
    pub verdict: Verdict,
}

/// What there is to be seen besides the moments.
#[derive(Clone, Debug, Default)]
pub struct View {
    /// Grows with every loading.
    pub load: u64,
    /// What the run does.
    pub state: State,
    /// The scenario.
    pub scenario: Option<Arc<LoadedScenario>>,
    /// The instant, s.
    pub time_s: f64,
    /// Simulated seconds a second, as reached lately.
    pub reached_pace: f64,
    /// How late moments were lately, mean and largest, ms.
    pub late_ms: [f64; 2],
    /// CAN frames by identifier.
    pub can: Vec<CanRow>,
    /// Topics by name.
    pub topics: Vec<TopicRow>,
    /// The planned trajectory, world frame, m.
    pub trajectory_m: Vec<[f64; 3]>,
    /// The score so far.
    pub score: Option<Arc<Score>>,
    /// What has happened.
    pub events: Vec<RunEvent>,
    /// What a reader of the finished run's score should know.
    pub explanations: Vec<String>,
    /// Whether brake, throttle and steering follow their commands.
    pub bywire: [Option<Mode>; 3],
    /// The stack's driving mode.
    pub mode: Option<DrivingMode>,
    /// How the satellites fix the position.
    pub fix: skidpad_sensors::FixType,
    /// Largest load of the CAN bus, 0 to 1.
    pub bus_load: f64,
    /// Hash of the truth, of a finished run.
    pub truth_hash: Option<String>,
    /// What the user did.
    pub deeds: usize,
    /// The scenario runs as it was found: nothing was done by hand, and no parameter or start is another.
    pub as_found: bool,
    /// The newest answer to an order: what was done, or why not; it is counted.
    pub notice: (u64, String, bool),
    /// Moments that the window was too slow to take.
    pub dropped: u64,
    /// What is met outside; `None` in a run without links.
    pub outside: Option<Arc<OutsideView>>,
    /// What the user wants of the outside, whatever the scenario.
    pub wanted: Option<Arc<Wanted>>,
}

/// What is met outside.
#[derive(Clone, Debug, Default)]
pub struct OutsideView {
    /// Each link.
    pub links: Vec<LinkState>,
    /// Each seat outside.
    pub seats: Vec<SeatNow>,
    /// What is waited for.
    pub waiting: Option<String>,
    /// How well the clock's pace was kept.
    pub pace: Option<PaceReport>,
    /// Time passes as on the clock, for peers who live there: it cannot be paused.
    pub on_the_clock: bool,
    /// What came of it, once the run is over.
    pub sentences: Vec<String>,
    /// Why the run ended early or cannot be judged, if so.
    pub failure: Option<String>,
}

/// Most moments that wait for the window: ten seconds at ten times real time. What is more is dropped and counted.
const MAX_WAITING: usize = 20_000;

#[derive(Default)]
struct Mailbox {
    /// What came before is of another run.
    reset: bool,
    moments: Vec<Moment>,
    view: Option<Arc<View>>,
    dropped: u64,
}

/// A run from a file.
struct Overlay {
    name: String,
    /// The scenario file over whose runs it is laid; `None` until the first is loaded.
    over: Option<PathBuf>,
    recording: Recording,
}

/// The simulation and its thread, as the window holds them.
pub struct Session {
    orders: Option<Sender<Command>>,
    mailbox: Arc<Mutex<Mailbox>>,
    thread: Option<JoinHandle<()>>,
    view: Arc<View>,
    recording: Recording,
    /// The run before this one, to be laid over it.
    previous: Option<Recording>,
    /// A run from a file, which is laid over this one instead.
    overlay: Option<Overlay>,
    /// Ends the waiting for a stack in lock-step.
    stop: &'static AtomicBool,
}

impl Session {
    /// Starts the thread; nothing is loaded, and nobody is met outside but whom the scenario names.
    pub fn new(library: Library) -> Session {
        Session::meeting(library, Wanted::default())
    }

    /// As [`Session::new`], with whom all runs meet outside.
    pub fn meeting(library: Library, wanted: Wanted) -> Session {
        // A link in lock-step looks at it for as long as it lives: one byte, once a window.
        let stop: &'static AtomicBool = Box::leak(Box::new(AtomicBool::new(false)));
        let wanted = Wanted { stop: Some(stop), wait_s: u32::MAX, ..wanted };
        let (orders, inbox) = channel();
        let mailbox = Arc::new(Mutex::new(Mailbox::default()));
        let shared = mailbox.clone();
        let thread = std::thread::Builder::new()
            .name("simulation".into())
            .spawn(move || Desk::new(library, wanted, shared).work(&inbox))
            .ok();
        Session {
            orders: Some(orders),
            mailbox,
            thread,
            view: Arc::default(),
            recording: Recording::default(),
            previous: None,
            overlay: None,
            stop,
        }
    }

    /// Asks for something. It is done soon; what came of it is in [`View::notice`].
    pub fn order(&self, command: Command) {
        if let Some(orders) = &self.orders {
            use Command::{Attach, FreeDrive, Load, Place, Restart};
            if matches!(command, Attach(_) | FreeDrive | Load(_) | Place(_) | Restart) {
                // Who waits for an answer in lock-step shall hear this.
                self.stop.store(true, Ordering::Relaxed);
            }
            // The thread ends with this.
            let _ = orders.send(command);
        }
    }

    /// Takes what has come since the last call, without waiting. True if there was anything.
    pub fn poll(&mut self) -> bool {
        let Ok(mut mailbox) = self.mailbox.try_lock() else { return false };
        let moments = std::mem::take(&mut mailbox.moments);
        let reset = std::mem::take(&mut mailbox.reset);
        let view = mailbox.view.take();
        drop(mailbox);
        let news = reset || view.is_some() || !moments.is_empty();
        if reset {
            let old = std::mem::take(&mut self.recording);
            if old.moments().len() > 10 {
                self.previous = Some(old);
            }
        }
        moments.into_iter().for_each(|moment| self.recording.push(moment));
        if let Some(view) = view {
            if view.load != self.view.load {
                self.previous = None;
            }
            let file = view.scenario.as_ref().map(|scenario| scenario.file.as_path());
            if let (Some(overlay), Some(file)) = (&mut self.overlay, file)
                && overlay.over.get_or_insert_with(|| file.to_path_buf()) != file
            {
                // It is a run of another scenario, perhaps in another world.
                self.overlay = None;
            }
            self.view = view;
        }
        news
    }

    /// What was last seen.
    pub fn view(&self) -> &Arc<View> {
        &self.view
    }

    /// The run so far.
    pub fn recording(&self) -> &Recording {
        &self.recording
    }

    /// What is laid over this run: the one from a file, or the run of the same scenario before this one.
    pub fn previous(&self) -> Option<&Recording> {
        self.overlay.as_ref().map(|overlay| &overlay.recording).or(self.previous.as_ref())
    }

    /// What is laid over this run, in words.
    pub fn overlay_name(&self) -> Option<&str> {
        let before = self.previous.as_ref().map(|_| "the run before");
        self.overlay.as_ref().map(|overlay| overlay.name.as_str()).or(before)
    }

    /// Lays a run that was read from a file over this one, for as long as this scenario is loaded.
    pub fn overlay(&mut self, name: &str, recording: Recording) {
        let over = self.view.scenario.as_ref().map(|scenario| scenario.file.clone());
        self.overlay = Some(Overlay { name: name.to_owned(), over, recording });
    }

    /// Nothing is laid over this run any more, neither a file nor the run before. False if nothing was.
    pub fn take_overlay_away(&mut self) -> bool {
        let (file, before) = (self.overlay.take(), self.previous.take());
        file.is_some() || before.is_some()
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.orders = None;
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// How often the window is told something, and how often the score.
const SHOW_EVERY: Duration = Duration::from_millis(15);
const SCORE_EVERY: Duration = Duration::from_millis(400);
/// How long the thread simulates before it looks up.
const BUDGET: Duration = Duration::from_millis(8);
/// How far behind the clock is made up for.
const GIVE_UP: Duration = Duration::from_millis(100);
/// Moments whose lateness is shown.
const LATENESS: usize = 200;
/// Who has nobody to run with looks again after so long.
const PATIENCE: Duration = Duration::from_millis(5);
/// How often the window is told of links and seats.
const LOOK_OUTSIDE_EVERY: Duration = Duration::from_millis(200);

/// The thread's own side.
struct Desk {
    library: Option<Library>,
    run: Option<Run>,
    /// Where the run came from.
    origin: Origin,
    /// What the user wants of the outside, and what is open for the run that there is.
    wanted: Wanted,
    open: Wanted,
    /// The scenario as it was found, before the user's links and seats were put into it.
    spec: Option<Scenario>,
    looked_outside: Instant,
    running: bool,
    pace: Pace,
    /// Wall and simulated time from which the schedule counts.
    anchor: (Instant, SimTime),
    late_ms: std::collections::VecDeque<f64>,
    /// Wall and simulated time of the last look at the pace.
    measured: (Instant, SimTime),
    reached_pace: f64,
    mailbox: Arc<Mutex<Mailbox>>,
    /// Moments that the mailbox has not taken yet.
    waiting: Vec<Moment>,
    reset: bool,
    view: View,
    shown: Instant,
    scored: Instant,
    changed: bool,
    dropped: u64,
    /// What the user drives so far, for an RTK recording.
    recording: Recording,
}

/// Where a run comes from.
#[derive(Clone, Debug)]
enum Origin {
    File(PathBuf),
    FreeDrive,
    /// The text of a scenario that was changed here, and the file that it was.
    Changed(String, PathBuf),
}

impl Desk {
    fn new(library: Library, wanted: Wanted, mailbox: Arc<Mutex<Mailbox>>) -> Desk {
        let now = Instant::now();
        Desk {
            library: Some(library),
            run: None,
            origin: Origin::FreeDrive,
            open: Wanted::default(),
            wanted,
            spec: None,
            looked_outside: now,
            running: false,
            pace: Pace::Times(1.0),
            anchor: (now, SimTime::ZERO),
            late_ms: Default::default(),
            measured: (now, SimTime::ZERO),
            reached_pace: 0.0,
            mailbox,
            waiting: Vec::new(),
            reset: false,
            view: View::default(),
            shown: now,
            scored: now,
            changed: true,
            dropped: 0,
            recording: Recording::default(),
        }
    }

    fn work(mut self, inbox: &Receiver<Command>) {
        loop {
            loop {
                let order = if self.running {
                    inbox.try_recv().map_err(|error| error == TryRecvError::Disconnected)
                } else {
                    inbox.recv_timeout(SHOW_EVERY).map_err(|error| error == RecvTimeoutError::Disconnected)
                };
                match order {
                    Ok(order) => self.obey(order),
                    Err(true) => return,
                    Err(false) => break,
                }
                // Who gives order after order still sees what comes of each.
                if !self.running {
                    break;
                }
            }
            if self.running {
                self.advance();
            }
            self.show();
        }
    }

    fn notice(&mut self, done: Result<String, RunError>) {
        let (text, ok) = match done {
            Ok(text) => (text, true),
            Err(error) => (error.0, false),
        };
        self.view.notice = (self.view.notice.0 + 1, text, ok);
        self.changed = true;
    }

    fn obey(&mut self, order: Command) {
        self.changed = true;
        match order {
            Command::Load(file) => self.load(Origin::File(file)),
            Command::FreeDrive => self.load(Origin::FreeDrive),
            Command::Restart if self.is_met() => self.load(self.origin.clone()),
            Command::Restart => {
                if let Some(run) = &mut self.run {
                    run.forget();
                }
                self.rewind(SimTime::ZERO);
            }
            Command::Attach(wanted) => {
                self.wanted = Wanted { stop: self.wanted.stop, wait_s: self.wanted.wait_s, ..*wanted };
                self.load(self.origin.clone());
            }
            Command::Place(start) => self.place(start),
            Command::Run => {
                self.running = self.run.as_ref().is_some_and(|run| run.outcome().is_none());
                self.begin_schedule();
            }
            Command::Pause | Command::Step(_) | Command::Reach(_) if self.is_on_the_clock() => {
                let message = "whom it meets outside lives on the clock, which cannot be stopped: look back while it \
                               runs, or start again (R)";
                self.notice(Err(RunError(message.into())));
            }
            Command::Pause => self.running = false,
            Command::Step(ms) => self.run_to(self.now() + Duration::from_millis(ms)),
            Command::Reach(to_s) => self.run_to(SimTime::from_s(to_s.clamp(0.0, 3600.0))),
            Command::Pace(pace) => {
                self.pace = pace;
                self.begin_schedule();
            }
            Command::Inject(spec) => {
                if let Some(run) = &mut self.run
                    && let Err(error) = run.inject(*spec)
                {
                    self.notice(Err(error));
                }
            }
            Command::Drive(wish) => {
                if let Some(run) = &mut self.run {
                    if !wish.is_idle() {
                        run.forget_later();
                    }
                    run.drive(wish);
                }
            }
            Command::Rewind(to_s) => self.rewind(SimTime::from_s(to_s.clamp(0.0, 3600.0))),
            Command::Gains(gains) => {
                let Some(run) = &mut self.run else { return };
                let (now, running) = (run.now(), self.running);
                if run.is_met() {
                    let message =
                        "a run with links cannot be run again to this instant: change them from here on";
                    return self.notice(Err(RunError(message.into())));
                }
                match run.set_gains(&gains) {
                    Err(error) => self.notice(Err(error)),
                    Ok(()) => {
                        self.rewind(now);
                        self.running =
                            running && self.run.as_ref().is_some_and(|run| run.outcome().is_none());
                        self.begin_schedule();
                        self.notice(Ok("ran again to this instant with the new parameters".into()));
                    }
                }
            }
            Command::Save(file) => {
                if let Some(run) = &self.run {
                    let done = run.save(&file).map(|()| format!("saved as {}", file.display()));
                    self.notice(done);
                }
            }
            Command::SaveDrive(file) => {
                if let Some(run) = &self.run {
                    let done = run.save_drive(&self.recording, &file);
                    self.notice(done.map(|follows| format!("recorded; {} follows it", follows.display())));
                }
            }
        }
    }

    fn is_met(&self) -> bool {
        self.run.as_ref().is_some_and(Run::is_met)
    }

    /// Someone outside lives on the clock.
    fn is_on_the_clock(&self) -> bool {
        self.run.as_ref().and_then(Run::meeting).is_some_and(Meeting::is_on_the_clock)
    }

    /// Paused at that instant, or earlier if the run ends or nobody comes.
    fn run_to(&mut self, until: SimTime) {
        self.running = false;
        while self.now() < until && self.step() {}
    }

    fn load(&mut self, origin: Origin) {
        self.running = false;
        let Some(library) = self.library.take().or_else(|| self.run.take().map(Run::end)) else { return };
        if let Some(stop) = self.wanted.stop {
            stop.store(false, Ordering::Relaxed);
        }
        self.view = View { load: self.view.load + 1, notice: self.view.notice.clone(), ..View::default() };
        self.clear();
        let before = std::mem::take(&mut self.open);
        match begin(library, &origin, &self.wanted, &before) {
            Ok((run, open, spec)) => {
                (self.open, self.spec) = (open, Some(spec));
                let name = run.scenario().scenario.name.clone();
                let (met, at_start) = (run.is_met(), if run.is_met() { run.at_start() } else { None });
                self.run = Some(run);
                if met {
                    // Who comes shall find it ready.
                    at_start.into_iter().for_each(|moment| self.take(moment));
                    self.running = true;
                    self.begin_schedule();
                } else {
                    self.step();
                }
                self.notice(Ok(format!("loaded {name}")));
            }
            Err((library, error)) => {
                self.library = Some(library);
                self.notice(Err(error));
            }
        }
        self.origin = origin;
    }

    /// The same scenario with another start.
    fn place(&mut self, start: StartSpec) {
        let (Some(run), Some(spec)) = (&mut self.run, &self.spec) else { return };
        let mut spec = Scenario { start: Some(start), ..spec.clone() };
        spec.stack.control_overrides = run.scenario().scenario.stack.control_overrides.clone();
        match run.text_of(&spec) {
            Ok(text) => {
                let file = run.scenario().file.clone();
                self.load(Origin::Changed(text, file));
            }
            Err(error) => self.notice(Err(error)),
        }
    }

    /// What was recorded belongs to another run.
    fn clear(&mut self) {
        self.waiting.clear();
        self.recording = Recording::default();
        self.reset = true;
        self.late_ms.clear();
    }

    fn rewind(&mut self, to: SimTime) {
        if self.is_met() {
            let message = "what has gone out on links cannot be taken back: R starts again";
            return self.notice(Err(RunError(message.into())));
        }
        self.running = false;
        self.clear();
        let Some(run) = &mut self.run else { return };
        let (waiting, recording) = (&mut self.waiting, &mut self.recording);
        // At least the first tick: there is always something to see.
        let to = to.max(SimTime::from_ms(1));
        let done = run.rewind(to, |moment| {
            recording.push(moment.clone());
            waiting.push(moment);
        });
        if let Err(error) = done {
            self.notice(Err(error));
        }
        self.begin_schedule();
    }

    fn now(&self) -> SimTime {
        self.run.as_ref().map_or(SimTime::ZERO, Run::now)
    }

    fn begin_schedule(&mut self) {
        self.anchor = (Instant::now(), self.now());
        self.measured = self.anchor;
    }

    /// Takes a tick; false at the end of the run.
    fn step(&mut self) -> bool {
        let Some(run) = &mut self.run else { return false };
        if run.outcome().is_some() {
            self.running = false;
            return false;
        }
        self.changed = true;
        match run.is_ready() {
            Ok(true) => {}
            Ok(false) => {
                std::thread::sleep(PATIENCE);
                return false;
            }
            Err(error) => {
                self.running = false;
                self.notice(Err(error));
                return false;
            }
        }
        if let Some(moment) = run.step() {
            self.take(moment);
        }
        true
    }

    /// A new moment, for the recording and the window.
    fn take(&mut self, moment: Moment) {
        self.recording.push(moment.clone());
        if self.waiting.len() < MAX_WAITING {
            self.waiting.push(moment);
        } else {
            self.dropped += 1;
        }
    }

    /// Takes the ticks that are due, as many as fit into the budget.
    fn advance(&mut self) {
        let began = Instant::now();
        if self.is_on_the_clock() {
            // The links hold each tick to the clock.
            while began.elapsed() < BUDGET && self.step() {}
            return;
        }
        let Pace::Times(times) = self.pace else {
            while began.elapsed() < BUDGET && (0..20).all(|_| self.step()) {}
            return;
        };
        let (wall, simulated) = self.anchor;
        let due = simulated + began.duration_since(wall).mul_f64(times);
        let now = self.now();
        if now <= due {
            let late = due.since(now).div_f64(times.max(1e-3));
            if self.late_ms.len() == LATENESS {
                self.late_ms.pop_front();
            }
            self.late_ms.push_back(late.as_secs_f64() * 1e3);
            if late > GIVE_UP {
                self.begin_schedule();
            }
        }
        while self.now() <= due && began.elapsed() < BUDGET && self.step() {}
        if self.now() > due {
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Tells the window what is new, if its mailbox is free.
    fn show(&mut self) {
        let now = Instant::now();
        if now.duration_since(self.shown) < SHOW_EVERY || !(self.changed || self.running) {
            return;
        }
        self.look(now);
        let Ok(mut mailbox) = self.mailbox.try_lock() else { return };
        if std::mem::take(&mut self.reset) {
            mailbox.reset = true;
            mailbox.moments.clear();
        }
        let room = MAX_WAITING.saturating_sub(mailbox.moments.len()).min(self.waiting.len());
        let dropped = self.waiting.len() - room;
        mailbox.moments.extend(self.waiting.drain(..).take(room));
        self.dropped += dropped as u64;
        mailbox.dropped = self.dropped;
        mailbox.view = Some(Arc::new(self.view.clone()));
        drop(mailbox);
        self.shown = now;
        self.changed = false;
    }

    /// Brings the view up to date.
    fn look(&mut self, now: Instant) {
        let (wall, simulated) = self.measured;
        let elapsed_s = now.duration_since(wall).as_secs_f64();
        if !self.running {
            self.reached_pace = 0.0;
        } else if elapsed_s > 0.5 {
            self.reached_pace = self.now().since(simulated).as_secs_f64() / elapsed_s;
            self.measured = (now, self.now());
        }
        let view = &mut self.view;
        view.dropped = self.dropped;
        view.reached_pace = self.reached_pace;
        let count = self.late_ms.len().max(1) as f64;
        view.late_ms =
            [self.late_ms.iter().sum::<f64>() / count, self.late_ms.iter().copied().fold(0.0, f64::max)];
        let wanted = &self.wanted;
        view.wanted.get_or_insert_with(|| Arc::new(wanted.clone()));
        let Some(run) = &self.run else {
            view.state = State::Empty;
            return;
        };
        view.scenario = Some(run.scenario().clone());
        view.time_s = run.scenario_s();
        view.deeds = run.deeds().len();
        let changed = run.is_changed() || matches!(self.origin, Origin::Changed(..));
        view.as_found = view.deeds == 0 && !changed && run.scenario().scenario.name != FREE_DRIVE;
        let tables = run.tables();
        view.can = tables.can.values().cloned().collect();
        view.topics = tables.topics.values().cloned().collect();
        view.fix = tables.fix;
        view.trajectory_m = trajectory(run);
        let state = match (run.outcome(), self.running) {
            (Some(_), _) => State::Finished,
            (None, true) if run.waiting().is_some() => State::Waiting,
            (None, true) => State::Running,
            (None, false) => State::Paused,
        };
        // What stands still is told as it stands.
        let turned = state != view.state || run.met().is_some();
        view.state = state;
        if run.is_met() && (turned || now.duration_since(self.looked_outside) > LOOK_OUTSIDE_EVERY) {
            self.looked_outside = now;
            view.outside = Some(Arc::new(outside(run)));
        }
        if let Some(outcome) = run.outcome() {
            if view.truth_hash.as_ref() != Some(&outcome.truth_hash) {
                view.truth_hash = Some(outcome.truth_hash.clone());
                view.events = outcome.events.clone();
                view.explanations = outcome.explanations.clone();
                let (metrics, verdict) = (outcome.metrics.clone(), outcome.verdict.clone());
                view.score = Some(Arc::new(Score { metrics, verdict }));
            }
            return;
        }
        view.truth_hash = None;
        view.explanations.clear();
        let Some(simulation) = run.simulation() else { return };
        view.events = simulation.events().to_vec();
        view.bus_load = simulation.bus_peak_load();
        view.mode = Some(simulation.driving_mode());
        view.bywire = [Subsystem::Brake, Subsystem::Throttle, Subsystem::Steering]
            .map(|subsystem| simulation.bywire_mode(subsystem));
        if view.score.is_none() || !self.running || now.duration_since(self.scored) > SCORE_EVERY {
            let (metrics, verdict) = simulation.score_so_far();
            view.score = Some(Arc::new(Score { metrics, verdict }));
            self.scored = now;
        }
    }
}

/// The run of `origin` with whom it meets, what is open for it, and its scenario as it was found.
#[allow(clippy::result_large_err)] // the library goes back to who lent it
fn begin(
    mut library: Library,
    origin: &Origin,
    wanted: &Wanted,
    before: &Wanted,
) -> Result<(Run, Wanted, Scenario), (Library, RunError)> {
    let loaded = match origin {
        Origin::File(file) => library.load(file),
        Origin::FreeDrive => {
            let beside = library.root().join("scenarios/free_drive.toml");
            library.load_text(&free_drive(), &beside)
        }
        Origin::Changed(text, file) => library.load_text(text, file),
    };
    let mut scenario = match loaded {
        Ok(scenario) => scenario,
        Err(error) => return Err((library, RunError(error.to_string()))),
    };
    let spec = scenario.scenario.clone();
    let open = match wanted.for_one(&mut scenario, before) {
        Ok(open) => open,
        Err(error) => return Err((library, RunError(error.to_string()))),
    };
    Ok((Run::meet(library, scenario, &open)?, open, spec))
}

/// What a run meets outside, or has met.
fn outside(run: &Run) -> OutsideView {
    let mut view = OutsideView { waiting: run.waiting().map(str::to_owned), ..OutsideView::default() };
    if let Some(meeting) = run.meeting() {
        view.links = meeting.states();
        view.pace = meeting.pace();
        view.on_the_clock = meeting.is_on_the_clock();
        view.seats = run.simulation().map(Simulation::seats_outside).unwrap_or_default();
    }
    if let Some(met) = run.met() {
        view.links = met.links.states();
        view.pace = met.links.pace;
        view.sentences = met.sentences();
        let lost = run.outcome().and_then(|outcome| outcome.lost.clone());
        view.failure = lost.or_else(|| met.invalid());
        let seats = met.external.iter().flat_map(|stack| &stack.seats);
        view.seats = seats
            .map(|seat| SeatNow {
                seat: seat.seat,
                messages: seat.messages,
                age_s: None,
                longest_gap_s: seat.longest_gap_s,
            })
            .collect();
    }
    view
}

/// The newest trajectory in the world frame, thinned out to what can be seen.
fn trajectory(run: &Run) -> Vec<[f64; 3]> {
    let Some(row) = run.tables().topics.get("/apollo/planning") else { return Vec::new() };
    let TopicMessage::Trajectory(trajectory) = &row.message else { return Vec::new() };
    let frame = &run.scenario().frame;
    let points = &trajectory.adc_trajectory_point;
    let every = (points.len() / 60).max(1);
    points.iter().step_by(every).map(|point| frame.utm_to_enu(point.x(), point.y(), point.z())).collect()
}

/// The scenario files of a library, sorted; empty if there is no folder of them.
pub fn scenario_files(root: &Path) -> Vec<PathBuf> {
    skidpad_scenario::discover(&[root.join("scenarios")]).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use skidpad_scenario::GnssFault;

    fn session() -> Session {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        Session::new(Library::at(&root).unwrap())
    }

    /// Polls until `until` holds; gives up loudly after two minutes.
    fn wait(session: &mut Session, what: &str, until: impl Fn(&Session) -> bool) {
        let began = Instant::now();
        while !until(session) {
            assert!(began.elapsed() < Duration::from_secs(120), "waited too long: {what}");
            session.poll();
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    fn state(state: State) -> impl Fn(&Session) -> bool {
        move |session| session.view().state == state
    }

    #[test]
    fn transport_loads_steps_runs_pauses_and_goes_back() {
        let mut session = session();
        session.order(Command::FreeDrive);
        wait(&mut session, "loaded", state(State::Paused));
        assert_eq!(session.recording().moments().len(), 1);
        session.order(Command::Step(100));
        wait(&mut session, "stepped", |session| (session.view().time_s - 0.101).abs() < 1e-9);
        assert_eq!(session.recording().moments().len(), 11);
        session.order(Command::Pace(Pace::Max));
        session.order(Command::Run);
        wait(&mut session, "ran", |session| session.view().time_s > 3.0);
        session.order(Command::Pause);
        wait(&mut session, "paused", state(State::Paused));
        session.order(Command::Rewind(1.0));
        wait(&mut session, "went back", |session| {
            session.view().time_s == 1.0 && (session.recording().end_s() - 0.99).abs() < 1e-9
        });
        assert!(session.previous().is_some(), "the run before stays for comparison");
        session.order(Command::Restart);
        wait(&mut session, "at the start", |session| session.view().time_s <= 0.001);
    }

    #[test]
    fn a_run_to_the_end_has_a_verdict_and_a_hash() {
        let mut session = session();
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scenarios/manual/creep.toml");
        session.order(Command::Load(file));
        wait(&mut session, "loaded", state(State::Paused));
        session.order(Command::Pace(Pace::Max));
        session.order(Command::Run);
        wait(&mut session, "finished", state(State::Finished));
        let view = session.view();
        assert!(view.score.as_ref().unwrap().verdict.passed);
        assert_eq!(view.truth_hash.as_ref().unwrap().len(), 64);
        assert_eq!(session.recording().moments().len(), 2001);
    }

    #[test]
    fn who_gives_order_after_order_sees_what_comes_of_them() {
        let mut session = session();
        session.order(Command::FreeDrive);
        wait(&mut session, "loaded", state(State::Paused));
        // More often than anything is shown, and never a pause.
        let began = Instant::now();
        while session.view().time_s < 0.5 && began.elapsed() < Duration::from_secs(60) {
            session.order(Command::Reach(0.5));
            session.poll();
            std::thread::sleep(Duration::from_millis(1));
        }
        assert!(session.view().time_s > 0.49, "{}", session.view().time_s);
        assert!(began.elapsed() < Duration::from_secs(30), "starved: {:?}", began.elapsed());
    }

    #[test]
    fn a_run_laid_over_stays_until_it_is_taken_away_or_another_scenario_comes() {
        let mut session = session();
        session.order(Command::FreeDrive);
        wait(&mut session, "loaded", state(State::Paused));
        let moment = session.recording().moments()[0].clone();
        let mut other = Recording::default();
        (0..20).for_each(|i| other.push(Moment { time_s: f64::from(i), ..moment.clone() }));
        session.overlay("other", other.clone());
        session.order(Command::Step(500));
        wait(&mut session, "stepped", |session| session.view().time_s > 0.4);
        session.order(Command::Rewind(0.1));
        wait(&mut session, "went back", |session| session.view().time_s < 0.2);
        // Also over the run that has just been taken back.
        assert_eq!((session.overlay_name(), session.previous().unwrap().end_s()), (Some("other"), 19.0));
        assert!(session.take_overlay_away());
        assert_eq!((session.overlay_name(), session.previous().is_none()), (None, true));
        assert!(!session.take_overlay_away());
        session.overlay("other", other);
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scenarios/manual/creep.toml");
        session.order(Command::Load(file));
        wait(&mut session, "another", |session| session.view().load == 2);
        assert_eq!(session.overlay_name(), None);
    }

    #[test]
    fn real_time_is_kept_within_what_a_person_sees() {
        let mut session = session();
        session.order(Command::FreeDrive);
        wait(&mut session, "loaded", state(State::Paused));
        let began = Instant::now();
        session.order(Command::Run);
        wait(&mut session, "one second", |session| session.view().time_s > 1.0);
        // Never faster than the clock; how much slower depends on the machine.
        assert!(began.elapsed() > Duration::from_millis(900));
    }

    #[test]
    fn what_cannot_be_done_is_told_and_the_thread_lives_on() {
        let mut session = session();
        session.order(Command::Load("/no/such/scenario.toml".into()));
        wait(&mut session, "refused", |session| !session.view().notice.2 && session.view().notice.0 > 0);
        assert!(session.view().notice.1.contains("/no/such/scenario.toml"));
        session.order(Command::FreeDrive);
        wait(&mut session, "loaded", state(State::Paused));
        let gnss = GnssFault { multipath_m: Some(1e9), ..GnssFault::default() };
        session.order(Command::Inject(Box::new(EventSpec { gnss: Some(gnss), ..EventSpec::default() })));
        wait(&mut session, "refused", |session| session.view().notice.1.contains("multipath_m"));
        session.order(Command::Save("/no/such/folder/run.toml".into()));
        wait(&mut session, "refused", |session| session.view().notice.1.contains("/no/such/folder"));
    }

    #[test]
    fn a_window_that_looks_away_stalls_nothing_and_memory_stays_bounded() {
        let mut session = session();
        session.order(Command::FreeDrive);
        wait(&mut session, "loaded", state(State::Paused));
        // The window holds the mailbox open and stares at it.
        let mailbox = session.mailbox.clone();
        let held = mailbox.lock().unwrap();
        session.order(Command::Pace(Pace::Max));
        session.order(Command::Run);
        std::thread::sleep(Duration::from_millis(1500));
        drop(held);
        wait(&mut session, "goes on", |session| session.view().time_s > 5.0);
        assert!(session.recording().moments().len() <= super::super::MAX_MOMENTS);
    }
}
