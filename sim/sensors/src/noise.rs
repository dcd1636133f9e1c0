//! First-order Gauss–Markov processes.

use skidpad_kernel::{NoiseStream, SimTime};

/// Spacing of the knots, ns. Between two knots a process runs straight, so that neither a 100 Hz nor
/// a 200 Hz reader sees steps; correlation times are of 1 s and more, so nothing is lost.
const KNOT_NS: u64 = 100_000_000;

/// N independent stationary first-order Gauss–Markov processes: x⁺ = e^(−Δt/T) x + σ √(1 − e^(−2Δt/T)) w.
#[derive(Clone, Debug)]
pub(crate) struct GaussMarkov<const N: usize> {
    stream: NoiseStream,
    sigma: [f64; N],
    decay: f64,
    /// Index of the knot at or before the time last asked for.
    knot: u64,
    ends: [[f64; N]; 2],
}

impl<const N: usize> GaussMarkov<N> {
    pub(crate) fn new(seed: u64, channel: &str, sigma: [f64; N], correlation_s: f64) -> Self {
        Self::starting(seed, channel, sigma, correlation_s, SimTime::ZERO)
    }

    /// Processes that begin, stationary, at the knot at or before `start`.
    pub(crate) fn starting(
        seed: u64,
        channel: &str,
        sigma: [f64; N],
        correlation_s: f64,
        start: SimTime,
    ) -> Self {
        let mut stream = NoiseStream::new(seed, channel);
        let knot = start.as_ns() / KNOT_NS;
        let first: [f64; N] = stream.normals(knot);
        let mut process = GaussMarkov {
            stream,
            sigma,
            decay: libm::exp(-(KNOT_NS as f64) * 1e-9 / correlation_s.max(1e-3)),
            knot,
            ends: [std::array::from_fn(|i| sigma[i] * first[i]); 2],
        };
        process.ends[1] = process.after(process.ends[0], knot + 1);
        process
    }

    /// True if the processes are zero for ever.
    pub(crate) fn is_silent(&self) -> bool {
        self.sigma.iter().all(|sigma| *sigma == 0.0)
    }

    /// The processes at `now`. Time must not run backwards.
    pub(crate) fn at(&mut self, now: SimTime) -> [f64; N] {
        let (knot, into_ns) = (now.as_ns() / KNOT_NS, now.as_ns() % KNOT_NS);
        while self.knot < knot {
            self.knot += 1;
            self.ends = [self.ends[1], self.after(self.ends[1], self.knot + 1)];
        }
        let share = into_ns as f64 / KNOT_NS as f64;
        std::array::from_fn(|i| self.ends[0][i] + share * (self.ends[1][i] - self.ends[0][i]))
    }

    /// The value at knot `index`, from the one before it.
    fn after(&mut self, before: [f64; N], index: u64) -> [f64; N] {
        if self.sigma.iter().all(|sigma| *sigma == 0.0) {
            return [0.0; N];
        }
        let w: [f64; N] = self.stream.normals(index);
        let spread = (1.0 - self.decay * self.decay).sqrt();
        std::array::from_fn(|i| self.decay * before[i] + self.sigma[i] * spread * w[i])
    }
}

/// N independent random walks from zero: x⁺ = x + K √Δt w, straight between the knots.
#[derive(Clone, Debug)]
pub(crate) struct RandomWalk<const N: usize> {
    stream: NoiseStream,
    step: [f64; N],
    knot: u64,
    ends: [[f64; N]; 2],
}

impl<const N: usize> RandomWalk<N> {
    /// `walk` is K, per √s.
    pub(crate) fn new(seed: u64, channel: &str, walk: [f64; N]) -> Self {
        let step = walk.map(|walk| walk * (KNOT_NS as f64 * 1e-9).sqrt());
        let mut stream = NoiseStream::new(seed, channel);
        let first: [f64; N] = stream.normals(1);
        let ends = [[0.0; N], std::array::from_fn(|i| step[i] * first[i])];
        RandomWalk { stream, step, knot: 0, ends }
    }

