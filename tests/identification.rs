//! What the recorded drive of the real Lincoln says about its steering and pedals, and how well it says it.
//! `cargo test --test identification -- --nocapture` prints the figures of docs/lincoln-mkz.md.
//!
//! Every estimator is also let loose on the model's own drive with the same inputs, where the truth is known.

mod common;
use common::{Story, Table, at, repository, rms, skidpad, unwrapped};
use std::fmt::Write;

const WHEELBASE_M: f64 = 2.85;
/// Half the span over which a slope is taken, s.
const SPAN_S: f64 = 0.1;
/// Samples of the estimators, s.
const STEP_S: f64 = 0.02;
const RATIO: [&str; 2] = ["steering", "ratio"];
/// Length of what the jackknife leaves out at a time, s: longer than the residuals are alike.
const BLOCK_S: f64 = 1.0;
/// While it rolls and turns; before and after the car stands.
const ROLLING_S: [f64; 2] = [0.3, 18.8];

/// A drive: inputs and motion over time.
struct Drive {
    time_s: Vec<f64>,
    speed_mps: Vec<f64>,
    acceleration_mps2: Vec<f64>,
    heading_rad: Vec<f64>,
    wheel_rad: Vec<f64>,
    throttle_pct: Vec<f64>,
    brake_pct: Vec<f64>,
}

impl Drive {
    fn slope(&self, values: &[f64], now_s: f64) -> f64 {
        let of = |time_s| at(&self.time_s, values, time_s);
        (of(now_s + SPAN_S) - of(now_s - SPAN_S)) / (2.0 * SPAN_S)
    }
}

/// The recording, and the raw east and north of it.
fn recorded() -> Option<(Drive, [Vec<f64>; 2])> {
    let folder = skidpad_test_support::reference_data()?;
    let text = std::fs::read_to_string(folder.join("mkz/drive_garage.csv")).unwrap().replace(", ", ",");
    let real = Table::parse(&text);
    let start_s = real.numbers("time")[0];
    let drive = Drive {
        time_s: real.numbers("time").iter().map(|time| time - start_s).collect(),
        speed_mps: real.numbers("speed"),
        acceleration_mps2: real.numbers("acceleration"),
        heading_rad: unwrapped(&real.numbers("theta")),
        // 100 % of the steering is 470° of the wheel.
        wheel_rad: real.numbers("steering").iter().map(|percent| (4.7 * percent).to_radians()).collect(),
        throttle_pct: real.numbers("throttle"),
        brake_pct: real.numbers("brake"),
    };
    Some((drive, [real.numbers("x"), real.numbers("y")]))
}

/// The model with one parameter changed, given the recorded pedals and steering.
fn modelled(story: &Story, real: &Drive, [table, key]: [&str; 2], value: f64) -> Drive {
    let mut inputs = String::from("time_s,throttle_pct,brake_pct,steering_wheel_deg,gear\n");
    for i in 0..real.time_s.len() {
        let wheel_deg = real.wheel_rad[i].to_degrees();
        writeln!(
            inputs,
            "{:.4},{},{},{wheel_deg},drive",
            real.time_s[i], real.throttle_pct[i], real.brake_pct[i]
        )
        .unwrap();
    }
    let inputs = story.file("inputs.csv", inputs);
    let text = std::fs::read_to_string(repository().join("vehicles/lincoln_mkz/vehicle.toml")).unwrap();
    let mut car: toml::Table = text.parse().unwrap();
    car[table].as_table_mut().unwrap().insert(key.into(), value.into());
    story.file("car/vehicle.toml", toml::to_string(&car).unwrap());
    let (car, out) = (story.path("car"), story.path("out.csv"));
    let pose = format!("0,0,{}", real.heading_rad[0].to_degrees());
    let speed = real.speed_mps[0].to_string();
    let arguments =
        ["openloop", "--vehicle", &car, "--inputs", &inputs, "--out", &out, "--measured-steering"];
    skidpad(&[&arguments[..], &["--speed", &speed, "--pose", &pose]].concat()).expect(0);
    let model = Table::read(&out);
    let time_s = model.numbers("time_s");
    let recorded = |values: &[f64]| time_s.iter().map(|t| at(&real.time_s, values, *t)).collect();
    Drive {
        speed_mps: model.numbers("speed_mps"),
        acceleration_mps2: model.numbers("ax_mps2"),
        heading_rad: unwrapped(&model.numbers("heading_rad")),
        wheel_rad: recorded(&real.wheel_rad),
        throttle_pct: recorded(&real.throttle_pct),
        brake_pct: recorded(&real.brake_pct),
        time_s,
    }
}

