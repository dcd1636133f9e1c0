use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// 32-bit words drawn per sample and per value: two for a uniform in (0, 1], four for a normal.
const WORDS_PER_VALUE: u128 = 4;

/// Counter-based noise for one sensor channel: the value of sample k depends only on the seed of the
/// run, the name of the channel and k.
///
/// One ChaCha8 stream per channel and a fixed number of words per sample: adding, removing or
/// re-rating one sensor never changes another's noise, and a sample can be drawn out of order.
#[derive(Clone, Debug)]
pub struct NoiseStream {
    rng: ChaCha8Rng,
}

impl NoiseStream {
    /// The stream of `channel` (a path such as `imu.gyro.white`) in the run with `seed`.
    pub fn new(seed: u64, channel: &str) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(fnv1a_64(channel.as_bytes()));
        NoiseStream { rng }
    }

    /// N independent uniforms in (0, 1] for sample `index`.
    ///
    /// Draw the same N for every sample of a stream: samples of different width overlap.
    pub fn uniforms<const N: usize>(&mut self, index: u64) -> [f64; N] {
        self.seek::<N>(index);
        std::array::from_fn(|_| {
            let value = self.uniform();
            self.rng.next_u64();
            value
        })
    }

    /// N independent standard normals for sample `index`, by the Box–Muller transform.
    ///
    /// Draw the same N for every sample of a stream: samples of different width overlap.
    pub fn normals<const N: usize>(&mut self, index: u64) -> [f64; N] {
        self.seek::<N>(index);
        std::array::from_fn(|_| {
            let radius = libm::sqrt(-2.0 * libm::log(self.uniform()));
            radius * libm::cos(std::f64::consts::TAU * self.uniform())
        })
    }

    fn seek<const N: usize>(&mut self, index: u64) {
        let wanted = u128::from(index) * N as u128 * WORDS_PER_VALUE;
        // Seeking discards the generator's buffer, so a stream that is read in order does not seek.
        if self.rng.get_word_pos() != wanted {
            self.rng.set_word_pos(wanted);
        }
    }

    /// Uniform in (0, 1] with 53 random bits: zero is excluded because its logarithm is taken.
    fn uniform(&mut self) -> f64 {
        ((self.rng.next_u64() >> 11) + 1) as f64 * (1.0 / (1u64 << 53) as f64)
    }
}

/// Fowler–Noll–Vo hash 1a, 64 bit: fixed for ever, unlike the standard library's hasher.
fn fnv1a_64(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, b| (hash ^ u64::from(*b)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_do_not_depend_on_the_order_of_drawing() {
        let mut forward = NoiseStream::new(7, "imu.gyro");
        let in_order: Vec<[f64; 3]> = (0..100).map(|k| forward.normals(k)).collect();
        let mut backward = NoiseStream::new(7, "imu.gyro");
        for k in (0..100).rev() {
            assert_eq!(backward.normals::<3>(k), in_order[k as usize]);
        }
    }

    #[test]
    fn channels_and_seeds_are_independent() {
        let draw = |seed, channel| NoiseStream::new(seed, channel).normals::<8>(0);
        assert_ne!(draw(1, "a"), draw(1, "b"));
        assert_ne!(draw(1, "a"), draw(2, "a"));
    }

    #[test]
    fn golden_normals_of_a_stream_never_change() {
        let mut stream = NoiseStream::new(1, "golden");
        let drawn: [f64; 8] = stream.normals(0);
        let golden = [
            0.14952518596234987,
            0.8021183353481118,
            0.3748003211882337,
            0.14204893972671792,
            -0.5454909712750537,
            0.8732095649928864,
            -1.5718379731503467,
            -1.7275873155120507,
        ];
        assert_eq!(drawn.map(f64::to_bits), golden.map(f64::to_bits));
    }

    #[test]
    fn normals_have_zero_mean_and_unit_variance() {
        let mut stream = NoiseStream::new(3, "moments");
        let n = 200_000;
        let (mut sum, mut square, mut fourth) = (0.0, 0.0, 0.0);
        for k in 0..n {
            let [x] = stream.normals(k);
            sum += x;
            square += x * x;
            fourth += x * x * x * x;
        }
        let n = n as f64;
        assert!((sum / n).abs() < 0.01);
        assert!((square / n - 1.0).abs() < 0.015);
        assert!((fourth / n - 3.0).abs() < 0.1);
    }
}
