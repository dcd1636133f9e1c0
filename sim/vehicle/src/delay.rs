//! Dead time of an actuator.

/// A value on its way for a fixed number of steps.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct DelayLine {
    /// The values of the last steps, the dead time's and one more.
    samples: Vec<f64>,
    newest: usize,
}

impl DelayLine {
    /// A line of `steps` steps that has held `value` for ever.
    pub(crate) fn filled(value: f64, steps: usize) -> Self {
        DelayLine { samples: vec![value; steps + 1], newest: 0 }
    }

    /// Puts `value` in and returns the value of the dead time ago (`value` itself without one).
    pub(crate) fn push(&mut self, value: f64) -> f64 {
        let length = self.samples.len();
        let after = |index: usize| if index + 1 == length { 0 } else { index + 1 };
        self.newest = after(self.newest);
        self.samples[self.newest] = value;
        self.samples[after(self.newest)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_comes_out_after_its_dead_time() {
        for steps in [0, 1, 80, 1000] {
            let mut line = DelayLine::filled(-1.0, steps);
            for k in 0..3000 {
                let expected = if k < steps { -1.0 } else { (k - steps) as f64 };
                assert_eq!(line.push(k as f64), expected, "step {k}, dead time {steps}");
            }
        }
    }
}
