//! A named tensor's content: a shape and its values.

use crate::Error;

/// A dense array of f32 in C order (the last axis varies fastest).
#[derive(Clone, Debug, PartialEq)]
pub struct Array {
    /// Length of each axis; empty for a scalar.
    pub shape: Vec<usize>,
    /// The values, as many as the product of `shape`.
    pub values: Vec<f32>,
}

impl Array {
    /// An array of `shape` that holds `values`.
    ///
    /// # Errors
    /// [`Error::ArrayLength`] if the product of `shape` is not the number of values, or overflows.
    pub fn new(shape: Vec<usize>, values: Vec<f32>) -> Result<Self, Error> {
        match element_count(&shape) {
            Some(count) if count == values.len() => Ok(Self { shape, values }),
            _ => Err(Error::ArrayLength { shape, values: values.len() }),
        }
    }

    /// Position (in C order) and value of the first NaN or infinity.
    pub(crate) fn first_not_finite(&self) -> Option<(usize, f32)> {
        let index = self.values.iter().position(|v| !v.is_finite())?;
        Some((index, self.values[index]))
    }
}

/// Product of the axes; `None` on overflow.
pub(crate) fn element_count(shape: &[usize]) -> Option<usize> {
    shape.iter().try_fold(1usize, |product, &axis| product.checked_mul(axis))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn length_must_be_the_product_of_the_axes() {
        assert!(Array::new(vec![2, 3], vec![0.0; 6]).is_ok());
        assert!(Array::new(vec![], vec![1.0]).is_ok());
        assert!(matches!(Array::new(vec![2, 3], vec![0.0; 5]), Err(Error::ArrayLength { values: 5, .. })));
    }

    #[test]
    fn a_shape_that_overflows_is_refused() {
        assert!(matches!(Array::new(vec![usize::MAX, 2], vec![]), Err(Error::ArrayLength { .. })));
    }
}
