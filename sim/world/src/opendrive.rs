//! Reader of OpenDRIVE 1.x road networks (ASAM OpenDRIVE 1.8, `<OpenDRIVE>` root).
//!
//! Read: plan view (line, arc, spiral), elevation, superelevation, lane offset, lane sections, lane widths,
//! lane material friction, road links, the geographic reference. Refused, because leaving them out would
//! silently change the ground: `poly3`, `paramPoly3`, lateral shapes, lane borders, lane heights, level lanes.
//! Everything else (objects, signals, junction logic, user data) does not shape the ground and is skipped.

use std::collections::{BTreeMap, BTreeSet};

use crate::curve::{Cubic, Curve, PlanPose, Profile};
use crate::error::{MapError, Source};
use crate::xml::{self, Element};

/// Largest accepted gap between consecutive pieces of a reference line, m.
const JOINT_GAP_M: f64 = 0.01;
/// Largest accepted kink between consecutive pieces of a reference line, rad.
const JOINT_KINK_RAD: f64 = 1e-3;
/// Largest accepted difference between a station as written and as summed, m.
const STATION_GAP_M: f64 = 1e-3;
/// Largest accepted gap between linked roads, m.
const LINK_GAP_M: f64 = 0.05;
/// Stations nearer than this are one, m.
const MIN_STRETCH_M: f64 = 1e-6;
/// Most turning of one piece, rad: ten rounds.
const MAX_TURN_RAD: f64 = 63.0;
/// Most lanes on one side.
const MAX_LANES: usize = 64;

const KNOWN: [&str; 33] = [
    "header",
    "geoReference",
    "road",
    "link",
    "predecessor",
    "successor",
    "planView",
    "geometry",
    "line",
    "arc",
    "spiral",
    "poly3",
    "paramPoly3",
    "elevationProfile",
    "elevation",
    "lateralProfile",
    "superelevation",
    "shape",
    "crossSectionSurface",
    "lanes",
    "laneOffset",
    "laneSection",
    "left",
    "center",
    "right",
    "lane",
    "width",
    "border",
    "material",
    "height",
    "type",
    "offset",
    "crossfall",
];

/// What an OpenDRIVE file holds, as far as the ground is concerned.
#[derive(Clone, Debug)]
pub struct RoadNetwork {
    /// Latitude and longitude of the origin, degrees, if the file states a geographic reference.
    pub origin_deg: Option<(f64, f64)>,
    /// Roads in file order.
    pub roads: Vec<Road>,
}

/// A road: a reference line in the plane, its height and bank, and the lanes beside it.
///
/// Stations `s` run along the reference line in the horizontal plane; `t` is the offset to the left, along
/// the banked road surface.
#[derive(Clone, Debug)]
pub struct Road {
    /// Identifier, unique in the file.
    pub id: String,
    /// Name; may be empty.
    pub name: String,
    /// Length of the reference line, m.
    pub length_m: f64,
    /// (start station, curve) in order, without gaps.
    pub curves: Vec<(f64, Curve)>,
    /// Height over the map's plane, m.
    pub elevation: Profile,
    /// Roll about the direction of travel, rad, positive when the surface falls to the right.
    pub superelevation: Profile,
    /// Offset of lane 0 from the reference line, m.
    pub lane_offset: Profile,
    /// Lane sections in order.
    pub sections: Vec<LaneSection>,
    /// What lies before the start.
    pub predecessor: Option<RoadLink>,
    /// What lies after the end.
    pub successor: Option<RoadLink>,
}

/// A connection to another road.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoadLink {
    /// Identifier of the road.
    pub road: String,
    /// Whether it is met at its start (else at its end).
    pub at_start: bool,
}

/// A stretch of road with a fixed set of lanes.
#[derive(Clone, Debug)]
pub struct LaneSection {
    /// Start station, m.
    pub s_m: f64,
    /// Lanes left of lane 0, from the middle outward (ids 1, 2, …).
    pub left: Vec<Lane>,
    /// Lanes right of lane 0, from the middle outward (ids −1, −2, …).
    pub right: Vec<Lane>,
}

/// A lane of a section.
#[derive(Clone, Debug)]
pub struct Lane {
    /// Identifier: positive left, negative right.
    pub id: i32,
    /// OpenDRIVE lane type, e.g. `driving`.
    pub kind: String,
    /// Width, m, over the road's stations.
    pub width: Profile,
    /// (start station, friction) in order; none before the first.
    pub friction: Vec<(f64, f64)>,
}

