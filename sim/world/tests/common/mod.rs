//! The shipped maps, and a small map writer for laws that need roads of their own.
#![allow(dead_code)]

use skidpad_world::Map;

pub const TOML: &str = include_str!("../../../../maps/proving_ground/map.toml");
pub const XODR: &str = include_str!("../../../../maps/proving_ground/proving_ground.xodr");
pub const PLANE: &str = include_str!("../../../../maps/open_plane/map.toml");

pub fn proving_ground() -> Map {
    Map::from_parts(TOML, "map.toml", Some(XODR), "proving_ground.xodr").unwrap_or_else(|e| panic!("{e}"))
}

/// A map file around `extra`, with an anchor and a road file.
pub fn toml_with(extra: &str) -> String {
    format!(
        "schema = 1\ntitle = \"t\"\nopendrive = \"t.xodr\"\n[anchor]\nlat_deg = 35.0\nlon_deg = -117.0\nheight_m = 0.0\n{extra}"
    )
}

/// One road, two lanes of 4 m, from the inside of `<planView>` and further children of `<road>`.
pub fn road(length: f64, plan: &str, more: &str) -> String {
    format!(
        "<OpenDRIVE><header revMajor=\"1\" revMinor=\"8\"/><road id=\"1\" length=\"{length}\">\
<planView>{plan}</planView>{more}<lanes><laneSection s=\"0\">\
<left><lane id=\"1\" type=\"driving\"><width sOffset=\"0\" a=\"4\" b=\"0\" c=\"0\" d=\"0\"/></lane></left>\
<center><lane id=\"0\"/></center>\
<right><lane id=\"-1\" type=\"driving\"><width sOffset=\"0\" a=\"4\" b=\"0\" c=\"0\" d=\"0\"/></lane></right>\
</laneSection></lanes></road></OpenDRIVE>"
    )
}

pub fn map_of(xodr: &str, extra: &str) -> Map {
    Map::from_parts(&toml_with(extra), "map.toml", Some(xodr), "t.xodr").unwrap_or_else(|e| panic!("{e}"))
}
