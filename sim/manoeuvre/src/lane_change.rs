//! Obstacle avoidance, ISO 3888-2, with a preview driver who tries until the cones stand.

use crate::car::{Car, KPH, STEP_S, Sample, Subject};
use crate::{Findings, Plot, Series, Style, series};
use std::f64::consts::PI;

/// Name of the manoeuvre in the table.
pub(crate) const NAME: &str = "ISO 3888-2 obstacle avoidance";

/// Sections with cones: beginning and end along the track, m.
const SECTIONS_M: [[f64; 2]; 3] = [[0.0, 12.0], [25.5, 36.5], [49.0, 61.0]];
/// Gap between the left edge of the first section and the right edge of the second, m.
const OFFSET_M: f64 = 1.0;
/// Straight before the first section, m.
const RUN_UP_M: f64 = 15.0;
/// The accelerator closes this far into the first section, m.
const LIFT_M: f64 = 2.0;
/// Search range of the entry speed, m/s; halved until it is this narrow, and then climbed in such steps.
const SPEEDS_MPS: [f64; 2] = [45.0 * KPH, 95.0 * KPH];
const NARROW_MPS: f64 = 3.0 * KPH;
const CLIMB_MPS: f64 = 0.5 * KPH;
/// What a driver's arms can do: steering-wheel rate, rad/s (two turns a second), and lag, s.
const ARM_RATE_RPS: f64 = 4.0 * PI;
const ARM_LAG_S: f64 = 0.05;

/// The three gates between the cones: x from, x to, right edge, left edge.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Track {
    gates: [[f64; 4]; 3],
}

impl Track {
    /// The track for a car of width `b` (without mirrors): widths 1.1 b + 0.25, b + 1 and 1.3 b + 0.25 but
    /// at least 3 m; the first and the last section share their left edge, from which the offset counts.
    fn new(width_m: f64) -> Track {
        let first = 1.1 * width_m + 0.25;
        let second = width_m + 1.0;
        let third = (1.3 * width_m + 0.25).max(3.0);
        let left = 0.5 * first;
        let edges = [[left - first, left], [left + OFFSET_M, left + OFFSET_M + second], [left - third, left]];
        let gates = std::array::from_fn(|i| [SECTIONS_M[i][0], SECTIONS_M[i][1], edges[i][0], edges[i][1]]);
        Track { gates }
    }

    /// How far a point is outside its gate, m; negative inside, absent between the gates.
    fn outside_m(&self, x: f64, y: f64) -> Option<f64> {
        let gate = self.gates.iter().find(|gate| (gate[0]..=gate[1]).contains(&x))?;
        Some((gate[2] - y).max(y - gate[3]))
    }
}

/// How a driver takes the track.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Driver {
    /// Looks ahead by this time, s.
    preview_s: f64,
    /// Steers this much of what the kinematics ask for.
    gain: f64,
    /// Steers against yaw in excess of what the curve asks for: road-wheel angle per yaw rate, s.
    calm_s: f64,
    /// Begins to move out, and to move back, here along the track, m.
    out_m: f64,
    back_m: f64,
    /// Length of the way out and of the way back, m.
    out_length_m: f64,
    back_length_m: f64,
    /// Aims this far left of the middle of the second and of the last section, m.
    aim_m: f64,
    end_aim_m: f64,
}

/// Sensible first tries: one who looks ahead, one who reacts late and hard, one who turns early and gently.
const NOVICES: [Driver; 3] = [
    Driver { preview_s: 0.45, gain: 1.6, ..UNTAUGHT },
    Driver { preview_s: 0.30, gain: 1.0, out_m: 6.0, back_m: 29.0, ..UNTAUGHT },
    Driver { preview_s: 0.60, gain: 2.2, out_m: 11.0, back_m: 34.0, ..UNTAUGHT },
];
const UNTAUGHT: Driver = Driver {
    preview_s: 0.45,
    gain: 1.6,
    calm_s: 0.0,
    out_m: 9.0,
    back_m: 31.0,
    out_length_m: 17.0,
    back_length_m: 17.0,
    aim_m: 0.0,
    end_aim_m: 0.0,
};
/// Largest first change of each habit in the search for a better driver.
const HABIT_STEPS: [f64; 9] = [0.10, 0.5, 0.05, 2.0, 2.0, 3.0, 3.0, 0.2, 0.2];