    /// The walks at `now`. Time must not run backwards.
    pub(crate) fn at(&mut self, now: SimTime) -> [f64; N] {
        let (knot, into_ns) = (now.as_ns() / KNOT_NS, now.as_ns() % KNOT_NS);
        while self.knot < knot {
            self.knot += 1;
            let w: [f64; N] = self.stream.normals(self.knot + 1);
            let here = self.ends[1];
            self.ends = [here, std::array::from_fn(|i| here[i] + self.step[i] * w[i])];
        }
        let share = into_ns as f64 / KNOT_NS as f64;
        std::array::from_fn(|i| self.ends[0][i] + share * (self.ends[1][i] - self.ends[0][i]))
    }
}

/// White noise, N values per sample.
#[derive(Clone, Debug)]
pub(crate) struct White<const N: usize> {
    stream: NoiseStream,
    sigma: [f64; N],
}

impl<const N: usize> White<N> {
    pub(crate) fn new(seed: u64, channel: &str, sigma: [f64; N]) -> Self {
        White { stream: NoiseStream::new(seed, channel), sigma }
    }

    /// The values of sample `index`.
    pub(crate) fn at(&mut self, index: u64) -> [f64; N] {
        if self.sigma.iter().all(|sigma| *sigma == 0.0) {
            return [0.0; N];
        }
        let w: [f64; N] = self.stream.normals(index);
        std::array::from_fn(|i| self.sigma[i] * w[i])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gauss_markov_process_forgets_to_1_over_e_in_its_correlation_time() {
        let (sigma, correlation_s) = (0.3, 5.0);
        let mut process = GaussMarkov::<1>::new(11, "law", [sigma], correlation_s);
        let samples: Vec<f64> = (0..200_000u64).map(|k| process.at(SimTime::from_ms(k * 100))[0]).collect();
        let lag = (correlation_s * 10.0) as usize;
        let n = (samples.len() - lag) as f64;
        let variance = samples.iter().map(|x| x * x).sum::<f64>() / samples.len() as f64;
        let covariance = samples.iter().zip(&samples[lag..]).map(|(a, b)| a * b).sum::<f64>() / n;
        assert!((variance.sqrt() / sigma - 1.0).abs() < 0.03, "σ {}", variance.sqrt());
        assert!((covariance / variance - libm::exp(-1.0)).abs() < 0.05, "{}", covariance / variance);
    }

    #[test]
    fn a_gauss_markov_process_is_stationary_from_its_first_value() {
        let square = |ms| {
            let runs = 4000;
            let sum: f64 = (0..runs)
                .map(|seed| {
                    let [x] = GaussMarkov::<1>::new(seed, "start", [2.0], 10.0).at(SimTime::from_ms(ms));
                    x * x
                })
                .sum();
            (sum / runs as f64).sqrt()
        };
        assert!((square(0) / 2.0 - 1.0).abs() < 0.04);
        assert!((square(3000) / 2.0 - 1.0).abs() < 0.04);
    }

    #[test]
    fn a_gauss_markov_process_runs_without_steps_between_its_knots() {
        let mut process = GaussMarkov::<1>::new(5, "smooth", [1.0], 10.0);
        let values: Vec<f64> = (0..400).map(|k| process.at(SimTime::from_ms(k * 5))[0]).collect();
        let largest_step = values.windows(2).map(|w| (w[1] - w[0]).abs()).fold(0.0, f64::max);
        // One knot's step is σ √(2 · 0.1/10) = 0.14, shared by 20 samples; 5 σ of it at most.
        assert!(largest_step < 5.0 * 0.1415 / 20.0, "{largest_step}");
    }

    #[test]
    fn reading_a_process_more_often_does_not_change_it() {
        let mut seldom = GaussMarkov::<3>::new(5, "rate", [1.0; 3], 10.0);
        let mut often = seldom.clone();
        for ms in 0..5000 {
            let value = often.at(SimTime::from_ms(ms));
            if ms % 700 == 0 {
                assert_eq!(value, seldom.at(SimTime::from_ms(ms)));
            }
        }
    }
}
