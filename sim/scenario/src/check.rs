//! What a scenario file means: everything that can be checked without another file.

use crate::document::{Document, steps};
use crate::error::Problems;
use crate::events::{EVENTS, Event, Flaw, Trigger, exactly_one};
use crate::names::hint;
use crate::obstacles;
use crate::spec::{ReferenceSpec, Scenario, StartSpec};
use crate::structure::shorten;
use skidpad_score::{PassLimits, SpeedProfile};
use std::collections::BTreeSet;

/// Metrics whose name starts so are errors against the reference.
const NEEDS_REFERENCE: &[&str] = &[
    "lateral_error",
    "believed_lateral",
    "heading_error",
    "course_error",
    "sideslip",
    "speed_error",
    "station_error",
    "end_",
    "progress",
];

/// Files in the folder of the results, beside the folders of the scenarios.
const RESULT_FILES: [&str; 3] = ["report.json", "junit.xml", "timing.json"];

/// The one limit that may be below zero.
const MAY_BE_NEGATIVE: &str = "final_speed_min_mps";

/// Adds what is wrong with `scenario` to `problems` and returns its events.
pub fn check(scenario: &Scenario, document: &Document, problems: &mut Problems) -> Vec<Event> {
    let mut check = Check { scenario, document, problems };
    check.head();
    match &scenario.start {
        Some(start) => check.start(start),
        None if scenario.reference.is_none() => {
            check.wrong(&[], "missing table [start]: say where the car starts, `on` a path or at a `pose`");
        }
        None => {}
    }
    if let Some(reference) = &scenario.reference {
        check.reference(reference);
    }
    check.sensors();
    for (at, message) in obstacles::check(scenario) {
        check.wrong(&at, message);
    }
    let events = check.events();
    check.pass();
    events
}

struct Check<'c, 'p, 't> {
    scenario: &'c Scenario,
    document: &'c Document<'t>,
    problems: &'c mut Problems<'p>,
}

