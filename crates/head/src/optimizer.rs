//! RMSprop, as each Keras has it.

use candle_core::{CpuStorage, InplaceOp2, InplaceOp3, Layout, Result, Tensor, Var, backprop::GradStore};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// Where epsilon stands in RMSprop's denominator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EpsilonPlacement {
    /// g / (sqrt(a) + epsilon): Keras 1 and 2.
    OutsideRoot,
    /// g / sqrt(a + epsilon): Keras 3. For gradients below sqrt(epsilon) a different optimizer.
    InsideRoot,
}

/// RMSprop (T. Tieleman and G. Hinton, lecture 6.5 of "Neural Networks for Machine Learning", 2012): with the
/// running mean of squares a = rho a + (1 - rho) g^2, each parameter moves by -learning_rate g / sqrt(a).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct RmsProp {
    /// Step size, > 0.
    pub learning_rate: f32,
    /// Decay of the running mean of squared gradients, in [0, 1).
    pub rho: f32,
    /// Keeps the denominator from zero, > 0.
    pub epsilon: f32,
    /// Whether epsilon is added to the root or under it.
    pub epsilon_placement: EpsilonPlacement,
}

impl RmsProp {
    /// The defaults of Keras 1: 1e-3, 0.9, 1e-8 outside the root. What the bottleneck-features script ran with.
    #[must_use]
    pub fn keras1() -> Self {
        let epsilon_placement = EpsilonPlacement::OutsideRoot;
        Self { learning_rate: 1e-3, rho: 0.9, epsilon: 1e-8, epsilon_placement }
    }

    /// The defaults of Keras 2 from 2.1.3 on: epsilon is 1e-7.
    #[must_use]
    pub fn keras2() -> Self {
        Self { epsilon: 1e-7, ..Self::keras1() }
    }

    /// The defaults of Keras 3: epsilon is 1e-7, inside the root.
    #[must_use]
    pub fn keras3() -> Self {
        Self { epsilon: 1e-7, epsilon_placement: EpsilonPlacement::InsideRoot, ..Self::keras1() }
    }

    /// The new running mean of squares.
    #[inline(always)]
    fn accumulate(&self, accumulator: f32, gradient: f32) -> f32 {
        self.rho * accumulator + (1.0 - self.rho) * gradient * gradient
    }

    /// The parameter after its step.
    #[inline(always)]
    fn step(&self, parameter: f32, accumulator: f32, gradient: f32) -> f32 {
        let denominator = match self.epsilon_placement {
            EpsilonPlacement::OutsideRoot => accumulator.sqrt() + self.epsilon,
            EpsilonPlacement::InsideRoot => (accumulator + self.epsilon).sqrt(),
        };
        parameter - self.learning_rate * gradient / denominator
    }
}

/// RMSprop's memory for a list of parameters.
pub(crate) struct RmsPropState {
    settings: RmsProp,
    slots: Vec<Slot>,
}

/// A parameter and its running mean of squared gradients.
struct Slot {
    parameter: Var,
    accumulator: Tensor,
}

impl RmsPropState {
    /// Starts with running means of zero.
    pub(crate) fn new(settings: RmsProp, parameters: Vec<Var>) -> Result<Self> {
        let slot = |parameter: Var| {
            let accumulator = parameter.as_tensor().zeros_like()?;
            Ok(Slot { parameter, accumulator })
        };
        Ok(Self { settings, slots: parameters.into_iter().map(slot).collect::<Result<_>>()? })
    }

    /// Moves every parameter that has a gradient.
    pub(crate) fn update(&mut self, gradients: &GradStore) -> Result<()> {
        for slot in &mut self.slots {
            let Some(gradient) = gradients.get(&slot.parameter) else { continue };
            if gradient.device().is_cpu() {
                let gradient = gradient.contiguous()?;
                slot.accumulator.inplace_op2(&gradient, &Accumulate(self.settings))?;
                slot.parameter.inplace_op3(&slot.accumulator, &gradient, &Step(self.settings))?;
            } else {
                slot.update_with_tensors(gradient, self.settings)?;
            }
        }
        Ok(())
    }
}

impl Slot {
    /// The same update by whole-tensor operations, on any device.
    fn update_with_tensors(&mut self, gradient: &Tensor, settings: RmsProp) -> Result<()> {
        let RmsProp { learning_rate, rho, epsilon, epsilon_placement } = settings;
        let squares = (gradient.sqr()? * f64::from(1.0 - rho))?;
        self.accumulator = ((&self.accumulator * f64::from(rho))? + squares)?;
        let denominator = match epsilon_placement {
            EpsilonPlacement::OutsideRoot => (self.accumulator.sqrt()? + f64::from(epsilon))?,
            EpsilonPlacement::InsideRoot => (&self.accumulator + f64::from(epsilon))?.sqrt()?,
        };
        let step = ((gradient * f64::from(learning_rate))? / denominator)?;
        self.parameter.set(&self.parameter.as_tensor().sub(&step)?)
    }
}