impl Lane {
    /// Friction of the lane's material at station `s_m`, if it has one.
    pub fn friction_at(&self, s_m: f64) -> Option<f64> {
        let after = self.friction.partition_point(|(start, _)| *start <= s_m);
        after.checked_sub(1).map(|i| self.friction[i].1)
    }
}

impl LaneSection {
    /// The lane with this identifier.
    pub fn lane(&self, id: i32) -> Option<&Lane> {
        let side = if id > 0 { &self.left } else { &self.right };
        (id.unsigned_abs() as usize).checked_sub(1).and_then(|i| side.get(i))
    }
}

/// A position on a road's reference line.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RoadPose {
    /// Plan-view pose.
    pub plan: PlanPose,
    /// Height, m.
    pub z_m: f64,
    /// Grade, rise over run along the reference line.
    pub grade: f64,
    /// Roll, rad, positive when the surface falls to the right.
    pub superelevation_rad: f64,
}

impl Road {
    /// The plan-view pose at station `s_m`.
    pub fn plan(&self, s_m: f64) -> PlanPose {
        let after = self.curves.partition_point(|(start, _)| *start <= s_m);
        let (start, curve) = &self.curves[after.saturating_sub(1)];
        curve.at(s_m - start)
    }

    /// The pose of the reference line at station `s_m`.
    pub fn pose(&self, s_m: f64) -> RoadPose {
        let elevation = self.elevation.at(s_m);
        RoadPose {
            plan: self.plan(s_m),
            z_m: elevation.a,
            grade: elevation.b,
            superelevation_rad: self.superelevation.at(s_m).a,
        }
    }

    /// East, north, up of the road surface at station `s_m` and lateral offset `t_m`.
    pub fn point(&self, s_m: f64, t_m: f64) -> [f64; 3] {
        let pose = self.pose(s_m);
        let (sin, cos) = libm::sincos(pose.plan.heading_rad);
        let flat = t_m * libm::cos(pose.superelevation_rad);
        [
            pose.plan.x_m - flat * sin,
            pose.plan.y_m + flat * cos,
            pose.z_m + t_m * libm::sin(pose.superelevation_rad),
        ]
    }

    /// The lane section at station `s_m`.
    pub fn section(&self, s_m: f64) -> &LaneSection {
        let after = self.sections.partition_point(|section| section.s_m <= s_m);
        &self.sections[after.saturating_sub(1)]
    }

    /// Inner and outer edge (`t`) of a lane at `s_m`, as cubics with their origin there.
    pub fn lane_edges(&self, s_m: f64, id: i32) -> Option<(Cubic, Cubic)> {
        let section = self.section(s_m);
        section.lane(id)?;
        let (side, sign) = if id > 0 { (&section.left, 1.0) } else { (&section.right, -1.0) };
        let mut inner = self.lane_offset.at(s_m);
        let mut outer = inner;
        for lane in &side[..id.unsigned_abs() as usize] {
            let w = lane.width.at(s_m);
            inner = outer;
            outer = inner.plus(&Cubic { a: sign * w.a, b: sign * w.b, c: sign * w.c, d: sign * w.d });
        }
        Some((inner, outer))
    }

    /// Every station where a record begins, the start and the end: between two of them each law is one
    /// polynomial and the plan view one curve. Stations nearer than a micrometre are one, so look a
    /// stretch's records up at its middle.
    pub(crate) fn breaks(&self) -> Vec<f64> {
        let mut breaks = vec![0.0, self.length_m];
        breaks.extend(self.curves.iter().map(|c| c.0));
        for profile in [&self.elevation, &self.superelevation, &self.lane_offset] {
            breaks.extend(profile.records.iter().map(|r| r.0));
        }
        for section in &self.sections {
            breaks.push(section.s_m);
            for lane in section.left.iter().chain(&section.right) {
                breaks.extend(lane.width.records.iter().map(|r| r.0));
                breaks.extend(lane.friction.iter().map(|r| r.0));
            }
        }
        breaks.retain(|s| (0.0..=self.length_m).contains(s));
        breaks.sort_by(f64::total_cmp);
        breaks.dedup_by(|b, a| *b - *a < MIN_STRETCH_M);
        if let Some(last) = breaks.last_mut() {
            *last = self.length_m;
        }
        breaks
    }
}

