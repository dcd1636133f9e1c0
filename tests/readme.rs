//! The README is true.

mod common;
use common::{Story, repository, skidpad};
use std::fs;

#[test]
fn the_scenario_of_the_readme_runs_and_passes() {
    let text = fs::read_to_string(repository().join("README.md")).unwrap();
    let begin = text.find("```toml\n").expect("a scenario in the README") + "```toml\n".len();
    let length = text[begin..].find("```").expect("its end");
    let story = Story::new("readme");
    let file = story.file("example.toml", &text[begin..begin + length]);
    skidpad(&["check", &file]).expect(0);
    skidpad(&["run", &file]).expect(0);
}

#[test]
fn every_shipped_scenario_is_in_the_table_of_the_readme() {
    let text = fs::read_to_string(repository().join("README.md")).unwrap();
    let listed = skidpad(&["list"]).expect(0).stdout;
    let names: Vec<&str> = listed
        .lines()
        .filter_map(|line| {
            line.trim_start().strip_prefix("scenarios/")?.split_once(".toml")?.1.split(": ").next()
        })
        .map(str::trim)
        .collect();
    assert!(names.len() >= 12, "{names:?}");
    for name in names {
        assert!(text.contains(name), "`{name}` is not in the README's table");
    }
}