/// How many values a task updates: enough to be worth a hand-over, few enough to share out.
const CHUNK: usize = 1 << 15;

/// Accumulators and gradients in, accumulators out.
struct Accumulate(RmsProp);

impl InplaceOp2 for Accumulate {
    fn name(&self) -> &'static str {
        "rmsprop-accumulate"
    }

    fn cpu_fwd(&self, s1: &mut CpuStorage, l1: &Layout, s2: &CpuStorage, l2: &Layout) -> Result<()> {
        let accumulators = slice_mut(s1, l1)?.par_chunks_mut(CHUNK);
        accumulators.zip(slice(s2, l2)?.par_chunks(CHUNK)).for_each(|(accumulators, gradients)| {
            for (accumulator, gradient) in accumulators.iter_mut().zip(gradients) {
                *accumulator = self.0.accumulate(*accumulator, *gradient);
            }
        });
        Ok(())
    }
}

/// Parameters, accumulators and gradients in, parameters out.
struct Step(RmsProp);

impl InplaceOp3 for Step {
    fn name(&self) -> &'static str {
        "rmsprop-step"
    }

    fn cpu_fwd(
        &self,
        s1: &mut CpuStorage,
        l1: &Layout,
        s2: &CpuStorage,
        l2: &Layout,
        s3: &CpuStorage,
        l3: &Layout,
    ) -> Result<()> {
        let parameters = slice_mut(s1, l1)?.par_chunks_mut(CHUNK);
        let others = slice(s2, l2)?.par_chunks(CHUNK).zip(slice(s3, l3)?.par_chunks(CHUNK));
        parameters.zip(others).for_each(|(parameters, (accumulators, gradients))| {
            for ((parameter, accumulator), gradient) in parameters.iter_mut().zip(accumulators).zip(gradients)
            {
                *parameter = self.0.step(*parameter, *accumulator, *gradient);
            }
        });
        Ok(())
    }
}

/// The values of a contiguous tensor.
fn slice<'a>(storage: &'a CpuStorage, layout: &Layout) -> Result<&'a [f32]> {
    let (start, end) = contiguous(layout)?;
    Ok(&storage.as_slice::<f32>()?[start..end])
}

/// The values of a contiguous tensor, to change.
fn slice_mut<'a>(storage: &'a mut CpuStorage, layout: &Layout) -> Result<&'a mut [f32]> {
    let (start, end) = contiguous(layout)?;
    match storage {
        CpuStorage::F32(values) => Ok(&mut values[start..end]),
        other => Err(candle_core::Error::UnsupportedDTypeForOp(
            candle_core::backend::BackendStorage::dtype(other),
            "rmsprop",
        )),
    }
}

fn contiguous(layout: &Layout) -> Result<(usize, usize)> {
    layout.contiguous_offsets().ok_or(candle_core::Error::RequiresContiguous { op: "rmsprop" })
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;

    #[test]
    fn in_place_update_is_the_tensor_update() {
        for settings in [RmsProp::keras1(), RmsProp::keras2(), RmsProp::keras3()] {
            let start: Vec<f32> = (0..70_000).map(|i| ((i * 37) % 1009) as f32 / 500.0 - 1.0).collect();
            let var = || Var::from_slice(&start, (700, 100), &Device::Cpu).unwrap();
            let (mut by_slices, mut by_tensors) = (
                RmsPropState::new(settings, vec![var()]).unwrap(),
                RmsPropState::new(settings, vec![var()]).unwrap(),
            );
            for _ in 0..5 {
                // The gradient of the sum of cubes: 3 w^2.
                let gradients = |state: &RmsPropState| {
                    let w = state.slots[0].parameter.as_tensor();
                    w.powf(3.0).unwrap().sum_all().unwrap().backward().unwrap()
                };
                by_slices.update(&gradients(&by_slices)).unwrap();
                let store = gradients(&by_tensors);
                let slot = &mut by_tensors.slots[0];
                slot.update_with_tensors(store.get(&slot.parameter.clone()).unwrap(), settings).unwrap();
            }
            let values = |state: &RmsPropState| {
                state.slots[0].parameter.flatten_all().unwrap().to_vec1::<f32>().unwrap()
            };
            for (a, b) in values(&by_slices).iter().zip(values(&by_tensors)) {
                assert!((a - b).abs() <= 1e-6 * b.abs().max(1e-3), "{settings:?}: {a} {b}");
            }
            assert_ne!(values(&by_slices), start);
        }
    }
}
