//! From rows of features to probabilities as nodes of ONNX.

use headstart_weights::{Activation, HeadLayer, KnownImages, OnnxAttribute, OnnxGraph, OnnxValue};

use super::network::hard_sigmoid;
use super::parts::RowLayer;

/// Adds a head. The result are the probabilities of the classes, as [`headstart_head::predict`] gives them.
pub(super) fn probabilities<'a>(
    graph: &mut OnnxGraph<'a>,
    rows: &OnnxValue,
    layers: &'a [RowLayer],
) -> OnnxValue {
    let mut values = rows.clone();
    let mut units = 0;
    for (at, layer) in layers.iter().enumerate() {
        let RowLayer::Dense(HeadLayer { name, kernel, bias }, activation) = layer else { continue };
        units = kernel.shape.last().copied().unwrap_or_default();
        let weights = graph.floats(&format!("{name}.kernel"), &kernel.shape, &kernel.values[..]);
        values = match bias {
            Some(bias) => {
                let bias = graph.floats(&format!("{name}.bias"), &bias.shape, &bias.values[..]);
                graph.node("Gemm", name, &[&values, &weights, &bias], &[])
            }
            None => graph.node("MatMul", name, &[&values, &weights], &[]),
        };
        // The probabilities are made of the last layer's values before its activation.
        if at + 1 < layers.len() {
            values = activated(graph, name, values, *activation);
        }
    }
    let axis = ("axis", OnnxAttribute::Int(1));
    if units == 1 {
        let opposite = graph.node("Neg", "opposite", &[&values], &[]);
        let both = graph.node("Concat", "logits", &[&opposite, &values], &[axis]);
        return graph.node("Sigmoid", "probabilities", &[&both], &[]);
    }
    graph.node("Softmax", "probabilities", &[&values], &[axis])
}

/// How far rows are from the known images, in multiples of the distance of an unknown one.
pub(super) fn novelty<'a>(graph: &mut OnnxGraph<'a>, rows: &OnnxValue, known: &'a KnownImages) -> OnnxValue {
    let KnownImages { class_means, rule } = known;
    let [classes, row] = [0, 1].map(|axis| class_means.shape[axis]);
    let columns = (0..row).flat_map(|value| (0..classes).map(move |class| class * row + value));
    let columns: Vec<f32> = columns.map(|at| class_means.values[at]).collect();
    let means = graph.floats("class_means", &[row, classes], columns);
    let over = |keep| [("axes", OnnxAttribute::Ints(vec![1])), ("keepdims", OnnxAttribute::Int(keep))];
    let products = graph.node("MatMul", "products", &[rows, &means], &[]);
    let length = graph.node("ReduceL2", "length", &[rows], &over(1));
    // A row of zeros is like nothing, and not divided by 0.
    let least = graph.floats("least_length", &[], vec![f32::MIN_POSITIVE]);
    let length = graph.node("Max", "divisor", &[&length, &least], &[]);
    let similarities = graph.node("Div", "similarities", &[&products, &length], &[]);
    let nearest = graph.node("ReduceMax", "nearest", &[&similarities], &over(0));
    let one = graph.floats("one", &[], vec![1.0]);
    let distance = graph.node("Sub", "distance", &[&one, &nearest], &[]);
    let unknown = graph.floats("unknown", &[], vec![rule.distance.max(f64::from(f32::MIN_POSITIVE)) as f32]);
    graph.node("Div", "novelty", &[&distance, &unknown], &[])
}

fn activated(graph: &mut OnnxGraph<'_>, layer: &str, x: OnnxValue, activation: Activation) -> OnnxValue {
    let name = format!("{layer}.activation");
    let alpha = |value| ("alpha", OnnxAttribute::Float(value));
    match activation {
        Activation::Linear => x,
        Activation::Relu => graph.node("Relu", &name, &[&x], &[]),
        Activation::Sigmoid => graph.node("Sigmoid", &name, &[&x], &[]),
        Activation::Softmax => graph.node("Softmax", &name, &[&x], &[("axis", OnnxAttribute::Int(-1))]),
        Activation::Tanh => graph.node("Tanh", &name, &[&x], &[]),
        Activation::Elu => graph.node("Elu", &name, &[&x], &[alpha(1.0)]),
        // Selu and Softsign have operators, which some runtimes lack.
        Activation::Selu => {
            let scale = graph.floats(&format!("{layer}.scale"), &[], vec![1.050_701]);
            let elu = graph.node("Elu", &format!("{layer}.elu"), &[&x], &[alpha(1.673_263_2)]);
            graph.node("Mul", &name, &[&elu, &scale], &[])
        }
        Activation::Softplus => graph.node("Softplus", &name, &[&x], &[]),
        Activation::Softsign => {
            let one = graph.floats(&format!("{layer}.one"), &[], vec![1.0]);
            let size = graph.node("Abs", &format!("{layer}.size"), &[&x], &[]);
            let divisor = graph.node("Add", &format!("{layer}.divisor"), &[&size, &one], &[]);
            graph.node("Div", &name, &[&x, &divisor], &[])
        }
        Activation::HardSigmoid => hard_sigmoid(graph, &name, &x),
        Activation::Exponential => graph.node("Exp", &name, &[&x], &[]),
        Activation::Silu => {
            let gate = graph.node("Sigmoid", &format!("{layer}.gate"), &[&x], &[]);
            graph.node("Mul", &name, &[&x, &gate], &[])
        }
        // x Phi(x), Phi(x) = (1 + erf(x / sqrt(2))) / 2.
        Activation::Gelu => {
            let root = graph.floats(&format!("{layer}.root"), &[], vec![std::f32::consts::SQRT_2]);
            let one = graph.floats(&format!("{layer}.one"), &[], vec![1.0]);
            let half = graph.floats(&format!("{layer}.half"), &[], vec![0.5]);
            let scaled = graph.node("Div", &format!("{layer}.scaled"), &[&x, &root], &[]);
            let erf = graph.node("Erf", &format!("{layer}.erf"), &[&scaled], &[]);
            let sum = graph.node("Add", &format!("{layer}.sum"), &[&erf, &one], &[]);
            let product = graph.node("Mul", &format!("{layer}.product"), &[&x, &sum], &[]);
            graph.node("Mul", &name, &[&product, &half], &[])
        }
    }
}