/// A parameter of the shipped car.
fn preset([table, key]: [&str; 2]) -> f64 {
    let text = std::fs::read_to_string(repository().join("vehicles/lincoln_mkz/vehicle.toml")).unwrap();
    text.parse::<toml::Table>().unwrap()[table][key].as_float().unwrap()
}

/// Solves the square system `a x = b` (Gauss, with pivots).
fn solve(mut a: Vec<Vec<f64>>, mut b: Vec<f64>) -> Vec<f64> {
    let n = b.len();
    for column in 0..n {
        let pivot = (column..n).max_by(|i, j| a[*i][column].abs().total_cmp(&a[*j][column].abs())).unwrap();
        a.swap(column, pivot);
        b.swap(column, pivot);
        for row in column + 1..n {
            let factor = a[row][column] / a[column][column];
            let above = a[column].clone();
            a[row].iter_mut().zip(above).for_each(|(value, above)| *value -= factor * above);
            b[row] -= factor * b[column];
        }
    }
    for row in (0..n).rev() {
        let known: f64 = (row + 1..n).map(|k| a[row][k] * b[k]).sum();
        b[row] = (b[row] - known) / a[row][row];
    }
    b
}

/// Least squares by Gauss and Newton, derivatives by differences.
fn least_squares(residuals: &dyn Fn(&[f64]) -> Vec<f64>, start: &[f64], steps: &[f64]) -> Vec<f64> {
    let mut x = start.to_vec();
    for _ in 0..12 {
        let r = residuals(&x);
        let columns: Vec<Vec<f64>> = (0..x.len())
            .map(|k| {
                let side = |sign: f64| {
                    let mut moved = x.clone();
                    moved[k] += sign * steps[k];
                    residuals(&moved)
                };
                let (ahead, behind) = (side(1.0), side(-1.0));
                ahead.iter().zip(behind).map(|(a, b)| (a - b) / (2.0 * steps[k])).collect()
            })
            .collect();
        let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        let normal = columns.iter().map(|a| columns.iter().map(|b| dot(a, b)).collect()).collect();
        let right = columns.iter().map(|a| -dot(a, &r)).collect();
        x.iter_mut().zip(solve(normal, right)).for_each(|(x, dx)| *x += dx);
    }
    x
}

/// Says of an instant, s, whether an estimate may use it.
type Kept<'a> = &'a dyn Fn(f64) -> bool;

/// An estimate and its standard error by leaving out one block of the drive at a time.
fn jackknife(estimate: impl Fn(Kept) -> Vec<f64>) -> Vec<[f64; 2]> {
    let whole = estimate(&|_| true);
    let blocks = ((ROLLING_S[1] - ROLLING_S[0]) / BLOCK_S).ceil() as usize;
    let left_out: Vec<Vec<f64>> =
        (0..blocks).map(|block| estimate(&|t| ((t - ROLLING_S[0]) / BLOCK_S) as usize != block)).collect();
    let n = blocks as f64;
    let error = |k: usize| {
        let mean = left_out.iter().map(|values| values[k]).sum::<f64>() / n;
        let sum: f64 = left_out.iter().map(|values| (values[k] - mean).powi(2)).sum();
        (sum * (n - 1.0) / n).sqrt()
    };
    whole.iter().enumerate().map(|(k, value)| [*value, error(k)]).collect()
}

