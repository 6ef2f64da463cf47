//! Inverted dropout.

use candle_core::{Result, Tensor};

use crate::random::Random;

/// Whether a forward pass is part of training.
#[derive(Debug)]
pub enum Mode<'a> {
    /// Dropout does nothing.
    Inference,
    /// Dropout draws its masks from this stream.
    Training(&'a mut Random),
}

/// Sets each value to zero with probability `rate` while training, and divides the others by 1 - `rate`. Inference then
/// needs no scaling (N. Srivastava et al., "Dropout" (2014), section 10).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Dropout {
    /// Probability in [0, 1) that a value is dropped.
    pub rate: f32,
}

impl Dropout {
    /// The layer's output, of the shape of `x`.
    ///
    /// # Errors
    ///
    /// When the device fails.
    pub fn forward(&self, x: &Tensor, mode: &mut Mode<'_>) -> Result<Tensor> {
        match mode {
            Mode::Training(random) if self.rate > 0.0 => {
                let scale = 1.0 / (1.0 - self.rate);
                let mask: Vec<f32> = (0..x.elem_count())
                    .map(|_| if random.uniform() < self.rate { 0.0 } else { scale })
                    .collect();
                x * Tensor::from_vec(mask, x.shape(), x.device())?
            }
            _ => Ok(x.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Stream;
    use candle_core::{DType, Device};

    fn ones() -> Tensor {
        Tensor::ones((100, 100), DType::F32, &Device::Cpu).unwrap()
    }

    #[test]
    fn training_keeps_the_mean_and_drops_the_rate() {
        let mut random = Random::new(5, Stream::Dropout);
        let dropped = Dropout { rate: 0.3 }.forward(&ones(), &mut Mode::Training(&mut random)).unwrap();
        let values = dropped.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        assert!(values.iter().all(|value| *value == 0.0 || *value == 1.0 / 0.7));
        let zeros = values.iter().filter(|value| **value == 0.0).count();
        // 3000 expected, standard deviation 46.
        assert!((2800..3200).contains(&zeros), "{zeros}");
    }

    #[test]
    fn inference_changes_nothing() {
        let kept = Dropout { rate: 0.3 }.forward(&ones(), &mut Mode::Inference).unwrap();
        assert_eq!(kept.to_vec2::<f32>().unwrap(), ones().to_vec2::<f32>().unwrap());
    }
}
