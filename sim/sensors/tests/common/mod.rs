//! Motions with a closed form, for the tests of the sensors.
#![allow(dead_code)] // each test binary uses its share

use skidpad_geo::{EnuFrame, Geodetic};
use skidpad_kernel::SimTime;
use skidpad_sensors::{Imu, ImuSample, Receiver, ReceiverOutput, Truth};

pub const SUNNYVALE: Geodetic = Geodetic { lat_deg: 37.4, lon_deg: -122.02, height_m: -3.0 };

pub fn frame() -> EnuFrame {
    EnuFrame::new(SUNNYVALE).unwrap()
}

/// Body (forward, left, up) to ENU from ISO angles: Rz(yaw) · Ry(pitch, nose down positive) · Rx(roll).
pub fn quaternion(yaw: f64, pitch: f64, roll: f64) -> [f64; 4] {
    let (sy, cy) = libm::sincos(yaw / 2.0);
    let (sp, cp) = libm::sincos(pitch / 2.0);
    let (sr, cr) = libm::sincos(roll / 2.0);
    [
        cy * cp * cr + sy * sp * sr,
        cy * cp * sr - sy * sp * cr,
        cy * sp * cr + sy * cp * sr,
        sy * cp * cr - cy * sp * sr,
    ]
}

pub fn parked() -> Truth {
    Truth::default()
}

/// A circle to the left around (0, radius), level.
pub fn circle(t: f64, radius: f64, speed: f64) -> Truth {
    let rate = speed / radius;
    let yaw = rate * t;
    Truth {
        position_enu_m: [radius * libm::sin(yaw), radius * (1.0 - libm::cos(yaw)), 0.0],
        quaternion_wxyz: quaternion(yaw, 0.0, 0.0),
        velocity_enu_mps: [speed * libm::cos(yaw), speed * libm::sin(yaw), 0.0],
        body_rate_rps: [0.0, 0.0, rate],
        ..parked()
    }
}

/// A lively drive: loops of hundreds of metres with hills, body roll at 1.3 Hz and pitch at 1.1 Hz.
pub fn lively(t: f64) -> Truth {
    // Each angle and coordinate is a sum of sines with its derivative.
    let wave = |terms: &[(f64, f64, f64)]| {
        terms.iter().fold((0.0, 0.0), |(value, rate), &(a, w, phase)| {
            (value + a * libm::sin(w * t + phase), rate + a * w * libm::cos(w * t + phase))
        })
    };
    let (x, vx) = wave(&[(120.0, 0.09, 0.0), (30.0, 0.31, 1.0)]);
    let (y, vy) = wave(&[(90.0, 0.13, 0.4), (20.0, 0.27, 2.0)]);
    let (z, vz) = wave(&[(5.0, 0.2, 0.0), (0.02, 8.0, 0.3)]);
    let (yaw, yaw_rate) = wave(&[(2.5, 0.21, 0.2), (0.4, 0.9, 0.0)]);
    let (pitch, pitch_rate) = wave(&[(0.05, 0.3, 0.0), (0.02, 6.9, 1.0)]);
    let (roll, roll_rate) = wave(&[(0.06, 0.4, 0.7), (0.03, 8.2, 0.0)]);
    let (sp, cp) = libm::sincos(pitch);
    let (sr, cr) = libm::sincos(roll);
    Truth {
        position_enu_m: [x, y, z],
        quaternion_wxyz: quaternion(yaw, pitch, roll),
        velocity_enu_mps: [vx, vy, vz],
        body_rate_rps: [
            roll_rate - yaw_rate * sp,
            pitch_rate * cr + yaw_rate * sr * cp,
            -pitch_rate * sr + yaw_rate * cr * cp,
        ],
        ..parked()
    }
}

/// All samples of an IMU that is shown `motion` every `step_ms` from 0 to `end_ms`.
pub fn samples(imu: &mut Imu, motion: impl Fn(f64) -> Truth, step_ms: u64, end_ms: u64) -> Vec<ImuSample> {
    (0..=end_ms / step_ms)
        .filter_map(|k| {
            let now = SimTime::from_ms(k * step_ms);
            imu.observe(now, &motion(now.as_s()))
        })
        .collect()
}

/// Everything a receiver says to a poller that calls after each observation, with the time of the call.
pub fn outputs(
    receiver: &mut Receiver,
    motion: impl Fn(f64) -> Truth,
    step_ms: u64,
    from_ms: u64,
    to_ms: u64,
) -> Vec<(SimTime, ReceiverOutput)> {
    let mut all = Vec::new();
    for k in from_ms / step_ms..to_ms / step_ms {
        let now = SimTime::from_ms(k * step_ms);
        receiver.observe(now, &motion(now.as_s()));
        while let Some(output) = receiver.poll(now) {
            all.push((now, output));
        }
    }
    all
}

pub fn rms(values: impl IntoIterator<Item = f64>) -> f64 {
    let (mut sum, mut n) = (0.0, 0.0);
    for value in values {
        sum += value * value;
        n += 1.0;
    }
    f64::sqrt(sum / n)
}

/// Overlapping Allan deviation of `rates` (spacing 5 ms) over clusters of `m`.
pub fn allan(rates: &[f64], m: usize) -> f64 {
    let mut sums = vec![0.0];
    for rate in rates {
        sums.push(sums.last().unwrap() + rate);
    }
    let differences =
        (0..sums.len() - 2 * m).map(|k| (sums[k + 2 * m] - 2.0 * sums[k + m] + sums[k]) / m as f64);
    rms(differences) / std::f64::consts::SQRT_2
}
