//! The map file: where the world frame lies, which roads there are, what stands beside them, and the named
//! paths a scenario can drive.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::de::{Error as _, Unexpected};
use serde::{Deserialize, Deserializer};
use skidpad_geo::{Geodetic, Path, PathPoint};
use toml::Spanned;

use crate::error::{MapError, Source};
use crate::ground::{MapGround, Surface, Surroundings};
use crate::opendrive::{Road, parse_opendrive};
use crate::path::{self, Stretch};
use crate::roughness::{Roughness, RoughnessLevel};

/// Largest accepted map file, bytes.
const MAX_TOML_BYTES: usize = 4 << 20;

/// A map file, `maps/<name>/map.toml`.
///
/// The world frame of a map is the local east-north-up frame at `anchor`: x east, y north, z up, on the
/// plane that touches the WGS84 ellipsoid (raised by the anchor's height) there.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MapFile {
    /// Version of this format: 1.
    #[serde(deserialize_with = "schema_one")]
    pub schema: u32,
    /// One line that names the place.
    pub title: String,
    /// What the place is for.
    #[serde(default)]
    pub description: String,
    /// Origin of the world frame. May be absent only without `opendrive`: the recording that the map is
    /// used with then sets it.
    pub anchor: Option<AnchorTable>,
    /// OpenDRIVE file beside this one. Absent: an endless plane.
    pub opendrive: Option<String>,
    /// The ground where lanes do not say, and beside the roads.
    #[serde(default)]
    pub surface: SurfaceTable,
    /// Solid boxes.
    #[serde(default, rename = "barrier")]
    pub barriers: Vec<BarrierTable>,
    /// Named paths.
    #[serde(default, rename = "path")]
    pub paths: Vec<PathTable>,
}

/// `[anchor]`: origin of the world frame, WGS84.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AnchorTable {
    /// Latitude, degrees, −89 to 89.
    #[serde(deserialize_with = "latitude")]
    pub lat_deg: f64,
    /// Longitude, degrees, −180 to 180.
    #[serde(deserialize_with = "longitude")]
    pub lon_deg: f64,
    /// Height above the ellipsoid, m.
    #[serde(deserialize_with = "height")]
    pub height_m: f64,
}

/// `[surface]`: the ground where lanes do not say, and beside the roads.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SurfaceTable {
    /// Friction scale of lanes without a material, and of an endless plane (1 = dry asphalt).
    #[serde(deserialize_with = "friction")]
    pub friction: f64,
    /// Friction scale off road.
    #[serde(deserialize_with = "friction")]
    pub off_road_friction: f64,
    /// Height of the plane around the roads, m.
    #[serde(deserialize_with = "height")]
    pub off_road_height_m: f64,
    /// Width of the shoulder that blends a road's edge into that plane, m. Keep it below the smallest
    /// distance between a curve's inner edge and its centre.
    #[serde(deserialize_with = "shoulder")]
    pub shoulder_m: f64,
    /// How rough the ground is, on the roads and beside them. Left out: smooth. A scenario may say otherwise;
    /// its seed says which bumps it is.
    pub roughness: RoughnessLevel,
}

impl Default for SurfaceTable {
    fn default() -> SurfaceTable {
        SurfaceTable {
            friction: 1.0,
            off_road_friction: 0.6,
            off_road_height_m: 0.0,
            shoulder_m: 10.0,
            roughness: RoughnessLevel::Density(0.0),
        }
    }
}

/// `[[barrier]]`: a solid box standing on the ground.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BarrierTable {
    /// Name, as collisions report it.
    #[schemars(with = "String")]
    pub name: Spanned<String>,
    /// East of the centre, m.
    #[serde(deserialize_with = "coordinate")]
    pub x_m: f64,
    /// North of the centre, m.
    #[serde(deserialize_with = "coordinate")]
    pub y_m: f64,
    /// Length along its heading, m.
    #[serde(deserialize_with = "size")]
    pub length_m: f64,
    /// Width across its heading, m.
    #[serde(deserialize_with = "size")]
    pub width_m: f64,
    /// Height above the ground at its centre, m.
    #[serde(deserialize_with = "size")]
    pub height_m: f64,
    /// Direction of its length, degrees counter-clockwise from east.
    #[serde(default, deserialize_with = "angle_deg")]
    pub heading_deg: f64,
}

