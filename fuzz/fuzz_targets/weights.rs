//! A weight or head file of any bytes, read in every way: the legacy importer, the other layouts, heads, models, the
//! description.
#![no_main]

use std::sync::LazyLock;

use headstart_fuzz::Folder;
use headstart_weights::{
    KernelConvention, LayerSlot, LoadOptions, describe, legacy, load_head, load_layers, load_model,
};
use libfuzzer_sys::fuzz_target;

static FOLDER: LazyLock<Folder> = LazyLock::new(Folder::new);

/// The network that the goldens of tests/golden/weights are of.
static SLOTS: LazyLock<[LayerSlot; 3]> = LazyLock::new(|| {
    [
        ("block1_conv1", [3, 2, 3, 3], 1, "features.0"),
        ("block1_conv2", [4, 3, 3, 3], 3, "features.2"),
        ("block2_conv1", [5, 4, 3, 3], 6, "features.5"),
    ]
    .map(|(name, kernel, legacy_layer, module)| LayerSlot::convolution(name, kernel, legacy_layer, module))
});

fuzz_target!(|bytes: &[u8]| {
    let path = FOLDER.write("fuzzed", bytes);
    let options = LoadOptions::default().with_kernel_convention(KernelConvention::Convolution);
    if let Ok(loaded) = load_layers(&path, SLOTS.as_slice(), &options) {
        assert_eq!(loaded.layers.len(), SLOTS.len());
        for (slot, layer) in SLOTS.iter().zip(&loaded.layers) {
            for wanted in &slot.parameters {
                let array = layer.array(wanted.parameter).expect("every parameter of the slot");
                assert_eq!(array.shape, wanted.shape);
                assert!(array.values.iter().all(|value| value.is_finite()));
            }
        }
    }
    for layer in legacy::read(&path).unwrap_or_default() {
        for array in layer.parameters {
            assert_eq!(array.values.len(), array.shape.iter().product::<usize>());
        }
    }
    for layer in load_head(&path).unwrap_or_default() {
        assert_eq!(layer.kernel.shape.len(), 2);
    }
    if let Ok(model) = load_model(&path) {
        assert!(model.layers.iter().all(|layer| layer.kernel.shape.len() == 2));
    }
    let _ = describe(&path);
});