/// Reads a road network.
///
/// # Errors
/// [`MapError`] with the place in the file: malformed XML, a value missing, not finite or out of range,
/// stations that do not fit together, gaps or kinks in a reference line, features that are not supported.
pub fn parse_opendrive(text: &str, file: &str) -> Result<RoadNetwork, MapError> {
    let source = Source { file, text };
    let root = xml::parse(source, &KNOWN)?;
    if root.name != "OpenDRIVE" {
        return Err(source
            .error(root.at, "this is not an OpenDRIVE file")
            .expected("<OpenDRIVE>")
            .got(root.name));
    }
    let header = root.child("header").ok_or_else(|| source.error(root.at, "<OpenDRIVE> has no <header>"))?;
    header.number_where(source, "revMajor", |v| v == 1.0, "1 (OpenDRIVE 1.x)")?;
    if let Some(offset) = header.child("offset") {
        return Err(source
            .error(offset.at, "a header <offset> is not supported")
            .expected("coordinates in the frame of the geographic reference"));
    }
    let origin_deg = header.child("geoReference").map(|e| geo_reference(source, e)).transpose()?;

    let mut roads: Vec<(Road, usize)> = Vec::new();
    let mut ids = BTreeSet::new();
    for element in root.all("road") {
        let road = road(source, element)?;
        if !ids.insert(road.id.clone()) {
            let (_, at) = element.text(source, "id")?;
            return Err(source.error(at, format!("road id \"{}\" is used twice", road.id)));
        }
        roads.push((road, element.at));
    }
    if roads.is_empty() {
        return Err(source.error(root.at, "the file has no <road>"));
    }
    check_links(source, &roads)?;
    Ok(RoadNetwork { origin_deg, roads: roads.into_iter().map(|(road, _)| road).collect() })
}

/// Origin of a PROJ string such as `+proj=tmerc +lat_0=35 +lon_0=-117 +k=1 +ellps=WGS84`.
fn geo_reference(source: Source, element: &Element) -> Result<(f64, f64), MapError> {
    let number = |key: &str| {
        let word = element.text.split_whitespace().find_map(|word| word.strip_prefix(key))?;
        word.parse::<f64>().ok().filter(|v| v.is_finite())
    };
    match (number("+lat_0="), number("+lon_0=")) {
        (Some(lat), Some(lon)) => Ok((lat, lon)),
        _ => Err(source
            .error(element.at, "the geographic reference does not name its origin")
            .expected("a PROJ string with +lat_0 and +lon_0, e.g. +proj=tmerc +lat_0=35 +lon_0=-117 +k=1 +ellps=WGS84")
            .got(format!("\"{}\"", element.text))),
    }
}

fn road(source: Source, element: &Element) -> Result<Road, MapError> {
    let id = element.text(source, "id")?.0.to_string();
    let name = element.attribute("name").map_or("", |(text, _)| text).to_string();
    let positive = |v: f64| v > 0.0 && v <= 1e6;
    let length_m = element.number_where(source, "length", positive, "a length above 0 and up to 1e6 m")?;
    let curves = plan_view(source, element, length_m)?;

    let elevation = match element.child("elevationProfile") {
        Some(parent) => profile(source, parent, "elevation", "s", 0.0, length_m)?,
        None => Profile::default(),
    };
    let superelevation = match element.child("lateralProfile") {
        Some(parent) => {
            for unsupported in ["shape", "crossSectionSurface", "crossfall"] {
                if let Some(found) = parent.child(unsupported) {
                    return Err(source
                        .error(found.at, format!("<{unsupported}> is not supported"))
                        .expected("<superelevation> only"));
                }
            }
            profile(source, parent, "superelevation", "s", 0.0, length_m)?
        }
        None => Profile::default(),
    };
    let lanes = element
        .child("lanes")
        .ok_or_else(|| source.error(element.at, format!("road \"{id}\" has no <lanes>")))?;
    let lane_offset = profile(source, lanes, "laneOffset", "s", 0.0, length_m)?;
    let sections = sections(source, lanes, length_m)?;

    let road = Road {
        predecessor: link(source, element, "predecessor")?,
        successor: link(source, element, "successor")?,
        id,
        name,
        length_m,
        curves,
        elevation,
        superelevation,
        lane_offset,
        sections,
    };
    check_shape(source, element, &road)?;
    Ok(road)
}

