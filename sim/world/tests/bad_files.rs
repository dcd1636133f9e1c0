//! A wrong file is refused with its place and what would have been right, never with a panic.

mod common;

use common::{TOML, XODR, map_of, road, toml_with};
use proptest::prelude::*;
use skidpad_world::{Map, MapFile, parse_opendrive};

const LINE: &str = "<geometry s=\"0\" x=\"0\" y=\"0\" hdg=\"0\" length=\"50\"><line/></geometry>";

/// The error text of a shipped road file with one thing changed, which must occur in it.
fn xodr_error(from: &str, to: &str) -> String {
    assert!(XODR.contains(from), "{from}");
    Map::from_parts(TOML, "map.toml", Some(&XODR.replacen(from, to, 1)), "roads.xodr")
        .unwrap_err()
        .to_string()
}

fn toml_error(from: &str, to: &str) -> String {
    assert!(TOML.contains(from), "{from}");
    Map::from_parts(&TOML.replacen(from, to, 1), "map.toml", Some(XODR), "roads.xodr")
        .unwrap_err()
        .to_string()
}

/// Line and column of the first place of `text` in `file`, as an error prints them.
fn place(name: &str, file: &str, text: &str) -> String {
    let at = file.find(text).unwrap();
    let line = file[..at].matches('\n').count() + 1;
    let column = at - file[..at].rfind('\n').map_or(0, |n| n + 1) + 1;
    format!("{name}:{line}:{column}: ")
}

#[test]
fn a_wrong_road_file_is_refused_at_the_right_place() {
    let curvature = "curvature=\"0.033333333333333\"";
    let cases = [
        (curvature, "curvature=\"NaN\"", "finite number"),
        (curvature, "curvature=\"inf\"", "finite number"),
        (curvature, "curvature=\"0,03\"", "got \"0,03\""),
        (curvature, "curvature=\"33\"", "at most 10 1/m"),
        ("length=\"1300\" junction", "length=\"-1300\" junction", "above 0"),
        ("length=\"1300\" junction", "length=\"1299\" junction", "expected 1300, got \"1299\""),
        ("s=\"94.247779608\"", "s=\"95\"", "expected s = 94.247779608"),
        ("id=\"-2\" type", "id=\"2\" type", "negative integer"),
        ("friction=\"0.12\"", "friction=\"-0.12\"", "0.01 to 2"),
        ("<arc ", "<paramPoly3 ", "convert the curve to spirals"),
        ("x=\"170\"", "x=\"170.5\"", "gap of 0.5"),
    ];
    for (from, to, says) in cases {
        let error = xodr_error(from, to);
        assert!(error.contains(says), "{to}: {error}");
        assert!(error.starts_with("roads.xodr:"), "{error}");
    }
    assert!(xodr_error(curvature, "curvature=\"x\"").starts_with(&place("roads.xodr", XODR, curvature)));
    assert!(xodr_error("hdg=\"-1.570796326795\"", "hdg=\"-1.56\"").contains("kink"));
    assert!(xodr_error("+lat_0=35", "+lat_0=36").contains("expected lat_deg = 36"));
    assert!(xodr_error("<road id=\"skid_pad_30\"", "<road id=\"straight\"").contains("used twice"));
    assert!(xodr_error("contactPoint=\"end\"", "contactPoint=\"middle\"").contains("\"start\" or \"end\""));
    assert!(xodr_error("elementId=\"skid_pad_30\"", "elementId=\"nowhere\"").contains("does not exist"));
    assert!(xodr_error("elementId=\"skid_pad_30\"", "elementId=\"slalom\"").contains("does not meet"));
}

