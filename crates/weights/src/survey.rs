//! The parameters of a network found in a file, none of them read yet.

use crate::adapter::KernelAxes;
use crate::stored::StoredTensor;
use crate::{ConvolutionSlot, Layout};

/// What a layout found for each slot, and what it found besides.
pub(crate) struct Survey {
    pub(crate) layout: Layout,
    pub(crate) axes: KernelAxes,
    /// One for each slot, in their order.
    pub(crate) located: Vec<Located>,
    /// Tensors that no slot asked for.
    pub(crate) others: Vec<StoredTensor>,
}

/// What the file holds for one slot.
#[derive(Clone)]
pub(crate) struct Located {
    /// Where in the file it was looked for.
    pub(crate) place: String,
    pub(crate) kernel: Option<StoredTensor>,
    pub(crate) bias: Option<StoredTensor>,
}

/// A layer of the file: its name there, the name that its author gave it, and its tensors in stored order.
pub(crate) struct StoredLayer {
    pub(crate) place: String,
    pub(crate) name: String,
    pub(crate) tensors: Vec<StoredTensor>,
}

impl StoredLayer {
    fn is_convolution(&self) -> bool {
        self.tensors.first().is_some_and(|t| t.shape.len() == 4)
    }

    /// Takes kernel and bias; further tensors, which a convolution has not, go to `others`.
    pub(crate) fn into_located(self, others: &mut Vec<StoredTensor>) -> Located {
        let mut tensors = self.tensors.into_iter();
        let (kernel, bias) = (tensors.next(), tensors.next());
        others.extend(tensors);
        Located { place: self.place, kernel, bias }
    }
}

/// Gives the layers of a Keras file to the slots: by name where the file uses any of the network's names, else by
/// order among its convolutions, for people name layers as they like.
pub(crate) fn assign(
    layers: Vec<StoredLayer>,
    slots: &[ConvolutionSlot],
) -> (Vec<Located>, Vec<StoredTensor>) {
    let by_name = layers.iter().any(|layer| slots.iter().any(|slot| slot.name == layer.name));
    let mut located: Vec<Option<Located>> = vec![None; slots.len()];
    let mut others = Vec::new();
    let mut next = 0;
    for layer in layers {
        let place = if by_name {
            slots.iter().position(|slot| slot.name == layer.name)
        } else if layer.is_convolution() {
            next += 1;
            Some(next - 1)
        } else {
            None
        };
        match place {
            Some(place) if located.get(place).is_some_and(Option::is_none) => {
                located[place] = Some(layer.into_located(&mut others));
            }
            _ => others.extend(layer.tensors),
        }
    }
    let located = located
        .into_iter()
        .zip(slots)
        .enumerate()
        .map(|(i, (found, slot))| {
            found.unwrap_or_else(|| Located {
                place: if by_name { slot.name.clone() } else { format!("convolution {} of the file", i + 1) },
                kernel: None,
                bias: None,
            })
        })
        .collect();
    (located, others)
}