/// `[[path]]`: a named path made of stretches of road.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PathTable {
    /// Name, unique in the map.
    #[schemars(with = "String")]
    pub name: Spanned<String>,
    /// One line: what it is, what it is for.
    pub description: String,
    /// Whether the end is the start again.
    #[serde(default)]
    pub closed: bool,
    /// Stretches of road, each starting where the one before ends.
    #[serde(rename = "segment")]
    pub segments: Vec<SegmentTable>,
}

/// A stretch of road in a path.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SegmentTable {
    /// Road id in the OpenDRIVE file.
    #[schemars(with = "String")]
    pub road: Spanned<String>,
    /// Lane whose centre is followed. Absent: the reference line.
    #[schemars(with = "Option<i32>")]
    pub lane: Option<Spanned<i32>>,
    /// Offset from that line, m, positive to the left of the *road's* direction.
    #[serde(default, deserialize_with = "coordinate")]
    pub offset_m: f64,
    /// First and last station, m, the smaller first. Absent: the whole road.
    #[schemars(with = "Option<[f64; 2]>")]
    pub s_m: Option<Spanned<[f64; 2]>>,
    /// Drive against the road's direction.
    #[serde(default)]
    pub backward: bool,
}

impl MapFile {
    /// Reads a map file; `file` names it in errors.
    ///
    /// # Errors
    /// [`MapError`] with line and column: not TOML, a key unknown or missing, a value of the wrong type or
    /// out of range.
    pub fn from_toml(text: &str, file: &str) -> Result<MapFile, MapError> {
        let source = Source { file, text };
        if text.len() > MAX_TOML_BYTES {
            return Err(source
                .whole("the file is too large")
                .expected(format!("at most {MAX_TOML_BYTES} bytes"))
                .got(format!("{} bytes", text.len())));
        }
        toml::from_str(text).map_err(|e| match e.span() {
            Some(span) => source.error(span.start, e.message().trim()),
            None => source.whole(e.message().trim()),
        })
    }
}

/// A place: its frame, roads, ground, barriers and named paths.
#[derive(Clone, Debug)]
pub struct Map {
    file: String,
    title: String,
    description: String,
    anchor: Option<Geodetic>,
    roads: Vec<Road>,
    surface: Arc<Surface>,
    roughness: RoughnessLevel,
    barriers: Vec<Barrier>,
    paths: Vec<NamedPath>,
}

/// A solid box standing on the ground.
#[derive(Clone, Debug, PartialEq)]
pub struct Barrier {
    /// Name, as collisions report it.
    pub name: String,
    /// East, north, up of the box's centre, m.
    pub centre_m: [f64; 3],
    /// Length, width, height, m.
    pub size_m: [f64; 3],
    /// Direction of its length, rad counter-clockwise from east.
    pub heading_rad: f64,
}

/// A named path of a map, as listed. [`Map::path`] gives its points.
#[derive(Clone, Debug)]
pub struct NamedPath {
    /// Name.
    pub name: String,
    /// One line: what it is, what it is for.
    pub description: String,
    /// Whether the end is the start again.
    pub closed: bool,
    stretches: Vec<Stretch>,
}

impl Map {
    /// A map from the text of its file and of its OpenDRIVE file. File names serve errors only.
    ///
    /// # Errors
    /// [`MapError`] in either file: see [`MapFile::from_toml`] and [`parse_opendrive`]; a path whose road
    /// or lane does not exist or whose stretches do not meet; an anchor that is not the road file's origin.
    pub fn from_parts(
        map_toml: &str,
        toml_file: &str,
        xodr: Option<&str>,
        xodr_file: &str,
    ) -> Result<Map, MapError> {
        let source = Source { file: toml_file, text: map_toml };
        let file = MapFile::from_toml(map_toml, toml_file)?;
        let anchor =
            file.anchor.map(|a| Geodetic { lat_deg: a.lat_deg, lon_deg: a.lon_deg, height_m: a.height_m });
        let around = Surroundings {
            friction: file.surface.friction,
            off_road_friction: file.surface.off_road_friction,
            off_road_height_m: file.surface.off_road_height_m,
            shoulder_m: file.surface.shoulder_m,
        };
        let (roads, surface) = match (&file.opendrive, xodr) {
            (None, _) => (Vec::new(), plane(around)),
            (Some(name), None) => {
                return Err(source.whole(format!("the OpenDRIVE file \"{name}\" was not found")));
            }
            (Some(_), Some(xodr)) => {
                let network = parse_opendrive(xodr, xodr_file)?;
                let Some(anchor) = anchor else {
                    return Err(source
                        .whole("a map with roads needs an anchor")
                        .expected("a table [anchor]"));
                };
                check_origin(source, &anchor, network.origin_deg)?;
                let surface = Surface::new(&network.roads, around, Source { file: xodr_file, text: xodr })?;
                (network.roads, surface)
            }
        };
        let ground = MapGround::new(Arc::new(surface));
        let barriers = barriers(source, &file.barriers, &ground)?;
        let paths = paths(source, &file.paths, &roads)?;
        Ok(Map {
            file: toml_file.to_string(),
            title: file.title,
            description: file.description,
            anchor,
            roads,
            surface: ground.into_surface(),
            roughness: file.surface.roughness,
            barriers,
            paths,
        })
    }

