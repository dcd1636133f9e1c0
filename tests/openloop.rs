//! `skidpad openloop`: the vehicle model alone, driven from a file.

mod common;
use common::{Run, Story, Table, skidpad};

const HEADER: &str = "time_s,throttle_pct,brake_pct,steering_wheel_deg,gear\n";

fn drive(inputs: &str, out: &str, more: &[&str]) -> Run {
    let mut arguments = vec!["openloop", "--vehicle", "lincoln_mkz", "--inputs", inputs, "--out", out];
    arguments.extend(more);
    skidpad(&arguments)
}

#[test]
fn straight_braking_stops_where_the_deceleration_says() {
    let story = Story::new("straight_braking");
    let inputs = story.file("brake.csv", format!("{HEADER}0,0,28,0,drive\n10,0,28,0,drive\n"));
    let out = story.path("out.csv");
    drive(&inputs, &out, &["--speed", "15", "--pose", "100,-20,90"]).expect(0);
    let trace = Table::read(&out);
    let (times, speeds) = (trace.numbers("time_s"), trace.numbers("speed_mps"));
    assert_eq!(times.len(), 1001);
    assert_eq!((times[0], times[1], times[1000]), (0.0, 0.01, 10.0));
    assert_eq!(speeds[0], 15.0);
    assert_eq!(trace.texts("gear")[0], "drive");

    // It stops, at 3 to 4 m/s², and stays.
    let stopped = speeds.iter().position(|speed| speed.abs() < 0.01).expect("the car stops");
    let deceleration = 15.0 / times[stopped];
    assert!((3.0..4.0).contains(&deceleration), "{deceleration} m/s²");
    let (x, y) = (trace.numbers("x_m"), trace.numbers("y_m"));
    assert!((y[1000] - y[stopped + 100]).abs() < 0.01, "a braked car stays");

    // Heading 90° is along y. The distance is the integral of the speed and near v²/2a.
    assert!(x.iter().all(|x| (x - 100.0).abs() < 0.01), "no sideways motion");
    let distance = y[stopped] + 20.0;
    let integral: f64 = speeds[..=stopped].windows(2).map(|pair| 0.005 * (pair[0] + pair[1])).sum();
    assert!((distance - integral).abs() < 0.02, "{distance} m driven, speed integrates to {integral} m");
    assert!((distance / (15.0 * 15.0 / (2.0 * deceleration)) - 1.0).abs() < 0.05, "{distance} m");

    // The nose dips and the load moves forward by m a h / L, 190 kg·m/m · a on the two front wheels.
    let mid = stopped / 2;
    let at = |column: &str, row: usize| trace.numbers(column)[row];
    assert!(at("pitch_rad", mid) > 0.01);
    let front = |row| at("load_fl_n", row) + at("load_fr_n", row);
    let shift = front(mid) - front(1000);
    let expected = 1900.0 * 0.55 / 2.85 * -at("ax_cg_mps2", mid);
    assert!((shift / expected - 1.0).abs() < 0.1, "load shift {shift} N, expected {expected} N");
}

#[test]
fn steering_left_turns_left_and_the_pose_is_the_rear_axle() {
    let story = Story::new("steering_left");
    let inputs = story.file("turn.csv", format!("{HEADER}0,17,0,160,drive\n6,17,0,160,drive\n"));
    let out = story.path("out.csv");
    drive(&inputs, &out, &["--speed", "5", "--rate", "1000"]).expect(0);
    let trace = Table::read(&out);
    assert_eq!(trace.numbers("x_m").len(), 6001);
    assert_eq!(trace.numbers("steering_wheel_deg")[0], 160.0, "actuators have settled at the first row");
    let end = |column: &str| trace.numbers(column)[6000];
    // tan(160°/16) · v / L, less a little understeer.
    let kinematic = end("speed_mps") * (160.0f64 / 16.0).to_radians().tan() / 2.85;
    assert!(
        (0.9..1.0).contains(&(end("yaw_rate_rps") / kinematic)),
        "{} of {kinematic}",
        end("yaw_rate_rps")
    );
    assert!((end("vx_mps") * end("yaw_rate_rps") - end("ay_mps2")).abs() < 0.1);
    assert!(end("roll_rad") > 0.0, "the body leans out of a left turn, to the right");
    assert!(end("load_fr_n") > end("load_fl_n"));
    // At parking speed the rear axle does not slip: it moves where it points.
    assert!(end("vy_mps").abs() < 0.05 && end("vy_cg_mps") > 0.2);
}