fn plan_view(source: Source, road: &Element, length_m: f64) -> Result<Vec<(f64, Curve)>, MapError> {
    let plan = road.child("planView").ok_or_else(|| source.error(road.at, "the road has no <planView>"))?;
    let mut curves: Vec<(f64, Curve)> = Vec::new();
    let mut end_s = 0.0;
    for geometry in plan.all("geometry") {
        let s = geometry.number(source, "s")?;
        if (s - end_s).abs() > STATION_GAP_M {
            let (text, at) = geometry.text(source, "s")?;
            return Err(source
                .error(at, "the pieces of the reference line do not follow one another in s")
                .expected(format!("s = {end_s}, where the piece before ends"))
                .got(format!("\"{text}\"")));
        }
        let positive = |v: f64| v > 0.0 && v <= 1e6;
        let length = geometry.number_where(source, "length", positive, "a length above 0 and up to 1e6 m")?;
        let (curvature, rate) = shape(source, geometry, length)?;
        let curve = Curve {
            x_m: geometry.number(source, "x")?,
            y_m: geometry.number(source, "y")?,
            heading_rad: geometry.number_where(source, "hdg", |v| v.abs() <= 1e4, "an angle in rad")?,
            length_m: length,
            curvature_1pm: curvature,
            curvature_rate_1pm2: rate,
        };
        if curve.turning_rad() > MAX_TURN_RAD {
            return Err(source
                .error(geometry.at, "the piece turns too far")
                .expected(format!("at most {MAX_TURN_RAD} rad"))
                .got(format!("{:.0} rad", curve.turning_rad())));
        }
        if let Some((_, before)) = curves.last() {
            let end = before.at(before.length_m);
            let gap = libm::hypot(curve.x_m - end.x_m, curve.y_m - end.y_m);
            let kink = wrap(curve.heading_rad - end.heading_rad).abs();
            if gap > JOINT_GAP_M || kink > JOINT_KINK_RAD {
                return Err(source
                    .error(geometry.at, "the reference line is broken here")
                    .expected(format!(
                        "x = {}, y = {}, hdg = {}, where the piece before ends",
                        end.x_m, end.y_m, end.heading_rad
                    ))
                    .got(format!("a gap of {gap:.6} m and a kink of {kink:.6} rad")));
            }
        }
        curves.push((end_s, curve));
        end_s = s + length;
    }
    if curves.is_empty() {
        return Err(source.error(plan.at, "<planView> has no <geometry>"));
    }
    if (end_s - length_m).abs() > STATION_GAP_M {
        let (text, at) = road.text(source, "length")?;
        return Err(source
            .error(at, "the length of the road is not that of its reference line")
            .expected(end_s)
            .got(format!("\"{text}\"")));
    }
    Ok(curves)
}

/// Curvature at the start and its change per metre.
fn shape(source: Source, geometry: &Element, length: f64) -> Result<(f64, f64), MapError> {
    let Some(shape) = geometry
        .children
        .iter()
        .find(|e| matches!(e.name, "line" | "arc" | "spiral" | "poly3" | "paramPoly3"))
    else {
        return Err(source
            .error(geometry.at, "<geometry> has no shape")
            .expected("<line>, <arc> or <spiral>"));
    };
    let usable = |v: f64| v.abs() <= 10.0;
    let expected = "a curvature of at most 10 1/m";
    match shape.name {
        "line" => Ok((0.0, 0.0)),
        "arc" => Ok((shape.number_where(source, "curvature", usable, expected)?, 0.0)),
        "spiral" => {
            let start = shape.number_where(source, "curvStart", usable, expected)?;
            let end = shape.number_where(source, "curvEnd", usable, expected)?;
            Ok((start, (end - start) / length))
        }
        other => Err(source
            .error(shape.at, format!("<{other}> is not supported"))
            .expected("<line>, <arc> or <spiral>; convert the curve to spirals")),
    }
}

/// Reads cubic records `name` with start attribute `key` counted from `from`.
fn profile(
    source: Source,
    parent: &Element,
    name: &'static str,
    key: &str,
    from: f64,
    end: f64,
) -> Result<Profile, MapError> {
    let mut records: Vec<(f64, Cubic)> = Vec::new();
    for element in parent.all(name) {
        let s = start_of(source, element, key, from, end, records.last().map(|r| r.0))?;
        if records.is_empty() && s - from > 1e-6 {
            let (text, at) = element.text(source, key)?;
            return Err(source
                .error(at, format!("the first <{name}> leaves a gap before it"))
                .expected(format!("{key} = 0"))
                .got(format!("\"{text}\"")));
        }
        records.push((
            s,
            Cubic {
                a: element.number(source, "a")?,
                b: element.number(source, "b")?,
                c: element.number(source, "c")?,
                d: element.number(source, "d")?,
            },
        ));
    }
    Ok(Profile { records })
}