/// The single-track car: yaw rate v tan((δ(t − lag) − offset) / ratio) / (L + K v²). Returns ratio, offset (deg)
/// and lag (s) with K (deg/g) given, or as a fourth with `None`.
fn single_track(drive: &Drive, understeer_deg_per_g: Option<f64>) -> Vec<[f64; 2]> {
    let samples: Vec<f64> = (0..)
        .map(|i| ROLLING_S[0] + f64::from(i) * STEP_S)
        .take_while(|t| *t < ROLLING_S[1])
        .filter(|t| at(&drive.time_s, &drive.speed_mps, *t) > 1.0)
        .collect();
    let measured: Vec<[f64; 3]> = samples
        .iter()
        .map(|t| [*t, at(&drive.time_s, &drive.speed_mps, *t), drive.slope(&drive.heading_rad, *t)])
        .collect();
    jackknife(|kept| {
        let residuals = |x: &[f64]| -> Vec<f64> {
            let k_deg_per_g = understeer_deg_per_g.unwrap_or_else(|| x[3]);
            let k = k_deg_per_g.to_radians() / 9.81;
            let rows = measured.iter().filter(|[t, ..]| kept(*t));
            rows.map(|[t, v, yaw_rps]| {
                let wheel = at(&drive.time_s, &drive.wheel_rad, t - x[2]) - x[1].to_radians();
                v * (wheel / x[0]).tan() / (WHEELBASE_M + k * v * v) - yaw_rps
            })
            .collect()
        };
        let count = if understeer_deg_per_g.is_some() { 3 } else { 4 };
        least_squares(&residuals, &[15.5, 0.0, 0.03, 3.0][..count], &[0.05, 0.1, 0.01, 0.2][..count])
    })
}

/// Stretches of the drive in which only this pedal moves, and far enough to be seen.
const THROTTLE_S: [[f64; 2]; 3] = [[2.4, 5.2], [9.9, 12.3], [12.8, 14.0]];
const BRAKE_S: [[f64; 2]; 3] = [[8.0, 9.9], [14.0, 15.6], [15.6, 17.2]];

/// By how much the acceleration of `car` comes after that of `model`, s: the shift with which one explains the
/// other best, gain and level of each stretch free.
fn later_s(car: &Drive, model: &Drive, stretches: &[[f64; 2]]) -> f64 {
    let error = |shift_s: f64| -> f64 {
        let of_stretch = |[from_s, to_s]: [f64; 2]| {
            let times = (0..).map(|i| from_s + f64::from(i) * STEP_S).take_while(|t| *t < to_s);
            let rows: Vec<[f64; 2]> = times
                .map(|t| {
                    let of = |drive: &Drive, t| at(&drive.time_s, &drive.acceleration_mps2, t);
                    [of(model, t - shift_s), of(car, t)]
                })
                .collect();
            let mean = |k: usize| rows.iter().map(|row| row[k]).sum::<f64>() / rows.len() as f64;
            let (u, a) = (mean(0), mean(1));
            let sum = |f: &dyn Fn(&[f64; 2]) -> f64| rows.iter().map(f).sum::<f64>();
            let gain = sum(&|row| (row[0] - u) * (row[1] - a)) / sum(&|row| (row[0] - u).powi(2));
            sum(&|row| (row[1] - a - gain * (row[0] - u)).powi(2))
        };
        stretches.iter().map(|stretch| of_stretch(*stretch)).sum()
    };
    let shifts = (-30..=60).map(|i| f64::from(i) * 0.01);
    shifts.min_by(|a, b| error(*a).total_cmp(&error(*b))).unwrap()
}

/// The same with its standard error from leaving out one stretch at a time.
fn later_with_error_s(car: &Drive, model: &Drive, stretches: &[[f64; 2]]) -> [f64; 2] {
    let n = stretches.len() as f64;
    let without = |out: usize| -> Vec<[f64; 2]> {
        stretches.iter().enumerate().filter(|(i, _)| *i != out).map(|(_, stretch)| *stretch).collect()
    };
    let others: Vec<f64> = (0..stretches.len()).map(|out| later_s(car, model, &without(out))).collect();
    let mean = others.iter().sum::<f64>() / n;
    let spread: f64 = others.iter().map(|value| (value - mean).powi(2)).sum();
    [later_s(car, model, stretches), (spread * (n - 1.0) / n).sqrt()]
}

fn shown([value, error]: [f64; 2]) -> String {
    format!("{value:.3} ± {error:.3}")
}