impl Check<'_, '_, '_> {
    fn wrong(&mut self, path: &[crate::document::Step], message: impl Into<String>) {
        self.problems.add(self.document.span(path), message);
    }

    fn head(&mut self) {
        let scenario = self.scenario;
        if scenario.schema != 1 {
            let message = format!("`schema` {} is not known: this program reads schema = 1", scenario.schema);
            self.wrong(&steps!["schema"], message);
        }
        if folder_name(&scenario.name).is_none() {
            let message = "`name` needs at least one letter or digit and no control characters: \
                           it names the folder of the results";
            self.wrong(&steps!["name"], message);
        }
        for (key, name) in [("vehicle", Some(&scenario.vehicle)), ("map", scenario.map.as_ref())] {
            if name.is_some_and(|name| !is_folder_name(name)) {
                self.wrong(&steps![key], format!("`{key}` must be the name of a folder in {key}s/"));
            }
        }
        let from_recording = scenario.reference.as_ref().is_some_and(|r| r.file.is_some());
        if scenario.map.is_none() && !from_recording {
            let message = "missing key `map`: expected the name of a folder in maps/ \
                           (only with `reference.file` may it be left out)";
            self.wrong(&[], message);
        }
    }

    fn start(&mut self, start: &StartSpec) {
        if let Err(message) =
            exactly_one("[start]", &[("on", start.on.is_some()), ("pose", start.pose.is_some())])
        {
            let recorded = self.scenario.reference.as_ref().is_some_and(|r| r.file.is_some());
            let placed = start.on.is_some() || start.pose.is_some();
            // A recording says where; [start] may still say how fast and in which gear.
            if placed || !recorded {
                self.wrong(&steps!["start"], message);
            }
        }
        for (key, given) in [
            ("station_m", start.station_m.is_some()),
            ("lateral_m", start.lateral_m.is_some()),
            ("heading_offset_deg", start.heading_offset_deg.is_some()),
        ] {
            if given && start.on.is_none() {
                self.wrong(
                    &steps!["start", key],
                    format!("`start.{key}` goes with `on` = a path of the map"),
                );
            }
        }
    }

    fn reference(&mut self, reference: &ReferenceSpec) {
        let here = steps!["reference"];
        let keys = [("path", reference.path.is_some()), ("file", reference.file.is_some())];
        if let Err(message) = exactly_one("[reference]", &keys) {
            return self.wrong(&here, message);
        }
        let with_path = [
            ("speed_mps", reference.speed_mps.is_some()),
            ("end_station_m", reference.end_station_m.is_some()),
            ("laps", reference.laps.is_some()),
        ];
        let with_file =
            [("utm_zone", reference.utm_zone.is_some()), ("northern", reference.northern.is_some())];
        let (misplaced, partner) =
            if reference.path.is_some() { (&with_file[..], "file") } else { (&with_path[..], "path") };
        for (key, given) in misplaced {
            if *given {
                let message = format!("`reference.{key}` goes with `reference.{partner}` only");
                self.wrong(&steps!["reference", *key], message);
            }
        }
        if reference.path.is_none() {
            return;
        }
        if reference.end_station_m.is_some() && reference.laps.is_some() {
            self.wrong(&steps!["reference", "laps"], "give `end_station_m` or `laps`, not both");
        }
        let Some(knots) = &reference.speed_mps else {
            let message = "missing key `speed_mps` in [reference]: expected [[station_m, speed_mps], …]";
            return self.wrong(&here, message);
        };
        match SpeedProfile::new(knots) {
            Err(error) => {
                let message = format!("`reference.speed_mps`: {error}");
                match error.index() {
                    Some(index) => self.wrong(&steps!["reference", "speed_mps", index], message),
                    None => self.wrong(&steps!["reference", "speed_mps"], message),
                }
            }
            Ok(profile) => {
                let start_m = profile.start_station_m();
                if reference.end_station_m.is_some_and(|end_m| end_m <= start_m) {
                    let message =
                        format!("`reference.end_station_m` must lie beyond the first station, {start_m} m");
                    self.wrong(&steps!["reference", "end_station_m"], message);
                }
                for (index, &[_, speed_mps]) in knots.iter().enumerate() {
                    if speed_mps > 80.0 {
                        let message = format!("speeds above 80 m/s are not simulated, got {speed_mps}");
                        self.wrong(&steps!["reference", "speed_mps", index], message);
                    }
                }
            }
        }
    }

    fn sensors(&mut self) {
        if let Err((table, key, message)) = self.scenario.sensors.params() {
            match key {
                "" => self.wrong(&steps!["sensors", table], message),
                key => self.wrong(&steps!["sensors", table, key], message),
            }
        }
    }

    fn events(&mut self) -> Vec<Event> {
        let specs = &self.scenario.event;
        let names: Vec<Option<&str>> = specs.iter().map(|spec| spec.name.as_deref()).collect();
        let mut events = Vec::new();
        let mut seen = BTreeSet::new();
        for (index, spec) in specs.iter().enumerate() {
            if let Some(name) = &spec.name {
                let shown = shorten(name);
                if !seen.insert(name.as_str()) {
                    let message = format!("another event is named \"{shown}\" already");
                    self.wrong(&steps!["event", index, "name"], message);
                }
                if EVENTS.iter().any(|known| known.name == name) {
                    let message = format!(
                        "\"{shown}\" is an event that the simulator reports by itself: choose another name"
                    );
                    self.wrong(&steps!["event", index, "name"], message);
                }
            }
            match Event::from_spec(spec, &names) {
                Ok(event) => {
                    self.trigger(index, &event.trigger);
                    events.push(event);
                }
                Err(flaws) => flaws.into_iter().for_each(|flaw| match flaw {
                    Flaw::When(message) => self.wrong(&steps!["event", index, "when"], message),
                    Flaw::Action(message) => self.wrong(&steps!["event", index], message),
                    Flaw::Key(action, key, message) => {
                        self.wrong(&steps!["event", index, action, key], message)
                    }
                }),
            }
        }
        if events.len() == specs.len() {
            self.rings(&events);
        }
        events
    }

    fn trigger(&mut self, index: usize, trigger: &Trigger) {
        match *trigger {
            Trigger::Time(time_s) if time_s >= self.scenario.duration_s => {
                let message = format!("never happens: the run ends at {} s", self.scenario.duration_s);
                self.wrong(&steps!["event", index, "when", "time_s"], message);
            }
            Trigger::Station(_) if self.scenario.reference.is_none() => {
                let message = "`station_m` counts along the [reference], and there is none";
                self.wrong(&steps!["event", index, "when", "station_m"], message);
            }
            _ => {}
        }
    }

    /// Events that wait for each other in a ring never happen.
    fn rings(&mut self, events: &[Event]) {
        for (index, _) in events.iter().enumerate() {
            let mut at = index;
            for _ in 0..events.len() {
                match events[at].trigger {
                    Trigger::After { event, .. } => at = event,
                    _ => break,
                }
                if at == index {
                    let message =
                        "never happens: the event waits for itself, through its own `after` or others'";
                    self.wrong(&steps!["event", index, "when", "after"], message);
                    break;
                }
            }
        }
    }

    fn pass(&mut self) {
        let pass: &PassLimits = &self.scenario.pass;
        for (info, limit) in pass.set() {
            if limit < 0.0 && info.name != MAY_BE_NEGATIVE {
                let message = format!("`pass.{}` must be 0 or more, got {limit}", info.name);
                self.wrong(&steps!["pass", info.name], message);
            }
            let against_reference = NEEDS_REFERENCE.iter().any(|start| info.metric.starts_with(start));
            if against_reference && self.scenario.reference.is_none() {
                let message =
                    format!("`pass.{}` compares with the [reference], and there is none", info.name);
                self.wrong(&steps!["pass", info.name], message);
            }
        }
        let known: Vec<&str> = EVENTS
            .iter()
            .map(|event| event.name)
            .chain(self.scenario.event.iter().filter_map(|event| event.name.as_deref()))
            .collect();
        let forbid = pass.events.forbid.iter().flatten();
        let lists =
            [("require", pass.events.require.iter().collect()), ("forbid", forbid.collect::<Vec<_>>())];
        for (key, names) in lists {
            for (index, name) in names.into_iter().enumerate() {
                if !known.contains(&name.as_str()) {
                    let hint = hint(name, known.iter().copied());
                    let message = format!("no event is named \"{}\"{hint}", shorten(name));
                    self.wrong(&steps!["pass", "events", key, index], message);
                } else if key == "forbid" && pass.events.require.contains(name) {
                    let message = format!("\"{}\" is required and forbidden", shorten(name));
                    self.wrong(&steps!["pass", "events", key, index], message);
                }
            }
        }
    }
}

/// The folder that the results of a scenario of this name go to: letters, digits, `-`, `.` and `_`, all
/// other characters replaced by `_`; one more `_` keeps it apart from the files beside it. `None` for a name without a letter or digit, or with control
/// characters.
pub fn folder_name(name: &str) -> Option<String> {
    if !name.chars().any(|c| c.is_ascii_alphanumeric()) || name.chars().any(char::is_control) {
        return None;
    }
    let keep = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_') { c } else { '_' };
    let folder: String = name.trim().chars().map(keep).collect();
    let mut folder = folder.trim_start_matches('.').to_string();
    if RESULT_FILES.iter().any(|file| folder.eq_ignore_ascii_case(file)) {
        folder.push('_');
    }
    Some(folder)
}

/// A plain folder name: nothing that could lead elsewhere.
pub fn is_folder_name(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
    !name.is_empty() && name.len() <= 100 && name.chars().all(plain) && !name.starts_with('.')
}