impl Driver {
    /// The habits with their bounds.
    fn habits(&mut self) -> [(&mut f64, f64, f64); 9] {
        [
            (&mut self.preview_s, 0.15, 1.2),
            (&mut self.gain, 0.3, 4.0),
            (&mut self.calm_s, 0.0, 0.5),
            (&mut self.out_m, 0.0, 20.0),
            (&mut self.back_m, 20.0, 45.0),
            (&mut self.out_length_m, 4.0, 30.0),
            (&mut self.back_length_m, 4.0, 30.0),
            (&mut self.aim_m, -0.6, 0.6),
            (&mut self.end_aim_m, -0.6, 0.6),
        ]
    }

    /// Where the driver wants the centre of mass, m to the left, at `x` along the track.
    fn target_m(&self, track: &Track, x: f64) -> f64 {
        let middle = |gate: [f64; 4]| 0.5 * (gate[2] + gate[3]);
        let [first, second, third] = track.gates.map(middle);
        let smooth = |from: f64, length: f64| {
            let s = ((x - from) / length).clamp(0.0, 1.0);
            s * s * (3.0 - 2.0 * s)
        };
        let (side, end) = (second + self.aim_m, third + self.end_aim_m);
        let out = (side - first) * smooth(self.out_m, self.out_length_m);
        first + out + (end - side) * smooth(self.back_m, self.back_length_m)
    }
}

/// How a run went.
struct Run {
    /// Farthest that any point of the body was over the line of the cones, m; negative if clean.
    outside_m: f64,
    /// Speed when the front of the car entered the first section, m/s.
    entry_mps: f64,
    /// Speed when the front left the last section, m/s.
    exit_mps: f64,
    samples: Vec<Sample>,
}

pub(crate) fn run(subject: &Subject, found: &mut Findings) {
    let track = Track::new(subject.params.hull.width_m);
    let [mut clean_mps, mut hit_mps] = SPEEDS_MPS;
    let mut drivers: Vec<Driver> = NOVICES.to_vec();
    let mut best: Option<(Driver, Run)> = None;
    let mut attempt = |speed_mps: f64| {
        let approach = Approach::new(subject, speed_mps);
        let pupils: Vec<_> =
            SEEDS.iter().flat_map(|seed| drivers.iter().map(move |driver| (*driver, *seed))).collect();
        let found = pupils.into_iter().find_map(|(driver, seed)| practise(&approach, &track, driver, seed));
        let Some((driver, ended)) = found else { return false };
        // Who was clean at a lower speed tries first.
        drivers.insert(0, driver);
        drivers.truncate(NOVICES.len());
        best = Some((driver, ended));
        true
    };
    while hit_mps - clean_mps > NARROW_MPS {
        let speed_mps = 0.5 * (clean_mps + hit_mps);
        *(if attempt(speed_mps) { &mut clean_mps } else { &mut hit_mps }) = speed_mps;
    }
    // Near the limit a driver learns best from a little less.
    while attempt(clean_mps + CLIMB_MPS) {
        clean_mps += CLIMB_MPS;
    }
    found.value("clean_speed_kmh", best.as_ref().map_or(f64::NAN, |(_, run)| run.entry_mps / KPH));
    found.value("clean_exit_speed_kmh", best.as_ref().map_or(f64::NAN, |(_, run)| run.exit_mps / KPH));
    let Some((driver, run)) = best else { return };

    let speed = format!("Track at {:.1} km/h", run.entry_mps / KPH);
    found.plots.push(Plot {
        manoeuvre: NAME,
        title: speed,
        x_label: "along the track, m",
        y_label: "to the left, m",
        log_x: false,
        series: track_series(subject, &track, &driver, &run),
    });
    let over = |of: fn(&Sample) -> f64| run.samples.iter().map(move |s| (s.x_m, of(s)));
    found.plots.push(Plot {
        manoeuvre: NAME,
        title: "What the driver does, and what the car does".into(),
        x_label: "along the track, m",
        y_label: "",
        log_x: false,
        series: vec![
            series("steering wheel / 10, °", Style::Dashed, over(|s| 0.1 * s.wheel_rad.to_degrees())),
            series("lateral acceleration, m/s²", Style::Line, over(|s| s.ay_mps2)),
            series("sideslip, °", Style::Line, over(|s| s.sideslip_rad.to_degrees())),
        ],
    });
}

