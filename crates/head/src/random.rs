//! Every random number of a run, from one seed.
//!
//! Each purpose has its own stream, so switching dropout off does not change the shuffling.

use rand::{RngCore, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// A purpose that random numbers are drawn for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Stream {
    /// Initial kernels.
    Initialization,
    /// The order of the rows in each epoch.
    Shuffle,
    /// Dropout masks.
    Dropout,
    /// The rows of each draw of an evaluation's bootstrap.
    Bootstrap,
    /// The folds of a cross-validation.
    Folds,
    /// The parts of the rows that a learning curve is of.
    Subsets,
}

/// A stream of random numbers.
#[derive(Debug, Clone)]
pub struct Random(ChaCha8Rng);

impl Random {
    /// The stream of a purpose for a seed.
    #[must_use]
    pub fn new(seed: u64, stream: Stream) -> Self {
        let mut generator = ChaCha8Rng::seed_from_u64(seed);
        generator.set_stream(stream as u64);
        Self(generator)
    }

    /// Uniform in [0, 1), a multiple of 2^-24.
    pub fn uniform(&mut self) -> f32 {
        (self.0.next_u32() >> 8) as f32 / (1_u32 << 24) as f32
    }

    /// Uniform in 0..bound, without bias (D. Lemire, "Fast random integer generation in an interval", 2019).
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        let threshold = bound.wrapping_neg() % bound;
        loop {
            let product = u128::from(self.0.next_u64()) * u128::from(bound);
            if product as u64 >= threshold {
                return (product >> 64) as u64;
            }
        }
    }

    /// A uniformly random permutation in place (Fisher and Yates, in Durstenfeld's form).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            let other = self.below(last as u64 + 1);
            items.swap(last, other as usize);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_of_one_seed_differ_and_repeat() {
        let draw = |seed, stream| {
            let mut random = Random::new(seed, stream);
            [random.uniform(), random.uniform()].map(f32::to_bits)
        };
        assert_eq!(draw(1, Stream::Shuffle), draw(1, Stream::Shuffle));
        assert_ne!(draw(1, Stream::Shuffle), draw(1, Stream::Dropout));
        assert_ne!(draw(1, Stream::Shuffle), draw(2, Stream::Shuffle));
    }

    #[test]
    fn every_permutation_of_four_is_as_likely() {
        let mut random = Random::new(9, Stream::Shuffle);
        let mut seen = std::collections::BTreeMap::new();
        for _ in 0..24_000 {
            let mut items = [0, 1, 2, 3];
            random.shuffle(&mut items);
            *seen.entry(items).or_insert(0) += 1;
        }
        // 1000 expected each; 150 is nearly five standard deviations.
        assert_eq!(seen.len(), 24);
        assert!(seen.values().all(|count| (850..1150).contains(count)), "{seen:?}");
    }
}
