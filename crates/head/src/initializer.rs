//! Initial values of parameters.

use candle_core::{Device, Result, Tensor};

use crate::random::Random;

/// Uniform in [-l, l) with l = sqrt(6 / (fan_in + fan_out)): X. Glorot and Y. Bengio, "Understanding the
/// difficulty of training deep feedforward neural networks" (2010), equation 16; Keras's default for kernels.
///
/// # Shapes
///
/// `fan_in x fan_out`.
///
/// # Errors
///
/// When the device is out of memory.
pub fn glorot_uniform(fan_in: usize, fan_out: usize, random: &mut Random, device: &Device) -> Result<Tensor> {
    let limit = (6.0 / (fan_in + fan_out) as f64).sqrt() as f32;
    let values: Vec<f32> = (0..fan_in * fan_out).map(|_| (random.uniform() * 2.0 - 1.0) * limit).collect();
    Tensor::from_vec(values, (fan_in, fan_out), device)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Stream;

    #[test]
    fn glorot_uniform_fills_its_interval() {
        let mut random = Random::new(3, Stream::Initialization);
        let kernel = glorot_uniform(100, 50, &mut random, &Device::Cpu).unwrap();
        let values = kernel.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        let limit = (6.0_f32 / 150.0).sqrt();
        assert!(values.iter().all(|value| value.abs() <= limit));
        let largest = values.iter().copied().fold(0.0, f32::max);
        assert!(largest > 0.99 * limit);
        // Variance of a uniform distribution: limit^2 / 3.
        let variance = values.iter().map(|value| value * value).sum::<f32>() / values.len() as f32;
        assert!((variance / (limit * limit / 3.0) - 1.0).abs() < 0.05, "{variance}");
    }
}
