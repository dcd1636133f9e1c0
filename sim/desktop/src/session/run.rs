//! One run, without a thread: steps, what the user does in it, and the way back.

use super::{DriverWish, Looks, Moment, Recording, Tables};
use skidpad_can::Frame;
use skidpad_engine::{Outcome, Outside, RunOptions, Sender, Simulation, TopicMessage};
use skidpad_geo::wrap_angle;
use skidpad_kernel::SimTime;
use skidpad_links::{Links, Meeting, Met, Wanted};
use skidpad_scenario::{
    Action, DriverAction, EventSpec, HoldWheel, Library, LoadedScenario, Override, ReferenceSpec, Scenario,
    Seat, WhenSpec,
};
use skidpad_sensors::ReceiverOutput;
use skidpad_stack::planning::{Recording as RtkRecording, Row};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What cannot be done, and why: a sentence for people.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct RunError(pub String);

fn wrong(error: impl ToString) -> RunError {
    RunError(error.to_string())
}

/// The name under which a drive without a scenario file goes.
pub const FREE_DRIVE: &str = "free drive";

/// How often hands and feet are looked at, and how long what they do lasts, ms.
const DRIVE_EVERY_MS: u64 = 50;
const DRIVE_LASTS_MS: u64 = 100;
/// Torque of the hands if the scenario gives none, Nm.
const FIRM_GRIP_NM: f64 = 10.0;
/// A car that stops rocks back no faster than this, m/s.
const ROCKING_MPS: f64 = 0.3;
/// A car slower than this stands, m/s.
const STANDING_MPS: f32 = 0.05;

/// A scenario without a stack that engages: the handling loop, half an hour, the car standing in Drive. START takes over.
pub fn free_drive() -> String {
    format!(
        r#"schema = 1
name = "{FREE_DRIVE}"
description = "Drive by hand on the handling loop; START hands over to the stack"
vehicle = "lincoln_mkz"
map = "proving_ground"
duration_s = 1800.0
seed = 1

[start]
on = "handling_loop"
station_m = 5.0
gear = "drive"

[reference]
path = "handling_loop"
speed_mps = [[5.0, 0.0], [45.0, 8.33], [400.0, 8.33], [450.0, 0.0]]

[operator]
engage = false
"#
    )
}

/// Something that the user did.
#[derive(Clone, Debug)]
struct Deed {
    at: SimTime,
    action: Action,
    spec: EventSpec,
}

/// One run of a scenario, with all that is needed to begin it again.
pub struct Run {
    library: Library,
    scenario: Arc<LoadedScenario>,
    simulation: Option<Simulation>,
    outcome: Option<Outcome>,
    tables: Tables,
    looks: Looks,
    deeds: Vec<Deed>,
    /// The next deed that is done again after the run was taken back.
    next_deed: usize,
    wish: DriverWish,
    now: SimTime,
    /// It has other parameters than its file.
    changed: bool,
    /// Whom it meets outside; gone when the run is over.
    meeting: Option<Meeting>,
    /// What came of it.
    met: Option<Met>,
    /// What is waited for until the stack outside drives, as last looked at.
    waiting: Option<String>,
    looked: Option<Instant>,
}

/// How often the stack outside is looked after.
const LOOK_EVERY: Duration = Duration::from_millis(100);

impl Run {
    /// The scenario of a file, at its start, with nobody outside.
    ///
    /// # Errors
    /// The file cannot be read or run; a seat of its stack is outside.
    pub fn load(library: Library, file: &Path) -> Result<Run, (Library, RunError)> {
        let mut library = library;
        match library.load(file) {
            Ok(scenario) => Run::new(library, scenario),
            Err(error) => Err((library, wrong(error))),
        }
    }

    /// The scenario of a text; `file` names it in errors and is where relative paths start.
    ///
    /// # Errors
    /// As [`Run::load`].
    pub fn load_text(library: Library, text: &str, file: &Path) -> Result<Run, (Library, RunError)> {
        let mut library = library;
        match library.load_text(text, file) {
            Ok(scenario) => Run::new(library, scenario),
            Err(error) => Err((library, wrong(error))),
        }
    }

