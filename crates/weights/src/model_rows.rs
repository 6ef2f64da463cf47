//! The order of the rows of a model's first kernel.

use std::path::Path;

use crate::error::Shape;
use crate::{Error, FlattenOrder, Model};

/// Reorders the rows of the first kernel. With `check` its shape is checked even if nothing moves.
pub(crate) fn reorder(
    path: &Path,
    model: &mut Model,
    from: FlattenOrder,
    to: FlattenOrder,
    check: bool,
) -> Result<(), Error> {
    let Some(first) = model.layers.first_mut() else { return Ok(()) };
    if from == to && !check {
        return Ok(());
    }
    let row_shape = model.metadata.row_shape.as_slice();
    let unknown = || Error::UnknownRowShape {
        path: path.to_owned(),
        layer: first.name.clone(),
        found: row_shape.to_vec(),
    };
    let row_shape: [usize; 3] = row_shape.try_into().map_err(|_| unknown())?;
    first.kernel = from.permuted(&first.kernel, row_shape, to).map_err(|_| Error::Unsupported {
        path: path.to_owned(),
        expected: "a first kernel with a row for each value of a feature map",
        found: format!("{}: a kernel {} for {}", first.name, Shape(&first.kernel.shape), Shape(&row_shape)),
    })?;
    Ok(())
}
