//! What stands and drives beside the car: cones and other vehicles.

use crate::check::folder_name;
use crate::document::Step;
use crate::error::LoadError;
use crate::events::exactly_one;
use crate::spec::{PoseSpec, Scenario};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use skidpad_geo::{Path, wrap_angle};
use skidpad_world::{Cone, Course, OtherVehicle, Pace};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Most cones of a scenario, rows counted out.
pub(crate) const MAX_CONES: usize = 1000;
/// Names of cones and vehicles are at most so long, characters.
const MAX_NAME: usize = 100;

/// `[[cone]]`: a traffic cone of half a metre, or a row of them, or a row of gates. A cone that the car touches is
/// knocked away, counted (metric `cones_hit`) and reported (event `cone_hit`); it does not slow the car.
///
/// ```
/// # let head = "schema = 1\nname = \"a\"\nvehicle = \"v\"\nmap = \"m\"\nduration_s = 1.0\nstart = { on = \"loop\" }\n";
/// # let ok = |tail: &str| skidpad_scenario::parse(&format!("{head}{tail}"), "a.toml").unwrap();
/// # ok(r#"
/// [[cone]]                             # one, 1.9 m right of the path
/// on = "slalom"
/// station_m = 85.0
/// lateral_m = -1.9
///
/// [[cone]]                             # five gates from 45 to 60 m, 2.3 m wide: ten cones
/// name = "entry"
/// on = "lane_change"
/// station_m = 45.0
/// to_station_m = 60.0
/// count = 5
/// lateral_m = [-1.15, 1.15]
///
/// [[cone]]                             # a row in the frame of the map
/// at_m = [10.0, -4.0]
/// to_m = [10.0, 4.0]
/// count = 3
/// # "#);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConeSpec {
    /// Name; those of a row are counted: `NAME 1`, `NAME 2`, … Left out: `cone`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 100))]
    pub name: Option<String>,
    /// A named path of the map. Either this or `at_m`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on: Option<String>,
    /// With `on`: how far along the path, m.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0.0, max = 1e6))]
    pub station_m: Option<f64>,
    /// With `on`: where a row along the path ends, m.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0.0, max = 1e6))]
    pub to_station_m: Option<f64>,
    /// With `on`: how far left of the path, m; several for as many cones abreast, two for a gate. Left out: 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lateral_m: Option<OneOrMore>,
    /// East and north of the map's anchor, m. Either this or `on`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(inner(range(min = -1e6, max = 1e6)))]
    pub at_m: Option<[f64; 2]>,
    /// With `at_m`: where a straight row ends, east and north, m.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(inner(range(min = -1e6, max = 1e6)))]
    pub to_m: Option<[f64; 2]>,
    /// With `to_station_m` or `to_m`: how many in the row, both ends included, evenly spaced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 2, max = 1000))]
    pub count: Option<u32>,
}