    /// A scenario that has been loaded, at its start, with nobody outside.
    ///
    /// # Errors
    /// It cannot run; a seat of its stack is outside.
    #[allow(clippy::result_large_err)] // the library goes back to who lent it
    pub fn new(library: Library, scenario: LoadedScenario) -> Result<Run, (Library, RunError)> {
        Run::meet(library, scenario, &Wanted::default())
    }

    /// A scenario that has been loaded, with whom it meets outside. `wanted` is that of this one scenario
    /// ([`Wanted::for_one`]): its links are opened here. With peers the first tick waits until [`Run::is_ready`].
    ///
    /// # Errors
    /// It cannot run, a link cannot be opened, or a seat has no link.
    #[allow(clippy::result_large_err)] // the library goes back to who lent it
    pub fn meet(
        library: Library,
        mut scenario: LoadedScenario,
        wanted: &Wanted,
    ) -> Result<Run, (Library, RunError)> {
        let meeting =
            match wanted.check(std::slice::from_mut(&mut scenario)).and_then(|()| wanted.meet(&scenario)) {
                Ok(meeting) => meeting,
                Err(error) => return Err((library, wrong(error))),
            };
        let simulation = match Simulation::new(&scenario, &RunOptions::default()) {
            Ok(simulation) => Some(simulation).filter(|_| meeting.is_none()),
            Err(error) => return Err((library, wrong(error))),
        };
        Ok(Run {
            library,
            scenario: Arc::new(scenario),
            simulation,
            meeting,
            met: None,
            changed: false,
            waiting: None,
            looked: None,
            outcome: None,
            tables: Tables::default(),
            looks: Looks::default(),
            deeds: Vec::new(),
            next_deed: 0,
            wish: DriverWish::default(),
            now: SimTime::ZERO,
        })
    }

    /// The scenario that runs.
    pub fn scenario(&self) -> &Arc<LoadedScenario> {
        &self.scenario
    }

    /// The simulation; `None` once the run is over.
    pub fn simulation(&self) -> Option<&Simulation> {
        self.simulation.as_ref()
    }

    /// What the finished run left behind.
    pub fn outcome(&self) -> Option<&Outcome> {
        self.outcome.as_ref()
    }

    /// What has been seen on bus and topics.
    pub fn tables(&self) -> &Tables {
        &self.tables
    }

    /// The instant of the next tick.
    pub fn now(&self) -> SimTime {
        self.now
    }

    /// What the user has done so far, as events of a scenario.
    pub fn deeds(&self) -> impl ExactSizeIterator<Item = &EventSpec> {
        self.deeds.iter().map(|deed| &deed.spec)
    }

    /// Time of the scenario at the next tick, s: 0 while it waits for a stack outside.
    pub fn scenario_s(&self) -> f64 {
        match (&self.simulation, &self.outcome) {
            (Some(simulation), _) => simulation.scenario_s(),
            (None, Some(outcome)) => outcome.simulated_s,
            (None, None) => 0.0,
        }
    }

    /// Whom it meets outside, while it does.
    pub fn meeting(&self) -> Option<&Meeting> {
        self.meeting.as_ref()
    }

    /// What came of whom it met, once it is over.
    pub fn met(&self) -> Option<&Met> {
        self.met.as_ref()
    }

    /// What is waited for until the stack outside drives.
    pub fn waiting(&self) -> Option<&str> {
        self.waiting.as_deref()
    }

    /// Whether it has met, or meets, someone outside: what has gone out there cannot be taken back.
    pub fn is_met(&self) -> bool {
        self.meeting.is_some() || self.met.is_some()
    }

    /// Whether the next tick can be taken without waiting for someone to come; looks after who is outside. To be asked
    /// before each [`Run::step`] of a run that meets someone.
    ///
    /// # Errors
    /// The run cannot begin, or the stack's clock is none that can be.
    pub fn is_ready(&mut self) -> Result<bool, RunError> {
        let Some(meeting) = &mut self.meeting else { return Ok(true) };
        let Some(simulation) = &mut self.simulation else {
            if let Some(whom) = meeting.waits_for() {
                self.waiting = Some(format!("waiting for {whom}"));
                return Ok(false);
            }
            self.waiting = None;
            self.simulation =
                Some(meeting.simulation(&self.scenario, &RunOptions::default()).map_err(wrong)?);
            return Ok(true);
        };
        if self.looked.is_none_or(|looked| looked.elapsed() >= LOOK_EVERY) {
            self.looked = Some(Instant::now());
            self.waiting =
                meeting.look(simulation).map_err(wrong)?.map(|what| format!("waiting for the stack: {what}"));
        }
        Ok(true)
    }

