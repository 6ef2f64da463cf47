//! The layers of a Keras model's configuration in the order in which values pass them.

use serde_json::Value;

/// What is wrong with a configuration.
pub(crate) enum GraphError {
    /// It is no configuration of a model.
    Wrong(&'static str),
    /// Its layers are no chain.
    Branch(String),
}

/// The layers of a model, first to last: a Sequential one, or a functional one whose layers each take what the one before
/// gives.
pub(crate) fn chain(model: &Value) -> Result<&[Value], GraphError> {
    let class = model["class_name"].as_str().ok_or(GraphError::Wrong("no class_name"))?;
    let config = &model["config"];
    let layers = config.as_array().or_else(|| config["layers"].as_array());
    let layers = layers.ok_or(GraphError::Wrong("no layers"))?.as_slice();
    if class == "Sequential" {
        return Ok(layers);
    }
    // The layers of a functional model are listed in the order in which they were called.
    for (index, layer) in layers.iter().enumerate() {
        let before = index.checked_sub(1).map(|before| layer_name(&layers[before]));
        if tensors_of(&layer["inbound_nodes"]) != Vec::from_iter(before) {
            return Err(GraphError::Branch(layer_name(layer).to_owned()));
        }
    }
    let outputs = tensors_of(&config["output_layers"]);
    match (layers.last(), outputs.as_slice()) {
        // A model that is cut out of a configuration need not name its outputs.
        (_, []) => Ok(layers),
        (Some(last), [output]) if *output == layer_name(last) => Ok(layers),
        (_, [output, ..]) => Err(GraphError::Branch((*output).to_owned())),
    }
}

/// Whether a class is that of a model, which may be a layer of another one.
pub(crate) fn is_model(class: &str) -> bool {
    ["Sequential", "Functional", "Model"].contains(&class)
}

/// The shape of one input without the axis of the batch, if the configuration says it and it is fixed.
pub(crate) fn input_shape(model: &Value) -> Option<Vec<usize>> {
    let config = &model["config"];
    let layers = config.as_array().or_else(|| config["layers"].as_array())?;
    let first = layers.first()?;
    let stated = ["batch_input_shape", "batch_shape"].iter().find_map(|key| first["config"][key].as_array());
    if let Some(axes) = stated.or_else(|| config["build_input_shape"].as_array()) {
        return axes.iter().skip(1).map(as_axis).collect();
    }
    first["class_name"].as_str().is_some_and(is_model).then(|| input_shape(first)).flatten()
}

/// A layer's name.
pub(crate) fn layer_name(layer: &Value) -> &str {
    layer["config"]["name"].as_str().or(layer["name"].as_str()).unwrap_or_default()
}

pub(crate) fn as_axis(axis: &Value) -> Option<usize> {
    axis.as_u64().and_then(|axis| usize::try_from(axis).ok())
}

/// Names of the layers whose outputs occur within `value`. An output is a list of a name and two numbers, in Keras 3
/// within a `__keras_tensor__`. Other texts, such as types and functions, may be equal to the name of a layer.
fn tensors_of(value: &Value) -> Vec<&str> {
    let mut found = Vec::new();
    collect(value, &mut found);
    found
}

fn collect<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
    match value {
        Value::Array(values) => match values.as_slice() {
            [Value::String(name), Value::Number(_), Value::Number(_), more @ ..] => {
                found.push(name);
                more.iter().for_each(|value| collect(value, found));
            }
            values => values.iter().for_each(|value| collect(value, found)),
        },
        Value::Object(fields) => fields.values().for_each(|value| collect(value, found)),
        _ => {}
    }
}