#[test]
fn the_drive_tells_the_effective_steering_ratio_and_when_the_car_yaws() {
    let Some((real, [east_m, north_m])) = recorded() else { return };
    // The recorder wrote the angle that the by-wire kit reports: a report every 20 ms in steps of 0.1°.
    let reports: Vec<f64> = (1..real.wheel_rad.len())
        .filter(|i| real.wheel_rad[*i] != real.wheel_rad[i - 1])
        .map(|i| (real.wheel_rad[i] - real.wheel_rad[i - 1]).to_degrees().abs())
        .collect();
    let off_grid = reports.iter().map(|step| (step - (step * 10.0).round() / 10.0).abs()).fold(0.0, f64::max);
    println!("wheel angle: {} changes, at most {off_grid:.5}° off steps of 0.1°", reports.len());
    assert!(off_grid < 1e-3, "a measured angle comes in steps");

    // Speed is the wheels', heading and place the receiver's: their scale enters the ratio as it is.
    let [from_s, to_s] = [2.0, 9.0];
    let place = |t: f64| [&east_m, &north_m].map(|values| at(&real.time_s, values, t));
    let ([x0, y0], [x1, y1]) = (place(from_s), place(to_s));
    let flown_m = ((x1 - x0).powi(2) + (y1 - y0).powi(2)).sqrt();
    let steps = ((to_s - from_s) / 0.01).round() as u32;
    let rolled_m: f64 = (0..steps)
        .map(|i| 0.01 * at(&real.time_s, &real.speed_mps, from_s + 0.01 * (f64::from(i) + 0.5)))
        .sum();
    println!("distance {from_s}-{to_s} s: {rolled_m:.2} m by wheel speed, {flown_m:.2} m by GNSS");

    let story = Story::new("identification_steering");
    let preset = preset(RATIO);
    let model = modelled(&story, &real, RATIO, preset);
    println!("single track        ratio           offset deg      lag s           [K deg/g]");
    let mut found = Vec::new();
    for (name, drive) in [("real car", &real), ("model", &model)] {
        for k in [Some(0.0), Some(2.9), None] {
            let fit = single_track(drive, k);
            let row: Vec<String> = fit.iter().map(|value| format!("{:14}", shown(*value))).collect();
            println!("{name:9} K {:5}  {}", k.map_or("free".into(), |k| k.to_string()), row.join("  "));
            found.push(fit);
        }
    }
    let [kinematic, usual, free, kinematic_model, usual_model, _] = &found[..] else { unreachable!() };
    let equivalent = preset * kinematic[0][0] / kinematic_model[0][0];
    println!(
        "ratio of the preset with which the model would yield the real car's: {equivalent:.2} (preset {preset})"
    );
    println!("the real car yaws {:.3} s after the model", kinematic[2][0] - kinematic_model[2][0]);

    // The model's speed is off by what its pedals get wrong, so the yaw rate is compared at the car's own speed, too.
    println!(
        "model by ratio   yaw rate rms, rad/s   at the recorded speed   heading change - real, rad   at the recorded speed"
    );
    let mut best = [(f64::INFINITY, 0.0); 2];
    let mut changes: Vec<[f64; 3]> = Vec::new();
    for ratio in [14.8, 15.2, 15.5, 15.7, 15.9, 16.0, 16.3, 16.6] {
        let model = modelled(&story, &real, RATIO, ratio);
        let mut off = [Vec::new(), Vec::new()];
        let mut turned = [0.0; 2];
        for t in (1..925).map(|i| f64::from(i) * STEP_S + 0.3) {
            let measured = real.slope(&real.heading_rad, t);
            let own = model.slope(&model.heading_rad, t);
            let speed = |drive: &Drive| at(&drive.time_s, &drive.speed_mps, t);
            let corrected = own * speed(&real) / speed(&model).max(0.3);
            for (k, yaw) in [own, corrected].into_iter().enumerate() {
                off[k].push(yaw - measured);
                turned[k] += STEP_S * (yaw - measured);
            }
        }
        let [own, corrected] = off.map(|off| rms(&off));
        println!("{ratio:14} {own:21.4} {corrected:23.4} {:27.3} {:23.3}", turned[0], turned[1]);
        for (k, error) in [own, corrected].into_iter().enumerate() {
            if error < best[k].0 {
                best[k] = (error, ratio);
            }
        }
        changes.push([turned[0], turned[1], ratio]);
    }
    // The change rises with the ratio: its zero is where the model turns as far as the car.
    let ratios: Vec<f64> = changes.iter().map(|row| row[2]).collect();
    let as_far = [0, 1].map(|k| at(&changes.iter().map(|row| row[k]).collect::<Vec<_>>(), &ratios, 0.0));
    println!(
        "least yaw-rate error with {} and {}, right heading change with {as_far:.2?}",
        best[0].1, best[1].1
    );

    let within = |[value, _]: [f64; 2], low: f64, high: f64| (low..=high).contains(&value);
    assert!(within(kinematic[0], 15.2, 15.9) && kinematic[0][1] < 0.3, "{kinematic:?}");
    assert!(within(usual[0], 14.7, 15.5), "{usual:?}");
    assert!(within(kinematic[2], 0.0, 0.10) && kinematic[2][1] < 0.03, "{kinematic:?}");
    // At walking pace there is next to nothing to learn about understeer.
    assert!(free[3][1] > 1.0, "{free:?}");
    // On the model, where the truth is known, the estimator finds it.
    assert!((usual_model[0][0] / preset - 1.0).abs() < 0.05, "{usual_model:?}");
    // At the recorded speed the ratio is lower than what makes up for the model's speed.
    assert!((14.8..15.8).contains(&as_far[1]) && (14.8..=15.7).contains(&best[1].1), "{as_far:?} {best:?}");
    assert!((14.5..15.8).contains(&equivalent), "{equivalent}");
}

