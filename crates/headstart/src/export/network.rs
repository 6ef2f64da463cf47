//! A network's layers as nodes of ONNX.

use headstart_backbone::{Activation, FoldedConvolution, FoldedNetwork, FoldedOperation, Window};
use headstart_weights::{OnnxAttribute, OnnxGraph, OnnxValue};

/// Adds a network on images of a height and width. The result are its maps.
pub(super) fn add<'a>(
    graph: &mut OnnxGraph<'a>,
    network: &'a FoldedNetwork,
    images: &OnnxValue,
    size: [usize; 2],
) -> OnnxValue {
    // Each result with its height and width, on which the padding of some windows depends.
    let mut results = vec![(images.clone(), size)];
    for layer in &network.layers {
        let [first, second] = [0, 1].map(|read| layer.reads.get(read).copied().unwrap_or(layer.reads[0]));
        let ((from, size), (other, _)) = (&results[first], &results[second]);
        let name = layer.name.as_str();
        let on = |window: &Window| window.outputs(size[0], size[1]).unwrap_or_default();
        let result = match &layer.operation {
            FoldedOperation::Convolution(convolution) => {
                (self::convolution(graph, name, from, *size, convolution), on(&convolution.window))
            }
            FoldedOperation::MaxPool(window) => {
                (graph.node("MaxPool", name, &[from], &attributes(window, *size)), on(window))
            }
            FoldedOperation::GlobalAverage => (graph.node("GlobalAveragePool", name, &[from], &[]), [1; 2]),
            FoldedOperation::Add(activation) => {
                let sum = graph.node("Add", name, &[from, other], &[]);
                (activated(graph, name, sum, *activation), *size)
            }
            FoldedOperation::Multiply => (graph.node("Mul", name, &[from, other], &[]), *size),
            // Every kind of layer that there is has a test.
            other => unreachable!("{name}: ONNX is not told of {other:?}"),
        };
        results.push(result);
    }
    results.swap_remove(results.len() - 1).0
}

fn convolution<'a>(
    graph: &mut OnnxGraph<'a>,
    name: &str,
    from: &OnnxValue,
    size: [usize; 2],
    convolution: &'a FoldedConvolution,
) -> OnnxValue {
    let FoldedConvolution { shape, groups, window, activation, kernel, bias, .. } = convolution;
    let kernel = graph.floats(&format!("{name}.kernel"), shape, &kernel[..]);
    let bias = graph.floats(&format!("{name}.bias"), &shape[..1], &bias[..]);
    let mut settings = attributes(window, size).to_vec();
    settings.push(("group", OnnxAttribute::Int(*groups as i64)));
    let sums = graph.node("Conv", name, &[from, &kernel, &bias], &settings);
    activated(graph, name, sums, *activation)
}

/// What nodes say of a window on maps of a size.
fn attributes(window: &Window, [height, width]: [usize; 2]) -> [(&'static str, OnnxAttribute); 3] {
    let ints = |values: &[usize]| OnnxAttribute::Ints(values.iter().map(|&value| value as i64).collect());
    [
        ("kernel_shape", ints(&window.size)),
        ("strides", ints(&window.stride)),
        ("pads", ints(&window.padding(height, width))),
    ]
}

fn activated(graph: &mut OnnxGraph<'_>, layer: &str, maps: OnnxValue, activation: Activation) -> OnnxValue {
    let name = format!("{layer}.activation");
    let gate = format!("{layer}.gate");
    match activation {
        Activation::Relu => graph.node("Relu", &name, &[&maps], &[]),
        Activation::Relu6 => {
            let zero = graph.floats(&format!("{layer}.least"), &[], vec![0.0]);
            let six = graph.floats(&format!("{layer}.most"), &[], vec![6.0]);
            graph.node("Clip", &name, &[&maps, &zero, &six], &[])
        }
        Activation::Silu => {
            let gate = graph.node("Sigmoid", &gate, &[&maps], &[]);
            graph.node("Mul", &name, &[&maps, &gate], &[])
        }
        // The operator HardSwish is younger than the operators that are asked for.
        Activation::HardSwish => {
            let gate = hard_sigmoid(graph, &gate, &maps);
            graph.node("Mul", &name, &[&maps, &gate], &[])
        }
        Activation::Sigmoid => graph.node("Sigmoid", &name, &[&maps], &[]),
        Activation::HardSigmoid => hard_sigmoid(graph, &name, &maps),
        Activation::Linear => maps,
        other => unreachable!("{layer}: ONNX is not told of {other:?}"),
    }
}

/// min(max(x + 3, 0), 6) / 6.
pub(super) fn hard_sigmoid(graph: &mut OnnxGraph<'_>, name: &str, values: &OnnxValue) -> OnnxValue {
    let constants = [("alpha", OnnxAttribute::Float(1.0 / 6.0)), ("beta", OnnxAttribute::Float(0.5))];
    graph.node("HardSigmoid", name, &[values], &constants)
}
