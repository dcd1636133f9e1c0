use std::f64::consts::{PI, TAU};

/// The same angle in (-π, π]. NaN and infinities give NaN.
#[must_use]
pub fn wrap_angle(rad: f64) -> f64 {
    // Nearly every caller is already in range: leave those bits alone.
    if rad > -PI && rad <= PI {
        return rad;
    }
    let within = libm::fmod(rad, TAU); // exact, in (-2π, 2π)
    if within > PI {
        within - TAU
    } else if within <= -PI {
        within + TAU
    } else {
        within
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn half_a_turn_is_plus_pi_from_either_side() {
        assert_eq!(wrap_angle(PI), PI);
        assert_eq!(wrap_angle(-PI), PI);
        assert_eq!(wrap_angle(0.0), 0.0);
        assert!((wrap_angle(1.5 * PI) + 0.5 * PI).abs() < 1e-15);
        assert!(wrap_angle(f64::NAN).is_nan());
        assert!(wrap_angle(f64::INFINITY).is_nan());
    }

    proptest! {
        #[test]
        fn wrapping_keeps_the_direction(rad in -1e4..1e4f64) {
            let wrapped = wrap_angle(rad);
            prop_assert!(wrapped > -PI && wrapped <= PI);
            prop_assert!((libm::sin(wrapped) - libm::sin(rad)).abs() < 1e-11);
            prop_assert!((libm::cos(wrapped) - libm::cos(rad)).abs() < 1e-11);
        }
    }
}
