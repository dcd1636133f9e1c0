//! The exact text that a user or a tool gets.

use proptest::prelude::*;
use skidpad_report::{
    Event, Outcome, OutsideResult, PaceResult, ScenarioResult, StackResult, TableStyle, junit_xml,
    report_json, table, timing_json,
};
use skidpad_score::{EventLimits, Metrics, PassLimits, verdict};

fn passing() -> ScenarioResult {
    let metrics = Metrics {
        lateral_error_rms_m: 0.0384,
        lateral_error_max_m: 0.1152,
        heading_error_rms_deg: 0.742,
        speed_error_rms_mps: 0.0913,
        end_station_error_m: -0.034,
        stopped: true,
        ..Metrics::default()
    };
    let limits = PassLimits { lateral_error_max_m: Some(0.25), ..PassLimits::default() };
    ScenarioResult {
        name: "loop 20 km/h".into(),
        file: "scenarios/follow/loop_20.toml".into(),
        seed: 7,
        verdict: Some(verdict(&metrics, &limits, &[] as &[(f64, &str)])),
        metrics,
        events: vec![],
        truth_hash: "00c0ffee".into(),
        simulated_s: 40.0,
        wall_s: 0.1,
        error: None,
        invalid: None,
        explanations: vec![],
        outside: None,
    }
}

fn failing() -> ScenarioResult {
    let metrics = Metrics {
        lateral_error_rms_m: 1.25,
        lateral_error_max_m: 3.5,
        heading_error_rms_deg: 12.25,
        ..Metrics::default()
    };
    let limits = PassLimits {
        lateral_error_rms_m: Some(2.0),
        lateral_error_max_m: Some(0.3),
        speed_error_rms_mps: Some(0.25),
        stopped: Some(true),
        events: EventLimits { require: vec!["bywire_timeout".into()], forbid: None },
        ..PassLimits::default()
    };
    ScenarioResult {
        name: "command frames lost".into(),
        file: "scenarios/bywire/lost.toml".into(),
        verdict: Some(verdict(&metrics, &limits, &[(3.25, "collision")])),
        metrics,
        events: vec![Event {
            time_s: 3.25,
            name: "collision".into(),
            detail: "hull against barrier 2".into(),
        }],
        simulated_s: 12.5,
        wall_s: 0.05,
        explanations: vec!["The car hit something after 3.25 s.".into()],
        outside: None,
        ..passing()
    }
}

fn broken() -> ScenarioResult {
    ScenarioResult {
        name: "external control".into(),
        file: "scenarios/external.toml".into(),
        verdict: None,
        metrics: Metrics::default(),
        truth_hash: String::new(),
        simulated_s: 0.0,
        wall_s: 0.0,
        error: Some("the control seat did not answer\nwaited 2.0 s for 127.0.0.1:9000".into()),
        ..passing()
    }
}

#[test]
fn the_table_is_one_line_a_scenario_then_the_broken_limits_then_the_totals() {
    let style = TableStyle { elapsed_s: Some(0.105), ..TableStyle::default() };
    let expected = "\
scenario             verdict  lateral  lateral  heading    speed  end stn   simul.   x real
                                rms m    max m  rms deg  rms m/s        m        s     time
loop 20 km/h         pass       0.038    0.115     0.74    0.091    -0.03     40.0      400
command frames lost  FAIL       1.250    3.500    12.25        -        -     12.5      250
external control     ERROR          -        -        -        -        -      0.0        -

FAIL  command frames lost  (scenarios/bywire/lost.toml)
      lateral_error_max_m                  3.500 m   at most 0.300 m     margin -3.200 m
      speed_error_rms_mps             not measured   at most 0.250 m/s
      stopped                                    0   exactly 1           margin -1
      events.require: bywire_timeout             0   at least 1          margin -1
      events.forbid: collision                   1   at most 0           margin -1
      The car hit something after 3.25 s.

ERROR  external control  (scenarios/external.toml)
      the control seat did not answer
      waited 2.0 s for 127.0.0.1:9000

3 scenarios: 1 passed, 1 failed, 1 error; 52.5 s simulated in 0.10 s, 500 times real time
";
    let found = table(&[passing(), failing(), broken()], &style);
    assert_eq!(found, expected, "\n{found}");
    assert!(found.lines().all(|line| line.chars().count() <= 100));
}