    /// Takes one tick; the moment of this instant if one was due. At the end of the run the outcome is there.
    pub fn step(&mut self) -> Option<Moment> {
        self.do_deeds();
        let simulation = self.simulation.as_mut()?;
        let tables = &mut self.tables;
        let sample = match &mut self.meeting {
            None => simulation.step_outside(tables),
            Some(meeting) => simulation.step_outside(&mut Both { tables, links: meeting.links() }),
        };
        self.now = simulation.now();
        let looks = &mut self.looks;
        let moment = sample
            .map(|sample| Moment::new(simulation, &sample, self.tables.sigma_m, looks.look(simulation)));
        if simulation.is_finished() {
            self.outcome = self.simulation.take().map(Simulation::finish);
            self.met = self.meeting.take().map(|meeting| meeting.finish(self.outcome.as_ref()));
            self.waiting = None;
        }
        moment
    }

    /// The car as it stands at the start: what there is to be seen while a stack outside is waited for.
    pub fn at_start(&self) -> Option<Moment> {
        let mut inside = self.scenario.as_ref().clone();
        let stack = &mut inside.scenario.stack;
        for seat in [
            &mut stack.planning,
            &mut stack.control,
            &mut stack.localization,
            &mut stack.canbus,
            &mut stack.gnss_driver,
        ] {
            *seat = Seat::Embedded;
        }
        let mut simulation = Simulation::new(&inside, &RunOptions::default()).ok()?;
        let sample = simulation.step()?;
        Some(Moment::new(&simulation, &sample, [0.0; 2], Looks::default().look(&simulation)))
    }

    /// Ends what is met outside and gives the library back.
    pub fn end(mut self) -> Library {
        self.leave();
        self.library
    }

    fn leave(&mut self) {
        if let Some(meeting) = self.meeting.take() {
            self.met = Some(meeting.finish(None));
        }
    }

    /// What was done before the run was taken back is done again; then what hands and feet do now.
    fn do_deeds(&mut self) {
        let Some(simulation) = &mut self.simulation else { return };
        while let Some(deed) = self.deeds.get(self.next_deed).filter(|deed| deed.at <= self.now) {
            simulation.inject(deed.spec.name.clone(), deed.action.clone());
            self.next_deed += 1;
        }
        let due = (self.now.as_ns() / 1_000_000).is_multiple_of(DRIVE_EVERY_MS);
        if due && !self.wish.is_idle() && self.next_deed == self.deeds.len() {
            self.act_as_driver();
        }
    }

    /// Hands and feet at this tick: goes on with the last deed if that was the same.
    fn act_as_driver(&mut self) {
        let Some(simulation) = &mut self.simulation else { return };
        let lasts_s = DRIVE_LASTS_MS as f64 / 1e3;
        let driver = self.wish.action(lasts_s);
        self.wish.gear = None;
        if driver.gear.is_none()
            && driver.hold_wheel_deg.is_none()
            && driver.brake_pct.is_none()
            && driver.throttle_pct.is_none()
            && driver.turn_signal.is_none()
        {
            return;
        }
        simulation.inject(None, action_of(&driver));
        if let Some(last) = self.deeds.last_mut()
            && let Some(before) = &mut last.spec.driver
            && driver.gear.is_none()
        {
            let since_ms = self.now.since(last.at).as_millis() as u64;
            let goes_on = (before.for_s * 1e3).round() as u64 + DRIVE_EVERY_MS >= since_ms + DRIVE_LASTS_MS;
            let same = DriverAction { for_s: before.for_s, gear: before.gear, ..driver.clone() } == *before;
            if goes_on && same && before.gear.is_none() {
                // The simulation has been told of both; the log says it once, and means the same.
                before.for_s = (since_ms + DRIVE_LASTS_MS) as f64 / 1e3;
                last.action = action_of(before);
                return;
            }
        }
        let action = action_of(&driver);
        let spec = EventSpec { driver: Some(driver), ..at(self.scenario_s()) };
        self.deeds.push(Deed { at: self.now, action, spec });
        self.next_deed = self.deeds.len();
    }