    /// An endless level plane at the anchor's height.
    pub fn plane(anchor: Geodetic, friction: f64) -> Map {
        let SurfaceTable { off_road_height_m, shoulder_m, roughness, .. } = SurfaceTable::default();
        let around = Surroundings { friction, off_road_friction: friction, off_road_height_m, shoulder_m };
        Map {
            file: "plane".to_string(),
            title: "endless plane".to_string(),
            description: String::new(),
            anchor: Some(anchor),
            roads: Vec::new(),
            surface: Arc::new(plane(around)),
            roughness,
            barriers: Vec::new(),
            paths: Vec::new(),
        }
    }

    /// The same map at an anchor: for one that leaves it open. Roads and paths keep their coordinates.
    pub fn with_anchor(self, anchor: Geodetic) -> Map {
        Map { anchor: Some(anchor), ..self }
    }

    /// One line that names the place.
    pub fn title(&self) -> &str {
        &self.title
    }

    /// What the place is for; may be empty.
    pub fn description(&self) -> &str {
        &self.description
    }

    /// Origin of the world frame; `None` if the map leaves it open.
    pub fn anchor(&self) -> Option<Geodetic> {
        self.anchor
    }

    /// The roads in file order: enough to draw the place.
    pub fn roads(&self) -> &[Road] {
        &self.roads
    }

    /// The boxes.
    pub fn barriers(&self) -> &[Barrier] {
        &self.barriers
    }

    /// The named paths in file order.
    pub fn paths(&self) -> &[NamedPath] {
        &self.paths
    }

    /// The ground as it was designed, without roughness: what paths and barriers lie on.
    pub fn ground(&self) -> MapGround {
        MapGround::new(self.surface.clone())
    }

    /// The ground as it is driven on: with the roughness given, or else the map's. The same `seed` gives the
    /// same bumps. Making them takes some ten milliseconds; a smooth ground costs nothing.
    pub fn rough_ground(&self, roughness: Option<RoughnessLevel>, seed: u64) -> MapGround {
        let density_m3 = roughness.unwrap_or(self.roughness).density_m3();
        let roughness = (density_m3 > 0.0).then(|| Roughness::new(density_m3, seed));
        self.ground().with_roughness(roughness)
    }

    /// The points of a named path: every 0.25 m in curves, 0.5 m elsewhere, with exact heading, curvature
    /// and height. Stations are plan-view arc lengths from its start.
    ///
    /// # Errors
    /// No path has this name, or it is too long, or its offset folds it upon itself.
    pub fn path(&self, name: &str) -> Result<Path, MapError> {
        let whole = |problem: String| Source { file: &self.file, text: "" }.whole(problem);
        let named = self.paths.iter().find(|path| path.name == name).ok_or_else(|| {
            let names: Vec<&str> = self.paths.iter().map(|path| path.name.as_str()).collect();
            let expected = if names.is_empty() { "a map with paths".to_string() } else { names.join(", ") };
            whole(format!("the map has no path \"{name}\"")).expected(format!("one of: {expected}"))
        })?;
        let points = path::sample(&self.roads, &named.stretches).ok_or_else(|| {
            whole(format!("path \"{name}\" is too long"))
                .expected(format!("at most {} points, one every 0.25 to 0.5 m", path::MAX_POINTS))
        })?;
        Path::new(points, named.closed).map_err(|e| whole(format!("path \"{name}\" is unusable: {e}")))
    }
}