#[test]
fn a_suite_that_passes_ends_after_its_totals() {
    let expected = "\
scenario          verdict  lateral  lateral  heading    speed  end stn   simul.   x real
                             rms m    max m  rms deg  rms m/s        m        s     time
loop 20 km/h      pass       0.038    0.115     0.74    0.091    -0.03     40.0      400

1 scenario: 1 passed; 40.0 s simulated
";
    let found = table(&[passing()], &TableStyle::default());
    assert_eq!(found, expected, "\n{found}");
}

#[test]
fn an_empty_suite_is_said_to_be_empty() {
    assert_eq!(table(&[], &TableStyle::default()), "no scenarios\n");
    assert_eq!(
        report_json(&[]),
        format!(
            "{{\n  \"schema\": \"skidpad.report/1\",\n  \"skidpad_version\": \"{}\",\n  \"count\": {{\n    \"scenarios\": 0,\n    \"passed\": 0,\n    \"failed\": 0,\n    \"errors\": 0\n  }},\n  \"scenarios\": []\n}}\n",
            env!("CARGO_PKG_VERSION")
        )
    );
    let expected = "\
<?xml version=\"1.0\" encoding=\"UTF-8\"?>
<testsuites name=\"skidpad\" tests=\"0\" skipped=\"0\" failures=\"0\" errors=\"0\">
    <testsuite name=\"skidpad\" tests=\"0\" skipped=\"0\" errors=\"0\" failures=\"0\"/>
</testsuites>
";
    assert_eq!(junit_xml(&[]), expected);
}

#[test]
fn long_names_are_cut_to_the_width_of_the_terminal() {
    let long = ScenarioResult { name: "n".repeat(200), ..passing() };
    for width in [100, 120] {
        let found = table(std::slice::from_ref(&long), &TableStyle { width, ..TableStyle::default() });
        let line = found.lines().nth(2).unwrap();
        assert_eq!(line.chars().count(), width, "{line}");
        assert!(line.contains("nnn...  pass"));
    }
}

#[test]
fn columns_stay_aligned_whatever_the_numbers() {
    let metrics = Metrics {
        lateral_error_rms_m: 123_456.789,
        lateral_error_max_m: 1.0e12,
        heading_error_rms_deg: f64::INFINITY,
        speed_error_rms_mps: -0.0001,
        end_station_error_m: -98_765.432_1,
        ..Metrics::default()
    };
    let wild = ScenarioResult { metrics, wall_s: 1e-9, ..passing() };
    let found = table(&[wild, passing()], &TableStyle::default());
    let lines: Vec<&str> = found.lines().collect();
    assert_eq!(
        lines[2],
        "loop 20 km/h      pass    123456.8   1.0e12        -    0.000 -98765.4     40.0   4.0e10"
    );
    assert_eq!(lines[2].len(), lines[3].len());
}

#[test]
fn colour_marks_the_verdicts_and_nothing_else() {
    let results = [passing(), failing(), broken()];
    let plain = table(&results, &TableStyle::default());
    let colored = table(&results, &TableStyle { color: true, ..TableStyle::default() });
    assert!(!plain.contains('\u{1b}'));
    assert_eq!(colored.matches("\u{1b}[32mpass   \u{1b}[0m").count(), 1);
    assert_eq!(colored.matches("\u{1b}[31mFAIL").count(), 2);
    assert_eq!(colored.matches("\u{1b}[35mERROR").count(), 2);
    let stripped = ["\u{1b}[32m", "\u{1b}[31m", "\u{1b}[35m", "\u{1b}[0m"]
        .iter()
        .fold(colored, |text, code| text.replace(code, ""));
    assert_eq!(stripped, plain);
}

