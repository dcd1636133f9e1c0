//! GPS time and Unix time.

use proptest::prelude::*;
use skidpad_novatel::GpsTime;

#[test]
fn the_default_start_of_a_run_is_week_1957() {
    // 14 July 2017 02:40:00 UTC, a Friday: 5 days, 2 h 40 min and 18 leap seconds into the week.
    let time = GpsTime::from_unix_ns(1_500_000_000_000_000_000).unwrap();
    let seconds = 5.0 * 86_400.0 + 2.0 * 3_600.0 + 40.0 * 60.0 + 18.0;
    assert_eq!(time, GpsTime { week: 1957, seconds });
    assert_eq!(time.to_unix_s(), 1_500_000_000.0);
    assert_eq!(GpsTime::from_unix_s(1_500_000_000.0).unwrap(), time);
}

#[test]
fn the_week_rolls_over_at_604800_seconds_and_not_before() {
    // Sunday 16 July 2017 00:00:00 GPS is 18 s before midnight UTC.
    let sunday_ns = (1_500_163_200 - 18) * 1_000_000_000;
    let before = GpsTime::from_unix_ns(sunday_ns - 10_000_000).unwrap();
    assert_eq!((before.week, before.seconds), (1957, 604_799.99));
    let last = GpsTime::from_unix_ns(sunday_ns - 1).unwrap();
    assert_eq!((last.week, last.seconds), (1957, 604_799.999_999_999));
    let after = GpsTime::from_unix_ns(sunday_ns).unwrap();
    assert_eq!((after.week, after.seconds), (1958, 0.0));
    assert_eq!(GpsTime::from_unix_s((1_500_163_200 - 18) as f64).unwrap(), after);
}

#[test]
fn the_gps_epoch_with_todays_leap_seconds_is_the_earliest_time() {
    let first = GpsTime::from_unix_ns((315_964_800 - 18) * 1_000_000_000).unwrap();
    assert_eq!((first.week, first.seconds), (0, 0.0));
    assert!(GpsTime::from_unix_ns((315_964_800 - 18) * 1_000_000_000 - 1).is_err());
    assert!(GpsTime::from_unix_ns(i64::MIN).is_err());
    for refused in [0.0, -1.0, f64::NAN, f64::INFINITY, 1e30] {
        let error = GpsTime::from_unix_s(refused).unwrap_err();
        assert!(error.to_string().contains("has no GPS time"), "{error}");
    }
}

proptest! {
    #[test]
    fn nanoseconds_survive_the_round_trip(unix_ns in 400_000_000_000_000_000..4_000_000_000_000_000_000i64) {
        let time = GpsTime::from_unix_ns(unix_ns).unwrap();
        prop_assert!((0.0..604_800.0).contains(&time.seconds));
        prop_assert_eq!(time.to_unix_ns(), unix_ns);
    }

    #[test]
    fn seconds_survive_the_round_trip(unix_s in 4e8..4e9f64) {
        let time = GpsTime::from_unix_s(unix_s).unwrap();
        prop_assert!((0.0..604_800.0).contains(&time.seconds));
        prop_assert_eq!(time.to_unix_s(), unix_s);
    }
}
