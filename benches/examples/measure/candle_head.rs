//! The default head and RMSprop as a user of candle-nn would write them, in candle's own ops.

use candle_core::{DType, Device, Result, Tensor, Var};
use candle_nn::{Dropout, Linear, Module, VarBuilder, VarMap, linear, loss};

/// Dense 256 relu, dropout 0.5, Dense 1, with RMSprop's running means of squares.
pub(crate) struct CandleHead {
    hidden: Linear,
    output: Linear,
    dropout: Dropout,
    state: Vec<(Var, Tensor)>,
}

impl CandleHead {
    pub(crate) fn new(columns: usize) -> Result<Self> {
        let variables = VarMap::new();
        let builder = VarBuilder::from_varmap(&variables, DType::F32, &Device::Cpu);
        let hidden = linear(columns, 256, builder.pp("hidden"))?;
        let output = linear(256, 1, builder.pp("output"))?;
        let state = variables.all_vars().into_iter().map(|var| {
            let squares = var.zeros_like()?;
            Ok((var, squares))
        });
        Ok(Self { hidden, output, dropout: Dropout::new(0.5), state: state.collect::<Result<_>>()? })
    }

    /// One pass over the rows in their order, in batches of 32. `labels` is N x 1.
    pub(crate) fn epoch(&mut self, rows: &Tensor, labels: &Tensor) -> Result<()> {
        let count = rows.dim(0)?;
        for start in (0..count).step_by(32) {
            let length = 32.min(count - start);
            let (rows, labels) = (rows.narrow(0, start, length)?, labels.narrow(0, start, length)?);
            let hidden = self.dropout.forward(&self.hidden.forward(&rows)?.relu()?, true)?;
            let logits = self.output.forward(&hidden)?;
            self.step(&loss::binary_cross_entropy_with_logit(&logits, &labels)?)?;
        }
        Ok(())
    }

    /// RMSprop with Keras 1's constants: 1e-3, 0.9, 1e-8 outside the root.
    fn step(&mut self, loss: &Tensor) -> Result<()> {
        let gradients = loss.backward()?;
        for (variable, squares) in &mut self.state {
            let Some(gradient) = gradients.get(variable.as_tensor()) else { continue };
            // Without `detach` every step's graph would hang on the next.
            *squares = ((&*squares * 0.9)? + (gradient.sqr()? * 0.1)?)?.detach();
            let step = (gradient / (squares.sqrt()? + 1e-8)?)?;
            variable.set(&(variable.as_tensor() - (step * 1e-3)?)?)?;
        }
        Ok(())
    }
}