#[test]
fn report_json_has_its_keys_in_a_fixed_order() {
    let found = report_json(&[failing()]);
    let value: serde_json::Value = serde_json::from_str(&found).unwrap();
    let scenario = &value["scenarios"][0];
    assert_eq!(value["schema"], "skidpad.report/1");
    assert_eq!(value["count"]["failed"], 1);
    assert_eq!(scenario["verdict"], "fail");
    assert_eq!(scenario["seed"], 7);
    assert_eq!(scenario["error"], serde_json::Value::Null);
    assert_eq!(scenario["metrics"]["lateral_error_rms_m"], 1.25);
    assert_eq!(scenario["metrics"]["speed_error_rms_mps"], serde_json::Value::Null);
    assert_eq!(scenario["events"][0]["name"], "collision");
    assert_eq!(scenario["limits"].as_array().unwrap().len(), 6);
    let at = |key: &str| found.find(key).unwrap_or_else(|| panic!("{key} in {found}"));
    let keys = [
        "schema",
        "skidpad_version",
        "count",
        "scenarios\": [",
        "name",
        "file",
        "seed",
        "verdict",
        "error\": null",
        "simulated_s",
        "truth_hash",
        "metrics",
        "limits",
        "events\": [",
        "explanations",
    ];
    assert!(keys.windows(2).all(|pair| at(pair[0]) < at(pair[1])));
    let limit = "\
        {
          \"name\": \"speed_error_rms_mps\",
          \"bound\": \"at_most\",
          \"limit\": 0.25,
          \"value\": null,
          \"margin\": null,
          \"passed\": false,
          \"unit\": \"m/s\"
        },
";
    assert!(found.contains(limit), "{found}");
    let event = "\
      \"events\": [
        {
          \"time_s\": 3.25,
          \"name\": \"collision\",
          \"detail\": \"hull against barrier 2\"
        }
      ],
";
    assert!(found.contains(event), "{found}");
}

#[test]
fn reports_do_not_depend_on_how_long_the_run_took() {
    let slow = ScenarioResult { wall_s: 1e3, ..passing() };
    assert_eq!(report_json(&[passing()]), report_json(std::slice::from_ref(&slow)));
    assert_eq!(junit_xml(&[passing()]), junit_xml(std::slice::from_ref(&slow)));
    assert_ne!(timing_json(&[passing()]), timing_json(&[slow]));
}

#[test]
fn timing_json_holds_the_wall_times() {
    let expected = format!(
        "\
{{
  \"schema\": \"skidpad.timing/1\",
  \"skidpad_version\": \"{}\",
  \"simulated_s\": 40.0,
  \"wall_s\": 0.1,
  \"scenarios\": [
    {{
      \"name\": \"loop 20 km/h\",
      \"file\": \"scenarios/follow/loop_20.toml\",
      \"simulated_s\": 40.0,
      \"wall_s\": 0.1,
      \"times_real_time\": 400.0
    }},
    {{
      \"name\": \"external control\",
      \"file\": \"scenarios/external.toml\",
      \"simulated_s\": 0.0,
      \"wall_s\": 0.0,
      \"times_real_time\": null
    }}
  ]
}}
",
        env!("CARGO_PKG_VERSION")
    );
    assert_eq!(timing_json(&[passing(), broken()]), expected);
}