/// An endless plane has one friction: that of the surface.
fn plane(around: Surroundings) -> Surface {
    Surface::plane(Surroundings { off_road_friction: around.friction, ..around })
}

/// The file's origin and the map's anchor are one place, to a centimetre.
fn check_origin(source: Source, anchor: &Geodetic, origin: Option<(f64, f64)>) -> Result<(), MapError> {
    let Some((lat, lon)) = origin else { return Ok(()) };
    if (lat - anchor.lat_deg).abs() < 1e-7 && (lon - anchor.lon_deg).abs() < 1e-7 {
        return Ok(());
    }
    let at = source.text.find("[anchor]").unwrap_or(0);
    Err(source
        .error(at, "the anchor is not the origin of the OpenDRIVE file's geographic reference")
        .expected(format!("lat_deg = {lat}, lon_deg = {lon}"))
        .got(format!("lat_deg = {}, lon_deg = {}", anchor.lat_deg, anchor.lon_deg)))
}

fn barriers(source: Source, tables: &[BarrierTable], ground: &MapGround) -> Result<Vec<Barrier>, MapError> {
    let mut barriers: Vec<Barrier> = Vec::new();
    for table in tables {
        let name = table.name.get_ref();
        if barriers.iter().any(|other| other.name == *name) {
            return Err(
                source.error(table.name.span().start, format!("barrier name \"{name}\" is used twice"))
            );
        }
        let foot = ground.at(table.x_m, table.y_m).height_m;
        barriers.push(Barrier {
            name: name.clone(),
            centre_m: [table.x_m, table.y_m, foot + 0.5 * table.height_m],
            size_m: [table.length_m, table.width_m, table.height_m],
            heading_rad: table.heading_deg.to_radians(),
        });
    }
    Ok(barriers)
}

fn paths(source: Source, tables: &[PathTable], roads: &[Road]) -> Result<Vec<NamedPath>, MapError> {
    let mut paths: Vec<NamedPath> = Vec::new();
    for table in tables {
        let (name, at) = (table.name.get_ref(), table.name.span().start);
        if paths.iter().any(|other| other.name == *name) {
            return Err(source.error(at, format!("path name \"{name}\" is used twice")));
        }
        if table.segments.is_empty() {
            return Err(source.error(at, format!("path \"{name}\" has no segment")));
        }
        let mut stretches = Vec::new();
        let mut end: Option<PathPoint> = None;
        let mut first: Option<PathPoint> = None;
        for segment in &table.segments {
            let stretch = stretch(source, segment, roads)?;
            let (start, finish) = path::ends(roads, &stretch);
            if let Some(end) = &end {
                meets(source, segment.road.span().start, end, &start)?;
            }
            first = first.or(Some(start));
            end = Some(finish);
            stretches.push(stretch);
        }
        if let (true, Some(end), Some(first)) = (table.closed, &end, &first) {
            meets(source, at, end, first)?;
        }
        paths.push(NamedPath {
            name: name.clone(),
            description: table.description.clone(),
            closed: table.closed,
            stretches,
        });
    }
    Ok(paths)
}

fn stretch(source: Source, segment: &SegmentTable, roads: &[Road]) -> Result<Stretch, MapError> {
    let (id, at) = (segment.road.get_ref(), segment.road.span().start);
    let Some(index) = roads.iter().position(|road| road.id == *id) else {
        let ids: Vec<&str> = roads.iter().map(|road| road.id.as_str()).collect();
        return Err(source
            .error(at, format!("there is no road \"{id}\""))
            .expected(format!("one of: {}", ids.join(", "))));
    };
    let road = &roads[index];
    let [from_m, to_m] = match &segment.s_m {
        None => [0.0, road.length_m],
        Some(range) => {
            let [from, to] = *range.get_ref();
            if !(from >= 0.0 && to - from >= 0.1 && to <= road.length_m + 1e-6) {
                return Err(source
                    .error(range.span().start, "these stations are not a stretch of the road")
                    .expected(format!("[from, to] with 0 <= from < to <= {}", road.length_m))
                    .got(format!("[{from}, {to}]")));
            }
            [from, to.min(road.length_m)]
        }
    };
    let lane = segment.lane.as_ref().map(|lane| *lane.get_ref());
    if let Some(lane) = &segment.lane {
        let all = road.sections.iter().enumerate().filter(|(i, section)| {
            let end = road.sections.get(i + 1).map_or(f64::INFINITY, |next| next.s_m);
            section.s_m < to_m && end > from_m
        });
        for (_, section) in all {
            if section.lane(*lane.get_ref()).is_none() {
                let ids = section.left.iter().rev().chain(&section.right).map(|lane| lane.id.to_string());
                return Err(source
                    .error(
                        lane.span().start,
                        format!("road \"{id}\" has no such lane at s = {}", section.s_m),
                    )
                    .expected(format!("one of: {}", ids.collect::<Vec<_>>().join(", ")))
                    .got(lane.get_ref()));
            }
        }
    }
    Ok(Stretch { road: index, lane, offset_m: segment.offset_m, from_m, to_m, backward: segment.backward })
}