#[test]
fn features_that_would_change_the_ground_are_refused_not_ignored() {
    let refused =
        |plan: &str, more: &str| parse_opendrive(&road(50.0, plan, more), "r").unwrap_err().to_string();
    let shape = "<lateralProfile><shape s=\"0\" t=\"0\" a=\"0\" b=\"0.1\" c=\"0\" d=\"0\"/></lateralProfile>";
    assert!(refused(LINE, shape).contains("<shape> is not supported"));
    assert!(
        refused(&LINE.replace("<line/>", "<poly3 a=\"0\" b=\"0\" c=\"0\" d=\"0\"/>"), "").contains("<poly3>")
    );
    let lane = |inside: &str| {
        let text = road(50.0, LINE, "").replacen("<width", &format!("{inside}<width"), 1);
        parse_opendrive(&text, "r").unwrap_err().to_string()
    };
    assert!(lane("<height sOffset=\"0\" inner=\"0.1\" outer=\"0.1\"/>").contains("<height>"));
    assert!(lane("<border sOffset=\"0\" a=\"4\" b=\"0\" c=\"0\" d=\"0\"/>").contains("<border>"));
    let gap = "<elevationProfile><elevation s=\"5\" a=\"0\" b=\"0\" c=\"0\" d=\"0\"/></elevationProfile>";
    assert!(refused(LINE, gap).contains("leaves a gap"));
    let back = "<elevationProfile><elevation s=\"0\" a=\"0\" b=\"0\" c=\"0\" d=\"0\"/>\
<elevation s=\"9\" a=\"0\" b=\"0\" c=\"0\" d=\"0\"/><elevation s=\"8\" a=\"0\" b=\"0\" c=\"0\" d=\"0\"/></elevationProfile>";
    assert!(refused(LINE, back).contains("out of order"));
    let high = "<elevationProfile><elevation s=\"0\" a=\"1e6\" b=\"0\" c=\"0\" d=\"0\"/></elevationProfile>";
    assert!(refused(LINE, high).contains("above the map's plane"));
}

#[test]
fn broken_xml_is_refused_with_its_place() {
    let error = |text: &str| parse_opendrive(text, "r").unwrap_err().to_string();
    assert!(error("").contains("no root element"));
    assert!(error("<OpenDRIVE>").contains("never closed"));
    assert!(error("<OpenDRIVE>\n  <header></road></OpenDRIVE>").starts_with("r:2:"));
    assert!(error("<OpenDRIVE><header a=1/></OpenDRIVE>").contains("malformed attribute"));
    assert!(error("<net/>").contains("expected <OpenDRIVE>, got net"));
    assert!(error("<OpenDRIVE/><OpenDRIVE/>").contains("second root"));
    let bomb = "<!DOCTYPE b [<!ENTITY a \"aaaa\"><!ENTITY b \"&a;&a;\">]><OpenDRIVE>&b;</OpenDRIVE>";
    assert!(error(bomb).contains("document type"));
    let deep = format!("<OpenDRIVE>{}", "<userData>".repeat(1_000_000));
    assert!(error(&deep).contains("nested too deeply"));
    let wide = format!("<OpenDRIVE>{}</OpenDRIVE>", "<road/>".repeat(400_000));
    assert!(error(&wide).contains("too many elements"));
    let long = format!("<OpenDRIVE>{}</OpenDRIVE>", " ".repeat(64 << 20));
    assert!(error(&long).contains("too large"));
}

#[test]
fn a_wrong_map_file_is_refused_at_the_right_place() {
    let cases = [
        ("schema = 1", "schema = 2", "schema 1"),
        ("lat_deg = 35.0", "lat_deg = 350.0", "-89 to 89"),
        ("lat_deg = 35.0", "lat_deg = nan", "-89 to 89"),
        ("lat_deg = 35.0", "latitude = 35.0", "unknown field `latitude`"),
        ("off_road_friction = 0.6", "off_road_friction = 0.0", "0.01 to 2"),
        ("shoulder_m = 10.0", "shoulder_m = \"wide\"", "expected f64"),
        ("road = \"slalom\"", "road = \"salom\"", "there is no road \"salom\""),
        ("lane = 2", "lane = 3", "expected one of: 2, 1, -1, -2, -3, -4"),
        ("name = \"slalom\"", "name = \"straight\"", "used twice"),
        ("name = \"side_wall\"", "name = \"crash_wall\"", "used twice"),
        ("[{ road = \"slalom\" }]", "[]", "has no segment"),
        (
            "[{ road = \"slalom\" }]",
            "[{ road = \"slalom\" }, { road = \"lane_change\" }]",
            "the path is broken here",
        ),
        ("[{ road = \"slalom\" }]", "[{ road = \"slalom\", s_m = [9.0, 1e4] }]", "<= 400"),
        ("[anchor]", "[anchors]", "unknown field `anchors`"),
    ];
    for (from, to, says) in cases {
        let error = toml_error(from, to);
        assert!(error.contains(says), "{to}: {error}");
        assert!(error.starts_with("map.toml:"), "{error}");
    }
    let error = toml_error("road = \"slalom\"", "road = \"salom\"");
    assert!(error.starts_with(&place("map.toml", TOML, "\"slalom\" }")), "{error}");
    let closed = "description = \"slalom, gates";
    assert!(toml_error(closed, &format!("closed = true\n{closed}")).contains("the path is broken"));
    assert!(Map::from_parts(TOML, "map.toml", None, "").unwrap_err().to_string().contains("was not found"));
    let huge = format!("#{}", "x".repeat(5 << 20));
    assert!(MapFile::from_toml(&huge, "m").unwrap_err().to_string().contains("too large"));
}