/// Cones, path and outline of the car.
fn track_series(subject: &Subject, track: &Track, driver: &Driver, run: &Run) -> Vec<Series> {
    let cones = track.gates.into_iter().flat_map(|[from, to, right, left]| {
        // Five a side, as the standard sets them.
        (0..5).flat_map(move |i| {
            let x = from + (to - from) * f64::from(i) / 4.0;
            [(x, right), (x, left)]
        })
    });
    let on_track = || run.samples.iter().filter(|s| (-6.0..68.0).contains(&s.x_m));
    let side = |left: f64| {
        let body = Body::of(subject);
        on_track().map(move |s| body.point(s, 0.0, left * body.half_width_m))
    };
    let wanted = (0..150).map(|i| -6.0 + f64::from(i) * 0.5);
    vec![
        series("cones", Style::Dots, cones),
        series("centre of mass", Style::Line, on_track().map(|s| (s.x_m, s.y_m))),
        series("sides at the centre of mass", Style::Line, side(1.0)),
        series("", Style::Line, side(-1.0)),
        series("driver's line", Style::Dashed, wanted.map(|x| (x, driver.target_m(track, x)))),
    ]
}

/// Outline of the body about the centre of mass.
#[derive(Clone, Copy)]
struct Body {
    front_m: f64,
    rear_m: f64,
    half_width_m: f64,
}

impl Body {
    fn of(subject: &Subject) -> Body {
        let hull = &subject.params.hull;
        let ahead = subject.model.cg_from_rear_axle_m().x;
        Body { front_m: hull.front_m - ahead, rear_m: hull.rear_m + ahead, half_width_m: 0.5 * hull.width_m }
    }

    /// A point of the body on the track.
    fn point(&self, s: &Sample, ahead_m: f64, left_m: f64) -> (f64, f64) {
        let (sine, cosine) = libm::sincos(s.heading_rad);
        (s.x_m + cosine * ahead_m - sine * left_m, s.y_m + sine * ahead_m + cosine * left_m)
    }

    /// How far the body is over the cones, m: points along both sides, half a metre apart.
    fn outside_m(&self, track: &Track, s: &Sample) -> f64 {
        let mut worst = f64::NEG_INFINITY;
        let count = ((self.front_m + self.rear_m) / 0.5).ceil();
        for i in 0..=count as i32 {
            let ahead = -self.rear_m + (self.front_m + self.rear_m) * f64::from(i) / count;
            for left in [-self.half_width_m, self.half_width_m] {
                let (x, y) = self.point(s, ahead, left);
                if let Some(outside) = track.outside_m(x, y) {
                    worst = worst.max(outside);
                }
            }
        }
        worst
    }
}

/// The car on its way to the first section at one speed.
struct Approach<'a> {
    car: Car<'a>,
    body: Body,
    wheelbase_m: f64,
    ratio: f64,
    most_rad: f64,
}

impl<'a> Approach<'a> {
    fn new(subject: &'a Subject, speed_mps: f64) -> Self {
        let body = Body::of(subject);
        let mut car = Car::cruising(subject, speed_mps);
        car.state.position_m.x = -RUN_UP_M - body.front_m;
        let steering = &subject.params.steering;
        Approach {
            car,
            body,
            wheelbase_m: subject.model.wheelbase_m(),
            ratio: steering.ratio,
            most_rad: steering.max_wheel_deg.to_radians(),
        }
    }

    /// One run. With `whole` unset it ends as soon as it is worse than `bar_m` and keeps no samples.
    fn drive(&self, track: &Track, driver: &Driver, bar_m: f64, whole: bool) -> Run {
        let mut car = self.car.clone();
        let mut run =
            Run { outside_m: f64::NEG_INFINITY, entry_mps: 0.0, exit_mps: 0.0, samples: Vec::new() };
        let mut wheel_rad = 0.0;
        let mut steps = 0u32;
        loop {
            let s = car.sample();
            let front_m = s.x_m + self.body.front_m;
            if front_m < 0.0 {
                run.entry_mps = s.speed_mps;
            }
            if front_m < SECTIONS_M[2][1] {
                run.exit_mps = s.speed_mps;
            }
            if front_m > LIFT_M {
                car.lift();
            }
            // The cones are looked at 100 times a second, which is every 0.2 m.
            if steps.is_multiple_of(10) {
                run.outside_m = run.outside_m.max(self.body.outside_m(track, &s));
                if whole {
                    run.samples.push(s);
                } else if run.outside_m > bar_m {
                    return run;
                }
            }
            if s.x_m - self.body.rear_m > SECTIONS_M[2][1] {
                return run;
            }
            if s.time_s > 20.0 || s.sideslip_rad.abs() > 1.0 {
                run.outside_m = run.outside_m.max(10.0);
                return run;
            }
            let wanted = self.steer(track, driver, &s);
            let rate = ((wanted - wheel_rad) / ARM_LAG_S).clamp(-ARM_RATE_RPS, ARM_RATE_RPS);
            wheel_rad += STEP_S * rate;
            car.step(wheel_rad);
            steps += 1;
        }
    }

