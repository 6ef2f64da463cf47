//! Layers without weights: which of them change nothing when a head predicts.

/// Classes of layers that give what they take, or lay it out flat, when a model predicts; in snake case, as Keras names
/// groups of files after them.
const HARMLESS: [&str; 12] = [
    "activity_regularization",
    "alpha_dropout",
    "dropout",
    "flatten",
    "gaussian_dropout",
    "gaussian_noise",
    "identity",
    "input",
    "input_layer",
    "spatial_dropout1d",
    "spatial_dropout2d",
    "spatial_dropout3d",
];

/// Classes of layers without weights that a head applies where the whole model says what they do.
const APPLIED: [&str; 5] = ["activation", "elu", "re_lu", "reshape", "softmax"];

/// What to do with a file of weights that does not tell enough about the network.
pub(crate) const SAVE_WHOLE: &str = "weights alone do not tell more: save the whole model in Keras (model.save(\"head.keras\")) and use that file";

/// What to do about a layer without weights: weights alone do not say where it stands and what it does.
pub(crate) fn advice(class: &str) -> &'static str {
    if APPLIED.contains(&class) { SAVE_WHOLE } else { "headstart has no such layer" }
}

/// Names that people give to such layers.
const USUAL: [&str; 4] = ["drop", "flat", "inputs", "noise"];

/// Whether a layer of this class changes no value when a model predicts.
pub(crate) fn is_harmless_class(class: &str) -> bool {
    HARMLESS.contains(&class)
}

/// Whether a layer's name is one that Keras or people give to such a layer: `flatten_1`, `dropout`, `drop2`.
pub(crate) fn is_harmless_name(name: &str) -> bool {
    let stem = name.trim_end_matches(|c: char| c.is_ascii_digit()).trim_end_matches('_').to_lowercase();
    [stem.as_str(), name].iter().any(|name| is_harmless_class(name) || USUAL.contains(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_keras_and_of_people_are_known_and_others_are_not() {
        for name in ["flatten", "flatten_1", "dropout_12", "drop2", "Flatten", "input_1", "input_layer_3"] {
            assert!(is_harmless_name(name), "{name}");
        }
        for name in ["rescaling", "re_lu_1", "softmax", "reshape_2", "activation_1", "lambda", "features", ""]
        {
            assert!(!is_harmless_name(name), "{name}");
        }
    }
}