#[test]
fn junit_has_one_case_a_scenario_and_its_failure_lists_the_broken_limits() {
    let expected = r#"<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="skidpad" tests="3" skipped="0" failures="1" errors="1">
    <testsuite name="skidpad" tests="3" skipped="0" errors="1" failures="1">
        <testcase name="loop 20 km/h" classname="scenarios/follow/loop_20.toml" time="40.000">
            <properties>
                <property name="seed" value="7"/>
                <property name="truth_hash" value="00c0ffee"/>
            </properties>
        </testcase>
        <testcase name="command frames lost" classname="scenarios/bywire/lost.toml" time="12.500">
            <properties>
                <property name="seed" value="7"/>
                <property name="truth_hash" value="00c0ffee"/>
            </properties>
            <failure message="5 of 6 limits broken: lateral_error_max_m, speed_error_rms_mps, stopped, events.require: bywire_timeout, events.forbid: collision" type="limit">lateral_error_max_m: 3.500 m, at most 0.300 m, margin -3.200 m
speed_error_rms_mps: not measured, at most 0.250 m/s
stopped: 0, exactly 1, margin -1
events.require: bywire_timeout: 0, at least 1, margin -1
events.forbid: collision: 1, at most 0, margin -1
The car hit something after 3.25 s.</failure>
        </testcase>
        <testcase name="external control" classname="scenarios/external.toml" time="0.000">
            <properties>
                <property name="seed" value="7"/>
                <property name="truth_hash" value=""/>
            </properties>
            <error message="the control seat did not answer" type="error">the control seat did not answer
waited 2.0 s for 127.0.0.1:9000</error>
        </testcase>
    </testsuite>
</testsuites>
"#;
    let found = junit_xml(&[passing(), failing(), broken()]);
    assert_eq!(found, expected, "\n{found}");
}

#[test]
fn xml_special_characters_are_escaped() {
    let odd = ScenarioResult {
        name: "a<b>&\"c\"'d' ]]>".into(),
        error: Some("<boom> & \u{1b}[31mred\u{0}".into()),
        ..broken()
    };
    let found = junit_xml(std::slice::from_ref(&odd));
    assert!(found.contains("name=\"a&lt;b&gt;&amp;&quot;c&quot;&apos;d&apos; ]]&gt;\""), "{found}");
    assert!(found.contains(">&lt;boom&gt; &amp; \u{fffd}[31mred\u{fffd}</error>"), "{found}");
    let read = quick_junit::Report::deserialize_from_str(&found).unwrap();
    assert_eq!(read.test_suites[0].test_cases[0].name.as_str(), odd.name);
}

#[test]
fn a_name_cannot_move_the_cursor_or_break_the_table() {
    let evil = ScenarioResult { name: "up\u{1b}[2A\r\nnew\tline".into(), ..passing() };
    let found = table(std::slice::from_ref(&evil), &TableStyle::default());
    assert!(found.contains("up\u{fffd}[2A\u{fffd}\u{fffd}new\u{fffd}line"));
    assert_eq!(found.lines().count(), 5);
    assert!(!found.contains('\u{1b}') && !found.contains('\r'));
}

#[test]
fn a_result_with_an_error_is_no_pass_whatever_its_verdict() {
    let both = ScenarioResult { error: Some("interrupted".into()), ..passing() };
    assert_eq!(both.outcome(), Outcome::Error);
    assert_eq!(ScenarioResult { verdict: None, ..passing() }.outcome(), Outcome::Error);
    let json = report_json(&[both]);
    assert!(json.contains("\"verdict\": \"error\"") && json.contains("\"error\": \"interrupted\""));
    let neither = ScenarioResult { verdict: None, ..passing() };
    assert!(junit_xml(&[neither]).contains("<error message=\"the run has no verdict\""));
}

#[test]
fn an_invalid_run_has_neither_passed_nor_failed() {
    let reason = "the machine was too slow to judge the stack: a tick began 149 ms late";
    let invalid = ScenarioResult { invalid: Some(reason.into()), ..passing() };
    assert_eq!(invalid.outcome(), Outcome::Invalid);
    let json = report_json(std::slice::from_ref(&invalid));
    assert!(json.contains("\"verdict\": \"invalid\"") && json.contains(reason), "{json}");
    assert!(json.contains("\"passed\": 0,\n    \"failed\": 0,\n    \"invalid\": 1,"), "{json}");
    let junit = junit_xml(std::slice::from_ref(&invalid));
    assert!(junit.contains(&format!("<error message=\"{reason}\" type=\"invalid\">")), "{junit}");
    let shown = table(std::slice::from_ref(&invalid), &TableStyle::default());
    assert!(shown.contains("INVALID") && shown.contains(reason), "{shown}");
    assert!(shown.contains("0 passed, 1 invalid"), "{shown}");
    let failed = ScenarioResult { invalid: Some(reason.into()), ..failing() };
    assert_eq!(failed.outcome(), Outcome::Invalid);
}

