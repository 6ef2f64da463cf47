//! Models written in any of the layouts of a head.

use std::path::Path;

use crate::head_writer::{check_head_path, save_keras};
use crate::model_rows::reorder;
use crate::{Error, FlattenOrder, IfExists, Model, model_file};

/// [`export_model`] with rows in our own order.
///
/// # Errors
/// As [`export_model`].
pub fn save_model(path: &Path, model: &Model, if_exists: IfExists) -> Result<(), Error> {
    export_model(path, model, FlattenOrder::ChannelsFirst, if_exists)
}

/// Writes a model. The suffix of `path` chooses the layout: `.safetensors` is headstart's own, which any safetensors
/// library opens (tensors `dense_1/kernel` (in, out), `dense_1/bias`; the description in `__metadata__`); `.h5`,
/// `.hdf5` and `.weights.h5` are [`save_head`](crate::save_head)'s, with the description in the attribute `headstart` of
/// the root, which Keras does not look at.
///
/// Each of them holds everything, so converting there and back gives the same bytes, and so does the same model. The file
/// is whole under its name or not there.
///
/// `flatten_order` is the order of the first kernel's rows in the file: channels-last for a Keras model whose feature
/// maps are (height, width, channels). A `.safetensors` is always channels-first. The rows of a model that says that it
/// takes pooled features have no order, so nothing moves.
///
/// # Errors
/// [`Error::UnknownRowShape`] if rows must be reordered and the model has no `row_shape` of three axes;
/// [`Error::Unsupported`] if that shape is not the first kernel's, or channels-last is asked for in `.safetensors`; and
/// what [`save_head`](crate::save_head) returns.
pub fn export_model(
    path: &Path,
    model: &Model,
    flatten_order: FlattenOrder,
    if_exists: IfExists,
) -> Result<(), Error> {
    if is_safetensors(path) {
        if flatten_order == FlattenOrder::ChannelsFirst {
            return model_file::write(path, model, if_exists);
        }
        return Err(Error::Unsupported {
            path: path.to_owned(),
            expected: "rows in the order channels, height, width, as in every .safetensors model",
            found: "a request for height, width, channels".to_owned(),
        });
    }
    let flatten_order = if model.metadata.is_pooled() { FlattenOrder::default() } else { flatten_order };
    let mut model = model.clone();
    reorder(path, &mut model, FlattenOrder::ChannelsFirst, flatten_order, false)?;
    save_keras(path, &model.layers, &model.layer_names, &model.metadata, flatten_order, if_exists)
}

/// Checks before training what [`save_model`] would refuse after it, as [`check_head_path`] does.
///
/// # Errors
/// [`Error::UnknownSuffix`] and [`Error::File`].
pub fn check_model_path(path: &Path, if_exists: IfExists) -> Result<(), Error> {
    if is_safetensors(path) {
        Ok(headstart_files::check_writable(path, if_exists)?)
    } else {
        check_head_path(path, if_exists)
    }
}

fn is_safetensors(path: &Path) -> bool {
    path.extension().is_some_and(|suffix| suffix.eq_ignore_ascii_case("safetensors"))
}