/// A path must go on where it was, in the direction it had.
fn meets(source: Source, at: usize, end: &PathPoint, start: &PathPoint) -> Result<(), MapError> {
    let gap = libm::sqrt(
        (start.x_m - end.x_m) * (start.x_m - end.x_m)
            + (start.y_m - end.y_m) * (start.y_m - end.y_m)
            + (start.z_m - end.z_m) * (start.z_m - end.z_m),
    );
    let kink = libm::remainder(start.heading_rad - end.heading_rad, std::f64::consts::TAU);
    if gap <= 0.01 && kink.abs() <= 1e-3 {
        return Ok(());
    }
    Err(source
        .error(at, "the path is broken here")
        .expected(format!(
            "to go on at x = {:.3}, y = {:.3}, z = {:.3}, heading {:.4} rad",
            end.x_m, end.y_m, end.z_m, end.heading_rad
        ))
        .got(format!("a gap of {gap:.3} m and a kink of {kink:.4} rad")))
}

/// A number that satisfies `accept`; the TOML reader adds the place.
fn number<'de, D: Deserializer<'de>>(
    deserializer: D,
    accept: impl Fn(f64) -> bool,
    expected: &'static str,
) -> Result<f64, D::Error> {
    let value = f64::deserialize(deserializer)?;
    if accept(value) { Ok(value) } else { Err(D::Error::invalid_value(Unexpected::Float(value), &expected)) }
}

fn schema_one<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    let value = u32::deserialize(deserializer)?;
    if value == 1 {
        Ok(value)
    } else {
        Err(D::Error::invalid_value(Unexpected::Unsigned(value.into()), &"schema 1"))
    }
}

fn latitude<'de, D: Deserializer<'de>>(d: D) -> Result<f64, D::Error> {
    number(d, |v| v.abs() <= 89.0, "a latitude of -89 to 89 degrees")
}

fn longitude<'de, D: Deserializer<'de>>(d: D) -> Result<f64, D::Error> {
    number(d, |v| v.abs() <= 180.0, "a longitude of -180 to 180 degrees")
}

fn height<'de, D: Deserializer<'de>>(d: D) -> Result<f64, D::Error> {
    number(d, |v| v.abs() <= 1e4, "a height of -10000 to 10000 m")
}

fn friction<'de, D: Deserializer<'de>>(d: D) -> Result<f64, D::Error> {
    number(d, |v| (0.01..=2.0).contains(&v), "a friction scale of 0.01 to 2")
}

fn shoulder<'de, D: Deserializer<'de>>(d: D) -> Result<f64, D::Error> {
    number(d, |v| (0.0..=100.0).contains(&v), "a width of 0 to 100 m")
}

fn coordinate<'de, D: Deserializer<'de>>(d: D) -> Result<f64, D::Error> {
    number(d, |v| v.abs() <= 1e6, "a coordinate within 1e6 m")
}

fn size<'de, D: Deserializer<'de>>(d: D) -> Result<f64, D::Error> {
    number(d, |v| (0.01..=10_000.0).contains(&v), "a size of 0.01 to 10000 m")
}

fn angle_deg<'de, D: Deserializer<'de>>(d: D) -> Result<f64, D::Error> {
    number(d, |v| v.abs() <= 360.0, "an angle of -360 to 360 degrees")
}
