//! Activations of registers.

use super::Activation;
use crate::vector::Vector;

/// The bounds of values that keep what they are.
pub(super) const UNBOUNDED: [f32; 2] = [f32::NEG_INFINITY, f32::INFINITY];

impl Activation {
    /// The least and the largest value, if it does nothing else than bound them.
    pub(super) fn bounds(self) -> Option<[f32; 2]> {
        match self {
            Self::Linear => Some(UNBOUNDED),
            Self::Relu => Some([0.0, f32::INFINITY]),
            Self::Relu6 => Some([0.0, 6.0]),
            Self::Silu | Self::HardSwish | Self::Sigmoid | Self::HardSigmoid => None,
        }
    }

    /// The activation of each lane.
    ///
    /// # Safety
    ///
    /// As for [`Vector`].
    #[inline(always)]
    pub(super) unsafe fn apply<V: Vector>(self, x: V) -> V {
        // SAFETY: the caller's.
        unsafe {
            match self {
                Self::Linear => x,
                Self::Relu => x.relu(),
                Self::Relu6 => x.relu().at_most(V::splat(6.0)),
                Self::Silu => x.mul(sigmoid(x)),
                Self::HardSwish => x.mul(hard_sigmoid(x)),
                Self::Sigmoid => sigmoid(x),
                Self::HardSigmoid => hard_sigmoid(x),
            }
        }
    }
}

/// # Safety
///
/// As for [`Vector`].
#[inline(always)]
unsafe fn hard_sigmoid<V: Vector>(x: V) -> V {
    // SAFETY: the caller's.
    unsafe { x.add(V::splat(3.0)).relu().at_most(V::splat(6.0)).mul(V::splat(1.0 / 6.0)) }
}

/// # Safety
///
/// As for [`Vector`].
#[inline(always)]
unsafe fn sigmoid<V: Vector>(x: V) -> V {
    // SAFETY: the caller's.
    unsafe {
        let one = V::splat(1.0);
        one.div(one.add(exp(V::splat(0.0).sub(x))))
    }
}

/// exp(x), within 2 units of the last place; at most 2^127, and at least 2^-126.
///
/// x = n ln 2 + r with a whole n, so exp(x) = 2^n exp(r), and |r| is at most ln 2 / 2. There the Taylor polynomial of degree 7
/// is within 4e-9 of exp(r).
///
/// # Safety
///
/// As for [`Vector`].
#[inline(always)]
unsafe fn exp<V: Vector>(x: V) -> V {
    /// Added and subtracted, it leaves the nearest whole number: 1.5 * 2^23 has no bits below the unit.
    const ROUND: f32 = 12_582_912.0;
    /// ln 2 in two parts: n times the first, of 10 bits, is exact.
    const LN_2: [f32; 2] = [0.693_359_4, -2.121_944_4e-4];
    const FACTORIALS: [f32; 8] =
        [1.0, 1.0, 1.0 / 2.0, 1.0 / 6.0, 1.0 / 24.0, 1.0 / 120.0, 1.0 / 720.0, 1.0 / 5040.0];
    // SAFETY: the caller's.
    unsafe {
        // 87.3 = 126 ln 2.
        let x = x.at_most(V::splat(88.0)).at_least(V::splat(-87.3));
        let round = V::splat(ROUND);
        let n = x.mul_add(V::splat(std::f32::consts::LOG2_E), round).sub(round);
        let r = n.mul_add(V::splat(-LN_2[0]), x);
        let r = n.mul_add(V::splat(-LN_2[1]), r);
        let mut sum = V::splat(FACTORIALS[7]);
        for factor in FACTORIALS[..7].iter().rev() {
            sum = sum.mul_add(r, V::splat(*factor));
        }
        sum.mul(n.exp2_of_whole())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::path::Path;
    use crate::vector::Operation;

    struct Apply<'a>(Activation, &'a mut [f32]);

    impl Operation for Apply<'_> {
        type Output = ();

        #[inline(always)]
        unsafe fn run<V: Vector>(self) {
            for lanes in self.1.chunks_exact_mut(V::LANES) {
                // SAFETY: a register fits into a chunk of its lanes.
                unsafe { self.0.apply(V::load(lanes.as_ptr())).store(lanes.as_mut_ptr()) }
            }
        }
    }

    #[test]
    fn every_activation_is_its_definition_on_every_path() {
        let inputs: Vec<f32> = (-1600..1600).map(|step| step as f32 / 16.0).collect();
        for path in Path::supported() {
            for activation in [
                Activation::Linear,
                Activation::Relu,
                Activation::Relu6,
                Activation::Silu,
                Activation::HardSwish,
                Activation::Sigmoid,
                Activation::HardSigmoid,
            ] {
                let mut found = inputs.clone();
                // SAFETY: the path is supported.
                unsafe { path.run(Apply(activation, &mut found)) };
                for (input, found) in inputs.iter().zip(found) {
                    let expected = activation.of(f64::from(*input));
                    let error = (f64::from(found) - expected).abs();
                    assert!(
                        error <= 4e-7 * expected.abs() + 1e-30,
                        "{path} {activation:?} of {input}: {found}"
                    );
                }
            }
        }
    }

    #[test]
    fn what_is_not_a_number_stays_so() {
        for path in Path::supported() {
            for activation in [Activation::Relu, Activation::Relu6, Activation::HardSwish, Activation::Silu] {
                let mut values = [f32::NAN; 16];
                // SAFETY: the path is supported.
                unsafe { path.run(Apply(activation, &mut values)) };
                assert!(values.iter().all(|value| value.is_nan()), "{path} {activation:?}");
            }
        }
    }
}
