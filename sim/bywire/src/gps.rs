/// What the car's own receiver knows at a full second. A consumer receiver that is right: its frames are coarser than its
/// errors would be.
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
}
