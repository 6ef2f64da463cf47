//! The layout of Keras 3: `layers/{class}_{n}/vars/{i}`, where class is the layer's class in snake case and n
//! counts the layers of that class in their order, from nothing, then 1.
//!
//! Keras 3 of today gives the group `vars` the attribute `name`, the layer's own name; older ones do not. Keras 2.13
//! wrote `_layer_checkpoint_dependencies` in place of `layers`.

use hdf5::AttrValue;

use crate::Error;
use crate::hdf5_file::{Hdf5File, join};
use crate::survey::StoredLayer;

/// The layers that have parameters: container by container, and within one by class, then by the number in the name.
pub(crate) fn layers_of(file: &Hdf5File) -> Result<Vec<StoredLayer>, Error> {
    let mut layers = Vec::new();
    // What an optimizer and metrics keep belongs to no layer.
    let groups = file.walk("", &|group| group != "optimizer" && group != "metrics")?;
    for (group, mut datasets) in groups {
        let Some(place) = group.strip_suffix("/vars") else { continue };
        if datasets.is_empty() {
            continue;
        }
        datasets.sort_by_key(|name| number(name));
        // Without the first tensor the second would be taken for it.
        if let Some(missing) = (0..datasets.len() as u64).zip(&datasets).find(|(n, name)| number(name) != *n)
        {
            let (next, found) = (join(&group, &missing.0.to_string()), join(&group, missing.1));
            return Err(file.missing(&next, &format!("{found}, which would follow it,")));
        }
        let mut tensors = Vec::with_capacity(datasets.len());
        for dataset in &datasets {
            tensors.push(file.tensor(&join(&group, dataset), "its group")?);
        }
        let given = file.attributes(&group)?.get("name").and_then(AttrValue::as_str).map(str::to_owned);
        let last = place.rsplit('/').next().unwrap_or(place);
        layers.push(StoredLayer {
            place: place.to_owned(),
            name: given.unwrap_or_else(|| last.to_owned()),
            tensors,
        });
    }
    layers.sort_by_cached_key(|layer| {
        let (container, last) = layer.place.rsplit_once('/').unwrap_or(("", &layer.place));
        let (class, number) = class_and_number(last);
        (container.to_owned(), class.to_owned(), number)
    });
    Ok(layers)
}

/// `conv2d_12` is the class conv2d and 12, `conv2d` is conv2d and 0.
pub(crate) fn class_and_number(name: &str) -> (&str, u64) {
    match name.rsplit_once('_') {
        Some((class, digits)) if !class.is_empty() => {
            digits.parse().map_or((name, 0), |number| (class, number))
        }
        _ => (name, 0),
    }
}

/// Datasets of `vars` are numbered; any other name comes last.
fn number(name: &str) -> u64 {
    name.parse().unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_split_off_class_names() {
        assert_eq!(class_and_number("conv2d"), ("conv2d", 0));
        assert_eq!(class_and_number("conv2d_12"), ("conv2d", 12));
        assert_eq!(class_and_number("batch_normalization_3"), ("batch_normalization", 3));
        assert_eq!(class_and_number("block1_conv1"), ("block1_conv1", 0));
        assert_eq!(class_and_number("_1"), ("_1", 0));
    }
}
