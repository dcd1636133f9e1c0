//! Dead time of an actuator.

/// Longest dead time in steps.
pub(crate) const CAPACITY: usize = 256;

/// A value on its way for a fixed number of steps.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct DelayLine {
    samples: [f64; CAPACITY],
    newest: usize,
}

impl DelayLine {
    /// A line that has held `value` for ever.
    pub(crate) fn filled(value: f64) -> Self {
        DelayLine { samples: [value; CAPACITY], newest: 0 }
    }

    /// Puts `value` in and returns the value of `steps` steps ago (0: `value` itself).
    pub(crate) fn push(&mut self, value: f64, steps: usize) -> f64 {
        self.newest = (self.newest + 1) % CAPACITY;
        self.samples[self.newest] = value;
        self.samples[(self.newest + CAPACITY - steps.min(CAPACITY - 1)) % CAPACITY]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_comes_out_after_its_dead_time() {
        for steps in [0, 1, 80, CAPACITY - 1] {
            let mut line = DelayLine::filled(-1.0);
            for k in 0..1000 {
                let expected = if k < steps { -1.0 } else { (k - steps) as f64 };
                assert_eq!(line.push(k as f64, steps), expected, "step {k}, dead time {steps}");
            }
        }
    }
}