#[test]
fn a_stack_outside_has_a_line_of_its_own() {
    let stack = StackResult {
        command_age_p50_ms: Some(4.25),
        command_age_p99_ms: Some(9.5),
        command_age_max_ms: Some(12.0),
        missed_control_cycles: 2,
        ..StackResult::default()
    };
    let pace = PaceResult { lateness_p50_us: 3.0, control_cycles: 1000, ..PaceResult::default() };
    let outside = OutsideResult { pace: Some(pace), stack: Some(stack), ..OutsideResult::default() };
    let shown = table(&[ScenarioResult { outside: Some(outside), ..passing() }], &TableStyle::default());
    assert!(shown.contains("command age 4.2 ms median, 9.5 p99, 12.0 max, 2 cycles without one"), "{shown}");
    assert!(
        shown.contains("ticks late 3 us median") && shown.contains("0 of 1000 control cycles"),
        "{shown}"
    );
}

#[test]
fn a_margin_too_small_for_three_decimals_is_still_seen() {
    let metrics = Metrics { lateral_error_max_m: 0.300_000_1, ..Metrics::default() };
    let limits = PassLimits { lateral_error_max_m: Some(0.3), ..PassLimits::default() };
    let close = ScenarioResult {
        verdict: Some(verdict(&metrics, &limits, &[] as &[(f64, &str)])),
        metrics,
        ..passing()
    };
    let found = table(&[close], &TableStyle::default());
    assert!(found.contains("lateral_error_max_m  0.300 m   at most 0.300 m   margin -1.00e-7 m"), "{found}");
}

proptest! {
    #[test]
    fn any_text_and_any_number_make_a_readable_report(
        name in any::<String>(),
        error in proptest::option::of(any::<String>()),
        detail in any::<String>(),
        value in any::<f64>(),
        width in 0usize..300,
    ) {
        let metrics = Metrics { lateral_error_max_m: value, end_station_error_m: value, ..Metrics::default() };
        let limits = PassLimits { lateral_error_max_m: Some(0.3), ..PassLimits::default() };
        let result = ScenarioResult {
            name: name.clone(),
            file: detail.clone(),
            verdict: Some(verdict(&metrics, &limits, &[] as &[(f64, &str)])),
            metrics,
            events: vec![Event { time_s: value, name: name.clone(), detail: detail.clone() }],
            simulated_s: value,
            wall_s: value,
            error,
            explanations: vec![detail.clone()],
            outside: None,
            ..passing()
        };
        let results = [passing(), result];
        let json: serde_json::Value = serde_json::from_str(&report_json(&results)).unwrap();
        prop_assert_eq!(json["scenarios"][1]["name"].as_str(), Some(name.as_str()));
        prop_assert_eq!(json["scenarios"][1]["events"][0]["detail"].as_str(), Some(detail.as_str()));
        serde_json::from_str::<serde_json::Value>(&timing_json(&results)).unwrap();
        let read = quick_junit::Report::deserialize_from_str(&junit_xml(&results)).unwrap();
        prop_assert_eq!(read.tests, 2);
        let table = table(&results, &TableStyle { width, ..TableStyle::default() });
        let lines: Vec<&str> = table.lines().collect();
        prop_assert_eq!(lines[2].chars().count(), lines[3].chars().count());
        prop_assert!(table.chars().all(|c| c == '\n' || !c.is_control()));
    }
}