#[test]
fn reverse_drives_backward() {
    let story = Story::new("reverse");
    let inputs = story.file("reverse.csv", format!("{HEADER}0,0,0,0,reverse\n5,0,0,0,reverse\n"));
    let run = drive(&inputs, "-", &[]).expect(0);
    let trace = Table::parse(&run.stdout);
    assert!(*trace.numbers("speed_mps").last().unwrap() < -0.5, "the car creeps backward");
    assert!(*trace.numbers("x_m").last().unwrap() < -1.0);
}

#[test]
fn the_same_inputs_give_the_same_bytes() {
    let story = Story::new("openloop_twice");
    let text = format!("{HEADER}0,0,0,0,drive\n2,40,0,90,drive\n4,0,30,-200,drive\n6,0,0,0,neutral\n");
    let inputs = story.file("inputs.csv", text);
    let [a, b] = ["a.csv", "b.csv"].map(|name| {
        let out = story.path(name);
        drive(&inputs, &out, &[]).expect(0);
        std::fs::read(out).unwrap()
    });
    assert!(a == b);
}

#[test]
fn mistakes_in_the_inputs_are_named_with_line_and_column() {
    let story = Story::new("openloop_mistakes");
    let refused = |name: &str, text: &str, place: &str, words: &[&str]| {
        let inputs = story.file(name, text);
        let out = story.path("never.csv");
        drive(&inputs, &out, &[]).expect_refusal(&format!("{name}{place}"), words);
        assert!(!std::path::Path::new(&out).exists(), "nothing is written");
    };
    refused("empty.csv", "", ":1:1", &["expected a first line that names the columns"]);
    refused("header.csv", "time_s,gas\n", ":1:8", &["unknown column `gas`"]);
    refused("nan.csv", &format!("{HEADER}0,0,0,0,drive\n1,NaN,0,0,drive\n"), ":3:3", &["throttle_pct"]);
    refused(
        "truncated.csv",
        &format!("{HEADER}0,0,0,0,drive\n1,0,0,"),
        ":3:",
        &["expected 5 values", "cut off"],
    );
    refused("gear.csv", &format!("{HEADER}0,0,0,0,forward\n"), ":2:9", &["park, reverse, neutral, drive"]);
    refused(
        "time.csv",
        &format!("{HEADER}1,0,0,0,drive\n1,0,0,0,drive\n"),
        ":3:1",
        &["after the row before"],
    );
    refused(
        "unit.csv",
        &format!("{HEADER}0,0,0,30 deg,drive\n"),
        ":2:7",
        &["expected a number, got `30 deg`"],
    );
}

#[test]
fn inputs_that_cannot_be_read_are_refused() {
    let story = Story::new("openloop_unreadable");
    let never = story.path("never.csv");
    drive(&story.path("missing.csv"), &never, &[]).expect_refusal("missing.csv", &[]);
    drive(story.folder().to_str().unwrap(), &never, &[]).expect(2);
    let huge = story.file("huge.csv", HEADER);
    std::fs::File::options().write(true).open(&huge).unwrap().set_len(1 << 30).unwrap();
    drive(&huge, &never, &[]).expect_refusal("huge.csv", &["64"]);
    let inputs = story.file("ok.csv", format!("{HEADER}0,0,0,0,drive\n"));
    drive(&inputs, &never, &["--pose", "1,2"]).expect_refusal("--pose", &["X,Y,HEADING_DEG"]);
    drive(&inputs, &never, &["--speed", "NaN"]).expect_refusal("--speed", &["m/s"]);
    drive(&inputs, &never, &["--rate", "300"]).expect_refusal("--rate", &["divisor of 1000"]);
    drive(&inputs, &story.path("ok.csv/out.csv"), &[]).expect_refusal("out.csv", &["cannot be written"]);
}