    /// What hands and feet do from now on.
    pub fn drive(&mut self, wish: DriverWish) {
        let gear = wish.gear.or(self.wish.gear);
        self.wish = DriverWish { gear, ..wish };
    }

    /// Lets something happen in the next tick; its `when` is set to that. What would have been done later, had the
    /// run been taken back, is forgotten.
    ///
    /// # Errors
    /// It is no event that this car could have, or the run is over.
    pub fn inject(&mut self, spec: EventSpec) -> Result<(), RunError> {
        if self.simulation.is_none() {
            return Err(RunError("the run is over: take it back or start it again".into()));
        }
        let action = self.action(&spec)?;
        let spec = EventSpec { when: at(self.scenario_s()).when, ..spec };
        self.deeds.truncate(self.next_deed);
        // Done in the next step, as after a rewind.
        self.deeds.push(Deed { at: self.now, action, spec });
        Ok(())
    }

    /// What an event means for this car: the scenario's own reader says it.
    fn action(&mut self, spec: &EventSpec) -> Result<Action, RunError> {
        let when = WhenSpec { time_s: Some(0.0), ..WhenSpec::default() };
        let scenario = Scenario {
            event: vec![EventSpec { when, ..spec.clone() }],
            pass: Default::default(),
            ..self.scenario.scenario.clone()
        };
        let text = toml::to_string(&scenario).map_err(wrong)?;
        let loaded = self.library.load_text(&text, &self.scenario.file).map_err(wrong)?;
        let event = loaded.events.into_iter().next();
        event.map(|event| event.action).ok_or_else(|| RunError("no event".into()))
    }

    /// Takes the run to the instant `to`: back, by running it again from its start with all that was done, or on.
    /// What was done later stays in the log and happens again. `on_moment` gets every moment from the start.
    ///
    /// # Errors
    /// The run cannot begin again; or it meets someone outside, for whom time does not go back.
    pub fn rewind(&mut self, to: SimTime, mut on_moment: impl FnMut(Moment)) -> Result<(), RunError> {
        if self.is_met() {
            let message = "a run with links cannot be taken back: what has gone out there has been seen. R starts again";
            return Err(RunError(message.into()));
        }
        self.simulation = Some(Simulation::new(&self.scenario, &RunOptions::default()).map_err(wrong)?);
        self.outcome = None;
        self.tables = Tables::default();
        self.looks = Looks::default();
        self.next_deed = 0;
        self.now = SimTime::ZERO;
        let wish = std::mem::take(&mut self.wish);
        while self.now < to && self.simulation.is_some() {
            if let Some(moment) = self.step() {
                on_moment(moment);
            }
        }
        self.wish = wish;
        Ok(())
    }

    /// Whether its parameters are others than those of its file.
    pub fn is_changed(&self) -> bool {
        self.changed
    }

    /// Forgets what was done after this instant.
    pub fn forget_later(&mut self) {
        self.deeds.truncate(self.next_deed);
    }

    /// Forgets all that was done.
    pub fn forget(&mut self) {
        self.deeds.clear();
        self.next_deed = 0;
    }

    /// The text of another scenario in this one's place, if it can be loaded there.
    ///
    /// # Errors
    /// It cannot.
    pub fn text_of(&mut self, scenario: &Scenario) -> Result<String, RunError> {
        let text = toml::to_string(scenario).map_err(wrong)?;
        self.library.load_text(&text, &self.scenario.file).map_err(wrong)?;
        Ok(text)
    }

    /// The scenario with other parameters of control, for the next [`Run::rewind`].
    ///
    /// # Errors
    /// A name or a value that control does not know.
    pub fn set_gains(&mut self, gains: &BTreeMap<String, Override>) -> Result<(), RunError> {
        let mut scenario = self.scenario.scenario.clone();
        scenario
            .stack
            .control_overrides
            .extend(gains.iter().map(|(key, value)| (key.clone(), value.clone())));
        let text = toml::to_string(&scenario).map_err(wrong)?;
        self.scenario = Arc::new(self.library.load_text(&text, &self.scenario.file).map_err(wrong)?);
        self.changed = true;
        Ok(())
    }