/// A length, or several, m.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum OneOrMore {
    /// One.
    One(#[schemars(range(min = -100.0, max = 100.0))] f64),
    /// Several.
    More(#[schemars(length(min = 1, max = 20), inner(range(min = -100.0, max = 100.0)))] Vec<f64>),
}

impl OneOrMore {
    fn all(&self) -> &[f64] {
        match self {
            OneOrMore::One(one) => std::slice::from_ref(one),
            OneOrMore::More(all) => all,
        }
    }
}

/// `[[traffic]]`: another vehicle. It stands, or its middle follows a path of the map at a speed; nothing makes it
/// brake or give way. A touch is a `collision`, exchanges momentum, and ends its course: it slides to rest.
///
/// ```
/// # let head = "schema = 1\nname = \"a\"\nvehicle = \"v\"\nmap = \"m\"\nduration_s = 9.0\nstart = { on = \"loop\" }\n";
/// # let ok = |tail: &str| skidpad_scenario::parse(&format!("{head}{tail}"), "a.toml").unwrap();
/// # ok(r#"
/// [[traffic]]                          # parked beside the lane
/// name = "parked van"
/// on = "straight"
/// station_m = 120.0
/// lateral_m = -2.8
/// size_m = [5.5, 2.0, 2.4]
/// mass_kg = 2400.0
///
/// [[traffic]]                          # pulls away after 2 s, and drives on at 5 m/s
/// name = "slow car"
/// on = "straight"
/// station_m = 40.0
/// speed_mps = [[2.0, 0.0], [6.0, 5.0]]  # [time, speed], linear in between
///
/// [[traffic]]                          # comes the other way
/// name = "oncoming car"
/// on = "straight"
/// station_m = 300.0
/// lateral_m = 3.5
/// heading_offset_deg = 180.0
/// speed_mps = -8.0
/// # "#);
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TrafficSpec {
    /// Name, unique among them; collisions report it.
    #[schemars(length(min = 1, max = 100))]
    pub name: String,
    /// A named path of the map. Either this or `pose`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on: Option<String>,
    /// With `on`: where its middle is along the path at time 0, m. Left out: 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0.0, max = 1e6))]
    pub station_m: Option<f64>,
    /// With `on`: how far left of the path, m.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = -100.0, max = 100.0))]
    pub lateral_m: Option<f64>,
    /// With `on`: how far it is turned left against the path, deg; 180 for one that faces the other way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = -180.0, max = 180.0))]
    pub heading_offset_deg: Option<f64>,
    /// Its middle and heading in the frame of the map: it stands there. Either this or `on`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pose: Option<PoseSpec>,
    /// With `on`: speed along the path, m/s, negative back along it; or `[[time_s, speed_mps], …]`, linear in between,
    /// the first and the last speed hold. Left out: it stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub speed_mps: Option<SpeedSpec>,
    /// Length, width, height, m. Left out: those of a middle-sized car, 4.6, 1.82, 1.45.
    #[serde(default = "car_size_m")]
    #[schemars(inner(range(min = 0.3, max = 30.0)))]
    pub size_m: [f64; 3],
    /// Mass, kg. Left out: 1500.
    #[serde(default = "car_mass_kg")]
    #[schemars(range(min = 50.0, max = 100_000.0))]
    pub mass_kg: f64,
}

fn car_size_m() -> [f64; 3] {
    [4.6, 1.82, 1.45]
}

fn car_mass_kg() -> f64 {
    1500.0
}

/// A speed, or a timetable of speeds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum SpeedSpec {
    /// Always the same, m/s.
    Constant(#[schemars(range(min = -60.0, max = 60.0))] f64),
    /// Time, s, and speed, m/s.
    Timetable(#[schemars(length(min = 1, max = 1000))] Vec<[f64; 2]>),
}

impl SpeedSpec {
    fn pace(&self) -> Result<Pace, (Option<usize>, String)> {
        match self {
            SpeedSpec::Constant(speed_mps) => Ok(Pace::constant(*speed_mps)),
            SpeedSpec::Timetable(knots) => {
                for (index, &[time_s, speed_mps]) in knots.iter().enumerate() {
                    if index > 0 && time_s <= knots[index - 1][0] || !(0.0..=3600.0).contains(&time_s) {
                        let message = format!("times must increase, from 0 to 3600 s, got {time_s}");
                        return Err((Some(index), message));
                    }
                    if !(-60.0..=60.0).contains(&speed_mps) {
                        return Err((Some(index), format!("speeds must be -60 to 60 m/s, got {speed_mps}")));
                    }
                }
                Pace::new(knots).ok_or_else(|| (None, "expected [[time_s, speed_mps], …]".into()))
            }
        }
    }
}

/// Something wrong: the steps to it below `cone` or `traffic`, and what.
pub(crate) type Wrong = (Vec<Step<'static>>, String);

/// Everything wrong with cones and vehicles that can be seen without the map.
pub(crate) fn check(scenario: &Scenario) -> Vec<Wrong> {
    let mut wrongs = Vec::new();
    let mut total = 0;
    for (index, cone) in scenario.cone.iter().enumerate() {
        let mut wrong =
            |key: Option<&'static str>, message: String| wrongs.push((place("cone", index, key), message));
        let keys = [("on", cone.on.is_some()), ("at_m", cone.at_m.is_some())];
        if let Err(message) = exactly_one("[[cone]]", &keys) {
            wrong(None, message);
            continue;
        }
        if cone.on.is_some() && cone.station_m.is_none() {
            wrong(None, "missing key `station_m` in [[cone]]: how far along the path it stands, m".into());
        }
        let misplaced: &[(&'static str, bool, &str)] = &[
            ("station_m", cone.station_m.is_some() && cone.on.is_none(), "on"),
            ("to_station_m", cone.to_station_m.is_some() && cone.on.is_none(), "on"),
            ("lateral_m", cone.lateral_m.is_some() && cone.on.is_none(), "on"),
            ("to_m", cone.to_m.is_some() && cone.at_m.is_none(), "at_m"),
        ];
        for (key, is, partner) in misplaced {
            if *is {
                wrong(Some(key), format!("`{key}` goes with `{partner}`"));
            }
        }
        let end = if cone.on.is_some() { "to_station_m" } else { "to_m" };
        match (cone.count, cone.to_station_m.is_some() || cone.to_m.is_some()) {
            (Some(_), false) => {
                wrong(Some("count"), format!("`count` goes with `{end}`: where does the row end?"))
            }
            (None, true) => wrong(Some(end), format!("`{end}` goes with `count`: how many are in the row?")),
            _ => {}
        }
        let abreast = cone.lateral_m.as_ref().map_or(1, |lateral| lateral.all().len());
        total += abreast * cone.count.unwrap_or(1) as usize;
        if total > MAX_CONES {
            wrong(None, format!("more than {MAX_CONES} cones"));
            break;
        }
    }
    let mut names = BTreeSet::new();
    for (index, other) in scenario.traffic.iter().enumerate() {
        let mut wrong =
            |key: Option<&'static str>, message: String| wrongs.push((place("traffic", index, key), message));
        if folder_name(&other.name).is_none() {
            wrong(Some("name"), "`name` needs a letter or digit and no control characters".into());
        }
        if !names.insert(other.name.as_str()) {
            let shown = crate::structure::shorten(&other.name);
            wrong(Some("name"), format!("another vehicle is named \"{shown}\" already"));
        }
        let keys = [("on", other.on.is_some()), ("pose", other.pose.is_some())];
        if let Err(message) = exactly_one("[[traffic]]", &keys) {
            wrong(None, message);
            continue;
        }
        for (key, given) in [
            ("station_m", other.station_m.is_some()),
            ("lateral_m", other.lateral_m.is_some()),
            ("heading_offset_deg", other.heading_offset_deg.is_some()),
            ("speed_mps", other.speed_mps.is_some()),
        ] {
            if given && other.on.is_none() {
                wrong(Some(key), format!("`{key}` goes with `on`: what stands at a `pose` stays there"));
            }
        }
        if let Some(Err((knot, message))) = other.speed_mps.as_ref().map(SpeedSpec::pace) {
            let mut at = place("traffic", index, Some("speed_mps"));
            at.extend(knot.map(Step::Index));
            wrongs.push((at, format!("`traffic.speed_mps`: {message}")));
        }
    }
    wrongs
}

fn place(table: &'static str, index: usize, key: Option<&'static str>) -> Vec<Step<'static>> {
    [Step::Key(table), Step::Index(index)].into_iter().chain(key.map(Step::Key)).collect()
}

/// Finds a path of the map, named at these steps, and makes an error of a place and a message.
pub(crate) trait Places {
    fn path(&mut self, name: &str, at: &[Step]) -> Result<Arc<Path>, LoadError>;
    fn error(&self, at: &[Step], message: String) -> LoadError;
}

/// The cones of a checked scenario, rows counted out.
pub(crate) fn cones(scenario: &Scenario, places_of: &mut impl Places) -> Result<Vec<Cone>, LoadError> {
    let mut cones = Vec::new();
    let mut used = BTreeSet::new();
    for (index, spec) in scenario.cone.iter().enumerate() {
        let count = spec.count.unwrap_or(1);
        let share = |i: u32| if count > 1 { f64::from(i) / f64::from(count - 1) } else { 0.0 };
        let mut places: Vec<[f64; 2]> = Vec::new();
        if let Some(name) = &spec.on {
            let path = places_of.path(name, &place("cone", index, Some("on")))?;
            let from_m = spec.station_m.unwrap_or(0.0);
            let to_m = spec.to_station_m.unwrap_or(from_m);
            for (key, station_m) in [("station_m", from_m), ("to_station_m", to_m)] {
                if station_m > path.length_m() && !path.is_closed() {
                    let end_m = path.length_m();
                    let message =
                        format!("`{key}` {station_m} is beyond the end of \"{name}\", {end_m:.3} m");
                    return Err(places_of.error(&place("cone", index, Some(key)), message));
                }
            }
            let abreast = spec.lateral_m.clone().unwrap_or(OneOrMore::One(0.0));
            for i in 0..count {
                let station_m = from_m + (to_m - from_m) * share(i);
                let point =
                    path.at(if path.is_closed() { station_m.rem_euclid(path.length_m()) } else { station_m });
                let (sin, cos) = libm::sincos(point.heading_rad);
                places.extend(
                    abreast.all().iter().map(|left| [point.x_m - left * sin, point.y_m + left * cos]),
                );
            }
        } else if let Some([x_m, y_m]) = spec.at_m {
            let [to_x_m, to_y_m] = spec.to_m.unwrap_or([x_m, y_m]);
            let between = |i: u32| [x_m + (to_x_m - x_m) * share(i), y_m + (to_y_m - y_m) * share(i)];
            places.extend((0..count).map(between));
        }
        let stem: String = spec.name.as_deref().unwrap_or("cone").chars().take(MAX_NAME).collect();
        let mut number = 0;
        for &[x_m, y_m] in &places {
            // Nobody who reads of a cone shall wonder which: one name, one cone.
            let name = loop {
                let alone = places.len() == 1 && spec.name.is_some() && number == 0;
                number += 1;
                let name = if alone { stem.clone() } else { format!("{stem} {number}") };
                if used.insert(name.clone()) {
                    break name;
                }
            };
            cones.push(Cone { name, x_m, y_m });
        }
    }
    Ok(cones)
}

/// The other vehicles of a checked scenario.
pub(crate) fn vehicles(
    scenario: &Scenario,
    places_of: &mut impl Places,
) -> Result<Vec<OtherVehicle>, LoadError> {
    let mut vehicles = Vec::new();
    for (index, spec) in scenario.traffic.iter().enumerate() {
        let course = match (&spec.on, spec.pose) {
            (Some(name), _) => {
                let path = places_of.path(name, &place("traffic", index, Some("on")))?;
                let station_m = spec.station_m.unwrap_or(0.0);
                let pace = match spec.speed_mps.as_ref().map(SpeedSpec::pace) {
                    Some(Ok(pace)) => pace,
                    _ => Pace::constant(0.0),
                };
                let [least_m, most_m] = pace.range_m(scenario.duration_s).map(|way_m| station_m + way_m);
                let length_m = path.length_m();
                if station_m > length_m {
                    let message =
                        format!("`station_m` {station_m} is beyond the end of \"{name}\", {length_m:.3} m");
                    return Err(places_of.error(&place("traffic", index, Some("station_m")), message));
                }
                if !path.is_closed() && (least_m < 0.0 || most_m > length_m) {
                    let message = format!(
                        "within {} s it drives from {least_m:.1} to {most_m:.1} m, beyond the ends of \"{name}\", 0 to \
                         {length_m:.1} m: let it stop before",
                        scenario.duration_s
                    );
                    return Err(places_of.error(&place("traffic", index, Some("speed_mps")), message));
                }
                let turned_rad = spec.heading_offset_deg.unwrap_or(0.0).to_radians();
                Course::Following {
                    path,
                    station_m,
                    lateral_m: spec.lateral_m.unwrap_or(0.0),
                    turned_rad,
                    pace,
                }
            }
            (None, pose) => {
                // One of the two is there.
                let pose = pose.unwrap_or(PoseSpec { x_m: 0.0, y_m: 0.0, heading_deg: 0.0 });
                let heading_rad = wrap_angle(pose.heading_deg.to_radians());
                Course::Standing { x_m: pose.x_m, y_m: pose.y_m, heading_rad }
            }
        };
        vehicles.push(OtherVehicle {
            name: spec.name.clone(),
            size_m: spec.size_m,
            mass_kg: spec.mass_kg,
            course,
        });
    }
    Ok(vehicles)
}