#[test]
fn the_drive_tells_the_sum_of_a_pedals_delays() {
    let Some((real, _)) = recorded() else { return };
    let story = Story::new("identification_pedals");
    println!("pedal      preset dead + lag s   real car later by s   known change found");
    for (name, table, stretches) in
        [("throttle", "powertrain", &THROTTLE_S[..]), ("brake", "brakes", &BRAKE_S[..])]
    {
        let dead = [table, "dead_time_s"];
        let dead_s = preset(dead);
        let model = modelled(&story, &real, dead, dead_s);
        let later = later_with_error_s(&real, &model, stretches);
        // The estimator finds a delay that is known: the same car with 0.1 s more.
        let slower = modelled(&story, &real, dead, dead_s + 0.1);
        let found = later_with_error_s(&slower, &model, stretches);
        let sum_s = dead_s + preset([table, "lag_s"]);
        println!("{name:9} {sum_s:19.2} {:>21} {:>20}", shown(later), shown(found));
        assert!((found[0] - 0.1).abs() < 0.03, "{name}: a delay of 0.1 s was found as {found:?}");
        let whole = sum_s + later[0];
        assert!((0.0..0.7).contains(&whole), "{name}: {whole}");
    }
}

#[test]
fn the_pedal_map_and_the_drive_disagree_by_less_than_a_third_of_a_metre_per_second_squared() {
    let Some((real, _)) = recorded() else { return };
    let story = Story::new("identification_map");
    let model = modelled(&story, &real, RATIO, preset(RATIO));
    println!(
        "time s        speed m/s     throttle %   brake %   mean acceleration of the model, fitted to the map, - car m/s²"
    );
    let stretches = [
        [0.5, 2.5],
        [2.5, 4.0],
        [4.0, 5.5],
        [5.5, 8.0],
        [8.5, 9.5],
        [11.0, 13.4],
        [13.9, 15.0],
        [15.0, 17.0],
        [17.0, 18.5],
    ];
    for [from_s, to_s] in stretches {
        let times: Vec<f64> =
            (0..).map(|i| from_s + f64::from(i) * STEP_S).take_while(|t| *t < to_s).collect();
        let mean = |drive: &Drive, values: &[f64]| {
            times.iter().map(|t| at(&drive.time_s, values, *t)).sum::<f64>() / times.len() as f64
        };
        let off = mean(&model, &model.acceleration_mps2) - mean(&real, &real.acceleration_mps2);
        println!(
            "{from_s:4.1} to {to_s:4.1}  {:8.2} {:14.1} {:10.1} {off:10.2}",
            mean(&real, &real.speed_mps),
            mean(&real, &real.throttle_pct),
            mean(&real, &real.brake_pct)
        );
        assert!(off.abs() < 0.35, "{off}");
    }
}
