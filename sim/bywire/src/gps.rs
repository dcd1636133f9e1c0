use skidpad_kernel::NoiseStream;

/// What a receiver says at a full second.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GpsFix {
    /// Unix time, s.
    pub unix_s: i64,
    /// WGS84 latitude, deg, positive north.
    pub latitude_deg: f64,
    /// WGS84 longitude, deg, positive east.
    pub longitude_deg: f64,
    /// Height above the ellipsoid, m.
    pub altitude_m: f64,
    /// Course over ground, deg clockwise from north, 0 to 360.
    pub course_deg: f64,
    /// Speed over ground, m/s.
    pub speed_mps: f64,
    /// The height is measured; else held (a 2D fix).
    pub has_height: bool,
    /// Satellites in the solution.
    pub satellites: u8,
    /// Dilution of position, horizontally and vertically.
    pub dilution: [f64; 3],
}

/// The car's own receiver: single frequency, no corrections, an antenna in the roof, one fix a second.
///
/// Its errors are an assumption, typical of such receivers and not measured on this car: per axis a slow error of the
/// atmosphere and the orbits (Gauss–Markov) and a white one, and Doppler noise on speed and course. After the satellites
/// were lost it has no fix for two seconds, then one without height for two more. It does not dead-reckon.
#[derive(Clone, Debug)]
pub struct CarGps {
    noise: NoiseStream,
    /// Fixes so far.
    count: u64,
    /// Slow errors: east, north, up, satellites; in their standard deviations.
    slow: [f64; 4],
    /// Seconds in a row with satellites.
    in_view: u32,
    held_altitude_m: f64,
}

/// Standard deviations, m: slow and white, horizontally per axis and vertically.
const SLOW_M: [f64; 2] = [1.5, 3.0];
const WHITE_M: [f64; 2] = [0.4, 0.8];
/// How long the slow errors last, s.
const SLOW_FOR_S: f64 = 300.0;
/// Standard deviation of the Doppler speed, each axis, m/s.
const SPEED_MPS: f64 = 0.05;
/// Metres in a degree of latitude; fine for errors of some metres.
const M_PER_DEG: f64 = 111_320.0;

impl CarGps {
    /// Seconds without a fix after an outage, and until there is a height.
    const REACQUIRED_AFTER: (u32, u32) = (2, 4);

    /// Has been in view of the satellites for long.
    pub fn new(seed: u64) -> Self {
        let mut noise = NoiseStream::new(seed, "car.gps");
        let [east, north, up, satellites, ..] = noise.normals::<10>(0);
        CarGps {
            noise,
            count: 0,
            slow: [east, north, up, satellites],
            in_view: u32::MAX,
            held_altitude_m: 0.0,
        }
    }

    /// The fix of this second, given the true motion (its quality is ignored) and whether the sky is in view.
    pub fn measure(&mut self, truth: &GpsFix, sky: bool) -> Option<GpsFix> {
        self.count += 1;
        let n = self.noise.normals::<10>(self.count);
        let keep = libm::exp(-1.0 / SLOW_FOR_S);
        let renew = libm::sqrt(1.0 - keep * keep);
        for (slow, white) in self.slow.iter_mut().zip(n) {
            *slow = keep * *slow + renew * white;
        }
        self.in_view = if sky { self.in_view.saturating_add(1) } else { 0 };
        let (fix_after, height_after) = Self::REACQUIRED_AFTER;
        if self.in_view <= fix_after {
            return None;
        }
        let has_height = self.in_view > height_after;
        let [east, north, up, satellites] = self.slow;
        let satellites = if has_height { (10.0 + 1.3 * satellites).round().clamp(5.0, 14.0) } else { 4.0 };
        let horizontal = 1.0 + 3.0 / (satellites - 3.0) - 0.5;
        let vertical = 1.6 * horizontal;
        let [slow_m, slow_up_m] = SLOW_M;
        let [white_m, white_up_m] = WHITE_M;
        let altitude_m = truth.altitude_m + slow_up_m * up + white_up_m * n[6];
        if has_height {
            self.held_altitude_m = altitude_m;
        }
        let per_longitude = M_PER_DEG * libm::cos(truth.latitude_deg.to_radians()).max(0.01);
        let course_error_deg = (SPEED_MPS * n[8] / truth.speed_mps.max(0.5)).to_degrees();
        Some(GpsFix {
            unix_s: truth.unix_s,
            latitude_deg: truth.latitude_deg + (slow_m * north + white_m * n[5]) / M_PER_DEG,
            longitude_deg: truth.longitude_deg + (slow_m * east + white_m * n[4]) / per_longitude,
            altitude_m: self.held_altitude_m,
            course_deg: (truth.course_deg + course_error_deg).rem_euclid(360.0),
            speed_mps: (truth.speed_mps + SPEED_MPS * n[7]).abs(),
            has_height,
            satellites: satellites as u8,
            dilution: [libm::hypot(horizontal, vertical), horizontal, vertical],
        })
    }
}