#[test]
fn the_schema_names_every_table_and_key() {
    let schema = schemars::schema_for!(MapFile).to_value().to_string();
    for key in
        ["anchor", "opendrive", "surface", "barrier", "path", "segment", "s_m", "backward", "shoulder_m"]
    {
        assert!(schema.contains(&format!("\"{key}\"")), "{key}");
    }
}

#[test]
fn a_path_may_use_part_of_a_road_backward_and_in_a_lane() {
    let extra = "[[path]]\nname = \"p\"\ndescription = \"d\"\nsegment = [{ road = \"1\", lane = 1, s_m = [10.0, 40.0], backward = true }]\n";
    let path = map_of(&road(50.0, LINE, ""), extra).path("p").unwrap();
    let (first, last) = (path.at(0.0), path.at(1e9));
    assert!((path.length_m() - 30.0).abs() < 1e-12);
    assert!((first.x_m - 40.0).abs() < 1e-12 && (first.y_m - 2.0).abs() < 1e-12);
    assert!(
        (last.x_m - 10.0).abs() < 1e-12 && (first.heading_rad.abs() - std::f64::consts::PI).abs() < 1e-12
    );
}

#[test]
fn a_lane_centre_beside_an_arc_has_its_own_radius_and_length() {
    let arc =
        "<geometry s=\"0\" x=\"0\" y=\"0\" hdg=\"0\" length=\"50\"><arc curvature=\"0.02\"/></geometry>";
    for (lane, radius) in [(1, 48.0), (-1, 52.0)] {
        let extra = format!(
            "[[path]]\nname = \"p\"\ndescription = \"d\"\nsegment = [{{ road = \"1\", lane = {lane} }}]\n"
        );
        let path = map_of(&road(50.0, arc, ""), &extra).path("p").unwrap();
        assert!((path.length_m() - radius).abs() < 1e-9, "one radian");
        assert!(path.points().iter().all(|p| (p.curvature_1pm - 1.0 / radius).abs() < 1e-12));
    }
}

#[test]
fn a_path_blown_up_by_its_offset_is_refused_before_it_fills_the_memory() {
    let arc = "<geometry s=\"0\" x=\"0\" y=\"0\" hdg=\"0\" length=\"6.2\"><arc curvature=\"10\"/></geometry>";
    let extra =
        "[[path]]\nname = \"p\"\ndescription = \"d\"\nsegment = [{ road = \"1\", offset_m = -1e6 }]\n";
    let error = map_of(&road(6.2, arc, ""), extra).path("p").unwrap_err().to_string();
    assert!(error.contains("path \"p\" is too long") && error.contains("at most 1000000 points"), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn random_text_never_panics(text in "\\PC{0,200}", xml in "[<>/a-z\"= 0-9&;!\\[\\]-]{0,200}") {
        let _ = parse_opendrive(&text, "r");
        let _ = parse_opendrive(&xml, "r");
        let _ = parse_opendrive(&format!("<OpenDRIVE>{xml}</OpenDRIVE>"), "r");
        let _ = MapFile::from_toml(&text, "m");
        let _ = Map::from_parts(&toml_with(&text), "m", Some(&xml), "r");
    }

    #[test]
    fn random_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let text = String::from_utf8_lossy(&bytes);
        let _ = parse_opendrive(&text, "r");
        let _ = MapFile::from_toml(&text, "m");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// Whatever still parses after damage is a map that answers.
    #[test]
    fn a_damaged_road_file_never_panics(
        cuts in prop::collection::vec((any::<prop::sample::Index>(), 0usize..12, "[-0-9.eE\"<>/a-zN ]{0,6}"), 1..4)
    ) {
        let mut text = XODR.to_string();
        for (at, length, with) in &cuts {
            let at = at.index(text.len());
            let end = (at + length).min(text.len());
            text.replace_range(at..end, with);
        }
        if let Ok(map) = Map::from_parts(TOML, "map.toml", Some(&text), "roads.xodr") {
            for path in map.paths() {
                let _ = map.path(&path.name);
            }
            assert!(map.ground().at(100.0, 1.0).height_m.is_finite());
        }
    }
}