/// A record's start station: inside the road and after the record before.
fn start_of(
    source: Source,
    element: &Element,
    key: &str,
    from: f64,
    end: f64,
    before: Option<f64>,
) -> Result<f64, MapError> {
    let s = from + element.number(source, key)?;
    let low = before.unwrap_or(from);
    if s < low - 1e-9 || s > end + STATION_GAP_M || (before.is_some() && s <= low) {
        let (text, at) = element.text(source, key)?;
        return Err(source
            .error(at, format!("'{key}' of <{}> is out of order or outside the road", element.name))
            .expected(format!("between {} and {}", low - from, end - from))
            .got(format!("\"{text}\"")));
    }
    Ok(s)
}

fn sections(source: Source, lanes: &Element, length_m: f64) -> Result<Vec<LaneSection>, MapError> {
    let mut starts: Vec<f64> = Vec::new();
    for element in lanes.all("laneSection") {
        starts.push(start_of(source, element, "s", 0.0, length_m, starts.last().copied())?);
    }
    match starts.first() {
        None => return Err(source.error(lanes.at, "<lanes> has no <laneSection>")),
        Some(first) if *first > 1e-6 => {
            return Err(source.error(lanes.at, "the first <laneSection> must start at s = 0").got(first));
        }
        Some(_) => {}
    }
    let mut sections = Vec::new();
    for (i, element) in lanes.all("laneSection").enumerate() {
        let end = starts.get(i + 1).copied().unwrap_or(length_m);
        let section = LaneSection {
            s_m: starts[i],
            left: side(source, element, "left", 1, starts[i], end)?,
            right: side(source, element, "right", -1, starts[i], end)?,
        };
        if section.left.is_empty() && section.right.is_empty() {
            return Err(source.error(element.at, "the lane section has no lanes"));
        }
        sections.push(section);
    }
    Ok(sections)
}

/// The lanes of one side from the middle outward.
fn side(
    source: Source,
    section: &Element,
    name: &'static str,
    sign: i32,
    start: f64,
    end: f64,
) -> Result<Vec<Lane>, MapError> {
    let Some(parent) = section.child(name) else { return Ok(Vec::new()) };
    let mut lanes: Vec<(Lane, usize)> = Vec::new();
    for element in parent.all("lane") {
        let (text, at) = element.text(source, "id")?;
        let id = text.trim().parse::<i32>().ok().filter(|id| id.signum() == sign);
        let Some(id) = id else {
            return Err(source
                .error(at, "a bad lane id")
                .expected(if sign > 0 {
                    "a positive integer on the left"
                } else {
                    "a negative integer on the right"
                })
                .got(format!("\"{text}\"")));
        };
        lanes.push((lane(source, element, id, start, end)?, at));
        if lanes.len() > MAX_LANES {
            return Err(source
                .error(at, "too many lanes")
                .expected(format!("at most {MAX_LANES} on a side")));
        }
    }
    lanes.sort_by_key(|(lane, _)| lane.id.unsigned_abs());
    for (i, (lane, at)) in lanes.iter().enumerate() {
        if lane.id.unsigned_abs() as usize != i + 1 {
            return Err(source
                .error(*at, "lane ids must count up from the middle without gaps or repeats")
                .expected(format!("id {}", sign * (i as i32 + 1)))
                .got(lane.id));
        }
    }
    Ok(lanes.into_iter().map(|(lane, _)| lane).collect())
}

fn lane(source: Source, element: &Element, id: i32, start: f64, end: f64) -> Result<Lane, MapError> {
    if let Some(border) = element.child("border") {
        return Err(source.error(border.at, "<border> is not supported").expected("<width>"));
    }
    if let Some(height) = element.child("height") {
        return Err(source
            .error(height.at, "lane <height> is not supported")
            .expected("lanes flush with the road"));
    }
    if let Some(("true", at)) = element.attribute("level") {
        return Err(source.error(at, "a level lane is not supported").expected("level=\"false\""));
    }
    let width = profile(source, element, "width", "sOffset", start, end)?;
    if width.records.is_empty() {
        return Err(source.error(element.at, format!("lane {id} has no <width>")));
    }
    let mut friction: Vec<(f64, f64)> = Vec::new();
    for material in element.all("material") {
        let s = start_of(source, material, "sOffset", start, end, friction.last().map(|r| r.0))?;
        let range = |v: f64| (0.01..=2.0).contains(&v);
        friction
            .push((s, material.number_where(source, "friction", range, "a friction scale of 0.01 to 2")?));
    }
    let kind = element.attribute("type").map_or("driving", |(text, _)| text).to_string();
    Ok(Lane { id, kind, width, friction })
}