    /// The scenario with all that the user did, as the text of a scenario file: it has the same run, bit by bit.
    ///
    /// # Errors
    /// Something in it cannot be written.
    pub fn scenario_text(&self, name: &str) -> Result<String, RunError> {
        let mut scenario = self.scenario.scenario.clone();
        scenario.name = name.to_string();
        scenario.event.extend(self.deeds().cloned());
        if let Some(reference) = &mut scenario.reference
            && let Some(file) = &reference.file
        {
            // A path beside the old file is none beside the new one.
            let beside = self.scenario.file.parent().unwrap_or(Path::new("")).join(file);
            let beside =
                std::fs::canonicalize(&beside).map_err(|e| wrong(format!("{}: {e}", beside.display())))?;
            reference.file = Some(beside.display().to_string());
        }
        toml::to_string(&scenario).map_err(wrong)
    }

    /// Writes [`Run::scenario_text`] to a file.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn save(&self, file: &Path) -> Result<(), RunError> {
        let name = file.file_stem().map_or("my run".into(), |stem| stem.to_string_lossy().into_owned());
        write(file, &self.scenario_text(&name)?)
    }

    /// Writes the drive of `recording` as Apollo's RTK recorder does (`file`, .csv), and beside it a scenario that follows
    /// it. Returns that scenario's file.
    ///
    /// # Errors
    /// The car has not moved, or a file cannot be written.
    pub fn save_drive(&self, recording: &Recording, file: &Path) -> Result<std::path::PathBuf, RunError> {
        let text = recorded_drive(&self.scenario, recording)?;
        write(file, &text)?;
        let stem = file.file_stem().map_or("drive".into(), |stem| stem.to_string_lossy().into_owned());
        let rows = text.lines().count() as f64;
        let scenario = Scenario {
            name: format!("follow {stem}"),
            description: "Follows a drive that was recorded by hand".into(),
            duration_s: (0.01 * rows + 20.0).min(3600.0),
            start: None,
            reference: Some(ReferenceSpec {
                file: file.file_name().map(|name| name.to_string_lossy().into_owned()),
                utm_zone: Some(self.scenario.frame.utm.number()),
                northern: Some(self.scenario.frame.utm.is_northern()),
                ..ReferenceSpec::default()
            }),
            operator: Default::default(),
            event: Vec::new(),
            pass: Default::default(),
            ..self.scenario.scenario.clone()
        };
        let follows = file.with_extension("toml");
        write(&follows, &toml::to_string(&scenario).map_err(wrong)?)?;
        Ok(follows)
    }
}

fn write(file: &Path, text: &str) -> Result<(), RunError> {
    std::fs::write(file, text).map_err(|error| RunError(format!("{}: {error}", file.display())))
}

fn at(time_s: f64) -> EventSpec {
    EventSpec { when: WhenSpec { time_s: Some(time_s), ..WhenSpec::default() }, ..EventSpec::default() }
}

/// The window's ears beside the links.
struct Both<'a> {
    tables: &'a mut Tables,
    links: &'a mut Links,
}

impl Outside for Both<'_> {
    fn tick(&mut self, now: SimTime) {
        self.links.tick(now);
    }

    fn lost(&self) -> Option<String> {
        Outside::lost(self.links)
    }

    fn frames_in(&mut self, now: SimTime, send: &mut dyn FnMut(u8, Frame)) {
        self.links.frames_in(now, send);
    }

    fn frame_out(&mut self, at: SimTime, from: Sender, frame: &Frame) {
        self.tables.frame_out(at, from, frame);
        self.links.frame_out(at, from, frame);
    }

    fn computer_off_bus(&mut self, is_off: bool) {
        self.links.computer_off_bus(is_off);
    }

    fn receiver_out(&mut self, now: SimTime, output: &ReceiverOutput, bytes: &[u8]) {
        self.tables.receiver_out(now, output, bytes);
        self.links.receiver_out(now, output, bytes);
    }

    fn listens(&self) -> bool {
        true
    }

    fn has_topics(&self) -> bool {
        self.links.listens()
    }

    fn scenario_begins(&mut self, now: SimTime) {
        self.links.scenario_begins(now);
    }

    fn message_out(&mut self, now: SimTime, message: &TopicMessage) {
        self.tables.message_out(now, message);
        if self.links.listens() {
            self.links.message_out(now, message);
        }
    }

    fn messages_in(&mut self, now: SimTime, deliver: &mut dyn FnMut(TopicMessage)) {
        let Both { tables, links } = self;
        links.messages_in(now, &mut |message| {
            tables.message_in(now, &message);
            deliver(message);
        });
    }
}

