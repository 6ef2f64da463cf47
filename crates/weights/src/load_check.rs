//! Whether a file holds the parameters of a network, judged by names and shapes alone.

use std::collections::BTreeSet;
use std::path::Path;

use crate::adapter::KernelAxes;
use crate::error::{ShapeHint, list};
use crate::stored::StoredTensor;
use crate::survey::{Located, Survey};
use crate::{Error, LayerSlot, ParameterSlot};

/// Every parameter is there in the right shape, and the file is not that of a larger network.
pub(crate) fn check(path: &Path, slots: &[LayerSlot], survey: &Survey) -> Result<(), Error> {
    for (slot, located) in needed(slots, survey) {
        for (parameter, located) in slot.parameters.iter().zip(located) {
            check_parameter(path, slots, survey, (slot, parameter), located)?;
        }
    }
    check_size(path, slots, survey)
}

/// The slots that the network needs, and what the file has for them.
pub(crate) fn needed<'a>(
    slots: &'a [LayerSlot],
    survey: &'a Survey,
) -> impl Iterator<Item = (&'a LayerSlot, &'a [Located])> {
    let all = slots.iter().zip(survey.located.iter().map(Vec::as_slice));
    all.filter(|(slot, _)| slot.is_needed)
}

fn check_parameter(
    path: &Path,
    slots: &[LayerSlot],
    survey: &Survey,
    (slot, wanted): (&LayerSlot, &ParameterSlot),
    located: &Located,
) -> Result<(), Error> {
    let expected = survey.axes.stored_shape(wanted.parameter, &wanted.shape);
    let (path, layer, parameter) = (path.to_owned(), slot.name.clone(), wanted.parameter);
    match &located.tensor {
        None => Err(Error::MissingParameter {
            path,
            layer,
            place: located.place.clone(),
            parameter,
            expected: expected.into(),
            found: holdings(slots, survey, slot).into(),
        }),
        Some(tensor) if tensor.shape != expected => Err(Error::WrongShape {
            path,
            layer,
            dataset: tensor.name.clone(),
            parameter,
            hint: hint(survey.axes, wanted, &tensor.shape),
            expected: expected.into(),
            found: tensor.shape.clone().into(),
        }),
        Some(_) => Ok(()),
    }
}

/// A deeper network can hold every name of a shallower one, in the right shapes.
fn check_size(path: &Path, slots: &[LayerSlot], survey: &Survey) -> Result<(), Error> {
    let sizes = kernel_sizes(slots);
    let extra: Vec<&StoredTensor> =
        survey.others.iter().filter(|tensor| is_kernel(survey.axes, tensor, &sizes)).collect();
    let Some(first) = extra.first() else { return Ok(()) };
    let expected = convolutions(slots).count();
    Err(Error::OtherNetwork {
        path: path.to_owned(),
        expected,
        found: expected + extra.len(),
        extra: first.name.clone(),
    })
}

fn convolutions(slots: &[LayerSlot]) -> impl Iterator<Item = &ParameterSlot> {
    let needed = slots.iter().filter(|slot| slot.is_needed);
    needed.flat_map(|slot| &slot.parameters).filter(|parameter| parameter.is_convolution())
}

/// Heights and widths of the network's kernels.
fn kernel_sizes(slots: &[LayerSlot]) -> BTreeSet<[usize; 2]> {
    convolutions(slots)
        .filter_map(|slot| match slot.shape.as_slice() {
            &[_, _, height, width] => Some([height, width]),
            _ => None,
        })
        .collect()
}

fn is_kernel(axes: KernelAxes, tensor: &StoredTensor, sizes: &BTreeSet<[usize; 2]>) -> bool {
    axes.kernel_size(&tensor.shape).is_some_and(|size| sizes.contains(&size))
}

/// What a parameter of the wrong shape suggests.
fn hint(axes: KernelAxes, slot: &ParameterSlot, found: &[usize]) -> ShapeHint {
    let opposite = axes.opposite();
    if !slot.is_convolution() || found != opposite.stored_shape(slot.parameter, &slot.shape) {
        return ShapeHint::OtherNetwork;
    }
    match opposite {
        KernelAxes::OutInHeightWidth => ShapeHint::ChannelsFirst,
        KernelAxes::HeightWidthInOut => ShapeHint::ChannelsLast,
    }
}

/// What else is missing, apart from a parameter of `missing`, and the convolutions that the file does hold.
fn holdings(slots: &[LayerSlot], survey: &Survey, missing: &LayerSlot) -> String {
    let lacks = |located: &[Located]| located.iter().any(|located| located.tensor.is_none());
    let also: Vec<String> = needed(slots, survey)
        .filter(|(slot, located)| slot.name != missing.name && lacks(located))
        .map(|(slot, _)| slot.name.clone())
        .collect();
    let others = match also.len() {
        0 => String::new(),
        1 => format!("{} is missing too; ", also[0]),
        _ => format!("{} are missing too; ", list(&also, 4)),
    };
    let sizes = kernel_sizes(slots);
    let located = survey.located.iter().flatten().filter_map(|located| located.tensor.as_ref());
    let kernels: Vec<String> = located
        .chain(&survey.others)
        .filter(|tensor| is_kernel(survey.axes, tensor, &sizes))
        .map(|tensor| tensor.name.clone())
        .collect();
    match kernels.len() {
        0 => format!("{others}the file holds no convolution"),
        1 => format!("{others}the file holds one convolution ({})", kernels[0]),
        n => format!("{others}the file holds {n} convolutions ({})", list(&kernels, 20)),
    }
}