/// Heights stay near the plane, banks drivable, widths not negative.
fn check_shape(source: Source, element: &Element, road: &Road) -> Result<(), MapError> {
    for pair in road.breaks().windows(2) {
        let middle = 0.5 * (pair[0] + pair[1]);
        let elevation = road.elevation.at(middle);
        let superelevation = road.superelevation.at(middle);
        let section = road.section(middle);
        for share in [-0.5, -0.25, 0.0, 0.25, 0.5] {
            let u = share * (pair[1] - pair[0]);
            let s = middle + u;
            let bank = superelevation.value(u);
            let (z, grade) = (elevation.value(u), elevation.slope(u));
            let problem = if z.abs() > 5000.0 {
                Some(format!("the road is {z:.0} m above the map's plane at s = {s:.2}"))
            } else if grade.abs() > 2.0 {
                Some(format!("the grade is {:.0} % at s = {s:.2}", 100.0 * grade))
            } else if bank.abs() > 1.0 {
                Some(format!("the superelevation is {bank:.3} rad at s = {s:.2}"))
            } else {
                None
            };
            if let Some(problem) = problem {
                return Err(source.error(element.at, problem).expected(
                    "a height within 5000 m, a grade within 200 %, a superelevation within 1 rad",
                ));
            }
            for lane in section.left.iter().chain(&section.right) {
                let width = lane.width.at(middle).value(u);
                if !(-1e-6..=1000.0).contains(&width) {
                    return Err(source
                        .error(element.at, format!("lane {} has a bad width at s = {s:.2}", lane.id))
                        .expected("0 to 1000 m")
                        .got(format!("{width} m")));
                }
            }
        }
    }
    Ok(())
}

fn link(source: Source, road: &Element, name: &'static str) -> Result<Option<RoadLink>, MapError> {
    let Some(element) = road.child("link").and_then(|link| link.child(name)) else { return Ok(None) };
    if element.text(source, "elementType")?.0 != "road" {
        return Ok(None); // a junction decides by route, not by place
    }
    let (contact, at) = element.text(source, "contactPoint")?;
    let at_start = match contact {
        "start" => true,
        "end" => false,
        other => {
            return Err(source
                .error(at, "a bad contact point")
                .expected("\"start\" or \"end\"")
                .got(format!("\"{other}\"")));
        }
    };
    Ok(Some(RoadLink { road: element.text(source, "elementId")?.0.to_string(), at_start }))
}

/// Linked roads must meet in space.
fn check_links(source: Source, roads: &[(Road, usize)]) -> Result<(), MapError> {
    let by_id: BTreeMap<&str, &Road> = roads.iter().map(|(road, _)| (road.id.as_str(), road)).collect();
    for (road, at) in roads {
        for (link, s) in [(&road.predecessor, 0.0), (&road.successor, road.length_m)] {
            let Some(link) = link else { continue };
            let Some(other) = by_id.get(link.road.as_str()) else {
                return Err(source.error(
                    *at,
                    format!("road \"{}\" is linked to road \"{}\", which does not exist", road.id, link.road),
                ));
            };
            let here = road.point(s, 0.0);
            let there = other.point(if link.at_start { 0.0 } else { other.length_m }, 0.0);
            let gap = libm::sqrt((0..3).map(|i| (here[i] - there[i]) * (here[i] - there[i])).sum());
            if gap > LINK_GAP_M {
                return Err(source
                    .error(
                        *at,
                        format!(
                            "road \"{}\" is linked to road \"{}\" but does not meet it",
                            road.id, other.id
                        ),
                    )
                    .expected(format!("a gap of at most {LINK_GAP_M} m"))
                    .got(format!("{gap:.3} m")));
            }
        }
    }
    Ok(())
}

/// An angle within ±π.
fn wrap(angle: f64) -> f64 {
    libm::remainder(angle, std::f64::consts::TAU)
}