fn action_of(driver: &DriverAction) -> Action {
    let torque_nm = driver.torque_nm.unwrap_or(FIRM_GRIP_NM);
    Action::Driver {
        wheel: driver.hold_wheel_deg.map(|deg| HoldWheel { angle_rad: deg.to_radians(), torque_nm }),
        brake_pct: driver.brake_pct.unwrap_or(0.0),
        throttle_pct: driver.throttle_pct.unwrap_or(0.0),
        gear: driver.gear,
        parking_brake: driver.parking_brake,
        turn_signal: driver.turn_signal,
        for_s: driver.for_s,
    }
}

/// The drive of `recording` as the text of an RTK recording, from shortly before the car moved.
///
/// # Errors
/// The car has not moved, or too short a time.
pub fn recorded_drive(scenario: &LoadedScenario, recording: &Recording) -> Result<String, RunError> {
    let moments = recording.moments();
    let moves = |moment: &Moment| moment.value("speed_mps").abs() > STANDING_MPS;
    let Some(first) = moments.iter().position(moves) else {
        return Err(RunError("the car has not moved: there is no drive to record".into()));
    };
    let last = moments.iter().rposition(moves).unwrap_or(first);
    let driven = &moments[first.saturating_sub(20)..(last + 100).min(moments.len())];
    let mut rows = Vec::with_capacity(driven.len());
    let (mut s_m, mut before) = (0.0, None::<([f64; 3], f64)>);
    let largest_deg = scenario.vehicle.params.steering.max_wheel_deg;
    for moment in driven {
        let value = |name: &str| f64::from(moment.value(name));
        let at = [value("x_m"), value("y_m"), value("z_m")];
        // A car that comes to rest rocks back on its springs: that is no drive backward.
        let speed_mps = match value("speed_mps") {
            speed_mps if speed_mps > -ROCKING_MPS => speed_mps.max(0.0),
            speed_mps => speed_mps,
        };
        let curvature = if speed_mps.abs() > 0.5 { value("yaw_rate_rps") / speed_mps } else { 0.0 };
        let mut change = 0.0;
        if let Some((last, last_curvature)) = before {
            let ahead_m = (at[0] - last[0]).hypot(at[1] - last[1]);
            s_m += ahead_m;
            change = if ahead_m > 1e-3 { (curvature - last_curvature) / ahead_m } else { 0.0 };
        }
        before = Some((at, curvature));
        let grid = scenario.frame.enu_to_utm(at);
        let theta = wrap_angle(value("heading_rad") + scenario.frame.world_to_grid_heading_rad(at));
        rows.push(Row {
            x_m: grid.easting_m,
            y_m: grid.northing_m,
            z_m: grid.height_m,
            speed_mps,
            acceleration_mps2: value("ax_mps2"),
            curvature_1pm: curvature,
            curvature_change_rate_1pm2: change,
            time_s: moment.time_s,
            theta_rad: theta,
            gear: 1,
            s_m,
            throttle_pct: value("throttle_pct"),
            brake_pct: value("brake_pct"),
            steering_pct: 100.0 * value("steering_wheel_deg") / largest_deg,
        });
    }
    RtkRecording::from_rows(rows).map(|recording| recording.to_string()).map_err(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::Keys;
    use skidpad_scenario::{GnssFault, TurnName};

    fn library() -> Library {
        Library::at(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")).unwrap()
    }

    /// Fifteen seconds on the straight, from rest.
    const SHORT: &str = r#"
        schema = 1
        name = "short"
        vehicle = "lincoln_mkz"
        map = "proving_ground"
        duration_s = 15.0
        start = { on = "straight", station_m = 5.0 }
        reference = { path = "straight", speed_mps = [[5.0, 0.0], [20.0, 8.0], [200.0, 8.0]] }
    "#;

    fn run(text: &str) -> Run {
        Run::load_text(library(), text, Path::new("test.toml")).unwrap_or_else(|(_, error)| panic!("{error}"))
    }

    fn to_end(run: &mut Run) -> Recording {
        let mut recording = Recording::default();
        while run.outcome().is_none() {
            if let Some(moment) = run.step() {
                recording.push(moment);
            }
        }
        recording
    }

    fn headless(text: &str) -> Outcome {
        let scenario = library().load_text(text, Path::new("test.toml")).unwrap_or_else(|e| panic!("{e}"));
        let simulation = Simulation::new(&scenario, &RunOptions::default()).unwrap();
        simulation.run(|_| (), || false).unwrap()
    }

    fn outage() -> EventSpec {
        let gnss = GnssFault { outage_s: Some(2.0), ..GnssFault::default() };
        EventSpec { gnss: Some(gnss), ..EventSpec::default() }
    }

    #[test]
    fn a_run_in_the_app_and_headless_have_the_same_truth() {
        let mut run = run(SHORT);
        let recording = to_end(&mut run);
        let outcome = run.outcome().unwrap();
        assert_eq!(outcome.truth_hash, headless(SHORT).truth_hash);
        assert_eq!(recording.moments().len(), 1501);
        assert!(recording.last().unwrap().value("speed_mps") > 7.0);
        assert!(run.tables().can.len() > 10 && run.tables().topics.len() > 5);
    }

    #[test]
    fn a_run_taken_back_goes_the_same_way_again() {
        let mut run = run(SHORT);
        while run.now() < SimTime::from_ms(5000) {
            run.step();
        }
        run.inject(outage()).unwrap();
        to_end(&mut run);
        let first = run.outcome().unwrap().clone();
        assert!(first.events.iter().any(|event| event.name == "gnss_outage"));
        let mut again = Recording::default();
        run.rewind(SimTime::from_ms(8000), |moment| again.push(moment)).unwrap();
        assert_eq!(again.moments().len(), 800);
        to_end(&mut run);
        assert_eq!(run.outcome().unwrap().truth_hash, first.truth_hash);
    }

    #[test]
    fn what_is_done_after_taking_back_replaces_what_came_later() {
        let mut run = run(SHORT);
        while run.now() < SimTime::from_ms(6000) {
            run.step();
        }
        run.inject(outage()).unwrap();
        run.step();
        run.rewind(SimTime::from_ms(3000), |_| ()).unwrap();
        run.inject(outage()).unwrap();
        to_end(&mut run);
        let outages: Vec<f64> = run
            .outcome()
            .unwrap()
            .events
            .iter()
            .filter(|event| event.name == "gnss_outage")
            .map(|event| event.time_s)
            .collect();
        assert_eq!(outages, [3.0]);
    }

    #[test]
    fn what_was_done_by_hand_and_saved_has_the_same_run_without_the_app() {
        let mut run = run(SHORT);
        let mut wish = DriverWish::default();
        while run.outcome().is_none() {
            let second = run.now().as_s();
            if run.now().as_ns().is_multiple_of(16_000_000) {
                let keys = Keys {
                    left: (6.0..7.0).contains(&second),
                    up: (7.0..9.0).contains(&second),
                    ..Keys::default()
                };
                wish = wish.follow(keys, 8.0, 0.016);
                run.drive(wish);
            }
            if run.now() == SimTime::from_ms(4000) {
                run.inject(outage()).unwrap();
            }
            run.step();
        }
        let outcome = run.outcome().unwrap();
        let text = run.scenario_text("by hand").unwrap();
        let saved = headless(&text);
        assert_eq!(saved.truth_hash, outcome.truth_hash);
        assert_eq!(saved.events, outcome.events);
        assert!(outcome.events.iter().any(|event| event.name == "driver_override"), "{:?}", outcome.events);
        assert_ne!(saved.truth_hash, headless(SHORT).truth_hash);
    }

    #[test]
    fn the_lever_of_the_turn_signal_is_on_the_bus_and_in_a_saved_run() {
        let mut run = run(&free_drive().replace("duration_s = 1800.0", "duration_s = 6.0"));
        let mut lit = Vec::new();
        let on_bus = |run: &Run| {
            let dbc = &run.scenario().vehicle.dbc;
            let mut signals = run.tables().can.values().flat_map(|row| {
                dbc.message(row.frame.id).into_iter().flat_map(|layout| layout.decode(&row.frame))
            });
            signals.find(|(signal, _)| signal.name == "TurnSignal").map(|(_, value)| value)
        };
        let mut reported = Vec::new();
        while run.outcome().is_none() {
            let second = run.now().as_s();
            let turn = match second {
                1.0..3.0 => Some(TurnName::Left),
                3.0..4.0 => Some(TurnName::Right),
                _ => None,
            };
            run.drive(DriverWish { turn, ..DriverWish::default() });
            if let Some(moment) = run.step() {
                lit.push((moment.time_s, moment.turn));
                reported.push((moment.time_s, on_bus(&run)));
            }
        }
        let at = |time_s: f64| lit.iter().find(|(at_s, _)| *at_s >= time_s).unwrap().1;
        use skidpad_bywire::TurnSignal::{Left, Off, Right};
        assert_eq!([0.9, 1.5, 2.9, 3.5, 4.5].map(at), [Off, Left, Left, Right, Off]);
        let bus = |time_s: f64| reported.iter().find(|(at_s, _)| *at_s >= time_s).unwrap().1;
        assert_eq!([0.9, 2.0, 3.7, 5.0].map(bus), [Some(0.0), Some(1.0), Some(2.0), Some(0.0)]);
        // Two deeds, not one for each look at the lever.
        assert_eq!(run.deeds().len(), 2, "{:?}", run.deeds().collect::<Vec<_>>());
        let text = run.scenario_text("lever").unwrap();
        assert_eq!(headless(&text).truth_hash, run.outcome().unwrap().truth_hash);
        assert!(text.contains("turn_signal = \"left\""), "{text}");
    }

    #[test]
    fn keys_drive_the_car_and_the_drive_can_be_followed() {
        let mut run = run(&free_drive().replace("duration_s = 1800.0", "duration_s = 25.0"));
        let mut recording = Recording::default();
        let mut wish = DriverWish::default();
        while run.outcome().is_none() {
            let second = run.now().as_s();
            let keys = Keys { up: second < 8.0, down: second > 15.0, ..Keys::default() };
            if run.now().as_ns().is_multiple_of(16_000_000) {
                wish = wish.follow(keys, 5.0, 0.016);
                run.drive(wish);
            }
            if let Some(moment) = run.step() {
                recording.push(moment);
            }
        }
        let fastest = recording.moments().iter().map(|m| m.value("speed_mps")).fold(0.0, f32::max);
        assert!(fastest > 5.0, "{fastest} m/s");
        let folder = std::env::temp_dir().join(format!("skidpad-desktop-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let follows = run.save_drive(&recording, &folder.join("drive.csv")).unwrap();
        let mut follow = Run::load(library(), &follows).unwrap_or_else(|(_, error)| panic!("{error}"));
        to_end(&mut follow);
        let outcome = follow.outcome().unwrap();
        assert!(outcome.events.iter().any(|event| event.name == "engaged"), "{:?}", outcome.events);
        assert!(outcome.metrics.lateral_error_max_m < 0.5, "{} m", outcome.metrics.lateral_error_max_m);
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn a_fault_that_the_car_cannot_have_is_refused_with_the_scenario_readers_words() {
        let mut run = run(SHORT);
        let gnss = GnssFault { outage_s: Some(-1.0), ..GnssFault::default() };
        let error = run.inject(EventSpec { gnss: Some(gnss), ..EventSpec::default() }).unwrap_err();
        assert!(error.0.contains("outage_s"), "{error}");
        to_end(&mut run);
        assert!(run.inject(outage()).unwrap_err().0.contains("over"));
    }

    #[test]
    fn other_gains_give_another_run() {
        let mut run = run(SHORT);
        to_end(&mut run);
        let first = run.outcome().unwrap().truth_hash.clone();
        let gains = BTreeMap::from([("no_such.gain".to_string(), Override::Number(1.0))]);
        assert!(run.set_gains(&gains).is_err());
        let gains = BTreeMap::from([("steer_transmission_ratio".to_string(), Override::Number(14.0))]);
        run.set_gains(&gains).unwrap_or_else(|error| panic!("{error}"));
        run.rewind(SimTime::ZERO, |_| ()).unwrap();
        to_end(&mut run);
        assert_ne!(run.outcome().unwrap().truth_hash, first);
    }
}