    /// The arc from the present course to the point ahead: κ = 2 e / d².
    fn steer(&self, track: &Track, driver: &Driver, s: &Sample) -> f64 {
        let ahead_m = s.speed_mps * driver.preview_s;
        let course = s.heading_rad + s.sideslip_rad;
        let (x, y) = (s.x_m + ahead_m * libm::cos(course), s.y_m + ahead_m * libm::sin(course));
        let error_m = driver.target_m(track, x) - y;
        let curvature = 2.0 * error_m / (ahead_m * ahead_m);
        let excess_rps = s.yaw_rate_rps - s.speed_mps * curvature;
        let road_rad = libm::atan(driver.gain * self.wheelbase_m * curvature) - driver.calm_s * excess_rps;
        let wheel_rad = self.ratio * road_rad;
        wheel_rad.clamp(-self.most_rad, self.most_rad)
    }
}

/// Tries of a driver at one speed.
const TRIES: u32 = 100;
/// Each driver practises so often from the start, with other luck: a search can end in a corner.
const SEEDS: [u64; 2] = [0x9E37_79B9_7F4A_7C15, 0xD1B5_4A32_D192_ED03];

/// Changes the driver's habits at random, keeps what brings the car farther from the cones, and ends with the
/// first clean run; absent if cones still fall after all tries.
///
/// The distance to the cones is the least of many: a search along single habits would be stuck at its kinks.
fn practise(approach: &Approach, track: &Track, mut driver: Driver, seed: u64) -> Option<(Driver, Run)> {
    let mut least_m = approach.drive(track, &driver, f64::INFINITY, false).outside_m;
    let mut luck = Luck(seed);
    let mut scale = 1.0;
    for _ in 0..TRIES {
        if least_m <= 0.0 {
            return Some((driver, approach.drive(track, &driver, f64::INFINITY, true)));
        }
        let mut other = driver;
        for ((value, low, high), step) in other.habits().into_iter().zip(HABIT_STEPS) {
            *value = (*value + scale * step * luck.next()).clamp(low, high);
        }
        let outside_m = approach.drive(track, &other, least_m, false).outside_m;
        // One success in five keeps the size of the changes (Rechenberg).
        if outside_m < least_m {
            (driver, least_m) = (other, outside_m);
            scale = (scale * 1.5).min(2.0);
        } else {
            scale = (scale * 0.904).max(0.02);
        }
    }
    None
}

/// Numbers between −1 and 1, the same in every run: xorshift64, the mean of two draws.
struct Luck(u64);

impl Luck {
    fn next(&mut self) -> f64 {
        self.draw() + self.draw() - 1.0
    }

    fn draw(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as f64 / (1u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_track_has_the_dimensions_of_the_standard() {
        let track = Track::new(1.8);
        let [first, second, third] = track.gates;
        assert_eq!(third[1], 61.0, "61 m in all");
        for (gate, width) in [(first, 2.23), (second, 2.8), (third, 3.0)] {
            assert!((gate[3] - gate[2] - width).abs() < 1e-12);
        }
        assert!((second[2] - first[3] - 1.0).abs() < 1e-12, "1 m between the lanes");
        assert_eq!(first[3], third[3]);
        assert!((Track::new(2.2).gates[2][3] - Track::new(2.2).gates[2][2] - 3.11).abs() < 1e-12);
    }

    #[test]
    fn a_point_over_the_line_of_the_cones_is_outside() {
        let track = Track::new(2.0);
        let [_, _, right, left] = track.gates[0];
        assert!((track.outside_m(5.0, left + 0.1).unwrap() - 0.1).abs() < 1e-12);
        assert!((track.outside_m(5.0, right + 0.2).unwrap() + 0.2).abs() < 1e-12);
        assert_eq!(track.outside_m(20.0, 50.0), None);
    }
}