/// A date and time of day.
pub(crate) struct Utc {
    pub year: i64,
    pub month: i64,
    pub day: i64,
    pub second_of_day: i64,
}

impl Utc {
    /// The civil date of a Unix time, Gregorian calendar.
    pub fn from_unix(unix_s: i64) -> Self {
        let days = unix_s.div_euclid(86_400);
        // Years begin in March here, so that the leap day is the last; 146 097 days make 400 years.
        let shifted = days + 719_468;
        let (era, day_of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
        let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let march_month = (5 * day_of_year + 2) / 153;
        let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
        Utc {
            year: 400 * era + year_of_era + i64::from(month <= 2),
            month,
            day: day_of_year - (153 * march_month + 2) / 5 + 1,
            second_of_day: unix_s.rem_euclid(86_400),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        let cases = [
            (0, [1970, 1, 1, 0]),
            (951_782_399, [2000, 2, 28, 86_399]),
            (951_782_400, [2000, 2, 29, 0]),
            (951_868_800, [2000, 3, 1, 0]),
            (1_500_000_000, [2017, 7, 14, 9600]),
            (4_107_542_400, [2100, 3, 1, 0]),
        ];
        for (unix_s, expected) in cases {
            let utc = Utc::from_unix(unix_s);
            assert_eq!([utc.year, utc.month, utc.day, utc.second_of_day], expected, "{unix_s}");
        }
    }

    fn truth(unix_s: i64) -> GpsFix {
        GpsFix {
            unix_s,
            latitude_deg: 37.4,
            longitude_deg: -122.0,
            altitude_m: 10.0,
            course_deg: 90.0,
            speed_mps: 10.0,
            has_height: true,
            satellites: 0,
            dilution: [0.0; 3],
        }
    }

    #[test]
    fn its_errors_are_those_of_a_cheap_receiver_slow_and_white() {
        let mut gps = CarGps::new(5);
        let at = truth(0);
        let metres = |fix: &GpsFix| {
            let north = (fix.latitude_deg - at.latitude_deg) * M_PER_DEG;
            let east = (fix.longitude_deg - at.longitude_deg) * M_PER_DEG * 37.4f64.to_radians().cos();
            [east, north, fix.altitude_m - at.altitude_m, fix.speed_mps - at.speed_mps]
        };
        let errors: Vec<[f64; 4]> =
            (0..200_000).map(|s| metres(&gps.measure(&truth(s), true).unwrap())).collect();
        let mean = |of: &dyn Fn(usize) -> f64, count| (0..count).map(of).sum::<f64>() / count as f64;
        for (axis, slow, white) in [(0, 1.5, 0.4), (1, 1.5, 0.4), (2, 3.0, 0.8)] {
            let variance = mean(&|i| errors[i][axis] * errors[i][axis], errors.len());
            let expected = slow * slow + white * white;
            assert!((variance / expected - 1.0).abs() < 0.15, "axis {axis}: {variance} against {expected}");
            let step = mean(&|i| (errors[i + 1][axis] - errors[i][axis]).powi(2), errors.len() - 1);
            // Twice the white variance, and what the slow error moves in a second.
            let expected = 2.0 * white * white + 2.0 * slow * slow * (1.0 - (-1.0f64 / 300.0).exp());
            assert!((step / expected - 1.0).abs() < 0.03, "axis {axis}: {step} against {expected}");
            let after = mean(&|i| errors[i + 300][axis] * errors[i][axis], errors.len() - 300);
            assert!((after / (slow * slow) - (-1.0f64).exp()).abs() < 0.1, "axis {axis}: {after}");
        }
        let speed = mean(&|i| errors[i][3] * errors[i][3], errors.len()).sqrt();
        assert!((speed / 0.05 - 1.0).abs() < 0.02, "{speed}");
    }

    #[test]
    fn after_an_outage_it_has_no_fix_then_no_height_then_both() {
        let mut gps = CarGps::new(5);
        let mut at = |s: i64, sky: bool| gps.measure(&truth(s), sky).map(|fix| fix.has_height);
        assert_eq!((at(0, true), at(1, false), at(2, false)), (Some(true), None, None));
        let back: Vec<_> = (3..9).map(|s| at(s, true)).collect();
        assert_eq!(back, [None, None, Some(false), Some(false), Some(true), Some(true)]);
    }
}
