//! The layout of Keras 1.2 and 2: the root lists its layers in `layer_names`, each layer's group its tensors in
//! `weight_names`.

use std::collections::BTreeSet;

use crate::hdf5_file::{Hdf5File, join, shown};
use crate::layout::keras_root;
use crate::survey::{StoredLayer, Survey, assign};
use crate::{Error, LayerSlot, Layout};

/// The layers of the file in the order of `layer_names`, including those without parameters.
pub(crate) fn layers_of(file: &Hdf5File) -> Result<Vec<StoredLayer>, Error> {
    let root = keras_root(file)?.unwrap_or_default();
    let names = file
        .names(root, "layer_names")?
        .ok_or_else(|| file.missing_attribute("the root group", "layer_names", "the names of the layers"))?;
    refuse_repeated(file, root, "layer_names", &names)?;
    let groups = file.children(root)?.groups;
    let mut layers = Vec::new();
    for name in names {
        let place = join(root, &name);
        // A name may hold slashes, and then names a group further down.
        let first = name.split('/').next().unwrap_or_default();
        if groups.binary_search_by(|g| g.as_str().cmp(first)).is_err() {
            return Err(file.missing(&place, "the attribute layer_names"));
        }
        let weights = file.names(&place, "weight_names")?.ok_or_else(|| {
            file.missing_attribute(&place, "weight_names", "the names of the layer's tensors")
        })?;
        refuse_repeated(file, &place, "weight_names", &weights)?;
        let mut tensors = Vec::with_capacity(weights.len());
        for weight in weights {
            tensors.push(file.tensor(&join(&place, &weight), "the attribute weight_names")?);
        }
        layers.push(StoredLayer { place, name, tensors });
    }
    Ok(layers)
}

/// Refuses a list with a name twice, as Keras does for layers. Otherwise a list that repeats one layer, whose own list
/// repeats one tensor, would stand for as many tensors as the product of their lengths.
fn refuse_repeated(file: &Hdf5File, group: &str, attribute: &str, names: &[String]) -> Result<(), Error> {
    let mut seen = BTreeSet::new();
    match names.iter().find(|name| !seen.insert(name.as_str())) {
        None => Ok(()),
        Some(repeated) => Err(Error::WrongAttribute {
            path: file.path().to_owned(),
            object: shown(group).to_owned(),
            attribute: attribute.to_owned(),
            expected: "a list of different names",
            found: format!("{repeated} more than once"),
        }),
    }
}

pub(crate) fn survey(file: &Hdf5File, slots: &[LayerSlot]) -> Result<Survey, Error> {
    Ok(assign(layers_of(file)?, slots, Layout::Keras))
}
